//! Plain functions over bytes, for fuzzers and property tests: they return for every input, in time bounded by its length.

use std::io::Cursor;

/// Reads bytes as an MP4 file.
pub fn atoms(bytes: &[u8]) {
    let _ = super::read(Cursor::new(bytes));
}

/// Recognises bytes as a kind of video.
pub fn kind(bytes: &[u8]) {
    let _ = crate::video::Kind::of(bytes);
}
