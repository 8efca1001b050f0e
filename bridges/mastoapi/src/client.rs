//! The calls.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use chrono::{DateTime, TimeDelta, Utc};
use reqwest::Method;
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use tombolo_model::{AccountIdentity, DestinationError, IdempotencyKey, Origin, bool_of};
use tombolo_net::{Answer, Get, Net, NetError, Send, SendError, WriteBody, multipart};
use url::Url;

use crate::entities::{Instance, Status, error_text, identifier, parse_instance, parse_status};

/// Most a listing gives at once (contract mastodon §7.1).
const PAGE: &str = "40";
/// Most pages of one look at an account's statuses.
const MAX_PAGES: usize = 100;
/// Longest time of one look.
const MAX_TIME: TimeDelta = TimeDelta::minutes(2);

/// A client for one account.
#[derive(Clone, Debug)]
pub struct Client {
    net: Net,
    instance: Url,
    token: SecretString,
}

/// How far a walk through a listing came.
#[derive(Clone, Debug, PartialEq)]
pub struct Paged {
    /// The statuses, the newest first.
    pub statuses: Vec<Status>,
    /// Whether the walk reached the time it was to reach, or the end of the listing.
    pub reached: bool,
    /// Whether the listing can't be paged.
    pub repeats: bool,
}

impl Client {
    /// A client that speaks to `instance` with this token.
    pub fn new(net: Net, instance: Url, token: SecretString) -> Self {
        Self { net, instance, token }
    }

    /// The client underneath.
    pub fn net(&self) -> &Net {
        &self.net
    }

    /// Where the API is.
    pub fn instance(&self) -> &Url {
        &self.instance
    }

    /// What an error answer says, for people. A server that repeats our token isn't repeated.
    pub fn error_text(&self, status: u16, body: &[u8]) -> String {
        let told = String::from_utf8_lossy(body).replace(self.token.expose_secret(), "[token]");
        error_text(status, told.as_bytes())
    }

    /// Asks whose token it is.
    pub async fn verify_credentials(&self) -> Result<AccountIdentity, DestinationError> {
        let path = ["api", "v1", "accounts", "verify_credentials"];
        let value = match self.read(&path, &[]).await {
            Ok(value) => value,
            // 422: the token is no person's (contract mastodon §1.4), or unknown (snac).
            Err(Refusal::Status(422, why)) => return Err(DestinationError::AuthLost(why)),
            Err(Refusal::Status(status, _)) => {
                return Err(DestinationError::Malformed(format!(
                    "{} doesn't answer like a server with Mastodon's API (status {status} at /{}); check instance",
                    Origin::of(&self.instance),
                    path.join("/")
                )));
            }
            Err(other) => return Err(other.into()),
        };
        let account = value.get("id").and_then(identifier);
        let (Some(account), Some(acct)) = (
            account,
            value
                .get("acct")
                .or_else(|| value.get("username"))
                .and_then(Value::as_str),
        ) else {
            return Err(DestinationError::Malformed(format!(
                "{} doesn't say whose token it is",
                self.instance
            )));
        };
        let yes = |key: &str| value.get(key).and_then(bool_of) == Some(true);
        let mut warnings = Vec::new();
        if yes("limited") {
            warnings.push(
                "the instance's moderators have limited this account: its public posts become unlisted".to_owned(),
            );
        }
        if yes("suspended") {
            warnings.push("the instance's moderators have suspended this account".to_owned());
        }
        Ok(AccountIdentity {
            account,
            actor: value.get("uri").and_then(Value::as_str).map(str::to_owned),
            username: acct.split('@').next().unwrap_or(acct).to_owned(),
            url: value.get("url").and_then(Value::as_str).map(str::to_owned),
            warnings,
        })
    }

    /// Asks what the instance takes: by the second version of its document, or the first where there is no second.
    pub async fn instance_document(&self) -> Result<Instance, DestinationError> {
        let mut last = None;
        for version in ["v2", "v1"] {
            // Public, also where everything else needs a token (contract mastodon §0a.9); without one it can be cached.
            let url = self.address(&["api", version, "instance"])?;
            let answer = self.net.get(&Get::json(url)).await.map_err(destination_error)?;
            if answer.status.is_success() && is_json(&answer) {
                let value: Value = answer.json().map_err(|e| {
                    DestinationError::Malformed(format!(
                        "{} describes itself in JSON that can't be read: {e}",
                        self.instance
                    ))
                })?;
                if value.is_object() {
                    return Ok(parse_instance(&value));
                }
            }
            last = Some(answer.status.as_u16());
        }
        Err(DestinationError::Malformed(format!(
            "{} doesn't speak Mastodon's client API: neither /api/v2/instance nor /api/v1/instance is there (status {})",
            self.instance,
            last.unwrap_or_default()
        )))
    }

    /// Sends a file, once.
    pub async fn upload(&self, form: multipart::Form, sent: Arc<AtomicU64>) -> Result<Answer, SendError> {
        let url = self
            .address(&["api", "v2", "media"])
            .map_err(|e| SendError::NotSent(e.to_string()))?;
        self.net
            .send(Send {
                method: Method::POST,
                url,
                bearer: &self.token,
                headers: Vec::new(),
                body: WriteBody::Multipart(form),
                family: "upload",
                sent: Some(sent),
            })
            .await
    }

    /// Asks how far the server is with a file: the bare answer, since its status says most (contract mastodon §4.2).
    pub async fn media(&self, id: &str) -> Result<Answer, DestinationError> {
        let url = self.address(&["api", "v1", "media", id])?;
        self.net
            .get(&Get::json(url).bearer(&self.token))
            .await
            .map_err(destination_error)
    }

    /// Creates a status, once.
    pub async fn post_status(&self, body: Value, key: &IdempotencyKey) -> Result<Answer, SendError> {
        let url = self
            .address(&["api", "v1", "statuses"])
            .map_err(|e| SendError::NotSent(e.to_string()))?;
        self.net
            .send(Send {
                method: Method::POST,
                url,
                bearer: &self.token,
                headers: vec![("Idempotency-Key", key.as_str().to_owned())],
                body: WriteBody::Json(body),
                family: "statuses",
                sent: None,
            })
            .await
    }

    /// Looks through the account's own statuses, the newest first, until one is older than `since` on the server's clock,
    /// and keeps those that are `wanted`.
    ///
    /// Where the account's listing can't be paged (snac gives its newest 256 whatever is asked), the home timeline is walked
    /// instead, which holds the account's own statuses too.
    pub async fn own_statuses_since(
        &self,
        account: &str,
        since: DateTime<Utc>,
        wanted: &(dyn Fn(&Status) -> bool + Sync),
    ) -> Result<Paged, DestinationError> {
        let own = self
            .walk(&["api", "v1", "accounts", account, "statuses"], account, since, wanted)
            .await?;
        if !own.repeats || !own.statuses.is_empty() {
            return Ok(own);
        }
        // What can't be read shows nothing, and proves nothing.
        Ok(self
            .walk(&["api", "v1", "timelines", "home"], account, since, wanted)
            .await
            .unwrap_or(own))
    }

    async fn walk(
        &self,
        path: &[&str],
        account: &str,
        since: DateTime<Utc>,
        wanted: &(dyn Fn(&Status) -> bool + Sync),
    ) -> Result<Paged, DestinationError> {
        let begun = self.net.clock().now();
        let (mut statuses, mut seen, mut max_id) = (Vec::new(), HashSet::new(), None::<String>);
        for _ in 0..MAX_PAGES {
            let mut query = vec![("limit", PAGE.to_owned())];
            query.extend(max_id.take().map(|id| ("max_id", id)));
            let value = self.read(path, &query).await?;
            let Some(items) = value.as_array() else {
                return Err(DestinationError::Malformed(format!(
                    "{} didn't answer with a list of statuses",
                    self.instance
                )));
            };
            let page: Vec<Status> = items.iter().filter_map(parse_status).collect();
            if page.is_empty() && !items.is_empty() {
                return Err(DestinationError::Malformed(format!(
                    "{} lists statuses that can't be read",
                    self.instance
                )));
            }
            let Some(last) = page.last().map(|s| s.id.clone()) else {
                return Ok(Paged {
                    statuses,
                    reached: true,
                    repeats: false,
                });
            };
            // A boost stands where it was made, but may carry the date of what it boosts.
            let own = |s: &&Status| s.author.as_deref().is_none_or(|author| author == account);
            let mut dated = page
                .iter()
                .filter(|s| s.boosted.is_none())
                .filter(own)
                .filter_map(|s| s.created_at);
            let older = dated.next_back().is_some_and(|at| at < since);
            let fresh: Vec<Status> = page.into_iter().filter(|s| seen.insert(s.id.clone())).collect();
            if fresh.is_empty() {
                // The parameter changes nothing here: what is beyond this page can't be seen.
                return Ok(Paged {
                    statuses,
                    reached: false,
                    repeats: true,
                });
            }
            statuses.extend(fresh.into_iter().filter_map(|s| own_status(s, account)).filter(wanted));
            if older {
                return Ok(Paged {
                    statuses,
                    reached: true,
                    repeats: false,
                });
            }
            if self.net.clock().now() - begun > MAX_TIME {
                break;
            }
            max_id = Some(last);
        }
        Ok(Paged {
            statuses,
            reached: false,
            repeats: false,
        })
    }

    async fn read(&self, path: &[&str], query: &[(&str, String)]) -> Result<Value, Refusal> {
        let mut url = self.address(path)?;
        if !query.is_empty() {
            url.query_pairs_mut()
                .extend_pairs(query.iter().map(|(k, v)| (*k, v.as_str())));
        }
        let answer = self
            .net
            .get(&Get::json(url.clone()).bearer(&self.token))
            .await
            .map_err(destination_error)?;
        let status = answer.status.as_u16();
        match status {
            200 if is_json(&answer) => answer.json().map_err(|e| {
                let message = format!("{} was answered with JSON that can't be read: {e}", url.path());
                Refusal::Other(DestinationError::Malformed(message))
            }),
            // Pixelfed and some proxies show a login page with 200 where a token is dead (peers §0.6).
            200 => Err(Refusal::Other(DestinationError::AuthLost(format!(
                "{} shows a web page instead of its API; the token may have expired",
                self.instance
            )))),
            401 | 403 => Err(Refusal::Other(DestinationError::AuthLost(
                self.error_text(status, &answer.body),
            ))),
            300..=399 => Err(Refusal::Other(DestinationError::Malformed(format!(
                "{} redirects its API elsewhere; set instance to the address it redirects to",
                self.instance
            )))),
            _ => Err(Refusal::Status(status, self.error_text(status, &answer.body))),
        }
    }

    fn address(&self, segments: &[&str]) -> Result<Url, DestinationError> {
        let mut url = self.instance.clone();
        url.path_segments_mut()
            .map_err(|()| DestinationError::Refused(format!("{} is no base URL", self.instance)))?
            .clear()
            .extend(segments);
        Ok(url)
    }
}

/// Why a read brought no JSON.
enum Refusal {
    Status(u16, String),
    Other(DestinationError),
}

impl From<DestinationError> for Refusal {
    fn from(error: DestinationError) -> Self {
        Self::Other(error)
    }
}

impl From<Refusal> for DestinationError {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Status(_, why) => Self::Malformed(why),
            Refusal::Other(error) => error,
        }
    }
}

/// The status, or the one inside it, if the account wrote it.
fn own_status(status: Status, account: &str) -> Option<Status> {
    let status = match status.boosted {
        Some(inner) => *inner,
        None => status,
    };
    status
        .author
        .as_deref()
        .is_none_or(|author| author == account)
        .then_some(status)
}

fn is_json(answer: &Answer) -> bool {
    answer.media_type().is_some_and(|kind| kind.contains("json"))
}

fn destination_error(error: NetError) -> DestinationError {
    match error {
        NetError::Refused(message) => DestinationError::Refused(message),
        NetError::Transient(message) => DestinationError::Transient(message),
        NetError::TooLarge(message) => DestinationError::Malformed(message),
        NetError::Throttled { what, until } => DestinationError::Throttled { what, until },
    }
}
