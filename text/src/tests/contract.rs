//! The vectors of contract mastodon §3.6, and what a real server accepted and refused (recordings mastodon-4.6.5).

use tombolo_model::{LinkCost, TextRules};

use super::super::*;
use super::{code_points, gotosocial, mastodon};

fn found<'a>(text: &'a str, spans: &[std::ops::Range<usize>]) -> Vec<&'a str> {
    spans.iter().map(|span| &text[span.clone()]).collect()
}

#[test]
fn the_servers_mentions_are_found() {
    let cases: &[(&str, &[&str])] = &[
        ("@bob", &["@bob"]),
        (".@bob", &["@bob"]),
        ("(@bob)", &["@bob"]),
        ("“@bob”", &["@bob"]),
        ("@@bob", &["@bob"]),
        ("#@bob", &["@bob"]),
        ("@bob's", &["@bob"]),
        ("@bob-x", &["@bob-x"]),
        ("@bob.", &["@bob"]),
        ("@bob@ex.org.", &["@bob@ex.org"]),
        ("@bob@", &["@bob"]),
        ("@v2.0", &["@v2.0"]),
        ("https://h.org/a,@bob", &["@bob"]),
        ("https://h.org/?u=x&@bob", &["@bob"]),
        ("https://h.org/~@bob", &["@bob"]),
        ("https://h.org/@bob", &[]),
        ("https://h.org/?u=@bob", &[]),
        (
            "me@ex.org é@bob e\u{301}@bob 日本@bob @日本 @ bob @\u{2060}bob ＠bob",
            &[],
        ),
        // Recording 584.
        (
            "(@bob) .@bob @@bob me@bob é@bob @bob@localhost:9051 @bob. =@bob /@bob",
            &["@bob", "@bob", "@bob", "@bob@localhost", "@bob"],
        ),
        // Recording 226.
        ("see https://example.org/a,@bob and https://example.org/@bob", &["@bob"]),
    ];
    for (text, expected) in cases {
        assert_eq!(found(text, &mentions(text)), *expected, "{text}");
    }
}

#[test]
fn the_servers_links_are_found() {
    let cases: &[(&str, &[&str])] = &[
        ("https://a.org/x.", &["https://a.org/x"]),
        ("https://a.org/x=", &["https://a.org/x"]),
        ("https://a.org/x~", &["https://a.org/x"]),
        ("https://a.org/x&", &["https://a.org/x"]),
        ("https://a.org/x!?", &["https://a.org/x"]),
        ("https://a.org/x_(y)", &["https://a.org/x_(y)"]),
        ("(https://a.org/x_(y))", &["https://a.org/x_(y)"]),
        ("https://a.org/x_(y(z))w.", &["https://a.org/x_(y(z))w"]),
        ("https://a.org/x_(y", &["https://a.org/x_"]),
        // What ends a link in brackets is twitter-text's smaller alphabet.
        ("https://a.org/x_(日)", &["https://a.org/x_"]),
        ("https://a.org/x_(日)y", &["https://a.org/x_(日)y"]),
        ("https://a.org/#t=10", &["https://a.org/#t=10"]),
        ("https://a.org/w/abc?start=1m2s", &["https://a.org/w/abc?start=1m2s"]),
        ("https://a.org/a|b", &["https://a.org/a|b"]),
        ("https://a.org/?a=1.", &["https://a.org/?a=1"]),
        ("https://a.org/?a=é", &["https://a.org/?a=é"]),
        ("https://a.org?a=1", &["https://a.org?a=1"]),
        ("https://a.org:8080/x", &["https://a.org:8080/x"]),
        (
            "https://127.0.0.1/x https://localhost/x https://host.internal/x https://user@a.org/x",
            &[],
        ),
        ("xhttps://a.org #https://a.org @https://a.org", &[]),
        ("abc:https://a.org", &["https://a.org"]),
        ("日本https://a.org/", &["https://a.org/"]),
        ("https://a.org/日本。次", &["https://a.org/日本。次"]),
        (
            "HTTPS://A.ORG/x gemini://a.org/ ftp://a.org magnet:?x=1 a.org",
            &["HTTPS://A.ORG/x", "gemini://a.org/"],
        ),
        ("https://a.org.zzz/x", &["https://a.org"]),
        (
            "https://a_b.org https://a.b_c.d.org https://-a.org",
            &["https://a.b_c.d.org"],
        ),
        (
            "https://a.xn--p1ai/x https://пример.рф/x",
            &["https://a.xn--p1ai/x", "https://пример.рф/x"],
        ),
        ("example.com/https://a.org", &[]),
        ("https://t.co/abc/def", &["https://t.co/abc"]),
        // Recording 582.
        (
            "*bold* <script>x</script> &amp; [a](https://b.org) :heart: 12:30:45",
            &["https://b.org"],
        ),
        // Recording 580.
        (
            "example.org/x http://localhost/x https://127.0.0.1/x https://host.internal/x",
            &[],
        ),
        // Recording 581.
        (
            "https://a.org/x. https://a.org/y_(z) https://a.org/?a=1. https://a.org/q?a=é https://a.org/日本。次",
            &[
                "https://a.org/x",
                "https://a.org/y_(z)",
                "https://a.org/?a=1",
                "https://a.org/q?a=é",
                "https://a.org/日本。次",
            ],
        ),
    ];
    for (text, expected) in cases {
        assert_eq!(found(text, &links(text)), *expected, "{text}");
    }
    let long = |n: usize| format!("https://a.org/{}", "x".repeat(n - 14));
    assert_eq!(links(&long(4096)).len(), 1);
    assert_eq!(links(&long(4097)).len(), 0);
}

#[test]
fn every_web_address_is_found() {
    let cases: &[(&str, &[&str])] = &[
        (
            "http://localhost/x, (https://127.0.0.1/(x)). end",
            &["http://localhost/x", "https://127.0.0.1/(x)"],
        ),
        (
            "xhttps://a.org <https://b.org/c> https:// \"HTTP://c.org\"",
            &["https://a.org", "https://b.org/c", "HTTP://c.org"],
        ),
        (
            "https://web.example/https://a.org",
            &["https://web.example/https://a.org"],
        ),
    ];
    for (text, expected) in cases {
        assert_eq!(found(text, &urls(text)), *expected, "{text}");
    }
}

#[test]
fn the_count_agrees_with_what_a_server_accepted_and_refused() {
    let a = |n: usize| "a".repeat(n);
    let x = |n: usize| "x".repeat(n);
    let accepted = [
        ("208", x(500), None),
        ("210", format!("{} https://example.org/{}", x(476), a(181)), None),
        ("212", "👨‍👩‍👧‍👦".repeat(500), None),
        ("593", format!("{} @bob@unresolvable.example", x(495)), None),
        ("617", "x\r\n".repeat(250), None),
    ];
    for (recording, text, warning) in accepted {
        assert!(length(&text, warning, &mastodon(500)) <= 500, "recording {recording}");
    }
    let url = format!("https://example.org/{}", a(181));
    let refused = [
        ("209", x(501), None),
        ("211", format!("{} {url}", x(477)), None),
        ("213", x(450), Some("y".repeat(51))),
        ("586", "e\u{301}".repeat(501), None),
        ("618", x(300), Some(url.clone())),
    ];
    for (recording, text, warning) in &refused {
        assert!(
            length(text, warning.as_deref(), &mastodon(500)) > 500,
            "recording {recording}"
        );
    }
}

#[test]
fn texts_count_exactly_as_on_the_server() {
    let cases = [
        ("", 0),
        (" \n a \r\n", 1),
        ("\u{A0}a", 2),
        ("a\r\nb", 3),
        ("👨‍👩‍👧‍👦🏴󠁧󠁢󠁥󠁮󠁧󠁿🇩🇪e\u{301}", 4),
        ("https://t.co", 23),
        ("https://a.org/x.", 24),
        ("example.org/x", 13),
        ("http://localhost/x", 18),
        ("@bob@example.org", 4),
        ("@bob@example.orgé", 4),
        ("@a@b@c", 6),
        ("@bob@example.org://x", 20),
        ("https://a.org/,@bob@example.org", 23),
        ("@\u{2060}bob", 5),
        // Ruby doesn't join Indic conjuncts.
        ("क्षि", 2),
        ("https://a.music/a-page-that-is-long", 35),
        ("https://éa.org/x", 23),
    ];
    for (text, expected) in cases {
        assert_eq!(length(text, None, &mastodon(500)), expected, "{text}");
    }
    // A host that can't be checked costs what is more.
    assert_eq!(
        length("https://éa.org/this-is-longer-than-23", None, &mastodon(500)),
        37
    );
}

#[test]
fn a_warning_counts_in_full_and_alone_becomes_the_text() {
    assert_eq!(length("abc", Some(" https://example.org/x "), &mastodon(500)), 3 + 21);
    assert_eq!(length(" ", Some("https://t.co"), &mastodon(500)), 23);
    assert_eq!(
        length(
            "abc",
            Some("warning"),
            &TextRules {
                warning_counts: false,
                ..mastodon(500)
            }
        ),
        3
    );
    assert_eq!(length("é\u{301}", Some("w"), &code_points(500)), 2);
}

#[test]
fn nobody_is_pinged_and_links_still_work() {
    let cases = [
        ("@bob and @bob@ex.org", "@\u{2060}bob and @\u{2060}bob@\u{2060}ex.org"),
        (
            "https://h.org/@bob https://h.org/@éva",
            "https://h.org/@bob https://h.org/@éva",
        ),
        // snac sees names anywhere outside an address.
        ("me@ex.org, x@bob", "me@\u{2060}ex.org, x@\u{2060}bob"),
        (
            "写真@bob é@bob h.org/@bob",
            "写真@\u{2060}bob é@\u{2060}bob h.org/@\u{2060}bob",
        ),
        // Pixelfed knows names of any letters, after letters that aren't ASCII, and the full-width sign.
        (
            "@éric ＠bob x＠日本 @-b",
            "@\u{2060}éric ＠\u{2060}bob x＠\u{2060}日本 @\u{2060}-b",
        ),
        (
            "https://h.org/日本@bob https://h.org/,＠bob",
            "https://h.org/日本%40bob https://h.org/,%EF%BC%A0bob",
        ),
        ("gemini://a.org/x@bob", "gemini://a.org/x%40bob"),
        ("https://h.org/a,@bob", "https://h.org/a,%40bob"),
        ("https://h.org/?u=x&@bob", "https://h.org/?u=x&%40bob"),
        // Mastodon up to 4.2 takes this for a mention.
        ("https://h.org/?u=@bob u=@bob", "https://h.org/?u=%40bob u=@\u{2060}bob"),
        ("https://:@host.org/", "https://:@\u{2060}host.org/"),
        ("a @ b ＠ c @! @", "a @ b ＠ c @! @"),
    ];
    for (text, expected) in cases {
        assert_eq!(neutralise_mentions(text), expected);
        assert_eq!(neutralise_mentions(expected), expected);
        assert!(mentions(expected).is_empty(), "{expected}");
    }
}

#[test]
fn a_link_of_which_nobody_knows_how_it_is_counted_costs_the_more_of_both() {
    let long = format!("see https://video.example/w/{}", "a".repeat(40));
    assert_eq!(length(&long, None, &gotosocial(500)), long.len());
    assert_eq!(length("see https://v.ex/1 now", None, &gotosocial(500)), 4 + 25 + 4);
    assert_eq!(length("é👨‍👩‍👧", Some("wé"), &gotosocial(500)), 1 + 5 + 2);
    assert_eq!(length("", Some("https://v.ex/1"), &gotosocial(500)), 25);
    // An absurd cost is too much, and no harm.
    for link in [LinkCost::AtLeast(usize::MAX), LinkCost::Fixed(usize::MAX)] {
        let absurd = TextRules {
            link,
            ..gotosocial(500)
        };
        assert!(length("https://v.example.org/1 https://v.example.org/2", None, &absurd) > 500);
    }
}
