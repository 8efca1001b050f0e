//! From a PeerTube to a real snac: every video once, the right one, also when the program is killed at any moment.

use std::time::Duration;

use serde_json::Value;
use tombolo_model::{Entropy, SeededEntropy};
use tombolo_peertube::stand_in::{PeerTube, Privacy, Published};

use crate::rig::{Tombolo, peertube, peertube_to, publish, sha256, video};
use crate::snac::{self, Snac};

/// Whether a real snac can be had; said once for each test that needs one. In CI it must be there.
pub async fn a_snac(dir: &std::path::Path) -> Option<Snac> {
    let snac = snac::start(dir).await;
    if snac.is_none() {
        assert!(
            std::env::var_os("CI").is_none(),
            "snac is not installed, and in CI it must be"
        );
        eprintln!("SKIPPED: snac is not installed (Debian bookworm-backports has snac2)");
    }
    snac
}

/// Each status is one video's, with its bytes, description, link and tags, and each video has exactly one.
async fn each_has_its_own(snac: &Snac, tube: &PeerTube, videos: &[Published]) {
    let statuses = snac.statuses().await;
    for (number, published) in videos.iter().enumerate() {
        let text = |status: &Value| status["text"].as_str().unwrap_or_default().to_owned();
        let own: Vec<&Value> = statuses.iter().filter(|s| text(s).contains(&published.page)).collect();
        assert_eq!(own.len(), 1, "video {number} has {} statuses", own.len());
        let text = text(own[0]);
        assert!(text.starts_with(&format!("Video {number:03}\n")), "{text}");
        assert!(text.contains(&format!("This is video {number:03}.")), "{text}");
        assert!(text.contains("#PeerTube") && text.contains("#sea"), "{text}");
        let url = own[0]["media_attachments"][0]["url"]
            .as_str()
            .unwrap_or_else(|| panic!("no media: {}", own[0]));
        let sent = std::fs::read(snac.media_path(url)).expect("the media is there");
        assert_eq!(
            sha256(&sent),
            tube.files(&published.uuid)[0].body.sha256(),
            "video {number} has other bytes"
        );
    }
    assert_eq!(statuses.len(), videos.len());
}

fn config(tube: &PeerTube, handle: &str, read: &str, snac: &Snac) -> String {
    peertube_to(tube, handle, read, &snac.base, "creator", &snac.token)
}

fn sixty(tube: &PeerTube) -> Vec<Published> {
    let videos = publish(tube, 0..60);
    for n in 0..5 {
        tube.publish(video(900 + n).privacy(Privacy::UNLISTED));
        tube.publish(video(950 + n).privacy(Privacy::PRIVATE));
    }
    videos
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sixty_public_videos_arrive_once_by_every_reader_and_handle() {
    let tube = peertube().await;
    let videos = sixty(&tube);
    for (handle, read) in [("alice_channel", "api"), ("alice", "outbox")] {
        let dir = tempfile::tempdir().unwrap();
        let Some(snac) = a_snac(dir.path()).await else { return };
        let tombolo = Tombolo::configured(&config(&tube, handle, read, &snac));
        let first = tombolo.sync(&["--since", "beginning", "--limit", "100"]).await;
        assert_eq!(
            (first.code, first.count("published")),
            (0, 60),
            "{}{}",
            first.stdout,
            first.stderr
        );
        assert_eq!(
            tombolo
                .sync(&["--since", "beginning", "--limit", "100"])
                .await
                .count("published"),
            0
        );
        each_has_its_own(&snac, &tube, &videos).await;
        // The other reader and the other handle post nothing twice.
        let other = if read == "api" { "outbox" } else { "api" };
        tombolo.configure(&config(&tube, handle, other, &snac));
        assert_eq!(tombolo.sync(&[]).await.count("published"), 0);
        each_has_its_own(&snac, &tube, &videos).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_at_any_moment_and_run_again_no_video_is_missing_or_twice() {
    let tube = peertube().await;
    let videos = sixty(&tube);
    let dir = tempfile::tempdir().unwrap();
    let Some(snac) = a_snac(dir.path()).await else { return };
    let tombolo = Tombolo::configured(&config(&tube, "alice_channel", "auto", &snac));
    let dice = SeededEntropy::new(7);
    for _ in 0..20 {
        let mut child = tombolo.spawn(&["sync", "--since", "beginning", "--limit", "100"]);
        tokio::time::sleep(Duration::from_millis(30 + dice.bits() % 1500)).await;
        child.kill().expect("it can be killed");
        child.wait().expect("it ended");
    }
    let last = tombolo.sync(&["--since", "beginning", "--limit", "100"]).await;
    assert_eq!(last.code, 0, "{}{}", last.stdout, last.stderr);
    each_has_its_own(&snac, &tube, &videos).await;
}
