//! The ledger on disk, opened and found sound: reading it, and writing it so that a power cut takes nothing back.

use std::collections::HashSet;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::batch::Change;
use super::seal::{OwnTally, Seal, Totals};
use super::tables::Tables;
use super::{Batch, Records, StoreError, Tree, files};

/// An open ledger.
#[derive(Debug)]
pub(super) struct Disk {
    dir: PathBuf,
    schema: u32,
    tables: Tables,
    writer: Mutex<Writer>,
}

/// What only one commit at a time may use.
#[derive(Debug)]
struct Writer {
    totals: Totals,
    files: LedgerFiles,
}

impl Disk {
    /// Takes over tables that were compared with the seal, and makes what they hold permanent.
    pub fn new(dir: &Path, ledger: &Path, schema: u32, tables: Tables, totals: Totals) -> Result<Self, StoreError> {
        let mut files = LedgerFiles::open(ledger)?;
        tables.flush().map_err(|trouble| tables.unwritten(&trouble))?;
        files.sync()?;
        files::sync_dir(ledger)?;
        files::sync_dir(dir)?;
        Ok(Self {
            dir: dir.to_owned(),
            schema,
            tables,
            writer: Mutex::new(Writer { totals, files }),
        })
    }

    pub fn get(&self, tree: Tree, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.tables.get(tree, key)
    }

    pub fn iter_prefix(&self, tree: Tree, prefix: &[u8]) -> Records<'_> {
        Records::new(Some((&self.tables, self.tables.iter_prefix(tree, prefix))), Vec::new())
    }

    pub fn len(&self, tree: Tree) -> u64 {
        self.writer().totals.per_tree[tree.index()]
    }

    pub fn sequence(&self) -> u64 {
        self.writer().totals.tally.sequence
    }

    pub fn commit(&self, batch: Batch) -> Result<(), StoreError> {
        batch.check_sizes()?;
        let mut writer = self.writer.lock().map_err(|_| StoreError::Stopped {
            first: "a fault in tombolo ended an earlier write halfway. Run tombolo again, and please report it"
                .to_owned(),
        })?;
        self.tables.check_not_stopped()?;
        let changes = batch.changes(|tree, key| self.tables.get(tree, key))?;
        if changes.is_empty() {
            return Ok(());
        }
        self.write(&mut writer, &changes)
            .inspect_err(|error| self.tables.stop(error))
    }

    /// Ledger first, seal last: a crash in between leaves the ledger one batch ahead, which opening understands.
    fn write(&self, writer: &mut Writer, changes: &[Change]) -> Result<(), StoreError> {
        let next = writer.totals.after(changes);
        let own = OwnTally {
            schema: self.schema,
            now: next.tally,
            before: writer.totals.tally,
        };
        self.tables
            .write(changes, &own)
            .map_err(|trouble| self.tables.unwritten(&trouble))?;
        self.tables.flush().map_err(|trouble| self.tables.unwritten(&trouble))?;
        writer.files.sync()?;
        Seal {
            schema: self.schema,
            tally: next.tally,
        }
        .write(&self.dir)?;
        writer.totals = next;
        Ok(())
    }

    /// The writer, to look at its totals, which change only when all else went well.
    fn writer(&self) -> MutexGuard<'_, Writer> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Our own handles on the files that sled writes, for the fsync that it doesn't do.
#[derive(Debug)]
struct LedgerFiles {
    log: File,
    log_path: PathBuf,
    /// Where sled puts pages that are too large for its log, each written once under a name of its own.
    large_pages: PathBuf,
    synced: HashSet<PathBuf>,
}

impl LedgerFiles {
    fn open(ledger: &Path) -> Result<Self, StoreError> {
        let log_path = ledger.join("db");
        let log = File::options()
            .read(true)
            .write(true)
            .open(&log_path)
            .map_err(files::failed("open", &log_path))?;
        Ok(Self {
            log,
            log_path,
            large_pages: ledger.join("blobs"),
            synced: HashSet::new(),
        })
    }

    fn sync(&mut self) -> Result<(), StoreError> {
        let there: HashSet<PathBuf> = files::entries(&self.large_pages)?.into_iter().collect();
        for new in there.difference(&self.synced) {
            match File::open(new).and_then(|page| page.sync_all()) {
                // sled's background thread may just have done away with it.
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(files::failed("make permanent", new)(error));
                }
                _ => {}
            }
        }
        if there != self.synced {
            files::sync_dir(&self.large_pages)?;
            self.synced = there;
        }
        self.log
            .sync_all()
            .map_err(files::failed("make permanent", &self.log_path))
    }
}
