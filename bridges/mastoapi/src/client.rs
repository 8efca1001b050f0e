//! The calls.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use reqwest::Method;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use tombolo_model::{AccountIdentity, DestinationError, IdempotencyKey, Origin, bool_of};
use tombolo_net::{Answer, Get, Net, NetError, Send, SendError, WriteBody, multipart};
use url::Url;

use crate::entities::{Instance, Status, error_text, identifier, parse_instance, parse_status};

/// A client for one account.
#[derive(Clone, Debug)]
pub struct Client {
    net: Net,
    instance: Url,
    token: Option<SecretString>,
}

impl Client {
    /// A client that speaks to `instance` with this token.
    pub fn new(net: Net, instance: Url, token: SecretString) -> Self {
        Self {
            net,
            instance,
            token: Some(token),
        }
    }

    /// A client that says nobody's name: it reads what everybody may read, and writes nothing.
    pub fn anonymous(net: Net, instance: Url) -> Self {
        Self {
            net,
            instance,
            token: None,
        }
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
        let told = String::from_utf8_lossy(body);
        match &self.token {
            Some(token) if !token.expose_secret().is_empty() => {
                error_text(status, told.replace(token.expose_secret(), "[token]").as_bytes())
            }
            _ => error_text(status, told.as_bytes()),
        }
    }

    /// Asks whose token it is.
    pub async fn verify_credentials(&self) -> Result<AccountIdentity, DestinationError> {
        let path = ["api", "v1", "accounts", "verify_credentials"];
        let value = match self.read(&path, &[]).await {
            Ok(value) => value,
            // 422: the token is no person's (contract mastodon §1.4), or unknown (snac). 410: the account is suspended for good,
            // or the server is going away (§8.3).
            Err(Refusal::Status(410 | 422, why)) => return Err(DestinationError::AuthLost(why)),
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
        let path = ["api", "v2", "media"];
        let body = WriteBody::Multipart(form);
        self.write(Method::POST, &path, Vec::new(), body, "upload", Some(sent))
            .await
    }

    /// Asks how far the server is with a file: the bare answer, since its status says most (contract mastodon §4.2).
    pub async fn media(&self, id: &str) -> Result<Answer, DestinationError> {
        self.get(&["api", "v1", "media", id], &[], None).await
    }

    /// Asks for anything: the bare answer, whatever its status. With `etag`, 304 means that nothing changed.
    pub async fn get(
        &self,
        path: &[&str],
        query: &[(&str, String)],
        etag: Option<&str>,
    ) -> Result<Answer, DestinationError> {
        let mut url = self.address(path)?;
        if !query.is_empty() {
            url.query_pairs_mut()
                .extend_pairs(query.iter().map(|(k, v)| (*k, v.as_str())));
        }
        let get = Get {
            bearer: self.token.as_ref(),
            if_none_match: etag,
            ..Get::json(url)
        };
        self.net.get(&get).await.map_err(destination_error)
    }

    /// Reads one status by its id here; `None`: there is none, or none that this account may see.
    pub async fn status(&self, id: &str) -> Result<Option<Status>, DestinationError> {
        match self.read(&["api", "v1", "statuses", id], &[]).await {
            Ok(value) => Ok(parse_status(&value)),
            Err(Refusal::Status(404 | 410, _)) => Ok(None),
            Err(Refusal::Status(status @ 500.., why)) => Err(DestinationError::Transient(format!("{why} ({status})"))),
            Err(other) => Err(other.into()),
        }
    }

    /// Asks the instance for the status behind an address elsewhere, which it may fetch for that; `None`: it finds none.
    ///
    /// # Errors
    /// [`DestinationError::AuthLost`] where the token lacks the scope `read:search`.
    pub async fn search_status(&self, uri: &str) -> Result<Option<Status>, DestinationError> {
        let query = [
            ("q", uri.to_owned()),
            ("resolve", "true".to_owned()),
            ("type", "statuses".to_owned()),
            ("limit", "1".to_owned()),
        ];
        let value = match self.read(&["api", "v2", "search"], &query).await {
            Ok(value) => value,
            Err(Refusal::Other(DestinationError::AuthLost(why))) => {
                return Err(DestinationError::AuthLost(format!(
                    "{} doesn't let this token search for posts; it needs the permission read:search ({why})",
                    Origin::of(&self.instance)
                )));
            }
            // The instance asks the other one, and whatever goes wrong there may go right later.
            Err(Refusal::Status(status @ (408 | 500..), why)) => {
                return Err(DestinationError::Transient(format!("{why} ({status})")));
            }
            Err(other) => return Err(other.into()),
        };
        let Some(found) = value.get("statuses").and_then(Value::as_array) else {
            return Err(DestinationError::Malformed(format!(
                "{} didn't answer a search with a list of statuses",
                self.instance
            )));
        };
        Ok(found
            .iter()
            .filter_map(parse_status)
            .find(|status| status.uri == uri || status.url.as_deref() == Some(uri)))
    }

    /// Boosts a status, once.
    pub async fn boost(&self, id: &str, visibility: &str) -> Result<Answer, SendError> {
        let path = ["api", "v1", "statuses", id, "reblog"];
        let body = WriteBody::Json(json!({"visibility": visibility}));
        self.write(Method::POST, &path, Vec::new(), body, "statuses", None)
            .await
    }

    /// Replaces a status by another version of it. Repeating it changes nothing more.
    pub async fn edit_status(&self, id: &str, body: Value) -> Result<Answer, SendError> {
        let path = ["api", "v1", "statuses", id];
        self.write(Method::PUT, &path, Vec::new(), WriteBody::Json(body), "statuses", None)
            .await
    }

    /// Creates a status, once.
    pub async fn post_status(&self, body: Value, key: &IdempotencyKey) -> Result<Answer, SendError> {
        let headers = vec![("Idempotency-Key", key.as_str().to_owned())];
        let path = ["api", "v1", "statuses"];
        self.write(Method::POST, &path, headers, WriteBody::Json(body), "statuses", None)
            .await
    }

    async fn write(
        &self,
        method: Method,
        path: &[&str],
        headers: Vec<(&'static str, String)>,
        body: WriteBody,
        family: &'static str,
        sent: Option<Arc<AtomicU64>>,
    ) -> Result<Answer, SendError> {
        let not_sent = |e: DestinationError| SendError::NotSent(e.to_string());
        let bearer = self
            .token
            .as_ref()
            .ok_or_else(|| SendError::NotSent("writing needs a token".to_owned()))?;
        let url = self.address(path).map_err(not_sent)?;
        self.net
            .send(Send {
                method,
                url,
                bearer,
                headers,
                body,
                family,
                sent,
            })
            .await
    }

    pub(crate) async fn read(&self, path: &[&str], query: &[(&str, String)]) -> Result<Value, Refusal> {
        let answer = self.get(path, query, None).await?;
        let status = answer.status.as_u16();
        match status {
            200 if is_json(&answer) => answer.json().map_err(|e| {
                let message = format!("/{} was answered with JSON that can't be read: {e}", path.join("/"));
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
pub(crate) enum Refusal {
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
