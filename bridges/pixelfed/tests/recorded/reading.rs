//! Lists, feeds and notes, as they were recorded.

use tombolo_pixelfed::stand_in::Preferences;

use super::begin_with_more_types;
use super::posting::a_full_account;

#[tokio::test]
async fn lists_walk_downwards_only() {
    let mut scene = a_full_account().await;
    scene
        .play(
            "alice",
            &["status-edit", "account-statuses", "account-statuses-limit-100"],
        )
        .await;
    scene.play("bob", &["account-statuses-as-other"]).await;
    scene
        .play(
            "alice",
            &[
                "account-statuses-exclude",
                "account-statuses-limit2",
                "account-statuses-max-id",
                "account-statuses-min-and-max",
                "account-statuses-min-id",
                "account-statuses-only-media",
                "account-statuses-pe",
                "account-statuses-pinned",
                "account-statuses-since-id",
                "account-statuses-bad-max-id",
                "account-statuses-unknown",
            ],
        )
        .await;
    scene
        .play(
            "alice",
            &[
                "account-get",
                "account-search",
                "account-username-lookup",
                "account-lookup-v1",
            ],
        )
        .await;
    scene
        .play("alice", &["home-timeline", "home-timeline-link", "search-resolve-url"])
        .await;
    scene.play("", &["pixelfed-v1-account-statuses"]).await;
    scene.end();
}

#[tokio::test]
async fn other_servers_read_notes_and_no_outbox() {
    let mut scene = a_full_account().await;
    scene.play("alice", &["status-edit"]).await;
    scene
        .play(
            "",
            &[
                "ap-actor",
                "ap-actor-ld",
                "ap-actor-html",
                "ap-actor-unknown",
                "ap-followers",
            ],
        )
        .await;
    scene
        .play("", &["ap-outbox", "ap-outbox-page", "ap-outbox-html", "ap-activity"])
        .await;
    scene
        .play(
            "",
            &[
                "ap-status",
                "ap-status-album",
                "ap-status-json-suffix",
                "ap-status-html",
            ],
        )
        .await;
    scene.play("", &["ap-status-private", "ap-status-unknown"]).await;
    scene.describe("alice", 10, "d9").await;
    scene
        .play("", &["ap-authorized-fetch-actor", "ap-authorized-fetch-status"])
        .await;
    scene.photos.set_activitypub(false);
    scene
        .play("", &["ap-disabled-actor", "ap-disabled-outbox", "ap-disabled-status"])
        .await;
    scene.play("", &["ap-disabled-webfinger"]).await;
    scene.end();
}

#[tokio::test]
async fn everybody_reads_what_is_public() {
    let mut scene = a_full_account().await;
    scene.play("alice", &["status-edit"]).await;
    scene.later(60);
    scene.upload("alice", "p1.jpg", "", 26).await;
    scene.play("alice", &["idempotency-after-validation"]).await;
    scene
        .play("", &["atom-feed", "atom-feed-bob-empty", "atom-feed-unknown"])
        .await;
    scene.describe("alice", 10, "d9").await;
    scene.later(4);
    scene
        .play(
            "",
            &[
                "public-account",
                "public-account-statuses-html",
                "public-account-statuses-page1",
            ],
        )
        .await;
    scene
        .play("", &["public-status", "public-account-statuses-limit-25"])
        .await;
    scene.photos.set_preferences(
        "alice",
        Preferences {
            show_atom: false,
            ..Preferences::default()
        },
    );
    scene.play("", &["atom-feed-off-by-user"]).await;
    scene.photos.set_preferences(
        "alice",
        Preferences {
            locked: true,
            ..Preferences::default()
        },
    );
    scene
        .play(
            "",
            &[
                "private-account-ap-status",
                "private-account-public-statuses",
                "private-account-atom",
            ],
        )
        .await;
    scene.play("bob", &["private-account-statuses-as-other"]).await;
    scene.upload("alice", "p1.jpg", "", 35).await;
    scene.play("alice", &["private-account-post-public"]).await;
    scene.end();
}

#[tokio::test]
async fn videos_stay_as_they_came() {
    let mut scene = begin_with_more_types().await;
    scene.upload("alice", "p1.jpg", "", 30).await;
    scene.play("alice", &["status-caption-crlf"]).await;
    scene.later(1);
    for id in [31, 32, 33, 34] {
        scene.upload("alice", "p1.jpg", "", id).await;
    }
    scene
        .play("alice", &["status-caption-emoji", "status-caption-trim"])
        .await;
    scene
        .play("alice", &["status-emoji-500", "status-leading-space-count"])
        .await;
    scene.later(2);
    scene.photos.set_preferences(
        "alice",
        Preferences {
            locked: true,
            ..Preferences::default()
        },
    );
    scene.upload("alice", "p1.jpg", "", 35).await;
    scene.play("alice", &["private-account-post-public"]).await;
    scene.photos.set_preferences("alice", Preferences::default());
    scene.photos.set_next_media_id(36);
    scene
        .play("alice", &["video-media-v2", "video-media-get-at-once"])
        .await;
    scene.later(9);
    scene
        .play("alice", &["video-media-get-processed", "video-media-v1"])
        .await;
    scene.upload("alice", "p1.jpg", "", 38).await;
    scene.upload("alice", "v.mp4", "", 39).await;
    scene.upload("alice", "v.mp4", "", 40).await;
    scene
        .play("alice", &["video-status", "video-mixed-album", "video-album"])
        .await;
    scene
        .play(
            "alice",
            &["video-mov-declared-mp4", "video-mov-refused", "video-webm-refused"],
        )
        .await;
    scene.later(19);
    scene
        .play(
            "alice",
            &["video-account-statuses", "video-mixed-get", "video-only-media-type"],
        )
        .await;
    scene.play("", &["video-ap-status", "video-public-statuses"]).await;
    let feed = scene.play_one("", "video-atom-feed", &[]).await.text();
    assert_eq!((feed.matches("<entry>").count(), feed.contains(".mp4")), (5, false));
    scene
        .play(
            "",
            &["public-account-statuses-walk-1", "public-account-statuses-max-id"],
        )
        .await;
    scene.play("", &["public-account-statuses-walk-2"]).await;
    scene.end();
}
