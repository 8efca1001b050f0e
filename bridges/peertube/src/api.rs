//! The `api` reader: the public REST lists, the newest first, and the detail of each video (contract peertube §3.1).

use std::collections::HashSet;

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tombolo_activitypub::{parse_instant, source_error};
use tombolo_model::{
    ApId, Cursor, Fetched, Listing, Origin, Poll, Readiness, Sighting, SourceError, Visibility, unsigned_of,
};
use tombolo_net::{Answer, Get, Net, Patience};
use url::Url;

use crate::post_from_api;
use crate::source::Creator;

/// Most a list gives at once.
const PAGE: usize = 100;
/// How far pages of a scan overlap, since a list that grows at its head shifts under the reader.
const OVERLAP: usize = 10;
/// Most videos of one scan, so that a server that makes up ids can't fill the memory.
const MAX_VIDEOS: usize = 50_000;
/// Longest time that the pages of one scan may take.
const MAX_TIME: TimeDelta = TimeDelta::minutes(15);
/// Longest validator that is kept.
const MAX_ETAG: usize = 1024;

/// Where this reader stands.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
struct Place {
    /// Validator of the first page.
    etag: Option<String>,
    /// What the list said its total is.
    total: Option<u64>,
    /// Whether the first page was all there is.
    whole: bool,
}

struct Page {
    sightings: Vec<Sighting>,
    /// Entries of the page, those that can't be used included.
    entries: usize,
    total: u64,
    etag: Option<String>,
}

impl Page {
    /// Whether a first page is all there is.
    fn is_all(&self) -> bool {
        self.total <= self.entries as u64
    }
}

/// Reads the first page. It is all there is for most creators, so a poll of theirs is a scan as well.
pub(crate) async fn poll(net: &Net, instance: &Url, creator: &Creator, cursor: &Cursor) -> Result<Poll, SourceError> {
    let place: Place = serde_json::from_value(cursor.0.clone()).unwrap_or_default();
    let Some(page) = first_page(net, instance, creator, place.etag.as_deref()).await? else {
        return Ok(Poll::Unchanged);
    };
    let complete = page.is_all();
    Ok(Poll::Seen(Listing {
        cursor: cursor_of(&page),
        complete,
        scan_needed: !complete && place.total != Some(page.total),
        sightings: page.sightings,
    }))
}

/// Reads all pages.
pub(crate) async fn scan(net: &Net, instance: &Url, creator: &Creator, cursor: &Cursor) -> Result<Poll, SourceError> {
    let place: Place = serde_json::from_value(cursor.0.clone()).unwrap_or_default();
    // An unchanged first page proves an unchanged list only where the list has no second one.
    let etag = place.etag.as_deref().filter(|_| place.whole);
    let Some(first) = first_page(net, instance, creator, etag).await? else {
        return Ok(Poll::Unchanged);
    };
    let (cursor, began) = (cursor_of(&first), net.clock().now());
    let mut patience = Patience::of_a_walk(net);
    let mut seen: HashSet<ApId> = first.sightings.iter().map(|s| s.id.clone()).collect();
    let mut sightings = first.sightings;
    let (mut start, mut entries, mut total) = (0, first.entries, first.total);
    // The total decides, not the length of a page: an instance may give fewer at once than were asked for.
    while entries > 0 && total > (start + entries) as u64 {
        let begins = start;
        start += entries - OVERLAP.min(entries / 2);
        if start > MAX_VIDEOS {
            return Err(SourceError::Malformed(format!(
                "the list of {instance} goes on after {start} videos, more than tombolo reads of one account"
            )));
        }
        if patience.walked_since(began) > MAX_TIME {
            return Err(SourceError::Transient(format!(
                "after {} minutes the list of {instance} still goes on, at place {start}",
                MAX_TIME.num_minutes()
            )));
        }
        let shown = begins + entries;
        let page = loop {
            match read_page(net, instance, creator, start, None).await {
                Err(error) if patience.outlasts(&error).await => {}
                other => break other?.ok_or_else(|| unasked(instance))?,
            }
        };
        (entries, total) = (page.entries, page.total);
        // Pages overlap: where videos were shown a moment ago, none is no end. And a total may count a few that aren't shown,
        // but not many.
        let missing = total.saturating_sub(start as u64);
        if entries == 0 && missing > 0 && (start < shown || missing > OVERLAP as u64) {
            return Err(cut_short(instance, start, total));
        }
        let before = sightings.len();
        sightings.extend(page.sightings.into_iter().filter(|s| seen.insert(s.id.clone())));
        if sightings.len() == before && entries > OVERLAP {
            return Err(SourceError::Malformed(format!(
                "the list of {instance} brings the same videos again from place {start} on; use read = \"outbox\""
            )));
        }
    }
    // What was published during the walk is at the head now.
    if start > 0 {
        let head = first_page(net, instance, creator, None)
            .await?
            .ok_or_else(|| unasked(instance))?;
        sightings.extend(head.sightings.into_iter().filter(|s| seen.insert(s.id.clone())));
    }
    Ok(Poll::Seen(Listing {
        sightings,
        cursor,
        complete: true,
        scan_needed: false,
    }))
}

/// A list that ends before its end would make a short baseline.
fn cut_short(instance: &Url, start: usize, total: u64) -> SourceError {
    SourceError::Malformed(format!(
        "the list of {instance} shows nothing from place {start} on, although it says that there are {total} videos; \
         should that go on, use read = \"outbox\""
    ))
}

fn unasked(instance: &Url) -> SourceError {
    SourceError::Malformed(format!("a list of {instance} was answered with 304 unasked"))
}

/// Whether the REST lists work here for this creator.
pub(crate) async fn probe(net: &Net, instance: &Url, creator: &Creator) -> Result<(), SourceError> {
    first_page(net, instance, creator, None).await.map(drop)
}

/// Reads one video, known by its id or its page: its detail, and its captions where it is public.
pub(crate) async fn fetch(net: &Net, instance: &Url, creator: &Creator, id: &ApId) -> Result<Fetched, SourceError> {
    let (key, detail) = match detail(net, instance, id).await? {
        Detail::Found(key, value) => (key, value),
        Detail::Other(fetched) => return Ok(fetched),
    };
    let post = |captions: &Value| {
        post_from_api(&detail, captions, instance)
            .filter(|post| post.aliases.contains(id.as_str()))
            .ok_or_else(|| SourceError::Malformed(format!("{instance} describes {id} in a way that can't be read")))
    };
    let plain = post(&Value::Null)?;
    let owner = |who: &str| detail.get(who).and_then(|o| o.get("url")).and_then(Value::as_str);
    if ![owner("channel"), owner("account")].contains(&Some(creator.actor.as_str())) {
        return Ok(Fetched::NotPublic(format!("it is not by {}", creator.actor)));
    }
    if plain.visibility == Visibility::Private {
        return Ok(Fetched::NotPublic("it is no longer public".into()));
    }
    let url = address(instance, &["api", "v1", "videos", &key, "captions"])?;
    let answer = net.get(&Get::json(url)).await.map_err(source_error)?;
    let captions: Value = if answer.status.is_success() {
        answer.json().unwrap_or_default()
    } else {
        Value::Null
    };
    Ok(Fetched::Post(Box::new(post(&captions)?)))
}

/// Whether a listed video is finished. Lists don't say (contract peertube §3.1).
pub(crate) async fn is_ready(net: &Net, instance: &Url, id: &ApId) -> Result<bool, SourceError> {
    let Detail::Found(_, value) = detail(net, instance, id).await? else {
        return Ok(false);
    };
    let post = post_from_api(&value, &Value::Null, instance);
    Ok(post.is_some_and(|post| post.readiness == Readiness::Ready && post.visibility == Visibility::Public))
}

enum Detail {
    Found(String, Value),
    Other(Fetched),
}

async fn detail(net: &Net, instance: &Url, id: &ApId) -> Result<Detail, SourceError> {
    let Some(key) = id
        .to_url()
        .path_segments()
        .and_then(|mut s| s.next_back().map(str::to_owned))
        .filter(|k| !k.is_empty())
    else {
        return Err(SourceError::Malformed(format!("{id} names no video")));
    };
    let url = address(instance, &["api", "v1", "videos", &key])?;
    let answer = net.get(&Get::json(url.clone())).await.map_err(source_error)?;
    match answer.status.as_u16() {
        200 => Ok(Detail::Found(key, json(&url, &answer)?)),
        status @ (401 | 403) if is_json(&answer) => Ok(Detail::Other(Fetched::NotPublic(format!(
            "PeerTube answers {status}: it is private, internal, password-protected or blocked"
        )))),
        404 | 410 if is_json(&answer) => Ok(Detail::Other(Fetched::Gone)),
        // PeerTube explains in JSON. What doesn't is in front of it, and says nothing about the video.
        status @ (401 | 403 | 404 | 410) => Err(SourceError::Transient(format!(
            "{url} was answered with status {status}, but not by PeerTube"
        ))),
        status => Err(SourceError::Malformed(format!(
            "{url} was answered with status {status}"
        ))),
    }
}

async fn first_page(
    net: &Net,
    instance: &Url,
    creator: &Creator,
    etag: Option<&str>,
) -> Result<Option<Page>, SourceError> {
    let page = read_page(net, instance, creator, 0, etag).await?;
    match page {
        Some(page) if page.entries == 0 && page.total > 0 => Err(cut_short(instance, 0, page.total)),
        page => Ok(page),
    }
}

/// `Ok(None)`: unchanged since `etag`.
async fn read_page(
    net: &Net,
    instance: &Url,
    creator: &Creator,
    start: usize,
    etag: Option<&str>,
) -> Result<Option<Page>, SourceError> {
    let list = if creator.is_channel {
        "video-channels"
    } else {
        "accounts"
    };
    let mut url = address(instance, &["api", "v1", list, &creator.name, "videos"])?;
    // `nsfw=both`: otherwise sensitive videos are missing on most instances (contract peertube §3.1).
    url.query_pairs_mut()
        .append_pair("start", &start.to_string())
        .append_pair("count", &PAGE.to_string())
        .append_pair("nsfw", "both")
        .append_pair("sort", "-publishedAt");
    let answer = net
        .get(&Get {
            if_none_match: etag,
            ..Get::json(url.clone())
        })
        .await
        .map_err(source_error)?;
    match answer.status.as_u16() {
        200 => {}
        304 if etag.is_some() => return Ok(None),
        status @ (404 | 410) if !is_json(&answer) => {
            return Err(SourceError::Unsupported(format!(
                "{instance} hides its lists (status {status}, and not by PeerTube)"
            )));
        }
        404 | 410 => {
            return Err(SourceError::NotFound(format!(
                "{instance} knows no {} named {}",
                creator.kind(),
                creator.name
            )));
        }
        status @ (401 | 403) => {
            return Err(SourceError::Unsupported(format!(
                "{instance} shows its lists to signed-in people only (status {status})"
            )));
        }
        status => {
            return Err(SourceError::Malformed(format!(
                "{url} was answered with status {status}"
            )));
        }
    }
    let value = json(&url, &answer)?;
    let (Some(entries), Some(total)) = (
        value.get("data").and_then(Value::as_array),
        value.get("total").and_then(unsigned_of),
    ) else {
        return Err(SourceError::Malformed(format!(
            "{url} was not answered with a list of videos"
        )));
    };
    if !entries.is_empty() && entries.iter().all(|entry| id_of_entry(entry).is_none()) {
        return Err(SourceError::Malformed(format!(
            "{url} was answered with {} entries and none that can be read",
            entries.len()
        )));
    }
    Ok(Some(Page {
        sightings: entries
            .iter()
            .take(PAGE)
            .filter_map(|entry| sighting(entry, creator))
            .collect(),
        entries: entries.len().min(PAGE),
        total,
        etag: answer.etag().filter(|tag| tag.len() <= MAX_ETAG).map(str::to_owned),
    }))
}

fn id_of_entry(entry: &Value) -> Option<ApId> {
    ApId::parse(entry.get("url")?.as_str()?)
}

fn sighting(entry: &Value, creator: &Creator) -> Option<Sighting> {
    let id = id_of_entry(entry)?;
    let privacy = entry.get("privacy").and_then(|p| p.get("id")).and_then(unsigned_of);
    let listed = id.origin() == creator.actor.origin() && privacy.is_none_or(|p| p == 1);
    listed.then(|| Sighting {
        title: entry
            .get("name")
            .and_then(Value::as_str)
            .map(|t| t.chars().take(200).collect()),
        published: entry.get("publishedAt").and_then(parse_instant),
        // A list has no state: state 2 is in it where the creator didn't ask to wait (contract peertube §5).
        ready: None,
        visibility: privacy.map(|_| Visibility::Public),
        id,
    })
}

fn cursor_of(page: &Page) -> Cursor {
    let place = Place {
        etag: page.etag.clone(),
        total: Some(page.total),
        whole: page.is_all(),
    };
    Cursor(serde_json::to_value(place).unwrap_or_default())
}

/// An address on the instance, each segment escaped.
pub(crate) fn address(instance: &Url, segments: &[&str]) -> Result<Url, SourceError> {
    let mut url = instance.clone();
    url.path_segments_mut()
        .map_err(|()| SourceError::Refused(format!("{instance} is no base URL")))?
        .clear()
        .extend(segments);
    Ok(url)
}

/// JSON, where the answer says that it is: a login page with status 200 is none.
pub(crate) fn json(url: &Url, answer: &Answer) -> Result<Value, SourceError> {
    let from = || format!("{}{}", Origin::of(url), url.path());
    if !is_json(answer) {
        let kind = answer.media_type().unwrap_or_default();
        return Err(SourceError::Malformed(format!(
            "{} was answered with {} instead of JSON (a login page or a proxy's notice?)",
            from(),
            if kind.is_empty() { "something untyped" } else { &kind }
        )));
    }
    answer
        .json()
        .map_err(|e| SourceError::Malformed(format!("{} was answered with JSON that can't be read: {e}", from())))
}

fn is_json(answer: &Answer) -> bool {
    answer.media_type().is_some_and(|kind| kind.contains("json"))
}
