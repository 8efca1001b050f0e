//! The command line: arguments, set-up that all commands share, and exit codes. Each command is a file beside this one.

/// Prints a line to standard error; a reader that has gone away is no error.
macro_rules! complain {
    ($($text:tt)*) => {{
        use std::io::Write as _;
        let _ = writeln!(std::io::stderr(), $($text)*);
    }};
}

mod output;
mod retry;
mod run;
mod shown;
mod status;
mod sync;

#[cfg(feature = "demo")]
mod demo;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use clap::{Args, Parser, Subcommand, ValueEnum};
use tombolo_model::SystemClock;
use tombolo_net::{Net, SystemEntropy};

use crate::assemble;
use crate::config::{self, Config, ConfigErrors, Inputs};
use crate::ledger::StoreError;
use crate::schedule::Schedule;
use crate::sync::Route;

/// Exit codes of the design.
pub(crate) mod exit {
    pub(crate) const DONE: u8 = 0;
    pub(crate) const ERROR: u8 = 1;
    pub(crate) const USAGE: u8 = 2;
    pub(crate) const IN_USE: u8 = 5;
    pub(crate) const INTERRUPTED: u8 = 130;
}

const LONG_ABOUT: &str = "\
tombolo carries a creator's public posts between PeerTube, Mastodon and Pixelfed: every post once, in the best form that \
each destination takes, or you can see why not. Mastodon means every server with its API (GoToSocial, snac, Pleroma, …).

To begin:
  1. Write ~/.config/tombolo/config.toml: an account to read, an account to publish to, a route between them
     (`tombolo example` prints one to start from).
  2. tombolo sync --dry-run --since beginning   shows how your posts would look, and posts nothing.
  3. tombolo sync   posts what is new; tombolo run does so by itself, on a schedule.

At first contact nothing old is posted: what is public by then is only noted. `--since` opens older posts.";

const AFTER_HELP: &str = "\
Exit codes: 0 done · 1 error · 2 usage or configuration · 3 partly done (something waits, failed or is unknown) · \
4 sign-in needed · 5 ledger in use · 130 interrupted";

/// Carries a creator's public posts between PeerTube, Mastodon and Pixelfed, each once.
#[derive(Debug, Parser)]
#[command(name = "tombolo", version, long_about = LONG_ABOUT, after_help = AFTER_HELP, propagate_version = true)]
struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

/// What every command takes.
#[derive(Clone, Debug, Args)]
pub(crate) struct Global {
    /// The configuration file [default: $TOMBOLO_CONFIG, ~/.config/tombolo/config.toml, /etc/tombolo/config.toml]
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Where the ledger and the cache are kept [default: data_dir of the configuration, ~/.local/share/tombolo]
    #[arg(long, global = true, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Tell more; twice: tell every request
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    verbose: u8,
    /// Tell errors only
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    quiet: bool,
    /// How log lines are written, to standard error
    #[arg(long, global = true, value_enum, default_value = "text", value_name = "FORMAT")]
    log_format: LogFormat,
}

/// Forms of log lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// For people
    Text,
    /// For machines, an object a line
    Json,
}

#[derive(Debug, Subcommand)]
enum Command {
    Sync(sync::Arguments),
    /// Keep running: make a pass for each route by its schedule, until stopped
    Run,
    Retry(retry::Arguments),
    Status(status::Arguments),
    /// Print a configuration to start from
    Example {
        /// Print every setting with its default instead
        #[arg(long)]
        all: bool,
    },
    #[cfg(feature = "demo")]
    Demo(demo::Arguments),
}

/// Runs the program.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build();
    let code = match runtime {
        Ok(runtime) => {
            let code = runtime.block_on(dispatch(cli));
            // Work that was given up on a signal isn't waited for: what it began is noted in the ledger.
            runtime.shutdown_timeout(std::time::Duration::from_secs(2));
            code
        }
        Err(e) => {
            complain!("error: tombolo could not start: {e}");
            exit::ERROR
        }
    };
    ExitCode::from(code)
}

async fn dispatch(cli: Cli) -> u8 {
    match cli.command {
        Command::Sync(arguments) => Box::pin(sync::run(&cli.global, &arguments)).await,
        Command::Run => Box::pin(run::run(&cli.global)).await,
        Command::Retry(arguments) => retry::run(&cli.global, &arguments).await,
        Command::Status(arguments) => status::run(&cli.global, &arguments).await,
        Command::Example { all } => {
            output::print(if all { config::DEFAULTS } else { config::EXAMPLE });
            exit::DONE
        }
        #[cfg(feature = "demo")]
        Command::Demo(arguments) => demo::run(&cli.global, &arguments).await,
    }
}

/// Starts logging to standard error.
pub(crate) fn start_logging(global: &Global, default: tracing::Level) {
    use tracing_subscriber::EnvFilter;
    let level = match (global.quiet, global.verbose) {
        (true, _) => "error",
        (false, 0) => default.as_str(),
        (false, 1) => "info",
        (false, _) => "debug",
    };
    // Other crates speak up only when something is wrong, or when asked by TOMBOLO_LOG.
    let filter = std::env::var("TOMBOLO_LOG").unwrap_or_else(|_| {
        let ours = "tombolo,tombolo_net,tombolo_activitypub,tombolo_mastoapi,tombolo_mastodon,tombolo_pixelfed,\
                    tombolo_peertube,tombolo_media,tombolo_text";
        ours.split(',')
            .fold("warn".to_owned(), |filter, name| format!("{filter},{name}={level}"))
    });
    let filter = EnvFilter::try_new(&filter).unwrap_or_else(|_| EnvFilter::new("warn"));
    let builder = tracing_subscriber::fmt()
        .log_internal_errors(false)
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr()));
    // A second start (the demo's) changes nothing.
    let _ = match global.log_format {
        LogFormat::Text => builder.with_target(false).try_init(),
        LogFormat::Json => builder.json().try_init(),
    };
}

/// Reads the configuration; prints what is wrong with it, all at once.
pub(crate) fn load(global: &Global, json: bool) -> Result<Config, u8> {
    let inputs = Inputs {
        file: global.config.clone(),
        data_dir: global.data_dir.clone(),
        ..Inputs::from_process()
    };
    let check = |text: &str| Schedule::parse(text).map(drop).map_err(|e| e.to_string());
    match config::load(&inputs, check) {
        Ok(loaded) => Ok(loaded.config),
        Err(errors) => {
            complain(&errors, json);
            Err(exit::USAGE)
        }
    }
}

fn complain(errors: &ConfigErrors, json: bool) {
    if json {
        output::print(&format!("{}\n", serde_json::to_string(errors).unwrap_or_default()));
    }
    complain!("{errors}");
}

/// The configured routes with these names; all of them where none is named.
pub(crate) fn chosen_routes(config: &Config, names: &[String]) -> Result<Vec<Route>, u8> {
    let routes = assemble::routes(config);
    let known = || routes.iter().map(|r| r.name.as_str()).collect::<Vec<_>>().join(", ");
    if routes.is_empty() {
        complain!(
            "error: the configuration has no route
  = help: a route says what goes from where to where; `tombolo example` prints one"
        );
        return Err(exit::USAGE);
    }
    if let Some(unknown) = names.iter().find(|name| routes.iter().all(|r| r.name != **name)) {
        complain!(
            "error: there is no route named {unknown:?}\n  = help: routes configured: {}",
            known()
        );
        return Err(exit::USAGE);
    }
    Ok(routes
        .into_iter()
        .filter(|r| names.is_empty() || names.contains(&r.name))
        .collect())
}

/// Why the ledger can't be used, as text and exit code.
pub(crate) fn ledger_refused(error: &StoreError) -> u8 {
    complain!("error: {error}");
    match error {
        StoreError::InUse { .. } => exit::IN_USE,
        _ => exit::ERROR,
    }
}

/// Why working files can't be kept, as text and exit code.
pub(crate) fn no_workshop(config: &Config, error: &std::io::Error) -> u8 {
    complain!(
        "error: working files can't be kept in {}: {error}",
        config.data_dir.join("work").display()
    );
    exit::ERROR
}

/// The client for this configuration, on the machine's clock.
pub(crate) fn net(config: &Config) -> Result<Net, u8> {
    assemble::net(config, Arc::new(SystemClock), Arc::new(SystemEntropy)).map_err(|e| {
        complain!("error: {e}");
        exit::ERROR
    })
}

/// The signals by which the program is told to stop. Heard from when this is made, so that none ends it halfway.
pub(crate) struct StopSignals(Vec<tokio::signal::unix::Signal>);

impl StopSignals {
    pub(crate) fn listen() -> Self {
        use tokio::signal::unix::{SignalKind, signal};
        let kinds = [SignalKind::interrupt(), SignalKind::terminate()];
        let heard = kinds.into_iter().filter_map(|kind| {
            signal(kind)
                .inspect_err(|error| tracing::warn!(%error, "signals can't be heard"))
                .ok()
        });
        Self(heard.collect())
    }

    /// Ends when the program is told to stop; also tells the engine, so that it ends at the next safe place.
    pub(crate) async fn told(mut self, stopping: Arc<AtomicBool>) {
        let any = self.0.iter_mut().map(|signals| Box::pin(signals.recv()));
        if any.len() == 0 {
            return std::future::pending().await;
        }
        futures_util::future::select_all(any).await;
        stopping.store(true, Ordering::Relaxed);
    }
}
