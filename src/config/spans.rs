//! The user's file: its values for figment, and the place of every key and value for messages.
//!
//! Lines that could hold a secret are known here and never shown.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};

use figment::value::{Dict, Value};
use toml_edit::{Document, Item, TableLike};

use super::check::MEDIA_KEYS;
use super::check::NETWORK_KEYS;
use super::errors::{ConfigError, ConfigErrors, Snippet};
use super::routes::route_keys;
use super::suggest::distance;

/// A setting's place in the configuration: `["routes", "videos", "to", "0"]`.
pub(super) type KeyPath = Vec<String>;

/// Longest part of a source line that is shown, in characters.
const SHOWN_WIDTH: usize = 120;

/// Keys of an account whose values may be shown. Whatever else stands in an account is treated as a secret.
const HARMLESS_IN_ACCOUNT: [&str; 5] = ["platform", "instance", "handle", "read", "settle"];

/// Where a key and its value stand.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub key: Range<usize>,
    pub value: Range<usize>,
}

/// A parsed file.
pub(super) struct SourceFile {
    pub path: PathBuf,
    /// Permission bits, if it is a regular file on a system that has them.
    pub mode: Option<u32>,
    pub places: BTreeMap<KeyPath, Place>,
    pub values: Dict,
    text: String,
    secrets: Vec<Range<usize>>,
}

impl SourceFile {
    /// Parses `text`; the error shows the line and where in it the parser gave up.
    pub fn parse(path: PathBuf, mode: Option<u32>, text: String) -> Result<Self, ConfigErrors> {
        let document = match Document::parse(text.as_str()) {
            Ok(document) => document,
            Err(error) => return Err(syntax_error(&path, &text, error.message(), error.span()).into()),
        };
        let mut walk = Walk {
            text: &text,
            places: BTreeMap::new(),
            secrets: Vec::new(),
        };
        let values = walk.table(&[], document.as_table());
        let Walk { places, secrets, .. } = walk;
        Ok(Self {
            path,
            mode,
            places,
            values,
            text,
            secrets,
        })
    }

    /// Adds file, line, column and, where nothing secret can be in it, the line itself.
    pub fn locate(&self, error: ConfigError, span: &Range<usize>) -> ConfigError {
        let line = line_around(&self.text, span.start);
        let secret = self.secrets.iter().any(|s| s.start < line.end && line.start < s.end);
        point(error, &self.path, &self.text, span, line.end, !secret)
    }

    /// The same for a key nobody knows: what follows the key isn't shown, since it could be anything.
    pub fn locate_unknown(&self, error: ConfigError, key: &Range<usize>) -> ConfigError {
        let line = line_around(&self.text, key.start);
        let secret = self.secrets.iter().any(|s| s.start < key.start && line.start < s.end);
        let is_header = self.text[line.clone()].trim_start().starts_with('[');
        let until = if is_header { line.end } else { key.end };
        point(error, &self.path, &self.text, key, until, !secret)
    }
}

/// Whether a key by this name, perhaps misspelt, may hold a secret.
fn sounds_secret(key: &str) -> bool {
    let key = key.to_lowercase();
    let words = ["token", "secret", "passw", "credential", "auth", "key"];
    words.iter().any(|word| key.contains(word)) || distance(&key, "token") <= 2
}

struct Walk<'a> {
    text: &'a str,
    places: BTreeMap<KeyPath, Place>,
    secrets: Vec<Range<usize>>,
}

impl Walk<'_> {
    // The parser bounds the depth, so the recursion is bounded too.
    fn table(&mut self, path: &[String], table: &dyn TableLike) -> Dict {
        let mut dict = Dict::new();
        for (name, item) in table.iter() {
            let key = table.get_key_value(name).and_then(|(key, _)| key.span());
            let mut path = path.to_vec();
            path.push(name.to_owned());
            let key = key.or_else(|| item.span()).unwrap_or_default();
            let value = item.span().unwrap_or_else(|| key.clone());
            if !item.is_table() && is_secret(&path, item) {
                self.secrets.push(key.start.min(value.start)..key.end.max(value.end));
            }
            self.places.insert(path.clone(), Place { key, value });
            if let Some(value) = self.item(&path, item) {
                dict.insert(name.to_owned(), value);
            }
        }
        dict
    }

    fn item(&mut self, path: &[String], item: &Item) -> Option<Value> {
        match item {
            Item::None => None,
            Item::Value(value) => Some(self.value(path, value)),
            Item::Table(table) => Some(self.table(path, table).into()),
            Item::ArrayOfTables(tables) => {
                let values: Vec<Value> = tables.iter().map(|table| self.table(path, table).into()).collect();
                Some(values.into())
            }
        }
    }

    fn value(&mut self, path: &[String], value: &toml_edit::Value) -> Value {
        use toml_edit::Value as Toml;
        let span = value.span().unwrap_or_default();
        let as_written = self.text.get(span.clone()).unwrap_or_default();
        match value {
            Toml::String(text) => {
                let text = text.value();
                // A password in an address.
                let address = text.contains("://") || path.last().is_some_and(|key| key == "instance");
                if address && text.contains('@') {
                    self.secrets.push(span);
                }
                text.as_str().into()
            }
            Toml::Array(array) => {
                let mut values = Vec::new();
                for (n, element) in array.iter().enumerate() {
                    let mut path = path.to_vec();
                    path.push(n.to_string());
                    let span = element.span().unwrap_or_default();
                    self.places.insert(
                        path.clone(),
                        Place {
                            key: span.clone(),
                            value: span,
                        },
                    );
                    values.push(self.value(&path, element));
                }
                values.into()
            }
            Toml::InlineTable(table) => self.table(path, table).into(),
            // A token made of digits is a token all the same.
            Toml::Integer(_) | Toml::Float(_) | Toml::Boolean(_) if is_token(path) => as_written.into(),
            Toml::Datetime(_) => as_written.into(),
            Toml::Integer(number) => (*number.value()).into(),
            Toml::Float(number) => (*number.value()).into(),
            Toml::Boolean(flag) => (*flag.value()).into(),
        }
    }
}

/// Whether this is `accounts.NAME.token`.
pub(super) fn is_token(path: &[String]) -> bool {
    path.len() == 3 && path[0] == "accounts" && matches!(path[2].as_str(), "token" | "password")
}

fn is_secret(path: &[String], item: &Item) -> bool {
    let in_account = path.first().is_some_and(|top| top == "accounts");
    let harmless = match path.get(2) {
        Some(key) => HARMLESS_IN_ACCOUNT.contains(&key.as_str()),
        None => item.is_inline_table() || path.len() < 2,
    };
    (in_account && !harmless) || path.last().is_some_and(|key| sounds_secret(key))
}

/// The line that contains the byte at `offset`, without its end.
fn line_around(text: &str, offset: usize) -> Range<usize> {
    let offset = floor(text, offset);
    let start = text[..offset].rfind('\n').map_or(0, |n| n + 1);
    let end = text[offset..].find('\n').map_or(text.len(), |n| offset + n);
    start..end
}

fn floor(text: &str, offset: usize) -> usize {
    let offset = offset.min(text.len());
    (0..=offset).rev().find(|&n| text.is_char_boundary(n)).unwrap_or(0)
}

fn point(
    mut error: ConfigError,
    path: &Path,
    text: &str,
    span: &Range<usize>,
    shown_until: usize,
    show: bool,
) -> ConfigError {
    let line = line_around(text, span.start);
    let start = floor(text, span.start);
    let end = floor(text, span.end.clamp(start, line.end.max(start)));
    let column = text[line.start..start].trim_start_matches('\u{feff}').chars().count();
    error.file = Some(path.to_owned());
    error.line = Some(text[..line.start].matches('\n').count() + 1);
    error.column = Some(column + 1);
    if show {
        let until = floor(text, shown_until).clamp(start, line.end.max(start));
        let shown = text[line.start..until].trim_start_matches('\u{feff}').trim_end();
        let mut snippet = snippet(shown, column, text[start..end].trim_end().chars().count());
        match text[until..line.end].trim_start().chars().next() {
            Some('=') => snippet.text.push_str(" = …"),
            Some(_) => snippet.text.push('…'),
            None => {}
        }
        error.snippet = Some(snippet);
    }
    error
}

/// Cuts very long lines around the mark, and takes out what would move a terminal's cursor.
fn snippet(line: &str, start: usize, width: usize) -> Snippet {
    let skip = if start < SHOWN_WIDTH {
        0
    } else {
        start - SHOWN_WIDTH / 2
    };
    let printable = |c: char| if c.is_control() { ' ' } else { c };
    Snippet {
        text: line.chars().skip(skip).take(SHOWN_WIDTH).map(printable).collect(),
        start: start - skip,
        width: width.clamp(1, SHOWN_WIDTH - (start - skip).min(SHOWN_WIDTH - 1)),
    }
}

fn syntax_error(path: &Path, text: &str, message: &str, span: Option<Range<usize>>) -> ConfigError {
    let message: Vec<&str> = message.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let span = span.unwrap_or(text.len()..text.len());
    let line = line_around(text, span.start);
    let error = ConfigError::new(format!("this is not TOML: {}", message.join(", ")));
    let shown = &text[line.clone()];
    let help = if shown.contains(['\u{201c}', '\u{201d}', '\u{2018}', '\u{2019}']) {
        "these are typographic quotes; TOML wants straight ones: \""
    } else if error.message.contains("duplicate") {
        "keep one of the two"
    } else if error.message.contains("must be quoted") {
        "put text in straight quotes: handle = \"me\""
    } else {
        "settings are written as key = \"text\", tables as [name]"
    };
    let error = error.help(help);
    point(
        error,
        path,
        text,
        &span,
        line.end,
        may_be_shown(&text[..line.start], shown),
    )
}

/// Without spans, a line is only shown when it plainly can't be a secret or the middle of one.
fn may_be_shown(before: &str, line: &str) -> bool {
    let line = line.trim_start_matches('\u{feff}').trim();
    let key = match line.split_once(['=', ']']) {
        Some((key, _)) => key,
        None if line.starts_with('[') => line,
        None => "",
    };
    let plain = !key.is_empty() && key.chars().all(|c| c.is_alphanumeric() || "[_-. ".contains(c));
    let last = key.rsplit('.').next().unwrap_or(key).trim();
    let route_keys = route_keys();
    let settings = HARMLESS_IN_ACCOUNT
        .iter()
        .chain(&route_keys)
        .chain(&MEDIA_KEYS)
        .chain(&NETWORK_KEYS)
        .chain(&["timezone", "data_dir"]);
    let starts_itself = plain && (key.starts_with('[') || settings.into_iter().any(|known| *known == last));
    let names_no_secret = !line
        .split(|c: char| !c.is_alphanumeric() && c != '_')
        .any(sounds_secret);
    let one_setting = !line.contains('{') && line.matches('=').count() <= 1;
    let inside_text = before.contains("\"\"\"") || before.contains("'''");
    starts_itself && names_no_secret && !inside_text && one_setting && !line.contains('@')
}
