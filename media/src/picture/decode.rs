//! From a file to pixels, within the memory that was computed from its header.

use std::io::Cursor;

use image::codecs::gif::GifDecoder;
use image::codecs::png::PngDecoder;
use image::codecs::webp::WebPDecoder;
use image::{ColorType, ImageDecoder, ImageError, Limits};
use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

use super::kind::Kind;
use super::pixels::{Layout, Pixels};
use super::scan::{Scan, broken};
use super::tools::needs_decoder;
use super::{Bounds, PictureError};

/// Decodes the picture, of an animation its first.
pub(super) fn decode(data: &[u8], scan: &Scan, bounds: &Bounds) -> Result<Pixels, PictureError> {
    let mut limits = Limits::no_limits();
    limits.max_image_width = Some(scan.stored.0);
    limits.max_image_height = Some(scan.stored.1);
    limits.max_alloc = Some(bounds.memory);
    let failed = |error: ImageError| broken(scan.kind, &error.to_string());
    let cursor = Cursor::new(data);
    match scan.kind {
        Kind::Jpeg => jpeg(data, scan),
        Kind::Png => read(PngDecoder::with_limits(cursor, limits).map_err(failed)?, scan),
        Kind::Gif => {
            let mut decoder = GifDecoder::new(cursor).map_err(failed)?;
            decoder.set_limits(limits).map_err(failed)?;
            read(decoder, scan)
        }
        Kind::WebP => {
            let mut decoder = WebPDecoder::new(cursor).map_err(failed)?;
            decoder.set_limits(limits).map_err(failed)?;
            read(decoder, scan)
        }
        Kind::Avif | Kind::Heic => Err(needs_decoder(scan.kind)),
    }
}

fn jpeg(data: &[u8], scan: &Scan) -> Result<Pixels, PictureError> {
    let (width, height) = scan.stored;
    let (columns, rows) = (width as usize, height as usize);
    let options = DecoderOptions::default()
        .set_strict_mode(false)
        .set_max_width(columns)
        .set_max_height(rows);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(data), options);
    let failed = |error: zune_jpeg::errors::DecodeErrors| broken(Kind::Jpeg, &format!("{error:?}"));
    decoder.decode_headers().map_err(failed)?;
    let (layout, wanted) = match decoder.input_colorspace() {
        Some(ColorSpace::Luma) => (Layout::Grey, ColorSpace::Luma),
        Some(inks @ (ColorSpace::CMYK | ColorSpace::YCCK)) => (Layout::Inks, inks),
        _ => (Layout::Rgb, ColorSpace::RGB),
    };
    decoder.set_options(options.jpeg_set_out_colorspace(wanted));
    let size = columns * rows * layout.channels();
    if decoder.dimensions() != Some((columns, rows)) || decoder.output_buffer_size() != Some(size) {
        return Err(broken(Kind::Jpeg, "its header contradicts itself"));
    }
    let mut pixels = vec![0; size];
    decoder.decode_into(&mut pixels).map_err(failed)?;
    if layout == Layout::Inks {
        to_inks(&mut pixels, wanted == ColorSpace::YCCK, has_adobe_marker(data));
    }
    Ok(Pixels {
        width,
        height,
        layout,
        data: pixels,
    })
}

/// Adobe's programs store inks inverted, and say so by their marker.
fn has_adobe_marker(data: &[u8]) -> bool {
    let head = data.get(..data.len().min(1 << 20)).unwrap_or_default();
    head.windows(7)
        .any(|w| w.starts_with(&[0xFF, 0xEE]) && w.get(4..) == Some(b"Ado"))
}

fn to_inks(samples: &mut [u8], ycck: bool, inverted: bool) {
    for pixel in samples.chunks_exact_mut(4) {
        if ycck {
            let (r, g, b) = ycc_to_rgb(pixel[0], pixel[1], pixel[2]);
            pixel[0] = 255 - r;
            pixel[1] = 255 - g;
            pixel[2] = 255 - b;
        }
        if inverted {
            for sample in pixel {
                *sample = 255 - *sample;
            }
        }
    }
}

/// JFIF's conversion, with 16 binary places.
fn ycc_to_rgb(y: u8, cb: u8, cr: u8) -> (u8, u8, u8) {
    let (y, cb, cr) = (i32::from(y) << 16, i32::from(cb) - 128, i32::from(cr) - 128);
    let to_byte = |value: i32| u8::try_from(((value + (1 << 15)) >> 16).clamp(0, 255)).unwrap_or(u8::MAX);
    (
        to_byte(y + 91_881 * cr),
        to_byte(y - 22_554 * cb - 46_802 * cr),
        to_byte(y + 116_130 * cb),
    )
}

fn read(decoder: impl ImageDecoder, scan: &Scan) -> Result<Pixels, PictureError> {
    let (width, height) = decoder.dimensions();
    let colour = decoder.color_type();
    let size = usize::try_from(decoder.total_bytes()).unwrap_or(usize::MAX);
    let expected = width as usize * height as usize * usize::from(colour.bytes_per_pixel());
    if (width, height) != scan.stored || size != expected {
        return Err(broken(scan.kind, "its header contradicts itself"));
    }
    let mut data = vec![0; size];
    decoder
        .read_image(&mut data)
        .map_err(|error| broken(scan.kind, &error.to_string()))?;
    if matches!(
        colour,
        ColorType::L16 | ColorType::La16 | ColorType::Rgb16 | ColorType::Rgba16
    ) {
        to_eight_bits(&mut data);
    }
    let layout = match colour.channel_count() {
        1 => Layout::Grey,
        2 => {
            data = data.chunks_exact(2).flat_map(|p| [p[0], p[0], p[0], p[1]]).collect();
            Layout::Rgba
        }
        3 => Layout::Rgb,
        _ => Layout::Rgba,
    };
    Ok(Pixels {
        width,
        height,
        layout,
        data,
    })
}

/// 16-bit samples, in the machine's byte order, to 8 bits, in place.
fn to_eight_bits(data: &mut Vec<u8>) {
    let count = data.len() / 2;
    for i in 0..count {
        let sample = u32::from(u16::from_ne_bytes([data[2 * i], data[2 * i + 1]]));
        data[i] = u8::try_from((sample * 255 + 32_767) / 65_535).unwrap_or(u8::MAX);
    }
    data.truncate(count);
    data.shrink_to_fit();
}
