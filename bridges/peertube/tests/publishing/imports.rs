//! Letting the instance fetch the file.

use std::time::Duration;

use tombolo_model::{Destination, Draft, Marker, PublishOutcome, Settling, Step, Window};
use tombolo_net::stand_in::Fault;
use tombolo_peertube::stand_in::{FileBody, ImportOutcome};
use url::Url;

use crate::rig::{Rig, UPLOAD, created, draft, film, stamp, with};

const FROM: &str = "https://files.example/knots.mp4";
const IMPORTS: &str = "/api/v1/videos/imports";

fn import(from: &str) -> Draft {
    with(draft(&film(1, 1)), |video| {
        video.import = Some(Url::parse(from).expect("a URL"));
    })
}

fn brings() -> ImportOutcome {
    ImportOutcome::Brings(FileBody::Synthetic {
        bytes: 100_000,
        seed: 3,
    })
}

async fn find(rig: &Rig) -> Vec<String> {
    let marker = Marker {
        import: Some(FROM.into()),
        stamp: Some(stamp()),
        ..Marker::default()
    };
    find_by(rig, marker).await
}

async fn find_by(rig: &Rig, marker: Marker) -> Vec<String> {
    let destination = rig.destination();
    let account = destination.identity().await.expect("an identity").account;
    let window = Window {
        since: rig.clock_now() - chrono::TimeDelta::hours(1),
    };
    let found = destination.find(&account, &marker, window).await.expect("a look");
    assert_eq!(found.blind, None);
    found.copies.into_iter().map(|copy| copy.id).collect()
}

#[tokio::test]
async fn the_instance_fetches_the_file_itself() {
    let rig = Rig::start().await;
    rig.tube.on_import(FROM, brings());
    let (outcome, notes) = rig.publish(&import(FROM)).await;
    let copy = created(outcome);
    assert_eq!(
        notes.all.iter().map(|(step, _)| *step).collect::<Vec<_>>(),
        [Step::Post]
    );
    assert_eq!(rig.tube.arrivals().count("POST", UPLOAD), 0);
    let destination = rig.destination();
    let settling = destination.settled(&copy).await.expect("a look");
    assert!(matches!(settling, Settling::InWork { .. }), "{settling:?}");
    rig.clock.advance(Duration::from_secs(120));
    let settling = destination.settled(&copy).await.expect("a look");
    assert!(matches!(settling, Settling::Done(_)), "{settling:?}");
    let video = rig.only();
    assert_eq!(video.target_url.as_deref(), Some(FROM));
    assert_eq!(video.details.originally_published_at, Some(stamp()));
    assert_eq!(find(&rig).await, [copy.id]);
}

#[tokio::test]
async fn a_refused_import_is_a_refused_form_of_the_file() {
    let rig = Rig::start().await;
    rig.tube.on_import(FROM, ImportOutcome::Unreachable);
    // Unreachable, an address of the instance's own network, and switched off.
    for (from, off) in [(FROM, false), ("http://127.0.0.1:9/x.mp4", false), (FROM, true)] {
        rig.tube.set(|settings| settings.url_imports = !off);
        let (outcome, _) = rig.publish(&import(from)).await;
        assert!(
            matches!(outcome, PublishOutcome::MediaRejected { index: 0, .. }),
            "{outcome:?}"
        );
    }
    assert_eq!(rig.tube.uploaded(), []);
    assert_eq!(find(&rig).await, Vec::<String>::new());
}

#[tokio::test]
async fn an_address_with_a_password_is_never_handed_on() {
    let rig = Rig::start().await;
    let (outcome, _) = rig.publish(&import("https://me:s3cret@files.example/knots.mp4")).await;
    match outcome {
        PublishOutcome::MediaRejected { reason, .. } => assert!(!reason.contains("s3cret"), "{reason}"),
        other => panic!("{other:?}"),
    }
    assert_eq!(rig.tube.arrivals().count("POST", IMPORTS), 0);
}

#[tokio::test]
async fn a_lost_answer_to_an_import_is_unknown_and_found() {
    let rig = Rig::start().await;
    rig.tube.on_import(FROM, brings());
    rig.tube.faults().next("POST", IMPORTS, 1, Fault::CutAfter);
    let (outcome, _) = rig.publish(&import(FROM)).await;
    assert!(matches!(outcome, PublishOutcome::Unknown { .. }), "{outcome:?}");
    assert_eq!(rig.tube.arrivals().count("POST", IMPORTS), 1);
    assert_eq!(find(&rig).await, [rig.only().uuid]);
}

#[tokio::test]
async fn an_import_that_fails_later_has_failed_and_is_no_copy() {
    let rig = Rig::start().await;
    rig.tube.on_import(FROM, ImportOutcome::Fails("ffprobe exited".into()));
    let copy = created(rig.publish(&import(FROM)).await.0);
    rig.clock.advance(Duration::from_secs(120));
    match rig.destination().settled(&copy).await.expect("a look") {
        Settling::Failed { reason } | Settling::Gone { reason } => assert!(reason.contains("import"), "{reason}"),
        other => panic!("{other:?}"),
    }
    assert_eq!(find(&rig).await, Vec::<String>::new());
}

#[tokio::test]
async fn an_import_is_found_by_its_address_alone_and_no_other_is() {
    let rig = Rig::start().await;
    rig.tube.on_import(FROM, brings());
    let copy = created(rig.publish(&import(FROM)).await.0);
    let of = |address: &str| Marker {
        import: Some(address.into()),
        ..Marker::default()
    };
    // While it is being fetched, and when it is there.
    for _ in 0..2 {
        assert_eq!(find_by(&rig, of(FROM)).await, [copy.id.as_str()]);
        rig.clock.advance(Duration::from_secs(120));
    }
    assert_eq!(
        find_by(&rig, of("https://files.example/other.mp4")).await,
        Vec::<String>::new()
    );
    // The same file with another date is another copy.
    let mut other = of(FROM);
    other.stamp = Some(stamp() + chrono::TimeDelta::milliseconds(1));
    assert_eq!(find_by(&rig, other).await, Vec::<String>::new());
    // In another channel it isn't the copy of this one.
    rig.tube.add_channel("alice", "alice_knots");
    let there = rig.named("alice_knots");
    let account = there.identity().await.expect("an identity").account;
    let window = Window {
        since: rig.clock_now() - chrono::TimeDelta::hours(1),
    };
    let found = there.find(&account, &of(FROM), window).await.expect("a look");
    assert_eq!(found.copies, []);
}
