//! Three islands with one creator, who has two accounts on each; and independent judges of what arrived there.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tombolo_mastodon::stand_in::{Mastodon, NewStatus, Posted as Status};
use tombolo_model::{Clock, SystemClock};
use tombolo_net::stand_in::Arrivals;
use tombolo_peertube::stand_in::{PeerTube, Uploaded};
use tombolo_pixelfed::stand_in::{InstanceLimits, NewPost, Pixelfed, Posted};

use crate::rig::{Pass, Tombolo, peertube};

/// A PeerTube (accounts `tube` and `films`), a Mastodon (`toots` and `second`) and a Pixelfed (`photos` and `gallery`).
pub struct Islands {
    pub tube: PeerTube,
    pub toots: Mastodon,
    pub photos: Pixelfed,
    pub accounts: String,
}

impl Islands {
    pub async fn new() -> Self {
        Self::on(Arc::new(SystemClock)).await
    }

    /// With a Mastodon on this clock.
    pub async fn on(clock: Arc<dyn Clock>) -> Self {
        let tube = peertube().await;
        tube.set(|settings| settings.transcoding = Duration::from_secs(1));
        tube.add_account("bob");
        tube.add_channel("bob", "bob_channel");
        let options = tombolo_mastodon::stand_in::Options {
            clock,
            ..tombolo_mastodon::stand_in::Options::default()
        };
        let toots = Mastodon::start(options).await.unwrap();
        let photos = Pixelfed::start(tombolo_pixelfed::stand_in::Options::default())
            .await
            .unwrap();
        let base = |url: &url::Url| url.as_str().trim_end_matches('/').to_owned();
        let mut accounts = String::new();
        for (name, handle, login) in [("tube", "alice_channel", "alice"), ("films", "bob_channel", "bob")] {
            accounts += &format!(
                "[accounts.{name}]\nplatform = \"peertube\"\ninstance = \"{}\"\nhandle = \"{handle}\"\n\
                 username = \"{login}\"\npassword = \"{}\"\n",
                base(tube.base()),
                tube.password(login)
            );
        }
        for (name, handle) in [("toots", "me"), ("second", "second")] {
            accounts += &format!(
                "[accounts.{name}]\nplatform = \"mastodon\"\ninstance = \"{}\"\nhandle = \"{handle}\"\n\
                 token = \"{}\"\nsettle = \"1s\"\n",
                base(toots.base()),
                toots.add_account(handle)
            );
        }
        for (name, handle) in [("photos", "me"), ("gallery", "second")] {
            accounts += &format!(
                "[accounts.{name}]\nplatform = \"pixelfed\"\ninstance = \"{}\"\nhandle = \"{handle}\"\ntoken = \"{}\"\n",
                base(photos.base()),
                photos.add_account(handle)
            );
            photos.set_active(handle, true);
        }
        Self {
            tube,
            toots,
            photos,
            accounts,
        }
    }

    /// The same, where Pixelfed takes videos.
    pub async fn with_video() -> Self {
        let islands = Self::new().await;
        islands.photos.set_limits(InstanceLimits::default().with_video());
        islands
    }

    /// With one route; `more` holds further settings of it, and then further tables.
    pub fn route(&self, from: &str, to: &str, more: &str) -> Tombolo {
        let route = format!("[routes.r]\nfrom = \"{from}\"\nto = [\"{to}\"]\nsince = \"beginning\"\n{more}\n");
        Tombolo::configured(&format!("{}\n{route}", self.accounts))
    }

    /// Carries the one post there is, and looks that a second pass sends nothing and that no working file is left. What the
    /// first pass printed.
    pub async fn carry(&self, from: &str, to: &str, more: &str) -> Pass {
        self.carry_all(1, from, to, more).await
    }

    /// The same for so many posts.
    pub async fn carry_all(&self, posts: u64, from: &str, to: &str, more: &str) -> Pass {
        let tombolo = self.route(from, to, more);
        let pass = tombolo.sync(&["--wait", "60s"]).await;
        let said = format!("{}{}", pass.stdout, pass.stderr);
        assert_eq!((pass.code, pass.count("published")), (0, posts), "{said}");
        self.stays_so(&tombolo).await;
        pass
    }

    /// Looks that the one post there is goes nowhere, now and later; the reason that is given.
    pub async fn skip(&self, from: &str, to: &str, more: &str) -> String {
        let tombolo = self.route(from, to, more);
        let pass = tombolo.sync(&["--wait", "60s"]).await;
        assert_eq!(pass.count("skipped"), 1, "{}{}", pass.stdout, pass.stderr);
        assert_eq!(self.writes(), Vec::<String>::new());
        self.stays_so(&tombolo).await;
        reason(&pass).to_owned()
    }

    async fn stays_so(&self, tombolo: &Tombolo) {
        let sent = self.writes();
        let again = tombolo.sync(&["--wait", "60s"]).await;
        assert_eq!(again.code, 0, "{}{}", again.stdout, again.stderr);
        assert!(again.lines.is_empty(), "a second pass: {}", again.stdout);
        assert_eq!(self.writes(), sent, "a second pass sends nothing");
        let left = files_below(&tombolo.data_dir().join("work"));
        assert!(left.is_empty(), "working files are left: {left:?}");
    }

    /// All that was written to any of the islands, signing in apart.
    fn writes(&self) -> Vec<String> {
        let of = |arrivals: &Arrivals| {
            let all = arrivals.all().into_iter();
            let writes =
                all.filter(|a| !matches!(a.method.as_str(), "GET" | "HEAD") && a.path() != "/api/v1/users/token");
            writes.map(|a| format!("{} {}", a.method, a.target)).collect::<Vec<_>>()
        };
        [
            of(self.tube.arrivals()),
            of(self.toots.arrivals()),
            of(self.photos.arrivals()),
        ]
        .concat()
    }

    /// The creator publishes on Mastodon; the post's id.
    pub fn toot(&self, status: NewStatus) -> String {
        self.published(status).uri
    }

    /// The creator publishes on Mastodon; the post.
    pub fn published(&self, status: NewStatus) -> Status {
        self.toots.publish("me", status).expect("it is published")
    }

    /// The creator publishes on Pixelfed.
    pub fn share(&self, post: NewPost) -> Posted {
        self.photos.post("me", post).expect("it is published")
    }

    /// The one copy on an account of the Mastodon.
    pub fn tooted(&self, name: &str) -> Status {
        only(self.toots.statuses(name))
    }

    /// The one copy on an account of the Pixelfed.
    pub fn shared(&self, name: &str) -> Posted {
        only(self.photos.statuses(name))
    }

    /// The videos that came to PeerTube.
    pub fn uploads(&self) -> Vec<Uploaded> {
        self.tube.uploaded()
    }

    /// The one video that came to PeerTube.
    pub fn uploaded(&self) -> Uploaded {
        only(self.uploads())
    }
}

pub fn only<T: std::fmt::Debug>(mut all: Vec<T>) -> T {
    assert_eq!(all.len(), 1, "{all:#?}");
    all.remove(0)
}

/// Why the first delivery of a pass came out as it did.
pub fn reason(pass: &Pass) -> &str {
    pass.lines[0]["reason"].as_str().unwrap_or_default()
}

/// A PNG of 320×200 pixels that no other shade has.
pub fn photo(shade: u8) -> Vec<u8> {
    photo_of(shade, 320, 200)
}

/// The same in another size: its left edge is darker than its right one.
pub fn photo_of(shade: u8, width: u32, height: u32) -> Vec<u8> {
    let picture = image::RgbImage::from_fn(width, height, |x, _| {
        image::Rgb([shade, u8::try_from(x * 160 / width).unwrap(), 90])
    });
    encoded(&picture, image::ImageFormat::Png)
}

pub fn encoded(picture: &image::RgbImage, format: image::ImageFormat) -> Vec<u8> {
    let mut bytes = std::io::Cursor::new(Vec::new());
    picture.write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

/// Files below a folder, but for locks.
pub fn files_below(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(files_below(&path));
        } else if !path.to_string_lossy().contains("lock") {
            found.push(path);
        }
    }
    found
}

/// Runs a program of the machine to its end.
fn ran(program: &str, arguments: &[&str]) -> Output {
    let output = Command::new(program).args(arguments).output();
    let output = output.unwrap_or_else(|e| panic!("{program}: {e}"));
    assert!(
        output.status.success(),
        "{program} {arguments:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    output
}

/// A file made by ffmpeg; `arguments` are separated by spaces, `name` says its kind.
pub fn made(name: &str, arguments: &str) -> Vec<u8> {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join(name).to_str().unwrap().to_owned();
    let mut all = vec!["-v", "error", "-nostdin", "-y"];
    all.extend(arguments.split_whitespace());
    all.push(&out);
    ran("ffmpeg", &all);
    std::fs::read(out).unwrap()
}

/// A file in a folder of its own, for a judge to look at.
fn on_disk(bytes: &[u8]) -> (tempfile::TempDir, String) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("file");
    std::fs::write(&path, bytes).unwrap();
    let path = path.to_str().unwrap().to_owned();
    (dir, path)
}

/// What ffprobe says of a video.
#[derive(Debug)]
pub struct Seen {
    /// Codecs of its pictures and sound, in this order, each with a name like `h264`.
    pub codecs: Vec<String>,
    /// Width and height of the pictures as they are stored.
    pub size: (u64, u64),
    /// How far they are to be turned to be upright; 0 where nothing is said.
    pub rotation: i64,
    pub fps: f64,
    pub seconds: f64,
    pub format: String,
}

pub fn ffprobe(bytes: &[u8]) -> Seen {
    let (_dir, path) = on_disk(bytes);
    let arguments = ["-v", "error", "-show_streams", "-show_format", "-of", "json", &path];
    let said: Value = serde_json::from_slice(&ran("ffprobe", &arguments).stdout).unwrap();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let streams = said["streams"].as_array().unwrap();
    let picture = streams.iter().find(|s| s["codec_type"] == "video").expect("a picture");
    let rate = text(&picture["avg_frame_rate"]);
    let (frames, per) = rate.split_once('/').unwrap_or((&rate, "1"));
    let mut turned = picture["side_data_list"].as_array().into_iter().flatten();
    let of_kind = |kind: &'static str| {
        streams
            .iter()
            .filter(move |s| s["codec_type"] == kind)
            .map(|s| text(&s["codec_name"]))
    };
    Seen {
        codecs: of_kind("video").chain(of_kind("audio")).collect(),
        size: (picture["width"].as_u64().unwrap(), picture["height"].as_u64().unwrap()),
        rotation: turned.find_map(|side| side["rotation"].as_i64()).unwrap_or(0),
        fps: frames.parse::<f64>().unwrap() / per.parse::<f64>().unwrap(),
        seconds: text(&said["format"]["duration"]).parse().unwrap(),
        format: text(&said["format"]["format_name"]),
    }
}

/// Digests of all pictures and all sound of a video, decoded: equal for files that show and sound the same.
pub fn decoded(bytes: &[u8]) -> (String, String) {
    let (_dir, path) = on_disk(bytes);
    let digest = |stream: &str| {
        let arguments = ["-v", "error", "-i", &path, "-map", stream, "-f", "md5", "-"];
        String::from_utf8(ran("ffmpeg", &arguments).stdout).unwrap()
    };
    (digest("0:v"), digest("0:a?"))
}

/// The order of the boxes at the top of an MP4 file.
pub fn boxes(bytes: &[u8]) -> Vec<String> {
    let (mut found, mut at) = (Vec::new(), 0);
    while let Some(head) = bytes.get(at..at + 8) {
        let length = u32::from_be_bytes(head[..4].try_into().unwrap()) as usize;
        found.push(String::from_utf8_lossy(&head[4..]).into_owned());
        at += length.max(8);
    }
    found
}

/// What exiftool reads of a file, by the names of its tags.
pub fn exiftool(bytes: &[u8]) -> serde_json::Map<String, Value> {
    let (_dir, path) = on_disk(bytes);
    let said: Value = serde_json::from_slice(&ran("exiftool", &["-json", "-ee", &path]).stdout).unwrap();
    said[0].as_object().unwrap().clone()
}

/// A picture with tags that exiftool wrote into it.
pub fn tagged(jpeg: &[u8], tags: &[&str]) -> Vec<u8> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("photo.jpg");
    std::fs::write(&path, jpeg).unwrap();
    let mut all = vec!["-q", "-overwrite_original"];
    all.extend(tags);
    all.push(path.to_str().unwrap());
    ran("exiftool", &all);
    std::fs::read(path).unwrap()
}

/// What a video shows after so many seconds, upright.
pub fn frame(bytes: &[u8], seconds: f64) -> image::RgbImage {
    let (dir, path) = on_disk(bytes);
    let out = dir.path().join("frame.png").to_str().unwrap().to_owned();
    let at = seconds.to_string();
    ran(
        "ffmpeg",
        &[
            "-v",
            "error",
            "-nostdin",
            "-i",
            &path,
            "-ss",
            &at,
            "-frames:v",
            "1",
            &out,
        ],
    );
    image::open(out).unwrap().to_rgb8()
}

/// The pixels of a picture.
pub fn pixels(bytes: &[u8]) -> image::RgbImage {
    image::load_from_memory(bytes).expect("a picture").to_rgb8()
}
