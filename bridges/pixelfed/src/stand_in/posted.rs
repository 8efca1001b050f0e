//! What a test puts into the stand-in's memory, and what it sees of it.

use bytes::Bytes;
use chrono::{DateTime, Utc};
use url::Url;

use super::entities::Writer;
use super::text;
use super::world::{Medium, Status, World};

/// A post as somebody makes it with the web page.
#[derive(Clone, Debug)]
pub struct NewPost {
    /// The caption.
    pub text: String,
    /// Its photos and videos, in order.
    pub media: Vec<NewMedia>,
    /// `public`, `unlisted` or `private`.
    pub visibility: String,
    /// Whether its media are hidden.
    pub sensitive: bool,
    /// The content warning.
    pub spoiler_text: Option<String>,
    /// Whether nobody may comment.
    pub comments_disabled: bool,
    /// The id of the post it comments.
    pub in_reply_to: Option<String>,
    /// When it was made; now, if not said.
    pub at: Option<DateTime<Utc>>,
}

impl Default for NewPost {
    fn default() -> Self {
        Self {
            text: String::new(),
            media: Vec::new(),
            visibility: "public".into(),
            sensitive: false,
            spoiler_text: None,
            comments_disabled: false,
            in_reply_to: None,
            at: None,
        }
    }
}

/// A photo or video of a [`NewPost`].
#[derive(Clone, Debug, Default)]
pub struct NewMedia {
    /// The file. What it is, its content tells.
    pub bytes: Bytes,
    /// Its alternative text.
    pub description: Option<String>,
    /// The name of its license.
    pub license: Option<String>,
}

impl NewMedia {
    /// A file with an alternative text.
    pub fn new(bytes: impl Into<Bytes>, description: &str) -> Self {
        Self {
            bytes: bytes.into(),
            description: (!description.is_empty()).then(|| description.to_owned()),
            license: None,
        }
    }
}

/// A post that exists.
#[derive(Clone, Debug, PartialEq)]
pub struct Posted {
    /// Its id in the REST API.
    pub id: String,
    /// Its page, and its ActivityPub id.
    pub url: String,
    /// The account's name.
    pub account: String,
    /// The caption as it was sent.
    pub text: String,
    /// The caption as it is stored: without what looked like HTML.
    pub stored: String,
    /// Its HTML.
    pub content: String,
    /// `photo`, `photo:album`, `video`, `video:album`, `photo:video:album` or `text`.
    pub kind: String,
    /// Whether it is in its account's lists.
    pub listed: bool,
    /// The content warning.
    pub spoiler_text: Option<String>,
    /// `public`, `unlisted`, `private`; `draft` for one that never came to be and keeps its media.
    pub visibility: String,
    /// Whether its media are hidden.
    pub sensitive: bool,
    /// The id of the post it comments.
    pub in_reply_to: Option<String>,
    /// Its media, in order.
    pub media: Vec<PostedMedia>,
    /// Names of local accounts that were notified.
    pub mentions: Vec<String>,
    /// Its hashtags.
    pub tags: Vec<String>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    pub edited_at: Option<DateTime<Utc>>,
    /// The `Idempotency-Key` it was made with.
    pub idempotency_key: Option<String>,
}

/// A file that was uploaded.
#[derive(Clone, Debug, PartialEq)]
pub struct PostedMedia {
    /// Its id.
    pub id: String,
    /// Its MIME type, by its content.
    pub media_type: String,
    /// The name it was uploaded under.
    pub file_name: String,
    /// The file as it was uploaded.
    pub bytes: Bytes,
    /// The file as it is served once the queue has run.
    pub served: Bytes,
    /// Width and height after processing; None for videos and what can't be processed.
    pub size: Option<(u32, u32)>,
    /// Where it can be fetched.
    pub url: String,
    /// Its alternative text.
    pub description: Option<String>,
    /// The id of the post that has taken it.
    pub status: Option<String>,
    /// When it was uploaded.
    pub uploaded_at: DateTime<Utc>,
}

pub(super) fn posted(world: &World, base: &Url, status: &Status) -> Posted {
    let writer = writer(world, base);
    let account = world.account(status.account).map(|account| account.name.clone());
    let notified = text::mentions(&status.caption).into_iter();
    Posted {
        id: status.id.to_string(),
        url: writer.url(status),
        account: account.unwrap_or_default(),
        text: status.sent.clone(),
        stored: status.caption.clone(),
        content: text::linked(&status.caption, base),
        kind: world.kind_of(status).to_owned(),
        listed: world.is_listed(status),
        spoiler_text: status.spoiler.clone(),
        visibility: status.scope.name().to_owned(),
        sensitive: status.sensitive,
        in_reply_to: status.in_reply_to.map(|id| id.to_string()),
        media: world
            .media_of(status)
            .map(|medium| medium_of(world, base, medium))
            .collect(),
        mentions: notified
            .filter_map(|name| world.account_named(name))
            .map(|account| account.name.clone())
            .collect(),
        tags: text::tags(&status.caption),
        created_at: status.created_at,
        edited_at: status.edited_at,
        idempotency_key: status.key.clone(),
    }
}

pub(super) fn medium_of(world: &World, base: &Url, medium: &Medium) -> PostedMedia {
    let picture = medium.picture.as_ref();
    PostedMedia {
        id: medium.id.to_string(),
        media_type: medium.kind.mime().to_owned(),
        file_name: medium.file_name.clone(),
        bytes: medium.original.clone(),
        served: picture.map_or_else(|| medium.original.clone(), |picture| picture.bytes.clone()),
        size: picture.and_then(|picture| picture.size),
        url: writer(world, base).file(medium),
        description: medium.description.clone(),
        status: medium.status.map(|id| id.to_string()),
        uploaded_at: medium.uploaded_at,
    }
}

fn writer<'a>(world: &'a World, base: &'a Url) -> Writer<'a> {
    Writer {
        world,
        base,
        now: DateTime::<Utc>::MAX_UTC,
        for_user: false,
    }
}
