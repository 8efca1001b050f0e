//! Texts that go on in further statuses.

use super::super::*;
use super::{code_points, mastodon};

const LINK: &str = "https://video.example.org/w/9aBcDeFgHiJkLmNoPqRsTu";

fn shown(statuses: &[Fitted]) -> String {
    let texts: Vec<String> = statuses
        .iter()
        .map(|s| format!("{}\n[{} of {}]", s.text, s.length, s.max))
        .collect();
    texts.join("\n=====\n")
}

fn post(body: &str) -> StatusText<'_> {
    StatusText {
        title: Some("A walk".into()),
        body: body.into(),
        link: LINK,
        hashtags: vec!["#sea".into(), "#PeerTube".into()],
        warning: None,
    }
}

#[test]
fn one_status_has_no_counter_though_its_warning_was_cut() {
    let warned = StatusText {
        warning: Some("rain ".repeat(100)),
        ..post("It was May.")
    };
    let statuses = compose_thread(&warned, &mastodon(300), 10, 1).unwrap();
    assert_eq!(statuses.len(), 1, "{statuses:?}");
    assert!(statuses[0].cut && statuses[0].warning.as_deref().unwrap().ends_with('…'));
    assert_eq!(
        statuses[0].text,
        format!("A walk\n\nIt was May.\n\n{LINK}\n\n#sea #PeerTube")
    );
}

#[test]
fn a_long_text_goes_on_after_a_paragraph_or_a_sentence() {
    let body = "It was May, and the sea was calm. We walked along the shore.\n\nGulls cried. Then the rain came, from the west, and \
        it came to stay. So we ran. Nobody minded.\n\nThe end.";
    let statuses = compose_thread(&post(body), &mastodon(140), 10, 1).unwrap();
    insta::assert_snapshot!(shown(&statuses), @r"
    A walk

    It was May, and the sea was calm. We walked along the shore.

    https://video.example.org/w/9aBcDeFgHiJkLmNoPqRsTu

    #sea #PeerTube

    (1/2)
    [116 of 140]
    =====
    Gulls cried. Then the rain came, from the west, and it came to stay. So we ran. Nobody minded.

    The end.

    (2/2)
    [111 of 140]
    ");
    assert!(
        statuses
            .iter()
            .all(|status| !status.cut && status.dropped_hashtags == 0)
    );
}

#[test]
fn the_warning_stands_on_every_part() {
    let parts = StatusText {
        warning: Some("rain".into()),
        ..post("One two three four five. Six seven eight nine ten. Eleven twelve thirteen fourteen.")
    };
    let statuses = compose_thread(&parts, &mastodon(90), 10, 1).unwrap();
    assert!(statuses.len() > 1);
    for status in &statuses {
        assert_eq!(status.warning.as_deref(), Some("rain"));
        assert_eq!(status.length, length(&status.text, Some("rain"), &mastodon(90)));
        assert!(status.length <= 90);
    }
}

#[test]
fn what_fits_is_one_status_without_a_counter() {
    let statuses = compose_thread(&post("By the sea."), &mastodon(500), 10, 1).unwrap();
    assert_eq!(statuses, [compose(&post("By the sea."), &mastodon(500)).unwrap()]);
    let long = "word ".repeat(200);
    assert_eq!(
        compose_thread(&post(&long), &mastodon(500), 1, 1).unwrap(),
        [compose(&post(&long), &mastodon(500)).unwrap()]
    );
}

#[test]
fn the_last_part_that_is_allowed_is_cut() {
    let long = "word ".repeat(200);
    let statuses = compose_thread(&post(&long), &mastodon(150), 3, 1).unwrap();
    assert_eq!(statuses.len(), 3);
    assert!(
        statuses[2].cut && statuses[2].text.ends_with("word…\n\n(3/3)"),
        "{}",
        statuses[2].text
    );
    assert!(!statuses[0].cut && !statuses[1].cut);
}

#[test]
fn more_than_nine_parts_are_counted_too() {
    let long: String = (0..100).map(|i| format!("word{i} ")).collect();
    let statuses = compose_thread(&post(&long), &mastodon(70), 99, 1).unwrap();
    let count = statuses.len();
    assert!(count > 9, "{count}");
    assert!(statuses[0].text.ends_with(&format!("(1/{count})")));
    assert!(
        statuses[count - 1]
            .text
            .ends_with(&format!("(count/{count})").replace("count", &count.to_string()))
    );
}

#[test]
fn the_middle_of_a_word_mentions_nobody_when_it_begins_a_part() {
    let body = format!("{}@bob.example {}", "x".repeat(31), "y".repeat(200));
    for max in 60..100 {
        for status in compose_thread(
            &StatusText {
                title: None,
                ..post(&body)
            },
            &mastodon(max),
            20,
            1,
        )
        .unwrap()
        {
            assert!(mentions(&status.text).is_empty(), "{}", status.text);
        }
    }
}

#[test]
fn a_link_too_long_for_a_part_is_never_divided() {
    let address = format!("https://a.org/{}", "x".repeat(300));
    let body = format!("Look: {address} and more");
    let statuses = compose_thread(&post(&body), &code_points(200), 20, 1).unwrap();
    assert_eq!(statuses.len(), 1);
    assert!(statuses[0].cut && !statuses[0].text.contains("https://a.org"));
}

#[test]
fn further_parts_can_be_asked_for_by_what_else_there_is_to_show() {
    let statuses = compose_thread(&post("By the sea."), &mastodon(500), 10, 3).unwrap();
    let texts: Vec<&str> = statuses.iter().map(|status| status.text.as_str()).collect();
    assert!(
        texts[0].contains("By the sea.") && texts[0].ends_with("(1/3)"),
        "{}",
        texts[0]
    );
    assert_eq!(texts[1..], ["(2/3)", "(3/3)"]);
    let long = "A sentence of some length. ".repeat(20);
    let statuses = compose_thread(&post(&long), &mastodon(300), 10, 5).unwrap();
    assert_eq!(statuses.len(), 5);
    assert!(statuses[1].text.ends_with("(2/5)") && statuses[1].text.len() > 20);
}
