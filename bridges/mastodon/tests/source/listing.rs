//! What is listed, and what isn't.

use chrono::TimeDelta;
use tombolo_mastodon::Read;
use tombolo_mastodon::stand_in::{NewStatus, OutboxForm, Ways};
use tombolo_model::{Clock, Completeness, Cursor, Poll, Source, SourceError, Visibility};
use tombolo_net::stand_in::{Fault, FaultRule};

use crate::rig::{Rig, ids, scanned};

const FULL: [(Read, bool); 3] = [(Read::Api, true), (Read::Api, false), (Read::Outbox, false)];

#[tokio::test]
async fn every_reader_lists_the_same_posts_and_nothing_that_is_not_for_everybody() {
    let rig = Rig::start().await;
    let mut expected = rig.publish_many(45);
    for visibility in ["private", "direct", "limited"] {
        rig.toots
            .post("me", "not for everybody", visibility)
            .expect("it is published");
    }
    let quiet = rig.toots.post("me", "quiet", "unlisted").expect("it is published");
    let reply = NewStatus::new("and more").reply_to(&quiet.id);
    let reply = rig.toots.publish("me", reply).expect("it is published");
    let quiet_id = quiet.uri.clone();
    expected.extend([quiet.uri, reply.uri]);
    let others = rig.toots.post("other", "theirs", "public").expect("it is published");
    rig.toots.boost("me", &others.id).expect("it is boosted");
    rig.toots
        .boost("me", &quiet.id)
        .expect("an own post can be boosted too");
    expected.sort();
    for (read, with_token) in FULL {
        let source = rig.source(read, with_token.then_some(rig.token.as_str()));
        let listing = scanned(&source).await;
        // The account says how many there are, boosts and what only some may see included.
        assert!(listing.complete || read == Read::Api, "{read:?}");
        assert_eq!(ids(&listing), expected, "{read:?} {with_token}");
        for sighting in &listing.sightings {
            let quiet = sighting.id.as_str() == quiet_id;
            let shown = if quiet {
                Visibility::Unlisted
            } else {
                Visibility::Public
            };
            assert_eq!(sighting.visibility, Some(shown), "{read:?}");
        }
        assert_eq!(
            source.reader().await.expect("a reader").completeness,
            Completeness::Complete
        );
    }
}

#[tokio::test]
async fn a_poll_without_news_is_one_request() {
    let rig = Rig::start().await;
    rig.publish_many(45);
    for (read, with_token) in FULL {
        let source = rig.source(read, with_token.then_some(rig.token.as_str()));
        let cursor = scanned(&source).await.cursor;
        rig.toots.arrivals().clear();
        assert_eq!(source.poll(&cursor).await.expect("it can be read"), Poll::Unchanged);
        assert_eq!(rig.toots.arrivals().all().len(), 1, "{read:?}");
    }
}

#[tokio::test]
async fn a_poll_brings_what_is_new_however_much_that_is() {
    let rig = Rig::start().await;
    rig.publish_many(3);
    for (read, with_token) in FULL {
        let source = rig.source(read, with_token.then_some(rig.token.as_str()));
        let cursor = scanned(&source).await.cursor;
        let new = rig.publish_many(130);
        let Poll::Seen(listing) = source.poll(&cursor).await.expect("it can be read") else {
            panic!("there is news");
        };
        let seen = ids(&listing);
        assert!(new.iter().all(|id| seen.contains(id)), "{read:?}");
        assert!(!listing.scan_needed);
        let again = source.poll(&listing.cursor).await.expect("it can be read");
        assert_eq!(again, Poll::Unchanged, "{read:?}");
    }
}

#[tokio::test]
async fn a_gap_is_closed_only_by_what_lies_in_it() {
    let rig = Rig::start().await;
    rig.publish_many(3);
    let source = rig.with_token();
    let cursor = scanned(&source).await.cursor;
    let new = rig.publish_many(100);
    rig.toots.set_ways(Ways {
        min_id: false,
        ..Ways::default()
    });
    let Poll::Seen(listing) = source.poll(&cursor).await.expect("it can be read") else {
        panic!("there is news");
    };
    assert!(listing.sightings.len() < new.len());
    assert!(listing.scan_needed, "what lies between was not seen");
}

#[tokio::test]
async fn an_edit_among_the_newest_shows_in_a_poll() {
    let rig = Rig::start().await;
    let old = rig.toots.post("me", "first", "public").expect("it is published");
    let source = rig.with_token();
    let cursor = scanned(&source).await.cursor;
    assert!(rig.toots.edit(&old.id, "changed"));
    let Poll::Seen(listing) = source.poll(&cursor).await.expect("it can be read") else {
        panic!("there is news");
    };
    assert_eq!(listing.sightings[0].title.as_deref(), Some("changed"));
}

#[tokio::test]
async fn a_server_that_ignores_parameters_is_a_window_and_does_not_keep_us_for_ever() {
    let rig = Rig::start().await;
    rig.toots.set_ways(Ways {
        pages: false,
        ..Ways::default()
    });
    let all = rig.publish_many(300);
    let source = rig.with_token();
    let listing = scanned(&source).await;
    assert_eq!(ids(&listing), all[300 - 256..]);
    assert!(!listing.complete);
    let reader = source.reader().await.expect("a reader");
    assert_eq!(reader.completeness, Completeness::Window(256));
    assert!(reader.why.contains("newest 256"), "{}", reader.why);
    let new = rig.publish_many(1);
    let Poll::Seen(listing) = source.poll(&listing.cursor).await.expect("it can be read") else {
        panic!("there is news");
    };
    assert!(ids(&listing).contains(&new[0]));
}

#[tokio::test]
async fn a_small_account_where_parameters_are_ignored_is_read_too() {
    let rig = Rig::start().await;
    rig.toots.set_ways(Ways {
        pages: false,
        ..Ways::default()
    });
    let source = rig.with_token();
    assert_eq!(
        source.reader().await.expect("a reader").completeness,
        Completeness::Complete
    );
    let all = rig.publish_many(5);
    let listing = scanned(&source).await;
    assert_eq!(ids(&listing), all);
    assert!(!listing.complete, "what lies beyond can't be known there");
}

#[tokio::test]
async fn a_feed_lists_the_newest_twenty() {
    let rig = Rig::start().await;
    let all = rig.publish_many(30);
    rig.toots
        .post("me", "not for everybody", "private")
        .expect("it is published");
    let source = rig.source(Read::Rss, None);
    let listing = scanned(&source).await;
    assert_eq!(ids(&listing), all[10..]);
    assert!(!listing.complete);
    assert_eq!(
        source.reader().await.expect("a reader").completeness,
        Completeness::Window(20)
    );
    assert_eq!(
        source.poll(&listing.cursor).await.expect("it can be read"),
        Poll::Unchanged
    );
    let new = rig.publish_many(1);
    rig.toots.arrivals().clear();
    let Poll::Seen(listing) = source.poll(&listing.cursor).await.expect("it can be read") else {
        panic!("there is news");
    };
    assert_eq!(ids(&listing)[19], new[0]);
    let asked = rig.toots.arrivals().all().len();
    assert!(asked <= 3, "the feed, and the new post only: {asked}");
}

#[tokio::test]
async fn an_outbox_in_one_piece_is_read_and_not_taken_for_everything() {
    let rig = Rig::start().await;
    rig.toots.set_ways(Ways {
        outbox: OutboxForm::OnePiece,
        ..Ways::default()
    });
    let all = rig.publish_many(25);
    let source = rig.source(Read::Outbox, None);
    let listing = scanned(&source).await;
    assert_eq!(ids(&listing), all[5..]);
    assert!(!listing.complete);
    assert_eq!(
        source.reader().await.expect("a reader").completeness,
        Completeness::BestEffort
    );
}

/// Nothing more is read before a quarter of an hour has passed, so many times.
fn asks_for_patience(rig: &Rig, path: &str, skip: u32, times: u32) {
    let wait = vec![("retry-after".to_owned(), "900".to_owned())];
    rig.toots.faults().add(FaultRule {
        method: "GET".into(),
        path: path.into(),
        skip,
        times,
        fault: Fault::Answer(429, wait, String::new()),
    });
}

#[tokio::test]
async fn a_scan_waits_for_the_server_but_not_for_ever_and_a_poll_comes_back_later() {
    for (read, pages) in [(Read::Api, 1), (Read::Outbox, 2)] {
        let rig = Rig::start().await;
        let all = rig.publish_many(100);
        let source = rig.source(read, (read == Read::Api).then_some(rig.token.as_str()));
        let cursor = scanned(&source).await.cursor;
        let path = match read {
            Read::Outbox => &format!("/ap/users/{}/outbox", rig.toots.account_id("me").expect("an account")),
            _ => "/api/v1/accounts/",
        };

        let began = rig.clock.now();
        asks_for_patience(&rig, path, pages, 2);
        let listing = scanned(&source).await;
        assert!(listing.complete, "{read:?}");
        assert_eq!(ids(&listing), all, "{read:?}");
        let waited = rig.clock.now() - began;
        assert!(
            waited > TimeDelta::minutes(30) && waited < TimeDelta::minutes(32),
            "{read:?} {waited}"
        );

        rig.toots.faults().clear();
        asks_for_patience(&rig, path, pages, u32::MAX);
        let began = rig.clock.now();
        let result = source.scan(&Cursor::default()).await;
        assert!(
            matches!(result, Err(SourceError::Throttled { .. })),
            "{read:?} {result:?}"
        );
        assert!(rig.clock.now() - began < TimeDelta::minutes(90), "{read:?}");

        rig.toots.faults().clear();
        rig.clock.advance(std::time::Duration::from_secs(3600));
        asks_for_patience(&rig, path, 0, u32::MAX);
        let began = rig.clock.now();
        let result = source.poll(&cursor).await;
        assert!(
            matches!(result, Err(SourceError::Throttled { .. })),
            "{read:?} {result:?}"
        );
        assert!(rig.clock.now() - began < TimeDelta::minutes(1), "{read:?}");
    }
}
