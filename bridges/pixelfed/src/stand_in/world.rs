//! What the stand-in remembers: accounts, tokens, posts, media. Post ids come from the clock, as Pixelfed's do; media are
//! numbered.

use std::collections::{BTreeMap, HashMap};

use bytes::Bytes;
use chrono::{DateTime, Duration, Utc};
use tombolo_net::stand_in::{Verdict, WindowLimit};

use super::pictures::Picture;
use super::settings::{InstanceLimits, Preferences};
use super::sniff::Kind;

/// Where Pixelfed's ids begin: milliseconds of 2019-02-10.
const FIRST_MILLISECOND: i64 = 1_549_756_800_000;
/// Bits of an id below its milliseconds.
const COUNTER_BITS: u32 = 22;
/// How long an `Idempotency-Key` is refused (contract §0.6).
const KEY_LIFE: Duration = Duration::seconds(3600);
/// Media that no post uses are collected after this (contract §3).
const UNATTACHED_LIFE: Duration = Duration::hours(2);
/// How many descriptions can be changed in a minute (contract §3).
const UPDATES_A_MINUTE: u32 = 10;
/// Requests to `/oauth/token` a minute (contract §2).
const TOKENS_A_MINUTE: u32 = 60;
/// An access token's life (contract §2).
pub(super) const TOKEN_LIFE: Duration = Duration::days(365);

/// Everything that exists.
#[derive(Debug)]
pub(super) struct World {
    pub(super) limits: InstanceLimits,
    pub(super) queue_delay: Duration,
    pub(super) accounts: Vec<Account>,
    pub(super) apps: BTreeMap<u64, App>,
    pub(super) tokens: HashMap<String, Token>,
    /// Refresh tokens, and the access token each came with.
    pub(super) refresh: HashMap<String, String>,
    pub(super) codes: HashMap<String, Code>,
    /// People who are logged in with a browser: cookie, account.
    pub(super) sessions: HashMap<String, u64>,
    /// What was asked for on the consent page a session sees.
    pub(super) asked: HashMap<String, Asked>,
    pub(super) statuses: BTreeMap<u64, Status>,
    pub(super) media: BTreeMap<u64, Medium>,
    pub(super) next_medium: u64,
    pub(super) next_app: u64,
    pub(super) updates: WindowLimit,
    pub(super) token_requests: WindowLimit,
    requests: Option<WindowLimit>,
    keys: HashMap<(u64, String), DateTime<Utc>>,
    secrets: u64,
}

#[derive(Clone, Debug)]
pub(super) struct Account {
    pub(super) id: u64,
    pub(super) name: String,
    pub(super) display_name: String,
    pub(super) created_at: DateTime<Utc>,
    /// Set by the first use of the API that counts (contract §0.3).
    pub(super) active: bool,
    pub(super) preferences: Preferences,
    /// Bytes that count against the quota besides the files there are.
    pub(super) used_before: u64,
}

/// A registered application.
#[derive(Clone, Debug)]
pub(super) struct App {
    pub(super) name: String,
    pub(super) redirect_uris: Vec<String>,
    pub(super) secret: String,
}

#[derive(Clone, Debug)]
pub(super) struct Token {
    /// None for a token of the application itself.
    pub(super) account: Option<u64>,
    pub(super) app: u64,
    pub(super) scopes: Vec<String>,
    pub(super) expires_at: DateTime<Utc>,
    pub(super) revoked: bool,
}

/// An authorisation code that somebody agreed to.
#[derive(Clone, Debug)]
pub(super) struct Code {
    pub(super) account: u64,
    pub(super) scopes: Vec<String>,
    /// For codes of the browser's flow: the application, its redirection and the PKCE challenge.
    pub(super) asked: Option<Asked>,
    pub(super) at: DateTime<Utc>,
    pub(super) used: bool,
}

/// What an application asked for.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    pub(super) app: u64,
    pub(super) redirect_uri: String,
    pub(super) scopes: Vec<String>,
    pub(super) state: String,
    pub(super) challenge: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scope {
    Public,
    Unlisted,
    Private,
    /// A post that never came to be: nobody sees it, and it keeps its media (contract §4).
    Draft,
}

impl Scope {
    pub(super) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "public" => Self::Public,
            "unlisted" => Self::Unlisted,
            "private" => Self::Private,
            _ => return None,
        })
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Unlisted => "unlisted",
            Self::Private => "private",
            Self::Draft => "draft",
        }
    }
}

#[derive(Clone, Debug)]
pub(super) struct Status {
    pub(super) id: u64,
    pub(super) account: u64,
    pub(super) created_at: DateTime<Utc>,
    pub(super) edited_at: Option<DateTime<Utc>>,
    /// The caption as it was sent.
    pub(super) sent: String,
    /// The caption as it is stored.
    pub(super) caption: String,
    pub(super) spoiler: Option<String>,
    pub(super) scope: Scope,
    pub(super) sensitive: bool,
    pub(super) comments_disabled: bool,
    pub(super) in_reply_to: Option<u64>,
    pub(super) media: Vec<u64>,
    pub(super) key: Option<String>,
    /// When its deletion was asked for.
    pub(super) deleted_at: Option<DateTime<Utc>>,
    /// Earlier versions, oldest first.
    pub(super) history: Vec<Version>,
}

/// What a post was at a time.
#[derive(Clone, Debug)]
pub(super) struct Version {
    pub(super) at: DateTime<Utc>,
    pub(super) caption: String,
    pub(super) spoiler: Option<String>,
    pub(super) sensitive: bool,
}

/// A file with what became of it.
#[derive(Clone, Debug)]
pub(super) struct Medium {
    pub(super) id: u64,
    pub(super) account: u64,
    pub(super) uploaded_at: DateTime<Utc>,
    pub(super) file_name: String,
    pub(super) kind: Kind,
    /// As it was uploaded.
    pub(super) original: Bytes,
    /// What the queue makes of it; None if it can't.
    pub(super) picture: Option<Picture>,
    /// From then on the queue has run.
    pub(super) processed_at: DateTime<Utc>,
    /// Its path below `/storage/m/_v2/`, without what follows the last dot.
    pub(super) stem: String,
    pub(super) description: Option<String>,
    pub(super) license: Option<String>,
    pub(super) filter: Option<(String, String)>,
    pub(super) status: Option<u64>,
}

impl World {
    /// Nobody is there yet; one application is registered.
    pub(super) fn new(limits: InstanceLimits, queue_delay: Duration) -> Self {
        let bridge = App {
            name: "Bridge".into(),
            redirect_uris: vec!["urn:ietf:wg:oauth:2.0:oob".into()],
            secret: "bridge-secret".into(),
        };
        Self {
            limits,
            queue_delay,
            accounts: Vec::new(),
            apps: BTreeMap::from([(1, bridge)]),
            tokens: HashMap::new(),
            refresh: HashMap::new(),
            codes: HashMap::new(),
            sessions: HashMap::new(),
            asked: HashMap::new(),
            statuses: BTreeMap::new(),
            media: BTreeMap::new(),
            next_medium: 1,
            next_app: 2,
            updates: WindowLimit::since_first_request(UPDATES_A_MINUTE, 60),
            token_requests: WindowLimit::since_first_request(TOKENS_A_MINUTE, 60),
            requests: None,
            keys: HashMap::new(),
            secrets: 0,
        }
    }

    /// A free id for something made at `at`.
    pub(super) fn next_id(&self, at: DateTime<Utc>) -> u64 {
        let milliseconds = u64::try_from(at.timestamp_millis() - FIRST_MILLISECOND).unwrap_or_default();
        let mut id = (milliseconds << COUNTER_BITS).max(1);
        while self.statuses.contains_key(&id) || self.account(id).is_some() {
            id += 1;
        }
        id
    }

    /// Something only the server knows: letters and digits.
    pub(super) fn next_secret(&mut self, what: &str) -> String {
        self.secrets += 1;
        super::sniff::digest(format!("{what} {}", self.secrets).as_bytes())[..40].to_owned()
    }

    pub(super) fn account(&self, id: u64) -> Option<&Account> {
        self.accounts.iter().find(|account| account.id == id)
    }

    pub(super) fn account_mut(&mut self, id: u64) -> Option<&mut Account> {
        self.accounts.iter_mut().find(|account| account.id == id)
    }

    pub(super) fn account_named(&self, name: &str) -> Option<&Account> {
        self.accounts
            .iter()
            .find(|account| account.name.eq_ignore_ascii_case(name))
    }

    /// Does what background jobs have done by now.
    pub(super) fn tick(&mut self, now: DateTime<Utc>) {
        let gone: Vec<u64> = self
            .statuses
            .values()
            .filter(|status| status.deleted_at.is_some_and(|at| at <= now))
            .map(|status| status.id)
            .collect();
        for id in gone {
            self.remove_status(id);
        }
        self.media
            .retain(|_, medium| medium.status.is_some() || now - medium.uploaded_at < UNATTACHED_LIFE);
    }

    /// Removes a post with its media and comments.
    pub(super) fn remove_status(&mut self, id: u64) {
        self.statuses.remove(&id);
        self.media.retain(|_, medium| medium.status != Some(id));
        self.statuses.retain(|_, status| status.in_reply_to != Some(id));
    }

    /// Notes a key; whether it was noted before.
    pub(super) fn spend_key(&mut self, account: u64, key: &str, now: DateTime<Utc>) -> bool {
        let entry = (account, key.to_owned());
        if self.keys.get(&entry).is_some_and(|at| now - *at < KEY_LIFE) {
            return true;
        }
        self.keys.insert(entry, now);
        false
    }

    /// Counts a request under `/api/`, if the instance has a limit on them.
    pub(super) fn count_request(&mut self, account: Option<u64>, now: DateTime<Utc>) -> Option<Verdict> {
        let limit = self.limits.requests_a_minute?;
        let window = self
            .requests
            .get_or_insert_with(|| WindowLimit::since_first_request(limit, 60));
        window.limit = limit;
        Some(window.count(&account.map(|id| id.to_string()).unwrap_or_default(), now))
    }

    /// How many files an account uploaded in the last 24 hours.
    pub(super) fn uploads_of_a_day(&self, account: u64, now: DateTime<Utc>) -> usize {
        let recent = |medium: &&Medium| medium.account == account && now - medium.uploaded_at < Duration::hours(24);
        self.media.values().filter(recent).count()
    }

    /// How many posts and comments an account made in the last 24 hours.
    pub(super) fn statuses_of_a_day(&self, account: u64, now: DateTime<Utc>) -> usize {
        let recent = |status: &&Status| status.account == account && now - status.created_at < Duration::hours(24);
        self.statuses.values().filter(recent).count()
    }

    /// Bytes of an account's files.
    pub(super) fn used(&self, account: u64) -> u64 {
        let own = self.media.values().filter(|medium| medium.account == account);
        let files: u64 = own
            .map(|medium| u64::try_from(medium.original.len()).unwrap_or(u64::MAX))
            .sum();
        files + self.account(account).map_or(0, |account| account.used_before)
    }

    /// An account's medium that no post has taken.
    pub(super) fn free_medium(&self, account: u64, id: &str) -> Option<u64> {
        let id = id.parse().ok()?;
        let medium = self.media.get(&id)?;
        (medium.account == account && medium.status.is_none()).then_some(id)
    }

    /// A post's media in order.
    pub(super) fn media_of<'a>(&'a self, status: &'a Status) -> impl Iterator<Item = &'a Medium> {
        status.media.iter().filter_map(|id| self.media.get(id))
    }

    /// What Pixelfed calls a post, by what is in it (contract §4).
    pub(super) fn kind_of(&self, status: &Status) -> &'static str {
        let kinds: Vec<Kind> = self.media_of(status).map(|medium| medium.kind).collect();
        let videos = kinds.iter().filter(|kind| kind.is_video()).count();
        match (kinds.len() - videos, videos) {
            (0, 0) => "text",
            (1, 0) => "photo",
            (_, 0) => "photo:album",
            (0, 1) => "video",
            (0, _) => "video:album",
            (_, _) => "photo:video:album",
        }
    }

    /// Whether a post is in its account's lists: no comment, no draft, nothing that mixes photos and videos.
    pub(super) fn is_listed(&self, status: &Status) -> bool {
        status.scope != Scope::Draft
            && status.in_reply_to.is_none()
            && !["text", "photo:video:album"].contains(&self.kind_of(status))
    }

    /// How many comments a post has.
    pub(super) fn comments(&self, status: u64) -> usize {
        let comments = self.statuses.values().filter(|one| one.in_reply_to == Some(status));
        comments.count()
    }
}
