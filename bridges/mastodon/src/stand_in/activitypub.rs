//! The side that other servers read: WebFinger, actors, outboxes, notes. What a note looks like is in `notes`.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, header};
use serde_json::{Value, json};

use super::accounts::number;
use super::entities::{Writer, address};
use super::notes::{STREAMS, add_policy_terms, alternate, create, note_context, note_object, uri};
use super::params::Params;
use super::reply::{Answered, Reply};
use super::viewer::Viewer;
use super::world::{Account, Status, World};
use super::{OutboxForm, Shared, lock, pages};

/// Activities a page of an outbox.
const PAGE: usize = 20;
const VARY: &str = "Accept, Accept-Language, Cookie";
/// What only has to look like a key: nothing here signs.
const KEY: &str = "-----BEGIN PUBLIC KEY-----\nMIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8A\n-----END PUBLIC KEY-----\n";

/// Whether an activity is wanted, not a page.
pub(super) fn wants_activity(headers: &HeaderMap) -> bool {
    let accept = headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok());
    let wanted = ["application/activity+json", "application/ld+json", "application/json"];
    accept.is_some_and(|accept| wanted.iter().any(|kind| accept.contains(kind)))
}

/// `GET /.well-known/webfinger`
pub(super) async fn webfinger(State(shared): State<Arc<Shared>>, RawQuery(query): RawQuery) -> Answered {
    let nothing = |status| {
        Reply::content(status, "text/html", Vec::new())
            .cached("max-age=180, public")
            .with(header::VARY, "Origin")
    };
    if !shared.ways().webfinger {
        return Err(nothing(404));
    }
    let resource = Params::query(&query.unwrap_or_default())
        .text("resource")
        .unwrap_or_default();
    let base = address(&shared.base, "");
    let name = if let Some(acct) = resource
        .strip_prefix("acct:")
        .or_else(|| resource.contains('@').then_some(&resource))
    {
        let (name, domain) = acct.trim_start_matches('@').split_once('@').unwrap_or((acct, ""));
        if acct.starts_with("http") {
            resource
                .strip_prefix(&format!("{base}/@"))
                .unwrap_or_default()
                .to_owned()
        } else if domain.eq_ignore_ascii_case(&shared.domain()) {
            name.to_owned()
        } else {
            return Err(nothing(404));
        }
    } else if let Some(id) = resource.strip_prefix(&format!("{base}/ap/users/")) {
        let world = lock(&shared.world);
        world
            .account(number(id))
            .map(|account| account.name.clone())
            .unwrap_or_default()
    } else {
        return Err(nothing(400));
    };
    let world = lock(&shared.world);
    let account = world.account_named(&name).ok_or_else(|| nothing(404))?;
    let at = |path: &str| address(&shared.base, path);
    let (page, actor) = (
        at(&format!("/@{}", account.name)),
        at(&format!("/ap/users/{}", account.id)),
    );
    let body = json!({
        "subject": format!("acct:{}@{}", account.name, shared.domain()),
        "aliases": [page, actor],
        "links": [
            {"rel": "http://webfinger.net/rel/profile-page", "type": "text/html", "href": page},
            {"rel": "self", "type": "application/activity+json", "href": actor},
            {"rel": "http://ostatus.org/schema/1.0/subscribe", "template": at("/authorize_interaction?uri={uri}")},
            {"rel": "https://w3id.org/fep/3b86/Create", "template": at("/share?text={content}")},
            {"rel": "https://w3id.org/fep/3b86/Object", "template": at("/authorize_interaction?uri={object}")},
        ],
    });
    Ok(Reply::content(
        200,
        "application/jrd+json; charset=utf-8",
        body.to_string().into_bytes(),
    )
    .cached("max-age=259200, public")
    .with(header::VARY, "Accept, Origin"))
}

/// `GET /ap/users/:id`
pub(super) async fn actor(State(shared): State<Arc<Shared>>, Path(id): Path<String>, headers: HeaderMap) -> Answered {
    let world = lock(&shared.world);
    let account = world.account(number(&id)).ok_or_else(|| absent(&headers))?;
    if !wants_activity(&headers) {
        let at = |path: &str| address(&shared.base, path);
        let handle = format!("acct:{}@{}", account.name, shared.domain());
        let query = url::form_urlencoded::byte_serialize(handle.as_bytes()).collect::<String>();
        let links = format!(
            "<{}>; rel=\"lrdd\"; type=\"application/jrd+json\", {}",
            at(&format!("/.well-known/webfinger?resource={query}")),
            alternate(&at(&format!("/ap/users/{}", account.id)))
        );
        let cached = "max-age=15, public, stale-while-revalidate=30, stale-if-error=3600";
        return Ok(moved(&at(&format!("/@{}", account.name)), &links, cached));
    }
    Ok(actor_reply(&shared, account))
}

/// `GET /users/:name`
pub(super) async fn actor_by_name(
    State(shared): State<Arc<Shared>>,
    Path(name): Path<String>,
    headers: HeaderMap,
) -> Answered {
    let world = lock(&shared.world);
    let account = world.account_named(&name).ok_or_else(|| absent(&headers))?;
    if !wants_activity(&headers) {
        let page = address(&shared.base, &format!("/@{}", account.name));
        return Ok(Reply::content(301, "text/html; charset=UTF-8", Vec::new())
            .cached("no-cache")
            .with(header::VARY, "Origin, Accept")
            .with(header::LOCATION, &page));
    }
    Ok(actor_reply(&shared, account))
}

/// `GET /@name`: the actor, or its page.
pub(super) async fn profile(
    State(shared): State<Arc<Shared>>,
    Path(handle): Path<String>,
    headers: HeaderMap,
) -> Answered {
    let world = lock(&shared.world);
    let named = |handle: &str| handle.strip_prefix('@').and_then(|name| world.account_named(name));
    if let Some(account) = handle
        .strip_suffix(".rss")
        .and_then(named)
        .filter(|_| shared.ways().rss)
    {
        let feed = super::rss::feed(&shared.writer(&world, &Viewer::Anonymous), account);
        return Ok(feed.with(header::VARY, "Accept, Accept-Language, Cookie, Origin"));
    }
    let account = named(&handle).ok_or_else(|| absent(&headers))?;
    if wants_activity(&headers) {
        return Ok(actor_reply(&shared, account));
    }
    Ok(pages::profile(&shared.writer(&world, &Viewer::Anonymous), account).with(header::VARY, VARY))
}

fn actor_reply(shared: &Shared, account: &Account) -> Reply {
    let at = |path: &str| address(&shared.base, path);
    let id = at(&format!("/ap/users/{}", account.id));
    let of = |what: &str| format!("{id}/{what}");
    let mut body = json!({
        "@context": [STREAMS, "https://w3id.org/security/v1", "https://purl.archive.org/socialweb/webfinger", actor_context()],
        "id": id,
        "webfinger": format!("{}@{}", account.name, shared.domain()),
        "type": "Person",
        "following": of("following"),
        "followers": of("followers"),
        "inbox": of("inbox"),
        "outbox": of("outbox"),
        "featured": of("collections/featured"),
        "featuredTags": of("collections/tags"),
        "preferredUsername": account.name,
        "name": account.name,
        "summary": "",
        "url": at(&format!("/@{}", account.name)),
        "manuallyApprovesFollowers": false,
        "discoverable": false,
        "indexable": false,
        "published": account.created_at.format("%Y-%m-%dT00:00:00Z").to_string(),
        "memorial": false,
        "showFeatured": true,
        "showMedia": true,
        "showRepliesInMedia": true,
        "interactionPolicy": {"canFeature": {"automaticApproval": [id]}},
        "featuredCollections": of("featured_collections"),
        "publicKey": {"id": format!("{id}#main-key"), "owner": id, "publicKeyPem": KEY},
        "tag": [],
        "attachment": [],
        "endpoints": {"sharedInbox": at("/inbox")},
    });
    if account.suspended {
        body["suspended"] = json!(true);
    }
    Reply::activity(&body)
        .cached("max-age=180, public")
        .with(header::VARY, VARY)
        .without_rates()
}

/// `GET /ap/users/:id/outbox`
pub(super) async fn outbox(
    State(shared): State<Arc<Shared>>,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
) -> Answered {
    let query = query.unwrap_or_default();
    let params = Params::query(&query);
    let world = lock(&shared.world);
    let account = world.account(number(&id)).ok_or_else(Reply::not_found)?;
    let outbox = address(&shared.base, &format!("/ap/users/{}/outbox", account.id));
    let form = shared.ways().outbox;
    if form != OutboxForm::Pages {
        let writer = shared.writer(&world, &Viewer::Anonymous);
        let items: Vec<Value> = page(&world, account, &Params::query(""))
            .iter()
            .map(|status| create(&writer, status))
            .collect();
        let total = items.len();
        let mut body = json!({"@context": STREAMS, "id": outbox, "type": "OrderedCollection", "totalItems": total});
        if form == OutboxForm::OnePiece {
            body["orderedItems"] = Value::from(items);
        }
        return Ok(Reply::activity(&body).without_rates());
    }
    if params.truth("page") != Some(true) {
        // The counter counts what can't be read too (contract §10).
        let total = world
            .statuses
            .values()
            .filter(|status| status.account == account.id)
            .count();
        let body = json!({
            "@context": STREAMS,
            "id": outbox,
            "type": "OrderedCollection",
            "totalItems": total,
            "first": format!("{outbox}?page=true"),
            "last": format!("{outbox}?min_id=0&page=true"),
        });
        return Ok(Reply::activity(&body)
            .cached("max-age=180, public")
            .with(header::VARY, "Accept")
            .without_rates());
    }
    let writer = shared.writer(&world, &Viewer::Anonymous);
    let page = page(&world, account, &params);
    let items: Vec<Value> = page.iter().map(|status| create(&writer, status)).collect();
    let mut body = json!({
        "@context": if items.is_empty() { json!(STREAMS) } else { note_context(&page) },
        "id": format!("{outbox}?{query}"),
        "type": "OrderedCollectionPage",
        "partOf": outbox,
        "orderedItems": items,
    });
    if let (Some(first), Some(last)) = (page.first(), page.last()) {
        body["prev"] = json!(format!("{outbox}?min_id={}&page=true", first.id));
        if page.len() == PAGE {
            body["next"] = json!(format!("{outbox}?max_id={}&page=true", last.id));
        }
    }
    Ok(Reply::activity(&body)
        .cached("max-age=60, public")
        .with(header::VARY, "Signature"))
}

fn page<'a>(world: &'a World, account: &Account, params: &Params) -> Vec<&'a Status> {
    let bound = |name: &str| params.text(name).map(|id| number(&id));
    let (below, above) = (bound("max_id"), bound("min_id"));
    let wanted = |status: &&Status| {
        status.account == account.id
            && status.audience.is_open()
            && below.is_none_or(|id| status.id < id)
            && above.is_none_or(|id| status.id > id)
    };
    let all = world.statuses.values().filter(wanted);
    if above.is_some() {
        let mut page: Vec<&Status> = all.take(PAGE).collect();
        page.reverse();
        page
    } else {
        all.rev().take(PAGE).collect()
    }
}

/// `GET /ap/users/:id/statuses/:id`
pub(super) async fn note(
    State(shared): State<Arc<Shared>>,
    Path((account, id)): Path<(String, String)>,
    headers: HeaderMap,
) -> Answered {
    let world = lock(&shared.world);
    let status = open(&world, &account, &id).ok_or_else(|| absent(&headers))?;
    let writer = shared.writer(&world, &Viewer::Anonymous);
    if !wants_activity(&headers) {
        let name = world
            .account(status.account)
            .map(|account| account.name.clone())
            .unwrap_or_default();
        let page = address(&shared.base, &format!("/@{name}/{}", status.id));
        return Ok(moved(&page, &alternate(&uri(&writer, status)), "max-age=10, public"));
    }
    Ok(note_reply(&writer, status))
}

/// `GET /@name/:id`: the note, or its page.
pub(super) async fn note_page(
    State(shared): State<Arc<Shared>>,
    Path((handle, id)): Path<(String, String)>,
    headers: HeaderMap,
) -> Answered {
    let world = lock(&shared.world);
    let account = handle.strip_prefix('@').and_then(|name| world.account_named(name));
    let account = account.ok_or_else(|| absent(&headers))?;
    let status = open(&world, &account.id.to_string(), &id).ok_or_else(|| absent(&headers))?;
    let writer = shared.writer(&world, &Viewer::Anonymous);
    if wants_activity(&headers) {
        return Ok(note_reply(&writer, status));
    }
    Ok(pages::status(&writer, account, status)
        .with(header::VARY, VARY)
        .with(header::LINK, &alternate(&uri(&writer, status))))
}

/// `GET /ap/users/:id/statuses/:id/activity`
pub(super) async fn activity(
    State(shared): State<Arc<Shared>>,
    Path((account, id)): Path<(String, String)>,
    headers: HeaderMap,
) -> Answered {
    let world = lock(&shared.world);
    let status = open(&world, &account, &id).ok_or_else(|| absent(&headers))?;
    let writer = shared.writer(&world, &Viewer::Anonymous);
    let mut body = create(&writer, status);
    body["@context"] = note_context(&[status]);
    Ok(Reply::activity(&body)
        .with(header::LINK, &alternate(&uri(&writer, status)))
        .cached("max-age=180, public")
        .with(header::VARY, VARY)
        .without_rates())
}

fn open<'a>(world: &'a World, account: &str, id: &str) -> Option<&'a Status> {
    let status = world.statuses.get(&number(id))?;
    let open = status.audience.is_open() && status.boost_of.is_none();
    (status.account == number(account) && open).then_some(status)
}

fn note_reply(writer: &Writer<'_>, status: &Status) -> Reply {
    let mut body = note_object(writer, status);
    body["@context"] = note_context(&[status]);
    Reply::activity(&body)
        .cached("max-age=180, public")
        .with(header::VARY, VARY)
        .with(header::LINK, &alternate(&uri(writer, status)))
        .without_rates()
}

fn absent(headers: &HeaderMap) -> Reply {
    if wants_activity(headers) {
        Reply::not_found().with(header::VARY, VARY).without_rates()
    } else {
        pages::not_found()
    }
}

/// Sends people on to the page of what they asked for.
fn moved(to: &str, links: &str, cached: &str) -> Reply {
    Reply::content(302, "text/html; charset=utf-8", Vec::new())
        .cached(cached)
        .with(header::VARY, VARY)
        .with(header::LOCATION, to)
        .with(header::LINK, links)
}

fn actor_context() -> Value {
    let mut terms = json!({
        "manuallyApprovesFollowers": "as:manuallyApprovesFollowers",
        "toot": "http://joinmastodon.org/ns#",
        "featured": {"@id": "toot:featured", "@type": "@id"},
        "featuredTags": {"@id": "toot:featuredTags", "@type": "@id"},
        "alsoKnownAs": {"@id": "as:alsoKnownAs", "@type": "@id"},
        "movedTo": {"@id": "as:movedTo", "@type": "@id"},
        "schema": "http://schema.org#",
        "PropertyValue": "schema:PropertyValue",
        "value": "schema:value",
        "discoverable": "toot:discoverable",
        "suspended": "toot:suspended",
        "memorial": "toot:memorial",
        "indexable": "toot:indexable",
        "attributionDomains": {"@id": "toot:attributionDomains", "@container": "@set"},
        "showFeatured": "toot:showFeatured",
        "showMedia": "toot:showMedia",
        "showRepliesInMedia": "toot:showRepliesInMedia",
    });
    add_policy_terms(&mut terms);
    terms
}

/// `GET /ap/users/:id/statuses/:id/replies`: an empty collection.
pub(super) async fn replies(
    State(shared): State<Arc<Shared>>,
    Extension(_viewer): Extension<Viewer>,
    Path((account, id)): Path<(String, String)>,
    headers: HeaderMap,
) -> Answered {
    let world = lock(&shared.world);
    let status = open(&world, &account, &id).ok_or_else(|| absent(&headers))?;
    let id = format!("{}/replies", uri(&shared.writer(&world, &Viewer::Anonymous), status));
    let body = json!({
        "@context": STREAMS,
        "id": id,
        "type": "Collection",
        "first": {
            "id": format!("{id}?page=true"),
            "type": "CollectionPage",
            "next": format!("{id}?only_other_accounts=true&page=true"),
            "partOf": id,
            "items": [],
        },
    });
    Ok(Reply::activity(&body)
        .cached("max-age=0, public")
        .with(header::VARY, "Accept")
        .without_rates())
}
