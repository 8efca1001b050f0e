//! What the islands share.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tombolo_activitypub::Handle;
use tombolo_conformance::files::{file, picture};
use tombolo_model::{ApId, Cache, Draft, Form, IdempotencyKey, MemoryCache, TestClock, Visibility};

pub const SETTLE: Duration = Duration::from_secs(60);

pub fn clock() -> TestClock {
    TestClock::at("2026-11-23T05:46:00Z".parse().expect("a date"))
}

pub fn id(text: &str) -> ApId {
    ApId::parse(text).expect("an id")
}

pub fn handle(text: &str) -> Handle {
    Handle::parse(text).expect("a handle")
}

/// The cache of a process that has just started for the first time.
pub fn cache() -> Arc<dyn Cache> {
    Arc::new(MemoryCache::default())
}

/// A post with a picture.
pub fn status(number: u8) -> Draft {
    let alt = format!("Picture {number}: a sandbar between \"two\" islands, 潮");
    Draft {
        text: format!("Post {number} of a walk over the sandbar & back, <3\n\nhttps://tube.example/w/{number}"),
        content_warning: None,
        sensitive: false,
        language: Some("en".into()),
        visibility: Visibility::Public,
        media: vec![file(&file_name(number), "image/jpeg", picture(number), Some(&alt))],
        key: key(number),
        form: Form::Status { reply_to: None },
    }
}

pub fn status_file(number: u8) -> Bytes {
    picture(number)
}

/// As the engine names files: unlike any other.
pub fn file_name(number: u8) -> String {
    format!("bridge-5d41402abc4b2a76b97190{number:02x}.jpg")
}

pub fn key(number: u8) -> IdempotencyKey {
    IdempotencyKey::from_random([number; 16])
}

/// A refusal as Mastodon's API and its like word it.
pub fn refusal(_status: u16, words: &str) -> String {
    serde_json::json!({ "error": words }).to_string()
}

/// Who may see a post, by the word that Mastodon's API has for it.
pub fn visibility(word: &str) -> Visibility {
    match word {
        "public" => Visibility::Public,
        "unlisted" => Visibility::Unlisted,
        _ => Visibility::Private,
    }
}
