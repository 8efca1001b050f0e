//! Accounts, channels and videos as the REST API shows them.

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Map, Value, json};

use super::site::Inner;
use super::urls::{self, Set};
use super::world::{StoredFile, Video, World};
use super::{State, lists};

/// Lists show so many characters of a description.
const TRUNCATED: usize = 250;

/// A date as JavaScript writes it.
pub(super) fn date(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// A description as lists show it.
fn truncated(text: &str) -> String {
    if text.chars().count() <= TRUNCATED {
        return text.to_owned();
    }
    let kept: String = text.chars().take(TRUNCATED - 3).collect();
    format!("{kept}...")
}

/// Width by height, with four digits.
pub(super) fn aspect_ratio(video: &Video) -> Value {
    let files = video.web_now().iter().chain(video.hls_now());
    let largest = files.filter(|f| f.file.height > 0).max_by_key(|f| f.file.resolution);
    largest.map_or(Value::Null, |f| {
        let ratio = f64::from(f.file.width) / f64::from(f.file.height);
        json!((ratio * 10_000.0).round() / 10_000.0)
    })
}

/// An import's length isn't known yet.
pub(super) fn duration(video: &Video) -> u32 {
    if video.state == State::TO_IMPORT {
        0
    } else {
        video.details.duration
    }
}

/// The planned change of privacy, if there is one.
fn scheduled(video: &Video) -> Value {
    video.schedule.map_or_else(
        || json!({}),
        |plan| json!({"scheduledUpdate": {"updateAt": date(plan.at), "privacy": plan.privacy.0}}),
    )
}

/// One object with the keys of both.
fn merged(mut first: Value, second: Value) -> Value {
    if let (Some(all), Value::Object(more)) = (first.as_object_mut(), second) {
        all.extend(more);
    }
    first
}

impl Inner {
    /// An account as lists of videos show it.
    fn account_summary(&self, world: &World, account: usize) -> Value {
        let account = &world.accounts[account];
        json!({
            "id": account.id,
            "displayName": account.name,
            "name": account.name,
            "url": self.account_id(&account.name),
            "host": self.host,
            "avatars": [],
        })
    }

    pub fn account_json(&self, world: &World, account: usize) -> Value {
        let (index, account) = (account as u64, &world.accounts[account]);
        json!({
            "url": self.account_id(&account.name),
            "name": account.name,
            "host": self.host,
            "avatars": [],
            "id": account.id,
            "hostRedundancyAllowed": false,
            "followingCount": 0,
            "followersCount": 0,
            "createdAt": date(account.created),
            "displayName": account.name,
            "description": null,
            "updatedAt": date(account.created),
            "userId": index + 2,
        })
    }

    pub fn channel_json(&self, world: &World, channel: usize) -> Value {
        let channel = &world.channels[channel];
        json!({
            "url": self.channel_id(&channel.name),
            "name": channel.name,
            "host": self.host,
            "avatars": [],
            "id": channel.id,
            "hostRedundancyAllowed": false,
            "followingCount": 0,
            "followersCount": 0,
            "createdAt": date(channel.created),
            "banners": [],
            "displayName": channel.name,
            "description": null,
            "support": null,
            "isLocal": true,
            "updatedAt": date(channel.updated),
            "ownerAccount": self.account_json(world, channel.owner),
        })
    }

    /// What lists and details of a video have in common.
    fn video_base(&self, video: &Video) -> Value {
        let details = &video.details;
        let unknown = |id: Value, label: Option<&str>| json!({"id": id, "label": label.unwrap_or("Unknown")});
        let language = details.language.as_deref();
        let picture = |path: String| video.has_thumbnail().then_some(path);
        json!({
            "id": video.id,
            "uuid": video.uuid,
            "shortUUID": video.short,
            "url": self.video_id(video),
            "name": details.title,
            "category": unknown(json!(details.category), details.category.map(lists::category)),
            "licence": unknown(json!(details.licence), details.licence.map(lists::licence)),
            "language": unknown(json!(language), language.map(lists::language)),
            "privacy": {"id": video.privacy.0, "label": lists::privacy(video.privacy)},
            "nsfw": details.nsfw,
            "truncatedDescription": details.description.as_deref().map(truncated),
            "description": details.description.as_deref().map(truncated),
            "isLocal": true,
            "duration": duration(video),
            "aspectRatio": aspect_ratio(video),
            "views": video.views,
            "viewers": 0,
            "likes": 0,
            "dislikes": 0,
            "thumbnailPath": picture(urls::thumbnail(video)),
            "previewPath": picture(urls::preview(video)),
            "embedPath": format!("/videos/embed/{}", video.uuid),
            "createdAt": date(video.created),
            "updatedAt": date(video.updated),
            "publishedAt": date(video.published),
            "originallyPublishedAt": details.originally_published_at.map(date),
            "isLive": video.is_live,
        })
    }

    /// A video as lists show it.
    pub fn list_item(&self, world: &World, video: &Video) -> Value {
        let channel = &world.channels[video.channel];
        let makers = json!({
            "account": self.account_summary(world, channel.owner),
            "channel": {
                "id": channel.id,
                "name": channel.name,
                "displayName": channel.name,
                "url": self.channel_id(&channel.name),
                "host": self.host,
                "avatars": [],
            },
        });
        merged(self.video_base(video), makers)
    }

    /// A video with everything.
    pub fn detail(&self, world: &World, video: &Video) -> Value {
        let details = &video.details;
        let files = |files: &[StoredFile], set| -> Vec<Value> {
            // The largest first, as they are listed by the real server.
            let mut sorted: Vec<_> = files.iter().collect();
            sorted.sort_by_key(|f| std::cmp::Reverse(f.file.resolution));
            sorted.into_iter().map(|f| self.file_json(video, f, set)).collect()
        };
        let playlist = json!({
            "id": video.playlist.id,
            "type": 1,
            "playlistUrl": self.master(video),
            "segmentsSha256Url": self.segments(video),
            "redundancies": [],
            "files": files(video.hls_now(), Set::Hls),
        });
        let playlists: Vec<Value> = video.has_playlist().then_some(playlist).into_iter().collect();
        let more = json!({
            "account": self.account_json(world, world.channels[video.channel].owner),
            "channel": self.channel_json(world, video.channel),
            "blacklisted": video.blocked.is_some(),
            "blacklistedReason": video.blocked,
            "streamingPlaylists": playlists,
            "files": files(video.web_now(), Set::Web),
            "description": details.description,
            "support": details.support,
            "descriptionPath": format!("/api/v1/videos/{}/description", video.uuid),
            "tags": details.tags,
            "commentsEnabled": video.comments_policy != 2,
            "commentsPolicy": {"id": video.comments_policy, "label": lists::comments_policy(video.comments_policy)},
            "downloadEnabled": details.download_enabled,
            "waitTranscoding": video.wait_transcoding,
            "inputFileUpdatedAt": null,
            "state": {"id": video.state.0, "label": lists::state(video.state)},
            "trackerUrls": self.trackers(),
        });
        merged(merged(self.video_base(video), more), scheduled(video))
    }

    /// A video as its owner's own list shows it (contract §3.1).
    pub fn own_item(&self, world: &World, video: &Video) -> Value {
        let more = json!({
            "state": {"id": video.state.0, "label": lists::state(video.state)},
            "waitTranscoding": video.wait_transcoding,
            "blacklisted": video.blocked.is_some(),
            "blacklistedReason": video.blocked,
        });
        merged(merged(self.list_item(world, video), more), scheduled(video))
    }

    /// A video as a list of imports shows it.
    pub fn imported_item(&self, world: &World, video: &Video) -> Value {
        let more = json!({
            "state": {"id": video.state.0, "label": lists::state(video.state)},
            "waitTranscoding": video.wait_transcoding,
            "tags": video.details.tags,
        });
        merged(self.list_item(world, video), more)
    }

    fn file_json(&self, video: &Video, stored: &StoredFile, set: Set) -> Value {
        let (file, urls) = (&stored.file, self.file_urls(video, stored, set));
        let label = match file.resolution {
            0 => "Audio only".to_owned(),
            other => format!("{other}p"),
        };
        json!({
            "id": stored.id,
            "resolution": {"id": file.resolution, "label": label},
            "width": file.width,
            "height": file.height,
            "magnetUri": urls.magnet,
            "size": stored.body.len(),
            "fps": file.fps,
            "torrentUrl": urls.torrent,
            "torrentDownloadUrl": urls.torrent_download,
            "fileUrl": urls.file,
            "fileDownloadUrl": urls.download,
            "metadataUrl": urls.metadata,
            "hasAudio": file.has_audio,
            "hasVideo": file.has_video,
            "storage": 0,
        })
    }
}

/// A video's subtitles.
pub(super) fn captions(video: &Video) -> Value {
    let data: Vec<Value> = video
        .captions
        .iter()
        .map(|stored| {
            let code = &stored.caption.language;
            json!({
                "language": {"id": code, "label": lists::language(code)},
                "automaticallyGenerated": stored.caption.automatic,
                "captionPath": urls::caption(stored),
                "updatedAt": date(stored.updated),
            })
        })
        .collect();
    json!({"total": data.len(), "data": data})
}

/// What a file consists of, as ffprobe told the server; without the fields that nobody reads.
pub(super) fn metadata(video: &Video, stored: &StoredFile) -> Value {
    let (file, seconds) = (&stored.file, u64::from(video.details.duration.max(1)));
    let (bytes, bit_rate) = (stored.body.len(), stored.body.len() * 8 / seconds);
    let mut streams = Vec::new();
    if file.has_video {
        let frame_rate = format!("{}/1", file.fps);
        streams.push(json!({
            "codec_type": "video",
            "codec_name": "h264",
            "codec_tag_string": "avc1",
            "profile": "High",
            "pix_fmt": "yuv420p",
            "width": file.width,
            "height": file.height,
            "duration": seconds,
            "bit_rate": bit_rate,
            "r_frame_rate": frame_rate,
            "avg_frame_rate": frame_rate,
        }));
    }
    if file.has_audio {
        streams.push(json!({
            "codec_type": "audio",
            "codec_name": "aac",
            "codec_tag_string": "mp4a",
            "profile": "LC",
            "channels": 1,
            "duration": seconds,
            "sample_rate": 44_100,
            "r_frame_rate": "0/0",
            "avg_frame_rate": "0/0",
        }));
    }
    for (index, stream) in streams.iter_mut().enumerate() {
        stream["index"] = json!(index);
    }
    let format = json!({
        "size": bytes,
        "bit_rate": bit_rate,
        "duration": seconds,
        "nb_streams": streams.len(),
        "format_name": "mov,mp4,m4a,3gp,3g2,mj2",
        "format_long_name": "QuickTime / MOV",
    });
    let mut all = Map::new();
    all.insert("format".into(), format);
    all.insert("streams".into(), streams.into());
    all.insert("chapters".into(), json!([]));
    all.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_description_is_cut_to_250_characters_in_lists() {
        let cut = truncated(&"ü".repeat(251));
        assert_eq!(cut.chars().count(), 250);
        assert!(cut.ends_with("ü..."));
        assert_eq!(truncated(&"ü".repeat(250)).chars().count(), 250);
    }
}
