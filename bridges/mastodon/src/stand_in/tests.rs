//! What the recordings don't show: faults, proxies, other versions, pages for people.

use std::sync::Arc;
use std::time::Duration;

use chrono::DateTime;
use reqwest::multipart::{Form, Part};
use reqwest::{Client, Method, RequestBuilder, Response};
use serde_json::{Value, json};
use tombolo_model::TestClock;
use tombolo_net::stand_in::Fault;

use super::{Api, Idempotency, Mastodon, Options, PostedKind, Processing};

struct World {
    toots: Mastodon,
    token: String,
    clock: TestClock,
    client: Client,
}

async fn world(options: Options) -> World {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let clock = TestClock::at(DateTime::from_timestamp(1_800_000_000, 0).expect("a date"));
    let options = Options {
        clock: Arc::new(clock.clone()),
        ..options
    };
    let toots = Mastodon::start(options).await.expect("a free port");
    let token = toots.add_account("me");
    World {
        toots,
        token,
        clock,
        client: Client::new(),
    }
}

impl World {
    fn ask(&self, method: Method, path: &str) -> RequestBuilder {
        let url = self.toots.base().join(path).expect("a path");
        self.client.request(method, url).bearer_auth(&self.token)
    }

    fn status(&self, text: &str, key: &str) -> RequestBuilder {
        let request = self
            .ask(Method::POST, "/api/v1/statuses")
            .json(&json!({"status": text}));
        request.header("Idempotency-Key", key)
    }

    async fn upload(&self, content: Vec<u8>) -> Response {
        let form = Form::new().part("file", Part::bytes(content).file_name("clip.mp4"));
        let request = self.ask(Method::POST, "/api/v2/media").multipart(form);
        request.send().await.expect("an answer")
    }

    async fn get(&self, path: &str) -> Response {
        self.ask(Method::GET, path).send().await.expect("an answer")
    }
}

fn clip(name: &str) -> Vec<u8> {
    let path = format!("{}/../../tests/media/{name}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read(path).expect("a file of the tests")
}

async fn json(response: Response) -> Value {
    response.json().await.expect("JSON")
}

#[tokio::test]
async fn a_status_exists_although_the_connection_was_cut_before_its_answer() {
    let world = world(Options::default()).await;
    world
        .toots
        .faults()
        .next("POST", "/api/v1/statuses", 1, Fault::CutAfter);
    assert!(world.status("hello", "a key").send().await.is_err());
    let posted = world.toots.statuses("me");
    assert_eq!(posted.len(), 1);
    assert_eq!(
        (posted[0].text.as_str(), posted[0].idempotency_key.as_deref()),
        ("hello", Some("a key"))
    );
    let me = world.toots.account_id("me").expect("me");
    let listing = world.get(&format!("/api/v1/accounts/{me}/statuses")).await;
    assert_eq!(json(listing).await[0]["id"], posted[0].id);
    assert_eq!(world.toots.arrivals().count("POST", "/api/v1/statuses"), 1);
}

#[tokio::test]
async fn nothing_exists_when_the_connection_was_cut_before_the_request_was_read() {
    let world = world(Options::default()).await;
    world
        .toots
        .faults()
        .next("POST", "/api/v1/statuses", 1, Fault::CutBefore);
    assert!(world.status("hello", "a key").send().await.is_err());
    assert!(world.toots.statuses("me").is_empty());
}

#[tokio::test]
async fn a_status_exists_behind_the_page_of_a_proxy() {
    let world = world(Options::default()).await;
    let page = Fault::AnswerAfter(504, "text/html".into(), "<h1>504</h1>".into());
    world.toots.faults().next("POST", "/api/v1/statuses", 1, page);
    let answer = world.status("hello", "a key").send().await.expect("an answer");
    assert_eq!(answer.status(), 504);
    assert_eq!(world.toots.statuses("me").len(), 1);
}

#[tokio::test]
async fn a_repeat_meets_what_was_configured() {
    for (idempotency, status, posts) in [
        (Idempotency::Repeat500, 500, 1),
        (Idempotency::Replays, 200, 1),
        (Idempotency::Ignored, 200, 2),
    ] {
        let options = Options {
            idempotency,
            ..Options::default()
        };
        let world = world(options).await;
        let first = json(world.status("hello", "a key").send().await.expect("an answer")).await;
        let again = world.status("hello", "a key").send().await.expect("an answer");
        assert_eq!(again.status(), status, "{idempotency:?}");
        assert_eq!(world.toots.statuses("me").len(), posts, "{idempotency:?}");
        if idempotency == Idempotency::Replays {
            assert_eq!(json(again).await["id"], first["id"]);
        }
    }
}

#[tokio::test]
async fn a_long_request_meets_the_proxy_and_a_long_file_the_limit() {
    let world = world(Options {
        client_max_body: Some(20_000),
        ..Options::default()
    })
    .await;
    let mut limits = world.toots.limits();
    limits.video_size_limit = 12_000;
    world.toots.set_limits(limits.clone());
    let film = clip("clip-with-sound.mp4");
    let long = |length: usize| [film.clone(), vec![0; length - film.len()]].concat();
    let html = world.upload(long(20_000)).await;
    assert_eq!(html.status(), 413);
    assert_eq!(html.headers()["content-type"], "text/html");
    let refused = world.upload(long(12_000)).await;
    assert_eq!(refused.status(), 422);
    assert_eq!(
        json(refused).await["error"],
        "Validation failed: File must be less than 11 KB, File file size must be less than 11 KB"
    );
    assert_eq!(world.upload(long(11_999)).await.status(), 202);
}

#[tokio::test]
async fn long_files_are_counted_and_hashed_but_not_kept() {
    let world = world(Options {
        keep_bytes: 1000,
        ..Options::default()
    })
    .await;
    let content = clip("clip-moov-last.mov");
    assert_eq!(world.upload(content.clone()).await.status(), 202);
    let upload = &world.toots.uploads()[0];
    assert_eq!((upload.size, &upload.bytes), (content.len() as u64, &None));
    assert_eq!(upload.sha256, super::sniff::digest(&content));
    assert_eq!(
        (upload.kind, upload.processing),
        (PostedKind::Video, Processing::Underway)
    );
}

#[tokio::test]
async fn an_upload_that_breaks_off_leaves_nothing() {
    let world = world(Options::default()).await;
    let piece = || Ok::<_, std::io::Error>(bytes::Bytes::from(vec![0; 1000]));
    let pieces = vec![piece(), Err(std::io::Error::other("the disk is gone"))];
    let body = reqwest::Body::wrap_stream(futures_util::stream::iter(pieces));
    let form = Form::new().part("file", Part::stream(body).file_name("clip.mp4"));
    let request = world.ask(Method::POST, "/api/v2/media").multipart(form);
    assert!(request.send().await.is_err());
    assert!(world.toots.uploads().is_empty());
}

#[tokio::test]
async fn a_file_without_a_use_is_gone_after_a_day() {
    let world = world(Options::default()).await;
    assert_eq!(world.upload(clip("clip-silent.mp4")).await.status(), 202);
    let id = world.toots.uploads()[0].id.clone();
    world.clock.advance(Duration::from_secs(24 * 3600));
    assert_eq!(world.get(&format!("/api/v1/media/{id}")).await.status(), 404);
}

#[tokio::test]
async fn older_servers_say_less_about_themselves() {
    let ask = async |api: Api| {
        let options = Options {
            api,
            no_media_v2: true,
            ..Options::default()
        };
        let world = world(options).await;
        assert_eq!(world.upload(clip("picture.jpg")).await.status(), 404);
        let v2 = world.get("/api/v2/instance").await.status().as_u16();
        (v2, json(world.get("/api/v1/instance").await).await)
    };
    let (v2, v1) = ask(Api::V1Only).await;
    assert_eq!(
        (v2, &v1["configuration"]["statuses"]["max_characters"]),
        (404, &json!(500))
    );
    let (v2, v1) = ask(Api::LegacyMaxTootChars).await;
    assert_eq!(
        (v2, &v1["max_toot_chars"], v1.get("configuration")),
        (404, &json!(500), None)
    );
}

#[tokio::test]
async fn a_film_can_be_watched_on_its_page() {
    let world = world(Options {
        media_polls: 0,
        ..Options::default()
    })
    .await;
    let content = clip("clip-with-sound.mp4");
    let form = Form::new()
        .text("description", "Waves & \"sand\"")
        .part("file", Part::bytes(content.clone()).file_name("clip.mp4"));
    let upload = world
        .ask(Method::POST, "/api/v2/media")
        .multipart(form)
        .send()
        .await
        .expect("an answer");
    let body = json!({"status": "Look: https://a.org/w/1 <3", "media_ids": [json(upload).await["id"]]});
    let made = world
        .ask(Method::POST, "/api/v1/statuses")
        .json(&body)
        .send()
        .await
        .expect("an answer");
    assert_eq!(made.status(), 200);
    let posted = &world.toots.statuses("me")[0];
    for address in [posted.url.as_str(), "/@me"] {
        let page = world.get(address).await;
        assert_eq!(page.headers()["content-type"], "text/html; charset=utf-8");
        let html = page.text().await.expect("a page");
        assert!(html.contains(&format!("src=\"{}\"", posted.media[0].url)), "{html}");
        assert!(
            html.contains("<video controls") && html.contains("Waves &amp; &quot;sand&quot;"),
            "{html}"
        );
        assert!(html.contains("&lt;3"), "{html}");
    }
    let range = world
        .ask(Method::GET, &posted.media[0].url)
        .header("Range", "bytes=4-7");
    let part = range.send().await.expect("an answer");
    assert_eq!(
        (part.status().as_u16(), &part.headers()["content-type"]),
        (206, &"video/mp4".parse().expect("a header"))
    );
    assert_eq!(part.bytes().await.expect("a part"), content[4..8]);
}

#[tokio::test]
async fn dates_and_ids_come_from_the_clock() {
    let world = world(Options::default()).await;
    let answer = world.status("hello", "a key").send().await.expect("an answer");
    assert_eq!(answer.headers()["date"], "Fri, 15 Jan 2027 08:00:00 GMT");
    let id: u64 = json(answer).await["id"]
        .as_str()
        .and_then(|id| id.parse().ok())
        .expect("an id");
    assert_eq!(id >> 16, 1_800_000_000_000);
    assert_eq!(world.toots.statuses("me")[0].created_at.timestamp(), 1_800_000_000);
}

#[tokio::test]
async fn garbage_is_answered_and_harms_nothing() {
    let world = world(Options::default()).await;
    for path in [
        "/%ff%fe",
        "/@",
        "/@me/x",
        "/api/v1/statuses/x",
        "/api/v1/accounts/-1/statuses?limit=-1",
        "/system/media_attachments/files/1/2",
        "/ap/users/1/outbox?page=true",
        "/.well-known/webfinger?resource=%ff",
    ] {
        let status = world.get(path).await.status().as_u16();
        assert!([400, 404, 500].contains(&status), "{path}: {status}");
    }
    for (kind, body) in [
        ("application/json", "[1]"),
        ("application/json", "{\"status\": {\"deep\": []}, \"media_ids\": [[]]}"),
        ("multipart/form-data", "no boundary"),
        ("multipart/form-data; boundary=x", "--y"),
        ("application/x-www-form-urlencoded", "media_ids[]=%zz&a[][=1"),
    ] {
        for path in ["/api/v1/statuses", "/api/v2/media"] {
            let request = world.ask(Method::POST, path).header("content-type", kind).body(body);
            let status = request.send().await.expect("an answer").status().as_u16();
            assert!([400, 422].contains(&status), "{path} {kind} {body}: {status}");
        }
    }
    assert!(world.toots.statuses("me").is_empty() && world.toots.uploads().is_empty());
}
