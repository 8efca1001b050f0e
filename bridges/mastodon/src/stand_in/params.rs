//! Parameters of a request, from JSON or a form, as Rails understands both.

use axum::body::{Body, Bytes, to_bytes};
use axum::http::{HeaderMap, Request, header};
use serde_json::{Map, Value};

use super::reply::Reply;

/// No request without a file is longer.
const LONGEST: usize = 4 << 20;

/// Parameters of a request.
#[derive(Clone, Debug, Default)]
pub(super) struct Params(Map<String, Value>);

impl Params {
    /// Reads the request's body.
    pub(super) async fn read(request: Request<Body>) -> Result<Self, Reply> {
        let (parts, body) = request.into_parts();
        let bytes = to_bytes(body, LONGEST).await.map_err(|_| Reply::rails(400))?;
        Self::parse(&parts.headers, &bytes)
    }

    fn parse(headers: &HeaderMap, bytes: &Bytes) -> Result<Self, Reply> {
        let kind = headers
            .get(header::CONTENT_TYPE)
            .and_then(|kind| kind.to_str().ok())
            .unwrap_or_default();
        if kind.contains("json") {
            if bytes.is_empty() {
                return Ok(Self::default());
            }
            return match serde_json::from_slice(bytes) {
                Ok(Value::Object(map)) => Ok(Self(map)),
                Ok(_) => Ok(Self::default()),
                Err(_) => Err(Reply::rails(400)),
            };
        }
        if kind.contains("x-www-form-urlencoded") {
            return Self::form(bytes).ok_or_else(|| Reply::rails(400));
        }
        Ok(Self::default())
    }

    /// The parameters of a query string.
    pub(super) fn query(query: &str) -> Self {
        Self::form(query.as_bytes()).unwrap_or_default()
    }

    fn form(bytes: &[u8]) -> Option<Self> {
        let mut map = Map::new();
        for pair in bytes.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty()) {
            let mut halves = pair.splitn(2, |byte| *byte == b'=');
            let (name, value) = (decoded(halves.next()?)?, decoded(halves.next().unwrap_or_default())?);
            insert(&mut map, &name, Value::String(value));
        }
        Some(Self(map))
    }

    /// Sets a parameter under its form name: `a`, `a[]`, `a[][b]`.
    pub(super) fn set(&mut self, name: &str, value: String) {
        insert(&mut self.0, name, Value::String(value));
    }

    /// A parameter as text.
    pub(super) fn text(&self, name: &str) -> Option<String> {
        self.0.get(name).and_then(as_text)
    }

    /// A list of texts; None if it isn't given.
    pub(super) fn list(&self, name: &str) -> Option<Vec<String>> {
        match self.0.get(name)? {
            Value::Array(values) => Some(values.iter().filter_map(as_text).collect()),
            Value::Null => None,
            other => as_text(other).map(|text| vec![text]),
        }
    }

    /// A list of objects.
    pub(super) fn objects(&self, name: &str) -> Vec<Self> {
        let values = self.0.get(name).and_then(Value::as_array);
        values
            .into_iter()
            .flatten()
            .filter_map(|value| value.as_object().cloned().map(Self))
            .collect()
    }

    /// A truth value as Rails casts it; None if it isn't given or empty.
    pub(super) fn truth(&self, name: &str) -> Option<bool> {
        let text = self.text(name)?;
        let untrue = ["false", "f", "0", "off", "FALSE", "F", "OFF"];
        (!text.is_empty()).then(|| !untrue.contains(&text.as_str()))
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

fn insert(map: &mut Map<String, Value>, name: &str, value: Value) {
    let Some((list, rest)) = name.split_once("[]") else {
        map.insert(name.to_owned(), value);
        return;
    };
    let entry = map.entry(list).or_insert_with(|| Value::Array(Vec::new()));
    let Value::Array(values) = entry else { return };
    let Some(key) = rest.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) else {
        values.push(value);
        return;
    };
    // A key that the last object has already begins the next one.
    match values.last_mut() {
        Some(Value::Object(open)) if !open.contains_key(key) => {
            open.insert(key.to_owned(), value);
        }
        _ => values.push(Value::Object(Map::from_iter([(key.to_owned(), value)]))),
    }
}

/// A part of a form, decoded; None if that isn't UTF-8.
fn decoded(part: &[u8]) -> Option<String> {
    let mut bytes = Vec::with_capacity(part.len());
    let mut at = 0;
    while let Some(byte) = part.get(at) {
        let hex = |at: usize| part.get(at).and_then(|digit| char::from(*digit).to_digit(16));
        match (byte, hex(at + 1), hex(at + 2)) {
            (b'%', Some(high), Some(low)) => {
                bytes.push(u8::try_from(high * 16 + low).unwrap_or_default());
                at += 3;
                continue;
            }
            (b'+', ..) => bytes.push(b' '),
            _ => bytes.push(*byte),
        }
        at += 1;
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_nests_as_rails_nests_it() {
        let params = Params::query("status=a+b%21&media_ids[]=1&media_ids[]=2&m[][id]=1&m[][d]=x&m[][id]=2&empty=");
        assert_eq!(params.text("status").as_deref(), Some("a b!"));
        assert_eq!(params.list("media_ids"), Some(vec!["1".into(), "2".into()]));
        let ids: Vec<_> = params
            .objects("m")
            .iter()
            .map(|m| (m.text("id"), m.text("d")))
            .collect();
        assert_eq!(ids, [(Some("1".into()), Some("x".into())), (Some("2".into()), None)]);
        assert_eq!(params.truth("empty"), None);
    }

    #[test]
    fn what_is_not_utf8_is_no_form() {
        assert!(Params::form(b"status=%ff%fe").is_none());
    }
}
