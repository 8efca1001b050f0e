//! How statuses come out.

use super::super::*;
use super::{code_points, mastodon};

const LINK: &str = "https://video.example.org/w/9aBcDeFgHiJkLmNoPqRsTu";

fn parts<'a>(title: &str, body: &str, tags: &[&str]) -> StatusText<'a> {
    StatusText {
        title: Some(title.to_owned()).filter(|t| !t.is_empty()),
        body: body.to_owned(),
        link: LINK,
        hashtags: tags.iter().map(|t| (*t).to_owned()).collect(),
        warning: None,
    }
}

fn words(n: usize) -> String {
    (0..n).map(|i| format!("word{i}")).collect::<Vec<_>>().join(" ")
}

#[test]
fn a_status_has_title_body_link_and_hashtags() {
    let fitted = compose(
        &parts("A walk", "By the sea.\r\n\r\nIn May.", &["#sea", "#PeerTube"]),
        &mastodon(500),
    )
    .unwrap();
    assert_eq!(
        fitted.text,
        format!("A walk\n\nBy the sea.\n\nIn May.\n\n{LINK}\n\n#sea #PeerTube")
    );
    assert_eq!(fitted.length, 6 + 2 + 20 + 2 + 23 + 2 + 14);
    assert!(!fitted.cut && fitted.dropped_hashtags == 0 && fitted.warning.is_none());
}

#[test]
fn a_long_body_is_cut_at_a_word_and_fills_the_room() {
    let fitted = compose(&parts("A walk", &words(200), &["#sea"]), &mastodon(500)).unwrap();
    assert!(fitted.cut && fitted.length <= 500 && fitted.length > 490, "{fitted:?}");
    assert!(fitted.text.ends_with(&format!("…\n\n{LINK}\n\n#sea")));
    let body = fitted.text.split("\n\n").nth(1).unwrap().trim_end_matches('…');
    assert!(words(200).starts_with(&format!("{body} ")));
}

#[test]
fn the_mark_of_a_cut_touches_no_link_and_no_full_stop() {
    let body = format!("Look: https://localhost/a, {}", words(100));
    let fitted = compose(&parts("", &body, &[]), &mastodon(56)).unwrap();
    assert_eq!(fitted.text, format!("Look: https://localhost/a …\n\n{LINK}"));
    let fitted = compose(&parts("", &format!("So be it. {}", "x".repeat(40)), &[]), &mastodon(40)).unwrap();
    assert_eq!(fitted.text, format!("So be it. …\n\n{LINK}"));
}

#[test]
fn text_without_spaces_is_cut_at_a_grapheme() {
    let fitted = compose(&parts("題", &"動画の説明".repeat(200), &[]), &mastodon(500)).unwrap();
    assert!(fitted.length > 490, "{fitted:?}");
    let fitted = compose(&parts("x", &"👨‍👩‍👧‍👦".repeat(600), &[]), &mastodon(500)).unwrap();
    assert_eq!(fitted.length, 500);
    assert!(fitted.text.contains("👨‍👩‍👧‍👦…"));
}

#[test]
fn what_goes_first_is_the_body_then_hashtags_then_the_title() {
    let parts = parts(
        "A walk by the sea",
        "Once upon a time",
        &["#sea", "#walking", "#outdoors"],
    );
    let at = |max: usize| compose(&parts, &mastodon(max)).unwrap();
    let text = |text: &str| text.replace("LINK", LINK);
    assert_eq!(
        at(86).text,
        text("A walk by the sea\n\nOnce upon a time\n\nLINK\n\n#sea #walking #outdoors")
    );
    assert_eq!(
        at(80).text,
        text("A walk by the sea\n\nOnce upon…\n\nLINK\n\n#sea #walking #outdoors")
    );
    assert_eq!(
        (at(70).text, at(70).dropped_hashtags),
        (text("A walk by the sea\n\nOnce upon…\n\nLINK\n\n#sea #walking"), 1)
    );
    assert_eq!(at(51).text, text("A walk by the sea\n\nOnce…\n\nLINK"));
    assert_eq!(at(48).text, text("A walk by the sea\n\nLINK\n\n#sea"));
    assert_eq!(at(42).text, text("A walk by the sea\n\nLINK"));
    assert_eq!(at(41).text, text("A walk by the…\n\nLINK"));
    assert_eq!(at(26).text, text("LINK"));
    assert_eq!((at(23).text, at(23).cut), (text("LINK"), true));
    assert_eq!(compose(&parts, &mastodon(22)), Err(TooSmall { needed: 23, max: 22 }));
}

#[test]
fn a_body_that_has_the_link_gets_no_second_one() {
    let whole = compose(&parts("T", &format!("See {LINK}."), &[]), &mastodon(500)).unwrap();
    assert_eq!(whole.text, format!("T\n\nSee {LINK}."));
    let early = compose(&parts("T", &format!("See {LINK}. {}", words(100)), &[]), &mastodon(100)).unwrap();
    assert_eq!(early.text.matches(LINK).count(), 1);
    assert!(early.length > 92, "{early:?}");
    let late = compose(&parts("T", &format!("{} {LINK}", words(100)), &[]), &mastodon(100)).unwrap();
    assert!(late.text.ends_with(&format!("…\n\n{LINK}")));
    let other = compose(&parts("T", &format!("{LINK}/2"), &[]), &mastodon(500)).unwrap();
    assert!(other.text.ends_with(&format!("\n\n{LINK}")));
}

#[test]
fn hashtags_of_the_text_are_not_repeated_unless_they_were_cut_off() {
    let tags = ["#sea", "#Été", "#new"];
    let whole = compose(&parts("T", "A #sea in #ete", &tags), &mastodon(500)).unwrap();
    assert!(whole.text.ends_with("\n\n#new") && whole.dropped_hashtags == 0);
    let cut = compose(
        &parts("T", &format!("A #sea {} #ete", words(100)), &tags),
        &mastodon(100),
    )
    .unwrap();
    assert!(cut.text.ends_with("\n\n#Été #new"), "{cut:?}");
}

#[test]
fn a_body_that_begins_with_the_title_has_it_once() {
    let fitted = compose(&parts("A walk", "**A Walk**:\n\nBy the sea", &[]), &mastodon(500)).unwrap();
    assert_eq!(fitted.text, format!("A walk\n\nBy the sea\n\n{LINK}"));
    let fitted = compose(&parts("A walk", "A walk", &[]), &mastodon(500)).unwrap();
    assert_eq!(fitted.text, format!("A walk\n\n{LINK}"));
}

#[test]
fn a_warning_takes_at_most_half_of_the_room() {
    let with = |warning: &str, max| {
        compose(
            &StatusText {
                warning: Some(warning.to_owned()),
                ..parts("T", &words(200), &[])
            },
            &mastodon(max),
        )
    };
    let short = with(" war\nnings ", 500).unwrap();
    assert_eq!(short.warning.as_deref(), Some("war nings"));
    assert!(short.length <= 500 && short.length > 490);
    let long = with(&words(200), 500).unwrap();
    assert!(long.cut && long.warning.as_ref().unwrap().ends_with('…') && long.length <= 500 && long.length > 480);
    assert_eq!(with("long warning", 24).unwrap().warning.as_deref(), Some("…"));
    assert_eq!(with("long warning", 23), Err(TooSmall { needed: 24, max: 23 }));
    let free = StatusText {
        warning: Some(words(200)),
        ..parts("T", "b", &[])
    };
    assert_eq!(compose(&free, &code_points(500)).unwrap().warning, Some(words(200)));
}

#[test]
fn nobody_is_mentioned_by_any_part() {
    let parts = StatusText {
        title: Some("With @alice".to_owned()),
        body: "Thanks @bob@ex.org, me@ex.org\n@\u{202A}carol".to_owned(),
        link: "https://h.org/a,@dave",
        hashtags: vec!["#@eve".to_owned()],
        warning: Some("by @frank".to_owned()),
    };
    let fitted = compose(&parts, &mastodon(500)).unwrap();
    assert!(mentions(&fitted.text).is_empty() && mentions(fitted.warning.as_deref().unwrap()).is_empty());
    assert!(fitted.text.contains("https://h.org/a,%40dave") && fitted.text.contains("me@\u{2060}ex.org"));
}

#[test]
fn a_description_of_256_kib_is_fitted_quickly() {
    let bodies = [
        words(30_000),
        "動画".repeat(40_000),
        "a.".repeat(120_000),
        "https://a.org/x ".repeat(16_000),
        "@a_b.".repeat(50_000),
    ];
    for body in bodies {
        let start = std::time::Instant::now();
        let fitted = compose(&parts("T", &body, &["#a", "#b", "#c"]), &mastodon(500)).unwrap();
        assert!(fitted.length <= 500);
        let took = start.elapsed();
        println!("{:?}: {took:?}", body.chars().take(10).collect::<String>());
        // Quadratic work takes minutes: far from any machine's load.
        assert!(took < std::time::Duration::from_secs(60), "{took:?}");
    }
}

#[test]
fn where_tags_are_stripped_an_angle_bracket_is_written_so_that_it_survives() {
    // contract pixelfed §4; recordings status-caption-lt3 and status-caption-amp-lt3
    let rules = super::pixelfed(500);
    let fitted = compose(&parts("", "I <3 you & https://a.org/x<b", &[]), &rules).unwrap();
    assert_eq!(fitted.text, format!("I &lt;3 you & https://a.org/x &lt;b\n\n{LINK}"));
    assert_eq!(fitted.shown(&rules), format!("I <3 you & https://a.org/x <b\n\n{LINK}"));
    assert_eq!(fitted.length, fitted.text.chars().count());
    assert_eq!(length("<", None, &rules), 4);
    let fitted = compose(&parts("", &"<".repeat(500), &[]), &rules).unwrap();
    assert!(
        fitted.length <= 500 && fitted.text.contains("&lt;…\n\n"),
        "{}",
        fitted.text
    );
    assert_eq!(
        compose(&parts("", "<3", &[]), &mastodon(500)).unwrap().text,
        format!("<3\n\n{LINK}")
    );
}

#[test]
fn a_warning_is_no_longer_than_the_server_takes() {
    let parts = StatusText {
        warning: Some("word ".repeat(50)),
        ..parts("A walk", "By the sea", &[])
    };
    let fitted = compose(&parts, &super::pixelfed(500)).unwrap();
    let warning = fitted.warning.unwrap();
    assert!(
        warning.ends_with("word…") && warning.chars().count() <= 140 && fitted.cut,
        "{warning}"
    );
}
