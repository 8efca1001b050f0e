//! The boxes of MP4 files, read without ffmpeg.

use std::{
    io::Cursor,
    sync::atomic::{AtomicUsize, Ordering},
};

use bytes::Bytes;
use proptest::prelude::*;
use tombolo_media::video::{
    Private,
    atoms::{self, Mp4, RangeRead, fuzz},
};

use crate::kit::kit;

/// A box.
fn boxed(name: &[u8; 4], content: &[u8]) -> Vec<u8> {
    let size = u32::try_from(content.len() + 8).unwrap();
    [&size.to_be_bytes()[..], name, content].concat()
}

/// A small file: one picture track 64×32, and whatever is put in `moov`, `udta` and at the end.
fn file(moov: &[u8], udta: &[u8], end: &[u8]) -> Vec<u8> {
    let mut tkhd = vec![0; 84];
    tkhd[40..44].copy_from_slice(&0x1_0000_u32.to_be_bytes());
    tkhd[76..80].copy_from_slice(&(64_u32 << 16).to_be_bytes());
    tkhd[80..84].copy_from_slice(&(32_u32 << 16).to_be_bytes());
    let mut mdhd = vec![0; 24];
    mdhd[12..16].copy_from_slice(&1000_u32.to_be_bytes());
    mdhd[16..20].copy_from_slice(&2000_u32.to_be_bytes());
    let entry = [&[0; 78][..], &boxed(b"avcC", &[1, 100, 0, 30])].concat();
    let stsd = [&[0, 0, 0, 0, 0, 0, 0, 1][..], &boxed(b"avc1", &entry)].concat();
    let times: Vec<u8> = [0_u32, 1, 50, 40].iter().flat_map(|n| n.to_be_bytes()).collect();
    let stbl = boxed(b"stbl", &[boxed(b"stsd", &stsd), boxed(b"stts", &times)].concat());
    let hdlr = boxed(b"hdlr", b"\0\0\0\0\0\0\0\0vide\0\0\0\0\0\0\0\0\0\0\0\0\0");
    let mdia = boxed(b"mdia", &[boxed(b"mdhd", &mdhd), hdlr, boxed(b"minf", &stbl)].concat());
    let trak = boxed(b"trak", &[boxed(b"tkhd", &tkhd), mdia].concat());
    let mut movie = vec![0; 100];
    movie[12..16].copy_from_slice(&600_u32.to_be_bytes());
    movie[16..20].copy_from_slice(&1200_u32.to_be_bytes());
    let moov = boxed(
        b"moov",
        &[boxed(b"mvhd", &movie), trak, boxed(b"udta", udta), moov.to_vec()].concat(),
    );
    [
        boxed(b"ftyp", b"isom\0\0\x02\0mp42"),
        moov,
        boxed(b"mdat", &[0; 64]),
        end.to_vec(),
    ]
    .concat()
}

fn read(bytes: &[u8]) -> Mp4 {
    atoms::read(Cursor::new(bytes)).unwrap()
}

#[test]
fn a_clean_file_may_be_sent_by_its_boxes_alone() {
    let mp4 = read(&file(&[], &[], &[]));
    mp4.fits_as_is().unwrap();
    let video = mp4.video().unwrap();
    assert_eq!(
        (video.width, video.height, video.rotation, video.codec.as_str()),
        (64, 32, 0, "avc1")
    );
    assert!((mp4.duration - 2.0).abs() < 1e-9 && mp4.faststart && !mp4.fragmented && mp4.complete);
    assert!((video.fps.unwrap().per_second() - 25.0).abs() < 1e-9);
}

#[test]
fn what_cameras_write_is_seen() {
    let key = |name: &str| {
        let keys = [&[0, 0, 0, 0, 0, 0, 0, 1][..], &boxed(b"mdta", name.as_bytes())].concat();
        boxed(
            b"meta",
            &[boxed(b"hdlr", &[0; 24]), boxed(b"keys", &keys), boxed(b"ilst", &[])].concat(),
        )
    };
    let full = |content: &[u8]| boxed(b"meta", &[&[0; 4][..], content].concat());
    let hdlr = || boxed(b"hdlr", &[0; 24]);
    let xmp = |text: &str| {
        let id = [
            0xbe, 0x7a, 0xcf, 0xcb, 0x97, 0xa9, 0x42, 0xe8, 0x9c, 0x71, 0x99, 0x94, 0x91, 0xe3, 0xaf, 0xac,
        ];
        boxed(b"uuid", &[&id[..], text.as_bytes()].concat())
    };
    let gpmd = boxed(
        b"trak",
        &boxed(
            b"mdia",
            &[
                boxed(b"hdlr", b"\0\0\0\0\0\0\0\0meta\0\0\0\0\0\0\0\0\0\0\0\0\0"),
                boxed(
                    b"minf",
                    &boxed(
                        b"stbl",
                        &boxed(
                            b"stsd",
                            &[&[0, 0, 0, 0, 0, 0, 0, 1][..], &boxed(b"gpmd", &[0; 8])].concat(),
                        ),
                    ),
                ),
            ]
            .concat(),
        ),
    );
    let places: [(&str, Vec<u8>); 8] = [
        (
            "QuickTime's place",
            file(&[], &boxed(b"\xa9xyz", b"\0\x12\x15\xc7+48.8577+002.295/"), &[]),
        ),
        ("3GPP's place", file(&[], &boxed(b"loci", &[0; 30]), &[])),
        (
            "Apple's place",
            file(&key("com.apple.quicktime.location.ISO6709"), &[], &[]),
        ),
        ("GoPro's settings", file(&[], &boxed(b"GPMF", &[0; 30]), &[])),
        (
            "an item",
            file(
                &[],
                &full(&[hdlr(), boxed(b"ilst", &boxed(b"\xa9xyz", &[0; 20]))].concat()),
                &[],
            ),
        ),
        ("XMP in the end", file(&[], &[], &xmp("<x exif:GPSLatitude='48,51N'/>"))),
        (
            "XMP in the index",
            file(&xmp("<x exif:GPSLatitude='48,51N'/>"), &[], &[]),
        ),
        (
            "user data in the end",
            file(&[], &[], &boxed(b"udta", &boxed(b"\xa9xyz", &[0; 20]))),
        ),
    ];
    for (what, bytes) in places {
        let mp4 = read(&bytes);
        assert!(
            mp4.tells_where() && mp4.fits_as_is().is_err(),
            "{what}: {:?}",
            mp4.private
        );
    }
    let devices: [(&str, Vec<u8>); 9] = [
        ("maker", file(&[], &boxed(b"\xa9mak", b"\0\x05\0\0Apple"), &[])),
        ("model", file(&key("com.apple.quicktime.model"), &[], &[])),
        ("Android", file(&key("com.android.manufacturer"), &[], &[])),
        ("Samsung's own", file(&[], &boxed(b"smta", &[0; 30]), &[])),
        ("Samsung's end", file(&[], &[], &boxed(b"sefd", &[0; 30]))),
        ("telemetry track", file(&gpmd, &[], &[])),
        ("an unknown uuid", file(&[], &[], &boxed(b"uuid", &[7; 40]))),
        (
            "an XML of Sony's",
            file(
                &[],
                &[],
                &boxed(b"meta", &[&[0; 4][..], &hdlr(), &boxed(b"xml ", b"<Device/>")].concat()),
            ),
        ),
        ("Canon's model", file(&[], &boxed(b"CNMN", b"Canon"), &[])),
    ];
    for (what, bytes) in devices {
        let mp4 = read(&bytes);
        assert!(mp4.private.iter().any(|p| matches!(p, Private::Device(_))), "{what}");
        assert!(mp4.fits_as_is().is_err(), "{what}");
    }
}

#[test]
fn what_was_left_in_boxes_of_free_room_is_seen() {
    let place = boxed(b"udta", &boxed(b"\xa9xyz", b"\0\x12\x15\xc7+48.8577+002.295/"));
    for name in [b"free", b"skip"] {
        let empty = boxed(name, &[0; 200]);
        for bytes in [
            file(&empty, &[], &[]),
            file(&[], &empty, &[]),
            file(&[], &[], &empty),
            file(&[], &[], &boxed(b"wide", &[])),
        ] {
            read(&bytes).fits_as_is().unwrap();
        }
        let left = boxed(name, &place);
        for bytes in [file(&left, &[], &[]), file(&[], &left, &[]), file(&[], &[], &left)] {
            let mp4 = read(&bytes);
            assert!(matches!(mp4.private[..], [Private::Device(_)]) && mp4.fits_as_is().is_err());
        }
    }
    let wide = boxed(b"wide", b"+48.8577+002.295/");
    assert!(read(&file(&[], &[], &wide)).fits_as_is().is_err());
}

#[test]
fn what_stands_behind_a_box_that_is_none_is_not_vouched_for() {
    let place = boxed(b"\xa9xyz", b"\0\x12\x15\xc7+48.8577+002.295/");
    let hidden = [&[0, 0, 0, 3][..], b"none", &place].concat();
    let too_long = [&[0, 0, 1, 0][..], b"name", &place].concat();
    for (what, bytes) in [
        ("in the index", file(&hidden, &[], &[])),
        ("in user data", file(&[], &hidden, &[])),
        ("in a box longer than its parent", file(&[], &too_long, &[])),
        (
            "in a list of items",
            file(
                &[],
                &boxed(
                    b"meta",
                    &[&[0; 4][..], &boxed(b"hdlr", &[0; 24]), &boxed(b"ilst", &hidden)].concat(),
                ),
                &[],
            ),
        ),
    ] {
        let mp4 = read(&bytes);
        assert!(!mp4.complete && mp4.fits_as_is().is_err(), "{what}");
    }
    // QuickTime ends a list of user data with four zeros.
    read(&file(&[], &[0; 4], &[])).fits_as_is().unwrap();
}

#[test]
fn a_cover_is_private_where_it_tells_what_a_photo_tells() {
    let exif = |tags: &[u8]| {
        let body = [&b"Exif\0\0MM\0\x2a\0\0\0\x08"[..], tags].concat();
        let length = u16::try_from(body.len() + 2).unwrap().to_be_bytes();
        [&[0xFF, 0xE1][..], &length, &body].concat()
    };
    // One entry: a pointer to the GPS group, which has a reference to the north.
    let gps = [
        &[0, 1, 0x88, 0x25, 0, 4, 0, 0, 0, 1, 0, 0, 0, 26, 0, 0, 0, 0][..],
        &[0, 1, 0, 1, 0, 2, 0, 0, 0, 2, b'N', 0, 0, 0, 0, 0, 0, 0],
    ]
    .concat();
    let plain = std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/media/picture.png")).unwrap();
    let photo = std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/media/picture.jpg")).unwrap();
    let located = [&photo[..2], &exif(&gps), &photo[2..]].concat();
    let with_cover = |picture: &[u8]| {
        let data = boxed(b"data", &[&[0, 0, 0, 13, 0, 0, 0, 0][..], picture].concat());
        let items = boxed(b"ilst", &boxed(b"covr", &data));
        let meta = boxed(b"meta", &[&[0; 4][..], &boxed(b"hdlr", &[0; 24]), &items].concat());
        read(&file(&[], &meta, &[]))
    };
    assert_eq!(with_cover(&plain).private, []);
    assert!(with_cover(&located).tells_where());
    assert!(with_cover(b"no picture").fits_as_is().is_err());
}

#[test]
fn plain_titles_are_not_private() {
    let items = boxed(
        b"ilst",
        &[boxed(b"\xa9too", &[0; 20]), boxed(b"\xa9nam", &[0; 20])].concat(),
    );
    let meta = boxed(b"meta", &[&[0; 4][..], &boxed(b"hdlr", &[0; 24]), &items].concat());
    assert_eq!(read(&file(&[], &meta, &[])).private, []);
    assert_eq!(atoms::private_key("title"), None);
    assert_eq!(atoms::private_key("encoder"), None);
    assert_eq!(atoms::private_key("handler_name"), None);
}

#[test]
fn a_file_that_ends_early_is_not_vouched_for() {
    let whole = file(&[], &[], &[]);
    let mp4 = read(&whole[..whole.len() - 10]);
    assert!(!mp4.complete && mp4.fits_as_is().is_err());
    assert!(atoms::read(Cursor::new(b"#EXTM3U\nfile:///etc/passwd\n")).is_err());
    assert!(atoms::read(Cursor::new(b"")).is_err());
}

#[tokio::test]
async fn files_made_by_ffmpeg_are_read_as_ffprobe_reads_them() {
    let Some(kit) = kit().await else { return };
    let picture = "-f lavfi -i testsrc2=s=320x240:r=25:d=2 -f lavfi -i sine=d=2 -c:v libx264 -preset ultrafast -pix_fmt yuv420p -c:a aac";
    let late = kit.make("late.mp4", picture);
    let mp4 = atoms::read(std::fs::File::open(&late).unwrap()).unwrap();
    assert!(!mp4.faststart && mp4.complete);
    mp4.fits_as_is().unwrap();
    let phone = kit.turned(&late);
    let mp4 = atoms::read(std::fs::File::open(&phone).unwrap()).unwrap();
    let video = mp4.video().unwrap();
    let facts = kit.ffmpeg.probe(&phone).await.unwrap();
    assert_eq!((video.rotation, video.width, video.height), (90, 240, 320));
    assert_eq!(
        (facts.video.rotation, facts.video.width, facts.video.height),
        (90, 240, 320)
    );
    assert!((mp4.duration - facts.duration).abs() < 0.05);
    let early = kit.make("early.mp4", &format!("{picture} -movflags +faststart"));
    let mp4 = atoms::read(std::fs::File::open(&early).unwrap()).unwrap();
    assert!(mp4.faststart && mp4.fits_as_is().is_ok());
    assert!((video.fps.unwrap().per_second() - 25.0).abs() < 0.01);
    let pieces = kit.make(
        "pieces.mp4",
        &format!("{picture} -movflags +frag_keyframe+empty_moov -g 10"),
    );
    let mp4 = atoms::read(std::fs::File::open(&pieces).unwrap()).unwrap();
    assert!(mp4.fragmented && mp4.complete && mp4.fits_as_is().is_err());
    let place = "-metadata location=+48.8577+002.295/";
    let tagged = kit.make("tagged.mp4", &format!("{picture} {place}"));
    assert!(
        atoms::read(std::fs::File::open(&tagged).unwrap())
            .unwrap()
            .tells_where()
    );
    let apple = "-metadata com.apple.quicktime.location.ISO6709=+48.8577+002.295/ -movflags use_metadata_tags";
    let tagged = kit.make("apple.mov", &format!("{picture} {apple}"));
    assert!(
        atoms::read(std::fs::File::open(&tagged).unwrap())
            .unwrap()
            .tells_where()
    );
    let ten = kit.make(
        "ten.mp4",
        "-f lavfi -i testsrc2=s=320x240:r=25:d=1 -c:v libx264 -pix_fmt yuv420p10le",
    );
    assert!(
        atoms::read(std::fs::File::open(&ten).unwrap())
            .unwrap()
            .fits_as_is()
            .is_err()
    );
}

/// A file elsewhere, which counts what is asked of it.
struct Remote {
    bytes: Vec<u8>,
    requests: AtomicUsize,
    asked: AtomicUsize,
}

impl RangeRead for Remote {
    async fn range(&self, offset: u64, length: u64) -> std::io::Result<Bytes> {
        self.requests.fetch_add(1, Ordering::Relaxed);
        let from = usize::try_from(offset).unwrap();
        let to = (from + usize::try_from(length).unwrap()).min(self.bytes.len());
        self.asked.fetch_add(to - from, Ordering::Relaxed);
        Ok(Bytes::copy_from_slice(&self.bytes[from..to]))
    }
}

#[tokio::test]
async fn a_remote_file_takes_a_few_requests_for_little() {
    // The index at the end, after ten megabytes of media; and its place in it.
    let whole = file(&[], &boxed(b"\xa9xyz", &[0; 20]), &[]);
    let (ftyp, rest) = whole.split_at(20);
    let moov = &rest[..rest.len() - 72];
    let bytes = [ftyp, &boxed(b"mdat", &vec![0; 10_000_000]), moov].concat();
    let size = bytes.len() as u64;
    let remote = Remote {
        bytes,
        requests: AtomicUsize::new(0),
        asked: AtomicUsize::new(0),
    };
    let mp4 = atoms::read_ranges(&remote, size, 8).await.unwrap();
    assert!(mp4.tells_where() && mp4.complete && !mp4.faststart);
    assert_eq!(remote.requests.load(Ordering::Relaxed), 2);
    assert!(remote.asked.load(Ordering::Relaxed) < 100_000);
    let error = atoms::read_ranges(&remote, size, 1).await.unwrap_err();
    assert!(error.to_string().contains("index is missing"), "{error}");
}

/// A file of fragments as HLS has them: an index with this in it, fragments of so many bytes, and this at its end.
fn in_fragments(moov: &[u8], fragments: usize, bytes: usize, end: &[u8]) -> Remote {
    let index = file(
        &[boxed(b"mvex", &boxed(b"trex", &[0; 24])), moov.to_vec()].concat(),
        &[],
        &[],
    );
    let mut whole = index[..index.len() - 72].to_vec();
    for _ in 0..fragments {
        whole.extend(boxed(b"styp", b"msdh\0\0\0\0"));
        whole.extend(boxed(b"sidx", &[0; 44]));
        whole.extend(boxed(b"moof", &boxed(b"mfhd", &[0; 8])));
        whole.extend(boxed(b"mdat", &vec![7; bytes]));
    }
    whole.extend(end);
    Remote {
        bytes: whole,
        requests: AtomicUsize::new(0),
        asked: AtomicUsize::new(0),
    }
}

impl Remote {
    async fn read(&self) -> Mp4 {
        let mp4 = atoms::read_ranges(self, self.bytes.len() as u64, 8).await.unwrap();
        let requests = self.requests.load(Ordering::Relaxed);
        assert!(requests <= 8, "{requests} requests");
        mp4
    }
}

#[tokio::test]
async fn a_long_film_in_fragments_is_vouched_for_within_few_requests() {
    // Two hours in fragments of four seconds; and a few large ones, of which the last 64 KiB hold no beginning.
    for (fragments, bytes) in [(1800, 70_000), (120, 900_000), (12, 5_000_000)] {
        let film = in_fragments(&[], fragments, bytes, &[]);
        let mp4 = film.read().await;
        assert!(mp4.complete && mp4.fragmented && mp4.private.is_empty(), "{mp4:?}");
        let asked = film.asked.load(Ordering::Relaxed);
        assert!(asked < film.bytes.len() / 2, "{asked} of {}", film.bytes.len());
        // Few fragments are all met on the way; the whole file says the same.
        assert_eq!(read(&film.bytes), mp4);
    }
}

#[tokio::test]
async fn a_film_that_ffmpeg_cut_for_hls_is_vouched_for_within_few_requests() {
    let Some(kit) = kit().await else { return };
    let film = "-f lavfi -i testsrc2=s=480x270:r=5:d=200 -c:v libx264 -preset ultrafast -qp 4 -g 20";
    let cut = "-f hls -hls_time 4 -hls_segment_type fmp4 -hls_flags single_file -hls_playlist_type vod";
    let list = kit.make("film.m3u8", &format!("{film} -pix_fmt yuv420p {cut}"));
    let film = Remote {
        bytes: std::fs::read(list.with_extension("m4s")).unwrap(),
        requests: AtomicUsize::new(0),
        asked: AtomicUsize::new(0),
    };
    let fragments = film.bytes.windows(4).filter(|name| *name == b"moof").count();
    assert!(fragments >= 50, "{fragments}");
    let mp4 = film.read().await;
    assert!(mp4.complete && mp4.fragmented && mp4.private.is_empty(), "{mp4:?}");
    assert!(film.asked.load(Ordering::Relaxed) < film.bytes.len() / 2);
}

#[tokio::test]
async fn what_a_film_in_fragments_tells_is_found_in_its_index_and_at_its_end() {
    let place = boxed(b"\xa9xyz", &[&[0, 18, 0, 0][..], b"+48.2082+016.3738/"].concat());
    let in_index = in_fragments(&boxed(b"udta", &place), 150, 100_000, &[]).read().await;
    assert!(in_index.tells_where(), "{in_index:?}");
    let ends = [
        boxed(b"udta", &place),
        boxed(b"uuid", &[1; 40]),
        boxed(b"free", b"what a camera left"),
        boxed(b"made", &vec![1; 400_000]),
        [boxed(b"mfra", &[0; 100]), boxed(b"udta", &place)].concat(),
        [boxed(b"uuid", &vec![1; 80_000]), boxed(b"mfra", &[0; 100])].concat(),
    ];
    for end in ends {
        for bytes in [2_000, 100_000, 1_500_000] {
            let mp4 = in_fragments(&[], 150, bytes, &end).read().await;
            assert!(!mp4.private.is_empty(), "{bytes}: {:?}", &end[..8]);
        }
    }
}

#[tokio::test]
async fn a_film_in_fragments_whose_end_is_no_fragment_is_not_vouched_for() {
    // What no box is, a fragment that is cut off, and one too large to find its beginning.
    let cut = boxed(b"moof", &[0; 300])[..200].to_vec();
    for end in [b"GPS 48.2 16.4".to_vec(), cut, boxed(b"mdat", &vec![7; 17 << 20])] {
        let mp4 = in_fragments(&[], 150, 100_000, &end).read().await;
        assert!(!mp4.complete, "{mp4:?}");
    }
    // Without the announcement in the index every header is looked at, as far as the requests go.
    let mut plain = in_fragments(&[], 150, 100_000, &[]);
    let at = plain.bytes.windows(4).position(|name| name == b"mvex").unwrap();
    plain.bytes[at..at + 4].copy_from_slice(b"iods");
    assert!(!plain.read().await.complete);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn no_bytes_make_it_panic_or_loop(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        fuzz::atoms(&bytes);
        fuzz::kind(&bytes);
    }

    #[test]
    fn no_damage_makes_it_panic_or_loop(
        damage in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..12),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut bytes = file(&[], &boxed(b"\xa9xyz", &[0; 20]), &boxed(b"meta", &[0; 40]));
        for (at, value) in damage {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        fuzz::atoms(&bytes);
        bytes.truncate(cut.index(bytes.len()));
        fuzz::atoms(&bytes);
    }
}
