//! What is inside boxes: tolerant of damage, bounded in depth and number, never outside its slice.

use crate::picture::Trace;

use super::{
    Fps, Mp4, Private, Track,
    private::{self, private_key},
};

/// Boxes looked at inside one box of the top: a bound against files made of nothing but headers.
const BOXES_MAX: usize = 50_000;
/// Tracks beyond this are noted as one private thing.
const TRACKS_MAX: usize = 64;

/// Name, length of the header, and length of the whole box at the start of `bytes`, of which `left` bytes follow in the file.
pub(super) fn header(bytes: &[u8], left: u64) -> Option<([u8; 4], u64, u64)> {
    let size = u64::from(be32(bytes, 0)?);
    let name = bytes.get(4..8)?.try_into().ok()?;
    let (header, length) = match size {
        0 => (8, left),
        1 => (16, be64(bytes, 8)?),
        size => (8, size),
    };
    (length >= header).then_some((name, header, length))
}

/// A box's name for people.
pub(super) fn name(name: [u8; 4]) -> String {
    name.iter()
        .map(|&byte| match byte {
            0xa9 => '©',
            byte if byte.is_ascii_graphic() || byte == b' ' => char::from(byte),
            _ => '?',
        })
        .collect()
}

/// The boxes in a slice, one after the other; stops at the first that isn't one.
fn children(bytes: &[u8]) -> impl Iterator<Item = ([u8; 4], &[u8])> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        let (name, from, length) = header(rest, rest.len() as u64)?;
        let from = usize::try_from(from).ok()?;
        let to = usize::try_from(length).unwrap_or(usize::MAX).min(rest.len());
        let content = rest.get(from..to)?;
        rest = &rest[to..];
        Some((name, content))
    })
    .take(BOXES_MAX)
}

/// Whether a slice is boxes to its end; QuickTime's user data end in four zeros. Else something may stand behind the last box
/// that is none, and be missed.
fn is_whole(bytes: &[u8]) -> bool {
    let mut rest = bytes;
    for _ in 0..BOXES_MAX {
        if rest.len() < 8 {
            return rest.iter().all(|byte| *byte == 0);
        }
        let Some((_, _, length)) = header(rest, rest.len() as u64) else {
            return false;
        };
        match usize::try_from(length).ok().and_then(|to| rest.get(to..)) {
            Some(behind) => rest = behind,
            None => return false,
        }
    }
    rest.is_empty()
}

/// `free` and its like: room for later, of zeros. Anything else in it was left there.
pub(super) fn filling(name: [u8; 4], content: &[u8], found: &mut Mp4) {
    if content.iter().any(|byte| *byte != 0) {
        found.private.push(Private::Device(format!("box {}", self::name(name))));
    }
}

fn child<'a>(bytes: &'a [u8], wanted: &[u8; 4]) -> Option<&'a [u8]> {
    children(bytes)
        .find(|(name, _)| name == wanted)
        .map(|(_, content)| content)
}

/// `moov`. Returns whether it announces fragments.
pub(super) fn index(bytes: &[u8], found: &mut Mp4) -> bool {
    let mut announced = false;
    found.complete &= is_whole(bytes);
    for (name, content) in children(bytes) {
        match &name {
            b"mvhd" => found.duration = duration(content),
            b"trak" if found.tracks.len() < TRACKS_MAX => track(content, found),
            b"udta" => user_data(content, found),
            b"meta" => meta(content, found),
            b"mvex" => {
                found.fragmented = true;
                announced = true;
            }
            b"uuid" => uuid(content, found),
            b"free" | b"skip" | b"wide" => filling(name, content, found),
            b"iods" | b"pssh" | b"clip" | b"ctab" => {}
            _ => found
                .private
                .push(Private::Device(format!("box moov/{}", self::name(name)))),
        }
    }
    announced
}

fn track(bytes: &[u8], found: &mut Mp4) {
    found.complete &= is_whole(bytes);
    let mut track = Track::default();
    let (mut shown_width, mut shown_height) = (0, 0);
    for (name, content) in children(bytes) {
        match &name {
            b"tkhd" => (track.rotation, shown_width, shown_height) = placement(content),
            b"mdia" => media(content, &mut track),
            b"udta" => user_data(content, found),
            b"meta" => meta(content, found),
            b"uuid" => uuid(content, found),
            b"free" | b"skip" | b"wide" => filling(name, content, found),
            _ => {}
        }
    }
    if shown_width > 0 && shown_height > 0 && track.handler == "vide" {
        (track.width, track.height) = (shown_width, shown_height);
    }
    if track.rotation % 180 == 90 {
        std::mem::swap(&mut track.width, &mut track.height);
    }
    // Timed metadata of cameras (`gpmd`, `camm`, `mebx`, `rtmd`), and text, where some drones write their place.
    if !matches!(track.handler.as_str(), "vide" | "soun" | "tmcd") {
        found
            .private
            .push(Private::Device(format!("track {} {}", track.handler, track.codec)));
    }
    found.tracks.push(track);
}

fn media(bytes: &[u8], track: &mut Track) {
    if let Some(handler) = child(bytes, b"hdlr").and_then(|content| content.get(8..12)) {
        track.handler = name([handler[0], handler[1], handler[2], handler[3]]);
    }
    let clock = child(bytes, b"mdhd");
    track.duration = clock.map_or(0.0, duration);
    let Some(table) = child(bytes, b"minf").and_then(|minf| child(minf, b"stbl")) else {
        return;
    };
    let entry = child(table, b"stsd")
        .and_then(|content| content.get(8..))
        .and_then(|rest| children(rest).next());
    if let Some((codec, content)) = entry {
        track.codec = name(codec);
        if track.handler == "vide" {
            track.width = be16(content, 24).unwrap_or(0).into();
            track.height = be16(content, 26).unwrap_or(0).into();
            // The sample entry's own boxes follow 78 bytes of fields.
            let config = content.get(78..).and_then(|rest| child(rest, b"avcC"));
            track.plain_h264 = matches!(&codec, b"avc1" | b"avc3") && config.is_some_and(plain_h264);
        }
    }
    if track.handler == "vide" {
        track.fps = child(table, b"stts")
            .zip(clock)
            .and_then(|(times, clock)| frame_rate(times, timescale(clock)?));
    }
}

/// Profiles up to High have 8-bit 4:2:0 samples; from High 10 (110) on, others.
fn plain_h264(config: &[u8]) -> bool {
    matches!(config.get(1), Some(66 | 77 | 88 | 100))
}

fn timescale(clock: &[u8]) -> Option<u64> {
    let at = if clock.first() == Some(&1) { 20 } else { 12 };
    be32(clock, at).map(u64::from).filter(|scale| *scale > 0)
}

/// Seconds, of `mvhd` or `mdhd`.
#[expect(clippy::cast_precision_loss, reason = "a length in seconds needs no more")]
fn duration(clock: &[u8]) -> f64 {
    let long = clock.first() == Some(&1);
    let length = if long {
        be64(clock, 24)
    } else {
        be32(clock, 16).map(u64::from)
    };
    // All ones stand for "unknown".
    let known = length.filter(|length| *length != u64::from(u32::MAX) && *length != u64::MAX);
    match (known, timescale(clock)) {
        (Some(length), Some(scale)) => length as f64 / scale as f64,
        _ => 0.0,
    }
}

/// Samples over their time, of `stts`.
fn frame_rate(times: &[u8], scale: u64) -> Option<Fps> {
    let (mut frames, mut length) = (0_u64, 0_u64);
    for entry in times.get(8..)?.chunks_exact(8) {
        let count = u64::from(be32(entry, 0)?);
        frames = frames.saturating_add(count);
        length = length.saturating_add(count.saturating_mul(be32(entry, 4)?.into()));
    }
    let num = frames.checked_mul(scale)?;
    let common = gcd(num, length).max(1);
    let (mut num, mut den) = (num / common, length / common);
    while num > u64::from(u32::MAX) || den > u64::from(u32::MAX) {
        (num, den) = (num / 2, den / 2);
    }
    Fps::new(num, den)
}

fn gcd(mut a: u64, mut b: u64) -> u64 {
    while b > 0 {
        (a, b) = (b, a % b);
    }
    a
}

/// Rotation and size before it, of `tkhd`.
fn placement(bytes: &[u8]) -> (u32, u32, u32) {
    let matrix = if bytes.first() == Some(&1) { 52 } else { 40 };
    let signed = |at: usize| be32(bytes, matrix + at).map_or(0, u32::cast_signed);
    // a b u / c d v: the first column says where the picture's x-axis points.
    let rotation = match (signed(0), signed(4)) {
        (0, b) if b > 0 => 90,
        (0, b) if b < 0 => 270,
        (a, _) if a < 0 => 180,
        _ => 0,
    };
    let size = |at: usize| be32(bytes, matrix + 36 + at).unwrap_or(0) >> 16;
    (rotation, size(0), size(4))
}

/// `udta`: harmless things are known by name, everything else is a maker's own.
pub(super) fn user_data(bytes: &[u8], found: &mut Mp4) {
    found.complete &= is_whole(bytes);
    for (name, content) in children(bytes) {
        match &name {
            b"meta" => meta(content, found),
            b"uuid" => uuid(content, found),
            b"free" | b"skip" => filling(name, content, found),
            _ => found.private.extend(private::user_box(name)),
        }
    }
}

/// `meta`: an item list whose items are named by four letters, by a key of `keys`, or by a free form; or XML.
pub(super) fn meta(bytes: &[u8], found: &mut Mp4) {
    // In MP4 a version precedes the boxes, in QuickTime not.
    let is_box = |at: usize| bytes.get(at + 4..at + 8) == Some(b"hdlr");
    let bytes = if is_box(0) {
        bytes
    } else {
        bytes.get(4..).unwrap_or_default()
    };
    found.complete &= is_whole(bytes);
    let keys: Vec<String> = child(bytes, b"keys")
        .and_then(|content| content.get(8..))
        .map(|rest| {
            children(rest)
                .map(|(_, key)| String::from_utf8_lossy(key).into_owned())
                .collect()
        })
        .unwrap_or_default();
    for key in &keys {
        found.private.extend(private_key(key));
    }
    for (name, content) in children(bytes) {
        match &name {
            b"ilst" => items(content, keys.is_empty(), found),
            b"xml " | b"bxml" => {
                found
                    .private
                    .push(Private::Device(format!("box meta/{}", self::name(name))));
                found.private.extend(private::xmp(content));
            }
            b"uuid" => uuid(content, found),
            b"free" | b"skip" => filling(name, content, found),
            b"hdlr" | b"keys" | b"ctry" | b"lang" | b"ID32" | b"mhdr" => {}
            _ => found
                .private
                .push(Private::Device(format!("box meta/{}", self::name(name)))),
        }
    }
}

fn items(bytes: &[u8], named: bool, found: &mut Mp4) {
    found.complete &= is_whole(bytes);
    for (name, content) in children(bytes) {
        if &name == b"----" {
            let key = child(content, b"name")
                .and_then(|text| text.get(4..))
                .unwrap_or_default();
            found.private.extend(private_key(&String::from_utf8_lossy(key)));
        } else if &name == b"covr" {
            found
                .private
                .extend(children(content).filter_map(|(_, data)| cover(data)));
        } else if named {
            found.private.extend(private::item(name));
        }
    }
}

/// A cover picture, behind its type and language: it may tell what any photo tells.
fn cover(data: &[u8]) -> Option<Private> {
    let Ok(facts) = crate::picture::look(data.get(8..)?) else {
        return Some(Private::Device("a cover that can't be read".to_owned()));
    };
    let harmless = [Trace::Time, Trace::Author, Trace::Comment];
    let told = facts.traces.into_iter().find(|trace| !harmless.contains(trace))?;
    Some(match told {
        Trace::Location => Private::Location("the cover's GPS position".to_owned()),
        other => Private::Device(format!("the cover's {other}")),
    })
}

/// `uuid`: XMP is read, spherical video's is harmless, every other is a maker's own.
pub(super) fn uuid(bytes: &[u8], found: &mut Mp4) {
    const XMP: [u8; 16] = [
        0xbe, 0x7a, 0xcf, 0xcb, 0x97, 0xa9, 0x42, 0xe8, 0x9c, 0x71, 0x99, 0x94, 0x91, 0xe3, 0xaf, 0xac,
    ];
    const SPHERICAL: [u8; 16] = [
        0xff, 0xcc, 0x82, 0x63, 0xf8, 0x55, 0x4a, 0x93, 0x88, 0x14, 0x58, 0x7a, 0x02, 0x52, 0x1f, 0xdd,
    ];
    match bytes.get(..16) {
        Some(id) if id == XMP => found.private.extend(private::xmp(&bytes[16..])),
        Some(id) if id == SPHERICAL => {}
        _ => found.private.push(Private::Device("box uuid".to_owned())),
    }
}

fn be16(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(bytes.get(at..at.checked_add(2)?)?.try_into().ok()?))
}

fn be32(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(bytes.get(at..at.checked_add(4)?)?.try_into().ok()?))
}

fn be64(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_be_bytes(bytes.get(at..at.checked_add(8)?)?.try_into().ok()?))
}
