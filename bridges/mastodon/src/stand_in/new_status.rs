//! What a creator hands in by a browser: a post with its files, so that it can be read as a source.

use bytes::Bytes;
use chrono::{DateTime, Utc};

use super::compose;
use super::sniff::Receiver;
use super::world::{Audience, Ending, Hold, Medium, Status, WEB, Work, World};

/// A post to be published. Its defaults: public, in English, without anything but its text.
#[derive(Clone, Debug, PartialEq)]
pub struct NewStatus {
    /// Plain text, from which the server makes HTML, finds hashtags and names.
    pub text: String,
    /// HTML to be shown instead of what the server would make.
    pub html: Option<String>,
    /// `public`, `unlisted`, `private`, `limited` or `direct`.
    pub visibility: String,
    /// The content warning; it makes the post sensitive.
    pub spoiler_text: String,
    /// Whether media are hidden.
    pub sensitive: bool,
    /// The language.
    pub language: Option<String>,
    /// Its files, in order.
    pub media: Vec<NewMedia>,
    /// Id of the post that it answers.
    pub reply_to: Option<String>,
    /// The choices of its poll.
    pub poll: Vec<String>,
    /// Id of the post that it quotes.
    pub quote: Option<String>,
}

/// A file of a new post.
#[derive(Clone, Debug, PartialEq)]
pub struct NewMedia {
    /// The file. What it is shows in its content: a picture, a video, a silent loop, sound.
    pub bytes: Bytes,
    /// Alternative text.
    pub description: Option<String>,
    /// Its focal point.
    pub focus: Option<(f64, f64)>,
    /// Whether the server still works on it: then it has no address yet.
    pub processing: bool,
}

impl NewMedia {
    /// A file without a description.
    pub fn new(bytes: impl Into<Bytes>) -> Self {
        Self {
            bytes: bytes.into(),
            description: None,
            focus: None,
            processing: false,
        }
    }

    /// With an alternative text.
    #[must_use]
    pub fn alt(mut self, description: &str) -> Self {
        self.description = Some(description.to_owned());
        self
    }

    /// With a focal point.
    #[must_use]
    pub fn focus(mut self, x: f64, y: f64) -> Self {
        self.focus = Some((x, y));
        self
    }

    /// Not processed yet.
    #[must_use]
    pub fn in_work(mut self) -> Self {
        self.processing = true;
        self
    }
}

impl NewStatus {
    /// A public post.
    pub fn new(text: &str) -> Self {
        Self {
            text: text.to_owned(),
            html: None,
            visibility: "public".to_owned(),
            spoiler_text: String::new(),
            sensitive: false,
            language: Some("en".to_owned()),
            media: Vec::new(),
            reply_to: None,
            poll: Vec::new(),
            quote: None,
        }
    }

    /// Shown as this HTML.
    #[must_use]
    pub fn html(mut self, html: &str) -> Self {
        self.html = Some(html.to_owned());
        self
    }

    /// For this audience.
    #[must_use]
    pub fn visibility(mut self, visibility: &str) -> Self {
        visibility.clone_into(&mut self.visibility);
        self
    }

    /// With a content warning.
    #[must_use]
    pub fn warning(mut self, text: &str) -> Self {
        text.clone_into(&mut self.spoiler_text);
        self
    }

    /// With hidden media.
    #[must_use]
    pub fn sensitive(mut self) -> Self {
        self.sensitive = true;
        self
    }

    /// In this language, or in none.
    #[must_use]
    pub fn language(mut self, language: Option<&str>) -> Self {
        self.language = language.map(str::to_owned);
        self
    }

    /// With one more file.
    #[must_use]
    pub fn media(mut self, media: NewMedia) -> Self {
        self.media.push(media);
        self
    }

    /// As an answer.
    #[must_use]
    pub fn reply_to(mut self, id: &str) -> Self {
        self.reply_to = Some(id.to_owned());
        self
    }

    /// With a poll.
    #[must_use]
    pub fn poll(mut self, choices: &[&str]) -> Self {
        self.poll = choices.iter().map(|&choice| choice.to_owned()).collect();
        self
    }

    /// As a quote.
    #[must_use]
    pub fn quote(mut self, id: &str) -> Self {
        self.quote = Some(id.to_owned());
        self
    }
}

/// Publishes it; its id. None for an unknown account or audience, or a file of no known kind.
pub(super) fn publish(world: &mut World, name: &str, new: NewStatus, now: DateTime<Utc>) -> Option<u64> {
    let account = world.account_named(name)?.id;
    let audience = Audience::named(&new.visibility)?;
    let mut media = Vec::new();
    for file in new.media {
        let mut receiver = Receiver::new(file.bytes.len());
        receiver.feed(&file.bytes);
        let taken = receiver.finish("file".to_owned(), String::new());
        let id = world.next_id(now);
        let medium = Medium {
            id,
            account,
            uploaded_at: now,
            facts: taken.facts().ok()?,
            file_name: taken.file_name,
            size: taken.size,
            sha256: taken.sha256,
            bytes: taken.bytes,
            thumbnail: None,
            description: file.description,
            focus: file.focus.map(|(x, y)| (x, Some(y))),
            work: if file.processing {
                Work::Polls(u32::MAX, Ending::Good)
            } else {
                Work::Done
            },
            hold: Hold::Free,
        };
        world.media.insert(id, medium);
        media.push(id);
    }
    let id = world.next_id(now);
    let in_reply_to = new.reply_to.as_deref().map(super::accounts::number);
    let (text, mentions) = compose::mentioned(world, &new.text);
    let status = Status {
        id,
        account,
        created_at: now,
        edited_at: None,
        tags: compose::tags_of(&text),
        sent: new.text,
        text,
        html: new.html,
        sensitive: new.sensitive || !new.spoiler_text.is_empty(),
        spoiler: new.spoiler_text,
        audience,
        language: new.language,
        reply_to_account: in_reply_to
            .and_then(|id| world.statuses.get(&id))
            .map(|parent| parent.account),
        in_reply_to,
        media,
        mentions,
        poll: new.poll,
        quote: new.quote.as_deref().map(super::accounts::number),
        boost_of: None,
        app: WEB,
        key: None,
        history: Vec::new(),
    };
    compose::attach(world, &status.media, id);
    world.statuses.insert(id, status);
    Some(id)
}
