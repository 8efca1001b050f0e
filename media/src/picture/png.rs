//! The chunks of a PNG file. Kept: those that make the pixels and how bright they are; the rest is text, time and tools.
//!
//! An animated PNG is an ordinary one with further chunks: leaving those out gives its still, without loss.

use std::io::Cursor;

use image::codecs::png::PngDecoder;
use image::{ImageDecoder, Limits};

use super::kind::Kind;
use super::scan::{Scan, Trace, broken};
use super::{PictureError, exif};

const SIGNATURE: usize = 8;
/// More chunks than this is no picture: an encoder that writes 8 KiB at a time reaches 64 MiB with 8,192.
const MOST_CHUNKS: usize = 100_000;
/// What reading a header and a compressed colour profile may allocate.
const HEADER_MEMORY: u64 = 16 << 20;

pub(super) fn scan(data: &[u8]) -> Result<Scan, PictureError> {
    let mut scan = Scan::new(Kind::Png);
    scan.keep(0..SIGNATURE);
    let mut at = SIGNATURE;
    let mut has_profile = false;
    let mut has_pixels = false;
    for number in 0.. {
        if number > MOST_CHUNKS {
            return Err(broken(Kind::Png, "it has too many chunks"));
        }
        let Some(chunk) = Chunk::read(data, at) else {
            return Err(broken(Kind::Png, "it ends too early"));
        };
        if crc(&data[at + 4..chunk.end - 4]) != chunk.crc {
            return Err(broken(Kind::Png, "a checksum is wrong"));
        }
        if (number == 0) != (&chunk.name == b"IHDR") {
            return Err(broken(Kind::Png, "its header is not the first chunk"));
        }
        let range = at..chunk.end;
        match &chunk.name {
            b"IHDR" => {
                header(chunk.body, &mut scan)?;
                scan.keep(range);
            }
            b"IDAT" => {
                has_pixels = true;
                scan.keep(range);
            }
            b"tRNS" => {
                // A transparent colour becomes a channel, in the worst case of 16 bits.
                scan.decode_bytes_per_pixel = scan.decode_bytes_per_pixel.max(8);
                scan.keep(range);
            }
            b"PLTE" | b"gAMA" | b"cHRM" | b"sRGB" | b"cICP" | b"sBIT" | b"bKGD" | b"pHYs" => scan.keep(range),
            b"IEND" => {
                scan.keep(range);
                at = chunk.end;
                break;
            }
            b"iCCP" => has_profile = true,
            b"acTL" => {
                let count = chunk
                    .body
                    .get(..4)
                    .and_then(|b| b.try_into().ok())
                    .map_or(1, u32::from_be_bytes);
                scan.frames = count.max(1);
            }
            b"fcTL" | b"fdAT" | b"hIST" | b"sPLT" => {}
            b"eXIf" => scan.orientation = exif::read(chunk.body, &mut scan.traces),
            b"tIME" => {
                scan.traces.insert(Trace::Time);
            }
            b"tEXt" | b"zTXt" | b"iTXt" => {
                scan.traces.insert(text_trace(chunk.body));
            }
            [first, ..] if first.is_ascii_uppercase() => {
                return Err(broken(Kind::Png, "it has a critical chunk that no reader knows"));
            }
            _ => {
                scan.traces.insert(Trace::Unknown);
            }
        }
        at = chunk.end;
    }
    if !has_pixels {
        return Err(broken(Kind::Png, "it holds no picture data"));
    }
    if at < data.len() {
        scan.traces.insert(Trace::Trailing);
    }
    if has_profile {
        scan.profile = profile(data);
    }
    Ok(scan)
}

struct Chunk<'a> {
    name: [u8; 4],
    body: &'a [u8],
    crc: u32,
    end: usize,
}

impl<'a> Chunk<'a> {
    fn read(data: &'a [u8], at: usize) -> Option<Self> {
        let length = usize::try_from(u32::from_be_bytes(data.get(at..at + 4)?.try_into().ok()?)).ok()?;
        let body_end = at.checked_add(8)?.checked_add(length)?;
        let end = body_end.checked_add(4)?;
        Some(Self {
            name: data.get(at + 4..at + 8)?.try_into().ok()?,
            body: data.get(at + 8..body_end)?,
            crc: u32::from_be_bytes(data.get(body_end..end)?.try_into().ok()?),
            end,
        })
    }
}

fn header(body: &[u8], scan: &mut Scan) -> Result<(), PictureError> {
    let &[w3, w2, w1, w0, h3, h2, h1, h0, depth, colour, _, _, _] = body else {
        return Err(broken(Kind::Png, "its header has the wrong size"));
    };
    scan.stored = (
        u32::from_be_bytes([w3, w2, w1, w0]),
        u32::from_be_bytes([h3, h2, h1, h0]),
    );
    let channels = match colour {
        0 => 1,
        2 | 3 => 3,
        4 => 6, // decoded as two channels, then spread over four
        6 => 4,
        _ => return Err(broken(Kind::Png, "its colour type does not exist")),
    };
    scan.decode_bytes_per_pixel = if depth == 16 { channels * 2 } else { channels };
    Ok(())
}

fn text_trace(body: &[u8]) -> Trace {
    let keyword = body.split(|b| *b == 0).next().unwrap_or_default();
    match keyword {
        b"XML:com.adobe.xmp" => Trace::Xmp,
        b"Raw profile type exif" | b"Raw profile type APP1" => Trace::Exif,
        b"Raw profile type iptc" => Trace::Iptc,
        b"Creation Time" => Trace::Time,
        b"Author" | b"Copyright" => Trace::Author,
        b"Software" | b"Source" => Trace::Device,
        _ => Trace::Comment,
    }
}

/// The colour profile, decompressed within bounds; an unreadable one counts as none.
fn profile(data: &[u8]) -> Option<Vec<u8>> {
    let mut limits = Limits::no_limits();
    limits.max_alloc = Some(HEADER_MEMORY);
    PngDecoder::with_limits(Cursor::new(data), limits)
        .ok()?
        .icc_profile()
        .ok()?
}

/// PNG's checksum: CRC-32 with the polynomial of ISO 3309.
pub(super) fn crc(bytes: &[u8]) -> u32 {
    const TABLE: [u32; 256] = {
        let mut table = [0; 256];
        let mut n = 0;
        while n < 256 {
            #[allow(clippy::cast_possible_truncation, reason = "n is below 256")]
            let mut value = n as u32;
            let mut bit = 0;
            while bit < 8 {
                value = if value & 1 == 1 {
                    0xEDB8_8320 ^ (value >> 1)
                } else {
                    value >> 1
                };
                bit += 1;
            }
            table[n] = value;
            n += 1;
        }
        table
    };
    let folded = bytes.iter().fold(u32::MAX, |value, byte| {
        let index = (value ^ u32::from(*byte)) & 0xFF;
        TABLE[index as usize] ^ (value >> 8)
    });
    !folded
}
