//! prepare: a part made real: final text, and files that can be opened. Large files are made when they are first opened.

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use tokio::io::AsyncSeekExt;
use tokio_util::io::ReaderStream;
use tombolo_media::picture::{Fit, Operation, Target as PictureTarget};
use tombolo_media::video::Encode;
use tombolo_model::{
    CaptionDraft, Draft, Form, Limits, MediaBody, MediaDraft, MediaError, MediaKind, MediaStream, Mix, ProgressSink,
    VideoDraft,
};
use tombolo_net::Get;
use tombolo_text as text;
use url::Url;

use super::Engine;
use super::files::{MemoryFile, RemoteFile, extension};
use super::publish::{Target, digest, which_of};
use super::workshop::{Recipe, Unfinished, Workshop};
use crate::ledger::{Delivery, Part};
use crate::transform::ladder::{ENCODE_MARGIN, MULTIPART_FRAME};
use crate::transform::{FormPlan, MediaPlan, PartPlan, Rung, VideoPlan};

/// What is made here.
const MP4: &str = "video/mp4";
/// Largest file of subtitles.
const MOST_SUBTITLES: u64 = 4 << 20;

/// Why a draft can't be made now.
pub(super) enum Unready {
    /// One of its media can't be had in this form.
    Medium {
        /// Which of the plan's media.
        index: usize,
        /// Why.
        error: MediaError,
    },
    /// Somebody has to do something first.
    Held(String),
}

/// The draft of a part, which of the plan's media each of its media is, and what the creator should know of them.
#[allow(clippy::too_many_arguments)] // a part is made of all of these
pub(super) async fn draft(
    engine: &Engine,
    delivery: &Delivery,
    place: usize,
    planned: &PartPlan,
    part: &Part,
    limits: &Limits,
    target: Target,
    meter: &Arc<dyn ProgressSink>,
) -> Result<(Draft, Vec<usize>, Vec<String>), Unready> {
    let now = engine.clock.now();
    let kept = part.progress().uploaded.into_iter().filter(|kept| kept.expires > now);
    let remarks = Mutex::new(Vec::new());
    let maker = Maker {
        engine,
        limits,
        planned,
        meter,
        delivery,
        place,
        uploaded: kept.map(|kept| kept.file_name).collect(),
        room: None,
        remarks: &remarks,
    };
    let (mut media, mut places, mut import) = (Vec::new(), Vec::new(), None);
    if !matches!(target, Target::Boost(_)) {
        if let Some(index) = mixed(planned, part, limits.media.mix) {
            let why = "it would stand among others of another kind, and the destination takes one kind in a post";
            let error = MediaError::Unusable(why.into());
            return Err(Unready::Medium { index, error });
        }
        for (index, plan) in planned.media.iter().enumerate() {
            let Some(rung) = rung_of(plan, part, index) else {
                continue;
            };
            if let Rung::Import(rendition) = rung {
                import = Some(rendition.url.clone());
            }
            let refused = part.refused.get(&index).copied();
            let room = refused.map(|bytes| if rung.is_made() { bytes / 2 } else { bytes });
            let limits = smaller(limits, room);
            let maker = Maker {
                limits: &limits,
                room,
                ..maker.clone()
            };
            let height = plan
                .rungs
                .iter()
                .position(|other| std::ptr::eq(other, rung))
                .unwrap_or(0);
            match maker.medium(index, plan, rung, &plan.rungs[height + 1..]).await {
                Ok(Some(made)) => {
                    media.push(made);
                    places.push(index);
                }
                Ok(None) => {}
                Err(Unfinished::NeedsDecoder(why)) => return Err(Unready::Held(why)),
                Err(Unfinished::Media(error)) => return Err(Unready::Medium { index, error }),
            }
        }
    }
    let form = match (target, &planned.form) {
        (Target::Boost(id), _) => Form::Boost(id),
        (Target::Planned(_), FormPlan::Video(video)) => Form::Video(Box::new(maker.video(video, import).await)),
        (Target::Planned(reply_to), _) => Form::Status { reply_to },
    };
    let draft = Draft {
        text: if media.is_empty() {
            without_media(planned, delivery)
        } else {
            planned.text.text.clone()
        },
        content_warning: planned.text.warning.clone(),
        sensitive: planned.sensitive,
        language: planned.language.clone(),
        visibility: planned.visibility,
        media,
        key: part.key.clone(),
        form,
    };
    let remarks = remarks.into_inner().unwrap_or_else(PoisonError::into_inner);
    Ok((draft, places, remarks))
}

/// The text of a part whose media all stay behind: one that continues another would say nothing but its number then, and
/// leads to the original instead, as far as that fits.
fn without_media(planned: &PartPlan, delivery: &Delivery) -> String {
    /// What a link counts at least, by the rules of any destination (contract mastodon §3.2).
    const LINK: usize = 23;
    let text = &planned.text.text;
    let continues = matches!(planned.form, FormPlan::Status { continues: true });
    match &delivery.link {
        Some(link)
            if continues
                && !link.ends_with('…')
                && !planned.media.is_empty()
                && !text.contains(link.as_str())
                && planned.text.length + link.chars().count().max(LINK) + 2 <= planned.text.max =>
        {
            format!("{text}\n\n{link}")
        }
        _ => text.clone(),
    }
}

/// The form that a medium is in by now.
fn rung_of<'a>(plan: &'a MediaPlan, part: &Part, index: usize) -> Option<&'a Rung> {
    let tried = part.rungs.get(index).copied().unwrap_or(0);
    plan.rungs.get(tried.min(plan.rungs.len().saturating_sub(1)))
}

/// Which medium can't stay in its form, because a lesser one than planned made it another kind than the rest of its part, and
/// the destination takes one kind in a post.
fn mixed(planned: &PartPlan, part: &Part, mix: Mix) -> Option<usize> {
    if mix == Mix::Any {
        return None;
    }
    let sent = || {
        let rungs = planned.media.iter().enumerate();
        rungs
            .filter_map(|(index, plan)| Some((index, rung_of(plan, part, index)?)))
            .filter(|(_, rung)| **rung != Rung::LinkOnly)
            .map(|(index, rung)| (index, rung.is_moving()))
    };
    let fell = |index: usize| part.rungs.get(index).is_some_and(|tried| *tried > 0);
    sent()
        .find(|(index, moving)| fell(*index) && sent().any(|(_, other)| other != *moving))
        .map(|(index, _)| index)
}

/// How the names of all files begin that are made for one medium of a part.
pub(super) fn file_prefix(delivery: &Delivery, place: usize, index: usize) -> String {
    format!("tombolo-{}-{}-{}-", delivery.key.digest(), place + 1, index + 1)
}

/// The limits, with no more room for a file than that.
fn smaller(limits: &Limits, room: Option<u64>) -> Limits {
    let mut limits = limits.clone();
    if let Some(room) = room {
        limits.media.image_bytes = limits.media.image_bytes.min(room);
        limits.media.video_bytes = limits.media.video_bytes.min(room);
    }
    limits
}

#[derive(Clone)]
struct Maker<'a> {
    engine: &'a Engine,
    limits: &'a Limits,
    planned: &'a PartPlan,
    meter: &'a Arc<dyn ProgressSink>,
    delivery: &'a Delivery,
    /// Which of the delivery's parts it is.
    place: usize,
    /// Names of the files that the server has already.
    uploaded: Vec<String>,
    /// How many bytes the file may have, where that is less than the limits say.
    room: Option<u64>,
    /// What the creator should know of its media.
    remarks: &'a Mutex<Vec<String>>,
}

impl Maker<'_> {
    /// One medium in this form; `below`: the lesser ones. `None` where nothing is sent for it.
    async fn medium(
        &self,
        index: usize,
        plan: &MediaPlan,
        rung: &Rung,
        below: &[Rung],
    ) -> Result<Option<MediaDraft>, Unfinished> {
        let alt = self.alt(plan).await;
        // Unique to what is in it: another file, or another alternative text, is another upload.
        let sources: Vec<&str> = rung.sources().into_iter().map(without_query).collect();
        let mut content = vec![rung.describe(), sources.join(" "), alt.clone().unwrap_or_default()];
        content.extend(self.room.filter(|_| rung.is_made()).map(|room| room.to_string()));
        let stem = format!(
            "{}{}",
            file_prefix(self.delivery, self.place, index),
            &digest(&content.join("\n"))[..8]
        );
        let name = |ending: &str| format!("{stem}.{ending}");
        let sound = rung.has_sound();
        Ok(Some(match rung {
            Rung::LinkOnly => return Ok(None),
            Rung::Picture(r) => {
                let still = self.still(plan, alt, &stem, &r.url).await?;
                if still.1 {
                    // A video of it shows more than its first picture.
                    if below.iter().any(Rung::is_moving) {
                        let why = "it moves, and only its first picture fits the destination's limits";
                        return Err(MediaError::Unusable(why.into()).into());
                    }
                    self.remark(index, "only the first picture goes of what moves");
                }
                still.0
            }
            Rung::Thumbnail(url) => match self.still(plan, alt, &stem, url).await.map(|(still, _)| still) {
                // A link without it is better than no post.
                Err(Unfinished::NeedsDecoder(why)) => return Err(MediaError::Unusable(why).into()),
                made => made?,
            },
            Rung::AsItIs(r) => {
                let source = Source::new(sound, r.bytes.unwrap_or(0));
                let file = name(extension(&r.media_type));
                let tags = plan.kind == MediaKind::Audio && self.engine.workshop.no_ffmpeg().is_none();
                // What is sent in pieces must be at hand.
                let body = if tags {
                    self.made(&file, Recipe::Sound(r.url.clone(), r.bytes))
                } else if self.limits.media.resumes {
                    self.made(&file, Recipe::Fetch(r.url.clone(), r.bytes))
                } else {
                    self.remote(&r.url)
                };
                self.moving(plan, alt, file, &r.media_type, source, body).await
            }
            Rung::Import(r) => {
                let (file, source) = (name("mp4"), Source::new(false, self.room()));
                self.moving(plan, alt, file, MP4, source, self.remote(&r.url)).await
            }
            Rung::Remux {
                video,
                audio,
                silent_track,
            } => {
                let file = name("mp4");
                let recipe = Recipe::Remux {
                    video: (video.url.clone(), video.bytes),
                    audio: audio.as_ref().map(|r| (r.url.clone(), r.bytes)),
                    silent_track: *silent_track,
                    most: self.most(),
                };
                let body = self.made(&file, recipe);
                let apart = audio.as_ref().map_or(Some(0), |r| r.bytes);
                let adds_track = *silent_track && video.has_audio != Some(true);
                let bytes = video.bytes.zip(apart).filter(|_| !adds_track);
                let source = Source::new(sound, bytes.map_or(self.most(), |(video, audio)| video + audio));
                self.moving(plan, alt, file, MP4, source, body).await
            }
            Rung::Transcode {
                video,
                audio,
                seconds,
                burn_in,
                silent_track,
            } => {
                let recipe = Recipe::Transcode {
                    video: (video.url.clone(), video.bytes),
                    audio: audio.as_ref().map(|r| (r.url.clone(), r.bytes)),
                    burn_in: burn_in.as_ref().map(|caption| caption.url.clone()),
                    encode: self.encode(*seconds, *silent_track),
                };
                self.encoded(plan, alt, name("mp4"), recipe, sound).await
            }
            Rung::Slideshow { pictures, seconds } => {
                let recipe = Recipe::Slideshow {
                    pictures: pictures.iter().map(|r| r.url.clone()).collect(),
                    seconds: *seconds,
                    most: self.most(),
                };
                self.encoded(plan, alt, name("mp4"), recipe, sound).await
            }
        }))
    }

    /// A video that is encoded: it may use all the room there is.
    async fn encoded(
        &self,
        plan: &MediaPlan,
        alt: Option<String>,
        file: String,
        recipe: Recipe,
        sound: bool,
    ) -> MediaDraft {
        let body = self.made(&file, recipe);
        // Its thumbnail has its place beside it: see `most`.
        let source = Source::new(sound, self.engine.workshop.output(self.most()));
        self.moving(plan, alt, file, MP4, source, body).await
    }

    fn encode(&self, seconds: Option<u32>, silent_track: bool) -> Encode {
        let limits = &self.limits.media;
        Encode {
            max_bytes: self.most(),
            max_pixels: limits.video_pixels,
            max_fps: limits.video_fps,
            seconds: seconds.map(f64::from),
            burn_in: None,
            separate_audio: None,
            silent_track,
        }
    }

    /// A file must be smaller than this.
    fn room(&self) -> u64 {
        self.limits.media.video_bytes.saturating_sub(MULTIPART_FRAME)
    }

    /// What is made here has at most this many bytes.
    fn most(&self) -> u64 {
        self.limits.media.video_bytes.saturating_sub(ENCODE_MARGIN)
    }

    fn made(&self, file: &str, recipe: Recipe) -> Arc<dyn MediaBody> {
        Arc::new(MadeFile {
            workshop: self.engine.workshop.clone(),
            name: file.to_owned(),
            recipe,
            meter: self.meter.clone(),
            below: self.room(),
        })
    }

    fn remote(&self, url: &Url) -> Arc<dyn MediaBody> {
        Arc::new(RemoteFile {
            net: self.engine.net.clone(),
            url: url.clone(),
            below: self.room(),
        })
    }

    /// What the creator should know of a medium.
    fn remark(&self, index: usize, what: &str) {
        let which = which_of(self.planned.media.len(), index);
        let mut remarks = self.remarks.lock().unwrap_or_else(PoisonError::into_inner);
        remarks.push(format!("{which}{what}"));
    }

    /// A still picture as an attachment, and whether it is the first one only of what moves. One that the server has already
    /// isn't made again, unless it is asked for after all.
    async fn still(
        &self,
        plan: &MediaPlan,
        alt: Option<String>,
        stem: &str,
        url: &Url,
    ) -> Result<(MediaDraft, bool), Unfinished> {
        let target = self.picture_target();
        let mut stands_still = false;
        let known = self.uploaded.iter().find_map(|file| {
            let ending = file.strip_prefix(stem)?.strip_prefix('.')?;
            Some((file.clone(), type_of(ending)?))
        });
        let (file_name, media_type, body): (_, _, Arc<dyn MediaBody>) = match known {
            Some((file, media_type)) => {
                let later = LaterPicture {
                    workshop: self.engine.workshop.clone(),
                    name: stem.to_owned(),
                    url: url.clone(),
                    target,
                    meter: self.meter.clone(),
                };
                (file, media_type, Arc::new(later))
            }
            None => {
                let workshop = &self.engine.workshop;
                let made = workshop.picture(stem, url, &target, self.meter.as_ref()).await?;
                let file = format!("{stem}.{}", made.extension);
                stands_still = made.did.contains(&Operation::StillOfAnimation);
                (file, made.media_type, Arc::new(MemoryFile(made.bytes)))
            }
        };
        let still = MediaDraft {
            file_name,
            media_type: media_type.to_owned(),
            alt,
            thumbnail: None,
            focus: plan.focus,
            body,
        };
        Ok((still, stands_still))
    }

    /// What a picture must be brought to.
    fn picture_target(&self) -> PictureTarget {
        let limits = &self.limits.media;
        PictureTarget {
            types: limits.types.clone(),
            max_bytes: limits.image_bytes.saturating_sub(1),
            max_pixels: limits.image_pixels,
            fit: limits.image_fit.map(|fit| Fit {
                landscape: fit.landscape,
                portrait: fit.portrait,
                square: fit.square,
            }),
        }
    }

    /// A video or sound, with its thumbnail.
    async fn moving(
        &self,
        plan: &MediaPlan,
        alt: Option<String>,
        file_name: String,
        media_type: &str,
        source: Source,
        body: Arc<dyn MediaBody>,
    ) -> MediaDraft {
        // A silent video with a thumbnail is refused (contract mastodon §0a.1).
        let wanted = source.sound || self.limits.video.is_some();
        let thumbnail = self.thumbnail(plan, wanted, &file_name, source.bytes).await;
        MediaDraft {
            file_name,
            media_type: media_type.to_owned(),
            alt,
            thumbnail,
            focus: plan.focus,
            body,
        }
    }

    /// The thumbnail of a video, where there is one and room for it.
    async fn thumbnail(
        &self,
        plan: &MediaPlan,
        wanted: bool,
        file_name: &str,
        file: u64,
    ) -> Option<tombolo_model::Thumbnail> {
        let url = plan.thumbnail.as_ref().filter(|_| wanted)?;
        let mut target = self.picture_target();
        // A server of videos lists these only, and takes thumbnails all the same (contract peertube §7.1).
        if self.limits.video.is_some() {
            target.types = ["image/jpeg", "image/png"].map(str::to_owned).to_vec();
        }
        let beside = self.room().saturating_sub(file).saturating_sub(1);
        if !self.limits.media.resumes {
            target.max_bytes = target.max_bytes.min(beside);
        }
        // It goes with its file, or not at all.
        let sent = !self.limits.media.resumes && self.uploaded.iter().any(|uploaded| uploaded == file_name);
        if target.max_bytes == 0 || sent {
            return None;
        }
        let workshop = &self.engine.workshop;
        let made = workshop
            .picture(file_name, url, &target, self.meter.as_ref())
            .await
            .ok()?;
        Some(tombolo_model::Thumbnail {
            media_type: made.media_type.to_owned(),
            bytes: made.bytes,
        })
    }

    /// The alternative text, with the words of the subtitles where the route says so.
    async fn alt(&self, plan: &MediaPlan) -> Option<String> {
        let Some(caption) = &plan.transcript else {
            return plan.alt.clone();
        };
        let words = match self.subtitles(&caption.url).await {
            Some(file) => transcript(&String::from_utf8_lossy(&file)),
            None => return plan.alt.clone(),
        };
        let whole = in_one_line(plan.alt.as_deref().unwrap_or_default(), &words);
        let cut: String = whole.chars().take(self.limits.text.alt_max).collect();
        Some(cut.trim_end().to_owned())
    }

    async fn subtitles(&self, url: &Url) -> Option<Bytes> {
        let get = Get {
            accept: "text/vtt, */*;q=0.1",
            family: "media",
            max_bytes: MOST_SUBTITLES,
            ..Get::json(url.clone())
        };
        let answer = self.engine.net.get(&get).await.ok()?;
        let is_vtt = answer
            .body
            .strip_prefix(b"\xef\xbb\xbf")
            .unwrap_or(&answer.body)
            .starts_with(b"WEBVTT");
        (answer.status.is_success() && is_vtt).then_some(answer.body)
    }

    async fn video(&self, plan: &VideoPlan, import: Option<Url>) -> VideoDraft {
        let mut captions = Vec::new();
        for caption in &plan.captions {
            if let Some(text) = self.subtitles(&caption.url).await {
                captions.push(CaptionDraft {
                    language: caption.language.clone(),
                    text,
                });
            }
        }
        VideoDraft {
            title: plan.title.clone(),
            tags: plan.tags.clone(),
            category: plan.category.clone(),
            licence: plan.licence.clone(),
            originally_published: self.planned.marker.stamp.or(plan.originally_published),
            downloads_allowed: plan.downloads_allowed,
            captions,
            import,
        }
    }
}

/// What is known of a file before it is there.
struct Source {
    /// Whether it certainly has sound.
    sound: bool,
    /// How many bytes it may have.
    bytes: u64,
}

impl Source {
    fn new(sound: bool, bytes: u64) -> Self {
        Self { sound, bytes }
    }
}

/// An address without what follows its path: that part may be signed anew each time.
fn without_query(url: &Url) -> &str {
    let whole = url.as_str();
    whole.split(['?', '#']).next().unwrap_or(whole)
}

/// The type of a still picture by its name's ending.
fn type_of(ending: &str) -> Option<&'static str> {
    let kinds = ["image/jpeg", "image/png", "image/webp", "image/gif", "image/avif"];
    kinds.into_iter().find(|kind| extension(kind) == ending)
}

/// A picture that is prepared when it is asked for.
struct LaterPicture {
    workshop: Workshop,
    name: String,
    url: Url,
    target: PictureTarget,
    meter: Arc<dyn ProgressSink>,
}

impl std::fmt::Debug for LaterPicture {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LaterPicture")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl MediaBody for LaterPicture {
    async fn open(&self) -> Result<(u64, MediaStream), MediaError> {
        let made = self
            .workshop
            .picture(&self.name, &self.url, &self.target, self.meter.as_ref())
            .await
            .map_err(|e| match e {
                Unfinished::Media(error) => error,
                Unfinished::NeedsDecoder(why) => MediaError::Unusable(why),
            })?;
        let bytes = made.bytes.clone();
        Ok((bytes.len() as u64, stream::once(async { Ok(bytes) }).boxed()))
    }
}

/// An alternative text with the words of subtitles behind it, in one line: some servers keep the first line only.
fn in_one_line(alt: &str, words: &str) -> String {
    let alt = text::clean_line(alt);
    let end = if alt.ends_with(char::is_alphanumeric) { "." } else { "" };
    text::clean_line(&format!("{alt}{end} {words}"))
}

/// The words of a file of subtitles, each line once.
fn transcript(vtt: &str) -> String {
    let mut words: Vec<String> = Vec::new();
    let mut in_cue = false;
    for line in vtt.lines().map(str::trim) {
        if line.contains("-->") {
            in_cue = true;
        } else if line.is_empty() {
            in_cue = false;
        } else if in_cue {
            let mut in_tag = false;
            let plain: String = line
                .chars()
                .filter(|c| {
                    match c {
                        '<' => in_tag = true,
                        '>' if in_tag => {
                            in_tag = false;
                            return false;
                        }
                        _ => {}
                    }
                    !in_tag
                })
                .collect();
            let plain = plain.trim().to_owned();
            if !plain.is_empty() && words.last() != Some(&plain) {
                words.push(plain);
            }
        }
    }
    words.join(" ")
}

/// A file that is made when it is first opened.
struct MadeFile {
    workshop: Workshop,
    name: String,
    recipe: Recipe,
    meter: Arc<dyn ProgressSink>,
    /// It must be smaller than this.
    below: u64,
}

impl std::fmt::Debug for MadeFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MadeFile")
            .field("name", &self.name)
            .field("recipe", &self.recipe)
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl MediaBody for MadeFile {
    async fn open(&self) -> Result<(u64, MediaStream), MediaError> {
        self.open_at(0).await
    }

    async fn open_at(&self, offset: u64) -> Result<(u64, MediaStream), MediaError> {
        let made = self
            .workshop
            .make(&self.name, &self.recipe, self.meter.as_ref())
            .await?;
        let transient = |e: std::io::Error| MediaError::Transient(format!("a working file can't be read: {e}"));
        let mut file = tokio::fs::File::open(made.path()).await.map_err(transient)?;
        let bytes = file.metadata().await.map_err(transient)?.len();
        match bytes {
            0 => return Err(MediaError::Unusable("the file is empty".into())),
            bytes if bytes >= self.below => {
                return Err(MediaError::Unusable("the file is too large for the destination".into()));
            }
            _ => {}
        }
        file.seek(std::io::SeekFrom::Start(offset)).await.map_err(transient)?;
        // Held until it is read: the working file isn't removed under the reader.
        let stream = ReaderStream::with_capacity(file, 256 << 10).map(move |piece| {
            let _held = &made;
            piece
        });
        Ok((bytes, stream.boxed()))
    }
}

#[cfg(test)]
mod tests {
    use super::{in_one_line, transcript};

    #[test]
    fn the_words_of_subtitles_stand_in_the_same_line_as_the_alternative_text() {
        assert_eq!(in_one_line("Video: A walk", "Hello\nsea"), "Video: A walk. Hello sea");
        assert_eq!(in_one_line("The sea.\nGulls!", "Hello"), "The sea. Gulls! Hello");
        assert_eq!(in_one_line("", "Hello"), "Hello");
    }

    #[test]
    fn subtitles_become_a_text_without_times_and_marks() {
        let vtt = "WEBVTT\n\nNOTE by me\n\n1\n00:00.000 --> 00:02.000\n<v Anna>Hello,\n\n00:02.000 --> 00:03.000 line:0\nHello,\n<i>world</i>!\n";
        assert_eq!(transcript(vtt), "Hello, world!");
    }
}
