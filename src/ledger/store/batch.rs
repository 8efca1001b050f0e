//! Changes that are made together or not at all.

use std::collections::BTreeMap;

use super::{StoreError, Tree};

/// The largest key and value together, in bytes.
///
/// sled moves pages above 128 KiB into files of their own, and a page holds up to some twenty records. Records this
/// large still work, and those files are fsynced too, but a ledger is meant for records of a few KiB at most.
const LARGEST_RECORD: usize = 64 * 1024;

/// A list of changes over any trees, for [`Store::commit`](super::Store::commit). For the same key the last one counts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Batch {
    wanted: BTreeMap<(Tree, Vec<u8>), Option<Vec<u8>>>,
}

impl Batch {
    /// A batch without changes.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds or replaces a record.
    pub fn put(&mut self, tree: Tree, key: impl Into<Vec<u8>>, value: impl Into<Vec<u8>>) -> &mut Self {
        self.wanted.insert((tree, key.into()), Some(value.into()));
        self
    }

    /// Removes a record, if it is there.
    pub fn remove(&mut self, tree: Tree, key: impl Into<Vec<u8>>) -> &mut Self {
        self.wanted.insert((tree, key.into()), None);
        self
    }

    /// Whether the batch asks for nothing.
    pub fn is_empty(&self) -> bool {
        self.wanted.is_empty()
    }

    /// Refuses a batch with a record that is too large.
    pub(super) fn check_sizes(&self) -> Result<(), StoreError> {
        for ((tree, key), value) in &self.wanted {
            let size = key.len() + value.as_ref().map_or(0, Vec::len);
            if size > LARGEST_RECORD {
                return Err(StoreError::TooLarge {
                    tree: tree.name(),
                    size,
                    limit: LARGEST_RECORD,
                });
            }
        }
        Ok(())
    }

    /// What really changes, against the values that are there now.
    pub(super) fn changes<E>(
        self,
        present: impl Fn(Tree, &[u8]) -> Result<Option<Vec<u8>>, E>,
    ) -> Result<Vec<Change>, E> {
        let mut changes = Vec::new();
        for ((tree, key), new) in self.wanted {
            let old = present(tree, &key)?;
            if old != new {
                changes.push(Change { tree, key, old, new });
            }
        }
        Ok(changes)
    }
}

/// One record that becomes another.
#[derive(Debug)]
pub(super) struct Change {
    pub tree: Tree,
    pub key: Vec<u8>,
    pub old: Option<Vec<u8>>,
    pub new: Option<Vec<u8>>,
}
