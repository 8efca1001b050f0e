//! Accounts and their posts, for those who have a token (contract §6).

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Path, RawQuery, State};
use axum::http::header;
use serde_json::{Value, json};

use super::params::Params;
use super::reply::{Answered, Reply};
use super::settings::Errors;
use super::viewer::Viewer;
use super::world::{Scope, Status, World};
use super::{Shared, address, lock};

/// Posts a page, unless the request says otherwise.
const PAGE: usize = 20;
/// No page is longer.
const LONGEST_PAGE: usize = 40;

/// `GET /api/v1/accounts/verify_credentials`; from then on the account counts as used (contract §0.3).
pub(super) async fn verify(State(shared): State<Arc<Shared>>, Extension(viewer): Extension<Viewer>) -> Answered {
    let id = viewer.needs("read", &shared.base)?.account;
    let mut world = lock(&shared.world);
    if let Some(account) = world.account_mut(id) {
        account.active = true;
    }
    let account = world.account(id).ok_or_else(Reply::unauthenticated)?;
    Ok(Reply::json(200, &shared.writer(&world, true).own_account(account)))
}

/// `GET /api/v1/accounts/:id`
pub(super) async fn show(
    State(shared): State<Arc<Shared>>,
    Extension(viewer): Extension<Viewer>,
    Path(id): Path<String>,
) -> Answered {
    viewer.needs("read", &shared.base)?;
    let world = lock(&shared.world);
    let account = id.parse().ok().and_then(|id| world.account(id));
    let account = account.ok_or_else(|| Reply::abort(404, "Account not found"))?;
    Ok(Reply::json(200, &shared.writer(&world, true).account(account)))
}

/// `GET /api/v1/accounts/lookup`: there only in later versions.
pub(super) async fn lookup(
    State(shared): State<Arc<Shared>>,
    Extension(viewer): Extension<Viewer>,
    RawQuery(query): RawQuery,
) -> Answered {
    viewer.needs("read", &shared.base)?;
    let missing = || Reply::abort(404, "Record not found");
    if shared.errors() == Errors::All500 {
        return Err(missing());
    }
    let name = Params::query(&query.unwrap_or_default())
        .text("acct")
        .unwrap_or_default();
    let world = lock(&shared.world);
    let account = world.account_named(&name).ok_or_else(missing)?;
    Ok(Reply::json(200, &shared.writer(&world, true).account(account)))
}

/// `GET /api/v1.1/accounts/username/:name`
pub(super) async fn by_name(
    State(shared): State<Arc<Shared>>,
    Extension(viewer): Extension<Viewer>,
    Path(name): Path<String>,
) -> Answered {
    viewer.needs("read", &shared.base)?;
    let world = lock(&shared.world);
    let account = world.account_named(&name).ok_or_else(|| Reply::abort(404, ""))?;
    Ok(Reply::json(200, &shared.writer(&world, true).native_account(account)))
}

/// `GET /api/v1/accounts/search`
pub(super) async fn search(
    State(shared): State<Arc<Shared>>,
    Extension(viewer): Extension<Viewer>,
    RawQuery(query): RawQuery,
) -> Answered {
    viewer.needs("read", &shared.base)?;
    Ok(Reply::json(200, &found(&shared, &query.unwrap_or_default())))
}

/// `GET /api/v2/search`: it doesn't find posts by their address (contract §6).
pub(super) async fn search_all(
    State(shared): State<Arc<Shared>>,
    Extension(viewer): Extension<Viewer>,
    RawQuery(query): RawQuery,
) -> Answered {
    viewer.needs("read", &shared.base)?;
    let accounts = found(&shared, &query.unwrap_or_default());
    let body = json!({ "accounts": accounts, "hashtags": [], "statuses": [] });
    Ok(Reply::json(200, &body))
}

fn found(shared: &Shared, query: &str) -> Value {
    let wanted = Params::query(query).text("q").unwrap_or_default().to_lowercase();
    let world = lock(&shared.world);
    let writer = shared.writer(&world, true);
    let accounts = world.accounts.iter();
    accounts
        .filter(|account| !wanted.is_empty() && account.name.to_lowercase().contains(&wanted))
        .map(|account| writer.account(account))
        .collect()
}

/// `GET /api/v1/accounts/:id/statuses`: no `Link`, and only `max_id` walks.
pub(super) async fn statuses(
    State(shared): State<Arc<Shared>>,
    Extension(viewer): Extension<Viewer>,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
) -> Answered {
    let user = viewer.needs("read", &shared.base)?.account;
    let params = Params::query(&query.unwrap_or_default());
    let page = Page::asked(&params)?;
    let world = lock(&shared.world);
    let account = id.parse().ok().and_then(|id| world.account(id));
    let account = account.ok_or_else(|| Reply::abort(404, "Account not found"))?;
    let seen = |status: &&Status| match status.scope {
        Scope::Public | Scope::Unlisted => user == account.id || !account.preferences.locked,
        Scope::Private => user == account.id,
        Scope::Draft => false,
    };
    let wants_videos = params.filled("only_media") && params.text("media_type").as_deref() == Some("video");
    let wanted = |status: &&Status| {
        status.account == account.id
            && world.is_listed(status)
            && page.holds(status.id)
            && (!wants_videos || world.kind_of(status).starts_with("video"))
    };
    let newest = world.statuses.values().rev().filter(wanted).filter(seen);
    let writer = shared.writer(&world, true);
    let native = params.filled("_pe");
    let entities: Vec<Value> = newest
        .take(page.limit)
        .map(|status| {
            if native {
                writer.native_status(status)
            } else {
                writer.status(status)
            }
        })
        .collect();
    Ok(Reply::json(200, &entities.into()))
}

/// A page of a list.
struct Page {
    limit: usize,
    above: Option<u64>,
    below: Option<u64>,
}

impl Page {
    /// What was asked for. `since_id` has to be a number and means nothing; beside `min_id`, `max_id` means nothing.
    fn asked(params: &Params) -> Result<Self, Reply> {
        let mut wrong = Vec::new();
        let mut bound = |name: &'static str, spoken: &str| {
            params.number(name).unwrap_or_else(|()| {
                wrong.push((name, format!("The {spoken} must be an integer.")));
                None
            })
        };
        let (max, min) = (bound("max_id", "max id"), bound("min_id", "min id"));
        bound("since_id", "since id");
        let limit = bound("limit", "limit");
        if !wrong.is_empty() {
            return Err(Reply::invalid(&wrong));
        }
        let limit = limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(PAGE);
        Ok(Self {
            limit: limit.clamp(1, LONGEST_PAGE),
            above: min,
            below: max.filter(|_| min.is_none()),
        })
    }

    fn holds(&self, id: u64) -> bool {
        self.above.is_none_or(|above| id > above) && self.below.is_none_or(|below| id < below)
    }
}

/// `GET /api/v1/timelines/home`: here nobody follows anybody, so that it holds one's own posts.
pub(super) async fn home(
    State(shared): State<Arc<Shared>>,
    Extension(viewer): Extension<Viewer>,
    RawQuery(query): RawQuery,
) -> Answered {
    let user = viewer.needs("read", &shared.base)?.account;
    let params = Params::query(&query.unwrap_or_default());
    let page = Page::asked(&params)?;
    let world = lock(&shared.world);
    let own =
        |world: &World, status: &Status| status.account == user && world.is_listed(status) && page.holds(status.id);
    let newest = world.statuses.values().rev().filter(|status| own(&world, status));
    let newest: Vec<&Status> = newest.take(page.limit).collect();
    let writer = shared.writer(&world, true);
    let entities: Vec<Value> = newest.iter().map(|status| writer.status(status)).collect();
    let reply = Reply::json(200, &entities.into());
    let (Some(first), Some(last)) = (newest.first(), newest.last()) else {
        return Ok(reply);
    };
    let link = |name: &str, id: u64| {
        address(
            &shared.base,
            &format!("/api/v1/timelines/home?limit={}&{name}={id}", page.limit),
        )
    };
    let links = format!(
        "<{}>; rel=\"next\",<{}>; rel=\"prev\"",
        link("max_id", last.id),
        link("min_id", first.id)
    );
    Ok(reply.with(header::LINK, &links))
}
