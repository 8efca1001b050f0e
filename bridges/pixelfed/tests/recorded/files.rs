//! Files of the same kinds and sizes as those of the recordings, of which only names and lengths were kept.

use std::collections::HashMap;
use std::io::Cursor;
use std::sync::{Mutex, PoisonError};

use image::codecs::jpeg::JpegEncoder;
use image::{DynamicImage, ImageFormat, Rgb, RgbImage};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/media");

/// What stands for a recorded file of `size` bytes.
pub fn content(name: &str, size: u64) -> Vec<u8> {
    match name {
        // Where nobody looks at the scaling, they come as the server would make them.
        "p1.jpg" if size == 0 => photo(1530, 1080),
        "p2.jpg" if size == 0 => photo(1620, 1080),
        "p3.jpg" if size == 0 => photo(1710, 1080),
        "p4.jpg" if size == 0 => photo(1800, 1080),
        "p5.jpg" if size == 0 => photo(1890, 1080),
        "p1.jpg" | "upload.bin" => photo(1700, 1200),
        "p2.jpg" => photo(1800, 1200),
        "portrait.jpg" => photo(3000, 4000),
        "toobig.jpg" => {
            let mut content = photo(1700, 1200);
            content.resize(usize::try_from(size).expect("a file that fits into memory"), 0);
            content
        }
        "alpha.png" => written(&DynamicImage::new_rgba8(800, 800), ImageFormat::Png),
        "p.webp" => written(&DynamicImage::new_rgb8(1700, 1200), ImageFormat::WebP),
        "p.avif" => b"\0\0\0\x20ftypavif\0\0\0\0avifmif1miaf".to_vec(),
        "p.heic" => b"\0\0\0\x18ftypheic\0\0\0\0mif1heic".to_vec(),
        "a.gif" => ours("animated.gif"),
        "v.mp4" if size == 409_635 => ours("clip-moov-last.mov"),
        "v.mp4" => ours("clip-with-sound.mp4"),
        "v.mov" => ours("clip-moov-last.mov"),
        "v.webm" => ours("clip.webm"),
        "fake.jpg" | "t.txt" => b"hello\n".to_vec(),
        other => panic!("no file stands for {other}"),
    }
}

fn ours(name: &str) -> Vec<u8> {
    std::fs::read(format!("{FOLDER}/{name}")).expect("a file of the tests")
}

/// Photos by width and height.
type Photos = HashMap<(u32, u32), Vec<u8>>;

/// A photo of that size; each is made once.
fn photo(width: u32, height: u32) -> Vec<u8> {
    static MADE: Mutex<Option<Photos>> = Mutex::new(None);
    let mut made = MADE.lock().unwrap_or_else(PoisonError::into_inner);
    let made = made.get_or_insert_default();
    let photo = made.entry((width, height)).or_insert_with(|| {
        let image = RgbImage::from_pixel(width, height, Rgb([200, 120, 40]));
        let mut bytes = Vec::new();
        let encoder = JpegEncoder::new_with_quality(&mut bytes, 60);
        image.write_with_encoder(encoder).expect("writing to memory");
        bytes
    });
    photo.clone()
}

fn written(image: &DynamicImage, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Vec::new();
    image
        .write_to(&mut Cursor::new(&mut bytes), format)
        .expect("writing to memory");
    bytes
}
