//! Where things are on the server: every URL and path in one place.

use super::site::Inner;
use super::world::{StoredCaption, StoredFile, Video};

/// Which of a video's two sets a file belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Set {
    Web,
    Hls,
}

/// The URLs of a file.
#[derive(Clone, Debug)]
pub(super) struct FileUrls {
    pub file: String,
    pub download: String,
    pub metadata: String,
    pub torrent: String,
    pub torrent_download: String,
    pub magnet: String,
}

impl Inner {
    pub fn video_id(&self, video: &Video) -> String {
        format!("{}/videos/watch/{}", self.base, video.uuid)
    }

    pub fn account_id(&self, name: &str) -> String {
        format!("{}/accounts/{name}", self.base)
    }

    pub fn channel_id(&self, name: &str) -> String {
        format!("{}/video-channels/{name}", self.base)
    }

    pub fn file_urls(&self, video: &Video, stored: &StoredFile, set: Set) -> FileUrls {
        let (base, uuid, resolution) = (&self.base, &video.uuid, stored.file.resolution);
        let name = file_name(stored, set);
        let (file, download, torrent) = match set {
            Set::Web => (
                format!("{base}{}/{name}", web_folder(video)),
                format!("{base}/download/web-videos/{uuid}-{resolution}.mp4"),
                format!("{}-{resolution}.torrent", stored.torrent),
            ),
            Set::Hls => (
                format!("{base}{}/{name}", hls_folder(video)),
                format!("{base}/download/streaming-playlists/hls/videos/{uuid}-{resolution}-fragmented.mp4"),
                format!("{}-{resolution}-hls.torrent", stored.torrent),
            ),
        };
        let torrent_url = format!("{base}/lazy-static/torrents/{torrent}");
        FileUrls {
            metadata: format!("{base}/api/v1/videos/{uuid}/metadata/{}", stored.id),
            torrent_download: format!("{base}/download/torrents/{torrent}"),
            magnet: self.magnet(&video.details.title, &torrent_url, &file, stored),
            torrent: torrent_url,
            file,
            download,
        }
    }

    fn magnet(&self, title: &str, torrent: &str, file: &str, stored: &StoredFile) -> String {
        let [announce, socket] = self.trackers();
        let rest = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("dn", title)
            .append_pair("tr", &announce)
            .append_pair("tr", &socket)
            .append_pair("ws", file)
            .finish();
        let source: String = url::form_urlencoded::byte_serialize(torrent.as_bytes()).collect();
        let hash = info_hash(stored);
        format!("magnet:?xs={source}&xt=urn:btih:{hash}&{rest}")
    }

    pub fn trackers(&self) -> [String; 2] {
        let announce = format!("{}/tracker/announce", self.base);
        [announce, format!("ws://{}/tracker/socket", self.host)]
    }

    pub fn master(&self, video: &Video) -> String {
        let name = format!("{}-master.m3u8", video.playlist.master);
        format!("{}{}/{name}", self.base, hls_folder(video))
    }

    pub fn segments(&self, video: &Video) -> String {
        let name = format!("{}-segments-sha256.json", video.playlist.segments);
        format!("{}{}/{name}", self.base, hls_folder(video))
    }
}

/// The folder of a video's plain files.
pub(super) fn web_folder(video: &Video) -> &'static str {
    if video.privacy.guards_files() {
        "/static/web-videos/private"
    } else {
        "/static/web-videos"
    }
}

/// The folder of a video's playlist and its files.
pub(super) fn hls_folder(video: &Video) -> String {
    let private = if video.privacy.guards_files() { "private/" } else { "" };
    format!("/static/streaming-playlists/hls/{private}{}", video.uuid)
}

pub(super) fn file_name(stored: &StoredFile, set: Set) -> String {
    let (name, resolution) = (&stored.name, stored.file.resolution);
    match set {
        Set::Web => format!("{name}-{resolution}.mp4"),
        Set::Hls => format!("{name}-{resolution}-fragmented.mp4"),
    }
}

/// What a torrent of the file would be known by.
pub(super) fn info_hash(stored: &StoredFile) -> String {
    let hex: String = stored.torrent.chars().filter(|c| *c != '-').collect();
    format!("{hex}{:08x}", stored.id)
}

pub(super) fn thumbnail(video: &Video) -> String {
    format!("/lazy-static/thumbnails/{}.jpg", video.pictures.thumbnail)
}

pub(super) fn preview(video: &Video) -> String {
    format!("/lazy-static/previews/{}.jpg", video.pictures.preview)
}

pub(super) fn storyboard(video: &Video) -> String {
    format!("/lazy-static/storyboards/{}.jpg", video.pictures.storyboard)
}

pub(super) fn caption(stored: &StoredCaption) -> String {
    format!(
        "/lazy-static/video-captions/{}-{}.vtt",
        stored.name, stored.caption.language
    )
}
