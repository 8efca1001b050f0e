//! Every odd form of video comes out as the right picture.

use crate::kit::{self, ample, kit, look, sendable};

const PICTURE: &str = "-f lavfi -i testsrc2=s=320x240:r=25:d=2";
const SOUND: &str = "-f lavfi -i sine=f=440:d=2";
const FAST: &str = "-c:v libx264 -preset ultrafast -crf 15 -pix_fmt yuv420p";

#[tokio::test]
async fn a_portrait_phone_video_comes_out_upright() {
    let Some(kit) = kit().await else { return };
    let base = kit.make("base.mp4", &format!("{PICTURE} {FAST}"));
    let phone = kit.turned(&base);
    let facts = kit.ffmpeg.probe(&phone).await.unwrap();
    assert_eq!(
        (facts.video.width, facts.video.height, facts.video.rotation),
        (240, 320, 90)
    );
    let (out, encoded) = kit.transcode(&phone, &ample()).await.unwrap();
    let seen = sendable(out.path());
    assert_eq!((seen.width, seen.height, seen.rotated), (240, 320, false));
    assert_eq!((encoded.width, encoded.height), (240, 320));
    assert!(kit::Kit::ssim(&base, "transpose=clock", out.path()) > 0.95);
}

#[tokio::test]
async fn odd_sizes_become_even_and_keep_their_shape() {
    let Some(kit) = kit().await else { return };
    let odd = kit.make(
        "odd.mkv",
        "-f lavfi -i testsrc2=s=321x241:r=25:d=2 -c:v libx264 -preset ultrafast -pix_fmt yuv444p",
    );
    let (out, _) = kit.transcode(&odd, &ample()).await.unwrap();
    let seen = sendable(out.path());
    assert!(
        seen.width.abs_diff(321) <= 1 && seen.height.abs_diff(241) <= 1,
        "{seen:?}"
    );
    assert!(kit::Kit::ssim(&odd, "null", out.path()) > 0.93);
}

#[tokio::test]
async fn uneven_frames_become_even_and_the_length_stays() {
    let Some(kit) = kit().await else { return };
    let args = "-f lavfi -i testsrc2=s=320x240:r=30:d=4,select='mod(n,7)*gt(n,20)+lt(n,20)*not(mod(n,2))' -f lavfi -i sine=d=4";
    let uneven = kit.make("vfr.mp4", &format!("{args} -vsync vfr {FAST} -c:a aac"));
    assert!(kit.ffmpeg.probe(&uneven).await.unwrap().video.vfr);
    let (out, encoded) = kit.transcode(&uneven, &ample()).await.unwrap();
    let seen = sendable(out.path());
    assert!(seen.even, "{seen:?}");
    assert!((seen.duration - 4.0).abs() < 0.1, "{}", seen.duration);
    assert!(encoded.fps.unwrap().per_second() <= 30.0);
}

#[tokio::test]
async fn high_dynamic_range_in_ten_bits_becomes_a_plain_picture() {
    let Some(kit) = kit().await else { return };
    let hdr = "-color_primaries bt2020 -color_trc smpte2084 -colorspace bt2020nc";
    let args = format!("{PICTURE} -c:v libx264 -preset ultrafast -pix_fmt yuv420p10le {hdr}");
    let source = kit.make("hdr.mp4", &args);
    let facts = kit.ffmpeg.probe(&source).await.unwrap();
    assert_eq!((facts.video.bit_depth, facts.video.hdr.is_some()), (10, true));
    assert!(facts.copyable_picture().is_err());
    let (out, encoded) = kit.transcode(&source, &ample()).await.unwrap();
    let seen = sendable(out.path());
    assert_eq!(seen.colours, ["bt709"; 3]);
    assert_eq!(seen.profile, "High");
    assert!(
        encoded.did.iter().any(|did| did.contains("dynamic range")),
        "{:?}",
        encoded.did
    );
}

#[tokio::test]
async fn light_parts_of_high_dynamic_range_stay_light() {
    let Some(kit) = kit().await else { return };
    // What each curve calls a light grey, of 203 nits at white: zscale can't make such a file everywhere.
    for (curve, luma) in [("smpte2084", 536), ("arib-std-b67", 661)] {
        let grey = format!("nullsrc=s=320x240:r=10:d=1,format=yuv420p10le,geq=lum={luma}:cb=512:cr=512");
        let tags = format!("-color_primaries bt2020 -color_trc {curve} -colorspace bt2020nc -color_range tv");
        let codec = "-c:v libx264 -preset ultrafast -qp 8";
        let source = kit.make("hdr.mp4", &format!("-f lavfi -i {grey} {codec} {tags}"));
        let facts = kit.ffmpeg.probe(&source).await.unwrap();
        assert!(facts.video.hdr.is_some(), "{curve}: {facts:?}");
        let (out, _) = kit.transcode(&source, &ample()).await.unwrap();
        let light = kit::brightest(out.path());
        assert!((170..=215).contains(&light), "{curve}: {light}");
    }
}

#[tokio::test]
async fn interlaced_and_stretched_pictures_become_progressive_and_square() {
    let Some(kit) = kit().await else { return };
    let args = "-f lavfi -i testsrc2=s=360x288:r=50:d=2,tinterlace=4,fieldorder=tff,setdar=16/9";
    let source = kit.make("tape.mpg", &format!("{args} -c:v mpeg2video -q:v 2 -flags +ilme+ildct"));
    let facts = kit.ffmpeg.probe(&source).await.unwrap();
    assert!(facts.video.stretched);
    assert_eq!((facts.video.width, facts.video.height), (512, 288));
    let (out, _) = kit.transcode(&source, &ample()).await.unwrap();
    let seen = sendable(out.path());
    assert_eq!((seen.sar.as_str(), seen.field_order.as_str()), ("1:1", "progressive"));
    assert!(seen.width.abs_diff(512) <= 1 && seen.height == 288, "{seen:?}");
}

#[tokio::test]
async fn too_many_pixels_and_frames_are_brought_down() {
    let Some(kit) = kit().await else { return };
    let source = kit.make("large.mp4", &format!("-f lavfi -i testsrc2=s=640x360:r=60:d=1 {FAST}"));
    let mut encode = ample();
    (encode.max_pixels, encode.max_fps) = (100_000, 30);
    let (out, _) = kit.transcode(&source, &encode).await.unwrap();
    let seen = sendable(out.path());
    assert!(
        seen.width * seen.height <= 100_000 && seen.width * seen.height > 90_000,
        "{seen:?}"
    );
    assert_eq!(seen.fps, "30/1");
    assert!(kit::Kit::ssim(&source, "null", out.path()) > 0.9);
}

#[tokio::test]
async fn silence_is_added_only_when_asked_for() {
    let Some(kit) = kit().await else { return };
    let mute = kit.make("mute.mp4", &format!("{PICTURE} {FAST}"));
    let (out, _) = kit.transcode(&mute, &ample()).await.unwrap();
    assert!(sendable(out.path()).audio.is_empty());
    let mut encode = ample();
    encode.silent_track = true;
    let (out, _) = kit.transcode(&mute, &encode).await.unwrap();
    let seen = sendable(out.path());
    assert_eq!(seen.audio, ["aac"]);
    assert!((seen.audio_duration - 2.0).abs() < 0.1);
}

#[tokio::test]
async fn of_two_sound_tracks_the_default_one_is_kept() {
    let Some(kit) = kit().await else { return };
    let args = format!(
        "{PICTURE} -f lavfi -i anullsrc=r=44100:d=2 {SOUND} -t 2 -map 0 -map 1 -map 2 {FAST} -c:a aac -disposition:a:0 0 \
         -disposition:a:1 default"
    );
    let two = kit.make("two.mkv", &args);
    let (out, _) = kit.transcode(&two, &ample()).await.unwrap();
    assert_eq!(sendable(out.path()).streams, 2);
    assert!(kit::loudness(out.path()) > -40.0);
    let remuxed = kit.output();
    kit.ffmpeg
        .remux(&two, &tombolo_media::video::Remux::default(), &remuxed, kit::watch())
        .await
        .unwrap();
    assert_eq!(sendable(remuxed.path()).streams, 2);
    assert!(kit::loudness(remuxed.path()) > -40.0);
}

#[tokio::test]
async fn sound_that_comes_apart_is_joined() {
    let Some(kit) = kit().await else { return };
    let mute = kit.make("mute.mp4", &format!("{PICTURE} {FAST}"));
    let sound = kit.make("sound.m4a", &format!("{SOUND} -c:a aac"));
    let mut encode = ample();
    encode.separate_audio = Some(sound.clone());
    let (out, _) = kit.transcode(&mute, &encode).await.unwrap();
    assert_eq!(sendable(out.path()).audio, ["aac"]);
    let remuxed = kit.output();
    let remux = tombolo_media::video::Remux {
        separate_audio: Some(sound),
        silent_track: false,
    };
    kit.ffmpeg.remux(&mute, &remux, &remuxed, kit::watch()).await.unwrap();
    let seen = sendable(remuxed.path());
    assert_eq!(seen.audio, ["aac"]);
    assert!((seen.duration - 2.0).abs() < 0.1);
    assert!(kit::loudness(remuxed.path()) > -40.0);
}

#[tokio::test]
async fn webm_becomes_mp4() {
    let Some(kit) = kit().await else { return };
    let args = "-c:v libvpx-vp9 -deadline realtime -cpu-used 8 -b:v 1M -c:a libopus";
    let webm = kit.make("a.webm", &format!("{PICTURE} {SOUND} {args}"));
    let (out, _) = kit.transcode(&webm, &ample()).await.unwrap();
    let seen = sendable(out.path());
    assert_eq!(seen.audio, ["aac"]);
    assert!((seen.duration - 2.0).abs() < 0.1);
    assert!(kit::Kit::ssim(&webm, "null", out.path()) > 0.95);
}

#[tokio::test]
async fn a_recording_that_does_not_say_its_length_is_measured() {
    let Some(kit) = kit().await else { return };
    let args = "-c:v libvpx -deadline realtime -cpu-used 8 -b:v 500k -live 1 -f webm";
    let live = kit.make("live.webm", &format!("{PICTURE} {args}"));
    assert!(kit.ffmpeg.probe(&live).await.unwrap().duration < 0.01);
    let (out, _) = kit.transcode(&live, &ample()).await.unwrap();
    let seen = sendable(out.path());
    assert!((seen.duration - 2.0).abs() < 0.1, "{}", seen.duration);
}

#[tokio::test]
async fn an_animation_becomes_a_video() {
    let Some(kit) = kit().await else { return };
    let gif = kit.make("a.gif", "-f lavfi -i testsrc2=s=161x121:r=10:d=2");
    let (out, _) = kit.transcode(&gif, &ample()).await.unwrap();
    let seen = sendable(out.path());
    assert_eq!((seen.width, seen.height, seen.fps.as_str()), (160, 120, "10/1"));
    assert!((seen.duration - 2.0).abs() < 0.15, "{}", seen.duration);
    assert!(kit::Kit::ssim(&gif, "null", out.path()) > 0.9);
}

#[tokio::test]
async fn flash_and_beep_stay_together() {
    let Some(kit) = kit().await else { return };
    let picture = "-f lavfi -i color=black:s=320x240:r=30:d=4,drawbox=c=white:t=fill:enable='gte(t,2)'";
    let sound = "-f lavfi -i sine=f=1000:d=4:r=48000,volume=0:enable='lt(t,2)'";
    // The picture begins later than the sound, as streams cut out of a broadcast do.
    let source = kit.make("late.ts", &format!("{picture} {sound} {FAST} -c:a aac -muxdelay 0.5"));
    for budget in [20_000_000, 60_000] {
        let mut encode = ample();
        encode.max_bytes = budget;
        let (out, _) = kit.transcode(&source, &encode).await.unwrap();
        let args = [
            "-i",
            &kit::text(out.path()),
            "-vf",
            "blackdetect=d=0.5",
            "-af",
            "silencedetect=d=0.5",
            "-f",
            "null",
            "-",
        ];
        let said = kit::said(&args);
        let after = |word: &str| -> f64 {
            let rest = said.split(word).nth(1).unwrap_or_else(|| panic!("{word} in {said}"));
            rest.split_whitespace().next().unwrap().parse().unwrap()
        };
        let (flash, beep) = (after("black_end:"), after("silence_end: "));
        assert!((flash - beep).abs() < 0.06, "flash at {flash}, beep at {beep}");
        assert!((flash - 2.0).abs() < 0.1, "{flash}");
    }
}

#[tokio::test]
async fn captions_are_written_into_the_picture() {
    let Some(kit) = kit().await else { return };
    let black = kit.make(
        "black.mp4",
        &format!("-f lavfi -i color=black:s=320x240:r=10:d=2 {FAST}"),
    );
    let vtt = kit.dir.path().join("it's, [odd]:\\.vtt");
    std::fs::write(&vtt, "WEBVTT\n\n00:00.000 --> 00:02.000\nHELLO\n").unwrap();
    let mut encode = ample();
    let (plain, _) = kit.transcode(&black, &encode).await.unwrap();
    assert!(kit::brightest(plain.path()) < 40);
    encode.burn_in = Some(vtt);
    let (out, _) = kit.transcode(&black, &encode).await.unwrap();
    assert!(kit::brightest(out.path()) > 150);
    assert_eq!(look(out.path()).streams, 1);
}

#[tokio::test]
async fn a_teaser_is_as_long_as_asked() {
    let Some(kit) = kit().await else { return };
    let source = kit.make(
        "long.mp4",
        &format!("-f lavfi -i testsrc2=s=320x240:r=25:d=6 -f lavfi -i sine=d=6 {FAST} -c:a aac"),
    );
    let mut encode = ample();
    encode.seconds = Some(2.5);
    let (out, _) = kit.transcode(&source, &encode).await.unwrap();
    let seen = sendable(out.path());
    assert!((seen.duration - 2.5).abs() < 0.1, "{}", seen.duration);
    assert!((seen.audio_duration - 2.5).abs() < 0.1, "{}", seen.audio_duration);
}

#[tokio::test]
async fn what_is_transparent_is_shown_on_white() {
    let Some(kit) = kit().await else { return };
    let palette = "split[a][b];[a]palettegen=reserve_transparent=1[p];[b][p]paletteuse=alpha_threshold=128";
    let args = format!("-f lavfi -i color=c=black@0:s=64x48:r=10:d=1,format=rgba -vf {palette}");
    let source = kit.make("nothing.gif", &args);
    let (out, _) = kit.transcode(&source, &ample()).await.unwrap();
    assert!(kit::brightest(out.path()) > 230, "{}", kit::brightest(out.path()));
    // What isn't transparent keeps its colours.
    let source = kit.make("red.gif", "-f lavfi -i color=c=red:s=64x48:r=10:d=1");
    let (out, _) = kit.transcode(&source, &ample()).await.unwrap();
    assert!(
        (55..75).contains(&kit::brightest(out.path())),
        "{}",
        kit::brightest(out.path())
    );
}
