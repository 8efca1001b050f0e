//! Collections: walked page by page, never further than they have something new (contract activitypub §3).

use std::collections::HashSet;

use serde_json::Value;
use tombolo_model::{Origin, SourceError, as_array, id_of, unsigned_of};
use tombolo_net::Net;
use url::Url;

use crate::Object;
use crate::object::{ask, document, fetch_document};

/// Most pages of one walk. PeerTube's own crawler stops there too (§3.1).
const MAX_PAGES: usize = 2000;

/// A page of a collection.
#[derive(Clone, Debug)]
pub struct Page {
    /// Items: ids or objects, mixed.
    pub items: Vec<Value>,
    /// The following page, on the same host.
    pub next: Option<Url>,
    /// What the server says the total is. A hint: it counts what isn't listed.
    pub total: Option<u64>,
}

/// Where a collection begins: its `first` page, or the collection itself where it has no pages.
pub async fn fetch_first_page(net: &Net, collection: &Url) -> Result<Url, SourceError> {
    match fetch_document(net, collection, None).await? {
        Object::Found(value) => Ok(value
            .get("first")
            .and_then(id_of)
            .and_then(|first| collection.join(first).ok())
            .filter(|first| Origin::of(first) == Origin::of(collection))
            .unwrap_or_else(|| collection.clone())),
        Object::Gone => Err(SourceError::Unsupported(format!(
            "there is no outbox at {collection}; federation may be switched off there"
        ))),
        Object::Forbidden(status) => Err(SourceError::Unsupported(format!(
            "the outbox {collection} can't be read without signing (status {status})"
        ))),
        Object::Unchanged => Err(SourceError::Malformed(format!(
            "{collection} was answered with 304 unasked"
        ))),
    }
}

/// A walk through a collection that ends by itself: at an empty page, a page seen before, or after too many pages.
#[derive(Debug)]
pub struct Walk<'a> {
    net: &'a Net,
    next: Option<Url>,
    visited: HashSet<Url>,
    /// The validator of the first page.
    pub etag: Option<String>,
}

impl<'a> Walk<'a> {
    /// Begins at a page.
    pub fn from(net: &'a Net, first: Url) -> Self {
        Self {
            net,
            next: Some(first),
            visited: HashSet::new(),
            etag: None,
        }
    }

    /// Reads the first page only if it changed; `None` when it didn't.
    pub async fn first_if_changed(&mut self, etag: Option<&str>) -> Result<Option<Page>, SourceError> {
        let Some(url) = self.next.take() else { return Ok(None) };
        let answer = ask(self.net, &url, etag).await?;
        match document(&url, &answer)? {
            Object::Unchanged => Ok(None),
            found => {
                self.etag = answer.etag().map(str::to_owned);
                self.page(url, found).map(Some)
            }
        }
    }

    /// Reads the next page; `None` at the end.
    pub async fn next(&mut self) -> Result<Option<Page>, SourceError> {
        let Some(url) = self.next.take() else { return Ok(None) };
        if self.visited.contains(&url) || self.visited.len() >= MAX_PAGES {
            return Ok(None);
        }
        let found = fetch_document(self.net, &url, None).await?;
        self.page(url, found).map(Some)
    }

    /// Ends the walk: the last page brought nothing new.
    pub fn stop(&mut self) {
        self.next = None;
    }

    fn page(&mut self, url: Url, found: Object) -> Result<Page, SourceError> {
        let value = match found {
            Object::Found(value) => value,
            Object::Forbidden(status) => {
                return Err(SourceError::Unsupported(format!(
                    "{url} can't be read without signing (status {status})"
                )));
            }
            Object::Gone | Object::Unchanged => {
                return Err(SourceError::Transient(format!("the page {url} of the outbox is gone")));
            }
        };
        let page = parse_page(&url, &value);
        self.visited.insert(url);
        self.next.clone_from(&page.next);
        Ok(page)
    }
}

/// Reads both `orderedItems` and `items`, whatever the type says; a first page may be inlined.
fn parse_page(url: &Url, value: &Value) -> Page {
    let inlined = value.get("first").filter(|first| first.is_object());
    let body = inlined.unwrap_or(value);
    let items = ["orderedItems", "items"]
        .iter()
        .flat_map(|key| as_array(body.get(*key).unwrap_or(&Value::Null)))
        .cloned()
        .collect();
    let next = body
        .get("next")
        .and_then(id_of)
        .and_then(|next| url.join(next).ok())
        .filter(|next| Origin::of(next) == Origin::of(url));
    let total = body
        .get("totalItems")
        .or_else(|| value.get("totalItems"))
        .and_then(unsigned_of);
    Page { items, next, total }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn page(value: &Value) -> Page {
        parse_page(&Url::parse("https://v.example/outbox?page=1").unwrap(), value)
    }

    #[test]
    fn a_page_may_hold_one_item_or_none() {
        assert_eq!(page(&json!({"orderedItems": "https://v.example/1"})).items.len(), 1);
        assert_eq!(page(&json!({"items": [1, 2]})).items.len(), 2);
        assert_eq!(page(&json!({})).items.len(), 0);
    }

    #[test]
    fn the_next_page_may_be_relative_but_not_on_another_host() {
        assert_eq!(
            page(&json!({"next": "?page=2"})).next.unwrap().as_str(),
            "https://v.example/outbox?page=2"
        );
        assert_eq!(page(&json!({"next": "https://evil.example/outbox?page=2"})).next, None);
        assert_eq!(page(&json!({"next": null})).next, None);
    }

    #[test]
    fn totals_may_be_text_or_missing() {
        assert_eq!(page(&json!({"totalItems": "12"})).total, Some(12));
        assert_eq!(page(&json!({"totalItems": -1})).total, None);
    }
}
