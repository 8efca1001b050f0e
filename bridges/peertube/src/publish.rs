//! From a draft to a video: details checked, file up, video made, subtitles added (contract peertube §7).
//!
//! The request that makes the video is preceded by a note, and is never followed by another upload within one call.

use chrono::TimeDelta;
use serde_json::json;
use tombolo_model::{
    Checkpoint, Copy, DestinationError, Draft, Form, MediaDraft, ProgressSink, PublishOutcome, PublishProgress,
    VideoDraft,
};

use crate::caller::{NoAnswer, json};
use crate::config::Config;
use crate::details::{compare, differ, fields};
use crate::place::Place;
use crate::resumable::last_modified;
use crate::upload::{Run, Sent};
use crate::wire::{OwnVideo, copy_of};
use crate::{captions, import};

/// Version of the progress record.
const VERSION: u32 = 1;
/// When a new video is looked at first (contract peertube §9).
pub(crate) const FIRST_LOOK: TimeDelta = TimeDelta::seconds(5);

pub(crate) async fn publish(
    place: &Place,
    draft: &Draft,
    mut progress: PublishProgress,
    checkpoint: &mut dyn Checkpoint,
    meter: &dyn ProgressSink,
) -> PublishOutcome {
    let Form::Video(video) = &draft.form else {
        return PublishOutcome::Rejected {
            reason: "only videos can be published on PeerTube".into(),
        };
    };
    if progress.version != VERSION {
        progress = PublishProgress {
            version: VERSION,
            uploaded: Vec::new(),
            ..PublishProgress::default()
        };
    }
    match make(place, draft, video, progress, checkpoint, meter).await {
        Ok(made) => {
            meter.stage("adding subtitles", None);
            let copy = finish(place, draft, video, made).await;
            PublishOutcome::Created {
                copy,
                until: place.caller.now() + FIRST_LOOK,
            }
        }
        Err(outcome) => outcome,
    }
}

/// A video that was made, or found to have been.
struct Made {
    uuid: String,
    config: Config,
    /// Whether it has no thumbnail of ours, because the instance refused it.
    bare: Option<String>,
}

async fn make(
    place: &Place,
    draft: &Draft,
    video: &VideoDraft,
    progress: PublishProgress,
    checkpoint: &mut dyn Checkpoint,
    meter: &dyn ProgressSink,
) -> Result<Made, PublishOutcome> {
    let config = place.config().await.map_err(asked)?;
    let channel = place.channel().await.map_err(asked)?;
    let mut fields = fields(place, draft, video, &channel, &config).await.map_err(asked)?;
    if let Some(from) = &video.import {
        let imported = import::import(place, from, fields, &progress, checkpoint, meter).await?;
        return Ok(Made {
            uuid: imported.uuid,
            config,
            bare: None,
        });
    }
    let [media] = draft.media.as_slice() else {
        return Err(PublishOutcome::Rejected {
            reason: format!("a video is made of one file, not of {}", draft.media.len()),
        });
    };
    fields["filename"] = json!(media.file_name);
    fields["lastModified"] = json!(last_modified(&draft.key));
    let mut run = Run::new(place, media, &config, progress, checkpoint, meter);
    run.marker(channel.id, video.originally_published);
    let Sent { uuid, bare } = run.send(&fields, usable_thumbnail(media, &config)).await?;
    Ok(Made { uuid, config, bare })
}

/// The thumbnail, where the instance takes its like: JPEG, PNG or WebP, and not too large (contract peertube §7.1).
fn usable_thumbnail<'a>(media: &'a MediaDraft, config: &Config) -> Option<&'a tombolo_model::Thumbnail> {
    media.thumbnail.as_ref().filter(|picture| {
        matches!(
            picture.media_type.as_str(),
            "image/jpeg" | "image/jpg" | "image/png" | "image/webp"
        ) && picture.bytes.len() as u64 <= config.image_bytes
    })
}

/// Reads the new video back, compares it with what was meant, and adds its subtitles. Nothing here undoes the video.
async fn finish(place: &Place, draft: &Draft, video: &VideoDraft, made: Made) -> Copy {
    let Made { uuid, config, bare } = made;
    let mut copy = copy_of(&uuid, place.caller.instance());
    match detail(place, &uuid).await {
        Ok(Some(got)) => {
            copy = got.copy(place.caller.instance());
            compare(&mut copy, &got, draft, video, &config);
        }
        Ok(None) => {}
        Err(reason) => tracing::warn!(%reason, uuid, "the new video could not be read back"),
    }
    if let Some(reason) = bare {
        differ(&mut copy, "thumbnail", "sent", &reason);
    } else if let [media] = draft.media.as_slice()
        && media.thumbnail.is_some()
        && video.import.is_none()
        && usable_thumbnail(media, &config).is_none()
    {
        differ(
            &mut copy,
            "thumbnail",
            "sent",
            "not of a type or size that the instance takes",
        );
    }
    captions::send(place, &mut copy, &video.captions, &config).await;
    copy
}

/// A video as its owner sees it; `None` where there is none.
pub(crate) async fn detail(place: &Place, uuid: &str) -> Result<Option<OwnVideo>, DestinationError> {
    let url = place.caller.api(&["videos", uuid], &[])?;
    let answer = place.caller.get(&url).await?;
    let problem = crate::wire::Problem::of(&answer);
    match problem.status {
        200 => OwnVideo::parse(&json(&url, &answer)?)
            .map(Some)
            .ok_or_else(|| DestinationError::Malformed(format!("{url} was not answered with a video"))),
        404 if problem.by_peertube => Ok(None),
        401 | 403 if problem.by_peertube => Err(DestinationError::AuthLost(format!(
            "the account may no longer see its video: {problem}"
        ))),
        401 | 403 | 404 => Err(DestinationError::Transient(problem.to_string())),
        _ => Err(DestinationError::Malformed(problem.to_string())),
    }
}

/// What a failed read before anything was sent means for the publication.
pub(crate) fn asked(error: DestinationError) -> PublishOutcome {
    match error {
        DestinationError::AuthLost(reason) => PublishOutcome::AuthLost { reason },
        DestinationError::Throttled { what, until } => PublishOutcome::Throttled { until, reason: what },
        other => PublishOutcome::TryLater {
            reason: other.to_string(),
        },
    }
}

/// What a request means that made nothing.
pub(crate) fn not_made(error: NoAnswer) -> PublishOutcome {
    match error {
        NoAnswer::Auth(no) => asked(no.into()),
        NoAnswer::Throttled { reason, until } => PublishOutcome::Throttled { until, reason },
        NoAnswer::NotSent(reason) | NoAnswer::Unknown(reason) => PublishOutcome::TryLater { reason },
    }
}
