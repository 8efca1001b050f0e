//! PeerTube both ways: a creator's videos, read by the public REST API or by the ActivityPub outbox, and a channel that videos
//! are published in.
//!
//! Reading never sends a token: with one, lists would show internal videos too (contract peertube §3.1). Publishing never
//! begins another upload while the outcome of one is unknown.

mod api;
mod caller;
mod captions;
mod config;
mod destination;
mod details;
mod file;
mod grant;
mod import;
mod licence;
mod look;
mod outbox;
mod place;
mod publish;
mod resumable;
mod session;
mod source;
#[cfg(feature = "stand-in")]
pub mod stand_in;
mod upload;
mod video;
mod wire;

pub use destination::PeerTubeDestination;
pub use source::{PeerTube, Read};
pub use video::{post_from_activitypub, post_from_api, short_uuid};
