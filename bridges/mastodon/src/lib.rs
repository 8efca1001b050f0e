//! Servers with Mastodon's client API, both ways: Mastodon and its forks, GoToSocial, snac, Pleroma, …
//!
//! Differences between them are probed or learnt from their answers, never guessed from a name.

mod destination;
pub mod fuzz;
mod html;
mod known;
mod mend;
mod post;
mod publish;
mod readers;
mod source;
#[cfg(feature = "stand-in")]
pub mod stand_in;
mod tags;
mod upload;

pub use destination::Mastodon;
pub use post::{Home, note_to_post, status_to_post};
pub use source::{MastodonSource, Read};
