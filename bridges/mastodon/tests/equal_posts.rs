//! A status of the API and the same status as an ActivityPub object give equal posts, for objects that real servers were
//! recorded to show. What only one of the two says stands in [`alike`].

use std::path::Path;

use serde_json::Value;
use tombolo_mastoapi::parse_status;
use tombolo_mastodon::{Home, note_to_post, status_to_post};
use tombolo_model::{ApId, Markup, MediaKind, Post, Readiness, Visibility};

fn body(folder: &str, number: &str) -> Value {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../tests/recordings")
        .join(folder);
    let mut files = std::fs::read_dir(folder).expect("the recordings are there").flatten();
    let named = |name: &str| name.starts_with(&format!("{number}-"));
    let file = files
        .find(|file| file.file_name().to_str().is_some_and(named))
        .expect("the recording is there");
    let recording: Value = serde_json::from_slice(&std::fs::read(file.path()).expect("a file")).expect("JSON");
    recording["response"]["body"].clone()
}

fn home(actor: &str, host: &str) -> Home {
    Home {
        actor: ApId::parse(actor).expect("an id"),
        host: host.into(),
    }
}

fn mastodon() -> Home {
    home("http://localhost:9051/ap/users/117664525289041803", "localhost:9051")
}

fn gotosocial() -> Home {
    home("http://localhost:9021/users/creator", "localhost:9021")
}

fn by_api(folder: &str, number: &str, home: &Home, parent: Option<&str>) -> Post {
    let status = parse_status(&body(folder, number)).expect("a status");
    status_to_post(&status, home, parent.and_then(ApId::parse)).expect("a post")
}

fn by_activitypub(folder: &str, number: &str, home: &Home) -> Post {
    note_to_post(&body(folder, number), home).expect("a post")
}

/// The post without what only one of the readers can know: the posting program, frame rates, the picture that the server
/// itself cut out of a video, that a silent video or a GIF is an animation; and with GoToSocial, how large and long a file is.
fn alike(mut post: Post, sizes_too: bool) -> Post {
    post.application = None;
    for media in &mut post.media {
        media.thumbnail = None;
        if media.kind == MediaKind::Animation {
            let is_gif = media.renditions.iter().any(|file| file.media_type == "image/gif");
            media.kind = if is_gif { MediaKind::Image } else { MediaKind::Video };
        }
        for rendition in &mut media.renditions {
            rendition.fps = None;
            rendition.has_audio = None;
            if !sizes_too {
                (rendition.width, rendition.height) = (None, None);
            }
        }
        if !sizes_too {
            media.duration = None;
        }
    }
    post
}

#[test]
fn mastodon_shows_the_same_post_both_ways() {
    for (status, note) in [
        ("183", "395"),
        ("355", "396"),
        ("354", "397"),
        ("294", "398"),
        ("270", "399"),
        ("300", "401"),
        ("506", "510"),
    ] {
        let api = alike(by_api("mastodon-4.6.5", status, &mastodon(), None), true);
        let object = alike(by_activitypub("mastodon-4.6.5", note, &mastodon()), true);
        assert_eq!(api, object, "{status} and {note}");
    }
}

#[test]
fn gotosocial_shows_the_same_post_both_ways() {
    let parent = by_api("gotosocial-0.20.0-rc1", "112", &gotosocial(), None).id;
    assert!(
        parent
            .as_str()
            .starts_with("http://localhost:9021/users/creator/statuses/")
    );
    for (status, note) in [
        ("099", "210"),
        ("176", "211"),
        ("103", "212"),
        ("108", "213"),
        ("112", "214"),
        ("119", "217"),
        ("136", "218"),
        ("240", "248"),
        ("241", "249"),
        ("242", "250"),
        ("247", "251"),
        ("244", "252"),
        ("127", "216"),
    ] {
        let object = by_activitypub("gotosocial-0.20.0-rc1", note, &gotosocial());
        let parent = object
            .reply
            .as_ref()
            .and_then(|reply| reply.to.as_ref())
            .map(|to| to.as_str().to_owned());
        let api = by_api("gotosocial-0.20.0-rc1", status, &gotosocial(), parent.as_deref());
        assert_eq!(alike(api, false), alike(object, false), "{status} and {note}");
    }
}

#[test]
fn a_post_that_lost_what_it_answered_is_known_as_an_answer_by_the_api_only() {
    let api = by_api("mastodon-4.6.5", "325", &mastodon(), None);
    let reply = api.reply.expect("the API still says whom it answered");
    assert!(reply.own && reply.to.is_none());
    assert_eq!(by_activitypub("mastodon-4.6.5", "400", &mastodon()).reply, None);
}

#[test]
fn a_recorded_status_with_everything_is_read_whole() {
    let post = by_api("mastodon-4.6.5", "183", &mastodon(), None);
    assert_eq!(post.link.as_str(), "http://localhost:9051/@alice/117664559731084821");
    assert_eq!(post.tags, ["World"], "as it was typed, not as it is listed");
    assert_eq!(post.mentions.len(), 1);
    assert_eq!(post.mentions[0].handle, "bob@localhost:9051");
    assert_eq!(post.mentions[0].url, "http://localhost:9051/@bob");
    assert_eq!(post.language.as_deref(), Some("en"));
    assert_eq!(post.application.as_deref(), Some("Bridge"));
    assert_eq!(
        post.published.map(|at| at.to_rfc3339()).as_deref(),
        Some("2026-11-23T07:24:57+00:00")
    );
    assert_eq!(
        (post.visibility, post.readiness),
        (Visibility::Public, Readiness::Ready)
    );

    let video = by_api("mastodon-4.6.5", "354", &mastodon(), None);
    let media = &video.media[0];
    assert_eq!((media.kind, media.duration), (MediaKind::Video, Some(4)));
    assert!(video.sensitive && video.content_warning.as_deref() == Some("CW video"));
    let file = &media.renditions[0];
    assert_eq!(
        (file.media_type.as_str(), file.width, file.height),
        ("video/mp4", Some(640), Some(360))
    );
    assert_eq!(file.fps, Some(25.0));
    assert!(media.thumbnail.is_some());

    let edited = by_activitypub("mastodon-4.6.5", "398", &mastodon());
    assert!(edited.updated > edited.published);
    let focus = edited.media[0].focus.expect("a focal point");
    assert!((focus.x - 0.3).abs() < 1e-6 && edited.media[0].alt.as_deref() == Some("form alt"));

    assert_eq!(by_activitypub("mastodon-4.6.5", "399", &mastodon()).poll, ["a", "b"]);
    let quote = by_activitypub("mastodon-4.6.5", "510", &mastodon());
    assert_eq!(
        quote.quote.as_deref(),
        Some("http://localhost:9051/@alice/117664559731084821")
    );
    assert_eq!(
        quote.body,
        Markup::Html("<p>Quoting</p>".into()),
        "without the line for those who know no quotes"
    );
}

#[test]
fn a_client_librarys_recordings_are_read_too() {
    let home = home("http://localhost:3000/ap/users/117020565693913441", "localhost:3000");
    let reply = by_api("mastodon-cassettes", "44", &home, Some("http://localhost:3000/x"));
    assert!(!reply.reply.expect("an answer").own, "it answers somebody else");
    assert_eq!(reply.mentions[0].handle, "mastodonpy_test_2@localhost:3000");
    let video = by_api("mastodon-cassettes", "20", &home, None);
    assert_eq!(video.visibility, Visibility::Unlisted);
    let focus = video.media[0].focus.expect("a focal point");
    assert!((focus.x + 0.5).abs() < 1e-6 && (focus.y - 0.3).abs() < 1e-6);
}
