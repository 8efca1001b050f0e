//! Single values: text in, meaning out, or what is wrong with it and the remedy. Pure.

use std::str::FromStr;
use std::time::Duration;

use chrono::{DateTime, NaiveDate, NaiveTime, TimeZone, Utc};
use chrono_tz::Tz;
use ipnet::IpNet;
use url::Url;

use super::suggest::closest;
use tombolo_model::Visibility;

use super::types::{Handle, Platform, ReadMode, Since};
use crate::transform::{Captions, Kind, Mode, Overflow, Replies, RequireAlt, Sensitive};

/// What is wrong with a value, and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wrong {
    pub message: String,
    pub help: String,
}

impl Wrong {
    pub fn new(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            help: help.into(),
        }
    }
}

/// A setting that takes one of a few words.
pub(super) trait Choice: Copy + 'static {
    const WORDS: &'static [(&'static str, Self)];
    /// With its article, as in "… is not a platform".
    const KIND: &'static str;

    fn parse(word: &str) -> Result<Self, Wrong> {
        if let Some((_, value)) = Self::WORDS.iter().find(|(known, _)| *known == word) {
            return Ok(*value);
        }
        let words = || Self::WORDS.iter().map(|(word, _)| *word);
        let all = words().collect::<Vec<_>>().join(", ");
        let help = match closest(word, words()) {
            Some(near) => format!("did you mean {near:?}? one of: {all}"),
            None => format!("one of: {all}"),
        };
        Err(Wrong::new(format!("{word:?} is not {}", Self::KIND), help))
    }
}

impl Choice for Platform {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("peertube", Self::Peertube),
        ("mastodon", Self::Mastodon),
        ("pixelfed", Self::Pixelfed),
    ];
    const KIND: &'static str = "a platform that tombolo knows";
}

impl Choice for ReadMode {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("auto", Self::Auto),
        ("outbox", Self::Outbox),
        ("api", Self::Api),
        ("rss", Self::Rss),
    ];
    const KIND: &'static str = "a way to read";
}

impl Choice for Visibility {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("public", Self::Public),
        ("unlisted", Self::Unlisted),
        ("private", Self::Private),
    ];
    const KIND: &'static str = "a visibility";
}

impl Choice for Mode {
    const WORDS: &'static [(&'static str, Self)] =
        &[("copy", Self::Copy), ("link", Self::Link), ("boost", Self::Boost)];
    const KIND: &'static str = "a mode";
}

impl Choice for Overflow {
    const WORDS: &'static [(&'static str, Self)] = &[("cut", Self::Cut), ("thread", Self::Thread)];
    const KIND: &'static str = "something to do with text that is too long";
}

impl Choice for Captions {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("none", Self::None),
        ("burn-in", Self::BurnIn),
        ("description", Self::Description),
    ];
    const KIND: &'static str = "something to do with subtitles";
}

impl Choice for Sensitive {
    const WORDS: &'static [(&'static str, Self)] =
        &[("carry", Self::Carry), ("skip", Self::Skip), ("only", Self::Only)];
    const KIND: &'static str = "something to do with sensitive posts";
}

impl Choice for Replies {
    const WORDS: &'static [(&'static str, Self)] = &[("own", Self::Own), ("none", Self::None)];
    const KIND: &'static str = "something to do with answers";
}

impl Choice for RequireAlt {
    const WORDS: &'static [(&'static str, Self)] = &[("off", Self::Off), ("warn", Self::Warn), ("hold", Self::Hold)];
    const KIND: &'static str = "something to do with photos without alternative text";
}

impl Choice for Kind {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("video", Self::Video),
        ("photo", Self::Photo),
        ("animation", Self::Animation),
        ("audio", Self::Audio),
        ("poll", Self::Poll),
        ("text", Self::Text),
        ("live", Self::Live),
    ];
    const KIND: &'static str = "a kind of post";
}

/// Whether a video is sent, or fetched by its new instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Upload {
    File,
    Import,
}

impl Choice for Upload {
    const WORDS: &'static [(&'static str, Self)] = &[("file", Self::File), ("import", Self::Import)];
    const KIND: &'static str = "a way to upload";
}

/// A number of bytes as people write it: `500MB`, `8GiB`.
pub(super) fn bytes(text: &str) -> Result<u64, Wrong> {
    let help = "write a number with its unit: \"500MB\", \"8GiB\"";
    let wrong = || Wrong::new(format!("{text:?} is not a size"), help);
    let compact: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    let digits = compact.find(|c: char| !c.is_ascii_digit()).unwrap_or(compact.len());
    let number: u64 = compact[..digits].parse().map_err(|_| wrong())?;
    let unit: u64 = match compact[digits..].to_ascii_lowercase().as_str() {
        "mb" => 1_000_000,
        "mib" | "m" => 1 << 20,
        "gb" => 1_000_000_000,
        "gib" | "g" => 1 << 30,
        "tb" => 1_000_000_000_000,
        "tib" | "t" => 1 << 40,
        _ => return Err(wrong()),
    };
    number
        .checked_mul(unit)
        .filter(|bytes| *bytes >= 1 << 20)
        .ok_or_else(wrong)
}

/// A language tag as far as rules need it: its first part has two or three letters.
pub(super) fn language(text: &str) -> Result<String, Wrong> {
    let primary = text.split(['-', '_']).next().unwrap_or_default();
    if matches!(primary.len(), 2 | 3) && primary.chars().all(|c| c.is_ascii_alphabetic()) {
        return Ok(text.to_ascii_lowercase());
    }
    Err(Wrong::new(
        format!("{text:?} is not a language tag"),
        "write the short form: \"en\", \"de\", \"pt-BR\"",
    ))
}

/// `direct` gets its own sentence: it is a visibility, only none for copies.
pub(super) fn visibility(word: &str) -> Result<Visibility, Wrong> {
    let help = "\"private\" copies are seen by followers; the others are \"public\" and \"unlisted\"";
    match word {
        "direct" => Err(Wrong::new(
            "a \"direct\" copy would be seen by nobody but the account itself",
            help,
        )),
        "followers" | "followers-only" | "followers_only" => {
            Err(Wrong::new(format!("{word:?} is called \"private\" here"), help))
        }
        _ => Visibility::parse(word),
    }
}

/// `name`, `@name`, `name@host`, `@name@host`, `acct:name@host`.
pub(super) fn handle(text: &str) -> Result<Handle, Wrong> {
    let help = "write the name alone or with its host: \"me\" or \"me@example.org\"";
    let wrong = |message: String| Wrong::new(message, help);
    let bare = text.strip_prefix("acct:").unwrap_or(text);
    let bare = bare.strip_prefix('@').unwrap_or(bare);
    if bare.is_empty() {
        return Err(wrong("the handle is empty".into()));
    }
    if bare.contains('/') {
        return Err(wrong("this is an address, not a handle".into()));
    }
    let (name, host) = match bare.split_once('@') {
        Some((name, host)) => (name, Some(host)),
        None => (bare, None),
    };
    if name.is_empty() {
        return Err(wrong(format!("{text:?} has no name before the host")));
    }
    if let Some(c) = name.chars().find(|c| !c.is_alphanumeric() && !"_.-".contains(*c)) {
        return Err(wrong(format!("{c:?} can't be part of a name")));
    }
    let host = match host {
        None => None,
        Some(host) => match host_and_port(host) {
            Some(host) => Some(host),
            None => return Err(wrong(format!("{host:?} is not a host"))),
        },
    };
    Ok(Handle {
        name: name.to_owned(),
        host,
    })
}

fn host_and_port(text: &str) -> Option<String> {
    if text.is_empty() || text.contains(['/', '?', '#', '@', '\\']) || text.contains(char::is_whitespace) {
        return None;
    }
    let url = Url::parse(&format!("https://{text}")).ok()?;
    let host = url.host_str()?;
    Some(
        url.port()
            .map_or_else(|| host.to_owned(), |port| format!("{host}:{port}")),
    )
}

/// A base URL. Never shows what could be a password in it.
pub(super) fn instance(text: &str, allow_http: bool) -> Result<Url, Wrong> {
    let example = "write scheme and host, and the port if it isn't the usual one: \"https://video.example\"";
    if text.is_empty() {
        return Err(Wrong::new("the address is empty", example));
    }
    let Some((scheme, rest)) = text.split_once("://") else {
        let host = text
            .trim_start_matches('/')
            .split(['/', '?', '#', '@'])
            .next()
            .unwrap_or_default();
        let help = if host_and_port(host).is_some() && !text.contains('@') {
            format!("did you mean \"https://{host}\"?")
        } else {
            example.to_owned()
        };
        return Err(Wrong::new("the address has no scheme", help));
    };
    let url = match Url::parse(text) {
        Ok(url) if matches!(url.scheme(), "https" | "http") && url.has_host() => url,
        Ok(_) => {
            return Err(Wrong::new(
                format!("{scheme:?} is not a scheme an instance can have"),
                example,
            ));
        }
        Err(error) => return Err(Wrong::new(format!("this is not an address: {error}"), example)),
    };
    let base = url.origin().ascii_serialization();
    let instead = format!("write \"{base}\"");
    if !url.username().is_empty()
        || url.password().is_some()
        || rest.split('/').next().unwrap_or_default().contains('@')
    {
        return Err(Wrong::new("the address has a user name or password in it", instead));
    }
    if url.path() != "/" {
        let message = "this is the address of a page; the instance's own has no path";
        return Err(Wrong::new(message, instead));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(Wrong::new("the address has a `?` or `#` in it", instead));
    }
    if url.scheme() == "http" && !allow_http {
        let secure = text.replacen("http://", "https://", 1);
        let help = format!(
            "write {:?}; for an instance of your own, to try things out: allow_http = true under [network]",
            secure.trim_end_matches('/')
        );
        return Err(Wrong::new(
            "plain http is not allowed: the token would travel in the open",
            help,
        ));
    }
    Ok(url)
}

/// A stretch of time as people write it: `500ms`, `60s`, `2m`, `1h30m`, `1d`.
pub fn parse_duration(text: &str) -> Option<Duration> {
    let mut rest = text.trim();
    let mut total = Duration::ZERO;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let number: u64 = rest[..digits].parse().ok()?;
        rest = &rest[digits..];
        let letters = rest.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(rest.len());
        let part = match &rest[..letters] {
            "ms" => Duration::from_millis(number),
            "s" => Duration::from_secs(number),
            "m" => Duration::from_secs(number.checked_mul(60)?),
            "h" => Duration::from_secs(number.checked_mul(60 * 60)?),
            "d" => Duration::from_secs(number.checked_mul(24 * 60 * 60)?),
            _ => return None,
        };
        total = total.checked_add(part)?;
        rest = &rest[letters..];
    }
    Some(total)
}

impl Since {
    /// `now`, `beginning`, a day (which starts at midnight in `timezone`), or an instant by RFC 3339.
    ///
    /// The error is a sentence for people.
    pub fn parse(text: &str, timezone: Tz) -> Result<Self, String> {
        since(text, timezone).map_err(|wrong| format!("{}; {}", wrong.message, wrong.help))
    }
}

pub(super) fn since(text: &str, timezone: Tz) -> Result<Since, Wrong> {
    let text = text.trim();
    match text {
        "now" => return Ok(Since::Now),
        "beginning" => return Ok(Since::Beginning),
        _ => {}
    }
    if let Ok(instant) = DateTime::parse_from_rfc3339(text) {
        return Ok(Since::At(instant.with_timezone(&Utc)));
    }
    let looks_like_a_day = text.len() == 10 && text.bytes().all(|b| b.is_ascii_digit() || b == b'-');
    let day = NaiveDate::parse_from_str(text, "%Y-%m-%d")
        .ok()
        .filter(|_| looks_like_a_day);
    if let Some(start) = day.and_then(|day| midnight(day, timezone)) {
        return Ok(Since::At(start));
    }
    let help = "\"now\", \"beginning\", a day like \"2026-01-31\", or an instant like \"2026-01-31T12:00:00Z\"";
    let message = if looks_like_a_day {
        format!("there is no day {text}")
    } else {
        format!("{text:?} is not a time")
    };
    Err(Wrong::new(message, help))
}

/// When a day begins. Where clocks go forward at midnight, that is later than 00:00.
fn midnight(day: NaiveDate, timezone: Tz) -> Option<DateTime<Utc>> {
    let quarters = (0..24 * 4).filter_map(|n| NaiveTime::from_num_seconds_from_midnight_opt(n * 15 * 60, 0));
    quarters
        .filter_map(|time| timezone.from_local_datetime(&day.and_time(time)).earliest())
        .map(|start| start.with_timezone(&Utc))
        .next()
}

pub(super) fn timezone(text: &str) -> Result<Tz, Wrong> {
    let text = text.trim();
    let error = match Tz::from_str(text) {
        Ok(zone) => return Ok(zone),
        Err(_) => format!("{text:?} is not a time zone"),
    };
    let names = || chrono_tz::TZ_VARIANTS.iter().map(|zone| zone.name());
    let city = |name: &'static str| name.rsplit('/').next().unwrap_or(name);
    let wanted = text.rsplit('/').next().unwrap_or(text).replace(' ', "_");
    // The whole name misspelt, or the right city on the wrong continent, or the city misspelt.
    let near = names()
        .find(|name| name.eq_ignore_ascii_case(text))
        .or_else(|| names().find(|name| name.contains('/') && city(name).eq_ignore_ascii_case(&wanted)))
        .or_else(|| closest(text, names()))
        .or_else(|| closest(&wanted, names().map(city)).and_then(|near| names().find(|name| city(name) == near)));
    let help = match near {
        Some(near) => format!("did you mean {near:?}?"),
        None => "write the IANA name: \"Europe/Berlin\", \"America/New_York\", \"UTC\"".to_owned(),
    };
    Err(Wrong::new(error, help))
}

pub(super) fn network(text: &str) -> Result<IpNet, Wrong> {
    if let Ok(net) = IpNet::from_str(text) {
        return Ok(net.trunc());
    }
    let help = match text.parse::<std::net::IpAddr>() {
        Ok(address) => format!("for this address alone write \"{}\"", IpNet::from(address)),
        Err(_) => "write address and length of the prefix: \"192.168.0.0/16\", \"127.0.0.0/8\", \"::1/128\"".to_owned(),
    };
    Err(Wrong::new(format!("{text:?} is not a network"), help))
}
