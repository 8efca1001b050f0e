//! From facts and a budget of bytes to the settings of an encode. Pure.
//!
//! How much a picture needs is measured beforehand ([`Complexity`]): the bits that short samples of it take at a fixed quality.
//! From these, what another size or frame rate would need is estimated: bits grow with pixels to the power of 0.8 and with
//! frames to the power of 0.7, and six steps of quality halve them. The largest picture whose quality stays decent is taken:
//! fewer frames first, then fewer pixels. Pictures differ (noise vanishes when made smaller, edges don't), so the form that was
//! chosen is measured in its turn, and chosen again.

use std::path::PathBuf;

use super::{Facts, VideoError};

/// What an encode has to keep to.
#[derive(Debug, Clone, PartialEq)]
pub struct Encode {
    /// The file is at most this large.
    pub max_bytes: u64,
    /// Width times height is at most this.
    pub max_pixels: u64,
    /// At most this many frames per second.
    pub max_fps: u32,
    /// Only so many seconds from the beginning: a teaser.
    pub seconds: Option<f64>,
    /// WebVTT captions to write into the picture.
    pub burn_in: Option<PathBuf>,
    /// A file with the sound, when it comes apart from the picture.
    pub separate_audio: Option<PathBuf>,
    /// Give a video without sound a silent track, so that servers take it for a video and not for an animation.
    pub silent_track: bool,
}

/// A frame rate as a fraction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fps {
    num: u32,
    den: u32,
}

impl Fps {
    /// A frame rate, when it is one that a video may have (up to 1000).
    pub fn new(num: u64, den: u64) -> Option<Self> {
        if num == 0 || den == 0 || num / den > 1000 || den / num > 1000 {
            return None;
        }
        Some(Self {
            num: u32::try_from(num).ok()?,
            den: u32::try_from(den).ok()?,
        })
    }

    const fn whole(num: u32) -> Self {
        Self { num, den: 1 }
    }

    /// Frames per second.
    pub fn per_second(self) -> f64 {
        f64::from(self.num) / f64::from(self.den)
    }

    /// A rate divided by a small number.
    fn divided(self, by: u32) -> Self {
        Self {
            num: self.num,
            den: self.den.saturating_mul(by),
        }
    }
}

impl std::fmt::Display for Fps {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.num, self.den)
    }
}

/// A picture's size and frame rate.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Form {
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) fps: Fps,
}

impl Form {
    fn pixels(self) -> f64 {
        f64::from(self.width) * f64::from(self.height)
    }
}

/// Bits per second that one form of a video takes at quality [`Complexity::CRF`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Measured {
    pub(super) form: Form,
    pub(super) bits_per_second: f64,
}

impl Measured {
    /// What the same size would take at another frame rate.
    fn bits_at(&self, fps: Fps) -> f64 {
        self.bits_per_second * (fps.per_second() / self.form.fps.per_second()).powf(0.7)
    }
}

/// What is known about the bits that a video takes: one form, or several.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Complexity(Vec<Measured>);

impl Complexity {
    /// The quality at which samples are measured.
    pub(super) const CRF: f64 = 23.0;

    /// True when this form was measured.
    pub(super) fn knows(&self, form: Form) -> bool {
        self.0.iter().any(|measured| measured.form == form)
    }

    pub(super) fn add(&mut self, measured: Measured) {
        self.0.push(measured);
        self.0.sort_by(|a, b| a.form.pixels().total_cmp(&b.form.pixels()));
    }

    /// Bits per second of a form: between two measured sizes in proportion, beyond them as pixels to the power of 0.8.
    fn bits_per_second(&self, form: Form) -> f64 {
        let pixels = form.pixels();
        let smaller = self.0.iter().rfind(|measured| measured.form.pixels() <= pixels);
        let larger = self.0.iter().find(|measured| measured.form.pixels() >= pixels);
        match (smaller, larger) {
            (Some(small), Some(large)) if large.form.pixels() > small.form.pixels() => {
                let span = (large.form.pixels() / small.form.pixels()).ln();
                let part = (pixels / small.form.pixels()).ln() / span;
                let (low, high) = (small.bits_at(form.fps), large.bits_at(form.fps));
                low * (high / low).powf(part)
            }
            (Some(near), _) | (None, Some(near)) => near.bits_at(form.fps) * (pixels / near.form.pixels()).powf(0.8),
            (None, None) => 0.0,
        }
    }

    /// The quality (x264's CRF: higher is worse) that a form gets from so many bits per second.
    fn quality(&self, form: Form, bits_per_second: f64) -> f64 {
        Self::CRF + 6.0 * (self.bits_per_second(form) / bits_per_second.max(1.0)).log2()
    }
}

/// How bits are spent.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Rate {
    /// The budget is ample: this quality, and a cap that keeps it from exceeding the budget.
    Quality { crf: u32, max_kbit: u64 },
    /// The budget is tight: two passes at an average that fills it.
    TwoPass { kbit: f64 },
}

/// The settings of an encode.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Settings {
    pub(super) form: Form,
    pub(super) rate: Rate,
    pub(super) preset: &'static str,
}

/// The quality of an encode whose budget is ample: hard to tell from the source.
const FINE: u32 = 20;
/// 60 frames per second are kept while each of them looks good.
const SMOOTH: f64 = 28.0;
/// A picture is kept this large while it looks decent; worse, and a smaller one looks better. (Found by SSIM at the source's
/// size, two passes at 300 and 1500 kbit/s, heights from 240 to 720.)
const DECENT: f64 = 34.0;
/// Fewer frames than a source has are taken down to this.
const SLOW: f64 = 32.0;
/// The short sides that are tried, below the source's own.
const SHORT_SIDES: [u32; 9] = [1440, 1080, 900, 720, 540, 432, 360, 288, 240];
/// The lowest rung's frame rate.
const LOWEST_FPS: Fps = Fps::whole(15);
/// Less than this for picture and sound together isn't worth watching.
const LEAST_KBIT: f64 = 60.0;
/// Of a tight budget so much is aimed at: two passes meet an average within about one percent.
const AIM: f64 = 0.986;

/// Kilobits per second for sound, of so many in all: the picture comes first when there are few.
pub(super) fn audio_kbit(total_kbit: f64) -> u32 {
    match total_kbit {
        t if t < 120.0 => 32,
        t if t < 250.0 => 48,
        t if t < 700.0 => 64,
        t if t < 1500.0 => 96,
        t if t < 4000.0 => 128,
        _ => 160,
    }
}

/// Kilobits per second that a budget gives over a duration.
///
/// # Errors
/// When that is less than the lowest rung takes.
pub(super) fn total_kbit(max_bytes: u64, seconds: f64) -> Result<f64, VideoError> {
    #[expect(clippy::cast_precision_loss, reason = "a size in bytes is far below 2^52")]
    let kbit = max_bytes as f64 * 8.0 / 1000.0 / seconds.max(0.05);
    if kbit >= LEAST_KBIT {
        return Ok(kbit);
    }
    Err(VideoError::DoesNotFit(format!(
        "{max_bytes} bytes for {seconds:.0} seconds are {kbit:.0} kbit/s; less than {LEAST_KBIT:.0} isn't worth watching"
    )))
}

/// Bytes of an MP4's index: per frame its size, its place in time and a share of chunks and key frames; per sound packet its
/// size.
pub(super) fn index_bytes(seconds: f64, fps: Fps, sound: bool) -> f64 {
    let frames = seconds * fps.per_second();
    4000.0 + frames * 14.0 + if sound { seconds * 47.0 * 6.0 } else { 0.0 }
}

/// The source's own form within the limits: the best that any encode may give.
pub(super) fn top_form(facts: &Facts, encode: &Encode) -> Form {
    let video = &facts.video;
    let (width, height) = (f64::from(video.width), f64::from(video.height));
    #[expect(clippy::cast_precision_loss, reason = "pixels are far below 2^52")]
    let factor = (encode.max_pixels as f64 / (width * height)).sqrt().min(1.0);
    let mut form = scaled(width, height, factor, frame_rate(facts, encode.max_fps));
    // Rounding to even sizes may have gone up.
    while u64::from(form.width) * u64::from(form.height) > encode.max_pixels && form.width > 2 && form.height > 2 {
        if form.width >= form.height {
            form.width -= 2;
        } else {
            form.height -= 2;
        }
    }
    form
}

fn scaled(width: f64, height: f64, factor: f64, fps: Fps) -> Form {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "positive, and at most a source's size"
    )]
    let even = |side: f64| (((side * factor / 2.0).round() as u32) * 2).max(2);
    Form {
        width: even(width),
        height: even(height),
        fps,
    }
}

/// The source's rate, steady and within the limit. Rates of sources that aren't steady are rounded up to a usual one; those
/// above the limit are halved, so that every second frame is left out and not every seventh.
fn frame_rate(facts: &Facts, max_fps: u32) -> Fps {
    const USUAL: [Fps; 10] = [
        Fps::whole(10),
        LOWEST_FPS,
        Fps { num: 24000, den: 1001 },
        Fps::whole(24),
        Fps::whole(25),
        Fps { num: 30000, den: 1001 },
        Fps::whole(30),
        Fps::whole(50),
        Fps { num: 60000, den: 1001 },
        Fps::whole(60),
    ];
    let max = f64::from(max_fps.max(1));
    let video = &facts.video;
    let own = match (video.fps, video.nominal_fps) {
        (Some(average), _) => average,
        (None, Some(nominal)) if nominal.per_second() <= 120.0 => nominal,
        _ => Fps::whole(30),
    };
    let near = |fps: Fps| (fps.per_second() - own.per_second()).abs() < own.per_second() * 0.0004;
    let steady = if video.vfr {
        let above = |fps: &Fps| fps.per_second() >= own.per_second() * 0.995;
        USUAL.into_iter().find(above).unwrap_or(own)
    } else {
        USUAL.into_iter().find(|fps| near(*fps)).unwrap_or(own)
    };
    (1..=16)
        .map(|by| steady.divided(by))
        .find(|fps| fps.per_second() <= max + 1e-9)
        .unwrap_or(Fps::whole(max_fps.max(1)))
}

/// The form and the rate of an encode, from what the picture needs and what there is for it.
///
/// # Errors
/// When there is too little for the smallest form.
pub(super) fn choose(
    top: Form,
    complexity: &Complexity,
    encode: &Encode,
    seconds: f64,
    sound_bytes: u64,
) -> Result<Settings, VideoError> {
    let kbit = |form: Form| video_kbit(encode.max_bytes, seconds, form.fps, sound_bytes);
    let decent = |form: &Form| {
        let quality = complexity.quality(*form, kbit(*form) * 1000.0);
        let fast = form.fps.per_second() > SLOW;
        quality <= if fast { SMOOTH } else { DECENT }
    };
    let forms = forms(top);
    let smallest = *forms.last().unwrap_or(&top);
    let form = forms.into_iter().find(decent).unwrap_or(smallest);
    let kbit = kbit(form);
    if kbit < LEAST_KBIT / 2.0 {
        return Err(VideoError::DoesNotFit(format!(
            "beside sound and index only {:.0} kbit/s are left for the picture",
            kbit.max(0.0)
        )));
    }
    let ample = complexity.quality(form, kbit * 1000.0 * 0.7) <= f64::from(FINE);
    let rate = if ample {
        // The cap is an average over two seconds; what may be left in its buffer at the end comes off.
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "checked above: positive"
        )]
        let max_kbit = (kbit * seconds / (seconds + 2.5)).min(100_000.0) as u64;
        Rate::Quality {
            crf: FINE,
            max_kbit: max_kbit.max(1),
        }
    } else {
        Rate::TwoPass { kbit }
    };
    Ok(Settings {
        form,
        rate,
        preset: preset(form, seconds),
    })
}

/// Kilobits per second that remain for the picture.
fn video_kbit(max_bytes: u64, seconds: f64, fps: Fps, sound_bytes: u64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "sizes in bytes are far below 2^52")]
    let left = max_bytes as f64 * AIM - sound_bytes as f64 - index_bytes(seconds, fps, sound_bytes > 0);
    left * 8.0 / 1000.0 / seconds.max(0.05)
}

/// From the best to the smallest: at each size all frames, then half of them; 15 per second only when nothing else is left.
fn forms(top: Form) -> Vec<Form> {
    let short = top.width.min(top.height);
    let sides = std::iter::once(short).chain(SHORT_SIDES.into_iter().filter(|side| *side < short));
    let mut forms = Vec::new();
    for side in sides {
        let factor = f64::from(side) / f64::from(short);
        let form = |fps: Fps| scaled(f64::from(top.width), f64::from(top.height), factor, fps);
        let mut fps = top.fps;
        if side == short || (side >= 720 && fps.per_second() > SLOW) {
            forms.push(form(fps));
        }
        while fps.per_second() > SLOW {
            fps = fps.divided(2);
        }
        forms.push(form(fps));
    }
    if let Some(last) = forms
        .last()
        .copied()
        .filter(|form| form.fps.per_second() > LOWEST_FPS.per_second() * 1.2)
    {
        forms.push(Form {
            fps: LOWEST_FPS,
            ..last
        });
    }
    forms.dedup();
    forms
}

/// On two cores `medium` encodes some 60 million pixels a second, `veryfast` 140 million (CPU time measured with ffmpeg 5.1 on
/// 720p with noise): the longer the work, the faster the preset, so that an hour of 1080p is done in less than an hour.
fn preset(form: Form, seconds: f64) -> &'static str {
    match form.pixels() * form.fps.per_second() * seconds {
        work if work < 20e9 => "medium",
        work if work < 50e9 => "fast",
        work if work < 100e9 => "faster",
        _ => "veryfast",
    }
}
