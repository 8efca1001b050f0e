//! What somebody who is signed in sees of their own: who they are, how much they may upload, all their videos and
//! imports (contract §3.1, §7).

use axum::Router;
use axum::extract::{Path, State as Shared};
use axum::response::Response;
use axum::routing::get;
use serde_json::{Value, json};

use super::answers::{Ask, Problem, Reply};
use super::listing::order;
use super::rates::{Bucket, limited};
use super::rest_json::{date, metadata};
use super::site::{Inner, Site, owned, signed_in};
use super::world::{Origin, Video, World};

pub(super) fn routes(site: &Site) -> Router<Site> {
    let router = Router::new()
        .route("/api/v1/users/me", get(me))
        .route("/api/v1/users/me/video-quota-used", get(quota_used))
        .route("/api/v1/users/me/videos", get(videos))
        .route("/api/v1/users/me/videos/imports", get(imports))
        .route("/api/v1/videos/{id}/source", get(source));
    limited(router, site, Bucket::Api)
}

async fn me(Shared(site): Shared<Site>, ask: Ask) -> Response {
    let world = site.world();
    let found = signed_in(&world, &ask).map(|account| site.user(&world, account));
    ask.answer(found.map(|user| Reply::json(&user)))
}

async fn quota_used(Shared(site): Shared<Site>, ask: Ask) -> Response {
    let world = site.world();
    ask.answer(signed_in(&world, &ask).map(|account| {
        let (all, daily) = world.used(account);
        Reply::json(&json!({"videoQuotaUsed": all, "videoQuotaUsedDaily": daily}))
    }))
}

async fn videos(Shared(site): Shared<Site>, ask: Ask) -> Response {
    let world = site.world();
    let found = signed_in(&world, &ask).and_then(|account| own_videos(&site, &world, account, &ask));
    ask.answer(found.map(|list| Reply::json(&list)))
}

async fn imports(Shared(site): Shared<Site>, ask: Ask) -> Response {
    let world = site.world();
    let found = signed_in(&world, &ask).and_then(|account| site.imports_json(&world, account, &ask));
    ask.answer(found.map(|list| Reply::json(&list)))
}

async fn source(Shared(site): Shared<Site>, Path(id): Path<String>, ask: Ask) -> Response {
    let world = site.world();
    let found = owned(&world, &ask, &id).and_then(|uuid| {
        let video = world.video(&uuid).ok_or_else(|| Problem::not_found("Video"))?;
        uploaded_as(video).ok_or_else(|| Problem::not_found("Video source"))
    });
    let found = found.map_err(|problem| problem.of_operation("getVideoSource"));
    ask.answer(found.map(|source| Reply::json(&source)))
}

/// The file as it was uploaded; the original isn't kept by default, so it has no address.
fn uploaded_as(video: &Video) -> Option<Value> {
    let Origin::Upload { file_name, body, at } = &video.origin else {
        return None;
    };
    let stored = video.upload.as_ref()?;
    let resolution = stored.file.resolution;
    Some(json!({
        "filename": file_name,
        "inputFilename": file_name,
        "fileUrl": null,
        "fileDownloadUrl": null,
        "resolution": {"id": resolution, "label": format!("{resolution}p")},
        "size": body.len(),
        "width": stored.file.width,
        "height": stored.file.height,
        "fps": stored.file.fps,
        "metadata": metadata(video, stored),
        "createdAt": date(*at),
    }))
}

/// One page of all videos of an account, whoever may see them and however far they are.
fn own_videos(site: &Inner, world: &World, account: usize, ask: &Ask) -> Result<Value, Problem> {
    let start = ask.number("start", 0, 0, u64::from(u32::MAX), "Should have a number start")?;
    let count = ask.number("count", 15, 0, 100, "Should have a number count (max: 100)")?;
    let order = order(ask, "-createdAt")?;
    let channel = match ask.parameter("channelId") {
        None => None,
        Some(text) => {
            let number = text.parse().ok();
            let number = number.ok_or_else(|| Problem::invalid("query", "channelId", text, "Invalid value"))?;
            let index = world.own_channel(account, number);
            Some(index.ok_or_else(|| Problem::not_found("Video channel"))?)
        }
    };
    let search: Option<Vec<char>> = ask
        .parameter("search")
        .map(|text| text.to_lowercase().chars().collect());
    let live: Option<bool> = ask.parameter("isLive").and_then(|text| text.parse().ok());
    let own = world
        .videos
        .iter()
        .filter(|v| world.channels[v.channel].owner == account);
    let mut found: Vec<&Video> = own
        .filter(|v| channel.is_none_or(|channel| v.channel == channel))
        .filter(|v| live.is_none_or(|live| v.is_live == live))
        .filter(|v| search.as_ref().is_none_or(|text| contains(&v.details.title, text)))
        .collect();
    found.sort_by(|a, b| order(a, b).then(a.id.cmp(&b.id)));
    let (skip, take) = (usize::try_from(start), usize::try_from(count));
    let page = found
        .iter()
        .skip(skip.unwrap_or(usize::MAX))
        .take(take.unwrap_or(usize::MAX));
    let data: Vec<Value> = page.map(|video| site.own_item(world, video)).collect();
    Ok(json!({"total": found.len(), "data": data}))
}

/// Whether a title contains a text, as a database compares: `%` stands for anything, `_` for one character.
fn contains(title: &str, text: &[char]) -> bool {
    let title: Vec<char> = title.to_lowercase().chars().collect();
    (0..=title.len()).any(|at| begins(&title[at..], text))
}

fn begins(title: &[char], text: &[char]) -> bool {
    match text {
        [] => true,
        ['%', rest @ ..] => (0..=title.len()).any(|at| begins(&title[at..], rest)),
        [wanted, rest @ ..] => title
            .split_first()
            .is_some_and(|(first, after)| (*wanted == '_' || wanted == first) && begins(after, rest)),
    }
}

impl Inner {
    /// A user as they see themselves.
    fn user(&self, world: &World, index: usize) -> Value {
        let account = &world.accounts[index];
        let quota = |quota: Option<u64>| quota.map_or(json!(-1), Value::from);
        let own = (0..world.channels.len()).filter(|c| world.channels[*c].owner == index);
        let channels = own.map(|channel| {
            let mut shown = self.channel_json(world, channel);
            if let Some(shown) = shown.as_object_mut() {
                shown.remove("ownerAccount");
            }
            shown
        });
        let began = world
            .sessions
            .all
            .iter()
            .rev()
            .find(|s| s.account == index)
            .map(|s| s.began);
        let more = json!({
            "id": index + 2,
            "username": account.name,
            "email": format!("{}@example.com", account.name),
            "nsfwPolicy": self.options.nsfw_policy.word(),
            "videoQuota": quota(account.quota),
            "videoQuotaDaily": quota(account.daily_quota),
            "account": self.account_json(world, index),
            "videoChannels": channels.collect::<Vec<_>>(),
            "createdAt": date(account.created),
            "lastLoginDate": began.map(date),
            "twoFactorEnabled": account.second_factor.is_some(),
            "specialPlaylists": [{"id": index + 2, "name": "Watch later", "type": 2}],
        });
        let mut user: Value = serde_json::from_str(include_str!("user.json")).unwrap_or_default();
        if let (Some(user), Value::Object(more)) = (user.as_object_mut(), more) {
            user.extend(more);
        }
        user
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percent_and_underscore_are_wildcards() {
        let finds = |text: &str| contains("Same file twice", &text.to_lowercase().chars().collect::<Vec<_>>());
        for text in ["same", "FILE", "%", "Same_file_twice", "s%twice", ""] {
            assert!(finds(text), "{text}");
        }
        for text in ["sames", "__________________", "twice%x"] {
            assert!(!finds(text), "{text}");
        }
    }
}
