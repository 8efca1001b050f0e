//! What reads foreign bytes, as plain functions for a fuzzer: none may panic, whatever comes.

use tombolo_mastoapi::{parse_account, parse_instance, parse_status};
use tombolo_model::{ApId, Visibility};

use crate::post::{Home, note_to_post, status_to_post};

fn home() -> Option<Home> {
    Some(Home {
        actor: ApId::parse("https://m.example/users/me")?,
        host: "m.example".to_owned(),
    })
}

/// A status, account or instance document of the API.
///
/// # Panics
/// Where a status of another visibility than its own came out.
pub fn status_json(bytes: &[u8]) {
    let (Ok(value), Some(home)) = (serde_json::from_slice(bytes), home()) else {
        return;
    };
    let _ = (parse_instance(&value), parse_account(&value));
    if let Some(post) = parse_status(&value).and_then(|status| status_to_post(&status, &home, None)) {
        let word = value.get("visibility").and_then(serde_json::Value::as_str);
        assert!(post.visibility == Visibility::Private || matches!(word, Some("public" | "unlisted")));
        assert!(post.aliases.contains(post.id.as_str()));
    }
}

/// An ActivityPub object.
///
/// # Panics
/// Where an object that isn't addressed to the public came out as if it were.
pub fn note_json(bytes: &[u8]) {
    let (Ok(value), Some(home)) = (serde_json::from_slice(bytes), home()) else {
        return;
    };
    if let Some(post) = note_to_post(&value, &home) {
        let named = |key: &str| value.get(key).is_some_and(tombolo_activitypub::is_public);
        assert!(post.visibility == Visibility::Private || named("to") || named("cc"));
    }
}

/// An RSS feed.
pub fn rss(bytes: &[u8]) {
    let _ = crate::readers::rss::parse_feed(&String::from_utf8_lossy(bytes));
}
