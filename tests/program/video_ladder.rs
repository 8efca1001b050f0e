//! The rungs of the video ladder, each by its name: which is taken, why, and what other tools say of the file that arrived.

use tombolo_mastodon::stand_in::{InstanceLimits, NewMedia as Attached, NewStatus, PostedKind, PostedMedia, Ways};
use tombolo_peertube::stand_in::{NewVideo, VideoFile};
use tombolo_pixelfed::stand_in::{InstanceLimits as PhotoLimits, Pixelfed};

use crate::islands::{Islands, Seen, boxes, decoded, exiftool, ffprobe, frame, made, only, reason};
use crate::rig::{has, media, padded, playable, sha256};

const CLIP: &str = "clip-with-sound.mp4";
/// What an encode leaves free below a limit.
const MARGIN: u64 = 64 * 1024;
const FFMPEG: [&str; 2] = ["ffmpeg", "ffprobe"];
const NO_FFMPEG: &str = "[media]\nffmpeg = \"off\"";

/// Mastodon's own limits, but for the size of videos.
fn up_to(video_size_limit: u64) -> InstanceLimits {
    InstanceLimits {
        video_size_limit,
        ..InstanceLimits::default()
    }
}

/// The one medium of the one status of the Mastodon account.
fn tooted(islands: &Islands, name: &str) -> PostedMedia {
    only(islands.tooted(name).media)
}

/// The one video that Pixelfed got.
fn shared(photos: &Pixelfed) -> Vec<u8> {
    let medium = only(only(photos.statuses("me")).media);
    assert_eq!(medium.media_type, "video/mp4");
    medium.bytes.to_vec()
}

fn bytes_of(medium: &PostedMedia) -> Vec<u8> {
    medium.bytes.clone().expect("it is kept").to_vec()
}

/// A video that no encoder makes small: noise, with a tone. The left half is blue, the right one red.
fn noise(width: u32, height: u32, seconds: u32) -> Vec<u8> {
    let half = width / 2;
    made(
        "noise.mp4",
        &format!(
            "-f lavfi -i color=red:s={half}x{height}:r=25:d={seconds},pad={width}:{height}:{half}:0:blue,noise=alls=40:allf=t+u \
             -f lavfi -i sine=440:d={seconds} -c:v libx264 -preset ultrafast -crf 8 -pix_fmt yuv420p -c:a aac -shortest"
        ),
    )
}

/// The same file with a note that it is to be turned clockwise by 90 degrees, as a phone held upright writes it. By hand, since
/// versions of ffmpeg differ in what their options for it mean.
fn turned(mut video: Vec<u8>) -> Vec<u8> {
    let head = video.windows(4).position(|four| four == b"tkhd").expect("a track");
    let matrix: [u32; 6] = [0, 0x1_0000, 0, 0xffff_0000, 0, 0];
    for (number, value) in matrix.into_iter().enumerate() {
        video[head + 4 + 40 + number * 4..][..4].copy_from_slice(&value.to_be_bytes());
    }
    video
}

/// It plays everywhere, from its beginning on.
fn plays(bytes: &[u8], codecs: &[&str]) -> Seen {
    let seen = ffprobe(bytes);
    assert!(seen.format.contains("mp4"), "{seen:?}");
    assert_eq!(seen.codecs, codecs);
    let order = boxes(bytes);
    let place = |name: &str| order.iter().position(|found| found == name);
    assert!(place("moov") < place("mdat") && place("moof").is_none(), "{order:?}");
    seen
}

#[tokio::test(flavor = "multi_thread")]
async fn rung_as_it_is_takes_the_rendition_with_the_most_pixels_that_fits() {
    let islands = Islands::new().await;
    islands.toots.set_limits(up_to(400_000));
    let files = [
        playable(1920, 1080, 600_000),
        playable(1280, 720, 300_000),
        playable(640, 360, 100_000),
    ];
    islands.tube.publish(NewVideo::titled("Three sizes").web(files));
    let pass = islands.carry("tube", "toots", "").await;
    let sent = tooted(&islands, "me");
    assert_eq!((sent.size, sent.sha256), (300_000, sha256(&padded(CLIP, 300_000))));
    assert_eq!(reason(&pass), "", "a file as it is is nothing to explain");
}

#[tokio::test(flavor = "multi_thread")]
async fn rung_as_it_is_takes_a_video_that_has_files_of_hls_only() {
    let islands = Islands::new().await;
    let fragmented = media("clip-fragmented.mp4");
    let files = [VideoFile::sized(160, 90).body(fragmented.clone())];
    islands.tube.publish(NewVideo::titled("Only HLS").hls(files));
    islands.carry("tube", "toots", "").await;
    let sent = tooted(&islands, "me");
    assert_eq!((sent.kind, sent.sha256), (PostedKind::Video, sha256(&fragmented)));
    islands.carry("tube", "films", "").await;
    assert_eq!(
        islands.uploaded().file.map(|file| file.sha256()),
        Some(sha256(&fragmented))
    );
}

/// A film of many fragments: the clip's first one, many times over, each with more media.
fn many_fragments() -> Vec<u8> {
    let clip = media("clip-fragmented.mp4");
    let place = |name: &[u8; 4]| clip.windows(4).position(|four| four == name).unwrap() - 4;
    let (moof, mdat) = (place(b"moof"), place(b"mdat"));
    let size = u32::from_be_bytes(clip[mdat..mdat + 4].try_into().unwrap());
    let content = &clip[mdat + 8..mdat + usize::try_from(size).unwrap()];
    let mut film = clip[..moof].to_vec();
    for _ in 0..150 {
        film.extend(&clip[moof..mdat]);
        film.extend((size + 70_000).to_be_bytes());
        film.extend(b"mdat");
        film.extend(content);
        film.resize(film.len() + 70_000, 0);
    }
    film
}

#[tokio::test(flavor = "multi_thread")]
async fn rung_as_it_is_takes_a_long_film_that_has_files_of_hls_only_also_without_ffmpeg() {
    let islands = Islands::new().await;
    let film = many_fragments();
    let files = [VideoFile::sized(160, 90).body(film.clone())];
    islands.tube.publish(NewVideo::titled("Only HLS, and long").hls(files));
    let pass = islands.carry("tube", "toots", NO_FFMPEG).await;
    let sent = tooted(&islands, "me");
    assert_eq!(
        (sent.kind, sent.sha256),
        (PostedKind::Video, sha256(&film)),
        "{}",
        pass.stdout
    );
    assert_eq!(reason(&pass), "");
}

#[tokio::test(flavor = "multi_thread")]
async fn rung_remux_makes_one_file_of_hls_where_files_are_kept() {
    if !has(&FFMPEG) {
        return;
    }
    let islands = Islands::with_video().await;
    let fragmented = media("clip-fragmented.mp4");
    let files = [VideoFile::sized(160, 90).body(fragmented.clone())];
    islands.tube.publish(NewVideo::titled("Only HLS").hls(files));
    islands.carry("tube", "photos", "").await;
    let sent = shared(&islands.photos);
    plays(&sent, &["h264", "aac"]);
    assert_eq!(decoded(&sent), decoded(&fragmented), "pictures and sound are the same");
}

#[tokio::test(flavor = "multi_thread")]
async fn rung_remux_joins_hls_whose_sound_is_apart() {
    if !has(&FFMPEG) {
        return;
    }
    let islands = Islands::with_video().await;
    let files = [
        VideoFile::sized(160, 90).silent().body(media("clip-silent.mp4")),
        VideoFile::audio_only().body(media("sound-only.mp4")),
    ];
    islands.tube.publish(NewVideo::titled("In two files").hls(files));
    for (to, name) in [("toots", "Mastodon"), ("photos", "Pixelfed")] {
        islands.carry("tube", to, "").await;
        let sent = match to {
            "toots" => bytes_of(&tooted(&islands, "me")),
            _ => shared(&islands.photos),
        };
        plays(&sent, &["h264", "aac"]);
        let (pictures, sound) = decoded(&sent);
        assert_eq!(pictures, decoded(&media("clip-silent.mp4")).0, "{name}");
        assert_ne!(sound, decoded(&media("clip-silent.mp4")).1, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rung_remux_makes_an_mp4_of_a_quicktime_file_for_pixelfed() {
    if !has(&FFMPEG) {
        return;
    }
    let islands = Islands::with_video().await;
    let mov = media("clip-moov-last.mov");
    islands.toot(NewStatus::new("A mov").media(Attached::new(mov.clone()).alt("Bars")));
    let pass = islands.carry("toots", "photos", "").await;
    let sent = shared(&islands.photos);
    plays(&sent, &["h264", "aac"]);
    assert_eq!(decoded(&sent), decoded(&mov), "pictures and sound are the same");
    assert!(reason(&pass).contains("repackaged, because"), "{}", reason(&pass));
}

#[tokio::test(flavor = "multi_thread")]
async fn rung_remux_brings_the_index_to_the_front_where_files_are_kept() {
    if !has(&FFMPEG) {
        return;
    }
    let islands = Islands::with_video().await;
    let last = made(
        "last.mp4",
        "-f lavfi -i testsrc2=s=160x90:r=10:d=2 -f lavfi -i sine=440:d=2 -c:v libx264 -pix_fmt yuv420p -c:a aac",
    );
    assert!(boxes(&last).ends_with(&["moov".to_owned()]), "its index is at its end");
    islands.toot(NewStatus::new("Index last").media(Attached::new(last.clone()).alt("Bars")));
    let pass = islands.carry("toots", "photos", "").await;
    assert!(reason(&pass).contains("repackaged, because"), "{}", reason(&pass));
    let sent = shared(&islands.photos);
    plays(&sent, &["h264", "aac"]);
    assert_eq!(decoded(&sent), decoded(&last), "pictures and sound are the same");
    // Mastodon makes a file of its own of it.
    islands.carry("toots", "second", "").await;
    assert_eq!(tooted(&islands, "second").sha256, sha256(&last));
}

#[tokio::test(flavor = "multi_thread")]
async fn rung_remux_takes_place_and_maker_out_of_a_phones_video_and_leaves_it_upright() {
    if !has(&["ffmpeg", "ffprobe", "exiftool"]) {
        return;
    }
    let islands = Islands::with_video().await;
    let phones = turned(made(
        "phone.mp4",
        "-f lavfi -i testsrc2=s=160x90:r=10:d=2 -f lavfi -i sine=440:d=2 -c:v libx264 -pix_fmt yuv420p -c:a aac \
         -metadata location=+48.2000+016.3700/ -metadata make=Phone -movflags +faststart",
    ));
    let tells = |bytes: &[u8]| {
        exiftool(bytes)
            .into_iter()
            .find(|(tag, _)| tag.contains("GPS") || tag.contains("Make") || tag.contains("Location"))
    };
    assert!(tells(&phones).is_some(), "it tells where");
    assert_eq!(ffprobe(&phones).rotation.abs(), 90);
    islands.toot(NewStatus::new("A beach").media(Attached::new(phones.clone()).alt("A beach")));
    islands.carry("toots", "second", "").await;
    islands.carry("toots", "photos", "").await;
    for sent in [bytes_of(&tooted(&islands, "second")), shared(&islands.photos)] {
        assert_eq!(tells(&sent), None);
        assert_eq!(plays(&sent, &["h264", "aac"]).rotation, ffprobe(&phones).rotation);
        assert_eq!(decoded(&sent), decoded(&phones), "pictures and sound are the same");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_ffmpeg_a_phones_video_that_tells_where_stays_behind_and_its_picture_goes() {
    if !has(&FFMPEG) {
        return;
    }
    let islands = Islands::new().await;
    let phones = made(
        "phone.mp4",
        "-f lavfi -i testsrc2=s=160x90:r=10:d=2 -c:v libx264 -pix_fmt yuv420p -metadata location=+48.2000+016.3700/",
    );
    let files = [VideoFile::sized(160, 90).body(phones)];
    islands.tube.publish(NewVideo::titled("A beach").web(files));
    let pass = islands.carry("tube", "toots", NO_FFMPEG).await;
    assert_eq!(tooted(&islands, "me").media_type, "image/jpeg");
    assert!(reason(&pass).contains("location"), "{}", reason(&pass));
}

#[tokio::test(flavor = "multi_thread")]
async fn rung_transcode_uses_the_instances_bytes_and_never_more() {
    if !has(&FFMPEG) {
        return;
    }
    let islands = Islands::new().await;
    islands.toots.set_limits(up_to(600_000));
    let large = noise(320, 180, 4);
    assert!(large.len() > 1_000_000, "{} bytes", large.len());
    let files = [VideoFile::sized(320, 180).body(large.clone())];
    islands.tube.publish(NewVideo::titled("Large").web(files));
    let pass = islands.carry("tube", "toots", "").await;
    let sent = tooted(&islands, "me");
    let most = 600_000 - MARGIN;
    assert!((most * 97 / 100..=most).contains(&sent.size), "{} of {most}", sent.size);
    let seen = plays(&bytes_of(&sent), &["h264", "aac"]);
    assert!((seen.seconds - ffprobe(&large).seconds).abs() < 0.1, "{seen:?}");
    assert!(
        reason(&pass).contains("encoded anew") && reason(&pass).contains("not smaller"),
        "{}",
        reason(&pass)
    );
}

/// Proxies have limits of their own, which are published nowhere.
#[tokio::test(flavor = "multi_thread")]
async fn a_video_that_a_proxy_refuses_for_its_size_is_encoded_smaller() {
    if !has(&FFMPEG) {
        return;
    }
    let islands = Islands::new().await;
    let large = noise(320, 180, 4);
    let proxy = large.len() as u64 * 2 / 3;
    islands.toots.set_ways(Ways {
        proxy_body: Some(proxy),
        ..Ways::default()
    });
    let files = [VideoFile::sized(320, 180).body(large.clone())];
    islands.tube.publish(NewVideo::titled("Large").web(files));
    let pass = islands.carry("tube", "toots", "").await;
    let sent = tooted(&islands, "me");
    assert!(
        (proxy / 4..proxy).contains(&sent.size),
        "{} of {}",
        sent.size,
        large.len()
    );
    let seen = plays(&bytes_of(&sent), &["h264", "aac"]);
    assert!((seen.seconds - ffprobe(&large).seconds).abs() < 0.1, "{seen:?}");
    assert!(
        reason(&pass).contains("encoded anew") && reason(&pass).contains("413"),
        "{}",
        reason(&pass)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn rung_transcode_keeps_the_instances_pixels_and_frames() {
    if !has(&FFMPEG) {
        return;
    }
    let islands = Islands::new().await;
    islands.toots.set_limits(InstanceLimits {
        video_matrix_limit: 320 * 180,
        video_frame_rate_limit: 30,
        ..InstanceLimits::default()
    });
    let fast = made(
        "fast.mp4",
        "-f lavfi -i testsrc2=s=640x360:r=60:d=1 -c:v libx264 -preset ultrafast -pix_fmt yuv420p",
    );
    let files = [VideoFile::sized(640, 360).fps(60).silent().body(fast)];
    islands.tube.publish(NewVideo::titled("Fast").web(files));
    islands.carry("tube", "toots", "").await;
    let sent = tooted(&islands, "me");
    let seen = plays(&bytes_of(&sent), &["h264", "aac"]);
    assert_eq!(seen.size, (320, 180));
    assert!((seen.fps - 30.0).abs() < 0.01, "{seen:?}");
    assert_eq!(sent.kind, PostedKind::Video, "with a silent track it is no animation");
}

#[tokio::test(flavor = "multi_thread")]
async fn rung_transcode_turns_a_video_upright_by_its_tag() {
    if !has(&FFMPEG) {
        return;
    }
    let islands = Islands::new().await;
    islands.photos.set_limits(
        PhotoLimits {
            max_photo_size: 300,
            ..PhotoLimits::default()
        }
        .with_video(),
    );
    // Lying, the left half blue: upright, the upper half is.
    let phones = turned(noise(320, 180, 2));
    assert_eq!(ffprobe(&phones).rotation.abs(), 90);
    islands.toot(NewStatus::new("Upright").media(Attached::new(phones).alt("Blue above red")));
    islands.carry("toots", "photos", "").await;
    let sent = shared(&islands.photos);
    let seen = plays(&sent, &["h264", "aac"]);
    assert!(seen.rotation == 0 && seen.size.1 > seen.size.0, "{seen:?}");
    let picture = frame(&sent, 1.0);
    let (width, height) = picture.dimensions();
    let [red, _, blue] = picture.get_pixel(width / 2, height / 5).0;
    assert!(blue > red, "blue is above");
    let [red, _, blue] = picture.get_pixel(width / 2, height * 4 / 5).0;
    assert!(red > blue, "red is below");
}

/// Ten minutes, so that the whole of it can't be had in a few bytes.
fn long() -> NewVideo {
    let file = made(
        "long.mp4",
        "-f lavfi -i testsrc2=s=160x90:r=5:d=600 -f lavfi -i sine=440:d=600 -c:v libx264 -preset ultrafast -pix_fmt yuv420p \
         -c:a aac",
    );
    NewVideo::titled("Ten minutes")
        .web([VideoFile::sized(160, 90).fps(5).body(file)])
        .with(|details| details.duration = 600)
}

#[tokio::test(flavor = "multi_thread")]
async fn rung_teaser_sends_the_beginning_with_the_link_where_the_whole_does_not_fit() {
    if !has(&FFMPEG) {
        return;
    }
    let islands = Islands::new().await;
    islands.toots.set_limits(up_to(200_000));
    let original = islands.tube.publish(long());
    let pass = islands.carry("tube", "toots", "teaser = \"4s\"").await;
    assert!(reason(&pass).contains("the first 4 seconds"), "{}", reason(&pass));
    let status = islands.tooted("me");
    assert!(status.text.contains(&original.page), "{}", status.text);
    let sent = only(status.media);
    assert!(sent.size <= 200_000 - MARGIN, "{} bytes", sent.size);
    let seen = plays(&bytes_of(&sent), &["h264", "aac"]);
    assert!((seen.seconds - 4.0).abs() < 0.1, "{seen:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn rung_thumbnail_goes_with_the_link_where_the_whole_does_not_fit_and_no_teaser_is_wanted() {
    if !has(&FFMPEG) {
        return;
    }
    let islands = Islands::new().await;
    islands.toots.set_limits(up_to(200_000));
    let original = islands.tube.publish(long());
    let pass = islands.carry("tube", "toots", "").await;
    assert!(reason(&pass).contains("thumbnail and link"), "{}", reason(&pass));
    let status = islands.tooted("me");
    assert!(status.text.contains(&original.page), "{}", status.text);
    let sent = only(status.media);
    assert_eq!(
        (sent.kind, sent.description.as_deref()),
        (PostedKind::Image, Some("Video: Ten minutes"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn without_ffmpeg_the_ladder_has_no_middle_and_says_so() {
    let islands = Islands::with_video().await;
    islands.toots.set_limits(up_to(400_000));
    islands
        .tube
        .publish(NewVideo::titled("Large").web([playable(640, 360, 900_000)]));
    let pass = islands
        .carry("tube", "toots", &format!("teaser = \"1s\"\n{NO_FFMPEG}"))
        .await;
    assert!(
        reason(&pass).contains("thumbnail and link") && reason(&pass).contains("ffmpeg"),
        "{}",
        reason(&pass)
    );
    assert_eq!(tooted(&islands, "me").kind, PostedKind::Image);
    // What fits as it is still goes as it is.
    islands.carry("tube", "photos", NO_FFMPEG).await;
    assert_eq!(sha256(&shared(&islands.photos)), sha256(&padded(CLIP, 900_000)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_video_without_sound_stays_a_video_on_mastodon_and_without_sound_where_that_makes_no_difference() {
    if !has(&FFMPEG) {
        return;
    }
    let islands = Islands::with_video().await;
    let silent = media("clip-silent.mp4");
    islands
        .tube
        .publish(NewVideo::titled("Silent").web([VideoFile::sized(160, 90).silent().body(silent.clone())]));
    islands.carry("tube", "toots", "").await;
    let sent = tooted(&islands, "me");
    assert_eq!(sent.kind, PostedKind::Video);
    assert_eq!(plays(&bytes_of(&sent), &["h264", "aac"]).size, (160, 90));
    assert_eq!(sent.description.as_deref(), Some("Video: Silent"));
    islands.carry("tube", "photos", "").await;
    assert_eq!(sha256(&shared(&islands.photos)), sha256(&silent));
    islands.carry("tube", "films", "").await;
    let copy = islands.uploaded();
    assert_eq!(copy.file.map(|file| file.sha256()), Some(sha256(&silent)));
    assert!(copy.thumbnail.is_some(), "PeerTube takes one");
}

#[tokio::test(flavor = "multi_thread")]
async fn sound_reaches_mastodon_without_its_place_and_plain_sound_as_it_is() {
    if !has(&FFMPEG) {
        return;
    }
    let islands = Islands::new().await;
    let plain = media("tone.mp3");
    let placed = made(
        "placed.mp3",
        "-f lavfi -i sine=440:d=1 -c:a libmp3lame -metadata title=Waves -metadata location=+52.52+013.40/",
    );
    for (text, sound) in [("Plain", &plain), ("Placed", &placed)] {
        let status = NewStatus::new(text).media(Attached::new(sound.clone()).alt("A tone"));
        islands.toots.publish("me", status).expect("it is published");
    }
    islands.carry_all(2, "toots", "second", "").await;
    let copies = islands.toots.statuses("second");
    assert_eq!(copies[0].media[0].sha256, sha256(&plain));
    let sent = bytes_of(&copies[1].media[0]);
    assert_eq!(copies[1].media[0].description.as_deref(), Some("A tone"));
    let has = |words: &[u8]| sent.windows(words.len()).any(|window| window == words);
    assert!(!has(b"52.52") && has(b"Waves"));
}
