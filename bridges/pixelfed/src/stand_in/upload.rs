//! Receives what is uploaded.

use axum::body::Bytes;
use axum::extract::multipart::Field;
use axum::extract::{FromRequest, Multipart, Request};
use axum::http::header;

use super::params::Params;
use super::reply::Reply;
use super::{Shared, gate, lock};

/// No request is longer, whatever its server's settings.
const LONGEST: u64 = 256 << 20;

/// What came with a request.
#[derive(Debug, Default)]
pub(super) struct Upload {
    pub(super) file: Option<File>,
    pub(super) fields: Params,
}

/// A file as it came.
#[derive(Debug)]
pub(super) struct File {
    pub(super) name: String,
    pub(super) bytes: Bytes,
    /// Whether it was sent as one of a list, `file[]`.
    pub(super) of_a_list: bool,
}

/// Receives a request with a file, or without.
pub(super) async fn receive(shared: &Shared, request: Request) -> Result<Upload, Reply> {
    let most = lock(&shared.world)
        .limits
        .php_post_limit
        .unwrap_or(LONGEST)
        .min(LONGEST);
    let length: u64 = text_of(&request, &header::CONTENT_LENGTH).parse().unwrap_or_default();
    let has_parts = text_of(&request, &header::CONTENT_TYPE).starts_with("multipart/form-data");
    if length > most {
        gate::drain(request.into_body()).await;
        return Err(too_large());
    }
    if !has_parts {
        let fields = Params::read(request).await?;
        return Ok(Upload { file: None, fields });
    }
    // PHP ignores what isn't a form.
    let Ok(mut parts) = Multipart::from_request(request, &()).await else {
        return Ok(Upload::default());
    };
    let mut upload = Upload::default();
    let mut left = most;
    while let Ok(Some(part)) = parts.next_field().await {
        let name = part.name().unwrap_or_default().to_owned();
        let file_name = part.file_name().map(str::to_owned);
        let bytes = content(part, &mut left).await?;
        match file_name {
            None => upload.fields.set(&name, String::from_utf8_lossy(&bytes).into_owned()),
            Some(file_name) if name == "file" || name.starts_with("file[") => {
                upload.file = Some(File {
                    name: file_name,
                    bytes: bytes.into(),
                    of_a_list: name != "file",
                });
            }
            Some(_) => {}
        }
    }
    Ok(upload)
}

fn text_of<'a>(request: &'a Request, name: &header::HeaderName) -> &'a str {
    let value = request.headers().get(name).and_then(|value| value.to_str().ok());
    value.unwrap_or_default()
}

async fn content(mut part: Field<'_>, left: &mut u64) -> Result<Vec<u8>, Reply> {
    let mut bytes = Vec::new();
    while let Ok(Some(piece)) = part.chunk().await {
        let length = u64::try_from(piece.len()).unwrap_or(u64::MAX);
        *left = left.checked_sub(length).ok_or_else(too_large)?;
        bytes.extend_from_slice(&piece);
    }
    Ok(bytes)
}

fn too_large() -> Reply {
    Reply::abort(413, "The POST data is too large.")
}
