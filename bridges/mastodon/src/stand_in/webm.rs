//! Reads from the beginning of a WebM file what tracks it has.

/// What a WebM file says about itself.
#[derive(Debug, Default)]
pub(super) struct Film {
    /// Whether it is WebM, not any other Matroska.
    pub(super) is_webm: bool,
    pub(super) has_video: bool,
    pub(super) has_sound: bool,
    pub(super) width: u32,
    pub(super) height: u32,
    /// Seconds.
    pub(super) duration: f64,
}

const EBML: u64 = 0x1a45_dfa3;
const DOC_TYPE: u64 = 0x4282;
const SEGMENT: u64 = 0x1853_8067;
const INFO: u64 = 0x1549_a966;
const TIME_SCALE: u64 = 0x2a_d7b1;
const DURATION: u64 = 0x4489;
const TRACKS: u64 = 0x1654_ae6b;
const TRACK: u64 = 0xae;
const TRACK_TYPE: u64 = 0x83;
const VIDEO: u64 = 0xe0;
const WIDTH: u64 = 0xb0;
const HEIGHT: u64 = 0xba;

/// Reads the head of a file.
pub(super) fn read(head: &[u8]) -> Film {
    let mut film = Film::default();
    for (id, body) in elements(head) {
        match id {
            EBML => {
                let doc_type = find(body, DOC_TYPE).unwrap_or_default();
                film.is_webm = doc_type.starts_with(b"webm");
            }
            SEGMENT => read_segment(body, &mut film),
            _ => {}
        }
    }
    film
}

fn read_segment(segment: &[u8], film: &mut Film) {
    for (id, body) in elements(segment) {
        match id {
            INFO => {
                let scale = find(body, TIME_SCALE).map_or(1_000_000, number);
                let length = match find(body, DURATION) {
                    Some(bytes @ [_, _, _, _]) => bytes.try_into().map(f32::from_be_bytes).map_or(0.0, f64::from),
                    Some(bytes) => bytes.try_into().map(f64::from_be_bytes).unwrap_or_default(),
                    None => 0.0,
                };
                film.duration = length * f64::from(u32::try_from(scale).unwrap_or(1_000_000)) / 1e9;
            }
            TRACKS => elements(body)
                .filter(|(id, _)| *id == TRACK)
                .for_each(|(_, track)| read_track(track, film)),
            _ => {}
        }
    }
}

fn read_track(track: &[u8], film: &mut Film) {
    match find(track, TRACK_TYPE).map(number) {
        Some(1) => {
            film.has_video = true;
            let side = |id| {
                let value = find(track, VIDEO).and_then(|video| find(video, id)).map(number);
                u32::try_from(value.unwrap_or_default()).unwrap_or_default()
            };
            (film.width, film.height) = (side(WIDTH), side(HEIGHT));
        }
        Some(2) => film.has_sound = true,
        _ => {}
    }
}

/// The elements of a level; one that isn't there in full is cut.
fn elements(mut data: &[u8]) -> impl Iterator<Item = (u64, &[u8])> {
    std::iter::from_fn(move || {
        let (id, rest) = variable(data, false)?;
        let (size, rest) = variable(rest, true)?;
        let size = usize::try_from(size).unwrap_or(usize::MAX).min(rest.len());
        let (body, rest) = rest.split_at(size);
        data = rest;
        Some((id, body))
    })
}

fn find(data: &[u8], wanted: u64) -> Option<&[u8]> {
    elements(data).find(|(id, _)| *id == wanted).map(|(_, body)| body)
}

/// A number of variable length; for sizes without its marker, and with all ones for "unknown".
fn variable(data: &[u8], is_size: bool) -> Option<(u64, &[u8])> {
    let first = *data.first()?;
    let length = first.leading_zeros() as usize + 1;
    let bytes = (length <= 8).then(|| data.get(..length)).flatten()?;
    let mut value = number(bytes);
    if is_size {
        let all = (1_u64 << (7 * length)) - 1;
        value &= all;
        if value == all {
            value = u64::MAX;
        }
    }
    Some((value, &data[length..]))
}

fn number(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .take(8)
        .fold(0, |value, byte| value << 8 | u64::from(*byte))
}
