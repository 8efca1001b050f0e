//! A part made real (draft), and what then exists at the destination (copy).

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream::BoxStream;
use serde::{Deserialize, Serialize};

use crate::{IdempotencyKey, Visibility};

/// One status, ready to be sent: final text, and files that can be opened.
#[derive(Clone, Debug)]
pub struct Draft {
    /// Plain text, already fitted to the destination.
    pub text: String,
    /// Content warning.
    pub content_warning: Option<String>,
    /// Whether media are to be covered.
    pub sensitive: bool,
    /// Language tag.
    pub language: Option<String>,
    /// Visibility of the copy.
    pub visibility: Visibility,
    /// Attachments in order.
    pub media: Vec<MediaDraft>,
    /// Names this attempt.
    pub key: IdempotencyKey,
}

/// One attachment, ready to be sent.
#[derive(Clone, Debug)]
pub struct MediaDraft {
    /// File name: unique to delivery, part and medium, the same over retries, with an extension.
    pub file_name: String,
    /// MIME type.
    pub media_type: String,
    /// Alternative text.
    pub alt: Option<String>,
    /// A still picture to show before it plays. Only for videos with sound (contract mastodon §0a.1).
    pub thumbnail: Option<Thumbnail>,
    /// The file.
    pub body: Arc<dyn MediaBody>,
}

/// A still picture, small enough to be held in memory.
#[derive(Clone, PartialEq, Eq)]
pub struct Thumbnail {
    /// MIME type.
    pub media_type: String,
    /// The file.
    pub bytes: Bytes,
}

impl fmt::Debug for Thumbnail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Thumbnail({}, {} bytes)", self.media_type, self.bytes.len())
    }
}

/// The bytes of a medium, read as they come.
pub type MediaStream = BoxStream<'static, Result<Bytes, std::io::Error>>;

/// A file that can be opened, and opened again for another attempt.
#[async_trait]
pub trait MediaBody: Send + Sync + fmt::Debug {
    /// Its exact size in bytes and its content from the beginning.
    async fn open(&self) -> Result<(u64, MediaStream), MediaError>;
}

/// Why a file could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum MediaError {
    /// The source no longer has it: its address may have changed.
    #[error("the file is no longer at {0}")]
    Gone(String),
    /// It isn't what the source announced.
    #[error("{0}")]
    Unusable(String),
    /// It may work later.
    #[error("{0}")]
    Transient(String),
}

/// What exists at the destination for a part.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Copy {
    /// Id in the destination's API.
    pub id: String,
    /// `ActivityPub` id.
    pub uri: String,
    /// Page for people, if it has one.
    pub url: Option<String>,
    /// Where it differs from what was meant.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub differences: Vec<Difference>,
}

/// Where a copy differs from its draft.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    /// What differs: `visibility`, `sensitive`, `media`, `alt text`, …
    pub what: String,
    /// What was meant.
    pub meant: String,
    /// What the server made of it.
    pub got: String,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is {} instead of {}", self.what, self.got, self.meant)
    }
}
