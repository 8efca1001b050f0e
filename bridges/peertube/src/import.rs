//! Letting the instance fetch the file itself (contract peertube §7.5). Whatever it refuses here it may still take as an upload.

use reqwest::Method;
use serde_json::{Value, json};
use tombolo_model::{Checkpoint, Origin, ProgressSink, PublishOutcome, PublishProgress, Step};
use tombolo_net::WriteBody;
use url::Url;

use crate::caller::{NoAnswer, Write};
use crate::place::Place;
use crate::publish::not_made;
use crate::wire::{OwnVideo, Problem};

/// Asks the instance, once, to make a video of what is at `from`.
pub(crate) async fn import(
    place: &Place,
    from: &Url,
    mut fields: Value,
    progress: &PublishProgress,
    checkpoint: &mut dyn Checkpoint,
    meter: &dyn ProgressSink,
) -> Result<OwnVideo, PublishOutcome> {
    let refused = |reason: String| PublishOutcome::MediaRejected { index: 0, reason };
    if !matches!(from.scheme(), "http" | "https") || !from.username().is_empty() || from.password().is_some() {
        return Err(refused(format!("an instance can't be sent to {}", Origin::of(from))));
    }
    fields["targetUrl"] = json!(from.as_str());
    let url = place
        .caller
        .api(&["videos", "imports"], &[])
        .map_err(|e| PublishOutcome::Rejected { reason: e.to_string() })?;
    checkpoint
        .before(Step::Post, progress)
        .await
        .map_err(PublishOutcome::NotNoted)?;
    meter.stage("the instance looks at the file", None);
    let answer = place
        .caller
        .send(Write {
            method: Method::POST,
            url,
            headers: Vec::new(),
            body: &|| WriteBody::Json(fields.clone()),
            sent: None,
        })
        .await
        .map_err(|error| match error {
            NoAnswer::Unknown(reason) => PublishOutcome::Unknown { reason },
            other => not_made(other),
        })?;
    let problem = Problem::of(&answer);
    let reason = problem.to_string();
    match problem.status {
        200..=299 => answer
            .json::<Value>()
            .ok()
            .and_then(|import| OwnVideo::parse(import.get("video")?))
            .ok_or_else(|| PublishOutcome::Unknown {
                reason: "the instance's answer names no video".into(),
            }),
        // What isn't PeerTube's own answer may hide one that is.
        _ if !problem.by_peertube => Err(PublishOutcome::Unknown { reason }),
        401 => Err(PublishOutcome::AuthLost { reason }),
        400 if !problem.fields.is_empty() && !problem.names(&["targetUrl"]) => Err(PublishOutcome::Rejected { reason }),
        // Switched off, not a public address, nothing there, not a video.
        400..=499 => Err(refused(reason)),
        _ => Err(PublishOutcome::Unknown { reason }),
    }
}
