//! The client: reads are repeated with growing pauses, other requests are sent at most once.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use chrono::{DateTime, Utc};
use futures_util::StreamExt;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::{
    ACCEPT, ACCEPT_ENCODING, ACCEPT_LANGUAGE, CONTENT_ENCODING, CONTENT_LENGTH, ETAG, HeaderMap, HeaderValue,
    IF_NONE_MATCH, IF_RANGE, RANGE,
};
use reqwest::redirect::Policy;
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode};
use secrecy::{ExposeSecret, SecretString};
use tombolo_model::{Clock, Entropy, Origin};
use url::Url;

use crate::budget::Budgets;
use crate::download;
use crate::error::stripped;
use crate::guard::{Guard, Refused, shown};
use crate::{NetError, SendError};

const MAX_REDIRECTS: usize = 3;
/// First pause between attempts; doubled each time, full jitter.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const ATTEMPTS: u32 = 4;
/// The family of requests for files.
pub(crate) const FILES: &str = "media";
/// Longest wait for a server's limit inside a read; what takes longer is reported.
const PATIENCE: Duration = Duration::from_secs(20);
/// Largest answer to a request that is sent once.
const MAX_ANSWER: u64 = 4 << 20;

/// What the client needs to know of the configuration.
#[derive(Clone, Debug)]
pub struct NetConfig {
    /// Which addresses may be reached.
    pub guard: Guard,
    /// How we introduce ourselves.
    pub user_agent: String,
}

/// How long servers are given, in real time.
#[derive(Clone, Debug)]
pub struct Timeouts {
    /// To accept a connection.
    pub connect: Duration,
    /// To send a document, all of it.
    pub read: Duration,
    /// To send the next piece of a file. Instances may throttle, so there is no limit to the whole (contract peertube §6,
    /// "idle rather than total timeouts").
    pub idle: Duration,
    /// To think about a request that is sent once. A status with unknown mentions takes tens of seconds (contract mastodon
    /// §3.3), an upload is looked at before it is answered.
    pub answer: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            read: Duration::from_secs(60),
            idle: Duration::from_secs(60),
            answer: Duration::from_secs(180),
        }
    }
}

/// Random bits of the operating system.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    fn bits(&self) -> u64 {
        getrandom::u64().unwrap_or_else(|_| {
            // The operating system has no random numbers: fall back on what differs between processes and calls.
            static CALLS: AtomicU64 = AtomicU64::new(0);
            use std::hash::{BuildHasher, Hasher, RandomState};
            let mut hasher = RandomState::new().build_hasher();
            hasher.write_u64(CALLS.fetch_add(1, Ordering::Relaxed));
            hasher.finish()
        })
    }
}

/// The HTTP client. Clones share connections and budgets.
#[derive(Clone, Debug)]
pub struct Net(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    guard: Arc<Guard>,
    /// Follows redirects to permitted addresses; used without credentials only.
    following: Client,
    /// Follows nothing, and opens a connection for each request, so that none dies on one that the server was about to close
    /// (snac does that after every answer, without saying so). For all requests with credentials.
    strict: Client,
    timeouts: Timeouts,
    budgets: Budgets,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
}

/// A read: safe to repeat.
#[derive(Clone, Debug)]
pub struct Get<'a> {
    /// Where.
    pub url: Url,
    /// The `Accept` header.
    pub accept: &'a str,
    /// Sent as a bearer token; redirects aren't followed then.
    pub bearer: Option<&'a SecretString>,
    /// A validator from an earlier answer.
    pub if_none_match: Option<&'a str>,
    /// Largest body, decoded.
    pub max_bytes: u64,
    /// Requests of one family share the server's limit.
    pub family: &'static str,
    /// For who judges by the body, where statuses say little: whether an answer whose status promises another one later is
    /// final at once. The last failing answer is returned then, too, where there is no wait to report.
    pub is_final: Option<fn(&Answer) -> bool>,
}

impl<'a> Get<'a> {
    /// A read of a small JSON document.
    pub fn json(url: Url) -> Self {
        Self {
            url,
            accept: "application/json",
            bearer: None,
            if_none_match: None,
            max_bytes: 4 << 20,
            family: "api",
            is_final: None,
        }
    }

    /// With this token.
    #[must_use]
    pub fn bearer(mut self, token: &'a SecretString) -> Self {
        self.bearer = Some(token);
        self
    }
}

/// A complete answer.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Status code.
    pub status: StatusCode,
    /// Headers.
    pub headers: HeaderMap,
    /// Body, decoded.
    pub body: Bytes,
    /// Where it came from after redirects.
    pub url: Url,
}

impl Answer {
    /// MIME type without parameters.
    pub fn media_type(&self) -> Option<String> {
        crate::headers::media_type(&self.headers)
    }

    /// The validator to ask with next time.
    pub fn etag(&self) -> Option<&str> {
        self.headers.get(ETAG)?.to_str().ok()
    }

    /// The body as JSON. `serde_json` refuses what is nested more than 128 deep.
    pub fn json<T: serde::de::DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        serde_json::from_slice(&self.body)
    }
}

/// A file that is being read.
pub struct Download {
    /// Size in bytes, where the server says.
    pub bytes: Option<u64>,
    /// MIME type without parameters.
    pub media_type: Option<String>,
    /// The content. A broken transfer is taken up again where it broke off, if the server's validator allows.
    pub stream: futures_util::stream::BoxStream<'static, io::Result<Bytes>>,
}

/// A request with an effect: sent at most once.
pub struct Send<'a> {
    /// HTTP method.
    pub method: Method,
    /// Where.
    pub url: Url,
    /// Bearer token.
    pub bearer: &'a SecretString,
    /// Further headers.
    pub headers: Vec<(&'static str, String)>,
    /// What is sent.
    pub body: WriteBody,
    /// Requests of one family share the server's limit.
    pub family: &'static str,
    /// Counts the bytes of the body as they leave, so that a large one isn't taken for a stalled one.
    pub sent: Option<Arc<AtomicU64>>,
}

/// The body of a request with an effect.
pub enum WriteBody {
    /// Nothing.
    Empty,
    /// JSON.
    Json(serde_json::Value),
    /// Fields and files.
    Multipart(reqwest::multipart::Form),
    /// A piece of a file, held in memory. It leaves slice by slice, which [`Send::sent`] counts; its length is announced.
    Bytes(Bytes),
}

/// A form that names the caller by its fields, such as a sign-in: sent at most once, without a bearer token.
pub struct SendForm<'a> {
    /// Where.
    pub url: Url,
    /// Further headers.
    pub headers: Vec<(&'static str, String)>,
    /// The fields. Secrets among them appear in no message.
    pub fields: &'a [(&'a str, &'a str)],
    /// Requests of one family share the server's limit.
    pub family: &'static str,
}

impl Net {
    /// Makes the client. Installs the process's TLS provider if there is none yet.
    pub fn new(config: NetConfig, clock: Arc<dyn Clock>, entropy: Arc<dyn Entropy>) -> Result<Self, NetError> {
        Self::with_timeouts(config, Timeouts::default(), clock, entropy)
    }

    /// Makes the client, with other timeouts.
    pub fn with_timeouts(
        config: NetConfig,
        timeouts: Timeouts,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Result<Self, NetError> {
        // An error means that one is installed already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let guard = Arc::new(config.guard);
        let base = || {
            Client::builder()
                .user_agent(&config.user_agent)
                .connect_timeout(timeouts.connect)
                .no_proxy()
                .referer(false)
                .retry(reqwest::retry::never())
                .dns_resolver(Arc::new(GuardedResolver(guard.clone())))
        };
        let build = |builder: reqwest::ClientBuilder| {
            builder
                .build()
                .map_err(|e| NetError::Transient(format!("the HTTP client could not start: {}", stripped(e))))
        };
        Ok(Self(Arc::new(Inner {
            following: build(base().redirect(guarded_redirects(guard.clone())))?,
            strict: build(base().redirect(Policy::none()).pool_max_idle_per_host(0))?,
            guard,
            timeouts,
            budgets: Budgets::default(),
            clock,
            entropy,
        })))
    }

    /// The clock it waits by.
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.0.clock
    }

    /// Its source of randomness.
    pub fn entropy(&self) -> &Arc<dyn Entropy> {
        &self.0.entropy
    }

    /// Checks an address without reaching for it.
    pub fn check(&self, url: &Url) -> Result<(), NetError> {
        self.0.guard.check_url(url).map_err(|e| NetError::Refused(e.0))
    }

    /// Reads a document. Answers with any status but those that mean "try again" are returned; those are tried again.
    pub async fn get(&self, get: &Get<'_>) -> Result<Answer, NetError> {
        let what = format!("GET {}", shown(&get.url));
        let limit = self.0.timeouts.read;
        let once = || async {
            let answer = tokio::time::timeout(limit, self.get_once(get, &what)).await;
            answer.unwrap_or_else(|_| Err(Failure::Transient(format!("{what} took longer than {limit:?}"))))
        };
        self.repeated_until(&get.url, get.family, &what, get.is_final, once)
            .await
    }

    /// Opens a file for reading, from its beginning. Nothing is held in memory but what is on its way.
    pub async fn download(&self, url: &Url, bearer: Option<&SecretString>) -> Result<(StatusCode, Download), NetError> {
        let what = format!("GET {}", shown(url));
        let response = self
            .repeated(url, FILES, &what, || self.open_file(url, bearer, None))
            .await?;
        let status = response.status();
        let download = Download {
            bytes: length_of(response.headers()),
            media_type: crate::headers::media_type(response.headers()),
            stream: download::transfer(self.clone(), url.clone(), bearer.cloned(), response).boxed(),
        };
        Ok((status, download))
    }

    /// Asks for a file's headers only.
    pub async fn head(&self, url: &Url) -> Result<(StatusCode, HeaderMap), NetError> {
        let what = format!("HEAD {}", shown(url));
        let limit = self.0.timeouts.read;
        let once = || async {
            let request = self.0.following.head(url.clone()).header(ACCEPT_ENCODING, "identity");
            let response = tokio::time::timeout(limit, read(request, &what)).await;
            let late = |_| Err(Failure::Transient(format!("{what} took longer than {limit:?}")));
            let response = followed(response.unwrap_or_else(late)?, &what)?;
            match response.status() {
                StatusCode::NOT_IMPLEMENTED => Err(Failure::Final(NetError::Refused(format!(
                    "{what}: the server doesn't know this kind of request"
                )))),
                _ => Ok(response),
            }
        };
        let response = self.repeated(url, FILES, &what, once).await?;
        Ok((response.status(), response.headers().clone()))
    }

    /// Sends a request that has an effect, at most once. The caller decides what an unknown outcome means.
    pub async fn send(&self, send: Send<'_>) -> Result<Answer, SendError> {
        let what = format!("{} {}", send.method, shown(&send.url));
        let request = self
            .writer(send.method, &send.url, send.headers)?
            .bearer_auth(send.bearer.expose_secret());
        let request = match send.body {
            WriteBody::Empty => request,
            WriteBody::Json(value) => request.json(&value),
            WriteBody::Multipart(form) => request.multipart(form),
            WriteBody::Bytes(bytes) => request
                .header(CONTENT_LENGTH, bytes.len())
                .body(in_slices(bytes, send.sent.clone())),
        };
        self.send_once(request, &send.url, &what, send.family, send.sent).await
    }

    /// Sends a form without a bearer token, at most once. The caller decides what an unknown outcome means.
    pub async fn send_form(&self, send: SendForm<'_>) -> Result<Answer, SendError> {
        let what = format!("POST {}", shown(&send.url));
        let request = self.writer(Method::POST, &send.url, send.headers)?.form(send.fields);
        self.send_once(request, &send.url, &what, send.family, None).await
    }

    /// A request that follows no redirect and goes over a connection of its own.
    fn writer(
        &self,
        method: Method,
        url: &Url,
        headers: Vec<(&'static str, String)>,
    ) -> Result<RequestBuilder, SendError> {
        self.0.guard.check_url(url).map_err(|e| SendError::NotSent(e.0))?;
        let mut request = self
            .0
            .strict
            .request(method, url.clone())
            .header(ACCEPT, "application/json")
            .header(ACCEPT_LANGUAGE, "en");
        for (name, value) in headers {
            request = request.header(name, value);
        }
        Ok(request)
    }

    async fn send_once(
        &self,
        request: RequestBuilder,
        to: &Url,
        what: &str,
        family: &'static str,
        sent: Option<Arc<AtomicU64>>,
    ) -> Result<Answer, SendError> {
        let timeouts = &self.0.timeouts;
        let response = tokio::select! {
            result = request.send() => result.map_err(|e| send_error(what, e))?,
            () = stalled(sent, timeouts.answer) => {
                return Err(SendError::Unknown(format!("{what} was not answered within {:?}", timeouts.answer)));
            }
        };
        self.learn(to, family, response.status(), response.headers());
        let (status, headers, url) = (response.status(), response.headers().clone(), response.url().clone());
        let body = tokio::time::timeout(timeouts.read, collect(response, MAX_ANSWER, what))
            .await
            .map_err(|_| SendError::Unknown(format!("the answer to {what} stopped halfway")))?
            .map_err(|e| SendError::Unknown(e.into_error().to_string()))?;
        tracing::debug!(status = status.as_u16(), "{what}");
        Ok(Answer {
            status,
            headers,
            body,
            url,
        })
    }

    /// Until when requests of this family have to wait at this origin, as far as is known.
    pub fn throttled_until(&self, url: &Url, family: &'static str) -> Option<DateTime<Utc>> {
        self.0.budgets.not_before(&Origin::of(url), family, self.0.clock.now())
    }

    pub(crate) fn timeouts(&self) -> &Timeouts {
        &self.0.timeouts
    }

    /// Does a read until it is answered for good. Nothing here may have an effect at the server.
    pub(crate) async fn repeated<T: Answered, F: Future<Output = Result<T, Failure>>>(
        &self,
        url: &Url,
        family: &'static str,
        what: &str,
        once: impl Fn() -> F,
    ) -> Result<T, NetError> {
        self.repeated_until(url, family, what, None, once).await
    }

    /// The same for who judges answers by more than their status.
    async fn repeated_until<T: Answered, F: Future<Output = Result<T, Failure>>>(
        &self,
        url: &Url,
        family: &'static str,
        what: &str,
        is_final: Option<fn(&T) -> bool>,
        once: impl Fn() -> F,
    ) -> Result<T, NetError> {
        self.check(url)?;
        let mut attempt = 0;
        loop {
            attempt += 1;
            self.wait_for_budget(url, family, what).await?;
            let failure = match once().await {
                Ok(answer) => {
                    let (status, headers) = answer.head();
                    tracing::debug!(status = status.as_u16(), "{what}");
                    let throttled = self.learn(url, family, status, headers);
                    if !worth_repeating(status) || is_final.is_some_and(|is_final| is_final(&answer)) {
                        return Ok(answer);
                    }
                    let last = attempt >= ATTEMPTS;
                    if let Some(until) = throttled.filter(|until| last || self.remaining(*until) > PATIENCE) {
                        let what = what.to_owned();
                        return Err(NetError::Throttled { what, until });
                    }
                    if last && is_final.is_some() {
                        return Ok(answer);
                    }
                    Failure::Transient(format!("{what} was answered with {status}"))
                }
                Err(failure) => failure,
            };
            let (problem, pause) = match failure {
                Failure::Final(error) => return Err(error),
                // Most likely the connection was kept from an earlier request, and the server had closed it.
                Failure::Cut(problem) if attempt == 1 => (problem, Duration::ZERO),
                Failure::Cut(problem) | Failure::Transient(problem) => (problem, self.pause(attempt)),
            };
            if attempt >= ATTEMPTS {
                return Err(NetError::Transient(format!("{problem} ({attempt} attempts)")));
            }
            tracing::debug!(%problem, attempt, ?pause, "trying again");
            self.wait(pause).await;
        }
    }

    async fn get_once(&self, get: &Get<'_>, what: &str) -> Result<Answer, Failure> {
        let mut request = self
            .reader(get.bearer)
            .get(get.url.clone())
            .header(ACCEPT, get.accept)
            .header(ACCEPT_LANGUAGE, "en");
        if let Some(token) = get.bearer {
            request = request.bearer_auth(token.expose_secret());
        }
        if let Some(validator) = get.if_none_match {
            request = request.header(IF_NONE_MATCH, validator);
        }
        let mut response = read(request, what).await?;
        if get.bearer.is_none() {
            response = followed(response, what)?;
        }
        let (status, headers, url) = (response.status(), response.headers().clone(), response.url().clone());
        let body = collect(response, get.max_bytes, what).await?;
        Ok(Answer {
            status,
            headers,
            body,
            url,
        })
    }

    /// Opens a file, or the rest of it from an offset on if a validator says that it is the same file.
    pub(crate) async fn open_file(
        &self,
        url: &Url,
        bearer: Option<&SecretString>,
        from: Option<(u64, &HeaderValue)>,
    ) -> Result<Response, Failure> {
        let what = format!("GET {}", shown(url));
        // Files are asked for as they are: a compressed answer would hide their size.
        let mut request = self
            .reader(bearer)
            .get(url.clone())
            .header(ACCEPT, "*/*")
            .header(ACCEPT_ENCODING, "identity");
        if let Some(token) = bearer {
            request = request.bearer_auth(token.expose_secret());
        }
        if let Some((offset, validator)) = from {
            request = request
                .header(RANGE, format!("bytes={offset}-"))
                .header(IF_RANGE, validator);
        }
        let idle = self.0.timeouts.idle;
        let mut response = tokio::time::timeout(idle, read(request, &what))
            .await
            .unwrap_or_else(|_| Err(Failure::Transient(format!("{what} was not answered within {idle:?}"))))?;
        if bearer.is_none() {
            response = followed(response, &what)?;
        }
        match response.headers().get(CONTENT_ENCODING) {
            Some(coding) if coding != "identity" && response.status().is_success() => Err(Failure::Final(
                NetError::Refused(format!("{what} was answered in an encoding that wasn't asked for")),
            )),
            _ => Ok(response),
        }
    }

    /// What follows redirects never carries a token.
    pub(crate) fn reader(&self, bearer: Option<&SecretString>) -> &Client {
        if bearer.is_some() {
            &self.0.strict
        } else {
            &self.0.following
        }
    }

    pub(crate) async fn wait_for_budget(&self, url: &Url, family: &'static str, what: &str) -> Result<(), NetError> {
        let now = self.0.clock.now();
        let Some(until) = self.0.budgets.not_before(&Origin::of(url), family, now) else {
            return Ok(());
        };
        let wait = self.remaining(until);
        if wait > PATIENCE {
            return Err(NetError::Throttled {
                what: what.to_owned(),
                until,
            });
        }
        tracing::debug!(?wait, what, "waiting for the server's limit");
        self.wait(wait + Duration::from_millis(50)).await;
        Ok(())
    }

    pub(crate) fn learn(
        &self,
        url: &Url,
        family: &'static str,
        status: StatusCode,
        headers: &HeaderMap,
    ) -> Option<DateTime<Utc>> {
        self.0
            .budgets
            .learn(&Origin::of(url), family, status.as_u16(), headers, self.0.clock.now())
    }

    fn remaining(&self, until: DateTime<Utc>) -> Duration {
        (until - self.0.clock.now()).to_std().unwrap_or_default()
    }

    pub(crate) async fn wait(&self, pause: Duration) {
        if !pause.is_zero() {
            self.0.clock.sleep(pause).await;
        }
    }

    /// Full jitter: anything up to the doubled pause.
    pub(crate) fn pause(&self, attempt: u32) -> Duration {
        (FIRST_PAUSE * 2_u32.saturating_pow(attempt.min(6))).mul_f64(self.0.entropy.fraction())
    }
}

/// Why one attempt of a read came to nothing.
pub(crate) enum Failure {
    /// It would fail again.
    Final(NetError),
    /// The connection was closed instead of an answer.
    Cut(String),
    /// It may work later.
    Transient(String),
}

impl Failure {
    fn into_error(self) -> NetError {
        match self {
            Self::Final(error) => error,
            Self::Cut(message) | Self::Transient(message) => NetError::Transient(message),
        }
    }
}

/// What a read is judged by.
pub(crate) trait Answered {
    fn head(&self) -> (StatusCode, &HeaderMap);
}

impl Answered for Answer {
    fn head(&self) -> (StatusCode, &HeaderMap) {
        (self.status, &self.headers)
    }
}

impl Answered for Response {
    fn head(&self) -> (StatusCode, &HeaderMap) {
        (self.status(), self.headers())
    }
}

/// Sends a read, once, and waits for the headers of its answer.
pub(crate) async fn read(request: RequestBuilder, what: &str) -> Result<Response, Failure> {
    request.send().await.map_err(|error| {
        let refusal = is_refusal(&error);
        let (connect, timeout, builder) = (error.is_connect(), error.is_timeout(), error.is_builder());
        let message = stripped(error);
        if refusal {
            Failure::Final(NetError::Refused(format!("{what} is not allowed: {message}")))
        } else if builder {
            Failure::Final(NetError::Refused(format!("{what} can't be sent: {message}")))
        } else if timeout {
            Failure::Transient(format!("{what} timed out"))
        } else if connect {
            Failure::Transient(format!("{what} failed: {message}"))
        } else {
            Failure::Cut(format!("{what} got no answer: {message}"))
        }
    })
}

/// A redirect that is left after all that could be followed leads to no web address.
pub(crate) fn followed(response: Response, what: &str) -> Result<Response, Failure> {
    match response.status().as_u16() {
        301 | 302 | 303 | 307 | 308 => Err(Failure::Final(NetError::Refused(format!(
            "{what} was answered with a redirect to nowhere"
        )))),
        _ => Ok(response),
    }
}

/// Reads a body up to a limit.
pub(crate) async fn collect(response: Response, max: u64, what: &str) -> Result<Bytes, Failure> {
    collect_moving(response, max, None, what).await
}

/// Reads a body up to a limit, as long as no more than `idle` passes without any of it.
pub(crate) async fn collect_moving(
    mut response: Response,
    max: u64,
    idle: Option<Duration>,
    what: &str,
) -> Result<Bytes, Failure> {
    let mut body = BytesMut::new();
    loop {
        let chunk = match idle {
            None => response.chunk().await,
            Some(idle) => tokio::time::timeout(idle, response.chunk())
                .await
                .map_err(|_| Failure::Transient(format!("the answer to {what} stood still for {idle:?}")))?,
        };
        match chunk {
            Ok(Some(chunk)) => {
                if body.len() as u64 + chunk.len() as u64 > max {
                    return Err(Failure::Final(NetError::TooLarge(format!(
                        "the answer to {what} is larger than {max} bytes"
                    ))));
                }
                body.extend_from_slice(&chunk);
            }
            Ok(None) => return Ok(body.freeze()),
            Err(e) => {
                return Err(Failure::Transient(format!(
                    "the answer to {what} broke off: {}",
                    stripped(e)
                )));
            }
        }
    }
}

/// Largest piece of a body that is counted at once.
const SLICE: usize = 64 << 10;

/// A body held in memory, as a stream that counts what it gives away.
fn in_slices(mut bytes: Bytes, sent: Option<Arc<AtomicU64>>) -> reqwest::Body {
    let slices = std::iter::from_fn(move || {
        (!bytes.is_empty()).then(|| {
            let slice = bytes.split_to(bytes.len().min(SLICE));
            if let Some(sent) = &sent {
                sent.fetch_add(slice.len() as u64, Ordering::Relaxed);
            }
            Ok::<_, io::Error>(slice)
        })
    });
    reqwest::Body::wrap_stream(futures_util::stream::iter(slices))
}

/// Ends when nothing has been sent, and nothing answered, for a while.
async fn stalled(sent: Option<Arc<AtomicU64>>, patience: Duration) {
    let Some(sent) = sent else {
        return tokio::time::sleep(patience).await;
    };
    let mut last = sent.load(Ordering::Relaxed);
    loop {
        tokio::time::sleep(patience).await;
        let now = sent.load(Ordering::Relaxed);
        if now == last {
            return;
        }
        last = now;
    }
}

/// Statuses that promise another answer later (contract peertube §9, mastodon §8.3).
pub(crate) fn worth_repeating(status: StatusCode) -> bool {
    // 520 to 526 are Cloudflare's, when the server behind it fails.
    matches!(status.as_u16(), 408 | 425 | 429 | 500..=504 | 520..=526)
}

/// The announced size of a body as it is sent.
pub(crate) fn length_of(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

fn send_error(what: &str, error: reqwest::Error) -> SendError {
    // Only what failed before there was a connection certainly didn't leave.
    let not_sent = error.is_connect() || error.is_builder();
    let message = stripped(error);
    if not_sent {
        SendError::NotSent(format!("{what} was not sent: {message}"))
    } else {
        SendError::Unknown(format!("{what} got no answer: {message}"))
    }
}

/// Whether the resolver, or the check of a redirect, refused an address.
fn is_refusal(error: &reqwest::Error) -> bool {
    let mut cause: Option<&dyn std::error::Error> = Some(error);
    while let Some(e) = cause {
        if e.is::<Refused>() {
            return true;
        }
        cause = e.source();
    }
    false
}

fn guarded_redirects(guard: Arc<Guard>) -> Policy {
    Policy::custom(
        move |attempt| match may_follow(&guard, attempt.previous(), attempt.url()) {
            Ok(()) => attempt.follow(),
            Err(refused) => attempt.error(refused),
        },
    )
}

fn may_follow(guard: &Guard, previous: &[Url], next: &Url) -> Result<(), Refused> {
    let from_https = previous.last().is_some_and(|url| url.scheme() == "https");
    if previous.len() > MAX_REDIRECTS {
        return Err(Refused(format!("it is redirected more than {MAX_REDIRECTS} times")));
    }
    if from_https && next.scheme() != "https" {
        return Err(Refused(format!("it is redirected from https to {}", shown(next))));
    }
    guard
        .check_url(next)
        .map_err(|refused| Refused(format!("it is redirected, and {refused}")))
}

/// Resolves names and passes on only addresses that may be reached; the connection then uses just these.
#[derive(Debug)]
struct GuardedResolver(Arc<Guard>);

impl Resolve for GuardedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let guard = self.0.clone();
        Box::pin(async move {
            let found: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            let mut refused = None;
            let permitted: Vec<SocketAddr> = found
                .into_iter()
                .filter(|address| match guard.check_ip(address.ip()) {
                    Ok(()) => true,
                    Err(e) => {
                        refused = Some(e);
                        false
                    }
                })
                .collect();
            match (permitted.is_empty(), refused) {
                (true, Some(refused)) => {
                    Err(Box::new(refused) as Box<dyn std::error::Error + std::marker::Send + Sync>)
                }
                (true, None) => Err(format!("{} has no address", name.as_str()).into()),
                (false, _) => Ok(Box::new(permitted.into_iter()) as Addrs),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    #[test]
    fn a_redirect_never_leads_from_https_to_plain_http() {
        let plain = url("http://old.example/b?token=s3cret");
        let guard = Guard::new(vec![], [Origin::of(&plain)]);
        let refused = may_follow(&guard, &[url("https://video.example/a")], &plain).unwrap_err();
        assert!(refused.0.contains("from https"), "{refused}");
        assert!(!refused.0.contains("s3cret"), "{refused}");
        // A way that began with plain http and went on with https doesn't fall back either.
        let way = [url("http://old.example/"), url("https://video.example/a")];
        assert!(may_follow(&guard, &way, &plain).is_err());
        assert_eq!(may_follow(&guard, &[url("http://old.example/")], &plain), Ok(()));
    }

    #[test]
    fn every_hop_is_checked_like_the_first_address() {
        let from = [url("https://video.example/a")];
        for to in [
            "https://10.0.0.1/",
            "https://[::1]/",
            "https://me:pw@other.example/",
            "ftp://other.example/",
        ] {
            assert!(may_follow(&Guard::default(), &from, &url(to)).is_err(), "{to}");
        }
        assert_eq!(
            may_follow(&Guard::default(), &from, &url("https://cdn.example/b")),
            Ok(())
        );
    }
}
