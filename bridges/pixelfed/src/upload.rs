//! One file to the server, streamed from where it is (contract pixelfed §3).

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::TimeDelta;
use futures_util::StreamExt;
use reqwest::Body;
use serde_json::Value;
use tombolo_model::{
    Checkpoint, DestinationError, MediaDraft, MediaError, ProgressSink, PublishOutcome, PublishProgress, Step,
    UploadedMedia,
};
use tombolo_net::{Answer, SendError, multipart};

use crate::entity::identifier;
use crate::wire::{Api, Failure, Said, no_words};

/// Unattached files live for two hours (contract pixelfed §3); some of it is left unused.
const MEDIA_LIFE: TimeDelta = TimeDelta::minutes(100);
/// Longest address of a file that is kept.
const MAX_URL: usize = 2048;
/// How often the meter is moved.
const METER: Duration = Duration::from_millis(100);

/// Sends a file and notes its id. It can be attached at once: nothing waits for it to be processed.
pub(crate) async fn upload(
    api: &Api,
    index: usize,
    media: &MediaDraft,
    progress: &mut PublishProgress,
    checkpoint: &mut dyn Checkpoint,
    meter: &dyn ProgressSink,
) -> Result<(), PublishOutcome> {
    if let Some(until) = api.net().throttled_until(api.instance(), "upload") {
        return Err(PublishOutcome::Throttled {
            until,
            reason: "the server's limit of uploads is used up".into(),
        });
    }
    checkpoint
        .before(Step::Upload, progress)
        .await
        .map_err(PublishOutcome::NotNoted)?;
    let mut said = api.judge(&send_file(api, index, media, meter).await?);
    if matches!(&said, Said::Json(Value::Array(_))) {
        // The account was never active for the API; asking who it is makes it so (contract pixelfed §0.3).
        wake(api).await?;
        said = api.judge(&send_file(api, index, media, meter).await?);
    }
    let value = match said {
        Said::Json(value) => value,
        refusal => return Err(refused(refusal, index)),
    };
    let Some(id) = value.get("id").and_then(identifier) else {
        return Err(PublishOutcome::TryLater {
            reason: "the server took a file without saying what it is called there".into(),
        });
    };
    let url = ["url", "text_url"].iter().find_map(|key| value.get(*key)?.as_str());
    progress.uploaded.push(UploadedMedia {
        index,
        id,
        url: url.filter(|url| url.len() <= MAX_URL).map(str::to_owned),
        expires: api.net().clock().now() + MEDIA_LIFE,
        file_name: media.file_name.clone(),
    });
    checkpoint
        .before(Step::Wait, progress)
        .await
        .map_err(PublishOutcome::NotNoted)
}

async fn wake(api: &Api) -> Result<(), PublishOutcome> {
    match api.read(&["api", "v1", "accounts", "verify_credentials"], &[]).await {
        Ok(_) => Ok(()),
        Err(Failure::NoToken(reason)) => Err(PublishOutcome::AuthLost { reason }),
        Err(other) => Err(PublishOutcome::TryLater {
            reason: DestinationError::from(other).to_string(),
        }),
    }
}

/// What a refused upload means. What became of the file doesn't matter: one that nobody attaches disappears by itself.
fn refused(said: Said, index: usize) -> PublishOutcome {
    match said {
        Said::NoToken(reason) => PublishOutcome::AuthLost { reason },
        // Messages are in the server's language; the names of fields aren't.
        Said::Invalid(fields, reason) if fields.iter().any(|f| f == "file") => {
            PublishOutcome::MediaRejected { index, reason }
        }
        Said::Invalid(_, reason) | Said::Refused(404 | 405, reason) => PublishOutcome::Rejected { reason },
        Said::TooLarge(reason) => PublishOutcome::MediaRejected { index, reason },
        Said::Refused(403, words) if words.is_empty() => PublishOutcome::AuthLost { reason: no_words(403) },
        Said::Refused(403, words) if words.contains("size limit") => PublishOutcome::Rejected {
            reason: format!("{words} The account's storage at Pixelfed is full; delete posts there, or ask its admin"),
        },
        Said::Refused(status, words) => PublishOutcome::MediaRejected {
            index,
            reason: if words.is_empty() { no_words(status) } else { words },
        },
        Said::TooOften(until, reason) => PublishOutcome::Throttled { until, reason },
        Said::NotFound(reason) | Said::Strange(_, reason) | Said::Broken(_, reason) => {
            PublishOutcome::TryLater { reason }
        }
        Said::Json(_) => PublishOutcome::TryLater {
            reason: "the server took a file without an answer".into(),
        },
    }
}

async fn send_file(
    api: &Api,
    index: usize,
    media: &MediaDraft,
    meter: &dyn ProgressSink,
) -> Result<Answer, PublishOutcome> {
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
    let sent = Arc::new(AtomicU64::new(0));
    // An upload that breaks at the source is the source's fault, and the client can't tell.
    let at_source = Arc::new(Mutex::new(None::<String>));
    let (count, broken) = (sent.clone(), at_source.clone());
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
    let mut form = multipart::Form::new();
    if let Some(alt) = &media.alt {
        form = form.text("description", alt.clone());
    }
    let request = api.upload(form.part("file", file), sent.clone());
    tokio::pin!(request);
    let mut shown = 0;
    let result = loop {
        tokio::select! {
            result = &mut request => break result,
            () = tokio::time::sleep(METER) => {
                let now = sent.load(Ordering::Relaxed);
                meter.advance(now - shown);
                shown = now;
            }
        }
    };
    meter.advance(sent.load(Ordering::Relaxed) - shown);
    let reason = match result {
        Ok(answer) => return Ok(answer),
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
