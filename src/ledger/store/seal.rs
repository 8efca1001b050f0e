//! What the ledger must hold, said outside it, and the comparison of the two.
//!
//! The ledger keeps the same tally inside itself, changed in the same transaction as the records, together with the
//! one before. So three sums meet at every opening: the seal's, the ledger's own, and a recount of all records.

use std::fmt;
use std::ops::BitXorAssign;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::batch::Change;
use super::tree::PerTree;
use super::{StoreError, Tree, files};

/// The XOR of the SHA-256 of records: the same in whichever order they came and went.
#[derive(Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(super) struct Sum([u8; 32]);

impl Sum {
    /// The sum of one record. Lengths go in first, so that no two records read the same.
    pub fn of_record(tree: &[u8], key: &[u8], value: &[u8]) -> Self {
        let mut hasher = Sha256::new();
        for part in [tree, key, value] {
            hasher.update((part.len() as u64).to_le_bytes());
            hasher.update(part);
        }
        Self(hasher.finalize().into())
    }
}

impl BitXorAssign for Sum {
    fn bitxor_assign(&mut self, other: Self) {
        for (mine, theirs) in self.0.iter_mut().zip(other.0) {
            *mine ^= theirs;
        }
    }
}

impl fmt::Debug for Sum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from(*self))
    }
}

impl From<Sum> for String {
    fn from(sum: Sum) -> Self {
        sum.0
            .iter()
            .fold(Self::with_capacity(64), |text, byte| text + &format!("{byte:02x}"))
    }
}

impl TryFrom<String> for Sum {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let wrong = "a sum has 64 hexadecimal digits";
        if text.len() != 64 || !text.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return Err(wrong);
        }
        let mut sum = [0; 32];
        for (byte, digits) in sum.iter_mut().zip(text.as_bytes().chunks(2)) {
            let digits = str::from_utf8(digits).map_err(|_| wrong)?;
            *byte = u8::from_str_radix(digits, 16).map_err(|_| wrong)?;
        }
        Ok(Self(sum))
    }
}

/// A ledger's content in three numbers. The default is that of a ledger which never held anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct Tally {
    /// How many batches were committed.
    pub sequence: u64,
    /// How many records there are.
    pub records: u64,
    /// What they hash to.
    pub sum: Sum,
}

/// A tally, with the number of records in each tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Totals {
    pub tally: Tally,
    pub per_tree: PerTree,
}

impl Totals {
    /// The totals after one more batch.
    pub fn after(mut self, changes: &[Change]) -> Self {
        self.tally.sequence += 1;
        for Change { tree, key, old, new } in changes {
            let name = tree.name().as_bytes();
            if let Some(old) = old {
                self.tally.sum ^= Sum::of_record(name, key, old);
                self.count(*tree, u64::saturating_sub);
            }
            if let Some(new) = new {
                self.tally.sum ^= Sum::of_record(name, key, new);
                self.count(*tree, u64::saturating_add);
            }
        }
        self
    }

    fn count(&mut self, tree: Tree, step: fn(u64, u64) -> u64) {
        let in_tree = &mut self.per_tree[tree.index()];
        *in_tree = step(*in_tree, 1);
        self.tally.records = step(self.tally.records, 1);
    }
}

/// What the ledger says of itself, in its tree of metadata.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct OwnTally {
    /// The version of the records' layout.
    pub schema: u32,
    /// The tally as of the last batch.
    pub now: Tally,
    /// The tally before that batch.
    pub before: Tally,
}

/// What `seal.json` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Seal {
    /// The version of the records' layout.
    pub schema: u32,
    /// What the ledger must hold.
    #[serde(flatten)]
    pub tally: Tally,
}

impl Seal {
    /// Where the seal of a data directory lies.
    pub fn path(dir: &Path) -> PathBuf {
        dir.join("seal.json")
    }

    /// Reads the seal, if there is one. One that can't be understood is damage.
    pub fn read(dir: &Path) -> Result<Option<Self>, StoreError> {
        let Some(text) = files::read_if_there(&Self::path(dir))? else {
            return Ok(None);
        };
        serde_json::from_slice(&text)
            .map(Some)
            .map_err(|error| StoreError::Damaged {
                what: format!("its seal, the file seal.json, can't be understood ({error})"),
                dir: dir.to_owned(),
            })
    }

    /// Replaces the seal, for good.
    pub fn write(&self, dir: &Path) -> Result<(), StoreError> {
        let path = Self::path(dir);
        let mut text = serde_json::to_vec_pretty(self).map_err(|error| files::failed("write", &path)(error.into()))?;
        text.push(b'\n');
        files::replace(&path, &text)
    }
}

/// How a sound ledger stands to its seal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// They say the same.
    Equal,
    /// The last batch reached the ledger, and the process ended before the seal was replaced.
    OneAhead,
}

/// Compares the seal, the ledger's own tally (none before the first batch) and the recount. Says what is wrong, as a
/// clause after "damaged:".
pub(super) fn compare(seal: &Seal, own: Option<&OwnTally>, recount: &Tally) -> Result<Standing, String> {
    let never_written = OwnTally {
        schema: seal.schema,
        now: Tally::default(),
        before: Tally::default(),
    };
    let own = own.unwrap_or(&never_written);
    if own.schema != seal.schema {
        return Err(format!(
            "its seal is of layout {}, but its records are of layout {}",
            seal.schema, own.schema
        ));
    }
    if (own.now.records, own.now.sum) != (recount.records, recount.sum) {
        return Err(format!(
            "by its own account it holds {} records, but {} can be read{}",
            own.now.records,
            recount.records,
            if own.now.records == recount.records {
                ", and not with the same content"
            } else {
                ""
            },
        ));
    }
    if own.now == seal.tally {
        return Ok(Standing::Equal);
    }
    if own.before == seal.tally && own.now.sequence.checked_sub(1) == Some(seal.tally.sequence) {
        return Ok(Standing::OneAhead);
    }
    Err(format!(
        "its seal is of batch {} with {} records, but it holds batch {} with {} records{}",
        seal.tally.sequence,
        seal.tally.records,
        own.now.sequence,
        own.now.records,
        if own.now.sequence == seal.tally.sequence {
            ", which are others"
        } else {
            ""
        },
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(sequence: u64, records: u64) -> Tally {
        Tally {
            sequence,
            records,
            sum: Sum::of_record(b"tree", &records.to_le_bytes(), b""),
        }
    }

    fn judged(seal: Tally, before: Tally, now: Tally, recount: Tally) -> Result<Standing, String> {
        compare(
            &Seal { schema: 1, tally: seal },
            Some(&OwnTally { schema: 1, now, before }),
            &recount,
        )
    }

    #[test]
    fn a_sum_survives_being_written_as_text() {
        let sum = Sum::of_record(b"posts", b"key", b"value");
        assert_eq!(Sum::try_from(String::from(sum)), Ok(sum));
        assert!(Sum::try_from("é".repeat(32)).is_err());
    }

    #[test]
    fn no_two_records_share_a_sum_by_shifting_bytes_between_key_and_value() {
        assert_ne!(Sum::of_record(b"t", b"ab", b"c"), Sum::of_record(b"t", b"a", b"bc"));
    }

    #[test]
    fn equal_and_exactly_one_ahead_are_sound() {
        let (old, new) = (tally(4, 10), tally(5, 11));
        assert_eq!(judged(new, old, new, new), Ok(Standing::Equal));
        assert_eq!(judged(old, old, new, new), Ok(Standing::OneAhead));
    }

    #[test]
    fn anything_else_is_damage() {
        let (older, old, new) = (tally(3, 9), tally(4, 10), tally(5, 11));
        assert!(judged(older, old, new, new).is_err(), "two ahead");
        assert!(judged(new, older, old, old).is_err(), "behind");
        assert!(judged(new, old, new, old).is_err(), "less than it says of itself");
        let other = Tally {
            sum: Sum::default(),
            ..new
        };
        assert!(judged(other, old, new, new).is_err(), "same sequence, other records");
        assert!(
            judged(
                Tally {
                    sum: Sum::default(),
                    ..old
                },
                old,
                new,
                new
            )
            .is_err(),
            "one ahead of something else"
        );
        assert!(
            compare(&Seal { schema: 1, tally: new }, None, &Tally::default()).is_err(),
            "emptied"
        );
        assert!(
            compare(
                &Seal {
                    schema: 1,
                    tally: Tally::default()
                },
                None,
                &new
            )
            .is_err(),
            "records from nowhere"
        );
    }

    #[test]
    fn a_ledger_that_was_never_written_is_sound() {
        let seal = Seal {
            schema: 1,
            tally: Tally::default(),
        };
        assert_eq!(compare(&seal, None, &Tally::default()), Ok(Standing::Equal));
    }
}
