//! Names of things: what identifies a post, an account at its instance, and a delivery.

use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use url::Url;

/// The platforms tombolo speaks to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Platform {
    /// A `PeerTube` instance.
    PeerTube,
    /// A server with Mastodon's client API: Mastodon and its forks, `GoToSocial`, snac, …
    Mastodon,
    /// A Pixelfed instance.
    Pixelfed,
}

impl Platform {
    /// The word for it in configuration and keys.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::PeerTube => "peertube",
            Self::Mastodon => "mastodon",
            Self::Pixelfed => "pixelfed",
        }
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The `ActivityPub` id of an object, exactly as served (contract activitypub §2.2: never normalised, never the `url`).
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ApId(String);

impl TryFrom<String> for ApId {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Self::parse(&text).ok_or_else(|| format!("{text:?} is no ActivityPub id"))
    }
}

impl From<ApId> for String {
    fn from(id: ApId) -> Self {
        id.0
    }
}

impl ApId {
    /// Longest id kept; longer ones are refused by the readers.
    pub const MAX_BYTES: usize = 2048;

    /// Takes an absolute http(s) URL as an id; `None` for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() > Self::MAX_BYTES || text.contains(|c: char| c.is_control() || c.is_whitespace()) {
            return None;
        }
        let url = Url::parse(text).ok()?;
        (matches!(url.scheme(), "http" | "https") && url.has_host()).then(|| Self(text.to_owned()))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The id as an address to fetch.
    ///
    /// # Panics
    /// Never: only what parses as a URL becomes an id, also when read back from the ledger.
    pub fn to_url(&self) -> Url {
        Url::parse(&self.0).unwrap_or_else(|_| unreachable!("an id is checked to be a URL when it is made"))
    }

    /// The origin it lives on.
    pub fn origin(&self) -> Origin {
        Origin::of(&self.to_url())
    }
}

impl fmt::Display for ApId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Scheme, host and port of an instance, in one spelling: `https://video.example`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Origin(String);

impl Origin {
    /// The origin of a URL.
    pub fn of(url: &Url) -> Self {
        Self(url.origin().ascii_serialization())
    }

    /// The origin as text, without a trailing slash.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Whose posts are read: the actor's id. Renaming an account in the configuration doesn't change it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SourceId(pub ApId);

impl fmt::Display for SourceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// An account that receives copies: platform, API origin and the account's own id there. Never its name in the configuration.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct DestinationId {
    /// Which platform's adapter speaks to it.
    pub platform: Platform,
    /// Origin of its API.
    pub origin: Origin,
    /// The account's own id there.
    pub account: String,
}

impl fmt::Display for DestinationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.platform, self.origin, self.account)
    }
}

/// Identity of a delivery: the post's `ActivityPub` id and the account that receives it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct DeliveryKey {
    /// The post.
    pub post: ApId,
    /// Where it goes.
    pub to: DestinationId,
}

impl DeliveryKey {
    /// A short name for this delivery, made of the key alone: the same over retries and restarts. 24 hexadecimal digits.
    pub fn digest(&self) -> String {
        let mut hash = Sha256::new();
        for field in [
            self.post.as_str(),
            self.to.platform.as_str(),
            self.to.origin.as_str(),
            &self.to.account,
        ] {
            hash.update(field.as_bytes());
            hash.update([0]);
        }
        hex(&hash.finalize()[..12])
    }
}

impl fmt::Display for DeliveryKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} → {}", self.post, self.to)
    }
}

/// 128 random bits that name one attempt at one part, sent as `Idempotency-Key`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct IdempotencyKey(String);

impl IdempotencyKey {
    /// The key made of these random bits.
    pub fn from_random(bits: [u8; 16]) -> Self {
        Self(hex(&bits))
    }

    /// 32 hexadecimal digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn hex(bytes: &[u8]) -> String {
    use fmt::Write;
    bytes
        .iter()
        .fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_kept_exactly_as_served() {
        let id = ApId::parse("https://Video.example:443/videos/watch/A%2fb").unwrap();
        assert_eq!(id.as_str(), "https://Video.example:443/videos/watch/A%2fb");
        assert_eq!(id.origin().as_str(), "https://video.example");
    }

    #[test]
    fn what_is_no_http_url_is_no_id() {
        for text in [
            "",
            "bear:?u=https://a",
            "https://",
            "/videos/1",
            "javascript:1",
            "https://a b",
        ] {
            assert_eq!(ApId::parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn a_delivery_is_named_by_post_and_destination_alone() {
        let to = |account: &str| DestinationId {
            platform: Platform::Mastodon,
            origin: Origin::of(&Url::parse("https://m.example/").unwrap()),
            account: account.into(),
        };
        let post = ApId::parse("https://v.example/1").unwrap();
        let digest = |account| {
            DeliveryKey {
                post: post.clone(),
                to: to(account),
            }
            .digest()
        };
        assert_eq!(digest("1"), digest("1"));
        assert_ne!(digest("1"), digest("2"));
        assert_eq!(digest("1").len(), 24);
    }
}
