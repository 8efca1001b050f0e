//! Working files: made in one folder, counted against one bound, gone when nobody holds them any more.
//!
//! Each process works in a folder of its own below the given one and holds a lock on it. What a crash left behind is
//! recognised by its lock, which died with its process, and removed when a workspace is next opened. Nothing outside
//! folders named `run-…` is ever touched.

use std::{
    fs::{self, File, TryLockError},
    io,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

/// How a run's folder begins.
const RUN: &str = "run-";
/// The file in a run's folder whose lock says that its process lives.
const LOCK: &str = "lock";

/// The bound on working files is reached; the work can be tried again when other work has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "the working files would need {wanted} bytes more, but {used} of {max} are in use: wait for other work to end, or \
     allow more space for working files"
)]
pub struct Full {
    /// Bytes asked for.
    pub wanted: u64,
    /// Bytes reserved by others at that moment.
    pub used: u64,
    /// The bound.
    pub max: u64,
}

/// A folder for working files, with a bound on their bytes. Clones share folder and bound.
#[derive(Debug, Clone)]
pub struct Workspace {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    run: PathBuf,
    max: u64,
    used: Mutex<u64>,
    next: AtomicU64,
    _lock: File,
}

impl Workspace {
    /// Opens a workspace below `dir`, which is created (0700) when missing, with room for `max_bytes`; removes what
    /// processes that are gone left there.
    ///
    /// # Errors
    /// When the folder can't be made or written.
    pub fn open(dir: &Path, max_bytes: u64) -> io::Result<Self> {
        make_private(dir)?;
        // Held only while folders come and go, so that a folder just made isn't taken for one left behind.
        let gate = File::create(dir.join(LOCK))?;
        gate.lock()?;
        let dir = dir.canonicalize()?;
        remove_leftovers(&dir)?;
        let run = new_run(&dir)?;
        let lock = File::create(run.join(LOCK))?;
        lock.lock()?;
        Ok(Self {
            shared: Arc::new(Shared {
                run,
                max: max_bytes,
                used: Mutex::new(0),
                next: AtomicU64::new(0),
                _lock: lock,
            }),
        })
    }

    /// Takes `bytes` of the bound until the reservation is dropped.
    ///
    /// # Errors
    /// [`Full`] when the bound doesn't allow it now.
    pub fn reserve(&self, bytes: u64) -> Result<Reservation, Full> {
        let mut used = self.shared.used.lock().unwrap_or_else(PoisonError::into_inner);
        match used.checked_add(bytes) {
            Some(sum) if sum <= self.shared.max => *used = sum,
            _ => {
                return Err(Full {
                    wanted: bytes,
                    used: *used,
                    max: self.shared.max,
                });
            }
        }
        drop(used);
        Ok(Reservation {
            shared: self.shared.clone(),
            bytes: AtomicU64::new(bytes),
        })
    }

    /// A place for a file of at most `bytes`, whose name ends in `name`. The file itself isn't created.
    ///
    /// # Errors
    /// [`Full`] when the bound doesn't allow it now.
    pub fn file(&self, name: &str, bytes: u64) -> Result<WorkFile, Full> {
        let reservation = self.reserve(bytes)?;
        Ok(WorkFile {
            path: self.place(name),
            reservation,
        })
    }

    /// Makes a folder whose files together have at most the reserved bytes.
    ///
    /// # Errors
    /// When the folder can't be made.
    pub fn folder(&self, name: &str, reservation: Reservation) -> io::Result<WorkFolder> {
        let path = self.place(name);
        make_private(&path)?;
        Ok(WorkFolder {
            path,
            _reservation: reservation,
        })
    }

    /// Bytes reserved now.
    pub fn used(&self) -> u64 {
        *self.shared.used.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The bound.
    pub fn max(&self) -> u64 {
        self.shared.max
    }

    /// The folder in which this process works.
    pub fn dir(&self) -> &Path {
        &self.shared.run
    }

    /// Names come from outside: only plain characters remain, and a number makes each unique.
    fn place(&self, name: &str) -> PathBuf {
        let number = self.shared.next.fetch_add(1, Ordering::Relaxed);
        let plain: String = name
            .chars()
            .filter(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-'))
            .collect();
        let end = plain.len().saturating_sub(80);
        self.shared.run.join(format!("w{number}-{}", &plain[end..]))
    }
}

/// Bytes taken of a workspace's bound; given back on drop.
#[derive(Debug)]
pub struct Reservation {
    shared: Arc<Shared>,
    bytes: AtomicU64,
}

impl Reservation {
    /// Bytes taken.
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Gives back what is more than `bytes`. Never takes more.
    pub fn shrink(&self, bytes: u64) {
        let mut used = self.shared.used.lock().unwrap_or_else(PoisonError::into_inner);
        let before = self.bytes();
        let after = before.min(bytes);
        self.bytes.store(after, Ordering::Relaxed);
        *used = used.saturating_sub(before - after);
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.shrink(0);
    }
}

/// A working file: deleted on drop.
#[derive(Debug)]
pub struct WorkFile {
    path: PathBuf,
    reservation: Reservation,
}

impl WorkFile {
    /// Where the file is, or will be; absolute.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Bytes that the file may have.
    pub fn room(&self) -> u64 {
        self.reservation.bytes()
    }

    /// Gives back the room that the finished file doesn't need, and says how many bytes it has.
    ///
    /// # Errors
    /// When the file isn't there.
    pub fn settle(&self) -> io::Result<u64> {
        let bytes = fs::metadata(&self.path)?.len();
        self.reservation.shrink(bytes);
        Ok(bytes)
    }

    /// The workspace that the file belongs to.
    pub fn workspace(&self) -> Workspace {
        Workspace {
            shared: self.reservation.shared.clone(),
        }
    }
}

impl Drop for WorkFile {
    fn drop(&mut self) {
        // Not there when it was never written: as wanted.
        let _ = fs::remove_file(&self.path);
    }
}

/// A working folder: deleted on drop, with all that is in it.
#[derive(Debug)]
pub struct WorkFolder {
    path: PathBuf,
    _reservation: Reservation,
}

impl WorkFolder {
    /// Where the folder is; absolute.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for WorkFolder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.path);
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        // What can't be removed now is removed when a workspace is next opened.
        let _ = fs::remove_dir_all(&self.run);
    }
}

fn make_private(dir: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(dir)
}

fn remove_leftovers(dir: &Path) -> io::Result<()> {
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        // `file_type` doesn't follow links: a link named like a run is left alone.
        if !entry.file_name().to_string_lossy().starts_with(RUN) || !entry.file_type()?.is_dir() {
            continue;
        }
        let lives = match File::open(entry.path().join(LOCK)) {
            Ok(lock) => matches!(lock.try_lock(), Err(TryLockError::WouldBlock)),
            Err(_) => false,
        };
        if !lives {
            tracing::info!(folder = %entry.path().display(), "removing working files that a crash left");
            fs::remove_dir_all(entry.path())?;
        }
    }
    Ok(())
}

fn new_run(dir: &Path) -> io::Result<PathBuf> {
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    for number in 0..10_000 {
        let run = dir.join(format!("{RUN}{}-{number}", std::process::id()));
        match builder.create(&run) {
            Ok(()) => return Ok(run),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
    Err(io::Error::other("too many workspaces are open in this process"))
}
