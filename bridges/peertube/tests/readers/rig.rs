//! A stand-in or a scripted server, and sources that read from it, all on one clock.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde_json::Value;
use tombolo_activitypub::Handle;
use tombolo_model::{
    ApId, Cursor, Fetched, Listing, MemoryCache, Origin, Poll, Post, SeededEntropy, Source, SourceError, TestClock,
};
use tombolo_net::stand_in::recordings::Recording;
use tombolo_net::{Guard, Net, NetConfig};
use tombolo_peertube::stand_in::{NewVideo, Options, PeerTube as Tube, Privacy, Published};
use tombolo_peertube::{PeerTube, Read};
use url::Url;

/// Both readers.
pub const BOTH: [Read; 2] = [Read::Api, Read::Outbox];
/// The account and the channel that a stand-in has from the start.
pub const HANDLES: [&str; 2] = ["alice", "alice_channel"];

pub fn clock() -> TestClock {
    TestClock::at(time("2026-11-23T05:46:00.123Z"))
}

pub fn time(text: &str) -> DateTime<Utc> {
    text.parse().expect("a date")
}

pub fn id(text: &str) -> ApId {
    ApId::parse(text).expect("an id")
}

/// The client that everything is read with; only this origin is reached by plain http.
pub fn net(base: &Url, clock: &TestClock) -> Net {
    let config = NetConfig {
        guard: Guard::new(vec!["127.0.0.0/8".parse().expect("a network")], [Origin::of(base)]),
        user_agent: "tombolo-tests".into(),
    };
    Net::new(config, Arc::new(clock.clone()), Arc::new(SeededEntropy::new(7))).expect("the client starts")
}

/// A source with a cache of its own.
pub fn source(base: &Url, clock: &TestClock, read: Read, handle: &str) -> PeerTube {
    let handle = Handle::parse(handle).expect("a handle");
    PeerTube::new(
        net(base, clock),
        base.clone(),
        handle,
        read,
        Arc::new(MemoryCache::default()),
    )
}

/// A stand-in and its clock.
pub struct Rig {
    pub tube: Tube,
    pub clock: TestClock,
}

impl Rig {
    pub async fn start() -> Self {
        Self::with(|_| {}).await
    }

    pub async fn with(change: impl FnOnce(&mut Options)) -> Self {
        let clock = clock();
        let mut options = Options::new(Arc::new(clock.clone()));
        change(&mut options);
        Self {
            tube: Tube::start(options).await.expect("the stand-in starts"),
            clock,
        }
    }

    pub fn source(&self, read: Read, handle: &str) -> PeerTube {
        source(self.tube.base(), &self.clock, read, handle)
    }

    /// Publishes a video a minute after the last one.
    pub fn publish(&self, video: NewVideo) -> Published {
        self.clock.advance(Duration::from_secs(60));
        self.tube.publish(video)
    }

    /// Publishes so many public videos.
    pub fn publish_many(&self, count: usize) -> Vec<Published> {
        (0..count)
            .map(|n| self.publish(NewVideo::titled(&format!("Video {n}"))))
            .collect()
    }

    /// Publishes a video of each privacy but public.
    pub fn publish_hidden(&self) -> Vec<Published> {
        let hidden = [Privacy::UNLISTED, Privacy::PRIVATE, Privacy::INTERNAL, Privacy(9)];
        let mut all: Vec<Published> = hidden
            .into_iter()
            .map(|privacy| self.publish(NewVideo::titled("Hidden").privacy(privacy)))
            .collect();
        all.push(self.publish(NewVideo::titled("Locked").password("sesame")));
        all
    }
}

/// The ids of videos.
pub fn ids<'a>(videos: impl IntoIterator<Item = &'a Published>) -> BTreeSet<ApId> {
    videos.into_iter().map(|video| id(&video.id)).collect()
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

/// A complete scan from the beginning.
pub async fn scan(source: &PeerTube) -> Listing {
    let listing = seen(source.scan(&Cursor::default()).await);
    assert!(listing.complete && !listing.scan_needed);
    listing
}

pub async fn fetched(source: &PeerTube, id: &ApId) -> Post {
    match source.fetch(id).await.expect("it can be read") {
        Fetched::Post(post) => *post,
        other => panic!("{id} is {other:?}"),
    }
}

/// Says that it isn't public, in a sentence.
pub async fn is_not_public(source: &PeerTube, id: &ApId) {
    match source.fetch(id).await {
        Ok(Fetched::NotPublic(why)) => assert!(why.len() > 10, "{why}"),
        other => panic!("{id} is {other:?}"),
    }
    assert_eq!(source.is_ready(id).await, Ok(false), "{id}");
}

/// The body of a recording.
pub fn recorded(number: &str) -> Value {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/recordings/peertube-6.3.0");
    Recording::numbered(folder, number)
        .expect("the recording is there")
        .response
        .body
}

/// The base URL of the recorded server.
pub fn recorded_base() -> Url {
    Url::parse("http://127.0.0.1:9011/").expect("a URL")
}
