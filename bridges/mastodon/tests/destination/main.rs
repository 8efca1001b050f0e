//! What a destination does and sees, against the stand-in: boosts, threads, focal points, warnings, look-ups.

mod rig;

use tombolo_mastodon::stand_in::{Elsewhere, Ways};
use tombolo_model::{
    Destination, DestinationError, Focus, Form, IdempotencyKey, Marker, PublishOutcome, PublishProgress, Visibility,
};
use tombolo_net::stand_in::Fault;

use crate::rig::{Rig, answer, draft, photo};

fn elsewhere() -> Elsewhere {
    Elsewhere {
        uri: "https://v.example/videos/watch/1".into(),
        url: "https://v.example/w/1".into(),
        acct: "me@v.example".into(),
        content: "<p>A video</p>".into(),
    }
}

fn marker() -> Marker {
    Marker {
        opening: "secondpart".into(),
        ..Marker::default()
    }
}

#[tokio::test]
async fn a_post_elsewhere_is_found_and_boosted_once() {
    let rig = Rig::start().await;
    let id = rig.toots.add_elsewhere(elsewhere());
    let there = rig.destination();
    let found = there
        .locate("https://v.example/videos/watch/1")
        .await
        .expect("a search");
    assert_eq!(found.as_deref(), Some(id.as_str()));
    assert_eq!(
        there.locate("https://v.example/w/1").await.expect("a search"),
        found,
        "by its page too"
    );
    let mut wish = draft("");
    wish.form = Form::Boost(id.clone());
    let (outcome, steps) = rig.publish(&there, &wish).await;
    let PublishOutcome::Published(copy) = outcome else {
        panic!("{outcome:?}")
    };
    assert_eq!(steps, ["Post"]);
    let posted = rig.toots.statuses("me");
    assert_eq!(posted.len(), 1);
    assert_eq!(posted[0].boost_of.as_deref(), Some(id.as_str()));
    assert_eq!(
        copy.uri, posted[0].uri,
        "the boost's own address, never the boosted post's"
    );
    let marker = Marker {
        boost: Some(id),
        ..Marker::default()
    };
    let seen = there.find(&rig.account, &marker, rig.window()).await.expect("a look");
    assert_eq!((seen.copies, seen.blind), (vec![copy], None));
}

#[tokio::test]
async fn a_boost_that_was_not_made_is_not_found() {
    let rig = Rig::start().await;
    let marker = Marker {
        boost: Some(rig.toots.add_elsewhere(elsewhere())),
        ..Marker::default()
    };
    let seen = rig
        .destination()
        .find(&rig.account, &marker, rig.window())
        .await
        .expect("a look");
    assert_eq!((seen.copies.len(), seen.blind), (0, None));
    let theirs = rig.toots.post("other", "theirs", "public").expect("it is published");
    let marker = Marker {
        boost: Some(theirs.id),
        ..Marker::default()
    };
    let seen = rig
        .destination()
        .find(&rig.account, &marker, rig.window())
        .await
        .expect("a look");
    assert!(seen.copies.is_empty());
}

#[tokio::test]
async fn a_boost_whose_answer_was_lost_is_unknown_and_then_found() {
    let rig = Rig::start().await;
    let theirs = rig.toots.post("other", "theirs", "public").expect("it is published");
    rig.toots.faults().next("POST", "/api/v1/statuses", 1, Fault::CutAfter);
    let mut wish = draft("");
    wish.form = Form::Boost(theirs.id.clone());
    let (outcome, _) = rig.publish(&rig.destination(), &wish).await;
    assert!(matches!(outcome, PublishOutcome::Unknown { .. }), "{outcome:?}");
    let marker = Marker {
        boost: Some(theirs.id),
        ..Marker::default()
    };
    let seen = rig
        .destination()
        .find(&rig.account, &marker, rig.window())
        .await
        .expect("a look");
    assert_eq!(seen.copies.len(), 1);
    assert_eq!(seen.copies[0].uri, rig.toots.statuses("me")[0].uri);
}

#[tokio::test]
async fn a_boost_of_what_is_gone_is_refused_and_nothing_happens_unnoted() {
    let rig = Rig::start().await;
    let mut wish = draft("");
    wish.form = Form::Boost("12345".into());
    let (outcome, _) = rig.publish(&rig.destination(), &wish).await;
    assert!(matches!(outcome, PublishOutcome::Rejected { .. }), "{outcome:?}");
    rig.toots.arrivals().clear();
    let outcome = rig.publish_unnoted(&rig.destination(), &wish).await;
    assert!(matches!(outcome, PublishOutcome::NotNoted(_)), "{outcome:?}");
    assert!(rig.toots.arrivals().all().is_empty());
}

#[tokio::test]
async fn a_search_tells_unknown_from_forbidden_and_from_trouble() {
    let rig = Rig::start().await;
    assert_eq!(rig.destination().locate("https://v.example/nothing").await, Ok(None));
    let narrow = rig.with_token(
        &rig.toots
            .token("me", "profile write:statuses write:media read:statuses"),
    );
    let refused = narrow.locate("https://v.example/nothing").await;
    assert!(
        matches!(&refused, Err(DestinationError::AuthLost(why)) if why.contains("read:search")),
        "{refused:?}"
    );
    rig.toots
        .faults()
        .next("GET", "/api/v2/search", u32::MAX, answer(503, "busy"));
    let trouble = rig.destination().locate("https://v.example/nothing").await;
    assert!(matches!(trouble, Err(DestinationError::Transient(_))), "{trouble:?}");
    rig.toots.faults().clear();
    let other = r#"{"statuses":[{"id":"7","uri":"https://elsewhere.example/7","url":"https://elsewhere.example/7"}]}"#;
    rig.toots.faults().next("GET", "/api/v2/search", 1, answer(200, other));
    let found = rig.destination().locate("https://v.example/nothing").await;
    assert_eq!(found, Ok(None), "another post than the one asked for isn't it");
}

#[tokio::test]
async fn a_part_continues_the_one_before_and_is_found_by_that() {
    let rig = Rig::start().await;
    let there = rig.destination();
    let (first, _) = rig.publish(&there, &draft("first part")).await;
    let PublishOutcome::Published(first) = first else {
        panic!("{first:?}")
    };
    let mut second = draft("Second part, without a link");
    second.form = Form::Status {
        reply_to: Some(first.id.clone()),
    };
    rig.toots.faults().next("POST", "/api/v1/statuses", 1, Fault::CutAfter);
    let (outcome, _) = rig.publish(&there, &second).await;
    assert!(matches!(outcome, PublishOutcome::Unknown { .. }), "{outcome:?}");
    let posted = rig.toots.statuses("me").pop().expect("it was posted");
    assert_eq!(posted.in_reply_to.as_deref(), Some(first.id.as_str()));
    let mut marker = Marker {
        reply_to: Some(first.id),
        ..marker()
    };
    let seen = there.find(&rig.account, &marker, rig.window()).await.expect("a look");
    assert_eq!(
        seen.copies.iter().map(|copy| &copy.uri).collect::<Vec<_>>(),
        [&posted.uri]
    );
    marker.reply_to = Some("1".into());
    let seen = there.find(&rig.account, &marker, rig.window()).await.expect("a look");
    assert!(seen.copies.is_empty());
}

#[tokio::test]
async fn an_answer_to_what_is_gone_is_refused() {
    let rig = Rig::start().await;
    let mut wish = draft("second part");
    wish.form = Form::Status {
        reply_to: Some("99".into()),
    };
    let (outcome, _) = rig.publish(&rig.destination(), &wish).await;
    assert!(
        matches!(&outcome, PublishOutcome::Rejected { reason } if reason.contains("reply")),
        "{outcome:?}"
    );
}

#[tokio::test]
async fn focal_points_travel_with_their_pictures() {
    let rig = Rig::start().await;
    let mut wish = draft("two pictures");
    wish.media = vec![photo("1.jpg"), photo("2.jpg")];
    wish.media[1].focus = Some(Focus { x: -0.5, y: 0.25 });
    let (outcome, steps) = rig.publish(&rig.destination(), &wish).await;
    assert!(matches!(outcome, PublishOutcome::Published(_)), "{outcome:?}");
    assert_eq!(steps, ["Upload", "Wait", "Upload", "Wait", "Post"]);
    let media = &rig.toots.statuses("me")[0].media;
    assert_eq!((media[0].focus, media[1].focus), (None, Some((-0.5, Some(0.25)))));
}

#[tokio::test]
async fn a_server_that_drops_sensitive_is_mended_and_remembered() {
    let rig = Rig::start().await;
    rig.toots.set_ways(Ways {
        sensitive_alone: false,
        ..Ways::default()
    });
    let there = rig.destination();
    let mut wish = draft("a picture");
    (wish.sensitive, wish.language) = (true, Some("de".into()));
    wish.media = vec![photo("1.jpg")];
    let (outcome, _) = rig.publish(&there, &wish).await;
    let PublishOutcome::Published(copy) = outcome else {
        panic!("{outcome:?}")
    };
    let posted = rig.toots.statuses("me");
    assert!(posted[0].sensitive && posted[0].spoiler_text == "Sensibler Inhalt");
    assert_eq!((posted[0].media.len(), posted[0].text.as_str()), (1, "a picture"));
    assert_eq!(copy.differences.len(), 1, "{:?}", copy.differences);
    assert_eq!(copy.differences[0].what, "content warning");
    rig.toots.arrivals().clear();
    (wish.media, wish.key) = (vec![photo("2.jpg")], rig::key());
    let (outcome, _) = rig.publish(&there, &wish).await;
    assert!(matches!(outcome, PublishOutcome::Published(_)), "{outcome:?}");
    assert!(
        rig.toots.arrivals().all().iter().all(|arrival| arrival.method != "PUT"),
        "covered from the start"
    );
    assert!(rig.toots.statuses("me")[1].sensitive);
    // What isn't sensitive, or has no picture, needs no cover.
    let (outcome, _) = rig.publish(&there, &draft("text")).await;
    assert!(matches!(outcome, PublishOutcome::Published(_)), "{outcome:?}");
    assert_eq!(rig.toots.statuses("me")[2].spoiler_text, "");
}

#[tokio::test]
async fn where_nothing_shows_that_sensitive_is_kept_a_neutral_warning_goes_along_from_the_start() {
    let rig = Rig::start().await;
    rig.toots.set_ways(Ways {
        names_api: false,
        sensitive_alone: false,
        ..Ways::default()
    });
    let mut wish = draft("a picture");
    (wish.sensitive, wish.language) = (true, Some("de".into()));
    wish.media = vec![photo("1.jpg")];
    let (outcome, _) = rig.publish(&rig.destination(), &wish).await;
    let PublishOutcome::Published(copy) = outcome else {
        panic!("{outcome:?}")
    };
    let posted = rig.toots.statuses("me");
    assert!(posted[0].sensitive && posted[0].spoiler_text == "Sensibler Inhalt");
    assert_eq!(rig.toots.arrivals().count("PUT", "/api/v1/statuses/"), 0);
    assert_eq!(copy.differences.len(), 1, "{:?}", copy.differences);
    assert_eq!(copy.differences[0].what, "content warning");
    // What isn't sensitive needs none.
    let (outcome, _) = rig.publish(&rig.destination(), &draft("text")).await;
    assert!(matches!(outcome, PublishOutcome::Published(_)), "{outcome:?}");
    assert_eq!(rig.toots.statuses("me")[1].spoiler_text, "");
}

#[tokio::test]
async fn a_text_without_room_for_the_added_warning_goes_without_and_shows_what_the_server_keeps() {
    let rig = Rig::start().await;
    rig.toots.set_ways(Ways {
        names_api: false,
        ..Ways::default()
    });
    let there = rig.destination();
    let mut wish = draft(&"x".repeat(500));
    wish.sensitive = true;
    wish.media = vec![photo("1.jpg")];
    // As GoToSocial refuses it, though with 400.
    let long = answer(400, r#"{"error":"text with spoiler exceed max chars (500)"}"#);
    rig.toots.faults().next("POST", "/api/v1/statuses", 1, long);
    let (outcome, _) = rig.publish(&there, &wish).await;
    assert!(matches!(outcome, PublishOutcome::TryLater { .. }), "{outcome:?}");
    let (outcome, _) = rig.publish(&there, &wish).await;
    assert!(matches!(outcome, PublishOutcome::Published(_)), "{outcome:?}");
    let (mut next, key) = (draft("short"), rig::key());
    (next.sensitive, next.media, next.key) = (true, vec![photo("2.jpg")], key);
    let (outcome, _) = rig.publish(&there, &next).await;
    assert!(matches!(outcome, PublishOutcome::Published(_)), "{outcome:?}");
    let posted = rig.toots.statuses("me");
    assert!(posted.iter().all(|toot| toot.sensitive && toot.spoiler_text.is_empty()));
}

#[tokio::test]
async fn a_picture_whose_words_are_too_few_for_the_instance_is_given_up_and_not_the_post() {
    let rig = Rig::start().await;
    rig.toots.set_ways(Ways {
        names_api: false,
        alt_min: 20,
        ..Ways::default()
    });
    let mut wish = draft("a picture");
    wish.media = vec![photo("1.jpg")];
    let (outcome, _) = rig.publish(&rig.destination(), &wish).await;
    assert!(
        matches!(&outcome, PublishOutcome::MediaRejected { index: 0, reason } if reason.contains("alternative text")),
        "{outcome:?}"
    );
}

#[tokio::test]
async fn where_the_edit_is_refused_the_difference_is_recorded() {
    let rig = Rig::start().await;
    rig.toots.set_ways(Ways {
        sensitive_alone: false,
        ..Ways::default()
    });
    rig.toots.faults().next("PUT", "/api/v1/statuses", 1, answer(404, "{}"));
    let mut wish = draft("a picture");
    wish.sensitive = true;
    wish.media = vec![photo("1.jpg")];
    let (outcome, _) = rig.publish(&rig.destination(), &wish).await;
    let PublishOutcome::Published(copy) = outcome else {
        panic!("{outcome:?}")
    };
    assert_eq!(copy.differences.len(), 1);
    assert_eq!(
        (copy.differences[0].what.as_str(), copy.differences[0].got.as_str()),
        ("sensitive", "false")
    );
    assert_eq!(rig.toots.statuses("me").len(), 1, "it is never posted again");
}

#[tokio::test]
async fn an_added_warning_that_makes_a_post_too_long_is_left_out_the_next_time() {
    let rig = Rig::start().await;
    rig.toots.set_ways(Ways {
        sensitive_alone: false,
        ..Ways::default()
    });
    let there = rig.destination();
    let mut wish = draft("a picture");
    wish.sensitive = true;
    wish.media = vec![photo("1.jpg")];
    rig.publish(&there, &wish).await;
    wish.text = "x".repeat(500);
    (wish.media, wish.key) = (vec![photo("2.jpg")], rig::key());
    let (outcome, _) = rig.publish(&there, &wish).await;
    assert!(matches!(outcome, PublishOutcome::TryLater { .. }), "{outcome:?}");
    let (outcome, _) = rig.publish(&there, &wish).await;
    assert!(matches!(outcome, PublishOutcome::Published(_)), "{outcome:?}");
    assert_eq!(rig.toots.statuses("me").len(), 2);
}

#[tokio::test]
async fn copies_are_as_visible_as_meant() {
    let rig = Rig::start().await;
    let mut wish = draft("quietly");
    wish.visibility = Visibility::Unlisted;
    rig.publish(&rig.destination(), &wish).await;
    assert_eq!(rig.toots.statuses("me")[0].visibility, "unlisted");
}

/// The bodies of what was sent so, as JSON.
fn sent(rig: &Rig, method: &str) -> Vec<serde_json::Value> {
    let all = rig.toots.arrivals().all();
    let to_statuses = |path: &str| path.starts_with("/api/v1/statuses");
    all.iter()
        .filter(|arrival| arrival.method == method && to_statuses(arrival.path()))
        .map(|arrival| arrival.json().expect("JSON"))
        .collect()
}

#[tokio::test]
async fn a_text_is_said_to_be_plain_where_texts_have_types() {
    for content_types in [true, false] {
        let rig = Rig::start().await;
        rig.toots.set_ways(Ways {
            content_types,
            sensitive_alone: false,
            ..Ways::default()
        });
        let mut wish = draft("*a picture*");
        wish.sensitive = true;
        wish.media = vec![photo("1.jpg")];
        rig.publish(&rig.destination(), &wish).await;
        let bodies = [sent(&rig, "POST"), sent(&rig, "PUT")].concat();
        assert_eq!(bodies.len(), 2, "posted, and mended");
        for body in bodies {
            let meant = content_types.then_some("text/plain");
            assert_eq!(body.get("content_type").and_then(|kind| kind.as_str()), meant);
        }
    }
}

#[tokio::test]
async fn a_disallowed_hashtag_is_taken_out_once() {
    let rig = Rig::start().await;
    rig.toots.disallow_hashtag("Spam");
    let (outcome, _) = rig.publish(&rig.destination(), &draft("A film\n\n#Spam #Film")).await;
    let PublishOutcome::Published(copy) = outcome else {
        panic!("{outcome:?}")
    };
    let posted = rig.toots.statuses("me");
    assert_eq!(posted.len(), 1);
    assert_eq!(posted[0].text, "A film\n\nSpam #Film");
    assert_eq!(copy.differences.len(), 1);
    assert_eq!(copy.differences[0].meant, "#spam");

    // A refusal that names what we didn't write stays one, after one request.
    rig.toots.arrivals().clear();
    let odd = answer(
        422,
        r#"{"error":"Validation failed: Text contained a disallowed hashtag: other"}"#,
    );
    rig.toots.faults().next("POST", "/api/v1/statuses", 1, odd);
    let (outcome, _) = rig.publish(&rig.destination(), &draft("#Film")).await;
    assert!(matches!(outcome, PublishOutcome::Rejected { .. }), "{outcome:?}");
    assert_eq!(sent(&rig, "POST").len(), 1);
}

#[tokio::test]
async fn a_server_that_answers_a_boost_with_the_boosted_post_has_not_named_the_copy() {
    let rig = Rig::start().await;
    let theirs = rig.toots.post("other", "theirs", "public").expect("it is published");
    let inner = serde_json::json!({"id": theirs.id, "uri": theirs.uri, "reblogged": true}).to_string();
    let fault = Fault::AnswerAfter(200, "application/json".into(), inner);
    rig.toots.faults().next("POST", "/api/v1/statuses", 1, fault);
    let mut wish = draft("");
    wish.form = Form::Boost(theirs.id.clone());
    let (outcome, _) = rig.publish(&rig.destination(), &wish).await;
    assert!(matches!(outcome, PublishOutcome::Unknown { .. }), "{outcome:?}");
    // Pleroma lists a boost under the boosted post's own address.
    let listed = serde_json::json!([{"id": "77", "uri": theirs.uri, "account": {"id": rig.account},
        "reblog": {"id": theirs.id, "uri": theirs.uri}}]);
    let list = format!("/api/v1/accounts/{}/statuses", rig.account);
    rig.toots
        .faults()
        .next("GET", &list, 1, answer(200, &listed.to_string()));
    let marker = Marker {
        boost: Some(theirs.id),
        ..Marker::default()
    };
    let there = rig.destination();
    let seen = there.find(&rig.account, &marker, rig.window()).await.expect("a look");
    assert_eq!(seen.copies.len(), 1);
    assert_eq!(seen.copies[0].id, "77");
    assert_ne!(
        seen.copies[0].uri, theirs.uri,
        "or the original would be taken for a copy"
    );
}

#[tokio::test]
async fn only_the_api_says_that_a_file_is_processed() {
    let rig = Rig::start().await;
    let there = rig.destination();
    let mut wish = draft("a picture");
    wish.media = vec![photo("1.jpg")];
    let begun = answer(202, r#"{"id":"5","url":null}"#);
    rig.toots.faults().next("POST", "/api/v2/media", 1, begun);
    let page = Fault::Answer(200, vec![("content-type".into(), "text/html".into())], "<p>Soon".into());
    rig.toots.faults().next("GET", "/api/v1/media/5", 1, page);
    let (outcome, _) = rig.publish(&there, &wish).await;
    let PublishOutcome::InWork { progress, .. } = outcome else {
        panic!("{outcome:?}")
    };
    assert_eq!(
        (progress.uploaded.len(), progress.uploaded[0].url.as_deref()),
        (1, None)
    );
    assert_eq!(sent(&rig, "POST").len(), 0);
}

#[tokio::test]
async fn a_file_that_the_server_loses_is_sent_again_but_not_for_ever() {
    let rig = Rig::start().await;
    let there = rig.destination();
    let mut wish = draft("a picture");
    wish.media = vec![photo("1.jpg")];
    let begun = answer(202, r#"{"id":"5","url":null}"#);
    rig.toots.faults().next("POST", "/api/v2/media", u32::MAX, begun);
    rig.toots.faults().next(
        "GET",
        "/api/v1/media/5",
        u32::MAX,
        answer(404, r#"{"error":"Record not found"}"#),
    );
    let mut progress = PublishProgress::default();
    for _ in 0..2 {
        progress = match rig.publish_on(&there, &wish, progress).await {
            PublishOutcome::InWork { progress, .. } => progress,
            other => panic!("{other:?}"),
        };
    }
    let outcome = rig.publish_on(&there, &wish, progress).await;
    assert!(
        matches!(outcome, PublishOutcome::MediaRejected { index: 0, .. }),
        "{outcome:?}"
    );
    assert_eq!(rig.toots.arrivals().count("POST", "/api/v2/media"), 3);
}

#[tokio::test]
async fn a_post_whose_file_the_server_still_works_on_is_sent_again_with_the_same_key_but_not_for_ever() {
    let rig = Rig::start().await;
    let there = rig.destination();
    let mut wish = draft("a picture");
    wish.media = vec![photo("1.jpg")];
    let words = r#"{"error":"Cannot attach files that have not finished processing. Try again in a moment!"}"#;
    rig.toots
        .faults()
        .next("POST", "/api/v1/statuses", 2, answer(422, words));
    let mut progress = PublishProgress::default();
    for _ in 0..2 {
        progress = match rig.publish_on(&there, &wish, progress).await {
            PublishOutcome::InWork { progress, .. } => progress,
            other => panic!("{other:?}"),
        };
        assert_eq!(progress.uploaded.len(), 1, "it isn't uploaded again");
    }
    let outcome = rig.publish_on(&there, &wish, progress).await;
    assert!(matches!(outcome, PublishOutcome::Published(_)), "{outcome:?}");
    assert_eq!(rig.toots.arrivals().count("POST", "/api/v2/media"), 1);

    rig.toots
        .faults()
        .next("POST", "/api/v1/statuses", u32::MAX, answer(422, words));
    let mut progress = PublishProgress::default();
    wish.key = IdempotencyKey::from_random([9; 16]);
    for _ in 0..20 {
        progress = match rig.publish_on(&there, &wish, progress).await {
            PublishOutcome::InWork { progress, .. } => progress,
            PublishOutcome::Rejected { reason } => {
                assert!(reason.contains("finished processing"), "{reason}");
                return;
            }
            other => panic!("{other:?}"),
        };
    }
    panic!("it would go on for ever");
}

#[tokio::test]
async fn a_file_that_is_gone_when_the_post_is_made_is_sent_again_but_not_for_ever() {
    let rig = Rig::start().await;
    let there = rig.destination();
    let mut wish = draft("a picture");
    wish.media = vec![photo("1.jpg")];
    let words = r#"{"error":"Media 7 not found or already attached to another post"}"#;
    rig.toots
        .faults()
        .next("POST", "/api/v1/statuses", 1, answer(422, words));
    let PublishOutcome::InWork { progress, .. } = rig.publish_on(&there, &wish, PublishProgress::default()).await
    else {
        panic!("it can be sent again")
    };
    assert!(progress.uploaded.is_empty());
    let outcome = rig.publish_on(&there, &wish, progress.clone()).await;
    assert!(matches!(outcome, PublishOutcome::Published(_)), "{outcome:?}");
    assert_eq!(rig.toots.arrivals().count("POST", "/api/v2/media"), 2);
    rig.toots
        .faults()
        .next("POST", "/api/v1/statuses", u32::MAX, answer(422, words));
    wish.key = IdempotencyKey::from_random([9; 16]);
    let PublishOutcome::InWork { progress, .. } = rig.publish_on(&there, &wish, progress).await else {
        panic!("once more")
    };
    let outcome = rig.publish_on(&there, &wish, progress).await;
    assert!(matches!(outcome, PublishOutcome::Rejected { .. }), "{outcome:?}");
}

#[tokio::test]
async fn an_account_that_is_gone_for_good_stops() {
    let rig = Rig::start().await;
    let gone = answer(410, r#"{"error":"Gone"}"#);
    rig.toots
        .faults()
        .next("GET", "/api/v1/accounts/verify_credentials", 1, gone);
    let result = rig.destination().identity().await;
    assert!(matches!(result, Err(DestinationError::AuthLost(_))), "{result:?}");
}
