//! One pass over routes: read → select → inspect → plan → prepare → publish → record, and recovery before anything is sent.
//!
//! Nothing is sent that wasn't written down before, and nothing is sent a second time unless the first is proven not to
//! have happened (design, "A delivery's states").

mod deliver;
mod echo;
mod files;
mod inspect;
mod listing;
mod pass;
mod prepare;
mod preview;
mod publish;
mod reconcile;
mod report;
mod workshop;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::sync::Mutex;
use tombolo_model::{Cache, Clock, Destination, Entropy, Origin, Platform, Source};
use tombolo_net::Net;
use url::Url;

use crate::ledger::{Ledger, StoreError};
use crate::transform::Settings;

pub use listing::Memory;
pub(crate) use pass::{name_entry, troubles_entry};
pub use report::{CopyRef, Counts, Line, Observer, Summary, Trouble, TroubleKind};
pub use workshop::Workshop;
pub(crate) use workshop::find_ffmpeg;

/// Everything a run works with.
pub struct Engine {
    /// The ledger.
    pub ledger: Ledger,
    /// The client, for files.
    pub net: Net,
    /// Where files are worked on.
    pub workshop: Workshop,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
    /// Identities and limits.
    pub cache: Arc<dyn Cache>,
    /// All routes of the configuration, also those that no run takes.
    pub routes: Vec<Route>,
    /// All accounts of any route, by name: those that are read, and those where a post's original may be.
    pub sources: BTreeMap<String, Reader>,
    /// Accounts that are published to, by name.
    pub destinations: BTreeMap<String, Receiver>,
    /// What this process remembers of its reading.
    pub memory: Mutex<Memory>,
    /// Set when the run is to end at the next safe place.
    pub stopping: Arc<AtomicBool>,
}

/// An account that is read, or whose posts are looked at where others link to them.
#[derive(Clone)]
pub struct Reader {
    /// Its instance.
    pub instance: Origin,
    /// The adapter.
    pub adapter: Arc<dyn Source>,
}

/// An account that is published to.
#[derive(Clone)]
pub struct Receiver {
    /// Its platform.
    pub platform: Platform,
    /// Its instance.
    pub instance: Url,
    /// The name it must have there, without host.
    pub username: String,
    /// Tells one token from another without being one: under another token the account is asked for its name again.
    pub token_print: String,
    /// The adapter, or why there is none: the token can't be read.
    pub adapter: Result<Arc<dyn Destination>, String>,
}

/// From one account to others, as a run takes it.
#[derive(Clone, Debug)]
pub struct Route {
    /// Its name.
    pub name: String,
    /// The source account's name.
    pub from: String,
    /// Whose posts they are, for people: name and host.
    pub author: String,
    /// What its instance runs.
    pub platform: Platform,
    /// Where its posts go.
    pub to: Vec<Leg>,
}

impl Route {
    /// Whether the account that is read has this name.
    fn is_by(&self, user: &str) -> bool {
        let name = self.author.split('@').next().unwrap_or_default();
        name.eq_ignore_ascii_case(user)
    }
}

/// One destination of a route.
#[derive(Clone, Debug)]
pub struct Leg {
    /// The destination account's name.
    pub to: String,
    /// Which posts go there.
    pub since: Since,
    /// How they go.
    pub settings: Settings,
    /// Most old posts of one run.
    pub backfill_per_run: usize,
}

/// Which of the posts that are there at first contact are carried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Since {
    /// None of them.
    Now,
    /// All of them.
    Beginning,
    /// Those published then or later.
    At(DateTime<Utc>),
}

impl Since {
    /// The one that leaves more posts as they are.
    fn later(self, other: Self) -> Self {
        match (self, other) {
            (Self::Now, _) | (_, Self::Now) => Self::Now,
            (Self::Beginning, other) | (other, Self::Beginning) => other,
            (Self::At(one), Self::At(other)) => Self::At(one.max(other)),
        }
    }

    /// Whether a post published at this time is left out of the baseline, and so carried.
    pub fn leaves_out(self, published: Option<DateTime<Utc>>) -> bool {
        match self {
            Self::Now => false,
            Self::Beginning => true,
            Self::At(date) => published.is_some_and(|at| at >= date),
        }
    }
}

/// What a run is asked to do.
#[derive(Clone, Debug)]
pub struct RunOptions {
    /// Opens the baseline for this run.
    pub since: Option<Since>,
    /// Most posts published in this run; lifts the pace of old ones.
    pub limit: Option<usize>,
    /// How long to wait for what needs a while.
    pub wait: Duration,
    /// Show what would be sent, and send nothing.
    pub dry_run: bool,
}

/// Why a run ended early.
#[derive(Debug, thiserror::Error)]
pub enum SyncError {
    /// The ledger can't be used: nothing more may be sent.
    #[error(transparent)]
    Ledger(#[from] StoreError),
}

impl Engine {
    /// Makes one pass over the routes.
    pub async fn run(
        &self,
        routes: &[Route],
        options: &RunOptions,
        observer: &dyn Observer,
    ) -> Result<Summary, SyncError> {
        pass::Run::new(self, routes, options, observer).finish().await
    }

    /// The legs from one account to another, of all routes.
    fn legs<'a>(&'a self, from: &'a str, to: &'a str) -> impl Iterator<Item = &'a Leg> {
        let routes = self.routes.iter().filter(move |route| route.from == from);
        routes.flat_map(|route| &route.to).filter(move |leg| leg.to == to)
    }

    /// Tells whether what left a post out between two accounts is still the same.
    fn fingerprint(&self, from: &str, to: &str) -> String {
        let prints = self.legs(from, to).map(|leg| {
            let settings = &leg.settings;
            let (rules, mode, slideshow) = (settings.rules.fingerprint(), settings.mode, settings.slideshow);
            format!("{rules} {mode:?} {slideshow:?}")
        });
        publish::digest(&prints.collect::<Vec<_>>().join("\n"))[..12].to_owned()
    }

    /// Which old posts first contact carries from one account to another: where routes differ, the fewest.
    fn since(&self, from: &str, to: &str) -> Since {
        let sinces = self.legs(from, to).map(|leg| leg.since);
        sinces.reduce(Since::later).unwrap_or(Since::Now)
    }

    /// Whether the run is to end at the next safe place.
    fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }
}

/// Text of somebody else's for a record or a message, cut to a sensible length.
fn clipped(text: &str) -> String {
    const MOST: usize = 300;
    let mut characters = text.chars();
    let short: String = characters.by_ref().take(MOST).collect();
    if characters.next().is_some() {
        format!("{short}…")
    } else {
        short
    }
}
