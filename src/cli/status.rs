//! `tombolo status`: what is not done, and why.

use std::time::Duration;

use chrono::{DateTime, Utc};
use clap::Args;
use serde_json::Value;
use tombolo_model::{Cache, Origin};

use super::output::{self, outcome};
use super::sync::open_ledger;
use super::{Global, exit, ledger_refused, load, start_logging};
use crate::cache::FileCache;
use crate::config::{Account, Config, Route};
use crate::ledger::{Delivery, StateName};
use crate::sync::{Counts, Line, Trouble, name_entry, troubles_entry};

/// Show what is not done and why: posts that failed, wait, were skipped, or may have been published.
///
/// Asks no server. While `tombolo run` is running, its log tells the same.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Show published posts too
    #[arg(long)]
    all: bool,
    /// Print an object a line, at last a summary
    #[arg(long)]
    json: bool,
}

pub(crate) async fn run(global: &Global, arguments: &Arguments) -> u8 {
    start_logging(global, tracing::Level::WARN);
    match show(global, arguments).await {
        Ok(code) | Err(code) => code,
    }
}

async fn show(global: &Global, arguments: &Arguments) -> Result<u8, u8> {
    let config = load(global, arguments.json)?;
    let ledger = open_ledger(&config, "tombolo status", true).await?;
    let deliveries = ledger.all_deliveries().map_err(|e| ledger_refused(&e))?;
    let book = Book {
        cache: FileCache::in_dir(&config.data_dir.join("cache")),
        config: &config,
        now: Utc::now(),
    };
    let on_a_route = |name: &&String| config.routes.values().any(|route| is_end(route, name));
    let names = config.accounts.keys().filter(on_a_route);
    let troubles: Vec<Trouble> = names.flat_map(|name| book.troubles(name)).collect();
    let mut counts = Counts::default();
    let mut lines = Vec::new();
    for delivery in &deliveries {
        let line = book.line(delivery, &troubles);
        counts.add(line.state);
        if arguments.all || line.state != StateName::Published {
            lines.push(line);
        }
    }
    if arguments.json {
        for line in &lines {
            output::print(&format!("{}\n", serde_json::to_string(line).unwrap_or_default()));
        }
        let last = serde_json::json!({ "summary": counts, "troubles": troubles });
        output::print(&format!("{last}\n"));
        return Ok(exit::DONE);
    }
    if !lines.is_empty() {
        output::print(&outcome(&lines.iter().collect::<Vec<_>>()));
    }
    for trouble in &troubles {
        output::print(&format!("in the last pass: {}\n", output::harmless(&trouble.message)));
    }
    output::print(&format!(
        "{} published, {} skipped, {} held, {} waiting, {} failed, {} unknown\n",
        counts.published, counts.skipped, counts.held, counts.waiting, counts.failed, counts.unknown
    ));
    Ok(exit::DONE)
}

/// Whether a route begins or ends at this account.
fn is_end(route: &Route, name: &str) -> bool {
    route.from == name || route.destinations.iter().any(|destination| destination.account == name)
}

/// What is known without asking a server.
struct Book<'a> {
    config: &'a Config,
    cache: FileCache,
    now: DateTime<Utc>,
}

impl Book<'_> {
    /// Whether a route leads from one account to the other.
    fn is_carried(&self, from: &str, to: &str) -> bool {
        let mut routes = self.config.routes.values().filter(|route| route.from == from);
        routes.any(|route| is_end(route, to))
    }

    /// What was wrong with an account in its last pass.
    fn troubles(&self, account: &str) -> Vec<Trouble> {
        let known = self.cache.get(&troubles_entry(account), Duration::MAX, self.now);
        known
            .and_then(|value| serde_json::from_value(value).ok())
            .unwrap_or_default()
    }

    /// The configuration's name of an account; if that isn't known, its address.
    fn name(&self, entry: &str, origin: &Origin) -> String {
        let here = |account: &&Account| Origin::of(&account.instance) == *origin;
        let known = self.cache.get(entry, Duration::MAX, self.now);
        let known = known.as_ref().and_then(Value::as_str);
        if let Some(account) = known.and_then(|name| self.config.accounts.get(name)).filter(here) {
            return account.name.clone();
        }
        let mut there = self.config.accounts.values().filter(here);
        match (there.next(), there.next()) {
            (Some(only), None) => only.name.clone(),
            _ => origin.to_string(),
        }
    }

    /// A delivery as it stands; one that nothing was done for yet waits, for its accounts if they have trouble.
    fn line(&self, delivery: &Delivery, troubles: &[Trouble]) -> Line {
        let from = self.name(&name_entry(&delivery.source), &delivery.source.0.origin());
        let to = self.name(&name_entry(&delivery.key.to), &delivery.key.to.origin);
        let mut line = Line::of(delivery, "", (&from, &to), self.now);
        if line.state == StateName::Seen {
            line.state = StateName::Waiting;
            let trouble = troubles.iter().find(|trouble| [&from, &to].contains(&&trouble.account));
            line.reason = Some(match trouble {
                Some(trouble) => trouble.message.clone(),
                None if !self.is_carried(&from, &to) => "no route of the configuration leads there now".into(),
                None => "the next pass begins with it".into(),
            });
        }
        line
    }
}
