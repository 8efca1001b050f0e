//! The stand-in answers recorded requests as the recorded Pixelfed 0.12.6 did: same status, content type, headers that
//! matter, shape of JSON and values. Ids are mapped; uploaded files are others of the same kind and size. What may differ
//! stands in [`PERMITTED`], what isn't replayed in [`LEFT_OUT`], each with the reason.

#[path = "recorded/files.rs"]
mod files;
#[path = "recorded/posting.rs"]
mod posting;
#[path = "recorded/reading.rs"]
mod reading;
#[path = "recorded/scene.rs"]
mod scene;

use tombolo_net::stand_in::recordings::Permitted;
use tombolo_pixelfed::stand_in::{InstanceLimits, Options, Preferences};

use self::scene::{FOLDER, Scene};

/// Recordings that aren't replayed, and why. They aren't in the folder either.
const LEFT_OUT: &[(&str, &str)] = &[
    (
        "media-avif-processed",
        "the stand-in can't decode AVIF, and leaves such files as they came",
    ),
    (
        "v11-status-create",
        "upload and post in one request is nothing the bridge uses (contract §3)",
    ),
    (
        "personal-access-token-create",
        "a part of the settings page; tests get such tokens from the stand-in",
    ),
    ("head-account", "relationships between accounts aren't there"),
];

/// Recordings that show posts from a cache that was filled while the queue was at work.
const CACHED_POST: &str =
    "status-edit status-get-pe status-get-own status-get-processed status-get-as-other video-mixed-get";
const CACHED_LIST: &str = "status-edit-history account-statuses account-statuses-limit-100 account-statuses-as-other \
                           account-statuses-exclude account-statuses-limit2 account-statuses-max-id \
                           account-statuses-min-and-max account-statuses-min-id account-statuses-only-media \
                           account-statuses-pe account-statuses-pinned account-statuses-since-id home-timeline \
                           video-account-statuses video-only-media-type public-account-statuses-html \
                           public-account-statuses-page1 video-public-statuses public-account-statuses-walk-1 \
                           public-account-statuses-max-id";
const CACHE: &str = "the real server shows what its cache saw while the queue was at work";

/// Where answers may differ: in which recordings, where, and why.
const PERMITTED: &[(&str, Permitted)] = &[
    permitted(CACHED_POST, "$.media_attachments[].meta", CACHE),
    permitted(CACHED_POST, "$.media_attachments[].mime", CACHE),
    permitted(CACHED_POST, "$.media_attachments[].orientation", CACHE),
    permitted(CACHED_POST, "$.media_attachments[].preview_url", CACHE),
    permitted(CACHED_LIST, "$[].media_attachments[].meta", CACHE),
    permitted(CACHED_LIST, "$[].media_attachments[].mime", CACHE),
    permitted(CACHED_LIST, "$[].media_attachments[].orientation", CACHE),
    permitted(CACHED_LIST, "$[].media_attachments[].preview_url", CACHE),
    permitted(
        "pixelfed-v1-account-statuses public-account-statuses-walk-2",
        "$[].**",
        "the order of posts within a second is the database's, and was recorded both ways",
    ),
    permitted(
        "oauth-authorize-not-logged-in",
        "body",
        "the body of this redirection was not kept",
    ),
    permitted("video-atom-feed", "text", CACHE),
    permitted(
        "home-timeline-link",
        "$[].**",
        "its posts were made without being recorded",
    ),
];

const fn permitted(recordings: &'static str, path: &'static str, why: &'static str) -> (&'static str, Permitted) {
    (recordings, Permitted { path, why })
}

/// Pictures stay as they come, which is quicker.
async fn begin() -> Scene {
    let options = Options {
        optimize_images: false,
        ..Options::default()
    };
    Scene::begin(options, PERMITTED).await
}

/// The media types of the later recordings.
async fn begin_with_more_types() -> Scene {
    let mut limits = InstanceLimits::default();
    let more = ["image/webp", "image/avif", "image/heic", "video/mp4"];
    limits.supported_mime_types.extend(more.map(str::to_owned));
    let options = Options {
        limits,
        ..Options::default()
    };
    Scene::begin(options, PERMITTED).await
}

#[test]
fn every_recording_in_the_folder_is_replayed() {
    let here = concat!(
        include_str!("stand_in_answers_as_recorded.rs"),
        include_str!("recorded/posting.rs"),
        include_str!("recorded/reading.rs")
    );
    for file in std::fs::read_dir(FOLDER).expect("the folder of recordings") {
        let file = file.expect("a file").file_name();
        let Some(name) = file.to_str().and_then(|name| name.strip_suffix(".json")) else {
            continue;
        };
        assert!(here.contains(&format!("\"{name}\"")), "{name} is not replayed");
        assert!(
            LEFT_OUT.iter().all(|(left_out, _)| *left_out != name),
            "{name} is left out"
        );
    }
}

#[tokio::test]
async fn the_instance_describes_itself() {
    let mut scene = begin().await;
    scene.photos.add_account("carol");
    scene
        .play(
            "",
            &[
                "nodeinfo-wellknown",
                "nodeinfo",
                "webfinger-ok",
                "webfinger-unknown",
                "hostmeta",
                "health-check",
            ],
        )
        .await;
    scene
        .play(
            "",
            &[
                "instance-v1",
                "instance-v2",
                "unknown-route-json",
                "unknown-route-noaccept",
            ],
        )
        .await;
    scene.end();
    let mut scene = begin_with_more_types().await;
    scene.play("", &["video-instance-v1", "video-nodeinfo"]).await;
    scene.end();
}

#[tokio::test]
async fn applications_come_by_tokens() {
    let mut scene = begin().await;
    scene.photos.set_next_app_id(10);
    let app = scene.play_one("", "apps-oob", &[]).await.json;
    scene
        .play("", &["apps-redirect", "apps-two-redirects", "apps-json-body"])
        .await;
    scene
        .play(
            "",
            &["apps-missing-name-json", "apps-missing-name-noaccept", "oauth-revoke"],
        )
        .await;
    let secret = app["client_secret"].as_str().expect("a secret").to_owned();
    let right = ("client_secret", secret.as_str());
    let code = scene
        .photos
        .authorize("alice", "read write follow")
        .expect("alice is there");
    let with_code = [right, ("code", code.as_str())];
    let token = scene.play_one("", "token-authorization-code", &with_code).await.json;
    scene.play_one("", "token-code-reused", &with_code).await;
    let text = |json: &serde_json::Value, key: &str| json[key].as_str().expect("a token").to_owned();
    let access = text(&token, "access_token");
    assert!(access.len() > 900, "a token is long");
    scene.introduce("alice's", access);
    scene
        .play("alice's", &["apps-verify-credentials", "verify-credentials"])
        .await;
    let code = scene.photos.authorize("alice", "read write").expect("alice is there");
    let other = scene.play_one("", "token-pkce", &[right, ("code", &code)]).await.json;
    let first = text(&other, "refresh_token");
    let second = scene
        .play_one("", "token-refresh", &[right, ("refresh_token", &first)])
        .await
        .json;
    scene.introduce("the old one", text(&other, "access_token"));
    scene.play("the old one", &["old-token-after-refresh"]).await;
    let second = text(&second, "refresh_token");
    scene
        .play_one("", "token-refresh-noaccept", &[right, ("refresh_token", &second)])
        .await;
    for name in ["token-refresh-reused", "token-refresh-reused-noaccept"] {
        scene.play_one("", name, &[right, ("refresh_token", &second)]).await;
    }
    scene.play_one("", "token-client-credentials", &[right]).await;
    scene.play_one("", "token-password-grant", &[right]).await;
    scene.play_one("", "token-unsupported-grant-noaccept", &[right]).await;
    scene.play_one("", "token-bad-code", &[right, ("code", "bad")]).await;
    scene
        .play_one("", "token-bad-code-noaccept", &[right, ("code", "bad")])
        .await;
    scene.play("", &["token-bad-secret", "token-bad-secret-noaccept"]).await;
    for _ in 0..60 {
        scene::got(scene.ask("", reqwest::Method::POST, "/oauth/token")).await;
    }
    scene
        .play("", &["token-rate-limited", "token-rate-limited-noaccept"])
        .await;
    scene.end();
}

#[tokio::test]
async fn somebody_agrees_in_a_browser() {
    let mut scene = begin().await;
    scene.photos.set_next_app_id(10);
    let app = scene.play_one("", "apps-oob", &[]).await.json;
    scene
        .play("", &["apps-redirect", "oauth-authorize-not-logged-in"])
        .await;
    let cookie = scene.photos.log_in("alice").expect("alice is there");
    let logged_in = [("cookie", cookie.as_str())];
    for name in [
        "oauth-authorize-bad-redirect",
        "oauth-authorize-unknown-client",
        "oauth-authorize-granular-scope",
    ] {
        scene.play_one("", name, &logged_in).await;
    }
    scene.play_one("", "oauth-authorize-page", &logged_in).await;
    scene.play_one("", "oauth-deny-oob", &logged_in).await;
    scene.play_one("", "oauth-authorize-page", &logged_in).await;
    let approved = scene.play_one("", "oauth-approve-oob", &logged_in).await.json;
    let code = approved["code"].as_str().expect("a code");
    let secret = app["client_secret"].as_str().expect("a secret");
    let form = [
        ("grant_type", "authorization_code"),
        ("client_id", "10"),
        ("client_secret", secret),
        ("redirect_uri", "urn:ietf:wg:oauth:2.0:oob"),
        ("code", code),
    ];
    let token = scene::got(scene.ask("", reqwest::Method::POST, "/oauth/token").form(&form))
        .await
        .json;
    assert!(token["access_token"].is_string(), "{token}");
    scene
        .play_one("", "oauth-authorize-oob-already-approved", &logged_in)
        .await;
    scene
        .play_one("", "oauth-authorize-loopback-other-port", &logged_in)
        .await;
    let page = "/oauth/authorize?client_id=11&redirect_uri=http%3A%2F%2F127.0.0.1%3A8999%2Fcallback&response_type=code&\
                scope=read+write&state=xyz";
    scene::got(scene.ask("", reqwest::Method::GET, page).header("cookie", &cookie)).await;
    scene.play_one("", "oauth-approve-loopback", &logged_in).await;
    let page = "/oauth/authorize?client_id=10&redirect_uri=urn%3Aietf%3Awg%3Aoauth%3A2.0%3Aoob&response_type=code&\
                prompt=consent&code_challenge=abc&code_challenge_method=S256";
    scene::got(scene.ask("", reqwest::Method::GET, page).header("cookie", &cookie)).await;
    let approved = scene::got(
        scene
            .ask("", reqwest::Method::POST, "/oauth/authorize")
            .header("cookie", &cookie),
    )
    .await;
    let code = approved.json["code"].as_str().expect("a code");
    scene
        .play_one(
            "",
            "token-pkce-wrong-verifier",
            &[("client_secret", secret), ("code", code)],
        )
        .await;
    scene.end();
}

#[tokio::test]
async fn without_a_good_token_nothing_is_answered() {
    let mut scene = begin().await;
    scene.introduce("a reader", scene.photos.token("alice", "read"));
    scene.play("", &["auth-none-json", "auth-none-noaccept"]).await;
    scene
        .play("unknown", &["auth-bad-token-json", "auth-bad-token-noaccept"])
        .await;
    scene
        .play(
            "",
            &["account-statuses-no-token", "status-get-no-token", "status-no-token"],
        )
        .await;
    scene
        .play("a reader", &["media-no-write-scope", "status-no-write-scope"])
        .await;
    scene.play("bob", &["pat-verify-credentials"]).await;
    scene.play("alice", &["accept-html-first", "accept-json-second"]).await;
    scene.photos.set_maintenance(true);
    scene.play("alice", &["maintenance-json", "maintenance-noaccept"]).await;
    scene.photos.set_maintenance(false);
    let unconfirmed = Preferences {
        email_confirmed: false,
        ..Preferences::default()
    };
    scene.photos.set_preferences("alice", unconfirmed);
    scene.play("alice", &["unverified-email"]).await;
    scene.end();
    let options = Options {
        oauth: false,
        ..Options::default()
    };
    let mut scene = Scene::begin(options, PERMITTED).await;
    scene.play("", &["oauth-disabled-apps"]).await;
    scene.play("alice", &["oauth-disabled-verify"]).await;
    scene.end();
}

#[tokio::test]
async fn an_account_that_was_never_used_gets_nothing() {
    let mut scene = begin().await;
    scene.photos.set_active("bob", false);
    scene
        .play(
            "bob",
            &[
                "never-active-media-v2",
                "never-active-media-v1",
                "never-active-media-v2-after",
            ],
        )
        .await;
    scene.end();
}
