//! The `outbox` reader: the ActivityPub outbox, newest first, all of its pages (contract mastodon §10).
//!
//! Never signs: servers that show it to signed requests only (GoToSocial, secure mode) are told apart from empty ones. An
//! outbox that names a total and shows nothing (Pixelfed) is no outbox without posts.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use tombolo_activitypub::{Object, Page, Walk, fetch_first_page, fetch_object, types_of};
use tombolo_model::{ApId, Cursor, Fetched, Listing, Poll, Sighting, SourceError, Visibility, as_array, id_of};
use tombolo_net::Net;
use url::Url;

use super::{is_by, sighting_of};
use crate::post::note_to_post;
use crate::source::Creator;

/// Where this reader stands.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
struct Place {
    /// The page the outbox begins with.
    first: Option<Url>,
    /// Its validator.
    etag: Option<String>,
    /// The newest post on it.
    newest: Option<ApId>,
}

/// Finds out whether the outbox can be read, and whether it has pages.
pub(crate) async fn probe(net: &Net, creator: &Creator) -> Result<bool, SourceError> {
    let outbox = outbox(creator)?;
    let first = fetch_first_page(net, outbox).await?;
    let mut walk = Walk::from(net, first.clone());
    let page = walk.first_if_changed(None).await?;
    let paged = first != *outbox;
    page.map_or(Ok(()), |page| sightings(&page, creator, paged).map(drop))?;
    Ok(paged)
}

/// Reads the first page, and on until the newest post of the last time.
pub(crate) async fn poll(net: &Net, creator: &Creator, cursor: &Cursor) -> Result<Poll, SourceError> {
    let place: Place = serde_json::from_value(cursor.0.clone()).unwrap_or_default();
    let outbox = outbox(creator)?;
    let first = match place.first.clone() {
        Some(first) => first,
        None => fetch_first_page(net, outbox).await?,
    };
    let paged = first != *outbox;
    let mut walk = Walk::from(net, first.clone());
    let Some(page) = walk.first_if_changed(place.etag.as_deref()).await? else {
        return Ok(Poll::Unchanged);
    };
    let etag = walk.etag.clone();
    let mut found = sightings(&page, creator, paged)?;
    let newest = found.first().map(|sighting| sighting.id.clone());
    let mut whole = page.next.is_none() || page.items.is_empty();
    if let Some(known) = &place.newest {
        while !whole && !found.iter().any(|sighting| sighting.id == *known) {
            match walk.next().await? {
                Some(page) => found.extend(sightings(&page, creator, paged)?),
                None => whole = true,
            }
        }
    }
    let scan_needed = !whole && place.newest.is_none() && cursor.0.is_null();
    Ok(Poll::Seen(Listing {
        sightings: distinct(found),
        cursor: cursor_of(&Place {
            first: Some(first),
            etag,
            newest: newest.or(place.newest),
        }),
        complete: whole && paged,
        scan_needed,
    }))
}

/// Reads all pages.
pub(crate) async fn scan(net: &Net, creator: &Creator) -> Result<Poll, SourceError> {
    let outbox = outbox(creator)?;
    let first = fetch_first_page(net, outbox).await?;
    let paged = first != *outbox;
    let mut walk = Walk::from(net, first.clone()).patient();
    let (mut found, mut etag) = (Vec::new(), None);
    let mut page = walk.first_if_changed(None).await?;
    while let Some(current) = page {
        etag = etag.or_else(|| walk.etag.clone());
        found.extend(sightings(&current, creator, paged)?);
        page = walk.next().await?;
    }
    let found = distinct(found);
    let place = Place {
        first: Some(first),
        etag,
        newest: found.first().map(|sighting| sighting.id.clone()),
    };
    Ok(Poll::Seen(Listing {
        sightings: found,
        cursor: cursor_of(&place),
        complete: paged,
        scan_needed: false,
    }))
}

/// Reads one post by its address.
pub(crate) async fn fetch(net: &Net, creator: &Creator, id: &ApId) -> Result<Fetched, SourceError> {
    let note = match fetch_object(net, &id.to_url()).await? {
        Object::Found(note) => note,
        Object::Gone => return gone(net, creator, id).await,
        Object::Forbidden(status) => return Err(needs_signing(id.as_str(), status)),
        Object::Unchanged => return Err(SourceError::Malformed(format!("{id} was answered with 304 unasked"))),
    };
    if !is_by(&note, &creator.actor) {
        return Ok(Fetched::NotPublic(format!("it is not by {}", creator.actor)));
    }
    let named = |post: &tombolo_model::Post| post.id == *id || post.aliases.contains(id.as_str());
    let mut post = note_to_post(&note, &creator.home())
        .filter(named)
        .ok_or_else(|| SourceError::Malformed(format!("{id} is not a post that can be read")))?;
    if post.visibility == Visibility::Private {
        return Ok(Fetched::NotPublic("it is not addressed to the public".into()));
    }
    // Where addresses don't tell whose the answered post is (Pleroma), that post does.
    if let Some(reply) = post.reply.as_mut().filter(|reply| !reply.own)
        && let Some(to) = reply.to.clone().filter(|to| to.origin() == creator.actor.origin())
        && let Object::Found(parent) = fetch_object(net, &to.to_url()).await?
    {
        reply.own = is_by(&parent, &creator.actor);
    }
    Ok(Fetched::Post(Box::new(post)))
}

/// A missing post is gone only where its author is still there: with federation switched off, nothing answers.
async fn gone(net: &Net, creator: &Creator, id: &ApId) -> Result<Fetched, SourceError> {
    match fetch_object(net, &creator.actor.to_url()).await? {
        Object::Found(actor) if actor.get("suspended").and_then(Value::as_bool) == Some(true) => Err(
            SourceError::NotFound(format!("{} is suspended by its instance", creator.actor)),
        ),
        Object::Found(_) => Ok(Fetched::Gone),
        Object::Forbidden(status) => Err(needs_signing(creator.actor.as_str(), status)),
        _ => Err(SourceError::Unsupported(format!(
            "neither {id} nor {} can be read; federation may be switched off there",
            creator.actor
        ))),
    }
}

fn needs_signing(what: &str, status: u16) -> SourceError {
    SourceError::Unsupported(format!(
        "{what} is shown to signed requests only (status {status}); use read = \"api\" with a token"
    ))
}

/// The posts on a page. A page of which nothing can be read is no page without posts.
fn sightings(page: &Page, creator: &Creator, paged: bool) -> Result<Vec<Sighting>, SourceError> {
    if !page.items.is_empty() && page.items.iter().all(|item| object_of(item).is_none()) {
        return Err(SourceError::Malformed(format!(
            "the outbox of {} lists {} things and none that can be read",
            creator.actor,
            page.items.len()
        )));
    }
    if !paged && page.items.is_empty() && page.total.is_some_and(|total| total > 0) {
        return Err(SourceError::Unsupported(format!(
            "the outbox of {} says only how many posts there are; use read = \"api\"",
            creator.actor
        )));
    }
    Ok(page.items.iter().filter_map(|item| sighting(item, creator)).collect())
}

/// What an item is about, and its id.
fn object_of(item: &Value) -> Option<(&Value, ApId)> {
    let object = if item.is_object() {
        item.get("object").unwrap_or(item)
    } else {
        item
    };
    Some((object, ApId::parse(id_of(object)?)?))
}

fn sighting(item: &Value, creator: &Creator) -> Option<Sighting> {
    let is = |kind: &str| types_of(item).any(|t| t == kind);
    if is("Announce") || (item.get("object").is_some() && !is("Create")) {
        return None;
    }
    let (object, id) = object_of(item)?;
    if id.origin() != creator.actor.origin() {
        return None;
    }
    // What is named by its id alone shows when it is fetched.
    if !object.is_object() || object.get("type").is_none() {
        return Some(Sighting {
            id,
            title: None,
            published: None,
            ready: None,
            visibility: None,
        });
    }
    let by_actor = || {
        let authors = as_array(item.get("actor").unwrap_or(&Value::Null));
        object.get("attributedTo").is_none() && authors.iter().filter_map(id_of).any(|a| a == creator.actor.as_str())
    };
    if !is_by(object, &creator.actor) && !by_actor() {
        return None;
    }
    let post = note_to_post(object, &creator.home())?;
    (post.visibility != Visibility::Private).then(|| sighting_of(&post))
}

fn distinct(found: Vec<Sighting>) -> Vec<Sighting> {
    let mut seen = HashSet::new();
    found
        .into_iter()
        .filter(|sighting| seen.insert(sighting.id.clone()))
        .collect()
}

fn outbox(creator: &Creator) -> Result<&Url, SourceError> {
    creator.outbox.as_ref().ok_or_else(|| {
        SourceError::Unsupported(format!(
            "{} shows no outbox to requests that aren't signed; use read = \"api\" with a token",
            creator.actor
        ))
    })
}

fn cursor_of(place: &Place) -> Cursor {
    Cursor(serde_json::to_value(place).unwrap_or_default())
}
