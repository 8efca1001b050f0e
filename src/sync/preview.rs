//! A dry run's line: the whole plan, as it would be sent. Facts are shown as facts, estimates as estimates.

use serde_json::{Value, json};
use tombolo_model::{Limits, Rendition};

use super::Line;
use crate::ledger::StateName;
use crate::transform::ladder::ENCODE_MARGIN;
use crate::transform::{FormPlan, MediaPlan, PartPlan, Rung};

/// The line of a post that a dry run has planned.
pub(super) fn shown(mut line: Line, parts: &[PartPlan], limits: &Limits, notes: &[String]) -> Line {
    let parts: Vec<Value> = parts.iter().map(|part| of_part(part, limits)).collect();
    line.state = StateName::Seen;
    line.reason = Some("dry run: nothing was sent".into());
    line.plan = Some(json!({ "parts": parts, "notes": notes }));
    line
}

fn of_part(part: &PartPlan, limits: &Limits) -> Value {
    let mut shown = json!({
        "text": part.text.text,
        "length": part.text.length,
        "max": limits.text.max,
        "cut": part.text.cut,
        "content_warning": part.text.warning,
        "sensitive": part.sensitive,
        "language": part.language,
        "visibility": part.visibility,
        "media": part.media.iter().map(|media| of_media(media, limits)).collect::<Vec<_>>(),
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

fn of_media(media: &MediaPlan, limits: &Limits) -> Value {
    let rungs: Vec<Value> = media.rungs.iter().map(|rung| of_rung(rung, limits)).collect();
    json!({
        "kind": media.kind,
        "alt": media.alt,
        "focus": media.focus,
        "rungs": rungs,
        "passed_over": media.passed_over,
    })
}

fn of_rung(rung: &Rung, limits: &Limits) -> Value {
    let (operation, target) = match rung {
        Rung::Import(_) => ("import", Value::Null),
        Rung::AsItIs(rendition) => ("as it is", of_rendition(rendition)),
        Rung::Remux { .. } => ("repackage", json!({ "media_type": "video/mp4" })),
        Rung::Transcode { seconds, burn_in, .. } => (
            "encode",
            json!({
                "media_type": "video/mp4",
                "at_most_bytes": limits.media.video_bytes.saturating_sub(ENCODE_MARGIN),
                "at_most_pixels": limits.media.video_pixels,
                "at_most_fps": limits.media.video_fps,
                "seconds": seconds,
                "subtitles": burn_in.as_ref().map(|c| &c.language),
            }),
        ),
        Rung::Picture(_) => (
            "picture",
            json!({
                "at_most_bytes": limits.media.image_bytes.saturating_sub(1),
                "at_most_pixels": limits.media.image_pixels,
                "fitted_into": limits.media.image_fit,
                "upright": true,
                "without_metadata": true,
            }),
        ),
        Rung::Slideshow { pictures, seconds } => (
            "slideshow",
            json!({ "pictures": pictures.len(), "seconds_each": seconds, "media_type": "video/mp4" }),
        ),
        Rung::Thumbnail(url) => ("thumbnail", json!({ "url": url })),
        Rung::LinkOnly => ("link only", Value::Null),
    };
    json!({
        "rung": rung.describe(),
        "operation": operation,
        "source": rung.rendition().map(of_rendition),
        "target": target,
    })
}

fn of_rendition(rendition: &Rendition) -> Value {
    json!({
        "url": rendition.url,
        "media_type": rendition.media_type,
        "bytes": rendition.bytes,
        "width": rendition.width,
        "height": rendition.height,
        "fps": rendition.fps,
    })
}
