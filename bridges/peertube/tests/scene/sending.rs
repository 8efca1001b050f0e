//! The bodies of recorded requests, made again, and what is learnt from the answers to them.

use reqwest::RequestBuilder;
use reqwest::multipart::{Form, Part};
use serde_json::Value;
use tombolo_net::stand_in::recordings::{Permitted, RecordedRequest, RecordedResponse};
use tombolo_peertube::stand_in::FileBody;

use super::{Given, Scene};

/// The recorded file of this length wasn't a video.
const NOT_A_VIDEO: u64 = 18_000;

/// What ffprobe says of a file is told in part only.
pub const FACTS_OF_A_FILE: [Permitted; 3] = [
    Permitted {
        path: "$.metadata.format.*",
        why: "the stand-in tells only what says something about a file",
    },
    Permitted {
        path: "$.metadata.streams[].*",
        why: "the stand-in tells only what says something about a file",
    },
    Permitted {
        path: "$.metadata.format.tags.**",
        why: "the stand-in tells only what says something about a file",
    },
];

/// A file of this length, in the place of the recorded one.
pub fn content(length: u64) -> FileBody {
    if length == NOT_A_VIDEO {
        return b"text ".repeat(3600).into();
    }
    FileBody::Synthetic { bytes: length, seed: 1 }
}

impl Scene {
    /// A token in the form of a header's value.
    pub fn bearer(&self, account: &str) -> String {
        format!("Bearer {}", self.tube.sign_in(account))
    }

    /// Asks all of these as recorded, with one session.
    pub async fn replay_all(&self, numbers: &[&str], bearer: &str) {
        for number in numbers {
            self.replay_as(number, &[("authorization", bearer)], &[]).await;
        }
    }

    pub fn with_body(&self, asked: RequestBuilder, request: &RecordedRequest, form: &[(&str, &str)]) -> RequestBuilder {
        let body = &request.body;
        if let Some(fields) = body["form"].as_object() {
            return asked.body(self.form(fields, form));
        }
        if body["multipart"].is_object() {
            return asked.multipart(multipart(&body["multipart"]));
        }
        if let Some(length) = body["bytes"].as_u64() {
            let is_json = request.header("content-type") == Some("application/json");
            if is_json {
                return asked.body("{bad");
            }
            return asked.body(piece(request, length));
        }
        if body.is_null() {
            return asked;
        }
        asked.body(self.swapped(&body.to_string()))
    }

    fn form(&self, fields: &serde_json::Map<String, Value>, given: &[(&str, &str)]) -> String {
        let (id, secret) = self.tube.client();
        let mut form = url::form_urlencoded::Serializer::new(String::new());
        for (name, value) in fields {
            let recorded = value.as_str().unwrap_or_default();
            let ours = given.iter().find(|(given, _)| given == name).map(|(_, value)| *value);
            let value = match (name.as_str(), ours) {
                (_, Some(ours)) => ours,
                ("client_id", None) if recorded != "nope" => &id,
                ("client_secret", None) => &secret,
                _ => recorded,
            };
            form.append_pair(name, value);
        }
        form.finish()
    }

    /// What an answer tells for the first time: ids of uploads and of videos.
    pub fn learn(&self, recorded: &RecordedResponse, given: &Given) {
        let id = |location: &str| location.split_once("upload_id=").map(|(_, id)| id.to_owned());
        let was = recorded.header("location").and_then(id);
        let is = given.headers.get("location").and_then(|location| id(location));
        if let (Some(was), Some(is)) = (was, is) {
            self.swap_new(&was, &is);
        }
        let answered: Value = serde_json::from_slice(&given.answer.body).unwrap_or_default();
        for name in ["uuid", "shortUUID"] {
            let (was, is) = (&recorded.body["video"][name], &answered["video"][name]);
            if let (Some(was), Some(is)) = (was.as_str(), is.as_str()) {
                self.swap_new(was, is);
            }
        }
    }

    /// Exchanges it, unless it is exchanged already: it has to be the same then.
    fn swap_new(&self, recorded: &str, ours: &str) {
        if self.swapped(recorded) == recorded {
            self.swap(recorded, ours);
        }
    }
}

/// The part of the file that a chunk brings.
fn piece(request: &RecordedRequest, length: u64) -> Vec<u8> {
    let range = request.header("content-range").unwrap_or_default();
    let (part, total) = range.trim_start_matches("bytes ").split_once('/').unwrap_or_default();
    let start = part.split('-').next().and_then(|first| first.parse().ok()).unwrap_or(0);
    let total = total.parse().unwrap_or(start + length).max(start + length);
    content(total).bytes(start..start + length).to_vec()
}

fn multipart(recorded: &Value) -> Form {
    let mut form = Form::new();
    for field in recorded["fields"].as_array().into_iter().flatten() {
        let value = field[1].as_str().map_or_else(|| field[1].to_string(), str::to_owned);
        // What was a password is redacted; any will do.
        form = form.text(field[0].as_str().unwrap_or_default().to_owned(), value);
    }
    for file in recorded["files"].as_array().into_iter().flatten() {
        let text = |name: &str| file[name].as_str().unwrap_or_default().to_owned();
        let length = file["bytes"].as_u64().unwrap_or_default();
        let bytes = match text("filename").as_str() {
            "cap.srt" => b"1\n00:00:00,000 --> 00:00:02,000\nBonjour\n".to_vec(),
            "cap.vtt" => b"WEBVTT\n\n00:00.000 --> 00:02.000\nHello\n".to_vec(),
            "notvideo.mp4" => b"not a video\n".to_vec(),
            _ => content(length).bytes(0..length).to_vec(),
        };
        let part = Part::bytes(bytes).file_name(text("filename"));
        let part = part.mime_str(&text("contentType")).expect("a media type");
        form = form.part(text("field"), part);
    }
    form
}
