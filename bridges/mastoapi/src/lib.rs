//! Mastodon's client API as several servers speak it: what it says, read tolerantly, and the few calls tombolo makes.
//!
//! Never decides what an unanswered request means; that is the destination's business.

mod client;
mod entities;
mod files;
mod look;
mod words;

pub use client::Client;
pub use entities::{
    AccountEntity, Instance, MediaEntity, MentionEntity, QuoteEntity, Status, identifier, parse_account,
    parse_instance, parse_status,
};
pub use files::stream_file;
pub use look::Paged;
pub use words::{contains_link, decoded, entity, letters};
