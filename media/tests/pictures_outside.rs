//! HEIC and AVIF go through the machine's programs; without one, the picture is held and the remedy named.

mod pictures_help;

use std::path::Path;
use std::process::Command;

use image::ImageFormat;
use pictures_help::*;
use tombolo_media::picture::{Decoders, Kind, Operation, PictureError, Target, Trace, Workshop, look};

/// A HEIC or AVIF of the four-coloured picture, with EXIF, made by heif-enc.
fn made_by_heif_enc(dir: &Path, kind: Kind) -> Option<Vec<u8>> {
    let heif_enc = program("heif-enc")?;
    let source = dir.join("source.jpg");
    std::fs::write(
        &source,
        with_segments(&jpeg(&quarters(128, 96), 95), &[exif_segment(1)]),
    )
    .unwrap();
    let out = dir.join(format!("made.{}", kind.extension()));
    let mut command = Command::new(heif_enc);
    if kind == Kind::Avif {
        command.arg("-A");
    }
    let done = command
        .args(["-q", "90", "-o"])
        .arg(&out)
        .arg(&source)
        .output()
        .unwrap();
    if !done.status.success() {
        eprintln!("SKIPPED: heif-enc cannot write {kind}");
        return None;
    }
    Some(std::fs::read(out).unwrap())
}

/// Decoders with these programs and no others.
fn only(programs: &[&str], dir: &Path) -> Option<Decoders> {
    let bin = dir.join("bin");
    let _ = std::fs::create_dir(&bin);
    for name in programs {
        let _ = std::os::unix::fs::symlink(program(name)?, bin.join(name));
    }
    if let Some(prlimit) = program("prlimit") {
        let _ = std::os::unix::fs::symlink(prlimit, bin.join("prlimit"));
    }
    Some(Decoders::find(bin.as_os_str()))
}

#[test]
fn a_picture_nobody_can_decode_is_held_with_the_remedy() {
    let dir = tempfile::tempdir().unwrap();
    for (kind, words) in [
        (Kind::Heic, "install libheif-examples or libvips"),
        (Kind::Avif, "install ffmpeg"),
    ] {
        let Some(file) = made_by_heif_enc(dir.path(), kind) else {
            continue;
        };
        let error = run_in(&file, &open_target(), &workshop(dir.path())).unwrap_err();
        assert!(matches!(error, PictureError::NeedsDecoder { .. }), "{error}");
        assert!(error.to_string().contains(words), "{error}");
        assert!(!Decoders::default().can_read(kind));
    }
    assert!(Decoders::default().can_read(Kind::WebP));
}

#[test]
fn heic_and_avif_become_jpeg_by_any_of_the_programs() {
    for (kind, programs) in [
        (Kind::Heic, &["vips", "heif-convert"][..]),
        (Kind::Avif, &["vips", "heif-convert", "ffmpeg"][..]),
    ] {
        for name in programs {
            let dir = tempfile::tempdir().unwrap();
            let Some(file) = made_by_heif_enc(dir.path(), kind) else {
                continue;
            };
            let facts = look(&file).unwrap();
            assert_eq!((facts.kind, facts.width, facts.height), (kind, 128, 96));
            assert!(facts.traces.contains(&Trace::Exif));
            let Some(decoders) = only(&[name], dir.path()) else {
                continue;
            };
            let work = dir.path().join("work");
            std::fs::create_dir(&work).unwrap();
            let workshop = Workshop {
                decoders,
                ..workshop(&work)
            };
            let target = Target {
                max_pixels: 3_072,
                ..open_target()
            };
            let prepared = run_in(&file, &target, &workshop).unwrap();
            assert_eq!(
                (prepared.width, prepared.height, prepared.media_type),
                (64, 48, "image/jpeg")
            );
            assert!(
                prepared
                    .did
                    .iter()
                    .any(|o| matches!(o, Operation::Converted { from, .. } if *from == kind))
            );
            let shown = decode(&prepared.bytes).to_rgb8();
            assert!(
                difference(&shown, &quarters(64, 48)) < 6.0,
                "{kind} by {name}: {}",
                difference(&shown, &quarters(64, 48))
            );
            assert!(!prepared.bytes.windows(6).any(|w| w == b"Secret"));
            assert_eq!(std::fs::read_dir(&work).unwrap().count(), 0, "working files are gone");
        }
    }
}

#[test]
fn a_turned_heif_comes_out_upright_by_any_of_the_programs() {
    for (kind, programs) in [
        (Kind::Heic, &["vips", "heif-convert"][..]),
        (Kind::Avif, &["vips", "heif-convert", "ffmpeg"][..]),
    ] {
        for name in programs {
            let dir = tempfile::tempdir().unwrap();
            let Some(file) = made_by_heif_enc(dir.path(), kind) else {
                continue;
            };
            let file = turned(&file);
            let facts = look(&file).unwrap();
            assert_eq!((facts.width, facts.height, facts.orientation.value()), (96, 128, 8));
            let Some(decoders) = only(&[name], dir.path()) else {
                continue;
            };
            let workshop = Workshop {
                decoders,
                ..workshop(dir.path())
            };
            let prepared = run_in(&file, &takes(&["image/png"]), &workshop).unwrap();
            let expected = image::imageops::rotate270(&quarters(128, 96));
            let shown = decode(&prepared.bytes).to_rgb8();
            assert!(difference(&shown, &expected) < 6.0, "{kind} by {name}");
        }
    }
}

#[test]
fn a_broken_heic_is_refused_with_the_programs_words() {
    let dir = tempfile::tempdir().unwrap();
    let Some(mut file) = made_by_heif_enc(dir.path(), Kind::Heic) else {
        return;
    };
    let at = file.windows(4).position(|w| w == b"mdat").unwrap() + 4;
    file[at..].fill(0xA5);
    let workshop = equipped(dir.path());
    if !workshop.decoders.can_read(Kind::Heic) {
        eprintln!("skipped: no HEIC decoder");
        return;
    }
    let error = run_in(&file, &open_target(), &workshop).unwrap_err();
    assert!(
        matches!(&error, PictureError::Unreadable(text) if text.contains("export it as JPEG")),
        "{error}"
    );
}

#[test]
fn a_heif_bomb_never_reaches_a_program() {
    let dir = tempfile::tempdir().unwrap();
    let Some(mut file) = made_by_heif_enc(dir.path(), Kind::Heic) else {
        return;
    };
    let at = file.windows(4).position(|w| w == b"ispe").unwrap() + 8;
    file[at..at + 8].fill(0x7F);
    let error = run_in(&file, &open_target(), &equipped(dir.path())).unwrap_err();
    assert!(matches!(error, PictureError::TooLarge(_)), "{error}");
}

#[test]
fn damaged_heifs_never_panic() {
    let dir = tempfile::tempdir().unwrap();
    let mut noise = Noise(99);
    for kind in [Kind::Heic, Kind::Avif] {
        let Some(file) = made_by_heif_enc(dir.path(), kind) else {
            continue;
        };
        for _ in 0..3_000 {
            let mut damaged = file.clone();
            for _ in 0..3 {
                let at = noise.below(600.min(damaged.len()));
                damaged[at] = noise.byte();
            }
            let _ = look(&damaged);
        }
    }
    assert!(look(&encode(quarters(4, 4), ImageFormat::Png)).is_ok());
}

/// Gives the file a quarter turn against the clock: an `irot` property, linked to the main picture. The boxes around it
/// grow, and the place of the picture data moves with them.
fn turned(file: &[u8]) -> Vec<u8> {
    let find = |name: &[u8; 4]| file.windows(4).position(|w| w == name).unwrap() - 4;
    let size = |at: usize| u32::from_be_bytes(file[at..at + 4].try_into().unwrap()) as usize;
    let (meta, iprp, ipco, ipma, iloc) = (
        find(b"meta"),
        find(b"iprp"),
        find(b"ipco"),
        find(b"ipma"),
        find(b"iloc"),
    );
    let properties = {
        let (mut at, mut count) = (ipco + 8, 0u8);
        while at < ipco + size(ipco) {
            at += size(at);
            count += 1;
        }
        count
    };
    let mut out = file.to_vec();
    // ipma: version and flags, one entry, item id of 16 bits, count, links of one byte.
    let links = ipma + 8 + 4 + 4 + 2;
    out[links] += 1;
    out.insert(links + 1 + usize::from(file[links]), 0x80 | (properties + 1));
    out.splice(
        ipco + size(ipco)..ipco + size(ipco),
        [0, 0, 0, 9, b'i', b'r', b'o', b't', 1],
    );
    let mut grow = |at: usize, by: usize| {
        let grown = u32::try_from(size(at) + by).unwrap().to_be_bytes();
        out[at..at + 4].copy_from_slice(&grown);
    };
    grow(meta, 10);
    grow(iprp, 10);
    grow(ipco, 9);
    if ipma > ipco {
        let at = ipma + 9;
        let grown = u32::try_from(size(ipma) + 1).unwrap().to_be_bytes();
        out[at..at + 4].copy_from_slice(&grown);
    }
    // iloc, version 0 with 4-byte offsets and lengths: every item's first extent begins 10 bytes later.
    let items = usize::from(file[iloc + 15]);
    for i in 0..items {
        let at = iloc + 16 + i * (2 + 2 + 4 + 2 + 8) + 4;
        let base = u32::from_be_bytes(file[at..at + 4].try_into().unwrap());
        out[at..at + 4].copy_from_slice(&(base + 10).to_be_bytes());
    }
    out
}
