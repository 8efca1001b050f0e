//! The rungs before a transcode: as it is, and the remux, which takes nothing along that tells where or with what.

use std::process::Command;

use crate::kit::{self, Kit, ample, kit, sendable};
use tombolo_media::video::{Private, Remux, VideoError};

const PICTURE: &str = "-f lavfi -i testsrc2=s=320x240:r=25:d=2 -f lavfi -i sine=d=2";
const FAST: &str = "-c:v libx264 -preset ultrafast -crf 15 -pix_fmt yuv420p";

/// A sum over the decoded pictures.
fn pictures(path: &std::path::Path) -> String {
    let out = Command::new("ffmpeg")
        .args(["-v", "error", "-i"])
        .arg(path)
        .args(["-map", "0:v:0", "-f", "md5", "-"])
        .output();
    String::from_utf8(out.unwrap().stdout).unwrap()
}

fn tagged(kit: &Kit) -> std::path::PathBuf {
    let tags = "-metadata location=+48.8577+002.295/ -metadata com.apple.quicktime.location.ISO6709=+48.8577+002.295/ \
                -metadata com.apple.quicktime.make=Apple -metadata model=iPhone";
    kit.make(
        "tagged.mp4",
        &format!("{PICTURE} {FAST} -c:a aac {tags} -movflags +use_metadata_tags"),
    )
}

#[tokio::test]
async fn a_clean_mp4_is_sent_as_it_is_and_others_are_not() {
    let Some(kit) = kit().await else { return };
    let clean = kit.make("clean.mp4", &format!("{PICTURE} {FAST} -c:a aac"));
    let facts = kit.ffmpeg.probe(&clean).await.unwrap();
    facts.fits_as_is(&ample()).unwrap();
    let mut small = ample();
    small.max_bytes = 1000;
    assert!(facts.fits_as_is(&small).unwrap_err().contains("bytes"));
    let mov = kit.make("clean.mov", &format!("{PICTURE} {FAST} -c:a aac"));
    assert!(kit.ffmpeg.probe(&mov).await.unwrap().fits_as_is(&ample()).is_err());
    let tagged = kit.ffmpeg.probe(&tagged(&kit)).await.unwrap();
    assert!(tagged.fits_as_is(&ample()).unwrap_err().contains("where"));
}

#[tokio::test]
async fn location_and_device_leave_with_neither_remux_nor_transcode() {
    let Some(kit) = kit().await else { return };
    let source = tagged(&kit);
    let facts = kit.ffmpeg.probe(&source).await.unwrap();
    assert!(
        facts.private.iter().any(|p| matches!(p, Private::Location(_))),
        "{:?}",
        facts.private
    );
    assert!(
        facts.private.iter().any(|p| matches!(p, Private::Device(_))),
        "{:?}",
        facts.private
    );
    let remuxed = kit.output();
    kit.ffmpeg
        .remux(&source, &Remux::default(), &remuxed, kit::watch())
        .await
        .unwrap();
    let (encoded, _) = kit.transcode(&source, &ample()).await.unwrap();
    for out in [&remuxed, &encoded] {
        let seen = sendable(out.path());
        assert!(
            !seen.tags.contains("48.8") && !seen.tags.contains("iPhone"),
            "{}",
            seen.tags
        );
        assert!(kit::place(out.path(), b"48.8577").is_none() && kit::place(out.path(), b"Apple").is_none());
        kit.ffmpeg
            .probe(out.path())
            .await
            .unwrap()
            .fits_as_is(&ample())
            .unwrap();
        if let Ok(tool) = Command::new("exiftool").arg("-a").arg("-G1").arg(out.path()).output() {
            let said = String::from_utf8_lossy(&tool.stdout).into_owned();
            assert!(
                !said.contains("GPS") && !said.contains("Make ") && !said.contains("Model "),
                "{said}"
            );
        }
    }
}

#[tokio::test]
async fn messages_between_the_pictures_are_left_out() {
    let Some(kit) = kit().await else { return };
    let sei = "-bsf:v h264_metadata=sei_user_data='086f3693b7b34f2c965321492feee5b8+CAMERA-AT-48.8577'";
    let source = kit.make("sei.mp4", &format!("{PICTURE} {FAST} -c:a aac {sei}"));
    assert!(kit::place(&source, b"CAMERA-AT").is_some());
    let remuxed = kit.output();
    kit.ffmpeg
        .remux(&source, &Remux::default(), &remuxed, kit::watch())
        .await
        .unwrap();
    assert!(kit::place(remuxed.path(), b"CAMERA-AT").is_none());
    assert_eq!(pictures(&source), pictures(remuxed.path()));
}

#[tokio::test]
async fn a_remux_keeps_every_picture_and_the_rotation() {
    let Some(kit) = kit().await else { return };
    let base = kit.make("base.mkv", &format!("{PICTURE} {FAST} -c:a libopus"));
    let remuxed = kit.output();
    let encoded = kit
        .ffmpeg
        .remux(&base, &Remux::default(), &remuxed, kit::watch())
        .await
        .unwrap();
    assert_eq!(sendable(remuxed.path()).audio, ["aac"]);
    assert!(encoded.did.iter().any(|did| did.contains("opus")));
    assert_eq!(pictures(&base), pictures(remuxed.path()));
    let phone = kit.turned(remuxed.path());
    let again = kit.output();
    kit.ffmpeg
        .remux(&phone, &Remux::default(), &again, kit::watch())
        .await
        .unwrap();
    assert!(sendable(again.path()).rotated);
    assert_eq!(kit.ffmpeg.probe(again.path()).await.unwrap().video.rotation, 90);
}

#[tokio::test]
async fn fragments_become_one_piece() {
    let Some(kit) = kit().await else { return };
    let args = format!("{PICTURE} {FAST} -c:a aac -movflags +frag_keyframe+empty_moov -g 10");
    let source = kit.make("fragmented.mp4", &args);
    let remuxed = kit.output();
    kit.ffmpeg
        .remux(
            &source,
            &Remux {
                separate_audio: None,
                silent_track: true,
            },
            &remuxed,
            kit::watch(),
        )
        .await
        .unwrap();
    let seen = sendable(remuxed.path());
    assert!(kit::place(remuxed.path(), b"moof").is_none());
    assert!((seen.duration - 2.0).abs() < 0.1);
    assert_eq!(pictures(&source), pictures(remuxed.path()));
}

#[tokio::test]
async fn a_picture_that_servers_would_encode_again_is_not_remuxed() {
    let Some(kit) = kit().await else { return };
    let source = kit.make(
        "hi10.mp4",
        &format!("{PICTURE} -c:v libx264 -preset ultrafast -pix_fmt yuv420p10le"),
    );
    let output = kit.output();
    let error = kit
        .ffmpeg
        .remux(&source, &Remux::default(), &output, kit::watch())
        .await
        .unwrap_err();
    assert!(
        matches!(&error, VideoError::NeedsTranscode(why) if why.contains("yuv420p10le")),
        "{error}"
    );
}

#[tokio::test]
async fn a_remux_never_exceeds_its_room() {
    let Some(kit) = kit().await else { return };
    let source = kit.make("big.mp4", &format!("{PICTURE} {FAST} -c:a aac"));
    let output = kit.work.file("small.mp4", 20_000).unwrap();
    let error = kit
        .ffmpeg
        .remux(&source, &Remux::default(), &output, kit::watch())
        .await
        .unwrap_err();
    assert!(matches!(error, VideoError::DoesNotFit(_)), "{error}");
}
