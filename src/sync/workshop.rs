//! Where files are worked on: fetched, repackaged, encoded, scaled. What was made is kept while its delivery is under way,
//! so that a wait doesn't cost the work again, and removed with it.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::StreamExt;
use tokio::io::AsyncWriteExt;
use tombolo_media::picture::{Bounds, Decoders, PictureError, Prepared, Target};
use tombolo_media::video::{Encode, Ffmpeg, Progress, Remux, Slideshow, VideoError, Watch};
use tombolo_media::work::{Full, WorkFile, Workspace};
use tombolo_media::{picture, video};
use tombolo_model::{MediaError, ProgressSink};
use tombolo_net::{Net, NetError, shown};
use url::Url;

/// Largest picture that is fetched.
const MOST_PICTURE: u64 = 64 << 20;
/// Largest file of subtitles that is fetched.
const MOST_SUBTITLES: u64 = 4 << 20;
/// Room that is set aside for a video of unknown size.
const UNKNOWN_VIDEO: u64 = 2 << 30;
/// A progress bar of an encode has so many steps.
const STEPS: u64 = 1000;
/// How a video of pictures is shaped.
pub(super) const SLIDES: (u32, u32) = (1920, 1080);

/// The workshop of one process.
#[derive(Clone)]
pub struct Workshop {
    net: Net,
    /// Nowhere in a dry run, which makes nothing.
    space: Option<Workspace>,
    /// Bytes that working files may have, also where none are made.
    most: u64,
    ffmpeg: Result<Ffmpeg, String>,
    pictures: picture::Workshop,
    encode_time: Duration,
    made: Arc<Mutex<HashMap<String, Arc<WorkFile>>>>,
}

/// A video that is to be made.
#[derive(Clone, Debug)]
pub(super) enum Recipe {
    /// The file as it is.
    Fetch(Url, Option<u64>),
    /// A sound file without tags that tell where or with what it was recorded.
    Sound(Url, Option<u64>),
    /// Its pictures and sound in a new file.
    Remux {
        video: (Url, Option<u64>),
        audio: Option<(Url, Option<u64>)>,
        /// Whether a video without sound gets a silent track.
        silent_track: bool,
        /// Most bytes of the result.
        most: u64,
    },
    /// Encoded anew.
    Transcode {
        video: (Url, Option<u64>),
        audio: Option<(Url, Option<u64>)>,
        burn_in: Option<Url>,
        encode: Encode,
    },
    /// Pictures, one after the other.
    Slideshow {
        pictures: Vec<Url>,
        seconds: u32,
        most: u64,
    },
}

impl Workshop {
    /// A workshop in this folder, or one that makes nothing. `most`: how many bytes its files may have together. `path`: where
    /// programs are looked for.
    pub fn new(
        net: Net,
        space: Option<Workspace>,
        most: u64,
        ffmpeg: Result<Ffmpeg, String>,
        path: &OsStr,
        encode_time: Duration,
    ) -> Self {
        let pictures = picture::Workshop {
            decoders: Decoders::find(path),
            bounds: Bounds::default(),
            dir: space.as_ref().map(|space| space.dir().to_owned()).unwrap_or_default(),
        };
        Self {
            net,
            space,
            most,
            ffmpeg,
            pictures,
            encode_time,
            made: Arc::default(),
        }
    }

    /// How large what is made may become: beside its source, and the sound apart, there must be room for it.
    pub(super) fn output(&self, most: u64) -> u64 {
        most.min(self.most / 3)
    }

    /// A place for a working file. Where there is no room for it, files that other deliveries wait with give way: these are
    /// made again when they are needed.
    fn file(&self, name: &str, bytes: u64) -> Result<WorkFile, MediaError> {
        let Some(space) = &self.space else {
            return Err(MediaError::Unusable("a dry run makes no files".into()));
        };
        loop {
            let no_room = match space.file(name, bytes) {
                Ok(file) => return Ok(file),
                Err(e) => e,
            };
            if no_room.wanted > no_room.max || !self.evict(name) {
                return Err(full(no_room));
            }
        }
    }

    /// Removes the largest file that nobody reads now and that isn't for the same delivery as the one of this name.
    fn evict(&self, name: &str) -> bool {
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        let idle = made
            .iter()
            .filter(|(other, file)| Arc::strong_count(file) == 1 && !is_of_same_delivery(other, name));
        let largest = idle.max_by_key(|(_, file)| file.room()).map(|(other, _)| other.clone());
        largest.is_some_and(|largest| {
            tracing::debug!(file = largest, "it gives way to other work");
            made.remove(&largest).is_some()
        })
    }

    /// Why videos can't be worked on; `None`: they can.
    pub fn no_ffmpeg(&self) -> Option<String> {
        match &self.ffmpeg {
            Ok(ffmpeg) if ffmpeg.encodes() => None,
            Ok(_) => Some("this ffmpeg can't encode H.264: install a full one".into()),
            Err(why) => Some(why.clone()),
        }
    }

    /// Removes what was made for a delivery.
    pub(super) fn forget(&self, delivery: &str) {
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        made.retain(|name, _| !name.contains(delivery));
    }

    /// Removes what was made for one medium of a part: `prefix` is how its files' names begin.
    pub(super) fn forget_file(&self, prefix: &str) {
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        made.retain(|name, _| !name.starts_with(prefix));
    }

    /// The file by this recipe, made now or before.
    pub(super) async fn make(
        &self,
        name: &str,
        recipe: &Recipe,
        meter: &dyn ProgressSink,
    ) -> Result<Arc<WorkFile>, MediaError> {
        let before = self
            .made
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(name)
            .cloned();
        if let Some(file) = before {
            return Ok(file);
        }
        let file = Arc::new(self.made_anew(name, recipe, meter).await?);
        self.made
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(name.to_owned(), file.clone());
        Ok(file)
    }

    async fn made_anew(&self, name: &str, recipe: &Recipe, meter: &dyn ProgressSink) -> Result<WorkFile, MediaError> {
        if let Recipe::Fetch(url, bytes) = recipe {
            return self.fetched(name, url, *bytes, meter).await;
        }
        let ffmpeg = self.ffmpeg.as_ref().map_err(|why| MediaError::Unusable(why.clone()))?;
        if let Recipe::Sound(url, bytes) = recipe {
            let input = self.fetched(name, url, *bytes, meter).await?;
            return self.bare_sound(ffmpeg, name, input, meter).await;
        }
        let told = Told::new(meter);
        let watch = |what: &'static str| {
            meter.work(what, STEPS);
            told.restart();
        };
        match recipe {
            Recipe::Fetch(..) | Recipe::Sound(..) => unreachable!("it is handled above"),
            Recipe::Remux {
                video,
                audio,
                silent_track,
                most,
            } => {
                let input = self.fetched(name, &video.0, video.1, meter).await?;
                let sound = self.sound(name, audio.as_ref(), meter).await?;
                let apart = sound.as_ref().map_or(0, WorkFile::room);
                let room = input
                    .room()
                    .saturating_add(apart)
                    .saturating_mul(2)
                    .saturating_add(1 << 20);
                let output = self.file(name, room.min(self.output(*most)))?;
                let remux = Remux {
                    separate_audio: sound.as_ref().map(|file| file.path().to_owned()),
                    silent_track: *silent_track,
                };
                watch("repackaging");
                let progress = |p: Progress| told.tell(p);
                let done = ffmpeg
                    .remux(input.path(), &remux, &output, self.watch(&progress))
                    .await
                    .map_err(failed)?;
                tracing::debug!(did = ?done.did, "repackaged");
                Ok(output)
            }
            Recipe::Transcode {
                video,
                audio,
                burn_in,
                encode,
            } => {
                let input = self.fetched(name, &video.0, video.1, meter).await?;
                let sound = self.sound(name, audio.as_ref(), meter).await?;
                let subtitles = match burn_in {
                    Some(url) => Some(
                        self.fetched_within(&format!("{name}.vtt"), url, None, MOST_SUBTITLES, meter)
                            .await?,
                    ),
                    None => None,
                };
                let encode = Encode {
                    separate_audio: sound.as_ref().map(|file| file.path().to_owned()),
                    burn_in: subtitles.as_ref().map(|file| file.path().to_owned()),
                    ..encode.clone()
                };
                let encode = Encode {
                    max_bytes: self.output(encode.max_bytes),
                    ..encode
                };
                let output = self.file(name, encode.max_bytes)?;
                watch("encoding");
                let progress = |p: Progress| told.tell(p);
                let done = ffmpeg
                    .transcode(input.path(), &encode, &output, self.watch(&progress))
                    .await
                    .map_err(failed)?;
                tracing::debug!(did = ?done.did, bytes = done.bytes, "encoded");
                Ok(output)
            }
            Recipe::Slideshow {
                pictures,
                seconds,
                most,
            } => {
                let slides = self.slides(name, pictures, meter).await?;
                let paths: Vec<PathBuf> = slides.iter().map(|file| file.path().to_owned()).collect();
                let output = self.file(name, self.output(*most))?;
                watch("making a video of the pictures");
                let progress = |p: Progress| told.tell(p);
                ffmpeg
                    .slideshow(&paths, &show(*seconds), &output, self.watch(&progress))
                    .await
                    .map_err(failed)?;
                Ok(output)
            }
        }
    }

    /// A sound file without its tags of place and device, or itself where it has none.
    async fn bare_sound(
        &self,
        ffmpeg: &Ffmpeg,
        name: &str,
        input: WorkFile,
        meter: &dyn ProgressSink,
    ) -> Result<WorkFile, MediaError> {
        let output = self.file(name, input.room().saturating_add(1 << 20))?;
        meter.stage("reading its tags", None);
        match ffmpeg
            .sound_without_traces(input.path(), &output, self.watch(&|_| {}))
            .await
        {
            Ok(true) => Ok(output),
            Ok(false) => Ok(input),
            Err(error) if error.is_temporary() => Err(failed(error)),
            // Sound is never lost for the sake of its tags.
            Err(error) => {
                tracing::debug!(%error, "a sound file's tags stay");
                Ok(input)
            }
        }
    }

    fn watch<'a>(&self, progress: &'a (dyn Fn(Progress) + Send + Sync)) -> Watch<'a> {
        Watch {
            within: self.encode_time,
            progress,
        }
    }

    async fn sound(
        &self,
        name: &str,
        audio: Option<&(Url, Option<u64>)>,
        meter: &dyn ProgressSink,
    ) -> Result<Option<WorkFile>, MediaError> {
        Ok(match audio {
            Some((url, bytes)) => Some(self.fetched(name, url, *bytes, meter).await?),
            None => None,
        })
    }

    /// The pictures of a slideshow, as files.
    async fn slides(
        &self,
        name: &str,
        pictures: &[Url],
        meter: &dyn ProgressSink,
    ) -> Result<Vec<WorkFile>, MediaError> {
        let mut slides = Vec::new();
        for (place, url) in pictures.iter().enumerate() {
            slides.push(self.slide(&format!("{place}-{name}"), url, meter).await?);
        }
        Ok(slides)
    }

    /// A picture of a slideshow, upright and stripped, as a file.
    async fn slide(&self, name: &str, url: &Url, meter: &dyn ProgressSink) -> Result<WorkFile, MediaError> {
        let target = Target {
            types: vec!["image/jpeg".into(), "image/png".into()],
            max_bytes: 16 << 20,
            max_pixels: u64::from(SLIDES.0) * u64::from(SLIDES.0),
            fit: None,
        };
        let picture = self.picture(name, url, &target, meter).await.map_err(|e| match e {
            Unfinished::Media(error) => error,
            Unfinished::NeedsDecoder(why) => MediaError::Unusable(why),
        })?;
        let file = self.file(name, picture.bytes.len() as u64)?;
        tokio::fs::write(file.path(), &picture.bytes).await.map_err(disk)?;
        Ok(file)
    }

    /// A picture within what the destination takes. `name`: of what it belongs to.
    pub(super) async fn picture(
        &self,
        name: &str,
        url: &Url,
        target: &Target,
        meter: &dyn ProgressSink,
    ) -> Result<Prepared, Unfinished> {
        let file = self
            .fetched_within(&format!("{name}.picture"), url, None, MOST_PICTURE, meter)
            .await?;
        let bytes = picture::load(file.path(), &self.pictures.bounds)
            .await
            .map_err(unreadable)?;
        drop(file);
        meter.stage("preparing the picture", None);
        let prepared = picture::prepare(bytes, target, &self.pictures).await;
        prepared.map_err(|e| match e {
            PictureError::NeedsDecoder { .. } => Unfinished::NeedsDecoder(e.to_string()),
            other => Unfinished::Media(unreadable(other)),
        })
    }

    /// A file of the source, as a working file. `bytes` is what it is said to have.
    async fn fetched(
        &self,
        name: &str,
        url: &Url,
        bytes: Option<u64>,
        meter: &dyn ProgressSink,
    ) -> Result<WorkFile, MediaError> {
        self.fetched_within(name, url, bytes, u64::MAX, meter).await
    }

    /// The same, but never more than `most` bytes.
    async fn fetched_within(
        &self,
        name: &str,
        url: &Url,
        bytes: Option<u64>,
        most: u64,
        meter: &dyn ProgressSink,
    ) -> Result<WorkFile, MediaError> {
        let (status, download) = self.net.download(url, None).await.map_err(|e| match e {
            NetError::Refused(message) | NetError::TooLarge(message) => MediaError::Unusable(message),
            other => MediaError::Transient(other.to_string()),
        })?;
        match status.as_u16() {
            200 => {}
            404 | 410 => return Err(MediaError::Gone(shown(url))),
            other => {
                return Err(MediaError::Unusable(format!(
                    "the file at the source is answered with status {other}"
                )));
            }
        }
        if download.media_type.as_deref() == Some("text/html") {
            return Err(MediaError::Unusable(
                "the file at the source is answered with a web page".into(),
            ));
        }
        // A size that the source told may be out of date, but not by far.
        let believable = bytes.map_or(most, |bytes| bytes.saturating_mul(2).saturating_add(1 << 20).min(most));
        if download.bytes.is_some_and(|now| now > believable) {
            let why = "the file at the source is larger than announced, or than anything of its kind";
            return Err(MediaError::Unusable(why.into()));
        }
        let room = download.bytes.or(bytes).unwrap_or_else(|| {
            UNKNOWN_VIDEO
                .min(most)
                .min(self.space.as_ref().map_or(0, Workspace::max) / 3)
        });
        let file = self.file(name, room)?;
        meter.stage("downloading", download.bytes);
        let mut out = tokio::fs::File::create(file.path()).await.map_err(disk)?;
        let mut stream = download.stream;
        let mut written = 0_u64;
        while let Some(piece) = stream.next().await {
            let piece = piece.map_err(|e| MediaError::Transient(e.to_string()))?;
            written += piece.len() as u64;
            if written > room {
                return Err(MediaError::Unusable(
                    "the file at the source is larger than announced".into(),
                ));
            }
            out.write_all(&piece).await.map_err(disk)?;
            meter.advance(piece.len() as u64);
        }
        if written == 0 {
            return Err(MediaError::Unusable("the file at the source is empty".into()));
        }
        out.flush().await.map_err(disk)?;
        drop(out);
        file.settle().map_err(disk)?;
        Ok(file)
    }
}

/// A slideshow of pictures that are shown so many seconds each.
fn show(seconds: u32) -> Slideshow {
    let seconds_each = f64::from(seconds);
    Slideshow {
        seconds_each,
        crossfade: 0.5_f64.min(seconds_each / 4.0),
        width: SLIDES.0,
        height: SLIDES.1,
        silent_track: true,
    }
}

/// Whether both names belong to files of one delivery: they begin with the same mark of it, or one has no such mark.
fn is_of_same_delivery(one: &str, other: &str) -> bool {
    fn mark(name: &str) -> Option<&str> {
        name.split_once("tombolo-")?.1.split('-').next()
    }
    mark(one) == mark(other)
}

/// Why a picture isn't there.
pub(super) enum Unfinished {
    /// As with any file.
    Media(MediaError),
    /// The creator, or whoever runs tombolo, has to install a decoder.
    NeedsDecoder(String),
}

impl From<MediaError> for Unfinished {
    fn from(error: MediaError) -> Self {
        Self::Media(error)
    }
}

/// Looks for ffmpeg where the configuration says.
pub(crate) async fn find_ffmpeg(at: Option<&Path>, path: &OsStr) -> Result<Ffmpeg, String> {
    let found = match at {
        Some(ffmpeg) => video::Ffmpeg::at(ffmpeg, &ffmpeg.with_file_name("ffprobe"), path).await,
        None => video::Ffmpeg::find(path).await,
    };
    found.map_err(|why| why.to_string())
}

/// Tells a meter how far an encode is.
struct Told<'a> {
    meter: &'a dyn ProgressSink,
    steps: Mutex<u64>,
}

impl<'a> Told<'a> {
    fn new(meter: &'a dyn ProgressSink) -> Self {
        Self {
            meter,
            steps: Mutex::new(0),
        }
    }

    fn restart(&self) {
        *self.steps.lock().unwrap_or_else(PoisonError::into_inner) = 0;
    }

    fn tell(&self, progress: Progress) {
        #[allow(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss
        )] // 0 to 1
        let now = (progress.fraction.clamp(0.0, 1.0) * STEPS as f64) as u64;
        let mut steps = self.steps.lock().unwrap_or_else(PoisonError::into_inner);
        if now > *steps {
            self.meter.advance(now - *steps);
            *steps = now;
        }
    }
}

#[allow(clippy::needless_pass_by_value)] // for map_err
fn full(error: Full) -> MediaError {
    // What could never be held isn't waited for.
    if error.wanted > error.max {
        MediaError::Unusable(error.to_string())
    } else {
        MediaError::Transient(error.to_string())
    }
}

#[allow(clippy::needless_pass_by_value)] // for map_err
fn disk(error: std::io::Error) -> MediaError {
    MediaError::Transient(format!("working files can't be written: {error}"))
}

#[allow(clippy::needless_pass_by_value)] // for map_err
fn unreadable(error: PictureError) -> MediaError {
    MediaError::Unusable(error.to_string())
}

fn failed(error: VideoError) -> MediaError {
    match error {
        VideoError::Full(error) => full(error),
        VideoError::Io(error) => disk(error),
        error @ VideoError::Ended { .. } => MediaError::Transient(error.to_string()),
        other => MediaError::Unusable(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use tombolo_model::{SeededEntropy, SystemClock};
    use tombolo_net::{Guard, NetConfig};

    use super::*;

    /// A workshop for 100 bytes, in which these files are made.
    fn workshop(dir: &Path, files: &[(&str, u64)]) -> Workshop {
        let config = NetConfig {
            guard: Guard::new(Vec::new(), Vec::new()),
            user_agent: "tests".into(),
        };
        let net = Net::new(config, Arc::new(SystemClock), Arc::new(SeededEntropy::new(1))).unwrap();
        let space = Workspace::open(dir, 100).unwrap();
        let no_ffmpeg = Err("none".to_owned());
        let workshop = Workshop::new(net, Some(space), 100, no_ffmpeg, OsStr::new(""), Duration::from_secs(1));
        for (name, bytes) in files {
            let file = workshop.file(name, *bytes).expect("there is room");
            workshop.made.lock().unwrap().insert((*name).to_owned(), Arc::new(file));
        }
        workshop
    }

    fn names(workshop: &Workshop) -> Vec<String> {
        let mut names: Vec<String> = workshop.made.lock().unwrap().keys().cloned().collect();
        names.sort();
        names
    }

    #[test]
    fn one_mediums_files_are_forgotten_and_the_others_stay() {
        let dir = tempfile::tempdir().unwrap();
        let files = [
            ("tombolo-a-1-1-x.mp4", 10),
            ("tombolo-a-1-12-x.mp4", 10),
            ("tombolo-b-1-1-x.mp4", 10),
        ];
        let workshop = workshop(dir.path(), &files);
        workshop.forget_file("tombolo-a-1-1-");
        assert_eq!(names(&workshop), ["tombolo-a-1-12-x.mp4", "tombolo-b-1-1-x.mp4"]);
        workshop.forget("a");
        assert_eq!(names(&workshop), ["tombolo-b-1-1-x.mp4"]);
    }

    #[test]
    fn files_that_nobody_reads_give_way_to_other_deliveries_work() {
        let dir = tempfile::tempdir().unwrap();
        let files = [("tombolo-a-1-1-x.mp4", 50), ("tombolo-b-1-1-x.mp4", 30)];
        let workshop = workshop(dir.path(), &files);
        let read = workshop.made.lock().unwrap()["tombolo-b-1-1-x.mp4"].clone();
        // What is being read stays, and what is of the same delivery.
        assert!(workshop.file("tombolo-a-1-2-x.mp4", 40).is_err());
        assert_eq!(names(&workshop).len(), 2);
        assert!(workshop.file("tombolo-c-1-1-x.mp4", 40).is_ok());
        assert_eq!(names(&workshop), ["tombolo-b-1-1-x.mp4"]);
        assert!(workshop.file("0-tombolo-c-1-1-x.mp4", 80).is_err());
        drop(read);
        assert!(workshop.file("0-tombolo-c-1-1-x.mp4", 80).is_ok());
        // What could never be held isn't made room for.
        let workshop = self::workshop(&dir.path().join("other"), &files);
        assert!(workshop.file("tombolo-c-1-1-x.mp4", 101).is_err());
        assert_eq!(names(&workshop).len(), 2);
    }
}
