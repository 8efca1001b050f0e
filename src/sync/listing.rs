//! read: what sources list becomes deliveries in the ledger, first contact included.
//!
//! The listing, the deliveries it leads to and the reader's place are written in one transaction. Nothing is written where
//! nothing is new.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use tombolo_model::{Cursor, DeliveryKey, DestinationId, Listing, Poll, Sighting, Source, SourceError, SourceId};

use super::{Observer, Since, SyncError};
use crate::ledger::{Changes, Contact, Delivery, Ledger, SeenPost, Stage};

/// How often all ids are listed, whatever the totals say: a video that becomes public late surfaces deep in a list
/// (contract peertube §0.2).
const SCAN_AT_LEAST: TimeDelta = TimeDelta::hours(20);
/// How many of the newest posts are asked whether they are finished, at first contact with a list that doesn't say. One
/// that is being transcoded was published a short while ago.
const ASKED_AT_FIRST_CONTACT: usize = 100;

/// What this process remembers of its reading; a new process begins with a full listing.
#[derive(Debug, Default)]
pub struct Memory {
    cursors: HashMap<(SourceId, String), Cursor>,
    scanned: HashMap<SourceId, DateTime<Utc>>,
}

/// A destination, as one route sees it.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    pub(crate) route: String,
    pub(crate) id: DestinationId,
    pub(crate) since: Since,
}

/// Deliveries that only this run looks at: posts of the baseline that `--since` opens, and posts that weren't public and
/// are listed again. Nothing is written of them before they are begun.
pub(crate) type Opened = Vec<Delivery>;

/// Reads one source and notes what it lists for these destinations.
pub(crate) async fn read(
    ledger: &Ledger,
    memory: &mut Memory,
    source: &dyn Source,
    targets: &[Target],
    open: Option<Since>,
    now: DateTime<Utc>,
    observer: &dyn Observer,
) -> Result<(SourceId, Opened), ReadError> {
    let id = source.id().await?;
    let reader = source.reader().await?;
    for target in targets {
        tracing::debug!(route = target.route, reader = reader.name, completeness = ?reader.completeness, why = reader.why, "reading");
    }
    let mut unmet = Vec::new();
    for target in targets {
        if ledger.contact(&id, &target.id)?.is_none() {
            unmet.push(target);
        }
    }
    let place = (id.clone(), reader.name.clone());
    let known = match memory.cursors.get(&place) {
        Some(cursor) => cursor.clone(),
        None => ledger.cursor(&id, &reader.name)?.unwrap_or_default(),
    };
    let whole = !unmet.is_empty() || open.is_some();
    let scan_due = memory.scanned.get(&id).is_none_or(|at| now - *at >= SCAN_AT_LEAST);
    let mut seen = match (whole, scan_due) {
        (true, _) => source.scan(&Cursor::default()).await?,
        (false, true) => source.scan(&known).await?,
        (false, false) => source.poll(&known).await?,
    };
    let mut scanned = whole || scan_due;
    if let Poll::Seen(listing) = &seen
        && listing.scan_needed
        && !listing.complete
    {
        seen = source.scan(&Cursor::default()).await?;
        scanned = true;
    }
    if scanned || matches!(&seen, Poll::Seen(listing) if listing.complete) {
        memory.scanned.insert(id.clone(), now);
    }
    let Poll::Seen(listing) = seen else {
        return Ok((id, Opened::new()));
    };

    let mut changes = Changes::new();
    note_posts(ledger, &mut changes, &id, &listing, now)?;
    let first_contacts: HashSet<&DestinationId> = unmet.iter().map(|t| &t.id).collect();
    for target in &unmet {
        let left_alone = first_contact(ledger, &mut changes, source, &id, target, &listing, now).await?;
        changes.put_contact(
            &id,
            &target.id,
            &Contact {
                at: now,
                reader: reader.name.clone(),
            },
        );
        observer.note(
            &target.route,
            &first_contact_note(&reader.name, &reader.why, listing.sightings.len(), left_alone),
        );
    }
    let mut opened = Opened::new();
    let mut met: HashSet<&DestinationId> = HashSet::new();
    for target in targets
        .iter()
        .filter(|t| !first_contacts.contains(&t.id) && met.insert(&t.id))
    {
        for sighting in &listing.sightings {
            opened.extend(note_sighting(ledger, &mut changes, &id, target, sighting, now)?);
        }
    }
    if let Some(since) = open {
        let mut met: HashSet<&DestinationId> = HashSet::new();
        for target in targets.iter().filter(|t| met.insert(&t.id)) {
            opened.extend(open_baseline(
                ledger,
                &id,
                target,
                &listing,
                since,
                now,
                first_contacts.contains(&target.id),
            )?);
        }
    }
    // Without news the reader's place is kept in memory only.
    if !changes.is_empty() {
        changes.put_cursor(&id, &reader.name, &listing.cursor);
        ledger.commit(changes).await?;
    }
    memory.cursors.insert(place, listing.cursor);
    Ok((id, opened))
}

/// Why a source could not be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReadError {
    #[error(transparent)]
    Source(#[from] SourceError),
    #[error(transparent)]
    Ledger(#[from] crate::ledger::StoreError),
}

impl ReadError {
    pub(crate) fn split(self) -> Result<SourceError, SyncError> {
        match self {
            Self::Source(e) => Ok(e),
            Self::Ledger(e) => Err(SyncError::Ledger(e)),
        }
    }
}

fn note_posts(
    ledger: &Ledger,
    changes: &mut Changes,
    source: &SourceId,
    listing: &Listing,
    now: DateTime<Utc>,
) -> Result<(), ReadError> {
    for sighting in &listing.sightings {
        if ledger.post(&sighting.id)?.is_none() {
            changes.put_post(&sighting.id, &seen_post(source, sighting, now));
        }
    }
    Ok(())
}

/// Records what is publishable now as the baseline, except what `since` leaves out of it. Returns how many are in it.
async fn first_contact(
    ledger: &Ledger,
    changes: &mut Changes,
    source: &dyn Source,
    id: &SourceId,
    target: &Target,
    listing: &Listing,
    now: DateTime<Utc>,
) -> Result<usize, ReadError> {
    let mut by_date: Vec<&Sighting> = listing.sightings.iter().collect();
    by_date.sort_by_key(|s| std::cmp::Reverse(s.published));
    let mut left_alone = 0;
    for (place, sighting) in by_date.into_iter().enumerate() {
        let key = DeliveryKey {
            post: sighting.id.clone(),
            to: target.id.clone(),
        };
        if ledger.delivery(&key)?.is_some() || is_copy(ledger, sighting)? {
            continue;
        }
        if target.since.leaves_out(sighting.published) {
            changes.put_delivery(&Delivery::seen(key, &seen_post(id, sighting, now), true));
            continue;
        }
        let ready = match sighting.ready {
            Some(ready) => ready,
            None if place < ASKED_AT_FIRST_CONTACT => source.is_ready(&sighting.id).await?,
            None => true,
        };
        if ready {
            changes.put_baseline(&key);
            left_alone += 1;
        } else {
            changes.put_delivery(&Delivery::seen(key, &seen_post(id, sighting, now), false));
        }
    }
    Ok(left_alone)
}

fn first_contact_note(reader: &str, why: &str, listed: usize, left_alone: usize) -> String {
    let mut note = format!("first contact, read by {reader} ({why}): {listed} posts are there");
    if left_alone > 0 {
        let _ = std::fmt::Write::write_fmt(
            &mut note,
            format_args!(
                "; {left_alone} of them stay as they are, from now on new ones are carried (--since opens older ones)"
            ),
        );
    }
    note
}

/// A post that is in no baseline is carried, whatever its date; one that wasn't public is looked at again.
fn note_sighting(
    ledger: &Ledger,
    changes: &mut Changes,
    source: &SourceId,
    target: &Target,
    sighting: &Sighting,
    now: DateTime<Utc>,
) -> Result<Option<Delivery>, ReadError> {
    let key = DeliveryKey {
        post: sighting.id.clone(),
        to: target.id.clone(),
    };
    match ledger.delivery(&key)? {
        None if !ledger.in_baseline(&key)? && !is_copy(ledger, sighting)? => {
            changes.put_delivery(&Delivery::seen(key, &seen_post(source, sighting, now), false));
        }
        Some(mut delivery)
            if matches!(&delivery.stage, Stage::Skipped(skip) if skip.until_listed)
                && sighting.ready != Some(false) =>
        {
            delivery.stage = Stage::Seen;
            return Ok(Some(delivery));
        }
        _ => {}
    }
    Ok(None)
}

fn open_baseline(
    ledger: &Ledger,
    source: &SourceId,
    target: &Target,
    listing: &Listing,
    since: Since,
    now: DateTime<Utc>,
    first_contact: bool,
) -> Result<Opened, ReadError> {
    let mut opened = Opened::new();
    for sighting in listing.sightings.iter().filter(|s| since.leaves_out(s.published)) {
        let key = DeliveryKey {
            post: sighting.id.clone(),
            to: target.id.clone(),
        };
        let baselined = ledger.in_baseline(&key)? || first_contact;
        if baselined && ledger.delivery(&key)?.is_none() && !is_copy(ledger, sighting)? {
            opened.push(Delivery::seen(key, &seen_post(source, sighting, now), true));
        }
    }
    Ok(opened)
}

/// A copy is never a source (invariant 4).
fn is_copy(ledger: &Ledger, sighting: &Sighting) -> Result<bool, ReadError> {
    Ok(ledger.copy_owner(sighting.id.as_str())?.is_some())
}

fn seen_post(source: &SourceId, sighting: &Sighting, now: DateTime<Utc>) -> SeenPost {
    SeenPost {
        source: source.clone(),
        first_seen: now,
        title: sighting.title.clone(),
        published: sighting.published,
    }
}

/// Pauses between tries of something that failed for a passing reason.
pub(crate) fn pause(times: u32, fraction: f64) -> Duration {
    const FIRST: Duration = Duration::from_secs(5);
    const LONGEST: Duration = Duration::from_secs(3600);
    let longest = (FIRST * 2_u32.saturating_pow(times.min(16))).min(LONGEST);
    // At least half, so that a server that struggles has time; the rest is jitter.
    longest.mul_f64(0.5 + fraction / 2.0)
}
