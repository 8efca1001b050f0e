//! What a request brings in its body: fields as JSON or multipart, and files.
//!
//! Multipart knows no lists: `tags[0]`, `tags[1]` and `scheduleUpdate[privacy]` are put together again here.

use std::collections::HashMap;
use std::io;

use axum::body::to_bytes;
use axum::extract::multipart::Field;
use axum::extract::{FromRequest, Multipart, Request};
use axum::http::StatusCode;
use bytes::Bytes;
use serde_json::{Map, Value};

use super::FileBody;
use super::answers::Problem;
use super::disk::{Disk, OnDisk};

/// No body of fields is longer, and no picture or subtitle.
const MOST: usize = 32 << 20;
/// A field of a form.
const MOST_FIELD: usize = 1 << 20;
/// How many fields and files a form may have.
const MOST_PARTS: usize = 100;
/// The part with the video: it goes to the disk.
const VIDEO: &str = "videofile";

/// A file in a form.
#[derive(Clone, Debug)]
pub(super) struct FormFile {
    pub name: String,
    /// The type the sender says it has.
    pub kind: String,
    pub body: FileBody,
}

impl FormFile {
    /// Its content in memory.
    pub fn bytes(&self) -> Bytes {
        self.body.bytes(0..self.body.len())
    }
}

/// Fields and files.
#[derive(Clone, Debug, Default)]
pub(super) struct Form {
    pub fields: Map<String, Value>,
    pub files: HashMap<String, FormFile>,
}

impl Form {
    /// Reads the body of a request. Without one the form is empty.
    pub async fn read(request: Request) -> Result<Self, Problem> {
        let kind = request.headers().get("content-type").and_then(|v| v.to_str().ok());
        let kind = kind.unwrap_or_default().to_ascii_lowercase();
        if kind.starts_with("multipart/form-data") {
            let parts = Multipart::from_request(request, &()).await;
            let mut parts = parts.map_err(|error| broken(&error.to_string()))?;
            return Self::from_parts(&mut parts).await;
        }
        let body = to_bytes(request.into_body(), MOST).await;
        let body = body.map_err(|error| broken(&error.to_string()))?;
        if !kind.starts_with("application/json") || body.is_empty() {
            return Ok(Self::default());
        }
        match serde_json::from_slice(&body) {
            Ok(Value::Object(fields)) => Ok(Self {
                fields,
                files: HashMap::new(),
            }),
            Ok(_) => Ok(Self::default()),
            Err(error) => Err(Problem::new(StatusCode::BAD_REQUEST, &format!("Not JSON: {error}")).code("SyntaxError")),
        }
    }

    async fn from_parts(parts: &mut Multipart) -> Result<Self, Problem> {
        let mut form = Self::default();
        for _ in 0..MOST_PARTS {
            let part = parts.next_field().await;
            let Some(part) = part.map_err(|error| broken(&error.to_string()))? else {
                return Ok(form);
            };
            let key = part.name().unwrap_or_default().to_owned();
            let Some(name) = part.file_name().map(str::to_owned) else {
                let text = collect(part, MOST_FIELD).await?;
                form.put(&key, String::from_utf8_lossy(&text).into_owned());
                continue;
            };
            let kind = part.content_type().unwrap_or_default().to_owned();
            let body = if key == VIDEO {
                to_disk(part).await?
            } else {
                FileBody::Bytes(collect(part, MOST).await?)
            };
            form.files.insert(key, FormFile { name, kind, body });
        }
        Err(broken("too many parts"))
    }

    /// Takes in a field by the name it has in a form.
    fn put(&mut self, key: &str, value: String) {
        let Some((name, inner)) = key.strip_suffix(']').and_then(|k| k.split_once('[')) else {
            self.fields.insert(key.to_owned(), value.into());
            return;
        };
        if inner.bytes().all(|b| b.is_ascii_digit()) {
            let list = self.fields.entry(name).or_insert_with(|| Value::Array(Vec::new()));
            if let Some(list) = list.as_array_mut() {
                list.push(value.into());
            }
        } else {
            let object = self.fields.entry(name).or_insert_with(|| Value::Object(Map::new()));
            if let Some(object) = object.as_object_mut() {
                object.insert(inner.to_owned(), value.into());
            }
        }
    }
}

async fn collect(mut part: Field<'_>, most: usize) -> Result<Bytes, Problem> {
    let mut all = Vec::new();
    while let Some(piece) = part.chunk().await.map_err(|error| broken(&error.to_string()))? {
        if all.len() + piece.len() > most {
            return Err(broken("a part is too long"));
        }
        all.extend_from_slice(&piece);
    }
    Ok(all.into())
}

async fn to_disk(mut part: Field<'_>) -> Result<FileBody, Problem> {
    let disk = Disk::new().map_err(|error| on_disk(&error))?;
    let mut length = 0;
    while let Some(piece) = part.chunk().await.map_err(|error| broken(&error.to_string()))? {
        disk.write(length, &piece).map_err(|error| on_disk(&error))?;
        length += piece.len() as u64;
    }
    Ok(FileBody::OnDisk(OnDisk::new(disk, length)))
}

fn broken(why: &str) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, &format!("The body can't be read: {why}"))
}

/// The stand-in's own disk failed.
pub(super) fn on_disk(error: &io::Error) -> Problem {
    Problem::new(
        StatusCode::INTERNAL_SERVER_ERROR,
        &format!("The stand-in's disk: {error}"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_and_objects_of_a_form_are_put_together() {
        let mut form = Form::default();
        for (key, value) in [("name", "n"), ("tags[0]", "a"), ("tags[1]", "b"), ("plan[at]", "t")] {
            form.put(key, value.into());
        }
        let expected = serde_json::json!({"name": "n", "tags": ["a", "b"], "plan": {"at": "t"}});
        assert_eq!(Value::Object(form.fields), expected);
    }
}
