//! What is wrong with a configuration, for people and as JSON. Values of secrets never get here.

use std::fmt;
use std::path::PathBuf;

use serde::Serialize;

/// All mistakes of a configuration: at least one, in the order of their places.
#[derive(Clone, Debug, Serialize)]
pub struct ConfigErrors {
    errors: Vec<ConfigError>,
}

/// One mistake: where, which key, what is wrong, and what to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ConfigError {
    /// The file it is in.
    pub file: Option<PathBuf>,
    /// From 1.
    pub line: Option<usize>,
    /// From 1, in characters.
    pub column: Option<usize>,
    /// The environment variable it is in.
    pub variable: Option<String>,
    /// The setting, with dots.
    pub key: Option<String>,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub help: Option<String>,
    /// The line, unless it could hold a secret.
    #[serde(skip)]
    pub(super) snippet: Option<Snippet>,
}

/// A line of the file with the part that is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Snippet {
    /// Without line end and control characters.
    pub text: String,
    /// First marked character, from 0.
    pub start: usize,
    /// How many characters are marked, at least 1.
    pub width: usize,
}

impl ConfigError {
    pub(super) fn new(message: impl Into<String>) -> Self {
        Self {
            file: None,
            line: None,
            column: None,
            variable: None,
            key: None,
            message: message.into(),
            help: None,
            snippet: None,
        }
    }

    pub(super) fn help(mut self, help: impl Into<String>) -> Self {
        let help = help.into();
        self.help = (!help.is_empty()).then_some(help);
        self
    }

    pub(super) fn key(mut self, key: impl Into<String>) -> Self {
        self.key = Some(key.into());
        self
    }

    fn place(&self) -> Option<String> {
        if let Some(variable) = &self.variable {
            return Some(format!("environment variable {variable}"));
        }
        let file = self.file.as_ref()?.display();
        Some(match (self.line, self.column) {
            (Some(line), Some(column)) => format!("{file}:{line}:{column}"),
            _ => file.to_string(),
        })
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = self.line.map(|line| line.to_string()).unwrap_or_default();
        let gutter = " ".repeat(number.len().max(2));
        f.write_str("error: ")?;
        if let Some(key) = &self.key {
            write!(f, "{key}: ")?;
        }
        writeln!(f, "{}", self.message)?;
        if let Some(place) = self.place() {
            writeln!(f, "{gutter}--> {place}")?;
        }
        if let Some(Snippet { text, start, width }) = &self.snippet {
            writeln!(f, "{gutter} |")?;
            writeln!(f, "{number:>indent$} | {text}", indent = gutter.len())?;
            writeln!(f, "{gutter} | {}{}", " ".repeat(*start), "^".repeat(*width))?;
        }
        if let Some(help) = &self.help {
            for (n, line) in help.lines().enumerate() {
                let lead = if n == 0 { " = help: " } else { "         " };
                writeln!(f, "{}", format_args!("{gutter}{lead}{line}").to_string().trim_end())?;
            }
        }
        Ok(())
    }
}

impl ConfigErrors {
    /// Sorts by place and drops repetitions; a setting that several destinations inherit is wrong only once.
    pub(super) fn new(mut errors: Vec<ConfigError>) -> Self {
        errors.sort_by(|a, b| {
            let place = |e: &ConfigError| (e.variable.is_some(), e.line, e.column);
            place(a).cmp(&place(b)).then_with(|| a.variable.cmp(&b.variable))
        });
        errors.dedup();
        Self { errors }
    }

    /// The mistakes.
    pub fn errors(&self) -> &[ConfigError] {
        &self.errors
    }
}

impl From<ConfigError> for ConfigErrors {
    fn from(error: ConfigError) -> Self {
        Self { errors: vec![error] }
    }
}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for error in &self.errors {
            writeln!(f, "{error}")?;
        }
        match self.errors.len() {
            // Nobody made a mistake who only just begins.
            1 if self.errors[0].place().is_none() => f.write_str("nothing was done"),
            1 => f.write_str("1 mistake in the configuration; nothing was done"),
            n => write!(f, "{n} mistakes in the configuration; nothing was done"),
        }
    }
}

impl std::error::Error for ConfigErrors {}
