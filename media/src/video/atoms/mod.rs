//! The boxes of an MP4 or QuickTime file, read without ffmpeg: whether it can be sent as it is, and whether it tells where or
//! with what it was taken.
//!
//! Only headers and the index (`moov`) are read, so a file at the other end of a network is understood by a few ranged
//! requests. A box that isn't known counts as a maker's own and private: what can't be read isn't vouched for.
//! Box layouts: ISO/IEC 14496-12; the metadata keys: QuickTime File Format, "Metadata".

mod boxes;
pub mod fuzz;
mod private;

pub use private::private_key;

use std::{
    future::Future,
    io::{self, Read, Seek, SeekFrom},
};

use bytes::Bytes;

use super::{Fps, Private};

/// The index of a ten-hour video has some 20 MB.
const INDEX_MAX: u64 = 64 << 20;
/// Boxes of metadata beside the index are read up to this size.
const META_MAX: u64 = 4 << 20;
/// Bytes asked for at once: most indexes of short videos come with the first request.
const CHUNK: u64 = 64 << 10;
/// Boxes at the top of a file. Fragmented files have two for each fragment.
const TOP_MAX: usize = 20_000;
/// How much of the end of a fragmented file is asked for, one after the other, until a fragment begins in it. The largest is
/// what a server is asked for at once; a box of metadata is smaller.
const TAILS: [u64; 3] = [64 << 10, 1 << 20, 16 << 20];

/// What an MP4 file's boxes say.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Mp4 {
    /// The first brand, like `isom`, `mp42` or `qt  `.
    pub brand: String,
    /// The index stands before the media.
    pub faststart: bool,
    /// Made of fragments, as HLS and DASH have them.
    pub fragmented: bool,
    /// False when the file ends early, is damaged, or has more boxes than were looked at: then something may have been missed.
    /// Of fragments elsewhere the first and the last ones vouch for those between: see [`read_ranges`].
    pub complete: bool,
    /// Length in seconds; 0 when the index doesn't say, as in fragmented files.
    pub duration: f64,
    /// The tracks, in the file's order.
    pub tracks: Vec<Track>,
    /// What tells where or with what, by name; sorted, each once.
    pub private: Vec<Private>,
}

/// A track of an MP4 file.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Track {
    /// `vide`, `soun`, or another handler.
    pub handler: String,
    /// The sample entry, like `avc1`, `hvc1`, `mp4a`.
    pub codec: String,
    /// Width as displayed, turned upright.
    pub width: u32,
    /// Height as displayed, turned upright.
    pub height: u32,
    /// Clockwise degrees: 0, 90, 180 or 270.
    pub rotation: u32,
    /// Length in seconds.
    pub duration: f64,
    /// Average frame rate, when the index has it.
    pub fps: Option<Fps>,
    /// H.264 with 8-bit 4:2:0 samples, as its configuration says.
    pub plain_h264: bool,
}

impl Mp4 {
    /// The first picture track.
    pub fn video(&self) -> Option<&Track> {
        self.tracks.iter().find(|track| track.handler == "vide")
    }

    /// True when anything in it tells where it was taken.
    pub fn tells_where(&self) -> bool {
        self.private
            .iter()
            .any(|private| matches!(private, Private::Location(_)))
    }

    /// Whether the file can be sent untouched by someone who has nothing but its boxes.
    ///
    /// # Errors
    /// Why not, as a clause.
    pub fn fits_as_is(&self) -> Result<(), String> {
        match self.private.first() {
            Some(Private::Location(tag)) => return Err(format!("it tells where it was taken ({tag})")),
            Some(Private::Device(tag)) => return Err(format!("it tells with what it was taken ({tag})")),
            None => {}
        }
        if !self.complete {
            return Err("it couldn't be read to its end".to_owned());
        }
        if self.brand == "qt  " {
            return Err("it is a QuickTime file".to_owned());
        }
        let of = |handler: &str| self.tracks.iter().filter(|track| track.handler == handler).count();
        let video = self.video().ok_or("it has no picture track")?;
        if !video.plain_h264 {
            Err(format!("its picture is {}, or H.264 of an unusual kind", video.codec))
        } else if of("vide") > 1 || of("soun") > 1 || self.tracks.len() > of("vide") + of("soun") {
            Err("it has further tracks".to_owned())
        } else if self
            .tracks
            .iter()
            .any(|track| track.handler == "soun" && track.codec != "mp4a")
        {
            Err("its sound isn't AAC".to_owned())
        } else if self.fragmented {
            Err("it is made of fragments".to_owned())
        } else {
            Ok(())
        }
    }
}

/// Why boxes couldn't be read.
#[derive(Debug, thiserror::Error)]
pub enum AtomsError {
    /// Not an MP4 file at all.
    #[error("this is not an MP4 or QuickTime file: {0}")]
    NotMp4(String),
    /// Reading failed.
    #[error("reading the video's boxes: {0}")]
    Io(#[from] io::Error),
}

/// A file of which pieces can be had.
pub trait RangeRead {
    /// Up to `length` bytes from `offset`; fewer only at the end of the file.
    fn range(&self, offset: u64, length: u64) -> impl Future<Output = io::Result<Bytes>> + Send;
}

/// Reads a file that is here.
///
/// # Errors
/// When reading fails, or it isn't an MP4 file.
pub fn read(mut file: impl Read + Seek) -> Result<Mp4, AtomsError> {
    let size = file.seek(SeekFrom::End(0))?;
    let mut walk = Walk::new(size, TOP_MAX);
    let mut window = Window::default();
    while let Some((offset, length)) = walk.wants() {
        if !window.holds(offset, length, size) {
            file.seek(SeekFrom::Start(offset))?;
            let mut bytes = Vec::new();
            (&mut file).take(length.max(CHUNK)).read_to_end(&mut bytes)?;
            window = Window {
                offset,
                bytes: bytes.into(),
            };
        }
        walk.give(window.piece(offset, length));
    }
    walk.finish()
}

/// Reads a file that is elsewhere and has `size` bytes, by at most `requests` ranged requests. When they don't suffice, the
/// answer isn't [`complete`](Mp4::complete).
///
/// A fragmented file, as HLS has them, is one index and then a pair of boxes for every few seconds: two hours are thousands,
/// and each header would cost a request. What such a file says of where it was made stands in its index, which its encoder
/// writes first, or behind its last fragment, where editors append what they add; the fragments are cut from one encoder's
/// stream while it runs, and all alike. So where the index announces fragments, and nothing but fragments was met behind it,
/// the last of the requests are spent on the file's end: it is read from the beginning of a fragment on, box by box, to the
/// last byte. Where no fragment begins in the last 16 MiB, the answer isn't complete.
///
/// # Errors
/// When a request fails, or it isn't an MP4 file.
pub async fn read_ranges(file: &impl RangeRead, size: u64, requests: usize) -> Result<Mp4, AtomsError> {
    let mut walk = Walk::new(size, TOP_MAX);
    let mut window = Window::default();
    let mut asked = 0;
    while let Some((offset, length)) = walk.wants() {
        if !window.holds(offset, length, size) {
            if walk.is_among_fragments() && asked + TAILS.len() >= requests {
                window = walk.skip_to_tail(file, requests.saturating_sub(asked)).await?;
                asked = requests;
                continue;
            }
            asked += 1;
            if asked > requests {
                walk.stop();
                break;
            }
            let bytes = file
                .range(offset, length.max(CHUNK).min(size.saturating_sub(offset)))
                .await?;
            window = Window { offset, bytes };
        }
        walk.give(window.piece(offset, length));
    }
    walk.finish()
}

/// Where the first fragment begins from which on there are only boxes, up to the last byte of the file: `tail` is its end.
fn fragment_in(tail: &[u8]) -> Option<usize> {
    let is_chain = |mut rest: &[u8]| loop {
        let Some((_, _, length)) = boxes::header(rest, rest.len() as u64) else {
            return false;
        };
        match usize::try_from(length).ok().and_then(|length| rest.get(length..)) {
            Some([]) => return true,
            Some(behind) => rest = behind,
            None => return false,
        }
    };
    let names = tail.windows(4).enumerate().filter(|(_, name)| *name == b"moof");
    names
        .filter_map(|(at, _)| at.checked_sub(4))
        .find(|at| is_chain(&tail[*at..]))
}

/// The piece of the file read last.
#[derive(Default)]
struct Window {
    offset: u64,
    bytes: Bytes,
}

impl Window {
    fn holds(&self, offset: u64, length: u64, size: u64) -> bool {
        let end = offset.saturating_add(length).min(size);
        offset >= self.offset && end <= self.offset + self.bytes.len() as u64 && !self.bytes.is_empty()
    }

    fn piece(&self, offset: u64, length: u64) -> &[u8] {
        let from = usize::try_from(offset.saturating_sub(self.offset))
            .unwrap_or(usize::MAX)
            .min(self.bytes.len());
        let to = from
            .saturating_add(usize::try_from(length).unwrap_or(usize::MAX))
            .min(self.bytes.len());
        &self.bytes[from..to]
    }
}

/// The walk over the boxes at the top of a file: says which bytes it wants, and is given them.
struct Walk {
    size: u64,
    at: u64,
    /// A box whose content is wanted: its name, and where the content begins and ends.
    open: Option<([u8; 4], u64, u64)>,
    /// How many boxes may still be looked at; none at the end.
    left: usize,
    media_seen: bool,
    index_seen: bool,
    /// Whether all boxes behind an index that announces fragments belong to fragments so far.
    only_fragments: bool,
    found: Mp4,
}

/// A box's header has at most this: size, name, long size.
const HEADER: u64 = 16;

impl Walk {
    fn new(size: u64, boxes: usize) -> Self {
        Self {
            size,
            at: 0,
            open: None,
            left: if size == 0 { 0 } else { boxes },
            media_seen: false,
            index_seen: false,
            only_fragments: false,
            found: Mp4 {
                complete: true,
                ..Mp4::default()
            },
        }
    }

    fn wants(&self) -> Option<(u64, u64)> {
        if self.left == 0 {
            return None;
        }
        match self.open {
            Some((_, from, to)) => Some((from, to - from)),
            None => Some((self.at, HEADER.min(self.size - self.at))),
        }
    }

    fn give(&mut self, bytes: &[u8]) {
        match self.open.take() {
            Some((name, from, to)) => {
                if (bytes.len() as u64) < to - from {
                    self.found.complete = false;
                }
                self.content(name, bytes);
                self.go_on(to);
            }
            None => self.header(bytes),
        }
    }

    fn header(&mut self, bytes: &[u8]) {
        let Some((name, header, length)) = boxes::header(bytes, self.size - self.at) else {
            return self.stop();
        };
        let (from, to) = (self.at + header, self.at.saturating_add(length));
        if to > self.size {
            self.found.complete = false;
        }
        let to = to.min(self.size);
        let of_fragment = [b"moof", b"mdat", b"styp", b"sidx", b"ssix", b"emsg", b"prft", b"mfra"];
        self.only_fragments &= of_fragment.contains(&&name);
        let most = match &name {
            b"ftyp" | b"styp" => 4096,
            b"moov" => INDEX_MAX,
            b"udta" | b"meta" | b"uuid" | b"free" | b"skip" | b"wide" => META_MAX,
            b"mdat" => {
                self.media_seen = true;
                0
            }
            b"moof" => {
                self.found.fragmented = true;
                0
            }
            b"sidx" | b"ssix" | b"mfra" | b"emsg" | b"prft" | b"pdin" | b"iods" => 0,
            _ => {
                self.found
                    .private
                    .push(Private::Device(format!("box {}", boxes::name(name))));
                0
            }
        };
        if most == 0 || to <= from {
            return self.go_on(to);
        }
        if to - from > most {
            self.found.complete = false;
        }
        if name == *b"moov" {
            self.index_seen = true;
            self.found.faststart = !self.media_seen;
        }
        self.open = Some((name, from, to.min(from + most)));
        self.at = to;
    }

    fn content(&mut self, name: [u8; 4], bytes: &[u8]) {
        match &name {
            b"ftyp" => {
                self.found.brand = bytes
                    .get(..4)
                    .map(|b| boxes::name([b[0], b[1], b[2], b[3]]))
                    .unwrap_or_default();
            }
            b"styp" => self.found.fragmented = true,
            b"moov" => self.only_fragments = boxes::index(bytes, &mut self.found),
            b"udta" => boxes::user_data(bytes, &mut self.found),
            b"meta" => boxes::meta(bytes, &mut self.found),
            b"uuid" => boxes::uuid(bytes, &mut self.found),
            b"free" | b"skip" | b"wide" => boxes::filling(name, bytes, &mut self.found),
            _ => {}
        }
    }

    /// To the next box: after a box that was read only in part, to that box's end.
    fn go_on(&mut self, to: u64) {
        let to = to.max(self.at);
        self.left = self.left.saturating_sub(1);
        if to >= self.size {
            self.left = 0;
        } else if self.left == 0 {
            self.stop();
        }
        self.at = to;
    }

    /// Whether what comes next is one of many fragments.
    fn is_among_fragments(&self) -> bool {
        self.only_fragments && self.open.is_none() && self.found.complete
    }

    /// Goes on with a fragment near the file's end, by at most so many requests. What is returned holds the rest of the file.
    async fn skip_to_tail(&mut self, file: &impl RangeRead, requests: usize) -> Result<Window, AtomsError> {
        for length in TAILS.into_iter().take(requests) {
            // What was walked over isn't read again.
            let offset = self.size.saturating_sub(length).max(self.at);
            let bytes = file.range(offset, self.size - offset).await?;
            if bytes.len() as u64 != self.size - offset {
                break;
            }
            if offset == self.at {
                return Ok(Window { offset, bytes });
            }
            if let Some(fragment) = fragment_in(&bytes) {
                self.at = offset + fragment as u64;
                return Ok(Window { offset, bytes });
            }
        }
        self.stop();
        Ok(Window::default())
    }

    fn stop(&mut self) {
        self.found.complete = false;
        self.left = 0;
    }

    fn finish(mut self) -> Result<Mp4, AtomsError> {
        if !self.index_seen {
            let why = if self.found.brand.is_empty() {
                "it doesn't begin like one"
            } else {
                "its index is missing"
            };
            return Err(AtomsError::NotMp4(why.to_owned()));
        }
        self.found.private.sort();
        self.found.private.dedup();
        Ok(self.found)
    }
}
