//! What is found of a copy, and how it ends.

use std::time::Duration;

use chrono::TimeDelta;
use tombolo_model::{Destination, Marker, Settling, Window};
use tombolo_peertube::stand_in::NewVideo;

use crate::rig::{Rig, created, draft, film, marker, stamp};

fn lately(rig: &Rig) -> Window {
    Window {
        since: rig.clock_now() - TimeDelta::hours(1),
    }
}

async fn found(rig: &Rig, marker: &Marker) -> Vec<String> {
    let destination = rig.destination();
    let account = destination.identity().await.expect("an identity").account;
    let found = destination.find(&account, marker, lately(rig)).await.expect("a look");
    assert_eq!(found.blind, None);
    found.copies.into_iter().map(|copy| copy.id).collect()
}

#[tokio::test]
async fn a_copy_is_found_by_its_date_and_the_name_of_its_file_only() {
    let rig = Rig::start().await;
    let copy = created(rig.publish(&draft(&film(100_000, 1))).await.0);
    assert_eq!(found(&rig, &marker(vec![])).await, [copy.id.as_str()]);
    // A millisecond makes another copy, and so does another file.
    let mut other = marker(vec![]);
    other.stamp = Some(stamp() + TimeDelta::milliseconds(1));
    assert_eq!(found(&rig, &other).await, Vec::<String>::new());
    let mut other = marker(vec![]);
    other.files = vec!["bridge-other.mp4".into()];
    assert_eq!(found(&rig, &other).await, Vec::<String>::new());
    // Without a date the name alone decides.
    let mut undated = marker(vec![]);
    undated.stamp = None;
    assert_eq!(found(&rig, &undated).await, [copy.id.as_str()]);
    assert_eq!(found(&rig, &Marker::default()).await, Vec::<String>::new());
}

#[tokio::test]
async fn a_copy_is_found_behind_hundreds_of_others_and_private_too() {
    let rig = Rig::start().await;
    let copy = created(rig.publish(&draft(&film(100_000, 1))).await.0);
    rig.tube
        .set_privacy(&copy.id, tombolo_peertube::stand_in::Privacy::PRIVATE);
    for number in 0..250 {
        rig.clock.advance(Duration::from_secs(1));
        rig.tube.publish(NewVideo::titled(&format!("Other {number}")));
    }
    assert_eq!(found(&rig, &marker(vec![])).await, [copy.id]);
}

#[tokio::test]
async fn what_another_channel_shows_is_no_copy_here() {
    let rig = Rig::start().await;
    rig.tube.add_channel("alice", "alice_knots");
    created(rig.publish(&draft(&film(100_000, 1))).await.0);
    let there = rig.named("alice_knots");
    let account = there.identity().await.expect("an identity").account;
    let found = there
        .find(&account, &marker(vec![]), lately(&rig))
        .await
        .expect("a look");
    assert_eq!((found.copies.len(), found.blind), (0, None));
}

#[tokio::test]
async fn an_unfinished_upload_is_no_copy_and_no_reason_to_wait() {
    let rig = Rig::start().await;
    let film = film(30 << 20, 1);
    *film.breaks_at.lock().expect("no panic") = Some(20 << 20);
    let (_, notes) = rig.publish(&draft(&film)).await;
    let found = rig.find(&notes.last()).await;
    assert_eq!((found.copies.len(), found.blind), (0, None));
}

#[tokio::test]
async fn a_video_is_done_when_it_is_transcoded() {
    let rig = Rig::start().await;
    rig.tube.set(|settings| settings.transcoding = Duration::from_secs(90));
    let copy = created(rig.publish(&draft(&film(100_000, 1))).await.0);
    let destination = rig.destination();
    let mut looks = 0;
    loop {
        looks += 1;
        match destination.settled(&copy).await.expect("a look") {
            Settling::InWork { until, .. } => {
                let pause = until - rig.clock_now();
                assert!(
                    pause >= TimeDelta::seconds(5) && pause <= TimeDelta::seconds(60),
                    "{pause}"
                );
                rig.clock.set(until);
            }
            Settling::Done(done) => {
                assert_eq!(done, copy);
                break;
            }
            Settling::Failed { reason } | Settling::Gone { reason } => panic!("{reason}"),
        }
    }
    assert!((3..15).contains(&looks), "{looks}");
}

#[tokio::test]
async fn a_video_that_cannot_be_transcoded_or_was_deleted_has_failed() {
    let rig = Rig::start().await;
    rig.tube.set(|settings| settings.transcoding_fails = true);
    let copy = created(rig.publish(&draft(&film(100_000, 1))).await.0);
    rig.clock.advance(Duration::from_secs(60));
    let destination = rig.destination();
    match destination.settled(&copy).await.expect("a look") {
        Settling::Failed { reason } => assert!(reason.contains("transcode"), "{reason}"),
        other => panic!("{other:?}"),
    }
    rig.tube.delete(&copy.id);
    match destination.settled(&copy).await.expect("a look") {
        Settling::Gone { reason } => assert!(reason.contains("deleted"), "{reason}"),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_video_that_waits_for_a_moderator_is_not_done_before_it_can_be_seen() {
    let rig = Rig::start().await;
    rig.tube.set(|settings| settings.auto_blacklist = true);
    let destination = rig.destination();
    let warnings = destination.identity().await.expect("an identity").warnings;
    assert!(warnings.iter().any(|w| w.contains("moderator")), "{warnings:?}");
    let copy = created(rig.publish(&draft(&film(100_000, 1))).await.0);
    rig.clock.advance(Duration::from_secs(60));
    match destination.settled(&copy).await.expect("a look") {
        Settling::InWork { what, .. } => assert!(what.contains("moderation"), "{what}"),
        other => panic!("{other:?}"),
    }
    rig.tube.unblock(&copy.id);
    rig.clock.advance(Duration::from_secs(3600));
    match destination.settled(&copy).await.expect("a look") {
        Settling::Done(done) => assert_eq!(done.id, copy.id),
        other => panic!("{other:?}"),
    }
}
