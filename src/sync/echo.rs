//! A copy is never a source (invariant 4): not by its uri, not by the program that posted it, and not by the link and the
//! words that it carries, which also hold when the ledger was lost.

use tombolo_model::{ApId, Fetched, Post};
use tombolo_text as text;

use super::{Engine, Route, SyncError};
use crate::ledger::Delivery;
use crate::transform::words::words;

/// How many letters and digits two posts must begin with alike.
const ALIKE: usize = 24;
/// Most links that are followed to see what they lead to.
const MOST_LINKS: usize = 3;

/// Why a post is a copy of another one that tombolo carries; `None` when it isn't.
pub(super) async fn copied(
    engine: &Engine,
    routes: &[Route],
    delivery: &Delivery,
    post: &Post,
) -> Result<Option<String>, SyncError> {
    for name in &post.aliases {
        if engine.ledger.copy_owner(name)?.is_some() {
            return Ok(Some("it is a copy that tombolo has made".into()));
        }
    }
    if post
        .application
        .as_deref()
        .is_some_and(|name| name.trim().eq_ignore_ascii_case("tombolo"))
    {
        return Ok(Some("it was posted by tombolo, so it is a copy".into()));
    }
    let own = delivery.source.0.origin();
    let words = words(post);
    for link in links_of(&words.body, post).into_iter().take(MOST_LINKS) {
        for route in routes {
            let Some(source) = engine.sources.get(&route.from) else {
                continue;
            };
            let Ok(id) = source.id().await else { continue };
            if id.0.origin() != link.origin() || (id == delivery.source && link.origin() == own) {
                continue;
            }
            let Ok(Fetched::Post(original)) = source.fetch(&link).await else {
                continue;
            };
            if original.id != post.id && begins_like(post, &original) {
                return Ok(Some(format!("it is a copy of {}", original.link)));
            }
        }
    }
    Ok(None)
}

/// The addresses that a post's text names, beside its own.
fn links_of(body: &str, post: &Post) -> Vec<ApId> {
    let mut links: Vec<ApId> = text::urls(body)
        .into_iter()
        .filter_map(|place| ApId::parse(&body[place].replace("%40", "@")))
        .filter(|link| !post.aliases.contains(link.as_str()))
        .collect();
    // The link of a copy stands at its end.
    links.reverse();
    links.dedup();
    links
}

/// Whether a post begins like a copy of `original` would.
fn begins_like(post: &Post, original: &Post) -> bool {
    let (copy, model) = (letters(post), letters(original));
    let model: String = model.chars().take(ALIKE).collect();
    copy.starts_with(&model)
}

/// The letters and digits of title and text, without links, in lower case.
fn letters(post: &Post) -> String {
    let words = words(post);
    let title = words.title.unwrap_or_default();
    let mut body = words.body;
    let mut places = text::urls(&body);
    places.sort_by_key(|place| std::cmp::Reverse(place.start));
    for place in places {
        body.replace_range(place, "");
    }
    // A title that is the text's beginning stands once.
    let (title, body) = (plain(&title), plain(&body));
    if body.starts_with(&title) { body } else { title + &body }
}

fn plain(text: &str) -> String {
    text.chars()
        .filter(|c| c.is_alphanumeric())
        .flat_map(char::to_lowercase)
        .collect()
}
