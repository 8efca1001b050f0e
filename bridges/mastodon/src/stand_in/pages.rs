//! Pages for people, so that addresses open in a browser.

use axum::http::header;

use super::entities::{Writer, address, original_path, preview_path};
use super::reply::Reply;
use super::sniff::Kind;
use super::text::escape;
use super::world::{Account, Medium, Status};

const STYLE: &str = "
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif }
body { max-width: 38rem; margin: 2rem auto; padding: 0 1rem }
article { border: 1px solid #8886; border-radius: .75rem; padding: 1rem 1.25rem; margin: 1rem 0; overflow-wrap: anywhere }
video, img { max-width: 100%; border-radius: .5rem; display: block }
figure { margin: 1rem 0 } figcaption, footer, .note { color: #888; font-size: .875rem }
.invisible { display: none } .ellipsis::after { content: '…' }
summary { cursor: pointer; font-weight: 600 }
";

/// A status.
pub(super) fn status(writer: &Writer<'_>, account: &Account, status: &Status) -> Reply {
    let title = format!("{}: {}", account.name, status.text.chars().take(60).collect::<String>());
    let back = format!("<p><a href=\"/@{0}\">@{0}</a></p>", escape(&account.name));
    page(200, &title, &format!("{back}{}", article(writer, account, status))).cached("max-age=10, public")
}

/// An account with its latest statuses.
pub(super) fn profile(writer: &Writer<'_>, account: &Account) -> Reply {
    let own = writer.world.statuses.values().rev();
    let open = own.filter(|status| status.account == account.id && status.audience.is_open());
    let articles: String = open.take(40).map(|status| article(writer, account, status)).collect();
    let empty = if articles.is_empty() {
        "<p class=\"note\">Nothing has been posted yet.</p>"
    } else {
        ""
    };
    let body = format!("<h1>@{}</h1>{articles}{empty}", escape(&account.name));
    page(200, &account.name, &body).cached("max-age=15, public")
}

/// All accounts.
pub(super) fn home(writer: &Writer<'_>) -> Reply {
    let item = |account: &Account| format!("<li><a href=\"/@{0}\">@{0}</a></li>", escape(&account.name));
    let accounts: String = writer.world.accounts.iter().map(item).collect();
    page(200, "Accounts", &format!("<h1>Accounts</h1><ul>{accounts}</ul>"))
}

/// 404 for people.
pub(super) fn not_found() -> Reply {
    page(404, "Not here", "<h1>The page you are looking for isn't here.</h1>").with(header::VARY, "Accept")
}

fn article(writer: &Writer<'_>, account: &Account, status: &Status) -> String {
    let text = writer.content(status);
    let text = if status.spoiler.is_empty() {
        text
    } else {
        format!(
            "<details><summary>{}</summary>{text}</details>",
            escape(&status.spoiler)
        )
    };
    let media = status.media.iter().filter_map(|id| writer.world.media.get(id));
    let figures: String = media.map(|medium| figure(writer, medium)).collect();
    let when = status.created_at.format("%Y-%m-%d %H:%M UTC");
    let footer = format!(
        "<footer><a href=\"/@{}/{}\">{when}</a> · {}</footer>",
        escape(&account.name),
        status.id,
        status.audience.name()
    );
    format!("<article>{text}{figures}{footer}</article>")
}

fn figure(writer: &Writer<'_>, medium: &Medium) -> String {
    let url = escape(&address(writer.base, &original_path(medium)));
    let poster = preview_path(medium)
        .map(|path| escape(&address(writer.base, &path)))
        .unwrap_or_default();
    let alt = escape(medium.description.as_deref().unwrap_or_default());
    let shown = match medium.facts.kind {
        _ if medium.bytes.is_none() => format!("<p class=\"note\">A file of {} bytes, not kept.</p>", medium.size),
        Kind::Image => format!("<img src=\"{url}\" alt=\"{alt}\">"),
        Kind::Gifv if medium.facts.mime == "image/gif" => format!("<img src=\"{url}\" alt=\"{alt}\">"),
        Kind::Gifv => format!("<video src=\"{url}\" autoplay loop muted playsinline aria-label=\"{alt}\"></video>"),
        Kind::Audio => format!("<audio controls src=\"{url}\" aria-label=\"{alt}\"></audio>"),
        Kind::Video => format!(
            "<video controls preload=\"metadata\" src=\"{url}\" poster=\"{poster}\" aria-label=\"{alt}\"></video>"
        ),
    };
    let caption = if alt.is_empty() {
        String::new()
    } else {
        format!("<figcaption>{alt}</figcaption>")
    };
    format!("<figure>{shown}{caption}</figure>")
}

fn page(status: u16, title: &str, body: &str) -> Reply {
    let html = format!(
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <title>{} - Mastodon stand-in</title><style>{STYLE}</style></head>\n<body>{body}</body></html>\n",
        escape(title)
    );
    Reply::page(status, html)
}
