//! Actors: whose outbox is read.

use serde_json::Value;
use tombolo_model::{ApId, Origin, SourceError, as_array, id_of};
use tombolo_net::Net;
use url::Url;

use crate::{Object, fetch_object, types_of};

/// An actor, as far as reading its posts needs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Actor {
    /// Its id, as served.
    pub id: ApId,
    /// `Group` on PeerTube means a channel, `Person` an account.
    pub is_group: bool,
    /// Name without host.
    pub username: String,
    /// Where its activities are listed.
    pub outbox: Option<Url>,
    /// Actors it belongs to (a channel's account).
    pub attributed_to: Vec<String>,
}

/// Fetches an actor from `instance` and checks that it is one a creator can be read from.
pub async fn fetch_actor(net: &Net, instance: &Url, id: &Url) -> Result<Option<Actor>, SourceError> {
    if Origin::of(id) != Origin::of(instance) {
        return Err(SourceError::NotFound(format!(
            "the handle leads to {id}, which is on another server; set instance = \"{}\"",
            Origin::of(id)
        )));
    }
    match fetch_object(net, id).await? {
        Object::Found(value) => parse_actor(&value).map(Some),
        Object::Gone => Ok(None),
        Object::Forbidden(status) => Err(SourceError::Unsupported(format!(
            "the actor {id} can't be read without signing (status {status})"
        ))),
        Object::Unchanged => Err(SourceError::Malformed(format!(
            "{id} was answered with 304 although nothing is kept of it"
        ))),
    }
}

fn parse_actor(value: &Value) -> Result<Actor, SourceError> {
    let malformed = |what: &str| SourceError::Malformed(format!("the actor document has {what}"));
    let id = value
        .get("id")
        .and_then(Value::as_str)
        .and_then(ApId::parse)
        .ok_or_else(|| malformed("no usable id"))?;
    if value.get("suspended").and_then(Value::as_bool) == Some(true) {
        return Err(SourceError::NotFound(format!("{id} is suspended by its instance")));
    }
    if let Some(to) = value.get("movedTo").and_then(id_of) {
        return Err(SourceError::NotFound(format!(
            "{id} has moved to {to}; change instance and handle"
        )));
    }
    Ok(Actor {
        is_group: types_of(value).any(|t| t == "Group"),
        username: value
            .get("preferredUsername")
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned(),
        outbox: value.get("outbox").and_then(id_of).and_then(|url| Url::parse(url).ok()),
        attributed_to: as_array(value.get("attributedTo").unwrap_or(&Value::Null))
            .iter()
            .filter_map(id_of)
            .map(str::to_owned)
            .collect(),
        id,
    })
}
