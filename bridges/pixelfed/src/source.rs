//! One creator on one Pixelfed instance, behind the one trait, by the reader that works there.
//!
//! | reader | what it sees |
//! |---|---|
//! | `api` with a token | everything but albums that mix photos and videos: Pixelfed lists those nowhere |
//! | `api` without one, or with a dead one | the same, as far as the route of the web pages shows it |
//! | `rss` | the ten newest public photos |
//!
//! The ActivityPub outbox has no items (contract pixelfed §0.10).

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::Mutex;
use tombolo_activitypub::Handle;
use tombolo_model::{
    ApId, Cache, Completeness, Cursor, Fetched, Origin, Poll, ReaderInfo, Readiness, Source, SourceError, SourceId,
};
use tombolo_net::Net;
use url::Url;

use crate::creator::{self, Creator};
use crate::own::OwnPages;
use crate::public::PublicPages;
use crate::wire::{Api, Failure};
use crate::{feed, fetch, listing};

/// How long is believed who is read. Pixelfed keeps WebFinger answers for a fortnight itself (contract pixelfed §1).
const CREATOR_AGE: Duration = Duration::from_secs(3 * 86_400);
/// How long the choice of a reader is believed.
const READER_AGE: Duration = Duration::from_secs(86_400);

/// Which reader the configuration asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Read {
    /// The most complete one that works.
    Auto,
    /// The API: with the token, or else the public list.
    Api,
    /// The ActivityPub outbox, which Pixelfed leaves empty.
    Outbox,
    /// The atom feed.
    Rss,
}

/// A creator's account, as a source of posts.
pub struct PixelfedSource {
    api: Api,
    handle: Handle,
    read: Read,
    cache: Arc<dyn Cache>,
    found: Mutex<Option<Found>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Reader {
    Token,
    Public,
    Rss,
}

#[derive(Clone, Debug, Default)]
struct Found {
    creator: Option<Creator>,
    /// Its number in the API.
    account: Option<String>,
    reader: Option<(Reader, String)>,
}

impl PixelfedSource {
    /// The creator `handle` on `instance`. With a token, private lists are read; nothing private is ever listed.
    pub fn new(
        net: Net,
        instance: Url,
        handle: Handle,
        token: Option<SecretString>,
        read: Read,
        cache: Arc<dyn Cache>,
    ) -> Self {
        Self {
            api: Api::new(net, instance, token),
            handle,
            read,
            cache,
            found: Mutex::new(None),
        }
    }

    fn origin(&self) -> Origin {
        Origin::of(self.api.instance())
    }

    fn cache_name(&self, what: &str) -> String {
        let with = if self.api.has_token() { " with a token" } else { "" };
        format!("pixelfed {what} {} {}{with}", self.origin(), self.handle)
    }

    fn cached<T: serde::de::DeserializeOwned>(&self, what: &str, age: Duration) -> Option<T> {
        let value = self
            .cache
            .get(&self.cache_name(what), age, self.api.net().clock().now())?;
        serde_json::from_value(value).ok()
    }

    fn keep(&self, what: &str, value: &impl Serialize) {
        let value = serde_json::to_value(value).unwrap_or_default();
        self.cache
            .put(&self.cache_name(what), &value, self.api.net().clock().now());
    }

    async fn creator(&self) -> Result<Creator, SourceError> {
        let mut found = self.found.lock().await;
        if let Some(creator) = found.as_ref().and_then(|f| f.creator.clone()) {
            return Ok(creator);
        }
        let creator = match self.cached("creator", CREATOR_AGE) {
            Some(creator) => creator,
            None => {
                let creator = creator::find(&self.api, &self.handle).await?;
                self.keep("creator", &creator);
                creator
            }
        };
        found.get_or_insert_default().creator = Some(creator.clone());
        Ok(creator)
    }

    /// The account's number in the API, as the token or the page for people tells it.
    async fn account(&self, creator: &Creator, by_token: bool) -> Result<String, SourceError> {
        let mut found = self.found.lock().await;
        if let Some(account) = found.as_ref().and_then(|f| f.account.clone()) {
            return Ok(account);
        }
        let account = match self.cached("account", CREATOR_AGE) {
            Some(account) => account,
            None => {
                let account = if by_token {
                    creator::account_by_token(&self.api, creator).await?
                } else {
                    creator::account_by_page(&self.api, creator).await?
                };
                self.keep("account", &account);
                account
            }
        };
        found.get_or_insert_default().account = Some(account.clone());
        Ok(account)
    }

    async fn reader_of(&self, creator: &Creator) -> Result<(Reader, String), SourceError> {
        let asked = |reader: &str| format!("read = \"{reader}\" says so");
        match (self.read, self.api.has_token()) {
            (Read::Outbox, _) => {
                return Err(SourceError::Unsupported(
                    "Pixelfed's outbox has no items; use read = \"api\" (or \"auto\")".into(),
                ));
            }
            (Read::Rss, _) => {
                return Ok((
                    Reader::Rss,
                    format!("{}; the newest ten photos, no videos", asked("rss")),
                ));
            }
            (Read::Api, false) => {
                let why = format!("{}; without a token it is the list of the web pages", asked("api"));
                return Ok((Reader::Public, why));
            }
            (Read::Api, true) | (Read::Auto, _) => {}
        }
        if let Some(known) = self.found.lock().await.as_ref().and_then(|f| f.reader.clone()) {
            return Ok(known);
        }
        let chosen = match self.cached("reader", READER_AGE) {
            Some(chosen) => chosen,
            None => {
                let chosen = self.choose(creator).await?;
                self.keep("reader", &chosen);
                chosen
            }
        };
        self.found.lock().await.get_or_insert_default().reader = Some(chosen.clone());
        Ok(chosen)
    }

    /// Tries the readers, the most complete first, and says why those before the chosen one don't work.
    async fn choose(&self, creator: &Creator) -> Result<(Reader, String), SourceError> {
        let mut no_token = String::new();
        if self.api.has_token() {
            match self.account(creator, true).await {
                Ok(_) => {
                    let why = "the token shows every post but albums that mix photos and videos, which Pixelfed lists \
                               nowhere";
                    return Ok((Reader::Token, why.into()));
                }
                Err(SourceError::AuthLost(why) | SourceError::Unsupported(why)) => no_token = format!("{why}; "),
                Err(e) => return Err(e),
            }
        }
        let public = match self.account(creator, false).await {
            Ok(account) => self.poll_public(&account, &Cursor::default()).await,
            Err(e) => Err(e),
        };
        let why_not = match public {
            Ok(_) => {
                let why = format!("{no_token}without a token, the list of the web pages shows most");
                return Ok((Reader::Public, why));
            }
            Err(e @ (SourceError::Malformed(_) | SourceError::Unsupported(_) | SourceError::NotFound(_))) => e,
            Err(e) => return Err(e),
        };
        if self.read == Read::Api {
            return Err(shut(!no_token.is_empty(), format!("{no_token}{why_not}")));
        }
        match feed::poll(&self.api, creator, &Cursor::default()).await {
            Ok(_) => Ok((Reader::Rss, format!("{no_token}{}", instead(&why_not)))),
            Err(SourceError::Transient(why)) => Err(SourceError::Transient(why)),
            Err(e) => {
                let why = format!(
                    "{no_token}{} shows {}'s posts to nobody without a token ({why_not}; {e}); configure a token that works",
                    self.origin(),
                    creator.name
                );
                Err(shut(!no_token.is_empty(), why))
            }
        }
    }

    async fn poll_public(&self, account: &str, cursor: &Cursor) -> Result<Poll, SourceError> {
        let clock = self.api.net().clock();
        let result = listing::poll(&mut PublicPages::new(&self.api, account), account, &**clock, cursor).await;
        self.unless_locked(account, result).await
    }

    async fn scan_public(&self, account: &str) -> Result<Poll, SourceError> {
        let result = listing::scan(&mut PublicPages::new(&self.api, account), account, self.api.net()).await;
        self.unless_locked(account, result).await
    }

    /// The list of a private account looks like that of one without posts.
    async fn unless_locked(&self, account: &str, result: Result<Poll, SourceError>) -> Result<Poll, SourceError> {
        let empty = matches!(&result, Ok(Poll::Seen(listing)) if listing.sightings.is_empty());
        if !empty {
            return result.map_err(closed);
        }
        let answer = self
            .api
            .open(&["api", "pixelfed", "v1", "accounts", account], &[])
            .await?;
        let account = match self.api.value(&answer, "the account") {
            Err(failure @ (Failure::Broken(..) | Failure::Throttled { .. })) => return Err(failure.into()),
            other => other.unwrap_or_default(),
        };
        if account.get("locked").and_then(Value::as_bool) == Some(true) {
            return Err(SourceError::NotFound(format!(
                "the account {} is private: without a token nothing of it can be read",
                self.handle
            )));
        }
        result
    }

    /// Forgets what a failed read may have shown to be out of date, so that the next one asks again.
    async fn doubt<T>(&self, result: Result<T, SourceError>) -> Result<T, SourceError> {
        if let Err(
            SourceError::NotFound(_)
            | SourceError::Unsupported(_)
            | SourceError::AuthLost(_)
            | SourceError::Malformed(_),
        ) = &result
        {
            *self.found.lock().await = None;
            for what in ["creator", "account", "reader"] {
                self.cache.forget(&self.cache_name(what));
            }
        }
        result
    }

    /// A public list that turns out not to be readable to its end gives way to the feed, from the next look on.
    async fn or_the_feed(&self, creator: &Creator, result: Result<Poll, SourceError>) -> Result<Poll, SourceError> {
        let why = match result {
            Err(SourceError::Unsupported(why)) if self.read == Read::Auto => why,
            other => return other,
        };
        if feed::poll(&self.api, creator, &Cursor::default()).await.is_err() {
            return Err(SourceError::Unsupported(why));
        }
        let chosen = (Reader::Rss, instead(&why));
        self.keep("reader", &chosen);
        self.found.lock().await.get_or_insert_default().reader = Some(chosen);
        Err(SourceError::Transient(format!("{why}; the feed is read from now on")))
    }

    async fn list(&self, cursor: &Cursor, everything: bool) -> Result<Poll, SourceError> {
        let creator = self.creator().await?;
        let (reader, _) = self.reader_of(&creator).await?;
        let clock = self.api.net().clock();
        let mut poll = match reader {
            Reader::Rss => feed::poll(&self.api, &creator, cursor).await,
            Reader::Public => {
                let account = self.account(&creator, false).await?;
                let result = if everything {
                    self.scan_public(&account).await
                } else {
                    self.poll_public(&account, cursor).await
                };
                self.or_the_feed(&creator, result).await
            }
            Reader::Token => {
                let account = self.account(&creator, true).await?;
                if everything {
                    let mut pages = OwnPages::new(&self.api, &account, Vec::new());
                    listing::scan(&mut pages, &account, self.api.net()).await
                } else {
                    let known = listing::Place::of(cursor).holes;
                    let mut pages = OwnPages::new(&self.api, &account, known);
                    listing::poll(&mut pages, &account, &**clock, cursor).await
                }
            }
        }?;
        // Another host can claim whatever it likes about a creator (contract activitypub §2.2).
        if let Poll::Seen(listing) = &mut poll {
            listing
                .sightings
                .retain(|sighting| sighting.id.origin() == creator.actor.origin());
        }
        Ok(poll)
    }
}

/// No reader works; `refused`: nor does the token.
fn shut(refused: bool, why: String) -> SourceError {
    if refused {
        SourceError::AuthLost(why)
    } else {
        SourceError::Unsupported(why)
    }
}

/// Why the feed is read.
fn instead(why_not: &impl std::fmt::Display) -> String {
    format!("the newest ten photos, no videos; the list of the web pages doesn't work here: {why_not}")
}

/// A public list that answers otherwise than with posts is closed.
fn closed(error: SourceError) -> SourceError {
    match error {
        SourceError::Malformed(why) | SourceError::NotFound(why) => SourceError::Unsupported(format!(
            "the public list is closed here ({why}); use a token, or read = \"rss\""
        )),
        other => other,
    }
}

#[async_trait]
impl Source for PixelfedSource {
    async fn id(&self) -> Result<SourceId, SourceError> {
        self.creator().await.map(|creator| SourceId(creator.actor))
    }

    async fn reader(&self) -> Result<ReaderInfo, SourceError> {
        let creator = self.creator().await?;
        let (reader, why) = self.reader_of(&creator).await?;
        let (name, completeness) = match reader {
            Reader::Token => ("api", Completeness::Complete),
            Reader::Public => ("api", Completeness::BestEffort),
            Reader::Rss => ("rss", Completeness::Window(feed::WINDOW)),
        };
        Ok(ReaderInfo {
            name: name.into(),
            completeness,
            why,
        })
    }

    async fn poll(&self, cursor: &Cursor) -> Result<Poll, SourceError> {
        let result = self.list(cursor, false).await;
        self.doubt(result).await
    }

    async fn scan(&self, cursor: &Cursor) -> Result<Poll, SourceError> {
        let result = self.list(cursor, true).await;
        self.doubt(result).await
    }

    async fn fetch(&self, id: &ApId) -> Result<Fetched, SourceError> {
        let creator = self.creator().await?;
        // Another host can claim whatever it likes about a creator (contract activitypub §2.2).
        if id.origin() != creator.actor.origin() {
            return Ok(Fetched::NotPublic(format!(
                "it is not on the server of {}",
                creator.actor
            )));
        }
        let (reader, _) = self.reader_of(&creator).await?;
        let result = match reader {
            Reader::Token => {
                let account = self.account(&creator, true).await?;
                fetch::with_token(&self.api, &account, id).await
            }
            Reader::Public | Reader::Rss => fetch::in_public(&self.api, &creator, id).await,
        };
        match result {
            // One post that can't be read says nothing of the others; a token that isn't taken does.
            Err(SourceError::AuthLost(_) | SourceError::Unsupported(_)) => self.doubt(result).await,
            other => other,
        }
    }

    async fn is_ready(&self, id: &ApId) -> Result<bool, SourceError> {
        Ok(matches!(
            self.fetch(id).await?,
            Fetched::Post(post) if post.readiness == Readiness::Ready
        ))
    }
}
