//! HTML as far as a reader or a look for a copy needs it: its text, its links, and the paragraph that stands for a quote.
//!
//! Never judges what is safe to show; the text of a copy is made elsewhere, by a real parser.

use tombolo_mastoapi::decoded;

/// A link in HTML.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Anchor {
    /// Where it leads, entities decoded.
    pub(crate) href: String,
    /// Its classes.
    pub(crate) class: String,
    /// Its text.
    pub(crate) text: String,
}

impl Anchor {
    /// Whether it stands for a hashtag.
    pub(crate) fn is_tag(&self) -> bool {
        self.class.split_ascii_whitespace().any(|class| class == "hashtag")
    }

    /// Whether it stands for a person.
    pub(crate) fn is_mention(&self) -> bool {
        !self.is_tag() && self.class.split_ascii_whitespace().any(|class| class == "mention")
    }
}

/// Most links of one text.
const MAX_ANCHORS: usize = 500;
/// Longest attribute that is looked at.
const MAX_ATTRIBUTE: usize = 4096;

/// The links of HTML, in order.
pub(crate) fn anchors(html: &str) -> Vec<Anchor> {
    let mut found = Vec::new();
    let mut rest = html;
    while let Some(at) = rest.find("<a").filter(|_| found.len() < MAX_ANCHORS) {
        rest = &rest[at + 2..];
        if !rest.starts_with(|c: char| c.is_ascii_whitespace()) {
            continue;
        }
        let Some(end) = tag_end(rest) else { break };
        let (head, inner) = (&rest[..end], &rest[end + 1..]);
        let inner = inner.find("</a").map_or(inner, |close| &inner[..close]);
        found.push(Anchor {
            href: attribute(head, "href").unwrap_or_default(),
            class: attribute(head, "class").unwrap_or_default(),
            text: plain(inner).trim().to_owned(),
        });
        rest = &rest[end + 1..];
    }
    found
}

/// Takes the paragraph away that Mastodon puts before a quote for software that knows no quotes (contract mastodon §7.5), and
/// tells where it leads.
pub(crate) fn without_quote(html: &str) -> (String, Option<String>) {
    let mut from = 0;
    while let Some(at) = html[from..].find("<p").map(|at| from + at) {
        let Some(end) = tag_end(&html[at..]).map(|end| at + end) else {
            break;
        };
        let class = attribute(&html[at + 2..end], "class").unwrap_or_default();
        if class.split_ascii_whitespace().any(|class| class == "quote-inline") {
            let Some(close) = html[end..].find("</p>").map(|close| end + close) else {
                break;
            };
            let href = anchors(&html[end + 1..close])
                .into_iter()
                .next()
                .map(|anchor| anchor.href);
            return (format!("{}{}", &html[..at], &html[close + 4..]), href);
        }
        from = end;
    }
    (html.to_owned(), None)
}

/// The text of HTML: tags dropped first, entities decoded afterwards.
pub(crate) fn plain(html: &str) -> String {
    let mut in_tag = false;
    let text: String = html
        .chars()
        .filter(|c| match c {
            '<' => {
                in_tag = true;
                false
            }
            '>' if in_tag => {
                in_tag = false;
                false
            }
            _ => !in_tag,
        })
        .collect();
    decoded(&text)
}

/// Where the tag ends that `rest` begins in: a `>` outside quotation marks.
fn tag_end(rest: &str) -> Option<usize> {
    let mut quote = None;
    for (at, byte) in rest.bytes().enumerate() {
        match (quote, byte) {
            (None, b'>') => return Some(at),
            (None, b'"' | b'\'') => quote = Some(byte),
            (Some(open), _) if open == byte => quote = None,
            _ => {}
        }
    }
    None
}

/// The value of an attribute, decoded.
fn attribute(head: &str, name: &str) -> Option<String> {
    let mut from = 0;
    while let Some(at) = head[from..].find(name).map(|at| from + at) {
        from = at + name.len();
        let begins = head[..at].chars().next_back().is_none_or(|c| c.is_ascii_whitespace());
        let Some(value) = head[from..].trim_start().strip_prefix('=').filter(|_| begins) else {
            continue;
        };
        let value = value.trim_start();
        let raw = match value.chars().next() {
            Some(quote @ ('"' | '\'')) => value[1..].split(quote).next().unwrap_or_default(),
            _ => value
                .split(|c: char| c.is_ascii_whitespace())
                .next()
                .unwrap_or_default(),
        };
        return (raw.len() <= MAX_ATTRIBUTE).then(|| decoded(raw));
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn links_are_read_with_their_classes_and_texts() {
        let html = r#"<p>Hi <span class="h-card"><a href="https://m.example/@bob?a=1&amp;b=2" class="u-url mention">@<span>bob</span></a></span>
            <a class='mention hashtag' rel="tag" href='https://m.example/tags/World'>#<span>World</span></a> <abbr>no</abbr></p>"#;
        let found = anchors(html);
        assert_eq!(found.len(), 2);
        assert!(found[0].is_mention() && !found[0].is_tag());
        assert_eq!(
            (found[0].href.as_str(), found[0].text.as_str()),
            ("https://m.example/@bob?a=1&b=2", "@bob")
        );
        assert!(found[1].is_tag() && !found[1].is_mention());
        assert_eq!(found[1].text, "#World");
    }

    #[test]
    fn the_paragraph_for_a_quote_is_taken_away() {
        let html = r#"<p class="quote-inline">RE: <a href="https://m.example/@a/1"><span>m.example</span></a></p><p>Quoting</p>"#;
        let (body, quote) = without_quote(html);
        assert_eq!(
            (body.as_str(), quote.as_deref()),
            ("<p>Quoting</p>", Some("https://m.example/@a/1"))
        );
        assert_eq!(
            without_quote("<p>a</p><pre>b</pre>"),
            ("<p>a</p><pre>b</pre>".to_owned(), None)
        );
    }

    proptest! {
        #[test]
        fn no_text_does_harm(html in "\\PC{0,80}|(<|a|p| |href=|class=\"|quote-inline|\"|'|>|</a>|</p>|&|#x|;|é){0,40}") {
            let _ = (anchors(&html), plain(&html));
            let _ = without_quote(&html);
        }
    }
}
