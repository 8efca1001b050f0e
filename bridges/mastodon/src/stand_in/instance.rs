//! What the instance says about itself.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderName, header};
use serde_json::{Value, json};

use super::entities::address;
use super::reply::{Answered, Reply};
use super::{Api, InstanceLimits, Shared, Ways, lock};

const CACHED: &str = "max-age=300, public, stale-while-revalidate=30, stale-if-error=86400";
const DEPRECATION: HeaderName = HeaderName::from_static("deprecation");
const ICONS: [u32; 9] = [36, 48, 72, 96, 144, 192, 256, 384, 512];

/// `GET /.well-known/nodeinfo`
pub(super) async fn nodeinfo_links(State(shared): State<Arc<Shared>>) -> Reply {
    let link = json!({
        "rel": "http://nodeinfo.diaspora.software/ns/schema/2.0",
        "href": address(&shared.base, "/nodeinfo/2.0"),
    });
    Reply::json(200, &json!({ "links": [link] }))
        .cached("max-age=259200, public")
        .with(header::VARY, "Origin")
        .without_rates()
}

/// `GET /nodeinfo/2.0`
pub(super) async fn nodeinfo(State(shared): State<Arc<Shared>>) -> Reply {
    let world = lock(&shared.world);
    let body = json!({
        "version": "2.0",
        "software": {"name": "mastodon", "version": shared.version},
        "protocols": ["activitypub"],
        "services": {"outbound": [], "inbound": []},
        "usage": {
            "users": {"total": world.accounts.len(), "activeMonth": 0, "activeHalfyear": 0},
            "localPosts": world.statuses.len(),
        },
        "openRegistrations": false,
        "metadata": {"nodeName": "Mastodon", "nodeDescription": ""},
    });
    Reply::json(200, &body)
        .cached("max-age=1800, public")
        .with(header::VARY, "Accept, Origin")
        .without_rates()
}

/// `GET /api/v2/instance`
pub(super) async fn v2(State(shared): State<Arc<Shared>>) -> Answered {
    if shared.api != Api::V2 {
        return Err(Reply::not_found().without_rates());
    }
    let limits = lock(&shared.world).limits.clone();
    let at = |path: &str| address(&shared.base, path);
    let icons = ICONS.map(|size| {
        let src = at(&format!("/packs/assets/icons/android-chrome-{size}x{size}.png"));
        json!({"src": src, "size": format!("{size}x{size}")})
    });
    let everybody = json!({"local": "public", "remote": "public"});
    let mut body = json!({
        "domain": shared.domain(),
        "title": "Mastodon",
        "version": version(&shared),
        "source_url": "https://github.com/mastodon/mastodon",
        "description": "",
        "usage": {"users": {"active_month": 0}},
        "thumbnail": {"url": at("/packs/assets/images/preview.png"), "description": "A stand-in"},
        "icon": icons,
        "languages": ["en"],
        "configuration": {
            "urls": {
                "streaming": streaming(&shared),
                "status": null,
                "about": at("/about"),
                "privacy_policy": at("/privacy-policy"),
                "terms_of_service": null,
            },
            "vapid": {"public_key": "BKO7y-f0BtnWo2t0o-nYDIG60pgA-TwpOLfY3xYNJ6PplIHXuPrbAeNMh6N2oBz_wuzbxN-N4vPx3P2knspqpwA="},
            "accounts": {
                "max_display_name_length": 40,
                "max_note_length": 500,
                "max_avatar_description_length": 150,
                "max_header_description_length": 150,
                "max_featured_tags": 10,
                "max_pinned_statuses": 5,
                "max_profile_fields": 4,
                "profile_field_name_limit": 255,
                "profile_field_value_limit": 255,
            },
            "statuses": statuses(&limits, shared.ways()),
            "media_attachments": {
                "description_limit": limits.description_limit,
                "image_matrix_limit": limits.image_matrix_limit,
                "image_size_limit": limits.image_size_limit,
                "supported_mime_types": limits.supported_mime_types,
                "video_frame_rate_limit": limits.video_frame_rate_limit,
                "video_matrix_limit": limits.video_matrix_limit,
                "video_size_limit": limits.video_size_limit,
            },
            "polls": polls(),
            "translation": {"enabled": false},
            "timelines_access": {
                "live_feeds": everybody,
                "hashtag_feeds": everybody,
                "trending_link_feeds": everybody,
            },
            "limited_federation": false,
        },
        "registrations": {
            "enabled": false,
            "approval_required": false,
            "reason_required": false,
            "message": null,
            "min_age": null,
            "url": null,
        },
        "api_versions": {"mastodon": 11},
        "wrapstodon": null,
        "contact": {"email": "", "account": null},
        "rules": [],
    });
    if shared.ways().alt_min > 0 {
        body["configuration"]["media_attachments"]["description_minimum"] = json!(shared.ways().alt_min);
    }
    if !shared.ways().names_api {
        body["api_versions"] = Value::Null;
    }
    Ok(Reply::json(200, &body)
        .cached(CACHED)
        .with(header::VARY, "Accept, Origin"))
}

/// `GET /api/v1/instance`
pub(super) async fn v1(State(shared): State<Arc<Shared>>) -> Reply {
    let world = lock(&shared.world);
    let limits = &world.limits;
    let mut body = json!({
        "uri": shared.domain(),
        "title": "Mastodon",
        "short_description": "",
        "description": "",
        "email": "",
        "version": version(&shared),
        "urls": {"streaming_api": streaming(&shared)},
        "stats": {"user_count": world.accounts.len(), "status_count": world.statuses.len(), "domain_count": 0},
        "thumbnail": address(&shared.base, "/packs/assets/images/preview.png"),
        "languages": ["en"],
        "registrations": false,
        "approval_required": false,
        "invites_enabled": true,
        "contact_account": null,
        "rules": [],
    });
    if shared.api == Api::LegacyMaxTootChars {
        body["max_toot_chars"] = json!(limits.max_characters);
    } else {
        body["configuration"] = json!({
            "accounts": {"max_featured_tags": 10},
            "statuses": statuses(limits, shared.ways()),
            "media_attachments": {
                "supported_mime_types": limits.supported_mime_types,
                "image_size_limit": limits.image_size_limit,
                "image_matrix_limit": limits.image_matrix_limit,
                "video_size_limit": limits.video_size_limit,
                "video_frame_rate_limit": limits.video_frame_rate_limit,
                "video_matrix_limit": limits.video_matrix_limit,
            },
            "polls": polls(),
        });
    }
    Reply::json(200, &body)
        .cached(CACHED)
        .with(header::VARY, "Accept, Origin")
        .with(DEPRECATION, "@1668384000")
}

fn version(shared: &Shared) -> String {
    if shared.ways().names_api {
        shared.version.clone()
    } else {
        format!("{} (compatible; another 1.0)", shared.version)
    }
}

fn streaming(shared: &Shared) -> String {
    format!("ws://{}", shared.domain())
}

fn statuses(limits: &InstanceLimits, ways: Ways) -> Value {
    let mut statuses = json!({
        "max_characters": limits.max_characters,
        "max_media_attachments": limits.max_media_attachments,
        "characters_reserved_per_url": limits.characters_reserved_per_url,
    });
    if ways.content_types {
        statuses["supported_mime_types"] = json!(["text/plain", "text/markdown", "text/html"]);
    }
    statuses
}

fn polls() -> Value {
    json!({"max_options": 4, "max_characters_per_option": 50, "min_expiration": 300, "max_expiration": 2_629_746})
}
