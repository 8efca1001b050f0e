//! Opening a ledger: who may, what must be there, and whether it is.
//!
//! sled changes its files while opening them, and the worse they are damaged the more it wipes. So it is let loose on
//! a copy first, and gets the original only when the copy proved to hold what the seal says.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use super::disk::Disk;
use super::files::TemporaryDir;
use super::overlay::Overlay;
use super::seal::{self, Seal, Standing, Tally, Totals};
use super::tables::{Tables, Trouble};
use super::{StoreError, files};

/// sled's lock outlives the store that held it for a moment, when a child process was forked at that time and hasn't
/// closed its copies of the files yet.
const CLOSES_ITS_FILES: Duration = Duration::from_secs(2);

/// Opens the ledger, or makes one. The caller holds the lock.
pub(super) fn open(dir: &Path, schema: u32) -> Result<Disk, StoreError> {
    let ledger = dir.join("ledger");
    let seal = match read_seal(dir, &ledger, schema)? {
        Some(seal) => seal,
        // The seal comes into being before the ledger, so that a ledger without one is always damage.
        None => seal_nothing(dir, schema)?,
    };
    if has_entries(&ledger)? {
        let checked = check_copy(dir, &ledger, &seal)?;
        if checked.without_snapshot {
            set_snapshot_aside(dir, &ledger)?;
        }
    } else {
        files::make_private_dir(&ledger)?;
    }

    let tables = Tables::open(dir, &ledger).map_err(|trouble| cannot_open(dir, &ledger, trouble))?;
    let (totals, standing) = compare(dir, &tables, &seal)?;
    let disk = Disk::new(dir, &ledger, schema, tables, totals)?;
    if standing == Standing::OneAhead {
        tracing::info!(
            sequence = totals.tally.sequence,
            "the last run ended between ledger and seal; sealing now"
        );
        Seal {
            schema,
            tally: totals.tally,
        }
        .write(dir)?;
    }
    Ok(disk)
}

/// Opens the ledger for a dry run. The caller holds the lock.
pub(super) fn open_overlay(dir: &Path, schema: u32) -> Result<Overlay, StoreError> {
    let ledger = dir.join("ledger");
    match read_seal(dir, &ledger, schema)? {
        Some(seal) if has_entries(&ledger)? => Ok(Overlay::over(check_copy(dir, &ledger, &seal)?)),
        _ => Ok(Overlay::empty()),
    }
}

/// The seal, if there is one or must be one.
fn read_seal(dir: &Path, ledger: &Path, schema: u32) -> Result<Option<Seal>, StoreError> {
    let damaged = |what: &str| {
        Err(StoreError::Damaged {
            what: what.to_owned(),
            dir: dir.to_owned(),
        })
    };
    match Seal::read(dir)? {
        Some(seal) if seal.schema != schema => Err(StoreError::Schema {
            found: seal.schema,
            known: schema,
            dir: dir.to_owned(),
        }),
        Some(seal) if seal.tally.sequence > 0 && !ledger.join("db").exists() => damaged(
            "its seal is there, the file seal.json, but the records that it seals, in the directory ledger, are gone",
        ),
        None if has_entries(ledger)? => damaged(
            "its records are there, in the directory ledger, but the seal that says whether they are complete, the \
             file seal.json, is gone",
        ),
        seal => Ok(seal),
    }
}

fn seal_nothing(dir: &Path, schema: u32) -> Result<Seal, StoreError> {
    let seal = Seal {
        schema,
        tally: Tally::default(),
    };
    seal.write(dir)?;
    Ok(seal)
}

fn has_entries(dir: &Path) -> Result<bool, StoreError> {
    Ok(!files::entries(dir)?.is_empty())
}

/// A copy of the ledger that holds what the seal says.
#[derive(Debug)]
pub(super) struct CheckedCopy {
    pub tables: Tables,
    pub totals: Totals,
    /// Whether sled could read it only without its snapshot.
    without_snapshot: bool,
    /// Declared last, so that sled has closed its files when they are removed.
    _copy: TemporaryDir,
}

/// Copies the ledger and holds the copy against the seal.
fn check_copy(dir: &Path, ledger: &Path, seal: &Seal) -> Result<CheckedCopy, StoreError> {
    let copy = TemporaryDir(dir.join("ledger.check"));
    copy_unlocked(dir, ledger, &copy.0)?;
    let mut without_snapshot = false;
    let tables = match Tables::open(dir, &copy.0) {
        // In 0.34 a snapshot that a crash cut short makes sled refuse a log that is whole (its issues 1527, 1533).
        Err(Trouble::Corrupt(_)) => {
            without_snapshot = true;
            copy_unlocked(dir, ledger, &copy.0)?;
            remove_snapshot(&copy.0)?;
            Tables::open(dir, &copy.0)
        }
        opened => opened,
    };
    let tables = tables.map_err(|trouble| cannot_open(dir, ledger, trouble))?;
    let (totals, _) = compare(dir, &tables, seal)?;
    Ok(CheckedCopy {
        tables,
        totals,
        without_snapshot,
        _copy: copy,
    })
}

/// Copies the ledger, when nobody has it open.
fn copy_unlocked(dir: &Path, ledger: &Path, copy: &Path) -> Result<(), StoreError> {
    files::remove_dir(copy)?;
    let sleds_lock = lock_log(dir, ledger)?;
    files::copy_dir(ledger, copy)?;
    if let Some(log) = sleds_lock {
        // Said, not left to closing: a process that is just being forked elsewhere in this one may share the file.
        log.unlock().map_err(files::failed("unlock", ledger))?;
    }
    Ok(())
}

/// Locks sled's log as sled does, if there is one.
///
/// This finds a process that has the ledger open and not our lock, such as one whose lock file was deleted under it: a
/// copy made in the middle of its writing would look damaged.
fn lock_log(dir: &Path, ledger: &Path) -> Result<Option<File>, StoreError> {
    let path = ledger.join("db");
    let log = match File::options().read(true).write(true).open(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        log => log.map_err(files::failed("open", &path))?,
    };
    let began = Instant::now();
    loop {
        match log.try_lock() {
            Ok(()) => return Ok(Some(log)),
            Err(TryLockError::WouldBlock) if began.elapsed() < CLOSES_ITS_FILES => {
                std::thread::sleep(CLOSES_ITS_FILES / 50);
            }
            Err(TryLockError::WouldBlock) => {
                return Err(StoreError::InUse {
                    dir: dir.to_owned(),
                    holder: None,
                });
            }
            Err(TryLockError::Error(error)) => return Err(files::failed("lock", &path)(error)),
        }
    }
}

/// Counts all records and compares them with the seal.
fn compare(dir: &Path, tables: &Tables, seal: &Seal) -> Result<(Totals, Standing), StoreError> {
    let damaged = |what| StoreError::Damaged {
        what,
        dir: dir.to_owned(),
    };
    let read = || Ok::<_, Trouble>((tables.recount()?, tables.own_tally()?));
    let (mut totals, own) = read().map_err(|trouble| damaged(trouble.to_string()))?;
    let standing = seal::compare(seal, own.as_ref(), &totals.tally).map_err(damaged)?;
    totals.tally.sequence = own.map_or(0, |own| own.now.sequence);
    Ok((totals, standing))
}

/// What it means that sled can't open its files: damage, unless the operating system forbade it.
fn cannot_open(dir: &Path, ledger: &Path, trouble: Trouble) -> StoreError {
    match trouble {
        Trouble::Io(error) if error.to_string().contains("could not acquire lock") => StoreError::InUse {
            dir: dir.to_owned(),
            holder: None,
        },
        Trouble::Io(error) if is_circumstance(error.kind()) => files::failed("open", ledger)(error),
        trouble => StoreError::Damaged {
            what: trouble.to_string(),
            dir: dir.to_owned(),
        },
    }
}

/// Whether an error says something of the machine rather than of the files.
fn is_circumstance(kind: io::ErrorKind) -> bool {
    use io::ErrorKind::{OutOfMemory, PermissionDenied, QuotaExceeded, ReadOnlyFilesystem, StorageFull};
    matches!(
        kind,
        PermissionDenied | StorageFull | QuotaExceeded | ReadOnlyFilesystem | OutOfMemory
    )
}

/// Keeps all of the ledger's files as they are, then takes the snapshot away, without which sled reads its whole log.
fn set_snapshot_aside(dir: &Path, ledger: &Path) -> Result<(), StoreError> {
    let now = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .map_or(0, |time| time.as_millis());
    let aside = dir.join(format!("ledger.aside-{now}"));
    files::copy_dir(ledger, &aside)?;
    remove_snapshot(ledger)?;
    files::sync_dir(ledger)?;
    tracing::error!(
        ledger = %ledger.display(),
        kept = %aside.display(),
        "sled's snapshot of the ledger was damaged and was removed. All records are there, as the seal says. The \
         files as they were are kept and can be deleted. If this happens again, look at the disk"
    );
    Ok(())
}

fn remove_snapshot(ledger: &Path) -> Result<(), StoreError> {
    let is_snapshot = |path: &PathBuf| {
        path.file_name()
            .is_some_and(|name| name.as_encoded_bytes().starts_with(b"snap."))
    };
    for path in files::entries(ledger)?.into_iter().filter(is_snapshot) {
        fs::remove_file(&path).map_err(files::failed("remove", &path))?;
    }
    Ok(())
}
