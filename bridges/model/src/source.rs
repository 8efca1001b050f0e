//! The reading side of a platform.

use std::fmt;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::{ApId, Post, SourceId, Visibility};

/// Reads one creator's posts.
///
/// All methods are safe to repeat. None of them sends credentials to anything but the configured instance.
#[async_trait]
pub trait Source: Send + Sync {
    /// Who is read: resolved once, cheap afterwards.
    async fn id(&self) -> Result<SourceId, SourceError>;

    /// Which reader works here, how complete it is, and why it was chosen.
    async fn reader(&self) -> Result<ReaderInfo, SourceError>;

    /// Asks what is new since `cursor`, looking at the newest posts. Costs one request when nothing changed.
    async fn poll(&self, cursor: &Cursor) -> Result<Poll, SourceError>;

    /// Lists every id that is publishable now; `Unchanged` only where that is proven to be the list of `cursor`.
    async fn scan(&self, cursor: &Cursor) -> Result<Poll, SourceError>;

    /// Reads one post in full.
    async fn fetch(&self, id: &ApId) -> Result<Fetched, SourceError>;

    /// Whether a listed post is public and complete now. The same answer as from `fetch`, at less cost where that can be had.
    async fn is_ready(&self, id: &ApId) -> Result<bool, SourceError>;
}

/// How a source is read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReaderInfo {
    /// Its name in the configuration: `api`, `outbox`.
    pub name: String,
    /// How much of the creator's posts it sees.
    pub completeness: Completeness,
    /// Why this reader, in a sentence.
    pub why: String,
}

/// How much of a creator's public posts a reader can see.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Completeness {
    /// All of them.
    Complete,
    /// The newest so many.
    Window(u32),
    /// What the server chooses to show.
    BestEffort,
}

impl fmt::Display for Completeness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Complete => f.write_str("complete"),
            Self::Window(newest) => write!(f, "a window of the newest {newest} posts"),
            Self::BestEffort => f.write_str("best effort, posts may be missed"),
        }
    }
}

/// Where a reader stands: validators and totals, opaque to everyone else. Belongs to one account and one reader.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Cursor(pub serde_json::Value);

/// A post seen in a listing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sighting {
    /// The post's id.
    pub id: ApId,
    /// Its title, for messages.
    pub title: Option<String>,
    /// When the listing says it was published.
    pub published: Option<DateTime<Utc>>,
    /// Whether it is ready, where the listing says so.
    pub ready: Option<bool>,
    /// Who may see it, where the listing says so.
    #[serde(default)]
    pub visibility: Option<Visibility>,
}

/// What a listing showed.
#[derive(Clone, Debug, PartialEq)]
pub enum Poll {
    /// Nothing changed.
    Unchanged,
    /// Something may have changed.
    Seen(Listing),
}

/// A listing, or its newest part.
#[derive(Clone, Debug, PartialEq)]
pub struct Listing {
    /// The posts seen.
    pub sightings: Vec<Sighting>,
    /// Where the reader stands now.
    pub cursor: Cursor,
    /// Whether these are certainly all ids that are publishable now.
    pub complete: bool,
    /// Whether the totals changed in a way that these posts may not explain, so that all ids must be scanned.
    pub scan_needed: bool,
}

/// What became of one post.
#[derive(Clone, Debug, PartialEq)]
pub enum Fetched {
    /// Here it is.
    Post(Box<Post>),
    /// It exists but isn't public (any more); says how that was learnt.
    NotPublic(String),
    /// The object itself says that it is gone (404, 410, Tombstone).
    Gone,
}

/// Why a source could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SourceError {
    /// It may work later: the network, the server's load, an answer cut off.
    #[error("{0}")]
    Transient(String),
    /// The server asks to wait.
    #[error("{what}; the server asks to wait until {}", until.format("%Y-%m-%d %H:%M:%S UTC"))]
    Throttled {
        /// What was asked.
        what: String,
        /// Not before then.
        until: DateTime<Utc>,
    },
    /// What came isn't what this platform answers.
    #[error("{0}")]
    Malformed(String),
    /// This reader can't work here; the message names the right one.
    #[error("{0}")]
    Unsupported(String),
    /// The account's token is refused, or is another account's, and nothing else can be read instead.
    #[error("{0}")]
    AuthLost(String),
    /// There is no such account, or it is closed to us.
    #[error("{0}")]
    NotFound(String),
    /// The address is not one tombolo may reach.
    #[error("{0}")]
    Refused(String),
}
