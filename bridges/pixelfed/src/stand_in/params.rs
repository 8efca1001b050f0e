//! Parameters of a request, from JSON, a form or the query, as Laravel understands them: texts are trimmed, and an empty
//! one counts as none.

use axum::body::{Body, to_bytes};
use axum::http::{Request, header};
use serde_json::{Map, Value};

use super::reply::Reply;

/// No request without a file is longer.
const LONGEST: usize = 4 << 20;

/// Parameters of a request.
#[derive(Clone, Debug, Default)]
pub(super) struct Params(Map<String, Value>);

impl Params {
    /// Reads a request's query and body. What can't be read counts as empty.
    pub(super) async fn read(request: Request<Body>) -> Result<Self, Reply> {
        let (parts, body) = request.into_parts();
        let too_long = |_| Reply::abort(413, "The POST data is too large.");
        let bytes = to_bytes(body, LONGEST).await.map_err(too_long)?;
        let kind = parts.headers.get(header::CONTENT_TYPE);
        let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        let mut params = Self::query(parts.uri.query().unwrap_or_default());
        if kind.contains("json") {
            if let Ok(Value::Object(map)) = serde_json::from_slice(&bytes) {
                params.0.extend(map);
            }
        } else if kind.contains("x-www-form-urlencoded") {
            params.add_form(&bytes);
        }
        Ok(params)
    }

    /// The parameters of a query.
    pub(super) fn query(query: &str) -> Self {
        let mut params = Self::default();
        params.add_form(query.as_bytes());
        params
    }

    fn add_form(&mut self, bytes: &[u8]) {
        for (name, value) in url::form_urlencoded::parse(bytes) {
            self.set(&name, value.into_owned());
        }
    }

    /// Sets a parameter under its form name: `a`, or `a[]` for one of a list.
    pub(super) fn set(&mut self, name: &str, value: String) {
        let Some((list, _)) = name.split_once('[') else {
            self.0.insert(name.to_owned(), Value::String(value));
            return;
        };
        match self.0.entry(list).or_insert_with(|| Value::Array(Vec::new())) {
            Value::Array(values) => values.push(Value::String(value)),
            other => *other = Value::Array(vec![Value::String(value)]),
        }
    }

    /// A parameter as text, trimmed; None if it is empty.
    pub(super) fn text(&self, name: &str) -> Option<String> {
        let text = as_text(self.0.get(name)?)?;
        let text = text.trim();
        (!text.is_empty()).then(|| text.to_owned())
    }

    /// Whether a parameter was sent with anything but an empty text. An empty list counts (contract §4).
    pub(super) fn filled(&self, name: &str) -> bool {
        match self.0.get(name) {
            None | Some(Value::Null) => false,
            Some(Value::Array(_) | Value::Object(_)) => true,
            Some(_) => self.text(name).is_some(),
        }
    }

    /// A list of texts; an error if it is something else.
    pub(super) fn list(&self, name: &str) -> Result<Option<Vec<String>>, ()> {
        match self.0.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::Array(values)) => Ok(Some(values.iter().filter_map(as_text).collect())),
            Some(_) => Err(()),
        }
    }

    /// A truth value as PHP casts it.
    pub(super) fn truth(&self, name: &str) -> bool {
        let text = self.text(name).unwrap_or_default().to_ascii_lowercase();
        ["1", "true", "on", "yes"].contains(&text.as_str())
    }

    /// A whole number; an error if it is something else.
    pub(super) fn number(&self, name: &str) -> Result<Option<u64>, ()> {
        match self.text(name) {
            None => Ok(None),
            Some(text) => text.parse().map(Some).map_err(|_| ()),
        }
    }
}

fn as_text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(truth) => Some(truth.to_string()),
        _ => None,
    }
}
