//! The order of work on one picture: look, decide, and only where needed decode, scale, colour, encode.

use bytes::Bytes;

use super::colour::{Conversion, plain_inks};
use super::decode::decode;
use super::encode;
use super::kind::Kind;
use super::pixels::{Layout, Pixels, View};
use super::scan::{Orientation, Scan, Trace, scan};
use super::{Bounds, Operation, PictureError, Prepared, Target, scale};

/// Scaling down for the sake of bytes stops at this side.
const SMALLEST_SIDE: u32 = 16;

/// A picture in a format that this crate reads, and what is known of the file it came from.
pub(super) struct Source {
    pub data: Bytes,
    /// Of the original file.
    pub kind: Kind,
    /// Set where another program decoded the picture: what that program left to do, in place of what `data` says.
    pub decoded: Option<Decoded>,
}

/// What stays to be done after another program.
pub(super) struct Decoded {
    pub orientation: Orientation,
    pub profile: Option<Vec<u8>>,
    pub traces: Vec<Trace>,
    pub animated: bool,
}

pub(super) fn check_bytes(size: u64, bounds: &Bounds) -> Result<(), PictureError> {
    if size > bounds.bytes {
        return Err(PictureError::TooLarge(format!(
            "the file has {size} bytes, more than the {} that are read; make it smaller or raise the limit",
            bounds.bytes
        )));
    }
    Ok(())
}

/// Holds what the header says against the bounds, before anything is decoded.
pub(super) fn check_pixels(scan: &Scan, bounds: &Bounds) -> Result<(), PictureError> {
    let (width, height) = scan.stored;
    let pixels = u64::from(width)
        .saturating_mul(u64::from(height))
        .max(scan.hidden_pixels);
    if pixels > bounds.pixels || pixels.saturating_mul(scan.decode_bytes_per_pixel) > bounds.memory {
        return Err(PictureError::TooLarge(format!(
            "{width}×{height} pixels take more memory than is allowed; scale it down or raise the limit"
        )));
    }
    Ok(())
}

pub(super) fn prepare(source: Source, target: &Target, bounds: &Bounds) -> Result<Prepared, PictureError> {
    let mut scan = scan(&source.data)?;
    let mut animated = scan.frames > 1;
    if let Some(decoded) = source.decoded {
        scan.orientation = decoded.orientation;
        scan.profile = decoded.profile.or(scan.profile);
        scan.traces = decoded.traces.into_iter().collect();
        scan.lossy = true;
        scan.halved_colour = true;
        animated = decoded.animated;
    }
    check_pixels(&scan, bounds)?;
    let taken = Taken::of(target);
    let conversion = scan
        .profile
        .as_deref()
        .and_then(|profile| Conversion::needed(profile, scan.inks));
    let moves = animated && source.kind == Kind::Gif && taken.has(Kind::Gif);
    let size = scan.upright();
    let mut did = Vec::new();
    if !scan.traces.is_empty() {
        did.push(Operation::Stripped(scan.traces.iter().copied().collect()));
    }
    let as_is = source.kind == scan.kind
        && taken.has(scan.kind)
        && scan.orientation == Orientation::UPRIGHT
        && conversion.is_none()
        && !scan.inks
        && !(animated && scan.kind == Kind::WebP)
        // Servers take GIFs for small animations: a large still one is refused (contract mastodon §2.2), as a PNG it isn't.
        && (animated || scan.kind != Kind::Gif || !taken.has(Kind::Png))
        && scale::within(size, target, moves) == size;
    if as_is {
        let bytes = scan.assemble(&source.data);
        if bytes.len() as u64 <= target.max_bytes {
            if animated && !moves {
                did.push(Operation::StillOfAnimation);
            }
            return Ok(finish(bytes, scan.kind, size, did));
        }
    }
    if animated {
        did.push(Operation::StillOfAnimation);
    }
    let wanted = scale::within(size, target, false);
    let mut pixels = decode(&source.data, &scan, bounds)?;
    drop(source.data);
    pixels.drop_unused_alpha();
    if scan.orientation != Orientation::UPRIGHT {
        did.push(Operation::Turned);
    }
    scale::resize(&mut pixels, scan.orientation.upright(wanted))?;
    let converted = conversion.is_some_and(|conversion| conversion.apply(&mut pixels));
    if converted || scan.inks {
        plain_inks(&mut pixels);
        did.push(Operation::ToSrgb);
    }
    let job = Job {
        kind: source.kind,
        orientation: scan.orientation,
        lossy: scan.lossy,
        halved_colour: scan.halved_colour,
        size,
        target,
    };
    job.encode(pixels, taken, did)
}

/// What encoding needs to know of the original.
struct Job<'a> {
    kind: Kind,
    orientation: Orientation,
    lossy: bool,
    halved_colour: bool,
    /// Original size, as shown.
    size: (u32, u32),
    target: &'a Target,
}

impl Job<'_> {
    fn encode(&self, mut pixels: Pixels, taken: Taken, mut did: Vec<Operation>) -> Result<Prepared, PictureError> {
        let most = self.target.max_bytes;
        let lossless = self.lossless_kinds(&pixels, taken);
        let mut size_missed = 0;
        loop {
            let view = View {
                pixels: &pixels,
                orientation: self.orientation,
            };
            for kind in &lossless {
                match encode::lossless(&view, *kind, most)? {
                    Ok(bytes) => return Ok(self.finish(bytes, *kind, None, view.size(), did)),
                    Err(size) => size_missed = size,
                }
            }
            if taken.has(Kind::Jpeg) {
                break;
            }
            if lossless.is_empty() {
                return Err(PictureError::Impossible(format!(
                    "none of the types taken can be written here ({}); convert it by hand",
                    self.target.types.join(", ")
                )));
            }
            self.shrink(&mut pixels, size_missed)?;
        }
        if pixels.layout == Layout::Rgba {
            pixels.flatten();
            did.push(Operation::Flattened);
        }
        loop {
            let view = View {
                pixels: &pixels,
                orientation: self.orientation,
            };
            match encode::jpeg(&view, self.halved_colour, most)? {
                Ok((bytes, quality)) => return Ok(self.finish(bytes, Kind::Jpeg, Some(quality), view.size(), did)),
                Err(size) => self.shrink(&mut pixels, size)?,
            }
        }
    }

    /// Lossless formats worth trying, best first. A photo that was lossy before gains nothing from one, unless it is
    /// partly transparent; GIF, with its 256 colours, is for those who take nothing else.
    fn lossless_kinds(&self, pixels: &Pixels, taken: Taken) -> Vec<Kind> {
        if self.lossy && pixels.layout != Layout::Rgba && taken.has(Kind::Jpeg) {
            return Vec::new();
        }
        let order = if self.kind == Kind::WebP {
            [Kind::WebP, Kind::Png]
        } else {
            [Kind::Png, Kind::WebP]
        };
        let kinds = order.into_iter().filter(|kind| taken.has(*kind)).collect::<Vec<_>>();
        if kinds.is_empty() && taken.has(Kind::Gif) && !taken.has(Kind::Jpeg) {
            return vec![Kind::Gif];
        }
        kinds
    }

    /// Scales by what the bytes were over, with a little to spare.
    fn shrink(&self, pixels: &mut Pixels, size: u64) -> Result<(), PictureError> {
        let most = self.target.max_bytes;
        let (width, height) = pixels.size();
        let percent = most
            .saturating_mul(10_000)
            .checked_div(size.max(1))
            .unwrap_or(0)
            .isqrt()
            * 96
            / 100;
        let percent = percent.clamp(25, 92);
        let scaled = |side: u32| u32::try_from(u64::from(side) * percent / 100).unwrap_or(side).max(1);
        let to = (scaled(width), scaled(height));
        if to.0.max(to.1) < SMALLEST_SIDE {
            return Err(PictureError::Impossible(format!(
                "even at {width}×{height} pixels it has more than {most} bytes; attach it elsewhere"
            )));
        }
        scale::resize(pixels, to)
    }

    fn finish(
        &self,
        bytes: Vec<u8>,
        kind: Kind,
        quality: Option<u8>,
        size: (u32, u32),
        mut did: Vec<Operation>,
    ) -> Prepared {
        if size != self.size {
            did.push(Operation::Scaled {
                from: self.size,
                to: size,
            });
        }
        did.push(if kind == self.kind {
            Operation::Reencoded { quality }
        } else {
            Operation::Converted {
                from: self.kind,
                to: kind,
                quality,
            }
        });
        finish(bytes, kind, size, did)
    }
}

fn finish(bytes: Vec<u8>, kind: Kind, (width, height): (u32, u32), did: Vec<Operation>) -> Prepared {
    Prepared {
        bytes: bytes.into(),
        media_type: kind.media_type(),
        width,
        height,
        extension: kind.extension(),
        did,
    }
}

/// The formats a target takes, of those that can be written here.
#[derive(Clone, Copy)]
struct Taken([Option<Kind>; 4]);

impl Taken {
    fn of(target: &Target) -> Self {
        let listed = |kind| target.types.iter().any(|t| Kind::from_media_type(t) == Some(kind));
        let all = [Kind::Jpeg, Kind::Png, Kind::Gif, Kind::WebP];
        Self(all.map(|kind| (target.types.is_empty() || listed(kind)).then_some(kind)))
    }

    fn has(self, kind: Kind) -> bool {
        self.0.contains(&Some(kind))
    }
}
