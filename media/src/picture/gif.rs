//! The blocks of a GIF file. Kept: frames, their timing, and the loop counter; comments, XMP and the like go.

use super::PictureError;
use super::kind::Kind;
use super::scan::{Scan, Trace, broken};

/// More frames than any animation that a server would take; each costs this walk a few bytes only.
const MOST_FRAMES: u32 = 100_000;
/// Names of the application block that makes an animation repeat.
const LOOPS: [&[u8]; 2] = [b"NETSCAPE2.0", b"ANIMEXTS1.0"];
const END: u8 = 0x3B;

pub(super) fn scan(data: &[u8]) -> Result<Scan, PictureError> {
    let early = || broken(Kind::Gif, "it ends too early");
    let mut scan = Scan::new(Kind::Gif);
    let screen = data.get(6..13).ok_or_else(early)?;
    scan.stored = (u16_at(screen, 0), u16_at(screen, 2));
    // A frame is decoded beside the screen it is drawn on.
    scan.decode_bytes_per_pixel = 8;
    let mut at = 13 + table_size(screen[4]);
    scan.keep(0..at);
    scan.frames = 0;
    // Timing and transparency belong to the picture block that follows.
    let mut control = None;
    loop {
        match data.get(at) {
            Some(0x2C) => {
                let head = data.get(at + 1..at + 10).ok_or_else(early)?;
                let (right, bottom) = (u16_at(head, 0) + u16_at(head, 4), u16_at(head, 2) + u16_at(head, 6));
                if right > scan.stored.0 || bottom > scan.stored.1 {
                    return Err(broken(Kind::Gif, "a frame is larger than the picture"));
                }
                let end = end_of_blocks(data, at + 11 + table_size(head[8])).ok_or_else(early)?;
                if let Some(control) = control.take() {
                    scan.keep(control);
                }
                scan.keep(at..end);
                scan.frames += 1;
                if scan.frames > MOST_FRAMES {
                    return Err(PictureError::TooLarge(
                        "this GIF has over 100,000 frames; shorten it".to_owned(),
                    ));
                }
                at = end;
            }
            Some(0x21) => {
                let label = *data.get(at + 1).ok_or_else(early)?;
                let end = end_of_blocks(data, at + 2).ok_or_else(early)?;
                match label {
                    0xF9 => control = Some(at..end),
                    0xFF => application(data, at, end, &mut scan),
                    0xFE => {
                        scan.traces.insert(Trace::Comment);
                    }
                    _ => {
                        // Text drawn over the picture: no viewer shows it, and it used up the timing before it.
                        control = None;
                        scan.traces.insert(Trace::Unknown);
                    }
                }
                at = end;
            }
            Some(&END) => {
                at += 1;
                break;
            }
            // Some encoders forget the last byte; every viewer shows such files.
            None if scan.frames > 0 => break,
            None => return Err(early()),
            Some(_) => return Err(broken(Kind::Gif, "a block is of no known sort")),
        }
    }
    if scan.frames == 0 {
        return Err(broken(Kind::Gif, "it holds no picture"));
    }
    if at < data.len() {
        scan.traces.insert(Trace::Trailing);
    }
    scan.write(vec![END]);
    Ok(scan)
}

fn application(data: &[u8], at: usize, end: usize, scan: &mut Scan) {
    let name = data.get(at + 3..at + 14).unwrap_or_default();
    // Of a loop block only the counter is kept: sub-block 1, three bytes.
    if let (true, Some(&[3, 1, low, high])) = (LOOPS.contains(&name), data.get(at + 14..(at + 18).min(end))) {
        let mut fresh = vec![0x21, 0xFF, 11];
        fresh.extend_from_slice(name);
        fresh.extend_from_slice(&[3, 1, low, high, 0]);
        scan.write(fresh);
    } else if name.starts_with(b"XMP Data") {
        scan.traces.insert(Trace::Xmp);
    } else {
        scan.traces.insert(Trace::Unknown);
    }
}

/// Where a chain of length-prefixed sub-blocks ends.
fn end_of_blocks(data: &[u8], from: usize) -> Option<usize> {
    let mut at = from;
    loop {
        let length = usize::from(*data.get(at)?);
        at += 1 + length;
        if length == 0 {
            return Some(at);
        }
    }
}

/// Bytes of a colour table, from the flags that announce it.
fn table_size(flags: u8) -> usize {
    if flags & 0x80 == 0 { 0 } else { 3 << ((flags & 7) + 1) }
}

fn u16_at(bytes: &[u8], at: usize) -> u32 {
    bytes
        .get(at..at + 2)
        .map_or(0, |b| u32::from(u16::from_le_bytes([b[0], b[1]])))
}
