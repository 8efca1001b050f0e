//! `video [--print-commands] IN OUT MAX_BYTES MAX_PIXELS MAX_FPS`: walks the rungs that ffmpeg makes, and says what was chosen,
//! how long it took and what came out. Used by benches beside the same settings in bare ffmpeg.

use std::{
    path::Path,
    process::ExitCode,
    time::{Duration, Instant},
};

use tombolo_media::{
    video::{Encode, Encoded, Ffmpeg, Progress, Remux, VideoError, Watch},
    work::Workspace,
};

/// Room for the notes between two passes, beside the output.
const NOTES: u64 = 4 << 30;

#[tokio::main]
async fn main() -> ExitCode {
    let mut words: Vec<String> = std::env::args().skip(1).collect();
    let print = words
        .iter()
        .position(|word| word == "--print-commands")
        .map(|at| words.remove(at))
        .is_some();
    let numbers: Vec<u64> = words.iter().skip(2).filter_map(|word| word.parse().ok()).collect();
    let ([input, output, ..], [max_bytes, max_pixels, max_fps]) = (words.as_slice(), numbers.as_slice()) else {
        eprintln!("usage: video [--print-commands] IN OUT MAX_BYTES MAX_PIXELS MAX_FPS");
        return ExitCode::from(2);
    };
    let encode = Encode {
        max_bytes: *max_bytes,
        max_pixels: *max_pixels,
        max_fps: u32::try_from(*max_fps).unwrap_or(u32::MAX),
        seconds: None,
        burn_in: None,
        separate_audio: None,
        silent_track: false,
    };
    match run(Path::new(input), Path::new(output), &encode, print).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(input: &Path, output: &Path, encode: &Encode, print: bool) -> Result<(), Box<dyn std::error::Error>> {
    let ffmpeg = Ffmpeg::find(&std::env::var_os("PATH").unwrap_or_default()).await?;
    let beside = output.parent().unwrap_or(Path::new("")).join(".video-work");
    let workspace = Workspace::open(&beside, encode.max_bytes.saturating_mul(2).saturating_add(NOTES))?;
    let file = workspace.file("out.mp4", encode.max_bytes)?;
    let facts = ffmpeg.probe(input).await?;
    println!(
        "ffmpeg {}; {} bytes, {:.2} seconds, {:?}",
        ffmpeg.version(),
        facts.bytes,
        facts.duration,
        facts.video
    );
    let tell = |Progress { fraction }: Progress| eprint!("\r{:5.1} %", fraction * 100.0);
    let watch = Watch {
        within: Duration::from_secs(6 * 3600),
        progress: &tell,
    };
    let started = Instant::now();
    let encoded = match make(&ffmpeg, input, encode, &file, watch).await {
        Ok(encoded) => encoded,
        Err(error) => return Err(error.into()),
    };
    eprintln!();
    let took = started.elapsed();
    #[expect(clippy::cast_precision_loss, reason = "for people")]
    let filled = encoded.bytes as f64 / encode.max_bytes as f64 * 100.0;
    println!(
        "{} bytes ({filled:.2} % of {}) in {:.1} s",
        encoded.bytes,
        encode.max_bytes,
        took.as_secs_f64()
    );
    for line in &encoded.did {
        println!("- {line}");
    }
    if print {
        for command in &encoded.commands {
            println!("$ {command}");
        }
    }
    std::fs::copy(file.path(), output)?;
    Ok(())
}

async fn make(
    ffmpeg: &Ffmpeg,
    input: &Path,
    encode: &Encode,
    file: &tombolo_media::work::WorkFile,
    watch: Watch<'_>,
) -> Result<Encoded, VideoError> {
    let facts = ffmpeg.probe(input).await?;
    if facts.within(encode).and_then(|()| facts.copyable_picture()).is_ok() {
        match ffmpeg.remux(input, &Remux::default(), file, watch).await {
            Err(VideoError::DoesNotFit(_) | VideoError::NeedsTranscode(_)) => {}
            other => return other,
        }
    }
    ffmpeg.transcode(input, encode, file, watch).await
}
