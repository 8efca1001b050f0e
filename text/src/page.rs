//! A status laid out around the one text that gives way: what stays, and what goes in which order.

use std::collections::HashSet;

use super::cut::{Cut, clip, cut};
use super::hashtags::{normalised_hashtag, tags_in};
use super::links::urls;
use super::mentions::neutralise_mentions;
use super::plain::clean;

/// A stretch of a status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Seg {
    /// What always stays.
    Text(String),
    /// Where the text stands that gives way.
    Fit,
    /// Hashtags, the most important first.
    Tags(Vec<String>),
    /// The link to the original.
    Link(String),
}

/// A status before it is fitted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Page {
    pub(super) segs: Vec<Seg>,
    /// The text that gives way.
    pub(super) fit: String,
}

/// A page that fits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Laid {
    pub(super) text: String,
    /// Whether the text that gives way was cut or left out.
    pub(super) cut: bool,
    /// How many hashtags were left out.
    pub(super) dropped: usize,
}

impl Page {
    /// How many hashtags it has.
    pub(super) fn tags(&self) -> usize {
        let tags = |seg: &Seg| if let Seg::Tags(tags) = seg { tags.len() } else { 0 };
        self.segs.iter().map(tags).sum()
    }

    /// The page with `body` in its place and the first `tags` hashtags.
    ///
    /// A link in a line of its own that `body` has already, and hashtags that are in the text anyway, stand only once.
    pub(super) fn text(&self, body: &str, tags: usize) -> String {
        self.laid(body, tags, true)
    }

    fn laid(&self, body: &str, tags: usize, once: bool) -> String {
        let fixed = self.segs.iter().filter_map(|seg| match seg {
            Seg::Text(text) => Some(text.as_str()),
            _ => None,
        });
        let mut seen: HashSet<String> = HashSet::new();
        if once {
            seen = fixed.chain([body]).flat_map(tags_in).collect();
        }
        let mut left = tags;
        let mut out = String::new();
        for (i, seg) in self.segs.iter().enumerate() {
            match seg {
                Seg::Text(text) => out.push_str(text),
                Seg::Fit => out.push_str(body),
                Seg::Tags(all) => {
                    let kept = &all[..all.len().min(left)];
                    left -= kept.len();
                    let new = kept.iter().filter(|tag| seen.insert(normalised_hashtag(tag)));
                    out.push_str(&new.map(String::as_str).collect::<Vec<_>>().join(" "));
                }
                Seg::Link(link) => {
                    let ends = |seg: Option<&Seg>| match seg {
                        None => true,
                        Some(Seg::Text(text)) => text.starts_with('\n'),
                        Some(_) => false,
                    };
                    let alone = (out.is_empty() || out.ends_with('\n')) && ends(self.segs.get(i + 1));
                    if !(once && alone && has_address(body, link)) {
                        out.push_str(link);
                    }
                }
            }
        }
        neutralise_mentions(&clean(&out))
    }

    /// The page as it fits: the text is cut first, then hashtags go from the end, then the text goes. `None` where even
    /// what stays is too long.
    pub(super) fn fitted(&self, fits: impl Fn(&str) -> bool) -> Option<Laid> {
        let all = self.tags();
        let laid = |text: String, cut: bool, tags: usize| Laid {
            text,
            cut,
            dropped: all - tags,
        };
        let has_body = !self.fit.is_empty() && self.segs.contains(&Seg::Fit);
        if has_body {
            let whole = self.text(&self.fit, all);
            if fits(&whole) {
                return Some(laid(whole, false, all));
            }
            // As much as could fit at best, so that what is cut from it shows as cut.
            let body = clip(&self.fit, |body| fits(&self.laid(body, 0, false)));
            for tags in (0..=all).rev() {
                let (body, short) = match cut(body, |body| fits(&self.laid(body, tags, false))) {
                    Cut::Whole => (body.to_owned(), body.len() < self.fit.len()),
                    Cut::Short(short) => (short, true),
                    Cut::Nothing => continue,
                };
                let text = self.text(&body, tags);
                if fits(&text) {
                    return Some(laid(text, short, tags));
                }
            }
        }
        (0..=all)
            .rev()
            .map(|tags| laid(self.text("", tags), has_body, tags))
            .find(|laid| fits(&laid.text))
    }
}

/// Whether the address stands in the text by itself.
pub(super) fn has_address(text: &str, address: &str) -> bool {
    urls(text).into_iter().any(|url| &text[url] == address)
}
