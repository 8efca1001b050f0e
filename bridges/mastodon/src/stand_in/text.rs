//! A status's text as Mastodon reads it: links, mentions and hashtags, its length, its HTML (contract mastodon §3).

use std::ops::Range;

use unicode_segmentation::UnicodeSegmentation;
use url::Url;

use super::links::links;

/// Something in a text that is more than text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Entity {
    /// A link.
    Link(Range<usize>),
    /// A mention: where, the name without `@`, the domain if one is given.
    Mention(Range<usize>, String, Option<String>),
    /// A hashtag: where, the name as typed.
    Tag(Range<usize>, String),
}

impl Entity {
    fn range(&self) -> &Range<usize> {
        match self {
            Self::Link(range) | Self::Mention(range, ..) | Self::Tag(range, _) => range,
        }
    }
}

/// What a text contains, in order; of things that overlap, the first.
pub(super) fn entities(text: &str) -> Vec<Entity> {
    let mut all: Vec<Entity> = links(text).into_iter().map(Entity::Link).collect();
    all.extend(mentions(text));
    all.extend(tags(text));
    all.sort_by_key(|entity| entity.range().start);
    let mut end = 0;
    all.retain(|entity| {
        let free = entity.range().start >= end;
        if free {
            end = entity.range().end;
        }
        free
    });
    all
}

/// The length of content warning and text together, in graphemes, with the concessions for links and mentions.
pub(super) fn length(spoiler: &str, text: &str, per_link: usize) -> usize {
    let mut counted = spoiler.to_owned();
    let mut at = 0;
    for entity in entities(text) {
        counted.push_str(&text[at..entity.range().start]);
        match &entity {
            Entity::Link(_) => counted.extend(std::iter::repeat_n('x', per_link)),
            Entity::Mention(_, name, _) => {
                counted.push('@');
                counted.push_str(name);
            }
            Entity::Tag(range, _) => counted.push_str(&text[range.clone()]),
        }
        at = entity.range().end;
    }
    counted.push_str(&text[at..]);
    counted.graphemes(true).count()
}

/// A character of a word as Ruby's `[[:word:]]` has it: letters, marks, digits, connectors.
fn is_word(c: char) -> bool {
    c.is_alphanumeric() || is_mark(c) || matches!(c, '_' | '‿' | '⁀' | '⁔' | '︳' | '︴' | '﹍'..='﹏' | '＿')
}

/// Combining marks that aren't letters themselves (the common blocks).
fn is_mark(c: char) -> bool {
    matches!(c, '\u{300}'..='\u{36f}' | '\u{1ab0}'..='\u{1aff}' | '\u{1dc0}'..='\u{1dff}' | '\u{20d0}'..='\u{20ff}'
        | '\u{fe00}'..='\u{fe0f}' | '\u{fe20}'..='\u{fe2f}' | '\u{94d}' | '\u{9cd}' | '\u{e4d}')
}

/// All mentions, those inside links too (contract §3.3).
pub(super) fn mentions(text: &str) -> Vec<Entity> {
    let mut found = Vec::new();
    let mut from = 0;
    while let Some(at) = text[from..].find('@').map(|i| from + i) {
        from = at + 1;
        if text[..at]
            .chars()
            .next_back()
            .is_some_and(|c| matches!(c, '=' | '/') || is_word(c))
        {
            continue;
        }
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let length = run_length(&text[from..], plain);
        if length == 0 {
            continue;
        }
        let name = text[from..from + length].to_owned();
        let mut end = from + length;
        let domain = text[end..].strip_prefix('@').and_then(|rest| {
            let length = run_length(rest, is_word);
            (rest[..length].chars().count() > 1).then(|| rest[..length].to_owned())
        });
        if let Some(domain) = &domain {
            end += 1 + domain.len();
        }
        found.push(Entity::Mention(at..end, name, domain));
        from = end;
    }
    found
}

/// How long a run of `inside` characters is, joined by dots and hyphens, not ending in one.
fn run_length(text: &str, inside: impl Fn(char) -> bool) -> usize {
    if !text.starts_with(&inside) {
        return 0;
    }
    let run = text
        .find(|c: char| !(inside(c) || matches!(c, '.' | '-')))
        .unwrap_or(text.len());
    text[..run].trim_end_matches(['.', '-']).len()
}

/// All hashtags: at the start of a line or after white space (contract §3.4, as of 4.6).
pub(super) fn tags(text: &str) -> Vec<Entity> {
    let separator = |c: char| matches!(c, '·' | '・' | '\u{200c}');
    let mut found = Vec::new();
    for (at, sign) in text.char_indices().filter(|(_, c)| matches!(c, '#' | '＃')) {
        if text[..at].chars().next_back().is_some_and(|c| !c.is_whitespace()) {
            continue;
        }
        let name = &text[at + sign.len_utf8()..];
        let run = name.find(|c: char| !(is_word(c) || separator(c))).unwrap_or(name.len());
        let name = name[..run].trim_end_matches(separator);
        let letter = |c: char| c.is_alphabetic() || is_mark(c);
        if name.starts_with(is_word) && name.contains(|c| letter(c) || separator(c)) {
            let end = at + sign.len_utf8() + name.len();
            found.push(Entity::Tag(at..end, name.to_owned()));
        }
    }
    found
}

/// A hashtag as Mastodon compares it: lower case, without accents (the Latin ones).
pub(super) fn normal_tag(name: &str) -> String {
    name.to_lowercase()
        .chars()
        .filter(|c| !('\u{300}'..='\u{36f}').contains(c))
        .map(|c| match c {
            'à'..='å' | 'ā' | 'ă' | 'ą' => 'a',
            'ç' | 'ć' | 'ĉ' | 'ċ' | 'č' => 'c',
            'è'..='ë' | 'ē' | 'ĕ' | 'ė' | 'ę' | 'ě' => 'e',
            'ì'..='ï' | 'ĩ' | 'ī' | 'ĭ' | 'į' => 'i',
            'ñ' | 'ń' | 'ņ' | 'ň' => 'n',
            'ò'..='ö' | 'ø' | 'ō' | 'ŏ' | 'ő' => 'o',
            'ù'..='ü' | 'ũ' | 'ū' | 'ŭ' | 'ů' | 'ű' | 'ų' => 'u',
            'ý' | 'ÿ' => 'y',
            'ś' | 'ŝ' | 'ş' | 'š' => 's',
            'ź' | 'ż' | 'ž' => 'z',
            other => other,
        })
        .collect()
}

/// The HTML of a text. `profile` gives the page of a mentioned account, if there is such an account here.
pub(super) fn html(text: &str, base: &Url, profile: impl Fn(&str, Option<&str>) -> Option<String>) -> String {
    if text.trim().is_empty() {
        return String::new();
    }
    let mut html = String::new();
    let mut at = 0;
    for entity in entities(text) {
        let range = entity.range().clone();
        html.push_str(&escape(&text[at..range.start]));
        match &entity {
            Entity::Link(_) => html.push_str(&link_html(&text[range.clone()])),
            Entity::Mention(_, name, domain) => match profile(name, domain.as_deref()) {
                Some(page) => html.push_str(&mention_html(&page, name)),
                None => html.push_str(&escape(&text[range.clone()])),
            },
            Entity::Tag(_, name) => html.push_str(&tag_html(base, name)),
        }
        at = range.end;
    }
    html.push_str(&escape(&text[at..]));
    paragraphs(&html)
}

/// The page of a hashtag.
pub(super) fn tag_page(base: &Url, name: &str) -> String {
    let mut url = base.clone();
    if let Ok(mut path) = url.path_segments_mut() {
        path.clear().push("tags").push(name);
    }
    url.into()
}

fn mention_html(page: &str, name: &str) -> String {
    format!(
        "<span class=\"h-card\" translate=\"no\"><a href=\"{}\" class=\"u-url mention\">@<span>{}</span></a></span>",
        escape(page),
        escape(name)
    )
}

fn tag_html(base: &Url, name: &str) -> String {
    format!(
        "<a href=\"{}\" class=\"mention hashtag\" rel=\"tag\">#<span>{}</span></a>",
        tag_page(base, name),
        escape(name)
    )
}

fn link_html(url: &str) -> String {
    let prefix = ["https://www.", "http://www.", "https://", "http://"]
        .into_iter()
        .find(|prefix| url.starts_with(prefix))
        .unwrap_or_default();
    let rest = &url[prefix.len()..];
    let cut = rest.char_indices().nth(30).map_or(rest.len(), |(at, _)| at);
    let class = if cut < rest.len() { "ellipsis" } else { "" };
    format!(
        "<a href=\"{}\" target=\"_blank\" rel=\"nofollow noopener\" translate=\"no\"><span class=\"invisible\">{}</span>\
         <span class=\"{class}\">{}</span><span class=\"invisible\">{}</span></a>",
        escape(url),
        escape(prefix),
        escape(&rest[..cut]),
        escape(&rest[cut..])
    )
}

/// Blank lines part paragraphs, other line ends become `<br />`.
fn paragraphs(html: &str) -> String {
    let lines = html.replace("\r\n", "\n").replace('\r', "\n");
    let mut paragraphs = String::new();
    for paragraph in lines.split("\n\n").map(|paragraph| paragraph.trim_matches('\n')) {
        if !paragraph.is_empty() {
            paragraphs.extend(["<p>", &paragraph.replace('\n', "<br />"), "</p>"]);
        }
    }
    paragraphs
}

/// Text as HTML.
pub(super) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mentioned(text: &str) -> Vec<String> {
        let name = |entity| match entity {
            Entity::Mention(_, name, Some(domain)) => format!("{name}@{domain}"),
            Entity::Mention(_, name, None) => name,
            other => format!("{other:?}"),
        };
        mentions(text).into_iter().map(name).collect()
    }

    fn tagged(text: &str) -> Vec<String> {
        let name = |entity| match entity {
            Entity::Tag(_, name) => name,
            other => format!("{other:?}"),
        };
        tags(text).into_iter().map(name).collect()
    }

    #[test]
    fn the_contracts_mentions_are_found() {
        for text in ["@bob", ".@bob", "(@bob)", "“@bob”", "@@bob", "#@bob", "@bob's", "@bob."] {
            assert_eq!(mentioned(text), ["bob"], "{text}");
        }
        assert_eq!(mentioned("@bob-x"), ["bob-x"]);
        assert_eq!(mentioned("@v2.0"), ["v2.0"]);
        assert_eq!(mentioned("@bob@ex.org."), ["bob@ex.org"]);
        assert_eq!(mentioned("https://h.org/a,@bob"), ["bob"]);
    }

    #[test]
    fn what_only_looks_like_a_mention_is_none() {
        for text in [
            "me@ex.org",
            "é@bob",
            "日本@bob",
            "@日本",
            "@ bob",
            "@\u{2060}bob",
            "＠bob",
            "=@bob",
            "https://h.org/@bob",
        ] {
            assert!(mentioned(text).is_empty(), "{text}");
        }
    }

    #[test]
    fn the_contracts_hashtags_are_found() {
        for name in ["1_2x", "2024a", "a_", "a·b", "été", "日本語"] {
            assert_eq!(tagged(&format!("#{name}")), [name]);
        }
        assert_eq!(tagged("＃wide #foo#bar #c++\n#v2.0"), ["wide", "foo", "c", "v2"]);
        assert!(tagged("#2024 #_ #__ #1· #😀x (#foo) ,#foo “#foo” /#foo 动画#标签 foo#bar").is_empty());
    }

    #[test]
    fn length_counts_graphemes_with_links_at_a_fixed_cost() {
        assert_eq!(length("", "👨‍👩‍👧‍👦🇩🇪e\u{301}\r\nx", 23), 5);
        assert_eq!(
            length("cw", "see https://example.org/a/very/long/path?that=costs+nothing", 23),
            2 + 4 + 23
        );
        assert_eq!(length("", "https://a.org", 23), 23);
        assert_eq!(length("", "https://h.example/x", 23), 19);
        assert_eq!(length("https://example.org/long/warning", "", 23), 32);
        assert_eq!(length("", "@bob@somewhere.example hi", 23), 7);
    }
}
