//! The layers: built-in defaults < the user's file < the environment, put together by figment.
//!
//! The environment is handed in, never asked for; its values stay the strings that they are.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

use figment::providers::{Format, Toml};
use figment::value::{Dict, Map, Value};
use figment::{Figment, Metadata, Profile, Provider};

use super::errors::{ConfigError, ConfigErrors};
use super::secret;
use super::spans::{KeyPath, SourceFile};

/// Every setting with its default: the lowest layer, and the reference for people.
pub const DEFAULTS: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/config/default.toml"));

/// What a newcomer copies.
pub const EXAMPLE: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/config/example.toml"));

/// In the defaults: what every account or route starts from.
const EVERY: &str = "*";

/// The keys of which an account has at most one; one in the environment replaces any in the file.
pub(super) const TOKEN_KEYS: [&str; 3] = ["token", "token_file", "token_command"];
/// The same for the password.
pub(super) const PASSWORD_KEYS: [&str; 3] = ["password", "password_file", "password_command"];

const PREFIX: &str = "TOMBOLO_";

/// Variables of ours that aren't settings.
const NOT_SETTINGS: [&str; 2] = ["TOMBOLO_CONFIG", "TOMBOLO_LOG"];

/// Far more than any configuration needs.
const LARGEST_FILE: u64 = 1024 * 1024;

/// What a configuration is made from.
#[derive(Clone)]
pub struct Inputs {
    /// `--config`.
    pub file: Option<PathBuf>,
    /// `--data-dir`.
    pub data_dir: Option<PathBuf>,
    /// The environment.
    pub env: BTreeMap<String, String>,
    /// The file for the whole machine, looked at last.
    pub system_file: PathBuf,
}

impl Inputs {
    /// Without arguments, in this environment.
    pub fn new(env: BTreeMap<String, String>) -> Self {
        Self {
            file: None,
            data_dir: None,
            env,
            system_file: PathBuf::from("/etc/tombolo/config.toml"),
        }
    }

    /// The same, in the environment of this process.
    pub fn from_process() -> Self {
        let lossy = |text: std::ffi::OsString| text.to_string_lossy().into_owned();
        Self::new(
            std::env::vars_os()
                .map(|(name, value)| (lossy(name), lossy(value)))
                .collect(),
        )
    }

    /// A variable, unless it is empty.
    pub(super) fn variable(&self, name: &str) -> Option<&str> {
        self.env.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// A directory by a variable: the first, where systemd gives several; absolute, as the XDG rules want.
    pub(super) fn directory(&self, name: &str) -> Option<PathBuf> {
        let first = self.variable(name)?.split(':').next()?;
        Some(PathBuf::from(first)).filter(|path| path.is_absolute())
    }

    fn usual_places(&self) -> Vec<PathBuf> {
        let systemd = self
            .directory("CONFIGURATION_DIRECTORY")
            .map(|dir| dir.join("config.toml"));
        let own = self
            .directory("XDG_CONFIG_HOME")
            .or_else(|| Some(self.directory("HOME")?.join(".config")));
        let own = own.map(|dir| dir.join("tombolo/config.toml"));
        systemd
            .into_iter()
            .chain(own)
            .chain([self.system_file.clone()])
            .collect()
    }
}

impl fmt::Debug for Inputs {
    /// Names of variables only: values may be secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inputs")
            .field("file", &self.file)
            .field("data_dir", &self.data_dir)
            .field("env", &self.env.keys())
            .finish_non_exhaustive()
    }
}

/// All layers, merged, with where everything came from.
pub(super) struct Layers {
    pub values: Dict,
    pub account_defaults: Dict,
    pub route_defaults: Dict,
    pub file: Option<SourceFile>,
    /// The variable that set something, by what it set.
    pub variables: BTreeMap<KeyPath, String>,
    /// Mistakes that can only be seen in the environment itself.
    pub errors: Vec<ConfigError>,
}

/// A layer that is in memory already.
struct Layer(&'static str, Dict);

impl Provider for Layer {
    fn metadata(&self) -> Metadata {
        Metadata::named(self.0)
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        Ok(Profile::Default.collect(self.1.clone()))
    }
}

/// `upper` over `lower`: tables are merged, everything else is replaced.
pub(super) fn merged(lower: &Dict, upper: &Dict) -> Dict {
    let figment = Figment::from(Layer("lower", lower.clone())).merge(Layer("upper", upper.clone()));
    // Both are in memory and extracted as they are: there is nothing that could fail.
    figment.extract().unwrap_or_default()
}

/// Finds and reads all layers.
pub(super) fn gather(inputs: &Inputs) -> Result<Layers, ConfigErrors> {
    let (path, file) = match open(inputs)? {
        Some((path, file)) => (path, Some(file)),
        None => (PathBuf::new(), None),
    };
    let file = file.map(|file| read(path, file)).transpose()?;
    let mut from_file = file.as_ref().map(|file| file.values.clone()).unwrap_or_default();

    let mut errors = Vec::new();
    let variables = variables(inputs, &from_file, &mut errors);
    let mut from_env = Dict::new();
    for (path, name) in &variables {
        if variables
            .keys()
            .any(|longer| longer.len() > path.len() && longer.starts_with(path))
        {
            let mut error = ConfigError::new("this is a table: its settings have variables of their own");
            error.variable = Some(name.clone());
            errors.push(error.key(path.join(".")).help(format!("unset {name}")));
            continue;
        }
        insert(&mut from_env, path, inputs.env.get(name).map_or("", String::as_str));
        for keys in [TOKEN_KEYS, PASSWORD_KEYS] {
            let is_one = path.len() == 3 && path[0] == "accounts" && keys.contains(&path[2].as_str());
            if let Some(account) = is_one.then(|| table_mut(&mut from_file, &path[..2])).flatten() {
                account.retain(|key, _| !keys.contains(&key.as_str()));
            }
        }
    }
    if file.is_none() && !from_env.contains_key("accounts") {
        return Err(nothing_found(inputs).into());
    }

    let misfit = |error: figment::Error| ConfigError::new(format!("the layers don't fit together: {error}"));
    let mut defaults: Dict = Figment::from(Toml::string(DEFAULTS)).extract().map_err(misfit)?;
    let mut every = |table: &str| match defaults.remove(table) {
        Some(Value::Dict(_, mut names)) => match names.remove(EVERY) {
            Some(Value::Dict(_, defaults)) => defaults,
            _ => Dict::new(),
        },
        _ => Dict::new(),
    };
    let (account_defaults, route_defaults) = (every("accounts"), every("routes"));
    let figment = Figment::from(Layer("defaults", defaults))
        .merge(Layer("configuration file", from_file))
        .merge(Layer("environment", from_env));
    let values = figment.extract().map_err(misfit)?;
    Ok(Layers {
        values,
        account_defaults,
        route_defaults,
        file,
        variables,
        errors,
    })
}

fn table_mut<'a>(dict: &'a mut Dict, path: &[String]) -> Option<&'a mut Dict> {
    path.iter().try_fold(dict, |dict, key| match dict.get_mut(key) {
        Some(Value::Dict(_, table)) => Some(table),
        _ => None,
    })
}

fn insert(dict: &mut Dict, path: &[String], value: &str) {
    match path {
        [] => {}
        [key] => drop(dict.insert(key.clone(), value.into())),
        [key, rest @ ..] => {
            if let Value::Dict(_, table) = dict.entry(key.clone()).or_insert_with(|| Dict::new().into()) {
                insert(table, rest, value);
            }
        }
    }
}

/// Which variable sets what.
fn variables(inputs: &Inputs, file: &Dict, errors: &mut Vec<ConfigError>) -> BTreeMap<KeyPath, String> {
    let names_in = |table: &str| match file.get(table) {
        Some(Value::Dict(_, names)) => names.keys().cloned().collect(),
        _ => Vec::new(),
    };
    let (accounts, routes) = (names_in("accounts"), names_in("routes"));
    let mut found = BTreeMap::new();
    for name in inputs.env.keys().filter(|name| !NOT_SETTINGS.contains(&name.as_str())) {
        let Some(setting) = name.strip_prefix(PREFIX) else {
            continue;
        };
        let mut path: KeyPath = setting.to_lowercase().split("__").map(str::to_owned).collect();
        if path.iter().any(String::is_empty) {
            let mut error = ConfigError::new("this variable names no setting");
            error.variable = Some(name.clone());
            errors.push(error.help(format!(
                "parts are joined by two underscores: {PREFIX}ACCOUNTS__TOOTS__TOKEN"
            )));
            continue;
        }
        // Variables can't tell `My-Toots` from `my_toots`: the file's spelling is meant.
        let table = path[0].clone();
        if let Some(part) = path.get_mut(1) {
            match table.as_str() {
                "accounts" => spell_as_in(&accounts, part),
                "routes" => spell_as_in(&routes, part),
                _ => {}
            }
        }
        if table == "routes"
            && path.get(2).is_some_and(|part| part == "on")
            && let Some(part) = path.get_mut(3)
        {
            spell_as_in(&accounts, part);
        }
        found.insert(path, name.clone());
    }
    found
}

fn spell_as_in(names: &[String], part: &mut String) {
    let folded = |name: &str| name.to_lowercase().replace('-', "_");
    let alike = || names.iter().filter(|name| folded(name) == folded(part));
    let name = names.iter().find(|name| *name == part).or_else(|| alike().next());
    if let Some(name) = name {
        *part = name.clone();
    }
}

/// The variable that sets this.
pub(super) fn variable_for(path: &[&str]) -> String {
    let parts: Vec<String> = path.iter().map(|part| part.to_uppercase().replace('-', "_")).collect();
    format!("{PREFIX}{}", parts.join("__"))
}

fn open(inputs: &Inputs) -> Result<Option<(PathBuf, File)>, ConfigErrors> {
    let named = match (&inputs.file, inputs.variable("TOMBOLO_CONFIG")) {
        (Some(file), _) => Some((file.clone(), "--config")),
        (None, Some(file)) => Some((PathBuf::from(file), "TOMBOLO_CONFIG")),
        (None, None) => None,
    };
    if let Some((path, by)) = named {
        return match File::open(&path) {
            Ok(file) => Ok(Some((path, file))),
            Err(error) if error.kind() == ErrorKind::NotFound => Err(ConfigError::new(format!(
                "there is no file {}, which {by} names",
                path.display()
            ))
            .help("give the path of a configuration file, or leave it out to use the usual places")
            .into()),
            Err(error) => Err(unreadable(&path, &error).into()),
        };
    }
    for path in inputs.usual_places() {
        match File::open(&path) {
            Ok(file) => return Ok(Some((path, file))),
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {}
            Err(error) => return Err(unreadable(&path, &error).into()),
        }
    }
    Ok(None)
}

fn read(path: PathBuf, file: File) -> Result<SourceFile, ConfigErrors> {
    let mode = secret::mode(&file).map_err(|error| unreadable(&path, &error))?;
    let mut bytes = Vec::new();
    file.take(LARGEST_FILE + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| unreadable(&path, &error))?;
    let in_file = |message: String| ConfigError {
        file: Some(path.clone()),
        ..ConfigError::new(message)
    };
    if bytes.len() as u64 > LARGEST_FILE {
        return Err(in_file("this file is far too large for a configuration".into())
            .help("is it the right file?")
            .into());
    }
    let text = match String::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => {
            let line = error.as_bytes()[..error.utf8_error().valid_up_to()]
                .split(|b| *b == b'\n')
                .count();
            return Err(in_file(format!("line {line} is not UTF-8 text"))
                .help("save the file as UTF-8")
                .into());
        }
    };
    SourceFile::parse(path, mode, text)
}

fn unreadable(path: &Path, error: &std::io::Error) -> ConfigError {
    let help = match error.kind() {
        ErrorKind::PermissionDenied => "is tombolo running as the user whose file this is?",
        ErrorKind::IsADirectory => "name the file in it",
        _ => "",
    };
    ConfigError::new(format!(
        "the configuration file {} can't be read: {error}",
        path.display()
    ))
    .help(help)
}

fn nothing_found(inputs: &Inputs) -> ConfigError {
    let places = inputs.usual_places();
    let looked = places
        .iter()
        .map(|path| format!("  {}", path.display()))
        .collect::<Vec<_>>()
        .join("\n");
    let beginning = match places.iter().rev().nth(1).unwrap_or(&inputs.system_file) {
        path if inputs.directory("CONFIGURATION_DIRECTORY").is_some() => places.first().unwrap_or(path),
        path => path,
    };
    let beginning = secret::shell_word(beginning);
    ConfigError::new("there is no configuration yet").help(format!(
        "tombolo looked for it here:\n{looked}\n\
         To begin, save this as {beginning}, with your own names in it:\n\n{}\n\n\
         The token comes from your Mastodon instance: Preferences > Development > New application.\n\
         Keep it in that file, readable by you alone (chmod 600). Then see what would be done:\n\n  \
         tombolo sync --dry-run",
        shortest_example()
    ))
}

/// The example without its comments.
fn shortest_example() -> String {
    let code = |line: &'static str| match line.split_once(" #") {
        Some((code, _)) => code.trim_end(),
        None => line,
    };
    let lines = EXAMPLE
        .lines()
        .filter(|line| !line.starts_with('#') && !line.is_empty())
        .map(code);
    lines
        .map(|line| {
            if line.starts_with('[') {
                format!("\n  {line}")
            } else {
                format!("  {line}")
            }
        })
        .collect::<Vec<_>>()
        .join("\n")
        .trim_matches('\n')
        .to_owned()
}
