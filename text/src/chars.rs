//! Kinds of characters as Ruby's patterns and twitter-text see them.

use icu_properties::props::GeneralCategory as G;
use icu_properties::{CodePointMapData, CodePointMapDataBorrowed};

static CATEGORY: CodePointMapDataBorrowed<'static, G> = CodePointMapData::<G>::new();

/// Ruby's `[[:word:]]`: letters, marks, decimal digits, connectors such as `_`.
pub(super) fn is_word(c: char) -> bool {
    if c.is_ascii() {
        return c.is_ascii_alphanumeric() || c == '_';
    }
    is_letter(c) || matches!(CATEGORY.get(c), G::DecimalNumber | G::ConnectorPunctuation)
}

/// Ruby's `[[:alpha:]]`: letters and marks.
pub(super) fn is_letter(c: char) -> bool {
    if c.is_ascii() {
        return c.is_ascii_alphabetic();
    }
    matches!(
        CATEGORY.get(c),
        G::UppercaseLetter
            | G::LowercaseLetter
            | G::TitlecaseLetter
            | G::ModifierLetter
            | G::OtherLetter
            | G::NonspacingMark
            | G::SpacingMark
            | G::EnclosingMark
    )
}

/// A dash, as in `\p{Pd}`.
pub(super) fn is_dash(c: char) -> bool {
    CATEGORY.get(c) == G::DashPunctuation
}

/// twitter-text's "directional characters".
pub(super) fn is_directional(c: char) -> bool {
    matches!(c, '\u{061C}' | '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

/// twitter-text's "invalid characters".
pub(super) fn is_invalid(c: char) -> bool {
    matches!(c, '\u{FFFE}' | '\u{FEFF}' | '\u{FFFF}')
}

/// twitter-text's "Latin accents".
pub(super) fn is_latin_accent(c: char) -> bool {
    matches!(c,
        '\u{C0}'..='\u{D6}' | '\u{D8}'..='\u{F6}' | '\u{F8}'..='\u{24F}'
        | '\u{253}' | '\u{254}' | '\u{256}' | '\u{257}' | '\u{259}' | '\u{25B}' | '\u{263}' | '\u{268}' | '\u{26F}'
        | '\u{272}' | '\u{289}' | '\u{28B}' | '\u{2BB}' | '\u{300}'..='\u{36F}' | '\u{1E00}'..='\u{1EFF}')
}

/// What Ruby's `strip` takes off: ASCII white space only.
pub(super) fn is_ruby_space(c: char) -> bool {
    matches!(c, ' ' | '\t'..='\r')
}
