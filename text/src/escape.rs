//! Plain text as Markdown that shows it as it is typed (contract peertube §11.13).
//!
//! Marks are written as character references rather than with a backslash: these are read alike by every parser, also by
//! one that has only some of CommonMark's rules switched on, as PeerTube's pages have.

use std::ops::Range;

use super::links::urls;

/// Marks that could mean something, written so that they don't; addresses stand as they are, so that they become links.
///
/// Indents become no-break spaces. In an address a character that Markdown would take for a mark is percent-encoded.
pub fn plain_to_markdown(text: &str) -> String {
    let links = ["](", "]:", "]["].iter().any(|mark| text.contains(mark));
    let ticks = text.matches('`').count() > 1;
    let mut out = String::with_capacity(text.len() + 16);
    let copy = |range: Range<usize>, out: &mut String| {
        let mut line = Line::at(text, range.start);
        for (i, c) in text[range.clone()].char_indices() {
            let i = range.start + i;
            if line.end < i {
                line = Line::at(text, i);
            }
            if line.block == Some(i) || is_mark(text, i, c, links, ticks) {
                out.push_str(&reference(c));
            } else if c == ' ' && i < line.indent {
                out.push('\u{A0}');
            } else {
                out.push(c);
            }
        }
    };
    let mut at = 0;
    for address in urls(text) {
        copy(at..address.start, &mut out);
        at = address.end;
        out.push_str(&encoded(&text[address]));
    }
    copy(at..text.len(), &mut out);
    out
}

fn reference(c: char) -> String {
    match c {
        '<' => "&lt;".to_owned(),
        '>' => "&gt;".to_owned(),
        '&' => "&amp;".to_owned(),
        c => format!("&#{};", u32::from(c)),
    }
}

/// What is known of a line, once for all its characters.
struct Line {
    /// Where its line break stands.
    end: usize,
    /// Where the spaces before its first other character end.
    indent: usize,
    /// The character that begins a heading, list, quotation, rule or fence, by itself or in the server's eyes.
    block: Option<usize>,
}

impl Line {
    /// The line in which `at` is.
    fn at(text: &str, at: usize) -> Self {
        let start = text[..at].rfind('\n').map_or(0, |i| i + 1);
        let end = text[at..].find('\n').map_or(text.len(), |i| at + i);
        let line = &text[start..end];
        Self {
            end,
            indent: end - line.trim_start_matches(' ').len(),
            block: block_start(line.trim_end_matches('\r')).map(|column| start + column),
        }
    }
}

fn block_start(line: &str) -> Option<usize> {
    let ends = |rest: &str| rest.is_empty() || rest.starts_with([' ', '\t']);
    let digits = line.bytes().take_while(u8::is_ascii_digit).count();
    if digits > 0 {
        let is_list = line[digits..].starts_with(['.', ')']) && ends(&line[digits + 1..]);
        return is_list.then_some(digits);
    }
    let rest = line.trim_start_matches('#');
    let rule = |mark: char| line.chars().all(|c| c == mark || c.is_whitespace());
    let begins = match line.chars().next() {
        Some('>') => true,
        Some('#') => ends(rest),
        Some(mark @ ('-' | '+' | '*' | '=' | '_')) => ends(&line[1..]) || rule(mark),
        Some('~') => line.starts_with("~~~"),
        _ => false,
    };
    begins.then_some(0)
}

fn is_mark(text: &str, at: usize, c: char, links: bool, ticks: bool) -> bool {
    let before = text[..at].chars().next_back();
    let mut rest = text[at + c.len_utf8()..].chars();
    let after = rest.next();
    let space = |c: Option<char>| c.is_none_or(char::is_whitespace);
    let word = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
    let alone = space(before) && space(after);
    let inner = word(before) && word(after);
    match c {
        '*' => !alone,
        '_' => !alone && !inner,
        '[' => links,
        '`' => ticks,
        '<' => after.is_some_and(|c| c.is_ascii_alphabetic() || matches!(c, '/' | '!' | '?')),
        '&' => {
            let name = &text[at + 1..];
            let end = name.find(|c: char| !c.is_ascii_alphanumeric() && c != '#');
            end.is_some_and(|end| end > 0 && name[end..].starts_with(';'))
        }
        '\\' => after.is_none_or(|c| c == '\n' || c.is_ascii_punctuation()),
        _ => false,
    }
}

fn encoded(address: &str) -> String {
    let mut out = String::with_capacity(address.len());
    for (i, c) in address.char_indices() {
        let word = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
        let inner = word(address[..i].chars().next_back()) && word(address[i + c.len_utf8()..].chars().next());
        if matches!(c, '*' | '`' | '[' | ']' | '\\') || (c == '_' && !inner) || is_reference(address, i, c) {
            out.push_str(&format!("%{:02X}", u32::from(c)));
        } else {
            out.push(c);
        }
    }
    out
}

/// Whether the semicolon here ends what Markdown takes for a character reference.
fn is_reference(address: &str, at: usize, c: char) -> bool {
    let name = |c: char| c.is_ascii_alphanumeric() || c == '#';
    c == ';' && address[..at].trim_end_matches(name).ends_with('&')
}
