//! The ways to read a creator's posts, one a file.

pub(crate) mod api;
pub(crate) mod outbox;
mod pages;
pub(crate) mod rss;

use serde_json::Value;
use tombolo_model::{ApId, DestinationError, Post, Readiness, Sighting, SourceError};

use crate::html::plain;

/// Longest beginning of a text that stands for a title.
const TITLE: usize = 80;

/// What an object says of itself, for messages: its warning, or the beginning of its text.
fn title_of(warning: Option<&str>, html: &str) -> Option<String> {
    let text = match warning {
        Some(warning) => warning.to_owned(),
        None => {
            // What stands in lines of its own is not glued together.
            let ends = ["<br", "</p>", "</li>", "</blockquote>", "</pre>", "</div>", "</h"];
            let parted = ends
                .iter()
                .fold(html.to_owned(), |html, end| html.replace(end, &format!(" {end}")));
            plain(&parted)
        }
    };
    let title: String = text
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
        .chars()
        .take(TITLE)
        .collect();
    (!title.is_empty()).then_some(title)
}

/// A post as a listing shows it.
fn sighting_of(post: &Post) -> Sighting {
    let html = match &post.body {
        tombolo_model::Markup::Html(html) => html.as_str(),
        tombolo_model::Markup::Plain(text) | tombolo_model::Markup::Markdown(text) => text.as_str(),
    };
    Sighting {
        id: post.id.clone(),
        title: title_of(post.content_warning.as_deref(), html),
        published: post.published,
        ready: Some(post.readiness == Readiness::Ready),
        visibility: Some(post.visibility),
    }
}

/// Whether an object is by this actor. Authors come as text, as objects, as lists (contract activitypub §4.1).
fn is_by(object: &Value, actor: &ApId) -> bool {
    tombolo_model::as_array(object.get("attributedTo").unwrap_or(&Value::Null))
        .iter()
        .filter_map(tombolo_model::id_of)
        .any(|author| author == actor.as_str())
}

/// A failure of the API as a reader reports it.
fn reading(error: DestinationError) -> SourceError {
    match error {
        DestinationError::Transient(message) => SourceError::Transient(message),
        DestinationError::Throttled { what, until } => SourceError::Throttled { what, until },
        DestinationError::AuthLost(message) => SourceError::Unsupported(message),
        DestinationError::Malformed(message) => SourceError::Malformed(message),
        DestinationError::Refused(message) => SourceError::Refused(message),
    }
}
