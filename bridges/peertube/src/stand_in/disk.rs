//! Uploaded bytes on disk, so that a test of large files needs no memory for them.
//!
//! The files have no names: nothing is left behind, however a test ends.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

/// How much is read at once.
const PIECE: u64 = 64 * 1024;

/// A file that several may write and read; clones are the same file.
#[derive(Clone, Debug)]
pub(super) struct Disk(Arc<Mutex<File>>);

impl Disk {
    /// An empty one.
    pub fn new() -> io::Result<Self> {
        Ok(Self(Arc::new(Mutex::new(tempfile::tempfile()?))))
    }

    /// Writes at a place; what was never written before it reads as zeros.
    pub fn write(&self, at: u64, bytes: &[u8]) -> io::Result<()> {
        let mut file = self.file();
        file.seek(SeekFrom::Start(at))?;
        file.write_all(bytes)
    }

    /// Forgets everything from a place on.
    pub fn cut(&self, at: u64) -> io::Result<()> {
        self.file().set_len(at)
    }

    /// At most `most` bytes from a place on.
    pub fn read(&self, at: u64, most: u64) -> io::Result<Vec<u8>> {
        let mut file = self.file();
        file.seek(SeekFrom::Start(at))?;
        let mut bytes = Vec::new();
        (&mut *file).take(most).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    fn file(&self) -> MutexGuard<'_, File> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The first bytes of a file on disk, as many as were taken.
#[derive(Clone, Debug)]
pub struct OnDisk {
    disk: Disk,
    bytes: u64,
}

impl OnDisk {
    pub(super) fn new(disk: Disk, bytes: u64) -> Self {
        Self { disk, bytes }
    }

    pub(super) fn len(&self) -> u64 {
        self.bytes
    }

    /// Some bytes from `at` on. Should the disk fail, zeros: the digest tells then.
    pub(super) fn piece(&self, at: u64) -> Bytes {
        let most = self.bytes.saturating_sub(at).min(PIECE);
        let read = self.disk.read(at, most).unwrap_or_default();
        if read.is_empty() {
            let zeros = usize::try_from(most).unwrap_or_default();
            return vec![0; zeros].into();
        }
        read.into()
    }
}

impl PartialEq for OnDisk {
    fn eq(&self, other: &Self) -> bool {
        self.bytes == other.bytes && Arc::ptr_eq(&self.disk.0, &other.disk.0)
    }
}

impl Eq for OnDisk {}
