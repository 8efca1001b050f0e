//! The same video, read both ways, is the same post: recorded ones as documents, the stand-in's over real HTTP.

use serde_json::{Value, json};
use tombolo_model::{Markup, Packaging, Post, PostKind, Readiness, Visibility};
use tombolo_peertube::stand_in::{Caption, NewVideo, State, VideoFile};
use tombolo_peertube::{post_from_activitypub, post_from_api, short_uuid};

use crate::rig::{BOTH, HANDLES, Rig, fetched, id, recorded, recorded_base, time};

fn by_api(detail: &Value, captions: &Value) -> Post {
    post_from_api(detail, captions, &recorded_base()).expect("the detail can be read")
}

fn by_activitypub(video: &Value) -> Post {
    post_from_activitypub(video).expect("the object can be read")
}

/// The whole video inside an outbox's page.
fn in_outbox(number: &str, uuid: &Value) -> Value {
    let page = recorded(number);
    let items = page["orderedItems"].as_array().expect("a page");
    let found = items
        .iter()
        .map(|item| &item["object"])
        .find(|object| object["uuid"] == *uuid);
    found.expect("the video is on the page").clone()
}

fn assert_equal(what: &str, api: &Post, activitypub: &Post) {
    let pretty = |post: &Post| serde_json::to_string_pretty(post).expect("a post is JSON");
    assert_eq!(pretty(api), pretty(activitypub), "{what}");
    assert_eq!(api, activitypub, "{what}");
}

#[test]
fn a_video_recorded_both_ways_gives_equal_posts() {
    for (detail, object) in [
        ("018", "019"),
        ("017", "019"),
        ("293", "294"),
        ("345", "346"),
        ("388", "389"),
        ("396", "397"),
    ] {
        let (api, activitypub) = (
            by_api(&recorded(detail), &json!({"data": []})),
            by_activitypub(&recorded(object)),
        );
        assert_equal(&format!("{detail} and {object}"), &api, &activitypub);
    }
}

#[test]
fn a_video_with_everything_gives_equal_posts_by_whatever_address_it_was_read() {
    let captions = recorded("028");
    let expected = by_activitypub(&recorded("059"));
    for object in ["060", "061", "062", "105"] {
        assert_equal(object, &by_activitypub(&recorded(object)), &expected);
    }
    for detail in ["068", "069", "070", "109"] {
        assert_equal(detail, &by_api(&recorded(detail), &captions), &expected);
    }
}

#[test]
fn a_video_recorded_in_an_outbox_gives_the_post_of_its_detail() {
    for (detail, page) in [
        ("317", "049"),
        ("317", "319"),
        ("317", "387"),
        ("347", "319"),
        ("347", "400"),
    ] {
        let detail = recorded(detail);
        let object = in_outbox(page, &detail["uuid"]);
        assert_equal(page, &by_api(&detail, &Value::Null), &by_activitypub(&object));
    }
    // Outboxes don't say whether a machine wrote the subtitles, and give them in any order.
    let detail = recorded("068");
    for page in ["050", "052", "055"] {
        let object = in_outbox(page, &detail["uuid"]);
        assert_equal(page, &by_api(&detail, &recorded("028")), &by_activitypub(&object));
    }
}

#[test]
fn an_unlisted_video_differs_only_in_that_an_outbox_cannot_tell_it_from_a_private_one() {
    let mut api = by_api(&recorded("146"), &Value::Null);
    assert_eq!(api.visibility, Visibility::Unlisted);
    api.visibility = Visibility::Private;
    assert_equal("146 and 149", &api, &by_activitypub(&recorded("149")));
}

#[test]
fn the_recorded_video_with_everything_is_read_in_full() {
    let post = by_api(&recorded("068"), &recorded("028"));
    assert_eq!(
        post.id.as_str(),
        "http://127.0.0.1:9011/videos/watch/b00bfce8-42ab-4244-a722-5c470b3dfffc"
    );
    assert_eq!(post.link.as_str(), "http://127.0.0.1:9011/w/nJS3gFNBDDWPnkZNXARGCd");
    assert!(
        post.aliases
            .contains("http://127.0.0.1:9011/videos/watch/nJS3gFNBDDWPnkZNXARGCd")
    );
    assert!(post.aliases.contains(post.id.as_str()) && post.aliases.contains(post.link.as_str()));
    assert_eq!(post.title.as_deref(), Some("Main video with everything"));
    assert!(matches!(&post.body, Markup::Markdown(text) if text.starts_with("Hello **bold** world\r\n")));
    assert_eq!(post.tags, ["Peer Tube", "tag one", "écologie"]);
    assert_eq!(
        post.category.as_ref().map(|c| (c.id.as_str(), c.label.as_str())),
        Some(("15", "Science & Technology"))
    );
    assert_eq!(post.licence.as_ref().map(|c| c.id.as_str()), Some("1"));
    assert_eq!(post.language.as_deref(), Some("en"));
    assert!(post.sensitive && post.downloads_allowed && post.content_warning.is_none());
    assert_eq!(
        (post.visibility, &post.readiness, post.kind),
        (Visibility::Public, &Readiness::Ready, PostKind::Video)
    );
    assert_eq!(post.published, Some(time("2026-11-23T05:47:15.919Z")));
    assert_eq!(post.originally_published, Some(time("2025-01-02T03:04:05Z")));
    let [media] = post.media.as_slice() else {
        panic!("one medium")
    };
    assert_eq!(media.duration, Some(6));
    assert!(
        media
            .thumbnail
            .as_ref()
            .is_some_and(|url| url.path().starts_with("/lazy-static/previews/"))
    );
    let languages: Vec<&str> = media.captions.iter().map(|c| c.language.as_str()).collect();
    assert_eq!(languages, ["de", "en", "fr", "it"]);
    let forms: Vec<_> = media
        .renditions
        .iter()
        .map(|r| (r.packaging, r.height.unwrap_or(0), r.bytes.unwrap_or(0)))
        .collect();
    let (file, fragmented) = (Packaging::File, Packaging::FragmentedMp4);
    assert_eq!(
        forms,
        [
            (file, 360, 600_344),
            (file, 240, 245_732),
            (file, 144, 147_863),
            (fragmented, 360, 552_237),
            (fragmented, 240, 243_426),
            (fragmented, 144, 145_445),
        ]
    );
    assert!(
        media
            .renditions
            .iter()
            .all(|r| r.has_audio == Some(true) && r.has_video == Some(true))
    );
}

#[test]
fn with_separate_sound_the_silent_files_say_so() {
    let post = by_api(&recorded("396"), &Value::Null);
    let forms: Vec<_> = post.media[0]
        .renditions
        .iter()
        .map(|r| (r.has_audio, r.has_video))
        .collect();
    assert!(
        forms.contains(&(Some(false), Some(true))) && forms.contains(&(Some(true), Some(false))),
        "{forms:?}"
    );
    assert!(!forms.contains(&(Some(true), Some(true))), "{forms:?}");
}

#[test]
fn a_short_uuid_is_computed_as_peertube_does() {
    for number in ["018", "068", "146", "293", "317", "332", "345", "347", "388"] {
        let detail = recorded(number);
        let (uuid, short) = (detail["uuid"].as_str().expect("a uuid"), detail["shortUUID"].as_str());
        assert_eq!(short_uuid(uuid).as_deref(), short, "{number}");
    }
    for number in ["074", "075", "080"] {
        for entry in recorded(number)["data"].as_array().expect("a list") {
            assert_eq!(
                short_uuid(entry["uuid"].as_str().expect("a uuid")).as_deref(),
                entry["shortUUID"].as_str()
            );
        }
    }
}

#[test]
fn what_is_no_uuid_has_no_short_form() {
    for text in [
        "",
        "+00bfce842ab4244a7225c470b3dfffc----",
        "b00bfce842ab4244a7225c470b3dfffc",
        "b00bfce8-42ab-4244-a722-5c470b3dfffg",
        "b00bfce842-ab-4244-a722-5c470b3dfffc",
        "b00bfce8-42ab-4244-a722-5c470b3dfffc0",
        "ä00bfce8-42ab-4244-a722-5c470b3dfff",
    ] {
        assert_eq!(short_uuid(text), None, "{text}");
    }
}

/// A video of every kind that a creator can make and that somebody may read.
fn kinds() -> Vec<(&'static str, NewVideo)> {
    let vtt = "WEBVTT\n\n00:00.000 --> 00:02.000\nHello\n";
    let sizes = || {
        [
            VideoFile::sized(640, 360),
            VideoFile::sized(1920, 1080).fps(60),
            VideoFile::sized(256, 144),
        ]
    };
    let automatic = Caption {
        automatic: true,
        ..Caption::new("de", vtt)
    };
    let mut both = NewVideo::titled("Both kinds of files");
    (both.files, both.hls) = (sizes().into(), sizes().into());
    vec![
        ("plain", NewVideo::titled("Plain")),
        ("both", both.clone()),
        ("web only", NewVideo::titled("Web").web(sizes())),
        ("HLS only", NewVideo::titled("HLS").hls(sizes())),
        (
            "HLS with separate sound",
            NewVideo::titled("Split").hls(
                sizes()
                    .map(VideoFile::silent)
                    .into_iter()
                    .chain([VideoFile::audio_only()]),
            ),
        ),
        (
            "portrait",
            NewVideo::titled("Portrait").web([VideoFile::sized(360, 640), VideoFile::sized(240, 426)]),
        ),
        (
            "two of a size",
            NewVideo::titled("Twins").web([VideoFile::sized(640, 360), VideoFile::sized(640, 360).fps(60)]),
        ),
        ("without files", NewVideo::titled("Nothing").web([])),
        (
            "with everything",
            both.description("# Title\r\n\r\n*Text* with https://example.org/?a=1&b=2 and ünïcödé 🎬")
                .tags(&["Peer Tube", "écologie", "#odd"])
                .language("pt-BR")
                .sensitive()
                .caption(Caption::new("fr", vtt))
                .caption(automatic)
                .caption(Caption::new("en", vtt))
                .with(|details| {
                    details.category = Some(15);
                    details.licence = Some(7);
                    details.duration = 3601;
                    details.originally_published_at = Some(time("1999-12-31T23:59:59.999Z"));
                    details.support = Some("Give".into());
                }),
        ),
        (
            "a description of blanks",
            NewVideo::titled("Blank").description(" \r\n "),
        ),
        (
            "longer than a week",
            NewVideo::titled("Long").with(|details| details.duration = 8 * 86_400),
        ),
        (
            "without a length",
            NewVideo::titled("Short").with(|details| details.duration = 0),
        ),
        (
            "no downloads",
            NewVideo::titled("Mine").with(|details| details.download_enabled = false),
        ),
        ("running live", NewVideo::titled("Live").live()),
    ]
}

/// And of every kind that is not finished, or never will be.
fn unfinished_kinds() -> Vec<(&'static str, NewVideo)> {
    let captioned = NewVideo::titled("Soon").caption(Caption::new("en", "WEBVTT\n"));
    vec![
        ("transcoding", captioned.transcoding()),
        ("importing", NewVideo::titled("Later").importing()),
        (
            "in a state that nobody knows",
            NewVideo {
                state: State(42),
                ..NewVideo::titled("Future")
            },
        ),
        (
            "failed",
            NewVideo {
                state: State::TRANSCODING_FAILED,
                ..NewVideo::titled("Broken")
            },
        ),
        (
            "a live to come",
            NewVideo {
                state: State::WAITING_FOR_LIVE,
                ..NewVideo::titled("Tonight").live()
            },
        ),
        (
            "a live that is over",
            NewVideo {
                state: State::LIVE_ENDED,
                ..NewVideo::titled("Yesterday").live()
            },
        ),
    ]
}

#[tokio::test]
async fn a_video_of_every_kind_is_the_same_post_by_either_reader_from_either_handle() {
    let rig = Rig::with(|options| options.bug_500_without_thumbnail = false).await;
    let videos: Vec<_> = kinds()
        .into_iter()
        .chain(unfinished_kinds())
        .map(|(kind, video)| (kind, rig.publish(video)))
        .collect();
    let mut posts: Vec<Vec<Post>> = Vec::new();
    for read in BOTH {
        for handle in HANDLES {
            let source = rig.source(read, handle);
            let mut read = Vec::new();
            for (_, video) in &videos {
                read.push(fetched(&source, &id(&video.id)).await);
            }
            posts.push(read);
        }
    }
    for (place, (kind, video)) in videos.iter().enumerate() {
        for other in &posts[1..] {
            assert_equal(kind, &posts[0][place], &other[place]);
        }
        assert_eq!(posts[0][place].link.as_str(), video.page, "{kind}");
    }
}

#[tokio::test]
async fn a_changed_video_is_the_same_post_by_either_reader() {
    let rig = Rig::start().await;
    let video = rig.publish(NewVideo::titled("Before").transcoding());
    let sources = BOTH.map(|read| rig.source(read, "alice"));
    let both = async || {
        let id = id(&video.id);
        let posts = (fetched(&sources[0], &id).await, fetched(&sources[1], &id).await);
        assert_equal("changed", &posts.0, &posts.1);
        posts.0
    };
    assert!(matches!(both().await.readiness, Readiness::InWork(_)));
    rig.tube.finish(&video.uuid);
    let finished = both().await;
    assert_eq!(finished.readiness, Readiness::Ready);
    rig.tube.edit(&video.uuid, |details| details.title = "After".into());
    rig.tube.set_caption(&video.uuid, Caption::new("en", "WEBVTT\n"));
    rig.tube.add_hls_file(&video.uuid, VideoFile::sized(1280, 720));
    rig.tube.add_view(&video.uuid);
    let edited = both().await;
    assert_eq!(edited.title.as_deref(), Some("After"));
    assert_eq!(
        (edited.media[0].captions.len(), edited.media[0].renditions.len()),
        (1, finished.media[0].renditions.len() + 1)
    );
    assert_eq!(
        (&edited.id, &edited.link, &edited.aliases),
        (&finished.id, &finished.link, &finished.aliases)
    );
}
