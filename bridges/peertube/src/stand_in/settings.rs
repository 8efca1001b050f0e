//! How the server treats what is written to it. A test may change all of it while the server runs.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

const DAY: u64 = 24 * 60 * 60;

/// How the server treats what is written to it; times are by the clock it was started with.
#[derive(Clone, Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent switches, as in the server's configuration"
)]
pub struct Settings {
    /// How long an access token is good (contract §2).
    pub access_token: Duration,
    /// How long a refresh token is good.
    pub refresh_token: Duration,
    /// How long the server looks at an upload after its last byte: the answer comes after that, and anybody else gets
    /// a 503 meanwhile. With none the answer comes at once.
    pub processing: Duration,
    /// How long transcoding takes.
    pub transcoding: Duration,
    /// Whether transcoding fails, so that videos end in state 7.
    pub transcoding_fails: bool,
    /// Whether a moderator has to look at new videos first: they are blocked until [`unblock`](super::PeerTube::unblock).
    pub auto_blacklist: bool,
    /// How long an upload is kept without progress; markers of uploads in processing are kept as long.
    pub upload_lifetime: Duration,
    /// What the server says chunks may have at most; 0 for anything. It doesn't check.
    pub max_chunk_size: u64,
    /// What chunks but the last must have at least, as from version 9 on with object storage; 0 for anything.
    pub min_chunk_size: u64,
    /// Whether videos may be imported from URLs.
    pub url_imports: bool,
    /// Whether that may be URLs on the loopback interface, which the real server always refuses.
    pub loopback_imports: bool,
    /// How long an import takes.
    pub import: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            access_token: Duration::from_secs(DAY),
            refresh_token: Duration::from_secs(14 * DAY),
            processing: Duration::ZERO,
            transcoding: Duration::from_secs(10),
            transcoding_fails: false,
            auto_blacklist: false,
            upload_lifetime: Duration::from_secs(60 * 60),
            max_chunk_size: 0,
            min_chunk_size: 0,
            url_imports: true,
            loopback_imports: false,
            import: Duration::from_secs(5),
        }
    }
}

/// So much later.
pub(super) fn after(time: DateTime<Utc>, by: Duration) -> DateTime<Utc> {
    let by = TimeDelta::from_std(by).unwrap_or(TimeDelta::MAX);
    time.checked_add_signed(by).unwrap_or(DateTime::<Utc>::MAX_UTC)
}
