//! The islands as a process of their own, for benches. Writes `DIR/config.toml` for the program, prints what else is to be
//! known as lines of `name=value` and then `ready`, serves until its standard input ends, and tells what has arrived.
//!
//! - `islands stream DIR BYTES`: a video of so many made-up bytes on a PeerTube, for a Mastodon.
//! - `islands photo DIR`: a photo of 48 megapixels, also written to `DIR/photo.jpg`, on one Mastodon, for another.
//! - `islands video DIR LIMIT FILE…`: a video in these files on a PeerTube, for a Mastodon that takes less than LIMIT bytes.
//!   A file's name begins with its size and rate: `1920x1080-60.mp4`.
//! - `islands upload DIR BYTES CUT…`: a video of so many bytes on a Mastodon, for a PeerTube whose connections are cut as soon
//!   as it holds so many bytes.

use std::error::Error;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures_util::StreamExt;
use sha2::{Digest, Sha256};
use tombolo_model::SystemClock;
use tombolo_sandbox::mastodon::{Mastodon, NewMedia, NewStatus};
use tombolo_sandbox::peertube::{FileBody, NewVideo, PeerTube, UploadCut, VideoFile};
use tombolo_sandbox::{CHANNEL, CREATOR, Islands, Options, clips, mastodon, peertube, photo};

type Failure = Box<dyn Error>;

/// What the photo shows, for those who can't see it.
const ALT: &str = "Four fields, seen from above";
/// The part of the photo that must stay in sight.
const FOCUS: (f64, f64) = (0.5, -0.25);

const ROUTE: &str = r#"[routes.videos]
from = "channel"
to = ["toots"]
schedule = "@daily"
since = "beginning"
"#;

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [scene, dir, rest @ ..] = words.as_slice() else {
        return Err("usage: islands stream|photo|video|upload DIR …".into());
    };
    let dir = Path::new(dir);
    std::fs::create_dir_all(dir)?;
    match (scene.as_str(), rest) {
        ("stream", [bytes]) => stream(dir, bytes.parse()?).await,
        ("photo", []) => large_photo(dir).await,
        ("video", [limit, files @ ..]) => video(dir, limit.parse()?, files).await,
        ("upload", [bytes, cuts @ ..]) => upload(dir, bytes.parse()?, cuts).await,
        _ => Err(format!("there is no scene “{}”", words.join(" ")).into()),
    }
}

async fn stream(dir: &Path, bytes: u64) -> Result<(), Failure> {
    let islands = Islands::start(Options {
        clock: Arc::new(SystemClock),
        media_polls: 0,
        video_size_limit: Some(1 << 40),
    })
    .await?;
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
    println!("file={}", islands.tube.files(&video.uuid)[0].url);
    println!("sink={}", sink.base.join("sink")?);
    configure(dir, &islands.configuration(&dir.join("data"), ROUTE))?;
    opened().await;
    Ok(())
}

async fn large_photo(dir: &Path) -> Result<(), Failure> {
    let photo = photo::photo(photo::STORED)?;
    std::fs::write(dir.join("photo.jpg"), &photo)?;
    let source = Mastodon::start(mastodon::Options::default()).await?;
    let target = Mastodon::start(mastodon::Options::default()).await?;
    let accounts = [
        account("photos", &source, &source.add_account(CREATOR)),
        account("toots", &target, &target.add_account(CREATOR)),
    ];
    let medium = NewMedia::new(photo).alt(ALT).focus(FOCUS.0, FOCUS.1);
    let quarters: Vec<String> = photo::QUARTERS.concat().iter().map(u8::to_string).collect();
    println!(
        "stored={}x{}\nquarters={}",
        photo::STORED.0,
        photo::STORED.1,
        quarters.join(" ")
    );
    println!("meant_alt={ALT}\nmeant_focus={},{}", FOCUS.0, FOCUS.1);
    let posted = source.publish(CREATOR, NewStatus::new("Fields").media(medium));
    posted.ok_or("the photo was not published")?;
    configure(dir, &route(dir, &accounts.concat(), "photos", "toots"))?;
    opened().await;
    arrived(dir, &target)
}

async fn video(dir: &Path, limit: u64, files: &[String]) -> Result<(), Failure> {
    let source = tube().await?;
    let mut options = mastodon::Options {
        client_max_body: None,
        keep_bytes: usize::try_from(limit)?,
        ..mastodon::Options::default()
    };
    options.limits.video_size_limit = limit;
    let target = Mastodon::start(options).await?;
    let files: Result<Vec<VideoFile>, Failure> = files.iter().map(|file| rendition(Path::new(file))).collect();
    source.publish(NewVideo::titled("Long").web(files?));
    let accounts = [
        channel(&source),
        account("toots", &target, &target.add_account(CREATOR)),
    ];
    configure(dir, &route(dir, &accounts.concat(), "channel", "toots"))?;
    opened().await;
    arrived(dir, &target)
}

async fn upload(dir: &Path, bytes: u64, cuts: &[String]) -> Result<(), Failure> {
    let film = FileBody::Padded {
        clip: clips()[0].file(),
        bytes,
    };
    let source = Mastodon::start(mastodon::Options::default()).await?;
    let target = tube().await?;
    for at in cuts {
        target.cut_upload(UploadCut::AtByte(at.parse()?));
    }
    let accounts = [
        account("toots", &source, &source.add_account(CREATOR)),
        channel(&target),
    ];
    println!("source_sha256={}", film.sha256());
    let medium = NewMedia::new(film.bytes(0..bytes)).alt("Waves");
    let posted = source.publish(CREATOR, NewStatus::new("A long walk by the sea").media(medium));
    posted.ok_or("the video was not published")?;
    configure(dir, &route(dir, &accounts.concat(), "toots", "channel"))?;
    opened().await;
    let uploaded = target.uploaded();
    println!("videos={}", uploaded.len());
    println!("unfinished={}", target.unfinished().len());
    for file in uploaded.iter().filter_map(|video| video.file.as_ref()) {
        println!("bytes={}\nsha256={}", file.len(), file.sha256());
    }
    let asked = target.arrivals().all();
    let ranges = asked.iter().filter_map(|asked| asked.header("content-range"));
    println!("chunks={}", ranges.filter(|range| !range.contains('*')).count());
    println!("cuts={}", cuts.len() - target.cuts_left());
    Ok(())
}

/// A PeerTube with the creator's channel.
async fn tube() -> std::io::Result<PeerTube> {
    let mut options = peertube::Options::new(Arc::new(SystemClock));
    CREATOR.clone_into(&mut options.account);
    CHANNEL.clone_into(&mut options.channel);
    PeerTube::start(options).await
}

/// The creator's channel, in a configuration.
fn channel(server: &PeerTube) -> String {
    format!(
        "[accounts.channel]\nplatform = \"peertube\"\ninstance = \"{}\"\nhandle = \"{CHANNEL}\"\nusername = \"{CREATOR}\"\n\
         password = \"{}\"\n\n",
        server.base(),
        server.password(CREATOR)
    )
}

/// An account on a server with Mastodon's API, in a configuration.
fn account(name: &str, server: &Mastodon, token: &str) -> String {
    format!(
        "[accounts.{name}]\nplatform = \"mastodon\"\ninstance = \"{}\"\nhandle = \"{CREATOR}\"\ntoken = \"{token}\"\n\n",
        server.base()
    )
}

fn route(dir: &Path, accounts: &str, from: &str, to: &str) -> String {
    format!(
        "data_dir = {:?}\n\n{accounts}[routes.posts]\nfrom = \"{from}\"\nto = [\"{to}\"]\nsince = \"beginning\"\n\n\
         [network]\nallow = [\"127.0.0.0/8\"]   # the islands are on this machine\nallow_http = true\n",
        dir.join("data")
    )
}

fn configure(dir: &Path, configuration: &str) -> std::io::Result<()> {
    use std::os::unix::fs::OpenOptionsExt;
    let mut options = std::fs::OpenOptions::new();
    let file = options.write(true).create(true).truncate(true).mode(0o600);
    file.open(dir.join("config.toml"))?.write_all(configuration.as_bytes())
}

/// A file whose name tells its size and rate.
fn rendition(file: &Path) -> Result<VideoFile, Failure> {
    let name = file.file_stem().and_then(|name| name.to_str()).unwrap_or_default();
    let numbers: Result<Vec<u32>, _> = name.split(['x', '-']).map(str::parse).collect();
    let Ok([width, height, fps]) = numbers.as_deref() else {
        return Err(format!("{}: not called like 1920x1080-60.mp4", file.display()).into());
    };
    let body = std::fs::read(file)?;
    Ok(VideoFile::sized(*width, *height).fps(*fps).body(body))
}

/// Serves as long as whoever started it wants.
async fn opened() {
    println!("ready");
    let ended = tokio::task::spawn_blocking(|| std::io::stdin().read_to_end(&mut Vec::new()));
    let _ = ended.await;
}

/// Tells what the creator's statuses have in them, and writes it to `DIR/arrived-N.EXTENSION`.
fn arrived(dir: &Path, server: &Mastodon) -> Result<(), Failure> {
    let statuses = server.statuses(CREATOR);
    println!("statuses={}", statuses.len());
    for (place, medium) in statuses.iter().flat_map(|status| &status.media).enumerate() {
        println!(
            "type={}\nbytes={}\nsha256={}",
            medium.media_type, medium.size, medium.sha256
        );
        println!("alt={}", medium.description.as_deref().unwrap_or_default());
        if let Some((x, Some(y))) = medium.focus {
            println!("focus={x},{y}");
        }
        if let Some(bytes) = &medium.bytes {
            let extension = medium.media_type.rsplit('/').next().unwrap_or_default();
            let file: PathBuf = dir.join(format!("arrived-{place}.{extension}"));
            std::fs::write(&file, bytes)?;
            println!("arrived={}", file.display());
        }
    }
    if let Some(medium) = server.uploads().iter().find(|medium| !medium.attached) {
        return Err(format!("{} was uploaded for nothing", medium.file_name).into());
    }
    Ok(())
}
