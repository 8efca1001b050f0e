//! The public list of the web pages, without a token, page by page (contract pixelfed §7).
//!
//! Its cursor is the second of a page's last post, and the next page begins below that second: posts that share it would
//! be missed. So the page is asked for again, cut before that second. Where a whole page shares one second, some are missed.

use chrono::{DateTime, Utc};
use reqwest::header::HeaderMap;
use serde_json::Value;
use tombolo_activitypub::parse_instant;
use url::Url;

use crate::listing::{Pager, number_of};
use crate::wire::{Api, Failure};

/// Sizes of pages, the smaller ones for lists that fail: a bad post fails every page with it (contract pixelfed §9). Here it
/// can't be stepped over, since the way on leads over it.
const SIZES: [usize; 3] = [24, 6, 1];
/// Longest cursor taken.
const MAX_CURSOR: usize = 1024;

/// A walk from the newest post to the oldest.
pub(crate) struct PublicPages<'a> {
    api: &'a Api,
    account: &'a str,
    at: Place,
    size: usize,
}

#[derive(Clone, Debug, PartialEq)]
enum Place {
    Start,
    /// A page was read from here on; the newer posts of it are so many, and its own link leads there.
    Behind {
        from: Option<String>,
        newer: usize,
        link: Option<String>,
        oldest: u64,
        full: bool,
    },
    /// Servers before 0.12.6 page by id (contract pixelfed §10).
    Below(u64),
    End,
}

impl<'a> PublicPages<'a> {
    pub(crate) fn new(api: &'a Api, account: &'a str) -> Self {
        Self {
            api,
            account,
            at: Place::Start,
            size: 0,
        }
    }

    async fn page(&self, limit: usize, more: Option<(&str, String)>) -> Result<(Vec<Value>, Option<String>), Failure> {
        let path = ["api", "pixelfed", "v1", "accounts", self.account, "statuses"];
        let mut query = vec![("limit", limit.to_string())];
        query.extend(more);
        let answer = self.api.open(&path, &query).await?;
        let what = format!("the public list of {}", self.api.instance());
        // The application says in JSON that it fails at a post; a page is from a server in trouble.
        if answer.status == 500 && serde_json::from_slice::<Value>(&answer.body).is_err() {
            return Err(Failure::Transient(format!(
                "{what}: status 500, and no word of the application"
            )));
        }
        match self.api.value(&answer, &what) {
            Ok(Value::Array(entries)) => {
                if !entries.is_empty() && !entries.iter().any(|e| number_of(e).is_some()) {
                    return Err(Failure::Malformed(format!("{what} shows posts that can't be read")));
                }
                let older = older_cursor(&answer.headers, self.api.instance());
                Ok((entries, older))
            }
            Ok(_) => Err(Failure::Malformed(format!("{what} is no list"))),
            // There was no token to be refused.
            Err(Failure::NoToken(why) | Failure::Forbidden(why)) => Err(Failure::Malformed(why)),
            // A page of whatever stands in front says nothing about the posts.
            Err(Failure::Broken(_, why)) if !answer.media_type().is_some_and(|kind| kind.contains("json")) => {
                Err(Failure::Transient(why))
            }
            Err(other) => Err(other),
        }
    }

    /// The cursor under which the next page begins, with every post of the last second on it.
    async fn overlapping(&self, from: Option<&str>, newer: usize, link: String) -> Result<String, Failure> {
        if newer == 0 {
            return Ok(link);
        }
        let (_, cut) = self.page(newer, from.map(|c| ("cursor", c.to_owned()))).await?;
        Ok(cut.unwrap_or(link))
    }

    /// A page, as large as the server can show it.
    async fn shown(&mut self, more: Option<(&str, String)>) -> Result<(Vec<Value>, Option<String>), Failure> {
        loop {
            match self.page(SIZES[self.size], more.clone()).await {
                Err(Failure::Broken(500, _)) if self.size + 1 < SIZES.len() => self.size += 1,
                Err(Failure::Broken(500, why)) => {
                    return Err(Failure::Malformed(format!(
                        "{} fails to show one of the posts ({why}), and there is no way round it without a token",
                        self.api.instance()
                    )));
                }
                other => return other,
            }
        }
    }

    async fn read_from(&mut self, cursor: Option<String>) -> Result<Vec<Value>, Failure> {
        let (entries, link) = self.shown(cursor.clone().map(|c| ("cursor", c))).await?;
        self.at = Place::Behind {
            newer: newer_than_last_second(&entries),
            oldest: entries.iter().filter_map(number_of).min().unwrap_or_default(),
            full: entries.len() >= SIZES[self.size],
            from: cursor,
            link,
        };
        Ok(entries)
    }
}

#[async_trait::async_trait]
impl Pager for PublicPages<'_> {
    async fn next(&mut self) -> Result<Option<Vec<Value>>, Failure> {
        match self.at.clone() {
            Place::Start => {
                let entries = self.read_from(None).await?;
                Ok((!entries.is_empty()).then_some(entries))
            }
            Place::Behind {
                from,
                newer,
                link: Some(link),
                ..
            } => {
                let cursor = self.overlapping(from.as_deref(), newer, link).await?;
                if from.as_ref() == Some(&cursor) {
                    return Err(Failure::Malformed(format!(
                        "the public list of {} leads back to the same page",
                        self.api.instance()
                    )));
                }
                Ok(Some(self.read_from(Some(cursor)).await?))
            }
            // A full first page without a link is all there is, or an older server's.
            Place::Behind {
                from: None,
                oldest,
                full: true,
                link: None,
                ..
            }
            | Place::Below(oldest) => {
                let (mut entries, _) = self
                    .page(SIZES[self.size], Some(("max_id", oldest.to_string())))
                    .await?;
                entries.retain(|entry| number_of(entry).is_some_and(|id| id < oldest));
                self.at = entries
                    .iter()
                    .filter_map(number_of)
                    .min()
                    .map_or(Place::End, Place::Below);
                Ok((!entries.is_empty()).then_some(entries))
            }
            Place::Behind { link: None, .. } | Place::End => Ok(None),
        }
    }
}

/// How many posts of a page are newer than the second of its oldest.
fn newer_than_last_second(entries: &[Value]) -> usize {
    let at = |entry: &Value| entry.get("created_at").and_then(parse_instant);
    let seconds: Vec<Option<i64>> = entries
        .iter()
        .map(|e| at(e).map(|t: DateTime<Utc>| t.timestamp()))
        .collect();
    match seconds.iter().flatten().min() {
        Some(last) => seconds
            .iter()
            .take_while(|second| second.is_some_and(|s| s > *last))
            .count(),
        None => 0,
    }
}

/// The cursor of the older page, which Pixelfed labels `prev`.
fn older_cursor(headers: &HeaderMap, instance: &Url) -> Option<String> {
    let links = headers.get("link")?.to_str().ok()?;
    links.split(',').find_map(|link| {
        let (target, rest) = link.trim().strip_prefix('<')?.split_once('>')?;
        let prev = rest
            .split(';')
            .any(|p| matches!(p.trim(), "rel=\"prev\"" | "rel=prev" | "rel='prev'"));
        let url = instance.join(target).ok().filter(|_| prev)?;
        let (_, cursor) = url.query_pairs().find(|(name, _)| name == "cursor")?;
        (!cursor.is_empty() && cursor.len() <= MAX_CURSOR).then(|| cursor.into_owned())
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_older_page_is_the_one_labelled_prev() {
        let mut headers = HeaderMap::new();
        let link = "<http://p.example/api/x?limit=3&cursor=bmV3>; rel=\"next\", \
                    <http://p.example/api/x?limit=3&cursor=b2xk>; rel=\"prev\"";
        headers.insert("link", link.parse().expect("a header"));
        let instance = Url::parse("http://p.example/").expect("a URL");
        assert_eq!(older_cursor(&headers, &instance).as_deref(), Some("b2xk"));
        headers.insert("link", "<<>>;,;rel=prev".parse().expect("a header"));
        assert_eq!(older_cursor(&headers, &instance), None);
    }

    #[test]
    fn a_page_is_cut_before_the_second_of_its_oldest_post() {
        let page = |seconds: &[u32]| -> Vec<Value> {
            let post = |s: &u32| json!({"created_at": format!("2026-11-23T05:50:{s:02}.000Z")});
            seconds.iter().map(post).collect()
        };
        assert_eq!(newer_than_last_second(&page(&[9, 8, 8, 7, 7])), 3);
        assert_eq!(newer_than_last_second(&page(&[7, 7])), 0);
        assert_eq!(newer_than_last_second(&[json!({"created_at": 5})]), 0);
    }
}
