//! One step of one delivery: the post is read again, selected, planned, and the first part that isn't done is published.

use chrono::{DateTime, TimeDelta, Utc};
use tombolo_model::{Destination, DestinationError, Fetched, Post, Readiness, Settling, SourceError};

use super::listing::pause;
use super::pass::{Advance, Candidate, Run};
use super::{Engine, SyncError, clipped, echo, inspect, preview, publish, reconcile};
use crate::ledger::{Changes, Delivery, Part, PartState, Skip, Stage, Waiting};
use crate::transform::{Plan, Verdict, plan};

/// How often a post that needs its creator is looked at again by itself.
const HELD_PAUSE: TimeDelta = TimeDelta::minutes(30);

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
        if let Some(place) = candidate.delivery.parts.iter().position(is_settling) {
            return settled(engine, destination, candidate, place).await;
        }
        if !own {
            return Ok(Advance::RestForThisRun);
        }
        let begun = candidate.delivery.parts.iter().any(|part| part.copy().is_some());
        if !begun && let Some(reason) = self.copies_on_their_way(&route.from)? {
            return later(engine, candidate, reason).await;
        }
        let post = match source.fetch(&candidate.delivery.key.post).await {
            Ok(Fetched::Post(post)) => post,
            Ok(Fetched::NotPublic(why)) => return skip(engine, candidate, why, Lasting::UntilListed).await,
            Ok(Fetched::Gone) => {
                return skip(
                    engine,
                    candidate,
                    "it was deleted at the source".into(),
                    Lasting::UntilListed,
                )
                .await;
            }
            Err(e) => return source_failed(engine, candidate, &e).await,
        };
        candidate.delivery.title = name_of(&post);
        candidate.delivery.link = Some(clipped(post.link.as_str()));
        candidate.delivery.published = post.published;
        if !begun && let Some(why) = echo::copied(engine, self.routes, &candidate.delivery, &post).await? {
            return skip(engine, candidate, why, Lasting::Always).await;
        }
        match &post.readiness {
            Readiness::Ready => {}
            Readiness::InWork(what) | Readiness::Paused(what) => return later(engine, candidate, what.clone()).await,
            // The creator may repair it at the source.
            Readiness::Failed(what) => {
                let reason = format!("{what}; it is carried once that is repaired");
                return later(engine, candidate, reason).await;
            }
        }
        let rules = &leg.settings.rules;
        let notes = match rules.verdict(&post, engine.clock.now()) {
            Verdict::Carry(notes) => notes,
            Verdict::NotPublic(why) => return skip(engine, candidate, why, Lasting::UntilListed).await,
            // What has begun is completed.
            _ if begun => Vec::new(),
            Verdict::Skip(why) => return skip(engine, candidate, why, Lasting::ByRules(rules.fingerprint())).await,
            Verdict::Wait(until, why) => {
                wait(engine, candidate, &why, until, 0).await?;
                return Ok(Advance::Rest);
            }
            Verdict::Hold(why) => return hold(engine, candidate, why).await,
        };
        let limits = match destination.limits().await {
            Ok(limits) => limits,
            Err(e) => return Ok(destination_failed(engine, e)),
        };
        let facts = inspect::inspect(engine, destination, route, &candidate.delivery, &post, &limits).await;
        let parts = match plan(&post, &facts, &limits, &leg.settings) {
            Plan::Skip(why) => return skip(engine, candidate, why, Lasting::Always).await,
            Plan::Parts(parts) => parts,
        };
        if self.options.dry_run {
            let line = preview::shown(self.line(candidate), &parts, &limits, &notes);
            return Ok(Advance::Shown(Box::new(line)));
        }
        let meter = self.observer.progress(
            candidate
                .delivery
                .title
                .as_deref()
                .unwrap_or(candidate.delivery.key.post.as_str()),
        );
        let order = publish::Order {
            engine,
            destination,
            post: &post,
            parts: &parts,
            limits: &limits,
            notes: &notes,
            meter: &meter,
        };
        order.publish(candidate).await
    }

    /// Why posts of an account wait: what it receives may be among them, and isn't known yet (invariant 4).
    fn copies_on_their_way(&self, account: &str) -> Result<Option<String>, SyncError> {
        let engine = self.engine;
        for id in self.own_destinations(account) {
            for delivery in engine.ledger.open_deliveries_to(&id)? {
                if delivery.is_unresolved() {
                    let what = delivery.title.unwrap_or_else(|| delivery.key.post.to_string());
                    return Ok(Some(format!(
                        "its account may just have received a copy of {what:?}, which has to be found first"
                    )));
                }
            }
        }
        Ok(None)
    }
}

/// Asks how far the destination is with a copy.
async fn settled(
    engine: &Engine,
    destination: &dyn Destination,
    candidate: &mut Candidate,
    place: usize,
) -> Result<Advance, SyncError> {
    let now = engine.clock.now();
    let part = &mut candidate.delivery.parts[place];
    let PartState::Settling { copy, waiting } = &part.state else {
        return Ok(Advance::Rest);
    };
    let (copy, times) = (copy.clone(), waiting.times);
    let again = |until: DateTime<Utc>, reason: String, times: u32| PartState::Settling {
        copy: copy.clone(),
        waiting: Waiting {
            reason: clipped(&reason),
            not_before: until,
            times,
        },
    };
    let (state, advance) = match destination.settled(&copy).await {
        Ok(Settling::Done(copy)) => {
            let done = PartState::Published {
                copy,
                more: Vec::new(),
                at: now,
            };
            (done, Advance::Again)
        }
        Ok(Settling::InWork { until, what }) => (again(until, what, 0), Advance::Rest),
        Ok(Settling::Failed { reason }) => (
            PartState::Failed {
                reason: clipped(&reason),
            },
            Advance::Rest,
        ),
        Err(DestinationError::AuthLost(reason)) => return Ok(Advance::AuthLost(reason)),
        Err(DestinationError::Throttled { what, until }) => return Ok(Advance::Blocked(until, what)),
        Err(e) => {
            let pause = TimeDelta::from_std(pause(times + 1, engine.entropy.fraction())).unwrap_or_default();
            (again(now + pause, e.to_string(), times + 1), Advance::Rest)
        }
    };
    part.state = state;
    note(engine, &candidate.delivery).await?;
    let more = candidate.delivery.due().is_some();
    Ok(match advance {
        Advance::Again if !more => Advance::Rest,
        advance => advance,
    })
}

fn is_settling(part: &Part) -> bool {
    matches!(part.state, PartState::Settling { .. })
}

/// What a post is called in messages: its title, or how its text begins.
fn name_of(post: &Post) -> Option<String> {
    let words = crate::transform::words::words(post);
    let begin = || {
        words
            .body
            .lines()
            .map(str::trim)
            .find(|line| !line.is_empty())
            .map(str::to_owned)
    };
    words.title.clone().or_else(begin).map(|name| {
        let short: String = name.chars().take(80).collect();
        if short.len() < name.len() {
            format!("{short}…")
        } else {
            short
        }
    })
}

pub(super) async fn note(engine: &Engine, delivery: &Delivery) -> Result<(), SyncError> {
    let mut changes = Changes::new();
    changes.put_delivery(delivery);
    Ok(engine.ledger.commit(changes).await?)
}

/// Until when a post is left out.
pub(super) enum Lasting {
    /// Until it is asked for.
    Always,
    /// Until the source lists it again.
    UntilListed,
    /// Until it is asked for under other rules than these.
    ByRules(String),
}

pub(super) async fn skip(
    engine: &Engine,
    candidate: &mut Candidate,
    reason: String,
    lasting: Lasting,
) -> Result<Advance, SyncError> {
    // What exists of it stays known.
    if candidate.delivery.parts.iter().any(|part| part.copy().is_some()) {
        for part in &mut candidate.delivery.parts {
            if part.copy().is_none() {
                part.state = PartState::Failed {
                    reason: clipped(&reason),
                };
            }
        }
        note(engine, &candidate.delivery).await?;
        return Ok(Advance::Rest);
    }
    candidate.delivery.parts.clear();
    let (until_listed, rules) = match lasting {
        Lasting::Always => (false, None),
        Lasting::UntilListed => (true, None),
        Lasting::ByRules(print) => (false, Some(print)),
    };
    candidate.delivery.stage = Stage::Skipped(Skip {
        reason: clipped(&reason),
        until_listed,
        rules,
    });
    note(engine, &candidate.delivery).await?;
    Ok(Advance::Rest)
}

/// The creator has to do something first; it is looked at again now and then.
pub(super) async fn hold(engine: &Engine, candidate: &mut Candidate, reason: String) -> Result<Advance, SyncError> {
    candidate.delivery.stage = Stage::Held {
        reason: clipped(&reason),
        look_again: Some(engine.clock.now() + HELD_PAUSE),
    };
    note(engine, &candidate.delivery).await?;
    Ok(Advance::RestForThisRun)
}

/// The source is still working on it: each run looks once.
pub(super) async fn later(engine: &Engine, candidate: &mut Candidate, reason: String) -> Result<Advance, SyncError> {
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
pub(super) async fn wait(
    engine: &Engine,
    candidate: &mut Candidate,
    reason: &str,
    not_before: DateTime<Utc>,
    times: u32,
) -> Result<(), SyncError> {
    if let Some(place) = candidate.delivery.parts.iter().position(|part| part.copy().is_none()) {
        let part = publish::waiting_part(candidate.delivery.parts[place].clone(), reason, not_before, times);
        return publish::note_part(engine, candidate, place, part).await;
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
        && before.not_before <= not_before
        && not_before <= engine.clock.now()
    {
        waiting.not_before = before.not_before;
    }
    candidate.delivery.stage = Stage::Waiting(waiting);
    note(engine, &candidate.delivery).await
}

pub(super) fn destination_failed(engine: &Engine, error: DestinationError) -> Advance {
    let soon = engine.clock.now() + super::pass::BREATHER;
    match error {
        DestinationError::AuthLost(reason) => Advance::AuthLost(reason),
        DestinationError::Throttled { what, until } => Advance::Blocked(until, what),
        other => Advance::Blocked(soon, other.to_string()),
    }
}
