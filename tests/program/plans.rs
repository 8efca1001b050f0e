//! In which form media leave, what a passing failure changes, and what a dry run shows of it.

use serde_json::Value;
use tombolo_mastodon::stand_in::{Mastodon, NewMedia as Attached, NewStatus, PostedKind};
use tombolo_net::stand_in::Fault;
use tombolo_peertube::stand_in::{NewVideo, VideoFile};
use tombolo_pixelfed::stand_in::{InstanceLimits, Pixelfed};

use crate::rig::{Pass, Tombolo, World, ffmpeg, media, padded, peertube, video};

const ALL: &str = "since = \"beginning\"";
/// What a server answers that is busy.
fn busy() -> Fault {
    Fault::Answer(503, Vec::new(), String::new())
}

fn published(pass: &Pass) {
    assert_eq!(pass.count("published"), 1, "{}{}", pass.stdout, pass.stderr);
}

fn base(url: &url::Url) -> &str {
    url.as_str().trim_end_matches('/')
}

/// A Mastodon on which one account's posts go to another account.
struct Twice {
    toots: Mastodon,
    tombolo: Tombolo,
}

impl Twice {
    async fn new(more: &str) -> Self {
        let toots = Mastodon::start(tombolo_mastodon::stand_in::Options::default())
            .await
            .unwrap();
        let tokens = [toots.add_account("me"), toots.add_account("second")];
        let account = |name: &str, token: &str| {
            format!(
                "[accounts.{name}]\nplatform = \"mastodon\"\ninstance = \"{}\"\nhandle = \"{name}\"\ntoken = \"{token}\"\n\
                 settle = \"1s\"\n",
                base(toots.base())
            )
        };
        let config = format!(
            "{}{}[routes.r]\nfrom = \"me\"\nto = [\"second\"]\n{ALL}\n{more}\n",
            account("me", &tokens[0]),
            account("second", &tokens[1])
        );
        Self {
            tombolo: Tombolo::configured(&config),
            toots,
        }
    }

    fn post(&self, file: Vec<u8>) {
        let status = NewStatus::new("A post").media(Attached::new(file).alt("x"));
        self.toots.publish("me", status).expect("it is published");
    }

    async fn only_copy(&self) -> tombolo_mastodon::stand_in::PostedMedia {
        published(&self.tombolo.sync(&["--wait", "60s"]).await);
        self.toots.statuses("second").remove(0).media.remove(0)
    }
}

/// A PeerTube whose videos go to a Pixelfed that takes these types.
struct Kept {
    tube: tombolo_peertube::stand_in::PeerTube,
    photos: Pixelfed,
    tombolo: Tombolo,
}

impl Kept {
    async fn new(types: &[&str]) -> Self {
        let tube = peertube().await;
        let photos = Pixelfed::start(tombolo_pixelfed::stand_in::Options::default())
            .await
            .unwrap();
        let token = photos.add_account("me");
        photos.set_limits(InstanceLimits {
            supported_mime_types: types.iter().map(ToString::to_string).collect(),
            ..InstanceLimits::default()
        });
        let config = format!(
            "[accounts.tube]\nplatform = \"peertube\"\ninstance = \"{}\"\nhandle = \"alice_channel\"\n\
             [accounts.photos]\nplatform = \"pixelfed\"\ninstance = \"{}\"\nhandle = \"me\"\ntoken = \"{token}\"\n\
             [routes.r]\nfrom = \"tube\"\nto = [\"photos\"]\n{ALL}\n",
            base(tube.base()),
            base(photos.base())
        );
        Self {
            tombolo: Tombolo::configured(&config),
            tube,
            photos,
        }
    }
}

/// The same with `[media]` settings.
fn with_media(tombolo: &Tombolo, settings: &str) {
    let path = tombolo.dir.path().join("config.toml");
    let config = std::fs::read_to_string(&path).unwrap();
    std::fs::write(path, format!("{config}\n[media]\n{settings}\n")).unwrap();
}

fn position(bytes: &[u8], name: &[u8]) -> Option<usize> {
    bytes.windows(name.len()).position(|w| w == name)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_silent_video_is_a_video_on_mastodon_too_with_its_thumbnail() {
    let silent = || {
        let file = VideoFile::sized(640, 360).silent();
        NewVideo::titled("A").web([file.body(padded("clip-silent.mp4", 70_000))])
    };
    if ffmpeg() {
        let world = World::new(ALL).await;
        world.tube.publish(silent());
        published(&world.tombolo.sync(&["--wait", "60s"]).await);
        let medium = &world.statuses()[0].media[0];
        assert_eq!(medium.kind, PostedKind::Video);
        assert!(medium.thumbnail.is_some());
    }
    let world = World::new(ALL).await;
    with_media(&world.tombolo, "ffmpeg = \"off\"");
    world.tube.publish(silent());
    published(&world.tombolo.sync(&[]).await);
    let medium = &world.statuses()[0].media[0];
    assert_eq!(
        (medium.kind, medium.size, medium.thumbnail.is_some()),
        (PostedKind::Gifv, 70_000, false)
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_encoded_video_has_its_thumbnail() {
    if !ffmpeg() {
        return;
    }
    let world = World::new(ALL).await;
    world.toots.set_limits(tombolo_mastodon::stand_in::InstanceLimits {
        video_size_limit: 400_000,
        ..tombolo_mastodon::stand_in::InstanceLimits::default()
    });
    let large = padded("clip-with-sound.mp4", 500_000);
    world
        .tube
        .publish(NewVideo::titled("A").web([VideoFile::sized(640, 360).body(large)]));
    published(&world.tombolo.sync(&["--wait", "60s"]).await);
    let medium = &world.statuses()[0].media[0];
    assert!(medium.size < 400_000 && medium.media_type == "video/mp4", "{medium:?}");
    assert!(medium.thumbnail.is_some());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_quicktime_file_leaves_as_mp4() {
    if !ffmpeg() {
        return;
    }
    let world = Twice::new("").await;
    world.post(media("clip-moov-last.mov"));
    let sent = world.only_copy().await;
    let bytes = sent.bytes.as_deref().unwrap_or_default();
    assert_eq!(sent.media_type, "video/mp4");
    assert!(bytes.get(8..12).is_some_and(|brand| brand != b"qt  "));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_still_gif_leaves_as_png() {
    let world = Twice::new("").await;
    world.post(media("still.gif"));
    let sent = world.only_copy().await;
    assert_eq!(sent.media_type, "image/png");
    let ending = sent.file_name.rsplit('.').next();
    assert_eq!(ending, Some("png"), "{}", sent.file_name);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thumbnail_is_written_as_the_destination_takes_it() {
    let world = Kept::new(&["image/png"]).await;
    world.tube.publish(video(1));
    published(&world.tombolo.sync(&[]).await);
    let sent = &world.photos.statuses("me")[0].media[0];
    assert_eq!(sent.media_type, "image/png", "the preview is a JPEG");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_keeps_files_gets_one_that_begins_to_play_at_once() {
    if !ffmpeg() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let (source, late) = (dir.path().join("source.mp4"), dir.path().join("late.mp4"));
    std::fs::write(&source, media("clip-with-sound.mp4")).unwrap();
    let made = std::process::Command::new("ffmpeg")
        .args(["-v", "error", "-i"])
        .arg(&source)
        .args(["-c", "copy"])
        .arg(&late)
        .status();
    assert!(made.unwrap().success());
    let late = std::fs::read(late).unwrap();
    assert!(position(&late, b"moov") > position(&late, b"mdat"));
    let world = Kept::new(&["image/jpeg", "image/png", "video/mp4"]).await;
    let mut limits = world.photos.limits();
    limits.account_size = Some(100_000);
    world.photos.set_limits(limits);
    world
        .tube
        .publish(NewVideo::titled("Late").web([VideoFile::sized(640, 360).body(late)]));
    published(&world.tombolo.sync(&["--wait", "60s"]).await);
    let posts = world.photos.statuses("me");
    let sent = &posts[0].media[0];
    assert_eq!(sent.media_type, "video/mp4");
    let bytes = &sent.bytes;
    assert!(position(bytes, b"moov") < position(bytes, b"mdat"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_passing_failure_of_the_files_server_puts_off_and_changes_nothing() {
    let world = World::new(ALL).await;
    let video = world.tube.publish(video(1));
    let path = |url: &str| url::Url::parse(url).unwrap().path().to_owned();
    let file = &world.tube.files(&video.uuid)[0];
    // So often that neither a piece nor the whole of it can be had at first, and it can when it would be sent.
    world.tube.faults().next("GET", &path(&file.url), 8, busy());
    let pass = world.tombolo.sync(&["--wait", "0s"]).await;
    assert_eq!(
        (pass.count("waiting"), world.statuses().len()),
        (1, 0),
        "{}{}",
        pass.stdout,
        pass.stderr
    );
    assert!(
        pass.lines[0]["reason"].as_str().unwrap_or_default().contains("503"),
        "{}",
        pass.stdout
    );
    published(&world.tombolo.sync(&["--wait", "60s"]).await);
    let medium = &world.statuses()[0].media[0];
    assert_eq!(medium.sha256, file.body.sha256());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upload_is_used_again_only_while_it_is_of_the_same_file() {
    for same in [true, false] {
        let world = World::new(ALL).await;
        let video = world.tube.publish(video(1));
        world.toots.faults().next("POST", "/api/v1/statuses", 1, busy());
        world.tombolo.sync(&["--wait", "0s"]).await;
        assert_eq!((world.toots.uploads().len(), world.statuses().len()), (1, 0));
        if !same {
            world.tube.rename_files(&video.uuid);
        }
        published(&world.tombolo.sync(&["--wait", "60s"]).await);
        assert_eq!(world.toots.uploads().len(), if same { 1 } else { 2 });
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_photo_that_the_server_has_is_not_fetched_and_worked_on_again() {
    let world = Twice::new("").await;
    world.post(media("picture.jpg"));
    let original = world.toots.statuses("me").remove(0).media.remove(0);
    let path = url::Url::parse(&original.url).unwrap().path().to_owned();
    world.toots.faults().next("POST", "/api/v1/statuses", 1, busy());
    let sent = world.only_copy().await;
    let ending = sent.file_name.rsplit('.').next();
    assert_eq!(ending, Some("jpg"), "{}", sent.file_name);
    let fetched = world.toots.arrivals().all().iter().filter(|a| a.path() == path).count();
    assert_eq!(fetched, 1);
    assert_eq!(world.toots.arrivals().count("POST", "/api/v1/statuses"), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sizes_of_photos_are_not_asked_for() {
    let world = Twice::new("").await;
    world.post(media("picture.jpg"));
    world.only_copy().await;
    let asked = world
        .toots
        .arrivals()
        .all()
        .iter()
        .filter(|a| a.method == "HEAD")
        .count();
    assert_eq!(asked, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dry_run_shows_what_would_be_sent_to_the_last_byte() {
    let world = World::new(ALL).await;
    with_media(&world.tombolo, "space = \"30MiB\"");
    world.tube.publish(
        NewVideo::titled("A")
            .tags(&["Peer Tube", "sea"])
            .hls([VideoFile::sized(640, 360).silent(), VideoFile::audio_only()]),
    );
    let pass = world.tombolo.sync(&["--dry-run"]).await;
    let part = &pass.lines[0]["plan"]["parts"][0];
    assert_eq!(part["tags"], serde_json::json!(["PeerTube", "sea"]), "{}", pass.stdout);
    assert_eq!(part["dropped_tags"], 0);
    let rungs = part["media"][0]["rungs"].as_array().expect("forms");
    let rung = |operation: &str| {
        let found = rungs.iter().find(|rung| rung["operation"] == operation);
        found.unwrap_or_else(|| panic!("{operation}: {rungs:#?}"))
    };
    if ffmpeg() {
        let joined = rung("repackage");
        assert!(joined["sound"]["bytes"].as_u64() > Some(0), "{joined:#}");
        assert_eq!(joined["target"]["width"], 640);
        // A third of the room for working files: source, sound and result must be there at once.
        assert_eq!(joined["target"]["at_most_bytes"], 10 << 20);
        assert_eq!(rung("encode")["target"]["at_most_bytes"], 10 << 20);
    }
    assert!(rung("thumbnail")["target"]["at_most_pixels"].as_u64() > Some(0));
    assert_eq!(pass.lines[0]["plan"]["notes"], Value::Array(Vec::new()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dry_run_names_the_post_that_is_continued() {
    let world = Twice::new("").await;
    let first = world.toots.publish("me", NewStatus::new("One")).unwrap();
    world.toots.publish("me", NewStatus::new("Two").reply_to(&first.id));
    let pass = world.tombolo.sync(&["--dry-run"]).await;
    let answers: Vec<&Value> = pass.lines.iter().map(|l| &l["plan"]["parts"][0]["answers"]).collect();
    assert!(answers.contains(&&Value::from(first.uri.as_str())), "{answers:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_is_gone_when_it_is_fetched_is_asked_for_again_at_once() {
    let world = World::new(ALL).await;
    world.toots.set_media_polls(0);
    let asked = || world.tube.arrivals().count("GET", "/static/web-videos/");
    world.tube.publish(video(1));
    published(&world.tombolo.sync(&["--wait", "0s"]).await);
    // The last was for the file itself, those before looked into it.
    let looks = u32::try_from(asked() - 1).unwrap();
    world.tube.publish(video(2));
    world.tube.faults().add(tombolo_net::stand_in::FaultRule {
        method: "GET".into(),
        path: "/static/web-videos/".into(),
        skip: looks,
        times: 1,
        fault: Fault::Answer(404, Vec::new(), String::new()),
    });
    published(&world.tombolo.sync(&["--wait", "0s"]).await);
    assert!(world.statuses()[1].media[0].media_type.starts_with("video/"));
}
