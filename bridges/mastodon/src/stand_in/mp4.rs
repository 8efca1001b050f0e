//! Reads what an MP4 says about itself while it streams by: only the boxes `moov` and the first `moof` are kept.

/// More of a box isn't kept; a film of many hours has a smaller one.
const KEPT_BOX: usize = 16 << 20;

/// Follows the boxes of a file that comes in pieces.
#[derive(Debug, Default)]
pub(super) struct BoxScanner {
    header: Vec<u8>,
    /// How much of the present box is still to come.
    remaining: u64,
    keeping: Option<Kept>,
    moov: Vec<u8>,
    moof: Vec<u8>,
    started: bool,
    lost: bool,
}

#[derive(Clone, Copy, Debug)]
enum Kept {
    Moov,
    Moof,
}

/// What an MP4 holds.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Movie {
    /// Whether the box that describes it was there.
    pub(super) described: bool,
    pub(super) has_video: bool,
    pub(super) has_sound: bool,
    pub(super) width: u32,
    pub(super) height: u32,
    /// Seconds.
    pub(super) duration: f64,
    /// Frames and the ticks they take, with the ticks a second.
    pub(super) frames: u64,
    pub(super) ticks: u64,
    pub(super) timescale: u32,
}

impl BoxScanner {
    /// Looks at the next piece of the file.
    pub(super) fn feed(&mut self, mut data: &[u8]) {
        while !data.is_empty() && !self.lost {
            if self.remaining > 0 {
                let take = usize::try_from(self.remaining).unwrap_or(usize::MAX).min(data.len());
                let (piece, rest) = data.split_at(take);
                self.keep(piece);
                self.remaining -= take as u64;
                data = rest;
                continue;
            }
            let needed = if self.header.len() >= 8 { 16 } else { 8 };
            let take = (needed - self.header.len()).min(data.len());
            self.header.extend_from_slice(&data[..take]);
            data = &data[take..];
            if self.header.len() == needed {
                self.begin_box();
            }
        }
    }

    fn begin_box(&mut self) {
        let short = u64::from(be32(&self.header, 0).unwrap_or_default());
        if short == 1 && self.header.len() == 8 {
            return; // The length follows in 64 bits.
        }
        let size = match short {
            0 => u64::MAX,
            1 => be64(&self.header, 8).unwrap_or_default(),
            size => size,
        };
        let kind: [u8; 4] = self.header[4..8].try_into().unwrap_or_default();
        // Only a file that begins with `ftyp` is followed; a box shorter than its header can't be.
        self.lost = size < self.header.len() as u64 || (!self.started && &kind != b"ftyp");
        self.started = true;
        self.keeping = match &kind {
            b"moov" if self.moov.is_empty() => Some(Kept::Moov),
            b"moof" if self.moof.is_empty() => Some(Kept::Moof),
            _ => None,
        };
        self.remaining = size.saturating_sub(self.header.len() as u64);
        self.header.clear();
    }

    fn keep(&mut self, piece: &[u8]) {
        let kept = match self.keeping {
            Some(Kept::Moov) => &mut self.moov,
            Some(Kept::Moof) => &mut self.moof,
            None => return,
        };
        let room = KEPT_BOX.saturating_sub(kept.len()).min(piece.len());
        kept.extend_from_slice(&piece[..room]);
    }

    /// What the boxes say.
    pub(super) fn movie(&self) -> Movie {
        let mut movie = Movie {
            described: !self.moov.is_empty(),
            ..Movie::default()
        };
        if let Some(header) = find(&self.moov, *b"mvhd") {
            movie.duration = seconds(header);
        }
        for track in boxes(&self.moov)
            .filter(|(kind, _)| kind == b"trak")
            .map(|(_, body)| body)
        {
            read_track(track, &mut movie);
        }
        if let Some(extends) = find(&self.moov, *b"mvex") {
            let scale = find(&self.moov, *b"mvhd").map_or(1, timescale).max(1);
            if let Some(length) = find(extends, *b"mehd").and_then(fragments_duration) {
                movie.duration = movie.duration.max(to_seconds(length, scale));
            }
            if movie.frames == 0
                && let Some(ticks) = self.ticks_of_a_fragments_frame(extends)
            {
                (movie.frames, movie.ticks) = (1, u64::from(ticks));
            }
        }
        movie
    }

    /// Fragments say it per track, or in the first of them.
    fn ticks_of_a_fragments_frame(&self, extends: &[u8]) -> Option<u32> {
        let of_track = find(extends, *b"trex").and_then(|trex| be32(trex, 12));
        of_track.filter(|ticks| *ticks > 0).or_else(|| {
            let header = find(find(&self.moof, *b"traf")?, *b"tfhd")?;
            let flags = be32(header, 0)?;
            let mut at = 8;
            for (flag, size) in [(0x1, 8), (0x2, 4)] {
                at += if flags & flag != 0 { size } else { 0 };
            }
            (flags & 0x8 != 0).then(|| be32(header, at)).flatten()
        })
    }
}

fn read_track(track: &[u8], movie: &mut Movie) {
    let Some(media) = find(track, *b"mdia") else { return };
    let handler = find(media, *b"hdlr").and_then(|body| body.get(8..12));
    match handler {
        Some(b"soun") => movie.has_sound = true,
        Some(b"vide") if !movie.has_video => {
            movie.has_video = true;
            if let Some(header) = find(track, *b"tkhd") {
                let end = header.len();
                let side = |from_end: usize| end.checked_sub(from_end).and_then(|at| be32(header, at));
                movie.width = side(8).unwrap_or_default() >> 16;
                movie.height = side(4).unwrap_or_default() >> 16;
            }
            if let Some(header) = find(media, *b"mdhd") {
                movie.timescale = timescale(header);
                movie.duration = movie.duration.max(seconds(header));
            }
            let table = find(media, *b"minf").and_then(|minf| find(minf, *b"stbl"));
            if let Some(times) = table.and_then(|stbl| find(stbl, *b"stts")) {
                for entry in times.get(8..).unwrap_or_default().chunks_exact(8) {
                    let count = u64::from(be32(entry, 0).unwrap_or_default());
                    movie.frames += count;
                    movie.ticks += count.saturating_mul(u64::from(be32(entry, 4).unwrap_or_default()));
                }
            }
        }
        _ => {}
    }
}

fn boxes(mut data: &[u8]) -> impl Iterator<Item = ([u8; 4], &[u8])> {
    std::iter::from_fn(move || {
        let size = be32(data, 0)? as usize;
        let kind: [u8; 4] = data.get(4..8)?.try_into().ok()?;
        let size = if size == 0 { data.len() } else { size.min(data.len()) };
        let body = data.get(8..size)?;
        data = &data[size..];
        Some((kind, body))
    })
}

fn find(data: &[u8], wanted: [u8; 4]) -> Option<&[u8]> {
    boxes(data).find(|(kind, _)| *kind == wanted).map(|(_, body)| body)
}

/// Time scale of an `mvhd` or `mdhd`.
fn timescale(header: &[u8]) -> u32 {
    let at = if header.first() == Some(&1) { 20 } else { 12 };
    be32(header, at).unwrap_or_default()
}

fn seconds(header: &[u8]) -> f64 {
    let length = if header.first() == Some(&1) {
        be64(header, 24)
    } else {
        be32(header, 16).map(u64::from)
    };
    to_seconds(length.unwrap_or_default(), timescale(header).max(1))
}

fn fragments_duration(header: &[u8]) -> Option<u64> {
    if header.first() == Some(&1) {
        be64(header, 4)
    } else {
        be32(header, 4).map(u64::from)
    }
}

#[allow(clippy::cast_precision_loss)] // A duration in seconds needs no more.
fn to_seconds(ticks: u64, scale: u32) -> f64 {
    ticks as f64 / f64::from(scale)
}

fn be32(data: &[u8], at: usize) -> Option<u32> {
    data.get(at..at.checked_add(4)?)?
        .try_into()
        .ok()
        .map(u32::from_be_bytes)
}

fn be64(data: &[u8], at: usize) -> Option<u64> {
    data.get(at..at.checked_add(8)?)?
        .try_into()
        .ok()
        .map(u64::from_be_bytes)
}
