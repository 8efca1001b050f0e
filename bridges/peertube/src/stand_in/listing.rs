//! Lists of videos by the REST API: which are in, in which order, and what is refused (contract §3.1).

use std::cmp::Ordering;

use axum::http::StatusCode;
use serde_json::{Map, Value};

use super::answers::{Ask, Problem};
use super::site::{Inner, Viewer, viewer};
use super::world::{Video, World};
use super::{NsfwPolicy, Privacy};

/// How many a page has when nothing is said.
const DEFAULT_COUNT: u64 = 15;
/// How many a page may have.
const MOST: u64 = 100;

/// Whose videos.
#[derive(Clone, Copy, Debug)]
pub(super) enum Of {
    Everybody,
    Account(usize),
    Channel(usize),
}

/// One page of a list.
pub(super) fn page(site: &Inner, world: &World, ask: &Ask, of: Of) -> Result<Value, Problem> {
    let asking = viewer(world, ask)?;
    let start = ask.number("start", 0, 0, u64::from(u32::MAX), "Should have a number start")?;
    let too_many = "Should have a number count (max: 100)";
    let count = ask.number("count", DEFAULT_COUNT, 0, MOST, too_many)?;
    let order = order(ask, "-publishedAt")?;
    let sensitive = sensitive(site, ask)?;
    if ask.parameter("include").is_some_and(|include| include != "0") {
        let detail = "You are not allowed to see all videos, specify a custom include or auto tags filter.";
        return Err(Problem::new(StatusCode::UNAUTHORIZED, detail));
    }
    let mut found: Vec<&Video> = world
        .videos
        .iter()
        .filter(|v| v.is_listed() && sensitive.is_none_or(|wanted| v.details.nsfw == wanted))
        .filter(|v| v.privacy == Privacy::PUBLIC || (v.privacy == Privacy::INTERNAL && asking != Viewer::Anonymous))
        .filter(|v| match of {
            Of::Everybody => true,
            Of::Account(account) => world.channels[v.channel].owner == account,
            Of::Channel(channel) => v.channel == channel,
        })
        .filter(|v| matches(v, ask))
        .collect();
    found.sort_by(|a, b| order(a, b).then(a.id.cmp(&b.id)));
    let (total, skip) = (found.len(), usize::try_from(start).unwrap_or(usize::MAX));
    let items = found.into_iter().skip(skip);
    let items = items.take(usize::try_from(count).unwrap_or(usize::MAX));
    let data: Vec<Value> = items.map(|video| site.list_item(world, video)).collect();
    let mut list = Map::new();
    if ask.parameter("skipCount") != Some("true") {
        list.insert("total".into(), total.into());
    }
    list.insert("data".into(), data.into());
    Ok(list.into())
}

/// Whether only sensitive videos (true), only others (false) or all are wanted.
fn sensitive(site: &Inner, ask: &Ask) -> Result<Option<bool>, Problem> {
    match ask.parameter("nsfw") {
        Some("true") => Ok(Some(true)),
        Some("false") => Ok(Some(false)),
        Some("both") => Ok(None),
        Some(other) => Err(Problem::invalid("query", "nsfw", other, "Invalid value")),
        None if site.options.nsfw_policy == NsfwPolicy::DoNotList => Ok(Some(false)),
        None => Ok(None),
    }
}

/// The filters a list knows; others are ignored, as are parameters it never heard of.
fn matches(video: &Video, ask: &Ask) -> bool {
    let lower = |text: &str| text.to_lowercase();
    let searched = ask.parameter("search");
    let tags: Vec<String> = ask
        .query
        .iter()
        .filter(|(key, _)| key == "tagsOneOf" || key == "tagsOneOf[]")
        .map(|(_, tag)| lower(tag))
        .collect();
    let live = ask.parameter("isLive").and_then(|v| v.parse().ok());
    searched.is_none_or(|text| lower(&video.details.title).contains(&lower(text)))
        && (tags.is_empty() || video.details.tags.iter().any(|tag| tags.contains(&lower(tag))))
        && live.is_none_or(|live: bool| live == video.is_live)
}

pub(super) type Order = Box<dyn Fn(&Video, &Video) -> Ordering>;

/// The order asked for. What is trending nobody measures here: such orders are by views.
pub(super) fn order(ask: &Ask, default: &str) -> Result<Order, Problem> {
    let asked = ask.parameter("sort").unwrap_or(default);
    let (field, downward) = asked.strip_prefix('-').map_or((asked, false), |field| (field, true));
    let compare: fn(&Video, &Video) -> Ordering = match field {
        "name" => |a, b| a.details.title.to_lowercase().cmp(&b.details.title.to_lowercase()),
        "duration" => |a, b| a.details.duration.cmp(&b.details.duration),
        "createdAt" => |a, b| a.created.cmp(&b.created),
        "publishedAt" => |a, b| a.published.cmp(&b.published),
        "originallyPublishedAt" => |a, b| {
            let first = |v: &Video| v.details.originally_published_at.unwrap_or(v.published);
            first(a).cmp(&first(b))
        },
        "views" | "likes" | "trending" | "hot" | "best" => |a, b| a.views.cmp(&b.views),
        _ => return Err(Problem::invalid("query", "sort", asked, "Invalid value")),
    };
    Ok(Box::new(move |a, b| {
        let found = compare(a, b);
        if downward { found.reverse() } else { found }
    }))
}
