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
/// Longest title, tag, name or code taken over. PeerTube's titles have 120 characters at most.
const MAX_LINE: usize = 4 * 1024;
/// Longest address taken over. Signed ones of an object storage are long.
const MAX_ADDRESS: usize = 8 * 1024;
/// Most entries of a list that are looked at. An ActivityPub video has four or five for each of its files.
const MAX_LOOKED_AT: usize = 1000;
/// Most tags, renditions or captions taken over. PeerTube allows five tags.
const MAX_KEPT: usize = 100;
/// Longest duration that is believed, in seconds: a week (contract activitypub §4.1).
const MAX_DURATION: u32 = 7 * 86_400;

/// Reads the answer of `GET /api/v1/videos/{id}` and that of its `captions`; relative paths are resolved against `base`.
pub fn post_from_api(video: &Value, captions: &Value, base: &Url) -> Option<Post> {
    let id = id_of_video(video.get("url")?)?;
    let resolve = |path: &Value| file_address(base, path.as_str()?);
    let mut renditions: Vec<Rendition> = list(video, "files")
        .filter_map(|file| api_rendition(file, base, Packaging::File))
        .collect();
    for playlist in list(video, "streamingPlaylists") {
        renditions
            .extend(list(playlist, "files").filter_map(|file| api_rendition(file, base, Packaging::FragmentedMp4)));
    }
    let thumbnail = largest(list(video, "thumbnails").filter_map(|t| Some((t, resolve(t.get("fileUrl")?)?))))
        .or_else(|| resolve(video.get("previewPath")?))
        .or_else(|| resolve(video.get("thumbnailPath")?));
    let captions = list(captions, "data").filter_map(|caption| {
        Some(Caption {
            language: line(caption.get("language")?.get("id")?)?,
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
        title: video.get("name").and_then(line),
        description: video.get("description").and_then(text),
        tags: list(video, "tags").filter_map(line).take(MAX_KEPT).collect(),
        category: video.get("category").and_then(|c| concept(c, "id", "label")),
        licence: video.get("licence").and_then(|c| concept(c, "id", "label")),
        language: video.get("language").and_then(|c| concept(c, "id", "label")),
        sensitive: video.get("nsfw").and_then(bool_of).unwrap_or(false),
        warning: video.get("nsfwSummary").and_then(line),
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
    let id = id_of_video(video.get("id")?)?;
    let base = Url::parse(id.as_str()).ok()?;
    let mut renditions = Vec::new();
    for link in list(video, "url") {
        renditions.extend(ap_rendition(link, &base, Packaging::File));
        if link.get("mediaType").and_then(Value::as_str) == Some("application/x-mpegURL") {
            renditions.extend(list(link, "tag").filter_map(|l| ap_rendition(l, &base, Packaging::FragmentedMp4)));
        }
    }
    let thumbnail = largest(list(video, "icon").filter_map(|icon| {
        let url = icon
            .as_str()
            .or_else(|| as_array(icon.get("url")?).iter().find_map(id_of))?;
        Some((icon, file_address(&base, url)?))
    }));
    let captions = list(video, "subtitleLanguage").filter_map(|caption| {
        // From 7.1 on there may be a playlist beside the file.
        let is_file = |link: &&Value| link.get("mediaType").is_none_or(|kind| kind == "text/vtt");
        let url = as_array(caption.get("url")?).iter().filter(is_file).find_map(id_of)?;
        Some(Caption {
            language: line(caption.get("identifier")?)?,
            url: file_address(&base, url)?,
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
        title: video.get("name").and_then(line),
        description: video.get("content").and_then(text),
        tags: list(video, "tag")
            .filter(|tag| types_of(tag).any(|t| t == "Hashtag"))
            .filter_map(|tag| line(tag.get("name")?))
            .take(MAX_KEPT)
            .collect(),
        category: video.get("category").and_then(|c| concept(c, "identifier", "name")),
        licence: video.get("licence").and_then(|c| concept(c, "identifier", "name")),
        language: video.get("language").and_then(|c| concept(c, "identifier", "name")),
        sensitive: video.get("sensitive").and_then(bool_of).unwrap_or(false),
        warning: video.get("summary").and_then(line),
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

/// The id becomes the link that people are given, so it must not carry a name or password.
fn id_of_video(id: &Value) -> Option<ApId> {
    let id = ApId::parse(id.as_str()?)?;
    let url = id.to_url();
    (url.username().is_empty() && url.password().is_none()).then_some(id)
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
    renditions.truncate(MAX_KEPT);
    let mut captions = parts.captions;
    captions.sort_by(|a, b| {
        a.language
            .cmp(&b.language)
            .then_with(|| a.url.as_str().cmp(b.url.as_str()))
    });
    captions.truncate(MAX_KEPT);
    let media = Media {
        kind: MediaKind::Video,
        alt: None,
        renditions: if parts.is_live { Vec::new() } else { renditions },
        captions,
        thumbnail: parts.thumbnail,
        duration: parts.duration.filter(|seconds| (1..=MAX_DURATION).contains(seconds)),
        focus: None,
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
        reply: None,
        quote: None,
        mentions: Vec::new(),
        poll: Vec::new(),
        application: None,
        id: parts.id,
    }
}

/// Contract peertube §5. Numbers that nobody knows yet aren't published.
fn readiness(state: Option<u64>) -> Readiness {
    let in_work = |what: &str| Readiness::InWork(what.to_owned());
    let paused = |what: &str| Readiness::Paused(what.to_owned());
    match state {
        Some(1) => Readiness::Ready,
        Some(2) => in_work("PeerTube is still transcoding it"),
        Some(3) => in_work("PeerTube is still importing it"),
        Some(4) => in_work("the live broadcast has not begun"),
        Some(5) => paused("the live broadcast has ended"),
        Some(6 | 10) => paused("PeerTube is moving its files"),
        Some(9) => paused("it is being edited in PeerTube's studio"),
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
    let fits = |(place, byte): (usize, u8)| match place {
        8 | 13 | 18 | 23 => byte == b'-',
        _ => byte.is_ascii_hexdigit(),
    };
    if uuid.len() != 36 || !uuid.bytes().enumerate().all(fits) {
        return None;
    }
    let mut number = u128::from_str_radix(&uuid.replace('-', ""), 16).ok()?;
    let mut short = [ALPHABET[0]; 22];
    for place in short.iter_mut().rev() {
        *place = ALPHABET[usize::try_from(number % 58).ok()?];
        number /= 58;
    }
    String::from_utf8(short.to_vec()).ok()
}

fn api_rendition(file: &Value, base: &Url, packaging: Packaging) -> Option<Rendition> {
    let mut urls = ["fileUrl", "fileDownloadUrl"]
        .into_iter()
        .filter_map(|key| file.get(key)?.as_str());
    let url = urls.find_map(|url| file_address(base, url))?;
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
    let mut types = ["mediaType", "mimeType"]
        .into_iter()
        .filter_map(|key| link.get(key)?.as_str());
    let media_type = types.next()?;
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
    let url = file_address(base, link.get("href")?.as_str()?)?;
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
    Some(Concept {
        id: line(value.get(id)?)?,
        label: value.get(label).and_then(line).unwrap_or_default(),
    })
}

fn list<'a>(value: &'a Value, key: &str) -> impl Iterator<Item = &'a Value> {
    as_array(value.get(key).unwrap_or(&Value::Null))
        .iter()
        .take(MAX_LOOKED_AT)
}

/// Text that isn't empty, cut where it is longer than anything PeerTube accepts.
fn text(value: &Value) -> Option<String> {
    cut(value, MAX_TEXT)
}

/// The same for a short text.
fn line(value: &Value) -> Option<String> {
    cut(value, MAX_LINE)
}

fn cut(value: &Value, longest: usize) -> Option<String> {
    let mut full = string_of(value)?;
    let mut end = full.len().min(longest);
    while !full.is_char_boundary(end) {
        end -= 1;
    }
    full.truncate(end);
    (!full.trim().is_empty()).then_some(full)
}

/// The largest of some pictures, told apart by nothing but themselves where they are equally large.
fn largest<'a>(pictures: impl Iterator<Item = (&'a Value, Url)>) -> Option<Url> {
    let size = |picture: &Value, side: &str| pixels(picture.get(side)).unwrap_or(0);
    pictures
        .map(|(picture, url)| (size(picture, "width"), size(picture, "height"), url))
        .max()
        .map(|(_, _, url)| url)
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

/// The address of a file or picture: nothing but http(s), and nothing that carries a name or password.
fn file_address(base: &Url, reference: &str) -> Option<Url> {
    if reference.trim().is_empty() || reference.len() > MAX_ADDRESS {
        return None;
    }
    let url = base.join(reference).ok()?;
    let plain = url.username().is_empty() && url.password().is_none();
    (plain && matches!(url.scheme(), "http" | "https")).then_some(url)
}
