//! tombolo carries a creator's public posts between PeerTube, Mastodon and Pixelfed: every post once, in the best form that
//! each destination takes. ARCHITECTURE.md is the map.

mod assemble;
mod cache;
pub mod cli;
pub mod config;
mod credentials;
mod daemon;
pub mod ledger;
pub mod schedule;
pub mod sync;
pub mod transform;
