//! Mastodon's throttles (contract mastodon §8.1), in windows aligned to the epoch.

use axum::http::{HeaderMap, HeaderName, HeaderValue, Method};
use chrono::{DateTime, Duration, SecondsFormat, Utc};
use tombolo_net::stand_in::{Verdict, WindowLimit};

use super::viewer::Viewer;

const LIMIT: HeaderName = HeaderName::from_static("x-ratelimit-limit");
const REMAINING: HeaderName = HeaderName::from_static("x-ratelimit-remaining");
const RESET: HeaderName = HeaderName::from_static("x-ratelimit-reset");

/// All counters.
#[derive(Debug)]
pub(super) struct Rates {
    token: WindowLimit,
    user: WindowLimit,
    anonymous: WindowLimit,
    uploads: WindowLimit,
    paging: WindowLimit,
    anonymous_paging: WindowLimit,
    deletions: WindowLimit,
    apps: WindowLimit,
    statuses: WindowLimit,
    statuses_used: std::collections::HashMap<u64, Verdict>,
}

/// Everybody comes from the same address here.
const ADDRESS: &str = "127.0.0.1";

impl Rates {
    pub(super) fn new() -> Self {
        let minutes = |n: i64| n * 60;
        Self {
            token: WindowLimit::new(300, minutes(5)),
            user: WindowLimit::new(1500, minutes(5)),
            anonymous: WindowLimit::new(300, minutes(5)),
            uploads: WindowLimit::new(30, minutes(30)),
            paging: WindowLimit::new(300, minutes(15)),
            anonymous_paging: WindowLimit::new(300, minutes(15)),
            deletions: WindowLimit::new(30, minutes(30)),
            apps: WindowLimit::new(5, minutes(10)),
            statuses: WindowLimit::new(300, minutes(180)),
            statuses_used: std::collections::HashMap::new(),
        }
    }

    /// Counts a request in every throttle it matches, and gives the one closest to its limit.
    pub(super) fn count(&mut self, request: &Counted<'_>, viewer: &Viewer, now: DateTime<Utc>) -> Option<Verdict> {
        let mut verdicts = Vec::new();
        let user = viewer.user().map(|id| id.to_string());
        if request.path.starts_with("/api/") {
            match viewer.token() {
                Some(token) => verdicts.push(self.token.count(token, now)),
                None => verdicts.push(self.anonymous.count(ADDRESS, now)),
            }
            if let Some(user) = &user {
                verdicts.push(self.user.count(user, now));
            }
        }
        if request.pages() {
            verdicts.push(match &user {
                Some(user) => self.paging.count(user, now),
                None => self.anonymous_paging.count(ADDRESS, now),
            });
        }
        if let Some(user) = &user {
            if request.is_upload() {
                verdicts.push(self.uploads.count(user, now));
            }
            if request.is_deletion() {
                verdicts.push(self.deletions.count(user, now));
            }
        }
        if request.method == Method::POST && request.path == "/api/v1/apps" {
            verdicts.push(self.apps.count(ADDRESS, now));
        }
        verdicts
            .into_iter()
            .min_by_key(|verdict| (verdict.allowed, verdict.remaining))
    }

    /// Counts a status that is made or changed.
    pub(super) fn count_status(&mut self, account: u64, now: DateTime<Utc>) -> Verdict {
        let verdict = self.statuses.count(&account.to_string(), now);
        self.statuses_used.insert(account, verdict);
        verdict
    }

    /// The state of the limit on statuses, without counting.
    pub(super) fn statuses(&self, account: u64, now: DateTime<Utc>) -> Option<Verdict> {
        self.statuses_used
            .get(&account)
            .copied()
            .filter(|verdict| now < verdict.reset)
    }
}

/// What the throttles look at.
pub(super) struct Counted<'a> {
    pub(super) method: &'a Method,
    pub(super) path: &'a str,
    pub(super) query: &'a str,
}

impl Counted<'_> {
    fn pages(&self) -> bool {
        let names = ["page", "min_id", "max_id", "since_id"];
        url::form_urlencoded::parse(self.query.as_bytes()).any(|(name, _)| names.contains(&name.as_ref()))
    }

    fn is_upload(&self) -> bool {
        self.method == Method::POST && matches!(self.path, "/api/v1/media" | "/api/v2/media")
    }

    fn is_deletion(&self) -> bool {
        self.method == Method::DELETE && self.path.starts_with("/api/v1/statuses/")
    }
}

/// Writes the three headers. The reset carries the fraction of the present second, as Mastodon's does.
pub(super) fn write(headers: &mut HeaderMap, verdict: Verdict, now: DateTime<Utc>) {
    let fraction = Duration::nanoseconds(i64::from(now.timestamp_subsec_nanos()));
    let reset = (verdict.reset + fraction).to_rfc3339_opts(SecondsFormat::Micros, true);
    headers.insert(LIMIT, HeaderValue::from(verdict.limit));
    headers.insert(REMAINING, HeaderValue::from(verdict.remaining));
    if let Ok(reset) = HeaderValue::from_str(&reset) {
        headers.insert(RESET, reset);
    }
}
