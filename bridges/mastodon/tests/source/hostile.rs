//! Servers that answer with anything: never a panic, and never an account without posts.

use proptest::prelude::*;
use serde_json::{Value, json};
use tombolo_mastodon::{Read, fuzz};
use tombolo_model::{Cursor, Poll, Source, SourceError};
use tombolo_net::stand_in::Fault;

use crate::mangled::{any_json, mangled};
use crate::rig::{Rig, id};

fn answer(status: u16, kind: &str, body: &str) -> Fault {
    Fault::Answer(status, vec![("content-type".into(), kind.into())], body.into())
}

#[tokio::test]
async fn nonsense_in_a_lists_place_is_an_error() {
    for (read, path) in [
        (Read::Api, "/api/v1/accounts/"),
        (Read::Outbox, "/ap/users/"),
        (Read::Rss, "/@me.rss"),
    ] {
        for (kind, body) in [
            ("application/activity+json", "{}"),
            ("application/activity+json", "[]x"),
            ("application/json", "null"),
            ("application/json", "{\"error\":\"no\"}"),
            ("application/json", "[1,2,3]"),
            ("application/json", "[{\"id\":{}},[]]"),
            ("text/html", "<html>login</html>"),
            ("application/rss+xml", "<html/>"),
        ] {
            let rig = Rig::start().await;
            rig.publish_many(2);
            let source = rig.source(read, None);
            source.reader().await.expect("it works at first");
            rig.toots.faults().next("GET", path, u32::MAX, answer(200, kind, body));
            let scan = source.scan(&Cursor::default()).await;
            assert!(scan.is_err(), "{read:?} {body}: {scan:?}");
        }
    }
}

#[tokio::test]
async fn a_proxys_page_is_no_evidence_that_a_post_is_gone() {
    for (status, kind) in [
        (404, "text/html"),
        (403, "text/html"),
        (500, "text/html"),
        (302, "text/html"),
    ] {
        let rig = Rig::start().await;
        let made = rig.publish_many(1);
        let source = rig.with_token();
        source.reader().await.expect("it works at first");
        rig.toots
            .faults()
            .next("GET", "/api/v1/statuses", u32::MAX, answer(status, kind, "<p>no</p>"));
        rig.toots
            .faults()
            .next("GET", "/api/v2/search", u32::MAX, answer(status, kind, "<p>no</p>"));
        rig.toots
            .faults()
            .next("GET", "/ap/", u32::MAX, answer(503, kind, "<p>no</p>"));
        let fetch = source.fetch(&id(&made[0])).await;
        assert!(fetch.is_err(), "{status}: {fetch:?}");
    }
}

#[tokio::test]
async fn a_status_under_another_address_than_asked_for_is_not_taken() {
    let rig = Rig::start().await;
    let made = rig.publish_many(1);
    let source = rig.with_token();
    source.reader().await.expect("it works at first");
    let body =
        json!({"id": "1", "uri": "https://evil.example/1", "visibility": "public", "content": "evil"}).to_string();
    rig.toots.faults().next(
        "GET",
        "/api/v1/statuses",
        u32::MAX,
        answer(200, "application/json", &body),
    );
    let post = crate::rig::fetched(&source, &made[0]).await;
    assert_eq!(post.id.as_str(), made[0], "read from its own address instead");
}

#[tokio::test]
async fn a_listing_that_brings_the_same_page_for_ever_ends() {
    let rig = Rig::start().await;
    rig.publish_many(41);
    let source = rig.with_token();
    source.reader().await.expect("it works at first");
    let status = |n: u32| {
        json!({"id": n.to_string(), "uri": format!("{}ap/users/1/statuses/{n}", rig.toots.base()), "visibility": "public",
               "account": {"id": rig.toots.account_id("me")}})
    };
    let page = json!((0..40).map(status).collect::<Vec<_>>()).to_string();
    rig.toots.faults().next(
        "GET",
        "/api/v1/accounts",
        u32::MAX,
        answer(200, "application/json", &page),
    );
    let Ok(Poll::Seen(listing)) = source.scan(&Cursor::default()).await else {
        panic!("what can be seen is listed");
    };
    assert_eq!(listing.sightings.len(), 40);
    assert!(!listing.complete);
}

#[tokio::test]
async fn an_overloaded_server_is_a_passing_trouble() {
    let rig = Rig::start().await;
    rig.publish_many(1);
    rig.toots
        .faults()
        .next("GET", "/", u32::MAX, answer(503, "text/html", "busy"));
    let result = rig.with_token().reader().await;
    assert!(matches!(result, Err(SourceError::Transient(_))), "{result:?}");
}

fn statuses() -> Vec<Value> {
    recorded("mastodon-4.6.5", &["183", "354", "506", "319"])
        .into_iter()
        .chain(recorded("gotosocial-0.20.0-rc1", &["240", "158", "002"]))
        .collect()
}

fn notes() -> Vec<Value> {
    recorded("mastodon-4.6.5", &["395", "397", "398", "399", "510"])
        .into_iter()
        .chain(recorded("gotosocial-0.20.0-rc1", &["248", "218"]))
        .collect()
}

fn recorded(folder: &str, numbers: &[&str]) -> Vec<Value> {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../tests/recordings")
        .join(folder);
    let all: Vec<_> = std::fs::read_dir(folder)
        .expect("the recordings are there")
        .flatten()
        .collect();
    let body = |number: &&str| {
        let named = |name: &str| name.starts_with(&format!("{number}-"));
        let file = all
            .iter()
            .find(|file| file.file_name().to_str().is_some_and(named))
            .expect("a recording");
        let value: Value = serde_json::from_slice(&std::fs::read(file.path()).expect("a file")).expect("JSON");
        value["response"]["body"].clone()
    };
    numbers.iter().map(body).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_faulty_status_does_harm(value in mangled(statuses())) {
        fuzz::status_json(value.to_string().as_bytes());
    }

    #[test]
    fn no_faulty_object_does_harm(value in mangled(notes())) {
        fuzz::note_json(value.to_string().as_bytes());
    }

    #[test]
    fn no_document_does_harm(value in any_json()) {
        let bytes = value.to_string();
        fuzz::status_json(bytes.as_bytes());
        fuzz::note_json(bytes.as_bytes());
    }

    #[test]
    fn no_feed_does_harm(text in "\\PC{0,60}|(<rss>|<channel>|<item|>|</item>|<link>|</link>|<guid a='b'>|https://m.example/|<!\\[CDATA\\[|\\]\\]>|&#x;|&|é){0,30}") {
        fuzz::rss(text.as_bytes());
    }
}
