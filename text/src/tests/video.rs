//! The texts of videos.

use proptest::prelude::*;
use tombolo_model::{LengthUnit, LinkCost, TextRules, VideoRules};

use super::super::*;

const LINK: &str = "https://social.example/@anna/1";

/// PeerTube's rules (contract peertube §7.1).
fn rules() -> (VideoRules, TextRules) {
    let video = VideoRules {
        title: (3, 120),
        description_min: 3,
        tags: 5,
        tag: (2, 30),
    };
    let text = TextRules {
        unit: LengthUnit::CodePoints,
        link: LinkCost::Full,
        warning_counts: false,
        ..super::mastodon(10_000)
    };
    (video, text)
}

fn video(title: &str, body: &str) -> VideoText {
    let (video, text) = rules();
    let parts = StatusText {
        title: Some(title.into()).filter(|t: &String| !t.is_empty()),
        body: body.into(),
        link: LINK,
        ..StatusText::default()
    };
    video_text::<&str>(&parts, &[], &[], "Video by anna", &video, &text).unwrap()
}

#[test]
fn a_title_is_made_of_the_text_if_there_is_none() {
    let cases = [
        ("Given", "Body", "Given"),
        ("", "Walking by the sea. It was May.", "Walking by the sea"),
        ("", "Is this the sea? It is.\nMore", "Is this the sea?"),
        ("", "No. 5 is alive", "No. 5 is alive"),
        ("", "• first\n• second", "first"),
        ("", "海辺の散歩。五月でした。", "海辺の散歩"),
        ("", "😀\n\n", "Video by anna"),
        ("", "", "Video by anna"),
        ("Hi", "", "Hi – Video by anna"),
        ("Hi", "A whole sentence", "A whole sentence"),
        ("", "@bob@ex.org look", "@\u{2060}bob@\u{2060}ex.org look"),
    ];
    for (title, body, expected) in cases {
        assert_eq!(video(title, body).title, expected, "{title} / {body}");
    }
    let long = video("", &"word ".repeat(100)).title;
    assert!(long.ends_with("word…") && long.chars().count() <= 80, "{long}");
    let emoji = video(&"😀".repeat(121), "").title;
    assert_eq!(emoji.chars().count(), 120);
}

#[test]
fn the_description_has_the_warning_the_text_and_the_link() {
    let (video, text) = rules();
    let parts = StatusText {
        title: Some("A walk".into()),
        body: "A walk\n\nBy the *sea*, with [friends](x) & @bob.\n- not a list\nhttps://a.org/a_b_c".into(),
        link: LINK,
        hashtags: Vec::new(),
        warning: Some("rain\nand wind".into()),
    };
    let made = video_text(&parts, &[], &["sea"], "", &video, &text).unwrap();
    insta::assert_snapshot!(made.description.clone().unwrap().replace('\u{2060}', "|"), @r"
    CW: rain and wind

    By the &#42;sea&#42;, with &#91;friends](x) & @|bob.
    &#45; not a list
    https://a.org/a_b_c

    https://social.example/@anna/1
    ");
    assert_eq!(
        markdown_to_plain(&made.description.unwrap()),
        format!(
            "CW: rain and wind\n\nBy the *sea*, with [friends](x) & @\u{2060}bob.\n- not a list\nhttps://a.org/a_b_c\n\n{LINK}"
        )
    );
}

#[test]
fn a_long_description_is_cut_before_the_link() {
    let made = video("", &"*word* ".repeat(3000));
    let description = made.description.unwrap();
    assert!(made.cut && description.chars().count() <= 10_000 && description.chars().count() > 9_950);
    assert!(description.ends_with(&format!("…\n\n{LINK}")));
}

/// The description of a video with these alternative texts.
fn described(title: &str, body: &str, alts: &[&str]) -> String {
    let (video, text) = rules();
    let parts = StatusText {
        title: Some(title.into()),
        body: body.into(),
        link: LINK,
        ..StatusText::default()
    };
    let made = video_text::<&str>(&parts, alts, &[], "Video by anna", &video, &text).unwrap();
    markdown_to_plain(&made.description.unwrap()).replace('\u{2060}', "|")
}

#[test]
fn alternative_texts_stand_behind_the_text_where_they_say_more() {
    let alone = described("A walk", "By the sea.", &["Two people\nwalk, one is @bob"]);
    assert_eq!(alone, format!("By the sea.\n\nTwo people walk, one is @|bob\n\n{LINK}"));
    let several = described("A walk", "", &["A gull", "", "The *sea*"]);
    assert_eq!(several, format!("1. A gull\n3. The *sea*\n\n{LINK}"));
    for said in ["", "a walk!", "Video: A walk", "by the sea"] {
        let nothing_more = described("A walk", "Once more by the sea.", &[said]);
        assert_eq!(nothing_more, format!("Once more by the sea.\n\n{LINK}"), "{said}");
    }
    let long = described("A walk", &"word ".repeat(1500), &[&"gull ".repeat(1500)]);
    assert!(
        long.ends_with(&format!("gull…\n\n{LINK}")) && long.contains("word\n\ngull"),
        "{long}"
    );
}

#[test]
fn tags_are_those_that_are_allowed() {
    let (video, text) = rules();
    let parts = StatusText {
        link: LINK,
        ..StatusText::default()
    };
    let tags = [
        "#Sea",
        "sea",
        "Peer Tube",
        "x",
        &"y".repeat(31),
        "one",
        "two",
        "three",
        "four",
    ];
    let made = video_text(&parts, &[], &tags, "Video by anna", &video, &text).unwrap();
    assert_eq!(made.tags, ["Sea", "Peer Tube", "one", "two", "three"]);
    assert_eq!(made.dropped_tags, 3);
}

#[test]
fn a_line_of_many_characters_costs_no_more_than_its_length() {
    // Were each character to look back to the line's beginning, this would take hours.
    for piece in ["a ", "* b", "  ", "é", "1. "] {
        let line = piece.repeat(1_000_000);
        assert!(plain_to_markdown(&line).chars().count() >= line.chars().count());
    }
    let address = format!("https://a.org/?{}", ";".repeat(1_000_000) + "a");
    assert_eq!(plain_to_markdown(&address), address);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn plain_text_written_as_markdown_shows_as_typed(text in "([-*_`~#>+=|\\[\\]()!<>&;:\\\\ \n.0-9a-cé]|https://a\\.org/[a-c_*;&=?\\[]{0,5} |&lt;|&copy;|<b>|</p>|<!--|1\\. |\\*\\*a\\*\\*|_a_|\\[a\\]\\(b\\)|    ){0,30}") {
        let text = clean(&text);
        let shown = markdown_to_plain(&plain_to_markdown(&text));
        // Within addresses, marks are percent-encoded.
        if urls(&text).is_empty() {
            let even = |text: &str| text.replace('\u{A0}', " ");
            prop_assert_eq!(even(&shown), even(&text));
        }
    }

    #[test]
    fn an_address_survives_as_a_link(path in "[a-c_*`\\[\\]\\\\;&=?.-]{0,12}z") {
        let text = format!("see https://a.org/{path} now");
        let shown = markdown_to_plain(&plain_to_markdown(&text));
        let found: Vec<String> = urls(&shown).into_iter().map(|url| shown[url].to_owned()).collect();
        prop_assert_eq!(found.len(), 1);
        let decode = |c: char| format!("%{:02X}", u32::from(c));
        let plain = "*`[]\\;_".chars().fold(found[0].clone(), |url, c| url.replace(&decode(c), &c.to_string()));
        prop_assert_eq!(plain, text[urls(&text)[0].clone()].to_owned());
    }

    #[test]
    fn a_videos_texts_keep_the_rules(title in "\\PC{0,150}", body in "\\PC{0,200}(\n\\PC{0,100}){0,3}", tags in prop::collection::vec("\\PC{0,40}", 0..9)) {
        let (video, text) = rules();
        let text = TextRules { max: 150, ..text };
        let parts = StatusText { title: Some(title), body, link: LINK, ..StatusText::default() };
        let made = video_text(&parts, &[], &tags, "Video by anna", &video, &text).unwrap();
        let title = made.title.chars().count();
        prop_assert!((3..=120).contains(&title), "{}", made.title);
        prop_assert_eq!(made.title.trim(), &made.title);
        let description = made.description.unwrap();
        prop_assert!(description.chars().count() <= 150);
        prop_assert!(description.ends_with(LINK) || description.contains(LINK));
        prop_assert!(made.tags.len() <= 5 && made.tags.iter().all(|t| (2..=30).contains(&t.chars().count())));
    }
}
