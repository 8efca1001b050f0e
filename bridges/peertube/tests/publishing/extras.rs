//! What a video has besides its file: the requests' bodies, thumbnails, subtitles, and what comes out otherwise.

use bytes::Bytes;
use serde_json::{Value, json};
use tombolo_model::{CaptionDraft, Concept, Draft, Thumbnail, Visibility};
use tombolo_net::stand_in::Fault;

use crate::rig::{FILE, Rig, UPLOAD, created, draft, film, with};

/// The JSON of the request that began the upload.
fn sent(rig: &Rig) -> Value {
    let arrivals = rig.tube.arrivals().all();
    let begun = arrivals.iter().find(|a| a.method == "POST" && a.path() == UPLOAD);
    begun
        .and_then(tombolo_net::stand_in::Arrival::json)
        .expect("an upload was begun with JSON")
}

fn concept(id: &str, label: &str) -> Concept {
    Concept {
        id: id.into(),
        label: label.into(),
    }
}

#[tokio::test]
async fn an_upload_begins_with_exactly_these_fields() {
    let rig = Rig::start().await;
    created(rig.publish(&draft(&film(600_344, 1))).await.0);
    let account = rig.destination();
    let channel = tombolo_model::Destination::identity(&account)
        .await
        .expect("an identity")
        .account;
    let channel: u64 = channel
        .rsplit('/')
        .next()
        .and_then(|id| id.parse().ok())
        .expect("a channel");
    let fields = sent(&rig);
    assert_eq!(
        fields,
        json!({
            "name": "Knots",
            "channelId": channel,
            "privacy": 1,
            "nsfw": false,
            "waitTranscoding": true,
            "downloadEnabled": true,
            "description": "How to *tie* them",
            "tags": ["rope", "knots"],
            "originallyPublishedAt": "2026-11-20T12:00:00.617Z",
            "filename": FILE,
            "lastModified": 1_030_182_672_135_u64,
        })
    );
    let arrivals = rig.tube.arrivals().all();
    let begun = arrivals.iter().find(|a| a.path() == UPLOAD).expect("it was begun");
    assert_eq!(begun.header("x-upload-content-length"), Some("600344"));
    assert_eq!(begun.header("x-upload-content-type"), Some("video/mp4"));
    let chunk = arrivals.iter().find(|a| a.method == "PUT").expect("a chunk");
    assert_eq!(chunk.header("content-range"), Some("bytes 0-600343/600344"));
    assert_eq!(chunk.header("content-length"), Some("600344"));
    assert!(chunk.header("digest").is_some_and(|d| d.starts_with("sha-256=")));
}

#[tokio::test]
async fn codes_are_found_by_name_and_dropped_where_the_instance_has_none() {
    let rig = Rig::start().await;
    let mut full = with(draft(&film(600_344, 1)), |video| {
        video.category = Some(concept("99", "science & technology"));
        video.licence = Some(concept("7", "Our own licence"));
        video.downloads_allowed = false;
    });
    full.language = Some("fr-CA".into());
    full.visibility = Visibility::Private;
    full.text = "ok".into();
    full.content_warning = Some("Ropes".into());
    let copy = created(rig.publish(&full).await.0);
    let fields = sent(&rig);
    assert_eq!(fields["category"], json!(15));
    assert_eq!(fields["licence"], Value::Null);
    assert_eq!(fields["language"], json!("fr"));
    assert_eq!(fields["privacy"], json!(3));
    assert_eq!(fields["nsfw"], json!(true));
    assert_eq!(fields["downloadEnabled"], json!(false));
    // Two characters would be refused (contract peertube §7.1).
    assert_eq!(fields["description"], Value::Null);
    assert_eq!(fields["nsfwSummary"], Value::Null);
    let differences: Vec<&str> = copy.differences.iter().map(|d| d.what.as_str()).collect();
    assert_eq!(differences, ["licence", "content warning"]);
}

fn with_picture(media_type: &str, bytes: usize) -> Draft {
    let mut pictured = draft(&film(600_344, 1));
    let mut picture = vec![0xff, 0xd8, 0xff, 0xe0];
    picture.resize(bytes, 7);
    pictured.media[0].thumbnail = Some(Thumbnail {
        media_type: media_type.into(),
        bytes: picture.into(),
    });
    pictured
}

#[tokio::test]
async fn a_thumbnail_goes_along_in_both_sizes() {
    let rig = Rig::start().await;
    let copy = created(rig.publish(&with_picture("image/jpeg", 40_000)).await.0);
    assert_eq!(copy.differences, []);
    let video = rig.only();
    assert_eq!(video.thumbnail.expect("a thumbnail").len(), 40_000);
    assert_eq!(video.preview.expect("a preview").len(), 40_000);
    assert_eq!(video.details.tags, ["rope", "knots"]);
    assert!(video.wait_transcoding);
}

#[tokio::test]
async fn a_thumbnail_that_is_not_taken_costs_the_thumbnail_only() {
    let rig = Rig::start().await;
    // Of a type that nobody need be asked about, and one that the instance refuses by itself.
    for (at, picture) in [with_picture("image/gif", 100), with_picture("image/jpeg", 5_000_000)]
        .iter()
        .enumerate()
    {
        let copy = created(rig.publish(picture).await.0);
        assert_eq!(copy.differences.len(), 1, "{at}: {:?}", copy.differences);
        assert_eq!(copy.differences[0].what, "thumbnail");
        rig.tube.delete(&copy.id);
    }
    let refused = json!({"status": 400, "detail": "Incorrect request parameters: previewfile",
        "invalid-params": {"previewfile": {"msg": "not supported"}}});
    let kind = vec![("content-type".to_owned(), "application/problem+json".to_owned())];
    rig.tube
        .faults()
        .next("POST", UPLOAD, 1, Fault::Answer(400, kind, refused.to_string()));
    let copy = created(rig.publish(&with_picture("image/jpeg", 100)).await.0);
    assert!(
        copy.differences[0].got.contains("previewfile"),
        "{:?}",
        copy.differences
    );
    rig.only();
}

#[tokio::test]
async fn subtitles_are_added_and_what_is_none_is_left_out() {
    let rig = Rig::start().await;
    let caption = |language: &str, text: &'static str| CaptionDraft {
        language: language.into(),
        text: Bytes::from_static(text.as_bytes()),
    };
    let good = "WEBVTT\n\n00:00.000 --> 00:02.000\nHello\n";
    let captioned = with(draft(&film(600_344, 1)), |video| {
        video.captions = vec![
            caption("en", good),
            caption("de-AT", good),
            caption("fr", "<html>404</html>"),
            caption("xx-nowhere", good),
            caption("en-GB", good),
        ];
    });
    let copy = created(rig.publish(&captioned).await.0);
    let mut languages: Vec<String> = rig.only().captions.iter().map(|c| c.language.clone()).collect();
    languages.sort();
    assert_eq!(languages, ["de", "en"]);
    let differences: Vec<&str> = copy.differences.iter().map(|d| d.what.as_str()).collect();
    assert_eq!(differences, ["subtitles (fr)", "subtitles (xx-nowhere)"]);
}

#[tokio::test]
async fn subtitles_that_fail_do_not_fail_the_video() {
    let rig = Rig::start().await;
    let captioned = with(draft(&film(600_344, 1)), |video| {
        video.captions = vec![CaptionDraft {
            language: "en".into(),
            text: Bytes::from_static(b"WEBVTT\n\n00:00.000 --> 00:02.000\nHello\n"),
        }];
    });
    rig.tube.faults().add(tombolo_net::stand_in::FaultRule {
        method: "PUT".into(),
        path: "/api/v1/videos/".into(),
        // The one chunk passes.
        skip: 1,
        times: u32::MAX,
        fault: Fault::Answer(500, vec![], "oops".into()),
    });
    let copy = created(rig.publish(&captioned).await.0);
    assert_eq!(copy.differences.len(), 1);
    assert_eq!(copy.id, rig.only().uuid);
}
