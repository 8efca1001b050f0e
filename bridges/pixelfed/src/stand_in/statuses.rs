//! One post: read, edited, deleted (contract §4, §5).

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Path, RawQuery, Request, State};

use super::params::Params;
use super::reply::{Answered, Reply};
use super::viewer::Viewer;
use super::world::{Scope, Status, Version, World};
use super::{Shared, lock, text};

/// A post can't be edited more often.
const MOST_EDITS: usize = 10;

/// Whether a viewer may see a post.
fn visible<'a>(world: &'a World, id: &str, viewer: u64) -> Result<&'a Status, Reply> {
    let known = id.parse().ok().and_then(|id: u64| world.statuses.get(&id));
    let status = known
        .filter(|status| status.scope != Scope::Draft)
        .ok_or_else(|| Reply::abort(404, ""))?;
    if status.scope == Scope::Private && status.account != viewer {
        return Err(Reply::abort(403, ""));
    }
    Ok(status)
}

/// `GET /api/v1/statuses/:id`
pub(super) async fn show(
    State(shared): State<Arc<Shared>>,
    Extension(viewer): Extension<Viewer>,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
) -> Answered {
    let user = viewer.needs("read", &shared.base)?;
    let world = lock(&shared.world);
    let status = visible(&world, &id, user.account)?;
    let writer = shared.writer(&world, true);
    let native = Params::query(&query.unwrap_or_default()).filled("_pe");
    let entity = if native {
        writer.native_status(status)
    } else {
        writer.status(status)
    };
    Ok(Reply::json(200, &entity))
}

/// `GET /api/v1/statuses/:id/history`
pub(super) async fn history(
    State(shared): State<Arc<Shared>>,
    Extension(viewer): Extension<Viewer>,
    Path(id): Path<String>,
) -> Answered {
    let user = viewer.needs("read", &shared.base)?;
    let world = lock(&shared.world);
    let status = visible(&world, &id, user.account)?;
    Ok(Reply::json(200, &shared.writer(&world, true).history(status).into()))
}

/// An own post that nobody has deleted yet.
fn own<'a>(world: &'a mut World, id: &str, account: u64) -> Result<&'a mut Status, Reply> {
    let number: u64 = id.parse().unwrap_or_default();
    let status = world.statuses.get_mut(&number);
    status
        .filter(|status| status.account == account && status.scope != Scope::Draft)
        .ok_or_else(|| Reply::no_model("Status", id))
}

/// `DELETE /api/v1/statuses/:id`: done by a job, so that the post can be seen a little longer.
pub(super) async fn remove(
    State(shared): State<Arc<Shared>>,
    Extension(viewer): Extension<Viewer>,
    Path(id): Path<String>,
) -> Answered {
    let account = viewer.needs("write", &shared.base)?.account;
    let now = shared.clock.now();
    let mut world = lock(&shared.world);
    let status = own(&mut world, &id, account)?;
    status.deleted_at.get_or_insert(now + shared.deletion_delay);
    let status = status.clone();
    let entity = shared.writer(&world, true).deleted_status(&status);
    world.tick(now);
    Ok(Reply::json(200, &entity))
}

/// `PUT /api/v1/statuses/:id`: a full replacement.
pub(super) async fn update(
    State(shared): State<Arc<Shared>>,
    Extension(viewer): Extension<Viewer>,
    Path(id): Path<String>,
    request: Request,
) -> Answered {
    let params = Params::read(request).await?;
    let account = viewer.needs("write", &shared.base)?.account;
    let now = shared.clock.now();
    let mut world = lock(&shared.world);
    let longest = world.limits.max_characters;
    let caption = params.text("status").unwrap_or_default();
    if caption.chars().count() > longest {
        let text = format!("The status may not be greater than {longest} characters.");
        return Err(Reply::invalid(&[("status", text)]));
    }
    let media = params.list("media_ids");
    let media = media.map_err(|()| Reply::invalid(&[("media_ids", "The media ids must be an array.".to_owned())]))?;
    let status = own(&mut world, &id, account)?;
    if status.history.len() >= MOST_EDITS {
        return Err(Reply::abort(400, "You cannot edit your post more than 10 times."));
    }
    let before = Version {
        at: status.edited_at.unwrap_or(status.created_at),
        caption: status.caption.clone(),
        spoiler: status.spoiler.clone(),
        sensitive: status.sensitive,
    };
    status.history.push(before);
    status.sent.clone_from(&caption);
    status.caption = text::purify(&caption);
    status.sensitive = params.truth("sensitive");
    status.spoiler = params.text("spoiler_text");
    status.edited_at = Some(now);
    let number = status.id;
    if status.media.len() > 1 {
        // The words are changed already (contract §4).
        let kept = media.ok_or_else(|| Reply::crash("Undefined array key \"media_ids\""))?;
        let order = kept.iter().filter_map(|id| id.parse().ok());
        let order: Vec<u64> = order.filter(|id| status.media.contains(id)).collect();
        status.media.clone_from(&order);
        world
            .media
            .retain(|id, medium| medium.status != Some(number) || order.contains(id));
    }
    let status = world.statuses.get(&number).ok_or_else(|| Reply::abort(404, ""))?;
    Ok(Reply::json(200, &shared.writer(&world, false).native_status(status)))
}
