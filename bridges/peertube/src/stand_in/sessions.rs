//! Who is signed in: pairs of tokens, how long they are good, and who they belong to (contract §2).

use std::time::Duration;

use chrono::{DateTime, Utc};

use super::ids::Names;
use super::settings::after;

/// How a session began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grant {
    /// By name and password.
    Password,
    /// By the refresh token of another session, which ended then.
    Refresh,
    /// A test made it; its access token is good until it is taken away.
    Test,
}

/// A pair of tokens as the server gave it out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// The account's name.
    pub account: String,
    /// How it began.
    pub grant: Grant,
    /// When.
    pub began: DateTime<Utc>,
    /// The access token.
    pub access_token: String,
    /// The refresh token; none for sessions that a test made.
    pub refresh_token: Option<String>,
    /// Whether the access token is still good.
    pub is_good: bool,
}

/// A session as the server keeps it.
#[derive(Clone, Debug)]
pub(super) struct Kept {
    pub account: usize,
    pub grant: Grant,
    pub began: DateTime<Utc>,
    pub access: String,
    /// The refresh token, and until when it is good.
    pub refresh: Option<(String, DateTime<Utc>)>,
    /// Until when the access token is good; always if none.
    pub until: Option<DateTime<Utc>>,
    /// Whether it was revoked, or replaced by a newer one.
    pub ended: bool,
}

impl Kept {
    pub fn is_good(&self, now: DateTime<Utc>) -> bool {
        !self.ended && self.until.is_none_or(|until| now < until)
    }
}

/// Why a refresh token is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stale {
    Unknown,
    Expired,
}

/// All sessions there ever were.
#[derive(Debug)]
pub(super) struct Sessions {
    /// The one client: id and secret.
    pub client: (String, String),
    pub all: Vec<Kept>,
}

impl Sessions {
    pub fn new(names: &mut Names) -> Self {
        Self {
            client: (token(names), token(names)),
            all: Vec::new(),
        }
    }

    /// Whose access token this is, if it is good.
    pub fn account(&self, access: &str, now: DateTime<Utc>) -> Option<usize> {
        let found = self.all.iter().find(|s| s.access == access && s.is_good(now));
        found.map(|s| s.account)
    }

    /// A new session; `lifetimes` are those of the access and the refresh token.
    pub fn begin(
        &mut self,
        names: &mut Names,
        account: usize,
        grant: Grant,
        lifetimes: Option<(Duration, Duration)>,
        now: DateTime<Utc>,
    ) -> &Kept {
        let refresh = lifetimes.map(|(_, refresh)| (token(names), after(now, refresh)));
        self.all.push(Kept {
            account,
            grant,
            began: now,
            access: token(names),
            refresh,
            until: lifetimes.map(|(access, _)| after(now, access)),
            ended: false,
        });
        &self.all[self.all.len() - 1]
    }

    /// Ends the session with this refresh token, and tells whose it was.
    pub fn end_by_refresh(&mut self, refresh: &str, now: DateTime<Utc>) -> Result<usize, Stale> {
        let found = self.all.iter_mut().find(|s| {
            let own = s.refresh.as_ref().is_some_and(|(token, _)| token == refresh);
            own && !s.ended
        });
        let session = found.ok_or(Stale::Unknown)?;
        if session.refresh.as_ref().is_some_and(|(_, until)| now >= *until) {
            return Err(Stale::Expired);
        }
        session.ended = true;
        Ok(session.account)
    }

    /// Ends the session with this access token.
    pub fn end(&mut self, access: &str) {
        for session in self.all.iter_mut().filter(|s| s.access == access) {
            session.ended = true;
        }
    }
}

/// A token, forty characters as the server makes them.
fn token(names: &mut Names) -> String {
    let mut token = format!("{}{}", names.uuid(), names.uuid()).replace('-', "");
    token.truncate(40);
    token
}
