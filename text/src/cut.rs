//! Cutting a text so that it fits: at a word if one ends near, never inside a grapheme or a link.

use unicode_segmentation::UnicodeSegmentation;

use super::links;

/// How many graphemes may be given up to end on a word.
const NEAR: usize = 30;

/// What a text mustn't end with before the mark: it would promise more, or is a mark itself.
const LEADS_ON: &str = ",;:-–—([{„“«¡¿・、，；：（「『【《#@&•◦";

/// What became of a text.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Cut {
    /// It fits as it is.
    Whole,
    /// It was cut, and ends in `…`.
    Short(String),
    /// No word of it fits.
    Nothing,
}

/// The longest beginning of `text` that `fits` accepts with the mark of a cut.
///
/// `fits` is asked about whole texts; a longer text must not be shorter in its eyes.
pub(super) fn cut(text: &str, fits: impl Fn(&str) -> bool) -> Cut {
    if fits(text) {
        return Cut::Whole;
    }
    let ends = ends(text);
    let marked = |end: usize| marked(text, end, &ends);
    let fits_at = |end: usize| fits(&marked(end));
    let mut fitting = ends.partition_point(|&end| fits_at(end));
    while fitting > 0 {
        let end = nice_end(text, &ends[..fitting]);
        let result = marked(end);
        // Giving up a few graphemes can't make a text longer by any count that we know; if it did, the next shorter one is tried.
        if end > 0 && fits(&result) {
            return Cut::Short(result);
        }
        fitting = ends.partition_point(|&e| e < end);
    }
    Cut::Nothing
}

/// Where the text may end: between graphemes, not inside a link.
fn ends(text: &str) -> Vec<usize> {
    let links = links::unbreakable(text);
    let mut links = links.iter().peekable();
    let mut ends = Vec::new();
    for (at, _) in text.grapheme_indices(true).skip(1) {
        while links.next_if(|link| link.end <= at).is_some() {}
        if links.peek().is_none_or(|link| at <= link.start) {
            ends.push(at);
        }
    }
    ends
}

/// The best of the ends that fit: after a word between white space, else after a word of the script's own, else the last.
fn nice_end(text: &str, ends: &[usize]) -> usize {
    let Some(&last) = ends.last() else { return 0 };
    let space = |at: usize| text[at..].starts_with(char::is_whitespace);
    if space(last) {
        return last;
    }
    let near = &ends[ends.len().saturating_sub(NEAR)..];
    if let Some(&end) = near.iter().rev().find(|&&end| space(end)) {
        return end;
    }
    if near.len() == ends.len() && starts_with_one_word(text) {
        return 0;
    }
    let from = near[0];
    let word = text[from..]
        .split_word_bound_indices()
        .map(|(i, _)| from + i)
        .take_while(|&at| at <= last);
    word.filter(|at| near.binary_search(at).is_ok() && *at > from)
        .last()
        .unwrap_or(last)
}

/// Whether the first word ends soon: then a part of it alone is worth nothing.
fn starts_with_one_word(text: &str) -> bool {
    let first = text
        .split_word_bounds()
        .find(|word| word.contains(char::is_alphanumeric))
        .unwrap_or_default();
    let from = text.find(first).unwrap_or_default();
    first.graphemes(true).count() > 1 && !text[from + first.len()..].starts_with(|c: char| c.is_alphanumeric())
}

/// The text up to `end` without what leads on, and the mark of the cut, which stands apart from a link or a full stop.
fn marked(text: &str, end: usize, ends: &[usize]) -> String {
    let trimmed = text[..end].trim_end_matches(|c: char| c.is_whitespace() || LEADS_ON.contains(c));
    // A link may end in such a character, and so may a grapheme.
    let whole = trimmed.is_empty() || ends.binary_search(&trimmed.len()).is_ok();
    let kept = if whole { trimmed } else { &text[..end] };
    let last = kept.rsplit(char::is_whitespace).next().unwrap_or_default();
    match kept.chars().next_back() {
        None => String::new(),
        Some(c) if ".!?。！？…".contains(c) || last.contains("://") => format!("{kept} …"),
        Some(_) => format!("{kept}…"),
    }
}

/// The part of a text that can matter where no more than `fits` is taken: a little more than fits, so that what is cut
/// from it shows as cut.
pub(super) fn clip(text: &str, fits: impl Fn(&str) -> bool) -> &str {
    if fits(text) {
        return text;
    }
    let ends = ends(text);
    let fits_at = |end: usize| fits(&text[..end]);
    // Few of the ends fit, and long texts are slow to count: so from the front.
    let mut bound = 1024;
    while ends.get(bound).is_some_and(|&end| fits_at(end)) {
        bound *= 2;
    }
    let fitting = ends[..bound.min(ends.len())].partition_point(|&end| fits_at(end));
    ends.get(fitting + NEAR).map_or(text, |&end| &text[..end])
}

/// Where the first part of a text that goes on elsewhere ends: the best of the ends at which `fits` accepts it, which is
/// a paragraph's, else a line's, a sentence's, a word's, if it isn't before the middle of what fits; else the last.
pub(super) fn part_end(text: &str, fits: impl Fn(&str) -> bool) -> Option<usize> {
    if !text.is_empty() && fits(text) {
        return Some(text.len());
    }
    let window = clip(text, &fits);
    let ends = ends(window);
    let fits_at = |end: usize| fits(text[..end].trim_end());
    let mut fitting = &ends[..ends.partition_point(|&end| fits_at(end))];
    while let Some(&last) = fitting.last() {
        let end = best_end(text, fitting);
        if !text[..end].trim().is_empty() && fits_at(end) {
            return Some(end);
        }
        fitting = &fitting[..fitting.partition_point(|&e| e < end.min(last))];
    }
    None
}

/// See [`part_end`].
fn best_end(text: &str, ends: &[usize]) -> usize {
    let late = &ends[ends.len() / 2..];
    let find = |is_end: &dyn Fn(usize) -> bool| late.iter().rev().copied().find(|&end| is_end(end));
    let space = |end: usize| text[end..].starts_with(char::is_whitespace);
    let sentence = |end: usize| {
        space(end) && text[..end].ends_with(['.', '!', '?', '…', ')', '"', '”', '»'])
            || text[..end].ends_with(['。', '！', '？', '」'])
    };
    find(&|end| text[end..].starts_with("\n\n"))
        .or_else(|| find(&|end| text[end..].starts_with('\n')))
        .or_else(|| find(&sentence))
        .or_else(|| find(&space))
        .unwrap_or_else(|| nice_end(text, ends).max(ends[0]))
}
