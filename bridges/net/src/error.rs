//! What can go wrong between us and a server.

use chrono::{DateTime, Utc};

/// Why a read failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NetError {
    /// The address isn't one that may be reached.
    #[error("{0}")]
    Refused(String),
    /// The network, or the server, didn't answer usably; it was tried again and may work later.
    #[error("{0}")]
    Transient(String),
    /// The server asks to wait longer than a request waits.
    #[error("{what}; the server asks to wait until {}", until.format("%Y-%m-%d %H:%M:%S UTC"))]
    Throttled {
        /// Which request.
        what: String,
        /// Not before then.
        until: DateTime<Utc>,
    },
    /// The answer is larger than anything this request can mean.
    #[error("{0}")]
    TooLarge(String),
}

/// Why a request that must not be repeated got no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// It never left: repeating it is safe.
    #[error("{0}")]
    NotSent(String),
    /// It may have left, and nobody knows what became of it.
    #[error("{0}")]
    Unknown(String),
}

/// The innermost message of an error, which says most. Never the URL with its query, which may carry a secret.
pub(crate) fn stripped(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut cause: &dyn std::error::Error = &error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    cause.to_string()
}
