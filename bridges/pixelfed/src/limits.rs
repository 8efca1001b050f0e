//! What an instance takes: its instance document, and what that leaves out (contract pixelfed §1, §3).

use serde_json::Value;
use tombolo_model::{ImageFit, LengthUnit, Limits, LinkCost, MediaLimits, Mix, TextRules, as_array, unsigned_of};

/// Longest alternative text, in code points.
const ALT_MAX: usize = 1000;
/// Longest content warning, in code points.
const WARNING_MAX: usize = 140;
/// Pixels and frames that nobody counts on upload, whatever the document says.
const UNCOUNTED_PIXELS: u64 = 1 << 32;
const UNCOUNTED_FPS: u32 = 1000;
/// Most types that are kept of a document.
const MAX_TYPES: usize = 50;

/// Reads the instance document of either version; `None` for what isn't Pixelfed's. What it doesn't say is Pixelfed's
/// default.
pub(crate) fn limits_of(document: &Value) -> Option<Limits> {
    if !document.get("version")?.as_str()?.contains("Pixelfed") {
        return None;
    }
    let at = |path: [&str; 2]| document.get("configuration")?.get(path[0])?.get(path[1]);
    let positive = |path| at(path).and_then(unsigned_of).filter(|n| *n > 0);
    let small = |n: u64| usize::try_from(n).unwrap_or(usize::MAX);
    let mut types: Vec<String> = at(["media_attachments", "supported_mime_types"])
        .map(as_array)
        .unwrap_or_default()
        .iter()
        .filter_map(Value::as_str)
        .take(MAX_TYPES)
        .map(|t| t.trim().to_ascii_lowercase())
        .collect();
    if types.is_empty() {
        types = ["image/jpeg", "image/png", "image/gif"].map(str::to_owned).into();
    } else if types.iter().any(|t| t == "image/jpg") && !types.iter().any(|t| t == "image/jpeg") {
        types.push("image/jpeg".into());
    }
    // A file of exactly this size is taken; our limits name the first size that isn't.
    let bytes = |key| {
        positive(["media_attachments", key])
            .unwrap_or(15_360_000)
            .saturating_add(1)
    };
    Some(Limits {
        text: TextRules {
            max: small(positive(["statuses", "max_characters"]).unwrap_or(500)),
            unit: LengthUnit::CodePoints,
            // The document's cost of a link isn't applied.
            link: LinkCost::Full,
            warning_counts: false,
            alt_max: ALT_MAX,
            alt_min: 0,
            warning_max: Some(WARNING_MAX),
            escape_angle: true,
            alone: false,
        },
        media: MediaLimits {
            per_post: small(positive(["statuses", "max_media_attachments"]).unwrap_or(4)),
            types,
            image_bytes: bytes("image_size_limit"),
            image_pixels: UNCOUNTED_PIXELS,
            video_bytes: bytes("video_size_limit"),
            video_pixels: UNCOUNTED_PIXELS,
            video_fps: UNCOUNTED_FPS,
            // A mixed album is taken, and then shown in no list (contract pixelfed §4).
            mix: Mix::OneKind,
            image_fit: Some(ImageFit {
                landscape: (1920, 1080),
                portrait: (1080, 1350),
                square: (1080, 1080),
            }),
            keeps_files: true,
            resumes: false,
        },
        video: None,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_document_that_says_little_means_the_defaults() {
        let limits = limits_of(&json!({"version": "3.5.3 (compatible; Pixelfed 0.12.6)"})).expect("Pixelfed");
        assert_eq!((limits.text.max, limits.media.per_post), (500, 4));
        assert!(limits.media.takes("image/png") && !limits.media.takes("video/mp4"));
        assert_eq!(limits.media.image_bytes, 15_360_001);
    }

    #[test]
    fn another_platforms_document_is_none() {
        assert_eq!(limits_of(&json!({"version": "4.6.5", "configuration": {}})), None);
        assert_eq!(limits_of(&json!([])), None);
    }
}
