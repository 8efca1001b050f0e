//! The atom feed: the ten newest public photos and photo albums (contract §7).

use axum::http::header;

use super::entities::time;
use super::pages::escaped;
use super::reply::{Answered, Reply};
use super::world::{Account, Scope, Status};
use super::{Shared, address, lock, text};

/// No more entries.
const MOST: usize = 10;

/// `GET /users/:name.atom`
pub(super) fn feed(shared: &Shared, name: &str) -> Answered {
    let world = lock(&shared.world);
    let account = world
        .account_named(name)
        .filter(|account| account.preferences.show_atom && !account.preferences.locked)
        .ok_or_else(|| Reply::abort(404, ""))?;
    let wanted = |status: &&Status| {
        status.account == account.id
            && status.scope == Scope::Public
            && status.in_reply_to.is_none()
            && ["photo", "photo:album"].contains(&world.kind_of(status))
    };
    let statuses: Vec<&Status> = world.statuses.values().rev().filter(wanted).take(MOST).collect();
    let writer = shared.writer(&world, false);
    let entries: String = statuses
        .iter()
        .map(|status| {
            let media = world.media_of(status);
            let media: Vec<(String, &str, &str)> = media
                .map(|medium| {
                    let alt = medium.description.as_deref().unwrap_or_default();
                    (writer.file(medium), writer.mime(medium), alt)
                })
                .collect();
            entry(shared, account, status, &writer.url(status), &media)
        })
        .collect();
    let newest = statuses.first().map(|status| status.created_at);
    let xml = document(shared, account, newest.map(time), &entries);
    let reply = Reply::content(200, "application/atom+xml", xml.into_bytes());
    Ok(match newest {
        Some(at) => reply.with(
            header::LAST_MODIFIED,
            &at.format("%a, %d %b %Y %H:%M:%S GMT").to_string(),
        ),
        None => reply,
    })
}

fn document(shared: &Shared, account: &Account, updated: Option<String>, entries: &str) -> String {
    let name = escaped(&account.name);
    let at = |path: String| escaped(&address(&shared.base, &path));
    let (feed, page) = (
        at(format!("/users/{}.atom", account.name)),
        at(format!("/{}", account.name)),
    );
    let updated = updated.map_or_else(String::new, |at| format!("    <updated>{at}</updated>\n"));
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <feed xmlns=\"http://www.w3.org/2005/Atom\" xmlns:media=\"http://search.yahoo.com/mrss/\">\n    \
         <id>{feed}</id>\n    <title>{name} on {}</title>\n    <subtitle type=\"html\"></subtitle>\n{updated}\n    \
         <author>\n        <name>{name}</name>\n        <uri>{page}</uri>\n    </author>\n\n    \
         <link rel=\"alternate\" type=\"text/html\" href=\"{page}\" />\n    \
         <link rel=\"self\" type=\"application/atom+xml\" href=\"{feed}\" />\n\n{entries}</feed>\n",
        escaped(&shared.domain())
    )
}

fn entry(shared: &Shared, account: &Account, status: &Status, url: &str, media: &[(String, &str, &str)]) -> String {
    let (name, url) = (escaped(&account.name), escaped(url));
    let page = escaped(&address(&shared.base, &format!("/{}", account.name)));
    let title = match status.caption.as_str() {
        "" => "No caption".to_owned(),
        caption => escaped(caption),
    };
    let html = text::linked(&status.caption, &shared.base).replace("]]>", "]]&gt;");
    let summary = match status.caption.as_str() {
        "" => String::new(),
        _ => format!("        <summary type=\"html\">{}</summary>\n", escaped(&html)),
    };
    let images: String = media
        .iter()
        .map(|(file, _, alt)| {
            format!(
                "<img class=\"media-item\" src=\"{}\" alt=\"{}\">\n",
                escaped(file),
                escaped(alt)
            )
        })
        .collect();
    let contents: String = media
        .iter()
        .map(|(file, kind, _)| {
            format!(
                "        <media:content url=\"{}\" type=\"{kind}\" medium=\"image\" />\n",
                escaped(file)
            )
        })
        .collect();
    let at = time(status.created_at);
    format!(
        "    <entry>\n        <id>{url}</id>\n        <title>{title}</title>\n        <updated>{at}</updated>\n        \
         <author>\n            <name>{name}</name>\n            <uri>{page}</uri>\n        </author>\n        \
         <content type=\"html\">\n<![CDATA[\n<div class=\"media-gallery\">\n{images}</div>\n\
         <p style=\"padding:10px;\">{html}</p>\n]]>\n        </content>\n        \
         <link rel=\"alternate\" href=\"{url}\" />\n{summary}{contents}    </entry>\n"
    )
}
