//! One account behind the one trait.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use secrecy::SecretString;
use serde_json::Value;
use tombolo_model::{
    AccountIdentity, Cache, Capabilities, Checkpoint, Destination, DestinationError, Draft, Found, Idempotency, Limits,
    Marker, Origin, ProgressSink, PublishOutcome, PublishProgress, Window,
};
use tombolo_net::Net;
use url::Url;

use crate::entity::{identifier, truth};
use crate::limits::limits_of;
use crate::wire::{Api, Failure, Said};
use crate::{find, publish};

/// How long an instance's limits are believed.
const LIMITS_AGE: Duration = Duration::from_secs(3600);
/// Least time that a request may still take effect (contract pixelfed §8.5).
const LEAST_SETTLE: Duration = Duration::from_secs(90);

/// An account on a Pixelfed instance.
pub struct Pixelfed {
    api: Api,
    cache: Arc<dyn Cache>,
    settle: Duration,
}

impl Pixelfed {
    /// The account that `token` belongs to. `settle`: how long an unanswered request may still take effect there; at least
    /// 90 seconds are taken.
    pub fn new(net: Net, instance: Url, token: SecretString, cache: Arc<dyn Cache>, settle: Duration) -> Self {
        Self {
            api: Api::new(net, instance, Some(token)),
            cache,
            settle: settle.max(LEAST_SETTLE),
        }
    }
}

#[async_trait]
impl Destination for Pixelfed {
    /// Also makes the account active, without which uploads and posts answer nothing (contract pixelfed §0.3).
    async fn identity(&self) -> Result<AccountIdentity, DestinationError> {
        let path = ["api", "v1", "accounts", "verify_credentials"];
        let value = self.api.read(&path, &[]).await.map_err(|failure| match failure {
            Failure::NotFound(why) | Failure::Malformed(why) => DestinationError::Malformed(format!(
                "{} doesn't answer like Pixelfed's API ({why}); check instance, and whether its admin has OAuth on",
                Origin::of(self.api.instance())
            )),
            other => other.into(),
        })?;
        let name = value.get("username").and_then(Value::as_str);
        let (Some(account), Some(username)) = (value.get("id").and_then(identifier), name) else {
            return Err(DestinationError::Malformed(format!(
                "{} doesn't say whose token it is",
                self.api.instance()
            )));
        };
        Ok(AccountIdentity {
            account,
            // Where every actor of Pixelfed lives (contract pixelfed §7).
            actor: self.api.address(&["users", username], &[]).ok().map(String::from),
            username: username.to_owned(),
            url: value.get("url").and_then(Value::as_str).map(str::to_owned),
            warnings: warnings(&value),
        })
    }

    async fn limits(&self) -> Result<Limits, DestinationError> {
        let origin = Origin::of(self.api.instance());
        let (name, now) = (format!("limits pixelfed {origin}"), self.api.net().clock().now());
        let kept = self.cache.get(&name, LIMITS_AGE, now);
        if let Some(kept) = kept.and_then(|value| serde_json::from_value(value).ok()) {
            return Ok(kept);
        }
        for version in ["v2", "v1"] {
            let answer = self.api.open(&["api", version, "instance"], &[]).await?;
            match self.api.judge(&answer) {
                Said::Json(document) => {
                    if let Some(limits) = limits_of(&document) {
                        let value = serde_json::to_value(&limits).unwrap_or_default();
                        self.cache.put(&name, &value, now);
                        return Ok(limits);
                    }
                }
                Said::Broken(_, why) => return Err(DestinationError::Transient(why)),
                _ => {}
            }
        }
        Err(DestinationError::Malformed(format!(
            "{origin} doesn't describe itself as Pixelfed at /api/v2/instance or /api/v1/instance; check instance and \
             platform"
        )))
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            idempotency: Idempotency::RefusesRepeats {
                ttl: Duration::from_secs(3600),
            },
            settle: self.settle,
            // An album's rest is another post: comments are in nobody's list.
            threads: false,
        }
    }

    async fn publish(
        &self,
        draft: &Draft,
        progress: PublishProgress,
        checkpoint: &mut dyn Checkpoint,
        meter: &dyn ProgressSink,
    ) -> PublishOutcome {
        publish::publish(&self.api, draft, progress, checkpoint, meter).await
    }

    async fn find(&self, account: &str, marker: &Marker, window: Window) -> Result<Found, DestinationError> {
        find::find(&self.api, account, marker, window).await
    }
}

/// What the account's settings do to posts (contract pixelfed §4).
fn warnings(account: &Value) -> Vec<String> {
    let mut warnings = Vec::new();
    let setting = |key: &str| account.get("source").and_then(|source| source.get(key));
    if account.get("locked").and_then(truth) == Some(true) {
        warnings.push("this account is private: everything posted to it becomes visible to followers only".to_owned());
    } else if setting("privacy").and_then(Value::as_str) == Some("unlisted") {
        warnings.push("this account is unlisted: its public posts become unlisted".to_owned());
    }
    if setting("sensitive").and_then(truth) == Some(true) {
        warnings.push("this account marks all of its posts as sensitive".to_owned());
    }
    warnings
}
