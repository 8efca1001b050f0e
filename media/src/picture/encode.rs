//! From pixels to a file of at most so many bytes: the highest JPEG quality that fits, or a lossless file if it does.

use std::cell::RefCell;
use std::io::{self, Write};

use image::codecs::gif::GifEncoder;
use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::codecs::webp::WebPEncoder;
use image::{ExtendedColorType, ImageEncoder};
use jpeg_encoder::{Encoder, ImageBuffer, JpegColorType, SamplingFactor};

use super::PictureError;
use super::kind::Kind;
use super::pixels::{Layout, View};

/// Above this JPEG files grow much and look no better; below [`LOWEST`] a smaller picture looks better than a worse one.
const HIGHEST: u8 = 92;
const LOWEST: u8 = 60;
/// Whole colour is kept from this quality on; below it, finer tones are worth more.
const FULL_COLOUR: u8 = 90;
/// Rows of a band: what a JPEG encoder takes at a time with halved colour resolution.
const BAND: usize = 16;
/// Pictures up to this many bands are measured whole, larger ones by about this many of their bands.
const SAMPLED_BANDS: usize = 24;
/// Longest side of each format.
const JPEG_SIDE: u32 = 65_535;
const WEBP_SIDE: u32 = 16_383;
const GIF_SIDE: u32 = 65_535;

/// A writer that keeps at most so many bytes. Beyond, it either fails at once or only counts.
struct Capped {
    bytes: Vec<u8>,
    written: u64,
    most: u64,
    counts_on: bool,
}

impl Capped {
    fn new(most: u64) -> Self {
        Self {
            bytes: Vec::new(),
            written: 0,
            most,
            counts_on: false,
        }
    }

    fn counting(most: u64) -> Self {
        Self {
            counts_on: true,
            ..Self::new(most)
        }
    }

    fn fits(&self) -> bool {
        self.written <= self.most
    }
}

impl Write for Capped {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.written += buf.len() as u64;
        if self.fits() {
            self.bytes.extend_from_slice(buf);
        } else if self.counts_on {
            self.bytes = Vec::new();
        } else {
            return Err(io::Error::from(io::ErrorKind::FileTooLarge));
        }
        Ok(buf.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The best JPEG of at most `most` bytes with its quality, or the size of the worst one that would be made.
///
/// Colour is stored at half the resolution where `halved_colour` says that nothing is lost by it, and where whole colour
/// would not fit with quality 90.
pub(super) fn jpeg(
    view: &View<'_>,
    halved_colour: bool,
    most: u64,
) -> Result<Result<(Vec<u8>, u8), u64>, PictureError> {
    let (width, height) = view.size();
    if width > JPEG_SIDE || height > JPEG_SIDE {
        return Ok(Err(most.saturating_mul(2)));
    }
    let bands = (height as usize).div_ceil(BAND);
    let step = (bands / SAMPLED_BANDS).max(1);
    let write = |step, halved, quality, out| {
        let bands = Bands {
            view: *view,
            step,
            cache: RefCell::new((usize::MAX, Vec::new())),
        };
        write_jpeg(bands, quality, halved, out)
    };
    // The sample has one band of `step`; a file's head is small change.
    let budget = most.saturating_mul(bands.div_ceil(step) as u64) / bands as u64;
    let halved = halved_colour || !write(step, false, FULL_COLOUR, Capped::new(budget))?.fits();
    let write = |step, quality, out| write(step, halved || quality < FULL_COLOUR, quality, out);
    let mut quality = highest(|quality| Ok(write(step, quality, Capped::new(budget))?.fits()))?;
    let mut best: Option<(Vec<u8>, u8)> = None;
    // The sample's guess is off by little: go up while it fits, or down until it does.
    let mut climbs = if step == 1 { 0 } else { 2 };
    loop {
        let written = write(1, quality, Capped::new(most))?;
        if written.fits() {
            best = Some((written.bytes, quality));
            if climbs == 0 || quality == HIGHEST {
                break;
            }
            climbs -= 1;
            quality += 1;
        } else if best.is_some() || quality == LOWEST {
            break;
        } else {
            climbs = 0;
            quality -= 1;
        }
    }
    match best {
        Some(found) => Ok(Ok(found)),
        None => Ok(Err(write(1, LOWEST, Capped::counting(most))?.written)),
    }
}

/// The highest quality for which `fits` holds, or the lowest there is; sizes grow with quality.
fn highest(fits: impl Fn(u8) -> Result<bool, PictureError>) -> Result<u8, PictureError> {
    if fits(HIGHEST)? {
        return Ok(HIGHEST);
    }
    let (mut low, mut high) = (LOWEST, HIGHEST);
    while high - low > 1 {
        let middle = u8::midpoint(low, high);
        if fits(middle)? {
            low = middle;
        } else {
            high = middle;
        }
    }
    Ok(low)
}

fn write_jpeg(bands: Bands<'_>, quality: u8, halved_colour: bool, mut out: Capped) -> Result<Capped, PictureError> {
    let mut encoder = Encoder::new(&mut out, quality);
    encoder.set_sampling_factor(if halved_colour {
        SamplingFactor::R_4_2_0
    } else {
        SamplingFactor::R_4_4_4
    });
    match encoder.encode_image(bands) {
        Ok(()) => Ok(out),
        Err(_) if !out.fits() => Ok(out),
        Err(error) => Err(failed(Kind::Jpeg, &error)),
    }
}

/// Every `step`th band of a picture, as the JPEG encoder asks for it: row after row, turned and as YCbCr.
struct Bands<'a> {
    view: View<'a>,
    step: usize,
    cache: RefCell<(usize, Vec<u8>)>,
}

impl Bands<'_> {
    fn rows(&self) -> usize {
        let height = self.view.size().1 as usize;
        if self.step == 1 {
            return height;
        }
        let sampled = height.div_ceil(BAND).div_ceil(self.step);
        let last_start = (sampled - 1) * self.step * BAND;
        (sampled - 1) * BAND + (height - last_start).min(BAND)
    }
}

impl ImageBuffer for Bands<'_> {
    fn get_jpeg_color_type(&self) -> JpegColorType {
        if self.view.pixels.layout == Layout::Grey {
            JpegColorType::Luma
        } else {
            JpegColorType::Ycbcr
        }
    }

    fn width(&self) -> u16 {
        u16::try_from(self.view.size().0).unwrap_or(u16::MAX)
    }

    fn height(&self) -> u16 {
        u16::try_from(self.rows()).unwrap_or(u16::MAX)
    }

    fn fill_buffers(&self, y: u16, buffers: &mut [Vec<u8>; 4]) {
        let (width, height) = self.view.size();
        let (band, row) = (usize::from(y) / BAND * self.step, usize::from(y) % BAND);
        let mut cache = self.cache.borrow_mut();
        let (cached, rows) = &mut *cache;
        if *cached != band {
            self.view
                .rows(band * BAND, ((band + 1) * BAND).min(height as usize), rows);
            *cached = band;
        }
        let row_bytes = width as usize * self.view.pixels.layout.channels();
        let row = &rows[row * row_bytes..(row + 1) * row_bytes];
        if self.view.pixels.layout == Layout::Grey {
            buffers[0].extend_from_slice(row);
            return;
        }
        let [luma, blue, red, _] = buffers;
        luma.extend(
            row.chunks_exact(3)
                .map(|p| jpeg_encoder::rgb_to_ycbcr(p[0], p[1], p[2]).0),
        );
        blue.extend(
            row.chunks_exact(3)
                .map(|p| jpeg_encoder::rgb_to_ycbcr(p[0], p[1], p[2]).1),
        );
        red.extend(
            row.chunks_exact(3)
                .map(|p| jpeg_encoder::rgb_to_ycbcr(p[0], p[1], p[2]).2),
        );
    }
}

/// A PNG, WebP or GIF of at most `most` bytes, or the size that it would have had.
pub(super) fn lossless(view: &View<'_>, kind: Kind, most: u64) -> Result<Result<Vec<u8>, u64>, PictureError> {
    let (width, height) = view.size();
    let side = match kind {
        Kind::WebP => WEBP_SIDE,
        Kind::Gif => GIF_SIDE,
        _ => u32::MAX,
    };
    if width > side || height > side {
        return Ok(Err(most.saturating_mul(2)));
    }
    let turned;
    let pixels = if view.orientation.value() == 1 {
        view.pixels
    } else {
        turned = view.to_pixels();
        &turned
    };
    let colour = match pixels.layout {
        Layout::Grey => ExtendedColorType::L8,
        Layout::Rgb => ExtendedColorType::Rgb8,
        Layout::Rgba => ExtendedColorType::Rgba8,
        Layout::Inks => return Err(failed(kind, &"inks have no place in it")),
    };
    let mut out = Capped::counting(most);
    let result = match kind {
        Kind::WebP => WebPEncoder::new_lossless(&mut out).write_image(&pixels.data, width, height, colour),
        Kind::Gif => {
            let expanded = to_rgba(pixels.layout, &pixels.data);
            GifEncoder::new(&mut out).encode(&expanded, width, height, ExtendedColorType::Rgba8)
        }
        _ => PngEncoder::new_with_quality(&mut out, CompressionType::Default, FilterType::Adaptive).write_image(
            &pixels.data,
            width,
            height,
            colour,
        ),
    };
    result.map_err(|error| failed(kind, &error))?;
    Ok(if out.fits() { Ok(out.bytes) } else { Err(out.written) })
}

fn to_rgba(layout: Layout, data: &[u8]) -> Vec<u8> {
    match layout {
        Layout::Grey => data.iter().flat_map(|v| [*v, *v, *v, 255]).collect(),
        Layout::Rgb => data.chunks_exact(3).flat_map(|p| [p[0], p[1], p[2], 255]).collect(),
        Layout::Rgba | Layout::Inks => data.to_vec(),
    }
}

fn failed(kind: Kind, error: &dyn std::fmt::Display) -> PictureError {
    PictureError::Impossible(format!(
        "it could not be written as {kind} ({error}); convert it by hand"
    ))
}
