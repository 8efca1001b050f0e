//! The daemon: passes by schedule, one at a time, until it is told to stop.
//!
//! A tick that was missed while it was stopped or the machine asleep runs once. Between ticks it goes on with what became
//! due: files that were processed, limits that ended, looks at unanswered requests.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use tombolo_model::{NoProgress, ProgressSink};

use crate::ledger::StateName;
use crate::schedule::Schedule;
use crate::sync::{Engine, Line, Observer, Route, RunOptions, Summary, SyncError, Trouble};

/// How long one pass waits for what needs a while, before the daemon comes back to it later.
const PASS_WAIT: Duration = Duration::from_secs(60);
/// Longest sleep at a stretch: the machine may sleep, and clocks may be set, meanwhile.
const LONGEST_SLEEP: Duration = Duration::from_secs(20);
/// How long a route's last run is remembered.
const REMEMBERED: Duration = Duration::from_secs(366 * 86_400);

/// A route and when it runs.
#[derive(Clone, Debug)]
pub(crate) struct Timetable {
    pub(crate) route: Route,
    pub(crate) schedule: Schedule,
    pub(crate) zone: Tz,
    pub(crate) jitter: Duration,
}

/// When a route runs next, and for which tick.
struct Next {
    at: Option<DateTime<Utc>>,
    /// Work that became due between ticks.
    due: Option<DateTime<Utc>>,
}

/// Runs until the engine is told to stop, or the ledger can't be used.
pub(crate) async fn run(engine: &Engine, timetables: &[Timetable]) -> Result<(), SyncError> {
    let now = engine.clock.now();
    let mut plan: Vec<Next> = timetables
        .iter()
        .map(|t| Next {
            at: first_run(engine, t, now),
            due: None,
        })
        .collect();
    tell_systemd(&[sd_notify::NotifyState::Ready]);
    for (timetable, next) in timetables.iter().zip(&plan) {
        tracing::info!(route = timetable.route.name, schedule = %timetable.schedule, zone = %timetable.zone, next = %shown(next.at), "watching");
    }
    while !engine.stopping.load(Ordering::Relaxed) {
        let now = engine.clock.now();
        // The one that has been due longest, so that a busy route doesn't keep the others from their turn.
        let ready = plan
            .iter()
            .enumerate()
            .filter_map(|(place, next)| Some((next.earliest()?, place)));
        let Some((_, place)) = ready.filter(|(at, _)| *at <= now).min() else {
            sleep_until(engine, plan.iter().filter_map(Next::earliest).min(), now).await;
            continue;
        };
        let timetable = &timetables[place];
        let by_schedule = plan[place].at.is_some_and(|at| at <= now);
        let summary = pass(engine, &timetable.route).await?;
        let after = engine.clock.now();
        if by_schedule {
            // A pass with trouble is made up for when the daemon starts again.
            if summary.troubles.is_empty() {
                remember_run(engine, timetable, after);
            }
            plan[place].at = next_run(engine, timetable, after);
        }
        // What became due while the pass ran is left for a moment, and an account with trouble until the next tick.
        let next_due = summary.next_due.filter(|_| summary.troubles.is_empty());
        plan[place].due = next_due.map(|due| due.max(after + TimeDelta::seconds(5)));
        tell_systemd(&[sd_notify::NotifyState::Status(&status_line(&summary, plan[place].at))]);
    }
    Ok(())
}

impl Next {
    fn earliest(&self) -> Option<DateTime<Utc>> {
        [self.at, self.due].into_iter().flatten().min()
    }
}

async fn pass(engine: &Engine, route: &Route) -> Result<Summary, SyncError> {
    let options = RunOptions {
        since: None,
        limit: None,
        wait: PASS_WAIT,
        dry_run: false,
    };
    let summary = engine.run(std::slice::from_ref(route), &options, &Log).await?;
    let counts = summary.counts;
    let quiet = counts == crate::sync::Counts::default() && summary.troubles.is_empty();
    if quiet {
        tracing::debug!(route = route.name, "nothing new");
    } else {
        tracing::info!(
            route = route.name,
            published = counts.published,
            skipped = counts.skipped,
            held = counts.held,
            waiting = counts.waiting,
            failed = counts.failed,
            unknown = counts.unknown,
            "pass done"
        );
    }
    Ok(summary)
}

/// At once where a tick was missed, or where the route has never run; else at the next tick.
fn first_run(engine: &Engine, timetable: &Timetable, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let last = engine.cache.get(&run_name(timetable), REMEMBERED, now);
    let last: Option<DateTime<Utc>> = last.and_then(|value| serde_json::from_value(value).ok());
    match last {
        Some(last) if !timetable.schedule.missed_since(last, now, timetable.zone) => next_run(engine, timetable, now),
        _ => Some(now),
    }
}

fn next_run(engine: &Engine, timetable: &Timetable, after: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let tick = timetable.schedule.next_after(after, timetable.zone)?;
    let jitter = timetable
        .schedule
        .jitter(tick, timetable.zone, timetable.jitter, engine.entropy.bits());
    Some(tick + TimeDelta::from_std(jitter).unwrap_or_default())
}

fn remember_run(engine: &Engine, timetable: &Timetable, at: DateTime<Utc>) {
    engine
        .cache
        .put(&run_name(timetable), &serde_json::to_value(at).unwrap_or_default(), at);
}

fn run_name(timetable: &Timetable) -> String {
    format!("last run of {}", timetable.route.name)
}

async fn sleep_until(engine: &Engine, at: Option<DateTime<Utc>>, now: DateTime<Utc>) {
    let longest = at.map_or(LONGEST_SLEEP, |at| {
        (at - now).to_std().unwrap_or_default().min(LONGEST_SLEEP)
    });
    // In slices, so that the end is noticed.
    let mut left = longest.max(Duration::from_millis(1));
    while !left.is_zero() && !engine.stopping.load(Ordering::Relaxed) {
        let slice = left.min(Duration::from_millis(250));
        engine.clock.sleep(slice).await;
        left -= slice;
    }
}

fn status_line(summary: &Summary, next: Option<DateTime<Utc>>) -> String {
    format!(
        "{} published in the last pass; next pass {}",
        summary.counts.published,
        shown(next)
    )
}

fn shown(at: Option<DateTime<Utc>>) -> String {
    at.map_or_else(|| "never".into(), |at| at.format("%Y-%m-%d %H:%M:%S UTC").to_string())
}

/// Tells systemd, where it started us.
pub(crate) fn tell_systemd(states: &[sd_notify::NotifyState]) {
    if let Err(error) = sd_notify::notify(false, states) {
        tracing::debug!(%error, "systemd can't be told");
    }
}

/// Tells the log what happens.
pub(crate) struct Log;

impl Observer for Log {
    fn delivery(&self, line: &Line) {
        let copy = line.copy.as_ref().map(|copy| copy.url.as_deref().unwrap_or(&copy.uri));
        let title = line.title.as_deref().unwrap_or_default();
        let reason = line.reason.as_deref();
        match line.state {
            StateName::Failed | StateName::Unknown | StateName::Held => {
                tracing::warn!(route = line.route, post = line.post, title, to = line.to, state = %line.state, copy, reason, "delivery");
            }
            // A backlog would fill the log with every pass.
            StateName::Waiting => {
                tracing::debug!(
                    route = line.route,
                    post = line.post,
                    title,
                    to = line.to,
                    reason,
                    "waiting"
                );
            }
            _ => {
                tracing::info!(route = line.route, post = line.post, title, to = line.to, state = %line.state, copy, reason, "delivery");
            }
        }
    }

    fn trouble(&self, trouble: &Trouble) {
        tracing::warn!(account = trouble.account, "{}", trouble.message);
    }

    fn note(&self, route: &str, message: &str) {
        tracing::info!(route, "{message}");
    }

    fn progress(&self, title: &str) -> Arc<dyn ProgressSink> {
        tracing::info!(title, "working on");
        Arc::new(NoProgress)
    }
}
