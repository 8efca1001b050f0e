//! The bridges' stand-ins assembled into a small make-believe Fediverse: a PeerTube, a Mastodon and a Pixelfed on
//! loopback, and a creator with an account on each. For the demo, tests and benches; nothing here reaches out.

pub mod photo;
mod sample;

use std::io;
use std::sync::Arc;

pub use tombolo_mastodon::stand_in as mastodon;
use tombolo_model::Clock;
pub use tombolo_peertube::stand_in as peertube;
pub use tombolo_pixelfed::stand_in as pixelfed;

pub use sample::{Clip, album, clips};

/// The creator's name on all islands.
pub const CREATOR: &str = "mara";
/// The channel of the sample creator.
pub const CHANNEL: &str = "mara_by_the_sea";

/// Three islands with one creator.
pub struct Islands {
    /// Where the videos are.
    pub tube: peertube::PeerTube,
    /// Where everything goes.
    pub toots: mastodon::Mastodon,
    /// The creator's token there.
    pub token: String,
    /// Where the photos are. It takes videos too.
    pub photos: pixelfed::Pixelfed,
    /// The creator's token there.
    pub photos_token: String,
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
    /// Starts them on free ports.
    pub async fn start(options: Options) -> io::Result<Self> {
        let mut tube_options = peertube::Options::new(options.clock.clone());
        CREATOR.clone_into(&mut tube_options.account);
        CHANNEL.clone_into(&mut tube_options.channel);
        let tube = peertube::PeerTube::start(tube_options).await?;
        let mut toots_options = mastodon::Options {
            clock: options.clock.clone(),
            media_polls: options.media_polls,
            ..mastodon::Options::default()
        };
        if let Some(limit) = options.video_size_limit {
            toots_options.limits.video_size_limit = limit;
            toots_options.client_max_body = None;
        }
        let toots = mastodon::Mastodon::start(toots_options).await?;
        let token = toots.add_account(CREATOR);
        let photos_options = pixelfed::Options {
            clock: options.clock,
            limits: pixelfed::InstanceLimits::default().with_video(),
            ..pixelfed::Options::default()
        };
        let photos = pixelfed::Pixelfed::start(photos_options).await?;
        let photos_token = photos.add_account(CREATOR);
        Ok(Self {
            tube,
            toots,
            token,
            photos,
            photos_token,
        })
    }

    /// A configuration with the creator's accounts `channel`, `toots` and `photos`, and these routes.
    pub fn configuration(&self, data_dir: &std::path::Path, routes: &str) -> String {
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

[accounts.photos]
platform = "pixelfed"
instance = "{photos}"
handle = "{CREATOR}"
token = "{photos_token}"

{routes}
[network]
allow = ["127.0.0.0/8"]   # the islands are on this machine
allow_http = true
"#,
            tube = self.tube.base(),
            toots = self.toots.base(),
            token = self.token,
            photos = self.photos.base(),
            photos_token = self.photos_token,
        )
    }
}
