//! Records in the order of their keys, with the changes of a dry run laid over them.

use std::cmp::Ordering;
use std::fmt;
use std::iter::Peekable;
use std::vec;

use super::StoreError;
use super::tables::Tables;

/// A key and its value.
pub(super) type Record = (Vec<u8>, Vec<u8>);

/// A key and its new value, or none where it was removed.
type Change = (Vec<u8>, Option<Vec<u8>>);

/// An iterator over key and value, from [`Store::iter_prefix`](super::Store::iter_prefix).
///
/// While it lives the store stays open.
pub struct Records<'a> {
    base: Option<(&'a Tables, sled::Iter)>,
    /// The next record of the base, once it was looked at.
    waiting: Option<Record>,
    changes: Peekable<vec::IntoIter<Change>>,
}

impl<'a> Records<'a> {
    /// The records of the base, except where `changes`, ordered by key, say otherwise.
    pub(super) fn new(base: Option<(&'a Tables, sled::Iter)>, changes: Vec<Change>) -> Self {
        Self {
            base,
            waiting: None,
            changes: changes.into_iter().peekable(),
        }
    }

    /// Makes sure that the base's next record waits, if it has one. After an error nothing follows.
    fn look_at_base(&mut self) -> Result<(), StoreError> {
        if self.waiting.is_none()
            && let Some((tables, iter)) = &mut self.base
        {
            match tables.next(iter).transpose() {
                Ok(Some(record)) => self.waiting = Some(record),
                Ok(None) => self.base = None,
                Err(error) => {
                    self.base = None;
                    self.changes = Vec::new().into_iter().peekable();
                    return Err(error);
                }
            }
        }
        Ok(())
    }
}

impl Iterator for Records<'_> {
    type Item = Result<Record, StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Err(error) = self.look_at_base() {
                return Some(Err(error));
            }
            let order = match (&self.waiting, self.changes.peek()) {
                (_, None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (Some((in_base, _)), Some((changed, _))) => in_base.cmp(changed),
            };
            if order == Ordering::Less {
                return self.waiting.take().map(Ok);
            }
            if order == Ordering::Equal {
                self.waiting = None;
            }
            if let Some((key, Some(value))) = self.changes.next() {
                return Some(Ok((key, value)));
            }
        }
    }
}

impl fmt::Debug for Records<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Records").finish_non_exhaustive()
    }
}
