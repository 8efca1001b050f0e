//! Temporary: by hand against snac.
use secrecy::SecretString;
use std::sync::Arc;
use tombolo_mastodon::{MastodonSource, Read};
use tombolo_model::{Cursor, MemoryCache, Origin, SeededEntropy, Source, SystemClock};
use tombolo_net::{Guard, Net, NetConfig};
#[tokio::test]
async fn try_it() {
    let Ok(base) = std::env::var("SNAC") else { return };
    let base: url::Url = base.parse().unwrap();
    let _ = rustls::crypto::ring::default_provider().install_default();
    let config = NetConfig {
        guard: Guard::new(vec!["127.0.0.0/8".parse().unwrap()], [Origin::of(&base)]),
        user_agent: "t".into(),
    };
    let net = Net::new(config, Arc::new(SystemClock), Arc::new(SeededEntropy::new(7))).unwrap();
    for (read, token) in [
        (Read::Auto, Some("deadbeef")),
        (Read::Auto, Some("bad0")),
        (Read::Auto, None),
        (Read::Outbox, None),
        (Read::Rss, None),
    ] {
        let s = MastodonSource::new(
            net.clone(),
            base.clone(),
            tombolo_activitypub::Handle::parse("creator").unwrap(),
            token.map(SecretString::from),
            read,
            Arc::new(MemoryCache::default()),
        );
        println!("== {read:?} {token:?}\n{:?}\n{:?}", s.id().await, s.reader().await);
        match s.scan(&Cursor::default()).await {
            Ok(tombolo_model::Poll::Seen(l)) => {
                println!("{} {} {:?}", l.sightings.len(), l.complete, l.sightings.first());
                if let Some(x) = l.sightings.first() {
                    println!("{:?}", s.fetch(&x.id).await);
                }
                let fresh = MastodonSource::new(
                    net.clone(),
                    base.clone(),
                    tombolo_activitypub::Handle::parse("creator").unwrap(),
                    token.map(SecretString::from),
                    read,
                    Arc::new(MemoryCache::default()),
                );
                if let Some(x) = l.sightings.last() {
                    println!(
                        "fresh {:?}",
                        fresh
                            .fetch(&x.id)
                            .await
                            .map(|f| matches!(f, tombolo_model::Fetched::Post(_)))
                    );
                }
            }
            o => println!("{o:?}"),
        }
    }
}
