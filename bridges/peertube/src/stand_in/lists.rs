//! The server's lists of codes: categories, licences, languages, privacies, states.

use std::sync::OnceLock;

use serde_json::{Value, json};

use super::{Privacy, State};

const CATEGORIES: [&str; 18] = [
    "Music",
    "Films",
    "Vehicles",
    "Art",
    "Sports",
    "Travels",
    "Gaming",
    "People",
    "Comedy",
    "Entertainment",
    "News & Politics",
    "How To",
    "Education",
    "Activism",
    "Science & Technology",
    "Animals",
    "Kids",
    "Food",
];

const LICENCES: [&str; 7] = [
    "Attribution",
    "Attribution - Share Alike",
    "Attribution - No Derivatives",
    "Attribution - Non Commercial",
    "Attribution - Non Commercial - Share Alike",
    "Attribution - Non Commercial - No Derivatives",
    "Public Domain Dedication",
];

const PRIVACIES: [&str; 5] = ["Public", "Unlisted", "Private", "Internal", "Password protected"];

const STATES: [&str; 11] = [
    "Published",
    "To transcode",
    "To import",
    "Waiting for livestream",
    "Livestream ended",
    "To move to an external storage",
    "Transcoding failed",
    "External storage move failed",
    "To edit",
    "To move to the file system",
    "Move to the file system failed",
];

/// The name of the `number`th entry, counted from 1.
fn nth(list: &'static [&'static str], number: u32) -> &'static str {
    let index = usize::try_from(number).unwrap_or(usize::MAX).wrapping_sub(1);
    list.get(index).copied().unwrap_or("Unknown")
}

pub(super) fn category(number: u32) -> &'static str {
    nth(&CATEGORIES, number)
}

pub(super) fn licence(number: u32) -> &'static str {
    nth(&LICENCES, number)
}

pub(super) fn privacy(privacy: Privacy) -> &'static str {
    nth(&PRIVACIES, privacy.0.into())
}

pub(super) fn state(state: State) -> &'static str {
    nth(&STATES, state.0.into())
}

pub(super) fn comments_policy(number: u8) -> &'static str {
    nth(&["Enabled", "Disabled", "Requires approval"], number.into())
}

/// Whether there is a category, or a licence, of this number.
pub(super) fn is_category(number: u32) -> bool {
    (1..=CATEGORIES.len()).contains(&usize::try_from(number).unwrap_or(usize::MAX))
}

pub(super) fn is_licence(number: u32) -> bool {
    (1..=LICENCES.len()).contains(&usize::try_from(number).unwrap_or(usize::MAX))
}

pub(super) fn language(code: &str) -> &'static str {
    languages().get(code).and_then(Value::as_str).unwrap_or("Unknown")
}

/// All languages: code and name.
pub(super) fn languages() -> &'static Value {
    static LANGUAGES: OnceLock<Value> = OnceLock::new();
    LANGUAGES.get_or_init(|| serde_json::from_str(include_str!("languages.json")).unwrap_or_default())
}

pub(super) fn categories() -> Value {
    numbered(&CATEGORIES)
}

pub(super) fn licences() -> Value {
    numbered(&LICENCES)
}

pub(super) fn privacies() -> Value {
    numbered(&PRIVACIES)
}

fn numbered(list: &[&str]) -> Value {
    let pairs = list
        .iter()
        .enumerate()
        .map(|(i, name)| ((i + 1).to_string(), json!(name)));
    Value::Object(pairs.collect())
}
