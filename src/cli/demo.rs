//! `tombolo demo`: the real program, started as a person would start it, on a make-believe Fediverse on this machine.

use std::io::{BufRead, IsTerminal};
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use chrono::{TimeDelta, Utc};
use clap::Args;
use tokio::process::{Child, Command};
use tombolo_model::SystemClock;
use tombolo_sandbox::mastodon::Posted;
use tombolo_sandbox::{CREATOR, Islands, Options, album, clips};

use super::{Global, exit, output};

/// How long the demo gives the daemon to do what it does within seconds.
const PATIENCE: Duration = Duration::from_secs(60);
/// How slow the make-believe upload is, so that there is something to see.
const UPLOAD_TIME: Duration = Duration::from_millis(600);
const ROUTES: &str = r#"[routes.videos]
from = "channel"
to = ["toots", "photos"]
schedule = "*/5 * * * * *"
jitter = "0s"
since = "beginning"

[routes.albums]
from = "photos"
to = ["toots"]
schedule = "*/5 * * * * *"
jitter = "0s"
since = "beginning"
"#;

/// Show tombolo at work on a make-believe Fediverse on this machine.
///
/// Starts a PeerTube, a Mastodon and a Pixelfed that are stand-ins, lets a sample creator publish, and runs the real `tombolo sync` and
/// `tombolo run` against them. Nothing leaves this machine and nothing of it stays.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// End at once, without waiting for Enter [default on anything but a terminal]
    #[arg(long)]
    no_wait: bool,
}

pub(crate) async fn run(_global: &Global, arguments: &Arguments) -> u8 {
    match show(arguments).await {
        Ok(()) => exit::DONE,
        Err(why) => {
            complain!("error: the demo could not go on: {why}");
            exit::ERROR
        }
    }
}

async fn show(arguments: &Arguments) -> Result<(), String> {
    let work = WorkDir::make().map_err(|e| format!("no directory for it could be made: {e}"))?;
    let config = work.0.join("config.toml");
    let options = Options {
        clock: Arc::new(SystemClock),
        media_polls: 2,
        video_size_limit: None,
    };
    let islands = Islands::start(options)
        .await
        .map_err(|e| format!("the islands could not be started: {e}"))?;
    islands.toots.faults().next(
        "POST",
        "/api/v2/media",
        u32::MAX,
        tombolo_net::stand_in::Fault::Late(UPLOAD_TIME),
    );
    let [first, second, third, later] = clips();
    let now = Utc::now();
    for (clip, hours) in [(first, 3), (second, 2), (third, 1)] {
        islands.tube.publish(clip.as_video().at(now - TimeDelta::hours(hours)));
    }
    islands
        .photos
        .post(CREATOR, album())
        .ok_or("the sample album was refused")?;
    let text = islands.configuration(&work.0.join("data"), ROUTES);
    write_private(&config, &text).map_err(|e| format!("{} could not be written: {e}", config.display()))?;

    say(&format!(
        "Three islands have come up on this machine, and {CREATOR} is on each:\n  a PeerTube  {}   with three videos\n  a Pixelfed  {}   with one album\n  a Mastodon  {}   still empty\n\nBetween them lie two routes, in {}:\n",
        islands.tube.base(),
        islands.photos.base(),
        page(&islands),
        config.display()
    ));
    for line in ROUTES.lines() {
        say(&format!("  {line}"));
    }
    heading(
        "tombolo sync",
        "every video and the album become statuses; the videos go to Pixelfed too",
    );
    expect(&tombolo(&config, &["sync"]).await?, "sync")?;
    heading(
        "tombolo sync",
        "once more: each post goes out once, and no copy is copied",
    );
    expect(&tombolo(&config, &["sync"]).await?, "sync")?;

    heading(
        "tombolo run",
        "the daemon looks every five seconds, and the creator publishes one more video",
    );
    let mut daemon = start(&config, &["run"])?;
    let before = islands.tube.arrivals().all().len();
    wait_for("the daemon's first look", &mut daemon, || {
        islands.tube.arrivals().all().len() > before
    })
    .await?;
    let video = islands.tube.publish(later.as_video());
    say(&format!("  {CREATOR} publishes {}", video.page));
    let copy = wait_for_copy(&islands, &mut daemon, &video.page).await?;
    say(&format!("  the daemon has posted it: {}", copy.url));
    stop(&mut daemon).await?;

    say(&format!(
        "\nAll five are there now, watch them at {}\n\nWith accounts of your own:\n  1. tombolo example > ~/.config/tombolo/config.toml   and put your names and a token into it\n  2. tombolo sync --dry-run --since beginning   shows how your posts would look\n  3. tombolo run   posts what you publish from then on\n",
        page(&islands)
    ));
    if !arguments.no_wait && std::io::stdin().is_terminal() && std::io::stdout().is_terminal() {
        say("The islands stay up until you press Enter.");
        let enter = tokio::task::spawn_blocking(|| std::io::stdin().lock().read_line(&mut String::new()));
        let _ = enter.await;
    }
    Ok(())
}

fn page(islands: &Islands) -> String {
    format!("{}@{CREATOR}", islands.toots.base())
}

fn say(text: &str) {
    output::print(&format!("{text}\n"));
}

fn heading(command: &str, what: &str) {
    say(&format!("\n$ {command}    # {what}"));
}

/// Runs this very program, its output going where ours goes.
async fn tombolo(config: &Path, arguments: &[&str]) -> Result<ExitStatus, String> {
    start(config, arguments)?
        .wait()
        .await
        .map_err(|e| format!("tombolo {} could not be waited for: {e}", arguments.join(" ")))
}

fn start(config: &Path, arguments: &[&str]) -> Result<Child, String> {
    let program = std::env::current_exe().map_err(|e| format!("the program doesn't find itself: {e}"))?;
    let mut command = Command::new(program);
    // What the newcomer's own environment sets isn't meant for the islands.
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("TOMBOLO_")) {
        command.env_remove(name);
    }
    command
        .arg("--config")
        .arg(config)
        .args(arguments)
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .map_err(|e| format!("tombolo {} could not be started: {e}", arguments.join(" ")))
}

fn expect(status: &ExitStatus, what: &str) -> Result<(), String> {
    if status.success() {
        Ok(())
    } else {
        Err(format!("tombolo {what} ended with {status}"))
    }
}

async fn wait_for(what: &str, daemon: &mut Child, so: impl Fn() -> bool) -> Result<(), String> {
    let begun = std::time::Instant::now();
    while !so() {
        if let Ok(Some(status)) = daemon.try_wait() {
            return Err(format!("the daemon ended by itself with {status}"));
        }
        if begun.elapsed() > PATIENCE {
            return Err(format!("{what} did not come within {} seconds", PATIENCE.as_secs()));
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Ok(())
}

async fn wait_for_copy(islands: &Islands, daemon: &mut Child, link: &str) -> Result<Posted, String> {
    let find = || {
        islands
            .toots
            .statuses(CREATOR)
            .into_iter()
            .find(|status| status.text.contains(link))
    };
    wait_for("the new video's copy", daemon, || find().is_some()).await?;
    find().ok_or_else(|| "the new video's copy is gone again".into())
}

/// Asks the daemon to end, as a service manager does.
async fn stop(daemon: &mut Child) -> Result<(), String> {
    if let Some(pid) = daemon.id() {
        // The shell's own `kill`: small machines have no other.
        let asked = Command::new("sh")
            .args(["-c", &format!("kill -TERM {pid}")])
            .status()
            .await;
        if !asked.is_ok_and(|status| status.success()) {
            let _ = daemon.start_kill();
        }
    }
    tokio::time::timeout(PATIENCE, daemon.wait())
        .await
        .map_err(|_| "the daemon did not end".to_owned())?
        .map_err(|e| format!("the daemon could not be waited for: {e}"))
        .map(drop)
}

fn write_private(path: &Path, text: &str) -> std::io::Result<()> {
    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;
    let mut file = std::fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(text.as_bytes())
}

/// A directory that goes with the demo.
struct WorkDir(std::path::PathBuf);

impl WorkDir {
    fn make() -> std::io::Result<Self> {
        use std::os::unix::fs::DirBuilderExt;
        let dir = std::env::temp_dir().join(format!("tombolo-demo-{}", std::process::id()));
        std::fs::DirBuilder::new().mode(0o700).create(&dir)?;
        Ok(Self(dir))
    }
}

impl Drop for WorkDir {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
