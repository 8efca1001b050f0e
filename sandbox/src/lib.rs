//! The bridges' stand-ins assembled into a small make-believe Fediverse: a PeerTube and a Mastodon on loopback, and a
//! creator with an account on each. For the demo, tests and benches; nothing here reaches out.

mod sample;

use std::io;
use std::sync::Arc;

pub use tombolo_mastodon::stand_in as mastodon;
use tombolo_model::Clock;
pub use tombolo_peertube::stand_in as peertube;

pub use sample::{Clip, clips};

/// The creator's name on both islands.
pub const CREATOR: &str = "mara";
/// The channel of the sample creator.
pub const CHANNEL: &str = "mara_by_the_sea";

/// Two islands with one creator.
pub struct Islands {
    /// Where the videos are.
    pub tube: peertube::PeerTube,
    /// Where they go.
    pub toots: mastodon::Mastodon,
    /// The creator's token there.
    pub token: String,
}

/// How the islands are set up.
#[derive(Clone, Debug)]
pub struct Options {
    /// What time it is there.
    pub clock: Arc<dyn Clock>,
    /// How many looks a video takes to be processed.
    pub media_polls: u32,
    /// Largest video in bytes; `None` for Mastodon's own limit.
    pub video_size_limit: Option<u64>,
}

impl Islands {
    /// Starts both on free ports.
    pub async fn start(options: Options) -> io::Result<Self> {
        let mut tube_options = peertube::Options::new(options.clock.clone());
        CREATOR.clone_into(&mut tube_options.account);
        CHANNEL.clone_into(&mut tube_options.channel);
        let tube = peertube::PeerTube::start(tube_options).await?;
        let mut toots_options = mastodon::Options {
            clock: options.clock,
            media_polls: options.media_polls,
            ..mastodon::Options::default()
        };
        if let Some(limit) = options.video_size_limit {
            toots_options.limits.video_size_limit = limit;
            toots_options.client_max_body = None;
        }
        let toots = mastodon::Mastodon::start(toots_options).await?;
        let token = toots.add_account(CREATOR);
        Ok(Self { tube, toots, token })
    }

    /// A configuration that carries the creator's videos from one island to the other.
    pub fn configuration(&self, data_dir: &std::path::Path, schedule: &str, since: &str) -> String {
        format!(
            r#"data_dir = {data_dir:?}

[accounts.channel]
platform = "peertube"
instance = "{tube}"
handle = "{CHANNEL}"

[accounts.toots]
platform = "mastodon"
instance = "{toots}"
handle = "{CREATOR}"
token = "{token}"

[routes.videos]
from = "channel"
to = ["toots"]
schedule = "{schedule}"
jitter = "0s"
since = "{since}"

[network]
allow = ["127.0.0.0/8"]   # the islands are on this machine
allow_http = true
"#,
            tube = self.tube.base(),
            toots = self.toots.base(),
            token = self.token,
        )
    }
}
