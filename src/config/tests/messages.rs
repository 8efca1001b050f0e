//! What a newcomer reads when something is wrong.

use super::*;

const THREE: &str = r#"# my videos
timezone = "Europe/Berlin"

[accounts.channel]
platform = "peertube"
instance = "https://video.example"
handel = "my_channel"

[accounts.toots]
platform = "mastodon"
instance = "https://mastodon.example"
handle = "me"
token_file = "toots.token"

[routes.videos]
from = "channel"
to = ["toot"]
visibility = "everyone"
"#;

#[test]
fn three_mistakes_are_told_together() {
    insta::assert_snapshot!(World::mistakes_of(THREE), @r#"
    error: accounts.channel.handel: there is no such setting
      --> /home/me/.config/tombolo/config.toml:7:1
       |
     7 | handel = …
       | ^^^^^^
       = help: did you mean `handle`?

    error: routes.videos.to: there is no account named "toot"
      --> /home/me/.config/tombolo/config.toml:17:7
       |
    17 | to = ["toot"]
       |       ^^^^^^
       = help: did you mean "toots"? accounts defined here: channel, toots

    error: routes.videos.visibility: "everyone" is not a visibility
      --> /home/me/.config/tombolo/config.toml:18:14
       |
    18 | visibility = "everyone"
       |              ^^^^^^^^^^
       = help: one of: public, unlisted, private

    3 mistakes in the configuration; nothing was done
    "#);
}

#[test]
fn mistakes_for_programs() {
    let world = World::with(THREE).env("TOMBOLO_ROUTES__VIDEOS__HASHTAGS", "many");
    let errors = world.load().expect_err("mistakes");
    insta::assert_snapshot!(world.homely(&serde_json::to_string_pretty(&errors).unwrap()), @r#"
    {
      "errors": [
        {
          "file": "/home/me/.config/tombolo/config.toml",
          "line": 7,
          "column": 1,
          "variable": null,
          "key": "accounts.channel.handel",
          "message": "there is no such setting",
          "help": "did you mean `handle`?"
        },
        {
          "file": "/home/me/.config/tombolo/config.toml",
          "line": 17,
          "column": 7,
          "variable": null,
          "key": "routes.videos.to",
          "message": "there is no account named \"toot\"",
          "help": "did you mean \"toots\"? accounts defined here: channel, toots"
        },
        {
          "file": "/home/me/.config/tombolo/config.toml",
          "line": 18,
          "column": 14,
          "variable": null,
          "key": "routes.videos.visibility",
          "message": "\"everyone\" is not a visibility",
          "help": "one of: public, unlisted, private"
        },
        {
          "file": null,
          "line": null,
          "column": null,
          "variable": "TOMBOLO_ROUTES__VIDEOS__HASHTAGS",
          "key": "routes.videos.hashtags",
          "message": "must be a whole number, but is text",
          "help": "write digits alone"
        }
      ]
    }
    "#);
}

#[test]
fn without_any_configuration_the_way_to_begin_is_shown() {
    insta::assert_snapshot!(World::empty().mistakes(), @r#"
    error: there is no configuration yet
       = help: tombolo looked for it here:
                 /home/me/.config/tombolo/config.toml
                 /home/me/etc/config.toml
               To begin, save this as /home/me/.config/tombolo/config.toml, with your own names in it:

                 [accounts.channel]
                 platform = "peertube"
                 instance = "https://video.example"
                 handle = "my_channel"

                 [accounts.toots]
                 platform = "mastodon"
                 instance = "https://mastodon.example"
                 handle = "me"
                 token_file = "~/.config/tombolo/toots.token"

                 [routes.videos]
                 from = "channel"
                 to = ["toots"]
                 schedule = "*/15 * * * *"
                 since = "now"

               The token comes from your Mastodon instance: Preferences > Development > New application.
               Keep it in that file, readable by you alone (chmod 600). Then see what would be done:

                 tombolo sync --dry-run

    nothing was done
    "#);
}

#[test]
fn a_file_that_was_named_must_exist() {
    let mut world = World::with(GOOD).env("TOMBOLO_CONFIG", "/no/such/file.toml");
    insta::assert_snapshot!(world.mistakes(), @r#"
    error: there is no file /no/such/file.toml, which TOMBOLO_CONFIG names
       = help: give the path of a configuration file, or leave it out to use the usual places

    nothing was done
    "#);
    world.inputs.file = Some(world.path("none.toml"));
    insta::assert_snapshot!(world.mistakes(), @r#"
    error: there is no file /home/me/none.toml, which --config names
       = help: give the path of a configuration file, or leave it out to use the usual places

    nothing was done
    "#);
    world.inputs.file = Some(world.path(".config"));
    insta::assert_snapshot!(world.mistakes(), @r#"
    error: the configuration file /home/me/.config can't be read: Is a directory (os error 21)
       = help: name the file in it

    nothing was done
    "#);
}

#[test]
fn a_file_that_is_not_toml_is_shown_where_it_stops_being_it() {
    insta::assert_snapshot!(World::mistakes_of("timezone = Europe/Berlin\n"), @r#"
    error: this is not TOML: string values must be quoted, expected literal string
      --> /home/me/.config/tombolo/config.toml:1:12
       |
     1 | timezone = Europe/Berlin
       |            ^^^^^^^^^^^^^
       = help: put text in straight quotes: handle = "me"

    1 mistake in the configuration; nothing was done
    "#);
    insta::assert_snapshot!(World::mistakes_of("[network\nallow_http = true\n"), @r#"
    error: this is not TOML: unclosed table, expected `]`
      --> /home/me/.config/tombolo/config.toml:1:9
       |
     1 | [network
       |         ^
       = help: settings are written as key = "text", tables as [name]

    1 mistake in the configuration; nothing was done
    "#);
    insta::assert_snapshot!(World::mistakes_of("\u{feff}timezone = \u{201c}UTC\u{201d}\r\n"), @r#"
    error: this is not TOML: string values must be quoted, expected literal string
      --> /home/me/.config/tombolo/config.toml:1:12
       |
     1 | timezone = “UTC”
       |            ^^^^^
       = help: these are typographic quotes; TOML wants straight ones: "

    1 mistake in the configuration; nothing was done
    "#);
    insta::assert_snapshot!(World::mistakes_of("[network]\nallow_http = true\nallow_http = false\n"), @r#"
    error: this is not TOML: duplicate key
      --> /home/me/.config/tombolo/config.toml:3:1
       |
     3 | allow_http = false
       | ^^^^^^^^^^
       = help: keep one of the two

    1 mistake in the configuration; nothing was done
    "#);
}

#[test]
fn a_file_that_is_not_text_is_refused() {
    let world = World::empty().file(".config/tombolo/config.toml", 0o600, b"timezone = \"UTC\"\n\xff\xfe");
    insta::assert_snapshot!(world.mistakes(), @r#"
    error: line 2 is not UTF-8 text
      --> /home/me/.config/tombolo/config.toml
       = help: save the file as UTF-8

    1 mistake in the configuration; nothing was done
    "#);
}

#[test]
fn unknown_settings_are_answered_with_the_one_that_was_meant() {
    let text = GOOD
        .replace("[routes.videos]", "")
        .replace("from = \"channel\"\nto = [\"toots\"]\n", "");
    let text = format!(
        "tiemzone = \"UTC\"\ncolour = 1\n[account.x]\n{text}[network]\ntimezone = \"UTC\"\nallow_htp = true\n[routes.videos]\nfrom = \"channel\"\nto = [\"toots\"]\nhandle = \"me\"\nvisbility = \"public\"\n[routes.videos.on.toots]\nschedule = \"@daily\"\n"
    );
    insta::assert_snapshot!(World::mistakes_of(&text), @r#"
    error: tiemzone: there is no such setting
      --> /home/me/.config/tombolo/config.toml:1:1
       |
     1 | tiemzone = …
       | ^^^^^^^^
       = help: did you mean `timezone`?

    error: colour: there is no such setting
      --> /home/me/.config/tombolo/config.toml:2:1
       |
     2 | colour = …
       | ^^^^^^
       = help: settings here: data_dir, timezone, accounts, routes, network, media

    error: account: there is no such setting
      --> /home/me/.config/tombolo/config.toml:3:2
       |
     3 | [account.x]
       |  ^^^^^^^
       = help: did you mean `accounts`?

    error: network.timezone: there is no such setting
      --> /home/me/.config/tombolo/config.toml:18:1
       |
    18 | timezone = …
       | ^^^^^^^^
       = help: `timezone` belongs at the top of the file, before the first line in [brackets]

    error: network.allow_htp: there is no such setting
      --> /home/me/.config/tombolo/config.toml:19:1
       |
    19 | allow_htp = …
       | ^^^^^^^^^
       = help: did you mean `allow_http`?

    error: routes.videos.handle: there is no such setting
      --> /home/me/.config/tombolo/config.toml:23:1
       |
    23 | handle = …
       | ^^^^^^
       = help: `handle` belongs under [accounts.NAME]

    error: routes.videos.visbility: there is no such setting
      --> /home/me/.config/tombolo/config.toml:24:1
       |
    24 | visbility = …
       | ^^^^^^^^^
       = help: did you mean `visibility`?

    error: routes.videos.on.toots.schedule: there is no such setting
      --> /home/me/.config/tombolo/config.toml:26:1
       |
    26 | schedule = …
       | ^^^^^^^^
       = help: `schedule` is the same for all destinations: make a route of its own for "toots"

    8 mistakes in the configuration; nothing was done
    "#);
}

#[test]
fn unknown_variables_are_answered_with_the_one_that_was_meant() {
    let world = World::with(GOOD)
        .env("TOMBOLO_TIMEZON", "UTC")
        .env("TOMBOLO_ACCOUNTS__TOOTS__TOKN", "s3cret")
        .env("TOMBOLO_ACCOUNTS__TOOT__TOKEN", "s3cret")
        .env("TOMBOLO_NETWORK", "s3cret")
        .env("TOMBOLO_NETWORK__ALLOW_HTTP", "yes")
        .env("TOMBOLO_ACCOUNTS___TOKEN", "s3cret");
    insta::assert_snapshot!(world.mistakes(), @r#"
    error: accounts.toots.tokn: there is no such setting
      --> environment variable TOMBOLO_ACCOUNTS__TOOTS__TOKN
       = help: did you mean TOMBOLO_ACCOUNTS__TOOTS__TOKEN?

    error: accounts.toot: there is no account named "toot" in the configuration file
      --> environment variable TOMBOLO_ACCOUNTS__TOOT__TOKEN
       = help: did you mean TOMBOLO_ACCOUNTS__TOOTS__…?

    error: accounts._token: must be a table, but is text
      --> environment variable TOMBOLO_ACCOUNTS___TOKEN
       = help: begin it with a line [accounts.NAME], and write its settings below

    error: network: this is a table: its settings have variables of their own
      --> environment variable TOMBOLO_NETWORK
       = help: unset TOMBOLO_NETWORK

    error: network.allow_http: must be true or false, but is text
      --> environment variable TOMBOLO_NETWORK__ALLOW_HTTP
       = help: write true or false

    error: timezon: there is no such setting
      --> environment variable TOMBOLO_TIMEZON
       = help: did you mean TOMBOLO_TIMEZONE?

    6 mistakes in the configuration; nothing was done
    "#);
}

const WRONG_TYPES: &str = r#"
timezone = 1
data_dir = ["x"]
[accounts.channel]
platform = "peertube"
instance = "https://video.example"
handle = 12345
settle = 60
[accounts.toots]
platform = "mastodon"
instance = "https://mastodon.example"
handle = "me"
token = ["s3cret"]
[routes.videos]
from = ["channel"]
to = "toots"
include_unlisted = "true"
hashtags = "5"
backfill_per_run = 0
jitter = "soon"
on = 3
[network]
allow = [1]
allow_http = 1
"#;

#[test]
fn wrong_types_are_named_with_the_right_way_to_write_them() {
    insta::assert_snapshot!(World::mistakes_of(WRONG_TYPES), @r#"
    error: timezone: must be text, but is a number
      --> /home/me/.config/tombolo/config.toml:2:12
       |
     2 | timezone = 1
       |            ^
       = help: put it in quotes

    error: data_dir: must be text, but is a list
      --> /home/me/.config/tombolo/config.toml:3:12
       |
     3 | data_dir = ["x"]
       |            ^^^^^
       = help: write one text in quotes, without the brackets

    error: accounts.channel.handle: must be text, but is a number
      --> /home/me/.config/tombolo/config.toml:7:10
       |
     7 | handle = 12345
       |          ^^^^^
       = help: put it in quotes

    error: accounts.channel.settle: a number needs a unit here
      --> /home/me/.config/tombolo/config.toml:8:10
       |
     8 | settle = 60
       |          ^^
       = help: write it in quotes, with its unit: "60s"

    error: accounts.toots.token: must be text, but is a list
      --> /home/me/.config/tombolo/config.toml:13:9
       = help: write one text in quotes, without the brackets

    error: routes.videos.from: must be text, but is a list
      --> /home/me/.config/tombolo/config.toml:15:8
       |
    15 | from = ["channel"]
       |        ^^^^^^^^^^^
       = help: write one text in quotes, without the brackets

    error: routes.videos.to: must be a list, but is text
      --> /home/me/.config/tombolo/config.toml:16:6
       |
    16 | to = "toots"
       |      ^^^^^^^
       = help: write to = ["toots"]

    error: routes.videos.include_unlisted: must be true or false, but is text
      --> /home/me/.config/tombolo/config.toml:17:20
       |
    17 | include_unlisted = "true"
       |                    ^^^^^^
       = help: write true or false, without quotes

    error: routes.videos.hashtags: must be a whole number, but is text
      --> /home/me/.config/tombolo/config.toml:18:12
       |
    18 | hashtags = "5"
       |            ^^^
       = help: write digits alone, without quotes

    error: routes.videos.backfill_per_run: 0 is out of range
      --> /home/me/.config/tombolo/config.toml:19:20
       |
    19 | backfill_per_run = 0
       |                    ^
       = help: write a number from 1 to 1000

    error: routes.videos.jitter: "soon" is not a stretch of time
      --> /home/me/.config/tombolo/config.toml:20:10
       |
    20 | jitter = "soon"
       |          ^^^^^^
       = help: write a number with its unit: "500ms", "60s", "2m", "1h30m"

    error: routes.videos.on: must be a table, but is a number
      --> /home/me/.config/tombolo/config.toml:21:1
       |
    21 | on = 3
       | ^^
       = help: begin it with a line [routes.videos.on.ACCOUNT], and write its settings below

    error: network.allow: must be a list of texts, but has a number in it
      --> /home/me/.config/tombolo/config.toml:23:10
       |
    23 | allow = [1]
       |          ^
       = help: write ["192.168.0.0/16"]

    error: network.allow_http: must be true or false, but is a number
      --> /home/me/.config/tombolo/config.toml:24:14
       |
    24 | allow_http = 1
       |              ^
       = help: write true or false, without quotes

    14 mistakes in the configuration; nothing was done
    "#);
}

#[test]
fn what_should_be_a_table_is_answered_with_how_to_begin_one() {
    insta::assert_snapshot!(World::mistakes_of("accounts = 1\nnetwork = 2\n[[routes]]\nfrom = 1\n"), @r#"
    error: accounts: must be a table, but is a number
      --> /home/me/.config/tombolo/config.toml:1:1
       |
     1 | accounts = 1
       | ^^^^^^^^
       = help: begin it with a line [accounts.NAME], and write its settings below

    error: network: must be a table
      --> /home/me/.config/tombolo/config.toml:2:1
       |
     2 | network = 2
       | ^^^^^^^
       = help: begin it with a line [network], and write its settings below

    error: routes: must be a table, but is a list
      --> /home/me/.config/tombolo/config.toml:3:3
       |
     3 | [[routes]]
       |   ^^^^^^
       = help: begin it with a line [routes.NAME], and write its settings below

    3 mistakes in the configuration; nothing was done
    "#);
}

#[test]
fn long_lines_and_control_characters_are_tamed() {
    let text = format!("network.allow = [{}\"\u{7f}x\", \"y\"]", "\"10.0.0.0/8\", ".repeat(40));
    insta::assert_snapshot!(World::mistakes_of(&text), @r#"
    error: this is not TOML: invalid basic string, expected non-double-quote visible characters, `\`
      --> /home/me/.config/tombolo/config.toml:1:579
       |
     1 | ", "10.0.0.0/8", "10.0.0.0/8", "10.0.0.0/8", "10.0.0.0/8", " x", "y"]
       |                                                             ^
       = help: settings are written as key = "text", tables as [name]

    1 mistake in the configuration; nothing was done
    "#);
}
