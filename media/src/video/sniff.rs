//! What kind of file this is, by its first bytes: the only thing that decides which reader of ffmpeg sees it.
//!
//! A playlist, a list of files or a description of a stream is none of these kinds, whatever it is called. So ffmpeg never
//! guesses, and never follows what content names.

use std::{
    fs::File,
    io::{self, Read},
    path::Path,
};

/// A kind of file that ffmpeg is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// MP4, QuickTime, 3GP.
    Mov,
    /// Matroska and WebM.
    Matroska,
    /// MPEG transport stream.
    MpegTs,
    /// MPEG program stream.
    Mpeg,
    /// AVI.
    Avi,
    /// Flash video.
    Flv,
    /// Ogg.
    Ogg,
    /// Windows Media.
    Asf,
    /// GIF.
    Gif,
    /// JPEG, as a picture of a slideshow.
    Jpeg,
    /// PNG, as a picture of a slideshow.
    Png,
    /// WebP, as a picture of a slideshow.
    Webp,
}

impl Kind {
    /// Recognises the beginning of a file.
    pub fn of(head: &[u8]) -> Option<Self> {
        let at = |from: usize, bytes: &[u8]| head.get(from..from + bytes.len()) == Some(bytes);
        let boxes: [&[u8]; 6] = [b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip"];
        if boxes.iter().any(|name| at(4, name)) {
            Some(Self::Mov)
        } else if at(0, &[0x1a, 0x45, 0xdf, 0xa3]) {
            Some(Self::Matroska)
        } else if at(0, b"RIFF") && at(8, b"AVI ") {
            Some(Self::Avi)
        } else if at(0, b"RIFF") && at(8, b"WEBP") {
            Some(Self::Webp)
        } else if at(0, b"FLV\x01") {
            Some(Self::Flv)
        } else if at(0, b"OggS") {
            Some(Self::Ogg)
        } else if at(0, b"GIF87a") || at(0, b"GIF89a") {
            Some(Self::Gif)
        } else if at(0, &[0xff, 0xd8, 0xff]) {
            Some(Self::Jpeg)
        } else if at(0, b"\x89PNG\r\n\x1a\n") {
            Some(Self::Png)
        } else if at(0, &[0x30, 0x26, 0xb2, 0x75, 0x8e, 0x66, 0xcf, 0x11]) {
            Some(Self::Asf)
        } else if at(0, &[0, 0, 1, 0xba]) {
            Some(Self::Mpeg)
        } else if [(0, 188), (4, 192)]
            .iter()
            .any(|&(first, packet)| at(first, b"G") && at(first + packet, b"G"))
        {
            // Packets of 188 bytes, or of 192 as camcorders write them.
            Some(Self::MpegTs)
        } else {
            None
        }
    }

    /// The name of ffmpeg's reader.
    pub fn demuxer(self) -> &'static str {
        match self {
            Self::Mov => "mov",
            Self::Matroska => "matroska",
            Self::MpegTs => "mpegts",
            Self::Mpeg => "mpeg",
            Self::Avi => "avi",
            Self::Flv => "flv",
            Self::Ogg => "ogg",
            Self::Asf => "asf",
            Self::Gif => "gif",
            Self::Jpeg => "jpeg_pipe",
            Self::Png => "png_pipe",
            Self::Webp => "webp_pipe",
        }
    }

    /// True for a picture without motion.
    pub fn is_picture(self) -> bool {
        matches!(self, Self::Jpeg | Self::Png | Self::Webp)
    }
}

/// Recognises a file.
///
/// # Errors
/// When the file can't be read.
pub fn sniff(path: &Path) -> io::Result<Option<Kind>> {
    let mut head = Vec::with_capacity(512);
    File::open(path)?.take(512).read_to_end(&mut head)?;
    Ok(Kind::of(&head))
}
