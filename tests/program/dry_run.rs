//! The first thing that a person does: looking at the plan, before anything was signed in to.

use tombolo_mastodon::stand_in::{NewMedia as Attached, NewStatus};

use crate::islands::Islands;
use crate::rig::media;

#[tokio::test(flavor = "multi_thread")]
async fn the_plan_for_a_peertube_shows_before_the_first_sign_in_and_is_kept_to_after_it() {
    let islands = Islands::new().await;
    islands.toot(NewStatus::new("Low tide").media(Attached::new(media("clip-with-sound.mp4"))));
    let tombolo = islands.route("toots", "tube", "");
    let plan = tombolo.run(&["sync", "--dry-run"]).await;
    let (shown, said) = (
        String::from_utf8_lossy(&plan.stdout),
        String::from_utf8_lossy(&plan.stderr),
    );
    assert_eq!(plan.status.code(), Some(0), "{shown}{said}");
    assert!(shown.contains("Low tide") && shown.contains("160×90"), "{shown}");
    assert!(said.contains("its quota isn't known"), "{said}");
    let arrived = |method: &str| islands.tube.arrivals().count(method, "/");
    assert_eq!(arrived("POST"), 0, "not even a sign-in");
    let pass = tombolo.sync(&["--wait", "60s"]).await;
    assert_eq!(
        (pass.code, pass.count("published")),
        (0, 1),
        "{}{}",
        pass.stdout,
        pass.stderr
    );
    assert_eq!(islands.uploaded().details.title, "Low tide");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_video_without_room_in_the_quota_waits_and_is_not_given_up() {
    let islands = Islands::new().await;
    islands.toot(NewStatus::new("Low tide").media(Attached::new(media("clip-with-sound.mp4"))));
    islands.tube.set_quota("alice", Some(1000), None);
    let tombolo = islands.route("toots", "tube", "");
    let pass = tombolo.sync(&[]).await;
    let reason = pass.lines[0]["reason"].as_str().unwrap_or_default().to_owned();
    assert_eq!(
        (pass.code, pass.count("waiting")),
        (3, 1),
        "{}{}",
        pass.stdout,
        pass.stderr
    );
    assert!(
        reason.contains("quota of 1000 bytes is used up: 1000 bytes left"),
        "{reason}"
    );
}
