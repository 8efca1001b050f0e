//! What is known of an instance by its own document, kept for a while.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use tombolo_mastoapi::Client;
use tombolo_model::{Cache, DestinationError, Limits, Origin};

/// How long an instance's document is believed.
const AGE: Duration = Duration::from_secs(3600);

/// What an instance says about itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Known {
    pub(crate) limits: Limits,
    /// Whether a status says of what type its text is.
    pub(crate) content_types: bool,
    /// Whether it names the version of Mastodon's API that it has.
    pub(crate) names_api: bool,
    /// Whether it is known to keep `sensitive` without a warning.
    pub(crate) keeps_sensitive: bool,
}

impl Known {
    /// From the cache, or asked of the instance.
    pub(crate) async fn of(client: &Client, cache: &dyn Cache) -> Result<Self, DestinationError> {
        let (name, now) = (
            format!("instance {}", Origin::of(client.instance())),
            client.net().clock().now(),
        );
        if let Some(kept) = cache
            .get(&name, AGE, now)
            .and_then(|value| serde_json::from_value(value).ok())
        {
            return Ok(kept);
        }
        let instance = client.instance_document().await?;
        let known = Self {
            limits: instance.limits,
            content_types: instance.content_types,
            names_api: instance.names_api,
            keeps_sensitive: instance.keeps_sensitive,
        };
        cache.put(&name, &serde_json::to_value(&known).unwrap_or_default(), now);
        Ok(known)
    }
}
