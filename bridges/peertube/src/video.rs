//! A video in both of PeerTube's spellings, REST and ActivityPub, turned into the one normal form.
//!
//! Both functions give equal posts for the same video (contract peertube §3.3 lists what each lacks).

use std::collections::BTreeSet;

use serde_json::Value;
use tombolo_activitypub::{is_public, parse_duration, parse_instant, types_of};
use tombolo_model::{
    ApId, Caption, Concept, Markup, Media, MediaKind, Packaging, Post, PostKind, Readiness, Rendition, Visibility,
    as_array, bool_of, id_of, number_of, string_of, unsigned_of,
};
use url::Url;

/// Longest text taken over from a video; PeerTube's own limit is 10,000 characters (contract peertube §7.1).
const MAX_TEXT: usize = 256 * 1024;
/// Most tags, renditions or captions looked at. PeerTube allows five tags.
const MAX_ITEMS: usize = 100;

/// Reads the answer of `GET /api/v1/videos/{id}` and that of its `captions`; relative paths are resolved against `base`.
pub fn post_from_api(video: &Value, captions: &Value, base: &Url) -> Option<Post> {
    let id = ApId::parse(video.get("url")?.as_str()?)?;
    let resolve = |path: &Value| base.join(path.as_str()?).ok().filter(is_http);
    let mut renditions: Vec<Rendition> = list(video, "files")
        .filter_map(|file| api_rendition(file, base, Packaging::File))
        .collect();
    for playlist in list(video, "streamingPlaylists") {
        renditions
            .extend(list(playlist, "files").filter_map(|file| api_rendition(file, base, Packaging::FragmentedMp4)));
    }
    let thumbnails = list(video, "thumbnails")
        .filter_map(|t| Some((unsigned_of(t.get("width")?).unwrap_or(0), resolve(t.get("fileUrl")?)?)));
    let thumbnail = thumbnails
        .max_by_key(|(width, _)| *width)
        .map(|(_, url)| url)
        .or_else(|| resolve(video.get("previewPath")?))
        .or_else(|| resolve(video.get("thumbnailPath")?));
    let captions = list(captions, "data").filter_map(|caption| {
        Some(Caption {
            language: text(caption.get("language")?.get("id")?)?,
            url: caption
                .get("fileUrl")
                .and_then(resolve)
                .or_else(|| resolve(caption.get("captionPath")?))?,
            automatic: caption.get("automaticallyGenerated").and_then(bool_of).unwrap_or(false),
        })
    });
    let is_live = video.get("isLive").and_then(bool_of).unwrap_or(false);
    let privacy = video.get("privacy").and_then(|p| p.get("id")).and_then(unsigned_of);
    Some(assemble(Parts {
        uuid: video.get("uuid").and_then(Value::as_str),
        id,
        title: video.get("name").and_then(text),
        description: video.get("description").and_then(text),
        tags: list(video, "tags").filter_map(text).collect(),
        category: video.get("category").and_then(|c| concept(c, "id", "label")),
        licence: video.get("licence").and_then(|c| concept(c, "id", "label")),
        language: video.get("language").and_then(|c| concept(c, "id", "label")),
        sensitive: video.get("nsfw").and_then(bool_of).unwrap_or(false),
        warning: video.get("nsfwSummary").and_then(text),
        // Contract peertube §5: 1 public, 2 unlisted, everything else narrower.
        visibility: match privacy {
            Some(1) => Visibility::Public,
            Some(2) => Visibility::Unlisted,
            _ => Visibility::Private,
        },
        state: video.get("state").and_then(|s| s.get("id")).and_then(unsigned_of),
        is_live,
        downloads_allowed: video.get("downloadEnabled").and_then(bool_of).unwrap_or(true),
        duration: video
            .get("duration")
            .and_then(unsigned_of)
            .and_then(|s| u32::try_from(s).ok()),
        published: video.get("publishedAt"),
        updated: video.get("updatedAt"),
        originally: video.get("originallyPublishedAt"),
        renditions,
        captions: captions.collect(),
        thumbnail,
    }))
}

/// Reads an ActivityPub `Video`.
pub fn post_from_activitypub(video: &Value) -> Option<Post> {
    if !types_of(video).any(|t| t == "Video") {
        return None;
    }
    let id = ApId::parse(video.get("id")?.as_str()?)?;
    let base = Url::parse(id.as_str()).ok()?;
    let mut renditions = Vec::new();
    for link in list(video, "url") {
        renditions.extend(ap_rendition(link, &base, Packaging::File));
        if link.get("mediaType").and_then(Value::as_str) == Some("application/x-mpegURL") {
            renditions.extend(list(link, "tag").filter_map(|l| ap_rendition(l, &base, Packaging::FragmentedMp4)));
        }
    }
    let thumbnail = list(video, "icon")
        .filter_map(|icon| {
            let url = icon
                .as_str()
                .or_else(|| as_array(icon.get("url")?).first().and_then(id_of))?;
            let width = icon.get("width").and_then(unsigned_of).unwrap_or(0);
            Some((width, base.join(url).ok().filter(is_http)?))
        })
        .max_by_key(|(width, _)| *width)
        .map(|(_, url)| url);
    let captions = list(video, "subtitleLanguage").filter_map(|caption| {
        let url = as_array(caption.get("url")?).iter().find_map(id_of)?;
        Some(Caption {
            language: text(caption.get("identifier")?)?,
            url: base.join(url).ok().filter(is_http)?,
            automatic: caption.get("automaticallyGenerated").and_then(bool_of).unwrap_or(false),
        })
    });
    let (to, cc) = (
        video.get("to").unwrap_or(&Value::Null),
        video.get("cc").unwrap_or(&Value::Null),
    );
    // An unlisted video has empty `to` and `cc` (contract peertube §3.2), which can't be told from a private one.
    let visibility = match (is_public(to), is_public(cc)) {
        (true, _) => Visibility::Public,
        (false, true) => Visibility::Unlisted,
        (false, false) => Visibility::Private,
    };
    let is_live = video.get("isLiveBroadcast").and_then(bool_of).unwrap_or(false);
    Some(assemble(Parts {
        uuid: video.get("uuid").and_then(Value::as_str),
        id,
        title: video.get("name").and_then(text),
        description: video.get("content").and_then(text),
        tags: list(video, "tag")
            .filter(|tag| types_of(tag).any(|t| t == "Hashtag"))
            .filter_map(|tag| text(tag.get("name")?))
            .collect(),
        category: video.get("category").and_then(|c| concept(c, "identifier", "name")),
        licence: video.get("licence").and_then(|c| concept(c, "identifier", "name")),
        language: video.get("language").and_then(|c| concept(c, "identifier", "name")),
        sensitive: video.get("sensitive").and_then(bool_of).unwrap_or(false),
        warning: video.get("summary").and_then(text),
        visibility,
        state: video.get("state").and_then(unsigned_of),
        is_live,
        downloads_allowed: video.get("downloadEnabled").and_then(bool_of).unwrap_or(true),
        duration: video.get("duration").and_then(Value::as_str).and_then(parse_duration),
        published: video.get("published"),
        updated: video.get("updated"),
        originally: video.get("originallyPublishedAt"),
        renditions,
        captions: captions.collect(),
        thumbnail,
    }))
}

struct Parts<'a> {
    id: ApId,
    uuid: Option<&'a str>,
    title: Option<String>,
    description: Option<String>,
    tags: Vec<String>,
    category: Option<Concept>,
    licence: Option<Concept>,
    language: Option<Concept>,
    sensitive: bool,
    warning: Option<String>,
    visibility: Visibility,
    state: Option<u64>,
    is_live: bool,
    downloads_allowed: bool,
    duration: Option<u32>,
    published: Option<&'a Value>,
    updated: Option<&'a Value>,
    originally: Option<&'a Value>,
    renditions: Vec<Rendition>,
    captions: Vec<Caption>,
    thumbnail: Option<Url>,
}

fn assemble(parts: Parts<'_>) -> Post {
    let (link, aliases) = addresses(&parts.id, parts.uuid);
    let mut renditions = parts.renditions;
    renditions.sort_by(|a, b| {
        let size = |r: &Rendition| r.width.unwrap_or(0).min(r.height.unwrap_or(0));
        a.packaging
            .cmp(&b.packaging)
            .then(size(b).cmp(&size(a)))
            .then_with(|| a.url.as_str().cmp(b.url.as_str()))
    });
    renditions.dedup_by(|a, b| a.url == b.url);
    let mut captions = parts.captions;
    captions.sort_by(|a, b| {
        a.language
            .cmp(&b.language)
            .then_with(|| a.url.as_str().cmp(b.url.as_str()))
    });
    let media = Media {
        kind: MediaKind::Video,
        alt: None,
        renditions: if parts.is_live { Vec::new() } else { renditions },
        captions,
        thumbnail: parts.thumbnail,
        duration: parts.duration.filter(|seconds| *seconds > 0),
    };
    Post {
        link,
        aliases,
        kind: if parts.is_live { PostKind::Live } else { PostKind::Video },
        title: parts.title,
        body: Markup::Markdown(parts.description.unwrap_or_default()),
        tags: parts.tags,
        category: parts.category,
        licence: parts.licence,
        language: parts.language.map(|language| language.id),
        sensitive: parts.sensitive,
        content_warning: parts.warning,
        visibility: parts.visibility,
        readiness: readiness(parts.state),
        downloads_allowed: parts.downloads_allowed,
        published: parts.published.and_then(parse_instant),
        updated: parts.updated.and_then(parse_instant),
        originally_published: parts.originally.and_then(parse_instant),
        media: vec![media],
        id: parts.id,
    }
}

/// Contract peertube §5. Numbers that nobody knows yet aren't published.
fn readiness(state: Option<u64>) -> Readiness {
    let in_work = |what: &str| Readiness::InWork(what.to_owned());
    match state {
        Some(1) => Readiness::Ready,
        Some(2) => in_work("PeerTube is still transcoding it"),
        Some(3) => in_work("PeerTube is still importing it"),
        Some(4) => in_work("the live broadcast has not begun"),
        Some(5) => in_work("the live broadcast has ended"),
        Some(6 | 10) => in_work("PeerTube is moving its files"),
        Some(9) => in_work("it is being edited in PeerTube's studio"),
        Some(7) => Readiness::Failed("PeerTube could not transcode it".to_owned()),
        Some(8 | 11) => Readiness::Failed("PeerTube could not move its files".to_owned()),
        Some(other) => in_work(&format!("PeerTube says that it is in state {other}")),
        None => in_work("PeerTube doesn't say that it is published"),
    }
}

/// The page for people and every address of a video, made of its id and uuid alone, so that all readers agree.
fn addresses(id: &ApId, uuid: Option<&str>) -> (Url, BTreeSet<String>) {
    let mut aliases = BTreeSet::from([id.as_str().to_owned()]);
    let origin = id.origin();
    let watch = uuid.map(|uuid| format!("{origin}/videos/watch/{uuid}"));
    // Only where the id has PeerTube's own form is the short address known to lead to the same video.
    let short = uuid
        .filter(|_| watch.as_deref() == Some(id.as_str()))
        .and_then(short_uuid);
    let mut link = id.to_url();
    if let Some(short) = short
        && let Ok(page) = Url::parse(&format!("{origin}/w/{short}"))
    {
        aliases.insert(format!("{origin}/videos/watch/{short}"));
        aliases.insert(page.to_string());
        link = page;
    }
    aliases.insert(link.to_string());
    (link, aliases)
}

/// The short form of a uuid in PeerTube's page addresses: the same number in base 58 (contract peertube §4).
pub fn short_uuid(uuid: &str) -> Option<String> {
    const ALPHABET: &[u8; 58] = b"123456789abcdefghijkmnopqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ";
    let digits: String = uuid.chars().filter(|c| *c != '-').collect();
    if digits.len() != 32 || uuid.len() != 36 {
        return None;
    }
    let mut number = u128::from_str_radix(&digits, 16).ok()?;
    let mut short = [ALPHABET[0]; 22];
    for place in short.iter_mut().rev() {
        *place = ALPHABET[usize::try_from(number % 58).ok()?];
        number /= 58;
    }
    String::from_utf8(short.to_vec()).ok()
}

fn api_rendition(file: &Value, base: &Url, packaging: Packaging) -> Option<Rendition> {
    let url = file.get("fileUrl").or_else(|| file.get("fileDownloadUrl"))?.as_str()?;
    let url = base.join(url).ok().filter(is_http)?;
    Some(Rendition {
        media_type: type_by_name(&url).to_owned(),
        bytes: file.get("size").and_then(unsigned_of).filter(|b| *b > 0),
        width: pixels(file.get("width")),
        height: pixels(file.get("height")),
        fps: frames(file.get("fps")),
        has_audio: file.get("hasAudio").and_then(bool_of),
        has_video: file.get("hasVideo").and_then(bool_of),
        url,
        packaging,
    })
}

fn ap_rendition(link: &Value, base: &Url, packaging: Packaging) -> Option<Rendition> {
    let media_type = link.get("mediaType").or_else(|| link.get("mimeType"))?.as_str()?;
    let media_type = media_type.split(';').next()?.trim().to_ascii_lowercase();
    // A metadata link has `rel: ["metadata", "video/mp4"]` (contract activitypub §4.2) and is JSON by its own type.
    let is_file = media_type.starts_with("video/") || media_type.starts_with("audio/");
    if !is_file
        || link
            .get("rel")
            .is_some_and(|rel| as_array(rel).iter().any(|r| r == "metadata"))
    {
        return None;
    }
    let url = base.join(link.get("href")?.as_str()?).ok().filter(is_http)?;
    let mut codecs = as_array(link.get("attachment").unwrap_or(&Value::Null))
        .iter()
        .filter(|p| p.get("name").and_then(Value::as_str) == Some("ffprobe_codec_type"))
        .filter_map(|p| p.get("value")?.as_str())
        .peekable();
    let known = codecs.peek().is_some();
    let codecs: Vec<&str> = codecs.collect();
    let has = |kind: &str| known.then(|| codecs.contains(&kind));
    Some(Rendition {
        media_type: type_by_name(&url).to_owned(),
        bytes: link.get("size").and_then(unsigned_of).filter(|b| *b > 0),
        width: pixels(link.get("width")),
        height: pixels(link.get("height")),
        fps: frames(link.get("fps")),
        has_audio: has("audio"),
        has_video: has("video"),
        url,
        packaging,
    })
}

/// REST names no MIME types, and ActivityPub calls every file `video/mp4`: the file's name decides, alike for both.
fn type_by_name(url: &Url) -> &'static str {
    let name = url.path().to_ascii_lowercase();
    let ends = |suffix: &str| name.ends_with(suffix);
    match () {
        () if ends(".webm") => "video/webm",
        () if ends(".ogv") || ends(".ogg") => "video/ogg",
        () if ends(".mov") => "video/quicktime",
        () if ends(".mkv") => "video/x-matroska",
        () => "video/mp4",
    }
}

fn concept(value: &Value, id: &str, label: &str) -> Option<Concept> {
    let id = string_of(value.get(id)?)?;
    Some(Concept {
        id,
        label: value.get(label).and_then(text).unwrap_or_default(),
    })
}

fn list<'a>(value: &'a Value, key: &str) -> impl Iterator<Item = &'a Value> {
    as_array(value.get(key).unwrap_or(&Value::Null)).iter().take(MAX_ITEMS)
}

/// Text that isn't empty, cut where it is longer than anything PeerTube accepts.
fn text(value: &Value) -> Option<String> {
    let full = string_of(value)?;
    let mut end = full.len().min(MAX_TEXT);
    while !full.is_char_boundary(end) {
        end -= 1;
    }
    let cut = &full[..end];
    (!cut.trim().is_empty()).then(|| cut.to_owned())
}

fn pixels(value: Option<&Value>) -> Option<u32> {
    value
        .and_then(unsigned_of)
        .and_then(|n| u32::try_from(n).ok())
        .filter(|n| *n > 0)
}

/// −1 means unknown (contract peertube §6).
fn frames(value: Option<&Value>) -> Option<f32> {
    #[allow(clippy::cast_possible_truncation)] // a frame rate
    let rate = value.and_then(number_of).map(|n| n as f32);
    rate.filter(|n| *n > 0.0 && n.is_finite())
}

fn is_http(url: &Url) -> bool {
    matches!(url.scheme(), "http" | "https")
}
