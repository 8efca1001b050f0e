//! Servers that lie, run in circles, never end, or answer something else.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::{Response, Uri};
use serde_json::{Value, json};
use tombolo_model::{Cursor, Fetched, Source, SourceError, TestClock};
use tombolo_net::stand_in::{Fault, Server, serve};
use tombolo_peertube::{PeerTube, Read};

use crate::rig::{BOTH, clock, fetched, id, listed, scan, seen, source};

const ACTIVITY: &str = "application/activity+json; charset=utf-8";
const JSON: &str = "application/json; charset=utf-8";
const PUBLIC: &str = "https://www.w3.org/ns/activitystreams#Public";
const OUTBOX: &str = "/video-channels/me/outbox";
const LIST: &str = "/api/v1/video-channels/me/videos";

/// An answer by script: status, content type, body.
type Scripted = (u16, &'static str, String);

/// A server on which only the channel `me` is as it should be; all else is by script.
pub struct Villain {
    pub server: Server,
    pub clock: TestClock,
}

/// What the script is told: the server's base URL without a slash at the end, and what is asked for.
pub struct Asked {
    pub base: String,
    pub uri: Uri,
    pub clock: TestClock,
}

impl Asked {
    /// A number in the query; 0 where there is none.
    fn number(&self, name: &str) -> u64 {
        let pairs = url::form_urlencoded::parse(self.uri.query().unwrap_or_default().as_bytes());
        let mut found = pairs.filter(|(key, _)| key == name);
        found.find_map(|(_, value)| value.parse().ok()).unwrap_or(0)
    }

    fn video(&self, number: u64) -> String {
        format!("{}/videos/watch/00000000-0000-4000-8000-{number:012x}", self.base)
    }

    fn announce(&self, number: u64) -> Value {
        let video = self.video(number);
        json!({"type": "Announce", "id": format!("{video}/announces/1"), "to": [PUBLIC], "object": video})
    }
}

impl Villain {
    pub async fn start(script: impl Fn(&Asked) -> Option<Scripted> + Send + Sync + 'static) -> Self {
        let clock = clock();
        let shared = clock.clone();
        let server = serve(0, Arc::new(clock.clone()), |base| {
            let base = base.as_str().trim_end_matches('/').to_owned();
            let script = Arc::new(script);
            Router::new().fallback(move |request: Request| {
                let asked = Asked {
                    base: base.clone(),
                    uri: request.uri().clone(),
                    clock: shared.clone(),
                };
                let script = script.clone();
                async move {
                    let found = script(&asked).or_else(|| decent(&asked));
                    let (status, kind, body) = found.unwrap_or((404, "application/problem+json", "{}".into()));
                    let response = Response::builder().status(status).header("content-type", kind);
                    response.body(Body::from(body)).expect("a response")
                }
            })
        });
        Self {
            server: server.await.expect("a port is free"),
            clock,
        }
    }

    /// An outbox whose pages are made by script, from the number of the page.
    async fn with_outbox(pages: impl Fn(&Asked, u64) -> Value + Send + Sync + 'static) -> Self {
        Self::start(move |asked| {
            if asked.uri.path() != OUTBOX {
                return None;
            }
            let document = match asked.number("page") {
                0 => json!({"type": "OrderedCollection", "totalItems": 1, "first": format!("{}{OUTBOX}?page=1", asked.base)}),
                page => pages(asked, page),
            };
            Some((200, ACTIVITY, document.to_string()))
        })
        .await
    }

    /// A REST list made by script, from the place that it is asked from.
    async fn with_list(list: impl Fn(&Asked, u64) -> Value + Send + Sync + 'static) -> Self {
        Self::start(move |asked| {
            (asked.uri.path() == LIST).then(|| (200, JSON, list(asked, asked.number("start")).to_string()))
        })
        .await
    }

    pub fn source(&self, read: Read) -> PeerTube {
        source(&self.server.base, &self.clock, read, "me")
    }

    fn requests(&self) -> usize {
        self.server.arrivals.all().len()
    }

    /// A scan that must fail, and how.
    async fn fails(&self, read: Read) -> SourceError {
        let source = self.source(read);
        source
            .scan(&Cursor::default())
            .await
            .expect_err("the list can't be read to its end")
    }

    fn id(&self, number: u64) -> tombolo_model::ApId {
        id(&format!(
            "{}videos/watch/00000000-0000-4000-8000-{number:012x}",
            self.server.base
        ))
    }
}

/// WebFinger and the actor.
fn decent(asked: &Asked) -> Option<Scripted> {
    let actor = format!("{}/video-channels/me", asked.base);
    match asked.uri.path() {
        "/.well-known/webfinger" => {
            let links = json!({"links": [{"rel": "self", "type": "application/activity+json", "href": actor}]});
            Some((200, "application/jrd+json", links.to_string()))
        }
        "/video-channels/me" => {
            let document = json!({
                "type": "Group", "id": actor, "preferredUsername": "me", "outbox": format!("{}{OUTBOX}", asked.base),
            });
            Some((200, ACTIVITY, document.to_string()))
        }
        _ => None,
    }
}

fn page(items: impl Into<Value>, next: Option<String>) -> Value {
    let (items, next): (Value, Value) = (items.into(), next.into());
    json!({"type": "OrderedCollectionPage", "totalItems": 1_000_000, "orderedItems": items, "next": next})
}

fn entry(id: &str) -> Value {
    json!({"url": id, "name": "x", "privacy": {"id": 1}, "publishedAt": "2026-01-02T03:04:05.000Z"})
}

/// An error of one of these kinds, in a sentence of bearable length.
fn says(error: &SourceError, words: &[&str]) {
    let text = error.to_string();
    assert!(text.len() < 3000, "{text}");
    assert!(words.iter().all(|word| text.contains(word)), "{text}");
}

#[tokio::test]
async fn an_outbox_that_always_goes_on_with_new_ids_is_given_up() {
    let villain = Villain::with_outbox(|asked, number| {
        let items: Vec<Value> = (0..10).map(|n| asked.announce(number * 10 + n)).collect();
        page(items, Some(format!("?page={}", number + 1)))
    })
    .await;
    let began = Instant::now();
    let error = villain.fails(Read::Outbox).await;
    assert!(matches!(error, SourceError::Malformed(_)));
    says(&error, &["goes on after 2000 pages"]);
    // WebFinger, actor and collection come first.
    assert_eq!(villain.requests(), 2003);
    assert!(began.elapsed() < Duration::from_secs(60), "{:?}", began.elapsed());
}

#[tokio::test]
async fn an_outbox_of_large_pages_that_never_ends_is_given_up_sooner() {
    let villain = Villain::with_outbox(|asked, number| {
        let items: Vec<Value> = (0..1000).map(|n| asked.announce(number * 1000 + n)).collect();
        page(items, Some(format!("?page={}", number + 1)))
    })
    .await;
    says(&villain.fails(Read::Outbox).await, &["more than 20000 items"]);
    assert!(villain.requests() < 30, "{}", villain.requests());
}

#[tokio::test]
async fn an_outbox_of_slow_pages_that_never_ends_is_given_up_after_a_quarter_of_an_hour() {
    let villain = Villain::with_outbox(|asked, number| {
        asked.clock.advance(Duration::from_secs(60));
        page(vec![asked.announce(number)], Some(format!("?page={}", number + 1)))
    })
    .await;
    let error = villain.fails(Read::Outbox).await;
    assert!(matches!(error, SourceError::Transient(_)));
    says(&error, &["15 minutes"]);
    assert!(villain.requests() < 25, "{}", villain.requests());
}

#[tokio::test]
async fn an_outbox_that_goes_on_with_what_is_known_is_given_up_soon() {
    let villain = Villain::with_outbox(|asked, number| {
        page(
            vec![asked.announce(1), asked.announce(2)],
            Some(format!("?page={}", number + 1)),
        )
    })
    .await;
    says(&villain.fails(Read::Outbox).await, &["without bringing anything new"]);
    assert!(villain.requests() <= 3 + 4, "{}", villain.requests());
}

#[tokio::test]
async fn pages_that_shift_while_they_are_read_lose_nothing() {
    // Ten new videos came between the first page and the second: it repeats the first.
    let villain = Villain::with_outbox(|asked, number| {
        let items = |from: u64| (from..from + 10).map(|n| asked.announce(n)).collect::<Vec<_>>();
        match number {
            1 | 2 => page(items(1), Some(format!("?page={}", number + 1))),
            _ => page(items(11), None),
        }
    })
    .await;
    assert_eq!(listed(&scan(&villain.source(Read::Outbox)).await).len(), 20);
}

#[tokio::test]
async fn pages_in_a_circle_are_no_list() {
    for circle in [1, 2, 3] {
        let villain = Villain::with_outbox(move |asked, number| {
            page(
                vec![asked.announce(number)],
                Some(format!("?page={}", number % circle + 1)),
            )
        })
        .await;
        says(&villain.fails(Read::Outbox).await, &["circle"]);
        assert_eq!(villain.requests() as u64, 3 + circle);
    }
}

#[tokio::test]
async fn a_next_page_that_is_elsewhere_or_nowhere_is_no_end_of_the_list() {
    let other = Villain::with_outbox(|asked, _| page(vec![asked.announce(1)], None)).await;
    let elsewhere = format!("{}{OUTBOX}?page=2", other.server.base.as_str().trim_end_matches('/'));
    for next in [
        json!(elsewhere),
        json!("file:///etc/passwd"),
        json!("javascript:1"),
        json!(2),
        json!({}),
        json!("x".repeat(5000)),
    ] {
        let told = next.clone();
        let villain = Villain::with_outbox(
            move |asked, _| json!({"type": "OrderedCollectionPage", "orderedItems": [asked.announce(1)], "next": told}),
        )
        .await;
        let error = villain.fails(Read::Outbox).await;
        assert!(matches!(error, SourceError::Malformed(_)), "{next:.40}: {error}");
        says(&error, &["leads to a page"]);
        let polled = villain.source(Read::Outbox).poll(&Cursor::default()).await;
        assert!(matches!(polled, Err(SourceError::Malformed(_))), "{next:.40}");
    }
    assert_eq!(other.requests(), 0, "another server was asked");
}

#[tokio::test]
async fn an_outbox_that_begins_elsewhere_is_none() {
    for first in [
        json!("https://elsewhere.example/outbox"),
        json!(5),
        json!([]),
        json!("file:///x"),
    ] {
        let told = first.clone();
        let villain = Villain::start(move |asked| {
            let document = json!({"type": "OrderedCollection", "totalItems": 3, "first": told});
            (asked.uri.path() == OUTBOX).then(|| (200, ACTIVITY, document.to_string()))
        })
        .await;
        says(&villain.fails(Read::Outbox).await, &["leads to a page"]);
    }
}

#[tokio::test]
async fn an_empty_page_ends_the_list_whatever_follows() {
    let villain = Villain::with_outbox(|asked, number| match number {
        1 => page(vec![asked.announce(1)], Some("?page=2".into())),
        _ => page(json!([]), Some(format!("?page={}", number + 1))),
    })
    .await;
    let source = villain.source(Read::Outbox);
    assert_eq!(listed(&scan(&source).await).len(), 1);
    assert_eq!(villain.requests(), 3 + 2);
}

#[tokio::test]
async fn what_can_be_read_of_a_page_is_read_and_the_rest_left_out() {
    let villain = Villain::with_outbox(|asked, _| {
        let stranger = "https://elsewhere.example/videos/watch/1";
        let whole = |id: String, to: Value| {
            json!({"type": "Create", "to": [PUBLIC], "object": {
                "type": "Video", "id": id, "to": to, "state": 1, "name": "x".repeat(1000),
                "attributedTo": [format!("{}/video-channels/me", asked.base)],
            }})
        };
        let mut of_another = whole(asked.video(7), json!(PUBLIC));
        of_another["object"]["attributedTo"] = json!("https://elsewhere.example/me");
        page(
            vec![
                json!(null),
                json!(5),
                json!(true),
                json!("not a url"),
                json!([asked.video(90)]),
                json!({}),
                json!({"type": "Announce"}),
                json!({"type": "Announce", "object": null}),
                json!({"type": "Announce", "object": 3}),
                json!({"type": "Announce", "object": stranger}),
                json!({"type": "Delete", "object": asked.video(91)}),
                json!({"type": "Announce", "to": [], "object": asked.video(92)}),
                json!({"type": "Announce", "to": "https://elsewhere.example/followers", "object": asked.video(93)}),
                json!(asked.video(1)),
                asked.announce(2),
                json!({"type": ["as:Announce"], "to": "as:Public", "object": {"id": asked.video(3)}}),
                whole(asked.video(4), json!([PUBLIC])),
                whole(asked.video(94), json!([])),
                whole(asked.video(95), json!(null)),
                of_another,
                asked.announce(2),
            ],
            None,
        )
    })
    .await;
    let listing = scan(&villain.source(Read::Outbox)).await;
    assert_eq!(listed(&listing), (1..=4).map(|n| villain.id(n)).collect());
    assert_eq!(listing.sightings[3].title.as_deref().map(str::len), Some(200));
}

#[tokio::test]
async fn a_page_of_which_nothing_can_be_read_is_not_an_empty_one() {
    for items in [
        json!([null]),
        json!([1, 2, 3]),
        json!("garbage"),
        json!([{}, {"type": "Announce"}]),
        json!({"a": 1}),
        json!(false),
    ] {
        let told = items.clone();
        let villain =
            Villain::with_outbox(move |_, _| json!({"type": "OrderedCollectionPage", "orderedItems": told})).await;
        let error = villain.fails(Read::Outbox).await;
        assert!(matches!(error, SourceError::Malformed(_)), "{items}: {error}");
        says(&error, &["none that can be read"]);
    }
    for data in [json!([null]), json!([1, 2, 3]), json!([{}]), json!([{"url": "x"}])] {
        let told = data.clone();
        let villain = Villain::with_list(move |_, _| json!({"total": 1, "data": told})).await;
        says(&villain.fails(Read::Api).await, &["none that can be read"]);
    }
}

#[tokio::test]
async fn what_is_no_list_is_an_error_and_never_an_empty_list() {
    let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    let answers: Vec<Scripted> = vec![
        (200, "text/html", "<html>Please sign in</html>".into()),
        (200, "", String::new()),
        (200, JSON, String::new()),
        (200, ACTIVITY, String::new()),
        (200, ACTIVITY, "null".into()),
        (200, ACTIVITY, "{}".into()),
        (200, ACTIVITY, "[]".into()),
        (200, ACTIVITY, "\"x\"".into()),
        (200, ACTIVITY, r#"{"type": "Note", "id": "https://a.example/1"}"#.into()),
        (200, ACTIVITY, r#"{"total": 3}"#.into()),
        (200, ACTIVITY, r#"{"total": "many", "data": []}"#.into()),
        (200, ACTIVITY, r#"{"total": 3, "data": {"0": 1}}"#.into()),
        (
            200,
            ACTIVITY,
            r#"{"type": "OrderedCollection", "orderedItems": ["#.into(),
        ),
        (200, ACTIVITY, deep.clone()),
        (200, JSON, deep),
        (200, ACTIVITY, format!("{{\"data\": \"{}\"}}", "x".repeat(5 << 20))),
        (204, JSON, String::new()),
        (302, JSON, "{}".into()),
        (304, JSON, String::new()),
        (304, ACTIVITY, String::new()),
        (401, JSON, "{}".into()),
        (403, ACTIVITY, "{}".into()),
        (404, "text/html", "<html>".into()),
        (418, ACTIVITY, "{}".into()),
        (451, JSON, "{}".into()),
    ];
    for (read, path) in [(Read::Api, LIST), (Read::Outbox, OUTBOX)] {
        for answer in &answers {
            let told = answer.clone();
            let villain = Villain::start(move |asked| (asked.uri.path() == path).then(|| told.clone())).await;
            let source = villain.source(read);
            for result in [
                source.scan(&Cursor::default()).await,
                source.poll(&Cursor::default()).await,
            ] {
                let error = result.expect_err("it is no list");
                says(&error, &["127.0.0.1"]);
            }
            assert!(villain.requests() < 20, "{answer:?}");
        }
    }
}

#[tokio::test]
async fn an_outbox_that_is_there_at_first_and_then_unchanged_unasked_is_not_read_as_empty() {
    let villain = Villain::start(|asked| match (asked.uri.path(), asked.number("page")) {
        (OUTBOX, 0) => Some((
            200,
            ACTIVITY,
            json!({"type": "OrderedCollection", "first": "?page=1"}).to_string(),
        )),
        (OUTBOX, _) => Some((304, ACTIVITY, String::new())),
        _ => None,
    })
    .await;
    says(&villain.fails(Read::Outbox).await, &["304"]);
    assert!(villain.source(Read::Outbox).poll(&Cursor::default()).await.is_err());
}

#[tokio::test]
async fn a_list_that_always_goes_on_with_new_ids_is_given_up() {
    let villain = Villain::with_list(|asked, start| {
        let data: Vec<Value> = (start..start + 100).map(|n| entry(&asked.video(n))).collect();
        json!({"total": 1_000_000_000, "data": data})
    })
    .await;
    let began = Instant::now();
    let error = villain.fails(Read::Api).await;
    assert!(matches!(error, SourceError::Malformed(_)));
    says(&error, &["goes on after 50"]);
    assert!(villain.requests() < 600, "{}", villain.requests());
    assert!(began.elapsed() < Duration::from_secs(60), "{:?}", began.elapsed());
}

#[tokio::test]
async fn a_slow_list_that_never_ends_is_given_up_after_a_quarter_of_an_hour() {
    let villain = Villain::with_list(|asked, start| {
        asked.clock.advance(Duration::from_secs(60));
        let data: Vec<Value> = (start..start + 100).map(|n| entry(&asked.video(n))).collect();
        json!({"total": 1_000_000_000, "data": data})
    })
    .await;
    let error = villain.fails(Read::Api).await;
    assert!(matches!(error, SourceError::Transient(_)));
    says(&error, &["15 minutes"]);
}

#[tokio::test]
async fn a_list_that_cannot_be_paged_is_said_not_to_be() {
    let villain = Villain::with_list(|asked, _| {
        let data: Vec<Value> = (0..100).map(|n| entry(&asked.video(n))).collect();
        json!({"total": 250, "data": data})
    })
    .await;
    says(
        &villain.fails(Read::Api).await,
        &["the same videos again", "read = \"outbox\""],
    );
}

#[tokio::test]
async fn a_list_with_smaller_pages_than_asked_for_is_read_to_its_end() {
    for most in [1, 2, 7, 15, 50, 99, 100] {
        let villain = Villain::with_list(move |asked, start| {
            let data: Vec<Value> = (start..(start + most).min(123))
                .map(|n| entry(&asked.video(n)))
                .collect();
            json!({"total": 123, "data": data})
        })
        .await;
        assert_eq!(
            listed(&scan(&villain.source(Read::Api)).await).len(),
            123,
            "pages of {most}"
        );
    }
}

#[tokio::test]
async fn a_total_that_counts_a_few_too_many_ends_with_the_videos() {
    for (videos, total) in [(3, 4), (30, 40), (100, 101), (120, 130), (190, 191)] {
        let villain = Villain::with_list(move |asked, start| {
            let data: Vec<Value> = (start..(start + 100).min(videos))
                .map(|n| entry(&asked.video(n)))
                .collect();
            json!({"total": total, "data": data})
        })
        .await;
        assert_eq!(
            listed(&scan(&villain.source(Read::Api)).await).len() as u64,
            videos,
            "{videos} of {total}"
        );
        assert!(villain.requests() < 12, "{videos} of {total}: {}", villain.requests());
    }
}

#[tokio::test]
async fn a_list_that_shows_less_than_it_counts_is_never_taken_for_whole() {
    for (videos, total) in [(0, 200), (0, 1), (30, 1000), (100, 200), (120, 500)] {
        let villain = Villain::with_list(move |asked, start| {
            let data: Vec<Value> = (start..(start + 100).min(videos))
                .map(|n| entry(&asked.video(n)))
                .collect();
            json!({"total": total, "data": data})
        })
        .await;
        let error = villain.fails(Read::Api).await;
        says(&error, &["shows nothing from place", "read = \"outbox\""]);
    }
    // Nothing where there was something a moment ago, however little is missing.
    let villain = Villain::with_list(|asked, start| {
        let data: Vec<Value> = (start..100).map(|n| entry(&asked.video(n))).collect();
        json!({"total": 105, "data": if start == 0 { data } else { Vec::new() }})
    })
    .await;
    says(&villain.fails(Read::Api).await, &["from place 90"]);
}

#[tokio::test]
async fn what_a_list_says_of_others_is_left_out() {
    let villain = Villain::with_list(|asked, _| {
        let mut private = entry(&asked.video(2));
        private["privacy"]["id"] = 3.into();
        let mut unlisted = entry(&asked.video(3));
        unlisted["privacy"]["id"] = "2".into();
        let data = [
            entry(&asked.video(1)),
            private,
            unlisted,
            entry("https://elsewhere.example/videos/watch/1"),
            entry("javascript:alert(1)"),
            json!(null),
        ];
        json!({"total": 6, "data": data})
    })
    .await;
    assert_eq!(listed(&scan(&villain.source(Read::Api)).await), [villain.id(1)].into());
}

#[tokio::test]
async fn an_announcement_of_somebody_elses_video_is_not_carried() {
    let villain = Villain::start(|asked| match asked.uri.path() {
        OUTBOX => Some((
            200,
            ACTIVITY,
            page(vec![asked.announce(1), asked.announce(2)], None).to_string(),
        )),
        path if path.starts_with("/videos/watch/") => {
            let maker = if path.ends_with('1') { "me" } else { "bob" };
            let video = json!({
                "type": "Video", "id": format!("{}{path}", asked.base), "to": [PUBLIC], "state": 1,
                "attributedTo": [{"type": "Group", "id": format!("{}/video-channels/{maker}", asked.base)}],
            });
            Some((200, ACTIVITY, video.to_string()))
        }
        _ => None,
    })
    .await;
    let source = villain.source(Read::Outbox);
    assert_eq!(listed(&scan(&source).await).len(), 2);
    fetched(&source, &villain.id(1)).await;
    match source.fetch(&villain.id(2)).await {
        Ok(Fetched::NotPublic(why)) => assert!(why.contains("not by"), "{why}"),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_document_that_claims_another_id_is_not_the_video() {
    let detail = |url: String, base: &str| json!({"url": url, "privacy": {"id": 1}, "state": {"id": 1}, "channel": {"url": format!("{base}/video-channels/me")}});
    for claim in ["https://elsewhere.example/videos/watch/1", "/2", ""] {
        let villain = Villain::start(move |asked| {
            let named = if claim.starts_with("https:") {
                claim.to_owned()
            } else {
                asked.video(2)
            };
            let maker = format!("{}/video-channels/me", asked.base);
            match asked.uri.path() {
                path if path.starts_with("/api/v1/videos/") => {
                    Some((200, JSON, detail(named, &asked.base).to_string()))
                }
                path if path.starts_with("/videos/watch/") => {
                    let video = json!({"type": "Video", "id": named, "to": PUBLIC, "state": 1, "attributedTo": maker});
                    Some((200, ACTIVITY, video.to_string()))
                }
                _ => None,
            }
        })
        .await;
        for read in BOTH {
            let found = villain.source(read).fetch(&villain.id(1)).await;
            assert!(
                matches!(found, Err(SourceError::Malformed(_))),
                "{read:?} {claim}: {found:?}"
            );
        }
    }
}

#[tokio::test]
async fn a_tombstone_is_a_deletion() {
    let villain = Villain::start(|asked| {
        let gone = json!({"type": "Tombstone", "id": asked.video(1)});
        asked
            .uri
            .path()
            .starts_with("/videos/watch/")
            .then(|| (200, ACTIVITY, gone.to_string()))
    })
    .await;
    assert_eq!(
        villain.source(Read::Outbox).fetch(&villain.id(1)).await,
        Ok(Fetched::Gone)
    );
}

#[tokio::test]
async fn an_actor_that_moved_or_lives_elsewhere_is_said_to() {
    let actor = |change: fn(&mut Value, &str)| {
        move |asked: &Asked| {
            let mut document = json!({"type": "Group", "id": format!("{}/video-channels/me", asked.base)});
            change(&mut document, &asked.base);
            (asked.uri.path() == "/video-channels/me").then(|| (200, ACTIVITY, document.to_string()))
        }
    };
    let moved = Villain::start(actor(|document, _| {
        document["movedTo"] = "https://new.example/me".into();
    }))
    .await;
    says(&moved.fails(Read::Outbox).await, &["moved to https://new.example/me"]);
    let suspended = Villain::start(actor(|document, _| document["suspended"] = true.into())).await;
    says(&suspended.fails(Read::Outbox).await, &["suspended"]);
    let stranger = Villain::start(actor(|document, _| {
        document["outbox"] = "https://elsewhere.example/outbox".into();
    }))
    .await;
    says(&stranger.fails(Read::Outbox).await, &["no outbox"]);
    let elsewhere = Villain::start(|asked| {
        let links = json!({"links": [{"rel": "self", "type": "application/activity+json", "href": "https://elsewhere.example/me"}]});
        (asked.uri.path() == "/.well-known/webfinger").then(|| (200, JSON, links.to_string()))
    })
    .await;
    says(
        &elsewhere.fails(Read::Outbox).await,
        &["another server", "instance = \"https://elsewhere.example\""],
    );
}

#[tokio::test]
async fn a_name_that_is_a_path_changes_no_address() {
    let villain = Villain::start(|asked| match asked.uri.path() {
        "/video-channels/me" => {
            let document = json!({
                "type": "Group", "id": format!("{}/video-channels/me", asked.base), "preferredUsername": "../../users/me?x=",
            });
            Some((200, ACTIVITY, document.to_string()))
        }
        LIST => Some((200, JSON, json!({"total": 0, "data": []}).to_string())),
        _ => None,
    })
    .await;
    assert!(scan(&villain.source(Read::Api)).await.sightings.is_empty());
    assert!(
        villain
            .server
            .arrivals
            .all()
            .iter()
            .all(|a| !a.target.contains("users"))
    );
}

#[tokio::test]
async fn validators_that_are_too_long_to_keep_are_not_kept() {
    let villain = Villain::with_list(|asked, _| json!({"total": 1, "data": [entry(&asked.video(1))]})).await;
    let source = villain.source(Read::Api);
    source.reader().await.expect("it is found");
    let body = json!({"total": 1, "data": [entry(villain.id(1).as_str())]}).to_string();
    for (length, kept) in [(10, true), (5000, false)] {
        let tag = format!("\"{}\"", "x".repeat(length));
        let headers = vec![("Content-Type".to_owned(), JSON.to_owned()), ("ETag".to_owned(), tag)];
        villain
            .server
            .faults
            .next("GET", LIST, 1, Fault::Answer(200, headers, body.clone()));
        let known = scan(&source).await;
        assert_eq!(known.cursor.0["etag"].is_string(), kept, "{length}");
        let again = seen(source.poll(&known.cursor).await);
        assert_eq!((listed(&again), again.scan_needed), (listed(&known), false));
    }
}
