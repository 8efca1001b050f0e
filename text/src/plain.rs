//! Plain text that any server takes.

/// Tidies a text of several lines: line ends become `\n`, tabs spaces; other control characters go, since a NUL is
/// answered with 500 (contract mastodon §0a.7); white space at the ends of lines goes, and blank lines beyond the first.
///
/// The characters that embed, override or isolate a writing direction go too. Were they kept, a cut could leave one open,
/// and the link and hashtags after it would be shown in the wrong order. Text from right to left doesn't need them;
/// the marks U+200E and U+200F stay.
pub fn clean(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut blank = 0;
    for line in lines(text) {
        let line: String = line.chars().filter_map(kept).collect();
        let line = line.trim_end();
        if line.is_empty() {
            blank += 1;
            continue;
        }
        if !out.is_empty() {
            out.push_str(if blank > 0 { "\n\n" } else { "\n" });
        }
        blank = 0;
        out.push_str(if out.is_empty() { line.trim_start() } else { line });
    }
    out
}

/// The same on one line: for titles, warnings, alternative texts.
pub fn clean_line(text: &str) -> String {
    let kept: String = lines(text)
        .flat_map(|line| line.chars().filter_map(kept).chain([' ']))
        .collect();
    kept.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.split('\n').flat_map(|line| {
        line.strip_suffix('\r')
            .unwrap_or(line)
            .split(['\r', '\u{85}', '\u{2028}', '\u{2029}', '\u{B}', '\u{C}'])
    })
}

fn kept(c: char) -> Option<char> {
    match c {
        '\t' => Some(' '),
        '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}' | '\u{FEFF}' | '\u{FFF9}'..='\u{FFFB}' => None,
        c if c.is_control() || is_noncharacter(c) => None,
        c => Some(c),
    }
}

fn is_noncharacter(c: char) -> bool {
    matches!(c, '\u{FDD0}'..='\u{FDEF}') || u32::from(c) & 0xFFFE == 0xFFFE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_ends_and_control_characters_are_tidied() {
        assert_eq!(
            clean("\r\n a\tb  \r\n\r\n\r\n\r\nc\0\u{7}d\re\u{2028}f\n\n"),
            "a b\n\ncd\ne\nf"
        );
        assert_eq!(clean_line(" a\r\nb\0\t c\n"), "a b c");
    }

    #[test]
    fn nothing_that_turns_the_writing_direction_stays() {
        assert_eq!(clean("a\u{202E}b\u{2066}c\u{2069}\u{200F}"), "abc\u{200F}");
    }

    #[test]
    fn emoji_and_indents_are_left_alone() {
        assert_eq!(clean("x\n  👨‍👩‍👧‍👦 🏴󠁧󠁢󠁥󠁮󠁧󠁿"), "x\n  👨‍👩‍👧‍👦 🏴󠁧󠁢󠁥󠁮󠁧󠁿");
    }
}
