//! WebFinger, actors, collections and objects, read as PeerTube, Mastodon and Pixelfed write them.
//!
//! Only reads, never signs, never trusts an object that wasn't fetched from its own id's host (contract activitypub §0).

mod actor;
mod collection;
#[cfg(test)]
mod mangled;
mod object;
mod webfinger;

pub use actor::{Actor, fetch_actor};
pub use collection::{Page, Walk, fetch_first_page};
pub use object::{ACCEPT, Object, fetch_object, is_public, parse_duration, parse_instant, types_of};
pub use webfinger::{Handle, find_actor};

use tombolo_model::SourceError;
use tombolo_net::NetError;

/// A network failure as a reader reports it.
pub fn source_error(error: NetError) -> SourceError {
    match error {
        NetError::Refused(message) => SourceError::Refused(message),
        NetError::Transient(message) => SourceError::Transient(message),
        NetError::TooLarge(message) => SourceError::Malformed(message),
        NetError::Throttled { what, until } => SourceError::Throttled { what, until },
    }
}
