//! `tombolo run`: the daemon.

use std::sync::Arc;

use super::sync::open_ledger;
use super::{Global, StopSignals, chosen_routes, exit, ledger_refused, load, net, no_workshop, start_logging};
use crate::assemble;
use crate::cache::FileCache;
use crate::daemon::{self, Timetable};
use crate::schedule::Schedule;
use crate::sync::SyncError;

/// How long the daemon, told to stop, may take to come to a safe place.
const GRACE: std::time::Duration = std::time::Duration::from_secs(5);

pub(crate) async fn run(global: &Global) -> u8 {
    start_logging(global, tracing::Level::INFO);
    match Box::pin(serve(global)).await {
        Ok(code) | Err(code) => code,
    }
}

async fn serve(global: &Global) -> Result<u8, u8> {
    let signals = StopSignals::listen();
    let config = load(global, false)?;
    let routes = chosen_routes(&config, &[])?;
    let ledger = open_ledger(&config, "tombolo run", false).await?;
    let cache = Arc::new(FileCache::in_dir(&config.data_dir.join("cache")));
    let engine = assemble::engine(&config, &routes, ledger, net(&config)?, cache, false)
        .await
        .map_err(|e| no_workshop(&config, &e))?;
    let mut timetables = Vec::new();
    for route in routes {
        let Some(configured) = config.routes.get(&route.name) else {
            continue;
        };
        let schedule = Schedule::parse(&configured.schedule).map_err(|e| {
            complain!("error: routes.{}.schedule: {e}", route.name);
            exit::USAGE
        })?;
        timetables.push(Timetable {
            route,
            schedule,
            zone: config.timezone,
            jitter: configured.jitter,
        });
    }
    let stopping = engine.stopping.clone();
    let work = daemon::run(&engine, &timetables);
    tokio::pin!(work);
    let result = tokio::select! {
        result = &mut work => result,
        () = signals.told(stopping) => {
            daemon::tell_systemd(&[sd_notify::NotifyState::Stopping]);
            tracing::info!("stopping");
            // What doesn't come to a safe place in time is dropped where it is; its intention is in the ledger.
            tokio::time::timeout(GRACE, &mut work).await.unwrap_or(Ok(()))
        }
    };
    match result {
        Ok(()) => Ok(exit::DONE),
        Err(SyncError::Ledger(e)) => Err(ledger_refused(&e)),
    }
}
