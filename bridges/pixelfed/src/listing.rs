//! From pages of statuses to what a source has seen, whichever list they come from.

use std::collections::HashSet;

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tombolo_activitypub::parse_instant;
use tombolo_model::{Clock, Cursor, Listing, Poll, Readiness, Sighting, SourceError, Visibility, string_of};
use tombolo_net::{Net, Patience};

use crate::entity::{caption, post_from_native};
use crate::text;
use crate::wire::Failure;

/// Most posts of one scan, so that a server that makes up ids can't fill the memory.
const MAX_POSTS: usize = 50_000;
/// Longest time that the pages of one scan may take.
const MAX_TIME: TimeDelta = TimeDelta::minutes(15);
/// How much of a caption stands for a title in messages, in characters.
const MAX_TITLE: usize = 80;

/// Most bad posts that are remembered.
const MAX_HOLES: usize = 16;

/// Lists, page by page, the newest first.
#[async_trait::async_trait]
pub(crate) trait Pager: Send {
    /// The next page; `None` at the end.
    async fn next(&mut self) -> Result<Option<Vec<Value>>, Failure>;

    /// Ids just below posts that the server can't show and that were stepped over.
    fn holes(&self) -> &[u64] {
        &[]
    }

    /// Whether nothing else can have been stepped over with them.
    fn is_sure(&self) -> bool {
        true
    }
}

/// Where a reader stands.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Place {
    /// The newest id there was.
    pub(crate) newest: Option<u64>,
    /// The ids of the first page, private ones included: while it shows the same, nothing is new.
    pub(crate) page: Vec<u64>,
    /// Whether it was read at all.
    pub(crate) read: bool,
    /// A window that was full when it was first read: what is older than this was there before.
    pub(crate) floor: Option<u64>,
    /// Ids just below posts that the server can't show, the newest first.
    pub(crate) holes: Vec<u64>,
}

impl Place {
    pub(crate) fn of(cursor: &Cursor) -> Self {
        serde_json::from_value(cursor.0.clone()).unwrap_or_default()
    }

    pub(crate) fn cursor(&self) -> Cursor {
        Cursor(serde_json::to_value(self).unwrap_or_default())
    }

    fn behind(page: &[Value], before: &Self) -> Self {
        let page: Vec<u64> = page.iter().filter_map(number_of).collect();
        Self {
            // It never goes back, even where the newest post was deleted.
            newest: page.iter().copied().max().max(before.newest),
            page,
            read: true,
            floor: before.floor,
            holes: before.holes.clone(),
        }
    }

    fn remember(&mut self, holes: &[u64]) {
        self.holes.extend(holes);
        self.holes.sort_unstable_by(|a, b| b.cmp(a));
        self.holes.dedup();
        self.holes.truncate(MAX_HOLES);
    }
}

/// A status's number in the API, by which they are ordered: a snowflake (contract pixelfed §5).
pub(crate) fn number_of(status: &Value) -> Option<u64> {
    string_of(status.get("id")?)?.parse().ok().filter(|n| *n > 0)
}

/// Reads pages until what was known comes.
pub(crate) async fn poll(
    pages: &mut dyn Pager,
    account: &str,
    clock: &dyn Clock,
    cursor: &Cursor,
) -> Result<Poll, SourceError> {
    let before = Place::of(cursor);
    let mut page = pages.next().await?;
    let mut place = Place::behind(page.as_deref().unwrap_or_default(), &before);
    place.remember(pages.holes());
    if before.read && place == before {
        return Ok(Poll::Unchanged);
    }
    let mut gathered = Gathered::new(account, clock);
    let complete = loop {
        let Some(entries) = page else { break pages.is_sure() };
        gathered.take(&entries)?;
        let known = |entry: &Value| {
            before
                .newest
                .is_some_and(|newest| number_of(entry).is_some_and(|n| n <= newest))
        };
        if !before.read || entries.iter().any(known) {
            break false;
        }
        page = pages.next().await?;
    };
    place.remember(pages.holes());
    Ok(Poll::Seen(Listing {
        sightings: gathered.sightings,
        cursor: place.cursor(),
        complete,
        scan_needed: !complete && !before.read,
    }))
}

/// Reads all pages.
pub(crate) async fn scan(pages: &mut dyn Pager, account: &str, net: &Net) -> Result<Poll, SourceError> {
    let clock = &**net.clock();
    let mut patience = Patience::of_a_walk(net);
    let mut page = pages.next().await?;
    let mut place = Place::behind(page.as_deref().unwrap_or_default(), &Place::default());
    let mut gathered = Gathered::new(account, clock);
    while let Some(entries) = page {
        gathered.take(&entries)?;
        page = loop {
            match pages.next().await.map_err(SourceError::from) {
                Err(error) if patience.outlasts(&error).await => gathered.waited = patience.waited(),
                other => break other?,
            }
        };
    }
    place.remember(pages.holes());
    Ok(Poll::Seen(Listing {
        sightings: gathered.sightings,
        cursor: place.cursor(),
        complete: pages.is_sure(),
        scan_needed: false,
    }))
}

struct Gathered<'a> {
    account: &'a str,
    clock: &'a dyn Clock,
    begun: chrono::DateTime<chrono::Utc>,
    /// How much of the time since then went by waiting for the server's limits.
    waited: TimeDelta,
    seen: HashSet<u64>,
    sightings: Vec<Sighting>,
}

impl<'a> Gathered<'a> {
    fn new(account: &'a str, clock: &'a dyn Clock) -> Self {
        Self {
            account,
            clock,
            begun: clock.now(),
            waited: TimeDelta::zero(),
            seen: HashSet::new(),
            sightings: Vec::new(),
        }
    }

    fn take(&mut self, entries: &[Value]) -> Result<(), SourceError> {
        for entry in entries {
            let Some(number) = number_of(entry) else { continue };
            if self.seen.insert(number) {
                self.sightings.extend(sighting(entry, self.account));
            }
        }
        if self.seen.len() > MAX_POSTS {
            return Err(SourceError::Malformed(format!(
                "the list of account {} goes on after {MAX_POSTS} posts, more than tombolo reads of one account",
                self.account
            )));
        }
        if self.clock.now() - self.begun - self.waited > MAX_TIME {
            return Err(SourceError::Transient(format!(
                "after {} minutes the list of account {} still goes on, after {} posts",
                MAX_TIME.num_minutes(),
                self.account,
                self.seen.len()
            )));
        }
        Ok(())
    }
}

/// Whether the account wrote it itself.
pub(crate) fn is_by(status: &Value, account: &str) -> bool {
    status
        .get("account")
        .and_then(|a| string_of(a.get("id")?))
        .is_some_and(|id| id == account)
}

/// What could be carried: the account's own posts that are public or unlisted, and no comments, which are no posts there.
fn sighting(entry: &Value, account: &str) -> Option<Sighting> {
    let post = post_from_native(entry).filter(|post| post.visibility != Visibility::Private)?;
    if !is_by(entry, account) || post.reply.is_some() {
        return None;
    }
    Some(Sighting {
        title: title_of(&text::shown(&caption(entry))),
        published: entry.get("created_at").and_then(parse_instant),
        ready: Some(post.readiness == Readiness::Ready),
        visibility: Some(post.visibility),
        id: post.id,
    })
}

/// The first line of a caption, for messages.
pub(crate) fn title_of(caption: &str) -> Option<String> {
    let line = caption.lines().map(str::trim).find(|line| !line.is_empty())?;
    Some(line.chars().take(MAX_TITLE).collect())
}
