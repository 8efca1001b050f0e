//! What an uploaded file is, by its content: a film or sound at all, and how large and long it is.

use super::{FileBody, VideoFile};

/// The description of a film is in one box; longer ones aren't read.
const MOST_DESCRIPTION: u64 = 4 << 20;
/// How many boxes are looked at.
const MOST_BOXES: usize = 64;
/// What a file is taken for when it doesn't tell.
const WIDTH: u32 = 640;
const HEIGHT: u32 = 360;
const SECONDS: u32 = 6;

/// What is known of a film.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Film {
    pub width: u32,
    pub height: u32,
    pub seconds: u32,
    pub has_sound: bool,
}

/// Judges a file; `None` if it is neither film nor sound, as by the real server's ffprobe.
pub(super) fn look(body: &FileBody) -> Option<Film> {
    let head = body.bytes(0..16);
    let guess = Film {
        width: WIDTH,
        height: HEIGHT,
        seconds: SECONDS,
        has_sound: true,
    };
    if head.get(4..8) == Some(b"ftyp") {
        return Some(description(body).map_or(guess, |moov| described(&moov, guess)));
    }
    let known = match head.as_ref() {
        [b'R', b'I', b'F', b'F', ..] => matches!(head.get(8..12), Some(b"AVI " | b"WAVE")),
        [0x1a, 0x45, 0xdf, 0xa3, ..]
        | [b'I', b'D', b'3', ..]
        | [0xff, 0xf0..=0xff, ..]
        | [b'O', b'g', b'g', b'S', ..]
        | [b'f', b'L', b'a', b'C', ..]
        | [b'F', b'L', b'V', ..]
        | [0, 0, 1, 0xb3 | 0xba, ..] => true,
        _ => false,
    };
    known.then_some(guess)
}

/// The film as one encoded form of a video.
pub(super) fn as_file(film: Film, body: &FileBody) -> VideoFile {
    let mut encoded = VideoFile::sized(film.width, film.height).body(body.clone());
    encoded.has_audio = film.has_sound;
    encoded
}

/// The content of the box that describes the film.
fn description(body: &FileBody) -> Option<Vec<u8>> {
    let mut at = 0;
    for _ in 0..MOST_BOXES {
        let head = body.bytes(at..at + 16);
        let short = u64::from(number(&head, 0)?);
        let (length, head_length) = match short {
            1 => (u64::from(number(&head, 8)?) << 32 | u64::from(number(&head, 12)?), 16),
            0 => (body.len() - at, 8),
            other => (other, 8),
        };
        if length < head_length {
            return None;
        }
        if head.get(4..8) == Some(b"moov") {
            let end = at.checked_add(length.min(MOST_DESCRIPTION))?;
            return Some(body.bytes(at + head_length..end).to_vec());
        }
        at = at.checked_add(length).filter(|at| *at < body.len())?;
    }
    None
}

fn described(moov: &[u8], guess: Film) -> Film {
    let places = |name: &'static [u8; 4]| {
        let found = moov.windows(4).enumerate();
        found.filter(move |(_, four)| *four == name).map(|(at, _)| at + 4)
    };
    let mut film = guess;
    film.has_sound = places(b"hdlr").any(|at| moov.get(at + 8..at + 12) == Some(b"soun"));
    if let Some((scale, ticks)) = places(b"mvhd").next().and_then(|at| length(moov, at)) {
        film.seconds = u32::try_from(ticks.div_ceil(scale)).unwrap_or(SECONDS);
    }
    for at in places(b"tkhd") {
        let end = at + if moov.get(at) == Some(&1) { 88 } else { 76 };
        let side = |at: usize| number(moov, at).map(|fixed| fixed >> 16).filter(|side| *side > 0);
        if let (Some(width), Some(height)) = (side(end), side(end + 4)) {
            (film.width, film.height) = (width, height);
            break;
        }
    }
    film
}

/// Ticks a second and ticks in all.
fn length(moov: &[u8], at: usize) -> Option<(u64, u64)> {
    let (scale, ticks) = if moov.get(at) == Some(&1) {
        let high = u64::from(number(moov, at + 24)?) << 32;
        (number(moov, at + 20)?, high | u64::from(number(moov, at + 28)?))
    } else {
        (number(moov, at + 12)?, u64::from(number(moov, at + 16)?))
    };
    (scale > 0).then(|| (u64::from(scale), ticks))
}

fn number(bytes: &[u8], at: usize) -> Option<u32> {
    let four = bytes.get(at..at.checked_add(4)?)?;
    four.try_into().ok().map(u32::from_be_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clip(name: &str) -> FileBody {
        let path = format!("{}/../../tests/media/{name}", env!("CARGO_MANIFEST_DIR"));
        std::fs::read(path).expect("a file of the tests").into()
    }

    #[test]
    fn a_clip_tells_its_size_length_and_sound() {
        for (name, has_sound) in [
            ("clip-with-sound.mp4", true),
            ("clip-silent.mp4", false),
            ("clip-moov-last.mov", true),
        ] {
            let film = look(&clip(name)).expect(name);
            assert_eq!(
                (film.width, film.height, film.has_sound),
                (160, 90, has_sound),
                "{name}"
            );
            assert!((2..=3).contains(&film.seconds), "{name}: {}", film.seconds);
        }
    }

    #[test]
    fn what_only_says_that_it_is_a_film_is_taken_for_one() {
        let made_up = FileBody::Synthetic { bytes: 100, seed: 1 };
        assert_eq!(look(&made_up).map(|film| film.width), Some(640));
        assert!(look(&clip("clip.webm")).is_some());
    }

    #[test]
    fn text_pictures_and_nothing_are_no_films() {
        assert_eq!(look(&FileBody::from(b"not a video".as_slice())), None);
        assert_eq!(look(&clip("picture.png")), None);
        assert_eq!(look(&FileBody::from(Vec::new())), None);
    }
}
