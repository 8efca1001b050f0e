//! Mentions: finding them as Mastodon does (contract mastodon §3.3), and making sure that no server finds any.

use std::ops::Range;

use super::chars::is_word;
use super::links;

/// Put after an `@`, it keeps the eye's text and breaks every server's pattern.
const WORD_JOINER: char = '\u{2060}';

/// A mention as found in the text.
pub(super) struct Mention {
    /// From the `@` to the end of the domain.
    pub(super) range: Range<usize>,
    /// Where the user's name ends.
    pub(super) user_end: usize,
}

/// Who would be notified: the spans of all mentions, from the `@` on, in the whole raw text, URLs included.
pub fn mentions(text: &str) -> Vec<Range<usize>> {
    scan(text).into_iter().map(|m| m.range).collect()
}

/// The text with nobody mentioned, by any server's rules.
///
/// Mastodon's are the narrowest. snac 2.75 takes every `@name` outside web addresses, also in the middle of a word or an
/// e-mail address; Pixelfed 0.12 takes names of any letters, after any letter that isn't ASCII, and the full-width `＠`. So
/// outside an address a word joiner goes after every such sign, which leaves the text as readable as it was. Inside one the
/// sign is percent-encoded, which leads to the same page; where no server looks there (`/@name`, `a@b`), nothing changes.
pub fn neutralise_mentions(text: &str) -> String {
    let mut neutral = text.to_owned();
    // A word joiner may end what stood before an address, so that it is one now.
    for _ in 0..3 {
        let once = neutralised(&neutral);
        if once == neutral {
            break;
        }
        neutral = once;
    }
    neutral
}

fn neutralised(text: &str) -> String {
    if !text.contains(is_sign) {
        return text.to_owned();
    }
    let links = links::unbreakable(text);
    let mut links = links.iter().peekable();
    let mut out = String::with_capacity(text.len() + 16);
    let mut copied = 0;
    for (at, sign) in text.match_indices(is_sign) {
        let after = at + sign.len();
        if !text[after..].starts_with(may_begin_a_name) {
            continue;
        }
        while links.next_if(|link| link.end <= at).is_some() {}
        let link = links.peek().filter(|link| link.start <= at);
        if link.is_some_and(|link| is_web(&text[(*link).clone()])) && sign == "@" && text[..at].ends_with(is_url_word) {
            continue;
        }
        out.push_str(&text[copied..at]);
        match link {
            Some(link) if at >= authority_end(text, link) => {
                out.extend(sign.bytes().map(|byte| format!("%{byte:02X}")));
            }
            _ => {
                out.push_str(sign);
                out.push(WORD_JOINER);
            }
        }
        copied = after;
    }
    out.push_str(&text[copied..]);
    out
}

fn is_sign(c: char) -> bool {
    matches!(c, '@' | '＠')
}

/// Whether a name may begin so, for any server.
fn may_begin_a_name(c: char) -> bool {
    is_word(c) || is_user_char(c) || matches!(c, '.' | '-')
}

/// Whether every server knows the address for one.
fn is_web(url: &str) -> bool {
    let scheme = url.split_once("://").map_or("", |(scheme, _)| scheme);
    scheme.eq_ignore_ascii_case("https") || scheme.eq_ignore_ascii_case("http")
}

/// What stands before an `@` in an address in which no server sees a mention. Letters that aren't ASCII end an address for
/// Pixelfed.
fn is_url_word(c: char) -> bool {
    c == '/' || c == '_' || c.is_ascii_alphanumeric()
}

/// Where the part of a URL begins in which characters may be percent-encoded.
fn authority_end(text: &str, link: &Range<usize>) -> usize {
    let url = &text[link.clone()];
    let host = url.find("://").map_or(0, |i| i + 3);
    link.start + url[host..].find(['/', '?', '#']).map_or(url.len(), |i| host + i)
}

pub(super) fn scan(text: &str) -> Vec<Mention> {
    let mut found: Vec<Mention> = Vec::new();
    for (at, _) in text.match_indices('@') {
        if text[..at].ends_with(|c| c == '=' || c == '/' || is_word(c))
            || found.last().is_some_and(|m| at < m.range.end)
        {
            continue;
        }
        let Some(user_end) = dotted(text, at + 1, is_user_char) else {
            continue;
        };
        let domain = text[user_end..]
            .starts_with('@')
            .then(|| dotted(text, user_end + 1, is_word))
            .flatten();
        found.push(Mention {
            range: at..domain.unwrap_or(user_end),
            user_end,
        });
    }
    found
}

/// The end of runs of `inside` joined by dots and hyphens.
fn dotted(text: &str, start: usize, inside: fn(char) -> bool) -> Option<usize> {
    let run = |at: usize| text[at..].find(|c| !inside(c)).map_or(text.len(), |i| at + i);
    let mut end = run(start);
    if end == start {
        return None;
    }
    loop {
        let joined = end + text[end..].bytes().take_while(|b| matches!(b, b'.' | b'-')).count();
        let next = run(joined);
        if joined == end || next == joined {
            return Some(end);
        }
        end = next;
    }
}

/// ASCII letters, digits, `_`; and the two letters that Ruby takes for `s` and `k` when it ignores case.
fn is_user_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | 'ſ' | '\u{212A}')
}
