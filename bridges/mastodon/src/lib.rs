//! Servers with Mastodon's client API as a destination: Mastodon and its forks, GoToSocial, snac, Pleroma, …
//!
//! Differences between them are probed or learnt from their answers, never guessed from a name.

mod destination;
mod publish;
#[cfg(feature = "stand-in")]
pub mod stand_in;

pub use destination::Mastodon;
