//! A copy is never a source (invariant 4): not by its uri, not by the program that posted it, and not by the link and the
//! words that it carries, which also hold when the ledger was lost.

use std::collections::BTreeSet;

use tombolo_model::{ApId, Fetched, Post, SourceError};
use tombolo_text as text;

use super::{Engine, SyncError};
use crate::ledger::Delivery;
use crate::transform::words::words;

/// How many letters and digits two posts must have alike.
const ALIKE: usize = 24;
/// How many letters and digits of a title say something.
const LEAST_TITLE: usize = 12;
/// How many a template may put before a copy's own.
const PREFACE: usize = 60;
/// Most links that are followed to see what they lead to.
const MOST_LINKS: usize = 3;

/// What a post is.
pub(super) enum Echo {
    /// It was written here.
    Original,
    /// It is a copy, for this reason.
    Copy(String),
    /// It may be one: what it links to can't be read now.
    CannotTell(String),
}

/// Whether a post is a copy of another one that tombolo carries.
pub(super) async fn copied(engine: &Engine, delivery: &Delivery, post: &Post) -> Result<Echo, SyncError> {
    for name in &post.aliases {
        if engine.ledger.copy_owner(name)?.is_some() {
            return Ok(Echo::Copy("it is a copy that tombolo has made".into()));
        }
    }
    if post
        .application
        .as_deref()
        .is_some_and(|name| name.trim().eq_ignore_ascii_case("tombolo"))
    {
        return Ok(Echo::Copy("it was posted by tombolo, so it is a copy".into()));
    }
    let own = delivery.source.0.origin();
    let words = words(post);
    for link in links_of(&words.body, post).into_iter().take(MOST_LINKS) {
        let mut asked = BTreeSet::new();
        for route in &engine.routes {
            let Some(source) = engine.sources.get(&route.from).filter(|_| asked.insert(&route.from)) else {
                continue;
            };
            // Ids may have another host than the instance.
            let id = match source.id().await {
                Ok(id) => id,
                Err(e) if link.origin() == route.origin => match doubt(&link, &e) {
                    Some(unclear) => return Ok(unclear),
                    None => continue,
                },
                Err(_) => continue,
            };
            if link.origin() != route.origin && link.origin() != id.0.origin() {
                continue;
            }
            if id == delivery.source && link.origin() == own {
                continue;
            }
            let original = match source.fetch(&link).await {
                Ok(Fetched::Post(original)) => original,
                Ok(_) => continue,
                Err(e) => match doubt(&link, &e) {
                    Some(unclear) => return Ok(unclear),
                    None => continue,
                },
            };
            if original.id != post.id && is_like(post, &original) {
                return Ok(Echo::Copy(format!("it is a copy of {}", original.link)));
            }
        }
    }
    Ok(Echo::Original)
}

/// Whether a failure leaves it open what a link leads to. A server that doesn't show it shows no original of a copy either.
fn doubt(link: &ApId, error: &SourceError) -> Option<Echo> {
    match error {
        SourceError::Transient(_) | SourceError::Throttled { .. } => Some(Echo::CannotTell(format!(
            "it links to {link}, and whether it is a copy of that can't be told: {error}"
        ))),
        _ => None,
    }
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

/// Whether a post's words are a copy's of `original`: the original's beginning stands near the copy's, or the copy's
/// beginning somewhere in the original, as that of a thread's further part does; or it is little more than the title. Few
/// words must be the same altogether.
fn is_like(post: &Post, original: &Post) -> bool {
    let (copy, model) = (letters(post), letters(original));
    let title = plain(original.title.as_deref().unwrap_or_default());
    let rest = copy.strip_suffix(&title).map(|rest| rest.chars().count());
    if title.chars().count() >= LEAST_TITLE && rest.is_some_and(|rest| rest <= LEAST_TITLE) {
        return true;
    }
    let begin = |text: &str, most: usize| text.chars().take(most).collect::<String>();
    let is_long = |text: &str| text.chars().count() >= ALIKE;
    if !is_long(&copy) || !is_long(&model) {
        return copy == model;
    }
    begin(&copy, ALIKE + PREFACE).contains(&begin(&model, ALIKE)) || model.contains(&begin(&copy, ALIKE))
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
