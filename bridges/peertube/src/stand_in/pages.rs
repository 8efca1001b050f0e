//! Pages for people, so that a link to a video opens in a browser. The recorded server had none.

use std::fmt::Write;

use axum::Router;
use axum::extract::State as Shared;
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;

use super::answers::nothing;
use super::site::{Inner, Site};
use super::urls::{self, Set};
use super::world::{Video, World};
use super::{Privacy, State};

pub(super) fn routes() -> Router<Site> {
    Router::new().route("/", get(front))
}

/// All public videos, the newest first.
async fn front(Shared(site): Shared<Site>) -> Response {
    let world = site.world();
    let mut videos: Vec<&Video> = world.videos.iter().collect();
    videos.retain(|v| v.privacy == Privacy::PUBLIC && v.is_listed());
    videos.sort_by_key(|v| std::cmp::Reverse((v.published, v.id)));
    let mut list = String::new();
    for video in videos {
        let title = escaped(&video.details.title);
        let (short, picture) = (&video.short, urls::thumbnail(video));
        // Writing to a string can't fail.
        let _ = writeln!(
            list,
            "<li><a href=\"/w/{short}\"><img src=\"{picture}\" alt=\"\" width=\"280\"><br>{title}</a></li>"
        );
    }
    page("Videos", &format!("<h1>Videos</h1>\n<ul>\n{list}</ul>"))
}

/// A video's page, for those that everybody may see.
pub(super) fn watch(site: &Inner, world: &World, id: &str) -> Response {
    let open = |video: &&Video| !video.privacy.guards_files() && video.blocked.is_none();
    let Some(video) = world.video(id).filter(open) else {
        return nothing(StatusCode::NOT_FOUND);
    };
    let details = &video.details;
    let best = |files: &[_], set| {
        let files: &[super::world::StoredFile] = files;
        let best = files
            .iter()
            .filter(|f| f.file.has_video)
            .max_by_key(|f| f.file.resolution);
        best.map(|f| site.file_urls(video, f, set).file)
    };
    let file = best(video.web_now(), Set::Web).or_else(|| best(video.hls_now(), Set::Hls));
    let player = match file {
        Some(file) => format!(
            "<video src=\"{}\" poster=\"{}\" controls width=\"850\"></video>",
            escaped(&file),
            urls::preview(video)
        ),
        None if video.is_live && video.state == State::PUBLISHED => "<p>A live broadcast.</p>".to_owned(),
        None => "<p>Not ready yet.</p>".to_owned(),
    };
    let title = escaped(&details.title);
    let text = escaped(details.description.as_deref().unwrap_or_default());
    let tags: Vec<String> = details.tags.iter().map(|tag| escaped(tag)).collect();
    let channel = escaped(&world.channels[video.channel].name);
    let body = format!(
        "<h1>{title}</h1>\n{player}\n<p>{channel}</p>\n<pre>{text}</pre>\n<p>{}</p>\n<p><a href=\"/\">All videos</a></p>",
        tags.join(" · ")
    );
    page(&title, &body)
}

fn page(title: &str, body: &str) -> Response {
    let style = "body{font-family:sans-serif;max-width:55em;margin:2em auto;padding:0 1em}\
        pre{white-space:pre-wrap;font:inherit}ul{list-style:none;padding:0;display:flex;flex-wrap:wrap;gap:1em}";
    let html = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>{title}</title>\
        <style>{style}</style></head>\n<body>\n{body}\n</body></html>\n"
    );
    Html(html).into_response()
}

fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            other => safe.push(other),
        }
    }
    safe
}
