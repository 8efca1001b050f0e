//! The entities, as far as tombolo uses them. Every field may be missing or of another kind.

use chrono::{DateTime, Utc};
use serde_json::Value;
use tombolo_model::{LengthUnit, Limits, LinkCost, MediaLimits, Mix, TextRules, as_array, bool_of, string_of, unsigned_of};

/// What an instance says about itself.
#[derive(Clone, Debug, PartialEq)]
pub struct Instance {
    /// Version string, which on other software names that software too.
    pub version: String,
    /// What it takes.
    pub limits: Limits,
}

/// A status, as its author sees it.
#[derive(Clone, Debug, PartialEq)]
pub struct Status {
    /// Id in the API.
    pub id: String,
    /// ActivityPub id.
    pub uri: String,
    /// Page for people.
    pub url: Option<String>,
    /// When it was created, on the server's clock.
    pub created_at: Option<DateTime<Utc>>,
    /// HTML.
    pub content: String,
    /// The text as it was sent, where the server shows it to its author.
    pub text: Option<String>,
    /// `public`, `unlisted`, `private`, `direct`, or a word of the server's own.
    pub visibility: Option<String>,
    /// Whether media are covered.
    pub sensitive: Option<bool>,
    /// Who wrote it, by id in the API.
    pub author: Option<String>,
    /// The status inside, where this is a boost. Some servers list an own post like that once anybody has boosted it.
    pub boosted: Option<Box<Status>>,
    /// Attachments in order.
    pub media: Vec<MediaEntity>,
}

/// An attachment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MediaEntity {
    /// Id in the API.
    pub id: String,
    /// Where the file is; absent while it is processed.
    pub url: Option<String>,
    /// Alternative text.
    pub description: Option<String>,
}

/// Longest address kept.
const MAX_URI: usize = 2048;
/// Longest id in the API kept; real ones have 10 to 60 characters.
const MAX_ID: usize = 255;

/// An id in the API: opaque, but short, and made of visible characters.
pub fn identifier(value: &Value) -> Option<String> {
    let fits = |id: &String| {
        !id.is_empty() && id.len() <= MAX_ID && !id.contains(|c: char| c.is_control() || c.is_whitespace())
    };
    string_of(value).filter(fits)
}

/// Reads a status; `None` for what isn't one.
pub fn parse_status(value: &Value) -> Option<Status> {
    let id = value.get("id").and_then(identifier)?;
    let text = |key: &str| value.get(key).and_then(Value::as_str).map(str::to_owned);
    Some(Status {
        uri: text("uri")
            .or_else(|| text("url"))
            .filter(|uri| uri.len() <= MAX_URI)
            .unwrap_or_else(|| id.clone()),
        url: text("url").filter(|url| url.len() <= MAX_URI),
        created_at: text("created_at")
            .and_then(|t| DateTime::parse_from_rfc3339(&t).ok())
            .map(|t| t.to_utc()),
        content: text("content").unwrap_or_default(),
        text: text("text").filter(|text| !text.is_empty()),
        visibility: text("visibility"),
        sensitive: value.get("sensitive").and_then(bool_of),
        author: value
            .get("account")
            .and_then(|account| account.get("id"))
            .and_then(identifier),
        // A boost isn't boosted again: one level is all there is.
        boosted: value
            .get("reblog")
            .filter(|b| b.get("reblog").is_none_or(Value::is_null))
            .and_then(parse_status)
            .map(Box::new),
        media: as_array(value.get("media_attachments").unwrap_or(&Value::Null))
            .iter()
            .filter_map(parse_media)
            .collect(),
        id,
    })
}

pub(crate) fn parse_media(value: &Value) -> Option<MediaEntity> {
    let text = |key: &str| {
        value
            .get(key)
            .and_then(Value::as_str)
            .filter(|t| !t.is_empty())
            .map(str::to_owned)
    };
    Some(MediaEntity {
        id: value.get("id").and_then(identifier)?,
        url: text("url").filter(|url| url.len() <= MAX_URI),
        description: text("description"),
    })
}

/// Reads the instance document of either version. What it doesn't say is what Mastodon has by default (contract mastodon §2).
pub fn parse_instance(value: &Value) -> Instance {
    let at = |path: &[&str]| path.iter().try_fold(value, |v, key| v.get(*key)).and_then(unsigned_of);
    let positive = |path: &[&str]| at(path).filter(|n| *n > 0);
    let media = |key: &str, default: u64| at(&["configuration", "media_attachments", key]).unwrap_or(default);
    let small = |n: u64| usize::try_from(n).unwrap_or(usize::MAX);
    let max = positive(&["configuration", "statuses", "max_characters"])
        .or_else(|| positive(&["max_toot_chars"]))
        .unwrap_or(500);
    // A server that doesn't say what a link costs may well count it in full.
    let link = positive(&["configuration", "statuses", "characters_reserved_per_url"])
        .map_or(LinkCost::Full, |n| LinkCost::Fixed(small(n)));
    let types = value
        .get("configuration")
        .and_then(|c| c.get("media_attachments"))
        .and_then(|m| m.get("supported_mime_types"))
        .map(|types| {
            as_array(types)
                .iter()
                .filter_map(Value::as_str)
                .map(str::to_ascii_lowercase)
                .collect()
        })
        .unwrap_or_default();
    Instance {
        version: value
            .get("version")
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned(),
        limits: Limits {
            text: TextRules {
                max: small(max),
                unit: LengthUnit::Graphemes,
                link,
                warning_counts: true,
                alt_max: small(media("description_limit", 1500)),
                warning_max: None,
                escape_angle: false,
                alone: true,
            },
            media: MediaLimits {
                per_post: small(at(&["configuration", "statuses", "max_media_attachments"]).unwrap_or(4)),
                types,
                image_bytes: media("image_size_limit", 16 << 20),
                image_pixels: media("image_matrix_limit", 33_177_600),
                video_bytes: media("video_size_limit", 99 << 20),
                video_pixels: media("video_matrix_limit", 8_294_400),
                video_fps: u32::try_from(media("video_frame_rate_limit", 120)).unwrap_or(u32::MAX),
                mix: Mix::PicturesOrOneVideo,
                image_fit: None,
                keeps_files: false,
                resumes: false,
            },
            video: None,
        },
    }
}

/// What an error answer says, for people. Never used to decide anything: the texts are localised (contract mastodon §8.3).
pub(crate) fn error_text(status: u16, body: &[u8]) -> String {
    let said = serde_json::from_slice::<Value>(body).ok().and_then(|value| {
        let text = |key: &str| value.get(key).and_then(Value::as_str).map(str::to_owned);
        text("error_description")
            .or_else(|| text("error"))
            .or_else(|| text("message"))
    });
    match said {
        Some(said) => format!(
            "the server answered {status}: {}",
            said.chars().take(300).collect::<String>()
        ),
        None => format!("the server answered {status} without an explanation of its API"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn limits_are_those_the_instance_names() {
        let instance = parse_instance(&json!({"version": "4.6.5", "configuration": {
            "statuses": {"max_characters": 5000, "max_media_attachments": 6, "characters_reserved_per_url": 25},
            "media_attachments": {"description_limit": 10000, "video_size_limit": 41_943_040, "supported_mime_types": ["video/MP4"]}
        }}));
        assert_eq!(instance.limits.text.max, 5000);
        assert_eq!(instance.limits.text.link, LinkCost::Fixed(25));
        assert_eq!(instance.limits.media.video_bytes, 41_943_040);
        assert!(instance.limits.media.takes("video/mp4") && !instance.limits.media.takes("video/webm"));
    }

    #[test]
    fn an_instance_that_says_nothing_is_taken_for_a_cautious_mastodon() {
        let limits = parse_instance(&json!({"max_toot_chars": "700"})).limits;
        assert_eq!((limits.text.max, limits.text.link), (700, LinkCost::Full));
        assert_eq!(limits.media.video_bytes, 99 << 20);
        assert_eq!(parse_instance(&json!(null)).limits.text.max, 500);
    }

    #[test]
    fn a_status_needs_only_an_id() {
        let status = parse_status(&json!({"id": 7, "media_attachments": {"id": "m", "description": ""}})).unwrap();
        assert_eq!((status.id.as_str(), status.uri.as_str()), ("7", "7"));
        assert_eq!(status.media[0].description, None);
        assert_eq!(parse_status(&json!({"error": "no"})), None);
        assert_eq!(parse_status(&json!([])), None);
    }
}
