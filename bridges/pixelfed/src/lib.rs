//! Pixelfed as a source and a destination.
//!
//! Its API looks like Mastodon's and behaves otherwise (contract pixelfed): errors by body, single-use media, no text-only
//! posts, albums of one kind. An album that mixes photos and videos is in none of its lists: as a source such a post isn't
//! seen, as a destination none is made.

mod atom;
mod creator;
mod destination;
mod entity;
mod feed;
mod fetch;
mod find;
pub mod fuzz;
mod limits;
mod listing;
mod note;
mod own;
mod public;
mod publish;
mod source;
#[cfg(feature = "stand-in")]
pub mod stand_in;
mod text;
mod upload;
mod wire;

pub use atom::{Entry, parse_feed};
pub use destination::Pixelfed;
pub use entity::post_from_native;
pub use note::post_from_note;
pub use source::{PixelfedSource, Read};
