//! Routes: which accounts they join, and the settings of each destination.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use chrono_tz::Tz;
use figment::value::Dict;
use tombolo_text::Template;

use super::CheckSchedule;
use super::check::{ReadAccount, ReadRoute, belongs, check_name};
use super::layers::merged;
use super::reader::{Reader, Section};
use super::spans::KeyPath;
use super::suggest::closest;
use super::types::{Destination, Route, Settings};
use super::values::{self, Choice, Upload, Wrong};
use crate::transform::{Kind, Rules, Settings as Making};

/// What belongs to the route as a whole.
const WHOLE_KEYS: [&str; 5] = ["from", "to", "schedule", "jitter", "on"];

/// What `[routes.R.on.ACCOUNT]` may change.
pub(super) const SETTINGS_KEYS: [&str; 24] = [
    "since",
    "visibility",
    "include_unlisted",
    "hashtags",
    "backfill_per_run",
    "mode",
    "overflow",
    "template",
    "captions",
    "teaser",
    "slideshow",
    "upload",
    "kinds",
    "tags",
    "without_tags",
    "words",
    "without_words",
    "languages",
    "min_duration",
    "max_duration",
    "sensitive",
    "replies",
    "min_age",
    "require_alt",
];

/// Every key of a route.
pub(super) fn route_keys() -> Vec<&'static str> {
    WHOLE_KEYS.into_iter().chain(SETTINGS_KEYS).collect()
}

const ROUTE_EXAMPLE: &str = "begin it with a line [routes.NAME], and write its settings below";
const TO_EXAMPLE: &str = "[\"toots\"]";

type Accounts = BTreeMap<String, ReadAccount>;

/// Reads all routes.
pub(super) fn routes(
    reader: &Reader<'_>,
    top: &Section,
    accounts: &Accounts,
    timezone: Tz,
    schedule: CheckSchedule,
) -> Vec<ReadRoute> {
    let tables = reader.tables(top, "routes", ROUTE_EXAMPLE);
    tables
        .into_iter()
        .map(|(name, values)| route(reader, accounts, timezone, schedule, name, &values))
        .collect()
}

fn route(
    reader: &Reader<'_>,
    accounts: &Accounts,
    timezone: Tz,
    check_schedule: CheckSchedule,
    name: String,
    values: &Dict,
) -> ReadRoute {
    let section = Section::new(&["routes", &name], merged(&reader.layers.route_defaults, values));
    check_name(reader, &section.paths[0]);
    let meant = reader.refuse_unknown(&section, &route_keys(), belongs);
    reader.refuse_missing(
        &section,
        &[("from", "from = \"channel\""), ("to", "to = [\"toots\"]")],
        &meant,
    );

    let from = from(reader, accounts, &section);
    let to = to(reader, accounts, &section);
    if let Some((from, _)) = &from {
        refuse_the_same_login(reader, accounts, from, to.as_deref().unwrap_or_default());
    }
    let schedule = reader.parsed(&section, "schedule", |text| {
        let help = "write five fields as in crontab: \"*/15 * * * *\", or a word: \"@hourly\", \"@daily\"";
        let checked = check_schedule(text).map(|()| text.to_owned());
        checked.map_err(|why| Wrong::new(format!("{text:?} is no schedule: {why}"), help))
    });
    let jitter = reader.duration(&section, "jitter", ("0s", "1h"));
    // Wrong settings of the route are wrong even when every destination has its own.
    let own = settings(reader, &section, timezone);
    let on = on(reader, accounts, &section, to.as_deref());
    let destinations: Option<Vec<Destination>> = to.as_ref().and_then(|to| {
        let read: Vec<_> = to
            .iter()
            .map(|(account, _)| destination(reader, &section, account, on.get(account), timezone))
            .collect();
        read.into_iter().collect()
    });

    let route = || {
        Some(Route {
            name: name.clone(),
            from: from.as_ref().map(|(from, _)| from.clone())?,
            destinations: own.and(destinations)?,
            schedule: schedule?,
            jitter: jitter?,
        })
    };
    let route = route();
    ReadRoute {
        name,
        to: to.unwrap_or_default(),
        route,
    }
}

fn from(reader: &Reader<'_>, accounts: &Accounts, section: &Section) -> Option<(String, KeyPath)> {
    let (name, path) = reader.text(section, "from")?;
    if let Some(wrong) = unknown(accounts, &name) {
        reader.wrong_value(&path, wrong);
        return None;
    }
    Some((name, path))
}

/// The accounts of `to` that exist, each once; `None` when there is no such list at all.
fn to(reader: &Reader<'_>, accounts: &Accounts, section: &Section) -> Option<Vec<(String, KeyPath)>> {
    let list = reader.list(section, "to", TO_EXAMPLE)?;
    if list.is_empty() {
        let wrong = Wrong::new("the route leads nowhere", format!("name an account: to = {TO_EXAMPLE}"));
        reader.wrong_value(&reader.path(section, "to"), wrong);
        return None;
    }
    let mut to: Vec<(String, KeyPath)> = Vec::new();
    for (name, path) in list {
        if to.iter().any(|(seen, _)| *seen == name) {
            reader.wrong_value(&path, Wrong::new(format!("\"{name}\" is named twice"), "name it once"));
        } else if let Some(wrong) = unknown(accounts, &name) {
            reader.wrong_value(&path, wrong);
        } else {
            to.push((name, path));
        }
    }
    Some(to)
}

/// What to say about a name that no account has.
fn unknown(accounts: &Accounts, name: &str) -> Option<Wrong> {
    if accounts.contains_key(name) {
        return None;
    }
    let names = || accounts.keys().map(String::as_str);
    let help = match (accounts.is_empty(), closest(name, names())) {
        (true, _) => "no accounts are defined: add one, beginning with a line [accounts.NAME]".to_owned(),
        (_, Some(near)) => {
            format!(
                "did you mean {near:?}? accounts defined here: {}",
                names().collect::<Vec<_>>().join(", ")
            )
        }
        (_, None) => format!("accounts defined here: {}", names().collect::<Vec<_>>().join(", ")),
    };
    Some(Wrong::new(format!("there is no account named {name:?}"), help))
}

/// The same account under its own name or under another.
fn refuse_the_same_login(reader: &Reader<'_>, accounts: &Accounts, from: &str, to: &[(String, KeyPath)]) {
    let login = |name: &str| {
        let account = accounts.get(name)?.account.as_ref()?;
        Some((
            account.platform,
            account.instance.clone(),
            account.handle.name.to_lowercase(),
        ))
    };
    for (name, path) in to {
        if name == from {
            let help = "name another account in `from` or in `to`";
            reader.wrong_value(path, Wrong::new("the route leads back to where it comes from", help));
        } else if login(name).is_some() && login(name) == login(from) {
            let message = format!("{name:?} and {from:?} are the same account at the same instance");
            reader.wrong_value(path, Wrong::new(message, "a route leads from one account to another"));
        }
    }
}

/// The tables under `on`, by destination.
fn on(
    reader: &Reader<'_>,
    accounts: &Accounts,
    section: &Section,
    to: Option<&[(String, KeyPath)]>,
) -> BTreeMap<String, Dict> {
    let route = section.paths[0].last().map_or("", String::as_str);
    let example = format!("begin it with a line [routes.{route}.on.ACCOUNT], and write its settings below");
    let mut on = BTreeMap::new();
    for (account, table) in reader.tables(section, "on", &example) {
        let path: KeyPath = section.paths[0]
            .iter()
            .cloned()
            .chain(["on".to_owned(), account.clone()])
            .collect();
        let overrides = Section {
            paths: vec![path.clone()],
            values: table.clone(),
        };
        reader.refuse_unknown(&overrides, &SETTINGS_KEYS, |key| {
            let whole_route = WHOLE_KEYS.contains(&key);
            whole_route
                .then(|| format!("`{key}` is the same for all destinations: make a route of its own for \"{account}\""))
        });
        match to {
            Some(to) if !to.iter().any(|(name, _)| *name == account) => {
                let leads_elsewhere = || {
                    let remedy = format!("add {account:?} to `to`, or take this out");
                    Wrong::new(format!("the route does not lead to {account:?}"), remedy)
                };
                reader.wrong_key(&path, unknown(accounts, &account).unwrap_or_else(leads_elsewhere));
            }
            _ => drop(on.insert(account, table)),
        }
    }
    on
}

fn destination(
    reader: &Reader<'_>,
    route: &Section,
    account: &str,
    overrides: Option<&Dict>,
    timezone: Tz,
) -> Option<Destination> {
    let mut values: Dict = route.values.clone();
    values.retain(|key, _| SETTINGS_KEYS.contains(&key.as_str()));
    if let Some(overrides) = overrides {
        values = merged(&values, overrides);
    }
    let on: KeyPath = route.paths[0]
        .iter()
        .cloned()
        .chain(["on".to_owned(), account.to_owned()])
        .collect();
    let section = Section {
        paths: vec![on, route.paths[0].clone()],
        values,
    };
    let settings = settings(reader, &section, timezone)?;
    Some(Destination {
        account: account.to_owned(),
        settings,
    })
}

fn settings(reader: &Reader<'_>, section: &Section, timezone: Tz) -> Option<Settings> {
    let since = reader.parsed(section, "since", |text| values::since(text, timezone));
    let backfill_per_run = reader.count(section, "backfill_per_run", 1..=1000);
    let rules = rules(reader, section);
    let visibility = reader.parsed(section, "visibility", values::visibility);
    let hashtags = reader.count(section, "hashtags", 0..=100);
    let mode = reader.choice(section, "mode");
    let overflow = reader.choice(section, "overflow");
    let template = template(reader, section);
    let captions = reader.choice(section, "captions");
    let teaser = reader.duration(section, "teaser", ("0s", "1h")).map(seconds);
    let slideshow = reader.duration(section, "slideshow", ("0s", "1m")).map(seconds);
    let upload = reader.choice::<Upload>(section, "upload");
    Some(Settings {
        since: since?,
        backfill_per_run: backfill_per_run?,
        making: Making {
            rules: rules?,
            visibility: visibility?,
            hashtags: hashtags?,
            mode: mode?,
            overflow: overflow?,
            template,
            captions: captions?,
            teaser: teaser?,
            slideshow: slideshow?,
            import: upload? == Upload::Import,
        },
    })
}

/// Whole seconds; none means that the setting is off.
fn seconds(time: Duration) -> Option<u32> {
    u32::try_from(time.as_secs()).ok().filter(|seconds| *seconds > 0)
}

fn rules(reader: &Reader<'_>, section: &Section) -> Option<Rules> {
    let kinds = parsed_list(reader, section, "kinds", "[\"video\", \"photo\"]", Kind::parse);
    let tags = parsed_list(reader, section, "tags", "[\"art\"]", tag);
    let without_tags = parsed_list(reader, section, "without_tags", "[\"nocrosspost\"]", tag);
    let words = parsed_list(reader, section, "words", "[\"concert\"]", word);
    let without_words = parsed_list(reader, section, "without_words", "[\"draft\"]", word);
    let languages = parsed_list(reader, section, "languages", "[\"en\"]", values::language);
    let any = |time: Duration| Some(time).filter(|time| !time.is_zero());
    let min_duration = reader.duration(section, "min_duration", ("0s", "7d")).map(any);
    let max_duration = reader.duration(section, "max_duration", ("0s", "7d")).map(any);
    if let (Some(Some(least)), Some(Some(most))) = (min_duration, max_duration)
        && least > most
    {
        let wrong = Wrong::new(
            "no video is as long as that: max_duration is less than min_duration",
            "write a longer max_duration",
        );
        reader.wrong_value(&reader.path(section, "max_duration"), wrong);
    }
    let include_unlisted = reader.flag(section, "include_unlisted");
    let sensitive = reader.choice(section, "sensitive");
    let replies = reader.choice(section, "replies");
    let min_age = reader.duration(section, "min_age", ("0s", "30d"));
    let require_alt = reader.choice(section, "require_alt");
    Some(Rules {
        include_unlisted: include_unlisted?,
        kinds: kinds?.into_iter().collect(),
        tags: tags?,
        without_tags: without_tags?,
        words: words?,
        without_words: without_words?,
        languages: languages?,
        min_duration: min_duration?,
        max_duration: max_duration?,
        sensitive: sensitive?,
        replies: replies?,
        min_age: min_age?,
        require_alt: require_alt?,
    })
}

/// A list whose entries have a meaning; every wrong one is told.
fn parsed_list<T>(
    reader: &Reader<'_>,
    section: &Section,
    key: &str,
    example: &str,
    parse: impl Fn(&str) -> Result<T, Wrong>,
) -> Option<Vec<T>> {
    let texts = reader.list(section, key, example)?;
    let parsed: Vec<Option<T>> = texts
        .into_iter()
        .map(|(text, path)| parse(&text).map_err(|wrong| reader.wrong_value(&path, wrong)).ok())
        .collect();
    parsed.into_iter().collect()
}

fn tag(text: &str) -> Result<String, Wrong> {
    let bare = text.trim().trim_start_matches('#');
    if bare.is_empty() {
        return Err(Wrong::new("the tag is empty", "write it without #: \"art\""));
    }
    Ok(bare.to_owned())
}

fn word(text: &str) -> Result<String, Wrong> {
    if text.trim().is_empty() {
        return Err(Wrong::new(
            "the word is empty",
            "write a word or a few: \"live concert\"",
        ));
    }
    Ok(text.trim().to_owned())
}

/// The template, tried out: what is wrong with it is told now, not when the first post comes.
fn template(reader: &Reader<'_>, section: &Section) -> Option<Arc<Template>> {
    let (text, path) = reader
        .text(section, "template")
        .filter(|(text, _)| !text.trim().is_empty())?;
    match Template::parse(&text) {
        // Without it a copy couldn't be found again after a request without an answer.
        Ok(template) if !template.shows_link() => {
            let wrong = Wrong::new(
                "the template doesn't show the link to the original, by which a copy is known",
                "write {{ link }} into it",
            );
            reader.wrong_value(&path, wrong);
            None
        }
        Ok(template) => Some(Arc::new(template)),
        Err(e) => {
            let help = "variables: title, body, summary, link, tags, account, platform, kind, duration, published, \
                        language; filters: fit, hashtags(max=5), truncate_graphemes(n), date(\"%d.%m.%Y\")";
            reader.wrong_value(&path, Wrong::new(format!("the template can't be used: {e}"), help));
            None
        }
    }
}
