//! The files of a draft: streamed from the source, or small and in memory.

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use tombolo_model::{MediaBody, MediaError, MediaStream};
use tombolo_net::{Net, NetError, shown};
use url::Url;

/// A file at the source, read as it is sent on. Nothing of it is kept.
#[derive(Debug)]
pub(crate) struct RemoteFile {
    pub(crate) net: Net,
    pub(crate) url: Url,
    /// It must be smaller than this, whatever the source announced.
    pub(crate) below: u64,
}

#[async_trait]
impl MediaBody for RemoteFile {
    async fn open(&self) -> Result<(u64, MediaStream), MediaError> {
        let (status, file) = self.net.download(&self.url, None).await.map_err(|e| match e {
            NetError::Refused(message) | NetError::TooLarge(message) => MediaError::Unusable(message),
            NetError::Transient(message) => MediaError::Transient(message),
            NetError::Throttled { .. } => MediaError::Transient(e.to_string()),
        })?;
        let unusable = |what: &str| Err(MediaError::Unusable(format!("the file at the source {what}")));
        match status.as_u16() {
            200 => {}
            404 | 410 => return Err(MediaError::Gone(shown(&self.url))),
            other => return unusable(&format!("is answered with status {other}")),
        }
        if file.media_type.as_deref().is_some_and(|kind| kind.starts_with("text/")) {
            return unusable("is answered with a web page");
        }
        match file.bytes {
            None => unusable("has no announced size"),
            Some(0) => unusable("is empty"),
            Some(bytes) if bytes >= self.below => {
                unusable("is larger than announced, and too large for the destination")
            }
            Some(bytes) => Ok((bytes, file.stream)),
        }
    }
}

/// A small file in memory.
#[derive(Debug)]
pub(crate) struct MemoryFile(pub(crate) Bytes);

#[async_trait]
impl MediaBody for MemoryFile {
    async fn open(&self) -> Result<(u64, MediaStream), MediaError> {
        let bytes = self.0.clone();
        Ok((bytes.len() as u64, stream::once(async { Ok(bytes) }).boxed()))
    }
}

/// The usual ending of a file of this type.
pub(crate) fn extension(media_type: &str) -> &'static str {
    match media_type {
        "video/mp4" => "mp4",
        "video/webm" => "webm",
        "video/ogg" => "ogv",
        "video/quicktime" => "mov",
        "video/x-matroska" => "mkv",
        "image/jpeg" => "jpg",
        "image/png" => "png",
        "image/webp" => "webp",
        "image/gif" => "gif",
        "image/avif" => "avif",
        "audio/mpeg" | "audio/mp3" => "mp3",
        "audio/mp4" | "audio/x-m4a" | "audio/m4a" => "m4a",
        "audio/ogg" => "ogg",
        "audio/opus" => "opus",
        "audio/flac" | "audio/x-flac" => "flac",
        "audio/wav" | "audio/x-wav" | "audio/wave" => "wav",
        "audio/aac" => "aac",
        "audio/webm" => "weba",
        _ => "bin",
    }
}
