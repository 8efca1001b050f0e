//! What a creator published, in one normal form for all platforms.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use url::Url;

use crate::ApId;

/// A post as its source shows it. Two readers of one source give equal posts for the same object.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Post {
    /// `ActivityPub` id, as served: the post's identity.
    pub id: ApId,
    /// The page for people, computed alike by all readers.
    pub link: Url,
    /// Every URL by which the post is known, its id and link among them.
    pub aliases: BTreeSet<String>,
    /// What kind of thing it is.
    pub kind: PostKind,
    /// Title, where the platform has titles. Plain text.
    pub title: Option<String>,
    /// The post's text.
    pub body: Markup,
    /// Tags without `#`, as typed, in the source's order.
    pub tags: Vec<String>,
    /// Category by the source's own numbering.
    pub category: Option<Concept>,
    /// Licence by the source's own numbering.
    pub licence: Option<Concept>,
    /// Language tag as the source gives it.
    pub language: Option<String>,
    /// Whether the creator marked it as sensitive.
    pub sensitive: bool,
    /// The text that warns of the content, where there is one. Plain text.
    pub content_warning: Option<String>,
    /// Who may see it at the source. Unknown counts as private.
    pub visibility: Visibility,
    /// Whether it is ready to be carried.
    pub readiness: Readiness,
    /// False where the creator switched downloads off: then a link is posted, never the file.
    pub downloads_allowed: bool,
    /// When it was published at the source. Never an identity, never a cursor.
    pub published: Option<DateTime<Utc>>,
    /// When it was last changed there.
    pub updated: Option<DateTime<Utc>>,
    /// When it was first published elsewhere, if the creator says so.
    pub originally_published: Option<DateTime<Utc>>,
    /// What is attached, in order.
    pub media: Vec<Media>,
    /// What it answers, if it is an answer.
    pub reply: Option<Reply>,
    /// Page or id of the post that it quotes.
    pub quote: Option<String>,
    /// Whom it names, so that names can be written in full.
    pub mentions: Vec<Mention>,
    /// Its poll: the choices, in order. A copy can show them, not take votes.
    pub poll: Vec<String>,
    /// Name of the program that published it, where the source tells.
    pub application: Option<String>,
}

/// What a post answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reply {
    /// Id of the post that is answered, where it is known.
    pub to: Option<ApId>,
    /// Whether that is a post of the same account: then both are parts of a thread.
    pub own: bool,
}

/// A person named in a post.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mention {
    /// `name@host`, without the first `@`.
    pub handle: String,
    /// Page or id of the person, as linked in the text.
    pub url: String,
}

/// Kinds of posts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PostKind {
    /// A video with a title.
    Video,
    /// A live broadcast, running or to come: it has no file.
    Live,
    /// A text, with or without attachments.
    Note,
}

/// Text in the form its source keeps it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "format", content = "text", rename_all = "snake_case")]
pub enum Markup {
    /// Plain text.
    Plain(String),
    /// Markdown (`PeerTube`).
    Markdown(String),
    /// HTML (Mastodon, Pixelfed).
    Html(String),
}

/// An entry of one of the source's lists (categories, licences): its id there and its name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Concept {
    /// The id, as text.
    pub id: String,
    /// The name for people.
    pub label: String,
}

/// Who may see a post.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Visibility {
    /// Everyone, and listed.
    Public,
    /// Everyone who has the address.
    Unlisted,
    /// Anything narrower, and anything unknown.
    Private,
}

impl Visibility {
    /// The word for it in Mastodon's API and in the configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Unlisted => "unlisted",
            Self::Private => "private",
        }
    }
}

/// Whether a post can be carried now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Readiness {
    /// It is published and complete.
    Ready,
    /// The source is still working on it; says at what.
    InWork(String),
    /// It was finished before, and the source is working on its files; says at what.
    Paused(String),
    /// The source gave up on it; says why.
    Failed(String),
}

/// An attachment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Media {
    /// What it is.
    pub kind: MediaKind,
    /// Alternative text given by the creator.
    pub alt: Option<String>,
    /// Its encoded forms, best first.
    pub renditions: Vec<Rendition>,
    /// Subtitles.
    pub captions: Vec<Caption>,
    /// The largest still picture of it.
    pub thumbnail: Option<Url>,
    /// How long it plays, in seconds.
    pub duration: Option<u32>,
    /// What must stay in sight when a picture of it is cropped.
    pub focus: Option<Focus>,
}

/// A point of a picture: from −1 (left, bottom) to 1 (right, top) on both axes.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Focus {
    /// Across.
    pub x: f32,
    /// Upwards.
    pub y: f32,
}

/// Kinds of media.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MediaKind {
    /// A moving picture, with or without sound.
    Video,
    /// A still picture.
    Image,
    /// A silent moving picture that plays by itself, over and over: a GIF, or a video made of one.
    Animation,
    /// Sound alone.
    Audio,
}

/// One encoded form of a medium.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rendition {
    /// Where the file is now. Not stable: read again before use (contract peertube §0.9).
    pub url: Url,
    /// MIME type, without parameters.
    pub media_type: String,
    /// File size in bytes.
    pub bytes: Option<u64>,
    /// Width in pixels.
    pub width: Option<u32>,
    /// Height in pixels.
    pub height: Option<u32>,
    /// Frames per second.
    pub fps: Option<f32>,
    /// Whether it has sound; `None` where the source doesn't say.
    pub has_audio: Option<bool>,
    /// Whether it has pictures; `None` where the source doesn't say.
    pub has_video: Option<bool>,
    /// How the file is built.
    pub packaging: Packaging,
}

/// How a rendition's file is built.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Packaging {
    /// A plain file.
    File,
    /// A fragmented MP4, as HLS uses it: complete, and playable as a file.
    FragmentedMp4,
}

/// Subtitles of a medium in one language, as `WebVTT`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Caption {
    /// Language tag.
    pub language: String,
    /// Where the file is.
    pub url: Url,
    /// Whether a machine wrote it.
    pub automatic: bool,
}
