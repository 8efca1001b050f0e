//! PeerTube's rate limits (contract §8), by the asker's address.

use std::sync::{Mutex, PoisonError};

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use chrono::{DateTime, Utc};
use tombolo_net::stand_in::WindowLimit;

use super::accept::prefers_activity;
use super::answers::{etag, set};
use super::site::Site;

/// What is counted together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Bucket {
    Api,
    ActivityPub,
    /// Counted as the one above, if it isn't a page that is asked for.
    ActivityPubOrPage,
    WellKnown,
    Generate,
    /// Signing in; it counts as a request of the API as well.
    Token,
}

impl Bucket {
    fn counter(self) -> usize {
        match self {
            Self::Api => 0,
            Self::ActivityPub | Self::ActivityPubOrPage => 1,
            Self::WellKnown => 2,
            Self::Generate => 3,
            Self::Token => 4,
        }
    }
}

/// The counters of all buckets.
#[derive(Debug)]
pub(super) struct Rates(Mutex<[WindowLimit; 5]>);

impl Default for Rates {
    fn default() -> Self {
        Self(Mutex::new([
            WindowLimit::since_first_request(50, 10),
            WindowLimit::since_first_request(500, 10),
            WindowLimit::since_first_request(200, 10),
            WindowLimit::since_first_request(5, 5),
            WindowLimit::since_first_request(15, 300),
        ]))
    }
}

impl Rates {
    /// Counters live in the process: a restart forgets them.
    pub(super) fn forget(&self) {
        let Self(fresh) = Self::default();
        let fresh = fresh.into_inner().unwrap_or_else(PoisonError::into_inner);
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = fresh;
    }
}

/// Puts the routes so far under the limit of a bucket.
pub(super) fn limited(router: Router<Site>, site: &Site, bucket: Bucket) -> Router<Site> {
    router.route_layer(from_fn_with_state((site.clone(), bucket), count))
}

async fn count(State((site, bucket)): State<(Site, Bucket)>, request: Request, next: Next) -> Response {
    let accept = request.headers().get("accept").and_then(|v| v.to_str().ok());
    let page = bucket == Bucket::ActivityPubOrPage && !prefers_activity(accept.unwrap_or_default());
    if page || !site.options.rate_limits {
        return next.run(request).await;
    }
    // The real server believes a proxy on its own machine; here everybody comes from there.
    let forwarded = request.headers().get("x-forwarded-for").and_then(|v| v.to_str().ok());
    let address = forwarded.unwrap_or("127.0.0.1").split(',').next().unwrap_or_default();
    let now = site.clock.now();
    let verdict = {
        let mut buckets = site.rates.0.lock().unwrap_or_else(PoisonError::into_inner);
        buckets[bucket.counter()].count(address.trim(), now)
    };
    let mut response = if verdict.allowed {
        next.run(request).await
    } else {
        too_many(verdict.reset, now)
    };
    let headers = [
        ("x-ratelimit-limit", i64::from(verdict.limit)),
        ("x-ratelimit-remaining", i64::from(verdict.remaining)),
        ("x-ratelimit-reset", seconds_up(verdict.reset)),
    ];
    for (name, value) in headers {
        let name = HeaderName::from_static(name);
        // A limit inside this one has spoken last.
        response.headers_mut().entry(name).or_insert(HeaderValue::from(value));
    }
    response
}

fn too_many(reset: DateTime<Utc>, now: DateTime<Utc>) -> Response {
    let text = "Too many requests, please try again later.";
    let wait = (reset - now).num_milliseconds().max(0).div_euclid(1000) + i64::from((reset - now).subsec_nanos() > 0);
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = StatusCode::TOO_MANY_REQUESTS;
    set(response.headers_mut(), header::CONTENT_TYPE, "text/html; charset=utf-8");
    set(response.headers_mut(), header::RETRY_AFTER, &wait.to_string());
    set(response.headers_mut(), header::ETAG, &etag(text.as_bytes()));
    response
}

fn seconds_up(time: DateTime<Utc>) -> i64 {
    time.timestamp() + i64::from(time.timestamp_subsec_nanos() > 0)
}
