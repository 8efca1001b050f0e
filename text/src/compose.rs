//! Putting a status together so that it fits its destination.

use std::borrow::Cow;
use std::collections::HashSet;
use std::error::Error;
use std::fmt;

use tombolo_model::TextRules;

use super::cut::{Cut, clip, cut};
use super::hashtags::{normalised_hashtag, tags_in};
use super::length::{length, units, written};
use super::links::urls;
use super::mentions::neutralise_mentions;
use super::plain::{clean, clean_line};

/// What a status is made of. All plain text.
#[derive(Clone, Debug, Default)]
pub struct StatusText<'a> {
    /// The title, if there is one.
    pub title: Option<String>,
    /// The text.
    pub body: String,
    /// The page of the original.
    pub link: &'a str,
    /// Hashtags with their `#`, the most important first.
    pub hashtags: Vec<String>,
    /// The text that warns of the content.
    pub warning: Option<String>,
}

/// A status that fits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fitted {
    /// The text, as it must be sent.
    pub text: String,
    /// The warning.
    pub warning: Option<String>,
    /// What both count at the destination.
    pub length: usize,
    /// What they may count.
    pub max: usize,
    /// Whether the title, the body or the warning was shortened or left out.
    pub cut: bool,
    /// How many hashtags were left out for want of room.
    pub dropped_hashtags: usize,
}

/// Not even the link fits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TooSmall {
    /// What the link, and the shortest form of the warning, count.
    pub needed: usize,
    /// What a status may count.
    pub max: usize,
}

impl fmt::Display for TooSmall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { needed, max } = self;
        write!(
            f,
            "the link to the original counts {needed}, but the destination takes only {max}: no status fits there"
        )
    }
}

impl Error for TooSmall {}

/// Title, body, link and hashtags, fitted to `rules.max` as the destination counts.
///
/// The text is as it must be sent: where a bare `<` doesn't survive, it is `&lt;` and counts so.
/// The link is never cut nor left out; a body that has it already gets no second one. First the body is cut, then hashtags
/// go from the end, then the body, then the title is cut at a word, then it goes. A counted warning keeps at most half
/// of the room. A title that is the body's first line is written once. Nobody is mentioned: an `@` may gain a word joiner
/// or, in a URL (the link's too), become `%40`.
pub fn compose(parts: &StatusText<'_>, rules: &TextRules) -> Result<Fitted, TooSmall> {
    let link = neutralise_mentions(&clean_line(parts.link));
    let title = parts
        .title
        .as_deref()
        .map(|title| neutralise_mentions(&clean_line(title)))
        .unwrap_or_default();
    let body = neutralise_mentions(&clean(&parts.body));
    let tags = parts
        .hashtags
        .iter()
        .map(|tag| neutralise_mentions(&clean_line(tag)))
        .filter(|tag| !tag.is_empty());
    let tags: Vec<String> = tags.collect();
    let body = without_title(&body, &title);

    let (warning, warning_cut) = fitted_warning(parts.warning.as_deref(), &link, rules)?;
    let fitter = Fitter {
        title: &title,
        link: &link,
        tags: &tags,
        warning: warning.as_deref(),
        rules,
    };
    let fit = fitter.fit(body).ok_or_else(|| TooSmall {
        needed: fitter.length(&link),
        max: rules.max,
    })?;
    let cut = fit.cut || warning_cut;
    Ok(Fitted::new(
        &fit.text,
        warning.as_deref(),
        rules,
        cut,
        tags.len() - fit.tags,
    ))
}

impl Fitted {
    /// The text as people see it: without the signs that only bring it through the server.
    pub fn shown(&self, rules: &TextRules) -> Cow<'_, str> {
        if rules.escape_angle && self.text.contains("&lt;") {
            Cow::Owned(self.text.replace("&lt;", "<"))
        } else {
            Cow::Borrowed(&self.text)
        }
    }

    pub(super) fn new(
        text: &str,
        warning: Option<&str>,
        rules: &TextRules,
        cut: bool,
        dropped_hashtags: usize,
    ) -> Self {
        Self {
            length: length(text, warning, rules),
            max: rules.max,
            cut,
            dropped_hashtags,
            text: written(text, rules).into_owned(),
            warning: warning.map(str::to_owned),
        }
    }
}

/// The body without its first line, where that says only what the title says.
pub(super) fn without_title<'a>(body: &'a str, title: &str) -> &'a str {
    let bare = |text: &str| {
        text.trim_matches(|c: char| c.is_whitespace() || ".:!*_#-–—".contains(c))
            .to_lowercase()
    };
    let (first, rest) = body.split_once('\n').unwrap_or((body, ""));
    if !title.is_empty() && bare(first) == bare(title) {
        rest.trim_start_matches('\n')
    } else {
        body
    }
}

/// The warning, and whether it was cut.
pub(super) fn fitted_warning(
    warning: Option<&str>,
    link: &str,
    rules: &TextRules,
) -> Result<(Option<String>, bool), TooSmall> {
    let warning = warning
        .map(|w| neutralise_mentions(&clean_line(w)))
        .filter(|w| !w.is_empty());
    let Some(warning) = warning else {
        return Ok((None, false));
    };
    let longest = rules.warning_max.unwrap_or(usize::MAX);
    let mut room = usize::MAX;
    if rules.warning_counts {
        let link = length(link, None, rules);
        room = rules.max.saturating_sub(link).min(rules.max / 2);
        if room == 0 {
            return Err(TooSmall {
                needed: link + 1,
                max: rules.max,
            });
        }
    }
    let fits = |text: &str| text.chars().count() <= longest && units(text, rules.unit) <= room;
    Ok(match cut(&warning, fits) {
        Cut::Whole => (Some(warning), false),
        Cut::Short(short) => (Some(short), true),
        // The fold is worth more than its words.
        Cut::Nothing => (Some("…".to_owned()), true),
    })
}

/// What fits, and with how many of the hashtags.
struct Fit {
    text: String,
    cut: bool,
    tags: usize,
}

struct Fitter<'a> {
    title: &'a str,
    link: &'a str,
    tags: &'a [String],
    warning: Option<&'a str>,
    rules: &'a TextRules,
}

impl Fitter<'_> {
    fn fit(&self, body: &str) -> Option<Fit> {
        let all = self.tags.len();
        if !body.is_empty() {
            let text = assemble(self.title, body, self.link_beside(body), &self.tags_beside(all, body));
            if self.fits(&text) {
                return Some(Fit {
                    text,
                    cut: false,
                    tags: all,
                });
            }
            let body = clip(body, |text| self.fits(text));
            if let Some(fit) = (0..=all).rev().find_map(|tags| self.with_cut_body(body, tags)) {
                return Some(fit);
            }
        }
        let short = !body.is_empty();
        for tags in (0..=all).rev() {
            let text = assemble(self.title, "", Some(self.link), &self.tags_beside(tags, ""));
            if self.fits(&text) {
                return Some(Fit { text, cut: short, tags });
            }
        }
        let with_title = |title: &str| assemble(title, "", Some(self.link), &[]);
        let text = match cut(self.title, |title| self.fits(&with_title(title))) {
            Cut::Whole => with_title(self.title),
            Cut::Short(title) => with_title(&title),
            Cut::Nothing => self.link.to_owned(),
        };
        self.fits(&text).then_some(Fit {
            cut: short || !self.title.is_empty(),
            text,
            tags: 0,
        })
    }

    /// Cuts the body beside the link and the first `tags` hashtags. What the cut body itself has of these needs no room
    /// beside it, so then it is cut once more.
    fn with_cut_body(&self, body: &str, tags: usize) -> Option<Fit> {
        let cut_beside = |link, tags: &[&str]| match cut(body, |b| self.fits(&assemble(self.title, b, link, tags))) {
            Cut::Whole => Some((body.to_owned(), false)),
            Cut::Short(short) => Some((short, true)),
            Cut::Nothing => None,
        };
        let (first, was_cut) = cut_beside(Some(self.link), &self.tags_beside(tags, ""))?;
        let (link, beside) = (self.link_beside(&first), self.tags_beside(tags, &first));
        let second = cut_beside(link, &beside)
            .filter(|(b, _)| link.is_some() || self.link_beside(b).is_none())
            .filter(|(b, _)| self.tags_beside(tags, b).iter().all(|tag| beside.contains(tag)));
        let (body, was_cut) = second.unwrap_or((first, was_cut));
        let text = assemble(self.title, &body, link, &self.tags_beside(tags, &body));
        Some(Fit {
            text,
            cut: was_cut,
            tags,
        })
    }

    fn link_beside(&self, body: &str) -> Option<&str> {
        let there = urls(body).into_iter().any(|url| &body[url] == self.link);
        (!there).then_some(self.link)
    }

    /// Of the first `count` hashtags those that neither title nor body has.
    fn tags_beside(&self, count: usize, body: &str) -> Vec<&str> {
        let mut seen: HashSet<String> = tags_in(self.title).chain(tags_in(body)).collect();
        self.tags[..count]
            .iter()
            .filter(|tag| seen.insert(normalised_hashtag(tag)))
            .map(String::as_str)
            .collect()
    }

    fn length(&self, text: &str) -> usize {
        length(text, self.warning, self.rules)
    }

    fn fits(&self, text: &str) -> bool {
        self.length(text) <= self.rules.max
    }
}

/// The parts that there are, a blank line between them.
fn assemble(title: &str, body: &str, link: Option<&str>, tags: &[&str]) -> String {
    let tags = tags.join(" ");
    let blocks = [title, body, link.unwrap_or_default(), &tags];
    blocks
        .into_iter()
        .filter(|block| !block.is_empty())
        .collect::<Vec<_>>()
        .join("\n\n")
}
