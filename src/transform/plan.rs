//! What becomes of one post at one destination: the parts, and for each medium the rungs to try, the best first.

use std::collections::{BTreeMap, BTreeSet};

use tombolo_model::{
    Limits, Marker, Markup, Media, MediaKind, MediaLimits, Packaging, Post, PostKind, Rendition, Visibility,
};
use url::Url;

use tombolo_text::{self as text, Fitted, StatusText};

/// What a multipart request has besides the file: field names, boundaries, headers, alternative text.
pub const MULTIPART_FRAME: u64 = 8 * 1024;
/// How many letters and digits a copy's beginning is recognised by: the whole of any title, so that one episode of a series
/// isn't taken for another that links to it.
const OPENING: usize = 150;

/// What a route says about one destination.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Visibility of the copies.
    pub visibility: Visibility,
    /// Whether unlisted posts are carried too.
    pub include_unlisted: bool,
    /// Most hashtags of one copy.
    pub hashtags: usize,
}

/// What planning needs and the source didn't say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// Sizes of files in bytes.
    pub sizes: BTreeMap<Url, u64>,
}

/// The decision for one post and one destination.
#[derive(Clone, Debug, PartialEq)]
pub enum Plan {
    /// It isn't carried, for this reason.
    Skip(String),
    /// It is carried as these parts, in order.
    Parts(Vec<PartPlan>),
}

/// What becomes one status.
#[derive(Clone, Debug, PartialEq)]
pub struct PartPlan {
    /// The text, fitted.
    pub text: Fitted,
    /// Whether media are covered.
    pub sensitive: bool,
    /// Language tag, as the destination takes it.
    pub language: Option<String>,
    /// Visibility of the copy.
    pub visibility: Visibility,
    /// The medium, if there is one.
    pub media: Option<MediaPlan>,
    /// How the copy is known.
    pub marker: Marker,
}

/// One medium, and the forms in which it may go.
#[derive(Clone, Debug, PartialEq)]
pub struct MediaPlan {
    /// Alternative text.
    pub alt: String,
    /// A still picture of it.
    pub thumbnail: Option<Url>,
    /// The forms to try, the best first; the last one always works.
    pub rungs: Vec<Rung>,
    /// Why the best forms aren't among them.
    pub passed_over: Vec<String>,
}

/// One form of a medium.
#[derive(Clone, Debug, PartialEq)]
pub enum Rung {
    /// A file of the source, as it is.
    AsItIs(Box<Rendition>),
    /// Its still picture, beside the link.
    Thumbnail(Url),
    /// Only the link.
    LinkOnly,
}

impl Rung {
    /// What it is, in a few words.
    pub fn describe(&self) -> String {
        match self {
            Self::AsItIs(rendition) => format!("video {}", describe(rendition)),
            Self::Thumbnail(_) => "thumbnail and link".into(),
            Self::LinkOnly => "link only".into(),
        }
    }
}

/// Decides. `link` to the original is always in the text, so that the copy can be recognised.
pub fn plan(post: &Post, facts: &Facts, limits: &Limits, settings: &Settings) -> Plan {
    match post.visibility {
        Visibility::Private => return Plan::Skip("it is not public".into()),
        Visibility::Unlisted if !settings.include_unlisted => {
            return Plan::Skip(
                "it is unlisted, and the route carries public posts only (include_unlisted = false)".into(),
            );
        }
        Visibility::Public | Visibility::Unlisted => {}
    }
    let body = match &post.body {
        Markup::Markdown(source) => text::markdown_to_plain(source),
        Markup::Plain(plain) | Markup::Html(plain) => plain.clone(),
    };
    let status = StatusText {
        hashtags: text::hashtags(&post.tags, "", settings.hashtags),
        warning: post.content_warning.clone(),
        title: post.title.clone(),
        body,
        link: post.link.as_str(),
    };
    let fitted = match text::compose(&status, &limits.text) {
        Ok(fitted) => fitted,
        Err(e) => return Plan::Skip(e.to_string()),
    };
    let mut links: BTreeSet<String> = post
        .aliases
        .iter()
        .filter(|alias| alias.starts_with("http"))
        .cloned()
        .collect();
    // As it stands in the text.
    links.insert(text::neutralise_mentions(post.link.as_str()));
    let marker = Marker {
        links,
        opening: opening(&fitted.text),
        ..Marker::default()
    };
    Plan::Parts(vec![PartPlan {
        sensitive: post.sensitive,
        language: post.language.as_deref().and_then(text::language),
        // A copy is never more visible than its original.
        visibility: settings.visibility.max(post.visibility),
        media: post.media.first().map(|media| plan_media(post, media, facts, limits)),
        marker,
        text: fitted,
    }])
}

/// The first letters and digits of a text: what is left of it in any server's rendering.
pub fn opening(text: &str) -> String {
    text.chars()
        .filter(|c| c.is_alphanumeric())
        .take(OPENING)
        .flat_map(char::to_lowercase)
        .collect()
}

fn plan_media(post: &Post, media: &Media, facts: &Facts, limits: &Limits) -> MediaPlan {
    let mut passed_over = Vec::new();
    let mut fitting: Vec<&Rendition> = Vec::new();
    if post.kind == PostKind::Live {
        passed_over.push("a live broadcast has no file".to_owned());
    } else if !post.downloads_allowed {
        passed_over.push("the creator has disabled downloads at the source".to_owned());
    } else if media.kind == MediaKind::Video {
        let separate_audio = media
            .renditions
            .iter()
            .any(|r| r.has_audio == Some(true) && r.has_video == Some(false));
        for rendition in media.renditions.iter().filter(|r| r.has_video != Some(false)) {
            match unfit(rendition, separate_audio, facts, &limits.media) {
                None => fitting.push(rendition),
                Some(why) => passed_over.push(format!("{} {why}", describe(rendition))),
            }
        }
        fitting.sort_by_key(|rendition| std::cmp::Reverse(rank(rendition)));
        if media.renditions.is_empty() {
            passed_over.push("the source offers no file".to_owned());
        }
    }
    let mut rungs: Vec<Rung> = fitting.into_iter().map(|r| Rung::AsItIs(Box::new(r.clone()))).collect();
    if limits.media.per_post == 0 {
        rungs.clear();
        passed_over.push("the destination takes no media".to_owned());
    } else {
        rungs.extend(media.thumbnail.clone().map(Rung::Thumbnail));
    }
    rungs.push(Rung::LinkOnly);
    let given = media.alt.as_deref().filter(|alt| !alt.trim().is_empty());
    let alt = match given {
        Some(alt) => alt.chars().take(limits.text.alt_max).collect(),
        None => text::alt_text(post.title.as_deref().unwrap_or_default(), limits.text.alt_max),
    };
    MediaPlan {
        alt,
        thumbnail: media.thumbnail.clone(),
        rungs,
        passed_over,
    }
}

/// Why the destination can't take this file; `None` when it can.
fn unfit(rendition: &Rendition, separate_audio: bool, facts: &Facts, limits: &MediaLimits) -> Option<String> {
    if separate_audio && rendition.has_audio != Some(true) {
        return Some("has its sound in another file".into());
    }
    if !limits.takes(&rendition.media_type) {
        return Some(format!(
            "is {}, which the destination doesn't take",
            rendition.media_type
        ));
    }
    let Some(bytes) = size(rendition, facts) else {
        return Some("has an unknown size".into());
    };
    if bytes.saturating_add(MULTIPART_FRAME) >= limits.video_bytes {
        return Some(format!(
            "is not smaller than the destination's {}",
            human_bytes(limits.video_bytes)
        ));
    }
    let pixels = u64::from(rendition.width.unwrap_or(0)) * u64::from(rendition.height.unwrap_or(0));
    if pixels > limits.video_pixels {
        return Some(format!(
            "has more pixels than the destination's {}",
            limits.video_pixels
        ));
    }
    // The server rounds the frame rate down before it compares (contract mastodon §4.1).
    #[allow(clippy::cast_precision_loss)] // a frame rate
    let too_fast = rendition.fps.is_some_and(|fps| fps.floor() > limits.video_fps as f32);
    too_fast.then(|| format!("has more than the destination's {} frames per second", limits.video_fps))
}

/// The size of a rendition's file, where anybody knows it.
fn size(rendition: &Rendition, facts: &Facts) -> Option<u64> {
    facts.sizes.get(&rendition.url).copied().or(rendition.bytes)
}

/// More pixels first; of the same picture a plain file, then more frames, then more bytes.
fn rank(rendition: &Rendition) -> (u64, bool, u32, u64) {
    let pixels = u64::from(rendition.width.unwrap_or(0)) * u64::from(rendition.height.unwrap_or(0));
    let height = u64::from(rendition.height.unwrap_or(0));
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // a frame rate, positive
    let frames = rendition.fps.unwrap_or(0.0) as u32;
    // Where the width isn't known, a usual shape is assumed.
    let pixels = if pixels == 0 { height * height * 16 / 9 } else { pixels };
    (
        pixels,
        rendition.packaging == Packaging::File,
        frames,
        rendition.bytes.unwrap_or(0),
    )
}

fn describe(rendition: &Rendition) -> String {
    let shape = match (rendition.width, rendition.height) {
        (Some(width), Some(height)) => format!("{width}×{height}"),
        (None, Some(height)) => format!("{height}p"),
        _ => "of unknown size".into(),
    };
    match rendition.bytes {
        Some(bytes) => format!("{shape}, {}", human_bytes(bytes)),
        None => shape,
    }
}

/// Bytes for people: `25.3 MiB`.
pub fn human_bytes(bytes: u64) -> String {
    #[allow(clippy::cast_precision_loss)] // shown with one decimal
    let number = bytes as f64;
    match bytes {
        0..1024 => format!("{bytes} B"),
        1024..1_048_576 => format!("{:.1} KiB", number / 1024.0),
        1_048_576..1_073_741_824 => format!("{:.1} MiB", number / 1_048_576.0),
        _ => format!("{:.2} GiB", number / 1_073_741_824.0),
    }
}
