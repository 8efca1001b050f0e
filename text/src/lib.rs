//! The text of a copy: from what the source wrote to a status that the destination takes, whole and unharmed.
//!
//! Pure functions: no clock, no network, no platform's name. How a destination counts comes as [`TextRules`].
//! Nothing here cuts a link or a grapheme, mentions anybody, or counts a text shorter than the server would.
//!
//! [`TextRules`]: tombolo_model::TextRules

mod address;
mod alt;
mod anchor;
mod chars;
mod compose;
mod cut;
mod escape;
mod filters;
mod flow;
mod fold;
pub mod fuzz;
mod hashtags;
mod html;
mod language;
mod length;
mod link_tail;
mod links;
mod markdown;
mod mentions;
mod page;
mod plain;
mod raw_html;
mod template;
mod thread;
mod tlds;
mod vars;
mod video;
mod warning;
mod words;

#[cfg(test)]
mod tests;

pub use alt::alt_text;
pub use compose::{Fitted, StatusText, TooSmall, compose};
pub use escape::plain_to_markdown;
pub use hashtags::{hashtag, hashtags, normalised_hashtag, split_trailing_tags, tags_in};
pub use html::{Plain, html_to_plain};
pub use language::{language, language_bcp47};
pub use length::length;
pub use links::{links, urls};
pub use markdown::markdown_to_plain;
pub use mentions::{mentions, neutralise_mentions};
pub use plain::{clean, clean_line};
pub use template::{DEFAULT_TEMPLATE, Rendered, Template, TemplateError};
pub use thread::compose_thread;
pub use vars::Vars;
pub use video::{VideoText, video_text};
pub use warning::{neutral_warning, split_warning, warned, warning_line};
pub use words::contains_word;
