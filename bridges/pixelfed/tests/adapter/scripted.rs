//! Servers that the stand-in isn't: one with posts that break every page they are on, one from before 0.12.6.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use axum::extract::Query;
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};
use tombolo_model::{ApId, Cursor, Destination, Marker, MemoryCache, Poll, Source, TestClock, Window};
use tombolo_net::stand_in::{Server, serve};
use tombolo_pixelfed::{Pixelfed, Read};
use url::Url;

use crate::rig::{id, listed, net, scan, seen, source, time};

/// Milliseconds in a snowflake.
const STEP: u64 = 1 << 22;

fn number(n: u64) -> u64 {
    (245_000_000_000 + n * 60_000) * STEP + 3
}

fn status(base: &Url, number: u64) -> Value {
    let page = format!("{base}p/alice/{number}");
    json!({
        "id": number.to_string(), "uri": page, "url": page, "content_text": format!("post {number}"),
        "created_at": "2026-11-23T05:50:48.000Z", "visibility": "public", "account": {"id": "7", "username": "alice"},
        "media_attachments": [{"id": "1", "url": format!("{base}a.jpg"), "mime": "image/jpeg"}],
    })
}

fn page(base: &Url, all: &BTreeSet<u64>, bad: &BTreeSet<u64>, query: &HashMap<String, String>) -> Response {
    let asked = |key: &str| query.get(key).and_then(|v| v.parse::<u64>().ok());
    let below = asked("max_id").unwrap_or(u64::MAX);
    let limit = usize::try_from(asked("limit").unwrap_or(20)).unwrap_or(20);
    let page: Vec<u64> = all.range(..below).rev().take(limit).copied().collect();
    if page.iter().any(|id| bad.contains(id)) {
        let error = json!({"error": "Attempt to read property \"username\" on null"});
        return (StatusCode::INTERNAL_SERVER_ERROR, Json(error)).into_response();
    }
    Json(page.into_iter().map(|id| status(base, id)).collect::<Vec<_>>()).into_response()
}

async fn server(clock: &TestClock, all: BTreeSet<u64>, bad: BTreeSet<u64>) -> Server {
    server_with(clock, all, bad, BTreeSet::new()).await
}

/// `bad_in_public`: posts that break the public list.
async fn server_with(
    clock: &TestClock,
    all: BTreeSet<u64>,
    bad: BTreeSet<u64>,
    bad_in_public: BTreeSet<u64>,
) -> Server {
    serve(0, Arc::new(clock.clone()), |base| {
        let (own, public) = (base.clone(), base.clone());
        let (all, bad, bad_in_public) = (Arc::new(all), Arc::new(bad), Arc::new(bad_in_public));
        let (own_all, public_all) = (all.clone(), all);
        let actor = format!("{base}users/alice");
        let account = json!({"id": "7", "username": "alice", "acct": "alice"});
        let webfinger = json!({"links": [{"rel": "self", "type": "application/activity+json", "href": actor}]});
        Router::new()
            .route("/.well-known/webfinger", get(move || async move { Json(webfinger) }))
            .route("/alice", get(|| async { Html("<profile profile-id=\"7\"></profile>") }))
            .route("/api/v1/accounts/verify_credentials", get(move || async move { Json(account) }))
            .route(
                "/api/v1/accounts/7/statuses",
                get(move |Query(query): Query<HashMap<String, String>>| async move {
                    page(&own, &own_all, &bad, &query)
                }),
            )
            .route(
                "/api/pixelfed/v1/accounts/7/statuses",
                get(move |Query(query): Query<HashMap<String, String>>| async move {
                    page(&public, &public_all, &bad_in_public, &query)
                }),
            )
    })
    .await
    .expect("the server starts")
}

fn clock() -> TestClock {
    TestClock::at(time("2026-11-23T05:46:00Z"))
}

fn addresses(base: &Url, numbers: impl IntoIterator<Item = u64>) -> BTreeSet<ApId> {
    numbers
        .into_iter()
        .map(|number| id(&format!("{base}p/alice/{number}")))
        .collect()
}

#[tokio::test]
async fn posts_that_break_their_lists_are_stepped_over_and_no_other_is_lost() {
    for bad in [vec![30], vec![0], vec![99], vec![98, 99], vec![20, 40, 41, 70]] {
        let clock = clock();
        let all: BTreeSet<u64> = (0..100).map(number).collect();
        let bad: BTreeSet<u64> = bad.into_iter().map(number).collect();
        let server = server(&clock, all.clone(), bad.clone()).await;
        let source = source(&server.base, &clock, Read::Auto, Some("token"), "alice");
        let listing = scan(&source).await;
        assert_eq!(
            listed(&listing),
            addresses(&server.base, all.difference(&bad).copied()),
            "{bad:?}"
        );
        // What was closed in on once isn't closed in on at every poll.
        server.arrivals.clear();
        assert_eq!(source.poll(&listing.cursor).await, Ok(Poll::Unchanged));
        assert!(server.arrivals.all().len() <= 40, "{}", server.arrivals.all().len());
    }
}

#[tokio::test]
async fn a_post_that_cant_be_seen_may_be_the_copy() {
    let clock = clock();
    let all: BTreeSet<u64> = (0..3).map(number).collect();
    let server = server(&clock, all, [number(1)].into()).await;
    let destination = Pixelfed::new(
        net(&server.base, &clock),
        server.base.clone(),
        "token".into(),
        Arc::new(MemoryCache::default()),
        std::time::Duration::from_secs(90),
    );
    let since = time("2026-11-23T05:46:00Z");
    let look = destination
        .find("7", &Marker::default(), Window { since })
        .await
        .expect("a look");
    assert_eq!(look.copies, []);
    assert!(look.blind.is_some_and(|why| why.contains("fails to show")));
}

#[tokio::test]
async fn a_server_that_pages_by_id_is_walked_by_id() {
    let clock = clock();
    let all: BTreeSet<u64> = (0..70).map(number).collect();
    let server = server(&clock, all.clone(), BTreeSet::new()).await;
    let source = source(&server.base, &clock, Read::Api, None, "alice");
    assert_eq!(listed(&scan(&source).await), addresses(&server.base, all));
    let first = seen(source.poll(&Cursor::default()).await);
    assert!(first.scan_needed);
}

#[tokio::test]
async fn good_posts_between_two_bad_ones_are_not_stepped_over() {
    let clock = clock();
    // Long silences, in which a bad post is the newest one below whatever is asked.
    let all: BTreeSet<u64> = [1, 2, 3, 1000, 1001, 1002, 1003, 1004, 1005].map(number).into();
    let bad: BTreeSet<u64> = [3, 1003].map(number).into();
    let server = server(&clock, all.clone(), bad.clone()).await;
    let source = source(&server.base, &clock, Read::Auto, Some("token"), "alice");
    let listing = scan(&source).await;
    assert_eq!(listed(&listing), addresses(&server.base, all.difference(&bad).copied()));
    assert!(!listing.complete, "nobody can be sure");
}

#[tokio::test]
async fn what_is_newer_than_a_post_that_breaks_the_public_list_is_seen_by_a_poll() {
    let clock = clock();
    let all: BTreeSet<u64> = (0..30).map(number).collect();
    let server = server_with(&clock, all, BTreeSet::new(), [number(20)].into()).await;
    let source = source(&server.base, &clock, Read::Api, None, "alice");
    let known = Cursor(json!({"newest": number(27), "read": true}));
    let news = listed(&seen(source.poll(&known).await));
    assert!(addresses(&server.base, [28, 29].map(number)).is_subset(&news));
    // A list that can't be read to its end is never a short one.
    assert!(source.scan(&Cursor::default()).await.is_err());
}
