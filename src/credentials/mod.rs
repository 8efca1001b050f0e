//! Tokens: read where the configuration says they are, never shown.

mod keeper;

pub(crate) use keeper::Keeper;

use std::process::Stdio;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use tokio::process::Command;

use crate::config::{TokenSource, clean_token, read_secret, read_token};

/// How long a command may take to say a token: a person may have to unlock something.
const COMMAND_TIMEOUT: Duration = Duration::from_secs(60);
/// What a command that fetches a password needs of our environment. Nothing else of it is passed on.
const PASSED_ON: [&str; 14] = [
    "PATH",
    "HOME",
    "USER",
    "LOGNAME",
    "LANG",
    "LC_ALL",
    "TERM",
    "XDG_RUNTIME_DIR",
    "DBUS_SESSION_BUS_ADDRESS",
    "SSH_AUTH_SOCK",
    "GNUPGHOME",
    "GPG_TTY",
    "PASSWORD_STORE_DIR",
    "CREDENTIALS_DIRECTORY",
];

/// Reads a token. The message of an error says what happened and names no secret.
pub(crate) async fn token(source: &TokenSource) -> Result<SecretString, String> {
    match source {
        TokenSource::Command(argv) => by_command(argv).await,
        other => read_token(other).map_err(|e| e.to_string()),
    }
}

/// Tells one token from another without being one.
pub(crate) fn print_of(token: &SecretString) -> String {
    let digest = Sha256::digest(format!("tombolo token {}", token.expose_secret()));
    digest[..6].iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Reads a secret as it stands there, whatever it is.
async fn secret_text(source: &TokenSource, name: &str) -> Result<SecretString, String> {
    match source {
        TokenSource::Command(argv) => said_by(argv, name).await.map(SecretString::from),
        other => read_secret(other).map_err(|e| e.to_string()),
    }
}

async fn by_command(argv: &[String]) -> Result<SecretString, String> {
    let text = said_by(argv, "token_command").await?;
    let program = argv.first().map(String::as_str).unwrap_or_default();
    clean_token(&text).map_err(|why| format!("token_command ({program}): {why}"))
}

/// What a command prints.
async fn said_by(argv: &[String], name: &str) -> Result<String, String> {
    let Some((program, arguments)) = argv.split_first() else {
        return Err(format!("{name} is empty"));
    };
    let environment = PASSED_ON
        .iter()
        .filter_map(|name| Some((*name, std::env::var_os(name)?)));
    let child = Command::new(program)
        .args(arguments)
        .env_clear()
        .envs(environment)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .kill_on_drop(true)
        .output();
    let output = tokio::time::timeout(COMMAND_TIMEOUT, child)
        .await
        .map_err(|_| {
            format!(
                "{name} ({program}) took longer than {} seconds",
                COMMAND_TIMEOUT.as_secs()
            )
        })?
        .map_err(|e| format!("{name} ({program}) could not be started: {e}"))?;
    if !output.status.success() {
        return Err(format!("{name} ({program}) failed: {}", output.status));
    }
    String::from_utf8(output.stdout).map_err(|_| format!("{name} ({program}) printed something that is no text"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn command(argv: &[&str]) -> TokenSource {
        TokenSource::Command(argv.iter().map(ToString::to_string).collect())
    }

    #[tokio::test]
    async fn a_command_says_the_token() {
        let token = token(&command(&["printf", "s3cret\\n"])).await.unwrap();
        assert_eq!(token.expose_secret(), "s3cret");
    }

    #[tokio::test]
    async fn a_command_that_fails_is_told_without_its_output() {
        let error = token(&command(&["sh", "-c", "echo s3cret; exit 3"])).await.unwrap_err();
        assert!(error.contains("exit status: 3") && !error.contains("s3cret"), "{error}");
        assert!(token(&command(&["/nonexistent"])).await.is_err());
    }

    #[tokio::test]
    async fn a_command_sees_only_what_it_needs_of_the_environment() {
        let token = token(&command(&["sh", "-c", "env | cut -d= -f1 | sort | tr '\\n' ','"]))
            .await
            .unwrap();
        let extra: Vec<&str> = token
            .expose_secret()
            .split(',')
            .filter(|n| !n.is_empty() && !PASSED_ON.contains(n) && !["PWD", "_", "SHLVL", "OLDPWD"].contains(n))
            .collect();
        assert!(extra.is_empty(), "{extra:?}");
    }
}
