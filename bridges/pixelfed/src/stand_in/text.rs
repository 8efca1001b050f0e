//! Captions: what is left of them when they are stored, and the HTML made of them when they are read (contract §4).

use url::Url;

/// Longest hashtag that is linked.
const LONGEST_TAG: usize = 124;
/// What follows a link's address.
const REL: &str = "rel=\"external nofollow noopener\"";
/// What follows that, in a caption without hashtags.
const NEW_WINDOW: &str = " target=\"_blank\"";

/// PHP's `strip_tags`: tags go, and a `<` that stands before anything but a space opens one, closed or not.
pub(super) fn strip_tags(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    let mut inside = false;
    while let Some(c) = rest.next() {
        match c {
            '<' if !inside && rest.peek().is_some_and(|next| !next.is_whitespace()) => inside = true,
            '>' if inside => inside = false,
            c if !inside => kept.push(c),
            _ => {}
        }
    }
    kept
}

/// The HTML purifier of edited captions and descriptions: as [`strip_tags`], and what could be taken for HTML is
/// written as text.
pub(super) fn purify(text: &str) -> String {
    let stripped = strip_tags(text);
    let mut safe = String::with_capacity(stripped.len());
    for (at, c) in stripped.char_indices() {
        match c {
            '&' if !is_entity(&stripped[at..]) => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            c => safe.push(c),
        }
    }
    safe
}

fn is_entity(text: &str) -> bool {
    let name = text
        .get(1..)
        .and_then(|rest| rest.split_once(';'))
        .map(|(name, _)| name);
    name.is_some_and(|name| {
        (1..10).contains(&name.len()) && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '#')
    })
}

/// A piece of a caption.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Piece<'a> {
    Text(&'a str),
    Link(&'a str),
    Tag(&'a str),
    /// `@name`, always somebody here.
    Mention(&'a str),
    /// `@name@host`.
    Stranger(&'a str),
}

/// Splits a caption into what is linked and what isn't.
fn pieces(text: &str) -> Vec<Piece<'_>> {
    let mut found = Vec::new();
    let (mut begin, mut at) = (0, 0);
    let mut before = None;
    while let Some(c) = text[at..].chars().next() {
        match piece_at(&text[at..], before) {
            Some((piece, length)) => {
                if begin < at {
                    found.push(Piece::Text(&text[begin..at]));
                }
                found.push(piece);
                before = text[at..at + length].chars().last();
                at += length;
                begin = at;
            }
            None => {
                before = Some(c);
                at += c.len_utf8();
            }
        }
    }
    if begin < text.len() {
        found.push(Piece::Text(&text[begin..]));
    }
    found
}

/// What begins here, with its length in bytes.
fn piece_at(text: &str, before: Option<char>) -> Option<(Piece<'_>, usize)> {
    let free = before.is_none_or(|c| c.is_whitespace() || "([{\"'".contains(c));
    if !free {
        return None;
    }
    if let Some(rest) = text.strip_prefix('#') {
        let length = span(rest, is_word);
        let tag = &rest[..length];
        let is_tag = tag.chars().any(|c| !c.is_numeric()) && tag.chars().count() <= LONGEST_TAG;
        return is_tag.then_some((Piece::Tag(tag), length + 1));
    }
    if let Some(rest) = text.strip_prefix('@') {
        let length = span(rest, |c| c.is_ascii_alphanumeric() || "_.-".contains(c));
        let name = rest[..length].trim_end_matches(['.', '-']);
        if name.is_empty() {
            return None;
        }
        let after = rest[name.len()..].strip_prefix('@').unwrap_or_default();
        let length = span(after, |c| c.is_ascii_alphanumeric() || ".-".contains(c));
        let host = after[..length].trim_end_matches(['.', '-']);
        if host.contains('.') {
            let length = 1 + name.len() + 1 + host.len();
            return Some((Piece::Stranger(&text[..length]), length));
        }
        return Some((Piece::Mention(name), name.len() + 1));
    }
    let scheme = ["https://", "http://"]
        .into_iter()
        .find(|scheme| text.starts_with(scheme))?;
    let length = span(text, |c| !c.is_whitespace() && !"<>\"".contains(c));
    let link = text[..length].trim_end_matches(['.', ',', ';', ':', '!', '?']);
    (link.len() > scheme.len()).then_some((Piece::Link(link), link.len()))
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn span(text: &str, wanted: impl Fn(char) -> bool) -> usize {
    text.find(|c| !wanted(c)).unwrap_or(text.len())
}

/// A caption's HTML. It isn't escaped except in links (contract §5).
pub(super) fn linked(text: &str, base: &Url) -> String {
    let mut html = String::with_capacity(text.len() * 2);
    let pieces = pieces(text);
    let has_tags = pieces.iter().any(|piece| matches!(piece, Piece::Tag(_)));
    let target = if has_tags { "" } else { NEW_WINDOW };
    for piece in pieces {
        match piece {
            Piece::Text(text) => html.push_str(text),
            Piece::Link(link) => {
                let link = link.replace('&', "&amp;");
                html.push_str(&format!("<a href=\"{link}\" {REL}{target}>{link}</a>"));
            }
            Piece::Tag(tag) => {
                let address = super::address(base, &format!("/discover/tags/{tag}?src=hash"));
                html.push_str(&format!(
                    "<a href=\"{address}\" title=\"#{tag}\" class=\"u-url hashtag\" {REL}>#{tag}</a>"
                ));
            }
            Piece::Mention(name) => {
                let address = super::address(base, &format!("/{name}"));
                html.push_str(&format!(
                    "<a class=\"u-url mention\" href=\"{address}\" {REL}{target}>@{name}</a>"
                ));
            }
            Piece::Stranger(handle) => {
                let address = super::address(base, &format!("/{handle}"));
                html.push_str(&format!(
                    "<a class=\"u-url list-slug\" href=\"{address}\" {REL}{target}>{handle}</a>"
                ));
            }
        }
    }
    // PHP's nl2br keeps the line ends.
    html.replace("\r\n", "<br />\r\u{0}")
        .replace('\n', "<br />\n")
        .replace('\u{0}', "\n")
}

/// The hashtags of a caption, each once, as they were written.
pub(super) fn tags(text: &str) -> Vec<String> {
    let mut tags: Vec<String> = Vec::new();
    for piece in pieces(text) {
        if let Piece::Tag(tag) = piece
            && !tags.iter().any(|known| known.eq_ignore_ascii_case(tag))
        {
            tags.push(tag.to_owned());
        }
    }
    tags
}

/// How a hashtag is written in addresses.
pub(super) fn slug(tag: &str) -> String {
    tag.to_lowercase().replace('_', "-")
}

/// The names of local accounts a caption mentions.
pub(super) fn mentions(text: &str) -> Vec<&str> {
    let pieces = pieces(text).into_iter();
    pieces
        .filter_map(|piece| match piece {
            Piece::Mention(name) => Some(name),
            _ => None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_heart_eats_the_rest_of_a_caption() {
        assert_eq!(strip_tags("I <3 you and more"), "I ");
        assert_eq!(strip_tags("a < b <b>bold</b> c > d"), "a < b bold c > d");
    }

    #[test]
    fn tags_end_where_words_end() {
        let text = "#Fédiverse #über_tag #123 #a-b c#notag #日本語 https://example.org/#frag (#paren) #a";
        assert_eq!(tags(text), ["Fédiverse", "über_tag", "a", "日本語", "paren"]);
    }

    #[test]
    fn bare_names_are_local_people() {
        let text = "hello @bob@mastodon.example and bob@example.org and @bob, also @nobody.";
        assert_eq!(mentions(text), ["bob", "nobody"]);
    }

    #[test]
    fn an_edit_writes_ampersands_as_html() {
        assert_eq!(purify("a & b &amp; <b>c</b> < d"), "a &amp; b &amp; c &lt; d");
    }
}
