//! Mastodon's stand-in.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use secrecy::SecretString;
use tombolo_conformance::files::picture;
use tombolo_conformance::{
    Arrived, ArrivedFile, DestinationFacts, DestinationIsland, Front, SourceFacts, SourceIsland, destination_suite,
    source_suite,
};
use tombolo_mastodon::stand_in::{Idempotency, Mastodon as StandIn, NewMedia, NewStatus, Options};
use tombolo_mastodon::{Mastodon, MastodonSource, Read};
use tombolo_model::{ApId, Destination, Draft, Source, TestClock};

use crate::rig::{self, SETTLE, cache, clock, handle, id, visibility};

source_suite!(api_with_a_token, Toots::read(Read::Api, true));
source_suite!(api_without_a_token, Toots::read(Read::Api, false));
source_suite!(outbox, Toots::read(Read::Outbox, false));
source_suite!(rss, Toots::read(Read::Rss, false));
destination_suite!(to_a_4_6, Toots::written(Idempotency::Repeat500));
destination_suite!(to_one_that_replays, Toots::written(Idempotency::Replays));
destination_suite!(to_one_that_ignores_keys, Toots::written(Idempotency::Ignored));

const NAME: &str = "me";

struct Toots {
    server: StandIn,
    clock: TestClock,
    token: String,
    read: (Read, bool),
    idempotency: Idempotency,
}

impl Toots {
    async fn read(read: Read, with_token: bool) -> Option<Self> {
        Some(Self::start((read, with_token), Idempotency::Repeat500).await)
    }

    async fn written(idempotency: Idempotency) -> Option<Self> {
        Some(Self::start((Read::Auto, true), idempotency).await)
    }

    async fn start(read: (Read, bool), idempotency: Idempotency) -> Self {
        let clock = clock();
        let options = Options {
            clock: Arc::new(clock.clone()),
            rate_limits: false,
            idempotency,
            ..Options::default()
        };
        let server = StandIn::start(options).await.expect("a free port");
        let token = server.add_account(NAME);
        Self {
            server,
            clock,
            token,
            read,
            idempotency,
        }
    }

    fn server(&self) -> Front {
        Front {
            base: self.server.base().clone(),
            clock: self.clock.clone(),
            arrivals: self.server.arrivals().clone(),
            faults: self.server.faults().clone(),
        }
    }

    fn there(&self, token: &str) -> Box<dyn Destination> {
        let front = self.server();
        let net = front.net(&[]);
        Box::new(Mastodon::new(
            net,
            front.base,
            SecretString::from(token),
            cache(),
            SETTLE,
        ))
    }

    fn number(&self, id: &ApId) -> String {
        let all = self.server.statuses(NAME);
        let of = |uri: &str| {
            all.iter()
                .find(|status| status.uri == uri)
                .map(|status| status.id.clone())
        };
        of(id.as_str()).expect("it is there")
    }
}

#[async_trait]
impl SourceIsland for Toots {
    fn facts(&self) -> SourceFacts {
        let account = self.server.account_id(NAME).expect("an account");
        let actor = format!("/ap/users/{account}");
        let (reader, many, window, list) = match self.read.0 {
            Read::Outbox => ("outbox", 45, None, format!("{actor}/outbox")),
            Read::Rss => ("rss", 25, Some(20), format!("/@{NAME}.rss")),
            Read::Api | Read::Auto => ("api", 45, None, format!("/api/v1/accounts/{account}/statuses")),
        };
        SourceFacts {
            reader,
            many,
            window,
            list,
            pages: window.is_none(),
            whole: window.is_none(),
            validators: true,
            token: self.read.1.then(|| self.token.clone()),
        }
    }

    fn front(&self) -> Front {
        self.server()
    }

    fn source(&self) -> Box<dyn Source> {
        let (front, token) = (
            self.server(),
            self.read.1.then(|| SecretString::from(self.token.as_str())),
        );
        let net = front.net(&[]);
        Box::new(MastodonSource::new(
            net,
            front.base,
            handle(NAME),
            token,
            self.read.0,
            cache(),
        ))
    }

    async fn publish(&self, text: &str) -> ApId {
        self.clock.advance(Duration::from_secs(60));
        let status = NewStatus::new(text).media(NewMedia::new(picture(1)).alt("a picture"));
        id(&self.server.publish(NAME, status).expect("it is published").uri)
    }

    async fn publish_hidden(&self) -> Vec<ApId> {
        let hidden = ["private", "limited", "direct"];
        let post = |visibility| self.server.post(NAME, "not for everybody", visibility);
        hidden
            .map(|visibility| id(&post(visibility).expect("it is published").uri))
            .to_vec()
    }

    async fn delete(&self, id: &ApId) {
        assert!(self.server.delete_status(&self.number(id)));
    }
}

#[async_trait]
impl DestinationIsland for Toots {
    fn facts(&self) -> DestinationFacts {
        DestinationFacts {
            upload: ("POST", "/api/v2/media"),
            post: ("POST", "/api/v1/statuses"),
            sign_in: None,
            honours_keys: self.idempotency != Idempotency::Ignored,
            tells_visibility: true,
            refuses_long_texts: true,
            refusal: rig::refusal,
        }
    }

    fn front(&self) -> Front {
        self.server()
    }

    fn destination(&self) -> Box<dyn Destination> {
        self.there(&self.token)
    }

    fn signed_out(&self) -> Box<dyn Destination> {
        self.there("no-such-token")
    }

    fn draft(&self, number: u8) -> Draft {
        rig::status(number)
    }

    fn file(&self, number: u8) -> Bytes {
        rig::status_file(number)
    }

    async fn arrived(&self) -> Vec<Arrived> {
        let file = |medium: tombolo_mastodon::stand_in::PostedMedia| ArrivedFile {
            sha256: medium.sha256,
            alt: medium.description,
        };
        let all = self.server.statuses(NAME).into_iter().map(|status| Arrived {
            visibility: visibility(&status.visibility),
            uri: status.uri,
            text: status.text,
            files: status.media.into_iter().map(file).collect(),
        });
        all.collect()
    }

    fn secrets(&self) -> Vec<String> {
        vec![self.token.clone()]
    }
}
