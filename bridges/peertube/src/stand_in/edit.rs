//! Changing and deleting: videos, subtitles and chapters (contract §7.6).

use axum::Router;
use axum::extract::{DefaultBodyLimit, Path, Request, State as Shared};
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::put;
use serde_json::Value;

use super::answers::{Ask, Invalid, Problem, done};
use super::fields::{Fields, Needed, whole};
use super::form::Form;
use super::rates::{Bucket, limited};
use super::site::{Site, owned};
use super::world::World;
use super::{Caption, lists};

/// What subtitles may have.
const MOST_CAPTION: u64 = 20 << 20;

pub(super) fn routes(site: &Site) -> Router<Site> {
    let router = Router::new()
        .route("/api/v1/videos/{id}", put(update).delete(delete))
        .route(
            "/api/v1/videos/{id}/captions/{language}",
            put(add_caption).delete(delete_caption),
        )
        .route("/api/v1/videos/{id}/chapters", put(set_chapters))
        .layer(DefaultBodyLimit::disable());
    limited(router, site, Bucket::Api)
}

async fn update(Shared(site): Shared<Site>, Path(id): Path<String>, request: Request) -> Response {
    let (ask, form) = read(request).await;
    let form = match form {
        Ok(form) => form,
        // A body that can't be read is refused before anybody knows what for.
        Err(problem) => return ask.answer(Err(problem)),
    };
    let mut world = site.world();
    match change(&mut world, &ask, &id, &form) {
        Ok(()) => done(true),
        Err(problem) => ask.answer(Err(problem.of_operation("putVideo"))),
    }
}

async fn read(request: Request) -> (Ask, Result<Form, Problem>) {
    let (parts, body) = request.into_parts();
    let ask = Ask::of(&parts);
    (ask, Form::read(Request::from_parts(parts, body)).await)
}

/// Changes what was said and leaves the rest; pictures get other names.
fn change(world: &mut World, ask: &Ask, id: &str, form: &Form) -> Result<(), Problem> {
    let uuid = owned(world, ask, id)?;
    let mut fields = Fields::of(form);
    let change = fields.video(Needed::Nothing);
    fields.finish()?;
    let now = world.now;
    let owner = world.video(&uuid).map(|video| world.channels[video.channel].owner);
    let channel = match (change.channel, owner) {
        (Some(number), Some(owner)) => {
            let detail = "Unknown video \"video channel\" for this account.";
            let found = world.own_channel(owner, number);
            Some(found.ok_or_else(|| Problem::new(StatusCode::BAD_REQUEST, detail))?)
        }
        _ => None,
    };
    let pictures = (change.thumbnail.is_some(), change.preview.is_some());
    let (thumbnail, preview) = (world.names.uuid(), world.names.uuid());
    world.change(&uuid, now, |video| {
        change.apply(&mut video.details);
        change.apply_rest(video);
        video.channel = channel.unwrap_or(video.channel);
        if pictures.0 {
            video.pictures.thumbnail = thumbnail;
        }
        if pictures.1 {
            video.pictures.preview = preview;
        }
    });
    if let Some(privacy) = change.privacy {
        world.set_privacy(&uuid, privacy, now);
    }
    Ok(())
}

async fn delete(Shared(site): Shared<Site>, Path(id): Path<String>, ask: Ask) -> Response {
    let mut world = site.world();
    match owned(&world, &ask, &id) {
        Ok(uuid) => {
            world.videos.retain(|video| video.uuid != uuid);
            done(true)
        }
        Err(problem) => ask.answer(Err(problem.of_operation("delVideo"))),
    }
}

async fn add_caption(
    Shared(site): Shared<Site>,
    Path((id, language)): Path<(String, String)>,
    request: Request,
) -> Response {
    let (ask, form) = read(request).await;
    let mut world = site.world();
    let found = form.and_then(|form| caption(&mut world, &ask, &id, &language, &form));
    found.map_or_else(|problem| ask.answer(Err(problem)), |()| done(false))
}

fn caption(world: &mut World, ask: &Ask, id: &str, language: &str, form: &Form) -> Result<(), Problem> {
    let uuid = owned(world, ask, id)?;
    let mut wrong = Vec::new();
    if lists::languages().get(language).is_none() {
        let sent = Some(language.into());
        wrong.push(Invalid::new("params", "captionLanguage", sent, "Invalid value"));
    }
    // What is in it isn't looked at.
    let file = form
        .files
        .get("captionfile")
        .filter(|file| file.body.len() <= MOST_CAPTION);
    let Some(file) = file.filter(|_| wrong.is_empty()) else {
        if wrong.is_empty() {
            let message = "This caption file is not supported or too large.";
            wrong.push(Invalid::new("body", "captionfile", None, message));
        }
        return Err(Problem::invalid_all(wrong));
    };
    let text = String::from_utf8_lossy(&file.bytes()).into_owned();
    let text = if file.name.to_ascii_lowercase().ends_with(".srt") {
        from_srt(&text)
    } else {
        text
    };
    let now = world.now;
    world.set_caption(&uuid, Caption::new(language, &text), now);
    Ok(())
}

/// Subtitles of the older kind in the newer: another head, and points in times.
fn from_srt(text: &str) -> String {
    let line = |line: &str| {
        if line.contains("-->") {
            line.replace(',', ".")
        } else {
            line.to_owned()
        }
    };
    let lines: Vec<String> = text.trim_start_matches('\u{feff}').lines().map(line).collect();
    format!("WEBVTT\n\n{}\n", lines.join("\n").trim())
}

async fn delete_caption(
    Shared(site): Shared<Site>,
    Path((id, language)): Path<(String, String)>,
    ask: Ask,
) -> Response {
    let mut world = site.world();
    let found = owned(&world, &ask, &id).and_then(|uuid| {
        let video = world.video_mut(&uuid).ok_or_else(|| Problem::not_found("Video"))?;
        let before = video.captions.len();
        video.captions.retain(|stored| stored.caption.language != language);
        if video.captions.len() == before {
            return Err(Problem::not_found("Video caption"));
        }
        Ok(())
    });
    found.map_or_else(|problem| ask.answer(Err(problem)), |()| done(true))
}

async fn set_chapters(Shared(site): Shared<Site>, Path(id): Path<String>, request: Request) -> Response {
    let (ask, form) = read(request).await;
    let mut world = site.world();
    let found = form.and_then(|form| {
        let uuid = owned(&world, &ask, &id)?;
        let chapters = chapters(form.fields.get("chapters"));
        let chapters = chapters.ok_or_else(|| Problem::invalid("body", "chapters", "", "Invalid value"))?;
        if let Some(video) = world.video_mut(&uuid) {
            video.details.chapters = chapters;
        }
        Ok(())
    });
    found.map_or_else(|problem| ask.answer(Err(problem)), |()| done(false))
}

fn chapters(value: Option<&Value>) -> Option<Vec<(u32, String)>> {
    let chapter = |value: &Value| {
        let at = u32::try_from(whole(value.get("timecode")?)?).ok()?;
        Some((at, value.get("title")?.as_str()?.to_owned()))
    };
    value?.as_array()?.iter().map(chapter).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn older_subtitles_become_newer_ones() {
        let text = "1\r\n00:00:00,000 --> 00:00:02,500\r\nHello, you\r\n";
        assert_eq!(
            from_srt(text),
            "WEBVTT\n\n1\n00:00:00.000 --> 00:00:02.500\nHello, you\n"
        );
    }
}
