//! read: what sources list becomes deliveries in the ledger, first contact included.
//!
//! The listing, the deliveries it leads to and the reader's place are written in one transaction. Nothing is written where
//! nothing is new.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use sha2::{Digest, Sha256};
use tombolo_model::{
    ApId, Completeness, Cursor, DeliveryKey, DestinationId, Fetched, Listing, Origin, Poll, ReaderInfo, Readiness,
    Sighting, Source, SourceError, SourceId, Visibility,
};

use super::{Observer, Since, SyncError};
use crate::ledger::{Changes, Contact, Delivery, Ledger, Stage, StateName, StoreError};

/// How often all ids are listed, whatever the totals say: a video that becomes public late surfaces deep in a list
/// (contract peertube §0.2).
const SCAN_AT_LEAST: TimeDelta = TimeDelta::hours(20);
/// When all ids are listed again after that failed.
const SCAN_AGAIN: TimeDelta = TimeDelta::hours(1);
/// How many of the newest posts are asked whether they are finished, at first contact with a list that doesn't say. One
/// that is being transcoded was published a short while ago.
const ASKED_AT_FIRST_CONTACT: usize = 100;
/// How many new posts of a list without dates are asked for theirs.
const MOST_DATES: usize = 100;
/// At first contact a post that can't be asked about is carried when it can only just have been published.
const FRESH: TimeDelta = TimeDelta::days(1);

/// What this process remembers of its reading; a new process begins with a full listing.
#[derive(Debug, Default)]
pub struct Memory {
    cursors: HashMap<Place, Cursor>,
    scanned: HashMap<Place, DateTime<Utc>>,
    scan_failed: HashMap<Place, DateTime<Utc>>,
    readers: HashMap<SourceId, ReaderInfo>,
    /// What instances gave no answer to when it was asked whether a post is a copy: when, and what happened.
    pub(crate) silent: HashMap<(&'static str, Origin), (DateTime<Utc>, SourceError)>,
}

/// Whose posts, and by which reader for which destinations: a validator proves only that these destinations have seen what
/// it stands for.
type Place = (SourceId, String);

/// A destination, as one route sees it.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    pub(crate) route: String,
    /// The destination account's name.
    pub(crate) to: String,
    pub(crate) id: DestinationId,
    pub(crate) since: Since,
    /// Fingerprint of the rules by which posts go there.
    pub(crate) rules: String,
    /// Whether unlisted posts go there too.
    pub(crate) unlisted: bool,
}

/// Deliveries that only this run looks at: posts of the baseline that `--since` opens, and posts that weren't public and
/// are listed again. Nothing is written of them before they are begun.
pub(crate) type Opened = Vec<Delivery>;

/// What reading a source brought.
pub(crate) struct Reading {
    pub(crate) id: SourceId,
    pub(crate) reader: Option<ReaderInfo>,
    pub(crate) opened: Opened,
    /// How many posts a first contact left as they are.
    pub(crate) left_alone: usize,
}

/// Reads one source and notes what it lists for these destinations.
pub(crate) async fn read(
    ledger: &Ledger,
    memory: &mut Memory,
    (account, source): (&str, &dyn Source),
    targets: &[Target],
    open: Option<Since>,
    now: DateTime<Utc>,
    observer: &dyn Observer,
) -> Result<Reading, ReadError> {
    let id = source.id().await?;
    if targets.is_empty() {
        return Ok(Reading {
            id,
            reader: None,
            opened: Opened::new(),
            left_alone: 0,
        });
    }
    let reader = source.reader().await?;
    if memory.readers.get(&id) != Some(&reader) {
        let note = format!("read by {} ({}): {}", reader.name, reader.completeness, reader.why);
        observer.note(account, &note);
        memory.readers.insert(id.clone(), reader.clone());
    }
    // Two routes to one destination are one target; the first route's settings count.
    let mut distinct = HashSet::new();
    let targets: Vec<&Target> = targets.iter().filter(|target| distinct.insert(&target.id)).collect();
    let mut unmet = HashSet::new();
    let mut horizons = HashMap::new();
    for target in &targets {
        match ledger.contact(&id, &target.id)? {
            None => {
                unmet.insert(&target.id);
            }
            Some(contact) => {
                horizons.extend(contact.horizon.map(|at| (&target.id, (at, contact.asked))));
            }
        }
    }
    let place = (id.clone(), place_name(&reader.name, &targets));
    let Some(listing) = list(ledger, memory, source, &place, !unmet.is_empty() || open.is_some(), now).await? else {
        return Ok(Reading {
            id,
            reader: Some(reader),
            opened: Opened::new(),
            left_alone: 0,
        });
    };

    let mut changes = Changes::new();
    let mut all_left_alone = 0;
    let (mut opened, dates) = (Opened::new(), Dates::default());
    let mut noted = true;
    for target in targets {
        let desk = Desk {
            ledger,
            source,
            id: &id,
            to: &target.id,
            rules: &target.rules,
            unlisted: target.unlisted,
            horizon: horizons.get(&target.id).copied(),
            dates: &dates,
            now,
        };
        let first = unmet.contains(&target.id);
        let asked_for = match open {
            Some(since) => desk.open_baseline(since, &listing.sightings, first).await?,
            None => Opened::new(),
        };
        if first {
            let in_baseline = desk
                .first_contact(&mut changes, target.since, &listing.sightings)
                .await?;
            let contact = Contact {
                at: now,
                reader: reader.name.clone(),
                horizon: horizon(&reader, &listing, now),
                asked: match target.since {
                    Since::Now => None,
                    Since::Beginning => Some(DateTime::UNIX_EPOCH),
                    Since::At(at) => Some(at),
                },
            };
            changes.put_contact(&id, &target.id, &contact);
            let left_alone = in_baseline.saturating_sub(asked_for.len());
            all_left_alone += left_alone;
            let note = first_contact_note(&target.to, listing.sightings.len(), left_alone);
            observer.note(&target.route, &note);
        } else {
            noted &= desk.note_all(&mut changes, &listing.sightings, &mut opened).await?;
        }
        opened.extend(asked_for);
    }
    // Without news the reader's place is kept in memory only.
    if !changes.is_empty() {
        if noted {
            changes.put_cursor(&id, &place.1, &listing.cursor);
        }
        ledger.commit(changes).await?;
    }
    if noted {
        memory.cursors.insert(place, listing.cursor);
    }
    Ok(Reading {
        id,
        reader: Some(reader),
        opened,
        left_alone: all_left_alone,
    })
}

/// Lists what is new, or everything: for a first contact, at the first look of a process, daily, and when the totals say so.
async fn list(
    ledger: &Ledger,
    memory: &mut Memory,
    source: &dyn Source,
    place: &Place,
    everything: bool,
    now: DateTime<Utc>,
) -> Result<Option<Listing>, ReadError> {
    let known = match memory.cursors.get(place) {
        Some(cursor) => cursor.clone(),
        None => ledger.cursor(&place.0, &place.1)?.unwrap_or_default(),
    };
    let scan_due = memory.scanned.get(place).is_none_or(|at| now - *at >= SCAN_AT_LEAST);
    let spared = memory.scan_failed.get(place).is_some_and(|at| now - *at < SCAN_AGAIN);
    let mut scanned = everything || (scan_due && !spared);
    let mut seen = match (everything, scanned) {
        (true, _) => source.scan(&Cursor::default()).await?,
        (false, true) => match source.scan(&known).await {
            // The newest posts are looked at all the same.
            Err(error @ (SourceError::Transient(_) | SourceError::Throttled { .. })) => {
                tracing::warn!(source = %place.0, %error, "not all posts could be listed; only the newest are looked at");
                memory.scan_failed.insert(place.clone(), now);
                scanned = false;
                source.poll(&known).await?
            }
            seen => seen?,
        },
        (false, false) => source.poll(&known).await?,
    };
    if matches!(&seen, Poll::Seen(listing) if listing.scan_needed && !listing.complete) {
        seen = source.scan(&Cursor::default()).await?;
        scanned = true;
    }
    if scanned || matches!(&seen, Poll::Seen(listing) if listing.complete) {
        memory.scanned.insert(place.clone(), now);
    }
    Ok(match seen {
        Poll::Unchanged => None,
        Poll::Seen(listing) => Some(listing),
    })
}

fn place_name(reader: &str, targets: &[&Target]) -> String {
    let mut ids: Vec<String> = targets.iter().map(|target| target.id.to_string()).collect();
    ids.sort_unstable();
    let digest = Sha256::digest(ids.join("\n"));
    format!(
        "{reader} for {}",
        digest[..8].iter().map(|byte| format!("{byte:02x}")).collect::<String>()
    )
}

/// Why a source could not be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReadError {
    #[error(transparent)]
    Source(#[from] SourceError),
    #[error(transparent)]
    Ledger(#[from] StoreError),
}

impl ReadError {
    pub(crate) fn split(self) -> Result<SourceError, SyncError> {
        match self {
            Self::Source(e) => Ok(e),
            Self::Ledger(e) => Err(SyncError::Ledger(e)),
        }
    }
}

/// What became of a sighting.
enum Noted {
    /// The ledger has, or will have with these changes, all there is to know of it.
    Done,
    /// It wasn't public, and is listed again: this run looks at it.
    Reopened(Box<Delivery>),
    /// The same, but it was looked at a short while ago.
    Later,
}

/// One source and one destination: where sightings are sorted.
struct Desk<'a> {
    ledger: &'a Ledger,
    source: &'a dyn Source,
    id: &'a SourceId,
    to: &'a DestinationId,
    rules: &'a str,
    unlisted: bool,
    /// Posts older than this were there at first contact, though its reader didn't show them; and from when on they were asked
    /// for.
    horizon: Option<(DateTime<Utc>, Option<DateTime<Utc>>)>,
    dates: &'a Dates,
    now: DateTime<Utc>,
}

/// What was asked for the dates that a listing doesn't tell, for all destinations together.
#[derive(Default)]
struct Dates {
    known: Mutex<HashMap<ApId, Sighting>>,
    /// Set when the source failed: then nothing more is asked that can do without.
    tired: AtomicBool,
}

impl Dates {
    /// Whether nothing more is asked that can do without: a list may be long, and its server slow.
    fn are_enough(&self) -> bool {
        let asked = self.known.lock().unwrap_or_else(PoisonError::into_inner).len();
        asked >= MOST_DATES || self.tired.load(Ordering::Relaxed)
    }
}

impl Desk<'_> {
    fn key(&self, sighting: &Sighting) -> DeliveryKey {
        DeliveryKey {
            post: sighting.id.clone(),
            to: self.to.clone(),
        }
    }

    /// Whether a post of this visibility may be one that goes; where the listing doesn't tell, it may.
    fn may_go(&self, visibility: Option<Visibility>) -> bool {
        match visibility {
            Some(Visibility::Unlisted) => self.unlisted,
            Some(Visibility::Private) => false,
            Some(Visibility::Public) | None => true,
        }
    }

    /// A copy is never a source (invariant 4).
    fn is_copy(&self, sighting: &Sighting) -> Result<bool, StoreError> {
        Ok(self.ledger.copy_owner(sighting.id.as_str())?.is_some())
    }

    /// Records what is publishable now as the baseline, except what `since` leaves out of it. Returns how many are in it.
    async fn first_contact(
        &self,
        changes: &mut Changes,
        since: Since,
        sightings: &[Sighting],
    ) -> Result<usize, ReadError> {
        let mut newest_first: Vec<&Sighting> = sightings.iter().collect();
        newest_first.sort_by_key(|s| std::cmp::Reverse(s.published));
        let mut left_alone = 0;
        for (place, sighting) in newest_first.into_iter().enumerate() {
            let key = self.key(sighting);
            if let Some(delivery) = self.ledger.delivery(&key)? {
                self.take_over(changes, delivery);
                continue;
            }
            if self.is_copy(sighting)? {
                continue;
            }
            let sighting = self.dated(since, sighting).await?;
            if since.leaves_out(sighting.published) {
                changes.put_delivery(&Delivery::seen(key, self.id, &sighting, true));
            } else if self.is_in_work(&sighting, place < ASKED_AT_FIRST_CONTACT).await? {
                changes.put_delivery(&Delivery::seen(key, self.id, &sighting, false));
            } else {
                changes.put_baseline(self.id, &key);
                left_alone += 1;
            }
        }
        Ok(left_alone)
    }

    /// Whether the source has yet to finish it: then it is still to be published, and no old post.
    async fn is_in_work(&self, sighting: &Sighting, ask: bool) -> Result<bool, ReadError> {
        let ready = match (sighting.ready, ask) {
            (Some(ready), _) => Ok(ready),
            (None, true) => self.source.is_ready(&sighting.id).await,
            (None, false) => Ok(true),
        };
        let fetched = match ready {
            Ok(true) => return Ok(false),
            Ok(false) => self.source.fetch(&sighting.id).await,
            Err(e) => Err(e),
        };
        match fetched {
            // What was finished before and is only being moved or edited is old.
            Ok(Fetched::Post(post)) => Ok(matches!(post.readiness, Readiness::InWork(_))),
            Ok(Fetched::NotPublic(_) | Fetched::Gone) => Ok(false),
            // The server asks for patience with all of them: better another time than wrongly now.
            Err(e @ (SourceError::Throttled { .. } | SourceError::Refused(_))) => Err(e.into()),
            // One bad post doesn't hold up the others.
            Err(error) => {
                tracing::warn!(post = %sighting.id, %error, "it can't be asked whether it is finished");
                Ok(sighting.published.is_some_and(|at| self.now - at < FRESH))
            }
        }
    }

    /// Notes what is listed, and adds what is looked at again to `opened`. Whether the listing needn't show it all once more.
    async fn note_all(
        &self,
        changes: &mut Changes,
        sightings: &[Sighting],
        opened: &mut Opened,
    ) -> Result<bool, ReadError> {
        let mut all = true;
        for sighting in sightings {
            match self.note(changes, sighting).await? {
                Noted::Done => {}
                // It has left no note, should this run not come to it.
                Noted::Reopened(delivery) => {
                    all = false;
                    opened.push(*delivery);
                }
                Noted::Later => all = false,
            }
        }
        Ok(all)
    }

    /// A post that is in no baseline is carried, whatever its date; one that wasn't public is looked at again.
    async fn note(&self, changes: &mut Changes, sighting: &Sighting) -> Result<Noted, ReadError> {
        let key = self.key(sighting);
        match self.ledger.delivery(&key)? {
            None => {
                if self.ledger.in_baseline(self.id, &key)? || self.is_copy(sighting)? {
                    return Ok(Noted::Done);
                }
                // What is new goes out in the order of its dates.
                let least = self.horizon.map_or(Since::Beginning, |(horizon, _)| Since::At(horizon));
                let sighting = self.dated(least, sighting).await?;
                // Feeds tell seconds.
                let is_before = |horizon: DateTime<Utc>| {
                    sighting
                        .published
                        .is_some_and(|at| at.timestamp() < horizon.timestamp())
                };
                let was_there = self.horizon.filter(|(horizon, _)| is_before(*horizon));
                let asked_for = was_there
                    .and_then(|(_, asked)| asked)
                    .is_some_and(|asked| !is_before(asked));
                if was_there.is_some() && !asked_for {
                    changes.put_baseline(self.id, &key);
                } else {
                    changes.put_delivery(&Delivery::seen(key, self.id, &sighting, asked_for));
                }
            }
            Some(mut delivery) => match &delivery.stage {
                Stage::Skipped(skip)
                    if skip.until_listed && sighting.ready != Some(false) && self.may_go(sighting.visibility) =>
                {
                    if skip.next_look.is_some_and(|at| self.now < at) {
                        // Once the pauses are long, the daily listing of everything shows it often enough.
                        let rarely = skip.looks >= super::deliver::LOOKS_UNTIL_RARELY;
                        return Ok(if rarely { Noted::Done } else { Noted::Later });
                    }
                    delivery.stage = Stage::Seen;
                    delivery.source = self.id.clone();
                    return Ok(Noted::Reopened(Box::new(delivery)));
                }
                _ => self.take_over(changes, delivery),
            },
        }
        Ok(Noted::Done)
    }

    /// A delivery begun under another handle of the same creator goes on under this one.
    fn take_over(&self, changes: &mut Changes, mut delivery: Delivery) {
        if delivery.source != *self.id && delivery.state() != StateName::Published {
            delivery.source = self.id.clone();
            changes.put_delivery(&delivery);
        }
    }

    /// The posts of the baseline that `since` opens.
    async fn open_baseline(
        &self,
        since: Since,
        sightings: &[Sighting],
        first_contact: bool,
    ) -> Result<Opened, ReadError> {
        let mut opened = Opened::new();
        for sighting in sightings {
            let key = self.key(sighting);
            let open = match self.ledger.delivery(&key)? {
                // What other rules have left out is asked for again.
                Some(delivery) => matches!(
                    &delivery.stage,
                    Stage::Skipped(skip) if skip.rules.as_deref().is_some_and(|rules| rules != self.rules)
                ),
                None => first_contact || self.ledger.in_baseline(self.id, &key)?,
            };
            if !open || self.is_copy(sighting)? {
                continue;
            }
            let sighting = self.dated(since, sighting).await?;
            if since.leaves_out(sighting.published) {
                opened.push(Delivery::seen(key, self.id, &sighting, true));
            }
        }
        Ok(opened)
    }

    /// The sighting with its date, where old posts are asked for and the listing doesn't say when they were published.
    async fn dated(&self, since: Since, sighting: &Sighting) -> Result<Sighting, ReadError> {
        let mut sighting = sighting.clone();
        if since == Since::Now || sighting.published.is_some() {
            return Ok(sighting);
        }
        if let Some(known) = self
            .dates
            .known
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&sighting.id)
        {
            return Ok(known.clone());
        }
        let decides = since != Since::Beginning;
        if !decides && self.dates.are_enough() {
            return Ok(sighting);
        }
        match self.source.fetch(&sighting.id).await {
            Ok(Fetched::Post(post)) => {
                sighting.published = post.published;
                sighting.title = post.title.map(|title| super::clipped(&title));
            }
            // Where the date decides, better another time than wrongly now.
            Err(e @ (SourceError::Transient(_) | SourceError::Throttled { .. })) if decides => return Err(e.into()),
            Err(SourceError::Transient(_) | SourceError::Throttled { .. }) => {
                self.dates.tired.store(true, Ordering::Relaxed);
                return Ok(sighting);
            }
            _ => {}
        }
        let mut known = self.dates.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.insert(sighting.id.clone(), sighting.clone());
        Ok(sighting)
    }
}

/// Where not all was seen that was there: what is older than this was there too.
fn horizon(reader: &ReaderInfo, listing: &Listing, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    /// The source's clock may be behind ours.
    const CLOCKS: TimeDelta = TimeDelta::minutes(10);
    if reader.completeness == Completeness::Complete && listing.complete {
        return None;
    }
    let dates = listing.sightings.iter().filter_map(|sighting| sighting.published);
    Some(dates.min().unwrap_or(now - CLOCKS))
}

fn first_contact_note(to: &str, listed: usize, left_alone: usize) -> String {
    let posts = if listed == 1 {
        "1 post is there".to_owned()
    } else {
        format!("{listed} posts are there")
    };
    let begin = format!("first contact with {to}: {posts}");
    if left_alone == 0 {
        return begin;
    }
    format!(
        "{begin}; {left_alone} of them stay as they are, new ones are carried from now on (--since opens older ones)"
    )
}

/// Pauses between tries of something that failed for a passing reason.
pub(crate) fn pause(times: u32, fraction: f64) -> Duration {
    const FIRST: Duration = Duration::from_secs(5);
    const LONGEST: Duration = Duration::from_secs(3600);
    let longest = (FIRST * 2_u32.saturating_pow(times.min(16))).min(LONGEST);
    // At least half, so that a server that struggles has time; the rest is jitter.
    longest.mul_f64(0.5 + fraction / 2.0)
}
