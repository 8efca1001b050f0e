//! Pictures and videos made into what a destination takes: upright, without what tells where and with what they were made,
//! within its limits.
//!
//! Knows neither platforms nor the network: files and bytes in, files and bytes out.

pub mod picture;
pub mod video;
pub mod work;
