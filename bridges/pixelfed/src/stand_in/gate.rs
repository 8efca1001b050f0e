//! What every request passes on its way in and out: maintenance, the limit of later versions, the person behind a token;
//! and the form an error takes for this client.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures_util::StreamExt;

use super::reply::{Flaw, ForBrowsers, Reply};
use super::settings::Errors;
use super::viewer::Viewer;
use super::{Shared, address, lock, pages};

/// What the first type is that a client accepts.
pub(super) fn wants_json(headers: &HeaderMap) -> bool {
    let accept = headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok());
    let mut kinds: Vec<(f32, &str)> = accept
        .unwrap_or_default()
        .split(',')
        .map(|kind| {
            let mut parts = kind.split(';').map(str::trim);
            let name = parts.next().unwrap_or_default();
            let quality = parts.find_map(|part| part.strip_prefix("q=")?.parse().ok());
            (quality.unwrap_or(1.0), name)
        })
        .collect();
    // The sort is stable: among equals the first one counts (contract §0.1).
    kinds.sort_by(|a, b| b.0.total_cmp(&a.0));
    let first = kinds.first().map(|(_, kind)| *kind).unwrap_or_default();
    first.contains("/json") || first.contains("+json")
}

/// Passes a request on.
pub(super) async fn gate(State(shared): State<Arc<Shared>>, mut request: Request, next: Next) -> Response {
    let now = shared.clock.now();
    let (errors, path) = (shared.errors(), request.uri().path().to_owned());
    let json = wants_json(request.headers()) || errors == Errors::Proper && path.starts_with("/api/");
    let (viewer, too_many) = {
        let mut world = lock(&shared.world);
        world.tick(now);
        let viewer = Viewer::of(request.headers(), &world, now);
        let counted = (errors == Errors::Proper && path.starts_with("/api/"))
            .then(|| world.count_request(viewer.account(), now))
            .flatten();
        (viewer, counted.filter(|verdict| !verdict.allowed))
    };
    let response = if shared.in_maintenance() {
        drain(request.into_body()).await;
        let reply = Reply::abort(503, "Service Unavailable");
        (if json {
            reply
        } else {
            reply.with(header::RETRY_AFTER, "60")
        })
        .into_response()
    } else if let Some(verdict) = too_many {
        drain(request.into_body()).await;
        let wait = (verdict.reset - now).num_seconds().max(1).to_string();
        Reply::abort(429, "Too Many Attempts.")
            .with(header::RETRY_AFTER, &wait)
            .into_response()
    } else {
        request.extensions_mut().insert(viewer);
        let method = request.method().clone();
        let response = next.run(request).await;
        if response.status() == StatusCode::METHOD_NOT_ALLOWED {
            not_allowed(method.as_str(), &path, response.headers()).into_response()
        } else {
            response
        }
    };
    finish(&shared, response, json, errors)
}

/// Reads a body to its end, so that its sender gets to read the answer.
pub(super) async fn drain(body: Body) {
    let mut pieces = body.into_data_stream();
    while let Some(Ok(_)) = pieces.next().await {}
}

fn not_allowed(method: &str, path: &str, headers: &HeaderMap) -> Reply {
    let allowed = headers.get(header::ALLOW).and_then(|allow| allow.to_str().ok());
    let mut allowed: Vec<&str> = allowed.unwrap_or_default().split(',').map(str::trim).collect();
    allowed.sort_unstable();
    let text = format!(
        "The {method} method is not supported for route {}. Supported methods: {}.",
        path.trim_start_matches('/'),
        allowed.join(", ")
    );
    Reply::abort(405, &text)
}

fn finish(shared: &Shared, mut response: Response, json: bool, errors: Errors) -> Response {
    let flaw = response.extensions_mut().remove::<Flaw>();
    let Some(flaw) = flaw else { return response };
    if json {
        if errors == Errors::Proper {
            *response.status_mut() = StatusCode::from_u16(flaw.proper).unwrap_or(StatusCode::BAD_REQUEST);
        }
        return response;
    }
    let kept: Vec<(header::HeaderName, HeaderValue)> = response
        .headers()
        .iter()
        .filter(|(name, _)| ![header::CONTENT_TYPE, header::CONTENT_LENGTH].contains(name))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    let reply = match flaw.for_browsers {
        ForBrowsers::Page(status) => Reply::page(status, pages::error(status)),
        ForBrowsers::Redirect(path) => Reply::redirect(&address(&shared.base, path)),
    };
    let mut response = reply.into_response();
    response.headers_mut().extend(kept);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wants(accept: &'static str) -> bool {
        wants_json(&HeaderMap::from_iter([(
            header::ACCEPT,
            HeaderValue::from_static(accept),
        )]))
    }

    #[test]
    fn only_the_first_accepted_type_counts() {
        assert!(wants("application/json"));
        assert!(wants("application/activity+json"));
        assert!(wants("text/html;q=0.5, application/json"));
        assert!(!wants("*/*, application/json"));
        assert!(!wants("text/html, application/json"));
        assert!(!wants_json(&HeaderMap::new()));
    }
}
