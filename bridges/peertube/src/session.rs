//! Who we are at the instance: an access token that is renewed before it dies, one renewal at a time, and kept before use.
//!
//! A renewal kills the old pair at once (contract peertube §2.3), so the new one is on disk before anything is asked with
//! it. No secret ever appears in a message, and what the instance refused once is not tried again.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::Mutex;
use tombolo_model::{DestinationError, Origin, TokenPair, TokenStore};
use tombolo_net::Net;
use url::Url;

use crate::grant::{Desk, Failed, without};

/// How long before its end a token is renewed whose whole life isn't known: half of the day that is usual.
const AHEAD: TimeDelta = TimeDelta::hours(12);

/// Why there is no token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum NoToken {
    /// Somebody has to sign in.
    Lost(String),
    /// It may work later.
    Later(String),
    /// The instance wants fewer token requests.
    Throttled { what: String, until: DateTime<Utc> },
}

impl From<NoToken> for DestinationError {
    fn from(no: NoToken) -> Self {
        match no {
            NoToken::Lost(reason) => Self::AuthLost(reason),
            NoToken::Later(reason) => Self::Transient(reason),
            NoToken::Throttled { what, until } => Self::Throttled { what, until },
        }
    }
}

impl From<DestinationError> for NoToken {
    fn from(error: DestinationError) -> Self {
        match error {
            DestinationError::AuthLost(reason) => Self::Lost(reason),
            DestinationError::Throttled { what, until } => Self::Throttled { what, until },
            other => Self::Later(other.to_string()),
        }
    }
}

/// The tokens of one account.
pub(crate) struct Session(Arc<Inner>);

struct Inner {
    net: Net,
    instance: Url,
    store: Arc<dyn TokenStore>,
    /// Held over a renewal, so that there is one at a time.
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    pair: Option<TokenPair>,
    /// A pair that the store didn't take yet is not used.
    unsaved: bool,
    /// When a pair that we were given ourselves has lived half of its life.
    renew_from: Option<DateTime<Utc>>,
    desk: Desk,
    /// The refresh token that was refused.
    dead: Option<SecretString>,
    /// Name and password that were refused, and what was said.
    refused: Option<(String, SecretString, String)>,
}

impl Session {
    pub(crate) fn new(net: Net, instance: Url, store: Arc<dyn TokenStore>) -> Self {
        Self(Arc::new(Inner {
            net,
            instance,
            store,
            kept: Mutex::new(Kept::default()),
        }))
    }

    /// A token to ask with, renewed ahead of its end.
    pub(crate) async fn token(&self) -> Result<SecretString, NoToken> {
        if let Some(token) = self.0.ready().await {
            return Ok(token);
        }
        let inner = self.0.clone();
        to_its_end(async move { inner.token().await }).await
    }

    /// Whether anybody may be signed in.
    pub(crate) fn signs_in(&self) -> bool {
        self.0.store.signs_in()
    }

    /// Another token, since this one was refused.
    pub(crate) async fn instead_of(&self, refused: &SecretString) -> Result<SecretString, NoToken> {
        let (inner, refused) = (self.0.clone(), refused.clone());
        to_its_end(async move { inner.instead_of(&refused).await }).await
    }

    /// What a person reads when even a new token was refused.
    pub(crate) fn needs_sign_in(&self, because: &str) -> String {
        self.0.needs_sign_in(because)
    }
}

/// A renewal whose caller goes away is finished all the same: its answer is the only way on.
async fn to_its_end(
    renewal: impl Future<Output = Result<SecretString, NoToken>> + Send + 'static,
) -> Result<SecretString, NoToken> {
    let ended = tokio::spawn(renewal).await;
    ended.unwrap_or_else(|e| Err(NoToken::Later(format!("a sign-in was broken off: {e}"))))
}

impl Inner {
    /// The kept token, where nothing has to be done for it.
    async fn ready(&self) -> Option<SecretString> {
        let kept = self.kept.lock().await;
        let pair = kept.pair.as_ref().filter(|_| !kept.unsaved)?;
        (!due(pair, kept.renew_from, self.net.clock().now())).then(|| pair.access.clone())
    }

    async fn token(&self) -> Result<SecretString, NoToken> {
        let mut kept = self.kept.lock().await;
        if kept.pair.is_none() {
            kept.pair = self.load().await?;
        }
        self.save(&mut kept).await?;
        let now = self.net.clock().now();
        let Some(pair) = kept.pair.clone() else {
            return self.by_password(&mut kept).await;
        };
        if !due(&pair, kept.renew_from, now) {
            return Ok(pair.access);
        }
        let alive = pair.access_expires.is_none_or(|end| end > now);
        if alive && pair.refresh.is_none() {
            return Ok(pair.access);
        }
        match self.renew(&mut kept, None).await {
            // While the old one lives there is time to try again.
            Err(NoToken::Later(reason)) if alive && !kept.unsaved => {
                tracing::warn!(%reason, "the token could not be renewed yet");
                Ok(pair.access)
            }
            Err(NoToken::Throttled { .. }) if alive && !kept.unsaved => Ok(pair.access),
            other => other,
        }
    }

    async fn instead_of(&self, refused: &SecretString) -> Result<SecretString, NoToken> {
        let mut kept = self.kept.lock().await;
        self.save(&mut kept).await?;
        if let Some(pair) = &kept.pair
            && !same(&pair.access, refused)
        {
            // Somebody else's request met the refusal first.
            return Ok(pair.access.clone());
        }
        self.renew(&mut kept, Some(refused)).await
    }

    fn needs_sign_in(&self, because: &str) -> String {
        format!("{} needs a new sign-in: {because}", Origin::of(&self.instance))
    }

    async fn load(&self) -> Result<Option<TokenPair>, NoToken> {
        self.store.load().await.map_err(NoToken::Later)
    }

    async fn save(&self, kept: &mut Kept) -> Result<(), NoToken> {
        if let Some(pair) = kept.pair.as_ref().filter(|_| kept.unsaved) {
            self.store.save(pair).await.map_err(|reason| {
                NoToken::Later(format!(
                    "the renewed sign-in for {} could not be kept, so it is not used: {reason}",
                    Origin::of(&self.instance)
                ))
            })?;
            kept.unsaved = false;
        }
        Ok(())
    }

    /// Exchanges the refresh token; where the chain is broken, signs in with the password.
    async fn renew(&self, kept: &mut Kept, refused: Option<&SecretString>) -> Result<SecretString, NoToken> {
        let now = self.net.clock().now();
        // Another process may have renewed it, or somebody may have signed in anew.
        if let Some(stored) = self.load().await?
            && kept
                .pair
                .as_ref()
                .is_none_or(|pair| !same(&pair.access, &stored.access))
        {
            let usable = !due(&stored, None, now) && refused.is_none_or(|old| !same(old, &stored.access));
            kept.renew_from = None;
            kept.pair = Some(stored.clone());
            if usable {
                return Ok(stored.access);
            }
        }
        let refresh = kept.pair.as_ref().and_then(|pair| {
            let alive = pair.refresh_expires.is_none_or(|end| end > now);
            pair.refresh.clone().filter(|_| alive)
        });
        let Some(refresh) = refresh.filter(|token| kept.dead.as_ref().is_none_or(|dead| !same(dead, token))) else {
            return self.by_password(kept).await;
        };
        let fields = [
            ("grant_type", "refresh_token"),
            ("refresh_token", refresh.expose_secret()),
        ];
        let mut answer = kept.desk.ask(&self.net, &self.instance, &fields, &refresh).await;
        if matches!(answer, Err(Failed::Unknown(_))) {
            // Asked once more: if the lost answer was a pair, this one is a refusal, and the chain is known to be broken.
            answer = kept.desk.ask(&self.net, &self.instance, &fields, &refresh).await;
        }
        match answer {
            Ok(pair) => self.keep(kept, pair, now).await,
            Err(Failed::Refused(problem)) if problem.has_code("invalid_grant") => {
                kept.dead = Some(refresh);
                self.by_password(kept).await
            }
            Err(Failed::Refused(problem)) => Err(NoToken::Lost(self.needs_sign_in(&problem.to_string()))),
            Err(Failed::Unknown(reason)) => Err(NoToken::Later(reason)),
            Err(Failed::No(no)) => Err(no),
        }
    }

    async fn by_password(&self, kept: &mut Kept) -> Result<SecretString, NoToken> {
        let now = self.net.clock().now();
        let configured = self.store.password().await.map_err(NoToken::Later)?;
        let Some((name, password)) = configured else {
            let because = if kept.pair.is_some() {
                "its tokens no longer work, and no password is configured"
            } else {
                "there is neither a token nor a password for it"
            };
            return Err(NoToken::Lost(self.needs_sign_in(because)));
        };
        if let Some((tried, with, why)) = &kept.refused
            && *tried == name
            && same(with, &password)
        {
            return Err(NoToken::Lost(why.clone()));
        }
        let fields = [
            ("grant_type", "password"),
            ("username", name.as_str()),
            ("password", password.expose_secret()),
        ];
        match kept.desk.ask(&self.net, &self.instance, &fields, &password).await {
            Ok(pair) => self.keep(kept, pair, now).await,
            Err(Failed::Refused(problem)) => {
                let why = self.needs_sign_in(&match problem.code.as_deref() {
                    Some("missing_two_factor" | "invalid_two_factor") => format!(
                        "the account {name} has two-factor authentication, so only a person with its code can sign in"
                    ),
                    Some("invalid_grant") => format!("the password for {name} was refused"),
                    _ => without(&problem.to_string(), &password),
                });
                kept.refused = Some((name, password, why.clone()));
                Err(NoToken::Lost(why))
            }
            Err(Failed::Unknown(reason)) => Err(NoToken::Later(reason)),
            Err(Failed::No(no)) => Err(no),
        }
    }

    async fn keep(&self, kept: &mut Kept, pair: TokenPair, asked: DateTime<Utc>) -> Result<SecretString, NoToken> {
        let access = pair.access.clone();
        kept.renew_from = pair.access_expires.map(|end| asked + (end - asked) / 2);
        (kept.pair, kept.unsaved) = (Some(pair), true);
        (kept.dead, kept.refused) = (None, None);
        self.save(kept).await?;
        Ok(access)
    }
}

/// Whether a pair should be renewed before it is used.
fn due(pair: &TokenPair, renew_from: Option<DateTime<Utc>>, now: DateTime<Utc>) -> bool {
    match (renew_from, pair.access_expires) {
        (Some(from), _) => now >= from,
        (None, Some(end)) => now + AHEAD >= end,
        (None, None) => false,
    }
}

fn same(one: &SecretString, other: &SecretString) -> bool {
    one.expose_secret() == other.expose_secret()
}
