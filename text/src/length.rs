//! How long a text is, as the destination counts (contract mastodon §3.1).

use std::borrow::Cow;
use std::ops::Range;

use tombolo_model::{LengthUnit, LinkCost, TextRules};
use unicode_segmentation::UnicodeSegmentation;

use super::chars::{is_latin_accent, is_ruby_space};
use super::{links, mentions};

/// A link that costs more costs too much anyway.
const MAX_COST: usize = 1 << 16;
/// Longest domain of a mention that is shortened.
const MAX_DOMAIN: usize = 253;

/// The length of a status in the destination's units, never less than the server's own count.
///
/// Where links have a fixed cost, the server counts a rewritten text: each link as that many characters, each
/// `@user@domain` as `@user`. The warning is counted in full, before the text and without a separator. A warning without
/// text becomes the text there. A bare `<` counts as it must be written.
pub fn length(text: &str, warning: Option<&str>, rules: &TextRules) -> usize {
    let text = written(text, rules);
    let text = text.trim_matches(is_ruby_space);
    let warning = warning.map(|w| w.trim_matches(is_ruby_space)).unwrap_or_default();
    let counted = |front: &str, text: &str| match rules.link {
        LinkCost::Full => units(&(front.to_owned() + text), rules.unit),
        LinkCost::Fixed(cost) => units(&(front.to_owned() + &rewrite(text, cost, rules.unit)), rules.unit),
        LinkCost::AtLeast(least) => {
            units(&(front.to_owned() + text), rules.unit).saturating_add(missing(text, least, rules.unit))
        }
    };
    let front = if rules.warning_counts { warning } else { "" };
    let length = counted(front, text);
    if text.trim().is_empty() && !warning.is_empty() && rules.link != LinkCost::Full {
        return length.max(counted("", warning));
    }
    length
}

/// The text as it must be sent: where the server strips tags, a bare `<` would take the rest of the text with it
/// (contract pixelfed §4). After an address it stands apart, or it would become a part of the link.
pub(super) fn written<'a>(text: &'a str, rules: &TextRules) -> Cow<'a, str> {
    if !rules.escape_angle || !text.contains('<') {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for (i, stretch) in text.split('<').enumerate() {
        if i > 0 {
            let word = out.rsplit(char::is_whitespace).next().unwrap_or_default();
            out.push_str(if word.contains("://") { " &lt;" } else { "&lt;" });
        }
        out.push_str(stretch);
    }
    Cow::Owned(out)
}

/// The length of a bare text in `unit`, without concessions.
pub(super) fn units(text: &str, unit: LengthUnit) -> usize {
    match unit {
        LengthUnit::CodePoints => text.chars().count(),
        LengthUnit::Graphemes => text.graphemes(true).map(server_graphemes).sum(),
    }
}

/// How many clusters the server sees in one of ours.
///
/// Ruby's `\X` doesn't know the rule of 2023 (GB9c) that joins the consonants of an Indic conjunct, so it counts
/// क्षि as two. The joined consonant is recognised by standing apart from the character before it when both are alone.
fn server_graphemes(cluster: &str) -> usize {
    if cluster.is_ascii() {
        return 1;
    }
    let pairs = cluster.char_indices().zip(cluster.chars().skip(1));
    1 + pairs
        .filter(|((at, first), second)| {
            second.is_alphabetic()
                && cluster[*at..*at + first.len_utf8() + second.len_utf8()]
                    .graphemes(true)
                    .nth(1)
                    .is_some()
        })
        .count()
}

/// How much is missing to `least` in all links that are shorter.
fn missing(text: &str, least: usize, unit: LengthUnit) -> usize {
    links::unbreakable(text)
        .into_iter()
        .map(|link| least.saturating_sub(units(&text[link], unit)))
        .fold(0, usize::saturating_add)
}

/// The text with links and mentions as the server rewrites them before counting.
fn rewrite(text: &str, cost: usize, unit: LengthUnit) -> String {
    let cost = cost.min(MAX_COST);
    let mut out = String::with_capacity(text.len());
    let mut copied = 0;
    for (range, replacement) in entities(text) {
        out.push_str(&text[copied..range.start]);
        match replacement {
            Replacement::Link { certain } => {
                let full = &text[range.clone()];
                if !certain && units(full, unit) > cost {
                    out.push_str(full);
                } else {
                    out.extend(std::iter::repeat_n('x', cost));
                }
            }
            Replacement::User(user_end) => out.push_str(&text[range.start..user_end]),
        }
        copied = range.end;
    }
    out.push_str(&text[copied..]);
    out
}

enum Replacement {
    Link { certain: bool },
    User(usize),
}

/// Links and mentions in the text's order; of two that overlap the first counts.
fn entities(text: &str) -> Vec<(Range<usize>, Replacement)> {
    let mut all: Vec<_> = links::scan(text)
        .into_iter()
        .map(|link| (link.range, Replacement::Link { certain: link.certain }))
        .chain(
            mentions::scan(text)
                .into_iter()
                .filter(|m| is_shortened(text, m))
                .map(|m| (m.range, Replacement::User(m.user_end))),
        )
        .collect();
    all.sort_by_key(|(range, _)| range.start);
    let mut end = 0;
    all.retain(|(range, _)| {
        let keep = range.start >= end;
        if keep {
            end = range.end;
        }
        keep
    });
    all
}

/// The server notifies more mentions than it shortens: not those that run into an `@`, an accented letter or `://`.
fn is_shortened(text: &str, mention: &mentions::Mention) -> bool {
    let after = &text[mention.range.end..];
    let domain = text[mention.user_end..mention.range.end].chars().count();
    !after.starts_with(|c| matches!(c, '@' | '＠') || is_latin_accent(c))
        && !after.starts_with("://")
        && domain <= MAX_DOMAIN + 1
}
