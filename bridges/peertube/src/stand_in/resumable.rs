//! Uploading in pieces: the requests (contract §7.3).
//!
//! Answers of the upload library look unlike those of the API around it: no ETag, errors in a shape of their own.

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State as Shared};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use axum::routing::post;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use futures_util::{StreamExt, stream};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::answers::{Ask, Problem, Reply, nothing, set};
use super::beginning::init;
use super::disk::Disk;
use super::form::on_disk;
use super::site::{Site, signed_in};
use super::upload::{created, unreadable};
use super::uploads::End;
use super::world::World;

pub(super) const PATH: &str = "/api/v1/videos/upload-resumable";
/// What a client is told to wait for while an upload is processed, in seconds.
const WAIT: &str = "300";

pub(super) fn routes() -> Router<Site> {
    Router::new().route(PATH, post(init).put(chunk).delete(cancel))
}

/// An answer of the upload library.
pub(super) fn plain(status: StatusCode) -> Response {
    let mut response = nothing(status);
    set(response.headers_mut(), header::CACHE_CONTROL, "no-store");
    response
        .headers_mut()
        .insert(header::CONTENT_LENGTH, HeaderValue::from(0));
    response
}

pub(super) fn json_body(status: StatusCode, body: &Value) -> Response {
    let mut response = Response::new(Body::from(body.to_string()));
    *response.status_mut() = status;
    set(response.headers_mut(), header::CACHE_CONTROL, "no-store");
    set(response.headers_mut(), header::CONTENT_TYPE, "application/json");
    response
}

fn error(status: u16, code: &str, message: &str) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    json_body(status, &json!({"error": {"code": code, "message": message}}))
}

fn not_found() -> Response {
    error(404, "FileNotFound", "Not found")
}

fn conflict() -> Response {
    error(409, "FileConflict", "File conflict")
}

fn processing() -> Problem {
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "The upload is already being processed")
        .of_operation("uploadResumable")
        .with_header(header::RETRY_AFTER, WAIT.to_owned())
}

/// The connection is closed without an answer: a body that fails at once takes the head with it.
fn cut() -> Response {
    let gone = std::io::Error::new(std::io::ErrorKind::ConnectionReset, "cut by script");
    Response::new(Body::from_stream(stream::iter([Err::<bytes::Bytes, _>(gone)])))
}

/// What is held, as the library writes it; nothing ends at -1.
pub(super) fn range(held: u64) -> String {
    if held == 0 {
        "bytes=0--1".to_owned()
    } else {
        format!("bytes=0-{}", held - 1)
    }
}

async fn cancel(Shared(site): Shared<Site>, ask: Ask) -> Response {
    let mut world = site.world();
    let account = match signed_in(&world, &ask) {
        Ok(account) => account,
        Err(problem) => return ask.answer(Err(problem)),
    };
    let id = ask.parameter("upload_id").unwrap_or_default();
    if world
        .uploads
        .entries
        .get(id)
        .is_some_and(|entry| entry.account != account)
    {
        return forbidden();
    }
    world.uploads.entries.remove(id);
    world.uploads.markers.remove(id);
    plain(StatusCode::NO_CONTENT)
}

fn forbidden() -> Response {
    error(403, "Forbidden", "Authenticated user is not allowed access")
}

/// Where the bytes of a chunk go.
struct Place {
    id: String,
    serial: u64,
    disk: Disk,
    size: u64,
    start: u64,
    /// After how many bytes the connection is cut.
    cut: Option<u64>,
    digest: Option<Vec<u8>>,
}

/// Where a chunk goes, or what it meets instead.
enum Meets {
    Place(Place),
    /// It brings nothing: the answer tells what is there.
    Probe(String),
    Answer(Response),
}

async fn chunk(Shared(site): Shared<Site>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let ask = Ask::of(&parts);
    let meets = place(&mut site.world(), &ask);
    match meets {
        Meets::Answer(response) => {
            ignore(body).await;
            response
        }
        Meets::Probe(id) => {
            ignore(body).await;
            held(&site, &ask, &id, false).await
        }
        Meets::Place(place) => match write(&site, &place, body).await {
            Written::All(end) => {
                note(&site, &place, end);
                held(&site, &ask, &place.id, false).await
            }
            Written::Cut(end) => {
                note(&site, &place, end);
                held(&site, &ask, &place.id, true).await;
                cut()
            }
            Written::TooMuch => conflict(),
            Written::Mismatch => {
                note(&site, &place, place.start);
                error(460, "ChecksumMismatch", "Checksum mismatch")
            }
            Written::Failed(problem) => ask.answer(Err(problem)),
        },
    }
}

/// Takes a body all the same, so that the client sees the answer and not a reset.
async fn ignore(body: Body) {
    let mut pieces = body.into_data_stream();
    while let Some(Ok(_)) = pieces.next().await {}
}

fn place(world: &mut World, ask: &Ask) -> Meets {
    let account = match signed_in(world, ask) {
        Ok(account) => account,
        Err(problem) => return Meets::Answer(ask.answer(Err(problem))),
    };
    let id = ask.parameter("upload_id").unwrap_or_default().to_owned();
    let Some(entry) = world.uploads.entries.get(&id) else {
        return Meets::Answer(not_found());
    };
    if entry.account != account {
        return Meets::Answer(forbidden());
    }
    let (serial, disk, size) = (entry.serial, entry.disk.clone(), entry.size);
    let length: u64 = ask
        .header("content-length")
        .and_then(|l| l.parse().ok())
        .unwrap_or_default();
    let (part, total) = content_range(ask.header("content-range").unwrap_or_default());
    if total.is_some_and(|total| total > size) {
        return Meets::Answer(conflict());
    }
    if part == "*" {
        return Meets::Probe(id);
    }
    let start = part
        .split('-')
        .next()
        .and_then(|first| first.parse().ok())
        .unwrap_or(0u64);
    if start.saturating_add(length) > size {
        return Meets::Answer(conflict());
    }
    if entry.held == size {
        // Everything is there: what comes can only be refused, or set it off again.
        return Meets::Probe(id);
    }
    if length < world.settings.min_chunk_size && start.saturating_add(length) < size {
        return Meets::Answer(error(400, "ChunkTooSmall", "Chunk is too small"));
    }
    let digest = ask.header("digest").and_then(|d| d.strip_prefix("sha-256="));
    let most = if length > 0 { length } else { size - start };
    Meets::Place(Place {
        cut: world.uploads.cut_for(start, most),
        id,
        serial,
        disk,
        size,
        start,
        digest: digest.map(|text| STANDARD.decode(text).unwrap_or_default()),
    })
}

/// The part and the total of a range.
fn content_range(header: &str) -> (&str, Option<u64>) {
    let header = header.trim_start_matches("bytes").trim();
    let (part, total) = header.split_once('/').unwrap_or((header, "*"));
    (part, total.parse().ok())
}

/// How a chunk went. Where it did, up to where the file goes now.
enum Written {
    All(u64),
    /// The connection was cut, by script or by the client.
    Cut(u64),
    TooMuch,
    Mismatch,
    Failed(Problem),
}

async fn write(site: &Site, place: &Place, body: Body) -> Written {
    let mut hash = Sha256::new();
    let (mut at, mut too_much) = (place.start, false);
    // With a digest, half a chunk is nothing.
    let kept = |at: u64| if place.digest.is_some() { place.start } else { at };
    let mut pieces = body.into_data_stream();
    loop {
        if place.cut.is_some_and(|after| at - place.start >= after) {
            return Written::Cut(kept(at));
        }
        let Some(piece) = pieces.next().await else {
            break;
        };
        let Ok(mut piece) = piece else {
            return Written::Cut(kept(at));
        };
        if let Some(after) = place.cut {
            let left = usize::try_from(after - (at - place.start)).unwrap_or(usize::MAX);
            piece.truncate(left);
        }
        too_much |= at + piece.len() as u64 > place.size;
        if too_much {
            continue;
        }
        if let Err(error) = place.disk.write(at, &piece) {
            return Written::Failed(on_disk(&error));
        }
        at += piece.len() as u64;
        if place.digest.is_some() {
            hash.update(&piece);
        } else {
            // At once: should the client hang up, nobody comes back here.
            note(site, place, at);
        }
    }
    match &place.digest {
        _ if too_much => Written::TooMuch,
        Some(digest) if hash.finalize().as_slice() != digest.as_slice() => {
            if let Err(error) = place.disk.cut(place.start) {
                return Written::Failed(on_disk(&error));
            }
            Written::Mismatch
        }
        _ => Written::All(at),
    }
}

/// Notes up to where an upload goes, if it is still the same one.
fn note(site: &Site, place: &Place, end: u64) {
    let mut world = site.world();
    let now = world.now;
    let entry = world.uploads.entries.get_mut(&place.id);
    if let Some(entry) = entry.filter(|entry| entry.serial == place.serial) {
        (entry.held, entry.progress) = (end, now);
    }
}

/// Tells what is held of an upload; once that is everything, it is processed first. The answer waits for the end of
/// that, unless nobody listens any more.
async fn held(site: &Site, ask: &Ask, id: &str, deaf: bool) -> Response {
    let (serial, wait) = {
        let mut world = site.world();
        let Some(entry) = world.uploads.entries.get(id) else {
            return not_found();
        };
        if entry.held < entry.size {
            let mut response = plain(StatusCode::PERMANENT_REDIRECT);
            set(response.headers_mut(), header::RANGE, &range(entry.held));
            return response;
        }
        let Some(serial) = world.process(id) else {
            return ask.answer(Err(processing()));
        };
        if deaf || world.uploads.cuts_after_last() {
            return cut();
        }
        (serial, world.settings.processing)
    };
    if !wait.is_zero() {
        site.clock.sleep(wait).await;
    }
    let mut world = site.world();
    match world.uploads.end(serial) {
        Some(End::Video(uuid)) => ask.answer(created(&world, &uuid).map(|video| Reply::json(&video))),
        Some(End::Unreadable) => ask.answer(Err(unreadable().of_operation("uploadResumable"))),
        // A restart came in between.
        None => cut(),
    }
}
