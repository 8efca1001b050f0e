//! What holds for any text.

use std::collections::HashSet;

use proptest::prelude::*;
use tombolo_model::{LengthUnit, LinkCost, TextRules};
use unicode_segmentation::UnicodeSegmentation;

use super::super::*;

/// Words, addresses, emoji of several code points, flags, marks, scripts of all kinds, and what makes mentions and links.
fn piece() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "[a-zA-Z]{1,12}",
        2 => "[ \n]{1,2}",
        1 => any::<char>().prop_map(String::from),
        1 => "\\PC{0,8}",
        2 => prop::sample::select(vec![
            "👨‍👩‍👧‍👦", "🏴󠁧󠁢󠁥󠁮󠁧󠁿", "🇩🇪", "🇩", "e\u{301}", "\u{301}", "\u{200D}", "日本語", "한국어", "ไทย", "שלום", "مرحبا", "क्षि", "\u{202E}",
            "\u{600}", "#tag", "#Été", "@", "@bob", "@bob@ex.org", ",", ".", "(", ")", "/", "=", ":", "\r\n", "\0", "\t", "_", "…",
        ]).prop_map(String::from),
        1 => "https?://[a-z]{1,8}\\.(org|com|zzz|рф)(/[a-z_,@().?=日-]{0,30})?",
        1 => prop::sample::select(vec!["https://localhost/x", "http://127.0.0.1/@bob", "https://", "gemini://a.org/,@bob", "a.org/x"]).prop_map(String::from),
    ]
}

fn text() -> impl Strategy<Value = String> {
    prop::collection::vec(piece(), 0..60).prop_map(|pieces| pieces.concat())
}

fn rules() -> impl Strategy<Value = TextRules> {
    (
        0usize..300,
        any::<bool>(),
        prop_oneof![
            Just(LinkCost::Full),
            (1usize..40).prop_map(LinkCost::Fixed),
            (1usize..40).prop_map(LinkCost::AtLeast)
        ],
        any::<bool>(),
        any::<bool>(),
    )
        .prop_map(|(max, graphemes, link, warning_counts, escape_angle)| TextRules {
            max,
            unit: if graphemes {
                LengthUnit::Graphemes
            } else {
                LengthUnit::CodePoints
            },
            link,
            warning_counts,
            alt_max: 1500,
            alt_min: 0,
            warning_max: escape_angle.then_some(20),
            escape_angle,
            alone: true,
        })
}

/// Whether snac or Pixelfed would look for somebody: a sign and a name, outside web addresses.
fn pings(text: &str) -> bool {
    let addresses = urls(text);
    let mut signs = text.match_indices(['@', '＠']);
    signs.any(|(at, sign)| {
        let name = |c: char| c.is_alphabetic() || c.is_ascii_digit() || matches!(c, '_' | '-' | '.');
        text[at + sign.len()..].starts_with(name) && !addresses.iter().any(|url| url.contains(&at))
    })
}

fn addresses(text: &str) -> HashSet<&str> {
    urls(text).into_iter().map(|url| &text[url]).collect()
}

#[test]
fn an_address_that_begins_behind_a_neutral_mention_changes_no_more() {
    let neutral = neutralise_mentions("@gemini://a.org/,@bobhttp://127.0.0.1/@bob");
    assert_eq!(neutralise_mentions(&neutral), neutral);
    assert!(mentions(&neutral).is_empty(), "{neutral}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn a_status_fits_and_nothing_in_it_is_broken(
        title in proptest::option::of(text()), body in text(), warning in proptest::option::of(text()),
        tags in prop::collection::vec("#[a-z]{1,9}", 0..5), rules in rules(),
    ) {
        let link = "https://video.example.org/w/9aBcDeFg";
        let parts = StatusText { title, body, link, hashtags: tags, warning };
        let result = compose(&parts, &rules);
        prop_assert_eq!(&result, &compose(&parts, &rules));
        let Ok(fitted) = result else {
            let least = length(link, None, &rules) + usize::from(rules.warning_counts && parts.warning.is_some());
            prop_assert!(rules.max < least);
            return Ok(());
        };
        prop_assert!(fitted.length <= rules.max);
        prop_assert_eq!(fitted.length, length(&fitted.text, fitted.warning.as_deref(), &rules));
        prop_assert_eq!(fitted.text.trim(), &fitted.text);
        prop_assert!(mentions(&fitted.text).is_empty() && !pings(&fitted.text), "{:?}", fitted.text);
        prop_assert!(!fitted.text.chars().any(|c| c != '\n' && c.is_control()));

        let link_stands_free = urls(&fitted.text).into_iter().any(|url| &fitted.text[url] == link);
        prop_assert!(link_stands_free, "{:?}", fitted.text);

        prop_assert!(!rules.escape_angle || !fitted.text.contains('<'));
        let longest = rules.warning_max.unwrap_or(usize::MAX);
        prop_assert!(fitted.warning.as_ref().is_none_or(|warning| warning.chars().count() <= longest));
        let body = neutralise_mentions(&clean(&parts.body));
        let title = neutralise_mentions(&clean_line(parts.title.as_deref().unwrap_or_default()));
        let mut known = addresses(&body);
        known.extend(addresses(&title));
        known.insert(link);
        for address in addresses(&fitted.text) {
            prop_assert!(known.contains(address), "{address} of {:?} is new", fitted.text);
        }
        let sources: HashSet<&str> = body.graphemes(true).chain(title.graphemes(true)).collect();
        let ours: HashSet<&str> = link.graphemes(true).chain(parts.hashtags.iter().flat_map(|t| t.graphemes(true))).collect();
        for grapheme in fitted.text.replace("&lt;", "<").graphemes(true) {
            // What stands before the mark of the cut may melt into it.
            let bare = grapheme.trim_end_matches([' ', '…', '\n']);
            let known = bare.is_empty() || [grapheme, bare].iter().any(|g| sources.contains(g) || ours.contains(g));
            prop_assert!(known, "{grapheme:?} of {:?} is new", fitted.text);
        }
    }

    #[test]
    fn of_a_thread_every_part_fits_and_nothing_is_lost(
        title in proptest::option::of("[A-Z][a-z]{1,20}"), body in text(), warning in proptest::option::of("[a-z]{1,9}"),
        tags in prop::collection::vec("#[a-z]{1,9}", 0..3), max in 130usize..250, server in 0usize..3,
    ) {
        let rules = [super::mastodon(max), super::pixelfed(max), super::gotosocial(max)][server].clone();
        let link = "https://video.example.org/w/9aBcDeFg";
        // The body has no such counter of its own, and its paragraphs aren't what we take off below.
        let body = body.replace('(', "").replace("\n#", "\n");
        let parts = StatusText { title: title.clone(), body, link, hashtags: tags, warning };
        let statuses = compose_thread(&parts, &rules, 999, 1).unwrap();
        let count = statuses.len();
        let mut read = String::new();
        for (i, status) in statuses.iter().enumerate() {
            prop_assert!(status.length <= max && status.length == length(&status.text, status.warning.as_deref(), &rules));
            prop_assert_eq!(&status.warning, &parts.warning);
            prop_assert!(mentions(&status.text).is_empty() && !pings(&status.text), "{:?}", status.text);
            prop_assert!(!rules.escape_angle || !status.text.contains('<'));
            let text = status.text.replace("&lt;", "<");
            let text = match count {
                1 => text.as_str(),
                _ => text.strip_suffix(&format!("\n\n({}/{count})", i + 1)).unwrap(),
            };
            let mut blocks: Vec<&str> = text.split("\n\n").collect();
            if i == 0 {
                prop_assert!(urls(text).into_iter().any(|url| &text[url] == link));
                if blocks.last().is_some_and(|block| block.starts_with('#') && block.split(' ').all(|t| parts.hashtags.iter().any(|p| p == t))) {
                    blocks.pop();
                }
                prop_assert_eq!(blocks.pop(), Some(link));
                if let Some(title) = &title {
                    prop_assert_eq!(blocks.remove(0), title);
                }
            }
            read.push_str(&blocks.concat());
        }
        prop_assert!(statuses.iter().all(|status| !status.cut) || count == 1);
        if statuses.iter().all(|status| !status.cut) {
            let bare = |text: &str| text.replace("%40", "@").replace("%EF%BC%A0", "＠").replace(|c: char| c.is_whitespace() || c == '\u{2060}', "");
            prop_assert_eq!(bare(&read), bare(&clean(&parts.body)));
        }
    }

    #[test]
    fn a_part_of_a_thread_ends_between_graphemes_and_links(body in text(), max in 60usize..200) {
        let parts = StatusText { title: None, body, link: "https://a.org/", hashtags: vec![], warning: None };
        let rules = super::mastodon(max);
        let statuses = compose_thread(&parts, &rules, 999, 1).unwrap();
        let body = neutralise_mentions(&clean(&parts.body));
        let known = addresses(&body);
        for status in statuses.iter().filter(|status| !status.cut) {
            for address in addresses(&status.text) {
                prop_assert!(address == "https://a.org/" || known.contains(address), "{address} of {:?} is new", status.text);
            }
        }
    }

    #[test]
    fn hashtags_survive_the_way_there_and_back(tags in prop::collection::vec("[A-Za-zé日][A-Za-z0-9_é日]{1,9}", 1..5)) {
        let made = hashtags(&tags, "", 9);
        let parts = StatusText { body: "Body".into(), link: "https://a.org/", hashtags: made.clone(), ..StatusText::default() };
        let text = compose(&parts, &super::mastodon(500)).unwrap().text;
        let html: String = text
            .split("\n\n")
            .map(|block| {
                let words = block.split(' ').map(|word| match word.strip_prefix('#') {
                    Some(name) => format!("<a href=\"https://b.org/tags/{name}\" class=\"mention hashtag\" rel=\"tag\">#<span>{name}</span></a>"),
                    None => word.to_owned(),
                });
                format!("<p>{}</p>", words.collect::<Vec<_>>().join(" "))
            })
            .collect();
        let read = html_to_plain(&html, &[]);
        prop_assert_eq!(&read.trailing_tags, &made);
        prop_assert_eq!(hashtags(&read.hashtags, "", 9), made);
        prop_assert_eq!(read.body(), "Body\n\nhttps://a.org/");
    }

    #[test]
    fn a_cut_body_fills_the_room_within_a_word(words in prop::collection::vec("[a-zA-Z]{1,12}", 100..150), max in 60usize..300) {
        let body = words.join(" ");
        let parts = StatusText { title: None, body, link: "https://video.example.org/w/1", hashtags: vec![], warning: None };
        let fitted = compose(&parts, &super::mastodon(max)).unwrap();
        prop_assert!(fitted.cut && fitted.length + 13 >= max, "{} of {max}", fitted.length);
    }

    #[test]
    fn a_neutral_text_mentions_nobody(text in text()) {
        let neutral = neutralise_mentions(&text);
        prop_assert!(mentions(&neutral).is_empty(), "{neutral:?}");
        prop_assert_eq!(&neutralise_mentions(&neutral), &neutral);
        prop_assert!(!pings(&neutral), "{neutral:?}");
        let bare = |text: &str| text.replace('\u{2060}', "").replace("%40", "@").replace("%EF%BC%A0", "＠");
        prop_assert_eq!(bare(&neutral), bare(&text));
    }

    #[test]
    fn spans_are_in_order_and_within_the_text(text in text()) {
        for spans in [links(&text), urls(&text), mentions(&text)] {
            prop_assert!(spans.iter().all(|s| s.start < s.end && text.get(s.clone()).is_some()));
            prop_assert!(spans.windows(2).all(|w| w[0].end <= w[1].start));
        }
    }

    #[test]
    fn clean_text_stays_clean(text in text()) {
        let once = clean(&text);
        prop_assert_eq!(&clean(&once), &once);
        let line = clean_line(&text);
        prop_assert_eq!(&clean_line(&line), &line);
        prop_assert!(!line.contains('\n'));
    }

    #[test]
    fn a_made_hashtag_is_one_to_the_server(tag in "\\PC{0,20}") {
        if let Some(made) = hashtag(&tag) {
            let found: Vec<String> = tags_in(&format!("x {made}\n")).collect();
            prop_assert_eq!(found, vec![normalised_hashtag(&made)]);
        }
    }

    #[test]
    fn an_alternative_text_fits(title in text(), max in 0usize..60) {
        prop_assert!(alt_text(&title, max).chars().count() <= max);
    }

    #[test]
    fn a_language_is_a_short_tag_or_none(tag in "\\PC{0,12}") {
        if let Some(known) = language(&tag) {
            prop_assert!(known.len() <= 6 && known.bytes().all(|b| b.is_ascii_alphabetic() || b == b'-'));
        }
    }
}
