//! What other servers read: WebFinger, actors, outboxes without items, notes (contract §1, §7).

use std::sync::Arc;

use axum::extract::{Path, RawQuery, State};
use axum::http::HeaderMap;
use serde_json::{Value, json};

use super::gate::wants_json;
use super::params::Params;
use super::reply::{Answered, Reply};
use super::world::{Account, Medium, Scope, Status};
use super::{Shared, address, atom, lock, pages, text};

const STREAMS: &str = "https://www.w3.org/ns/activitystreams";
const PUBLIC: &str = "https://www.w3.org/ns/activitystreams#Public";
/// What only has to look like a key: nothing here signs.
const KEY: &str = "-----BEGIN PUBLIC KEY-----\nMIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8A\n-----END PUBLIC KEY-----\n";

/// `GET /.well-known/webfinger`: whatever is wrong, the answer is 400 and empty.
pub(super) async fn webfinger(State(shared): State<Arc<Shared>>, RawQuery(query): RawQuery) -> Answered {
    let nothing = || Reply::page(400, String::new());
    let resource = Params::query(&query.unwrap_or_default())
        .text("resource")
        .unwrap_or_default();
    let domain = shared.domain();
    let name = if let Some(handle) = resource.strip_prefix("acct:") {
        let (name, host) = handle.trim_start_matches('@').split_once('@').unwrap_or((handle, ""));
        host.eq_ignore_ascii_case(&domain).then_some(name)
    } else {
        resource.strip_prefix(&format!("https://{domain}/users/"))
    };
    let world = lock(&shared.world);
    let account = name.and_then(|name| world.account_named(name)).ok_or_else(nothing)?;
    let at = |path: &str| address(&shared.base, path);
    let (page, actor) = (
        at(&format!("/{}", account.name)),
        at(&format!("/users/{}", account.name)),
    );
    let body = json!({
        "subject": format!("acct:{}@{domain}", account.name),
        "aliases": [page, actor],
        "links": [
            { "rel": "http://webfinger.net/rel/profile-page", "type": "text/html", "href": page },
            {
                "rel": "http://schemas.google.com/g/2010#updates-from",
                "type": "application/atom+xml",
                "href": format!("{actor}.atom"),
            },
            { "rel": "self", "type": "application/activity+json", "href": actor },
            {
                "rel": "http://webfinger.net/rel/avatar",
                "type": "image/jpeg",
                "href": at("/storage/avatars/default.jpg"),
            },
            {
                "rel": "http://ostatus.org/schema/1.0/subscribe",
                "template": format!("https://{domain}/authorize_interaction?uri={{uri}}"),
            },
        ],
    });
    Ok(Reply::json(200, &body))
}

/// `GET /users/:name`, and `/users/:name.atom`
pub(super) async fn actor(State(shared): State<Arc<Shared>>, Path(name): Path<String>, headers: HeaderMap) -> Answered {
    if let Some(name) = name.strip_suffix(".atom") {
        return atom::feed(&shared, name);
    }
    let world = lock(&shared.world);
    let account = world
        .account_named(&name)
        .ok_or_else(|| Reply::abort(404, "Not found"))?;
    if !wants_json(&headers) || !shared.speaks_activitypub() {
        return Ok(Reply::redirect(&address(&shared.base, &format!("/{}", account.name))));
    }
    let id = address(&shared.base, &format!("/users/{}", account.name));
    let of = |what: &str| format!("{id}/{what}");
    let body = json!({
        "@context": [
            "https://w3id.org/security/v1",
            STREAMS,
            {
                "toot": "http://joinmastodon.org/ns#",
                "manuallyApprovesFollowers": "as:manuallyApprovesFollowers",
                "alsoKnownAs": { "@id": "as:alsoKnownAs", "@type": "@id" },
                "movedTo": { "@id": "as:movedTo", "@type": "@id" },
                "indexable": "toot:indexable",
                "suspended": "toot:suspended",
            },
        ],
        "id": id,
        "type": "Person",
        "following": of("following"),
        "followers": of("followers"),
        "inbox": of("inbox"),
        "outbox": of("outbox"),
        "preferredUsername": account.name,
        "name": account.display_name,
        "summary": null,
        "url": address(&shared.base, &format!("/{}", account.name)),
        "manuallyApprovesFollowers": account.preferences.locked,
        "indexable": false,
        "published": account.created_at.format("%Y-%m-%dT00:00:00Z").to_string(),
        "publicKey": { "id": format!("{id}#main-key"), "owner": id, "publicKeyPem": KEY },
        "icon": {
            "type": "Image",
            "mediaType": "image/jpeg",
            "url": address(&shared.base, "/storage/avatars/default.jpg"),
        },
        "endpoints": { "sharedInbox": address(&shared.base, "/f/inbox") },
    });
    Ok(Reply::activity(&body))
}

/// `GET /users/:name/outbox`: how many there are, and none of them. Its id is built from the domain alone.
pub(super) async fn outbox(
    State(shared): State<Arc<Shared>>,
    Path(name): Path<String>,
    headers: HeaderMap,
) -> Answered {
    let id = format!("https://{}/users/{name}/outbox", shared.domain());
    collection(&shared, &name, &headers, &id, |account, status| {
        status.account == account.id && status.scope != Scope::Draft && status.in_reply_to.is_none()
    })
}

/// `GET /users/:name/followers`
pub(super) async fn followers(
    State(shared): State<Arc<Shared>>,
    Path(name): Path<String>,
    headers: HeaderMap,
) -> Answered {
    let id = address(&shared.base, &format!("/users/{name}/followers"));
    collection(&shared, &name, &headers, &id, |_, _| false)
}

fn collection(
    shared: &Shared,
    name: &str,
    headers: &HeaderMap,
    id: &str,
    counts: impl Fn(&Account, &Status) -> bool,
) -> Answered {
    let world = lock(&shared.world);
    let account = world
        .account_named(name)
        .ok_or_else(|| Reply::abort(404, "Not found"))?;
    if !shared.speaks_activitypub() {
        return Err(Reply::abort(404, ""));
    }
    if !wants_json(headers) {
        return Ok(Reply::redirect(&address(&shared.base, &format!("/{}", account.name))));
    }
    let total = world.statuses.values().filter(|status| counts(account, status)).count();
    Ok(Reply::activity(&json!({
        "@context": STREAMS,
        "id": id,
        "type": "OrderedCollection",
        "totalItems": total,
    })))
}

/// `GET /p/:name/:id`, with or without `.json`: the note, or its page.
pub(super) async fn status(
    State(shared): State<Arc<Shared>>,
    Path((name, id)): Path<(String, String)>,
    headers: HeaderMap,
) -> Answered {
    let (id, has_suffix) = id.strip_suffix(".json").map_or((id.as_str(), false), |id| (id, true));
    let world = lock(&shared.world);
    let missing = || Reply::abort(404, "");
    let account = world.account_named(&name).ok_or_else(missing)?;
    let status = id.parse().ok().and_then(|id: u64| world.statuses.get(&id));
    let status = status
        .filter(|status| status.account == account.id && status.scope != Scope::Draft)
        .ok_or_else(missing)?;
    if status.scope == Scope::Private {
        return Err(Reply::abort(403, "Invalid permission"));
    }
    if !shared.speaks_activitypub() || !(has_suffix || wants_json(&headers)) {
        return Ok(Reply::page(200, pages::status(account, status)));
    }
    Ok(Reply::activity(&note(&shared, &world, account, status)))
}

fn note(shared: &Shared, world: &super::world::World, account: &Account, status: &Status) -> Value {
    let writer = shared.writer(world, false);
    let actor = address(&shared.base, &format!("/users/{}", account.name));
    let followers = format!("{actor}/followers");
    let (to, cc) = match status.scope {
        Scope::Public => (PUBLIC, followers.as_str()),
        _ => (followers.as_str(), PUBLIC),
    };
    let mut tag: Vec<Value> = text::mentions(&status.caption)
        .into_iter()
        .filter_map(|name| world.account_named(name))
        .map(|mentioned| {
            json!({
                "type": "Mention",
                "href": address(&shared.base, &format!("/users/{}", mentioned.name)),
                "name": format!("@{}@{}", mentioned.name, shared.domain()),
            })
        })
        .collect();
    tag.extend(text::tags(&status.caption).into_iter().map(|name| {
        json!({
            "type": "Hashtag",
            "href": address(&shared.base, &format!("/discover/tags/{}", text::slug(&name))),
            "name": format!("#{name}"),
        })
    }));
    let parent = status.in_reply_to.and_then(|id| world.statuses.get(&id));
    let mentioned = tag.iter().filter(|tag| tag["type"] == "Mention");
    let cc: Vec<Value> = std::iter::once(Value::from(cc))
        .chain(mentioned.map(|tag| tag["href"].clone()))
        .collect();
    json!({
        "@context": ["https://w3id.org/security/v1", STREAMS, note_context()],
        "id": writer.url(status),
        "type": "Note",
        "summary": status.spoiler,
        "content": text::linked(&status.caption, &shared.base),
        "inReplyTo": parent.map(|parent| writer.url(parent)),
        "published": status.created_at.format("%Y-%m-%dT%H:%M:%S+00:00").to_string(),
        "url": writer.url(status),
        "attributedTo": actor,
        "to": [to],
        "cc": cc,
        "sensitive": status.sensitive,
        "attachment": world.media_of(status).map(|medium| document(shared, world, medium)).collect::<Vec<_>>(),
        "tag": tag,
        "commentsEnabled": !status.comments_disabled,
        "capabilities": { "announce": PUBLIC, "like": PUBLIC, "reply": PUBLIC },
        "location": null,
    })
}

fn document(shared: &Shared, world: &super::world::World, medium: &Medium) -> Value {
    let entity = shared.writer(world, false).upload(medium);
    let size = &entity["meta"]["original"];
    json!({
        "type": "Document",
        "mediaType": medium.kind.mime(),
        "url": entity["url"],
        "name": medium.description,
        "blurhash": entity["blurhash"],
        "focalPoint": [0, 0],
        "width": size["width"],
        "height": size["height"],
    })
}

fn note_context() -> Value {
    json!({
        "Hashtag": "as:Hashtag",
        "sensitive": "as:sensitive",
        "schema": "http://schema.org/",
        "pixelfed": "http://pixelfed.org/ns#",
        "commentsEnabled": { "@id": "pixelfed:commentsEnabled", "@type": "schema:Boolean" },
        "capabilities": { "@id": "pixelfed:capabilities", "@container": "@set" },
        "announce": { "@id": "pixelfed:canAnnounce", "@type": "@id" },
        "like": { "@id": "pixelfed:canLike", "@type": "@id" },
        "reply": { "@id": "pixelfed:canReply", "@type": "@id" },
        "toot": "http://joinmastodon.org/ns#",
        "Emoji": "toot:Emoji",
        "blurhash": "toot:blurhash",
    })
}

/// `GET /:name`: an account's page.
pub(super) async fn profile(State(shared): State<Arc<Shared>>, Path(name): Path<String>) -> Answered {
    let world = lock(&shared.world);
    let account = world
        .account_named(&name)
        .ok_or_else(|| Reply::page(404, pages::error(404)))?;
    Ok(Reply::page(200, pages::profile(&shared.base, account)))
}
