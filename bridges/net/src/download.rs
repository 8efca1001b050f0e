//! A file on its way: taken up again where it breaks off, as long as it is certainly still the same file.
//!
//! It never joins bytes of two versions, and holds nothing but the piece that is passing through.

use std::io;

use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use futures_util::stream::BoxStream;
use futures_util::{Stream, StreamExt, TryStreamExt, stream};
use reqwest::header::{CONTENT_RANGE, DATE, ETAG, HeaderMap, HeaderName, HeaderValue, LAST_MODIFIED};
use reqwest::{Response, StatusCode};
use secrecy::SecretString;
use url::Url;

use crate::Net;
use crate::client::{FILES, Failure, length_of, worth_repeating};
use crate::error::stripped;
use crate::guard::shown;

/// How often a transfer is taken up again before it has come further by [`PROGRESS`].
const RESUMES: u32 = 3;
/// Less than this between two breaks is no progress: a server that hands out single bytes would hold us for ever.
const PROGRESS: u64 = 1 << 20;
/// A date tells two versions apart only if the file had rested that long (RFC 9110 §8.8.2.2).
const SETTLED: TimeDelta = TimeDelta::seconds(60);

/// The file that `response` has begun to send.
pub(crate) fn transfer(
    net: Net,
    url: Url,
    bearer: Option<SecretString>,
    response: Response,
) -> impl Stream<Item = io::Result<Bytes>> + use<> {
    let transfer = Transfer {
        total: length_of(response.headers()),
        version: Version::of(response.headers()),
        body: response.bytes_stream().boxed(),
        net,
        url,
        bearer,
        offset: 0,
        resumes: 0,
        progress_at: 0,
    };
    stream::try_unfold(transfer, Transfer::next)
}

struct Transfer {
    net: Net,
    url: Url,
    bearer: Option<SecretString>,
    body: BoxStream<'static, reqwest::Result<Bytes>>,
    /// Size of the whole file, where the server said so.
    total: Option<u64>,
    /// What the server said to tell this version of the file from others, if it said enough.
    version: Option<Version>,
    /// So many bytes came.
    offset: u64,
    /// Attempts to take it up again since it last came further.
    resumes: u32,
    /// Where that was.
    progress_at: u64,
}

impl Transfer {
    async fn next(mut self) -> io::Result<Option<(Bytes, Self)>> {
        loop {
            let idle = self.net.timeouts().idle;
            let problem = match tokio::time::timeout(idle, self.body.try_next()).await {
                Ok(Ok(Some(piece))) => {
                    self.offset += piece.len() as u64;
                    if self.total.is_some_and(|total| self.offset > total) {
                        return Err(self.broken("it is longer than announced"));
                    }
                    return Ok(Some((piece, self)));
                }
                Ok(Ok(None)) if self.total.is_none_or(|total| self.offset >= total) => return Ok(None),
                Ok(Ok(None)) => "it ended early".to_owned(),
                Ok(Err(e)) => stripped(e),
                Err(_) => format!("nothing came for {idle:?}"),
            };
            self.take_up(problem).await?;
        }
    }

    /// Opens the rest of the file.
    async fn take_up(&mut self, mut problem: String) -> io::Result<()> {
        let Some(version) = self.version.clone() else {
            return Err(self.broken(&problem));
        };
        if self.offset - self.progress_at >= PROGRESS {
            self.resumes = 0;
        }
        self.progress_at = self.offset;
        while self.resumes < RESUMES {
            self.resumes += 1;
            tracing::debug!(offset = self.offset, %problem, "taking up GET {} again", shown(&self.url));
            self.net.wait(self.net.pause(self.resumes)).await;
            problem = match self.rest(&version).await {
                Ok(rest) if version.continues(rest.status(), rest.headers(), self.offset) => {
                    self.body = rest.bytes_stream().boxed();
                    return Ok(());
                }
                Ok(other) if worth_repeating(other.status()) => {
                    format!("the rest was answered with {}", other.status())
                }
                Ok(other) => {
                    let status = other.status();
                    return Err(self.broken(&format!(
                        "{problem}, and the server doesn't give the rest of it ({status})"
                    )));
                }
                Err(Failure::Cut(why) | Failure::Transient(why)) => why,
                Err(Failure::Final(e)) => return Err(self.broken(&e.to_string())),
            };
        }
        Err(self.broken(&problem))
    }

    async fn rest(&mut self, version: &Version) -> Result<Response, Failure> {
        let what = format!("GET {}", shown(&self.url));
        let budget = self.net.wait_for_budget(&self.url, FILES, &what).await;
        budget.map_err(Failure::Final)?;
        let from = Some((self.offset, &version.validator));
        let rest = self.net.open_file(&self.url, self.bearer.as_ref(), from).await?;
        self.net.learn(&self.url, FILES, rest.status(), rest.headers());
        Ok(rest)
    }

    fn broken(&self, problem: &str) -> io::Error {
        let url = shown(&self.url);
        io::Error::other(format!("reading {url} broke off at byte {}: {problem}", self.offset))
    }
}

/// One version of a file, byte for byte.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Version {
    total: u64,
    etag: Option<HeaderValue>,
    modified: Option<HeaderValue>,
    /// What goes into `If-Range`.
    validator: HeaderValue,
}

impl Version {
    /// What these headers tell; nothing, if parts of two versions could be taken for one.
    ///
    /// A file of unknown length can't be continued: it may have been unpacked on the way, so that its bytes aren't counted
    /// as the server counts them. A weak ETag is no validator for ranges; a date is, if the file had rested. RFC 9110
    /// §13.1.5 would have the date only where there is no ETag at all, so that a better one isn't passed over; that doesn't
    /// apply to a weak one, which may not be sent, and which is compared as well (contract peertube §6: such a server
    /// sends both).
    fn of(headers: &HeaderMap) -> Option<Self> {
        let etag = headers.get(ETAG).filter(|tag| !tag.as_bytes().starts_with(b"W/"));
        let date = headers.get(LAST_MODIFIED).filter(|_| had_rested(headers) == Some(true));
        Some(Self {
            total: length_of(headers)?,
            etag: headers.get(ETAG).cloned(),
            modified: headers.get(LAST_MODIFIED).cloned(),
            validator: etag.or(date)?.clone(),
        })
    }

    /// Whether an answer is the rest of this version from `offset` on, and all of it.
    fn continues(&self, status: StatusCode, headers: &HeaderMap, offset: u64) -> bool {
        let same = |name: HeaderName, known: Option<&HeaderValue>| headers.get(name).is_none_or(|v| Some(v) == known);
        let range = format!("bytes {offset}-{}/{}", self.total.saturating_sub(1), self.total);
        status == StatusCode::PARTIAL_CONTENT
            && headers.get(CONTENT_RANGE).is_some_and(|v| v == range.as_str())
            && length_of(headers) == self.total.checked_sub(offset)
            && same(ETAG, self.etag.as_ref())
            && same(LAST_MODIFIED, self.modified.as_ref())
    }
}

fn had_rested(headers: &HeaderMap) -> Option<bool> {
    let date = |name| -> Option<DateTime<Utc>> {
        let text = headers.get(name)?.to_str().ok()?;
        Some(httpdate::parse_http_date(text).ok()?.into())
    };
    Some(date(DATE)? - date(LAST_MODIFIED)? >= SETTLED)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::headers::of_pairs as headers;

    const LONG_AGO: (&str, &str) = ("last-modified", "Tue, 24 Nov 2026 10:00:00 GMT");
    const NOW: (&str, &str) = ("date", "Wed, 25 Nov 2026 10:00:00 GMT");
    const SIZE: (&str, &str) = ("content-length", "1000");

    fn validator(pairs: &[(&'static str, &str)]) -> Option<String> {
        Version::of(&headers(pairs)).map(|version| version.validator.to_str().unwrap().to_owned())
    }

    #[test]
    fn a_strong_etag_is_preferred_to_a_date() {
        assert_eq!(validator(&[SIZE, NOW, LONG_AGO, ("etag", "\"a\"")]).unwrap(), "\"a\"");
        assert_eq!(validator(&[SIZE, ("etag", "\"a\"")]).unwrap(), "\"a\"");
    }

    #[test]
    fn a_weak_etag_never_serves_and_a_date_only_when_the_file_had_rested() {
        assert_eq!(validator(&[SIZE, NOW, ("etag", "W/\"a\"")]), None);
        assert_eq!(
            validator(&[SIZE, NOW, LONG_AGO, ("etag", "W/\"a\"")]).unwrap(),
            LONG_AGO.1
        );
        let just_now = ("last-modified", "Wed, 25 Nov 2026 09:59:30 GMT");
        assert_eq!(validator(&[SIZE, NOW, just_now]), None);
        assert_eq!(validator(&[SIZE, LONG_AGO]), None, "nothing to compare it with");
    }

    #[test]
    fn a_file_of_unknown_length_is_never_continued() {
        assert_eq!(validator(&[("etag", "\"a\"")]), None);
    }

    #[test]
    fn only_the_whole_rest_of_the_same_version_continues_it() {
        let known = [SIZE, NOW, LONG_AGO, ("etag", "W/\"a\"")];
        let version = Version::of(&headers(&known)).unwrap();
        let rest = |status: u16, pairs: &[(&'static str, &str)]| {
            let mut all = vec![
                ("content-length", "600"),
                ("content-range", "bytes 400-999/1000"),
                LONG_AGO,
            ];
            all.retain(|(name, _)| !pairs.iter().any(|(other, _)| other == name));
            all.extend_from_slice(pairs);
            version.continues(StatusCode::from_u16(status).unwrap(), &headers(&all), 400)
        };
        assert!(rest(206, &[]));
        assert!(rest(206, &[("etag", "W/\"a\"")]));
        assert!(!rest(200, &[]));
        for other in [
            ("etag", "W/\"b\""),
            ("last-modified", "Tue, 24 Nov 2026 10:00:01 GMT"),
            ("content-range", "bytes 400-999/1001"),
            ("content-range", "bytes 400-998/1000"),
            ("content-range", "bytes 399-999/1000"),
            ("content-range", "bytes 4000-999/1000"),
            ("content-range", "bytes 400-999/*"),
            ("content-length", "599"),
        ] {
            assert!(!rest(206, &[other]), "{other:?}");
        }
    }
}
