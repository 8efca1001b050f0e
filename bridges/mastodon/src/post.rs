//! A status as a post, from either of its two forms: the API's entity and the ActivityPub object.
//!
//! Both give equal posts, except for what only one of them says: the posting program, frame rates, the picture that the
//! server itself cut out of a video, that a silent video is an animation, and (GoToSocial) how large a picture is. Asks
//! nobody anything.

use std::collections::BTreeSet;

use chrono::{DateTime, SubsecRound, Utc};
use serde_json::Value;
use tombolo_activitypub::{is_public, parse_duration, parse_instant, types_of};
use tombolo_mastoapi::{MediaEntity, Status};
use tombolo_model::{
    ApId, Focus, Markup, Media, MediaKind, Mention, Origin, Packaging, Post, PostKind, Readiness, Rendition, Reply,
    Visibility, as_array, bool_of, id_of, number_of, unsigned_of,
};
use url::Url;

use crate::html::{Anchor, anchors, without_quote};

/// Most attachments, tags, mentions or choices that are read of one object.
const MAX_PARTS: usize = 100;
/// Longest address that is kept.
const MAX_URL: usize = 2048;

/// Whose posts they are, so that names without a host can be written in full.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Home {
    /// The creator's actor.
    pub actor: ApId,
    /// The host in the handles of people there, with its port.
    pub host: String,
}

/// A status of the API as a post; `parent` is the id of the post that it answers, where that was found out. `None`: it has no
/// usable id.
pub fn status_to_post(status: &Status, home: &Home, parent: Option<ApId>) -> Option<Post> {
    let id = ApId::parse(&status.uri)?;
    let link = status.url.as_deref().and_then(web_address);
    let links = anchors(&status.content);
    let (body, inline_quote) = without_quote(&status.content);
    let quote = status.quote.as_ref();
    let quoted = quote.and_then(|quote| quote.uri.clone().or_else(|| quote.url.clone()));
    let mentions = status.mentions.iter().map(|mention| Mention {
        handle: full_handle(&mention.acct, &home.host),
        url: mention.url.clone(),
    });
    let answers = status.in_reply_to_id.is_some() || status.in_reply_to_account_id.is_some();
    let visibility = match status.visibility.as_deref() {
        _ if status.local_only => Visibility::Private,
        Some("public") => Visibility::Public,
        Some("unlisted") => Visibility::Unlisted,
        _ => Visibility::Private,
    };
    let waits = |media: &MediaEntity| media.kind != "unknown" && media.url.is_none() && media.remote_url.is_none();
    Some(Post {
        aliases: aliases(&id, link.as_ref()),
        link: link.unwrap_or_else(|| id.to_url()),
        id,
        kind: PostKind::Note,
        title: None,
        tags: tags_as_typed(&status.tags, &links),
        body: Markup::Html(body),
        category: None,
        licence: None,
        language: status.language.clone(),
        sensitive: status.sensitive == Some(true) || status.spoiler_text.is_some(),
        content_warning: status.spoiler_text.clone(),
        visibility,
        readiness: if status.media.iter().any(waits) {
            Readiness::InWork("an attachment is being processed".to_owned())
        } else {
            Readiness::Ready
        },
        downloads_allowed: true,
        published: status.created_at.map(whole_seconds),
        updated: status.edited_at.map(whole_seconds),
        originally_published: None,
        media: status.media.iter().map(media_of_entity).collect(),
        reply: answers.then(|| Reply {
            to: parent,
            own: status.author.is_some() && status.in_reply_to_account_id == status.author,
        }),
        quote: inline_quote.or(quoted),
        mentions: sorted(mentions.collect()),
        poll: status.poll.clone(),
        application: status.application.clone(),
    })
}

/// An ActivityPub object as a post. `None`: it is no post, or has no usable id. Whether a reply continues an own post is
/// told by the address of what it answers, where that shows it.
pub fn note_to_post(note: &Value, home: &Home) -> Option<Post> {
    if !types_of(note).any(|kind| matches!(kind, "Note" | "Question" | "Article" | "Page")) {
        return None;
    }
    let id = ApId::parse(note.get("id")?.as_str()?)?;
    let text = |key: &str| note.get(key).and_then(Value::as_str);
    let content = text("content")
        .or_else(|| map_entry(note).map(|(_, text)| text))
        .unwrap_or_default();
    let link = note.get("url").and_then(page_of);
    let links = anchors(content);
    let (body, inline_quote) = without_quote(content);
    let tags = || as_array(note.get("tag").unwrap_or(&Value::Null)).iter().take(MAX_PARTS);
    let names: Vec<String> = tags()
        .filter(|tag| types_of(tag).any(|kind| kind == "Hashtag"))
        .filter_map(|tag| Some(tag.get("name")?.as_str()?.trim_start_matches('#').to_owned()))
        .filter(|name| !name.is_empty())
        .collect();
    let mentions = tags()
        .filter(|tag| types_of(tag).any(|kind| kind == "Mention"))
        .filter_map(|tag| mention_of_tag(tag, home, &links));
    let warning = text("summary")
        .filter(|text| !text.trim().is_empty())
        .map(str::to_owned);
    let parent = note.get("inReplyTo").and_then(id_of);
    let audience = |key: &str| note.get(key).is_some_and(is_public);
    let choices = ["oneOf", "anyOf"].into_iter().filter_map(|key| note.get(key));
    Some(Post {
        aliases: aliases(&id, link.as_ref()),
        link: link.unwrap_or_else(|| id.to_url()),
        id,
        kind: PostKind::Note,
        title: None,
        tags: tags_as_typed(&names, &links),
        body: Markup::Html(body),
        category: None,
        licence: None,
        language: map_entry(note)
            .map(|(language, _)| language.to_owned())
            .filter(|language| !language.is_empty() && language.len() <= 255),
        sensitive: note.get("sensitive").and_then(bool_of) == Some(true) || warning.is_some(),
        content_warning: warning,
        visibility: match (audience("to"), audience("cc")) {
            (true, _) => Visibility::Public,
            (false, true) => Visibility::Unlisted,
            (false, false) => Visibility::Private,
        },
        readiness: Readiness::Ready,
        downloads_allowed: true,
        published: note.get("published").and_then(parse_instant).map(whole_seconds),
        updated: note.get("updated").and_then(parse_instant).map(whole_seconds),
        originally_published: None,
        media: as_array(note.get("attachment").unwrap_or(&Value::Null))
            .iter()
            .take(MAX_PARTS)
            .filter_map(media_of_document)
            .collect(),
        reply: parent.map(|parent| Reply {
            to: ApId::parse(parent),
            own: parent.starts_with(&format!("{}/", home.actor.as_str().trim_end_matches('/'))),
        }),
        quote: inline_quote.or_else(|| quote_of(note)),
        mentions: sorted(mentions.collect()),
        poll: choices
            .flat_map(as_array)
            .take(MAX_PARTS)
            .filter_map(|choice| choice.get("name").and_then(Value::as_str))
            .map(str::to_owned)
            .collect(),
        application: None,
    })
}

/// Mastodon's API has milliseconds, its objects have none.
fn whole_seconds(at: DateTime<Utc>) -> DateTime<Utc> {
    at.trunc_subsecs(0)
}

fn web_address(text: &str) -> Option<Url> {
    let url = Url::parse(text).ok().filter(|_| text.len() <= MAX_URL)?;
    let secret = !url.username().is_empty() || url.password().is_some();
    (matches!(url.scheme(), "http" | "https") && url.has_host() && !secret).then_some(url)
}

fn aliases(id: &ApId, link: Option<&Url>) -> BTreeSet<String> {
    let mut aliases = BTreeSet::from([id.as_str().to_owned()]);
    aliases.extend(link.map(|link| link.as_str().to_owned()));
    aliases
}

/// The page among what an object gives as its `url`: an address, a link, or several of them.
fn page_of(url: &Value) -> Option<Url> {
    let is_page = |one: &&Value| {
        let kind = one.get("mediaType").and_then(Value::as_str);
        kind.is_none_or(|kind| kind.starts_with("text/html"))
    };
    as_array(url)
        .iter()
        .filter(is_page)
        .find_map(|one| web_address(id_of(one)?))
}

/// The language of an object's text, and the text in it: the entry of `contentMap` that is the content itself.
fn map_entry(note: &Value) -> Option<(&str, &str)> {
    let map = note.get("contentMap")?.as_object()?;
    let content = note.get("content").and_then(Value::as_str);
    let entries = || {
        map.iter()
            .filter_map(|(language, text)| Some((language.as_str(), text.as_str()?)))
    };
    match content {
        Some(content) => entries().find(|(_, text)| *text == content),
        None => entries().next(),
    }
}

/// The hashtags as they are typed, in the text's order: what servers list is normalised (contract mastodon §3.4).
fn tags_as_typed(names: &[String], links: &[Anchor]) -> Vec<String> {
    let same = |a: &str, b: &str| a.to_lowercase() == b.to_lowercase();
    let mut typed: Vec<String> = Vec::new();
    for link in links.iter().filter(|link| link.is_tag()).take(MAX_PARTS) {
        let name = link.text.trim_start_matches(['#', '\u{ff03}']);
        if !name.is_empty() && !typed.iter().any(|known| same(known, name)) {
            typed.push(name.to_owned());
        }
    }
    // A name that is folded (`#Été` → `ete`) can't be told from its link, but then there are as many links as names.
    if typed.len() < names.len() {
        for name in names {
            if !typed.iter().any(|known| same(known, name)) {
                typed.push(name.clone());
            }
        }
    }
    typed
}

fn full_handle(acct: &str, host: &str) -> String {
    if acct.contains('@') {
        acct.to_owned()
    } else {
        format!("{acct}@{host}")
    }
}

fn sorted(mut mentions: Vec<Mention>) -> Vec<Mention> {
    mentions.sort_by(|a, b| a.handle.cmp(&b.handle));
    mentions.dedup_by(|a, b| a.handle == b.handle);
    mentions
}

/// A `Mention` tag: its `href` is the actor, while the text links to the page.
fn mention_of_tag(tag: &Value, home: &Home, links: &[Anchor]) -> Option<Mention> {
    let href = tag
        .get("href")
        .and_then(Value::as_str)
        .filter(|href| href.len() <= MAX_URL)?;
    let actor = web_address(href)?;
    let there = Origin::of(&actor) != home.actor.origin();
    let host = || match (actor.host_str(), actor.port()) {
        (Some(host), Some(port)) => format!("{host}:{port}"),
        (host, _) => host.unwrap_or_default().to_owned(),
    };
    let name = tag
        .get("name")
        .and_then(Value::as_str)
        .unwrap_or_default()
        .trim_start_matches('@');
    let name = name.chars().take(MAX_URL).collect::<String>();
    let short = name.split('@').next().unwrap_or_default();
    if short.is_empty() {
        return None;
    }
    let linked = links.iter().filter(|link| link.is_mention()).find(|link| {
        let shown = link.text.trim_start_matches('@');
        let names_it = shown.eq_ignore_ascii_case(&name) || shown.eq_ignore_ascii_case(short);
        names_it && web_address(&link.href).is_some_and(|url| Origin::of(&url) == Origin::of(&actor))
    });
    Some(Mention {
        handle: full_handle(&name, &if there { host() } else { home.host.clone() }),
        url: linked.map_or_else(|| href.to_owned(), |link| link.href.clone()),
    })
}

/// What an object quotes: by FEP-044f, by the older properties, or by a link of FEP-e232.
fn quote_of(note: &Value) -> Option<String> {
    let named = ["quote", "quoteUrl", "quoteUri", "_misskey_quote"]
        .into_iter()
        .filter_map(|key| note.get(key).and_then(id_of))
        .find(|quote| web_address(quote).is_some());
    let is_quote = |tag: &&Value| {
        let rels = as_array(tag.get("rel").unwrap_or(&Value::Null))
            .iter()
            .filter_map(Value::as_str);
        let named = tag.get("name").and_then(Value::as_str);
        types_of(tag).any(|kind| kind == "Link")
            && (rels.into_iter().any(|rel| rel.ends_with("_misskey_quote"))
                || named.is_some_and(|name| name.starts_with("RE:")))
    };
    let tags = as_array(note.get("tag").unwrap_or(&Value::Null)).iter().take(MAX_PARTS);
    named
        .or_else(|| {
            tags.filter(is_quote)
                .find_map(id_of)
                .filter(|quote| web_address(quote).is_some())
        })
        .map(str::to_owned)
}

fn media_of_entity(entity: &MediaEntity) -> Media {
    let url = [&entity.url, &entity.remote_url]
        .into_iter()
        .flatten()
        .find_map(|url| web_address(url));
    let by_name = url.as_ref().and_then(|url| type_of_name(url.path()));
    let media_type = entity.mime.clone().or_else(|| by_name.map(str::to_owned));
    let kind = match entity.kind.as_str() {
        // GoToSocial and snac keep a GIF and call it an image; whether it moves, the file tells where that matters.
        "image" if media_type.as_deref() == Some("image/gif") => MediaKind::Animation,
        "image" => MediaKind::Image,
        "video" => MediaKind::Video,
        "gifv" => MediaKind::Animation,
        "audio" => MediaKind::Audio,
        _ => media_type.as_deref().map_or(MediaKind::Image, kind_of_type),
    };
    let preview = entity.preview_url.as_deref().and_then(web_address);
    let rendition = url.clone().map(|url| Rendition {
        url,
        media_type: media_type.unwrap_or_else(|| usual_type(kind).to_owned()),
        bytes: None,
        width: entity.size.map(|(width, _)| width),
        height: entity.size.map(|(_, height)| height),
        fps: entity.fps,
        // A `gifv` is one because it is silent (contract mastodon §4.3).
        has_audio: (kind == MediaKind::Animation).then_some(false),
        has_video: None,
        packaging: Packaging::File,
    });
    Media {
        kind,
        alt: entity.description.clone(),
        renditions: rendition.into_iter().collect(),
        captions: Vec::new(),
        // A picture is its own picture.
        thumbnail: preview.filter(|preview| kind != MediaKind::Image && Some(preview) != url.as_ref()),
        duration: entity.duration.and_then(seconds),
        focus: off_centre(entity.focus),
    }
}

/// An attachment; `None` for what is no file, as the link that newer Mastodons add (contract mastodon §10).
fn media_of_document(document: &Value) -> Option<Media> {
    if types_of(document).any(|kind| matches!(kind, "Link" | "PropertyValue" | "Emoji")) {
        return None;
    }
    let links = as_array(document.get("url").or_else(|| document.get("href"))?);
    let (link, url) = links.iter().find_map(|link| Some((link, web_address(id_of(link)?)?)))?;
    let text = |key: &str| {
        document
            .get(key)
            .and_then(Value::as_str)
            .filter(|text| !text.is_empty())
    };
    let media_type = text("mediaType")
        .or_else(|| link.get("mediaType")?.as_str())
        .filter(|kind| kind.contains('/') && kind.len() <= 255)
        .or_else(|| type_of_name(url.path()))
        .map(|kind| kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase());
    let kind = match media_type.as_deref().map(kind_of_type) {
        Some(kind) => kind,
        None if types_of(document).any(|kind| kind == "Video") => MediaKind::Video,
        None if types_of(document).any(|kind| kind == "Audio") => MediaKind::Audio,
        None => MediaKind::Image,
    };
    let side = |key: &str| {
        let side = document.get(key).or_else(|| link.get(key)).and_then(unsigned_of);
        side.and_then(|n| u32::try_from(n).ok()).filter(|n| *n > 0)
    };
    let area = side("width").zip(side("height"));
    let axis = |place: usize| document.get("focalPoint")?.get(place).and_then(number_of);
    #[allow(clippy::cast_possible_truncation)] // A place between -1 and 1.
    let focus = axis(0).zip(axis(1)).map(|(x, y)| Focus {
        x: x.clamp(-1.0, 1.0) as f32,
        y: y.clamp(-1.0, 1.0) as f32,
    });
    let icon = document.get("icon").map(as_array).unwrap_or_default();
    Some(Media {
        kind,
        // GoToSocial describes in `summary`, all others in `name`.
        alt: text("name").or_else(|| text("summary")).map(str::to_owned),
        renditions: vec![Rendition {
            url,
            media_type: media_type.unwrap_or_else(|| usual_type(kind).to_owned()),
            bytes: None,
            width: area.map(|(width, _)| width),
            height: area.map(|(_, height)| height),
            fps: None,
            has_audio: None,
            has_video: None,
            packaging: Packaging::File,
        }],
        captions: Vec::new(),
        thumbnail: icon
            .iter()
            .find_map(|icon| web_address(id_of(icon.get("url").unwrap_or(icon))?))
            .filter(|_| kind != MediaKind::Image),
        duration: text("duration").and_then(parse_duration),
        focus: off_centre(focus),
    })
}

/// The middle is where every picture is cropped, whether or not its creator said so.
fn off_centre(focus: Option<Focus>) -> Option<Focus> {
    focus.filter(|focus| focus.x != 0.0 || focus.y != 0.0)
}

fn seconds(duration: f64) -> Option<u32> {
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // between 0 and a week
    let whole = (0.0..604_800.0).contains(&duration).then(|| duration.round() as u32);
    whole
}

fn kind_of_type(media_type: &str) -> MediaKind {
    if media_type == "image/gif" {
        return MediaKind::Animation;
    }
    match media_type.split('/').next().unwrap_or_default() {
        "video" => MediaKind::Video,
        "audio" => MediaKind::Audio,
        _ => MediaKind::Image,
    }
}

fn usual_type(kind: MediaKind) -> &'static str {
    match kind {
        MediaKind::Image => "image/jpeg",
        MediaKind::Video | MediaKind::Animation => "video/mp4",
        MediaKind::Audio => "audio/mpeg",
    }
}

/// The MIME type that a file's name tells.
fn type_of_name(path: &str) -> Option<&'static str> {
    let extension = path.rsplit('/').next()?.rsplit_once('.')?.1.to_ascii_lowercase();
    Some(match extension.as_str() {
        "jpg" | "jpeg" | "jpe" => "image/jpeg",
        "png" => "image/png",
        "gif" => "image/gif",
        "webp" => "image/webp",
        "avif" => "image/avif",
        "heic" => "image/heic",
        "mp4" | "m4v" => "video/mp4",
        "webm" => "video/webm",
        "mov" | "qt" => "video/quicktime",
        "ogv" => "video/ogg",
        "mp3" => "audio/mpeg",
        "m4a" => "audio/mp4",
        "ogg" | "oga" | "opus" => "audio/ogg",
        "wav" => "audio/wav",
        "flac" => "audio/flac",
        "aac" => "audio/aac",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn kind_of(media: &Value) -> MediaKind {
        let status = json!({"id": "1", "uri": "https://s.example/1", "media_attachments": [media]});
        let status = tombolo_mastoapi::parse_status(&status).expect("a status");
        media_of_entity(&status.media[0]).kind
    }

    /// As recorded of GoToSocial 0.20.
    #[test]
    fn a_gif_that_is_called_an_image_is_taken_for_one_that_moves() {
        let url = "https://s.example/fileserver/original/1.gif";
        let media =
            json!({"id": "2", "type": "image", "url": url, "meta": {"original": {"width": 200, "height": 150}}});
        assert_eq!(kind_of(&media), MediaKind::Animation);
        let photo = json!({"id": "2", "type": "image", "url": "https://s.example/1.webp", "meta": {"original": {"duration": 2}}});
        assert_eq!(kind_of(&photo), MediaKind::Image);
    }

    #[test]
    fn an_address_that_holds_a_password_is_none() {
        assert!(web_address("https://m.example/@me/1").is_some());
        for text in [
            "https://me:secret@m.example/1",
            "https://me@m.example/1",
            "ftp://m.example/1",
        ] {
            assert_eq!(web_address(text), None, "{text}");
        }
    }
}
