//! One post, in full: by its number with a token; else by the route of the web pages, or as other servers see it.

use serde_json::Value;
use tombolo_activitypub::{Object, fetch_object};
use tombolo_model::{ApId, Fetched, Post, SourceError, Visibility, as_array, id_of};

use crate::creator::Creator;
use crate::entity::post_from_native;
use crate::listing::is_by;
use crate::note::post_from_note;
use crate::wire::{Api, Failure, Said};

/// With a token, which shows private posts too: those are said to be private.
pub(crate) async fn with_token(api: &Api, account: &str, id: &ApId) -> Result<Fetched, SourceError> {
    let Some(number) = number(id) else {
        return Ok(Fetched::NotPublic("its address names no post".into()));
    };
    let query = [("_pe", "1".to_owned())];
    match api.read(&["api", "v1", "statuses", &number], &query).await {
        Ok(value) if !is_by(&value, account) => Ok(Fetched::NotPublic("it is by another account".into())),
        Ok(value) => carried(post_from_native(&value), id),
        Err(Failure::NotFound(_)) => Ok(Fetched::Gone),
        Err(Failure::Forbidden(_)) => Ok(Fetched::NotPublic("Pixelfed answers 403: it is private".into())),
        Err(other) => Err(other.into()),
    }
}

/// Without a token. The route of the web pages says more than a Note does, where it is open.
pub(crate) async fn in_public(api: &Api, creator: &Creator, id: &ApId) -> Result<Fetched, SourceError> {
    let Some(number) = number(id) else {
        return Ok(Fetched::NotPublic("its address names no post".into()));
    };
    let answer = api
        .open(&["api", "v2", "profile", &creator.name, "status", &number], &[])
        .await?;
    let mut broken = None;
    let page = match api.judge(&answer) {
        Said::Json(value) => {
            let post = value.get("status").and_then(|status| {
                let by = status
                    .get("account")
                    .and_then(|a| a.get("username"))
                    .and_then(Value::as_str);
                by.filter(|by| by.eq_ignore_ascii_case(&creator.name))?;
                post_from_native(status)
            });
            if let Some(post) = post {
                return carried(Some(post), id);
            }
            "something else than the post".to_owned()
        }
        Said::NotFound(why) => why,
        Said::TooOften(until, what) => return Err(SourceError::Throttled { what, until }),
        Said::Broken(_, why) => broken.insert(why).clone(),
        other => other.into_words(),
    };
    match fetch_object(api.net(), &id.to_url()).await {
        Ok(Object::Found(note)) if !by_creator(&note, creator) => {
            Ok(Fetched::NotPublic(format!("it is not by {}", creator.actor)))
        }
        Ok(Object::Found(note)) => carried(post_from_note(&note), id),
        Ok(Object::Gone) => gone(api, creator).await,
        Ok(Object::Forbidden(_)) => Ok(Fetched::NotPublic("Pixelfed answers 403: it is private".into())),
        Ok(Object::Unchanged) => Err(SourceError::Malformed(format!("{id} was answered with 304 unasked"))),
        // With federation off, the page for people comes instead, and the other route doesn't tell private from gone.
        Err(SourceError::Malformed(_)) if matches!(api.judge(&answer), Said::NotFound(_)) => Ok(hidden()),
        Err(SourceError::Malformed(why)) if broken.is_some() => Err(SourceError::Transient(format!(
            "{id} can't be read now: {page}; nor by ActivityPub ({why})"
        ))),
        Err(SourceError::Malformed(why)) => Err(SourceError::Unsupported(format!(
            "{id} can't be read without a token, neither by the route of the web pages ({page}) nor by ActivityPub \
             ({why}); configure a token"
        ))),
        Err(other) => Err(other),
    }
}

/// With federation off, the page for people answers 404 for a private account's posts too. So a post is gone only where its
/// maker is still there.
async fn gone(api: &Api, creator: &Creator) -> Result<Fetched, SourceError> {
    match fetch_object(api.net(), &creator.actor.to_url()).await {
        Ok(Object::Found(_)) => Ok(Fetched::Gone),
        Ok(_) | Err(SourceError::Malformed(_)) => Ok(hidden()),
        Err(other) => Err(other),
    }
}

fn hidden() -> Fetched {
    Fetched::NotPublic("Pixelfed shows it to nobody who isn't signed in: it is private, or gone".into())
}

fn carried(post: Option<Post>, id: &ApId) -> Result<Fetched, SourceError> {
    let post = post
        .filter(|post| post.aliases.contains(id.as_str()) && post.id.origin() == id.origin())
        .ok_or_else(|| SourceError::Malformed(format!("{id} is described in a way that can't be read")))?;
    if post.visibility == Visibility::Private {
        return Ok(Fetched::NotPublic("it is for followers only".into()));
    }
    Ok(Fetched::Post(Box::new(post)))
}

fn by_creator(note: &Value, creator: &Creator) -> bool {
    as_array(note.get("attributedTo").unwrap_or(&Value::Null))
        .iter()
        .filter_map(id_of)
        .any(|id| id == creator.actor.as_str())
}

/// The post's number: `…/p/NAME/NUMBER`.
fn number(id: &ApId) -> Option<String> {
    let url = id.to_url();
    let last = url.path_segments()?.next_back()?.to_owned();
    (!last.is_empty() && last.len() <= 20 && last.bytes().all(|b| b.is_ascii_digit())).then_some(last)
}
