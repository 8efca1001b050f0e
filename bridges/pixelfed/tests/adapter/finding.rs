//! After a crash or a lost answer: what exists is found and adopted, what doesn't is made once.

use std::time::Duration;

use tombolo_model::{
    Clock, Copy, Destination, DestinationError, Draft, Found, IdempotencyKey, Marker, PublishOutcome, Window,
};
use tombolo_net::stand_in::Fault;

use crate::rig::{NAME, Notes, Rig, draft, photo, publish};

const LINK: &str = "https://v.example/w/abc";

fn text() -> String {
    format!("I <3 you\n\n{LINK}")
}

fn marker(notes: &Notes) -> Marker {
    Marker {
        links: [LINK.to_owned()].into(),
        opening: "i3youhttps".into(),
        media: notes.progress.uploaded.iter().map(|m| m.id.clone()).collect(),
        ..Marker::default()
    }
}

async fn find(rig: &Rig, marker: &Marker) -> Result<Found, DestinationError> {
    let account = rig.pixelfed.account_id(NAME).expect("an account");
    let since = rig.clock.now();
    rig.destination().find(&account, marker, Window { since }).await
}

async fn found(rig: &Rig, marker: &Marker) -> Vec<Copy> {
    let found = find(rig, marker).await.expect("a look");
    assert_eq!(found.blind, None);
    found.copies
}

fn again(draft: &Draft) -> Draft {
    Draft {
        key: IdempotencyKey::from_random([77; 16]),
        ..draft.clone()
    }
}

#[tokio::test]
async fn a_post_whose_answer_was_lost_is_found_by_its_media() {
    let rig = Rig::start().await;
    let draft = draft(&text(), vec![photo(1, ""), photo(2, "")], 1);
    let mut notes = Notes::default();
    rig.pixelfed
        .faults()
        .next("POST", "/api/v1/statuses", 1, Fault::CutAfter);
    let outcome = publish(&rig.destination(), &draft, &mut notes).await;
    assert!(matches!(outcome, PublishOutcome::Unknown { .. }), "{outcome:?}");
    let copies = found(&rig, &marker(&notes)).await;
    assert_eq!(copies.len(), 1);
    assert_eq!(copies[0].uri, rig.only().url);
}

#[tokio::test]
async fn it_is_found_among_hundreds_of_later_ones_and_by_link_and_opening_alone() {
    let rig = Rig::start().await;
    let draft = draft(&text(), vec![photo(1, "")], 1);
    publish(&rig.destination(), &draft, &mut Notes::default()).await;
    let copy = rig.only();
    rig.publish_many(100);
    let nothing_noted = marker(&Notes::default());
    assert_eq!(found(&rig, &nothing_noted).await[0].uri, copy.url);
    let another = Marker {
        opening: "another".into(),
        ..nothing_noted
    };
    assert_eq!(found(&rig, &another).await, []);
}

#[tokio::test]
async fn what_was_uploaded_is_used_again_when_no_post_took_it() {
    let rig = Rig::start().await;
    let draft = draft(&text(), vec![photo(1, ""), photo(2, "")], 1);
    let mut notes = Notes::default();
    rig.pixelfed
        .faults()
        .next("POST", "/api/v1/statuses", 1, Fault::CutBefore);
    let outcome = publish(&rig.destination(), &draft, &mut notes).await;
    assert!(matches!(outcome, PublishOutcome::Unknown { .. }), "{outcome:?}");
    assert_eq!(found(&rig, &marker(&notes)).await, []);
    let outcome = publish(&rig.destination(), &again(&draft), &mut notes).await;
    assert!(matches!(outcome, PublishOutcome::Published(_)), "{outcome:?}");
    assert_eq!(rig.pixelfed.uploads().len(), 2);
    assert_eq!(rig.only().media.len(), 2);
}

#[tokio::test]
async fn after_a_crash_between_uploads_only_the_rest_is_sent() {
    let rig = Rig::start().await;
    let draft = draft(&text(), vec![photo(1, "one"), photo(2, "two")], 1);
    let mut notes = Notes::default();
    rig.pixelfed.faults().add(tombolo_net::stand_in::FaultRule {
        method: "POST".into(),
        path: "/api/v2/media".into(),
        skip: 1,
        times: 1,
        fault: Fault::CutBefore,
    });
    let outcome = publish(&rig.destination(), &draft, &mut notes).await;
    assert!(matches!(outcome, PublishOutcome::TryLater { .. }), "{outcome:?}");
    publish(&rig.destination(), &draft, &mut notes).await;
    assert_eq!(rig.pixelfed.uploads().len(), 2);
    let alts: Vec<_> = rig.only().media.into_iter().filter_map(|m| m.description).collect();
    assert_eq!(alts, ["one", "two"]);
}

#[tokio::test]
async fn a_repeat_with_taken_media_makes_no_second_post() {
    let rig = Rig::start().await;
    let first = draft(&text(), vec![photo(1, "")], 1);
    let mut notes = Notes::default();
    publish(&rig.destination(), &first, &mut notes).await;
    // The same key again, and the same file with another key, as if the server had taken it after our question.
    let still_free = Fault::Answer(
        200,
        vec![("content-type".into(), "application/json".into())],
        "{}".into(),
    );
    for draft in [first.clone(), again(&first)] {
        rig.pixelfed
            .faults()
            .next("GET", "/api/v1/media/", 1, still_free.clone());
        let outcome = publish(&rig.destination(), &draft, &mut notes).await;
        assert!(matches!(outcome, PublishOutcome::Unknown { .. }), "{outcome:?}");
    }
    assert_eq!(found(&rig, &marker(&notes)).await.len(), 1);
    rig.only();
}

#[tokio::test]
async fn files_that_the_server_cleared_away_are_sent_again() {
    for errors in [
        tombolo_pixelfed::stand_in::Errors::All500,
        tombolo_pixelfed::stand_in::Errors::Proper,
    ] {
        let rig = Rig::with(|options| options.errors = errors).await;
        let draft = draft(&text(), vec![photo(1, "")], 1);
        let mut notes = Notes::default();
        rig.pixelfed
            .faults()
            .next("POST", "/api/v1/statuses", 1, Fault::CutBefore);
        publish(&rig.destination(), &draft, &mut notes).await;
        // Believed for less than the two hours that the server keeps them.
        rig.clock.advance(Duration::from_secs(101 * 60));
        let outcome = publish(&rig.destination(), &again(&draft), &mut notes).await;
        assert!(matches!(outcome, PublishOutcome::Published(_)), "{outcome:?}");
        assert_eq!(rig.only().media.len(), 1);
    }
}

#[tokio::test]
async fn media_swallowed_by_a_hidden_draft_are_sent_again() {
    for errors in [
        tombolo_pixelfed::stand_in::Errors::All500,
        tombolo_pixelfed::stand_in::Errors::Proper,
    ] {
        let rig = Rig::with(|options| options.errors = errors).await;
        let draft = draft(&text(), vec![photo(1, ""), photo(2, "")], 1);
        let mut notes = Notes::default();
        rig.pixelfed
            .faults()
            .next("POST", "/api/v1/statuses", 1, Fault::CutBefore);
        publish(&rig.destination(), &draft, &mut notes).await;
        // The second file is lost, and the server says of both that they are there.
        notes.progress.uploaded[1].id = "999999".into();
        let still_free = Fault::Answer(
            200,
            vec![("content-type".into(), "application/json".into())],
            "{}".into(),
        );
        rig.pixelfed.faults().next("GET", "/api/v1/media/", 2, still_free);
        let outcome = publish(&rig.destination(), &again(&draft), &mut notes).await;
        assert!(
            matches!(
                outcome,
                PublishOutcome::TryLater { .. } | PublishOutcome::Unknown { .. }
            ),
            "{outcome:?}"
        );
        assert_eq!(found(&rig, &marker(&notes)).await, []);
        let third = Draft {
            key: IdempotencyKey::from_random([78; 16]),
            ..draft.clone()
        };
        let outcome = publish(&rig.destination(), &third, &mut notes).await;
        assert!(matches!(outcome, PublishOutcome::Published(_)), "{outcome:?}");
        let seen: Vec<_> = rig.pixelfed.statuses(NAME).into_iter().filter(|s| s.listed).collect();
        assert_eq!((seen.len(), seen[0].media.len()), (1, 2));
    }
}

#[tokio::test]
async fn what_cant_be_seen_is_never_taken_for_absent() {
    let rig = Rig::start().await;
    rig.publish_many(2);
    let nothing = marker(&Notes::default());
    rig.pixelfed.set_maintenance(true);
    assert!(matches!(
        find(&rig, &nothing).await,
        Err(DestinationError::Transient(_))
    ));
    rig.pixelfed.set_maintenance(false);
    let page = Fault::Answer(
        200,
        vec![("content-type".into(), "text/html".into())],
        "<html></html>".into(),
    );
    rig.pixelfed.faults().next("GET", "/api/v1/accounts/", 1, page);
    assert!(matches!(
        find(&rig, &nothing).await,
        Err(DestinationError::Malformed(_))
    ));
    rig.pixelfed.revoke(&rig.token);
    assert!(matches!(find(&rig, &nothing).await, Err(DestinationError::AuthLost(_))));
}

#[tokio::test]
async fn comments_are_in_no_list_and_their_absence_proves_nothing() {
    let rig = Rig::start().await;
    let reply = Marker {
        reply_to: Some("1".into()),
        ..marker(&Notes::default())
    };
    let look = find(&rig, &reply).await.expect("a look");
    assert!(look.blind.is_some_and(|why| why.contains("comments")));
}
