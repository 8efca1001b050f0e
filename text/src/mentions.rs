//! Mentions: finding them as Mastodon does (contract mastodon §3.3), and making sure that there are none.

use std::ops::Range;

use super::chars::is_word;
use super::links;

/// Put after an `@`, it keeps the eye's text and breaks the server's pattern.
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

/// The text with nobody mentioned, by the rules of Mastodon 4.3 and later and by the looser ones before.
///
/// A word joiner goes after the `@`; inside a URL the `@` becomes `%40`, which leads to the same page. Where nobody would
/// be notified (e-mail addresses, `/@name` in profile URLs), nothing changes.
pub fn neutralise_mentions(text: &str) -> String {
    if !text.contains('@') {
        return text.to_owned();
    }
    let links = links::unbreakable(text);
    let mut links = links.iter().peekable();
    let mut out = String::with_capacity(text.len() + 16);
    let mut copied = 0;
    for (at, _) in text.match_indices('@') {
        if !text[at + 1..].starts_with(is_user_char) || text[..at].ends_with(|c| c == '/' || is_word(c)) {
            continue;
        }
        while links.next_if(|link| link.end <= at).is_some() {}
        out.push_str(&text[copied..at]);
        match links.peek() {
            Some(link) if at >= authority_end(text, link) => out.push_str("%40"),
            _ => {
                out.push('@');
                out.push(WORD_JOINER);
            }
        }
        copied = at + 1;
    }
    out.push_str(&text[copied..]);
    out
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
