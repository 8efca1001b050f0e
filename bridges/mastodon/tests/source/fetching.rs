//! One post, in full.

use tombolo_mastodon::Read;
use tombolo_mastodon::stand_in::{NewMedia, NewStatus, Ways};
use tombolo_model::{Fetched, MediaKind, Post, Source, SourceError, Visibility};
use tombolo_net::stand_in::Fault;

use crate::rig::{Rig, clip, fetched, id, scanned};

fn path(address: &str) -> String {
    id(address).to_url().path().to_owned()
}

/// The post without what only the API says.
fn alike(mut post: Post) -> Post {
    post.application = None;
    for media in &mut post.media {
        media.thumbnail = None;
        if media.kind == MediaKind::Animation {
            media.kind = MediaKind::Video;
        }
        for rendition in &mut media.renditions {
            (rendition.fps, rendition.has_audio) = (None, None);
        }
    }
    post
}

#[tokio::test]
async fn every_reader_gives_the_same_post() {
    let rig = Rig::start().await;
    let first = rig
        .toots
        .post("me", "the first part", "public")
        .expect("it is published");
    let theirs = rig.toots.post("other", "theirs", "public").expect("it is published");
    let posts = [
        NewStatus::new("Hello #World and @other\n\nsee https://v.example/w/1?a=1&b=2").language(Some("de")),
        NewStatus::new("pictures")
            .media(NewMedia::new(clip("picture.jpg")).alt("a picture").focus(-0.5, 0.25))
            .media(NewMedia::new(clip("picture.png"))),
        NewStatus::new("a film")
            .warning("loud")
            .media(NewMedia::new(clip("clip-with-sound.mp4")).alt("me")),
        NewStatus::new("a loop")
            .sensitive()
            .media(NewMedia::new(clip("clip-silent.mp4"))),
        NewStatus::new("a tone")
            .media(NewMedia::new(clip("tone.mp3")))
            .language(None),
        NewStatus::new("which?").poll(&["this", "that"]).visibility("unlisted"),
        NewStatus::new("look").quote(&theirs.id),
        NewStatus::new("the second part").reply_to(&first.id),
        NewStatus::new("an answer").reply_to(&theirs.id),
        NewStatus::new("").html(
            "<p>:blobcat: <b>bold</b> &amp; <a class=\"mention hashtag\" href=\"/t/x\">#<span>Été</span></a></p>",
        ),
    ];
    for new in posts {
        let text = new.text.clone();
        rig.clock.advance(std::time::Duration::from_secs(1));
        let made = rig.toots.publish("me", new).expect("it is published");
        let by_api = fetched(&rig.with_token(), &made.uri).await;
        let openly = fetched(&rig.source(Read::Api, None), &made.uri).await;
        let by_outbox = fetched(&rig.source(Read::Outbox, None), &made.uri).await;
        let by_rss = fetched(&rig.source(Read::Rss, None), &made.uri).await;
        assert_eq!(by_api, openly, "{text}");
        assert_eq!(by_outbox, by_rss, "{text}");
        assert_eq!(alike(by_api.clone()), alike(by_outbox), "{text}");
        let by_link = fetched(&rig.with_token(), &made.url).await;
        assert_eq!(by_link, by_api, "the link leads to the same post");
        assert_eq!(by_api.id.as_str(), made.uri);
    }
}

#[tokio::test]
async fn threads_and_answers_are_told_apart() {
    let rig = Rig::start().await;
    let first = rig.toots.post("me", "one", "public").expect("it is published");
    let theirs = rig.toots.post("other", "theirs", "public").expect("it is published");
    for (parent, own) in [(&first, true), (&theirs, false)] {
        let made = rig
            .toots
            .publish("me", NewStatus::new("two").reply_to(&parent.id))
            .expect("it is published");
        for source in [rig.with_token(), rig.source(Read::Outbox, None)] {
            let reply = fetched(&source, &made.uri).await.reply.expect("it is an answer");
            assert_eq!(reply.own, own);
            assert_eq!(reply.to.map(String::from), Some(parent.uri.clone()));
        }
    }
}

#[tokio::test]
async fn the_files_can_be_fetched_in_parts() {
    let rig = Rig::start().await;
    let bytes = clip("clip-with-sound.mp4");
    let new = NewStatus::new("a film").media(NewMedia::new(bytes.clone()));
    let made = rig.toots.publish("me", new).expect("it is published");
    let post = fetched(&rig.with_token(), &made.uri).await;
    let file = &post.media[0].renditions[0];
    assert_eq!(
        (file.media_type.as_str(), post.media[0].kind),
        ("video/mp4", MediaKind::Video)
    );
    let request = reqwest::Client::new()
        .get(file.url.clone())
        .header("range", "bytes=100-199");
    let answer = request.send().await.expect("an answer");
    assert_eq!(answer.status().as_u16(), 206);
    assert_eq!(answer.headers()["content-type"], "video/mp4");
    assert_eq!(answer.bytes().await.expect("a body")[..], bytes[100..200]);
}

#[tokio::test]
async fn what_is_not_for_everybody_is_not_public_whoever_asks() {
    let rig = Rig::start().await;
    for visibility in ["private", "direct", "limited"] {
        let made = rig
            .toots
            .post("me", "not for everybody", visibility)
            .expect("it is published");
        let fetch = rig.with_token().fetch(&id(&made.uri)).await;
        assert!(matches!(fetch, Ok(Fetched::NotPublic(_))), "{visibility}: {fetch:?}");
        assert!(!rig.with_token().is_ready(&id(&made.uri)).await.expect("an answer"));
        for read in [Read::Api, Read::Outbox] {
            let fetch = rig.source(read, None).fetch(&id(&made.uri)).await;
            assert!(
                matches!(fetch, Ok(Fetched::NotPublic(_) | Fetched::Gone)),
                "{visibility}: {fetch:?}"
            );
        }
    }
    let quiet = rig.toots.post("me", "quiet", "unlisted").expect("it is published");
    let post = fetched(&rig.with_token(), &quiet.uri).await;
    assert_eq!(post.visibility, Visibility::Unlisted);
}

#[tokio::test]
async fn an_api_that_calls_everything_public_and_english_is_not_believed_where_the_object_shows() {
    let rig = Rig::start().await;
    rig.toots.set_ways(Ways {
        names_api: false,
        tells_audience: false,
        ..Ways::default()
    });
    let quiet = NewStatus::new("leise").visibility("unlisted").language(Some("de"));
    let quiet = rig.toots.publish("me", quiet).expect("it is published");
    let plain = NewStatus::new("...").language(None);
    let plain = rig.toots.publish("me", plain).expect("it is published");
    let source = rig.with_token();
    scanned(&source).await;
    rig.toots.arrivals().clear();
    let seen = [fetched(&source, &quiet.uri).await, fetched(&source, &plain.uri).await];
    let said = seen.map(|post| (post.visibility, post.language));
    assert_eq!(
        said,
        [(Visibility::Unlisted, Some("de".into())), (Visibility::Public, None)]
    );
    let objects = || {
        let of = |uri: &str| rig.toots.arrivals().count("GET", &path(uri));
        (of(&quiet.uri), of(&plain.uri))
    };
    assert_eq!(objects(), (1, 1), "once a post");
    assert!(source.is_ready(&id(&quiet.uri)).await.expect("an answer"));
    assert_eq!(objects(), (1, 1));
}

#[tokio::test]
async fn where_the_object_is_not_shown_the_apis_word_holds_and_where_it_fails_nothing_does() {
    let rig = Rig::start().await;
    let ways = Ways {
        names_api: false,
        tells_audience: false,
        ..Ways::default()
    };
    rig.toots.set_ways(Ways {
        unsigned_objects: false,
        ..ways
    });
    let quiet = rig.toots.post("me", "quiet", "unlisted").expect("it is published");
    let source = rig.with_token();
    assert_eq!(fetched(&source, &quiet.uri).await.visibility, Visibility::Public);
    let missing = Fault::Answer(404, Vec::new(), String::new());
    rig.toots.faults().next("GET", &path(&quiet.uri), 1, missing);
    assert_eq!(fetched(&source, &quiet.uri).await.visibility, Visibility::Public);
    let busy = Fault::Answer(503, Vec::new(), String::new());
    rig.toots.faults().next("GET", &path(&quiet.uri), u32::MAX, busy);
    let unsure = source.fetch(&id(&quiet.uri)).await;
    assert!(
        matches!(unsure, Err(SourceError::Transient(_) | SourceError::Throttled { .. })),
        "{unsure:?}"
    );
}

#[tokio::test]
async fn a_mastodon_is_asked_once_for_a_post() {
    let rig = Rig::start().await;
    let made = rig.toots.post("me", "hello", "public").expect("it is published");
    let source = rig.with_token();
    scanned(&source).await;
    fetched(&source, &made.uri).await;
    assert_eq!(rig.toots.arrivals().count("GET", &path(&made.uri)), 0);
}

#[tokio::test]
async fn somebody_elses_post_is_not_the_creators() {
    let rig = Rig::start().await;
    let theirs = rig.toots.post("other", "theirs", "public").expect("it is published");
    for source in [
        rig.with_token(),
        rig.source(Read::Api, None),
        rig.source(Read::Outbox, None),
    ] {
        let fetch = source.fetch(&id(&theirs.uri)).await;
        assert!(matches!(fetch, Ok(Fetched::NotPublic(_))), "{fetch:?}");
        let fetch = source.fetch(&id("https://elsewhere.example/users/me/statuses/1")).await;
        assert!(matches!(fetch, Ok(Fetched::NotPublic(_))), "{fetch:?}");
    }
}

#[tokio::test]
async fn a_deleted_post_is_gone() {
    let rig = Rig::start().await;
    for (read, with_token) in [
        (Read::Api, true),
        (Read::Api, false),
        (Read::Outbox, false),
        (Read::Rss, false),
    ] {
        let made = rig.toots.post("me", "soon gone", "public").expect("it is published");
        let source = rig.source(read, with_token.then_some(rig.token.as_str()));
        assert!(source.is_ready(&id(&made.uri)).await.expect("an answer"));
        rig.toots.delete_status(&made.id);
        assert_eq!(source.fetch(&id(&made.uri)).await, Ok(Fetched::Gone), "{read:?}");
        assert!(!source.is_ready(&id(&made.uri)).await.expect("an answer"));
    }
}

#[tokio::test]
async fn an_edit_is_read_with_its_time() {
    let rig = Rig::start().await;
    let made = rig.toots.post("me", "first", "public").expect("it is published");
    rig.clock.advance(std::time::Duration::from_secs(90));
    rig.toots.edit(&made.id, "second #new");
    for source in [rig.with_token(), rig.source(Read::Outbox, None)] {
        let post = fetched(&source, &made.uri).await;
        assert_eq!(post.tags, ["new"]);
        let age = post.updated.expect("it was edited") - post.published.expect("it was published");
        assert_eq!(age.num_seconds(), 90);
    }
}

#[tokio::test]
async fn a_post_whose_file_is_processed_is_not_ready() {
    let rig = Rig::start().await;
    let new = NewStatus::new("a film").media(NewMedia::new(clip("clip-with-sound.mp4")).in_work());
    let made = rig.toots.publish("me", new).expect("it is published");
    let source = rig.with_token();
    assert!(!source.is_ready(&id(&made.uri)).await.expect("an answer"));
    assert_eq!(scanned(&source).await.sightings[0].ready, Some(false));
}

/// A status as another server's API writes it, in place of the one that was published.
async fn rewritten(rig: &Rig, uri: &str, rewrite: impl Fn(&mut serde_json::Value)) -> Fetched {
    let last = uri.rsplit('/').next().expect("an id").to_owned();
    let path = format!("/api/v1/statuses/{last}");
    let url = rig.toots.base().join(&path).expect("an address");
    let shown = reqwest::Client::new().get(url).bearer_auth(&rig.token).send().await;
    let mut status: serde_json::Value = shown.expect("an answer").json().await.expect("a status");
    rewrite(&mut status);
    let json = vec![("content-type".to_owned(), "application/json".to_owned())];
    let answer = Fault::Answer(200, json, status.to_string());
    rig.toots.faults().next("GET", &path, 1, answer);
    rig.with_token().fetch(&id(uri)).await.expect("an answer")
}

#[tokio::test]
async fn a_post_that_disappears_by_itself_is_not_for_copies() {
    let rig = Rig::start().await;
    let made = rig.toots.post("me", "soon gone", "public").expect("it is published");
    let at = "2026-12-01T00:00:00.000Z";
    let read = rewritten(&rig, &made.uri, |status| {
        status["pleroma"] = serde_json::json!({"expires_at": at});
    });
    assert!(
        matches!(&read.await, Fetched::NotPublic(why) if why.contains(at)),
        "it says when"
    );
    let read = rewritten(&rig, &made.uri, |status| {
        status["pleroma"] = serde_json::json!({"expires_at": null});
    });
    assert!(matches!(read.await, Fetched::Post(_)));
}

#[tokio::test]
async fn where_it_is_not_said_whom_a_post_answers_the_answered_post_tells() {
    let rig = Rig::start().await;
    let own = rig.toots.post("me", "first", "public").expect("it is published");
    let theirs = rig.toots.post("other", "theirs", "public").expect("it is published");
    for (parent, expected) in [(&own, true), (&theirs, false)] {
        let answer = NewStatus::new("an answer").reply_to(&parent.id);
        let made = rig.toots.publish("me", answer).expect("it is published");
        let read = rewritten(&rig, &made.uri, |status| {
            status["in_reply_to_account_id"] = serde_json::Value::Null;
        });
        let Fetched::Post(post) = read.await else {
            panic!("a post")
        };
        assert_eq!(post.reply.expect("an answer").own, expected);
    }
}

#[tokio::test]
async fn a_server_that_lists_openly_but_shows_single_posts_to_tokens_only_is_read_at_their_addresses() {
    let rig = Rig::start().await;
    let made = rig.toots.post("me", "hello", "public").expect("it is published");
    let refusal = Fault::Answer(401, Vec::new(), String::new());
    rig.toots.faults().next("GET", "/api/v1/statuses", u32::MAX, refusal);
    let source = rig.source(Read::Auto, None);
    assert_eq!(source.reader().await.expect("a reader").name, "api");
    assert_eq!(fetched(&source, &made.uri).await.id.as_str(), made.uri);
    rig.toots.set_ways(Ways {
        unsigned_objects: false,
        ..Ways::default()
    });
    let closed = source.fetch(&id(&made.uri)).await;
    assert!(matches!(closed, Err(SourceError::Unsupported(_))), "{closed:?}");
}

#[tokio::test]
async fn a_server_that_signs_its_objects_away_is_read_by_its_api() {
    let rig = Rig::start().await;
    let made = rig.toots.post("me", "hello", "public").expect("it is published");
    rig.toots.set_ways(Ways {
        unsigned_objects: false,
        ..Ways::default()
    });
    assert_eq!(
        fetched(&rig.source(Read::Auto, None), &made.uri).await.id.as_str(),
        made.uri
    );
}
