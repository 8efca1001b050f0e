//! Still pictures: one out of a video, and several made into a video.

use std::path::{Path, PathBuf};

use super::{
    Encode, Encoded, Ffmpeg, Kind, VideoError, Watch,
    encode::finish,
    filters,
    run::{self, Args, Input, Shift},
    settings::{self, Fps},
    sniff,
};
use crate::work::WorkFile;

/// A JPEG of a frame is never larger than this.
const STILL_MAX: u64 = 16 << 20;
/// More pictures than this aren't shown one after the other.
const PICTURES_MAX: usize = 100;
/// Frames per second of a slideshow: enough for a smooth crossfade.
const SLIDES_FPS: u32 = 25;

/// How pictures are shown one after the other.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Slideshow {
    /// Seconds for each picture.
    pub seconds_each: f64,
    /// Seconds in which one picture becomes the next; 0 for a cut.
    pub crossfade: f64,
    /// Width of the video; made even.
    pub width: u32,
    /// Height of the video; made even.
    pub height: u32,
    /// Give it a silent sound track.
    pub silent_track: bool,
}

impl Ffmpeg {
    /// Writes the frame at `seconds` (or the last tenth, when that is past the end) as a JPEG of at most `max_pixels`.
    ///
    /// # Errors
    /// When the video can't be decoded there.
    pub async fn still(
        &self,
        input: &Path,
        seconds: f64,
        max_pixels: u64,
        output: &WorkFile,
        watch: Watch<'_>,
    ) -> Result<Encoded, VideoError> {
        let shift = Shift::begin(watch);
        let facts = self.probe(input).await?;
        let whole = Encode {
            max_bytes: u64::MAX,
            max_pixels,
            max_fps: 1000,
            seconds: None,
            burn_in: None,
            separate_audio: None,
            silent_track: false,
        };
        let form = settings::top_form(&facts, &whole);
        let chain = filters::chain(self, &facts, form, false, None);
        let at = if facts.duration > 0.0 {
            seconds.clamp(0.0, facts.duration * 0.9)
        } else {
            0.0
        };
        let mut args = Args::default();
        args.words(&format!("-ss {at:.3}")).input(&Input::open(input)?);
        args.words("-map")
            .one(format!("0:{}", facts.video.index))
            .words("-frames:v 1 -vf");
        args.one(format!("{},scale=out_range=full,format=yuvj420p", chain.filters));
        args.words("-c:v mjpeg -q:v 3 -map_metadata -1 -fflags +bitexact -flags:v +bitexact -f mjpeg")
            .file(output.path());
        let dir = output.workspace();
        run::ffmpeg(self, dir.dir(), &args, 0.0, STILL_MAX.min(output.room()), shift).await?;
        let bytes = output.settle()?;
        if bytes == 0 {
            return Err(VideoError::NotAVideo("no picture of it can be decoded".to_owned()));
        }
        Ok(Encoded {
            bytes,
            width: form.width,
            height: form.height,
            fps: None,
            did: chain.notes,
            commands: vec![self.shown(&args)],
        })
    }

    /// Makes a video of upright pictures (JPEG, PNG, WebP), each fitted undistorted on black.
    ///
    /// # Errors
    /// When a file isn't such a picture, there are none or too many, or the result is larger than the output's room.
    pub async fn slideshow(
        &self,
        pictures: &[PathBuf],
        slideshow: &Slideshow,
        output: &WorkFile,
        watch: Watch<'_>,
    ) -> Result<Encoded, VideoError> {
        if !self.encodes() {
            return Err(VideoError::Cannot(
                "it was built without libx264 or aac: install a full ffmpeg".to_owned(),
            ));
        }
        if pictures.is_empty() || pictures.len() > PICTURES_MAX {
            return Err(VideoError::Cannot(format!(
                "a slideshow has 1 to {PICTURES_MAX} pictures"
            )));
        }
        let shift = Shift::begin(watch);
        let mut args = Args::default();
        for picture in pictures {
            if !sniff(picture)?.is_some_and(Kind::is_picture) {
                return Err(VideoError::NotAVideo(format!(
                    "{} is no JPEG, PNG or WebP picture",
                    picture.display()
                )));
            }
            args.input(&Input::open(picture)?);
        }
        let each = slideshow.seconds_each.clamp(0.2, 600.0);
        let fade = if pictures.len() > 1 {
            slideshow.crossfade.clamp(0.0, each / 2.0)
        } else {
            0.0
        };
        #[expect(clippy::cast_precision_loss, reason = "at most a hundred")]
        let count = pictures.len() as f64;
        let seconds = each * count - fade * (count - 1.0);
        if slideshow.silent_track {
            args.words(&format!("-t {seconds:.3} -f lavfi -i anullsrc=r=48000:cl=stereo"));
        }
        let (width, height) = ((slideshow.width / 2).max(1) * 2, (slideshow.height / 2).max(1) * 2);
        args.words("-filter_complex")
            .one(graph(pictures.len(), each, fade, width, height));
        args.words("-map [v] -c:v libx264 -profile:v high -preset medium -tune stillimage -crf 20 -g 125");
        args.words(filters::COLOURS);
        if slideshow.silent_track {
            args.words(&format!("-map {}:a:0 -c:a aac -b:a 32k", pictures.len()));
        }
        finish(&mut args, output, output.room());
        let max_file = output.room() + output.room() / 8 + (1 << 20);
        let dir = output.workspace();
        let ran = run::ffmpeg(self, dir.dir(), &args, seconds, max_file, shift).await?;
        let bytes = std::fs::metadata(output.path())?.len();
        if bytes > output.room() || ran.seconds < seconds - 1.0 {
            return Err(VideoError::DoesNotFit(format!(
                "the slideshow has more than {} bytes",
                output.room()
            )));
        }
        output.settle()?;
        Ok(Encoded {
            bytes,
            width,
            height,
            fps: Fps::new(u64::from(SLIDES_FPS), 1),
            did: vec![format!(
                "{} pictures as a video of {seconds:.1} seconds",
                pictures.len()
            )],
            commands: vec![self.shown(&args)],
        })
    }
}

/// Each picture stands still for its time; then all follow each other, by a cut or by a crossfade.
fn graph(count: usize, each: f64, fade: f64, width: u32, height: u32) -> String {
    use std::fmt::Write;
    let mut graph = String::new();
    for number in 0..count {
        let _ = write!(
            graph,
            "[{number}:v]scale={width}:{height}:force_original_aspect_ratio=decrease:flags=bicubic:out_color_matrix=bt709:\
             out_range=limited,format=yuv420p,pad={width}:{height}:-1:-1:black,setsar=1,fps={SLIDES_FPS},\
             tpad=stop_mode=clone:stop_duration={each:.3},trim=duration={each:.3},setpts=PTS-STARTPTS[p{number}];"
        );
    }
    if count == 1 {
        graph.push_str("[p0]null[v]");
    } else if fade <= 0.0 {
        for number in 0..count {
            let _ = write!(graph, "[p{number}]");
        }
        let _ = write!(graph, "concat=n={count}:v=1:a=0[v]");
    } else {
        let mut before = "p0".to_owned();
        let mut at = 0.0;
        for number in 1..count {
            at += each - fade;
            let after = if number + 1 == count {
                "v".to_owned()
            } else {
                format!("x{number}")
            };
            let _ = write!(
                graph,
                "[{before}][p{number}]xfade=transition=fade:duration={fade:.3}:offset={at:.3}[{after}]"
            );
            if number + 1 < count {
                graph.push(';');
            }
            before = after;
        }
    }
    graph
}
