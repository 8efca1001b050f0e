//! Uploading in one request, subtitles, chapters, and one's own list.

use std::time::Duration;

use serde_json::{Value, json};
use tombolo_net::stand_in::recordings::Permitted;
use tombolo_peertube::stand_in::{FileBody, Privacy, State};

use super::sending::FACTS_OF_A_FILE;
use super::{Scene, TORRENTS_AT_ONCE, recorded};

const TRANSCODING: Duration = Duration::from_secs(3600);

async fn scene() -> (Scene, String) {
    let scene = Scene::set(|options| options.settings.transcoding = TRANSCODING).await;
    let bearer = scene.bearer("alice");
    (scene, bearer)
}

fn titles(list: &Value) -> Vec<String> {
    let items = list["data"].as_array().cloned().unwrap_or_default();
    items.iter().map(|item| item["name"].to_string()).collect()
}

#[tokio::test]
async fn a_whole_upload_is_as_recorded() {
    let (scene, bearer) = scene().await;
    let by = [("authorization", bearer.as_str())];
    scene.replay_as("016", &by, &[]).await;
    let sent = &scene.tube.uploaded()[0];
    let fields = recorded("016").request.body["multipart"]["fields"].clone();
    let field = |name: &str| {
        let mut all = fields.as_array().into_iter().flatten();
        all.find(|pair| pair[0] == name)
            .map(|pair| pair[1].clone())
            .unwrap_or_default()
    };
    assert_eq!(json!(sent.details.title), field("name"));
    assert_eq!(json!(sent.details.description), field("description"));
    assert_eq!(json!(sent.details.support), field("support"));
    assert_eq!(sent.details.tags, ["tag one", "Peer Tube", "écologie"]);
    assert_eq!((sent.details.category, sent.details.licence), (Some(15), Some(1)));
    assert_eq!(
        (sent.privacy, sent.state, sent.details.nsfw),
        (Privacy::PUBLIC, State::TO_TRANSCODE, true)
    );
    assert_eq!(sent.input_filename.as_deref(), Some("main.mp4"));
    assert_eq!(
        sent.file.as_ref().map(FileBody::sha256),
        Some(super::sending::content(600_344).sha256())
    );

    scene.replay_as("017", &by, &TORRENTS_AT_ONCE).await;
    scene.replay_but("018", &TORRENTS_AT_ONCE).await;
    scene.replay("021").await;
    scene.replay_as("022", &by, &[]).await;
    for number in ["023", "024", "025", "026", "027"] {
        scene.replay_as(number, &by, &[]).await;
    }
    let given = scene.replay("028").await.json();
    assert_eq!(given["total"], 4);
    let french = &scene.tube.uploaded()[0].captions[2];
    assert_eq!(french.text, "WEBVTT\n\n1\n00:00:00.000 --> 00:00:02.000\nBonjour\n");
    let given = scene.replay("029").await.json();
    assert_eq!(given, recorded("029").response.body);
    let tag = Permitted {
        path: "etag",
        why: "this one answer without a body has the tag of a body",
    };
    scene.replay_as("030", &by, &[tag]).await;
    let given = scene.replay("031").await.json();
    assert_eq!(given, recorded("031").response.body);
    scene.replay_as("366", &by, &[]).await;
    let counted = ["x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset"].map(|path| Permitted {
        path,
        why: "the real server reads bodies before it counts requests",
    });
    scene.replay_as("371", &by, &counted).await;
    scene.clock.advance(TRANSCODING);
    assert_eq!(scene.tube.uploaded()[0].state, State::PUBLISHED);
    scene.replay_as("276", &by, &[]).await;
    scene.replay_as("277", &by, &[]).await;
}

#[tokio::test]
async fn each_privacy_is_taken_as_recorded() {
    let (scene, bearer) = scene().await;
    scene.tube.set(|settings| settings.transcoding = Duration::ZERO);
    scene
        .replay_all(&["139", "140", "141", "142", "143", "144", "145"], &bearer)
        .await;
    let all = scene.tube.uploaded();
    let kinds: Vec<u8> = all.iter().map(|video| video.privacy.0).collect();
    assert_eq!(kinds, [2, 3, 4, 5, 3, 3], "the last one said nothing");
    let early = Permitted {
        path: "$.streamingPlaylists[]",
        why: "some were recorded while they were transcoded",
    };
    for number in ["148", "152", "156", "160", "164"] {
        scene.replay_as(number, &[("authorization", &bearer)], &[early]).await;
    }
}

#[tokio::test]
async fn bad_uploads_are_refused_as_recorded() {
    let (scene, bearer) = scene().await;
    scene.tube.add_account("quota");
    scene.tube.add_channel("quota", "quota_channel");
    scene.tube.set_quota("quota", Some(1_000_000), None);
    scene.replay_all(&["287", "288", "290"], &bearer).await;
    scene.replay_all(&["289"], &scene.bearer("quota")).await;
    scene.replay("291").await;
    assert!(scene.tube.uploaded().is_empty());
}

#[tokio::test]
async fn other_uploads_are_taken_as_recorded() {
    let (scene, bearer) = scene().await;
    scene
        .replay_all(
            &["292", "295", "296", "297", "298", "299", "300", "309", "384"],
            &bearer,
        )
        .await;
    let all = scene.tube.uploaded();
    assert_eq!(all.len(), 8);
    assert!(!all[0].wait_transcoding && all[1].wait_transcoding);
    assert_eq!(all[3].details.tags, ["Same", "same", "  spaced  "]);
    assert_eq!(all[5].details.title.chars().count(), 120);
    scene.replay("294").await;
    scene.swap("f4066637-d353-4444-b974-c06633e44271", &all[7].uuid);
    scene.replay_all(&["360", "361"], &bearer).await;
    assert_eq!(scene.tube.uploaded().len(), 7);
}

#[tokio::test]
async fn ones_own_list_is_as_recorded() {
    let (scene, bearer) = scene().await;
    scene.publish_main_and_bulk();
    let by = [("authorization", bearer.as_str())];
    for number in ["092", "093"] {
        let given = scene.replay_as(number, &by, &[]).await.json();
        let recorded = recorded(number).response.body;
        assert_eq!(given["total"], recorded["total"], "{number}");
        assert_eq!(titles(&given), titles(&recorded), "{number}");
    }
    scene.replay_all(&["354", "355"], &bearer).await;
    let order = ["$.data[].description", "$.data[].truncatedDescription"].map(|path| Permitted {
        path,
        why: "a search is ordered by how well it matches; here the newest is first",
    });
    for number in ["356", "357", "358", "359", "375", "376"] {
        let permitted = if number == "375" { order.as_slice() } else { &[] };
        let given = scene.replay_as(number, &by, permitted).await.json();
        let recorded = recorded(number).response.body;
        if !["357", "359", "375"].contains(&number) {
            assert_eq!(given["total"], recorded["total"], "{number}");
        }
    }
    scene.replay_as("374", &by, &FACTS_OF_A_FILE).await;
}
