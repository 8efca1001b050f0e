//! One account behind the one trait.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use secrecy::SecretString;
use tombolo_mastoapi::{Client, Status, contains_link, decoded, letters};
use tombolo_model::{
    AccountIdentity, Cache, Capabilities, Checkpoint, Copy, Destination, DestinationError, Draft, Found, Idempotency,
    Limits, Marker, Origin, ProgressSink, PublishOutcome, PublishProgress, Window, file_name,
};
use tombolo_net::Net;
use url::Url;

use crate::html::plain;
use crate::known::Known;
use crate::publish;

/// How far before the request a look goes back. The server's clock may be wrong by any amount, so that dates only end the
/// walk and never decide what is a copy.
const LOOK_BACK: chrono::TimeDelta = chrono::TimeDelta::hours(24);

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
        Ok(Known::of(&self.client, self.cache.as_ref()).await?.limits)
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            // Mastodon keeps a key for an hour and creates nothing on a repeat (contract mastodon §6); others ignore it.
            // A key used again within the hour is therefore never worse than a new one. The last minutes are left unused.
            idempotency: Idempotency::Replays {
                ttl: Duration::from_secs(50 * 60),
            },
            settle: self.settle,
            threads: true,
        }
    }

    async fn publish(
        &self,
        draft: &Draft,
        progress: PublishProgress,
        checkpoint: &mut dyn Checkpoint,
        meter: &dyn ProgressSink,
    ) -> PublishOutcome {
        publish::publish(&self.client, self.cache.as_ref(), draft, progress, checkpoint, meter).await
    }

    async fn find(&self, account: &str, marker: &Marker, window: Window) -> Result<Found, DestinationError> {
        let since = window.since - LOOK_BACK;
        if let Some(id) = &marker.boost {
            return self.find_boost(account, id, since).await;
        }
        let paged = self
            .client
            .own_statuses_since(account, since, &|status| carries(status, marker))
            .await?;
        let mut copies: Vec<Copy> = paged.statuses.iter().map(publish::copy_of).collect();
        copies.reverse();
        let blind = (!paged.reached).then(|| {
            let since = since.format("%Y-%m-%d %H:%M UTC");
            format!(
                "{} doesn't show statuses as far back as {since}",
                self.client.instance()
            )
        });
        Ok(Found { copies, blind })
    }

    async fn locate(&self, uri: &str) -> Result<Option<String>, DestinationError> {
        Ok(self.client.search_status(uri).await?.map(|status| status.id))
    }
}

impl Mastodon {
    /// Whether the account has boosted this status: the server says so of the status itself.
    async fn find_boost(&self, account: &str, id: &str, since: DateTime<Utc>) -> Result<Found, DestinationError> {
        let boosted = self.client.status(id).await?.filter(|status| status.reblogged);
        let mut copies = Vec::new();
        if boosted.is_some() {
            let listed = self.client.own_boost_of(account, id, since).await?;
            copies.push(match listed {
                Some(boost) if publish::is_boost_of(&boost, id) => publish::copy_of(&boost),
                // The boost is there, wherever it is listed. It must not go by the boosted post's own address.
                other => Copy {
                    id: other.map_or_else(|| id.to_owned(), |boost| boost.id),
                    uri: format!(
                        "{}/api/v1/statuses/{id}/reblog#{account}",
                        Origin::of(self.client.instance())
                    ),
                    url: None,
                    differences: Vec::new(),
                },
            });
        }
        Ok(Found { copies, blind: None })
    }
}

/// Whether a status is the copy: by media that only the copy can have; by what it continues together with the beginning of its
/// text; or by a link together with the name of a file or the beginning of its text.
fn carries(status: &Status, marker: &Marker) -> bool {
    if status.media.iter().any(|m| marker.media.contains(&m.id)) {
        return true;
    }
    // Nothing begins with nothing, or a link alone would make any post the copy.
    let opens = |text: &str| {
        let opening = letters(text).take(marker.opening.chars().count());
        !marker.opening.is_empty() && opening.eq(marker.opening.chars())
    };
    // The text itself where the server shows it: some render it as Markdown. Else what the server made of it, whose links may
    // be shortened for the eye and whole in their addresses only.
    let sent = status.text.as_deref().unwrap_or_default();
    let (html, rendered) = (decoded(&status.content), plain(&status.content));
    let continues = marker.reply_to.is_some() && status.in_reply_to_id == marker.reply_to;
    if continues && (opens(sent) || opens(&rendered)) {
        return true;
    }
    let linked = marker
        .links
        .iter()
        .any(|link| [sent, &html, &rendered].iter().any(|text| contains_link(text, link)));
    if !linked {
        return false;
    }
    // snac gives an attachment another id than the upload had, but keeps its file's name.
    let mut files = status.media.iter().filter_map(|m| file_name(m.url.as_deref()?));
    files.any(|name| marker.files.contains(&name)) || opens(sent) || opens(&rendered)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(content: &str, text: Option<&str>, media: &[(&str, &str)]) -> Status {
        let media: Vec<_> = media
            .iter()
            .map(|(id, url)| serde_json::json!({"id": id, "url": url}))
            .collect();
        let value = serde_json::json!({"id": "1", "content": content, "text": text, "media_attachments": media});
        tombolo_mastoapi::parse_status(&value).expect("a status")
    }

    fn marker(opening: &str) -> Marker {
        Marker {
            links: ["https://v.example/w/abc".to_owned()].into(),
            opening: opening.into(),
            media: vec!["upload-7".into()],
            files: vec!["5d41402a.mp4".into()],
            ..Marker::default()
        }
    }

    #[test]
    fn a_copy_begins_like_its_draft_however_it_is_rendered() {
        let html =
            r#"<p><b>My</b> <i>Video&nbsp;2</i> &amp; more &lt;3</p><p><a href="https://v.example/w/abc">x…</a></p>"#;
        assert!(carries(&status(html, None, &[]), &marker("myvideo2more3")));
        assert!(!carries(&status(html, None, &[]), &marker("myvideo3")));
        // Rendered beyond recognition, but shown to its author as it was sent.
        assert!(carries(
            &status("<p>♥</p>", Some("I <3 it\n\nhttps://v.example/w/abc"), &[]),
            &marker("i3it")
        ));
    }

    #[test]
    fn a_copy_is_known_by_its_media_under_either_name() {
        let other = "<p>nothing of it</p>";
        assert!(carries(&status(other, None, &[("upload-7", "")]), &marker("x")));
        // A file's name alone could be that of another post with the same picture.
        let file = [("uri_0", "https://s.example/u/s/5d41402a.mp4?name=x")];
        assert!(!carries(&status(other, None, &file), &marker("x")));
        assert!(carries(
            &status("see https://v.example/w/abc", None, &file),
            &marker("x")
        ));
    }

    #[test]
    fn a_part_of_a_thread_is_known_by_what_it_continues_and_how_it_begins() {
        let mut marker = Marker {
            opening: "andsoon".into(),
            reply_to: Some("41".into()),
            ..Marker::default()
        };
        let part = |text: &str, parent: &str| {
            let value = serde_json::json!({"id": "42", "content": text, "in_reply_to_id": parent});
            tombolo_mastoapi::parse_status(&value).expect("a status")
        };
        assert!(carries(&part("<p>And so on, to the end</p>", "41"), &marker));
        assert!(!carries(&part("<p>And so on, to the end</p>", "40"), &marker));
        assert!(!carries(&part("<p>An answer to somebody</p>", "41"), &marker));
        // Without a beginning every answer to it would be the copy.
        marker.opening.clear();
        assert!(!carries(&part("<p>An answer to somebody</p>", "41"), &marker));
    }

    #[test]
    fn without_a_beginning_a_link_needs_a_file_of_the_copys_beside_it() {
        let text = "<p>https://v.example/w/abc</p>";
        assert!(!carries(&status(text, None, &[]), &marker("")));
        let file = [("uri_0", "https://s.example/u/s/5d41402a.mp4")];
        assert!(carries(&status(text, None, &file), &marker("")));
        assert!(carries(&status(text, None, &[("upload-7", "")]), &marker("")));
    }

    #[test]
    fn another_episode_that_links_to_this_one_is_not_its_copy() {
        let next = "<p>Show, Episode 5</p><p>Before: <a href=\"https://v.example/w/abc\">x</a></p>";
        assert!(!carries(&status(next, None, &[]), &marker("showepisode4")));
    }
}
