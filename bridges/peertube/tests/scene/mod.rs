//! A stand-in in the place of the recorded server, and the comparison of their answers.

mod editing;
mod importing;
mod left_out;
mod pieces;
mod sending;
mod signing_in;
mod whole;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chrono::{DateTime, Utc};
use tombolo_model::TestClock;
use tombolo_net::stand_in::recordings::{Answer, Permitted, Recording, differences};
use tombolo_peertube::stand_in::{Caption, NewVideo, NsfwPolicy, Options, PeerTube, Published, VideoFile};

/// The host of the recorded server.
pub const RECORDED_HOST: &str = "127.0.0.1:9011";
/// The video with everything.
pub const MAIN: &str = "b00bfce8-42ab-4244-a722-5c470b3dfffc";
pub const MAIN_SHORT: &str = "nJS3gFNBDDWPnkZNXARGCd";
pub const MAIN_WEB: &str = "7b74c32a-38d5-4533-a0e9-48adc10df3a6-360.mp4";
pub const MAIN_HLS: &str = "ef1d3b18-553b-4f4d-98fc-b702c078a832-360-fragmented.mp4";
/// The one with HLS only.
pub const HLS_ONLY: &str = "0f0a7354-88b5-42e1-b902-6b24f571b023";

/// Torrents come seconds after an upload; the stand-in has them at once.
pub const TORRENTS_AT_ONCE: [Permitted; 3] = [
    Permitted {
        path: "$.files[].magnetUri",
        why: "recorded before the torrent was made; the stand-in has it at once",
    },
    Permitted {
        path: "$.files[].torrentUrl",
        why: "recorded before the torrent was made; the stand-in has it at once",
    },
    Permitted {
        path: "$.files[].torrentDownloadUrl",
        why: "recorded before the torrent was made; the stand-in has it at once",
    },
];

/// Headers that must be there exactly if they were recorded, with the same value where it doesn't depend on the day.
pub const HEADERS: [(&str, bool); 12] = [
    ("location", true),
    ("range", true),
    ("etag", false),
    ("last-modified", false),
    ("accept-ranges", true),
    ("cache-control", true),
    ("content-range", true),
    ("content-disposition", true),
    ("retry-after", false),
    ("x-ratelimit-limit", true),
    ("x-ratelimit-remaining", false),
    ("x-ratelimit-reset", false),
];

/// A stand-in, and what of the recordings corresponds to what of it.
pub struct Scene {
    pub tube: PeerTube,
    pub clock: TestClock,
    pub client: reqwest::Client,
    swaps: Mutex<Vec<(String, String)>>,
}

/// An answer with its headers.
pub struct Given {
    pub answer: Answer,
    pub headers: BTreeMap<String, String>,
}

impl Given {
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.answer.body).expect("the answer is JSON")
    }
}

impl Scene {
    pub async fn set(change: impl FnOnce(&mut Options)) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let clock = TestClock::at(time("2026-11-23T05:46:00.123Z"));
        let mut options = Options::new(Arc::new(clock.clone()));
        options.nsfw_policy = NsfwPolicy::Display;
        change(&mut options);
        let tube = PeerTube::start(options).await.expect("the stand-in starts");
        let swaps = vec![(RECORDED_HOST.to_owned(), tube.host().to_owned())];
        Self {
            tube,
            clock,
            client: reqwest::Client::new(),
            swaps: Mutex::new(swaps),
        }
    }

    /// Publishes a video a minute later, in place of a recorded one.
    pub fn publish_as(&self, recorded: &str, video: NewVideo) -> Published {
        self.clock.advance(Duration::from_secs(60));
        let published = self.tube.publish(video);
        self.swap(recorded, &published.uuid);
        published
    }

    /// The video with everything, and as many others as were recorded.
    pub fn publish_main_and_bulk(&self) -> Published {
        let main = self.publish_as(MAIN, main_video());
        self.swap(MAIN_SHORT, &main.short_uuid);
        for number in 1..24 {
            let title = format!("Bulk video {number:02}");
            let text = format!("Bulk number {number:02}");
            let video = NewVideo::titled(&title)
                .description(&text)
                .tags(&["bulk"])
                .with(|details| details.duration = 1);
            self.publish_as("", video);
        }
        main
    }

    /// From here on, `recorded` in a recorded request means `ours`.
    pub fn swap(&self, recorded: &str, ours: &str) {
        if !recorded.is_empty() {
            let mut swaps = self.swaps.lock().expect("no test panicked with it");
            swaps.insert(0, (recorded.to_owned(), ours.to_owned()));
        }
    }

    pub fn swapped(&self, text: &str) -> String {
        let swaps = self.swaps.lock().expect("no test panicked with it");
        let exchange = |text: String, (recorded, ours): &(String, String)| text.replace(recorded, ours);
        swaps.iter().fold(text.to_owned(), exchange)
    }

    pub async fn replay(&self, number: &str) -> Given {
        self.replay_but(number, &[]).await
    }

    pub async fn replay_but(&self, number: &str, permitted: &[Permitted]) -> Given {
        self.replay_as(number, &[], permitted).await
    }

    /// Asks as recorded, with these headers in place of the redacted ones, and compares.
    pub async fn replay_as(&self, number: &str, headers: &[(&str, &str)], permitted: &[Permitted]) -> Given {
        self.replay_with(number, headers, &[], permitted).await
    }

    /// The same, with these values in the place of redacted ones of a form.
    pub async fn replay_with(
        &self,
        number: &str,
        headers: &[(&str, &str)],
        form: &[(&str, &str)],
        permitted: &[Permitted],
    ) -> Given {
        let recording = recorded(number);
        let request = &recording.request;
        let url = format!("http://{}{}", self.tube.host(), self.swapped(request.target()));
        let method = request.method.parse().expect("a method");
        // Requests of a test aren't to meet the rate limit, and come at different times.
        self.clock.advance(Duration::from_secs(1));
        let mut asked = self.client.request(method, url);
        for (name, value) in &request.headers {
            let lower = name.to_ascii_lowercase();
            let multipart = lower == "content-type" && value.starts_with("multipart/");
            if ["host", "connection", "content-length", "accept-encoding"].contains(&lower.as_str()) || multipart {
                continue;
            }
            let value = match headers.iter().find(|(given, _)| *given == lower) {
                Some((_, value)) => (*value).to_owned(),
                None => self.swapped(value),
            };
            asked = asked.header(name, value);
        }
        let given = self.given(self.with_body(asked, request, form)).await;
        self.learn(&recording.response, &given);
        let mut found: Vec<String> = differences(&recording.response, &given.answer, permitted)
            .iter()
            .map(ToString::to_string)
            .collect();
        for (name, same) in HEADERS {
            if permitted.iter().any(|p| p.path == name) {
                continue;
            }
            let (was, is) = (recording.response.header(name), given.headers.get(name));
            let was = was.map(|value| self.swapped(value));
            if was.is_some() != is.is_some() || (same && was.as_ref() != is) {
                found.push(format!("{name}: recorded {was:?}, answered {is:?}"));
            }
        }
        for name in ["etag", "last-modified"] {
            if let (Some(was), Some(is)) = (recording.response.header(name), given.headers.get(name)) {
                self.swap(was, is);
            }
        }
        assert!(
            found.is_empty(),
            "{number} {}:\n  {}",
            recording.name,
            found.join("\n  ")
        );
        given
    }

    pub async fn get(&self, target: &str) -> Given {
        self.given(self.client.get(format!("http://{}{target}", self.tube.host())))
            .await
    }

    pub async fn given(&self, asked: reqwest::RequestBuilder) -> Given {
        let response = asked.send().await.expect("the stand-in answers");
        let text = |value: &reqwest::header::HeaderValue| value.to_str().unwrap_or_default().to_owned();
        let headers: BTreeMap<String, String> = response
            .headers()
            .iter()
            .map(|(name, value)| (name.as_str().to_owned(), text(value)))
            .collect();
        Given {
            answer: Answer {
                status: response.status().as_u16(),
                content_type: headers.get("content-type").cloned(),
                body: response.bytes().await.expect("a whole body").to_vec(),
            },
            headers,
        }
    }
}

/// A recording, by its number.
pub fn recorded(number: &str) -> Recording {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/recordings/peertube-6.3.0");
    Recording::numbered(folder, number).expect("the recording is there")
}

pub fn time(text: &str) -> DateTime<Utc> {
    text.parse().expect("a date")
}

pub fn files(sizes: [u64; 3]) -> [VideoFile; 3] {
    let [large, middle, small] = sizes;
    [
        VideoFile::sized(640, 360).bytes(large),
        VideoFile::sized(426, 240).bytes(middle),
        VideoFile::sized(256, 144).bytes(small),
    ]
}

pub fn main_video() -> NewVideo {
    let description =
        "Hello **bold** world\r\n\r\n* item one\r\n\r\n00:00 Intro\r\n\r\n#hashtag @alice@mastodon.example";
    let mut video = NewVideo::titled("Main video with everything")
        .description(description)
        .tags(&["Peer Tube", "tag one", "écologie"])
        .language("en")
        .sensitive()
        .with(|details| {
            details.support = Some("Please support https://liberapay.com/alice".into());
            details.category = Some(15);
            details.licence = Some(1);
            details.originally_published_at = Some(time("2025-01-02T03:04:05Z"));
            details.chapters = vec![(0, "Start".into()), (2, "Middle".into())];
        });
    for language in ["de", "en", "fr", "it"] {
        video = video.caption(Caption::new(language, "WEBVTT\n\n00:00.000 --> 00:02.000\nHello\n"));
    }
    video.files = files([600_344, 245_732, 147_863]).into();
    video.hls = files([552_237, 243_426, 145_445]).into();
    video
}

pub fn hls_only() -> NewVideo {
    let mut all: Vec<_> = files([497_867, 189_036, 91_055])
        .into_iter()
        .map(VideoFile::silent)
        .collect();
    all.push(VideoFile::audio_only().bytes(54_664));
    NewVideo::titled("HLS only split audio").hls(all)
}
