//! From merged layers to a typed configuration, or to the list of everything that is wrong with it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use chrono_tz::Tz;
use figment::value::{Dict, Value};

use super::CheckSchedule;
use super::errors::ConfigErrors;
use super::layers::{Inputs, Layers, TOKEN_KEYS, merged, variable_for};
use super::reader::{Reader, Section};
use super::routes::routes;
use super::secret::{TokenSource, chmod, clean_token, is_exposed};
use super::spans::{KeyPath, is_token};
use super::suggest::closest;
use super::types::{Account, Config, Network, Platform, Route, Supported};
use super::values::{self, Wrong};

pub(super) const TOP_KEYS: [&str; 5] = ["data_dir", "timezone", "accounts", "routes", "network"];
pub(super) const NETWORK_KEYS: [&str; 2] = ["allow", "allow_http"];
pub(super) const ACCOUNT_KEYS: [&str; 8] = [
    "platform",
    "instance",
    "handle",
    "token",
    "token_file",
    "token_command",
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
    /// The account that is read, if it exists, and where that was written.
    pub from: Option<(String, KeyPath)>,
    /// The same for its destinations.
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
    // With a mistake in `network` nobody knows whether http is allowed: then it isn't complained about.
    let allow_http = network.as_ref().is_none_or(|network| network.allow_http);

    let accounts: BTreeMap<String, ReadAccount> = reader
        .tables(&top, "accounts", ACCOUNT_EXAMPLE)
        .into_iter()
        .map(|(name, values)| (name.clone(), account(&reader, inputs, &name, &values, allow_http)))
        .collect();
    let routes = routes(&reader, &top, &accounts, timezone.unwrap_or(Tz::UTC), schedule);
    for (path, wrong) in refuse_unsupported(&inputs.supported, &accounts, &routes) {
        reader.wrong_value(&path, wrong);
    }
    refuse_missing_tokens(&reader, &inputs.supported, &accounts, &routes);

    let accounts: Option<BTreeMap<_, _>> = accounts
        .into_iter()
        .map(|(name, read)| Some((name, read.account?)))
        .collect();
    let routes: Option<BTreeMap<_, _>> = routes.into_iter().map(|read| Some((read.name, read.route?))).collect();
    if let (Some(data_dir), Some(timezone), Some(network), Some(accounts), Some(routes)) =
        (data_dir, timezone, network, accounts, routes)
    {
        let errors = reader.finish();
        if errors.is_empty() {
            return Ok(Config {
                data_dir,
                timezone,
                accounts,
                routes,
                network,
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
        _ if super::routes::ROUTE_KEYS.contains(&key) => "routes.NAME",
        _ if NETWORK_KEYS.contains(&key) => "network",
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

/// "This version carries …", as data: a version that can do more is given longer lists.
fn refuse_unsupported(
    supported: &Supported,
    accounts: &BTreeMap<String, ReadAccount>,
    routes: &[ReadRoute],
) -> Vec<(KeyPath, Wrong)> {
    let Supported { sources, destinations } = supported;
    let list = |platforms: &[Platform]| platforms.iter().map(Platform::to_string).collect::<Vec<_>>().join(", ");
    let help = format!("this version carries from {} to {}", list(sources), list(destinations));
    let platform = |name: &str| {
        let platform = accounts.get(name)?.platform?;
        (sources.contains(&platform) || destinations.contains(&platform)).then_some(platform)
    };
    let mut refused = Vec::new();
    for account in accounts.values() {
        if let Some(unknown) = account
            .platform
            .filter(|p| !sources.contains(p) && !destinations.contains(p))
        {
            let path = account.path.iter().cloned().chain(["platform".to_owned()]).collect();
            refused.push((
                path,
                Wrong::new(format!("{unknown} is not supported yet"), help.clone()),
            ));
        }
    }
    for route in routes {
        if let Some((name, path)) = &route.from
            && let Some(platform) = platform(name).filter(|platform| !sources.contains(platform))
        {
            let message = format!(
                "the route \"{}\" can't read from \"{name}\", a {platform} account",
                route.name
            );
            refused.push((path.clone(), Wrong::new(message, help.clone())));
        }
        for (name, path) in &route.to {
            if let Some(platform) = platform(name).filter(|platform| !destinations.contains(platform)) {
                let message = format!(
                    "the route \"{}\" can't publish to \"{name}\", a {platform} account",
                    route.name
                );
                refused.push((path.clone(), Wrong::new(message, help.clone())));
            }
        }
    }
    refused
}

fn refuse_missing_tokens(
    reader: &Reader<'_>,
    supported: &Supported,
    accounts: &BTreeMap<String, ReadAccount>,
    routes: &[ReadRoute],
) {
    // Where nothing can be published to anyway, a token wouldn't help.
    let refused = |account: &ReadAccount| account.platform.is_some_and(|p| !supported.destinations.contains(&p));
    for (name, account) in accounts
        .iter()
        .filter(|(_, account)| !account.names_token && !refused(account))
    {
        let publishing = routes.iter().find(|route| route.to.iter().any(|(to, _)| to == name));
        let Some(route) = publishing else { continue };
        let message = format!("the route \"{}\" publishes here, but there is no token", route.name);
        let variable = variable_for(&["accounts", name, "token"]);
        let help = format!(
            "write token_file = \"FILE\" or token_command = [\"PROGRAM\", …] in [accounts.{name}],\nor set {variable}"
        );
        reader.wrong_key(&account.path, Wrong::new(message, help));
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
    let message = format!("there is a token in this file, and others can read it (mode {mode:04o})");
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
    let settle = reader.duration(&section, "settle", ("1s", "1d"));
    let names_token = TOKEN_KEYS.iter().any(|key| section.has(key));
    let token = token(reader, inputs, &section);
    let account = || {
        Some(Account {
            name: name.to_owned(),
            platform: platform?,
            instance: instance?,
            handle: handle?,
            read: read?,
            token,
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

fn token(reader: &Reader<'_>, inputs: &Inputs, section: &Section) -> Option<TokenSource> {
    let named: Vec<&str> = TOKEN_KEYS.into_iter().filter(|key| section.has(key)).collect();
    if named.len() > 1 {
        let all = named
            .iter()
            .map(|key| format!("`{key}`"))
            .collect::<Vec<_>>()
            .join(" and ");
        let wrong = Wrong::new(
            format!("there are {all}; only one can say what the token is"),
            "keep one of them",
        );
        reader.wrong_key(&reader.path(section, named[named.len() - 1]), wrong);
        return None;
    }
    match *named.first()? {
        "token" => {
            let (text, path) = reader.text(section, "token")?;
            let help = "copy it once more from where the instance shows it, or use token_file or token_command";
            let token = clean_token(&text).map_err(|problem| reader.wrong_value(&path, Wrong::new(problem, help)));
            token.ok().map(TokenSource::Value)
        }
        "token_file" => {
            let (text, path) = reader.text(section, "token_file")?;
            located(reader, inputs, &text, &path).map(TokenSource::File)
        }
        _ => token_command(reader, section),
    }
}

fn token_command(reader: &Reader<'_>, section: &Section) -> Option<TokenSource> {
    let path = reader.path(section, "token_command");
    let example = "[\"pass\", \"show\", \"toots\"]";
    // Never split at spaces or commas: nobody could tell where an argument ends.
    if reader.is_from_variable(&path) && !section.raw_text("token_command").starts_with('[') {
        let wrong = Wrong::new("must be a list of program and arguments", format!("write {example}"));
        reader.wrong_value(&path, wrong);
        return None;
    }
    let argv: Vec<String> = reader
        .list(section, "token_command", example)?
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
