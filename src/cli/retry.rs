//! `tombolo retry`: failed deliveries become free again.

use chrono::Utc;
use clap::Args;
use tombolo_model::Origin;

use super::sync::open_ledger;
use super::{Global, chosen_routes, exit, ledger_refused, load, output, start_logging};
use crate::ledger::{Changes, Part, PartState, Stage, StateName};

/// Let the next pass try failed posts again.
///
/// A post fails when its destination refuses it for good; after you have changed what was wrong, this frees it. A post that you
/// name is freed too if it was skipped, and is tried without waiting longer if it waits, also where the server asked to wait;
/// with --unknown, so is one that may have been published without an answer. Of a thread or an album only what is missing is
/// tried again. Nothing is posted by this command itself.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Only posts with this in their title or address [default: all that failed]
    #[arg(value_name = "POST")]
    posts: Vec<String>,
    /// Only posts of this route
    #[arg(long, value_name = "ROUTE")]
    route: Option<String>,
    /// Also the named posts of which nobody knows whether they were published: only after you have looked that they were not
    #[arg(long, requires = "posts")]
    unknown: bool,
    /// Print what was freed as JSON, an object a line
    #[arg(long)]
    json: bool,
}

pub(crate) async fn run(global: &Global, arguments: &Arguments) -> u8 {
    start_logging(global, tracing::Level::WARN);
    match free(global, arguments).await {
        Ok(code) | Err(code) => code,
    }
}

async fn free(global: &Global, arguments: &Arguments) -> Result<u8, u8> {
    let config = load(global, arguments.json)?;
    let names: Vec<String> = arguments.route.iter().cloned().collect();
    let routes = chosen_routes(&config, &names)?;
    let ledger = open_ledger(&config, "tombolo retry", false).await?;
    let mut changes = Changes::new();
    let now = Utc::now();
    let mut freed = 0;
    let all = ledger.all_deliveries().map_err(|e| ledger_refused(&e))?;
    let wanted =
        |text: &str| arguments.posts.is_empty() || arguments.posts.iter().any(|post| text.contains(post.as_str()));
    for mut delivery in all {
        let title = delivery.title.clone().unwrap_or_default();
        let of_route = routes.iter().any(|route| {
            let origin_of = |name: &str| config.accounts.get(name).map(|account| Origin::of(&account.instance));
            origin_of(&route.from) == Some(delivery.source.0.origin())
                && route
                    .to
                    .iter()
                    .any(|leg| origin_of(&leg.to).as_ref() == Some(&delivery.key.to.origin))
        });
        // What was skipped for a reason of its own is tried again only when it is named.
        let failed = match delivery.state() {
            StateName::Failed | StateName::Held => true,
            StateName::Skipped | StateName::Waiting | StateName::Seen => !arguments.posts.is_empty(),
            StateName::Unknown | StateName::Publishing => arguments.unknown,
            StateName::Published => false,
        };
        if !failed || !of_route || !(wanted(delivery.key.post.as_str()) || wanted(&title)) {
            continue;
        }
        // Parts that exist stay as they are.
        if delivery.state() == StateName::Waiting {
            delivery.wait_no_longer(now);
        } else if delivery.copies().next().is_none() {
            delivery.parts.clear();
            delivery.basis = None;
            delivery.stage = Stage::Seen;
        } else {
            let open = |part: &&mut Part| matches!(part.state, PartState::Failed { .. }) || part.is_unresolved();
            delivery
                .parts
                .iter_mut()
                .filter(open)
                .for_each(|part| part.set_free(now));
            delivery.stage = Stage::InParts;
        }
        freed += 1;
        let line = if arguments.json {
            serde_json::json!({ "post": delivery.key.post, "to": delivery.key.to.to_string(), "title": title })
                .to_string()
        } else {
            format!("free again: {title} ({})", delivery.key.post)
        };
        output::print(&format!("{line}\n"));
        changes.put_delivery(&delivery);
    }
    ledger.commit(changes).await.map_err(|e| ledger_refused(&e))?;
    if !arguments.json {
        let told = match (freed, arguments.posts.is_empty()) {
            (0, true) => {
                "no post has failed: there is nothing to free. One that waits is tried at once when you name it"
                    .to_owned()
            }
            (0, false) => format!(
                "no failed, skipped or waiting post has {:?} in its title or address",
                arguments.posts.join(" ")
            ),
            (1, _) => "1 post is free again; the next pass tries it".to_owned(),
            (many, _) => format!("{many} posts are free again; the next pass tries them"),
        };
        output::print(&format!("{told}\n"));
    }
    Ok(exit::DONE)
}
