//! Beginning an upload, or finding the one that an earlier attempt began.

use serde_json::Value;
use tombolo_model::{PublishOutcome, Step, Thumbnail, UploadedMedia};

use super::{Run, UPLOAD_LIFE};
use crate::caller::NoAnswer;
use crate::publish::not_made;
use crate::resumable::{Begun, Upload, begin, cancel};
use crate::wire::Problem;

impl Run<'_> {
    /// Begins the upload, or finds it begun. The inner error is a video that an earlier attempt turns out to have made.
    pub(super) async fn begin(
        &mut self,
        fields: &Value,
        thumbnail: Option<&Thumbnail>,
        total: u64,
    ) -> Result<Result<(Upload, u64), String>, PublishOutcome> {
        let mut known: Vec<Upload> = self.known().collect();
        loop {
            let picture = thumbnail.filter(|_| self.bare.is_none());
            let begun = begin(&self.place.caller, fields, picture, total, &self.media.media_type).await;
            let (upload, held) = match begun {
                Ok(Begun::Unfinished(upload, held)) => (upload, held),
                Ok(Begun::New(upload)) if known.contains(&upload) => {
                    // It was begun before, and the server no longer has it: lost, expired, or made into a video.
                    if let Some(uuid) = self.look().await? {
                        return Ok(Err(uuid));
                    }
                    // The mark that it is being processed survives the server's crash (contract peertube §7.4.3).
                    cancel(&self.place.caller, &upload).await.map_err(not_made)?;
                    known.retain(|old| *old != upload);
                    continue;
                }
                Ok(Begun::New(upload)) => (upload, 0),
                Ok(Begun::Refused(problem)) if picture.is_some() && about_picture(&problem) => {
                    self.bare = Some(problem.to_string());
                    continue;
                }
                Ok(Begun::Refused(problem)) => return Err(self.refused(&problem, total).await),
                // Beginning again is harmless: the same key finds the same upload.
                Ok(Begun::Odd(reason)) | Err(NoAnswer::Unknown(reason) | NoAnswer::NotSent(reason)) => {
                    self.stumble(reason).await?;
                    continue;
                }
                Err(other) => return Err(not_made(other)),
            };
            // Those of other attempts only take room there. That they are gone is no condition.
            for old in known.iter().filter(|old| **old != upload) {
                let _ = cancel(&self.place.caller, old).await;
            }
            self.progress.uploaded = vec![UploadedMedia {
                index: 0,
                id: upload.noted(),
                url: None,
                expires: self.place.caller.now() + UPLOAD_LIFE,
                file_name: self.media.file_name.clone(),
                alt_refused: None,
            }];
            self.note(Step::Upload).await?;
            // What was noted of the last bytes of another upload isn't true of this one's.
            self.posted = false;
            return Ok(Ok((upload, held)));
        }
    }

    /// The uploads of earlier attempts.
    fn known(&self) -> impl Iterator<Item = Upload> + use<'_> {
        self.progress.uploaded.iter().filter_map(|kept| Upload::parse(&kept.id))
    }
}

/// Whether a refusal is about the thumbnail, or may be: a proxy that finds the request too large says nothing more.
fn about_picture(problem: &Problem) -> bool {
    problem.names(&["thumbnailfile", "previewfile"]) || (problem.status == 413 && !problem.by_peertube)
}
