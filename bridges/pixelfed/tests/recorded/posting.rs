//! Uploads and posts, as they were recorded.

use reqwest::Method;
use tombolo_pixelfed::stand_in::{InstanceLimits, Options};

use super::scene::{self, Scene};
use super::{PERMITTED, begin, begin_with_more_types};

#[tokio::test]
async fn photos_are_taken_and_scaled() {
    let mut scene = Scene::begin(Options::default(), PERMITTED).await;
    scene.photos.set_next_media_id(2);
    scene
        .play("alice", &["media-v1-jpeg", "media-v2-jpeg", "media-get-at-once"])
        .await;
    scene.later(6);
    scene
        .play(
            "alice",
            &["media-get-processed", "media-v1-filter", "media-jpeg-declared-octet"],
        )
        .await;
    scene
        .play(
            "alice",
            &["media-alt-1000", "media-gif", "media-png-alpha", "media-portrait"],
        )
        .await;
    scene
        .play(
            "alice",
            &[
                "media-missing-file",
                "media-missing-file-noaccept",
                "media-alt-too-long",
            ],
        )
        .await;
    scene
        .play(
            "alice",
            &["media-mp4-refused", "media-text-named-jpg", "media-text-refused"],
        )
        .await;
    scene
        .play(
            "alice",
            &[
                "media-too-big",
                "media-too-big-noaccept",
                "media-webp-refused",
                "media-array-fields",
            ],
        )
        .await;
    scene.later(6);
    scene
        .play("alice", &["media-png-alpha-processed", "media-portrait-processed"])
        .await;
    scene.play("bob", &["media-get-other-user"]).await;
    scene
        .play("alice", &["media-get-unknown", "media-update", "media-update-form"])
        .await;
    scene.end();
}

#[tokio::test]
async fn uploads_end_where_the_limits_are() {
    let mut scene = begin().await;
    scene.photos.set_used("alice", 999_999_000);
    scene
        .play("alice", &["media-quota-exceeded", "media-quota-exceeded-noaccept"])
        .await;
    scene.photos.set_used("alice", 0);
    let no_more = InstanceLimits {
        uploads_a_day: 0,
        statuses_a_day: 0,
        ..InstanceLimits::default()
    };
    scene.photos.set_limits(no_more);
    scene.play("alice", &["media-daily-limit", "status-daily-limit"]).await;
    let php = InstanceLimits {
        php_file_limit: Some(1 << 20),
        php_post_limit: Some(2 << 20),
        ..InstanceLimits::default()
    };
    scene.photos.set_limits(php);
    scene
        .play(
            "alice",
            &["media-over-php-post-limit", "media-over-php-post-limit-noaccept"],
        )
        .await;
    scene.play("alice", &["media-over-php-upload-limit"]).await;
    scene.end();
}

/// The posts that the lists were recorded with, in the recorded order.
pub async fn a_full_account() -> Scene {
    let mut scene = begin().await;
    for (file, description, id) in [
        ("p1.jpg", "alt one", 10),
        ("p1.jpg", "alt 1", 11),
        ("p2.jpg", "alt 2", 12),
        ("p3.jpg", "alt 3", 13),
        ("p4.jpg", "alt 4", 14),
        ("p1.jpg", "", 15),
        ("p2.jpg", "", 16),
        ("p3.jpg", "", 17),
        ("p4.jpg", "", 18),
        ("p5.jpg", "", 19),
        ("p1.jpg", "", 20),
        ("p1.jpg", "", 21),
        ("p2.jpg", "", 22),
        ("p2.jpg", "", 23),
        ("a.gif", "", 24),
    ] {
        scene.upload("alice", file, description, id).await;
    }
    scene.play("alice", &["status-create-one"]).await;
    scene
        .play(
            "alice",
            &[
                "status-create-same-idempotency-key",
                "status-create-same-media-again",
                "media-get-after-attached",
                "media-update-after-attached",
                "status-create-four",
                "status-create-five-refused",
                "status-create-form-encoded",
                "status-text-only",
                "status-text-only-noaccept",
                "status-empty-media-array",
                "status-unknown-media",
                "status-one-good-one-unknown-media",
                "media-get-after-partial-failure",
            ],
        )
        .await;
    scene.play("bob", &["status-others-media"]).await;
    scene
        .play(
            "alice",
            &[
                "status-501-chars",
                "status-501-chars-noaccept",
                "status-crlf-500",
                "status-500-chars",
                "status-direct",
                "status-bad-visibility",
                "status-private",
                "status-no-caption",
                "status-spoiler-without-sensitive",
                "status-spoiler-141",
                "status-language-scheduled",
            ],
        )
        .await;
    scene.later(1);
    scene
        .play(
            "alice",
            &[
                "status-comments-disabled",
                "status-comment-of-own",
                "status-reply-thread-long",
                "status-html-entities",
                "status-gif",
            ],
        )
        .await;
    scene.later(4);
    scene
}

#[tokio::test]
async fn posts_are_made_and_read() {
    let mut scene = a_full_account().await;
    scene
        .play("alice", &["status-get-own", "status-get-pe", "status-edit"])
        .await;
    scene
        .play("bob", &["status-get-as-other", "status-get-private-as-other"])
        .await;
    scene.play("bob", &["status-get-private-as-other-noaccept"]).await;
    scene
        .play("alice", &["status-get-unknown", "status-source", "status-edit-history"])
        .await;
    scene.play("alice", &["status-edit-text-only-album"]).await;
    scene.describe("alice", 10, "d9").await;
    scene.play("alice", &["status-get-processed"]).await;
    scene.end();
}

#[tokio::test]
async fn a_spent_key_stays_spent() {
    let mut scene = begin().await;
    scene.upload("alice", "p1.jpg", "", 26).await;
    scene
        .play("alice", &["idempotency-failing-first", "idempotency-then-good"])
        .await;
    scene
        .play(
            "alice",
            &["idempotency-validation-first", "idempotency-after-validation"],
        )
        .await;
    scene.upload("alice", "p1.jpg", "", 54).await;
    scene.upload("alice", "p1.jpg", "", 55).await;
    scene
        .play(
            "alice",
            &["status-same-media-id-twice", "media-get-after-same-id-twice"],
        )
        .await;
    scene
        .play("alice", &["status-media-ids-as-numbers", "status-media-ids-as-string"])
        .await;
    scene.end();
}

#[tokio::test]
async fn a_deleted_post_lingers() {
    let mut scene = begin().await;
    scene.upload("alice", "p1.jpg", "", 25).await;
    let body = serde_json::json!({ "status": "to be deleted", "media_ids": ["25"] });
    let request = scene.ask("alice", Method::POST, "/api/v1/statuses").json(&body);
    let made = scene::got(request).await.json;
    scene.know("1030357237838065677", made["id"].as_str().expect("an id"));
    scene.play("bob", &["status-delete-other"]).await;
    scene.play("alice", &["status-delete", "status-get-just-deleted"]).await;
    scene.later(5);
    scene
        .play("alice", &["status-get-after-delete", "status-delete-again"])
        .await;
    scene.end();
}

#[tokio::test]
async fn descriptions_change_ten_times_a_minute() {
    let mut scene = begin().await;
    scene.upload("alice", "p1.jpg", "", 10).await;
    for number in 0..10 {
        scene.describe("alice", 10, &format!("d{number}")).await;
    }
    scene.play("alice", &["media-update-rate-limited"]).await;
    scene.end();
}

#[tokio::test]
async fn captions_lose_what_looks_like_html() {
    let mut scene = begin().await;
    for id in [28, 29, 30, 31, 32, 33, 34] {
        scene.upload("alice", "p1.jpg", "", id).await;
    }
    scene
        .play(
            "alice",
            &["status-caption-lt3", "status-caption-amp-lt3", "status-caption-crlf"],
        )
        .await;
    scene
        .play("alice", &["status-caption-emoji", "status-caption-trim"])
        .await;
    scene
        .play(
            "alice",
            &["status-emoji-501", "status-emoji-500", "status-leading-space-count"],
        )
        .await;
    for id in [51, 52, 53] {
        scene.upload("alice", "p1.jpg", "", id).await;
    }
    scene
        .play("alice", &["status-mention-foreign", "status-hashtags", "status-links"])
        .await;
    scene.later(4);
    scene
        .play(
            "alice",
            &["status-mention-foreign-processed", "status-hashtags-processed"],
        )
        .await;
    scene.play("alice", &["status-links-processed"]).await;
    scene.end();
}

#[tokio::test]
async fn newer_picture_formats_are_taken_where_they_are_allowed() {
    let mut scene = begin_with_more_types().await;
    scene.photos.set_next_media_id(42);
    scene.play("alice", &["media-avif", "media-heic"]).await;
    scene.later(6);
    scene.play("alice", &["media-heic-processed"]).await;
    scene.photos.set_next_media_id(47);
    scene.play("alice", &["media-webp"]).await;
    scene.later(6);
    scene
        .play("alice", &["media-webp-processed", "media-v2-get", "media-delete"])
        .await;
    scene.end();
}
