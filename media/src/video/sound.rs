//! Sound files: as they are, but for tags that tell where or with what they were recorded.

use std::{
    fs::File,
    io::{self, Read},
    path::Path,
    time::Duration,
};

use serde_json::Value;

use super::{
    Ffmpeg, VideoError, Watch,
    atoms::private_key,
    run::{self, Args, Input, Shift},
};
use crate::work::WorkFile;

const PATIENCE: Duration = Duration::from_secs(60);
/// Longest name of a tag that is handed on to ffmpeg.
const LONGEST_KEY: usize = 80;

/// ffmpeg's reader and writer of a kind of sound file, by its first bytes.
fn forms(head: &[u8]) -> Option<(&'static str, &'static str)> {
    let at = |from: usize, bytes: &[u8]| head.get(from..from + bytes.len()) == Some(bytes);
    if at(4, b"ftyp") {
        Some(("mov", "ipod"))
    } else if at(0, b"OggS") {
        Some(("ogg", "ogg"))
    } else if at(0, b"fLaC") {
        Some(("flac", "flac"))
    } else if at(0, b"RIFF") && at(8, b"WAVE") {
        Some(("wav", "wav"))
    } else if at(0, b"ID3") {
        Some(("mp3", "mp3"))
    } else {
        None
    }
}

impl Ffmpeg {
    /// Writes a sound file again without the tags that tell where or with what it was recorded; its sound, its cover and all
    /// other tags stay. `false`: it has no such tags, or is of a kind that has none, and nothing was written.
    ///
    /// # Errors
    /// When it can't be read or written.
    pub async fn sound_without_traces(
        &self,
        input: &Path,
        output: &WorkFile,
        watch: Watch<'_>,
    ) -> Result<bool, VideoError> {
        let shift = Shift::begin(watch);
        let Some((demuxer, muxer)) = forms(&beginning(input)?) else {
            return Ok(false);
        };
        let input = Input {
            path: std::path::absolute(input)?,
            demuxer,
        };
        let mut args = Args::default();
        args.words("-v error -show_entries format=duration:format_tags:stream_tags:stream=codec_type -of json")
            .input(&input);
        let told = run::print(self, &self.prober, &args, PATIENCE).await?;
        let told: Value = serde_json::from_slice(&told)
            .map_err(|error| VideoError::NotAVideo(format!("ffprobe's answer can't be read: {error}")))?;
        let streams = told.get("streams").and_then(Value::as_array);
        let holders = streams.into_iter().flatten().chain(told.get("format"));
        let mut keys: Vec<&String> = holders
            .filter_map(|holder| holder.get("tags")?.as_object())
            .flat_map(|tags| tags.keys())
            .filter(|key| private_key(key).is_some())
            .collect();
        keys.sort();
        keys.dedup();
        if keys.is_empty() {
            return Ok(false);
        }
        if keys.iter().any(|key| key.len() > LONGEST_KEY || key.contains('=')) {
            return Err(VideoError::Cannot("it has a tag with an impossible name".to_owned()));
        }
        let mut args = Args::default();
        args.input(&input).words("-map 0:a");
        // Ogg has its cover in a tag.
        if muxer != "ogg" {
            args.words("-map 0:v?");
        }
        args.words("-c copy -sn -dn -fflags +bitexact");
        for key in keys {
            // An empty value is none.
            for place in ["-metadata", "-metadata:s:a"] {
                args.one(place).one(format!("{key}="));
            }
        }
        args.words("-f").one(muxer).file(output.path());
        let seconds = told
            .pointer("/format/duration")
            .and_then(Value::as_str)
            .and_then(|seconds| seconds.parse().ok())
            .unwrap_or(0.0);
        run::ffmpeg(self, output.workspace().dir(), &args, seconds, output.room(), shift).await?;
        output.settle()?;
        Ok(true)
    }
}

fn beginning(path: &Path) -> io::Result<Vec<u8>> {
    let mut head = Vec::new();
    File::open(path)?.take(16).read_to_end(&mut head)?;
    Ok(head)
}
