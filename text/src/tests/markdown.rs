//! Markdown to plain text.

use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::super::markdown_to_plain;

fn plain(markdown: &str) -> String {
    markdown_to_plain(markdown)
}

#[test]
fn a_recorded_description_reads_well() {
    // contract peertube §6; recordings peertube-6.3.0
    let markdown = "Hello **bold** world\r\n\r\n* item one\r\n* item two\r\n\r\nLink: https://example.org/page?x=1 and \
        [md](https://example.com)\r\n\r\n00:00 Intro\r\n00:03 Part two\r\n\r\n#hashtag @alice@mastodon.example\r\n\r\n\
        Bridge marker: https://bridge.example/x/0123456789";
    insta::assert_snapshot!(plain(markdown), @r"
    Hello bold world

    • item one
    • item two

    Link: https://example.org/page?x=1 and md (https://example.com)

    00:00 Intro
    00:03 Part two

    #hashtag @alice@mastodon.example

    Bridge marker: https://bridge.example/x/0123456789
    ");
}

#[test]
fn every_part_of_markdown_has_a_plain_form() {
    let markdown = "# Title #\n\nA *b* __c__ `d  e` \\*f\\* &amp; &eacute;  \ng\n***\n> quoted\n> twice\n\n\
        1. one\n   - inner\n     more\n\n     and more\n2. two\n\n7) seven\n\n```rust\nlet x = 1;\n\n  x\n```\n\n\
        ![a cat](https://a.org/cat.png) [![b](https://a.org/b.png)](https://b.org/)\n\nSetext\n---\nend";
    insta::assert_snapshot!(plain(markdown), @r"
    Title

    A b c d  e *f* & é
    g

    > quoted
    > twice

    1. one
      ◦ inner
        more
        and more
    2. two

    7. seven

    let x = 1;

      x

    a cat b (https://b.org/)

    Setext

    end
    ");
}

#[test]
fn a_link_is_its_text_and_its_real_address() {
    let cases = [
        ("[md](https://example.com)", "md (https://example.com)"),
        ("[https://example.com](https://example.com)", "https://example.com"),
        ("[example.com](https://example.com/)", "https://example.com/"),
        (
            "[https://bank.example](https://evil.example)",
            "https://bank.example (https://evil.example)",
        ),
        ("<https://example.com/a_b_c>", "https://example.com/a_b_c"),
        ("* <https://example.com>", "• https://example.com"),
        ("[*a* b](https://example.com 'title')", "a b (https://example.com)"),
        ("[](https://example.com)", "https://example.com"),
        ("[a](<https://example.com/b c>)", "a (https://example.com/b%20c)"),
        ("[a](/videos/1)", "a"),
        ("[a](javascript:alert)", "a"),
        ("<me@example.com>", "me@example.com"),
        ("[write](mailto:me@example.com)", "write (me@example.com)"),
        ("[a][r]\n\n[r]: https://example.com", "a (https://example.com)"),
    ];
    for (markdown, expected) in cases {
        assert_eq!(plain(markdown), expected, "{markdown}");
    }
}

#[test]
fn a_bare_address_is_never_changed() {
    let cases = [
        ("see https://a.org/__init__.py now", "see https://a.org/__init__.py now"),
        (
            "https://a.org/*b*/c\nhttps://a.org/_d_",
            "https://a.org/*b*/c\nhttps://a.org/_d_",
        ),
        ("*x* https://a.org/*b*c *y*", "x https://a.org/*b*c y"),
        ("_see https://a.org/x_", "see https://a.org/x"),
        ("**https://a.org/x**", "https://a.org/x"),
        ("https://a.org/?a=1&copy=2", "https://a.org/?a=1&copy=2"),
        ("https://a.org/?a=1&amp;b=2", "https://a.org/?a=1&b=2"),
        ("`https://a.org/__x__`", "https://a.org/__x__"),
    ];
    for (markdown, expected) in cases {
        assert_eq!(plain(markdown), expected, "{markdown}");
    }
}

#[test]
fn of_html_the_text_stays() {
    let cases = [
        ("<p>Hello <b>x</b> &amp; y<br>z</p>\n\nnext", "Hello x & y\nz\n\nnext"),
        ("a <b>b</b> <i\nclass=\"x\">c</i><br/>d", "a b c\nd"),
        ("<div>\n<p>a</p>\n<ul><li>b</li>\n<li>c</li></ul>\n</div>", "a\n\nb\nc"),
        ("a <!-- hidden --> b", "a  b"),
        ("<script>alert('x')</script>\n\nafter", "after"),
        ("x <script>alert</script> y\n\nafter", "x  y\n\nafter"),
        ("x <script>open\n\nafter", "x\n\nafter"),
        ("a < b <3 &lt;c&gt;", "a < b <3 <c>"),
        ("<!-- open", ""),
    ];
    for (markdown, expected) in cases {
        assert_eq!(plain(markdown), expected, "{markdown}");
    }
}

#[test]
fn what_is_not_commonmark_stays_as_typed() {
    for text in ["| a | b |\n| - | - |\n| 1 | 2 |", "~~old~~ new", "• [ ] task", "$x$"] {
        assert_eq!(plain(text), text);
    }
}

#[test]
fn control_characters_and_turns_of_direction_go() {
    assert_eq!(
        plain("a\0b\u{7}c\td *e\0* \u{202E}f\u{2066}"),
        "ab\u{FFFD}c".replace('\u{FFFD}', "") + " d e f"
    );
    assert_eq!(plain("&#0;&#7;x&#x202e;y"), "\u{FFFD}xy");
}

#[test]
fn hostile_input_takes_bounded_time() {
    let size = 256 * 1024;
    let fill = |unit: &str| unit.repeat(size / unit.len());
    let nested: String = (0..700).map(|i| " ".repeat(i * 2 % 700) + "- a\n").collect();
    let inputs = [
        fill(">"),
        fill("> "),
        fill("> a\n"),
        fill("- "),
        fill("1. "),
        fill("["),
        fill("![["),
        fill("*a_ "),
        fill("**a *"),
        fill("`"),
        fill("` `` "),
        fill("<"),
        fill("<a "),
        fill("<!--"),
        fill("&"),
        fill("&amp;"),
        fill("[a](b"),
        fill("[a]:"),
        fill("[a]: <b\n"),
        fill("](("),
        fill("https://"),
        fill("https://a.org/_"),
        fill("\\"),
        fill("a\n"),
        fill("\n"),
        fill("|-"),
        fill("*"),
        fill("_"),
        fill("~"),
        fill("<?"),
        fill("<![CDATA["),
        fill("\0"),
        fill("[](<"),
        fill("-\n "),
        fill("[a][a]"),
        nested,
        ">".repeat(10_000) + " a\n" + &"b\n".repeat(10_000),
    ];
    for input in inputs {
        let start = Instant::now();
        let out = plain(&input);
        let took = start.elapsed();
        let head: String = input.chars().take(12).collect();
        assert!(took < Duration::from_secs(20), "{head:?} took {took:?}");
        assert!(out.len() <= 4 * input.len() + 64, "{head:?} grew to {}", out.len());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn no_input_panics_or_leaves_a_control_character(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let out = plain(&String::from_utf8_lossy(&bytes));
        prop_assert!(!out.chars().any(|c| c != '\n' && c.is_control()), "{out:?}");
    }

    #[test]
    fn no_markdown_panics_or_leaves_a_control_character(text in r"([-*_`~#>+\[\]()!<>&; \n\r\t\\|a-c1.:/é👨‍👩]|https://a\.org/|<b>|</p>|<!--|&#0;|\x00){0,80}") {
        let out = plain(&text);
        prop_assert!(!out.chars().any(|c| c != '\n' && c.is_control()), "{out:?}");
        prop_assert!(!out.contains("\n\n\n") && out.trim() == out, "{out:?}");
        prop_assert!(out.lines().all(|line| line.trim_end() == line), "{out:?}");
    }
}
