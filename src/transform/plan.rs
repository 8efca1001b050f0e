//! What becomes of one post at one destination: the parts, in order.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Timelike, Utc};
use tombolo_model::{Caption, Concept, Limits, Marker, Media, MediaKind, Mix, Post, VideoRules, Visibility};
use tombolo_text::{self as text, Fitted, StatusText, Template};

use super::ladder::{Facts, MediaPlan, Rung, climb, slideshow};
use super::rules::Rules;
use super::words::{Words, words};

/// How many letters and digits a copy's beginning is recognised by: the whole of any title, so that one episode of a series
/// isn't taken for another that links to it.
const OPENING: usize = 150;
/// Most statuses that a text may become; its media may need more.
const MOST_PARTS: usize = 25;
/// Longest language tag of a video (contract peertube §7.1).
const LANGUAGE_TAG: usize = 10;
/// How much of a post's beginning names its further parts.
const SHORT_NAME: usize = 60;

/// What a route says about one destination.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Which posts are carried.
    pub rules: Rules,
    /// Visibility of the copies.
    pub visibility: Visibility,
    /// Most hashtags of one copy.
    pub hashtags: usize,
    /// What a copy is.
    pub mode: Mode,
    /// What becomes of text that is too long.
    pub overflow: Overflow,
    /// How the text is put together; `None`: title, text, link, hashtags.
    pub template: Option<Arc<Template>>,
    /// What becomes of subtitles.
    pub captions: Captions,
    /// How many seconds of a video go where the whole one can't.
    pub teaser: Option<u32>,
    /// How many seconds each picture is shown where only videos can go.
    pub slideshow: Option<u32>,
    /// Whether an instance that can is to fetch videos by itself.
    pub import: bool,
}

impl Default for Settings {
    /// Everything public, as a copy.
    fn default() -> Self {
        Self {
            rules: Rules::default(),
            visibility: Visibility::Public,
            hashtags: 10,
            mode: Mode::Copy,
            overflow: Overflow::Cut,
            template: None,
            captions: Captions::None,
            teaser: None,
            slideshow: None,
            import: false,
        }
    }
}

/// What a copy is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// Text and media.
    #[default]
    Copy,
    /// Text and link, without media.
    Link,
    /// A boost of the original; where the instance doesn't know that, text and link.
    Boost,
}

/// What becomes of text that is too long.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Overflow {
    /// It is cut; the link leads to the rest.
    #[default]
    Cut,
    /// It goes on in further statuses.
    Thread,
}

/// What becomes of subtitles where a copy can't carry them as a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Captions {
    /// Nothing.
    #[default]
    None,
    /// They are drawn into the pictures.
    BurnIn,
    /// Their words go into the alternative text.
    Description,
}

/// The decision for one post and one destination.
#[derive(Clone, Debug, PartialEq)]
pub enum Plan {
    /// It isn't carried, for this reason.
    Skip(String),
    /// It is carried as these parts, in order.
    Parts(Vec<PartPlan>),
}

/// What becomes one status or one video.
#[derive(Clone, Debug, PartialEq)]
pub struct PartPlan {
    /// The text, fitted; of a video its description.
    pub text: Fitted,
    /// Whether media are covered.
    pub sensitive: bool,
    /// Language tag, as the destination takes it.
    pub language: Option<String>,
    /// Visibility of the copy.
    pub visibility: Visibility,
    /// The media, in order.
    pub media: Vec<MediaPlan>,
    /// How the copy is known.
    pub marker: Marker,
    /// What the creator should know of how it was made.
    pub notes: Vec<String>,
    /// What it becomes.
    pub form: FormPlan,
}

/// What a part becomes.
#[derive(Clone, Debug, PartialEq)]
pub enum FormPlan {
    /// A status.
    Status {
        /// Whether it continues the part before it.
        continues: bool,
    },
    /// A boost of the original where the instance knows that, else a status.
    Boost {
        /// Id of the original.
        uri: String,
    },
    /// A video.
    Video(Box<VideoPlan>),
}

/// What a video has besides its description.
#[derive(Clone, Debug, PartialEq)]
pub struct VideoPlan {
    /// Title.
    pub title: String,
    /// Tags without `#`.
    pub tags: Vec<String>,
    /// By the source's own numbering.
    pub category: Option<Concept>,
    /// By the source's own numbering.
    pub licence: Option<Concept>,
    /// When it was first published; its milliseconds are the copy's own.
    pub originally_published: Option<DateTime<Utc>>,
    /// Whether viewers may download it.
    pub downloads_allowed: bool,
    /// Subtitles, sent as files.
    pub captions: Vec<Caption>,
}

/// Decides. The link to the original is always in the text, so that the copy can be recognised.
pub fn plan(post: &Post, facts: &Facts, limits: &Limits, settings: &Settings) -> Plan {
    let post = as_it_is(post, facts);
    let planner = Planner {
        post: &post,
        facts,
        limits,
        settings,
        words: words(&post),
    };
    match &limits.video {
        Some(rules) => planner.videos(rules),
        None => planner.statuses(),
    }
}

/// The post with what its files say of themselves: a GIF that doesn't move is a picture.
fn as_it_is<'a>(post: &'a Post, facts: &Facts) -> Cow<'a, Post> {
    let is_still = |media: &Media| media.renditions.iter().any(|r| facts.still.contains(&r.url));
    if !post.media.iter().any(is_still) {
        return Cow::Borrowed(post);
    }
    let mut post = post.clone();
    for media in post.media.iter_mut().filter(|media| is_still(media)) {
        media.kind = MediaKind::Image;
    }
    Cow::Owned(post)
}

/// The first letters and digits of a text: what is left of it in any server's rendering.
pub fn opening(text: &str) -> String {
    text.chars()
        .filter(|c| c.is_alphanumeric())
        .take(OPENING)
        .flat_map(char::to_lowercase)
        .collect()
}

/// The texts of a post's statuses.
struct Texts {
    texts: Vec<Fitted>,
    /// Why they aren't as the creator laid them out.
    note: Option<String>,
}

/// What becomes a video.
struct Shown {
    media: MediaPlan,
    captions: Vec<Caption>,
    /// The creator's alternative texts of what it shows, in order.
    alts: Vec<String>,
}

struct Planner<'a> {
    post: &'a Post,
    facts: &'a Facts,
    limits: &'a Limits,
    settings: &'a Settings,
    words: Words,
}

impl Planner<'_> {
    fn climb(&self, media: &Media) -> MediaPlan {
        climb(self.post, media, self.facts, self.limits, self.settings)
    }

    fn statuses(&self) -> Plan {
        let groups: Vec<Vec<MediaPlan>> = match self.settings.mode {
            Mode::Copy => self
                .groups()
                .into_iter()
                .map(|group| group.into_iter().map(|media| self.climb(media)).collect())
                .collect(),
            Mode::Link | Mode::Boost => Vec::new(),
        };
        let groups = if self.limits.text.alone {
            groups
        } else {
            match with_something_to_show(groups) {
                Ok(groups) => groups,
                Err(why) => return Plan::Skip(why),
            }
        };
        let Texts { texts, note } = match self.texts(groups.len()) {
            Ok(texts) => texts,
            Err(e) => return Plan::Skip(e.to_string()),
        };
        let mut notes = Vec::from_iter(note).into_iter();
        let mut groups = groups.into_iter();
        let parts = texts.into_iter().enumerate().map(|(place, fitted)| {
            let form = match self.settings.mode {
                Mode::Boost if place == 0 => FormPlan::Boost {
                    uri: self.post.id.to_string(),
                },
                _ => FormPlan::Status {
                    continues: place > 0 && self.facts.threads,
                },
            };
            PartPlan {
                notes: notes.by_ref().collect(),
                ..self.part(fitted, groups.next().unwrap_or_default(), form, None)
            }
        });
        Plan::Parts(parts.collect())
    }

    /// The media, in groups of what may stand together in one post.
    fn groups(&self) -> Vec<Vec<&Media>> {
        let most = self.limits.media.per_post.max(1);
        let mix = self.limits.media.mix;
        let is_moving = |media: &Media| match media.kind {
            // Where every file is of the post's one kind, it counts as what it is sent as.
            MediaKind::Video | MediaKind::Animation if mix == Mix::OneKind => {
                self.climb(media).rungs.first().is_some_and(Rung::is_moving)
            }
            MediaKind::Video | MediaKind::Audio => true,
            MediaKind::Animation | MediaKind::Image => false,
        };
        let mut groups: Vec<(bool, Vec<&Media>)> = Vec::new();
        for media in &self.post.media {
            let moving = is_moving(media);
            let open = groups.last_mut().filter(|(kind, group)| {
                group.len() < most
                    && match mix {
                        Mix::Any => true,
                        Mix::OneKind => *kind == moving,
                        Mix::PicturesOrOneVideo => !*kind && !moving,
                        Mix::OneVideo => false,
                    }
            });
            match open {
                Some((_, group)) => group.push(media),
                // Pictures after a video join the pictures before it, as far as there is room.
                None => match groups
                    .iter_mut()
                    .rev()
                    .find(|(kind, group)| !moving && !*kind && group.len() < most && mix != Mix::OneVideo)
                {
                    Some((_, group)) => group.push(media),
                    None => groups.push((moving, vec![media])),
                },
            }
        }
        groups.into_iter().map(|(_, group)| group).collect()
    }

    /// The texts of at least so many statuses: the post's own, and short ones for what has no more text.
    fn texts(&self, at_least: usize) -> Result<Texts, text::TooSmall> {
        let rules = &self.limits.text;
        let status = self.status_text();
        // A boost is one thing: nothing can continue it.
        let threaded =
            self.settings.overflow == Overflow::Thread && self.facts.threads && self.settings.mode != Mode::Boost;
        let by_default = || -> Result<Vec<Fitted>, text::TooSmall> {
            if threaded {
                text::compose_thread(&status, rules, MOST_PARTS.max(at_least), at_least)
            } else {
                Ok(vec![text::compose(&status, rules)?])
            }
        };
        let mut note = None;
        let mut texts = match &self.settings.template {
            Some(template) => {
                let most = if threaded { MOST_PARTS } else { 1 };
                let rendered = template.render_thread(&self.vars(), rules, most)?;
                let first = rendered.first();
                note = first
                    .and_then(|first| first.fell_back.as_ref())
                    .map(|why| format!("the template wasn't used for this post: {why}"));
                if first.is_some_and(|first| first.has_link) {
                    rendered.into_iter().map(|rendered| rendered.status).collect()
                } else {
                    // Without the link the copy couldn't be found again after a request without an answer.
                    let why = "the template wasn't used for this post, because it would show no link to the original";
                    note.get_or_insert_with(|| why.to_owned());
                    by_default()?
                }
            }
            None => by_default()?,
        };
        let all = at_least.max(texts.len());
        for place in texts.len()..all {
            let counter = format!("({}/{all})", place + 1);
            let title = if self.facts.threads {
                counter
            } else {
                format!("{} {counter}", self.short_name()).trim().to_owned()
            };
            let further = StatusText {
                title: Some(title),
                body: String::new(),
                link: self.post.link.as_str(),
                hashtags: if self.facts.threads {
                    Vec::new()
                } else {
                    status.hashtags.clone()
                },
                warning: self.post.content_warning.clone(),
            };
            texts.push(text::compose(&further, rules)?);
        }
        Ok(Texts { texts, note })
    }

    fn status_text(&self) -> StatusText<'_> {
        StatusText {
            hashtags: text::hashtags(&self.words.tags, &self.words.body, self.settings.hashtags),
            warning: self.post.content_warning.clone(),
            title: self.words.title.clone(),
            body: self.words.body.clone(),
            link: self.post.link.as_str(),
        }
    }

    /// What a template may use.
    fn vars(&self) -> text::Vars {
        text::Vars {
            title: self.words.title.clone(),
            body: self.words.body.clone(),
            summary: self.post.content_warning.clone(),
            link: self.post.link.to_string(),
            tags: self.words.tags.clone(),
            account: self.facts.account.clone(),
            platform: self.facts.platform.clone(),
            kind: super::rules::kind_of(self.post).to_string(),
            duration: self.post.media.iter().find_map(|m| m.duration),
            published: self.post.published,
            language: self.post.language.clone(),
            sensitive: self.post.sensitive,
        }
    }

    /// The title, or how the text begins.
    fn short_name(&self) -> String {
        let name = self.words.title.clone().unwrap_or_else(|| {
            let line = self.words.body.lines().find(|line| !line.trim().is_empty());
            line.unwrap_or_default().trim().to_owned()
        });
        let mut letters = name.chars();
        let short: String = letters.by_ref().take(SHORT_NAME).collect();
        if letters.next().is_some() {
            format!("{}…", short.trim_end())
        } else {
            short
        }
    }

    fn videos(&self, rules: &VideoRules) -> Plan {
        let moving = |media: &&Media| match media.kind {
            MediaKind::Video | MediaKind::Animation => true,
            MediaKind::Audio => media.renditions.iter().any(|r| self.limits.media.takes(&r.media_type)),
            MediaKind::Image => false,
        };
        let as_it_is = |medium: &Media| Shown {
            media: self.climb(medium),
            captions: medium.captions.clone(),
            alts: Vec::from_iter(medium.alt.clone()),
        };
        let mut media: Vec<Shown> = self.post.media.iter().filter(moving).map(as_it_is).collect();
        let pictures = || self.post.media.iter().filter(|m| m.kind == MediaKind::Image);
        let mut notes = Vec::new();
        if !media.is_empty() && pictures().next().is_some() {
            notes.push("its photos stay behind: the destination takes videos only".to_owned());
        }
        if media.is_empty() && pictures().next().is_some() {
            match self.settings.slideshow {
                Some(seconds) => media.push(Shown {
                    media: slideshow(self.post, seconds, self.facts, self.limits),
                    captions: Vec::new(),
                    alts: pictures().map(|m| m.alt.clone().unwrap_or_default()).collect(),
                }),
                None => {
                    return Plan::Skip(
                        "the destination takes videos only, and this has photos (slideshow makes a video of them)"
                            .into(),
                    );
                }
            }
        }
        if media.is_empty() {
            return Plan::Skip("the destination takes videos only, and there is none in this".into());
        }
        let (media, without): (Vec<_>, Vec<_>) = media.into_iter().partition(|shown| shown.media.rungs.len() > 1);
        if media.is_empty() {
            let why: Vec<String> = without.into_iter().flat_map(|shown| shown.media.passed_over).collect();
            return Plan::Skip(format!(
                "the destination takes videos only, and this one can't go there: {}",
                why.join("; ")
            ));
        }
        let all = media.len();
        let mut parts = Vec::new();
        for (place, shown) in media.into_iter().enumerate() {
            let Shown {
                mut media,
                captions,
                alts,
            } = shown;
            notes.extend(self.not_imported(&media));
            // There is no post without a video: the last rung isn't one here.
            media.rungs.retain(|rung| *rung != Rung::LinkOnly);
            let mut status = self.status_text();
            if all > 1 {
                status.title = Some(format!("{} ({}/{all})", self.short_name(), place + 1));
            }
            let untitled = format!("Video by {}", self.facts.account);
            let alts: Vec<&str> = alts.iter().map(String::as_str).collect();
            let tags = &self.words.tags;
            let written = match text::video_text(&status, &alts, tags, &untitled, rules, &self.limits.text) {
                Ok(written) => written,
                Err(e) => return Plan::Skip(e.to_string()),
            };
            let video = VideoPlan {
                title: written.title,
                tags: written.tags,
                category: self.post.category.clone(),
                licence: self.post.licence.clone(),
                originally_published: self.stamp(place),
                downloads_allowed: self.post.downloads_allowed,
                captions,
            };
            let text = written.description.unwrap_or_default();
            let fitted = Fitted {
                length: text::length(&text, None, &self.limits.text),
                text,
                warning: self.warning(),
                max: self.limits.text.max,
                cut: written.cut,
                dropped_hashtags: written.dropped_tags,
            };
            parts.push(PartPlan {
                notes: std::mem::take(&mut notes),
                ..self.part(fitted, vec![media], FormPlan::Video(Box::new(video)), self.stamp(place))
            });
        }
        Plan::Parts(parts)
    }

    /// Why a video isn't imported though the route says so.
    fn not_imported(&self, media: &MediaPlan) -> Option<String> {
        let is_import = |rung: &Rung| matches!(rung, Rung::Import(_));
        if !self.settings.import || media.kind != MediaKind::Video || media.rungs.iter().any(is_import) {
            return None;
        }
        let best = media.rungs.iter().find_map(Rung::rendition)?;
        let why = if best.url.scheme() == "https" {
            "its sound is in another file"
        } else {
            "its address isn't public https"
        };
        Some(format!("can't be imported: {why}; it is sent as a file"))
    }

    /// The creator's warning, in one line.
    fn warning(&self) -> Option<String> {
        let warning = text::neutralise_mentions(&text::clean_line(self.post.content_warning.as_deref()?));
        (!warning.is_empty()).then_some(warning)
    }

    /// When it was first published, with milliseconds that only this copy has (contract peertube §7.4).
    fn stamp(&self, place: usize) -> Option<DateTime<Utc>> {
        let at = self.post.originally_published.or(self.post.published)?;
        let own = (self.facts.seed.wrapping_add(place as u64) % 999) + 1;
        at.with_nanosecond(0)?
            .checked_add_signed(TimeDelta::milliseconds(i64::try_from(own).ok()?))
    }

    fn part(&self, text: Fitted, media: Vec<MediaPlan>, form: FormPlan, stamp: Option<DateTime<Utc>>) -> PartPlan {
        let mut links: BTreeSet<String> = self
            .post
            .aliases
            .iter()
            .filter(|alias| alias.starts_with("http"))
            .cloned()
            .collect();
        // As it stands in the text.
        links.insert(text::neutralise_mentions(self.post.link.as_str()));
        PartPlan {
            sensitive: self.post.sensitive,
            language: self.post.language.as_deref().and_then(|tag| match self.limits.video {
                Some(_) => text::language_bcp47(tag, LANGUAGE_TAG),
                None => text::language(tag),
            }),
            // A copy is never more visible than its original.
            visibility: self.settings.visibility.max(self.post.visibility),
            media,
            marker: Marker {
                links,
                opening: opening(&text.shown(&self.limits.text)),
                stamp,
                ..Marker::default()
            },
            notes: Vec::new(),
            form,
            text,
        }
    }
}

/// For a destination that takes no text alone: the groups that have at least one file to show.
fn with_something_to_show(groups: Vec<Vec<MediaPlan>>) -> Result<Vec<Vec<MediaPlan>>, String> {
    let mut why: Vec<String> = Vec::new();
    let mut kept = Vec::new();
    for group in groups {
        if group.iter().any(|media| media.rungs.len() > 1) {
            // What shows nothing there would only be missing.
            kept.push(group.into_iter().filter(|media| media.rungs.len() > 1).collect());
        } else {
            why.extend(group.into_iter().flat_map(|media| media.passed_over));
        }
    }
    if !kept.is_empty() {
        return Ok(kept);
    }
    let mut reason = "the destination takes no post without a picture or video".to_owned();
    if !why.is_empty() {
        why.dedup();
        reason = format!("{reason}, and none of this one can go there: {}", why.join("; "));
    }
    Err(reason)
}
