//! What a file is, told from its first bytes as `finfo` tells it. Names and declared types count for nothing.

use sha2::{Digest, Sha256};

/// What a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Jpeg,
    Png,
    Gif,
    Webp,
    Avif,
    Heic,
    Mp4,
    QuickTime,
    Webm,
    Other,
}

impl Kind {
    /// Tells a file's kind.
    pub(super) fn of(bytes: &[u8]) -> Self {
        let at = |from: usize, to: usize| bytes.get(from..to).unwrap_or_default();
        if at(0, 3) == b"\xff\xd8\xff" {
            Self::Jpeg
        } else if at(0, 8) == b"\x89PNG\r\n\x1a\n" {
            Self::Png
        } else if at(0, 6) == b"GIF87a" || at(0, 6) == b"GIF89a" {
            Self::Gif
        } else if at(0, 4) == b"RIFF" && at(8, 12) == b"WEBP" {
            Self::Webp
        } else if at(0, 4) == b"\x1a\x45\xdf\xa3" {
            Self::Webm
        } else if at(4, 8) == b"ftyp" {
            match at(8, 12) {
                b"avif" | b"avis" => Self::Avif,
                b"heic" | b"heix" | b"mif1" => Self::Heic,
                b"qt  " => Self::QuickTime,
                _ => Self::Mp4,
            }
        } else {
            Self::Other
        }
    }

    /// Its MIME type.
    pub(super) fn mime(self) -> &'static str {
        match self {
            Self::Jpeg => "image/jpeg",
            Self::Png => "image/png",
            Self::Gif => "image/gif",
            Self::Webp => "image/webp",
            Self::Avif => "image/avif",
            Self::Heic => "image/heic",
            Self::Mp4 => "video/mp4",
            Self::QuickTime => "video/quicktime",
            Self::Webm => "video/webm",
            Self::Other => "application/octet-stream",
        }
    }

    /// How the names of such files end.
    pub(super) fn extension(self) -> &'static str {
        match self {
            Self::Jpeg => "jpg",
            Self::Png => "png",
            Self::Gif => "gif",
            Self::Webp => "webp",
            Self::Avif => "avif",
            Self::Heic => "heic",
            Self::Mp4 => "mp4",
            Self::QuickTime => "mov",
            Self::Webm => "webm",
            Self::Other => "bin",
        }
    }

    pub(super) fn is_video(self) -> bool {
        matches!(self, Self::Mp4 | Self::QuickTime | Self::Webm)
    }
}

/// SHA-256 in hexadecimal.
pub(super) fn digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}
