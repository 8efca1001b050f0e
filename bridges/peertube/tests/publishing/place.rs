//! Which channel it is, what it takes, and what it refuses.

use tombolo_model::{Destination, DestinationError, Mix, PublishOutcome};
use tombolo_net::stand_in::Fault;

use crate::rig::{Rig, UPLOAD, created, draft, film, with};

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
async fn limits_are_the_contracts_and_the_quotas() {
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
    let video = limits.video.expect("video rules");
    assert_eq!((video.title, video.tags, video.tag), ((3, 120), 5, (2, 30)));
    assert!(limits.media.video_bytes > 1 << 40);

    rig.tube.set_quota("alice", Some(1_000_000), None);
    created(rig.publish(&draft(&film(600_000, 1))).await.0);
    let destination = rig.destination();
    assert_eq!(destination.limits().await.expect("limits").media.video_bytes, 400_000);
    rig.tube.set_quota("alice", Some(610_000), None);
    let warnings = destination.identity().await.expect("an identity").warnings;
    assert!(warnings.iter().any(|w| w.contains("nearly used")), "{warnings:?}");
}

#[tokio::test]
async fn a_full_quota_waits_a_day_and_says_which() {
    let rig = Rig::start().await;
    rig.tube.set_quota("alice", None, Some(1000));
    let now = rig.clock_now();
    match rig.publish(&draft(&film(600_000, 1))).await.0 {
        PublishOutcome::Throttled { until, reason } => {
            assert!(until >= now + chrono::TimeDelta::hours(24));
            assert!(reason.contains("daily quota"), "{reason}");
        }
        other => panic!("{other:?}"),
    }
    rig.tube.set_quota("alice", Some(1000), None);
    match rig.publish(&draft(&film(600_000, 1))).await.0 {
        PublishOutcome::Throttled { reason, .. } => assert!(reason.contains("delete videos"), "{reason}"),
        other => panic!("{other:?}"),
    }
    assert_eq!(rig.tube.uploaded(), []);
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
