//! A stand-in, a channel on it as a destination, and drafts whose files are made up as they are read.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use futures_util::StreamExt;
use secrecy::{ExposeSecret, SecretString};
use tombolo_model::{
    Checkpoint, CheckpointError, Copy, Destination, Draft, Form, IdempotencyKey, Marker, MediaBody, MediaDraft,
    MediaError, MediaStream, MemoryCache, Origin, ProgressSink, PublishOutcome, PublishProgress, SeededEntropy, Step,
    TestClock, TokenPair, TokenStore, VideoDraft, Visibility, Window,
};
use tombolo_net::{Guard, Net, NetConfig};
use tombolo_peertube::PeerTubeDestination;
use tombolo_peertube::stand_in::{FileBody, Options, PeerTube, Uploaded};

/// The name under which these files are sent.
pub const FILE: &str = "bridge-5d41402abc4b2a76b9719d91.mp4";
pub const UPLOAD: &str = "/api/v1/videos/upload-resumable";
pub const TOKEN: &str = "/api/v1/users/token";

pub fn time(text: &str) -> DateTime<Utc> {
    text.parse().expect("a date")
}

/// Keeps tokens in memory; may fail to.
#[derive(Default)]
pub struct Store {
    pub pair: Mutex<Option<TokenPair>>,
    pub password: Mutex<Option<(String, String)>>,
    /// So many saves fail.
    pub failures: Mutex<u32>,
    /// In a dry run nobody is signed in.
    pub dry: std::sync::atomic::AtomicBool,
}

#[async_trait]
impl TokenStore for Store {
    async fn load(&self) -> Result<Option<TokenPair>, String> {
        Ok(self.pair.lock().expect("no panic").clone())
    }

    async fn save(&self, pair: &TokenPair) -> Result<(), String> {
        let mut failures = self.failures.lock().expect("no panic");
        if *failures > 0 {
            *failures -= 1;
            return Err("the disk is full".into());
        }
        *self.pair.lock().expect("no panic") = Some(pair.clone());
        Ok(())
    }

    async fn password(&self) -> Result<Option<(String, SecretString)>, String> {
        let kept = self.password.lock().expect("no panic").clone();
        if kept.is_some() && !self.signs_in() {
            return Err("a dry run doesn't sign in".into());
        }
        Ok(kept.map(|(name, password)| (name, SecretString::from(password))))
    }

    fn signs_in(&self) -> bool {
        !self.dry.load(Ordering::Relaxed)
    }
}

impl Store {
    pub fn access(&self) -> Option<String> {
        let pair = self.pair.lock().expect("no panic");
        pair.as_ref().map(|pair| pair.access.expose_secret().to_owned())
    }
}

/// What was noted before it happened. May fail to note.
#[derive(Default)]
pub struct Notes {
    pub all: Vec<(Step, PublishProgress)>,
    /// From this note on nothing can be written.
    pub broken_from: Option<usize>,
}

#[async_trait]
impl Checkpoint for Notes {
    async fn before(&mut self, step: Step, progress: &PublishProgress) -> Result<(), CheckpointError> {
        if self.broken_from.is_some_and(|from| self.all.len() >= from) {
            return Err(CheckpointError("no space left".into()));
        }
        self.all.push((step, progress.clone()));
        Ok(())
    }
}

impl Notes {
    pub fn posts(&self) -> usize {
        self.all.iter().filter(|(step, _)| *step == Step::Post).count()
    }

    /// What the ledger knows.
    pub fn last(&self) -> PublishProgress {
        self.all
            .last()
            .map(|(_, progress)| progress.clone())
            .unwrap_or_default()
    }
}

/// Counts what it is shown.
#[derive(Default)]
pub struct Meter(pub AtomicU64);

impl ProgressSink for Meter {
    fn stage(&self, _what: &str, _total: Option<u64>) {}

    fn advance(&self, bytes: u64) {
        self.0.fetch_add(bytes, Ordering::Relaxed);
    }
}

/// A file that is made up as it is read.
#[derive(Debug)]
pub struct Film {
    pub body: FileBody,
    /// The stream fails once it comes this far, once.
    pub breaks_at: Mutex<Option<u64>>,
}

#[async_trait]
impl MediaBody for Film {
    async fn open(&self) -> Result<(u64, MediaStream), MediaError> {
        self.open_at(0).await
    }

    async fn open_at(&self, offset: u64) -> Result<(u64, MediaStream), MediaError> {
        let bytes = self.body.len();
        let breaks = self.breaks_at.lock().expect("no panic").take();
        let mut at = offset;
        let pieces = self.body.pieces(offset..bytes).map(move |piece| {
            at += piece.len() as u64;
            if breaks.is_some_and(|breaks| at > breaks) {
                return Err(std::io::Error::other("the source hung up"));
            }
            Ok(piece)
        });
        Ok((bytes, futures_util::stream::iter(pieces).boxed()))
    }
}

pub fn film(bytes: u64, seed: u64) -> Arc<Film> {
    Arc::new(Film {
        body: FileBody::Synthetic { bytes, seed },
        breaks_at: Mutex::new(None),
    })
}

/// A draft of a public video.
pub fn draft(film: &Arc<Film>) -> Draft {
    Draft {
        text: "How to *tie* them".into(),
        content_warning: None,
        sensitive: false,
        language: None,
        visibility: Visibility::Public,
        media: vec![MediaDraft {
            file_name: FILE.into(),
            media_type: "video/mp4".into(),
            alt: None,
            thumbnail: None,
            focus: None,
            body: film.clone(),
        }],
        key: IdempotencyKey::from_random([7; 16]),
        form: Form::Video(Box::new(VideoDraft {
            title: "Knots".into(),
            tags: vec!["rope".into(), "knots".into()],
            category: None,
            licence: None,
            originally_published: Some(stamp()),
            downloads_allowed: true,
            captions: Vec::new(),
            import: None,
        })),
    }
}

/// A draft with another video.
pub fn with(mut draft: Draft, change: impl FnOnce(&mut VideoDraft)) -> Draft {
    if let Form::Video(video) = &mut draft.form {
        change(video);
    }
    draft
}

/// The marker in the date of first publication.
pub fn stamp() -> DateTime<Utc> {
    time("2026-11-20T12:00:00.617Z")
}

pub fn marker(media: Vec<String>) -> Marker {
    Marker {
        media,
        files: vec![FILE.into()],
        stamp: Some(stamp()),
        ..Marker::default()
    }
}

pub struct Rig {
    pub tube: PeerTube,
    pub clock: TestClock,
    pub store: Arc<Store>,
    pub meter: Meter,
}

impl Rig {
    pub async fn start() -> Self {
        Self::with(|_| {}).await
    }

    /// Without rate limits, but for the tests of them.
    pub async fn with(change: impl FnOnce(&mut Options)) -> Self {
        let clock = TestClock::at(time("2026-11-25T10:00:00.123Z"));
        let mut options = Options::new(Arc::new(clock.clone()));
        options.rate_limits = false;
        change(&mut options);
        let tube = PeerTube::start(options).await.expect("the stand-in starts");
        let store = Store::default();
        *store.password.lock().expect("no panic") = Some(("alice".into(), tube.password("alice")));
        Self {
            tube,
            clock,
            store: Arc::new(store),
            meter: Meter::default(),
        }
    }

    pub fn net(&self) -> Net {
        let base = self.tube.base();
        let config = NetConfig {
            guard: Guard::new(vec!["127.0.0.0/8".parse().expect("a network")], [Origin::of(base)]),
            user_agent: "tombolo-tests".into(),
        };
        Net::new(config, Arc::new(self.clock.clone()), Arc::new(SeededEntropy::new(7))).expect("the client starts")
    }

    /// The channel, as a process that has just started sees it.
    pub fn destination(&self) -> PeerTubeDestination {
        self.named("alice_channel")
    }

    pub fn named(&self, handle: &str) -> PeerTubeDestination {
        PeerTubeDestination::new(
            self.net(),
            self.tube.base().clone(),
            handle,
            self.store.clone(),
            Arc::new(MemoryCache::default()),
            Duration::from_secs(1),
        )
    }

    /// Publishes from nothing, in a process of its own.
    pub async fn publish(&self, draft: &Draft) -> (PublishOutcome, Notes) {
        self.go_on(draft, PublishProgress::default()).await
    }

    /// Publishes from what the ledger knows, in a process of its own.
    pub async fn go_on(&self, draft: &Draft, progress: PublishProgress) -> (PublishOutcome, Notes) {
        let mut notes = Notes::default();
        let outcome = self
            .destination()
            .publish(draft, progress, &mut notes, &self.meter)
            .await;
        (outcome, notes)
    }

    /// Looks for the copy as the engine does, by what was noted.
    pub async fn find(&self, progress: &PublishProgress) -> tombolo_model::Found {
        let ids = progress.uploaded.iter().map(|kept| kept.id.clone()).collect();
        let destination = self.destination();
        let account = destination.identity().await.expect("an identity").account;
        let window = Window {
            since: self.clock_now() - chrono::TimeDelta::minutes(10),
        };
        destination.find(&account, &marker(ids), window).await.expect("a look")
    }

    pub fn clock_now(&self) -> DateTime<Utc> {
        use tombolo_model::Clock;
        self.clock.now()
    }

    /// The one video that came by the API.
    #[track_caller]
    pub fn only(&self) -> Uploaded {
        let mut all = self.tube.uploaded();
        assert_eq!(all.len(), 1, "{all:#?}");
        all.remove(0)
    }
}

/// The copy of a publication that went well.
#[track_caller]
pub fn created(outcome: PublishOutcome) -> Copy {
    match outcome {
        PublishOutcome::Created { copy, .. } => copy,
        other => panic!("{other:?}"),
    }
}
