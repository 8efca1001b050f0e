//! The text of a copy: from what the source wrote to a status that the destination takes, whole and unharmed.
//!
//! Pure functions: no clock, no network, no platform's name. How a destination counts comes as [`TextRules`].
//! Nothing here cuts a link or a grapheme, mentions anybody, or counts a text shorter than the server would.
//!
//! [`TextRules`]: tombolo_model::TextRules

mod alt;
mod chars;
mod compose;
mod cut;
mod fold;
mod hashtags;
mod html;
mod language;
mod length;
mod link_tail;
mod links;
mod markdown;
mod mentions;
mod plain;
mod tlds;

#[cfg(test)]
mod tests;

pub use alt::alt_text;
pub use compose::{Fitted, StatusText, TooSmall, compose};
pub use hashtags::{hashtag, hashtags, normalised_hashtag, tags_in};
pub use language::language;
pub use length::length;
pub use links::{links, urls};
pub use markdown::markdown_to_plain;
pub use mentions::{mentions, neutralise_mentions};
pub use plain::{clean, clean_line};
