//! Videos: probed, remuxed, transcoded and cut by ffmpeg as a separate process; and the boxes of an MP4 file read without it.
//!
//! ffmpeg is given one file of a kind that was recognised first, by its bytes; it never opens a playlist, a URL or a second
//! file that the first one names. It runs without our environment, under a time limit, and dies with us.
//!
//! The ladder that a caller walks: [`Facts::fits_as_is`] → [`Ffmpeg::remux`] → [`Ffmpeg::transcode`] → the same with
//! [`Encode::seconds`] (a teaser) → [`Ffmpeg::still`] and a link. Without ffmpeg, [`atoms`] tells whether a file may leave as
//! it is.

pub mod atoms;
mod audio;
mod encode;
mod filters;
mod find;
mod measure;
mod probe;
mod remux;
mod run;
mod settings;
mod sniff;
mod sound;
mod still;

pub use encode::Encoded;
pub use find::{Ffmpeg, NoFfmpeg};
pub use probe::{Audio, Facts, Hdr, Private, Video};
pub use remux::Remux;
pub use settings::{Encode, Fps};
pub use sniff::{Kind, sniff};
pub use still::Slideshow;

use std::{io, time::Duration};

use crate::work::Full;

/// How far a piece of work is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Progress {
    /// From 0 to 1; never falls.
    pub fraction: f64,
}

/// What every piece of work with ffmpeg is given: how long it may take, and whom to tell how far it is.
#[derive(Clone, Copy)]
pub struct Watch<'a> {
    /// The work as a whole is ended after this time.
    pub within: Duration,
    /// Called about twice a second.
    pub progress: &'a (dyn Fn(Progress) + Send + Sync),
}

impl std::fmt::Debug for Watch<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Watch")
            .field("within", &self.within)
            .finish_non_exhaustive()
    }
}

impl Watch<'_> {
    /// A watch that tells nobody.
    pub fn within(within: Duration) -> Self {
        Self {
            within,
            progress: &|_| {},
        }
    }
}

/// Why a video couldn't be worked on.
#[derive(Debug, thiserror::Error)]
pub enum VideoError {
    /// Not a file that is given to ffmpeg at all, or one without a picture.
    #[error("this is not a video that can be worked on: {0}")]
    NotAVideo(String),
    /// Its picture can't stay as it is: the next rung is a transcode.
    #[error("the video has to be transcoded: {0}")]
    NeedsTranscode(String),
    /// Not even the smallest form fits: the next rung is a teaser, or a still picture and a link.
    #[error("the video doesn't fit: {0}")]
    DoesNotFit(String),
    /// This build of ffmpeg lacks something.
    #[error("this ffmpeg can't do it: {0}")]
    Cannot(String),
    /// The time limit of the work was reached, and ffmpeg ended.
    #[error("the work on the video was ended after {} seconds: allow more time, or a smaller form", .0.as_secs())]
    TimedOut(Duration),
    /// No room for working files.
    #[error(transparent)]
    Full(#[from] Full),
    /// ffmpeg or ffprobe ended with an error.
    #[error("{program} failed on the video ({status}): {said}")]
    Failed {
        /// `ffmpeg` or `ffprobe`.
        program: &'static str,
        /// How it ended.
        status: String,
        /// The end of what it said, in plain characters.
        said: String,
    },
    /// Somebody ended ffmpeg or ffprobe: the machine's shutdown, a person, a lack of memory.
    #[error("{program} was ended by a signal in the middle of its work ({status})")]
    Ended {
        /// `ffmpeg` or `ffprobe`.
        program: &'static str,
        /// How it ended.
        status: String,
    },
    /// Reading, writing or starting a program failed.
    #[error("working on the video: {0}")]
    Io(#[from] io::Error),
}

impl VideoError {
    /// True when trying the same again later may succeed.
    pub fn is_temporary(&self) -> bool {
        matches!(
            self,
            Self::Full(_) | Self::Io(_) | Self::TimedOut(_) | Self::Ended { .. }
        )
    }
}
