//! Which address is answered by what.

use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::header;
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};

use super::reply::Reply;
use super::viewer::Viewer;
use super::{Shared, accounts, activitypub, boosts, gate, instance, lock, media, oauth, pages, statuses};

/// All addresses.
pub(super) fn router(shared: &Arc<Shared>) -> Router {
    let well_known = Router::new()
        .route("/.well-known/nodeinfo", get(instance::nodeinfo_links))
        .route("/nodeinfo/2.0", get(instance::nodeinfo))
        .route("/.well-known/oauth-authorization-server", get(oauth::metadata))
        .route("/.well-known/webfinger", get(activitypub::webfinger))
        .route("/oauth/token", post(oauth::token))
        .route("/oauth/revoke", post(oauth::revoke));
    let api = Router::new()
        .route("/api/v2/instance", get(instance::v2))
        .route("/api/v1/instance", get(instance::v1))
        .route("/api/v1/apps", post(oauth::register))
        .route("/api/v1/apps/verify_credentials", get(oauth::verify_app))
        .route("/api/v1/accounts/verify_credentials", get(accounts::verify))
        .route("/api/v1/accounts/lookup", get(accounts::lookup))
        .route("/api/v1/accounts/{id}", get(accounts::show))
        .route("/api/v1/accounts/{id}/statuses", get(accounts::statuses))
        .route("/api/v2/media", post(media::create))
        .route("/api/v1/media", post(media::create_at_once))
        .route(
            "/api/v1/media/{id}",
            get(media::show).put(media::update).delete(media::remove),
        )
        .route("/api/v1/statuses", post(statuses::create).get(statuses::several))
        .route(
            "/api/v1/statuses/{id}",
            get(statuses::show).put(statuses::update).delete(statuses::remove),
        )
        .route("/api/v2/search", get(boosts::search))
        .route("/api/v1/statuses/{id}/reblog", post(boosts::create))
        .route("/api/v1/statuses/{id}/source", get(statuses::source))
        .route("/api/v1/statuses/{id}/context", get(statuses::context))
        .route("/api/v1/statuses/{id}/history", get(statuses::history));
    let for_servers = Router::new()
        .route("/ap/users/{id}", get(activitypub::actor))
        .route("/users/{name}", get(activitypub::actor_by_name))
        .route("/ap/users/{id}/outbox", get(activitypub::outbox))
        .route("/ap/users/{id}/statuses/{status}", get(activitypub::note))
        .route("/ap/users/{id}/statuses/{status}/activity", get(activitypub::activity))
        .route("/ap/users/{id}/statuses/{status}/replies", get(activitypub::replies));
    let for_people = Router::new()
        .route("/", get(home))
        .route("/system/media_attachments/{*path}", get(media::file))
        .route("/{handle}", get(activitypub::profile))
        .route("/{handle}/{status}", get(activitypub::note_page));
    well_known
        .merge(api)
        .merge(for_servers)
        .merge(for_people)
        .fallback(nothing)
        .layer(DefaultBodyLimit::disable())
        .layer(from_fn_with_state(shared.clone(), gate::gate))
        .with_state(shared.clone())
}

async fn home(State(shared): State<Arc<Shared>>) -> Reply {
    let world = lock(&shared.world);
    pages::home(&shared.writer(&world, &Viewer::Anonymous))
}

async fn nothing(request: Request) -> Reply {
    if request.uri().path().starts_with("/api/") {
        Reply::not_found().with(header::VARY, "Accept, Origin").without_rates()
    } else {
        pages::not_found()
    }
}
