//! The public part of the REST API.

use axum::Router;
use axum::extract::{Path, State as Shared};
use axum::http::{StatusCode, header};
use axum::response::Response;
use axum::routing::get;
use serde_json::{Value, json};

use super::answers::{self, Ask, Problem, Reply};
use super::listing::{Of, page};
use super::rates::{Bucket, limited};
use super::rest_json::{captions, metadata};
use super::site::{Inner, Site, visible};
use super::urls;
use super::world::{Video, World};
use super::{discovery, lists};

pub(super) fn routes(site: &Site) -> Router<Site> {
    let router = Router::new()
        .route("/api/v1/config", get(discovery::config))
        .route("/nodeinfo/2.0.json", get(discovery::nodeinfo))
        .route("/api/v1/accounts/{name}", get(account))
        .route("/api/v1/accounts/{name}/videos", get(account_videos))
        .route("/api/v1/accounts/{name}/video-channels", get(account_channels))
        .route("/api/v1/video-channels/{name}", get(channel))
        .route("/api/v1/video-channels/{name}/videos", get(channel_videos))
        .route("/api/v1/videos", get(videos))
        .route("/api/v1/videos/categories", get(categories))
        .route("/api/v1/videos/licences", get(licences))
        .route("/api/v1/videos/languages", get(languages))
        .route("/api/v1/videos/privacies", get(privacies))
        .route("/api/v1/videos/{id}", get(video))
        .route("/api/v1/videos/{id}/description", get(description))
        .route("/api/v1/videos/{id}/captions", get(video_captions))
        .route("/api/v1/videos/{id}/chapters", get(chapters))
        .route("/api/v1/videos/{id}/storyboards", get(storyboards))
        .route("/api/v1/videos/{id}/metadata/{file}", get(video_metadata));
    limited(router, site, Bucket::Api)
}

/// Express answers a route of the API that doesn't exist with an empty 400.
pub(super) fn unknown_route() -> Response {
    let mut response = answers::nothing(StatusCode::BAD_REQUEST);
    answers::set(response.headers_mut(), header::CONTENT_TYPE, answers::JSON);
    response
}

async fn categories(ask: Ask) -> Response {
    ask.answer(Ok(Reply::json(&lists::categories())))
}

async fn licences(ask: Ask) -> Response {
    ask.answer(Ok(Reply::json(&lists::licences())))
}

async fn languages(ask: Ask) -> Response {
    ask.answer(Ok(Reply::json(lists::languages())))
}

async fn privacies(ask: Ask) -> Response {
    ask.answer(Ok(Reply::json(&lists::privacies())))
}

async fn account(Shared(site): Shared<Site>, Path(name): Path<String>, ask: Ask) -> Response {
    let world = site.world();
    let found = named_account(&site, &world, &name);
    ask.answer(found.map(|account| Reply::json(&site.account_json(&world, account))))
}

async fn channel(Shared(site): Shared<Site>, Path(name): Path<String>, ask: Ask) -> Response {
    let world = site.world();
    let found = named_channel(&site, &world, &name);
    ask.answer(found.map(|channel| Reply::json(&site.channel_json(&world, channel))))
}

async fn account_channels(Shared(site): Shared<Site>, Path(name): Path<String>, ask: Ask) -> Response {
    let world = site.world();
    let found = named_account(&site, &world, &name).map(|account| {
        let own = (0..world.channels.len()).filter(|c| world.channels[*c].owner == account);
        let data: Vec<Value> = own.map(|c| site.channel_json(&world, c)).collect();
        Reply::json(&json!({"total": data.len(), "data": data}))
    });
    ask.answer(found)
}

async fn videos(Shared(site): Shared<Site>, ask: Ask) -> Response {
    listing(&site, &ask, |_| Ok(Of::Everybody))
}

async fn account_videos(Shared(site): Shared<Site>, Path(name): Path<String>, ask: Ask) -> Response {
    listing(&site, &ask, |world| named_account(&site, world, &name).map(Of::Account))
}

async fn channel_videos(Shared(site): Shared<Site>, Path(name): Path<String>, ask: Ask) -> Response {
    listing(&site, &ask, |world| named_channel(&site, world, &name).map(Of::Channel))
}

fn listing(site: &Site, ask: &Ask, of: impl FnOnce(&World) -> Result<Of, Problem>) -> Response {
    if !site.options.api_listing {
        // As a proxy would answer that hides these routes.
        let page = Reply::text("text/html; charset=utf-8", "<html><body>404 Not Found</body></html>");
        let mut response = ask.answer(Ok(page));
        *response.status_mut() = StatusCode::NOT_FOUND;
        return response;
    }
    let world = site.world();
    let found = of(&world).and_then(|of| page(site, &world, ask, of));
    ask.answer(found.map(|list| Reply::json(&list)))
}

async fn video(Shared(site): Shared<Site>, Path(id): Path<String>, ask: Ask) -> Response {
    let world = site.world();
    let found = visible(&world, &ask, &id);
    let found = found.map_err(|problem| problem.of_operation("getVideo"));
    ask.answer(found.map(|video| Reply::json(&site.detail(&world, video))))
}

async fn description(Shared(site): Shared<Site>, Path(id): Path<String>, ask: Ask) -> Response {
    about(
        &site,
        &ask,
        &id,
        |video| json!({"description": video.details.description}),
    )
}

async fn video_captions(Shared(site): Shared<Site>, Path(id): Path<String>, ask: Ask) -> Response {
    about(&site, &ask, &id, captions)
}

async fn chapters(Shared(site): Shared<Site>, Path(id): Path<String>, ask: Ask) -> Response {
    about(&site, &ask, &id, |video| {
        let all = video.details.chapters.iter();
        let all: Vec<Value> = all.map(|(at, title)| json!({"timecode": at, "title": title})).collect();
        json!({"chapters": all})
    })
}

async fn storyboards(Shared(site): Shared<Site>, Path(id): Path<String>, ask: Ask) -> Response {
    about(&site, &ask, &id, |video| {
        let board = json!({
            "storyboardPath": urls::storyboard(video),
            "totalHeight": 108,
            "totalWidth": 1152,
            "spriteWidth": 192,
            "spriteHeight": 108,
            "spriteDuration": 1,
        });
        let all: Vec<Value> = video.has_storyboard().then_some(board).into_iter().collect();
        json!({"storyboards": all})
    })
}

async fn video_metadata(Shared(site): Shared<Site>, Path((id, file)): Path<(String, String)>, ask: Ask) -> Response {
    let world = site.world();
    let found = visible(&world, &ask, &id).and_then(|video| {
        let mut files = video.web_now().iter().chain(video.hls_now());
        let stored = files.find(|f| f.id.to_string() == file);
        let stored = stored.ok_or_else(|| Problem::not_found("Video file"))?;
        Ok(Reply::json(&metadata(video, stored)))
    });
    ask.answer(found)
}

fn about(site: &Inner, ask: &Ask, id: &str, what: impl FnOnce(&Video) -> Value) -> Response {
    let world = site.world();
    let found = visible(&world, ask, id);
    ask.answer(found.map(|video| Reply::json(&what(video))))
}

pub(super) fn named_account(site: &Inner, world: &World, name: &str) -> Result<usize, Problem> {
    let found = world.account(site.local(name));
    found.ok_or_else(|| Problem::not_found("Account"))
}

pub(super) fn named_channel(site: &Inner, world: &World, name: &str) -> Result<usize, Problem> {
    let found = world.channel(site.local(name));
    found.ok_or_else(|| Problem::not_found("Video channel"))
}
