//! A creator's own layouts.

use chrono::DateTime;
use proptest::prelude::*;

use super::super::*;
use super::{code_points, mastodon};

const LINK: &str = "https://video.example.org/w/9aBcDeFgHiJkLmNoPqRsTu";

fn vars(title: &str, body: &str) -> Vars {
    Vars {
        title: Some(title.into()).filter(|t: &String| !t.is_empty()),
        body: body.into(),
        link: LINK.into(),
        tags: vec!["sea".into(), "Peer Tube".into(), "Été".into()],
        account: "anna@video.example.org".into(),
        platform: "PeerTube".into(),
        kind: "video".into(),
        duration: Some(754),
        published: DateTime::from_timestamp(1_780_000_000, 0),
        ..Vars::default()
    }
}

fn render(source: &str, body: &str, max: usize) -> Rendered {
    Template::parse(source)
        .unwrap()
        .render(&vars("A walk", body), &mastodon(max))
        .unwrap()
}

#[test]
fn a_template_lays_a_status_out() {
    let source = "🎬 {{ title | upper }} ({{ duration }}, {{ published | date(\"%d.%m.%Y\") }})\n\n{{ body | fit }}\n\n\
        {% if sensitive %}careful{% endif %}\n{{ tags | hashtags(max=2) }}\n→ {{ link }} by {{ account }}";
    let made = render(source, "By the sea, with @bob.", 500);
    insta::assert_snapshot!(made.status.text.replace('\u{2060}', "|"), @r"
    🎬 A WALK (12:34, 28.05.2026)

    By the sea, with @|bob.

    #sea #PeerTube
    → https://video.example.org/w/9aBcDeFgHiJkLmNoPqRsTu by anna@|video.example.org
    ");
    assert!(made.has_link && made.fell_back.is_none() && !made.status.cut);
    assert!(mentions(&made.status.text).is_empty());
}

#[test]
fn the_text_takes_what_room_remains() {
    let made = render(
        "{{ body | fit }}\n{{ link }} {{ tags | hashtags }}",
        &"word ".repeat(100),
        120,
    );
    assert!(made.status.cut && made.status.length > 110 && made.status.length <= 120);
    assert!(
        made.status
            .text
            .ends_with(&format!("word…\n{LINK} #sea #PeerTube #Été"))
    );
    let made = render(
        "{{ body | fit }}\n{{ link }} {{ tags | hashtags }}",
        &"word ".repeat(100),
        40,
    );
    assert_eq!(made.status.text, format!("word word…\n{LINK} #sea"));
    assert_eq!(made.status.dropped_hashtags, 2);
    let made = render("{{ body | fit }}", &"word ".repeat(9), 20);
    assert_eq!(made.status.text, "word word word word…");
    assert!(!made.has_link);
}

#[test]
fn what_can_never_fit_is_written_by_default() {
    let source = format!("{} {{{{ body | fit }}}} {{{{ link }}}}", "x".repeat(100));
    let made = render(&source, "By the sea.", 80);
    assert_eq!(made.status.text, compose_default("By the sea.", 80));
    assert!(made.has_link && made.fell_back.is_some());
    // Without the filter, the text isn't cut.
    let made = render("{{ body }} {{ link }}", &"word ".repeat(100), 200);
    assert_eq!(made.status.text, compose_default(&"word ".repeat(100), 200));
}

fn compose_default(body: &str, max: usize) -> String {
    let parts = StatusText {
        title: Some("A walk".into()),
        body: body.into(),
        link: LINK,
        hashtags: hashtags(&["sea", "Peer Tube", "Été"], "", 9),
        warning: None,
    };
    compose(&parts, &mastodon(max)).unwrap().text
}

#[test]
fn what_is_wrong_is_found_when_it_is_read() {
    let cases = [
        ("a\n{{ titel }}", "there is no variable `titel`", Some(2)),
        (
            "{% if part == 9 %}{{ titel }}{% endif %}",
            "there is no variable `titel`",
            Some(1),
        ),
        ("\n\n{{ title | shout }}", "shout", Some(3)),
        ("{{ title", "syntax error", Some(1)),
        ("{% include '/etc/passwd' %}", "", Some(1)),
        ("{{ tags | hashtags(most=3) }}", "most", Some(1)),
        ("{{ published | date('%Q') }}", "isn't a date format", Some(1)),
        ("{{ body | fit }}{{ title | fit }}", "only one text", None),
        ("{% for a in 'x' * 100000000 %}{% endfor %}", "", Some(1)),
        ("\u{FDD0}", "isn't one", Some(1)),
    ];
    for (source, message, line) in cases {
        let error = Template::parse(source).unwrap_err();
        assert!(error.message.contains(message), "{source}: {error}");
        assert_eq!(error.line, line, "{source}: {error}");
    }
    assert!(Template::parse(&"x".repeat(20_000)).is_err());
    let nested = "{% for a in tags %}{% for b in tags %}".repeat(12) + "x" + &"{% endfor %}{% endfor %}".repeat(12);
    assert!(Template::parse(&nested).unwrap_err().message.contains("fuel"));
}

#[test]
fn a_template_that_leaves_the_link_out_for_one_kind_of_post_is_known() {
    for kind in ["video", "live broadcast", "photo", "animation", "sound", "poll", "text"] {
        let source = format!("{{{{ body | fit }}}} {{% if kind != '{kind}' %}}{{{{ link }}}}{{% endif %}}");
        assert!(!Template::parse(&source).unwrap().shows_link(), "{kind}");
    }
    assert!(Template::parse("{{ kind }} {{ link }}").unwrap().shows_link());
}

#[test]
fn a_template_can_go_on_in_a_thread() {
    let source = "{% if part == 1 %}{{ title }}: {{ link }}{% endif %}\n\n{{ body | fit }}\n\n{% if parts > 1 %}{{ part }} of {{ parts }}{% endif %}";
    let template = Template::parse(source).unwrap();
    let body =
        "It was May. The sea was calm. We walked along the shore, and gulls cried. Then the rain came. Nobody minded.";
    let made = template.render_thread(&vars("A walk", body), &mastodon(80), 5).unwrap();
    let texts: Vec<&str> = made.iter().map(|m| m.status.text.as_str()).collect();
    insta::assert_snapshot!(texts.join("\n=====\n"), @r"
    A walk: https://video.example.org/w/9aBcDeFgHiJkLmNoPqRsTu
    It was May. The sea was calm.

    1 of 3
    =====
    We walked along the shore, and gulls cried. Then the rain came.

    2 of 3
    =====
    Nobody minded.

    3 of 3
    ");
    assert!(made[0].has_link && !made[1].has_link);
    assert_eq!(
        template
            .render_thread(&vars("A walk", "Short."), &mastodon(80), 5)
            .unwrap()
            .len(),
        1
    );
}

#[test]
fn a_truncated_text_keeps_its_graphemes() {
    let made = render(
        "{{ title | truncate_graphemes(4) }} {{ body | truncate_graphemes(3) }}",
        "👨‍👩‍👧‍👦👨‍👩‍👧‍👦👨‍👩‍👧‍👦",
        80,
    );
    assert_eq!(made.status.text, "A w… 👨‍👩‍👧‍👦👨‍👩‍👧‍👦👨‍👩‍👧‍👦");
}

#[test]
fn a_variable_that_is_empty_leaves_no_gap() {
    let template =
        Template::parse("{{ title }}\n\n{{ summary }}\n\n{{ duration }}{{ published | date }}\n\n{{ link }}").unwrap();
    let made = template
        .render(
            &Vars {
                link: LINK.into(),
                ..Vars::default()
            },
            &mastodon(100),
        )
        .unwrap();
    assert_eq!(made.status.text, LINK);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn the_default_template_is_the_default_composition(
        title in "[A-Z@#a-z ]{0,20}", body in "([a-z@#.]{1,9}[ \n]{1,2}){0,60}", max in 30usize..300, parts in 1usize..6,
    ) {
        let template = Template::parse(DEFAULT_TEMPLATE).unwrap();
        let vars = vars(&title, &body);
        let text = StatusText {
            title: vars.title.clone(),
            body: body.clone(),
            link: LINK,
            hashtags: hashtags(&vars.tags, "", 9),
            warning: None,
        };
        let composed = compose_thread(&text, &mastodon(max), parts, 1).unwrap();
        let rendered: Vec<Fitted> = template.render_thread(&vars, &mastodon(max), parts).unwrap().into_iter().map(|r| r.status).collect();
        prop_assert_eq!(rendered, composed);
    }

    #[test]
    fn a_rendered_status_fits_and_mentions_nobody(
        source in prop::collection::vec(prop::sample::select(vec![
            "{{ title }}", "{{ body | fit }}", "{{ link }}", "{{ tags | hashtags }}", "\n", " ", "@bob ", "x@", "{{ body }}", "{{ account }}",
            "{{ summary | upper }}", "({{ part }}/{{ parts }})", "<3", "{{ title | truncate_graphemes(5) }}",
        ]), 0..9).prop_map(|pieces| pieces.concat()),
        title in "\\PC{0,20}", body in "\\PC{0,200}", max in 60usize..200, pixelfed in any::<bool>(),
    ) {
        let Ok(template) = Template::parse(&source) else { return Ok(()) };
        let rules = if pixelfed { super::pixelfed(max) } else { code_points(max) };
        let vars = Vars { summary: Some("cw".into()), ..vars(&title, &body) };
        for made in template.render_thread(&vars, &rules, 4).unwrap() {
            let status = made.status;
            prop_assert!(status.length <= max);
            prop_assert_eq!(status.length, length(&status.text, status.warning.as_deref(), &rules));
            prop_assert!(mentions(&status.text).is_empty(), "{}", status.text);
            prop_assert!(!pixelfed || !status.text.contains('<'));
            let signs = status.text.contains(|c| matches!(c, '\u{FDD0}'..='\u{FDEF}'));
            prop_assert!(!signs);
        }
    }
}
