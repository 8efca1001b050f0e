//! Looking for a copy among the account's own statuses (contract pixelfed §8): by media ids, which only one post can have;
//! else by a link to the original together with how the caption begins.

use chrono::TimeDelta;
use tombolo_mastoapi::{contains_link, letters};
use tombolo_model::{DestinationError, Found, Marker, Window};

use crate::entity::Status;
use crate::listing::Pager;
use crate::own::OwnPages;
use crate::publish::copy_of;
use crate::text::shown;
use crate::wire::Api;

/// How far before the request a look goes back: the server's clock may be wrong.
const LOOK_BACK: TimeDelta = TimeDelta::hours(24);
/// Most pages, and longest time, of one look.
const MAX_PAGES: usize = 100;
const MAX_TIME: TimeDelta = TimeDelta::minutes(2);

pub(crate) async fn find(api: &Api, account: &str, marker: &Marker, window: Window) -> Result<Found, DestinationError> {
    let since = window.since - LOOK_BACK;
    let begun = api.net().clock().now();
    let mut pages = OwnPages::new(api, account, Vec::new());
    let (mut copies, mut blind) = (Vec::new(), None);
    for number in 0.. {
        if number == MAX_PAGES || api.net().clock().now() - begun > MAX_TIME {
            blind = Some(format!(
                "{} doesn't show statuses as far back as {}",
                api.instance(),
                since.format("%Y-%m-%d %H:%M UTC")
            ));
            break;
        }
        let Some(page) = pages.next().await? else { break };
        let page: Vec<Status> = page.iter().filter_map(Status::of).collect();
        let reached = page.iter().filter_map(|s| s.created_at).any(|at| at < since);
        copies.extend(page.iter().filter(|status| carries(status, marker)).map(copy_of));
        if reached {
            break;
        }
    }
    copies.reverse();
    if copies.is_empty() && !pages.holes().is_empty() {
        blind = Some(format!("{} fails to show one of the account's posts", api.instance()));
    }
    if copies.is_empty() && marker.reply_to.is_some() {
        blind = Some("Pixelfed doesn't list comments".to_owned());
    }
    Ok(Found { copies, blind })
}

/// Whether a status is the copy.
pub(crate) fn carries(status: &Status, marker: &Marker) -> bool {
    if status.media.iter().any(|media| marker.media.contains(&media.id)) {
        return true;
    }
    let seen = shown(&status.caption);
    let texts = [status.caption.as_str(), &seen];
    let linked = marker
        .links
        .iter()
        .any(|link| texts.iter().any(|text| contains_link(text, link)));
    let opens = |text: &&str| {
        letters(text)
            .take(marker.opening.chars().count())
            .eq(marker.opening.chars())
    };
    // Nothing begins with nothing, or a link alone would make any post the copy.
    linked && !marker.opening.is_empty() && texts.iter().any(opens)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn status(caption: &str, media: &[&str]) -> Status {
        let media: Vec<_> = media.iter().map(|id| json!({"id": id})).collect();
        Status::of(&json!({"id": "1", "content_text": caption, "media_attachments": media})).expect("a status")
    }

    fn marker(opening: &str) -> Marker {
        Marker {
            links: ["https://v.example/w/abc".to_owned()].into(),
            opening: opening.into(),
            media: vec!["7".into()],
            ..Marker::default()
        }
    }

    #[test]
    fn a_copy_is_known_by_its_media_alone() {
        assert!(carries(&status("anything", &["6", "7"]), &marker("x")));
        assert!(!carries(&status("anything", &["77"]), &marker("x")));
    }

    #[test]
    fn without_a_beginning_a_link_is_not_enough() {
        let caption = "https://v.example/w/abc";
        assert!(!carries(&status(caption, &["6"]), &marker("")));
        assert!(carries(&status(caption, &["7"]), &marker("")));
    }

    #[test]
    fn without_its_media_a_copy_is_known_by_link_and_opening_together() {
        let caption = "I &lt;3 you\n\nhttps://v.example/w/abc";
        assert!(carries(&status(caption, &[]), &marker("i3you")));
        assert!(carries(&status(caption, &[]), &marker("ilt3you")));
        assert!(!carries(&status(caption, &[]), &marker("another")));
        assert!(!carries(
            &status("I &lt;3 you https://v.example/w/abcd", &[]),
            &marker("i3you")
        ));
    }
}
