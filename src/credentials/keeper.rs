//! Tokens that are renewed, kept over restarts: one file an account, its owner's alone, written whole or not at all.
//!
//! The store is outside the ledger: an export or a copy of that has no secret in it.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tombolo_model::{Origin, TokenPair, TokenStore};

use super::secret_text;
use crate::config::{Account, TokenSource, clean_password, clean_token};

/// Keeps the tokens of one account.
pub(crate) struct Keeper {
    file: PathBuf,
    username: Option<String>,
    password: Option<TokenSource>,
    token: Option<TokenSource>,
    /// In a dry run nothing is signed in to, renewed or written.
    dry: bool,
    /// What was configured when it was last loaded.
    seen: Mutex<Option<Print>>,
}

/// Tells one configured pair from another; absent where none is configured.
#[derive(Clone)]
struct Print(Option<String>);

/// What the file says.
#[derive(Serialize, Deserialize)]
struct Kept {
    access_token: String,
    #[serde(default)]
    refresh_token: Option<String>,
    #[serde(default)]
    access_expires: Option<DateTime<Utc>>,
    #[serde(default)]
    refresh_expires: Option<DateTime<Utc>>,
    /// Which configured token it descends from: another one begins anew.
    #[serde(default)]
    configured: Option<String>,
}

/// What `POST /api/v1/users/token` answers (contract peertube §2.2).
#[derive(Deserialize)]
struct Given {
    access_token: String,
    #[serde(default)]
    refresh_token: Option<String>,
}

impl Keeper {
    /// For this account; files are kept below `data_dir`.
    pub(crate) fn new(account: &Account, data_dir: &Path, dry: bool) -> Self {
        // Not the account's name in the configuration: renaming it signs nobody out.
        let who = account.username.as_deref().unwrap_or(&account.handle.name);
        let name = format!(
            "{}\0{}\0{}",
            account.platform,
            Origin::of(&account.instance),
            who.to_lowercase()
        );
        let digest: String = Sha256::digest(name)[..12].iter().map(|b| format!("{b:02x}")).collect();
        Self {
            file: data_dir.join("credentials").join(format!("{digest}.json")),
            username: account.username.clone(),
            password: account.password.clone(),
            token: account.token.clone(),
            dry,
            seen: Mutex::default(),
        }
    }

    /// Tells one sign-in from another without being one.
    pub(crate) fn print(&self) -> String {
        self.file.file_stem().unwrap_or_default().to_string_lossy().into_owned()
    }

    /// The configured token pair, and what tells it from others.
    async fn configured(&self) -> Result<Option<(TokenPair, String)>, String> {
        let Some(source) = &self.token else { return Ok(None) };
        let text = secret_text(source, "token_command").await?;
        let print = {
            let digest = Sha256::digest(format!("tombolo token {}", text.expose_secret()));
            digest[..6].iter().map(|byte| format!("{byte:02x}")).collect()
        };
        let pair = match serde_json::from_str::<Given>(text.expose_secret()) {
            Ok(given) => pair(given.access_token, given.refresh_token),
            Err(_) => {
                let token = clean_token(text.expose_secret())?;
                pair(token.expose_secret().to_owned(), None)
            }
        };
        Ok(Some((pair, print)))
    }

    /// What tells the configured pair from others; a command that was run for it once isn't run again.
    async fn print_of_configured(&self) -> Result<Option<String>, String> {
        if let Some(Print(known)) = self.seen().clone() {
            return Ok(known);
        }
        Ok(self.configured().await?.map(|(_, print)| print))
    }

    fn seen(&self) -> MutexGuard<'_, Option<Print>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn kept(&self) -> Result<Option<Kept>, String> {
        let text = match std::fs::read_to_string(&self.file) {
            Ok(text) => text,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(format!("{} can't be read: {e}", self.file.display())),
        };
        // A file that can't be understood is as good as none: then it is signed in to anew.
        Ok(serde_json::from_str(&text).ok())
    }
}

fn pair(access: String, refresh: Option<String>) -> TokenPair {
    TokenPair {
        access: SecretString::from(access),
        refresh: refresh.map(SecretString::from),
        access_expires: None,
        refresh_expires: None,
    }
}

#[async_trait]
impl TokenStore for Keeper {
    async fn load(&self) -> Result<Option<TokenPair>, String> {
        let configured = self.configured().await?;
        // A renewal that was begun must be kept, even where the command fails by then.
        *self.seen() = Some(Print(configured.as_ref().map(|(_, print)| print.clone())));
        let found = match (self.kept()?, configured) {
            (Some(kept), configured)
                if configured
                    .as_ref()
                    .is_none_or(|(_, print)| kept.configured.as_ref() == Some(print)) =>
            {
                Some(TokenPair {
                    access: SecretString::from(kept.access_token),
                    refresh: kept.refresh_token.map(SecretString::from),
                    access_expires: kept.access_expires,
                    refresh_expires: kept.refresh_expires,
                })
            }
            (_, configured) => configured.map(|(pair, _)| pair),
        };
        Ok(found.map(|pair| TokenPair {
            refresh: pair.refresh.filter(|_| !self.dry),
            ..pair
        }))
    }

    async fn save(&self, pair: &TokenPair) -> Result<(), String> {
        if self.dry {
            return Err("a dry run renews no token".into());
        }
        let kept = Kept {
            access_token: pair.access.expose_secret().to_owned(),
            refresh_token: pair.refresh.as_ref().map(|token| token.expose_secret().to_owned()),
            access_expires: pair.access_expires,
            refresh_expires: pair.refresh_expires,
            configured: self.print_of_configured().await?,
        };
        let text = serde_json::to_vec(&kept).map_err(|e| e.to_string())?;
        let file = self.file.clone();
        let written = tokio::task::spawn_blocking(move || write(&file, &text)).await;
        match written {
            Ok(Ok(())) => Ok(()),
            Ok(Err(e)) => Err(format!("{} can't be written: {e}", self.file.display())),
            Err(e) => Err(format!("{} can't be written: {e}", self.file.display())),
        }
    }

    async fn password(&self) -> Result<Option<(String, SecretString)>, String> {
        let (Some(username), Some(source)) = (&self.username, &self.password) else {
            return Ok(None);
        };
        if self.dry {
            return Err("a dry run doesn't sign in, and there is no sign-in yet: run tombolo sync once".into());
        }
        let text = secret_text(source, "password_command").await?;
        let password = clean_password(text.expose_secret())?;
        Ok(Some((username.clone(), password)))
    }

    fn signs_in(&self) -> bool {
        !self.dry
    }
}

/// Replaces the file; it is on disk, under its name, when this returns.
fn write(file: &Path, bytes: &[u8]) -> io::Result<()> {
    let dir = file.parent().unwrap_or(Path::new("."));
    make_private_dir(dir)?;
    if let Some(parent) = dir.parent() {
        std::fs::File::open(parent)?.sync_all()?;
    }
    let temporary = file.with_extension("new");
    let mut out = private_file(&temporary)?;
    out.write_all(bytes)?;
    out.sync_all()?;
    drop(out);
    std::fs::rename(&temporary, file)?;
    std::fs::File::open(dir)?.sync_all()
}

#[cfg(unix)]
fn make_private_dir(dir: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(dir)
}

#[cfg(not(unix))]
fn make_private_dir(dir: &Path) -> io::Result<()> {
    std::fs::create_dir_all(dir)
}

#[cfg(unix)]
fn private_file(path: &Path) -> io::Result<std::fs::File> {
    use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
    let file = std::fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)?;
    // One left by a crash keeps the mode it had.
    file.set_permissions(std::fs::Permissions::from_mode(0o600))?;
    Ok(file)
}

#[cfg(not(unix))]
fn private_file(path: &Path) -> io::Result<std::fs::File> {
    std::fs::File::create(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keeper(dir: &Path, token: Option<&str>) -> Keeper {
        Keeper {
            file: dir.join("credentials").join("x.json"),
            username: Some("me".into()),
            password: Some(TokenSource::Value(SecretString::from("pass word"))),
            token: token.map(|token| TokenSource::Value(SecretString::from(token))),
            dry: false,
            seen: Mutex::default(),
        }
    }

    #[tokio::test]
    async fn a_renewed_pair_is_kept_for_its_owner_alone() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let keeper = keeper(dir.path(), None);
        assert!(keeper.load().await.unwrap().is_none());
        keeper.save(&pair("a1".into(), Some("r1".into()))).await.unwrap();
        keeper.save(&pair("a2".into(), Some("r2".into()))).await.unwrap();
        let pair = keeper.load().await.unwrap().unwrap();
        assert_eq!(pair.access.expose_secret(), "a2");
        assert_eq!(pair.refresh.unwrap().expose_secret(), "r2");
        let mode = std::fs::metadata(&keeper.file).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[tokio::test]
    async fn a_new_configured_pair_replaces_what_was_kept_of_the_old_one() {
        let dir = tempfile::tempdir().unwrap();
        let first = keeper(dir.path(), Some(r#"{"access_token":"a1","refresh_token":"r1"}"#));
        assert_eq!(first.load().await.unwrap().unwrap().access.expose_secret(), "a1");
        first.save(&pair("a2".into(), Some("r2".into()))).await.unwrap();
        assert_eq!(first.load().await.unwrap().unwrap().access.expose_secret(), "a2");
        let second = keeper(dir.path(), Some(r#"{"access_token":"b1","refresh_token":"s1"}"#));
        assert_eq!(second.load().await.unwrap().unwrap().access.expose_secret(), "b1");
    }

    #[tokio::test]
    async fn a_dry_run_signs_in_nowhere() {
        let dir = tempfile::tempdir().unwrap();
        let dry = Keeper {
            dry: true,
            ..keeper(dir.path(), Some(r#"{"access_token":"a1","refresh_token":"r1"}"#))
        };
        assert!(!dry.signs_in());
        assert!(dry.load().await.unwrap().unwrap().refresh.is_none());
        assert!(dry.password().await.unwrap_err().contains("run tombolo sync once"));
        assert!(dry.save(&pair("a2".into(), None)).await.is_err());
    }
}
