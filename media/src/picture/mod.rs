//! Photos: decoded, turned upright, brought to sRGB, scaled and encoded within a destination's limits, without what tells
//! where and with what they were made. Never scaled up, never cropped, never encoded again without need.
//!
//! # Memory
//! Everything is decided from headers first ([`look`]): the file's size, its pixels, and what decoding them will take are
//! held against [`Bounds`] before a pixel is decoded, and the decoder is given the same limit again. After that a picture
//! costs its file, its decoded pixels (3 bytes each for a photo) and the encoded result, at most `max_bytes`: scaling
//! writes over its own source in bands, turning happens while the JPEG is written. Only turning into a lossless format
//! takes a second copy. How many pictures are in work at once is the caller's choice.

mod colour;
mod decode;
mod encode;
mod exif;
pub mod fuzz;
mod gif;
mod heif;
mod jpeg;
mod kind;
mod pixels;
mod png;
mod scale;
mod scan;
mod tools;
mod webp;
mod work;

use std::fmt;
use std::path::Path;

use bytes::Bytes;

pub use kind::{Kind, sniff};
pub use scan::{Orientation, Trace};
pub use tools::{Decoders, Workshop};

/// What a destination takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// MIME types, as the server lists them. Empty: JPEG, PNG, GIF and WebP.
    pub types: Vec<String>,
    /// Most bytes of the file, inclusive.
    pub max_bytes: u64,
    /// Most pixels, width times height, inclusive.
    pub max_pixels: u64,
    /// Boxes that the server would scale down to anyway; animations are left alone.
    pub fit: Option<Fit>,
}

/// Width and height of the boxes into which a server scales, by the picture's shape.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fit {
    /// For pictures wider than high.
    pub landscape: (u32, u32),
    /// For pictures higher than wide.
    pub portrait: (u32, u32),
    /// For pictures as wide as high.
    pub square: (u32, u32),
}

/// A picture as it may be sent.
#[derive(Debug, Clone)]
pub struct Prepared {
    /// The file.
    pub bytes: Bytes,
    /// Its MIME type.
    pub media_type: &'static str,
    /// Pixels across, as shown.
    pub width: u32,
    /// Pixels down, as shown.
    pub height: u32,
    /// A file name extension that fits, without a dot.
    pub extension: &'static str,
    /// What was done, in order; empty when the file went through unchanged.
    pub did: Vec<Operation>,
}

/// One thing done to a picture. `Display` says it in a few words, for a dry run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Operation {
    /// Metadata was left out: these.
    Stripped(Vec<Trace>),
    /// Only the first picture of an animation was kept.
    StillOfAnimation,
    /// Turned (or mirrored) to be upright.
    Turned,
    /// Scaled down; sizes as shown.
    Scaled {
        /// Before.
        from: (u32, u32),
        /// After.
        to: (u32, u32),
    },
    /// Colours converted to sRGB.
    ToSrgb,
    /// Transparency was put on white.
    Flattened,
    /// Encoded again in the same format; `quality` where the format has one (1 to 100).
    Reencoded {
        /// JPEG quality.
        quality: Option<u8>,
    },
    /// Encoded in another format.
    Converted {
        /// Before.
        from: Kind,
        /// After.
        to: Kind,
        /// JPEG quality.
        quality: Option<u8>,
    },
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let with_quality = |f: &mut fmt::Formatter<'_>, quality: &Option<u8>| match quality {
            Some(quality) => write!(f, " (quality {quality})"),
            None => Ok(()),
        };
        match self {
            Self::Stripped(traces) => {
                let names = traces.iter().map(ToString::to_string).collect::<Vec<_>>();
                write!(f, "removed {}", names.join(", "))
            }
            Self::StillOfAnimation => f.write_str("first picture of the animation"),
            Self::Turned => f.write_str("turned upright"),
            Self::Scaled { from, to } => write!(f, "scaled {}×{} to {}×{}", from.0, from.1, to.0, to.1),
            Self::ToSrgb => f.write_str("colours to sRGB"),
            Self::Flattened => f.write_str("transparency put on white"),
            Self::Reencoded { quality } => {
                f.write_str("encoded again")?;
                with_quality(f, quality)
            }
            Self::Converted { from, to, quality } => {
                write!(f, "{from} to {to}")?;
                with_quality(f, quality)
            }
        }
    }
}

/// What is accepted for work at all, whatever the destination takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// Most bytes of a file that comes in.
    pub bytes: u64,
    /// Most pixels that are decoded.
    pub pixels: u64,
    /// Most bytes that decoding may take, computed from the header.
    pub memory: u64,
}

impl Default for Bounds {
    /// 64 MiB, 268 megapixels (16,384 × 16,384; the largest phone sensors have 200), 1 GiB.
    fn default() -> Self {
        Self {
            bytes: 64 << 20,
            pixels: 1 << 28,
            memory: 1 << 30,
        }
    }
}

/// Why a picture can't be prepared. Each message says what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PictureError {
    /// Broken, or no picture.
    #[error("unreadable picture: {0}")]
    Unreadable(String),
    /// Larger than [`Bounds`] allow, perhaps a decompression bomb.
    #[error("picture too large: {0}")]
    TooLarge(String),
    /// Only a program that is not on this machine reads it.
    #[error("{what} pictures need a decoder that was not found: {remedy}")]
    NeedsDecoder {
        /// The format.
        what: &'static str,
        /// What to install.
        remedy: &'static str,
    },
    /// Can't be brought within what the destination takes.
    #[error("picture cannot be brought within the limits: {0}")]
    Impossible(String),
}

/// What a picture's header tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// The format.
    pub kind: Kind,
    /// Pixels across, as shown (after turning).
    pub width: u32,
    /// Pixels down, as shown.
    pub height: u32,
    /// How the stored pixels are turned.
    pub orientation: Orientation,
    /// Pictures in an animation; 1 for a still.
    pub frames: u32,
    /// What the file tells besides the picture.
    pub traces: Vec<Trace>,
}

impl Facts {
    /// Whether it moves.
    pub fn is_animated(&self) -> bool {
        self.frames > 1
    }
}

/// Reads a picture's header and walks through its container without decoding it. Sizes are reported, not judged:
/// [`prepare`] holds them against its [`Bounds`].
pub fn look(data: &[u8]) -> Result<Facts, PictureError> {
    let scan = scan::scan(data)?;
    let (width, height) = scan.upright();
    Ok(Facts {
        kind: scan.kind,
        width,
        height,
        orientation: scan.orientation,
        frames: scan.frames,
        traces: scan.traces.into_iter().collect(),
    })
}

/// Reads a file into memory if it is within `bounds`; its size is checked before and while reading.
pub async fn load(path: &Path, bounds: &Bounds) -> Result<Bytes, PictureError> {
    use tokio::io::AsyncReadExt;
    let unreadable = |error: std::io::Error| {
        PictureError::Unreadable(format!(
            "{}: {error}; check that the file exists and may be read",
            path.display()
        ))
    };
    let file = tokio::fs::File::open(path).await.map_err(unreadable)?;
    let size = file.metadata().await.map_err(unreadable)?.len();
    work::check_bytes(size, bounds)?;
    let mut data = Vec::with_capacity(usize::try_from(size).unwrap_or_default());
    file.take(bounds.bytes + 1)
        .read_to_end(&mut data)
        .await
        .map_err(unreadable)?;
    work::check_bytes(data.len() as u64, bounds)?;
    Ok(data.into())
}

/// Brings a picture within what `target` takes.
///
/// What needs nothing but its metadata removed is not encoded again. A still is otherwise kept as large as the target
/// allows, then in as high a quality as its bytes allow, between 92 and 60 on JPEG's scale; only then is it scaled further.
/// The work runs on a blocking thread, and goes on there if this future is dropped; other programs are killed then.
pub async fn prepare(input: Bytes, target: &Target, workshop: &Workshop) -> Result<Prepared, PictureError> {
    let bounds = workshop.bounds;
    let target = target.clone();
    let source = tools::open(input, workshop).await?;
    tokio::task::spawn_blocking(move || work::prepare(source, &target, &bounds))
        .await
        .unwrap_or_else(|_| {
            Err(PictureError::Unreadable(
                "a decoder gave up on it; export it again from the original".to_owned(),
            ))
        })
}
