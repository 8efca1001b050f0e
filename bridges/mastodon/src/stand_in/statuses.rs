//! Statuses: reading, deleting, and what surrounds them. How they are made is in `compose`.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Path, RawQuery, Request, State};
use axum::http::HeaderName;
use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::accounts::number;
use super::compose::{self, Wish};
use super::entities::{Writer, date};
use super::params::Params;
use super::reply::{Answered, Reply};
use super::viewer::Viewer;
use super::world::{Known, Status, World};
use super::{Idempotency, Shared, lock};

const READ: [&str; 2] = ["read", "read:statuses"];
const WRITE: [&str; 2] = ["write", "write:statuses"];
const KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// So many statuses may be asked for at once.
const AT_ONCE: usize = 20;

/// `POST /api/v1/statuses`
pub(super) async fn create(
    State(shared): State<Arc<Shared>>,
    Extension(viewer): Extension<Viewer>,
    request: Request,
) -> Answered {
    let key = request
        .headers()
        .get(KEY)
        .and_then(|key| key.to_str().ok())
        .unwrap_or_default()
        .to_owned();
    let params = Params::read(request).await?;
    let user = viewer.needs(&WRITE)?;
    let now = shared.clock.now();
    let mut world = lock(&shared.world);
    let mut rates = lock(&shared.rates);
    // Without rate limits there is no family either.
    let family = shared.rate_limits.then(|| rates.statuses(user.account, now)).flatten();
    let at = params.text("scheduled_at");
    if at
        .and_then(|at| DateTime::parse_from_rfc3339(&at).ok())
        .is_some_and(|at| at > now)
    {
        return Err(Reply::error(422, "Scheduled posts are not part of this stand-in"));
    }
    let wish = Wish::from(&params);
    let parent = compose::parent(&world, user.account, &wish).map_err(|reply| reply.of_family(family))?;
    let honours_keys = shared.idempotency() != Idempotency::Ignored && !key.is_empty();
    if honours_keys {
        match world.known_key(user.account, &key, now) {
            Known::No => {}
            Known::Gone => return Err(Reply::no_record().of_family(family)),
            Known::Status(_) if shared.idempotency() == Idempotency::Repeat500 => return Err(Reply::rails(500)),
            Known::Status(id) => {
                let status = world.statuses.get(&id).ok_or_else(Reply::no_record)?;
                let entity = shared.writer(&world, &viewer).status(status);
                return Ok(Reply::json(200, &entity).of_family(family));
            }
        }
    }
    let mut draft =
        compose::check(&world, &shared.base, &viewer, &wish, None).map_err(|reply| reply.of_family(family))?;
    compose::described(&world, &draft.media, shared.ways().alt_min).map_err(|reply| reply.of_family(family))?;
    if !shared.ways().sensitive_alone {
        draft.needs_warning();
    }
    let family = if shared.rate_limits {
        let verdict = rates.count_status(user.account, now);
        if !verdict.allowed {
            return Err(Reply::too_many("application/json; charset=utf-8").of_family(Some(verdict)));
        }
        Some(verdict)
    } else {
        None
    };
    let id = compose::publish(
        &mut world,
        user,
        draft,
        parent,
        Some(key.clone()).filter(|key| !key.is_empty()),
        now,
    );
    if honours_keys {
        world.remember_key(user.account, key, id, now);
    }
    let status = world.statuses.get(&id).ok_or_else(Reply::no_record)?;
    let entity = shared.writer(&world, &viewer).status(status);
    Ok(Reply::json(200, &entity).of_family(family))
}

/// `PUT /api/v1/statuses/:id`
pub(super) async fn update(
    State(shared): State<Arc<Shared>>,
    Extension(viewer): Extension<Viewer>,
    Path(id): Path<String>,
    request: Request,
) -> Answered {
    let params = Params::read(request).await?;
    let user = viewer.needs(&WRITE)?;
    let now = shared.clock.now();
    let mut world = lock(&shared.world);
    let mut rates = lock(&shared.rates);
    let family = shared.rate_limits.then(|| rates.statuses(user.account, now)).flatten();
    let own = world
        .statuses
        .get(&number(&id))
        .filter(|status| status.account == user.account);
    let old = own.cloned().ok_or_else(|| Reply::no_record().of_family(family))?;
    let wish = Wish::from(&params);
    let draft = compose::check(&world, &shared.base, &viewer, &wish, Some(&old));
    let draft = draft.map_err(|reply| reply.of_family(family))?;
    let attributes = params.objects("media_attributes");
    let mut family = family;
    if compose::differs(&world, &old, &draft, &attributes) {
        if shared.rate_limits {
            let verdict = rates.count_status(user.account, now);
            if !verdict.allowed {
                return Err(Reply::too_many("application/json; charset=utf-8").of_family(Some(verdict)));
            }
            family = Some(verdict);
        }
        compose::revise(&mut world, old.id, draft, &attributes, now);
    }
    let status = world.statuses.get(&old.id).ok_or_else(Reply::no_record)?;
    let entity = shared.writer(&world, &viewer).status(status);
    Ok(Reply::json(200, &entity).of_family(family))
}

/// `DELETE /api/v1/statuses/:id`
pub(super) async fn remove(
    State(shared): State<Arc<Shared>>,
    Extension(viewer): Extension<Viewer>,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
) -> Answered {
    let user = viewer.needs(&WRITE)?;
    let with_media = Params::query(&query.unwrap_or_default()).truth("delete_media") == Some(true);
    let mut world = lock(&shared.world);
    let own = world
        .statuses
        .get(&number(&id))
        .filter(|status| status.account == user.account);
    let status = own.ok_or_else(Reply::no_record)?;
    let (id, entity) = (status.id, shared.writer(&world, &viewer).deleted_status(status));
    world.delete_status(id, with_media, shared.clock.now());
    Ok(Reply::json(200, &entity))
}

/// `GET /api/v1/statuses/:id`
pub(super) async fn show(
    State(shared): State<Arc<Shared>>,
    Extension(viewer): Extension<Viewer>,
    Path(id): Path<String>,
) -> Answered {
    viewer.needs_if_known(&READ)?;
    let world = lock(&shared.world);
    let writer = shared.writer(&world, &viewer);
    let entity = match world.elsewhere.iter().find(|(known, _)| *known == number(&id)) {
        Some((id, post)) => writer.elsewhere(*id, post),
        None => writer.status(visible(&world, &id, &viewer)?),
    };
    Ok(Reply::json(200, &entity).shared_if(viewer.is_anonymous()))
}

/// `GET /api/v1/statuses?id[]=…`
pub(super) async fn several(
    State(shared): State<Arc<Shared>>,
    Extension(viewer): Extension<Viewer>,
    RawQuery(query): RawQuery,
) -> Answered {
    viewer.needs_if_known(&READ)?;
    let mut ids = Params::query(&query.unwrap_or_default()).list("id").unwrap_or_default();
    ids.truncate(AT_ONCE);
    let world = lock(&shared.world);
    let mut found: Vec<&Status> = ids.iter().filter_map(|id| visible(&world, id, &viewer).ok()).collect();
    found.sort_by_key(|status| std::cmp::Reverse(status.id));
    let writer = shared.writer(&world, &viewer);
    let entities: Vec<Value> = found.iter().map(|status| writer.status(status)).collect();
    Ok(Reply::json(200, &Value::from(entities)).shared_if(viewer.is_anonymous()))
}

/// `GET /api/v1/statuses/:id/source`
pub(super) async fn source(
    State(shared): State<Arc<Shared>>,
    Extension(viewer): Extension<Viewer>,
    Path(id): Path<String>,
) -> Answered {
    viewer.needs(&READ)?;
    let world = lock(&shared.world);
    let status = visible(&world, &id, &viewer)?;
    let body = json!({"id": status.id.to_string(), "text": status.text, "spoiler_text": status.spoiler});
    Ok(Reply::json(200, &body))
}

/// `GET /api/v1/statuses/:id/context`
pub(super) async fn context(
    State(shared): State<Arc<Shared>>,
    Extension(viewer): Extension<Viewer>,
    Path(id): Path<String>,
) -> Answered {
    viewer.needs_if_known(&READ)?;
    let world = lock(&shared.world);
    let status = visible(&world, &id, &viewer)?;
    let writer = shared.writer(&world, &viewer);
    let mut above = Vec::new();
    let mut at = status;
    while let Some(parent) = world.parent(at) {
        above.extend(world.statuses.get(&parent.id));
        at = parent;
    }
    above.reverse();
    // Answers are younger than what they answer, so one walk finds all of them.
    let mut thread = vec![status.id];
    let mut below = Vec::new();
    for reply in world.statuses.range(status.id + 1..).map(|(_, reply)| reply) {
        if reply.in_reply_to.is_some_and(|parent| thread.contains(&parent)) {
            thread.push(reply.id);
            below.push(reply);
        }
    }
    let seen = |statuses: Vec<&Status>| -> Vec<Value> {
        let seen = statuses.into_iter().filter(|status| World::sees(status, viewer.user()));
        seen.map(|status| writer.status(status)).collect()
    };
    let body = json!({"ancestors": seen(above), "descendants": seen(below)});
    Ok(Reply::json(200, &body).shared_if(viewer.is_anonymous()))
}

/// `GET /api/v1/statuses/:id/history`
pub(super) async fn history(
    State(shared): State<Arc<Shared>>,
    Extension(viewer): Extension<Viewer>,
    Path(id): Path<String>,
) -> Answered {
    viewer.needs_if_known(&READ)?;
    let world = lock(&shared.world);
    let status = visible(&world, &id, &viewer)?;
    let writer = shared.writer(&world, &viewer);
    let now = (
        status.edited_at.unwrap_or(status.created_at),
        status.text.clone(),
        status.spoiler.clone(),
        status.sensitive,
    );
    let versions = status.history.iter().chain(std::iter::once(&now));
    let edits: Vec<Value> = versions.map(|version| edit(&writer, status, version)).collect();
    Ok(Reply::json(200, &Value::from(edits)).shared_if(viewer.is_anonymous()))
}

/// A StatusEdit. Mentions stay text in it.
fn edit(
    writer: &Writer<'_>,
    status: &Status,
    (at, text, spoiler, sensitive): &(DateTime<Utc>, String, String, bool),
) -> Value {
    let version = Status {
        text: text.clone(),
        mentions: Vec::new(),
        ..status.clone()
    };
    json!({
        "content": writer.content(&version),
        "spoiler_text": spoiler,
        "sensitive": sensitive,
        "created_at": date(*at),
        "account": writer.world.account(status.account).map(|account| writer.account(account)),
        "media_attachments": writer.attachments(status),
        "emojis": [],
    })
}

/// A status that the viewer may see.
pub(super) fn visible<'a>(world: &'a World, id: &str, viewer: &Viewer) -> Result<&'a Status, Reply> {
    let status = world.statuses.get(&number(id));
    status
        .filter(|status| World::sees(status, viewer.user()) && !world.is_suspended(status.account))
        .ok_or_else(Reply::not_found)
}
