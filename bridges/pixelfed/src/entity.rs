//! Pixelfed's native status (`_pe=1`), read tolerantly: as a post at its source, and as a copy at a destination
//! (contract pixelfed §5).

use chrono::{DateTime, Utc};
use serde_json::Value;
use tombolo_activitypub::parse_instant;
use tombolo_model::{
    ApId, Concept, Focus, Markup, Media, MediaKind, Mention, Packaging, Post, PostKind, Readiness, Rendition, Reply,
    Visibility, as_array, bool_of, string_of, unsigned_of,
};
use url::Url;

use crate::text;

/// Most attachments, tags and mentions that are kept of one status; albums have 20 at most.
pub(crate) const MAX_PARTS: usize = 100;
/// Longest address kept.
const MAX_URL: usize = 2048;
/// Longest id in the API kept; real ones have up to 20 digits.
const MAX_ID: usize = 64;

/// Reads a native status as a post; `None` for what isn't one, and for a share of somebody else's.
///
/// Its text is plain: the caption as people see it (contract pixelfed §5). The program that posted it isn't told: the
/// server says "web" of all.
pub fn post_from_native(value: &Value) -> Option<Post> {
    if value.get("reblog").is_some_and(Value::is_object) {
        return None;
    }
    let text = |key: &str| value.get(key).and_then(Value::as_str).filter(|t| !t.is_empty());
    let id = text("uri").or_else(|| text("url")).and_then(ApId::parse)?;
    let link = text("url").and_then(address).unwrap_or_else(|| id.to_url());
    let entries = list(value, "media_attachments");
    let media: Vec<Media> = entries.iter().filter_map(media).collect();
    let own = |key: &str| value.get("account").and_then(|a| a.get(key)).and_then(string_of);
    Some(Post {
        aliases: [id.as_str().to_owned(), link.to_string()].into(),
        kind: PostKind::Note,
        title: None,
        body: Markup::Plain(text::shown(&caption(value))),
        tags: list(value, "tags")
            .iter()
            .filter_map(|tag| Some(tag.get("name")?.as_str()?.trim_start_matches('#').to_owned()))
            .filter(|tag| !tag.is_empty())
            .collect(),
        category: None,
        licence: licence(entries),
        language: text("language").map(str::to_owned),
        sensitive: value.get("sensitive").and_then(truth).unwrap_or(false),
        content_warning: text("spoiler_text").map(str::to_owned),
        visibility: visibility(text("visibility")),
        readiness: readiness(&media),
        downloads_allowed: true,
        published: value.get("created_at").and_then(parse_instant),
        updated: value.get("edited_at").and_then(parse_instant),
        originally_published: None,
        reply: reply(value, &id, own("id").as_deref(), own("username").as_deref()),
        quote: None,
        mentions: list(value, "mentions")
            .iter()
            .filter_map(|mention| self::mention(mention, &id))
            .collect(),
        poll: Vec::new(),
        application: None,
        media,
        link,
        id,
    })
}

/// The caption as stored.
pub(crate) fn caption(value: &Value) -> String {
    let text = |key: &str| value.get(key).and_then(Value::as_str);
    text("content_text").map_or_else(|| text::caption_of(text("content").unwrap_or_default()), str::to_owned)
}

/// The first entries of a list.
pub(crate) fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    let all = as_array(value.get(key).unwrap_or(&Value::Null));
    &all[..all.len().min(MAX_PARTS)]
}

/// An address of the web that isn't too long.
pub(crate) fn address(text: &str) -> Option<Url> {
    let url = Url::parse(text).ok().filter(|_| text.len() <= MAX_URL)?;
    (matches!(url.scheme(), "http" | "https") && url.has_host()).then_some(url)
}

/// What is unknown is private.
pub(crate) fn visibility(word: Option<&str>) -> Visibility {
    match word {
        Some("public") => Visibility::Public,
        Some("unlisted") => Visibility::Unlisted,
        _ => Visibility::Private,
    }
}

/// A post whose file has no address yet isn't complete.
pub(crate) fn readiness(media: &[Media]) -> Readiness {
    if media.iter().any(|m| m.renditions.is_empty()) {
        Readiness::InWork("Pixelfed hasn't stored all of its files yet".into())
    } else {
        Readiness::Ready
    }
}

/// The MIME type in its proper spelling, and what it is: `image/jpg` is Pixelfed's own (contract pixelfed §5).
pub(crate) fn typed(mime: Option<&str>, kind: Option<&str>, url: Option<&Url>) -> (String, MediaKind) {
    let told = mime
        .map(|m| m.trim().to_ascii_lowercase())
        .filter(|m| m.contains('/') && m.len() <= 100);
    let mime = match told {
        Some(mime) if mime == "image/jpg" => "image/jpeg".to_owned(),
        Some(mime) => mime,
        None => by_extension(url, kind).to_owned(),
    };
    let kind = match mime.split('/').next() {
        _ if mime == "image/gif" => MediaKind::Animation,
        Some("video") => MediaKind::Video,
        Some("audio") => MediaKind::Audio,
        _ => MediaKind::Image,
    };
    (mime, kind)
}

fn by_extension(url: Option<&Url>, kind: Option<&str>) -> &'static str {
    let name = url.map(|u| u.path().to_ascii_lowercase()).unwrap_or_default();
    match name.rsplit('.').next() {
        Some("png") => "image/png",
        Some("gif") => "image/gif",
        Some("webp") => "image/webp",
        Some("avif") => "image/avif",
        Some("mp4") => "video/mp4",
        _ if kind == Some("video") => "video/mp4",
        _ => "image/jpeg",
    }
}

/// A file as it stands at the source.
pub(crate) fn rendition(url: Url, media_type: String, width: Option<u64>, height: Option<u64>) -> Rendition {
    let pixels = |n: Option<u64>| n.and_then(|n| u32::try_from(n).ok()).filter(|n| *n > 0);
    Rendition {
        url,
        media_type,
        bytes: None,
        width: pixels(width),
        height: pixels(height),
        fps: None,
        has_audio: None,
        has_video: None,
        packaging: Packaging::File,
    }
}

/// A point that must stay in sight; the middle, which is what Pixelfed always says, is no wish.
pub(crate) fn focus(x: Option<f64>, y: Option<f64>) -> Option<Focus> {
    #[allow(clippy::cast_possible_truncation)] // between −1 and 1
    let point = |n: f64| (-1.0..=1.0).contains(&n).then_some(n as f32);
    let focus = Focus {
        x: point(x?)?,
        y: point(y?)?,
    };
    (focus.x != 0.0 || focus.y != 0.0).then_some(focus)
}

fn media(value: &Value) -> Option<Media> {
    value.as_object()?;
    let text = |key: &str| value.get(key).and_then(Value::as_str).filter(|t| !t.is_empty());
    let url = text("url").or_else(|| text("remote_url")).and_then(address);
    let (media_type, kind) = typed(text("mime"), text("type"), url.as_ref());
    let meta = |path: [&str; 2]| value.get("meta")?.get(path[0])?.get(path[1]);
    let size = |key| meta(["original", key]).and_then(unsigned_of);
    let at = |key| meta(["focus", key]).and_then(Value::as_f64);
    // Of a picture there is nothing larger than itself; of a video there is a frame.
    let frame = text("preview_url").filter(|p| kind == MediaKind::Video && !p.ends_with("/no-preview.png"));
    Some(Media {
        kind,
        // Purified on its way in: `&` is stored as `&amp;`.
        alt: text("description").map(tombolo_mastoapi::decoded),
        thumbnail: frame.and_then(address).filter(|frame| Some(frame) != url.as_ref()),
        renditions: url
            .map(|url| rendition(url, media_type, size("width"), size("height")))
            .into_iter()
            .collect(),
        captions: Vec::new(),
        duration: None,
        focus: focus(at("x"), at("y")),
    })
}

/// The licence that all attachments have.
fn licence(entries: &[Value]) -> Option<Concept> {
    let of = |value: &Value| {
        let licence = value.get("license")?;
        Some(Concept {
            id: licence.get("id").and_then(string_of)?,
            label: licence
                .get("title")
                .or_else(|| licence.get("name"))?
                .as_str()?
                .to_owned(),
        })
    };
    let mut all = entries.iter().map(of);
    let first = all.next()??;
    all.all(|other| other.as_ref() == Some(&first)).then_some(first)
}

fn reply(value: &Value, id: &ApId, author: Option<&str>, name: Option<&str>) -> Option<Reply> {
    let to = value.get("in_reply_to_id").and_then(string_of)?;
    let own = author.is_some() && value.get("in_reply_to_account_id").and_then(string_of).as_deref() == author;
    // Only the address of an own post can be told from its number.
    let address = own.then(|| format!("{}/p/{}/{to}", id.origin(), name.unwrap_or_default()));
    Some(Reply {
        to: address.as_deref().and_then(ApId::parse),
        own,
    })
}

fn mention(value: &Value, post: &ApId) -> Option<Mention> {
    let text = |key: &str| value.get(key).and_then(Value::as_str).filter(|t| !t.is_empty());
    let name = text("acct").or_else(|| text("username"))?;
    let handle = if name.contains('@') {
        name.to_owned()
    } else {
        format!("{name}@{}", post.to_url().host_str()?)
    };
    Some(Mention {
        url: text("url").and_then(address)?.into(),
        handle,
    })
}

/// Truth as PHP writes it, too.
pub(crate) fn truth(value: &Value) -> Option<bool> {
    bool_of(value).or_else(|| unsigned_of(value).map(|n| n != 0))
}

/// A status at a destination.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Status {
    pub(crate) id: String,
    pub(crate) uri: String,
    pub(crate) url: Option<String>,
    /// As stored.
    pub(crate) caption: String,
    pub(crate) created_at: Option<DateTime<Utc>>,
    pub(crate) visibility: Option<String>,
    pub(crate) sensitive: Option<bool>,
    pub(crate) warning: String,
    pub(crate) media: Vec<Attachment>,
}

/// An attachment at a destination.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Attachment {
    pub(crate) id: String,
    pub(crate) alt: String,
}

impl Status {
    /// Reads a status of either form; `None` for what isn't one.
    pub(crate) fn of(value: &Value) -> Option<Self> {
        let id = value.get("id").and_then(identifier)?;
        let text = |key: &str| value.get(key).and_then(Value::as_str).filter(|t| t.len() <= MAX_URL);
        let whole = |key: &str| value.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
        Some(Self {
            uri: text("uri").or_else(|| text("url")).unwrap_or(&id).to_owned(),
            url: text("url").map(str::to_owned),
            caption: caption(value),
            created_at: value.get("created_at").and_then(parse_instant),
            visibility: text("visibility").map(str::to_owned),
            sensitive: value.get("sensitive").and_then(truth),
            warning: whole("spoiler_text"),
            media: list(value, "media_attachments")
                .iter()
                .filter_map(|media| {
                    Some(Attachment {
                        id: media.get("id").and_then(identifier)?,
                        alt: media.get("description").and_then(string_of).unwrap_or_default(),
                    })
                })
                .collect(),
            id,
        })
    }
}

/// An id in the API: opaque, but short, and made of letters and digits.
pub(crate) fn identifier(value: &Value) -> Option<String> {
    string_of(value)
        .filter(|id| !id.is_empty() && id.len() <= MAX_ID && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-'))
}
