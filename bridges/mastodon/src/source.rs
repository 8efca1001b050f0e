//! One creator on one server with Mastodon's API, behind the one trait, by the best reader that works there.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;
use tombolo_activitypub::{Actor, Handle, fetch_actor, find_actor};
use tombolo_mastoapi::Client;
use tombolo_model::{
    ApId, Cache, Completeness, Cursor, Fetched, Origin, Poll, ReaderInfo, Readiness, Source, SourceError, SourceId,
};
use tombolo_net::Net;
use url::Url;

use crate::post::Home;
use crate::readers::api::{self, Api};
use crate::readers::{outbox, rss};

/// How long an actor is believed. Mastodon lets WebFinger answers be kept for three days (contract activitypub §1.1).
const ACTOR_AGE: Duration = Duration::from_secs(3 * 86_400);
/// How long the choice of a reader is believed.
const READER_AGE: Duration = Duration::from_secs(86_400);

/// Which reader the configuration asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Read {
    /// The most complete one that works.
    Auto,
    /// Mastodon's client API, with a token or without.
    Api,
    /// The ActivityPub outbox.
    Outbox,
    /// The RSS feed: the newest posts only.
    Rss,
}

/// A creator's account, as a source of posts.
pub struct MastodonSource {
    net: Net,
    instance: Url,
    handle: Handle,
    token: Option<SecretString>,
    read: Read,
    cache: Arc<dyn Cache>,
    found: Mutex<Found>,
    known: api::Known,
}

/// Whose posts are read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Creator {
    pub(crate) actor: ApId,
    pub(crate) name: String,
    /// The host in handles there.
    pub(crate) host: String,
    pub(crate) outbox: Option<Url>,
}

impl Creator {
    pub(crate) fn home(&self) -> Home {
        Home {
            actor: self.actor.clone(),
            host: self.host.clone(),
        }
    }
}

/// A reader that works here, with what it needs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Reader {
    Api(Api),
    /// `paged`: whether the outbox has pages. Without them it shows what the server chooses.
    Outbox {
        paged: bool,
    },
    Rss {
        feed: Url,
    },
}

#[derive(Clone, Debug, Default)]
struct Found {
    creator: Option<Creator>,
    reader: Option<(Reader, String)>,
}

impl MastodonSource {
    /// The creator `handle` on `instance`. A `token` must be the creator's own; without one only what everybody may read is
    /// read.
    pub fn new(
        net: Net,
        instance: Url,
        handle: Handle,
        token: Option<SecretString>,
        read: Read,
        cache: Arc<dyn Cache>,
    ) -> Self {
        Self {
            net,
            instance,
            handle,
            token,
            read,
            cache,
            found: Mutex::new(Found::default()),
            known: api::Known::default(),
        }
    }

    fn cache_name(&self, what: &str) -> String {
        let how = match self.token {
            Some(_) => "with a token",
            None => "openly",
        };
        format!(
            "mastodon {what} {how} {:?} {} {}",
            self.read,
            Origin::of(&self.instance),
            self.handle
        )
    }

    fn client(&self, with_token: bool) -> Client {
        match self.token.as_ref().filter(|_| with_token) {
            Some(token) => Client::new(self.net.clone(), self.instance.clone(), token.clone()),
            None => Client::anonymous(self.net.clone(), self.instance.clone()),
        }
    }

    /// Who is read: from memory, from the cache, or asked of the instance.
    async fn creator(&self) -> Result<Creator, SourceError> {
        let mut found = self.found.lock().await;
        if let Some(creator) = &found.creator {
            return Ok(creator.clone());
        }
        let (name, now) = (self.cache_name("creator"), self.net.clock().now());
        let kept = self.cache.get(&name, ACTOR_AGE, now);
        let creator = match kept.and_then(|value| serde_json::from_value(value).ok()) {
            Some(creator) => creator,
            None => {
                let creator = self.find_creator().await?;
                let value = serde_json::to_value(&creator).unwrap_or_default();
                self.cache.put(&name, &value, now);
                creator
            }
        };
        found.creator = Some(creator.clone());
        Ok(creator)
    }

    async fn find_creator(&self) -> Result<Creator, SourceError> {
        let (name, host) = (
            self.handle.name.clone(),
            self.handle.host.clone().unwrap_or_else(|| self.own_host()),
        );
        let found = match find_actor(&self.net, &self.instance, &self.handle).await {
            Ok(found) => found,
            Err(SourceError::Malformed(_)) => None,
            Err(e) => return Err(e),
        };
        if let Some(url) = found {
            let creator = |actor: Option<Actor>, id: ApId| {
                let (id, outbox, typed) = match actor {
                    Some(actor) => (actor.id, actor.outbox, actor.username),
                    None => (id, None, String::new()),
                };
                Creator {
                    actor: id,
                    name: if typed.is_empty() { name } else { typed },
                    host,
                    outbox,
                }
            };
            let id = ApId::parse(url.as_str())
                .ok_or_else(|| SourceError::Malformed(format!("{} leads to {url}, which is no actor", self.handle)))?;
            return match fetch_actor(&self.net, &self.instance, &url).await {
                Ok(actor) => Ok(creator(actor, id)),
                // It shows its actors to servers that sign only (GoToSocial; contract mastodon §10): the name is enough.
                Err(SourceError::Unsupported(_) | SourceError::Malformed(_)) => Ok(creator(None, id)),
                Err(e) => Err(e),
            };
        }
        // Without WebFinger the API may know the name, and the actor's id (4.2 and later).
        let account = match api::account(&self.client(self.token.is_some()), &self.handle, self.token.is_some()).await {
            Err(SourceError::Unsupported(_)) if self.token.is_some() => {
                api::account(&self.client(false), &self.handle, false).await
            }
            other => other,
        };
        let account = account.map_err(|e| match e {
            SourceError::Unsupported(why) | SourceError::NotFound(why) => SourceError::NotFound(format!(
                "{} doesn't know {} by WebFinger; check instance and handle ({why})",
                Origin::of(&self.instance),
                self.handle
            )),
            other => other,
        })?;
        match account.uri.as_deref().and_then(ApId::parse) {
            Some(actor) => Ok(Creator {
                actor,
                name: account.username,
                host,
                outbox: None,
            }),
            None => Err(SourceError::NotFound(format!(
                "{} doesn't answer WebFinger for {}, and its API doesn't name the actor; check instance and handle",
                Origin::of(&self.instance),
                self.handle
            ))),
        }
    }

    fn own_host(&self) -> String {
        let host = self.instance.host_str().unwrap_or_default();
        self.instance
            .port()
            .map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
    }

    async fn reader_and_creator(&self) -> Result<(Reader, String, Creator), SourceError> {
        let creator = self.creator().await?;
        let mut found = self.found.lock().await;
        if let Some((reader, why)) = found.reader.clone() {
            return Ok((reader, why, creator));
        }
        let (name, now) = (self.cache_name("reader"), self.net.clock().now());
        let kept = self.cache.get(&name, READER_AGE, now);
        let (reader, why) = match kept.and_then(|v| serde_json::from_value::<(Reader, String)>(v).ok()) {
            Some(known) => known,
            None => {
                let chosen = self.choose(&creator).await?;
                let value = serde_json::to_value(&chosen).unwrap_or_default();
                self.cache.put(&name, &value, now);
                chosen
            }
        };
        found.reader = Some((reader.clone(), why.clone()));
        Ok((reader, why, creator))
    }

    /// Tries the readers, the most complete first, and says why those before the chosen one don't work.
    async fn choose(&self, creator: &Creator) -> Result<(Reader, String), SourceError> {
        let (mut failed, mut refused) = (Vec::new(), false);
        for candidate in self.candidates() {
            let tried = self.try_reader(candidate, creator).await;
            refused |= candidate == Candidate::Token && matches!(tried, Err(SourceError::Unsupported(_)));
            match tried {
                Ok((reader, works)) => {
                    failed.push(works);
                    return Ok((reader, failed.join("; ")));
                }
                Err(SourceError::Unsupported(why) | SourceError::Malformed(why)) => failed.push(why),
                Err(e) => return Err(e),
            }
        }
        let remedy = match (self.read, &self.token) {
            (Read::Auto | Read::Api, None) => "sign in there, so that its API can be read with a token",
            (Read::Auto, Some(_)) => "check that the token is the creator's, and that the account is public",
            (_, _) => "use read = \"auto\", or \"api\" with a token",
        };
        let why = format!("{} can't be read: {}; {remedy}", creator.actor, failed.join("; "));
        Err(if refused {
            SourceError::AuthLost(why)
        } else {
            SourceError::Unsupported(why)
        })
    }

    fn candidates(&self) -> Vec<Candidate> {
        let api = || self.token.iter().map(|_| Candidate::Token).chain([Candidate::Open]);
        match self.read {
            Read::Api => api().collect(),
            Read::Outbox => vec![Candidate::Outbox],
            Read::Rss => vec![Candidate::Rss],
            Read::Auto => api().chain([Candidate::Outbox, Candidate::Rss]).collect(),
        }
    }

    async fn try_reader(&self, candidate: Candidate, creator: &Creator) -> Result<(Reader, String), SourceError> {
        match candidate {
            Candidate::Token | Candidate::Open => {
                let with_token = candidate == Candidate::Token;
                let found = api::probe(&self.client(with_token), &self.handle, creator, with_token).await?;
                let how = if with_token {
                    "with the account's token"
                } else {
                    "without a token"
                };
                let why = match found.window {
                    Some(newest) => {
                        format!("the API works {how}, but shows the newest {newest} posts only, whatever it is asked")
                    }
                    None => format!("the API works {how}"),
                };
                Ok((Reader::Api(found), why))
            }
            Candidate::Outbox => {
                let paged = outbox::probe(&self.net, creator).await?;
                let why = if paged {
                    "the outbox can be read"
                } else {
                    "the outbox can be read, but has no pages: it shows as many posts as the server chooses"
                };
                Ok((Reader::Outbox { paged }, why.to_owned()))
            }
            Candidate::Rss => {
                let feed = rss::find_feed(&self.net, &self.instance, creator).await?;
                let why = "the RSS feed can be read, which shows the newest posts only";
                Ok((Reader::Rss { feed }, why.to_owned()))
            }
        }
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
            *self.found.lock().await = Found::default();
            self.cache.forget(&self.cache_name("creator"));
            self.cache.forget(&self.cache_name("reader"));
        }
        result
    }

    async fn read_one(&self, id: &ApId, whole: bool) -> Result<Fetched, SourceError> {
        let (reader, _, creator) = self.reader_and_creator().await?;
        // Another host can claim whatever it likes about a creator (contract activitypub §2.2).
        if id.origin() != creator.actor.origin() {
            return Ok(Fetched::NotPublic(format!(
                "it is not on the server of {}",
                creator.actor
            )));
        }
        let result = match reader {
            Reader::Api(api) => {
                let client = self.client(api.with_token);
                api::fetch(&client, self.cache.as_ref(), &api, &creator, id, &self.known, whole).await
            }
            Reader::Outbox { .. } | Reader::Rss { .. } => outbox::fetch(&self.net, &creator, id).await,
        };
        self.doubt(result).await
    }
}

/// A list that worked with the token, and no longer does.
fn no_longer_allowed(error: SourceError, with_token: bool) -> SourceError {
    match error {
        SourceError::Unsupported(why) if with_token => SourceError::AuthLost(why),
        other => other,
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Candidate {
    Token,
    Open,
    Outbox,
    Rss,
}

#[async_trait]
impl Source for MastodonSource {
    async fn id(&self) -> Result<SourceId, SourceError> {
        self.creator().await.map(|creator| SourceId(creator.actor))
    }

    async fn reader(&self) -> Result<ReaderInfo, SourceError> {
        let (reader, why, _) = self.reader_and_creator().await?;
        let (name, completeness) = match reader {
            Reader::Api(Api { window: Some(n), .. }) => ("api", Completeness::Window(n)),
            Reader::Api(_) => ("api", Completeness::Complete),
            Reader::Outbox { paged: true } => ("outbox", Completeness::Complete),
            Reader::Outbox { paged: false } => ("outbox", Completeness::BestEffort),
            Reader::Rss { .. } => ("rss", Completeness::Window(rss::WINDOW)),
        };
        Ok(ReaderInfo {
            name: name.into(),
            completeness,
            why,
        })
    }

    async fn poll(&self, cursor: &Cursor) -> Result<Poll, SourceError> {
        let (reader, _, creator) = self.reader_and_creator().await?;
        let result = match reader {
            Reader::Api(api) => {
                let client = self.client(api.with_token);
                let poll = api::poll(&client, &api, &creator, cursor, &self.known).await;
                poll.map_err(|e| no_longer_allowed(e, api.with_token))
            }
            Reader::Outbox { .. } => outbox::poll(&self.net, &creator, cursor).await,
            Reader::Rss { feed } => rss::poll(&self.net, &feed, &creator, cursor).await,
        };
        self.doubt(result).await
    }

    async fn scan(&self, cursor: &Cursor) -> Result<Poll, SourceError> {
        let (reader, _, creator) = self.reader_and_creator().await?;
        let result = match reader {
            Reader::Api(api) => {
                let client = self.client(api.with_token);
                let poll = api::scan(&client, &api, &creator, cursor, &self.known).await;
                poll.map_err(|e| no_longer_allowed(e, api.with_token))
            }
            Reader::Outbox { .. } => outbox::scan(&self.net, &creator).await,
            // A feed is one page: reading it is all there is to scan.
            Reader::Rss { feed } => rss::poll(&self.net, &feed, &creator, &Cursor::default()).await,
        };
        self.doubt(result).await
    }

    async fn fetch(&self, id: &ApId) -> Result<Fetched, SourceError> {
        self.read_one(id, true).await
    }

    async fn is_ready(&self, id: &ApId) -> Result<bool, SourceError> {
        let fetched = self.read_one(id, false).await?;
        Ok(matches!(fetched, Fetched::Post(post) if post.readiness == Readiness::Ready))
    }
}
