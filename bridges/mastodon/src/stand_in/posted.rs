//! What a test sees of the stand-in's memory.

use bytes::Bytes;
use chrono::{DateTime, Utc};
use url::Url;

use super::entities::{Writer, address, original_path};
use super::sniff::Kind;
use super::viewer::Viewer;
use super::world::{Hold, Medium, Status, Work, World};

/// A status that exists.
#[derive(Clone, Debug, PartialEq)]
pub struct Posted {
    /// Its id in the REST API.
    pub id: String,
    /// Its ActivityPub id.
    pub uri: String,
    /// Its page.
    pub url: String,
    /// The account's name.
    pub account: String,
    /// The text as it was sent.
    pub text: String,
    /// Its HTML.
    pub content: String,
    /// The content warning.
    pub spoiler_text: String,
    /// `public`, `unlisted`, `private` or `direct`.
    pub visibility: String,
    /// Whether its media are hidden.
    pub sensitive: bool,
    /// The language.
    pub language: Option<String>,
    /// The id of the status it answers.
    pub in_reply_to: Option<String>,
    /// The id of the status it boosts; then it has no text.
    pub boost_of: Option<String>,
    /// Its media, in order.
    pub media: Vec<PostedMedia>,
    /// Names of the accounts that were notified.
    pub mentions: Vec<String>,
    /// Its hashtags, in normal form.
    pub tags: Vec<String>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    pub edited_at: Option<DateTime<Utc>>,
    /// The `Idempotency-Key` it was made with.
    pub idempotency_key: Option<String>,
    /// The application that made it.
    pub application: String,
}

/// A file that was uploaded.
#[derive(Clone, Debug, PartialEq)]
pub struct PostedMedia {
    /// Its id.
    pub id: String,
    /// What the server made of it.
    pub kind: PostedKind,
    /// Its MIME type, by its content.
    pub media_type: String,
    /// The name it was uploaded under.
    pub file_name: String,
    /// How long it is.
    pub size: u64,
    /// Its SHA-256 in hexadecimal.
    pub sha256: String,
    /// The file itself, unless it was too long to be kept.
    pub bytes: Option<Bytes>,
    /// Where it can be fetched.
    pub url: String,
    /// Its alternative text.
    pub description: Option<String>,
    /// The thumbnail uploaded with it.
    pub thumbnail: Option<PostedThumbnail>,
    /// Its focal point.
    pub focus: Option<(f64, Option<f64>)>,
    /// How far its processing is.
    pub processing: Processing,
    /// Whether a status uses it.
    pub attached: bool,
    /// When it was uploaded.
    pub uploaded_at: DateTime<Utc>,
}

/// What the server made of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PostedKind {
    /// A picture.
    Image,
    /// A film with sound.
    Video,
    /// A silent loop.
    Gifv,
    /// Sound alone.
    Audio,
}

/// How far a medium's processing is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Processing {
    /// Not done.
    Underway,
    /// Done: it can be posted.
    Done,
    /// Failed for good.
    Failed,
}

/// A thumbnail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PostedThumbnail {
    /// Its MIME type, by its content.
    pub media_type: String,
    /// Its SHA-256 in hexadecimal.
    pub sha256: String,
    /// The file itself, unless it was too long to be kept.
    pub bytes: Option<Bytes>,
}

pub(super) fn posted(world: &World, base: &Url, status: &Status) -> Posted {
    let name = |id: &u64| {
        world
            .account(*id)
            .map(|account| account.name.clone())
            .unwrap_or_default()
    };
    let writer = Writer {
        world,
        base,
        viewer: &Viewer::Anonymous,
        tells_audience: true,
    };
    let media = status.media.iter().filter_map(|id| world.media.get(id));
    Posted {
        id: status.id.to_string(),
        uri: writer.uri(status),
        url: writer.page(status),
        account: name(&status.account),
        text: status.sent.clone(),
        content: writer.content(status),
        spoiler_text: status.spoiler.clone(),
        visibility: status.audience.name().to_owned(),
        sensitive: status.sensitive,
        language: status.language.clone(),
        in_reply_to: status.in_reply_to.map(|id| id.to_string()),
        boost_of: status.boost_of.map(|id| id.to_string()),
        media: media.map(|medium| medium_of(base, medium)).collect(),
        mentions: status.mentions.iter().map(name).collect(),
        tags: status.tags.clone(),
        created_at: status.created_at,
        edited_at: status.edited_at,
        idempotency_key: status.key.clone(),
        application: world
            .apps
            .get(status.app)
            .map(|app| app.name.clone())
            .unwrap_or_default(),
    }
}

pub(super) fn medium_of(base: &Url, medium: &Medium) -> PostedMedia {
    PostedMedia {
        id: medium.id.to_string(),
        kind: match medium.facts.kind {
            Kind::Image => PostedKind::Image,
            Kind::Video => PostedKind::Video,
            Kind::Gifv => PostedKind::Gifv,
            Kind::Audio => PostedKind::Audio,
        },
        media_type: medium.facts.mime.to_owned(),
        file_name: medium.file_name.clone(),
        size: medium.size,
        sha256: medium.sha256.clone(),
        bytes: medium.bytes.clone(),
        url: address(base, &original_path(medium)),
        description: medium.description.clone(),
        thumbnail: medium.thumbnail.as_ref().map(|thumbnail| PostedThumbnail {
            media_type: thumbnail.facts.mime.to_owned(),
            sha256: thumbnail.sha256.clone(),
            bytes: thumbnail.bytes.clone(),
        }),
        focus: medium.focus,
        processing: match medium.work {
            Work::Polls(..) => Processing::Underway,
            Work::Done => Processing::Done,
            Work::Failed => Processing::Failed,
        },
        attached: matches!(medium.hold, Hold::Attached(_)),
        uploaded_at: medium.uploaded_at,
    }
}
