//! What scans and polls of the stand-in show, and what they cost.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::json;
use tombolo_model::{Clock, Cursor, Listing, Poll, Source, SourceError};
use tombolo_net::stand_in::{Fault, FaultRule};
use tombolo_peertube::stand_in::{NewVideo, Privacy, Published, State};
use tombolo_peertube::{PeerTube, Read};

use crate::rig::{BOTH, HANDLES, Rig, fetched, id, ids, is_not_public, listed, scan, seen};

/// A source for each reader and handle.
fn all_sources(rig: &Rig) -> Vec<(String, PeerTube)> {
    let pairs = BOTH.into_iter().flat_map(|read| HANDLES.map(|handle| (read, handle)));
    pairs
        .map(|(read, handle)| (format!("{read:?} of {handle}"), rig.source(read, handle)))
        .collect()
}

async fn poll(source: &PeerTube, cursor: &Cursor) -> Listing {
    seen(source.poll(cursor).await)
}

fn shows(listing: &Listing, video: &Published) -> bool {
    listing.sightings.iter().any(|s| s.id == id(&video.id))
}

#[tokio::test]
async fn a_scan_shows_every_public_video_and_nothing_else_by_either_reader_from_either_handle() {
    let rig = Rig::start().await;
    let mut public = rig.publish_many(35);
    rig.publish_hidden();
    public.extend(rig.publish_many(35));
    for (what, source) in all_sources(&rig) {
        assert_eq!(listed(&scan(&source).await), ids(&public), "{what}");
    }
}

#[tokio::test]
async fn a_scan_reads_past_the_largest_page_of_the_rest_list() {
    let rig = Rig::start().await;
    let public = rig.publish_many(230);
    let source = rig.source(Read::Api, "alice_channel");
    source.reader().await.expect("it is found");
    rig.tube.arrivals().clear();
    assert_eq!(listed(&scan(&source).await), ids(&public));
    // Three pages, and the head again.
    assert_eq!(rig.tube.arrivals().all().len(), 4);
}

#[tokio::test]
async fn a_creator_without_videos_has_an_empty_complete_list() {
    let rig = Rig::start().await;
    for (what, source) in all_sources(&rig) {
        assert!(scan(&source).await.sightings.is_empty(), "{what}");
    }
    rig.publish_hidden();
    for (what, source) in all_sources(&rig) {
        assert!(scan(&source).await.sightings.is_empty(), "{what}");
        assert!(poll(&source, &Cursor::default()).await.sightings.is_empty(), "{what}");
    }
}

#[tokio::test]
async fn an_unlisted_video_is_never_listed_even_where_outboxes_show_it() {
    let rig = Rig::with(|options| options.federate_unlisted = true).await;
    let public = rig.publish_many(12);
    rig.publish_hidden();
    // One that was announced while it was public.
    let turned = rig.publish(NewVideo::titled("Turned"));
    rig.tube.set_privacy(&turned.uuid, Privacy::UNLISTED);
    for (what, source) in all_sources(&rig) {
        assert_eq!(listed(&scan(&source).await), ids(&public), "{what}");
        let newest = listed(&poll(&source, &Cursor::default()).await);
        assert!(newest.is_subset(&ids(&public)), "{what}");
    }
}

#[tokio::test]
async fn only_the_channels_own_videos_are_listed_for_a_channel_and_all_for_an_account() {
    let rig = Rig::start().await;
    rig.tube.add_channel("alice", "second");
    rig.tube.add_account("bob");
    rig.tube.add_channel("bob", "bobs");
    let first = rig.publish_many(2);
    let second = [rig.publish(NewVideo::titled("Second").channel("second"))];
    rig.publish(NewVideo::titled("Bob's").channel("bobs"));
    for read in BOTH {
        assert_eq!(listed(&scan(&rig.source(read, "alice_channel")).await), ids(&first));
        assert_eq!(listed(&scan(&rig.source(read, "second")).await), ids(&second));
        assert_eq!(
            listed(&scan(&rig.source(read, "alice")).await),
            ids(first.iter().chain(&second))
        );
    }
}

#[tokio::test]
async fn a_video_that_is_still_transcoding_is_never_ready() {
    let rig = Rig::start().await;
    let hidden = rig.publish(NewVideo::titled("Waits").transcoding());
    let shown = rig.publish(NewVideo {
        wait_transcoding: false,
        ..NewVideo::titled("Doesn't wait").transcoding()
    });
    for (what, source) in all_sources(&rig) {
        let listing = scan(&source).await;
        for video in [&hidden, &shown] {
            for sighting in listing.sightings.iter().filter(|s| s.id == id(&video.id)) {
                assert_ne!(sighting.ready, Some(true), "{what}");
            }
            assert_eq!(source.is_ready(&id(&video.id)).await, Ok(false), "{what}");
        }
    }
    // REST hides the one that waits (contract §5).
    let api = scan(&rig.source(Read::Api, "alice")).await;
    assert!(shows(&api, &shown) && !shows(&api, &hidden));
    // An account's outbox shows both, and says how far they are.
    let outbox = scan(&rig.source(Read::Outbox, "alice")).await;
    assert_eq!(listed(&outbox), ids([&hidden, &shown]));
    assert!(outbox.sightings.iter().all(|s| s.ready == Some(false)));

    rig.tube.finish(&hidden.uuid);
    rig.tube.finish(&shown.uuid);
    for (what, source) in all_sources(&rig) {
        assert_eq!(listed(&scan(&source).await), ids([&hidden, &shown]), "{what}");
        assert_eq!(source.is_ready(&id(&hidden.id)).await, Ok(true), "{what}");
    }
}

#[tokio::test]
async fn a_pending_import_breaks_the_accounts_outbox_for_a_while_and_nothing_else() {
    let rig = Rig::start().await;
    let others = rig.publish_many(3);
    let import = rig.publish(NewVideo::titled("Import").importing());
    for (what, source) in all_sources(&rig) {
        if what == "Outbox of alice" {
            let error = source.scan(&Cursor::default()).await.expect_err("the outbox crashes");
            assert!(
                matches!(&error, SourceError::Transient(text) if text.contains("500")),
                "{error}"
            );
            // Nor can the video itself be read.
            assert!(matches!(
                source.fetch(&id(&import.id)).await,
                Err(SourceError::Transient(_))
            ));
        } else {
            assert_eq!(listed(&scan(&source).await), ids(&others), "{what}");
        }
    }
    rig.tube.finish(&import.uuid);
    for (what, source) in all_sources(&rig) {
        assert_eq!(
            listed(&scan(&source).await),
            ids(others.iter().chain([&import])),
            "{what}"
        );
    }
}

#[tokio::test]
async fn a_blocked_video_is_not_public_by_either_reader() {
    let rig = Rig::start().await;
    let video = rig.publish(NewVideo::titled("Blocked"));
    rig.tube.block(&video.uuid, "spam");
    for (what, source) in all_sources(&rig) {
        // The outbox still lists it (contract §3.2).
        assert_eq!(
            shows(&scan(&source).await, &video),
            what.starts_with("Outbox"),
            "{what}"
        );
        is_not_public(&source, &id(&video.id)).await;
    }
    rig.tube.unblock(&video.uuid);
    for (_, source) in all_sources(&rig) {
        assert!(shows(&scan(&source).await, &video));
        fetched(&source, &id(&video.id)).await;
    }
}

#[tokio::test]
async fn a_sensitive_video_is_listed_where_the_instance_hides_such() {
    // The stand-in's policy is `do_not_list` unless said otherwise.
    let rig = Rig::start().await;
    let video = rig.publish(NewVideo::titled("Sensitive").sensitive());
    for (what, source) in all_sources(&rig) {
        assert!(shows(&scan(&source).await, &video), "{what}");
        assert!(shows(&poll(&source, &Cursor::default()).await, &video), "{what}");
        assert!(fetched(&source, &id(&video.id)).await.sensitive);
    }
}

#[tokio::test]
async fn a_deleted_video_vanishes_from_the_list() {
    let rig = Rig::start().await;
    let videos = rig.publish_many(12);
    rig.tube.delete(&videos[4].uuid);
    let left = ids(videos.iter().filter(|v| v.uuid != videos[4].uuid));
    for (what, source) in all_sources(&rig) {
        assert_eq!(listed(&scan(&source).await), left, "{what}");
    }
}

#[tokio::test]
async fn a_video_40_places_deep_that_becomes_public_is_found_by_a_scan_of_either_reader() {
    let rig = Rig::start().await;
    let mut all: BTreeSet<_> = ids(&rig.publish_many(30));
    let late = rig.publish(NewVideo::titled("Late").privacy(Privacy::UNLISTED));
    all.extend(ids(&rig.publish_many(40)));
    let mut known = Vec::new();
    for (what, source) in all_sources(&rig) {
        let listing = scan(&source).await;
        assert_eq!(listed(&listing), all, "{what}");
        known.push((what, source, listing.cursor));
    }
    rig.tube.set_privacy(&late.uuid, Privacy::PUBLIC);
    all.insert(id(&late.id));
    for (what, source, cursor) in known {
        // With what was known then: nothing that is out of date may be taken for news.
        assert_eq!(listed(&seen(source.scan(&cursor).await)), all, "{what}");
        let newest = source.poll(&cursor).await.expect("it can be read");
        let finds_out = match &newest {
            Poll::Unchanged => false,
            Poll::Seen(listing) => shows(listing, &late) || listing.scan_needed,
        };
        // An account's outbox counted it all along, so that its first page is as it was.
        assert_eq!(finds_out, what != "Outbox of alice", "{what}");
    }
}

#[tokio::test]
async fn a_poll_of_the_rest_list_asks_for_a_scan_when_the_total_differs_beyond_its_page() {
    let rig = Rig::start().await;
    let late = rig.publish(NewVideo::titled("Late").privacy(Privacy::UNLISTED));
    rig.publish_many(120);
    let source = rig.source(Read::Api, "alice");
    let before = scan(&source).await;
    let quiet = poll(&source, &Cursor(json!({"total": 120}))).await;
    assert!(!quiet.scan_needed && !quiet.complete);
    assert_eq!(source.poll(&before.cursor).await, Ok(Poll::Unchanged));

    rig.tube.set_privacy(&late.uuid, Privacy::PUBLIC);
    let news = poll(&source, &before.cursor).await;
    assert!(news.scan_needed && !news.complete && !shows(&news, &late));
    assert!(shows(&seen(source.scan(&before.cursor).await), &late));
    assert!(!poll(&source, &Cursor(json!({"total": 121}))).await.scan_needed);
}

#[tokio::test]
async fn a_poll_without_news_is_one_request() {
    let rig = Rig::start().await;
    let videos = rig.publish_many(35);
    for (what, source) in all_sources(&rig) {
        let known = scan(&source).await;
        rig.tube.arrivals().clear();
        assert_eq!(source.poll(&known.cursor).await, Ok(Poll::Unchanged), "{what}");
        let arrivals = rig.tube.arrivals().all();
        assert_eq!(arrivals.len(), 1, "{what}");
        assert!(
            arrivals[0].header("if-none-match").is_some() && arrivals[0].header("authorization").is_none(),
            "{what}"
        );

        // Somebody watched the newest: the answer differs, the videos don't.
        rig.tube.add_view(&videos[34].uuid);
        rig.tube.arrivals().clear();
        match source.poll(&known.cursor).await.expect("it can be read") {
            Poll::Unchanged => {}
            Poll::Seen(listing) => {
                assert!(
                    listed(&listing).is_subset(&ids(&videos)) && !listing.scan_needed,
                    "{what}"
                );
                assert_eq!(source.poll(&listing.cursor).await, Ok(Poll::Unchanged), "{what}");
                rig.tube.arrivals().clear();
                assert_eq!(source.poll(&listing.cursor).await, Ok(Poll::Unchanged), "{what}");
            }
        }
        assert_eq!(rig.tube.arrivals().all().len(), 1, "{what}");
    }
}

#[tokio::test]
async fn a_scan_without_news_is_one_request_where_the_list_is_one_page() {
    let rig = Rig::start().await;
    rig.publish_many(70);
    let source = rig.source(Read::Api, "alice");
    let known = scan(&source).await;
    rig.tube.arrivals().clear();
    assert_eq!(source.scan(&known.cursor).await, Ok(Poll::Unchanged));
    assert_eq!(rig.tube.arrivals().all().len(), 1);
    rig.publish_many(50);
    let known = scan(&source).await;
    assert_eq!(listed(&seen(source.scan(&known.cursor).await)).len(), 120);
}

#[tokio::test]
async fn a_new_video_is_seen_by_the_next_poll() {
    let rig = Rig::start().await;
    rig.publish_many(35);
    for (what, source) in all_sources(&rig) {
        let known = scan(&source).await;
        let new = rig.publish(NewVideo::titled("New"));
        assert!(shows(&poll(&source, &known.cursor).await, &new), "{what}");
    }
}

#[tokio::test]
async fn the_cursor_of_one_reader_does_the_other_no_harm() {
    let rig = Rig::start().await;
    let videos = rig.publish_many(35);
    for handle in HANDLES {
        let [api, outbox] = BOTH.map(|read| rig.source(read, handle));
        let cursors = (scan(&api).await.cursor, scan(&outbox).await.cursor);
        let news = poll(&api, &cursors.1).await;
        assert!(listed(&news).is_subset(&ids(&videos)));
        assert_eq!(listed(&seen(api.scan(&cursors.1).await)), ids(&videos));
        let news = poll(&outbox, &cursors.0).await;
        assert!(listed(&news).is_subset(&ids(&videos)));
        assert_eq!(outbox.poll(&news.cursor).await, Ok(Poll::Unchanged));
        assert_eq!(listed(&seen(outbox.scan(&cursors.0).await)), ids(&videos));
    }
}

#[tokio::test]
async fn a_cursor_that_is_none_is_the_beginning() {
    let rig = Rig::start().await;
    let videos = rig.publish_many(5);
    for (what, source) in all_sources(&rig) {
        for cursor in [
            json!(null),
            json!("x"),
            json!([1]),
            json!({"etag": 5, "total": "x", "first": 3}),
            json!({"first": null}),
        ] {
            let cursor = Cursor(cursor);
            assert_eq!(listed(&poll(&source, &cursor).await), ids(&videos), "{what} {cursor:?}");
            assert_eq!(
                listed(&seen(source.scan(&cursor).await)),
                ids(&videos),
                "{what} {cursor:?}"
            );
        }
    }
}

#[tokio::test]
async fn each_reader_asks_with_its_own_validator() {
    let rig = Rig::start().await;
    rig.publish_many(3);
    let mut tags = BTreeSet::new();
    for read in BOTH {
        let source = rig.source(read, "alice");
        let cursor = scan(&source).await.cursor;
        rig.tube.arrivals().clear();
        source.poll(&cursor).await.expect("it can be read");
        tags.insert(
            rig.tube.arrivals().all()[0]
                .header("if-none-match")
                .expect("a validator")
                .to_owned(),
        );
    }
    assert_eq!(tags.len(), 2);
}

#[tokio::test]
async fn the_instances_limit_is_kept_by_waiting_for_the_next_window() {
    let rig = Rig::start().await;
    rig.publish_many(3);
    let source = rig.source(Read::Api, "alice");
    let cursor = scan(&source).await.cursor;
    let began = rig.clock.now();
    for _ in 0..120 {
        assert_eq!(source.poll(&cursor).await, Ok(Poll::Unchanged));
    }
    let took = rig.clock.now() - began;
    assert!((20..60).contains(&took.num_seconds()), "{took}");
    // Waiting is enough: the instance never had to refuse.
    let arrivals = rig.tube.arrivals().all();
    assert!(arrivals.len() < 130, "{}", arrivals.len());
}

#[tokio::test]
async fn an_instance_that_asks_to_wait_long_is_not_asked_again_before() {
    let rig = Rig::start().await;
    rig.publish_many(3);
    for (read, path) in [
        (Read::Api, "/api/v1/accounts/alice/videos"),
        (Read::Outbox, "/accounts/alice/outbox"),
    ] {
        let source = rig.source(read, "alice");
        let cursor = scan(&source).await.cursor;
        let wait = vec![
            ("Retry-After".to_owned(), "3600".to_owned()),
            ("Content-Type".to_owned(), "text/html".to_owned()),
        ];
        rig.tube
            .faults()
            .next("GET", path, 1, Fault::Answer(429, wait, "Too many requests".into()));
        rig.tube.arrivals().clear();
        let due = rig.clock.now() + chrono::TimeDelta::hours(1);
        for _ in 0..2 {
            let refused = source.poll(&cursor).await;
            assert!(
                matches!(&refused, Err(SourceError::Throttled { until, .. }) if *until == due),
                "{refused:?}"
            );
        }
        assert_eq!(rig.tube.arrivals().all().len(), 1);
        rig.clock.advance(Duration::from_secs(3601));
        assert_eq!(source.poll(&cursor).await, Ok(Poll::Unchanged));
    }
}

#[tokio::test]
async fn an_answer_cut_off_is_asked_for_again() {
    let rig = Rig::start().await;
    let videos = rig.publish_many(25);
    for (what, source) in all_sources(&rig) {
        source.reader().await.expect("it is found");
        rig.tube.faults().next("GET", "", 1, Fault::CutHalfway);
        rig.tube.faults().next("GET", "", 1, Fault::CutBefore);
        assert_eq!(listed(&scan(&source).await), ids(&videos), "{what}");
        rig.tube.faults().clear();
    }
}

#[tokio::test]
async fn a_video_in_a_state_that_nobody_knows_is_not_ready() {
    let rig = Rig::start().await;
    for state in [
        State::TRANSCODING_FAILED,
        State::TO_EDIT,
        State(6),
        State(8),
        State(12),
        State(200),
    ] {
        let video = rig.publish(NewVideo {
            state,
            ..NewVideo::titled("Odd")
        });
        for (what, source) in all_sources(&rig) {
            let _ = scan(&source).await;
            assert_eq!(source.is_ready(&id(&video.id)).await, Ok(false), "{what} {state:?}");
        }
    }
}

#[tokio::test]
async fn a_scan_waits_for_the_servers_limit() {
    let rig = Rig::start().await;
    let public = rig.publish_many(250);
    for (read, path) in [
        (Read::Api, "/api/v1/accounts/alice/videos"),
        (Read::Outbox, "/accounts/alice/outbox"),
    ] {
        let source = rig.source(read, "alice");
        source.reader().await.expect("it is found");
        let wait = vec![("retry-after".to_owned(), "600".to_owned())];
        rig.tube.faults().add(FaultRule {
            method: "GET".into(),
            path: path.into(),
            skip: 2,
            times: 1,
            fault: Fault::Answer(429, wait, String::new()),
        });
        let began = rig.clock.now();
        assert_eq!(listed(&scan(&source).await), ids(&public), "{read:?}");
        let waited = (rig.clock.now() - began).num_minutes();
        assert!((10..12).contains(&waited), "{read:?} {waited}");
    }
}
