//! Uploading a whole file in one request, and what all ways of uploading have in common (contract §7.1, §7.2).

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State as Shared};
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::post;
use serde_json::{Value, json};

use super::Privacy;
use super::answers::{Ask, Invalid, Problem, Reply};
use super::fields::{Change, Fields, Needed};
use super::form::Form;
use super::rates::{Bucket, limited};
use super::resumable;
use super::site::{Site, signed_in};
use super::world::World;

/// The ends of names that the server says it takes.
const EXTENSIONS: &str = ".webm, .ogv, .ogg, .mp4, .mkv, .mov, .qt, .mqv, .m4v, .flv, .f4v, .wmv, .avi, .3gp, .3gpp, \
                          .3g2, .3gpp2, .nut, .mts, .m2ts, .mpv, .m2v, .m1v, .mpg, .mpe, .mpeg, .vob, .mxf, .mp3, \
                          .wma, .wav, .flac, .aac, .m4a, .ac3";

pub(super) fn routes(site: &Site) -> Router<Site> {
    let router = Router::new()
        .route("/api/v1/videos/upload", post(upload))
        .merge(resumable::routes())
        .layer(DefaultBodyLimit::disable());
    limited(router, site, Bucket::Api)
}

async fn upload(Shared(site): Shared<Site>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let ask = Ask::of(&parts);
    // The body is read before anything is answered: errors come after all of it was sent.
    let form = Form::read(Request::from_parts(parts, body)).await;
    let mut world = site.world();
    let found = signed_in(&world, &ask).and_then(|account| whole(&mut world, account, &form?));
    let found = found.map_err(|problem| problem.of_operation("uploadLegacy"));
    ask.answer(found.map(|video| Reply::json(&video)))
}

fn whole(world: &mut World, account: usize, form: &Form) -> Result<Value, Problem> {
    let mut fields = Fields::of(form);
    let change = fields.video(Needed::All);
    let file = form.files.get("videofile");
    if file.is_none() {
        fields.note(Invalid::new("body", "videofile", None, "Should have a file"));
    }
    fields.finish()?;
    let file = file.ok_or_else(|| Problem::new(StatusCode::BAD_REQUEST, "Should have a file"))?;
    check(world, account, &change, &file.kind, file.body.len())?;
    let now = world.now;
    let uuid = world.take_in(account, &change, &file.name, &file.body, now);
    created(world, &uuid.ok_or_else(unreadable)?)
}

/// What is refused although every field is well-formed: others' channels, types, sizes, missing passwords.
pub(super) fn check(world: &World, account: usize, change: &Change, kind: &str, size: u64) -> Result<(), Problem> {
    own_channel(world, account, change)?;
    if !is_media(kind) {
        let detail = format!("This file is not supported. Please, make sure it is of the following type: {EXTENSIONS}");
        return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, &detail));
    }
    if !world.has_room(account, size) {
        let detail = "The user video quota is exceeded with this video.";
        return Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, detail).code("quota_reached"));
    }
    if change.privacy == Some(Privacy::PASSWORD) && change.password.is_none() {
        return Err(Problem::new(StatusCode::BAD_REQUEST, "Video passwords are missing."));
    }
    Ok(())
}

/// The channel, by its index, if it is the account's.
pub(super) fn own_channel(world: &World, account: usize, change: &Change) -> Result<usize, Problem> {
    let channel = change.channel.and_then(|number| world.own_channel(account, number));
    let detail = "Unknown video \"video channel\" for this account.";
    channel.ok_or_else(|| Problem::new(StatusCode::BAD_REQUEST, detail))
}

/// Whether a file of this type may be a film or sound.
fn is_media(kind: &str) -> bool {
    let kind = kind.split(';').next().unwrap_or_default().trim();
    kind.starts_with("video/")
        || kind.starts_with("audio/")
        || matches!(kind, "application/octet-stream" | "application/ogg" | "application/mxf")
}

pub(super) fn unreadable() -> Problem {
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "Video file unreadable.")
}

/// What is answered to an upload that is done.
pub(super) fn created(world: &World, uuid: &str) -> Result<Value, Problem> {
    let video = world.video(uuid).ok_or_else(|| Problem::not_found("Video"))?;
    Ok(json!({"video": {"id": video.id, "shortUUID": video.short, "uuid": video.uuid}}))
}
