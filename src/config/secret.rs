//! Tokens: where they come from, read with care, never shown.

use std::fmt;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use secrecy::SecretString;

/// More than any token needs.
const LARGEST_TOKEN_FILE: u64 = 64 * 1024;

/// Where an account's token comes from.
#[derive(Clone)]
pub enum TokenSource {
    /// `token`: stands in the configuration or the environment.
    Value(SecretString),
    /// `token_file`: alone in a file. Absolute.
    File(PathBuf),
    /// `token_command`: printed by a program. Program and arguments, at least one; not for a shell.
    Command(Vec<String>),
}

impl fmt::Debug for TokenSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Value(_) => f.write_str("Value([redacted])"),
            Self::File(path) => f.debug_tuple("File").field(path).finish(),
            // Arguments may be secrets too.
            Self::Command(argv) => f.debug_tuple("Command").field(&argv.first()).finish(),
        }
    }
}

/// Why there is no token.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// The file can't be read.
    #[error("the token file {} can't be read: {error}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        error: std::io::Error,
    },
    /// The file isn't the user's alone.
    #[error("the token file {} can be read by others (mode {mode:04o}); make it yours alone:\n{}", path.display(), chmod(path))]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// What was there is no token.
    #[error("{origin}: {problem}")]
    Malformed {
        /// Where it was.
        origin: String,
        /// What is wrong with it, without showing it.
        problem: &'static str,
    },
    /// Commands are run elsewhere.
    #[error("the token is printed by a command, which has to be run first")]
    NotRun,
}

/// The token that `source` holds; of a command only whoever runs it can tell (see [`clean_token`]).
pub fn read_token(source: &TokenSource) -> Result<SecretString, TokenError> {
    match source {
        TokenSource::Value(token) => Ok(token.clone()),
        TokenSource::File(path) => read_token_file(path),
        TokenSource::Command(_) => Err(TokenError::NotRun),
    }
}

/// The secret that `source` holds, as it stands there.
pub fn read_secret(source: &TokenSource) -> Result<SecretString, TokenError> {
    match source {
        TokenSource::Value(secret) => Ok(secret.clone()),
        TokenSource::File(path) => read_secret_file(path).map(SecretString::from),
        TokenSource::Command(_) => Err(TokenError::NotRun),
    }
}

fn read_token_file(path: &Path) -> Result<SecretString, TokenError> {
    let text = read_secret_file(path)?;
    clean_token(&text).map_err(|problem| TokenError::Malformed {
        origin: format!("the token file {}", path.display()),
        problem,
    })
}

fn read_secret_file(path: &Path) -> Result<String, TokenError> {
    let unreadable = |error| TokenError::Unreadable {
        path: path.to_owned(),
        error,
    };
    let file = File::open(path).map_err(unreadable)?;
    // Asked of the open file: the path might lead elsewhere a moment later.
    if let Some(mode) = exposed_mode(&file).map_err(unreadable)? {
        return Err(TokenError::Exposed {
            path: path.to_owned(),
            mode,
        });
    }
    let malformed = |problem| TokenError::Malformed {
        origin: format!("the token file {}", path.display()),
        problem,
    };
    let mut bytes = Vec::new();
    file.take(LARGEST_TOKEN_FILE + 1)
        .read_to_end(&mut bytes)
        .map_err(unreadable)?;
    if bytes.len() as u64 > LARGEST_TOKEN_FILE {
        return Err(malformed("it is far too long for a token"));
    }
    String::from_utf8(bytes).map_err(|_| malformed("it holds no text"))
}

/// What a person, a file or a program gave as a token, without the white space around it.
///
/// The error says what is wrong without showing it.
pub fn clean_token(text: &str) -> Result<SecretString, &'static str> {
    let token = text.trim();
    if token.is_empty() {
        return Err("the token is empty");
    }
    if token
        .get(..7)
        .is_some_and(|start| start.eq_ignore_ascii_case("bearer "))
    {
        return Err("the token must stand alone, without `Bearer`");
    }
    if token.contains(char::is_whitespace) {
        return Err("there is white space inside the token");
    }
    if !token.chars().all(|c| c.is_ascii_graphic()) {
        return Err("the token has characters that no token has: was it copied whole?");
    }
    Ok(SecretString::from(token))
}

/// What a person, a file or a program gave as a password: one line, as it is.
///
/// The error says what is wrong without showing it.
pub fn clean_password(text: &str) -> Result<SecretString, &'static str> {
    let line = text.strip_suffix('\n').unwrap_or(text);
    let line = line.strip_suffix('\r').unwrap_or(line);
    if line.is_empty() {
        return Err("the password is empty");
    }
    if line.contains(['\n', '\r', '\0']) {
        return Err("the password has more than one line");
    }
    Ok(SecretString::from(line))
}

/// Permission bits of a regular file, where the system has such bits.
#[cfg(unix)]
pub(super) fn mode(file: &File) -> std::io::Result<Option<u32>> {
    use std::os::unix::fs::PermissionsExt;
    let metadata = file.metadata()?;
    Ok(metadata.is_file().then(|| metadata.permissions().mode() & 0o7777))
}

/// Permission bits of a regular file, where the system has such bits.
#[cfg(not(unix))]
#[allow(clippy::unnecessary_wraps)]
pub(super) fn mode(_: &File) -> std::io::Result<Option<u32>> {
    Ok(None)
}

fn exposed_mode(file: &File) -> std::io::Result<Option<u32>> {
    Ok(mode(file)?.filter(|mode| is_exposed(*mode)))
}

/// Whether group or others can do anything with a file of this mode.
pub(super) fn is_exposed(mode: u32) -> bool {
    mode & 0o077 != 0
}

/// The line that makes a file its owner's alone, ready for a shell.
pub(super) fn chmod(path: &Path) -> String {
    format!("chmod 600 {}", shell_word(path))
}

/// A path as a shell takes it.
pub(super) fn shell_word(path: &Path) -> String {
    let path = path.display().to_string();
    let plain = |c: char| c.is_alphanumeric() || "/._-+,:@%".contains(c);
    if !path.is_empty() && !path.starts_with('-') && path.chars().all(plain) {
        return path;
    }
    format!("'{}'", path.replace('\'', r"'\''"))
}
