//! Actors, videos and activities as the server writes them for other servers.

use std::sync::OnceLock;

use serde_json::{Map, Value, json};

use super::lists;
use super::rest_json::{aspect_ratio, date, duration};
use super::site::Inner;
use super::urls::{self, Set};
use super::world::{Account, Channel, StoredFile, Video, World};
use super::{Privacy, State};

const PUBLIC: &str = "https://www.w3.org/ns/activitystreams#Public";
/// A key that opens nothing: actors must show one.
const KEY: &str =
    "-----BEGIN PUBLIC KEY-----\nMIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAstandin\n-----END PUBLIC KEY-----\n";

/// The JSON-LD contexts, as recorded.
fn context(of: &str) -> Value {
    static CONTEXTS: OnceLock<Value> = OnceLock::new();
    let all = CONTEXTS.get_or_init(|| serde_json::from_str(include_str!("contexts.json")).unwrap_or_default());
    all[of].clone()
}

/// An object with its context in front.
pub(super) fn in_context(of: &str, object: Value) -> Value {
    let mut all = Map::new();
    all.insert("@context".into(), context(of));
    if let Value::Object(fields) = object {
        all.extend(fields);
    }
    all.into()
}

/// Whether the outbox crashes on it (contract §3.2): its pictures are asked for, and there are none.
pub(super) struct Unpresentable;

impl Inner {
    pub fn account_actor(&self, account: &Account) -> Value {
        let id = self.account_id(&account.name);
        in_context(
            "actor",
            self.actor("Person", &account.name, &id, &date(account.created)),
        )
    }

    pub fn channel_actor(&self, world: &World, channel: &Channel) -> Value {
        let id = self.channel_id(&channel.name);
        let mut actor = self.actor("Group", &channel.name, &id, &date(channel.created));
        let owner = &world.accounts[channel.owner].name;
        actor["support"] = Value::Null;
        actor["postingRestrictedToMods"] = true.into();
        actor["attributedTo"] = json!([{"type": "Person", "id": self.account_id(owner)}]);
        in_context("actor", actor)
    }

    fn actor(&self, kind: &str, name: &str, id: &str, published: &str) -> Value {
        json!({
            "type": kind,
            "following": format!("{id}/following"),
            "followers": format!("{id}/followers"),
            "playlists": format!("{id}/playlists"),
            "inbox": format!("{id}/inbox"),
            "outbox": format!("{id}/outbox"),
            "preferredUsername": name,
            "url": id,
            "name": name,
            "endpoints": {"sharedInbox": format!("{}/inbox", self.base)},
            "publicKey": {"id": format!("{id}#main-key"), "owner": id, "publicKeyPem": KEY},
            "published": published,
            "summary": null,
            "id": id,
        })
    }

    /// To whom a video is addressed: what isn't public is addressed to nobody (contract §3.2).
    fn audience(&self, world: &World, video: &Video) -> (Value, Value) {
        if video.privacy != Privacy::PUBLIC {
            return (json!([]), json!([]));
        }
        let owner = &world.accounts[world.channels[video.channel].owner].name;
        let followers = format!("{}/followers", self.account_id(owner));
        (json!([PUBLIC]), json!([followers]))
    }

    /// The activity by which an account published a video, as an outbox shows it: there, subtitles are read from the
    /// database in another way, so that they come in any order and don't say whether a machine wrote them.
    pub fn create_in_outbox(&self, world: &World, video: &Video) -> Result<Value, Unpresentable> {
        let mut create = self.create(world, video)?;
        if let Some(subtitles) = create["object"]["subtitleLanguage"].as_array_mut() {
            subtitles.reverse();
            for one in subtitles.iter_mut().filter_map(Value::as_object_mut) {
                one.remove("automaticallyGenerated");
            }
        }
        Ok(create)
    }

    /// The activity by which an account published a video.
    pub fn create(&self, world: &World, video: &Video) -> Result<Value, Unpresentable> {
        let (to, cc) = self.audience(world, video);
        let owner = &world.accounts[world.channels[video.channel].owner].name;
        Ok(json!({
            "to": to,
            "cc": cc,
            "type": "Create",
            "id": format!("{}/activity", self.video_id(video)),
            "actor": self.account_id(owner),
            "object": self.video_object(world, video)?,
        }))
    }

    /// The activity by which a channel passed a video on.
    pub fn announce(&self, world: &World, video: &Video) -> Value {
        let (to, cc) = self.audience(world, video);
        let (channel, id) = (&world.channels[video.channel], self.video_id(video));
        json!({
            "to": to,
            "cc": cc,
            "type": "Announce",
            "id": format!("{id}/announces/{}", channel.actor),
            "actor": self.channel_id(&channel.name),
            "object": id,
        })
    }

    /// A video, without a context.
    pub fn video_object(&self, world: &World, video: &Video) -> Result<Value, Unpresentable> {
        if !video.has_thumbnail() && self.options.bug_500_without_thumbnail {
            return Err(Unpresentable);
        }
        let (details, id) = (&video.details, self.video_id(video));
        let (to, cc) = self.audience(world, video);
        let channel = &world.channels[video.channel];
        let owner = &world.accounts[channel.owner].name;
        let live = |value: Value| if video.is_live { value } else { Value::Null };
        let tags: Vec<Value> = details
            .tags
            .iter()
            .map(|t| json!({"type": "Hashtag", "name": t}))
            .collect();
        let mut object = json!({
            "to": to,
            "cc": cc,
            "type": "Video",
            "id": id,
            "name": details.title,
            "duration": format!("PT{}S", duration(video)),
            "uuid": video.uuid,
            "views": video.views,
            "sensitive": details.nsfw,
            "waitTranscoding": video.wait_transcoding,
            "state": video.state.0,
            "commentsEnabled": video.comments_policy != 2,
            "canReply": null,
            "commentsPolicy": video.comments_policy,
            "downloadEnabled": details.download_enabled,
            "published": date(video.published),
            "originallyPublishedAt": details.originally_published_at.map(date),
            "updated": date(video.updated),
            "tag": tags,
            "mediaType": "text/markdown",
            "content": details.description,
            "support": details.support,
            "subtitleLanguage": self.subtitles(video),
            "icon": self.icons(video),
            "aspectRatio": aspect_ratio(video),
            "url": self.links(video),
            "likes": format!("{id}/likes"),
            "dislikes": format!("{id}/dislikes"),
            "shares": format!("{id}/announces"),
            "comments": format!("{id}/comments"),
            "hasParts": format!("{id}/chapters"),
            "attributedTo": [
                {"type": "Person", "id": self.account_id(owner)},
                {"type": "Group", "id": self.channel_id(&channel.name)},
            ],
            "isLiveBroadcast": video.is_live,
            "liveSaveReplay": live(json!(false)),
            "permanentLive": live(json!(false)),
            "latencyMode": live(json!(1)),
        });
        let mut put = |key: &str, id: Option<String>, name: Option<&str>| {
            if let (Some(id), Some(name)) = (id, name) {
                object[key] = json!({"identifier": id, "name": name});
            }
        };
        let number = |n: Option<u32>| n.map(|n| n.to_string());
        put(
            "category",
            number(details.category),
            details.category.map(lists::category),
        );
        put("licence", number(details.licence), details.licence.map(lists::licence));
        let language = details.language.clone();
        put("language", language, details.language.as_deref().map(lists::language));
        if video.has_storyboard() {
            object["preview"] = json!([{"type": "Image", "rel": ["storyboard"], "url": [{
                "mediaType": "image/jpeg",
                "href": format!("{}{}", self.base, urls::storyboard(video)),
                "width": 1152,
                "height": 108,
                "tileWidth": 192,
                "tileHeight": 108,
                "tileDuration": "PT1S",
            }]}]);
        }
        Ok(object)
    }

    fn subtitles(&self, video: &Video) -> Vec<Value> {
        let subtitles = video.captions.iter().map(|stored| {
            let code = &stored.caption.language;
            json!({
                "identifier": code,
                "name": lists::language(code),
                "automaticallyGenerated": stored.caption.automatic,
                "url": format!("{}{}", self.base, urls::caption(stored)),
            })
        });
        subtitles.collect()
    }

    fn icons(&self, video: &Video) -> Vec<Value> {
        let icon = |path: String, width: u32, height: u32| {
            let url = format!("{}{path}", self.base);
            json!({"type": "Image", "url": url, "mediaType": "image/jpeg", "width": width, "height": height})
        };
        if !video.has_thumbnail() {
            return Vec::new();
        }
        vec![
            icon(urls::thumbnail(video), 280, 157),
            icon(urls::preview(video), 850, 480),
        ]
    }

    /// The page, every file with its companions, the playlist, the trackers.
    fn links(&self, video: &Video) -> Vec<Value> {
        let page = json!({"type": "Link", "mediaType": "text/html", "href": self.video_id(video)});
        let mut links = vec![page];
        for stored in by_size(video.web_now()) {
            links.extend(self.file_links(video, stored, Set::Web));
        }
        if video.has_playlist() {
            let files = by_size(video.hls_now());
            let hashes = files
                .iter()
                .map(|f| json!({"type": "Infohash", "name": urls::info_hash(f)}));
            let mut tag: Vec<Value> = hashes.collect();
            tag.push(json!({
                "type": "Link", "name": "sha256", "mediaType": "application/json", "href": self.segments(video),
            }));
            for stored in files {
                tag.extend(self.file_links(video, stored, Set::Hls));
            }
            links.push(json!({
                "type": "Link", "mediaType": "application/x-mpegURL", "href": self.master(video), "tag": tag,
            }));
        }
        if video.state != State::TO_IMPORT {
            let [announce, socket] = self.trackers();
            links.push(json!({
                "type": "Link", "name": "tracker-http", "rel": ["tracker", "http"], "href": announce,
            }));
            links.push(json!({
                "type": "Link", "name": "tracker-websocket", "rel": ["tracker", "websocket"], "href": socket,
            }));
        }
        links
    }

    fn file_links(&self, video: &Video, stored: &StoredFile, set: Set) -> [Value; 4] {
        let (file, urls) = (&stored.file, self.file_urls(video, stored, set));
        let property = |name: &str, value: &str| json!({"type": "PropertyValue", "name": name, "value": value});
        let mut properties = Vec::new();
        if file.has_audio {
            properties.push(property("ffprobe_codec_type", "audio"));
        }
        if file.has_video {
            properties.push(property("ffprobe_codec_type", "video"));
        }
        let flag = match set {
            Set::Web => "web-video",
            Set::Hls => "fragmented",
        };
        properties.push(property("peertube_format_flag", flag));
        let link = |kind: &str, href: &str| {
            json!({
                "type": "Link",
                "mediaType": kind,
                "href": href,
                "height": file.height,
                "width": file.width,
                "fps": file.fps,
            })
        };
        let mut media = link("video/mp4", &urls.file);
        media["size"] = stored.body.len().into();
        media["attachment"] = properties.into();
        let mut metadata = link("application/json", &urls.metadata);
        metadata["rel"] = json!(["metadata", "video/mp4"]);
        let torrent = link("application/x-bittorrent", &urls.torrent);
        let magnet = link("application/x-bittorrent;x-scheme-handler/magnet", &urls.magnet);
        [media, metadata, torrent, magnet]
    }
}

/// The largest first.
fn by_size(files: &[StoredFile]) -> Vec<&StoredFile> {
    let mut sorted: Vec<_> = files.iter().collect();
    sorted.sort_by_key(|f| std::cmp::Reverse(f.file.resolution));
    sorted
}
