//! What the transformer makes of posts that real servers were recorded to show, for each kind of destination: the text as it
//! is sent with its count, and for each file the forms to try. A change here is a change that creators see.

use std::fmt::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tombolo::transform::{Facts, FileFacts, FormPlan, Overflow, PartPlan, Plan, Settings, plan};
use tombolo_mastoapi::parse_status;
use tombolo_mastodon::{Home, status_to_post};
use tombolo_model::{ApId, Destination, Limits, MemoryCache, Origin, Post, SeededEntropy, SystemClock};
use tombolo_net::{Guard, Net, NetConfig};
use url::Url;

/// What a file is taken to have where its source doesn't say.
const UNSAID: u64 = 1_234_567;

const MASTODON: &[&str] = &[
    "181-status-text",
    "202-status-sensitive-and-spoiler",
    "200-status-language-zh-Hant",
    "208-status-max-500",
    "212-status-500-zwj-emoji",
    "218-status-thread-3",
    "229-status-hashtags-various",
    "267-status-media-gifv-plus-image",
    "270-status-poll",
    "282-edit-reorder-and-add-media",
    "294-edit-mention-allowed-mentions",
    "354-status-get-video",
    "355-status-get-images",
    "506-status-quote-own",
];

const GOTOSOCIAL: &[&str] = &[
    "099-status-with-two-images-form",
    "103-status-mixed-image-video",
    "108-status-sensitive-cw",
    "240-status-public-image-tags-mention",
];

const PIXELFED: &[&str] = &[
    "status-get-processed",
    "status-create-four",
    "status-caption-amp-lt3",
    "status-caption-crlf",
    "status-emoji-500",
    "status-hashtags-processed",
    "status-links-processed",
    "status-mention-foreign-processed",
    "status-gif",
    "status-no-caption",
    "status-get-pe",
    "video-album",
    "video-mixed-album",
];

const PEERTUBE: &[&str] = &[
    "068-video-detail-full",
    "259-resumable-j-video-detail",
    "345-audio-upload-detail",
    "347-webm-upload-detail",
    "367-video-downloadEnabled-false-detail",
    "396-hlsonly-video-detail-finished",
];

#[tokio::test]
async fn from_mastodon() {
    let home = home("http://localhost:9051/ap/users/117664525289041803", "localhost:9051");
    let post = |body: &Value| status_to_post(&parse_status(body)?, &home, None);
    golden("mastodon-4.6.5", "Mastodon", MASTODON, post).await;
}

#[tokio::test]
async fn from_gotosocial() {
    let home = home("http://localhost:9021/users/creator", "localhost:9021");
    let post = |body: &Value| status_to_post(&parse_status(body)?, &home, None);
    golden("gotosocial-0.20.0-rc1", "Mastodon", GOTOSOCIAL, post).await;
}

#[tokio::test]
async fn from_pixelfed() {
    golden(
        "pixelfed-0.12.6",
        "Pixelfed",
        PIXELFED,
        tombolo_pixelfed::post_from_native,
    )
    .await;
}

#[tokio::test]
async fn from_peertube() {
    let instance = Url::parse("http://127.0.0.1:9011/").expect("a URL");
    let captions = body("peertube-6.3.0", "028-captions-list");
    // The list is that of the main video.
    let is_main = |video: &Value| video["name"] == "Main video with everything";
    let post = |video: &Value| {
        let captions = if is_main(video) { &captions } else { &Value::Null };
        tombolo_peertube::post_from_api(video, captions, &instance)
    };
    golden("peertube-6.3.0", "PeerTube", PEERTUBE, post).await;
}

fn home(actor: &str, host: &str) -> Home {
    Home {
        actor: ApId::parse(actor).expect("an id"),
        host: host.into(),
    }
}

fn body(folder: &str, name: &str) -> Value {
    let file = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/recordings")
        .join(folder);
    let text = std::fs::read(file.join(format!("{name}.json"))).expect("the recording is there");
    let recording: Value = serde_json::from_slice(&text).expect("JSON");
    let body = &recording["response"]["body"];
    // Some recordings say beside it that it is JSON.
    body.get("json").unwrap_or(body).clone()
}

/// Compares the plans for each recorded post, at every destination, with those that were found right.
async fn golden(folder: &str, platform: &str, names: &[&str], read: impl Fn(&Value) -> Option<Post>) {
    let there = destinations().await;
    for name in names {
        let post = read(&body(folder, name)).unwrap_or_else(|| panic!("{name} is no post"));
        let mut text = String::new();
        for (destination, limits, threads) in &there {
            let facts = facts(&post, platform, *threads);
            let settings = Settings {
                overflow: if *threads { Overflow::Thread } else { Overflow::Cut },
                ..Settings::default()
            };
            let _ = writeln!(text, "to {destination}");
            match plan(&post, &facts, limits, &settings) {
                Plan::Skip(why) => {
                    let _ = writeln!(text, "  skipped: {why}");
                }
                Plan::Parts(parts) => parts.iter().for_each(|part| show(&mut text, part)),
            }
        }
        insta::with_settings!({ snapshot_path => "snapshots", prepend_module_to_snapshot => false }, {
            insta::assert_snapshot!(format!("{folder}_{name}"), text);
        });
    }
}

fn facts(post: &Post, platform: &str, threads: bool) -> Facts {
    let renditions = || post.media.iter().flat_map(|media| &media.renditions);
    let unsaid = renditions().filter(|rendition| rendition.bytes.is_none());
    Facts {
        sizes: unsaid.map(|rendition| (rendition.url.clone(), UNSAID)).collect(),
        files: renditions()
            .map(|rendition| (rendition.url.clone(), FileFacts::default()))
            .collect(),
        still: std::collections::BTreeSet::new(),
        no_ffmpeg: None,
        threads,
        seed: 41,
        account: "creator".into(),
        platform: platform.into(),
    }
}

fn show(text: &mut String, part: &PartPlan) {
    let mut line = |words: String| {
        let _ = writeln!(text, "  {words}");
    };
    match &part.form {
        FormPlan::Status { continues: false } => line("status".into()),
        FormPlan::Status { continues: true } => line("status that continues the one before".into()),
        FormPlan::Boost { uri } => line(format!("boost of {uri}")),
        FormPlan::Video(video) => {
            line(format!("video: {}", video.title));
            line(format!("tags: {}", video.tags.join(", ")));
            let labels = [&video.category, &video.licence].map(|concept| concept.as_ref().map(|c| c.label.as_str()));
            let dated = video.originally_published.map(|at| at.to_rfc3339());
            line(format!("category and licence: {labels:?}; first published {dated:?}"));
            let captions: Vec<&str> = video.captions.iter().map(|caption| caption.language.as_str()).collect();
            line(format!(
                "subtitles: {captions:?}; downloads: {}",
                video.downloads_allowed
            ));
        }
    }
    for row in part.text.text.lines() {
        line(format!("│ {row}").trim_end().to_owned());
    }
    line(format!(
        "{} of {}{}; {}, language {:?}, sensitive: {}, warning: {:?}",
        part.text.length,
        part.text.max,
        if part.text.cut { ", cut" } else { "" },
        part.visibility.as_str(),
        part.language,
        part.sensitive,
        part.text.warning,
    ));
    for media in &part.media {
        let rungs: Vec<String> = media.rungs.iter().map(tombolo::transform::Rung::describe).collect();
        line(format!("{:?}, alt text {:?}", media.kind, media.alt));
        line(format!("  {}", rungs.join("; else ")));
        for why in &media.passed_over {
            line(format!("  not taken: {why}"));
        }
    }
}

/// One of each kind, with what it takes and whether it has threads, asked of stand-ins that answer as recorded.
async fn destinations() -> Vec<(&'static str, Limits, bool)> {
    let settle = Duration::from_secs(60);
    let mastodon = tombolo_mastodon::stand_in::Mastodon::start(tombolo_mastodon::stand_in::Options::default());
    let mastodon = mastodon.await.expect("a free port");
    let token = mastodon.add_account("me");
    let toots = tombolo_mastodon::Mastodon::new(
        net(mastodon.base()),
        mastodon.base().clone(),
        token.into(),
        Arc::new(MemoryCache::default()),
        settle,
    );
    let mut options = tombolo_pixelfed::stand_in::Options::default();
    options.limits = options.limits.with_video();
    let pixelfed = tombolo_pixelfed::stand_in::Pixelfed::start(options)
        .await
        .expect("a free port");
    let token = pixelfed.add_account("me");
    let photos = tombolo_pixelfed::Pixelfed::new(
        net(pixelfed.base()),
        pixelfed.base().clone(),
        token.into(),
        Arc::new(MemoryCache::default()),
        settle,
    );
    let options = tombolo_peertube::stand_in::Options::new(Arc::new(SystemClock));
    let peertube = tombolo_peertube::stand_in::PeerTube::start(options)
        .await
        .expect("a free port");
    let tube = tombolo_peertube::PeerTubeDestination::new(
        net(peertube.base()),
        peertube.base().clone(),
        "alice_channel",
        Arc::new(Password(peertube.password("alice"))),
        Arc::new(MemoryCache::default()),
        settle,
    );
    let all: [(&'static str, &dyn Destination); 3] = [("Mastodon", &toots), ("Pixelfed", &photos), ("PeerTube", &tube)];
    let mut limits = Vec::new();
    for (name, there) in all {
        let takes = there.limits().await.expect("it says what it takes");
        limits.push((name, takes, there.capabilities().threads));
    }
    limits
}

fn net(base: &Url) -> Net {
    let config = NetConfig {
        guard: Guard::new(vec!["127.0.0.0/8".parse().expect("a network")], [Origin::of(base)]),
        user_agent: "tombolo-tests".into(),
    };
    Net::new(config, Arc::new(SystemClock), Arc::new(SeededEntropy::new(7))).expect("the client starts")
}

/// Signs in by a password, and keeps nothing.
struct Password(String);

#[async_trait::async_trait]
impl tombolo_model::TokenStore for Password {
    async fn load(&self) -> Result<Option<tombolo_model::TokenPair>, String> {
        Ok(None)
    }

    async fn save(&self, _pair: &tombolo_model::TokenPair) -> Result<(), String> {
        Ok(())
    }

    async fn password(&self) -> Result<Option<(String, secrecy::SecretString)>, String> {
        Ok(Some(("alice".into(), self.0.as_str().into())))
    }
}
