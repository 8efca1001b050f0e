//! The configuration as the rest of the program sees it: complete, checked, typed.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use ipnet::IpNet;
use serde::Serialize;
use url::Url;

use super::secret::TokenSource;
use crate::transform::Settings as Making;

/// Everything that is configured. Names in routes are names of accounts; that was checked.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where ledger, cache and working files are kept. Absolute.
    pub data_dir: PathBuf,
    /// The zone of schedules and dates.
    pub timezone: Tz,
    /// By name.
    pub accounts: BTreeMap<String, Account>,
    /// By name.
    pub routes: BTreeMap<String, Route>,
    /// What may be reached.
    pub network: Network,
    /// How media are worked on.
    pub media: MediaWork,
}

/// How media are worked on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MediaWork {
    /// Which ffmpeg.
    pub ffmpeg: FfmpegChoice,
    /// Most bytes of working files at a time.
    pub space: u64,
    /// Longest time of one encode.
    pub encode_time: Duration,
}

/// Which ffmpeg is used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FfmpegChoice {
    /// The one on the PATH, if there is one.
    Auto,
    /// None.
    Off,
    /// This one; ffprobe beside it.
    At(PathBuf),
}

/// A login on one instance of one platform, or, for reading only, just its public side.
#[derive(Clone, Debug)]
pub struct Account {
    /// As in `[accounts.NAME]`.
    pub name: String,
    /// What runs there.
    pub platform: Platform,
    /// Scheme, host and port; the path is `/`.
    pub instance: Url,
    /// Who it is there.
    pub handle: Handle,
    /// How its posts are read.
    pub read: ReadMode,
    /// Where its token comes from.
    pub token: Option<TokenSource>,
    /// The name to sign in with, where that is done with a password.
    pub username: Option<String>,
    /// Where the password comes from.
    pub password: Option<TokenSource>,
    /// How long an unanswered request may still take effect.
    pub settle: Duration,
}

/// From one account to others.
#[derive(Clone, Debug)]
pub struct Route {
    /// As in `[routes.NAME]`.
    pub name: String,
    /// The account that is read.
    pub from: String,
    /// Where its posts go, in the order of `to`; never empty, no account twice.
    pub destinations: Vec<Destination>,
    /// A schedule that the schedule parser took.
    pub schedule: String,
    /// Upper bound of the random delay before a scheduled run.
    pub jitter: Duration,
}

/// One account that a route publishes to.
#[derive(Clone, Debug)]
pub struct Destination {
    /// The account's name.
    pub account: String,
    /// The route's settings, as far as `[routes.R.on.ACCOUNT]` doesn't say otherwise.
    pub settings: Settings,
}

/// What can differ between the destinations of a route.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Which posts go there.
    pub since: Since,
    /// At most so many old posts are published per run. At least 1.
    pub backfill_per_run: usize,
    /// Rules, and how copies are made.
    pub making: Making,
}

/// What may be reached over the network beyond public https.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Network {
    /// Private networks that may be reached.
    pub allow: Vec<IpNet>,
    /// Whether configured instances may be reached by plain http.
    pub allow_http: bool,
}

/// A name at an instance; `host` where the handle named one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Handle {
    /// Without `@`.
    pub name: String,
    /// Host, and port if it isn't the usual one; lower case.
    pub host: Option<String>,
}

impl fmt::Display for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.host {
            Some(host) => write!(f, "{}@{host}", self.name),
            None => f.write_str(&self.name),
        }
    }
}

/// What an instance runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Platform {
    /// Videos.
    Peertube,
    /// Statuses.
    Mastodon,
    /// Photos.
    Pixelfed,
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Peertube => "PeerTube",
            Self::Mastodon => "Mastodon",
            Self::Pixelfed => "Pixelfed",
        })
    }
}

/// How posts are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadMode {
    /// By the more complete reader that works there.
    Auto,
    /// By `ActivityPub`.
    Outbox,
    /// By the platform's own API.
    Api,
    /// By the feed: RSS or Atom.
    Rss,
}

/// Which posts are carried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Since {
    /// Those that become public after first contact.
    Now,
    /// All.
    Beginning,
    /// Those published at this instant or later, and those that become public after first contact.
    At(DateTime<Utc>),
}

/// Where the configuration came from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Sources {
    /// The user's file, if there is one.
    pub file: Option<PathBuf>,
    /// Names of the environment variables that set something.
    pub variables: Vec<String>,
}
