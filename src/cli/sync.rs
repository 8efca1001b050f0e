//! `tombolo sync`: one pass.

use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use tombolo_model::Cache;

use super::output::{Console, Form};
use super::{Global, StopSignals, chosen_routes, exit, ledger_refused, load, net, no_workshop, start_logging};
use crate::assemble;
use crate::cache::{DryCache, FileCache};
use crate::config::{self, Config};
use crate::ledger::Ledger;
use crate::sync::{RunOptions, Since, SyncError};

/// How long a pass that was told to stop may take to come to a safe place.
const GRACE: Duration = Duration::from_secs(5);

/// Make one pass: read the sources, post what is new, and say what went where.
///
/// At first contact with a source nothing old is posted. Posts that need a while (videos being processed, limits of the
/// server) are waited for, then left to the next pass.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Only these routes [default: all]
    #[arg(value_name = "ROUTE")]
    routes: Vec<String>,
    /// Show what would be posted, text and media and reasons, and post nothing
    #[arg(long)]
    dry_run: bool,
    /// In this pass also carry older posts: those published since a date (2026-01-31, or RFC 3339), or "beginning"
    #[arg(long, value_name = "WHEN")]
    since: Option<String>,
    /// Post at most N posts in this pass, over all routes [default: no limit for new posts, 10 for old ones]
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    /// How long to wait for what needs a while: 30s, 5m, 1h; 0s for not at all
    #[arg(long, value_name = "TIME", default_value = "2m")]
    wait: String,
    /// Print an object a line: one for each post and destination, at last a summary
    #[arg(long)]
    json: bool,
}

pub(crate) async fn run(global: &Global, arguments: &Arguments) -> u8 {
    let form = Form::of(arguments.json, arguments.dry_run);
    start_logging(global, form.default_log_level());
    match Box::pin(pass(global, arguments, form)).await {
        Ok(code) | Err(code) => code,
    }
}

async fn pass(global: &Global, arguments: &Arguments, form: Form) -> Result<u8, u8> {
    let config = load(global, arguments.json)?;
    let options = options(arguments, &config)?;
    let routes = chosen_routes(&config, &arguments.routes)?;
    let command = if arguments.dry_run {
        "tombolo sync --dry-run"
    } else {
        "tombolo sync"
    };
    let ledger = open_ledger(&config, command, arguments.dry_run).await?;
    let kept = config.data_dir.join("cache");
    let cache: Arc<dyn Cache> = if arguments.dry_run {
        Arc::new(DryCache::over(&kept))
    } else {
        Arc::new(FileCache::in_dir(&kept))
    };
    let engine = assemble::engine(&config, &routes, ledger, net(&config)?, cache, arguments.dry_run)
        .await
        .map_err(|e| no_workshop(&config, &e))?;
    let console = Console::new(form, global.quiet);
    let (stopping, signals) = (engine.stopping.clone(), StopSignals::listen());
    let run = engine.run(&routes, &options, &console);
    tokio::pin!(run);
    let result = tokio::select! {
        result = &mut run => result,
        () = signals.told(stopping) => {
            console.tell("stopping at the next safe place; what was begun is noted and goes on in the next pass");
            match tokio::time::timeout(GRACE, &mut run).await {
                Ok(result) => result,
                Err(_) => {
                    console.finish(None);
                    return Err(exit::INTERRUPTED);
                }
            }
        }
    };
    match result {
        Ok(summary) => {
            console.finish(Some(&summary));
            Ok(summary.exit_code())
        }
        Err(SyncError::Ledger(e)) => {
            console.finish(None);
            Err(ledger_refused(&e))
        }
    }
}

fn options(arguments: &Arguments, config: &Config) -> Result<RunOptions, u8> {
    let usage = |what: &str, value: &str, why: &str| {
        complain!("error: {what} {value:?} {why}");
        exit::USAGE
    };
    let since = arguments
        .since
        .as_deref()
        .map(|text| {
            config::Since::parse(text, config.timezone)
                .map_err(|why| usage("--since", text, &format!("can't be used: {why}")))
        })
        .transpose()?
        .map(assemble::since)
        .filter(|since| *since != Since::Now);
    let wait = match arguments.wait.trim() {
        "0" => Duration::ZERO,
        text => config::parse_duration(text).ok_or_else(|| {
            usage(
                "--wait",
                text,
                "is not a stretch of time; write 30s, 5m or 1h, or 0s for not at all",
            )
        })?,
    };
    Ok(RunOptions {
        since,
        limit: arguments.limit,
        wait,
        dry_run: arguments.dry_run,
    })
}

/// Opens the ledger; the whole of it is read first, which may take a moment.
pub(crate) async fn open_ledger(config: &Config, command: &'static str, dry_run: bool) -> Result<Ledger, u8> {
    let dir = config.data_dir.clone();
    let open = tokio::task::spawn_blocking(move || {
        if dry_run {
            Ledger::open_for_dry_run(&dir, command)
        } else {
            Ledger::open(&dir, command)
        }
    });
    match open.await {
        Ok(Ok(ledger)) => Ok(ledger),
        Ok(Err(e)) => Err(ledger_refused(&e)),
        Err(panic) => {
            complain!("error: the ledger could not be opened: {panic}. Nothing was posted");
            Err(exit::ERROR)
        }
    }
}
