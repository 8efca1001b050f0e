//! Shapes of other versions than the recorded one, made from recordings as contract peertube §10 describes them.
//! Read in sources, never recorded.

use serde_json::{Value, json};
use tombolo_model::{Post, Readiness, Visibility};
use tombolo_peertube::{post_from_activitypub, post_from_api};

use crate::rig::{recorded, recorded_base};

/// One video in both spellings, as recorded: detail, captions, object.
fn video() -> (Value, Value, Value) {
    (recorded("068"), recorded("028"), recorded("059"))
}

fn equal((detail, captions, object): (Value, Value, Value)) -> Post {
    let api = post_from_api(&detail, &captions, &recorded_base()).expect("the detail can be read");
    assert_eq!(Some(&api), post_from_activitypub(&object).as_ref());
    api
}

fn take(value: &mut Value, key: &str) -> Value {
    value
        .as_object_mut()
        .and_then(|fields| fields.remove(key))
        .unwrap_or_default()
}

#[test]
fn since_7_1_subtitles_have_an_absolute_address_maybe_elsewhere() {
    let (detail, mut captions, mut object) = video();
    for caption in captions["data"].as_array_mut().expect("captions") {
        let language = caption["language"]["id"].as_str().unwrap_or_default().to_owned();
        caption["fileUrl"] = format!("https://files.example/captions/{language}.vtt").into();
        caption["m3u8Url"] = format!("https://files.example/captions/{language}.m3u8").into();
        // Deprecated in 8.0, and not what counts.
        caption["captionPath"] = "/old".into();
    }
    for caption in object["subtitleLanguage"].as_array_mut().expect("captions") {
        let language = caption["identifier"].as_str().unwrap_or_default().to_owned();
        caption["url"] = format!("https://files.example/captions/{language}.vtt").into();
    }
    let post = equal((detail, captions, object));
    assert_eq!(
        post.media[0].captions[0].url.as_str(),
        "https://files.example/captions/de.vtt"
    );
}

#[test]
fn subtitles_may_have_a_playlist_beside_the_file() {
    let (detail, captions, mut object) = video();
    for caption in object["subtitleLanguage"].as_array_mut().expect("captions") {
        let file = take(caption, "url");
        caption["url"] = json!([
            {"type": "Link", "mediaType": "application/x-mpegURL", "href": "https://files.example/x.m3u8"},
            {"type": "Link", "mediaType": "text/vtt", "href": file},
        ]);
    }
    equal((detail, captions, object));
}

#[test]
fn since_7_1_the_page_is_named_twice_and_first_in_its_short_form() {
    let (detail, captions, mut object) = video();
    let short =
        json!({"type": "Link", "mediaType": "text/html", "href": "http://127.0.0.1:9011/w/nJS3gFNBDDWPnkZNXARGCd"});
    object["url"].as_array_mut().expect("links").insert(0, short);
    equal((detail, captions, object));
}

#[test]
fn since_7_2_a_sensitive_video_says_why() {
    let (mut detail, captions, mut object) = video();
    detail["nsfwSummary"] = "Spiders".into();
    detail["nsfwFlags"] = 1.into();
    object["summary"] = "Spiders".into();
    let tags = object["tag"].as_array_mut().expect("tags");
    tags.insert(0, json!({"type": "SensitiveTag", "name": "violent"}));
    let post = equal((detail, captions, object));
    assert_eq!(post.content_warning.as_deref(), Some("Spiders"));
    assert_eq!(post.tags.len(), 3);
}

#[test]
fn since_7_3_an_unlisted_video_is_addressed_to_the_public_in_copy() {
    let (mut detail, captions, mut object) = video();
    detail["privacy"] = json!({"id": 2, "label": "Unlisted"});
    object["cc"] = take(&mut object, "to");
    object["to"] = json!([]);
    assert_eq!(equal((detail, captions, object)).visibility, Visibility::Unlisted);
}

#[test]
fn since_8_0_deprecated_fields_may_be_missing() {
    let (mut detail, captions, mut object) = video();
    for key in [
        "commentsEnabled",
        "embedPath",
        "storyboardPath",
        "descriptionPath",
        "truncatedDescription",
        "shortUUID",
    ] {
        take(&mut detail, key);
    }
    for key in [
        "commentsEnabled",
        "canReply",
        "waitTranscoding",
        "mediaType",
        "preview",
        "@context",
    ] {
        take(&mut object, key);
    }
    equal((detail, captions, object));
}

#[test]
fn since_8_1_there_are_pictures_of_many_sizes_and_kinds_in_any_order() {
    let pictures = [
        ("a.jpg", 280, 157),
        ("square.webp", 1920, 1920),
        ("wide.png", 1920, 1080),
        ("wide.webp", 1920, 1080),
        ("b.jpg", 850, 480),
    ];
    let url = |name: &str| format!("https://files.example/{name}");
    for turn in 0..pictures.len() {
        let (mut detail, captions, mut object) = video();
        let entry = |(name, width, height): &(&str, u32, u32)| json!({"fileUrl": url(name), "width": width, "height": height, "aspectRatio": 1.7});
        let icon = |(name, width, height): &(&str, u32, u32)| json!({"type": "Image", "url": url(name), "mediaType": "image/webp", "width": width, "height": height});
        let mut turned = pictures;
        turned.rotate_left(turn);
        detail["thumbnails"] = turned.iter().map(entry).collect();
        object["icon"] = turned.iter().rev().map(icon).collect();
        if turn % 2 == 0 {
            take(&mut detail, "previewPath");
            take(&mut detail, "thumbnailPath");
        }
        let post = equal((detail, captions, object));
        assert_eq!(
            post.media[0].thumbnail.as_ref().map(url::Url::as_str),
            Some("https://files.example/square.webp")
        );
    }
}

#[test]
fn a_single_icon_may_stand_alone_or_as_a_link() {
    let (mut detail, captions, object) = video();
    take(&mut detail, "thumbnailPath");
    let preview = format!(
        "http://127.0.0.1:9011{}",
        detail["previewPath"].as_str().unwrap_or_default()
    );
    let link = json!([{"type": "Link", "href": preview}]);
    for icon in [
        json!(preview),
        json!({"url": preview}),
        json!({"type": "Image", "url": link}),
        json!({"type": "Image", "url": link[0]}),
    ] {
        let mut object = object.clone();
        object["icon"] = icon;
        equal((detail.clone(), captions.clone(), object));
    }
}

#[test]
fn before_6_2_nothing_is_said_of_sound_and_pictures() {
    let (mut detail, captions, mut object) = video();
    let mut old = |file: &mut Value| {
        take(file, "hasAudio");
        take(file, "hasVideo");
        take(file, "attachment");
    };
    detail["files"].as_array_mut().into_iter().flatten().for_each(&mut old);
    detail["streamingPlaylists"][0]["files"]
        .as_array_mut()
        .into_iter()
        .flatten()
        .for_each(&mut old);
    for link in object["url"].as_array_mut().into_iter().flatten() {
        old(link);
        link["tag"].as_array_mut().into_iter().flatten().for_each(&mut old);
    }
    let post = equal((detail, captions, object));
    assert!(
        post.media[0]
            .renditions
            .iter()
            .all(|r| r.has_audio.is_none() && r.has_video.is_none())
    );
}

#[test]
fn numbers_as_text_and_unknown_measures_are_the_same_to_both() {
    let (mut detail, captions, mut object) = video();
    detail["files"][0]["fps"] = (-1).into();
    detail["files"][0]["width"] = 0.into();
    detail["files"][1]["height"] = Value::Null;
    object["url"][1]["fps"] = "-1".into();
    object["url"][1]["width"] = "0".into();
    take(&mut object["url"][5], "height");
    object["state"] = "1".into();
    object["sensitive"] = "true".into();
    let post = equal((detail, captions, object));
    let renditions = &post.media[0].renditions;
    assert!(
        renditions
            .iter()
            .any(|r| r.fps.is_none() && r.width.is_none() && r.height == Some(360))
    );
}

#[test]
fn a_video_of_which_almost_nothing_is_said_is_still_read_but_not_taken_for_finished_or_public() {
    let address = "http://127.0.0.1:9011/videos/watch/b00bfce8-42ab-4244-a722-5c470b3dfffc";
    let (detail, object) = (
        json!({"url": address}),
        json!({"id": address, "type": ["Object", "as:Video"]}),
    );
    let post = equal((detail, Value::Null, object));
    assert_eq!(post.visibility, Visibility::Private);
    assert!(matches!(post.readiness, Readiness::InWork(_)));
    assert_eq!((post.title, post.media[0].renditions.len()), (None, 0));
}

#[test]
fn every_field_may_be_missing_or_null_on_both_sides() {
    let (detail, captions, object) = video();
    // What one reader calls by this name, the other calls by that.
    let pairs = [
        ("name", "name"),
        ("uuid", "uuid"),
        ("category", "category"),
        ("licence", "licence"),
        ("language", "language"),
        ("nsfw", "sensitive"),
        ("description", "content"),
        ("tags", "tag"),
        ("duration", "duration"),
        ("publishedAt", "published"),
        ("updatedAt", "updated"),
        ("originallyPublishedAt", "originallyPublishedAt"),
        ("isLive", "isLiveBroadcast"),
        ("downloadEnabled", "downloadEnabled"),
        ("state", "state"),
        ("privacy", "to"),
    ];
    for (api, activitypub) in pairs {
        for null in [false, true] {
            let (mut detail, mut object) = (detail.clone(), object.clone());
            for (document, key) in [(&mut detail, api), (&mut object, activitypub)] {
                take(document, key);
                if null {
                    document[key] = Value::Null;
                }
            }
            equal((detail, captions.clone(), object));
        }
    }
}
