//! The JSON of accounts, media and posts: in Mastodon's form, and in Pixelfed's own ("native", contract §5).

use base64::Engine;
use base64::alphabet::URL_SAFE;
use base64::engine::general_purpose::{GeneralPurpose, NO_PAD};
use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};
use url::Url;

use super::world::{Account, Medium, Status, World};
use super::{address, text};

/// The blurhash everything has until its own is known; entities go on showing it.
const BLURHASH: &str = "U4Rfzst8?bt7ogayj[j[~pfQ9Goe%Mj[WBay";

/// Writes entities as of a moment.
#[derive(Clone, Copy)]
pub(super) struct Writer<'a> {
    pub(super) world: &'a World,
    pub(super) base: &'a Url,
    pub(super) now: DateTime<Utc>,
    /// Whether a user asks, who could have liked things.
    pub(super) for_user: bool,
}

/// A time as posts have it.
pub(super) fn time(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%dT%H:%M:%S.000Z").to_string()
}

/// A time as accounts have it.
fn long_time(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%dT%H:%M:%S.000000Z").to_string()
}

/// A post's short name: its id in 64 digits.
fn shortcode(id: u64) -> String {
    let digits: Vec<char> = URL_SAFE.as_str().chars().collect();
    let mut rest = id;
    let mut code = Vec::new();
    while rest > 0 {
        code.push(digits[usize::try_from(rest % 64).unwrap_or_default()]);
        rest /= 64;
    }
    code.iter().rev().collect()
}

/// The base64 of tokens and cursors.
pub(super) const BASE64: GeneralPurpose = GeneralPurpose::new(&URL_SAFE, NO_PAD);

/// Bytes in that base64.
pub(super) fn base64(bytes: &[u8]) -> String {
    BASE64.encode(bytes)
}

impl Writer<'_> {
    fn at(&self, path: &str) -> String {
        address(self.base, path)
    }

    /// An account in Mastodon's form.
    pub(super) fn account(&self, account: &Account) -> Value {
        let header = self.at("/storage/headers/missing.png");
        let mut entity = self.account_basis(account);
        entity.extend(fields(json!({
            "avatar_static": entity["avatar"],
            "bot": false,
            "emojis": [],
            "fields": [],
            "header": header,
            "header_static": header,
            "last_status_at": null,
        })));
        Value::Object(entity)
    }

    /// An account in the native form.
    pub(super) fn native_account(&self, account: &Account) -> Value {
        let mut entity = self.account_basis(account);
        entity.extend(fields(json!({
            "note_text": null,
            "website": null,
            "local": true,
            "is_admin": false,
            "header_bg": null,
            "last_fetched_at": null,
            "pronouns": [],
            "location": null,
        })));
        Value::Object(entity)
    }

    fn account_basis(&self, account: &Account) -> Map<String, Value> {
        let listed = |status: &&Status| status.account == account.id && self.world.is_listed(status);
        fields(json!({
            "id": account.id.to_string(),
            "username": account.name,
            "acct": account.name,
            "display_name": account.display_name,
            "discoverable": true,
            "locked": account.preferences.locked,
            "followers_count": 0,
            "following_count": 0,
            "statuses_count": self.world.statuses.values().filter(listed).count(),
            "note": "",
            "url": self.at(&format!("/{}", account.name)),
            "avatar": self.at("/storage/avatars/default.jpg"),
            "created_at": long_time(account.created_at),
        }))
    }

    /// The account behind a token.
    pub(super) fn own_account(&self, account: &Account) -> Value {
        let mut entity = self.account(account);
        entity["source"] = json!({
            "privacy": "public",
            "sensitive": account.preferences.sensitive,
            "language": "en",
            "note": "",
            "fields": [],
        });
        entity
    }

    fn is_processed(&self, medium: &Medium) -> bool {
        self.now >= medium.processed_at
    }

    /// Where a medium's file is.
    pub(super) fn file(&self, medium: &Medium) -> String {
        self.at(&format!("/storage/m/_v2/{}.{}", medium.stem, medium.kind.extension()))
    }

    /// Where its thumbnail is, or what stands for it.
    fn preview(&self, medium: &Medium) -> String {
        let shows_itself = ["image/jpeg", "image/png", "image/webp", "image/avif"].contains(&medium.kind.mime());
        match &medium.picture {
            Some(_) if self.is_processed(medium) => {
                let ending = if medium.kind.is_video() {
                    "jpeg"
                } else {
                    medium.kind.extension()
                };
                self.at(&format!("/storage/m/_v2/{}_thumb.{ending}", medium.stem))
            }
            _ if shows_itself => self.file(medium),
            _ => self.at("/storage/no-preview.png"),
        }
    }

    fn meta(&self, medium: &Medium) -> Option<Value> {
        let picture = medium.picture.as_ref().filter(|_| self.is_processed(medium))?;
        let (width, height) = picture.size?;
        let aspect = f64::from(width) / f64::from(height);
        let aspect = if width == height { json!(1) } else { json!(aspect) };
        Some(json!({
            "focus": { "x": 0, "y": 0 },
            "original": { "width": width, "height": height, "size": format!("{width}x{height}"), "aspect": aspect },
        }))
    }

    /// An unattached medium, as uploads and questions are answered.
    pub(super) fn upload(&self, medium: &Medium) -> Value {
        let kind = if medium.kind.is_video() { "video" } else { "document" };
        let mut entity = json!({
            "id": medium.id.to_string(),
            "type": kind,
            "url": self.file(medium),
            "preview_url": self.preview(medium),
            "remote_url": null,
            "text_url": self.file(medium),
            "description": medium.description,
            "blurhash": BLURHASH,
        });
        if let Some(meta) = self.meta(medium) {
            entity["meta"] = meta;
        }
        entity
    }

    /// A medium's type as the database has it: the queue writes one that doesn't exist (contract §5).
    pub(super) fn mime(&self, medium: &Medium) -> &'static str {
        match medium.kind.mime() {
            "image/jpeg" if self.meta(medium).is_some() => "image/jpg",
            mime => mime,
        }
    }

    fn attachment(&self, medium: &Medium) -> Map<String, Value> {
        fields(json!({
            "id": medium.id.to_string(),
            "type": if medium.kind.is_video() { "video" } else { "image" },
            "url": self.file(medium),
            "remote_url": null,
            "preview_url": self.preview(medium),
            "text_url": null,
            "meta": self.meta(medium),
            "description": medium.description,
            "blurhash": BLURHASH,
        }))
    }

    fn native_attachment(&self, medium: &Medium) -> Value {
        let meta = self.meta(medium);
        let size = medium.picture.as_ref().and_then(|picture| picture.size);
        let orientation = size
            .filter(|_| meta.is_some())
            .map(|(width, height)| match width.cmp(&height) {
                std::cmp::Ordering::Less => "portrait",
                std::cmp::Ordering::Equal => "square",
                std::cmp::Ordering::Greater => "landscape",
            });
        let license = medium
            .license
            .as_ref()
            .map(|title| json!({ "id": 0, "title": title, "url": "https://creativecommons.org/licenses/" }));
        let filter = medium.filter.as_ref();
        let mut entity = self.attachment(medium);
        entity.extend(fields(json!({
            "optimized_url": null,
            "license": license,
            "is_nsfw": 0,
            "orientation": orientation,
            "filter_name": filter.map(|(name, _)| name),
            "filter_class": filter.map(|(_, class)| class),
            "mime": self.mime(medium),
        })));
        Value::Object(entity)
    }

    fn native_attachments(&self, status: &Status) -> Vec<Value> {
        let media = self.world.media_of(status);
        media.map(|medium| self.native_attachment(medium)).collect()
    }

    /// Whether the queue has looked at a post.
    fn is_seen(&self, status: &Status) -> bool {
        self.now >= status.created_at + self.world.queue_delay
    }

    fn mentions(&self, status: &Status) -> Vec<Value> {
        if !self.is_seen(status) {
            return Vec::new();
        }
        let names = text::mentions(&status.caption).into_iter();
        let accounts = names.filter_map(|name| self.world.account_named(name));
        accounts.map(|account| self.native_account(account)).collect()
    }

    fn tags(&self, status: &Status) -> Vec<Value> {
        if !self.is_seen(status) {
            return Vec::new();
        }
        let tags = text::tags(&status.caption).into_iter();
        tags.map(|tag| json!({ "name": tag, "url": self.at(&format!("/discover/tags/{}", text::slug(&tag))) }))
            .collect()
    }

    /// A post's page, which is its ActivityPub id too.
    pub(super) fn url(&self, status: &Status) -> String {
        let name = self.world.account(status.account).map(|account| account.name.as_str());
        self.at(&format!("/p/{}/{}", name.unwrap_or_default(), status.id))
    }

    fn status_basis(&self, status: &Status) -> Map<String, Value> {
        let parent = status.in_reply_to.and_then(|id| self.world.statuses.get(&id));
        fields(json!({
            "id": status.id.to_string(),
            "uri": self.url(status),
            "url": self.url(status),
            "in_reply_to_id": status.in_reply_to.map(|id| id.to_string()),
            "in_reply_to_account_id": parent.map(|parent| parent.account.to_string()),
            "reblog": null,
            "content": text::linked(&status.caption, self.base),
            "created_at": time(status.created_at),
            "emojis": [],
            "reblogs_count": 0,
            "favourites_count": 0,
            "sensitive": status.sensitive,
            "spoiler_text": status.spoiler.as_deref().unwrap_or_default(),
            "visibility": status.scope.name(),
            "application": { "name": "web", "website": null },
            "language": null,
            "mentions": self.mentions(status),
            "tags": self.tags(status),
            "poll": null,
            "edited_at": status.edited_at.map(time),
            "pinned": false,
        }))
    }

    /// A post in Mastodon's form.
    pub(super) fn status(&self, status: &Status) -> Value {
        let media = self.world.media_of(status);
        let media: Vec<Value> = media.map(|medium| Value::Object(self.attachment(medium))).collect();
        let mut entity = self.status_basis(status);
        entity.extend(fields(json!({
            "reblogged": false,
            "favourited": false,
            "muted": false,
            "account": self.world.account(status.account).map(|account| self.account(account)),
            "replies_count": self.world.comments(status.id),
            "media_attachments": media,
            "bookmarked": false,
        })));
        Value::Object(entity)
    }

    /// A post that was just made, in Mastodon's form.
    pub(super) fn new_status(&self, status: &Status) -> Value {
        let mut entity = self.status(status);
        entity["language"] = "en".into();
        entity["card"] = Value::Null;
        entity["tags"] = json!([]);
        entity["mentions"] = json!([]);
        entity
    }

    /// A post in the native form.
    pub(super) fn native_status(&self, status: &Status) -> Value {
        let liked = self.for_user.then_some(false);
        let mut entity = self.status_basis(status);
        entity.extend(fields(json!({
            "_v": 1,
            "shortcode": shortcode(status.id),
            "content_text": status.caption,
            "reblogged": liked,
            "favourited": liked,
            "muted": null,
            "pf_type": self.world.kind_of(status),
            "reply_count": self.world.comments(status.id),
            "comments_disabled": status.comments_disabled,
            "thread": false,
            "replies": [],
            "parent": [],
            "place": null,
            "local": true,
            "taggedPeople": [],
            "label": { "covid": false },
            "liked_by": { "username": null, "others": false },
            "media_attachments": self.native_attachments(status),
            "account": self.world.account(status.account).map(|account| self.native_account(account)),
        })));
        if self.for_user {
            entity.insert("bookmarked".to_owned(), false.into());
        }
        Value::Object(entity)
    }

    /// A post that is being deleted: the text is told as it was written.
    pub(super) fn deleted_status(&self, status: &Status) -> Value {
        let mut entity = self.status_basis(status);
        for key in ["content", "edited_at", "pinned"] {
            entity.remove(key);
        }
        entity.extend(fields(json!({
            "created_at": long_time(status.created_at),
            "language": "en",
            "replies_count": self.world.comments(status.id),
            "reblogged": false,
            "favourited": false,
            "muted": false,
            "bookmarked": false,
            "card": null,
            "media_attachments": self.native_attachments(status),
            "account": self.world.account(status.account).map(|account| self.native_account(account)),
            "text": status.caption,
        })));
        Value::Object(entity)
    }

    /// What a post was and is, newest first.
    pub(super) fn history(&self, status: &Status) -> Vec<Value> {
        let account = self
            .world
            .account(status.account)
            .map(|account| self.native_account(account));
        let media = self.native_attachments(status);
        let version = |at: DateTime<Utc>, caption: &str, spoiler: Option<&str>, sensitive: bool| {
            json!({
                "content": text::linked(caption, self.base),
                "spoiler_text": spoiler,
                "sensitive": sensitive,
                "created_at": time(at),
                "account": account,
                "media_attachments": media,
                "emojis": [],
            })
        };
        let now = version(
            status.edited_at.unwrap_or(status.created_at),
            &status.caption,
            status.spoiler.as_deref(),
            status.sensitive,
        );
        let before = status.history.iter().rev();
        let before = before.map(|one| version(one.at, &one.caption, one.spoiler.as_deref(), one.sensitive));
        std::iter::once(now).chain(before).collect()
    }
}

fn fields(object: Value) -> Map<String, Value> {
    match object {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_names_are_those_that_were_recorded() {
        assert_eq!(shortcode(1_030_356_974_580_178_945), "5MkDWVsqAB");
        assert_eq!(shortcode(1_030_356_985_619_476_492), "5MkDgnsPAM");
    }
}
