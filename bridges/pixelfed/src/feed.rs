//! The `rss` reader: the atom feed's window of the newest photos (contract pixelfed §7).

use tombolo_activitypub::source_error;
use tombolo_model::{ApId, Cursor, Listing, Origin, Poll, Sighting, SourceError};
use tombolo_net::Get;

use crate::atom::{Entry, parse_feed};
use crate::creator::Creator;
use crate::listing::{Place, title_of};
use crate::wire::Api;

/// Most entries a feed has.
pub(crate) const WINDOW: u32 = 10;

/// Reads the feed. A scan of it shows no more.
pub(crate) async fn poll(api: &Api, creator: &Creator, cursor: &Cursor) -> Result<Poll, SourceError> {
    let before = Place::of(cursor);
    let url = api
        .address(&["users", &format!("{}.atom", creator.name)], &[])
        .map_err(SourceError::Refused)?;
    let get = Get {
        accept: "application/atom+xml",
        family: "feed",
        ..Get::json(url.clone())
    };
    let answer = api.net().get(&get).await.map_err(source_error)?;
    let status = answer.status.as_u16();
    let is_feed = answer.media_type().is_some_and(|kind| kind.contains("xml"));
    if status != 200 || !is_feed {
        return Err(SourceError::Unsupported(format!(
            "{url} is no feed (status {status}): the account is private, or it or the server switched feeds off; use a \
             token with read = \"api\""
        )));
    }
    let entries = parse_feed(&String::from_utf8_lossy(&answer.body))
        .map_err(|why| SourceError::Malformed(format!("{url}: {why}")))?;
    let origin = Origin::of(api.instance());
    let entries: Vec<(u64, Entry)> = entries
        .into_iter()
        .filter(|entry| entry.id.origin() == origin)
        .filter_map(|entry| Some((number(&entry.id)?, entry)))
        .collect();
    let page: Vec<u64> = entries.iter().map(|(number, _)| *number).collect();
    let full = page.len() >= WINDOW as usize;
    let floor = match before.floor {
        None if !before.read && full => page.iter().copied().min(),
        kept => kept,
    };
    let place = Place {
        newest: page.iter().copied().max().max(before.newest),
        page,
        read: true,
        floor,
        holes: Vec::new(),
    };
    if place == before {
        return Ok(Poll::Unchanged);
    }
    Ok(Poll::Seen(Listing {
        // When a post is deleted, an old one comes into view from below, which nobody has published now.
        sightings: entries
            .into_iter()
            .filter(|(number, _)| floor.is_none_or(|floor| *number >= floor))
            .map(|(_, entry)| sighting(entry))
            .collect(),
        cursor: place.cursor(),
        complete: false,
        scan_needed: false,
    }))
}

fn sighting(entry: Entry) -> Sighting {
    Sighting {
        title: entry.title.as_deref().and_then(title_of),
        published: entry.published,
        // Feeds show photos that are stored.
        ready: Some(true),
        // It shows public ones only, but says nothing of what became of them.
        visibility: None,
        id: entry.id,
    }
}

fn number(id: &ApId) -> Option<u64> {
    id.to_url().path_segments()?.next_back()?.parse().ok()
}
