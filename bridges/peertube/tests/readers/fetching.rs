//! What becomes of one video of the stand-in: the post, not public, or gone.

use tombolo_model::{Fetched, PostKind, Source, SourceError, Visibility};
use tombolo_net::stand_in::Fault;
use tombolo_peertube::Read;
use tombolo_peertube::stand_in::{NewVideo, Privacy};

use crate::rig::{BOTH, HANDLES, Rig, fetched, id, is_not_public};

fn html(status: u16) -> Fault {
    let kind = vec![("Content-Type".to_owned(), "text/html".to_owned())];
    Fault::Answer(status, kind, "<html>Not here</html>".into())
}

#[tokio::test]
async fn a_deleted_video_is_gone() {
    let rig = Rig::start().await;
    let videos = rig.publish_many(2);
    rig.tube.delete(&videos[0].uuid);
    for read in BOTH {
        let source = rig.source(read, "alice_channel");
        assert_eq!(source.fetch(&id(&videos[0].id)).await, Ok(Fetched::Gone), "{read:?}");
        assert_eq!(source.is_ready(&id(&videos[0].id)).await, Ok(false), "{read:?}");
    }
}

#[tokio::test]
async fn what_a_proxy_says_is_no_deletion() {
    let rig = Rig::start().await;
    let video = rig.publish(NewVideo::titled("There"));
    let source = rig.source(Read::Api, "alice");
    source.reader().await.expect("it is found");
    for status in [404, 410] {
        rig.tube.faults().next("GET", "/api/v1/videos/", 1, html(status));
        assert!(matches!(
            source.fetch(&id(&video.id)).await,
            Err(SourceError::Transient(_))
        ));
    }
    fetched(&source, &id(&video.id)).await;
}

#[tokio::test]
async fn federation_switched_off_later_is_no_deletion() {
    let rig = Rig::start().await;
    let video = rig.publish(NewVideo::titled("There"));
    let source = rig.source(Read::Outbox, "alice");
    fetched(&source, &id(&video.id)).await;
    for path in ["/videos/watch", "/accounts"] {
        rig.tube.faults().next("GET", path, u32::MAX, html(404));
    }
    match source.fetch(&id(&video.id)).await {
        Err(SourceError::Unsupported(why)) => assert!(why.contains("federation"), "{why}"),
        other => panic!("{other:?}"),
    }
    rig.tube.faults().clear();
    fetched(&source, &id(&video.id)).await;
}

#[tokio::test]
async fn what_is_narrower_than_unlisted_is_not_public() {
    let rig = Rig::start().await;
    let hidden = rig.publish_hidden();
    for read in BOTH {
        for handle in HANDLES {
            let source = rig.source(read, handle);
            for video in &hidden[1..] {
                is_not_public(&source, &id(&video.id)).await;
            }
        }
    }
}

#[tokio::test]
async fn an_unlisted_video_is_never_taken_for_public() {
    let rig = Rig::with(|options| options.federate_unlisted = true).await;
    let video = rig.publish(NewVideo::titled("Unlisted").privacy(Privacy::UNLISTED));
    let source = rig.source(Read::Api, "alice");
    assert_eq!(fetched(&source, &id(&video.id)).await.visibility, Visibility::Unlisted);
    assert_eq!(source.is_ready(&id(&video.id)).await, Ok(false));
    is_not_public(&rig.source(Read::Outbox, "alice"), &id(&video.id)).await;
}

#[tokio::test]
async fn a_video_that_turns_private_is_not_public_and_comes_back() {
    let rig = Rig::start().await;
    let video = rig.publish(NewVideo::titled("To and fro"));
    for read in BOTH {
        let source = rig.source(read, "alice");
        let before = fetched(&source, &id(&video.id)).await;
        rig.tube.set_privacy(&video.uuid, Privacy::PRIVATE);
        is_not_public(&source, &id(&video.id)).await;
        rig.tube.set_privacy(&video.uuid, Privacy::PUBLIC);
        let after = fetched(&source, &id(&video.id)).await;
        assert_eq!((before.id, before.link), (after.id, after.link));
    }
}

#[tokio::test]
async fn somebody_elses_video_is_not_carried() {
    let rig = Rig::start().await;
    rig.tube.add_account("bob");
    rig.tube.add_channel("bob", "bobs");
    rig.tube.add_channel("alice", "second");
    let bobs = rig.publish(NewVideo::titled("Bob's").channel("bobs"));
    let second = rig.publish(NewVideo::titled("Second").channel("second"));
    for read in BOTH {
        is_not_public_but_ready(&rig, read, "alice", &bobs.id).await;
        is_not_public_but_ready(&rig, read, "alice_channel", &second.id).await;
        fetched(&rig.source(read, "alice"), &id(&second.id)).await;
    }
}

async fn is_not_public_but_ready(rig: &Rig, read: Read, handle: &str, video: &str) {
    match rig.source(read, handle).fetch(&id(video)).await {
        Ok(Fetched::NotPublic(why)) => assert!(why.contains("not by"), "{why}"),
        other => panic!("{read:?} {handle}: {other:?}"),
    }
}

#[tokio::test]
async fn an_id_on_another_server_is_never_fetched() {
    let rig = Rig::start().await;
    let other = Rig::start().await;
    let video = other.publish(NewVideo::titled("Elsewhere"));
    for read in BOTH {
        let source = rig.source(read, "alice");
        is_not_public(&source, &id(&video.id)).await;
    }
    assert!(other.tube.arrivals().all().is_empty());
}

#[tokio::test]
async fn an_id_that_is_no_video_is_no_post() {
    let rig = Rig::start().await;
    rig.publish_many(1);
    let base = rig.tube.base().as_str().to_owned();
    for read in BOTH {
        let source = rig.source(read, "alice");
        for path in [
            "accounts/alice",
            "videos/watch/",
            "",
            "videos/watch/%2e%2e",
            "api/v1/config",
        ] {
            let found = source.fetch(&id(&format!("{base}{path}"))).await;
            assert!(!matches!(found, Ok(Fetched::Post(_))), "{read:?} {path}: {found:?}");
        }
    }
}

#[tokio::test]
async fn downloads_switched_off_are_respected_and_a_live_has_no_file_but_a_picture() {
    let rig = Rig::start().await;
    let mine = rig.publish(NewVideo::titled("Mine").with(|details| details.download_enabled = false));
    let live = rig.publish(NewVideo::titled("Live").live());
    for read in BOTH {
        let source = rig.source(read, "alice_channel");
        assert!(!fetched(&source, &id(&mine.id)).await.downloads_allowed);
        let live = fetched(&source, &id(&live.id)).await;
        assert_eq!(live.kind, PostKind::Live);
        assert!(live.media[0].renditions.is_empty() && live.media[0].thumbnail.is_some());
    }
}

#[tokio::test]
async fn subtitles_that_cannot_be_read_stop_no_video() {
    let rig = Rig::start().await;
    let video = rig.publish(NewVideo::titled("Fine"));
    let source = rig.source(Read::Api, "alice");
    for fault in [html(404), html(200), html(403)] {
        rig.tube
            .faults()
            .next("GET", &format!("/api/v1/videos/{}/captions", video.uuid), 1, fault);
        assert!(fetched(&source, &id(&video.id)).await.media[0].captions.is_empty());
    }
}
