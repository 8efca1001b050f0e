//! A Pixelfed that a test owns: it answers over HTTP on the loopback interface as a 0.12.6 was recorded to, remembers
//! what it was sent, and has the limits and the traps of the real one. Time is the test's.
//!
//! It never asks anybody anything. Nobody follows anybody here; likes, shares, stories, collections and places are not
//! there. Pictures are processed as the real one does, except AVIF, which stays as it came, and WebP, which is written
//! without loss; videos stay as they came, in both.

mod accounts;
mod activitypub;
mod atom;
mod compose;
mod consent;
mod entities;
mod gate;
mod instance;
mod media;
mod oauth;
mod pages;
mod params;
mod pictures;
mod posted;
mod public;
mod reply;
mod routes;
mod settings;
mod sniff;
mod statuses;
#[cfg(test)]
mod tests;
mod text;
mod upload;
mod viewer;
mod world;

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::Duration;
use tombolo_model::Clock;
use tombolo_net::stand_in::{Arrivals, Faults, Server, serve};
use url::Url;

use self::entities::Writer;
pub use self::posted::{NewMedia, NewPost, Posted, PostedMedia};
pub use self::settings::{Errors, InstanceLimits, Options, Preferences};
use self::sniff::Kind;
use self::upload::File;
use self::world::{Account, Code, Scope, Status, World};

/// A running stand-in; stops when dropped.
#[derive(Debug)]
pub struct Pixelfed {
    server: Server,
    shared: Arc<Shared>,
}

/// What all requests share.
#[derive(Debug)]
struct Shared {
    base: Url,
    clock: Arc<dyn Clock>,
    version: String,
    domain: Option<String>,
    oauth: bool,
    optimize_images: bool,
    deletion_delay: Duration,
    switches: Mutex<Switches>,
    world: Mutex<World>,
}

/// What an administrator switches while the server runs.
#[derive(Clone, Copy, Debug)]
struct Switches {
    errors: Errors,
    activitypub: bool,
    maintenance: bool,
}

impl Shared {
    /// The domain in handles.
    fn domain(&self) -> String {
        if let Some(domain) = &self.domain {
            return domain.clone();
        }
        let host = self.base.host_str().unwrap_or_default();
        self.base
            .port()
            .map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
    }

    fn errors(&self) -> Errors {
        lock(&self.switches).errors
    }

    fn speaks_activitypub(&self) -> bool {
        lock(&self.switches).activitypub
    }

    fn in_maintenance(&self) -> bool {
        lock(&self.switches).maintenance
    }

    fn writer<'a>(&'a self, world: &'a World, for_user: bool) -> Writer<'a> {
        Writer {
            world,
            base: &self.base,
            now: self.clock.now(),
            for_user,
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// An address on this server. Kept as text: Pixelfed doesn't encode what is in a path.
fn address(base: &Url, path: &str) -> String {
    format!("{}{path}", base.as_str().trim_end_matches('/'))
}

impl Pixelfed {
    /// Starts one. It has no accounts yet.
    pub async fn start(options: Options) -> io::Result<Self> {
        let world = World::new(options.limits, options.queue_delay);
        let mut shared = None;
        let clock = options.clock.clone();
        let server = serve(options.port, clock, |base| {
            let all = shared.insert(Arc::new(Shared {
                base: base.clone(),
                clock: options.clock,
                version: options.version,
                domain: options.domain,
                oauth: options.oauth,
                optimize_images: options.optimize_images,
                deletion_delay: options.deletion_delay,
                switches: Mutex::new(Switches {
                    errors: options.errors,
                    activitypub: options.activitypub,
                    maintenance: false,
                }),
                world: Mutex::new(world),
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

    /// The domain in handles.
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

    /// Makes an account that has never used the API, and gives a token for it that may read and write. For one that
    /// exists, another token.
    pub fn add_account(&self, name: &str) -> String {
        let now = self.shared.clock.now();
        {
            let mut world = self.world();
            if world.account_named(name).is_none() {
                let account = Account {
                    id: world.next_id(now),
                    name: name.to_owned(),
                    display_name: name.to_owned(),
                    created_at: now,
                    active: false,
                    preferences: Preferences::default(),
                    used_before: 0,
                };
                world.accounts.push(account);
            }
        }
        self.token_for(name)
    }

    /// A token of an account that may read and write, as one gets under Settings → Applications.
    pub fn token_for(&self, name: &str) -> String {
        self.token(name, "read write")
    }

    /// A token of an account with these scopes. For an unknown account, one that is good for nothing.
    pub fn token(&self, name: &str, scopes: &str) -> String {
        let now = self.shared.clock.now();
        let mut world = self.world();
        let account = world.account_named(name).map(|account| account.id);
        let scopes = scopes.split_whitespace().map(str::to_owned).collect();
        oauth::new_token(&mut world, account, 1, scopes, now)
    }

    /// An authorisation code, as if the account's owner had agreed to these scopes; any application can use it once.
    /// None for an unknown account.
    pub fn authorize(&self, name: &str, scopes: &str) -> Option<String> {
        let mut world = self.world();
        let account = world.account_named(name)?.id;
        let secret = world.next_secret("code");
        let code = Code {
            account,
            scopes: scopes.split_whitespace().map(str::to_owned).collect(),
            asked: None,
            at: self.shared.clock.now(),
            used: false,
        };
        world.codes.insert(secret.clone(), code);
        Some(secret)
    }

    /// The `Cookie` of a browser in which an account's owner is logged in. None for an unknown account.
    pub fn log_in(&self, name: &str) -> Option<String> {
        let mut world = self.world();
        let account = world.account_named(name)?.id;
        let secret = world.next_secret("session");
        world.sessions.insert(secret.clone(), account);
        Some(format!("{}={secret}", consent::COOKIE))
    }

    /// Revokes a token.
    pub fn revoke(&self, token: &str) {
        if let Some(token) = self.world().tokens.get_mut(token) {
            token.revoked = true;
        }
    }

    /// A token's life ends now.
    pub fn expire(&self, token: &str) {
        let now = self.shared.clock.now();
        if let Some(token) = self.world().tokens.get_mut(token) {
            token.expires_at = now;
        }
    }

    /// An account's id.
    pub fn account_id(&self, name: &str) -> Option<String> {
        self.world().account_named(name).map(|account| account.id.to_string())
    }

    /// Changes the name an account shows.
    pub fn set_display_name(&self, name: &str, display_name: &str) {
        self.change(name, |account| display_name.clone_into(&mut account.display_name));
    }

    /// Whether an account has used the API before: until it has, uploads and posts are answered `[]`.
    pub fn set_active(&self, name: &str, active: bool) {
        self.change(name, |account| account.active = active);
    }

    /// Changes an account's settings.
    pub fn set_preferences(&self, name: &str, preferences: Preferences) {
        self.change(name, |account| account.preferences = preferences);
    }

    /// So many bytes count against an account's quota besides the files there are.
    pub fn set_used(&self, name: &str, bytes: u64) {
        self.change(name, |account| account.used_before = bytes);
    }

    fn change(&self, name: &str, change: impl FnOnce(&mut Account)) {
        let mut world = self.world();
        let id = world.account_named(name).map(|account| account.id);
        if let Some(account) = id.and_then(|id| world.account_mut(id)) {
            change(account);
        }
    }

    /// An account's posts and comments, oldest first, whatever their visibility; also those that are in no list.
    pub fn statuses(&self, name: &str) -> Vec<Posted> {
        let mut world = self.world();
        world.tick(self.shared.clock.now());
        let Some(account) = world.account_named(name) else {
            return Vec::new();
        };
        let own = world.statuses.values().filter(|status| status.account == account.id);
        own.map(|status| posted::posted(&world, &self.shared.base, status))
            .collect()
    }

    /// An account's owner posts something with the web page. None for an unknown account or visibility.
    pub fn post(&self, name: &str, post: NewPost) -> Option<Posted> {
        let now = self.shared.clock.now();
        let at = post.at.unwrap_or(now);
        let media: Vec<_> = post
            .media
            .into_iter()
            .map(|medium| {
                let kind = Kind::of(&medium.bytes);
                let picture = pictures::process(kind, &medium.bytes, self.shared.optimize_images);
                (kind, picture, medium)
            })
            .collect();
        let mut world = self.world();
        let account = world.account_named(name)?.id;
        let scope = Scope::named(&post.visibility)?;
        let id = world.next_id(at);
        let mut ids = Vec::new();
        for (kind, picture, medium) in media {
            let file = File {
                name: format!("file.{}", kind.extension()),
                bytes: medium.bytes,
                of_a_list: false,
            };
            let new = media::new_medium(&mut world, account, kind, &file, picture, at);
            new.description = medium.description;
            new.license = medium.license;
            new.status = Some(id);
            ids.push(new.id);
        }
        let status = Status {
            id,
            account,
            created_at: at,
            edited_at: None,
            caption: text::strip_tags(&post.text),
            sent: post.text,
            spoiler: post.spoiler_text,
            scope,
            sensitive: post.sensitive,
            comments_disabled: post.comments_disabled,
            in_reply_to: post.in_reply_to.and_then(|id| id.parse().ok()),
            media: ids,
            key: None,
            deleted_at: None,
            history: Vec::new(),
        };
        world.statuses.insert(id, status.clone());
        Some(posted::posted(&world, &self.shared.base, &status))
    }

    /// An account's owner changes a post's caption with the web page; whether there is such a post.
    pub fn edit(&self, id: &str, text: &str) -> bool {
        let now = self.shared.clock.now();
        let mut world = self.world();
        let status = id.parse().ok().and_then(|id: u64| world.statuses.get_mut(&id));
        let Some(status) = status else { return false };
        text.clone_into(&mut status.sent);
        status.caption = text::purify(text);
        status.edited_at = Some(now);
        true
    }

    /// Somebody deletes a post; whether there was one.
    pub fn delete_status(&self, id: &str) -> bool {
        let mut world = self.world();
        let known = id.parse().ok().filter(|id: &u64| world.statuses.contains_key(id));
        let Some(id) = known else { return false };
        world.remove_status(id);
        true
    }

    /// All media, also those that no post uses, in the order of their upload.
    pub fn uploads(&self) -> Vec<PostedMedia> {
        let mut world = self.world();
        world.tick(self.shared.clock.now());
        let media = world.media.values();
        media
            .map(|medium| posted::medium_of(&world, &self.shared.base, medium))
            .collect()
    }

    /// Media are numbered from here on.
    pub fn set_next_media_id(&self, id: u64) {
        self.world().next_medium = id;
    }

    /// Applications are numbered from here on.
    pub fn set_next_app_id(&self, id: u64) {
        self.world().next_app = id;
    }

    /// From now on the queue takes so long.
    pub fn set_queue_delay(&self, delay: Duration) {
        self.world().queue_delay = delay;
    }

    /// Maintenance begins or ends: every request is answered 503.
    pub fn set_maintenance(&self, maintenance: bool) {
        lock(&self.shared.switches).maintenance = maintenance;
    }

    /// Whether it speaks ActivityPub.
    pub fn set_activitypub(&self, activitypub: bool) {
        lock(&self.shared.switches).activitypub = activitypub;
    }

    /// Changes which status codes its errors have, as an update would.
    pub fn set_errors(&self, errors: Errors) {
        lock(&self.shared.switches).errors = errors;
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
