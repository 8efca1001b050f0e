//! Boosts, and the search that finds what is to be boosted, on this server or elsewhere.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Path, RawQuery, State};
use serde_json::{Value, json};

use super::accounts::number;
use super::entities::{Writer, date};
use super::params::Params;
use super::reply::{Answered, Reply};
use super::statuses::visible;
use super::viewer::Viewer;
use super::world::{Audience, BRIDGE, Status};
use super::{Shared, lock};

const SEARCH: [&str; 2] = ["read", "read:search"];
const WRITE: [&str; 2] = ["write", "write:statuses"];

/// A post on another server, which this one finds when it is asked for its address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Elsewhere {
    /// Its ActivityPub id.
    pub uri: String,
    /// Its page.
    pub url: String,
    /// Its author: `name@host`.
    pub acct: String,
    /// Its HTML.
    pub content: String,
}

/// `GET /api/v2/search`: addresses of posts only.
pub(super) async fn search(
    State(shared): State<Arc<Shared>>,
    Extension(viewer): Extension<Viewer>,
    RawQuery(query): RawQuery,
) -> Answered {
    let params = Params::query(&query.unwrap_or_default());
    let wanted = params.text("q").unwrap_or_default();
    if params.truth("resolve") == Some(true) {
        viewer.needs(&SEARCH)?;
    } else {
        viewer.needs_if_known(&SEARCH)?;
    }
    let world = lock(&shared.world);
    let writer = shared.writer(&world, &viewer);
    let here = world.statuses.values().find(|status| {
        let open = super::world::World::sees(status, viewer.user()) && status.boost_of.is_none();
        open && (writer.uri(status) == wanted || writer.page(status) == wanted)
    });
    let elsewhere = || {
        let named = |one: &&(u64, Elsewhere)| one.1.uri == wanted || one.1.url == wanted;
        let resolve = params.truth("resolve") == Some(true);
        let found = world.elsewhere.iter().filter(|_| resolve).find(named);
        found.map(|(id, post)| writer.elsewhere(*id, post))
    };
    let found: Vec<Value> = here
        .map(|status| writer.status(status))
        .or_else(elsewhere)
        .into_iter()
        .collect();
    let body = json!({"accounts": [], "statuses": found, "hashtags": [], "collections": []});
    Ok(Reply::json(200, &body))
}

/// `POST /api/v1/statuses/:id/reblog`: the boost, made now or before.
pub(super) async fn create(
    State(shared): State<Arc<Shared>>,
    Extension(viewer): Extension<Viewer>,
    Path(id): Path<String>,
) -> Answered {
    let user = viewer.needs(&WRITE)?;
    let now = shared.clock.now();
    let mut world = lock(&shared.world);
    let wanted = number(&id);
    let audience = match visible(&world, &id, &viewer) {
        Ok(status) if status.audience.is_open() && status.boost_of.is_none() => status.audience,
        _ if world.elsewhere.iter().any(|(id, _)| *id == wanted) => Audience::Public,
        _ => return Err(Reply::no_record()),
    };
    let mine = |status: &&Status| status.account == user.account && status.boost_of == Some(wanted);
    let known = world.statuses.values().find(mine).map(|status| status.id);
    let made = match known {
        Some(id) => id,
        None => {
            if shared.rate_limits {
                let verdict = lock(&shared.rates).count_status(user.account, now);
                if !verdict.allowed {
                    return Err(Reply::too_many("application/json; charset=utf-8").of_family(Some(verdict)));
                }
            }
            world.boost(user.account, wanted, audience, now)
        }
    };
    let status = world.statuses.get(&made).ok_or_else(Reply::no_record)?;
    Ok(Reply::json(200, &shared.writer(&world, &viewer).status(status)))
}

impl Writer<'_> {
    /// Whether the viewer has boosted this.
    pub(super) fn boosted_by_viewer(&self, id: u64) -> bool {
        let mut statuses = self.world.statuses.values();
        statuses.any(|status| status.boost_of == Some(id) && Some(status.account) == self.viewer.user())
    }

    /// A status of another server.
    pub(super) fn elsewhere(&self, id: u64, post: &Elsewhere) -> Value {
        let name = post.acct.split('@').next().unwrap_or_default();
        json!({
            "id": id.to_string(),
            "created_at": date(chrono::DateTime::UNIX_EPOCH),
            "in_reply_to_id": null,
            "in_reply_to_account_id": null,
            "sensitive": false,
            "spoiler_text": "",
            "visibility": "public",
            "language": null,
            "uri": post.uri,
            "url": post.url,
            "content": post.content,
            "edited_at": null,
            "reblogged": self.boosted_by_viewer(id),
            "reblog": null,
            "application": null,
            "account": {"id": (id + 1).to_string(), "username": name, "acct": post.acct, "url": post.url},
            "media_attachments": [],
            "mentions": [],
            "tags": [],
            "emojis": [],
            "quote": null,
            "card": null,
            "poll": null,
        })
    }
}

/// The application that boosts come from; it isn't shown.
pub(super) const APP: usize = BRIDGE;
