//! The transcode: H.264 and AAC within pixels, frames and bytes, at the best quality that the bytes allow.
//!
//! Order of work: the picture's needs are measured on samples, the sound is encoded, then the picture. An ample budget gets one
//! pass at a fine quality under a cap; a tight one gets two passes that fill it to between 97 % and 100 %, and where an average
//! was missed, the second pass again with the average corrected. What comes out is never larger than asked.

use std::{io::Read, path::Path};

use super::{
    Encode, Facts, Ffmpeg, VideoError, Watch, audio,
    audio::Sound,
    filters, measure,
    run::{self, Args, Input, Shift},
    settings::{self, Complexity, Fps, Rate, Settings},
};
use crate::work::{WorkFile, WorkFolder};

/// Second passes at most: the first, and corrections.
const ATTEMPTS: u32 = 4;
/// How often samples are measured at most.
const LOOKS: u32 = 3;
/// Less than this share of a tight budget is worth another pass.
const ENOUGH: f64 = 0.97;
/// What a correction aims at.
const CORRECTED: f64 = 0.988;
/// Captions larger than this aren't written into a picture.
const CAPTIONS_MAX: u64 = 4 << 20;

/// What came out.
#[derive(Debug, Clone, PartialEq)]
pub struct Encoded {
    /// Size of the file.
    pub bytes: u64,
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// Frame rate, when known.
    pub fps: Option<Fps>,
    /// What was done, in words for people.
    pub did: Vec<String>,
    /// The command lines that were run, as a shell takes them.
    pub commands: Vec<String>,
}

/// What all passes over one video share.
struct Passes<'a> {
    ffmpeg: &'a Ffmpeg,
    input: &'a Input,
    facts: &'a Facts,
    encode: &'a Encode,
    seconds: f64,
    settings: Settings,
    filters: String,
    sound: Option<audio::Made>,
    dir: &'a WorkFolder,
    output: &'a WorkFile,
}

impl Ffmpeg {
    /// Encodes a video (or a GIF) anew. The output needs room for [`Encode::max_bytes`]; the workspace, for sound and notes
    /// between passes besides.
    ///
    /// # Errors
    /// [`VideoError::DoesNotFit`] when not even the smallest form does.
    pub async fn transcode(
        &self,
        input: &Path,
        encode: &Encode,
        output: &WorkFile,
        watch: Watch<'_>,
    ) -> Result<Encoded, VideoError> {
        if !self.encodes() {
            return Err(VideoError::Cannot(
                "it was built without libx264 or aac: install a full ffmpeg".to_owned(),
            ));
        }
        let shift = Shift::begin(watch);
        let facts = self.probe(input).await?;
        let input = Input::open(input)?;
        let work = output.workspace();
        let whole = if facts.duration > 0.0 {
            facts.duration
        } else {
            self.length(&input, output, shift.part(0.0, 0.01)).await?
        };
        let seconds = encode.seconds.map_or(whole, |limit| limit.clamp(0.1, whole.max(0.1)));
        let total = settings::total_kbit(encode.max_bytes, seconds)?;
        let top = settings::top_form(&facts, encode);
        let sound = Sound::of(&input, &facts, encode.separate_audio.as_deref(), encode.silent_track)?;
        let kbit = if matches!(sound, Sound::Silence) {
            32
        } else {
            settings::audio_kbit(total)
        };
        let sound = audio::make(self, &sound, encode, seconds, kbit, &work, shift.part(0.01, 0.05)).await?;
        let sound_bytes = sound.as_ref().map_or(0, |made| made.bytes);
        let mut complexity = Complexity::default();
        let mut wanted = top;
        let mut looks = 0;
        let settings = loop {
            let from = 0.05 + 0.03 * f64::from(looks);
            let part = shift.part(from, from + 0.03);
            complexity.add(measure::bits(self, &input, &facts, wanted, seconds, &work, part).await?);
            let settings = settings::choose(top, &complexity, encode, seconds, sound_bytes)?;
            looks += 1;
            if complexity.knows(measure::sample(settings.form)) || looks == LOOKS {
                break settings;
            }
            wanted = settings.form;
        };
        let form = settings.form;
        let dir = work.folder("passes", work.reserve(CAPTIONS_MAX)?)?;
        let captions = encode
            .burn_in
            .as_deref()
            .map(|vtt| self.captions(vtt, dir.path()))
            .transpose()?;
        let chain = filters::chain(self, &facts, form, true, captions);
        let mut did = vec![format!(
            "{}×{} at {:.4} frames per second",
            form.width,
            form.height,
            form.fps.per_second()
        )];
        did.extend(chain.notes);
        did.extend(captions.map(|_| "captions were written into the picture".to_owned()));
        let mut commands = Vec::new();
        commands.extend(sound.as_ref().map(|made| made.command.clone()));
        let mut passes = Passes {
            ffmpeg: self,
            input: &input,
            facts: &facts,
            encode,
            seconds,
            settings,
            filters: chain.filters,
            sound,
            dir: &dir,
            output,
        };
        let bytes = passes.make(shift.part(0.14, 1.0), &mut did, &mut commands).await?;
        output.settle()?;
        Ok(Encoded {
            bytes,
            width: form.width,
            height: form.height,
            fps: Some(form.fps),
            did,
            commands,
        })
    }

    /// The length of a file that doesn't say it: read through once.
    async fn length(&self, input: &Input, output: &WorkFile, shift: Shift<'_>) -> Result<f64, VideoError> {
        let mut args = Args::default();
        args.input(input).words("-map 0:v:0 -c copy -f null -");
        let ran = run::ffmpeg(self, output.workspace().dir(), &args, 0.0, u64::MAX >> 1, shift).await?;
        if ran.seconds > 0.0 {
            Ok(ran.seconds)
        } else {
            Err(VideoError::NotAVideo("its length can't be found out".to_owned()))
        }
    }

    /// Copies captions to a name that needs no quoting in a filter, when they are what they claim to be.
    fn captions(&self, vtt: &Path, dir: &Path) -> Result<&'static str, VideoError> {
        const NAME: &str = "captions.vtt";
        if !self.has("filter:subtitles") {
            return Err(VideoError::Cannot(
                "it has no `subtitles` filter, so captions can't be written in".to_owned(),
            ));
        }
        let mut text = Vec::new();
        std::fs::File::open(vtt)?
            .take(CAPTIONS_MAX + 1)
            .read_to_end(&mut text)?;
        let plain = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&text);
        if !plain.starts_with(b"WEBVTT") || text.len() as u64 > CAPTIONS_MAX {
            return Err(VideoError::Cannot(
                "the captions aren't WebVTT, or are larger than 4 MiB".to_owned(),
            ));
        }
        std::fs::write(dir.join(NAME), plain)?;
        Ok(NAME)
    }
}

impl Passes<'_> {
    async fn make(
        &mut self,
        shift: Shift<'_>,
        did: &mut Vec<String>,
        commands: &mut Vec<String>,
    ) -> Result<u64, VideoError> {
        if let Rate::Quality { crf, max_kbit } = self.settings.rate {
            let codec = format!("-crf {crf} -maxrate {max_kbit}k -bufsize {}k", max_kbit * 2);
            let bytes = self.last_pass(&codec, shift, commands).await?.0;
            if bytes <= self.encode.max_bytes {
                did.push(format!("quality {crf}, preset {}", self.settings.preset));
                return Ok(bytes);
            }
            // The samples were easier than the rest.
            tracing::debug!(bytes, "an encode at a fixed quality came out too large: two passes");
            self.settings.rate = Rate::TwoPass {
                kbit: self.budget_kbit(CORRECTED),
            };
        }
        let Rate::TwoPass { mut kbit } = self.settings.rate else {
            return Ok(0);
        };
        let notes = self.notes_bytes();
        let _room = self.output.workspace().reserve(notes)?;
        self.first_pass(kbit, notes, shift.part(0.0, 0.35), commands).await?;
        let (mut from, mut aim) = (0.35, CORRECTED);
        let mut under: Option<(f64, u64)> = None;
        let mut over: Option<(f64, u64)> = None;
        for attempt in 1..=ATTEMPTS {
            let to = from + (1.0 - from) * 0.8;
            let (bytes, done) = self.second_pass(kbit, shift.part(from, to), commands).await?;
            from = to;
            tracing::debug!(attempt, kbit, bytes, of = self.encode.max_bytes, "second pass");
            if bytes > self.encode.max_bytes {
                // A file that was cut off at the ceiling would have gone on like this.
                #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a size")]
                let whole = (size(bytes) / done.clamp(0.05, 1.0)) as u64;
                over = Some((kbit, whole));
            } else {
                let stuck =
                    under.is_some_and(|(less, before)| kbit > less * 1.01 && size(bytes) < size(before) * 1.005);
                if stuck || size(bytes) >= size(self.encode.max_bytes) * ENOUGH {
                    did.push(self.spent(kbit, attempt));
                    return Ok(bytes);
                }
                under = Some((kbit, bytes));
            }
            kbit = self.next_kbit(under, over, aim).max(1.0);
            aim -= 0.003;
        }
        // The last attempt may have been too large where an earlier one wasn't: that one again.
        if let Some((kbit, _)) = under {
            let (bytes, _) = self.second_pass(kbit, shift.part(from, 1.0), commands).await?;
            if bytes <= self.encode.max_bytes {
                did.push(self.spent(kbit, ATTEMPTS + 1));
                return Ok(bytes);
            }
        }
        Err(VideoError::DoesNotFit(format!(
            "{}×{} at {:.0} frames per second came out above {} bytes each time",
            self.settings.form.width,
            self.settings.form.height,
            self.settings.form.fps.per_second(),
            self.encode.max_bytes
        )))
    }

    fn spent(&self, kbit: f64, attempts: u32) -> String {
        let again = if attempts > 1 {
            format!(", the second made {attempts} times")
        } else {
            String::new()
        };
        format!("two passes at {kbit:.0} kbit/s, preset {}{again}", self.settings.preset)
    }

    async fn second_pass(
        &self,
        kbit: f64,
        shift: Shift<'_>,
        commands: &mut Vec<String>,
    ) -> Result<(u64, f64), VideoError> {
        let codec = format!("-b:v {kbit:.3}k -pass 2 -passlogfile x264");
        self.last_pass(&codec, shift, commands).await
    }

    /// The average to try next, from the ones that came out too small and too large: between both, or in proportion to the one.
    fn next_kbit(&self, under: Option<(f64, u64)>, over: Option<(f64, u64)>, aim: f64) -> f64 {
        let wanted = size(self.encode.max_bytes) * aim;
        match (under, over) {
            (Some((low, small)), Some((high, large))) if high > low && large > small => {
                let part = ((wanted - size(small)) / (size(large) - size(small))).clamp(0.1, 0.9);
                low + (high - low) * part
            }
            (_, Some((kbit, bytes))) | (Some((kbit, bytes)), None) => {
                let fixed = self.fixed_bytes();
                kbit * ((wanted - fixed).max(1.0) / (size(bytes) - fixed).max(1.0)).clamp(0.1, 10.0)
            }
            (None, None) => self.budget_kbit(aim),
        }
    }

    /// Sound and index: bytes that don't depend on the picture's rate.
    fn fixed_bytes(&self) -> f64 {
        let sound = self.sound.as_ref().map_or(0, |made| made.bytes);
        size(sound) + settings::index_bytes(self.seconds, self.settings.form.fps, sound > 0)
    }

    /// What x264 notes for its second pass at most: two bytes per block of 16×16 of each frame that others refer to, and a
    /// line for each.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "positive and bounded"
    )]
    fn notes_bytes(&self) -> u64 {
        let form = self.settings.form;
        let blocks = f64::from(form.width.div_ceil(16)) * f64::from(form.height.div_ceil(16));
        ((blocks * 2.0 + 400.0) * form.fps.per_second() * self.seconds) as u64 + (1 << 20)
    }

    fn budget_kbit(&self, aim: f64) -> f64 {
        (size(self.encode.max_bytes) * aim - self.fixed_bytes()).max(1000.0) * 8.0 / 1000.0 / self.seconds
    }

    fn picture(&self, args: &mut Args, codec: &str) {
        let settings = &self.settings;
        // A key frame every five seconds at least, so that a player finds its place quickly.
        let group = (settings.form.fps.per_second() * 5.0).ceil();
        args.words("-map")
            .one(format!("0:{}", self.facts.video.index))
            .words("-vf")
            .one(&self.filters);
        args.words(&format!(
            "-c:v libx264 -profile:v high -preset {} -g {group:.0}",
            settings.preset
        ));
        args.words(codec).words(filters::COLOURS);
    }

    fn begin(&self) -> Args {
        let mut args = Args::default();
        args.words(&format!("-t {:.3}", self.seconds)).input(self.input);
        args
    }

    async fn first_pass(
        &self,
        kbit: f64,
        notes: u64,
        shift: Shift<'_>,
        commands: &mut Vec<String>,
    ) -> Result<(), VideoError> {
        let mut args = self.begin();
        self.picture(&mut args, &format!("-b:v {kbit:.3}k -pass 1 -passlogfile x264"));
        args.words("-an -sn -dn -f null -");
        commands.push(self.ffmpeg.shown(&args));
        run::ffmpeg(self.ffmpeg, self.dir.path(), &args, self.seconds, notes, shift).await?;
        Ok(())
    }

    /// Writes the file. Returns its size, and the share of the duration that is in it: less than 1 when it was cut off.
    async fn last_pass(
        &self,
        codec: &str,
        shift: Shift<'_>,
        commands: &mut Vec<String>,
    ) -> Result<(u64, f64), VideoError> {
        let mut args = self.begin();
        if let Some(sound) = &self.sound {
            args.words("-protocol_whitelist file,pipe -f mov -i")
                .file(sound.file.path());
        }
        self.picture(&mut args, codec);
        if self.sound.is_some() {
            args.words("-map 1:a:0 -c:a copy");
        }
        let ceiling = self
            .encode
            .max_bytes
            .saturating_add(self.encode.max_bytes / 16)
            .saturating_add(64 << 10);
        finish(&mut args, self.output, ceiling.min(self.output.room()));
        commands.push(self.ffmpeg.shown(&args));
        // `-fs` stops a little late, and moving the index to the front adds it once more.
        let max_file = ceiling + ceiling / 8 + (1 << 20);
        let ran = run::ffmpeg(self.ffmpeg, self.dir.path(), &args, self.seconds, max_file, shift).await?;
        let bytes = std::fs::metadata(self.output.path())?.len();
        Ok((bytes, ran.seconds / self.seconds))
    }
}

/// A size for reckoning.
#[expect(clippy::cast_precision_loss, reason = "sizes are far below 2^52")]
fn size(bytes: u64) -> f64 {
    bytes as f64
}

/// The end of a command that writes an MP4 file: index in front, nothing that tells where or with what.
pub(super) fn finish(args: &mut Args, output: &WorkFile, ceiling: u64) {
    args.words("-sn -dn -map_metadata -1 -map_chapters -1 -fflags +bitexact -max_muxing_queue_size 4096");
    args.words(&format!("-fs {ceiling} -movflags +faststart -f mp4"))
        .file(output.path());
}
