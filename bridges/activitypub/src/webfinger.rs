//! From a handle to an actor (RFC 7033; contract activitypub §1).

use std::fmt;

use serde_json::Value;
use tombolo_model::{ApId, SourceError, as_array};
use tombolo_net::{Get, Net};
use url::Url;

use crate::source_error;

/// A creator's handle: a name, and a host where it was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Handle {
    /// Name, as typed.
    pub name: String,
    /// Host, lower case, with a port where one was given.
    pub host: Option<String>,
}

impl Handle {
    /// Reads `name`, `@name`, `name@host`, `@name@host` or `acct:name@host`.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let text = text.strip_prefix("acct:").unwrap_or(text);
        let text = text.strip_prefix('@').unwrap_or(text);
        let (name, host) = match text.split_once('@') {
            Some((name, host)) => (name, Some(host.to_ascii_lowercase())),
            None => (text, None),
        };
        let host_fits = host
            .as_ref()
            .is_none_or(|h| !h.is_empty() && !h.contains(|c: char| c.is_whitespace() || "/@?#".contains(c)));
        (is_name(name) && host_fits).then(|| Self {
            name: name.to_owned(),
            host,
        })
    }
}

/// Whether this can be the name of an account or channel. Anything else could change the meaning of an address it is put in.
pub(crate) fn is_name(name: &str) -> bool {
    let letters = name.chars().all(|c| c.is_alphanumeric() || "._-".contains(c));
    letters && name.len() <= 100 && !matches!(name, "" | "." | "..")
}

impl fmt::Display for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.host {
            Some(host) => write!(f, "@{}@{host}", self.name),
            None => write!(f, "@{}", self.name),
        }
    }
}

/// Asks `instance` for the actor behind `handle`. `Ok(None)`: the instance knows no such name.
pub async fn find_actor(net: &Net, instance: &Url, handle: &Handle) -> Result<Option<Url>, SourceError> {
    let own_host = match (instance.host_str(), instance.port()) {
        (Some(host), Some(port)) => format!("{host}:{port}"),
        (Some(host), None) => host.to_owned(),
        (None, _) => return Err(SourceError::Refused(format!("{instance} names no host"))),
    };
    let host = handle.host.clone().unwrap_or(own_host);
    let mut url = instance.clone();
    url.set_path("/.well-known/webfinger");
    url.query_pairs_mut()
        .clear()
        .append_pair("resource", &format!("acct:{}@{host}", handle.name));
    let get = Get {
        accept: "application/jrd+json, application/json",
        family: "webfinger",
        max_bytes: 1 << 20,
        ..Get::json(url.clone())
    };
    let answer = net.get(&get).await.map_err(source_error)?;
    match answer.status.as_u16() {
        200 => {}
        // 400 is Pixelfed's way of saying so (§1.1).
        400 | 404 | 410 => return Ok(None),
        status => {
            return Err(SourceError::Malformed(format!(
                "WebFinger at {instance} was answered with status {status}"
            )));
        }
    }
    let value: Value = answer
        .json()
        .map_err(|e| SourceError::Malformed(format!("WebFinger at {instance} was not answered with JSON: {e}")))?;
    Ok(self_link(&value))
}

/// The first `self` link to an ActivityPub document.
fn self_link(value: &Value) -> Option<Url> {
    as_array(value.get("links")?).iter().find_map(|link| {
        let kind = link.get("type")?.as_str()?.trim().to_ascii_lowercase();
        let fits = link.get("rel")?.as_str()? == "self"
            && (kind.starts_with("application/activity+json") || kind.starts_with("application/ld+json"));
        ApId::parse(link.get("href")?.as_str()?)
            .filter(|_| fits)
            .map(|id| id.to_url())
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::mangled::{any_json, mangled, recorded_bodies};

    #[test]
    fn handles_are_read_in_all_their_spellings() {
        let with_host = Some(Handle {
            name: "Me_1".into(),
            host: Some("video.example:8443".into()),
        });
        for text in [
            "Me_1@Video.example:8443",
            "@Me_1@video.example:8443",
            "acct:Me_1@video.example:8443",
        ] {
            assert_eq!(Handle::parse(text), with_host, "{text}");
        }
        assert_eq!(
            Handle::parse("@me"),
            Some(Handle {
                name: "me".into(),
                host: None
            })
        );
        for text in ["", "@", "me@", "me@a/b", "a b", "..", "https://video.example/a/me"] {
            assert_eq!(Handle::parse(text), None, "{text}");
        }
    }

    #[test]
    fn the_self_link_may_carry_any_profile() {
        let links = json!({"links": [
            {"rel": "http://webfinger.net/rel/profile-page", "type": "text/html", "href": "https://v.example/@me"},
            {"rel": "self", "type": "application/ld+json; profile=\"https://www.w3.org/ns/activitystreams\"", "href": "https://v.example/a/me"}
        ]});
        assert_eq!(self_link(&links).unwrap().as_str(), "https://v.example/a/me");
        assert_eq!(self_link(&json!({"links": null})), None);
        assert_eq!(self_link(&json!([])), None);
    }

    #[test]
    fn a_self_link_of_another_scheme_is_none() {
        for href in [
            "javascript:alert(1)",
            "file:///a",
            "/a/me",
            "data:,x",
            &format!("https://v.example/{}", "x".repeat(1 << 20)),
        ] {
            let links = json!({"links": [{"rel": "self", "type": "application/activity+json", "href": href}]});
            assert_eq!(self_link(&links), None, "{href:.40}");
        }
    }

    proptest! {
        #[test]
        fn no_answer_of_webfinger_does_harm(value in any_json()) {
            let _ = self_link(&value);
        }

        #[test]
        fn no_faulty_answer_of_webfinger_does_harm(value in mangled(recorded_bodies(&["034", "035"]))) {
            let link = self_link(&value);
            prop_assert!(link.is_none_or(|url| matches!(url.scheme(), "http" | "https") && url.as_str().len() < 4096));
        }

        #[test]
        fn no_handle_panics_or_smuggles_a_path(text in "\\PC{0,40}|@?[a-z./]{1,8}@[a-z.:/?#]{1,8}") {
            if let Some(handle) = Handle::parse(&text) {
                prop_assert!(!handle.name.contains('/') && !handle.to_string().contains('?'));
            }
        }
    }
}
