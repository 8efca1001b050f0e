//! `picture IN OUT MAX_BYTES MAX_PIXELS`: prepares one photo and says what was done and how long it took.
//! For benches beside vipsthumbnail and ImageMagick; memory is measured from outside.

use std::path::Path;
use std::time::Instant;

use tombolo_media::picture::{Bounds, Decoders, Target, Workshop, load, prepare};

type Failure = Box<dyn std::error::Error>;

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let arguments = std::env::args().skip(1).collect::<Vec<_>>();
    let [input, output, max_bytes, max_pixels] = arguments.as_slice() else {
        return Err("usage: picture IN OUT MAX_BYTES MAX_PIXELS".into());
    };
    let target = Target {
        types: Vec::new(),
        max_bytes: max_bytes.parse()?,
        max_pixels: max_pixels.parse()?,
        fit: None,
    };
    let decoders = Decoders::find(&std::env::var_os("PATH").unwrap_or_default());
    let workshop = Workshop {
        decoders,
        bounds: Bounds::default(),
        dir: std::env::temp_dir(),
    };
    let start = Instant::now();
    let data = load(Path::new(input), &workshop.bounds).await?;
    let prepared = prepare(data, &target, &workshop).await?;
    std::fs::write(output, &prepared.bytes)?;
    let did = prepared
        .did
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join("; ");
    println!(
        "{} ms, {}×{}, {} bytes, {}: {did}",
        start.elapsed().as_millis(),
        prepared.width,
        prepared.height,
        prepared.bytes.len(),
        prepared.media_type
    );
    Ok(())
}
