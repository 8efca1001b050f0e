//! The boxes of HEIC and AVIF files, as far as sizes, turning and colour profile go (ISO/IEC 23008-12).
//!
//! Such a file is never stripped: it is always decoded by another program and written anew, which leaves nothing behind.
//! This walk is there to refuse bombs before that program sees them.

use super::PictureError;
use super::kind::Kind;
use super::scan::{Orientation, Scan, Trace, broken};

/// Box lists longer than this are no picture.
const MOST_BOXES: usize = 10_000;
const LARGEST_PROFILE: usize = 4 << 20;

pub(super) fn scan(data: &[u8], kind: Kind) -> Result<Scan, PictureError> {
    let mut scan = Scan::new(kind);
    scan.lossy = true;
    scan.halved_colour = true;
    // A first judgement: it is handed over as PNG, whose header is then judged for itself.
    scan.decode_bytes_per_pixel = 5;
    let top = Boxes(data).take(MOST_BOXES).collect::<Option<Vec<_>>>();
    let top = top.ok_or_else(|| broken(kind, "it ends too early"))?;
    if top.iter().any(|(name, _)| name == b"moov") {
        scan.frames = 2;
    }
    let meta = find(&top, *b"meta").and_then(|body| body.get(4..));
    let Some(meta) = meta else {
        return Err(broken(kind, "it holds no still picture"));
    };
    let meta = Boxes(meta).take(MOST_BOXES).flatten().collect::<Vec<_>>();
    let primary = find(&meta, *b"pitm").and_then(primary_item);
    let properties = find(&meta, *b"iprp").unwrap_or_default();
    let properties = Boxes(properties).take(MOST_BOXES).flatten().collect::<Vec<_>>();
    let shelf = find(&properties, *b"ipco").unwrap_or_default();
    let shelf = Boxes(shelf).take(MOST_BOXES).flatten().collect::<Vec<_>>();
    let (Some(primary), Some(links)) = (primary, find(&properties, *b"ipma")) else {
        return Err(broken(kind, "it does not say which picture is the main one"));
    };
    for (name, body) in &shelf {
        if name == b"ispe" {
            scan.hidden_pixels = scan
                .hidden_pixels
                .max(u64::from(u32_at(body, 4)) * u64::from(u32_at(body, 8)));
        }
    }
    for index in links_of(links, primary).unwrap_or_default() {
        let Some((name, body)) = index.checked_sub(1).and_then(|i| shelf.get(i)) else {
            continue;
        };
        match name {
            b"ispe" => scan.stored = (u32_at(body, 4), u32_at(body, 8)),
            // Quarter turns against the clock.
            b"irot" => {
                let turns = body.first().copied().unwrap_or_default() & 3;
                scan.orientation = Orientation::from_exif([1, 8, 3, 6][usize::from(turns)]);
            }
            b"colr" if body.starts_with(b"prof") || body.starts_with(b"rICC") => {
                scan.profile = body.get(4..).filter(|p| p.len() <= LARGEST_PROFILE).map(<[u8]>::to_vec);
            }
            _ => {}
        }
    }
    traces(&meta, &mut scan);
    Ok(scan)
}

/// Whether the file asks to be mirrored: not every decoder does.
pub(super) fn is_mirrored(data: &[u8]) -> bool {
    data.get(..data.len().min(1 << 20))
        .unwrap_or_default()
        .windows(4)
        .any(|w| w == b"imir")
}

fn traces(meta: &[([u8; 4], &[u8])], scan: &mut Scan) {
    let Some(items) = find(meta, *b"iinf") else { return };
    let skip = if items.first() == Some(&0) { 6 } else { 8 };
    for (name, body) in Boxes(items.get(skip..).unwrap_or_default()).take(MOST_BOXES).flatten() {
        if name != *b"infe" {
            continue;
        }
        // Version 2 has a 16-bit id before the type, version 3 a 32-bit one.
        let at = if body.first() == Some(&3) { 10 } else { 8 };
        match body.get(at..at + 4) {
            Some(b"Exif") => scan.traces.insert(Trace::Exif),
            Some(b"mime") => scan.traces.insert(Trace::Xmp),
            _ => false,
        };
    }
}

fn primary_item(body: &[u8]) -> Option<u32> {
    if body.first() == Some(&0) {
        return body.get(4..6).map(|b| u32::from(u16::from_be_bytes([b[0], b[1]])));
    }
    body.get(4..8).map(|_| u32_at(body, 4))
}

/// The properties (numbered from 1) that belong to an item.
fn links_of(body: &[u8], item: u32) -> Option<Vec<usize>> {
    let (version, wide) = (*body.first()?, body.get(3)? & 1 == 1);
    let count = u32_at(body, 4);
    let mut at = 8;
    for _ in 0..count.min(65_536) {
        let id = if version == 0 {
            u32::from(u16_at(body, at)?)
        } else {
            u32_at(body.get(at..)?, 0)
        };
        at += if version == 0 { 2 } else { 4 };
        let links = usize::from(*body.get(at)?);
        at += 1;
        let mut found = Vec::with_capacity(links);
        for _ in 0..links {
            if wide {
                found.push(usize::from(u16_at(body, at)? & 0x7FFF));
                at += 2;
            } else {
                found.push(usize::from(body.get(at)? & 0x7F));
                at += 1;
            }
        }
        if id == item {
            return Some(found);
        }
    }
    None
}

fn find<'a>(boxes: &[([u8; 4], &'a [u8])], name: [u8; 4]) -> Option<&'a [u8]> {
    boxes.iter().find(|(found, _)| *found == name).map(|(_, body)| *body)
}

/// Boxes side by side; `None` for one that reaches past the end, after which nothing follows.
struct Boxes<'a>(&'a [u8]);

impl<'a> Iterator for Boxes<'a> {
    type Item = Option<([u8; 4], &'a [u8])>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let found = next_box(self.0);
        self.0 = found.map_or(&[], |(_, _, rest)| rest);
        Some(found.map(|(name, body, _)| (name, body)))
    }
}

fn next_box(data: &[u8]) -> Option<([u8; 4], &[u8], &[u8])> {
    let name = *data.get(4..8)?.first_chunk::<4>()?;
    let (head, size) = match u32_at(data, 0) {
        0 => (8, data.len()),
        1 => (
            16,
            usize::try_from(u64::from_be_bytes(*data.get(8..16)?.first_chunk()?)).ok()?,
        ),
        size => (8, usize::try_from(size).ok()?),
    };
    Some((name, data.get(head..size)?, data.get(size..)?))
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..at + 2).map(|b| u16::from_be_bytes([b[0], b[1]]))
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    bytes
        .get(at..at + 4)
        .map_or(0, |b| u32::from_be_bytes([b[0], b[1], b[2], b[3]]))
}
