//! sled, kept at arm's length: what it reports, and what it panics about, becomes an error that stops everything.

use std::any::Any;
use std::fmt;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use sled::transaction::{ConflictableTransactionError, TransactionError, Transactional as _};

use super::batch::Change;
use super::records::Record;
use super::seal::{OwnTally, Sum, Totals};
use super::{StoreError, Tree};

/// The tree that holds the ledger's tally of itself, and the one key in it.
const META: &str = "tombolo";
const OWN_TALLY: &str = "tally";

/// How much of the ledger sled keeps in memory, roughly.
const CACHE_BYTES: u64 = 16 << 20;

/// How often sled tidies in the background. We flush by ourselves.
const FLUSH_EVERY_MS: u64 = 500;

/// What sled can answer instead of an answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum Trouble {
    #[error("sled finds its files corrupt ({0})")]
    Corrupt(sled::Error),
    #[error("sled gave up on its files ({0})")]
    Panicked(String),
    #[error("its files couldn't be read or written ({0})")]
    Io(io::Error),
    #[error("sled can't work with its files ({0})")]
    Other(sled::Error),
    #[error("its tally of itself can't be understood ({0})")]
    Tally(serde_json::Error),
}

impl From<sled::Error> for Trouble {
    fn from(error: sled::Error) -> Self {
        match error {
            sled::Error::Corruption { .. } => Self::Corrupt(error),
            sled::Error::Io(error) => Self::Io(error),
            error => Self::Other(error),
        }
    }
}

/// Runs something that calls sled, which has panics where others have errors.
fn guarded<T>(work: impl FnOnce() -> sled::Result<T>) -> Result<T, Trouble> {
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(result) => Ok(result?),
        Err(panic) => Err(Trouble::Panicked(message_of(panic.as_ref()))),
    }
}

fn message_of(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("a panic without words")
        .to_owned()
}

/// An open sled database with our trees. After the first trouble it takes no more writes.
pub(super) struct Tables {
    dir: PathBuf,
    db: sled::Db,
    /// In the order of [`Tree::ALL`], then the metadata.
    trees: Vec<sled::Tree>,
    stopped: OnceLock<String>,
    panicked: AtomicBool,
}

impl Tables {
    /// Opens a ledger, or a copy of one. `dir` is the data directory, for messages.
    pub fn open(dir: &Path, ledger: &Path) -> Result<Self, Trouble> {
        // Never `temporary`: sled then deletes the files some time after it was closed, from a deferred destructor,
        // whatever lies there by then.
        let config = sled::Config::new()
            .path(ledger)
            .cache_capacity(CACHE_BYTES)
            .mode(sled::Mode::LowSpace)
            .flush_every_ms(Some(FLUSH_EVERY_MS));
        let (db, trees) = guarded(|| {
            let db = config.open()?;
            let names = Tree::ALL.iter().map(|tree| tree.name()).chain([META]);
            let trees = names.map(|name| db.open_tree(name)).collect::<sled::Result<_>>()?;
            Ok((db, trees))
        })?;
        let dir = dir.to_owned();
        Ok(Self {
            dir,
            db,
            trees,
            stopped: OnceLock::new(),
            panicked: AtomicBool::new(false),
        })
    }

    /// Counts all records, also those in trees that we don't know.
    pub fn recount(&self) -> Result<Totals, Trouble> {
        guarded(|| {
            let mut totals = Totals::default();
            for name in self.db.tree_names() {
                if name == META {
                    continue;
                }
                let mut in_tree = 0;
                for record in &self.db.open_tree(&name)? {
                    let (key, value) = record?;
                    totals.tally.sum ^= Sum::of_record(&name, &key, &value);
                    in_tree += 1;
                }
                totals.tally.records += in_tree;
                if let Some(known) = Tree::ALL.iter().find(|tree| name == tree.name()) {
                    totals.per_tree[known.index()] = in_tree;
                }
            }
            Ok(totals)
        })
    }

    /// The tally that the ledger keeps of itself; none before the first batch.
    pub fn own_tally(&self) -> Result<Option<OwnTally>, Trouble> {
        let text = guarded(|| self.meta().get(OWN_TALLY))?;
        text.map(|text| serde_json::from_slice(&text))
            .transpose()
            .map_err(Trouble::Tally)
    }

    pub fn get(&self, tree: Tree, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        match guarded(|| self.trees[tree.index()].get(key)) {
            Ok(value) => Ok(value.map(|value| value.to_vec())),
            Err(trouble) => Err(self.unreadable(&trouble)),
        }
    }

    pub fn iter_prefix(&self, tree: Tree, prefix: &[u8]) -> sled::Iter {
        self.trees[tree.index()].scan_prefix(prefix)
    }

    /// The next record of an iterator over these tables.
    pub fn next(&self, iter: &mut sled::Iter) -> Option<Result<Record, StoreError>> {
        match guarded(|| iter.next().transpose()) {
            Ok(record) => record.map(|(key, value)| Ok((key.to_vec(), value.to_vec()))),
            Err(trouble) => Some(Err(self.unreadable(&trouble))),
        }
    }

    /// Makes the changes and notes the new tally, in one transaction.
    pub fn write(&self, changes: &[Change], own: &OwnTally) -> Result<(), Trouble> {
        let own = serde_json::to_vec(own).map_err(Trouble::Tally)?;
        guarded(|| {
            let done = self.trees.transaction(|trees| {
                for Change { tree, key, new, .. } in changes {
                    match new {
                        Some(value) => trees[tree.index()].insert(key.as_slice(), value.as_slice())?,
                        None => trees[tree.index()].remove(key.as_slice())?,
                    };
                }
                trees[Tree::ALL.len()].insert(OWN_TALLY, own.as_slice())?;
                Ok::<(), ConflictableTransactionError<sled::Error>>(())
            });
            done.map_err(|error| match error {
                TransactionError::Storage(error) | TransactionError::Abort(error) => error,
            })
        })
    }

    /// Hands all that was written to the operating system. (sled doesn't fsync.)
    pub fn flush(&self) -> Result<(), Trouble> {
        guarded(|| self.db.flush().map(|_bytes| ()))
    }

    /// Refuses to go on after the first trouble.
    pub fn check_not_stopped(&self) -> Result<(), StoreError> {
        match self.stopped.get() {
            Some(first) => Err(StoreError::Stopped { first: first.clone() }),
            None => Ok(()),
        }
    }

    /// Takes no more writes from now on, because of this.
    pub fn stop(&self, error: &StoreError) {
        if self.stopped.set(error.to_string()).is_ok() {
            tracing::error!(dir = %self.dir.display(), %error, "the ledger takes no more writes");
        }
    }

    /// The error for a write that failed.
    pub fn unwritten(&self, trouble: &Trouble) -> StoreError {
        self.note_panic(trouble);
        StoreError::Unwritten {
            what: trouble.to_string(),
            dir: self.dir.clone(),
        }
    }

    fn unreadable(&self, trouble: &Trouble) -> StoreError {
        self.note_panic(trouble);
        let error = StoreError::Unreadable {
            what: trouble.to_string(),
            dir: self.dir.clone(),
        };
        self.stop(&error);
        error
    }

    fn note_panic(&self, trouble: &Trouble) {
        if matches!(trouble, Trouble::Panicked(_)) {
            self.panicked.store(true, Ordering::Relaxed);
        }
    }

    fn meta(&self) -> &sled::Tree {
        &self.trees[Tree::ALL.len()]
    }
}

impl Drop for Tables {
    /// sled flushes when it is dropped; after a panic of its own it may then panic again, or wait forever for its
    /// background thread. So it is left open until the process ends.
    fn drop(&mut self) {
        if self.panicked.load(Ordering::Relaxed) {
            std::mem::forget((self.db.clone(), self.trees.clone()));
        }
    }
}

impl fmt::Debug for Tables {
    /// Without the content: sled's own way prints every record.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tables")
            .field("dir", &self.dir)
            .field("stopped", &self.stopped)
            .finish_non_exhaustive()
    }
}
