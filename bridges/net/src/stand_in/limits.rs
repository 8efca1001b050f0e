//! Rate limits in windows of fixed length: aligned to the epoch, as Mastodon counts them, or begun by a client's first
//! request, as `PeerTube` does.

use std::collections::HashMap;

use chrono::{DateTime, Duration, TimeZone, Utc};

/// So many requests a window, for each key (a token, an address).
#[derive(Clone, Debug)]
pub struct WindowLimit {
    /// Requests a window.
    pub limit: u32,
    /// Length of the window in seconds.
    pub seconds: i64,
    aligned: bool,
    /// Where each key's window began, and how many requests came in it.
    used: HashMap<String, (DateTime<Utc>, u32)>,
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
    /// `limit` requests every `seconds`, in windows aligned to the epoch.
    pub fn new(limit: u32, seconds: i64) -> Self {
        Self {
            limit,
            seconds: seconds.max(1),
            aligned: true,
            used: HashMap::new(),
        }
    }

    /// `limit` requests within `seconds` of the first of them.
    pub fn since_first_request(limit: u32, seconds: i64) -> Self {
        Self {
            aligned: false,
            ..Self::new(limit, seconds)
        }
    }

    /// Counts one request.
    pub fn count(&mut self, key: &str, now: DateTime<Utc>) -> Verdict {
        let length = Duration::seconds(self.seconds);
        let begins = if self.aligned {
            let window = now.timestamp().div_euclid(self.seconds);
            Utc.timestamp_opt(window * self.seconds, 0).single().unwrap_or(now)
        } else {
            now
        };
        let entry = self.used.entry(key.to_owned()).or_insert((begins, 0));
        if now < entry.0 || now >= entry.0 + length {
            *entry = (begins, 0);
        }
        entry.1 = entry.1.saturating_add(1);
        Verdict {
            allowed: entry.1 <= self.limit,
            limit: self.limit,
            remaining: self.limit.saturating_sub(entry.1),
            reset: entry.0 + length,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(seconds, 0).unwrap_or_default()
    }

    #[test]
    fn an_aligned_window_ends_on_the_epochs_grid() {
        let mut limit = WindowLimit::new(1, 10);
        assert_eq!(limit.count("a", at(1007)).reset, at(1010));
        assert!(!limit.count("a", at(1009)).allowed);
        assert!(limit.count("b", at(1009)).allowed);
        assert!(limit.count("a", at(1010)).allowed);
    }

    #[test]
    fn a_window_since_the_first_request_lasts_its_whole_length() {
        let mut limit = WindowLimit::since_first_request(2, 10);
        assert_eq!(limit.count("a", at(1007)).reset, at(1017));
        assert_eq!(limit.count("a", at(1016)).remaining, 0);
        assert!(!limit.count("a", at(1016)).allowed);
        assert_eq!(limit.count("a", at(1017)).reset, at(1027));
    }
}
