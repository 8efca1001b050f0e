//! `tombolo status`: what is not done, and why.

use clap::Args;

use super::output::{self, outcome};
use super::sync::open_ledger;
use super::{Global, exit, ledger_refused, load, start_logging};
use crate::config::Config;
use crate::ledger::{Delivery, StateName};
use crate::sync::{Counts, Line};

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
    let mut counts = Counts::default();
    let mut lines = Vec::new();
    for delivery in &deliveries {
        counts.add(delivery.state());
        if arguments.all || delivery.state() != StateName::Published {
            lines.push(line(delivery, &config));
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
fn line(delivery: &Delivery, config: &Config) -> Line {
    let named = |origin: &tombolo_model::Origin| {
        let mut names = config
            .accounts
            .values()
            .filter(|a| tombolo_model::Origin::of(&a.instance) == *origin);
        match (names.next(), names.next()) {
            (Some(only), None) => only.name.clone(),
            _ => origin.to_string(),
        }
    };
    Line::of(
        delivery,
        "",
        &named(&delivery.source.0.origin()),
        &named(&delivery.key.to.origin),
    )
}
