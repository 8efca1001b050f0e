//! `POST /api/v1/statuses`: the order in which things fail matters here (contract §4).

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Request, State};
use serde_json::json;

use super::params::Params;
use super::reply::{Answered, Reply};
use super::viewer::Viewer;
use super::world::{Scope, Status, World};
use super::{Shared, lock, text};

/// Longest content warning.
const LONGEST_SPOILER: usize = 140;

/// `POST /api/v1/statuses`
pub(super) async fn create(
    State(shared): State<Arc<Shared>>,
    Extension(viewer): Extension<Viewer>,
    request: Request,
) -> Answered {
    let key = request
        .headers()
        .get("idempotency-key")
        .and_then(|key| key.to_str().ok());
    let key = key.map(str::to_owned);
    let params = Params::read(request).await?;
    let account = viewer.needs("write", &shared.base)?.account;
    let now = shared.clock.now();
    let mut world = lock(&shared.world);
    let wish = valid(&params, &world)?;
    if wish.visibility == "direct" {
        return Ok(Reply::json(
            400,
            &json!({ "error": "Direct visibility is not available." }),
        ));
    }
    if let Some(key) = &key
        && world.spend_key(account, key, now)
    {
        return Err(Reply::abort(400, "Duplicate idempotency key."));
    }
    if wish.media.is_none() && wish.in_reply_to.is_none() {
        return Err(Reply::abort(403, "Empty statuses are not allowed"));
    }
    if world.statuses_of_a_day(account, now) >= world.limits.statuses_a_day {
        return Err(Reply::abort(429, ""));
    }
    let owner = world.account(account).ok_or_else(Reply::unauthenticated)?;
    if !owner.active {
        return Ok(Reply::json(200, &json!([])));
    }
    let preferences = owner.preferences.clone();
    let sensitive = preferences.sensitive || params.truth("sensitive");
    let scope = match Scope::named(&wish.visibility).unwrap_or(Scope::Public) {
        _ if preferences.locked => Scope::Private,
        Scope::Public if preferences.unlisted => Scope::Unlisted,
        scope => scope,
    };
    let status = Status {
        id: world.next_id(now),
        account,
        created_at: now,
        edited_at: None,
        caption: text::strip_tags(&wish.text),
        sent: wish.text,
        spoiler: params.text("spoiler_text").filter(|_| sensitive),
        scope,
        sensitive,
        comments_disabled: params.truth("comments_disabled"),
        in_reply_to: None,
        media: Vec::new(),
        key,
        deleted_at: None,
        history: Vec::new(),
    };
    let id = publish(&mut world, status, wish.in_reply_to.as_deref(), wish.media.as_deref())?;
    let status = world.statuses.get(&id).ok_or_else(|| Reply::abort(404, ""))?;
    Ok(Reply::json(200, &shared.writer(&world, true).new_status(status)))
}

/// What is wished for, once it is known to be valid.
struct Wish {
    text: String,
    visibility: String,
    in_reply_to: Option<String>,
    media: Option<Vec<String>>,
}

fn valid(params: &Params, world: &World) -> Result<Wish, Reply> {
    let mut wrong = Vec::new();
    let text = params.text("status").unwrap_or_default();
    let longest = world.limits.max_characters;
    if text.chars().count() > longest {
        wrong.push((
            "status",
            format!("The status may not be greater than {longest} characters."),
        ));
    }
    let media = params.list("media_ids").unwrap_or_else(|()| {
        wrong.push(("media_ids", "The media ids must be an array.".to_owned()));
        None
    });
    let most = world.limits.max_media_attachments;
    if media.as_ref().is_some_and(|media| media.len() > most) {
        wrong.push((
            "media_ids",
            format!("The media ids may not have more than {most} items."),
        ));
    }
    let visibility = params.text("visibility").unwrap_or_else(|| "public".to_owned());
    if !["public", "unlisted", "private", "direct"].contains(&visibility.as_str()) {
        wrong.push(("visibility", "The selected visibility is invalid.".to_owned()));
    }
    let spoiler = params.text("spoiler_text").unwrap_or_default();
    if spoiler.chars().count() > LONGEST_SPOILER {
        wrong.push((
            "spoiler_text",
            format!("The spoiler text may not be greater than {LONGEST_SPOILER} characters."),
        ));
    }
    if !wrong.is_empty() {
        return Err(Reply::invalid(&wrong));
    }
    Ok(Wish {
        text,
        visibility,
        in_reply_to: params.text("in_reply_to_id"),
        media,
    })
}

/// Makes the post out of its parts, piece by piece, as the server does: what fails in the middle leaves something behind.
fn publish(
    world: &mut World,
    mut status: Status,
    in_reply_to: Option<&str>,
    media: Option<&[String]>,
) -> Result<u64, Reply> {
    if let Some(parent) = in_reply_to {
        let known = parent.parse().ok().and_then(|id: u64| world.statuses.get(&id));
        let known = known.ok_or_else(|| Reply::no_model("Status", parent))?;
        if known.comments_disabled {
            let text = "Comments have been disabled on this post";
            return Err(Reply::json(422, &json!(text)));
        }
        status.in_reply_to = Some(known.id);
    }
    let media = media.unwrap_or_default();
    let usable = |world: &World| media.iter().any(|id| world.free_medium(status.account, id).is_some());
    if media.is_empty() && in_reply_to.is_none() {
        return Err(Reply::crash("Undefined variable $status"));
    }
    if !media.is_empty() && !usable(world) {
        return Err(Reply::abort(400, "Invalid media_ids"));
    }
    let (id, account, scope) = (status.id, status.account, status.scope);
    if in_reply_to.is_none() {
        status.scope = Scope::Draft;
    }
    world.statuses.insert(id, status);
    for wanted in media {
        let free = world.free_medium(account, wanted);
        let free = free.ok_or_else(|| Reply::no_model("Media", wanted))?;
        if let Some(medium) = world.media.get_mut(&free) {
            medium.status = Some(id);
        }
        if let Some(status) = world.statuses.get_mut(&id) {
            status.media.push(free);
        }
    }
    if let Some(status) = world.statuses.get_mut(&id) {
        status.scope = scope;
    }
    Ok(id)
}
