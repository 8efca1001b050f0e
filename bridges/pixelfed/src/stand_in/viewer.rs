//! Who asks, and what they may.

use axum::http::{HeaderMap, header};
use chrono::{DateTime, Utc};

use super::reply::Reply;
use super::world::World;

/// Who asks.
#[derive(Clone, Debug)]
pub(super) struct Viewer {
    user: Option<User>,
}

/// A user behind a good token.
#[derive(Clone, Debug)]
pub(super) struct User {
    pub(super) account: u64,
    pub(super) app: u64,
    scopes: Vec<String>,
    confirmed: bool,
}

impl Viewer {
    /// Finds out who asks. A token that isn't good is as none.
    pub(super) fn of(headers: &HeaderMap, world: &World, now: DateTime<Utc>) -> Self {
        let bearer = headers
            .get(header::AUTHORIZATION)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.strip_prefix("Bearer "));
        let token = bearer.and_then(|bearer| world.tokens.get(bearer));
        let good = token.filter(|token| !token.revoked && now < token.expires_at);
        let user = good.and_then(|token| {
            let account = world.account(token.account?)?;
            Some(User {
                account: account.id,
                app: token.app,
                scopes: token.scopes.clone(),
                confirmed: account.preferences.email_confirmed,
            })
        });
        Self { user }
    }

    /// The user's account, if there is a user.
    pub(super) fn account(&self) -> Option<u64> {
        self.user.as_ref().map(|user| user.account)
    }

    /// For what needs a user with a scope. `home` is the server's address.
    pub(super) fn needs(&self, scope: &str, home: &url::Url) -> Result<&User, Reply> {
        let user = self.user.as_ref().ok_or_else(Reply::unauthenticated)?;
        if !user.confirmed {
            return Err(Reply::redirect(&super::address(home, "/i/verify-email")));
        }
        if scope.is_empty() || user.scopes.iter().any(|own| own == scope) {
            Ok(user)
        } else {
            Err(Reply::abort(403, ""))
        }
    }
}
