//! Decoded pixels, eight bits a channel, and a view of them turned upright without moving them.

use super::scan::Orientation;

/// What a pixel is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Layout {
    Grey,
    Rgb,
    Rgba,
    /// Cyan, magenta, yellow, black; 255 is full ink.
    Inks,
}

impl Layout {
    pub fn channels(self) -> usize {
        match self {
            Self::Grey => 1,
            Self::Rgb => 3,
            Self::Rgba | Self::Inks => 4,
        }
    }
}

/// A picture in memory, row by row without gaps: `data` holds exactly width × height × channels bytes.
#[derive(Debug, Clone)]
pub(super) struct Pixels {
    pub width: u32,
    pub height: u32,
    pub layout: Layout,
    pub data: Vec<u8>,
}

impl Pixels {
    pub fn size(&self) -> (u32, u32) {
        (self.width, self.height)
    }

    /// Transparency in which nothing is transparent is none.
    pub fn drop_unused_alpha(&mut self) {
        if self.layout == Layout::Rgba && self.data.chunks_exact(4).all(|p| p[3] == 255) {
            self.narrow(|[r, g, b, _]| [r, g, b]);
        }
    }

    /// Puts transparency on white.
    pub fn flatten(&mut self) {
        if self.layout == Layout::Rgba {
            self.narrow(|[r, g, b, a]| [r, g, b].map(|c| over_white(c, a)));
        }
    }

    /// From four channels to RGB, in place.
    pub fn narrow(&mut self, to_rgb: impl Fn([u8; 4]) -> [u8; 3]) {
        let count = self.data.len() / 4;
        for i in 0..count {
            let from = &self.data[4 * i..4 * i + 4];
            let rgb = to_rgb([from[0], from[1], from[2], from[3]]);
            self.data[3 * i..3 * i + 3].copy_from_slice(&rgb);
        }
        self.data.truncate(count * 3);
        self.data.shrink_to_fit();
        self.layout = Layout::Rgb;
    }
}

fn over_white(colour: u8, alpha: u8) -> u8 {
    let (colour, alpha) = (u32::from(colour), u32::from(alpha));
    let mixed = (colour * alpha + 255 * (255 - alpha) + 127) / 255;
    u8::try_from(mixed).unwrap_or(u8::MAX)
}

/// Pixels as shown. Rows are produced in bands, so that a quarter turn reads memory in runs and not pixel by pixel.
#[derive(Clone, Copy)]
pub(super) struct View<'a> {
    pub pixels: &'a Pixels,
    pub orientation: Orientation,
}

impl View<'_> {
    pub fn size(&self) -> (u32, u32) {
        self.orientation.upright(self.pixels.size())
    }

    /// Writes the rows `from..to`, as shown, into `out`, replacing what it held.
    pub fn rows(&self, from: usize, to: usize, out: &mut Vec<u8>) {
        let channels = self.pixels.layout.channels();
        let (stored_width, stored_height) = (self.pixels.width as usize, self.pixels.height as usize);
        let stride = stored_width * channels;
        let data = &self.pixels.data;
        let turn = self.orientation.value();
        out.clear();
        if !self.orientation.swaps_sides() {
            for y in from..to {
                let y = if matches!(turn, 3 | 4) {
                    stored_height - 1 - y
                } else {
                    y
                };
                let row = &data[y * stride..(y + 1) * stride];
                if matches!(turn, 2 | 3) {
                    row.rchunks_exact(channels)
                        .for_each(|pixel| out.extend_from_slice(pixel));
                } else {
                    out.extend_from_slice(row);
                }
            }
            return;
        }
        match self.pixels.layout {
            Layout::Grey => self.columns::<1>(from, to, out),
            Layout::Rgb => self.columns::<3>(from, to, out),
            Layout::Rgba | Layout::Inks => self.columns::<4>(from, to, out),
        }
    }

    /// The same for quarter turns: a column of the view is a row of the store. The size of a pixel is known when this is
    /// compiled, or each would cost a call.
    fn columns<const CHANNELS: usize>(&self, from: usize, to: usize, out: &mut Vec<u8>) {
        let (stored_width, stored_height) = (self.pixels.width as usize, self.pixels.height as usize);
        let turn = self.orientation.value();
        out.resize((to - from) * stored_height * CHANNELS, 0);
        let (source, _) = self.pixels.data.as_chunks::<CHANNELS>();
        let (shown, _) = out.as_chunks_mut::<CHANNELS>();
        for x in 0..stored_height {
            let y = if matches!(turn, 6 | 7) {
                stored_height - 1 - x
            } else {
                x
            };
            let row = &source[y * stored_width..(y + 1) * stored_width];
            for shown_y in from..to {
                let column = if matches!(turn, 7 | 8) {
                    stored_width - 1 - shown_y
                } else {
                    shown_y
                };
                shown[(shown_y - from) * stored_height + x] = row[column];
            }
        }
    }

    /// A turned copy.
    pub fn to_pixels(self) -> Pixels {
        const BAND: usize = 16;
        let (width, height) = self.size();
        let mut data = Vec::with_capacity(self.pixels.data.len());
        let mut band = Vec::new();
        let height_rows = height as usize;
        for from in (0..height_rows).step_by(BAND) {
            self.rows(from, (from + BAND).min(height_rows), &mut band);
            data.extend_from_slice(&band);
        }
        Pixels {
            width,
            height,
            layout: self.pixels.layout,
            data,
        }
    }
}
