//! The chunks of a WebP file: pixels, transparency and animation stay, EXIF, XMP and the colour profile go.

use super::kind::Kind;
use super::scan::{Scan, Trace, broken};
use super::{PictureError, exif};

/// A chunk for every frame, and some around them.
const MOST_CHUNKS: usize = 100_000;
/// Larger colour profiles are not believed.
const LARGEST_PROFILE: usize = 4 << 20;

/// Bits of the extended header that announce a profile, EXIF and XMP.
const SAYS_METADATA: u8 = 0x20 | 0x08 | 0x04;

pub(super) fn scan(data: &[u8]) -> Result<Scan, PictureError> {
    let early = || broken(Kind::WebP, "it ends too early");
    let mut scan = Scan::new(Kind::WebP);
    // Luma, chroma and transparency planes beside the picture that is made of them.
    scan.decode_bytes_per_pixel = 9;
    let size = data.get(4..8).map_or(0, |b| u32_at(b, 0)) as usize;
    let end = 8 + size;
    if end > data.len() {
        return Err(early());
    }
    if end < data.len() {
        scan.traces.insert(Trace::Trailing);
    }
    let body = &data[..end];
    let mut canvas = None;
    let mut picture = None;
    let mut frames = 0;
    let mut at = 12;
    let mut kept = Vec::new();
    for number in 0.. {
        if at >= end {
            break;
        }
        if number > MOST_CHUNKS {
            return Err(broken(Kind::WebP, "it has too many chunks"));
        }
        let (name, chunk, next) = chunk(body, at).ok_or_else(early)?;
        match name {
            b"VP8X" => {
                let flags = *chunk.first().ok_or_else(early)?;
                canvas = Some((u24_at(chunk, 4) + 1, u24_at(chunk, 7) + 1));
                let mut fresh = body[at..next].to_vec();
                fresh[8] = flags & !SAYS_METADATA;
                kept.push(Err(fresh));
            }
            b"VP8 " | b"VP8L" => {
                picture = Some(bitstream_size(name, chunk).ok_or_else(early)?);
                scan.lossy |= name == b"VP8 ";
                scan.halved_colour = scan.lossy;
                kept.push(Ok(at..next));
            }
            b"ANMF" => {
                frames += 1;
                frame(chunk, canvas)?;
                kept.push(Ok(at..next));
            }
            b"ALPH" | b"ANIM" => kept.push(Ok(at..next)),
            b"ICCP" => scan.profile = (chunk.len() <= LARGEST_PROFILE).then(|| chunk.to_vec()),
            b"EXIF" => scan.orientation = exif::read(chunk, &mut scan.traces),
            b"XMP " => {
                scan.traces.insert(Trace::Xmp);
            }
            _ => {
                scan.traces.insert(Trace::Unknown);
            }
        }
        at = next;
    }
    if frames == 0 && canvas.is_some() && picture.is_some() && canvas != picture {
        return Err(broken(Kind::WebP, "its header and its picture differ in size"));
    }
    scan.stored = match (canvas, picture) {
        (Some(canvas), _) if frames > 0 || picture.is_some() => canvas,
        (None, Some(picture)) => picture,
        _ => return Err(broken(Kind::WebP, "it holds no picture")),
    };
    scan.frames = frames.max(1);
    let kept_size: usize = kept
        .iter()
        .map(|k| k.as_ref().map_or_else(Vec::len, ExactSizeIterator::len))
        .sum();
    let mut head = b"RIFF".to_vec();
    head.extend_from_slice(&u32::try_from(kept_size + 4).unwrap_or(u32::MAX).to_le_bytes());
    head.extend_from_slice(b"WEBP");
    scan.write(head);
    for piece in kept {
        match piece {
            Ok(range) => scan.keep(range),
            Err(fresh) => scan.write(fresh),
        }
    }
    Ok(scan)
}

/// A chunk's name, body, and where the next one begins (bodies are padded to even sizes; a missing last pad is forgiven
/// only by reading, so the padded end must lie within the file).
fn chunk(data: &[u8], at: usize) -> Option<(&[u8; 4], &[u8], usize)> {
    let name = data.get(at..at + 4)?.first_chunk::<4>()?;
    let length = u32_at(data.get(at + 4..at + 8)?, 0) as usize;
    let body_end = at.checked_add(8)?.checked_add(length)?;
    let next = body_end.checked_add(length & 1)?;
    data.get(at..next)?;
    Some((name, data.get(at + 8..body_end)?, next))
}

/// A frame of an animation: within the canvas, and its pixels of the size it says, or a small file could ask for much.
fn frame(body: &[u8], canvas: Option<(u32, u32)>) -> Result<(), PictureError> {
    let wrong = || broken(Kind::WebP, "a frame's size is wrong");
    let (width, height) = canvas.ok_or_else(wrong)?;
    if body.len() < 16 {
        return Err(wrong());
    }
    let size = (u24_at(body, 6) + 1, u24_at(body, 9) + 1);
    if u24_at(body, 0) * 2 + size.0 > width || u24_at(body, 3) * 2 + size.1 > height {
        return Err(wrong());
    }
    let mut at = 16;
    while let Some((name, chunk, next)) = chunk(body, at) {
        if (name == b"VP8 " || name == b"VP8L") && bitstream_size(name, chunk) != Some(size) {
            return Err(wrong());
        }
        at = next;
    }
    Ok(())
}

/// Width and height as the compressed picture itself says (RFC 6386 §9.1; WebP lossless specification §3).
fn bitstream_size(name: &[u8; 4], chunk: &[u8]) -> Option<(u32, u32)> {
    if name == b"VP8L" {
        let bits = u32_at(chunk.get(1..5)?, 0);
        return Some(((bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1));
    }
    let sides = u32_at(chunk.get(6..10)?, 0);
    Some((sides & 0x3FFF, sides >> 16 & 0x3FFF))
}

fn u24_at(bytes: &[u8], at: usize) -> u32 {
    bytes
        .get(at..at + 3)
        .map_or(0, |b| u32::from_le_bytes([b[0], b[1], b[2], 0]))
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    bytes
        .get(at..at + 4)
        .map_or(0, |b| u32::from_le_bytes([b[0], b[1], b[2], b[3]]))
}
