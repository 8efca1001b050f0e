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
use crate::config::Config;
use crate::ledger::{Delivery, StateName};
use crate::sync::{Counts, Line, name_entry};

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
    let (cache, now) = (FileCache::in_dir(&config.data_dir.join("cache")), Utc::now());
    let mut counts = Counts::default();
    let mut lines = Vec::new();
    for delivery in &deliveries {
        counts.add(delivery.state());
        if arguments.all || delivery.state() != StateName::Published {
            lines.push(line(delivery, &config, &cache, now));
        }
    }
    if arguments.json {
        for line in &lines {
            output::print(&format!("{}\n", serde_json::to_string(line).unwrap_or_default()));
        }
        output::print(&format!("{}\n", serde_json::json!({ "summary": counts })));
        return Ok(exit::DONE);
    }
    if !lines.is_empty() {
        output::print(&outcome(&lines.iter().collect::<Vec<_>>()));
    }
    output::print(&format!(
        "{} published, {} skipped, {} held, {} waiting, {} failed, {} unknown\n",
        counts.published, counts.skipped, counts.held, counts.waiting, counts.failed, counts.unknown
    ));
    Ok(exit::DONE)
}

/// A delivery under the names that the configuration has for its ends; without one, under their addresses.
fn line(delivery: &Delivery, config: &Config, cache: &FileCache, now: DateTime<Utc>) -> Line {
    let named = |entry: &str, origin: &Origin| {
        let known = cache.get(entry, Duration::MAX, now);
        let known = known
            .as_ref()
            .and_then(Value::as_str)
            .and_then(|name| config.accounts.get(name));
        if let Some(account) = known.filter(|account| Origin::of(&account.instance) == *origin) {
            return account.name.clone();
        }
        let mut names = config.accounts.values().filter(|a| Origin::of(&a.instance) == *origin);
        match (names.next(), names.next()) {
            (Some(only), None) => only.name.clone(),
            _ => origin.to_string(),
        }
    };
    let from = named(&name_entry(&delivery.source), &delivery.source.0.origin());
    let to = named(&name_entry(&delivery.key.to), &delivery.key.to.origin);
    Line::of(delivery, "", (&from, &to), now)
}
