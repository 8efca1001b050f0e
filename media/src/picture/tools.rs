//! HEIC and AVIF, decoded by a program of the machine: a child with a clean environment, nothing on its standard input,
//! limits on time and on what it writes, in a directory of its own.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use tokio::io::AsyncReadExt;
use tokio::process::Command;

use super::kind::Kind;
use super::scan::{Orientation, Scan, scan};
use super::work::{Decoded, Source, check_bytes, check_pixels};
use super::{Bounds, PictureError, heif};

/// What a 200-megapixel HEIC took on two slow cores, several times over.
const PATIENCE: Duration = Duration::from_secs(120);
/// Address space of a child: decoders map generously, so this only stops the absurd.
const ADDRESS_SPACE: u64 = 8 << 30;
/// How much of a child's complaint is read.
const COMPLAINT: u64 = 4096;

/// Where pictures are worked on.
#[derive(Debug, Clone)]
pub struct Workshop {
    /// The programs for HEIC and AVIF.
    pub decoders: Decoders,
    /// What is accepted for work.
    pub bounds: Bounds,
    /// A directory that only this user reads; files in it are removed after each picture. It must exist.
    pub dir: PathBuf,
}

/// Programs that decode HEIC and AVIF, looked for once.
#[derive(Debug, Clone, Default)]
pub struct Decoders {
    found: Vec<(Program, PathBuf)>,
    prlimit: Option<PathBuf>,
    path: OsString,
}

/// In order of preference: vips is fast and keeps the profile; ffmpeg (5.1) reads AVIF only and leaves turning to us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Program {
    Vips,
    HeifConvert,
    Magick,
    Ffmpeg,
}

const PROGRAMS: [(Program, &str); 5] = [
    (Program::Vips, "vips"),
    (Program::HeifConvert, "heif-convert"),
    (Program::Magick, "magick"),
    (Program::Magick, "convert"),
    (Program::Ffmpeg, "ffmpeg"),
];

impl Decoders {
    /// Looks for the programs in the directories of `path`, in the form of the PATH variable. Only absolute ones count.
    pub fn find(path: &OsStr) -> Self {
        let which = |name: &str| {
            std::env::split_paths(path)
                .filter(|dir| dir.is_absolute())
                .map(|dir| dir.join(name))
                .find(|file| file.is_file())
        };
        let found = PROGRAMS
            .iter()
            .filter_map(|(program, name)| Some((*program, which(name)?)))
            .collect();
        Self {
            found,
            prlimit: which("prlimit"),
            path: path.to_owned(),
        }
    }

    /// Whether a picture of this kind can be read, here or by a program.
    pub fn can_read(&self, kind: Kind) -> bool {
        kind.is_native() || self.for_kind(kind).next().is_some()
    }

    fn for_kind(&self, kind: Kind) -> impl Iterator<Item = &(Program, PathBuf)> {
        self.found
            .iter()
            .filter(move |(program, _)| kind == Kind::Avif || *program != Program::Ffmpeg)
    }
}

/// Checks what came in and makes it readable by this crate.
pub(super) async fn open(data: Bytes, workshop: &Workshop) -> Result<Source, PictureError> {
    check_bytes(data.len() as u64, &workshop.bounds)?;
    let found = scan(&data)?;
    check_pixels(&found, &workshop.bounds)?;
    let kind = found.kind;
    if kind.is_native() {
        return Ok(Source {
            data,
            kind,
            decoded: None,
        });
    }
    let mut complaint = None;
    for (program, file) in workshop.decoders.for_kind(kind) {
        if *program == Program::Ffmpeg && heif::is_mirrored(&data) {
            continue;
        }
        match run(*program, file, &data, &found, workshop).await {
            Ok(png) => {
                let ours = *program == Program::Ffmpeg;
                let decoded = Decoded {
                    orientation: if ours { found.orientation } else { Orientation::UPRIGHT },
                    profile: if ours { found.profile } else { None },
                    traces: found.traces.into_iter().collect(),
                    animated: found.frames > 1,
                };
                return Ok(Source {
                    data: png,
                    kind,
                    decoded: Some(decoded),
                });
            }
            Err(error) => {
                tracing::debug!(program = %file.display(), error, "a picture decoder failed");
                let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
                complaint.get_or_insert(format!("{name}: {error}"));
            }
        }
    }
    match complaint {
        Some(complaint) => Err(PictureError::Unreadable(format!(
            "no program here could decode this {kind} ({complaint}); export it as JPEG, or install libheif-examples"
        ))),
        None => Err(needs_decoder(kind)),
    }
}

pub(super) fn needs_decoder(kind: Kind) -> PictureError {
    let remedy = match kind {
        Kind::Avif => "install ffmpeg, libheif-examples or libvips (libvips-tools), or export it as JPEG",
        _ => "install libheif-examples or libvips (libvips-tools), or export it as JPEG",
    };
    PictureError::NeedsDecoder {
        what: kind.name(),
        remedy,
    }
}

/// Has the picture decoded to a PNG. Errors are the program's own words, or ours about it.
async fn run(program: Program, file: &Path, data: &Bytes, found: &Scan, workshop: &Workshop) -> Result<Bytes, String> {
    let dir = Desk::new(&workshop.dir).map_err(|e| format!("no working directory: {e}"))?;
    let input = format!("in.{}", found.kind.extension());
    tokio::fs::write(dir.0.join(&input), data)
        .await
        .map_err(|e| format!("cannot write: {e}"))?;
    let arguments: Vec<&str> = match program {
        Program::Vips => vec!["copy", &input, "out.png[compression=1]"],
        Program::HeifConvert => vec![&input, "out.png"],
        Program::Magick => vec![&input, "-quality", "11", "out.png"],
        Program::Ffmpeg => vec![
            "-nostdin",
            "-v",
            "error",
            "-protocol_whitelist",
            "file",
            "-i",
            &input,
            "-frames:v",
            "1",
            "-pix_fmt",
            "rgb24",
            "-compression_level",
            "1",
            "out.png",
        ],
    };
    // Eight bytes a pixel is a PNG of 16 bits with transparency that didn't compress at all.
    let pixels = u64::from(found.stored.0) * u64::from(found.stored.1);
    let most = (pixels * 8 + (1 << 20)).min(workshop.bounds.memory);
    let mut command = limited(file, most, workshop.decoders.prlimit.as_deref());
    command
        .args(arguments)
        .env_clear()
        .env("PATH", &workshop.decoders.path)
        .env("TMPDIR", &dir.0);
    command
        .current_dir(&dir.0)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        // In a group of its own: Ctrl-C at the terminal is for tombolo.
        .process_group(0)
        .kill_on_drop(true);
    let ended = tokio::time::timeout(PATIENCE, wait(command)).await;
    ended.map_err(|_| format!("took over {} seconds", PATIENCE.as_secs()))??;
    // heif-convert numbers its output when a file holds several pictures.
    let mut out = dir.0.join("out.png");
    if !out.exists() {
        out = dir.0.join("out-1.png");
    }
    let file = tokio::fs::File::open(&out)
        .await
        .map_err(|e| format!("left no picture: {e}"))?;
    let mut png = Vec::new();
    file.take(most + 1)
        .read_to_end(&mut png)
        .await
        .map_err(|e| format!("cannot read its picture: {e}"))?;
    if png.len() as u64 > most {
        return Err("its picture is larger than the file's header said".to_owned());
    }
    Ok(png.into())
}

/// The command, under `prlimit` where the machine has it: processor time, size of files, address space.
fn limited(file: &Path, most: u64, prlimit: Option<&Path>) -> Command {
    let Some(prlimit) = prlimit else {
        return Command::new(file);
    };
    let mut command = Command::new(prlimit);
    command
        .arg(format!("--fsize={most}"))
        .arg(format!("--cpu={}", PATIENCE.as_secs()));
    let space = own_limit().map_or(ADDRESS_SPACE, |limit| limit.min(ADDRESS_SPACE));
    command.arg(format!("--as={space}")).arg("--core=0").arg(file);
    command
}

/// This process's own limit of address space, which a child can't be given more of.
fn own_limit() -> Option<u64> {
    let limits = std::fs::read_to_string("/proc/self/limits").ok()?;
    let line = limits.lines().find(|line| line.starts_with("Max address space"))?;
    line.split_whitespace().rev().nth(1)?.parse().ok()
}

async fn wait(mut command: Command) -> Result<(), String> {
    let mut child = command.spawn().map_err(|e| format!("did not start: {e}"))?;
    let mut complaint = Vec::new();
    if let Some(mut errors) = child.stderr.take() {
        let _ = (&mut errors).take(COMPLAINT).read_to_end(&mut complaint).await;
        // Read on, or a talkative child would wait for us.
        let _ = tokio::io::copy(&mut errors, &mut tokio::io::sink()).await;
    }
    let status = child.wait().await.map_err(|e| format!("was lost: {e}"))?;
    if status.success() {
        return Ok(());
    }
    let text = String::from_utf8_lossy(&complaint);
    // Warnings come before what went wrong.
    let lines = || text.lines().filter(|line| !line.trim().is_empty());
    let line = lines()
        .find(|line| !line.to_ascii_lowercase().contains("warning"))
        .or_else(|| lines().next())
        .unwrap_or("it said nothing");
    Err(format!(
        "{} ({status})",
        line.chars().filter(|c| !c.is_control()).take(200).collect::<String>()
    ))
}

/// A directory for one picture, gone with the value.
struct Desk(PathBuf);

impl Desk {
    fn new(parent: &Path) -> std::io::Result<Self> {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let dir = std::path::absolute(parent)?.join(format!("picture-{}-{number}", std::process::id()));
        std::fs::create_dir(&dir)?;
        Ok(Self(dir))
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
