//! How the server is found and what it says of itself: WebFinger, nodeinfo, configuration.

use axum::Router;
use axum::extract::State as Shared;
use axum::response::Response;
use axum::routing::get;
use serde_json::{Value, json};

use super::answers::{Ask, Problem, Reply};
use super::rates::{Bucket, limited};
use super::site::{Inner, Site};
use super::world::World;

/// The content type of nodeinfo names its schema.
const NODEINFO: &str = "application/json; charset=utf-8; profile=\"http://nodeinfo.diaspora.software/ns/schema/2.0#\"";
/// The server keeps these answers for so many seconds.
const KEPT: u32 = 600;

pub(super) fn routes(site: &Site) -> Router<Site> {
    let router = Router::new()
        .route("/.well-known/webfinger", get(webfinger))
        .route("/.well-known/nodeinfo", get(nodeinfo_link));
    limited(router, site, Bucket::WellKnown)
}

async fn webfinger(Shared(site): Shared<Site>, ask: Ask) -> Response {
    let world = site.world();
    ask.answer(finger(&site, &world, &ask).map(|found| Reply::json(&found)))
}

fn finger(site: &Inner, world: &World, ask: &Ask) -> Result<Value, Problem> {
    let resource = ask.parameter("resource").unwrap_or_default();
    let name = resource.strip_prefix("acct:").and_then(|handle| {
        let (name, host) = handle.trim_start_matches('@').rsplit_once('@')?;
        (host == site.host && !name.is_empty()).then_some(name)
    });
    let name = name.ok_or_else(|| Problem::invalid("query", "resource", resource, "Invalid value"))?;
    let actor = if world.account(name).is_some() {
        site.account_id(name)
    } else if world.channel(name).is_some() {
        site.channel_id(name)
    } else {
        return Err(Problem::not_found("Actor"));
    };
    Ok(json!({
        "subject": format!("acct:{name}@{}", site.host),
        "aliases": [actor],
        "links": [
            {"rel": "self", "type": "application/activity+json", "href": actor},
            {
                "rel": "http://ostatus.org/schema/1.0/subscribe",
                "template": format!("{}/remote-interaction?uri={{uri}}", site.base),
            },
        ],
    }))
}

async fn nodeinfo_link(Shared(site): Shared<Site>, ask: Ask) -> Response {
    let schema = "http://nodeinfo.diaspora.software/ns/schema/2.0";
    let links = json!({"links": [
        {"rel": schema, "href": format!("{}/nodeinfo/2.0.json", site.base)},
        {
            "rel": "https://www.w3.org/ns/activitystreams#Application",
            "href": format!("{}/accounts/peertube", site.base),
        },
    ]});
    ask.answer(Ok(Reply::json(&links).cached(KEPT)))
}

pub(super) async fn nodeinfo(Shared(site): Shared<Site>, ask: Ask) -> Response {
    let mut info: Value = serde_json::from_str(include_str!("nodeinfo.json")).unwrap_or_default();
    let world = site.world();
    info["usage"]["users"]["total"] = world.accounts.len().into();
    info["usage"]["localPosts"] = world.videos.len().into();
    ask.answer(Ok(Reply::text(NODEINFO, info.to_string()).cached(KEPT)))
}

pub(super) async fn config(Shared(site): Shared<Site>, ask: Ask) -> Response {
    let mut config: Value = serde_json::from_str(include_str!("config.json")).unwrap_or_default();
    config["instance"]["defaultNSFWPolicy"] = site.options.nsfw_policy.word().into();
    let world = site.world();
    let settings = &world.settings;
    config["client"]["videos"]["resumableUpload"]["maxChunkSize"] = settings.max_chunk_size.into();
    if settings.min_chunk_size > 0 {
        config["client"]["videos"]["resumableUpload"]["minChunkSize"] = settings.min_chunk_size.into();
    }
    config["import"]["videos"]["http"]["enabled"] = settings.url_imports.into();
    config["autoBlacklist"]["videos"]["ofUsers"]["enabled"] = settings.auto_blacklist.into();
    ask.answer(Ok(Reply::json(&config)))
}
