//! The stand-in as a test holds it: started with options, and played by a creator.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard};

use axum::Router;
use axum::extract::{Request, State as Shared};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use chrono::{DateTime, Utc};
use tombolo_net::stand_in::{Arrivals, Faults, Server, serve};
use url::Url;

use super::answers::{nothing, set};
use super::rates::Rates;
use super::sessions::Grant;
use super::site::{Inner, Site};
use super::urls::Set;
use super::world::{StoredFile, Video, World};
use super::{Caption, Details, FileBody, NewVideo, Options, Privacy, State, VideoFile};
use super::{activitypub, discovery, edit, files, imports, me, oauth, pages, rest, upload};

/// A video as its creator sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    /// The number on this server.
    pub number: u64,
    /// What it is called everywhere.
    pub uuid: String,
    /// The same in short.
    pub short_uuid: String,
    /// `ActivityPub` id.
    pub id: String,
    /// The page for people, by the short UUID.
    pub page: String,
    /// When it was uploaded.
    pub created: DateTime<Utc>,
    /// When it was published, by PeerTube's rules.
    pub published: DateTime<Utc>,
}

/// A file as it can be fetched now.
#[derive(Clone, Debug, PartialEq)]
pub struct ShownFile {
    /// The number by which metadata and downloads know it.
    pub number: u64,
    /// Where it is.
    pub url: String,
    /// Where it is under a readable name.
    pub download_url: String,
    /// Whether it is one of the playlist's.
    pub fragmented: bool,
    /// What it is.
    pub file: VideoFile,
    /// What is in it.
    pub body: FileBody,
}

/// A running server; stops when dropped.
///
/// Methods that take a video's UUID panic when there is no such video, and those that take a name when there is no such
/// account or channel: the test is wrong then.
#[derive(Debug)]
pub struct PeerTube {
    server: Server,
    site: Site,
}

impl PeerTube {
    /// Starts a server.
    pub async fn start(options: Options) -> io::Result<Self> {
        let (mut built, clock) = (None, options.clock.clone());
        let server = serve(options.port, clock.clone(), |base| {
            let base = base.as_str().trim_end_matches('/').to_owned();
            let host = base.trim_start_matches("http://").to_owned();
            let site = Arc::new(Inner {
                world: Mutex::new(World::new(&host, options.settings.clone(), clock.now())),
                base,
                host,
                options,
                clock,
                rates: Rates::default(),
            });
            built = Some(site.clone());
            router(&site)
        })
        .await?;
        let site = built.ok_or_else(|| io::Error::other("the server was started without being built"))?;
        let tube = Self { server, site };
        let (account, channel) = (tube.site.options.account.clone(), tube.site.options.channel.clone());
        if !account.is_empty() {
            tube.add_account(&account);
            if !channel.is_empty() {
                tube.add_channel(&account, &channel);
            }
        }
        Ok(tube)
    }

    /// `http://127.0.0.1:PORT/`.
    pub fn base(&self) -> &Url {
        &self.server.base
    }

    /// `127.0.0.1:PORT`, the part of a handle after `@`.
    pub fn host(&self) -> &str {
        &self.site.host
    }

    /// The requests that arrived.
    pub fn arrivals(&self) -> &Arrivals {
        &self.server.arrivals
    }

    /// What goes wrong.
    pub fn faults(&self) -> &Faults {
        &self.server.faults
    }

    /// Adds an account, without a channel.
    pub fn add_account(&self, name: &str) {
        self.world().add_account(name, self.now());
    }

    /// Adds a channel to an account.
    #[track_caller]
    pub fn add_channel(&self, account: &str, name: &str) {
        let (mut world, owner) = self.of_account(account);
        world.add_channel(owner, name, self.now());
    }

    /// A token by which requests are those of this account. It doesn't run out by itself.
    #[track_caller]
    #[allow(clippy::missing_panics_doc)]
    pub fn sign_in(&self, account: &str) -> String {
        let (mut world, index) = self.of_account(account);
        let (now, world) = (self.now(), &mut *world);
        let session = world.sessions.begin(&mut world.names, index, Grant::Test, None, now);
        session.access.clone()
    }

    /// The world, with the index of an account in it.
    #[track_caller]
    pub(super) fn of_account(&self, account: &str) -> (MutexGuard<'_, World>, usize) {
        let world = self.world();
        let Some(index) = world.account(account) else {
            drop(world);
            panic!("no account {account} on the stand-in");
        };
        (world, index)
    }

    /// Rate limits begin anew.
    pub(super) fn forget_rates(&self) {
        self.site.rates.forget();
    }

    /// Publishes a video, or begins to: as the new video says.
    #[track_caller]
    #[allow(clippy::missing_panics_doc)]
    pub fn publish(&self, new: NewVideo) -> Published {
        let mut world = self.world();
        let channel = match &new.channel {
            Some(name) => world.channel(name),
            None => (!world.channels.is_empty()).then_some(0),
        };
        let Some(channel) = channel else {
            drop(world);
            panic!("no channel {:?} on the stand-in", new.channel);
        };
        let now = self.now();
        let video = world.add_video(channel, new, now);
        self.seen(video)
    }

    /// A video as it is now; `None` if it was deleted.
    pub fn video(&self, uuid: &str) -> Option<Published> {
        self.world().video(uuid).map(|video| self.seen(video))
    }

    /// All videos, in the order of their numbers.
    pub fn videos(&self) -> Vec<Published> {
        self.world().videos.iter().map(|video| self.seen(video)).collect()
    }

    /// The files that can be fetched now, plain ones first.
    #[track_caller]
    pub fn files(&self, uuid: &str) -> Vec<ShownFile> {
        let world = self.existing(uuid);
        let Some(video) = world.video(uuid) else {
            return Vec::new();
        };
        let shown = |stored: &StoredFile, set| {
            let urls = self.site.file_urls(video, stored, set);
            ShownFile {
                number: stored.id,
                url: urls.file,
                download_url: urls.download,
                fragmented: set == Set::Hls,
                file: stored.file.clone(),
                body: stored.body.clone(),
            }
        };
        let web = video.web_now().iter().map(|f| shown(f, Set::Web));
        web.chain(video.hls_now().iter().map(|f| shown(f, Set::Hls))).collect()
    }

    /// Changes who may see a video. Files move when it becomes private or stops being so.
    #[track_caller]
    pub fn set_privacy(&self, uuid: &str, privacy: Privacy) {
        self.existing(uuid).set_privacy(uuid, privacy, self.now());
    }

    /// Moves a video on, for instance from transcoding to published.
    #[track_caller]
    pub fn set_state(&self, uuid: &str, state: State) {
        self.existing(uuid).set_state(uuid, state, self.now());
    }

    /// Transcoding, or the import, is done.
    #[track_caller]
    pub fn finish(&self, uuid: &str) {
        self.set_state(uuid, State::PUBLISHED);
    }

    /// Changes title, description and the like.
    #[track_caller]
    pub fn edit(&self, uuid: &str, change: impl FnOnce(&mut Details)) {
        self.existing(uuid)
            .change(uuid, self.now(), |video| change(&mut video.details));
    }

    /// Adds subtitles, or replaces those of that language.
    #[track_caller]
    pub fn set_caption(&self, uuid: &str, caption: Caption) {
        self.existing(uuid).set_caption(uuid, caption, self.now());
    }

    /// Adds a plain file, as transcoding does when the largest is already there.
    #[track_caller]
    pub fn add_web_file(&self, uuid: &str, file: VideoFile) {
        self.existing(uuid).add_web_file(uuid, file, self.now());
    }

    /// Adds a file to the HLS playlist, which gets another name by it.
    #[track_caller]
    pub fn add_hls_file(&self, uuid: &str, file: VideoFile) {
        self.existing(uuid).add_hls_file(uuid, file, self.now());
    }

    /// Gives all files other names: URLs read before answer 404.
    #[track_caller]
    pub fn rename_files(&self, uuid: &str) {
        self.existing(uuid).rename_files(uuid);
    }

    /// Somebody watches it: bodies and ETags change, nothing else.
    #[track_caller]
    pub fn add_view(&self, uuid: &str) {
        if let Some(video) = self.existing(uuid).video_mut(uuid) {
            video.views += 1;
        }
    }

    /// A moderator blocks it.
    #[track_caller]
    pub fn block(&self, uuid: &str, reason: &str) {
        let reason = Some(reason.to_owned());
        if let Some(video) = self.existing(uuid).video_mut(uuid) {
            video.blocked = reason;
        }
    }

    /// A moderator lets it go.
    #[track_caller]
    pub fn unblock(&self, uuid: &str) {
        self.existing(uuid)
            .change(uuid, self.now(), |video| video.blocked = None);
    }

    /// Deletes it, without a trace.
    #[track_caller]
    pub fn delete(&self, uuid: &str) {
        self.existing(uuid).videos.retain(|video| video.uuid != uuid);
    }

    fn now(&self) -> DateTime<Utc> {
        self.site.clock.now()
    }

    pub(super) fn world(&self) -> MutexGuard<'_, World> {
        self.site.world()
    }

    /// The world, once it is known that the video is in it.
    #[track_caller]
    fn existing(&self, uuid: &str) -> MutexGuard<'_, World> {
        let world = self.world();
        if world.video(uuid).is_none_or(|video| video.uuid != uuid) {
            drop(world);
            panic!("no video {uuid} on the stand-in");
        }
        world
    }

    fn seen(&self, video: &Video) -> Published {
        Published {
            number: video.id,
            uuid: video.uuid.clone(),
            short_uuid: video.short.clone(),
            id: self.site.video_id(video),
            page: format!("{}/w/{}", self.site.base, video.short),
            created: video.created,
            published: video.published,
        }
    }
}

fn router(site: &Site) -> Router {
    Router::new()
        .merge(rest::routes(site))
        .merge(oauth::routes(site))
        .merge(me::routes(site))
        .merge(upload::routes(site))
        .merge(imports::routes(site))
        .merge(edit::routes(site))
        .merge(activitypub::routes(site))
        .merge(discovery::routes(site))
        .merge(files::routes(site))
        .merge(pages::routes())
        .fallback(unknown)
        .method_not_allowed_fallback(unknown)
        .layer(from_fn_with_state(site.clone(), stamp))
        .with_state(site.clone())
}

async fn unknown(request: Request) -> Response {
    if request.uri().path().starts_with("/api/") {
        rest::unknown_route()
    } else {
        nothing(StatusCode::NOT_FOUND)
    }
}

/// What every answer carries; the date is the stand-in's, not the machine's.
async fn stamp(Shared(site): Shared<Site>, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    let name = HeaderName::from_static("x-powered-by");
    headers.insert(name, HeaderValue::from_static("PeerTube"));
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    set(headers, header::DATE, &httpdate::fmt_http_date(site.clock.now().into()));
    response
}
