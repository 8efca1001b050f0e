//! A stand-in with an account, and a destination that publishes to it.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream;
use secrecy::SecretString;
use tombolo_mastodon::Mastodon;
use tombolo_mastodon::stand_in::{Mastodon as Toots, Options};
use tombolo_model::{
    Cache, Checkpoint, CheckpointError, Clock, Destination, Draft, Form, IdempotencyKey, MediaBody, MediaDraft,
    MediaError, MediaStream, MemoryCache, NoProgress, Origin, PublishOutcome, PublishProgress, SeededEntropy, Step,
    TestClock, Visibility, Window,
};
use tombolo_net::stand_in::Fault;
use tombolo_net::{Guard, Net, NetConfig};

pub struct Rig {
    pub toots: Toots,
    pub account: String,
    clock: TestClock,
    token: String,
    cache: Arc<MemoryCache>,
}

impl Rig {
    pub async fn start() -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let clock = TestClock::at("2026-11-23T05:46:00Z".parse().expect("a date"));
        let options = Options {
            clock: Arc::new(clock.clone()),
            ..Options::default()
        };
        let toots = Toots::start(options).await.expect("a free port");
        let token = toots.add_account("me");
        toots.add_account("other");
        Self {
            account: toots.account_id("me").expect("it was made"),
            toots,
            clock,
            token,
            cache: Arc::new(MemoryCache::default()),
        }
    }

    pub fn destination(&self) -> Mastodon {
        self.with_token(&self.token)
    }

    pub fn with_token(&self, token: &str) -> Mastodon {
        let base = self.toots.base().clone();
        let config = NetConfig {
            guard: Guard::new(vec!["127.0.0.0/8".parse().expect("a network")], [Origin::of(&base)]),
            user_agent: "tombolo-tests".into(),
        };
        let entropy = Arc::new(SeededEntropy::new(7));
        let net = Net::new(config, Arc::new(self.clock.clone()), entropy).expect("the client starts");
        let cache: Arc<dyn Cache> = self.cache.clone();
        Mastodon::new(net, base, SecretString::from(token), cache, Duration::from_secs(60))
    }

    pub fn window(&self) -> Window {
        Window {
            since: self.clock.now() - chrono::TimeDelta::hours(1),
        }
    }

    /// Publishes; the outcome, and the steps that were noted first.
    pub async fn publish(&self, there: &Mastodon, draft: &Draft) -> (PublishOutcome, Vec<String>) {
        let mut notes = Notes(Some(Vec::new()));
        let outcome = there
            .publish(draft, PublishProgress::default(), &mut notes, &NoProgress)
            .await;
        (outcome, notes.0.unwrap_or_default())
    }

    /// Goes on publishing from where it stood.
    pub async fn publish_on(&self, there: &Mastodon, draft: &Draft, progress: PublishProgress) -> PublishOutcome {
        self.clock.advance(Duration::from_secs(120));
        there
            .publish(draft, progress, &mut Notes(Some(Vec::new())), &NoProgress)
            .await
    }

    /// Publishes where nothing can be noted.
    pub async fn publish_unnoted(&self, there: &Mastodon, draft: &Draft) -> PublishOutcome {
        there
            .publish(draft, PublishProgress::default(), &mut Notes(None), &NoProgress)
            .await
    }
}

struct Notes(Option<Vec<String>>);

#[async_trait]
impl Checkpoint for Notes {
    async fn before(&mut self, step: Step, _progress: &PublishProgress) -> Result<(), CheckpointError> {
        let notes = self
            .0
            .as_mut()
            .ok_or_else(|| CheckpointError("the disk is full".into()))?;
        notes.push(format!("{step:?}"));
        Ok(())
    }
}

pub fn draft(text: &str) -> Draft {
    Draft {
        text: text.into(),
        content_warning: None,
        sensitive: false,
        language: Some("en".into()),
        visibility: Visibility::Public,
        media: Vec::new(),
        key: key(),
        form: Form::Status { reply_to: None },
    }
}

/// The key of another attempt.
pub fn key() -> IdempotencyKey {
    static NEXT: AtomicU8 = AtomicU8::new(1);
    IdempotencyKey::from_random([NEXT.fetch_add(1, Ordering::Relaxed); 16])
}

#[derive(Debug)]
struct File(Bytes);

#[async_trait]
impl MediaBody for File {
    async fn open(&self) -> Result<(u64, MediaStream), MediaError> {
        let bytes = self.0.clone();
        Ok((bytes.len() as u64, stream::iter([Ok(bytes)]).boxed()))
    }
}

pub fn photo(name: &str) -> MediaDraft {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/media/picture.jpg");
    MediaDraft {
        file_name: name.into(),
        media_type: "image/jpeg".into(),
        alt: Some("a picture".into()),
        thumbnail: None,
        focus: None,
        body: Arc::new(File(std::fs::read(path).expect("a file of the tests").into())),
    }
}

pub fn answer(status: u16, body: &str) -> Fault {
    Fault::Answer(
        status,
        vec![("content-type".into(), "application/json".into())],
        body.into(),
    )
}
