//! One step of one delivery: the post is read again, selected, planned, and the first part that isn't done is published.

use chrono::{DateTime, TimeDelta, Utc};
use tombolo_model::{
    DeliveryKey, Destination, DestinationError, Fetched, Limits, Post, Readiness, Settling, Source, SourceError,
};

use super::echo::Echo;
use super::listing::pause;
use super::pass::{Advance, Candidate, Run};
use super::{Engine, Leg, Route, SyncError, clipped, echo, inspect, preview, publish, reconcile};
use crate::ledger::{Basis, Changes, Delivery, Part, PartState, Skip, Stage, Waiting};
use crate::transform::{PartPlan, Plan, Verdict, plan};

/// How often a post that needs its creator is looked at again by itself.
const HELD_PAUSE: TimeDelta = TimeDelta::minutes(30);
/// When a post that its list calls public, and that isn't, is looked at again; each time that changed nothing doubles it.
const LOOK_PAUSE: TimeDelta = TimeDelta::minutes(5);
/// After so many looks the pause is hours long.
pub(super) const LOOKS_UNTIL_RARELY: u32 = 6;
/// How often that pause is doubled: up to 21 hours.
const MOST_LOOK_DOUBLINGS: u32 = 8;
/// How often in a row it may not be told whether a post is a copy, before its creator is asked: some hours.
const PATIENCE_WITH_A_LINK: u32 = 12;
/// Most posts that one post may become: a record holds no more.
const MOST_PARTS: usize = 40;

/// A step's way to go on, or its end.
type Step<T> = Result<Result<T, Advance>, SyncError>;

/// Who carries what a route leaves out.
enum Other {
    /// Another leg of this run.
    Here(usize, usize),
    /// A route that isn't part of this run.
    Elsewhere,
    /// Nobody.
    Nobody,
}

/// Goes on with what a step has brought, or ends this one as that one ended.
macro_rules! brought {
    ($step:expr) => {
        match $step {
            Ok(value) => value,
            Err(advance) => return Ok(advance),
        }
    };
}

impl Run<'_> {
    /// Takes the next step with a candidate.
    pub(super) async fn advance(&mut self, candidate: &mut Candidate) -> Result<Advance, SyncError> {
        let engine = self.engine;
        let route = &self.routes[candidate.route];
        let leg = &route.to[candidate.leg];
        let (Some(reader), Some(receiver)) = (engine.sources.get(&route.from), engine.destinations.get(&leg.to)) else {
            return Ok(Advance::Rest);
        };
        let source = &reader.adapter;
        let destination = match &receiver.adapter {
            Ok(adapter) => adapter.as_ref(),
            Err(why) => return Ok(Advance::AuthLost(why.clone())),
        };
        let own = self.sources.get(&route.from) == Some(&candidate.delivery.source);
        brought!(self.recovered(destination, candidate, own).await?);
        let begun = candidate.delivery.parts.iter().any(|part| part.copy().is_some());
        if !begun && let Some(reason) = self.copies_on_their_way(&route.from, &candidate.delivery.key) {
            return later(engine, candidate, reason).await;
        }
        let post = brought!(read_again(engine, source.as_ref(), candidate, begun).await?);
        let mut notes = brought!(self.selected(candidate, &post, begun).await?);
        let limits = match destination.limits().await {
            Ok(limits) => limits,
            Err(e) => return Ok(destination_failed(engine, e)),
        };
        // The parts of one plan are planned by the same limits, whatever those are meanwhile.
        let limits = match &candidate.delivery.basis {
            Some(basis) if begun => basis.limits.clone(),
            _ => limits,
        };
        // What an instance fetches by itself needn't be seen from here.
        let imported = leg.settings.import && limits.video.is_some();
        let patient = candidate.tries < inspect::PATIENCE && !self.options.dry_run && !imported;
        let facts =
            match inspect::inspect(engine, destination, route, &candidate.delivery, &post, &limits, patient).await {
                Ok(facts) => facts,
                Err(reason) => return source_failed(engine, candidate, &SourceError::Transient(reason)).await,
            };
        let parts = match plan(&post, &facts, &limits, &leg.settings) {
            Plan::Skip(why) => return skip(engine, candidate, why, self.by_rules(candidate)).await,
            Plan::Parts(parts) if parts.len() > MOST_PARTS => {
                let why = format!("{} posts would come of it, and {MOST_PARTS} are the most", parts.len());
                return skip(engine, candidate, why, self.by_rules(candidate)).await;
            }
            Plan::Parts(parts) => parts,
        };
        notes.extend(parts.iter().flat_map(|part| part.notes.iter().cloned()));
        let notes = based(&mut candidate.delivery, &parts, &limits, notes, begun);
        if self.options.dry_run {
            let line = preview::shown(self.line(candidate), &post, &parts, &limits, &notes, &engine.workshop);
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

    /// What may exist already comes first: looked for where it isn't known, asked about where it is still in work.
    async fn recovered(&self, destination: &dyn Destination, candidate: &mut Candidate, own: bool) -> Step<()> {
        let engine = self.engine;
        // What settles holds up no further part; it is asked about when it is due.
        let parts = &candidate.delivery.parts;
        let (now, open) = (engine.clock.now(), parts.iter().any(|part| part.copy().is_none()));
        let is_due = |part: &Part| part.due().is_none_or(|due| due <= now);
        let settling = parts.iter().position(|part| is_settling(part) && is_due(part));
        let unresolved = candidate.delivery.is_unresolved();
        let settles_only = !open && parts.iter().any(is_settling);
        let settles_first = !parts.iter().any(|part| part.is_unresolved() && is_due(part));
        // A dry run asks a destination for nothing but its limits.
        if self.options.dry_run && (unresolved || settling.is_some() || settles_only) {
            return Ok(Err(Advance::RestForThisRun));
        }
        if let Some(place) = settling
            && settles_first
        {
            return Ok(Err(settled(engine, destination, candidate, place).await?));
        }
        if unresolved {
            return Ok(Err(
                match reconcile::reconcile(engine, destination, candidate).await? {
                    Advance::Again if !own => Advance::RestForThisRun,
                    advance => advance,
                },
            ));
        }
        if settles_only {
            return Ok(Err(Advance::Rest));
        }
        Ok(if own { Ok(()) } else { Err(Advance::RestForThisRun) })
    }

    /// select: what the route's rules say of it, and the rules of other routes to the same destination.
    async fn selected(&self, candidate: &mut Candidate, post: &Post, begun: bool) -> Step<Vec<String>> {
        let engine = self.engine;
        let rules = &self.routes[candidate.route].to[candidate.leg].settings.rules;
        let verdict = rules.verdict(post, engine.clock.now());
        if matches!(verdict, Verdict::Skip(_) | Verdict::NotPublic(_)) {
            match self.other_leg(candidate, post) {
                Other::Here(route, leg) => {
                    (candidate.route, candidate.leg) = (route, leg);
                    return Ok(Err(Advance::Again));
                }
                Other::Elsewhere => return Ok(Err(Advance::Elsewhere)),
                Other::Nobody => {}
            }
        }
        Ok(Err(match verdict {
            Verdict::Carry(notes) => return Ok(Ok(notes)),
            Verdict::NotPublic(why) => skip(engine, candidate, why, Lasting::UntilListed).await?,
            // What has begun is completed.
            _ if begun => return Ok(Ok(Vec::new())),
            Verdict::Skip(why) => skip(engine, candidate, why, self.by_rules(candidate)).await?,
            Verdict::Wait(until, why) => {
                wait(engine, candidate, &why, until, 0).await?;
                Advance::Rest
            }
            Verdict::Hold(why) => hold(engine, candidate, why).await?,
        }))
    }

    /// Which other route to the same destination carries the post.
    fn other_leg(&self, candidate: &Candidate, post: &Post) -> Other {
        let now = self.engine.clock.now();
        let here = &self.routes[candidate.route];
        let to = &here.to[candidate.leg].to;
        let carries = |leg: &Leg| {
            let verdict = leg.settings.rules.verdict(post, now);
            leg.to == *to && !matches!(verdict, Verdict::Skip(_) | Verdict::NotPublic(_))
        };
        let routes = self
            .routes
            .iter()
            .enumerate()
            .filter(|(_, route)| route.from == here.from);
        for (place, route) in routes {
            if let Some(leg) = route.to.iter().position(carries) {
                return Other::Here(place, leg);
            }
        }
        let from_here = |route: &&Route| route.from == here.from;
        let legs = self.engine.routes.iter().filter(from_here).flat_map(|route| &route.to);
        if legs.into_iter().any(carries) {
            Other::Elsewhere
        } else {
            Other::Nobody
        }
    }

    /// Left out until the rules are others.
    fn by_rules(&self, candidate: &Candidate) -> Lasting {
        let route = &self.routes[candidate.route];
        Lasting::ByRules(self.engine.fingerprint(&route.from, &route.to[candidate.leg].to))
    }

    /// Why posts of an account wait: what it receives may be among them, and isn't known yet (invariant 4).
    fn copies_on_their_way(&self, account: &str, own: &DeliveryKey) -> Option<String> {
        let title = self.own_destinations(account).iter().find_map(|id| {
            let mut others = self.unresolved.get(id)?.iter().filter(|(key, _)| *key != own);
            others.next().map(|(_, title)| title)
        })?;
        Some(format!(
            "its account may just have received a copy of {title:?}, which has to be found first"
        ))
    }
}

/// Reads the post as it is now: what isn't public, is a copy itself, or isn't finished goes no further.
async fn read_again(engine: &Engine, source: &dyn Source, candidate: &mut Candidate, begun: bool) -> Step<Post> {
    let gone = || "it was deleted at the source".to_owned();
    let post = match source.fetch(&candidate.delivery.key.post).await {
        Ok(Fetched::Post(post)) => post,
        Ok(Fetched::NotPublic(why)) => return Ok(Err(skip(engine, candidate, why, Lasting::UntilListed).await?)),
        Ok(Fetched::Gone) => return Ok(Err(skip(engine, candidate, gone(), Lasting::UntilListed).await?)),
        Err(e) => return Ok(Err(source_failed(engine, candidate, &e).await?)),
    };
    candidate.delivery.title = name_of(&post);
    candidate.delivery.link = Some(clipped(post.link.as_str()));
    candidate.delivery.published = post.published;
    if !begun {
        match echo::copied(engine, &candidate.delivery, &post).await? {
            Echo::Copy(why) => return Ok(Err(skip(engine, candidate, why, Lasting::Always).await?)),
            // For good, perhaps: then a person has to decide.
            Echo::CannotTell(why) if candidate.tries >= PATIENCE_WITH_A_LINK => {
                return Ok(Err(hold(engine, candidate, why).await?));
            }
            Echo::CannotTell(why) => return Ok(Err(put_off(engine, candidate, &why).await?)),
            Echo::Original => {}
        }
    }
    Ok(match &post.readiness {
        Readiness::Ready => Ok(*post),
        Readiness::InWork(what) | Readiness::Paused(what) => Err(later(engine, candidate, what.clone()).await?),
        // The creator may repair it at the source.
        Readiness::Failed(what) => {
            let reason = format!("{what}; it is carried once that is repaired");
            Err(later(engine, candidate, reason).await?)
        }
    })
}

/// Keeps what a plan of several parts was made from, and notes where that is another now.
fn based(
    delivery: &mut Delivery,
    parts: &[PartPlan],
    limits: &Limits,
    mut notes: Vec<String>,
    begun: bool,
) -> Vec<String> {
    let digest = publish::digest(&format!("{:?}", parts.iter().map(shape).collect::<Vec<_>>()));
    match &delivery.basis {
        Some(basis) if begun && basis.digest != digest => notes.push(
            "the post or the route's settings changed while its parts were on their way: they may overlap or leave \
             something out"
                .into(),
        ),
        None if parts.len() > 1 => {
            delivery.basis = Some(Basis {
                limits: limits.clone(),
                digest,
            });
        }
        Some(_) if !begun => {
            delivery.basis = (parts.len() > 1).then(|| Basis {
                limits: limits.clone(),
                digest,
            });
        }
        _ => {}
    }
    notes
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
    let PartState::Settling { copy, more, waiting } = &part.state else {
        return Ok(Advance::Rest);
    };
    let (copy, more, times) = (copy.clone(), more.clone(), waiting.times);
    let again = |until: DateTime<Utc>, reason: String, times: u32| PartState::Settling {
        copy: copy.clone(),
        more: more.clone(),
        waiting: Waiting {
            reason: clipped(&reason),
            not_before: until,
            times,
        },
    };
    let (state, advance) = match destination.settled(&copy).await {
        Ok(Settling::Done(copy)) => {
            part.remake = false;
            let done = PartState::Published {
                copy,
                more: more.clone(),
                at: now,
            };
            (done, Advance::Again)
        }
        Ok(Settling::InWork { until, what }) => {
            part.remake = false;
            (again(until, what, 0), Advance::Rest)
        }
        // It was deleted, and its creator has asked for it again since.
        Ok(Settling::Gone { .. }) if part.remake => {
            part.state = PartState::Failed {
                reason: String::new(),
                copy: None,
            };
            part.set_free(now);
            (part.state.clone(), Advance::Again)
        }
        Ok(Settling::Gone { reason }) => (
            PartState::Failed {
                reason: clipped(&reason),
                copy: None,
            },
            Advance::Rest,
        ),
        Ok(Settling::Failed { reason }) => (
            PartState::Failed {
                reason: clipped(&reason),
                copy: Some(copy.clone()),
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

/// What makes two plans of a post one and the same: which words and which media each part has.
fn shape(part: &PartPlan) -> (&str, Vec<Option<&str>>) {
    (
        &part.text.text,
        part.media.iter().map(|media| media.alt.as_deref()).collect(),
    )
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
                    copy: None,
                };
            }
        }
        candidate.delivery.stage = Stage::InParts;
        note(engine, &candidate.delivery).await?;
        return Ok(Advance::Rest);
    }
    candidate.delivery.parts.clear();
    let (until_listed, rules) = match lasting {
        Lasting::Always => (false, None),
        Lasting::UntilListed => (true, None),
        Lasting::ByRules(print) => (false, Some(print)),
    };
    let mut skip = Skip {
        reason: clipped(&reason),
        until_listed,
        rules,
        looks: 0,
        next_look: None,
    };
    let before = engine
        .ledger
        .delivery(&candidate.delivery.key)?
        .map(|known| known.stage);
    let known = match before {
        Some(Stage::Skipped(before)) if until_listed && before.until_listed => {
            let pause = LOOK_PAUSE * 2_i32.pow(before.looks.min(MOST_LOOK_DOUBLINGS));
            skip.looks = before.looks.saturating_add(1);
            skip.next_look = Some(engine.clock.now() + pause);
            before.reason == skip.reason
        }
        _ => false,
    };
    candidate.delivery.stage = Stage::Skipped(skip);
    note(engine, &candidate.delivery).await?;
    Ok(if known { Advance::AsBefore } else { Advance::Rest })
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

/// Something that may work later failed.
async fn put_off(engine: &Engine, candidate: &mut Candidate, reason: &str) -> Result<Advance, SyncError> {
    let times = candidate.tries + 1;
    let pause = TimeDelta::from_std(pause(times, engine.entropy.fraction())).unwrap_or_default();
    wait(engine, candidate, reason, engine.clock.now() + pause, times).await?;
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
