//! Takes settings out of the merged layers by type, and notes what is wrong with the place where it was written.

use std::cell::RefCell;
use std::ops::{Range, RangeInclusive};
use std::time::Duration;

use figment::value::{Dict, Value};

use super::errors::{ConfigError, ConfigErrors};
use super::layers::{Layers, variable_for};
use super::spans::{KeyPath, Place};
use super::suggest::closest;
use super::values::{Choice, Wrong, parse_duration};

/// A table of the merged configuration.
pub(super) struct Section {
    /// Where its settings can stand, the winning place first: `routes.R.on.D`, then `routes.R`.
    pub paths: Vec<KeyPath>,
    /// Its settings, defaults included.
    pub values: Dict,
}

impl Section {
    pub fn new(path: &[&str], values: Dict) -> Self {
        Self {
            paths: vec![path.iter().map(ToString::to_string).collect()],
            values,
        }
    }

    pub fn has(&self, key: &str) -> bool {
        self.values.contains_key(key)
    }

    /// Text as it is, or nothing.
    pub fn raw_text(&self, key: &str) -> &str {
        match self.values.get(key) {
            Some(Value::String(_, text)) => text.trim_start(),
            _ => "",
        }
    }
}

/// Where something was written.
enum Origin<'a> {
    Variable(&'a str),
    File(&'a Place),
    Nowhere,
}

/// Reads settings and collects mistakes.
pub(super) struct Reader<'a> {
    pub layers: &'a Layers,
    errors: RefCell<Vec<ConfigError>>,
}

/// What an error points at.
#[derive(Clone, Copy)]
enum Part {
    Key,
    UnknownKey,
    Value,
}

impl<'a> Reader<'a> {
    pub fn new(layers: &'a Layers) -> Self {
        Self {
            layers,
            errors: RefCell::new(layers.errors.clone()),
        }
    }

    pub fn finish(self) -> Vec<ConfigError> {
        self.errors.into_inner()
    }

    pub fn failed(self) -> ConfigErrors {
        ConfigErrors::new(self.finish())
    }

    /// Notes a mistake in the value at `path`.
    pub fn wrong_value(&self, path: &[String], wrong: Wrong) {
        self.note(path, wrong, Part::Value);
    }

    /// Notes a mistake in the name or the presence of what is at `path`.
    pub fn wrong_key(&self, path: &[String], wrong: Wrong) {
        self.note(path, wrong, Part::Key);
    }

    /// Notes a mistake of the file itself, at a place in it.
    pub fn wrong_file(&self, message: String, span: &Range<usize>, help: String) {
        let error = ConfigError::new(message).help(help);
        let error = match &self.layers.file {
            Some(file) => file.locate(error, span),
            None => error,
        };
        self.errors.borrow_mut().push(error);
    }

    /// Notes a mistake on the command line.
    pub fn wrong_argument(&self, wrong: Wrong) {
        self.errors
            .borrow_mut()
            .push(ConfigError::new(wrong.message).help(wrong.help));
    }

    fn note(&self, path: &[String], wrong: Wrong, part: Part) {
        let error = ConfigError::new(wrong.message).key(shown(path)).help(wrong.help);
        let error = match self.origin(path) {
            Origin::Variable(name) => ConfigError {
                variable: Some(name.to_owned()),
                ..error
            },
            Origin::File(place) => match (&self.layers.file, part) {
                (Some(file), Part::Key) => file.locate(error, &place.key),
                (Some(file), Part::UnknownKey) => file.locate_unknown(error, &place.key),
                (Some(file), Part::Value) => file.locate(error, &place.value),
                (None, _) => error,
            },
            Origin::Nowhere => ConfigError {
                file: self.layers.file.as_ref().map(|file| file.path.clone()),
                ..error
            },
        };
        self.errors.borrow_mut().push(error);
    }

    /// The variable, else the place in the file, else a variable that sets something inside.
    fn origin(&self, path: &[String]) -> Origin<'a> {
        if let Some(name) = self.layers.variables.get(path) {
            return Origin::Variable(name);
        }
        if let Some(place) = self.layers.file.as_ref().and_then(|file| file.places.get(path)) {
            return Origin::File(place);
        }
        match self
            .layers
            .variables
            .iter()
            .find(|(inside, _)| inside.starts_with(path))
        {
            Some((_, name)) => Origin::Variable(name),
            None => Origin::Nowhere,
        }
    }

    /// Whether the environment had the last word.
    pub fn is_from_variable(&self, path: &[String]) -> bool {
        matches!(self.origin(path), Origin::Variable(_))
    }

    /// The full path of a setting of this section, where it was written.
    pub fn path(&self, section: &Section, key: &str) -> KeyPath {
        let full = |path: &KeyPath| path.iter().cloned().chain([key.to_owned()]).collect::<KeyPath>();
        let written = section
            .paths
            .iter()
            .map(full)
            .find(|path| !matches!(self.origin(path), Origin::Nowhere));
        written.unwrap_or_else(|| section.paths.last().map(full).unwrap_or_default())
    }

    /// Notes every key that isn't `known`, with the one that was probably meant.
    ///
    /// `elsewhere` tells where a key belongs that exists, but not here. Returns the keys that were probably meant.
    pub fn refuse_unknown<'k>(
        &self,
        section: &Section,
        known: &[&'k str],
        elsewhere: impl Fn(&str) -> Option<String>,
    ) -> Vec<&'k str> {
        let mut meant = Vec::new();
        for key in section.values.keys().filter(|key| !known.contains(&key.as_str())) {
            let path = self.path(section, key);
            let near = closest(key, known.iter().copied());
            meant.extend(near);
            let by_variable = self.is_from_variable(&path);
            let help = match (near, elsewhere(key)) {
                (Some(near), _) if by_variable => {
                    let mut right: Vec<&str> = path.iter().map(String::as_str).collect();
                    right.pop();
                    right.push(near);
                    format!("did you mean {}?", variable_for(&right))
                }
                (Some(near), None) => format!("did you mean `{near}`?"),
                (_, Some(place)) => place,
                (None, None) if known.is_empty() => String::new(),
                (None, None) => format!("settings here: {}", known.join(", ")),
            };
            self.note(&path, Wrong::new("there is no such setting", help), Part::UnknownKey);
        }
        meant
    }

    /// Notes the settings that have to be there and aren't, given with an example of each.
    ///
    /// Those that are there under a misspelt name (`meant`) were complained about already.
    pub fn refuse_missing(&self, section: &Section, required: &[(&str, &str)], meant: &[&str]) {
        let absent = |key: &str| !section.has(key) && !meant.contains(&key);
        let missing: Vec<_> = required.iter().filter(|(key, _)| absent(key)).collect();
        let keys = missing.iter().map(|(key, _)| format!("`{key}`")).collect::<Vec<_>>();
        let message = match keys.as_slice() {
            [] => return,
            [key] => format!("{key} is missing"),
            [first @ .., last] => format!("{} and {last} are missing", first.join(", ")),
        };
        let examples = missing
            .iter()
            .map(|(_, example)| *example)
            .collect::<Vec<_>>()
            .join("\n");
        self.wrong_key(
            &section.paths[0],
            Wrong::new(message, format!("for example:\n{examples}")),
        );
    }

    /// The tables in a table of tables, by name.
    pub fn tables(&self, section: &Section, key: &str, example: &str) -> Vec<(String, Dict)> {
        let Some(value) = section.values.get(key) else {
            return Vec::new();
        };
        let path = self.path(section, key);
        let wanted = |value: &Value| Wrong::new(format!("must be a table, but is {}", kind(value)), example);
        let Value::Dict(_, names) = value else {
            self.wrong_key(&path, wanted(value));
            return Vec::new();
        };
        let mut tables = Vec::new();
        for (name, value) in names {
            if let Value::Dict(_, table) = value {
                tables.push((name.clone(), table.clone()));
            } else {
                let path: KeyPath = path.iter().cloned().chain([name.clone()]).collect();
                self.wrong_key(&path, wanted(value));
            }
        }
        tables
    }

    /// Text, with where it was written.
    pub fn text(&self, section: &Section, key: &str) -> Option<(String, KeyPath)> {
        let value = section.values.get(key)?;
        let path = self.path(section, key);
        if let Value::String(_, text) = value {
            return Some((text.clone(), path));
        }
        let help = match value {
            Value::Num(..) | Value::Bool(..) => "put it in quotes",
            Value::Array(..) => "write one text in quotes, without the brackets",
            _ => "write one text in quotes",
        };
        self.wrong_value(&path, Wrong::new(format!("must be text, but is {}", kind(value)), help));
        None
    }

    /// Text with a meaning.
    pub fn parsed<T>(&self, section: &Section, key: &str, parse: impl Fn(&str) -> Result<T, Wrong>) -> Option<T> {
        let (text, path) = self.text(section, key)?;
        parse(&text).map_err(|wrong| self.wrong_value(&path, wrong)).ok()
    }

    /// One of a few words.
    pub fn choice<T: Choice>(&self, section: &Section, key: &str) -> Option<T> {
        self.parsed(section, key, T::parse)
    }

    /// `true` or `false`.
    pub fn flag(&self, section: &Section, key: &str) -> Option<bool> {
        let value = section.values.get(key)?;
        let path = self.path(section, key);
        let from_variable = self.is_from_variable(&path);
        match value {
            Value::Bool(_, flag) => return Some(*flag),
            Value::String(_, text) if from_variable => {
                if let Ok(flag) = text.trim().parse() {
                    return Some(flag);
                }
            }
            _ => {}
        }
        let help = if from_variable {
            "write true or false"
        } else {
            "write true or false, without quotes"
        };
        self.wrong_value(
            &path,
            Wrong::new(format!("must be true or false, but is {}", kind(value)), help),
        );
        None
    }

    /// A whole number within bounds.
    pub fn count(&self, section: &Section, key: &str, bounds: RangeInclusive<usize>) -> Option<usize> {
        let value = section.values.get(key)?;
        let path = self.path(section, key);
        let from_variable = self.is_from_variable(&path);
        let number: Option<i128> = match value {
            Value::Num(_, number) => number
                .to_i128()
                .or_else(|| number.to_u128().and_then(|n| i128::try_from(n).ok())),
            Value::String(_, text) if from_variable => text.trim().parse().ok(),
            _ => None,
        };
        let Some(number) = number else {
            let help = if from_variable {
                "write digits alone"
            } else {
                "write digits alone, without quotes"
            };
            self.wrong_value(
                &path,
                Wrong::new(format!("must be a whole number, but is {}", kind(value)), help),
            );
            return None;
        };
        let allowed = usize::try_from(number).ok().filter(|number| bounds.contains(number));
        if allowed.is_none() {
            let help = format!("write a number from {} to {}", bounds.start(), bounds.end());
            self.wrong_value(&path, Wrong::new(format!("{number} is out of range"), help));
        }
        allowed
    }

    /// A stretch of time within bounds, which are given as people write them.
    pub fn duration(&self, section: &Section, key: &str, (least, most): (&str, &str)) -> Option<Duration> {
        if let Some(Value::Num(..)) = section.values.get(key) {
            let help = "write it in quotes, with its unit: \"60s\"";
            self.wrong_value(&self.path(section, key), Wrong::new("a number needs a unit here", help));
            return None;
        }
        self.parsed(section, key, |text| {
            let help = "write a number with its unit: \"500ms\", \"60s\", \"2m\", \"1h30m\"";
            let time =
                parse_duration(text).ok_or_else(|| Wrong::new(format!("{text:?} is not a stretch of time"), help))?;
            let within = parse_duration(least).is_some_and(|least| least <= time)
                && parse_duration(most).is_some_and(|most| time <= most);
            if within {
                return Ok(time);
            }
            Err(Wrong::new(
                format!("{text:?} is out of range"),
                format!("write a time from {least} to {most}"),
            ))
        })
    }

    /// A list of texts, each with where it was written. In a variable: separated by commas, or as in TOML.
    pub fn list(&self, section: &Section, key: &str, example: &str) -> Option<Vec<(String, KeyPath)>> {
        let value = section.values.get(key)?;
        let path = self.path(section, key);
        match value {
            Value::Array(_, values) => self.texts(&path, values, example),
            Value::String(_, text) if self.is_from_variable(&path) => {
                if text.trim_start().starts_with('[') {
                    if let Some(texts) = toml_list(text) {
                        return Some(texts.into_iter().map(|text| (text, path.clone())).collect());
                    }
                    self.wrong_value(
                        &path,
                        Wrong::new("this is not a list of texts", format!("write {example}")),
                    );
                    return None;
                }
                let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
                Some(parts.map(|part| (part.to_owned(), path.clone())).collect())
            }
            _ => {
                let message = format!("must be a list, but is {}", kind(value));
                self.wrong_value(&path, Wrong::new(message, format!("write {key} = {example}")));
                None
            }
        }
    }

    fn texts(&self, path: &KeyPath, values: &[Value], example: &str) -> Option<Vec<(String, KeyPath)>> {
        let mut texts = Vec::new();
        for (n, value) in values.iter().enumerate() {
            let path: KeyPath = path.iter().cloned().chain([n.to_string()]).collect();
            if let Value::String(_, text) = value {
                texts.push((text.clone(), path));
            } else {
                let message = format!("must be a list of texts, but has {} in it", kind(value));
                self.wrong_value(&path, Wrong::new(message, format!("write {example}")));
            }
        }
        (texts.len() == values.len()).then_some(texts)
    }
}

/// `["a", "b"]` out of a variable.
pub(super) fn toml_list(text: &str) -> Option<Vec<String>> {
    let value: toml_edit::Value = text.trim().parse().ok()?;
    value
        .as_array()?
        .iter()
        .map(|element| element.as_str().map(str::to_owned))
        .collect()
}

/// A path as people read it; an element of a list goes by the name of the list.
fn shown(path: &[String]) -> String {
    let in_list = path.last().is_some_and(|last| last.bytes().all(|b| b.is_ascii_digit()))
        && path.len() > 1
        && LISTS.contains(&path[path.len() - 2].as_str());
    let path = if in_list { &path[..path.len() - 1] } else { path };
    let part = |part: &String| {
        let plain = !part.is_empty() && part.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '-');
        if plain { part.clone() } else { format!("{part:?}") }
    };
    path.iter().map(part).collect::<Vec<_>>().join(".")
}

const LISTS: [&str; 3] = ["to", "allow", "token_command"];

fn kind(value: &Value) -> &'static str {
    match value {
        Value::String(..) | Value::Char(..) => "text",
        Value::Bool(..) => "true or false",
        Value::Num(..) => "a number",
        Value::Empty(..) => "nothing",
        Value::Dict(..) => "a table",
        Value::Array(..) => "a list",
    }
}
