//! tombolo's one HTTP client: it guards addresses on every hop, caps what it reads, keeps to the servers' limits, repeats
//! what is safe to repeat, and sends what isn't exactly once.
//!
//! No other crate opens a connection. Nothing here knows a platform.

mod budget;
mod client;
mod download;
mod error;
mod guard;
mod headers;
mod patience;
mod range;
#[cfg(feature = "stand-in")]
pub mod stand_in;

pub use client::{Answer, Download, Get, Net, NetConfig, Send, SendForm, SystemEntropy, Timeouts, WriteBody};
pub use error::{NetError, SendError};
pub use guard::{Guard, Refused, is_public, shown};
pub use headers::{media_type, rate_limit_reset, retry_after};
pub use patience::Patience;
pub use range::Piece;
/// The parts of a multipart request.
pub use reqwest::multipart;
