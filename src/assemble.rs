//! From a configuration to a running engine: the one place where adapters are listed.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use tokio::sync::Mutex;
use tombolo_activitypub::Handle;
use tombolo_mastodon::Mastodon;
use tombolo_model::{Cache, Clock, Destination, Entropy, Origin, Platform, Source, Visibility};
use tombolo_net::{Guard, Net, NetConfig, NetError};
use tombolo_peertube::{PeerTube, Read};

use crate::config::{self, Account, Config};
use crate::credentials;
use crate::ledger::Ledger;
use crate::sync::{Engine, Leg, Memory, Receiver, Route, Since};
use crate::transform::Settings;

/// How tombolo introduces itself to servers.
const USER_AGENT: &str = concat!(
    "tombolo/",
    env!("CARGO_PKG_VERSION"),
    " (cross-posting bridge; run by the account's owner)"
);

/// What a token must be allowed to do (contract mastodon §1.5).
pub(crate) const SCOPES: &str = "read:accounts, read:statuses, write:media and write:statuses";

/// The client, with the configured networks and origins permitted.
pub(crate) fn net(config: &Config, clock: Arc<dyn Clock>, entropy: Arc<dyn Entropy>) -> Result<Net, NetError> {
    let configured = config.accounts.values().map(|account| Origin::of(&account.instance));
    let plain_http: Vec<Origin> = if config.network.allow_http {
        configured.collect()
    } else {
        Vec::new()
    };
    let guard = Guard::new(config.network.allow.clone(), plain_http);
    Net::new(
        NetConfig {
            guard,
            user_agent: USER_AGENT.to_owned(),
        },
        clock,
        entropy,
    )
}

/// An engine for these routes of the configuration.
pub(crate) async fn engine(
    config: &Config,
    routes: &[Route],
    ledger: Ledger,
    net: Net,
    cache: Arc<dyn Cache>,
) -> Engine {
    let mut sources = BTreeMap::new();
    let mut destinations = BTreeMap::new();
    for route in routes {
        if let Some(source) = config
            .accounts
            .get(&route.from)
            .and_then(|account| source(account, &net, &cache))
        {
            sources.insert(route.from.clone(), source);
        }
        for leg in &route.to {
            let Some(account) = config.accounts.get(&leg.to) else {
                continue;
            };
            if !destinations.contains_key(&leg.to)
                && let Some(receiver) = receiver(account, &net, &cache).await
            {
                destinations.insert(leg.to.clone(), receiver);
            }
        }
    }
    Engine {
        ledger,
        clock: net.clock().clone(),
        entropy: net.entropy().clone(),
        net,
        cache,
        sources,
        destinations,
        memory: Mutex::new(Memory::default()),
        stopping: Arc::new(AtomicBool::new(false)),
    }
}

/// The routes of the configuration, as the engine takes them.
pub(crate) fn routes(config: &Config) -> Vec<Route> {
    let leg = |destination: &config::Destination| Leg {
        to: destination.account.clone(),
        since: since(destination.settings.since),
        settings: Settings {
            visibility: match destination.settings.visibility {
                config::Visibility::Public => Visibility::Public,
                config::Visibility::Unlisted => Visibility::Unlisted,
                config::Visibility::Private => Visibility::Private,
            },
            include_unlisted: destination.settings.include_unlisted,
            hashtags: destination.settings.hashtags,
        },
        backfill_per_run: destination.settings.backfill_per_run,
    };
    let routes = config.routes.values().map(|route| Route {
        name: route.name.clone(),
        from: route.from.clone(),
        to: route.destinations.iter().map(leg).collect(),
    });
    routes.collect()
}

pub(crate) fn since(since: config::Since) -> Since {
    match since {
        config::Since::Now => Since::Now,
        config::Since::Beginning => Since::Beginning,
        config::Since::At(date) => Since::At(date),
    }
}

/// Adapters that read. Configuration refuses platforms that aren't here.
fn source(account: &Account, net: &Net, cache: &Arc<dyn Cache>) -> Option<Arc<dyn Source>> {
    match account.platform {
        config::Platform::Peertube => {
            let handle = Handle {
                name: account.handle.name.clone(),
                host: account.handle.host.clone(),
            };
            let read = match account.read {
                config::ReadMode::Auto => Read::Auto,
                config::ReadMode::Outbox => Read::Outbox,
                config::ReadMode::Api => Read::Api,
            };
            Some(Arc::new(PeerTube::new(
                net.clone(),
                account.instance.clone(),
                handle,
                read,
                cache.clone(),
            )))
        }
        config::Platform::Mastodon | config::Platform::Pixelfed => None,
    }
}

/// Adapters that publish. Configuration refuses platforms that aren't here.
async fn receiver(account: &Account, net: &Net, cache: &Arc<dyn Cache>) -> Option<Receiver> {
    let platform = match account.platform {
        config::Platform::Mastodon => Platform::Mastodon,
        config::Platform::Peertube | config::Platform::Pixelfed => return None,
    };
    let token = match &account.token {
        Some(source) => credentials::token(source).await,
        None => Err("it has no token".to_owned()),
    };
    let token_print = token.as_ref().map(credentials::print_of).unwrap_or_default();
    let adapter = token
        .map(|token| {
            let adapter = Mastodon::new(
                net.clone(),
                account.instance.clone(),
                token,
                cache.clone(),
                account.settle,
            );
            Arc::new(adapter) as Arc<dyn Destination>
        })
        .map_err(|why| {
            format!(
                "account {:?} has no token that works: {why}. Make one at {} (Preferences › Development › New \
                 application) with {SCOPES}, and put it where the configuration says",
                account.name,
                Origin::of(&account.instance)
            )
        });
    Some(Receiver {
        platform,
        instance: account.instance.clone(),
        username: account.handle.name.clone(),
        token_print,
        adapter,
    })
}
