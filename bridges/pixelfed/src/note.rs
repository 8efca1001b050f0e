//! A post as Pixelfed serves it to other servers (contract pixelfed §7): the same post that the API shows, but for licence,
//! edits and a video's still picture, which a Note doesn't tell.

use serde_json::Value;
use tombolo_activitypub::{is_public, parse_instant, types_of};
use tombolo_model::{
    ApId, Markup, Media, Mention, Origin, Post, PostKind, Reply, Visibility, as_array, id_of, unsigned_of,
};
use url::Url;

use crate::entity::{address, focus, list, readiness, rendition, truth, typed};
use crate::text;

/// Reads a Note as a post; `None` for what isn't one.
pub fn post_from_note(value: &Value) -> Option<Post> {
    if !types_of(value).any(|t| t == "Note") {
        return None;
    }
    let text = |key: &str| value.get(key).and_then(Value::as_str).filter(|t| !t.is_empty());
    let id = ApId::parse(text("id")?)?;
    let link = value
        .get("url")
        .and_then(id_of)
        .and_then(address)
        .unwrap_or_else(|| id.to_url());
    let author = value
        .get("attributedTo")
        .map(as_array)
        .and_then(<[Value]>::first)
        .and_then(id_of);
    let media: Vec<Media> = list(value, "attachment").iter().filter_map(media).collect();
    let audience = |key: &str| value.get(key).is_some_and(is_public);
    Some(Post {
        aliases: [id.as_str().to_owned(), link.to_string()].into(),
        kind: PostKind::Note,
        title: None,
        body: Markup::Plain(text::shown(&text::caption_of(text("content").unwrap_or_default()))),
        tags: tags(value, "Hashtag")
            .filter_map(|tag| Some(tag.get("name")?.as_str()?.trim_start_matches('#').to_owned()))
            .filter(|tag| !tag.is_empty())
            .collect(),
        category: None,
        licence: None,
        language: None,
        sensitive: value.get("sensitive").and_then(truth).unwrap_or(false),
        content_warning: text("summary").map(str::to_owned),
        visibility: if audience("to") {
            Visibility::Public
        } else if audience("cc") {
            Visibility::Unlisted
        } else {
            Visibility::Private
        },
        readiness: readiness(&media),
        downloads_allowed: true,
        published: value.get("published").and_then(parse_instant),
        updated: value.get("updated").and_then(parse_instant),
        originally_published: None,
        reply: value.get("inReplyTo").and_then(id_of).map(|to| reply(to, author)),
        quote: None,
        mentions: tags(value, "Mention").filter_map(|tag| mention(tag, &id)).collect(),
        poll: Vec::new(),
        application: None,
        media,
        link,
        id,
    })
}

fn tags<'a>(value: &'a Value, kind: &'static str) -> impl Iterator<Item = &'a Value> {
    list(value, "tag")
        .iter()
        .filter(move |tag| types_of(tag).any(|t| t == kind))
}

fn media(value: &Value) -> Option<Media> {
    let text = |key: &str| value.get(key).and_then(Value::as_str).filter(|t| !t.is_empty());
    if !types_of(value).any(|t| matches!(t, "Document" | "Image" | "Video" | "Audio")) {
        return None;
    }
    let url = as_array(value.get("url").unwrap_or(&Value::Null))
        .first()
        .and_then(|url| url.as_str().or_else(|| id_of(url)))
        .and_then(address);
    let video = types_of(value).any(|t| t == "Video").then_some("video");
    let (media_type, kind) = typed(text("mediaType"), video, url.as_ref());
    let number = |key: &str| value.get(key).and_then(unsigned_of);
    let at = |index| value.get("focalPoint")?.get(index)?.as_f64();
    Some(Media {
        kind,
        alt: text("name").map(tombolo_mastoapi::decoded),
        renditions: url
            .map(|url| rendition(url, media_type, number("width"), number("height")))
            .into_iter()
            .collect(),
        captions: Vec::new(),
        thumbnail: None,
        duration: None,
        focus: focus(at(0), at(1)),
    })
}

/// An own post lives beside its author: `…/p/NAME/…` and `…/users/NAME`.
fn reply(to: &str, author: Option<&str>) -> Reply {
    let own = author
        .and_then(|actor| actor.rsplit_once("/users/"))
        .is_some_and(|(base, name)| to.starts_with(&format!("{base}/p/{name}/")));
    Reply {
        to: ApId::parse(to),
        own,
    }
}

fn mention(tag: &Value, post: &ApId) -> Option<Mention> {
    let name = tag.get("name")?.as_str()?.trim_start_matches('@');
    let href = tag.get("href").and_then(id_of).and_then(address)?;
    let handle = if name.contains('@') {
        name.to_owned()
    } else {
        format!("{name}@{}", href.host_str()?)
    };
    Some(Mention {
        url: page_of(&href, post),
        handle,
    })
}

/// The page for people of a neighbour, as the text links it.
fn page_of(href: &Url, post: &ApId) -> String {
    match href.path().strip_prefix("/users/") {
        Some(name) if Origin::of(href) == post.origin() => format!("{}/{name}", post.origin()),
        _ => href.to_string(),
    }
}
