//! The stand-in as a test of uploading holds it: users with passwords, settings, what was uploaded, and what goes
//! wrong on the way.

use bytes::Bytes;
use chrono::{DateTime, Utc};

use super::sessions::{Grant, Session};
use super::tube::PeerTube;
use super::uploads::UploadCut;
use super::world::{Origin, Video, World};
use super::{Caption, Details, FileBody, ImportOutcome, Privacy, Settings, State};

/// A video that came by the API.
#[derive(Clone, Debug, PartialEq)]
pub struct Uploaded {
    /// What it is called everywhere.
    pub uuid: String,
    /// The account it came from.
    pub account: String,
    /// The channel it is in.
    pub channel: String,
    /// Title, description, tags, language, dates and the like.
    pub details: Details,
    /// Who may see it.
    pub privacy: Privacy,
    /// How far it is.
    pub state: State,
    /// Whether moderators hold it back.
    pub blocked: bool,
    /// Whether it is to stay hidden until it is transcoded.
    pub wait_transcoding: bool,
    /// 1 comments are on, 2 off, 3 moderated.
    pub comments_policy: u8,
    /// Subtitles, as they are served.
    pub captions: Vec<Caption>,
    /// The small picture, as it came.
    pub thumbnail: Option<Bytes>,
    /// The large picture, as it came.
    pub preview: Option<Bytes>,
    /// The file as it was put together. None of a video that is still being imported.
    pub file: Option<FileBody>,
    /// The file's name, as only the owner sees it. None of an import.
    pub input_filename: Option<String>,
    /// Where it was imported from. None of an upload.
    pub target_url: Option<String>,
    /// When it came.
    pub created: DateTime<Utc>,
}

/// An upload in pieces that isn't done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unfinished {
    /// What it is known by.
    pub upload_id: String,
    /// The account it comes from.
    pub account: String,
    /// The title it is to have.
    pub title: String,
    /// The file's name.
    pub file_name: String,
    /// How many bytes it is to have.
    pub size: u64,
    /// Up to where it goes.
    pub held: u64,
    /// Whether it is being processed, or seems to be.
    pub in_processing: bool,
}

/// Methods that take a name panic when there is no such account: the test is wrong then.
impl PeerTube {
    /// Changes how the server treats what is written to it, from now on.
    pub fn set(&self, change: impl FnOnce(&mut Settings)) {
        change(&mut self.world().settings);
    }

    /// The password of an account; `NAME-password` unless it was changed.
    #[track_caller]
    pub fn password(&self, account: &str) -> String {
        let (world, index) = self.of_account(account);
        world.accounts[index].password.clone()
    }

    /// Changes the password of an account. Sessions go on.
    #[track_caller]
    pub fn set_password(&self, account: &str, password: &str) {
        let (mut world, index) = self.of_account(account);
        password.clone_into(&mut world.accounts[index].password);
    }

    /// Gives an account a second factor with this code, or takes it away.
    #[track_caller]
    pub fn set_second_factor(&self, account: &str, code: Option<&str>) {
        let (mut world, index) = self.of_account(account);
        world.accounts[index].second_factor = code.map(str::to_owned);
    }

    /// How many bytes an account may upload, in all and within a day; none for any number.
    #[track_caller]
    pub fn set_quota(&self, account: &str, all: Option<u64>, daily: Option<u64>) {
        let (mut world, index) = self.of_account(account);
        (world.accounts[index].quota, world.accounts[index].daily_quota) = (all, daily);
    }

    /// The client's id and secret.
    pub fn client(&self) -> (String, String) {
        self.world().sessions.client.clone()
    }

    /// All pairs of tokens that were given out, in order.
    pub fn sessions(&self) -> Vec<Session> {
        let world = self.world();
        let shown = world.sessions.all.iter().map(|kept| Session {
            account: world.accounts[kept.account].name.clone(),
            grant: kept.grant,
            began: kept.began,
            access_token: kept.access.clone(),
            refresh_token: kept.refresh.as_ref().map(|(token, _)| token.clone()),
            is_good: kept.is_good(world.now),
        });
        shown.collect()
    }

    /// Ends all sessions, as an upgrade may: neither their access nor their refresh tokens are good any more.
    pub fn end_sessions(&self) {
        for session in &mut self.world().sessions.all {
            session.ended = true;
        }
    }

    /// Access tokens run out now; refresh tokens are still good.
    pub fn expire_access_tokens(&self) {
        let mut world = self.world();
        let now = world.now;
        for session in world.sessions.all.iter_mut().filter(|s| s.grant != Grant::Test) {
            session.until = Some(now);
        }
    }

    /// The server is started again: uploads that aren't done are gone, even those in processing; the mark that they are
    /// in processing stays (contract §7.4). Rate limits begin anew; sessions go on.
    pub fn restart(&self) {
        self.world().uploads.restart();
        self.forget_rates();
    }

    /// Cuts the connection of an upload, once.
    pub fn cut_upload(&self, cut: UploadCut) {
        self.world().uploads.cuts.push(cut);
    }

    /// How many cuts are still to come.
    pub fn cuts_left(&self) -> usize {
        self.world().uploads.cuts.len()
    }

    /// Says what an import from this URL meets.
    pub fn on_import(&self, url: &str, outcome: ImportOutcome) {
        self.world().imports.outcomes.insert(url.to_owned(), outcome);
    }

    /// The videos that came by the API and still exist, in order.
    pub fn uploaded(&self) -> Vec<Uploaded> {
        let world = self.world();
        let sent = world.videos.iter().filter(|video| video.origin != Origin::Test);
        sent.map(|video| uploaded(&world, video)).collect()
    }

    /// Uploads in pieces that aren't done, by their titles.
    pub fn unfinished(&self) -> Vec<Unfinished> {
        let world = self.world();
        let shown = world.uploads.entries.iter().map(|(id, entry)| Unfinished {
            upload_id: id.clone(),
            account: world.accounts[entry.account].name.clone(),
            title: entry.change.title.clone().unwrap_or_default(),
            file_name: entry.file_name.clone(),
            size: entry.size,
            held: entry.held,
            in_processing: world.uploads.markers.contains_key(id),
        });
        let mut shown: Vec<Unfinished> = shown.collect();
        shown.sort_by(|a, b| (&a.title, &a.upload_id).cmp(&(&b.title, &b.upload_id)));
        shown
    }
}

fn uploaded(world: &World, video: &Video) -> Uploaded {
    let channel = &world.channels[video.channel];
    let (file, input_filename, target_url) = match &video.origin {
        Origin::Upload { file_name, body, .. } => (Some(body.clone()), Some(file_name.clone()), None),
        Origin::Import(url) => {
            let stored = video.upload.as_ref().map(|stored| stored.body.clone());
            (stored, None, Some(url.clone()))
        }
        Origin::Test => (None, None, None),
    };
    Uploaded {
        uuid: video.uuid.clone(),
        account: world.accounts[channel.owner].name.clone(),
        channel: channel.name.clone(),
        details: video.details.clone(),
        privacy: video.privacy,
        state: video.state,
        blocked: video.blocked.is_some(),
        wait_transcoding: video.wait_transcoding,
        comments_policy: video.comments_policy,
        captions: video.captions.iter().map(|stored| stored.caption.clone()).collect(),
        thumbnail: video.thumbnail.clone(),
        preview: video.preview.clone(),
        file,
        input_filename,
        target_url,
        created: video.created,
    }
}
