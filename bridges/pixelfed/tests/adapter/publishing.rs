//! From drafts to posts, and what is said when they come out otherwise.

use tombolo_model::{Destination, Draft, Form, Idempotency, PublishOutcome, Step, Visibility};
use tombolo_pixelfed::Read;
use tombolo_pixelfed::stand_in::Preferences;

use crate::rig::{NAME, Notes, Rig, draft, fetched, file, id, photo, picture, publish, video};

async fn published(rig: &Rig, draft: &Draft) -> tombolo_model::Copy {
    match publish(&rig.destination(), draft, &mut Notes::default()).await {
        PublishOutcome::Published(copy) => copy,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn an_album_keeps_its_order_and_its_alternative_texts() {
    let rig = Rig::start().await;
    let media = vec![photo(3, "third"), photo(1, "first"), photo(2, "")];
    let copy = published(&rig, &draft("An album", media, 1)).await;
    assert_eq!(copy.differences, []);
    let post = rig.only();
    assert_eq!(
        (copy.id.as_str(), copy.uri.as_str()),
        (post.id.as_str(), post.url.as_str())
    );
    assert_eq!(
        (post.kind.as_str(), post.visibility.as_str()),
        ("photo:album", "public")
    );
    let alts: Vec<_> = post
        .media
        .iter()
        .map(|m| m.description.clone().unwrap_or_default())
        .collect();
    assert_eq!(alts, ["third", "first", ""]);
    let sent: Vec<_> = post.media.iter().map(|m| m.bytes.clone()).collect();
    assert_eq!(sent, [picture(3), picture(1), picture(2)]);
}

#[tokio::test]
async fn a_text_with_angles_arrives_whole_and_is_read_as_it_was_meant() {
    let rig = Rig::start().await;
    let text = "I <3 you & more <b>\n\nhttps://v.example/w/a?b=1&c=2 #tag";
    let copy = published(&rig, &draft(text, vec![photo(1, "")], 1)).await;
    assert_eq!(copy.differences, []);
    let post = rig.only();
    assert_eq!(post.stored, text.replace('<', "&lt;"));
    assert_eq!(
        fetched(&rig.source(Read::Api), &id(&post.url)).await.body,
        tombolo_model::Markup::Plain(text.into())
    );
    // What was fitted with its escapes counted is sent as it is.
    let escaped = draft("1 &lt; 2", vec![photo(2, "")], 2);
    assert_eq!(published(&rig, &escaped).await.differences, []);
    assert_eq!(rig.pixelfed.statuses(NAME)[1].stored, "1 &lt; 2");
}

#[tokio::test]
async fn a_warning_is_kept_because_it_makes_the_post_sensitive() {
    let rig = Rig::start().await;
    let warned = Draft {
        content_warning: Some("spiders".into()),
        ..draft("x", vec![photo(1, "")], 1)
    };
    assert_eq!(published(&rig, &warned).await.differences, []);
    let post = rig.only();
    assert!(post.sensitive);
    assert_eq!(post.spoiler_text.as_deref(), Some("spiders"));
}

#[tokio::test]
async fn visibility_is_as_meant_and_a_private_account_is_told_of() {
    let rig = Rig::start().await;
    let unlisted = Draft {
        visibility: Visibility::Unlisted,
        ..draft("x", vec![photo(1, "")], 1)
    };
    assert_eq!(published(&rig, &unlisted).await.differences, []);
    assert_eq!(rig.only().visibility, "unlisted");
    let settings = Preferences {
        locked: true,
        sensitive: true,
        ..Preferences::default()
    };
    rig.pixelfed.set_preferences(NAME, settings);
    let warnings = rig.destination().identity().await.expect("an identity").warnings;
    assert!(warnings.iter().any(|w| w.contains("private")), "{warnings:?}");
    let copy = published(&rig, &draft("y", vec![photo(2, "")], 2)).await;
    let what: Vec<_> = copy.differences.iter().map(ToString::to_string).collect();
    assert_eq!(
        what,
        [
            "visibility is private instead of public",
            "sensitive is true instead of false"
        ]
    );
}

#[tokio::test]
async fn an_account_is_known_by_its_number_and_its_actor() {
    let rig = Rig::start().await;
    let identity = rig.destination().identity().await.expect("an identity");
    assert_eq!(Some(identity.account), rig.pixelfed.account_id(NAME));
    assert_eq!(identity.username, NAME);
    assert_eq!(identity.actor, Some(format!("{}users/{NAME}", rig.pixelfed.base())));
    assert_eq!(identity.warnings, [] as [String; 0]);
}

#[tokio::test]
async fn an_account_that_never_used_the_api_is_woken_up() {
    let rig = Rig::start().await;
    rig.pixelfed.set_active(NAME, false);
    published(&rig, &draft("x", vec![photo(1, "")], 1)).await;
    assert_eq!(rig.only().media.len(), 1);
}

#[tokio::test]
async fn videos_go_byte_for_byte() {
    let rig = Rig::start().await;
    let clip = file("clip.mp4", "video/mp4", video(), "a clip");
    published(&rig, &draft("x", vec![clip], 1)).await;
    let post = rig.only();
    assert_eq!((post.kind.as_str(), post.media[0].served.clone()), ("video", video()));
}

#[tokio::test]
async fn each_side_effect_is_noted_before_it_happens_and_none_happens_unnoted() {
    let rig = Rig::start().await;
    let mut notes = Notes::default();
    let two = draft("x", vec![photo(1, ""), photo(2, "")], 1);
    publish(&rig.destination(), &two, &mut notes).await;
    assert_eq!(
        notes.steps,
        [Step::Upload, Step::Wait, Step::Upload, Step::Wait, Step::Post]
    );
    assert_eq!(notes.progress.uploaded.len(), 2);
    for (step, uploads) in [(Step::Upload, 0), (Step::Post, 2)] {
        let rig = Rig::start().await;
        let mut notes = Notes {
            fails_at: Some(step),
            ..Notes::default()
        };
        let outcome = publish(&rig.destination(), &two, &mut notes).await;
        assert!(matches!(outcome, PublishOutcome::NotNoted(_)), "{outcome:?}");
        assert_eq!(rig.pixelfed.uploads().len(), uploads);
        assert_eq!(rig.pixelfed.statuses(NAME), []);
    }
}

#[tokio::test]
async fn what_pixelfed_has_no_place_for_is_refused_before_anything_is_sent() {
    let rig = Rig::start().await;
    let with = |form| Draft {
        form,
        ..draft("x", vec![photo(1, "")], 1)
    };
    let mixed = vec![photo(1, ""), file("a.mp4", "video/mp4", video(), "")];
    for draft in [
        draft("text alone", Vec::new(), 1),
        draft("both", mixed, 1),
        with(Form::Boost("1".into())),
    ] {
        let outcome = publish(&rig.destination(), &draft, &mut Notes::default()).await;
        assert!(
            matches!(&outcome, PublishOutcome::Rejected { reason } if reason.contains("Pixelfed")),
            "{outcome:?}"
        );
    }
    assert_eq!(rig.pixelfed.arrivals().all().len(), 0);
}

#[tokio::test]
async fn a_comment_may_be_text_alone() {
    let rig = Rig::start().await;
    let post = rig.publish("one");
    rig.destination().identity().await.expect("an identity");
    let comment = Draft {
        form: Form::Status {
            reply_to: Some(post.id.clone()),
        },
        ..draft("the rest", Vec::new(), 1)
    };
    published(&rig, &comment).await;
    let all = rig.pixelfed.statuses(NAME);
    assert_eq!(all[1].in_reply_to, Some(post.id));
}

#[tokio::test]
async fn what_it_can_do_is_data() {
    let rig = Rig::start().await;
    let can = rig.destination().capabilities();
    assert!(matches!(can.idempotency, Idempotency::RefusesRepeats { ttl } if ttl.as_secs() == 3600));
    assert!(!can.threads);
    assert!(can.settle.as_secs() >= 90, "however short it is configured");
}
