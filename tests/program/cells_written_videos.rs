//! The row "video" of the table of writing: from every platform to every platform, what arrives there.

use chrono::{DateTime, Timelike, Utc};
use tombolo_mastodon::stand_in::{NewMedia as Attached, NewStatus, PostedKind};
use tombolo_peertube::stand_in::{Caption, FileBody, NewVideo, Privacy, State, VideoFile};
use tombolo_pixelfed::stand_in::{NewMedia, NewPost};

use crate::islands::{Islands, boxes, ffprobe, only, pixels, reason};
use crate::rig::{has, media, sha256};

const CLIP: &str = "clip-with-sound.mp4";
const SUBTITLES: &str = "WEBVTT\n\n00:00.000 --> 00:01.500\nThe tide comes in\n";

/// With everything that a creator can say of a video.
fn film() -> NewVideo {
    let mut video = NewVideo::titled("Low tide")
        .description("Filmed on *one* morning.\r\n\r\nMore at [the page](https://example.org/tide).")
        .tags(&["Slow TV", "sea"])
        .language("fr")
        .clip(160, 90, media(CLIP))
        .caption(Caption::new("fr", SUBTITLES))
        .with(|details| {
            details.duration = 2;
            details.category = Some(6);
            details.licence = Some(2);
            details.originally_published_at = Some(long_ago());
        });
    video.thumbnail = Some(media("picture.jpg").into());
    video
}

fn long_ago() -> DateTime<Utc> {
    "2019-05-04T10:20:30Z".parse().unwrap()
}

fn toot_with_video() -> NewStatus {
    NewStatus::new("Ebb <3 at noon.\n\n#SlowTV #sea")
        .language(Some("fr"))
        .media(
            Attached::new(media(CLIP))
                .alt("Water runs off the sand")
                .focus(0.5, -0.25),
        )
}

fn post_with_video() -> NewPost {
    NewPost {
        text: "Ebb & flow at noon.\n\n#SlowTV #sea".into(),
        media: vec![NewMedia {
            license: Some("CC BY-SA".into()),
            ..NewMedia::new(media(CLIP), "Water runs off the sand")
        }],
        ..NewPost::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn video_from_peertube_to_mastodon_is_the_same_file_with_title_text_thumbnail_and_link() {
    let islands = Islands::new().await;
    let original = islands.tube.publish(film());
    let pass = islands.carry("tube", "toots", "").await;
    assert_eq!(reason(&pass), "", "it came out as it was meant");
    let copy = islands.tooted("me");
    assert_eq!(
        copy.text,
        format!(
            "Low tide\n\nFilmed on one morning.\n\nMore at the page (https://example.org/tide).\n\n{}\n\n#SlowTV #sea",
            original.page
        )
    );
    assert_eq!((copy.language.as_deref(), copy.sensitive), (Some("fr"), false));
    assert_eq!(copy.visibility, "public");
    let [video] = copy.media.as_slice() else {
        panic!("{copy:?}")
    };
    assert_eq!((video.kind, &video.sha256), (PostedKind::Video, &sha256(&media(CLIP))));
    assert_eq!(video.description.as_deref(), Some("Video: Low tide"));
    assert!(video.thumbnail.is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn sensitive_video_from_peertube_is_covered_everywhere() {
    let islands = Islands::with_video().await;
    islands.tube.publish(film().sensitive());
    islands.carry("tube", "toots", "").await;
    assert!(islands.tooted("me").sensitive);
    islands.carry("tube", "photos", "").await;
    assert!(islands.shared("me").sensitive);
    islands.carry("tube", "films", "").await;
    assert!(islands.uploaded().details.nsfw);
}

#[tokio::test(flavor = "multi_thread")]
async fn video_from_pixelfed_to_mastodon_is_the_same_file_with_its_alt_text_caption_and_link() {
    let islands = Islands::with_video().await;
    let original = islands.share(post_with_video());
    islands.carry("photos", "toots", "").await;
    let copy = islands.tooted("me");
    assert_eq!(
        copy.text,
        format!("Ebb & flow at noon.\n\n#SlowTV #sea\n\n{}", original.url)
    );
    let [video] = copy.media.as_slice() else {
        panic!("{copy:?}")
    };
    assert_eq!((video.kind, &video.sha256), (PostedKind::Video, &sha256(&media(CLIP))));
    assert_eq!(video.description.as_deref(), Some("Water runs off the sand"));
}

#[tokio::test(flavor = "multi_thread")]
async fn video_from_mastodon_to_another_account_there_is_the_same_file_with_alt_text_focus_and_warning() {
    let islands = Islands::new().await;
    let original = islands.published(toot_with_video().warning("very slow"));
    islands.carry("toots", "second", "").await;
    let copy = islands.tooted("second");
    assert_eq!(
        copy.text,
        format!("Ebb <3 at noon.\n\n{}\n\n#SlowTV #sea", original.url)
    );
    assert_eq!((copy.spoiler_text.as_str(), copy.sensitive), ("very slow", true));
    assert_eq!(copy.language.as_deref(), Some("fr"));
    let [video] = copy.media.as_slice() else {
        panic!("{copy:?}")
    };
    assert_eq!((video.kind, &video.sha256), (PostedKind::Video, &sha256(&media(CLIP))));
    assert_eq!(video.description.as_deref(), Some("Water runs off the sand"));
    assert_eq!(video.focus, Some((0.5, Some(-0.25))));
}

#[tokio::test(flavor = "multi_thread")]
async fn video_from_peertube_to_pixelfed_that_takes_mp4_is_the_same_file_with_title_text_and_link() {
    let islands = Islands::with_video().await;
    let original = islands.tube.publish(film());
    islands.carry("tube", "photos", "").await;
    let copy = islands.shared("me");
    assert_eq!(
        copy.stored,
        format!(
            "Low tide\n\nFilmed on one morning.\n\nMore at the page (https://example.org/tide).\n\n{}\n\n#SlowTV #sea",
            original.page
        )
    );
    assert_eq!((copy.kind.as_str(), copy.listed), ("video", true));
    let [video] = copy.media.as_slice() else {
        panic!("{copy:?}")
    };
    assert_eq!(sha256(&video.bytes), sha256(&media(CLIP)));
    assert_eq!(video.description.as_deref(), Some("Video: Low tide"));
}

#[tokio::test(flavor = "multi_thread")]
async fn video_from_mastodon_to_pixelfed_that_takes_mp4_is_the_same_file_with_its_own_alt_text() {
    let islands = Islands::with_video().await;
    let original = islands.published(toot_with_video().warning("very slow"));
    islands.carry("toots", "photos", "").await;
    let copy = islands.shared("me");
    assert_eq!(
        copy.stored,
        format!("Ebb &lt;3 at noon.\n\n{}\n\n#SlowTV #sea", original.url)
    );
    assert_eq!(
        (copy.spoiler_text.as_deref(), copy.sensitive),
        (Some("very slow"), true)
    );
    let [video] = copy.media.as_slice() else {
        panic!("{copy:?}")
    };
    assert_eq!(sha256(&video.bytes), sha256(&media(CLIP)));
    assert_eq!(video.description.as_deref(), Some("Water runs off the sand"));
}

#[tokio::test(flavor = "multi_thread")]
async fn video_from_pixelfed_to_another_account_there_is_the_same_file() {
    let islands = Islands::with_video().await;
    let original = islands.share(post_with_video());
    islands.carry("photos", "gallery", "").await;
    let copy = islands.shared("second");
    assert!(
        copy.stored.starts_with(&original.stored) && copy.stored.contains(&original.url),
        "{}",
        copy.stored
    );
    let [video] = copy.media.as_slice() else {
        panic!("{copy:?}")
    };
    assert_eq!(sha256(&video.bytes), sha256(&media(CLIP)));
    assert_eq!(video.description.as_deref(), Some("Water runs off the sand"));
}

#[tokio::test(flavor = "multi_thread")]
async fn video_to_pixelfed_that_takes_none_is_its_poster_with_title_as_alt_and_link() {
    let islands = Islands::new().await;
    let original = islands.tube.publish(film());
    let pass = islands.carry("tube", "photos", "").await;
    assert!(reason(&pass).contains("thumbnail and link"), "{}", reason(&pass));
    let copy = islands.shared("me");
    assert!(
        copy.stored.starts_with("Low tide\n\n") && copy.stored.contains(&original.page),
        "{}",
        copy.stored
    );
    assert_eq!(copy.kind, "photo");
    let [poster] = copy.media.as_slice() else {
        panic!("{copy:?}")
    };
    assert!(pixels(&poster.bytes) == pixels(&media("picture.jpg")));
    assert_eq!(poster.description.as_deref(), Some("Video: Low tide"));
}

#[tokio::test(flavor = "multi_thread")]
async fn video_from_mastodon_to_pixelfed_that_takes_none_is_its_poster_with_its_own_alt_text_and_link() {
    let islands = Islands::new().await;
    let original = islands.published(toot_with_video());
    islands.carry("toots", "photos", "").await;
    let copy = islands.shared("me");
    assert!(copy.stored.contains(&original.url), "{}", copy.stored);
    let [poster] = copy.media.as_slice() else {
        panic!("{copy:?}")
    };
    assert_eq!(poster.media_type, "image/png", "the server's frame of it");
    assert_eq!(poster.description.as_deref(), Some("Water runs off the sand"));
}

#[tokio::test(flavor = "multi_thread")]
async fn video_from_peertube_to_another_channel_keeps_file_captions_thumbnail_and_all_that_was_said_of_it() {
    let islands = Islands::new().await;
    let original = islands.tube.publish(film());
    let pass = islands.carry("tube", "films", "").await;
    assert_eq!(reason(&pass), "", "it came out as it was meant");
    let copy = islands.uploaded();
    assert_eq!((copy.account.as_str(), copy.channel.as_str()), ("bob", "bob_channel"));
    assert_eq!((copy.state, copy.privacy), (State::PUBLISHED, Privacy::PUBLIC));
    assert_eq!(copy.file.as_ref().map(FileBody::sha256), Some(sha256(&media(CLIP))));
    let details = &copy.details;
    assert_eq!(details.title, "Low tide");
    let description = details.description.as_deref().unwrap_or_default();
    for kept in ["Filmed on one morning.", "https://example.org/tide", &original.page] {
        assert!(description.contains(kept), "{description}");
    }
    assert_eq!(details.tags, ["Slow TV", "sea"]);
    assert_eq!((details.category, details.licence), (Some(6), Some(2)));
    assert_eq!((details.language.as_deref(), details.nsfw), (Some("fr"), false));
    assert!(details.download_enabled);
    let first = details.originally_published_at.and_then(|at| at.with_nanosecond(0));
    assert_eq!(first, Some(long_ago()));
    assert_eq!(copy.captions, [Caption::new("fr", SUBTITLES)]);
    for picture in [copy.thumbnail, copy.preview] {
        assert!(pixels(&picture.expect("there is one")) == pixels(&media("picture.jpg")));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn video_on_peertube_whose_creator_disabled_downloads_does_not_go_to_another_channel() {
    let islands = Islands::new().await;
    islands
        .tube
        .publish(film().with(|details| details.download_enabled = false));
    let why = islands.skip("tube", "films", "").await;
    assert!(why.contains("disabled downloads"), "{why}");
}

#[tokio::test(flavor = "multi_thread")]
async fn video_from_mastodon_to_peertube_has_title_description_tags_language_sensitivity_date_and_poster() {
    let islands = Islands::new().await;
    let original = islands.published(toot_with_video().warning("very slow"));
    islands.carry("toots", "tube", "").await;
    let copy = islands.uploaded();
    assert_eq!(copy.channel, "alice_channel");
    assert_eq!((copy.state, copy.privacy), (State::PUBLISHED, Privacy::PUBLIC));
    assert_eq!(copy.file.as_ref().map(FileBody::sha256), Some(sha256(&media(CLIP))));
    let details = &copy.details;
    assert_eq!(details.title, "Ebb <3 at noon");
    let description = details.description.as_deref().unwrap_or_default();
    assert!(
        description.contains("very slow") && description.contains(&original.url),
        "{description}"
    );
    assert_eq!(details.tags, ["SlowTV", "sea"]);
    assert_eq!((details.language.as_deref(), details.nsfw), (Some("fr"), true));
    let first = details.originally_published_at.and_then(|at| at.with_nanosecond(0));
    assert_eq!(first, original.created_at.with_nanosecond(0));
    let poster = copy.thumbnail.expect("the server's frame of it");
    assert!(poster.starts_with(b"\x89PNG"));
}

#[tokio::test(flavor = "multi_thread")]
async fn video_from_pixelfed_to_peertube_has_title_description_tags_licence_date_and_the_same_file() {
    let islands = Islands::with_video().await;
    let original = islands.share(NewPost {
        at: Some(long_ago()),
        sensitive: true,
        ..post_with_video()
    });
    let pass = islands.carry("photos", "tube", "").await;
    assert_eq!(reason(&pass), "", "it came out as it was meant");
    let copy = islands.uploaded();
    assert_eq!(copy.file.as_ref().map(FileBody::sha256), Some(sha256(&media(CLIP))));
    let details = &copy.details;
    assert_eq!(details.title, "Ebb & flow at noon");
    let description = details.description.as_deref().unwrap_or_default();
    assert!(description.contains(&original.url), "{description}");
    let mut tags = details.tags.clone();
    tags.sort();
    assert_eq!(tags, ["SlowTV", "sea"]);
    assert_eq!(details.licence, Some(2), "Attribution - Share Alike");
    assert!(details.nsfw);
    let first = details.originally_published_at.and_then(|at| at.with_nanosecond(0));
    assert_eq!(first, Some(long_ago()));
    assert!(copy.thumbnail.is_some(), "the server's frame of it");
}

#[tokio::test(flavor = "multi_thread")]
async fn video_that_is_not_what_its_name_says_is_made_an_mp4_for_everybody() {
    if !has(&["ffmpeg", "ffprobe"]) {
        return;
    }
    // VP9 and Opus, under the name and type of an MP4.
    let islands = Islands::with_video().await;
    let files = [VideoFile::sized(160, 90).body(media("clip.webm"))];
    islands.tube.publish(NewVideo::titled("Bars").web(files));
    islands.carry("tube", "toots", "").await;
    islands.carry("tube", "photos", "").await;
    islands.carry("tube", "films", "").await;
    let file = islands.uploaded().file.unwrap();
    let arrived = [
        only(islands.tooted("me").media).bytes.unwrap(),
        only(islands.shared("me").media).bytes,
        file.bytes(0..file.len()),
    ];
    for bytes in arrived {
        assert_eq!(ffprobe(&bytes).codecs, ["h264", "aac"]);
        assert_eq!(&boxes(&bytes)[..2], ["ftyp", "moov"], "it plays from its beginning on");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn video_on_peertube_is_published_once_it_can_be_seen_and_failed_where_it_never_will_be() {
    for (state, end) in [(State::PUBLISHED, "published"), (State::TRANSCODING_FAILED, "failed")] {
        let islands = Islands::new().await;
        islands
            .tube
            .set(|settings| settings.transcoding = std::time::Duration::from_secs(3600));
        islands.toot(toot_with_video());
        let tombolo = islands.route("toots", "tube", "");
        let pass = tombolo.sync(&["--wait", "0s"]).await;
        assert_eq!(
            (pass.code, pass.count("waiting")),
            (3, 1),
            "{}{}",
            pass.stdout,
            pass.stderr
        );
        islands.tube.set_state(&islands.uploaded().uuid, state);
        let pass = tombolo.sync(&["--wait", "120s"]).await;
        assert_eq!(pass.count(end), 1, "{}{}", pass.stdout, pass.stderr);
        islands.uploaded();
    }
}
