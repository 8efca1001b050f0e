//! The rows "photos", "photos and video", "animated GIF" and "text only" of the table of writing: what arrives.

use chrono::Timelike;
use image::{ImageFormat, Rgb, RgbImage};
use tombolo_mastodon::stand_in::{NewMedia as Attached, NewStatus, Posted as Status, PostedKind, Ways};
use tombolo_net::stand_in::Fault;
use tombolo_peertube::stand_in::FileBody;
use tombolo_pixelfed::stand_in::{InstanceLimits, NewMedia, NewPost, Posted};

use crate::islands::{Islands, boxes, encoded, exiftool, ffprobe, frame, made, only, photo, photo_of, reason};
use crate::rig::{has, media, sha256};

const CLIP: &str = "clip-with-sound.mp4";

/// So many photos on Mastodon, each with its own shade, alternative text and point.
fn toot_of(text: &str, photos: u8) -> NewStatus {
    (0..photos).fold(NewStatus::new(text), |status, n| {
        let point = f64::from(n) / 10.0;
        status.media(
            Attached::new(photo(n * 30))
                .alt(&format!("Wave {n}"))
                .focus(point, -point),
        )
    })
}

/// The same on Pixelfed.
fn album_of(text: &str, photos: u8) -> NewPost {
    NewPost {
        text: text.into(),
        media: (0..photos)
            .map(|n| NewMedia::new(photo(n * 30), &format!("Wave {n}")))
            .collect(),
        ..NewPost::default()
    }
}

/// An album may have so many.
fn albums_of(most: usize) -> InstanceLimits {
    InstanceLimits {
        max_media_attachments: most,
        ..InstanceLimits::default()
    }
}

fn waves(numbers: std::ops::Range<u8>) -> Vec<String> {
    numbers.map(|n| format!("Wave {n}")).collect()
}

fn alts_of(status: &Status) -> Vec<String> {
    status.media.iter().filter_map(|m| m.description.clone()).collect()
}

fn alts_in(post: &Posted) -> Vec<String> {
    post.media.iter().filter_map(|m| m.description.clone()).collect()
}

fn kinds_of(status: &Status) -> Vec<PostedKind> {
    status.media.iter().map(|m| m.kind).collect()
}

/// The red in the middle of a picture: the shade of a photo.
fn shade(bytes: &[u8]) -> u8 {
    let picture = image::load_from_memory(bytes).unwrap().to_rgb8();
    picture.get_pixel(picture.width() / 2, picture.height() / 2).0[0]
}

#[tokio::test(flavor = "multi_thread")]
async fn photos_from_mastodon_to_another_account_there_keep_order_files_alt_texts_focus_warning_and_language() {
    let islands = Islands::new().await;
    let original = islands.published(toot_of("Waves #sea", 4).warning("seasick").language(Some("pt")));
    let pass = islands.carry("toots", "second", "").await;
    assert_eq!(reason(&pass), "", "it came out as it was meant");
    let copy = islands.tooted("second");
    assert_eq!(copy.text, format!("Waves #sea\n\n{}", original.url));
    assert_eq!((copy.spoiler_text.as_str(), copy.sensitive), ("seasick", true));
    assert_eq!(copy.language.as_deref(), Some("pt"));
    assert_eq!(alts_of(&copy), waves(0..4));
    for (n, (sent, kept)) in original.media.iter().zip(&copy.media).enumerate() {
        assert_eq!(sent.sha256, kept.sha256, "photo {n} needs no work");
        assert_eq!(kept.focus, sent.focus.filter(|_| n > 0), "photo {n}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_photo_from_pixelfed_to_mastodon_has_caption_alt_text_and_link() {
    let islands = Islands::new().await;
    let original = islands.share(NewPost {
        sensitive: true,
        spoiler_text: Some("seasick".into()),
        ..album_of("One wave & more #sea", 1)
    });
    islands.carry("photos", "toots", "").await;
    let copy = islands.tooted("me");
    assert_eq!(copy.text, format!("One wave & more #sea\n\n{}", original.url));
    assert_eq!((copy.spoiler_text.as_str(), copy.sensitive), ("seasick", true));
    assert_eq!(
        (kinds_of(&copy), alts_of(&copy)),
        (vec![PostedKind::Image], waves(0..1))
    );
    assert_eq!(
        copy.media[0].sha256,
        sha256(&original.media[0].served),
        "it needs no work"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn photos_from_pixelfed_to_mastodon_beyond_its_number_go_on_as_a_thread() {
    let islands = Islands::new().await;
    islands.photos.set_limits(albums_of(20));
    let original = islands.share(album_of("Many waves #sea", 9));
    islands.carry("photos", "toots", "").await;
    let copies = islands.toots.statuses("me");
    let alts: Vec<Vec<String>> = copies.iter().map(alts_of).collect();
    assert_eq!(alts, [waves(0..4), waves(4..8), waves(8..9)]);
    for (n, medium) in copies.iter().flat_map(|copy| &copy.media).enumerate() {
        assert_eq!(medium.sha256, sha256(&original.media[n].served), "photo {n}");
    }
    assert!(copies[0].text.starts_with("Many waves #sea"), "{}", copies[0].text);
    for (n, copy) in copies.iter().enumerate().skip(1) {
        assert_eq!(copy.in_reply_to.as_ref(), Some(&copies[n - 1].id), "status {n}");
        assert!(copy.text.contains(&format!("({}/3)", n + 1)), "{}", copy.text);
    }
    assert!(
        copies.iter().all(|copy| copy.text.contains(&original.url)),
        "{copies:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_status_of_a_thread_whose_only_photo_is_broken_leads_to_the_original() {
    let islands = Islands::new().await;
    islands.photos.set_limits(albums_of(20));
    let original = islands.share(album_of("Many waves", 5));
    let fifth = url::Url::parse(&original.media[4].url).unwrap();
    let garbage = Fault::Answer(
        200,
        vec![("content-type".into(), "image/jpeg".into())],
        "no photo".into(),
    );
    islands.photos.faults().next("GET", fifth.path(), u32::MAX, garbage);
    islands.carry("photos", "toots", "overflow = \"thread\"").await;
    let copies = islands.toots.statuses("me");
    assert_eq!(copies.len(), 2);
    assert_eq!(alts_of(&copies[0]), waves(0..4));
    assert_eq!(copies[1].text, format!("(2/2)\n\n{}", original.url));
    assert_eq!(copies[1].in_reply_to.as_ref(), Some(&copies[0].id));
}

#[tokio::test(flavor = "multi_thread")]
async fn photos_from_mastodon_to_pixelfed_are_one_album_in_order_with_alt_texts_and_link() {
    let islands = Islands::new().await;
    let original = islands.published(toot_of("Waves <3 #sea", 4).warning("seasick"));
    islands.carry("toots", "photos", "").await;
    let copy = islands.shared("me");
    assert_eq!(copy.stored, format!("Waves &lt;3 #sea\n\n{}", original.url));
    assert_eq!((copy.kind.as_str(), copy.listed), ("photo:album", true));
    assert_eq!((copy.spoiler_text.as_deref(), copy.sensitive), (Some("seasick"), true));
    assert_eq!(alts_in(&copy), waves(0..4));
    let sent: Vec<_> = copy.media.iter().map(|medium| sha256(&medium.bytes)).collect();
    let originals: Vec<_> = original.media.iter().map(|medium| medium.sha256.clone()).collect();
    assert_eq!(sent, originals, "they need no work");
}

#[tokio::test(flavor = "multi_thread")]
async fn photos_from_mastodon_to_pixelfed_beyond_its_number_go_on_in_further_posts() {
    let islands = Islands::new().await;
    islands.photos.set_limits(albums_of(2));
    let original = islands.published(toot_of("Five waves #sea", 5));
    islands.carry("toots", "photos", "").await;
    let copies = islands.photos.statuses("me");
    let alts: Vec<Vec<String>> = copies.iter().map(alts_in).collect();
    assert_eq!(alts, [waves(0..2), waves(2..4), waves(4..5)]);
    // There are no threads of posts there: each stands for itself, by its name.
    for (n, copy) in copies.iter().enumerate() {
        assert_eq!(copy.in_reply_to, None);
        assert!(copy.stored.contains(&original.url), "{}", copy.stored);
        assert!(copy.stored.starts_with("Five waves"), "{}", copy.stored);
        assert!(
            n == 0 || copy.stored.contains(&format!("({}/3)", n + 1)),
            "{}",
            copy.stored
        );
        assert!(copy.listed);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn photos_from_pixelfed_to_another_account_there_are_the_same_album() {
    let islands = Islands::new().await;
    let original = islands.share(album_of("Three waves #sea", 3));
    islands.carry("photos", "gallery", "").await;
    let copy = islands.shared("second");
    assert_eq!(copy.stored, format!("Three waves #sea\n\n{}", original.url));
    assert_eq!(alts_in(&copy), waves(0..3));
    let sent: Vec<_> = copy.media.iter().map(|medium| sha256(&medium.bytes)).collect();
    let served: Vec<_> = original.media.iter().map(|medium| sha256(&medium.served)).collect();
    assert_eq!(sent, served, "they need no work");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_phones_photo_reaches_mastodon_and_pixelfed_upright_and_without_place_and_maker() {
    if !has(&["exiftool"]) {
        return;
    }
    // As the phone keeps it: lying, 4000×3000, the sky on its left edge.
    let lying = RgbImage::from_fn(4000, 3000, |x, _| {
        if x < 2000 {
            Rgb([40, 90, 220])
        } else {
            Rgb([210, 190, 90])
        }
    });
    let phones = crate::islands::tagged(
        &encoded(&lying, ImageFormat::Jpeg),
        &[
            "-n",
            "-Orientation=6",
            "-GPSLatitude=48.2",
            "-GPSLatitudeRef=N",
            "-GPSLongitude=16.37",
            "-GPSLongitudeRef=E",
            "-Make=Phone",
            "-SerialNumber=SN-1234",
        ],
    );
    assert!(exiftool(&phones).contains_key("GPSLatitude"), "the photo tells where");
    let islands = Islands::new().await;
    islands.toot(NewStatus::new("Beach").media(Attached::new(phones).alt("Sky over sand")));
    islands.carry("toots", "second", "").await;
    islands.carry("toots", "photos", "").await;
    let tooted = only(islands.tooted("second").media);
    let shared = only(islands.shared("me").media);
    let both = [
        (tooted.bytes.unwrap(), tooted.description, (3000, 4000)),
        // No more than Pixelfed shows.
        (shared.bytes, shared.description, (1013, 1350)),
    ];
    for (bytes, alt, size) in both {
        assert_eq!(alt.as_deref(), Some("Sky over sand"));
        let picture = image::load_from_memory(&bytes).unwrap().to_rgb8();
        assert_eq!(picture.dimensions(), size);
        let (x, top, bottom) = (size.0 / 2, size.1 / 8, size.1 * 7 / 8);
        assert!(picture.get_pixel(x, top).0[2] > 180, "the sky is above");
        assert!(picture.get_pixel(x, bottom).0[2] < 130, "the sand is below");
        let tags = exiftool(&bytes);
        let told =
            |tag: &&String| tag.starts_with("GPS") || ["Make", "SerialNumber", "Orientation"].contains(&tag.as_str());
        assert_eq!(tags.keys().find(told), None, "{tags:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn photos_in_a_format_that_pixelfed_refuses_become_one_that_it_takes() {
    let islands = Islands::new().await;
    islands.toot(NewStatus::new("WebP").media(Attached::new(media("picture.webp")).alt("Bars")));
    islands.carry("toots", "photos", "").await;
    let sent = only(islands.shared("me").media);
    assert!(
        ["image/jpeg", "image/png"].contains(&sent.media_type.as_str()),
        "{}",
        sent.media_type
    );
    assert_eq!(sent.description.as_deref(), Some("Bars"));
    let (before, after) = (media("picture.webp"), sent.bytes);
    let pictures = [&before, &after.to_vec()].map(|bytes| image::load_from_memory(bytes).unwrap().to_rgb8());
    assert_eq!(pictures[0].dimensions(), pictures[1].dimensions());
    let far = |(a, b): (&u8, &u8)| u64::from(a.abs_diff(*b));
    let apart: u64 = pictures[0].iter().zip(pictures[1].iter()).map(far).sum();
    let samples = u64::try_from(pictures[0].len()).unwrap();
    assert!(apart < samples * 6, "it looks alike: {apart} of {samples}");
}

#[tokio::test(flavor = "multi_thread")]
async fn photos_to_peertube_are_skipped_with_the_reason_unless_the_route_asks_for_a_slideshow() {
    for source in ["toots", "photos"] {
        let islands = Islands::new().await;
        if source == "toots" {
            islands.toot(toot_of("Waves", 2));
        } else {
            islands.share(album_of("Waves", 2));
        }
        let why = islands.skip(source, "tube", "").await;
        assert!(why.contains("takes videos only") && why.contains("slideshow"), "{why}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn photos_to_peertube_are_a_slideshow_of_all_of_them_in_order_where_the_route_asks_for_it() {
    if !has(&["ffmpeg", "ffprobe"]) {
        return;
    }
    for source in ["toots", "photos"] {
        let islands = Islands::new().await;
        let link = if source == "toots" {
            islands.published(toot_of("Three waves\n\n#sea", 3)).url
        } else {
            islands.share(album_of("Three waves\n\n#sea", 3)).url
        };
        islands.carry(source, "tube", "slideshow = \"2s\"").await;
        let copy = islands.uploaded();
        assert_eq!(copy.details.title, "Three waves");
        assert_eq!(copy.details.tags, ["sea"]);
        let description = copy.details.description.as_deref().unwrap_or_default();
        assert!(description.contains(&link), "{description}");
        let file = copy.file.unwrap();
        let file = file.bytes(0..file.len());
        let seen = ffprobe(&file);
        assert_eq!(
            (seen.size, seen.codecs),
            ((1920, 1080), vec!["h264".to_owned(), "aac".to_owned()])
        );
        assert!((4.9..6.2).contains(&seen.seconds), "{} seconds", seen.seconds);
        for (at, n) in [(0.5, 0), (2.6, 1), (4.5, 2)] {
            let shown = shade(&encoded(&frame(&file, at), ImageFormat::Png));
            assert!(shown.abs_diff(n * 30) < 12, "{source}: photo {n} has shade {shown}");
        }
    }
}

/// Photos around a video.
fn mixed() -> NewStatus {
    NewStatus::new("Mixed #sea")
        .warning("seasick")
        .media(Attached::new(photo(0)).alt("Wave 0").focus(0.1, 0.2))
        .media(Attached::new(media(CLIP)).alt("Surf"))
        .media(Attached::new(photo(30)).alt("Wave 1"))
}

#[tokio::test(flavor = "multi_thread")]
async fn photos_and_video_to_mastodon_are_a_status_of_photos_and_the_video_continues_it() {
    let islands = Islands::new().await;
    let original = islands.published(mixed());
    islands.carry("toots", "second", "").await;
    let copies = islands.toots.statuses("second");
    let kinds: Vec<_> = copies.iter().map(kinds_of).collect();
    assert_eq!(kinds, [vec![PostedKind::Image; 2], vec![PostedKind::Video]]);
    assert_eq!(
        (alts_of(&copies[0]), alts_of(&copies[1])),
        (waves(0..2), vec!["Surf".into()])
    );
    assert_eq!(copies[0].media[0].focus, Some((0.1, Some(0.2))));
    assert_eq!(copies[1].media[0].sha256, sha256(&media(CLIP)));
    assert_eq!(copies[1].in_reply_to.as_ref(), Some(&copies[0].id));
    for copy in &copies {
        assert!(copy.text.contains(&original.url), "{}", copy.text);
        assert_eq!((copy.spoiler_text.as_str(), copy.sensitive), ("seasick", true));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_video_that_stands_before_the_photos_is_split_off_and_stays_before_them() {
    let islands = Islands::with_video().await;
    islands.toot(
        NewStatus::new("Video first")
            .media(Attached::new(media(CLIP)).alt("Surf"))
            .media(Attached::new(photo(0)).alt("Wave 0"))
            .media(Attached::new(photo(30)).alt("Wave 1")),
    );
    let order = [vec!["Surf".to_owned()], waves(0..2)];
    islands.carry("toots", "second", "").await;
    let copies = islands.toots.statuses("second");
    assert_eq!([alts_of(&copies[0]), alts_of(&copies[1])], order);
    assert_eq!(copies[1].in_reply_to.as_ref(), Some(&copies[0].id));
    islands.carry("toots", "photos", "").await;
    let copies = islands.photos.statuses("me");
    assert_eq!([alts_in(&copies[0]), alts_in(&copies[1])], order);
}

#[tokio::test(flavor = "multi_thread")]
async fn photos_and_video_to_pixelfed_that_takes_mp4_are_an_album_and_a_video_never_mixed() {
    let islands = Islands::with_video().await;
    let original = islands.published(mixed());
    islands.carry("toots", "photos", "").await;
    let copies = islands.photos.statuses("me");
    let kinds: Vec<&str> = copies.iter().map(|copy| copy.kind.as_str()).collect();
    assert_eq!(kinds, ["photo:album", "video"]);
    assert_eq!(
        (alts_in(&copies[0]), alts_in(&copies[1])),
        (waves(0..2), vec!["Surf".into()])
    );
    assert_eq!(sha256(&copies[1].media[0].bytes), sha256(&media(CLIP)));
    for copy in &copies {
        assert!(copy.listed && copy.sensitive, "{copy:?}");
        assert!(copy.stored.contains(&original.url), "{}", copy.stored);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn photos_and_video_to_pixelfed_that_takes_none_are_an_album_with_the_videos_poster() {
    let islands = Islands::new().await;
    let original = islands.published(mixed());
    islands.carry("toots", "photos", "").await;
    let copy = islands.shared("me");
    assert_eq!(alts_in(&copy), ["Wave 0", "Surf", "Wave 1"]);
    assert!(copy.listed && copy.kind == "photo:album", "{copy:?}");
    assert!(copy.stored.contains(&original.url), "{}", copy.stored);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_videos_to_pixelfed_the_one_that_does_not_fit_is_a_poster_in_a_post_of_its_own() {
    let islands = Islands::new().await;
    islands.photos.set_limits(
        InstanceLimits {
            max_photo_size: 100,
            ..InstanceLimits::default()
        }
        .with_video(),
    );
    let large = crate::rig::padded(CLIP, 200_000);
    islands.toot(
        NewStatus::new("Two videos")
            .media(Attached::new(media(CLIP)).alt("Small"))
            .media(Attached::new(large).alt("Large")),
    );
    islands.carry("toots", "photos", "[media]\nffmpeg = \"off\"").await;
    let copies = islands.photos.statuses("me");
    let kinds: Vec<_> = copies.iter().map(|copy| (copy.kind.as_str(), copy.listed)).collect();
    assert_eq!(kinds, [("video", true), ("photo", true)]);
    assert_eq!([alts_in(&copies[0]), alts_in(&copies[1])], [["Small"], ["Large"]]);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_videos_in_one_post_to_pixelfed_the_one_that_cannot_be_encoded_is_left_out_rather_than_mixed_in() {
    if !has(&["ffmpeg"]) {
        return;
    }
    let islands = Islands::with_video().await;
    // Nobody knows its codec: that shows when it is worked on.
    let mut broken = crate::rig::padded(CLIP, 40_000);
    let at = broken.windows(8).position(|box_| &box_[4..] == b"stsd").unwrap() + 20;
    assert_eq!(&broken[at..at + 4], b"avc1");
    broken[at..at + 4].copy_from_slice(b"zzzz");
    islands.toot(
        NewStatus::new("Two videos")
            .media(Attached::new(media(CLIP)).alt("Whole"))
            .media(Attached::new(broken).alt("Broken")),
    );
    let pass = islands.carry("toots", "photos", "").await;
    let copy = islands.shared("me");
    assert_eq!(
        (copy.kind.as_str(), alts_in(&copy)),
        ("video", vec!["Whole".to_owned()])
    );
    assert!(copy.listed, "a mixed album is in no list");
    let why = reason(&pass);
    assert!(
        why.contains("link only, because thumbnail and link") && why.contains("one kind"),
        "{why}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn photos_and_videos_to_peertube_are_the_videos_each_with_its_number() {
    let islands = Islands::new().await;
    let second = crate::rig::padded(CLIP, 40_000);
    let original = islands.published(mixed().media(Attached::new(second.clone()).alt("Surf again")));
    let pass = islands.carry("toots", "tube", "").await;
    assert!(reason(&pass).contains("its photos stay behind"), "{}", reason(&pass));
    for (copy, alt) in islands.tube.uploaded().iter().zip(["Surf", "Surf again"]) {
        let description = copy.details.description.as_deref().unwrap_or_default();
        assert!(description.contains(&format!("\n\n{alt}\n\nhttp")), "{description}");
    }
    let copies = islands.tube.uploaded();
    let titles: Vec<&str> = copies.iter().map(|copy| copy.details.title.as_str()).collect();
    assert_eq!(titles, ["Mixed #sea (1/2)", "Mixed #sea (2/2)"]);
    let files: Vec<_> = copies
        .iter()
        .filter_map(|copy| copy.file.as_ref().map(FileBody::sha256))
        .collect();
    assert_eq!(files, [sha256(&media(CLIP)), sha256(&second)]);
    for copy in &copies {
        assert!(
            copy.details.nsfw
                && copy
                    .details
                    .description
                    .as_deref()
                    .unwrap_or_default()
                    .contains(&original.url)
        );
        let first = copy
            .details
            .originally_published_at
            .and_then(|at| at.with_nanosecond(0));
        assert_eq!(first, original.created_at.with_nanosecond(0));
    }
}

/// A GIF on Pixelfed, which keeps it as it is; Mastodon makes a silent MP4 of one at once.
fn post_of(gif: Vec<u8>) -> NewPost {
    NewPost {
        text: "A loop of colours".into(),
        media: vec![NewMedia::new(gif, "A loop")],
        ..NewPost::default()
    }
}

/// A loop of two seconds.
fn gif() -> Vec<u8> {
    made("loop.gif", "-f lavfi -i testsrc2=size=120x80:rate=5:duration=2")
}

/// Whether a file is an MP4 that shows the loop.
fn is_the_loop(bytes: &[u8]) {
    let seen = ffprobe(bytes);
    assert_eq!(seen.codecs, ["h264"]);
    assert_eq!(seen.size, (120, 80));
    assert!((seen.seconds - 2.0).abs() < 0.25, "{seen:?}");
    assert_eq!(&boxes(bytes)[..2], ["ftyp", "moov"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn animated_gif_to_mastodon_stays_the_same_gif_with_its_alt_text() {
    let islands = Islands::new().await;
    islands.share(post_of(media("animated.gif")));
    islands.carry("photos", "toots", "").await;
    let copy = only(islands.tooted("me").media);
    assert_eq!((copy.kind, copy.media_type.as_str()), (PostedKind::Gifv, "image/gif"));
    assert_eq!(copy.sha256, sha256(&media("animated.gif")));
    assert_eq!(copy.description.as_deref(), Some("A loop"));
}

#[tokio::test(flavor = "multi_thread")]
async fn animated_gif_with_more_pixels_than_mastodon_takes_is_an_mp4() {
    if !has(&["ffmpeg", "ffprobe"]) {
        return;
    }
    let islands = Islands::with_video().await;
    let large = made("large.gif", "-f lavfi -i color=red:s=1300x800:r=5:d=1,fade=d=1");
    islands.share(post_of(large));
    islands.carry("photos", "toots", "").await;
    let copy = only(islands.tooted("me").media);
    assert_eq!((copy.kind, copy.media_type.as_str()), (PostedKind::Gifv, "video/mp4"));
    assert_eq!(copy.description.as_deref(), Some("A loop"));
    assert_eq!(ffprobe(&copy.bytes.unwrap()).size, (1300, 800));
}

#[tokio::test(flavor = "multi_thread")]
async fn animated_gif_of_more_bytes_than_mastodon_takes_is_an_mp4_and_without_ffmpeg_a_still_that_is_told() {
    if !has(&["ffmpeg", "ffprobe"]) {
        return;
    }
    let large = made(
        "large.gif",
        "-f lavfi -i testsrc2=s=300x200:r=10:d=2,noise=alls=60:allf=t+u",
    );
    for (more, kind) in [("", "video/mp4"), ("[media]\nffmpeg = \"off\"", "image/png")] {
        let islands = Islands::with_video().await;
        islands.share(post_of(large.clone()));
        islands.toots.set_limits(tombolo_mastodon::stand_in::InstanceLimits {
            image_size_limit: large.len() as u64 / 2,
            ..tombolo_mastodon::stand_in::InstanceLimits::default()
        });
        let pass = islands.carry("photos", "toots", more).await;
        let copy = only(islands.tooted("me").media);
        assert_eq!(copy.media_type, kind);
        assert_eq!(copy.description.as_deref(), Some("A loop"));
        let told = if kind == "video/mp4" {
            "only its first picture fits"
        } else {
            "only the first picture"
        };
        assert!(reason(&pass).contains(told), "{}", reason(&pass));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_moving_png_is_carried_as_its_first_picture_and_that_is_told() {
    if !has(&["ffmpeg", "ffprobe"]) {
        return;
    }
    let islands = Islands::new().await;
    let moving = made("moving.apng", "-f lavfi -i testsrc2=s=120x80:r=5:d=1 -plays 0 -f apng");
    islands.toot(
        NewStatus::new("Two")
            .media(Attached::new(photo(9)).alt("Still"))
            .media(Attached::new(moving).alt("Moving")),
    );
    let pass = islands.carry("toots", "second", "").await;
    assert_eq!(islands.tooted("second").media.len(), 2);
    let why = "medium 2 of 2: only the first picture goes of what moves";
    assert!(reason(&pass).contains(why), "{}", reason(&pass));
}

#[tokio::test(flavor = "multi_thread")]
async fn animated_gif_to_pixelfed_that_takes_mp4_is_an_mp4_with_its_alt_text() {
    if !has(&["ffmpeg", "ffprobe"]) {
        return;
    }
    let islands = Islands::with_video().await;
    islands.share(post_of(gif()));
    islands.carry("photos", "gallery", "").await;
    let copy = islands.shared("second");
    assert_eq!(
        (copy.kind.as_str(), alts_in(&copy)),
        ("video", vec!["A loop".to_owned()])
    );
    is_the_loop(&copy.media[0].bytes);
}

#[tokio::test(flavor = "multi_thread")]
async fn animated_gif_to_pixelfed_that_takes_no_mp4_is_the_same_gif() {
    let islands = Islands::new().await;
    islands.share(post_of(media("animated.gif")));
    islands.carry("photos", "gallery", "").await;
    let copy = islands.shared("second");
    assert_eq!(
        (copy.kind.as_str(), alts_in(&copy)),
        ("photo", vec!["A loop".to_owned()])
    );
    assert_eq!(sha256(&copy.media[0].bytes), sha256(&media("animated.gif")));
}

#[tokio::test(flavor = "multi_thread")]
async fn animated_gif_to_pixelfed_that_takes_neither_is_a_still_of_it() {
    let islands = Islands::new().await;
    islands.photos.set_limits(InstanceLimits {
        supported_mime_types: vec!["image/jpeg".into(), "image/png".into()],
        ..InstanceLimits::default()
    });
    islands.share(post_of(media("animated.gif")));
    islands.carry("photos", "gallery", "").await;
    let copy = islands.shared("second");
    assert_eq!(alts_in(&copy), ["A loop"]);
    let still = image::load_from_memory(&copy.media[0].bytes).unwrap();
    assert_eq!((still.width(), still.height()), (80, 45));
    assert_ne!(copy.media[0].media_type, "image/gif");
}

#[tokio::test(flavor = "multi_thread")]
async fn animated_gif_between_photos_is_split_off_as_mp4_where_pixelfed_takes_that_and_stays_where_not() {
    if !has(&["ffmpeg", "ffprobe"]) {
        return;
    }
    for takes_videos in [true, false] {
        let islands = Islands::new().await;
        if takes_videos {
            islands.photos.set_limits(InstanceLimits::default().with_video());
        }
        let mut album = album_of("Waves", 2);
        album.media.insert(1, NewMedia::new(gif(), "A loop"));
        islands.share(album);
        islands.carry("photos", "gallery", "").await;
        let copies = islands.photos.statuses("second");
        let alts: Vec<Vec<String>> = copies.iter().map(alts_in).collect();
        if takes_videos {
            assert_eq!(alts, [waves(0..2), vec!["A loop".to_owned()]]);
            is_the_loop(&copies[1].media[0].bytes);
        } else {
            assert_eq!(alts, [["Wave 0", "A loop", "Wave 1"]]);
        }
        assert!(copies.iter().all(|copy| copy.listed), "a mixed album is in no list");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn gif_that_does_not_move_is_a_photo_everywhere() {
    let islands = Islands::with_video().await;
    islands.share(post_of(media("still.gif")));
    islands.carry("photos", "toots", "").await;
    assert_eq!(kinds_of(&islands.tooted("me")), [PostedKind::Image]);
    islands.carry("photos", "gallery", "").await;
    let copy = islands.shared("second");
    assert_eq!(
        (copy.kind.as_str(), alts_in(&copy)),
        ("photo", vec!["A loop".to_owned()])
    );
    let tombolo = islands.route("photos", "tube", "");
    let pass = tombolo.sync(&["--wait", "60s"]).await;
    assert_eq!(pass.count("skipped"), 1, "{}{}", pass.stdout, pass.stderr);
    assert!(reason(&pass).contains("slideshow"), "{}", reason(&pass));
}

#[tokio::test(flavor = "multi_thread")]
async fn animated_gif_to_peertube_is_an_mp4() {
    if !has(&["ffmpeg", "ffprobe"]) {
        return;
    }
    let islands = Islands::new().await;
    islands.share(post_of(gif()));
    islands.carry("photos", "tube", "").await;
    let copy = islands.uploaded();
    assert_eq!(copy.details.title, "A loop of colours");
    let file = copy.file.unwrap();
    is_the_loop(&file.bytes(0..file.len()));
}

/// What Mastodon makes of a GIF.
fn toot_of_a_loop() -> NewStatus {
    NewStatus::new("A loop").media(Attached::new(media("clip-silent.mp4")).alt("A loop"))
}

#[tokio::test(flavor = "multi_thread")]
async fn animated_gif_that_mastodon_made_a_video_of_stays_the_same_silent_loop_without_a_thumbnail() {
    let islands = Islands::with_video().await;
    islands.toot(toot_of_a_loop());
    let silent = sha256(&media("clip-silent.mp4"));
    islands.carry("toots", "second", "").await;
    let copy = only(islands.tooted("second").media);
    assert_eq!((copy.kind, &copy.sha256), (PostedKind::Gifv, &silent));
    assert_eq!((copy.description.as_deref(), &copy.thumbnail), (Some("A loop"), &None));
    islands.carry("toots", "photos", "").await;
    let copy = islands.shared("me");
    assert_eq!(
        (copy.kind.as_str(), sha256(&copy.media[0].bytes)),
        ("video", silent.clone())
    );
    assert_eq!(alts_in(&copy), ["A loop"]);
    islands.carry("toots", "tube", "").await;
    assert_eq!(islands.uploaded().file.map(|file| file.sha256()), Some(silent));
}

#[tokio::test(flavor = "multi_thread")]
async fn animated_gif_that_mastodon_made_a_video_of_is_a_still_and_link_on_pixelfed_that_takes_no_mp4() {
    let islands = Islands::new().await;
    let original = islands.published(toot_of_a_loop());
    let pass = islands.carry("toots", "photos", "").await;
    assert!(reason(&pass).contains("thumbnail and link"), "{}", reason(&pass));
    let copy = islands.shared("me");
    assert!(copy.stored.contains(&original.url), "{}", copy.stored);
    assert_eq!(
        (copy.kind.as_str(), alts_in(&copy)),
        ("photo", vec!["A loop".to_owned()])
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn animated_gif_beside_a_photo_stays_beside_it_on_mastodon() {
    let islands = Islands::new().await;
    islands.toot(toot_of_a_loop().media(Attached::new(photo(7)).alt("A wave")));
    islands.carry("toots", "second", "").await;
    let copy = islands.tooted("second");
    assert_eq!(kinds_of(&copy), [PostedKind::Gifv, PostedKind::Image]);
    assert_eq!(alts_of(&copy), ["A loop", "A wave"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn text_only_to_mastodon_is_a_status_with_warning_language_tags_and_link_that_pings_nobody() {
    let islands = Islands::new().await;
    islands.toots.add_account("carol");
    let original = islands.published(
        NewStatus::new("Only words, for @carol & all.\n\nSee https://example.org/a_b?c=1&d=2\n\n#OnlyWords #sea")
            .warning("words")
            .language(Some("de")),
    );
    islands.carry("toots", "second", "").await;
    let copy = islands.tooted("second");
    assert_eq!(copy.mentions, Vec::<String>::new());
    assert!(
        copy.text.starts_with("Only words, for ") && copy.text.contains("carol"),
        "{}",
        copy.text
    );
    let end = format!(
        "See https://example.org/a_b?c=1&d=2\n\n{}\n\n#OnlyWords #sea",
        original.url
    );
    assert!(copy.text.ends_with(&end), "{}", copy.text);
    assert_eq!((copy.spoiler_text.as_str(), copy.sensitive), ("words", true));
    assert_eq!(copy.language.as_deref(), Some("de"));
    assert!(copy.media.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn text_only_that_is_too_long_for_mastodon_is_cut_before_the_link_or_goes_on_as_a_thread() {
    let islands = Islands::new().await;
    // As a server with longer texts has it.
    islands.toots.set_limits(tombolo_mastodon::stand_in::InstanceLimits {
        max_characters: 5000,
        ..tombolo_mastodon::stand_in::InstanceLimits::default()
    });
    let words: Vec<String> = (0..150).map(|n| format!("word{n}")).collect();
    let original = islands.published(NewStatus::new(&format!("{} #sea", words.join(" "))));
    islands
        .toots
        .set_limits(tombolo_mastodon::stand_in::InstanceLimits::default());
    islands.carry("toots", "second", "").await;
    let cut = islands.tooted("second").text;
    assert!(cut.starts_with("word0 word1 ") && cut.contains("…\n\n"), "{cut}");
    assert!(cut.contains(&original.url) && !cut.contains("word149"), "{cut}");
    assert!(cut.chars().count() > 450, "the room is used: {cut}");

    islands.toots.delete_status(&islands.tooted("second").id);
    islands.carry("toots", "second", "overflow = \"thread\"").await;
    let copies = islands.toots.statuses("second");
    assert!(copies.len() > 1);
    for (n, copy) in copies.iter().enumerate().skip(1) {
        assert_eq!(copy.in_reply_to.as_ref(), Some(&copies[n - 1].id));
    }
    let texts: Vec<&str> = copies.iter().map(|copy| copy.text.as_str()).collect();
    let carried: Vec<&str> = texts
        .iter()
        .flat_map(|text| text.split_whitespace())
        .filter(|word| word.starts_with("word"))
        .collect();
    assert_eq!(carried, words, "every word, once and in order: {texts:#?}");
    assert!(texts[0].contains(&original.url), "{texts:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn text_only_to_pixelfed_is_skipped_with_the_reason() {
    let islands = Islands::new().await;
    islands.toot(NewStatus::new("Only words."));
    let why = islands.skip("toots", "photos", "").await;
    assert!(why.contains("no post without a picture or video"), "{why}");
    assert!(islands.photos.statuses("me").is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn text_only_to_peertube_is_skipped_with_the_reason() {
    let islands = Islands::new().await;
    islands.toot(NewStatus::new("Only words."));
    let why = islands.skip("toots", "tube", "").await;
    assert!(why.contains("takes videos only"), "{why}");
    assert!(islands.tube.uploaded().is_empty());
}

/// Proxies have limits of their own, which are published nowhere.
#[tokio::test(flavor = "multi_thread")]
async fn a_photo_that_a_proxy_refuses_for_its_size_is_made_smaller_and_so_is_the_next_one_at_once() {
    let islands = Islands::new().await;
    let noise = |seed: u32| {
        let picture = RgbImage::from_fn(1200, 900, |x, y| {
            let mixed = (x.rotate_left(16) ^ y ^ seed).wrapping_mul(2_654_435_761);
            let [_, red, green, blue] = (mixed ^ mixed >> 15).wrapping_mul(2_246_822_519).to_be_bytes();
            Rgb([red, green, blue])
        });
        encoded(&picture, ImageFormat::Png)
    };
    let first = noise(1);
    assert!(first.len() > 3_000_000);
    islands.toot(NewStatus::new("Sand").media(Attached::new(first).alt("Grains")));
    let proxy = 1 << 20;
    islands.toots.set_ways(Ways {
        proxy_body: Some(proxy),
        ..Ways::default()
    });
    let tombolo = islands.route("toots", "second", "");
    let pass = tombolo.sync(&["--wait", "60s"]).await;
    assert_eq!(pass.code, 0, "{}{}", pass.stdout, pass.stderr);
    let sent = only(islands.tooted("second").media);
    assert_eq!(sent.description.as_deref(), Some("Grains"));
    let bytes = sent.bytes.unwrap();
    assert!((300_000..proxy).contains(&(bytes.len() as u64)), "{}", bytes.len());
    let why = reason(&pass);
    assert!(
        why.contains("at most") && why.contains("because the destination took no"),
        "{why}"
    );
    let uploads = || islands.toots.arrivals().count("POST", "/api/v2/media");
    let tries = uploads();
    assert!((3..=5).contains(&tries), "{tries}");
    islands.toot(NewStatus::new("More sand").media(Attached::new(noise(2)).alt("Grains")));
    let pass = tombolo.sync(&["--wait", "60s"]).await;
    assert_eq!(pass.count("published"), 1, "{}{}", pass.stdout, pass.stderr);
    assert_eq!(uploads(), tries + 1, "what it takes is remembered");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_photo_goes_to_mastodon_in_the_largest_size_that_it_takes() {
    let islands = Islands::new().await;
    islands.toot(NewStatus::new("Wide").media(Attached::new(photo_of(50, 2000, 1000)).alt("Wide")));
    let limits = tombolo_mastodon::stand_in::InstanceLimits {
        image_matrix_limit: 500_000,
        ..tombolo_mastodon::stand_in::InstanceLimits::default()
    };
    islands.toots.set_limits(limits);
    islands.carry("toots", "second", "").await;
    let sent = only(islands.tooted("second").media).bytes.unwrap();
    let picture = image::load_from_memory(&sent).unwrap();
    assert_eq!((picture.width(), picture.height()), (1000, 500));
}
