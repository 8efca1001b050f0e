//! Imports from URLs.

use std::time::Duration;

use tombolo_peertube::stand_in::{ImportOutcome, State};

use super::sending::content;
use super::{Scene, recorded};

const IMPORT: Duration = Duration::from_secs(60);
const URL: &str = "http://127.0.0.1:9012/portrait.mp4";
const TEXT: &str = "http://127.0.0.1:9012/notvideo.mp4";
const LONG: &str = "http://127.0.0.1:9012/long.mp4";

#[tokio::test]
async fn bad_imports_are_refused_as_recorded() {
    let scene = Scene::set(|_| {}).await;
    scene
        .tube
        .on_import("http://10.0.0.5/main.mp4", ImportOutcome::Brings(content(1000)));
    let bearer = scene.bearer("alice");
    scene.replay_all(&["311", "312", "313", "314", "315"], &bearer).await;
    assert!(scene.tube.uploaded().is_empty());
}

#[tokio::test]
async fn imports_are_as_recorded() {
    let scene = Scene::set(|options| {
        options.settings.loopback_imports = true;
        options.settings.import = IMPORT;
        options.settings.transcoding = Duration::ZERO;
    })
    .await;
    scene.tube.on_import(URL, ImportOutcome::Brings(content(295_828)));
    scene
        .tube
        .on_import("http://127.0.0.1:9012/missing.mp4", ImportOutcome::Unreachable);
    scene.tube.on_import(TEXT, ImportOutcome::Brings(content(18_000)));
    scene.tube.on_import(LONG, ImportOutcome::Brings(content(2_000_000)));
    let bearer = scene.bearer("alice");
    let by = [("authorization", bearer.as_str())];
    scene.replay_all(&["330", "331"], &bearer).await;
    for number in ["332", "333"] {
        scene.replay(number).await;
    }
    scene.clock.advance(IMPORT);
    for number in ["334", "335", "336"] {
        let given = scene.replay_as(number, &by, &[]).await.json();
        let recorded = recorded(number).response.body;
        assert_eq!(given["total"], recorded["total"], "{number}");
        assert_eq!(given["data"][0]["state"], recorded["data"][0]["state"], "{number}");
    }
    assert_eq!(scene.tube.uploaded()[0].state, State::PUBLISHED);
    scene.replay_all(&["337", "338", "339", "340"], &bearer).await;
    scene.clock.advance(IMPORT);
    let given = scene.replay_as("341", &by, &[]).await.json();
    let states = |list: &serde_json::Value| -> Vec<String> {
        let imports = list["data"].as_array().cloned().unwrap_or_default();
        imports.iter().map(|import| import["state"].to_string()).collect()
    };
    assert_eq!(states(&given), states(&recorded("341").response.body));
    assert_eq!(scene.tube.uploaded().len(), 2, "what failed is gone");

    scene.tube.add_account("quota");
    scene.tube.add_channel("quota", "quota_channel");
    scene.tube.set_quota("quota", Some(1_000_000), None);
    let bearer = scene.bearer("quota");
    scene.replay_all(&["342"], &bearer).await;
    scene.clock.advance(IMPORT);
    let given = scene.replay_as("343", &[("authorization", &bearer)], &[]).await.json();
    assert_eq!(
        given["data"][0]["error"],
        recorded("343").response.body["data"][0]["error"]
    );
}
