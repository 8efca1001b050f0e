//! One creator on one PeerTube instance, behind the one trait, by either reader.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::Mutex;
use tombolo_activitypub::{Handle, fetch_actor, find_actor, source_error};
use tombolo_model::{
    ApId, Cache, Completeness, Cursor, Fetched, Origin, Poll, ReaderInfo, Source, SourceError, SourceId,
};
use tombolo_net::{Get, Net};
use url::Url;

use crate::{api, outbox};

/// How long an actor is believed. Mastodon lets WebFinger answers be kept for three days (contract activitypub §1.1).
const ACTOR_AGE: Duration = Duration::from_secs(3 * 86_400);
/// How long the choice of a reader is believed.
const READER_AGE: Duration = Duration::from_secs(86_400);

/// Which reader the configuration asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Read {
    /// The more complete one that works.
    Auto,
    /// The ActivityPub outbox.
    Outbox,
    /// The REST API.
    Api,
}

/// A creator's account or channel, as a source of posts.
pub struct PeerTube {
    net: Net,
    instance: Url,
    handle: Handle,
    read: Read,
    cache: Arc<dyn Cache>,
    found: Mutex<Option<Found>>,
}

/// Whose videos are read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Creator {
    pub(crate) actor: ApId,
    pub(crate) is_channel: bool,
    pub(crate) name: String,
    pub(crate) outbox: Option<Url>,
}

impl Creator {
    pub(crate) fn kind(&self) -> &'static str {
        if self.is_channel { "channel" } else { "account" }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Reader {
    Api,
    Outbox,
}

#[derive(Clone, Debug)]
struct Found {
    creator: Creator,
    reader: Option<(Reader, String)>,
}

impl PeerTube {
    /// The creator `handle` on `instance`.
    pub fn new(net: Net, instance: Url, handle: Handle, read: Read, cache: Arc<dyn Cache>) -> Self {
        Self {
            net,
            instance,
            handle,
            read,
            cache,
            found: Mutex::new(None),
        }
    }

    fn cache_name(&self, what: &str) -> String {
        format!("peertube {what} {} {}", Origin::of(&self.instance), self.handle)
    }

    /// Who is read: from memory, from the cache, or asked of the instance.
    async fn creator(&self) -> Result<Creator, SourceError> {
        let mut found = self.found.lock().await;
        if let Some(found) = &*found {
            return Ok(found.creator.clone());
        }
        let (name, now) = (self.cache_name("creator"), self.net.clock().now());
        let cached = self
            .cache
            .get(&name, ACTOR_AGE, now)
            .and_then(|value| serde_json::from_value(value).ok());
        let creator = match cached {
            Some(creator) => creator,
            None => {
                let creator = self.find_creator().await?;
                self.cache
                    .put(&name, &serde_json::to_value(&creator).unwrap_or_default(), now);
                creator
            }
        };
        *found = Some(Found {
            creator: creator.clone(),
            reader: None,
        });
        Ok(creator)
    }

    async fn find_creator(&self) -> Result<Creator, SourceError> {
        let by_webfinger = match find_actor(&self.net, &self.instance, &self.handle).await {
            Ok(Some(id)) => fetch_actor(&self.net, &self.instance, &id).await,
            Ok(None) => Ok(None),
            Err(e) => Err(e),
        };
        match by_webfinger {
            Ok(Some(actor)) => Ok(Creator {
                is_channel: actor.is_group,
                name: if actor.username.is_empty() {
                    self.handle.name.clone()
                } else {
                    actor.username
                },
                outbox: actor.outbox,
                actor: actor.id,
            }),
            // Where federation is switched off the REST API still knows the name.
            Ok(None) | Err(SourceError::Malformed(_) | SourceError::Unsupported(_)) => self.find_by_api().await,
            Err(e) => Err(e),
        }
    }

    async fn find_by_api(&self) -> Result<Creator, SourceError> {
        let own = Origin::of(&self.instance);
        let is_own = |host: &String| {
            let there = Url::parse(&format!("{}://{host}", self.instance.scheme()));
            there.is_ok_and(|url| Origin::of(&url) == own)
        };
        if !self.handle.host.as_ref().is_none_or(is_own) {
            return Err(SourceError::NotFound(format!(
                "{own} doesn't know {}, which is a handle of another server; check instance and handle",
                self.handle
            )));
        }
        for (list, is_channel) in [("video-channels", true), ("accounts", false)] {
            let url = api::address(&self.instance, &["api", "v1", list, &self.handle.name])?;
            let answer = self.net.get(&Get::json(url.clone())).await.map_err(source_error)?;
            if !answer.status.is_success() {
                continue;
            }
            let value = api::json(&url, &answer)?;
            let text = |key: &str| value.get(key).and_then(Value::as_str);
            if let Some(actor) = text("url").and_then(ApId::parse).filter(|id| id.origin() == own) {
                let name = text("name").filter(|name| name.eq_ignore_ascii_case(&self.handle.name));
                return Ok(Creator {
                    actor,
                    is_channel,
                    name: name.unwrap_or(&self.handle.name).to_owned(),
                    outbox: None,
                });
            }
        }
        Err(SourceError::NotFound(format!(
            "{own} knows no account or channel named {}; check instance and handle",
            self.handle.name
        )))
    }

    async fn reader_and_creator(&self) -> Result<(Reader, String, Creator), SourceError> {
        let creator = self.creator().await?;
        let asked = |reader: &str| format!("read = \"{reader}\" says so");
        match self.read {
            Read::Api => return Ok((Reader::Api, asked("api"), creator)),
            Read::Outbox => return Ok((Reader::Outbox, asked("outbox"), creator)),
            Read::Auto => {}
        }
        let mut found = self.found.lock().await;
        if let Some((reader, why)) = found.as_ref().and_then(|f| f.reader.clone()) {
            return Ok((reader, why, creator));
        }
        let (name, now) = (self.cache_name("reader"), self.net.clock().now());
        let cached = self
            .cache
            .get(&name, READER_AGE, now)
            .and_then(|v| serde_json::from_value::<(Reader, String)>(v).ok());
        let (reader, why) = match cached {
            Some(known) => known,
            None => {
                let chosen = self.choose(&creator).await?;
                self.cache
                    .put(&name, &serde_json::to_value(&chosen).unwrap_or_default(), now);
                chosen
            }
        };
        if let Some(found) = found.as_mut() {
            found.reader = Some((reader, why.clone()));
        }
        Ok((reader, why, creator))
    }

    async fn choose(&self, creator: &Creator) -> Result<(Reader, String), SourceError> {
        match api::probe(&self.net, &self.instance, creator).await {
            Ok(()) => Ok((
                Reader::Api,
                "the REST API works, and it knows order, state and privacy".into(),
            )),
            Err(e @ (SourceError::Malformed(_) | SourceError::Unsupported(_) | SourceError::NotFound(_)))
                if creator.outbox.is_some() =>
            {
                Ok((Reader::Outbox, format!("the REST API doesn't work here: {e}")))
            }
            Err(e) => Err(e),
        }
    }

    /// Forgets what a failed read may have shown to be out of date, so that the next one asks again.
    async fn doubt<T>(&self, result: Result<T, SourceError>) -> Result<T, SourceError> {
        if let Err(SourceError::NotFound(_) | SourceError::Unsupported(_) | SourceError::Malformed(_)) = &result {
            *self.found.lock().await = None;
            self.cache.forget(&self.cache_name("creator"));
            self.cache.forget(&self.cache_name("reader"));
        }
        result
    }
}

#[async_trait]
impl Source for PeerTube {
    async fn id(&self) -> Result<SourceId, SourceError> {
        self.creator().await.map(|creator| SourceId(creator.actor))
    }

    async fn reader(&self) -> Result<ReaderInfo, SourceError> {
        let (reader, why, _) = self.reader_and_creator().await?;
        let name = match reader {
            Reader::Api => "api",
            Reader::Outbox => "outbox",
        };
        Ok(ReaderInfo {
            name: name.into(),
            completeness: Completeness::Complete,
            why,
        })
    }

    async fn poll(&self, cursor: &Cursor) -> Result<Poll, SourceError> {
        let (reader, _, creator) = self.reader_and_creator().await?;
        let result = match reader {
            Reader::Api => api::poll(&self.net, &self.instance, &creator, cursor).await,
            Reader::Outbox => outbox::poll(&self.net, &creator, cursor).await,
        };
        self.doubt(result).await
    }

    async fn scan(&self, cursor: &Cursor) -> Result<Poll, SourceError> {
        let (reader, _, creator) = self.reader_and_creator().await?;
        let result = match reader {
            Reader::Api => api::scan(&self.net, &self.instance, &creator, cursor).await,
            Reader::Outbox => outbox::scan(&self.net, &creator).await,
        };
        self.doubt(result).await
    }

    async fn fetch(&self, id: &ApId) -> Result<Fetched, SourceError> {
        let (reader, _, creator) = self.reader_and_creator().await?;
        // Another host can claim whatever it likes about a creator (contract activitypub §2.2).
        if id.origin() != creator.actor.origin() {
            return Ok(Fetched::NotPublic(format!(
                "it is not on the server of {}",
                creator.actor
            )));
        }
        match reader {
            Reader::Api => api::fetch(&self.net, &self.instance, &creator, id).await,
            Reader::Outbox => outbox::fetch(&self.net, &creator, id).await,
        }
    }

    async fn is_ready(&self, id: &ApId) -> Result<bool, SourceError> {
        let (reader, _, creator) = self.reader_and_creator().await?;
        match reader {
            _ if id.origin() != creator.actor.origin() => Ok(false),
            Reader::Api => api::is_ready(&self.net, &self.instance, id).await,
            Reader::Outbox => Ok(matches!(
                outbox::fetch(&self.net, &creator, id).await?,
                Fetched::Post(post) if post.readiness == tombolo_model::Readiness::Ready
            )),
        }
    }
}
