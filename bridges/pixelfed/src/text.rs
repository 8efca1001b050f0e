//! Captions: what was typed, out of what Pixelfed makes of it, and the way back (contract pixelfed §4, §5).
//!
//! A caption is stored as typed, but without tags, and shown unescaped: `&lt;` in it is what people see as `<`.

use tombolo_mastoapi::decoded;

/// The caption as people see it.
pub(crate) fn shown(caption: &str) -> String {
    decoded(caption)
}

/// The text as it must be sent: a bare `<` would eat what follows it. What is written `&lt;` already stays.
pub(crate) fn to_send(text: &str) -> String {
    text.replace('<', "&lt;")
}

/// The caption that `content` was made of: links, tags and mentions were put around its words, and `<br />` before its
/// line ends. What else looks like markup was typed.
pub(crate) fn caption_of(content: &str) -> String {
    let mut caption = String::with_capacity(content.len());
    let (mut rest, mut in_link) = (content, false);
    while let Some(at) = rest.find('<') {
        push(&mut caption, &rest[..at], in_link);
        rest = &rest[at..];
        let tag = rest.find('>').and_then(|end| Some((end, Tag::of(&rest[1..end])?)));
        let Some((end, tag)) = tag else {
            caption.push('<');
            rest = &rest[1..];
            continue;
        };
        rest = &rest[end + 1..];
        match tag {
            Tag::Link => in_link = true,
            Tag::LinkEnd => in_link = false,
            // The line end that it was made of follows, except where an old server wrote no other.
            Tag::Break if rest.starts_with(['\n', '\r']) => {}
            Tag::Break => caption.push('\n'),
        }
    }
    push(&mut caption, rest, in_link);
    caption
}

enum Tag {
    Link,
    LinkEnd,
    Break,
}

impl Tag {
    fn of(inner: &str) -> Option<Self> {
        match inner {
            "/a" => Some(Self::LinkEnd),
            "br" | "br/" | "br /" => Some(Self::Break),
            _ => inner
                .strip_prefix("a ")
                .filter(|attributes| attributes.contains("href="))
                .map(|_| Self::Link),
        }
    }
}

/// Only inside links the server has escaped what was typed.
fn push(caption: &mut String, text: &str, in_link: bool) {
    if in_link {
        caption.push_str(&decoded(text));
    } else {
        caption.push_str(text);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_caption_is_got_back_from_what_the_server_made_of_it() {
        let content = "First photo <a href=\"http://p.example/discover/tags/bridge?src=hash\" title=\"#bridge\">#bridge</a> \
                       <a href=\"https://example.org/a?b=1&amp;c=2\" rel=\"external\">https://example.org/a?b=1&amp;c=2</a><br />\n\
                       <br />\nhi <a class=\"u-url mention\" href=\"http://p.example/bob\">@bob</a>";
        assert_eq!(
            caption_of(content),
            "First photo #bridge https://example.org/a?b=1&c=2\n\nhi @bob"
        );
    }

    #[test]
    fn what_was_typed_is_no_markup() {
        for typed in [
            "a < b && c > d \"q\" x &amp; 1",
            "I &lt;3 you & more",
            "a <b",
            "1 < 2 </ 3 >",
            "<>",
        ] {
            assert_eq!(caption_of(typed), typed);
        }
    }

    #[test]
    fn people_see_what_entities_stand_for() {
        assert_eq!(
            shown("I &lt;3 you & more &amp;lt; &#39; &x; &#0;"),
            "I <3 you & more &lt; ' &x; &#0;"
        );
        assert_eq!(shown("&ü;&日本語日本語;&"), "&ü;&日本語日本語;&");
    }

    proptest! {
        #[test]
        fn what_is_sent_is_shown_as_it_was_meant(text in "[a-z<>& ;]{0,40}") {
            // Entities that were meant as text are the one thing Pixelfed has no way to keep.
            prop_assume!(decoded(&text) == text);
            let sent = to_send(&text);
            prop_assert!(!sent.contains('<'));
            prop_assert_eq!(shown(&sent), text);
        }

        #[test]
        fn no_content_does_harm(content in "(\\PC|<a href=|<br />|</a>|&amp;|\n){0,40}") {
            let _ = shown(&caption_of(&content));
        }
    }
}
