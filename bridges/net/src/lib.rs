//! tombolo's one HTTP client.

#[cfg(feature = "stand-in")]
pub mod stand_in;
