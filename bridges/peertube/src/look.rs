//! Looking for a copy among the account's own videos: by its date of first publication, exact to the millisecond, and the
//! name its file was sent under (contract peertube §7.4).
//!
//! Only reads, except that asking about an upload of which the instance holds all bytes makes it finish that one.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;
use tombolo_model::{DestinationError, Found, Marker, Origin, Window, unsigned_of};

use crate::caller::{NoAnswer, json};
use crate::place::Place;
use crate::resumable::{State, Upload, probe};
use crate::wire::{OwnVideo, Problem, copy_of};

/// Most a list gives at once.
const PAGE: usize = 100;
/// How far pages overlap, since a list that grows at its head shifts under the reader.
const OVERLAP: usize = 5;
/// Most videos, and longest time, of one look.
const MAX_VIDEOS: usize = 5_000;
const MAX_TIME: TimeDelta = TimeDelta::minutes(2);
/// How far before the request a look goes back: the instance's clock may be wrong.
const LOOK_BACK: TimeDelta = TimeDelta::days(1);
/// Most videos whose file's name is asked for.
const MAX_ASKED: usize = 30;
/// Most uploads that are asked about.
const MAX_UPLOADS: usize = 5;

/// States of an import that came to nothing: failed, rejected, cancelled (contract peertube §7.5).
const CAME_TO_NOTHING: [u64; 3] = [3, 4, 5];

/// The copies that carry the marker in this channel.
pub(crate) async fn find(
    place: &Place,
    channel: Option<u64>,
    marker: &Marker,
    window: Window,
) -> Result<Found, DestinationError> {
    let (mut found, mut blind) = own_videos(place, channel, marker, window.since - LOOK_BACK).await?;
    if let Some(import) = &marker.import {
        let known: Vec<String> = found.iter().map(|video| video.uuid.clone()).collect();
        let imported = imports(place, channel, import, marker, window.since - LOOK_BACK).await?;
        found.extend(imported.into_iter().filter(|video| !known.contains(&video.uuid)));
    }
    let instance = place.caller.instance();
    found.sort_by_key(|video| video.created);
    let mut copies: Vec<_> = found.iter().map(|video| video.copy(instance)).collect();
    if copies.is_empty() {
        for upload in marker.media.iter().filter_map(|id| Upload::parse(id)).take(MAX_UPLOADS) {
            match unfinished(place, &upload).await? {
                Unfinished::No => {}
                Unfinished::Created(uuid) => copies.push(copy_of(&uuid, instance)),
                Unfinished::Perhaps(why) => blind = Some(why),
            }
        }
    }
    Ok(Found { copies, blind })
}

enum Unfinished {
    /// Nothing will come of it.
    No,
    Created(String),
    /// Something may still come of it.
    Perhaps(String),
}

/// Whether a video may still come of an upload.
async fn unfinished(place: &Place, upload: &Upload) -> Result<Unfinished, DestinationError> {
    let instance = Origin::of(place.caller.instance());
    match probe(&place.caller, upload).await {
        Ok(State::Created(uuid)) => Ok(Unfinished::Created(uuid)),
        Ok(State::Held(held)) if held < upload.total => Ok(Unfinished::No),
        Ok(State::Held(_) | State::Processing(_)) => Ok(Unfinished::Perhaps(format!(
            "{instance} is still processing the upload"
        ))),
        Ok(State::Unknown | State::Refused(_) | State::Damaged) => Ok(Unfinished::No),
        Ok(State::Nothing(reason)) | Err(NoAnswer::Unknown(reason) | NoAnswer::NotSent(reason)) => Ok(
            Unfinished::Perhaps(format!("{instance} doesn't say what became of the upload: {reason}")),
        ),
        Err(NoAnswer::Auth(no)) => Err(no.into()),
        Err(NoAnswer::Throttled { reason, until }) => Err(DestinationError::Throttled { what: reason, until }),
    }
}

/// Pages through the account's own videos, the newest first, back to `since`.
async fn own_videos(
    place: &Place,
    channel: Option<u64>,
    marker: &Marker,
    since: DateTime<Utc>,
) -> Result<(Vec<OwnVideo>, Option<String>), DestinationError> {
    let (began, caller) = (place.caller.now(), &place.caller);
    let (mut found, mut asked): (Vec<OwnVideo>, usize) = (Vec::new(), 0);
    let too_far = |why: String| Some(format!("{} {why}", Origin::of(caller.instance())));
    let channel_text = channel.map(|id| id.to_string());
    let mut start = 0;
    loop {
        let (start_text, count) = (start.to_string(), PAGE.to_string());
        let mut query = vec![
            ("start", start_text.as_str()),
            ("count", count.as_str()),
            ("sort", "-createdAt"),
        ];
        if let Some(id) = &channel_text {
            query.push(("channelId", id));
        }
        let (entries, total) = page(place, &["users", "me", "videos"], &query).await?;
        for video in entries.iter().filter_map(OwnVideo::parse) {
            if video.created.is_some_and(|at| at < since) {
                return Ok((found, None));
            }
            if found.iter().any(|known| known.uuid == video.uuid) || !may_be(&video, channel, marker) {
                continue;
            }
            if marker.stamp.is_none() {
                asked += 1;
                if asked > MAX_ASKED {
                    return Ok((
                        found,
                        too_far("has too many videos to ask for the name of each file".into()),
                    ));
                }
            }
            if is_it(place, &video, marker).await? {
                found.push(video);
            }
        }
        if entries.is_empty() || (start + entries.len()) as u64 >= total {
            return Ok((found, None));
        }
        start += entries.len() - OVERLAP.min(entries.len() / 2);
        if start > MAX_VIDEOS || caller.now() - began > MAX_TIME {
            let since = since.format("%Y-%m-%d %H:%M UTC");
            return Ok((
                found,
                too_far(format!("has more videos since {since} than one look goes through")),
            ));
        }
    }
}

fn is_elsewhere(video: &OwnVideo, channel: Option<u64>) -> bool {
    matches!((video.channel, channel), (Some(there), Some(wanted)) if there != wanted)
}

/// What a list alone can tell.
fn may_be(video: &OwnVideo, channel: Option<u64>, marker: &Marker) -> bool {
    !is_elsewhere(video, channel)
        && match marker.stamp {
            Some(stamp) => {
                let millis = video.originally_published.map(|at| at.timestamp_millis());
                millis == Some(stamp.timestamp_millis())
            }
            None => !marker.files.is_empty(),
        }
}

/// What the name of its file tells, where the instance still knows it (contract peertube §7.4).
async fn is_it(place: &Place, video: &OwnVideo, marker: &Marker) -> Result<bool, DestinationError> {
    if marker.files.is_empty() {
        return Ok(marker.stamp.is_some());
    }
    let url = place.caller.api(&["videos", &video.uuid, "source"], &[])?;
    let answer = place.caller.get(&url).await?;
    let body: Value = match answer.status.as_u16() {
        200 => answer.json().unwrap_or_default(),
        // Imports have no source; some instances don't tell it.
        _ => Value::Null,
    };
    let name = body
        .get("inputFilename")
        .or_else(|| body.get("filename"))
        .and_then(Value::as_str);
    Ok(match name {
        Some(name) if marker.files.iter().any(|file| file == name) => true,
        // A later version keeps the title in its place, which says nothing.
        Some(name) if name != video.name => false,
        _ => marker.stamp.is_some(),
    })
}

/// The videos that the instance made, or makes, of this address.
async fn imports(
    place: &Place,
    channel: Option<u64>,
    address: &str,
    marker: &Marker,
    since: DateTime<Utc>,
) -> Result<Vec<OwnVideo>, DestinationError> {
    let query = [("targetUrl", address), ("count", "100"), ("sort", "-createdAt")];
    let (entries, _) = page(place, &["users", "me", "videos", "imports"], &query).await?;
    let wanted = entries.iter().filter(|import| {
        let state = import.pointer("/state/id").and_then(unsigned_of);
        import.get("targetUrl").and_then(Value::as_str) == Some(address)
            && !state.is_some_and(|state| CAME_TO_NOTHING.contains(&state))
    });
    let videos = wanted.filter_map(|import| OwnVideo::parse(import.get("video")?));
    Ok(videos
        .filter(|video| video.created.is_none_or(|at| at >= since) && !is_elsewhere(video, channel))
        .filter(|video| {
            let undated = marker.stamp.is_none() || video.originally_published.is_none();
            undated || may_be(video, channel, marker)
        })
        .collect())
}

async fn page(place: &Place, path: &[&str], query: &[(&str, &str)]) -> Result<(Vec<Value>, u64), DestinationError> {
    let url = place.caller.api(path, query)?;
    let answer = place.caller.get(&url).await?;
    let from = || format!("{}{}", Origin::of(&url), url.path());
    match answer.status.as_u16() {
        200 => {}
        401 | 403 => {
            return Err(DestinationError::AuthLost(format!(
                "{}: {}",
                from(),
                Problem::of(&answer)
            )));
        }
        _ => {
            return Err(DestinationError::Malformed(format!(
                "{}: {}",
                from(),
                Problem::of(&answer)
            )));
        }
    }
    let mut value = json(&url, &answer)?;
    let total = value.get("total").and_then(unsigned_of);
    match (value.get_mut("data").map(Value::take), total) {
        (Some(Value::Array(mut entries)), Some(total)) => {
            entries.truncate(PAGE);
            Ok((entries, total))
        }
        _ => Err(DestinationError::Malformed(format!(
            "{} was not answered with a list",
            from()
        ))),
    }
}
