//! Objects: fetched from their own id, recognised by content type, read tolerantly.

use chrono::{DateTime, Utc};
use serde_json::Value;
use tombolo_model::{ApId, Origin, SourceError, as_array};
use tombolo_net::{Answer, Get, Net};
use url::Url;

use crate::source_error;

/// Contract activitypub §2.1: nothing else, or some servers answer with HTML.
pub const ACCEPT: &str =
    "application/activity+json, application/ld+json; profile=\"https://www.w3.org/ns/activitystreams\"";

/// What a fetch of an object brought.
#[derive(Clone, Debug)]
pub enum Object {
    /// The object, whose id is what was asked for.
    Found(Value),
    /// 404, 410 or a Tombstone.
    Gone,
    /// 401 or 403.
    Forbidden(u16),
    /// The document is as it was (304).
    Unchanged,
}

/// Fetches an object by its id. An answer with another id on the same host is fetched once more under that id (§2.2).
pub async fn fetch_object(net: &Net, id: &Url) -> Result<Object, SourceError> {
    let first = fetch_document(net, id, None).await?;
    let Object::Found(value) = &first else { return Ok(first) };
    let Some(named) = value.get("id").and_then(Value::as_str) else {
        return Err(SourceError::Malformed(format!("the object at {id} has no id")));
    };
    let named = ApId::parse(named)
        .ok_or_else(|| SourceError::Malformed(format!("the object at {id} has no usable id")))?
        .to_url();
    if named == *id {
        return Ok(first);
    }
    if Origin::of(&named) != Origin::of(id) {
        return Err(SourceError::Malformed(format!(
            "{id} answers with an object of another server, {named}"
        )));
    }
    let second = fetch_document(net, &named, None).await?;
    let own = |value: &Value| value.get("id").and_then(Value::as_str).and_then(ApId::parse);
    match &second {
        Object::Found(value) if own(value).is_none_or(|id| id.to_url() != named) => Err(SourceError::Malformed(
            format!("the object at {named} doesn't answer under its own id"),
        )),
        _ => Ok(second),
    }
}

/// Fetches any ActivityPub document.
pub(crate) async fn fetch_document(net: &Net, url: &Url, etag: Option<&str>) -> Result<Object, SourceError> {
    let answer = ask(net, url, etag).await?;
    document(url, &answer)
}

pub(crate) async fn ask(net: &Net, url: &Url, etag: Option<&str>) -> Result<Answer, SourceError> {
    let get = Get {
        accept: ACCEPT,
        family: "activitypub",
        if_none_match: etag,
        ..Get::json(url.clone())
    };
    net.get(&get).await.map_err(source_error)
}

pub(crate) fn document(url: &Url, answer: &Answer) -> Result<Object, SourceError> {
    match answer.status.as_u16() {
        200 => {}
        304 => return Ok(Object::Unchanged),
        404 | 410 => return Ok(Object::Gone),
        // A web page is from what stands in front of the server, and says nothing about the object.
        status @ (401 | 403) if answer.media_type().as_deref() == Some("text/html") => {
            return Err(SourceError::Transient(format!(
                "{url} was answered with status {status} and a web page"
            )));
        }
        status @ (401 | 403) => return Ok(Object::Forbidden(status)),
        status => {
            return Err(SourceError::Malformed(format!(
                "{url} was answered with status {status}"
            )));
        }
    }
    if !is_activity_json(answer) {
        let kind = answer.media_type().unwrap_or_else(|| "no content type".into());
        return Err(SourceError::Malformed(format!(
            "{url} was answered with {kind} instead of an ActivityPub document (a login page, or federation is off?)"
        )));
    }
    let value: Value = answer
        .json()
        .map_err(|e| SourceError::Malformed(format!("{url} was answered with JSON that can't be read: {e}")))?;
    if types_of(&value).any(|t| t == "Tombstone") {
        return Ok(Object::Gone);
    }
    Ok(Object::Found(value))
}

/// `application/activity+json`, or `application/ld+json` with the ActivityStreams profile (§2.1).
fn is_activity_json(answer: &Answer) -> bool {
    let Some(kind) = answer.headers.get("content-type").and_then(|v| v.to_str().ok()) else {
        return false;
    };
    let kind = kind.to_ascii_lowercase();
    kind.starts_with("application/activity+json")
        || (kind.starts_with("application/ld+json") && kind.contains("https://www.w3.org/ns/activitystreams"))
}

/// The types of an object, without an `as:` prefix.
pub fn types_of(value: &Value) -> impl Iterator<Item = &str> {
    as_array(value.get("type").unwrap_or(&Value::Null))
        .iter()
        .filter_map(Value::as_str)
        .map(|t| t.strip_prefix("as:").unwrap_or(t))
}

/// Whether a `to` or `cc` value names the public (§4.1).
pub fn is_public(audience: &Value) -> bool {
    as_array(audience).iter().filter_map(Value::as_str).any(|a| {
        matches!(
            a,
            "https://www.w3.org/ns/activitystreams#Public" | "as:Public" | "Public"
        )
    })
}

/// RFC 3339, with or without a fraction; years 0 to 9999.
pub fn parse_instant(value: &Value) -> Option<DateTime<Utc>> {
    use chrono::Datelike;
    let at = DateTime::parse_from_rfc3339(value.as_str()?.trim()).ok()?.to_utc();
    (0..=9999).contains(&at.year()).then_some(at)
}

/// An ISO 8601 duration of days, hours, minutes and seconds, in whole seconds. At most a week (§4.1).
pub fn parse_duration(text: &str) -> Option<u32> {
    const WEEK: f64 = 604_800.0;
    let rest = text.trim().strip_prefix('P')?;
    let (mut seconds, mut number, mut in_time, mut any) = (0.0_f64, String::new(), false, false);
    for c in rest.chars() {
        if c == 'T' {
            in_time = true;
            continue;
        }
        if c.is_ascii_digit() || c == '.' {
            number.push(c);
            continue;
        }
        let factor = match (c, in_time) {
            ('D', false) => 86400.0,
            ('H', true) => 3600.0,
            ('M', true) => 60.0,
            ('S', true) => 1.0,
            _ => return None,
        };
        seconds += number.parse::<f64>().ok()? * factor;
        number.clear();
        any = true;
    }
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // between 0 and a week
    let whole = (any && number.is_empty() && seconds <= WEEK).then(|| seconds.round() as u32);
    whole
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn durations_are_read_as_peertube_and_mastodon_write_them() {
        for (text, seconds) in [
            ("PT6S", 6),
            ("PT2M3S", 123),
            ("PT1H", 3600),
            ("P0DT0H0M12.4S", 12),
            ("PT0S", 0),
        ] {
            assert_eq!(parse_duration(text), Some(seconds), "{text}");
        }
        for text in ["", "P", "PT", "6", "PTS", "-PT6S", "PT6", "P8D", "P1M", "PT1.2.3S"] {
            assert_eq!(parse_duration(text), None, "{text}");
        }
    }

    #[test]
    fn the_public_has_three_names() {
        assert!(is_public(&json!("as:Public")));
        assert!(is_public(&json!([
            "https://a.example/followers",
            "https://www.w3.org/ns/activitystreams#Public"
        ])));
        assert!(!is_public(&json!([])));
        assert!(!is_public(&json!("https://a.example/followers")));
    }

    proptest! {
        #[test]
        fn no_duration_panics_or_exceeds_a_week(text in "\\PC{0,30}|P[0-9.DTHMS]{0,20}") {
            if let Some(seconds) = parse_duration(&text) {
                prop_assert!(seconds <= 604_800);
            }
        }
    }
}
