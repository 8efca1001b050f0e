//! A stand-in, sources that read from it and destinations that write to it, all on one clock.

use std::collections::BTreeSet;
use std::io::Cursor as IoCursor;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use futures_util::StreamExt;
use secrecy::SecretString;
use serde_json::Value;
use tombolo_activitypub::Handle;
use tombolo_model::{
    ApId, Checkpoint, CheckpointError, Cursor, Destination, Draft, Fetched, Form, IdempotencyKey, Listing, MediaBody,
    MediaDraft, MediaError, MediaStream, MemoryCache, NoProgress, Origin, Poll, Post, PublishOutcome, PublishProgress,
    SeededEntropy, Source, SourceError, Step, TestClock, Visibility,
};
use tombolo_net::{Guard, Net, NetConfig};
use tombolo_pixelfed::stand_in::{NewMedia, NewPost, Options, Pixelfed as StandIn, Posted};
use tombolo_pixelfed::{Pixelfed, PixelfedSource, Read};
use url::Url;

pub const NAME: &str = "alice";

pub fn time(text: &str) -> DateTime<Utc> {
    text.parse().expect("a date")
}

pub fn id(text: &str) -> ApId {
    ApId::parse(text).expect("an id")
}

pub fn net(base: &Url, clock: &TestClock) -> Net {
    let config = NetConfig {
        guard: Guard::new(vec!["127.0.0.0/8".parse().expect("a network")], [Origin::of(base)]),
        user_agent: "tombolo-tests".into(),
    };
    Net::new(config, Arc::new(clock.clone()), Arc::new(SeededEntropy::new(7))).expect("the client starts")
}

/// A source with a cache of its own.
pub fn source(base: &Url, clock: &TestClock, read: Read, token: Option<&str>, name: &str) -> PixelfedSource {
    PixelfedSource::new(
        net(base, clock),
        base.clone(),
        Handle::parse(name).expect("a handle"),
        token.map(SecretString::from),
        read,
        Arc::new(MemoryCache::default()),
    )
}

/// A small picture, different for each shade.
pub fn picture(shade: u8) -> Bytes {
    let mut file = IoCursor::new(Vec::new());
    image::RgbImage::from_pixel(6, 4, image::Rgb([shade, 90, 200]))
        .write_to(&mut file, image::ImageFormat::Jpeg)
        .expect("a picture");
    file.into_inner().into()
}

/// What counts as a video.
pub fn video() -> Bytes {
    Bytes::from_static(b"\0\0\0\x18ftypisom\0\0\x02\0isomiso2mp41 and so on")
}

pub struct Rig {
    pub pixelfed: StandIn,
    pub clock: TestClock,
    pub token: String,
}

impl Rig {
    pub async fn start() -> Self {
        Self::with(|_| {}).await
    }

    pub async fn with(change: impl FnOnce(&mut Options)) -> Self {
        let clock = TestClock::at(time("2026-11-23T05:46:00Z"));
        let mut options = Options {
            clock: Arc::new(clock.clone()),
            ..Options::default()
        };
        options.limits = options.limits.with_video();
        change(&mut options);
        let pixelfed = StandIn::start(options).await.expect("the stand-in starts");
        let token = pixelfed.add_account(NAME);
        Self { pixelfed, clock, token }
    }

    pub fn source(&self, read: Read) -> PixelfedSource {
        self.source_of(read, None, NAME)
    }

    pub fn source_with_token(&self) -> PixelfedSource {
        self.source_of(Read::Auto, Some(&self.token), NAME)
    }

    pub fn source_of(&self, read: Read, token: Option<&str>, name: &str) -> PixelfedSource {
        source(self.pixelfed.base(), &self.clock, read, token, name)
    }

    pub fn destination(&self) -> Pixelfed {
        self.destination_with(&self.token)
    }

    pub fn destination_with(&self, token: &str) -> Pixelfed {
        Pixelfed::new(
            net(self.pixelfed.base(), &self.clock),
            self.pixelfed.base().clone(),
            SecretString::from(token),
            Arc::new(MemoryCache::default()),
            Duration::from_secs(1),
        )
    }

    /// Publishes a photo a minute after the last one.
    pub fn publish(&self, text: &str) -> Posted {
        self.clock.advance(Duration::from_secs(60));
        self.publish_at_once(text)
    }

    pub fn publish_at_once(&self, text: &str) -> Posted {
        self.post(NewPost {
            text: text.into(),
            media: vec![NewMedia::new(picture(1), "a picture")],
            ..NewPost::default()
        })
    }

    pub fn post(&self, post: NewPost) -> Posted {
        self.pixelfed.post(NAME, post).expect("it is posted")
    }

    pub fn publish_many(&self, count: usize) -> Vec<Posted> {
        (0..count).map(|n| self.publish(&format!("Photo {n}"))).collect()
    }

    /// One post of the account, which is all there is.
    pub fn only(&self) -> Posted {
        let mut all = self.pixelfed.statuses(NAME);
        assert_eq!(all.len(), 1, "{all:#?}");
        all.remove(0)
    }
}

pub fn ids<'a>(posts: impl IntoIterator<Item = &'a Posted>) -> BTreeSet<ApId> {
    posts.into_iter().map(|post| id(&post.url)).collect()
}

/// What a listing shows, each id once.
pub fn listed(listing: &Listing) -> BTreeSet<ApId> {
    let all: BTreeSet<ApId> = listing.sightings.iter().map(|s| s.id.clone()).collect();
    assert_eq!(all.len(), listing.sightings.len(), "an id is listed twice");
    all
}

pub fn seen(poll: Result<Poll, SourceError>) -> Listing {
    match poll.expect("it can be read") {
        Poll::Seen(listing) => listing,
        Poll::Unchanged => panic!("said to be unchanged"),
    }
}

pub async fn scan(source: &PixelfedSource) -> Listing {
    seen(source.scan(&Cursor::default()).await)
}

pub async fn fetched(source: &PixelfedSource, id: &ApId) -> Post {
    match source.fetch(id).await.expect("it can be read") {
        Fetched::Post(post) => *post,
        other => panic!("{id} is {other:?}"),
    }
}

/// A file in memory.
#[derive(Debug)]
pub struct Held(pub Bytes);

#[async_trait]
impl MediaBody for Held {
    async fn open(&self) -> Result<(u64, MediaStream), MediaError> {
        let bytes = self.0.clone();
        let size = bytes.len() as u64;
        Ok((size, futures_util::stream::iter([Ok(bytes)]).boxed()))
    }
}

pub fn photo(number: usize, alt: &str) -> MediaDraft {
    file(
        &format!("{number}.jpg"),
        "image/jpeg",
        picture(u8::try_from(number).expect("a shade")),
        alt,
    )
}

pub fn file(name: &str, media_type: &str, bytes: Bytes, alt: &str) -> MediaDraft {
    MediaDraft {
        file_name: name.into(),
        media_type: media_type.into(),
        alt: (!alt.is_empty()).then(|| alt.to_owned()),
        thumbnail: None,
        focus: None,
        body: Arc::new(Held(bytes)),
    }
}

pub fn draft(text: &str, media: Vec<MediaDraft>, key: u8) -> Draft {
    Draft {
        text: text.into(),
        content_warning: None,
        sensitive: false,
        language: Some("en".into()),
        visibility: Visibility::Public,
        media,
        key: IdempotencyKey::from_random([key; 16]),
        form: Form::Status { reply_to: None },
    }
}

/// Notes what was about to happen; the ledger of these tests.
#[derive(Default)]
pub struct Notes {
    pub steps: Vec<Step>,
    pub progress: PublishProgress,
    /// Fails from this step on.
    pub fails_at: Option<Step>,
}

#[async_trait]
impl Checkpoint for Notes {
    async fn before(&mut self, step: Step, progress: &PublishProgress) -> Result<(), CheckpointError> {
        if self.fails_at == Some(step) {
            return Err(CheckpointError("the disk is full".into()));
        }
        self.steps.push(step);
        self.progress = progress.clone();
        Ok(())
    }
}

/// Publishes from what was noted before.
pub async fn publish(to: &Pixelfed, draft: &Draft, notes: &mut Notes) -> PublishOutcome {
    let progress = notes.progress.clone();
    to.publish(draft, progress, notes, &NoProgress).await
}

/// A recorded body.
pub fn recorded(name: &str) -> Value {
    serde_json::from_str(&recorded_text(name)).expect("it is JSON")
}

pub fn recorded_text(name: &str) -> String {
    let file = format!("{}/tests/adapter/golden/{name}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(file).expect("the recording is there")
}
