//! A creator's posts by every reader, with every fallback, from a stand-in and from servers that mean harm.

mod choosing;
mod fetching;
mod hostile;
mod listing;
#[path = "../../../activitypub/src/mangled.rs"]
#[allow(dead_code)]
mod mangled;
mod rig;
