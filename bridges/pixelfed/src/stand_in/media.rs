//! Media: uploads, their state, their descriptions, their files (contract §3).

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Path, Request, State};
use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::params::Params;
use super::pictures::{self, Picture};
use super::reply::{Answered, Reply};
use super::sniff::{Kind, digest};
use super::upload::{File, Upload, receive};
use super::viewer::Viewer;
use super::world::{Medium, World};
use super::{Shared, lock, text};

/// `POST /api/v1/media`
pub(super) async fn create(
    State(shared): State<Arc<Shared>>,
    Extension(viewer): Extension<Viewer>,
    request: Request,
) -> Answered {
    let upload = receive(&shared, request).await?;
    let account = viewer.needs("write", &shared.base)?.account;
    store(&shared, account, &upload, 200)
}

/// `POST /api/v2/media`
pub(super) async fn create_v2(
    State(shared): State<Arc<Shared>>,
    Extension(viewer): Extension<Viewer>,
    request: Request,
) -> Answered {
    let upload = receive(&shared, request).await?;
    let account = viewer.needs("write", &shared.base)?.account;
    store(&shared, account, &upload, 202)
}

fn store(shared: &Shared, account: u64, upload: &Upload, status: u16) -> Answered {
    let now = shared.clock.now();
    let file = valid(shared, upload)?;
    {
        let mut world = lock(&shared.world);
        let owner = world.account_mut(account).ok_or_else(Reply::unauthenticated)?;
        let was_active = owner.active;
        // The first version takes note all the same.
        owner.active |= status == 200;
        if !was_active {
            // Success, says the status (contract §0.3).
            return Ok(Reply::json(200, &json!([])));
        }
        if world.uploads_of_a_day(account, now) >= world.limits.uploads_a_day {
            return Err(Reply::abort(429, ""));
        }
        let size = u64::try_from(file.bytes.len()).unwrap_or(u64::MAX);
        let used = (world.used(account) + size).div_ceil(1000);
        if world.limits.account_size.is_some_and(|most| used >= most) {
            return Err(Reply::abort(403, "Account size limit reached."));
        }
    }
    // Decoding takes its time; the world goes on.
    let kind = Kind::of(&file.bytes);
    let picture = pictures::process(kind, &file.bytes, shared.optimize_images);
    let mut world = lock(&shared.world);
    let medium = new_medium(&mut world, account, kind, file, picture, now);
    medium.description = upload.fields.text("description").map(|text| text::purify(&text));
    let filter = upload
        .fields
        .text("filter_name")
        .zip(upload.fields.text("filter_class"));
    medium.filter = filter.filter(|(_, class)| class.starts_with("filter-"));
    if status == 200 && medium.description.is_none() {
        medium.description = Some(String::new());
    }
    let medium = medium.clone();
    let writer = shared.writer(&world, true);
    let mut entity = writer.upload(&medium);
    let version = format!("{}?v={}", writer.file(&medium), now.timestamp());
    entity["url"] = if status == 200 {
        version.as_str().into()
    } else {
        Value::Null
    };
    entity["preview_url"] = version.into();
    if let Some(entity) = entity.as_object_mut() {
        entity.remove("meta");
    }
    Ok(Reply::json(status, &entity))
}

/// What is wrong with an upload, if anything is.
fn valid<'a>(shared: &Shared, upload: &'a Upload) -> Result<&'a File, Reply> {
    let limits = lock(&shared.world).limits.clone();
    let mut wrong = Vec::new();
    match &upload.file {
        None => wrong.push((
            "file",
            "The file field is required when file.* is not present.".to_owned(),
        )),
        Some(file) => {
            let size = u64::try_from(file.bytes.len()).unwrap_or(u64::MAX);
            let known = limits.supported_mime_types.iter();
            let mut known = known.filter(|_| !file.of_a_list);
            if limits.php_file_limit.is_some_and(|most| size > most) {
                wrong.push(("file", "The file failed to upload.".to_owned()));
            } else if !known.any(|kind| kind == Kind::of(&file.bytes).mime()) {
                let kinds = limits.supported_mime_types.join(", ");
                wrong.push(("file", format!("The file must be a file of type: {kinds}.")));
            } else if size > limits.max_photo_size * 1024 {
                let most = limits.max_photo_size;
                wrong.push(("file", format!("The file may not be greater than {most} kilobytes.")));
            }
        }
    }
    wrong.extend(wrong_description(&upload.fields, limits.description_limit));
    match &upload.file {
        Some(file) if wrong.is_empty() => Ok(file),
        _ => Err(Reply::invalid(&wrong)),
    }
}

fn wrong_description(fields: &Params, most: usize) -> Option<(&'static str, String)> {
    let description = fields.text("description").unwrap_or_default();
    let text = format!("The description may not be greater than {most} characters.");
    (description.chars().count() > most).then_some(("description", text))
}

/// Puts a medium in its place.
pub(super) fn new_medium<'a>(
    world: &'a mut World,
    account: u64,
    kind: Kind,
    file: &File,
    picture: Option<Picture>,
    now: DateTime<Utc>,
) -> &'a mut Medium {
    let id = world.next_medium;
    world.next_medium += 1;
    let (of_account, of_file) = (
        digest(format!("folder {account}").as_bytes()),
        world.next_secret("file"),
    );
    let of_folder = world.next_secret("folder");
    let stem = format!(
        "{account}/{}-{}/{}/{of_file}",
        &of_account[..9],
        &of_account[9..15],
        &of_folder[..12]
    );
    let medium = Medium {
        id,
        account,
        uploaded_at: now,
        file_name: file.name.clone(),
        kind,
        original: file.bytes.clone(),
        picture,
        processed_at: now + world.queue_delay,
        stem,
        description: None,
        license: None,
        filter: None,
        status: None,
    };
    world.media.entry(id).or_insert(medium)
}

/// `GET /api/v1/media/:id`
pub(super) async fn show(
    State(shared): State<Arc<Shared>>,
    Extension(viewer): Extension<Viewer>,
    Path(id): Path<String>,
) -> Answered {
    let user = viewer.needs("read", &shared.base)?;
    let world = lock(&shared.world);
    let free = world.free_medium(user.account, &id);
    let medium = free
        .and_then(|id| world.media.get(&id))
        .ok_or_else(|| Reply::no_model("Media", &id))?;
    Ok(Reply::json(200, &shared.writer(&world, true).upload(medium)))
}

/// `PUT /api/v1/media/:id`
pub(super) async fn update(
    State(shared): State<Arc<Shared>>,
    Extension(viewer): Extension<Viewer>,
    Path(id): Path<String>,
    request: Request,
) -> Answered {
    let params = Params::read(request).await?;
    let account = viewer.needs("write", &shared.base)?.account;
    let mut world = lock(&shared.world);
    if let Some(wrong) = wrong_description(&params, world.limits.description_limit) {
        return Err(Reply::invalid(&[wrong]));
    }
    let known = id.parse().ok().and_then(|number: u64| world.media.get(&number));
    let number = known
        .filter(|medium| medium.account == account)
        .map(|medium| medium.id)
        .ok_or_else(|| Reply::no_model("Media", &id))?;
    if !world.updates.count(&account.to_string(), shared.clock.now()).allowed {
        return Err(Reply::abort(429, "Too many attempts. Try again in a few minutes."));
    }
    if let Some(medium) = world.media.get_mut(&number)
        && params.filled("description")
    {
        medium.description = params.text("description").map(|text| text::purify(&text));
    }
    let medium = world.media.get(&number).ok_or_else(|| Reply::no_model("Media", &id))?;
    Ok(Reply::json(200, &shared.writer(&world, true).upload(medium)))
}

/// `GET /storage/m/_v2/…`: the file, before the queue has run as it came.
pub(super) async fn file(State(shared): State<Arc<Shared>>, Path(path): Path<String>) -> Answered {
    let (stem, _) = path.rsplit_once('.').unwrap_or((&path, ""));
    let (stem, wants_thumbnail) = stem.strip_suffix("_thumb").map_or((stem, false), |stem| (stem, true));
    let now = shared.clock.now();
    let world = lock(&shared.world);
    let medium = world.media.values().find(|medium| medium.stem == stem);
    let missing = || Reply::page(404, super::pages::error(404));
    let medium = medium.ok_or_else(missing)?;
    let picture = medium.picture.as_ref().filter(|_| now >= medium.processed_at);
    if wants_thumbnail {
        let thumbnail = picture.and_then(|picture| pictures::thumbnail(medium.kind, picture));
        let (kind, bytes) = thumbnail.ok_or_else(missing)?;
        return Ok(Reply::content(200, kind, bytes.to_vec()));
    }
    let bytes = picture.map_or(&medium.original, |picture| &picture.bytes);
    Ok(Reply::content(200, medium.kind.mime(), bytes.to_vec()))
}

/// `GET /storage/no-preview.png`
pub(super) async fn no_preview() -> Reply {
    Reply::content(200, "image/png", pictures::no_preview())
}
