//! select: whether a route carries a post at all. Pure; the time is passed in.

use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tombolo_model::{Media, MediaKind, Post, PostKind, Visibility};
use tombolo_text as text;

/// Which posts a route carries.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rules {
    /// Whether posts that are unlisted at the source are carried too.
    pub include_unlisted: bool,
    /// Kinds of posts that are carried; empty: all.
    pub kinds: BTreeSet<Kind>,
    /// One of these tags must be there; empty: none is needed. Compared without case and accents.
    pub tags: Vec<String>,
    /// None of these tags may be there.
    pub without_tags: Vec<String>,
    /// One of these words must be in title or text; empty: none is needed.
    pub words: Vec<String>,
    /// None of these words may be in it.
    pub without_words: Vec<String>,
    /// Languages that are carried, by their first part; empty: all, and those of no stated language.
    pub languages: Vec<String>,
    /// Videos and sounds shorter than this aren't carried.
    pub min_duration: Option<Duration>,
    /// Videos and sounds longer than this aren't carried.
    pub max_duration: Option<Duration>,
    /// What becomes of sensitive posts.
    pub sensitive: Sensitive,
    /// What becomes of answers.
    pub replies: Replies,
    /// How old a post must be before it is copied: time to mend typing errors.
    pub min_age: Duration,
    /// What becomes of photos without alternative text.
    pub require_alt: RequireAlt,
}

/// What kind of thing a post is, by what it mainly shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A video.
    Video,
    /// A live broadcast.
    Live,
    /// One or more pictures.
    Photo,
    /// A picture that moves, without sound.
    Animation,
    /// A sound.
    Audio,
    /// A poll.
    Poll,
    /// Text alone.
    Text,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Video => "video",
            Self::Live => "live broadcast",
            Self::Photo => "photo",
            Self::Animation => "animation",
            Self::Audio => "sound",
            Self::Poll => "poll",
            Self::Text => "text",
        })
    }
}

/// What becomes of sensitive posts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Sensitive {
    /// They are carried like others, marked as they are.
    #[default]
    Carry,
    /// They aren't carried.
    Skip,
    /// Only they are carried.
    Only,
}

/// What becomes of answers. Answers to other people are never carried: out of their conversation they mean nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Replies {
    /// Answers to oneself are carried: they continue a thread.
    #[default]
    Own,
    /// None are carried.
    None,
}

/// What becomes of photos without alternative text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RequireAlt {
    /// They are carried.
    #[default]
    Off,
    /// They are carried, and the output says so.
    Warn,
    /// They wait until the creator has written one.
    Hold,
}

/// What the rules say of a post.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is carried; what the creator should know of it.
    Carry(Vec<String>),
    /// It isn't public (enough): it is looked at again when the source lists it again.
    NotPublic(String),
    /// The rules leave it out.
    Skip(String),
    /// Not before then.
    Wait(DateTime<Utc>, String),
    /// The creator has to do something first.
    Hold(String),
}

impl Rules {
    /// Tells one set of rules from another: kept with what they left out.
    pub fn fingerprint(&self) -> String {
        let text = serde_json::to_string(self).unwrap_or_default();
        Sha256::digest(text)[..6].iter().map(|b| format!("{b:02x}")).collect()
    }

    /// What becomes of a post at this time.
    pub fn verdict(&self, post: &Post, now: DateTime<Utc>) -> Verdict {
        match post.visibility {
            Visibility::Private => return Verdict::NotPublic("it is not public".into()),
            Visibility::Unlisted if !self.include_unlisted => {
                return Verdict::NotPublic(
                    "it is unlisted, and the route carries public posts only (include_unlisted = false)".into(),
                );
            }
            Visibility::Public | Visibility::Unlisted => {}
        }
        // First the time to mend it: the rules judge what the creator means.
        let age = TimeDelta::from_std(self.min_age).unwrap_or(TimeDelta::MAX);
        // Without one, a date to come is only a source's clock that is fast.
        if !age.is_zero()
            && let Some(ripe) = post.published.and_then(|at| at.checked_add_signed(age))
            && ripe > now
        {
            return Verdict::Wait(ripe, "it is younger than min_age".into());
        }
        if let Some(why) = self.left_out(post) {
            return Verdict::Skip(why);
        }
        let mute = without_alt(&post.media);
        match (self.require_alt, mute) {
            (_, 0) | (RequireAlt::Off, _) => Verdict::Carry(Vec::new()),
            (RequireAlt::Warn, mute) => Verdict::Carry(vec![format!("{} no alternative text", photos(mute))]),
            (RequireAlt::Hold, mute) => Verdict::Hold(format!(
                "{} no alternative text, and the route asks for it (require_alt = \"hold\"): write one at the source, and it \
                 is carried",
                photos(mute)
            )),
        }
    }

    fn left_out(&self, post: &Post) -> Option<String> {
        match &post.reply {
            Some(reply) if !reply.own => return Some("it answers somebody else".into()),
            Some(_) if self.replies == Replies::None => {
                return Some("it continues a thread, and the route carries none (replies = \"none\")".into());
            }
            _ => {}
        }
        let kind = kind_of(post);
        if !self.kinds.is_empty() && !self.kinds.contains(&kind) {
            return Some(format!(
                "it is of the kind {kind}, which the route doesn't carry (kinds)"
            ));
        }
        match (self.sensitive, post.sensitive || post.content_warning.is_some()) {
            (Sensitive::Skip, true) => return Some("it is sensitive (sensitive = \"skip\")".into()),
            (Sensitive::Only, false) => return Some("it isn't sensitive (sensitive = \"only\")".into()),
            _ => {}
        }
        let tags: BTreeSet<String> = post.tags.iter().map(|tag| text::normalised_hashtag(tag)).collect();
        let has = |tag: &&String| tags.contains(&text::normalised_hashtag(tag));
        if !self.tags.is_empty() && !self.tags.iter().any(|tag| has(&tag)) {
            return Some("it has none of the tags that the route asks for (tags)".into());
        }
        if let Some(tag) = self.without_tags.iter().find(has) {
            return Some(format!(
                "it has the tag #{} (without_tags)",
                tag.trim_start_matches('#')
            ));
        }
        let words = super::words::searchable(post);
        if !self.words.is_empty() && !self.words.iter().any(|word| text::contains_word(&words, word)) {
            return Some("it has none of the words that the route asks for (words)".into());
        }
        if let Some(word) = self.without_words.iter().find(|word| text::contains_word(&words, word)) {
            return Some(format!("it has the word {word:?} (without_words)"));
        }
        if !self.languages.is_empty() {
            let primary = |tag: &str| tag.split(['-', '_']).next().unwrap_or_default().to_ascii_lowercase();
            let own = post.language.as_deref().map(primary);
            if !self.languages.iter().any(|tag| Some(primary(tag)) == own) {
                return Some(match &post.language {
                    Some(language) => format!("its language is {language}, which the route doesn't carry (languages)"),
                    None => "it states no language, and the route asks for one (languages)".into(),
                });
            }
        }
        self.wrong_length(post)
    }

    fn wrong_length(&self, post: &Post) -> Option<String> {
        let seconds = post.media.iter().filter_map(|m| m.duration).max()?;
        let length = Duration::from_secs(seconds.into());
        if self.min_duration.is_some_and(|least| length < least) {
            return Some(format!("it plays {seconds} seconds, less than min_duration"));
        }
        if self.max_duration.is_some_and(|most| length > most) {
            return Some(format!("it plays {seconds} seconds, more than max_duration"));
        }
        None
    }
}

/// What a post mainly shows.
pub fn kind_of(post: &Post) -> Kind {
    let has = |kind: MediaKind| post.media.iter().any(|m| m.kind == kind);
    match post.kind {
        PostKind::Live => Kind::Live,
        PostKind::Video => Kind::Video,
        PostKind::Note if has(MediaKind::Video) => Kind::Video,
        PostKind::Note if has(MediaKind::Image) => Kind::Photo,
        PostKind::Note if has(MediaKind::Animation) => Kind::Animation,
        PostKind::Note if has(MediaKind::Audio) => Kind::Audio,
        PostKind::Note if !post.poll.is_empty() => Kind::Poll,
        PostKind::Note => Kind::Text,
    }
}

/// How many photos have no alternative text. A video's is its title.
fn without_alt(media: &[Media]) -> usize {
    let photos = media
        .iter()
        .filter(|m| matches!(m.kind, MediaKind::Image | MediaKind::Animation));
    photos
        .filter(|m| m.alt.as_deref().is_none_or(|alt| alt.trim().is_empty()))
        .count()
}

fn photos(count: usize) -> String {
    match count {
        1 => "a photo has".into(),
        many => format!("{many} photos have"),
    }
}
