//! What files contain: given bytes, or made-up data of any size that is never held in memory.

use std::ops::Range;
use std::sync::OnceLock;

use axum::body::Body;
use bytes::Bytes;
use futures_util::stream;
use sha2::{Digest, Sha256};

use super::disk::OnDisk;

/// Length of the block that made-up files repeat.
const BLOCK: u64 = 1 << 20;
/// Length of the part in front of each block that tells files and blocks apart.
const HEAD: usize = 48;

/// What a file contains.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FileBody {
    /// These bytes.
    Bytes(Bytes),
    /// Made-up data, always the same for one seed: it begins as an MP4 does, and every MiB carries the seed and its
    /// own number, so that no two files and no two places of one file are alike.
    Synthetic {
        /// Length of the file.
        bytes: u64,
        /// Tells files apart.
        seed: u64,
    },
    /// A clip that plays, made longer by a box of made-up data at its end.
    Padded {
        /// The clip.
        clip: Bytes,
        /// Length of the whole; at least 16 more than the clip's.
        bytes: u64,
    },
    /// What was uploaded, in a file that is gone with the last that holds it.
    OnDisk(OnDisk),
}

impl FileBody {
    /// Length in bytes.
    pub fn len(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::Synthetic { bytes, .. } | Self::Padded { bytes, .. } => *bytes,
            Self::OnDisk(stored) => stored.len(),
        }
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The bytes of a range, piece by piece; what lies beyond the end is left out.
    pub fn pieces(&self, range: Range<u64>) -> impl Iterator<Item = Bytes> + Send + 'static {
        let body = self.clone();
        let end = range.end.min(body.len());
        let mut at = range.start;
        std::iter::from_fn(move || {
            if at >= end {
                return None;
            }
            let mut piece = body.piece(at);
            let left = end - at;
            if piece.len() as u64 > left {
                piece.truncate(usize::try_from(left).unwrap_or(usize::MAX));
            }
            at += piece.len() as u64;
            Some(piece)
        })
    }

    /// The bytes of a range, in memory: for small files, and for the ends of large ones.
    pub fn bytes(&self, range: Range<u64>) -> Bytes {
        let mut all = Vec::new();
        for piece in self.pieces(range) {
            all.extend_from_slice(&piece);
        }
        all.into()
    }

    /// The file's SHA-256, in hexadecimal: to compare it with what arrived elsewhere.
    pub fn sha256(&self) -> String {
        let mut digest = Sha256::new();
        for piece in self.pieces(0..self.len()) {
            digest.update(&piece);
        }
        format!("{:x}", digest.finalize())
    }

    /// A range of the file as the body of an answer.
    pub(super) fn stream(&self, range: Range<u64>) -> Body {
        Body::from_stream(stream::iter(self.pieces(range).map(Ok::<_, std::io::Error>)))
    }

    /// Some bytes from `at` on; never none as long as `at` is inside the file.
    fn piece(&self, at: u64) -> Bytes {
        match self {
            Self::Bytes(bytes) => bytes.slice(usize::try_from(at).unwrap_or(usize::MAX).min(bytes.len())..),
            Self::OnDisk(stored) => stored.piece(at),
            Self::Padded { clip, bytes } => {
                let (front, at) = (clip.len() as u64, usize::try_from(at).unwrap_or(usize::MAX));
                let box_head = box_head(bytes.saturating_sub(front));
                if at < clip.len() {
                    clip.slice(at..)
                } else if at < clip.len() + box_head.len() {
                    Bytes::copy_from_slice(&box_head[at - clip.len()..])
                } else {
                    noise().clone()
                }
            }
            Self::Synthetic { seed, .. } => {
                let (block, within) = (at / BLOCK, at % BLOCK);
                let start = usize::try_from(within).unwrap_or_default();
                if start < HEAD {
                    Bytes::copy_from_slice(&head(*seed, block)[start..])
                } else {
                    noise().slice(start..)
                }
            }
        }
    }
}

impl From<&'static [u8]> for FileBody {
    fn from(bytes: &'static [u8]) -> Self {
        Self::Bytes(Bytes::from_static(bytes))
    }
}

impl From<Vec<u8>> for FileBody {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Bytes(bytes.into())
    }
}

/// The head of a box of media data that no track uses, of this length, in its long form.
fn box_head(length: u64) -> [u8; 16] {
    let mut head = *b"\0\0\0\x01mdat\0\0\0\0\0\0\0\0";
    head[8..].copy_from_slice(&length.to_be_bytes());
    head
}

/// What stands in front of a block. The first one begins as an MP4 file does, with the rest of it as media data.
fn head(seed: u64, block: u64) -> [u8; HEAD] {
    let mut head = [0; HEAD];
    if block == 0 {
        head[..24].copy_from_slice(b"\0\0\0\x18ftypisom\0\0\x02\0isommp42");
        head[24..32].copy_from_slice(b"\0\0\0\0mdat");
    }
    head[32..40].copy_from_slice(&seed.to_be_bytes());
    head[40..48].copy_from_slice(&block.to_be_bytes());
    head
}

/// The block that is repeated: bytes that don't compress.
fn noise() -> &'static Bytes {
    static NOISE: OnceLock<Bytes> = OnceLock::new();
    NOISE.get_or_init(|| {
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        let words = (0..BLOCK / 8).flat_map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state.to_be_bytes()
        });
        words.collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &FileBody, range: Range<u64>) -> Vec<u8> {
        body.pieces(range).flatten().collect()
    }

    #[test]
    fn a_range_is_the_same_as_that_part_of_the_whole() {
        let body = FileBody::Synthetic {
            bytes: 2 * BLOCK + 100,
            seed: 7,
        };
        let whole = read(&body, 0..u64::MAX);
        assert_eq!(whole.len() as u64, body.len());
        for (start, end) in [
            (0, 1),
            (10, 60),
            (BLOCK - 5, BLOCK + 70),
            (2 * BLOCK + 90, 2 * BLOCK + 100),
        ] {
            let (from, to) = (usize::try_from(start).unwrap_or(0), usize::try_from(end).unwrap_or(0));
            assert_eq!(read(&body, start..end), whole[from..to]);
        }
    }

    #[test]
    fn files_of_different_seeds_differ() {
        let of = |seed| FileBody::Synthetic { bytes: 64, seed }.sha256();
        assert_ne!(of(1), of(2));
        assert_eq!(of(1), of(1));
    }

    #[test]
    fn made_up_files_look_like_mp4() {
        let body = FileBody::Synthetic { bytes: 100, seed: 1 };
        assert_eq!(&read(&body, 4..12), b"ftypisom");
    }
}
