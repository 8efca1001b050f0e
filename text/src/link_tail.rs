//! How far a link goes after its host: port, path, query, as Mastodon's pattern has it (contract mastodon §3.2).

use super::chars::{is_dash, is_latin_accent};

/// The end of the link whose domain name ends at `at`.
pub(super) fn end(text: &str, at: usize) -> usize {
    let at = port(text, at);
    let at = if text[at..].starts_with('/') {
        path(text, at + 1)
    } else {
        at
    };
    query(text, at)
}

fn port(text: &str, at: usize) -> usize {
    let Some(rest) = text[at..].strip_prefix(':') else {
        return at;
    };
    match rest.bytes().take_while(u8::is_ascii_digit).count() {
        0 => at,
        digits => at + 1 + digits,
    }
}

/// A stretch of path, and where the brackets that follow it began, if they do.
struct Piece {
    start: usize,
    end: usize,
}

/// The pattern takes all it can, stretches and balanced brackets in turn, then gives back until it ends on a character
/// or on brackets that a link may end on.
fn path(text: &str, start: usize) -> usize {
    let mut pieces = vec![piece(text, start)];
    let mut at = pieces[0].end;
    while let Some(end) = brackets(text, at, in_path) {
        let next = piece(text, end);
        at = next.end;
        pieces.push(next);
    }
    while let Some(piece) = pieces.pop() {
        let stretch = &text[piece.start..piece.end];
        if let Some((i, c)) = stretch.char_indices().rev().find(|&(_, c)| ends_path(c)) {
            return piece.start + i + c.len_utf8();
        }
        // The brackets before this stretch may end the link, but by twitter-text's own, smaller alphabet.
        if let Some(before) = pieces.last()
            && let Some(end) = brackets(text, before.end, in_last_brackets)
        {
            return end;
        }
    }
    start
}

fn piece(text: &str, start: usize) -> Piece {
    let end = text[start..].find(|c| !in_path(c)).map_or(text.len(), |i| start + i);
    Piece { start, end }
}

/// The end of `(…)` or `(…(…)…)` at `at`.
fn brackets(text: &str, at: usize, inside: fn(char) -> bool) -> Option<usize> {
    let run = |at: usize| text[at..].find(|c| !inside(c)).map_or(text.len(), |i| at + i);
    let open = |at: usize| text[at..].starts_with('(').then_some(at + 1);
    let close = |at: usize| text[at..].starts_with(')').then_some(at + 1);
    let first = open(at)?;
    let after = run(first);
    if after > first
        && let Some(end) = close(after)
    {
        return Some(end);
    }
    let inner = open(after)?;
    let after = run(inner);
    if after == inner {
        return None;
    }
    close(run(close(after)?))
}

fn in_path(c: char) -> bool {
    !(c.is_whitespace() || matches!(c, '<' | '>' | '(' | ')' | '?'))
}

fn ends_path(c: char) -> bool {
    in_path(c) && !"!*\"'「」;:=,.$%[]~&|@".contains(c)
}

fn in_last_brackets(c: char) -> bool {
    c.is_ascii_alphanumeric()
        || "!*';:=+,.$/%#[]_~&|@-".contains(c)
        || is_latin_accent(c)
        || is_dash(c)
        || matches!(c, '\u{400}'..='\u{52F}' | '\u{1C80}'..='\u{1C88}' | '\u{2DE0}'..='\u{2DFF}' | '\u{A640}'..='\u{A69F}')
}

fn query(text: &str, at: usize) -> usize {
    let Some(rest) = text[at..].strip_prefix('?') else {
        return at;
    };
    let run = rest.find(|c| !in_query(c)).unwrap_or(rest.len());
    let last = rest[..run].char_indices().rev().find(|&(_, c)| ends_query(c));
    last.map_or(at, |(i, c)| at + 1 + i + c.len_utf8())
}

fn in_query(c: char) -> bool {
    c.is_ascii_alphanumeric() || "!?*'();:&=+$/%#[]-_.,~|@^".contains(c) || is_uchar(c)
}

fn ends_query(c: char) -> bool {
    c.is_ascii_alphanumeric() || "_&=#/-".contains(c) || is_uchar(c)
}

/// Everything from U+00A0 but noncharacters and the tags of plane 14.
fn is_uchar(c: char) -> bool {
    c >= '\u{A0}'
        && !matches!(c, '\u{FDD0}'..='\u{FDEF}' | '\u{FFF0}'..='\u{FFFF}' | '\u{E0000}'..='\u{E0FFF}')
        && u32::from(c) & 0xFFFE != 0xFFFE
}
