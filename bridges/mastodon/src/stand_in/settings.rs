//! How a stand-in is set up.

use std::sync::Arc;

use tombolo_model::{Clock, SystemClock};

/// The sample nginx configuration's `client_max_body_size` (contract §2.2).
const NGINX_BODY: u64 = 99 << 20;
/// Uploads below this are kept, so that they can be looked at and played.
const KEPT: usize = 16 << 20;

/// How a stand-in is set up. The default is a 4.6.5 with all its teeth.
#[derive(Clone, Debug)]
pub struct Options {
    /// Port on the loopback interface; 0 for any free one.
    pub port: u16,
    /// Where it gets the time from: ids, dates, rate limits, keys, background jobs.
    pub clock: Arc<dyn Clock>,
    /// What it accepts.
    pub limits: InstanceLimits,
    /// How its limits can be asked for.
    pub api: Api,
    /// The version it claims.
    pub version: String,
    /// Whether it limits rates (contract §8.1).
    pub rate_limits: bool,
    /// What a repeated `Idempotency-Key` meets.
    pub idempotency: Idempotency,
    /// So many questions about a video are answered with 206 before one is answered with 200; with 0 it is ready at
    /// once. Until then it can't be posted.
    pub media_polls: u32,
    /// Whether `POST /api/v2/media` is unknown there.
    pub no_media_v2: bool,
    /// The proxy in front refuses longer requests with a 413 in HTML; never below the limit for videos. None: no proxy.
    pub client_max_body: Option<u64>,
    /// Uploads up to this many bytes are kept; of longer ones only size, digest and what was read of their headers.
    pub keep_bytes: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            port: 0,
            clock: Arc::new(SystemClock),
            limits: InstanceLimits::default(),
            api: Api::V2,
            version: "4.6.5".into(),
            rate_limits: true,
            idempotency: Idempotency::Repeat500,
            media_polls: 1,
            no_media_v2: false,
            client_max_body: Some(NGINX_BODY),
            keep_bytes: KEPT,
        }
    }
}

/// How limits can be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Api {
    /// `GET /api/v2/instance`, and v1.
    V2,
    /// Only `GET /api/v1/instance`, with a `configuration`.
    V1Only,
    /// Only `GET /api/v1/instance` with `max_toot_chars`, as some forks have it.
    LegacyMaxTootChars,
}

/// What this server does otherwise than a Mastodon that is open to everybody. All is as usual by default.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(clippy::struct_excessive_bools)] // Switches that have nothing to do with each other.
pub struct Ways {
    /// Whether the API answers without a token (contract §0a.9).
    pub anonymous_api: bool,
    /// Whether objects and outboxes are shown to requests without a signature (contract §10).
    pub unsigned_objects: bool,
    /// Whether listings obey their parameters. Without it, the newest 256 posts are all that is shown, as snac does.
    pub pages: bool,
    /// Whether `min_id` gives the page right above it. Without, it means what `since_id` does.
    pub min_id: bool,
    /// What outboxes show.
    pub outbox: OutboxForm,
    /// Whether `sensitive` is kept of a post without a content warning. snac drops it.
    pub sensitive_alone: bool,
    /// Whether there is an RSS feed.
    pub rss: bool,
    /// Whether WebFinger answers.
    pub webfinger: bool,
    /// Whether a post says of what type its text is, as on glitch-soc and GoToSocial (contract §3.5).
    pub content_types: bool,
    /// Whether it is known for a Mastodon by its instance document. Others name no version of the API, and their own besides.
    pub names_api: bool,
    /// Whether the API tells what is unlisted and in which language a post is. snac calls all of it public and English.
    pub tells_audience: bool,
    /// The shortest alternative text that it takes; its document tells (GoToSocial's `media-description-min-chars`).
    pub alt_min: usize,
    /// Bytes of the largest request that the proxy in front lets through, where that is less than what is announced
    /// (contract §2.1).
    pub proxy_body: Option<u64>,
}

impl Default for Ways {
    fn default() -> Self {
        Self {
            anonymous_api: true,
            unsigned_objects: true,
            pages: true,
            min_id: true,
            outbox: OutboxForm::Pages,
            sensitive_alone: true,
            rss: true,
            webfinger: true,
            content_types: false,
            names_api: true,
            tells_audience: true,
            alt_min: 0,
            proxy_body: None,
        }
    }
}

/// What outboxes show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutboxForm {
    /// Pages of activities.
    Pages,
    /// The newest twenty activities in one piece, as snac does.
    OnePiece,
    /// How many there are, and no more, as Pixelfed does.
    TotalOnly,
}

/// What a repeated `Idempotency-Key` meets (contract §6.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Idempotency {
    /// A 500; nothing is posted twice. So 4.6.0 to 4.6.6 do.
    Repeat500,
    /// The status that the key made.
    Replays,
    /// A second status: the header means nothing.
    Ignored,
}

/// What the instance accepts, as it publishes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InstanceLimits {
    /// Longest text.
    pub max_characters: usize,
    /// What a link costs.
    pub characters_reserved_per_url: usize,
    /// Most attachments of a status.
    pub max_media_attachments: usize,
    /// Longest alternative text, in code points.
    pub description_limit: usize,
    /// A picture must have fewer bytes.
    pub image_size_limit: u64,
    /// A picture has at most this many pixels.
    pub image_matrix_limit: u64,
    /// A video must have fewer bytes.
    pub video_size_limit: u64,
    /// A video's frame has at most this many pixels.
    pub video_matrix_limit: u64,
    /// At most this many frames a second.
    pub video_frame_rate_limit: u32,
    /// The MIME types it takes.
    pub supported_mime_types: Vec<String>,
}

impl Default for InstanceLimits {
    fn default() -> Self {
        Self {
            max_characters: 500,
            characters_reserved_per_url: 23,
            max_media_attachments: 4,
            description_limit: 10_000,
            image_size_limit: 16_777_216,
            image_matrix_limit: 33_177_600,
            video_size_limit: 103_809_024,
            video_matrix_limit: 8_294_400,
            video_frame_rate_limit: 120,
            supported_mime_types: MIME_TYPES.map(str::to_owned).to_vec(),
        }
    }
}

/// What an account's owner has chosen for posts that don't say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Preferences {
    /// `public`, `unlisted`, `private` or `direct`; public by default.
    pub visibility: Option<String>,
    /// Whether media are hidden.
    pub sensitive: bool,
    /// The language; the server's (`en`) by default.
    pub language: Option<String>,
}

const MIME_TYPES: [&str; 28] = [
    "image/jpeg",
    "image/png",
    "image/gif",
    "image/heic",
    "image/heif",
    "image/webp",
    "image/avif",
    "video/webm",
    "video/mp4",
    "video/quicktime",
    "video/ogg",
    "audio/wave",
    "audio/wav",
    "audio/x-wav",
    "audio/x-pn-wave",
    "audio/vnd.wave",
    "audio/ogg",
    "audio/vorbis",
    "audio/mpeg",
    "audio/mp3",
    "audio/webm",
    "audio/flac",
    "audio/aac",
    "audio/m4a",
    "audio/x-m4a",
    "audio/mp4",
    "audio/3gpp",
    "video/x-ms-asf",
];
