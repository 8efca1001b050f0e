//! Media: what happens to them between upload and status. How they are received is in `upload`.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, header};
use serde_json::json;

use super::accounts::number;
use super::entities::{kind_name, original_path, preview_path};
use super::reply::{Answered, Reply};
use super::sniff::{Facts, Kind, Received, Unknown};
use super::upload::{self, Upload};
use super::viewer::Viewer;
use super::world::{Ending, Hold, Medium, Picture, Work, World};
use super::{InstanceLimits, Shared, lock};

const WRITE: [&str; 2] = ["write", "write:media"];
const BROKEN: &str = "Error processing thumbnail for uploaded media";
/// A GIF may have so many pixels, whatever the limit for other pictures (contract §2.2).
const GIF_PIXELS: u64 = 921_600;
/// Stands for the frame that a real server would cut out of a film.
const FRAME: &[u8] = include_bytes!("preview.png");

/// `POST /api/v2/media`
pub(super) async fn create(
    State(shared): State<Arc<Shared>>,
    Extension(viewer): Extension<Viewer>,
    request: Request,
) -> Answered {
    if shared.no_media_v2 {
        super::gate::drain(request.into_body()).await;
        return Err(Reply::not_found().without_rates());
    }
    take_in(&shared, &viewer, request, false).await
}

/// `POST /api/v1/media`: answers when the work is done.
pub(super) async fn create_at_once(
    State(shared): State<Arc<Shared>>,
    Extension(viewer): Extension<Viewer>,
    request: Request,
) -> Answered {
    take_in(&shared, &viewer, request, true).await
}

async fn take_in(shared: &Shared, viewer: &Viewer, request: Request, at_once: bool) -> Answered {
    // The server has the whole request before it looks at the token.
    let upload = upload::receive(shared, request).await?;
    let user = viewer.needs(&WRITE)?;
    let now = shared.clock.now();
    let mut world = lock(&shared.world);
    let Upload {
        file,
        thumbnail,
        fields,
    } = upload;
    let file = match file {
        Some(file) => file,
        None if fields.text("file").is_some() => return Err(Reply::error(500, BROKEN)),
        None => return Err(Reply::invalid("File can't be blank")),
    };
    let facts = accepted(&file, &world.limits)?;
    let description = fields.text("description");
    let alt_min = shared.ways().alt_min;
    if description
        .as_deref()
        .is_some_and(|text| text.chars().count() < alt_min)
    {
        return Err(Reply::error(
            400,
            &format!("media description less than min chars ({alt_min})"),
        ));
    }
    let mut complaints = too_big(&file, &facts, &world.limits);
    complaints.extend(description.as_deref().and_then(|text| too_long(text, &world.limits)));
    if thumbnail.is_some() && matches!(facts.kind, Kind::Image | Kind::Gifv) {
        complaints.push("Thumbnail must be blank".into());
    }
    if !complaints.is_empty() {
        return Err(Reply::invalid(&complaints.join(", ")));
    }
    let thumbnail = thumbnail.map(|file| picture(file, &world.limits)).transpose()?;
    let id = world.next_id(now);
    let ending = if world.processing_fails {
        Ending::Bad
    } else {
        Ending::Good
    };
    let work = match facts.kind {
        Kind::Image => Work::Done,
        _ if at_once || world.media_polls == 0 => ending.into(),
        _ => Work::Polls(world.media_polls, ending),
    };
    if at_once && work == Work::Failed {
        return Err(Reply::error(422, BROKEN));
    }
    let medium = Medium {
        id,
        account: user.account,
        uploaded_at: now,
        file_name: file.file_name,
        size: file.size,
        sha256: file.sha256,
        bytes: file.bytes,
        facts,
        thumbnail,
        description,
        focus: fields.text("focus").map(|text| focus(&text)),
        work,
        hold: Hold::Free,
    };
    let mut entity = shared.writer(&world, viewer).medium(&medium);
    world.media.insert(id, medium);
    if facts.kind == Kind::Image || at_once {
        return Ok(Reply::json(200, &entity));
    }
    // What goes to the worker has no address yet, even when the worker is quick.
    entity["url"] = json!(null);
    Ok(Reply::json(202, &entity))
}

/// What the file is, if it is something that is taken.
fn accepted(file: &Received, limits: &InstanceLimits) -> Result<Facts, Reply> {
    let wrong_type = || Reply::invalid("File content type is invalid, File is invalid");
    let facts = file.facts().map_err(|unknown| match unknown {
        Unknown::Text if limits.supported_mime_types.contains(&file.declared_type) => {
            Reply::invalid("File has contents that are not what they are reported to be")
        }
        Unknown::Type | Unknown::Text => wrong_type(),
        Unknown::NoVideo => Reply::error(422, "Video has no video stream"),
        Unknown::Damaged => Reply::error(500, BROKEN),
    })?;
    if !limits.supported_mime_types.iter().any(|mime| mime == facts.mime) {
        return Err(wrong_type());
    }
    let (width, height) = (facts.width, facts.height);
    let pixels = u64::from(width) * u64::from(height);
    let moves = facts.mime.starts_with("video/");
    let unsupported = |what: &str| Err(Reply::error(422, &format!("{width}x{height} {what} are not supported")));
    match facts.mime {
        "image/gif" if pixels > GIF_PIXELS => return unsupported("GIF files"),
        _ if moves && pixels > limits.video_matrix_limit => return unsupported("videos"),
        _ if !moves && pixels > limits.image_matrix_limit => return unsupported("images"),
        _ => {}
    }
    let fps = facts.rate.0 / facts.rate.1.max(1);
    if moves && fps > u64::from(limits.video_frame_rate_limit) {
        return Err(Reply::error(422, &format!("{fps}fps videos are not supported")));
    }
    Ok(facts)
}

fn too_big(file: &Received, facts: &Facts, limits: &InstanceLimits) -> Vec<String> {
    let limit = match facts.kind {
        Kind::Image => limits.image_size_limit,
        _ => limits.video_size_limit,
    };
    if file.size < limit {
        return Vec::new();
    }
    let size = human(limit);
    vec![
        format!("File must be less than {size}"),
        format!("File file size must be less than {size}"),
    ]
}

/// A number of bytes as Rails writes it.
fn human(bytes: u64) -> String {
    match bytes {
        0..1024 => format!("{bytes} Bytes"),
        1024..1_048_576 => format!("{} KB", bytes / 1024),
        1_048_576..1_073_741_824 => format!("{} MB", bytes / 1_048_576),
        _ => format!("{} GB", bytes / 1_073_741_824),
    }
}

fn too_long(description: &str, limits: &InstanceLimits) -> Option<String> {
    let max = limits.description_limit;
    (description.chars().count() > max).then(|| format!("Description is too long (maximum is {max} characters)"))
}

fn picture(file: Received, limits: &InstanceLimits) -> Result<Picture, Reply> {
    let facts = file.facts().ok().filter(|facts| facts.kind == Kind::Image);
    let facts = facts.ok_or_else(|| Reply::invalid("Thumbnail content type is invalid, Thumbnail is invalid"))?;
    if file.size >= limits.image_size_limit {
        let size = human(limits.image_size_limit);
        return Err(Reply::invalid(&format!("Thumbnail must be less than {size}")));
    }
    Ok(Picture {
        sha256: file.sha256,
        bytes: file.bytes,
        facts,
    })
}

/// `x,y`; whatever isn't a number is 0, and what is missing null, as recorded.
pub(super) fn focus(text: &str) -> (f64, Option<f64>) {
    let mut parts = text
        .split(',')
        .map(|part| part.trim().parse::<f64>().unwrap_or_default());
    (parts.next().unwrap_or_default(), parts.next())
}

/// `GET /api/v1/media/:id`
pub(super) async fn show(
    State(shared): State<Arc<Shared>>,
    Extension(viewer): Extension<Viewer>,
    Path(id): Path<String>,
) -> Answered {
    let user = viewer.needs(&WRITE)?;
    let mut world = lock(&shared.world);
    let medium = unattached(&mut world, &id, user.account)?;
    let seen = medium.poll();
    let medium = Medium {
        work: seen,
        ..medium.clone()
    };
    let entity = shared.writer(&world, &viewer).medium(&medium);
    match seen {
        Work::Done => Ok(Reply::json(200, &entity)),
        Work::Polls(..) => Ok(Reply::json(206, &entity)),
        Work::Failed => Err(Reply::error(422, BROKEN)),
    }
}

/// `PUT /api/v1/media/:id`
pub(super) async fn update(
    State(shared): State<Arc<Shared>>,
    Extension(viewer): Extension<Viewer>,
    Path(id): Path<String>,
    request: Request,
) -> Answered {
    let Upload { thumbnail, fields, .. } = upload::receive(&shared, request).await?;
    let user = viewer.needs(&WRITE)?;
    let mut world = lock(&shared.world);
    let limits = world.limits.clone();
    let medium = unattached(&mut world, &id, user.account)?;
    if let Some(complaint) = fields.text("description").and_then(|text| too_long(&text, &limits)) {
        return Err(Reply::invalid(&complaint));
    }
    if thumbnail.is_some() && matches!(medium.facts.kind, Kind::Image | Kind::Gifv) {
        return Err(Reply::invalid("Thumbnail must be blank"));
    }
    let thumbnail = thumbnail.map(|file| picture(file, &limits)).transpose()?;
    medium.thumbnail = thumbnail.or(medium.thumbnail.take());
    medium.description = fields.text("description").or(medium.description.take());
    medium.focus = fields.text("focus").map(|text| focus(&text)).or(medium.focus);
    let medium = medium.clone();
    Ok(Reply::json(200, &shared.writer(&world, &viewer).medium(&medium)))
}

/// `DELETE /api/v1/media/:id`
pub(super) async fn remove(
    State(shared): State<Arc<Shared>>,
    Extension(viewer): Extension<Viewer>,
    Path(id): Path<String>,
) -> Answered {
    let user = viewer.needs(&WRITE)?;
    let mut world = lock(&shared.world);
    let own = world
        .media
        .get(&number(&id))
        .filter(|medium| medium.account == user.account);
    let medium = own.ok_or_else(Reply::no_record)?;
    if medium.hold != Hold::Free {
        return Err(Reply::error(422, "Media attachment is currently used by a status"));
    }
    let id = medium.id;
    world.media.remove(&id);
    Ok(Reply::json(200, &json!({})))
}

fn unattached<'a>(world: &'a mut World, id: &str, account: u64) -> Result<&'a mut Medium, Reply> {
    let medium = world.media.get_mut(&number(id));
    medium
        .filter(|medium| medium.account == account && medium.hold == Hold::Free)
        .ok_or_else(Reply::no_record)
}

/// `GET /system/media_attachments/…`: the files themselves, ranges too.
pub(super) async fn file(State(shared): State<Arc<Shared>>, Path(path): Path<String>, headers: HeaderMap) -> Answered {
    let world = lock(&shared.world);
    let digits: String = path.split('/').skip(1).take(6).collect();
    let medium = world.media.get(&number(&digits)).ok_or_else(missing)?;
    let path = format!("/system/media_attachments/{path}");
    let (kind, bytes) = if path == original_path(medium) && medium.work == Work::Done {
        (medium.facts.mime, medium.bytes.as_deref())
    } else if preview_path(medium).as_deref() == Some(&path) {
        match &medium.thumbnail {
            Some(thumbnail) => (thumbnail.facts.mime, thumbnail.bytes.as_deref()),
            None if kind_name(medium.facts.kind) == "image" => (medium.facts.mime, medium.bytes.as_deref()),
            None => ("image/png", Some(FRAME)),
        }
    } else {
        return Err(missing());
    };
    let bytes = bytes.ok_or_else(missing)?;
    let modified = medium.uploaded_at.format("%a, %d %b %Y %H:%M:%S GMT").to_string();
    let asked = |name| headers.get(name).and_then(|value| value.to_str().ok());
    if asked(header::IF_MODIFIED_SINCE) == Some(modified.as_str()) {
        return Ok(kept_long(Reply::file(304, kind, Vec::new())));
    }
    let reply = match asked(header::RANGE).and_then(|range| part(range, bytes.len())) {
        Some((from, to)) => Reply::file(206, kind, bytes[from..to].to_vec()).with(
            header::CONTENT_RANGE,
            &format!("bytes {from}-{}/{}", to - 1, bytes.len()),
        ),
        None => Reply::file(200, kind, bytes.to_vec()),
    };
    Ok(kept_long(reply)
        .with(header::LAST_MODIFIED, &modified)
        .with(header::ACCEPT_RANGES, "bytes"))
}

fn missing() -> Reply {
    super::pages::not_found()
}

fn kept_long(reply: Reply) -> Reply {
    reply.cached("public, max-age=2419200, immutable")
}

/// The half-open range that a `Range` header asks for, if there is one and it is within the file.
fn part(range: &str, length: usize) -> Option<(usize, usize)> {
    let (from, to) = range.strip_prefix("bytes=")?.split_once('-')?;
    let (from, to) = match (from.parse::<usize>().ok(), to.parse::<usize>().ok()) {
        (Some(from), Some(to)) => (from, (to + 1).min(length)),
        (Some(from), None) => (from, length),
        (None, Some(last)) => (length.saturating_sub(last), length),
        (None, None) => return None,
    };
    (from < to).then_some((from, to))
}
