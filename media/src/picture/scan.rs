//! What walking through a file's container tells, whatever the format: sizes, orientation, traces, and the pieces worth
//! keeping. Nothing here decodes pixels; a scan's memory is the file plus small lists.

use std::collections::BTreeSet;
use std::fmt;
use std::ops::Range;

use super::kind::{Kind, sniff};
use super::{PictureError, gif, heif, jpeg, png, webp};

/// Something in a file that tells more than the picture shows, and is removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Trace {
    /// Where it was taken (the EXIF GPS group).
    Location,
    /// Serial numbers of body or lens, the owner's name, a unique image id.
    SerialNumber,
    /// Make, model, lens, software, maker notes.
    Device,
    /// When it was taken or edited.
    Time,
    /// Artist and copyright fields.
    Author,
    /// A small copy, which may show what was cropped or blurred away.
    Thumbnail,
    /// EXIF with nothing of the above that could be read.
    Exif,
    /// An XMP packet: edits, places, faces, history.
    Xmp,
    /// IPTC or Photoshop blocks.
    Iptc,
    /// Comments and free text.
    Comment,
    /// Further pictures behind the picture (multi-picture format, gain and depth maps).
    EmbeddedPictures,
    /// Bytes after the end: motion photos carry a video with its place there.
    Trailing,
    /// Blocks whose meaning isn't known.
    Unknown,
}

impl fmt::Display for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Location => "GPS position",
            Self::SerialNumber => "serial number",
            Self::Device => "device",
            Self::Time => "time",
            Self::Author => "author",
            Self::Thumbnail => "thumbnail",
            Self::Exif => "EXIF",
            Self::Xmp => "XMP",
            Self::Iptc => "IPTC",
            Self::Comment => "comment",
            Self::EmbeddedPictures => "embedded pictures",
            Self::Trailing => "data after the end",
            Self::Unknown => "unknown blocks",
        })
    }
}

/// An EXIF orientation, 1 to 8: how the stored pixels are turned to be upright.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Orientation(u8);

impl Orientation {
    /// Stored as shown.
    pub const UPRIGHT: Self = Self(1);

    /// From the EXIF value; anything but 1 to 8 counts as upright, as every viewer does.
    pub fn from_exif(value: u32) -> Self {
        match u8::try_from(value) {
            Ok(value @ 1..=8) => Self(value),
            _ => Self::UPRIGHT,
        }
    }

    /// The EXIF value.
    pub fn value(self) -> u8 {
        self.0
    }

    /// Whether turning swaps width and height.
    pub fn swaps_sides(self) -> bool {
        self.0 >= 5
    }

    /// Width and height as shown, of a picture stored with these (and the other way round: it is its own inverse).
    pub fn upright(self, (width, height): (u32, u32)) -> (u32, u32) {
        if self.swaps_sides() {
            (height, width)
        } else {
            (width, height)
        }
    }
}

/// A part of the stripped file.
#[derive(Debug)]
pub(super) enum Piece {
    /// Bytes of the original.
    Copy(Range<usize>),
    /// Bytes written anew.
    Fresh(Vec<u8>),
}

/// What a file's container tells.
#[derive(Debug)]
pub(super) struct Scan {
    pub kind: Kind,
    /// Width and height as stored, before turning.
    pub stored: (u32, u32),
    pub orientation: Orientation,
    /// 1 for a still.
    pub frames: u32,
    pub traces: BTreeSet<Trace>,
    /// The ICC profile, whole and decompressed.
    pub profile: Option<Vec<u8>>,
    /// CMYK or YCCK samples.
    pub inks: bool,
    /// Whether the pixels went through a lossy codec, so that a lossless copy would only be large.
    pub lossy: bool,
    /// Colour was stored at half the resolution already, so that storing it so again loses next to nothing.
    pub halved_colour: bool,
    /// Pixels of the largest part a decoder may open, where that can be more than the picture itself.
    pub hidden_pixels: u64,
    /// Memory that decoding takes, in bytes per pixel, as an upper bound.
    pub decode_bytes_per_pixel: u64,
    /// The stripped file, still in pieces; empty for formats that are always decoded.
    pub pieces: Vec<Piece>,
}

impl Scan {
    pub fn new(kind: Kind) -> Self {
        Self {
            kind,
            stored: (0, 0),
            orientation: Orientation::UPRIGHT,
            frames: 1,
            traces: BTreeSet::new(),
            profile: None,
            inks: false,
            lossy: false,
            halved_colour: false,
            hidden_pixels: 0,
            decode_bytes_per_pixel: 4,
            pieces: Vec::new(),
        }
    }

    pub fn upright(&self) -> (u32, u32) {
        self.orientation.upright(self.stored)
    }

    /// Adds a range of the original, joined with the one before where they touch.
    pub fn keep(&mut self, range: Range<usize>) {
        if let Some(Piece::Copy(last)) = self.pieces.last_mut()
            && last.end == range.start
        {
            last.end = range.end;
            return;
        }
        self.pieces.push(Piece::Copy(range));
    }

    pub fn write(&mut self, bytes: Vec<u8>) {
        self.pieces.push(Piece::Fresh(bytes));
    }

    /// The file without its traces and without its colour profile.
    pub fn assemble(&self, data: &[u8]) -> Vec<u8> {
        let size = self.pieces.iter().map(|piece| match piece {
            Piece::Copy(range) => range.len(),
            Piece::Fresh(bytes) => bytes.len(),
        });
        let mut out = Vec::with_capacity(size.sum());
        for piece in &self.pieces {
            match piece {
                Piece::Copy(range) => out.extend_from_slice(data.get(range.clone()).unwrap_or_default()),
                Piece::Fresh(bytes) => out.extend_from_slice(bytes),
            }
        }
        out
    }
}

/// Walks through a file of any known kind.
pub(super) fn scan(data: &[u8]) -> Result<Scan, PictureError> {
    let Some(kind) = sniff(data) else {
        return Err(unknown(data));
    };
    let scan = match kind {
        Kind::Jpeg => jpeg::scan(data),
        Kind::Png => png::scan(data),
        Kind::Gif => gif::scan(data),
        Kind::WebP => webp::scan(data),
        Kind::Avif | Kind::Heic => heif::scan(data, kind),
    }?;
    if scan.stored.0 == 0 || scan.stored.1 == 0 {
        return Err(broken(kind, "it has no width or no height"));
    }
    Ok(scan)
}

fn unknown(data: &[u8]) -> PictureError {
    let what = if data.is_empty() {
        "the file is empty".to_owned()
    } else if let Some(found) = infer::get(data.get(..8192).unwrap_or(data)) {
        format!("it is {}, which is not read as a picture", found.mime_type())
    } else {
        "its first bytes are those of no known picture format".to_owned()
    };
    PictureError::Unreadable(format!("{what}; give it as JPEG, PNG, WebP, GIF, AVIF or HEIC"))
}

/// The one wording for a file that breaks its format's rules.
pub(super) fn broken(kind: Kind, what: &str) -> PictureError {
    PictureError::Unreadable(format!("broken {kind}: {what}; export or download it again"))
}
