//! Servers that drop `sensitive` unless a warning goes with it (snac): the copy is mended by an edit, and later ones carry a
//! neutral warning from the start.
//!
//! Learnt from the server's answers, never from its name.

use std::time::Duration;

use chrono::{DateTime, Utc};
use serde_json::Value;
use tombolo_mastoapi::{Client, Status, parse_status};
use tombolo_model::{Cache, Draft, Origin};
use tombolo_text::neutral_warning;
use url::Url;

use crate::publish::Sent;

/// How long it is remembered of a server. An update may have changed its ways.
const MEMORY: Duration = Duration::from_secs(30 * 86_400);

/// What is known of a server's ways with `sensitive`.
pub(crate) struct Memory<'a> {
    cache: &'a dyn Cache,
    name: String,
}

impl<'a> Memory<'a> {
    /// Of this instance.
    pub(crate) fn of(cache: &'a dyn Cache, instance: &Url) -> Self {
        Self {
            cache,
            name: format!("drops sensitive {}", Origin::of(instance)),
        }
    }

    pub(crate) fn note(&self, now: DateTime<Utc>) {
        self.cache.put(&self.name, &Value::Bool(true), now);
    }

    pub(crate) fn forget(&self) {
        self.cache.forget(&self.name);
    }

    /// The warning to send although the draft has none.
    pub(crate) fn warning_for(&self, draft: &Draft, now: DateTime<Utc>) -> Option<&'static str> {
        let dropped = self.cache.get(&self.name, MEMORY, now) == Some(Value::Bool(true));
        (dropped && depends_on_flag(draft)).then(|| neutral_warning(draft.language.as_deref()))
    }
}

/// Whether nothing but `sensitive` covers what is attached.
pub(crate) fn depends_on_flag(draft: &Draft) -> bool {
    draft.sensitive && draft.content_warning.is_none() && !draft.media.is_empty()
}

/// Replaces the status by itself with a warning; `None`: the server refused, or nobody knows.
pub(crate) async fn cover(client: &Client, status: &Status, sent: &Sent<'_>) -> Option<Status> {
    let body = sent.body(Some(neutral_warning(sent.draft.language.as_deref())));
    let answer = client.edit_status(&status.id, body).await.ok()?;
    if !answer.status.is_success() {
        return None;
    }
    let edited = parse_status(&answer.json::<Value>().ok()?)?;
    (edited.uri == status.uri).then_some(edited)
}
