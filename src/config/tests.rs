//! The rig: a home directory, an environment, and what comes of them.

mod layering;
mod messages;
mod refusals;
mod secrets;
mod wild;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::{Config, ConfigErrors, Inputs, Loaded, load};

/// A configuration without a mistake.
const GOOD: &str = r#"
[accounts.channel]
platform = "peertube"
instance = "https://video.example"
handle = "my_channel"

[accounts.toots]
platform = "mastodon"
instance = "https://mastodon.example"
handle = "me"
token_command = ["pass", "show", "toots"]

[routes.videos]
from = "channel"
to = ["toots"]
"#;

struct World {
    home: tempfile::TempDir,
    inputs: Inputs,
}

impl World {
    fn empty() -> Self {
        let home = tempfile::tempdir().expect("a temporary directory");
        let env = BTreeMap::from([
            ("HOME".to_owned(), home.path().display().to_string()),
            ("TZ".to_owned(), "Europe/Berlin".to_owned()),
        ]);
        let inputs = Inputs {
            system_file: home.path().join("etc/config.toml"),
            ..Inputs::new(env)
        };
        Self { home, inputs }
    }

    /// With this in the usual place.
    fn with(text: &str) -> Self {
        Self::empty().file(".config/tombolo/config.toml", 0o600, text)
    }

    fn file(self, path: &str, mode: u32, text: impl AsRef<[u8]>) -> Self {
        use std::os::unix::fs::PermissionsExt;
        let path = self.path(path);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("directories");
        std::fs::write(&path, text).expect("a file");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).expect("permissions");
        self
    }

    fn env(mut self, name: &str, value: &str) -> Self {
        self.inputs.env.insert(name.to_owned(), value.to_owned());
        self
    }

    fn path(&self, path: &str) -> PathBuf {
        self.home.path().join(path)
    }

    fn load(&self) -> Result<Loaded, ConfigErrors> {
        load(&self.inputs, five_fields)
    }

    fn config(&self) -> Config {
        match self.load() {
            Ok(loaded) => loaded.config,
            Err(errors) => panic!("{errors}"),
        }
    }

    /// What a person reads, with the home directory called /home/me.
    fn mistakes(&self) -> String {
        match self.load() {
            Ok(_) => "no mistakes".to_owned(),
            Err(errors) => self.homely(&errors.to_string()),
        }
    }

    fn homely(&self, text: &str) -> String {
        text.replace(&self.home.path().display().to_string(), "/home/me")
    }

    fn mistakes_of(text: &str) -> String {
        Self::with(text).mistakes()
    }
}

/// A stand-in for the schedule parser.
fn five_fields(text: &str) -> Result<(), String> {
    match text.split_whitespace().count() {
        5 => Ok(()),
        _ if text.starts_with('@') => Ok(()),
        n => Err(format!("it has {n} fields instead of five")),
    }
}

/// `GOOD` with one thing replaced.
fn good_but(old: &str, new: &str) -> String {
    assert!(GOOD.contains(old), "{old} is not in it");
    GOOD.replace(old, new)
}

fn as_seen_from(home: &Path, path: &Path) -> String {
    path.strip_prefix(home).unwrap_or(path).display().to_string()
}
