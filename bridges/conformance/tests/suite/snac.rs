//! A real snac, behind a proxy that sees what arrives and makes things go wrong. Its names and addresses are the proxy's, so
//! that nothing goes past it.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::{Response, StatusCode, header};
use bytes::Bytes;
use chrono::Utc;
use secrecy::SecretString;
use serde_json::{Value, json};
use tempfile::TempDir;
use tombolo_conformance::files::{picture, sha256};
use tombolo_conformance::{
    Arrived, ArrivedFile, DestinationFacts, DestinationIsland, Front, SourceFacts, SourceIsland, destination_suite,
    source_suite,
};
use tombolo_mastodon::{Mastodon, MastodonSource, Read};
use tombolo_model::{
    ApId, Checkpoint, CheckpointError, Destination, Draft, Fetched, NoProgress, PublishOutcome, PublishProgress,
    Source, Step, TestClock, Visibility,
};
use tombolo_net::stand_in::{Server, serve};

use self::program::Snac;
use crate::rig::{self, SETTLE, cache, handle, id};

#[path = "../../../../tests/program/snac.rs"]
mod program;

source_suite!(api, Real::start());
destination_suite!(to_an_account, Real::start());

#[tokio::test]
async fn what_its_api_calls_public_and_english_is_what_its_object_says() {
    let Some(real) = Real::start().await else { return };
    let status = json!({"status": "leise", "visibility": "unlisted", "language": "de"});
    let request = real.client.post(real.at("/api/v1/statuses")).json(&status);
    let quiet = id(real.ask(request).await["uri"].as_str().expect("an address"));
    let open = real.post("loud", "public").await;
    let source = SourceIsland::source(&real);
    let mut seen = Vec::new();
    for post in [&quiet, &open] {
        match source.fetch(post).await {
            Ok(Fetched::Post(post)) => seen.push((post.visibility, post.language)),
            other => panic!("{other:?}"),
        }
    }
    let (de, en) = (Some("de".to_owned()), Some("en".to_owned()));
    assert_eq!(seen, [(Visibility::Unlisted, de), (Visibility::Public, en)]);
}

#[tokio::test]
async fn its_first_sensitive_picture_is_covered() {
    let Some(real) = Real::start().await else { return };
    let draft = Draft {
        sensitive: true,
        ..rig::status(1)
    };
    let there = DestinationIsland::destination(&real);
    let outcome = there
        .publish(&draft, PublishProgress::default(), &mut Noted, &NoProgress)
        .await;
    let PublishOutcome::Published(copy) = outcome else {
        panic!("{outcome:?}")
    };
    assert!(copy.differences.iter().all(|d| d.what != "sensitive"), "{copy:?}");
    let status = &real.snac.statuses().await[0];
    assert_eq!(
        (&status["sensitive"], &status["spoiler_text"]),
        (&json!(true), &json!("Sensitive content"))
    );
}

/// Takes every note.
struct Noted;

#[async_trait]
impl Checkpoint for Noted {
    async fn before(&mut self, _step: Step, _progress: &PublishProgress) -> Result<(), CheckpointError> {
        Ok(())
    }
}

/// Largest body that the proxy carries.
const MAX_BODY: usize = 64 << 20;

struct Real {
    snac: Snac,
    proxy: Server,
    clock: TestClock,
    client: reqwest::Client,
    _dir: TempDir,
}

impl Real {
    async fn start() -> Option<Self> {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let Some(mut snac) = program::start(dir.path()).await else {
            assert!(
                std::env::var_os("CI").is_none(),
                "snac is not installed, and in CI it must be"
            );
            eprintln!("SKIPPED: snac is not installed (Debian bookworm-backports has snac2)");
            return None;
        };
        let client = reqwest::Client::builder()
            .no_proxy()
            // snac closes every connection after one answer, without saying so.
            .pool_max_idle_per_host(0)
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .expect("a client");
        let clock = TestClock::at(Utc::now());
        let (behind, carrier) = (snac.base.clone(), client.clone());
        let proxy = serve(0, Arc::new(clock.clone()), |_| {
            Router::new().fallback(move |request: Request| carry(carrier.clone(), behind.clone(), request))
        })
        .await
        .expect("a free port");
        let settings = snac.data_dir().join("server.json");
        let mut server: Value =
            serde_json::from_slice(&std::fs::read(&settings).expect("its settings")).expect("they are JSON");
        server["host"] = json!(proxy.address.to_string());
        snac.kill();
        std::fs::write(&settings, server.to_string()).expect("its settings");
        snac.restart().await;
        snac.base = format!("http://{}", proxy.address);
        Some(Self {
            snac,
            proxy,
            clock,
            client,
            _dir: dir,
        })
    }

    fn server(&self) -> Front {
        Front {
            base: self.proxy.base.clone(),
            clock: self.clock.clone(),
            arrivals: self.proxy.arrivals.clone(),
            faults: self.proxy.faults.clone(),
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

    /// What the account's owner does with another program.
    async fn ask(&self, request: reqwest::RequestBuilder) -> Value {
        let answer = request.bearer_auth(&self.snac.token).send().await.expect("an answer");
        assert!(answer.status().is_success(), "{answer:?}");
        answer.json().await.expect("JSON")
    }

    fn at(&self, path: &str) -> String {
        format!("{}{path}", self.snac.base)
    }

    async fn post(&self, text: &str, visibility: &str) -> ApId {
        self.clock.advance(Duration::from_secs(60));
        let file = reqwest::multipart::Part::bytes(picture(1).to_vec()).file_name("a.jpg");
        let form = reqwest::multipart::Form::new()
            .text("description", "a picture")
            .part("file", file);
        let media = self
            .ask(self.client.post(self.at("/api/v2/media")).multipart(form))
            .await;
        let status = json!({"status": text, "visibility": visibility, "media_ids": [media["id"]], "language": "en"});
        let status = self
            .ask(self.client.post(self.at("/api/v1/statuses")).json(&status))
            .await;
        id(status["uri"].as_str().expect("an address"))
    }
}

impl Drop for Real {
    fn drop(&mut self) {
        self.snac.kill();
        // A killed snac leaves this behind, by the name that it has.
        let state = PathBuf::from(format!("/dev/shm/{}_snac_state", self.proxy.address));
        let _ = std::fs::remove_file(state);
    }
}

/// Carries a request to the server behind, and its answer back.
async fn carry(client: reqwest::Client, behind: String, request: Request) -> Response<Body> {
    let failed = |status: StatusCode| {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = status;
        response
    };
    let (parts, body) = request.into_parts();
    let Ok(body) = axum::body::to_bytes(body, MAX_BODY).await else {
        return failed(StatusCode::BAD_REQUEST);
    };
    let mut headers = parts.headers;
    for own in [
        header::CONNECTION,
        header::CONTENT_LENGTH,
        header::TRANSFER_ENCODING,
        header::EXPECT,
    ] {
        headers.remove(own);
    }
    let target = parts.uri.path_and_query().map_or("/", |target| target.as_str());
    let sent = client
        .request(parts.method, format!("{behind}{target}"))
        .headers(headers)
        .body(body)
        .send()
        .await;
    let Ok(answer) = sent else {
        return failed(StatusCode::BAD_GATEWAY);
    };
    let (status, mut headers) = (answer.status(), answer.headers().clone());
    for own in [header::CONNECTION, header::CONTENT_LENGTH, header::TRANSFER_ENCODING] {
        headers.remove(own);
    }
    let Ok(body) = answer.bytes().await else {
        return failed(StatusCode::BAD_GATEWAY);
    };
    let mut response = Response::new(Body::from(body));
    (*response.status_mut(), *response.headers_mut()) = (status, headers);
    response
}

#[async_trait]
impl SourceIsland for Real {
    fn facts(&self) -> SourceFacts {
        SourceFacts {
            reader: "api",
            many: 45,
            window: None,
            list: format!("/api/v1/accounts/{}/statuses", self.snac.account_id),
            // Whatever is asked, the newest 256 are answered.
            pages: false,
            whole: false,
            validators: false,
            token: Some(self.snac.token.clone()),
        }
    }

    fn front(&self) -> Front {
        self.server()
    }

    fn source(&self) -> Box<dyn Source> {
        let (front, token) = (self.server(), SecretString::from(self.snac.token.as_str()));
        let net = front.net(&[]);
        let name = handle(program::USER);
        Box::new(MastodonSource::new(
            net,
            front.base,
            name,
            Some(token),
            Read::Api,
            cache(),
        ))
    }

    async fn publish(&self, text: &str) -> ApId {
        self.post(text, "public").await
    }

    async fn publish_hidden(&self) -> Vec<ApId> {
        vec![
            self.post("for followers", "private").await,
            self.post("for nobody", "direct").await,
        ]
    }

    async fn delete(&self, id: &ApId) {
        // As the page of its owner does it; the API deletes nothing.
        let form = [("id", id.as_str()), ("action", "Delete")];
        let page = self.client.post(self.at(&format!("/{}/admin/action", program::USER)));
        let page = page.basic_auth(program::USER, Some(program::PASSWORD)).form(&form);
        let answer = page.send().await.expect("an answer");
        assert_eq!(answer.status().as_u16(), 303, "{answer:?}");
    }
}

#[async_trait]
impl DestinationIsland for Real {
    fn facts(&self) -> DestinationFacts {
        DestinationFacts {
            upload: ("POST", "/api/v2/media"),
            post: ("POST", "/api/v1/statuses"),
            sign_in: None,
            honours_keys: false,
            tells_visibility: false,
            refuses_long_texts: false,
            refusal: rig::refusal,
        }
    }

    fn front(&self) -> Front {
        self.server()
    }

    fn destination(&self) -> Box<dyn Destination> {
        self.there(&self.snac.token)
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
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let file = |medium: &Value| ArrivedFile {
            sha256: sha256(&std::fs::read(self.snac.media_path(&text(&medium["url"]))).expect("the file is there")),
            alt: Some(text(&medium["description"])),
        };
        let (all, shown) = (self.snac.statuses().await, self.snac.outbox().await);
        // The API says of what is unlisted that it is public.
        let visibility = |uri: &Value| {
            let note = shown.iter().find(|note| note["id"] == *uri);
            let is_to_all = |note: &Value| note["to"].to_string().contains("#Public");
            match note {
                Some(note) if is_to_all(note) => Visibility::Public,
                Some(_) => Visibility::Unlisted,
                None => Visibility::Private,
            }
        };
        let all = all.iter().rev().map(|status| Arrived {
            uri: text(&status["uri"]),
            text: text(&status["text"]),
            visibility: visibility(&status["uri"]),
            files: status["media_attachments"]
                .as_array()
                .into_iter()
                .flatten()
                .map(file)
                .collect(),
        });
        all.collect()
    }

    fn secrets(&self) -> Vec<String> {
        vec![self.snac.token.clone()]
    }
}
