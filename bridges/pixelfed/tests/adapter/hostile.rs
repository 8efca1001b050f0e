//! What no server should say: nothing of it panics, or is taken for news.

use proptest::prelude::*;
use serde_json::{Value, json};
use tombolo_model::{Cursor, Source};
use tombolo_net::stand_in::Fault;
use tombolo_pixelfed::{Read, fuzz, post_from_native, post_from_note};

use crate::rig::{Rig, recorded, recorded_text, scan};

/// Replaces what is at one place of a document.
fn damaged(document: &Value, at: usize, by: Value) -> Value {
    fn places(value: &Value, path: &str, all: &mut Vec<String>) {
        all.push(path.to_owned());
        match value {
            Value::Object(fields) => {
                for (key, inner) in fields {
                    places(
                        inner,
                        &format!("{path}/{}", key.replace('~', "~0").replace('/', "~1")),
                        all,
                    );
                }
            }
            Value::Array(items) => {
                for (index, inner) in items.iter().enumerate() {
                    places(inner, &format!("{path}/{index}"), all);
                }
            }
            _ => {}
        }
    }
    let (mut copy, mut all) = (document.clone(), Vec::new());
    places(document, "", &mut all);
    if let Some(place) = copy.pointer_mut(&all[at % all.len()]) {
        *place = by;
    }
    copy
}

fn nuisance() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<i64>().prop_map(|n| json!(n)),
        any::<f64>().prop_map(|n| json!(n)),
        "\\PC{0,12}".prop_map(Value::String),
        Just(json!([[{"id": {}}]])),
        Just(json!({"url": ["x"], "id": 3})),
        Just(json!("javascript:alert(1)")),
        Just(json!("9999-12-31T23:59:60Z")),
        Just(json!("ä".repeat(10_000))),
        Just(Value::Array(vec![json!({"type": "Document", "id": "1"}); 500])),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, ..ProptestConfig::default() })]

    #[test]
    fn no_damaged_status_or_note_does_harm(at in any::<usize>(), by in nuisance(), again in any::<usize>(), more in nuisance()) {
        for name in ["native-album.json", "native-video.json", "native-photo.json", "note-album.json", "note-photo.json"] {
            let value = damaged(&damaged(&recorded(name), at, by.clone()), again, more.clone());
            let bytes = value.to_string().into_bytes();
            fuzz::native_status(&bytes);
            fuzz::note(&bytes);
            for post in [post_from_native(&value), post_from_note(&value)].into_iter().flatten() {
                prop_assert!(post.aliases.contains(post.id.as_str()));
                prop_assert!(post.media.len() <= 100 && post.tags.len() <= 100);
                prop_assert!(post.media.iter().flat_map(|m| &m.renditions).all(|r| r.url.scheme().starts_with("http")));
            }
        }
    }

    #[test]
    fn no_bytes_do_harm(bytes in proptest::collection::vec(any::<u8>(), 0..200), cut in 0..20_000_usize) {
        let mut feed = recorded_text("feed.atom").into_bytes();
        feed.truncate(cut);
        feed.extend(&bytes);
        for bytes in [bytes, feed] {
            fuzz::native_status(&bytes);
            fuzz::note(&bytes);
            fuzz::feed(&bytes);
            fuzz::instance_document(&bytes);
        }
    }

    #[test]
    fn no_damaged_instance_document_does_harm(at in any::<usize>(), by in nuisance()) {
        fuzz::instance_document(damaged(&recorded("instance-video.json"), at, by).to_string().as_bytes());
    }
}

fn answer(body: &Value) -> Fault {
    Fault::Answer(
        200,
        vec![("content-type".into(), "application/json".into())],
        body.to_string(),
    )
}

#[tokio::test]
async fn lists_of_nonsense_are_errors_and_never_short_lists() {
    for body in [
        json!({}),
        json!("x"),
        json!([1, 2]),
        json!([{"id": "x"}]),
        json!([{"id": null}]),
    ] {
        let rig = Rig::start().await;
        rig.publish_many(2);
        let sources = [rig.source_with_token(), rig.source(Read::Api)];
        for source in &sources {
            scan(source).await;
        }
        for (source, path) in sources.iter().zip(["/api/v1/accounts/", "/api/pixelfed/"]) {
            rig.pixelfed.faults().next("GET", path, 1, answer(&body));
            let result = source.scan(&Cursor::default()).await;
            assert!(result.is_err(), "{body}: {result:?}");
        }
    }
}

#[tokio::test]
async fn a_list_that_repeats_itself_is_an_error() {
    let rig = Rig::start().await;
    rig.publish_many(2);
    let source = rig.source_with_token();
    scan(&source).await;
    let page = json!([recorded("native-photo.json")]);
    rig.pixelfed
        .faults()
        .next("GET", "/api/v1/accounts/", u32::MAX, answer(&page));
    assert!(source.scan(&Cursor::default()).await.is_err());
}
