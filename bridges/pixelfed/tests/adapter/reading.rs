//! Which reader works, what it lists, and what a post is in full.

use tombolo_model::{ApId, Completeness, Cursor, Fetched, Markup, MediaKind, Poll, Source, SourceError, Visibility};
use tombolo_net::stand_in::Fault;
use tombolo_pixelfed::Read;
use tombolo_pixelfed::stand_in::{NewMedia, NewPost, Preferences};

use crate::rig::{NAME, Notes, Rig, draft, fetched, id, ids, listed, photo, picture, publish, scan, seen, video};

fn closed() -> Fault {
    Fault::Answer(
        403,
        vec![("content-type".into(), "text/html".into())],
        "<html>Blocked</html>".into(),
    )
}

#[tokio::test]
async fn a_token_shows_all_and_the_public_list_says_that_it_may_not() {
    let rig = Rig::start().await;
    let posts = rig.publish_many(3);
    for (source, completeness) in [
        (rig.source_with_token(), Completeness::Complete),
        (rig.source(Read::Auto), Completeness::BestEffort),
        (rig.source(Read::Api), Completeness::BestEffort),
        (rig.source(Read::Rss), Completeness::Window(10)),
    ] {
        let reader = source.reader().await.expect("a reader");
        assert_eq!(reader.completeness, completeness, "{reader:?}");
        assert_eq!(listed(&scan(&source).await), ids(&posts), "{reader:?}");
        let actor = source.id().await.expect("an id").0;
        assert_eq!(actor, id(&format!("{}users/{NAME}", rig.pixelfed.base())));
    }
}

#[tokio::test]
async fn the_outbox_is_refused_with_the_name_of_what_works() {
    let rig = Rig::start().await;
    rig.publish("one");
    match rig.source(Read::Outbox).scan(&Cursor::default()).await {
        Err(SourceError::Unsupported(why)) => assert!(why.contains("read = \"api\""), "{why}"),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn where_the_public_list_is_closed_the_feed_is_read() {
    let rig = Rig::start().await;
    let posts = rig.publish_many(2);
    rig.pixelfed.faults().next("GET", "/api/pixelfed/", u32::MAX, closed());
    let source = rig.source(Read::Auto);
    assert_eq!(source.reader().await.expect("a reader").name, "rss");
    assert_eq!(listed(&scan(&source).await), ids(&posts));
    assert_eq!(
        fetched(&source, &id(&posts[0].url)).await.body,
        Markup::Plain("Photo 0".into())
    );
}

#[tokio::test]
async fn where_all_is_closed_a_token_is_asked_for() {
    let rig = Rig::start().await;
    rig.publish("one");
    rig.pixelfed.faults().next("GET", "/api/pixelfed/", u32::MAX, closed());
    rig.pixelfed.set_preferences(
        NAME,
        Preferences {
            show_atom: false,
            ..Preferences::default()
        },
    );
    match rig.source(Read::Auto).reader().await {
        Err(SourceError::Unsupported(why)) => assert!(why.contains("token"), "{why}"),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_private_account_is_never_one_without_posts() {
    let rig = Rig::start().await;
    rig.publish("one");
    let locked = Preferences {
        locked: true,
        ..Preferences::default()
    };
    rig.pixelfed.set_preferences(NAME, locked);
    for read in [Read::Api, Read::Auto, Read::Rss] {
        let result = rig.source(read).scan(&Cursor::default()).await;
        assert!(
            matches!(&result, Err(SourceError::NotFound(_) | SourceError::Unsupported(_))),
            "{read:?}: {result:?}"
        );
    }
}

#[tokio::test]
async fn nobody_of_that_name_is_said_so() {
    let rig = Rig::start().await;
    for token in [None, Some(rig.token.as_str())] {
        let source = rig.source_of(Read::Auto, token, "nobody");
        assert!(matches!(
            source.scan(&Cursor::default()).await,
            Err(SourceError::NotFound(_))
        ));
    }
}

#[tokio::test]
async fn another_persons_token_reads_the_creators_posts_and_nothing_private() {
    let rig = Rig::start().await;
    let post = rig.publish("one");
    let hidden = rig.post(NewPost {
        text: "for followers".into(),
        media: vec![NewMedia::new(picture(1), "")],
        visibility: "private".into(),
        ..NewPost::default()
    });
    let bob = rig.pixelfed.add_account("bob");
    let source = rig.source_of(Read::Auto, Some(&bob), NAME);
    assert_eq!(listed(&scan(&source).await), ids([&post]));
    assert!(matches!(
        source.fetch(&id(&hidden.url)).await,
        Ok(Fetched::NotPublic(_))
    ));
}

#[tokio::test]
async fn what_is_private_is_in_no_list_and_is_never_fetched() {
    let rig = Rig::start().await;
    let public = rig.publish("public");
    let of = |visibility: &str| NewPost {
        text: visibility.into(),
        media: vec![NewMedia::new(picture(1), "")],
        visibility: visibility.into(),
        ..NewPost::default()
    };
    let (unlisted, private) = (rig.post(of("unlisted")), rig.post(of("private")));
    for source in [rig.source_with_token(), rig.source(Read::Api)] {
        let listing = scan(&source).await;
        assert_eq!(listed(&listing), ids([&public, &unlisted]));
        for sighting in &listing.sightings {
            let quiet = sighting.id == id(&unlisted.url);
            let shown = if quiet {
                Visibility::Unlisted
            } else {
                Visibility::Public
            };
            assert_eq!(sighting.visibility, Some(shown));
        }
        assert_eq!(
            fetched(&source, &id(&unlisted.url)).await.visibility,
            Visibility::Unlisted
        );
        let answer = source.fetch(&id(&private.url)).await;
        assert!(matches!(answer, Ok(Fetched::NotPublic(_))), "{answer:?}");
        assert_eq!(source.is_ready(&id(&private.url)).await, Ok(false));
    }
}

#[tokio::test]
async fn comments_and_mixed_albums_are_in_no_list() {
    let rig = Rig::start().await;
    let post = rig.publish("one");
    let comment = rig.post(NewPost {
        text: "and another thing".into(),
        in_reply_to: Some(post.id.clone()),
        ..NewPost::default()
    });
    let mixed = rig.post(NewPost {
        text: "both".into(),
        media: vec![NewMedia::new(picture(1), ""), NewMedia::new(video(), "")],
        ..NewPost::default()
    });
    for source in [rig.source_with_token(), rig.source(Read::Api)] {
        assert_eq!(listed(&scan(&source).await), ids([&post]));
        // What is asked for by name is told all the same.
        assert_eq!(fetched(&source, &id(&mixed.url)).await.media.len(), 2);
        let reply = fetched(&source, &id(&comment.url))
            .await
            .reply
            .expect("it is an answer");
        assert_eq!((reply.own, reply.to), (true, ApId::parse(&post.url)));
    }
}

#[tokio::test]
async fn every_way_of_reading_gives_the_same_post() {
    let rig = Rig::start().await;
    let post = rig.post(NewPost {
        text: "I &lt;3 you\n\n#fédi https://example.org/?a=1&b=2 @bob".into(),
        media: vec![NewMedia::new(picture(1), "first"), NewMedia::new(picture(2), "")],
        sensitive: true,
        spoiler_text: Some("hearts".into()),
        ..NewPost::default()
    });
    rig.pixelfed.add_account("bob");
    let by_token = fetched(&rig.source_with_token(), &id(&post.url)).await;
    assert_eq!(
        by_token.body,
        Markup::Plain("I <3 you\n\n#fédi https://example.org/?a=1&b=2 @bob".into())
    );
    assert_eq!(by_token.content_warning.as_deref(), Some("hearts"));
    assert!(by_token.sensitive);
    assert_eq!(by_token.media[0].alt.as_deref(), Some("first"));
    assert_eq!(fetched(&rig.source(Read::Api), &id(&post.url)).await, by_token);
    rig.pixelfed
        .faults()
        .next("GET", "/api/v2/profile/", u32::MAX, closed());
    let mut by_note = fetched(&rig.source(Read::Rss), &id(&post.url)).await;
    // The stand-in's handles have a port, a real domain has none.
    for mention in &mut by_note.mentions {
        mention.handle = mention.handle.split(':').next().unwrap_or_default().to_owned();
    }
    assert_eq!(by_note, by_token);
}

#[tokio::test]
async fn a_video_and_a_gif_are_what_they_are() {
    let rig = Rig::start().await;
    let gif = bytes::Bytes::from_static(b"GIF89a\x01\0\x01\0\0\0\0;");
    let of = |bytes| NewPost {
        media: vec![NewMedia::new(bytes, "")],
        ..NewPost::default()
    };
    let (video, gif) = (rig.post(of(video())), rig.post(of(gif)));
    let source = rig.source_with_token();
    assert_eq!(fetched(&source, &id(&video.url)).await.media[0].kind, MediaKind::Video);
    assert_eq!(
        fetched(&source, &id(&gif.url)).await.media[0].kind,
        MediaKind::Animation
    );
}

#[tokio::test]
async fn a_deleted_post_is_gone_in_every_version() {
    use tombolo_pixelfed::stand_in::Errors;
    let rig = Rig::start().await;
    let post = rig.publish("one");
    rig.pixelfed.delete_status(&post.id);
    for errors in [Errors::All500, Errors::Proper] {
        rig.pixelfed.set_errors(errors);
        for source in [rig.source_with_token(), rig.source(Read::Api)] {
            assert_eq!(source.fetch(&id(&post.url)).await, Ok(Fetched::Gone));
        }
        let asked = rig.pixelfed.arrivals().count("GET", "/api/v2/profile/");
        assert_eq!(asked, 1, "what is said once isn't asked again");
        rig.pixelfed.arrivals().clear();
    }
    // With federation off nobody says that it is gone.
    rig.pixelfed.set_activitypub(false);
    let answer = rig.source(Read::Api).fetch(&id(&post.url)).await;
    assert!(matches!(answer, Ok(Fetched::NotPublic(_))), "{answer:?}");
}

#[tokio::test]
async fn without_federation_the_web_pages_route_tells_all() {
    let rig = Rig::with(|options| options.activitypub = false).await;
    let post = rig.publish("one");
    let source = rig.source(Read::Auto);
    assert_eq!(listed(&scan(&source).await), ids([&post]));
    assert_eq!(fetched(&source, &id(&post.url)).await.body, Markup::Plain("one".into()));
    rig.pixelfed
        .faults()
        .next("GET", "/api/v2/profile/", u32::MAX, closed());
    match source.fetch(&id(&post.url)).await {
        Err(SourceError::Unsupported(why)) => assert!(why.contains("token"), "{why}"),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn posts_of_other_servers_and_other_people_are_not_taken_for_the_creators() {
    let rig = Rig::start().await;
    rig.pixelfed.add_account("bob");
    let theirs = rig
        .pixelfed
        .post(
            "bob",
            NewPost {
                text: "not hers".into(),
                media: vec![NewMedia::new(picture(1), "")],
                ..NewPost::default()
            },
        )
        .expect("it is posted");
    for source in [rig.source_with_token(), rig.source(Read::Api)] {
        let elsewhere = source.fetch(&id("https://elsewhere.example/p/alice/1")).await;
        assert!(matches!(elsewhere, Ok(Fetched::NotPublic(_))));
        let answer = source.fetch(&id(&theirs.url)).await;
        assert!(matches!(answer, Ok(Fetched::NotPublic(_))), "{answer:?}");
        let profile = source.fetch(&id(&format!("{}{NAME}", rig.pixelfed.base()))).await;
        assert!(matches!(profile, Ok(Fetched::NotPublic(_))));
    }
}

#[tokio::test]
async fn a_dead_token_gives_way_to_the_public_list_which_is_said_in_every_version() {
    use tombolo_pixelfed::stand_in::Errors;
    let rig = Rig::start().await;
    let post = rig.publish("one");
    rig.pixelfed.revoke(&rig.token);
    for errors in [Errors::All500, Errors::Proper] {
        rig.pixelfed.set_errors(errors);
        for read in [Read::Auto, Read::Api] {
            rig.pixelfed.arrivals().clear();
            let source = rig.source_of(read, Some(&rig.token), NAME);
            assert_eq!(listed(&scan(&source).await), ids([&post]));
            assert_eq!(fetched(&source, &id(&post.url)).await.body, Markup::Plain("one".into()));
            let reader = source.reader().await.expect("a reader");
            assert_eq!(reader.completeness, Completeness::BestEffort);
            assert!(reader.why.contains("the token doesn't work"), "{}", reader.why);
            assert!(!reader.why.contains(&rig.token), "{}", reader.why);
            let asked = rig
                .pixelfed
                .arrivals()
                .count("GET", "/api/v1/accounts/verify_credentials");
            assert_eq!(asked, 1, "a refusal is no passing failure");
        }
    }
    // Where nothing is shown to anybody else, the token is the remedy.
    for path in ["/api/pixelfed/", "/users/alice.atom"] {
        rig.pixelfed.faults().next("GET", path, u32::MAX, closed());
    }
    match rig.source_with_token().scan(&Cursor::default()).await {
        Err(SourceError::AuthLost(why)) => {
            assert!(why.contains("token doesn't work") && !why.contains(&rig.token), "{why}");
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_token_that_dies_in_use_is_noticed_and_the_next_look_is_without_it() {
    let rig = Rig::start().await;
    let post = rig.publish("one");
    let source = rig.source_with_token();
    let cursor = scan(&source).await.cursor;
    rig.pixelfed.revoke(&rig.token);
    let result = source.poll(&cursor).await;
    assert!(matches!(result, Err(SourceError::AuthLost(_))), "{result:?}");
    assert_eq!(listed(&scan(&source).await), ids([&post]));
    let reader = source.reader().await.expect("a reader");
    assert_eq!(reader.completeness, Completeness::BestEffort);
}

#[tokio::test]
async fn a_public_list_that_fails_for_good_gives_way_to_the_feed() {
    let rig = Rig::start().await;
    let posts = rig.publish_many(3);
    let bad = Fault::Answer(
        500,
        vec![("content-type".into(), "application/json".into())],
        r#"{"error":"Attempt to read property \"username\" on null"}"#.into(),
    );
    for (read, name) in [(Read::Auto, "rss"), (Read::Api, "api")] {
        let source = rig.source(read);
        source.reader().await.expect("the list works at first");
        let list = "/api/pixelfed/v1/accounts/";
        rig.pixelfed.faults().next("GET", list, u32::MAX, bad.clone());
        let result = source.scan(&Cursor::default()).await;
        assert!(result.is_err(), "{result:?}");
        let reader = source.reader().await.expect("a reader");
        assert_eq!(reader.name, name, "{}", reader.why);
        if name == "rss" {
            assert_eq!(listed(&scan(&source).await), ids(&posts));
            assert!(reader.why.contains("fails to show one of the posts"), "{}", reader.why);
        }
        rig.pixelfed.faults().clear();
    }
}

#[tokio::test]
async fn an_answer_that_is_too_large_is_no_passing_failure() {
    let rig = Rig::start().await;
    rig.publish("one");
    let source = rig.source_with_token();
    scan(&source).await;
    let huge = Fault::Answer(
        200,
        vec![("content-type".into(), "application/json".into())],
        format!("[\"{}\"]", "x".repeat(5 << 20)),
    );
    rig.pixelfed.faults().next("GET", "/api/v1/accounts/", u32::MAX, huge);
    let result = source.scan(&Cursor::default()).await;
    assert!(matches!(result, Err(SourceError::Malformed(_))), "{result:?}");
}

#[tokio::test]
async fn a_poll_without_news_costs_one_request() {
    let rig = Rig::start().await;
    rig.publish_many(3);
    for source in [rig.source_with_token(), rig.source(Read::Api), rig.source(Read::Rss)] {
        let cursor = scan(&source).await.cursor;
        rig.pixelfed.arrivals().clear();
        assert_eq!(source.poll(&cursor).await, Ok(Poll::Unchanged));
        assert_eq!(rig.pixelfed.arrivals().all().len(), 1);
        let new = rig.publish("new");
        let news = seen(source.poll(&cursor).await);
        assert!(listed(&news).contains(&id(&new.url)));
        assert!(!news.scan_needed);
        assert_eq!(source.poll(&news.cursor).await, Ok(Poll::Unchanged));
    }
}

#[tokio::test]
async fn a_post_by_another_servers_id_is_neither_listed_nor_read() {
    let rig = Rig::start().await;
    let (post, other) = (rig.publish("x"), "https://elsewhere.example/p/alice/1");
    let account = rig.pixelfed.account_id(NAME).expect("an account");
    let status = serde_json::json!({
        "id": post.id, "uri": other, "url": post.url, "content_text": "x", "created_at": "2026-11-23T05:47:00.000Z",
        "visibility": "public", "account": {"id": account, "username": NAME},
        "media_attachments": [{"id": "1", "url": format!("{}a.jpg", rig.pixelfed.base()), "mime": "image/jpeg"}],
    });
    let answer = |body: String| Fault::Answer(200, vec![("content-type".into(), "application/json".into())], body);
    let list = format!("/api/v1/accounts/{account}/statuses");
    let faults = rig.pixelfed.faults();
    faults.next("GET", &list, 1, answer(serde_json::json!([status]).to_string()));
    faults.next("GET", &list, u32::MAX, answer("[]".into()));
    faults.next("GET", "/api/v1/statuses/", u32::MAX, answer(status.to_string()));
    let source = rig.source_with_token();
    assert_eq!(scan(&source).await.sightings, []);
    let read = source.fetch(&id(&post.url)).await;
    assert!(matches!(read, Err(SourceError::Malformed(_))), "{read:?}");
}

#[tokio::test]
async fn an_alternative_text_is_read_as_it_was_written() {
    let rig = Rig::start().await;
    let draft = draft("two things", vec![photo(1, "salt & pepper")], 1);
    publish(&rig.destination(), &draft, &mut Notes::default()).await;
    let copy = rig.only();
    assert_eq!(
        copy.media[0].description.as_deref(),
        Some("salt &amp; pepper"),
        "stored purified"
    );
    for source in [rig.source_with_token(), rig.source(Read::Api), rig.source(Read::Rss)] {
        let post = fetched(&source, &id(&copy.url)).await;
        assert_eq!(post.media[0].alt.as_deref(), Some("salt & pepper"));
    }
}
