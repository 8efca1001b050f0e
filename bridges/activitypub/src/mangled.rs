//! Documents as no server should send them, for tests: any JSON at all, and recorded documents with faults put in.
//!
//! Shared by the tests of the crates that read such documents.

use std::path::Path;

use proptest::collection::{hash_map, vec};
use proptest::prelude::*;
use proptest::sample::{Index, select};
use serde_json::{Map, Number, Value, json};

/// What stands where something else was expected.
fn nuisance() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(|n| json!(n)),
        any::<u64>().prop_map(|n| json!(n)),
        any::<f64>().prop_map(|n| Number::from_f64(n).map_or(Value::Null, Value::Number)),
        "\\PC{0,12}".prop_map(Value::String),
        select(vec![
            "javascript:alert(1)",
            "data:text/html,<script>",
            "file:///etc/passwd",
            "//elsewhere.example/x",
            "http://",
            "https://user:secret@video.example/x",
            "ftp://video.example/x",
            "https://[::1]/x",
            "../../..",
            "",
            " ",
            "\u{0}\u{202e}\n",
            "as:Public",
            "Public",
            "Video",
            "video/mp4",
            "text/html",
            "P1D",
            "PT999999999999S",
            "9999-12-31T23:59:60Z",
            "-0001-01-01T00:00:00Z",
            "true",
            "1e400",
            "NaN",
        ])
        .prop_map(|text| Value::String(text.to_owned())),
        (1..150_000_usize).prop_map(|n| Value::String("ä".repeat(n))),
        (1..3_000_usize).prop_map(|n| vec![json!({"type": "Hashtag", "name": "x"}); n].into()),
        Just(json!({"id": {"id": "x"}, "url": [["x"]], "href": 3})),
    ]
}

/// Any JSON, with keys that readers look for.
pub fn any_json() -> impl Strategy<Value = Value> {
    let keys = select(vec![
        "id",
        "url",
        "type",
        "href",
        "name",
        "to",
        "cc",
        "tag",
        "icon",
        "files",
        "fileUrl",
        "links",
        "rel",
        "first",
        "next",
        "orderedItems",
        "items",
        "totalItems",
        "object",
        "data",
        "uuid",
        "privacy",
        "state",
        "language",
        "thumbnails",
        "streamingPlaylists",
        "subtitleLanguage",
        "identifier",
        "mediaType",
        "attachment",
        "value",
        "duration",
        "outbox",
        "movedTo",
        "preferredUsername",
        "attributedTo",
        "captionPath",
        "width",
        "height",
        "fps",
        "size",
        "published",
    ]);
    nuisance().prop_recursive(5, 60, 6, move |inner| {
        prop_oneof![
            vec(inner.clone(), 0..6).prop_map(Value::Array),
            hash_map(keys.clone().prop_map(str::to_owned), inner, 0..8)
                .prop_map(|all| Value::Object(Map::from_iter(all))),
        ]
    })
}

/// One fault in a document.
#[derive(Clone, Debug)]
enum Fault {
    Drop,
    Replace(Value),
    Nest(u8),
    Wrap,
    Spell,
    Repeat(u8),
    Swap(Index),
}

fn fault() -> impl Strategy<Value = Fault> {
    prop_oneof![
        2 => Just(Fault::Drop),
        4 => nuisance().prop_map(Fault::Replace),
        1 => any_json().prop_map(Fault::Replace),
        1 => (1..40_u8).prop_map(Fault::Nest),
        1 => Just(Fault::Wrap),
        1 => Just(Fault::Spell),
        1 => (2..30_u8).prop_map(Fault::Repeat),
        1 => any::<Index>().prop_map(Fault::Swap),
    ]
}

/// One of these documents, with one to five faults anywhere in it.
pub fn mangled(documents: Vec<Value>) -> impl Strategy<Value = Value> {
    (select(documents), vec((any::<Index>(), fault()), 1..6)).prop_map(|(mut document, faults)| {
        for (place, fault) in faults {
            let all = places(&document);
            let other = match &fault {
                Fault::Swap(other) => document.pointer(other.get::<String>(&all)).cloned(),
                _ => None,
            };
            apply(&mut document, place.get::<String>(&all), fault, other);
        }
        document
    })
}

fn apply(document: &mut Value, place: &str, fault: Fault, other: Option<Value>) {
    if let Fault::Drop = fault {
        let Some((parent, key)) = place.rsplit_once('/') else {
            return;
        };
        match document.pointer_mut(parent) {
            Some(Value::Object(fields)) => drop(fields.remove(&key.replace("~1", "/").replace("~0", "~"))),
            Some(Value::Array(items)) => {
                if let Some(index) = key.parse().ok().filter(|i: &usize| *i < items.len()) {
                    items.remove(index);
                }
            }
            _ => {}
        }
        return;
    }
    let Some(value) = document.pointer_mut(place) else {
        return;
    };
    let was = value.take();
    *value = match fault {
        Fault::Drop => Value::Null,
        Fault::Replace(new) => new,
        Fault::Nest(depth) => (0..depth).fold(was, |inner, _| json!([inner])),
        Fault::Wrap => json!({"id": was, "url": was, "href": was}),
        Fault::Spell => match was {
            Value::String(text) => text.parse().map_or(Value::Bool(true), Value::Number),
            other => Value::String(other.to_string()),
        },
        Fault::Repeat(times) => vec![was; times.into()].into(),
        Fault::Swap(_) => other.unwrap_or_default(),
    };
}

/// The JSON pointers of everything in a document but the context, which nobody reads.
fn places(document: &Value) -> Vec<String> {
    fn collect(value: &Value, at: &str, all: &mut Vec<String>) {
        // A document that earlier faults made very large needs no more of them.
        if all.len() > 5_000 {
            return;
        }
        all.push(at.to_owned());
        match value {
            Value::Object(fields) => {
                for (key, inner) in fields.iter().filter(|(key, _)| *key != "@context") {
                    collect(
                        inner,
                        &format!("{at}/{}", key.replace('~', "~0").replace('/', "~1")),
                        all,
                    );
                }
            }
            Value::Array(items) => {
                for (index, inner) in items.iter().enumerate() {
                    collect(inner, &format!("{at}/{index}"), all);
                }
            }
            _ => {}
        }
    }
    let mut all = Vec::new();
    collect(document, "", &mut all);
    all
}

/// The bodies of these recordings of PeerTube 6.3.0.
pub fn recorded_bodies(numbers: &[&str]) -> Vec<Value> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/recordings/peertube-6.3.0");
    let files: Vec<_> = std::fs::read_dir(folder)
        .expect("the recordings are there")
        .flatten()
        .collect();
    numbers
        .iter()
        .map(|number| {
            let named = |name: &str| name.starts_with(&format!("{number}-"));
            let file = files.iter().find(|f| f.file_name().to_str().is_some_and(named));
            let text = std::fs::read(file.expect("the recording is there").path()).expect("it can be read");
            let recording: Value = serde_json::from_slice(&text).expect("it is JSON");
            recording["response"]["body"].clone()
        })
        .collect()
}
