//! A piece of a file, read by itself: to look into a file without fetching it.

use std::time::Duration;

use bytes::Bytes;
use reqwest::header::{ACCEPT_ENCODING, CONTENT_RANGE, RANGE};
use reqwest::{Response, StatusCode};
use url::Url;

use crate::client::{Answer, FILES, Failure, Net, collect_moving, followed, read};
use crate::{NetError, shown};

/// Largest piece.
const MOST: u64 = 16 << 20;
/// Longest time of a piece, in idle limits: what comes byte by byte isn't waited for.
const MOST_IDLE: u32 = 10;

/// A piece of a file.
#[derive(Clone, Debug)]
pub struct Piece {
    /// What stands there; shorter than asked for at the file's end.
    pub bytes: Bytes,
    /// Size of the whole file.
    pub total: u64,
}

impl Net {
    /// Reads up to `length` bytes from `offset` on, at most 16 MiB. A server that doesn't give pieces is
    /// [`NetError::Refused`]. Safe to repeat; carries no token.
    pub async fn piece(&self, url: &Url, offset: u64, length: u64) -> Result<Piece, NetError> {
        let what = format!("GET {} (from byte {offset})", shown(url));
        let length = length.clamp(1, MOST);
        let last = offset.saturating_add(length - 1);
        let once = || async {
            let request = self
                .reader(None)
                .get(url.clone())
                .header(ACCEPT_ENCODING, "identity")
                .header(RANGE, format!("bytes={offset}-{last}"));
            let limit = self.timeouts().idle;
            let response = tokio::time::timeout(limit, read(request, &what))
                .await
                .unwrap_or_else(|_| Err(Failure::Transient(format!("{what} was not answered within {limit:?}"))))?;
            let response = followed(response, &what)?;
            let (status, headers, url) = (response.status(), response.headers().clone(), response.url().clone());
            let body = match status {
                StatusCode::PARTIAL_CONTENT => whole_piece(response, length, limit, &what).await?,
                // A whole file isn't read for a piece of it.
                _ => Bytes::new(),
            };
            Ok(Answer {
                status,
                headers,
                body,
                url,
            })
        };
        let answer = self.repeated(url, FILES, &what, once).await?;
        let refused = |why: &str| Err(NetError::Refused(format!("{what}: {why}")));
        match answer.status {
            StatusCode::PARTIAL_CONTENT => {}
            StatusCode::OK => return refused("the server gives whole files only"),
            status => return refused(&format!("answered with status {status}")),
        }
        let range = answer
            .headers
            .get(CONTENT_RANGE)
            .and_then(|v| v.to_str().ok())
            .and_then(content_range);
        match range {
            Some((first, total)) if first == offset => Ok(Piece {
                bytes: answer.body,
                total,
            }),
            _ => refused("the server gave another piece than the one asked for"),
        }
    }
}

/// Reads a piece that keeps coming: never longer than `idle` without a byte, nor than [`MOST_IDLE`] times that in all.
async fn whole_piece(response: Response, length: u64, idle: Duration, what: &str) -> Result<Bytes, Failure> {
    tokio::time::timeout(idle * MOST_IDLE, collect_moving(response, length, Some(idle), what))
        .await
        .unwrap_or_else(|_| Err(Failure::Transient(format!("the answer to {what} comes too slowly"))))
}

/// First byte and whole size of `bytes 0-99/1234`.
fn content_range(text: &str) -> Option<(u64, u64)> {
    let (range, total) = text.trim().strip_prefix("bytes ")?.split_once('/')?;
    let (first, last) = range.split_once('-')?;
    let (first, last, total): (u64, u64, u64) = (first.parse().ok()?, last.parse().ok()?, total.parse().ok()?);
    (first <= last && last < total).then_some((first, total))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_says_where_it_begins_and_how_long_the_file_is() {
        assert_eq!(content_range("bytes 5-9/10"), Some((5, 10)));
        for wrong in [
            "bytes 5-9/*",
            "bytes 5-10/10",
            "bytes 9-5/10",
            "5-9/10",
            "bytes */10",
            "",
        ] {
            assert_eq!(content_range(wrong), None, "{wrong}");
        }
    }
}
