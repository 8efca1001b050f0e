//! A Mastodon that a test owns: it answers over HTTP on the loopback interface as a 4.6.5 was recorded to, remembers
//! what it was sent, and has the limits of the real one. Time is the test's.
//!
//! It never asks anybody anything: what a real server would look up elsewhere (a mention of another host, a link's
//! preview) stays as it is. It doesn't transcode: a file is kept as it came, metadata and all. Polls and quotes exist where a
//! test published them; scheduled posts and streaming are not there.

mod accounts;
mod activitypub;
mod boosts;
mod compose;
mod entities;
mod gate;
mod instance;
mod language;
mod links;
mod media;
mod mp4;
mod new_status;
mod notes;
mod oauth;
mod pages;
mod params;
mod posted;
mod rates;
mod reply;
mod routes;
mod rss;
mod settings;
mod sniff;
mod statuses;
#[cfg(test)]
mod tests;
mod text;
mod upload;
mod viewer;
mod webm;
mod world;

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tombolo_model::Clock;
use tombolo_net::stand_in::{Arrivals, Faults, Server, serve};
use url::Url;

pub use self::boosts::Elsewhere;
use self::entities::Writer;
pub use self::new_status::{NewMedia, NewStatus};
pub use self::posted::{Posted, PostedKind, PostedMedia, PostedThumbnail, Processing};
use self::rates::Rates;
pub use self::settings::{Api, Idempotency, InstanceLimits, Options, OutboxForm, Preferences, Ways};
use self::viewer::Viewer;
use self::world::{Account, Audience, Code, Token, World};

/// A running stand-in; stops when dropped.
#[derive(Debug)]
pub struct Mastodon {
    server: Server,
    shared: Arc<Shared>,
}

/// What all requests share.
#[derive(Debug)]
struct Shared {
    base: Url,
    clock: Arc<dyn Clock>,
    api: Api,
    version: String,
    rate_limits: bool,
    idempotency: Mutex<Idempotency>,
    ways: Mutex<Ways>,
    no_media_v2: bool,
    client_max_body: Option<u64>,
    keep_bytes: usize,
    world: Mutex<World>,
    rates: Mutex<Rates>,
}

impl Shared {
    /// The domain in handles, with its port.
    fn domain(&self) -> String {
        let host = self.base.host_str().unwrap_or_default();
        self.base
            .port()
            .map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
    }

    fn idempotency(&self) -> Idempotency {
        *lock(&self.idempotency)
    }

    fn ways(&self) -> Ways {
        *lock(&self.ways)
    }

    fn writer<'a>(&'a self, world: &'a World, viewer: &'a Viewer) -> Writer<'a> {
        Writer {
            world,
            base: &self.base,
            viewer,
            tells_audience: self.ways().tells_audience,
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Mastodon {
    /// Starts one. It has no accounts yet.
    pub async fn start(options: Options) -> io::Result<Self> {
        let world = World::new(options.limits, options.media_polls);
        let mut shared = None;
        let clock = options.clock.clone();
        let server = serve(options.port, clock, |base| {
            let all = shared.insert(Arc::new(Shared {
                base: base.clone(),
                clock: options.clock,
                api: options.api,
                version: options.version,
                rate_limits: options.rate_limits,
                idempotency: Mutex::new(options.idempotency),
                ways: Mutex::new(Ways::default()),
                no_media_v2: options.no_media_v2,
                client_max_body: options.client_max_body,
                keep_bytes: options.keep_bytes,
                world: Mutex::new(world),
                rates: Mutex::new(Rates::new()),
            }));
            routes::router(all)
        })
        .await?;
        let shared = shared.ok_or_else(|| io::Error::other("the server was not built"))?;
        Ok(Self { server, shared })
    }

    /// Where it listens: `http://127.0.0.1:PORT`.
    pub fn base(&self) -> &Url {
        &self.server.base
    }

    /// The domain in handles: `127.0.0.1:PORT`.
    pub fn domain(&self) -> String {
        self.shared.domain()
    }

    /// All requests that arrived.
    pub fn arrivals(&self) -> &Arrivals {
        &self.server.arrivals
    }

    /// The script of what goes wrong.
    pub fn faults(&self) -> &Faults {
        &self.server.faults
    }

    /// Makes an account, and gives a token for it that may read and write. For one that exists, another token.
    pub fn add_account(&self, name: &str) -> String {
        let now = self.shared.clock.now();
        {
            let mut world = self.world();
            if world.account_named(name).is_none() {
                let id = world.next_id(now);
                world.accounts.push(Account {
                    id,
                    name: name.to_owned(),
                    created_at: now,
                    silenced: false,
                    disabled: false,
                    suspended: false,
                    preferences: Preferences::default(),
                });
            }
        }
        self.token(name, "read write profile")
    }

    /// A token of an account with these scopes. For an unknown account, one that is good for nothing.
    pub fn token(&self, name: &str, scopes: &str) -> String {
        let mut world = self.world();
        let account = world.account_named(name).map(|account| account.id);
        let secret = world.next_secret("token");
        let token = Token {
            account,
            scopes: scopes.split_whitespace().map(str::to_owned).collect(),
            app: world::BRIDGE,
            revoked: account.is_none(),
        };
        world.tokens.insert(secret.clone(), token);
        secret
    }

    /// A token of the application without a user.
    pub fn app_token(&self) -> String {
        let mut world = self.world();
        let secret = world.next_secret("token");
        let token = Token {
            account: None,
            scopes: vec!["read".into(), "write".into()],
            app: world::BRIDGE,
            revoked: false,
        };
        world.tokens.insert(secret.clone(), token);
        secret
    }

    /// An authorisation code, as if the account's owner had agreed to these scopes. None for an unknown account.
    pub fn authorize(&self, name: &str, scopes: &str) -> Option<String> {
        let mut world = self.world();
        let account = world.account_named(name)?.id;
        let secret = world.next_secret("code");
        let code = Code {
            account,
            scopes: scopes.split_whitespace().map(str::to_owned).collect(),
            at: self.shared.clock.now(),
        };
        world.codes.insert(secret.clone(), code);
        Some(secret)
    }

    /// Revokes a token.
    pub fn revoke(&self, token: &str) {
        if let Some(token) = self.world().tokens.get_mut(token) {
            token.revoked = true;
        }
    }

    /// An account's id in the REST API.
    pub fn account_id(&self, name: &str) -> Option<String> {
        self.world().account_named(name).map(|account| account.id.to_string())
    }

    /// Moderators limit an account: what it publishes becomes unlisted.
    pub fn silence(&self, name: &str) {
        if let Some(account) = self.world().account_named_mut(name) {
            account.silenced = true;
        }
    }

    /// Moderators disable a login: its tokens answer 403.
    pub fn disable(&self, name: &str) {
        if let Some(account) = self.world().account_named_mut(name) {
            account.disabled = true;
        }
    }

    /// An account's owner chooses what holds for posts that don't say.
    pub fn set_preferences(&self, name: &str, preferences: Preferences) {
        if let Some(account) = self.world().account_named_mut(name) {
            account.preferences = preferences;
        }
    }

    /// An account's statuses, oldest first, whatever their audience.
    pub fn statuses(&self, name: &str) -> Vec<Posted> {
        let world = self.world();
        let Some(account) = world.account_named(name) else {
            return Vec::new();
        };
        let own = world.statuses.values().filter(|status| status.account == account.id);
        own.map(|status| posted::posted(&world, &self.shared.base, status))
            .collect()
    }

    /// An account's owner posts something in a browser. None for an unknown account or audience.
    pub fn post(&self, name: &str, text: &str, visibility: &str) -> Option<Posted> {
        self.publish(name, NewStatus::new(text).visibility(visibility))
    }

    /// An account's owner publishes a post in a browser. None for an unknown account or audience, or a file that is neither
    /// picture nor film nor sound.
    pub fn publish(&self, name: &str, status: NewStatus) -> Option<Posted> {
        let now = self.shared.clock.now();
        let mut world = self.world();
        let id = new_status::publish(&mut world, name, status, now)?;
        let status = world.statuses.get(&id)?;
        Some(posted::posted(&world, &self.shared.base, status))
    }

    /// An account's owner changes the text of a post; whether there was one.
    pub fn edit(&self, id: &str, text: &str) -> bool {
        let now = self.shared.clock.now();
        let mut world = self.world();
        let (text, mentions) = compose::mentioned(&world, text);
        let Some(status) = world.statuses.get_mut(&accounts::number(id)) else {
            return false;
        };
        let before = (
            status.edited_at.unwrap_or(status.created_at),
            std::mem::replace(&mut status.text, text.clone()),
            status.spoiler.clone(),
            status.sensitive,
        );
        status.history.push(before);
        status.tags = compose::tags_of(&text);
        status.sent = text;
        status.html = None;
        status.mentions = mentions;
        status.edited_at = Some(now);
        true
    }

    /// An account's owner writes an alternative text for the first file of a post; whether there was one.
    pub fn describe(&self, id: &str, alt: &str) -> bool {
        let now = self.shared.clock.now();
        let mut world = self.world();
        let Some(status) = world.statuses.get_mut(&accounts::number(id)) else {
            return false;
        };
        status.edited_at = Some(now);
        let first = status.media.first().copied();
        let Some(medium) = first.and_then(|first| world.media.get_mut(&first)) else {
            return false;
        };
        medium.description = Some(alt.to_owned());
        true
    }

    /// An account boosts a post, here or elsewhere; the boost's id. None for an unknown account.
    pub fn boost(&self, name: &str, id: &str) -> Option<String> {
        let now = self.shared.clock.now();
        let mut world = self.world();
        let account = world.account_named(name)?.id;
        let made = world.boost(account, accounts::number(id), Audience::Public, now);
        Some(made.to_string())
    }

    /// There is a post on another server, which this one can find; its id here.
    pub fn add_elsewhere(&self, post: Elsewhere) -> String {
        let now = self.shared.clock.now();
        let mut world = self.world();
        let id = world.next_id(now);
        // The author's id is the next one.
        world.next_id(now);
        world.elsewhere.push((id, post));
        id.to_string()
    }

    /// Moderators suspend an account: its posts vanish from lists and can't be read, which is no deletion.
    pub fn suspend(&self, name: &str) {
        if let Some(account) = self.world().account_named_mut(name) {
            account.suspended = true;
        }
    }

    /// Changes what this server does otherwise than usual.
    pub fn set_ways(&self, ways: Ways) {
        *lock(&self.shared.ways) = ways;
    }

    /// The moderators disallow a hashtag.
    pub fn disallow_hashtag(&self, name: &str) {
        self.world().disallowed.push(text::normal_tag(name));
    }

    /// Somebody deletes a status; whether there was one.
    pub fn delete_status(&self, id: &str) -> bool {
        let now = self.shared.clock.now();
        self.world().delete_status(accounts::number(id), false, now).is_some()
    }

    /// All media, also those that no status uses, in the order of their upload.
    pub fn uploads(&self) -> Vec<PostedMedia> {
        let world = self.world();
        let media = world.media.values();
        media
            .map(|medium| posted::medium_of(&self.shared.base, medium))
            .collect()
    }

    /// From now on the processing of what is uploaded fails, or no longer does. Pictures need none.
    pub fn set_processing_fails(&self, fails: bool) {
        self.world().processing_fails = fails;
    }

    /// From now on so many questions about what is uploaded are answered with 206.
    pub fn set_media_polls(&self, polls: u32) {
        self.world().media_polls = polls;
    }

    /// Changes what a repeated `Idempotency-Key` meets.
    pub fn set_idempotency(&self, idempotency: Idempotency) {
        *lock(&self.shared.idempotency) = idempotency;
    }

    /// What it accepts.
    pub fn limits(&self) -> InstanceLimits {
        self.world().limits.clone()
    }

    /// Changes what it accepts.
    pub fn set_limits(&self, limits: InstanceLimits) {
        self.world().limits = limits;
    }

    fn world(&self) -> MutexGuard<'_, World> {
        lock(&self.shared.world)
    }
}
