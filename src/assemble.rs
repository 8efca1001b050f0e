//! From a configuration to a running engine: the one place where adapters are listed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use secrecy::SecretString;
use tokio::sync::Mutex;
use tombolo_activitypub::Handle;
use tombolo_mastodon::{Mastodon, MastodonSource};
use tombolo_media::work::Workspace;
use tombolo_model::{Cache, Clock, Destination, Entropy, Origin, Platform, Source};
use tombolo_net::{Guard, Net, NetConfig, NetError};
use tombolo_peertube::{PeerTube, PeerTubeDestination};
use tombolo_pixelfed::{Pixelfed, PixelfedSource};

use crate::config::{self, Account, Config, FfmpegChoice, ReadMode, TokenSource};
use crate::credentials::{self, Keeper};
use crate::ledger::Ledger;
use crate::sync::{Engine, Leg, Memory, Reader, Receiver, Route, Since, Workshop, find_ffmpeg};

/// How tombolo introduces itself to servers.
const USER_AGENT: &str = concat!(
    "tombolo/",
    env!("CARGO_PKG_VERSION"),
    " (cross-posting bridge; run by the account's owner)"
);

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

/// An engine for these routes of the configuration. `dry`: nothing is signed in to.
pub(crate) async fn engine(
    config: &Config,
    routes: &[Route],
    ledger: Ledger,
    net: Net,
    cache: Arc<dyn Cache>,
    dry: bool,
) -> std::io::Result<Engine> {
    let mut sources = BTreeMap::new();
    let mut destinations = BTreeMap::new();
    let all_routes = self::routes(config);
    let mut tokens = BTreeMap::new();
    let ends = |route: &Route| -> Vec<String> {
        let to = route.to.iter().map(|leg| leg.to.clone());
        [route.from.clone()].into_iter().chain(to).collect()
    };
    let accounts: BTreeSet<String> = all_routes.iter().flat_map(ends).collect();
    let accounts: Vec<&Account> = accounts.iter().filter_map(|name| config.accounts.get(name)).collect();
    for account in &accounts {
        // No program is asked for the token of an account that this run has nothing to do with.
        let in_run = routes.iter().any(|route| ends(route).contains(&account.name));
        if !in_run && matches!(account.token, Some(TokenSource::Command(_))) {
            continue;
        }
        if let (Some(source), config::Platform::Mastodon | config::Platform::Pixelfed) =
            (&account.token, account.platform)
        {
            tokens.insert(account.name.as_str(), credentials::token(source).await);
        }
    }
    let desk = Desk {
        config,
        net: &net,
        cache: &cache,
        dry,
        tokens,
    };
    // Whatever a post links to may be its original, also at an account that is only published to.
    for account in accounts {
        let is_read = routes.iter().any(|route| route.from == account.name);
        if let (true, Some(Err(why))) = (is_read, desk.tokens.get(account.name.as_str())) {
            tracing::warn!(account = account.name, %why, "read without its token");
        }
        let reader = Reader {
            instance: Origin::of(&account.instance),
            adapter: desk.source(account),
        };
        sources.insert(account.name.clone(), reader);
    }
    for leg in routes.iter().flat_map(|route| &route.to) {
        if let Some(account) = config.accounts.get(&leg.to)
            && !destinations.contains_key(&leg.to)
        {
            destinations.insert(leg.to.clone(), desk.receiver(account));
        }
    }
    Ok(Engine {
        ledger,
        clock: net.clock().clone(),
        entropy: net.entropy().clone(),
        workshop: workshop(config, &net, dry).await?,
        net,
        cache,
        routes: all_routes,
        sources,
        destinations,
        memory: Mutex::new(Memory::default()),
        stopping: Arc::new(AtomicBool::new(false)),
    })
}

/// Where files are worked on.
async fn workshop(config: &Config, net: &Net, dry: bool) -> std::io::Result<Workshop> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let ffmpeg = match &config.media.ffmpeg {
        FfmpegChoice::Off => Err("videos aren't worked on here (ffmpeg = \"off\")".to_owned()),
        FfmpegChoice::Auto => find_ffmpeg(None, &path).await,
        FfmpegChoice::At(ffmpeg) => find_ffmpeg(Some(ffmpeg), &path).await,
    };
    let space = if dry {
        None
    } else {
        Some(Workspace::open(&config.data_dir.join("work"), config.media.space)?)
    };
    Ok(Workshop::new(
        net.clone(),
        space,
        config.media.space,
        ffmpeg,
        &path,
        config.media.encode_time,
    ))
}

/// The routes of the configuration, as the engine takes them.
pub(crate) fn routes(config: &Config) -> Vec<Route> {
    let leg = |destination: &config::Destination| Leg {
        to: destination.account.clone(),
        since: since(destination.settings.since),
        settings: destination.settings.making.clone(),
        backfill_per_run: destination.settings.backfill_per_run,
    };
    let routes = config.routes.values().filter_map(|route| {
        let from = config.accounts.get(&route.from)?;
        // With its port, where it has one of its own.
        let host = from.handle.host.clone().unwrap_or_else(|| {
            let host = from.instance.host_str().unwrap_or_default();
            from.instance
                .port()
                .map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
        });
        Some(Route {
            name: route.name.clone(),
            from: route.from.clone(),
            author: format!("{}@{host}", from.handle.name),
            platform: platform(from.platform),
            to: route.destinations.iter().map(leg).collect(),
        })
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

fn platform(platform: config::Platform) -> Platform {
    match platform {
        config::Platform::Peertube => Platform::PeerTube,
        config::Platform::Mastodon => Platform::Mastodon,
        config::Platform::Pixelfed => Platform::Pixelfed,
    }
}

/// Makes adapters.
struct Desk<'a> {
    config: &'a Config,
    net: &'a Net,
    cache: &'a Arc<dyn Cache>,
    dry: bool,
    /// The accounts' tokens, or why they can't be had: each is asked for once.
    tokens: BTreeMap<&'a str, Result<SecretString, String>>,
}

impl Desk<'_> {
    /// The adapter that reads an account, with its token or without.
    fn source(&self, account: &Account) -> Arc<dyn Source> {
        let handle = Handle {
            name: account.handle.name.clone(),
            host: account.handle.host.clone(),
        };
        let (net, instance, cache) = (self.net.clone(), account.instance.clone(), self.cache.clone());
        // Without its token an account can still be read, if less completely.
        let token = self
            .tokens
            .get(account.name.as_str())
            .and_then(|token| token.clone().ok());
        match account.platform {
            config::Platform::Peertube => {
                let read = match account.read {
                    ReadMode::Auto => tombolo_peertube::Read::Auto,
                    ReadMode::Outbox => tombolo_peertube::Read::Outbox,
                    ReadMode::Api | ReadMode::Rss => tombolo_peertube::Read::Api,
                };
                Arc::new(PeerTube::new(net, instance, handle, read, cache))
            }
            config::Platform::Mastodon => {
                let read = match account.read {
                    ReadMode::Auto => tombolo_mastodon::Read::Auto,
                    ReadMode::Outbox => tombolo_mastodon::Read::Outbox,
                    ReadMode::Api => tombolo_mastodon::Read::Api,
                    ReadMode::Rss => tombolo_mastodon::Read::Rss,
                };
                Arc::new(MastodonSource::new(net, instance, handle, token, read, cache))
            }
            config::Platform::Pixelfed => {
                let read = match account.read {
                    ReadMode::Auto => tombolo_pixelfed::Read::Auto,
                    ReadMode::Outbox => tombolo_pixelfed::Read::Outbox,
                    ReadMode::Api => tombolo_pixelfed::Read::Api,
                    ReadMode::Rss => tombolo_pixelfed::Read::Rss,
                };
                Arc::new(PixelfedSource::new(net, instance, handle, token, read, cache))
            }
        }
    }

    /// The adapter that publishes to an account, or why there is none.
    fn receiver(&self, account: &Account) -> Receiver {
        let (token_print, adapter) = match account.platform {
            config::Platform::Peertube => {
                let keeper = Keeper::new(account, &self.config.data_dir, self.dry);
                let print = keeper.print();
                let adapter = PeerTubeDestination::new(
                    self.net.clone(),
                    account.instance.clone(),
                    &account.handle.name,
                    Arc::new(keeper),
                    self.cache.clone(),
                    account.settle,
                );
                (print, Ok(Arc::new(adapter) as Arc<dyn Destination>))
            }
            config::Platform::Mastodon | config::Platform::Pixelfed => self.by_token(account),
        };
        Receiver {
            platform: platform(account.platform),
            instance: account.instance.clone(),
            username: account.handle.name.clone(),
            token_print,
            adapter,
        }
    }

    fn by_token(&self, account: &Account) -> (String, Result<Arc<dyn Destination>, String>) {
        let token = match self.tokens.get(account.name.as_str()) {
            Some(token) => token.clone(),
            None => Err("it has no token".to_owned()),
        };
        let print = token.as_ref().map(credentials::print_of).unwrap_or_default();
        let (net, instance, cache) = (self.net.clone(), account.instance.clone(), self.cache.clone());
        let adapter = token.map(|token| match account.platform {
            config::Platform::Pixelfed => {
                Arc::new(Pixelfed::new(net, instance, token, cache, account.settle)) as Arc<dyn Destination>
            }
            _ => Arc::new(Mastodon::new(net, instance, token, cache, account.settle)),
        });
        let adapter = adapter.map_err(|why| {
            format!(
                "account {:?} has no token that works: {why}. {}, and put it where the configuration says",
                account.name,
                new_token(platform(account.platform), &account.instance)
            )
        });
        (print, adapter)
    }
}

/// Where a new token is made, as a sentence's beginning.
pub(crate) fn new_token(platform: Platform, instance: &url::Url) -> String {
    let origin = Origin::of(instance);
    match platform {
        Platform::Mastodon => {
            format!(
                "Make one at {origin} (Preferences › Development › New application) with {}",
                scopes(platform)
            )
        }
        Platform::Pixelfed => {
            format!(
                "Make one at {origin} (Settings › Applications › Create new token) with {}",
                scopes(platform)
            )
        }
        Platform::PeerTube => format!("Give username and password of the account at {origin}"),
    }
}

/// What an account needs that is signed out, as a sentence.
pub(crate) fn remedy(platform: Platform) -> String {
    match platform {
        Platform::PeerTube => "Give it the name and the password of its login as they are now".to_owned(),
        Platform::Mastodon | Platform::Pixelfed => format!("Give it a working token, with {}", scopes(platform)),
    }
}

/// What a token must be allowed to do (contracts mastodon §1.5, pixelfed §2).
pub(crate) fn scopes(platform: Platform) -> &'static str {
    match platform {
        Platform::Mastodon => "read:accounts, read:statuses, write:media and write:statuses",
        Platform::Pixelfed => "read and write",
        Platform::PeerTube => "name and password",
    }
}
