//! The fields of a video as they are sent: what PeerTube takes, and how it refuses the rest (contract §7.1).

use bytes::Bytes;
use chrono::{DateTime, Utc};
use serde_json::Value;

use super::answers::{Invalid, Problem};
use super::form::Form;
use super::lists;
use super::world::{Schedule, Video};
use super::{Details, Privacy};

const NAME: &str = "Should have a video name between 3 and 120 characters long";
const TAGS: &str = "Should have an array of up to 5 tags between 2 and 30 characters each";
const INVALID: &str = "Invalid value";
/// What pictures may have (≤ 7.0).
const MOST_PICTURE: u64 = 4 << 20;
const PICTURES: [&str; 4] = ["image/png", "image/jpg", "image/jpeg", "image/webp"];

/// What was said of a field that may be empty.
#[derive(Clone, Debug, Default)]
pub(super) enum Patch<T> {
    /// Nothing.
    #[default]
    Keep,
    /// That it is to be empty.
    Clear,
    /// What it is to be.
    Put(T),
}

impl<T: Clone> Patch<T> {
    fn apply(&self, field: &mut Option<T>) {
        match self {
            Self::Keep => {}
            Self::Clear => *field = None,
            Self::Put(value) => *field = Some(value.clone()),
        }
    }
}

/// What is to be changed of a video, or what a new one is to have. `None` means that nothing was said.
#[derive(Clone, Debug, Default)]
pub(super) struct Change {
    pub title: Option<String>,
    pub channel: Option<u64>,
    pub privacy: Option<Privacy>,
    pub description: Patch<String>,
    pub support: Patch<String>,
    pub tags: Option<Vec<String>>,
    pub category: Patch<u32>,
    pub licence: Patch<u32>,
    pub language: Patch<String>,
    pub nsfw: Option<bool>,
    pub wait_transcoding: Option<bool>,
    pub download_enabled: Option<bool>,
    pub comments_policy: Option<u8>,
    pub originally_published_at: Patch<DateTime<Utc>>,
    pub schedule: Patch<Schedule>,
    pub password: Option<String>,
    pub thumbnail: Option<Bytes>,
    pub preview: Option<Bytes>,
}

impl Change {
    /// Changes title, description and the like.
    pub fn apply(&self, details: &mut Details) {
        fn put<T: Clone>(new: Option<&T>, old: &mut T) {
            if let Some(new) = new {
                old.clone_from(new);
            }
        }
        put(self.title.as_ref(), &mut details.title);
        put(self.tags.as_ref(), &mut details.tags);
        put(self.nsfw.as_ref(), &mut details.nsfw);
        put(self.download_enabled.as_ref(), &mut details.download_enabled);
        self.description.apply(&mut details.description);
        self.support.apply(&mut details.support);
        self.category.apply(&mut details.category);
        self.licence.apply(&mut details.licence);
        self.language.apply(&mut details.language);
        self.originally_published_at.apply(&mut details.originally_published_at);
    }

    /// Changes what else a video has, apart from who may see it.
    pub fn apply_rest(&self, video: &mut Video) {
        if let Some(policy) = self.comments_policy {
            video.comments_policy = policy;
        }
        self.schedule.apply(&mut video.schedule);
        if self.password.is_some() {
            video.password.clone_from(&self.password);
        }
        if let Some(wait) = self.wait_transcoding {
            video.wait_transcoding = wait;
        }
        if self.thumbnail.is_some() {
            video.thumbnail.clone_from(&self.thumbnail);
        }
        if self.preview.is_some() {
            video.preview.clone_from(&self.preview);
        }
    }
}

/// What has to be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Needed {
    /// Title and channel: for an upload.
    All,
    /// The channel: an import brings its title along.
    Channel,
    /// Nothing: a change.
    Nothing,
}

/// Reads the fields of a video out of a form, and collects what is wrong with them.
pub(super) struct Fields<'a> {
    form: &'a Form,
    wrong: Vec<Invalid>,
}

impl<'a> Fields<'a> {
    pub fn of(form: &'a Form) -> Self {
        let wrong = Vec::new();
        Self { form, wrong }
    }

    /// Everything that was said, if nothing was wrong with it.
    pub fn finish(self) -> Result<(), Problem> {
        if self.wrong.is_empty() {
            return Ok(());
        }
        Err(Problem::invalid_all(self.wrong))
    }

    /// Notes something wrong that isn't in the fields.
    pub fn note(&mut self, invalid: Invalid) {
        self.wrong.push(invalid);
    }

    /// All fields of a video.
    pub fn video(&mut self, needed: Needed) -> Change {
        let change = Change {
            title: self.check("name", NAME, title, needed == Needed::All),
            channel: self.check("channelId", INVALID, whole, needed != Needed::Nothing),
            privacy: self.check("privacy", INVALID, privacy, false),
            description: self.may("description", |v| text(v, 3, 10_000)),
            support: self.may("support", |v| text(v, 3, 1000)),
            tags: self.check("tags", TAGS, tags, false),
            category: self.may("category", |v| code(v, lists::is_category)),
            licence: self.may("licence", |v| code(v, lists::is_licence)),
            language: self.may("language", |v| text(v, 1, 10)),
            nsfw: self.switch("nsfw"),
            wait_transcoding: self.switch("waitTranscoding"),
            download_enabled: self.switch("downloadEnabled"),
            comments_policy: self.check("commentsPolicy", INVALID, comments_policy, false),
            originally_published_at: self.may("originallyPublishedAt", date),
            schedule: self.may("scheduleUpdate", schedule),
            password: self.check("videoPasswords", INVALID, password, false),
            thumbnail: self.picture("thumbnailfile", "thumbnail"),
            preview: self.picture("previewfile", "preview"),
        };
        self.switch("generateTranscription");
        change
    }

    /// A field with a rule; one that is needed must be there.
    pub fn check<T>(&mut self, field: &str, message: &str, rule: fn(&Value) -> Option<T>, needed: bool) -> Option<T> {
        let value = self.form.fields.get(field);
        let found = value.and_then(rule);
        if (value.is_some() || needed) && found.is_none() {
            self.wrong.push(Invalid::new("body", field, value.cloned(), message));
        }
        found
    }

    /// A field that may also be emptied.
    fn may<T>(&mut self, field: &str, rule: fn(&Value) -> Option<T>) -> Patch<T> {
        let Some(value) = self.form.fields.get(field) else {
            return Patch::Keep;
        };
        if matches!(value, Value::Null) || matches!(value.as_str(), Some("" | "null")) {
            return Patch::Clear;
        }
        self.check(field, INVALID, rule, false).map_or(Patch::Keep, Patch::Put)
    }

    fn switch(&mut self, field: &str) -> Option<bool> {
        self.check(field, INVALID, switch, false)
    }

    /// A picture of a type and size that the server takes.
    fn picture(&mut self, field: &str, what: &str) -> Option<Bytes> {
        let file = self.form.files.get(field)?;
        if PICTURES.contains(&file.kind.as_str()) && file.body.len() <= MOST_PICTURE {
            return Some(file.bytes());
        }
        let message = format!(
            "This {what} file is not supported or too large. Please, make sure it is of the following type: .png, \
             .jpg, .jpeg, .webp"
        );
        self.wrong.push(Invalid::new("body", field, None, &message));
        None
    }
}

fn title(value: &Value) -> Option<String> {
    let name = value.as_str()?.trim();
    (3..=120).contains(&name.chars().count()).then(|| name.to_owned())
}

/// A whole number, as such or in digits.
pub(super) fn whole(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| value.as_str()?.parse().ok())
}

fn text(value: &Value, least: usize, most: usize) -> Option<String> {
    let text = value.as_str()?;
    (least..=most).contains(&text.chars().count()).then(|| text.to_owned())
}

fn code(value: &Value, known: fn(u32) -> bool) -> Option<u32> {
    let number = u32::try_from(whole(value)?).ok()?;
    known(number).then_some(number)
}

fn privacy(value: &Value) -> Option<Privacy> {
    let number = u8::try_from(whole(value)?).ok()?;
    (1..=5).contains(&number).then_some(Privacy(number))
}

fn comments_policy(value: &Value) -> Option<u8> {
    let number = u8::try_from(whole(value)?).ok()?;
    (1..=3).contains(&number).then_some(number)
}

fn switch(value: &Value) -> Option<bool> {
    let spelled = |text: &str| match text {
        "true" | "1" => Some(true),
        "false" | "0" => Some(false),
        _ => None,
    };
    value.as_bool().or_else(|| value.as_str().and_then(spelled))
}

/// Equal tags become one, but all of them count.
fn tags(value: &Value) -> Option<Vec<String>> {
    let given: Vec<&Value> = match value {
        Value::Null => Vec::new(),
        Value::Array(tags) => tags.iter().collect(),
        single => vec![single],
    };
    let mut tags: Vec<String> = Vec::new();
    for tag in &given {
        let tag = text(tag, 2, 30)?;
        if !tags.contains(&tag) {
            tags.push(tag);
        }
    }
    (given.len() <= 5).then_some(tags)
}

fn date(value: &Value) -> Option<DateTime<Utc>> {
    let date = DateTime::parse_from_rfc3339(value.as_str()?).ok()?;
    // The database keeps milliseconds.
    DateTime::from_timestamp_millis(date.timestamp_millis())
}

fn schedule(value: &Value) -> Option<Schedule> {
    let at = date(value.get("updateAt")?)?;
    let privacy = value.get("privacy").map_or(Some(Privacy::PUBLIC), privacy)?;
    matches!(privacy, Privacy::PUBLIC | Privacy::UNLISTED | Privacy::INTERNAL).then_some(Schedule { at, privacy })
}

/// The first of the passwords; the stand-in has one for each video.
fn password(value: &Value) -> Option<String> {
    let all = value.as_array()?;
    let all: Option<Vec<String>> = all.iter().map(|v| text(v, 2, 100)).collect();
    all?.into_iter().next()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn titles_are_measured_in_code_points_after_trimming() {
        assert_eq!(title(&json!("  abc ")).as_deref(), Some("abc"));
        assert!(title(&json!("🎉".repeat(120))).is_some());
        assert!(title(&json!("🎉".repeat(121))).is_none());
        assert!(title(&json!(" ab ")).is_none());
    }

    #[test]
    fn equal_tags_become_one_but_count() {
        assert_eq!(
            tags(&json!(["Same", "Same", "same", " x "])),
            Some(vec!["Same".into(), "same".into(), " x ".into()])
        );
        assert_eq!(tags(&json!(["aa", "aa", "aa", "aa", "aa", "aa"])), None);
        assert_eq!(tags(&Value::Null), Some(Vec::new()));
    }

    #[test]
    fn a_date_keeps_its_milliseconds_and_nothing_below() {
        let found = date(&json!("2024-05-06T07:08:09.123456Z")).expect("a date");
        assert_eq!(found.timestamp_subsec_micros(), 123_000);
        assert_eq!(date(&json!("yesterday")), None);
    }
}
