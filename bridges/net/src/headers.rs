//! What answers say about themselves in headers.

use chrono::{DateTime, TimeDelta, TimeZone, Utc};
use reqwest::header::{CONTENT_TYPE, DATE, HeaderMap, RETRY_AFTER};

/// Longest time a server's wish to wait is believed.
const LONGEST_WAIT: TimeDelta = TimeDelta::hours(24);

/// The MIME type of an answer, lower case, without parameters.
pub fn media_type(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(CONTENT_TYPE)?.to_str().ok()?;
    Some(value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase())
}

/// `Retry-After`, in seconds or as a date on the server's clock (RFC 9110 §10.2.3), at most a day.
pub fn retry_after(headers: &HeaderMap, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) {
        // What has too many digits is far off all the same.
        let seconds = text.parse::<u32>().unwrap_or(u32::MAX);
        return Some(now + TimeDelta::seconds(i64::from(seconds)).min(LONGEST_WAIT));
    }
    let at = httpdate::parse_http_date(text).ok()?.into();
    Some(on_our_clock(at, server_date(headers).unwrap_or(now), now))
}

/// An instant of the server's clock on ours, from now on to at most a day later.
fn on_our_clock(at: DateTime<Utc>, server_now: DateTime<Utc>, now: DateTime<Utc>) -> DateTime<Utc> {
    now + (at - server_now).clamp(TimeDelta::zero(), LONGEST_WAIT)
}

/// `X-RateLimit-Reset`: an ISO instant (Mastodon), Unix seconds (`PeerTube`, `GoToSocial`) or seconds from now, corrected by
/// the difference of the server's clock, at most a day.
pub fn rate_limit_reset(headers: &HeaderMap, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let text = headers.get("x-ratelimit-reset")?.to_str().ok()?.trim();
    let server_now = server_date(headers).unwrap_or(now);
    let at = if let Ok(number) = text.parse::<f64>() {
        if !number.is_finite() || number < 0.0 {
            return None;
        }
        #[allow(clippy::cast_possible_truncation)] // a float's cast saturates, and what is too large is no date
        let whole = number as i64;
        // Unix time has ten digits; anything below counts from now.
        if whole > 1_000_000_000 {
            Utc.timestamp_opt(whole, 0).single()?
        } else {
            server_now + TimeDelta::seconds(whole)
        }
    } else {
        DateTime::parse_from_rfc3339(text).ok()?.to_utc()
    };
    Some(on_our_clock(at, server_now, now))
}

/// `X-RateLimit-Remaining`.
pub(crate) fn rate_limit_remaining(headers: &HeaderMap) -> Option<u64> {
    headers.get("x-ratelimit-remaining")?.to_str().ok()?.trim().parse().ok()
}

/// The server's clock.
pub(crate) fn server_date(headers: &HeaderMap) -> Option<DateTime<Utc>> {
    httpdate::parse_http_date(headers.get(DATE)?.to_str().ok()?)
        .ok()
        .map(DateTime::<Utc>::from)
}

/// Headers for tests.
#[cfg(test)]
pub(crate) fn of_pairs(pairs: &[(&'static str, &str)]) -> HeaderMap {
    pairs
        .iter()
        .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::of_pairs as headers;
    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    #[test]
    fn a_reset_may_be_an_instant_or_unix_seconds() {
        let now = at("2026-11-25T10:00:00Z");
        let iso = headers(&[("x-ratelimit-reset", "2026-11-25T10:05:00.074282Z")]);
        assert_eq!(
            rate_limit_reset(&iso, now).unwrap().timestamp(),
            at("2026-11-25T10:05:00Z").timestamp()
        );
        let unix = headers(&[("x-ratelimit-reset", &at("2026-11-25T10:00:07Z").timestamp().to_string())]);
        assert_eq!(rate_limit_reset(&unix, now), Some(at("2026-11-25T10:00:07Z")));
    }

    #[test]
    fn a_reset_is_read_on_the_servers_clock() {
        let now = at("2026-11-25T10:00:00Z");
        let late = headers(&[
            ("x-ratelimit-reset", "2026-11-25T11:00:30Z"),
            ("date", "Wed, 25 Nov 2026 11:00:00 GMT"),
        ]);
        assert_eq!(rate_limit_reset(&late, now), Some(at("2026-11-25T10:00:30Z")));
    }

    #[test]
    fn nonsense_is_no_reset_and_no_wait_is_longer_than_a_day() {
        let now = at("2026-11-25T10:00:00Z");
        for text in ["soon", "-5", "NaN", ""] {
            assert_eq!(
                rate_limit_reset(&headers(&[("x-ratelimit-reset", text)]), now),
                None,
                "{text:?}"
            );
        }
        assert_eq!(
            rate_limit_reset(&headers(&[("x-ratelimit-reset", "9999-01-01T00:00:00Z")]), now),
            Some(now + LONGEST_WAIT)
        );
        for text in ["soon", "-5", "+5", "1.5", ""] {
            assert_eq!(retry_after(&headers(&[("retry-after", text)]), now), None, "{text:?}");
        }
        assert_eq!(
            retry_after(&headers(&[("retry-after", "99999999999999999999")]), now),
            Some(now + LONGEST_WAIT)
        );
        assert_eq!(
            retry_after(&headers(&[("retry-after", "300")]), now),
            Some(at("2026-11-25T10:05:00Z"))
        );
        assert_eq!(
            retry_after(&headers(&[("retry-after", "Wed, 25 Nov 2026 10:01:00 GMT")]), now),
            Some(at("2026-11-25T10:01:00Z"))
        );
    }

    #[test]
    fn a_date_to_retry_after_is_read_on_the_servers_clock() {
        let now = at("2026-11-25T10:00:00Z");
        let late = headers(&[
            ("retry-after", "Wed, 25 Nov 2026 11:00:30 GMT"),
            ("date", "Wed, 25 Nov 2026 11:00:00 GMT"),
        ]);
        assert_eq!(retry_after(&late, now), Some(at("2026-11-25T10:00:30Z")));
    }

    #[test]
    fn a_reset_at_the_end_of_time_is_no_panic() {
        let now = at("2026-11-25T10:00:00Z");
        let date = ("date", "Thu, 01 Jan 1970 00:00:00 GMT");
        for text in ["8210266876799", "8210266876800", "1e300", "999999999"] {
            let headers = headers(&[("x-ratelimit-reset", text), date]);
            assert!(
                rate_limit_reset(&headers, now).is_none_or(|until| until <= now + LONGEST_WAIT),
                "{text}"
            );
        }
    }
}
