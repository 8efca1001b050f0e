//! What is where.

use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request};
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};

use super::reply::Reply;
use super::{Shared, accounts, activitypub, compose, consent, gate, instance, media, oauth, public, statuses};

/// Everything the stand-in answers.
pub(super) fn router(shared: &Arc<Shared>) -> Router {
    let discovery = Router::new()
        .route("/.well-known/nodeinfo", get(instance::nodeinfo_links))
        .route("/.well-known/webfinger", get(activitypub::webfinger))
        .route("/.well-known/host-meta", get(instance::host_meta))
        .route("/api/nodeinfo/2.0.json", get(instance::nodeinfo))
        .route("/api/service/health-check", get(instance::health))
        .route("/api/v1/instance", get(instance::v1))
        .route("/api/v2/instance", get(instance::v2));
    let oauth = Router::new()
        .route("/api/v1/apps", post(oauth::register))
        .route("/api/v1/apps/verify_credentials", get(oauth::verify))
        .route("/oauth/authorize", get(consent::ask).post(consent::decide))
        .route("/oauth/token", post(oauth::token));
    let api = Router::new()
        .route("/api/v1/accounts/verify_credentials", get(accounts::verify))
        .route("/api/v1/accounts/lookup", get(accounts::lookup))
        .route("/api/v1/accounts/search", get(accounts::search))
        .route("/api/v1/accounts/{id}", get(accounts::show))
        .route("/api/v1/accounts/{id}/statuses", get(accounts::statuses))
        .route("/api/v1.1/accounts/username/{name}", get(accounts::by_name))
        .route("/api/v1/timelines/home", get(accounts::home))
        .route("/api/v2/search", get(accounts::search_all))
        .route("/api/v1/media", post(media::create))
        .route("/api/v2/media", post(media::create_v2))
        .route("/api/v1/media/{id}", get(media::show).put(media::update))
        .route("/api/v1/statuses", post(compose::create))
        .route(
            "/api/v1/statuses/{id}",
            get(statuses::show).put(statuses::update).delete(statuses::remove),
        )
        .route("/api/v1/statuses/{id}/history", get(statuses::history));
    let for_everybody = Router::new()
        .route("/api/pixelfed/v1/accounts/{id}", get(public::account))
        .route("/api/pixelfed/v1/accounts/{id}/statuses", get(public::statuses))
        .route("/api/v2/profile/{name}/status/{id}", get(public::status))
        .route("/users/{name}", get(activitypub::actor))
        .route("/users/{name}/outbox", get(activitypub::outbox))
        .route("/users/{name}/followers", get(activitypub::followers))
        .route("/p/{name}/{id}", get(activitypub::status))
        .route("/storage/m/_v2/{*path}", get(media::file))
        .route("/storage/no-preview.png", get(media::no_preview))
        .route("/{name}", get(activitypub::profile));
    let all = discovery
        .merge(oauth)
        .merge(api)
        .merge(for_everybody)
        .fallback(nothing)
        .layer(DefaultBodyLimit::disable())
        .with_state(shared.clone());
    // The gate stands around the whole router: what methods a route knows is said outside of its layers.
    Router::new()
        .fallback_service(all)
        .layer(from_fn_with_state(shared.clone(), gate::gate))
}

async fn nothing(request: Request) -> Reply {
    let path = request.uri().path().trim_start_matches('/').to_owned();
    gate::drain(request.into_body()).await;
    Reply::abort(404, &format!("The route {path} could not be found."))
}
