//! Bad input, the other way round: a destination that garbles what it is, what it takes and what it did.
//!
//! Whatever it says, nothing is posted twice, nothing that isn't meant, and the post's line says what is the matter.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};
use tombolo_mastodon::stand_in::{Mastodon, Options};
use tombolo_net::stand_in::Fault;

use crate::hostile::{Hostile, List, Measured, as_json, brief, deep, reply, route, told, watched, writes};
use crate::rig::Tombolo;

const JSON: &str = "application/json";
const HTML: &str = "text/html";
const LOGIN_PAGE: &str = "<!doctype html><html><form action=/login>Please sign in</form></html>";

/// Everything, at once, without waiting for what doesn't work now.
const ALL: [&str; 4] = ["--since", "beginning", "--wait", "0s"];
const STATUSES: (&str, &str) = ("POST", "/api/v1/statuses");
const UPLOADS: (&str, &str) = ("POST", "/api/v2/media");
const INSTANCE: (&str, &str) = ("GET", "/api/v2/instance");
const ACCOUNT: (&str, &str) = ("GET", "/api/v1/accounts/verify_credentials");

/// A source with one good video, a destination, and what a pass from one to the other gave.
struct Tried {
    pass: Measured,
    mastodon: Mastodon,
    tombolo: Tombolo,
    _source: Hostile,
}

impl Tried {
    async fn with(wrong: impl FnOnce(&Mastodon), arguments: &[&str]) -> Self {
        let source = Hostile::start().await;
        source.publish(1, |_| {});
        let options = Options {
            media_polls: 0,
            ..Options::default()
        };
        let mastodon = Mastodon::start(options).await.expect("the stand-in starts");
        let token = mastodon.add_account("me");
        wrong(&mastodon);
        let base = mastodon.base().as_str().trim_end_matches('/');
        let tombolo = Tombolo::configured(&route(&source.base(), "api", base, &token));
        let pass = watched(&tombolo, arguments).await;
        told(
            &format!("{arguments:?}, {:?}", writes(mastodon.arrivals())),
            "api",
            &pass,
        );
        Self {
            pass,
            mastodon,
            tombolo,
            _source: source,
        }
    }

    /// How many statuses were asked for.
    fn posts(&self) -> usize {
        self.mastodon.arrivals().count(STATUSES.0, STATUSES.1)
    }

    /// How many there are.
    fn statuses(&self) -> usize {
        self.mastodon.statuses("me").len()
    }

    /// Why the video is in the state that it is in.
    fn reason(&self) -> &str {
        self.pass
            .lines
            .first()
            .and_then(|line| line["reason"].as_str())
            .unwrap_or_default()
    }
}

/// All requests of this kind are answered so, without effect.
fn always(mastodon: &Mastodon, (method, path): (&str, &str), status: u16, media_type: &str, body: &str) {
    let answer = Fault::Answer(status, vec![("content-type".into(), media_type.into())], body.into());
    mastodon.faults().next(method, path, u32::MAX, answer);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_destination_that_shows_web_pages_wants_a_sign_in() {
    let tried = Tried::with(|m| always(m, ("", "/"), 200, HTML, LOGIN_PAGE), &ALL).await;
    let Tried {
        pass,
        mastodon,
        tombolo,
        ..
    } = &tried;
    assert_eq!(pass.code, 4, "{pass}");
    assert!(
        pass.stderr.contains("\"toots\"") && pass.stderr.contains("web page"),
        "{pass}"
    );
    assert_eq!(writes(mastodon.arrivals()), Vec::<String>::new());
    mastodon.faults().clear();
    assert_eq!(watched(tombolo, &ALL).await.count("published"), 1);
}

/// The destination says something useless, but it has the status: it is found, and is the only one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_status_that_is_there_in_spite_of_the_answer_is_found() {
    let (nested, huge) = (deep(10_000), format!("\"{}\"", "x".repeat(5 << 20)));
    let useless = [
        (500, HTML, LOGIN_PAGE),
        (500, JSON, r#"{"error": "x"}"#),
        (502, JSON, nested.as_str()),
        (200, JSON, "{}"),
        (200, JSON, r#"{"id": null, "uri": 3}"#),
        (200, JSON, "["),
        (200, HTML, LOGIN_PAGE),
        (200, JSON, huge.as_str()),
        (404, HTML, LOGIN_PAGE),
    ];
    for (status, media_type, body) in useless {
        let what = format!("{status} {media_type} {}", &body[..body.len().min(30)]);
        let fault = Fault::AnswerAfter(status, media_type.into(), body.into());
        let wrong = |m: &Mastodon| m.faults().next(STATUSES.0, STATUSES.1, u32::MAX, fault);
        let tried = Tried::with(wrong, &["--since", "beginning", "--wait", "5s"]).await;
        let pass = &tried.pass;
        assert_eq!((pass.code, pass.count("published")), (0, 1), "{what}: {pass}");
        assert_eq!((tried.statuses(), tried.posts()), (1, 1), "{what}");
        assert_eq!(
            pass.lines[0]["copy"]["id"],
            tried.mastodon.statuses("me")[0].id.as_str(),
            "{what}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_destination_that_never_says_what_it_made_is_not_pressed() {
    let wrong = |m: &Mastodon| always(m, STATUSES, 200, JSON, "{}");
    let tried = Tried::with(wrong, &["--since", "beginning", "--wait", "8s"]).await;
    assert_eq!(
        (tried.pass.code, tried.pass.count("published")),
        (3, 0),
        "{}",
        tried.pass
    );
    assert!(!tried.reason().is_empty(), "{}", tried.pass);
    assert!((1..=4).contains(&tried.posts()), "{} tries", tried.posts());
    assert_eq!(tried.statuses(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_is_processed_for_ever_is_waited_for_in_later_runs() {
    let tried = Tried::with(|m| m.set_media_polls(u32::MAX), &ALL).await;
    assert_eq!((tried.pass.code, tried.pass.count("waiting")), (3, 1), "{}", tried.pass);
    assert!(tried.reason().contains("processing"), "{}", tried.pass);
    assert_eq!((tried.posts(), tried.mastodon.uploads().len()), (0, 1));
    let again = watched(&tried.tombolo, &["--wait", "0s"]).await;
    assert_eq!(
        (again.code, tried.posts(), tried.mastodon.uploads().len()),
        (3, 0, 1),
        "it is not sent again: {again}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upload_without_an_answer_of_use_is_not_posted_with() {
    for (status, media_type, body) in [
        (200, JSON, "{}"),
        (200, HTML, LOGIN_PAGE),
        (202, JSON, "[]"),
        (500, HTML, "x"),
    ] {
        let tried = Tried::with(|m| always(m, UPLOADS, status, media_type, body), &ALL).await;
        assert_eq!(
            (tried.pass.code, tried.posts()),
            (3, 0),
            "{status} {body}: {}",
            tried.pass
        );
        assert!(!tried.reason().is_empty(), "{status} {body}: {}", tried.pass);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_garbled_instance_document_stops_before_anything_is_sent() {
    let documents = ["\0\u{1}garbage", &deep(10_000), "[]", "null", "", &"x".repeat(5 << 20)];
    for document in documents {
        let what = &document[..document.len().min(20)];
        let wrong = |m: &Mastodon| {
            always(m, INSTANCE, 200, JSON, document);
            always(m, ("GET", "/api/v1/instance"), 200, JSON, document);
        };
        let tried = Tried::with(wrong, &ALL).await;
        assert_eq!(
            (tried.pass.code, tried.pass.count("waiting")),
            (3, 1),
            "{what:?}: {}",
            tried.pass
        );
        assert!(
            tried.reason().contains(tried.mastodon.base().as_str()),
            "{what:?}: {}",
            tried.pass
        );
        assert_eq!(writes(tried.mastodon.arrivals()), Vec::<String>::new(), "{what:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn absurd_limits_are_obeyed_or_passed_over_and_never_break_anything() {
    const MAX: u64 = u64::MAX;
    let statuses = |max: Value, link: Value, media: Value| {
        json!({"version": "4.6.5", "configuration": {
            "statuses": {"max_characters": max, "characters_reserved_per_url": link, "max_media_attachments": media},
            "media_attachments": {"supported_mime_types": ["video/mp4", "image/jpeg"]}}})
    };
    let media = |limit: Value| {
        let keys = [
            "image_size",
            "image_matrix",
            "video_size",
            "video_matrix",
            "video_frame_rate",
            "description",
        ];
        let limits: serde_json::Map<String, Value> = keys
            .map(|key| (format!("{key}_limit"), limit.clone()))
            .into_iter()
            .collect();
        json!({"configuration": {"media_attachments": limits}})
    };
    let types = |types: Value| json!({"configuration": {"media_attachments": {"supported_mime_types": types}}});
    // What the instance says, and with how many media a status is expected; `None`: none can be written there.
    let cases = [
        (statuses(json!(0), json!(23), json!(4)), Some(1)),
        (statuses(json!(1), json!(23), json!(4)), None),
        (statuses(json!(MAX), json!(MAX), json!(MAX)), Some(1)),
        (statuses(json!(MAX), json!(0), json!(MAX)), Some(1)),
        (statuses(json!(-5), json!(-5), json!(-5)), Some(1)),
        (statuses(json!("500"), json!("23"), json!("1")), Some(1)),
        (statuses(json!(1e300), json!([]), json!({})), Some(1)),
        (statuses(json!(500), json!(23), json!(0)), Some(0)),
        (media(json!(0)), Some(0)),
        (media(json!(1)), Some(0)),
        (media(json!(MAX)), Some(1)),
        (media(json!(-1)), Some(1)),
        (types(json!({"a": 1})), Some(1)),
        (types(json!(["", "x/y"])), Some(0)),
        (json!({"configuration": "x"}), Some(1)),
        (json!({}), Some(1)),
    ];
    for (document, media) in cases {
        let tried = Tried::with(|m| always(m, INSTANCE, 200, JSON, &document.to_string()), &ALL).await;
        let sent: Vec<usize> = tried
            .mastodon
            .statuses("me")
            .iter()
            .map(|status| status.media.len())
            .collect();
        assert_eq!(
            sent,
            media.into_iter().collect::<Vec<_>>(),
            "{document}: {}",
            tried.pass
        );
        assert_eq!(
            (tried.pass.code, tried.pass.count("published")),
            (0, sent.len() as u64),
            "{document}: {}",
            tried.pass
        );
        assert!(
            media.is_some() || tried.reason().contains("counts"),
            "{document}: {}",
            tried.pass
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_account_that_is_not_described_is_not_posted_to() {
    let described = |id: &str| json!({"id": id, "acct": "me"}).to_string();
    let accounts = [
        ("garbage", "\u{1}".to_owned()),
        ("10,000 deep", deep(10_000)),
        ("a list", "[]".to_owned()),
        ("no id", json!({"acct": "me"}).to_string()),
        ("no name", json!({"id": "1"}).to_string()),
        ("an empty id", described("")),
        ("an id with a NUL", described("1\0x")),
        ("an id of 1 MB", described(&"1".repeat(1 << 20))),
        (
            "6 MB",
            json!({"id": "1", "acct": "me", "note": "x".repeat(6 << 20)}).to_string(),
        ),
    ];
    let mut accepted = Vec::new();
    for (what, account) in accounts {
        let Tried { pass, mastodon, .. } = Tried::with(|m| always(m, ACCOUNT, 200, JSON, &account), &ALL).await;
        let refused = writes(mastodon.arrivals()).is_empty() && [1, 3].contains(&pass.code);
        if !refused || !pass.stderr.contains("\"toots\"") || pass.stderr.len() > 2000 {
            accepted.push(format!("{what}: exit {}: {}", pass.code, brief(&pass.stderr)));
        }
    }
    assert_eq!(accepted, Vec::<String>::new());
}

/// Looking for a copy in a list without an end takes neither all time nor all memory.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_destination_with_endless_statuses_is_not_read_for_ever() {
    let source = Hostile::start().await;
    source.publish(1, |_| {});
    // All that a destination is asked before it is asked what it has; what it has doesn't end.
    let destination = Hostile::start().await;
    let next = Arc::new(AtomicUsize::new(0));
    for list in ["/api/v1/accounts", "/api/v1/timelines/home"] {
        let next = next.clone();
        destination.on(list, move |_| {
            let status = |_| {
                let id = next.fetch_add(1, Ordering::Relaxed).to_string();
                let uri = format!("https://m.example/{id}");
                json!({"id": id, "uri": uri, "created_at": "2100-01-01T00:00:00.000Z", "content": "x".repeat(5_000)})
            };
            as_json(List::Api, &(0..40).map(status).collect())
        });
    }
    let says = |path: &str, value: Value| destination.on(path, move |_| as_json(List::Api, &value));
    says(ACCOUNT.1, json!({"id": "1", "acct": "me"}));
    says(INSTANCE.1, json!({"version": "4.6.5"}));
    says(UPLOADS.1, json!({"id": "1", "url": "https://m.example/1.mp4"}));
    destination.on(STATUSES.1, |_| reply(500, HTML, LOGIN_PAGE));
    let tombolo = Tombolo::configured(&route(&source.base(), "api", &destination.base(), "token"));
    let pass = watched(&tombolo, &ALL).await;
    told(
        &format!("{} requests", destination.arrivals().all().len()),
        "api",
        &pass,
    );
    assert_eq!((pass.code, pass.count("unknown")), (3, 1), "{pass}");
    assert_eq!(destination.arrivals().count(STATUSES.0, STATUSES.1), 1);
}
