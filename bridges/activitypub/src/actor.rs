//! Actors: whose outbox is read.

use serde_json::Value;
use tombolo_model::{ApId, Origin, SourceError, as_array, id_of};
use tombolo_net::Net;
use url::Url;

use crate::webfinger::is_name;
use crate::{Object, fetch_object, types_of};

/// Most actors that one is looked up to belong to. A channel has one account.
const MAX_OWNERS: usize = 20;

/// An actor, as far as reading its posts needs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Actor {
    /// Its id, as served.
    pub id: ApId,
    /// `Group` on PeerTube means a channel, `Person` an account.
    pub is_group: bool,
    /// Name without host; empty where it isn't one.
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
        let to = ApId::parse(to).map_or_else(|| "another account".to_owned(), String::from);
        return Err(SourceError::NotFound(format!(
            "{id} has moved to {to}; change instance and handle"
        )));
    }
    let outbox = value.get("outbox").and_then(id_of).and_then(ApId::parse);
    Ok(Actor {
        is_group: types_of(value).any(|t| t == "Group"),
        username: value
            .get("preferredUsername")
            .and_then(Value::as_str)
            .filter(|name| is_name(name))
            .unwrap_or_default()
            .to_owned(),
        // An outbox on another host isn't this actor's (contract activitypub §2.2).
        outbox: outbox
            .filter(|outbox| outbox.origin() == id.origin())
            .map(|outbox| outbox.to_url()),
        attributed_to: as_array(value.get("attributedTo").unwrap_or(&Value::Null))
            .iter()
            .filter_map(id_of)
            .filter(|owner| owner.len() <= ApId::MAX_BYTES)
            .take(MAX_OWNERS)
            .map(str::to_owned)
            .collect(),
        id,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::mangled::{any_json, mangled, recorded_bodies};

    fn sound(actor: &Actor) {
        assert!(
            actor
                .outbox
                .as_ref()
                .is_none_or(|outbox| Origin::of(outbox) == actor.id.origin())
        );
        assert!(actor.username.is_empty() || is_name(&actor.username));
        assert!(actor.attributed_to.len() <= MAX_OWNERS);
    }

    #[test]
    fn recorded_actors_are_read() {
        let actors: Vec<Actor> = recorded_bodies(&["040", "041"])
            .iter()
            .map(|a| parse_actor(a).unwrap())
            .collect();
        assert!(!actors[0].is_group && actors[1].is_group);
        assert_eq!(actors[0].username, "alice");
        assert_eq!(
            actors[1].outbox.as_ref().unwrap().as_str(),
            "http://127.0.0.1:9011/video-channels/alice_channel/outbox"
        );
        assert_eq!(actors[1].attributed_to, [actors[0].id.as_str()]);
    }

    #[test]
    fn an_outbox_on_another_host_or_of_another_scheme_is_none() {
        for outbox in [
            "https://evil.example/outbox",
            "javascript:alert(1)",
            "/outbox",
            "file:///outbox",
        ] {
            let actor = parse_actor(&json!({"id": "https://v.example/a/me", "outbox": outbox})).unwrap();
            assert_eq!(actor.outbox, None, "{outbox}");
        }
    }

    #[test]
    fn a_name_that_is_a_path_is_no_name() {
        for name in ["../videos", "a/b", "", "a b", &"x".repeat(101)] {
            let actor = parse_actor(&json!({"id": "https://v.example/a/me", "preferredUsername": name})).unwrap();
            assert_eq!(actor.username, "", "{name}");
        }
    }

    #[test]
    fn a_moved_or_suspended_actor_says_so() {
        let moved = parse_actor(&json!({"id": "https://v.example/a/me", "movedTo": "https://w.example/a/me"}));
        assert!(matches!(moved, Err(SourceError::NotFound(text)) if text.contains("https://w.example/a/me")));
        let long = parse_actor(&json!({"id": "https://v.example/a/me", "movedTo": "x".repeat(1 << 20)}));
        assert!(matches!(long, Err(SourceError::NotFound(text)) if text.len() < 200));
        let suspended = parse_actor(&json!({"id": "https://v.example/a/me", "suspended": true}));
        assert!(matches!(suspended, Err(SourceError::NotFound(text)) if text.contains("suspended")));
    }

    proptest! {
        #[test]
        fn no_document_in_an_actors_place_does_harm(value in any_json()) {
            let _ = parse_actor(&value).map(|actor| sound(&actor));
        }

        #[test]
        fn no_faulty_actor_does_harm(value in mangled(recorded_bodies(&["040", "041"]))) {
            let _ = parse_actor(&value).map(|actor| sound(&actor));
        }
    }
}
