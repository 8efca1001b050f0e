//! One part of a plan on its way to the destination: prepared, published, and what came of it recorded.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::json;
use sha2::{Digest, Sha256};
use tombolo_model::{
    Checkpoint, CheckpointError, Clock, Copy, DeliveryKey, Destination, DestinationError, DestinationId, Draft, Form,
    Idempotency, IdempotencyKey, Limits, MediaError, Post, ProgressSink, PublishOutcome, PublishProgress, Step,
    file_name,
};

use super::deliver::{destination_failed, hold, later, note};
use super::listing::pause;
use super::pass::{Advance, Candidate};
use super::prepare::{self, Unready};
use super::{Engine, SyncError, clipped};
use crate::ledger::{Changes, Delivery, Ledger, Part, PartState, Publishing, Stage, StoreError, Unresolved, Waiting};
use crate::transform::{FormPlan, MediaPlan, PartPlan, Rung, human_bytes};

/// How long and how often a file may fail on its way before a lesser form of it is taken: most outages are shorter.
const PATIENCE_WITH_A_FILE: TimeDelta = TimeDelta::hours(2);
const TRIES_OF_A_FILE: u32 = 5;
/// How often an original to boost is looked for: the instance fetches it from elsewhere, which may fail for a moment.
const LOOKS_FOR_ORIGINAL: u32 = 3;
/// How often a file may move while it is being carried, in one run.
const MOVES: u32 = 2;

/// The smallest file that is made because the destination has refused larger ones, in bytes.
const LEAST_ROOM: u64 = 256 << 10;
/// A video isn't encoded to less than this fraction of the announced limit for that reason.
const SMALLEST_ENCODE: u64 = 16;
/// How long it is remembered what a destination has refused.
const REFUSED_AGE: Duration = Duration::from_secs(86_400);

/// A plan, and what carrying it out needs.
pub(super) struct Order<'a> {
    pub(super) engine: &'a Engine,
    pub(super) destination: &'a dyn Destination,
    pub(super) post: &'a Post,
    pub(super) parts: &'a [PartPlan],
    pub(super) limits: &'a Limits,
    /// What the creator should know of the copy.
    pub(super) notes: &'a [String],
    pub(super) meter: &'a Arc<dyn ProgressSink>,
}

/// What a draft of this part is to be.
pub(super) enum Target {
    /// A status or video by the plan; a status continues this one.
    Planned(Option<String>),
    /// A boost of this status.
    Boost(String),
}

impl Order<'_> {
    /// Publishes the first part that isn't done.
    pub(super) async fn publish(&self, candidate: &mut Candidate) -> Result<Advance, SyncError> {
        let engine = self.engine;
        self.align(&mut candidate.delivery);
        let open = candidate.delivery.parts.iter().position(|part| part.copy().is_none());
        let Some(place) = open.filter(|place| *place < self.parts.len()) else {
            if let Some(part) = candidate.delivery.parts.last_mut() {
                part.notes = self.notes.iter().map(|note| clipped(note)).collect();
            }
            candidate.delivery.stage = Stage::InParts;
            note(engine, &candidate.delivery).await?;
            return Ok(Advance::Rest);
        };
        let planned = &self.parts[place];
        let continued = match self.continued(&candidate.delivery, place)? {
            Continued::Wait(reason) => return later(engine, candidate, reason).await,
            Continued::By(id) => id,
        };
        let mut part = self.begun(&candidate.delivery.parts[place], planned);
        part.notes = self.notes.iter().map(|note| clipped(note)).collect();
        let target = match self.target(&mut part, planned, continued).await {
            Sought::Target(target) => target,
            Sought::NotYet(reason) => return self.put_off(candidate, place, part, reason).await,
            Sought::Forbidden(reason) => return hold(engine, candidate, reason).await,
            Sought::Blocked(advance) => return Ok(advance),
        };
        self.remember_refused(&candidate.delivery, place, &mut part);
        let made = prepare::draft(
            engine,
            &candidate.delivery,
            place,
            planned,
            &part,
            self.limits,
            target,
            self.meter,
        );
        let (draft, places, remarks) = match made.await {
            Ok(made) => made,
            Err(Unready::Held(reason)) => return hold(engine, candidate, reason).await,
            Err(Unready::Medium { index, error }) => {
                return match error {
                    MediaError::Transient(reason) => self.file_failed(candidate, place, part, index, reason).await,
                    MediaError::Gone(at) => {
                        self.moved(candidate, place, part, index, &format!("{at} is gone"))
                            .await
                    }
                    MediaError::Unusable(reason) => self.next_rung(candidate, place, part, index, &reason).await,
                };
            }
        };
        if draft.media.is_empty() && !self.limits.text.alone && matches!(planned.form, FormPlan::Status { .. }) {
            part.state = PartState::Failed {
                reason: clipped(&format!(
                    "nothing is left of it that the destination takes: {}",
                    part.rung_reasons.join("; ")
                )),
                copy: None,
            };
            note_part(engine, candidate, place, part).await?;
            return Ok(Advance::Rest);
        }
        for remark in remarks {
            if !part.rung_reasons.contains(&remark) {
                part.rung_reasons.push(remark);
            }
        }
        part.digest = digest_of(&draft);
        part.marker.files = draft.media.iter().map(|m| m.file_name.clone()).collect();
        part.marker.import = match &draft.form {
            Form::Video(video) => video.import.as_ref().map(ToString::to_string),
            Form::Status { .. } | Form::Boost(_) => None,
        };
        let progress = part.progress();
        candidate.delivery.stage = Stage::InParts;
        candidate.delivery.parts[place] = part;
        let mut noter = Noter {
            ledger: engine.ledger.clone(),
            clock: engine.clock.clone(),
            delivery: &mut candidate.delivery,
            place,
            failure: None,
        };
        let outcome = self
            .destination
            .publish(&draft, progress, &mut noter, self.meter.as_ref())
            .await;
        if let Some(failure) = noter.failure {
            return Err(SyncError::Ledger(failure));
        }
        self.settle(candidate, place, &places, outcome).await
    }

    /// A record for each planned part, the begun ones as they are.
    fn align(&self, delivery: &mut Delivery) {
        // What was planned once, and doesn't exist, is planned anew. Nothing is unresolved here.
        while delivery.parts.len() > self.parts.len() && delivery.parts.last().is_some_and(|part| part.copy().is_none())
        {
            delivery.parts.pop();
        }
        for planned in &self.parts[delivery.parts.len().min(self.parts.len())..] {
            let now = self.engine.clock.now();
            delivery.parts.push(Part {
                state: PartState::Waiting {
                    waiting: Waiting {
                        reason: String::new(),
                        not_before: now,
                        times: 0,
                    },
                    progress: PublishProgress::default(),
                },
                key: IdempotencyKey::from_random(self.engine.entropy.key()),
                key_made: now,
                rungs: Vec::new(),
                ladder: String::new(),
                rung_reasons: Vec::new(),
                notes: Vec::new(),
                boost: None,
                boost_looks: 0,
                marker: planned.marker.clone(),
                posted_since: None,
                file_tries: 0,
                file_fails_since: None,
                posts: 0,
                digest: String::new(),
                refused: BTreeMap::new(),
                remake: false,
            });
        }
    }

    /// The part as it goes on now. A key is used again only where the server remembers it.
    fn begun(&self, part: &Part, planned: &PartPlan) -> Part {
        let now = self.engine.clock.now();
        let mut part = part.clone();
        let remembered = match self.destination.capabilities().idempotency {
            Idempotency::Replays { ttl } => TimeDelta::from_std(ttl).is_ok_and(|ttl| now - part.key_made < ttl),
            _ => false,
        };
        // An upload that may go on in the middle is known by its key.
        let uploading = self.limits.media.resumes && !part.progress().uploaded.is_empty();
        // Before the first request a key names nothing yet: a fresh one is remembered longest.
        if !uploading && (!remembered || part.posted_since.is_none()) {
            part.key = IdempotencyKey::from_random(self.engine.entropy.key());
            part.key_made = now;
        }
        let boost = part.marker.boost.take();
        part.marker = planned.marker.clone();
        part.marker.boost = boost;
        let ladder = ladder_of(planned);
        if part.ladder != ladder {
            // There are other rungs now: the climb begins anew.
            if !part.ladder.is_empty() {
                part.refused.clear();
                part.rungs.clear();
                part.rung_reasons.clear();
            }
            part.ladder = ladder;
        }
        part.rungs.resize(planned.media.len(), 0);
        for (index, (media, rung)) in planned.media.iter().zip(&part.rungs).enumerate() {
            let which = which_of(planned.media.len(), index);
            let best = media.rungs.first();
            let lesser = best
                .is_some_and(|best| best.is_lesser() || matches!(best, Rung::Transcode { .. } | Rung::Remux { .. }));
            if *rung == 0 && lesser && !media.passed_over.is_empty() {
                let what = best.map(Rung::describe).unwrap_or_default();
                let reason = clipped(&format!("{which}{what}, because {}", media.passed_over.join("; ")));
                if !part.rung_reasons.contains(&reason) {
                    part.rung_reasons.push(reason);
                }
            }
        }
        part
    }

    /// The status that a part continues: the part before it, or the copy of the post that this one answers.
    fn continued(&self, delivery: &Delivery, place: usize) -> Result<Continued, SyncError> {
        let id_of = |copy: Option<&Copy>| Continued::By(copy.map(|copy| copy.id.clone()));
        if place > 0 {
            return Ok(match self.parts[place].form {
                FormPlan::Status { continues: true } => id_of(delivery.parts[place - 1].copy()),
                _ => Continued::By(None),
            });
        }
        let parent = self
            .post
            .reply
            .as_ref()
            .filter(|reply| reply.own)
            .and_then(|reply| reply.to.clone());
        let (Some(post), true) = (parent, self.destination.capabilities().threads) else {
            return Ok(Continued::By(None));
        };
        let key = DeliveryKey {
            post,
            to: delivery.key.to.clone(),
        };
        Ok(match self.engine.ledger.delivery(&key)? {
            Some(parent) if parent.due().is_some() => Continued::Wait("the post that it continues comes first".into()),
            Some(parent) => id_of(parent.parts.iter().rev().find_map(Part::copy)),
            None => Continued::By(None),
        })
    }

    /// What the part becomes, now that it is to be made: an original to boost is looked for.
    async fn target(&self, part: &mut Part, planned: &PartPlan, continued: Option<String>) -> Sought {
        let FormPlan::Boost { uri } = &planned.form else {
            part.marker.reply_to.clone_from(&continued);
            return Sought::Target(Target::Planned(continued));
        };
        // Once a request has left, nothing changes any more.
        if part.posts > 0 {
            return Sought::Target(match &part.boost {
                Some(id) => Target::Boost(id.clone()),
                None => Target::Planned(continued),
            });
        }
        match self.destination.locate(uri).await {
            Ok(Some(id)) => {
                part.boost = Some(id.clone());
                part.marker.boost = Some(id.clone());
                Sought::Target(Target::Boost(id))
            }
            Ok(None) => {
                part.boost = None;
                part.marker.boost = None;
                part.boost_looks += 1;
                if part.boost_looks < LOOKS_FOR_ORIGINAL {
                    return Sought::NotYet("the instance doesn't know the original yet".into());
                }
                part.marker.reply_to.clone_from(&continued);
                let reason = "text and link, because the instance doesn't know the original".to_owned();
                if !part.rung_reasons.contains(&reason) {
                    part.rung_reasons.push(reason);
                }
                Sought::Target(Target::Planned(continued))
            }
            // Whose token it is was just asked: what is missing is this permission.
            Err(DestinationError::AuthLost(reason)) => Sought::Forbidden(format!(
                "{reason}. Make a token that has it, or choose another mode than boost"
            )),
            Err(e @ DestinationError::Throttled { .. }) => Sought::Blocked(destination_failed(self.engine, e)),
            Err(e) => Sought::NotYet(e.to_string()),
        }
    }

    /// record: what the outcome means. `places`: which of the plan's media each of the draft's is.
    async fn settle(
        &self,
        candidate: &mut Candidate,
        place: usize,
        places: &[usize],
        outcome: PublishOutcome,
    ) -> Result<Advance, SyncError> {
        let engine = self.engine;
        let now = engine.clock.now();
        let mut part = candidate.delivery.parts[place].clone();
        let medium = |index: usize| places.get(index).copied().unwrap_or(index);
        let more = place + 1 < self.parts.len();
        let advance = match outcome {
            PublishOutcome::Published(copy) => {
                part.state = PartState::Published {
                    copy,
                    more: Vec::new(),
                    at: now,
                };
                if more { Advance::Again } else { Advance::Rest }
            }
            PublishOutcome::Created { copy, until } => {
                part.state = PartState::Settling {
                    copy,
                    more: Vec::new(),
                    waiting: not_before("the destination is still processing it", until),
                };
                Advance::Rest
            }
            // Once more sent and refused: perhaps because the first one took effect after all (contract mastodon §4.5).
            PublishOutcome::Rejected { reason } if part.posts > 1 => {
                let what = format!("the destination refused to make it once more: {}", clipped(&reason));
                part.state = unresolved(&part, what, Some(clipped(&reason)), now);
                Advance::Again
            }
            PublishOutcome::Rejected { reason } => {
                part.state = PartState::Failed {
                    reason: clipped(&reason),
                    copy: None,
                };
                Advance::Rest
            }
            PublishOutcome::MediaRejected { index, reason } => {
                return self.next_rung(candidate, place, part, medium(index), &reason).await;
            }
            PublishOutcome::MediaTooLarge {
                index,
                bytes,
                certain,
                reason,
            } => {
                return self
                    .too_large(candidate, place, part, medium(index), (bytes, certain), &reason)
                    .await;
            }
            PublishOutcome::MediaUnavailable { index, reason, moved } => {
                return if moved {
                    self.moved(candidate, place, part, medium(index), &reason).await
                } else {
                    self.file_failed(candidate, place, part, medium(index), reason).await
                };
            }
            PublishOutcome::TryLater { reason } => return self.put_off(candidate, place, part, reason).await,
            PublishOutcome::Throttled { until, reason } => {
                part.state = waiting(&part, &reason, until);
                Advance::Blocked(until, reason)
            }
            PublishOutcome::InWork { progress, .. }
                if part.posts > 1 && is_posting(&part) && progress.uploaded.is_empty() =>
            {
                files_are_gone(&mut part, progress, now);
                Advance::Again
            }
            PublishOutcome::InWork { until, progress } => {
                let reason = "the destination is still processing the file";
                part.state = PartState::Waiting {
                    waiting: not_before(reason, until),
                    progress,
                };
                Advance::Rest
            }
            // An earlier request may have taken effect, and signing in again takes longer than servers remember a key.
            PublishOutcome::AuthLost { reason } if is_posting(&part) && part.posts > 1 => {
                part.state = unresolved(&part, "its account needs a new sign-in".to_owned(), None, now);
                Advance::AuthLost(reason)
            }
            PublishOutcome::AuthLost { reason } => {
                // The account's state, not this part's: what the server has of it is kept.
                part.state = waiting(&part, "its account needs a new sign-in", now);
                Advance::AuthLost(reason)
            }
            PublishOutcome::Unknown { reason } => {
                let what = format!("it may have been published: {}", clipped(&reason));
                part.state = unresolved(&part, what, None, now);
                Advance::Again
            }
            PublishOutcome::NotNoted(e) => {
                // The noter keeps the error itself; without one nothing was sent either.
                part.state = waiting(&part, &e.to_string(), now + TimeDelta::minutes(1));
                Advance::Rest
            }
        };
        note_part(engine, candidate, place, part).await?;
        Ok(advance)
    }

    /// A medium can't go in this form: the next one is tried.
    async fn next_rung(
        &self,
        candidate: &mut Candidate,
        place: usize,
        mut part: Part,
        index: usize,
        reason: &str,
    ) -> Result<Advance, SyncError> {
        let now = self.engine.clock.now();
        let rungs = rungs_of(&self.parts[place], index);
        let tried = part.rungs.get(index).copied().unwrap_or(0);
        let which = self.which(place, index);
        let here = rungs.get(tried).map(Rung::describe).unwrap_or_default();
        let Some(next) = rungs.get(tried + 1) else {
            part.state = PartState::Failed {
                reason: clipped(&format!("{here}: {reason}")),
                copy: None,
            };
            note_part(self.engine, candidate, place, part).await?;
            return Ok(Advance::Rest);
        };
        // What was made for the rung that failed is of no more use.
        let made = prepare::file_prefix(&candidate.delivery, place, index);
        self.engine.workshop.forget_file(&made);
        // Why it wasn't a better one before is kept behind the newest reason.
        let above = format!("{which}{here}, because ");
        let earlier = part.rung_reasons.iter().position(|reason| reason.starts_with(&above));
        let before = match earlier.map(|at| part.rung_reasons.remove(at)) {
            Some(reason) => format!("; before that: {}", &reason[above.len()..]),
            None => String::new(),
        };
        let (needs_a_file, next) = (!next.sources().is_empty(), next.describe());
        let why = format!("{which}{next}, because {here} was not possible: {reason}{before}");
        part.rung_reasons.push(clipped(&why));
        part.rungs.resize(self.parts[place].media.len(), 0);
        part.rungs[index] = tried + 1;
        // A form without a file ends the matter; the next file has its own.
        if !needs_a_file {
            (part.file_tries, part.file_fails_since) = (0, None);
        }
        let progress = part.progress();
        part.state = PartState::Waiting {
            waiting: Waiting {
                reason: clipped(reason),
                not_before: now,
                times: 0,
            },
            // Other media of the part stay uploaded: they are known by their names.
            progress,
        };
        note_part(self.engine, candidate, place, part).await?;
        Ok(Advance::Again)
    }

    /// A file was refused for its size though it is below the announced limit: proxies have limits of their own, which are
    /// published nowhere (contract mastodon §2.1). What is made here is made half as large; else another form is taken.
    async fn too_large(
        &self,
        candidate: &mut Candidate,
        place: usize,
        mut part: Part,
        index: usize,
        file: (u64, bool),
        reason: &str,
    ) -> Result<Advance, SyncError> {
        let (engine, (bytes, certain)) = (self.engine, file);
        let now = engine.clock.now();
        let tried = part.rungs.get(index).copied().unwrap_or(0);
        let rung = rungs_of(&self.parts[place], index).get(tried);
        part.refused.insert(index, bytes);
        let is_small = bytes / 2 < LEAST_ROOM;
        // For some hours the next posts are spared the same; a small file that is refused says nothing of others.
        if certain && !is_small {
            let entry = refused_entry(&candidate.delivery.key.to);
            engine.cache.put(&entry, &json!(bytes), now);
        }
        // Encoding takes long: it isn't done over and over.
        let is_encoded = rung.is_some_and(Rung::is_moving);
        let is_enough = is_encoded && bytes / 2 < self.limits.media.video_bytes / SMALLEST_ENCODE;
        if is_small || is_enough || !rung.is_some_and(Rung::is_made) {
            return self.next_rung(candidate, place, part, index, reason).await;
        }
        let made = prepare::file_prefix(&candidate.delivery, place, index);
        engine.workshop.forget_file(&made);
        let begin = format!("{}at most ", self.which(place, index));
        let why = format!(
            "{begin}{}, because the destination took no {}: {reason}",
            human_bytes(bytes / 2),
            human_bytes(bytes)
        );
        part.rung_reasons.retain(|reason| !reason.starts_with(&begin));
        part.rung_reasons.push(clipped(&why));
        note_part(engine, candidate, place, waiting_part(part, reason, now, 0)).await?;
        Ok(Advance::Again)
    }

    /// What isn't there yet begins below what the destination has refused lately; what is there stays as it is.
    fn remember_refused(&self, delivery: &Delivery, place: usize, part: &mut Part) {
        let (entry, now) = (refused_entry(&delivery.key.to), self.engine.clock.now());
        let Some(bytes) = self.engine.cache.get(&entry, REFUSED_AGE, now).and_then(|v| v.as_u64()) else {
            return;
        };
        let uploaded = part.progress().uploaded;
        for index in 0..self.parts[place].media.len() {
            let prefix = prepare::file_prefix(delivery, place, index);
            if !uploaded.iter().any(|kept| kept.file_name.starts_with(&prefix)) {
                part.refused.entry(index).or_insert(bytes);
            }
        }
    }

    /// Which of several media a reason is about.
    fn which(&self, place: usize, index: usize) -> String {
        which_of(self.parts[place].media.len(), index)
    }

    /// The file's address changed: the post is read again, a few times (contract peertube §6, "re-read the detail once").
    async fn moved(
        &self,
        candidate: &mut Candidate,
        place: usize,
        part: Part,
        index: usize,
        reason: &str,
    ) -> Result<Advance, SyncError> {
        candidate.moves += 1;
        if candidate.moves > MOVES {
            return self.file_failed(candidate, place, part, index, reason.to_owned()).await;
        }
        let part = waiting_part(part, reason, self.engine.clock.now(), 0);
        note_part(self.engine, candidate, place, part).await?;
        Ok(Advance::Again)
    }

    /// A file failed on its way. After a while a lesser form is taken; forms made of the same file fall with it, for its
    /// failures count until a file has arrived.
    async fn file_failed(
        &self,
        candidate: &mut Candidate,
        place: usize,
        mut part: Part,
        index: usize,
        reason: String,
    ) -> Result<Advance, SyncError> {
        // What is being stopped has not failed.
        if self.engine.is_stopping() {
            let part = waiting_part(
                part,
                "tombolo was stopped in the middle of it",
                self.engine.clock.now(),
                0,
            );
            note_part(self.engine, candidate, place, part).await?;
            return Ok(Advance::Rest);
        }
        part.file_tries = part.file_tries.saturating_add(1);
        let now = self.engine.clock.now();
        let since = *part.file_fails_since.get_or_insert(now);
        let patient = part.file_tries < TRIES_OF_A_FILE || now - since < PATIENCE_WITH_A_FILE;
        let tried = part.rungs.get(index).copied().unwrap_or(0);
        if !patient && tried + 1 < rungs_of(&self.parts[place], index).len() {
            let reason = format!("{reason} ({} tries)", part.file_tries);
            return self.next_rung(candidate, place, part, index, &reason).await;
        }
        self.put_off(candidate, place, part, reason).await
    }

    /// Something failed that may work later.
    async fn put_off(
        &self,
        candidate: &mut Candidate,
        place: usize,
        part: Part,
        reason: String,
    ) -> Result<Advance, SyncError> {
        let engine = self.engine;
        let times = candidate.tries + 1;
        let pause = TimeDelta::from_std(pause(times, engine.entropy.fraction())).unwrap_or_default();
        let part = waiting_part(part, &reason, engine.clock.now() + pause, times);
        note_part(engine, candidate, place, part).await?;
        Ok(Advance::Rest)
    }
}

fn not_before(reason: &str, until: DateTime<Utc>) -> Waiting {
    Waiting {
        reason: clipped(reason),
        not_before: until,
        times: 0,
    }
}

/// Not now; what the server already has is kept.
fn waiting(part: &Part, reason: &str, until: DateTime<Utc>) -> PartState {
    PartState::Waiting {
        waiting: not_before(reason, until),
        progress: part.progress(),
    }
}

/// A request left, and nobody knows what became of it.
fn unresolved(part: &Part, reason: String, refused: Option<String>, now: DateTime<Utc>) -> PartState {
    PartState::Unknown(Unresolved {
        reason,
        refused,
        since: now,
        absent_since: None,
        next_look: now,
        failed_looks: 0,
        progress: part.progress(),
    })
}

/// Which of several media a reason is about; nothing where there is one.
pub(super) fn which_of(all: usize, index: usize) -> String {
    match all {
        0 | 1 => String::new(),
        all => format!("medium {} of {all}: ", index + 1),
    }
}

/// The files of a further try are gone, perhaps because they are attached to what an earlier one made: that is looked for by
/// them, and where it isn't there they are sent again.
fn files_are_gone(part: &mut Part, progress: PublishProgress, now: DateTime<Utc>) {
    for media in part.progress().uploaded {
        part.marker.files.extend(media.url.as_deref().and_then(file_name));
        part.marker.media.push(media.id);
    }
    part.state = PartState::Unknown(Unresolved {
        reason: "the destination refused the files of a further try".to_owned(),
        refused: None,
        since: now,
        absent_since: None,
        next_look: now,
        failed_looks: 0,
        progress,
    });
}

/// Whether the request that makes the copy was sent.
fn is_posting(part: &Part) -> bool {
    matches!(&part.state, PartState::Publishing(Publishing { step: Step::Post, .. }))
}

/// What came of looking for what a part becomes.
enum Sought {
    /// It is known.
    Target(Target),
    /// It may be known later.
    NotYet(String),
    /// The token may not look.
    Forbidden(String),
    /// The destination can't be asked now.
    Blocked(Advance),
}

/// What a part continues.
enum Continued {
    /// A status with this id, or none.
    By(Option<String>),
    /// A post that isn't there yet.
    Wait(String),
}

/// Tells one set of rungs from another.
fn ladder_of(planned: &PartPlan) -> String {
    let rungs = planned.media.iter().map(|media| {
        let rungs: Vec<String> = media.rungs.iter().map(Rung::describe).collect();
        rungs.join("; ")
    });
    digest(&rungs.collect::<Vec<_>>().join("\n"))[..16].to_owned()
}

fn rungs_of(planned: &PartPlan, index: usize) -> &[Rung] {
    planned.media.get(index).map_or(&[], |media: &MediaPlan| &media.rungs)
}

pub(super) fn waiting_part(mut part: Part, reason: &str, until: DateTime<Utc>, times: u32) -> Part {
    let progress = part.progress();
    part.state = PartState::Waiting {
        waiting: Waiting {
            reason: clipped(reason),
            not_before: until,
            times,
        },
        progress,
    };
    part
}

pub(super) async fn note_part(
    engine: &Engine,
    candidate: &mut Candidate,
    place: usize,
    part: Part,
) -> Result<(), SyncError> {
    candidate.tries = match &part.state {
        PartState::Waiting { waiting, .. } => waiting.times,
        _ => 0,
    };
    candidate.delivery.stage = Stage::InParts;
    candidate.delivery.parts[place] = part;
    note(engine, &candidate.delivery).await
}

/// Where the cache has the size of a file that this destination has refused for it.
fn refused_entry(to: &DestinationId) -> String {
    format!("too large for {to}")
}

fn digest_of(draft: &Draft) -> String {
    let files: Vec<&str> = draft.media.iter().map(|m| m.file_name.as_str()).collect();
    let meant = json!([
        draft.text,
        draft.content_warning,
        draft.sensitive,
        draft.language,
        draft.visibility,
        files
    ]);
    digest(&meant.to_string())
}

/// SHA-256 in hexadecimal.
pub(super) fn digest(text: &str) -> String {
    use std::fmt::Write;
    Sha256::digest(text)
        .iter()
        .fold(String::new(), |mut hexadecimal, byte| {
            let _ = write!(hexadecimal, "{byte:02x}");
            hexadecimal
        })
}

/// Notes each step of a publication in the ledger before it is taken.
struct Noter<'a> {
    ledger: Ledger,
    clock: Arc<dyn Clock>,
    delivery: &'a mut Delivery,
    place: usize,
    /// Why a note could not be written.
    failure: Option<StoreError>,
}

#[async_trait]
impl Checkpoint for Noter<'_> {
    async fn before(&mut self, step: Step, progress: &PublishProgress) -> Result<(), CheckpointError> {
        let now = self.clock.now();
        if let Some(part) = self.delivery.parts.get_mut(self.place) {
            // A file has arrived: its failures are over.
            if progress.uploaded.len() > part.progress().uploaded.len() {
                (part.file_tries, part.file_fails_since) = (0, None);
            }
            if step == Step::Post {
                part.posted_since.get_or_insert(now);
                part.posts = part.posts.saturating_add(1);
            }
            part.state = PartState::Publishing(Publishing {
                step,
                since: now,
                progress: progress.clone(),
            });
        }
        let mut changes = Changes::new();
        changes.put_delivery(self.delivery);
        match self.ledger.commit(changes).await {
            Ok(()) => Ok(()),
            Err(e) => {
                let told = CheckpointError(e.to_string());
                self.failure = Some(e);
                Err(told)
            }
        }
    }
}
