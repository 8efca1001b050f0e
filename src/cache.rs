//! The cache on disk: one small file a value. Losing any of it costs requests only, so failures to write are logged, not told.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};
use tombolo_model::{Cache, MemoryCache};

/// Values kept as files in a directory.
#[derive(Debug)]
pub(crate) struct FileCache(PathBuf);

/// Reads a cache on disk and keeps what is new in memory: for a dry run.
#[derive(Debug)]
pub(crate) struct DryCache {
    disk: FileCache,
    memory: MemoryCache,
}

impl DryCache {
    /// Over the cache in this directory, which is left as it is.
    pub(crate) fn over(dir: &Path) -> Self {
        Self {
            disk: FileCache::in_dir(dir),
            memory: MemoryCache::default(),
        }
    }
}

impl Cache for DryCache {
    fn get(&self, name: &str, max_age: Duration, now: DateTime<Utc>) -> Option<Value> {
        self.memory
            .get(name, max_age, now)
            .or_else(|| self.disk.get(name, max_age, now))
    }

    fn put(&self, name: &str, value: &Value, now: DateTime<Utc>) {
        self.memory.put(name, value, now);
    }

    fn forget(&self, name: &str) {
        self.memory.forget(name);
    }
}

#[derive(Serialize, Deserialize)]
struct Kept {
    name: String,
    at: DateTime<Utc>,
    value: Value,
}

impl FileCache {
    /// A cache in this directory, which is made when it is needed.
    pub(crate) fn in_dir(dir: &Path) -> Self {
        Self(dir.to_owned())
    }

    fn path(&self, name: &str) -> PathBuf {
        let digest = Sha256::digest(name.as_bytes());
        let file = digest[..16].iter().fold(String::new(), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        });
        self.0.join(format!("{file}.json"))
    }
}

impl Cache for FileCache {
    fn get(&self, name: &str, max_age: Duration, now: DateTime<Utc>) -> Option<Value> {
        let kept: Kept = serde_json::from_slice(&std::fs::read(self.path(name)).ok()?).ok()?;
        // What comes from the future was written under another clock.
        let age = now.signed_duration_since(kept.at).to_std().ok()?;
        (kept.name == name && age <= max_age).then_some(kept.value)
    }

    fn put(&self, name: &str, value: &Value, now: DateTime<Utc>) {
        let kept = Kept {
            name: name.to_owned(),
            at: now,
            value: value.clone(),
        };
        let path = self.path(name);
        let write = || -> std::io::Result<()> {
            std::fs::create_dir_all(&self.0)?;
            let beside = path.with_extension(format!("{}.tmp", std::process::id()));
            std::fs::write(&beside, serde_json::to_vec(&kept)?)?;
            std::fs::rename(&beside, &path)
        };
        if let Err(error) = write() {
            tracing::warn!(%error, path = %path.display(), "the cache could not be written");
        }
    }

    fn forget(&self, name: &str) {
        let _ = std::fs::remove_file(self.path(name));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_value_is_kept_until_it_is_too_old() {
        let dir = tempfile::tempdir().unwrap();
        let cache = FileCache::in_dir(&dir.path().join("cache"));
        let at: DateTime<Utc> = "2026-11-25T10:00:00Z".parse().unwrap();
        cache.put("a", &json!({"x": 1}), at);
        assert_eq!(
            cache.get("a", Duration::from_secs(60), at + chrono::TimeDelta::seconds(60)),
            Some(json!({"x": 1}))
        );
        assert_eq!(
            cache.get("a", Duration::from_secs(60), at + chrono::TimeDelta::seconds(61)),
            None
        );
        assert_eq!(cache.get("b", Duration::from_secs(60), at), None);
        cache.forget("a");
        assert_eq!(cache.get("a", Duration::from_secs(60), at), None);
    }
}
