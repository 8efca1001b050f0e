//! Pixelfed's stand-in.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use secrecy::SecretString;
use tombolo_conformance::files::{picture, sha256};
use tombolo_conformance::{
    Arrived, ArrivedFile, DestinationFacts, DestinationIsland, Front, SourceFacts, SourceIsland, destination_suite,
    source_suite,
};
use tombolo_model::{ApId, Destination, Draft, Source, TestClock};
use tombolo_pixelfed::stand_in::{Errors, NewMedia, NewPost, Options, Pixelfed as StandIn};
use tombolo_pixelfed::{Pixelfed, PixelfedSource, Read};

use crate::rig::{self, SETTLE, cache, clock, handle, id, visibility};

source_suite!(own, Photos::read(Read::Api, true, Errors::All500));
source_suite!(own_with_proper_errors, Photos::read(Read::Api, true, Errors::Proper));
source_suite!(public, Photos::read(Read::Api, false, Errors::All500));
source_suite!(atom, Photos::read(Read::Rss, false, Errors::All500));
destination_suite!(to_a_0_12_6, Photos::written(Errors::All500));
destination_suite!(to_one_with_proper_errors, Photos::written(Errors::Proper));

const NAME: &str = "alice";

struct Photos {
    server: StandIn,
    clock: TestClock,
    token: String,
    read: (Read, bool),
}

impl Photos {
    async fn read(read: Read, with_token: bool, errors: Errors) -> Option<Self> {
        Some(Self::start((read, with_token), errors).await)
    }

    async fn written(errors: Errors) -> Option<Self> {
        Some(Self::start((Read::Auto, true), errors).await)
    }

    async fn start(read: (Read, bool), errors: Errors) -> Self {
        let clock = clock();
        let options = Options {
            clock: Arc::new(clock.clone()),
            errors,
            // Files are compared as they came.
            optimize_images: false,
            ..Options::default()
        };
        let server = StandIn::start(options).await.expect("a free port");
        let token = server.add_account(NAME);
        // As after the first question whose token it is.
        server.set_active(NAME, true);
        Self {
            server,
            clock,
            token,
            read,
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
        Box::new(Pixelfed::new(
            net,
            front.base,
            SecretString::from(token),
            cache(),
            SETTLE,
        ))
    }

    fn post(&self, text: &str, visibility: &str) -> ApId {
        self.clock.advance(Duration::from_secs(60));
        let post = NewPost {
            text: text.into(),
            media: vec![NewMedia::new(picture(1), "a picture")],
            visibility: visibility.into(),
            ..NewPost::default()
        };
        id(&self.server.post(NAME, post).expect("it is posted").url)
    }
}

#[async_trait]
impl SourceIsland for Photos {
    fn facts(&self) -> SourceFacts {
        let account = self.server.account_id(NAME).expect("an account");
        let (reader, many, window, list) = match self.read {
            (Read::Rss, _) => ("rss", 15, Some(10), format!("/users/{NAME}.atom")),
            (_, true) => ("api", 45, None, format!("/api/v1/accounts/{account}/statuses")),
            (_, false) => ("api", 45, None, format!("/api/pixelfed/v1/accounts/{account}/statuses")),
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
        Box::new(PixelfedSource::new(
            net,
            front.base,
            handle(NAME),
            token,
            self.read.0,
            cache(),
        ))
    }

    async fn publish(&self, text: &str) -> ApId {
        self.post(text, "public")
    }

    async fn publish_hidden(&self) -> Vec<ApId> {
        vec![self.post("for followers", "private")]
    }

    async fn delete(&self, id: &ApId) {
        let number = id.as_str().rsplit('/').next().expect("a number");
        assert!(self.server.delete_status(number));
        self.clock.advance(Duration::from_secs(60));
    }
}

#[async_trait]
impl DestinationIsland for Photos {
    fn facts(&self) -> DestinationFacts {
        DestinationFacts {
            upload: ("POST", "/api/v2/media"),
            post: ("POST", "/api/v1/statuses"),
            sign_in: None,
            honours_keys: true,
            tells_visibility: true,
            refuses_long_texts: true,
            refusal: |status, words| match status {
                // What isn't valid comes with the names of the fields.
                422 => serde_json::json!({"message": words, "errors": {"file": [words]}}).to_string(),
                _ => rig::refusal(status, words),
            },
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
        let file = |medium: tombolo_pixelfed::stand_in::PostedMedia| ArrivedFile {
            sha256: sha256(&medium.bytes),
            alt: medium.description,
        };
        let all = self.server.statuses(NAME).into_iter().filter(|status| status.listed);
        let all = all.map(|status| Arrived {
            visibility: visibility(&status.visibility),
            uri: status.url,
            // As people see it: what looked like HTML is taken out before that.
            text: status
                .stored
                .replace("&lt;", "<")
                .replace("&gt;", ">")
                .replace("&amp;", "&"),
            files: status.media.into_iter().map(file).collect(),
        });
        all.collect()
    }

    fn secrets(&self) -> Vec<String> {
        vec![self.token.clone()]
    }
}
