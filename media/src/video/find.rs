//! ffmpeg and ffprobe on this machine: where they are, which version, what this build can do.

use std::{
    collections::BTreeSet,
    ffi::{OsStr, OsString},
    path::{Path, PathBuf},
    time::Duration,
};

use super::run::{self, Args};

/// The oldest version whose options are all known: `tpad`, `xfade`, `-max_pixels`, JSON with side data.
const OLDEST: (u32, u32) = (4, 3);
/// Asking a program for its version takes no longer than this.
const PATIENCE: Duration = Duration::from_secs(20);

/// Why there is no ffmpeg to work with: a sentence for people.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NoFfmpeg(pub String);

/// ffmpeg and ffprobe, found and looked at.
#[derive(Debug, Clone)]
pub struct Ffmpeg {
    pub(super) program: PathBuf,
    pub(super) prober: PathBuf,
    pub(super) path: OsString,
    pub(super) leash: Leash,
    version: String,
    abilities: BTreeSet<String>,
}

/// Helpers of util-linux that hold a child tighter, where they are there.
#[derive(Debug, Clone, Default)]
pub(super) struct Leash {
    /// Ends the child when we die.
    pub(super) setpriv: Option<PathBuf>,
    /// Bounds the child's files.
    pub(super) prlimit: Option<PathBuf>,
}

impl Ffmpeg {
    /// Finds both programs on a search path like that in `PATH`.
    ///
    /// # Errors
    /// A sentence that says what is missing and what to do.
    pub async fn find(path: &OsStr) -> Result<Self, NoFfmpeg> {
        let there = |name: &str| {
            lookup(path, name).ok_or_else(|| {
                NoFfmpeg(format!(
                    "{name} was not found on PATH: install ffmpeg, or videos that don't fit are sent as a picture and a link"
                ))
            })
        };
        Self::at(&there("ffmpeg")?, &there("ffprobe")?, path).await
    }

    /// Looks at both programs at these places; they and their helpers get `path` as their search path.
    ///
    /// # Errors
    /// A sentence that says what is wrong and what to do.
    pub async fn at(ffmpeg: &Path, ffprobe: &Path, path: &OsStr) -> Result<Self, NoFfmpeg> {
        let absolute =
            |path: &Path| std::path::absolute(path).map_err(|error| NoFfmpeg(format!("{}: {error}", path.display())));
        let mut found = Self {
            program: absolute(ffmpeg)?,
            prober: absolute(ffprobe)?,
            path: path.to_owned(),
            leash: Leash {
                setpriv: lookup(path, "setpriv"),
                prlimit: lookup(path, "prlimit"),
            },
            version: String::new(),
            abilities: BTreeSet::new(),
        };
        found.version = found.ask_version(&found.program).await?;
        found.ask_version(&found.prober).await?;
        let filters = found.ask(&found.program, "-filters").await?;
        let encoders = found.ask(&found.program, "-encoders").await?;
        // Lines like ` TSC scale   V->V   …` and ` V....D libx264   …`: flags, then the name.
        let names = |text: &str, kind: &str| {
            let second = text
                .lines()
                .filter_map(|line| line.split_whitespace().nth(1).map(str::to_owned));
            second.map(|name| format!("{kind}:{name}")).collect::<Vec<_>>()
        };
        found.abilities.extend(names(&filters, "filter"));
        found.abilities.extend(names(&encoders, "encoder"));
        Ok(found)
    }

    /// The version, as ffmpeg calls it.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// True when videos can be encoded, not just probed and remuxed.
    pub fn encodes(&self) -> bool {
        self.has("encoder:libx264") && self.has("encoder:aac")
    }

    /// True when the build has `filter:NAME` or `encoder:NAME`.
    pub(super) fn has(&self, ability: &str) -> bool {
        self.abilities.contains(ability)
    }

    /// The command line of a run, as a shell would take it.
    pub(super) fn shown(&self, args: &Args) -> String {
        let words = std::iter::once(self.program.as_os_str()).chain(args.0.iter().map(OsString::as_os_str));
        let quoted = words.map(|word| {
            let word = word.to_string_lossy();
            let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=,+%@".contains(c);
            if !word.is_empty() && word.chars().all(plain) {
                word.into_owned()
            } else {
                format!("'{}'", word.replace('\'', r"'\''"))
            }
        });
        quoted.collect::<Vec<_>>().join(" ")
    }

    async fn ask(&self, program: &Path, question: &str) -> Result<String, NoFfmpeg> {
        let mut args = Args::default();
        args.words("-hide_banner -v error").one(question);
        if question == "-version" {
            args.0 = vec!["-version".into()];
        }
        match run::print(self, program, &args, PATIENCE).await {
            Ok(out) => Ok(String::from_utf8_lossy(&out).into_owned()),
            Err(error) => Err(NoFfmpeg(format!(
                "{} can't be used: {error}; check that it runs, or install ffmpeg anew",
                program.display()
            ))),
        }
    }

    async fn ask_version(&self, program: &Path) -> Result<String, NoFfmpeg> {
        let said = self.ask(program, "-version").await?;
        let version = said.split_whitespace().nth(2).unwrap_or_default().to_owned();
        if new_enough(&version) {
            return Ok(version);
        }
        Err(NoFfmpeg(format!(
            "{} is version “{version}”, but {}.{} or newer is needed: install a newer ffmpeg",
            program.display(),
            OLDEST.0,
            OLDEST.1
        )))
    }
}

/// `5.1.9-0+deb12u1` and `n6.0` are numbers; a build from a repository, like `N-112233-gabcdef` or `git-2024-01-01`, counts as
/// new.
fn new_enough(version: &str) -> bool {
    let digits = version.strip_prefix('n').unwrap_or(version);
    let mut numbers = digits.split(|c: char| !c.is_ascii_digit()).map(str::parse::<u32>);
    match (numbers.next(), numbers.next()) {
        (Some(Ok(major)), Some(Ok(minor))) => (major, minor) >= OLDEST,
        (Some(Ok(major)), _) => major > OLDEST.0,
        _ => version.starts_with("N-") || version.starts_with("git-"),
    }
}

/// The first executable file of this name on a search path.
fn lookup(path: &OsStr, name: &str) -> Option<PathBuf> {
    let full = std::env::split_paths(path)
        .filter(|dir| dir.is_absolute())
        .map(|dir| dir.join(name));
    full.into_iter().find(|file| is_program(file))
}

fn is_program(file: &Path) -> bool {
    let Ok(meta) = file.metadata() else { return false };
    #[cfg(unix)]
    let runs = std::os::unix::fs::PermissionsExt::mode(&meta.permissions()) & 0o111 != 0;
    #[cfg(not(unix))]
    let runs = true;
    meta.is_file() && runs
}

#[cfg(test)]
mod tests {
    use super::new_enough;

    #[test]
    fn old_versions_are_not_taken() {
        assert!(new_enough("5.1.9-0+deb12u1"));
        assert!(new_enough("4.3"));
        assert!(new_enough("n7.0"));
        assert!(new_enough("8"));
        assert!(new_enough("N-112233-gabcdef"));
        assert!(!new_enough("4.2.7-0ubuntu0.1"));
        assert!(!new_enough("3.4.11"));
        assert!(!new_enough(""));
    }
}
