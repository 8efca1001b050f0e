//! One run of ffmpeg or ffprobe: started with nothing of ours but a search path, watched, and ended when its time is up, when
//! nobody waits for it any more, or when we die.

use std::{
    ffi::{OsStr, OsString},
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    time::Duration,
};

use tokio::{
    io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, BufReader},
    process::{Child, Command},
    sync::oneshot,
    time::Instant,
};

use super::{Ffmpeg, Progress, VideoError, Watch};

/// More output than this from ffprobe, or in one line of progress, is refused.
const OUTPUT_MAX: u64 = 4 << 20;
/// How much of what a program said is kept for an error.
const SAID_MAX: usize = 800;

/// The part of a piece of work that one run is: it has the whole work's deadline and its own share of the progress.
#[derive(Clone, Copy)]
pub(super) struct Shift<'a> {
    deadline: Instant,
    within: Duration,
    from: f64,
    share: f64,
    watch: Watch<'a>,
}

impl<'a> Shift<'a> {
    /// The whole of a piece of work that begins now.
    pub(super) fn begin(watch: Watch<'a>) -> Self {
        let now = Instant::now();
        Self {
            // A limit beyond what the clock can tell is none.
            deadline: now
                .checked_add(watch.within)
                .unwrap_or_else(|| now + Duration::from_secs(1 << 30)),
            within: watch.within,
            from: 0.0,
            share: 1.0,
            watch,
        }
    }

    /// The part of this shift from one fraction of it to another.
    pub(super) fn part(self, from: f64, to: f64) -> Self {
        Self {
            from: self.from + self.share * from,
            share: self.share * (to - from),
            ..self
        }
    }

    fn tell(&self, fraction: f64) {
        let fraction = (self.from + self.share * fraction.clamp(0.0, 1.0)).clamp(0.0, 1.0);
        (self.watch.progress)(Progress { fraction });
    }
}

/// What ffmpeg told while it ran.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Ran {
    /// Seconds of output written.
    pub(super) seconds: f64,
    /// Bytes of output written.
    pub(super) bytes: u64,
    /// Frames written.
    pub(super) frames: u64,
}

/// Arguments, written as they will be read.
#[derive(Debug, Clone, Default)]
pub(super) struct Args(pub(super) Vec<OsString>);

impl Args {
    /// Adds words separated by spaces.
    pub(super) fn words(&mut self, words: &str) -> &mut Self {
        self.0.extend(words.split_ascii_whitespace().map(OsString::from));
        self
    }

    /// Adds one argument as it is.
    pub(super) fn one(&mut self, arg: impl AsRef<OsStr>) -> &mut Self {
        self.0.push(arg.as_ref().to_owned());
        self
    }

    /// A path that is taken for a file whatever its name is.
    pub(super) fn file(&mut self, path: &Path) -> &mut Self {
        let mut name = OsString::from("file:");
        name.push(path);
        self.0.push(name);
        self
    }

    /// An input of a recognised kind, which may name no other file.
    pub(super) fn input(&mut self, input: &Input) -> &mut Self {
        self.words("-protocol_whitelist file,pipe -format_whitelist")
            .one(input.demuxer);
        self.words("-f").one(input.demuxer).one("-i").file(&input.path)
    }
}

/// A recognised input file.
#[derive(Debug, Clone)]
pub(super) struct Input {
    pub(super) path: PathBuf,
    pub(super) demuxer: &'static str,
}

impl Input {
    /// Recognises a file.
    pub(super) fn open(path: &Path) -> Result<Self, VideoError> {
        let kind = super::sniff(path)?.ok_or_else(|| {
            VideoError::NotAVideo("its first bytes are those of no known video or picture file".to_owned())
        })?;
        Ok(Self {
            path: std::path::absolute(path)?,
            demuxer: kind.demuxer(),
        })
    }
}

/// Runs ffmpeg in the folder `dir`; `seconds` is the length of output at which it's done. No file may grow beyond `max_file`.
pub(super) async fn ffmpeg(
    program: &Ffmpeg,
    dir: &Path,
    args: &Args,
    seconds: f64,
    max_file: u64,
    shift: Shift<'_>,
) -> Result<Ran, VideoError> {
    let mut all = Args::default();
    all.words("-hide_banner -nostdin -v error -nostats -progress pipe:1 -y");
    all.0.extend_from_slice(&args.0);
    tracing::debug!(command = %program.shown(args), "ffmpeg");
    let mut child = start(program, &program.program, dir, &all, Some(max_file)).await?;
    let stdout = child.child.stdout.take();
    let stderr = child.child.stderr.take();
    let work = async {
        let (ran, said, status) = tokio::join!(follow(stdout, seconds, shift), last_words(stderr), child.child.wait());
        outcome("ffmpeg", status?, &said).map(|()| ran)
    };
    let result = tokio::time::timeout_at(shift.deadline, work).await;
    match result {
        Ok(ran) => {
            let ran = ran?;
            shift.tell(1.0);
            Ok(ran)
        }
        Err(_) => {
            // Waits until it's gone: its files are about to be deleted.
            let _ = child.child.kill().await;
            Err(VideoError::TimedOut(shift.within))
        }
    }
}

/// Runs `program` (ffmpeg or ffprobe) for what it prints.
pub(super) async fn print(
    ffmpeg: &Ffmpeg,
    program: &Path,
    args: &Args,
    within: Duration,
) -> Result<Vec<u8>, VideoError> {
    let name = if program == ffmpeg.prober { "ffprobe" } else { "ffmpeg" };
    let mut child = start(ffmpeg, program, Path::new("/"), args, None).await?;
    let stdout = child.child.stdout.take();
    let stderr = child.child.stderr.take();
    let work = async {
        let (out, said, status) = tokio::join!(read_some(stdout), last_words(stderr), child.child.wait());
        outcome(name, status?, &said)?;
        out
    };
    let result = tokio::time::timeout(within, work).await;
    match result {
        Ok(out) => out,
        Err(_) => {
            let _ = child.child.kill().await;
            Err(VideoError::TimedOut(within))
        }
    }
}

/// A running program, and what keeps the thread alive that started it.
struct Running {
    child: Child,
    _keeper: Option<oneshot::Sender<()>>,
}

async fn start(
    ffmpeg: &Ffmpeg,
    program: &Path,
    dir: &Path,
    args: &Args,
    max_file: Option<u64>,
) -> Result<Running, VideoError> {
    let mut words: Vec<OsString> = Vec::new();
    if let Some(setpriv) = &ffmpeg.leash.setpriv {
        words.extend([setpriv.into(), "--pdeathsig".into(), "KILL".into(), "--".into()]);
    }
    if let (Some(prlimit), Some(bytes)) = (&ffmpeg.leash.prlimit, max_file) {
        words.extend([prlimit.into(), format!("--fsize={bytes}").into(), "--".into()]);
    }
    words.push(program.into());
    words.extend_from_slice(&args.0);
    let mut command = Command::new(&words[0]);
    command
        .args(&words[1..])
        .env_clear()
        .env("PATH", &ffmpeg.path)
        .current_dir(dir)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        // In a group of its own: Ctrl-C at the terminal is for tombolo, which ends its work in order.
        .process_group(0)
        .kill_on_drop(true);
    if ffmpeg.leash.setpriv.is_none() {
        return Ok(Running {
            child: command.spawn()?,
            _keeper: None,
        });
    }
    // The kernel ends the child when the *thread* that started it ends, so that thread has to stay as long as the child may.
    let (keeper, until) = oneshot::channel::<()>();
    let (sender, started) = oneshot::channel();
    let runtime = tokio::runtime::Handle::current();
    std::thread::Builder::new().name("ffmpeg".to_owned()).spawn(move || {
        let child = {
            let _entered = runtime.enter();
            command.spawn()
        };
        if sender.send(child).is_ok() {
            let _ = until.blocking_recv();
        }
    })?;
    let child = started
        .await
        .map_err(|_| std::io::Error::other("the thread that starts ffmpeg ended early"))??;
    Ok(Running {
        child,
        _keeper: Some(keeper),
    })
}

/// Whether somebody told it to end. A file that grew too large for its limit ends it by a signal too, which is not meant here.
fn was_ended(status: ExitStatus, said: &str) -> bool {
    use std::os::unix::process::ExitStatusExt;
    const HUP_INT_KILL_TERM: [i32; 4] = [1, 2, 9, 15];
    // ffmpeg's own codes after one signal that it caught, and after several. Newer versions have the first for an error
    // too, but say something then.
    const CAUGHT: i32 = 255;
    const CAUGHT_AGAIN: i32 = 123;
    match status.code() {
        Some(CAUGHT) => said.is_empty(),
        Some(code) => code == CAUGHT_AGAIN,
        None => status
            .signal()
            .is_some_and(|signal| HUP_INT_KILL_TERM.contains(&signal)),
    }
}

fn outcome(program: &'static str, status: ExitStatus, said: &str) -> Result<(), VideoError> {
    if status.success() {
        return Ok(());
    }
    if was_ended(status, said) {
        let status = status.to_string();
        return Err(VideoError::Ended { program, status });
    }
    Err(VideoError::Failed {
        program,
        status: status.to_string(),
        said: if said.is_empty() {
            "it said nothing".to_owned()
        } else {
            said.to_owned()
        },
    })
}

/// Reads lines like `out_time_us=1500000` until the program ends.
async fn follow(out: Option<impl AsyncRead + Unpin>, seconds: f64, shift: Shift<'_>) -> Ran {
    let mut ran = Ran::default();
    let Some(out) = out else { return ran };
    let mut lines = BufReader::new(out);
    let mut line = Vec::new();
    loop {
        line.clear();
        let mut limited = (&mut lines).take(4096);
        match limited.read_until(b'\n', &mut line).await {
            Ok(0) | Err(_) => return ran,
            Ok(_) => {}
        }
        let text = String::from_utf8_lossy(&line);
        let Some((key, value)) = text.trim().split_once('=') else {
            continue;
        };
        match key {
            // In microseconds, whatever the older of the two names says.
            "out_time_us" | "out_time_ms" => {
                if let Ok(micros) = value.parse::<i64>() {
                    ran.seconds = Duration::from_micros(u64::try_from(micros).unwrap_or(0)).as_secs_f64();
                }
            }
            "total_size" => ran.bytes = value.parse().unwrap_or(ran.bytes),
            "frame" => ran.frames = value.parse().unwrap_or(ran.frames),
            "progress" if seconds > 0.0 => shift.tell(ran.seconds / seconds),
            _ => {}
        }
    }
}

/// Reads all that a program says, and keeps the end.
async fn last_words(err: Option<impl AsyncRead + Unpin>) -> String {
    let Some(mut err) = err else { return String::new() };
    let mut kept: Vec<u8> = Vec::new();
    let mut chunk = [0_u8; 4096];
    while let Ok(read) = err.read(&mut chunk).await {
        if read == 0 {
            break;
        }
        kept.extend_from_slice(&chunk[..read]);
        let surplus = kept.len().saturating_sub(SAID_MAX);
        kept.drain(..surplus);
    }
    let text: String = String::from_utf8_lossy(&kept)
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

async fn read_some(out: Option<impl AsyncRead + Unpin>) -> Result<Vec<u8>, VideoError> {
    let mut all = Vec::new();
    if let Some(out) = out {
        out.take(OUTPUT_MAX + 1).read_to_end(&mut all).await?;
    }
    if all.len() as u64 > OUTPUT_MAX {
        return Err(VideoError::NotAVideo(
            "it has more streams and tags than can be looked at".to_owned(),
        ));
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt;

    use super::*;

    #[test]
    fn what_a_signal_ended_is_told_from_what_failed() {
        let code = |code: i32| ExitStatus::from_raw(code << 8);
        let signal = ExitStatus::from_raw;
        for (status, said, ended) in [
            (code(255), "", true),
            (code(123), "Received > 3 system signals", true),
            (signal(15), "", true),
            (signal(9), "", true),
            (code(255), "Operation not permitted", false),
            (code(1), "", false),
            // Its file grew beyond the limit.
            (signal(25), "", false),
        ] {
            let is_ended = matches!(outcome("ffmpeg", status, said), Err(VideoError::Ended { .. }));
            assert_eq!(is_ended, ended, "{status} {said:?}");
        }
    }
}
