//! Pictures made by code: what the picture tests share.
#![allow(dead_code, reason = "each test file uses its part")]

use std::io::Cursor;
use std::path::PathBuf;

use bytes::Bytes;
use image::{DynamicImage, ImageFormat, Rgb, RgbImage, Rgba, RgbaImage};
use tombolo_media::picture::{Bounds, Decoders, PictureError, Prepared, Target, Workshop, prepare};

/// A target that takes everything usual and sets no limit.
pub fn open_target() -> Target {
    Target {
        types: Vec::new(),
        max_bytes: u64::MAX,
        max_pixels: u64::MAX,
        fit: None,
    }
}

pub fn takes(types: &[&str]) -> Target {
    Target {
        types: types.iter().map(ToString::to_string).collect(),
        ..open_target()
    }
}

pub fn workshop(dir: &std::path::Path) -> Workshop {
    Workshop {
        decoders: Decoders::default(),
        bounds: Bounds::default(),
        dir: dir.to_owned(),
    }
}

/// A workshop with the machine's own programs.
pub fn equipped(dir: &std::path::Path) -> Workshop {
    Workshop {
        decoders: Decoders::find(&std::env::var_os("PATH").unwrap()),
        ..workshop(dir)
    }
}

pub fn run(data: &[u8], target: &Target) -> Result<Prepared, PictureError> {
    run_in(data, target, &workshop(&std::env::temp_dir()))
}

pub fn run_in(data: &[u8], target: &Target, workshop: &Workshop) -> Result<Prepared, PictureError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(prepare(Bytes::copy_from_slice(data), target, workshop))
}

/// A program of the machine, or a word that the test is skipped. In CI it must be there.
pub fn program(name: &str) -> Option<PathBuf> {
    let found = std::env::split_paths(&std::env::var_os("PATH")?)
        .map(|d| d.join(name))
        .find(|f| f.is_file());
    if found.is_none() {
        assert!(
            std::env::var_os("CI").is_none(),
            "{name} is not installed, and in CI it must be"
        );
        eprintln!("SKIPPED: {name} is not on PATH");
    }
    found
}

/// Red, green, blue and yellow quarters: the corners tell how a picture is turned.
pub const CORNERS: [[u8; 3]; 4] = [[220, 30, 30], [30, 200, 30], [30, 30, 220], [230, 220, 30]];

pub fn quarters(width: u32, height: u32) -> RgbImage {
    RgbImage::from_fn(width, height, |x, y| {
        Rgb(CORNERS[usize::from(x >= width / 2) + 2 * usize::from(y >= height / 2)])
    })
}

/// Smooth waves with detail, a fair stand-in for a photo.
pub fn photo(width: u32, height: u32) -> RgbImage {
    let mut noise = Noise(7);
    RgbImage::from_fn(width, height, |x, y| {
        let (x, y) = (f64::from(x), f64::from(y));
        let grain = f64::from(noise.byte()) / 12.0;
        let wave = |a: f64, b: f64| 118.0 + 90.0 * (x / a).sin() * (y / b).cos() + grain;
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        Rgb([wave(37.0, 51.0) as u8, wave(23.0, 61.0) as u8, wave(71.0, 19.0) as u8])
    })
}

pub fn translucent(width: u32, height: u32) -> RgbaImage {
    RgbaImage::from_fn(width, height, |x, _| {
        if x < width / 2 {
            Rgba([0, 0, 0, 0])
        } else {
            Rgba([200, 0, 0, 255])
        }
    })
}

pub fn encode(image: impl Into<DynamicImage>, format: ImageFormat) -> Vec<u8> {
    let mut out = Cursor::new(Vec::new());
    image.into().write_to(&mut out, format).unwrap();
    out.into_inner()
}

pub fn jpeg(image: &RgbImage, quality: u8) -> Vec<u8> {
    let mut out = Vec::new();
    image::codecs::jpeg::JpegEncoder::new_with_quality(&mut out, quality)
        .encode_image(image)
        .unwrap();
    out
}

pub fn gif(frames: u32, width: u32, height: u32) -> Vec<u8> {
    let mut out = Vec::new();
    {
        let mut encoder = image::codecs::gif::GifEncoder::new(&mut out);
        encoder.set_repeat(image::codecs::gif::Repeat::Infinite).unwrap();
        for i in 0..frames {
            let shade = u8::try_from(40 + 50 * i % 200).unwrap();
            let frame = RgbaImage::from_pixel(width, height, Rgba([shade, 0, 255 - shade, 255]));
            encoder.encode_frame(image::Frame::new(frame)).unwrap();
        }
    }
    out
}

pub fn decode(data: &[u8]) -> DynamicImage {
    image::load_from_memory(data).unwrap()
}

/// A JPEG segment.
pub fn segment(marker: u8, body: &[u8]) -> Vec<u8> {
    let mut out = vec![0xFF, marker];
    out.extend_from_slice(&u16::try_from(body.len() + 2).unwrap().to_be_bytes());
    out.extend_from_slice(body);
    out
}

/// Puts segments behind a JPEG's first marker.
pub fn with_segments(jpeg: &[u8], segments: &[Vec<u8>]) -> Vec<u8> {
    let mut out = jpeg[..2].to_vec();
    for segment in segments {
        out.extend_from_slice(segment);
    }
    out.extend_from_slice(&jpeg[2..]);
    out
}

/// A TIFF block with an orientation, make, model, software, artist, times, serial number, owner, a GPS position in Berlin and a
/// thumbnail directory.
pub fn exif(orientation: u16) -> Vec<u8> {
    use exif::experimental::Writer;
    use exif::{Field, In, Rational, Tag, Value};
    let ascii = |text: &str| Value::Ascii(vec![text.as_bytes().to_vec()]);
    let degrees = |d: u32, m: u32| {
        Value::Rational(vec![
            Rational { num: d, denom: 1 },
            Rational { num: m, denom: 1 },
            Rational { num: 0, denom: 1 },
        ])
    };
    let fields = [
        (Tag::Orientation, Value::Short(vec![orientation])),
        (Tag::Make, ascii("SecretMaker")),
        (Tag::Model, ascii("SecretModel")),
        (Tag::Software, ascii("SecretSoftware")),
        (Tag::Artist, ascii("SecretArtist")),
        (Tag::DateTimeOriginal, ascii("2026:01:02 03:04:05")),
        (Tag::BodySerialNumber, ascii("SecretSerial")),
        (Tag::CameraOwnerName, ascii("SecretOwner")),
        (Tag::GPSLatitudeRef, ascii("N")),
        (Tag::GPSLatitude, degrees(52, 31)),
        (Tag::GPSLongitudeRef, ascii("E")),
        (Tag::GPSLongitude, degrees(13, 24)),
    ]
    .map(|(tag, value)| Field {
        tag,
        ifd_num: In::PRIMARY,
        value,
    });
    let mut writer = Writer::new();
    for field in &fields {
        writer.push_field(field);
    }
    let thumbnail = jpeg(&quarters(16, 16), 60);
    writer.set_jpeg(&thumbnail, In::THUMBNAIL);
    let mut out = Cursor::new(Vec::new());
    writer.write(&mut out, false).unwrap();
    out.into_inner()
}

pub fn exif_segment(orientation: u16) -> Vec<u8> {
    segment(0xE1, &[b"Exif\0\0".as_slice(), &exif(orientation)].concat())
}

/// A PNG chunk with its checksum.
pub fn chunk(name: &[u8; 4], body: &[u8]) -> Vec<u8> {
    let mut out = u32::try_from(body.len()).unwrap().to_be_bytes().to_vec();
    out.extend_from_slice(name);
    out.extend_from_slice(body);
    let sum = out[4..].iter().fold(u32::MAX, |mut value, byte| {
        value ^= u32::from(*byte);
        for _ in 0..8 {
            value = if value & 1 == 1 {
                0xEDB8_8320 ^ (value >> 1)
            } else {
                value >> 1
            };
        }
        value
    });
    out.extend_from_slice(&(!sum).to_be_bytes());
    out
}

/// Puts chunks behind a PNG's header.
pub fn with_chunks(png: &[u8], chunks: &[Vec<u8>]) -> Vec<u8> {
    [&png[..33], &chunks.concat(), &png[33..]].concat()
}

pub fn riff_chunk(name: &[u8; 4], body: &[u8]) -> Vec<u8> {
    let mut out = name.to_vec();
    out.extend_from_slice(&u32::try_from(body.len()).unwrap().to_le_bytes());
    out.extend_from_slice(body);
    out.resize(out.len().next_multiple_of(2), 0);
    out
}

/// A WebP in the extended form: the picture chunk of `simple`, with `flags` and further chunks.
pub fn extended_webp(simple: &[u8], size: (u32, u32), flags: u8, before: &[Vec<u8>], after: &[Vec<u8>]) -> Vec<u8> {
    let mut head = vec![flags, 0, 0, 0];
    head.extend_from_slice(&(size.0 - 1).to_le_bytes()[..3]);
    head.extend_from_slice(&(size.1 - 1).to_le_bytes()[..3]);
    let body = [
        riff_chunk(b"VP8X", &head),
        before.concat(),
        simple[12..].to_vec(),
        after.concat(),
    ]
    .concat();
    riff(&body)
}

pub fn riff(body: &[u8]) -> Vec<u8> {
    let mut out = b"RIFF".to_vec();
    out.extend_from_slice(&u32::try_from(body.len() + 4).unwrap().to_le_bytes());
    out.extend_from_slice(b"WEBP");
    out.extend_from_slice(body);
    out
}

/// An animated WebP of lossless frames.
pub fn animated_webp(frames: u8, width: u32, height: u32) -> Vec<u8> {
    let mut body = riff_chunk(
        b"VP8X",
        &[
            &[0x02, 0, 0, 0][..],
            &(width - 1).to_le_bytes()[..3],
            &(height - 1).to_le_bytes()[..3],
        ]
        .concat(),
    );
    body.extend(riff_chunk(b"ANIM", &[255, 255, 255, 255, 0, 0]));
    for i in 0..frames {
        let still = encode(
            RgbImage::from_pixel(width, height, Rgb([i * 40, 90, 200])),
            ImageFormat::WebP,
        );
        let mut frame = vec![0; 6];
        frame.extend_from_slice(&(width - 1).to_le_bytes()[..3]);
        frame.extend_from_slice(&(height - 1).to_le_bytes()[..3]);
        frame.extend_from_slice(&[100, 0, 0, 0]);
        frame.extend_from_slice(&still[12..]);
        body.extend(riff_chunk(b"ANMF", &frame));
    }
    riff(&body)
}

/// Mean difference per channel, of 255.
pub fn difference(a: &RgbImage, b: &RgbImage) -> f64 {
    assert_eq!(a.dimensions(), b.dimensions());
    let sum: u64 = a
        .as_raw()
        .iter()
        .zip(b.as_raw())
        .map(|(a, b)| u64::from(a.abs_diff(*b)))
        .sum();
    #[allow(clippy::cast_precision_loss)]
    {
        sum as f64 / a.as_raw().len() as f64
    }
}

/// xorshift: the same noise every time.
pub struct Noise(pub u64);

impl Noise {
    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    pub fn byte(&mut self) -> u8 {
        self.next().to_le_bytes()[3]
    }

    pub fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % end.max(1) as u64).unwrap()
    }
}
