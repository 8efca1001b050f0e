//! Bombs, broken files and noise: refused with a reason, never a panic, never much memory.

mod pictures_help;

use image::ImageFormat;
use pictures_help::*;
use tombolo_media::picture::{Bounds, PictureError, Target, Workshop, fuzz, load, look};

fn refused_as_too_large(file: &[u8]) {
    let error = run(file, &open_target()).unwrap_err();
    assert!(matches!(error, PictureError::TooLarge(_)), "{error}");
}

#[test]
fn bombs_are_refused_by_their_headers() {
    let png_header = |w: u32, h: u32| [&w.to_be_bytes()[..], &h.to_be_bytes(), &[8, 2, 0, 0, 0]].concat();
    let png = |header: &[u8]| {
        [
            b"\x89PNG\r\n\x1a\n".to_vec(),
            chunk(b"IHDR", header),
            chunk(b"IDAT", &[0x78, 0x9C, 1, 0, 0, 0xFF, 0xFF, 0, 0, 0, 1]),
            chunk(b"IEND", &[]),
        ]
        .concat()
    };
    refused_as_too_large(&png(&png_header(40_000, 40_000)));
    refused_as_too_large(&png(&png_header(u32::MAX, u32::MAX)));

    let mut gif = gif(1, 10, 10);
    gif[6..10].copy_from_slice(&[0xFF; 4]);
    refused_as_too_large(&gif);

    let mut lossless = encode(quarters(10, 10), ImageFormat::WebP);
    let bits = 16_383u32 | 16_383 << 14;
    let at = lossless.windows(4).position(|w| w == b"VP8L").unwrap() + 9;
    lossless[at..at + 4].copy_from_slice(&bits.to_le_bytes());
    refused_as_too_large(&lossless);

    let mut photo = jpeg(&quarters(16, 16), 80);
    let at = photo.windows(2).position(|w| w == [0xFF, 0xC0]).unwrap() + 5;
    photo[at..at + 4].copy_from_slice(&[0xFF; 4]);
    refused_as_too_large(&photo);
}

#[test]
fn headers_that_contradict_the_picture_are_refused() {
    let small = encode(quarters(10, 10), ImageFormat::WebP);
    let lying = extended_webp(&small, (4_000, 4_000), 0, &[], &[]);
    assert!(matches!(look(&lying), Err(PictureError::Unreadable(_))));
    let mut frames = animated_webp(2, 20, 20);
    let at = frames.windows(4).rposition(|w| w == b"VP8L").unwrap() + 9;
    frames[at..at + 4].copy_from_slice(&(0x3E80_u32 | 0x3E80 << 14).to_le_bytes());
    assert!(matches!(look(&frames), Err(PictureError::Unreadable(_))));
    let mut big_frame = gif(1, 10, 10);
    big_frame[6..10].copy_from_slice(&[5, 0, 5, 0]);
    assert!(matches!(look(&big_frame), Err(PictureError::Unreadable(_))));
}

#[test]
fn a_progressive_jpeg_is_counted_with_its_coefficients() {
    let picture = photo(400, 400);
    let mut file = Vec::new();
    let mut encoder = jpeg_encoder::Encoder::new(&mut file, 90);
    encoder.set_progressive(true);
    encoder
        .encode(picture.as_raw(), 400, 400, jpeg_encoder::ColorType::Rgb)
        .unwrap();
    let dir = std::env::temp_dir();
    let bounds = Bounds {
        memory: 400 * 400 * 8,
        ..Bounds::default()
    };
    let tight = Workshop {
        bounds,
        ..workshop(&dir)
    };
    assert!(matches!(
        run_in(&file, &open_target(), &tight),
        Err(PictureError::TooLarge(_))
    ));
    assert!(
        run_in(&jpeg(&picture, 90), &open_target(), &tight).is_ok(),
        "a baseline one needs less"
    );
    assert!(
        run(
            &file,
            &Target {
                max_pixels: 10_000,
                ..open_target()
            }
        )
        .is_ok()
    );
}

#[tokio::test]
async fn files_over_the_byte_bound_are_not_read() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("large.jpg");
    std::fs::File::create(&path).unwrap().set_len(65 << 20).unwrap();
    let error = load(&path, &Bounds::default()).await.unwrap_err();
    assert!(
        matches!(&error, PictureError::TooLarge(text) if text.contains("67108864")),
        "{error}"
    );
    let error = load(&dir.path().join("none.jpg"), &Bounds::default())
        .await
        .unwrap_err();
    assert!(error.to_string().contains("none.jpg"), "{error}");
}

/// A small picture of each format this crate decodes, with metadata where it has any.
fn samples() -> Vec<Vec<u8>> {
    let progressive = {
        let mut file = Vec::new();
        let mut encoder = jpeg_encoder::Encoder::new(&mut file, 80);
        encoder.set_progressive(true);
        encoder
            .encode(photo(40, 24).as_raw(), 40, 24, jpeg_encoder::ColorType::Rgb)
            .unwrap();
        file
    };
    let inks = {
        let mut file = Vec::new();
        let samples = vec![90; 32 * 16 * 4];
        let encoder = jpeg_encoder::Encoder::new(&mut file, 80);
        encoder
            .encode(&samples, 32, 16, jpeg_encoder::ColorType::CmykAsYcck)
            .unwrap();
        file
    };
    let webp = encode(photo(33, 17), ImageFormat::WebP);
    vec![
        with_segments(
            &jpeg(&photo(48, 32), 85),
            &[exif_segment(6), segment(0xE2, b"ICC_PROFILE\0\x01\x01short")],
        ),
        progressive,
        inks,
        with_chunks(&encode(photo(30, 20), ImageFormat::Png), &[chunk(b"eXIf", &exif(3))]),
        encode(translucent(30, 20), ImageFormat::Png),
        gif(3, 24, 18),
        webp.clone(),
        extended_webp(&webp, (33, 17), 0x08, &[], &[riff_chunk(b"EXIF", &exif(8))]),
        animated_webp(2, 20, 12),
    ]
}

#[test]
fn a_file_cut_short_is_refused_wherever_it_is_cut() {
    for file in samples() {
        let whole = look(&file).unwrap();
        for cut in 1..file.len() {
            let short = &file[..file.len() - cut];
            // A GIF may lack its last byte, and then end with any whole frame: viewers show those.
            if let Ok(facts) = look(short) {
                assert!(
                    whole.kind == tombolo_media::picture::Kind::Gif,
                    "{} cut by {cut}",
                    facts.kind
                );
            }
        }
    }
    assert!(look(&[]).is_err());
}

#[test]
fn damaged_files_never_panic_and_never_break_the_limits() {
    let mut noise = Noise(0x5EED);
    for file in samples() {
        fuzz::picture(&file);
        for _ in 0..400 {
            let mut damaged = file.clone();
            for _ in 0..=noise.below(4) {
                let at = noise.below(damaged.len());
                match noise.below(4) {
                    0 => damaged[at] ^= 1 << noise.below(8),
                    1 => damaged[at] = noise.byte(),
                    2 => damaged.truncate(at.max(1)),
                    _ => {
                        let from = noise.below(damaged.len());
                        let end = (from + noise.below(64)).min(damaged.len());
                        let piece = damaged[from..end].to_vec();
                        damaged.splice(at..at, piece);
                    }
                }
            }
            repair_png(&mut damaged);
            fuzz::picture(&damaged);
        }
    }
    for length in [0, 1, 4, 12, 40, 400, 4_000] {
        let bytes = (0..length).map(|_| noise.byte()).collect::<Vec<_>>();
        fuzz::picture(&bytes);
        for head in [
            &b"\xFF\xD8\xFF"[..],
            b"\x89PNG\r\n\x1a\n",
            b"GIF89a",
            b"RIFF\x40\0\0\0WEBP",
            b"\0\0\0\x14ftypheic",
        ] {
            fuzz::picture(&[head, &bytes].concat());
        }
    }
}

/// Gives a damaged PNG right checksums again, or hardly any damage would get past them.
fn repair_png(file: &mut [u8]) {
    if !file.starts_with(b"\x89PNG") {
        return;
    }
    let mut at = 8;
    while let Some(head) = file.get(at..at + 8) {
        let length = u32::from_be_bytes([head[0], head[1], head[2], head[3]]) as usize;
        let Some(body) = file.get(at + 8..(at + 8).saturating_add(length)) else {
            return;
        };
        let name = [head[4], head[5], head[6], head[7]];
        let fresh = chunk(&name, body);
        let Some(place) = file.get_mut(at..at + fresh.len()) else {
            return;
        };
        place.copy_from_slice(&fresh);
        at += fresh.len();
    }
}
