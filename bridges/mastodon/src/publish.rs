//! From a draft to a status: files up, processed, status created (contract mastodon §4, §5).

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::TimeDelta;
use futures_util::StreamExt;
use reqwest::Body;
use serde_json::{Value, json};
use tombolo_mastoapi::{Client, Status, identifier, parse_status};
use tombolo_model::{
    Checkpoint, Copy, DestinationError, Difference, Draft, MediaDraft, MediaError, ProgressSink, PublishOutcome,
    PublishProgress, Step, UploadedMedia,
};
use tombolo_net::{Answer, SendError, multipart, rate_limit_reset, retry_after};

/// Unattached media live for a day at least (contract mastodon §4.6); some of it is left unused.
const MEDIA_LIFE: TimeDelta = TimeDelta::hours(20);
/// How long one call waits for the server to process a file before it lets other work go first.
const PATIENCE: TimeDelta = TimeDelta::seconds(5);
/// First and longest pause between two looks at a file that is being processed.
const FIRST_LOOK: Duration = Duration::from_secs(1);
const LONGEST_LOOK: Duration = Duration::from_secs(10);
/// Pause before a file that the server could not read is sent once more.
const SECOND_TRY: Duration = Duration::from_secs(2);
/// Longest address of a file that is kept.
const MAX_URL: usize = 2048;
/// How much is kept of what a server made of a post otherwise than meant.
const MAX_DIFFERENCE: usize = 200;
/// Version of the progress record.
const VERSION: u32 = 1;
/// A wait the server named no end of.
const UNNAMED_WAIT: TimeDelta = TimeDelta::minutes(5);

pub(crate) async fn publish(
    client: &Client,
    draft: &Draft,
    mut progress: PublishProgress,
    checkpoint: &mut dyn Checkpoint,
    meter: &dyn ProgressSink,
) -> PublishOutcome {
    let now = client.net().clock().now();
    if progress.version != VERSION {
        progress = PublishProgress {
            version: VERSION,
            uploaded: Vec::new(),
        };
    }
    progress.uploaded.retain(|kept| {
        kept.expires > now
            && draft
                .media
                .get(kept.index)
                .is_some_and(|media| media.file_name == kept.file_name)
    });
    for (index, media) in draft.media.iter().enumerate() {
        let known = progress.uploaded.iter().position(|kept| kept.index == index);
        let place = match known {
            Some(place) => place,
            None => match upload(client, index, media, &mut progress, checkpoint, meter).await {
                Ok(place) => place,
                Err(outcome) => return outcome,
            },
        };
        if let Err(outcome) = wait_until_processed(client, place, &mut progress, meter).await {
            return outcome;
        }
    }
    post(client, draft, &progress, checkpoint, meter).await
}

async fn upload(
    client: &Client,
    index: usize,
    media: &MediaDraft,
    progress: &mut PublishProgress,
    checkpoint: &mut dyn Checkpoint,
    meter: &dyn ProgressSink,
) -> Result<usize, PublishOutcome> {
    if let Some(until) = client.net().throttled_until(client.instance(), "upload") {
        return Err(PublishOutcome::Throttled {
            until,
            reason: "the server's limit of uploads is used up".into(),
        });
    }
    checkpoint
        .before(Step::Upload, progress)
        .await
        .map_err(PublishOutcome::NotNoted)?;
    // Two tries: the server may refuse the thumbnail of a video that turns out to have no sound (contract mastodon §0a.1).
    let mut with_thumbnail = media.thumbnail.is_some();
    let mut again = false;
    loop {
        let answer = send_file(client, index, media, with_thumbnail, meter).await?;
        let status = answer.status.as_u16();
        let body: Value = answer.json().unwrap_or_default();
        let id = body.get("id").and_then(identifier);
        if let (200 | 202, Some(id)) = (status, id) {
            let url = body
                .get("url")
                .and_then(Value::as_str)
                .filter(|url| url.len() <= MAX_URL);
            let now = client.net().clock().now();
            progress.uploaded.push(UploadedMedia {
                index,
                id,
                // 200 means ready, whether or not there is an address (contract mastodon §4.1).
                url: if status == 200 {
                    Some(url.unwrap_or_default().to_owned())
                } else {
                    None
                },
                expires: now + MEDIA_LIFE,
                file_name: media.file_name.clone(),
            });
            checkpoint
                .before(Step::Wait, progress)
                .await
                .map_err(PublishOutcome::NotNoted)?;
            return Ok(progress.uploaded.len() - 1);
        }
        if status == 422 && with_thumbnail {
            with_thumbnail = false;
            continue;
        }
        // The server could not read the file: permanent after one more try (contract mastodon §4.1).
        if status == 500 && is_api(&answer) {
            if !again {
                again = true;
                client.net().clock().sleep(SECOND_TRY).await;
                continue;
            }
            return Err(PublishOutcome::MediaRejected {
                index,
                reason: client.error_text(status, &answer.body),
            });
        }
        return Err(upload_refused(client, index, &answer));
    }
}

/// Sends one file, streamed from where it is.
async fn send_file(
    client: &Client,
    index: usize,
    media: &MediaDraft,
    with_thumbnail: bool,
    meter: &dyn ProgressSink,
) -> Result<Answer, PublishOutcome> {
    let unavailable = |error: &MediaError| PublishOutcome::MediaUnavailable {
        index,
        reason: error.to_string(),
        moved: matches!(error, MediaError::Gone(_)),
    };
    let (bytes, stream) = media.body.open().await.map_err(|e| match e {
        MediaError::Unusable(reason) => PublishOutcome::MediaRejected { index, reason },
        other => unavailable(&other),
    })?;
    meter.stage("uploading", Some(bytes));
    let sent = Arc::new(AtomicU64::new(0));
    let broken = Arc::new(Mutex::new(None::<String>));
    let counted = {
        let (sent, broken) = (sent.clone(), broken.clone());
        stream.map(move |chunk: io::Result<bytes::Bytes>| {
            match &chunk {
                Ok(chunk) => {
                    sent.fetch_add(chunk.len() as u64, Ordering::Relaxed);
                }
                Err(e) => *broken.lock().unwrap_or_else(PoisonError::into_inner) = Some(e.to_string()),
            }
            chunk
        })
    };
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
    form = form.part("file", file);
    if let Some(thumbnail) = media.thumbnail.as_ref().filter(|_| with_thumbnail) {
        let part = multipart::Part::stream_with_length(thumbnail.bytes.clone(), thumbnail.bytes.len() as u64)
            .file_name(format!("{}.thumbnail", media.file_name))
            .mime_str(&thumbnail.media_type);
        if let Ok(part) = part {
            form = form.part("thumbnail", part);
        }
    }
    let request = client.upload(form, sent.clone());
    tokio::pin!(request);
    let mut shown = 0;
    let result = loop {
        tokio::select! {
            result = &mut request => break result,
            () = tokio::time::sleep(Duration::from_millis(100)) => {
                let now = sent.load(Ordering::Relaxed);
                meter.advance(now - shown);
                shown = now;
            }
        }
    };
    meter.advance(sent.load(Ordering::Relaxed) - shown);
    result.map_err(|error| {
        let at_source = broken.lock().unwrap_or_else(PoisonError::into_inner).take();
        match at_source {
            Some(reason) => PublishOutcome::MediaUnavailable {
                index,
                reason,
                moved: false,
            },
            // What became of an upload doesn't matter: a file that nobody attaches disappears by itself.
            None => match error {
                SendError::NotSent(reason) | SendError::Unknown(reason) => PublishOutcome::TryLater { reason },
            },
        }
    })
}

/// Whether the API itself answered, and not a proxy in front of it.
fn is_api(answer: &Answer) -> bool {
    answer.media_type().is_some_and(|kind| kind.contains("json")) && answer.json::<Value>().is_ok()
}

fn upload_refused(client: &Client, index: usize, answer: &Answer) -> PublishOutcome {
    let status = answer.status.as_u16();
    let reason = client.error_text(status, &answer.body);
    match status {
        401 => PublishOutcome::AuthLost { reason },
        403 if is_api(answer) => PublishOutcome::AuthLost { reason },
        429 => throttled(client, answer),
        // Refused for good: too large, or not a file it takes (contract mastodon §4.1, §8.3).
        400 | 404 | 405 | 413 | 415 | 422 => PublishOutcome::MediaRejected { index, reason },
        _ => PublishOutcome::TryLater { reason },
    }
}

async fn wait_until_processed(
    client: &Client,
    place: usize,
    progress: &mut PublishProgress,
    meter: &dyn ProgressSink,
) -> Result<(), PublishOutcome> {
    let clock = client.net().clock();
    let started = clock.now();
    let mut pause = FIRST_LOOK;
    loop {
        let Some(media) = progress.uploaded.get(place) else {
            return Ok(());
        };
        if media.url.is_some() {
            return Ok(());
        }
        let (index, id, expires) = (media.index, media.id.clone(), media.expires);
        meter.stage("waiting for the server to process it", None);
        let answer = client.media(&id).await.map_err(try_later)?;
        let status = answer.status.as_u16();
        let body: Value = answer.json().unwrap_or_default();
        match status {
            200 => {
                let url = body
                    .get("url")
                    .and_then(Value::as_str)
                    .filter(|url| url.len() <= MAX_URL)
                    .unwrap_or_default();
                progress.uploaded[place].url = Some(url.to_owned());
                return Ok(());
            }
            202 | 206 => {}
            401 | 403 => {
                return Err(PublishOutcome::AuthLost {
                    reason: client.error_text(status, &answer.body),
                });
            }
            404 | 410 => {
                // Nothing was posted with it yet, so it has expired: it is sent again.
                progress.uploaded.remove(place);
                let until = clock.now() + TimeDelta::seconds(5);
                return Err(PublishOutcome::InWork {
                    until,
                    progress: progress.clone(),
                });
            }
            _ => {
                progress.uploaded.remove(place);
                return Err(PublishOutcome::MediaRejected {
                    index,
                    reason: client.error_text(status, &answer.body),
                });
            }
        }
        let now = clock.now();
        if now - started >= PATIENCE {
            // The longer it takes, the more rarely it is asked.
            let age = MEDIA_LIFE - (expires - now);
            let until = now + (age / 2).clamp(TimeDelta::seconds(5), TimeDelta::seconds(60));
            return Err(PublishOutcome::InWork {
                until,
                progress: progress.clone(),
            });
        }
        clock.sleep(pause).await;
        pause = (pause * 2).min(LONGEST_LOOK);
    }
}

fn try_later(error: DestinationError) -> PublishOutcome {
    match error {
        DestinationError::AuthLost(reason) => PublishOutcome::AuthLost { reason },
        DestinationError::Throttled { what, until } => PublishOutcome::Throttled { until, reason: what },
        other => PublishOutcome::TryLater {
            reason: other.to_string(),
        },
    }
}

async fn post(
    client: &Client,
    draft: &Draft,
    progress: &PublishProgress,
    checkpoint: &mut dyn Checkpoint,
    meter: &dyn ProgressSink,
) -> PublishOutcome {
    if let Some(until) = client.net().throttled_until(client.instance(), "statuses") {
        return PublishOutcome::Throttled {
            until,
            reason: "the server's limit of statuses is used up".into(),
        };
    }
    let mut uploaded: Vec<&UploadedMedia> = progress.uploaded.iter().collect();
    uploaded.sort_by_key(|media| media.index);
    let media_ids: Vec<&str> = uploaded.iter().map(|media| media.id.as_str()).collect();
    let mut body = json!({
        "status": draft.text,
        "media_ids": media_ids,
        "sensitive": draft.sensitive,
        "visibility": draft.visibility.as_str(),
        // The server refuses rather than ping anybody (contract mastodon §3.3).
        "allowed_mentions": [],
    });
    if let Some(warning) = &draft.content_warning {
        body["spoiler_text"] = json!(warning);
    }
    if let Some(language) = &draft.language {
        body["language"] = json!(language);
    }
    if let Err(e) = checkpoint.before(Step::Post, progress).await {
        return PublishOutcome::NotNoted(e);
    }
    meter.stage("posting", None);
    let answer = match client.post_status(body, &draft.key).await {
        Ok(answer) => answer,
        Err(SendError::NotSent(reason)) => return PublishOutcome::TryLater { reason },
        Err(SendError::Unknown(reason)) => return PublishOutcome::Unknown { reason },
    };
    let status = answer.status.as_u16();
    let is_api = is_api(&answer);
    let reason = client.error_text(status, &answer.body);
    match status {
        200..=299 => match answer.json::<Value>().ok().as_ref().and_then(parse_status) {
            Some(status) => PublishOutcome::Published(compared(&status, draft)),
            None => PublishOutcome::Unknown {
                reason: "the server's answer isn't a status".into(),
            },
        },
        429 => throttled(client, &answer),
        // A refusal for want of a token is one, whoever says it (snac does so without a body).
        401 => PublishOutcome::AuthLost { reason },
        // Any other answer that isn't the API's comes from a proxy, which may have passed the request on (contract mastodon §8.3).
        _ if !is_api && status != 413 => PublishOutcome::Unknown { reason },
        403 => PublishOutcome::AuthLost { reason },
        400..=499 => PublishOutcome::Rejected { reason },
        _ => PublishOutcome::Unknown { reason },
    }
}

fn throttled(client: &Client, answer: &Answer) -> PublishOutcome {
    let now = client.net().clock().now();
    let until = retry_after(&answer.headers, now)
        .or_else(|| rate_limit_reset(&answer.headers, now))
        .unwrap_or(now + UNNAMED_WAIT);
    // Not all at once when the window opens (contract mastodon §8.2).
    let until =
        until + TimeDelta::milliseconds(1000 + i64::try_from(client.net().entropy().bits() % 2000).unwrap_or(0));
    PublishOutcome::Throttled {
        until,
        reason: client.error_text(answer.status.as_u16(), &answer.body),
    }
}

/// A status as the copy it is.
pub(crate) fn copy_of(status: &Status) -> Copy {
    Copy {
        id: status.id.clone(),
        uri: status.uri.clone(),
        url: status.url.clone(),
        differences: Vec::new(),
    }
}

/// The copy, with what the server made otherwise than it was meant.
fn compared(status: &Status, draft: &Draft) -> Copy {
    let mut copy = copy_of(status);
    let short = |text: &str| text.chars().take(MAX_DIFFERENCE).collect::<String>();
    let mut differ = |what: &str, meant: String, got: Option<String>| {
        if let Some(got) = got.filter(|got| *got != meant) {
            copy.differences.push(Difference {
                what: what.to_owned(),
                meant: short(&meant),
                got: short(&got),
            });
        }
    };
    differ(
        "visibility",
        draft.visibility.as_str().to_owned(),
        status.visibility.clone(),
    );
    // A content warning makes media sensitive by itself (contract mastodon §5.1).
    let sensitive = draft.sensitive || draft.content_warning.is_some();
    differ(
        "sensitive",
        sensitive.to_string(),
        status.sensitive.map(|s| s.to_string()),
    );
    differ(
        "number of media",
        draft.media.len().to_string(),
        Some(status.media.len().to_string()),
    );
    for (meant, got) in draft.media.iter().zip(&status.media) {
        let got = got.description.clone().unwrap_or_default();
        differ("alt text", meant.alt.clone().unwrap_or_default(), Some(got));
    }
    copy
}

#[cfg(test)]
mod tests {
    use super::*;
    use tombolo_model::{IdempotencyKey, Visibility};

    #[test]
    fn what_a_server_made_otherwise_is_kept_in_short() {
        let draft = Draft {
            text: "x".into(),
            content_warning: None,
            sensitive: false,
            language: None,
            visibility: Visibility::Public,
            media: Vec::new(),
            key: IdempotencyKey::from_random([0; 16]),
        };
        let value = json!({"id": "1", "visibility": "v".repeat(100_000), "sensitive": false});
        let copy = compared(&parse_status(&value).expect("a status"), &draft);
        assert_eq!(copy.differences.len(), 1);
        assert_eq!(copy.differences[0].got.len(), MAX_DIFFERENCE);
    }
}
