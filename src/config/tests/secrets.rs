//! Tokens: who may read them, and that nobody gets to see them.

use secrecy::ExposeSecret;

use super::super::*;
use super::*;

const TOKEN_LINE: &str = "token_command = [\"pass\", \"show\", \"toots\"]";

#[test]
fn a_configuration_with_a_token_that_others_can_read_is_refused() {
    let text = good_but(TOKEN_LINE, "token = \"s3cret\"");
    for mode in [0o640, 0o604, 0o660] {
        let world = World::empty().file("a dir/config.toml", mode, &text);
        let path = world.path("a dir/config.toml").display().to_string();
        let errors = world.env("TOMBOLO_CONFIG", &path);
        assert!(errors.mistakes().contains(&format!("mode 0{mode:o}")));
    }
    let world = World::empty().file(".config/tombolo/config.toml", 0o644, &text);
    insta::assert_snapshot!(world.mistakes(), @r#"
    error: there is a token or password in this file, and others can read it (mode 0644)
      --> /home/me/.config/tombolo/config.toml:11:1
       = help: chmod 600 /home/me/.config/tombolo/config.toml

    1 mistake in the configuration; nothing was done
    "#);
    World::empty()
        .file(".config/tombolo/config.toml", 0o400, &text)
        .config();
    World::empty().file(".config/tombolo/config.toml", 0o644, GOOD).config();
}

#[test]
fn a_destination_without_a_token_is_told_the_ways_to_give_one() {
    insta::assert_snapshot!(World::mistakes_of(&good_but(TOKEN_LINE, "")), @r#"
    error: accounts.toots: the route "videos" publishes here, but there is no token
      --> /home/me/.config/tombolo/config.toml:7:11
       |
     7 | [accounts.toots]
       |           ^^^^^
       = help: write token_file = "FILE" or token_command = ["PROGRAM", …] in [accounts.toots],
               or set TOMBOLO_ACCOUNTS__TOOTS__TOKEN

    1 mistake in the configuration; nothing was done
    "#);
}

#[test]
fn only_one_setting_says_what_the_token_is() {
    let text = good_but(TOKEN_LINE, "token = \"s3cret\"\ntoken_file = \"toots.token\"");
    insta::assert_snapshot!(World::mistakes_of(&text), @r#"
    error: accounts.toots.token_file: there are `token` and `token_file`; only one can say what the token is
      --> /home/me/.config/tombolo/config.toml:12:1
       = help: keep one of them

    1 mistake in the configuration; nothing was done
    "#);
}

#[test]
fn what_is_no_token_is_refused_without_showing_it() {
    for wrong in ["", "s3cret s3cret", "Bearer s3cret", "s3cret\u{2026}"] {
        let world = World::with(GOOD).env("TOMBOLO_ACCOUNTS__TOOTS__TOKEN", wrong);
        assert!(!world.mistakes().contains("s3cret"));
        assert!(world.mistakes().contains("1 mistake"), "{}", world.mistakes());
    }
    let text = good_but(TOKEN_LINE, "token_command = []");
    insta::assert_snapshot!(World::mistakes_of(&text), @r#"
    error: accounts.toots.token_command: there is no program in it
      --> /home/me/.config/tombolo/config.toml:11:17
       = help: write ["pass", "show", "toots"]

    1 mistake in the configuration; nothing was done
    "#);
    let world = World::with(GOOD).env("TOMBOLO_ACCOUNTS__TOOTS__TOKEN_COMMAND", "pass show toots");
    insta::assert_snapshot!(world.mistakes(), @r#"
    error: accounts.toots.token_command: must be a list of program and arguments
      --> environment variable TOMBOLO_ACCOUNTS__TOOTS__TOKEN_COMMAND
       = help: write ["pass", "show", "toots"]

    1 mistake in the configuration; nothing was done
    "#);
}

#[test]
fn secrets_are_in_no_message_and_in_no_shown_line() {
    let lines = [
        "token = \"s3cret",
        "token = s3cret",
        "token = \"\"\"\ns3cret\nx = \"s3cret\"\n",
        "token = ['s3cret']",
        "token = { a = 's3cret' }",
        "token = 's3cret s3cret'",
        "tokn = 's3cret'",
        "password = 's3cret'",
        "pin = 's3cret'",
        "access = { code = 's3cret' }",
        "token.value = 's3cret'",
        "token = 's3cret'\ntoken = 's3cret'",
        "token_command = ['s3cret', 1]",
        "token_command = [\n  's3cret',\n  1,\n]",
        "token_command = [\n  's3cret',\n  s3cret,\n",
        "token_file = 's3cret",
        "instance2 = 's3cret'",
        "\"tok\\u0065n\" = 's3cret' x",
        "token\ns3cret",
        "token =\ns3cret",
        "token = 'a' s3cret",
        "token = \"\"\"\nhandle = s3cret \\q\n\"\"\"",
        "token = 12s3cret",
        "token = 2026-01-s3cret",
        "token = tru_s3cret",
        "token = 's3cret'x",
        "token = \"s3cret\\q\"",
        "pin = s3cret",
        "pin = \"s3cret",
        "handle = { pin = 's3cret",
        "handle = 'me', pin = 's3cret'",
    ];
    for line in lines {
        for text in [
            good_but(TOKEN_LINE, line),
            format!("accounts.toots = {{ {} }}", line.replace('\n', ", ")),
            format!("acounts = {{ toots = {{ {} }} }}", line.replace('\n', ", ")),
            format!("[acounts.toots]\n{line}\n"),
            format!("[routes.r]\n{line}\n"),
            format!("{line}\n"),
        ] {
            let world = World::with(&text);
            let errors = world.load().expect_err("a mistake");
            let json = serde_json::to_string(&errors).unwrap();
            for said in [errors.to_string(), json, format!("{errors:?}")] {
                assert!(!said.contains("s3cret"), "{text}\n{said}");
            }
        }
    }
    for instance in [
        "https://me:s3cret@a.example",
        "me:s3cret@a.example",
        "https://me:s3cret@a.example:x/",
        "s3cret@",
    ] {
        let said = World::mistakes_of(&good_but("https://mastodon.example", instance));
        assert!(said.contains("1 mistake") && !said.contains("s3cret"), "{said}");
    }
    let said = World::mistakes_of("accounts.toots = \"s3cret\"");
    assert!(said.contains("1 mistake") && !said.contains("s3cret"), "{said}");
}

#[test]
fn debug_output_holds_no_secret() {
    let world = World::with(&good_but(TOKEN_LINE, "token_command = [\"pass\", \"s3cret\"]"));
    let said = format!(
        "{:?} {:?}",
        world.load(),
        world.env("TOMBOLO_ACCOUNTS__TOOTS__TOKEN", "s3cret").inputs
    );
    assert!(!said.contains("s3cret"), "{said}");
    let world = World::with(&good_but(TOKEN_LINE, "token = \"s3cret\""));
    assert!(!format!("{:?}", world.load()).contains("s3cret"));
}

#[test]
fn token_files_are_read_when_they_are_the_owners_alone() {
    let world = World::with(&good_but(TOKEN_LINE, "token_file = \"toots.token\"")).file(
        ".config/tombolo/toots.token",
        0o600,
        "s3cret\n",
    );
    let source = world.config().accounts["toots"].token.clone().expect("a source");
    assert_eq!(read_token(&source).expect("a token").expose_secret(), "s3cret");

    let say = |world: World| world.homely(&read_token(&source).expect_err("refused").to_string());
    let world = world.file(".config/tombolo/toots.token", 0o640, "s3cret\n");
    let path = world.path(".config/tombolo/toots.token");
    insta::assert_snapshot!(world.homely(&read_token(&source).expect_err("refused").to_string()), @r#"
    the token file /home/me/.config/tombolo/toots.token can be read by others (mode 0640); make it yours alone:
    chmod 600 /home/me/.config/tombolo/toots.token
    "#);
    let world = world.file(".config/tombolo/toots.token", 0o600, "  \n");
    insta::assert_snapshot!(world.homely(&read_token(&source).expect_err("refused").to_string()), @"the token file /home/me/.config/tombolo/toots.token: the token is empty");
    std::fs::remove_file(path).expect("removed");
    insta::assert_snapshot!(say(world), @"the token file /home/me/.config/tombolo/toots.token can't be read: No such file or directory (os error 2)");
}
