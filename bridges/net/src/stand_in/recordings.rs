//! Recorded exchanges with real servers, and whether a stand-in's answer looks like the recorded one.
//!
//! Compared are status, content type and the *shape* of JSON bodies: keys and kinds of values, never the values. What
//! may differ is said by the test, path by path, with the reason. Nothing here asks a server.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs;
use std::io;
use std::path::Path;

use serde_json::Value;

/// One recorded exchange.
#[derive(Clone, Debug)]
pub struct Recording {
    /// What was asked for, in a few words.
    pub name: String,
    /// The request.
    pub request: RecordedRequest,
    /// The answer.
    pub response: RecordedResponse,
    /// Special conditions under which it was recorded.
    pub note: Option<String>,
}

/// The request of a recording.
#[derive(Clone, Debug)]
pub struct RecordedRequest {
    /// HTTP method.
    pub method: String,
    /// The URL, or the path where only that was recorded.
    pub url: String,
    /// Headers; repeated ones joined with a comma.
    pub headers: BTreeMap<String, String>,
    /// The body, `null` for none.
    pub body: Value,
}

/// The answer of a recording.
#[derive(Clone, Debug)]
pub struct RecordedResponse {
    /// HTTP status.
    pub status: u16,
    /// Headers; repeated ones joined with a comma.
    pub headers: BTreeMap<String, String>,
    /// The body: JSON, text, or a note about what was not kept.
    pub body: Value,
}

impl Recording {
    /// Reads a recording from its file.
    pub fn load(file: impl AsRef<Path>) -> io::Result<Self> {
        let file = file.as_ref();
        let named = |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", file.display()));
        let text = fs::read(file).map_err(named)?;
        let json: Value = serde_json::from_slice(&text).map_err(|e| named(io::Error::other(e)))?;
        Self::from_json(&json).ok_or_else(|| named(io::Error::other("not a recorded exchange")))
    }

    /// Reads the recording in `folder` whose file name begins with `number`, for instance `059`.
    pub fn numbered(folder: impl AsRef<Path>, number: &str) -> io::Result<Self> {
        let folder = folder.as_ref();
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            let name = path.file_name().and_then(|n| n.to_str()).unwrap_or_default();
            if name.strip_prefix(number).is_some_and(|rest| rest.starts_with('-')) {
                return Self::load(path);
            }
        }
        let message = format!("no recording {number} in {}", folder.display());
        Err(io::Error::new(io::ErrorKind::NotFound, message))
    }

    fn from_json(json: &Value) -> Option<Self> {
        let (request, response) = (json.get("request")?, json.get("response")?);
        let text = |v: &Value| v.as_str().map(str::to_owned);
        Some(Self {
            name: json.get("name").and_then(text)?,
            request: RecordedRequest {
                method: request.get("method").and_then(text)?,
                url: request.get("url").or_else(|| request.get("path")).and_then(text)?,
                headers: headers(request.get("headers")),
                body: request.get("body").cloned().unwrap_or_default(),
            },
            response: RecordedResponse {
                status: response.get("status")?.as_u64().and_then(|s| u16::try_from(s).ok())?,
                headers: headers(response.get("headers")),
                body: response.get("body").cloned().unwrap_or_default(),
            },
            note: json.get("note").and_then(text),
        })
    }
}

impl RecordedRequest {
    /// Path and query of the request.
    pub fn target(&self) -> &str {
        let after_scheme = self.url.split_once("://").map_or(self.url.as_str(), |(_, rest)| rest);
        if self.url.starts_with('/') {
            return &self.url;
        }
        after_scheme.find('/').map_or("/", |slash| &after_scheme[slash..])
    }

    /// A header, by name in any case.
    pub fn header(&self, name: &str) -> Option<&str> {
        find(&self.headers, name)
    }
}

impl RecordedResponse {
    /// A header, by name in any case.
    pub fn header(&self, name: &str) -> Option<&str> {
        find(&self.headers, name)
    }

    /// The body, where it is one in JSON.
    fn json(&self) -> Option<&Value> {
        let kind = self.header("content-type").unwrap_or_default();
        (kind.contains("json") && (self.body.is_object() || self.body.is_array())).then_some(&self.body)
    }

    fn is_empty(&self) -> bool {
        match &self.body {
            Value::Null => true,
            Value::String(text) => text.is_empty(),
            _ => false,
        }
    }
}

fn headers(value: Option<&Value>) -> BTreeMap<String, String> {
    let text = |v: &Value| v.as_str().map_or_else(|| v.to_string(), str::to_owned);
    value
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
        .map(|(name, value)| {
            let joined = value
                .as_array()
                .map(|all| all.iter().map(text).collect::<Vec<_>>().join(", "));
            (name.clone(), joined.unwrap_or_else(|| text(value)))
        })
        .collect()
}

fn find<'a>(headers: &'a BTreeMap<String, String>, name: &str) -> Option<&'a str> {
    let found = headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
    found.map(|(_, value)| value.as_str())
}

/// What a stand-in answered.
#[derive(Clone, Debug, Default)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// The content type with its parameters.
    pub content_type: Option<String>,
    /// The body.
    pub body: Vec<u8>,
}

/// A difference that the test allows, and why.
#[derive(Clone, Copy, Debug)]
pub struct Permitted {
    /// Where: a path as [`Difference`] writes it. `*` stands for any one step, `**` at the end for the rest.
    pub path: &'static str,
    /// Why it may differ.
    pub why: &'static str,
}

/// Where an answer doesn't look like the recorded one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// `status`, `content-type`, `body`, or the path of a JSON value: `$.data[].name`.
    pub path: String,
    /// What differs.
    pub what: String,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path, self.what)
    }
}

/// Where `answer` doesn't look like the recorded one, apart from what is permitted.
///
/// Every element of an answered array must look like one of the recorded elements: it has the keys which all of them
/// have, no key which none of them has, and values of kinds that were seen. An array that is empty on one side only is
/// a difference.
pub fn differences(recorded: &RecordedResponse, answer: &Answer, permitted: &[Permitted]) -> Vec<Difference> {
    let mut found = Vec::new();
    let mut note = |path: &str, what: String| {
        found.push(Difference {
            path: path.to_owned(),
            what,
        });
    };
    if recorded.status != answer.status {
        note(
            "status",
            format!("recorded {}, answered {}", recorded.status, answer.status),
        );
    }
    let (was, is) = (recorded.header("content-type"), answer.content_type.as_deref());
    if was.map(media_type) != is.map(media_type) {
        let name = |kind: Option<&str>| kind.unwrap_or("none").to_owned();
        note("content-type", format!("recorded {}, answered {}", name(was), name(is)));
    }
    if let Some(json) = recorded.json() {
        match serde_json::from_slice::<Value>(&answer.body) {
            Ok(answered) => compare("$", &Shape::of(json), &Shape::of(&answered), &mut found),
            Err(error) => note("body", format!("recorded JSON, answered something else ({error})")),
        }
    } else if recorded.is_empty() != answer.body.is_empty() {
        let size = |empty: bool| if empty { "nothing" } else { "a body" };
        let (was, is) = (size(recorded.is_empty()), size(answer.body.is_empty()));
        note("body", format!("recorded {was}, answered {is}"));
    }
    found.retain(|difference| !permitted.iter().any(|p| covers(p.path, &difference.path)));
    found
}

/// A content type in lower case, with its parameters in order; without those that mean nothing to a reader.
fn media_type(kind: &str) -> Vec<String> {
    let mut parts = kind.split(';').map(|part| part.trim().to_ascii_lowercase());
    let mut all = vec![parts.next().unwrap_or_default()];
    let mut parameters: Vec<String> = parts.filter(|p| !p.is_empty() && !p.starts_with("boundary=")).collect();
    parameters.sort();
    all.append(&mut parameters);
    all
}

fn covers(pattern: &str, path: &str) -> bool {
    let (mut wanted, mut steps) = (pattern.split('.'), path.split('.'));
    loop {
        match (wanted.next(), steps.next()) {
            (Some("**"), _) | (None, None) => return true,
            (Some(step), Some(actual)) if step_covers(step, actual) => {}
            _ => return false,
        }
    }
}

/// Whether one step of a pattern covers one of a path; `*` covers the name, brackets must agree.
fn step_covers(pattern: &str, step: &str) -> bool {
    match pattern.strip_prefix('*') {
        Some(brackets) => step.trim_end_matches("[]").len() + brackets.len() == step.len(),
        None => pattern == step,
    }
}

/// Kinds and keys of one JSON value, or of several laid over each other.
#[derive(Clone, Debug, Default)]
struct Shape {
    /// `null`, `boolean`, `number`, `string`.
    plain: BTreeSet<&'static str>,
    array: Option<Box<Elements>>,
    object: Option<BTreeMap<String, Field>>,
}

#[derive(Clone, Debug, Default)]
struct Elements {
    shape: Option<Shape>,
}

#[derive(Clone, Debug)]
struct Field {
    shape: Shape,
    always: bool,
}

impl Shape {
    fn of(value: &Value) -> Self {
        let mut shape = Self::default();
        match value {
            Value::Null => shape.plain = ["null"].into(),
            Value::Bool(_) => shape.plain = ["boolean"].into(),
            Value::Number(_) => shape.plain = ["number"].into(),
            Value::String(_) => shape.plain = ["string"].into(),
            Value::Array(values) => {
                let union = values.iter().map(Self::of).reduce(Self::or);
                shape.array = Some(Box::new(Elements { shape: union }));
            }
            Value::Object(map) => {
                let field = |value| Field {
                    shape: Self::of(value),
                    always: true,
                };
                shape.object = Some(map.iter().map(|(key, value)| (key.clone(), field(value))).collect());
            }
        }
        shape
    }

    /// Both shapes laid over each other.
    fn or(self, other: Self) -> Self {
        Self {
            plain: &self.plain | &other.plain,
            array: match (self.array, other.array) {
                (Some(a), Some(b)) => Some(Box::new(Elements {
                    shape: match (a.shape, b.shape) {
                        (Some(a), Some(b)) => Some(a.or(b)),
                        (a, b) => a.or(b),
                    },
                })),
                (a, b) => a.or(b),
            },
            object: match (self.object, other.object) {
                (Some(a), Some(b)) => Some(union_of_fields(a, b)),
                (a, b) => a.or(b),
            },
        }
    }

    fn kinds(&self) -> Vec<&'static str> {
        let array = self.array.as_ref().map(|_| "array");
        let object = self.object.as_ref().map(|_| "object");
        self.plain.iter().copied().chain(array).chain(object).collect()
    }
}

fn union_of_fields(a: BTreeMap<String, Field>, b: BTreeMap<String, Field>) -> BTreeMap<String, Field> {
    let mut union = a;
    for (key, field) in &mut union {
        field.always &= b.contains_key(key);
    }
    for (key, field) in b {
        let merged = match union.remove(&key) {
            Some(known) => Field {
                shape: known.shape.or(field.shape),
                always: known.always && field.always,
            },
            None => Field { always: false, ..field },
        };
        union.insert(key, merged);
    }
    union
}

fn compare(path: &str, recorded: &Shape, answered: &Shape, found: &mut Vec<Difference>) {
    let mut note = |path: String, what: String| found.push(Difference { path, what });
    let (was, is) = (recorded.kinds(), answered.kinds());
    if is.iter().any(|kind| !was.contains(kind)) {
        let what = format!("recorded {}, answered {}", was.join(" or "), is.join(" or "));
        note(path.to_owned(), what);
    }
    if let (Some(was), Some(is)) = (&recorded.array, &answered.array) {
        let path = format!("{path}[]");
        match (&was.shape, &is.shape) {
            (Some(was), Some(is)) => compare(&path, was, is, found),
            (Some(_), None) => note(path, "recorded with elements, answered empty".into()),
            (None, Some(_)) => note(path, "recorded empty, answered with elements".into()),
            (None, None) => {}
        }
    }
    let (Some(was), Some(is)) = (&recorded.object, &answered.object) else {
        return;
    };
    for (key, field) in was {
        let path = format!("{path}.{key}");
        match is.get(key) {
            Some(other) => {
                compare(&path, &field.shape, &other.shape, found);
                if field.always && !other.always {
                    let what = "recorded in every element, missing in some of the answer".into();
                    found.push(Difference { path, what });
                }
            }
            None if field.always => {
                let what = "recorded, missing in the answer".into();
                found.push(Difference { path, what });
            }
            None => {}
        }
    }
    for key in is.keys().filter(|key| !was.contains_key(*key)) {
        found.push(Difference {
            path: format!("{path}.{key}"),
            what: "not recorded, answered".into(),
        });
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn recorded(body: Value) -> RecordedResponse {
        RecordedResponse {
            status: 200,
            headers: [("Content-Type".to_owned(), "application/json; charset=utf-8".to_owned())].into(),
            body,
        }
    }

    fn answered(body: &Value) -> Answer {
        Answer {
            status: 200,
            content_type: Some("application/json; charset=utf-8".into()),
            body: body.to_string().into_bytes(),
        }
    }

    fn paths(was: Value, is: &Value) -> Vec<String> {
        let found = differences(&recorded(was), &answered(is), &[]);
        found.into_iter().map(|d| d.path).collect()
    }

    #[test]
    fn values_may_differ_but_kinds_may_not() {
        assert!(paths(json!({"a": 1, "b": "x"}), &json!({"a": 2.5, "b": ""})).is_empty());
        assert_eq!(paths(json!({"a": {"b": 1}}), &json!({"a": {"b": "1"}})), ["$.a.b"]);
    }

    #[test]
    fn null_is_not_a_value() {
        assert_eq!(paths(json!({"a": null}), &json!({"a": "x"})), ["$.a"]);
        assert_eq!(paths(json!({"a": "x"}), &json!({"a": null})), ["$.a"]);
    }

    #[test]
    fn missing_and_extra_keys_are_found() {
        assert_eq!(paths(json!({"a": 1}), &json!({"b": 1})), ["$.a", "$.b"]);
    }

    #[test]
    fn an_element_may_look_like_any_recorded_element() {
        let was = json!([{"kind": "a", "x": 1}, {"kind": "b", "x": null, "y": [true]}]);
        assert!(paths(was.clone(), &json!([{"kind": "c", "x": null}])).is_empty());
        assert_eq!(paths(was.clone(), &json!([{"kind": "c"}])), ["$[].x"]);
        assert_eq!(
            paths(was.clone(), &json!([{"kind": "c", "x": 1, "y": [2]}])),
            ["$[].y[]"]
        );
        assert_eq!(paths(was, &json!([{"kind": "c", "x": 1}, {"x": 1}])), ["$[].kind"]);
    }

    #[test]
    fn emptiness_on_one_side_is_found() {
        assert_eq!(paths(json!({"a": []}), &json!({"a": [1]})), ["$.a[]"]);
        assert_eq!(paths(json!({"a": [1]}), &json!({"a": []})), ["$.a[]"]);
    }

    #[test]
    fn what_is_permitted_is_left_out() {
        let permitted = |path| Permitted {
            path,
            why: "for the test",
        };
        let (was, is) = (recorded(json!({"a": [{"b": 1}]})), answered(&json!({"a": [{"b": ""}]})));
        for path in ["$.a[].b", "$.*[].b", "$.*[].*", "$.**", "$.a[].**"] {
            assert!(differences(&was, &is, &[permitted(path)]).is_empty(), "{path}");
        }
        for path in ["$.a.b", "$.*.b", "$.a[]", "$.a[].b.c", "status"] {
            assert!(!differences(&was, &is, &[permitted(path)]).is_empty(), "{path}");
        }
    }

    #[test]
    fn status_content_type_and_presence_of_a_body_count() {
        let was = RecordedResponse {
            status: 429,
            headers: [("content-type".to_owned(), "text/html; charset=utf-8".to_owned())].into(),
            body: json!("Too many requests"),
        };
        let mut answer = Answer {
            status: 429,
            content_type: Some("text/html;charset=UTF-8".into()),
            body: b"No".to_vec(),
        };
        assert!(differences(&was, &answer, &[]).is_empty());
        answer = Answer::default();
        let found: Vec<_> = differences(&was, &answer, &[]).into_iter().map(|d| d.path).collect();
        assert_eq!(found, ["status", "content-type", "body"]);
    }

    #[test]
    fn a_page_instead_of_json_is_found() {
        let answer = Answer {
            body: b"<html>".to_vec(),
            ..answered(&Value::Null)
        };
        let found = differences(&recorded(json!({"a": 1})), &answer, &[]);
        assert_eq!(found[0].path, "body");
    }

    #[test]
    fn a_target_is_the_path_with_its_query() {
        let request = |url: &str| RecordedRequest {
            method: "GET".into(),
            url: url.into(),
            headers: BTreeMap::new(),
            body: Value::Null,
        };
        assert_eq!(request("http://127.0.0.1:9011/a/b?c=d").target(), "/a/b?c=d");
        assert_eq!(request("/a?b=http://c/d").target(), "/a?b=http://c/d");
        assert_eq!(request("https://host").target(), "/");
    }

    #[test]
    fn a_recording_is_read_with_repeated_headers_joined() {
        let json = json!({
            "name": "n",
            "request": {"method": "GET", "path": "/x", "headers": {}, "body": null},
            "response": {"status": 200, "headers": {"X-Robots-Tag": ["a", "b"]}, "body": {}},
            "note": "why"
        });
        let recording = Recording::from_json(&json).expect("a recording");
        assert_eq!(recording.request.url, "/x");
        assert_eq!(recording.response.header("x-robots-tag"), Some("a, b"));
        assert_eq!(recording.note.as_deref(), Some("why"));
        assert!(Recording::from_json(&json!({"name": "n"})).is_none());
    }
}
