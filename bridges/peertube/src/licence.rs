//! Licences by their many names: PeerTube spells Creative Commons out (`Attribution - Share Alike`), Pixelfed abbreviates
//! (`CC BY-SA`).
//!
//! Pure. Never finds a licence that allows more than the creator's: a name with anything else in it is no other name of one.

/// What a licence of Creative Commons may ask for: spelt out, and in short.
const TERMS: [(&str, &str); 5] = [
    ("attribution", "by"),
    ("noncommercial", "nc"),
    ("noderivatives", "nd"),
    ("noderivs", "nd"),
    ("sharealike", "sa"),
];
/// Names of the creator's own waiver, without spaces.
const WAIVERS: [&str; 4] = [
    "publicdomaindedication",
    "publicdomaindedicationcc0",
    "publicdomaincc0",
    "cc0",
];

/// Whether two names are of one licence.
pub(crate) fn same(one: &str, other: &str) -> bool {
    let (one, other) = (one.trim().to_lowercase(), other.trim().to_lowercase());
    one == other || terms(&one).is_some_and(|asked| terms(&other) == Some(asked))
}

/// What a licence asks for, in the order of the alphabet; nothing for the waiver, `None` for what isn't of Creative Commons.
fn terms(name: &str) -> Option<Vec<&'static str>> {
    let words: Vec<&str> = name
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .collect();
    if WAIVERS.contains(&words.concat().as_str()) {
        return Some(Vec::new());
    }
    let mut asked = match words.as_slice() {
        ["cc", short @ ..] => in_short(short)?,
        in_full => spelt_out(&in_full.concat())?,
    };
    let all = asked.len();
    asked.sort_unstable();
    asked.dedup();
    (asked.first() == Some(&"by") && asked.len() == all).then_some(asked)
}

/// `by sa 4 0`: numbers are of a version.
fn in_short(words: &[&str]) -> Option<Vec<&'static str>> {
    let known = |word: &&str| TERMS.iter().find(|(_, short)| short == word).map(|(_, short)| *short);
    let words = words.iter().filter(|word| !word.bytes().all(|b| b.is_ascii_digit()));
    words.map(known).collect()
}

/// `attributionsharealike`
fn spelt_out(mut letters: &str) -> Option<Vec<&'static str>> {
    let mut asked = Vec::new();
    while !letters.is_empty() {
        let next = |(name, short): &(&str, &'static str)| Some((*short, letters.strip_prefix(name)?));
        let (short, rest) = TERMS.iter().find_map(next)?;
        asked.push(short);
        letters = rest;
    }
    Some(asked)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_licence_has_many_names() {
        for (peertube, other) in [
            ("Attribution", "CC BY"),
            ("Attribution - Share Alike", "CC BY-SA"),
            ("Attribution - Share Alike", "Attribution-ShareAlike"),
            ("Attribution - No Derivatives", "CC BY-ND 4.0"),
            ("Attribution - No Derivatives", "Attribution-NoDerivs"),
            ("Attribution - Non Commercial", "cc-by-nc"),
            ("Attribution - Non Commercial - Share Alike", "CC BY-NC-SA"),
            ("Attribution - Non Commercial - No Derivatives", "CC BY-NC-ND"),
            ("Public Domain Dedication", "Public Domain (CC0)"),
            ("All Rights Reserved", " all rights reserved"),
        ] {
            assert!(same(peertube, other) && same(other, peertube), "{peertube}, {other}");
        }
    }

    #[test]
    fn no_name_is_taken_for_a_licence_that_allows_more() {
        for (one, other) in [
            ("Attribution", "CC BY-NC"),
            ("Attribution", "Attribution, no resale"),
            ("Attribution", "CC BY-XX"),
            ("Attribution", "CC BY with exceptions"),
            ("Attribution", "Attribution Attribution"),
            ("Public Domain Dedication", "Public Domain"),
            ("Share Alike", "CC SA"),
            ("Attribution", ""),
            ("", "CC"),
        ] {
            assert!(!same(one, other), "{one}, {other}");
        }
    }
}
