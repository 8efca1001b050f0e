//! How a stand-in is set up.

use std::sync::Arc;

use chrono::Duration;
use tombolo_model::{Clock, SystemClock};

/// How a stand-in is set up. The default is a 0.12.6 as it is installed, with all its teeth.
#[derive(Clone, Debug)]
pub struct Options {
    /// Port on the loopback interface; 0 for any free one.
    pub port: u16,
    /// Where it gets the time from: ids, dates, keys, background jobs, limits.
    pub clock: Arc<dyn Clock>,
    /// What it accepts.
    pub limits: InstanceLimits,
    /// The version it claims, for instance `0.12.6`.
    pub version: String,
    /// Which status codes its errors have.
    pub errors: Errors,
    /// The domain in handles; by default its own address with the port.
    pub domain: Option<String>,
    /// Whether it speaks ActivityPub (contract §7). Off in a fresh installation, on wherever people follow each other.
    pub activitypub: bool,
    /// Whether applications can be registered (contract §2).
    pub oauth: bool,
    /// Whether pictures are turned upright, scaled down, rid of metadata and encoded anew (contract §3). Otherwise they
    /// stay as they came; their sizes are told all the same.
    pub optimize_images: bool,
    /// How long the queue takes: to process media, and to fill in a post's tags and mentions.
    pub queue_delay: Duration,
    /// How long a deleted post can still be seen.
    pub deletion_delay: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            port: 0,
            clock: Arc::new(SystemClock),
            limits: InstanceLimits::default(),
            version: "0.12.6".into(),
            errors: Errors::All500,
            domain: None,
            activitypub: true,
            oauth: true,
            optimize_images: true,
            queue_delay: Duration::zero(),
            deletion_delay: Duration::seconds(2),
        }
    }
}

/// Which status codes errors have (contract §9).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Errors {
    /// 500 for a bad token, for what isn't valid and for what isn't found; HTML or a redirection for whoever doesn't
    /// ask for JSON first. So up to 0.12.7.
    All500,
    /// 401, 422 and 404, and JSON for everything under `/api/`. Later versions.
    Proper,
}

/// What the instance accepts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InstanceLimits {
    /// Longest caption, in code points.
    pub max_characters: usize,
    /// Most photos or videos of a post.
    pub max_media_attachments: usize,
    /// MIME types it takes; `video/mp4` among them makes it take videos.
    pub supported_mime_types: Vec<String>,
    /// Largest file, photo or video, in units of 1024 bytes.
    pub max_photo_size: u64,
    /// Longest alternative text, in code points. Not announced.
    pub description_limit: usize,
    /// All files of an account together, in units of 1000 bytes. None: no end.
    pub account_size: Option<u64>,
    /// Uploads of an account in 24 hours.
    pub uploads_a_day: usize,
    /// Posts and comments of an account in 24 hours.
    pub statuses_a_day: usize,
    /// `upload_max_filesize` of PHP in bytes, which nobody announces.
    pub php_file_limit: Option<u64>,
    /// `post_max_size` of PHP in bytes, which nobody announces.
    pub php_post_limit: Option<u64>,
    /// Requests a minute under `/api/` for a user or address; only later versions have such a limit (512).
    pub requests_a_minute: Option<u32>,
}

impl Default for InstanceLimits {
    fn default() -> Self {
        Self {
            max_characters: 500,
            max_media_attachments: 4,
            supported_mime_types: ["image/jpeg", "image/jpg", "image/png", "image/gif"]
                .map(str::to_owned)
                .to_vec(),
            max_photo_size: 15_000,
            description_limit: 1000,
            account_size: Some(1_000_000),
            uploads_a_day: 1250,
            statuses_a_day: 1000,
            php_file_limit: None,
            php_post_limit: None,
            requests_a_minute: None,
        }
    }
}

impl InstanceLimits {
    /// The same, with videos.
    #[must_use]
    pub fn with_video(mut self) -> Self {
        if !self.takes_video() {
            self.supported_mime_types.push("video/mp4".into());
        }
        self
    }

    /// Whether it takes videos.
    pub fn takes_video(&self) -> bool {
        self.supported_mime_types.iter().any(|kind| kind == "video/mp4")
    }
}

/// What an account's owner, or a moderator, has chosen for it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "they are switches on a page, each for itself"
)]
pub struct Preferences {
    /// Followers have to ask; everything posted is private.
    pub locked: bool,
    /// What is posted as public becomes unlisted.
    pub unlisted: bool,
    /// Everything is sensitive.
    pub sensitive: bool,
    /// Whether the atom feed is there.
    pub show_atom: bool,
    /// Whether the e-mail address is confirmed; without, nothing of the API can be used.
    pub email_confirmed: bool,
}

impl Default for Preferences {
    fn default() -> Self {
        Self {
            locked: false,
            unlisted: false,
            sensitive: false,
            show_atom: true,
            email_confirmed: true,
        }
    }
}
