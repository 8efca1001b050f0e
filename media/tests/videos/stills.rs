//! Still pictures out of videos, and videos out of still pictures.

use crate::kit::{self, kit, sendable, watch};
use tombolo_media::video::{Slideshow, VideoError};

#[tokio::test]
async fn a_still_shows_the_wanted_moment_upright() {
    let Some(kit) = kit().await else { return };
    let picture = "-f lavfi -i color=black:s=320x240:r=10:d=4,drawbox=c=white:t=fill:enable='gte(t,2)'";
    let base = kit.make(
        "base.mp4",
        &format!("{picture} -c:v libx264 -preset ultrafast -pix_fmt yuv420p -g 5"),
    );
    let phone = kit.turned(&base);
    for (at, bright) in [(1.0, false), (3.0, true), (99.0, true)] {
        let output = kit.work.file("still.jpg", 1_000_000).unwrap();
        kit.ffmpeg.still(&phone, at, 10_000, &output, watch()).await.unwrap();
        let seen = kit::look(output.path());
        assert!(
            seen.width < seen.height && seen.width * seen.height <= 10_000,
            "{seen:?}"
        );
        assert_eq!(seen.codec, "mjpeg");
        assert_eq!(kit::brightest(output.path()) > 200, bright, "at {at}");
    }
}

#[tokio::test]
async fn pictures_of_any_shape_become_a_video_undistorted() {
    let Some(kit) = kit().await else { return };
    let wide = kit.make("wide %d.png", "-f lavfi -i color=white:s=401x101 -frames:v 1 -update 1");
    let high = kit.make("high.jpg", "-f lavfi -i color=white:s=100x400 -frames:v 1 -update 1");
    for crossfade in [0.0, 0.4] {
        let output = kit.output();
        let show = Slideshow {
            seconds_each: 1.5,
            crossfade,
            width: 321,
            height: 240,
            silent_track: true,
        };
        let pictures = [wide.clone(), high.clone(), wide.clone()];
        kit.ffmpeg.slideshow(&pictures, &show, &output, watch()).await.unwrap();
        let seen = sendable(output.path());
        assert_eq!((seen.width, seen.height, seen.audio.len()), (320, 240, 1));
        assert!(
            (seen.duration - (4.5 - 2.0 * crossfade)).abs() < 0.1,
            "{}",
            seen.duration
        );
        // The wide picture stands in the middle of the height, on black.
        for (region, bright) in [("320:20:0:0", false), ("320:20:0:110", true)] {
            let part = kit.make(
                "part.png",
                &format!(
                    "-i {} -vf crop={region} -frames:v 1 -update 1",
                    kit::text(output.path())
                ),
            );
            assert_eq!(kit::brightest(&part) > 200, bright, "{region}");
        }
    }
}

#[tokio::test]
async fn a_video_is_no_picture_of_a_slideshow() {
    let Some(kit) = kit().await else { return };
    let video = kit.make("a.gif", "-f lavfi -i testsrc2=s=64x64:r=10:d=1");
    let output = kit.output();
    let show = Slideshow {
        seconds_each: 1.0,
        crossfade: 0.0,
        width: 64,
        height: 64,
        silent_track: false,
    };
    let error = kit
        .ffmpeg
        .slideshow(&[video], &show, &output, watch())
        .await
        .unwrap_err();
    assert!(matches!(error, VideoError::NotAVideo(_)), "{error}");
}

#[tokio::test]
async fn sound_leaves_without_its_place_and_with_its_title() {
    let Some(kit) = kit().await else { return };
    for (name, codec) in [
        ("tone.mp3", "libmp3lame"),
        ("tone.ogg", "libvorbis"),
        ("tone.flac", "flac"),
        ("tone.m4a", "aac"),
    ] {
        let tags = "-metadata title=Waves -metadata artist=Ada";
        let tone = format!("-f lavfi -i sine=440:d=2 -c:a {codec} {tags}");
        let plain = kit.make(name, &tone);
        let output = kit.work.file(name, 10_000_000).unwrap();
        let written = kit.ffmpeg.sound_without_traces(&plain, &output, watch()).await.unwrap();
        assert!(!written, "{name} tells nothing: it goes as it is");
        let place = kit.make(
            &format!("placed-{name}"),
            &format!("{tone} -metadata location=+52.52+013.40/"),
        );
        assert!(
            kit.ffmpeg.sound_without_traces(&place, &output, watch()).await.unwrap(),
            "{name}"
        );
        let said = kit::said(&["-i", &kit::text(output.path()), "-f", "null", "-"]);
        assert!(
            !said.contains("52.52") && said.contains("Waves") && said.contains("Ada"),
            "{name}: {said}"
        );
        let bytes = std::fs::read(output.path()).unwrap();
        assert!(!bytes.windows(5).any(|five| five == b"52.52"), "{name}");
        let seen: f64 = kit::loudness(output.path());
        assert!((seen - kit::loudness(&plain)).abs() < 1.0, "{name}");
    }
}
