//! Pixelfed as a source and a destination.
//!
//! Its API looks like Mastodon's and behaves otherwise (contract pixelfed): errors by body, single-use media, no text-only
//! posts, albums of one kind.

#[cfg(feature = "stand-in")]
pub mod stand_in;
