//! Who is read: from a handle to the actor, and to the account's number in the API (contract pixelfed §1, §7).

use serde::{Deserialize, Serialize};
use serde_json::Value;
use tombolo_activitypub::{Handle, find_actor, source_error};
use tombolo_model::{ApId, Origin, SourceError};
use tombolo_net::Get;

use crate::entity::identifier;
use crate::wire::Api;

/// Largest profile page read.
const MAX_PAGE: u64 = 2 << 20;

/// Whose posts are read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Creator {
    pub(crate) actor: ApId,
    pub(crate) name: String,
}

/// Asks WebFinger, which answers even where federation is off (contract pixelfed §1).
pub(crate) async fn find(api: &Api, handle: &Handle) -> Result<Creator, SourceError> {
    let origin = Origin::of(api.instance());
    let actor = find_actor(api.net(), api.instance(), handle).await?.ok_or_else(|| {
        SourceError::NotFound(format!(
            "{origin} knows nobody named {handle}; check instance and handle"
        ))
    })?;
    let name = actor.path_segments().and_then(|mut s| s.next_back().map(str::to_owned));
    match (ApId::parse(actor.as_str()), name) {
        (Some(id), Some(name)) if id.origin() == origin && !name.is_empty() => Ok(Creator { actor: id, name }),
        _ => Err(SourceError::NotFound(format!(
            "{handle} leads to {actor}, which is on another server; set instance = \"{}\"",
            Origin::of(&actor)
        ))),
    }
}

/// The account's number, as the token's owner sees it.
pub(crate) async fn account_by_token(api: &Api, creator: &Creator) -> Result<String, SourceError> {
    let own = api.read(&["api", "v1", "accounts", "verify_credentials"], &[]).await?;
    let is_creator = |account: &Value| {
        let name = account.get("username").and_then(Value::as_str);
        name.is_some_and(|name| name.eq_ignore_ascii_case(&creator.name))
    };
    let id = |account: &Value| account.get("id").and_then(identifier);
    if let Some(id) = id(&own).filter(|_| is_creator(&own)) {
        return Ok(id);
    }
    // The token is somebody else's, who may read this account all the same.
    let path = ["api", "v1.1", "accounts", "username", &creator.name];
    let other = api.read(&path, &[]).await?;
    id(&other).filter(|_| is_creator(&other)).ok_or_else(|| {
        let origin = Origin::of(api.instance());
        SourceError::NotFound(format!("{origin} has no account named {} in its API", creator.name))
    })
}

/// The account's number, as the profile page names it.
pub(crate) async fn account_by_page(api: &Api, creator: &Creator) -> Result<String, SourceError> {
    let url = api.address(&[&creator.name], &[]).map_err(SourceError::Refused)?;
    let get = Get {
        accept: "text/html",
        max_bytes: MAX_PAGE,
        family: "pages",
        ..Get::json(url.clone())
    };
    let answer = api.net().get(&get).await.map_err(source_error)?;
    let page = String::from_utf8_lossy(&answer.body);
    let number = page
        .split("profile-id=\"")
        .nth(1)
        .and_then(|rest| rest.split('"').next());
    number
        .map(|n| Value::String(n.to_owned()))
        .as_ref()
        .and_then(identifier)
        .filter(|_| answer.status.is_success())
        .ok_or_else(|| {
            SourceError::Unsupported(format!(
                "{url} doesn't tell the account's number (status {}), without which the public list can't be read; use a \
                 token, or read = \"rss\"",
                answer.status.as_u16()
            ))
        })
}
