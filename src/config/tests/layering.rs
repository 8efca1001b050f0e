//! Which layer wins, and what comes out.

use std::time::Duration;

use chrono::{TimeZone, Utc};
use secrecy::ExposeSecret;
use tombolo_model::Visibility;

use super::super::*;
use super::*;

#[test]
fn a_short_file_gets_all_defaults() {
    let config = World::with(GOOD).config();
    let account = &config.accounts["channel"];
    assert_eq!(
        (account.read, account.settle),
        (ReadMode::Auto, Duration::from_secs(60))
    );
    let route = &config.routes["videos"];
    assert_eq!(
        (route.schedule.as_str(), route.jitter),
        ("*/15 * * * *", Duration::from_secs(30))
    );
    assert_eq!(route.destinations.len(), 1);
    let settings = &route.destinations[0].settings;
    assert_eq!((settings.since, settings.backfill_per_run), (Since::Now, 10));
    let making = &settings.making;
    // The defaults of the file are those of the library.
    let library = crate::transform::Settings::default();
    assert_eq!(making.rules, library.rules);
    assert_eq!((making.visibility, making.hashtags), (Visibility::Public, 10));
    assert_eq!(
        (making.mode, making.overflow, making.captions),
        (library.mode, library.overflow, library.captions)
    );
    assert!(making.template.is_none() && making.teaser.is_none() && making.slideshow.is_none() && !making.import);
    assert_eq!(config.media.ffmpeg, FfmpegChoice::Auto);
    assert_eq!(config.media.space, 8 << 30);
    assert_eq!(config.network, Network::default());
}

#[test]
fn one_destination_can_differ() {
    let text = r#"
        visibility = "private"
        hashtags = 3
        since = 2026-01-31
        [routes.videos.on.toots]
        visibility = "unlisted"
        since = "beginning"
    "#;
    let config = World::with(&format!("{GOOD}{text}")).config();
    let settings = &config.routes["videos"].destinations[0].settings;
    assert_eq!(settings.making.visibility, Visibility::Unlisted);
    assert_eq!(settings.since, Since::Beginning);
    assert_eq!(settings.making.hashtags, 3);
}

#[test]
fn inline_tables_and_dotted_keys_mean_the_same() {
    let text = r#"
        timezone = "UTC"
        accounts.channel = { platform = "peertube", instance = "https://video.example:8443/", handle = "@my_channel@video.example" }
        accounts.toots.platform = "mastodon"
        accounts.toots.instance = "https://mastodon.example"
        accounts.toots.handle = "acct:me@Social.Example"
        accounts.toots.token = 12345
        routes.videos = { from = "channel", to = ["toots"], on = { toots = { visibility = "unlisted" } } }
        network.allow = ["10.1.2.3/8", "::1/128"]
    "#;
    let config = World::with(text).config();
    assert_eq!(
        config.accounts["channel"].instance.as_str(),
        "https://video.example:8443/"
    );
    assert_eq!(
        config.accounts["channel"].handle.to_string(),
        "my_channel@video.example"
    );
    assert_eq!(config.accounts["toots"].handle.to_string(), "me@social.example");
    assert_eq!(
        config.routes["videos"].destinations[0].settings.making.visibility,
        Visibility::Unlisted
    );
    assert_eq!(format!("{:?}", config.network.allow), "[10.0.0.0/8, ::1/128]");
}

#[test]
fn the_environment_wins_over_the_file() {
    let world = World::with(&format!("timezone = \"Asia/Tokyo\"\n{GOOD}"))
        .env("TOMBOLO_TIMEZONE", "Europe/Lisbon")
        .env("TOMBOLO_ROUTES__VIDEOS__HASHTAGS", "7")
        .env("TOMBOLO_ROUTES__VIDEOS__INCLUDE_UNLISTED", "true")
        .env("TOMBOLO_ROUTES__VIDEOS__ON__TOOTS__VISIBILITY", "private")
        .env("TOMBOLO_NETWORK__ALLOW", "127.0.0.0/8, ::1/128")
        .env("TOMBOLO_LOG", "debug")
        .env("UNRELATED", "x");
    let loaded = world.load().expect("no mistakes");
    let config = &loaded.config;
    assert_eq!(config.timezone, chrono_tz::Europe::Lisbon);
    let settings = &config.routes["videos"].destinations[0].settings;
    assert_eq!(
        (settings.making.hashtags, settings.making.rules.include_unlisted),
        (7, true)
    );
    assert_eq!(settings.making.visibility, Visibility::Private);
    assert_eq!(config.network.allow.len(), 2);
    assert_eq!(loaded.sources().file, Some(world.path(".config/tombolo/config.toml")));
    assert_eq!(loaded.sources().variables.len(), 5);
}

#[test]
fn the_environment_alone_is_enough() {
    let world = World::empty()
        .env("TOMBOLO_ACCOUNTS__CHANNEL__PLATFORM", "peertube")
        .env("TOMBOLO_ACCOUNTS__CHANNEL__INSTANCE", "https://video.example")
        .env("TOMBOLO_ACCOUNTS__CHANNEL__HANDLE", "my_channel")
        .env("TOMBOLO_ACCOUNTS__TOOTS__PLATFORM", "mastodon")
        .env("TOMBOLO_ACCOUNTS__TOOTS__INSTANCE", "https://mastodon.example")
        .env("TOMBOLO_ACCOUNTS__TOOTS__HANDLE", "me")
        .env("TOMBOLO_ACCOUNTS__TOOTS__TOKEN_COMMAND", r#"["pass", "show, please"]"#)
        .env("TOMBOLO_ROUTES__VIDEOS__FROM", "channel")
        .env("TOMBOLO_ROUTES__VIDEOS__TO", "toots");
    let loaded = world.load().expect("no mistakes");
    assert_eq!(loaded.sources().file, None);
    match &loaded.config.accounts["toots"].token {
        Some(TokenSource::Command(argv)) => assert_eq!(argv, &["pass", "show, please"]),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_token_in_the_environment_is_taken_as_it_is_and_replaces_what_the_file_names() {
    for token in ["12345", "true", "[a,b]", "{a=1}", "1e5", "\"quoted\"", "a,b"] {
        let world = World::with(GOOD).env("TOMBOLO_ACCOUNTS__TOOTS__TOKEN", token);
        match &world.config().accounts["toots"].token {
            Some(TokenSource::Value(value)) => assert_eq!(value.expose_secret(), token),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn tokens_without_quotes_are_taken_as_written() {
    for token in ["12345", "1_000", "true", "1e5", "2026-01-31"] {
        let text = good_but(
            "token_command = [\"pass\", \"show\", \"toots\"]",
            &format!("token = {token}"),
        );
        match &World::with(&text).config().accounts["toots"].token {
            Some(TokenSource::Value(value)) => assert_eq!(value.expose_secret(), token),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn names_in_variables_find_the_files_spelling() {
    let text = GOOD.replace("toots", "My-Toots");
    let world = World::with(&text)
        .env("TOMBOLO_ACCOUNTS__MY_TOOTS__SETTLE", "2m")
        .env("TOMBOLO_ROUTES__VIDEOS__ON__MY_TOOTS__HASHTAGS", "0");
    let config = world.config();
    assert_eq!(config.accounts["My-Toots"].settle, Duration::from_secs(120));
    assert_eq!(config.routes["videos"].destinations[0].settings.making.hashtags, 0);
}

#[test]
fn files_are_looked_for_in_this_order() {
    let world = World::empty()
        .file("etc/config.toml", 0o644, GOOD)
        .file("home/tombolo/config.toml", 0o644, GOOD)
        .file("systemd/config.toml", 0o644, GOOD)
        .file("variable.toml", 0o644, GOOD)
        .file("argument.toml", 0o644, GOOD);
    let found = |world: &World| {
        let file = world
            .load()
            .expect("no mistakes")
            .sources()
            .file
            .clone()
            .expect("a file");
        as_seen_from(world.home.path(), &file)
    };
    assert_eq!(found(&world), "etc/config.toml");
    let home = world.path("home").display().to_string();
    let world = world.env("XDG_CONFIG_HOME", &home);
    assert_eq!(found(&world), "home/tombolo/config.toml");
    let systemd = world.path("systemd").display().to_string();
    let world = world.env("CONFIGURATION_DIRECTORY", &systemd);
    assert_eq!(found(&world), "systemd/config.toml");
    let variable = world.path("variable.toml").display().to_string();
    let mut world = world.env("TOMBOLO_CONFIG", &variable);
    assert_eq!(found(&world), "variable.toml");
    world.inputs.file = Some(world.path("argument.toml"));
    assert_eq!(found(&world), "argument.toml");
}

#[test]
fn data_dirs_are_chosen_in_this_order() {
    let dir = |world: &World| as_seen_from(world.home.path(), &world.config().data_dir);
    let world = World::with(GOOD);
    assert_eq!(dir(&world), ".local/share/tombolo");
    let world = world.env("XDG_DATA_HOME", "/xdg");
    assert_eq!(dir(&world), "/xdg/tombolo");
    let world = world.env("STATE_DIRECTORY", "/var/lib/tombolo:/var/lib/other");
    assert_eq!(dir(&world), "/var/lib/tombolo");
    let world = world.file(
        ".config/tombolo/config.toml",
        0o600,
        format!("data_dir = \"here\"\n{GOOD}"),
    );
    assert_eq!(dir(&world), ".config/tombolo/here");
    let world = world.file(
        ".config/tombolo/config.toml",
        0o600,
        format!("data_dir = \"~/there\"\n{GOOD}"),
    );
    assert_eq!(dir(&world), "there");
    let mut world = world.env("TOMBOLO_DATA_DIR", "/by/variable");
    assert_eq!(dir(&world), "/by/variable");
    world.inputs.data_dir = Some("/by/argument".into());
    assert_eq!(dir(&world), "/by/argument");
}

#[test]
fn a_day_begins_at_midnight_where_the_creator_is() {
    let at = |year, month, day, hour| Since::At(Utc.with_ymd_and_hms(year, month, day, hour, 0, 0).unwrap());
    let berlin = chrono_tz::Europe::Berlin;
    assert_eq!(Since::parse("2026-01-31", berlin), Ok(at(2026, 1, 30, 23)));
    assert_eq!(
        Since::parse("2026-01-31T12:00:00+02:00", berlin),
        Ok(at(2026, 1, 31, 10))
    );
    // On this day there was no midnight in Cairo: clocks went from 23:59 to 01:00.
    assert_eq!(
        Since::parse("2026-04-24", chrono_tz::Africa::Cairo),
        Ok(at(2026, 4, 23, 22))
    );
    assert!(Since::parse("2026-02-30", berlin).is_err_and(|why| why.starts_with("there is no day 2026-02-30")));
    assert!(Since::parse("26-02-03", berlin).is_err());
}

#[test]
fn the_defaults_explain_every_setting() {
    let keys = super::super::check::TOP_KEYS
        .iter()
        .chain(&super::super::check::ACCOUNT_KEYS);
    for key in keys.chain(&super::super::routes::route_keys()) {
        let said = |line: &str| line.trim_start_matches(['#', ' ', '[']).starts_with(key);
        let on = |line: &str| *key == "on" && line.contains(".on.");
        assert!(
            DEFAULTS.lines().any(|line| said(line) || on(line)),
            "{key} is not in default.toml"
        );
    }
}

#[test]
fn the_example_is_without_mistakes_and_so_is_the_short_one_for_newcomers() {
    World::with(EXAMPLE).config();
    let shown = World::empty().mistakes();
    let short: Vec<&str> = shown
        .lines()
        .skip_while(|line| !line.contains("[accounts"))
        .take_while(|line| !line.contains("The token comes"))
        .map(str::trim)
        .collect();
    World::with(&short.join("\n")).config();
}
