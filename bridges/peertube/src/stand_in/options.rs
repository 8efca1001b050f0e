//! How a stand-in is set up.

use std::sync::Arc;

use tombolo_model::Clock;

use super::Settings;

/// The account that is there from the start.
const ACCOUNT: &str = "alice";
/// Its channel.
const CHANNEL: &str = "alice_channel";

/// What lists do with sensitive videos when nobody says what they want.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NsfwPolicy {
    /// Leave them out.
    DoNotList,
    /// Show them blurred.
    Blur,
    /// Show them.
    Display,
}

impl NsfwPolicy {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::DoNotList => "do_not_list",
            Self::Blur => "blur",
            Self::Display => "display",
        }
    }
}

/// How the server is set up.
#[derive(Clone, Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent switches, as in the server's configuration"
)]
pub struct Options {
    /// The port on the loopback interface; 0 for any.
    pub port: u16,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// Whether rate limits are kept (contract §8).
    pub rate_limits: bool,
    /// What lists do with sensitive videos.
    pub nsfw_policy: NsfwPolicy,
    /// Whether outboxes show unlisted videos, addressed to nobody.
    pub federate_unlisted: bool,
    /// Whether lists of videos can be had by the REST API; if not, they are hidden as by a proxy.
    pub api_listing: bool,
    /// Whether actors, outboxes and videos can be had for other servers.
    pub federation: bool,
    /// Whether an outbox crashes on a video without a thumbnail, as up to version 6.3.1.
    pub bug_500_without_thumbnail: bool,
    /// The account that is there from the start; none if empty.
    pub account: String,
    /// Its channel; none if empty.
    pub channel: String,
    /// How what is written to it is treated, at first.
    pub settings: Settings,
}

impl Options {
    /// A default server, on any port, with `alice` and her channel `alice_channel`.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            port: 0,
            clock,
            rate_limits: true,
            nsfw_policy: NsfwPolicy::DoNotList,
            federate_unlisted: false,
            api_listing: true,
            federation: true,
            bug_500_without_thumbnail: true,
            account: ACCOUNT.into(),
            channel: CHANNEL.into(),
            settings: Settings::default(),
        }
    }
}
