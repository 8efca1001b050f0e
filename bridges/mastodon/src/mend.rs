//! Servers that drop `sensitive` unless a warning goes with it (snac, also in an edit): where a server isn't known to keep
//! it, a neutral warning goes along from the start. A copy that turns out uncovered is mended by an edit.
//!
//! Known by the instance's document and learnt from its answers, never from its name.

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

    /// Its answer showed that it drops `sensitive`.
    pub(crate) fn note(&self, now: DateTime<Utc>) {
        self.cache.put(&self.name, &Value::Bool(true), now);
    }

    /// The next one goes without a warning, and its answer shows what the server does.
    pub(crate) fn try_without(&self, now: DateTime<Utc>) {
        self.cache.put(&self.name, &Value::Bool(false), now);
    }

    /// The warning to send although the draft has none. `keeps`: whether the instance's document shows that it needs none.
    pub(crate) fn warning_for(&self, draft: &Draft, keeps: bool, now: DateTime<Utc>) -> Option<&'static str> {
        let drops = match self.cache.get(&self.name, MEMORY, now) {
            Some(Value::Bool(learnt)) => learnt,
            _ => !keeps,
        };
        (drops && depends_on_flag(draft)).then(|| neutral_warning(draft.language.as_deref()))
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
