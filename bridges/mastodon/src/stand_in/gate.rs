//! What every request passes on its way in and out: throttles, the person behind a token, headers, ETags.

use std::sync::Arc;

use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use futures_util::StreamExt;
use tombolo_net::stand_in::Verdict;

use super::activitypub::wants_activity;
use super::rates::{Counted, write};
use super::reply::{Bare, Family, Reply, WithoutRates};
use super::sniff::digest;
use super::viewer::Viewer;
use super::{Shared, lock};

/// No page or entity is longer; files aren't looked at.
const LONGEST_PAGE: usize = 64 << 20;

/// Passes a request on, unless it comes too often.
pub(super) async fn gate(State(shared): State<Arc<Shared>>, mut request: Request, next: Next) -> Response {
    let now = shared.clock.now();
    let viewer = {
        let mut world = lock(&shared.world);
        world.tick(now);
        Viewer::of(request.headers(), &world)
    };
    let verdict = shared.rate_limits.then(|| {
        let counted = Counted {
            method: request.method(),
            path: request.uri().path(),
            query: request.uri().query().unwrap_or_default(),
        };
        lock(&shared.rates).count(&counted, &viewer, now)
    });
    let verdict = verdict.flatten();
    let asked = (request.method().clone(), known_tag(request.headers()));
    if request.method() == Method::HEAD {
        // The same answer with the same ETag; the server leaves out the body.
        *request.method_mut() = Method::GET;
    }
    let closed = closed(&shared, &request, &viewer);
    let response = if let Some(reply) = closed.filter(|_| verdict.is_none_or(|verdict| verdict.allowed)) {
        drain(request.into_body()).await;
        reply.into_response()
    } else if verdict.is_some_and(|verdict| !verdict.allowed) {
        drain(request.into_body()).await;
        Reply::too_many("application/json")
            .cached("no-cache")
            .with(header::VARY, "Origin")
            .into_response()
    } else {
        request.extensions_mut().insert(viewer);
        next.run(request).await
    };
    finish(response, verdict, asked, now).await
}

/// What is not shown to just anybody here (recordings 419–423, 439–441).
fn closed(shared: &Shared, request: &Request, viewer: &Viewer) -> Option<Reply> {
    let (ways, path) = (shared.ways(), request.uri().path());
    let known = !matches!(viewer, Viewer::Anonymous | Viewer::Stranger);
    let always = path.ends_with("/instance") || path.starts_with("/api/v1/apps");
    if path.starts_with("/api/") && !ways.anonymous_api && !known && !always {
        let text = "This method requires an authenticated user";
        return Some(Reply::error(401, text).with(header::VARY, "Accept, Origin"));
    }
    let for_servers = path.starts_with("/ap/") || path.starts_with("/users/") || path.starts_with("/@");
    if for_servers && !ways.unsigned_objects && wants_activity(request.headers()) {
        let vary = if path.ends_with("/outbox") {
            "Signature"
        } else {
            "Accept, Accept-Language, Cookie, Signature"
        };
        return Some(
            Reply::error(401, "Request not signed")
                .with(header::VARY, vary)
                .without_rates(),
        );
    }
    None
}

/// Reads a body to its end, so that its sender gets to read the answer.
pub(super) async fn drain(body: Body) {
    let mut pieces = body.into_data_stream();
    while let Some(Ok(_)) = pieces.next().await {}
}

fn known_tag(headers: &HeaderMap) -> Option<String> {
    Some(headers.get(header::IF_NONE_MATCH)?.to_str().ok()?.to_owned())
}

async fn finish(
    mut response: Response,
    verdict: Option<Verdict>,
    (method, known_tag): (Method, Option<String>),
    now: DateTime<Utc>,
) -> Response {
    let family = response.extensions().get::<Family>().map(|family| family.0);
    let closest = match (verdict, family) {
        (Some(verdict), Some(family)) if family.remaining <= verdict.remaining => Some(family),
        (verdict, _) => verdict,
    };
    if let Some(verdict) = closest.filter(|_| response.extensions().get::<WithoutRates>().is_none()) {
        write(response.headers_mut(), verdict, now);
    }
    let bare = response.extensions().get::<Bare>().is_some();
    let headers = response.headers_mut();
    headers.insert(header::SERVER, HeaderValue::from_static("Mastodon"));
    let date = now.format("%a, %d %b %Y %H:%M:%S GMT").to_string();
    if let Ok(date) = HeaderValue::from_str(&date) {
        headers.insert(header::DATE, date);
    }
    if !bare && !headers.contains_key(header::CACHE_CONTROL) {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-store"));
    }
    if !bare && !headers.contains_key(header::VARY) {
        headers.insert(header::VARY, HeaderValue::from_static("Authorization, Origin"));
    }
    if response.status() == StatusCode::NOT_MODIFIED {
        response.headers_mut().remove(header::CONTENT_TYPE);
    }
    if response.status() == StatusCode::OK && is_text(response.headers()) {
        tag(response, &method, known_tag.as_deref()).await
    } else {
        response
    }
}

fn is_text(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    kind.is_some_and(|kind| ["json", "html", "xml"].iter().any(|text| kind.contains(text)))
}

/// Gives an answer its weak ETag, and leaves out the body that the client knows.
async fn tag(response: Response, method: &Method, known: Option<&str>) -> Response {
    let (mut parts, body) = response.into_parts();
    let Ok(bytes) = to_bytes(body, LONGEST_PAGE).await else {
        return Reply::rails(500).into_response();
    };
    let tag = format!("W/\"{}\"", &digest(&bytes)[..32]);
    let reads = matches!(*method, Method::GET | Method::HEAD);
    let same = reads && known.is_some_and(|known| known.split(',').any(|one| one.trim() == tag));
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        parts.headers.insert(header::ETAG, tag);
    }
    if same {
        parts.status = StatusCode::NOT_MODIFIED;
        parts.headers.remove(header::CONTENT_TYPE);
        parts.headers.remove(header::CONTENT_LENGTH);
        return Response::from_parts(parts, Body::empty());
    }
    Response::from_parts(parts, Body::from(bytes))
}
