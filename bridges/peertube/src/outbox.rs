//! The `outbox` reader: the ActivityPub outbox, all of its pages (contract peertube §3.2).
//!
//! It is ordered by creation and lists what is unfinished or blocked, so nothing in it is taken for publishable before its
//! object was fetched by its id. A channel's outbox holds only announcements of ids.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use tombolo_activitypub::{Object, Page, Walk, fetch_first_page, fetch_object, is_public, parse_instant, types_of};
use tombolo_model::{
    ApId, Cursor, Fetched, Listing, Poll, Readiness, Sighting, SourceError, Visibility, as_array, id_of,
};
use tombolo_net::Net;
use url::Url;

use crate::post_from_activitypub;
use crate::source::Creator;

/// How often the pages are walked through where videos are deleted meanwhile.
const MAX_WALKS: usize = 4;

/// Where this reader stands.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
struct Place {
    /// The page the outbox begins with.
    first: Option<Url>,
    /// Its validator.
    etag: Option<String>,
    /// What it said the total is.
    total: Option<u64>,
}

/// Reads the first page. It can't show what became public deep inside, which only a scan finds.
pub(crate) async fn poll(net: &Net, creator: &Creator, cursor: &Cursor) -> Result<Poll, SourceError> {
    let mut place: Place = serde_json::from_value(cursor.0.clone()).unwrap_or_default();
    let first = match place.first.clone() {
        Some(first) => first,
        None => fetch_first_page(net, outbox(creator)?).await?,
    };
    let mut walk = Walk::from(net, first.clone());
    let Some(page) = walk.first_if_changed(place.etag.as_deref()).await? else {
        return Ok(Poll::Unchanged);
    };
    let complete = page.next.is_none() || page.items.is_empty();
    let scan_needed = !complete && place.total != page.total;
    place = Place {
        first: Some(first),
        etag: walk.etag.clone(),
        total: page.total,
    };
    Ok(Poll::Seen(Listing {
        sightings: sightings(&page, creator)?,
        cursor: cursor_of(&place),
        complete,
        scan_needed,
    }))
}

/// Reads all pages, up to the first empty one: totals lie, and empty pages still have a `next`. Pages are counted from the
/// head, so that a video deleted meanwhile moves another one out of sight: then all are read again.
pub(crate) async fn scan(net: &Net, creator: &Creator) -> Result<Poll, SourceError> {
    let outbox = outbox(creator)?;
    let first = fetch_first_page(net, outbox).await?;
    let (mut listed, mut found, mut place) = (HashSet::new(), Vec::new(), None);
    for _ in 0..MAX_WALKS {
        let mut walk = Walk::from(net, first.clone()).patient();
        let (mut shrank, mut total) = (false, None);
        let mut page = walk.first_if_changed(None).await?;
        while let Some(current) = page {
            place.get_or_insert_with(|| Place {
                first: Some(first.clone()),
                etag: walk.etag.clone(),
                total: current.total,
            });
            shrank |= matches!((total, current.total), (Some(before), Some(now)) if now < before);
            total = current.total.or(total);
            let seen = sightings(&current, creator)?;
            found.extend(seen.into_iter().filter(|s| listed.insert(s.id.clone())));
            page = walk.next().await?;
        }
        if !shrank {
            return Ok(Poll::Seen(Listing {
                sightings: found,
                cursor: cursor_of(&place.unwrap_or_default()),
                complete: true,
                scan_needed: false,
            }));
        }
    }
    Err(SourceError::Transient(format!(
        "{outbox} loses videos whenever it is read"
    )))
}

/// Reads one video by its id.
pub(crate) async fn fetch(net: &Net, creator: &Creator, id: &ApId) -> Result<Fetched, SourceError> {
    let value = match fetch_object(net, &id.to_url()).await? {
        Object::Found(value) => value,
        Object::Gone => return gone(net, creator, id).await,
        Object::Forbidden(status) => {
            return Ok(Fetched::NotPublic(format!(
                "PeerTube answers {status}: it is private, internal, password-protected or blocked"
            )));
        }
        Object::Unchanged => return Err(SourceError::Malformed(format!("{id} was answered with 304 unasked"))),
    };
    if !by_creator(&value, creator) {
        return Ok(Fetched::NotPublic(format!("it is not by {}", creator.actor)));
    }
    let post = post_from_activitypub(&value)
        .filter(|post| post.aliases.contains(id.as_str()))
        .ok_or_else(|| SourceError::Malformed(format!("{id} is not a video that can be read")))?;
    if post.visibility == Visibility::Private {
        return Ok(Fetched::NotPublic("it is not addressed to the public".into()));
    }
    Ok(Fetched::Post(Box::new(post)))
}

/// A missing video is gone only where its maker is still there: with federation switched off, nothing answers.
async fn gone(net: &Net, creator: &Creator, id: &ApId) -> Result<Fetched, SourceError> {
    match fetch_object(net, &creator.actor.to_url()).await? {
        Object::Found(_) => Ok(Fetched::Gone),
        _ => Err(SourceError::Unsupported(format!(
            "neither {id} nor {} can be read; federation may be switched off there",
            creator.actor
        ))),
    }
}

/// Accounts and channels come as objects, as plain URLs, in any order (contract peertube §4).
fn by_creator(video: &Value, creator: &Creator) -> bool {
    as_array(video.get("attributedTo").unwrap_or(&Value::Null))
        .iter()
        .filter_map(id_of)
        .any(|id| id == creator.actor.as_str())
}

/// The videos on a page. A page of which nothing can be read is no page without videos.
fn sightings(page: &Page, creator: &Creator) -> Result<Vec<Sighting>, SourceError> {
    if !page.items.is_empty() && page.items.iter().all(|item| object_of(item).is_none()) {
        return Err(SourceError::Malformed(format!(
            "the outbox of {} lists {} things and none that can be read",
            creator.actor,
            page.items.len()
        )));
    }
    Ok(page.items.iter().filter_map(|item| sighting(item, creator)).collect())
}

/// What an item is about, and its id.
fn object_of(item: &Value) -> Option<(&Value, ApId)> {
    let object = if item.is_object() { item.get("object")? } else { item };
    Some((object, ApId::parse(id_of(object)?)?))
}

fn sighting(item: &Value, creator: &Creator) -> Option<Sighting> {
    let is = |kind: &str| types_of(item).any(|t| t == kind);
    if item.is_object() && !is("Create") && !is("Announce") {
        return None;
    }
    let (object, id) = object_of(item)?;
    // A share of somebody else's video leads to another host, or fails the check of its author when it is fetched.
    if id.origin() != creator.actor.origin() {
        return None;
    }
    // An unlisted video may be announced, to nobody (contract peertube §3.2).
    let whole = object.is_object() && object.get("type").is_some();
    let audience = if whole { object.get("to") } else { item.get("to") };
    if audience.map_or(whole, |to| !is_public(to)) {
        return None;
    }
    if !whole {
        return Some(Sighting {
            id,
            title: None,
            published: None,
            ready: None,
            visibility: None,
        });
    }
    if !types_of(object).any(|t| t == "Video") || !by_creator(object, creator) {
        return None;
    }
    let ready = post_from_activitypub(object).map(|post| post.readiness == Readiness::Ready);
    Some(Sighting {
        title: object
            .get("name")
            .and_then(Value::as_str)
            .map(|t| t.chars().take(200).collect()),
        published: object.get("published").and_then(parse_instant),
        ready,
        visibility: Some(Visibility::Public),
        id,
    })
}

fn outbox(creator: &Creator) -> Result<&Url, SourceError> {
    creator.outbox.as_ref().ok_or_else(|| {
        SourceError::Unsupported(format!(
            "{} has no outbox (federation may be switched off there); use read = \"api\"",
            creator.actor
        ))
    })
}

fn cursor_of(place: &Place) -> Cursor {
    Cursor(serde_json::to_value(place).unwrap_or_default())
}
