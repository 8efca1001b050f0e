//! The remux: the picture as it is, in an MP4 file with its index in front and nothing that tells where or with what.

use std::path::{Path, PathBuf};

use super::{
    Encoded, Ffmpeg, VideoError, Watch, audio,
    audio::Sound,
    encode::finish,
    run::{self, Args, Input, Shift},
};
use crate::work::WorkFile;

/// What a remux takes besides the video.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Remux {
    /// A file with the sound, when it comes apart from the picture.
    pub separate_audio: Option<PathBuf>,
    /// Give a video without sound a silent track.
    pub silent_track: bool,
}

impl Ffmpeg {
    /// Copies the picture and the best sound track into a new file; sound that isn't AAC becomes AAC. Rotation is kept.
    /// Messages between the picture's frames (SEI), where camcorders note place and model, are left out.
    ///
    /// # Errors
    /// [`VideoError::NeedsTranscode`] when the picture isn't H.264 in 8-bit 4:2:0; [`VideoError::DoesNotFit`] when the result
    /// is larger than the output's room.
    pub async fn remux(
        &self,
        input: &Path,
        remux: &Remux,
        output: &WorkFile,
        watch: Watch<'_>,
    ) -> Result<Encoded, VideoError> {
        let shift = Shift::begin(watch);
        let facts = self.probe(input).await?;
        facts.copyable_picture().map_err(VideoError::NeedsTranscode)?;
        let input = Input::open(input)?;
        let sound = Sound::of(&input, &facts, remux.separate_audio.as_deref(), remux.silent_track)?;
        let mut did = vec!["the picture as it is, in a new file".to_owned()];
        let codec = match &sound {
            Sound::Track(..) => facts.best_audio().map(|track| track.codec.clone()),
            Sound::Apart(apart) => Some(self.audio_codec(&apart.path).await?),
            Sound::Silence | Sound::None => None,
        };
        let mut args = Args::default();
        args.input(&input);
        // Silence is as long as the picture; a separate track is taken whole.
        let seconds = if matches!(sound, Sound::Silence) {
            facts.duration.max(0.1)
        } else {
            1e6
        };
        let map = sound.input(&mut args, 1, seconds);
        args.words("-map")
            .one(format!("0:{}", facts.video.index))
            .words("-c:v copy -bsf:v filter_units=remove_types=6");
        if let Some(map) = map {
            args.words("-map").one(map);
            if codec.as_deref() == Some("aac") {
                args.words("-c:a copy");
            } else if self.encodes() {
                args.words(&audio::codec(if codec.is_some() { 160 } else { 32 }));
                did.extend(codec.map(|codec| format!("the sound was {codec} and is AAC now")));
            } else {
                return Err(VideoError::Cannot(
                    "it was built without aac: install a full ffmpeg".to_owned(),
                ));
            }
        }
        finish(&mut args, output, output.room());
        let dir = output.workspace();
        let max_file = output.room() + output.room() / 8 + (1 << 20);
        let ran = run::ffmpeg(self, dir.dir(), &args, facts.duration, max_file, shift).await?;
        let bytes = std::fs::metadata(output.path())?.len();
        let cut = facts.duration > 0.0 && ran.seconds < facts.duration * 0.98 - 1.0;
        if bytes > output.room() || (cut && bytes + (64 << 10) > output.room()) {
            return Err(VideoError::DoesNotFit(format!(
                "as it is, it has more than {} bytes",
                output.room()
            )));
        }
        output.settle()?;
        Ok(Encoded {
            bytes,
            width: facts.video.width,
            height: facts.video.height,
            fps: facts.video.fps,
            did,
            commands: vec![self.shown(&args)],
        })
    }

    /// The codec of the first sound track of a file that may have no picture.
    async fn audio_codec(&self, path: &Path) -> Result<String, VideoError> {
        let mut args = Args::default();
        args.words("-v error -select_streams a:0 -show_entries stream=codec_name -of csv=p=0");
        args.input(&Input::open(path)?);
        let out = run::print(self, &self.prober, &args, std::time::Duration::from_secs(60)).await?;
        let name = String::from_utf8_lossy(&out)
            .lines()
            .next()
            .unwrap_or_default()
            .trim()
            .to_owned();
        if name.is_empty() {
            return Err(VideoError::NotAVideo("the separate sound file has no sound".to_owned()));
        }
        Ok(name)
    }
}
