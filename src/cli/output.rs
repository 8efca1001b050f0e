//! What `sync` shows: progress bars and a table on a terminal, log lines elsewhere, objects where JSON is asked for.

use std::io::{IsTerminal, Write};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use comfy_table::{Attribute, Cell, Color, ContentArrangement, Table, presets};
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::json;
use tombolo_model::{NoProgress, ProgressSink};

use crate::daemon::Log;
use crate::ledger::StateName;
use crate::sync::{Line, Observer, Summary, Trouble, TroubleKind};

/// How results are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Form {
    json: bool,
    dry_run: bool,
    /// Whether standard error is a terminal, where progress is shown.
    live: bool,
}

impl Form {
    pub(crate) fn of(json: bool, dry_run: bool) -> Self {
        Self {
            json,
            dry_run,
            live: std::io::stderr().is_terminal(),
        }
    }

    /// On a terminal, bars and tables tell what log lines tell elsewhere.
    pub(crate) fn default_log_level(self) -> tracing::Level {
        if self.live {
            tracing::Level::WARN
        } else {
            tracing::Level::INFO
        }
    }
}

/// Prints to standard output; a reader that has gone away is no error.
pub(crate) fn print(text: &str) {
    let _ = std::io::stdout().write_all(text.as_bytes());
    let _ = std::io::stdout().flush();
}

/// Text that others may have had a hand in, for a terminal: without what steers one or turns text around.
pub(crate) fn harmless(text: &str) -> String {
    let turns = |c: char| matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}');
    text.chars()
        .filter(|c| *c == '\n' || !(c.is_control() || turns(*c)))
        .collect()
}

/// The console as observer of a run.
pub(crate) struct Console {
    form: Form,
    quiet: bool,
    bars: MultiProgress,
    lines: Mutex<Vec<Line>>,
}

impl Console {
    pub(crate) fn new(form: Form, quiet: bool) -> Self {
        let target = if form.live && !quiet {
            ProgressDrawTarget::stderr()
        } else {
            ProgressDrawTarget::hidden()
        };
        Self {
            form,
            quiet,
            bars: MultiProgress::with_draw_target(target),
            lines: Mutex::default(),
        }
    }

    /// Says something in passing, on standard error.
    pub(crate) fn tell(&self, message: &str) {
        if !self.quiet {
            self.bars.suspend(|| complain!("{}", harmless(message)));
        }
    }

    /// Shows the end of a run; without a summary it ended early.
    pub(crate) fn finish(&self, summary: Option<&Summary>) {
        let _ = self.bars.clear();
        let lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        if self.form.json {
            if let Some(summary) = summary {
                let sources = summary.readers.iter().map(|(account, reader)| {
                    json!({ "account": account, "reader": reader.name, "why": reader.why,
                            "completeness": reader.completeness.to_string() })
                });
                let last = json!({ "summary": summary.counts, "sources": sources.collect::<Vec<_>>(), "troubles": summary.troubles });
                print(&format!("{last}\n"));
            }
            return;
        }
        if self.form.dry_run {
            for line in lines.iter() {
                print(&format!("{}\n", harmless(&super::shown::plan(line))));
            }
        } else if !self.quiet {
            let (told, crowds) = crowds_apart(&lines);
            if !told.is_empty() {
                print(&outcome(&told));
            }
            for (reason, number) in crowds {
                print(&format!("{number} more wait: {}\n", harmless(reason)));
            }
        }
        if let Some(summary) = summary.filter(|_| !self.quiet) {
            print(&format!("{}\n", closing(summary, self.form.dry_run)));
        }
    }
}

/// Apart from what is worth a row each: posts that wait in numbers, for one and the same reason.
fn crowds_apart(lines: &[Line]) -> (Vec<&Line>, Vec<(&str, usize)>) {
    const CROWD: usize = 4;
    let waits = |line: &Line| line.state == StateName::Waiting;
    let mut reasons: Vec<(&str, usize)> = Vec::new();
    for reason in lines
        .iter()
        .filter(|line| waits(line))
        .filter_map(|line| line.reason.as_deref())
    {
        match reasons.iter_mut().find(|(known, _)| *known == reason) {
            Some((_, number)) => *number += 1,
            None => reasons.push((reason, 1)),
        }
    }
    reasons.retain(|(_, number)| *number >= CROWD);
    let in_crowd = |line: &&Line| {
        waits(line)
            && reasons
                .iter()
                .any(|(reason, _)| Some(*reason) == line.reason.as_deref())
    };
    (lines.iter().filter(|line| !in_crowd(line)).collect(), reasons)
}

/// What went where: a table where there is room for whole addresses, else a paragraph each.
pub(crate) fn outcome(lines: &[&Line]) -> String {
    const ROOM_FOR_A_TABLE: u16 = 125;
    let table = table(lines);
    let roomy = table.width().is_none_or(|width| width >= ROOM_FOR_A_TABLE);
    if roomy {
        return format!("{table}\n");
    }
    let mut text = String::new();
    for line in lines {
        let title = harmless(line.title.as_deref().unwrap_or("(no title)"));
        text.push_str(&format!("{}  {title} → {}\n", line.state, line.to));
        for row in rows(line) {
            text.push_str(&format!("    {}\n", harmless(&row)));
        }
    }
    text
}

/// Addresses of original and copies, and what else there is to say.
fn rows(line: &Line) -> Vec<String> {
    let mut rows = vec![line.link.clone().unwrap_or_else(|| line.post.clone())];
    rows.extend(
        line.copies
            .iter()
            .map(|copy| format!("→ {}", copy.url.as_deref().unwrap_or(&copy.uri))),
    );
    rows.extend(line.reason.clone());
    if let Some(at) = line.not_before.filter(|_| line.plan.is_none()) {
        rows.push(format!("looked at again from {}", at.format("%Y-%m-%d %H:%M:%S UTC")));
    }
    if line.state == StateName::Failed {
        rows.push("when that is mended: tombolo retry".into());
    }
    rows
}

impl Observer for Console {
    fn delivery(&self, line: &Line) {
        if self.form.json {
            print(&format!("{}\n", serde_json::to_string(line).unwrap_or_default()));
        }
        if !self.form.live {
            Log.delivery(line);
        }
        self.lines
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(line.clone());
    }

    fn trouble(&self, trouble: &Trouble) {
        let word = if trouble.kind == TroubleKind::SignInNeeded {
            "sign-in needed"
        } else {
            "trouble"
        };
        self.bars
            .suspend(|| complain!("{word}: {}", harmless(&trouble.message)));
    }

    fn note(&self, route: &str, message: &str) {
        self.tell(&format!("{route}: {message}"));
    }

    fn progress(&self, title: &str) -> Arc<dyn ProgressSink> {
        if !self.form.live || self.quiet {
            tracing::debug!(title, "working on");
            return Arc::new(NoProgress);
        }
        let bar = self.bars.add(ProgressBar::new_spinner());
        bar.set_prefix(shortened(&harmless(title), 40));
        bar.enable_steady_tick(Duration::from_millis(120));
        Arc::new(Bar(bar))
    }
}

/// A transfer as a progress bar; gone when it is dropped.
struct Bar(ProgressBar);

impl ProgressSink for Bar {
    fn stage(&self, what: &str, total: Option<u64>) {
        let template = if total.is_some() {
            "{prefix} [{bar:24}] {bytes}/{total_bytes} {bytes_per_sec} {eta}  {msg}"
        } else {
            "{prefix} {spinner} {msg}"
        };
        if let Ok(style) = ProgressStyle::with_template(template) {
            self.0.set_style(style.progress_chars("=> "));
        }
        self.0.set_position(0);
        if let Some(total) = total {
            self.0.set_length(total);
        }
        self.0.set_message(what.to_owned());
    }

    fn work(&self, what: &str, steps: u64) {
        if let Ok(style) = ProgressStyle::with_template("{prefix} [{bar:24}] {percent}% {eta}  {msg}") {
            self.0.set_style(style.progress_chars("=> "));
        }
        self.0.set_position(0);
        self.0.set_length(steps);
        self.0.set_message(what.to_owned());
    }

    fn advance(&self, done: u64) {
        self.0.inc(done);
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

fn table(lines: &[&Line]) -> Table {
    let mut table = Table::new();
    table
        .load_preset(presets::UTF8_HORIZONTAL_ONLY)
        .set_content_arrangement(ContentArrangement::Dynamic);
    if !std::io::stdout().is_terminal() {
        table.set_width(160);
    }
    table.set_header(["post", "to", "state", "original and copy"]);
    for line in lines {
        let state = Cell::new(line.state.to_string());
        let state = match line.state {
            StateName::Published => state.fg(Color::Green),
            StateName::Failed | StateName::Unknown => state.fg(Color::Red).add_attribute(Attribute::Bold),
            StateName::Held | StateName::Waiting => state.fg(Color::Yellow),
            _ => state,
        };
        let what = rows(line);
        let title = shortened(&harmless(line.title.as_deref().unwrap_or("(no title)")), 60);
        table.add_row([
            Cell::new(title),
            Cell::new(&line.to),
            state,
            Cell::new(harmless(&what.join("\n"))),
        ]);
    }
    table
}

fn closing(summary: &Summary, dry_run: bool) -> String {
    let counts = summary.counts;
    let all = [
        (counts.published, "published"),
        (counts.skipped, "skipped"),
        (counts.held, "held"),
        (summary.shown, "would be posted"),
        (counts.waiting.saturating_sub(summary.shown), "waiting"),
        (counts.failed, "failed"),
        (counts.unknown, "unknown"),
    ];
    let told: Vec<String> = all
        .iter()
        .filter(|(n, _)| *n > 0)
        .map(|(n, what)| format!("{n} {what}"))
        .collect();
    let mut text = match (told.is_empty(), summary.troubles.is_empty()) {
        (true, true) if summary.left_alone > 0 => {
            let all = summary.left_alone;
            let how = if dry_run {
                "to see how they would look: tombolo sync --dry-run --since beginning"
            } else {
                "--since carries older ones too"
            };
            format!("nothing new: the {all} posts that were there already stay as they are; {how}")
        }
        (true, true) => "nothing new".to_owned(),
        (true, false) => "nothing was posted".to_owned(),
        (false, _) => told.join(", "),
    };
    if summary.interrupted {
        text.push_str("; stopped before the end");
    }
    if let Some(due) = summary.next_due.filter(|due| due.timestamp() > 0) {
        text.push_str(&format!(
            "; the next pass goes on, something is due at {}",
            due.format("%H:%M:%S UTC")
        ));
    }
    text
}

fn shortened(text: &str, most: usize) -> String {
    let mut characters = text.chars();
    let short: String = characters.by_ref().take(most).collect();
    if characters.next().is_some() {
        format!("{short}…")
    } else {
        short
    }
}
