//! Answers as Pixelfed writes them. What an error looks like depends on what the client accepts, so that an error here
//! says both; the gate chooses.

use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};

const JSON: &str = "application/json";

/// What a handler answers; an error is an answer too.
pub(super) type Answered = Result<Reply, Reply>;

/// An answer.
#[derive(Debug)]
pub(super) struct Reply {
    status: u16,
    headers: Box<HeaderMap>,
    body: Vec<u8>,
    flaw: Option<Flaw>,
}

/// What becomes of an error's answer for other clients and in other versions.
#[derive(Clone, Debug)]
pub(super) struct Flaw {
    /// The status in versions that have proper ones.
    pub(super) proper: u16,
    /// What a client gets that doesn't ask for JSON.
    pub(super) for_browsers: ForBrowsers,
}

/// What a client gets that doesn't ask for JSON.
#[derive(Clone, Debug)]
pub(super) enum ForBrowsers {
    /// An error page with this status.
    Page(u16),
    /// The way to this path.
    Redirect(&'static str),
}

impl Reply {
    fn new(status: u16, kind: &str, body: Vec<u8>) -> Self {
        let reply = Self {
            status,
            headers: Box::default(),
            body,
            flaw: None,
        };
        reply.with(header::CONTENT_TYPE, kind)
    }

    /// JSON.
    pub(super) fn json(status: u16, body: &Value) -> Self {
        Self::new(status, JSON, body.to_string().into_bytes())
    }

    /// An ActivityPub object.
    pub(super) fn activity(body: &Value) -> Self {
        Self::new(200, "application/activity+json", body.to_string().into_bytes())
    }

    /// Any other content.
    pub(super) fn content(status: u16, kind: &str, body: Vec<u8>) -> Self {
        Self::new(status, kind, body)
    }

    /// An HTML page.
    pub(super) fn page(status: u16, html: String) -> Self {
        Self::new(status, "text/html; charset=UTF-8", html.into_bytes())
    }

    /// A redirection, for whatever client.
    pub(super) fn redirect(location: &str) -> Self {
        let html = super::pages::redirection(location);
        Self::new(302, "text/html; charset=utf-8", html.into_bytes()).with(header::LOCATION, location)
    }

    /// The framework's answer to `abort()`: the text is all that is said.
    pub(super) fn abort(status: u16, text: &str) -> Self {
        Self::flawed(status, &json!({ "error": text }), status, ForBrowsers::Page(status))
    }

    /// No token, or none that is good.
    pub(super) fn unauthenticated() -> Self {
        let body = json!({ "error": "Unauthenticated." });
        Self::flawed(500, &body, 401, ForBrowsers::Redirect("/login"))
    }

    /// A look-up of what isn't there.
    pub(super) fn no_model(model: &str, id: &str) -> Self {
        let body = json!({ "error": format!("No query results for model [App\\{model}] {id}") });
        Self::flawed(500, &body, 404, ForBrowsers::Page(404))
    }

    /// An error of PHP itself.
    pub(super) fn crash(text: &str) -> Self {
        Self::abort(500, text)
    }

    /// Input that isn't valid: fields with what is wrong about them.
    pub(super) fn invalid(wrong: &[(&str, String)]) -> Self {
        let mut errors = Map::new();
        for (field, text) in wrong {
            let list = errors.entry(*field).or_insert_with(|| json!([]));
            if let Some(list) = list.as_array_mut() {
                list.push(text.as_str().into());
            }
        }
        let first = wrong.first().map(|(_, text)| text.as_str()).unwrap_or_default();
        let message = match wrong.len() {
            0 | 1 => first.to_owned(),
            2 => format!("{first} (and 1 more error)"),
            more => format!("{first} (and {} more errors)", more - 1),
        };
        let body = json!({ "message": message, "errors": errors });
        Self::flawed(500, &body, 422, ForBrowsers::Redirect(""))
    }

    fn flawed(status: u16, body: &Value, proper: u16, for_browsers: ForBrowsers) -> Self {
        let mut reply = Self::json(status, body);
        reply.flaw = Some(Flaw { proper, for_browsers });
        reply
    }

    /// Adds a header; one that can't be written is left out.
    pub(super) fn with(mut self, name: HeaderName, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.insert(name, value);
        }
        self
    }
}

impl IntoResponse for Reply {
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::from(self.body));
        *response.status_mut() = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        *response.headers_mut() = *self.headers;
        if let Some(flaw) = self.flaw {
            response.extensions_mut().insert(flaw);
        }
        response
    }
}
