//! Replays recorded requests against a stand-in, and notes where an answer differs.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use chrono::{DateTime, Duration, Utc};
use reqwest::header::HeaderMap;
use reqwest::{Client, Method, RequestBuilder, multipart};
use serde_json::Value;
use tombolo_model::TestClock;
use tombolo_net::stand_in::recordings::{Answer, Permitted, Recording, differences};
use tombolo_pixelfed::stand_in::{Options, Pixelfed};

use super::files;

pub const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/recordings/pixelfed-0.12.6");
const RECORDED_HOST: &str = "127.0.0.1:9031";
/// How long the stand-in's queue takes.
const QUEUE: Duration = Duration::seconds(4);
/// Values that another server, another day or another queue has otherwise. All other values must be the recorded ones,
/// once ids and addresses are put in place.
const OWN_VALUES: [&str; 22] = [
    "blurhash",
    "created_at",
    "edited_at",
    "published",
    "shortcode",
    "publicKeyPem",
    "client_secret",
    "access_token",
    "refresh_token",
    "code",
    "statuses_count",
    "status_count",
    "user_count",
    "active_month",
    "activeMonth",
    "activeHalfyear",
    "total",
    "totalItems",
    "localPosts",
    "localComments",
    "reply_count",
    "replies_count",
];
/// Headers that must be there or not, as recorded; of some the value counts.
const HEADERS: [(&str, Compared); 7] = [
    ("last-modified", Compared::Presence),
    ("link", Compared::WithoutIds),
    ("location", Compared::Value),
    ("retry-after", Compared::Presence),
    ("x-ratelimit-limit", Compared::Value),
    ("x-ratelimit-remaining", Compared::Presence),
    ("x-ratelimit-reset", Compared::Presence),
];

#[derive(Clone, Copy, PartialEq)]
enum Compared {
    Presence,
    Value,
    WithoutIds,
}

impl Got {
    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.answer.body).into_owned()
    }
}

/// A stand-in, and how what was recorded translates to it.
pub struct Scene {
    pub photos: Pixelfed,
    pub clock: TestClock,
    client: Client,
    /// Recorded texts (ids, addresses) and what they are here.
    here: BTreeMap<String, String>,
    tokens: HashMap<String, String>,
    permitted: &'static [(&'static str, Permitted)],
    found: Vec<String>,
    played: usize,
}

/// What a request got.
pub struct Got {
    pub json: Value,
    pub headers: HeaderMap,
    answer: Answer,
}

impl Scene {
    pub async fn begin(options: Options, permitted: &'static [(&'static str, Permitted)]) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let clock = TestClock::at(recorded_start());
        let options = Options {
            clock: Arc::new(clock.clone()),
            domain: Some("127.0.0.1".into()),
            queue_delay: QUEUE,
            ..options
        };
        let photos = Pixelfed::start(options).await.expect("a free port");
        let redirect = reqwest::redirect::Policy::none();
        let client = Client::builder().redirect(redirect).build().expect("a client");
        let port = photos.base().port().expect("a port");
        let mut scene = Self {
            client,
            here: BTreeMap::from([(RECORDED_HOST.to_owned(), format!("127.0.0.1:{port}"))]),
            tokens: HashMap::from([("unknown".to_owned(), "no-such-token".to_owned())]),
            photos,
            clock,
            permitted,
            found: Vec::new(),
            played: 0,
        };
        for (name, id) in [("alice", "1030355528906018817"), ("bob", "1030355531817504769")] {
            let token = scene.photos.add_account(name);
            scene.photos.set_active(name, true);
            let display_name = if name == "alice" { "Alice Lab" } else { "Bob Lab" };
            scene.photos.set_display_name(name, display_name);
            scene.tokens.insert(name.to_owned(), token);
            let here = scene.photos.account_id(name).expect("the account was just made");
            scene.know(id, &here);
        }
        scene.later(300);
        scene
    }

    /// Says what a recorded text is here.
    pub fn know(&mut self, recorded: &str, here: &str) {
        self.here.entry(recorded.to_owned()).or_insert_with(|| here.to_owned());
    }

    /// Gives a name to a token.
    pub fn introduce(&mut self, name: &str, token: String) {
        self.tokens.insert(name.to_owned(), token);
    }

    /// Time passes.
    pub fn later(&self, seconds: i64) {
        self.clock
            .advance(std::time::Duration::from_secs(u64::try_from(seconds).expect("onwards")));
    }

    /// Replays recordings one after the other. `who` is nobody if the name is empty.
    pub async fn play(&mut self, who: &str, names: &[&str]) {
        for name in names {
            self.play_one(who, name, &[]).await;
        }
    }

    /// Replays a recording, with some of its fields and headers replaced.
    pub async fn play_one(&mut self, who: &str, name: &str, fields: &[(&str, &str)]) -> Got {
        let mut recording = Recording::load(format!("{FOLDER}/{name}.json")).expect("a recording");
        for part in ["json", "text"] {
            if let Some(body) = recording.response.body.get(part).cloned() {
                recording.response.body = body;
                break;
            }
        }
        let request = self.request(who, &recording, fields);
        let got = got(request).await;
        self.compare(name, &recording, &got);
        got
    }

    /// Uploads a photo that nobody recorded; its id is this one.
    pub async fn upload(&self, who: &str, file: &str, description: &str, id: u64) {
        self.photos.set_next_media_id(id);
        let part = multipart::Part::bytes(files::content(file, 0)).file_name(file.to_owned());
        let mut form = multipart::Form::new().part("file", part);
        if !description.is_empty() {
            form = form.text("description", description.to_owned());
        }
        let request = self.ask(who, Method::POST, "/api/v2/media");
        let got = got(request.header("accept", "application/json").multipart(form)).await;
        assert_eq!(got.json["id"], id.to_string(), "an upload succeeds: {}", got.json);
    }

    /// Changes a description, which nobody recorded.
    pub async fn describe(&self, who: &str, id: u64, description: &str) {
        let request = self.ask(who, Method::PUT, &format!("/api/v1/media/{id}"));
        let body = serde_json::json!({ "description": description });
        got(request.header("accept", "application/json").json(&body)).await;
    }

    /// Fails if anything differed.
    pub fn end(self) {
        let found = self.found.join("\n");
        assert!(self.found.is_empty(), "{} played\n{found}", self.played);
    }

    /// A request that wasn't recorded.
    pub fn ask(&self, who: &str, method: Method, path: &str) -> RequestBuilder {
        let base = self.photos.base().as_str().trim_end_matches('/');
        let request = self.client.request(method, format!("{base}{path}"));
        match self.tokens.get(who) {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    fn request(&self, who: &str, recording: &Recording, fields: &[(&str, &str)]) -> RequestBuilder {
        let recorded = &recording.request;
        let method = recorded.method.parse().expect("a method");
        let mut request = self.ask(who, method, &self.translated(recorded.target()));
        let given = |name: &str| fields.iter().find(|(given, _)| *given == name).map(|(_, value)| *value);
        for (name, value) in &recorded.headers {
            let name = name.to_ascii_lowercase();
            match name.as_str() {
                "authorization" | "content-type" => {}
                "cookie" => {
                    if let Some(session) = given("cookie") {
                        request = request.header("cookie", session);
                    }
                }
                _ => request = request.header(name, value),
            }
        }
        let Some(body) = recorded.body.as_object() else {
            return request;
        };
        if let Some(json) = body.get("json") {
            let text = self.translated(&json.to_string());
            return request.header("content-type", "application/json").body(text);
        }
        if let Some(form) = body.get("form") {
            let pairs: Vec<(String, String)> = pairs(form)
                .into_iter()
                .map(|(name, value)| match given(&name) {
                    Some(value) => (name, value.to_owned()),
                    None => (name, self.translated(&value)),
                })
                .collect();
            return request.form(&pairs);
        }
        let parts = body.get("multipart").expect("a form with files");
        let mut form = multipart::Form::new();
        for (name, value) in pairs(&parts["fields"]) {
            form = form.text(name, value);
        }
        for file in parts["files"].as_array().into_iter().flatten() {
            let text = |key: &str| file[key].as_str().unwrap_or_default().to_owned();
            let content = files::content(&text("filename"), file["size"].as_u64().unwrap_or_default());
            let part = multipart::Part::bytes(content).file_name(text("filename"));
            let part = part.mime_str(&text("content_type")).expect("a MIME type");
            form = form.part(text("field"), part);
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

    fn compare(&mut self, name: &str, recording: &Recording, got: &Got) {
        self.played += 1;
        let permitted: Vec<Permitted> = self
            .permitted
            .iter()
            .filter(|(of, _)| of.split(' ').any(|one| one == name))
            .map(|(_, permitted)| *permitted)
            .collect();
        let mut found: Vec<(String, String)> = differences(&recording.response, &got.answer, &permitted)
            .into_iter()
            .map(|difference| (difference.path, difference.what))
            .collect();
        if recording.response.body.is_object() {
            self.learn(&recording.response.body, &got.json);
        }
        let before = found.len();
        self.compare_headers(recording, got, &mut found);
        match recording.response.body.as_str() {
            Some(text) => self.compare_text(text, &got.answer.body, &mut found),
            None => self.compare_values("$", &recording.response.body, &got.json, &mut found),
        }
        let values = found.split_off(before);
        let permitted = |path: &str| permitted.iter().any(|p| p.path == path || below(path, p.path));
        found.extend(values.into_iter().filter(|(path, _)| !permitted(path)));
        for (path, what) in found {
            self.found.push(format!("{name}: {path}: {what}"));
        }
    }

    fn compare_headers(&self, recording: &Recording, got: &Got, found: &mut Vec<(String, String)>) {
        for (name, how) in HEADERS {
            let was = recording.response.header(name).map(|value| self.translated(value));
            let is = got.headers.get(name).and_then(|value| value.to_str().ok());
            let is = is.map(str::to_owned);
            let same = match how {
                Compared::Presence => was.is_some() == is.is_some(),
                Compared::Value => was == is.as_deref().map(without_code),
                Compared::WithoutIds => was.as_deref().map(without_ids) == is.as_deref().map(without_ids),
            };
            if !same {
                found.push((name.to_owned(), format!("recorded {was:?}, answered {is:?}")));
            }
        }
    }

    /// Texts that aren't pages: the recorded part of them must be the same, but for spaces.
    fn compare_text(&self, recorded: &str, answered: &[u8], found: &mut Vec<(String, String)>) {
        let is_page = recorded.contains("<html") && !recorded.contains("Redirecting");
        if is_page || recorded.starts_with('(') {
            return;
        }
        let plain = |text: &str| {
            let text: String = text.chars().filter(|c| !c.is_whitespace()).collect();
            let pieces = text.split("/storage/m/").enumerate();
            let pieces = pieces.map(|(at, piece)| match piece.split_once('.') {
                Some((_, rest)) if at > 0 => format!("/storage/m/*.{rest}"),
                _ => piece.to_owned(),
            });
            pieces.collect::<String>()
        };
        // The recorder read feeds in a wrong encoding; what it made of the first accent ends the comparison.
        let readable = recorded.find(|c: char| !c.is_ascii()).unwrap_or(recorded.len());
        let was = without_times(&plain(&self.translated(&recorded[..readable])));
        let is = without_times(&plain(&String::from_utf8_lossy(answered)));
        if !is.starts_with(&was) {
            let same = was.bytes().zip(is.bytes()).take_while(|(was, is)| was == is).count();
            let rest = |text: &str| String::from_utf8_lossy(&text.as_bytes()[same.saturating_sub(20)..]).into_owned();
            let what = format!("recorded …{}\nanswered …{}", rest(&was), rest(&is));
            found.push(("text".to_owned(), what));
        }
    }

    fn compare_values(&self, path: &str, was: &Value, is: &Value, found: &mut Vec<(String, String)>) {
        match (was, is) {
            (Value::Object(was), Value::Object(is)) => {
                for (key, was) in was.iter().filter(|(key, _)| !OWN_VALUES.contains(&key.as_str())) {
                    if let Some(is) = is.get(key) {
                        self.compare_values(&format!("{path}.{key}"), was, is, found);
                    }
                }
            }
            (Value::Array(was), Value::Array(is)) if was.len() == is.len() => {
                for (was, is) in was.iter().zip(is) {
                    self.compare_values(&format!("{path}[]"), was, is, found);
                }
            }
            (Value::Array(was), Value::Array(is)) => {
                found.push((
                    path.to_owned(),
                    format!("recorded {} elements, answered {}", was.len(), is.len()),
                ));
            }
            (Value::String(was), Value::String(is)) => {
                let (was, is) = (without_name(&self.translated(was)), without_name(is));
                if was != is {
                    found.push((path.to_owned(), format!("recorded {was:?}, answered {is:?}")));
                }
            }
            (was, is) if was != is => found.push((path.to_owned(), format!("recorded {was}, answered {is}"))),
            _ => {}
        }
    }

    /// Notes what the ids of an answer are here.
    fn learn(&mut self, was: &Value, is: &Value) {
        if let (Some(was), Some(is)) = (was["id"].as_str(), is["id"].as_str())
            && was.len() > 15
        {
            self.know(was, is);
        }
    }
}

/// Whether a path is permitted by a pattern that ends in `**`.
fn below(path: &str, pattern: &str) -> bool {
    pattern.strip_suffix(".**").is_some_and(|above| path.starts_with(above))
}

fn pairs(form: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    match form {
        Value::Object(fields) => fields.iter().map(|(name, value)| (name.clone(), text(value))).collect(),
        Value::Array(pairs) => pairs.iter().map(|pair| (text(&pair[0]), text(&pair[1]))).collect(),
        _ => Vec::new(),
    }
}

/// The address of a file without its random parts and its time.
fn without_name(address: &str) -> String {
    let Some((before, file)) = address.split_once("/storage/m/_v2/") else {
        return address.to_owned();
    };
    let account = file.split('/').next().unwrap_or_default();
    let ending = file.rsplit('/').next().unwrap_or_default();
    let ending = ending.get(40..).unwrap_or(ending);
    let ending = ending.split_once('=').map_or(ending, |(ending, _)| ending);
    format!("{before}/storage/m/_v2/{account}/*{ending}")
}

/// A text without what looks like a time in it.
fn without_times(text: &str) -> String {
    text.split("<updated>")
        .map(|piece| piece.split_once("</updated>").map_or(piece, |(_, rest)| rest))
        .collect()
}

/// A redirection without the code it carries.
fn without_code(location: &str) -> String {
    match location.split_once("?code=") {
        Some((before, code)) => {
            let rest = code.find('&').map_or("", |at| &code[at..]);
            format!("{before}?code=REDACTED{rest}")
        }
        None => location.to_owned(),
    }
}

/// A `Link` header without ids and cursors.
fn without_ids(link: &str) -> String {
    let pieces = link.split('>').map(|piece| {
        let piece = piece.split_once("cursor=").map_or(piece, |(before, _)| before);
        piece.chars().filter(|c| !c.is_ascii_digit()).collect::<String>()
    });
    pieces.collect::<Vec<_>>().join(">")
}

/// Sends a request.
pub async fn got(request: RequestBuilder) -> Got {
    let response = request.send().await.expect("an answer");
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let body = response.bytes().await.expect("a body").to_vec();
    let kind = headers.get("content-type").and_then(|kind| kind.to_str().ok());
    Got {
        json: serde_json::from_slice(&body).unwrap_or_default(),
        answer: Answer {
            status,
            content_type: kind.map(str::to_owned),
            body,
        },
        headers,
    }
}

/// When the recorded accounts were made.
fn recorded_start() -> DateTime<Utc> {
    DateTime::from_timestamp(1_795_412_701, 0).expect("a date")
}
