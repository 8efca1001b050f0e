//! The ledger: what was seen, what is on its way, what exists where. It alone decides whether a post goes out again.
//!
//! Typed records over [`store`], which keeps bytes durably. Nothing here knows a platform or reaches the network.

mod records;
pub mod store;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;
use tombolo_model::{Cursor, DeliveryKey, DestinationId, SourceId};

pub use records::{Basis, Contact, Delivery, Part, PartState, Publishing, Skip, Stage, StateName, Unresolved, Waiting};
pub use store::StoreError;
use store::{Batch, Options, Store, Tree};

/// Version of the records' layout.
const SCHEMA: u32 = 1;

/// The open ledger. Clones share it.
#[derive(Clone, Debug)]
pub struct Ledger {
    store: Arc<Store>,
    dir: PathBuf,
}

/// Changes to the ledger that are made together or not at all.
#[derive(Debug, Default)]
pub struct Changes(Batch);

impl Ledger {
    /// Opens the ledger in the data directory, for this process alone. `command` is what a second process is told of the first.
    pub fn open(data_dir: &Path, command: &str) -> Result<Self, StoreError> {
        let store = Store::open(
            data_dir,
            &Options {
                command,
                schema: SCHEMA,
            },
        )?;
        Ok(Self {
            store: Arc::new(store),
            dir: data_dir.to_owned(),
        })
    }

    /// Opens it for a dry run: changes stay in memory.
    pub fn open_for_dry_run(data_dir: &Path, command: &str) -> Result<Self, StoreError> {
        let store = Store::open_overlay(
            data_dir,
            &Options {
                command,
                schema: SCHEMA,
            },
        )?;
        Ok(Self {
            store: Arc::new(store),
            dir: data_dir.to_owned(),
        })
    }

    /// How many changes have been written since the ledger was made.
    pub fn sequence(&self) -> u64 {
        self.store.sequence()
    }

    /// Makes the changes. When this returns they survive a power cut.
    pub async fn commit(&self, changes: Changes) -> Result<(), StoreError> {
        if changes.0.is_empty() {
            return Ok(());
        }
        let store = self.store.clone();
        let done = tokio::task::spawn_blocking(move || store.commit(changes.0)).await;
        // A commit that panicked may have been kept or not: the store refuses every later one.
        done.unwrap_or_else(|panic| {
            Err(StoreError::Unwritten {
                what: panic.to_string(),
                dir: self.dir.clone(),
            })
        })
    }

    /// How far a reader has read a source, for a set of destinations. `place` names reader and set.
    pub fn cursor(&self, source: &SourceId, place: &str) -> Result<Option<Cursor>, StoreError> {
        self.read(Tree::Cursors, &cursor_key(source, place))
    }

    /// When a destination first met a source.
    pub fn contact(&self, source: &SourceId, to: &DestinationId) -> Result<Option<Contact>, StoreError> {
        self.read(Tree::Contacts, &contact_key(source, to))
    }

    /// Whether the post was there when the destination first met this source, and so isn't carried.
    pub fn in_baseline(&self, source: &SourceId, key: &DeliveryKey) -> Result<bool, StoreError> {
        Ok(self.store.get(Tree::Baselines, &baseline_key(source, key))?.is_some())
    }

    /// A delivery.
    pub fn delivery(&self, key: &DeliveryKey) -> Result<Option<Delivery>, StoreError> {
        self.read(Tree::Deliveries, &delivery_key(key))
    }

    /// The deliveries to a destination for which something is still to be done.
    pub fn open_deliveries_to(&self, to: &DestinationId) -> Result<Vec<Delivery>, StoreError> {
        let all = self.store.iter_prefix(Tree::Deliveries, &destination_prefix(to));
        let read = all.map(|record| record.and_then(|(_, value)| self.decode(Tree::Deliveries, &value)));
        read.filter(|delivery: &Result<Delivery, _>| delivery.as_ref().map_or(true, |d| !d.is_settled()))
            .collect()
    }

    /// All deliveries.
    pub fn all_deliveries(&self) -> Result<Vec<Delivery>, StoreError> {
        self.store
            .iter_prefix(Tree::Deliveries, b"")
            .map(|record| record.and_then(|(_, value)| self.decode(Tree::Deliveries, &value)))
            .collect()
    }

    /// Which delivery made the copy with this uri.
    pub fn copy_owner(&self, uri: &str) -> Result<Option<DeliveryKey>, StoreError> {
        self.read(Tree::Copies, uri.as_bytes())
    }

    fn read<T: DeserializeOwned>(&self, tree: Tree, key: &[u8]) -> Result<Option<T>, StoreError> {
        self.store
            .get(tree, key)?
            .map(|value| self.decode(tree, &value))
            .transpose()
    }

    fn decode<T: DeserializeOwned>(&self, tree: Tree, value: &[u8]) -> Result<T, StoreError> {
        serde_json::from_slice(value).map_err(|e| StoreError::Unreadable {
            what: format!("tree {}: {e}", tree.name()),
            dir: self.dir.clone(),
        })
    }
}

impl Changes {
    /// No changes.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether there is nothing to write.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Keeps how far a reader has read.
    pub fn put_cursor(&mut self, source: &SourceId, place: &str, cursor: &Cursor) {
        self.put(Tree::Cursors, cursor_key(source, place), cursor);
    }

    /// Keeps that a destination has met a source.
    pub fn put_contact(&mut self, source: &SourceId, to: &DestinationId, contact: &Contact) {
        self.put(Tree::Contacts, contact_key(source, to), contact);
    }

    /// Keeps that the post was there at first contact.
    pub fn put_baseline(&mut self, source: &SourceId, key: &DeliveryKey) {
        self.0.put(Tree::Baselines, baseline_key(source, key), b"1".as_slice());
    }

    /// Keeps a delivery, and finds it by the uris of its copies from now on. What is delivered is in no baseline.
    pub fn put_delivery(&mut self, delivery: &Delivery) {
        for copy in delivery.copies() {
            self.put(Tree::Copies, copy.uri.as_bytes().to_vec(), &delivery.key);
        }
        self.0
            .remove(Tree::Baselines, baseline_key(&delivery.source, &delivery.key));
        self.put(Tree::Deliveries, delivery_key(&delivery.key), delivery);
    }

    fn put<T: Serialize>(&mut self, tree: Tree, key: Vec<u8>, value: &T) {
        match serde_json::to_vec(value) {
            Ok(bytes) => {
                self.0.put(tree, key, bytes);
            }
            Err(e) => unreachable!("records are made of text, numbers and lists, which JSON can write: {e}"),
        }
    }
}

fn cursor_key(source: &SourceId, place: &str) -> Vec<u8> {
    joined(&[source.0.as_str(), place])
}

fn baseline_key(source: &SourceId, key: &DeliveryKey) -> Vec<u8> {
    let mut bytes = contact_key(source, &key.to);
    bytes.push(0);
    bytes.extend_from_slice(key.post.as_str().as_bytes());
    bytes
}

fn contact_key(source: &SourceId, to: &DestinationId) -> Vec<u8> {
    joined(&[source.0.as_str(), to.platform.as_str(), to.origin.as_str(), &to.account])
}

fn destination_prefix(to: &DestinationId) -> Vec<u8> {
    let mut prefix = joined(&[to.platform.as_str(), to.origin.as_str(), &to.account]);
    prefix.push(0);
    prefix
}

fn delivery_key(key: &DeliveryKey) -> Vec<u8> {
    let mut bytes = destination_prefix(&key.to);
    bytes.extend_from_slice(key.post.as_str().as_bytes());
    bytes
}

/// Fields separated by NUL, which none of them contains: ids are checked URLs, and an account's id comes without controls.
fn joined(fields: &[&str]) -> Vec<u8> {
    fields.join("\0").into_bytes()
}
