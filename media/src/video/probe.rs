//! What a video file is, as ffprobe tells it: one JSON document, read tolerantly.

use std::{path::Path, time::Duration};

use serde::Deserialize;
use serde_json::Value;

use super::{
    Encode, Ffmpeg, VideoError,
    atoms::private_key,
    run::{self, Args, Input},
    settings::Fps,
};

/// A picture larger than this is refused: it would take gigabytes to decode.
const PIXELS_MAX: u64 = 100_000_000;
/// Looking at a file takes no longer than this.
const PATIENCE: Duration = Duration::from_secs(60);

/// Facts about a video file.
#[derive(Debug, Clone, PartialEq)]
pub struct Facts {
    /// ffprobe's names of the container, like `mov,mp4,m4a,3gp,3g2,mj2`.
    pub container: String,
    /// The file's name isn't looked at; this says whether it begins as MP4 rather than QuickTime.
    pub mp4: bool,
    /// Length in seconds; 0 when the file doesn't say.
    pub duration: f64,
    /// Size of the file.
    pub bytes: u64,
    /// The moving picture.
    pub video: Video,
    /// Sound, in the file's order.
    pub audio: Vec<Audio>,
    /// Tags and tracks that tell where or with what it was taken.
    pub private: Vec<Private>,
    /// Tracks that are neither the picture nor sound: subtitles, cover pictures, data.
    pub others: usize,
}

/// A moving picture.
#[derive(Debug, Clone, PartialEq)]
#[expect(clippy::struct_excessive_bools, reason = "independent facts")]
pub struct Video {
    /// The track's number in the file.
    pub index: u32,
    /// ffmpeg's name of the codec.
    pub codec: String,
    /// Width as displayed: upright, square pixels.
    pub width: u32,
    /// Height as displayed: upright, square pixels.
    pub height: u32,
    /// Clockwise degrees by which the stored picture is turned for display: 0, 90, 180 or 270.
    pub rotation: u32,
    /// True when pixels aren't square.
    pub stretched: bool,
    /// Average frame rate, when known.
    pub fps: Option<Fps>,
    /// The container's nominal frame rate, when known.
    pub nominal_fps: Option<Fps>,
    /// True when frames aren't evenly spaced.
    pub vfr: bool,
    /// ffmpeg's name of the pixel format, like `yuv420p`.
    pub pix_fmt: String,
    /// Bits per sample.
    pub bit_depth: u32,
    /// The curve of a picture with high dynamic range.
    pub hdr: Option<Hdr>,
    /// ffmpeg's name of the matrix, like `bt709`, when the file says.
    pub matrix: Option<String>,
    /// True for full-range samples.
    pub full_range: bool,
    /// True when lines are interlaced.
    pub interlaced: bool,
}

/// Curves of high dynamic range.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hdr {
    /// SMPTE 2084, as HDR10 and Dolby Vision have it.
    Pq,
    /// ARIB STD-B67, hybrid log-gamma, as phones write it.
    Hlg,
}

/// A sound track.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Audio {
    /// The track's number in the file.
    pub index: u32,
    /// ffmpeg's name of the codec.
    pub codec: String,
    /// Number of channels.
    pub channels: u32,
    /// Three letters, when the file says.
    pub language: Option<String>,
    /// The file says that this one is to be heard.
    pub default: bool,
    /// A commentary, or for people who see or hear badly.
    pub special: bool,
}

/// Something in a file that tells more than the author may mean to. Holds the tag's name, never its value.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Private {
    /// Tells where.
    Location(String),
    /// Tells with what: maker, model, serial number, software; or data of a maker's own, which may tell anything.
    Device(String),
}

impl Facts {
    /// The sound track that is kept: the default one that isn't special, else the first such, else the first.
    pub fn best_audio(&self) -> Option<&Audio> {
        let heard = || self.audio.iter().filter(|track| track.channels > 0);
        heard()
            .find(|track| track.default && !track.special)
            .or_else(|| heard().find(|track| !track.special))
            .or_else(|| heard().next())
    }

    /// Whether the picture may stay as it is in a remux.
    ///
    /// # Errors
    /// Why not, as a clause.
    pub fn copyable_picture(&self) -> Result<(), String> {
        let video = &self.video;
        if video.codec != "h264" {
            Err(format!("its codec is {}, not h264", video.codec))
        } else if video.pix_fmt != "yuv420p" {
            Err(format!("its pixel format is {}, not yuv420p", video.pix_fmt))
        } else if video.hdr.is_some() {
            Err("it has high dynamic range".to_owned())
        } else if video.interlaced {
            Err("it is interlaced".to_owned())
        } else {
            Ok(())
        }
    }

    /// Whether the picture and the size keep within what is allowed.
    ///
    /// # Errors
    /// What is too large, as a clause.
    pub fn within(&self, encode: &Encode) -> Result<(), String> {
        let video = &self.video;
        let pixels = u64::from(video.width) * u64::from(video.height);
        if self.bytes > encode.max_bytes {
            Err(format!("it has {} bytes, more than {}", self.bytes, encode.max_bytes))
        } else if pixels > encode.max_pixels {
            Err(format!(
                "it has {}×{} pixels, more than {}",
                video.width, video.height, encode.max_pixels
            ))
        } else if video
            .fps
            .is_some_and(|fps| fps.per_second().floor() > f64::from(encode.max_fps))
        {
            Err(format!("it has more than {} frames per second", encode.max_fps))
        } else if encode.seconds.is_some_and(|seconds| self.duration > seconds + 0.1) {
            Err("only its beginning is wanted".to_owned())
        } else if encode.burn_in.is_some() {
            Err("captions are to be written into it".to_owned())
        } else {
            Ok(())
        }
    }

    /// Whether the file can be sent untouched: the first rung. It isn't for files with several sound tracks or anything
    /// private in them: a remux is cheap.
    ///
    /// # Errors
    /// Why not, as a clause.
    pub fn fits_as_is(&self, encode: &Encode) -> Result<(), String> {
        self.within(encode)?;
        self.copyable_picture()?;
        if !self.mp4 {
            return Err("it is not an MP4 file".to_owned());
        }
        if encode.separate_audio.is_some() || (encode.silent_track && self.audio.is_empty()) {
            return Err("a sound track is to be added".to_owned());
        }
        if self.audio.len() > 1 || self.others > 0 {
            return Err("it has further tracks".to_owned());
        }
        if let Some(audio) = self.audio.first().filter(|audio| audio.codec != "aac") {
            return Err(format!("its sound is {}, not aac", audio.codec));
        }
        match self.private.first() {
            Some(Private::Location(tag)) => Err(format!("it tells where it was taken ({tag})")),
            Some(Private::Device(tag)) => Err(format!("it tells with what it was taken ({tag})")),
            None => Ok(()),
        }
    }
}

impl Ffmpeg {
    /// Looks at a file.
    ///
    /// # Errors
    /// When it isn't a video, or can't be read.
    pub async fn probe(&self, path: &Path) -> Result<Facts, VideoError> {
        let input = Input::open(path)?;
        let mut args = Args::default();
        args.words("-v error -show_format -show_streams -of json").input(&input);
        let out = run::print(self, &self.prober, &args, PATIENCE)
            .await
            .map_err(|error| match error {
                VideoError::Failed { said, .. } => VideoError::NotAVideo(format!("ffprobe can't read it: {said}")),
                other => other,
            })?;
        let bytes = std::fs::metadata(path)?.len();
        let mut facts = read(&out, bytes)?;
        let mut head = [0_u8; 12];
        if std::io::Read::read_exact(&mut std::fs::File::open(path)?, &mut head).is_ok() {
            facts.mp4 = &head[4..8] == b"ftyp" && &head[8..12] != b"qt  ";
        }
        Ok(facts)
    }
}

#[derive(Deserialize)]
struct Document {
    #[serde(default)]
    streams: Vec<Value>,
    #[serde(default)]
    format: Value,
}

fn read(json: &[u8], bytes: u64) -> Result<Facts, VideoError> {
    let document: Document = serde_json::from_slice(json)
        .map_err(|error| VideoError::NotAVideo(format!("ffprobe's answer can't be read: {error}")))?;
    let streams = &document.streams;
    let is = |stream: &Value, kind: &str| text(stream, "codec_type") == Some(kind);
    let moving = || {
        streams
            .iter()
            .filter(|stream| is(stream, "video") && !flag(stream, "attached_pic") && !flag(stream, "timed_thumbnails"))
    };
    let picture = moving()
        .find(|stream| flag(stream, "default"))
        .or_else(|| moving().next())
        .ok_or_else(|| VideoError::NotAVideo("it has no picture track".to_owned()))?;
    let video = read_video(picture)?;
    let audio: Vec<Audio> = streams
        .iter()
        .filter(|stream| is(stream, "audio"))
        .map(read_audio)
        .collect();
    let long = |value: &Value| {
        text(value, "duration")
            .and_then(|d| d.parse::<f64>().ok())
            .filter(|d| d.is_finite())
    };
    let duration = long(&document.format)
        .or_else(|| streams.iter().filter_map(long).reduce(f64::max))
        .unwrap_or(0.0)
        .clamp(0.0, 1e7);
    let mut private = Vec::new();
    for holder in streams.iter().chain([&document.format]) {
        for key in holder
            .get("tags")
            .and_then(Value::as_object)
            .into_iter()
            .flat_map(|tags| tags.keys())
        {
            private.extend(private_key(key));
        }
        // `gpmd`, `camm`, `mebx`, `rtmd`: cameras' own tracks; `text` too is where some drones write their place.
        let kind = text(holder, "codec_type").unwrap_or_default();
        let tag = text(holder, "codec_tag_string").unwrap_or_default();
        if (kind == "data" && tag != "tmcd") || (kind == "subtitle" && tag == "text") {
            private.push(Private::Device(format!("track {tag}")));
        }
    }
    private.sort();
    private.dedup();
    Ok(Facts {
        container: text(&document.format, "format_name").unwrap_or_default().to_owned(),
        mp4: false,
        duration,
        bytes,
        others: streams.len().saturating_sub(1 + audio.len()),
        video,
        audio,
        private,
    })
}

fn read_video(stream: &Value) -> Result<Video, VideoError> {
    let (stored_width, stored_height) = (number(stream, "width"), number(stream, "height"));
    let pixels = u64::from(stored_width) * u64::from(stored_height);
    if pixels == 0 || pixels > PIXELS_MAX {
        return Err(VideoError::NotAVideo(format!(
            "its picture has {stored_width}×{stored_height} pixels"
        )));
    }
    let (wide, high) = text(stream, "sample_aspect_ratio")
        .and_then(|ratio| pair(ratio, ':'))
        .unwrap_or((1, 1));
    let sane = wide > 0 && high > 0 && wide / high < 10 && high / wide < 10;
    let (wide, high) = if sane { (wide, high) } else { (1, 1) };
    let squared = u64::from(stored_width) * wide / high;
    let squared = u32::try_from(squared.max(2)).unwrap_or(stored_width);
    let rotation = rotation(stream);
    let (width, height) = if rotation % 180 == 90 {
        (stored_height, squared)
    } else {
        (squared, stored_height)
    };
    let rate = |name: &str| {
        text(stream, name)
            .and_then(|rate| pair(rate, '/'))
            .and_then(|(n, d)| Fps::new(n, d))
    };
    let (fps, nominal_fps) = (rate("avg_frame_rate"), rate("r_frame_rate"));
    let vfr = match (fps, nominal_fps) {
        (Some(average), Some(nominal)) => {
            (average.per_second() - nominal.per_second()).abs() > nominal.per_second() * 0.01
        }
        _ => true,
    };
    let pix_fmt = text(stream, "pix_fmt").unwrap_or_default().to_owned();
    let bit_depth = text(stream, "bits_per_raw_sample")
        .and_then(|bits| bits.parse().ok())
        .filter(|bits| *bits > 0);
    let by_name = [16, 14, 12, 10, 9]
        .into_iter()
        .find(|bits| pix_fmt.contains(&bits.to_string()));
    Ok(Video {
        index: number(stream, "index"),
        codec: text(stream, "codec_name").unwrap_or("unknown").to_owned(),
        width,
        height,
        rotation,
        stretched: wide != high,
        fps,
        nominal_fps,
        vfr,
        bit_depth: bit_depth.or(by_name).unwrap_or(8),
        hdr: match text(stream, "color_transfer") {
            Some("smpte2084") => Some(Hdr::Pq),
            Some("arib-std-b67") => Some(Hdr::Hlg),
            _ => None,
        },
        matrix: text(stream, "color_space")
            .filter(|name| *name != "unknown")
            .map(str::to_owned),
        full_range: text(stream, "color_range") == Some("pc") || pix_fmt.starts_with("yuvj"),
        interlaced: matches!(text(stream, "field_order"), Some("tt" | "bb" | "tb" | "bt")),
        pix_fmt,
    })
}

fn read_audio(stream: &Value) -> Audio {
    let language = stream.get("tags").and_then(|tags| text(tags, "language"));
    Audio {
        index: number(stream, "index"),
        codec: text(stream, "codec_name").unwrap_or("unknown").to_owned(),
        channels: number(stream, "channels"),
        language: language
            .filter(|l| l.len() == 3 && *l != "und" && l.bytes().all(|b| b.is_ascii_lowercase()))
            .map(str::to_owned),
        default: flag(stream, "default"),
        special: ["comment", "visual_impaired", "hearing_impaired", "descriptions"]
            .iter()
            .any(|n| flag(stream, n)),
    }
}

/// Clockwise degrees, from the display matrix or, as older versions print it, the tag. ffprobe counts the matrix the other way
/// round.
fn rotation(stream: &Value) -> u32 {
    let lists = stream.get("side_data_list").and_then(Value::as_array);
    let matrix = lists
        .into_iter()
        .flatten()
        .find_map(|side| side.get("rotation").and_then(Value::as_f64))
        .map(|r| -r);
    let tag = stream
        .get("tags")
        .and_then(|tags| text(tags, "rotate"))
        .and_then(|turn| turn.parse::<f64>().ok());
    let degrees = matrix
        .or(tag)
        .filter(|degrees| degrees.is_finite())
        .unwrap_or(0.0)
        .rem_euclid(360.0);
    [90_u32, 180, 270]
        .into_iter()
        .find(|turn| (degrees - f64::from(*turn)).abs() < 45.0)
        .unwrap_or(0)
}

fn text<'a>(value: &'a Value, key: &str) -> Option<&'a str> {
    value.get(key).and_then(Value::as_str)
}

fn number(value: &Value, key: &str) -> u32 {
    value
        .get(key)
        .and_then(Value::as_u64)
        .and_then(|n| u32::try_from(n).ok())
        .unwrap_or(0)
}

fn flag(stream: &Value, name: &str) -> bool {
    stream.get("disposition").is_some_and(|all| number(all, name) == 1)
}

fn pair(text: &str, between: char) -> Option<(u64, u64)> {
    let (a, b) = text.split_once(between)?;
    Some((a.parse().ok()?, b.parse().ok()?))
}
