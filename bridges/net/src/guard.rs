//! Which addresses may be reached: by URL before a request and on each redirect, by IP for every DNS answer.
//!
//! Invariant 11 of the design; contract activitypub §2.4. Both checks are needed: literal IPs never reach the resolver, and
//! a name says nothing about where it leads.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;
use tombolo_model::Origin;
use url::{Host, Url};

/// An address that may not be reached, and why.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Refused(pub String);

/// The rules of this configuration.
#[derive(Clone, Debug, Default)]
pub struct Guard {
    allow: Vec<IpNet>,
    plain_http: BTreeSet<Origin>,
}

impl Guard {
    /// Private networks in `allow` may be reached; plain http only to the origins in `plain_http`.
    pub fn new(allow: Vec<IpNet>, plain_http: impl IntoIterator<Item = Origin>) -> Self {
        Self {
            allow,
            plain_http: plain_http.into_iter().collect(),
        }
    }

    /// Checks what a URL says by itself.
    pub fn check_url(&self, url: &Url) -> Result<(), Refused> {
        let shown = shown(url);
        match url.scheme() {
            "https" => {}
            "http" if self.plain_http.contains(&Origin::of(url)) => {}
            "http" => {
                return Err(Refused(format!(
                    "{shown} is plain http, which is reached only on configured instances with network.allow_http = true"
                )));
            }
            other => return Err(Refused(format!("{shown} is neither https nor http but {other}"))),
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(Refused(format!(
                "{shown} carries a user name or password, which tombolo never sends"
            )));
        }
        match url.host() {
            None => Err(Refused(format!("{shown} names no host"))),
            Some(Host::Domain(_)) => Ok(()),
            Some(Host::Ipv4(ip)) => self.check_ip(IpAddr::V4(ip)),
            Some(Host::Ipv6(ip)) => self.check_ip(IpAddr::V6(ip)),
        }
    }

    /// Checks an address to connect to.
    pub fn check_ip(&self, ip: IpAddr) -> Result<(), Refused> {
        let plain = unwrapped(ip);
        if is_public(plain) || self.allow.iter().any(|net| net.contains(&plain) || net.contains(&ip)) {
            return Ok(());
        }
        Err(Refused(format!(
            "{plain} is a private or reserved address; if it is yours, add its network to network.allow"
        )))
    }
}

/// A URL for messages: without query and user, either of which may carry secrets.
pub fn shown(url: &Url) -> String {
    if url.cannot_be_a_base() {
        // All of it is content: data:, javascript:, mailto:.
        return format!("{}:…", url.scheme());
    }
    let mut url = url.clone();
    url.set_query(None);
    url.set_fragment(None);
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.to_string()
}

/// The IPv4 address inside an IPv4-mapped or IPv4-compatible IPv6 address.
fn unwrapped(ip: IpAddr) -> IpAddr {
    match ip {
        IpAddr::V6(v6) => match v6.to_ipv4() {
            // ::1 and :: are themselves, not IPv4 in disguise.
            Some(v4) if v6 != Ipv6Addr::LOCALHOST && v6 != Ipv6Addr::UNSPECIFIED => IpAddr::V4(v4),
            _ => ip,
        },
        IpAddr::V4(_) => ip,
    }
}

/// Whether an address belongs to the public internet. The list is Mastodon's (contract activitypub §2.4).
pub fn is_public(ip: IpAddr) -> bool {
    match unwrapped(ip) {
        IpAddr::V4(ip) => public_v4(ip),
        IpAddr::V6(ip) => public_v6(ip),
    }
}

fn public_v4(ip: Ipv4Addr) -> bool {
    let [a, b, c, _] = ip.octets();
    !(a == 0
        || a == 127
        || ip.is_private()
        || ip.is_link_local()
        || (a == 100 && (64..128).contains(&b))
        || (a == 192 && b == 0 && (c == 0 || c == 2))
        || (a == 192 && b == 88 && c == 99)
        || (a == 198 && (b == 18 || b == 19))
        || (a == 198 && b == 51 && c == 100)
        || (a == 203 && b == 0 && c == 113)
        || a >= 224)
}

fn public_v6(ip: Ipv6Addr) -> bool {
    let s = ip.segments();
    // Nothing outside 2000::/3 is the public internet: loopback, NAT64, translated IPv4, local, multicast (RFC 4291 §2.4).
    (s[0] & 0xe000) == 0x2000
        && !(s[0] == 0x2001 && (s[1] < 0x200 || s[1] == 0xdb8))
        && s[0] != 0x2002
        && !(s[0] == 0x3fff && s[1] < 0x1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(guard: &Guard, url: &str) -> bool {
        guard.check_url(&Url::parse(url).unwrap()).is_err()
    }

    #[test]
    fn no_spelling_of_a_private_address_passes() {
        let guard = Guard::default();
        for host in [
            "127.0.0.1",
            "2130706433",
            "0x7f.1",
            "0177.0.0.1",
            "127.1",
            "127.0.0.1.",
            "%31%32%37.0.0.1",
            "１２７.0.0.1",
            "127。0。0。1",
            "0x7f000001",
            "017700000001",
            "10.1.2.3",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.1",
            "192.0.2.1",
            "192.88.99.1",
            "198.18.0.1",
            "198.19.255.255",
            "198.51.100.1",
            "203.0.113.1",
            "240.0.0.1",
            "100.127.255.255",
            "192.168.0.1",
            "169.254.169.254",
            "100.64.0.1",
            "0.0.0.0",
            "224.0.0.1",
            "255.255.255.255",
            "[::1]",
            "[::]",
            "[::ffff:127.0.0.1]",
            "[::127.0.0.1]",
            "[::ffff:0:127.0.0.1]",
            "[64:ff9b:1::1]",
            "[100::1]",
            "[fec0::1]",
            "[5f00::1]",
            "[2001::1]",
            "[2001:20::1]",
            "[3fff::1]",
            "[fe80::1]",
            "[fc00::1]",
            "[2002:7f00:1::]",
            "[64:ff9b::7f00:1]",
            "[ff02::1]",
            "[2001:db8::1]",
        ] {
            assert!(refused(&guard, &format!("https://{host}/")), "{host}");
        }
    }

    #[test]
    fn public_addresses_and_names_pass() {
        let guard = Guard::default();
        for host in ["1.1.1.1", "[2606:4700::1111]", "video.example"] {
            assert!(!refused(&guard, &format!("https://{host}/")), "{host}");
        }
    }

    #[test]
    fn an_allowed_network_may_be_reached_and_no_other() {
        let guard = Guard::new(vec!["127.0.0.0/8".parse().unwrap()], []);
        assert!(!refused(&guard, "https://127.0.0.1:8443/"));
        assert!(!refused(&guard, "https://[::ffff:127.0.0.1]/"));
        assert!(refused(&guard, "https://192.168.0.1/"));
    }

    #[test]
    fn plain_http_is_for_configured_origins_only() {
        let origin = Origin::of(&Url::parse("http://video.example:8080").unwrap());
        let guard = Guard::new(vec![], [origin]);
        assert!(!refused(&guard, "http://video.example:8080/x"));
        assert!(refused(&guard, "http://video.example/x"));
        assert!(refused(&guard, "http://other.example:8080/x"));
    }

    #[test]
    fn other_schemes_and_passwords_are_refused() {
        let guard = Guard::default();
        for url in ["ftp://a.example/", "file:///etc/passwd", "https://me:secret@a.example/"] {
            assert!(refused(&guard, url), "{url}");
        }
        let message = guard
            .check_url(&Url::parse("https://me:secret@a.example/").unwrap())
            .unwrap_err()
            .to_string();
        assert!(!message.contains("secret"), "{message}");
    }
}
