//! Which format a file is, told by its first bytes. Never by its name, and never by what a server said of it.

use std::fmt;

/// A picture format this module knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// JPEG; the usual photo.
    Jpeg,
    /// PNG, still or animated (APNG).
    Png,
    /// GIF, still or animated.
    Gif,
    /// WebP, still or animated, lossy or lossless.
    WebP,
    /// AVIF: AV1 in a HEIF container. Read by a program found on the machine.
    Avif,
    /// HEIC: HEVC in a HEIF container, what iPhones make. Read by a program found on the machine.
    Heic,
}

impl Kind {
    /// The MIME type, as servers list it.
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Jpeg => "image/jpeg",
            Self::Png => "image/png",
            Self::Gif => "image/gif",
            Self::WebP => "image/webp",
            Self::Avif => "image/avif",
            Self::Heic => "image/heic",
        }
    }

    /// The usual file name extension, without a dot.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Jpeg => "jpg",
            Self::Png => "png",
            Self::Gif => "gif",
            Self::WebP => "webp",
            Self::Avif => "avif",
            Self::Heic => "heic",
        }
    }

    /// The kind a MIME type means, with the spellings found in the wild (`image/jpg` is Pixelfed's).
    pub fn from_media_type(text: &str) -> Option<Self> {
        let essence = text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        match essence.as_str() {
            "image/jpeg" | "image/jpg" | "image/pjpeg" => Some(Self::Jpeg),
            "image/png" | "image/apng" => Some(Self::Png),
            "image/gif" => Some(Self::Gif),
            "image/webp" => Some(Self::WebP),
            "image/avif" => Some(Self::Avif),
            "image/heic" | "image/heif" => Some(Self::Heic),
            _ => None,
        }
    }

    /// The name people use.
    pub fn name(self) -> &'static str {
        match self {
            Self::Jpeg => "JPEG",
            Self::Png => "PNG",
            Self::Gif => "GIF",
            Self::WebP => "WebP",
            Self::Avif => "AVIF",
            Self::Heic => "HEIC",
        }
    }

    /// Whether this crate decodes it itself.
    pub(super) fn is_native(self) -> bool {
        !matches!(self, Self::Avif | Self::Heic)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Tells the format from the beginning of a file (64 bytes are enough); `None` when it is none of [`Kind`].
pub fn sniff(head: &[u8]) -> Option<Kind> {
    if head.starts_with(&[0xFF, 0xD8, 0xFF]) {
        return Some(Kind::Jpeg);
    }
    if head.starts_with(b"\x89PNG\r\n\x1a\n") {
        return Some(Kind::Png);
    }
    if head.starts_with(b"GIF87a") || head.starts_with(b"GIF89a") {
        return Some(Kind::Gif);
    }
    if head.starts_with(b"RIFF") && head.get(8..12) == Some(b"WEBP") {
        return Some(Kind::WebP);
    }
    if head.get(4..8) == Some(b"ftyp") {
        return heif_kind(head);
    }
    None
}

/// The brands of a HEIF file: the major one decides, then the compatible ones ("mif1" alone says only "a HEIF picture").
fn heif_kind(head: &[u8]) -> Option<Kind> {
    let size = usize::try_from(u32::from_be_bytes(head.get(..4)?.try_into().ok()?)).ok()?;
    let brands = head.get(8..size.min(head.len()).min(64))?;
    let mut found = None;
    for (i, brand) in brands.chunks_exact(4).enumerate() {
        if i == 1 {
            continue; // the minor version
        }
        match brand {
            b"avif" | b"avis" => return Some(Kind::Avif),
            b"heic" | b"heix" | b"heim" | b"heis" | b"hevc" | b"hevx" => return Some(Kind::Heic),
            b"mif1" | b"msf1" => found = Some(Kind::Heic),
            _ => {}
        }
    }
    found
}
