//! What Pixelfed makes of a picture (contract §3): upright, scaled down to fit, without metadata, encoded anew, and a
//! square thumbnail. Colours keep their profile.

use std::io::Cursor;

use bytes::Bytes;
use image::codecs::jpeg::JpegEncoder;
use image::codecs::png::PngEncoder;
use image::codecs::webp::WebPEncoder;
use image::imageops::FilterType;
use image::{DynamicImage, ImageDecoder, ImageEncoder, ImageFormat, ImageReader, ImageResult, Limits, Rgb, RgbImage};

use super::sniff::Kind;

/// Quality of JPEG files, `IMAGE_QUALITY`.
const QUALITY: u8 = 80;
/// Sides of a thumbnail.
const THUMBNAIL: u32 = 640;
/// No picture has longer sides.
const LONGEST_SIDE: u32 = 20_000;
/// The grey of a video's thumbnail; its frames aren't looked at.
const GREY: Rgb<u8> = Rgb([96, 96, 96]);

/// What became of a picture.
#[derive(Clone, Debug)]
pub(super) struct Picture {
    pub(super) bytes: Bytes,
    /// Pixels, after scaling; None for videos.
    pub(super) size: Option<(u32, u32)>,
}

/// Processes a file. None for what stays as it is: animations, and what can't be decoded here (AVIF) or there (HEIC).
pub(super) fn process(kind: Kind, original: &Bytes, optimize: bool) -> Option<Picture> {
    match kind {
        Kind::Mp4 => Some(Picture {
            bytes: original.clone(),
            size: None,
        }),
        Kind::Jpeg | Kind::Png | Kind::Webp => picture(kind, original, optimize).ok(),
        _ => None,
    }
}

fn picture(kind: Kind, original: &Bytes, optimize: bool) -> ImageResult<Picture> {
    let mut reader = ImageReader::new(Cursor::new(original)).with_guessed_format()?;
    let mut limits = Limits::default();
    limits.max_image_width = Some(LONGEST_SIDE);
    limits.max_image_height = Some(LONGEST_SIDE);
    reader.limits(limits);
    let mut decoder = reader.into_decoder()?;
    if !optimize {
        return Ok(Picture {
            bytes: original.clone(),
            size: Some(decoder.dimensions()),
        });
    }
    let profile = decoder.icc_profile()?;
    let orientation = decoder.orientation()?;
    let mut image = DynamicImage::from_decoder(decoder)?;
    image.apply_orientation(orientation);
    let (width, height) = fitting(image.width(), image.height());
    if (width, height) != (image.width(), image.height()) {
        image = image.resize_exact(width, height, FilterType::Triangle);
    }
    Ok(Picture {
        bytes: encoded(kind, &image, profile)?,
        size: Some((width, height)),
    })
}

/// The size a picture gets: never larger, never cropped.
fn fitting(width: u32, height: u32) -> (u32, u32) {
    let (most_wide, most_high) = match width.cmp(&height) {
        std::cmp::Ordering::Equal => (1080, 1080),
        std::cmp::Ordering::Greater => (1920, 1080),
        std::cmp::Ordering::Less => (1080, 1350),
    };
    if width <= most_wide && height <= most_high {
        return (width, height);
    }
    // Rounded in whole numbers: side * limit / other side.
    let scaled = |side: u32, limit: u32, other: u32| {
        let (side, limit, other) = (u64::from(side), u64::from(limit), u64::from(other).max(1));
        u32::try_from((side * limit * 2 + other) / (other * 2))
            .unwrap_or(u32::MAX)
            .max(1)
    };
    let by_height = scaled(width, most_high, height);
    if by_height <= most_wide {
        (by_height, most_high)
    } else {
        (most_wide, scaled(height, most_wide, width))
    }
}

/// A processed file's thumbnail with its MIME type, made when somebody asks for it.
pub(super) fn thumbnail(kind: Kind, picture: &Picture) -> Option<(&'static str, Bytes)> {
    if kind.is_video() {
        return Some((Kind::Jpeg.mime(), video_thumbnail()?));
    }
    let image = image::load_from_memory(&picture.bytes).ok()?;
    let side = THUMBNAIL.min(image.width()).min(image.height());
    let square = image.resize_to_fill(side, side, FilterType::Nearest);
    Some((kind.mime(), encoded(kind, &square, None).ok()?))
}

fn encoded(kind: Kind, image: &DynamicImage, profile: Option<Vec<u8>>) -> ImageResult<Bytes> {
    let mut bytes = Vec::new();
    match kind {
        Kind::Png => with_profile(PngEncoder::new(&mut bytes), image, profile)?,
        Kind::Webp => with_profile(WebPEncoder::new_lossless(&mut bytes), &image.to_rgba8().into(), profile)?,
        _ => with_profile(
            JpegEncoder::new_with_quality(&mut bytes, QUALITY),
            &image.to_rgb8().into(),
            profile,
        )?,
    }
    Ok(bytes.into())
}

fn with_profile(mut encoder: impl ImageEncoder, image: &DynamicImage, profile: Option<Vec<u8>>) -> ImageResult<()> {
    if let Some(profile) = profile {
        // A format that can't hold a profile goes without.
        let _ = encoder.set_icc_profile(profile);
    }
    image.write_with_encoder(encoder)
}

fn video_thumbnail() -> Option<Bytes> {
    let mut bytes = Vec::new();
    let grey = DynamicImage::from(RgbImage::from_pixel(64, 64, GREY));
    grey.write_to(&mut Cursor::new(&mut bytes), ImageFormat::Jpeg).ok()?;
    Some(bytes.into())
}

/// What is served where nothing could be made of a file.
pub(super) fn no_preview() -> Vec<u8> {
    let mut bytes = Vec::new();
    let grey = DynamicImage::from(RgbImage::from_pixel(8, 8, GREY));
    // Writing to memory can't fail; an empty file would do as well.
    let _ = grey.write_to(&mut Cursor::new(&mut bytes), ImageFormat::Png);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_those_that_were_recorded() {
        assert_eq!(fitting(3000, 4000), (1013, 1350));
        assert_eq!(fitting(1700, 1200), (1530, 1080));
        assert_eq!(fitting(2000, 2000), (1080, 1080));
        assert_eq!(fitting(4000, 1000), (1920, 480));
        assert_eq!(fitting(800, 600), (800, 600));
    }
}
