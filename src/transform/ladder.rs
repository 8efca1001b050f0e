//! For each medium the forms in which it may go, the best first: the ladder. Pure.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use tombolo_model::{Caption, Focus, Limits, Media, MediaKind, MediaLimits, Packaging, Post, PostKind, Rendition};
use tombolo_text as text;
use url::Url;

use super::plan::{Captions, Settings};
use super::words::words;

/// What a multipart request has besides the file: field names, boundaries, headers, alternative text.
pub const MULTIPART_FRAME: u64 = 8 * 1024;
/// What an encode leaves free below the destination's limit.
pub const ENCODE_MARGIN: u64 = 64 * 1024;

/// What planning needs and the source didn't say.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Facts {
    /// Sizes of files in bytes.
    pub sizes: BTreeMap<Url, u64>,
    /// What the files themselves say.
    pub files: BTreeMap<Url, FileFacts>,
    /// GIFs that don't move: their sources take every GIF for one that does.
    pub still: BTreeSet<Url>,
    /// Why videos can't be worked on here; `None`: they can.
    pub no_ffmpeg: Option<String>,
    /// Whether the destination can continue a status by another.
    pub threads: bool,
    /// A number of this delivery's own, the same over retries.
    pub seed: u64,
    /// Whose post it is, for people.
    pub account: String,
    /// The source's platform, for people.
    pub platform: String,
}

/// What a file itself says, read in part.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FileFacts {
    /// What it tells of where or with what it was made: `location`, …
    pub private: Vec<String>,
    /// Why some players may not play it, if that is so.
    pub unusual: Option<String>,
    /// Whether that is for the pictures themselves: a new file with the same ones is no better.
    pub needs_encoding: bool,
    /// Whether it has a sound track.
    pub sound: Option<bool>,
    /// Whether its index stands behind its pictures: a player must have the whole file before it begins.
    pub begins_late: bool,
    /// Width and height as shown, in pixels.
    pub size: Option<(u32, u32)>,
    /// Frames per second, on average.
    pub fps: Option<f32>,
}

/// One medium, and the forms in which it may go.
#[derive(Clone, Debug, PartialEq)]
pub struct MediaPlan {
    /// What it is at the source.
    pub kind: MediaKind,
    /// Alternative text.
    pub alt: Option<String>,
    /// What must stay in sight when it is cropped.
    pub focus: Option<Focus>,
    /// A still picture of it.
    pub thumbnail: Option<Url>,
    /// Subtitles whose words go into the alternative text.
    pub transcript: Option<Caption>,
    /// The forms to try, the best first; the last one always works.
    pub rungs: Vec<Rung>,
    /// Why the best forms aren't among them.
    pub passed_over: Vec<String>,
}

/// One form of a medium.
#[derive(Clone, Debug, PartialEq)]
pub enum Rung {
    /// The instance fetches the file by itself.
    Import(Box<Rendition>),
    /// A file of the source, as it is.
    AsItIs(Box<Rendition>),
    /// Its pictures and sound as they are, in a new file without other data.
    Remux {
        /// The file with the pictures.
        video: Box<Rendition>,
        /// The file with the sound, where that is another one.
        audio: Option<Box<Rendition>>,
        /// Whether a video without sound gets a silent track.
        silent_track: bool,
    },
    /// Encoded anew.
    Transcode {
        /// The file with the pictures.
        video: Box<Rendition>,
        /// The file with the sound, where that is another one.
        audio: Option<Box<Rendition>>,
        /// Only so many seconds of its beginning.
        seconds: Option<u32>,
        /// Subtitles to draw into the pictures.
        burn_in: Option<Caption>,
        /// Whether a video without sound gets a silent track.
        silent_track: bool,
    },
    /// A picture, brought within the destination's limits and stripped.
    Picture(Box<Rendition>),
    /// A video made of pictures.
    Slideshow {
        /// The pictures, in order.
        pictures: Vec<Rendition>,
        /// How long each is shown.
        seconds: u32,
    },
    /// Its still picture, beside the link.
    Thumbnail(Url),
    /// Only the link.
    LinkOnly,
}

impl Rung {
    /// What it is, in a few words.
    pub fn describe(&self) -> String {
        match self {
            Self::Import(rendition) => format!("import of the video {}", describe(rendition)),
            Self::AsItIs(rendition) if rendition.media_type.starts_with("audio/") => {
                format!("sound {}", describe_bytes(rendition))
            }
            Self::AsItIs(rendition) => format!("video {}", describe(rendition)),
            Self::Remux {
                video, audio: Some(_), ..
            } => format!("video {}, joined with its sound", describe(video)),
            Self::Remux {
                video,
                audio: None,
                silent_track: true,
            } if video.has_audio == Some(false) => {
                format!("video {}, repackaged with a silent sound track", describe(video))
            }
            Self::Remux { video, .. } => format!("video {}, repackaged", describe(video)),
            Self::Transcode {
                video,
                seconds: None,
                burn_in,
                ..
            } => {
                let subtitles = if burn_in.is_some() { ", with subtitles" } else { "" };
                format!("video encoded anew from {}{subtitles}", named(video))
            }
            Self::Transcode {
                video,
                seconds: Some(seconds),
                ..
            } => format!("the first {seconds} seconds, encoded from {}, and link", named(video)),
            Self::Picture(rendition) => format!("picture {}", describe(rendition)),
            Self::Slideshow { pictures, seconds } => {
                format!("slideshow of {} pictures, {seconds} seconds each", pictures.len())
            }
            Self::Thumbnail(_) => "thumbnail and link".into(),
            Self::LinkOnly => "link only".into(),
        }
    }

    /// The file of the source that it is made of.
    pub fn rendition(&self) -> Option<&Rendition> {
        match self {
            Self::Import(r) | Self::AsItIs(r) | Self::Picture(r) => Some(r),
            Self::Remux { video, .. } | Self::Transcode { video, .. } => Some(video),
            Self::Slideshow { pictures, .. } => pictures.first(),
            Self::Thumbnail(_) | Self::LinkOnly => None,
        }
    }

    /// Whether it is a file that plays.
    pub fn is_moving(&self) -> bool {
        match self {
            Self::Import(_)
            | Self::AsItIs(_)
            | Self::Remux { .. }
            | Self::Transcode { .. }
            | Self::Slideshow { .. } => true,
            Self::Picture(_) | Self::Thumbnail(_) | Self::LinkOnly => false,
        }
    }

    /// Whether its file is made here, so that it can be made smaller.
    pub fn is_made(&self) -> bool {
        matches!(
            self,
            Self::Transcode { .. } | Self::Picture(_) | Self::Slideshow { .. } | Self::Thumbnail(_)
        )
    }

    /// Whether what is sent certainly has sound. A silent track counts: servers look whether there is one.
    pub fn has_sound(&self) -> bool {
        match self {
            Self::AsItIs(r) => r.has_audio == Some(true),
            Self::Remux {
                video,
                audio,
                silent_track,
            }
            | Self::Transcode {
                video,
                audio,
                silent_track,
                ..
            } => *silent_track || audio.is_some() || video.has_audio == Some(true),
            Self::Import(_) | Self::Picture(_) | Self::Slideshow { .. } | Self::Thumbnail(_) | Self::LinkOnly => false,
        }
    }

    /// The addresses of all files of the source that it is made of.
    pub fn sources(&self) -> Vec<&Url> {
        match self {
            Self::Import(r) | Self::AsItIs(r) | Self::Picture(r) => vec![&r.url],
            Self::Remux { video, audio, .. } => {
                let audio = audio.iter().map(|r| &r.url);
                std::iter::once(&video.url).chain(audio).collect()
            }
            Self::Transcode {
                video, audio, burn_in, ..
            } => {
                let (audio, captions) = (audio.iter().map(|r| &r.url), burn_in.iter().map(|c| &c.url));
                std::iter::once(&video.url).chain(audio).chain(captions).collect()
            }
            Self::Slideshow { pictures, .. } => pictures.iter().map(|r| &r.url).collect(),
            Self::Thumbnail(url) => vec![url],
            Self::LinkOnly => Vec::new(),
        }
    }

    /// Whether it shows less than the medium itself.
    pub fn is_lesser(&self) -> bool {
        matches!(
            self,
            Self::Thumbnail(_) | Self::LinkOnly | Self::Transcode { seconds: Some(_), .. }
        )
    }
}

/// The forms of one medium.
pub(super) fn climb(post: &Post, media: &Media, facts: &Facts, limits: &Limits, settings: &Settings) -> MediaPlan {
    let mut ladder = Ladder {
        post,
        media,
        facts,
        limits: &limits.media,
        settings,
        is_video_form: limits.video.is_some(),
        rungs: Vec::new(),
        passed_over: Vec::new(),
    };
    if limits.media.per_post == 0 {
        ladder.passed_over.push("the destination takes no media".to_owned());
    } else {
        if post.kind == PostKind::Live {
            ladder.passed_over.push("a live broadcast has no file".to_owned());
        } else if !post.downloads_allowed {
            ladder
                .passed_over
                .push("the creator has disabled downloads at the source".to_owned());
        } else {
            match media.kind {
                MediaKind::Video => ladder.video(),
                MediaKind::Animation => ladder.animation(),
                MediaKind::Image => ladder.image(),
                MediaKind::Audio => ladder.audio(),
            }
            if media.renditions.is_empty() {
                ladder.passed_over.push("the source offers no file".to_owned());
            }
        }
        if media.kind != MediaKind::Image && !ladder.is_video_form {
            ladder.rungs.extend(media.thumbnail.clone().map(Rung::Thumbnail));
        }
    }
    ladder.rungs.push(Rung::LinkOnly);
    let Ladder { rungs, passed_over, .. } = ladder;
    MediaPlan {
        kind: media.kind,
        alt: alt(post, media, limits),
        focus: media.focus,
        thumbnail: media.thumbnail.clone(),
        transcript: match settings.captions {
            Captions::Description => caption(post, media),
            Captions::None | Captions::BurnIn => None,
        },
        rungs,
        passed_over,
    }
}

/// A video made of a post's pictures.
pub(super) fn slideshow(post: &Post, seconds: u32, facts: &Facts, limits: &Limits) -> MediaPlan {
    let images = || post.media.iter().filter(|m| m.kind == MediaKind::Image);
    let pictures: Vec<Rendition> = images().filter_map(|m| m.renditions.first().cloned()).collect();
    let (mut rungs, mut passed_over) = (Vec::new(), Vec::new());
    match &facts.no_ffmpeg {
        None if !pictures.is_empty() => rungs.push(Rung::Slideshow { pictures, seconds }),
        None => passed_over.push("the source offers no file".to_owned()),
        Some(why) => passed_over.push(why.clone()),
    }
    rungs.push(Rung::LinkOnly);
    let alts: Vec<&str> = images().filter_map(|m| m.alt.as_deref()).collect();
    MediaPlan {
        kind: MediaKind::Video,
        alt: (!alts.is_empty()).then(|| {
            text::clean_line(&alts.join(" "))
                .chars()
                .take(limits.text.alt_max)
                .collect()
        }),
        focus: None,
        thumbnail: None,
        transcript: None,
        rungs,
        passed_over,
    }
}

/// The alternative text: the creator's, or for what plays the post's title. One that is too short for the instance goes on
/// with what the post says, so that the medium isn't refused for want of words.
fn alt(post: &Post, media: &Media, limits: &Limits) -> Option<String> {
    let (least, most) = (limits.text.alt_min, limits.text.alt_max);
    // A server trims it: what was meant and what is there are compared.
    let cut = |text: &str| text.trim().chars().take(most).collect::<String>().trim_end().to_owned();
    let alt = match media.alt.as_deref().filter(|alt| !alt.trim().is_empty()) {
        Some(alt) => Some(cut(alt)),
        None if media.kind == MediaKind::Video => Some(text::alt_text(post.title.as_deref().unwrap_or_default(), most)),
        None => None,
    };
    let enough = |alt: &str| alt.chars().count() >= least;
    if least == 0 || alt.as_deref().is_some_and(enough) {
        return alt;
    }
    let kind = match media.kind {
        MediaKind::Image => "Picture",
        MediaKind::Animation => "Animation",
        MediaKind::Video => "Video",
        MediaKind::Audio => "Sound",
    };
    let named = match alt {
        Some(alt) if alt.starts_with(kind) => alt,
        Some(alt) => format!("{kind}: {alt}"),
        None => format!("{kind}, not described"),
    };
    if enough(&named) {
        return Some(cut(&named));
    }
    let words = words(post);
    // What stands behind a warning stays there.
    let body = post.content_warning.as_deref().unwrap_or(&words.body);
    let said = text::clean_line(&format!("{} {body}", words.title.unwrap_or_default()));
    Some(cut(&if said.trim().is_empty() {
        format!("{named}. It belongs to a post without words; its author has not said what is to be seen")
    } else {
        format!("{named}. It belongs to a post that says: {said}")
    }))
}

/// The subtitles in the post's language, written by a person where there are such.
fn caption(post: &Post, media: &Media) -> Option<Caption> {
    let same = |caption: &Caption| {
        post.language
            .as_deref()
            .is_some_and(|l| l.eq_ignore_ascii_case(&caption.language))
    };
    media.captions.iter().max_by_key(|c| (same(c), !c.automatic)).cloned()
}

struct Ladder<'a> {
    post: &'a Post,
    media: &'a Media,
    facts: &'a Facts,
    limits: &'a MediaLimits,
    settings: &'a Settings,
    is_video_form: bool,
    rungs: Vec<Rung>,
    passed_over: Vec<String>,
}

impl Ladder<'_> {
    fn video(&mut self) {
        let facts = self.facts;
        let known: Vec<Rendition> = self.media.renditions.iter().map(|r| self.known(r)).collect();
        let mut pictures: Vec<&Rendition> = known.iter().filter(|r| r.has_video != Some(false)).collect();
        pictures.sort_by_key(|rendition| Reverse(rank(rendition)));
        let burn_in = match self.settings.captions {
            Captions::BurnIn if !self.is_video_form => caption(self.post, self.media),
            _ => None,
        };
        if self.settings.import
            && let Some(best) = pictures
                .iter()
                .find(|r| r.has_audio != Some(false) && r.url.scheme() == "https")
        {
            self.rungs.push(Rung::Import(Box::new((*best).clone())));
        }
        let encoder = facts.no_ffmpeg.is_none() && self.limits.takes("video/mp4");
        if burn_in.is_some() && encoder {
            self.passed_over
                .push("subtitles are drawn into the pictures (captions = \"burn-in\")".into());
            self.transcode(&pictures, burn_in.as_ref());
        }
        let (mut as_they_are, mut repackaged, mut otherwise) = (Vec::new(), Vec::new(), Vec::new());
        for rendition in &pictures {
            let as_it_is = Rung::AsItIs(Box::new((*rendition).clone()));
            match self.unfit(rendition) {
                None if self.limits.keeps_files && rendition.packaging == Packaging::FragmentedMp4 && encoder => {
                    self.passed_over.push(format!(
                        "{} begins to play only when all of it is there",
                        named(rendition)
                    ));
                    repackaged.push(self.remux(rendition));
                    as_they_are.push(as_it_is);
                }
                None => as_they_are.push(as_it_is),
                Some(Unfit { why, mend, bearable }) => {
                    self.passed_over.push(format!("{} {why}", named(rendition)));
                    if mend == Mend::NewFile && encoder {
                        repackaged.push(self.remux(rendition));
                    }
                    match bearable {
                        Bearable::Nearly => otherwise.push(as_it_is),
                        Bearable::ForWantOfBetter if !encoder => otherwise.push(as_it_is),
                        Bearable::ForWantOfBetter | Bearable::Not => {}
                    }
                }
            }
        }
        // Viewers of a server that keeps files get what is sent: a file that begins to play at once is better.
        if self.limits.keeps_files
            && !matches!(as_they_are.first(), Some(Rung::AsItIs(r)) if r.packaging == Packaging::File)
        {
            self.rungs.append(&mut repackaged);
            self.rungs.append(&mut as_they_are);
        } else {
            self.rungs.append(&mut as_they_are);
            self.rungs.append(&mut repackaged);
        }
        self.rungs.append(&mut otherwise);
        if burn_in.is_none() || !encoder {
            self.transcode(&pictures, None);
        }
        self.teaser(&pictures);
        if let Some(why) = &facts.no_ffmpeg
            && !pictures.is_empty()
            && !self.rungs.iter().any(|rung| matches!(rung, Rung::AsItIs(_)))
        {
            self.passed_over.push(why.clone());
        }
    }

    fn remux(&self, rendition: &Rendition) -> Rung {
        Rung::Remux {
            video: Box::new(rendition.clone()),
            audio: self.sound_of(rendition),
            silent_track: self.silent_track(),
        }
    }

    /// A rendition with what inspecting it has told besides.
    fn known(&self, rendition: &Rendition) -> Rendition {
        let file = self.facts.files.get(&rendition.url);
        // Both from one place: some sources tell a label for the height.
        let (width, height) = match (rendition.width, rendition.height) {
            (Some(width), Some(height)) => (Some(width), Some(height)),
            told => file
                .and_then(|file| file.size)
                .map_or(told, |(width, height)| (Some(width), Some(height))),
        };
        Rendition {
            bytes: self.size(rendition),
            has_audio: file.and_then(|file| file.sound).or(rendition.has_audio),
            width,
            height,
            fps: rendition.fps.or(file.and_then(|file| file.fps)),
            ..rendition.clone()
        }
    }

    /// Whether a video without sound gets a silent track: servers that make their own files of what is sent take it for an
    /// animation else, which plays over and over (contract mastodon §4.3).
    fn silent_track(&self) -> bool {
        self.media.kind == MediaKind::Video && !self.is_video_form && !self.limits.keeps_files
    }

    /// The file with the sound of a rendition that has none.
    fn sound_of(&self, rendition: &Rendition) -> Option<Box<Rendition>> {
        if rendition.has_audio == Some(true) {
            return None;
        }
        let sounds = self
            .media
            .renditions
            .iter()
            .filter(|r| r.has_video == Some(false) && r.has_audio == Some(true));
        sounds.max_by_key(|r| self.size(r)).map(|r| Box::new(self.known(r)))
    }

    fn can_encode(&self) -> bool {
        self.facts.no_ffmpeg.is_none() && self.limits.takes("video/mp4") && self.limits.video_bytes > 2 * ENCODE_MARGIN
    }

    fn transcode(&mut self, pictures: &[&Rendition], burn_in: Option<&Caption>) {
        if let (Some(best), true) = (pictures.first(), self.can_encode()) {
            self.rungs.push(Rung::Transcode {
                video: Box::new((*best).clone()),
                audio: self.sound_of(best),
                seconds: None,
                burn_in: burn_in.cloned(),
                silent_track: self.silent_track(),
            });
        }
    }

    fn teaser(&mut self, pictures: &[&Rendition]) {
        let shorter = |seconds: u32| self.media.duration.is_none_or(|whole| seconds < whole);
        if let (Some(seconds), Some(best), true) = (self.settings.teaser, pictures.first(), self.can_encode())
            && shorter(seconds)
        {
            self.rungs.push(Rung::Transcode {
                video: Box::new((*best).clone()),
                audio: self.sound_of(best),
                seconds: Some(seconds),
                burn_in: None,
                silent_track: self.silent_track(),
            });
        }
    }

    /// A GIF as it is or as a video, by what the destination shows best.
    fn animation(&mut self) {
        let Some(best) = self.media.renditions.first().cloned() else {
            return;
        };
        if best.media_type.starts_with("image/") {
            let moving = self.can_encode().then(|| Rung::Transcode {
                video: Box::new(best.clone()),
                audio: None,
                seconds: None,
                burn_in: None,
                silent_track: false,
            });
            let picture = self.takes_pictures().then(|| Rung::Picture(Box::new(best.clone())));
            // A server that keeps files shows a GIF without a preview (contract pixelfed §3); others make a video of it.
            let as_gif_first = self.limits.takes("image/gif") && !self.limits.keeps_files && !self.is_video_form;
            let order = if as_gif_first {
                // Where it doesn't fit and can't be encoded either, its first picture is left.
                let still = picture.clone().filter(|_| moving.is_some());
                [picture, moving, still]
            } else {
                [moving, picture, None]
            };
            self.rungs.extend(
                order
                    .into_iter()
                    .flatten()
                    .filter(|r| !self.is_video_form || !matches!(r, Rung::Picture(_))),
            );
            if let (Some(why), true) = (&self.facts.no_ffmpeg, self.is_video_form) {
                self.passed_over.push(why.clone());
            }
        } else {
            self.video();
        }
    }

    fn image(&mut self) {
        if let Some(best) = self.media.renditions.first() {
            if self.takes_pictures() {
                self.rungs.push(Rung::Picture(Box::new(best.clone())));
            } else {
                self.passed_over.push("the destination takes no pictures".into());
            }
        }
    }

    fn takes_pictures(&self) -> bool {
        let usual = ["image/jpeg", "image/png", "image/webp", "image/gif"];
        usual.iter().any(|kind| self.limits.takes(kind))
    }

    fn audio(&mut self) {
        for rendition in &self.media.renditions {
            match self.unfit_file(rendition) {
                None => self.rungs.push(Rung::AsItIs(Box::new(self.known(rendition)))),
                Some(why) => self.passed_over.push(format!("the sound {why}")),
            }
        }
    }

    /// Why the destination can't take this file as it is; `None` when it can.
    fn unfit(&self, rendition: &Rendition) -> Option<Unfit> {
        let in_two_files = self
            .media
            .renditions
            .iter()
            .any(|r| r.has_audio == Some(true) && r.has_video == Some(false));
        let by_encoding = |why: String| {
            Some(Unfit {
                why,
                mend: Mend::Encoding,
                bearable: Bearable::Not,
            })
        };
        let pixels = pixels(rendition);
        if pixels > self.limits.video_pixels {
            return by_encoding(format!(
                "has more pixels than the destination's {}",
                self.limits.video_pixels
            ));
        }
        // The server rounds the frame rate down before it compares (contract mastodon §4.1).
        #[allow(clippy::cast_precision_loss)] // a frame rate
        let too_fast = rendition
            .fps
            .is_some_and(|fps| fps.floor() > self.limits.video_fps as f32);
        if too_fast {
            return by_encoding(format!(
                "has more than the destination's {} frames per second",
                self.limits.video_fps
            ));
        }
        if self.too_large(rendition) {
            return by_encoding(format!(
                "is not smaller than the destination's {}",
                human_bytes(self.limits.video_bytes)
            ));
        }
        let by_new_file = |why: String, bearable: Bearable| {
            Some(Unfit {
                why,
                mend: Mend::NewFile,
                bearable,
            })
        };
        if in_two_files && rendition.has_audio != Some(true) {
            return by_new_file("has its sound in another file".into(), Bearable::Not);
        }
        if !self.limits.takes(&rendition.media_type) {
            let why = format!("is {}, which the destination doesn't take", rendition.media_type);
            return by_new_file(why, Bearable::Not);
        }
        if self.size(rendition).is_none() {
            return by_new_file("has an unknown size".into(), Bearable::Not);
        }
        let Some(file) = self.facts.files.get(&rendition.url) else {
            return by_new_file("can't be looked into for a location".into(), Bearable::Not);
        };
        if !file.private.is_empty() {
            let why = format!("says more than it should ({})", file.private.join(", "));
            return by_new_file(why, Bearable::Not);
        }
        // A server with video pages makes its own files of anything.
        if self.is_video_form {
            return None;
        }
        if let Some(why) = &file.unusual {
            return Some(Unfit {
                why: format!("wouldn't play everywhere: {why}"),
                mend: if file.needs_encoding {
                    Mend::Encoding
                } else {
                    Mend::NewFile
                },
                // What is kept as it is must play everywhere; others make something of it, perhaps not the best.
                bearable: if self.limits.keeps_files {
                    Bearable::Not
                } else {
                    Bearable::ForWantOfBetter
                },
            });
        }
        if self.limits.keeps_files && file.begins_late {
            return by_new_file("begins to play only when all of it is there".into(), Bearable::Nearly);
        }
        if self.silent_track() && rendition.has_audio == Some(false) {
            let why = "has no sound, and would be shown as an animation that plays over and over";
            return by_new_file(why.into(), Bearable::Nearly);
        }
        None
    }

    fn unfit_file(&self, rendition: &Rendition) -> Option<String> {
        if !self.limits.takes(&rendition.media_type) {
            return Some(format!(
                "is {}, which the destination doesn't take",
                rendition.media_type
            ));
        }
        if self.size(rendition).is_none() {
            return Some("has an unknown size".into());
        }
        self.too_large(rendition).then(|| {
            format!(
                "is not smaller than the destination's {}",
                human_bytes(self.limits.video_bytes)
            )
        })
    }

    fn too_large(&self, rendition: &Rendition) -> bool {
        self.size(rendition)
            .is_some_and(|bytes| bytes.saturating_add(MULTIPART_FRAME) >= self.limits.video_bytes)
    }

    /// The size of a rendition's file, where anybody knows it.
    fn size(&self, rendition: &Rendition) -> Option<u64> {
        self.facts.sizes.get(&rendition.url).copied().or(rendition.bytes)
    }
}

/// Why a file shouldn't go as it is, and what helps.
struct Unfit {
    why: String,
    mend: Mend,
    bearable: Bearable,
}

/// What makes a fit file of one that isn't.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mend {
    /// A new file with the same pictures and sound.
    NewFile,
    /// Encoding it anew.
    Encoding,
}

/// Whether a file may go as it is all the same.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Bearable {
    /// It may not, or can't.
    Not,
    /// Where it can't be worked on.
    ForWantOfBetter,
    /// Where a new file of it can't be made.
    Nearly,
}

fn pixels(rendition: &Rendition) -> u64 {
    u64::from(rendition.width.unwrap_or(0)) * u64::from(rendition.height.unwrap_or(0))
}

/// More pixels first; of the same picture a plain file, then more frames, then more bytes.
fn rank(rendition: &Rendition) -> (u64, bool, u32, u64) {
    let height = u64::from(rendition.height.unwrap_or(0));
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // a frame rate, positive
    let frames = rendition.fps.unwrap_or(0.0) as u32;
    // Where the width isn't known, a usual shape is assumed.
    let pixels = match pixels(rendition) {
        0 => height * height * 16 / 9,
        known => known,
    };
    (
        pixels,
        rendition.packaging == Packaging::File,
        frames,
        rendition.bytes.unwrap_or(0),
    )
}

fn describe(rendition: &Rendition) -> String {
    let shape = match (rendition.width, rendition.height) {
        (Some(width), Some(height)) => format!("{width}×{height}"),
        (None, Some(height)) => format!("{height}p"),
        _ => "of unknown size".into(),
    };
    match rendition.bytes {
        Some(bytes) => format!("{shape}, {}", human_bytes(bytes)),
        None => shape,
    }
}

/// The same where no word for it stands before.
fn named(rendition: &Rendition) -> String {
    let shape = describe(rendition);
    if shape.starts_with("of ") {
        format!("a file {shape}")
    } else {
        shape
    }
}

fn describe_bytes(rendition: &Rendition) -> String {
    rendition.bytes.map_or_else(|| "of unknown size".into(), human_bytes)
}

/// Bytes for people: `25.3 MiB`.
pub fn human_bytes(bytes: u64) -> String {
    #[allow(clippy::cast_precision_loss)] // shown with one decimal
    let number = bytes as f64;
    match bytes {
        0..1024 => format!("{bytes} B"),
        1024..1_048_576 => format!("{:.1} KiB", number / 1024.0),
        1_048_576..1_073_741_824 => format!("{:.1} MiB", number / 1_048_576.0),
        _ => format!("{:.2} GiB", number / 1_073_741_824.0),
    }
}
