//! Answers as Mastodon writes them.

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use tombolo_net::stand_in::Verdict;

/// `Cache-Control` of what everybody may read.
pub(super) const SHARED: &str = "max-age=15, public, stale-while-revalidate=30, stale-if-error=86400";
/// Content type of ActivityPub objects.
pub(super) const ACTIVITY: &str = "application/activity+json; charset=utf-8";
const JSON: &str = "application/json; charset=utf-8";
/// Rails writes its own errors, those before and outside the application, with capitals.
const RAILS_JSON: &str = "application/json; charset=UTF-8";

/// What a handler answers; an error is an answer too.
pub(super) type Answered = Result<Reply, Reply>;

/// An answer, before the headers that all answers get.
#[derive(Debug)]
pub(super) struct Reply {
    status: u16,
    body: Vec<u8>,
    headers: Box<HeaderMap>,
    without_rates: bool,
    bare: bool,
    family: Option<Verdict>,
}

/// Marks a response that carries no rate limit headers.
#[derive(Clone, Copy, Debug)]
pub(super) struct WithoutRates;

/// Marks a response that has its own headers and no others.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bare;

/// The state of the limit on statuses, where the request was about one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Family(pub(super) Verdict);

impl Reply {
    fn new(status: u16, kind: &'static str, body: Vec<u8>) -> Self {
        let mut headers = Box::new(HeaderMap::new());
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
        Self {
            status,
            body,
            headers,
            without_rates: false,
            bare: false,
            family: None,
        }
    }

    /// JSON.
    pub(super) fn json(status: u16, body: &Value) -> Self {
        Self::new(status, JSON, body.to_string().into_bytes())
    }

    /// An ActivityPub object.
    pub(super) fn activity(body: &Value) -> Self {
        Self::new(200, ACTIVITY, body.to_string().into_bytes())
    }

    /// An HTML page.
    pub(super) fn page(status: u16, html: String) -> Self {
        Self::new(status, "text/html; charset=utf-8", html.into_bytes()).without_rates()
    }

    /// Any other content.
    pub(super) fn content(status: u16, kind: &'static str, body: Vec<u8>) -> Self {
        Self::new(status, kind, body).without_rates()
    }

    /// A file, served without asking the application.
    pub(super) fn file(status: u16, kind: &'static str, body: Vec<u8>) -> Self {
        let mut reply = Self::content(status, kind, body);
        reply.bare = true;
        reply
    }

    /// `{"error": …}`.
    pub(super) fn error(status: u16, text: &str) -> Self {
        Self::json(status, &json!({ "error": text }))
    }

    /// 422, for what the checks of a model say.
    pub(super) fn invalid(what: &str) -> Self {
        Self::error(422, &format!("Validation failed: {what}"))
    }

    /// 404 of a database look-up.
    pub(super) fn no_record() -> Self {
        Self::error(404, "Record not found")
    }

    /// 404 of what may not be seen.
    pub(super) fn not_found() -> Self {
        Self::error(404, "Not Found")
    }

    /// An error of the framework: 400 or 500.
    pub(super) fn rails(status: u16) -> Self {
        let text = if status == 500 {
            "Internal Server Error"
        } else {
            "Bad Request"
        };
        let body = json!({ "status": status, "error": text }).to_string().into_bytes();
        let mut reply = Self::new(status, RAILS_JSON, body)
            .with(header::VARY, "Origin")
            .without_rates();
        reply.bare = true;
        reply
    }

    /// 401 or 403 with what doorkeeper says about the token.
    pub(super) fn refused(status: u16, error: &str, code: &str, description: &str) -> Self {
        let says = format!("Bearer realm=\"Doorkeeper\", error=\"{code}\", error_description=\"{description}\"");
        Self::error(status, error).with(header::WWW_AUTHENTICATE, &says)
    }

    /// 429. The framework's own comes without a charset.
    pub(super) fn too_many(kind: &'static str) -> Self {
        let body = json!({ "error": "Too many requests" }).to_string().into_bytes();
        Self::new(429, kind, body)
    }

    /// Adds a header; one that can't be written is left out.
    pub(super) fn with(mut self, name: header::HeaderName, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.insert(name, value);
        }
        self
    }

    /// Says for how long and for whom it may be kept.
    pub(super) fn cached(self, how: &str) -> Self {
        self.with(header::CACHE_CONTROL, how)
    }

    /// Lets everybody keep an answer for a while that nobody's token has shaped.
    pub(super) fn shared_if(self, anonymous: bool) -> Self {
        if anonymous { self.cached(SHARED) } else { self }
    }

    /// Without rate limit headers.
    pub(super) fn without_rates(mut self) -> Self {
        self.without_rates = true;
        self
    }

    /// With the state of the limit on statuses.
    pub(super) fn of_family(mut self, verdict: Option<Verdict>) -> Self {
        self.family = verdict;
        self
    }
}

impl IntoResponse for Reply {
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::from(self.body));
        *response.status_mut() = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        *response.headers_mut() = *self.headers;
        if self.without_rates {
            response.extensions_mut().insert(WithoutRates);
        }
        if self.bare {
            response.extensions_mut().insert(Bare);
        }
        if let Some(verdict) = self.family {
            response.extensions_mut().insert(Family(verdict));
        }
        response
    }
}
