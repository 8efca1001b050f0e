//! Answers that are none: what servers, and the proxies in front of them, send when something is wrong.

use chrono::{DateTime, TimeDelta, Utc};
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;
use serde_json::Value;
use tombolo_net::stand_in::Fault;

use crate::mangled::{any_json, mangled};

/// What a server says it wants its callers to wait, in seconds.
pub const WAIT: i64 = 3600;
/// More than any document has.
const HUGE: usize = 5 << 20;

/// What an error has to say of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// It may work later.
    Passing,
    /// Not before a time that the server named.
    Throttled,
    /// It isn't what is answered there.
    Strange,
}

/// An answer that is none.
#[derive(Clone, Debug)]
pub struct Bad {
    /// What it is, for messages.
    pub name: &'static str,
    pub fault: Fault,
    pub meaning: Meaning,
}

pub fn html(status: u16) -> Fault {
    typed(status, "text/html", "<!DOCTYPE html><title>Sorry</title><p>Try again")
}

pub fn typed(status: u16, kind: &str, body: &str) -> Fault {
    Fault::Answer(status, vec![("content-type".into(), kind.into())], body.into())
}

/// Too many requests; the server says how long to wait.
pub fn too_often(kind: &str, body: &str) -> Fault {
    let headers = vec![
        ("content-type".into(), kind.into()),
        ("retry-after".into(), WAIT.to_string()),
    ];
    Fault::Answer(429, headers, body.into())
}

/// Whether this is when a server that was asked just now wants to be asked again.
pub fn is_the_named_time(until: DateTime<Utc>, now: DateTime<Utc>) -> bool {
    let wait = until - now;
    // Adapters come a little later than they were told, not all at once.
    wait >= TimeDelta::seconds(WAIT - 1) && wait <= TimeDelta::seconds(WAIT + 10)
}

/// What can come instead of a document.
pub fn instead_of_a_document() -> Vec<Bad> {
    use Meaning::{Passing, Strange, Throttled};
    let bad = |name, fault, meaning| Bad { name, fault, meaning };
    vec![
        bad("500 and a page", html(500), Passing),
        bad("502 and a page", html(502), Passing),
        bad("503 and a page", html(503), Passing),
        bad("429 with Retry-After", too_often("text/html", "slow down"), Throttled),
        bad("a connection closed before the answer", Fault::CutBefore, Passing),
        bad("an answer cut off halfway", Fault::CutHalfway, Passing),
        bad("a login page with status 200", html(200), Strange),
        bad("an untyped file", typed(200, "application/octet-stream", "{}"), Strange),
        bad(
            "a document without end",
            typed(200, "application/json", &format!("[\"{}\"]", "a".repeat(HUGE))),
            Strange,
        ),
    ]
}

/// What can come instead of a list, besides.
pub fn instead_of_a_list() -> Vec<Bad> {
    let mut all = instead_of_a_document();
    let strange = |name, fault| Bad {
        name,
        fault,
        meaning: Meaning::Strange,
    };
    all.extend([
        strange("403 and a page", html(403)),
        strange("404 and a page", html(404)),
        strange(
            "a redirect to nowhere",
            Fault::Answer(302, vec![("location".into(), "about:blank".into())], String::new()),
        ),
        strange("JSON of another kind", typed(200, "application/json", "{\"ok\":true}")),
        strange("JSON that breaks off", typed(200, "application/json", "[{\"id\":")),
    ]);
    all
}

/// So many documents that no server should send, always the same; made from `like`, where there is something to make them from.
pub fn hostile(like: Option<&Value>, number: usize) -> Vec<Value> {
    let mut runner = TestRunner::deterministic();
    let mut all = Vec::new();
    for n in 0..number {
        let tree = match like.filter(|_| n % 4 != 0) {
            Some(like) => mangled(vec![like.clone()])
                .new_tree(&mut runner)
                .map(|tree| tree.current()),
            None => any_json().new_tree(&mut runner).map(|tree| tree.current()),
        };
        all.push(tree.expect("a document"));
    }
    all
}
