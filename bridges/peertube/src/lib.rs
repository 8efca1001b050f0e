//! To be written.

#[cfg(feature = "stand-in")]
pub mod stand_in;
