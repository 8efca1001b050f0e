//! Hashtags: making valid ones of a source's free tags, and finding those that a text has (contract mastodon §3.4).

use std::collections::HashSet;

use super::chars::{is_letter, is_word};
use super::fold::fold;
use super::plain::clean_line;

/// Longest name that we make: Pixelfed skips longer ones.
const MAX_NAME: usize = 100;

/// The hashtag for a free tag, `#` included; `None` where none says the same.
///
/// Words are joined, each with a capital: `Peer Tube` → `#PeerTube`, `tag one` → `#TagOne`. A single word stays as it is
/// typed. Between digits a `_` keeps them apart: `v2.0` → `#v2_0`. A tag with `+` or `#` in it is dropped: `C++` isn't `#C`.
pub fn hashtag(name: &str) -> Option<String> {
    let name = clean_line(name);
    let name = name.trim_start_matches(['#', '＃', ' ']);
    if name.contains(['+', '#', '＃']) {
        return None;
    }
    // Within a word an apostrophe only goes: rock'n'roll. U+200C and the middle dots join, but our words need no joint.
    let name: String = name
        .chars()
        .filter(|c| !"'’\u{200B}\u{200C}\u{200D}\u{2060}".contains(*c))
        .collect();
    let words: Vec<&str> = name.split(|c| !is_word(c)).filter(|w| !w.is_empty()).collect();
    let mut tag = String::from("#");
    for (i, word) in words.iter().enumerate() {
        let digits = word.starts_with(char::is_numeric) && tag.ends_with(char::is_numeric);
        if digits {
            tag.push('_');
        }
        if words.len() > 1 && (i > 0 || words[1..].iter().any(|w| w.starts_with(is_letter))) {
            capitalise(word, &mut tag);
        } else {
            tag.push_str(word);
        }
    }
    let name = &tag[1..];
    // A name that begins with a mark would melt into the `#`.
    let valid = name.chars().any(char::is_alphabetic)
        && name.chars().next().is_some_and(|c| c.is_alphanumeric() || c == '_')
        && name.chars().count() <= MAX_NAME;
    valid.then_some(tag)
}

fn capitalise(word: &str, out: &mut String) {
    let mut chars = word.chars();
    let Some(first) = chars.next() else { return };
    let mut upper = first.to_uppercase();
    match (upper.next(), upper.next()) {
        (Some(one), None) => out.push(one),
        _ => out.push(first),
    }
    out.push_str(chars.as_str());
}

/// The hashtags for a post's tags, at most `max`, each once by the server's comparison, without those that
/// `already_in_text` has.
///
/// [`compose`](super::compose()) leaves out what the fitted text has by itself; before it, pass an empty text.
pub fn hashtags<S: AsRef<str>>(tags: &[S], already_in_text: &str, max: usize) -> Vec<String> {
    // Also as they would be written here: `#a·b` is there, so `#AB` would say it twice.
    let as_ours = written_tags(already_in_text).filter_map(hashtag);
    let as_ours: Vec<String> = as_ours.map(|tag| normalised_hashtag(&tag)).collect();
    let mut seen: HashSet<String> = tags_in(already_in_text).chain(as_ours).collect();
    let new = tags
        .iter()
        .filter_map(|tag| hashtag(tag.as_ref()))
        .filter(|tag| seen.insert(normalised_hashtag(tag)));
    new.take(max).collect()
}

/// A hashtag's name as the server compares it.
pub fn normalised_hashtag(tag: &str) -> String {
    fold(tag.trim_start_matches(['#', '＃']))
}

/// The hashtags that Mastodon 4.6 finds in a text, as it compares them.
pub fn tags_in(text: &str) -> impl Iterator<Item = String> {
    written_tags(text).map(fold)
}

/// The names of the hashtags that Mastodon 4.6 finds in a text, as they are written.
pub(super) fn written_tags(text: &str) -> impl Iterator<Item = &str> {
    text.match_indices(['#', '＃']).filter_map(|(at, hash)| {
        let free = text[..at].chars().next_back().is_none_or(char::is_whitespace);
        free.then(|| valid_name(&text[at + hash.len()..])).flatten()
    })
}

/// A text without the lines at its end that hold nothing but hashtags, and those hashtags, each with its `#`.
///
/// So they can be written where the copy's own hashtags stand, once.
pub fn split_trailing_tags(text: &str) -> (&str, Vec<String>) {
    let mut body = text.trim_end();
    let mut lines = Vec::new();
    loop {
        let start = body.rfind('\n').map_or(0, |i| i + 1);
        let tags: Option<Vec<String>> = body[start..].split_whitespace().map(whole_tag).collect();
        let Some(tags) = tags.filter(|tags| !tags.is_empty()) else {
            break;
        };
        lines.push(tags);
        body = body[..start].trim_end();
    }
    (body, lines.into_iter().rev().flatten().collect())
}

/// The word as a hashtag, if it is one from end to end.
fn whole_tag(word: &str) -> Option<String> {
    let name = word.strip_prefix(['#', '＃'])?;
    (valid_name(name) == Some(name)).then(|| format!("#{name}"))
}

/// The valid hashtag name at the start of `text`: with inner separators if that is valid, else up to the first.
fn valid_name(text: &str) -> Option<&str> {
    let run = text
        .find(|c| !is_word(c) && !is_separator(c))
        .map_or(text, |i| &text[..i]);
    let whole = run.trim_end_matches(|c| !is_word(c));
    let mut inner = whole.chars();
    let (first, _) = (inner.next(), inner.next_back());
    if first.is_some_and(is_word) && inner.any(|c| is_letter(c) || is_separator(c)) {
        return Some(whole);
    }
    let word = whole.find(|c| !is_word(c)).map_or(whole, |i| &whole[..i]);
    word.contains(is_letter).then_some(word)
}

fn is_separator(c: char) -> bool {
    matches!(c, '_' | '\u{B7}' | '\u{30FB}' | '\u{200C}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_that_the_text_has_in_another_spelling_is_not_added() {
        assert_eq!(hashtags(&["d·e", "sea"], "head #d·e", 5), ["#sea"]);
    }

    #[test]
    fn a_free_tag_becomes_a_valid_hashtag() {
        let cases = [
            ("Peer Tube", "#PeerTube"),
            ("tag one", "#TagOne"),
            ("écologie", "#écologie"),
            ("#linux", "#linux"),
            ("free-software", "#FreeSoftware"),
            ("rock'n'roll", "#rocknroll"),
            ("v2.0", "#v2_0"),
            ("season 2", "#season2"),
            ("日本 語", "#日本語"),
            ("Q&A", "#QA"),
            ("été 2024", "#été2024"),
            ("2024 à Paris", "#2024ÀParis"),
            ("snake_case", "#snake_case"),
        ];
        for (tag, expected) in cases {
            assert_eq!(hashtag(tag).as_deref(), Some(expected), "{tag}");
        }
    }

    #[test]
    fn what_no_hashtag_can_say_gives_none() {
        for tag in ["C++", "C#", "2024", "😀", "___", "", " ", "#", "1·", "\u{301}"] {
            assert_eq!(hashtag(tag), None, "{tag}");
        }
    }

    #[test]
    fn hashtags_are_given_once_and_not_again_if_the_text_has_them() {
        let tags = ["Été", "ete", "Peer Tube", "peertube", "Linux", "one", "two"];
        assert_eq!(hashtags(&tags, "I like #linux\n#two", 5), ["#Été", "#PeerTube", "#one"]);
        assert_eq!(hashtags(&tags, "", 2), ["#Été", "#PeerTube"]);
    }

    #[test]
    fn the_servers_hashtags_are_found() {
        let cases: [(&str, &[&str]); 18] = [
            ("#1_2", &["1_2"]),
            ("#2024a", &["2024a"]),
            ("#a_", &["a_"]),
            ("#a·b", &["a·b"]),
            ("＃wide", &["wide"]),
            ("#été", &["ete"]),
            ("#2024", &[]),
            ("#_", &[]),
            ("#__", &[]),
            ("#1·", &[]),
            ("#😀x", &[]),
            ("(#foo)", &[]),
            (",#foo", &[]),
            ("“#foo”", &[]),
            ("动画#标签", &[]),
            ("foo#bar", &[]),
            ("#foo#bar", &["foo"]),
            // Recording 229.
            (
                "#One (#two) ,#three #2024 #a·b ＃wide #été #foo-bar x#no\n#lineStart",
                &["one", "a·b", "wide", "ete", "foo", "linestart"],
            ),
        ];
        for (text, expected) in cases {
            assert_eq!(tags_in(text).collect::<Vec<_>>(), expected, "{text}");
        }
    }
}
