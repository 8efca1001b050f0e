//! Servers and clients for these tests.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::Response;
use chrono::{DateTime, Utc};
use futures_util::{Stream, TryStreamExt};
use secrecy::SecretString;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tombolo_model::{Entropy, Origin, TestClock};
use tombolo_net::stand_in::{Server, serve};
use tombolo_net::{Guard, Net, NetConfig, Send, Timeouts, WriteBody};
use url::Url;

/// The token of these tests, and the secret in their queries: neither may appear in a message.
pub const SECRET: &str = "s3cret";

/// Draws the longest of the possible pauses.
#[derive(Debug)]
struct Longest;

impl Entropy for Longest {
    fn bits(&self) -> u64 {
        u64::MAX
    }
}

pub fn start() -> DateTime<Utc> {
    "2026-11-25T10:00:00Z".parse().unwrap()
}

pub fn clock() -> TestClock {
    TestClock::at(start())
}

pub fn token() -> SecretString {
    SecretString::from(SECRET)
}

/// Time limits that a test can wait for.
pub fn short() -> Timeouts {
    within(100)
}

pub fn within(milliseconds: u64) -> Timeouts {
    let limit = Duration::from_millis(milliseconds);
    Timeouts {
        read: limit,
        idle: limit,
        answer: limit,
        ..Timeouts::default()
    }
}

pub fn config(allow: &[&str], plain_http: &[&Url]) -> NetConfig {
    let allow = allow.iter().map(|net| net.parse().unwrap()).collect();
    NetConfig {
        guard: Guard::new(allow, plain_http.iter().map(|url| Origin::of(url))),
        user_agent: "tombolo-test".to_owned(),
    }
}

/// A client that may reach these addresses, all of them on loopback.
pub fn net(clock: &TestClock, bases: &[&Url]) -> Net {
    net_within(Timeouts::default(), clock, bases)
}

pub fn net_within(timeouts: Timeouts, clock: &TestClock, bases: &[&Url]) -> Net {
    let config = config(&["127.0.0.0/8", "::1/128"], bases);
    Net::with_timeouts(config, timeouts, Arc::new(clock.clone()), Arc::new(Longest)).unwrap()
}

/// A post of a status.
pub fn post(url: Url, token: &SecretString) -> Send<'_> {
    Send {
        method: reqwest::Method::POST,
        url,
        bearer: token,
        headers: Vec::new(),
        body: WriteBody::Json(serde_json::json!({"status": "Hello"})),
        family: "statuses",
        sent: None,
    }
}

/// A web server that answers each request as `answer` does, which is given its number.
pub async fn answering<F>(clock: &TestClock, answer: F) -> Server
where
    F: Fn(usize, &Request) -> Response<Body> + Clone + std::marker::Send + Sync + 'static,
{
    let count = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let handler = move |request: Request| {
        let response = answer(count.fetch_add(1, std::sync::atomic::Ordering::SeqCst), &request);
        async move { response }
    };
    serve(0, Arc::new(clock.clone()), |_| Router::new().fallback(handler))
        .await
        .unwrap()
}

pub fn reply(status: u16, headers: &[(&str, &str)], body: impl Into<Body>) -> Response<Body> {
    let mut response = Response::builder().status(status);
    for (name, value) in headers {
        response = response.header(*name, *value);
    }
    response.body(body.into()).unwrap()
}

/// A server below HTTP. Stops when dropped.
pub struct Raw {
    pub base: Url,
    task: JoinHandle<()>,
}

impl Drop for Raw {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Runs `script` on each connection, which is given its number.
pub async fn raw<F, Fut>(script: F) -> Raw
where
    F: Fn(usize, Wire) -> Fut + std::marker::Send + 'static,
    Fut: Future<Output = ()> + std::marker::Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = Url::parse(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
    let task = tokio::spawn(async move {
        for number in 0.. {
            let (stream, _) = listener.accept().await.unwrap();
            let _ = stream.set_nodelay(true);
            tokio::spawn(script(number, Wire(stream)));
        }
    });
    Raw { base, task }
}

/// A connection from a client.
pub struct Wire(TcpStream);

impl Wire {
    /// The head of the next request; nothing when the client has closed. Its body must be small.
    pub async fn request(&mut self) -> Option<String> {
        let mut head = Vec::new();
        let mut piece = [0; 4096];
        while !head.windows(4).any(|end| end == b"\r\n\r\n") {
            match self.0.read(&mut piece).await {
                Ok(0) | Err(_) => return None,
                Ok(n) => head.extend_from_slice(&piece[..n]),
            }
        }
        Some(String::from_utf8(head).unwrap())
    }

    /// Reads so many bytes, or until the client closes.
    pub async fn swallow(&mut self, mut bytes: usize) {
        let mut piece = vec![0; 64 << 10];
        while bytes > 0 {
            match self.0.read(&mut piece).await {
                Ok(0) | Err(_) => return,
                Ok(n) => bytes = bytes.saturating_sub(n),
            }
        }
    }

    /// Sends bytes; false when the client doesn't listen any more.
    pub async fn say(&mut self, bytes: impl AsRef<[u8]>) -> bool {
        self.0.write_all(bytes.as_ref()).await.is_ok()
    }

    /// Sends one piece after another until the client stops listening; returns how much it took.
    pub async fn say_for_ever(&mut self, piece: &[u8]) -> usize {
        let mut taken = 0;
        while self.say(piece).await {
            taken += piece.len();
        }
        taken
    }

    /// Sends bytes one by one.
    pub async fn drip(&mut self, bytes: &[u8]) {
        for byte in bytes {
            if !self.say([*byte]).await {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Keeps the connection open without a word.
    pub async fn fall_silent(self) {
        std::future::pending::<()>().await;
        drop(self);
    }
}

/// What came of a download until it ended, and how it ended.
pub async fn drain(stream: impl Stream<Item = std::io::Result<bytes::Bytes>> + Unpin) -> (Vec<u8>, Option<String>) {
    let mut stream = stream;
    let mut all = Vec::new();
    loop {
        match stream.try_next().await {
            Ok(Some(piece)) => all.extend_from_slice(&piece),
            Ok(None) => return (all, None),
            Err(e) => return (all, Some(e.to_string())),
        }
    }
}
