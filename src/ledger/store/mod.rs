//! Where the ledger's records lie: named trees of bytes, changed only in whole batches, in sled with a seal beside it.
//!
//! sled shows damage as missing records, and for us a missing record is a second copy of a post. So nothing is taken
//! from sled on trust: the seal outside it says how many records there must be and what they hash to, every opening
//! counts them all, and a ledger that can't show the seal's sum isn't opened at all.
//!
//! This module never knows what a record means, never repairs damage, and never goes on after a failed write.
//!
//! The data directory holds:
//! - `ledger/`: the sled database,
//! - `seal.json`: what the ledger must hold (see seal.rs),
//! - `tombolo.lock`: who uses the directory (see lock.rs),
//! - `ledger.check/`: the copy on which sled is tried before it may touch the original; gone after opening,
//! - `ledger.aside-TIME/`: kept when sled's own snapshot was damaged and could be done without.

mod batch;
mod disk;
mod error;
mod files;
mod lock;
mod opening;
mod overlay;
mod records;
mod seal;
mod tables;
mod tree;

#[cfg(test)]
mod tests;

use std::path::Path;

pub use self::batch::Batch;
pub use self::error::StoreError;
pub use self::lock::Holder;
pub use self::records::Records;
pub use self::tree::Tree;

use self::disk::Disk;
use self::overlay::Overlay;

/// What opening needs to know besides the directory.
#[derive(Debug, Clone, Copy)]
pub struct Options<'a> {
    /// What runs, as the message to a second process shall name it: `tombolo sync`. Nothing secret.
    pub command: &'a str,
    /// The version of the records' layout. A ledger of another version isn't opened.
    pub schema: u32,
}

/// The ledger's records, open for this process alone.
///
/// All calls block, some for several fsyncs: asynchronous callers go through `spawn_blocking`. A `Store` can be shared
/// between threads; commits queue.
#[derive(Debug)]
pub struct Store {
    backend: Backend,
    /// Declared last, so that sled has closed its files when the lock is given back.
    _lock: Option<lock::Lock>,
}

#[derive(Debug)]
enum Backend {
    Disk(Disk),
    Overlay(Overlay),
}

impl Store {
    /// Opens the ledger in `dir` for reading and writing, and makes both where they don't exist.
    ///
    /// The whole ledger is read and compared with the seal, on a copy first: when that fails, no file of the ledger
    /// has been touched.
    pub fn open(dir: &Path, options: &Options) -> Result<Self, StoreError> {
        files::make_private_dir(dir)?;
        let lock = lock::Lock::take(dir, options.command)?;
        let disk = opening::open(dir, options.schema)?;
        Ok(Self {
            backend: Backend::Disk(disk),
            _lock: Some(lock),
        })
    }

    /// Opens the ledger in `dir` for a dry run: commits stay in memory and are gone with the `Store`.
    ///
    /// Takes the same lock and makes the same checks as [`Store::open`], and reads from the checked copy, so that the
    /// ledger isn't touched at all. Where no ledger exists it begins empty and makes none; where not even the directory
    /// exists there is nothing to lock.
    pub fn open_overlay(dir: &Path, options: &Options) -> Result<Self, StoreError> {
        if !dir.exists() {
            return Ok(Self {
                backend: Backend::Overlay(Overlay::empty()),
                _lock: None,
            });
        }
        let lock = lock::Lock::take(dir, options.command)?;
        let overlay = opening::open_overlay(dir, options.schema)?;
        Ok(Self {
            backend: Backend::Overlay(overlay),
            _lock: Some(lock),
        })
    }

    /// The value under `key`, if there is one.
    pub fn get(&self, tree: Tree, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        match &self.backend {
            Backend::Disk(disk) => disk.get(tree, key),
            Backend::Overlay(overlay) => overlay.get(tree, key),
        }
    }

    /// The records whose keys begin with `prefix`, in the order of their keys; all of the tree for an empty prefix.
    ///
    /// Not a snapshot: a batch committed meanwhile may show in part. After an error there are no more items.
    pub fn iter_prefix(&self, tree: Tree, prefix: &[u8]) -> Records<'_> {
        match &self.backend {
            Backend::Disk(disk) => disk.iter_prefix(tree, prefix),
            Backend::Overlay(overlay) => overlay.iter_prefix(tree, prefix),
        }
    }

    /// How many records the tree holds, without counting them.
    pub fn len(&self, tree: Tree) -> u64 {
        match &self.backend {
            Backend::Disk(disk) => disk.len(tree),
            Backend::Overlay(overlay) => overlay.len(tree),
        }
    }

    /// Whether the tree holds no record.
    pub fn is_empty(&self, tree: Tree) -> bool {
        self.len(tree) == 0
    }

    /// Makes all changes of the batch, or none; when it returns, they survive a power cut.
    ///
    /// A batch that changes nothing writes nothing. After an error nothing more can be committed through this `Store`,
    /// and whether the failed batch was kept shows only at the next opening: treat it as possibly there.
    /// ([`StoreError::TooLarge`] is the exception: that batch was never begun, and others may follow.)
    pub fn commit(&self, batch: Batch) -> Result<(), StoreError> {
        match &self.backend {
            Backend::Disk(disk) => disk.commit(batch),
            Backend::Overlay(overlay) => overlay.commit(batch),
        }
    }

    /// How many batches have changed this ledger since it was made.
    pub fn sequence(&self) -> u64 {
        match &self.backend {
            Backend::Disk(disk) => disk.sequence(),
            Backend::Overlay(overlay) => overlay.sequence(),
        }
    }
}
