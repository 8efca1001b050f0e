//! The HTTP server under every stand-in: axum's router on a loopback port, with arrivals recorded and faults applied.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, Method, Request, Response, header};
use chrono::{DateTime, Utc};
use futures_util::stream;
use http_body_util::BodyExt;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tombolo_model::Clock;
use tower::ServiceExt;
use url::Url;

use super::{Fault, Faults};

/// Bodies up to this size are kept in the record when they are text.
const KEPT_BODY: usize = 256 * 1024;

/// A request as it arrived.
#[derive(Clone, Debug)]
pub struct Arrival {
    /// When, on the stand-in's clock.
    pub at: DateTime<Utc>,
    /// HTTP method.
    pub method: Method,
    /// Path with query.
    pub target: String,
    /// Headers.
    pub headers: HeaderMap,
    /// The body, where it is small JSON or a form.
    pub body: Option<Bytes>,
}

impl Arrival {
    /// Path without query.
    pub fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }

    /// A header as text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The body as JSON.
    pub fn json(&self) -> Option<serde_json::Value> {
        serde_json::from_slice(self.body.as_deref()?).ok()
    }
}

/// All requests that arrived, in order. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Arrivals(Arc<Mutex<Vec<Arrival>>>);

impl Arrivals {
    /// A copy of the record.
    pub fn all(&self) -> Vec<Arrival> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How many requests of this method began with this path.
    pub fn count(&self, method: &str, path: &str) -> usize {
        self.all()
            .iter()
            .filter(|a| a.method.as_str() == method && a.path().starts_with(path))
            .count()
    }

    /// Forgets them.
    pub fn clear(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    fn push(&self, arrival: Arrival) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(arrival);
    }
}

/// A running server; stops when dropped.
#[derive(Debug)]
pub struct Server {
    /// Where it listens.
    pub address: SocketAddr,
    /// `http://127.0.0.1:PORT`, without a path.
    pub base: Url,
    /// What arrived.
    pub arrivals: Arrivals,
    /// What goes wrong.
    pub faults: Faults,
    task: JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Serves `router`, made by `build` once the base URL is known, on `port` of the loopback interface (0: any free one).
pub async fn serve(port: u16, clock: Arc<dyn Clock>, build: impl FnOnce(&Url) -> Router) -> io::Result<Server> {
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    let address = listener.local_addr()?;
    let base = Url::parse(&format!("http://{address}")).map_err(io::Error::other)?;
    let router = build(&base);
    let (arrivals, faults) = (Arrivals::default(), Faults::default());
    let task = tokio::spawn(accept(listener, router, arrivals.clone(), faults.clone(), clock));
    Ok(Server {
        address,
        base,
        arrivals,
        faults,
        task,
    })
}

async fn accept(listener: TcpListener, router: Router, arrivals: Arrivals, faults: Faults, clock: Arc<dyn Clock>) {
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            continue;
        };
        let _ = stream.set_nodelay(true);
        let (router, arrivals, faults, clock) = (router.clone(), arrivals.clone(), faults.clone(), clock.clone());
        tokio::spawn(async move {
            let service = service_fn(move |request: Request<hyper::body::Incoming>| {
                let (router, arrivals, faults, clock) =
                    (router.clone(), arrivals.clone(), faults.clone(), clock.clone());
                async move {
                    let request = record(request.map(Body::new), &arrivals, clock.as_ref()).await;
                    let fault = faults.hit(request.method().as_str(), request.uri().path());
                    answer(router, request, fault).await
                }
            });
            // An error here is a connection that a fault, or the client, has cut.
            let _ = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
    }
}

async fn record(request: Request<Body>, arrivals: &Arrivals, clock: &dyn Clock) -> Request<Body> {
    let (parts, body) = request.into_parts();
    let text = |name: header::HeaderName| {
        parts
            .headers
            .get(name)
            .and_then(|v| v.to_str().ok())
            .unwrap_or_default()
    };
    let kind = text(header::CONTENT_TYPE);
    let small = text(header::CONTENT_LENGTH)
        .parse::<usize>()
        .is_ok_and(|n| n <= KEPT_BODY);
    let keep = small && (kind.contains("json") || kind.contains("x-www-form-urlencoded"));
    let (body, kept) = if keep {
        let bytes = body
            .collect()
            .await
            .map(http_body_util::Collected::to_bytes)
            .unwrap_or_default();
        (Body::from(bytes.clone()), Some(bytes))
    } else {
        (body, None)
    };
    arrivals.push(Arrival {
        at: clock.now(),
        method: parts.method.clone(),
        target: parts.uri.path_and_query().map(ToString::to_string).unwrap_or_default(),
        headers: parts.headers.clone(),
        body: kept,
    });
    Request::from_parts(parts, body)
}

async fn answer(router: Router, request: Request<Body>, fault: Option<Fault>) -> Result<Response<Body>, io::Error> {
    let cut = || io::Error::new(io::ErrorKind::ConnectionReset, "cut by script");
    match fault {
        None => Ok(ask(router, request).await),
        Some(Fault::CutBefore) => Err(cut()),
        Some(Fault::CutAfter) => {
            ask(router, request).await;
            Err(cut())
        }
        Some(Fault::AnswerAfter(status, kind, body)) => {
            ask(router, request).await;
            Ok(plain(status, &[("content-type".into(), kind)], body))
        }
        Some(Fault::Answer(status, headers, body)) => {
            // The request's body is read, so that the client sees the answer and not a reset.
            let _ = request.into_body().collect().await;
            Ok(plain(status, &headers, body))
        }
        Some(Fault::CutHalfway) => {
            let (parts, body) = ask(router, request).await.into_parts();
            let bytes = body
                .collect()
                .await
                .map(http_body_util::Collected::to_bytes)
                .unwrap_or_default();
            let half = bytes.slice(..bytes.len() / 2);
            let body = Body::from_stream(stream::iter([Ok(half), Err(cut())]));
            Ok(Response::from_parts(parts, body))
        }
        Some(Fault::Late(delay)) => {
            let response = ask(router, request).await;
            tokio::time::sleep(delay).await;
            Ok(response)
        }
        Some(Fault::Hang) => std::future::pending().await,
        Some(Fault::At(gate)) => {
            let response = ask(router, request).await;
            gate.pass().await;
            Ok(response)
        }
    }
}

async fn ask(router: Router, request: Request<Body>) -> Response<Body> {
    router
        .oneshot(request)
        .await
        .unwrap_or_else(|never: Infallible| match never {})
}

fn plain(status: u16, headers: &[(String, String)], body: String) -> Response<Body> {
    let mut response = Response::builder().status(status);
    for (name, value) in headers {
        response = response.header(name, value);
    }
    response.body(Body::from(body)).unwrap_or_default()
}
