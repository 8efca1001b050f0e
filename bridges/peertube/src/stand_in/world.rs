//! What the server knows: accounts, channels, videos, and how PeerTube changes them.

use chrono::{DateTime, Utc};

use super::ids::{Names, short_uuid};
use super::imports::Imports;
pub(super) use super::records::{
    Account, Channel, Origin, Pictures, Playlist, Schedule, StoredCaption, StoredFile, Video,
};
use super::sessions::Sessions;
use super::uploads::Uploads;
use super::{Caption, FileBody, NewVideo, Privacy, Settings, State, VideoFile};

/// Everything.
#[derive(Debug)]
pub(super) struct World {
    pub accounts: Vec<Account>,
    pub channels: Vec<Channel>,
    pub videos: Vec<Video>,
    pub sessions: Sessions,
    pub uploads: Uploads,
    pub imports: Imports,
    pub settings: Settings,
    /// What time it is, as of the last time somebody looked.
    pub now: DateTime<Utc>,
    pub names: Names,
    last_id: u64,
    last_file: u64,
}

impl World {
    pub fn new(seed: &str, settings: Settings, now: DateTime<Utc>) -> Self {
        let mut names = Names::new(seed);
        Self {
            accounts: Vec::new(),
            channels: Vec::new(),
            videos: Vec::new(),
            sessions: Sessions::new(&mut names),
            uploads: Uploads::default(),
            imports: Imports::default(),
            settings,
            now,
            names,
            last_id: 0,
            last_file: 0,
        }
    }

    /// What was to happen until now happens: uploads are looked at, imports and transcoding end, plans are carried out.
    pub fn settle(&mut self, now: DateTime<Utc>) {
        self.now = now;
        self.settle_uploads(now);
        self.settle_imports(now);
        let end = if self.settings.transcoding_fails {
            State::TRANSCODING_FAILED
        } else {
            State::PUBLISHED
        };
        for index in 0..self.videos.len() {
            let video = &self.videos[index];
            let uuid = video.uuid.clone();
            let transcoded = video.transcoded_at.filter(|at| *at <= now);
            let planned = video.schedule.filter(|plan| plan.at <= now);
            if let Some(at) = transcoded {
                self.videos[index].transcoded_at = None;
                if self.videos[index].state == State::TO_TRANSCODE {
                    self.set_state(&uuid, end, at);
                }
            }
            if let Some(plan) = planned {
                self.videos[index].schedule = None;
                self.set_privacy(&uuid, plan.privacy, plan.at);
            }
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
            password: format!("{name}-password"),
            second_factor: None,
            quota: None,
            daily_quota: None,
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
            preview: None,
            comments_policy: 1,
            schedule: None,
            transcoded_at: None,
            origin: Origin::Test,
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
