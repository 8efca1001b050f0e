//! The islands as a process of their own, for benches: prints one line of JSON with their addresses, then serves until its
//! standard input ends.
//!
//! `islands BYTES`: the creator has one video of so many made-up bytes.

use std::io::Read;
use std::sync::Arc;

use futures_util::StreamExt;
use sha2::{Digest, Sha256};
use tombolo_model::SystemClock;
use tombolo_sandbox::peertube::{FileBody, NewVideo, VideoFile};
use tombolo_sandbox::{Islands, Options, clips};

const ROUTE: &str = r#"[routes.videos]
from = "channel"
to = ["toots"]
schedule = "@daily"
since = "beginning"
"#;

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let bytes: u64 = std::env::args().nth(1).and_then(|n| n.parse().ok()).unwrap_or(1 << 20);
    let options = Options {
        clock: Arc::new(SystemClock),
        media_polls: 0,
        video_size_limit: Some(1 << 40),
    };
    let islands = Islands::start(options).await?;
    let body = FileBody::Padded {
        clip: clips()[0].file(),
        bytes,
    };
    let video = islands
        .tube
        .publish(NewVideo::titled("Large").web([VideoFile::sized(640, 360).body(body)]));
    // What curl puts here is read, its digest taken as the Mastodon stand-in takes it, and forgotten.
    let put = axum::routing::put(async |body: axum::body::Body| {
        let (mut data, mut digest) = (body.into_data_stream(), Sha256::new());
        while let Some(Ok(chunk)) = data.next().await {
            digest.update(&chunk);
        }
        format!("{:x}", digest.finalize())
    });
    let sink =
        tombolo_net::stand_in::serve(0, Arc::new(SystemClock), |_| axum::Router::new().route("/sink", put)).await?;
    let data_dir = std::env::args().nth(2).unwrap_or_else(|| "data".into());
    let addresses = serde_json::json!({
        "file": islands.tube.files(&video.uuid)[0].url,
        "sink": sink.base.join("sink").map_err(std::io::Error::other)?,
        "configuration": islands.configuration(data_dir.as_ref(), ROUTE),
    });
    println!("{addresses}");
    // Ends with whoever started it.
    let ended = tokio::task::spawn_blocking(|| std::io::stdin().read_to_end(&mut Vec::new()));
    let _ = ended.await;
    Ok(())
}
