//! Which channel it is, what it takes, and what it refuses.

use std::sync::atomic::Ordering;

use tombolo_model::{Destination, DestinationError, Mix, PublishOutcome, PublishProgress};
use tombolo_net::stand_in::Fault;

use crate::rig::{Notes, Rig, TOKEN, UPLOAD, created, draft, film, with};

#[tokio::test]
async fn a_channel_or_the_account_of_an_only_channel_is_a_place() {
    let rig = Rig::start().await;
    let by_channel = rig.destination().identity().await.expect("an identity");
    let by_account = rig.named("alice").identity().await.expect("an identity");
    assert_eq!(by_channel, by_account);
    assert_eq!(by_channel.username, "alice_channel");
    assert_eq!(
        by_channel.actor,
        Some(format!("http://{}/video-channels/alice_channel", rig.tube.host()))
    );
    let (user, channel) = by_channel.account.split_once('/').expect("user and channel");
    assert!(user.parse::<u64>().is_ok() && channel.parse::<u64>().is_ok());
    assert_eq!(by_channel.warnings, Vec::<String>::new());
}

#[tokio::test]
async fn several_channels_are_named_for_a_choice() {
    let rig = Rig::start().await;
    rig.tube.add_channel("alice", "alice_knots");
    match rig.named("alice").identity().await {
        Err(DestinationError::Malformed(reason)) => {
            assert!(reason.contains("alice_channel, alice_knots"), "{reason}");
        }
        other => panic!("{other:?}"),
    }
    let chosen = rig.named("alice_knots").identity().await.expect("an identity");
    assert_eq!(chosen.username, "alice_knots");
    match rig.named("bob").identity().await {
        Err(DestinationError::AuthLost(reason)) => assert!(reason.contains("that of alice"), "{reason}"),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn limits_are_the_contracts_and_no_quotas() {
    let rig = Rig::start().await;
    let limits = rig.destination().limits().await.expect("limits");
    assert_eq!(limits.text.max, 10_000);
    assert!(!limits.text.alone);
    assert_eq!(limits.media.mix, Mix::OneVideo);
    assert!(limits.media.resumes && !limits.media.keeps_files);
    for kind in ["video/mp4", "video/webm", "video/quicktime", "video/x-matroska"] {
        assert!(limits.media.takes(kind), "{kind}");
    }
    assert!(!limits.media.takes("image/png") && !limits.media.takes("text/plain"));
    let video = limits.video.clone().expect("video rules");
    assert_eq!((video.title, video.tags, video.tag), ((3, 120), 5, (2, 30)));
    assert!(limits.media.video_bytes > 1 << 40);

    rig.tube.set_quota("alice", Some(1_000_000), None);
    created(rig.publish(&draft(&film(600_000, 1))).await.0);
    let destination = rig.destination();
    assert_eq!(destination.limits().await.expect("limits"), limits, "a quota passes");
    rig.tube.set_quota("alice", Some(610_000), None);
    let warnings = destination.identity().await.expect("an identity").warnings;
    assert!(warnings.iter().any(|w| w.contains("nearly used")), "{warnings:?}");
}

#[tokio::test]
async fn a_quota_without_room_is_looked_at_hourly_and_goes_as_soon_as_it_is_raised() {
    let rig = Rig::start().await;
    let (now, there) = (rig.clock_now(), rig.destination());
    created(rig.publish(&draft(&film(600_000, 1))).await.0);
    let before = rig.tube.arrivals().count("POST", UPLOAD);
    let mut next = draft(&film(500_000, 2));
    next.media[0].file_name = "bridge-aaaaaaaaaaaaaaaaaaaaaaaa.mp4".into();
    for (all, daily, words) in [
        (
            Some(601_000),
            None,
            "the account's quota of 601000 bytes is used up: 1000 bytes left",
        ),
        (
            None,
            Some(602_000),
            "the account's daily quota of 602000 bytes is used up: 2000 bytes left",
        ),
    ] {
        rig.tube.set_quota("alice", all, daily);
        let mut notes = Notes::default();
        let outcome = there
            .publish(&next, PublishProgress::default(), &mut notes, &rig.meter)
            .await;
        match outcome {
            PublishOutcome::Throttled { until, reason } => {
                assert_eq!(until - now, chrono::TimeDelta::hours(1));
                assert!(reason.contains(words), "{reason}");
            }
            other => panic!("{other:?}"),
        }
        assert_eq!(
            (notes.all.len(), rig.tube.arrivals().count("POST", UPLOAD)),
            (0, before)
        );
    }
    rig.tube.set_quota("alice", Some(1_100_000), None);
    let mut notes = Notes::default();
    created(
        there
            .publish(&next, PublishProgress::default(), &mut notes, &rig.meter)
            .await,
    );
    assert_eq!(rig.tube.uploaded().len(), 2);
}

#[tokio::test]
async fn a_quota_that_fills_up_in_between_waits_too() {
    let rig = Rig::start().await;
    let kind = vec![("content-type".to_owned(), "application/problem+json".to_owned())];
    let full =
        r#"{"type":"about:blank","detail":"The user video quota is exceeded","status":413,"code":"quota_reached"}"#;
    rig.tube
        .faults()
        .next("POST", UPLOAD, 1, Fault::Answer(413, kind, full.into()));
    match rig.publish(&draft(&film(600_000, 1))).await.0 {
        PublishOutcome::Throttled { reason, .. } => assert!(reason.contains("quota is exceeded"), "{reason}"),
        other => panic!("{other:?}"),
    }
    assert_eq!(rig.tube.uploaded(), []);
}

#[tokio::test]
async fn a_dry_run_that_was_never_signed_in_sees_the_same_place_from_outside() {
    let rig = Rig::start().await;
    rig.store.dry.store(true, Ordering::Relaxed);
    let mut seen = Vec::new();
    for handle in ["alice_channel", "alice"] {
        let there = rig.named(handle);
        let mut identity = there.identity().await.expect("an identity");
        let warnings = std::mem::take(&mut identity.warnings);
        assert!(warnings[0].contains("not signed in"), "{warnings:?}");
        assert!(there.limits().await.expect("limits").media.takes("video/mp4"));
        seen.push(identity);
    }
    assert_eq!(rig.tube.arrivals().count("POST", TOKEN), 0);
    match rig.named("nobody").identity().await {
        Err(DestinationError::Malformed(reason)) => assert!(reason.contains("no channel nobody"), "{reason}"),
        other => panic!("{other:?}"),
    }
    // Without a password there is nothing that could be signed in with later.
    let password = rig.store.password.lock().expect("no panic").take();
    let missing = rig.destination().identity().await;
    assert!(matches!(missing, Err(DestinationError::AuthLost(_))), "{missing:?}");
    *rig.store.password.lock().expect("no panic") = password;
    rig.store.dry.store(false, Ordering::Relaxed);
    let signed_in = rig.destination().identity().await.expect("signed in");
    assert_eq!(seen, [signed_in.clone(), signed_in]);
}

#[tokio::test]
async fn refused_fields_are_named_before_any_byte_is_sent() {
    let rig = Rig::start().await;
    let long = with(draft(&film(600_000, 1)), |video| video.title = "x".repeat(121));
    let tags = with(draft(&film(600_000, 1)), |video| video.tags = vec!["x".into()]);
    for (draft, field) in [(long, "name"), (tags, "tags")] {
        match rig.publish(&draft).await.0 {
            PublishOutcome::Rejected { reason } => assert!(reason.contains(field), "{reason}"),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(rig.tube.arrivals().count("PUT", UPLOAD), 0);
    let mut text = draft(&film(600_000, 1));
    text.media[0].media_type = "text/plain".into();
    let outcome = rig.publish(&text).await.0;
    assert!(
        matches!(outcome, PublishOutcome::MediaRejected { index: 0, .. }),
        "{outcome:?}"
    );
}

#[tokio::test]
async fn a_veto_is_a_refusal_and_a_proxys_page_is_not() {
    let rig = Rig::start().await;
    let kind = vec![("content-type".to_owned(), "application/problem+json".to_owned())];
    let veto = r#"{"type":"about:blank","detail":"Not in this town","status":403}"#;
    rig.tube
        .faults()
        .next("POST", UPLOAD, 1, Fault::Answer(403, kind, veto.into()));
    match rig.publish(&draft(&film(600_000, 1))).await.0 {
        PublishOutcome::Rejected { reason } => assert!(reason.contains("Not in this town"), "{reason}"),
        other => panic!("{other:?}"),
    }
    rig.tube.faults().next(
        "POST",
        UPLOAD,
        1,
        Fault::Answer(403, vec![], "<h1>Forbidden</h1>".into()),
    );
    let outcome = rig.publish(&draft(&film(600_000, 1))).await.0;
    assert!(matches!(outcome, PublishOutcome::TryLater { .. }), "{outcome:?}");
}
