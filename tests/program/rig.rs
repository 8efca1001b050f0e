//! The world of a test in two lines: islands, a configuration, and the program.
#![allow(dead_code)]

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;
use tombolo_mastodon::stand_in::{Mastodon, Posted};
use tombolo_model::{Clock, Entropy, SeededEntropy, SystemClock};
use tombolo_peertube::stand_in::{NewVideo, Options, PeerTube, Published, VideoFile};

/// The program with a data directory and a configuration of its own.
pub struct Tombolo {
    pub dir: TempDir,
    config: PathBuf,
}

/// What a pass printed.
#[derive(Debug)]
pub struct Pass {
    pub code: i32,
    /// A line for each delivery.
    pub lines: Vec<Value>,
    /// The counts.
    pub summary: Value,
    pub stdout: String,
    pub stderr: String,
}

impl Pass {
    pub fn count(&self, state: &str) -> u64 {
        self.summary[state]
            .as_u64()
            .unwrap_or_else(|| panic!("no summary: {}{}", self.stdout, self.stderr))
    }
}

impl Tombolo {
    /// With this configuration; `data_dir` and the network settings for loopback are added.
    pub fn configured(config: &str) -> Self {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let path = dir.path().join("config.toml");
        let tombolo = Self { dir, config: path };
        tombolo.configure(config);
        tombolo
    }

    /// Replaces the configuration.
    pub fn configure(&self, config: &str) {
        let whole = format!(
            "data_dir = {:?}\n{config}\n[network]\nallow = [\"127.0.0.0/8\"]\nallow_http = true\n",
            self.data_dir()
        );
        std::fs::write(&self.config, whole).expect("the configuration is written");
        let mut mode = std::fs::metadata(&self.config).expect("it is there").permissions();
        std::os::unix::fs::PermissionsExt::set_mode(&mut mode, 0o600);
        std::fs::set_permissions(&self.config, mode).expect("it is ours");
    }

    pub fn data_dir(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tombolo"));
        command
            .arg("--config")
            .arg(&self.config)
            .args(arguments)
            .env_remove("TOMBOLO_LOG");
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// Runs to the end, without blocking the servers of this test.
    pub async fn run(&self, arguments: &[&str]) -> Output {
        output_of(self.command(arguments)).await
    }

    /// The same, where other programs are found in this folder only.
    pub async fn run_with_path(&self, path: &Path, arguments: &[&str]) -> Output {
        let mut command = self.command(arguments);
        command.env("PATH", path);
        output_of(command).await
    }

    /// `sync --json` with these arguments.
    pub async fn sync(&self, arguments: &[&str]) -> Pass {
        let all: Vec<&str> = ["sync", "--json"].iter().chain(arguments).copied().collect();
        let output = self.run(&all).await;
        let stdout = String::from_utf8(output.stdout).expect("text");
        let stderr = String::from_utf8(output.stderr).expect("text");
        let mut lines: Vec<Value> = stdout
            .lines()
            .map(|l| serde_json::from_str(l).unwrap_or_else(|e| panic!("{e}: {l:?}")))
            .collect();
        let summary = lines
            .iter()
            .position(|l| l.get("summary").is_some())
            .map(|at| lines.remove(at)["summary"].clone());
        Pass {
            code: output.status.code().unwrap_or(-1),
            lines,
            summary: summary.unwrap_or(Value::Null),
            stdout,
            stderr,
        }
    }

    /// Begins, and leaves it running.
    pub fn spawn(&self, arguments: &[&str]) -> Child {
        let mut command = self.command(arguments);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        command.spawn().expect("the program starts")
    }

    /// What the ledger's seal says; equal seals mean that nothing was written between.
    pub fn seal(&self) -> String {
        std::fs::read_to_string(self.data_dir().join("seal.json")).unwrap_or_default()
    }
}

async fn output_of(mut command: Command) -> Output {
    tokio::task::spawn_blocking(move || command.output().expect("the program starts"))
        .await
        .expect("it ends")
}

/// An account that is read, and one route from it to one account on a server with Mastodon's API.
pub fn peertube_to(source: &PeerTube, handle: &str, read: &str, base: &str, name: &str, token: &str) -> String {
    format!(
        r#"
[accounts.channel]
platform = "peertube"
instance = "{}"
handle = "{handle}"
read = "{read}"

[accounts.toots]
platform = "mastodon"
instance = "{base}"
handle = "{name}"
token = "{token}"
settle = "1s"

[routes.videos]
from = "channel"
to = ["toots"]
"#,
        source.base()
    )
}

/// A PeerTube, a Mastodon, and the program with a route between them.
pub struct World {
    pub tube: PeerTube,
    pub toots: Mastodon,
    pub tombolo: Tombolo,
}

impl World {
    /// Reads the channel by the API; `route` holds further settings of the route.
    pub async fn new(route: &str) -> Self {
        Self::reading("alice_channel", "auto", route).await
    }

    pub async fn reading(handle: &str, read: &str, route: &str) -> Self {
        Self::on(Arc::new(SystemClock), handle, read, route).await
    }

    /// With a Mastodon on this clock.
    pub async fn on(clock: Arc<dyn Clock>, handle: &str, read: &str, route: &str) -> Self {
        let tube = peertube().await;
        let options = tombolo_mastodon::stand_in::Options {
            clock,
            ..tombolo_mastodon::stand_in::Options::default()
        };
        let toots = Mastodon::start(options).await.expect("the stand-in starts");
        let token = toots.add_account("me");
        let base = toots.base().as_str().trim_end_matches('/').to_owned();
        let config = format!("{}{route}\n", peertube_to(&tube, handle, read, &base, "me", &token));
        Self {
            tombolo: Tombolo::configured(&config),
            tube,
            toots,
        }
    }

    pub fn statuses(&self) -> Vec<Posted> {
        self.toots.statuses("me")
    }
}

/// A PeerTube on the machine's clock.
pub async fn peertube() -> PeerTube {
    PeerTube::start(Options::new(Arc::new(SystemClock)))
        .await
        .expect("the stand-in starts")
}

/// A video with a description, tags and a small file of its own.
pub fn video(number: usize) -> NewVideo {
    NewVideo::titled(&format!("Video {number:03}"))
        .description(&format!(
            "This is **video** {number:03}.\r\n\r\nMore at https://example.org/{number:03}."
        ))
        .tags(&["Peer Tube", "sea"])
        .web([playable(640, 360, 20_000 + number)])
}

/// A file that plays, with sound, of exactly so many bytes.
pub fn playable(width: u32, height: u32, bytes: usize) -> VideoFile {
    VideoFile::sized(width, height).body(padded("clip-with-sound.mp4", bytes))
}

/// A clip made longer by media data at its end that no track uses.
pub fn padded(clip: &str, bytes: usize) -> Vec<u8> {
    let mut content = media(clip);
    let filling = bytes
        .checked_sub(content.len())
        .filter(|f| *f >= 8)
        .expect("room for a box");
    content.extend_from_slice(&u32::try_from(filling).expect("a small file").to_be_bytes());
    content.extend_from_slice(b"mdat");
    content.resize(bytes, 0);
    content
}

/// Publishes so many.
pub fn publish(tube: &PeerTube, numbers: std::ops::Range<usize>) -> Vec<Published> {
    numbers.map(|n| tube.publish(video(n))).collect()
}

/// Waits until something is so, watching; for what real processes do in their own time.
pub async fn until(what: &str, mut so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !so() {
        assert!(begun.elapsed() < Duration::from_secs(60), "not within a minute: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Begins the program twelve times and kills it: early every third time, else about when one more write arrives at a
/// server, before its answer or after it. `writes` counts them.
pub async fn killed_often(tombolo: &Tombolo, arguments: &[&str], seed: u64, writes: impl Fn() -> usize) {
    let dice = SeededEntropy::new(seed);
    let before_all = writes();
    for kill in 0..12 {
        let mut child = tombolo.spawn(arguments);
        let before = writes();
        if kill % 3 == 0 {
            tokio::time::sleep(Duration::from_millis(20 + dice.bits() % 500)).await;
        } else {
            // What only waits is killed waiting.
            let begun = Instant::now();
            while writes() <= before && begun.elapsed() < Duration::from_secs(4) {
                if child.try_wait().is_ok_and(|ended| ended.is_some()) {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            tokio::time::sleep(Duration::from_millis(dice.bits() % 40)).await;
        }
        child.kill().expect("it can be killed");
        child.wait().expect("it ended");
    }
    // Where the first kill leaves something unresolved, the others come while that is waited for.
    assert!(writes() > before_all, "no kill came after a write");
}

/// Whether this machine has the programs. Where it hasn't, the test says that it is skipped; where all must run, it fails.
pub fn has(programs: &[&str]) -> bool {
    let dirs: Vec<PathBuf> = std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()).collect();
    let missing = programs
        .iter()
        .find(|program| !dirs.iter().any(|dir| dir.join(program).is_file()));
    let Some(missing) = missing else { return true };
    assert!(std::env::var_os("CI").is_none(), "{missing} is not installed");
    println!("SKIPPED: {missing} is not installed");
    false
}

/// Whether there is an ffmpeg to work on videos with, and to judge them.
pub fn ffmpeg() -> bool {
    has(&["ffmpeg", "ffprobe"])
}

pub fn sha256(bytes: &[u8]) -> String {
    use sha2::{Digest, Sha256};
    Sha256::digest(bytes).iter().map(|b| format!("{b:02x}")).collect()
}

pub fn media(name: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/media").join(name);
    std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}
