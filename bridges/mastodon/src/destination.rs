//! One account behind the one trait.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use secrecy::SecretString;
use tombolo_mastoapi::{Client, Status};
use tombolo_model::{
    AccountIdentity, Cache, Capabilities, Checkpoint, Copy, Destination, DestinationError, Draft, Found, Idempotency,
    Limits, Marker, Origin, ProgressSink, PublishOutcome, PublishProgress, Window,
};
use tombolo_net::Net;
use url::Url;

use crate::publish;

/// How long an instance's limits are believed.
const LIMITS_AGE: Duration = Duration::from_secs(3600);
/// How much the server's clock may be behind ours before a copy of ours looks older than the request that made it.
const CLOCK_SKEW: chrono::TimeDelta = chrono::TimeDelta::minutes(5);

/// An account on a server with Mastodon's client API.
pub struct Mastodon {
    client: Client,
    cache: Arc<dyn Cache>,
    settle: Duration,
}

impl Mastodon {
    /// The account that `token` belongs to. `settle`: how long an unanswered request may still take effect there.
    pub fn new(net: Net, instance: Url, token: SecretString, cache: Arc<dyn Cache>, settle: Duration) -> Self {
        Self {
            client: Client::new(net, instance, token),
            cache,
            settle,
        }
    }
}

#[async_trait]
impl Destination for Mastodon {
    async fn identity(&self) -> Result<AccountIdentity, DestinationError> {
        self.client.verify_credentials().await
    }

    async fn limits(&self) -> Result<Limits, DestinationError> {
        let (name, now) = (
            format!("limits {}", Origin::of(self.client.instance())),
            self.client.net().clock().now(),
        );
        if let Some(kept) = self
            .cache
            .get(&name, LIMITS_AGE, now)
            .and_then(|v| serde_json::from_value(v).ok())
        {
            return Ok(kept);
        }
        let limits = self.client.instance_document().await?.limits;
        self.cache
            .put(&name, &serde_json::to_value(&limits).unwrap_or_default(), now);
        Ok(limits)
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            // Mastodon keeps a key for an hour and creates nothing on a repeat (contract mastodon §6); others ignore it.
            // A key used again within the hour is therefore never worse than a new one. The last minutes are left unused.
            idempotency: Idempotency::Replays {
                ttl: Duration::from_secs(50 * 60),
            },
            single_use_media: true,
            settle: self.settle,
        }
    }

    async fn publish(
        &self,
        draft: &Draft,
        progress: PublishProgress,
        checkpoint: &mut dyn Checkpoint,
        meter: &dyn ProgressSink,
    ) -> PublishOutcome {
        publish::publish(&self.client, draft, progress, checkpoint, meter).await
    }

    async fn find(&self, account: &str, marker: &Marker, window: Window) -> Result<Found, DestinationError> {
        let since = window.since - CLOCK_SKEW;
        let paged = self.client.own_statuses_since(account, since).await?;
        let mut copies: Vec<Copy> = paged
            .statuses
            .iter()
            .filter(|status| status.created_at.is_none_or(|at| at >= since) && carries(status, marker))
            .map(publish::copy_of)
            .collect();
        copies.reverse();
        Ok(match (copies.is_empty(), paged.reached) {
            (false, _) => Found::Copies(copies),
            (true, true) => Found::Absent,
            (true, false) => Found::CannotSee(format!(
                "{} doesn't show statuses as far back as {}",
                self.client.instance(),
                since.format("%Y-%m-%d %H:%M UTC")
            )),
        })
    }
}

/// Whether a status is the copy: by media that only the copy can have, or by a link and the beginning of its text.
fn carries(status: &Status, marker: &Marker) -> bool {
    if status.media.iter().any(|medium| marker.media_ids.contains(&medium.id)) {
        return true;
    }
    let content = unescaped(&status.content);
    let shows = |text: &str, link: &str| contains_link(text, link) && opens_with(text, &marker.opening);
    marker.links.iter().any(|link| {
        // What a server made of the text, or the text itself where it shows it: some render it as Markdown.
        shows(&content, link) || status.text.as_ref().is_some_and(|text| shows(text, link))
    })
}

/// Whether the text, without its tags, begins with these letters and digits.
fn opens_with(html: &str, opening: &str) -> bool {
    let mut in_tag = false;
    let text = html.chars().filter(|c| match c {
        '<' => {
            in_tag = true;
            false
        }
        '>' if in_tag => {
            in_tag = false;
            false
        }
        _ => !in_tag && c.is_alphanumeric(),
    });
    let begins: String = text
        .flat_map(char::to_lowercase)
        .take(opening.chars().count())
        .collect();
    begins == opening
}

/// HTML with its entities decoded, as far as they occur in links.
fn unescaped(html: &str) -> String {
    html.replace("&#x2F;", "/")
        .replace("&#47;", "/")
        .replace("&#39;", "'")
        .replace("&quot;", "\"")
        .replace("&amp;", "&")
}

/// Whether the link stands in the text as a whole, not as the beginning of a longer one.
fn contains_link(text: &str, link: &str) -> bool {
    text.match_indices(link).any(|(at, _)| {
        let mut rest = text[at + link.len()..].chars();
        match rest.next() {
            None => true,
            // A full stop or the like ends a link, unless it goes on behind it.
            Some('.' | ',' | ':' | ';' | '!' | ')' | '\'') => rest.next().is_none_or(|c| !c.is_alphanumeric()),
            Some(c) => !(c.is_alphanumeric() || "/?#&=-_~%+@$*(".contains(c)),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_begins_like_its_draft_however_it_is_rendered() {
        let html = r#"<p><b>My</b> <i>Video&nbsp;2</i> &amp; more</p><p><a href="https://v.example/w/abc">x</a></p>"#;
        assert!(opens_with(&unescaped(html), "myvideo2more"));
        assert!(!opens_with(&unescaped(html), "myvideo3"));
        assert!(opens_with("<p>anything</p>", ""));
    }

    #[test]
    fn a_link_is_found_in_html_and_never_as_part_of_a_longer_one() {
        let link = "https://v.example/w/abc?a=1&b=2";
        for html in [
            r#"<p>Hi <a href="https://v.example/w/abc?a=1&amp;b=2" rel="me"><span>…</span></a></p>"#,
            "<p>https://v.example/w/abc?a=1&amp;b=2</p>",
            "see https://v.example/w/abc?a=1&amp;b=2. Bye",
            "https://v.example/w/abc?a=1&amp;b=2",
        ] {
            assert!(contains_link(&unescaped(html), link), "{html}");
        }
        for html in [
            "https://v.example/w/abc?a=1&amp;b=23",
            "https://v.example/w/abc",
            "https://v.example/w/abc?a=1&amp;b=2/x",
        ] {
            assert!(!contains_link(&unescaped(html), link), "{html}");
        }
    }
}
