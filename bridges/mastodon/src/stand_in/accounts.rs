//! Accounts and their statuses.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Extension;
use axum::extract::{Path, RawQuery, State};
use axum::http::header;
use serde_json::Value;

use super::entities::{Writer, address};
use super::params::Params;
use super::reply::{Answered, Reply};
use super::viewer::Viewer;
use super::world::{Audience, Status, World};
use super::{Shared, lock};

/// Statuses a page, unless the request says otherwise.
const PAGE: usize = 20;
/// What a server shows that knows no parameters.
const WITHOUT_PAGES: usize = 256;
/// No page is longer.
const LONGEST_PAGE: usize = 40;
const READ_ACCOUNTS: [&str; 2] = ["read", "read:accounts"];
const READ_STATUSES: [&str; 2] = ["read", "read:statuses"];
/// What a link to another page repeats; `exclude_direct` is lost on the way (contract §7.2).
const REPEATED: [&str; 6] = [
    "limit",
    "only_media",
    "exclude_replies",
    "exclude_reblogs",
    "pinned",
    "tagged",
];

/// `GET /api/v1/accounts/verify_credentials`
pub(super) async fn verify(State(shared): State<Arc<Shared>>, Extension(viewer): Extension<Viewer>) -> Answered {
    let user = viewer.needs(&["read", "read:accounts", "profile"])?;
    let world = lock(&shared.world);
    let account = world.account(user.account).ok_or_else(Reply::no_record)?;
    let writer = shared.writer(&world, &viewer);
    Ok(Reply::json(200, &writer.credential_account(account)))
}

/// `GET /api/v1/accounts/lookup`
pub(super) async fn lookup(
    State(shared): State<Arc<Shared>>,
    Extension(viewer): Extension<Viewer>,
    RawQuery(query): RawQuery,
) -> Answered {
    viewer.needs_if_known(&READ_ACCOUNTS)?;
    let acct = Params::query(&query.unwrap_or_default())
        .text("acct")
        .unwrap_or_default();
    let (name, domain) = acct
        .split_once('@')
        .map_or((acct.as_str(), None), |(name, domain)| (name, Some(domain)));
    let world = lock(&shared.world);
    let here = domain.is_none_or(|domain| domain.eq_ignore_ascii_case(&shared.domain()));
    let account = world
        .account_named(name)
        .filter(|_| here)
        .ok_or_else(Reply::no_record)?;
    let entity = shared.writer(&world, &viewer).account(account);
    Ok(Reply::json(200, &entity).shared_if(viewer.is_anonymous()))
}

/// `GET /api/v1/accounts/:id`
pub(super) async fn show(
    State(shared): State<Arc<Shared>>,
    Extension(viewer): Extension<Viewer>,
    Path(id): Path<String>,
) -> Answered {
    viewer.needs_if_known(&READ_ACCOUNTS)?;
    let world = lock(&shared.world);
    let account = world.account(number(&id)).ok_or_else(Reply::no_record)?;
    let entity = shared.writer(&world, &viewer).account(account);
    Ok(Reply::json(200, &entity).shared_if(viewer.is_anonymous()))
}

/// `GET /api/v1/accounts/:id/statuses`
pub(super) async fn statuses(
    State(shared): State<Arc<Shared>>,
    Extension(viewer): Extension<Viewer>,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
) -> Answered {
    viewer.needs_if_known(&READ_STATUSES)?;
    let params = Params::query(&query.unwrap_or_default());
    let world = lock(&shared.world);
    let account = world.account(number(&id)).ok_or_else(Reply::no_record)?.id;
    let limit = match params.text("limit") {
        None => PAGE,
        Some(text) => text.parse::<usize>().map_err(|_| Reply::rails(500))?.min(LONGEST_PAGE),
    };
    if world.is_suspended(account) {
        return Ok(Reply::json(200, &Value::from(Vec::<Value>::new())).shared_if(viewer.is_anonymous()));
    }
    let obeys = shared.ways().pages;
    let (params, limit) = if obeys {
        (params, limit)
    } else {
        (Params::query(""), WITHOUT_PAGES)
    };
    let page = page(&world, account, &viewer, &params, limit, shared.ways().min_id);
    let writer = shared.writer(&world, &viewer);
    let entities: Vec<Value> = page.iter().map(|status| writer.status(status)).collect();
    let mut reply = Reply::json(200, &Value::from(entities)).shared_if(viewer.is_anonymous());
    if let Some(links) = links(&writer, account, &params, &page, limit).filter(|_| obeys) {
        reply = reply.with(header::LINK, &links);
    }
    Ok(reply)
}

/// An id; what isn't a number counts as 0.
pub(super) fn number(id: &str) -> u64 {
    id.parse().unwrap_or_default()
}

/// The page that was asked for, newest first.
fn page<'a>(
    world: &'a World,
    account: u64,
    viewer: &Viewer,
    params: &Params,
    limit: usize,
    from_below: bool,
) -> Vec<&'a Status> {
    let bound = |name: &str| params.text(name).filter(|id| !id.is_empty()).map(|id| number(&id));
    let (below, above, lowest_above) = (bound("max_id"), bound("since_id"), bound("min_id"));
    let wanted = |status: &&Status| {
        status.account == account
            && World::sees(status, viewer.user())
            && chosen(status, params)
            && below.is_none_or(|id| status.id < id)
            && above.is_none_or(|id| status.id > id)
            && lowest_above.is_none_or(|id| status.id > id)
    };
    let all = world.statuses.values().filter(wanted);
    if lowest_above.is_some() && from_below {
        let mut page: Vec<&Status> = all.take(limit).collect();
        page.reverse();
        page
    } else {
        all.rev().take(limit).collect()
    }
}

fn chosen(status: &Status, params: &Params) -> bool {
    let asked = |name: &str| params.truth(name) == Some(true);
    let to_another = status.reply_to_account.is_some_and(|account| account != status.account);
    !(asked("pinned")
        || asked("exclude_reblogs") && status.boost_of.is_some()
        || asked("exclude_replies") && to_another
        || asked("only_media") && status.media.is_empty()
        || asked("exclude_direct") && status.audience == Audience::Direct)
        && params
            .text("tagged")
            .is_none_or(|tag| status.tags.contains(&super::text::normal_tag(&tag)))
}

/// The addresses of the next page, if this one is full, and of the one before.
fn links(writer: &Writer<'_>, account: u64, params: &Params, page: &[&Status], limit: usize) -> Option<String> {
    let (first, last) = (page.first()?, page.last()?);
    let link = |relation: &str, name: &str, id: u64| {
        let mut parts = BTreeMap::from([(name, id.to_string())]);
        for name in REPEATED {
            parts.extend(params.text(name).map(|value| (name, value)));
        }
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        let query = query.extend_pairs(parts).finish();
        let address = address(writer.base, &format!("/api/v1/accounts/{account}/statuses?{query}"));
        format!("<{address}>; rel=\"{relation}\"")
    };
    let mut links = Vec::new();
    if page.len() == limit {
        links.push(link("next", "max_id", last.id));
    }
    links.push(link("prev", "min_id", first.id));
    Some(links.join(", "))
}
