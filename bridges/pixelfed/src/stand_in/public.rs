//! What everybody can read in JSON, without a token: the routes of the web page (contract §7).

use std::sync::Arc;

use axum::extract::{Path, RawQuery, State};
use axum::http::header;
use base64::Engine;
use chrono::{DateTime, NaiveDateTime, Utc};
use serde_json::{Value, json};

use super::entities::{BASE64, base64};
use super::params::Params;
use super::reply::{Answered, Reply};
use super::world::{Account, Scope, Status, World};
use super::{Shared, address, lock};

/// Posts a page, unless the request says otherwise.
const PAGE: usize = 9;
/// A longer page is refused.
const LONGEST_PAGE: u64 = 24;
/// How a cursor writes its second.
const SECOND: &str = "%Y-%m-%d %H:%M:%S";

/// `GET /api/pixelfed/v1/accounts/:id`
pub(super) async fn account(State(shared): State<Arc<Shared>>, Path(id): Path<String>) -> Answered {
    let world = lock(&shared.world);
    let account = known(&world, &id)?;
    Ok(Reply::json(200, &shared.writer(&world, false).native_account(account)))
}

fn known<'a>(world: &'a World, id: &str) -> Result<&'a Account, Reply> {
    let account = id.parse().ok().and_then(|id| world.account(id));
    account.ok_or_else(|| Reply::abort(404, "Account not found"))
}

/// A place in a list: the second of a post, and to which side the list goes on.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Cursor {
    second: DateTime<Utc>,
    to_older: bool,
}

impl Cursor {
    fn read(text: &str) -> Option<Self> {
        let json: Value = serde_json::from_slice(&BASE64.decode(text).ok()?).ok()?;
        let second = NaiveDateTime::parse_from_str(json.get("created_at")?.as_str()?, SECOND).ok()?;
        Some(Self {
            second: second.and_utc(),
            to_older: json.get("_pointsToNextItems")?.as_bool()?,
        })
    }

    fn write(self) -> String {
        let second = self.second.format(SECOND);
        let json = format!(r#"{{"created_at":"{second}","_pointsToNextItems":{}}}"#, self.to_older);
        base64(json.as_bytes())
    }
}

/// `GET /api/pixelfed/v1/accounts/:id/statuses`. A cursor is a second, no more: posts of the same second as the last of a
/// page are left out of the next one.
pub(super) async fn statuses(
    State(shared): State<Arc<Shared>>,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
) -> Answered {
    let query = query.unwrap_or_default();
    let params = Params::query(&query);
    let limit = match params.number("limit") {
        Ok(limit) => limit.unwrap_or(PAGE as u64).max(1),
        Err(()) => return Err(Reply::invalid(&[("limit", "The limit must be an integer.".to_owned())])),
    };
    if limit > LONGEST_PAGE {
        let text = format!("The limit may not be greater than {LONGEST_PAGE}.");
        return Err(Reply::invalid(&[("limit", text)]));
    }
    let limit = usize::try_from(limit).unwrap_or(PAGE);
    let cursor = params.text("cursor").and_then(|text| Cursor::read(&text));
    let world = lock(&shared.world);
    let account = known(&world, &id)?;
    if account.preferences.locked {
        return Ok(Reply::json(200, &json!([])));
    }
    let (page, links) = page(&world, account, limit, cursor);
    let writer = shared.writer(&world, false);
    let entities: Vec<Value> = page.iter().map(|status| writer.native_status(status)).collect();
    let reply = Reply::json(200, &entities.into());
    let links: Vec<String> = links
        .into_iter()
        .map(|(relation, cursor)| {
            format!(
                "<{}>; rel=\"{relation}\"",
                page_address(&shared, account, &query, cursor)
            )
        })
        .collect();
    Ok(if links.is_empty() {
        reply
    } else {
        reply.with(header::LINK, &links.join(", "))
    })
}

/// The posts of a page, and where others are: the older ones are called the previous ones.
fn page<'a>(
    world: &'a World,
    account: &Account,
    limit: usize,
    cursor: Option<Cursor>,
) -> (Vec<&'a Status>, Vec<(&'static str, Cursor)>) {
    let beyond = |status: &&Status| {
        cursor.is_none_or(|cursor| {
            let second = status.created_at.timestamp();
            let at = cursor.second.timestamp();
            if cursor.to_older { second < at } else { second > at }
        })
    };
    let open = |status: &&Status| {
        status.account == account.id
            && matches!(status.scope, Scope::Public | Scope::Unlisted)
            && world.is_listed(status)
    };
    let mut all: Vec<&Status> = world.statuses.values().filter(open).filter(beyond).collect();
    // Within a second the order is the database's; it was mostly recorded like this.
    all.sort_by_key(|status| (std::cmp::Reverse(status.created_at.timestamp()), status.id));
    let to_older = cursor.is_none_or(|cursor| cursor.to_older);
    let there_are_more = all.len() > limit;
    let page: Vec<&Status> = if to_older {
        all.into_iter().take(limit).collect()
    } else {
        let from = all.len().saturating_sub(limit);
        all.split_off(from)
    };
    let mut links = Vec::new();
    if let (Some(first), Some(last)) = (page.first(), page.last()) {
        let has_newer = cursor.is_some() && (to_older || there_are_more);
        let has_older = if to_older { there_are_more } else { true };
        if has_newer {
            let cursor = Cursor {
                second: first.created_at,
                to_older: false,
            };
            links.push(("next", cursor));
        }
        if has_older {
            let cursor = Cursor {
                second: last.created_at,
                to_older: true,
            };
            links.push(("prev", cursor));
        }
    }
    (page, links)
}

fn page_address(shared: &Shared, account: &Account, query: &str, cursor: Cursor) -> String {
    let mut kept = url::form_urlencoded::Serializer::new(String::new());
    for (name, value) in url::form_urlencoded::parse(query.as_bytes()).filter(|(name, _)| name != "cursor") {
        kept.append_pair(&name, &value);
    }
    kept.append_pair("cursor", &cursor.write());
    let path = format!("/api/pixelfed/v1/accounts/{}/statuses?{}", account.id, kept.finish());
    address(&shared.base, &path)
}

/// `GET /api/v2/profile/:name/status/:id`
pub(super) async fn status(State(shared): State<Arc<Shared>>, Path((name, id)): Path<(String, String)>) -> Answered {
    let world = lock(&shared.world);
    let account = world.account_named(&name).ok_or_else(|| Reply::abort(404, ""))?;
    let status = id.parse().ok().and_then(|id: u64| world.statuses.get(&id));
    let status = status
        .filter(|status| status.account == account.id)
        .filter(|status| matches!(status.scope, Scope::Public | Scope::Unlisted))
        .ok_or_else(|| Reply::no_model("Status", &id))?;
    let entity = shared.writer(&world, false).native_status(status);
    Ok(Reply::json(200, &json!({ "status": entity })))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_written_as_it_was_recorded() {
        let recorded = "eyJjcmVhdGVkX2F0IjoiMjAyNi0xMS0yMyAwNTo1MDo0OCIsIl9wb2ludHNUb05leHRJdGVtcyI6dHJ1ZX0";
        let cursor = Cursor::read(recorded).expect("a cursor");
        assert!(cursor.to_older);
        assert_eq!(cursor.write(), recorded);
    }
}
