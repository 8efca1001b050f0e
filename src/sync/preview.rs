//! A dry run's line: the whole plan, as it would be sent. Facts are shown as facts, estimates as estimates.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use tombolo_model::{Limits, Post, Rendition};
use tombolo_text as text;

use super::Line;
use super::workshop::{SLIDES, Workshop};
use crate::ledger::StateName;
use crate::transform::ladder::ENCODE_MARGIN;
use crate::transform::{FormPlan, MediaPlan, PartPlan, Rung};

/// The line of a post that a dry run has planned.
pub(super) fn shown(
    mut line: Line,
    post: &Post,
    parts: &[PartPlan],
    limits: &Limits,
    notes: &[String],
    workshop: &Workshop,
) -> Line {
    let mut shown: Vec<Value> = parts.iter().map(|part| of_part(part, limits, workshop)).collect();
    if let (Some(first), Some(reply)) = (shown.first_mut(), post.reply.as_ref().filter(|reply| reply.own)) {
        first["answers"] = json!(reply.to);
    }
    line.state = StateName::Seen;
    line.reason = Some("dry run: nothing was sent".into());
    line.plan = Some(json!({ "parts": shown, "notes": notes }));
    line
}

fn of_part(part: &PartPlan, limits: &Limits, workshop: &Workshop) -> Value {
    let mut shown = json!({
        "text": part.text.text,
        "length": part.text.length,
        "max": limits.text.max,
        "cut": part.text.cut,
        "content_warning": part.text.warning,
        "sensitive": part.sensitive,
        "language": part.language,
        "visibility": part.visibility,
        "tags": hashtags_of(&part.text.text),
        "dropped_tags": part.text.dropped_hashtags,
        "media": part.media.iter().map(|media| of_media(media, limits, workshop)).collect::<Vec<_>>(),
    });
    match &part.form {
        FormPlan::Status { continues } => {
            shown["form"] = json!("status");
            shown["continues"] = json!(continues);
        }
        FormPlan::Boost { uri } => {
            shown["form"] = json!("boost");
            shown["boosts"] = json!(uri);
        }
        FormPlan::Video(video) => {
            shown["form"] = json!("video");
            shown["title"] = json!(video.title);
            shown["tags"] = json!(video.tags);
            shown["category"] = json!(video.category.as_ref().map(|c| &c.label));
            shown["licence"] = json!(video.licence.as_ref().map(|c| &c.label));
            shown["originally_published"] = json!(video.originally_published);
            shown["captions"] = json!(video.captions.iter().map(|c| &c.language).collect::<Vec<_>>());
        }
    }
    shown
}

/// The hashtags that stand in a text, as they are written there.
fn hashtags_of(words: &str) -> Vec<&str> {
    let known: BTreeSet<String> = text::tags_in(words).collect();
    let signed = words.split_whitespace().filter_map(|word| word.strip_prefix('#'));
    signed
        .filter(|tag| known.contains(&text::normalised_hashtag(tag)))
        .collect()
}

fn of_media(media: &MediaPlan, limits: &Limits, workshop: &Workshop) -> Value {
    let rungs: Vec<Value> = media.rungs.iter().map(|rung| of_rung(rung, limits, workshop)).collect();
    json!({
        "kind": media.kind,
        "alt": media.alt,
        "alt_goes_on_with_subtitles": media.transcript.as_ref().map(|caption| &caption.language),
        "focus": media.focus,
        "rungs": rungs,
        "passed_over": media.passed_over,
    })
}

fn of_rung(rung: &Rung, limits: &Limits, workshop: &Workshop) -> Value {
    let most = workshop.output(limits.media.video_bytes.saturating_sub(ENCODE_MARGIN));
    let picture = || {
        json!({
            "at_most_bytes": limits.media.image_bytes.saturating_sub(1),
            "at_most_pixels": limits.media.image_pixels,
            "fitted_into": limits.media.image_fit,
            "upright": true,
            "without_metadata": true,
        })
    };
    let (operation, target) = match rung {
        Rung::Import(_) => ("import", Value::Null),
        Rung::AsItIs(rendition) => ("as it is", of_rendition(rendition)),
        Rung::Remux {
            video, silent_track, ..
        } => (
            "repackage",
            json!({
                "media_type": "video/mp4",
                "at_most_bytes": most,
                "width": video.width,
                "height": video.height,
                "silent_track": silent_track,
            }),
        ),
        Rung::Transcode {
            seconds,
            burn_in,
            silent_track,
            ..
        } => (
            "encode",
            json!({
                "media_type": "video/mp4",
                "at_most_bytes": most,
                "at_most_pixels": limits.media.video_pixels,
                "at_most_fps": limits.media.video_fps,
                "seconds": seconds,
                "subtitles": burn_in.as_ref().map(|c| &c.language),
                "silent_track": silent_track,
            }),
        ),
        Rung::Picture(_) => ("picture", picture()),
        Rung::Slideshow { pictures, seconds } => (
            "slideshow",
            json!({
                "pictures": pictures.len(),
                "seconds_each": seconds,
                "media_type": "video/mp4",
                "at_most_bytes": most,
                "width": SLIDES.0,
                "height": SLIDES.1,
            }),
        ),
        Rung::Thumbnail(url) => {
            let mut target = picture();
            target["url"] = json!(url);
            ("thumbnail", target)
        }
        Rung::LinkOnly => ("link only", Value::Null),
    };
    let mut shown = json!({
        "rung": rung.describe(),
        "operation": operation,
        "source": rung.rendition().map(of_rendition),
        "target": target,
    });
    match rung {
        Rung::Remux { audio: Some(sound), .. } | Rung::Transcode { audio: Some(sound), .. } => {
            shown["sound"] = of_rendition(sound);
        }
        Rung::Slideshow { pictures, .. } => {
            shown["slides"] = pictures.iter().map(of_rendition).collect();
        }
        _ => {}
    }
    shown
}

fn of_rendition(rendition: &Rendition) -> Value {
    json!({
        "url": rendition.url,
        "media_type": rendition.media_type,
        "bytes": rendition.bytes,
        "width": rendition.width,
        "height": rendition.height,
        "fps": rendition.fps,
        "has_sound": rendition.has_audio,
    })
}
