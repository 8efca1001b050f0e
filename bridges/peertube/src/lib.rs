//! PeerTube as a source: one creator's videos, read by the public REST API or by the ActivityPub outbox.
//!
//! Never sends a token: with one, lists would show internal videos too (contract peertube §3.1).

mod api;
mod outbox;
mod source;
#[cfg(feature = "stand-in")]
pub mod stand_in;
mod video;

pub use source::{PeerTube, Read};
pub use video::{post_from_activitypub, post_from_api, short_uuid};
