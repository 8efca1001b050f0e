//! A post's own words, in plain text: what its copies are written from.

use tombolo_model::{Markup, Post};
use tombolo_text as text;

/// A post's words.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Words {
    /// Title, where it has one.
    pub title: Option<String>,
    /// The text, with its poll and what it quotes.
    pub body: String,
    /// Tags without `#`, each once: the post's own first, then those of its text.
    pub tags: Vec<String>,
}

/// Reads a post's words.
pub fn words(post: &Post) -> Words {
    let mut tags = post.tags.clone();
    let mut body = match &post.body {
        Markup::Markdown(source) => text::markdown_to_plain(source),
        Markup::Plain(plain) => plain.clone(),
        Markup::Html(html) => {
            let plain = text::html_to_plain(html, &post.mentions);
            // Tags that stand alone at the end are written where the copy has its tags.
            tags.extend(
                plain
                    .trailing_tags
                    .iter()
                    .map(|tag| tag.trim_start_matches('#').to_owned()),
            );
            plain.body().to_owned()
        }
    };
    if !post.poll.is_empty() {
        let choices: Vec<String> = post.poll.iter().map(|choice| format!("○ {choice}")).collect();
        append(&mut body, &choices.join("\n"));
    }
    if let Some(quoted) = &post.quote
        && !body.contains(quoted.as_str())
    {
        append(&mut body, &format!("RE: {quoted}"));
    }
    let mut seen = std::collections::HashSet::new();
    tags.retain(|tag| seen.insert(text::normalised_hashtag(tag)));
    Words {
        title: post.title.clone(),
        body,
        tags,
    }
}

/// Title, text and warning in one, to look for words in.
pub fn searchable(post: &Post) -> String {
    let words = words(post);
    [
        words.title.unwrap_or_default(),
        words.body,
        post.content_warning.clone().unwrap_or_default(),
    ]
    .join("\n")
}

fn append(body: &mut String, block: &str) {
    if !body.trim().is_empty() {
        body.push_str("\n\n");
    }
    body.push_str(block);
}
