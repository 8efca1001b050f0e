//! What PeerTube's answers to writers say: its four shapes of errors, offsets, upload ids, videos.
//!
//! Reads only; never asks anything. Messages of the server are kept short and never decide: status and code do
//! (contract peertube §9).

use chrono::{DateTime, Utc};
use reqwest::header::{HeaderMap, LOCATION, RANGE};
use serde_json::Value;
use tombolo_activitypub::parse_instant;
use tombolo_model::{Copy, bool_of, string_of, unsigned_of};
use tombolo_net::Answer;
use url::Url;

use crate::short_uuid;

/// Longest message of a server that is passed on.
const MAX_MESSAGE: usize = 300;
/// Most refused fields that are named.
const MAX_FIELDS: usize = 8;
/// Longest upload id that is kept. The real ones have 67 characters.
const MAX_UPLOAD_ID: usize = 200;

/// A refusal, as far as it explains itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Problem {
    pub(crate) status: u16,
    /// Whether PeerTube itself answered, and not something in front of it.
    pub(crate) by_peertube: bool,
    /// Its code, where it has one: `invalid_token`, `quota_reached`, `FileNotFound`, …
    pub(crate) code: Option<String>,
    /// The fields it names, each with what it says about it.
    pub(crate) fields: Vec<(String, String)>,
    detail: Option<String>,
}

impl Problem {
    pub(crate) fn of(answer: &Answer) -> Self {
        let body: Value = answer.json().unwrap_or_default();
        let text = |value: &Value, key: &str| value.get(key).and_then(Value::as_str).map(short);
        let error = body.get("error").unwrap_or(&Value::Null);
        // A typed problem carries its code as the last part of an address of the documentation, too.
        let typed = text(&body, "type").and_then(|kind| Some(kind.rsplit_once("Errors/")?.1.to_owned()));
        let fields = body.get("invalid-params").and_then(Value::as_object);
        let fields = fields.into_iter().flatten().take(MAX_FIELDS);
        Self {
            status: answer.status.as_u16(),
            by_peertube: body.is_object() && answer.media_type().is_some_and(|kind| kind.contains("json")),
            code: text(&body, "code").or_else(|| text(error, "code")).or(typed),
            fields: fields
                .map(|(name, said)| (short(name), text(said, "msg").unwrap_or_default()))
                .collect(),
            detail: text(&body, "detail").or_else(|| text(error, "message")),
        }
    }

    pub(crate) fn has_code(&self, code: &str) -> bool {
        self.code.as_deref() == Some(code)
    }

    /// Whether one of the named fields is one of these.
    pub(crate) fn names(&self, fields: &[&str]) -> bool {
        self.fields.iter().any(|(name, _)| fields.contains(&name.as_str()))
    }
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PeerTube answered {}", self.status)?;
        if self.fields.is_empty() {
            match &self.detail {
                Some(detail) => write!(f, ": {detail}"),
                None if self.by_peertube => Ok(()),
                None => write!(f, " without an explanation of its API (a proxy in front of it?)"),
            }
        } else {
            for (place, (name, said)) in self.fields.iter().enumerate() {
                write!(f, "{}{name}", if place == 0 { ": " } else { "; " })?;
                if !said.is_empty() {
                    write!(f, " ({said})")?;
                }
            }
            Ok(())
        }
    }
}

/// One line, and not a long one.
fn short(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(MAX_MESSAGE).collect()
}

/// How many bytes of an upload the server holds by the `Range` of its answer: `bytes=0-N` are N + 1, and the odd
/// `bytes=0--1` none (contract peertube §7.3).
pub(crate) fn held(headers: &HeaderMap) -> Option<u64> {
    let last = headers.get(RANGE)?.to_str().ok()?.trim().strip_prefix("bytes=0-")?;
    if last == "-1" {
        return Some(0);
    }
    if !last.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    last.parse::<u64>().ok()?.checked_add(1)
}

/// The upload id of a `Location`. Nothing else of it is believed: its host is whatever the request's `Host` said
/// (contract peertube §7.3, §11.8).
pub(crate) fn upload_id(headers: &HeaderMap, instance: &Url) -> Option<String> {
    let location = instance.join(headers.get(LOCATION)?.to_str().ok()?).ok()?;
    let (_, id) = location.query_pairs().find(|(key, _)| key == "upload_id")?;
    is_upload_id(&id).then(|| id.into_owned())
}

/// Whether this can stand in an address as an upload id.
pub(crate) fn is_upload_id(id: &str) -> bool {
    (1..=MAX_UPLOAD_ID).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
}

/// A video as lists, details and imports describe it to its owner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OwnVideo {
    pub(crate) uuid: String,
    /// ActivityPub id.
    pub(crate) uri: String,
    pub(crate) name: String,
    pub(crate) created: Option<DateTime<Utc>>,
    pub(crate) originally_published: Option<DateTime<Utc>>,
    pub(crate) channel: Option<u64>,
    pub(crate) state: Option<u64>,
    pub(crate) state_label: String,
    pub(crate) privacy: Option<u64>,
    pub(crate) nsfw: Option<bool>,
    pub(crate) tags: Vec<String>,
    pub(crate) category: Option<String>,
    pub(crate) licence: Option<String>,
    pub(crate) language: Option<String>,
    pub(crate) blocked: bool,
    pub(crate) downloads: Option<bool>,
}

impl OwnVideo {
    pub(crate) fn parse(value: &Value) -> Option<Self> {
        let uuid = value.get("uuid").and_then(Value::as_str)?;
        short_uuid(uuid)?;
        let text = |key: &str| value.get(key).and_then(Value::as_str).unwrap_or_default();
        let id_in = |key: &str| value.get(key)?.get("id").and_then(unsigned_of);
        let label = |key: &str| {
            let of = value.get(key)?;
            // An unset value has the label "Unknown" and no id.
            of.get("id").and_then(string_of)?;
            of.get("label").and_then(Value::as_str).map(short)
        };
        let tags = value.get("tags").and_then(Value::as_array);
        Some(Self {
            uuid: uuid.to_ascii_lowercase(),
            uri: text("url").to_owned(),
            name: text("name").to_owned(),
            created: value.get("createdAt").and_then(parse_instant),
            originally_published: value.get("originallyPublishedAt").and_then(parse_instant),
            channel: id_in("channel"),
            state: id_in("state"),
            state_label: value
                .get("state")
                .and_then(|state| state.get("label")?.as_str())
                .map(short)
                .unwrap_or_default(),
            privacy: id_in("privacy"),
            nsfw: value.get("nsfw").and_then(bool_of),
            tags: tags
                .into_iter()
                .flatten()
                .filter_map(Value::as_str)
                .take(20)
                .map(short)
                .collect(),
            category: label("category"),
            licence: label("licence"),
            language: value.get("language").and_then(|l| l.get("id")?.as_str()).map(short),
            blocked: value.get("blacklisted").and_then(bool_of) == Some(true),
            downloads: value.get("downloadEnabled").and_then(bool_of),
        })
    }

    /// The copy it is. Its page is the short one, which every version has (contract peertube §4).
    pub(crate) fn copy(&self, instance: &Url) -> Copy {
        let mut copy = copy_of(&self.uuid, instance);
        if tombolo_model::ApId::parse(&self.uri).is_some() {
            copy.uri.clone_from(&self.uri);
        }
        copy
    }
}

/// A video of which only the uuid is known, as a copy.
pub(crate) fn copy_of(uuid: &str, instance: &Url) -> Copy {
    let origin = tombolo_model::Origin::of(instance);
    let short = short_uuid(uuid).unwrap_or_else(|| uuid.to_owned());
    Copy {
        id: uuid.to_owned(),
        uri: format!("{origin}/videos/watch/{uuid}"),
        url: Some(format!("{origin}/w/{short}")),
        differences: Vec::new(),
    }
}

/// The uuid in the answer to a finished upload: `{video:{id,uuid,shortUUID}}`.
pub(crate) fn created(answer: &Answer) -> Option<String> {
    let body: Value = answer.json().ok()?;
    let uuid = body.get("video")?.get("uuid")?.as_str()?;
    short_uuid(uuid)?;
    Some(uuid.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;
    use reqwest::StatusCode;
    use reqwest::header::HeaderValue;
    use serde_json::json;

    fn answer(status: u16, kind: &'static str, body: &str) -> Answer {
        let mut headers = HeaderMap::new();
        headers.insert("content-type", HeaderValue::from_static(kind));
        Answer {
            status: StatusCode::from_u16(status).expect("a status"),
            headers,
            body: bytes::Bytes::copy_from_slice(body.as_bytes()),
            url: Url::parse("https://tube.example/").expect("a URL"),
        }
    }

    fn with(name: &'static str, value: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(name, HeaderValue::from_str(value).expect("a value"));
        headers
    }

    #[test]
    fn all_four_shapes_of_errors_are_read() {
        let quota = r#"{"type":"https://docs.joinpeertube.org/api-rest-reference.html#section/Errors/quota_reached",
            "detail":"The user video quota is exceeded with this video.","status":413}"#;
        let quota = Problem::of(&answer(413, "application/problem+json; charset=utf-8", quota));
        assert!(quota.has_code("quota_reached") && quota.by_peertube);
        assert_eq!(
            quota.to_string(),
            "PeerTube answered 413: The user video quota is exceeded with this video."
        );

        let fields = r#"{"type":"about:blank","detail":"Incorrect request parameters: tags",
            "invalid-params":{"tags":{"msg":"Should have an array of up to 5 tags"}}}"#;
        let fields = Problem::of(&answer(400, "application/problem+json", fields));
        assert!(fields.names(&["tags"]) && !fields.names(&["name"]));
        assert_eq!(
            fields.to_string(),
            "PeerTube answered 400: tags (Should have an array of up to 5 tags)"
        );

        let resumable = r#"{"error":{"code":"FileNotFound","message":"Not found"}}"#;
        let resumable = Problem::of(&answer(404, "application/json", resumable));
        assert!(resumable.has_code("FileNotFound"));
        assert_eq!(resumable.to_string(), "PeerTube answered 404: Not found");

        let proxy = Problem::of(&answer(502, "text/html", "<h1>Bad gateway</h1>"));
        assert!(!proxy.by_peertube);
        assert!(!proxy.to_string().contains("<h1>"), "{proxy}");
    }

    #[test]
    fn an_offset_is_read_only_from_what_it_is_written_as() {
        assert_eq!(held(&with("range", "bytes=0-262143")), Some(262_144));
        assert_eq!(held(&with("range", "bytes=0--1")), Some(0));
        for odd in [
            "bytes=5-9",
            "bytes=0-",
            "bytes=0-+4",
            "0-4",
            "bytes=0-18446744073709551615",
        ] {
            assert_eq!(held(&with("range", odd)), None, "{odd}");
        }
        assert_eq!(held(&HeaderMap::new()), None);
    }

    #[test]
    fn only_the_id_of_a_location_is_believed() {
        let instance = Url::parse("https://tube.example/").expect("a URL");
        for location in [
            "//evil.example/api/v1/videos/upload-resumable?upload_id=af63-be7a",
            "http://evil.example/?x=1&upload_id=af63-be7a",
            "?upload_id=af63-be7a",
        ] {
            let id = upload_id(&with("location", location), &instance);
            assert_eq!(id.as_deref(), Some("af63-be7a"), "{location}");
        }
        for location in ["/x", "?upload_id=", "?upload_id=a%2F..%2Fb", "?upload_id=a%20b"] {
            assert_eq!(upload_id(&with("location", location), &instance), None, "{location}");
        }
    }

    #[test]
    fn what_has_no_uuid_is_no_video() {
        assert_eq!(
            OwnVideo::parse(&json!({"uuid": "../admin", "url": "https://a.example/x"})),
            None
        );
        assert_eq!(
            created(&answer(200, "application/json", r#"{"video":{"uuid":"7"}}"#)),
            None
        );
        assert_eq!(created(&answer(200, "text/html", "ok")), None);
    }
}
