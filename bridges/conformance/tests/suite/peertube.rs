//! PeerTube's stand-in.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use secrecy::{ExposeSecret, SecretString};
use tombolo_conformance::files::{file, video};
use tombolo_conformance::{
    Arrived, ArrivedFile, DestinationFacts, DestinationIsland, Front, SourceFacts, SourceIsland, destination_suite,
    source_suite,
};
use tombolo_model::{ApId, Destination, Draft, Form, Source, TestClock, TokenPair, TokenStore, VideoDraft, Visibility};
use tombolo_peertube::stand_in::{NewVideo, Options, PeerTube as StandIn, Privacy, VideoFile};
use tombolo_peertube::{PeerTube, PeerTubeDestination, Read};

use crate::rig::{SETTLE, cache, clock, handle, id, key};

source_suite!(api, Tube::read(Read::Api));
source_suite!(outbox, Tube::read(Read::Outbox));
destination_suite!(to_a_channel, Tube::written());

const ACCOUNT: &str = "alice";
const CHANNEL: &str = "alice_channel";
const UPLOAD: &str = "/api/v1/videos/upload-resumable";

struct Tube {
    server: StandIn,
    clock: TestClock,
    read: Read,
    store: Arc<Store>,
}

/// Tokens in memory, and a password to begin with.
#[derive(Default)]
struct Store {
    pair: Mutex<Option<TokenPair>>,
    password: Option<(String, String)>,
}

#[async_trait]
impl TokenStore for Store {
    async fn load(&self) -> Result<Option<TokenPair>, String> {
        Ok(self.pair.lock().expect("no panic").clone())
    }

    async fn save(&self, pair: &TokenPair) -> Result<(), String> {
        *self.pair.lock().expect("no panic") = Some(pair.clone());
        Ok(())
    }

    async fn password(&self) -> Result<Option<(String, SecretString)>, String> {
        let kept = self.password.clone();
        Ok(kept.map(|(name, password)| (name, SecretString::from(password))))
    }
}

impl Tube {
    async fn read(read: Read) -> Option<Self> {
        let clock = clock();
        let mut options = Options::new(Arc::new(clock.clone()));
        options.rate_limits = false;
        let server = StandIn::start(options).await.expect("a free port");
        let store = Store {
            password: Some((ACCOUNT.into(), server.password(ACCOUNT))),
            ..Store::default()
        };
        Some(Self {
            server,
            clock,
            read,
            store: Arc::new(store),
        })
    }

    async fn written() -> Option<Self> {
        Self::read(Read::Auto).await
    }

    fn server(&self) -> Front {
        Front {
            base: self.server.base().clone(),
            clock: self.clock.clone(),
            arrivals: self.server.arrivals().clone(),
            faults: self.server.faults().clone(),
        }
    }

    fn there(&self, store: Arc<Store>) -> Box<dyn Destination> {
        let front = self.server();
        let net = front.net(&[]);
        Box::new(PeerTubeDestination::new(
            net,
            front.base,
            CHANNEL,
            store,
            cache(),
            SETTLE,
        ))
    }

    fn publish_video(&self, video: NewVideo) -> ApId {
        self.clock.advance(Duration::from_secs(60));
        id(&self.server.publish(video).id)
    }
}

#[async_trait]
impl SourceIsland for Tube {
    fn facts(&self) -> SourceFacts {
        let (reader, many, list) = match self.read {
            Read::Outbox => ("outbox", 25, format!("/video-channels/{CHANNEL}/outbox")),
            Read::Api | Read::Auto => ("api", 105, format!("/api/v1/video-channels/{CHANNEL}/videos")),
        };
        SourceFacts {
            reader,
            many,
            window: None,
            list,
            pages: true,
            whole: true,
            validators: true,
            token: None,
        }
    }

    fn front(&self) -> Front {
        self.server()
    }

    fn source(&self) -> Box<dyn Source> {
        let front = self.server();
        Box::new(PeerTube::new(
            front.net(&[]),
            front.base,
            handle(CHANNEL),
            self.read,
            cache(),
        ))
    }

    async fn publish(&self, text: &str) -> ApId {
        self.publish_video(NewVideo::titled(text).web([VideoFile::sized(640, 360)]))
    }

    async fn publish_hidden(&self) -> Vec<ApId> {
        let hidden = [Privacy::PRIVATE, Privacy::INTERNAL, Privacy(9)];
        let mut all: Vec<ApId> = hidden
            .into_iter()
            .map(|privacy| self.publish_video(NewVideo::titled("Hidden").privacy(privacy)))
            .collect();
        all.push(self.publish_video(NewVideo::titled("Locked").password("sesame")));
        all
    }

    async fn delete(&self, id: &ApId) {
        self.server.delete(id.as_str().rsplit('/').next().expect("a UUID"));
    }
}

#[async_trait]
impl DestinationIsland for Tube {
    fn facts(&self) -> DestinationFacts {
        DestinationFacts {
            upload: ("POST", UPLOAD),
            // The chunk with the last byte makes the video.
            post: ("PUT", UPLOAD),
            sign_in: Some("/api/v1/users/token"),
            honours_keys: false,
            tells_visibility: true,
            refuses_long_texts: true,
            refusal: |status, words| {
                let code = if status == 413 { "quota_reached" } else { "refused" };
                serde_json::json!({"type": "about:blank", "detail": words, "status": status, "error": words, "code": code})
                    .to_string()
            },
        }
    }

    fn front(&self) -> Front {
        self.server()
    }

    fn destination(&self) -> Box<dyn Destination> {
        self.there(self.store.clone())
    }

    fn signed_out(&self) -> Box<dyn Destination> {
        let dead = TokenPair {
            access: SecretString::from("no-such-token"),
            refresh: Some(SecretString::from("no-such-token-either")),
            access_expires: None,
            refresh_expires: None,
        };
        self.there(Arc::new(Store {
            pair: Mutex::new(Some(dead)),
            password: None,
        }))
    }

    fn draft(&self, number: u8) -> Draft {
        let millis = 617 + i64::from(number);
        Draft {
            text: format!("How to *tie* knot {number} & untie it, <3\n\nhttps://photos.example/p/{number}"),
            content_warning: None,
            sensitive: false,
            language: Some("en".into()),
            visibility: Visibility::Public,
            media: vec![file(
                &format!("bridge-5d41402abc4b2a76b97190{number:02x}.mp4"),
                "video/mp4",
                video(number),
                None,
            )],
            key: key(number),
            form: Form::Video(Box::new(VideoDraft {
                title: format!("Knot {number}"),
                tags: vec!["rope".into()],
                category: None,
                licence: None,
                originally_published: chrono::DateTime::from_timestamp_millis(1_795_000_000_000 + millis),
                downloads_allowed: true,
                captions: Vec::new(),
                import: None,
            })),
        }
    }

    fn file(&self, number: u8) -> Bytes {
        video(number)
    }

    async fn arrived(&self) -> Vec<Arrived> {
        let all = self.server.uploaded().into_iter().map(|uploaded| Arrived {
            uri: self.server.video(&uploaded.uuid).expect("it is there").id,
            text: uploaded.details.description.unwrap_or_default(),
            visibility: match uploaded.privacy {
                Privacy::PUBLIC => Visibility::Public,
                Privacy::UNLISTED => Visibility::Unlisted,
                _ => Visibility::Private,
            },
            files: uploaded
                .file
                .iter()
                .map(|body| ArrivedFile {
                    sha256: body.sha256(),
                    alt: None,
                })
                .collect(),
        });
        all.collect()
    }

    fn secrets(&self) -> Vec<String> {
        let pair = self.store.pair.lock().expect("no panic");
        let tokens = pair
            .iter()
            .flat_map(|pair| [Some(&pair.access), pair.refresh.as_ref()])
            .flatten();
        let mut all: Vec<String> = tokens.map(|token| token.expose_secret().to_owned()).collect();
        all.extend(self.store.password.iter().map(|(_, password)| password.clone()));
        all.push(self.server.client().1);
        all
    }
}
