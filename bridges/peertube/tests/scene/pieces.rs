//! Uploading in pieces.

use std::time::Duration;

use serde_json::json;
use tombolo_peertube::stand_in::{FileBody, Privacy, UploadCut};

use super::sending::{FACTS_OF_A_FILE, content};
use super::{Scene, TORRENTS_AT_ONCE, recorded, time};

/// While uploads are processed, others ask.
const PROCESSING: Duration = Duration::from_secs(60);

async fn scene() -> (Scene, String) {
    let scene = Scene::set(|options| options.settings.transcoding = Duration::from_secs(3600)).await;
    let bearer = scene.bearer("alice");
    (scene, bearer)
}

/// Sends a part of the file where the recording told to, without an answer to compare.
async fn send(scene: &Scene, bearer: &str, recorded_id: &str, part: &str, headers: &[(&str, &str)]) -> Option<u16> {
    let (range, total) = part.split_once('/').expect("a part");
    let (start, end) = range.split_once('-').expect("a range");
    let number = |text: &str| text.parse::<u64>().expect("a number");
    let bytes = content(number(total)).bytes(number(start)..number(end) + 1);
    let id = scene.swapped(recorded_id);
    let url = format!(
        "http://{}/api/v1/videos/upload-resumable?upload_id={id}",
        scene.tube.host()
    );
    let mut asked = scene.client.put(url).header("authorization", bearer);
    asked = asked.header("content-range", format!("bytes {part}")).body(bytes);
    for (name, value) in headers {
        asked = asked.header(*name, *value);
    }
    let response = asked.send().await.ok()?;
    Some(response.status().as_u16())
}

fn upload_id(number: &str) -> String {
    let recording = recorded(number);
    let location = recording.response.header("location").unwrap_or_default().to_owned();
    location
        .split_once("upload_id=")
        .map(|(_, id)| id.to_owned())
        .expect("a location")
}

#[tokio::test]
async fn three_chunks_are_taken_as_recorded() {
    let (scene, bearer) = scene().await;
    scene
        .replay_all(&["181", "182", "183", "184", "185", "186"], &bearer)
        .await;
    let by = [("authorization", bearer.as_str())];
    let given = scene.replay_as("187", &by, &FACTS_OF_A_FILE).await.json();
    assert_eq!(given["inputFilename"], "src-marker-0001.mp4");
    scene.replay("188").await;
    let sent = &scene.tube.uploaded()[0];
    assert_eq!(
        sent.file.as_ref().map(FileBody::sha256),
        Some(content(600_344).sha256())
    );
    assert_eq!(sent.details.originally_published_at, Some(time("2024-05-06T07:08:09Z")));
    assert!(scene.tube.unfinished().is_empty());
}

#[tokio::test]
async fn an_interrupted_upload_goes_on_as_recorded() {
    let (scene, bearer) = scene().await;
    scene.replay_all(&["189", "190", "191"], &bearer).await;
    scene.tube.cut_upload(UploadCut::AtByte(362_144));
    let lost = send(&scene, &bearer, &upload_id("189"), "262144-600343/600344", &[]).await;
    assert!(lost.is_none(), "the connection was cut");
    scene.replay_all(&["192", "193", "194", "195"], &bearer).await;
    let held = scene.tube.unfinished();
    assert_eq!((held[0].held, held[0].size), (364_144, 600_344));
}

#[tokio::test]
async fn an_upload_is_given_up_as_recorded() {
    let (scene, bearer) = scene().await;
    scene.replay_all(&["196", "197", "198", "199", "200"], &bearer).await;
}

#[tokio::test]
async fn bad_chunks_are_refused_as_recorded() {
    let (scene, bearer) = scene().await;
    scene.tube.add_account("bob");
    scene.replay_all(&["201"], &bearer).await;
    scene.replay_all(&["202"], &scene.bearer("bob")).await;
    scene.replay("203").await;
    scene.replay_all(&["204", "205", "206", "207", "208"], &bearer).await;
    let wrong = [("digest", "sha-256=efawXrpSkralqYBphaMEQNihC3jv14YYPzly5rCox6w=")];
    let given = send(&scene, &bearer, &upload_id("201"), "0-999/600344", &wrong).await;
    assert_eq!(given, Some(460));
    scene.replay_all(&["210"], &bearer).await;
}

#[tokio::test]
async fn beginnings_are_judged_as_recorded() {
    let (scene, bearer) = scene().await;
    scene.tube.add_account("quota");
    scene.tube.add_channel("quota", "quota_channel");
    scene.tube.set_quota("quota", Some(1_000_000), None);
    for number in 211..=231 {
        scene.replay_all(&[&number.to_string()], &bearer).await;
    }
    scene.replay("232").await;
    scene.replay_all(&["233"], &scene.bearer("quota")).await;
    scene
        .replay_all(&["234", "235", "236", "260", "261", "321"], &bearer)
        .await;
}

#[tokio::test]
async fn an_upload_whose_last_answer_is_lost_is_as_recorded() {
    let (scene, bearer) = scene().await;
    let by = [("authorization", bearer.as_str())];
    scene
        .replay_all(
            &["181", "182", "183", "184", "139", "140", "141", "142", "145"],
            &bearer,
        )
        .await;
    scene.tube.set(|settings| settings.processing = PROCESSING);
    scene.replay_all(&["237"], &bearer).await;
    scene.tube.cut_upload(UploadCut::AfterLastByte);
    let lost = send(&scene, &bearer, &upload_id("237"), "0-600343/600344", &[]).await;
    assert!(lost.is_none(), "the connection was cut");
    scene.replay_all(&["238"], &bearer).await;
    let given = scene.replay_as("239", &by, &[]).await.json();
    let names: Vec<_> = given["data"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|v| v["name"].clone())
        .collect();
    assert!(!names.contains(&json!("Crash after last byte")));
    scene.clock.advance(PROCESSING);
    scene.replay_all(&["240"], &bearer).await;
    let given = scene.replay_as("241", &by, &[]).await.json();
    assert_eq!(given["total"], 1);
    let uuid = given["data"][0]["uuid"].as_str().unwrap_or_default().to_owned();
    scene.swap("a1bc7a24-5063-4ca0-8314-b4d36ec94eb0", &uuid);
    let given = scene.replay_as("242", &by, &FACTS_OF_A_FILE).await.json();
    assert_eq!(given["inputFilename"], "bridge-7f3a9c-crash.mp4");
    scene.replay_all(&["243"], &bearer).await;
}

#[tokio::test]
async fn an_upload_in_processing_is_as_recorded() {
    let (scene, bearer) = scene().await;
    scene.tube.set(|settings| settings.processing = PROCESSING);
    scene.replay_all(&["244", "245", "246"], &bearer).await;
    scene.tube.cut_upload(UploadCut::AfterLastByte);
    send(&scene, &bearer, &upload_id("246"), "0-600343/600344", &[]).await;
    scene.replay_all(&["247", "248"], &bearer).await;
    scene.clock.advance(PROCESSING);
    assert_eq!(scene.tube.uploaded().len(), 1);
}

#[tokio::test]
async fn a_file_that_is_no_video_is_refused_as_recorded() {
    let (scene, bearer) = scene().await;
    scene.replay_all(&["249", "250", "251", "252", "253"], &bearer).await;
    scene.replay_all(&["404", "405", "406", "407", "408"], &bearer).await;
    assert!(scene.tube.uploaded().is_empty());
}

#[tokio::test]
async fn pictures_and_digests_are_taken_as_recorded() {
    let (scene, bearer) = scene().await;
    scene.replay_all(&["254"], &bearer).await;
    // The digest in the recording is that of the recorded bytes.
    let right = digest(0, 262_144);
    let headers = [("authorization", bearer.as_str()), ("digest", right.as_str())];
    scene.replay_as("255", &headers, &[]).await;
    scene.replay_all(&["256", "257", "258"], &bearer).await;
    let by = [("authorization", bearer.as_str())];
    scene.replay_as("259", &by, &TORRENTS_AT_ONCE).await;
    let sent = &scene.tube.uploaded()[0];
    assert_eq!(sent.thumbnail.as_ref().map(bytes::Bytes::len), Some(44_923));
    assert_eq!(sent.preview, sent.thumbnail);
    assert_eq!(
        sent.file.as_ref().map(FileBody::sha256),
        Some(content(600_344).sha256())
    );
}

fn digest(start: u64, end: u64) -> String {
    use base64::Engine;
    use sha2::Digest;
    let bytes = content(600_344).bytes(start..end);
    let hash = sha2::Sha256::digest(&bytes);
    format!("sha-256={}", base64::engine::general_purpose::STANDARD.encode(hash))
}

#[tokio::test]
async fn a_marked_upload_is_found_again_as_recorded() {
    let (scene, bearer) = scene().await;
    scene.replay_all(&["354", "377", "378"], &bearer).await;
    let given = scene.replay_as("379", &[("authorization", &bearer)], &[]).await.json();
    assert_eq!(given["data"][0]["originallyPublishedAt"], "2024-05-06T07:08:09.123Z");
}

#[tokio::test]
async fn a_restart_drops_uploads_as_recorded() {
    let (scene, bearer) = scene().await;
    scene.replay_all(&["380", "381"], &bearer).await;
    scene.tube.restart();
    scene.replay_all(&["382", "383"], &bearer).await;
}

#[tokio::test]
async fn overlapping_chunks_are_taken_as_recorded() {
    let (scene, bearer) = scene().await;
    scene.replay_all(&["409", "410", "412", "413"], &bearer).await;
    let sent = &scene.tube.uploaded()[0];
    assert_eq!(sent.privacy, Privacy::PRIVATE);
    assert_eq!(sent.file.as_ref().map(FileBody::sha256), Some(content(20_693).sha256()));
}

#[tokio::test]
async fn a_server_killed_in_processing_is_as_recorded() {
    let (scene, bearer) = scene().await;
    let by = [("authorization", bearer.as_str())];
    scene
        .replay_all(&["139", "354", "409", "410", "412", "413"], &bearer)
        .await;
    scene.tube.set(|settings| settings.processing = PROCESSING);
    scene.replay_all(&["419"], &bearer).await;
    scene.tube.cut_upload(UploadCut::AfterLastByte);
    send(&scene, &bearer, &upload_id("419"), "0-600343/600344", &[]).await;
    scene.tube.restart();
    scene.replay_all(&["420", "421"], &bearer).await;
    scene.clock.advance(PROCESSING);
    let titles = |scene: &Scene| -> Vec<String> {
        let all = scene.tube.uploaded();
        all.iter().map(|video| video.details.title.clone()).collect()
    };
    assert!(!titles(&scene).contains(&"Killed while processing".to_owned()));
    scene.replay_all(&["422", "423", "424", "425", "426"], &bearer).await;
    let given = scene.replay_as("427", &by, &[]).await.json();
    assert_eq!(given["data"][0]["originallyPublishedAt"], "2023-03-03T03:03:03.456Z");
    assert_eq!(
        titles(&scene)
            .iter()
            .filter(|title| *title == "Killed while processing")
            .count(),
        1
    );
}
