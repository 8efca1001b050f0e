//! One link of a post's HTML: an address, a person or a hashtag.

use html5ever::tokenizer::Tag;
use tombolo_model::Mention;
use url::Url;

use super::address::{address, says};
use super::html::{attribute, has_class};

/// Most people whom one post can name.
const MAX_NAMES: usize = 500;

/// Who is meant by which address.
pub(super) struct Names<'a>(&'a [Mention]);

impl<'a> Names<'a> {
    pub(super) fn new(mentions: &'a [Mention]) -> Self {
        Self(&mentions[..mentions.len().min(MAX_NAMES)])
    }

    fn handle(&self, href: &str) -> Option<&'a str> {
        let bare = |url: &'a str| url.trim_end_matches('/');
        let known = self.0.iter().find(|m| bare(&m.url) == href.trim_end_matches('/'))?;
        Some(known.handle.trim_start_matches('@'))
    }
}

/// A link that is being read.
pub(super) struct Anchor {
    href: String,
    hashtag: bool,
    mention: bool,
    /// Its text, with what isn't shown.
    full: String,
    /// Its text as it is shown.
    shown: String,
    /// Whether each open span is hidden.
    spans: Vec<bool>,
    ellipsis: bool,
}

/// A link as it stands in the text.
pub(super) struct Written {
    pub(super) text: String,
    pub(super) href: Option<String>,
    pub(super) hashtag: Option<String>,
    pub(super) space_before: bool,
    pub(super) space_after: bool,
}

impl Anchor {
    pub(super) fn new(tag: &Tag) -> Self {
        let rel = attribute(tag, "rel").unwrap_or_default();
        let hashtag = has_class(tag, "hashtag") || rel.split_ascii_whitespace().any(|r| r == "tag");
        Self {
            href: attribute(tag, "href").unwrap_or_default().trim().to_owned(),
            hashtag,
            mention: !hashtag && (has_class(tag, "mention") || has_class(tag, "u-url")),
            full: String::new(),
            shown: String::new(),
            spans: Vec::new(),
            ellipsis: false,
        }
    }

    pub(super) fn open_span(&mut self, tag: &Tag) {
        self.ellipsis |= has_class(tag, "ellipsis");
        self.spans.push(has_class(tag, "invisible") || self.is_hidden());
    }

    pub(super) fn close_span(&mut self) {
        self.spans.pop();
    }

    fn is_hidden(&self) -> bool {
        self.spans.last().is_some_and(|hidden| *hidden)
    }

    pub(super) fn text(&mut self, text: &str) {
        self.full.push_str(text);
        if !self.is_hidden() {
            self.shown.push_str(text);
        }
    }

    pub(super) fn written(&self, names: &Names<'_>) -> Written {
        let mut shown = one_line(&self.shown);
        let full = one_line(&self.full);
        let mut href = None;
        let mut hashtag = None;
        if self.hashtag && shown.starts_with(['#', '＃']) {
            hashtag = Some(format!("#{}", shown.trim_start_matches(['#', '＃'])));
        } else if let Some(name) = self.person(&shown, names) {
            shown = name;
        } else if let Some(address) = address(&self.href) {
            if self.ellipsis {
                shown.push('…');
            }
            shown = if shown.is_empty() || says(&full, &address) || says(&shown, &address) {
                address.clone()
            } else if self.ellipsis {
                format!("{full} ({address})")
            } else {
                format!("{shown} ({address})")
            };
            href = Some(address);
        }
        Written {
            text: shown,
            href,
            hashtag,
            space_before: self.shown.starts_with(char::is_whitespace),
            space_after: self.shown.ends_with(char::is_whitespace),
        }
    }

    /// `@name@host`, if the link is to a person by name.
    fn person(&self, shown: &str, names: &Names<'_>) -> Option<String> {
        let name = shown.strip_prefix(['@', '＠'])?;
        if let Some(handle) = names.handle(&self.href) {
            return Some(format!("@{handle}"));
        }
        let written = |c: char| c.is_alphanumeric() || "_.-@:".contains(c);
        if name.is_empty() || !name.chars().all(written) {
            return None;
        }
        let (user, host) = name.split_once('@').unwrap_or((name, ""));
        let url = Url::parse(&self.href).ok().filter(|url| url.host_str().is_some())?;
        let last = url
            .path_segments()?
            .rfind(|segment| !segment.is_empty())
            .unwrap_or_default();
        let last = last.trim_start_matches('@');
        if !self.mention && !last.eq_ignore_ascii_case(user) && !last.eq_ignore_ascii_case(name) {
            return None;
        }
        Some(match (host, url.port()) {
            ("", None) => format!("@{user}@{}", url.host_str()?),
            ("", Some(port)) => format!("@{user}@{}:{port}", url.host_str()?),
            _ => format!("@{name}"),
        })
    }
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
