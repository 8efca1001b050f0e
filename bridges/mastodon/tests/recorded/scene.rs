//! Replays recorded requests against a stand-in, and notes where an answer differs.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use reqwest::header::HeaderMap;
use reqwest::{Client, Method, RequestBuilder, multipart};
use serde_json::Value;
use tombolo_mastodon::stand_in::{Mastodon, Options};
use tombolo_model::TestClock;
use tombolo_net::stand_in::recordings::{Answer, Permitted, Recording, differences};

use super::files;

const RECORDED_HOST: &str = "localhost:9051";
const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/recordings/mastodon-4.6.5");
/// Fields whose values must be the recorded ones too, once addresses and ids are put in place.
const SAME_VALUES: [&str; 12] = [
    "content",
    "error",
    "text",
    "spoiler_text",
    "visibility",
    "language",
    "sensitive",
    "type",
    "description",
    "acct",
    "in_reply_to_id",
    "current_user",
];
/// Headers that must be there or not, as recorded; of some the value counts.
const HEADERS: [(&str, Compared); 9] = [
    ("cache-control", Compared::Value),
    ("deprecation", Compared::Value),
    ("etag", Compared::Presence),
    ("link", Compared::Relations),
    ("location", Compared::Value),
    ("vary", Compared::Value),
    ("www-authenticate", Compared::Value),
    ("x-ratelimit-limit", Compared::Value),
    ("x-ratelimit-reset", Compared::Presence),
];

#[derive(Clone, Copy, PartialEq)]
enum Compared {
    Presence,
    Value,
    Relations,
}

/// A stand-in, and how what was recorded translates to it.
pub struct Scene {
    pub toots: Mastodon,
    pub clock: TestClock,
    client: Client,
    /// Recorded texts (ids, addresses, tags) and what they are here.
    here: BTreeMap<String, String>,
    tokens: HashMap<String, String>,
    permitted: &'static [(&'static str, Permitted)],
    found: Vec<String>,
    played: usize,
}

/// What a request got.
pub struct Got {
    pub status: u16,
    pub headers: HeaderMap,
    pub json: Value,
    answer: Answer,
}

impl Scene {
    pub async fn begin(options: Options, permitted: &'static [(&'static str, Permitted)]) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let clock = TestClock::at(recorded_start());
        let options = Options {
            clock: Arc::new(clock.clone()),
            ..options
        };
        let toots = Mastodon::start(options).await.expect("a free port");
        let client = Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .expect("a client");
        let mut scene = Self {
            client,
            here: BTreeMap::from([
                (RECORDED_HOST.to_owned(), toots.domain()),
                (RECORDED_HOST.replace(':', "%3A"), toots.domain().replace(':', "%3A")),
            ]),
            tokens: HashMap::from([("unknown".to_owned(), "no-such-token".to_owned())]),
            toots,
            clock,
            permitted,
            found: Vec::new(),
            played: 0,
        };
        for (name, id) in [
            ("alice", "117664525289041803"),
            ("bob", "117664525299925026"),
            ("carol", "117664525316513911"),
        ] {
            let token = scene.toots.add_account(name);
            scene.tokens.insert(name.to_owned(), token);
            let here = scene.toots.account_id(name).expect("the account was just made");
            scene.know(id, &here);
        }
        scene
    }

    /// Says what a recorded text is here.
    pub fn know(&mut self, recorded: &str, here: &str) {
        self.here.insert(recorded.to_owned(), here.to_owned());
    }

    /// Gives a name to a token.
    pub fn introduce(&mut self, name: &str, token: String) {
        self.tokens.insert(name.to_owned(), token);
    }

    /// Minutes go by.
    pub fn later(&self, minutes: u64) {
        self.clock.advance(std::time::Duration::from_secs(60 * minutes));
    }

    /// Replays recordings of one person, in order.
    pub async fn play(&mut self, who: &str, numbers: &[&str]) {
        for number in numbers {
            self.play_one(who, number, &[]).await;
        }
    }

    /// Replays a recording, with other values for the fields of its form that were not recorded.
    pub async fn play_one(&mut self, who: &str, number: &str, fields: &[(&str, &str)]) -> Got {
        let recording = Recording::numbered(FOLDER, number).expect("a recording");
        let request = self.request(who, &recording, fields);
        let got = got(request).await;
        self.compare(number, &recording, &got);
        got
    }

    /// Replays recordings all at once; any of them may get any of the recorded answers.
    pub async fn play_together(&mut self, who: &str, numbers: &[&str]) {
        let recordings: Vec<Recording> = numbers
            .iter()
            .map(|number| Recording::numbered(FOLDER, number).expect("a recording"))
            .collect();
        let requests: Vec<_> = recordings.iter().map(|r| got(self.request(who, r, &[]))).collect();
        let mut all = futures_util::future::join_all(requests).await;
        for (number, recording) in numbers.iter().zip(&recordings) {
            let same = all.iter().position(|got| got.status == recording.response.status);
            match same {
                Some(at) => {
                    let got = all.swap_remove(at);
                    self.compare(number, recording, &got);
                }
                None => self
                    .found
                    .push(format!("{number}: nobody got {}", recording.response.status)),
            }
        }
    }

    /// Fails if anything differed.
    pub fn end(self) {
        assert!(
            self.found.is_empty(),
            "{} played\n{}",
            self.played,
            self.found.join("\n")
        );
    }

    /// A request that wasn't recorded.
    pub fn ask(&self, who: &str, method: Method, path: &str) -> RequestBuilder {
        let base = self.toots.base().as_str().trim_end_matches('/');
        let request = self.client.request(method, format!("{base}{path}"));
        match self.tokens.get(who) {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    /// Uploads a file that has a recorded id, and waits until it is ready.
    pub async fn upload(&mut self, who: &str, file: &str, description: &str, recorded_id: &str) {
        let form = multipart::Form::new().part("file", files::part(file, "application/octet-stream", 0));
        let form = match description {
            "" => form,
            text => form.text("description", text.to_owned()),
        };
        let got = got(self.ask(who, Method::POST, "/api/v2/media").multipart(form)).await;
        let id = got.json["id"].as_str().expect("an upload succeeds").to_owned();
        let mut status = got.status;
        while status != 200 {
            let request = self.ask(who, Method::GET, &format!("/api/v1/media/{id}"));
            status = request.send().await.expect("an answer").status().as_u16();
        }
        self.know(recorded_id, &id);
    }

    fn request(&self, who: &str, recording: &Recording, fields: &[(&str, &str)]) -> RequestBuilder {
        let recorded = &recording.request;
        let method = recorded.method.parse().expect("a method");
        let mut request = self.ask(who, method, &self.translated(recorded.target()));
        for (name, value) in &recorded.headers {
            let left_out = [
                "host",
                "user-agent",
                "authorization",
                "content-length",
                "accept-encoding",
                "content-type",
            ];
            if !left_out.contains(&name.to_ascii_lowercase().as_str()) {
                request = request.header(name, self.translated(value));
            }
        }
        let kind = recorded.header("content-type").unwrap_or_default();
        let field = |name: &str, value: &str| {
            let given = fields.iter().find(|(given, _)| *given == name);
            given.map_or_else(|| self.translated(value), |(_, value)| (*value).to_owned())
        };
        let Some(body) = recorded.body.as_object() else {
            return request;
        };
        if let Some(json) = body.get("json") {
            return request
                .header("content-type", kind)
                .body(self.translated(&json.to_string()));
        }
        if let Some(text) = body.get("text").and_then(Value::as_str) {
            return request.header("content-type", kind).body(self.translated(text));
        }
        if let Some(form) = body.get("form").and_then(Value::as_object) {
            let pairs = form
                .iter()
                .map(|(name, value)| (name, field(name, value.as_str().unwrap_or_default())));
            return request.form(&pairs.collect::<Vec<_>>());
        }
        let mut form = multipart::Form::new();
        for part in body.get("multipart").and_then(Value::as_array).into_iter().flatten() {
            let text = |key: &str| part.get(key).and_then(Value::as_str).map(str::to_owned);
            let name = text("name").unwrap_or_default();
            form = match (text("filename"), text("value")) {
                (Some(file), _) => {
                    let size = part.get("bytes").and_then(Value::as_u64).unwrap_or_default();
                    form.part(
                        name,
                        files::part(&file, &text("content_type").unwrap_or_default(), size),
                    )
                }
                (None, value) => {
                    let value = field(&name, &value.unwrap_or_default());
                    form.text(name, value)
                }
            };
        }
        request.multipart(form)
    }

    /// A recorded text with what it is here, the longest pieces first.
    fn translated(&self, recorded: &str) -> String {
        let mut pieces: Vec<_> = self.here.iter().collect();
        pieces.sort_by_key(|(piece, _)| std::cmp::Reverse(piece.len()));
        let all = pieces.into_iter();
        all.fold(recorded.to_owned(), |text, (piece, here)| text.replace(piece, here))
    }

    fn compare(&mut self, number: &str, recording: &Recording, got: &Got) {
        self.played += 1;
        let permitted: Vec<Permitted> = self
            .permitted
            .iter()
            .filter(|(of, _)| of.is_empty() || of.split(' ').any(|one| one == number))
            .map(|(_, permitted)| *permitted)
            .collect();
        let mut found: Vec<(String, String)> = differences(&recording.response, &got.answer, &permitted)
            .into_iter()
            .map(|difference| (difference.path, difference.what))
            .collect();
        let before = found.len();
        self.learn(recording, got);
        self.compare_headers(recording, got, &mut found);
        // A page of an outbox holds other activities here; only its shape is compared.
        if recording.response.body.is_object() && recording.response.body.get("orderedItems").is_none() {
            self.compare_values("$", &recording.response.body, &got.json, &mut found);
        }
        let extra = found.split_off(before);
        found.extend(
            extra
                .into_iter()
                .filter(|(path, _)| !permitted.iter().any(|p| p.path == path)),
        );
        for (path, what) in found {
            self.found.push(format!("{number} {}: {path}: {what}", recording.name));
        }
    }

    fn compare_headers(&self, recording: &Recording, got: &Got, found: &mut Vec<(String, String)>) {
        for (name, how) in HEADERS {
            let was = recording.response.header(name).map(|value| self.translated(value));
            let is = got
                .headers
                .get(name)
                .and_then(|value| value.to_str().ok())
                .map(str::to_owned);
            let same = match how {
                Compared::Presence => was.is_some() == is.is_some(),
                Compared::Value => was == is,
                Compared::Relations => was.as_deref().map(relations) == is.as_deref().map(relations),
            };
            if !same {
                found.push((name.to_owned(), format!("recorded {was:?}, answered {is:?}")));
            }
        }
    }

    fn compare_values(&self, path: &str, was: &Value, is: &Value, found: &mut Vec<(String, String)>) {
        match (was, is) {
            (Value::Object(was), Value::Object(is)) => {
                for (key, was) in was {
                    let Some(is) = is.get(key) else { continue };
                    let path = format!("{path}.{key}");
                    if SAME_VALUES.contains(&key.as_str()) && (was.is_string() || was.is_boolean() || was.is_null()) {
                        let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                        let (was, is) = (self.translated(&text(was)), text(is));
                        if was != is {
                            found.push((path, format!("recorded {was:?}, answered {is:?}")));
                        }
                    } else {
                        self.compare_values(&path, was, is, found);
                    }
                }
            }
            (Value::Array(was), Value::Array(is)) if was.len() == is.len() => {
                for (was, is) in was.iter().zip(is) {
                    self.compare_values(&format!("{path}[]"), was, is, found);
                }
            }
            _ => {}
        }
    }

    /// Notes what the ids and addresses of an answer are here.
    fn learn(&mut self, recording: &Recording, got: &Got) {
        if recording.response.body.is_object() {
            self.learn_value("", &recording.response.body, &got.json);
        }
        for name in ["etag", "last-modified"] {
            let is = got.headers.get(name).and_then(|value| value.to_str().ok());
            if let (Some(was), Some(is)) = (recording.response.header(name), is) {
                self.know(was, is);
            }
        }
    }

    fn learn_value(&mut self, key: &str, was: &Value, is: &Value) {
        match (was, is) {
            (Value::Object(was), Value::Object(is)) => {
                for (key, was) in was {
                    self.learn_value(key, was, is.get(key).unwrap_or(&Value::Null));
                }
            }
            (Value::Array(was), Value::Array(is)) => {
                was.iter().zip(is).for_each(|(was, is)| self.learn_value(key, was, is));
            }
            (Value::String(was), Value::String(is)) => {
                let known = match key {
                    "id" => was.len() > 15 && !was.contains('/'),
                    "client_id" => true,
                    "url" | "preview_url" => was.contains("/system/"),
                    _ => false,
                };
                if known {
                    self.know(was.trim_start_matches("http://localhost:9051"), path_of(is));
                }
            }
            _ => {}
        }
    }
}

fn path_of(address: &str) -> &str {
    let after = address.split_once("://").map(|(_, rest)| rest);
    after
        .and_then(|rest| rest.find('/').map(|at| &rest[at..]))
        .unwrap_or(address)
}

/// The relations of a `Link` header, with the names of the parameters in each address.
fn relations(link: &str) -> Vec<String> {
    link.split(", ")
        .map(|one| {
            let without_digits: String = one.chars().filter(|c| !c.is_ascii_digit()).collect();
            without_digits
        })
        .collect()
}

/// Sends a request.
pub async fn got(request: RequestBuilder) -> Got {
    let response = request.send().await.expect("an answer");
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let body = response.bytes().await.expect("a body").to_vec();
    let kind = headers.get("content-type").and_then(|kind| kind.to_str().ok());
    Got {
        status,
        json: serde_json::from_slice(&body).unwrap_or_default(),
        answer: Answer {
            status,
            content_type: kind.map(str::to_owned),
            body,
        },
        headers,
    }
}

/// A little before the first recording.
fn recorded_start() -> DateTime<Utc> {
    DateTime::from_timestamp(1_795_418_400, 0).expect("a date")
}
