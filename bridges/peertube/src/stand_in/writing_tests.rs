//! What the stand-in does with uploads, beyond what single recordings show.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::io::AsyncWriteExt;
use tombolo_model::{Clock, TestClock};

use super::{FileBody, Grant, ImportOutcome, NewVideo, Options, PeerTube, Privacy, State, UploadCut};

const UPLOADS: &str = "/api/v1/videos/upload-resumable";
const TRANSCODING: Duration = Duration::from_secs(30);

struct Rig {
    tube: PeerTube,
    clock: TestClock,
    client: reqwest::Client,
    token: String,
}

/// Status, and the body as far as it is JSON.
type Answer = (u16, Value);

impl Rig {
    async fn start() -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let clock = TestClock::at(DateTime::<Utc>::from_timestamp(1_800_000_000, 0).unwrap_or_default());
        let mut options = Options::new(Arc::new(clock.clone()));
        options.settings.transcoding = TRANSCODING;
        options.rate_limits = false;
        let tube = PeerTube::start(options).await.expect("the stand-in starts");
        let token = tube.sign_in("alice");
        let client = reqwest::Client::new();
        Self {
            tube,
            clock,
            client,
            token,
        }
    }

    fn ask(&self, method: &str, target: &str) -> reqwest::RequestBuilder {
        let url = format!("http://{}{target}", self.tube.host());
        self.client.request(method.parse().expect("a method"), url)
    }

    fn as_alice(&self, method: &str, target: &str) -> reqwest::RequestBuilder {
        self.ask(method, target).bearer_auth(&self.token)
    }

    async fn get(&self, target: &str) -> Answer {
        answer(self.as_alice("GET", target)).await.expect("an answer")
    }

    /// Begins an upload and tells its id.
    async fn begin(&self, fields: &Value, size: u64) -> String {
        let mut all = json!({"name": "A film", "channelId": 2, "privacy": 1, "filename": "f.mp4", "lastModified": 7});
        if let (Some(all), Value::Object(more)) = (all.as_object_mut(), fields.clone()) {
            all.extend(more);
        }
        let asked = self.as_alice("POST", UPLOADS).json(&all);
        let asked = asked
            .header("x-upload-content-length", size)
            .header("x-upload-content-type", "video/mp4");
        let response = asked.send().await.expect("an answer");
        assert!(response.status().is_success(), "{}", response.status());
        let location = response.headers()["location"].to_str().expect("text").to_owned();
        location.split_once("upload_id=").expect("an id").1.to_owned()
    }

    /// Sends a part of a file; no answer if the connection is cut.
    async fn send(&self, id: &str, body: &FileBody, from: u64, to: u64, digest: bool) -> Option<Answer> {
        let bytes = body.bytes(from..to);
        let range = format!("bytes {from}-{}/{}", to - 1, body.len());
        let mut asked = self.as_alice("PUT", &format!("{UPLOADS}?upload_id={id}"));
        asked = asked.header("content-range", range);
        if digest {
            let hash = STANDARD.encode(Sha256::digest(&bytes));
            asked = asked.header("digest", format!("sha-256={hash}"));
        }
        answer(asked.body(bytes)).await
    }

    async fn probe(&self, id: &str, size: u64) -> (u16, String) {
        let asked = self.as_alice("PUT", &format!("{UPLOADS}?upload_id={id}"));
        let asked = asked.header("content-range", format!("bytes */{size}")).body("");
        let response = asked.send().await.expect("an answer");
        let range = response
            .headers()
            .get("range")
            .and_then(|v| v.to_str().ok())
            .unwrap_or_default();
        (response.status().as_u16(), range.to_owned())
    }

    async fn upload(&self, fields: &Value, body: &FileBody) -> String {
        let id = self.begin(fields, body.len()).await;
        let (status, sent) = self.send(&id, body, 0, body.len(), false).await.expect("an answer");
        assert_eq!(status, 200);
        sent["video"]["uuid"].as_str().expect("a video").to_owned()
    }

    async fn listed(&self) -> u64 {
        let target = "/api/v1/video-channels/alice_channel/videos?nsfw=both";
        let (_, list) = answer(self.ask("GET", target)).await.expect("an answer");
        list["total"].as_u64().expect("a total")
    }

    async fn in_outbox(&self) -> usize {
        let asked = self.ask("GET", "/accounts/alice/outbox?page=1");
        let (_, page) = answer(asked.header("accept", "application/activity+json"))
            .await
            .expect("an answer");
        page["orderedItems"].as_array().map_or(0, Vec::len)
    }

    async fn sign_in(&self, form: &[(&str, &str)]) -> Answer {
        let (id, secret) = self.tube.client();
        let mut all = vec![("client_id", id.as_str()), ("client_secret", secret.as_str())];
        all.extend_from_slice(form);
        answer(self.ask("POST", "/api/v1/users/token").form(&all))
            .await
            .expect("an answer")
    }
}

async fn answer(asked: reqwest::RequestBuilder) -> Option<Answer> {
    let response = asked.send().await.ok()?;
    let status = response.status().as_u16();
    let body = response.bytes().await.ok()?;
    Some((status, serde_json::from_slice(&body).unwrap_or_default()))
}

fn film(bytes: u64) -> FileBody {
    FileBody::Synthetic { bytes, seed: 3 }
}

#[tokio::test]
async fn a_large_file_arrives_whole_in_pieces() {
    let rig = Rig::start().await;
    let (body, step) = (film(40_000_000), 8 << 20);
    let id = rig.begin(&json!({}), body.len()).await;
    let mut at = 0;
    while at < body.len() {
        let end = (at + step).min(body.len());
        let (status, _) = rig.send(&id, &body, at, end, true).await.expect("an answer");
        assert_eq!(status, if end < body.len() { 308 } else { 200 });
        at = end;
    }
    let sent = rig.tube.uploaded().remove(0).file.expect("a file");
    assert_eq!((sent.len(), sent.sha256()), (body.len(), body.sha256()));
    assert_eq!(sent.bytes(0..100), body.bytes(0..100));
    assert_eq!(
        sent.bytes(sent.len() - 9..sent.len()),
        body.bytes(body.len() - 9..body.len())
    );
}

#[tokio::test]
async fn an_uploaded_video_is_seen_by_readers_once_it_is_transcoded() {
    let rig = Rig::start().await;
    let body = film(50_000);
    let fields = json!({
        "waitTranscoding": true, "description": "Text", "tags": ["a tag"], "language": "fr",
        "originallyPublishedAt": "2024-05-06T07:08:09.123Z",
    });
    let uuid = rig.upload(&fields, &body).await;
    assert_eq!((rig.listed().await, rig.in_outbox().await), (0, 1));
    assert_eq!(rig.tube.uploaded()[0].state, State::TO_TRANSCODE);
    rig.clock.advance(TRANSCODING);
    assert_eq!((rig.listed().await, rig.in_outbox().await), (1, 1));
    let (_, detail) = answer(rig.ask("GET", &format!("/api/v1/videos/{uuid}")))
        .await
        .expect("an answer");
    assert_eq!(detail["originallyPublishedAt"], "2024-05-06T07:08:09.123Z");
    assert_eq!(detail["state"]["id"], 1);
    let url = detail["files"][0]["fileUrl"].as_str().expect("a file").to_owned();
    let read = rig
        .client
        .get(url)
        .send()
        .await
        .expect("an answer")
        .bytes()
        .await
        .expect("a file");
    assert_eq!(FileBody::Bytes(read).sha256(), body.sha256());
}

#[tokio::test]
async fn a_connection_that_is_cut_keeps_what_arrived_but_with_a_digest() {
    let rig = Rig::start().await;
    let body = film(300_000);
    let id = rig.begin(&json!({}), body.len()).await;
    rig.tube.cut_upload(UploadCut::InChunk { skip: 1, after: 40_000 });
    assert_eq!(rig.send(&id, &body, 0, 100_000, true).await.map(|a| a.0), Some(308));
    assert_eq!(rig.send(&id, &body, 100_000, 200_000, false).await, None);
    assert_eq!(rig.probe(&id, body.len()).await, (308, "bytes=0-139999".into()));
    rig.tube.cut_upload(UploadCut::AtByte(150_000));
    assert_eq!(rig.send(&id, &body, 140_000, 300_000, true).await, None);
    assert_eq!(rig.probe(&id, body.len()).await, (308, "bytes=0-139999".into()));
    assert_eq!(
        rig.send(&id, &body, 140_000, 300_000, true).await.map(|a| a.0),
        Some(200)
    );
    assert_eq!(
        rig.tube.uploaded()[0].file.as_ref().map(FileBody::sha256),
        Some(body.sha256())
    );
}

#[tokio::test]
async fn a_client_that_hangs_up_leaves_what_it_sent() {
    let rig = Rig::start().await;
    let body = film(300_000);
    let id = rig.begin(&json!({}), body.len()).await;
    let mut stream = tokio::net::TcpStream::connect(rig.tube.host())
        .await
        .expect("a connection");
    let head = format!(
        "PUT {UPLOADS}?upload_id={id} HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {}\r\nContent-Range: bytes \
         0-299999/300000\r\nContent-Length: 300000\r\n\r\n",
        rig.tube.host(),
        rig.token
    );
    stream.write_all(head.as_bytes()).await.expect("sent");
    stream.write_all(&body.bytes(0..120_000)).await.expect("sent");
    stream.shutdown().await.expect("closed");
    drop(stream);
    let mut there = String::new();
    for _ in 0..1000 {
        there = rig.probe(&id, body.len()).await.1;
        if there == "bytes=0-119999" {
            break;
        }
    }
    assert_eq!(there, "bytes=0-119999");
    assert_eq!(
        rig.send(&id, &body, 120_000, 300_000, false).await.map(|a| a.0),
        Some(200)
    );
}

#[tokio::test]
async fn a_gap_is_filled_with_zeros() {
    let rig = Rig::start().await;
    let body = film(3000);
    let id = rig.begin(&json!({}), body.len()).await;
    rig.send(&id, &body, 0, 1000, false).await;
    assert_eq!(rig.send(&id, &body, 2000, 3000, false).await.map(|a| a.0), Some(200));
    let sent = rig.tube.uploaded().remove(0).file.expect("a file");
    assert!(sent.bytes(1000..2000).iter().all(|byte| *byte == 0));
    assert_eq!(sent.bytes(2000..3000), body.bytes(2000..3000));
}

#[tokio::test]
async fn the_last_answer_comes_after_processing_and_a_lost_one_changes_nothing() {
    let rig = Rig::start().await;
    let body = film(2000);
    rig.tube.set(|settings| settings.processing = Duration::from_secs(60));
    let before = rig.clock.now();
    rig.upload(&json!({}), &body).await;
    assert_eq!((rig.clock.now() - before).num_seconds(), 60);

    let id = rig.begin(&json!({"name": "Lost"}), body.len()).await;
    rig.tube.cut_upload(UploadCut::AfterLastByte);
    assert_eq!(rig.send(&id, &body, 0, body.len(), false).await, None);
    assert_eq!(rig.probe(&id, body.len()).await.0, 503);
    assert!(rig.tube.unfinished()[0].in_processing);
    rig.clock.advance(Duration::from_secs(60));
    assert_eq!(rig.probe(&id, body.len()).await.0, 404);
    let again = rig.begin(&json!({"name": "Lost"}), body.len()).await;
    assert_eq!(again, id);
    assert_eq!(rig.probe(&id, body.len()).await, (308, "bytes=0--1".into()));
    let titles: Vec<_> = rig
        .tube
        .uploaded()
        .into_iter()
        .map(|video| video.details.title)
        .collect();
    assert_eq!(titles, ["A film", "Lost"]);
}

#[tokio::test]
async fn a_probe_sets_off_what_nobody_has_processed() {
    let rig = Rig::start().await;
    let body = film(2000);
    let id = rig.begin(&json!({}), body.len()).await;
    rig.tube.cut_upload(UploadCut::AfterLastByte);
    assert_eq!(rig.send(&id, &body, 0, body.len(), false).await, None);
    assert_eq!(rig.probe(&id, body.len()).await.0, 404, "it was done at once");
    assert_eq!(rig.tube.uploaded().len(), 1);
}

#[tokio::test]
async fn an_upload_without_progress_is_forgotten() {
    let rig = Rig::start().await;
    let body = film(2000);
    let id = rig.begin(&json!({}), body.len()).await;
    rig.send(&id, &body, 0, 1000, false).await;
    rig.clock.advance(Duration::from_secs(3599));
    assert_eq!(rig.probe(&id, body.len()).await.0, 308);
    rig.clock.advance(Duration::from_secs(1));
    assert_eq!(rig.probe(&id, body.len()).await.0, 404);
}

#[tokio::test]
async fn a_poisoned_upload_is_free_again_after_an_hour() {
    let rig = Rig::start().await;
    let text = FileBody::from(b"no film at all, only words".to_vec());
    let id = rig.begin(&json!({}), text.len()).await;
    assert_eq!(rig.send(&id, &text, 0, text.len(), false).await.map(|a| a.0), Some(422));
    assert_eq!(rig.probe(&id, text.len()).await.0, 503);
    rig.clock.advance(Duration::from_secs(3600));
    rig.begin(&json!({}), text.len()).await;
    assert_eq!(rig.send(&id, &text, 0, text.len(), false).await.map(|a| a.0), Some(422));
}

#[tokio::test]
async fn transcoding_may_fail_and_moderators_may_hold_a_video_back() {
    let rig = Rig::start().await;
    rig.tube.set(|settings| settings.transcoding_fails = true);
    rig.upload(&json!({"name": "Fails"}), &film(2000)).await;
    rig.clock.advance(TRANSCODING);
    assert_eq!(rig.tube.uploaded()[0].state, State::TRANSCODING_FAILED);
    rig.tube.set(|settings| {
        settings.transcoding_fails = false;
        settings.auto_blacklist = true;
    });
    let uuid = rig.upload(&json!({"name": "Held back"}), &film(2000)).await;
    rig.clock.advance(TRANSCODING);
    assert_eq!(rig.listed().await, 0);
    let (_, detail) = rig.get(&format!("/api/v1/videos/{uuid}")).await;
    assert_eq!(
        (&detail["blacklisted"], &detail["state"]["id"]),
        (&json!(true), &json!(1))
    );
    rig.tube.unblock(&uuid);
    assert_eq!(rig.listed().await, 1);
}

#[tokio::test]
async fn a_quota_for_a_day_is_free_again_on_the_next() {
    let rig = Rig::start().await;
    rig.tube.set_quota("alice", None, Some(3000));
    rig.upload(&json!({}), &film(2000)).await;
    let begin = || {
        let asked = rig.as_alice("POST", UPLOADS).header("x-upload-content-length", 2000);
        let asked = asked.header("x-upload-content-type", "video/mp4");
        let fields = json!({"name": "More", "channelId": 2, "filename": "f.mp4"});
        answer(asked.json(&fields))
    };
    let (status, refused) = begin().await.expect("an answer");
    assert_eq!((status, &refused["code"]), (413, &json!("quota_reached")));
    let (_, used) = rig.get("/api/v1/users/me/video-quota-used").await;
    assert_eq!(used, json!({"videoQuotaUsed": 2000, "videoQuotaUsedDaily": 2000}));
    rig.clock.advance(Duration::from_secs(24 * 3600));
    assert_eq!(begin().await.expect("an answer").0, 201);
}

#[tokio::test]
async fn refreshing_ends_both_old_tokens_and_a_lost_chain_needs_the_password() {
    let rig = Rig::start().await;
    let password = rig.tube.password("alice");
    let by_password = [
        ("grant_type", "password"),
        ("username", "alice"),
        ("password", &password),
    ];
    let (_, first) = rig.sign_in(&by_password).await;
    let refresh = first["refresh_token"].as_str().expect("a token");
    let by_refresh = [("grant_type", "refresh_token"), ("refresh_token", refresh)];
    assert_eq!(rig.sign_in(&by_refresh).await.0, 200);
    assert_eq!(rig.sign_in(&by_refresh).await.1["code"], "invalid_grant");
    let good = |rig: &Rig| {
        rig.tube
            .sessions()
            .into_iter()
            .map(|s| (s.grant, s.is_good))
            .collect::<Vec<_>>()
    };
    let expected = [(Grant::Test, true), (Grant::Password, false), (Grant::Refresh, true)];
    assert_eq!(good(&rig), expected);
    rig.tube.expire_access_tokens();
    assert_eq!(good(&rig)[2], (Grant::Refresh, false));
    rig.tube.end_sessions();
    assert_eq!(rig.get("/api/v1/users/me").await.0, 401);
    assert_eq!(rig.get("/api/v1/config").await.0, 200);
    assert_eq!(
        rig.get("/api/v1/videos").await.0,
        401,
        "a bad token closes what is open to everybody"
    );
}

#[tokio::test]
async fn chunks_and_probes_count_as_requests() {
    let mut rig = Rig::start().await;
    let mut options = Options::new(Arc::new(rig.clock.clone()));
    options.rate_limits = true;
    rig.tube = PeerTube::start(options).await.expect("the stand-in starts");
    rig.token = rig.tube.sign_in("alice");
    let body = film(100_000);
    let id = rig.begin(&json!({}), body.len()).await;
    for number in 0..49 {
        let part = rig.send(&id, &body, number * 1000, (number + 1) * 1000, false).await;
        assert_eq!(part.map(|a| a.0), Some(308));
    }
    assert_eq!(rig.probe(&id, body.len()).await.0, 429);
    rig.tube.restart();
    assert_eq!(
        rig.probe(&id, body.len()).await.0,
        404,
        "a restart forgets counters and uploads"
    );
    rig.clock.advance(Duration::from_secs(10));
    for _ in 0..15 {
        assert_eq!(rig.sign_in(&[("grant_type", "none")]).await.0, 400);
    }
    assert_eq!(rig.sign_in(&[("grant_type", "none")]).await.0, 429);
}

#[tokio::test]
async fn an_import_fetches_from_this_machine_where_that_is_allowed() {
    let rig = Rig::start().await;
    let other = Rig::start().await;
    let body = film(70_000);
    let there = other
        .tube
        .publish(NewVideo::titled("There").clip(640, 360, body.clone()));
    let url = other.tube.files(&there.uuid)[0].url.clone();
    let import = |url: &str| {
        let fields = json!({"targetUrl": url, "channelId": 2, "name": "Here", "privacy": 1});
        answer(rig.as_alice("POST", "/api/v1/videos/imports").json(&fields))
    };
    assert_eq!(import(&url).await.expect("an answer").0, 403);
    rig.tube.set(|settings| settings.loopback_imports = true);
    assert_eq!(import(&format!("{url}x")).await.expect("an answer").0, 400);
    assert_eq!(import(&url).await.expect("an answer").0, 200);
    rig.clock.advance(Duration::from_secs(5));
    let here = rig.tube.uploaded().remove(0);
    assert_eq!(here.file.map(|file| file.sha256()), Some(body.sha256()));
    assert_eq!((here.target_url, here.input_filename), (Some(url.clone()), None));
    rig.tube.set(|settings| settings.url_imports = false);
    assert_eq!(import(&url).await.expect("an answer").0, 409);
    let (_, config) = rig.get("/api/v1/config").await;
    assert_eq!(config["import"]["videos"]["http"]["enabled"], false);
}

#[tokio::test]
async fn an_import_fails_as_the_test_says_and_takes_its_video_with_it() {
    let rig = Rig::start().await;
    let url = "https://films.example/one.mp4";
    rig.tube.on_import(url, ImportOutcome::Fails("no disk left".into()));
    let fields = json!({"targetUrl": url, "channelId": 2});
    let begun = answer(rig.as_alice("POST", "/api/v1/videos/imports").json(&fields)).await;
    assert_eq!(begun.expect("an answer").1["video"]["name"], "one.mp4");
    assert_eq!(rig.tube.uploaded()[0].privacy, Privacy::PRIVATE);
    rig.clock.advance(Duration::from_secs(5));
    assert!(rig.tube.uploaded().is_empty());
    let (_, list) = rig
        .get("/api/v1/users/me/videos/imports?targetUrl=https%3A%2F%2Ffilms.example%2Fone.mp4")
        .await;
    assert_eq!(
        (&list["total"], &list["data"][0]["error"]),
        (&json!(1), &json!("no disk left"))
    );
}

#[tokio::test]
async fn pictures_that_were_sent_are_shown() {
    let rig = Rig::start().await;
    let part = |bytes: &'static [u8]| {
        let part = reqwest::multipart::Part::bytes(bytes).file_name("p.jpg");
        part.mime_str("image/jpeg").expect("a media type")
    };
    let uuid = rig.upload(&json!({}), &film(2000)).await;
    let form = reqwest::multipart::Form::new()
        .part("thumbnailfile", part(b"small"))
        .part("previewfile", part(b"large"));
    let path = format!("/api/v1/videos/{uuid}");
    assert_eq!(
        answer(rig.as_alice("PUT", &path).multipart(form))
            .await
            .expect("an answer")
            .0,
        204
    );
    let (_, detail) = rig.get(&path).await;
    for (name, expected) in [("thumbnailPath", "small"), ("previewPath", "large")] {
        let picture = rig
            .ask("GET", detail[name].as_str().expect("a path"))
            .send()
            .await
            .expect("an answer");
        assert_eq!(picture.text().await.expect("a picture"), expected);
    }
    let sent = rig.tube.uploaded().remove(0);
    assert_eq!(sent.thumbnail.as_deref(), Some(b"small".as_slice()));
}
