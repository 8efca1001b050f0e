//! The pass itself: who the destinations are, what the sources list, what is due, and in which order.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use tombolo_model::{DeliveryKey, DestinationError, DestinationId, Origin, Platform, SourceError, SourceId};
use url::Url;

use super::listing::{self, Target};
use super::{Engine, Line, Observer, Receiver, Route, RunOptions, Summary, SyncError, Trouble, TroubleKind};
use crate::assemble::remedy;
use crate::ledger::{Delivery, StateName};

/// How long an account's identity is believed without asking. It is asked anyway before anything is published.
const IDENTITY_AGE: Duration = Duration::from_secs(30 * 86_400);
/// How long an instance that failed is left alone.
pub(super) const BREATHER: TimeDelta = TimeDelta::seconds(30);
/// Shortest wait for a server that asks for one.
pub(super) const MOMENT: TimeDelta = TimeDelta::seconds(5);

/// A delivery that this run works on.
pub(super) struct Candidate {
    pub(super) delivery: Delivery,
    pub(super) route: usize,
    pub(super) leg: usize,
    /// How often the file's address changed under our hands in this run.
    pub(super) moves: u32,
    /// How often it was put off in a row. Kept here across the notes that are made before each step.
    pub(super) tries: u32,
    /// Whether nothing more can be done for it in this run.
    done: bool,
    /// Whether a dry run has shown it.
    shown: bool,
}

/// What a run knows of a destination.
#[derive(Clone, Debug)]
enum Standing {
    /// Its identity is from the cache.
    Known,
    /// It was asked in this run.
    Verified,
    /// Not before then.
    Blocked(DateTime<Utc>, String),
    /// Not in this run.
    Lost,
}

/// What a step made of a candidate.
pub(super) enum Advance {
    /// It rests, in whatever state it is in now, until it is due.
    Rest,
    /// It rests, and nothing more can be done for it in this run.
    RestForThisRun,
    /// Go on with it at once.
    Again,
    /// A route that isn't part of this run carries it.
    Elsewhere,
    /// It was looked at again and stands as it stood: that has been said.
    AsBefore,
    /// Its destination can't take anything before then.
    Blocked(DateTime<Utc>, String),
    /// Its destination has lost its token.
    AuthLost(String),
    /// A dry run has shown what would be sent.
    Shown(Box<Line>),
}

/// One pass.
pub(super) struct Run<'a> {
    pub(super) engine: &'a Engine,
    pub(super) routes: &'a [Route],
    pub(super) options: &'a RunOptions,
    pub(super) observer: &'a dyn Observer,
    summary: Summary,
    ids: HashMap<String, DestinationId>,
    standing: HashMap<DestinationId, Standing>,
    /// Which accounts' servers, asked whose token it is, want to be left alone until then, and why.
    asked_to_wait: HashMap<String, (DateTime<Utc>, String)>,
    /// Accounts to which nothing can be published before somebody signs in.
    signed_out: HashSet<String>,
    pub(super) sources: HashMap<String, SourceId>,
    /// What may exist at destinations without being known, with their titles.
    pub(super) unresolved: HashMap<DestinationId, BTreeMap<DeliveryKey, String>>,
    /// What this run has begun to publish, and of that what is old.
    begun: (HashSet<DeliveryKey>, HashSet<DeliveryKey>),
}

impl<'a> Run<'a> {
    /// Nothing done yet.
    pub(super) fn new(
        engine: &'a Engine,
        routes: &'a [Route],
        options: &'a RunOptions,
        observer: &'a dyn Observer,
    ) -> Self {
        Self {
            engine,
            routes,
            options,
            observer,
            summary: Summary::default(),
            ids: HashMap::new(),
            standing: HashMap::new(),
            asked_to_wait: HashMap::new(),
            signed_out: HashSet::new(),
            sources: HashMap::new(),
            unresolved: HashMap::new(),
            begun: (HashSet::new(), HashSet::new()),
        }
    }

    /// Makes the pass.
    pub(super) async fn finish(mut self) -> Result<Summary, SyncError> {
        self.meet_destinations().await?;
        self.ids.iter().for_each(|(name, id)| self.remember_name(id, name));
        for delivery in self.engine.ledger.all_deliveries()? {
            self.note_doubt(&delivery);
        }
        let opened = self.read_sources().await?;
        self.sources.iter().for_each(|(name, id)| self.remember_name(id, name));
        let candidates = self.candidates(&opened)?;
        self.work(candidates).await?;
        if !self.summary.interrupted {
            self.remember_troubles();
        }
        Ok(self.summary)
    }

    /// Keeps what the configuration calls an account, for people who ask without a run.
    fn remember_name(&self, account: &impl std::fmt::Display, name: &str) {
        self.remember(&name_entry(account), &serde_json::json!(name));
    }

    /// Keeps what is wrong with the accounts of this run, or that nothing is.
    fn remember_troubles(&self) {
        let accounts: HashSet<&str> = self
            .routes
            .iter()
            .flat_map(|route| route.to.iter().map(|leg| leg.to.as_str()).chain([route.from.as_str()]))
            .collect();
        for account in accounts {
            let all = self.summary.troubles.iter();
            let own: Vec<&Trouble> = all.filter(|trouble| trouble.account == account).collect();
            self.remember(&troubles_entry(account), &serde_json::json!(own));
        }
    }

    fn remember(&self, entry: &str, value: &serde_json::Value) {
        let now = self.engine.clock.now();
        if self.engine.cache.get(entry, IDENTITY_AGE, now).as_ref() != Some(value) {
            self.engine.cache.put(entry, value, now);
        }
    }

    /// Keeps whether a delivery may have a copy that isn't known.
    fn note_doubt(&mut self, delivery: &Delivery) {
        let key = &delivery.key;
        if delivery.is_unresolved() {
            let title = delivery.title.clone().unwrap_or_else(|| key.post.to_string());
            self.unresolved
                .entry(key.to.clone())
                .or_default()
                .insert(key.clone(), title);
        } else if let Some(there) = self.unresolved.get_mut(&key.to) {
            there.remove(key);
        }
    }

    fn trouble(&mut self, account: &str, kind: TroubleKind, message: String) {
        let trouble = Trouble {
            account: account.to_owned(),
            kind,
            message,
        };
        if !self.summary.troubles.contains(&trouble) {
            self.observer.trouble(&trouble);
            self.summary.troubles.push(trouble);
        }
    }

    /// Learns who the destinations are: from the cache, or by asking.
    async fn meet_destinations(&mut self) -> Result<(), SyncError> {
        let routes = self.routes;
        let names: HashSet<&str> = routes.iter().flat_map(|r| &r.to).map(|leg| leg.to.as_str()).collect();
        let mut names: Vec<&str> = names.into_iter().collect();
        names.sort_unstable();
        for name in names {
            let Some(receiver) = self.engine.destinations.get(name) else {
                continue;
            };
            let cached = self
                .engine
                .cache
                .get(&identity_name(receiver), IDENTITY_AGE, self.engine.clock.now());
            if let Some(account) = cached.as_ref().and_then(|v| v.as_str()) {
                let id = destination_id(receiver, account.to_owned());
                self.standing.insert(id.clone(), Standing::Known);
                self.ids.insert(name.to_owned(), id);
            } else if let Some(id) = self.verify(name).await? {
                self.standing.insert(id.clone(), Standing::Verified);
                self.ids.insert(name.to_owned(), id);
            }
        }
        Ok(())
    }

    /// Asks a destination whose token it is. `None`: nothing can be published there now, and the account's trouble is noted.
    async fn verify(&mut self, name: &str) -> Result<Option<DestinationId>, SyncError> {
        let Some(receiver) = self.engine.destinations.get(name) else {
            return Ok(None);
        };
        let adapter = match &receiver.adapter {
            Ok(adapter) => adapter,
            Err(why) => {
                self.signed_out.insert(name.to_owned());
                self.trouble(name, TroubleKind::SignInNeeded, why.clone());
                return Ok(None);
            }
        };
        match adapter.identity().await {
            Ok(identity) if identity.username.eq_ignore_ascii_case(&receiver.username) => {
                for warning in &identity.warnings {
                    self.observer.note(name, warning);
                }
                let id = destination_id(receiver, identity.account.clone());
                let value = serde_json::Value::String(identity.account);
                self.engine
                    .cache
                    .put(&identity_name(receiver), &value, self.engine.clock.now());
                Ok(Some(id))
            }
            Ok(identity) => {
                let message = format!(
                    "the token of account {name:?} belongs to {} on {}, not to {}: nothing was sent. Use a token of {}, or set handle = {:?}",
                    identity.username, receiver.instance, receiver.username, receiver.username, identity.username
                );
                self.signed_out.insert(name.to_owned());
                self.trouble(name, TroubleKind::SignInNeeded, message);
                Ok(None)
            }
            Err(e) => {
                match &e {
                    DestinationError::Throttled { what, until } => {
                        self.asked_to_wait.insert(name.to_owned(), (*until, what.clone()));
                    }
                    _ => {
                        self.asked_to_wait.remove(name);
                    }
                }
                let (kind, message) = destination_trouble(name, receiver.platform, &receiver.instance, &e);
                if kind == TroubleKind::SignInNeeded {
                    self.signed_out.insert(name.to_owned());
                }
                self.trouble(name, kind, message);
                Ok(None)
            }
        }
    }

    async fn read_sources(&mut self) -> Result<Vec<Delivery>, SyncError> {
        let routes = self.routes;
        let mut names: Vec<&str> = routes.iter().map(|r| r.from.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        let mut opened = Vec::new();
        for name in names {
            let Some(reader) = self.engine.sources.get(name) else {
                continue;
            };
            let source = &reader.adapter;
            self.summary.sources.0 += 1;
            let targets: Vec<Target> = routes
                .iter()
                .filter(|r| r.from == name)
                .flat_map(|r| r.to.iter().map(move |leg| (r, leg)))
                .filter_map(|(route, leg)| {
                    let id = self.ids.get(&leg.to)?.clone();
                    Some(Target {
                        route: route.name.clone(),
                        to: leg.to.clone(),
                        id,
                        since: self.engine.since(name, &leg.to),
                        rules: self.engine.fingerprint(name, &leg.to),
                        unlisted: self
                            .engine
                            .legs(name, &leg.to)
                            .any(|leg| leg.settings.rules.include_unlisted),
                    })
                })
                .collect();
            let mut memory = self.engine.memory.lock().await;
            let now = self.engine.clock.now();
            let read = listing::read(
                &self.engine.ledger,
                &mut memory,
                (name, source.as_ref()),
                &targets,
                self.options.since,
                now,
                self.observer,
            );
            match read.await {
                Ok(reading) => {
                    drop(memory);
                    self.summary.sources.1 += 1;
                    self.summary.left_alone += reading.left_alone;
                    self.summary
                        .readers
                        .extend(reading.reader.map(|reader| (name.to_owned(), reader)));
                    self.sources.insert(name.to_owned(), reading.id);
                    opened.extend(reading.opened);
                }
                Err(e) => {
                    drop(memory);
                    let error = e.split()?;
                    let (kind, message) = source_trouble(name, &error);
                    self.trouble(name, kind, message);
                    // What is on its way already goes on where the source can still be asked for single posts.
                    if let Ok(id) = source.id().await {
                        self.sources.insert(name.to_owned(), id);
                    }
                }
            }
        }
        Ok(opened)
    }

    /// What there is to do: unresolved deliveries first, then the oldest post first.
    fn candidates(&mut self, opened: &[Delivery]) -> Result<Vec<Candidate>, SyncError> {
        let routes = self.routes;
        let mut candidates = Vec::new();
        let mut taken = HashSet::new();
        // What may have been published is looked up by any route to its destination, but goes on only by its own.
        for own in [true, false] {
            for (route_place, route) in routes.iter().enumerate() {
                let Some(source) = self.sources.get(&route.from) else {
                    continue;
                };
                for (leg_place, leg) in route.to.iter().enumerate() {
                    let Some(id) = self.ids.get(&leg.to) else { continue };
                    let open = self.engine.ledger.open_deliveries_to(id)?.into_iter();
                    let fresh = opened.iter().filter(|d| d.key.to == *id).cloned();
                    let fitting = |d: &Delivery| if own { d.source == *source } else { d.is_unresolved() };
                    for delivery in open.chain(fresh).filter(fitting) {
                        if taken.insert(delivery.key.clone()) {
                            let tries = delivery.times_put_off();
                            candidates.push(Candidate {
                                delivery,
                                route: route_place,
                                leg: leg_place,
                                moves: 0,
                                tries,
                                done: false,
                                shown: false,
                            });
                        }
                    }
                }
            }
        }
        candidates.sort_by(|a, b| {
            let order = |c: &Candidate| {
                let date = c.delivery.published;
                (!c.delivery.is_unresolved(), date.is_none(), date)
            };
            order(a)
                .cmp(&order(b))
                .then_with(|| a.delivery.key.cmp(&b.delivery.key))
        });
        Ok(candidates)
    }

    /// Works on what is due, waits for what will be due soon, and reports each delivery when it rests.
    async fn work(&mut self, mut candidates: Vec<Candidate>) -> Result<(), SyncError> {
        let mut waited = Duration::ZERO;
        while !candidates.is_empty() {
            if self.engine.is_stopping() {
                self.summary.interrupted = true;
                break;
            }
            let now = self.engine.clock.now();
            let (place, due) = self.first_due(&candidates, now);
            if due > now {
                let pause = (due - now).to_std().unwrap_or_default();
                if waited + pause > self.options.wait {
                    break;
                }
                tracing::debug!(?pause, "waiting for what will be due soon");
                waited += pause;
                self.sleep(pause).await;
                continue;
            }
            let mut candidate = candidates.remove(place);
            if self.is_lost(&candidate) {
                self.report_resting(&candidate, Some("its account needs a new sign-in".into()));
            } else if let Some(reason) = self.over_limit(&candidate) {
                self.report_resting(&candidate, Some(reason));
            } else {
                let before = candidate.delivery.clone();
                self.advance_until_rest(&mut candidate).await?;
                self.note_doubt(&candidate.delivery);
                // What stands as it stood and is due all the same would be due for ever.
                candidate.done |= candidate.delivery == before && self.due(&candidate, now) <= now;
                if candidate.delivery.due().is_none() {
                    self.engine.workshop.forget(&candidate.delivery.key.digest());
                }
                match candidate.delivery.due() {
                    Some(_) if !candidate.done => candidates.push(candidate),
                    _ if candidate.shown => {}
                    _ => self.report_resting(&candidate, None),
                }
            }
        }
        for candidate in candidates {
            if !self.is_lost(&candidate) {
                let due = self.due(&candidate, self.engine.clock.now());
                self.summary.next_due = Some(self.summary.next_due.map_or(due, |next| next.min(due)));
            }
            self.report_resting(&candidate, self.blocked_reason(&candidate));
        }
        Ok(())
    }

    async fn sleep(&self, pause: Duration) {
        // In slices, so that the end of the run is noticed.
        let mut left = pause + Duration::from_millis(10);
        while !left.is_zero() && !self.engine.is_stopping() {
            let slice = left.min(Duration::from_millis(500));
            self.engine.clock.sleep(slice).await;
            left -= slice;
        }
    }

    /// The candidate to work on next, and when it is due.
    fn first_due(&self, candidates: &[Candidate], now: DateTime<Utc>) -> (usize, DateTime<Utc>) {
        let dues = candidates.iter().map(|c| self.due(c, now)).enumerate();
        // What is due already keeps its order.
        dues.map(|(place, due)| (place, due.max(now)))
            .min_by_key(|(place, due)| (*due, *place))
            .unwrap_or((0, now))
    }

    fn due(&self, candidate: &Candidate, now: DateTime<Utc>) -> DateTime<Utc> {
        let own = candidate.delivery.due().unwrap_or(now);
        match self.standing.get(&candidate.delivery.key.to) {
            Some(Standing::Blocked(until, _)) => own.max(*until),
            // Nothing is waited for.
            Some(Standing::Lost) => now,
            _ => own,
        }
    }

    fn is_lost(&self, candidate: &Candidate) -> bool {
        matches!(self.standing.get(&candidate.delivery.key.to), Some(Standing::Lost))
    }

    /// Why this run doesn't begin another post. What may exist already is always looked up.
    fn over_limit(&self, candidate: &Candidate) -> Option<String> {
        let (all, old) = &self.begun;
        if candidate.delivery.is_unresolved() || all.contains(&candidate.delivery.key) {
            return None;
        }
        // What this run alone has opened is forgotten with it.
        let go_on = if self.options.since.is_some() {
            "the same command again goes on with it"
        } else {
            "the next run goes on with it"
        };
        match self.options.limit {
            Some(limit) => (all.len() >= limit).then(|| format!("the limit of this run ({limit}) is reached; {go_on}")),
            None => {
                let most = self.routes[candidate.route].to[candidate.leg].backfill_per_run;
                (candidate.delivery.backfill && old.len() >= most)
                    .then(|| format!("old posts go out {most} a run; {go_on}, or give --limit"))
            }
        }
    }

    fn blocked_reason(&self, candidate: &Candidate) -> Option<String> {
        match self.standing.get(&candidate.delivery.key.to) {
            Some(Standing::Blocked(until, why)) => {
                Some(format!("{why} (until {})", until.format("%Y-%m-%d %H:%M:%S UTC")))
            }
            _ => None,
        }
    }

    /// The destinations at the instance that an account is read from, if they may be that account: what they receive may turn
    /// up among its posts.
    pub(super) fn own_destinations(&self, account: &str) -> Vec<DestinationId> {
        let Some(source) = self.sources.get(account) else {
            return Vec::new();
        };
        let origin = source.0.origin();
        let reader = self.engine.routes.iter().find(|route| route.from == account);
        // A PeerTube account's handle reads all its channels together, a channel's reads itself only (contract peertube §1).
        let is_channel = source.0.as_str().contains("/video-channels/");
        let is_another = |id: &DestinationId| {
            let names = self.ids.iter().filter(|(_, known)| *known == id).map(|(name, _)| name);
            let mut users = names
                .filter_map(|name| self.engine.destinations.get(name))
                .map(|to| &to.username);
            let has_one_name = id.platform != Platform::PeerTube || is_channel;
            has_one_name && users.any(|user| reader.is_some_and(|route| !route.is_by(user)))
        };
        let mut ids: Vec<DestinationId> = self.ids.values().chain(self.unresolved.keys()).cloned().collect();
        ids.retain(|id| id.origin == origin && !is_another(id));
        ids.sort_by_key(ToString::to_string);
        ids.dedup();
        ids
    }

    pub(super) fn line(&self, candidate: &Candidate) -> Line {
        let route = &self.routes[candidate.route];
        Line::of(
            &candidate.delivery,
            &route.name,
            (&route.from, &route.to[candidate.leg].to),
            self.engine.clock.now(),
        )
    }

    /// Reports a delivery as it rests; what wasn't begun waits.
    fn report_resting(&mut self, candidate: &Candidate, reason: Option<String>) {
        let mut line = self.line(candidate);
        if line.state == StateName::Seen {
            line.state = StateName::Waiting;
        }
        if line.state == StateName::Waiting && reason.is_some() {
            line.reason = reason;
        }
        self.summary.counts.add(line.state);
        self.observer.delivery(&line);
    }

    /// Takes steps with one candidate until it rests.
    async fn advance_until_rest(&mut self, candidate: &mut Candidate) -> Result<(), SyncError> {
        let to = candidate.delivery.key.to.clone();
        let name = self.routes[candidate.route].to[candidate.leg].to.clone();
        if !self.options.dry_run && !matches!(self.standing.get(&to), Some(Standing::Verified)) {
            match self.verify(&name).await? {
                Some(id) if id == to => {
                    // What was in the way is overcome.
                    self.summary
                        .troubles
                        .retain(|t| t.account != name || t.kind != TroubleKind::Unreachable);
                    self.standing.insert(to.clone(), Standing::Verified);
                }
                Some(id) => {
                    let message = format!(
                        "account {name:?} is now another account of {} ({}); it was {}. Nothing was sent in this run. If that is \
                         right, the next run begins anew with it, and --since carries what waited for the old one",
                        to.origin, id.account, to.account
                    );
                    self.trouble(&name, TroubleKind::SignInNeeded, message);
                    // The next run asks first, whoever it is then.
                    self.engine
                        .cache
                        .forget(&identity_name(&self.engine.destinations[&name]));
                    self.standing.insert(to, Standing::Lost);
                    return Ok(());
                }
                None => {
                    // An instance that can't be reached may come back while we wait; a lost token doesn't.
                    let signed_out = self.signed_out.contains(&name);
                    let soon = self.engine.clock.now() + BREATHER;
                    let standing = match self.asked_to_wait.get(&name) {
                        _ if signed_out => Standing::Lost,
                        Some((until, what)) => Standing::Blocked((*until).max(soon), what.clone()),
                        None => Standing::Blocked(soon, "the instance can't be reached".into()),
                    };
                    self.standing.insert(to, standing);
                    return Ok(());
                }
            }
        }
        loop {
            let advance = self.advance(candidate).await?;
            if !candidate.delivery.parts.is_empty() || matches!(advance, Advance::Shown(_)) {
                let key = &candidate.delivery.key;
                if self.begun.0.insert(key.clone()) && candidate.delivery.backfill {
                    self.begun.1.insert(key.clone());
                }
            }
            match advance {
                Advance::Again => {}
                Advance::Rest => break,
                Advance::RestForThisRun => {
                    candidate.done = true;
                    break;
                }
                Advance::Elsewhere | Advance::AsBefore => {
                    (candidate.done, candidate.shown) = (true, true);
                    break;
                }
                Advance::Shown(line) => {
                    self.summary.shown += 1;
                    self.summary.counts.add(line.state);
                    self.observer.delivery(&line);
                    (candidate.done, candidate.shown) = (true, true);
                    break;
                }
                Advance::Blocked(until, reason) => {
                    // A server that asks to wait until now is given a moment all the same.
                    let until = until.max(self.engine.clock.now() + MOMENT);
                    self.standing.insert(to, Standing::Blocked(until, reason));
                    break;
                }
                Advance::AuthLost(reason) => {
                    let remedy = remedy(to.platform);
                    let message = format!(
                        "account {name:?} needs a new sign-in: {reason}. {remedy} (and restart tombolo run); its \
                         deliveries keep their states until then"
                    );
                    self.trouble(&name, TroubleKind::SignInNeeded, message);
                    self.engine
                        .cache
                        .forget(&identity_name(&self.engine.destinations[&name]));
                    self.standing.insert(to, Standing::Lost);
                    break;
                }
            }
        }
        Ok(())
    }
}

/// Where the cache has what the configuration calls a source or destination.
pub(crate) fn name_entry(account: &impl std::fmt::Display) -> String {
    format!("name of {account}")
}

/// Where the cache has what was wrong with an account in its last run, by its name.
pub(crate) fn troubles_entry(account: &str) -> String {
    format!("troubles of {account}")
}

fn identity_name(receiver: &Receiver) -> String {
    format!(
        "identity {} {} {} {}",
        receiver.platform,
        Origin::of(&receiver.instance),
        receiver.username,
        receiver.token_print
    )
}

fn destination_id(receiver: &Receiver, account: String) -> DestinationId {
    DestinationId {
        platform: receiver.platform,
        origin: Origin::of(&receiver.instance),
        account,
    }
}

fn destination_trouble(
    name: &str,
    platform: Platform,
    instance: &Url,
    error: &DestinationError,
) -> (TroubleKind, String) {
    match error {
        DestinationError::AuthLost(why) => (
            TroubleKind::SignInNeeded,
            format!(
                "account {name:?} needs a new sign-in at {}: {why}. {}",
                Origin::of(instance),
                remedy(platform)
            ),
        ),
        DestinationError::Transient(why) => (
            TroubleKind::Unreachable,
            format!("account {name:?}: {why}. It is tried again in the next run"),
        ),
        DestinationError::Throttled { .. } => (TroubleKind::Unreachable, format!("account {name:?}: {error}")),
        DestinationError::Malformed(_) | DestinationError::Refused(_) => {
            (TroubleKind::Unusable, format!("account {name:?}: {error}"))
        }
    }
}

fn source_trouble(name: &str, error: &SourceError) -> (TroubleKind, String) {
    let kind = match error {
        SourceError::Transient(_) | SourceError::Throttled { .. } => TroubleKind::Unreachable,
        SourceError::AuthLost(_) => TroubleKind::SignInNeeded,
        _ => TroubleKind::Unusable,
    };
    (kind, format!("account {name:?} could not be read: {error}"))
}
