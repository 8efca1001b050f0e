//! One channel behind the one trait.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use tokio::sync::Mutex;
use tombolo_model::{
    AccountIdentity, Cache, Capabilities, Checkpoint, Copy, Destination, DestinationError, Draft, Found, Idempotency,
    Limits, Marker, ProgressSink, PublishOutcome, PublishProgress, Settling, TokenStore, Window,
};
use tombolo_net::Net;
use url::Url;

use crate::caller::Caller;
use crate::place::Place;
use crate::publish::{self, detail};
use crate::wire::OwnVideo;
use crate::{look, short_uuid};

/// The shortest time that an unanswered request is given: a video appears at the end of its processing.
const SHORTEST_SETTLE: Duration = Duration::from_secs(60);
/// Shortest and longest pause between two looks at a video that is being transcoded (contract peertube §9).
const SHORTEST_LOOK: TimeDelta = TimeDelta::seconds(5);
const LONGEST_LOOK: TimeDelta = TimeDelta::seconds(60);
/// When a video that no moderator has let through counts as blocked.
const PATIENCE_WITH_MODERATION: TimeDelta = TimeDelta::days(30);
/// Moderators take hours, or never come.
const LONGEST_LOOK_AT_MODERATION: TimeDelta = TimeDelta::hours(6);

/// A channel of an account on a PeerTube instance.
pub struct PeerTubeDestination {
    place: Place,
    settle: Duration,
    /// One upload at a time (contract peertube §8).
    uploading: Mutex<()>,
}

impl PeerTubeDestination {
    /// The channel `handle_name` of the account that `tokens` sign in to; the account's own name stands for its only channel.
    /// `settle`: how long an unanswered request may still take effect there, a minute at least.
    pub fn new(
        net: Net,
        instance: Url,
        handle_name: impl Into<String>,
        tokens: Arc<dyn TokenStore>,
        cache: Arc<dyn Cache>,
        settle: Duration,
    ) -> Self {
        Self {
            place: Place::new(Caller::new(net, instance, tokens), &handle_name.into(), cache),
            settle: settle.max(SHORTEST_SETTLE),
            uploading: Mutex::new(()),
        }
    }
}

#[async_trait]
impl Destination for PeerTubeDestination {
    async fn identity(&self) -> Result<AccountIdentity, DestinationError> {
        self.place.identity().await
    }

    async fn limits(&self) -> Result<Limits, DestinationError> {
        self.place.limits().await
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            // The same file can be uploaded twice without complaint (contract peertube §0.5).
            idempotency: Idempotency::None,
            settle: self.settle,
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
        let _one = self.uploading.lock().await;
        publish::publish(&self.place, draft, progress, checkpoint, meter).await
    }

    async fn find(&self, account: &str, marker: &Marker, window: Window) -> Result<Found, DestinationError> {
        look::find(&self.place, channel_of(account), marker, window).await
    }

    async fn settled(&self, copy: &Copy) -> Result<Settling, DestinationError> {
        if short_uuid(&copy.id).is_none() {
            return Err(DestinationError::Malformed(format!(
                "{:?} is no id of a video",
                copy.id
            )));
        }
        Ok(match detail(&self.place, &copy.id).await? {
            Some(video) => settling(copy, &video, self.place.caller.now()),
            None => Settling::Gone {
                reason: "the instance no longer has the video: it was deleted there, or its import failed".into(),
            },
        })
    }
}

/// The channel in an account's id, which is `{user}/{channel}`.
fn channel_of(account: &str) -> Option<u64> {
    account.rsplit('/').next()?.parse().ok()
}

/// How far the instance is with a video (contract peertube §5).
fn settling(copy: &Copy, video: &OwnVideo, now: DateTime<Utc>) -> Settling {
    // The longer it takes, the more rarely it is asked.
    let waited = video.created.map_or(SHORTEST_LOOK, |created| (now - created) / 2);
    let in_work = |what: &str| Settling::InWork {
        until: now + waited.clamp(SHORTEST_LOOK, LONGEST_LOOK),
        what: what.to_owned(),
    };
    let failed = |reason: &str| Settling::Failed { reason: reason.into() };
    match video.state {
        Some(1) => {
            // Nobody but its owner sees it (contract peertube §9).
            if video.blocked && waited > PATIENCE_WITH_MODERATION / 2 {
                return failed(
                    "no moderator of the instance has let the video through for 30 days; tombolo retry asks once more",
                );
            }
            if video.blocked {
                return Settling::InWork {
                    until: now + waited.clamp(SHORTEST_LOOK, LONGEST_LOOK_AT_MODERATION),
                    what: "moderation: nobody sees the video before a moderator of the instance lets it through".into(),
                };
            }
            Settling::Done(copy.clone())
        }
        Some(2) => in_work("transcoding"),
        Some(3) => in_work("fetching the file"),
        Some(6 | 10) => in_work("moving the files"),
        Some(9) => in_work("editing"),
        Some(7) => failed("the instance could not transcode the video"),
        Some(8 | 11) => failed("the instance could not move the video's files"),
        // Later versions have more states, which only their names tell.
        Some(_) if video.state_label.to_lowercase().contains("fail") => {
            failed(&format!("the instance gave up on the video: {}", video.state_label))
        }
        _ => in_work(if video.state_label.is_empty() {
            "something it doesn't name"
        } else {
            &video.state_label
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn video(state: u64, label: &str, created: &str) -> OwnVideo {
        let value = json!({
            "uuid": "e866a2b7-3519-427b-8c15-43d136aff7af",
            "createdAt": created,
            "state": {"id": state, "label": label},
        });
        OwnVideo::parse(&value).expect("a video")
    }

    fn copy() -> Copy {
        crate::wire::copy_of(
            "e866a2b7-3519-427b-8c15-43d136aff7af",
            &Url::parse("https://tube.example/").expect("a URL"),
        )
    }

    #[test]
    fn the_longer_it_takes_the_more_rarely_it_is_asked() {
        let now: DateTime<Utc> = "2026-11-25T10:00:00Z".parse().expect("a date");
        for (created, pause) in [
            ("2026-11-25T09:59:58Z", 5),
            ("2026-11-25T09:59:20Z", 20),
            ("2026-11-25T08:00:00Z", 60),
            // The instance's clock is ahead.
            ("2026-11-25T11:00:00Z", 5),
        ] {
            let Settling::InWork { until, .. } = settling(&copy(), &video(2, "To transcode", created), now) else {
                panic!("it is in work");
            };
            assert_eq!(until - now, TimeDelta::seconds(pause), "{created}");
        }
    }

    #[test]
    fn a_state_of_a_later_version_is_a_failure_only_by_its_name() {
        let now = Utc::now();
        let created = "2026-11-25T10:00:00Z";
        let settling = |state, label| settling(&copy(), &video(state, label, created), now);
        assert!(matches!(settling(12, "Import failed"), Settling::Failed { .. }));
        assert!(matches!(settling(13, "Thinking"), Settling::InWork { what, .. } if what == "Thinking"));
    }
}
