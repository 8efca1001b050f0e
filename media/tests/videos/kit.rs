//! Videos made for the tests, and independent judges of what came out.

use std::{
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use serde_json::Value;
use tombolo_media::{
    video::{Encode, Encoded, Ffmpeg, VideoError, Watch},
    work::{WorkFile, Workspace},
};

/// A folder, ffmpeg, and a workspace.
pub struct Kit {
    pub dir: tempfile::TempDir,
    pub ffmpeg: Ffmpeg,
    pub work: Workspace,
}

/// `None`, and said so, when this machine has no ffmpeg. In CI it must be there.
pub async fn kit() -> Option<Kit> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    match Ffmpeg::find(&path).await {
        Ok(ffmpeg) => {
            let dir = tempfile::tempdir().unwrap();
            let work = Workspace::open(&dir.path().join("work"), 1 << 30).unwrap();
            Some(Kit { dir, ffmpeg, work })
        }
        Err(why) => {
            assert!(std::env::var_os("CI").is_none(), "in CI this must be there: {why}");
            eprintln!("SKIPPED: {why}");
            None
        }
    }
}

pub fn watch() -> Watch<'static> {
    Watch::within(Duration::from_secs(120))
}

pub fn ample() -> Encode {
    Encode {
        max_bytes: 20_000_000,
        max_pixels: 8_294_400,
        max_fps: 60,
        seconds: None,
        burn_in: None,
        separate_audio: None,
        silent_track: false,
    }
}

impl Kit {
    /// Makes a file with ffmpeg; `args` are separated by spaces.
    pub fn make(&self, name: &str, args: &str) -> PathBuf {
        let out = self.dir.path().join(name);
        let status = Command::new("ffmpeg")
            .args(["-v", "error", "-nostdin", "-y"])
            .args(args.split_whitespace())
            .arg(&out)
            .status()
            .unwrap();
        assert!(status.success(), "making {name}");
        out
    }

    /// The same file with a note that it's to be turned clockwise by 90 degrees, as a phone held upright writes it. The note is
    /// written by hand: versions of ffmpeg differ in what their options for it mean.
    pub fn turned(&self, base: &Path) -> PathBuf {
        let mut bytes = std::fs::read(base).unwrap();
        let matrix = place(base, b"tkhd").unwrap() + 4 + 40;
        let rows: [u32; 6] = [0, 0x1_0000, 0, 0xffff_0000, 0, 0];
        for (number, value) in rows.into_iter().enumerate() {
            bytes[matrix + number * 4..][..4].copy_from_slice(&value.to_be_bytes());
        }
        let out = self.dir.path().join("phone.mp4");
        std::fs::write(&out, bytes).unwrap();
        out
    }

    pub fn output(&self) -> WorkFile {
        self.work.file("out.mp4", 21_000_000).unwrap()
    }

    pub async fn transcode(&self, input: &Path, encode: &Encode) -> Result<(WorkFile, Encoded), VideoError> {
        let output = self.output();
        let work = self.ffmpeg.transcode(input, encode, &output, watch());
        let encoded = movable(work).await?;
        assert!(encoded.bytes <= encode.max_bytes);
        assert_eq!(std::fs::metadata(output.path()).unwrap().len(), encoded.bytes);
        Ok((output, encoded))
    }

    /// How alike two pictures are, after a filter on the first: 1 is the same.
    pub fn ssim(reference: &Path, filter: &str, made: &Path) -> f64 {
        let seen = look(made);
        let (w, h, fps) = (seen.width, seen.height, &seen.fps);
        let graph = format!(
            "[0:v]{filter},fps={fps},scale={w}:{h}:out_color_matrix=bt709,format=yuv420p[a];[1:v]fps={fps},format=yuv420p[b];\
             [a][b]ssim"
        );
        let said = said(&[
            "-i",
            &text(reference),
            "-i",
            &text(made),
            "-lavfi",
            &graph,
            "-f",
            "null",
            "-",
        ]);
        let all = said.rsplit("All:").next().unwrap();
        all.split_whitespace().next().unwrap().parse().unwrap()
    }
}

/// Work that a runtime with several threads can carry.
fn movable<T: Send>(work: T) -> T {
    work
}

pub fn text(path: &Path) -> String {
    path.to_str().unwrap().to_owned()
}

/// What ffmpeg says at its usual loudness.
pub fn said(args: &[&str]) -> String {
    let out = Command::new("ffmpeg")
        .args(["-nostdin", "-hide_banner"])
        .args(args)
        .output()
        .unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8_lossy(&out.stderr).into_owned()
}

/// What ffprobe sees.
#[derive(Debug)]
pub struct Seen {
    pub width: u64,
    pub height: u64,
    pub fps: String,
    pub even: bool,
    pub duration: f64,
    pub codec: String,
    pub pix_fmt: String,
    pub profile: String,
    pub colours: Vec<String>,
    pub sar: String,
    pub rotated: bool,
    pub field_order: String,
    pub audio: Vec<String>,
    pub audio_duration: f64,
    pub streams: usize,
    pub tags: String,
}

pub fn look(path: &Path) -> Seen {
    let out = Command::new("ffprobe")
        .args(["-v", "error", "-show_format", "-show_streams", "-of", "json"])
        .arg(path)
        .output()
        .unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    let all: Value = serde_json::from_slice(&out.stdout).unwrap();
    let streams = all["streams"].as_array().unwrap();
    let of = |kind: &str| {
        streams
            .iter()
            .filter(|s| s["codec_type"] == kind)
            .cloned()
            .collect::<Vec<_>>()
    };
    let (video, audio) = (of("video")[0].clone(), of("audio"));
    let sides = video["side_data_list"].as_array().cloned().unwrap_or_default();
    let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let seconds = |value: &Value| value.as_str().and_then(|s| s.parse().ok()).unwrap_or(0.0);
    Seen {
        width: video["width"].as_u64().unwrap(),
        height: video["height"].as_u64().unwrap(),
        fps: word(&video["avg_frame_rate"]),
        even: video["avg_frame_rate"] == video["r_frame_rate"],
        duration: seconds(&all["format"]["duration"]),
        codec: word(&video["codec_name"]),
        pix_fmt: word(&video["pix_fmt"]),
        profile: word(&video["profile"]),
        colours: ["color_space", "color_transfer", "color_primaries"]
            .map(|key| word(&video[key]))
            .to_vec(),
        sar: word(&video["sample_aspect_ratio"]),
        rotated: sides
            .iter()
            .any(|side| side["rotation"].as_f64().is_some_and(|degrees| degrees != 0.0)),
        field_order: word(&video["field_order"]),
        audio_duration: audio.first().map_or(0.0, |a| seconds(&a["duration"])),
        audio: audio.iter().map(|a| word(&a["codec_name"])).collect(),
        streams: streams.len(),
        tags: format!("{} {}", all["format"]["tags"], video["tags"]),
    }
}

/// What every MP4 that leaves has to be.
pub fn sendable(path: &Path) -> Seen {
    let seen = look(path);
    assert_eq!(seen.codec, "h264");
    assert_eq!(seen.pix_fmt, "yuv420p");
    assert!(seen.audio.is_empty() || seen.audio == ["aac"], "{:?}", seen.audio);
    assert!(seen.width.is_multiple_of(2) && seen.height.is_multiple_of(2));
    let (moov, mdat) = (place(path, b"moov"), place(path, b"mdat"));
    assert!(moov.unwrap() < mdat.unwrap(), "the index stands before the media");
    seen
}

/// Where four letters first stand in a file.
pub fn place(path: &Path, letters: &[u8]) -> Option<usize> {
    std::fs::read(path)
        .unwrap()
        .windows(letters.len())
        .position(|window| window == letters)
}

/// Loudness in dB.
pub fn loudness(path: &Path) -> f64 {
    let said = said(&[
        "-i",
        &text(path),
        "-map",
        "0:a:0",
        "-af",
        "volumedetect",
        "-f",
        "null",
        "-",
    ]);
    said.rsplit("mean_volume:")
        .next()
        .unwrap()
        .split_whitespace()
        .next()
        .unwrap()
        .parse()
        .unwrap()
}

/// The brightest value in a picture's plane of light.
pub fn brightest(path: &Path) -> u32 {
    let out = Command::new("ffmpeg")
        .args(["-v", "error", "-nostdin", "-i"])
        .arg(path)
        .args([
            "-vf",
            "signalstats,metadata=print:key=lavfi.signalstats.YMAX:file=-",
            "-f",
            "null",
            "-",
        ])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&out.stdout).into_owned();
    said.lines()
        .filter_map(|l| l.rsplit_once("YMAX="))
        .filter_map(|(_, n)| n.trim().parse().ok())
        .max()
        .unwrap()
}
