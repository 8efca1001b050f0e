//! What is read from outside, as functions of bytes: none may panic, whatever the bytes.

use serde_json::Value;

use crate::{entity, limits};

/// A native status, as a post and as a copy.
pub fn native_status(bytes: &[u8]) {
    if let Ok(value) = serde_json::from_slice::<Value>(bytes) {
        let _ = crate::post_from_native(&value);
        let _ = entity::Status::of(&value);
    }
}

/// An ActivityPub Note.
pub fn note(bytes: &[u8]) {
    if let Ok(value) = serde_json::from_slice::<Value>(bytes) {
        let _ = crate::post_from_note(&value);
    }
}

/// An atom feed.
pub fn feed(bytes: &[u8]) {
    let _ = crate::parse_feed(&String::from_utf8_lossy(bytes));
}

/// An instance document.
pub fn instance_document(bytes: &[u8]) {
    if let Ok(value) = serde_json::from_slice::<Value>(bytes) {
        let _ = limits::limits_of(&value);
    }
}
