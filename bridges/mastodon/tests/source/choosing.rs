//! Which reader is taken, and what is said where one can't work.

use std::sync::Arc;

use secrecy::SecretString;
use tombolo_activitypub::Handle;
use tombolo_mastodon::stand_in::{OutboxForm, Ways};
use tombolo_mastodon::{MastodonSource, Read};
use tombolo_model::{MemoryCache, Source, SourceError};

use crate::rig::{Rig, ids, net, scanned, unsupported};

#[tokio::test]
async fn the_best_reader_that_works_is_taken_and_says_why() {
    let rig = Rig::start().await;
    let all = rig.publish_many(3);
    let closed = Ways {
        anonymous_api: false,
        ..Ways::default()
    };
    let no_outbox = Ways {
        outbox: OutboxForm::TotalOnly,
        ..closed
    };
    for (ways, with_token, name, why) in [
        (Ways::default(), true, "api", "with the account's token"),
        (Ways::default(), false, "api", "without a token"),
        (closed, false, "outbox", "requires an authenticated user"),
        (no_outbox, false, "rss", "says only how many posts there are"),
    ] {
        rig.toots.set_ways(ways);
        let source = rig.source(Read::Auto, with_token.then_some(rig.token.as_str()));
        let reader = source.reader().await.expect("one works");
        assert_eq!(reader.name, name);
        assert!(reader.why.contains(why), "{}", reader.why);
        assert_eq!(ids(&scanned(&source).await), all, "{name}");
    }
}

#[tokio::test]
async fn a_source_goes_by_the_same_id_whichever_way_it_is_read() {
    let rig = Rig::start().await;
    rig.publish_many(1);
    let mut found = Vec::new();
    for read in [Read::Api, Read::Outbox, Read::Rss] {
        found.push(rig.source(read, None).id().await.expect("an id"));
    }
    rig.toots.set_ways(Ways {
        unsigned_objects: false,
        ..Ways::default()
    });
    found.push(rig.with_token().id().await.expect("an id"));
    rig.toots.set_ways(Ways {
        webfinger: false,
        ..Ways::default()
    });
    found.push(rig.with_token().id().await.expect("an id"));
    found.push(rig.source(Read::Api, None).id().await.expect("an id"));
    found.dedup();
    assert_eq!(found.len(), 1, "{found:?}");
}

#[tokio::test]
async fn a_closed_server_is_an_error_that_names_the_way_and_never_an_account_without_posts() {
    let rig = Rig::start().await;
    rig.publish_many(3);
    rig.toots.set_ways(Ways {
        anonymous_api: false,
        unsigned_objects: false,
        ..Ways::default()
    });
    let why = unsupported(rig.source(Read::Auto, None).reader().await);
    assert!(why.contains("token"), "{why}");
    for read in [Read::Api, Read::Outbox, Read::Rss] {
        let why = unsupported(rig.source(read, None).scan(&tombolo_model::Cursor::default()).await);
        assert!(why.contains("token"), "{read:?}: {why}");
    }
    assert_eq!(scanned(&rig.with_token()).await.sightings.len(), 3);
}

#[tokio::test]
async fn an_outbox_that_only_counts_is_no_outbox_without_posts() {
    let rig = Rig::start().await;
    rig.publish_many(3);
    rig.toots.set_ways(Ways {
        outbox: OutboxForm::TotalOnly,
        ..Ways::default()
    });
    let why = unsupported(rig.source(Read::Outbox, None).reader().await);
    assert!(why.contains("only how many posts"), "{why}");
}

#[tokio::test]
async fn a_dead_token_is_said_and_the_open_api_read_instead() {
    let rig = Rig::start().await;
    let all = rig.publish_many(2);
    rig.toots.revoke(&rig.token);
    let source = rig.with_token();
    let reader = source.reader().await.expect("the open API works");
    assert!(
        reader.why.contains("revoked") && reader.why.contains("without a token"),
        "{}",
        reader.why
    );
    assert_eq!(ids(&scanned(&source).await), all);
}

#[tokio::test]
async fn somebody_elses_token_is_refused() {
    let rig = Rig::start().await;
    rig.publish_many(1);
    let token = rig.toots.token("other", "read");
    let result = rig.source(Read::Auto, Some(&token)).reader().await;
    let Err(SourceError::NotFound(why)) = result else {
        panic!("{result:?}");
    };
    assert!(why.contains("@other") && why.contains("@me"), "{why}");
}

#[tokio::test]
async fn an_unknown_name_is_said_to_be_unknown() {
    let rig = Rig::start().await;
    let base = rig.toots.base().clone();
    let source = MastodonSource::new(
        net(&base, &rig.clock),
        base,
        Handle::parse("nobody").expect("a handle"),
        None::<SecretString>,
        Read::Auto,
        Arc::new(MemoryCache::default()),
    );
    assert!(matches!(source.id().await, Err(SourceError::NotFound(why)) if why.contains("nobody")));
}

#[tokio::test]
async fn a_suspended_account_is_not_one_without_posts() {
    let rig = Rig::start().await;
    let posted = rig.publish_many(3);
    let source = rig.source(Read::Api, None);
    assert_eq!(scanned(&source).await.sightings.len(), 3);
    rig.toots.suspend("me");
    let scan = source.scan(&tombolo_model::Cursor::default()).await;
    assert!(
        matches!(&scan, Err(SourceError::NotFound(why)) if why.contains("suspended")),
        "{scan:?}"
    );
    let fetch = rig.source(Read::Api, None).fetch(&crate::rig::id(&posted[0])).await;
    assert!(
        matches!(&fetch, Err(SourceError::NotFound(why)) if why.contains("suspended")),
        "{fetch:?}"
    );
}
