//! Receives what is uploaded, piece by piece: memory doesn't grow with the file.

use axum::extract::multipart::Field;
use axum::extract::{FromRequest, Multipart, Request};
use axum::http::header;

use super::params::Params;
use super::reply::Reply;
use super::sniff::{Received, Receiver};
use super::{Shared, gate, lock};

/// The text parts of a form together are no longer.
const LONGEST_TEXT: usize = 1 << 20;

/// What came with a request.
#[derive(Debug, Default)]
pub(super) struct Upload {
    pub(super) file: Option<Received>,
    pub(super) thumbnail: Option<Received>,
    pub(super) fields: Params,
}

/// Receives a request with files, or without.
pub(super) async fn receive(shared: &Shared, request: Request) -> Result<Upload, Reply> {
    let usual = shared
        .client_max_body
        .map(|most| most.max(lock(&shared.world).limits.video_size_limit));
    let most = shared.ways().proxy_body.or(usual);
    let length: Option<u64> = header(&request, &header::CONTENT_LENGTH).and_then(|length| length.parse().ok());
    let has_parts = header(&request, &header::CONTENT_TYPE).is_some_and(|kind| kind.starts_with("multipart/form-data"));
    if most.is_some_and(|most| length.is_some_and(|length| length > most)) {
        gate::drain(request.into_body()).await;
        return Err(too_large());
    }
    if !has_parts {
        let fields = Params::read(request).await?;
        return Ok(Upload {
            fields,
            ..Upload::default()
        });
    }
    let mut parts = Multipart::from_request(request, &())
        .await
        .map_err(|_| Reply::rails(400))?;
    let mut upload = Upload::default();
    let mut received = 0;
    while let Some(part) = parts.next_field().await.map_err(|_| Reply::rails(400))? {
        let name = part.name().unwrap_or_default().to_owned();
        if part.file_name().is_none() {
            upload.fields.set(&name, text(part).await?);
            continue;
        }
        let file = file(part, shared.keep_bytes).await?;
        received += file.size;
        match name.as_str() {
            "file" => upload.file = Some(file),
            "thumbnail" => upload.thumbnail = Some(file),
            _ => {}
        }
    }
    if most.is_some_and(|most| received > most) {
        return Err(too_large());
    }
    Ok(upload)
}

fn header<'a>(request: &'a Request, name: &header::HeaderName) -> Option<&'a str> {
    request.headers().get(name)?.to_str().ok()
}

async fn file(mut part: Field<'_>, keep: usize) -> Result<Received, Reply> {
    let name = part.file_name().unwrap_or_default().to_owned();
    let kind = part.content_type().unwrap_or_default().to_owned();
    let mut receiver = Receiver::new(keep);
    while let Some(piece) = part.chunk().await.map_err(|_| Reply::rails(400))? {
        receiver.feed(&piece);
    }
    Ok(receiver.finish(name, kind))
}

async fn text(mut part: Field<'_>) -> Result<String, Reply> {
    let mut bytes = Vec::new();
    while let Some(piece) = part.chunk().await.map_err(|_| Reply::rails(400))? {
        if bytes.len() + piece.len() > LONGEST_TEXT {
            return Err(Reply::rails(400));
        }
        bytes.extend_from_slice(&piece);
    }
    String::from_utf8(bytes).map_err(|_| Reply::rails(400))
}

/// What the proxy in front answers, in HTML.
fn too_large() -> Reply {
    let page = "<html>\r\n<head><title>413 Request Entity Too Large</title></head>\r\n<body>\r\n\
                <center><h1>413 Request Entity Too Large</h1></center>\r\n<hr><center>nginx</center>\r\n\
                </body>\r\n</html>\r\n";
    Reply::content(413, "text/html", page.as_bytes().to_vec())
}
