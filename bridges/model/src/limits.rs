//! What a destination instance accepts, asked of that instance, so that the transformer knows no platform's name.

use serde::{Deserialize, Serialize};

/// What an instance takes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Limits {
    /// How text is counted and written there.
    pub text: TextRules,
    /// What media it takes.
    pub media: MediaLimits,
    /// Where every part becomes a video with a title: how its fields are bounded. Then `text` counts the description.
    #[serde(default)]
    pub video: Option<VideoRules>,
}

/// How the fields of a video are bounded. All lengths in code points.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VideoRules {
    /// Shortest and longest title.
    pub title: (usize, usize),
    /// Shortest description; a shorter one is left out.
    pub description_min: usize,
    /// Most tags.
    pub tags: usize,
    /// Shortest and longest tag.
    pub tag: (usize, usize),
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
    /// Shortest alternative text, in code points; 0 where none is wanted. A medium with a shorter one is refused, and so is a
    /// post with a medium that has none (GoToSocial's `media-description-min-chars`).
    #[serde(default)]
    pub alt_min: usize,
    /// Longest content warning by itself, in code points, where there is such a bound.
    #[serde(default)]
    pub warning_max: Option<usize>,
    /// Whether a bare `<` must be written `&lt;` to survive; it counts as written (contract pixelfed §4).
    #[serde(default)]
    pub escape_angle: bool,
    /// Whether a status may be text alone.
    #[serde(default = "yes")]
    pub alone: bool,
}

fn yes() -> bool {
    true
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
    /// As many units as it has, and no less than this many: where a server names a cost, and nobody knows how it counts.
    AtLeast(usize),
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
    /// What may stand beside what in one post.
    #[serde(default)]
    pub mix: Mix,
    /// The boxes that the server scales pictures down to anyway.
    #[serde(default)]
    pub image_fit: Option<ImageFit>,
    /// Whether the server keeps files byte for byte, so that the best file for viewers must be sent.
    #[serde(default)]
    pub keeps_files: bool,
    /// Whether an upload is sent in pieces and may begin anywhere, so that the file must be at hand.
    #[serde(default)]
    pub resumes: bool,
}

/// What may stand beside what in one post.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mix {
    /// Several pictures, or one video or sound alone.
    #[default]
    PicturesOrOneVideo,
    /// Several of one kind: pictures, or videos.
    OneKind,
    /// One video.
    OneVideo,
    /// Anything beside anything.
    Any,
}

/// Width and height in pixels of the boxes that pictures are scaled down to, by their shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageFit {
    /// For pictures wider than high.
    pub landscape: (u32, u32),
    /// For pictures higher than wide.
    pub portrait: (u32, u32),
    /// For square ones.
    pub square: (u32, u32),
}

impl MediaLimits {
    /// Whether files of this MIME type are taken. An instance that lists nothing is taken to accept what Mastodon does.
    pub fn takes(&self, media_type: &str) -> bool {
        let wanted = usual_name(media_type);
        self.types.is_empty() || self.types.iter().any(|t| usual_name(t).eq_ignore_ascii_case(wanted))
    }
}

/// One name for types that go by several (snac 2.75 lists `audio/mp3`).
fn usual_name(media_type: &str) -> &str {
    match media_type {
        "audio/mp3" => "audio/mpeg",
        "audio/x-wav" | "audio/wave" => "audio/wav",
        "audio/x-m4a" | "audio/m4a" => "audio/mp4",
        "image/jpg" => "image/jpeg",
        other => other,
    }
}
