//! Content warnings between servers that have a text for them and servers that have only a flag.

use super::plain::clean_line;

/// What a warning's line begins with where there is no field for it.
const MARK: &str = "CW: ";

/// A warning that says nothing but that there is one, for servers that drop the flag without a text; in the post's
/// language, if it is one of a few, else in English.
pub fn neutral_warning(language: Option<&str>) -> &'static str {
    let primary = language
        .unwrap_or_default()
        .split(['-', '_'])
        .next()
        .unwrap_or_default();
    match primary.to_ascii_lowercase().as_str() {
        "de" => "Sensibler Inhalt",
        "fr" => "Contenu sensible",
        "es" => "Contenido sensible",
        "pt" => "Conteúdo sensível",
        "it" => "Contenuto sensibile",
        "nl" => "Gevoelige inhoud",
        "ca" => "Contingut sensible",
        "eo" => "Tikla enhavo",
        "pl" => "Treści wrażliwe",
        "sv" => "Känsligt innehåll",
        "ja" => "閲覧注意",
        _ => "Sensitive content",
    }
}

/// The flag and the text of a copy's warning, from the source's. A text alone sets the flag; with `needs_text`, for
/// servers that drop the flag otherwise, the flag alone gets [`neutral_warning`].
pub fn warned(
    sensitive: bool,
    warning: Option<&str>,
    language: Option<&str>,
    needs_text: bool,
) -> (bool, Option<String>) {
    let warning = warning.map(clean_line).filter(|warning| !warning.is_empty());
    match warning {
        Some(warning) => (true, Some(warning)),
        None if sensitive && needs_text => (true, Some(neutral_warning(language).to_owned())),
        None => (sensitive, None),
    }
}

/// The warning as the first line of a text, for servers that have no field for it.
pub fn warning_line(warning: &str) -> String {
    format!("{MARK}{}", clean_line(warning))
}

/// A warning that stands in a text's first line, and the text without it.
pub fn split_warning(text: &str) -> (Option<&str>, &str) {
    let (line, rest) = text.split_once('\n').unwrap_or((text, ""));
    let marks = [MARK.trim_end(), "TW:", "Content warning:"];
    let warning = marks.iter().find_map(|mark| {
        let head = line.get(..mark.len())?;
        head.eq_ignore_ascii_case(mark).then(|| line[mark.len()..].trim())
    });
    match warning.filter(|warning| !warning.is_empty()) {
        Some(warning) => (Some(warning), rest.trim_start_matches('\n')),
        None => (None, text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_warning_goes_to_flags_and_texts_alike() {
        assert_eq!(
            warned(false, Some(" blood\n"), None, false),
            (true, Some("blood".into()))
        );
        assert_eq!(
            warned(true, None, Some("de-AT"), true),
            (true, Some("Sensibler Inhalt".into()))
        );
        assert_eq!(
            warned(true, Some(" "), Some("xx"), true),
            (true, Some("Sensitive content".into()))
        );
        assert_eq!(warned(true, None, None, false), (true, None));
        assert_eq!(warned(false, None, None, true), (false, None));
    }

    #[test]
    fn a_warnings_line_is_found_again() {
        let text = format!("{}\n\nBody", warning_line("eye\ncontact"));
        assert_eq!(text, "CW: eye contact\n\nBody");
        assert_eq!(split_warning(&text), (Some("eye contact"), "Body"));
        assert_eq!(split_warning("tw: food"), (Some("food"), ""));
        for none in ["CW:\nBody", "CWs: a", "C", "é", ""] {
            assert_eq!(split_warning(none), (None, none));
        }
    }
}
