//! The program as a person or a service manager meets it: help, mistakes, signals, secrets, dry runs, lines of JSON.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tombolo_mastodon::stand_in::{Mastodon, Options};
use tombolo_net::stand_in::Fault;

use crate::hostile::{Hostile, brief, route, writes};
use crate::rig::{Tombolo, until};

/// Ends within this. Seconds, as a service manager waits.
const SOON: Duration = Duration::from_secs(12);

/// A source with a good video, a Mastodon with an account, and the program between them.
struct World {
    source: Hostile,
    mastodon: Mastodon,
    tombolo: Tombolo,
}

impl World {
    async fn new() -> Self {
        Self::with(|config, _| config).await
    }

    /// The configuration is changed before it is written; the change is given the token too.
    async fn with(change: impl FnOnce(String, &str) -> String) -> Self {
        let source = Hostile::start().await;
        source.publish(1, |_| {});
        let mastodon = Mastodon::start(Options {
            media_polls: 0,
            ..Options::default()
        })
        .await
        .expect("the stand-in starts");
        let token = mastodon.add_account("me");
        let config = route(
            &source.base(),
            "auto",
            mastodon.base().as_str().trim_end_matches('/'),
            &token,
        );
        let tombolo = Tombolo::configured(&change(config, &token));
        Self {
            source,
            mastodon,
            tombolo,
        }
    }

    async fn run(&self, arguments: &[&str]) -> Told {
        Told::of(&self.tombolo.run(arguments).await)
    }

    /// The configuration, and the token in it.
    fn secret(&self) -> (String, String) {
        let config = std::fs::read_to_string(self.tombolo.dir.path().join("config.toml")).expect("it is there");
        let token = config
            .lines()
            .find_map(|l| l.strip_prefix("token = "))
            .expect("it has one")
            .trim_matches('"')
            .to_owned();
        (config, token)
    }

    /// Where a token can be read that shouldn't be: in what was printed, and in any file but the configuration.
    fn shown(&self, token: &str, told: &Told) -> Vec<String> {
        let mut places = Vec::new();
        for (place, text) in [("standard output", &told.stdout), ("standard error", &told.stderr)] {
            places.extend(
                text.lines()
                    .find(|l| l.contains(token))
                    .map(|line| format!("{place}: {}", brief(line))),
            );
        }
        for (path, bytes) in files(&self.tombolo.data_dir()) {
            if bytes.windows(token.len()).any(|part| part == token.as_bytes()) {
                places.push(path);
            }
        }
        places
    }
}

/// What a person sees.
#[derive(Debug)]
struct Told {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

impl Told {
    fn of(output: &Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Self {
            code: output.status.code(),
            stdout: text(&output.stdout),
            stderr: text(&output.stderr),
        }
    }
}

#[tokio::test]
async fn the_help_of_every_command_tells_all_its_options() {
    let global = [
        "--config <FILE>",
        "--data-dir <DIR>",
        "--verbose",
        "--quiet",
        "--log-format",
        "--help",
        "--version",
    ];
    let commands: [(&[&str], &[&str]); 6] = [
        (
            &["--help"],
            &[
                "sync",
                "run",
                "status",
                "retry",
                "example",
                "Exit codes:",
                "tombolo sync --dry-run",
            ],
        ),
        (
            &["sync", "--help"],
            &[
                "[ROUTE]...",
                "--dry-run",
                "--since <WHEN>",
                "--limit <N>",
                "--wait <TIME>",
                "--json",
                "beginning",
            ],
        ),
        (&["run", "--help"], &["schedule"]),
        (&["status", "--help"], &["--all", "--json"]),
        (
            &["retry", "--help"],
            &["[POST]...", "--route <ROUTE>", "--unknown", "--json"],
        ),
        (&["example", "--help"], &[]),
    ];
    let tombolo = Tombolo::configured("");
    for (arguments, own) in commands {
        let told = Told::of(&tombolo.run(arguments).await);
        assert_eq!((told.code, told.stderr.as_str()), (Some(0), ""), "{arguments:?}");
        for said in global.iter().chain(own) {
            assert!(
                told.stdout.contains(said),
                "{arguments:?} doesn't say {said}:\n{}",
                told.stdout
            );
        }
    }
    let version = Told::of(&tombolo.run(&["--version"]).await);
    assert_eq!(version.stdout, format!("tombolo {}\n", env!("CARGO_PKG_VERSION")));
    assert_eq!(Told::of(&tombolo.run(&["frobnicate"]).await).code, Some(2));
}

#[tokio::test]
async fn arguments_that_mean_nothing_are_refused_with_what_would() {
    let world = World::new().await;
    let cases: [(&[&str], &[&str]); 5] = [
        (&["sync", "vidoes"], &["vidoes", "videos"]),
        (&["sync", "--since", "last tuesday"], &["--since", "last tuesday"]),
        (&["sync", "--wait", "soon"], &["--wait", "30s"]),
        (&["sync", "--limit", "few"], &["--limit", "few"]),
        (
            &["sync", "--config", "/nonexistent/tombolo.toml"],
            &["/nonexistent/tombolo.toml"],
        ),
    ];
    for (arguments, says) in cases {
        let told = world.run(arguments).await;
        assert_eq!(told.code, Some(2), "{arguments:?}: {}", told.stderr);
        assert!(
            says.iter().all(|said| told.stderr.contains(said)),
            "{arguments:?}: {}",
            told.stderr
        );
    }
    assert_eq!(
        world.source.arrivals().all().len() + world.mastodon.arrivals().all().len(),
        0
    );
    assert!(!world.tombolo.data_dir().exists());
}

#[tokio::test]
async fn three_mistakes_in_a_configuration_are_told_at_once_with_their_lines() {
    let mistakes = |config: String, _: &str| {
        let config = config
            .replace("read = \"auto\"", "raed = \"auto\"")
            .replace("settle = \"1s\"", "settle = true");
        config.replace("to = [\"toots\"]", "to = [\"tots\"]")
    };
    let world = World::with(mistakes).await;
    let file = world.tombolo.dir.path().join("config.toml");
    let text = std::fs::read_to_string(&file).expect("it is there");
    let line = |part: &str| text.lines().position(|l| l.contains(part)).expect("it is in it") + 1;
    let places = [
        ("raed", line("raed")),
        ("settle", line("settle")),
        ("tots", line("tots")),
    ];

    let told = world.run(&["sync"]).await;
    assert_eq!((told.code, told.stdout.as_str()), (Some(2), ""), "{}", told.stderr);
    for (what, line) in places {
        let place = format!("{}:{line}:", file.display());
        assert!(
            told.stderr.contains(&place) && told.stderr.contains(what),
            "{what} at {place}:\n{}",
            told.stderr
        );
    }
    assert!(
        told.stderr.contains("`read`") && told.stderr.contains("\"toots\""),
        "no remedies:\n{}",
        told.stderr
    );

    let told = world.run(&["sync", "--json"]).await;
    assert_eq!(told.code, Some(2));
    let said: Value = serde_json::from_str(&told.stdout).expect("one object");
    let errors = said["errors"].as_array().expect("a list");
    let mut lines: Vec<u64> = errors.iter().filter_map(|e| e["line"].as_u64()).collect();
    lines.sort_unstable();
    assert_eq!(lines, places.map(|(_, line)| line as u64));
    for error in errors {
        assert_eq!(error["file"], file.to_str().expect("text"), "{error}");
        assert!(
            error["key"].is_string() && error["message"].is_string() && error["help"].is_string(),
            "{error}"
        );
    }
    assert_eq!(world.mastodon.arrivals().all().len(), 0);
}

#[tokio::test]
async fn a_token_that_others_can_read_is_refused_with_the_line_that_helps() {
    let world = World::new().await;
    let file = world.tombolo.dir.path().join("config.toml");
    std::fs::set_permissions(&file, PermissionsExt::from_mode(0o644)).expect("it is ours");
    let told = world.run(&["sync"]).await;
    assert_eq!(told.code, Some(2), "{}", told.stderr);
    assert!(
        told.stderr.contains(&format!("chmod 600 {}", file.display())),
        "{}",
        told.stderr
    );

    // The same for a token's own file.
    let secret = world.tombolo.dir.path().join("toots.token");
    std::fs::write(&secret, "s3cret\n").expect("it is written");
    std::fs::set_permissions(&secret, PermissionsExt::from_mode(0o640)).expect("it is ours");
    let config = route(
        &world.source.base(),
        "auto",
        world.mastodon.base().as_str().trim_end_matches('/'),
        "TOKEN",
    );
    world
        .tombolo
        .configure(&config.replace("token = \"TOKEN\"", "token_file = \"toots.token\""));
    let told = world.run(&["sync"]).await;
    assert!(matches!(told.code, Some(2 | 4)), "{told:?}");
    assert!(
        told.stderr.contains(&format!("chmod 600 {}", secret.display())),
        "{}",
        told.stderr
    );
    assert!(!told.stderr.contains("s3cret"));
    assert_eq!(world.mastodon.arrivals().all().len(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_process_is_told_who_the_first_is() {
    let world = World::new().await;
    let mut first = Running::begin(&world.tombolo, &["run"]).await;
    for arguments in [&["sync"][..], &["sync", "--dry-run"], &["run"], &["retry"]] {
        let told = world.run(arguments).await;
        assert_eq!(told.code, Some(5), "{arguments:?}: {}", told.stderr);
        let pid = first.child.id().to_string();
        assert!(
            told.stderr.contains(&pid) && told.stderr.contains("tombolo run"),
            "{arguments:?}: {}",
            told.stderr
        );
    }
    assert_eq!(first.stop("TERM").await, Some(0));
    assert_eq!(world.run(&["sync"]).await.code, Some(0), "the first is gone");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_that_is_wrong_or_another_s_sends_nothing() {
    let wrong = World::with(|config, token| config.replace(token, "n0tAtoken")).await;
    let told = wrong.run(&["sync", "--json", "--since", "beginning"]).await;
    assert_eq!(told.code, Some(4), "{}", told.stderr);
    assert!(
        told.stderr.contains("\"toots\"") && told.stderr.contains("sign-in"),
        "{}",
        told.stderr
    );
    assert_eq!(writes(wrong.mastodon.arrivals()), Vec::<String>::new());

    let other = World::with(|config, _| config.replace("handle = \"me\"", "handle = \"somebody\"")).await;
    let told = other.run(&["sync", "--json", "--since", "beginning"]).await;
    assert_eq!(told.code, Some(4), "{}", told.stderr);
    assert!(
        told.stderr.contains("belongs to me ") && told.stderr.contains("somebody"),
        "{}",
        told.stderr
    );
    assert_eq!(writes(other.mastodon.arrivals()), Vec::<String>::new());

    // A token that is revoked between two runs: the second knows it before it sends anything.
    let world = World::new().await;
    assert_eq!(world.run(&["sync"]).await.code, Some(0));
    world.source.publish(2, |_| {});
    world.mastodon.faults().next(
        "",
        "/api/v1",
        u32::MAX,
        Fault::Answer(
            401,
            vec![("content-type".into(), "application/json".into())],
            "{}".into(),
        ),
    );
    let told = world.run(&["sync", "--json"]).await;
    assert_eq!(told.code, Some(4), "{}", told.stderr);
    assert_eq!(writes(world.mastodon.arrivals()), Vec::<String>::new());
    // And with a good one it goes on.
    world.mastodon.faults().clear();
    assert_eq!(world.run(&["sync", "--json"]).await.code, Some(0));
    assert_eq!(world.mastodon.statuses("me").len(), 1);
}

/// Every file below a directory, by its path.
fn files(dir: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut all = BTreeMap::new();
    let mut left = vec![dir.to_owned()];
    while let Some(path) = left.pop() {
        let Ok(entries) = std::fs::read_dir(&path) else {
            continue;
        };
        for entry in entries.flatten() {
            if entry.path().is_dir() {
                left.push(entry.path());
            } else {
                all.insert(
                    entry.path().display().to_string(),
                    std::fs::read(entry.path()).unwrap_or_default(),
                );
            }
        }
    }
    all
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_is_in_no_output_no_log_and_no_file() {
    let world = World::new().await;
    let (config, token) = world.secret();
    let hides = |what: &str, told: &Told| assert_eq!(world.shown(&token, told), Vec::<String>::new(), "{what}");
    hides(
        "a dry run",
        &world.run(&["-vv", "sync", "--dry-run", "--since", "beginning"]).await,
    );
    world
        .mastodon
        .faults()
        .next("POST", "/api/v2/media", 1, Fault::CutAfter);
    hides(
        "a cut upload",
        &world
            .run(&["-vv", "sync", "--since", "beginning", "--wait", "0s"])
            .await,
    );
    hides(
        "a pass",
        &world
            .run(&[
                "-vv",
                "--log-format",
                "json",
                "sync",
                "--since",
                "beginning",
                "--wait",
                "20s",
            ])
            .await,
    );
    assert_eq!(world.mastodon.statuses("me").len(), 1);
    // A configuration that is wrong where the token stands.
    let bad = config.replace(&format!("token = \"{token}\""), &format!("token = [\"{token}\"]"));
    for text in [
        bad,
        config.replace(&format!("\"{token}\""), &token),
        config.replace(&token, &format!("{token} {token}")),
    ] {
        std::fs::write(world.tombolo.dir.path().join("config.toml"), text).expect("it is ours");
        let told = world.run(&["-vv", "sync", "--json"]).await;
        assert_eq!(told.code, Some(2), "{}", told.stderr);
        hides("a wrong configuration", &told);
    }
}

/// Some servers put what they were sent into their errors.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_that_a_server_repeats_is_not_repeated_to_anybody() {
    let world = World::new().await;
    let (_, token) = world.secret();
    let says = |status| {
        let body = format!("{{\"error\": \"the token {token} may not do that\"}}");
        Fault::Answer(status, vec![("content-type".into(), "application/json".into())], body)
    };
    assert_eq!(world.run(&["sync"]).await.code, Some(0));
    let mut shown = Vec::new();
    let requests = [
        ("POST", "/api/v1/statuses", 422),
        ("POST", "/api/v1/statuses", 403),
        ("POST", "/api/v2/media", 422),
        ("POST", "/api/v2/media", 503),
        ("GET", "/api/v1/accounts/verify_credentials", 401),
        ("GET", "/api/v1/accounts/verify_credentials", 418),
    ];
    for (number, (method, path, status)) in requests.into_iter().enumerate() {
        world.source.publish(2 + number, |_| {});
        world.mastodon.faults().clear();
        world.mastodon.faults().next(method, path, u32::MAX, says(status));
        let told = world.run(&["-vv", "sync", "--json", "--wait", "0s"]).await;
        shown.extend(
            world
                .shown(&token, &told)
                .into_iter()
                .map(|place| format!("{status} to {method} {path}: {place}")),
        );
    }
    assert_eq!(shown, Vec::<String>::new());
}

/// What others write must not steer the terminal of who reads it (CWE-150).
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_others_write_cannot_steer_a_terminal() {
    const STEERING: &str = "\u{1b}]0;owned\u{7}\u{1b}[2J\u{202e}\u{9b}31m\r\0";
    let world = World::new().await;
    let mut shown = Vec::new();
    let mut look = |what: &str, told: &Told| {
        let steers = |c: char| {
            (c.is_control() && c != '\n' && c != '\t') || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
        };
        for (place, text) in [("standard output", &told.stdout), ("standard error", &told.stderr)] {
            if let Some(line) = text.lines().find(|l| l.contains(steers)) {
                shown.push(format!("{what}, on {place}: {line:?}"));
            }
        }
    };
    world.source.publish(2, |v| v.title = format!("Two {STEERING} two"));
    world
        .source
        .publish(3, |v| v.description = format!("Three {STEERING} three"));
    look(
        "titles, in a dry run",
        &world.run(&["sync", "--dry-run", "--since", "beginning"]).await,
    );
    look(
        "titles, in a pass",
        &world.run(&["sync", "--since", "beginning", "--wait", "0s"]).await,
    );
    assert_eq!(world.mastodon.statuses("me").len(), 3);
    world.source.publish(4, |_| {});
    let json = |status, value: Value| {
        Fault::Answer(
            status,
            vec![("content-type".into(), "application/json".into())],
            value.to_string(),
        )
    };
    world.mastodon.faults().next(
        "POST",
        "/api/v1/statuses",
        1,
        json(422, serde_json::json!({ "error": STEERING })),
    );
    look("an error, in a pass", &world.run(&["sync", "--wait", "0s"]).await);
    let account = serde_json::json!({"id": "1", "acct": format!("x{STEERING}")});
    world
        .mastodon
        .faults()
        .next("GET", "/api/v1/accounts/verify_credentials", 9, json(200, account));
    std::fs::remove_dir_all(world.tombolo.data_dir().join("cache")).expect("there is one");
    look("an account's name", &world.run(&["sync"]).await);
    assert_eq!(shown, Vec::<String>::new());
}

/// A process of ours.
struct Running {
    child: Child,
}

impl Running {
    /// Begins, and waits until it holds the ledger.
    async fn begin(tombolo: &Tombolo, arguments: &[&str]) -> Self {
        let mut command = tombolo.command(arguments);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let child = command.spawn().expect("the program starts");
        let (lock, pid) = (tombolo.data_dir().join("tombolo.lock"), child.id().to_string());
        let running = Self { child };
        until("it holds the ledger", || {
            std::fs::read_to_string(&lock).is_ok_and(|text| text.contains(&pid))
        })
        .await;
        running
    }

    /// Sends a signal, and waits for the end. Gives the exit code.
    async fn stop(&mut self, signal: &str) -> Option<i32> {
        let pid = self.child.id().to_string();
        let sent = std::process::Command::new("sh")
            .args(["-c", &format!("kill -{signal} {pid}")])
            .status();
        assert!(sent.expect("a shell").success());
        let begun = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("it is ours") {
                eprintln!(
                    "SIG{signal}: {:?} after {} ms",
                    status.code(),
                    begun.elapsed().as_millis()
                );
                return status.code();
            }
            assert!(begun.elapsed() < SOON, "SIG{signal} didn't end it within {SOON:?}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_signal_ends_the_idle_daemon_at_once() {
    for signal in ["TERM", "INT"] {
        let world = World::new().await;
        let mut idle = Running::begin(&world.tombolo, &["run"]).await;
        until("it has made its first pass", || {
            world.source.arrivals().count("GET", "/api/v1/video-channels") > 0
        })
        .await;
        assert_eq!(idle.stop(signal).await, Some(0), "SIG{signal}, idle");
    }
}

/// Whatever it is doing: reading from a server that is silent, uploading to one, or waiting for what is due later.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_signal_is_heard_at_any_moment() {
    let moments = ["reading", "uploading", "posting", "waiting"];
    let ends = moments.map(async |moment| {
        let signal = if ["reading", "posting"].contains(&moment) {
            "TERM"
        } else {
            "INT"
        };
        for (command, code) in [(&["run"][..], 0), (&["sync", "--since", "beginning"], 130)] {
            let world = World::with(|config, _| config + "since = \"beginning\"\n").await;
            let (path, method, arrivals) = match moment {
                "reading" => ("/api/v1/accounts/verify_credentials", "GET", world.mastodon.arrivals()),
                "posting" => ("/api/v1/statuses", "POST", world.mastodon.arrivals()),
                "waiting" => ("/api/v1/media", "GET", world.mastodon.arrivals()),
                _ => ("/api/v2/media", "POST", world.mastodon.arrivals()),
            };
            if moment == "waiting" {
                world.mastodon.set_media_polls(1);
                let in_work = Fault::Answer(
                    206,
                    vec![("content-type".into(), "application/json".into())],
                    "{}".into(),
                );
                world.mastodon.faults().next("GET", "/api/v1/media", u32::MAX, in_work);
            } else {
                world.mastodon.faults().next(method, path, u32::MAX, Fault::Hang);
            }
            let mut running = Running::begin(&world.tombolo, command).await;
            until("it has come so far", || arrivals.count(method, path) > 0).await;
            tokio::time::sleep(Duration::from_millis(200)).await;
            assert_eq!(
                running.stop(signal).await,
                Some(code),
                "{command:?} while {moment}, SIG{signal}"
            );
            world.mastodon.faults().clear();
            let next = world.run(&["sync", "--json", "--wait", "15s"]).await;
            assert_eq!(
                (next.code, world.mastodon.statuses("me").len()),
                (Some(0), 1),
                "{moment}: {}{}",
                next.stdout,
                next.stderr
            );
        }
    });
    futures_util::future::join_all(ends).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dry_run_shows_everything_and_writes_nothing() {
    let world = World::new().await;
    let quiet = |world: &World| {
        let sent = writes(world.mastodon.arrivals()).len() + writes(world.source.arrivals()).len();
        assert_eq!(sent, 0, "{:?}", writes(world.mastodon.arrivals()));
    };
    // Before there is anything, for people and for machines.
    let told = world.run(&["sync", "--dry-run", "--since", "beginning"]).await;
    for shown in [
        "Video 001",
        "This is video 001.",
        "/w/",
        "#sea",
        " of 500 characters",
        "320×240",
        "alt text: Video: Video 001",
        "public",
    ] {
        assert!(told.stdout.contains(shown), "{shown:?} isn't shown:\n{}", told.stdout);
    }
    assert!(told.stdout.contains("1 would be posted"), "no count:\n{}", told.stdout);
    assert!(
        !world.tombolo.data_dir().exists(),
        "a dry run made {:?}",
        files(&world.tombolo.data_dir()).keys()
    );
    let told = world
        .run(&["sync", "--dry-run", "--since", "beginning", "--json"])
        .await;
    let line: Value = serde_json::from_str(told.stdout.lines().next().unwrap_or_default()).expect("a line");
    assert!(
        line["plan"]["parts"][0]["text"]
            .as_str()
            .is_some_and(|text| text.starts_with("Video 001\n")),
        "{line}"
    );
    assert!(!world.tombolo.data_dir().exists());
    quiet(&world);

    // After a pass that has asked the instances all that there is to ask.
    assert_eq!(world.run(&["sync", "--since", "beginning"]).await.code, Some(0));
    world.mastodon.arrivals().clear();
    world.source.publish(2, |_| {});
    let before = files(&world.tombolo.data_dir());
    let told = world.run(&["sync", "--dry-run"]).await;
    assert!(
        told.stdout.contains("Video 002") && !told.stdout.contains("Video 001"),
        "{}",
        told.stdout
    );
    assert_eq!(changed(&before, &files(&world.tombolo.data_dir())), BTreeSet::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dry_run_writes_nothing_with_a_cold_cache_either() {
    let world = World::new().await;
    assert_eq!(world.run(&["sync"]).await.code, Some(0));
    std::fs::remove_dir_all(world.tombolo.data_dir().join("cache")).expect("there is one");
    let before = files(&world.tombolo.data_dir());
    world.source.publish(2, |_| {});
    let told = world.run(&["sync", "--dry-run"]).await;
    assert!(
        told.code == Some(0) && told.stdout.contains("Video 002"),
        "{}{}",
        told.stdout,
        told.stderr
    );
    assert_eq!(changed(&before, &files(&world.tombolo.data_dir())), BTreeSet::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dry_run_that_showed_everything_is_done() {
    let world = World::new().await;
    let told = world.run(&["sync", "--dry-run", "--since", "beginning"]).await;
    assert_eq!(told.code, Some(0), "{}", told.stderr);
}

/// The files that are in one of them only, or differ.
fn changed(before: &BTreeMap<String, Vec<u8>>, after: &BTreeMap<String, Vec<u8>>) -> BTreeSet<String> {
    let paths: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    paths
        .into_iter()
        .filter(|path| before.get(*path) != after.get(*path))
        .cloned()
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn json_is_lines_of_the_documented_objects_and_a_summary_at_last() {
    const KEYS: [&str; 8] = ["route", "post", "from", "to", "state", "copy", "copies", "reason"];
    const COUNTS: [&str; 6] = ["published", "skipped", "held", "waiting", "failed", "unknown"];
    let world = World::new().await;
    world
        .source
        .publish(2, |v| v.author = Some("https://elsewhere.example/x".into()));
    world
        .source
        .publish(3, |v| v.claims = Some("https://elsewhere.example/x".into()));
    world.source.publish(4, |_| {});
    for arguments in [
        &["--since", "beginning"][..],
        &["--since", "beginning", "--limit", "1"],
        &["-q"],
        &["-vv"],
        &["--dry-run"],
    ] {
        let all: Vec<&str> = ["sync", "--json", "--wait", "0s"]
            .iter()
            .chain(arguments)
            .copied()
            .collect();
        let told = world.run(&all).await;
        assert!(matches!(told.code, Some(0 | 3)), "{arguments:?}: {}", told.stderr);
        let mut lines: Vec<Value> = told
            .stdout
            .lines()
            .map(|l| serde_json::from_str(l).expect("JSON"))
            .collect();
        let last = lines.pop().expect("a summary");
        let counts = last["summary"]
            .as_object()
            .unwrap_or_else(|| panic!("no summary: {last}"));
        assert_eq!(last["sources"][0]["completeness"], "complete", "{last}");
        assert!(last["troubles"].is_array(), "{last}");
        assert!(COUNTS.iter().all(|state| counts[*state].is_u64()), "{last}");
        assert_eq!(
            counts.values().filter_map(Value::as_u64).sum::<u64>(),
            lines.len() as u64,
            "{arguments:?}: {}",
            told.stdout
        );
        for line in &lines {
            assert!(KEYS.iter().all(|key| line.get(key).is_some()), "{line}");
            assert!(
                ["route", "post", "from", "to", "state"]
                    .iter()
                    .all(|key| line[*key].is_string()),
                "{line}"
            );
            assert!(
                line["copies"].is_array() && (line["copy"].is_null() || line["copy"].is_object()),
                "{line}"
            );
            if line["state"] == "published" {
                assert!(
                    ["id", "uri", "url"].iter().all(|key| line["copy"][*key].is_string()),
                    "{line}"
                );
            } else {
                assert!(line["reason"].is_string(), "a reason is missing: {line}");
            }
        }
    }
}

/// Whoever reads the output may stop reading: `tombolo sync --json | head -1`, or `tombolo sync 2>&1 | head -1`.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_that_goes_away_changes_nothing() {
    for errors_too in [false, true] {
        let world = World::new().await;
        let mut command = world.tombolo.command(&["sync", "--json", "--since", "beginning"]);
        command.stderr(if errors_too { Stdio::piped() } else { Stdio::null() });
        let mut child = command.spawn().expect("the program starts");
        drop(child.stdout.take());
        drop(child.stderr.take());
        let status = tokio::task::spawn_blocking(move || child.wait())
            .await
            .expect("waited")
            .expect("it ended");
        assert_eq!(
            (status.code(), world.mastodon.statuses("me").len()),
            (Some(0), 1),
            "standard error gone: {errors_too}"
        );
    }
}

/// The environment is a layer of the configuration, and secrets of it are no secret of anybody else.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_from_the_environment_works_and_a_wrong_variable_is_named() {
    let world = World::with(|config, token| config.replace(&format!("token = \"{token}\"\n"), "")).await;
    let told = world.run(&["sync"]).await;
    assert_eq!(told.code, Some(2), "{}", told.stderr);
    assert!(
        told.stderr.contains("toots") && told.stderr.contains("token"),
        "{}",
        told.stderr
    );
    let token = world.mastodon.token("me", "read write profile");
    let with = async |name: &str, value: &str| {
        let mut command = world.tombolo.command(&["sync", "--since", "beginning"]);
        command.env("TOMBOLO_ACCOUNTS__TOOTS__TOKEN", &token).env(name, value);
        Told::of(
            &tokio::task::spawn_blocking(move || command.output())
                .await
                .expect("waited")
                .expect("it ended"),
        )
    };
    let told = with("TOMBOLO_ROUTES__VIDEOS__SCHEDULE", "every now and then").await;
    assert_eq!(told.code, Some(2), "{}", told.stderr);
    assert!(
        told.stderr.contains("TOMBOLO_ROUTES__VIDEOS__SCHEDULE") && !told.stderr.contains(&token),
        "{}",
        told.stderr
    );
    let told = with("TOMBOLO_ROUTES__VIDEOS__VISIBILITY", "unlisted").await;
    assert_eq!(told.code, Some(0), "{}", told.stderr);
    assert_eq!(world.mastodon.statuses("me")[0].visibility, "unlisted");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_account_of_the_same_name_that_is_another_one_by_now_gets_nothing() {
    let world = World::new().await;
    assert_eq!(world.run(&["sync"]).await.code, Some(0), "whose token it is is known");
    world.source.publish(2, |_| {});
    let other = serde_json::json!({"id": "999", "username": "me", "acct": "me"}).to_string();
    let headers = vec![("content-type".into(), "application/json".into())];
    let answer = Fault::Answer(200, headers, other);
    world
        .mastodon
        .faults()
        .next("GET", "/api/v1/accounts/verify_credentials", u32::MAX, answer);
    let told = world.run(&["sync", "--wait", "0s"]).await;
    assert_eq!(told.code, Some(4), "{}", told.stderr);
    assert!(told.stderr.contains("is now another account"), "{}", told.stderr);
    assert_eq!(writes(world.mastodon.arrivals()), Vec::<String>::new());
    world.mastodon.faults().clear();
    assert_eq!(world.run(&["sync"]).await.code, Some(0));
    assert_eq!(world.mastodon.statuses("me").len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn status_shows_what_is_not_done_and_why_and_the_rest_when_asked() {
    let world = World::new().await;
    let refused = Fault::Answer(
        422,
        vec![("content-type".into(), "application/json".into())],
        r#"{"error":"Not today"}"#.into(),
    );
    world.mastodon.faults().next("POST", "/api/v1/statuses", 1, refused);
    world.source.publish(2, |_| {});
    assert_eq!(world.run(&["sync", "--since", "beginning"]).await.code, Some(3));
    world.source.arrivals().clear();
    world.mastodon.arrivals().clear();
    let told = world.run(&["status"]).await;
    assert_eq!(told.code, Some(0), "{}", told.stderr);
    assert!(
        told.stdout.contains("Not today")
            && told
                .stdout
                .contains("1 published, 0 skipped, 0 held, 0 waiting, 1 failed"),
        "{}",
        told.stdout
    );
    let lines = async |arguments: &[&str]| world.run(arguments).await.stdout.lines().count();
    assert_eq!(
        (
            lines(&["status", "--json"]).await,
            lines(&["status", "--json", "--all"]).await
        ),
        (2, 3)
    );
    assert_eq!(
        world.source.arrivals().all().len() + world.mastodon.arrivals().all().len(),
        0,
        "it asks nobody"
    );
}
