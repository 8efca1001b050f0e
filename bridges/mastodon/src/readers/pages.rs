//! What the API is asked, and what its answers mean for a reader.

use serde_json::Value;
use tombolo_mastoapi::{Client, Status, parse_account, parse_status};
use tombolo_model::{Origin, SourceError};
use tombolo_net::Answer;

use super::api::Api;
use super::reading;

/// Longest validator that is kept.
const MAX_ETAG: usize = 1024;

/// A page of a listing, the newest first.
pub(super) struct Page {
    pub(super) statuses: Vec<Status>,
    pub(super) etag: Option<String>,
    /// Whether the server says that there is nothing older.
    pub(super) last: bool,
}

impl Page {
    /// Ids of all entries.
    pub(super) fn ids(&self) -> impl Iterator<Item = &String> {
        self.statuses.iter().map(|status| &status.id)
    }
}

/// `Ok(None)`: unchanged since `etag`.
pub(super) async fn read_page(
    client: &Client,
    api: &Api,
    query: &[(&str, String)],
    etag: Option<&str>,
) -> Result<Option<Page>, SourceError> {
    // Boosts are nobody's posts; where the parameter is unknown they are left out afterwards.
    let mut query = query.to_vec();
    query.push(("exclude_reblogs", "true".to_owned()));
    let path = ["api", "v1", "accounts", &api.account, "statuses"];
    let answer = ask(client, &path, &query, etag).await?;
    if answer.status.as_u16() == 304 && etag.is_some() {
        return Ok(None);
    }
    refuse_closed(client, &answer)?;
    let value = document(client, &answer)?;
    let from = Origin::of(client.instance());
    let Some(items) = value.as_array() else {
        return Err(SourceError::Malformed(format!(
            "{from} didn't answer with a list of posts"
        )));
    };
    let statuses: Vec<Status> = items.iter().filter_map(parse_status).collect();
    if statuses.is_empty() && !items.is_empty() {
        return Err(SourceError::Malformed(format!(
            "{from} lists {} posts and none that can be read",
            items.len()
        )));
    }
    let link = answer.headers.get("link").and_then(|link| link.to_str().ok());
    // A page may be shorter than asked for without being the last (contract mastodon §7.2): only the missing link tells.
    let last = statuses.is_empty() || link.is_some_and(|link| !has_next(link));
    Ok(Some(Page {
        statuses,
        etag: answer.etag().filter(|tag| tag.len() <= MAX_ETAG).map(str::to_owned),
        last,
    }))
}

/// Whether a `Link` header names a next page, in any of the ways it can be written (RFC 8288 §3).
fn has_next(link: &str) -> bool {
    link.split('>')
        .skip(1)
        .flat_map(|rest| rest.split([';', ',']))
        .any(|parameter| {
            let (name, value) = parameter.split_once('=').unwrap_or_default();
            let value = value.trim().trim_matches(['"', '\'']);
            name.trim().eq_ignore_ascii_case("rel")
                && value.split_whitespace().any(|rel| rel.eq_ignore_ascii_case("next"))
        })
}

/// An account without posts may be a suspended one, whose list is empty (contract mastodon §0a.10).
pub(super) async fn check_open(client: &Client, api: &Api, first: &Page) -> Result<(), SourceError> {
    if first.statuses.is_empty() {
        check_account(client, api).await?;
    }
    Ok(())
}

/// Whether the account is open; how many statuses it says to have.
pub(super) async fn check_account(client: &Client, api: &Api) -> Result<Option<u64>, SourceError> {
    let answer = ask(client, &["api", "v1", "accounts", &api.account], &[], None).await?;
    refuse_closed(client, &answer)?;
    match answer.status.as_u16() {
        404 | 410 => Err(SourceError::NotFound(format!(
            "{} no longer knows the account; check instance and handle",
            Origin::of(client.instance())
        ))),
        _ => match parse_account(&document(client, &answer)?) {
            Some(account) if account.suspended => Err(SourceError::NotFound(format!(
                "the account is suspended by {}",
                Origin::of(client.instance())
            ))),
            Some(account) => Ok(account.statuses),
            None => Err(SourceError::Malformed(format!(
                "{} describes no account",
                client.instance()
            ))),
        },
    }
}

pub(super) async fn ask(
    client: &Client,
    path: &[&str],
    query: &[(&str, String)],
    etag: Option<&str>,
) -> Result<Answer, SourceError> {
    client.get(path, query, etag).await.map_err(reading)
}

/// Answers that say that the API is closed to us.
pub(super) fn refuse_closed(client: &Client, answer: &Answer) -> Result<(), SourceError> {
    match answer.status.as_u16() {
        401 | 403 => Err(closed(client, answer, "the API is closed to us")),
        _ => Ok(()),
    }
}

pub(super) fn closed(client: &Client, answer: &Answer, what: &str) -> SourceError {
    let said = client.error_text(answer.status.as_u16(), &answer.body);
    SourceError::Unsupported(format!("{what} on {} ({said})", Origin::of(client.instance())))
}

/// JSON, where the answer says that it is: a login page with status 200 is none.
pub(super) fn document(client: &Client, answer: &Answer) -> Result<Value, SourceError> {
    let status = answer.status.as_u16();
    let from = Origin::of(client.instance());
    match status {
        200..=299 if is_json(answer) => answer
            .json()
            .map_err(|e| SourceError::Malformed(format!("{from} answered with JSON that can't be read: {e}"))),
        200..=299 => Err(SourceError::Malformed(format!(
            "{from} shows a web page instead of its API (a login page or a proxy's notice?)"
        ))),
        300..=399 => Err(SourceError::Malformed(format!(
            "{from} redirects its API elsewhere; set instance to the address it redirects to"
        ))),
        404 | 410 if is_json(answer) => Err(SourceError::NotFound(format!(
            "{from} no longer knows the account; check instance and handle"
        ))),
        _ => Err(SourceError::Malformed(format!(
            "{from}: {}",
            client.error_text(status, &answer.body)
        ))),
    }
}

pub(super) fn is_json(answer: &Answer) -> bool {
    answer.media_type().is_some_and(|kind| kind.contains("json"))
}

pub(super) fn unasked(client: &Client) -> SourceError {
    SourceError::Malformed(format!("a list of {} was answered with 304 unasked", client.instance()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_next_page_is_seen_however_it_is_written() {
        for link in [
            r#"<https://m.example/x?max_id=1>; rel="next", <https://m.example/x?min_id=9>; rel="prev""#,
            "<https://m.example/x?max_id=1>; rel=next",
            "<https://m.example/x?a,b;c>;Rel='next'",
            r#"<https://m.example/x>; title="n"; rel="last next""#,
        ] {
            assert!(has_next(link), "{link}");
        }
        for link in [
            "",
            "<https://m.example/?rel=next>; rel=prev",
            r#"<https://m.example/x>; rel="prev""#,
            "rel=next",
        ] {
            assert!(!has_next(link), "{link}");
        }
    }
}
