//! Whole words in a text, for the rules that a creator writes.

use icu_normalizer::ComposingNormalizer;
use unicode_segmentation::UnicodeSegmentation;

/// Whether the text has the word, or the words one after the other: whole, in upper or lower case, however accents are
/// encoded. Where a script sets no spaces, a word begins and ends at any character. An empty word is in no text.
pub fn contains_word(text: &str, word: &str) -> bool {
    let (text, word) = (folded(text), folded(word));
    if word.is_empty() || !text.contains(&word) {
        return false;
    }
    let mut bounds: Vec<usize> = text.split_word_bound_indices().map(|(at, _)| at).collect();
    bounds.push(text.len());
    let is_bound = |at: usize| bounds.binary_search(&at).is_ok();
    let mut from = 0;
    while let Some(at) = text[from..].find(&word).map(|i| from + i) {
        if is_bound(at) && is_bound(at + word.len()) {
            return true;
        }
        from = at + text[at..].chars().next().map_or(1, char::len_utf8);
    }
    false
}

fn folded(text: &str) -> String {
    let lower = ComposingNormalizer::new_nfkc().normalize(text).to_lowercase();
    lower.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_words_are_found() {
        let cases = [
            ("A cat sat.", "CAT", true),
            ("Concatenate", "cat", false),
            ("#cat", "cat", true),
            ("#cat", "#cat", true),
            ("cats", "cat", false),
            ("Été 2024", "e\u{301}té", true),
            ("etc", "été", false),
            ("don't", "don", false),
            ("new\n york", "New York", true),
            ("我爱动画片", "动画", true),
            ("concat, cat", "cat", true),
            ("anything", "", false),
            ("", "x", false),
        ];
        for (text, word, expected) in cases {
            assert_eq!(contains_word(text, word), expected, "{word} in {text}");
        }
    }
}
