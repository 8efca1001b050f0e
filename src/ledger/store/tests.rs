//! The store as its callers, a crash and a bad disk see it.

mod damage;
mod kill;
mod lock;
mod model;
mod opening;
mod overlay;
mod writing;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use super::{Batch, Options, Store, StoreError, Tree};

const OPTIONS: Options = Options {
    command: "tombolo test",
    schema: 1,
};

fn open(dir: &Path) -> Store {
    try_open(dir).unwrap_or_else(|error| panic!("{error}"))
}

fn try_open(dir: &Path) -> Result<Store, StoreError> {
    Store::open(dir, &OPTIONS)
}

/// What is wrong, where opening must find damage.
fn damage(dir: &Path) -> String {
    match try_open(dir) {
        Err(error @ StoreError::Damaged { .. }) => error.to_string(),
        Err(other) => panic!("not damage, but: {other}"),
        Ok(store) => panic!("opened with {} records", store.len(Tree::Baselines)),
    }
}

fn key(number: u64) -> Vec<u8> {
    number.to_be_bytes().to_vec()
}

/// Commits the numbered record to two trees.
fn put(store: &Store, number: u64) -> Result<(), StoreError> {
    let mut batch = Batch::new();
    batch.put(Tree::Baselines, key(number), format!("post {number}")).put(
        Tree::Deliveries,
        key(number),
        format!(
            "delivery of post {number}, {}",
            "with all that belongs to it, ".repeat(5)
        ),
    );
    store.commit(batch)
}

/// A ledger of that many numbered records in each of two trees, closed.
fn ledger_of(dir: &Path, records: u64) {
    let store = open(dir);
    for number in 0..records {
        put(&store, number).unwrap();
    }
}

fn all(store: &Store, tree: Tree) -> Vec<(Vec<u8>, Vec<u8>)> {
    store.iter_prefix(tree, b"").collect::<Result<_, _>>().unwrap()
}

/// All files of a directory with what is in them, but for the lock file.
fn files_in(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(files_in(&path));
        } else if path.file_name().unwrap() != "tombolo.lock" {
            files.insert(path.clone(), fs::read(&path).unwrap());
        }
    }
    files
}

/// Puts a copy of a file or directory in the place of another.
fn replace(from: &Path, to: &Path) {
    if from.is_dir() {
        let _ = fs::remove_dir_all(to);
        super::files::copy_dir(from, to).unwrap();
    } else {
        fs::copy(from, to).unwrap();
    }
}
