//! How the server words its answers: JSON with a weak ETag, problems in PeerTube's shapes, and 304 for what is known.

use std::convert::Infallible;
use std::future::{Future, ready};

use axum::body::Body;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::Response;
use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::accept::prefers_activity;

pub(super) const JSON: &str = "application/json; charset=utf-8";
pub(super) const ACTIVITY: &str = "application/activity+json; charset=utf-8";
const PROBLEM: &str = "application/problem+json; charset=utf-8";
const DOCS: &str = "https://docs.joinpeertube.org/api-rest-reference.html#";
/// What an express server calls the length of the hash in an ETag.
const ETAG_HASH: usize = 27;

/// What a handler needs to know of the request.
#[derive(Clone, Debug)]
pub(super) struct Ask {
    pub method: Method,
    /// Path and query as they came.
    pub target: String,
    pub headers: HeaderMap,
    pub query: Vec<(String, String)>,
}

impl<S: Sync> FromRequestParts<S> for Ask {
    type Rejection = Infallible;

    fn from_request_parts(parts: &mut Parts, _: &S) -> impl Future<Output = Result<Self, Infallible>> + Send {
        ready(Ok(Self::of(parts)))
    }
}

impl Ask {
    /// What is asked by the head of a request.
    pub fn of(parts: &Parts) -> Self {
        let pairs = url::form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes());
        Self {
            method: parts.method.clone(),
            target: parts.uri.path_and_query().map(ToString::to_string).unwrap_or_default(),
            headers: parts.headers.clone(),
            query: pairs.into_owned().collect(),
        }
    }

    /// A parameter of the query; the first one of that name.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        let found = self.query.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_str())
    }

    /// A header as text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// A whole number from the query, or a problem worded like PeerTube's.
    pub fn number(&self, name: &str, default: u64, from: u64, to: u64, message: &str) -> Result<u64, Problem> {
        let Some(text) = self.parameter(name) else {
            return Ok(default);
        };
        let number = text.parse().ok().filter(|n| (from..=to).contains(n));
        number.ok_or_else(|| Problem::invalid("query", name, text, message))
    }

    /// Turns what a handler found into the answer.
    pub fn answer(&self, found: Result<Reply, Problem>) -> Response {
        match found {
            Ok(reply) => self.reply(StatusCode::OK, reply),
            Err(problem) => {
                let (status, reply) = problem.reply(&self.target);
                self.reply(status, reply)
            }
        }
    }

    fn reply(&self, status: StatusCode, reply: Reply) -> Response {
        let tag = etag(&reply.body);
        let mut response = Response::new(Body::empty());
        *response.headers_mut() = reply.headers;
        set(response.headers_mut(), header::ETAG, &tag);
        if status.is_success() && self.knows(&tag) {
            *response.status_mut() = StatusCode::NOT_MODIFIED;
            if reply.cached_by_route {
                set(response.headers_mut(), header::CONTENT_TYPE, reply.kind);
            }
            return response;
        }
        *response.status_mut() = status;
        set(response.headers_mut(), header::CONTENT_TYPE, reply.kind);
        *response.body_mut() = Body::from(reply.body);
        response
    }

    /// Whether the asker would rather have `ActivityPub` than a page.
    pub fn wants_activity(&self) -> bool {
        prefers_activity(self.header("accept").unwrap_or_default())
    }

    /// Whether the asker has the version with this ETag.
    pub fn knows(&self, tag: &str) -> bool {
        let bare = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
        let known = self.header("if-none-match").unwrap_or_default();
        known.trim() == "*" || known.split(',').any(|one| bare(one) == bare(tag))
    }
}

/// The weak ETag of a body, as express makes it: length and hash.
pub(super) fn etag(body: &[u8]) -> String {
    let mut hash = STANDARD_NO_PAD.encode(Sha256::digest(body));
    hash.truncate(ETAG_HASH);
    format!("W/\"{:x}-{hash}\"", body.len())
}

/// Sets a header; a value that can't be one is left out.
pub(super) fn set(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}

/// A good answer.
#[derive(Debug)]
pub(super) struct Reply {
    kind: &'static str,
    headers: HeaderMap,
    body: Vec<u8>,
    /// Such answers come out of a cache that keeps the content type on a 304 (recording 106).
    cached_by_route: bool,
}

impl Reply {
    pub fn text(kind: &'static str, text: impl Into<String>) -> Self {
        Self {
            kind,
            headers: HeaderMap::new(),
            body: text.into().into_bytes(),
            cached_by_route: false,
        }
    }

    pub fn json(value: &Value) -> Self {
        Self::text(JSON, value.to_string())
    }

    /// With another header.
    pub fn with_header(mut self, name: HeaderName, value: &str) -> Self {
        set(&mut self.headers, name, value);
        self
    }

    pub fn activity(value: &Value) -> Self {
        Self::text(ACTIVITY, value.to_string())
    }

    /// An answer that may be kept for some seconds.
    pub fn cached(mut self, seconds: u32) -> Self {
        set(&mut self.headers, header::CACHE_CONTROL, &format!("max-age={seconds}"));
        self.cached_by_route = true;
        self
    }
}

/// What is wrong with one parameter.
#[derive(Clone, Debug)]
pub(super) struct Invalid {
    field: String,
    about: Value,
}

impl Invalid {
    /// `location` is `body`, `query`, `params` or `headers`; `value` is what was sent, if anything.
    pub fn new(location: &str, field: &str, value: Option<Value>, message: &str) -> Self {
        let mut about = json!({"type": "field", "msg": message, "path": field, "location": location});
        if let Some(value) = value {
            about["value"] = value;
        }
        Self {
            field: field.into(),
            about,
        }
    }
}

/// A refusal, in one of PeerTube's shapes (contract §9).
#[derive(Clone, Debug)]
pub(super) struct Problem {
    status: StatusCode,
    detail: String,
    code: Option<&'static str>,
    operation: Option<&'static str>,
    invalid: Vec<Invalid>,
    extra: Option<Box<(&'static str, Value)>>,
    cached: bool,
    headers: Vec<(HeaderName, String)>,
}

impl Problem {
    pub fn new(status: StatusCode, detail: &str) -> Self {
        Self {
            status,
            detail: detail.into(),
            code: None,
            operation: None,
            invalid: Vec::new(),
            extra: None,
            cached: false,
            headers: Vec::new(),
        }
    }

    pub fn not_found(what: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, &format!("{what} not found"))
    }

    /// A parameter that isn't valid.
    pub fn invalid(location: &'static str, field: &str, value: &str, message: &str) -> Self {
        let value = Some(value.into());
        Self::invalid_all(vec![Invalid::new(location, field, value, message)])
    }

    /// Several parameters that aren't valid.
    pub fn invalid_all(invalid: Vec<Invalid>) -> Self {
        let names: Vec<&str> = invalid.iter().map(|one| one.field.as_str()).collect();
        let detail = format!("Incorrect request parameters: {}", names.join(", "));
        Self {
            invalid,
            ..Self::new(StatusCode::BAD_REQUEST, &detail)
        }
    }

    /// With one more field in its body.
    pub fn with(mut self, name: &'static str, value: Value) -> Self {
        self.extra = Some(Box::new((name, value)));
        self
    }

    /// With a code, which then also makes the type.
    pub fn code(mut self, code: &'static str) -> Self {
        self.code = Some(code);
        self
    }

    /// With a link to the documentation of the operation.
    pub fn of_operation(mut self, operation: &'static str) -> Self {
        self.operation = Some(operation);
        self
    }

    /// As `ActivityPub` objects answer it.
    pub fn cached(mut self) -> Self {
        self.cached = true;
        self
    }

    pub fn is_unauthorized(&self) -> bool {
        self.status == StatusCode::UNAUTHORIZED
    }

    pub fn with_header(mut self, name: HeaderName, value: String) -> Self {
        self.headers.push((name, value));
        self
    }

    fn reply(self, target: &str) -> (StatusCode, Reply) {
        let mut body = Map::new();
        let mut put = |key: &str, value: Value| body.insert(key.into(), value);
        match self.code {
            Some(code) => put("type", format!("{DOCS}section/Errors/{code}").into()),
            None => put("type", "about:blank".into()),
        };
        if self.code.is_none() {
            put("title", self.status.canonical_reason().into());
        }
        put("detail", self.detail.clone().into());
        put("status", self.status.as_u16().into());
        if !self.invalid.is_empty() {
            put("instance", target.into());
            let about = self.invalid.into_iter().map(|one| (one.field, one.about));
            put("invalid-params", Value::Object(about.collect()));
        }
        if let Some((name, value)) = self.extra.map(|boxed| *boxed) {
            put(name, value);
        }
        if let Some(operation) = self.operation {
            put("docs", format!("{DOCS}operation/{operation}").into());
        }
        if let Some(code) = self.code {
            put("code", code.into());
        }
        put("error", self.detail.into());
        let mut reply = Reply::text(PROBLEM, Value::Object(body).to_string());
        for (name, value) in self.headers {
            set(&mut reply.headers, name, &value);
        }
        if self.cached && self.status == StatusCode::UNAUTHORIZED {
            reply = reply.cached(1);
        } else if self.cached {
            set(
                &mut reply.headers,
                header::CACHE_CONTROL,
                "no-cache, no-store, must-revalidate",
            );
        }
        (self.status, reply)
    }
}

/// An answer without a body, as express gives it where nothing was found.
pub(super) fn nothing(status: StatusCode) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}

/// Done, with nothing to tell; `typed` where express names a type all the same.
pub(super) fn done(typed: bool) -> Response {
    let mut response = nothing(StatusCode::NO_CONTENT);
    if typed {
        set(response.headers_mut(), header::CONTENT_TYPE, JSON);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asking(accept: &str) -> Ask {
        let mut headers = HeaderMap::new();
        set(&mut headers, header::ACCEPT, accept);
        Ask {
            method: Method::GET,
            target: "/".into(),
            headers,
            query: Vec::new(),
        }
    }

    #[test]
    fn a_known_version_is_recognised_however_it_is_written() {
        let tag = etag(b"body");
        let mut ask = asking("*/*");
        for known in [tag.clone(), tag.replace("W/", ""), format!("\"x\", {tag}"), "*".into()] {
            set(&mut ask.headers, header::IF_NONE_MATCH, &known);
            assert!(ask.knows(&tag), "{known}");
        }
        set(&mut ask.headers, header::IF_NONE_MATCH, "W/\"4-other\"");
        assert!(!ask.knows(&tag));
    }
}
