//! The `api` reader: the account's statuses by Mastodon's client API, with its own token or openly (contract mastodon §7).
//!
//! With the token everything is listed, private messages too: nothing is taken before its visibility was looked at. Ids are
//! opaque; a page that brings no unseen one ends a walk, since then a parameter changes nothing here.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, PoisonError};

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tombolo_activitypub::{Handle, Object, fetch_object};
use tombolo_mastoapi::{AccountEntity, Client, Status, parse_account, parse_status};
use tombolo_model::{ApId, Cache, Cursor, Fetched, Listing, Origin, Poll, Post, Sighting, SourceError, Visibility};
use tombolo_net::Patience;

use super::pages::{
    Page, ask, check_account, check_open, closed, document, is_json, read_page, refuse_closed, unasked,
};
use super::{is_by, outbox, reading, sighting_of};
use crate::known;
use crate::post::{note_to_post, status_to_post};
use crate::source::Creator;

/// Most a listing gives at once (contract mastodon §7.1).
const PAGE: usize = 40;
/// Most statuses of one walk, so that a server that makes up ids can't fill the memory.
const MAX_STATUSES: usize = 50_000;
/// Longest time that the pages of one walk may take.
const MAX_TIME: TimeDelta = TimeDelta::minutes(15);
/// Most addresses whose ids in the API are remembered.
const MAX_KNOWN: usize = 10_000;

/// What this reader knows of the server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Api {
    /// The account's id in the API.
    pub(crate) account: String,
    /// Whether it is asked with the token.
    pub(crate) with_token: bool,
    /// Where parameters change nothing: how many statuses it shows.
    pub(crate) window: Option<u32>,
}

/// Ids in the API by the addresses of the posts, as far as listings showed them.
#[derive(Debug, Default)]
pub(crate) struct Known(Mutex<HashMap<String, String>>);

impl Known {
    fn note(&self, status: &Status) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MAX_KNOWN {
            known.clear();
        }
        for address in std::iter::once(&status.uri).chain(&status.url) {
            known.insert(address.clone(), status.id.clone());
        }
    }

    fn id_of(&self, address: &str) -> Option<String> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(address)
            .cloned()
    }
}

/// Where this reader stands.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
struct Place {
    /// Validator of the newest page.
    etag: Option<String>,
    /// Id in the API of the newest entry.
    newest: Option<String>,
    /// Whether the newest page was all there is.
    whole: bool,
}

/// The account that is read: the token's own, which must be the handle's, or the one that is found by its name.
pub(crate) async fn account(client: &Client, handle: &Handle, with_token: bool) -> Result<AccountEntity, SourceError> {
    let origin = Origin::of(client.instance());
    if with_token {
        let answer = ask(client, &["api", "v1", "accounts", "verify_credentials"], &[], None).await?;
        let account = match answer.status.as_u16() {
            // 422: the token is no person's (contract mastodon §1.4), or unknown (snac).
            401 | 403 | 422 => return Err(closed(client, &answer, "the token isn't taken")),
            _ => document(client, &answer).and_then(|value| {
                let unreadable = || SourceError::Malformed(format!("{origin} doesn't say whose token it is"));
                parse_account(&value).ok_or_else(unreadable)
            })?,
        };
        if !account.username.eq_ignore_ascii_case(&handle.name) {
            return Err(SourceError::NotFound(format!(
                "the token belongs to @{} on {origin}, not to {handle}; change the handle, or sign in as {handle}",
                account.username
            )));
        }
        return Ok(account);
    }
    let path = ["api", "v1", "accounts", "lookup"];
    let answer = ask(client, &path, &[("acct", handle.name.clone())], None).await?;
    if answer.status.as_u16() != 404 {
        refuse_closed(client, &answer)?;
        if let Some(account) = document(client, &answer).ok().as_ref().and_then(parse_account) {
            return Ok(account);
        }
    }
    // Servers without this call know a search instead.
    let path = ["api", "v1", "accounts", "search"];
    let query = [("q", handle.name.clone()), ("limit", "5".to_owned())];
    let answer = ask(client, &path, &query, None).await?;
    refuse_closed(client, &answer)?;
    let found = document(client, &answer).unwrap_or_default();
    let here = |value: &&Value| {
        let acct = value.get("acct").and_then(Value::as_str).unwrap_or_default();
        acct.eq_ignore_ascii_case(&handle.name)
    };
    let account = found
        .as_array()
        .and_then(|all| all.iter().find(here))
        .and_then(parse_account);
    account.ok_or_else(|| SourceError::Unsupported(format!("the API of {origin} finds no account {handle}")))
}

/// Finds out whether the account can be read this way, and how far its listing goes.
pub(crate) async fn probe(
    client: &Client,
    handle: &Handle,
    creator: &Creator,
    with_token: bool,
) -> Result<Api, SourceError> {
    let account = account(client, handle, with_token).await?;
    let named = account.uri.as_deref();
    if named.is_some_and(|uri| uri != creator.actor.as_str()) {
        return Err(SourceError::Unsupported(format!(
            "the API knows {} as {}, but its actor is {}",
            account.username,
            named.unwrap_or_default(),
            creator.actor
        )));
    }
    if account.suspended {
        return Err(SourceError::NotFound(format!(
            "{} is suspended by its instance",
            creator.actor
        )));
    }
    let mut api = Api {
        account: account.id,
        with_token,
        window: None,
    };
    let few = [("limit", "2".to_owned())];
    let first = read_page(client, &api, &few, None)
        .await?
        .ok_or_else(|| unasked(client))?;
    if first.statuses.len() > 1 {
        let last = first
            .statuses
            .last()
            .map(|status| status.id.clone())
            .unwrap_or_default();
        let older = [("limit", "2".to_owned()), ("max_id", last)];
        let older = read_page(client, &api, &older, None)
            .await?
            .ok_or_else(|| unasked(client))?;
        let newest = first.ids().next();
        if older.ids().any(|id| Some(id) == newest) {
            // snac: the newest 256, whatever is asked. With fewer posts than that it shows fewer, so this is a lower bound.
            // Where the number asked for counts all the same, it is that of a page.
            let shown = if first.statuses.len() > 2 {
                first.statuses.len()
            } else {
                PAGE
            };
            api.window = Some(u32::try_from(shown).unwrap_or(u32::MAX));
        }
    }
    Ok(api)
}

/// Reads the newest page again, for what was edited, deleted or late; and what lies between it and the one before.
pub(crate) async fn poll(
    client: &Client,
    api: &Api,
    creator: &Creator,
    cursor: &Cursor,
    known: &Known,
) -> Result<Poll, SourceError> {
    let place: Place = serde_json::from_value(cursor.0.clone()).unwrap_or_default();
    let Some(first) = read_page(client, api, &newest(), place.etag.as_deref()).await? else {
        return Ok(Poll::Unchanged);
    };
    check_open(client, api, &first).await?;
    let here = place_of(&first);
    let complete = first.last && api.window.is_none();
    let mut found = Listed::new(api, creator, known);
    found.take(&first);
    let mut scan_needed = false;
    let met = |page: &Page, id: &String| page.ids().any(|seen| seen == id);
    match place
        .newest
        .filter(|newest| !complete && api.window.is_none() && !met(&first, newest))
    {
        Some(newest) => scan_needed = !fill_gap(client, api, newest, &mut found).await?,
        // Nothing is known of what is older.
        None if here.newest.is_some() && cursor.0.is_null() => scan_needed = !complete,
        None => {}
    }
    Ok(Poll::Seen(Listing {
        sightings: found.sightings,
        cursor: cursor_of(&here),
        complete,
        scan_needed,
    }))
}

/// Walks upwards from what was seen last; whether it met what was seen already, so that nothing is missing between.
async fn fill_gap(client: &Client, api: &Api, newest: String, found: &mut Listed<'_>) -> Result<bool, SourceError> {
    // The newest page is a full one, or nothing would be missing.
    let full = found.seen.len();
    let began = client.net().clock().now();
    let mut above = newest;
    while found.seen.len() < MAX_STATUSES && client.net().clock().now() - began <= MAX_TIME {
        let query = [("limit", PAGE.to_string()), ("min_id", above.clone())];
        let page = read_page(client, api, &query, None)
            .await?
            .ok_or_else(|| unasked(client))?;
        let Some(next) = page.ids().next().cloned() else {
            return Ok(true);
        };
        let met = page.ids().any(|id| found.seen.contains(id));
        // Where the parameter means what since_id does, or nothing, the newest page comes again: a full one whose oldest entry
        // was met before.
        let from_below = page.statuses.len() < full || page.ids().last().is_some_and(|id| !found.seen.contains(id));
        found.take(&page);
        if met || next == above {
            return Ok(met && from_below && next != above);
        }
        above = next;
    }
    Ok(false)
}

/// Reads all pages.
pub(crate) async fn scan(
    client: &Client,
    api: &Api,
    creator: &Creator,
    cursor: &Cursor,
    known: &Known,
) -> Result<Poll, SourceError> {
    let place: Place = serde_json::from_value(cursor.0.clone()).unwrap_or_default();
    // An unchanged newest page proves an unchanged list only where it is all there is.
    let etag = place.etag.as_deref().filter(|_| place.whole);
    let Some(first) = read_page(client, api, &newest(), etag).await? else {
        return Ok(Poll::Unchanged);
    };
    check_open(client, api, &first).await?;
    // Asked where the list is the first of its kind.
    let promised = if cursor.0.is_null() {
        check_account(client, api).await.ok().flatten()
    } else {
        None
    };
    let (here, began) = (place_of(&first), client.net().clock().now());
    let mut patience = Patience::of_a_walk(client.net());
    let mut found = Listed::new(api, creator, known);
    found.take(&first);
    let (mut page, mut pages, mut complete) = (first, 1, true);
    while let Some(last) = page
        .statuses
        .last()
        .map(|status| status.id.clone())
        .filter(|_| !page.last)
    {
        if found.seen.len() > MAX_STATUSES {
            return Err(SourceError::Malformed(format!(
                "the list of {} goes on after {MAX_STATUSES} posts, more than tombolo reads of one account",
                creator.actor
            )));
        }
        if patience.walked_since(began) > MAX_TIME {
            return Err(SourceError::Transient(format!(
                "after {} minutes the list of {} still goes on, at {last}",
                MAX_TIME.num_minutes(),
                creator.actor
            )));
        }
        let query = [("limit", PAGE.to_string()), ("max_id", last)];
        page = read_on(client, api, &query, &mut patience).await?;
        pages += 1;
        if found.take(&page) == 0 {
            // An empty page is the end; one without anything new means that the parameter changes nothing here.
            complete = page.statuses.is_empty();
            break;
        }
    }
    // What was published during the walk is at the head now.
    if pages > 1 && complete {
        found.take(&read_on(client, api, &newest(), &mut patience).await?);
    }
    // Lists of a suspended account are empty, and caches show old ones (contract mastodon §0a.10, §7.1). Boosts, and posts that
    // only some may see, count too.
    if promised.is_some_and(|promised| promised > found.seen.len() as u64) {
        complete = false;
    }
    Ok(Poll::Seen(Listing {
        sightings: found.sightings,
        cursor: cursor_of(&here),
        complete: complete && api.window.is_none(),
        scan_needed: false,
    }))
}

/// Reads another page of a walk, when the server allows.
async fn read_on(
    client: &Client,
    api: &Api,
    query: &[(&str, String)],
    patience: &mut Patience<'_>,
) -> Result<Page, SourceError> {
    loop {
        match read_page(client, api, query, None).await {
            Err(error) if patience.outlasts(&error).await => {}
            other => return other?.ok_or_else(|| unasked(client)),
        }
    }
}

/// Reads one post. `whole`: what it answers is looked up too, and whether it is as public as the API says.
pub(crate) async fn fetch(
    client: &Client,
    cache: &dyn Cache,
    api: &Api,
    creator: &Creator,
    id: &ApId,
    known: &Known,
    whole: bool,
) -> Result<Fetched, SourceError> {
    let (mut missing, mut shut) = (false, None);
    let keys = [known.id_of(id.as_str()), id_in_path(id)];
    let mut tried: Option<String> = None;
    for key in keys.into_iter().flatten() {
        if tried.as_ref() == Some(&key) {
            continue;
        }
        let answer = ask(client, &["api", "v1", "statuses", &key], &[], None).await?;
        tried = Some(key);
        match answer.status.as_u16() {
            404 | 410 if is_json(&answer) => missing = true,
            // snac has no API for it without a token, others show a page: what they say there is no evidence.
            404 | 405 | 410 => {}
            // snac lists openly, but shows single posts to tokens only; their own addresses show them too.
            401 | 403 if !api.with_token => shut = refuse_closed(client, &answer).err(),
            _ => {
                refuse_closed(client, &answer)?;
                let status = document(client, &answer).ok().as_ref().and_then(parse_status);
                if let Some(status) = status.filter(|status| is_named(status, id)) {
                    return settle(client, cache, api, creator, &status, whole).await;
                }
            }
        }
    }
    // The server may know its own address better than we can read it (Pleroma, snac).
    if api.with_token
        && !missing
        && let Ok(Some(status)) = client.search_status(id.as_str()).await
        && is_named(&status, id)
    {
        known.note(&status);
        return settle(client, cache, api, creator, &status, whole).await;
    }
    if missing {
        // Without a sight of the account nothing proves that the post is gone: a suspended one hides everything
        // (contract mastodon §0a.10).
        check_account(client, api).await?;
        return Ok(Fetched::Gone);
    }
    match outbox::fetch(client.net(), creator, id).await {
        Err(SourceError::Unsupported(_)) if api.with_token => Ok(Fetched::NotPublic(format!(
            "neither the API nor the address itself shows {id}"
        ))),
        Err(SourceError::Unsupported(why)) => Err(shut.unwrap_or(SourceError::Unsupported(why))),
        other => other,
    }
}

/// What a status amounts to for the creator's readers.
async fn settle(
    client: &Client,
    cache: &dyn Cache,
    api: &Api,
    creator: &Creator,
    status: &Status,
    whole: bool,
) -> Result<Fetched, SourceError> {
    if status.author.as_deref().is_some_and(|author| author != api.account) {
        return Ok(Fetched::NotPublic(format!("it is not by {}", creator.actor)));
    }
    if status.boosted.is_some() {
        return Ok(Fetched::NotPublic("it is a boost".into()));
    }
    if let Some(at) = &status.expires_at {
        return Ok(Fetched::NotPublic(format!(
            "it disappears by itself at {at}, and its copy wouldn't"
        )));
    }
    let parent = match status.in_reply_to_id.as_deref().filter(|_| whole) {
        Some(id) => client.status(id).await.map_err(reading)?,
        None => None,
    };
    let mut status = Cow::Borrowed(status);
    if status.in_reply_to_account_id.is_none()
        && let Some(author) = parent.as_ref().and_then(|parent| parent.author.clone())
    {
        status.to_mut().in_reply_to_account_id = Some(author);
    }
    let (status, parent) = (&*status, parent.and_then(|parent| ApId::parse(&parent.uri)));
    let mut post = status_to_post(status, &creator.home(), parent)
        .filter(|post| post.id.origin() == creator.actor.origin())
        .ok_or_else(|| SourceError::Malformed(format!("{} describes a post without a usable id", client.instance())))?;
    if post.visibility == Visibility::Private {
        let shown = status.visibility.as_deref().unwrap_or("not said");
        let word: String = shown.chars().take(40).collect();
        return Ok(Fetched::NotPublic(format!("its visibility is {word}")));
    }
    if whole && !names_api(client, cache).await {
        as_its_object_says(client, creator, &mut post).await?;
        if post.visibility == Visibility::Private {
            return Ok(Fetched::NotPublic("it is not addressed to the public".into()));
        }
    }
    Ok(Fetched::Post(Box::new(post)))
}

/// Whether the server is of Mastodon's own kind, whose API says who may see a post.
async fn names_api(client: &Client, cache: &dyn Cache) -> bool {
    let known = known::Known::of(client, cache).await;
    known.is_ok_and(|known| known.names_api)
}

/// Other servers may call public by their API what isn't, and say one language of all posts (snac): what a post's object says
/// is what others go by. Where it isn't shown to unsigned requests, the API's word is all there is.
async fn as_its_object_says(client: &Client, creator: &Creator, post: &mut Post) -> Result<(), SourceError> {
    let note = match fetch_object(client.net(), &post.id.to_url()).await {
        Ok(Object::Found(note)) if is_by(&note, &creator.actor) => note,
        Ok(_) | Err(SourceError::Malformed(_) | SourceError::Unsupported(_) | SourceError::NotFound(_)) => {
            return Ok(());
        }
        // Whether it is public shows another time.
        Err(error) => return Err(error),
    };
    if let Some(shown) = note_to_post(&note, &creator.home()).filter(|shown| shown.id == post.id) {
        post.visibility = post.visibility.max(shown.visibility);
        post.language = shown.language;
    }
    Ok(())
}

fn is_named(status: &Status, id: &ApId) -> bool {
    status.uri == id.as_str() || status.url.as_deref() == Some(id.as_str())
}

/// The id in the API, where an address holds it: `…/statuses/ID`, `/@name/ID`, `/@name/statuses/ID`, `/notice/ID`.
fn id_in_path(id: &ApId) -> Option<String> {
    let url = id.to_url();
    let segments: Vec<&str> = url.path_segments()?.collect();
    let (last, before) = segments.split_last()?;
    let parent = before.last()?;
    let holds = matches!(*parent, "statuses" | "notice") || (before.len() == 1 && parent.starts_with('@'));
    let plain = !last.is_empty() && last.len() <= 64 && last.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    (holds && plain).then(|| (*last).to_owned())
}

/// What a walk has seen.
struct Listed<'a> {
    api: &'a Api,
    creator: &'a Creator,
    known: &'a Known,
    /// Ids of all entries, those that aren't carried included.
    seen: HashSet<String>,
    ids: HashSet<ApId>,
    sightings: Vec<Sighting>,
}

impl<'a> Listed<'a> {
    fn new(api: &'a Api, creator: &'a Creator, known: &'a Known) -> Self {
        Self {
            api,
            creator,
            known,
            seen: HashSet::new(),
            ids: HashSet::new(),
            sightings: Vec::new(),
        }
    }

    /// Takes a page; how many of its entries are new to the walk.
    fn take(&mut self, page: &Page) -> usize {
        let before = self.seen.len();
        for status in &page.statuses {
            if !self.seen.insert(status.id.clone()) {
                continue;
            }
            if let Some(sighting) = self.sighting(status) {
                self.sightings.push(sighting);
            }
        }
        self.seen.len() - before
    }

    fn sighting(&mut self, status: &Status) -> Option<Sighting> {
        // snac lists an own post that anybody boosted as that boost (REPORT §0.9).
        let status = status.boosted.as_deref().unwrap_or(status);
        if status
            .author
            .as_deref()
            .is_some_and(|author| author != self.api.account)
        {
            return None;
        }
        let post = status_to_post(status, &self.creator.home(), None)?;
        if post.visibility == Visibility::Private || post.id.origin() != self.creator.actor.origin() {
            return None;
        }
        self.known.note(status);
        self.ids.insert(post.id.clone()).then(|| sighting_of(&post))
    }
}

fn newest() -> [(&'static str, String); 1] {
    [("limit", PAGE.to_string())]
}

fn place_of(page: &Page) -> Place {
    Place {
        etag: page.etag.clone(),
        newest: page.ids().next().cloned(),
        whole: page.last,
    }
}

fn cursor_of(place: &Place) -> Cursor {
    Cursor(serde_json::to_value(place).unwrap_or_default())
}
