//! Mastodon's client API as several servers speak it: what it says, read tolerantly, and the few calls tombolo makes.
//!
//! Never decides what an unanswered request means; that is the destination's business.

mod client;
mod entities;

pub use client::{Client, Paged};
pub use entities::{Instance, MediaEntity, Status, identifier, parse_instance, parse_status};
