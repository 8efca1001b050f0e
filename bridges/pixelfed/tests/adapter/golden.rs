//! What a real 0.12.6 was recorded to say, as posts and limits.

use tombolo_model::{LinkCost, Markup, MediaKind, Mix, Post, Readiness, Visibility};
use tombolo_pixelfed::{parse_feed, post_from_native, post_from_note};

use crate::rig::{recorded, recorded_text, time};

fn native(name: &str) -> Post {
    post_from_native(&recorded(name)).expect("a post")
}

fn note(name: &str) -> Post {
    post_from_note(&recorded(name)).expect("a post")
}

#[test]
fn a_photo_is_read_with_all_that_is_known_of_it() {
    let post = native("native-photo.json");
    let page = "http://127.0.0.1:9031/p/alice/1030356974580178945";
    assert_eq!((post.id.as_str(), post.link.as_str()), (page, page));
    assert_eq!(
        post.body,
        Markup::Plain("First photo #bridge https://example.org/a?b=1&c=2\n\nsecond paragraph bold @bob".into())
    );
    assert_eq!(post.tags, ["bridge"]);
    assert_eq!(post.mentions.len(), 1);
    assert_eq!(post.mentions[0].handle, "bob@127.0.0.1");
    assert_eq!(post.mentions[0].url, "http://127.0.0.1:9031/bob");
    assert_eq!(post.published, Some(time("2026-11-23T05:50:45Z")));
    assert_eq!(
        (post.visibility, post.readiness),
        (Visibility::Public, Readiness::Ready)
    );
    // Whatever posted it, the server says "web".
    assert_eq!((post.application, post.language, post.title), (None, None, None));
    let media = &post.media[0];
    assert_eq!(
        (media.kind, media.alt.as_deref(), media.focus),
        (MediaKind::Image, Some("d9"), None)
    );
    let file = &media.renditions[0];
    assert_eq!(
        (file.media_type.as_str(), file.width, file.height),
        ("image/jpeg", Some(1530), Some(1080))
    );
}

#[test]
fn a_note_and_the_api_tell_of_the_same_post() {
    let mut photo = native("native-photo.json");
    // Its alternative text was edited between the two recordings.
    photo.media[0].alt = Some("alt edited later".into());
    assert_eq!(note("note-photo.json"), photo);
    let mut album = native("native-album.json");
    assert!(album.updated.is_some(), "it was edited");
    album.updated = None;
    // The queue had processed only the second picture when the first recording was made.
    let told = note("note-album.json");
    for (media, later) in album.media.iter_mut().zip(&told.media) {
        media.renditions[0].width = later.renditions[0].width;
        media.renditions[0].height = later.renditions[0].height;
    }
    assert_eq!(told, album);
    assert_eq!(
        told.media
            .iter()
            .map(|m| m.alt.as_deref().unwrap_or(""))
            .collect::<Vec<_>>(),
        ["alt 4", "alt 1", "alt 3", "alt 2"]
    );
    let mut video = native("native-video.json");
    assert!(video.media[0].thumbnail.take().is_some(), "only the API knows a frame");
    assert_eq!(note("note-video.json"), video);
    assert_eq!(video.media[0].kind, MediaKind::Video);
    assert_eq!(video.media[0].renditions[0].media_type, "video/mp4");
}

#[test]
fn a_caption_is_read_as_people_see_it() {
    let post = native("native-entities.json");
    assert_eq!(post.body, Markup::Plain("a < b && c > d \"q\" x & 1".into()));
}

#[test]
fn a_feed_tells_of_ten_posts_the_newest_first() {
    let entries = parse_feed(&recorded_text("feed.atom")).expect("a feed");
    assert_eq!(entries.len(), 10);
    assert_eq!(
        entries[0].id.as_str(),
        "http://127.0.0.1:9031/p/alice/1030357261297082382"
    );
    assert_eq!(entries[0].title.as_deref(), Some("after validation error"));
    assert_eq!(entries[0].published, Some(time("2026-11-23T05:51:54Z")));
    assert_eq!(entries[2].title.as_deref(), Some("a < b && c > d \"q\" x &amp; 1"));
}

/// Limits are read through the destination; here by way of a scripted server.
#[tokio::test]
async fn an_instance_document_tells_what_is_taken() {
    use tombolo_model::Destination;
    use tombolo_net::stand_in::Fault;

    let rig = crate::rig::Rig::start().await;
    let document = recorded_text("instance.json");
    let json = vec![("content-type".to_owned(), "application/json".to_owned())];
    rig.pixelfed
        .faults()
        .next("GET", "/api/v2/instance", 1, Fault::Answer(200, json, document));
    let destination = rig.destination();
    let limits = destination.limits().await.expect("limits");
    assert_eq!(
        (limits.text.max, limits.text.alt_max, limits.text.warning_max),
        (500, 1000, Some(140))
    );
    assert_eq!(limits.text.link, LinkCost::Full);
    assert!(limits.text.escape_angle && !limits.text.alone);
    assert_eq!((limits.media.per_post, limits.media.mix), (4, Mix::OneKind));
    // 15000 KB are taken, a byte more is not.
    assert_eq!(
        (limits.media.image_bytes, limits.media.video_bytes),
        (15_360_001, 15_360_001)
    );
    assert!(limits.media.takes("image/gif") && !limits.media.takes("video/mp4"));
    assert_eq!(destination.limits().await, Ok(limits));
    assert_eq!(
        rig.pixelfed.arrivals().count("GET", "/api/v2/instance"),
        1,
        "limits are kept for an hour"
    );
}
