//! What the stand-in remembers: accounts, tokens, statuses, media. Ids come from the clock, as Mastodon's do.

use std::collections::{BTreeMap, HashMap};

use bytes::Bytes;
use chrono::{DateTime, Duration, Utc};

use super::boosts::{self, Elsewhere};
use super::settings::{InstanceLimits, Preferences};
use super::sniff::Facts;

/// A deletion's background job has run after this (recording 322: about 50 s).
const DELETION_JOB: Duration = Duration::seconds(50);
/// Media that no status uses are removed after this.
const VACUUM: Duration = Duration::hours(24);
/// The applications that are there from the start.
pub(super) const BRIDGE: usize = 0;
pub(super) const WEB: usize = 1;
/// How long an `Idempotency-Key` is remembered (contract §6.1).
const KEY_LIFE: Duration = Duration::seconds(3600);

/// Everything that exists.
#[derive(Debug, Default)]
pub(super) struct World {
    pub(super) limits: InstanceLimits,
    /// Hashtags that the moderators don't allow, in normal form.
    pub(super) disallowed: Vec<String>,
    pub(super) media_polls: u32,
    pub(super) processing_fails: bool,
    pub(super) accounts: Vec<Account>,
    pub(super) apps: Vec<App>,
    pub(super) tokens: HashMap<String, Token>,
    pub(super) codes: HashMap<String, Code>,
    pub(super) statuses: BTreeMap<u64, Status>,
    pub(super) media: BTreeMap<u64, Medium>,
    /// Posts on other servers that this one can find, with their ids here.
    pub(super) elsewhere: Vec<(u64, Elsewhere)>,
    keys: HashMap<(u64, String), (u64, DateTime<Utc>)>,
    /// Statuses whose deletion isn't through yet.
    deleted: BTreeMap<u64, (Status, DateTime<Utc>)>,
    last_id: u64,
    secrets: u64,
}

#[derive(Clone, Debug)]
pub(super) struct Account {
    pub(super) id: u64,
    pub(super) name: String,
    pub(super) created_at: DateTime<Utc>,
    pub(super) silenced: bool,
    pub(super) disabled: bool,
    pub(super) suspended: bool,
    pub(super) preferences: Preferences,
}

/// A registered application.
#[derive(Clone, Debug)]
pub(super) struct App {
    pub(super) name: String,
    pub(super) website: Option<String>,
    pub(super) redirect_uris: Vec<String>,
    pub(super) scopes: Vec<String>,
    pub(super) client_id: String,
    pub(super) client_secret: String,
}

#[derive(Clone, Debug)]
pub(super) struct Token {
    /// None for a token of the application itself.
    pub(super) account: Option<u64>,
    pub(super) scopes: Vec<String>,
    /// Index into the applications.
    pub(super) app: usize,
    pub(super) revoked: bool,
}

/// An authorisation code that somebody agreed to.
#[derive(Clone, Debug)]
pub(super) struct Code {
    pub(super) account: u64,
    pub(super) scopes: Vec<String>,
    pub(super) at: DateTime<Utc>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Audience {
    Public,
    Unlisted,
    Private,
    /// Can't be chosen in any client; shown as private (contract §0a.7).
    Limited,
    Direct,
}

impl Audience {
    pub(super) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "public" => Self::Public,
            "unlisted" => Self::Unlisted,
            "private" => Self::Private,
            "limited" => Self::Limited,
            "direct" => Self::Direct,
            _ => return None,
        })
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Unlisted => "unlisted",
            Self::Private | Self::Limited => "private",
            Self::Direct => "direct",
        }
    }

    pub(super) fn is_open(self) -> bool {
        matches!(self, Self::Public | Self::Unlisted)
    }
}

#[derive(Clone, Debug)]
pub(super) struct Status {
    pub(super) id: u64,
    pub(super) account: u64,
    pub(super) created_at: DateTime<Utc>,
    pub(super) edited_at: Option<DateTime<Utc>>,
    /// The text as it was sent.
    pub(super) sent: String,
    /// The text with mentions in their canonical form.
    pub(super) text: String,
    pub(super) spoiler: String,
    pub(super) audience: Audience,
    pub(super) sensitive: bool,
    pub(super) language: Option<String>,
    pub(super) in_reply_to: Option<u64>,
    /// Whose status this answers; known longer than the status.
    pub(super) reply_to_account: Option<u64>,
    pub(super) media: Vec<u64>,
    pub(super) mentions: Vec<u64>,
    pub(super) tags: Vec<String>,
    /// Shown instead of the text.
    pub(super) html: Option<String>,
    /// The choices of a poll.
    pub(super) poll: Vec<String>,
    /// What is quoted.
    pub(super) quote: Option<u64>,
    /// What is boosted, here or elsewhere; then there is nothing else.
    pub(super) boost_of: Option<u64>,
    pub(super) app: usize,
    pub(super) key: Option<String>,
    /// Earlier versions: when, text, warning, sensitive.
    pub(super) history: Vec<(DateTime<Utc>, String, String, bool)>,
}

/// A file with what became of it.
#[derive(Clone, Debug)]
pub(super) struct Medium {
    pub(super) id: u64,
    pub(super) account: u64,
    pub(super) uploaded_at: DateTime<Utc>,
    pub(super) file_name: String,
    pub(super) size: u64,
    pub(super) sha256: String,
    pub(super) bytes: Option<Bytes>,
    pub(super) facts: Facts,
    pub(super) thumbnail: Option<Picture>,
    pub(super) description: Option<String>,
    pub(super) focus: Option<(f64, Option<f64>)>,
    pub(super) work: Work,
    pub(super) hold: Hold,
}

/// A thumbnail that was uploaded with a medium.
#[derive(Clone, Debug)]
pub(super) struct Picture {
    pub(super) sha256: String,
    pub(super) bytes: Option<Bytes>,
    pub(super) facts: Facts,
}

/// How far a medium's processing is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Work {
    /// So many more questions are answered with 206; then it is done, or has failed.
    Polls(u32, Ending),
    Done,
    Failed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    Good,
    Bad,
}

/// Who uses a medium.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hold {
    Free,
    Attached(u64),
    /// Its status is deleted, and the background job hasn't run.
    Leaving,
    /// As before, and the files go with it.
    Doomed,
}

impl Medium {
    /// The state a question sees; each question brings the processing forward.
    pub(super) fn poll(&mut self) -> Work {
        let seen = self.work;
        if let Work::Polls(left, ending) = self.work {
            self.work = if left > 1 {
                Work::Polls(left - 1, ending)
            } else {
                ending.into()
            };
        }
        seen
    }
}

impl From<Ending> for Work {
    fn from(ending: Ending) -> Self {
        match ending {
            Ending::Good => Self::Done,
            Ending::Bad => Self::Failed,
        }
    }
}

/// What is known of an `Idempotency-Key`.
pub(super) enum Known {
    /// Nothing: it is free.
    No,
    /// It made this status.
    Status(u64),
    /// It made a status that is gone.
    Gone,
}

impl World {
    /// Nobody is there yet; one application is registered.
    pub(super) fn new(limits: InstanceLimits, media_polls: u32) -> Self {
        let bridge = App {
            name: "Bridge".into(),
            website: Some("https://bridge.example.org".into()),
            redirect_uris: vec!["urn:ietf:wg:oauth:2.0:oob".into()],
            scopes: vec!["read".into(), "write".into()],
            client_id: "bridge".into(),
            client_secret: "bridge-secret".into(),
        };
        let web = App {
            name: "Web".into(),
            website: None,
            client_id: "web".into(),
            client_secret: "web-secret".into(),
            ..bridge.clone()
        };
        Self {
            limits,
            media_polls,
            apps: vec![bridge, web],
            ..Self::default()
        }
    }

    /// A new id: milliseconds since the epoch, then 16 bits (contract §7.3).
    pub(super) fn next_id(&mut self, now: DateTime<Utc>) -> u64 {
        let from_clock = u64::try_from(now.timestamp_millis()).unwrap_or_default() << 16;
        self.last_id = from_clock.max(self.last_id + 1);
        self.last_id
    }

    /// A new token, code or client secret.
    pub(super) fn next_secret(&mut self, what: &str) -> String {
        self.secrets += 1;
        super::sniff::digest(format!("{what} {}", self.secrets).as_bytes())[..43].to_owned()
    }

    pub(super) fn account(&self, id: u64) -> Option<&Account> {
        self.accounts.iter().find(|account| account.id == id)
    }

    pub(super) fn account_named(&self, name: &str) -> Option<&Account> {
        self.accounts
            .iter()
            .find(|account| account.name.eq_ignore_ascii_case(name))
    }

    pub(super) fn account_named_mut(&mut self, name: &str) -> Option<&mut Account> {
        self.accounts
            .iter_mut()
            .find(|account| account.name.eq_ignore_ascii_case(name))
    }

    /// Does what background jobs have done by now.
    pub(super) fn tick(&mut self, now: DateTime<Utc>) {
        let through = |at: DateTime<Utc>| now - at >= DELETION_JOB;
        let gone: Vec<u64> = self
            .deleted
            .values()
            .filter(|(_, at)| through(*at))
            .map(|(status, _)| status.id)
            .collect();
        if !gone.is_empty() {
            self.deleted.retain(|_, (_, at)| !through(*at));
            for status in self.statuses.values_mut() {
                status.in_reply_to = status.in_reply_to.filter(|parent| !gone.contains(parent));
            }
            self.media.retain(|_, medium| medium.hold != Hold::Doomed);
            for medium in self.media.values_mut().filter(|medium| medium.hold == Hold::Leaving) {
                medium.hold = Hold::Free;
            }
        }
        self.media
            .retain(|_, medium| medium.hold != Hold::Free || now - medium.uploaded_at < VACUUM);
    }

    pub(super) fn known_key(&self, account: u64, key: &str, now: DateTime<Utc>) -> Known {
        match self.keys.get(&(account, key.to_owned())) {
            Some((id, at)) if now - *at < KEY_LIFE => {
                if self.statuses.contains_key(id) {
                    Known::Status(*id)
                } else {
                    Known::Gone
                }
            }
            _ => Known::No,
        }
    }

    pub(super) fn remember_key(&mut self, account: u64, key: String, status: u64, now: DateTime<Utc>) {
        self.keys.insert((account, key), (status, now));
    }

    /// Removes a status; its media are free again once the background job has run, or go with it.
    pub(super) fn delete_status(&mut self, id: u64, with_media: bool, now: DateTime<Utc>) -> Option<Status> {
        let status = self.statuses.remove(&id)?;
        self.deleted.insert(id, (status.clone(), now));
        for medium in self
            .media
            .values_mut()
            .filter(|medium| medium.hold == Hold::Attached(id))
        {
            medium.hold = if with_media { Hold::Doomed } else { Hold::Leaving };
        }
        Some(status)
    }

    /// Makes a boost.
    pub(super) fn boost(&mut self, account: u64, of: u64, audience: Audience, now: DateTime<Utc>) -> u64 {
        let id = self.next_id(now);
        let status = Status {
            id,
            account,
            created_at: now,
            edited_at: None,
            sent: String::new(),
            text: String::new(),
            spoiler: String::new(),
            audience,
            sensitive: false,
            language: None,
            in_reply_to: None,
            reply_to_account: None,
            media: Vec::new(),
            mentions: Vec::new(),
            tags: Vec::new(),
            html: None,
            poll: Vec::new(),
            quote: None,
            boost_of: Some(of),
            app: boosts::APP,
            key: None,
            history: Vec::new(),
        };
        self.statuses.insert(id, status);
        id
    }

    /// Whether moderators have closed an account.
    pub(super) fn is_suspended(&self, account: u64) -> bool {
        self.account(account).is_some_and(|account| account.suspended)
    }

    /// What a status answers, even if that is about to be gone.
    pub(super) fn parent(&self, status: &Status) -> Option<&Status> {
        let id = status.in_reply_to?;
        let leaving = self.deleted.get(&id).map(|(status, _)| status);
        self.statuses.get(&id).or(leaving)
    }

    /// Whether `viewer` may see a status.
    pub(super) fn sees(status: &Status, viewer: Option<u64>) -> bool {
        status.audience.is_open()
            || viewer == Some(status.account)
            || viewer.is_some_and(|viewer| status.mentions.contains(&viewer))
    }
}
