//! What the instance says of itself (contract §1).

use std::sync::Arc;

use axum::extract::State;
use serde_json::{Value, json};

use super::reply::Reply;
use super::world::Scope;
use super::{Shared, address, lock};

const TITLE: &str = "Pixelfed Lab";
const DESCRIPTION: &str = "Pixelfed is an image sharing platform, an ethical alternative to centralized platforms.";
const EMAIL: &str = "admin@lab.example";
const HEADER: &str = "/storage/headers/default.jpg";
/// The pixels it announces for photos and videos, and enforces nowhere.
const MATRIX: u64 = 2_073_600;
const FRAME_RATE: u32 = 120;

/// `GET /.well-known/nodeinfo`
pub(super) async fn nodeinfo_links(State(shared): State<Arc<Shared>>) -> Reply {
    let link = json!({
        "href": address(&shared.base, "/api/nodeinfo/2.0.json"),
        "rel": "http://nodeinfo.diaspora.software/ns/schema/2.0",
    });
    Reply::json(200, &json!({ "links": [link] }))
}

/// `GET /api/nodeinfo/2.0.json`
pub(super) async fn nodeinfo(State(shared): State<Arc<Shared>>) -> Reply {
    let world = lock(&shared.world);
    let count = |comments: bool| {
        let all = world.statuses.values();
        all.filter(|status| status.scope != Scope::Draft && status.in_reply_to.is_some() == comments)
            .count()
    };
    let people = world.accounts.len();
    let features = json!({
        "timelines": { "local": true, "network": true },
        "mobile_apis": shared.oauth,
        "mobile_registration": true,
        "stories": false,
        "video": world.limits.takes_video(),
        "import": { "instagram": false, "mastodon": false, "pixelfed": false },
        "label": {
            "covid": {
                "enabled": true,
                "org": "visit the WHO website",
                "url": "https://www.who.int/emergencies/diseases/novel-coronavirus-2019/advice-for-public",
            },
        },
        "groups": false,
    });
    Reply::json(
        200,
        &json!({
            "metadata": {
                "nodeName": TITLE,
                "software": {
                    "homepage": "https://pixelfed.org",
                    "repo": "https://github.com/pixelfed/pixelfed",
                },
                "config": { "features": features },
            },
            "protocols": ["activitypub"],
            "services": { "inbound": [], "outbound": [] },
            "software": { "name": "pixelfed", "version": shared.version },
            "usage": {
                "localPosts": count(false),
                "localComments": count(true),
                "users": { "total": people, "activeHalfyear": people, "activeMonth": people },
            },
            "version": "2.0",
            "openRegistrations": true,
        }),
    )
}

/// `GET /.well-known/host-meta`
pub(super) async fn host_meta(State(shared): State<Arc<Shared>>) -> Reply {
    let template = address(&shared.base, "/.well-known/webfinger?resource={uri}");
    let xml = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><XRD xmlns=\"http://docs.oasis-open.org/ns/xri/xrd-1.0\">\
         <Link rel=\"lrdd\" type=\"application/xrd+xml\" template=\"{template}\"/></XRD>"
    );
    Reply::content(200, "application/xrd+xml", xml.into_bytes())
}

/// `GET /api/service/health-check`
pub(super) async fn health() -> Reply {
    Reply::content(200, "text/plain; charset=UTF-8", b"OK".to_vec())
}

fn version(shared: &Shared) -> String {
    format!("3.5.3 (compatible; Pixelfed {})", shared.version)
}

/// What is the same in both instance documents: the limits.
fn limits(shared: &Shared) -> (Value, Value) {
    let limits = lock(&shared.world).limits.clone();
    let bytes = limits.max_photo_size * 1024;
    let media = json!({
        "supported_mime_types": limits.supported_mime_types,
        "image_size_limit": bytes,
        "image_matrix_limit": MATRIX,
        "video_size_limit": bytes,
        "video_frame_rate_limit": FRAME_RATE,
        "video_matrix_limit": MATRIX,
    });
    let statuses = json!({
        "max_characters": limits.max_characters,
        "max_media_attachments": limits.max_media_attachments,
        "characters_reserved_per_url": 23,
    });
    (media, statuses)
}

/// `GET /api/v1/instance`
pub(super) async fn v1(State(shared): State<Arc<Shared>>) -> Reply {
    let (media, statuses) = limits(&shared);
    let world = lock(&shared.world);
    Reply::json(
        200,
        &json!({
            "uri": shared.domain(),
            "title": TITLE,
            "short_description": DESCRIPTION,
            "description": DESCRIPTION,
            "email": EMAIL,
            "version": version(&shared),
            "urls": { "streaming_api": null },
            "stats": {
                "user_count": world.accounts.len(),
                "status_count": world.statuses.len(),
                "domain_count": 0,
            },
            "thumbnail": HEADER,
            "languages": ["en"],
            "registrations": true,
            "approval_required": false,
            "contact_account": null,
            "rules": [],
            "mobile_registration": true,
            "configuration": {
                "media_attachments": media,
                "polls": {
                    "max_characters_per_option": 50,
                    "max_expiration": 2_629_746,
                    "max_options": 4,
                    "min_expiration": 300,
                },
                "statuses": statuses,
            },
        }),
    )
}

/// `GET /api/v2/instance`
pub(super) async fn v2(State(shared): State<Arc<Shared>>) -> Reply {
    let (media, statuses) = limits(&shared);
    let people = lock(&shared.world).accounts.len();
    Reply::json(
        200,
        &json!({
            "domain": shared.domain(),
            "title": TITLE,
            "version": version(&shared),
            "source_url": "https://github.com/pixelfed/pixelfed",
            "description": DESCRIPTION,
            "usage": { "users": { "active_month": people } },
            "thumbnail": {
                "url": HEADER,
                "blurhash": "UzJR]l{wHZRjM}R%XRkCH?X9xaWEjZj]kAjt",
                "versions": { "@1x": HEADER, "@2x": HEADER },
            },
            "languages": ["en"],
            "configuration": {
                "urls": { "streaming": null, "status": null },
                "vapid": { "public_key": null },
                "accounts": { "max_featured_tags": 0 },
                "statuses": statuses,
                "media_attachments": media,
                "polls": {
                    "max_options": 0,
                    "max_characters_per_option": 0,
                    "min_expiration": 0,
                    "max_expiration": 0,
                },
                "translation": { "enabled": false },
            },
            "registrations": { "enabled": true, "approval_required": false, "message": null, "url": null },
            "contact": { "email": EMAIL, "account": null },
            "rules": [],
        }),
    )
}
