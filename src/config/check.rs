//! From merged layers to a typed configuration, or to the list of everything that is wrong with it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use chrono_tz::Tz;
use figment::value::{Dict, Value};

use super::CheckSchedule;
use super::errors::ConfigErrors;
use super::layers::{Inputs, Layers, PASSWORD_KEYS, TOKEN_KEYS, merged, variable_for};
use super::reader::{Reader, Section};
use super::routes::routes;
use super::secret::{TokenSource, chmod, clean_password, clean_token, is_exposed};
use super::spans::{KeyPath, is_token};
use super::suggest::closest;
use super::types::{Account, Config, FfmpegChoice, MediaWork, Network, Platform, ReadMode, Route};
use super::values::{self, Wrong};
use crate::transform::Mode;

pub(super) const TOP_KEYS: [&str; 6] = ["data_dir", "timezone", "accounts", "routes", "network", "media"];
pub(super) const NETWORK_KEYS: [&str; 2] = ["allow", "allow_http"];
pub(super) const MEDIA_KEYS: [&str; 3] = ["ffmpeg", "space", "encode_time"];
pub(super) const ACCOUNT_KEYS: [&str; 12] = [
    "platform",
    "instance",
    "handle",
    "token",
    "token_file",
    "token_command",
    "username",
    "password",
    "password_file",
    "password_command",
    "read",
    "settle",
];
const ACCOUNT_EXAMPLE: &str = "begin it with a line [accounts.NAME], and write its settings below";

/// An account as far as it could be read: others refer to it even when something about it is wrong.
pub(super) struct ReadAccount {
    pub path: KeyPath,
    pub platform: Option<Platform>,
    /// Whether a token is named at all, right or wrong.
    pub names_token: bool,
    pub account: Option<Account>,
}

/// A route as far as it could be read.
pub(super) struct ReadRoute {
    pub name: String,
    /// The destinations that exist, and where each was written.
    pub to: Vec<(String, KeyPath)>,
    pub route: Option<Route>,
}

/// Reads everything, and collects mistakes until the end.
pub(super) fn check(layers: &Layers, inputs: &Inputs, schedule: CheckSchedule) -> Result<Config, ConfigErrors> {
    let reader = Reader::new(layers);
    let top = Section::new(&[], layers.values.clone());
    reader.refuse_unknown(&top, &TOP_KEYS, belongs);
    refuse_exposed_token(&reader);

    let timezone = if top.has("timezone") {
        reader.parsed(&top, "timezone", values::timezone)
    } else {
        Some(machine_timezone(inputs))
    };
    let data_dir = data_dir(&reader, &top, inputs);
    let network = network(&reader, &top);
    let media = media(&reader, &top, inputs);
    // With a mistake in `network` nobody knows whether http is allowed: then it isn't complained about.
    let allow_http = network.as_ref().is_none_or(|network| network.allow_http);

    let accounts: BTreeMap<String, ReadAccount> = reader
        .tables(&top, "accounts", ACCOUNT_EXAMPLE)
        .into_iter()
        .map(|(name, values)| (name.clone(), account(&reader, inputs, &name, &values, allow_http)))
        .collect();
    let routes = routes(&reader, &top, &accounts, timezone.unwrap_or(Tz::UTC), schedule);
    refuse_missing_tokens(&reader, &accounts, &routes);
    refuse_impossible(&reader, &accounts, &routes);

    let accounts: Option<BTreeMap<_, _>> = accounts
        .into_iter()
        .map(|(name, read)| Some((name, read.account?)))
        .collect();
    let routes: Option<BTreeMap<_, _>> = routes.into_iter().map(|read| Some((read.name, read.route?))).collect();
    if let (Some(data_dir), Some(timezone), Some(network), Some(media), Some(accounts), Some(routes)) =
        (data_dir, timezone, network, media, accounts, routes)
    {
        let errors = reader.finish();
        if errors.is_empty() {
            return Ok(Config {
                data_dir,
                timezone,
                accounts,
                routes,
                network,
                media,
            });
        }
        return Err(ConfigErrors::new(errors));
    }
    Err(reader.failed())
}

/// Where a setting belongs that was written in the wrong place.
pub(super) fn belongs(key: &str) -> Option<String> {
    let table = match key {
        "account" => return Some("did you mean `accounts`?".into()),
        "route" => return Some("did you mean `routes`?".into()),
        _ if TOP_KEYS.contains(&key) => {
            return Some(format!(
                "`{key}` belongs at the top of the file, before the first line in [brackets]"
            ));
        }
        _ if ACCOUNT_KEYS.contains(&key) => "accounts.NAME",
        _ if super::routes::route_keys().contains(&key) => "routes.NAME",
        _ if NETWORK_KEYS.contains(&key) => "network",
        _ if MEDIA_KEYS.contains(&key) => "media",
        _ => return None,
    };
    Some(format!("`{key}` belongs under [{table}]"))
}

/// Names become parts of variables and of messages.
pub(super) fn check_name(reader: &Reader<'_>, path: &[String]) {
    let name = path.last().map_or("", String::as_str);
    if name.is_empty() || !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-') {
        let help = "use letters from a to z, digits, - and _";
        reader.wrong_key(path, Wrong::new(format!("{name:?} can't be a name"), help));
    }
}

fn refuse_missing_tokens(reader: &Reader<'_>, accounts: &BTreeMap<String, ReadAccount>, routes: &[ReadRoute]) {
    for (name, account) in accounts.iter().filter(|(_, account)| !account.names_token) {
        let publishing = routes.iter().find(|route| route.to.iter().any(|(to, _)| to == name));
        let Some(route) = publishing else { continue };
        let (message, help) = if account.platform == Some(Platform::Peertube) {
            let message = format!(
                "the route \"{}\" publishes here, but there is nothing to sign in with",
                route.name
            );
            let help = format!(
                "PeerTube's tokens live for a day: write username = \"NAME\" and password_command = [\"PROGRAM\", …] (or \
                 password_file = \"FILE\") in [accounts.{name}]"
            );
            (message, help)
        } else {
            let message = format!("the route \"{}\" publishes here, but there is no token", route.name);
            let variable = variable_for(&["accounts", name, "token"]);
            let help = format!(
                "write token_file = \"FILE\" or token_command = [\"PROGRAM\", …] in [accounts.{name}],\nor set {variable}"
            );
            (message, help)
        };
        reader.wrong_key(&account.path, Wrong::new(message, help));
    }
}

/// What a platform can't do is said before anything is read.
fn refuse_impossible(reader: &Reader<'_>, accounts: &BTreeMap<String, ReadAccount>, routes: &[ReadRoute]) {
    for read in routes {
        let Some(route) = &read.route else { continue };
        for (destination, (_, path)) in route.destinations.iter().zip(&read.to) {
            let platform = accounts.get(&destination.account).and_then(|account| account.platform);
            let refusal = match (destination.settings.making.mode, platform) {
                (Mode::Boost, Some(platform @ (Platform::Pixelfed | Platform::Peertube))) => Some(format!(
                    "mode = \"boost\": {platform} has no boosts of posts from elsewhere"
                )),
                (Mode::Link, Some(platform @ (Platform::Pixelfed | Platform::Peertube))) => Some(format!(
                    "mode = \"link\": {platform} takes no post without a picture or video"
                )),
                _ => None,
            };
            if let Some(message) = refusal {
                let help = format!(
                    "use mode = \"copy\" there: [routes.{}.on.{}]",
                    read.name, destination.account
                );
                reader.wrong_value(path, Wrong::new(message, help));
            }
        }
    }
}

/// A file with a token in it must be its owner's alone, whoever wins in the end.
fn refuse_exposed_token(reader: &Reader<'_>) {
    let Some(file) = &reader.layers.file else { return };
    let Some(mode) = file.mode.filter(|mode| is_exposed(*mode)) else {
        return;
    };
    let Some((_, place)) = file.places.iter().find(|(path, _)| is_token(path)) else {
        return;
    };
    let message = format!("there is a token or password in this file, and others can read it (mode {mode:04o})");
    reader.wrong_file(message, &place.key, chmod(&file.path));
}

/// `TZ`, else what the system says, else UTC.
fn machine_timezone(inputs: &Inputs) -> Tz {
    let by_variable = inputs
        .variable("TZ")
        .and_then(|zone| zone.trim_start_matches(':').parse().ok());
    let by_system = || iana_time_zone::get_timezone().ok()?.parse().ok();
    by_variable.or_else(by_system).unwrap_or(Tz::UTC)
}

fn data_dir(reader: &Reader<'_>, top: &Section, inputs: &Inputs) -> Option<PathBuf> {
    if let Some(dir) = &inputs.data_dir {
        if dir.as_os_str().is_empty() {
            let wrong = Wrong::new("--data-dir is empty", "give a directory, or leave it away");
            reader.wrong_argument(wrong);
            return None;
        }
        return Some(absolute(dir));
    }
    if top.has("data_dir") {
        let (text, path) = reader.text(top, "data_dir")?;
        return located(reader, inputs, &text, &path);
    }
    let platform = inputs
        .directory("STATE_DIRECTORY")
        .or_else(|| Some(inputs.directory("XDG_DATA_HOME")?.join("tombolo")))
        .or_else(|| Some(inputs.directory("HOME")?.join(".local/share/tombolo")));
    if platform.is_none() {
        let help = "write data_dir = \"/var/lib/tombolo\" at the top of the file, or give --data-dir";
        let wrong = Wrong::new(
            "there is no home directory (HOME is not set), so this must be said",
            help,
        );
        reader.wrong_key(&["data_dir".to_owned()], wrong);
    }
    platform
}

/// A path as it is meant: from the file's directory, the home directory, or the working directory.
fn located(reader: &Reader<'_>, inputs: &Inputs, text: &str, path: &KeyPath) -> Option<PathBuf> {
    if text.is_empty() || text.contains('\0') {
        reader.wrong_value(
            path,
            Wrong::new("the path is empty", "write a path, or leave the setting away"),
        );
        return None;
    }
    if let Some(rest) = text.strip_prefix('~') {
        let home = inputs.directory("HOME");
        let below = if rest.is_empty() {
            Some("")
        } else {
            rest.strip_prefix('/')
        };
        if let (Some(home), Some(below)) = (home, below) {
            return Some(home.join(below));
        }
        let wrong = if below.is_some() {
            Wrong::new("there is no home directory (HOME is not set)", "write the path in full")
        } else {
            Wrong::new(
                "only your own home directory can be written as ~/",
                "write the path in full",
            )
        };
        reader.wrong_value(path, wrong);
        return None;
    }
    let from_file = reader.layers.file.as_ref().filter(|_| !reader.is_from_variable(path));
    let base = from_file.and_then(|file| file.path.parent()).unwrap_or(Path::new(""));
    Some(absolute(&base.join(text)))
}

fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

fn network(reader: &Reader<'_>, top: &Section) -> Option<Network> {
    let Some(Value::Dict(_, table)) = top.values.get("network") else {
        let help = "begin it with a line [network], and write its settings below";
        reader.wrong_key(&["network".to_owned()], Wrong::new("must be a table", help));
        return None;
    };
    let section = Section::new(&["network"], table.clone());
    reader.refuse_unknown(&section, &NETWORK_KEYS, belongs);
    let texts = reader.list(&section, "allow", "[\"192.168.0.0/16\"]");
    let allow = texts.and_then(|texts| {
        let parsed: Vec<_> = texts
            .into_iter()
            .map(|(text, path)| {
                values::network(&text)
                    .map_err(|wrong| reader.wrong_value(&path, wrong))
                    .ok()
            })
            .collect();
        parsed.into_iter().collect::<Option<Vec<_>>>()
    });
    let allow_http = reader.flag(&section, "allow_http");
    Some(Network {
        allow: allow?,
        allow_http: allow_http?,
    })
}

fn account(reader: &Reader<'_>, inputs: &Inputs, name: &str, values: &Dict, allow_http: bool) -> ReadAccount {
    let section = Section::new(&["accounts", name], merged(&reader.layers.account_defaults, values));
    let path = section.paths[0].clone();
    check_name(reader, &path);
    let meant = reader.refuse_unknown(&section, &ACCOUNT_KEYS, belongs);
    let required = [
        ("platform", "platform = \"peertube\""),
        ("instance", "instance = \"https://video.example\""),
        ("handle", "handle = \"my_channel\""),
    ];
    match existing_account_meant(reader, name) {
        Some(existing) if !section.has("platform") => {
            let message = format!("there is no account named {name:?} in the configuration file");
            let help = format!("did you mean {}…?", variable_for(&["accounts", existing, ""]));
            reader.wrong_key(&path, Wrong::new(message, help));
        }
        _ => reader.refuse_missing(&section, &required, &meant),
    }

    let platform = reader.choice(&section, "platform");
    let instance = reader.parsed(&section, "instance", |text| values::instance(text, allow_http));
    let handle = reader.parsed(&section, "handle", values::handle);
    let read = reader.choice(&section, "read");
    if let (Some(Platform::Peertube), Some(ReadMode::Rss)) = (platform, read) {
        let help = "use read = \"api\", \"outbox\" or \"auto\"";
        reader.wrong_value(
            &reader.path(&section, "read"),
            Wrong::new("PeerTube's feeds aren't read", help),
        );
    }
    let settle = reader.duration(&section, "settle", ("1s", "1d"));
    let token = secret(reader, inputs, &section, TOKEN_KEYS);
    let password = secret(reader, inputs, &section, PASSWORD_KEYS);
    let username = if section.has("username") {
        reader.text(&section, "username")
    } else {
        None
    };
    let names = |keys: [&str; 3]| keys.iter().any(|key| section.has(key));
    refuse_half_a_login(reader, &section, platform, names(PASSWORD_KEYS));
    let names_token = names(TOKEN_KEYS) || names(PASSWORD_KEYS);
    let account = || {
        Some(Account {
            name: name.to_owned(),
            platform: platform?,
            instance: instance?,
            handle: handle?,
            read: read?,
            token,
            username: username.map(|(name, _)| name),
            password,
            settle: settle?,
        })
    };
    ReadAccount {
        path,
        platform,
        names_token,
        account: account(),
    }
}

/// For an account that only variables know: the account of the file that they probably mean.
fn existing_account_meant<'a>(reader: &Reader<'a>, name: &str) -> Option<&'a str> {
    let file = reader.layers.file.as_ref()?;
    let Some(Value::Dict(_, accounts)) = file.values.get("accounts") else {
        return None;
    };
    if accounts.contains_key(name) {
        return None;
    }
    closest(name, accounts.keys().map(String::as_str))
}

/// A name without a password, or the other way round, and both where tokens don't come from passwords.
fn refuse_half_a_login(reader: &Reader<'_>, section: &Section, platform: Option<Platform>, password: bool) {
    let name = section.has("username");
    let key = if name { "username" } else { "password" };
    let wrong = match platform {
        Some(Platform::Mastodon | Platform::Pixelfed) if name || password => Wrong::new(
            "only PeerTube accounts are signed in to with name and password",
            "use token_file or token_command here",
        ),
        _ if name && !password => Wrong::new(
            "there is a name to sign in with, but no password",
            "write password_command = [\"PROGRAM\", …] or password_file = \"FILE\"",
        ),
        _ if password && !name => Wrong::new(
            "there is a password, but no name to sign in with",
            "write username = \"NAME\": the name of the account, not of the channel",
        ),
        _ => return,
    };
    let named = PASSWORD_KEYS.into_iter().find(|key| section.has(key));
    let key = if name { key } else { named.unwrap_or(key) };
    reader.wrong_key(&reader.path(section, key), wrong);
}

/// A secret, given in one of three ways: itself, a file, a command.
fn secret(reader: &Reader<'_>, inputs: &Inputs, section: &Section, keys: [&str; 3]) -> Option<TokenSource> {
    let [own, file, command] = keys;
    let named: Vec<&str> = keys.into_iter().filter(|key| section.has(key)).collect();
    if named.len() > 1 {
        let all = named
            .iter()
            .map(|key| format!("`{key}`"))
            .collect::<Vec<_>>()
            .join(" and ");
        let wrong = Wrong::new(
            format!("there are {all}; only one can say what the {own} is"),
            "keep one of them",
        );
        reader.wrong_key(&reader.path(section, named[named.len() - 1]), wrong);
        return None;
    }
    let key = *named.first()?;
    if key == own {
        let (text, path) = reader.text(section, own)?;
        let help = if own == "token" {
            "copy it once more from where the instance shows it, or use token_file or token_command"
        } else {
            "use password_file or password_command"
        };
        let cleaned = if own == "token" {
            clean_token(&text)
        } else {
            clean_password(&text)
        };
        let token = cleaned.map_err(|problem| reader.wrong_value(&path, Wrong::new(problem, help)));
        token.ok().map(TokenSource::Value)
    } else if key == file {
        let (text, path) = reader.text(section, file)?;
        located(reader, inputs, &text, &path).map(TokenSource::File)
    } else {
        secret_command(reader, section, command)
    }
}

fn secret_command(reader: &Reader<'_>, section: &Section, key: &str) -> Option<TokenSource> {
    let path = reader.path(section, key);
    let example = "[\"pass\", \"show\", \"toots\"]";
    // Never split at spaces or commas: nobody could tell where an argument ends.
    if reader.is_from_variable(&path) && !section.raw_text(key).starts_with('[') {
        let wrong = Wrong::new("must be a list of program and arguments", format!("write {example}"));
        reader.wrong_value(&path, wrong);
        return None;
    }
    let argv: Vec<String> = reader
        .list(section, key, example)?
        .into_iter()
        .map(|(text, _)| text)
        .collect();
    if argv.first().is_none_or(String::is_empty) {
        reader.wrong_value(
            &path,
            Wrong::new("there is no program in it", format!("write {example}")),
        );
        return None;
    }
    Some(TokenSource::Command(argv))
}

fn media(reader: &Reader<'_>, top: &Section, inputs: &Inputs) -> Option<MediaWork> {
    let Some(Value::Dict(_, table)) = top.values.get("media") else {
        let help = "begin it with a line [media], and write its settings below";
        reader.wrong_key(&["media".to_owned()], Wrong::new("must be a table", help));
        return None;
    };
    let section = Section::new(&["media"], table.clone());
    reader.refuse_unknown(&section, &MEDIA_KEYS, belongs);
    let ffmpeg = reader
        .text(&section, "ffmpeg")
        .and_then(|(text, path)| match text.trim() {
            "auto" => Some(FfmpegChoice::Auto),
            "off" => Some(FfmpegChoice::Off),
            _ => located(reader, inputs, &text, &path).map(FfmpegChoice::At),
        });
    let space = reader.parsed(&section, "space", values::bytes);
    let encode_time = reader.duration(&section, "encode_time", ("1m", "7d"));
    Some(MediaWork {
        ffmpeg: ffmpeg?,
        space: space?,
        encode_time: encode_time?,
    })
}
