//! What Pixelfed refuses, row by row of contract pixelfed §9, in the old form and in the new.

use bytes::Bytes;
use tombolo_model::{Destination, DestinationError, Draft, PublishOutcome};
use tombolo_net::stand_in::Fault;
use tombolo_pixelfed::stand_in::{Errors, Preferences};

use crate::rig::{NAME, Notes, Rig, draft, file, photo, publish};

const BOTH: [Errors; 2] = [Errors::All500, Errors::Proper];

async fn rig(errors: Errors) -> Rig {
    let rig = Rig::with(|options| options.errors = errors).await;
    rig.destination().identity().await.expect("an identity");
    rig
}

async fn outcome(rig: &Rig, draft: &Draft) -> PublishOutcome {
    publish(&rig.destination(), draft, &mut Notes::default()).await
}

fn one(text: &str) -> Draft {
    draft(text, vec![photo(1, "")], 1)
}

#[tokio::test]
async fn a_dead_token_is_a_state_of_the_account() {
    for errors in BOTH {
        let rig = rig(errors).await;
        rig.pixelfed.revoke(&rig.token);
        let got = outcome(&rig, &one("x")).await;
        assert!(
            matches!(&got, PublishOutcome::AuthLost { reason } if !reason.contains(&rig.token)),
            "{got:?}"
        );
        let identity = rig.destination().identity().await;
        assert!(matches!(identity, Err(DestinationError::AuthLost(_))), "{identity:?}");
    }
}

#[tokio::test]
async fn a_token_without_the_permission_is_one_too() {
    for errors in BOTH {
        let rig = rig(errors).await;
        let token = rig.pixelfed.token(NAME, "read");
        let got = publish(&rig.destination_with(&token), &one("x"), &mut Notes::default()).await;
        assert!(
            matches!(&got, PublishOutcome::AuthLost { reason } if reason.contains("write")),
            "{got:?}"
        );
    }
}

#[tokio::test]
async fn an_unconfirmed_address_says_what_to_do() {
    let rig = rig(Errors::All500).await;
    let settings = Preferences {
        email_confirmed: false,
        ..Preferences::default()
    };
    rig.pixelfed.set_preferences(NAME, settings);
    let got = outcome(&rig, &one("x")).await;
    assert!(
        matches!(&got, PublishOutcome::AuthLost { reason } if reason.contains("e-mail")),
        "{got:?}"
    );
}

#[tokio::test]
async fn what_isnt_valid_is_refused_for_good() {
    for errors in BOTH {
        let rig = rig(errors).await;
        let long = outcome(&rig, &one(&"x".repeat(501))).await;
        assert!(matches!(long, PublishOutcome::Rejected { .. }), "{long:?}");
        let warned = Draft {
            content_warning: Some("x".repeat(141)),
            ..one("x")
        };
        let got = outcome(&rig, &warned).await;
        assert!(matches!(got, PublishOutcome::Rejected { .. }), "{got:?}");
        let many = (1..=5).map(|n| photo(n, "")).collect();
        let got = outcome(&rig, &draft("x", many, 1)).await;
        assert!(matches!(got, PublishOutcome::Rejected { .. }), "{got:?}");
        assert_eq!(rig.pixelfed.statuses(NAME), []);
    }
}

#[tokio::test]
async fn five_hundred_code_points_are_taken() {
    let rig = rig(Errors::All500).await;
    let got = outcome(&rig, &one(&"👩".repeat(500))).await;
    assert!(
        matches!(&got, PublishOutcome::Published(copy) if copy.differences.is_empty()),
        "{got:?}"
    );
}

#[tokio::test]
async fn a_file_it_doesnt_take_is_named() {
    for errors in BOTH {
        let rig = rig(errors).await;
        let text = file("a.jpg", "image/jpeg", Bytes::from_static(b"no picture"), "");
        let got = outcome(&rig, &draft("x", vec![photo(1, ""), text], 1)).await;
        assert!(matches!(got, PublishOutcome::MediaRejected { index: 1, .. }), "{got:?}");
        let mut limits = rig.pixelfed.limits();
        limits.max_photo_size = 0;
        rig.pixelfed.set_limits(limits.clone());
        let got = outcome(&rig, &one("x")).await;
        assert!(matches!(got, PublishOutcome::MediaRejected { index: 0, .. }), "{got:?}");
        limits.max_photo_size = 15_000;
        limits.php_post_limit = Some(10);
        rig.pixelfed.set_limits(limits);
        let got = outcome(&rig, &one("x")).await;
        assert!(
            matches!(got, PublishOutcome::MediaTooLarge { index: 0, bytes, certain: true, .. } if bytes > 10),
            "413: {got:?}"
        );
    }
}

#[tokio::test]
async fn an_alternative_text_that_is_too_long_is_not_the_files_fault() {
    for errors in BOTH {
        let rig = rig(errors).await;
        let got = outcome(&rig, &draft("x", vec![photo(1, &"x".repeat(1001))], 1)).await;
        assert!(matches!(got, PublishOutcome::Rejected { .. }), "{got:?}");
    }
}

#[tokio::test]
async fn a_full_account_says_what_to_do() {
    for errors in BOTH {
        let rig = rig(errors).await;
        rig.pixelfed.set_used(NAME, 999_999_999);
        let got = outcome(&rig, &one("x")).await;
        assert!(
            matches!(&got, PublishOutcome::Rejected { reason } if reason.contains("full")),
            "{got:?}"
        );
    }
}

#[tokio::test]
async fn daily_limits_are_waited_for_though_nobody_says_how_long() {
    for errors in BOTH {
        let rig = rig(errors).await;
        let mut limits = rig.pixelfed.limits();
        limits.uploads_a_day = 0;
        rig.pixelfed.set_limits(limits.clone());
        let upload = outcome(&rig, &one("x")).await;
        limits.uploads_a_day = 100;
        limits.statuses_a_day = 0;
        rig.pixelfed.set_limits(limits);
        let status = outcome(&rig, &one("x")).await;
        for got in [upload, status] {
            let PublishOutcome::Throttled { until, .. } = got else {
                panic!("{got:?}")
            };
            let wait = until - tombolo_model::Clock::now(&rig.clock);
            assert!(wait.num_minutes() >= 14 && wait.num_minutes() <= 16, "{wait}");
        }
    }
}

#[tokio::test]
async fn an_answer_that_isnt_pixelfeds_leaves_open_what_became_of_a_post() {
    let page = ("text/html".to_owned(), "<html>Sign in</html>".to_owned());
    for status in [200, 302, 403, 500, 502, 503] {
        let rig = rig(Errors::All500).await;
        let fault = Fault::AnswerAfter(status, page.0.clone(), page.1.clone());
        rig.pixelfed.faults().next("POST", "/api/v1/statuses", 1, fault);
        let got = outcome(&rig, &one("x")).await;
        assert!(matches!(got, PublishOutcome::Unknown { .. }), "{status}: {got:?}");
        assert_eq!(
            rig.pixelfed.arrivals().count("POST", "/api/v1/statuses"),
            1,
            "never sent twice"
        );
    }
}

#[tokio::test]
async fn a_failed_upload_is_tried_later_whatever_came() {
    for status in [200, 302, 500, 502, 503] {
        let rig = rig(Errors::All500).await;
        let fault = Fault::AnswerAfter(status, "text/html".into(), "<html></html>".into());
        rig.pixelfed.faults().next("POST", "/api/v2/media", 1, fault);
        let got = outcome(&rig, &one("x")).await;
        assert!(matches!(got, PublishOutcome::TryLater { .. }), "{status}: {got:?}");
        assert_eq!(rig.pixelfed.statuses(NAME), []);
    }
}

#[tokio::test]
async fn another_servers_document_is_no_pixelfed() {
    let rig = rig(Errors::All500).await;
    let json = vec![("content-type".to_owned(), "application/json".to_owned())];
    let mastodon = Fault::Answer(200, json, r#"{"version":"4.6.5"}"#.into());
    rig.pixelfed.faults().next("GET", "/api/v", u32::MAX, mastodon);
    match rig.destination().limits().await {
        Err(DestinationError::Malformed(why)) => assert!(why.contains("check instance"), "{why}"),
        other => panic!("{other:?}"),
    }
}
