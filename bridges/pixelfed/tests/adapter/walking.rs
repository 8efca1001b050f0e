//! Lists over several pages, with what is deleted, broken or of the same second.

use tombolo_model::{Clock, Cursor, Poll, Source, SourceError};
use tombolo_net::stand_in::{Fault, FaultRule};
use tombolo_pixelfed::Read;

use crate::rig::{Rig, id, ids, listed, scan, seen};

fn broken() -> Fault {
    let json = vec![("content-type".to_owned(), "application/json".to_owned())];
    Fault::Answer(500, json, r#"{"error":"Trying to access array offset on null"}"#.into())
}

#[tokio::test]
async fn a_list_is_walked_to_its_end_past_what_was_deleted() {
    let rig = Rig::start().await;
    let mut posts = rig.publish_many(95);
    for at in [90, 60, 50, 10, 0] {
        rig.pixelfed.delete_status(&posts.remove(at).id);
    }
    for source in [rig.source_with_token(), rig.source(Read::Api)] {
        let listing = scan(&source).await;
        assert!(listing.complete && !listing.scan_needed);
        assert_eq!(listed(&listing), ids(&posts));
    }
}

#[tokio::test]
async fn posts_of_one_second_are_not_lost_between_two_pages() {
    let rig = Rig::start().await;
    let mut posts = rig.publish_many(20);
    rig.clock.advance(std::time::Duration::from_secs(60));
    // The first page ends in the middle of them.
    posts.extend((0..10).map(|n| rig.publish_at_once(&format!("burst {n}"))));
    posts.extend(rig.publish_many(20));
    let source = rig.source(Read::Api);
    assert_eq!(listed(&scan(&source).await), ids(&posts));
}

#[tokio::test]
async fn more_than_a_page_within_one_second_is_what_best_effort_means() {
    let rig = Rig::start().await;
    let old = rig.publish("old");
    rig.clock.advance(std::time::Duration::from_secs(60));
    let burst: Vec<_> = (0..30).map(|n| rig.publish_at_once(&format!("burst {n}"))).collect();
    let listing = scan(&rig.source(Read::Api)).await;
    assert!(listed(&listing).contains(&id(&old.url)), "it goes on all the same");
    let missed = ids(&burst).difference(&listed(&listing)).count();
    assert_eq!(missed, 6, "24 of 30 fit on a page");
    assert_eq!(
        listed(&scan(&rig.source_with_token()).await).len(),
        31,
        "a token shows all"
    );
}

#[tokio::test]
async fn a_poll_goes_on_until_it_meets_what_was_known() {
    let rig = Rig::start().await;
    rig.publish_many(3);
    for source in [rig.source_with_token(), rig.source(Read::Api)] {
        let cursor = scan(&source).await.cursor;
        let new = rig.publish_many(60);
        let news = seen(source.poll(&cursor).await);
        assert!(ids(&new).is_subset(&listed(&news)));
        assert!(!news.complete && !news.scan_needed);
    }
}

#[tokio::test]
async fn a_first_poll_asks_for_a_scan() {
    let rig = Rig::start().await;
    rig.publish_many(50);
    let first = seen(rig.source_with_token().poll(&Cursor::default()).await);
    assert!(first.scan_needed && !first.complete);
}

#[tokio::test]
async fn an_account_without_posts_is_read_as_one() {
    let rig = Rig::start().await;
    for source in [rig.source_with_token(), rig.source(Read::Api), rig.source(Read::Rss)] {
        let listing = scan(&source).await;
        assert_eq!(listing.sightings, []);
        assert_eq!(source.poll(&listing.cursor).await, Ok(Poll::Unchanged));
        let first = rig.publish("first");
        assert_eq!(listed(&seen(source.poll(&listing.cursor).await)), ids([&first]));
        rig.pixelfed.delete_status(&first.id);
    }
}

#[tokio::test]
async fn an_old_photo_that_comes_into_a_feeds_view_is_no_news() {
    let rig = Rig::start().await;
    let posts = rig.publish_many(12);
    let source = rig.source(Read::Rss);
    let listing = scan(&source).await;
    assert_eq!(listed(&listing), ids(&posts[2..]));
    rig.pixelfed.delete_status(&posts[11].id);
    let later = seen(source.poll(&listing.cursor).await);
    assert_eq!(listed(&later), ids(&posts[2..11]), "posts[1] was there before");
    let later = seen(source.scan(&later.cursor).await.map(|poll| match poll {
        Poll::Unchanged => Poll::Seen(later.clone()),
        Poll::Seen(listing) => Poll::Seen(listing),
    }));
    assert!(!listed(&later).contains(&id(&posts[1].url)));
}

#[tokio::test]
async fn a_list_that_fails_once_is_asked_again() {
    let rig = Rig::start().await;
    let posts = rig.publish_many(2);
    rig.pixelfed.faults().next("GET", "/api/v1/accounts/", 1, broken());
    assert_eq!(listed(&scan(&rig.source_with_token()).await), ids(&posts));
}

#[tokio::test]
async fn a_list_that_always_fails_is_an_error_and_never_an_empty_one() {
    let rig = Rig::start().await;
    rig.publish_many(2);
    let source = rig.source_with_token();
    let cursor = scan(&source).await.cursor;
    rig.pixelfed
        .faults()
        .next("GET", "/api/v1/accounts/", u32::MAX, broken());
    for result in [source.scan(&Cursor::default()).await, source.poll(&cursor).await] {
        assert!(matches!(result, Err(SourceError::Transient(_))), "{result:?}");
    }
}

#[tokio::test]
async fn maintenance_is_a_passing_failure() {
    let rig = Rig::start().await;
    rig.publish_many(2);
    let source = rig.source_with_token();
    let cursor = scan(&source).await.cursor;
    rig.pixelfed.set_maintenance(true);
    assert!(matches!(source.poll(&cursor).await, Err(SourceError::Transient(_))));
    rig.pixelfed.set_maintenance(false);
    assert_eq!(source.poll(&cursor).await, Ok(Poll::Unchanged));
}

#[tokio::test]
async fn a_scan_waits_for_the_servers_limit() {
    let rig = Rig::start().await;
    let posts = rig.publish_many(60);
    for (source, path) in [
        (rig.source_with_token(), "/api/v1/accounts/"),
        (rig.source(Read::Api), "/api/pixelfed/v1/accounts/"),
    ] {
        scan(&source).await;
        rig.pixelfed.faults().add(FaultRule {
            method: "GET".into(),
            path: path.into(),
            skip: 1,
            times: 1,
            fault: Fault::Answer(429, vec![("retry-after".into(), "600".into())], String::new()),
        });
        let began = rig.clock.now();
        assert_eq!(listed(&scan(&source).await), ids(&posts), "{path}");
        let waited = (rig.clock.now() - began).num_minutes();
        assert!((10..12).contains(&waited), "{path} {waited}");
    }
}
