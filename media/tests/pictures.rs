//! What leaves is upright, in sRGB, within the limits, and looks like what came in.

mod pictures_help;

use image::{GrayImage, ImageBuffer, ImageFormat, Luma, Rgb, Rgba};
use pictures_help::*;
use tombolo_media::picture::{Fit, Kind, Operation, PictureError, Target, look};

#[test]
fn every_orientation_comes_out_upright() {
    let upright = quarters(96, 64);
    for (orientation, make) in [
        (1, upright.clone()),
        (2, image::imageops::flip_horizontal(&upright)),
        (3, image::imageops::rotate180(&upright)),
        (4, image::imageops::flip_vertical(&upright)),
        (
            5,
            image::imageops::flip_horizontal(&image::imageops::rotate90(&upright)),
        ),
        (6, image::imageops::rotate270(&upright)),
        (
            7,
            image::imageops::flip_horizontal(&image::imageops::rotate270(&upright)),
        ),
        (8, image::imageops::rotate90(&upright)),
    ] {
        let png = encode(make.clone(), ImageFormat::Png);
        let files = [
            with_segments(&jpeg(&make, 95), &[exif_segment(orientation)]),
            with_chunks(&png, &[chunk(b"eXIf", &exif(orientation))]),
            extended_webp(
                &encode(make.clone(), ImageFormat::WebP),
                make.dimensions(),
                0x08,
                &[],
                &[riff_chunk(b"EXIF", &exif(orientation))],
            ),
        ];
        for file in files {
            let facts = look(&file).unwrap();
            assert_eq!((facts.width, facts.height), (96, 64), "{} {orientation}", facts.kind);
            let prepared = run(&file, &open_target()).unwrap();
            assert_eq!(prepared.media_type, facts.kind.media_type());
            let shown = decode(&prepared.bytes).to_rgb8();
            assert_eq!(look(&prepared.bytes).unwrap().orientation.value(), 1);
            assert!(difference(&shown, &upright) < 3.0, "{} {orientation}", facts.kind);
            assert_eq!(prepared.did.contains(&Operation::Turned), orientation != 1);
        }
    }
}

#[test]
fn a_turned_photo_is_scaled_to_the_pixels_that_are_taken() {
    let upright = photo(600, 900);
    let stored = image::imageops::rotate270(&upright);
    let file = with_segments(&jpeg(&stored, 97), &[exif_segment(6)]);
    let prepared = run(
        &file,
        &Target {
            max_pixels: 200_000,
            ..open_target()
        },
    )
    .unwrap();
    assert_eq!((prepared.width, prepared.height), (365, 547));
    let shown = decode(&prepared.bytes).to_rgb8();
    let reference = image::imageops::resize(&upright, 365, 547, image::imageops::FilterType::Lanczos3);
    assert!(
        difference(&shown, &reference) < 3.0,
        "{}",
        difference(&shown, &reference)
    );
    let shown = prepared
        .did
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join("; ");
    assert!(
        shown.contains("turned upright; scaled 600×900 to 365×547; encoded again (quality 92)"),
        "{shown}"
    );
}

#[test]
fn scaling_in_bands_equals_scaling_at_once() {
    // A hair below the original size is where source and target lie closest in the shared buffer.
    for (max_pixels, alpha) in [(997 * 1_400, false), (500_000, false), (20_000, false), (300_000, true)] {
        let source = photo(1_000, 1_402);
        let file = if alpha {
            let mut transparent = image::DynamicImage::from(source.clone()).to_rgba8();
            transparent.get_pixel_mut(0, 0).0[3] = 254;
            encode(transparent, ImageFormat::Png)
        } else {
            encode(source.clone(), ImageFormat::Png)
        };
        let target = Target {
            max_pixels,
            ..takes(&["image/png"])
        };
        let prepared = run(&file, &target).unwrap();
        let (w, h) = (prepared.width, prepared.height);
        assert!(u64::from(w) * u64::from(h) <= max_pixels && u64::from(w + 2) * u64::from(h + 2) > max_pixels);
        let shown = decode(&prepared.bytes).to_rgb8();
        let reference = image::imageops::resize(&source, w, h, image::imageops::FilterType::Lanczos3);
        assert!(
            difference(&shown, &reference) < 0.7,
            "{max_pixels}: {}",
            difference(&shown, &reference)
        );
    }
}

#[test]
fn pixelfeds_boxes_are_met_to_the_pixel() {
    let fit = Some(Fit {
        landscape: (1920, 1080),
        portrait: (1080, 1350),
        square: (1080, 1080),
    });
    for (from, to) in [
        ((2400, 1600), (1620, 1080)),
        ((3000, 1000), (1920, 640)),
        ((1200, 1600), (1013, 1350)),
        ((1500, 1500), (1080, 1080)),
        ((1920, 1080), (1920, 1080)),
        ((800, 600), (800, 600)),
    ] {
        let file = jpeg(&quarters(from.0, from.1), 80);
        let prepared = run(&file, &Target { fit, ..open_target() }).unwrap();
        assert_eq!((prepared.width, prepared.height), to, "{from:?}");
        assert_eq!(prepared.did.is_empty(), from == to);
    }
}

#[test]
fn byte_limits_are_obeyed_to_the_byte_and_used_well() {
    let file = jpeg(&photo(1_600, 1_200), 98);
    for max_bytes in [500_000, 300_000, 120_000, 40_000, 9_000] {
        let prepared = run(
            &file,
            &Target {
                max_bytes,
                ..open_target()
            },
        )
        .unwrap();
        let size = prepared.bytes.len() as u64;
        assert!(size <= max_bytes, "{size} > {max_bytes}");
        assert!(size * 10 > max_bytes * 6, "{size} of {max_bytes}: wasteful");
        let quality = prepared.did.iter().find_map(|o| match o {
            Operation::Reencoded { quality } => *quality,
            _ => None,
        });
        assert!((60..=92).contains(&quality.unwrap()));
    }
    // Exactly the size it has is enough to pass untouched; one byte less is not.
    let whole = file.len() as u64;
    assert!(
        run(
            &file,
            &Target {
                max_bytes: whole,
                ..open_target()
            }
        )
        .unwrap()
        .did
        .is_empty()
    );
    let less = run(
        &file,
        &Target {
            max_bytes: whole - 1,
            ..open_target()
        },
    )
    .unwrap();
    assert!(less.bytes.len() < file.len() && !less.did.is_empty());
}

#[test]
fn a_large_photo_keeps_its_size_and_gives_quality_first() {
    let file = jpeg(&photo(3_000, 2_000), 97);
    let prepared = run(
        &file,
        &Target {
            max_bytes: file.len() as u64 / 3,
            ..open_target()
        },
    )
    .unwrap();
    assert_eq!((prepared.width, prepared.height), (3_000, 2_000));
    assert!(
        prepared.bytes.len() > file.len() / 4,
        "{} of {}",
        prepared.bytes.len(),
        file.len() / 3
    );
}

#[test]
fn what_no_scaling_can_bring_within_is_said() {
    let file = jpeg(&photo(400, 300), 90);
    let error = run(
        &file,
        &Target {
            max_bytes: 300,
            ..open_target()
        },
    )
    .unwrap_err();
    assert!(
        matches!(&error, PictureError::Impossible(text) if text.contains("300 bytes")),
        "{error}"
    );
    let error = run(&file, &takes(&["image/jxl"])).unwrap_err();
    assert!(error.to_string().contains("image/jxl"), "{error}");
}

#[test]
fn display_p3_colours_become_the_same_colours_in_srgb() {
    let profile = moxcms::ColorProfile::new_display_p3().encode().unwrap();
    // P3 (0.75, 0.4, 0.4) is sRGB (205, 97, 99), by the matrices of both spaces.
    let picture = image::RgbImage::from_pixel(64, 64, Rgb([191, 102, 102]));
    let png = encode(picture.clone(), ImageFormat::Png);
    let files = [
        with_segments(&jpeg(&picture, 98), &[icc_segment(&profile)]),
        extended_webp(
            &encode(picture, ImageFormat::WebP),
            (64, 64),
            0x20,
            &[riff_chunk(b"ICCP", &profile)],
            &[],
        ),
        with_chunks(
            &png,
            &[chunk(b"iCCP", &[b"p3\0\0".as_slice(), &zlib_stored(&profile)].concat())],
        ),
    ];
    for file in files {
        let prepared = run(&file, &open_target()).unwrap();
        assert!(prepared.did.contains(&Operation::ToSrgb), "{:?}", prepared.did);
        let pixel = decode(&prepared.bytes).to_rgb8().get_pixel(32, 32).0;
        let expected = [205, 97, 99];
        assert!(
            pixel.iter().zip(expected).all(|(a, b)| a.abs_diff(b) <= 4),
            "{pixel:?} {}",
            prepared.media_type
        );
        assert!(
            !prepared
                .bytes
                .windows(4)
                .any(|w| w == b"ICC_" || w == b"iCCP" || w == b"ICCP")
        );
    }
}

#[test]
fn greys_of_another_curve_are_converted_with_transparency_and_without() {
    let profile = moxcms::ColorProfile::new_gray_with_gamma(1.0).encode().unwrap();
    let chunk = || chunk(b"iCCP", &[b"linear\0\0".as_slice(), &zlib_stored(&profile)].concat());
    let plain = encode(GrayImage::from_pixel(40, 40, Luma([18])), ImageFormat::Png);
    let clear: ImageBuffer<image::LumaA<u8>, _> = ImageBuffer::from_pixel(40, 40, image::LumaA([18, 200]));
    for file in [plain, encode(clear, ImageFormat::Png)] {
        let prepared = run(&with_chunks(&file, &[chunk()]), &open_target()).unwrap();
        let pixel = decode(&prepared.bytes).to_rgba8().get_pixel(10, 10).0;
        // A fourteenth of the light is 75 or 76 in sRGB.
        assert!(
            pixel[..3].iter().all(|value| value.abs_diff(75) <= 2),
            "{pixel:?} {:?}",
            prepared.did
        );
    }
}

#[test]
fn a_profile_that_means_srgb_costs_no_encoding() {
    let profile = moxcms::ColorProfile::new_srgb().encode().unwrap();
    let plain = jpeg(&photo(64, 64), 90);
    let prepared = run(&with_segments(&plain, &[icc_segment(&profile)]), &open_target()).unwrap();
    assert!(prepared.did.is_empty(), "{:?}", prepared.did);
    assert_eq!(prepared.bytes, plain);
}

#[test]
fn cmyk_jpegs_become_rgb() {
    // The encoder writes inks as Adobe does: inverted, with its marker.
    for kind in [jpeg_encoder::ColorType::Cmyk, jpeg_encoder::ColorType::CmykAsYcck] {
        let inks: Vec<u8> = (0..64 * 64).flat_map(|_| [0, 200, 200, 20]).collect();
        let mut file = Vec::new();
        jpeg_encoder::Encoder::new(&mut file, 95)
            .encode(&inks, 64, 64, kind)
            .unwrap();
        let prepared = run(&file, &open_target()).unwrap();
        let pixel = decode(&prepared.bytes).to_rgb8().get_pixel(30, 30).0;
        // 255 of white less ink, times what black leaves: 255·235/255 and 55·235/255.
        let expected = [235, 51, 51];
        assert!(
            pixel.iter().zip(expected).all(|(a, b)| a.abs_diff(b) <= 6),
            "{kind:?} {pixel:?}"
        );
        assert!(prepared.did.contains(&Operation::ToSrgb));
    }
}

#[test]
fn transparency_is_kept_where_it_can_be_and_else_put_on_white() {
    for format in [ImageFormat::Png, ImageFormat::WebP] {
        let file = encode(translucent(80, 60), format);
        let kept = run(
            &file,
            &Target {
                max_pixels: 1_200,
                ..open_target()
            },
        )
        .unwrap();
        assert_eq!(decode(&kept.bytes).to_rgba8().get_pixel(2, 2).0[3], 0);
        assert_eq!(Some(kept.media_type), Some(format.to_mime_type()));
        let flat = run(&file, &takes(&["image/jpeg"])).unwrap();
        assert_eq!((flat.media_type, flat.extension), ("image/jpeg", "jpg"));
        assert!(flat.did.contains(&Operation::Flattened));
        let shown = decode(&flat.bytes).to_rgb8();
        assert!(
            shown.get_pixel(5, 30).0.iter().all(|c| *c > 248),
            "{:?}",
            shown.get_pixel(5, 30)
        );
        assert!(shown.get_pixel(70, 30).0[1] < 20);
    }
}

#[test]
fn every_format_becomes_every_format_that_is_taken() {
    let picture = quarters(64, 48);
    for from in [ImageFormat::Jpeg, ImageFormat::Png, ImageFormat::WebP, ImageFormat::Gif] {
        let file = encode(picture.clone(), from);
        for to in ["image/jpeg", "image/png", "image/webp", "image/gif"] {
            let prepared = run(&file, &takes(&[to])).unwrap();
            assert_eq!(prepared.media_type, to);
            assert_eq!(look(&prepared.bytes).unwrap().kind.media_type(), to);
            let shown = decode(&prepared.bytes).to_rgb8();
            assert!(
                difference(&shown, &picture) < 5.0,
                "{from:?} {to} {}",
                difference(&shown, &picture)
            );
            let same = from.to_mime_type() == to;
            let converted = prepared.did.iter().any(|o| matches!(o, Operation::Converted { .. }));
            assert_eq!(converted, !same, "{from:?} {to}");
        }
    }
    let pixelfed = run(&encode(picture, ImageFormat::Jpeg), &takes(&["image/jpg"])).unwrap();
    assert!(pixelfed.did.is_empty(), "Pixelfed spells it image/jpg");
}

#[test]
fn deep_grey_and_palette_pngs_are_read() {
    let deep: ImageBuffer<Rgb<u16>, _> = ImageBuffer::from_pixel(40, 40, Rgb([65_535, 32_896, 0]));
    let deep_alpha: ImageBuffer<Rgba<u16>, _> = ImageBuffer::from_pixel(40, 40, Rgba([65_535, 32_896, 0, 65_535]));
    let grey = GrayImage::from_pixel(40, 40, Luma([90]));
    let grey_alpha: ImageBuffer<image::LumaA<u8>, _> = ImageBuffer::from_pixel(40, 40, image::LumaA([90, 255]));
    for (file, expected) in [
        (encode(deep, ImageFormat::Png), [255, 128, 0]),
        (encode(deep_alpha, ImageFormat::Png), [255, 128, 0]),
        (encode(grey, ImageFormat::Png), [90, 90, 90]),
        (encode(grey_alpha, ImageFormat::Png), [90, 90, 90]),
        (palette_png(), [12, 200, 34]),
    ] {
        let kept = run(&file, &open_target()).unwrap();
        assert_eq!(kept.bytes, file, "nothing to do");
        for target in [
            takes(&["image/jpeg"]),
            Target {
                max_pixels: 900,
                ..open_target()
            },
        ] {
            let prepared = run(&file, &target).unwrap();
            let pixel = decode(&prepared.bytes).to_rgb8().get_pixel(10, 10).0;
            assert!(
                pixel.iter().zip(expected).all(|(a, b)| a.abs_diff(b) <= 3),
                "{pixel:?} {expected:?}"
            );
        }
    }
}

#[test]
fn an_animated_gif_stays_animated_and_loops() {
    let commented = {
        let mut file = gif(4, 60, 40);
        let end = file.len() - 1;
        file.splice(end..end, *b"\x21\xFE\x06secret\x00");
        file
    };
    let facts = look(&commented).unwrap();
    assert!(facts.is_animated() && facts.frames == 4);
    let fit = Some(Fit {
        landscape: (30, 20),
        portrait: (20, 30),
        square: (20, 20),
    });
    let prepared = run(&commented, &Target { fit, ..open_target() }).unwrap();
    let again = look(&prepared.bytes).unwrap();
    assert_eq!((again.frames, again.width, again.traces.len()), (4, 60, 0));
    assert!(prepared.bytes.windows(11).any(|w| w == b"NETSCAPE2.0"));
    assert!(!prepared.bytes.windows(6).any(|w| w == b"secret"));
    assert_eq!(prepared.bytes, gif(4, 60, 40));
}

#[test]
fn a_still_gif_becomes_a_png_where_that_is_taken() {
    let file = gif(1, 60, 40);
    let prepared = run(&file, &takes(&["image/jpeg", "image/png", "image/gif"])).unwrap();
    assert_eq!((prepared.media_type, prepared.extension), ("image/png", "png"));
    assert_eq!(decode(&prepared.bytes).to_rgb8(), decode(&file).to_rgb8());
    assert_eq!(run(&file, &takes(&["image/jpeg", "image/gif"])).unwrap().bytes, file);
}

#[test]
fn a_png_keeps_the_word_on_what_its_colours_mean() {
    let wide_colours = chunk(b"cICP", &[12, 13, 0, 1]);
    let file = with_chunks(
        &encode(quarters(40, 30), ImageFormat::Png),
        std::slice::from_ref(&wide_colours),
    );
    let prepared = run(&file, &open_target()).unwrap();
    assert!(prepared.did.is_empty(), "{:?}", prepared.did);
    assert!(prepared.bytes.windows(wide_colours.len()).any(|w| w == wide_colours));
}

#[test]
fn an_animation_that_is_not_taken_becomes_its_first_picture() {
    let file = gif(4, 60, 40);
    for target in [
        takes(&["image/jpeg"]),
        takes(&["image/png"]),
        Target {
            max_pixels: 1_000,
            ..open_target()
        },
    ] {
        let prepared = run(&file, &target).unwrap();
        assert!(
            prepared.did.contains(&Operation::StillOfAnimation),
            "{:?}",
            prepared.did
        );
        assert!(!look(&prepared.bytes).unwrap().is_animated());
        let pixel = decode(&prepared.bytes).to_rgb8().get_pixel(5, 5).0;
        assert!(pixel[0].abs_diff(40) < 8 && pixel[2].abs_diff(215) < 8, "{pixel:?}");
    }
    let prepared = run(&animated_webp(3, 50, 30), &open_target()).unwrap();
    assert!(prepared.did.contains(&Operation::StillOfAnimation));
    assert!(!look(&prepared.bytes).unwrap().is_animated());
    assert!(decode(&prepared.bytes).to_rgb8().get_pixel(5, 5).0[2] > 190);
}

#[test]
fn an_animated_png_loses_its_motion_and_nothing_else() {
    let still = encode(quarters(20, 20), ImageFormat::Png);
    let control = [
        &[0u8; 4][..],
        &20u32.to_be_bytes(),
        &20u32.to_be_bytes(),
        &[0; 8],
        &[0, 1, 0, 10, 0, 0],
    ]
    .concat();
    let animated = with_chunks(
        &still,
        &[chunk(b"acTL", &[0, 0, 0, 2, 0, 0, 0, 0]), chunk(b"fcTL", &control)],
    );
    assert_eq!(look(&animated).unwrap().frames, 2);
    let prepared = run(&animated, &open_target()).unwrap();
    assert_eq!(prepared.did, [Operation::StillOfAnimation]);
    assert_eq!(prepared.bytes, still);
}

#[test]
fn formats_are_told_by_their_bytes() {
    use tombolo_media::picture::sniff;
    assert_eq!(sniff(&encode(quarters(4, 4), ImageFormat::WebP)), Some(Kind::WebP));
    assert_eq!(sniff(b"\0\0\0\x18ftypmif1\0\0\0\0mif1avif"), Some(Kind::Avif));
    assert_eq!(sniff(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic"), Some(Kind::Heic));
    assert_eq!(sniff(b"\0\0\0\x18ftypisom\0\0\0\0isomavc1"), None);
    let error = look(b"II*\0\x08\0\0\0 and so on").unwrap_err();
    assert!(
        error.to_string().contains("image/tiff") && error.to_string().contains("JPEG"),
        "{error}"
    );
}

fn icc_segment(profile: &[u8]) -> Vec<u8> {
    segment(0xE2, &[b"ICC_PROFILE\0\x01\x01".as_slice(), profile].concat())
}

/// A zlib stream of one stored block.
fn zlib_stored(data: &[u8]) -> Vec<u8> {
    let length = u16::try_from(data.len()).unwrap();
    let mut out = vec![0x78, 0x01, 1];
    out.extend_from_slice(&length.to_le_bytes());
    out.extend_from_slice(&(!length).to_le_bytes());
    out.extend_from_slice(data);
    let (a, b) = data.iter().fold((1u32, 0u32), |(a, b), byte| {
        let a = (a + u32::from(*byte)) % 65_521;
        (a, (a + b) % 65_521)
    });
    out.extend_from_slice(&(b << 16 | a).to_be_bytes());
    out
}

/// 40×40 pixels of the second of two colours, one bit each.
fn palette_png() -> Vec<u8> {
    let rows = [[0, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF].as_slice(); 40].concat();
    let header = [&40u32.to_be_bytes()[..], &40u32.to_be_bytes(), &[1, 3, 0, 0, 0]].concat();
    [
        b"\x89PNG\r\n\x1a\n".to_vec(),
        chunk(b"IHDR", &header),
        chunk(b"PLTE", &[1, 2, 3, 12, 200, 34]),
        chunk(b"IDAT", &zlib_stored(&rows)),
        chunk(b"IEND", &[]),
    ]
    .concat()
}
