//! What a destination instance accepts, asked of that instance, so that the transformer knows no platform's name.

use serde::{Deserialize, Serialize};

/// What an instance takes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Limits {
    /// How text is counted and written there.
    pub text: TextRules,
    /// What media it takes.
    pub media: MediaLimits,
}

/// How long a text may be, and how the server counts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TextRules {
    /// Most units a status may have.
    pub max: usize,
    /// What a unit is.
    pub unit: LengthUnit,
    /// What a link costs.
    pub link: LinkCost,
    /// Whether the content warning counts towards `max`.
    pub warning_counts: bool,
    /// Longest alternative text, in code points.
    pub alt_max: usize,
}

/// Units of counting.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LengthUnit {
    /// Extended grapheme clusters (contract mastodon §3.1).
    Graphemes,
    /// Unicode code points.
    CodePoints,
}

/// What a link in the text costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LinkCost {
    /// As many units as it has.
    Full,
    /// This many units where Mastodon's link pattern matches, in full elsewhere (contract mastodon §3.2).
    Fixed(usize),
}

/// What media an instance takes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MediaLimits {
    /// Most attachments of one status.
    pub per_post: usize,
    /// MIME types it takes; empty where it doesn't say.
    pub types: Vec<String>,
    /// A picture must be smaller than this many bytes.
    pub image_bytes: u64,
    /// A picture has at most this many pixels.
    pub image_pixels: u64,
    /// A video must be smaller than this many bytes, the request's other parts included.
    pub video_bytes: u64,
    /// A frame has at most this many pixels.
    pub video_pixels: u64,
    /// At most this many frames per second.
    pub video_fps: u32,
}

impl MediaLimits {
    /// Whether files of this MIME type are taken. An instance that lists nothing is taken to accept what Mastodon does.
    pub fn takes(&self, media_type: &str) -> bool {
        self.types.is_empty() || self.types.iter().any(|t| t.eq_ignore_ascii_case(media_type))
    }
}
