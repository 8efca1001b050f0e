//! Beginning an upload in pieces, or finding the one that was begun before (contract §7.3, "Init").
//!
//! What is wrong with a video is said here, before any byte of it was sent.

use axum::extract::{Request, State as Shared};
use axum::http::{StatusCode, header};
use axum::response::Response;
use serde_json::{Value, json};

use super::answers::{Ask, Invalid, Problem, set};
use super::disk::Disk;
use super::fields::{Change, Fields, Needed, whole};
use super::form::{Form, on_disk};
use super::rest_json::date;
use super::resumable::{PATH, json_body, plain, range};
use super::site::{Site, signed_in};
use super::upload::check;
use super::uploads::{Entry, upload_id};
use super::world::World;

/// How long a file's name may be.
const MOST_NAME: usize = 1000;

pub(super) async fn init(Shared(site): Shared<Site>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let ask = Ask::of(&parts);
    // Without a session nothing of the body is looked at.
    if let Err(problem) = signed_in(&site.world(), &ask) {
        return ask.answer(Err(problem));
    }
    let form = Form::read(Request::from_parts(parts, body)).await;
    let begun = form.and_then(|form| begin(&mut site.world(), &ask, &form));
    begun.unwrap_or_else(|problem| ask.answer(Err(problem.of_operation("uploadResumableInit"))))
}

/// Begins an upload, or finds the one that was begun before.
fn begin(world: &mut World, ask: &Ask, form: &Form) -> Result<Response, Problem> {
    let account = signed_in(world, ask)?;
    let mut fields = Fields::of(form);
    let change = fields.video(Needed::All);
    let name = fields.check("filename", "Invalid value", file_name, true);
    let modified = fields.check("lastModified", "Invalid value", whole, false);
    let size = ask.header("x-upload-content-length").and_then(|text| text.parse().ok());
    for (header, missing) in [
        ("x-upload-content-length", size.is_none()),
        ("x-upload-content-type", ask.header("x-upload-content-type").is_none()),
    ] {
        if missing {
            let sent = ask.header(header).map(Value::from);
            fields.note(Invalid::new("headers", header, sent, "Invalid value"));
        }
    }
    fields.finish()?;
    let (size, name): (u64, String) = (size.unwrap_or_default(), name.unwrap_or_default());
    let kind = ask.header("x-upload-content-type").unwrap_or_default();
    check(world, account, &change, kind, size)?;
    let title = change.title.clone().unwrap_or_default();
    let now = u64::try_from(world.now.timestamp_millis()).unwrap_or_default();
    let id = upload_id(account, &title, size, modified.unwrap_or(now));
    let host = ask.header("host").unwrap_or_default();
    let scheme = ask
        .header("x-forwarded-proto")
        .map_or(String::new(), |proto| format!("{proto}:"));
    let location = format!("{scheme}//{host}{PATH}?upload_id={id}");
    let mut response = if size == 0 {
        json_body(StatusCode::OK, &empty(world, account, &id, form, kind))
    } else {
        open(world, &id, account, change, name, size)?
    };
    set(response.headers_mut(), header::LOCATION, &location);
    Ok(response)
}

fn file_name(value: &Value) -> Option<String> {
    let name = value.as_str()?;
    (1..=MOST_NAME).contains(&name.chars().count()).then(|| name.to_owned())
}

/// What the library says of a file without content, which it takes for complete.
fn empty(world: &World, account: usize, id: &str, form: &Form, kind: &str) -> Value {
    let user = account + 2;
    json!({
        "bytesWritten": 0,
        "name": format!("{user}-{id}.mp4"),
        "metadata": form.fields,
        "originalName": form.fields.get("name"),
        "contentType": kind,
        "size": 0,
        "userId": user.to_string(),
        "id": id,
        "status": "completed",
        "createdAt": date(world.now),
    })
}

fn open(
    world: &mut World,
    id: &str,
    account: usize,
    change: Change,
    file_name: String,
    size: u64,
) -> Result<Response, Problem> {
    let now = world.now;
    if let Some(entry) = world.uploads.entries.get_mut(id).filter(|e| !e.poisoned && e.held > 0) {
        (entry.change, entry.file_name, entry.progress) = (change, file_name, now);
        let mut response = plain(StatusCode::OK);
        set(response.headers_mut(), header::RANGE, &range(entry.held));
        return Ok(response);
    }
    let entry = Entry {
        serial: world.uploads.serial(),
        account,
        change,
        file_name,
        size,
        held: 0,
        disk: Disk::new().map_err(|error| on_disk(&error))?,
        progress: now,
        poisoned: false,
    };
    world.uploads.entries.insert(id.to_owned(), entry);
    Ok(plain(StatusCode::CREATED))
}
