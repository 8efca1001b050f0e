//! Uploads in pieces as the server keeps them: what is held of each, what is being processed, and how they end
//! (contract §7.3).

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use sha2::{Digest, Sha256};

use super::disk::{Disk, OnDisk};
use super::fields::Change;
use super::film::{self, as_file};
use super::settings::after;
use super::world::{Origin, World};
use super::{FileBody, NewVideo, Privacy, State};

/// What a moderator who hasn't looked yet says.
const AUTO_BLOCKED: &str = "Auto-blacklisted. Moderator review required.";

/// Where the connection of an upload is cut, once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UploadCut {
    /// As soon as the server holds this many bytes of an upload; it keeps them.
    AtByte(u64),
    /// In a chunk: so many others pass first, and of this one so many bytes arrive and are kept.
    InChunk {
        /// How many chunks pass, from now on. Probes don't count.
        skip: u32,
        /// How many bytes of the next one arrive.
        after: u64,
    },
    /// Right after the last byte: the server goes on, and nobody hears of it.
    AfterLastByte,
}

/// An upload that isn't done.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub serial: u64,
    pub account: usize,
    pub change: Change,
    pub file_name: String,
    pub size: u64,
    pub held: u64,
    pub disk: Disk,
    /// When it last got further.
    pub progress: DateTime<Utc>,
    /// Whether it turned out not to be a film: beginning again begins at nothing.
    pub poisoned: bool,
}

/// An upload that is complete and being looked at.
#[derive(Clone, Debug)]
struct Job {
    serial: u64,
    upload: String,
    until: DateTime<Utc>,
    account: usize,
    change: Change,
    file_name: String,
    body: FileBody,
}

/// How processing ended.
#[derive(Clone, Debug)]
pub(super) enum End {
    /// With the video of this UUID.
    Video(String),
    /// The file isn't a film.
    Unreadable,
}

/// All of them.
#[derive(Debug, Default)]
pub(super) struct Uploads {
    pub entries: HashMap<String, Entry>,
    /// Uploads that are being processed, or seem to be: until when. A restart doesn't clear them.
    pub markers: HashMap<String, DateTime<Utc>>,
    pub cuts: Vec<UploadCut>,
    jobs: Vec<Job>,
    ends: HashMap<u64, End>,
    last_serial: u64,
}

impl Uploads {
    /// A number for a new upload.
    pub fn serial(&mut self) -> u64 {
        self.last_serial += 1;
        self.last_serial
    }

    /// How a job ended, once it has.
    pub fn end(&mut self, serial: u64) -> Option<End> {
        self.ends.remove(&serial)
    }

    /// The server is started again: its folder for uploads is empty then.
    pub fn restart(&mut self) {
        self.entries.clear();
        self.jobs.clear();
    }

    /// How many bytes of the next chunk arrive before its connection is cut, if it is to be cut.
    pub fn cut_for(&mut self, start: u64, most: u64) -> Option<u64> {
        let mut found = None;
        for (index, cut) in self.cuts.iter_mut().enumerate() {
            match cut {
                UploadCut::AtByte(at) if start < *at && *at <= start.saturating_add(most) => {
                    found = found.or(Some((index, *at - start)));
                }
                UploadCut::InChunk { skip: 0, after } => found = found.or(Some((index, *after))),
                UploadCut::InChunk { skip, .. } => *skip -= 1,
                _ => {}
            }
        }
        let (index, after) = found?;
        self.cuts.remove(index);
        Some(after)
    }

    /// Whether the connection that brought the last byte is to be cut.
    pub fn cuts_after_last(&mut self) -> bool {
        let index = self.cuts.iter().position(|cut| *cut == UploadCut::AfterLastByte);
        index.map(|index| self.cuts.remove(index)).is_some()
    }
}

/// What an upload is known by: who sends it, what it is called, how long it is, and when the file was changed.
pub(super) fn upload_id(account: usize, title: &str, size: u64, modified: u64) -> String {
    let part = |text: String| {
        let mut hash = format!("{:x}", Sha256::digest(text));
        hash.truncate(16);
        hash
    };
    let mut parts = vec![part(format!("user {account}")), part(title.to_owned())];
    if size > 0 {
        parts.push(part(format!("size {size}")));
    }
    parts.push(part(format!("modified {modified}")));
    parts.join("-")
}

impl World {
    /// Starts processing an upload of which everything is there; `None` if it is being processed already.
    pub fn process(&mut self, id: &str) -> Option<u64> {
        if self.uploads.markers.contains_key(id) {
            return None;
        }
        let entry = self.uploads.entries.get(id)?;
        let (serial, account) = (entry.serial, entry.account);
        let job = Job {
            serial,
            upload: id.to_owned(),
            until: after(self.now, self.settings.processing),
            account,
            change: entry.change.clone(),
            file_name: entry.file_name.clone(),
            body: FileBody::OnDisk(OnDisk::new(entry.disk.clone(), entry.size)),
        };
        let until = after(self.now, self.settings.upload_lifetime);
        self.uploads.markers.insert(id.to_owned(), until);
        self.uploads.jobs.push(job);
        self.settle(self.now);
        Some(serial)
    }

    /// Ends the processing that is due, and forgets uploads that don't get on.
    pub fn settle_uploads(&mut self, now: DateTime<Utc>) {
        let lifetime = self.settings.upload_lifetime;
        let (due, later) = self.uploads.jobs.drain(..).partition(|job: &Job| job.until <= now);
        self.uploads.jobs = later;
        for job in due {
            self.finish(&job);
        }
        self.uploads.markers.retain(|_, until| now < *until);
        self.uploads
            .entries
            .retain(|_, entry| now < after(entry.progress, lifetime));
    }

    fn finish(&mut self, job: &Job) {
        let uuid = self.take_in(job.account, &job.change, &job.file_name, &job.body, job.until);
        let uploads = &mut self.uploads;
        if let Some(entry) = uploads.entries.get_mut(&job.upload).filter(|e| e.serial == job.serial) {
            if uuid.is_some() {
                uploads.entries.remove(&job.upload);
                uploads.markers.remove(&job.upload);
            } else {
                entry.poisoned = true;
            }
        }
        uploads
            .ends
            .insert(job.serial, uuid.map_or(End::Unreadable, End::Video));
    }

    /// Makes a video of an uploaded file; `None` if it isn't one.
    pub fn take_in(
        &mut self,
        account: usize,
        change: &Change,
        file_name: &str,
        body: &FileBody,
        now: DateTime<Utc>,
    ) -> Option<String> {
        let facts = film::look(body)?;
        let channel = self.own_channel(account, change.channel?)?;
        let mut new = NewVideo::titled(change.title.as_deref().unwrap_or_default());
        change.apply(&mut new.details);
        new.details.duration = facts.seconds;
        new.details.chapters = chapters(new.details.description.as_deref().unwrap_or_default());
        new.privacy = change.privacy.unwrap_or(Privacy::PRIVATE);
        new.state = State::TO_TRANSCODE;
        new.wait_transcoding = false;
        let file = as_file(facts, body);
        (new.files, new.hls) = (vec![file.clone()], vec![file]);
        let origin = Origin::Upload {
            file_name: file_name.to_owned(),
            body: body.clone(),
            at: now,
        };
        Some(self.add_sent(channel, new, change, origin, now))
    }

    /// Adds a video that was sent by the API, to be transcoded.
    pub fn add_sent(
        &mut self,
        channel: usize,
        new: NewVideo,
        change: &Change,
        origin: Origin,
        now: DateTime<Utc>,
    ) -> String {
        let uuid = self.add_video(channel, new, now).uuid.clone();
        let blocked = self.settings.auto_blacklist.then(|| AUTO_BLOCKED.to_owned());
        let transcoded = after(now, self.settings.transcoding);
        if let Some(video) = self.video_mut(&uuid) {
            change.apply_rest(video);
            video.blocked = blocked;
            video.origin = origin;
            if video.state == State::TO_TRANSCODE {
                video.transcoded_at = Some(transcoded);
            }
        }
        uuid
    }

    /// The index of a channel by its number, if it is the account's.
    pub fn own_channel(&self, account: usize, number: u64) -> Option<usize> {
        let mut channels = self.channels.iter();
        channels.position(|channel| channel.id == number && channel.owner == account)
    }

    /// How many bytes an account has uploaded: in all, and within a day.
    pub fn used(&self, account: usize) -> (u64, u64) {
        let mut used = (0, 0);
        let theirs = self.videos.iter().filter(|v| self.channels[v.channel].owner == account);
        for video in theirs {
            if let Origin::Upload { body, at, .. } = &video.origin {
                used.0 += body.len();
                if (self.now - *at).num_hours() < 24 {
                    used.1 += body.len();
                }
            }
        }
        used
    }

    /// Whether an account may upload so much more.
    pub fn has_room(&self, account: usize, bytes: u64) -> bool {
        let (all, daily) = self.used(account);
        let account = &self.accounts[account];
        let fits = |used: u64, quota: Option<u64>| quota.is_none_or(|quota| used + bytes <= quota);
        fits(all, account.quota) && fits(daily, account.daily_quota)
    }
}

/// The chapters that a description tells by lines that begin with a time.
pub(super) fn chapters(description: &str) -> Vec<(u32, String)> {
    let chapter = |line: &str| {
        let (time, title) = line.trim().split_once(char::is_whitespace)?;
        let parts: Option<Vec<u32>> = time.split(':').map(|part| part.parse().ok()).collect();
        let parts = parts.filter(|parts| (2..=3).contains(&parts.len()))?;
        let seconds = parts
            .iter()
            .fold(0u32, |all, part| all.saturating_mul(60).saturating_add(*part));
        Some((seconds, title.trim().to_owned()))
    };
    description.lines().filter_map(chapter).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_upload_is_known_by_user_title_size_and_date() {
        let id = upload_id(0, "t", 1, 2);
        assert_eq!(id, upload_id(0, "t", 1, 2));
        let others = [
            upload_id(1, "t", 1, 2),
            upload_id(0, "u", 1, 2),
            upload_id(0, "t", 2, 2),
            upload_id(0, "t", 1, 3),
        ];
        assert!(others.iter().all(|other| *other != id));
        assert_eq!(id.split('-').count(), 4);
    }

    #[test]
    fn lines_that_begin_with_a_time_are_chapters() {
        let text = "Hello\r\n00:00 Intro\r\n\r\n1:02:03 Late one\r\nat 00:05 not this";
        assert_eq!(chapters(text), [(0, "Intro".to_owned()), (3723, "Late one".to_owned())]);
    }
}
