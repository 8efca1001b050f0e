//! What a creator hands in: a video with its details, files and captions.

use bytes::Bytes;
use chrono::{DateTime, Utc};

use super::FileBody;

/// Who may see a video, by PeerTube's numbers. Others than the named ones may be made, as future versions may.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Privacy(pub u8);

impl Privacy {
    /// Everyone, and listed.
    pub const PUBLIC: Self = Self(1);
    /// Everyone who has the address.
    pub const UNLISTED: Self = Self(2);
    /// Its owner.
    pub const PRIVATE: Self = Self(3);
    /// Everyone with an account there.
    pub const INTERNAL: Self = Self(4);
    /// Everyone who knows the password.
    pub const PASSWORD: Self = Self(5);

    /// Whether the files lie where a sign-in is needed.
    pub(super) fn guards_files(self) -> bool {
        !matches!(self, Self::PUBLIC | Self::UNLISTED)
    }
}

/// How far a video is, by PeerTube's numbers. Others than the named ones may be made, as future versions may.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct State(pub u8);

impl State {
    /// Ready.
    pub const PUBLISHED: Self = Self(1);
    /// The upload is there and is being transcoded.
    pub const TO_TRANSCODE: Self = Self(2);
    /// The file is still to be fetched from elsewhere: no file, no thumbnail, no duration yet.
    pub const TO_IMPORT: Self = Self(3);
    /// A broadcast that hasn't begun.
    pub const WAITING_FOR_LIVE: Self = Self(4);
    /// A broadcast that is over.
    pub const LIVE_ENDED: Self = Self(5);
    /// Transcoding failed.
    pub const TRANSCODING_FAILED: Self = Self(7);
    /// The creator is editing it in the studio.
    pub const TO_EDIT: Self = Self(9);

    /// Whether other servers are told of a video in this state.
    pub(super) fn federates(self) -> bool {
        matches!(self, Self::PUBLISHED | Self::WAITING_FOR_LIVE | Self::LIVE_ENDED)
    }
}

/// What a creator may change of a video at any time.
#[derive(Clone, Debug, PartialEq)]
pub struct Details {
    /// Title, plain text.
    pub title: String,
    /// Description in Markdown.
    pub description: Option<String>,
    /// How to support the creator, in Markdown.
    pub support: Option<String>,
    /// Tags without `#`.
    pub tags: Vec<String>,
    /// Category by number.
    pub category: Option<u32>,
    /// Licence by number.
    pub licence: Option<u32>,
    /// Language by code.
    pub language: Option<String>,
    /// Whether it is sensitive.
    pub nsfw: bool,
    /// Length in seconds.
    pub duration: u32,
    /// Whether the creator offers it for download.
    pub download_enabled: bool,
    /// When it was first published elsewhere.
    pub originally_published_at: Option<DateTime<Utc>>,
    /// Chapters: second and title.
    pub chapters: Vec<(u32, String)>,
}

impl Default for Details {
    fn default() -> Self {
        Self {
            title: "A video".into(),
            description: None,
            support: None,
            tags: Vec::new(),
            category: None,
            licence: None,
            language: None,
            nsfw: false,
            duration: 6,
            download_enabled: true,
            originally_published_at: None,
            chapters: Vec::new(),
        }
    }
}

/// One encoded form of a video.
#[derive(Clone, Debug, PartialEq)]
pub struct VideoFile {
    /// Its class: the short side, 0 for sound alone.
    pub resolution: u32,
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// Frames per second.
    pub fps: u32,
    /// Whether it has sound.
    pub has_audio: bool,
    /// Whether it has pictures.
    pub has_video: bool,
    /// What is in it; made up when left out, differently for each file.
    pub body: Option<FileBody>,
    /// Size of a made-up file.
    pub bytes: u64,
}

impl VideoFile {
    /// A file of this many pixels, with sound, of 64 KiB.
    pub fn sized(width: u32, height: u32) -> Self {
        Self {
            resolution: width.min(height),
            width,
            height,
            fps: 30,
            has_audio: true,
            has_video: true,
            body: None,
            bytes: 64 * 1024,
        }
    }

    /// The sound alone, as it stands beside silent files.
    pub fn audio_only() -> Self {
        Self {
            fps: 0,
            has_video: false,
            ..Self::sized(0, 0)
        }
    }

    /// Without sound.
    #[must_use]
    pub fn silent(mut self) -> Self {
        self.has_audio = false;
        self
    }

    /// At another frame rate than 30.
    #[must_use]
    pub fn fps(mut self, fps: u32) -> Self {
        self.fps = fps;
        self
    }

    /// Made up, of this size.
    #[must_use]
    pub fn bytes(mut self, bytes: u64) -> Self {
        self.bytes = bytes;
        self.body = None;
        self
    }

    /// With this content.
    #[must_use]
    pub fn body(mut self, body: impl Into<FileBody>) -> Self {
        let body = body.into();
        self.bytes = body.len();
        self.body = Some(body);
        self
    }
}

/// Subtitles in one language.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caption {
    /// Language by code.
    pub language: String,
    /// Whether a machine wrote them.
    pub automatic: bool,
    /// WebVTT.
    pub text: String,
}

impl Caption {
    /// Subtitles that a person wrote.
    pub fn new(language: &str, text: &str) -> Self {
        Self {
            language: language.into(),
            automatic: false,
            text: text.into(),
        }
    }
}

/// A video to be published. Its defaults: public, finished, one web video and one HLS file of 640×360.
#[derive(Clone, Debug, PartialEq)]
pub struct NewVideo {
    /// The channel it appears in; the first one when left out.
    pub channel: Option<String>,
    /// Title, description and the like.
    pub details: Details,
    /// Who may see it.
    pub privacy: Privacy,
    /// What opens a video with [`Privacy::PASSWORD`].
    pub password: Option<String>,
    /// How far it is.
    pub state: State,
    /// Whether it is to stay hidden until it is transcoded.
    pub wait_transcoding: bool,
    /// Whether it is a broadcast: it has no files then.
    pub is_live: bool,
    /// Plain MP4 files.
    pub files: Vec<VideoFile>,
    /// Fragmented MP4 files of the HLS playlist.
    pub hls: Vec<VideoFile>,
    /// Subtitles.
    pub captions: Vec<Caption>,
    /// A JPEG of its own instead of the built-in picture.
    pub thumbnail: Option<Bytes>,
    /// When it was uploaded; now when left out.
    pub created_at: Option<DateTime<Utc>>,
    /// When it was published; as PeerTube does it when left out.
    pub published_at: Option<DateTime<Utc>>,
}

impl Default for NewVideo {
    fn default() -> Self {
        Self {
            channel: None,
            details: Details::default(),
            privacy: Privacy::PUBLIC,
            password: None,
            state: State::PUBLISHED,
            wait_transcoding: true,
            is_live: false,
            files: vec![VideoFile::sized(640, 360)],
            hls: vec![VideoFile::sized(640, 360)],
            captions: Vec::new(),
            thumbnail: None,
            created_at: None,
            published_at: None,
        }
    }
}

impl NewVideo {
    /// A video with this title.
    pub fn titled(title: &str) -> Self {
        let mut video = Self::default();
        video.details.title = title.into();
        video
    }

    /// In this channel.
    #[must_use]
    pub fn channel(mut self, name: &str) -> Self {
        self.channel = Some(name.into());
        self
    }

    /// With this description, in Markdown.
    #[must_use]
    pub fn description(mut self, markdown: &str) -> Self {
        self.details.description = Some(markdown.into());
        self
    }

    /// With these tags.
    #[must_use]
    pub fn tags(mut self, tags: &[&str]) -> Self {
        self.details.tags = tags.iter().map(|&t| t.into()).collect();
        self
    }

    /// In this language.
    #[must_use]
    pub fn language(mut self, code: &str) -> Self {
        self.details.language = Some(code.into());
        self
    }

    /// Marked as sensitive.
    #[must_use]
    pub fn sensitive(mut self) -> Self {
        self.details.nsfw = true;
        self
    }

    /// With other details changed as well.
    #[must_use]
    pub fn with(mut self, change: impl FnOnce(&mut Details)) -> Self {
        change(&mut self.details);
        self
    }

    /// For these people.
    #[must_use]
    pub fn privacy(mut self, privacy: Privacy) -> Self {
        self.privacy = privacy;
        self
    }

    /// For those who know the password.
    #[must_use]
    pub fn password(mut self, password: &str) -> Self {
        self.password = Some(password.into());
        self.privacy(Privacy::PASSWORD)
    }

    /// Uploaded and still to be transcoded.
    #[must_use]
    pub fn transcoding(mut self) -> Self {
        self.state = State::TO_TRANSCODE;
        self
    }

    /// Still to be fetched from elsewhere.
    #[must_use]
    pub fn importing(mut self) -> Self {
        self.state = State::TO_IMPORT;
        self
    }

    /// A broadcast, running if it is in the state published.
    #[must_use]
    pub fn live(mut self) -> Self {
        self.is_live = true;
        self.files.clear();
        self.hls.clear();
        self
    }

    /// With these web videos and no HLS.
    #[must_use]
    pub fn web(mut self, files: impl IntoIterator<Item = VideoFile>) -> Self {
        self.files = files.into_iter().collect();
        self.hls.clear();
        self
    }

    /// With these HLS files and no web videos, as on a default server.
    #[must_use]
    pub fn hls(mut self, files: impl IntoIterator<Item = VideoFile>) -> Self {
        self.hls = files.into_iter().collect();
        self.files.clear();
        self
    }

    /// With one file of this content, as a web video.
    #[must_use]
    pub fn clip(self, width: u32, height: u32, body: impl Into<FileBody>) -> Self {
        self.web([VideoFile::sized(width, height).body(body)])
    }

    /// With subtitles.
    #[must_use]
    pub fn caption(mut self, caption: Caption) -> Self {
        self.captions.push(caption);
        self
    }

    /// Uploaded and published then.
    #[must_use]
    pub fn at(mut self, when: DateTime<Utc>) -> Self {
        self.created_at = Some(when);
        self.published_at = Some(when);
        self
    }
}
