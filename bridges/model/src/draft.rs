//! A part made real (draft), and what then exists at the destination (copy).

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use serde::{Deserialize, Serialize};
use url::Url;

use crate::{Concept, Focus, IdempotencyKey, Visibility};

/// One status or one video, ready to be sent: final text, and files that can be opened.
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
    /// What it becomes there.
    pub form: Form,
}

/// What a draft becomes at its destination.
#[derive(Clone, Debug)]
pub enum Form {
    /// A status.
    Status {
        /// Id, in the destination's API, of the status it continues.
        reply_to: Option<String>,
    },
    /// A boost of a status that the instance already knows, by its id in the destination's API.
    Boost(String),
    /// A video.
    Video(Box<VideoDraft>),
}

/// What a video has besides a status: `Draft::text` is its description.
#[derive(Clone, Debug)]
pub struct VideoDraft {
    /// Plain text.
    pub title: String,
    /// Tags without `#`.
    pub tags: Vec<String>,
    /// By the source's own numbering: the adapter looks for the same name.
    pub category: Option<Concept>,
    /// By the source's own numbering: the adapter looks for the same name.
    pub licence: Option<Concept>,
    /// When it was first published. Its milliseconds may be a marker (contract peertube §7.4).
    pub originally_published: Option<DateTime<Utc>>,
    /// Whether viewers may download it.
    pub downloads_allowed: bool,
    /// Subtitles, as `WebVTT`.
    pub captions: Vec<CaptionDraft>,
    /// The address the instance is to fetch the file from, instead of an upload.
    pub import: Option<Url>,
}

/// Subtitles, ready to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CaptionDraft {
    /// Language tag.
    pub language: String,
    /// The file, as `WebVTT`.
    pub text: Bytes,
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
    /// What must stay in sight when it is cropped.
    pub focus: Option<Focus>,
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

    /// The same from a place on: its exact whole size, and its content from `offset`. Reads over what comes before, unless
    /// there is a better way.
    async fn open_at(&self, offset: u64) -> Result<(u64, MediaStream), MediaError> {
        let (bytes, stream) = self.open().await?;
        let mut left = offset;
        let rest = stream.filter_map(move |chunk| {
            let kept = chunk.map(|mut chunk| {
                let skipped = usize::try_from(left).unwrap_or(usize::MAX).min(chunk.len());
                left -= skipped as u64;
                chunk.split_off(skipped)
            });
            std::future::ready(match kept {
                Ok(chunk) if chunk.is_empty() => None,
                other => Some(other),
            })
        });
        Ok((bytes, rest.boxed()))
    }
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
