//! The client: reads are repeated with growing pauses, other requests are sent at most once.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use chrono::{DateTime, Utc};
use futures_util::{Stream, StreamExt, TryStreamExt};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::{ACCEPT, ACCEPT_LANGUAGE, CONTENT_LENGTH, ETAG, HeaderMap, IF_NONE_MATCH, IF_RANGE, RANGE};
use reqwest::redirect::Policy;
use reqwest::{Client, Method, Response, StatusCode};
use secrecy::{ExposeSecret, SecretString};
use tombolo_model::{Clock, Entropy, Origin};
use url::Url;

use crate::budget::Budgets;
use crate::error::innermost;
use crate::guard::{Guard, shown};
use crate::{NetError, SendError};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// A read of a document, with its body, takes at most this long.
const READ_TIMEOUT: Duration = Duration::from_secs(60);
/// A transfer that stands still this long is given up. Instances may throttle, so there is no limit to the whole
/// (contract peertube §6, "idle rather than total timeouts").
const IDLE_TIMEOUT: Duration = Duration::from_secs(60);
/// How long a server may think about a request that is sent once. A status with unknown mentions takes tens of seconds
/// (contract mastodon §3.3), an upload is looked at before it is answered.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(180);
const MAX_REDIRECTS: usize = 3;
/// First pause between attempts; doubled each time, full jitter.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const ATTEMPTS: u32 = 4;
/// Longest wait for a server's limit inside a read; what takes longer is reported.
const PATIENCE: Duration = Duration::from_secs(20);
/// How often a transfer may be taken up again where it broke off without a byte in between.
const RESUMES: u32 = 3;

/// What the client needs to know of the configuration.
#[derive(Clone, Debug)]
pub struct NetConfig {
    /// Which addresses may be reached.
    pub guard: Guard,
    /// How we introduce ourselves.
    pub user_agent: String,
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
}

impl Net {
    /// Makes the client. Installs the process's TLS provider if there is none yet.
    pub fn new(config: NetConfig, clock: Arc<dyn Clock>, entropy: Arc<dyn Entropy>) -> Result<Self, NetError> {
        // An error means that one is installed already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let guard = Arc::new(config.guard);
        let base = || {
            Client::builder()
                .user_agent(&config.user_agent)
                .connect_timeout(CONNECT_TIMEOUT)
                .no_proxy()
                .referer(false)
                .retry(reqwest::retry::never())
                .dns_resolver(Arc::new(GuardedResolver(guard.clone())))
        };
        let build = |builder: reqwest::ClientBuilder| {
            builder
                .build()
                .map_err(|e| NetError::Transient(format!("the HTTP client could not start: {}", innermost(&e))))
        };
        Ok(Self(Arc::new(Inner {
            following: build(base().redirect(guarded_redirects(guard.clone())))?,
            strict: build(base().redirect(Policy::none()).pool_max_idle_per_host(0))?,
            guard,
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
        self.check(&get.url)?;
        let what = format!("GET {}", shown(&get.url));
        let mut attempt = 0;
        loop {
            attempt += 1;
            self.wait_for_budget(&get.url, get.family, &what).await?;
            let started = tokio::time::timeout(READ_TIMEOUT, self.get_once(get)).await;
            let problem = match started {
                Ok(Ok(answer)) => {
                    tracing::debug!(status = answer.status.as_u16(), bytes = answer.body.len(), "{what}");
                    if let Some(until) = self.learn(&get.url, get.family, answer.status, &answer.headers)
                        && self.remaining(until) > PATIENCE
                    {
                        return Err(NetError::Throttled { what, until });
                    }
                    if !worth_repeating(answer.status) {
                        return Ok(answer);
                    }
                    format!("{what} was answered with {}", answer.status)
                }
                Ok(Err(e @ (NetError::Refused(_) | NetError::TooLarge(_) | NetError::Throttled { .. }))) => {
                    return Err(e);
                }
                Ok(Err(NetError::Transient(message))) => message,
                Err(_) => format!("{what} took longer than {} seconds", READ_TIMEOUT.as_secs()),
            };
            if attempt >= ATTEMPTS {
                return Err(NetError::Transient(format!("{problem} ({attempt} attempts)")));
            }
            let pause = self.pause(attempt);
            tracing::debug!(%problem, attempt, ?pause, "trying again");
            self.0.clock.sleep(pause).await;
        }
    }

    /// Opens a file for reading, from its beginning. Nothing is held in memory but what is on its way.
    pub async fn download(&self, url: &Url, bearer: Option<&SecretString>) -> Result<(StatusCode, Download), NetError> {
        self.check(url)?;
        let what = format!("GET {}", shown(url));
        let mut attempt = 0;
        let response = loop {
            attempt += 1;
            self.wait_for_budget(url, "media", &what).await?;
            let problem = match self.open(url, bearer, None).await {
                Ok(response) => {
                    if let Some(until) = self.learn(url, "media", response.status(), response.headers())
                        && self.remaining(until) > PATIENCE
                    {
                        return Err(NetError::Throttled { what, until });
                    }
                    if !worth_repeating(response.status()) {
                        break response;
                    }
                    format!("{what} was answered with {}", response.status())
                }
                Err(NetError::Transient(message)) => message,
                Err(other) => return Err(other),
            };
            if attempt >= ATTEMPTS {
                return Err(NetError::Transient(format!("{problem} ({attempt} attempts)")));
            }
            self.0.clock.sleep(self.pause(attempt)).await;
        };
        let status = response.status();
        let bytes = length_of(&response);
        let media_type = crate::headers::media_type(response.headers());
        let stream = self.resuming(url.clone(), bearer.cloned(), response);
        Ok((
            status,
            Download {
                bytes,
                media_type,
                stream: stream.boxed(),
            },
        ))
    }

    /// Asks for a file's headers only.
    pub async fn head(&self, url: &Url) -> Result<(StatusCode, HeaderMap), NetError> {
        self.check(url)?;
        let request = self.0.following.head(url.clone()).send();
        let response = tokio::time::timeout(READ_TIMEOUT, request)
            .await
            .map_err(|_| NetError::Transient(format!("HEAD {} took too long", shown(url))))?
            .map_err(|e| read_error("HEAD", url, &e))?;
        Ok((response.status(), response.headers().clone()))
    }

    /// Sends a request that has an effect, at most once. The caller decides what an unknown outcome means.
    pub async fn send(&self, send: Send<'_>) -> Result<Answer, SendError> {
        self.0.guard.check_url(&send.url).map_err(|e| SendError::NotSent(e.0))?;
        let what = format!("{} {}", send.method, shown(&send.url));
        let mut request = self
            .0
            .strict
            .request(send.method, send.url.clone())
            .bearer_auth(send.bearer.expose_secret())
            .header(ACCEPT, "application/json")
            .header(ACCEPT_LANGUAGE, "en");
        for (name, value) in send.headers {
            request = request.header(name, value);
        }
        request = match send.body {
            WriteBody::Empty => request,
            WriteBody::Json(value) => request.json(&value),
            WriteBody::Multipart(form) => request.multipart(form),
        };
        let response = tokio::select! {
            result = request.send() => result.map_err(|e| send_error(&what, &e))?,
            () = stalled(send.sent.clone()) => {
                return Err(SendError::Unknown(format!("{what} was not answered within {} seconds", ANSWER_TIMEOUT.as_secs())));
            }
        };
        self.learn(&send.url, send.family, response.status(), response.headers());
        let (status, headers, url) = (response.status(), response.headers().clone(), response.url().clone());
        let body = tokio::time::timeout(READ_TIMEOUT, collect(response, 4 << 20, &what))
            .await
            .map_err(|_| SendError::Unknown(format!("the answer to {what} stopped halfway")))?
            .map_err(|e| SendError::Unknown(e.to_string()))?;
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

    async fn get_once(&self, get: &Get<'_>) -> Result<Answer, NetError> {
        let client = if get.bearer.is_some() {
            &self.0.strict
        } else {
            &self.0.following
        };
        let mut request = client
            .get(get.url.clone())
            .header(ACCEPT, get.accept)
            .header(ACCEPT_LANGUAGE, "en");
        if let Some(token) = get.bearer {
            request = request.bearer_auth(token.expose_secret());
        }
        if let Some(validator) = get.if_none_match {
            request = request.header(IF_NONE_MATCH, validator);
        }
        let response = request.send().await.map_err(|e| read_error("GET", &get.url, &e))?;
        let (status, headers, url) = (response.status(), response.headers().clone(), response.url().clone());
        let body = collect(response, get.max_bytes, &format!("GET {}", shown(&get.url))).await?;
        Ok(Answer {
            status,
            headers,
            body,
            url,
        })
    }

    async fn open(
        &self,
        url: &Url,
        bearer: Option<&SecretString>,
        from: Option<(u64, &str)>,
    ) -> Result<Response, NetError> {
        let client = if bearer.is_some() {
            &self.0.strict
        } else {
            &self.0.following
        };
        // Files are asked for as they are: a compressed answer would hide their size.
        let mut request = client
            .get(url.clone())
            .header(ACCEPT, "*/*")
            .header("accept-encoding", "identity");
        if let Some(token) = bearer {
            request = request.bearer_auth(token.expose_secret());
        }
        if let Some((offset, validator)) = from {
            request = request
                .header(RANGE, format!("bytes={offset}-"))
                .header(IF_RANGE, validator);
        }
        tokio::time::timeout(IDLE_TIMEOUT, request.send())
            .await
            .map_err(|_| NetError::Transient(format!("GET {} was not answered", shown(url))))?
            .map_err(|e| read_error("GET", url, &e))
    }

    /// The body of `response`, taken up again where it breaks off as long as the server says that it is the same file.
    fn resuming(
        &self,
        url: Url,
        bearer: Option<SecretString>,
        response: Response,
    ) -> impl Stream<Item = io::Result<Bytes>> + use<> {
        struct State {
            net: Net,
            url: Url,
            bearer: Option<SecretString>,
            body: futures_util::stream::BoxStream<'static, reqwest::Result<Bytes>>,
            offset: u64,
            total: Option<u64>,
            validator: Option<String>,
            resumes: u32,
        }
        let strong = |etag: &str| !etag.starts_with("W/");
        let header = |name| {
            response
                .headers()
                .get(name)
                .and_then(|v: &reqwest::header::HeaderValue| v.to_str().ok())
        };
        // If-Range takes a strong validator or a date (RFC 9110 §13.1.5).
        let validator = header(ETAG)
            .filter(|e| strong(e))
            .or_else(|| header(reqwest::header::LAST_MODIFIED));
        let state = State {
            validator: validator.map(str::to_owned),
            total: length_of(&response),
            net: self.clone(),
            url,
            bearer,
            body: response.bytes_stream().boxed(),
            offset: 0,
            resumes: 0,
        };
        futures_util::stream::try_unfold(state, |mut state| async move {
            loop {
                let problem = match tokio::time::timeout(IDLE_TIMEOUT, state.body.try_next()).await {
                    Ok(Ok(Some(chunk))) => {
                        state.offset += chunk.len() as u64;
                        state.resumes = 0;
                        return Ok(Some((chunk, state)));
                    }
                    Ok(Ok(None)) if state.total.is_none_or(|total| state.offset >= total) => return Ok(None),
                    Ok(Ok(None)) => "it ended early".to_owned(),
                    Ok(Err(e)) => innermost(&e),
                    Err(_) => format!("nothing came for {} seconds", IDLE_TIMEOUT.as_secs()),
                };
                let broken = || {
                    io::Error::other(format!(
                        "reading {} broke off at byte {}: {problem}",
                        shown(&state.url),
                        state.offset
                    ))
                };
                let Some(validator) = state.validator.clone().filter(|_| state.resumes < RESUMES) else {
                    return Err(broken());
                };
                state.resumes += 1;
                state.net.0.clock.sleep(state.net.pause(state.resumes)).await;
                match state
                    .net
                    .open(&state.url, state.bearer.as_ref(), Some((state.offset, &validator)))
                    .await
                {
                    Ok(response)
                        if response.status() == StatusCode::PARTIAL_CONTENT && starts_at(&response, state.offset) =>
                    {
                        state.body = response.bytes_stream().boxed();
                    }
                    // It is another file now, or ranges aren't served: nothing that was sent can be completed.
                    Ok(_) => return Err(broken()),
                    Err(_) => {}
                }
            }
        })
    }

    async fn wait_for_budget(&self, url: &Url, family: &'static str, what: &str) -> Result<(), NetError> {
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
        self.0.clock.sleep(wait + Duration::from_millis(50)).await;
        Ok(())
    }

    fn learn(&self, url: &Url, family: &'static str, status: StatusCode, headers: &HeaderMap) -> Option<DateTime<Utc>> {
        self.0
            .budgets
            .learn(&Origin::of(url), family, status.as_u16(), headers, self.0.clock.now())
    }

    fn remaining(&self, until: DateTime<Utc>) -> Duration {
        (until - self.0.clock.now()).to_std().unwrap_or_default()
    }

    /// Full jitter: anything up to the doubled pause.
    fn pause(&self, attempt: u32) -> Duration {
        (FIRST_PAUSE * 2_u32.saturating_pow(attempt.min(6))).mul_f64(self.0.entropy.fraction())
    }
}

/// Reads a body up to a limit.
async fn collect(mut response: Response, max: u64, what: &str) -> Result<Bytes, NetError> {
    let mut body = BytesMut::new();
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) => {
                if body.len() as u64 + chunk.len() as u64 > max {
                    return Err(NetError::TooLarge(format!(
                        "the answer to {what} is larger than {max} bytes"
                    )));
                }
                body.extend_from_slice(&chunk);
            }
            Ok(None) => return Ok(body.freeze()),
            Err(e) => {
                return Err(NetError::Transient(format!(
                    "the answer to {what} broke off: {}",
                    innermost(&e)
                )));
            }
        }
    }
}

/// Ends when nothing has been sent, and nothing answered, for a while.
async fn stalled(sent: Option<Arc<AtomicU64>>) {
    let Some(sent) = sent else {
        return tokio::time::sleep(ANSWER_TIMEOUT).await;
    };
    let mut last = sent.load(Ordering::Relaxed);
    loop {
        tokio::time::sleep(ANSWER_TIMEOUT).await;
        let now = sent.load(Ordering::Relaxed);
        if now == last {
            return;
        }
        last = now;
    }
}

/// Statuses that promise another answer later (contract peertube §9, mastodon §8.3).
fn worth_repeating(status: StatusCode) -> bool {
    matches!(status.as_u16(), 408 | 425 | 429 | 500 | 502 | 503 | 504)
}

fn length_of(response: &Response) -> Option<u64> {
    response.headers().get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

fn starts_at(response: &Response, offset: u64) -> bool {
    let range = response
        .headers()
        .get(reqwest::header::CONTENT_RANGE)
        .and_then(|v| v.to_str().ok());
    range.is_some_and(|r| r.starts_with(&format!("bytes {offset}-")))
}

fn read_error(method: &str, url: &Url, error: &reqwest::Error) -> NetError {
    let message = innermost(error);
    if is_refusal(error) {
        NetError::Refused(format!("{method} {} was not sent: {message}", shown(url)))
    } else if error.is_timeout() {
        NetError::Transient(format!("{method} {} timed out", shown(url)))
    } else {
        NetError::Transient(format!("{method} {} failed: {message}", shown(url)))
    }
}

fn send_error(what: &str, error: &reqwest::Error) -> SendError {
    let message = innermost(error);
    // Only what failed before there was a connection certainly didn't leave.
    if error.is_connect() || error.is_builder() || is_refusal(error) {
        SendError::NotSent(format!("{what} was not sent: {message}"))
    } else {
        SendError::Unknown(format!("{what} got no answer: {message}"))
    }
}

fn is_refusal(error: &reqwest::Error) -> bool {
    let mut cause: Option<&dyn std::error::Error> = Some(error);
    while let Some(e) = cause {
        if e.is::<crate::Refused>() || e.to_string().ends_with(REDIRECT_REFUSED) {
            return true;
        }
        cause = e.source();
    }
    false
}

const REDIRECT_REFUSED: &str = "(redirect not followed)";

fn guarded_redirects(guard: Arc<Guard>) -> Policy {
    Policy::custom(move |attempt| {
        let from_https = attempt.previous().last().is_some_and(|url| url.scheme() == "https");
        if attempt.previous().len() > MAX_REDIRECTS {
            return attempt.error(format!("more than {MAX_REDIRECTS} redirects"));
        }
        if from_https && attempt.url().scheme() != "https" {
            return attempt.error(format!("a redirect from https to plain http {REDIRECT_REFUSED}"));
        }
        match guard.check_url(attempt.url()) {
            Ok(()) => attempt.follow(),
            Err(refused) => attempt.error(format!("{refused} {REDIRECT_REFUSED}")),
        }
    })
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
