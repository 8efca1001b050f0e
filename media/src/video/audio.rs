//! Sound, encoded before the picture: so its size is known exactly when the picture's share is set.

use std::path::Path;

use super::{
    Encode, Facts, Ffmpeg, VideoError,
    run::{self, Args, Input, Shift},
};
use crate::work::{WorkFile, Workspace};

/// Where an encode's sound comes from.
pub(super) enum Sound {
    /// A track of the video itself.
    Track(Input, u32),
    /// The first sound track of a file of its own.
    Apart(Input),
    /// A track without sound.
    Silence,
    /// No track.
    None,
}

impl Sound {
    /// A separate file counts more than the video's own tracks.
    pub(super) fn of(
        input: &Input,
        facts: &Facts,
        apart: Option<&Path>,
        silent_track: bool,
    ) -> Result<Self, VideoError> {
        Ok(match (apart, facts.best_audio()) {
            (Some(path), _) => Self::Apart(Input::open(path)?),
            (None, Some(track)) => Self::Track(input.clone(), track.index),
            (None, None) if silent_track => Self::Silence,
            (None, None) => Self::None,
        })
    }

    /// Adds the input, limited to `seconds`, and says what to `-map` of it when it is input number `number`. A track of the
    /// video itself is taken from input 0.
    pub(super) fn input(&self, args: &mut Args, number: u32, seconds: f64) -> Option<String> {
        match self {
            Self::Track(_, index) => Some(format!("0:{index}")),
            Self::Apart(input) => {
                args.words(&format!("-t {seconds:.3}")).input(input);
                Some(format!("{number}:a:0"))
            }
            Self::Silence => {
                args.words(&format!("-t {seconds:.3}"))
                    .words("-f lavfi -i anullsrc=r=48000:cl=stereo");
                Some(format!("{number}:a:0"))
            }
            Self::None => None,
        }
    }
}

/// What makes AAC of a track: gaps filled, beginning at 0, so that it stays with the picture.
pub(super) fn codec(kbit: u32) -> String {
    format!("-c:a aac -profile:a aac_low -b:a {kbit}k -ac 2 -ar 48000 -af aresample=async=1:first_pts=0")
}

/// The made sound.
pub(super) struct Made {
    pub(super) file: WorkFile,
    pub(super) bytes: u64,
    pub(super) command: String,
}

/// Encodes the sound into a file of its own; `None` when there is none.
pub(super) async fn make(
    ffmpeg: &Ffmpeg,
    sound: &Sound,
    encode: &Encode,
    seconds: f64,
    kbit: u32,
    work: &Workspace,
    shift: Shift<'_>,
) -> Result<Option<Made>, VideoError> {
    let mut args = Args::default();
    if let Sound::Track(input, _) = sound {
        args.words(&format!("-t {seconds:.3}")).input(input);
    }
    let Some(map) = sound.input(&mut args, 0, seconds) else {
        return Ok(None);
    };
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "seconds are positive and bounded"
    )]
    let room = (f64::from(kbit) * 125.0 * seconds * 1.3) as u64 + 200_000;
    let file = work.file("sound.m4a", room.min(encode.max_bytes.max(200_000)))?;
    args.words("-map")
        .one(map)
        .words("-vn -sn -dn -map_metadata -1 -map_chapters -1")
        .words(&codec(kbit));
    args.words("-fflags +bitexact -f mp4").file(file.path());
    run::ffmpeg(ffmpeg, work.dir(), &args, seconds, file.room(), shift).await?;
    let bytes = file.settle()?;
    Ok(Some(Made {
        file,
        bytes,
        command: ffmpeg.shown(&args),
    }))
}
