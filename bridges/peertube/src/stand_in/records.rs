//! What the server keeps of accounts, channels and videos.

use chrono::{DateTime, Utc};

use super::{Caption, Details, FileBody, Privacy, State, VideoFile};

/// A person on the server.
#[derive(Clone, Debug)]
pub(super) struct Account {
    pub id: u64,
    pub name: String,
    pub created: DateTime<Utc>,
    pub password: String,
    /// The code of its second factor, if it has one. It doesn't change here.
    pub second_factor: Option<String>,
    /// How many bytes it may upload, in all and within a day; none for no limit.
    pub quota: Option<u64>,
    pub daily_quota: Option<u64>,
}

/// A place where an account publishes.
#[derive(Clone, Debug)]
pub(super) struct Channel {
    pub id: u64,
    /// What its announcements are numbered by.
    pub actor: u64,
    pub name: String,
    /// Index into the accounts.
    pub owner: usize,
    pub created: DateTime<Utc>,
    pub updated: DateTime<Utc>,
}

/// A file as it is stored.
#[derive(Clone, Debug)]
pub(super) struct StoredFile {
    pub id: u64,
    /// The random part of its name.
    pub name: String,
    pub torrent: String,
    pub file: VideoFile,
    pub body: FileBody,
    pub modified: DateTime<Utc>,
}

/// Subtitles as they are stored.
#[derive(Clone, Debug)]
pub(super) struct StoredCaption {
    pub name: String,
    pub caption: Caption,
    pub updated: DateTime<Utc>,
}

/// The names that belong to a video's HLS playlist.
#[derive(Clone, Debug)]
pub(super) struct Playlist {
    pub id: u64,
    pub master: String,
    pub segments: String,
}

/// The names of a video's pictures.
#[derive(Clone, Debug)]
pub(super) struct Pictures {
    pub thumbnail: String,
    pub preview: String,
    pub storyboard: String,
}

/// A video as the server keeps it.
#[derive(Clone, Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent facts, as in the server's database"
)]
pub(super) struct Video {
    pub id: u64,
    pub uuid: String,
    pub short: String,
    /// Index into the channels.
    pub channel: usize,
    pub details: Details,
    pub privacy: Privacy,
    pub password: Option<String>,
    pub state: State,
    pub wait_transcoding: bool,
    pub is_live: bool,
    pub created: DateTime<Utc>,
    pub updated: DateTime<Utc>,
    pub published: DateTime<Utc>,
    /// Whether it ever was in the state published.
    pub finished_once: bool,
    /// Whether its channel ever announced it: the channel's outbox and its total know no others.
    pub announced: bool,
    pub blocked: Option<String>,
    pub views: u64,
    /// What was uploaded, shown as the only file until transcoding is done.
    pub upload: Option<StoredFile>,
    pub web: Vec<StoredFile>,
    pub hls: Vec<StoredFile>,
    pub playlist: Playlist,
    pub captions: Vec<StoredCaption>,
    pub pictures: Pictures,
    pub thumbnail: Option<bytes::Bytes>,
    pub preview: Option<bytes::Bytes>,
    /// 1 on, 2 off, 3 moderated.
    pub comments_policy: u8,
    /// When somebody else is to see it.
    pub schedule: Option<Schedule>,
    /// When transcoding will be over, if the server does that by itself.
    pub transcoded_at: Option<DateTime<Utc>>,
    pub origin: Origin,
}

/// A change of privacy that is planned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Schedule {
    pub at: DateTime<Utc>,
    pub privacy: Privacy,
}

/// How a video came to the server.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Origin {
    /// A test put it there.
    Test,
    /// By the upload API: the file's name there, what it contains, and when it came.
    Upload {
        file_name: String,
        body: FileBody,
        at: DateTime<Utc>,
    },
    /// From this URL.
    Import(String),
}

impl Video {
    /// An import has nothing to show until its file arrived.
    pub fn has_thumbnail(&self) -> bool {
        self.state != State::TO_IMPORT
    }

    /// The large picture: its own, or the one it shares with the small one.
    pub fn large_picture(&self) -> Option<&bytes::Bytes> {
        self.preview.as_ref().or(self.thumbnail.as_ref())
    }

    /// Sprites of a video are made when it is ready and long enough.
    pub fn has_storyboard(&self) -> bool {
        self.state == State::PUBLISHED && !self.is_live && self.details.duration >= 3
    }

    /// The plain files that exist now.
    pub fn web_now(&self) -> &[StoredFile] {
        match self.state {
            State::TO_IMPORT => &[],
            State::TO_TRANSCODE => self.upload.as_slice(),
            _ => &self.web,
        }
    }

    /// The HLS files that exist now.
    pub fn hls_now(&self) -> &[StoredFile] {
        match self.state {
            State::TO_IMPORT | State::TO_TRANSCODE => &[],
            _ => &self.hls,
        }
    }

    /// Whether there is a playlist now: a running broadcast has one without files.
    pub fn has_playlist(&self) -> bool {
        !self.hls_now().is_empty() || (self.is_live && self.state == State::PUBLISHED)
    }

    /// Whether lists show it to everybody.
    pub fn is_listed(&self) -> bool {
        let ready = self.state == State::PUBLISHED || (self.state == State::TO_TRANSCODE && !self.wait_transcoding);
        ready && self.blocked.is_none()
    }

    pub fn announce_if_due(&mut self) {
        let federates = self.privacy == Privacy::PUBLIC && self.state.federates();
        self.announced |= federates && self.blocked.is_none();
    }
}
