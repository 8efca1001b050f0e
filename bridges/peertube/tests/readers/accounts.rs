//! From a handle to a creator, and which reader reads them.

use std::sync::Arc;

use tombolo_activitypub::Handle;
use tombolo_model::{Completeness, Cursor, MemoryCache, Source, SourceError};
use tombolo_net::stand_in::Fault;
use tombolo_peertube::stand_in::NewVideo;
use tombolo_peertube::{PeerTube, Read};

use crate::rig::{BOTH, HANDLES, Rig, ids, listed, net, scan};

const ALL: [Read; 3] = [Read::Auto, Read::Api, Read::Outbox];

#[tokio::test]
async fn auto_reads_by_the_api_and_says_why() {
    let rig = Rig::start().await;
    let reader = rig.source(Read::Auto, "alice").reader().await.expect("it works");
    assert_eq!(
        (reader.name.as_str(), reader.completeness),
        ("api", Completeness::Complete)
    );
    assert!(reader.why.contains("REST API works"), "{}", reader.why);
}

#[tokio::test]
async fn auto_reads_by_the_outbox_where_the_lists_are_hidden_and_says_why() {
    let rig = Rig::with(|options| options.api_listing = false).await;
    let videos = rig.publish_many(12);
    for handle in HANDLES {
        let source = rig.source(Read::Auto, handle);
        let reader = source.reader().await.expect("it works");
        assert_eq!(reader.name, "outbox");
        assert!(
            reader.why.contains("doesn't work here") && reader.why.contains("404"),
            "{}",
            reader.why
        );
        assert_eq!(listed(&scan(&source).await), ids(&videos));
    }
    let asked = rig.source(Read::Api, "alice").scan(&Cursor::default()).await;
    assert!(
        matches!(&asked, Err(SourceError::Unsupported(why)) if why.contains("hides its lists")),
        "{asked:?}"
    );
}

#[tokio::test]
async fn auto_reads_by_the_api_where_federation_is_off_and_the_outbox_reader_says_so() {
    let rig = Rig::with(|options| options.federation = false).await;
    let videos = rig.publish_many(12);
    for handle in HANDLES {
        let source = rig.source(Read::Auto, handle);
        assert_eq!(source.reader().await.expect("it works").name, "api");
        assert_eq!(listed(&scan(&source).await), ids(&videos));
        let asked = rig.source(Read::Outbox, handle).scan(&Cursor::default()).await;
        assert!(
            matches!(&asked, Err(SourceError::Unsupported(why)) if why.contains("read = \"api\"")),
            "{asked:?}"
        );
    }
}

#[tokio::test]
async fn what_is_asked_for_in_the_configuration_is_what_reads() {
    let rig = Rig::start().await;
    for (read, name) in [(Read::Api, "api"), (Read::Outbox, "outbox")] {
        let reader = rig.source(read, "alice").reader().await.expect("it works");
        assert_eq!(reader.name, name);
        assert!(reader.why.contains(&format!("read = {name:?}")), "{}", reader.why);
    }
}

#[tokio::test]
async fn auto_chooses_again_when_what_it_chose_stops_working() {
    let rig = Rig::start().await;
    let videos = rig.publish_many(2);
    let source = rig.source(Read::Auto, "alice");
    assert_eq!(source.reader().await.expect("it works").name, "api");
    let gone = Fault::Answer(404, vec![("Content-Type".into(), "text/html".into())], "<html>".into());
    rig.tube
        .faults()
        .next("GET", "/api/v1/accounts/alice/videos", u32::MAX, gone);
    assert!(source.poll(&Cursor::default()).await.is_err());
    assert_eq!(source.reader().await.expect("it works").name, "outbox");
    assert_eq!(listed(&scan(&source).await), ids(&videos));
}

#[tokio::test]
async fn an_instance_in_trouble_changes_no_reader() {
    let rig = Rig::start().await;
    let trouble = Fault::Answer(502, vec![], "Bad gateway".into());
    rig.tube.faults().next("GET", "/api/v1/accounts", u32::MAX, trouble);
    let reader = rig.source(Read::Auto, "alice").reader().await;
    assert!(matches!(reader, Err(SourceError::Transient(_))), "{reader:?}");
}

#[tokio::test]
async fn a_creator_is_the_same_by_every_reader_and_spelling() {
    let rig = Rig::start().await;
    let host = rig.tube.host().to_owned();
    for (name, actor) in [
        ("alice", "accounts/alice"),
        ("alice_channel", "video-channels/alice_channel"),
    ] {
        for read in ALL {
            for handle in [
                name.to_owned(),
                format!("@{name}"),
                format!("{name}@{host}"),
                format!("acct:{name}@{host}"),
            ] {
                let found = rig.source(read, &handle).id().await.expect("it is found");
                assert_eq!(
                    found.0.as_str(),
                    format!("{}{actor}", rig.tube.base()),
                    "{read:?} {handle}"
                );
            }
        }
    }
    let off = Rig::with(|options| options.federation = false).await;
    let found = off
        .source(Read::Api, &format!("alice@{}", off.tube.host()))
        .id()
        .await
        .expect("it is found");
    assert_eq!(found.0.as_str(), format!("{}accounts/alice", off.tube.base()));
}

#[tokio::test]
async fn an_unknown_handle_is_said_to_be_unknown_where_and_what_to_check() {
    for federation in [true, false] {
        let rig = Rig::with(|options| options.federation = federation).await;
        for read in ALL {
            match rig.source(read, "nobody").poll(&Cursor::default()).await {
                Err(SourceError::NotFound(why)) => {
                    assert!(
                        why.contains("nobody") && why.contains(rig.tube.host()) && why.contains("check"),
                        "{why}"
                    );
                }
                other => panic!("{other:?}"),
            }
        }
    }
}

#[tokio::test]
async fn a_handle_of_another_server_is_not_taken_for_a_name_of_this_one() {
    let rig = Rig::start().await;
    for read in ALL {
        match rig.source(read, "alice@elsewhere.example").id().await {
            Err(SourceError::NotFound(why)) => assert!(why.contains("@alice@elsewhere.example"), "{why}"),
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn what_was_found_out_is_kept_for_the_next_process() {
    let rig = Rig::start().await;
    rig.publish_many(1);
    let cache = Arc::new(MemoryCache::default());
    let process = || {
        let handle = Handle::parse("alice").expect("a handle");
        let base = rig.tube.base();
        PeerTube::new(net(base, &rig.clock), base.clone(), handle, Read::Auto, cache.clone())
    };
    process().reader().await.expect("it works");
    rig.tube.arrivals().clear();
    let next = process();
    next.reader().await.expect("it works");
    assert!(rig.tube.arrivals().all().is_empty());
    scan(&next).await;
    assert_eq!(rig.tube.arrivals().all().len(), 1);
}

#[tokio::test]
async fn no_request_carries_a_token_or_asks_for_what_a_token_shows() {
    let rig = Rig::start().await;
    rig.publish_many(12);
    let video = rig.publish(NewVideo::titled("One"));
    for read in BOTH {
        let source = rig.source(read, "alice");
        scan(&source).await;
        crate::rig::fetched(&source, &crate::rig::id(&video.id)).await;
    }
    for arrival in rig.tube.arrivals().all() {
        assert!(
            arrival.header("authorization").is_none() && !arrival.target.contains("include="),
            "{arrival:?}"
        );
        assert!(arrival.method == "GET" && arrival.header("user-agent").is_some_and(|agent| !agent.is_empty()));
    }
}
