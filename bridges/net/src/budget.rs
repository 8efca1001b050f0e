//! How often a host may be asked: what its own headers say is left, and never while it asks to wait.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use chrono::{DateTime, Utc};
use reqwest::header::HeaderMap;
use tombolo_model::Origin;

use crate::headers::{rate_limit_remaining, rate_limit_reset, retry_after};

/// For each origin and family of requests, the instant before which nothing more is asked.
#[derive(Debug, Default)]
pub(crate) struct Budgets(Mutex<HashMap<(Origin, &'static str), DateTime<Utc>>>);

impl Budgets {
    /// When the next request may go out, if it has to wait.
    pub(crate) fn not_before(
        &self,
        origin: &Origin,
        family: &'static str,
        now: DateTime<Utc>,
    ) -> Option<DateTime<Utc>> {
        let mut waits = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        waits.retain(|_, until| *until > now);
        waits.get(&(origin.clone(), family)).copied()
    }

    /// Learns from an answer. Returns until when to wait, where the server refused for that reason.
    pub(crate) fn learn(
        &self,
        origin: &Origin,
        family: &'static str,
        status: u16,
        headers: &HeaderMap,
        now: DateTime<Utc>,
    ) -> Option<DateTime<Utc>> {
        let refused = matches!(status, 429 | 503);
        let used_up = rate_limit_remaining(headers) == Some(0);
        if !refused && !used_up {
            return None;
        }
        let until = retry_after(headers, now)
            .or_else(|| rate_limit_reset(headers, now).filter(|_| used_up || status == 429))?;
        let mut waits = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = waits.entry((origin.clone(), family)).or_insert(until);
        *entry = (*entry).max(until);
        refused.then_some(until)
    }
}
