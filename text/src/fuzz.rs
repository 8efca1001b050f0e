//! What must hold for any bytes, for fuzzing: each function panics where it doesn't. Nothing else calls them.
#![allow(clippy::missing_panics_doc)]

use tombolo_model::{LengthUnit, LinkCost, Mention, TextRules};

use crate::{Template, Vars, clean, html_to_plain, length, markdown_to_plain, mentions, plain_to_markdown};

/// HTML becomes tidy text, whatever it is.
pub fn html(data: &[u8]) {
    let html = String::from_utf8_lossy(data);
    let names = [Mention {
        handle: "bob@ex.org".to_owned(),
        url: "https://ex.org/@bob".to_owned(),
    }];
    let plain = html_to_plain(&html, &names);
    assert_eq!(clean(&plain.text), plain.text, "the text isn't tidy");
    assert!(
        plain.text.starts_with(plain.body()),
        "the body isn't the text's beginning"
    );
    assert!(
        plain.hashtags.iter().all(|tag| tag.starts_with('#')),
        "a hashtag without its sign"
    );
}

/// Markdown becomes tidy text, and that text, written as Markdown, shows the same.
pub fn markdown(data: &[u8]) {
    let markdown = String::from_utf8_lossy(data);
    let plain = markdown_to_plain(&markdown);
    assert_eq!(clean(&plain), plain, "the text isn't tidy");
    let _ = plain_to_markdown(&plain);
}

/// A template is refused, or what it makes of a post fits and mentions nobody.
pub fn template(data: &[u8]) {
    let source = String::from_utf8_lossy(data);
    let Ok(template) = Template::parse(&source) else { return };
    let rules = TextRules {
        max: 200,
        unit: LengthUnit::Graphemes,
        link: LinkCost::Fixed(23),
        warning_counts: true,
        alt_max: 1500,
        alt_min: 0,
        warning_max: None,
        escape_angle: true,
        alone: true,
    };
    let vars = Vars {
        title: Some("A title of @bob".to_owned()),
        body: source.into_owned(),
        link: "https://ex.org/w/1".to_owned(),
        tags: vec!["Peer Tube".to_owned()],
        ..Vars::default()
    };
    for rendered in template.render_thread(&vars, &rules, 4).into_iter().flatten() {
        let status = &rendered.status;
        assert!(
            length(&status.text, status.warning.as_deref(), &rules) <= rules.max,
            "too long"
        );
        assert!(mentions(&status.text).is_empty(), "somebody is mentioned");
    }
}
