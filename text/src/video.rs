//! The texts of a video, for destinations where every part is one (contract peertube §7.1).

use tombolo_model::{TextRules, VideoRules};

use super::compose::{StatusText, TooSmall, without_title};
use super::cut::{Cut, cut};
use super::escape::plain_to_markdown;
use super::hashtags::normalised_hashtag;
use super::length::length;
use super::mentions::neutralise_mentions;
use super::page::{Page, Seg};
use super::plain::{clean, clean_line};
use super::warning::warning_line;

/// Longest title that is made of a text's beginning, in code points: more isn't a title.
const MADE_TITLE: usize = 80;

/// What a video is called and described.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VideoText {
    /// The title, plain text.
    pub title: String,
    /// The description, Markdown that shows as the text was typed; `None` where it would be shorter than allowed.
    pub description: Option<String>,
    /// Tags without `#`, each once.
    pub tags: Vec<String>,
    /// Whether title or description were shortened.
    pub cut: bool,
    /// How many tags were left out, for want of room or as not allowed.
    pub dropped_tags: usize,
}

/// Title, description and tags of a video.
///
/// Without a title, or with one that is too short, the text's first line or sentence becomes it, or else `untitled`, which
/// the caller chooses (`Video by NAME`). The description has the warning as its first line, the text, and the link to the
/// original, which is never cut; `text` says how long it may be, and its marks count as they are written. Nobody is
/// mentioned. `tags` are free tags, the most important first.
///
/// `alts` are the alternative texts of what the video shows, in order, empty where there is none: such a server has no
/// other place for them. They stand behind the text, of several each with its number, without those that title or text
/// say already.
///
/// [`TooSmall`] where the link alone is too long for a description.
pub fn video_text<S: AsRef<str>>(
    parts: &StatusText<'_>,
    alts: &[&str],
    tags: &[S],
    untitled: &str,
    video: &VideoRules,
    text: &TextRules,
) -> Result<VideoText, TooSmall> {
    let body = clean(&parts.body);
    let (title, title_cut) = title(parts.title.as_deref().unwrap_or_default(), &body, untitled, video);
    let link = neutralise_mentions(&clean_line(parts.link));
    let mut segs = Vec::new();
    if let Some(warning) = parts.warning.as_deref().filter(|warning| !warning.trim().is_empty()) {
        segs.push(Seg::Text(format!("{}\n\n", warning_line(warning))));
    }
    segs.extend([Seg::Fit, Seg::Text("\n\n".to_owned()), Seg::Link(link.clone())]);
    let own = without_title(&body, &title);
    let further = further_alts(alts, &[&title, parts.title.as_deref().unwrap_or_default()], &body);
    let said = [own, &further].into_iter().filter(|text| !text.is_empty());
    let page = Page {
        segs,
        fit: neutralise_mentions(&said.collect::<Vec<_>>().join("\n\n")),
    };
    let fits = |written: &str| length(&plain_to_markdown(written), None, text) <= text.max;
    let laid = page.fitted(fits).or_else(|| {
        // A warning too long for the description: the flag remains.
        let segs = vec![Seg::Link(link.clone())];
        Page { segs, ..page.clone() }.fitted(fits)
    });
    let laid = laid.ok_or_else(|| TooSmall {
        needed: length(&link, None, text),
        max: text.max,
    })?;
    let description = plain_to_markdown(&laid.text);
    let long_enough = description.chars().count() >= video.description_min;
    let (tags, dropped_tags) = video_tags(tags, video);
    Ok(VideoText {
        title,
        description: (!description.is_empty() && long_enough).then_some(description),
        tags,
        cut: laid.cut || title_cut,
        dropped_tags,
    })
}

/// The alternative texts that say more than titles and text, a line each.
fn further_alts(alts: &[&str], titles: &[&str], body: &str) -> String {
    let letters = |text: &str| -> String {
        let letters = text.chars().filter(|c| c.is_alphanumeric());
        letters.flat_map(char::to_lowercase).collect()
    };
    let said = letters(body);
    let titles: Vec<String> = titles.iter().map(|title| letters(title)).collect();
    let is_said = |alt: &str| {
        let alt = letters(alt);
        let of_title = |title: &String| alt == *title || alt.strip_prefix("video") == Some(title);
        titles.iter().any(of_title) || (!alt.is_empty() && said.contains(&alt))
    };
    let lines = alts.iter().enumerate().filter_map(|(place, alt)| {
        let alt = clean_line(alt);
        (!alt.is_empty() && !is_said(&alt)).then(|| match alts.len() {
            1 => alt,
            _ => format!("{}. {alt}", place + 1),
        })
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// The title, and whether it was cut.
fn title(given: &str, body: &str, untitled: &str, rules: &VideoRules) -> (String, bool) {
    let (min, max) = rules.title;
    let given = neutralise_mentions(&clean_line(given));
    let count = |text: &str| text.chars().count();
    if count(&given) >= min.max(1) {
        return fitted(&given, max);
    }
    let first = neutralise_mentions(&clean_line(beginning(body)));
    if count(&first) >= min.max(1) {
        return match fitted(&first, max.min(MADE_TITLE)) {
            (short, true) if count(&short) < min => fitted(&first, max),
            // The text itself stands in the description.
            (title, _) => (title, false),
        };
    }
    let untitled = neutralise_mentions(&clean_line(untitled));
    let mut title = [given, first, untitled]
        .into_iter()
        .filter(|part| !part.is_empty())
        .collect::<Vec<_>>()
        .join(" – ");
    if count(&title) < min.max(1) {
        title.push_str(if title.is_empty() { "Video" } else { " – Video" });
    }
    fitted(&title, max)
}

fn fitted(text: &str, max: usize) -> (String, bool) {
    match cut(text, |text| text.chars().count() <= max) {
        Cut::Whole => (text.to_owned(), false),
        Cut::Short(short) => (short, true),
        Cut::Nothing => (text.chars().take(max).collect(), true),
    }
}

/// The first line that has a letter, of it the first sentence, without the mark of a list or a quotation.
fn beginning(body: &str) -> &str {
    let line = body
        .lines()
        .find(|line| line.contains(char::is_alphanumeric))
        .unwrap_or_default();
    let line = line.trim_start_matches(|c: char| c.is_whitespace() || "•◦>-".contains(c));
    let end = line.char_indices().find_map(|(i, c)| {
        let end = i + c.len_utf8();
        let ends = match c {
            '。' | '！' | '？' => true,
            // "No. 5", "e.g. this": what is very short is hardly a sentence.
            '.' | '!' | '?' => line[end..].starts_with(' ') && line[..end].chars().count() > 12,
            _ => false,
        };
        ends.then_some(end)
    });
    let sentence = &line[..end.unwrap_or(line.len())];
    sentence
        .strip_suffix(['.', '。'])
        .filter(|s| !s.ends_with('.'))
        .unwrap_or(sentence)
}

/// The tags that are allowed, each once (upper and lower case are one), and how many were left out.
fn video_tags<S: AsRef<str>>(tags: &[S], rules: &VideoRules) -> (Vec<String>, usize) {
    let (min, max) = rules.tag;
    let mut seen = std::collections::HashSet::new();
    let all: Vec<String> = tags
        .iter()
        .map(|tag| clean_line(tag.as_ref()).trim_start_matches(['#', '＃', ' ']).to_owned())
        .filter(|tag| !tag.is_empty() && seen.insert(normalised_hashtag(tag)))
        .collect();
    let count = all.len();
    let kept: Vec<String> = all
        .into_iter()
        .filter(|tag| (min..=max).contains(&tag.chars().count()))
        .take(rules.tags)
        .collect();
    let dropped = count - kept.len();
    (kept, dropped)
}
