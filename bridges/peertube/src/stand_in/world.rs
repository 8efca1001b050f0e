//! What the server knows: accounts, channels, videos, and how PeerTube changes them.

use std::collections::HashMap;

use chrono::{DateTime, Utc};

use super::ids::{Names, short_uuid};
use super::{Caption, Details, FileBody, NewVideo, Privacy, State, VideoFile};

/// A person on the server.
#[derive(Clone, Debug)]
pub(super) struct Account {
    pub id: u64,
    pub name: String,
    pub created: DateTime<Utc>,
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
}

impl Video {
    /// An import has nothing to show until its file arrived.
    pub fn has_thumbnail(&self) -> bool {
        self.state != State::TO_IMPORT
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

    fn announce_if_due(&mut self) {
        let federates = self.privacy == Privacy::PUBLIC && self.state.federates();
        self.announced |= federates && self.blocked.is_none();
    }
}

/// Everything.
#[derive(Debug)]
pub(super) struct World {
    pub accounts: Vec<Account>,
    pub channels: Vec<Channel>,
    pub videos: Vec<Video>,
    /// Access tokens, and the account that each opens (index).
    pub tokens: HashMap<String, usize>,
    names: Names,
    last_id: u64,
    last_file: u64,
}

impl World {
    pub fn new(seed: &str) -> Self {
        Self {
            accounts: Vec::new(),
            channels: Vec::new(),
            videos: Vec::new(),
            tokens: HashMap::new(),
            names: Names::new(seed),
            last_id: 0,
            last_file: 0,
        }
    }

    pub fn account(&self, name: &str) -> Option<usize> {
        self.accounts.iter().position(|a| a.name == name)
    }

    pub fn channel(&self, name: &str) -> Option<usize> {
        self.channels.iter().position(|c| c.name == name)
    }

    /// The video with this number, UUID or short UUID.
    pub fn video(&self, id: &str) -> Option<&Video> {
        self.videos
            .iter()
            .find(|v| v.uuid == id || v.short == id || v.id.to_string() == id)
    }

    pub fn video_mut(&mut self, uuid: &str) -> Option<&mut Video> {
        self.videos.iter_mut().find(|v| v.uuid == uuid)
    }

    pub fn add_account(&mut self, name: &str, now: DateTime<Utc>) -> usize {
        // The server's own accounts took the first numbers.
        let id = 3 + self.accounts.len() as u64;
        self.accounts.push(Account {
            id,
            name: name.into(),
            created: now,
        });
        self.accounts.len() - 1
    }

    pub fn add_channel(&mut self, owner: usize, name: &str, now: DateTime<Utc>) {
        let id = 2 + self.channels.len() as u64;
        self.channels.push(Channel {
            id,
            actor: id + 3,
            name: name.into(),
            owner,
            created: now,
            updated: now,
        });
    }

    pub fn add_token(&mut self, account: usize) -> String {
        let token = self.names.uuid().replace('-', "");
        self.tokens.insert(token.clone(), account);
        token
    }

    pub fn add_video(&mut self, channel: usize, new: NewVideo, now: DateTime<Utc>) -> &Video {
        self.last_id += 1;
        let uuid = self.names.uuid();
        let created = new.created_at.unwrap_or(now);
        let mut store = |files: Vec<VideoFile>| -> Vec<StoredFile> {
            files.into_iter().map(|file| self.store(file, created)).collect()
        };
        let best = new.files.iter().chain(&new.hls).max_by_key(|f| f.resolution).cloned();
        let upload = best.map(|file| VideoFile {
            has_audio: true,
            ..file
        });
        let waits = matches!(new.state, State::TO_TRANSCODE | State::TO_IMPORT);
        let upload = store(upload.filter(|_| waits).into_iter().collect());
        let (web, hls) = (store(new.files), store(new.hls));
        let mut video = Video {
            id: self.last_id,
            short: short_uuid(&uuid).unwrap_or_default(),
            uuid,
            channel,
            details: new.details,
            privacy: new.privacy,
            password: new.password,
            state: new.state,
            wait_transcoding: new.wait_transcoding,
            is_live: new.is_live,
            created,
            updated: now,
            published: new.published_at.unwrap_or(now),
            finished_once: new.state == State::PUBLISHED,
            announced: false,
            blocked: None,
            views: 0,
            upload: upload.into_iter().next(),
            web,
            hls,
            playlist: self.new_playlist(),
            captions: Vec::new(),
            pictures: Pictures {
                thumbnail: self.names.uuid(),
                preview: self.names.uuid(),
                storyboard: self.names.uuid(),
            },
            thumbnail: new.thumbnail,
        };
        video.captions = new.captions.into_iter().map(|c| self.new_caption(c, now)).collect();
        video
            .captions
            .sort_by(|a, b| a.caption.language.cmp(&b.caption.language));
        video.announce_if_due();
        self.channels[channel].updated = now;
        self.videos.push(video);
        &self.videos[self.videos.len() - 1]
    }

    /// Changes who may see a video. The date of publication is renewed only when it was private before.
    pub fn set_privacy(&mut self, uuid: &str, privacy: Privacy, now: DateTime<Utc>) {
        self.change(uuid, now, |video| {
            if video.privacy == Privacy::PRIVATE && privacy != Privacy::PRIVATE {
                video.published = now;
            }
            video.privacy = privacy;
        });
    }

    /// Moves a video on. The date of publication is renewed when it is ready for the first time; transcoded files are
    /// new files.
    pub fn set_state(&mut self, uuid: &str, state: State, now: DateTime<Utc>) {
        let done = self.video(uuid).is_some_and(|v| v.state == State::TO_TRANSCODE) && state == State::PUBLISHED;
        if done {
            self.rename_files(uuid);
        }
        self.change(uuid, now, |video| {
            if state == State::PUBLISHED && !video.finished_once {
                video.published = now;
                video.finished_once = true;
            }
            video.state = state;
            if done {
                for file in video.web.iter_mut().chain(&mut video.hls) {
                    file.modified = now;
                }
            }
        });
    }

    /// Changes a video as a creator or moderator does, and tells other servers if it is time.
    pub fn change(&mut self, uuid: &str, now: DateTime<Utc>, change: impl FnOnce(&mut Video)) {
        if let Some(video) = self.video_mut(uuid) {
            change(video);
            video.updated = now;
            video.announce_if_due();
        }
    }

    /// Gives every file of a video another name, so that all its URLs change.
    pub fn rename_files(&mut self, uuid: &str) {
        let Some(at) = self.videos.iter().position(|v| v.uuid == uuid) else {
            return;
        };
        let video = &mut self.videos[at];
        for file in video.web.iter_mut().chain(&mut video.hls).chain(&mut video.upload) {
            file.name = self.names.uuid();
        }
        self.renew_playlist(at);
    }

    /// Adds a plain file. It changes no date.
    pub fn add_web_file(&mut self, uuid: &str, file: VideoFile, now: DateTime<Utc>) {
        let stored = self.store(file, now);
        if let Some(video) = self.video_mut(uuid) {
            video.web.push(stored);
        }
    }

    /// Adds a file to the playlist. It changes no date, but the playlist's name.
    pub fn add_hls_file(&mut self, uuid: &str, file: VideoFile, now: DateTime<Utc>) {
        let stored = self.store(file, now);
        if let Some(at) = self.videos.iter().position(|v| v.uuid == uuid) {
            self.videos[at].hls.push(stored);
            self.renew_playlist(at);
        }
    }

    /// Adds subtitles, or replaces those of the same language. It changes no date of the video.
    pub fn set_caption(&mut self, uuid: &str, caption: Caption, now: DateTime<Utc>) {
        let stored = self.new_caption(caption, now);
        if let Some(video) = self.video_mut(uuid) {
            video.captions.retain(|c| c.caption.language != stored.caption.language);
            video.captions.push(stored);
            video
                .captions
                .sort_by(|a, b| a.caption.language.cmp(&b.caption.language));
        }
    }

    fn store(&mut self, file: VideoFile, modified: DateTime<Utc>) -> StoredFile {
        self.last_file += 1;
        let made_up = FileBody::Synthetic {
            bytes: file.bytes,
            seed: self.last_file,
        };
        StoredFile {
            id: self.last_file,
            name: self.names.uuid(),
            torrent: self.names.uuid(),
            body: file.body.clone().unwrap_or(made_up),
            file,
            modified,
        }
    }

    fn new_caption(&mut self, caption: Caption, updated: DateTime<Utc>) -> StoredCaption {
        StoredCaption {
            name: self.names.uuid(),
            caption,
            updated,
        }
    }

    fn new_playlist(&mut self) -> Playlist {
        Playlist {
            id: self.last_id,
            master: self.names.uuid(),
            segments: self.names.uuid(),
        }
    }

    fn renew_playlist(&mut self, video: usize) {
        let id = self.videos[video].playlist.id;
        self.videos[video].playlist = Playlist {
            id,
            ..self.new_playlist()
        };
    }
}
