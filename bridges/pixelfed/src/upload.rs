//! One file to the server, streamed from where it is (contract pixelfed §3).

use chrono::TimeDelta;
use serde_json::Value;
use tombolo_mastoapi::stream_file;
use tombolo_model::{
    Checkpoint, DestinationError, MediaDraft, ProgressSink, PublishOutcome, PublishProgress, Step, UploadedMedia,
};
use tombolo_net::multipart;

use crate::entity::identifier;
use crate::wire::{Api, Failure, Said, no_words};

/// Size of uploads that PHP takes unless somebody has changed it (its `upload_max_filesize`), in bytes, less what surrounds a
/// file.
const PHP_UPLOADS: u64 = (2 << 20) - (64 << 10);
/// Unattached files live for two hours (contract pixelfed §3); some of it is left unused.
const MEDIA_LIFE: TimeDelta = TimeDelta::minutes(100);
/// Longest address of a file that is kept.
const MAX_URL: usize = 2048;

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
    let (answer, bytes) = stream_file(index, media, multipart::Form::new(), meter, |form, sent| {
        api.upload(form, sent)
    })
    .await?;
    let mut said = api.judge(&answer);
    if matches!(&said, Said::Json(Value::Array(_))) {
        // The account was never active for the API; asking who it is makes it so (contract pixelfed §0.3).
        wake(api).await?;
        let (answer, _) = stream_file(index, media, multipart::Form::new(), meter, |form, sent| {
            api.upload(form, sent)
        })
        .await?;
        said = api.judge(&answer);
    }
    let value = match said {
        Said::Json(value) => value,
        refusal => return Err(refused(refusal, index, bytes)),
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
        alt_refused: None,
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
fn refused(said: Said, index: usize, bytes: u64) -> PublishOutcome {
    match said {
        Said::NoToken(reason) => PublishOutcome::AuthLost { reason },
        // Messages are in the server's language; the names of fields aren't. The type is one that the instance takes: a
        // large file is refused by PHP's own limit then (contract pixelfed §1), which nobody sets below its default.
        Said::Invalid(fields, reason) if fields.iter().any(|f| f == "file") && bytes > PHP_UPLOADS => {
            PublishOutcome::MediaTooLarge {
                index,
                bytes,
                certain: false,
                reason,
            }
        }
        Said::Invalid(fields, reason) if fields.iter().any(|f| f == "file") => {
            PublishOutcome::MediaRejected { index, reason }
        }
        Said::Invalid(_, reason) | Said::Refused(404 | 405, reason) => PublishOutcome::Rejected { reason },
        Said::TooLarge(reason) => PublishOutcome::MediaTooLarge {
            index,
            bytes,
            certain: true,
            reason,
        },
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
