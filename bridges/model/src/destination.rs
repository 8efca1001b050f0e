//! The writing side of a platform.

use std::collections::BTreeSet;
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::{Copy, Draft, Limits};

/// Publishes to one account.
#[async_trait]
pub trait Destination: Send + Sync {
    /// Asks the server who the token belongs to. Safe to repeat.
    async fn identity(&self) -> Result<AccountIdentity, DestinationError>;

    /// Asks the server what it takes. Safe to repeat; adapters keep the answer for a while.
    async fn limits(&self) -> Result<Limits, DestinationError>;

    /// What this platform can do.
    fn capabilities(&self) -> Capabilities;

    /// Uploads what isn't uploaded yet, waits until it is processed, and creates the status.
    ///
    /// Calls `checkpoint` before each of its own side effects and does nothing when that fails. Goes on from `progress`.
    /// The request that creates the status is sent at most once per call.
    async fn publish(
        &self,
        draft: &Draft,
        progress: PublishProgress,
        checkpoint: &mut dyn Checkpoint,
        meter: &dyn ProgressSink,
    ) -> PublishOutcome;

    /// Looks among the account's own posts for copies that carry the marker and were made within the window. Safe to repeat.
    async fn find(&self, account: &str, marker: &Marker, window: Window) -> Result<Found, DestinationError>;

    /// Asks for the id, in this instance's API, of a post elsewhere; `None`: the instance definitely doesn't know it. Only
    /// asked of platforms that have boosts; configuration refuses the others. Safe to repeat, though the instance may fetch the post for it.
    async fn locate(&self, uri: &str) -> Result<Option<String>, DestinationError> {
        let _ = uri;
        Ok(None)
    }

    /// Asks how far the instance is with a copy of [`PublishOutcome::Created`]. Safe to repeat.
    async fn settled(&self, copy: &Copy) -> Result<Settling, DestinationError> {
        Ok(Settling::Done(copy.clone()))
    }
}

/// How far an instance is with a copy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Settling {
    /// It is done; what turned out otherwise than meant is among the copy's differences.
    Done(Copy),
    /// It still works on it.
    InWork {
        /// Look again then.
        until: DateTime<Utc>,
        /// At what.
        what: String,
    },
    /// It gave up on it; the copy is there all the same.
    Failed {
        /// Why, for the creator.
        reason: String,
    },
    /// The copy is no longer there.
    Gone {
        /// Why, for the creator.
        reason: String,
    },
}

/// Whose token it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountIdentity {
    /// The account's own id at the instance.
    pub account: String,
    /// `ActivityPub` id of the actor, where the server tells.
    pub actor: Option<String>,
    /// Name without host.
    pub username: String,
    /// Page for people.
    pub url: Option<String>,
    /// What the creator should know: silenced, locked, …
    pub warnings: Vec<String>,
}

/// What a platform can do: data, not methods that answer "not supported".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capabilities {
    /// What a repeated key does.
    pub idempotency: Idempotency,
    /// How long an unanswered request may still take effect.
    pub settle: Duration,
    /// Whether a copy can continue another one, as a thread.
    pub threads: bool,
}

/// What a server does with a repeated idempotency key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Idempotency {
    /// The repeat creates nothing; the key is remembered this long.
    Replays {
        /// From the creation on.
        ttl: Duration,
    },
    /// The repeat is refused, whatever became of the first request.
    RefusesRepeats {
        /// From the first request on.
        ttl: Duration,
    },
    /// Keys are ignored.
    None,
    /// Nobody knows.
    Unknown,
}

/// Side effects of `publish`, in the order they happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// A file is about to be sent.
    Upload,
    /// A file was taken; the server works on it.
    Wait,
    /// The request that creates the copy is about to be sent: from here on the outcome may be unknown.
    Post,
}

/// How far a part has come. Serialisable; kept in the ledger.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublishProgress {
    /// Version of this record.
    pub version: u32,
    /// Files the server already has, by their place in the draft.
    pub uploaded: Vec<UploadedMedia>,
    /// How often a file that the server had taken was gone again before anything was posted with it.
    #[serde(default)]
    pub lost: u32,
    /// How often the server refused to post with a file because it still worked on it, though it had called it finished.
    #[serde(default)]
    pub unready: u32,
}

/// A file the server has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UploadedMedia {
    /// Which of the draft's media.
    pub index: usize,
    /// Its id at the server.
    pub id: String,
    /// Its address there, where the server told.
    pub url: Option<String>,
    /// When the server will have dropped it, unless it is attached.
    pub expires: DateTime<Utc>,
    /// The name it was sent under: another file under another name is another upload.
    pub file_name: String,
    /// With what words the server refused its alternative text, so that it went without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alt_refused: Option<String>,
}

/// Writes down what is about to happen, durably, before it happens.
#[async_trait]
pub trait Checkpoint: Send {
    /// Returns only when the note is on disk. On an error nothing may be sent.
    async fn before(&mut self, step: Step, progress: &PublishProgress) -> Result<(), CheckpointError>;
}

/// The note could not be written: nothing may be sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("nothing was sent, because the ledger could not be written: {0}")]
pub struct CheckpointError(pub String);

/// Shows how a transfer goes on. Never blocks, never fails.
pub trait ProgressSink: Send + Sync {
    /// A new stage, in a few words; `total` in bytes where it has a size.
    fn stage(&self, what: &str, total: Option<u64>);
    /// A new stage that isn't measured in bytes, of so many steps.
    fn work(&self, what: &str, steps: u64) {
        let _ = steps;
        self.stage(what, None);
    }
    /// So many bytes or steps of the stage are done.
    fn advance(&self, done: u64);
}

/// Shows nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoProgress;

impl ProgressSink for NoProgress {
    fn stage(&self, _what: &str, _total: Option<u64>) {}
    fn advance(&self, _bytes: u64) {}
}

/// How a publication ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PublishOutcome {
    /// It exists.
    Published(Copy),
    /// It exists, and the server still works on it: `settled` tells how that ends.
    Created {
        /// The copy.
        copy: Copy,
        /// Ask then.
        until: DateTime<Utc>,
    },
    /// The server refused, and would refuse again.
    Rejected {
        /// What it said, for the creator.
        reason: String,
    },
    /// The server refused one of the files: another form of it may be taken.
    MediaRejected {
        /// Which of the draft's media.
        index: usize,
        /// What it said.
        reason: String,
    },
    /// The server, or the proxy in front of it, refused one of the files for its size: a smaller one may be taken.
    MediaTooLarge {
        /// Which of the draft's media.
        index: usize,
        /// Size of the file that was refused.
        bytes: u64,
        /// Whether the answer says that it is the size, which holds for other files too.
        certain: bool,
        /// What it said.
        reason: String,
    },
    /// One of the files can't be read at the source just now, or has moved.
    MediaUnavailable {
        /// Which of the draft's media.
        index: usize,
        /// What happened.
        reason: String,
        /// Whether its address may have changed, so that the post should be read again.
        moved: bool,
    },
    /// The server asks to wait; nothing was created.
    Throttled {
        /// Not before then.
        until: DateTime<Utc>,
        /// What was throttled.
        reason: String,
    },
    /// The server still works on a file; nothing was created.
    InWork {
        /// Look again then.
        until: DateTime<Utc>,
        /// How far it is.
        progress: PublishProgress,
    },
    /// Nothing was created; it may work later.
    TryLater {
        /// What happened.
        reason: String,
    },
    /// The token no longer works, or lacks a permission; nothing was created.
    AuthLost {
        /// What the server said.
        reason: String,
    },
    /// The request left, and nobody knows what became of it.
    Unknown {
        /// What happened.
        reason: String,
    },
    /// Nothing was sent because it could not be written down first.
    NotNoted(CheckpointError),
}

/// How a copy is recognised.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Marker {
    /// Links to the original, any of which the copy's text carries.
    pub links: BTreeSet<String>,
    /// The first letters and digits of the copy's text, in lower case. Another post may link to this one too; only its copy
    /// begins like this.
    #[serde(default)]
    pub opening: String,
    /// Ids of media that only this copy can have.
    pub media: Vec<String>,
    /// Names of their files at the server, which another copy may have too where the server names them by content.
    #[serde(default)]
    pub files: Vec<String>,
    /// Id of the status that the copy continues: together with how its text begins, that is the copy.
    #[serde(default)]
    pub reply_to: Option<String>,
    /// Id of the status that it boosts.
    #[serde(default)]
    pub boost: Option<String>,
    /// The date of first publication that only this copy has, to the millisecond (contract peertube §7.4).
    #[serde(default)]
    pub stamp: Option<DateTime<Utc>>,
    /// The address that the instance was to fetch the file from.
    #[serde(default)]
    pub import: Option<String>,
}

/// When a copy can have been made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    /// Not before (the request left then, by our clock; the adapter allows for clock skew).
    pub since: DateTime<Utc>,
}

/// What a look at the destination showed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The copies seen, the oldest first.
    pub copies: Vec<Copy>,
    /// Why not everything could be seen that may be there. `None`: what isn't among the copies isn't there.
    pub blind: Option<String>,
}

/// Why a destination could not be asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DestinationError {
    /// It may work later.
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
    /// The token doesn't work, or lacks a permission.
    #[error("{0}")]
    AuthLost(String),
    /// What came isn't what this API answers.
    #[error("{0}")]
    Malformed(String),
    /// The address is not one tombolo may reach.
    #[error("{0}")]
    Refused(String),
}

/// The last segment of an address, without query and fragment.
pub fn file_name(url: &str) -> Option<String> {
    let name = url.split(['?', '#']).next()?.rsplit('/').next()?;
    (!name.is_empty()).then(|| name.to_owned())
}
