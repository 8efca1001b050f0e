//! One process at a time: a lock on the data directory that says who holds it.

use std::fmt;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::path::Path;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use super::StoreError;
use super::files;

const FILE_NAME: &str = "tombolo.lock";

/// Time for a process that just took the lock to write its name, before we read it.
const WRITES_ITS_NAME: Duration = Duration::from_millis(50);

/// Longer than any name of ours; what is longer wasn't written by us.
const LONGEST_NAME: u64 = 4096;

/// The process that uses a data directory, as it wrote itself down.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// Its process id.
    pub pid: u32,
    /// Its name and version.
    pub program: String,
    /// What it was started for.
    pub command: String,
    /// When it took the lock, in seconds since 1970.
    pub since: u64,
}

impl Holder {
    fn this_process(command: &str) -> Self {
        Self {
            pid: std::process::id(),
            program: concat!(env!("CARGO_PKG_NAME"), " ", env!("CARGO_PKG_VERSION")).to_owned(),
            command: command.to_owned(),
            since: seconds_since_1970(),
        }
    }
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            pid,
            program,
            command,
            since,
        } = self;
        let ago = in_words(seconds_since_1970().saturating_sub(*since));
        write!(f, "process {pid} (`{command}`, {program}, started {ago} ago)")
    }
}

/// The lock, held as long as this lives. The kernel gives it back when the process ends, however it ends, so that a
/// left-over file means nothing and no age is ever looked at.
#[derive(Debug)]
pub(super) struct Lock {
    file: File,
}

impl Lock {
    /// Takes the lock of the data directory, or says who has it.
    pub fn take(dir: &Path, command: &str) -> Result<Self, StoreError> {
        let path = dir.join(FILE_NAME);
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        let mut file = files::private(&mut options)
            .open(&path)
            .map_err(files::failed("open the lock file", &path))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                std::thread::sleep(WRITES_ITS_NAME);
                return Err(StoreError::InUse {
                    dir: dir.to_owned(),
                    holder: read_holder(&mut file),
                });
            }
            Err(TryLockError::Error(error)) => return Err(files::failed("lock", &path)(error)),
        }
        let mut lock = Self { file };
        lock.write(&Holder::this_process(command))
            .map_err(files::failed("write the lock file", &path))?;
        Ok(lock)
    }

    fn write(&mut self, holder: &Holder) -> io::Result<()> {
        self.file.set_len(0)?;
        self.file.rewind()?;
        serde_json::to_writer(&mut self.file, holder)?;
        self.file.write_all(b"\n")
    }
}

impl Drop for Lock {
    /// Empties the file, so that nobody is named who is gone. It stays: deleting it would let two processes lock two
    /// files of the same name.
    fn drop(&mut self) {
        let _ = self.file.set_len(0);
        let _ = self.file.unlock();
    }
}

fn read_holder(file: &mut File) -> Option<Holder> {
    let mut text = String::new();
    file.take(LONGEST_NAME).read_to_string(&mut text).ok()?;
    serde_json::from_str(&text).ok()
}

fn seconds_since_1970() -> u64 {
    SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .map_or(0, |time| time.as_secs())
}

fn in_words(seconds: u64) -> String {
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7_200 => format!("{} min", seconds / 60),
        7_200..172_800 => format!("{} h", seconds / 3_600),
        _ => format!("{} days", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_said_in_the_unit_a_person_would_use() {
        assert_eq!(in_words(0), "0 s");
        assert_eq!(in_words(119), "119 s");
        assert_eq!(in_words(720), "12 min");
        assert_eq!(in_words(7_200), "2 h");
        assert_eq!(in_words(1_000_000), "11 days");
    }
}
