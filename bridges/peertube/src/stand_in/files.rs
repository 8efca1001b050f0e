//! Files: videos, playlists, pictures and subtitles, by their names, with ranges and validators as the `send` library
//! of the real server answers them.

use std::ops::Range;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, State as Shared};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::Response;
use axum::routing::get;
use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};

use super::answers::{Ask, Problem, etag, set};
use super::playlists;
use super::rates::{Bucket, limited};
use super::site::{Inner, Site, Viewer, viewer, visible};
use super::urls::{self, Set, file_name, hls_folder, web_folder};
use super::world::{StoredFile, Video, World};
use super::{FileBody, Privacy};

const PREVIEW: &[u8] = include_bytes!("preview.jpg");
const THUMBNAIL: &[u8] = include_bytes!("thumbnail.jpg");
/// What may be kept, and for how long: files that can change, and those that can't.
const FRESH: &str = "public, max-age=0";
const KEPT: &str = "public, max-age=172800";

pub(super) fn routes(site: &Site) -> Router<Site> {
    let generate = Router::new().route("/download/videos/generate/{id}", get(generate));
    Router::new()
        .route("/static/{*path}", get(static_file))
        .route("/lazy-static/{*path}", get(lazy_file))
        .route("/download/{*path}", get(download))
        .merge(limited(generate, site, Bucket::Generate))
}

/// A file with what is said about it.
struct Found {
    body: FileBody,
    kind: &'static str,
    modified: DateTime<Utc>,
    cache: &'static str,
    /// The name it is to be saved under.
    save_as: Option<String>,
}

impl Found {
    fn media(stored: &StoredFile) -> Self {
        Self {
            body: stored.body.clone(),
            kind: "video/mp4",
            modified: stored.modified,
            cache: FRESH,
            save_as: None,
        }
    }

    fn text(text: String, kind: &'static str, modified: DateTime<Utc>) -> Self {
        Self {
            body: FileBody::from(text.into_bytes()),
            kind,
            modified,
            cache: FRESH,
            save_as: None,
        }
    }
}

async fn static_file(Shared(site): Shared<Site>, Path(path): Path<String>, ask: Ask) -> Response {
    let world = site.world();
    let path = format!("/static/{path}");
    match world
        .videos
        .iter()
        .find_map(|v| in_folders(&site, v, &path).map(|found| (v, found)))
    {
        Some((video, found)) => match allowed(&world, &ask, video) {
            Ok(()) => serve(&ask, &found),
            Err(problem) => ask.answer(Err(problem)),
        },
        None => ask.answer(Err(missing(&path))),
    }
}

/// The file of this path, if it is one of the video's.
fn in_folders(site: &Inner, video: &Video, path: &str) -> Option<Found> {
    if let Some(name) = path.strip_prefix(web_folder(video)).and_then(|p| p.strip_prefix('/')) {
        let stored = video.web_now().iter().find(|f| file_name(f, Set::Web) == name);
        return stored.map(Found::media);
    }
    let name = path.strip_prefix(&hls_folder(video))?.strip_prefix('/')?;
    if let Some(stored) = video.hls_now().iter().find(|f| file_name(f, Set::Hls) == name) {
        return Some(Found::media(stored));
    }
    if !video.has_playlist() {
        return None;
    }
    let (playlist, modified) = ("application/vnd.apple.mpegurl", video.updated);
    if site.master(video).ends_with(path) {
        return Some(Found::text(playlists::master(video), playlist, modified));
    }
    if site.segments(video).ends_with(path) {
        let text = playlists::segments(video);
        return Some(Found::text(text, "application/json; charset=UTF-8", modified));
    }
    let variant = video.hls_now().iter().find(|f| playlists::variant_name(f) == name)?;
    let text = playlists::variant(variant, video.details.duration);
    Some(Found::text(text, playlist, modified))
}

/// Files that aren't for everybody ask for a session.
fn allowed(world: &World, ask: &Ask, video: &Video) -> Result<(), Problem> {
    if !video.privacy.guards_files() {
        return Ok(());
    }
    let refused = |detail| Err(Problem::new(StatusCode::FORBIDDEN, detail));
    let opened = ask
        .header("x-peertube-video-password")
        .is_some_and(|p| Some(p) == video.password.as_deref());
    match viewer(world, ask)? {
        _ if opened && video.privacy == Privacy::PASSWORD => Ok(()),
        Viewer::User(user) if user == world.channels[video.channel].owner => Ok(()),
        Viewer::User(_) if video.privacy == Privacy::INTERNAL => Ok(()),
        Viewer::User(_) => refused("Cannot fetch information of private/internal/blocked video"),
        Viewer::Anonymous => {
            refused("Video password header, video file token query parameter and bearer token are all missing")
        }
    }
}

/// The real server tells where it looked on its disk.
fn missing(path: &str) -> Problem {
    let place = path.strip_prefix("/static").unwrap_or(path);
    let detail = format!("ENOENT: no such file or directory, stat '/var/www/peertube/storage{place}'");
    Problem::new(StatusCode::NOT_FOUND, &detail).code("Error")
}

/// Pictures and subtitles.
async fn lazy_file(Shared(site): Shared<Site>, Path(path): Path<String>, ask: Ask) -> Response {
    let world = site.world();
    let path = format!("/lazy-static/{path}");
    let picture = |video: &Video, own: Option<&Bytes>, built_in: &'static [u8]| Found {
        body: own.cloned().map_or_else(|| FileBody::from(built_in), FileBody::Bytes),
        kind: "image/jpeg",
        modified: video.created,
        cache: KEPT,
        save_as: None,
    };
    let found = world.videos.iter().find_map(|video| {
        let has = video.has_thumbnail();
        if has && path == urls::thumbnail(video) {
            return Some(picture(video, video.thumbnail.as_ref(), THUMBNAIL));
        }
        if has && (path == urls::preview(video) || path == urls::storyboard(video)) {
            return Some(picture(video, video.large_picture(), PREVIEW));
        }
        let stored = video.captions.iter().find(|c| urls::caption(c) == path)?;
        Some(Found {
            cache: KEPT,
            ..Found::text(stored.caption.text.clone(), "text/vtt; charset=UTF-8", stored.updated)
        })
    });
    found.map_or_else(
        || plain(StatusCode::NOT_FOUND, "Not Found"),
        |found| serve(&ask, &found),
    )
}

/// Files under a readable name.
async fn download(Shared(site): Shared<Site>, Path(path): Path<String>, ask: Ask) -> Response {
    let world = site.world();
    let path = format!("{}/download/{path}", site.base);
    let found = world.videos.iter().find_map(|video| {
        let by_url = |files: &'_ [StoredFile], set| -> Option<StoredFile> {
            files
                .iter()
                .find(|f| site.file_urls(video, f, set).download == path)
                .cloned()
        };
        let (stored, suffix) = match by_url(video.web_now(), Set::Web) {
            Some(stored) => (stored, ""),
            None => (by_url(video.hls_now(), Set::Hls)?, "-hls"),
        };
        let name = format!("{}-{}p{suffix}.mp4", video.details.title, stored.file.resolution);
        Some((
            video,
            Found {
                save_as: Some(name),
                ..Found::media(&stored)
            },
        ))
    });
    match found {
        Some((video, _)) if allowed(&world, &ask, video).is_err() => plain(StatusCode::FORBIDDEN, "Forbidden"),
        Some((_, found)) => serve(&ask, &found),
        None => plain(StatusCode::NOT_FOUND, "Not Found"),
    }
}

/// One video file, with the sound of another: put together while it is sent, so without a length and without ranges.
/// What comes here is the first file that has pictures; nothing is really put together.
async fn generate(Shared(site): Shared<Site>, Path(id): Path<String>, ask: Ask) -> Response {
    let world = site.world();
    let found = visible(&world, &ask, &id).and_then(|video| {
        let wanted: Vec<&str> = ask
            .query
            .iter()
            .filter(|(k, _)| k == "videoFileIds")
            .map(|(_, v)| v.as_str())
            .collect();
        let files = video.web_now().iter().chain(video.hls_now());
        let chosen: Vec<_> = files.filter(|f| wanted.contains(&f.id.to_string().as_str())).collect();
        let best = chosen.iter().max_by_key(|f| f.file.has_video).map(|f| f.body.clone());
        let best = best.ok_or_else(|| Problem::not_found("Video file"))?;
        Ok((best, video.details.title.clone()))
    });
    match found {
        Ok((body, title)) => {
            let mut response = Response::new(body.stream(0..body.len()));
            let name: String = url::form_urlencoded::byte_serialize(title.as_bytes()).collect();
            // The missing quotation mark is the real server's.
            let disposition = format!("attachment; filename=\"{}.mp4", name.replace('+', "%20"));
            set(response.headers_mut(), header::CONTENT_DISPOSITION, &disposition);
            response
        }
        Err(problem) => ask.answer(Err(problem)),
    }
}

fn plain(status: StatusCode, text: &'static str) -> Response {
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    set(
        response.headers_mut(),
        header::CONTENT_TYPE,
        "text/plain; charset=utf-8",
    );
    set(response.headers_mut(), header::ETAG, &etag(text.as_bytes()));
    response
}

fn serve(ask: &Ask, found: &Found) -> Response {
    let size = found.body.len();
    let modified = httpdate::fmt_http_date(found.modified.into());
    let tag = format!("W/\"{size:x}-{:x}\"", found.modified.timestamp_millis());
    let mut headers = HeaderMap::new();
    if let Some(name) = &found.save_as {
        set(&mut headers, header::CONTENT_DISPOSITION, &disposition(name));
    }
    set(&mut headers, header::ACCEPT_RANGES, "bytes");
    set(&mut headers, header::CACHE_CONTROL, found.cache);
    set(&mut headers, header::LAST_MODIFIED, &modified);
    set(&mut headers, header::ETAG, &tag);
    if is_fresh(ask, &tag, found.modified) {
        return response(StatusCode::NOT_MODIFIED, headers, Body::empty());
    }
    let range = match range(ask, size, &tag, found.modified) {
        Asked::All => 0..size,
        Asked::Part(range) => {
            let of = format!("bytes {}-{}/{size}", range.start, range.end - 1);
            set(&mut headers, header::CONTENT_RANGE, &of);
            range
        }
        Asked::Impossible => {
            let problem = Problem::new(StatusCode::RANGE_NOT_SATISFIABLE, "Range Not Satisfiable");
            let of = format!("bytes */{size}");
            let problem = problem
                .code("RangeNotSatisfiableError")
                .with_header(header::CONTENT_RANGE, of);
            let mut answer = ask.answer(Err(problem));
            for (name, value) in &headers {
                answer.headers_mut().insert(name, value.clone());
            }
            return answer;
        }
    };
    let part = headers.contains_key(header::CONTENT_RANGE);
    let status = if part {
        StatusCode::PARTIAL_CONTENT
    } else {
        StatusCode::OK
    };
    set(&mut headers, header::CONTENT_TYPE, found.kind);
    set(
        &mut headers,
        header::CONTENT_LENGTH,
        &(range.end - range.start).to_string(),
    );
    let body = if ask.method == Method::HEAD {
        Body::empty()
    } else {
        found.body.stream(range)
    };
    response(status, headers, body)
}

fn response(status: StatusCode, headers: HeaderMap, body: Body) -> Response {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response
}

/// How a file is to be saved; a title beyond ASCII is given in both spellings.
fn disposition(name: &str) -> String {
    let ascii: String = name
        .chars()
        .map(|c| if matches!(c, ' '..='~') && c != '"' { c } else { '?' })
        .collect();
    if ascii == name {
        return format!("attachment; filename=\"{name}\"");
    }
    let encoded: String = url::form_urlencoded::byte_serialize(name.as_bytes()).collect();
    format!(
        "attachment; filename=\"{ascii}\"; filename*=UTF-8''{}",
        encoded.replace('+', "%20")
    )
}

/// Whether the asker has this version; an ETag counts for more than a date.
fn is_fresh(ask: &Ask, tag: &str, modified: DateTime<Utc>) -> bool {
    if ask.header("if-none-match").is_some() {
        return ask.knows(tag);
    }
    ask.header("if-modified-since")
        .is_some_and(|since| not_after(modified, since))
}

/// Whether the time, as headers tell it (in whole seconds), isn't after the date in the header.
fn not_after(modified: DateTime<Utc>, header: &str) -> bool {
    let Ok(date) = httpdate::parse_http_date(header) else {
        return false;
    };
    modified < DateTime::<Utc>::from(date) + TimeDelta::seconds(1)
}

enum Asked {
    All,
    Part(Range<u64>),
    Impossible,
}

/// The part that is asked for. Several parts, or nonsense, mean the whole.
fn range(ask: &Ask, size: u64, tag: &str, modified: DateTime<Utc>) -> Asked {
    let Some(spec) = ask.header("range").and_then(|r| r.strip_prefix("bytes=")) else {
        return Asked::All;
    };
    if let Some(condition) = ask.header("if-range") {
        let same = if condition.contains('"') {
            condition.contains(tag)
        } else {
            not_after(modified, condition)
        };
        if !same {
            return Asked::All;
        }
    }
    let Some((first, last)) = spec.trim().split_once('-').filter(|_| !spec.contains(',')) else {
        return Asked::All;
    };
    let (start, end) = match (first.parse::<u64>(), last.parse::<u64>()) {
        (Ok(first), Ok(last)) => (first, last.min(size.saturating_sub(1))),
        (Ok(first), Err(_)) if last.is_empty() => (first, size.saturating_sub(1)),
        (Err(_), Ok(last)) if first.is_empty() => (size.saturating_sub(last), size.saturating_sub(1)),
        _ => return Asked::All,
    };
    if start >= size || start > end {
        return Asked::Impossible;
    }
    Asked::Part(start..end + 1)
}
