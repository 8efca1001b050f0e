//! The `rss` reader: the account's feed, which lists pages; each post is then read as an ActivityPub object.
//!
//! A feed has neither visibility nor language nor edits, so nothing but addresses is taken from it. It shows the newest posts
//! only, and answers where the API is closed (contract mastodon §10).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tombolo_activitypub::source_error;
use tombolo_mastoapi::decoded;
use tombolo_model::{ApId, Cursor, Fetched, Listing, Origin, Poll, Sighting, SourceError};
use tombolo_net::{Answer, Get, Net};
use url::Url;

use super::{outbox, sighting_of};
use crate::source::Creator;

/// As many posts as Mastodon's feed shows.
pub(crate) const WINDOW: u32 = 20;
/// Most entries of a feed that are looked at.
const MAX_ITEMS: usize = 100;
/// Longest address that is kept.
const MAX_URL: usize = 2048;
/// Longest validator that is kept.
const MAX_ETAG: usize = 1024;

/// Where this reader stands.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
struct Place {
    /// Validator of the feed.
    etag: Option<String>,
    /// What the entries of the last time turned out to be; `None`: no public post.
    known: BTreeMap<String, Option<ApId>>,
}

/// Finds the feed: Mastodon's address, GoToSocial's, snac's.
pub(crate) async fn find_feed(net: &Net, instance: &Url, creator: &Creator) -> Result<Url, SourceError> {
    let actor = creator.actor.as_str().trim_end_matches('/');
    let candidates = [
        instance.join(&format!("/@{}.rss", creator.name)).ok(),
        instance.join(&format!("/@{}/feed.rss", creator.name)).ok(),
        Url::parse(&format!("{actor}.rss")).ok(),
    ];
    let mut last = 0;
    for feed in candidates
        .into_iter()
        .flatten()
        .filter(|feed| Origin::of(feed) == Origin::of(instance))
    {
        let answer = ask(net, &feed, None).await?;
        last = answer.status.as_u16();
        let Some(pages) = feed_of(&answer) else { continue };
        // A feed whose posts can't be read is of no use.
        if let Some(page) = pages.first()
            && let Err(e @ SourceError::Unsupported(_)) = outbox::fetch(net, creator, page).await
        {
            return Err(e);
        }
        return Ok(feed);
    }
    Err(SourceError::Unsupported(format!(
        "{} shows no RSS feed of @{} (status {last})",
        Origin::of(instance),
        creator.name
    )))
}

/// Reads the feed, and of its posts those that weren't in it the last time.
pub(crate) async fn poll(net: &Net, feed: &Url, creator: &Creator, cursor: &Cursor) -> Result<Poll, SourceError> {
    let place: Place = serde_json::from_value(cursor.0.clone()).unwrap_or_default();
    let answer = ask(net, feed, place.etag.as_deref()).await?;
    match answer.status.as_u16() {
        304 if place.etag.is_some() => return Ok(Poll::Unchanged),
        200 => {}
        status => {
            return Err(SourceError::Unsupported(format!(
                "the feed {feed} was answered with status {status}; use read = \"api\""
            )));
        }
    }
    let pages = feed_of(&answer).ok_or_else(|| SourceError::Malformed(format!("{feed} is no RSS feed")))?;
    let (mut sightings, mut known) = (Vec::new(), BTreeMap::new());
    for page in pages {
        let seen = match place.known.get(page.as_str()) {
            Some(Some(id)) => Some(Sighting {
                id: id.clone(),
                title: None,
                published: None,
                ready: None,
                visibility: None,
            }),
            Some(None) => None,
            None if page.origin() != creator.actor.origin() => None,
            None => match outbox::fetch(net, creator, &page).await? {
                Fetched::Post(post) => Some(sighting_of(&post)),
                Fetched::NotPublic(_) | Fetched::Gone => None,
            },
        };
        known.insert(page.as_str().to_owned(), seen.as_ref().map(|seen| seen.id.clone()));
        sightings.extend(seen);
    }
    let place = Place {
        etag: answer.etag().filter(|tag| tag.len() <= MAX_ETAG).map(str::to_owned),
        known,
    };
    Ok(Poll::Seen(Listing {
        sightings,
        cursor: Cursor(serde_json::to_value(&place).unwrap_or_default()),
        complete: false,
        scan_needed: false,
    }))
}

async fn ask(net: &Net, feed: &Url, etag: Option<&str>) -> Result<Answer, SourceError> {
    let get = Get {
        accept: "application/rss+xml, application/xml;q=0.9, */*;q=0.1",
        if_none_match: etag,
        ..Get::json(feed.clone())
    };
    net.get(&get).await.map_err(source_error)
}

/// The pages that an answer lists, if it is a feed.
fn feed_of(answer: &Answer) -> Option<Vec<ApId>> {
    let xml = answer.media_type().is_some_and(|kind| kind.contains("xml"));
    if !answer.status.is_success() || !xml {
        return None;
    }
    parse_feed(&String::from_utf8_lossy(&answer.body))
}

/// The addresses of a feed's entries, the first ones first; `None`: it is no feed.
pub(crate) fn parse_feed(xml: &str) -> Option<Vec<ApId>> {
    if !(xml.contains("<rss") && xml.contains("<channel")) {
        return None;
    }
    let mut pages: Vec<ApId> = Vec::new();
    let mut rest = xml;
    while let Some((from, to)) = element(rest, "item").filter(|_| pages.len() < MAX_ITEMS) {
        let item = &rest[from..to];
        let address = |name| element(item, name).and_then(|(from, to)| ApId::parse(text(&item[from..to])?.as_str()));
        if let Some(page) = address("link")
            .or_else(|| address("guid"))
            .filter(|page| page.as_str().len() <= MAX_URL)
            && !pages.contains(&page)
        {
            pages.push(page);
        }
        rest = &rest[to..];
    }
    Some(pages)
}

/// Where the content of the first element of this name begins and ends.
fn element(xml: &str, name: &str) -> Option<(usize, usize)> {
    let (open, close) = (format!("<{name}"), format!("</{name}>"));
    let mut from = 0;
    loop {
        let at = from + xml[from..].find(&open)?;
        let after = at + open.len();
        from = after;
        if !xml[after..].starts_with(|c: char| c == '>' || c.is_ascii_whitespace()) {
            continue;
        }
        let begins = after + xml[after..].find('>')? + 1;
        let ends = begins + xml[begins..].find(&close)?;
        return Some((begins, ends));
    }
}

/// The text of an element without elements in it.
fn text(content: &str) -> Option<String> {
    let content = content.trim();
    let plain = match content.strip_prefix("<![CDATA[") {
        Some(data) => data.strip_suffix("]]>")?.trim().to_owned(),
        None => decoded(content),
    };
    (plain.len() <= MAX_URL).then_some(plain)
}
