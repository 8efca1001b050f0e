//! A text that is too long for one status, as several.

use tombolo_model::TextRules;

use super::compose::{Fitted, StatusText, TooSmall, compose, fitted_warning, without_title};
use super::cut::{Cut, cut, part_end};
use super::length::length;
use super::mentions::neutralise_mentions;
use super::page::{Laid, Page, Seg};
use super::plain::{clean, clean_line};

/// Most digits of a part's number.
const MAX_DIGITS: u32 = 3;

/// The same as [`compose`], but a body that doesn't fit goes on in further statuses, at most `max_parts` in all.
///
/// The first status has the title, the beginning of the body, the link and the hashtags: it is the one that people find.
/// The others have only more of the body. Each ends in a counter such as `(2/3)`, where there are several, and has the warning. The body is divided
/// after a paragraph, a line, a sentence or a word, never in a grapheme or a link; nothing of it is lost, unless
/// `max_parts` is reached: then the last part is cut. A text that can't be divided so becomes one status by [`compose`].
/// There are `at_least` so many parts, for what else is to be shown; those without text have the counter only.
pub fn compose_thread(
    parts: &StatusText<'_>,
    rules: &TextRules,
    max_parts: usize,
    at_least: usize,
) -> Result<Vec<Fitted>, TooSmall> {
    let single = compose(parts, rules)?;
    let at_least = at_least.min(max_parts);
    if (!single.cut && at_least < 2) || max_parts < 2 {
        return Ok(vec![single]);
    }
    let link = neutralise_mentions(&clean_line(parts.link));
    let title = clean_line(parts.title.as_deref().unwrap_or_default());
    let body = clean(&parts.body);
    let body = without_title(&body, &title);
    let tags: Vec<String> = parts.hashtags.iter().map(|tag| clean_line(tag)).collect();
    let (warning, warning_cut) = fitted_warning(parts.warning.as_deref(), &link, rules)?;
    let gap = || Seg::Text("\n\n".to_owned());
    let page = |part: usize, parts: usize| {
        // Where only the warning was too long, there is nothing to count.
        let counter = Seg::Text(match parts {
            1 => String::new(),
            _ => format!("\n\n({part}/{parts})"),
        });
        let segs = if part == 1 {
            let title = Seg::Text(format!("{title}\n\n"));
            vec![
                title,
                Seg::Fit,
                gap(),
                Seg::Link(link.clone()),
                gap(),
                Seg::Tags(tags.clone()),
                counter,
            ]
        } else {
            vec![Seg::Fit, counter]
        };
        Some(Page {
            segs,
            fit: body.to_owned(),
        })
    };
    let fits = |text: &str| length(text, warning.as_deref(), rules) <= rules.max;
    let Some(laid) = divide(page, fits, max_parts, at_least) else {
        return Ok(vec![single]);
    };
    let fitted = |laid: &Laid| {
        Fitted::new(
            &laid.text,
            warning.as_deref(),
            rules,
            laid.cut || warning_cut,
            laid.dropped,
        )
    };
    Ok(laid.iter().map(fitted).collect())
}

/// The pages of a thread, at most `max_parts`; `page` lays out a part, given its number and how many there are.
///
/// `None` where one of them has no room for any of the text.
pub(super) fn divide(
    page: impl Fn(usize, usize) -> Option<Page>,
    fits: impl Fn(&str) -> bool,
    max_parts: usize,
    at_least: usize,
) -> Option<Vec<Laid>> {
    // How many there are is known only at the end: until then, as many digits are counted as it may have.
    let max_parts = max_parts.min(10usize.pow(MAX_DIGITS) - 1);
    let chunks = (1..=MAX_DIGITS).find_map(|digits| {
        let most = 10usize.pow(digits) - 1;
        let last = max_parts <= most;
        let chunks = chunks(|part| page(part.min(most), most), &fits, max_parts.min(most + 1))?;
        (last || chunks.len().max(at_least) <= most).then_some(chunks)
    })?;
    let count = chunks.len().max(at_least);
    let empty = |_| Chunk {
        text: String::new(),
        tags: 0,
        cut: false,
    };
    // A text that is empty has a first part all the same, with its link and hashtags.
    let first_tags = page(1, count)?.tags();
    let mut all: Vec<Chunk> = chunks.into_iter().collect();
    all.extend((all.len()..count).map(empty));
    if let Some(first) = all.first_mut().filter(|chunk| chunk.text.is_empty()) {
        first.tags = first_tags;
    }
    let laid = all.into_iter().enumerate().map(|(i, chunk)| {
        let page = page(i + 1, count)?;
        let text = page.text(&chunk.text, chunk.tags);
        fits(&text).then(|| Laid {
            text,
            cut: chunk.cut,
            dropped: page.tags() - chunk.tags.min(page.tags()),
        })
    });
    laid.collect()
}

/// What of the text one page has.
struct Chunk {
    text: String,
    tags: usize,
    cut: bool,
}

fn chunks(page: impl Fn(usize) -> Option<Page>, fits: impl Fn(&str) -> bool, max_parts: usize) -> Option<Vec<Chunk>> {
    let mut rest = neutralise_mentions(&page(1)?.fit);
    let mut chunks = Vec::new();
    while !rest.is_empty() {
        let page = page(chunks.len() + 1).filter(|page| page.segs.contains(&Seg::Fit))?;
        let last = chunks.len() + 1 == max_parts;
        let fitting = |tags: usize| {
            let fits = |text: &str| fits(&page.text(text, tags));
            if last {
                return match cut(&rest, fits) {
                    Cut::Whole => Some((rest.len(), None)),
                    Cut::Short(short) => Some((rest.len(), Some(short))),
                    Cut::Nothing => None,
                };
            }
            part_end(&rest, fits).map(|end| (end, None))
        };
        let (tags, (end, short)) = (0..=page.tags()).rev().find_map(|tags| Some((tags, fitting(tags)?)))?;
        chunks.push(Chunk {
            cut: short.is_some(),
            text: short.unwrap_or_else(|| rest[..end].trim_end().to_owned()),
            tags,
        });
        // What was the middle of a word, and so mentions nobody, may now begin a text.
        rest = neutralise_mentions(rest[end..].trim_start());
    }
    Some(chunks)
}
