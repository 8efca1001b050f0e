//! How many bits a video's picture needs: short samples of it, encoded fast at a fixed quality, thrown away and counted.

use super::{
    Facts, Ffmpeg, VideoError, filters,
    run::{self, Args, Input, Ran, Shift},
    settings::{Complexity, Form, Measured},
};
use crate::work::Workspace;

/// Samples, and their length in seconds.
const SAMPLES: u32 = 6;
const LENGTH: f64 = 2.0;
/// Samples aren't larger than this: a larger form is reckoned from them.
const PIXELS: f64 = 2_100_000.0;

/// The form in which samples stand for `form`.
pub(super) fn sample(form: Form) -> Form {
    let factor = (PIXELS / (f64::from(form.width) * f64::from(form.height)))
        .sqrt()
        .min(1.0);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "positive, and not above the source's"
    )]
    let smaller = |side: u32| ((f64::from(side) * factor / 2.0).floor() as u32 * 2).max(2);
    Form {
        width: smaller(form.width),
        height: smaller(form.height),
        fps: form.fps,
    }
}

/// Encodes samples of the first `seconds` for `form`.
pub(super) async fn bits(
    ffmpeg: &Ffmpeg,
    input: &Input,
    facts: &Facts,
    form: Form,
    seconds: f64,
    work: &Workspace,
    shift: Shift<'_>,
) -> Result<Measured, VideoError> {
    let form = sample(form);
    let whole = f64::from(SAMPLES) * LENGTH;
    let count = if seconds > whole { SAMPLES } else { 1 };
    let length = if count == 1 { seconds } else { LENGTH };
    let chain = filters::chain(ffmpeg, facts, form, true, None);
    let (mut bits, mut measured) = (0.0, 0.0);
    for number in 0..count {
        let at = (seconds - length).max(0.0) * (f64::from(number) + 0.5) / f64::from(count);
        let mut args = Args::default();
        if count > 1 {
            args.words(&format!("-ss {at:.3}"));
        }
        args.words(&format!("-t {length:.3}")).input(input);
        args.words("-map")
            .one(format!("0:{}", facts.video.index))
            .words("-an -sn -dn -vf")
            .one(&chain.filters);
        args.words("-c:v libx264 -preset veryfast")
            .words(&format!("-crf {}", Complexity::CRF));
        args.words("-f h264").one("/dev/null");
        let share = |n: u32| f64::from(n) / f64::from(count);
        let part = shift.part(share(number), share(number + 1));
        let Ran { bytes, frames, .. } = run::ffmpeg(ffmpeg, work.dir(), &args, length, u64::MAX >> 1, part).await?;
        #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
        if frames > 0 {
            bits += bytes as f64 * 8.0;
            measured += frames as f64 / form.fps.per_second();
        }
    }
    if measured <= 0.0 {
        return Err(VideoError::NotAVideo("no picture of it can be decoded".to_owned()));
    }
    Ok(Measured {
        form,
        bits_per_second: (bits / measured).max(500.0),
    })
}
