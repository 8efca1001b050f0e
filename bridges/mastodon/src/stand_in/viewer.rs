//! Who asks, and what they may.

use axum::http::{HeaderMap, header};

use super::reply::Reply;
use super::world::World;

/// Who asks.
#[derive(Clone, Debug)]
pub(super) enum Viewer {
    /// Nobody who says who it is.
    Anonymous,
    /// Somebody with an unknown token, which counts as none except where one is needed (contract §0a.5).
    Stranger,
    /// A token that was revoked.
    Revoked(String),
    /// An application without a user.
    App { token: String, app: usize },
    /// A user.
    User(User),
}

/// A user behind a token.
#[derive(Clone, Debug)]
pub(super) struct User {
    pub(super) token: String,
    pub(super) account: u64,
    pub(super) app: usize,
    scopes: Vec<String>,
    disabled: bool,
}

impl Viewer {
    /// Finds out who asks.
    pub(super) fn of(headers: &HeaderMap, world: &World) -> Self {
        let bearer = headers
            .get(header::AUTHORIZATION)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.strip_prefix("Bearer ").or_else(|| value.strip_prefix("bearer ")));
        let Some(bearer) = bearer else {
            return Self::Anonymous;
        };
        let Some((bearer, token)) = world.tokens.get_key_value(bearer) else {
            return Self::Stranger;
        };
        match token.account {
            _ if token.revoked => Self::Revoked(bearer.clone()),
            None => Self::App {
                token: bearer.clone(),
                app: token.app,
            },
            Some(account) => Self::User(User {
                token: bearer.clone(),
                account,
                app: token.app,
                scopes: token.scopes.clone(),
                disabled: world.account(account).is_some_and(|account| account.disabled),
            }),
        }
    }

    /// The token, if it is a known one.
    pub(super) fn token(&self) -> Option<&str> {
        match self {
            Self::Anonymous | Self::Stranger => None,
            Self::Revoked(token) | Self::App { token, .. } => Some(token),
            Self::User(user) => Some(&user.token),
        }
    }

    /// The user's account.
    pub(super) fn user(&self) -> Option<u64> {
        match self {
            Self::User(user) => Some(user.account),
            _ => None,
        }
    }

    /// Whether no token was sent, so that everybody would get the same answer.
    pub(super) fn is_anonymous(&self) -> bool {
        matches!(self, Self::Anonymous)
    }

    /// For what needs a user with one of these scopes.
    pub(super) fn needs(&self, scopes: &[&str]) -> Result<&User, Reply> {
        match self {
            Self::Anonymous | Self::Stranger => {
                let text = "The access token is invalid";
                Err(Reply::refused(401, text, "invalid_token", text))
            }
            Self::Revoked(_) => Err(revoked()),
            Self::App { .. } => Err(Reply::error(422, "This method requires an authenticated user")),
            Self::User(user) => user.may(scopes),
        }
    }

    /// For what everybody may ask; whoever sends a token needs the scope all the same (contract §1.5).
    pub(super) fn needs_if_known(&self, scopes: &[&str]) -> Result<(), Reply> {
        match self {
            Self::Anonymous | Self::Stranger | Self::App { .. } => Ok(()),
            Self::Revoked(_) => Err(revoked()),
            Self::User(user) => user.may(scopes).map(|_| ()),
        }
    }
}

impl User {
    fn may(&self, scopes: &[&str]) -> Result<&Self, Reply> {
        if !self.scopes.iter().any(|scope| scopes.contains(&scope.as_str())) {
            let description = format!("Access to this resource requires scope _{}_.", scopes.join(" "));
            let text = "This action is outside the authorized scopes";
            return Err(Reply::refused(403, text, "insufficient_scope", &description));
        }
        if self.disabled {
            return Err(Reply::error(403, "Your login is currently disabled"));
        }
        Ok(self)
    }
}

fn revoked() -> Reply {
    let text = "The access token was revoked";
    Reply::refused(401, text, "invalid_token", text)
}
