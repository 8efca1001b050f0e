//! One step of one delivery: the post is read again, planned, prepared and published, each step noted before it is taken.

use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::json;
use sha2::{Digest, Sha256};
use tombolo_model::{
    Checkpoint, CheckpointError, Clock, Destination, DestinationError, Draft, Fetched, Idempotency, IdempotencyKey,
    Limits, MediaBody, MediaDraft, MediaError, Post, PublishOutcome, PublishProgress, Readiness, SourceError, Step,
};

use super::files::{MemoryFile, RemoteFile, extension, picture};
use super::listing::pause;
use super::pass::{Advance, Candidate, Run};
use super::{Engine, Line, SyncError, clipped, reconcile};
use crate::ledger::{
    Changes, Delivery, Ledger, Part, PartState, Publishing, Skip, Stage, StateName, StoreError, Unresolved, Waiting,
};
use crate::transform::plan::MULTIPART_FRAME;
use crate::transform::{Facts, PartPlan, Plan, Rung, plan};

/// How often a file that keeps failing on its way is tried before a lesser form of it is.
const TRIES_OF_A_FILE: u32 = 6;
/// How often a file may move while it is being carried, in one run.
const MOVES: u32 = 2;

impl Run<'_> {
    /// Takes the next step with a candidate.
    pub(super) async fn advance(&mut self, candidate: &mut Candidate) -> Result<Advance, SyncError> {
        let engine = self.engine;
        let route = &self.routes[candidate.route];
        let leg = &route.to[candidate.leg];
        let (Some(source), Some(receiver)) = (engine.sources.get(&route.from), engine.destinations.get(&leg.to)) else {
            return Ok(Advance::Rest);
        };
        let destination = match &receiver.adapter {
            Ok(adapter) => adapter.as_ref(),
            Err(why) => return Ok(Advance::AuthLost(why.clone())),
        };
        let own = self.sources.get(&route.from) == Some(&candidate.delivery.source);
        if candidate.delivery.is_unresolved() {
            return match reconcile::reconcile(engine, destination, candidate).await? {
                Advance::Again if !own => Ok(Advance::RestForThisRun),
                advance => Ok(advance),
            };
        }
        if !own {
            return Ok(Advance::RestForThisRun);
        }
        let post = match source.fetch(&candidate.delivery.key.post).await {
            Ok(Fetched::Post(post)) => post,
            Ok(Fetched::NotPublic(why)) => return skip(engine, candidate, why, true).await,
            Ok(Fetched::Gone) => return skip(engine, candidate, "it was deleted at the source".into(), true).await,
            Err(e) => return source_failed(engine, candidate, &e).await,
        };
        candidate.delivery.title = post.title.as_deref().map(clipped);
        candidate.delivery.link = Some(clipped(post.link.as_str()));
        candidate.delivery.published = post.published;
        match &post.readiness {
            Readiness::Ready => {}
            Readiness::InWork(what) | Readiness::Paused(what) => return later(engine, candidate, what.clone()).await,
            // The creator may repair it at the source.
            Readiness::Failed(what) => {
                return later(
                    engine,
                    candidate,
                    format!("{what}; it is carried once that is repaired"),
                )
                .await;
            }
        }
        let limits = match destination.limits().await {
            Ok(limits) => limits,
            Err(e) => return Ok(destination_failed(engine, e)),
        };
        let facts = inspect(engine, &post).await;
        let parts = match plan(&post, &facts, &limits, &leg.settings) {
            Plan::Skip(why) => return skip(engine, candidate, why, true).await,
            Plan::Parts(parts) => parts,
        };
        if self.options.dry_run {
            return Ok(Advance::Shown(Box::new(shown(self.line(candidate), &parts, &limits))));
        }
        let Some(part) = parts.into_iter().next() else {
            return skip(engine, candidate, "there is nothing in it to carry".into(), false).await;
        };
        let meter = self
            .observer
            .progress(post.title.as_deref().unwrap_or(post.id.as_str()));
        publish(engine, destination, candidate, &part, &limits, meter.as_ref()).await
    }
}

/// Learns the sizes that the source didn't tell. What can't be learnt stays unknown.
async fn inspect(engine: &Engine, post: &Post) -> Facts {
    const MOST: usize = 8;
    let mut facts = Facts::default();
    let unknown = post
        .media
        .iter()
        .flat_map(|m| &m.renditions)
        .filter(|r| r.bytes.is_none())
        .take(MOST);
    for rendition in unknown {
        if let Ok((status, headers)) = engine.net.head(&rendition.url).await
            && status.is_success()
            && let Some(bytes) = headers
                .get("content-length")
                .and_then(|v| v.to_str().ok())
                .and_then(|v| v.parse().ok())
        {
            facts.sizes.insert(rendition.url.clone(), bytes);
        }
    }
    facts
}

async fn publish(
    engine: &Engine,
    destination: &dyn Destination,
    candidate: &mut Candidate,
    planned: &PartPlan,
    limits: &Limits,
    meter: &dyn tombolo_model::ProgressSink,
) -> Result<Advance, SyncError> {
    let now = engine.clock.now();
    let mut part = begun_part(engine, destination, &candidate.delivery, planned, now);
    let rungs = planned.media.as_ref().map_or(&[][..], |media| &media.rungs);
    if part.rung_reason.is_none() {
        part.rung_reason = planned
            .media
            .as_ref()
            .filter(|media| !matches!(media.rungs.first(), Some(Rung::AsItIs(_))) && !media.passed_over.is_empty())
            .map(|media| {
                format!(
                    "{}, because {}",
                    media.rungs[0].describe(),
                    media.passed_over.join("; ")
                )
            });
    }
    let draft = match prepare(engine, &candidate.delivery, planned, &part, limits).await {
        Ok(draft) => draft,
        Err(MediaError::Transient(reason)) => return file_failed(engine, candidate, part, reason, rungs).await,
        Err(MediaError::Gone(at)) => return moved(engine, candidate, part, &format!("{at} is gone"), rungs).await,
        Err(MediaError::Unusable(reason)) => return next_rung(engine, candidate, part, &reason, rungs).await,
    };
    part.digest = digest_of(&draft);
    let progress = part.progress();
    candidate.delivery.stage = Stage::InParts;
    candidate.delivery.parts = vec![part];
    let mut noter = Noter {
        ledger: engine.ledger.clone(),
        clock: engine.clock.clone(),
        delivery: &mut candidate.delivery,
        failure: None,
    };
    let outcome = destination.publish(&draft, progress, &mut noter, meter).await;
    if let Some(failure) = noter.failure {
        return Err(SyncError::Ledger(failure));
    }
    settle(engine, candidate, outcome, rungs).await
}

/// The part as the ledger has it, or a new one. A key is used again only where the server remembers it.
fn begun_part(
    engine: &Engine,
    destination: &dyn Destination,
    delivery: &Delivery,
    planned: &PartPlan,
    now: DateTime<Utc>,
) -> Part {
    let mut part = delivery.parts.first().cloned().unwrap_or_else(|| Part {
        state: PartState::Waiting {
            waiting: Waiting {
                reason: String::new(),
                not_before: now,
                times: 0,
            },
            progress: PublishProgress::default(),
        },
        key: IdempotencyKey::from_random(engine.entropy.key()),
        key_made: now,
        rung: 0,
        rung_reason: None,
        marker: planned.marker.clone(),
        posted_since: None,
        file_tries: 0,
        posts: 0,
        digest: String::new(),
    });
    let remembered = match destination.capabilities().idempotency {
        Idempotency::Replays { ttl } => TimeDelta::from_std(ttl).is_ok_and(|ttl| now - part.key_made < ttl),
        _ => false,
    };
    // Before the first request a key names nothing yet: a fresh one is remembered longest.
    if !remembered || part.posted_since.is_none() {
        part.key = IdempotencyKey::from_random(engine.entropy.key());
        part.key_made = now;
    }
    part.marker = planned.marker.clone();
    part
}

/// prepare: final text, and files that can be opened.
async fn prepare(
    engine: &Engine,
    delivery: &Delivery,
    planned: &PartPlan,
    part: &Part,
    limits: &Limits,
) -> Result<Draft, MediaError> {
    let mut media = Vec::new();
    if let Some(plan) = &planned.media {
        let rung = &plan.rungs[part.rung.min(plan.rungs.len() - 1)];
        // Unique to what is in it: another file, or another alternative text, is another upload.
        let content = digest(&format!("{} {}", rung.describe(), plan.alt));
        let name = |ending: &str| format!("tombolo-{}-1-1-{}.{ending}", delivery.key.digest(), &content[..8]);
        match rung {
            Rung::AsItIs(rendition) => {
                // A silent video with a thumbnail is refused (contract mastodon §0a.1).
                let mut thumbnail = None;
                if rendition.has_audio == Some(true)
                    && let Some(url) = &plan.thumbnail
                {
                    thumbnail = picture(&engine.net, url).await.ok();
                }
                let room = limits.media.video_bytes.saturating_sub(MULTIPART_FRAME);
                let file = rendition.bytes.unwrap_or(0);
                thumbnail = thumbnail.filter(|t| {
                    let bytes = t.bytes.len() as u64;
                    bytes < limits.media.image_bytes && file.saturating_add(bytes) < room
                });
                let body: Arc<dyn MediaBody> = Arc::new(RemoteFile {
                    net: engine.net.clone(),
                    url: rendition.url.clone(),
                    below: room,
                });
                media.push(MediaDraft {
                    file_name: name(extension(&rendition.media_type)),
                    media_type: rendition.media_type.clone(),
                    alt: Some(plan.alt.clone()),
                    focus: None,
                    thumbnail,
                    body,
                });
            }
            Rung::Thumbnail(url) => {
                let picture = picture(&engine.net, url).await?;
                if !limits.media.takes(&picture.media_type) || picture.bytes.len() as u64 >= limits.media.image_bytes {
                    return Err(MediaError::Unusable(
                        "the thumbnail is not a picture that the destination takes".into(),
                    ));
                }
                media.push(MediaDraft {
                    file_name: name(extension(&picture.media_type)),
                    media_type: picture.media_type,
                    alt: Some(plan.alt.clone()),
                    focus: None,
                    thumbnail: None,
                    body: Arc::new(MemoryFile(picture.bytes)),
                });
            }
            Rung::LinkOnly => {}
        }
    }
    Ok(Draft {
        text: planned.text.text.clone(),
        content_warning: planned.text.warning.clone(),
        sensitive: planned.sensitive,
        language: planned.language.clone(),
        visibility: planned.visibility,
        media,
        key: part.key.clone(),
        form: tombolo_model::Form::Status { reply_to: None },
    })
}

/// record: what the outcome means.
async fn settle(
    engine: &Engine,
    candidate: &mut Candidate,
    outcome: PublishOutcome,
    rungs: &[Rung],
) -> Result<Advance, SyncError> {
    let now = engine.clock.now();
    let Some(mut part) = candidate.delivery.parts.first().cloned() else {
        return Ok(Advance::Rest);
    };
    let waiting =
        |part: &Part, reason: String, until: DateTime<Utc>, progress: Option<PublishProgress>| PartState::Waiting {
            waiting: Waiting {
                reason,
                not_before: until,
                times: 0,
            },
            progress: progress.unwrap_or_else(|| part.progress()),
        };
    let advance = match outcome {
        PublishOutcome::Published(copy) | PublishOutcome::Created { copy, .. } => {
            part.state = PartState::Published {
                copy,
                more: Vec::new(),
                at: now,
            };
            Advance::Rest
        }
        // Once more sent and refused: perhaps because the first one took effect after all (contract mastodon §4.5).
        PublishOutcome::Rejected { reason } if part.posts > 1 => {
            part.state = PartState::Unknown(Unresolved {
                reason: format!("the destination refused to make it once more: {reason}"),
                refused: Some(clipped(&reason)),
                since: now,
                absent_since: None,
                next_look: now,
                progress: part.progress(),
            });
            Advance::Again
        }
        PublishOutcome::Rejected { reason } => {
            part.state = PartState::Failed {
                reason: clipped(&reason),
            };
            Advance::Rest
        }
        PublishOutcome::MediaRejected { reason, .. } => {
            return next_rung(engine, candidate, part, &reason, rungs).await;
        }
        PublishOutcome::MediaUnavailable {
            reason, moved: true, ..
        } => return moved(engine, candidate, part, &reason, rungs).await,
        PublishOutcome::MediaUnavailable {
            reason, moved: false, ..
        } => {
            return file_failed(engine, candidate, part, reason, rungs).await;
        }
        PublishOutcome::TryLater { reason } => return put_off(engine, candidate, part, reason).await,
        PublishOutcome::Throttled { until, reason } => {
            part.state = waiting(&part, reason.clone(), until, None);
            Advance::Blocked(until, reason)
        }
        PublishOutcome::InWork { until, progress } => {
            part.state = waiting(
                &part,
                "the destination is still processing the file".into(),
                until,
                Some(progress),
            );
            Advance::Rest
        }
        PublishOutcome::AuthLost { reason } => {
            // The account's state, not this part's: what the server has of it is kept.
            part.state = waiting(&part, "its account needs a new sign-in".into(), now, None);
            Advance::AuthLost(reason)
        }
        PublishOutcome::Unknown { reason } => {
            part.state = PartState::Unknown(Unresolved {
                reason: format!("it may have been published: {}", clipped(&reason)),
                refused: None,
                since: now,
                absent_since: None,
                next_look: now,
                progress: part.progress(),
            });
            Advance::Again
        }
        PublishOutcome::NotNoted(e) => {
            // The noter keeps the error itself; without one nothing was sent either.
            part.state = waiting(&part, e.to_string(), now + TimeDelta::minutes(1), None);
            Advance::Rest
        }
    };
    note_part(engine, candidate, part).await?;
    Ok(advance)
}

/// The destination refused this form of the medium: the next one is tried.
async fn next_rung(
    engine: &Engine,
    candidate: &mut Candidate,
    mut part: Part,
    reason: &str,
    rungs: &[Rung],
) -> Result<Advance, SyncError> {
    let now = engine.clock.now();
    let here = rungs.get(part.rung).map(Rung::describe).unwrap_or_default();
    let Some(next) = rungs.get(part.rung + 1) else {
        part.state = PartState::Failed {
            reason: clipped(&format!("{here}: {reason}")),
        };
        note_part(engine, candidate, part).await?;
        return Ok(Advance::Rest);
    };
    let why = format!("{}, because {here} was not possible: {reason}", next.describe());
    part.rung_reason = Some(clipped(&why));
    part.rung += 1;
    part.file_tries = 0;
    part.state = PartState::Waiting {
        waiting: Waiting {
            reason: clipped(reason),
            not_before: now,
            times: 0,
        },
        progress: PublishProgress::default(),
    };
    note_part(engine, candidate, part).await?;
    Ok(Advance::Again)
}

/// The file's address changed: the post is read again, a few times (contract peertube §6, "re-read the detail once").
async fn moved(
    engine: &Engine,
    candidate: &mut Candidate,
    part: Part,
    reason: &str,
    rungs: &[Rung],
) -> Result<Advance, SyncError> {
    candidate.moves += 1;
    if candidate.moves > MOVES {
        return file_failed(engine, candidate, part, reason.to_owned(), rungs).await;
    }
    note_part(engine, candidate, waiting_part(part, reason, engine.clock.now(), 0)).await?;
    Ok(Advance::Again)
}

/// A file failed on its way. After several tries a lesser form of it is taken.
async fn file_failed(
    engine: &Engine,
    candidate: &mut Candidate,
    mut part: Part,
    reason: String,
    rungs: &[Rung],
) -> Result<Advance, SyncError> {
    part.file_tries = part.file_tries.saturating_add(1);
    if part.file_tries >= TRIES_OF_A_FILE && part.rung + 1 < rungs.len() {
        let reason = format!("{reason} ({} tries)", part.file_tries);
        return next_rung(engine, candidate, part, &reason, rungs).await;
    }
    put_off(engine, candidate, part, reason).await
}

/// Something failed that may work later.
async fn put_off(engine: &Engine, candidate: &mut Candidate, part: Part, reason: String) -> Result<Advance, SyncError> {
    let times = candidate.tries + 1;
    let until = engine.clock.now() + TimeDelta::from_std(pause(times, engine.entropy.fraction())).unwrap_or_default();
    note_part(engine, candidate, waiting_part(part, &reason, until, times)).await?;
    Ok(Advance::Rest)
}

fn waiting_part(mut part: Part, reason: &str, until: DateTime<Utc>, times: u32) -> Part {
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

async fn note_part(engine: &Engine, candidate: &mut Candidate, part: Part) -> Result<(), SyncError> {
    candidate.tries = match &part.state {
        PartState::Waiting { waiting, .. } => waiting.times,
        _ => 0,
    };
    candidate.delivery.stage = Stage::InParts;
    candidate.delivery.parts = vec![part];
    note(engine, &candidate.delivery).await
}

async fn note(engine: &Engine, delivery: &Delivery) -> Result<(), SyncError> {
    let mut changes = Changes::new();
    changes.put_delivery(delivery);
    Ok(engine.ledger.commit(changes).await?)
}

async fn skip(
    engine: &Engine,
    candidate: &mut Candidate,
    reason: String,
    until_listed: bool,
) -> Result<Advance, SyncError> {
    candidate.delivery.parts.clear();
    candidate.delivery.stage = Stage::Skipped(Skip {
        reason: clipped(&reason),
        until_listed,
    });
    note(engine, &candidate.delivery).await?;
    Ok(Advance::Rest)
}

/// The source is still working on it: each run looks once.
async fn later(engine: &Engine, candidate: &mut Candidate, reason: String) -> Result<Advance, SyncError> {
    let now = engine.clock.now();
    wait(engine, candidate, &reason, now, 0).await?;
    Ok(Advance::RestForThisRun)
}

async fn source_failed(engine: &Engine, candidate: &mut Candidate, error: &SourceError) -> Result<Advance, SyncError> {
    let times = candidate.tries + 1;
    let pause = TimeDelta::from_std(pause(times, engine.entropy.fraction())).unwrap_or_default();
    let not_before = match error {
        SourceError::Throttled { until, .. } => (*until).max(engine.clock.now() + super::pass::MOMENT),
        _ => engine.clock.now() + pause,
    };
    wait(engine, candidate, &error.to_string(), not_before, times).await?;
    Ok(Advance::Rest)
}

/// Waits without a part, or with the part's own progress kept.
async fn wait(
    engine: &Engine,
    candidate: &mut Candidate,
    reason: &str,
    not_before: DateTime<Utc>,
    times: u32,
) -> Result<(), SyncError> {
    if let Some(part) = candidate.delivery.parts.first().cloned() {
        return note_part(engine, candidate, waiting_part(part, reason, not_before, times)).await;
    }
    candidate.tries = times;
    let mut waiting = Waiting {
        reason: clipped(reason),
        not_before,
        times,
    };
    // The same state again isn't written again.
    if let Stage::Waiting(before) = &candidate.delivery.stage
        && before.reason == waiting.reason
        && times == 0
    {
        waiting.not_before = before.not_before;
    }
    candidate.delivery.stage = Stage::Waiting(waiting);
    note(engine, &candidate.delivery).await
}

fn destination_failed(engine: &Engine, error: DestinationError) -> Advance {
    let soon = engine.clock.now() + super::pass::BREATHER;
    match error {
        DestinationError::AuthLost(reason) => Advance::AuthLost(reason),
        DestinationError::Throttled { what, until } => Advance::Blocked(until, what),
        other => Advance::Blocked(soon, other.to_string()),
    }
}

/// A dry run's line: the whole plan, as it would be sent.
fn shown(mut line: Line, parts: &[PartPlan], limits: &Limits) -> Line {
    let parts: Vec<_> = parts
        .iter()
        .map(|part| {
            let media = part.media.as_ref().map(|media| {
                json!({
                    "alt": media.alt,
                    "rungs": media.rungs.iter().map(Rung::describe).collect::<Vec<_>>(),
                    "passed_over": media.passed_over,
                })
            });
            json!({
                "text": part.text.text,
                "length": part.text.length,
                "max": limits.text.max,
                "content_warning": part.text.warning,
                "sensitive": part.sensitive,
                "language": part.language,
                "visibility": part.visibility,
                "media": media,
            })
        })
        .collect();
    line.state = StateName::Seen;
    line.reason = Some("dry run: nothing was sent".into());
    line.plan = Some(json!({ "parts": parts }));
    line
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

fn digest(text: &str) -> String {
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
    /// Why a note could not be written.
    failure: Option<StoreError>,
}

#[async_trait]
impl Checkpoint for Noter<'_> {
    async fn before(&mut self, step: Step, progress: &PublishProgress) -> Result<(), CheckpointError> {
        let now = self.clock.now();
        if let Some(part) = self.delivery.parts.first_mut() {
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
