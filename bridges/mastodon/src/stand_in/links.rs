//! What Mastodon takes for a link in a text (contract mastodon §3.2). Anything else isn't linked and costs its full
//! length.

use std::collections::HashSet;
use std::ops::Range;
use std::sync::LazyLock;

/// Schemes that make a link, the longer before those they end with.
const SCHEMES: [&str; 9] = [
    "https", "http", "dweb", "dat", "ipfs", "ipns", "ssb", "gopher", "gemini",
];
/// A longer URL isn't one.
const LONGEST: usize = 4096;
/// The names of the root zone; a host under another name (`.internal`, `.example`, an address) makes no link.
static TLDS: LazyLock<HashSet<&str>> = LazyLock::new(|| include_str!("tlds.txt").split_whitespace().collect());

/// The links in a text, in order.
pub(super) fn links(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut from = 0;
    while let Some(at) = text[from..].find("://").map(|i| from + i) {
        let host = at + "://".len();
        let link = scheme_before(text, from, at).zip(link_end(text, host));
        match link {
            Some((start, end)) if text[start..end].chars().count() <= LONGEST => {
                found.push(start..end);
                from = end;
            }
            _ => from = host,
        }
    }
    found
}

/// Where the scheme begins that ends at `at`, if nothing before it spoils it.
fn scheme_before(text: &str, from: usize, at: usize) -> Option<usize> {
    SCHEMES.iter().find_map(|scheme| {
        let start = at.checked_sub(scheme.len()).filter(|start| *start >= from)?;
        let written = text.get(start..at)?;
        let spoilt = |c: char| c.is_ascii_alphanumeric() || "@＠$#＃".contains(c);
        let fits = written.eq_ignore_ascii_case(scheme) && !text[..start].chars().next_back().is_some_and(spoilt);
        fits.then_some(start)
    })
}

fn link_end(text: &str, host: usize) -> Option<usize> {
    let mut end = host + host_length(&text[host..])?;
    end += port_length(&text[end..]);
    if text[end..].starts_with('/') {
        end += path_length(&text[end..]);
    }
    Some(end + query_length(&text[end..]))
}

/// The longest beginning that is a host under a known top-level domain.
fn host_length(text: &str) -> Option<usize> {
    let run = text
        .find(|c: char| !(c.is_alphanumeric() || matches!(c, '.' | '-' | '_')))
        .unwrap_or(text.len());
    let mut ends: Vec<usize> = text[..run].match_indices('.').map(|(dot, _)| dot).collect();
    ends.push(run);
    ends.into_iter().rev().find_map(|end| {
        let (name, top) = text[..end].rsplit_once('.')?;
        let ascii = top.find(|c: char| !c.is_ascii()).unwrap_or(top.len());
        let bare = |label: &str| label.is_empty() || label.starts_with(['-', '_']) || label.ends_with(['-', '_']);
        if name.split('.').any(bare) {
            return None;
        }
        let known = |tld: &str| TLDS.contains(tld.to_lowercase().as_str()) || is_punycode(tld);
        let end_of = |length: usize| name.len() + 1 + length;
        let length = if known(top) {
            end_of(top.len())
        } else if ascii > 0 && ascii < top.len() && known(&top[..ascii]) {
            end_of(ascii)
        } else {
            return None;
        };
        let follows = text[length..].chars().next();
        (!follows.is_some_and(|c| c.is_ascii_alphanumeric() || "@+-".contains(c))).then_some(length)
    })
}

fn is_punycode(tld: &str) -> bool {
    tld.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("xn--")) && tld.len() > 4
}

fn port_length(text: &str) -> usize {
    let digits = text
        .strip_prefix(':')
        .map_or(0, |rest| rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len()));
    if digits == 0 { 0 } else { 1 + digits }
}

fn in_path(c: char) -> bool {
    !c.is_whitespace() && !"<>()?".contains(c)
}

fn ends_path(c: char) -> bool {
    in_path(c) && !"!*\"'「」;:=,.$%[]~&|@".contains(c)
}

fn path_length(text: &str) -> usize {
    let (mut at, mut end) = (1, 1);
    while let Some(c) = text[at..].chars().next() {
        if in_path(c) {
            at += c.len_utf8();
            if ends_path(c) {
                end = at;
            }
        } else if let Some(length) = parentheses_length(&text[at..], true) {
            at += length;
            end = at;
        } else {
            break;
        }
    }
    end
}

/// The length of balanced parentheses that the text begins with; within them at most one more pair.
fn parentheses_length(text: &str, may_nest: bool) -> Option<usize> {
    let mut at = text.starts_with('(').then_some(1)?;
    let mut nested = false;
    loop {
        let c = text[at..].chars().next()?;
        if c == ')' {
            return (at > 1).then_some(at + 1);
        } else if in_path(c) {
            at += c.len_utf8();
        } else if c == '(' && may_nest && !nested {
            at += parentheses_length(&text[at..], false)?;
            nested = true;
        } else {
            return None;
        }
    }
}

fn query_length(text: &str) -> usize {
    let Some(rest) = text.strip_prefix('?') else { return 0 };
    let other = |c: char| c >= '\u{a0}';
    let inside = |c: char| c.is_ascii_alphanumeric() || "!?*'();:&=+$/%#[]-_.,~|@^".contains(c) || other(c);
    let last = |c: char| c.is_ascii_alphanumeric() || "_&=#/-".contains(c) || other(c);
    let mut end = 0;
    for (at, c) in rest.char_indices().take_while(|(_, c)| inside(*c)) {
        if last(c) {
            end = 1 + at + c.len_utf8();
        }
    }
    end
}

#[cfg(test)]
mod tests {
    use super::*;

    fn linked(text: &str) -> Vec<&str> {
        links(text).into_iter().map(|range| &text[range]).collect()
    }

    #[test]
    fn the_contracts_vectors_are_linked_whole() {
        for url in [
            "https://a.org/x_(y)",
            "https://a.org/x_(y(z))",
            "https://a.org/#t=10",
            "https://a.org/w/abc?start=1m2s",
            "https://a.org/a|b",
            "https://a.org/?a=é",
            "https://h.org/@bob",
            "https://h.org/?u=x&@bob",
            "https://a.org:8443/x",
            "HTTP://A.ORG",
            "https://a.org/日本。次",
            "https://xn--nxasmq6b.xn--p1ai/x",
        ] {
            assert_eq!(linked(url), [url]);
        }
    }

    #[test]
    fn tails_that_belong_to_the_sentence_are_left_out() {
        for tail in [".", "=", "~", "&", "!?", ":", "\"", "%", "@", ")"] {
            assert_eq!(
                linked(&format!("(https://a.org/x{tail}")),
                ["https://a.org/x"],
                "{tail}"
            );
        }
        assert_eq!(linked("https://a.org/?a=1."), ["https://a.org/?a=1"]);
        assert_eq!(linked("https://a.org/x? yes"), ["https://a.org/x"]);
        assert_eq!(linked("https://a.org."), ["https://a.org"]);
    }

    #[test]
    fn addresses_and_private_names_are_no_links() {
        for text in [
            "https://127.0.0.1/x",
            "http://localhost/x",
            "https://host.internal/x",
            "https://h.example/x",
            "https://h.test/x",
            "https://h.invalid",
            "https://[::1]/x",
            "https://user@a.org/x",
            "https://me.org@a.org/x",
            "xhttps://a.org",
            "#https://a.org",
            "ftp://a.org",
            "a.org/x",
            "https://",
            "://a.org",
        ] {
            assert!(linked(text).is_empty(), "{text}");
        }
    }

    #[test]
    fn several_links_are_found_in_order() {
        let text = "日本https://a.org/ and abc:https://b.org/q?x=1, https://c.org日本";
        assert_eq!(linked(text), ["https://a.org/", "https://b.org/q?x=1", "https://c.org"]);
    }

    #[test]
    fn a_url_of_more_than_4096_characters_is_none() {
        let long = |n: usize| format!("https://a.org/{}", "x".repeat(n - 14));
        assert_eq!(linked(&long(4096)).len(), 1);
        assert!(linked(&long(4097)).is_empty());
    }
}
