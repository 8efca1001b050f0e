//! HTML to plain text. The first tests quote what real servers sent (recordings).

use proptest::prelude::*;
use tombolo_model::Mention;

use super::super::*;

fn plain(html: &str) -> String {
    html_to_plain(html, &[]).text
}

#[test]
fn what_mastodon_sends_reads_as_it_was_typed() {
    // recordings/mastodon-4.6.5
    let html = r#"<p>Hello <a href="http://localhost:9051/tags/World" class="mention hashtag" rel="tag">#<span>World</span></a> from a bridge <a href="https://example.org/some/long/path/to/a/video?x=1" target="_blank" rel="nofollow noopener" translate="no"><span class="invisible">https://</span><span class="ellipsis">example.org/some/long/path/to/</span><span class="invisible">a/video?x=1</span></a> and <span class="h-card" translate="no"><a href="http://localhost:9051/@bob" class="u-url mention">@<span>bob</span></a></span> &amp; &lt;b&gt;bold&lt;/b&gt;<br />line two</p><p>para two</p>"#;
    let read = html_to_plain(html, &[]);
    insta::assert_snapshot!(read.text, @r"
    Hello #World from a bridge https://example.org/some/long/path/to/a/video?x=1 and @bob@localhost:9051 & <b>bold</b>
    line two

    para two
    ");
    assert_eq!(read.hrefs, ["https://example.org/some/long/path/to/a/video?x=1"]);
    assert_eq!(read.hashtags, ["#World"]);
    assert!(read.trailing_tags.is_empty() && !read.clipped);
    let bob = Mention {
        handle: "bob@social.example".into(),
        url: "http://localhost:9051/@bob".into(),
    };
    assert!(html_to_plain(html, &[bob]).text.contains("and @bob@social.example &"));
}

#[test]
fn the_address_that_stands_in_for_a_quotation_goes() {
    // recordings/mastodon-4.6.5
    let html = r#"<p class="quote-inline">RE: <a href="http://localhost:9051/@alice/117664559731084821" target="_blank" rel="nofollow noopener" translate="no"><span class="invisible">http://</span><span class="ellipsis">localhost:9051/@alice/11766455</span><span class="invisible">9731084821</span></a></p><p>Quoting</p>"#;
    let read = html_to_plain(html, &[]);
    assert_eq!((read.text.as_str(), read.hrefs.len()), ("Quoting", 0));
    assert_eq!(plain("<p class=\"quote-inline\">RE: x<p>Quoting</p>"), "Quoting");
}

#[test]
fn an_address_with_an_at_is_an_address() {
    // recordings/mastodon-4.6.5
    let html = r#"<p>see <a href="https://example.org/a,@bob" target="_blank" rel="nofollow noopener" translate="no"><span class="invisible">https://</span><span class="">example.org/a,@bob</span><span class="invisible"></span></a> and <a href="https://example.org/@bob" target="_blank" rel="nofollow noopener" translate="no"><span class="invisible">https://</span><span class="">example.org/@bob</span><span class="invisible"></span></a></p>"#;
    assert_eq!(
        plain(html),
        "see https://example.org/a,@bob and https://example.org/@bob"
    );
}

#[test]
fn what_gotosocial_sends_reads_as_it_was_typed() {
    // recordings/gotosocial-0.20.0-rc1
    let html = r#"<p>Hello from the bridge: a plain post & &lt;b>no html&lt;/b> <a href="https://example.org/path?x=1" rel="nofollow noreferrer noopener" target="_blank">https://example.org/path?x=1</a> <a href="http://localhost:9021/tags/opensource" class="mention hashtag" rel="tag nofollow noreferrer noopener" target="_blank">#<span>OpenSource</span></a> <span class="h-card"><a href="http://localhost:9021/@reader" class="u-url mention" rel="nofollow noreferrer noopener" target="_blank">@<span>reader</span></a></span></p>"#;
    let read = html_to_plain(html, &[]);
    assert_eq!(
        read.text,
        "Hello from the bridge: a plain post & <b>no html</b> https://example.org/path?x=1 #OpenSource @reader@localhost:9021"
    );
    assert_eq!(read.hashtags, ["#OpenSource"]);
    let html = r#"<p><strong>bold</strong> and <a href="https://example.org" rel="nofollow noreferrer noopener" target="_blank">link</a> <a href="http://localhost:9021/tags/tag" class="mention hashtag" rel="tag nofollow noreferrer noopener" target="_blank">#<span>tag</span></a></p>"#;
    assert_eq!(plain(html), "bold and link (https://example.org) #tag");
}

#[test]
fn what_pixelfed_sends_without_escaping_reads_as_it_was_typed() {
    // recordings/pixelfed-0.12.6
    let cases = [
        (
            "First photo <a href=\"http://127.0.0.1:9031/discover/tags/bridge?src=hash\" title=\"#bridge\" class=\"u-url hashtag\" rel=\"external nofollow noopener\">#bridge</a> <a href=\"https://example.org/a?b=1&amp;c=2\" rel=\"external nofollow noopener\">https://example.org/a?b=1&amp;c=2</a><br />\n<br />\nsecond paragraph bold <a class=\"u-url mention\" href=\"http://127.0.0.1:9031/bob\" rel=\"external nofollow noopener\">@bob</a>",
            "First photo #bridge https://example.org/a?b=1&c=2\n\nsecond paragraph bold @bob@127.0.0.1:9031",
        ),
        ("a < b && c > d \"q\" x &amp; 1", "a < b && c > d \"q\" x & 1"),
        ("I &lt;3 you & more", "I <3 you & more"),
        ("I <3 you", "I <3 you"),
        (
            "line1<br />\r\nline2<br />\n<br />\n<br />\n<br />\nline3   spaces",
            "line1\nline2\n\nline3 spaces",
        ),
        (
            "hello <a class=\"u-url list-slug\" href=\"http://127.0.0.1:9031/@bob@mastodon.example\" rel=\"external nofollow noopener\" target=\"_blank\">@bob@mastodon.example</a> and bob@example.org",
            "hello @bob@mastodon.example and bob@example.org",
        ),
        (
            "see example.org/x and <a href=\"http://example.com/a_(b)?q=1#f\" rel=\"external nofollow noopener\" target=\"_blank\">http://example.com/a_(b)?q=1#f</a>. end",
            "see example.org/x and http://example.com/a_(b)?q=1#f. end",
        ),
    ];
    for (html, expected) in cases {
        assert_eq!(plain(html), expected);
    }
}

#[test]
fn a_link_is_its_text_and_its_real_address() {
    let cases = [
        (r#"<a href="https://a.org/x">here</a>"#, "here (https://a.org/x)"),
        (r#"<a href="https://a.org/x/">a.org/x</a>"#, "https://a.org/x/"),
        (
            r#"<a href="https://www.a.org/long/path">a.org/lo…</a>"#,
            "https://www.a.org/long/path",
        ),
        (
            r#"<a href="https://evil.org/">https://bank.org/</a>"#,
            "https://bank.org/ (https://evil.org/)",
        ),
        (
            r#"<a href="https://evil.org/">bank.org/…</a>"#,
            "bank.org/… (https://evil.org/)",
        ),
        (r#"<a href="javascript:x">click</a>"#, "click"),
        (r#"<a href="/path">click</a>"#, "click"),
        (r#"<a href="mailto:me@a.org">write</a>"#, "write (me@a.org)"),
        (r#"<a href="https://a.org/b c">x</a>"#, "x (https://a.org/b%20c)"),
        (r#"<a href="https://a.org/x"></a>"#, "https://a.org/x"),
        (
            r#"<a href="https://a.org/x">https://a.org/x</a>next"#,
            "https://a.org/x next",
        ),
        (
            r#"<a href="https://a.org/x">https://a.org/x</a>, next"#,
            "https://a.org/x, next",
        ),
        (
            r#"(<a href="https://a.org/x">https://a.org/x</a>)"#,
            "(https://a.org/x)",
        ),
        (r#"a<a href="https://b.org/"> b </a>c"#, "a b (https://b.org/) c"),
        (r#"<a href="https://a.org/@bob">Bob</a>"#, "Bob (https://a.org/@bob)"),
        (r#"<a href="https://a.org/users/bob">@bob</a>"#, "@bob@a.org"),
        (
            r#"<a href="https://a.org/1">@all of you</a>"#,
            "@all of you (https://a.org/1)",
        ),
        (
            r#"<a href="https://a.org/1">one <a href="https://a.org/2">two</a>"#,
            "one (https://a.org/1) two (https://a.org/2)",
        ),
    ];
    for (html, expected) in cases {
        assert_eq!(plain(html), expected, "{html}");
    }
}

#[test]
fn every_part_of_html_has_a_plain_form() {
    let html = "<h2>Title</h2><p>One\n  <b>two</b> &eacute;<br><br>three</p><ul><li>a</li><li><p>b</p><ol start=3><li>c<li>d</ol></li></ul>\
        <blockquote><p>said</p><p>again<br>and again</p><blockquote>deep</blockquote></blockquote>\
        <pre><code>let x = 1;\n\n  x\n</code></pre><div>:blobcat: <img class=emoji alt=\":cat:\" src=x></div>\
        <table><tr><td>1<td>2<tr><td>3</table>end";
    insta::assert_snapshot!(plain(html), @r"
    Title

    One two é

    three

    • a
    • b
      3. c
      4. d

    > said
    >
    > again
    > and again
    >
    >> deep

    let x = 1;

      x

    :blobcat: :cat:

    1 2
    3

    end
    ");
}

#[test]
fn what_is_not_for_readers_goes() {
    let cases = [
        ("a<script>alert('</p>')</script>b", "ab"),
        ("a<style>p{}</style>b<template><p>x</p></template>c", "abc"),
        ("a <span hidden>x <span>y</span> z</span>b", "a b"),
        ("a<span style='Display: none'>x</span>b", "ab"),
        ("a<span class=\"invisible\">x</span>b", "ab"),
        ("<p>a<span hidden>x</p><p>b</p>", "a\n\nb"),
        ("a<!-- x -->b", "ab"),
        ("a<img hidden>b", "ab"),
        ("a<script>open", "a"),
        ("مرحبا <b>بالعالم</b> שלום", "مرحبا بالعالم שלום"),
        ("a\u{0}b\u{202E}c", "abc"),
    ];
    for (html, expected) in cases {
        assert_eq!(plain(html), expected, "{html}");
    }
}

#[test]
fn hashtags_at_the_end_can_be_moved() {
    let html = "<p>By the #Sea</p><p><a href=\"https://a.org/tags/walk\" class=\"mention hashtag\" rel=\"tag\">#<span>Walk</span></a> #PeerTube<br>#sea</p>";
    let read = html_to_plain(html, &[]);
    assert_eq!(read.text, "By the #Sea\n\n#Walk #PeerTube\n#sea");
    assert_eq!(read.body(), "By the #Sea");
    assert_eq!(read.trailing_tags, ["#Walk", "#PeerTube", "#sea"]);
    assert_eq!(read.hashtags, ["#Walk", "#Sea", "#PeerTube"]);
    for (text, body) in [
        ("a #b", "a #b"),
        ("a\n#b c", "a\n#b c"),
        ("a\n#1", "a\n#1"),
        ("#a", ""),
        ("", ""),
    ] {
        assert_eq!(split_trailing_tags(text).0, body, "{text}");
    }
}

#[test]
fn a_flood_of_tags_is_read_in_time() {
    let names: String = (0..40_000).map(|i| format!("a{i}=\">\" ")).collect();
    for html in [
        "<div>".repeat(60_000),
        "<blockquote><ul><li>a".repeat(15_000),
        "<a href=https://a.org/>".repeat(12_000),
        "<span hidden>".repeat(20_000),
        "<".repeat(300_000),
        "&".repeat(300_000),
        format!("<a {names}>x</a>"),
    ] {
        let start = std::time::Instant::now();
        html_to_plain(&html, &[]);
        assert!(
            start.elapsed().as_secs() < 20,
            "{} took {:?}",
            &html[..20],
            start.elapsed()
        );
    }
    let long = html_to_plain(&"<p>word</p>".repeat(30_000), &[]);
    assert!(long.clipped && long.text.ends_with("word"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn no_html_panics_or_comes_out_untidy(html in "(<(/?(p|a|br|ul|li|ol|blockquote|span|pre|script|div)|a href=\"https://a\\.org/x\"|span class=\"(invisible|ellipsis)\")( hidden)?>|[a-z #@&;é👨‍👩\n<>.\"'\u{FDD0}]|&lt;|#tag|@bob|https://b\\.org/){0,40}") {
        fuzz::html(html.as_bytes());
    }

    #[test]
    fn no_bytes_break_a_parser(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        fuzz::html(&bytes);
        fuzz::markdown(&bytes);
        fuzz::template(&bytes);
    }

    #[test]
    fn plain_text_comes_out_as_it_went_in(text in "[a-zéא😀#@.,()\\-]{1,8}( [a-zéא😀#@.,()\\-]{1,8}){0,10}") {
        let html = format!("<p>{}</p>", text.replace('&', "&amp;").replace('<', "&lt;"));
        prop_assert_eq!(plain(&html), text);
    }
}
