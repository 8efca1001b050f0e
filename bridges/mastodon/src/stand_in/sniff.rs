//! What a file is, judged by its content alone: neither name nor declared type counts (contract §0a.2).

use bytes::Bytes;
use sha2::{Digest, Sha256};

use super::mp4::BoxScanner;
use super::webm;

/// So much of a file's beginning is looked at.
const HEAD: usize = 512 * 1024;

/// A file as it was received: digest and length of all of it, the bytes themselves only when they are few.
#[derive(Debug)]
pub(super) struct Received {
    pub(super) file_name: String,
    pub(super) declared_type: String,
    pub(super) size: u64,
    pub(super) sha256: String,
    pub(super) bytes: Option<Bytes>,
    head: Vec<u8>,
    boxes: BoxScanner,
}

/// Takes in a file piece by piece, in memory that doesn't grow with it.
#[derive(Debug)]
pub(super) struct Receiver {
    size: u64,
    digest: Sha256,
    head: Vec<u8>,
    boxes: BoxScanner,
    kept: Option<Vec<u8>>,
    keep: usize,
}

impl Receiver {
    /// Keeps files of at most `keep` bytes.
    pub(super) fn new(keep: usize) -> Self {
        Self {
            size: 0,
            digest: Sha256::new(),
            head: Vec::new(),
            boxes: BoxScanner::default(),
            kept: Some(Vec::new()),
            keep,
        }
    }

    /// The next piece.
    pub(super) fn feed(&mut self, piece: &[u8]) {
        self.size += piece.len() as u64;
        self.digest.update(piece);
        let room = HEAD.saturating_sub(self.head.len()).min(piece.len());
        self.head.extend_from_slice(&piece[..room]);
        self.boxes.feed(piece);
        match &mut self.kept {
            Some(kept) if kept.len() + piece.len() <= self.keep => kept.extend_from_slice(piece),
            _ => self.kept = None,
        }
    }

    /// The file, now that it is complete.
    pub(super) fn finish(self, file_name: String, declared_type: String) -> Received {
        Received {
            file_name,
            declared_type,
            size: self.size,
            sha256: hex(&self.digest.finalize()),
            bytes: self.kept.map(Bytes::from),
            head: self.head,
            boxes: self.boxes,
        }
    }
}

/// What a file is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Facts {
    pub(super) mime: &'static str,
    pub(super) extension: &'static str,
    pub(super) kind: Kind,
    pub(super) width: u32,
    pub(super) height: u32,
    /// Seconds; 0 for pictures.
    pub(super) duration: f64,
    /// Frames a second, as a fraction.
    pub(super) rate: (u64, u64),
}

/// What Mastodon makes of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Image,
    Video,
    /// A film without sound, or a GIF that moves: shown as a loop.
    Gifv,
    Audio,
}

/// Why a file can't be anything Mastodon knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unknown {
    /// No known type.
    Type,
    /// Plain text.
    Text,
    /// A film without a picture.
    NoVideo,
    /// A film so damaged that nothing can be read from it.
    Damaged,
}

impl Received {
    /// Judges the file.
    pub(super) fn facts(&self) -> Result<Facts, Unknown> {
        let head = &self.head;
        if head.starts_with(&[0xff, 0xd8, 0xff]) {
            let (width, height) = jpeg_size(head).unwrap_or((1, 1));
            let named_jpg = self.file_name.to_ascii_lowercase().rsplit('.').next() == Some("jpg");
            return Ok(image(
                "image/jpeg",
                if named_jpg { "jpg" } else { "jpeg" },
                width,
                height,
            ));
        }
        if head.starts_with(b"\x89PNG\r\n\x1a\n") {
            return Ok(image("image/png", "png", be32(head, 16), be32(head, 20)));
        }
        if head.starts_with(b"GIF8") {
            let side = |at: usize| u32::from(le16(head, at));
            let mut facts = image("image/gif", "gif", side(6), side(8));
            if gif_frames(head) > 1 {
                (facts.kind, facts.duration, facts.rate) = (Kind::Gifv, 1.0, (10, 1));
            }
            return Ok(facts);
        }
        if head.starts_with(b"RIFF") && head.get(8..12) == Some(b"WEBP") {
            let (width, height) = webp_size(head);
            return Ok(image("image/webp", "webp", width, height));
        }
        if head.get(4..8) == Some(b"ftyp") {
            return self.film_or_still(head.get(8..12).unwrap_or_default());
        }
        if head.starts_with(&[0x1a, 0x45, 0xdf, 0xa3]) {
            return webm_facts(head);
        }
        let sound = |mime, extension| Ok(audio(mime, extension, self.size));
        match head.as_slice() {
            [b'I', b'D', b'3', ..] | [0xff, 0xf2..=0xf3 | 0xfa..=0xfb, ..] => sound("audio/mpeg", "mp3"),
            [b'f', b'L', b'a', b'C', ..] => sound("audio/flac", "flac"),
            [b'O', b'g', b'g', b'S', ..] => sound("audio/ogg", "ogg"),
            [b'R', b'I', b'F', b'F', ..] if head.get(8..12) == Some(b"WAVE") => sound("audio/wav", "wav"),
            [] => Err(Unknown::Type),
            _ if head.starts_with(b"%PDF") || std::str::from_utf8(head).is_err() => Err(Unknown::Type),
            _ => Err(Unknown::Text),
        }
    }

    fn film_or_still(&self, brand: &[u8]) -> Result<Facts, Unknown> {
        let picture = |mime| {
            let at = self.head.windows(4).position(|w| w == b"ispe").unwrap_or_default();
            image(
                mime,
                "jpeg",
                be32(&self.head, at + 8).max(1),
                be32(&self.head, at + 12).max(1),
            )
        };
        match brand {
            b"avif" | b"avis" => return Ok(picture("image/avif")),
            b"heic" | b"heix" | b"hevc" | b"mif1" | b"msf1" => return Ok(picture("image/heic")),
            b"M4A " | b"M4B " => return Ok(audio("audio/mp4", "m4a", self.size)),
            _ => {}
        }
        let movie = self.boxes.movie();
        if !movie.described {
            return Err(Unknown::Damaged);
        }
        if !movie.has_video {
            return Err(Unknown::NoVideo);
        }
        let mime = if brand == b"qt  " {
            "video/quicktime"
        } else {
            "video/mp4"
        };
        let rate = reduced(movie.frames.saturating_mul(u64::from(movie.timescale)), movie.ticks);
        Ok(Facts {
            mime,
            extension: "mp4",
            kind: if movie.has_sound { Kind::Video } else { Kind::Gifv },
            width: movie.width,
            height: movie.height,
            duration: movie.duration,
            rate: rate.unwrap_or((25, 1)),
        })
    }
}

fn webm_facts(head: &[u8]) -> Result<Facts, Unknown> {
    let film = webm::read(head);
    if !film.is_webm {
        return Err(Unknown::Type);
    }
    if !film.has_video {
        return Err(if film.has_sound {
            Unknown::NoVideo
        } else {
            Unknown::Damaged
        });
    }
    Ok(Facts {
        mime: "video/webm",
        extension: "mp4",
        kind: if film.has_sound { Kind::Video } else { Kind::Gifv },
        width: film.width,
        height: film.height,
        duration: film.duration,
        rate: (25, 1),
    })
}

fn image(mime: &'static str, extension: &'static str, width: u32, height: u32) -> Facts {
    Facts {
        mime,
        extension,
        kind: Kind::Image,
        width,
        height,
        duration: 0.0,
        rate: (0, 1),
    }
}

#[allow(clippy::cast_precision_loss)] // A guess at a length needs no more.
fn audio(mime: &'static str, extension: &'static str, size: u64) -> Facts {
    Facts {
        kind: Kind::Audio,
        duration: size as f64 / 8000.0,
        ..image(mime, extension, 0, 0)
    }
}

fn reduced(above: u64, below: u64) -> Option<(u64, u64)> {
    let (mut a, mut b) = (above, below);
    while b != 0 {
        (a, b) = (b, a % b);
    }
    (above > 0 && below > 0).then(|| (above / a, below / a))
}

/// Width and height from the frame header.
fn jpeg_size(head: &[u8]) -> Option<(u32, u32)> {
    let mut at = 2;
    loop {
        if *head.get(at)? != 0xff {
            return None;
        }
        let marker = *head.get(at + 1)?;
        if matches!(marker, 0xc0..=0xc3 | 0xc5..=0xc7 | 0xc9..=0xcb | 0xcd..=0xcf) {
            let side = |at: usize| Some(u32::from(u16::from_be_bytes(head.get(at..at + 2)?.try_into().ok()?)));
            return Some((side(at + 7)?, side(at + 5)?));
        }
        let length = usize::from(u16::from_be_bytes(head.get(at + 2..at + 4)?.try_into().ok()?));
        at += 2 + length.max(2);
    }
}

fn webp_size(head: &[u8]) -> (u32, u32) {
    match head.get(12..16) {
        Some(b"VP8 ") => (u32::from(le16(head, 26) & 0x3fff), u32::from(le16(head, 28) & 0x3fff)),
        Some(b"VP8L") => {
            let bits = u32::from(le16(head, 21)) | u32::from(le16(head, 23)) << 16;
            ((bits & 0x3fff) + 1, (bits >> 14 & 0x3fff) + 1)
        }
        _ => {
            let side = |at: usize| {
                u32::from(le16(head, at)) + (u32::from(head.get(at + 2).copied().unwrap_or_default()) << 16) + 1
            };
            (side(24), side(27))
        }
    }
}

/// How many frames a GIF has, as far as `head` goes.
fn gif_frames(head: &[u8]) -> usize {
    let table = |flags: u8| if flags & 0x80 == 0 { 0 } else { 3 << ((flags & 7) + 1) };
    let mut at = 13 + head.get(10).map_or(0, |flags| table(*flags));
    let mut frames = 0;
    loop {
        at = match head.get(at) {
            Some(0x2c) => {
                frames += 1;
                at + 11 + head.get(at + 9).map_or(0, |flags| table(*flags))
            }
            Some(0x21) => at + 2,
            _ => return frames,
        };
        while let Some(length) = head.get(at) {
            at += 1 + usize::from(*length);
            if *length == 0 {
                break;
            }
        }
    }
}

fn be32(data: &[u8], at: usize) -> u32 {
    let bytes = data.get(at..at + 4).and_then(|b| b.try_into().ok());
    bytes.map(u32::from_be_bytes).unwrap_or_default()
}

fn le16(data: &[u8], at: usize) -> u16 {
    let bytes = data.get(at..at + 2).and_then(|b| b.try_into().ok());
    bytes.map(u16::from_le_bytes).unwrap_or_default()
}

/// SHA-256 in hexadecimal.
pub(super) fn digest(data: &[u8]) -> String {
    hex(&Sha256::digest(data))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        use std::fmt::Write;
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(file: &str) -> Result<Facts, Unknown> {
        let path = format!("{}/../../tests/media/{file}", env!("CARGO_MANIFEST_DIR"));
        let content = std::fs::read(path).expect("a file of the tests");
        let mut receiver = Receiver::new(0);
        content.chunks(7).for_each(|piece| receiver.feed(piece));
        receiver.finish(file.into(), String::new()).facts()
    }

    #[test]
    fn each_kind_of_film_is_known_by_its_content() {
        let film = |file: &str| facts(file).map(|f| (f.mime, f.kind, f.width, f.height));
        assert_eq!(film("clip-with-sound.mp4"), Ok(("video/mp4", Kind::Video, 160, 90)));
        assert_eq!(film("clip-silent.mp4"), Ok(("video/mp4", Kind::Gifv, 160, 90)));
        assert_eq!(film("clip-fragmented.mp4"), Ok(("video/mp4", Kind::Video, 160, 90)));
        assert_eq!(
            film("clip-moov-last.mov"),
            Ok(("video/quicktime", Kind::Video, 160, 90))
        );
        assert_eq!(film("clip.webm"), Ok(("video/webm", Kind::Video, 160, 90)));
        assert_eq!(film("sound-only.mp4"), Err(Unknown::NoVideo));
    }

    #[test]
    fn a_film_tells_its_length_and_rate() {
        for file in ["clip-with-sound.mp4", "clip-moov-last.mov"] {
            let facts = facts(file).expect("a film");
            assert!((1.9..2.2).contains(&facts.duration), "{file}: {}", facts.duration);
            assert_eq!(facts.rate, (10, 1), "{file}");
        }
        assert_eq!(facts("clip-fragmented.mp4").map(|f| f.rate), Ok((10, 1)));
    }

    #[test]
    fn pictures_tell_their_size_and_whether_they_move() {
        let picture = |file: &str| facts(file).map(|f| (f.mime, f.kind, f.width, f.height));
        assert_eq!(picture("picture.jpg"), Ok(("image/jpeg", Kind::Image, 320, 180)));
        assert_eq!(picture("picture.png"), Ok(("image/png", Kind::Image, 320, 180)));
        assert_eq!(picture("picture.webp"), Ok(("image/webp", Kind::Image, 160, 90)));
        assert_eq!(picture("still.gif"), Ok(("image/gif", Kind::Image, 80, 44)));
        assert_eq!(picture("animated.gif"), Ok(("image/gif", Kind::Gifv, 80, 45)));
    }
}
