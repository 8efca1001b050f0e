//! Raw HTML in Markdown, which comes in stretches: the tags go, their text stays.

/// What is left of a stretch of HTML.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Piece {
    Text(String),
    /// A line break.
    Line,
    /// The end of a block.
    Block,
}

/// Strips tags, also where one stretch ends within a tag and the next goes on.
#[derive(Default)]
pub(super) struct Stripper {
    /// The beginning of a tag whose end is yet to come.
    tag: Option<String>,
    /// The element whose content isn't for readers.
    silent: Option<&'static str>,
}

const SILENT: [&str; 2] = ["script", "style"];
const BLOCKS: [&str; 15] = [
    "p",
    "div",
    "ul",
    "ol",
    "table",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "blockquote",
    "pre",
    "section",
    "details",
];
const LINES: [&str; 5] = ["br", "li", "tr", "dt", "dd"];

/// A tag longer than this isn't kept whole: only its name and its end matter.
const MAX_TAG: usize = 64;

impl Stripper {
    /// Whether the text that follows isn't for readers.
    pub(super) fn in_silence(&self) -> bool {
        self.silent.is_some()
    }

    pub(super) fn strip(&mut self, html: &str) -> Vec<Piece> {
        let mut pieces = Vec::new();
        let mut text = String::new();
        let mut rest = html;
        while !rest.is_empty() {
            if let Some(tag) = &mut self.tag {
                let comment = tag.starts_with("!--");
                let end = if comment { "-->" } else { ">" };
                if let Some(i) = rest.find(end) {
                    keep(tag, &rest[..i]);
                    let tag = self.tag.take().unwrap_or_default();
                    flush(&mut text, &mut pieces);
                    pieces.extend(self.close(&tag));
                    rest = &rest[i + end.len()..];
                } else {
                    keep(tag, rest);
                    rest = "";
                }
            } else {
                let i = rest.find('<').unwrap_or(rest.len());
                if self.silent.is_none() {
                    text.push_str(&decode(&rest[..i]));
                }
                rest = &rest[i..];
                let Some(after) = rest.strip_prefix('<') else { continue };
                if after.starts_with(|c: char| c.is_ascii_alphabetic() || matches!(c, '/' | '!' | '?')) {
                    let head = if after.starts_with("!--") { "!--" } else { "" };
                    self.tag = Some(head.to_owned());
                    rest = &after[head.len()..];
                } else {
                    if self.silent.is_none() {
                        text.push('<');
                    }
                    rest = after;
                }
            }
        }
        flush(&mut text, &mut pieces);
        pieces
    }

    fn close(&mut self, tag: &str) -> Option<Piece> {
        let closing = tag.starts_with('/');
        let name: String = tag
            .trim_start_matches('/')
            .chars()
            .take_while(char::is_ascii_alphanumeric)
            .collect();
        let name = name.to_ascii_lowercase();
        if let Some(silent) = self.silent {
            if closing && name == silent {
                self.silent = None;
            }
            return None;
        }
        if !closing && !tag.ends_with('/') {
            self.silent = SILENT.into_iter().find(|s| *s == name);
        }
        if BLOCKS.contains(&name.as_str()) {
            Some(Piece::Block)
        } else {
            LINES.contains(&name.as_str()).then_some(Piece::Line)
        }
    }
}

fn keep(tag: &mut String, more: &str) {
    tag.extend(more.chars().take(MAX_TAG.saturating_sub(tag.len())));
    if more.ends_with('/') && !tag.ends_with('/') {
        tag.push('/');
    }
}

fn flush(text: &mut String, pieces: &mut Vec<Piece>) {
    if !text.is_empty() {
        pieces.push(Piece::Text(std::mem::take(text)));
    }
}

/// The entities that people write by hand in HTML; others stay as they are.
fn decode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(i) = rest.find('&') {
        out.push_str(&rest[..i]);
        rest = &rest[i..];
        let end = rest.bytes().take(12).position(|b| b == b';');
        if let Some((c, end)) = end.and_then(|end| Some((entity(&rest[1..end])?, end))) {
            out.push(c);
            rest = &rest[end + 1..];
        } else {
            out.push('&');
            rest = &rest[1..];
        }
    }
    out.push_str(rest);
    out
}

fn entity(name: &str) -> Option<char> {
    if let Some(number) = name.strip_prefix('#') {
        let code = match number.strip_prefix(['x', 'X']) {
            Some(hex) => u32::from_str_radix(hex, 16).ok()?,
            None => number.parse().ok()?,
        };
        return char::from_u32(code);
    }
    Some(match name {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" => '\'',
        "nbsp" => '\u{A0}',
        "copy" => '©',
        "reg" => '®',
        "trade" => '™',
        "hellip" => '…',
        "ndash" => '–',
        "mdash" => '—',
        "laquo" => '«',
        "raquo" => '»',
        "euro" => '€',
        _ => return None,
    })
}
