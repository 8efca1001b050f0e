//! Files for drafts: small, each of its own, and one that breaks off.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use tombolo_model::{MediaBody, MediaDraft, MediaError, MediaStream};

/// A file in memory, in several pieces. May break off halfway, once.
#[derive(Debug)]
pub struct Held {
    bytes: Bytes,
    breaks: AtomicBool,
}

const PIECES: usize = 8;

impl Held {
    /// A file of these bytes.
    pub fn new(bytes: Bytes) -> Self {
        Self {
            bytes,
            breaks: AtomicBool::new(false),
        }
    }
}

#[async_trait]
impl MediaBody for Held {
    async fn open(&self) -> Result<(u64, MediaStream), MediaError> {
        let mut pieces: Vec<std::io::Result<Bytes>> = self
            .bytes
            .chunks(self.bytes.len() / PIECES + 1)
            .map(|piece| Ok(Bytes::copy_from_slice(piece)))
            .collect();
        if self.breaks.swap(false, Ordering::Relaxed) {
            pieces.truncate(PIECES / 2);
            pieces.push(Err(std::io::Error::other("the source hung up")));
        }
        Ok((self.bytes.len() as u64, stream::iter(pieces).boxed()))
    }
}

/// A file of a draft.
pub fn file(name: &str, media_type: &str, bytes: Bytes, alt: Option<&str>) -> MediaDraft {
    MediaDraft {
        file_name: name.into(),
        media_type: media_type.into(),
        alt: alt.map(str::to_owned),
        thumbnail: None,
        focus: None,
        body: Arc::new(Held::new(bytes)),
    }
}

/// The same, breaking off halfway when it is read first.
pub fn breaking(media: &MediaDraft, bytes: Bytes) -> MediaDraft {
    let body = Held {
        bytes,
        breaks: AtomicBool::new(true),
    };
    MediaDraft {
        body: Arc::new(body),
        ..media.clone()
    }
}

/// A picture that no other number has: a JPEG with a comment of its own.
pub fn picture(number: u8) -> Bytes {
    let whole = test_file("picture.jpg");
    let comment = format!("picture {number}, {}", "and so on ".repeat(200));
    let length = u16::try_from(comment.len() + 2).expect("a short comment");
    let mut bytes = whole[..2].to_vec();
    bytes.extend([0xff, 0xfe]);
    bytes.extend(length.to_be_bytes());
    bytes.extend(comment.as_bytes());
    bytes.extend(&whole[2..]);
    bytes.into()
}

/// A video that no other number has: a clip with a box of its own at the end.
pub fn video(number: u8) -> Bytes {
    let mut bytes = test_file("clip-with-sound.mp4");
    let filling = vec![number; 1000];
    bytes.extend(u32::try_from(filling.len() + 8).expect("a small box").to_be_bytes());
    bytes.extend(b"free");
    bytes.extend(filling);
    bytes.into()
}

fn test_file(name: &str) -> Vec<u8> {
    let path = format!("{}/../../tests/media/{name}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read(&path).unwrap_or_else(|e| panic!("{path}: {e}"))
}

/// The SHA-256 of a file, in hexadecimal.
pub fn sha256(bytes: &[u8]) -> String {
    use sha2::{Digest, Sha256};
    Sha256::digest(bytes).iter().map(|b| format!("{b:02x}")).collect()
}
