//! What other servers read: actors, outboxes, videos and what hangs on them (contract §3.2).

use axum::Router;
use axum::extract::{Path, State as Shared};
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::get;
use serde_json::{Value, json};

use super::activitypub_json::{Unpresentable, in_context};
use super::answers::{Ask, Problem, Reply, nothing};
use super::pages;
use super::rates::{Bucket, limited};
use super::rest::{named_account, named_channel};
use super::site::{Inner, Site};
use super::world::{Video, World};
use super::{Privacy, site};

/// Items on a page of a collection.
const PAGE: u64 = 10;
/// The largest page that may be asked for.
const LARGEST: u64 = 50;

pub(super) fn routes(site: &Site) -> Router<Site> {
    let or_pages = Router::new()
        .route("/accounts/{name}", get(account))
        .route("/a/{name}", get(account))
        .route("/video-channels/{name}", get(channel))
        .route("/c/{name}", get(channel))
        .route("/videos/watch/{id}", get(video))
        .route("/w/{id}", get(video));
    let others = Router::new()
        .route("/accounts/{name}/outbox", get(account_outbox))
        .route("/accounts/{name}/followers", get(account_followers))
        .route("/video-channels/{name}/outbox", get(channel_outbox))
        .route("/video-channels/{name}/followers", get(channel_followers))
        .route("/videos/watch/{id}/activity", get(activity))
        .route("/videos/watch/{id}/announces", get(announces))
        .route("/videos/watch/{id}/likes", get(likes))
        .route("/videos/watch/{id}/dislikes", get(dislikes))
        .route("/videos/watch/{id}/comments", get(comments))
        .route("/videos/watch/{id}/chapters", get(chapters));
    limited(or_pages, site, Bucket::ActivityPubOrPage).merge(limited(others, site, Bucket::ActivityPub))
}

async fn account(Shared(site): Shared<Site>, Path(name): Path<String>, ask: Ask) -> Response {
    if !site.options.federation || !ask.wants_activity() {
        return nothing(StatusCode::NOT_FOUND);
    }
    let world = site.world();
    let found = named_account(&site, &world, &name);
    ask.answer(found.map(|index| Reply::activity(&site.account_actor(&world.accounts[index]))))
}

async fn channel(Shared(site): Shared<Site>, Path(name): Path<String>, ask: Ask) -> Response {
    if !site.options.federation || !ask.wants_activity() {
        return nothing(StatusCode::NOT_FOUND);
    }
    let world = site.world();
    let found = named_channel(&site, &world, &name);
    ask.answer(found.map(|index| Reply::activity(&site.channel_actor(&world, &world.channels[index]))))
}

async fn account_outbox(Shared(site): Shared<Site>, Path(name): Path<String>, ask: Ask) -> Response {
    if !site.options.federation {
        return nothing(StatusCode::NOT_FOUND);
    }
    let world = site.world();
    let found = named_account(&site, &world, &name).and_then(|account| {
        let all = || {
            world
                .videos
                .iter()
                .filter(|v| world.channels[v.channel].owner == account)
        };
        let outbox = Outbox {
            id: format!("{}/outbox", site.account_id(&world.accounts[account].name)),
            total: all().count() as u64,
            shown: shown(&site, all()),
        };
        outbox.answer(&ask, |video| site.create_in_outbox(&world, video))
    });
    ask.answer(found)
}

/// A channel's outbox knows only what the channel once announced.
async fn channel_outbox(Shared(site): Shared<Site>, Path(name): Path<String>, ask: Ask) -> Response {
    if !site.options.federation {
        return nothing(StatusCode::NOT_FOUND);
    }
    let world = site.world();
    let found = named_channel(&site, &world, &name).and_then(|channel| {
        let all = || world.videos.iter().filter(|v| v.channel == channel && v.announced);
        let outbox = Outbox {
            id: format!("{}/outbox", site.channel_id(&world.channels[channel].name)),
            total: all().count() as u64,
            shown: shown(&site, all()),
        };
        outbox.answer(&ask, |video| Ok(site.announce(&world, video)))
    });
    ask.answer(found)
}

/// What an outbox lists: by the row's creation, whatever the state, blocked or not.
fn shown<'a>(site: &Inner, videos: impl Iterator<Item = &'a Video>) -> Vec<&'a Video> {
    let unlisted = site.options.federate_unlisted;
    let federates = |v: &&Video| v.privacy == Privacy::PUBLIC || (v.privacy == Privacy::UNLISTED && unlisted);
    let mut shown: Vec<&Video> = videos.filter(federates).collect();
    shown.sort_by_key(|v| std::cmp::Reverse((v.created, v.id)));
    shown
}

struct Outbox<'a> {
    id: String,
    /// Counts what isn't shown too, and decides whether there is a next page.
    total: u64,
    shown: Vec<&'a Video>,
}

impl Outbox<'_> {
    fn answer(&self, ask: &Ask, activity: impl Fn(&Video) -> Result<Value, Unpresentable>) -> Result<Reply, Problem> {
        let page = ask.number("page", 0, 1, u64::from(u32::MAX), "Invalid value")?;
        let too_large = "Should have a valid page size (max: 50)";
        let size = ask.number("size", PAGE, 0, LARGEST, too_large)?;
        let items = |skip: u64, count: u64| -> Result<Vec<Value>, Problem> {
            let number = |n: u64| usize::try_from(n).unwrap_or(usize::MAX);
            let videos = self.shown.iter().skip(number(skip)).take(number(count));
            videos
                .map(|video| activity(video).map_err(|Unpresentable| crashed()))
                .collect()
        };
        if page == 0 {
            // The real server builds one activity for this answer too, and may crash on it.
            let first = (!items(0, 1)?.is_empty()).then(|| format!("{}?page=1", self.id));
            let mut collection = json!({"id": self.id, "type": "OrderedCollection", "totalItems": self.total});
            put(&mut collection, "first", first);
            return Ok(Reply::activity(&in_context("plain", collection)));
        }
        let mut body = json!({
            "id": format!("{}?page={page}", self.id),
            "type": "OrderedCollectionPage",
            "partOf": self.id,
            "orderedItems": items((page - 1) * size, size)?,
            "totalItems": self.total,
        });
        let next = (self.total > page * size).then(|| format!("{}?page={}", self.id, page + 1));
        let prev = (page > 1).then(|| format!("{}?page={}", self.id, page - 1));
        put(&mut body, "next", next);
        put(&mut body, "prev", prev);
        // A page of videos has the context of a collection: the real server doesn't extend it.
        Ok(Reply::activity(&in_context("plain", body)))
    }
}

/// Sets a field only if there is something to say.
fn put(object: &mut Value, key: &str, value: Option<String>) {
    if let Some(value) = value {
        object[key] = value.into();
    }
}

fn crashed() -> Problem {
    let detail = "Cannot read properties of undefined (reading 'toActivityPubObject')";
    Problem::new(StatusCode::INTERNAL_SERVER_ERROR, detail).code("TypeError")
}

/// A video for other servers, or its page for people.
async fn video(Shared(site): Shared<Site>, Path(id): Path<String>, ask: Ask) -> Response {
    let world = site.world();
    if !ask.wants_activity() {
        return pages::watch(&site, &world, &id);
    }
    if !site.options.federation {
        return nothing(StatusCode::NOT_FOUND);
    }
    let found = readable(&world, &ask, &id).and_then(|video| {
        let object = site.video_object(&world, video).map_err(|Unpresentable| crashed())?;
        Ok(Reply::activity(&in_context("video", object)).cached(1))
    });
    ask.answer(found.map_err(Problem::cached))
}

async fn activity(Shared(site): Shared<Site>, Path(id): Path<String>, ask: Ask) -> Response {
    let world = site.world();
    let found = readable(&world, &ask, &id).and_then(|video| {
        let create = site.create(&world, video).map_err(|Unpresentable| crashed())?;
        Ok(Reply::activity(&in_context("video", create)))
    });
    ask.answer(found)
}

async fn announces(Shared(site): Shared<Site>, Path(id): Path<String>, ask: Ask) -> Response {
    // The server itself announces it beside the channel.
    part(
        &site,
        &ask,
        &id,
        "announces",
        |video| if video.announced { 2 } else { 0 },
    )
}

async fn likes(Shared(site): Shared<Site>, Path(id): Path<String>, ask: Ask) -> Response {
    part(&site, &ask, &id, "likes", |_| 0)
}

async fn dislikes(Shared(site): Shared<Site>, Path(id): Path<String>, ask: Ask) -> Response {
    part(&site, &ask, &id, "dislikes", |_| 0)
}

async fn comments(Shared(site): Shared<Site>, Path(id): Path<String>, ask: Ask) -> Response {
    part(&site, &ask, &id, "comments", |_| 0)
}

async fn account_followers(Shared(site): Shared<Site>, Path(name): Path<String>, ask: Ask) -> Response {
    let world = site.world();
    let found = named_account(&site, &world, &name);
    ask.answer(found.map(|_| counted(&format!("{}/followers", site.account_id(site.local(&name))), 0)))
}

async fn channel_followers(Shared(site): Shared<Site>, Path(name): Path<String>, ask: Ask) -> Response {
    let world = site.world();
    let found = named_channel(&site, &world, &name);
    ask.answer(found.map(|_| counted(&format!("{}/followers", site.channel_id(site.local(&name))), 0)))
}

fn part(site: &Inner, ask: &Ask, id: &str, name: &str, count: impl FnOnce(&Video) -> u64) -> Response {
    let world = site.world();
    let found = readable(&world, ask, id);
    ask.answer(found.map(|video| counted(&format!("{}/{name}", site.video_id(video)), count(video))))
}

/// A collection of which only the number is told.
fn counted(id: &str, total: u64) -> Reply {
    let mut collection = json!({"id": id, "type": "OrderedCollection", "totalItems": total});
    put(&mut collection, "first", (total > 0).then(|| format!("{id}?page=1")));
    Reply::activity(&in_context("plain", collection))
}

async fn chapters(Shared(site): Shared<Site>, Path(id): Path<String>, ask: Ask) -> Response {
    let world = site.world();
    let found = readable(&world, &ask, &id).map(|video| {
        let chapters = &video.details.chapters;
        let ends = chapters.iter().skip(1).map(|(start, _)| *start);
        let ends = ends.chain([video.details.duration]);
        let parts = chapters
            .iter()
            .zip(ends)
            .map(|((start, title), end)| json!({"name": title, "startOffset": start, "endOffset": end}));
        let id = format!("{}/chapters", site.video_id(video));
        let body = json!({"id": id, "hasPart": parts.collect::<Vec<_>>()});
        Reply::activity(&in_context("chapters", body)).cached(1)
    });
    ask.answer(found)
}

/// The video, if its `ActivityPub` side may be read: without a session, whoever asks.
fn readable<'a>(world: &'a World, ask: &Ask, id: &str) -> Result<&'a Video, Problem> {
    site::visible(world, ask, id).map_err(|problem| {
        if problem.is_unauthorized() {
            return Problem::new(StatusCode::UNAUTHORIZED, "Token is invalid").code("unauthorized_request");
        }
        problem
    })
}
