//! The resumable upload: begin, chunk, probe, cancel, and what their answers mean (contract peertube §7.3).
//!
//! Decides nothing about retries: that is `publish`. Never continues from an offset that the server didn't report, since a
//! gap is accepted and leaves a hole of zeros. Never reaches for the `Location` it is given.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use reqwest::Method;
use serde_json::Value;
use sha2::{Digest, Sha256};
use tombolo_model::{IdempotencyKey, Thumbnail};
use tombolo_net::{Answer, WriteBody, multipart, retry_after};
use url::Url;

use crate::caller::{Caller, NoAnswer, Write};
use crate::wire::{Problem, created, held, upload_id};

/// Smallest and largest chunk. The upper bound is held in memory; 8 to 16 MiB fit all versions, less is for slow lines.
pub(crate) const SMALLEST: u64 = 1 << 20;
pub(crate) const LARGEST: u64 = 16 << 20;
/// The first chunk, before anything is known of the line.
pub(crate) const FIRST: u64 = 8 << 20;
/// How long a chunk should take: far less than the five minutes after which servers give up.
const WANTED: TimeDelta = TimeDelta::seconds(60);
/// An end of waiting where the server names none.
const UNNAMED_WAIT: TimeDelta = TimeDelta::seconds(60);

/// An upload that the instance keeps for us.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Upload {
    pub(crate) id: String,
    /// Size of the whole file.
    pub(crate) total: u64,
}

impl Upload {
    /// How it is written down: the size is needed for asking about it.
    pub(crate) fn noted(&self) -> String {
        format!("{}/{}", self.id, self.total)
    }

    /// Reads what was written down; `None` for anything else.
    pub(crate) fn parse(noted: &str) -> Option<Self> {
        let (id, total) = noted.split_once('/')?;
        Some(Self {
            id: Some(id).filter(|id| crate::wire::is_upload_id(id))?.to_owned(),
            total: total.parse().ok()?,
        })
    }
}

/// What became of beginning an upload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Begun {
    /// A new one, of which the server holds nothing.
    New(Upload),
    /// One that was begun before with the same key; the server holds so many bytes.
    Unfinished(Upload, u64),
    /// Refused.
    Refused(Problem),
    /// An answer that means nothing.
    Odd(String),
}

/// What the server says after a chunk, or a probe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// It holds so many bytes, without a gap, and wants the rest.
    Held(u64),
    /// It has all of them and works on the video, or is poisoned by a file that it couldn't read.
    Processing(DateTime<Utc>),
    /// The video exists.
    Created(String),
    /// It doesn't know the upload: finished, lost or expired.
    Unknown,
    /// The chunk was damaged on its way and dropped.
    Damaged,
    /// Refused.
    Refused(Problem),
    /// An answer that decides nothing: a proxy's, or an error of the server.
    Nothing(String),
}

/// `lastModified` of an attempt. A fixed one makes the beginning repeatable (contract peertube §7.3, "Key").
pub(crate) fn last_modified(key: &IdempotencyKey) -> u64 {
    // Forty bits are some thirty years of milliseconds, counted from 2001 on.
    let bits = key
        .as_str()
        .get(..10)
        .and_then(|digits| u64::from_str_radix(digits, 16).ok());
    1_000_000_000_000 + bits.unwrap_or_default()
}

/// Begins an upload, or finds the one begun before.
pub(crate) async fn begin(
    caller: &Caller,
    fields: &Value,
    thumbnail: Option<&Thumbnail>,
    total: u64,
    media_type: &str,
) -> Result<Begun, NoAnswer> {
    let body = || match thumbnail {
        None => WriteBody::Json(fields.clone()),
        Some(picture) => WriteBody::Multipart(form(fields, picture)),
    };
    let answer = caller
        .send(Write {
            method: Method::POST,
            url: address(caller, None)?,
            headers: vec![
                ("x-upload-content-length", total.to_string()),
                ("x-upload-content-type", media_type.to_owned()),
            ],
            body: &body,
            sent: None,
        })
        .await?;
    Ok(begun(&answer, total, caller.instance()))
}

fn begun(answer: &Answer, total: u64, instance: &Url) -> Begun {
    let status = answer.status.as_u16();
    let id = upload_id(&answer.headers, instance);
    match (status, id, held(&answer.headers)) {
        (201, Some(id), _) => Begun::New(Upload { id, total }),
        (200, Some(id), Some(held)) if held <= total => Begun::Unfinished(Upload { id, total }, held),
        (400..=499, ..) => Begun::Refused(Problem::of(answer)),
        _ => Begun::Odd(format!("an upload could not begin: {}", Problem::of(answer))),
    }
}

/// Fields and pictures as a form. Both pictures are sent: up to 8.0 each has its own size (contract peertube §7.1).
fn form(fields: &Value, picture: &Thumbnail) -> multipart::Form {
    let mut form = multipart::Form::new();
    for (name, value) in fields.as_object().into_iter().flatten() {
        match value {
            Value::Null => {}
            Value::Array(items) => {
                for (place, item) in items.iter().enumerate() {
                    form = form.text(format!("{name}[{place}]"), as_text(item));
                }
            }
            other => form = form.text(name.clone(), as_text(other)),
        }
    }
    let extension = picture.media_type.rsplit('/').next().unwrap_or("jpg").to_owned();
    for field in ["thumbnailfile", "previewfile"] {
        let part = multipart::Part::stream_with_length(picture.bytes.clone(), picture.bytes.len() as u64)
            .file_name(format!("thumbnail.{extension}"))
            .mime_str(&picture.media_type);
        if let Ok(part) = part {
            form = form.part(field, part);
        }
    }
    form
}

fn as_text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// Sends one chunk, which begins at `start`. The last one makes the video.
pub(crate) async fn send_chunk(
    caller: &Caller,
    upload: &Upload,
    start: u64,
    chunk: &Bytes,
    sent: Arc<AtomicU64>,
) -> Result<State, NoAnswer> {
    let end = start + chunk.len() as u64;
    let answer = caller
        .send(Write {
            method: Method::PUT,
            url: address(caller, Some(upload))?,
            headers: vec![
                ("content-type", "application/octet-stream".into()),
                (
                    "content-range",
                    format!("bytes {start}-{}/{}", end.saturating_sub(1), upload.total),
                ),
                // Detects what a proxy cut off (contract peertube §7.3).
                ("digest", format!("sha-256={}", STANDARD.encode(Sha256::digest(chunk)))),
            ],
            body: &|| WriteBody::Bytes(chunk.clone()),
            sent: Some(sent),
        })
        .await?;
    Ok(state(&answer, caller.now()))
}

/// Asks how far an upload is. Where the server holds all bytes, that is as good as the last chunk: it makes the video.
pub(crate) async fn probe(caller: &Caller, upload: &Upload) -> Result<State, NoAnswer> {
    let answer = caller
        .send(Write {
            method: Method::PUT,
            url: address(caller, Some(upload))?,
            headers: vec![
                ("content-range", format!("bytes */{}", upload.total)),
                ("content-length", "0".into()),
            ],
            body: &|| WriteBody::Empty,
            sent: None,
        })
        .await?;
    Ok(state(&answer, caller.now()))
}

/// Forgets an upload, and the mark that it is being processed. Also fine where there is none.
pub(crate) async fn cancel(caller: &Caller, upload: &Upload) -> Result<bool, NoAnswer> {
    let answer = caller
        .send(Write {
            method: Method::DELETE,
            url: address(caller, Some(upload))?,
            headers: vec![("content-length", "0".into())],
            body: &|| WriteBody::Empty,
            sent: None,
        })
        .await?;
    Ok(answer.status.is_success() || answer.status.as_u16() == 404)
}

fn address(caller: &Caller, upload: Option<&Upload>) -> Result<Url, NoAnswer> {
    let query = upload.map(|upload| ("upload_id", upload.id.as_str()));
    caller
        .api(&["videos", "upload-resumable"], query.as_slice())
        .map_err(|e| NoAnswer::NotSent(e.to_string()))
}

fn state(answer: &Answer, now: DateTime<Utc>) -> State {
    let problem = Problem::of(answer);
    match problem.status {
        200 => match created(answer) {
            Some(uuid) => State::Created(uuid),
            None => State::Nothing("the instance's answer names no video".into()),
        },
        308 => match held(&answer.headers) {
            Some(held) => State::Held(held),
            None => State::Nothing("the instance doesn't say how much of the file it holds".into()),
        },
        460 => State::Damaged,
        404 if problem.by_peertube => State::Unknown,
        // Only PeerTube itself says that it works on it; a proxy says 503 when PeerTube is down.
        503 if problem.by_peertube => {
            State::Processing(retry_after(&answer.headers, now).unwrap_or(now + UNNAMED_WAIT))
        }
        400..=499 if problem.by_peertube || problem.status == 413 => State::Refused(problem),
        _ => State::Nothing(problem.to_string()),
    }
}

/// How large the next chunk should be, by how long the last one took.
pub(crate) fn next_size(last: u64, took: TimeDelta, bound: u64) -> u64 {
    let took = took.num_milliseconds();
    let wanted = if took <= 0 {
        LARGEST
    } else {
        let wanted =
            u128::from(last) * u128::from(WANTED.num_milliseconds().unsigned_abs()) / u128::from(took.unsigned_abs());
        u64::try_from(wanted).unwrap_or(LARGEST)
    };
    // Not all at once: one fast chunk may have gone into a proxy's buffer.
    let wanted = wanted
        .clamp(SMALLEST, LARGEST)
        .min(last.saturating_mul(2).max(SMALLEST));
    bounded(wanted, bound)
}

/// Within the instance's own bound, where it has one.
pub(crate) fn bounded(size: u64, bound: u64) -> u64 {
    if bound == 0 { size } else { size.min(bound) }.max(1)
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use proptest::prelude::*;
    use reqwest::StatusCode;
    use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
    use tombolo_net::stand_in::recordings::Recording;

    use super::*;

    /// A recorded answer of the real server.
    fn recorded(number: &str) -> Answer {
        let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/recordings/peertube-6.3.0");
        let response = Recording::numbered(folder, number)
            .expect("the recording is there")
            .response;
        let mut headers = HeaderMap::new();
        for name in ["content-type", "range", "location", "retry-after"] {
            if let Some(value) = response.header(name) {
                headers.insert(
                    HeaderName::from_static(name),
                    HeaderValue::from_str(value).expect("a value"),
                );
            }
        }
        Answer {
            status: StatusCode::from_u16(response.status).expect("a status"),
            headers,
            body: if response.body.is_null() {
                Bytes::new()
            } else {
                response.body.to_string().into()
            },
            url: Url::parse("http://127.0.0.1:9011/").expect("a URL"),
        }
    }

    fn now() -> DateTime<Utc> {
        "2026-11-23T05:54:26Z".parse().expect("a date")
    }

    fn said(number: &str) -> State {
        state(&recorded(number), now())
    }

    #[test]
    fn recorded_answers_to_chunks_and_probes_mean_what_the_contract_says() {
        assert_eq!(said("182"), State::Held(262_144));
        assert_eq!(said("190"), State::Held(0), "nothing yet is bytes=0--1");
        assert_eq!(
            said("184"),
            State::Created("e866a2b7-3519-427b-8c15-43d136aff7af".into())
        );
        assert_eq!(said("186"), State::Unknown);
        assert_eq!(said("256"), State::Damaged);
        assert_eq!(said("238"), State::Processing(now() + TimeDelta::seconds(300)));
        assert_eq!(said("251"), State::Processing(now() + TimeDelta::seconds(300)));
        assert!(matches!(said("250"), State::Refused(problem) if problem.status == 422));
        assert!(matches!(said("204"), State::Refused(problem) if problem.has_code("FileConflict")));
    }

    #[test]
    fn recorded_answers_to_beginnings_mean_what_the_contract_says() {
        let begun = |number| {
            begun(
                &recorded(number),
                600_344,
                &Url::parse("https://tube.example/").expect("a URL"),
            )
        };
        let Begun::New(upload) = begun("181") else {
            panic!("{:?}", begun("181"))
        };
        assert_eq!(
            upload.id,
            "af63af4c8601a015-be7a72438175de37-499dc8e2a4c3d8e6-dc93cee74bfe967e"
        );
        assert!(matches!(begun("193"), Begun::Unfinished(upload, 362_144) if upload.total == 600_344));
        assert!(matches!(begun("211"), Begun::Refused(problem) if problem.names(&["name"])));
        assert!(matches!(begun("233"), Begun::Refused(problem) if problem.has_code("quota_reached")));
        // The useless success for an empty file.
        assert!(matches!(begun("234"), Begun::Odd(_)));
    }

    #[test]
    fn an_upload_is_written_down_with_its_size() {
        let upload = Upload {
            id: "af63-be7a".into(),
            total: 7,
        };
        assert_eq!(Upload::parse(&upload.noted()), Some(upload));
        for odd in ["af63", "a b/7", "/7", "af63/x", "../admin/7"] {
            assert_eq!(Upload::parse(odd), None, "{odd}");
        }
    }

    #[test]
    fn an_attempt_has_the_same_last_modified_whenever_it_is_asked() {
        let key = |byte| IdempotencyKey::from_random([byte; 16]);
        assert_eq!(last_modified(&key(7)), last_modified(&key(7)));
        assert_ne!(last_modified(&key(7)), last_modified(&key(8)));
    }

    proptest! {
        #[test]
        fn a_chunk_stays_within_all_bounds(last in 0_u64..1 << 40, took in -10_i64..10_000_000, bound in 0_u64..1 << 30) {
            let size = next_size(last, TimeDelta::milliseconds(took), bound);
            prop_assert!((1..=LARGEST).contains(&size));
            prop_assert!(bound == 0 || size <= bound);
        }

        #[test]
        fn a_slow_line_gets_chunks_that_end_in_time(bytes_per_second in 20_000_u64..100_000_000) {
            let took = TimeDelta::milliseconds(i64::try_from(FIRST * 1000 / bytes_per_second).unwrap_or(i64::MAX));
            let size = next_size(FIRST, took, 0);
            prop_assert!(size / bytes_per_second < 300);
        }
    }
}
