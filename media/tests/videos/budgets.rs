//! The size that comes out: never above what is allowed, and when that is tight, all but filled.

use std::sync::Mutex;

use crate::kit::{Kit, ample, kit, sendable, watch};
use tombolo_media::video::{Progress, VideoError, Watch};

fn noisy(kit: &Kit) -> std::path::PathBuf {
    let args = "-f lavfi -i testsrc2=s=384x216:r=30:d=20,noise=alls=12:allf=t -f lavfi -i sine=d=20";
    kit.make(
        "noisy.mp4",
        &format!("{args} -c:v libx264 -preset ultrafast -crf 20 -pix_fmt yuv420p -c:a aac"),
    )
}

#[tokio::test]
async fn tight_budgets_are_filled_and_never_exceeded() {
    let Some(kit) = kit().await else { return };
    let source = noisy(&kit);
    for budget in [220_000_u64, 600_000, 1_800_000] {
        let mut encode = ample();
        encode.max_bytes = budget;
        let (out, encoded) = kit.transcode(&source, &encode).await.unwrap();
        let seen = sendable(out.path());
        assert!(
            encoded.bytes * 100 >= budget * 97,
            "{} of {budget}: {:?}",
            encoded.bytes,
            encoded.did
        );
        assert!((seen.duration - 20.0).abs() < 0.1);
        assert!((seen.audio_duration - 20.0).abs() < 0.1);
    }
}

#[tokio::test]
async fn more_bytes_give_a_better_picture() {
    let Some(kit) = kit().await else { return };
    let source = kit.make(
        "pattern.mp4",
        "-f lavfi -i mandelbrot=s=640x360:r=30 -t 4 -c:v libx264 -preset ultrafast -crf 12 -pix_fmt yuv420p",
    );
    let mut before = 0.0;
    for budget in [60_000, 250_000, 20_000_000] {
        let mut encode = ample();
        encode.max_bytes = budget;
        let (out, _) = kit.transcode(&source, &encode).await.unwrap();
        // At the source's size: what was lost by making it smaller counts too.
        let large = kit.make(
            "large.mp4",
            &format!(
                "-i {} -vf scale=640:360 -c:v libx264 -preset ultrafast -qp 5",
                out.path().display()
            ),
        );
        let alike = Kit::ssim(&source, "null", &large);
        assert!(alike > before, "{budget}: {alike} after {before}");
        before = alike;
    }
    assert!(before > 0.95, "{before}");
}

#[tokio::test]
async fn an_easy_picture_takes_no_more_than_it_needs() {
    let Some(kit) = kit().await else { return };
    let source = kit.make(
        "easy.mp4",
        "-f lavfi -i testsrc2=s=320x240:r=25:d=3 -c:v libx264 -preset ultrafast -pix_fmt yuv420p",
    );
    let (_, encoded) = kit.transcode(&source, &ample()).await.unwrap();
    assert!(encoded.bytes < 2_000_000, "{}", encoded.bytes);
    assert!(
        encoded.did.iter().any(|did| did.starts_with("quality")),
        "{:?}",
        encoded.did
    );
}

#[tokio::test]
async fn what_cannot_fit_is_said_at_once() {
    let Some(kit) = kit().await else { return };
    let source = noisy(&kit);
    let mut encode = ample();
    encode.max_bytes = 100_000;
    let error = kit.transcode(&source, &encode).await.unwrap_err();
    assert!(
        matches!(&error, VideoError::DoesNotFit(why) if why.contains("kbit/s")),
        "{error}"
    );
    assert_eq!(kit.work.used(), 0);
}

#[tokio::test]
async fn progress_rises_to_the_end() {
    let Some(kit) = kit().await else { return };
    let source = kit.make(
        "p.mp4",
        "-f lavfi -i testsrc2=s=320x240:r=25:d=3 -c:v libx264 -preset ultrafast -pix_fmt yuv420p",
    );
    let seen = Mutex::new(Vec::new());
    let tell = |progress: Progress| seen.lock().unwrap().push(progress.fraction);
    let output = kit.output();
    let watch = Watch {
        progress: &tell,
        ..watch()
    };
    kit.ffmpeg.transcode(&source, &ample(), &output, watch).await.unwrap();
    let seen = seen.lock().unwrap();
    assert!(seen.len() > 4 && seen.is_sorted(), "{seen:?}");
    assert!(*seen.last().unwrap() > 0.99, "{seen:?}");
}
