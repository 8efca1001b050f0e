//! One file's way up, over cut connections, restarts on either side and lost answers (contract peertube §7.3, §7.4).
//!
//! Each chunk begins where the server says that it stands. Once the chunk that completes the file has left, nothing is begun
//! anew here: the answer, a probe or a look at the account's videos decides, or the outcome is unknown.

mod begin;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;
use tombolo_model::{
    Checkpoint, Marker, MediaDraft, ProgressSink, PublishOutcome, PublishProgress, Step, Thumbnail, Window,
};

use crate::caller::NoAnswer;
use crate::config::Config;
use crate::file::File;
use crate::look;
use crate::place::Place;
use crate::publish::{asked, not_made};
use crate::resumable::{FIRST, SMALLEST, State, Upload, bounded, cancel, next_size, probe, send_chunk};
use crate::wire::Problem;

/// An upload without progress is dropped after one to two hours (contract peertube §7.3); some of that is left unused.
const UPLOAD_LIFE: TimeDelta = TimeDelta::minutes(50);
/// How often a long upload is noted again, so that its note doesn't expire before it.
const NOTED_EVERY: TimeDelta = TimeDelta::minutes(10);
/// How often an upload is begun in one call, where the server keeps forgetting it.
const MAX_BEGINS: usize = 4;
/// How many attempts may fail in a row, and in all, before the call gives up. The upload can be continued later.
const MAX_IN_A_ROW: u32 = 6;
const MAX_IN_ALL: u32 = 40;
/// First and longest pause after a failed attempt.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// How long one call waits for the outcome after the last byte, and how it asks (contract peertube §7.4).
const PATIENCE: TimeDelta = TimeDelta::minutes(3);
const FIRST_ASK: Duration = Duration::from_secs(5);
const LONGEST_ASK: Duration = Duration::from_secs(60);
/// A video appears at the end of its processing: after a look that found none comes another one.
const SECOND_LOOK: Duration = Duration::from_secs(10);
/// When a full quota is worth another look: somebody may have made room.
const NO_ROOM: TimeDelta = TimeDelta::hours(1);

/// A finished upload.
pub(crate) struct Sent {
    pub(crate) uuid: String,
    /// Why it has no thumbnail of ours.
    pub(crate) bare: Option<String>,
}

/// How a transfer ended.
enum End {
    /// The video exists.
    Created(String),
    /// The server forgot the upload before its last byte.
    Lost,
    /// The server holds so many bytes and wants the rest.
    GoOn(u64),
}

/// One call's work on one file.
pub(crate) struct Run<'a> {
    place: &'a Place,
    media: &'a MediaDraft,
    config: &'a Config,
    progress: PublishProgress,
    checkpoint: &'a mut dyn Checkpoint,
    meter: &'a dyn ProgressSink,
    channel: Option<u64>,
    marker: Marker,
    /// When the upload was noted last.
    noted: DateTime<Utc>,
    /// Whether it is noted that the video may come to be.
    posted: bool,
    /// Whether the chunk that completes the file may have arrived.
    complete: bool,
    in_a_row: u32,
    in_all: u32,
    /// How many bytes the meter was told of.
    shown: u64,
    bare: Option<String>,
}

impl<'a> Run<'a> {
    pub(crate) fn new(
        place: &'a Place,
        media: &'a MediaDraft,
        config: &'a Config,
        progress: PublishProgress,
        checkpoint: &'a mut dyn Checkpoint,
        meter: &'a dyn ProgressSink,
    ) -> Self {
        Self {
            noted: place.caller.now(),
            place,
            media,
            config,
            progress,
            checkpoint,
            meter,
            channel: None,
            marker: Marker::default(),
            posted: false,
            complete: false,
            in_a_row: 0,
            in_all: 0,
            shown: 0,
            bare: None,
        }
    }

    /// By what the video would be recognised.
    pub(crate) fn marker(&mut self, channel: u64, stamp: Option<DateTime<Utc>>) {
        self.channel = Some(channel);
        self.marker.stamp = stamp;
        self.marker.files = vec![self.media.file_name.clone()];
    }

    /// Sends the file. `fields` are those of the video, the file's name and the attempt's date among them.
    pub(crate) async fn send(mut self, fields: &Value, thumbnail: Option<&Thumbnail>) -> Result<Sent, PublishOutcome> {
        let mut file = File::open(self.media).await?;
        if self.progress.uploaded.is_empty()
            && let Some(why) = self.place.no_room(file.total).await.map_err(asked)?
        {
            return Err(self.wait_for_room(why));
        }
        self.meter.stage("uploading", Some(file.total));
        self.note(Step::Upload).await?;
        for _ in 0..MAX_BEGINS {
            let end = match self.begin(fields, thumbnail, file.total).await? {
                Ok((upload, held)) => self.transfer(&upload, held, &mut file).await?,
                Err(uuid) => End::Created(uuid),
            };
            if let End::Created(uuid) = end {
                self.show(file.total);
                return Ok(Sent { uuid, bare: self.bare });
            }
        }
        Err(self.given_up("the instance forgot the upload several times".into()))
    }

    /// Sends chunk after chunk.
    async fn transfer(&mut self, upload: &Upload, mut held: u64, file: &mut File<'_>) -> Result<End, PublishOutcome> {
        let (bound, smallest) = (self.config.max_chunk, self.config.least_chunk(upload.total));
        let mut size = bounded(FIRST, bound).max(smallest);
        // What a proxy in front of the instance takes at once.
        let mut most = u64::MAX;
        loop {
            self.show(held);
            if held >= upload.total {
                // All of it was there before: asking makes the video.
                self.note_post().await?;
                match self.conclude(upload).await? {
                    End::GoOn(at) => held = at,
                    end => return Ok(end),
                }
                continue;
            }
            let length = size.min(upload.total - held);
            let chunk = file.read(held, length).await?;
            let (end, last) = (held + length, held + length == upload.total);
            if last {
                self.note_post().await?;
            } else if self.place.caller.now() - self.noted > NOTED_EVERY {
                self.note_again().await?;
            }
            let began = self.place.caller.now();
            let said = self.metered(upload, held, &chunk).await;
            drop(chunk);
            let trouble = match said {
                Ok(State::Held(at)) if at == end && !last => {
                    (held, self.in_a_row) = (at, 0);
                    let took = self.place.caller.now() - began;
                    size = next_size(length, took, bound).min(most).max(smallest);
                    continue;
                }
                Ok(State::Held(at)) if at > end => {
                    // Somebody else writes into it: what is there isn't our file any more.
                    let _ = cancel(&self.place.caller, upload).await;
                    return Err(self.given_up(format!("the instance holds {at} bytes after {end} were sent")));
                }
                Ok(State::Held(at)) if at < end => {
                    self.stumble(format!("only {at} of {end} bytes arrived")).await?;
                    held = at;
                    continue;
                }
                Ok(State::Created(uuid)) => return Ok(End::Created(uuid)),
                Ok(State::Unknown) if !last => return Ok(End::Lost),
                Ok(State::Refused(problem)) => match problem.status {
                    409 => problem.to_string(),
                    413 if !problem.by_peertube && size > SMALLEST => {
                        most = (size / 2).max(SMALLEST);
                        problem.to_string()
                    }
                    _ => return Err(self.refused_file(upload, &problem).await),
                },
                Ok(State::Damaged) => "a chunk was damaged on its way".to_owned(),
                Err(NoAnswer::NotSent(reason)) => reason,
                Err(other @ (NoAnswer::Auth(_) | NoAnswer::Throttled { .. })) => return Err(self.without_answer(other)),
                Ok(State::Nothing(reason)) | Err(NoAnswer::Unknown(reason)) if !last => reason,
                // From here on the video may exist.
                Ok(State::Held(_) | State::Unknown | State::Processing(_) | State::Nothing(_))
                | Err(NoAnswer::Unknown(_)) => match self.conclude(upload).await? {
                    End::GoOn(at) => {
                        self.stumble("the last bytes didn't arrive".into()).await?;
                        held = at;
                        continue;
                    }
                    end => return Ok(end),
                },
            };
            // With a digest a chunk arrives whole or not at all, so one that didn't may have been too large for the line.
            size = bounded((size / 2).max(SMALLEST), bound).min(most).max(smallest);
            self.stumble(trouble).await?;
            match self.resync(upload).await? {
                End::GoOn(at) => held = at,
                end => return Ok(end),
            }
        }
    }

    /// Asks where the server stands, after something went wrong before the last byte.
    async fn resync(&mut self, upload: &Upload) -> Result<End, PublishOutcome> {
        loop {
            let trouble = match probe(&self.place.caller, upload).await {
                Ok(State::Held(at)) => return Ok(End::GoOn(at.min(upload.total))),
                Ok(State::Created(uuid)) => return Ok(End::Created(uuid)),
                Ok(State::Unknown) if !self.complete => return Ok(End::Lost),
                Ok(State::Unknown | State::Processing(_)) => return self.conclude(upload).await,
                Ok(State::Refused(problem)) => return Err(self.refused_file(upload, &problem).await),
                Ok(State::Damaged) => "the instance answers a question with 460".to_owned(),
                Ok(State::Nothing(reason)) | Err(NoAnswer::Unknown(reason) | NoAnswer::NotSent(reason)) => reason,
                Err(other) => return Err(self.without_answer(other)),
            };
            self.stumble(trouble).await?;
        }
    }

    /// Finds out what became of a file whose last byte may have arrived (contract peertube §7.4.4).
    async fn conclude(&mut self, upload: &Upload) -> Result<End, PublishOutcome> {
        self.complete = true;
        self.meter.stage("waiting for the instance to process it", None);
        let until = self.place.caller.now() + PATIENCE;
        let (mut pause, mut looked) = (FIRST_ASK, false);
        loop {
            let why = match probe(&self.place.caller, upload).await {
                Ok(State::Created(uuid)) => return Ok(End::Created(uuid)),
                Ok(State::Held(at)) if at < upload.total => return Ok(End::GoOn(at)),
                Ok(State::Held(_) | State::Processing(_) | State::Damaged) => {
                    "the instance is still processing the file".to_owned()
                }
                Ok(State::Unknown) => {
                    if let Some(uuid) = self.look().await? {
                        return Ok(End::Created(uuid));
                    }
                    if looked {
                        return Err(PublishOutcome::Unknown {
                            reason: "the instance no longer knows the upload, and the video isn't among the account's"
                                .into(),
                        });
                    }
                    looked = true;
                    self.place.caller.sleep(SECOND_LOOK).await;
                    continue;
                }
                Ok(State::Refused(problem)) => return Err(self.refused_file(upload, &problem).await),
                Ok(State::Nothing(reason)) | Err(NoAnswer::Unknown(reason) | NoAnswer::NotSent(reason)) => reason,
                Err(other) => return Err(self.without_answer(other)),
            };
            if self.place.caller.now() >= until {
                return Err(PublishOutcome::Unknown { reason: why });
            }
            self.place.caller.sleep(pause).await;
            pause = (pause * 2).min(LONGEST_ASK);
        }
    }

    /// Whether the video is there already.
    async fn look(&mut self) -> Result<Option<String>, PublishOutcome> {
        let noted = self
            .progress
            .uploaded
            .iter()
            .map(|kept| kept.expires - UPLOAD_LIFE)
            .min();
        let window = Window {
            since: noted.unwrap_or(self.noted),
        };
        match look::find(self.place, self.channel, &self.marker, window).await {
            Ok(found) => match (found.copies.into_iter().next(), found.blind) {
                (Some(copy), _) => Ok(Some(copy.id)),
                (None, None) => Ok(None),
                (None, Some(reason)) => Err(PublishOutcome::Unknown { reason }),
            },
            Err(e) if self.complete => Err(PublishOutcome::Unknown { reason: e.to_string() }),
            Err(e) => Err(asked(e)),
        }
    }

    /// A quota is a passing state: the video waits for room.
    fn wait_for_room(&self, reason: String) -> PublishOutcome {
        PublishOutcome::Throttled {
            until: self.place.caller.now() + NO_ROOM,
            reason,
        }
    }

    /// A refusal before anything was sent.
    async fn refused(&mut self, problem: &Problem, total: u64) -> PublishOutcome {
        let reason = problem.to_string();
        match problem.status {
            413 if problem.by_peertube => {
                let why = self.place.no_room(total).await.ok().flatten();
                self.wait_for_room(why.unwrap_or(reason))
            }
            _ if !problem.by_peertube => PublishOutcome::TryLater { reason },
            401 => PublishOutcome::AuthLost { reason },
            415 => PublishOutcome::MediaRejected { index: 0, reason },
            400 | 403 | 422 => {
                if problem.names(&["channelId"]) {
                    self.place.doubt_channel();
                }
                PublishOutcome::Rejected { reason }
            }
            _ => PublishOutcome::TryLater { reason },
        }
    }

    /// A refusal of the file, or of a part of it: it proves that no video came of it.
    async fn refused_file(&mut self, upload: &Upload, problem: &Problem) -> PublishOutcome {
        let reason = problem.to_string();
        match problem.status {
            413 if problem.has_code("quota_reached") => self.refused(problem, upload.total).await,
            415 | 422 => {
                // Up to 6.3 the upload is poisoned for an hour otherwise (contract peertube §7.3).
                let _ = cancel(&self.place.caller, upload).await;
                PublishOutcome::MediaRejected { index: 0, reason }
            }
            401 => PublishOutcome::AuthLost { reason },
            403 if problem.by_peertube => {
                let _ = cancel(&self.place.caller, upload).await;
                PublishOutcome::Rejected { reason }
            }
            _ => self.given_up(reason),
        }
    }

    fn without_answer(&self, error: NoAnswer) -> PublishOutcome {
        match (self.complete, not_made(error)) {
            (
                true,
                PublishOutcome::AuthLost { reason }
                | PublishOutcome::Throttled { reason, .. }
                | PublishOutcome::TryLater { reason },
            ) => PublishOutcome::Unknown { reason },
            (_, outcome) => outcome,
        }
    }

    /// Ends the call. What was sent is kept by the instance for a while, and can be continued.
    fn given_up(&self, reason: String) -> PublishOutcome {
        if self.complete {
            PublishOutcome::Unknown { reason }
        } else {
            PublishOutcome::TryLater { reason }
        }
    }

    /// Counts a failed attempt, and pauses.
    async fn stumble(&mut self, reason: String) -> Result<(), PublishOutcome> {
        (self.in_a_row, self.in_all) = (self.in_a_row + 1, self.in_all + 1);
        tracing::debug!(reason, attempt = self.in_a_row, "an upload stumbled");
        if self.in_a_row > MAX_IN_A_ROW || self.in_all > MAX_IN_ALL {
            return Err(self.given_up(reason));
        }
        let pause = FIRST_PAUSE * 2_u32.pow((self.in_a_row - 1).min(5));
        self.place.caller.sleep(pause.min(LONGEST_PAUSE)).await;
        Ok(())
    }

    async fn note(&mut self, step: Step) -> Result<(), PublishOutcome> {
        self.checkpoint
            .before(step, &self.progress)
            .await
            .map_err(PublishOutcome::NotNoted)?;
        self.noted = self.place.caller.now();
        Ok(())
    }

    async fn note_again(&mut self) -> Result<(), PublishOutcome> {
        let expires = self.place.caller.now() + UPLOAD_LIFE;
        for kept in &mut self.progress.uploaded {
            kept.expires = expires;
        }
        // What was noted last stays true: never back from "may exist".
        self.note(if self.posted { Step::Post } else { Step::Upload }).await
    }

    async fn note_post(&mut self) -> Result<(), PublishOutcome> {
        if !self.posted {
            self.note(Step::Post).await?;
            self.posted = true;
        }
        Ok(())
    }

    /// Sends a chunk, and shows how it goes on.
    async fn metered(&mut self, upload: &Upload, start: u64, chunk: &bytes::Bytes) -> Result<State, NoAnswer> {
        let sent = Arc::new(AtomicU64::new(0));
        let request = send_chunk(&self.place.caller, upload, start, chunk, sent.clone());
        tokio::pin!(request);
        loop {
            tokio::select! {
                said = &mut request => break said,
                () = tokio::time::sleep(Duration::from_millis(100)) => {
                    let so_far = start + sent.load(Ordering::Relaxed).min(chunk.len() as u64);
                    self.shown = show(self.meter, self.shown, so_far);
                }
            }
        }
    }

    fn show(&mut self, at: u64) {
        self.shown = show(self.meter, self.shown, at);
    }
}

/// Tells the meter what it wasn't told yet. What has to be sent again isn't shown again.
fn show(meter: &dyn ProgressSink, shown: u64, at: u64) -> u64 {
    if at > shown {
        meter.advance(at - shown);
    }
    at.max(shown)
}
