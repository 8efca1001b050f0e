//! Changing and deleting.

use std::time::Duration;

use tombolo_peertube::stand_in::{NewVideo, Privacy, VideoFile};

use super::{Scene, recorded};

const FIRST: &str = "74a09a76-fc2f-4528-bc6e-0d8d09fba293";
const LAST: &str = "f3e70b9a-0ab2-44a0-b2d5-2bb4e472e5ac";

#[tokio::test]
async fn changes_are_taken_as_recorded() {
    let scene = Scene::set(|_| {}).await;
    let mut video = NewVideo::titled("Bulk video 01")
        .description("Bulk number 01")
        .tags(&["bulk"]);
    video.details.duration = 1;
    video.files = vec![VideoFile::sized(256, 144)];
    scene.publish_as(FIRST, video);
    scene.tube.add_account("bob");
    let (alice, bob) = (scene.bearer("alice"), scene.bearer("bob"));
    scene.replay_all(&["267"], &alice).await;
    let given = scene.replay("268").await.json();
    for name in ["name", "description", "tags", "nsfw", "language", "category"] {
        assert_eq!(given[name], recorded("268").response.body[name], "{name}");
    }
    let given = scene.replay("269").await.json();
    assert_eq!(given["content"], "new description");
    let first = scene.swapped(FIRST);
    let path = format!("/api/v1/videos/{first}");
    scene.replay_all(&["270"], &alice).await;
    let given = scene.get(&path).await.json();
    assert_eq!(
        (&given["name"], &given["tags"][0]),
        (&"Bulk video 01 renamed twice".into(), &"newtag".into())
    );
    scene.replay_all(&["271"], &alice).await;
    let given = scene.get(&path).await.json();
    assert_eq!(
        (&given["description"], given["tags"].as_array().map(Vec::len)),
        (&serde_json::Value::Null, Some(0))
    );
    let before = given["thumbnailPath"].clone();
    scene.replay_all(&["272"], &alice).await;
    let given = scene.get(&path).await.json();
    assert_ne!(given["thumbnailPath"], before);
    scene.replay_all(&["273"], &bob).await;
    scene.replay_all(&["274", "275"], &alice).await;
}

#[tokio::test]
async fn privacy_is_changed_as_recorded() {
    let scene = Scene::set(|_| {}).await;
    scene.publish_main_and_bulk();
    let private = NewVideo::titled("Private one").privacy(Privacy::PRIVATE);
    let private = scene.publish_as("6122b401-25cf-4b50-ac5c-a584c6829284", private);
    scene.publish_as("", NewVideo::titled("Later"));
    let other = scene.publish_as(
        "71916c70-d531-4dc0-bc37-d017586a3092",
        NewVideo::titled("Bulk video 22"),
    );
    let alice = scene.bearer("alice");
    scene.clock.advance(Duration::from_secs(60));
    scene.replay_all(&["264"], &alice).await;
    let given = scene.replay("265").await.json();
    let at = given["orderedItems"].as_array().and_then(|items| {
        let mut ids = items.iter().map(|item| item["object"]["uuid"].clone());
        ids.position(|id| id == private.uuid.as_str())
    });
    assert_eq!(at, Some(2), "an outbox is in the order of uploads");
    let given = scene.replay("266").await.json();
    assert_eq!(given["data"][0]["uuid"], private.uuid);
    scene.replay_all(&["285"], &alice).await;
    scene.replay("286").await;
    assert_eq!(
        scene.get(&format!("/api/v1/videos/{}", other.uuid)).await.answer.status,
        401
    );
}

#[tokio::test]
async fn a_planned_publication_is_as_recorded() {
    let scene = Scene::set(|_| {}).await;
    scene.publish_main_and_bulk();
    let alice = scene.bearer("alice");
    scene.replay_all(&["144"], &alice).await;
    let planned = scene.tube.uploaded()[0].clone();
    scene.publish_as("", NewVideo::titled("Later"));
    scene.clock.advance(Duration::from_secs(3600));
    scene.replay("262").await;
    let given = scene.replay("263").await.json();
    assert_eq!(given["orderedItems"][1]["object"]["uuid"], planned.uuid.as_str());
}

#[tokio::test]
async fn a_video_is_deleted_as_recorded() {
    let scene = Scene::set(|_| {}).await;
    scene.publish_main_and_bulk();
    let deleted = scene.publish_as(LAST, NewVideo::titled("Bulk video 23").description("x"));
    scene.tube.add_account("bob");
    let (alice, bob) = (scene.bearer("alice"), scene.bearer("bob"));
    scene.replay_all(&["278"], &bob).await;
    scene.replay_all(&["279", "280"], &alice).await;
    for number in ["281", "282"] {
        scene.replay(number).await;
    }
    assert!(scene.tube.video(&deleted.uuid).is_none());
}
