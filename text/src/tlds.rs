//! The top-level domains that Mastodon takes for one.
//!
//! Mastodon's link pattern uses the fixed list of twitter-text 3.1 (contract mastodon §3.2): the root zone of early 2020
//! and what had left it by then. A domain that came later is no link there and counts in full, so this list is
//! closed too: adding to it would make the count too low. The names come from the npm package `tlds` (MIT), versions
//! 1.57 to 1.207, which copy IANA's list; reserved country codes, `onion` and two late country names were added by hand.

use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

static TLDS: &str = include_str!("tlds.txt");

static ASCII: LazyLock<HashSet<&str>> = LazyLock::new(|| TLDS.split_whitespace().filter(|t| t.is_ascii()).collect());

/// By their first character, each list longest first: where one name begins with another, the pattern tries the longer one first.
static OTHER: LazyLock<HashMap<char, Vec<&str>>> = LazyLock::new(|| {
    let mut names: HashMap<char, Vec<&str>> = HashMap::new();
    for name in TLDS.split_whitespace().filter(|t| !t.is_ascii()) {
        names
            .entry(name.chars().next().unwrap_or_default())
            .or_default()
            .push(name);
    }
    for list in names.values_mut() {
        list.sort_by_key(|name| Reverse(name.chars().count()));
    }
    names
});

/// Length in bytes of the top-level domain that `text` begins with, if it begins with one and ends it there.
pub(super) fn prefix(text: &str) -> Option<usize> {
    let run = text
        .bytes()
        .position(|b| !(b.is_ascii_alphanumeric() || b == b'-'))
        .unwrap_or(text.len());
    if let Some(rest) = strip_ascii_prefix(text, "xn--") {
        let name = rest
            .bytes()
            .position(|b| !b.is_ascii_alphanumeric())
            .unwrap_or(rest.len());
        if name > 0 {
            return Some(4 + name);
        }
    }
    if run > 0 && ends_there(&text[run..]) && ASCII.contains(text[..run].to_ascii_lowercase().as_str()) {
        return Some(run);
    }
    let first = text.chars().next()?.to_lowercase().next()?;
    OTHER
        .get(&first)?
        .iter()
        .filter_map(|tld| folded_prefix(text, tld))
        .find(|&end| ends_there(&text[end..]))
}

fn ends_there(rest: &str) -> bool {
    !rest.starts_with(|c: char| c.is_ascii_alphanumeric() || "@+-ſ\u{212A}".contains(c))
}

fn strip_ascii_prefix<'a>(text: &'a str, prefix: &str) -> Option<&'a str> {
    let head = text.get(..prefix.len())?;
    head.eq_ignore_ascii_case(prefix).then(|| &text[prefix.len()..])
}

/// Length in bytes of `prefix` at the start of `text`, letter case aside.
fn folded_prefix(text: &str, prefix: &str) -> Option<usize> {
    let mut chars = text.chars();
    for want in prefix.chars() {
        let got = chars.next()?;
        if got != want && !got.to_lowercase().eq([want]) {
            return None;
        }
    }
    Some(text.len() - chars.as_str().len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_known_name_is_found_in_any_case() {
        for (text, length) in [
            ("org", 3),
            ("ORG/x", 3),
            ("org.", 3),
            ("orgé", 3),
            ("рф/", 4),
            ("РФ", 4),
            ("vermögensberater", 17),
        ] {
            assert_eq!(prefix(text), Some(length), "{text}");
        }
    }

    #[test]
    fn punycode_counts_as_a_name() {
        assert_eq!(prefix("xn--p1ai/x"), Some(8));
        assert_eq!(prefix("xn--/x"), None);
    }

    #[test]
    fn a_name_newer_than_the_gem_is_none() {
        for text in [
            "kids",
            "music",
            "internal",
            "localhost",
            "orgs",
            "org-x",
            "org@x",
            "1",
            "",
        ] {
            assert_eq!(prefix(text), None, "{text}");
        }
    }

    #[test]
    fn the_longer_of_two_names_wins() {
        assert_eq!(prefix("भारतम्/"), Some("भारतम्".len()));
    }
}
