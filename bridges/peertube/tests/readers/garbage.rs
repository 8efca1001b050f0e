//! Documents that no server should send: nothing panics, nothing harmful survives, sizes stay bounded.

use std::sync::{Arc, Mutex};

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};
use tombolo_model::{Cursor, Fetched, Markup, Origin, Poll, Post, Source};
use tombolo_peertube::{post_from_activitypub, post_from_api};
use url::Url;

use crate::hostile::Villain;
use crate::mangled::{any_json, mangled, recorded_bodies};
use crate::rig::{BOTH, id, recorded, recorded_base};

const DETAILS: [&str; 7] = ["018", "068", "146", "293", "332", "345", "396"];
const OBJECTS: [&str; 5] = ["019", "059", "294", "346", "397"];

/// Everything in a post is of bearable size and leads nowhere but to http(s).
fn sound(post: &Post) {
    let http = |url: &Url| {
        assert!(matches!(url.scheme(), "http" | "https") && url.has_host(), "{url}");
        assert!(url.username().is_empty() && url.password().is_none(), "{url}");
        assert!(url.as_str().len() <= 3 * 8192, "{}", url.as_str().len());
    };
    http(&post.link);
    http(&post.id.to_url());
    assert!(post.aliases.len() <= 5);
    for alias in &post.aliases {
        http(&Url::parse(alias).expect("an alias is a URL"));
    }
    let short = |text: &str| assert!(text.len() <= 4096, "{}", text.len());
    let Markup::Markdown(body) = &post.body else {
        panic!("PeerTube writes Markdown")
    };
    assert!(body.len() <= 256 * 1024);
    let lines = [&post.title, &post.content_warning, &post.language];
    lines
        .into_iter()
        .flatten()
        .chain(&post.tags)
        .for_each(|text| short(text));
    for concept in [&post.category, &post.licence].into_iter().flatten() {
        short(&concept.id);
        short(&concept.label);
    }
    assert!(post.tags.len() <= 100);
    for media in &post.media {
        assert!(media.renditions.len() <= 100 && media.captions.len() <= 100);
        assert!(media.duration.is_none_or(|seconds| (1..=604_800).contains(&seconds)));
        media.thumbnail.iter().for_each(http);
        for rendition in &media.renditions {
            http(&rendition.url);
            assert!(rendition.fps.is_none_or(|fps| fps.is_finite() && fps > 0.0));
            assert!(rendition.media_type.starts_with("video/"));
            assert!(rendition.bytes != Some(0) && rendition.width != Some(0) && rendition.height != Some(0));
        }
        for caption in &media.captions {
            http(&caption.url);
            short(&caption.language);
        }
    }
    // What can't be kept in the ledger and read back would be found out too late.
    let kept = serde_json::to_value(post).expect("a post is JSON");
    let read: Post = serde_json::from_value(kept).expect("and can be read again");
    assert_eq!(&read, post);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn no_document_in_a_videos_place_does_harm(video in any_json(), captions in any_json()) {
        post_from_api(&video, &captions, &recorded_base()).iter().for_each(sound);
        post_from_activitypub(&video).iter().for_each(sound);
    }

    #[test]
    fn no_faulty_detail_does_harm(video in mangled(recorded_bodies(&DETAILS)), captions in mangled(recorded_bodies(&["028"]))) {
        post_from_api(&video, &captions, &recorded_base()).iter().for_each(sound);
    }

    #[test]
    fn no_faulty_object_does_harm(video in mangled(recorded_bodies(&OBJECTS))) {
        post_from_activitypub(&video).iter().for_each(sound);
    }
}

/// A server whose every answer has faults: whatever the source makes of it, it says so and lists nothing of others.
#[tokio::test]
async fn no_faulty_answer_of_a_server_does_harm() {
    const ANSWERS: [(&str, &str, &str); 8] = [
        ("/.well-known/webfinger", "035", "application/jrd+json"),
        ("/video-channels/alice_channel", "041", "application/activity+json"),
        ("/api/v1/video-channels/alice_channel", "096", "application/json"),
        ("/api/v1/video-channels/alice_channel/videos", "074", "application/json"),
        (
            "/video-channels/alice_channel/outbox",
            "057",
            "application/activity+json",
        ),
        (
            "/videos/watch/b00bfce8-42ab-4244-a722-5c470b3dfffc",
            "059",
            "application/activity+json",
        ),
        (
            "/api/v1/videos/b00bfce8-42ab-4244-a722-5c470b3dfffc",
            "068",
            "application/json",
        ),
        (
            "/api/v1/videos/b00bfce8-42ab-4244-a722-5c470b3dfffc/captions",
            "028",
            "application/json",
        ),
    ];
    let bodies: Arc<Mutex<Vec<Value>>> = Arc::default();
    let told = bodies.clone();
    let villain = Villain::start(move |asked| {
        let place = ANSWERS.iter().position(|(path, ..)| *path == asked.uri.path())?;
        let body = told.lock().expect("no test panicked with it")[place].to_string();
        let host = asked.base.trim_start_matches("http://");
        Some((200, ANSWERS[place].2, body.replace("127.0.0.1:9011", host)))
    })
    .await;
    let sound_bodies = recorded_bodies(&ANSWERS.map(|(_, number, _)| number));
    let strategies: Vec<_> = sound_bodies.iter().map(|body| mangled(vec![body.clone()])).collect();
    let mut runner = TestRunner::deterministic();
    let own = Origin::of(&villain.server.base);
    let video = id(&format!(
        "{}videos/watch/b00bfce8-42ab-4244-a722-5c470b3dfffc",
        villain.server.base
    ));
    for round in 0..64 {
        // One document is faulty at a time, so that the others lead to it.
        let mut all = sound_bodies.clone();
        let place = round % ANSWERS.len();
        all[place] = strategies[place].new_tree(&mut runner).expect("a document").current();
        *bodies.lock().expect("no test panicked with it") = all;
        for read in BOTH {
            let source = villain_source(&villain, read);
            for result in [
                source.poll(&Cursor::default()).await,
                source.scan(&Cursor::default()).await,
            ] {
                match result {
                    Ok(Poll::Seen(listing)) => assert!(listing.sightings.iter().all(|s| s.id.origin() == own)),
                    Ok(Poll::Unchanged) => panic!("nothing was known"),
                    Err(error) => assert!(error.to_string().len() < 5000, "{error}"),
                }
            }
            match source.fetch(&video).await {
                Ok(Fetched::Post(post)) => {
                    sound(&post);
                    assert_eq!(post.id, video);
                }
                Ok(_) => {}
                Err(error) => assert!(error.to_string().len() < 5000, "{error}"),
            }
        }
        villain.server.arrivals.clear();
    }
}

fn villain_source(villain: &Villain, read: tombolo_peertube::Read) -> tombolo_peertube::PeerTube {
    crate::rig::source(&villain.server.base, &villain.clock, read, "alice_channel")
}

const BAD_ADDRESSES: [&str; 8] = [
    "javascript:alert(1)",
    "data:video/mp4;base64,AAAA",
    "file:///etc/passwd",
    "ftp://video.example/x.mp4",
    "https://user:secret@video.example/x.mp4",
    "blob:https://video.example/1",
    "",
    "http://",
];

#[test]
fn addresses_of_other_schemes_never_survive() {
    for bad in BAD_ADDRESSES {
        let mut detail = recorded("068");
        for file in detail["files"].as_array_mut().into_iter().flatten() {
            (file["fileUrl"], file["fileDownloadUrl"]) = (bad.into(), bad.into());
        }
        for file in detail["streamingPlaylists"][0]["files"]
            .as_array_mut()
            .into_iter()
            .flatten()
        {
            (file["fileUrl"], file["fileDownloadUrl"]) = (bad.into(), bad.into());
        }
        (detail["previewPath"], detail["thumbnailPath"]) = (bad.into(), bad.into());
        detail["thumbnails"] = json!([{"fileUrl": bad, "width": 4000}]);
        let captions = json!({"data": [{"language": {"id": "en"}, "fileUrl": bad, "captionPath": bad}]});
        let api = post_from_api(&detail, &captions, &recorded_base()).expect("the rest can be read");

        let mut object = recorded("059");
        for link in object["url"].as_array_mut().into_iter().flatten() {
            link["href"] = bad.into();
            for inner in link["tag"].as_array_mut().into_iter().flatten() {
                inner["href"] = bad.into();
            }
        }
        object["icon"] = json!([{"url": bad, "width": 4000}, bad]);
        object["subtitleLanguage"] = json!([{"identifier": "en", "url": bad}]);
        let activitypub = post_from_activitypub(&object).expect("the rest can be read");

        for post in [api, activitypub] {
            let media = &post.media[0];
            assert!(
                media.renditions.is_empty() && media.captions.is_empty() && media.thumbnail.is_none(),
                "{bad}: {media:?}"
            );
            sound(&post);
        }
    }
}

#[test]
fn a_video_with_a_bad_id_is_none() {
    for bad in BAD_ADDRESSES.into_iter().chain(["/videos/watch/1", "https://a b/"]) {
        assert_eq!(
            post_from_api(&json!({"url": bad}), &Value::Null, &recorded_base()),
            None,
            "{bad}"
        );
        assert_eq!(
            post_from_activitypub(&json!({"type": "Video", "id": bad})),
            None,
            "{bad}"
        );
    }
    assert_eq!(
        post_from_activitypub(&json!({"type": "Note", "id": "https://v.example/1"})),
        None
    );
}

#[test]
fn one_bad_address_costs_one_file() {
    let mut detail = recorded("068");
    detail["files"][0]["fileUrl"] = Value::Null;
    detail["files"][1]["fileUrl"] = "javascript:alert(1)".into();
    detail["files"][1]["fileDownloadUrl"] = Value::Null;
    detail["thumbnails"] = json!([null, 3, {"fileUrl": "data:,x", "width": 9000}, {"fileUrl": "/small.jpg"}]);
    let post = post_from_api(&detail, &Value::Null, &recorded_base()).expect("it can be read");
    // The first has a download address still.
    assert_eq!(post.media[0].renditions.len(), 5);
    assert_eq!(post.media[0].thumbnail.as_ref().map(Url::path), Some("/small.jpg"));
}

#[test]
fn huge_texts_are_cut_and_lists_of_a_million_bounded() {
    let huge = "ä".repeat(3 << 20);
    let million: Value = (0..1_000_000).map(|n| json!(format!("tag{n}"))).collect();
    let mut detail = recorded("068");
    for key in ["name", "description", "nsfwSummary", "uuid"] {
        detail[key] = huge.clone().into();
    }
    (
        detail["language"]["id"],
        detail["category"]["id"],
        detail["category"]["label"],
    ) = (huge.clone().into(), huge.clone().into(), huge.clone().into());
    detail["tags"] = million;
    let file = detail["files"][0].clone();
    detail["files"] = (0..10_000)
        .map(|n| {
            let mut file = file.clone();
            file["fileUrl"] = format!("/{n}.mp4").into();
            file
        })
        .collect();
    let captions: Value = (0..10_000)
        .map(|n| json!({"language": {"id": huge[..200]}, "captionPath": format!("/{n}")}))
        .collect();
    let api = post_from_api(&detail, &json!({"data": captions}), &recorded_base()).expect("it can be read");
    assert_eq!(
        (
            api.tags.len(),
            api.media[0].renditions.len(),
            api.media[0].captions.len()
        ),
        (100, 100, 100)
    );
    sound(&api);

    let mut object = recorded("059");
    for key in ["name", "content", "summary", "uuid"] {
        object[key] = huge.clone().into();
    }
    drop(detail);
    object["tag"] = (0..100_000).map(|n| json!({"type": "Hashtag", "name": n})).collect();
    let link = object["url"][1].clone();
    object["url"] = vec![link; 10_000].into();
    let activitypub = post_from_activitypub(&object).expect("it can be read");
    assert_eq!(
        (activitypub.tags.len(), activitypub.media[0].renditions.len()),
        (100, 1)
    );
    sound(&activitypub);
}
