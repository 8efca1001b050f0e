//! Rate limits in fixed windows aligned to the epoch, as Mastodon and `PeerTube` count them.

use std::collections::HashMap;

use chrono::{DateTime, TimeZone, Utc};

/// So many requests a window, for each key (a token, an address).
#[derive(Clone, Debug)]
pub struct WindowLimit {
    /// Requests a window.
    pub limit: u32,
    /// Length of the window in seconds.
    pub seconds: i64,
    used: HashMap<String, (i64, u32)>,
}

/// What a limit says of one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Whether it may pass.
    pub allowed: bool,
    /// The window's limit.
    pub limit: u32,
    /// How many more may come in this window.
    pub remaining: u32,
    /// When the next window begins.
    pub reset: DateTime<Utc>,
}

impl WindowLimit {
    /// `limit` requests every `seconds`.
    pub fn new(limit: u32, seconds: i64) -> Self {
        Self {
            limit,
            seconds: seconds.max(1),
            used: HashMap::new(),
        }
    }

    /// Counts one request.
    pub fn count(&mut self, key: &str, now: DateTime<Utc>) -> Verdict {
        let window = now.timestamp().div_euclid(self.seconds);
        let entry = self.used.entry(key.to_owned()).or_insert((window, 0));
        if entry.0 != window {
            *entry = (window, 0);
        }
        entry.1 = entry.1.saturating_add(1);
        let reset = Utc
            .timestamp_opt((window + 1) * self.seconds, 0)
            .single()
            .unwrap_or(now);
        Verdict {
            allowed: entry.1 <= self.limit,
            limit: self.limit,
            remaining: self.limit.saturating_sub(entry.1),
            reset,
        }
    }
}
