//! Files on their way to a server, streamed from where they are.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::StreamExt;
use reqwest::Body;
use tombolo_model::{MediaDraft, MediaError, ProgressSink, PublishOutcome};
use tombolo_net::{Answer, SendError, multipart};

/// How often the meter is moved.
const METER: Duration = Duration::from_millis(100);

/// Sends one file with its description and these fields, through `send`, once: what was answered, and the file's size. The
/// second that `send` is given counts the bytes that have left.
///
/// # Errors
/// What became of an upload without an answer doesn't matter: a file that nobody attaches disappears by itself.
pub async fn stream_file<F: Future<Output = Result<Answer, SendError>>>(
    index: usize,
    media: &MediaDraft,
    fields: multipart::Form,
    meter: &dyn ProgressSink,
    send: impl FnOnce(multipart::Form, Arc<AtomicU64>) -> F,
) -> Result<(Answer, u64), PublishOutcome> {
    let (bytes, stream) = media.body.open().await.map_err(|error| match error {
        MediaError::Unusable(reason) => PublishOutcome::MediaRejected { index, reason },
        MediaError::Gone(_) => PublishOutcome::MediaUnavailable {
            index,
            reason: error.to_string(),
            moved: true,
        },
        MediaError::Transient(reason) => PublishOutcome::MediaUnavailable {
            index,
            reason,
            moved: false,
        },
    })?;
    meter.stage("uploading", Some(bytes));
    let left = Arc::new(AtomicU64::new(0));
    // An upload that breaks at the source is the source's fault, and the client can't tell.
    let at_source = Arc::new(Mutex::new(None::<String>));
    let (count, broken) = (left.clone(), at_source.clone());
    let counted = stream.map(move |chunk: io::Result<bytes::Bytes>| {
        match &chunk {
            Ok(chunk) => {
                count.fetch_add(chunk.len() as u64, Ordering::Relaxed);
            }
            Err(e) => *broken.lock().unwrap_or_else(PoisonError::into_inner) = Some(e.to_string()),
        }
        chunk
    });
    let file = multipart::Part::stream_with_length(Body::wrap_stream(counted), bytes)
        .file_name(media.file_name.clone())
        .mime_str(&media.media_type)
        .map_err(|_| PublishOutcome::MediaRejected {
            index,
            reason: format!("{:?} is no media type", media.media_type),
        })?;
    let mut form = fields;
    if let Some(alt) = &media.alt {
        form = form.text("description", alt.clone());
    }
    let request = send(form.part("file", file), left.clone());
    tokio::pin!(request);
    let mut shown = 0;
    let result = loop {
        tokio::select! {
            result = &mut request => break result,
            () = tokio::time::sleep(METER) => {
                let now = left.load(Ordering::Relaxed);
                meter.advance(now - shown);
                shown = now;
            }
        }
    };
    meter.advance(left.load(Ordering::Relaxed) - shown);
    let reason = match result {
        Ok(answer) => return Ok((answer, bytes)),
        Err(SendError::NotSent(reason) | SendError::Unknown(reason)) => reason,
    };
    Err(match at_source.lock().unwrap_or_else(PoisonError::into_inner).take() {
        Some(reason) => PublishOutcome::MediaUnavailable {
            index,
            reason,
            moved: false,
        },
        None => PublishOutcome::TryLater { reason },
    })
}
