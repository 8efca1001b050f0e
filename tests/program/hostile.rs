//! A server that answers whatever a test tells it to, and looks like a PeerTube with one channel where nothing is told.
//!
//! Unlike the stand-ins it keeps to no contract: it streams what is too large, cuts what it announced, and lies.

use std::collections::HashSet;
use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::http::{Method, Response};
use futures_util::{StreamExt, stream};
use serde_json::{Value, json};
use tombolo_model::SystemClock;
use tombolo_net::stand_in::{Arrivals, Server, serve};

use crate::rig::{self, Pass, Tombolo};

/// The channel that is read.
pub const CHANNEL: &str = "alice_channel";

/// An answer.
pub type Reply = Response<Body>;
type Answerer = Arc<dyn Fn(&Ask) -> Reply + Send + Sync>;

/// A request, as far as an answer may depend on it.
#[derive(Clone, Debug)]
pub struct Ask {
    pub path: String,
    pub query: String,
}

impl Ask {
    /// A number in the query; 0 where there is none.
    pub fn number(&self, name: &str) -> usize {
        let pairs = self.query.split('&').filter_map(|pair| pair.split_once('='));
        pairs
            .filter(|(key, _)| *key == name)
            .find_map(|(_, value)| value.parse().ok())
            .unwrap_or(0)
    }
}

/// Which of the two lists is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum List {
    Api,
    Outbox,
}

impl List {
    /// The type that each reader wants to see.
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Api => "application/json; charset=utf-8",
            Self::Outbox => "application/activity+json; charset=utf-8",
        }
    }
}

/// A video as this server shows it. Not all of it need be true.
#[derive(Clone, Debug)]
pub struct Video {
    pub uuid: String,
    pub title: String,
    pub description: String,
    /// What is true of it on the server: address and size of its file. Without a file the list of files is empty.
    pub file: Option<(String, u64)>,
    pub thumbnail: Option<String>,
    /// The id in the document, where it isn't the one that it is asked by.
    pub claims: Option<String>,
    /// Who is said to have made it.
    pub author: Option<String>,
    /// Title of the content warning.
    pub warning: Option<String>,
    pub tags: Vec<String>,
}

/// The server; stops when dropped.
pub struct Hostile {
    server: Server,
    script: Arc<Script>,
}

#[derive(Default)]
struct Script {
    rules: Mutex<Vec<(String, Answerer)>>,
    videos: Mutex<Vec<Video>>,
}

impl Hostile {
    /// Starts it, with an empty channel.
    pub async fn start() -> Self {
        let script = Arc::new(Script::default());
        let shared = script.clone();
        let server = serve(0, Arc::new(SystemClock), move |base| {
            let base = base.as_str().trim_end_matches('/').to_owned();
            Router::new().fallback(move |request: Request| {
                let ask = Ask {
                    path: request.uri().path().to_owned(),
                    query: request.uri().query().unwrap_or_default().to_owned(),
                };
                let reply = shared.answer(&base, &ask);
                async move { reply }
            })
        });
        Self {
            server: server.await.expect("a port is free"),
            script,
        }
    }

    /// `http://127.0.0.1:PORT`.
    pub fn base(&self) -> String {
        self.server.base.as_str().trim_end_matches('/').to_owned()
    }

    pub fn arrivals(&self) -> &Arrivals {
        &self.server.arrivals
    }

    /// Requests whose path begins like this are answered so; the rule made last wins.
    pub fn on(&self, path: &str, answer: impl Fn(&Ask) -> Reply + Send + Sync + 'static) {
        self.rules().push((path.to_owned(), Arc::new(answer)));
    }

    /// Both the REST list and the outbox are answered so.
    pub fn on_lists(&self, answer: impl Fn(&Ask, List) -> Reply + Send + Sync + 'static) {
        let answer = Arc::new(answer);
        let other = answer.clone();
        self.on(&list_path(), move |ask| answer(ask, List::Api));
        self.on(&outbox_path(), move |ask| other(ask, List::Outbox));
    }

    /// It behaves again.
    pub fn behave(&self) {
        self.rules().clear();
    }

    /// A video with a good file and thumbnail, changed as the test likes, at the head of the lists.
    pub fn publish(&self, number: usize, change: impl FnOnce(&mut Video)) -> Video {
        let base = self.base();
        let mut video = Video {
            uuid: uuid(number),
            title: format!("Video {number:03}"),
            description: format!("This is video {number:03}."),
            file: Some((format!("{base}/good/video/{number}.mp4"), good_file().len() as u64)),
            thumbnail: Some(format!("{base}/good/{number}.jpg")),
            claims: None,
            author: None,
            warning: None,
            tags: vec!["sea".into()],
        };
        change(&mut video);
        self.script
            .videos
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(0, video.clone());
        video
    }

    fn rules(&self) -> std::sync::MutexGuard<'_, Vec<(String, Answerer)>> {
        self.script.rules.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub fn list_path() -> String {
    format!("/api/v1/video-channels/{CHANNEL}/videos")
}

pub fn outbox_path() -> String {
    format!("/video-channels/{CHANNEL}/outbox")
}

/// The uuid of a video.
pub fn uuid(number: usize) -> String {
    format!("{number:08x}-1111-4222-8333-444444444444")
}

/// The two ends of a long text.
pub fn brief(text: &str) -> String {
    let ends = 1500;
    if text.len() <= 2 * ends {
        return text.to_owned();
    }
    let (head, tail) = (
        text.floor_char_boundary(ends),
        text.ceil_char_boundary(text.len() - ends),
    );
    format!("{}\n… {} bytes …\n{}", &text[..head], tail - head, &text[tail..])
}

/// A film that any server takes.
pub fn good_file() -> Vec<u8> {
    rig::media("clip-with-sound.mp4")
}

fn id(base: &str, video: &Video) -> String {
    format!("{base}/videos/watch/{}", video.uuid)
}

impl Script {
    fn answer(&self, base: &str, ask: &Ask) -> Reply {
        let rules = self.rules.lock().unwrap_or_else(PoisonError::into_inner);
        let rule = rules
            .iter()
            .rev()
            .find(|(path, _)| ask.path.starts_with(path.as_str()))
            .map(|(_, answer)| answer.clone());
        drop(rules);
        rule.map_or_else(|| self.as_peertube(base, ask), |answer| answer(ask))
    }

    /// What a PeerTube with one channel says.
    fn as_peertube(&self, base: &str, ask: &Ask) -> Reply {
        let videos = self.videos.lock().unwrap_or_else(PoisonError::into_inner);
        let actor = format!("{base}/video-channels/{CHANNEL}");
        let outbox = format!("{base}{}", outbox_path());
        let named = |path: &str| videos.iter().find(|v| path.ends_with(&v.uuid));
        match ask.path.as_str() {
            "/.well-known/webfinger" => {
                let link = json!({"rel": "self", "type": "application/activity+json", "href": actor});
                reply(
                    200,
                    "application/jrd+json",
                    json!({"subject": "acct:x", "links": [link]}).to_string(),
                )
            }
            path if path == list_path() => {
                let page: Vec<Value> = videos
                    .iter()
                    .skip(ask.number("start"))
                    .map(|v| entry(base, v))
                    .collect();
                as_json(List::Api, &json!({"total": videos.len(), "data": page}))
            }
            path if path == outbox_path() && ask.number("page") == 0 => {
                let first = format!("{outbox}?page=1");
                as_json(
                    List::Outbox,
                    &json!({"id": outbox, "type": "OrderedCollection", "totalItems": videos.len(), "first": first}),
                )
            }
            path if path == outbox_path() => {
                let items: Vec<Value> = videos.iter().map(|v| announce(&actor, &id(base, v))).collect();
                as_json(List::Outbox, &outbox_page(&outbox, ask.number("page"), &items, None))
            }
            path if path == format!("/video-channels/{CHANNEL}") => as_json(
                List::Outbox,
                &json!({"id": actor, "type": "Group", "preferredUsername": CHANNEL, "outbox": outbox, "inbox": format!("{actor}/inbox")}),
            ),
            path if path.ends_with("/captions") => as_json(List::Api, &json!({"total": 0, "data": []})),
            path if path.starts_with("/api/v1/videos/") => match named(path) {
                Some(video) => as_json(List::Api, &detail(base, &actor, video)),
                None => reply(404, "application/problem+json", "{}"),
            },
            path if path.starts_with("/videos/watch/") => match named(path) {
                Some(video) => as_json(List::Outbox, &object(base, &actor, video)),
                None => reply(404, "application/json", "{}"),
            },
            path if path.starts_with("/good/video/") => reply(200, "video/mp4", good_file()),
            path if path.starts_with("/good/") => reply(200, "image/jpeg", rig::media("picture.jpg")),
            _ => reply(404, "application/problem+json", "{}"),
        }
    }
}

/// An entry of the REST list.
fn entry(base: &str, video: &Video) -> Value {
    let title: String = video.title.chars().take(120).collect();
    json!({"url": id(base, video), "uuid": video.uuid, "name": title, "publishedAt": "2026-01-02T03:04:05.000Z", "privacy": {"id": 1}})
}

/// The detail of the REST API.
fn detail(base: &str, actor: &str, video: &Video) -> Value {
    let files: Vec<Value> = video.file.iter().map(|(url, bytes)| {
        json!({"fileUrl": url, "size": bytes, "width": 320, "height": 240, "fps": 25, "hasAudio": true, "hasVideo": true})
    }).collect();
    let thumbnails: Vec<Value> = video
        .thumbnail
        .iter()
        .map(|url| json!({"fileUrl": url, "width": 850}))
        .collect();
    json!({
        "url": video.claims.clone().unwrap_or_else(|| id(base, video)), "uuid": video.uuid, "name": video.title,
        "description": video.description, "tags": video.tags, "nsfw": video.warning.is_some(), "nsfwSummary": video.warning,
        "privacy": {"id": 1}, "state": {"id": 1}, "downloadEnabled": true, "isLive": false, "duration": 3,
        "publishedAt": "2026-01-02T03:04:05.000Z", "channel": {"url": video.author.as_deref().unwrap_or(actor)},
        "files": files, "thumbnails": thumbnails, "streamingPlaylists": [],
    })
}

/// The same as ActivityPub.
fn object(base: &str, actor: &str, video: &Video) -> Value {
    let codec = |kind: &str| json!({"type": "PropertyValue", "name": "ffprobe_codec_type", "value": kind});
    let links: Vec<Value> = video.file.iter().map(|(url, bytes)| {
        json!({"type": "Link", "mediaType": "video/mp4", "href": url, "size": bytes, "width": 320, "height": 240, "fps": 25,
            "attachment": [codec("audio"), codec("video")]})
    }).collect();
    let icons: Vec<Value> = video
        .thumbnail
        .iter()
        .map(|url| json!({"type": "Image", "url": url, "width": 850}))
        .collect();
    let tags: Vec<Value> = video
        .tags
        .iter()
        .map(|tag| json!({"type": "Hashtag", "name": tag}))
        .collect();
    json!({
        "id": video.claims.clone().unwrap_or_else(|| id(base, video)), "type": "Video", "uuid": video.uuid, "name": video.title,
        "content": video.description, "tag": tags, "sensitive": video.warning.is_some(), "summary": video.warning,
        "to": ["https://www.w3.org/ns/activitystreams#Public"], "cc": [], "state": 1, "downloadEnabled": true,
        "isLiveBroadcast": false, "duration": "PT3S", "published": "2026-01-02T03:04:05.000Z",
        "attributedTo": [{"type": "Group", "id": video.author.as_deref().unwrap_or(actor)}], "url": links, "icon": icons,
    })
}

/// An item of a channel's outbox.
pub fn announce(actor: &str, object: &str) -> Value {
    json!({"type": "Announce", "id": format!("{object}/announces/1"), "actor": actor, "object": object})
}

/// A page of an outbox.
pub fn outbox_page(outbox: &str, number: usize, items: &[Value], next: Option<&str>) -> Value {
    json!({"id": format!("{outbox}?page={number}"), "type": "OrderedCollectionPage", "partOf": outbox, "totalItems": 1_000_000,
        "orderedItems": items, "next": next})
}

/// An answer with this body.
pub fn reply(status: u16, media_type: &str, body: impl Into<Body>) -> Reply {
    let response = Response::builder().status(status).header("content-type", media_type);
    response.body(body.into()).expect("a response")
}

/// A document, under the type that the reader of this list wants.
pub fn as_json(list: List, value: &Value) -> Reply {
    reply(200, list.media_type(), value.to_string())
}

/// A login page, as a proxy shows it: with status 200.
pub fn login_page() -> Reply {
    reply(
        200,
        "text/html; charset=utf-8",
        "<!doctype html><html><form action=/login>Please sign in</form></html>",
    )
}

/// A redirect.
pub fn redirect(to: &str) -> Reply {
    Response::builder()
        .status(302)
        .header("location", to)
        .body(Body::empty())
        .expect("a response")
}

/// A beginning, then so many bytes of a filling, made while they are sent.
pub fn flood(media_type: &str, beginning: &str, filling: u8, bytes: usize) -> Reply {
    const CHUNK: usize = 64 * 1024;
    let chunk = Bytes::from(vec![filling; CHUNK]);
    let filling = (0..bytes.div_ceil(CHUNK)).map(move |_| Ok::<_, io::Error>(chunk.clone()));
    let beginning = Bytes::from(beginning.to_owned());
    reply(
        200,
        media_type,
        Body::from_stream(stream::iter(std::iter::once(Ok(beginning)).chain(filling))),
    )
}

/// Announces more than it sends, and breaks off a moment later, when that is on its way.
pub fn cut_short(media_type: &str, sent: Vec<u8>, announced: usize) -> Reply {
    let end = stream::once(async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        Err(io::Error::new(io::ErrorKind::ConnectionReset, "cut by script"))
    });
    let body = stream::once(async { Ok(Bytes::from(sent)) }).chain(end);
    let mut reply = reply(200, media_type, Body::from_stream(body));
    reply.headers_mut().insert("content-length", announced.into());
    reply
}

/// So many spaces, compressed to a thousandth. The spaces alone would be harmless JSON.
pub fn gzip_bomb(media_type: &str, bytes: usize) -> Reply {
    let mut packed = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];
    let (mut held, mut count) = (0_u32, 0);
    let mut push = |bits: u32, width: u32| {
        held |= bits << count;
        count += width;
        while count >= 8 {
            packed.push(held.to_le_bytes()[0]);
            held >>= 8;
            count -= 8;
        }
    };
    // One block of RFC 1951 with its fixed codes: a space, then "258 bytes from one byte back" again and again.
    push(0b011, 3);
    push(0b0101_0000_u32.reverse_bits() >> 24, 8);
    for _ in 0..bytes / 258 {
        push(0b1100_0101_u32.reverse_bits() >> 24, 8);
        push(0, 5);
    }
    push(0, 7);
    push(0, 8);
    let mut reply = reply(200, media_type, packed);
    reply
        .headers_mut()
        .insert("content-encoding", "gzip".parse().expect("a header"));
    reply
}

/// JSON that is nested so deep.
pub fn deep(depth: usize) -> String {
    format!("{}{}", "[".repeat(depth), "]".repeat(depth))
}

/// A server below HTTP: whatever is asked, these bytes come, and the connection is closed.
pub async fn raw(bytes: Vec<u8>) -> String {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a port is free");
    let address = listener.local_addr().expect("it is bound");
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut head = [0; 4096];
            let _ = stream.read(&mut head).await;
            let _ = stream.write_all(&bytes).await;
            let _ = stream.shutdown().await;
        }
    });
    format!("http://{address}")
}

/// The configuration of one route from a channel to an account with Mastodon's API.
pub fn route(source: &str, read: &str, destination: &str, token: &str) -> String {
    format!(
        r#"
[accounts.channel]
platform = "peertube"
instance = "{source}"
handle = "{CHANNEL}"
read = "{read}"

[accounts.toots]
platform = "mastodon"
instance = "{destination}"
handle = "me"
token = "{token}"
settle = "1s"

[routes.videos]
from = "channel"
to = ["toots"]
"#
    )
}

/// A pass, and what it took.
#[derive(Debug)]
pub struct Measured {
    pub pass: Pass,
    pub took: Duration,
    /// Most memory that the program ever had resident. 0 where the system doesn't say.
    pub peak_kib: u64,
}

impl std::ops::Deref for Measured {
    type Target = Pass;

    fn deref(&self) -> &Pass {
        &self.pass
    }
}

impl fmt::Display for Measured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", brief(&self.pass.stdout), brief(&self.pass.stderr))
    }
}

/// What a pass cost, for who looks (`--nocapture`).
pub fn told(what: &str, read: &str, pass: &Measured) {
    let (took, peak) = (pass.took.as_millis(), pass.peak_kib / 1024);
    eprintln!("{what} ({read}): exit {}, {took} ms, {peak} MiB", pass.code);
}

/// Longest that a pass over bad input may take. Tests share the machine; alone, most take less than a second.
const PATIENCE: Duration = Duration::from_secs(45);
/// Most memory: a debug build has some 25 MiB before it does anything.
const ROOM_KIB: u64 = 64 * 1024;

/// `sync --json`, watched: it ends by itself, in time, within its memory, without a panic, and prints lines of JSON.
pub async fn watched(tombolo: &Tombolo, arguments: &[&str]) -> Measured {
    let all: Vec<&str> = ["sync", "--json"].iter().chain(arguments).copied().collect();
    let mut command = tombolo.command(&all);
    let measured = tokio::task::spawn_blocking(move || {
        let begun = Instant::now();
        let mut child = command.spawn().expect("the program starts");
        let (stdout, stderr) = (drained(child.stdout.take()), drained(child.stderr.take()));
        let mut peak_kib = 0;
        let status = loop {
            peak_kib = peak_kib.max(resident(child.id()));
            if let Some(status) = child.try_wait().expect("it is ours") {
                break status;
            }
            if begun.elapsed() > PATIENCE {
                child.kill().expect("it is ours");
            }
            std::thread::sleep(Duration::from_millis(5));
        };
        let took = begun.elapsed();
        let (stdout, stderr) = (stdout.join().expect("read"), stderr.join().expect("read"));
        assert!(
            took <= PATIENCE,
            "it did not end within {PATIENCE:?}:\n{}{}",
            brief(&stdout),
            brief(&stderr)
        );
        let mut lines: Vec<Value> = stdout
            .lines()
            .map(|l| serde_json::from_str(l).unwrap_or_else(|e| panic!("{e}: {l:?}")))
            .collect();
        let summary = lines
            .pop_if(|l| l.get("summary").is_some())
            .map_or(Value::Null, |mut l| l["summary"].take());
        Measured {
            pass: Pass {
                code: status.code().unwrap_or(-1),
                lines,
                summary,
                stdout,
                stderr,
            },
            took,
            peak_kib,
        }
    });
    let measured = measured.await.expect("it is watched to its end");
    assert!(!measured.stderr.contains("panicked"), "{}", brief(&measured.stderr));
    assert!(
        measured.peak_kib < ROOM_KIB,
        "{} KiB in use, {ROOM_KIB} are allowed, after {:?}",
        measured.peak_kib,
        measured.took
    );
    measured
}

fn drained(pipe: Option<impl io::Read + Send + 'static>) -> std::thread::JoinHandle<String> {
    std::thread::spawn(move || {
        let mut text = Vec::new();
        if let Some(mut pipe) = pipe {
            let _ = pipe.read_to_end(&mut text);
        }
        String::from_utf8_lossy(&text).into_owned()
    })
}

/// The high-water mark of a process, which Linux keeps.
fn resident(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|rest| rest.split_whitespace().next()?.parse().ok())
        .unwrap_or(0)
}

/// The requests with an effect that arrived, as `METHOD path`.
pub fn writes(arrivals: &Arrivals) -> Vec<String> {
    let all = arrivals.all();
    let effects = all
        .iter()
        .filter(|a| a.method != Method::GET && a.method != Method::HEAD);
    effects.map(|a| format!("{} {}", a.method, a.path())).collect()
}

/// Whom a text would notify by Mastodon's pattern: an `@` before a name and not after a word, `=` or `/`.
pub fn mentioned(text: &str) -> HashSet<String> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let all = text.match_indices('@').filter(|(at, _)| {
        let before = text[..*at].chars().next_back();
        before.is_none_or(|c| !(c.is_alphanumeric() || "_=/".contains(c))) && text[at + 1..].starts_with(is_name)
    });
    all.map(|(at, _)| text[at..].split_whitespace().next().unwrap_or_default().to_owned())
        .collect()
}
