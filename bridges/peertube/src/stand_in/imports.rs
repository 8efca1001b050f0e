//! Imports from URLs: what is refused, how they go on, and how they end (contract §7.5).
//!
//! The stand-in never reaches out: what a URL leads to is said by the test, or is fetched from the loopback interface
//! where that is allowed.

use std::collections::HashMap;
use std::net::IpAddr;

use axum::Router;
use axum::extract::{Request, State as Shared};
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::post;
use chrono::{DateTime, NaiveTime, Utc};
use serde_json::{Value, json};
use url::{Host, Url};

use super::answers::{Ask, Invalid, Problem, Reply};
use super::fetch::fetch;
use super::fields::{Change, Fields, Needed};
use super::film::{self, as_file};
use super::form::Form;
use super::rates::{Bucket, limited};
use super::rest_json::date;
use super::settings::after;
use super::site::{Inner, Site, signed_in};
use super::upload::own_channel;
use super::world::{Origin, World};
use super::{FileBody, NewVideo, Privacy, State};

const STATES: [&str; 6] = ["Pending", "Success", "Failed", "Rejected", "Cancelled", "Processing"];

/// What an import meets at its URL.
#[derive(Clone, Debug, PartialEq)]
pub enum ImportOutcome {
    /// Nothing: it is refused at once.
    Unreachable,
    /// Something that is accepted at first, and fails with these words.
    Fails(String),
    /// This file.
    Brings(FileBody),
}

/// An import as the server keeps it.
#[derive(Clone, Debug)]
pub(super) struct Import {
    id: u64,
    account: usize,
    url: String,
    /// 1 pending, 2 done, 3 failed.
    state: u8,
    error: Option<String>,
    created: DateTime<Utc>,
    updated: DateTime<Utc>,
    /// When it ends.
    due: DateTime<Utc>,
    video: String,
    outcome: ImportOutcome,
}

/// All imports, and what a test said of URLs.
#[derive(Debug, Default)]
pub(super) struct Imports {
    pub outcomes: HashMap<String, ImportOutcome>,
    all: Vec<Import>,
}

pub(super) fn routes(site: &Site) -> Router<Site> {
    let router = Router::new().route("/api/v1/videos/imports", post(import));
    limited(router, site, Bucket::Api)
}

async fn import(Shared(site): Shared<Site>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let ask = Ask::of(&parts);
    let form = Form::read(Request::from_parts(parts, body)).await;
    let found = match form.and_then(|form| asked(&site.world(), &ask, &form)) {
        Ok(asked) => begin(&site, asked).await,
        Err(problem) => Err(problem),
    };
    ask.answer(found.map(|import| Reply::json(&import)))
}

/// An import that may begin.
struct Asked {
    account: usize,
    channel: usize,
    change: Change,
    url: Url,
    /// The URL as it was written.
    target: String,
    /// What the test said of it.
    outcome: Option<ImportOutcome>,
}

fn asked(world: &World, ask: &Ask, form: &Form) -> Result<Asked, Problem> {
    let account = signed_in(world, ask)?;
    let mut fields = Fields::of(form);
    let change = fields.video(Needed::Channel);
    let target = form.fields.get("targetUrl").and_then(Value::as_str);
    let url = target.and_then(|text| Url::parse(text).ok());
    let url = url.filter(|url| matches!(url.scheme(), "http" | "https") && url.host().is_some());
    if let (Some(target), None) = (target, &url) {
        fields.note(Invalid::new("body", "targetUrl", Some(target.into()), "Invalid value"));
    }
    fields.finish()?;
    let disabled = |what: &str| {
        let detail = format!("{what} import is not enabled on this instance.");
        Problem::new(StatusCode::CONFLICT, &detail)
    };
    if target.is_some() && !world.settings.url_imports {
        return Err(disabled("HTTP"));
    }
    if form.fields.contains_key("magnetUri") || form.files.contains_key("torrentfile") {
        return Err(disabled("Torrent/magnet URI"));
    }
    let channel = own_channel(world, account, &change)?;
    let (Some(url), Some(target)) = (url, target) else {
        let detail = "Should have a magnetUri or a targetUrl or a torrent file.";
        return Err(Problem::new(StatusCode::BAD_REQUEST, detail));
    };
    let loopback = is_loopback(&url) && world.settings.loopback_imports;
    if is_private(&url) && !loopback {
        let detail = "Cannot use non unicast IP as targetUrl.";
        return Err(Problem::new(StatusCode::FORBIDDEN, detail));
    }
    Ok(Asked {
        account,
        channel,
        change,
        outcome: world.imports.outcomes.get(target).cloned(),
        target: target.to_owned(),
        url,
    })
}

fn address(url: &Url) -> Option<IpAddr> {
    match url.host()? {
        Host::Ipv4(address) => Some(address.into()),
        Host::Ipv6(address) => Some(address.to_ipv4_mapped().map_or(address.into(), IpAddr::from)),
        Host::Domain(name) => name.ends_with("localhost").then_some(IpAddr::from([127, 0, 0, 1])),
    }
}

fn is_loopback(url: &Url) -> bool {
    address(url).is_some_and(|address| address.is_loopback())
}

/// Whether the address isn't one of the public internet. Names aren't looked up, but for the machine's own.
fn is_private(url: &Url) -> bool {
    match address(url) {
        Some(IpAddr::V4(v4)) => {
            v4.is_loopback() || v4.is_private() || v4.is_link_local() || v4.is_multicast() || v4.octets()[0] == 0
        }
        Some(IpAddr::V6(v6)) => {
            v6.is_loopback() || v6.is_unspecified() || v6.is_multicast() || v6.segments()[0] & 0xfe00 == 0xfc00
        }
        None => false,
    }
}

/// Looks at the URL, as the real server does before it answers, and adds the video that is to be filled.
async fn begin(site: &Inner, asked: Asked) -> Result<Value, Problem> {
    let outcome = match asked.outcome {
        Some(outcome) => outcome,
        // Nobody else than the machine itself is asked.
        None if is_loopback(&asked.url) => {
            let fetched = fetch(&asked.url).await;
            fetched.map_or(ImportOutcome::Unreachable, ImportOutcome::Brings)
        }
        None => ImportOutcome::Unreachable,
    };
    if outcome == ImportOutcome::Unreachable {
        let detail = format!("Cannot fetch information from import for URL {}", asked.target);
        let problem = Problem::new(StatusCode::BAD_REQUEST, &detail);
        return Err(problem.with("targetUrl", asked.target.into()));
    }
    let mut world = site.world();
    let now = world.now;
    let named = asked.url.path_segments().and_then(|mut all| all.next_back());
    let mut new = NewVideo::titled(named.unwrap_or("import"));
    // What is known of a bare file is its date.
    new.details.originally_published_at = Some(now.with_time(NaiveTime::MIN).single().unwrap_or(now));
    asked.change.apply(&mut new.details);
    new.privacy = asked.change.privacy.unwrap_or(Privacy::PRIVATE);
    new.state = State::TO_IMPORT;
    (new.files, new.hls) = (Vec::new(), Vec::new());
    let origin = Origin::Import(asked.target.clone());
    let video = world.add_sent(asked.channel, new, &asked.change, origin, now);
    let due = after(now, world.settings.import);
    let id = world.imports.all.len() as u64 + 1;
    let import = Import {
        id,
        account: asked.account,
        url: asked.target,
        state: 1,
        error: None,
        created: now,
        updated: now,
        due,
        video,
        outcome,
    };
    let shown = site.import_json(&world, &import);
    world.imports.all.push(import);
    Ok(shown)
}

impl Inner {
    fn import_json(&self, world: &World, import: &Import) -> Value {
        let label = STATES.get(usize::from(import.state) - 1).copied().unwrap_or("Unknown");
        let mut shown = json!({
            "id": import.id,
            "targetUrl": import.url,
            "magnetUri": null,
            "torrentName": null,
            "state": {"id": import.state, "label": label},
            "error": import.error,
            "updatedAt": date(import.updated),
            "createdAt": date(import.created),
        });
        if let Some(video) = world.video(&import.video) {
            shown["video"] = self.imported_item(world, video);
        }
        shown
    }

    /// The imports of an account, newest first unless the oldest are wanted first.
    pub fn imports_json(&self, world: &World, account: usize, ask: &Ask) -> Result<Value, Problem> {
        let start = ask.number("start", 0, 0, u64::from(u32::MAX), "Should have a number start")?;
        let count = ask.number("count", 15, 0, 100, "Should have a number count (max: 100)")?;
        let sort = ask.parameter("sort").unwrap_or("-createdAt");
        if !matches!(sort.trim_start_matches('-'), "createdAt" | "id") {
            return Err(Problem::invalid("query", "sort", sort, "Invalid value"));
        }
        let url = ask.parameter("targetUrl");
        let own = world.imports.all.iter().filter(|import| import.account == account);
        let mut found: Vec<&Import> = own.filter(|i| url.is_none_or(|url| i.url == url)).collect();
        if sort.starts_with('-') {
            found.reverse();
        }
        let (skip, take) = (usize::try_from(start), usize::try_from(count));
        let page = found
            .iter()
            .skip(skip.unwrap_or(usize::MAX))
            .take(take.unwrap_or(usize::MAX));
        let data: Vec<Value> = page.map(|import| self.import_json(world, import)).collect();
        Ok(json!({"total": found.len(), "data": data}))
    }
}

impl World {
    /// Ends the imports that are due.
    pub fn settle_imports(&mut self, now: DateTime<Utc>) {
        for index in 0..self.imports.all.len() {
            let import = &self.imports.all[index];
            if import.state != 1 || import.due > now {
                continue;
            }
            let import = import.clone();
            let error = self.fill(&import).err();
            if error.is_some() {
                // The video that was to be filled goes away (≤ 7.3).
                self.videos.retain(|video| video.uuid != import.video);
            }
            let kept = &mut self.imports.all[index];
            kept.state = if error.is_some() { 3 } else { 2 };
            (kept.error, kept.updated) = (error, import.due);
        }
    }

    /// Gives the video its file, or tells why not.
    fn fill(&mut self, import: &Import) -> Result<(), String> {
        let body = match &import.outcome {
            ImportOutcome::Brings(body) => body,
            ImportOutcome::Fails(error) => return Err(error.clone()),
            ImportOutcome::Unreachable => return Err("the URL leads nowhere".into()),
        };
        let facts = film::look(body);
        let facts = facts.ok_or("ffprobe exited with code 1\nInvalid data found when processing input")?;
        if !self.has_room(import.account, body.len()) {
            return Err("The user video quota is exceeded with this video to import.".into());
        }
        let file = as_file(facts, body);
        let transcoded = after(import.due, self.settings.transcoding);
        self.add_web_file(&import.video, file.clone(), import.due);
        self.add_hls_file(&import.video, file, import.due);
        self.change(&import.video, import.due, |video| {
            video.upload = video.web.first().cloned();
            video.details.duration = facts.seconds;
            video.state = State::TO_TRANSCODE;
            video.transcoded_at = Some(transcoded);
        });
        Ok(())
    }
}
