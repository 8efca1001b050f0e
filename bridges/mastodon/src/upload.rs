//! Files on their way to the server: sent, and waited for until they are processed (contract mastodon §4).

use std::time::Duration;

use chrono::TimeDelta;
use serde_json::Value;
use tombolo_mastoapi::{Client, identifier, stream_file};
use tombolo_model::{Checkpoint, MediaDraft, ProgressSink, PublishOutcome, PublishProgress, Step, UploadedMedia};
use tombolo_net::{Answer, multipart};

use crate::known::Known;
use crate::publish::{throttled, try_later, used_up};

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
/// So often a part's files may be gone before they are posted.
pub(crate) const MAX_LOST: u32 = 3;

/// Sends a file that the server doesn't have yet; its place in the progress.
pub(crate) async fn upload(
    client: &Client,
    server: &Known,
    index: usize,
    media: &MediaDraft,
    progress: &mut PublishProgress,
    checkpoint: &mut dyn Checkpoint,
    meter: &dyn ProgressSink,
) -> Result<usize, PublishOutcome> {
    if let Some(throttled) = used_up(client, "upload") {
        return Err(throttled);
    }
    checkpoint
        .before(Step::Upload, progress)
        .await
        .map_err(PublishOutcome::NotNoted)?;
    // Two tries: the server may refuse the thumbnail of a video that turns out to have no sound (contract mastodon §0a.1).
    let mut with_thumbnail = media.thumbnail.is_some();
    let mut again = false;
    let mut media = media.clone();
    // What it said to the alternative text: some want one longer than what an older instance document says (GoToSocial).
    let mut alt_refused: Option<String> = None;
    loop {
        let (answer, bytes) = send_file(client, index, &media, with_thumbnail, meter).await?;
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
                alt_refused,
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
        if matches!(status, 400 | 422) && is_api(&answer) && media.alt.is_some() && !server.names_api {
            media.alt = None;
            alt_refused = Some(client.error_text(status, &answer.body));
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
        return Err(upload_refused(client, index, bytes, &answer));
    }
}

/// Sends one file with what is known of it.
async fn send_file(
    client: &Client,
    index: usize,
    media: &MediaDraft,
    with_thumbnail: bool,
    meter: &dyn ProgressSink,
) -> Result<(Answer, u64), PublishOutcome> {
    let mut fields = multipart::Form::new();
    if let Some(focus) = media.focus {
        fields = fields.text("focus", format!("{},{}", focus.x, focus.y));
    }
    if let Some(thumbnail) = media.thumbnail.as_ref().filter(|_| with_thumbnail) {
        let part = multipart::Part::stream_with_length(thumbnail.bytes.clone(), thumbnail.bytes.len() as u64)
            .file_name(format!("{}.thumbnail", media.file_name))
            .mime_str(&thumbnail.media_type);
        if let Ok(part) = part {
            fields = fields.part("thumbnail", part);
        }
    }
    stream_file(index, media, fields, meter, |form, sent| client.upload(form, sent)).await
}

/// Whether the API itself answered, and not a proxy in front of it.
pub(crate) fn is_api(answer: &Answer) -> bool {
    answer.media_type().is_some_and(|kind| kind.contains("json")) && answer.json::<Value>().is_ok()
}

fn upload_refused(client: &Client, index: usize, bytes: u64, answer: &Answer) -> PublishOutcome {
    let status = answer.status.as_u16();
    let reason = client.error_text(status, &answer.body);
    match status {
        401 => PublishOutcome::AuthLost { reason },
        403 if is_api(answer) => PublishOutcome::AuthLost { reason },
        429 => throttled(client, answer),
        // By a proxy mostly, whose limit is published nowhere (contract mastodon §2, §8.3).
        413 => PublishOutcome::MediaTooLarge {
            index,
            bytes,
            certain: true,
            reason,
        },
        // Refused for good: not a file it takes (contract mastodon §4.1, §8.3).
        400 | 404 | 405 | 415 | 422 => PublishOutcome::MediaRejected { index, reason },
        _ => PublishOutcome::TryLater { reason },
    }
}

/// Waits until the server has processed a file, or for a little while.
pub(crate) async fn wait_until_processed(
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
        let is_it = body.get("id").and_then(identifier).is_some_and(|of| of == id);
        match status {
            200 if is_api(&answer) && is_it => {
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
                progress.lost += 1;
                if progress.lost >= MAX_LOST {
                    return Err(PublishOutcome::MediaRejected {
                        index,
                        reason: format!("the server has lost what was uploaded {MAX_LOST} times"),
                    });
                }
                let until = clock.now() + TimeDelta::seconds(5);
                return Err(PublishOutcome::InWork {
                    until,
                    progress: progress.clone(),
                });
            }
            // A page of whatever stands in front of the API says nothing about the file.
            _ if status < 300 || !is_api(&answer) => {
                return Err(PublishOutcome::InWork {
                    until: clock.now() + TimeDelta::seconds(60),
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
