//! What the stand-in does like PeerTube, beyond what single recordings show.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde_json::Value;
use tombolo_model::{Clock, TestClock};

use super::{Caption, FileBody, NewVideo, Options, PeerTube, Privacy, Published, State, VideoFile};

struct Rig {
    tube: PeerTube,
    clock: TestClock,
    client: reqwest::Client,
}

impl Rig {
    async fn start(change: impl FnOnce(&mut Options)) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let clock = TestClock::at(DateTime::<Utc>::from_timestamp(1_800_000_000, 0).unwrap_or_default());
        let mut options = Options::new(Arc::new(clock.clone()));
        change(&mut options);
        Self {
            tube: PeerTube::start(options).await.expect("the stand-in starts"),
            clock,
            client: reqwest::Client::new(),
        }
    }

    fn publish(&self, video: NewVideo) -> Published {
        self.clock.advance(Duration::from_secs(60));
        self.tube.publish(video)
    }

    async fn get(&self, target: &str, accept: &str) -> reqwest::Response {
        self.clock.advance(Duration::from_secs(1));
        let url = if target.starts_with("http") {
            target.to_owned()
        } else {
            format!("http://{}{target}", self.tube.host())
        };
        let asked = self.client.get(url).header("accept", accept);
        asked.send().await.expect("the stand-in answers")
    }

    async fn activity(&self, target: &str) -> Value {
        let answer = self.get(target, "application/activity+json").await;
        answer.json().await.expect("the answer is JSON")
    }

    /// The titles in the channel's list, and its total.
    async fn listed(&self) -> (Vec<String>, u64) {
        let answer = self
            .get("/api/v1/video-channels/alice_channel/videos?nsfw=both", "*/*")
            .await;
        let list: Value = answer.json().await.expect("the answer is JSON");
        let titles = list["data"].as_array().into_iter().flatten();
        let titles = titles.map(|v| v["name"].as_str().unwrap_or_default().to_owned());
        (titles.collect(), list["total"].as_u64().unwrap_or_default())
    }

    /// The ids in an actor's outbox, its first page.
    async fn outbox(&self, actor: &str) -> (Vec<String>, u64) {
        let page = self.activity(&format!("/{actor}/outbox?page=1")).await;
        let items = page["orderedItems"].as_array().into_iter().flatten();
        let ids = items.map(|item| {
            let object = &item["object"];
            object
                .as_str()
                .or_else(|| object["id"].as_str())
                .unwrap_or_default()
                .to_owned()
        });
        (ids.collect(), page["totalItems"].as_u64().unwrap_or_default())
    }

    fn published(&self, video: &Published) -> DateTime<Utc> {
        self.tube.video(&video.uuid).expect("the video exists").published
    }
}

#[tokio::test]
async fn a_private_video_made_public_gets_a_new_date() {
    let rig = Rig::start(|_| {}).await;
    let video = rig.publish(NewVideo::titled("v").privacy(Privacy::PRIVATE));
    rig.publish(NewVideo::titled("later"));
    rig.clock.advance(Duration::from_secs(60));
    rig.tube.set_privacy(&video.uuid, Privacy::PUBLIC);
    assert_eq!(rig.published(&video), rig.clock.now());
    assert_eq!(rig.listed().await.0, ["v", "later"]);
}

#[tokio::test]
async fn an_unlisted_internal_or_guarded_video_made_public_keeps_its_date() {
    let rig = Rig::start(|_| {}).await;
    for privacy in [Privacy::UNLISTED, Privacy::INTERNAL, Privacy::PASSWORD] {
        let video = rig.publish(NewVideo::titled("old").privacy(privacy));
        rig.publish(NewVideo::titled("new"));
        rig.tube.set_privacy(&video.uuid, Privacy::PUBLIC);
        assert_eq!(rig.published(&video), video.published);
        assert_eq!(rig.listed().await.0[..2], ["new", "old"]);
        assert_eq!(rig.outbox("accounts/alice").await.0[1], video.id);
        assert_eq!(rig.outbox("video-channels/alice_channel").await.0[1], video.id);
    }
}

#[tokio::test]
async fn the_end_of_transcoding_sets_the_date_once_and_renames_the_files() {
    let rig = Rig::start(|_| {}).await;
    let video = rig.publish(NewVideo::titled("v").transcoding());
    assert_eq!(rig.listed().await.1, 0);
    let before = rig.tube.files(&video.uuid);
    assert_eq!((before.len(), before[0].fragmented), (1, false));
    rig.tube.finish(&video.uuid);
    let published = rig.published(&video);
    assert_eq!(published, rig.clock.now());
    assert_eq!(rig.listed().await.1, 1);
    assert_eq!(rig.tube.files(&video.uuid).len(), 2);
    assert_eq!(rig.get(&before[0].url, "*/*").await.status(), 404);

    // A file that is replaced later is transcoded again, without a new date.
    rig.tube.set_state(&video.uuid, State::TO_TRANSCODE);
    rig.tube.finish(&video.uuid);
    assert_eq!(rig.published(&video), published);
}

#[tokio::test]
async fn an_account_counts_all_its_videos_and_a_channel_those_it_announced() {
    let rig = Rig::start(|_| {}).await;
    let first = rig.publish(NewVideo::titled("public"));
    let second = rig.publish(NewVideo::titled("withdrawn"));
    let third = rig.publish(NewVideo::titled("in work").transcoding());
    rig.publish(NewVideo::titled("private").privacy(Privacy::PRIVATE));
    rig.tube.set_privacy(&second.uuid, Privacy::PRIVATE);
    let (account, total) = rig.outbox("accounts/alice").await;
    assert_eq!((account, total), (vec![third.id, first.id.clone()], 4));
    let (channel, total) = rig.outbox("video-channels/alice_channel").await;
    assert_eq!((channel, total), (vec![first.id], 2));
}

#[tokio::test]
async fn files_move_when_a_video_becomes_private_and_need_a_session_then() {
    let rig = Rig::start(|_| {}).await;
    let video = rig.publish(NewVideo::titled("v"));
    let old = rig.tube.files(&video.uuid);
    rig.tube.set_privacy(&video.uuid, Privacy::PRIVATE);
    for (old, new) in old.iter().zip(rig.tube.files(&video.uuid)) {
        assert_eq!(rig.get(&old.url, "*/*").await.status(), 404);
        assert_eq!(rig.get(&new.url, "*/*").await.status(), 403);
        let token = rig.tube.sign_in("alice");
        let asked = rig.client.get(&new.url).bearer_auth(token);
        assert_eq!(asked.send().await.expect("an answer").status(), 200);
    }
}

#[tokio::test]
async fn a_new_resolution_renames_the_playlist_but_not_its_files() {
    let rig = Rig::start(|_| {}).await;
    let video = rig.publish(NewVideo::titled("v"));
    let playlist = async || {
        let detail: Value = rig
            .get(&format!("/api/v1/videos/{}", video.uuid), "*/*")
            .await
            .json()
            .await
            .expect("JSON");
        detail["streamingPlaylists"][0]["playlistUrl"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    };
    let (before, files) = (playlist().await, rig.tube.files(&video.uuid));
    rig.tube.add_hls_file(&video.uuid, VideoFile::sized(256, 144));
    assert_ne!(before, playlist().await);
    assert_eq!(rig.tube.files(&video.uuid)[..2], files[..]);
    rig.tube.rename_files(&video.uuid);
    assert_ne!(rig.tube.files(&video.uuid)[1].url, files[1].url);
}

#[tokio::test]
async fn edits_and_views_change_the_etag_and_captions_no_date() {
    let rig = Rig::start(|_| {}).await;
    let video = rig.publish(NewVideo::titled("v"));
    let seen = async || {
        let answer = rig.get(&video.id, "application/activity+json").await;
        let tag = answer.headers()["etag"].to_str().unwrap_or_default().to_owned();
        let body: Value = answer.json().await.expect("JSON");
        (tag, body["updated"].as_str().unwrap_or_default().to_owned())
    };
    let first = seen().await;
    assert_eq!(first, seen().await);
    rig.tube.add_view(&video.uuid);
    let viewed = seen().await;
    assert!(viewed.0 != first.0 && viewed.1 == first.1);
    rig.tube.set_caption(&video.uuid, Caption::new("en", "WEBVTT\n"));
    let captioned = seen().await;
    assert!(captioned.0 != viewed.0 && captioned.1 == first.1);
    rig.tube.edit(&video.uuid, |details| details.title = "w".into());
    assert_ne!(seen().await.1, first.1);
}

#[tokio::test]
async fn a_switched_off_part_does_not_answer() {
    let rig = Rig::start(|options| {
        options.api_listing = false;
        options.federation = false;
    })
    .await;
    let video = rig.publish(NewVideo::titled("v"));
    for target in ["/accounts/alice/outbox", "/accounts/alice", video.id.as_str()] {
        assert_eq!(rig.get(target, "application/activity+json").await.status(), 404);
    }
    let list = rig.get("/api/v1/accounts/alice/videos", "*/*").await;
    assert_eq!(list.status(), 404);
    let detail = rig.get(&format!("/api/v1/videos/{}", video.uuid), "*/*").await;
    assert_eq!(detail.status(), 200);
}

#[tokio::test]
async fn without_the_bug_an_import_stands_in_the_outbox_without_pictures() {
    let rig = Rig::start(|options| options.bug_500_without_thumbnail = false).await;
    rig.publish(NewVideo::titled("v").importing());
    let page = rig.activity("/accounts/alice/outbox?page=1").await;
    let object = &page["orderedItems"][0]["object"];
    assert_eq!(
        (&object["icon"], &object["state"]),
        (&Value::Array(Vec::new()), &Value::from(3))
    );
}

#[tokio::test]
async fn a_browser_gets_a_page_with_everything_escaped() {
    let rig = Rig::start(|_| {}).await;
    let video = rig.publish(NewVideo::titled("<b>Knots</b>").description("a & <script>alert(1)</script>"));
    for target in [&video.page, &video.id, &format!("http://{}/", rig.tube.host())] {
        let answer = rig.get(target, "text/html,*/*;q=0.8").await;
        assert_eq!(answer.status(), 200);
        let page = answer.text().await.expect("text");
        assert!(page.contains("&lt;b&gt;Knots") && !page.contains("<b>Knots") && !page.contains("<script>"));
    }
    let answer = rig.get(&video.page, "text/html").await.text().await.expect("text");
    assert!(answer.contains(&format!("<video src=\"{}\"", rig.tube.files(&video.uuid)[0].url)));
}

#[tokio::test]
async fn ranges_of_a_file_that_is_made_up_fit_together() {
    let rig = Rig::start(|_| {}).await;
    let file = VideoFile::sized(640, 360).bytes(3_000_001);
    let video = rig.publish(NewVideo::titled("v").web([file]));
    let file = &rig.tube.files(&video.uuid)[0];
    let whole = rig.get(&file.url, "*/*").await.bytes().await.expect("a body");
    assert_eq!(FileBody::Bytes(whole.clone()).sha256(), file.body.sha256());
    for (range, status, expected) in [
        ("bytes=0-9", 206, &whole[..10]),
        ("bytes=1048570-1048600", 206, &whole[1_048_570..=1_048_600]),
        ("bytes=-5", 206, &whole[2_999_996..]),
        ("bytes=2999990-", 206, &whole[2_999_990..]),
        ("bytes=0-1,5-6", 200, &whole[..]),
        ("lines=0-1", 200, &whole[..]),
    ] {
        let answer = rig
            .client
            .get(&file.url)
            .header("range", range)
            .send()
            .await
            .expect("an answer");
        assert_eq!(answer.status(), status, "{range}");
        assert_eq!(answer.bytes().await.expect("a body"), expected, "{range}");
    }
    let asked = rig.client.get(&file.url).header("range", "bytes=0-9");
    let changed = asked.header("if-range", "W/\"other\"").send().await.expect("an answer");
    assert_eq!(changed.status(), 200);
}

#[tokio::test]
async fn bad_queries_are_refused_and_never_a_crash() {
    let rig = Rig::start(|_| {}).await;
    for query in [
        "start=-1",
        "count=x",
        "count=-1",
        "nsfw=maybe",
        "sort=",
        "start=99999999999999999999",
    ] {
        let answer = rig.get(&format!("/api/v1/videos?{query}"), "*/*").await;
        assert_eq!(answer.status(), 400, "{query}");
    }
    for query in ["page=-1", "page=x", "page=99999999999999999999", "page=1&size=-1"] {
        let answer = rig.get(&format!("/accounts/alice/outbox?{query}"), "*/*").await;
        assert_eq!(answer.status(), 400, "{query}");
    }
    let last = rig.get("/accounts/alice/outbox?page=4294967295&size=50", "*/*").await;
    assert_eq!(last.status(), 200);
    for target in [
        "/static/%2e%2e/x",
        "/download/",
        "/w/%00",
        "/lazy-static/thumbnails/x.jpg",
    ] {
        assert_eq!(rig.get(target, "*/*").await.status(), 404, "{target}");
    }
}
