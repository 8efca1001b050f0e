//! PeerTube's two readers, against recorded documents, the stand-in, and servers that mean harm.

mod accounts;
mod by_page;
mod equal;
mod fetching;
mod garbage;
mod hostile;
mod listing;
#[path = "../../../activitypub/src/mangled.rs"]
mod mangled;
mod rig;
mod versions;
