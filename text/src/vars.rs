//! What a template can say of a post.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use minijinja::Value;

use super::compose::without_title;
use super::filters::signed_link;
use super::mentions::neutralise_mentions;
use super::plain::{clean, clean_line};

/// The names of all variables.
pub(super) const NAMES: [&str; 14] = [
    "title",
    "body",
    "summary",
    "link",
    "tags",
    "account",
    "platform",
    "kind",
    "duration",
    "published",
    "language",
    "part",
    "parts",
    "sensitive",
];

/// What `kind` can be.
const KINDS: [&str; 7] = ["video", "live broadcast", "photo", "animation", "sound", "poll", "text"];

/// A post as a template sees it. All texts plain; what there isn't is empty there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Vars {
    /// `title`: the title.
    pub title: Option<String>,
    /// `body`: the text; without its first line, if that only repeats a title that the template shows.
    pub body: String,
    /// `summary`: the content warning, which the status has beside its text in any case.
    pub summary: Option<String>,
    /// `link`: the page of the original.
    pub link: String,
    /// `tags`: free tags, the most important first; `{{ tags | hashtags(max=5) }}` makes hashtags of them.
    pub tags: Vec<String>,
    /// `account`: the source account, `name@host`.
    pub account: String,
    /// `platform`: the source platform's name.
    pub platform: String,
    /// `kind`: `video`, `live broadcast`, `photo`, `animation`, `sound`, `poll` or `text`.
    pub kind: String,
    /// `duration`: how long it plays, in seconds; written `12:34` or `1:02:03`.
    pub duration: Option<u32>,
    /// `published`: when, in UTC; `{{ published | date("%d.%m.%Y") }}`.
    pub published: Option<DateTime<Utc>>,
    /// `language`: the language tag.
    pub language: Option<String>,
    /// `sensitive`: whether it is marked as sensitive.
    pub sensitive: bool,
}

pub(super) fn values(vars: &Vars, titled: bool, part: usize, parts: usize) -> Value {
    let line = |text: &str| neutralise_mentions(&clean_line(text));
    let option = |text: &Option<String>| line(text.as_deref().unwrap_or_default());
    let title = option(&vars.title);
    let body = neutralise_mentions(&clean(&vars.body));
    let body = if titled {
        without_title(&body, &title).to_owned()
    } else {
        body
    };
    let tags: Vec<Value> = vars.tags.iter().map(|tag| Value::from(clean_line(tag))).collect();
    let published = vars.published.map(|date| date.to_rfc3339());
    let named = [
        ("title", Value::from(title)),
        ("body", Value::from(body)),
        ("summary", Value::from(option(&vars.summary))),
        ("link", Value::from(signed_link(&line(&vars.link)))),
        ("tags", Value::from(tags)),
        ("account", Value::from(line(&vars.account))),
        ("platform", Value::from(line(&vars.platform))),
        ("kind", Value::from(line(&vars.kind))),
        (
            "duration",
            Value::from(vars.duration.map(playing_time).unwrap_or_default()),
        ),
        ("published", Value::from(published.unwrap_or_default())),
        ("language", Value::from(option(&vars.language))),
        ("part", Value::from(part)),
        ("parts", Value::from(parts)),
        ("sensitive", Value::from(vars.sensitive)),
    ];
    Value::from(BTreeMap::from(named))
}

/// Seconds as players show them.
fn playing_time(seconds: u32) -> String {
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if hours > 0 {
        format!("{hours}:{minutes:02}:{seconds:02}")
    } else {
        format!("{minutes}:{seconds:02}")
    }
}

/// Posts on which a template is tried: one that has everything, of each kind, and one that has nothing; and each as a part
/// of a thread.
pub(super) fn samples() -> impl Iterator<Item = (Vars, usize, usize)> {
    let full = |kind: &&str| Vars {
        title: Some("A walk by the sea".to_owned()),
        body: "It was May.\n\nThe sea was calm.".to_owned(),
        summary: Some("food".to_owned()),
        link: "https://video.example.org/w/9aBcDeFg".to_owned(),
        tags: vec!["sea".to_owned(), "Peer Tube".to_owned()],
        account: "anna@video.example.org".to_owned(),
        platform: "peertube".to_owned(),
        kind: (*kind).to_owned(),
        duration: Some(754),
        published: DateTime::from_timestamp(1_780_000_000, 0),
        language: Some("en".to_owned()),
        sensitive: true,
    };
    let empty = |kind: &&str| Vars {
        link: "https://video.example.org/w/9aBcDeFg".to_owned(),
        kind: (*kind).to_owned(),
        ..Vars::default()
    };
    let samples: Vec<Vars> = KINDS.iter().flat_map(|kind| [full(kind), empty(kind)]).collect();
    samples
        .into_iter()
        .flat_map(|vars| [(1, 1), (1, 2), (2, 2)].map(|(part, parts)| (vars.clone(), part, parts)))
}
