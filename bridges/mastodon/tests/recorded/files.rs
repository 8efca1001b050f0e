//! Files of the same kinds as those of the recordings, of which only names, lengths and digests were kept.

use reqwest::multipart::Part;

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/media");

/// The part of a form for a recorded file of `size` bytes.
pub fn part(name: &str, kind: &str, size: u64) -> Part {
    let part = Part::bytes(content(name, size)).file_name(name.to_owned());
    if kind.is_empty() {
        return part;
    }
    part.mime_str(kind).expect("a MIME type")
}

fn content(name: &str, size: u64) -> Vec<u8> {
    let size = usize::try_from(size).expect("a file that fits into memory");
    match name {
        "photo.jpg" | "photo.mp4" | "photo.png" => ours("picture.jpg"),
        "blob" if size < 100_000 => ours("picture.jpg"),
        "truncated.jpg" => ours("picture.jpg")[..1500].to_vec(),
        "big.jpg" => padded(ours("picture.jpg"), size),
        "gps.png" => ours("picture.png"),
        "huge.png" => resized_png(8000, 5000),
        "photo.webp" | "p.jpg" => ours("picture.webp"),
        "still.gif" => ours("still.gif"),
        "anim.gif" => ours("animated.gif"),
        "biganim.gif" => resized_gif(1400, 900),
        "faststart.mp4" | "clip.jpg" | "blob" => ours("clip-with-sound.mp4"),
        "truncated.mp4" => ours("clip-with-sound.mp4")[..8000].to_vec(),
        "silent.mp4" => ours("clip-silent.mp4"),
        "fragmented.mp4" => ours("clip-fragmented.mp4"),
        "huge.mp4" => padded(ours("clip-with-sound.mp4"), size),
        "fps240.mp4" => faster(ours("clip-with-sound.mp4"), 24),
        "big4k.mp4" => resized_mp4(ours("clip-with-sound.mp4"), 4096, 2304),
        "audioonly.mp4" => ours("sound-only.mp4"),
        "clip.mov" => ours("clip-moov-last.mov"),
        "clip.webm" => ours("clip.webm"),
        "v.mkv" => matroska(ours("clip.webm")),
        "tone.mp3" => ours("tone.mp3"),
        "doc.pdf" => b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n".to_vec(),
        "text.jpg" => b"this is not a picture".to_vec(),
        "empty.jpg" => Vec::new(),
        other => panic!("no file stands for {other}"),
    }
}

fn ours(name: &str) -> Vec<u8> {
    std::fs::read(format!("{FOLDER}/{name}")).expect("a file of the tests")
}

fn padded(mut content: Vec<u8>, size: usize) -> Vec<u8> {
    content.resize(size, 0);
    content
}

fn resized_png(width: u32, height: u32) -> Vec<u8> {
    let mut content = ours("picture.png");
    content[16..20].copy_from_slice(&width.to_be_bytes());
    content[20..24].copy_from_slice(&height.to_be_bytes());
    content
}

fn resized_gif(width: u16, height: u16) -> Vec<u8> {
    let mut content = ours("animated.gif");
    content[6..8].copy_from_slice(&width.to_le_bytes());
    content[8..10].copy_from_slice(&height.to_le_bytes());
    content
}

fn find(content: &[u8], name: &[u8]) -> usize {
    content
        .windows(name.len())
        .position(|window| window == name)
        .expect("a box of that name")
}

/// Width and height are the last fields of the first track's header.
fn resized_mp4(mut content: Vec<u8>, width: u32, height: u32) -> Vec<u8> {
    let end = find(&content, b"tkhd") + 4 + 84;
    content[end - 8..end - 4].copy_from_slice(&(width << 16).to_be_bytes());
    content[end - 4..end].copy_from_slice(&(height << 16).to_be_bytes());
    content
}

/// The first track's frames come this many times as fast.
fn faster(mut content: Vec<u8>, times: u32) -> Vec<u8> {
    let scale = find(&content, b"mdhd") + 4 + 12;
    let old: [u8; 4] = content[scale..scale + 4].try_into().expect("four bytes");
    let new = u32::from_be_bytes(old) * times;
    content[scale..scale + 4].copy_from_slice(&new.to_be_bytes());
    content
}

fn matroska(mut content: Vec<u8>) -> Vec<u8> {
    let at = find(&content, b"webm");
    content[at..at + 4].copy_from_slice(b"mkv\0");
    content
}
