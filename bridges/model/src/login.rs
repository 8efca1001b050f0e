//! Tokens that are renewed: who keeps them is not who renews them.

use std::fmt;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use secrecy::SecretString;

/// An access token and what renews it.
#[derive(Clone)]
pub struct TokenPair {
    /// Sent with each request.
    pub access: SecretString,
    /// Exchanged for the next pair, once.
    pub refresh: Option<SecretString>,
    /// When `access` dies.
    pub access_expires: Option<DateTime<Utc>>,
    /// When `refresh` dies.
    pub refresh_expires: Option<DateTime<Utc>>,
}

impl fmt::Debug for TokenPair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "TokenPair(until {:?}, renewable until {:?})",
            self.access_expires, self.refresh_expires
        )
    }
}

/// Keeps one account's tokens over restarts. Messages never contain a secret.
#[async_trait]
pub trait TokenStore: Send + Sync {
    /// The pair kept last, or the one that was configured; `None` where there is none yet.
    async fn load(&self) -> Result<Option<TokenPair>, String>;

    /// Keeps a pair. Returns only when it is on disk: a renewal has killed the one before (contract peertube §2.3).
    async fn save(&self, pair: &TokenPair) -> Result<(), String>;

    /// Name and password to sign in with anew; `None` where they aren't configured.
    async fn password(&self) -> Result<Option<(String, SecretString)>, String>;

    /// Whether anybody may be signed in. In a dry run nobody is: then [`TokenStore::password`] fails where one is configured.
    fn signs_in(&self) -> bool {
        true
    }
}
