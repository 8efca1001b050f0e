//! The calls, and what Pixelfed's answers mean: by their body first, by their status second (contract pixelfed §9).
//!
//! Never follows a redirect with a token, never takes a web page for an answer, never decides what an unanswered request
//! means; that is the destination's business.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use chrono::{DateTime, TimeDelta, Utc};
use reqwest::Method;
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use tombolo_model::{DestinationError, IdempotencyKey, Origin, SourceError};
use tombolo_net::{Answer, Get, Net, NetError, Send, SendError, WriteBody, multipart, rate_limit_reset, retry_after};
use url::Url;

/// A wait the server named no end of. Its verdicts on daily limits are kept for 15 minutes (contract pixelfed §9).
const UNNAMED_WAIT: TimeDelta = TimeDelta::minutes(15);
/// What it says of a missing or dead token, and how it begins to say that there is no such thing (contract pixelfed §9).
const NOT_SIGNED_IN: &str = "Unauthenticated.";
const NO_RESULTS: &str = "No query results";
/// How much of a server's words is kept.
const MAX_WORDS: usize = 300;

/// One instance, with or without a token.
#[derive(Clone, Debug)]
pub(crate) struct Api {
    net: Net,
    instance: Url,
    token: Option<SecretString>,
}

/// What an answer says.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Said {
    /// It worked, and this came.
    Json(Value),
    /// The token is missing, dead or revoked; or the account's e-mail address is unconfirmed.
    NoToken(String),
    /// What was sent isn't taken; with the names of the fields.
    Invalid(Vec<String>, String),
    /// There is no such thing.
    NotFound(String),
    /// Refused by Pixelfed, in its words; empty where it has none.
    Refused(u16, String),
    /// Too often.
    TooOften(DateTime<Utc>, String),
    /// Larger than the server takes.
    TooLarge(String),
    /// Not an answer of Pixelfed's API: a page, a redirect, a proxy's notice.
    Strange(u16, String),
    /// The server failed.
    Broken(u16, String),
}

/// Why a read brought nothing.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Failure {
    NoToken(String),
    NotFound(String),
    Forbidden(String),
    /// The server fails with this status whenever it is asked.
    Broken(u16, String),
    Transient(String),
    Throttled {
        what: String,
        until: DateTime<Utc>,
    },
    Malformed(String),
    Unreachable(String),
}

impl Api {
    pub(crate) fn new(net: Net, instance: Url, token: Option<SecretString>) -> Self {
        Self { net, instance, token }
    }

    pub(crate) fn net(&self) -> &Net {
        &self.net
    }

    pub(crate) fn instance(&self) -> &Url {
        &self.instance
    }

    pub(crate) fn has_token(&self) -> bool {
        self.token.is_some()
    }

    /// Reads with the token. A failure of the server is asked about again, since its 500 may mean anything.
    pub(crate) async fn read(&self, path: &[&str], query: &[(&str, String)]) -> Result<Value, Failure> {
        self.read_until(path, query, is_verdict).await
    }

    /// Reads with the token, and believes the first answer.
    pub(crate) async fn read_once(&self, path: &[&str], query: &[(&str, String)]) -> Result<Value, Failure> {
        self.read_until(path, query, |_| true).await
    }

    async fn read_until(
        &self,
        path: &[&str],
        query: &[(&str, String)],
        is_final: fn(&Answer) -> bool,
    ) -> Result<Value, Failure> {
        let Some(token) = &self.token else {
            return Err(Failure::NoToken(format!("there is no token for {}", self.instance)));
        };
        let get = Get {
            is_final: Some(is_final),
            ..Get::json(self.address(path, query).map_err(Failure::Unreachable)?).bearer(token)
        };
        let answer = self.net.get(&get).await?;
        self.value(&answer, &format!("{}/{}", Origin::of(&self.instance), path.join("/")))
    }

    /// Reads without a token.
    pub(crate) async fn open(&self, path: &[&str], query: &[(&str, String)]) -> Result<Answer, Failure> {
        let get = Get {
            is_final: Some(is_verdict),
            ..Get::json(self.address(path, query).map_err(Failure::Unreachable)?)
        };
        Ok(self.net.get(&get).await?)
    }

    /// What an answer brings, or why it brings nothing.
    pub(crate) fn value(&self, answer: &Answer, what: &str) -> Result<Value, Failure> {
        Err(match self.judge(answer) {
            Said::Json(value) => return Ok(value),
            Said::NoToken(why) => Failure::NoToken(why),
            Said::NotFound(why) => Failure::NotFound(why),
            Said::Refused(403, why) => Failure::Forbidden(if why.is_empty() { no_words(403) } else { why }),
            Said::TooOften(until, _) => Failure::Throttled {
                what: what.to_owned(),
                until,
            },
            Said::Broken(status, why) => Failure::Broken(status, format!("{what}: {why}")),
            Said::Strange(_, why) => Failure::Malformed(format!("{what}: {why}")),
            Said::Invalid(_, why) | Said::Refused(_, why) | Said::TooLarge(why) => {
                Failure::Malformed(format!("{what} was refused: {why}"))
            }
        })
    }

    /// Sends a file, once.
    pub(crate) async fn upload(&self, form: multipart::Form, sent: Arc<AtomicU64>) -> Result<Answer, SendError> {
        let url = self.address(&["api", "v2", "media"], &[]).map_err(SendError::NotSent)?;
        let body = WriteBody::Multipart(form);
        self.request(Method::POST, url, Vec::new(), body, "upload", Some(sent))
            .await
    }

    /// Creates a status, once.
    pub(crate) async fn post_status(&self, body: Value, key: &IdempotencyKey) -> Result<Answer, SendError> {
        let url = self
            .address(&["api", "v1", "statuses"], &[])
            .map_err(SendError::NotSent)?;
        let headers = vec![("Idempotency-Key", key.as_str().to_owned())];
        self.request(Method::POST, url, headers, WriteBody::Json(body), "statuses", None)
            .await
    }

    async fn request(
        &self,
        method: Method,
        url: Url,
        headers: Vec<(&'static str, String)>,
        body: WriteBody,
        family: &'static str,
        counter: Option<Arc<AtomicU64>>,
    ) -> Result<Answer, SendError> {
        let Some(bearer) = &self.token else {
            return Err(SendError::NotSent(format!("there is no token for {}", self.instance)));
        };
        let request = Send {
            method,
            url,
            bearer,
            headers,
            body,
            family,
            sent: counter,
        };
        self.net.send(request).await
    }

    /// What an answer says. A server that repeats our token isn't repeated.
    pub(crate) fn judge(&self, answer: &Answer) -> Said {
        let status = answer.status.as_u16();
        let body = json_of(answer);
        let words = self.words(body.as_ref());
        match status {
            200..=299 => return body.map_or_else(|| strange(answer), Said::Json),
            300..=399 => return self.redirected(answer),
            413 => return Said::TooLarge(said(status, words)),
            429 => return Said::TooOften(self.wait(answer), said(status, words)),
            _ => {}
        }
        let Some(body) = body else {
            return match status {
                401 => Said::NoToken(no_words(status)),
                500.. => Said::Broken(status, no_words(status)),
                _ => strange(answer),
            };
        };
        if status == 401 || words == NOT_SIGNED_IN {
            return Said::NoToken(format!("{} says: {}", Origin::of(&self.instance), said(status, words)));
        }
        if let Some(errors) = body.get("errors").and_then(Value::as_object) {
            let fields = errors.keys().take(20).cloned().collect();
            return Said::Invalid(fields, said(status, words));
        }
        // The route itself is named where it is the route that is missing.
        if words.starts_with(NO_RESULTS) || (status == 404 && !words.starts_with("The route")) {
            return Said::NotFound(said(status, words));
        }
        match status {
            500.. => Said::Broken(status, said(status, words)),
            _ => Said::Refused(status, words),
        }
    }

    fn redirected(&self, answer: &Answer) -> Said {
        let to = answer
            .headers
            .get("location")
            .and_then(|v| v.to_str().ok())
            .unwrap_or("");
        let origin = Origin::of(&self.instance);
        let path = self
            .instance
            .join(to)
            .ok()
            .map(|url| url.path().to_owned())
            .unwrap_or_default();
        match path.trim_end_matches('/') {
            "/i/verify-email" => Said::NoToken(format!(
                "{origin} wants the account's e-mail address confirmed first; sign in there and do so"
            )),
            "/login" => Said::NoToken(format!(
                "{origin} asks to sign in: the token isn't known there (any more)"
            )),
            _ => Said::Strange(
                answer.status.as_u16(),
                format!("{origin} redirects its API elsewhere; set instance to the address it redirects to"),
            ),
        }
    }

    /// What the server says in an error, as one short line without the token.
    fn words(&self, body: Option<&Value>) -> String {
        let text = body.map(text_of).unwrap_or_default();
        let line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        let line = match &self.token {
            Some(token) => line.replace(token.expose_secret(), "[token]"),
            None => line,
        };
        line.trim().chars().take(MAX_WORDS).collect()
    }

    fn wait(&self, answer: &Answer) -> DateTime<Utc> {
        let now = self.net.clock().now();
        let until = retry_after(&answer.headers, now)
            .or_else(|| rate_limit_reset(&answer.headers, now))
            .unwrap_or(now + UNNAMED_WAIT);
        // Not all at once when the window opens.
        until + TimeDelta::milliseconds(1000 + i64::try_from(self.net.entropy().bits() % 2000).unwrap_or(0))
    }

    /// An address on the instance, each segment escaped.
    pub(crate) fn address(&self, segments: &[&str], query: &[(&str, String)]) -> Result<Url, String> {
        let mut url = self.instance.clone();
        url.path_segments_mut()
            .map_err(|()| format!("{} is no base URL", self.instance))?
            .clear()
            .extend(segments);
        if !query.is_empty() {
            url.query_pairs_mut()
                .extend_pairs(query.iter().map(|(k, v)| (*k, v.as_str())));
        }
        Ok(url)
    }
}

/// Whether a failing answer says something that another attempt wouldn't change, by its body (contract pixelfed §9).
fn is_verdict(answer: &Answer) -> bool {
    json_of(answer).is_some_and(|body| {
        let text = text_of(&body).trim();
        body.get("errors").is_some_and(Value::is_object) || text == NOT_SIGNED_IN || text.starts_with(NO_RESULTS)
    })
}

/// The server's words in a body.
fn text_of(body: &Value) -> &str {
    match body {
        Value::String(text) => text.as_str(),
        Value::Object(fields) => ["error", "message"]
            .iter()
            .find_map(|key| fields.get(*key)?.as_str())
            .unwrap_or_default(),
        _ => "",
    }
}

fn json_of(answer: &Answer) -> Option<Value> {
    answer.media_type().filter(|kind| kind.contains("json"))?;
    answer.json().ok()
}

fn strange(answer: &Answer) -> Said {
    let kind = answer.media_type().unwrap_or_else(|| "something untyped".into());
    Said::Strange(
        answer.status.as_u16(),
        format!(
            "answered with status {} and {kind} instead of JSON (a login page or a proxy's notice?)",
            answer.status.as_u16()
        ),
    )
}

fn said(status: u16, words: String) -> String {
    if words.is_empty() { no_words(status) } else { words }
}

/// What a refusal without words most likely means (contract pixelfed §9).
pub(crate) fn no_words(status: u16) -> String {
    let meaning = match status {
        401 => "the token doesn't work",
        403 => "the token lacks a permission (it needs read and write), or the account is suspended",
        404 => "there is no such thing",
        413 => "it is larger than the server takes",
        429 => "a limit of the server is used up",
        _ => "the server says no more",
    };
    format!("status {status}: {meaning}")
}

impl Said {
    /// What it says, in words for people.
    pub(crate) fn into_words(self) -> String {
        match self {
            Self::Json(_) => "something else than was asked for".into(),
            Self::Refused(status, words) => said(status, words),
            Self::NoToken(words)
            | Self::Invalid(_, words)
            | Self::NotFound(words)
            | Self::TooOften(_, words)
            | Self::TooLarge(words)
            | Self::Strange(_, words)
            | Self::Broken(_, words) => words,
        }
    }
}

impl From<NetError> for Failure {
    fn from(error: NetError) -> Self {
        match error {
            NetError::Refused(why) => Self::Unreachable(why),
            NetError::Transient(why) => Self::Transient(why),
            NetError::TooLarge(why) => Self::Malformed(why),
            NetError::Throttled { what, until } => Self::Throttled { what, until },
        }
    }
}

impl From<Failure> for SourceError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::NoToken(why) => Self::AuthLost(format!(
                "the token doesn't work ({why}); make a new one, or leave the token out to read the public lists"
            )),
            Failure::Forbidden(why) => Self::Unsupported(format!("not allowed to read: {why}")),
            Failure::NotFound(why) => Self::NotFound(why),
            Failure::Broken(_, why) | Failure::Transient(why) => Self::Transient(why),
            Failure::Throttled { what, until } => Self::Throttled { what, until },
            Failure::Malformed(why) => Self::Malformed(why),
            Failure::Unreachable(why) => Self::Refused(why),
        }
    }
}

impl From<Failure> for DestinationError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::NoToken(why) | Failure::Forbidden(why) => Self::AuthLost(why),
            Failure::NotFound(why) | Failure::Malformed(why) => Self::Malformed(why),
            Failure::Broken(_, why) | Failure::Transient(why) => Self::Transient(why),
            Failure::Throttled { what, until } => Self::Throttled { what, until },
            Failure::Unreachable(why) => Self::Refused(why),
        }
    }
}
