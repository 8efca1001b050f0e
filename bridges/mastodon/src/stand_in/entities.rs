//! The entities of Mastodon's REST API.

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Value, json};
use url::Url;

use super::sniff::{Facts, Kind};
use super::text;
use super::viewer::Viewer;
use super::world::{Account, Audience, Medium, Status, Work, World};

/// A picture is shown with at most this many pixels before it is opened.
const PREVIEW_PIXELS: u64 = 230_400;
const BLURHASH: &str = "U~KxPD,$jY*ZoMW-fQn,bHaybHjZbZjabHWV";

/// Writes entities as one viewer sees them.
pub(super) struct Writer<'a> {
    pub(super) world: &'a World,
    pub(super) base: &'a Url,
    pub(super) viewer: &'a Viewer,
    /// Whether it says what is unlisted, and languages.
    pub(super) tells_audience: bool,
}

/// An absolute address on this server.
pub(super) fn address(base: &Url, path: &str) -> String {
    format!("{}{path}", base.as_str().trim_end_matches('/'))
}

/// A date with milliseconds.
pub(super) fn date(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Millis, true)
}

impl Writer<'_> {
    fn at(&self, path: &str) -> String {
        address(self.base, path)
    }

    /// An Account.
    pub(super) fn account(&self, account: &Account) -> Value {
        let own = || {
            self.world
                .statuses
                .values()
                .filter(|status| status.account == account.id)
        };
        let last = own()
            .next_back()
            .map(|status| status.created_at.format("%Y-%m-%d").to_string());
        let mut entity = json!({
            "id": account.id.to_string(),
            "username": account.name,
            "acct": account.name,
            "display_name": "",
            "locked": false,
            "bot": false,
            "discoverable": null,
            "indexable": false,
            "group": false,
            "created_at": format!("{}T00:00:00.000Z", account.created_at.format("%Y-%m-%d")),
            "note": "",
            "url": self.at(&format!("/@{}", account.name)),
            "uri": self.at(&format!("/ap/users/{}", account.id)),
            "avatar": self.at("/avatars/original/missing.png"),
            "avatar_static": self.at("/avatars/original/missing.png"),
            "avatar_description": "",
            "header": self.at("/headers/original/missing.png"),
            "header_static": self.at("/headers/original/missing.png"),
            "header_description": "",
            "followers_count": 0,
            "following_count": 0,
            "statuses_count": own().count(),
            "last_status_at": last,
            "hide_collections": null,
            "show_media": true,
            "show_media_replies": true,
            "show_featured": true,
            "noindex": false,
            "feature_approval": {"automatic": [], "manual": [], "current_user": "denied"},
            "emojis": [],
            "roles": [],
            "fields": [],
        });
        if account.suspended {
            entity["suspended"] = json!(true);
        }
        if account.silenced {
            entity["limited"] = json!(true);
        }
        entity
    }

    /// A CredentialAccount.
    pub(super) fn credential_account(&self, account: &Account) -> Value {
        let mut entity = self.account(account);
        entity["source"] = json!({
            "privacy": account.preferences.visibility.as_deref().unwrap_or("public"),
            "sensitive": account.preferences.sensitive,
            "language": account.preferences.language,
            "note": "",
            "fields": [],
            "follow_requests_count": 0,
            "hide_collections": null,
            "discoverable": null,
            "indexable": false,
            "attribution_domains": [],
            "quote_policy": "public",
        });
        entity["role"] = json!({
            "id": "-99",
            "name": "",
            "permissions": "65536",
            "color": "",
            "highlighted": false,
            "collection_limit": 10,
        });
        entity
    }

    /// A status's ActivityPub id.
    pub(super) fn uri(&self, status: &Status) -> String {
        let uri = self.at(&format!("/ap/users/{}/statuses/{}", status.account, status.id));
        if status.boost_of.is_some() {
            format!("{uri}/activity")
        } else {
            uri
        }
    }

    /// A status's page.
    pub(super) fn page(&self, status: &Status) -> String {
        let name = self
            .world
            .account(status.account)
            .map(|account| account.name.as_str())
            .unwrap_or_default();
        match status.boost_of {
            Some(_) => self.at(&format!("/users/{name}/statuses/{}/activity", status.id)),
            None => self.at(&format!("/@{name}/{}", status.id)),
        }
    }

    /// What a boost shows: a status here, or of another server.
    fn boosted(&self, status: &Status) -> Value {
        let Some(id) = status.boost_of else { return Value::Null };
        let elsewhere = || self.world.elsewhere.iter().find(|(known, _)| *known == id);
        match self.world.statuses.get(&id) {
            Some(status) => self.status(status),
            None => elsewhere().map_or(Value::Null, |(id, post)| self.elsewhere(*id, post)),
        }
    }

    fn quote(&self, status: &Status) -> Value {
        let quoted = status.quote.and_then(|id| self.world.statuses.get(&id));
        quoted.map_or(
            Value::Null,
            |quoted| json!({"state": "accepted", "quoted_status": self.status(quoted)}),
        )
    }

    /// A Status.
    pub(super) fn status(&self, status: &Status) -> Value {
        let world = self.world;
        let account = world.account(status.account);
        let boosts = world
            .statuses
            .values()
            .filter(|boost| boost.boost_of == Some(status.id));
        let own = self.viewer.user() == Some(status.account);
        let open = status.audience.is_open();
        let replies = world
            .statuses
            .values()
            .filter(|reply| reply.in_reply_to == Some(status.id));
        let quotes = if self.viewer.user().is_none() || status.audience == Audience::Direct || !(open || own) {
            "denied"
        } else {
            "automatic"
        };
        let mut entity = json!({
            "id": status.id.to_string(),
            "created_at": date(status.created_at),
            "in_reply_to_id": status.in_reply_to.map(|id| id.to_string()),
            "in_reply_to_account_id": status.reply_to_account.map(|id| id.to_string()),
            "sensitive": status.sensitive,
            "spoiler_text": status.spoiler,
            "visibility": if self.tells_audience || !open { status.audience.name() } else { "public" },
            "language": if self.tells_audience { status.language.as_deref() } else { Some("en") },
            "uri": self.uri(status),
            "url": self.page(status),
            "replies_count": replies.filter(|reply| reply.audience.is_open()).count(),
            "reblogs_count": boosts.count(),
            "favourites_count": 0,
            "quotes_count": 0,
            "edited_at": status.edited_at.map(date),
            "content": self.content(status),
            "reblog": self.boosted(status),
            "application": if status.boost_of.is_some() { Value::Null } else { self.application(status) },
            "account": account.map(|account| self.account(account)),
            "media_attachments": self.attachments(status),
            "mentions": self.mentions(status),
            "tags": status.tags.iter().map(|tag| json!({"name": tag, "url": text::tag_page(self.base, tag)})).collect::<Vec<_>>(),
            "emojis": [],
            "tagged_collections": [],
            "quote": self.quote(status),
            "card": null,
            "poll": poll(status),
            "quote_approval": {
                "automatic": if open { json!(["public"]) } else { json!([]) },
                "manual": [],
                "current_user": quotes,
            },
        });
        if self.viewer.user().is_some() {
            for (name, value) in [
                ("favourited", json!(false)),
                (
                    "reblogged",
                    json!(status.boost_of.is_some() || self.boosted_by_viewer(status.id)),
                ),
                ("muted", json!(false)),
                ("bookmarked", json!(false)),
                ("filtered", json!([])),
            ] {
                entity[name] = value;
            }
            if own && status.boost_of.is_none() && (open || status.audience == Audience::Private) {
                entity["pinned"] = json!(false);
            }
        }
        entity
    }

    /// The status that a deletion answers with: its source instead of its HTML.
    pub(super) fn deleted_status(&self, status: &Status) -> Value {
        let mut entity = self.status(status);
        if let Some(fields) = entity.as_object_mut() {
            fields.remove("content");
            fields.insert("text".into(), json!(status.text));
        }
        entity
    }

    /// The HTML of a status.
    pub(super) fn content(&self, status: &Status) -> String {
        if let Some(html) = &status.html {
            return html.clone();
        }
        let mentioned = |name: &str, domain: Option<&str>| {
            let account = self.world.account_named(name)?;
            let here = domain.is_none() && status.mentions.contains(&account.id);
            here.then(|| self.at(&format!("/@{}", account.name)))
        };
        text::html(&status.text, self.base, mentioned)
    }

    fn application(&self, status: &Status) -> Value {
        let app = self.world.apps.get(status.app);
        app.map_or(Value::Null, |app| json!({"name": app.name, "website": app.website}))
    }

    fn mentions(&self, status: &Status) -> Vec<Value> {
        let accounts = status.mentions.iter().filter_map(|id| self.world.account(*id));
        accounts
            .map(|account| {
                json!({
                    "id": account.id.to_string(),
                    "username": account.name,
                    "url": self.at(&format!("/@{}", account.name)),
                    "acct": account.name,
                })
            })
            .collect()
    }

    /// The MediaAttachments of a status.
    pub(super) fn attachments(&self, status: &Status) -> Vec<Value> {
        let media = status.media.iter().filter_map(|id| self.world.media.get(id));
        media.map(|medium| self.medium(medium)).collect()
    }

    /// A MediaAttachment.
    pub(super) fn medium(&self, medium: &Medium) -> Value {
        let ready = medium.work == Work::Done;
        json!({
            "id": medium.id.to_string(),
            "type": kind_name(medium.facts.kind),
            "url": ready.then(|| self.at(&original_path(medium))),
            "preview_url": preview_path(medium).map(|path| self.at(&path)),
            "remote_url": null,
            "preview_remote_url": null,
            "text_url": null,
            "meta": meta(medium),
            "description": medium.description,
            "blurhash": if medium.facts.kind == Kind::Audio && medium.thumbnail.is_none() { Value::Null } else { json!(BLURHASH) },
        })
    }
}

/// A Poll that nobody has voted in.
fn poll(status: &Status) -> Value {
    if status.poll.is_empty() {
        return Value::Null;
    }
    let options = status
        .poll
        .iter()
        .map(|title| json!({"title": title, "votes_count": 0}));
    json!({
        "id": status.id.to_string(),
        "expires_at": date(status.created_at + chrono::TimeDelta::hours(1)),
        "expired": false,
        "multiple": false,
        "votes_count": 0,
        "voters_count": 0,
        "options": options.collect::<Vec<_>>(),
        "emojis": [],
    })
}

/// The name of a kind of medium.
pub(super) fn kind_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Image => "image",
        Kind::Video => "video",
        Kind::Gifv => "gifv",
        Kind::Audio => "audio",
    }
}

/// Where a medium's file is.
pub(super) fn original_path(medium: &Medium) -> String {
    let extension = match medium.facts.kind {
        Kind::Gifv => "mp4",
        _ => medium.facts.extension,
    };
    format!(
        "{}/original/{}.{extension}",
        folder("files", medium.id),
        stem(medium.id)
    )
}

/// Where a medium's preview is. A sound has none, unless one was uploaded.
pub(super) fn preview_path(medium: &Medium) -> Option<String> {
    if medium.thumbnail.is_some() {
        return Some(format!(
            "{}/original/{}.jpg",
            folder("thumbnails", medium.id),
            stem(medium.id + 1)
        ));
    }
    let extension = match medium.facts.kind {
        Kind::Audio => return None,
        Kind::Image if medium.facts.extension != "gif" => medium.facts.extension,
        _ => "png",
    };
    Some(format!(
        "{}/small/{}.{extension}",
        folder("files", medium.id),
        stem(medium.id)
    ))
}

fn folder(what: &str, id: u64) -> String {
    let digits = format!("{id:018}");
    let parts: Vec<&str> = (0..6).filter_map(|part| digits.get(part * 3..part * 3 + 3)).collect();
    format!("/system/media_attachments/{what}/{}", parts.join("/"))
}

fn stem(id: u64) -> String {
    super::sniff::digest(&id.to_be_bytes())[..16].to_owned()
}

fn meta(medium: &Medium) -> Value {
    let facts = &medium.facts;
    let mut meta = match facts.kind {
        Kind::Image => json!({"original": area(facts.width, facts.height), "small": small(facts)}),
        Kind::Audio => json!({"original": {"duration": facts.duration, "bitrate": bitrate(medium)}}),
        Kind::Video | Kind::Gifv => json!({
            "original": {
                "width": facts.width,
                "height": facts.height,
                "frame_rate": format!("{}/{}", facts.rate.0, facts.rate.1),
                "duration": facts.duration,
                "bitrate": bitrate(medium),
            },
            "small": small(facts),
        }),
    };
    if let Some(thumbnail) = &medium.thumbnail {
        meta["colors"] = json!({"background": "#f30c0c", "foreground": "#0cf3f3", "accent": "#0c0cf3"});
        if facts.kind == Kind::Audio {
            meta["small"] = small(&thumbnail.facts);
        }
    }
    if let Some((x, y)) = medium.focus {
        meta["focus"] = json!({"x": x, "y": y});
    }
    meta
}

#[allow(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss
)] // A rate for people to look at.
fn bitrate(medium: &Medium) -> u64 {
    (medium.size as f64 * 8.0 / medium.facts.duration.max(0.1)) as u64
}

fn area(width: u32, height: u32) -> Value {
    let aspect = f64::from(width) / f64::from(height.max(1));
    json!({"width": width, "height": height, "size": format!("{width}x{height}"), "aspect": aspect})
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // A side of a picture, made smaller.
fn small(facts: &Facts) -> Value {
    let pixels = u64::from(facts.width) * u64::from(facts.height);
    if pixels <= PREVIEW_PIXELS {
        return area(facts.width, facts.height);
    }
    #[allow(clippy::cast_precision_loss)]
    let scale = (PREVIEW_PIXELS as f64 / pixels as f64).sqrt();
    let side = |side: u32| (f64::from(side) * scale).round().max(1.0) as u32;
    area(side(facts.width), side(facts.height))
}
