//! A dry run's ledger: what is there, with changes that exist in memory only.

use std::collections::BTreeMap;
use std::sync::{PoisonError, RwLock, RwLockReadGuard};

use super::opening::CheckedCopy;
use super::seal::Totals;
use super::{Batch, Records, StoreError, Tree};

/// Changes laid over a checked copy of the ledger, or over nothing.
#[derive(Debug)]
pub(super) struct Overlay {
    base: Option<CheckedCopy>,
    layer: RwLock<Layer>,
}

#[derive(Debug, Default)]
struct Layer {
    changed: BTreeMap<(Tree, Vec<u8>), Option<Vec<u8>>>,
    totals: Totals,
}

impl Overlay {
    /// Where there is no ledger.
    pub fn empty() -> Self {
        Self {
            base: None,
            layer: RwLock::default(),
        }
    }

    /// Over a copy of a ledger.
    pub fn over(base: CheckedCopy) -> Self {
        let totals = base.totals;
        Self {
            base: Some(base),
            layer: RwLock::new(Layer {
                totals,
                ..Layer::default()
            }),
        }
    }

    pub fn get(&self, tree: Tree, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.look_up(&self.layer(), tree, key)
    }

    fn look_up(&self, layer: &Layer, tree: Tree, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        match (layer.changed.get(&(tree, key.to_vec())), &self.base) {
            (Some(value), _) => Ok(value.clone()),
            (None, Some(base)) => base.tables.get(tree, key),
            (None, None) => Ok(None),
        }
    }

    pub fn iter_prefix(&self, tree: Tree, prefix: &[u8]) -> Records<'_> {
        let layer = self.layer();
        let changes = layer
            .changed
            .range((tree, prefix.to_vec())..)
            .take_while(|((of, key), _)| *of == tree && key.starts_with(prefix))
            .map(|((_, key), value)| (key.clone(), value.clone()))
            .collect();
        Records::new(
            self.base
                .as_ref()
                .map(|base| (&base.tables, base.tables.iter_prefix(tree, prefix))),
            changes,
        )
    }

    pub fn len(&self, tree: Tree) -> u64 {
        self.layer().totals.per_tree[tree.index()]
    }

    pub fn sequence(&self) -> u64 {
        self.layer().totals.tally.sequence
    }

    pub fn commit(&self, batch: Batch) -> Result<(), StoreError> {
        batch.check_sizes()?;
        let mut layer = self.layer.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(base) = &self.base {
            base.tables.check_not_stopped()?;
        }
        let changes = batch.changes(|tree, key| self.look_up(&layer, tree, key))?;
        if changes.is_empty() {
            return Ok(());
        }
        layer.totals = layer.totals.after(&changes);
        for change in changes {
            layer.changed.insert((change.tree, change.key), change.new);
        }
        Ok(())
    }

    /// Nothing that holds this lock for writing can panic halfway, so a poisoned one is as good as any.
    fn layer(&self) -> RwLockReadGuard<'_, Layer> {
        self.layer.read().unwrap_or_else(PoisonError::into_inner)
    }
}
