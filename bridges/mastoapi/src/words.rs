//! Words and links in what servers make of a text.

/// Text with the entities decoded that servers write, once.
pub fn decoded(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        plain.push_str(&rest[..at]);
        rest = &rest[at..];
        let found = rest
            .bytes()
            .take(11)
            .position(|b| b == b';')
            .and_then(|end| Some((end, entity(&rest[1..end])?)));
        if let Some((end, character)) = found {
            plain.push(character);
            rest = &rest[end + 1..];
        } else {
            plain.push('&');
            rest = &rest[1..];
        }
    }
    plain.push_str(rest);
    plain
}

/// The character that `&name;` stands for.
pub fn entity(name: &str) -> Option<char> {
    match name {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        "nbsp" => Some('\u{a0}'),
        _ => {
            let number = name.strip_prefix('#')?;
            let code = match number.strip_prefix(['x', 'X']) {
                Some(hexadecimal) => u32::from_str_radix(hexadecimal, 16),
                None => number.parse(),
            };
            char::from_u32(code.ok()?).filter(|c| !c.is_control() || c.is_whitespace())
        }
    }
}

/// Letters and digits, in lower case: what is left of a text in any rendering.
pub fn letters(text: &str) -> impl Iterator<Item = char> {
    text.chars()
        .filter(|c| c.is_alphanumeric())
        .flat_map(char::to_lowercase)
}

/// Whether the link stands in the text as a whole, not as the beginning of a longer one.
pub fn contains_link(text: &str, link: &str) -> bool {
    !link.is_empty()
        && text.match_indices(link).any(|(at, _)| {
            let mut behind = text[at + link.len()..].chars();
            match behind.next() {
                None => true,
                // A full stop or the like ends a link, unless it goes on behind it.
                Some('.' | ',' | ':' | ';' | '!' | ')' | '\'') => behind.next().is_none_or(|c| !c.is_alphanumeric()),
                Some(c) => !(c.is_alphanumeric() || "/?#&=-_~%+@$*(".contains(c)),
            }
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_never_found_as_part_of_a_longer_one() {
        let link = "https://v.example/w/abc";
        assert!(contains_link("see https://v.example/w/abc. Bye", link));
        assert!(!contains_link("see https://v.example/w/abcd", link));
        assert!(!contains_link("see https://v.example/w/abc/x", link));
        assert!(!contains_link("see https://v.example/w/abc", ""));
    }

    #[test]
    fn a_link_is_found_in_html_and_never_as_part_of_a_longer_one() {
        let link = "https://v.example/w/abc?a=1&b=2";
        for html in [
            r#"<p>Hi <a href="https://v.example/w/abc?a=1&amp;b=2" rel="me"><span>…</span></a></p>"#,
            "<p>https://v.example/w/abc?a=1&amp;b=2</p>",
            "see https://v.example/w/abc?a=1&amp;b=2. Bye",
            "https://v.example/w/abc?a=1&amp;b=2",
        ] {
            assert!(contains_link(&decoded(html), link), "{html}");
        }
        for html in [
            "https://v.example/w/abc?a=1&amp;b=23",
            "https://v.example/w/abc",
            "https://v.example/w/abc?a=1&amp;b=2/x",
        ] {
            assert!(!contains_link(&decoded(html), link), "{html}");
        }
    }
}
