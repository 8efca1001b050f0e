//! A stand-in with a creator, and sources that read from it, on one clock.

use std::path::PathBuf;
use std::sync::Arc;

use secrecy::SecretString;
use tombolo_activitypub::Handle;
use tombolo_mastodon::stand_in::{Mastodon, Options};
use tombolo_mastodon::{MastodonSource, Read};
use tombolo_model::{
    ApId, Cursor, Fetched, Listing, MemoryCache, Origin, Poll, Post, SeededEntropy, Source, SourceError, TestClock,
};
use tombolo_net::{Guard, Net, NetConfig};
use url::Url;

pub struct Rig {
    pub toots: Mastodon,
    pub clock: TestClock,
    pub token: String,
}

pub fn net(base: &Url, clock: &TestClock) -> Net {
    let config = NetConfig {
        guard: Guard::new(vec!["127.0.0.0/8".parse().expect("a network")], [Origin::of(base)]),
        user_agent: "tombolo-tests".into(),
    };
    Net::new(config, Arc::new(clock.clone()), Arc::new(SeededEntropy::new(7))).expect("the client starts")
}

pub fn clip(name: &str) -> Vec<u8> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/media");
    std::fs::read(folder.join(name)).expect("a file of the tests")
}

pub fn id(text: &str) -> ApId {
    ApId::parse(text).expect("an id")
}

impl Rig {
    pub async fn start() -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let clock = TestClock::at("2026-11-23T05:46:00.123Z".parse().expect("a date"));
        let options = Options {
            clock: Arc::new(clock.clone()),
            rate_limits: false,
            ..Options::default()
        };
        let toots = Mastodon::start(options).await.expect("a free port");
        let token = toots.add_account("me");
        toots.add_account("other");
        Self { toots, clock, token }
    }

    pub fn source(&self, read: Read, token: Option<&str>) -> MastodonSource {
        let base = self.toots.base().clone();
        MastodonSource::new(
            net(&base, &self.clock),
            base,
            Handle::parse("me").expect("a handle"),
            token.map(SecretString::from),
            read,
            Arc::new(MemoryCache::default()),
        )
    }

    pub fn with_token(&self) -> MastodonSource {
        self.source(Read::Auto, Some(&self.token))
    }

    /// Publishes so many posts, a minute apart; their ids, the oldest first.
    pub fn publish_many(&self, number: usize) -> Vec<String> {
        (0..number)
            .map(|n| {
                self.clock.advance(std::time::Duration::from_secs(60));
                self.toots
                    .post("me", &format!("post {n}"), "public")
                    .expect("it is published")
                    .uri
            })
            .collect()
    }
}

pub async fn scanned(source: &MastodonSource) -> Listing {
    match source.scan(&Cursor::default()).await.expect("it can be read") {
        Poll::Seen(listing) => listing,
        Poll::Unchanged => panic!("nothing is kept that could be unchanged"),
    }
}

/// What a listing shows, the oldest first.
pub fn ids(listing: &Listing) -> Vec<String> {
    let mut ids: Vec<String> = listing.sightings.iter().map(|s| s.id.as_str().to_owned()).collect();
    ids.sort();
    ids
}

pub async fn fetched(source: &MastodonSource, address: &str) -> Post {
    match source.fetch(&id(address)).await {
        Ok(Fetched::Post(post)) => *post,
        other => panic!("{address}: {other:?}"),
    }
}

pub fn unsupported<T: std::fmt::Debug>(result: Result<T, SourceError>) -> String {
    match result {
        Err(SourceError::Unsupported(why)) => why,
        other => panic!("{other:?}"),
    }
}
