//! Nothing leaves that tells where, when, by whom or with what a picture was made.

mod pictures_help;

use std::process::Command;

use image::ImageFormat;
use pictures_help::*;
use tombolo_media::picture::{Operation, Target, Trace, look};

/// What must not be found in any output, in whatever spelling.
const SECRETS: [&[u8]; 6] = [
    b"Secret",
    b"Exif\0",
    b"http://ns.adobe.com",
    b"8BIM",
    b"ftypmp42",
    b"MPF\0",
];

const XMP: &[u8] = b"http://ns.adobe.com/xap/1.0/\0<x:xmpmeta><GPSLatitude>52,31N</GPSLatitude> SecretXmp</x:xmpmeta>";

/// A JPEG with everything a phone puts in, orientation 1.
fn telltale_jpeg(orientation: u16) -> Vec<u8> {
    let plain = jpeg(&photo(120, 80), 88);
    let mut jfif = b"JFIF\0\x01\x02\0\0\x01\0\x01\x02\x02".to_vec();
    jfif.extend_from_slice(b"SecretThumbx"); // 2 × 2 pixels of thumbnail
    let mut file = with_segments(
        &plain,
        &[
            segment(0xE0, &jfif),
            segment(0xE0, b"JFXX\0\x10SecretThumb"),
            exif_segment(orientation),
            segment(0xE1, XMP),
            segment(0xE2, b"MPF\0SecretPreview"),
            segment(0xE2, b"FPXRSecret"),
            segment(0xE5, b"SecretSamsung"),
            segment(0xED, b"Photoshop 3.0\08BIMSecretCity"),
            segment(0xFE, b"SecretComment"),
            segment(0xEB, b"JP SecretJumbf"),
        ],
    );
    file.extend_from_slice(&jpeg(&photo(30, 20), 50)); // a multi-picture preview
    file.extend_from_slice(b"\0\0\0\x18ftypmp42SecretMotionVideo");
    file
}

fn telltale_png(orientation: u16) -> Vec<u8> {
    let plain = encode(photo(60, 40), ImageFormat::Png);
    let mut file = with_chunks(
        &plain,
        &[
            chunk(b"tEXt", b"Comment\0SecretText"),
            chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0SecretXmp"),
            chunk(b"eXIf", &exif(orientation)),
            chunk(b"tIME", &[7, 234, 1, 2, 3, 4, 5]),
            chunk(b"prVt", b"SecretChunk"),
        ],
    );
    file.extend_from_slice(b"SecretTail");
    file
}

fn telltale_webp(orientation: u16) -> Vec<u8> {
    let mut file = extended_webp(
        &encode(photo(60, 40), ImageFormat::WebP),
        (60, 40),
        0x0C,
        &[],
        &[
            riff_chunk(b"EXIF", &exif(orientation)),
            riff_chunk(b"XMP ", XMP),
            riff_chunk(b"SECR", b"SecretChunk"),
        ],
    );
    file.extend_from_slice(b"SecretTail");
    file
}

fn telltale_gif() -> Vec<u8> {
    let mut file = gif(2, 30, 20);
    let end = file.len() - 1;
    let xmp = [
        b"\x21\xFF\x0BXMP DataXMP\x09SecretXmp".as_slice(),
        &[0],
        b"\x21\xFE\x06Secret\0",
    ]
    .concat();
    file.splice(end..end, xmp);
    file.extend_from_slice(b"SecretTail");
    file
}

fn assert_tells_nothing(bytes: &[u8]) {
    for secret in SECRETS {
        let at = bytes.windows(secret.len()).position(|w| w == secret);
        assert_eq!(at, None, "{}", String::from_utf8_lossy(secret));
    }
    assert!(look(bytes).unwrap().traces.is_empty());
    let read = exif::Reader::new().read_from_container(&mut std::io::Cursor::new(bytes));
    assert!(read.is_err(), "kamadak-exif still finds fields");
}

#[test]
fn upright_pictures_are_stripped_without_touching_a_pixel() {
    for (file, plain) in [
        (telltale_jpeg(1), jpeg(&photo(120, 80), 88)),
        (telltale_png(1), encode(photo(60, 40), ImageFormat::Png)),
        (telltale_gif(), gif(2, 30, 20)),
    ] {
        let prepared = run(&file, &open_target()).unwrap();
        assert!(
            matches!(prepared.did.as_slice(), [Operation::Stripped(_)]),
            "{:?}",
            prepared.did
        );
        assert_tells_nothing(&prepared.bytes);
        assert_eq!(decode(&prepared.bytes), decode(&plain));
    }
    let prepared = run(&telltale_webp(1), &open_target()).unwrap();
    assert_tells_nothing(&prepared.bytes);
    assert_eq!(decode(&prepared.bytes).to_rgb8(), photo(60, 40));
}

#[test]
fn turned_scaled_and_converted_pictures_tell_nothing_either() {
    for file in [telltale_jpeg(6), telltale_png(3), telltale_webp(8), telltale_gif()] {
        for target in [
            open_target(),
            Target {
                max_pixels: 500,
                ..open_target()
            },
            takes(&["image/jpeg"]),
        ] {
            assert_tells_nothing(&run(&file, &target).unwrap().bytes);
        }
    }
}

#[test]
fn what_was_found_is_named() {
    let found = look(&telltale_jpeg(1)).unwrap().traces;
    let expected = [
        Trace::Location,
        Trace::SerialNumber,
        Trace::Device,
        Trace::Time,
        Trace::Author,
        Trace::Thumbnail,
        Trace::Xmp,
        Trace::Iptc,
        Trace::Comment,
        Trace::EmbeddedPictures,
        Trace::Trailing,
        Trace::Unknown,
    ];
    assert_eq!(found, expected);
    let did = run(&telltale_jpeg(1), &open_target()).unwrap().did;
    assert!(
        did[0]
            .to_string()
            .starts_with("removed GPS position, serial number, device, time"),
        "{}",
        did[0]
    );
    assert!(look(&jpeg(&photo(9, 9), 80)).unwrap().traces.is_empty());
}

#[test]
fn exiftool_finds_nothing() {
    let Some(exiftool) = program("exiftool") else { return };
    let dir = tempfile::tempdir().unwrap();
    for (i, file) in [
        telltale_jpeg(1),
        telltale_jpeg(6),
        telltale_png(1),
        telltale_webp(1),
        telltale_gif(),
    ]
    .iter()
    .enumerate()
    {
        let prepared = run(file, &open_target()).unwrap();
        let path = dir.path().join(format!("{i}.{}", prepared.extension));
        let listing = |bytes: &[u8]| {
            std::fs::write(&path, bytes).unwrap();
            let out = Command::new(&exiftool)
                .args(["-G1", "-a", "-u", "-ee"])
                .arg(&path)
                .output()
                .unwrap();
            String::from_utf8_lossy(&out.stdout).into_owned()
        };
        assert!(listing(file).contains("Secret"), "the test picture tells something");
        let after = listing(&prepared.bytes);
        for word in [
            "Secret",
            "GPS",
            "[IFD0]",
            "[XMP",
            "[IPTC",
            "[Photoshop",
            "Serial",
            "Thumbnail",
            "MPF",
            "Trailer",
        ] {
            assert!(!after.contains(word), "{word}:\n{after}");
        }
    }
}
