//! The filters of templates that know what a status is, and the signs by which their output is found again.

use chrono::DateTime;
use chrono::format::{Item, StrftimeItems};
use minijinja::value::Kwargs;
use minijinja::{Environment, Error, ErrorKind};
use unicode_segmentation::UnicodeSegmentation;

use super::hashtags::hashtags;
use super::page::{Page, Seg};

/// All filters, for people.
pub(super) const NAMES: &str = "fit, hashtags, truncate_graphemes, date, upper, lower, capitalize, trim, replace, default, \
    join, first, last, length";

// Noncharacters stand around what may give way: no text of a post has any once it is tidied.
const FIT: (char, char) = ('\u{FDD0}', '\u{FDD1}');
const TAGS: (char, char) = ('\u{FDD2}', '\u{FDD3}');
const LINK: (char, char) = ('\u{FDD4}', '\u{FDD5}');

/// Whether the character is one of those that no text may have.
pub(super) fn is_sign(c: char) -> bool {
    matches!(c, '\u{FDD0}'..='\u{FDEF}')
}

/// The link, so that it is found in the output.
pub(super) fn signed_link(link: &str) -> String {
    signed(link, LINK)
}

fn signed(text: &str, (open, close): (char, char)) -> String {
    format!("{open}{text}{close}")
}

pub(super) fn add(env: &mut Environment<'_>) {
    env.add_filter("fit", |text: String| signed(&without_signs(&text), FIT));
    env.add_filter("hashtags", hashtag_list);
    env.add_filter("truncate_graphemes", truncate_graphemes);
    env.add_filter("date", date);
}

fn without_signs(text: &str) -> String {
    text.replace(is_sign, "")
}

#[expect(clippy::needless_pass_by_value, reason = "as minijinja hands over arguments")]
fn hashtag_list(tags: Vec<String>, kwargs: Kwargs) -> Result<String, Error> {
    let max: Option<usize> = kwargs.get("max")?;
    kwargs.assert_all_used()?;
    let tags = hashtags(&tags, "", max.unwrap_or(usize::MAX));
    Ok(signed(&tags.join(" "), TAGS))
}

/// At most so many graphemes, the mark of the cut among them.
fn truncate_graphemes(text: String, max: usize) -> String {
    if text.graphemes(true).nth(max).is_none() {
        return text;
    }
    let Some(kept) = max.checked_sub(1) else {
        return String::new();
    };
    let start: String = text.graphemes(true).take(kept).collect();
    format!("{}…", start.trim_end())
}

/// A moment as written by strftime's rules, in UTC; nothing stays nothing.
fn date(moment: String, format: Option<String>) -> Result<String, Error> {
    let format = format.unwrap_or_else(|| "%Y-%m-%d".to_owned());
    let wrong = |what: String| Error::new(ErrorKind::InvalidOperation, what);
    let items: Vec<Item<'_>> = StrftimeItems::new(&format).collect();
    if items.contains(&Item::Error) {
        return Err(wrong(format!("`{format}` isn't a date format such as %Y-%m-%d")));
    }
    if moment.is_empty() {
        return Ok(moment);
    }
    let moment = DateTime::parse_from_rfc3339(&moment).map_err(|_| wrong(format!("`{moment}` isn't a date")))?;
    Ok(moment.to_utc().format_with_items(items.iter()).to_string())
}

/// A template's output, taken apart at the signs.
pub(super) fn page(output: &str) -> Page {
    let mut page = Page::default();
    let mut rest = output;
    while let Some(at) = rest.find([FIT.0, TAGS.0, LINK.0]) {
        text(&mut page, &rest[..at]);
        let open = rest[at..].chars().next().unwrap_or_default();
        rest = &rest[at + open.len_utf8()..];
        let close = [FIT, TAGS, LINK]
            .into_iter()
            .find(|signs| signs.0 == open)
            .map_or(open, |signs| signs.1);
        // A filter may have taken the end away.
        let end = rest.find(close).unwrap_or(rest.len());
        let inner = without_signs(&rest[..end]);
        rest = rest[end..].strip_prefix(close).unwrap_or_default();
        page.segs.push(if open == FIT.0 {
            page.fit = inner;
            Seg::Fit
        } else if open == TAGS.0 {
            Seg::Tags(inner.split_whitespace().map(str::to_owned).collect())
        } else {
            Seg::Link(inner)
        });
    }
    text(&mut page, rest);
    page
}

fn text(page: &mut Page, text: &str) {
    let text = without_signs(text);
    if !text.is_empty() {
        page.segs.push(Seg::Text(text));
    }
}
