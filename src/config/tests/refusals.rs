//! What is well written and still wrong.

use super::super::*;
use super::*;

#[test]
fn routes_lead_from_one_known_account_to_others() {
    let text = format!(
        "{GOOD}\n[routes.empty]\nfrom = \"channel\"\nto = []\n\n[routes.twice]\nfrom = \"chanel\"\nto = [\"toots\", \"toots\"]\n\n[routes.nothing]\n"
    );
    insta::assert_snapshot!(World::mistakes_of(&text), @r#"
    error: routes.empty.to: the route leads nowhere
      --> /home/me/.config/tombolo/config.toml:19:6
       |
    19 | to = []
       |      ^^
       = help: name an account: to = ["toots"]

    error: routes.twice.from: there is no account named "chanel"
      --> /home/me/.config/tombolo/config.toml:22:8
       |
    22 | from = "chanel"
       |        ^^^^^^^^
       = help: did you mean "channel"? accounts defined here: channel, toots

    error: routes.twice.to: "toots" is named twice
      --> /home/me/.config/tombolo/config.toml:23:16
       |
    23 | to = ["toots", "toots"]
       |                ^^^^^^^
       = help: name it once

    error: routes.nothing: `from` and `to` are missing
      --> /home/me/.config/tombolo/config.toml:25:9
       |
    25 | [routes.nothing]
       |         ^^^^^^^
       = help: for example:
               from = "channel"
               to = ["toots"]

    4 mistakes in the configuration; nothing was done
    "#);
}

#[test]
fn routes_do_not_lead_back() {
    let world = World::with(&good_but("to = [\"toots\"]", "to = [\"channel\", \"same\"]").replace(
        "[routes",
        "[accounts.same]\nplatform = \"peertube\"\ninstance = \"https://video.example/\"\nhandle = \"@My_Channel\"\ntoken_file = \"t\"\n\n[routes",
    ));
    insta::assert_snapshot!(world.mistakes(), @r#"
    error: accounts.channel: the route "videos" publishes here, but there is nothing to sign in with
      --> /home/me/.config/tombolo/config.toml:2:11
       |
     2 | [accounts.channel]
       |           ^^^^^^^
       = help: PeerTube's tokens live for a day: write username = "NAME" and password_command = ["PROGRAM", …] (or password_file = "FILE") in [accounts.channel]

    error: routes.videos.to: the route leads back to where it comes from
      --> /home/me/.config/tombolo/config.toml:21:7
       |
    21 | to = ["channel", "same"]
       |       ^^^^^^^^^
       = help: name another account in `from` or in `to`

    error: routes.videos.to: "same" and "channel" are the same account at the same instance
      --> /home/me/.config/tombolo/config.toml:21:18
       |
    21 | to = ["channel", "same"]
       |                  ^^^^^^
       = help: a route leads from one account to another

    3 mistakes in the configuration; nothing was done
    "#);
}

#[test]
fn what_a_platform_cannot_do_is_said_at_once() {
    let text = good_but("platform = \"mastodon\"", "platform = \"pixelfed\"")
        .replace("to = [\"toots\"]", "to = [\"toots\"]\nmode = \"boost\"");
    let told = World::mistakes_of(&text);
    assert!(
        told.contains("mode = \"boost\": Pixelfed has no boosts of posts from elsewhere"),
        "{told}"
    );
    assert!(told.contains("[routes.videos.on.toots]"), "{told}");
}

#[test]
fn an_account_on_peertube_is_signed_in_to_with_name_and_password() {
    let films = |login: &str| {
        format!(
            "{GOOD}\n[routes.back]\nfrom = \"toots\"\nto = [\"films\"]\n\n[accounts.films]\nplatform = \"peertube\"\n\
             instance = \"https://films.example\"\nhandle = \"films\"\n{login}"
        )
    };
    let told = World::mistakes_of(&films(""));
    assert!(
        told.contains("there is nothing to sign in with") && told.contains("password_command"),
        "{told}"
    );
    let told = World::mistakes_of(&films("username = \"me\"\n"));
    assert!(told.contains("a name to sign in with, but no password"), "{told}");
    let config = World::with(&films("username = \"me\"\npassword_command = [\"pass\", \"films\"]\n")).config();
    let account = &config.accounts["films"];
    assert_eq!(account.username.as_deref(), Some("me"));
    assert!(matches!(&account.password, Some(TokenSource::Command(argv)) if argv.len() == 2));
    let told = World::mistakes_of(&good_but(
        "platform = \"mastodon\"",
        "platform = \"mastodon\"\nusername = \"me\"",
    ));
    assert!(
        told.contains("only PeerTube accounts are signed in to with name and password"),
        "{told}"
    );
}

#[test]
fn rules_and_templates_are_checked_when_they_are_read() {
    let with = |lines: &str| good_but("to = [\"toots\"]", &format!("to = [\"toots\"]\n{lines}"));
    let told = World::mistakes_of(&with(
        "kinds = [\"video\", \"fotos\"]\nlanguages = [\"english\"]\nmin_duration = \"2m\"\nmax_duration = \"1m\"\ntemplate = \"{{ titel }} {{ link }}\"",
    ));
    for what in [
        "fotos",
        "english",
        "max_duration is less than min_duration",
        "the template can't be used",
    ] {
        assert!(told.contains(what), "{what}: {told}");
    }
    let config = World::with(&with(
        "kinds = [\"photo\"]\ntags = [\"#Art\"]\nmin_age = \"10m\"\nmode = \"link\"",
    ))
    .config();
    let making = &config.routes["videos"].destinations[0].settings.making;
    assert_eq!(making.rules.tags, ["Art"]);
    assert_eq!(making.rules.min_age, std::time::Duration::from_secs(600));
    assert_eq!(making.mode, crate::transform::Mode::Link);
}

#[test]
fn settings_for_one_destination_are_for_one_of_the_route() {
    let text = format!("{GOOD}[routes.videos.on.toot]\nhashtags = 1\n[routes.videos.on.channel]\nhashtags = 1\n");
    insta::assert_snapshot!(World::mistakes_of(&text), @r#"
    error: routes.videos.on.toot: there is no account named "toot"
      --> /home/me/.config/tombolo/config.toml:16:19
       |
    16 | [routes.videos.on.toot]
       |                   ^^^^
       = help: did you mean "toots"? accounts defined here: channel, toots

    error: routes.videos.on.channel: the route does not lead to "channel"
      --> /home/me/.config/tombolo/config.toml:18:19
       |
    18 | [routes.videos.on.channel]
       |                   ^^^^^^^
       = help: add "channel" to `to`, or take this out

    2 mistakes in the configuration; nothing was done
    "#);
}

#[test]
fn impossible_schedules_dates_and_visibilities_are_refused_once() {
    let text =
        format!("{GOOD}schedule = \"*/15 * *\"\nsince = \"yesterday\"\nvisibility = \"direct\"\nhashtags = 1000\n");
    insta::assert_snapshot!(World::mistakes_of(&text), @r#"
    error: routes.videos.schedule: "*/15 * *" is no schedule: it has 3 fields instead of five
      --> /home/me/.config/tombolo/config.toml:16:12
       |
    16 | schedule = "*/15 * *"
       |            ^^^^^^^^^^
       = help: write five fields as in crontab: "*/15 * * * *", or a word: "@hourly", "@daily"

    error: routes.videos.since: "yesterday" is not a time
      --> /home/me/.config/tombolo/config.toml:17:9
       |
    17 | since = "yesterday"
       |         ^^^^^^^^^^^
       = help: "now", "beginning", a day like "2026-01-31", or an instant like "2026-01-31T12:00:00Z"

    error: routes.videos.visibility: a "direct" copy would be seen by nobody but the account itself
      --> /home/me/.config/tombolo/config.toml:18:14
       |
    18 | visibility = "direct"
       |              ^^^^^^^^
       = help: "private" copies are seen by followers; the others are "public" and "unlisted"

    error: routes.videos.hashtags: 1000 is out of range
      --> /home/me/.config/tombolo/config.toml:19:12
       |
    19 | hashtags = 1000
       |            ^^^^
       = help: write a number from 0 to 100

    4 mistakes in the configuration; nothing was done
    "#);
}

#[test]
fn accounts_need_platform_instance_and_handle() {
    insta::assert_snapshot!(World::mistakes_of("[accounts.channel]\nhandle = \"\"\n[accounts.\"my toots\"]\nplatform = \"Mastodon\"\nhandle = \"https://mastodon.example/@me\"\ninstance = \"mastodon.example\"\n[accounts.\"*\"]\nsettle = \"0s\"\n"), @r#"
    error: accounts.channel: `platform` and `instance` are missing
      --> /home/me/.config/tombolo/config.toml:1:11
       |
     1 | [accounts.channel]
       |           ^^^^^^^
       = help: for example:
               platform = "peertube"
               instance = "https://video.example"

    error: accounts.channel.handle: the handle is empty
      --> /home/me/.config/tombolo/config.toml:2:10
       |
     2 | handle = ""
       |          ^^
       = help: write the name alone or with its host: "me" or "me@example.org"

    error: accounts."my toots": "my toots" can't be a name
      --> /home/me/.config/tombolo/config.toml:3:11
       |
     3 | [accounts."my toots"]
       |           ^^^^^^^^^^
       = help: use letters from a to z, digits, - and _

    error: accounts."my toots".platform: "Mastodon" is not a platform that tombolo knows
      --> /home/me/.config/tombolo/config.toml:4:12
       |
     4 | platform = "Mastodon"
       |            ^^^^^^^^^^
       = help: did you mean "mastodon"? one of: peertube, mastodon, pixelfed

    error: accounts."my toots".handle: this is an address, not a handle
      --> /home/me/.config/tombolo/config.toml:5:10
       = help: write the name alone or with its host: "me" or "me@example.org"

    error: accounts."my toots".instance: the address has no scheme
      --> /home/me/.config/tombolo/config.toml:6:12
       |
     6 | instance = "mastodon.example"
       |            ^^^^^^^^^^^^^^^^^^
       = help: did you mean "https://mastodon.example"?

    error: accounts."*": "*" can't be a name
      --> /home/me/.config/tombolo/config.toml:7:11
       |
     7 | [accounts."*"]
       |           ^^^
       = help: use letters from a to z, digits, - and _

    error: accounts."*": `platform`, `instance` and `handle` are missing
      --> /home/me/.config/tombolo/config.toml:7:11
       |
     7 | [accounts."*"]
       |           ^^^
       = help: for example:
               platform = "peertube"
               instance = "https://video.example"
               handle = "my_channel"

    error: accounts."*".settle: "0s" is out of range
      --> /home/me/.config/tombolo/config.toml:8:10
       |
     8 | settle = "0s"
       |          ^^^^
       = help: write a time from 1s to 1d

    9 mistakes in the configuration; nothing was done
    "#);
}

#[test]
fn instances_are_base_addresses() {
    let instances = [
        "video.example:9000",
        "https://video.example/c/my_channel",
        "https://video.example/?a=b",
        "http://video.example/",
        "ftp://video.example",
        "https://",
        "",
    ];
    let say = |instance: &str| match values::instance(instance, false) {
        Ok(url) => format!("{instance}: taken as {url}"),
        Err(wrong) => format!("{instance}: {}\n  {}", wrong.message, wrong.help),
    };
    insta::assert_snapshot!(instances.map(say).join("\n"), @r#"
    video.example:9000: the address has no scheme
      did you mean "https://video.example:9000"?
    https://video.example/c/my_channel: this is the address of a page; the instance's own has no path
      write "https://video.example"
    https://video.example/?a=b: the address has a `?` or `#` in it
      write "https://video.example"
    http://video.example/: plain http is not allowed: the token would travel in the open
      write "https://video.example"; for an instance of your own, to try things out: allow_http = true under [network]
    ftp://video.example: "ftp" is not a scheme an instance can have
      write scheme and host, and the port if it isn't the usual one: "https://video.example"
    https://: this is not an address: empty host
      write scheme and host, and the port if it isn't the usual one: "https://video.example"
    : the address is empty
      write scheme and host, and the port if it isn't the usual one: "https://video.example"
    "#);
    assert!(values::instance("http://127.0.0.1:9000", true).is_ok());
    assert!(values::instance("https://[::1]:9000/", false).is_ok());
}

#[test]
fn plain_http_is_for_those_who_ask_for_it() {
    let text = good_but("https://video", "http://video");
    assert!(World::mistakes_of(&text).contains("accounts.channel.instance: plain http is not allowed"));
    World::with(&format!("{text}[network]\nallow_http = true\n")).config();
    World::with(&text).env("TOMBOLO_NETWORK__ALLOW_HTTP", "true").config();
    // Whether it is allowed can't be told here, so nothing is said about it.
    let unclear = World::mistakes_of(&format!("{text}[network]\nallow_http = 1\n"));
    assert!(
        unclear.contains("1 mistake") && unclear.contains("network.allow_http"),
        "{unclear}"
    );
}

#[test]
fn a_wrong_setting_of_a_route_is_wrong_even_when_every_destination_has_its_own() {
    let text = format!("{GOOD}hashtags = -1\n[routes.videos.on.toots]\nhashtags = 1\n");
    let said = World::mistakes_of(&text);
    assert!(
        said.contains("routes.videos.hashtags: -1 is out of range") && said.contains("1 mistake"),
        "{said}"
    );
}

#[test]
fn handles_have_one_name_and_maybe_a_host() {
    let say = |text: &str| match values::handle(text) {
        Ok(handle) => format!("{text}: {handle}"),
        Err(wrong) => format!("{text}: {}", wrong.message),
    };
    let handles = [
        "me",
        "@me",
        "me@a.example",
        "@me@A.example:8443",
        "acct:me@a.example",
        "@",
        "",
        "@@me",
        "a b",
        "me@",
        "me@a@b",
        "me@a/b",
    ];
    insta::assert_snapshot!(handles.map(say).join("\n"), @r#"
    me: me
    @me: me
    me@a.example: me@a.example
    @me@A.example:8443: me@a.example:8443
    acct:me@a.example: me@a.example
    @: the handle is empty
    : the handle is empty
    @@me: "@@me" has no name before the host
    a b: ' ' can't be part of a name
    me@: "" is not a host
    me@a@b: "a@b" is not a host
    me@a/b: this is an address, not a handle
    "#);
}

#[test]
fn networks_are_written_with_the_length_of_their_prefix() {
    let text = "[network]\nallow = [\"127.0.0.1\", \"localhost\", \"10.0.0.0/33\"]\n";
    insta::assert_snapshot!(World::mistakes_of(text), @r#"
    error: network.allow: "127.0.0.1" is not a network
      --> /home/me/.config/tombolo/config.toml:2:10
       |
     2 | allow = ["127.0.0.1", "localhost", "10.0.0.0/33"]
       |          ^^^^^^^^^^^
       = help: for this address alone write "127.0.0.1/32"

    error: network.allow: "localhost" is not a network
      --> /home/me/.config/tombolo/config.toml:2:23
       |
     2 | allow = ["127.0.0.1", "localhost", "10.0.0.0/33"]
       |                       ^^^^^^^^^^^
       = help: write address and length of the prefix: "192.168.0.0/16", "127.0.0.0/8", "::1/128"

    error: network.allow: "10.0.0.0/33" is not a network
      --> /home/me/.config/tombolo/config.toml:2:36
       |
     2 | allow = ["127.0.0.1", "localhost", "10.0.0.0/33"]
       |                                    ^^^^^^^^^^^^^
       = help: write address and length of the prefix: "192.168.0.0/16", "127.0.0.0/8", "::1/128"

    3 mistakes in the configuration; nothing was done
    "#);
}

#[test]
fn time_zones_are_answered_with_the_one_that_was_meant() {
    let say = |text: &str| match values::timezone(text) {
        Ok(zone) => format!("{text}: taken as {zone}"),
        Err(wrong) => format!("{text}: {}", wrong.help),
    };
    let zones = [
        "Europe/Berlin",
        "europe/berlin",
        "Berlin",
        "Europe/Berln",
        "Germany/Berlin",
        "New York",
        "Europe/Kiew",
        "Nowhere",
        "+02:00",
    ];
    insta::assert_snapshot!(zones.map(say).join("\n"), @r#"
    Europe/Berlin: taken as Europe/Berlin
    europe/berlin: did you mean "Europe/Berlin"?
    Berlin: did you mean "Europe/Berlin"?
    Europe/Berln: did you mean "Europe/Berlin"?
    Germany/Berlin: did you mean "Europe/Berlin"?
    New York: did you mean "America/New_York"?
    Europe/Kiew: did you mean "Europe/Kiev"?
    Nowhere: write the IANA name: "Europe/Berlin", "America/New_York", "UTC"
    +02:00: write the IANA name: "Europe/Berlin", "America/New_York", "UTC"
    "#);
}

#[test]
fn durations_are_numbers_with_units() {
    use std::time::Duration;
    assert_eq!(parse_duration("1h30m"), Some(Duration::from_secs(5400)));
    assert_eq!(parse_duration("500ms"), Some(Duration::from_millis(500)));
    for wrong in [
        "",
        "60",
        "s",
        "1x",
        "-1s",
        "1.5s",
        "99999999999999999999s",
        "999999999999999999d",
    ] {
        assert_eq!(parse_duration(wrong), None, "{wrong}");
    }
}

#[test]
fn an_account_nobody_uses_is_fine() {
    let text =
        format!("{GOOD}[accounts.spare]\nplatform = \"mastodon\"\ninstance = \"https://c.example\"\nhandle = \"c\"\n");
    assert_eq!(World::with(&text).config().accounts.len(), 3);
}

#[test]
fn without_a_home_the_data_dir_must_be_said() {
    let mut world = World::with(GOOD);
    world.inputs.file = Some(world.path(".config/tombolo/config.toml"));
    world.inputs.env.remove("HOME");
    insta::assert_snapshot!(world.mistakes(), @r#"
    error: data_dir: there is no home directory (HOME is not set), so this must be said
      --> /home/me/.config/tombolo/config.toml
       = help: write data_dir = "/var/lib/tombolo" at the top of the file, or give --data-dir

    1 mistake in the configuration; nothing was done
    "#);
}
