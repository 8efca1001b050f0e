//! The feed of an account: the newest posts, without answers (contract §10).

use super::entities::{Writer, address, kind_name, original_path};
use super::reply::Reply;
use super::text::escape;
use super::world::{Account, Status};

/// Posts of a feed.
const ITEMS: usize = 20;

/// `GET /@name.rss`
pub(super) fn feed(writer: &Writer<'_>, account: &Account) -> Reply {
    let own = writer.world.statuses.values().rev();
    let listed = own.filter(|status| {
        let to_another = status.reply_to_account.is_some_and(|to| to != account.id);
        status.account == account.id && status.audience.is_open() && status.boost_of.is_none() && !to_another
    });
    let items: String = listed.take(ITEMS).map(|status| item(writer, status)).collect();
    let (name, page) = (
        escape(&account.name),
        address(writer.base, &format!("/@{}", account.name)),
    );
    let xml = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<rss version=\"2.0\" \
         xmlns:webfeeds=\"http://webfeeds.org/rss/1.0\" xmlns:media=\"http://search.yahoo.com/mrss/\">\n  <channel>\n    \
         <title>{name}</title>\n    <description>Public posts from @{name}</description>\n    <link>{page}</link>\n{items}  \
         </channel>\n</rss>\n"
    );
    Reply::content(200, "application/rss+xml; charset=utf-8", xml.into_bytes()).cached("max-age=60, public")
}

fn item(writer: &Writer<'_>, status: &Status) -> String {
    let page = writer.page(status);
    let media: String = status
        .media
        .iter()
        .filter_map(|id| writer.world.media.get(id))
        .map(|medium| {
            let (url, kind) = (
                address(writer.base, &original_path(medium)),
                kind_name(medium.facts.kind),
            );
            let (mime, size) = (medium.facts.mime, medium.size);
            format!("      <media:content url=\"{url}\" type=\"{mime}\" fileSize=\"{size}\" medium=\"{kind}\"/>\n")
        })
        .collect();
    format!(
        "    <item>\n      <guid isPermaLink=\"true\">{page}</guid>\n      <link>{page}</link>\n      \
         <pubDate>{}</pubDate>\n      <description>{}</description>\n{media}    </item>\n",
        status.created_at.format("%a, %d %b %Y %H:%M:%S +0000"),
        escape(&writer.content(status)),
    )
}
