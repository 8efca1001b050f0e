//! The segments of a JPEG file: which are the picture, which are talk about it.
//!
//! Kept: tables, frame, scans, the Adobe colour marker and a JFIF header without its thumbnail. Everything after the
//! first end-of-image marker goes: that is where multi-picture files keep previews and motion photos their video.

use super::kind::Kind;
use super::scan::{Scan, Trace, broken};
use super::{PictureError, exif};

/// A colour profile is spread over at most 255 segments of 64 KiB; real ones stay under 4 MiB.
const LARGEST_PROFILE: usize = 4 << 20;

/// Start of image, and the end of image as it is written to the stripped file.
const START: [u8; 2] = [0xFF, 0xD8];
const END: [u8; 2] = [0xFF, 0xD9];

pub(super) fn scan(data: &[u8]) -> Result<Scan, PictureError> {
    let mut scan = Scan::new(Kind::Jpeg);
    scan.lossy = true;
    let mut profile: Vec<(u8, &[u8])> = Vec::new();
    let mut framed = false;
    let mut scanned = false;
    let mut oriented = false;
    scan.write(START.to_vec());
    let mut at = START.len();
    loop {
        let Some((marker, body_at)) = next_marker(data, at) else {
            return Err(broken(Kind::Jpeg, "it ends too early"));
        };
        match marker {
            0xD9 => {
                at = body_at;
                break;
            }
            // Markers without a body have no place outside a scan; leaving them out harms nothing.
            0x01 | 0xD0..=0xD8 => {
                at = body_at;
                continue;
            }
            _ => {}
        }
        let length = data
            .get(body_at..body_at + 2)
            .map(|b| usize::from(u16::from_be_bytes([b[0], b[1]])));
        let end = body_at
            + length
                .filter(|l| *l >= 2)
                .ok_or_else(|| broken(Kind::Jpeg, "a segment has no length"))?;
        let Some(body) = data.get(body_at + 2..end) else {
            return Err(broken(Kind::Jpeg, "it ends within a segment"));
        };
        let segment = body_at - 2..end;
        match marker {
            0xC4 | 0xCC | 0xDB | 0xDC | 0xDD => scan.keep(segment),
            0xC0..=0xCF => {
                if framed {
                    return Err(broken(Kind::Jpeg, "it has two frame headers"));
                }
                frame(marker, body, &mut scan)?;
                framed = true;
                scan.keep(segment);
            }
            0xDA => {
                if !framed {
                    return Err(broken(Kind::Jpeg, "picture data comes before the frame header"));
                }
                scanned = true;
                let entropy_end = end_of_entropy(data, end);
                scan.keep(segment.start..entropy_end);
                at = entropy_end;
                continue;
            }
            0xE0 => jfif(body, &mut scan),
            0xE1 => {
                if body.starts_with(b"Exif\0\0") {
                    let orientation = exif::read(body, &mut scan.traces);
                    if !oriented {
                        scan.orientation = orientation;
                        oriented = true;
                    }
                } else {
                    scan.traces.insert(Trace::Xmp);
                }
            }
            0xE2 => match body.strip_prefix(b"ICC_PROFILE\0") {
                Some(&[number, _count, ref part @ ..]) => profile.push((number, part)),
                _ if body.starts_with(b"MPF\0") => {
                    scan.traces.insert(Trace::EmbeddedPictures);
                }
                _ => {
                    scan.traces.insert(Trace::Unknown);
                }
            },
            0xED => {
                scan.traces.insert(Trace::Iptc);
            }
            // How the samples map to colours; without it CMYK and RGB files change their look.
            0xEE if body.starts_with(b"Adobe") && body.len() >= 12 => scan.keep(segment),
            0xFE => {
                scan.traces.insert(Trace::Comment);
            }
            _ => {
                scan.traces.insert(Trace::Unknown);
            }
        }
        at = end;
    }
    if !scanned {
        return Err(broken(Kind::Jpeg, "it holds no picture data"));
    }
    if at < data.len() {
        scan.traces.insert(Trace::Trailing);
    }
    scan.write(END.to_vec());
    scan.profile = join_profile(profile);
    Ok(scan)
}

/// The next marker at or after `at`, and where its body begins. Stray bytes between segments are skipped, as decoders do.
fn next_marker(data: &[u8], at: usize) -> Option<(u8, usize)> {
    let mut at = at;
    loop {
        at += data.get(at..)?.iter().position(|b| *b == 0xFF)?;
        let fill = data.get(at..)?.iter().position(|b| *b != 0xFF)?;
        let marker = data[at + fill];
        at += fill + 1;
        if marker != 0 {
            return Some((marker, at));
        }
    }
}

/// Compressed data ends at the first marker that is neither a stuffed zero nor a restart.
fn end_of_entropy(data: &[u8], from: usize) -> usize {
    let mut at = from;
    while let Some(found) = data.get(at..).and_then(|rest| rest.iter().position(|b| *b == 0xFF)) {
        at += found;
        match data.get(at + 1) {
            Some(0 | 0xD0..=0xD7) => at += 2,
            Some(0xFF) => at += 1,
            _ => return at,
        }
    }
    data.len()
}

fn frame(marker: u8, body: &[u8], scan: &mut Scan) -> Result<(), PictureError> {
    let &[precision, h1, h0, w1, w0, components, ..] = body else {
        return Err(broken(Kind::Jpeg, "its frame header is too short"));
    };
    if !matches!(marker, 0xC0..=0xC2) || precision != 8 {
        return Err(PictureError::Unreadable(
            "this JPEG is of a rare sort (lossless, arithmetic or 12 bit); export it as an ordinary JPEG".to_owned(),
        ));
    }
    if !matches!(components, 1 | 3 | 4) {
        return Err(broken(Kind::Jpeg, "it has neither 1, 3 nor 4 components"));
    }
    scan.stored = (
        u32::from(u16::from_be_bytes([w1, w0])),
        u32::from(u16::from_be_bytes([h1, h0])),
    );
    scan.inks = components == 4;
    // The first component is brightness; sampled more finely than once, the others are coarser.
    scan.halved_colour = components == 3 && body.get(7).is_some_and(|sampling| *sampling != 0x11);
    // A progressive file is held as 16-bit coefficients until its last scan.
    let progressive = if marker == 0xC2 { 2 * u64::from(components) } else { 0 };
    scan.decode_bytes_per_pixel = u64::from(components) + progressive;
    Ok(())
}

/// The JFIF header without its thumbnail; JFXX, its extension, is nothing but a thumbnail.
fn jfif(body: &[u8], scan: &mut Scan) {
    let Some(head) = body.get(..12).filter(|b| b.starts_with(b"JFIF\0")) else {
        scan.traces.insert(if body.starts_with(b"JFXX\0") {
            Trace::Thumbnail
        } else {
            Trace::Unknown
        });
        return;
    };
    if body.len() > 14 {
        scan.traces.insert(Trace::Thumbnail);
    }
    let mut fresh = vec![0xFF, 0xE0, 0, 16];
    fresh.extend_from_slice(head);
    fresh.extend_from_slice(&[0, 0]);
    scan.write(fresh);
}

fn join_profile(mut parts: Vec<(u8, &[u8])>) -> Option<Vec<u8>> {
    parts.sort_by_key(|(number, _)| *number);
    let whole = parts
        .iter()
        .flat_map(|(_, part)| part.iter().copied())
        .take(LARGEST_PROFILE + 1)
        .collect::<Vec<_>>();
    (!whole.is_empty() && whole.len() <= LARGEST_PROFILE).then_some(whole)
}
