//! Answers worth keeping for a while: actors, WebFinger answers, limits. Outside the ledger; losing it costs requests only.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde_json::Value;

/// Keeps values by name until they are too old.
pub trait Cache: Send + Sync {
    /// The value kept under this name, unless it is older than `max_age`.
    fn get(&self, name: &str, max_age: Duration, now: DateTime<Utc>) -> Option<Value>;

    /// Keeps a value.
    fn put(&self, name: &str, value: &Value, now: DateTime<Utc>);

    /// Forgets a value.
    fn forget(&self, name: &str);
}

/// A cache that ends with the process.
#[derive(Debug, Default)]
pub struct MemoryCache(Mutex<HashMap<String, (DateTime<Utc>, Value)>>);

impl Cache for MemoryCache {
    fn get(&self, name: &str, max_age: Duration, now: DateTime<Utc>) -> Option<Value> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (at, value) = kept.get(name)?;
        (now.signed_duration_since(*at).to_std().unwrap_or_default() <= max_age).then(|| value.clone())
    }

    fn put(&self, name: &str, value: &Value, now: DateTime<Utc>) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(name.to_owned(), (now, value.clone()));
    }

    fn forget(&self, name: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(name);
    }
}
