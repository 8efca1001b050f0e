//! Collections: walked page by page, never further than they have something new (contract activitypub §3).

use std::borrow::Cow;
use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;
use tombolo_model::{Origin, SourceError, id_of, unsigned_of};
use tombolo_net::{Net, Patience};
use url::Url;

use crate::object::{ask, document, fetch_document};
use crate::{Object, types_of};

/// Most pages of one walk. PeerTube's own crawler stops there too (§3.1).
const MAX_PAGES: usize = 2000;
/// Most items of one walk: as many as PeerTube puts on that many pages. A server that makes up ids can't fill the memory.
const MAX_ITEMS: usize = 20_000;
/// Longest time between the first and the last page of a walk. Without it, slow pages without end would take days.
const MAX_TIME: TimeDelta = TimeDelta::minutes(15);
/// Pages in a row that may repeat what was seen. Pages shift while they are read (§3.1), but not that far.
const MAX_REPEATS: usize = 3;
/// Longest address of a page.
const MAX_ADDRESS: usize = 2048;

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
        Object::Found(value) => match value.get("first") {
            None | Some(Value::Null) => Ok(collection.clone()),
            Some(first) if first.is_object() && id_of(first).is_none() => Ok(collection.clone()),
            Some(first) => page_address(collection, id_of(first).ok_or_else(|| unnamed(collection))?),
        },
        Object::Gone => Err(no_outbox(collection)),
        Object::Forbidden(status) => Err(SourceError::Unsupported(format!(
            "the outbox {collection} can't be read without signing (status {status})"
        ))),
        Object::Unchanged => Err(unasked(collection)),
    }
}

/// A walk through a collection, to its end or to an error: what it returned before `None` is all that is listed.
///
/// It ends at the first empty page, whatever the totals say, and where no page follows. Pages in a circle, pages that bring
/// nothing new, too many of them or too slow ones are errors, since a list that was cut short looks like a whole one.
#[derive(Debug)]
pub struct Walk<'a> {
    net: &'a Net,
    next: Option<Url>,
    began: DateTime<Utc>,
    visited: HashSet<Url>,
    hasher: RandomState,
    /// Digests of the items seen: an item may be megabytes long.
    seen: HashSet<u64>,
    items: usize,
    repeats: usize,
    patience: Patience<'a>,
    /// The validator of the first page.
    pub etag: Option<String>,
}

impl<'a> Walk<'a> {
    /// Begins at a page.
    pub fn from(net: &'a Net, first: Url) -> Self {
        Self {
            net,
            next: Some(first),
            began: net.clock().now(),
            visited: HashSet::new(),
            hasher: RandomState::new(),
            seen: HashSet::new(),
            items: 0,
            repeats: 0,
            patience: Patience::none(net),
            etag: None,
        }
    }

    /// Waits for the server's limits from the second page on, for a walk that is to see everything.
    #[must_use]
    pub fn patient(self) -> Self {
        Self {
            patience: Patience::of_a_walk(self.net),
            ..self
        }
    }

    /// Reads the first page only if it changed; `None` when it didn't.
    pub async fn first_if_changed(&mut self, etag: Option<&str>) -> Result<Option<Page>, SourceError> {
        let Some(url) = self.next.take() else { return Ok(None) };
        let answer = ask(self.net, &url, etag).await?;
        match document(&url, &answer)? {
            Object::Unchanged if etag.is_some() => Ok(None),
            Object::Unchanged => Err(unasked(&url)),
            Object::Gone => Err(no_outbox(&url)),
            found => {
                self.etag = answer.etag().filter(|tag| tag.len() <= MAX_ADDRESS).map(str::to_owned);
                self.page(url, found).map(Some)
            }
        }
    }

    /// Reads the next page; `None` at the end.
    pub async fn next(&mut self) -> Result<Option<Page>, SourceError> {
        let Some(url) = self.next.take() else { return Ok(None) };
        if self.visited.contains(&url) {
            return Err(SourceError::Malformed(format!(
                "the pages of the outbox run in a circle, back to {url}"
            )));
        }
        if self.visited.len() >= MAX_PAGES {
            return Err(SourceError::Malformed(format!(
                "the outbox goes on after {MAX_PAGES} pages, at {url}, more than tombolo reads of one account"
            )));
        }
        if self.patience.walked_since(self.began) > MAX_TIME {
            return Err(SourceError::Transient(format!(
                "after {} minutes the outbox still goes on, at {url}",
                MAX_TIME.num_minutes()
            )));
        }
        let found = loop {
            match fetch_document(self.net, &url, None).await {
                Err(error) if self.patience.outlasts(&error).await => {}
                other => break other?,
            }
        };
        self.page(url, found).map(Some)
    }

    fn page(&mut self, url: Url, found: Object) -> Result<Page, SourceError> {
        let value = match found {
            Object::Found(value) => value,
            Object::Forbidden(status) => {
                return Err(SourceError::Unsupported(format!(
                    "{url} can't be read without signing (status {status})"
                )));
            }
            Object::Gone => return Err(SourceError::Transient(format!("the page {url} of the outbox is gone"))),
            Object::Unchanged => return Err(unasked(&url)),
        };
        let page = parse_page(&url, value)?;
        let before = self.seen.len();
        self.seen
            .extend(page.items.iter().map(|item| self.hasher.hash_one(key_of(item))));
        self.items += page.items.len();
        if self.items > MAX_ITEMS {
            return Err(SourceError::Malformed(format!(
                "the outbox lists more than {MAX_ITEMS} items, at {url}, more than tombolo reads of one account; \
                 read = \"api\" reads longer lists"
            )));
        }
        self.repeats = if self.seen.len() > before { 0 } else { self.repeats + 1 };
        if self.repeats >= MAX_REPEATS && !page.items.is_empty() {
            return Err(SourceError::Malformed(format!(
                "the outbox goes on without bringing anything new, at {url}"
            )));
        }
        self.next = page.next.clone().filter(|_| !page.items.is_empty());
        self.visited.insert(url);
        Ok(page)
    }
}

fn unasked(url: &Url) -> SourceError {
    SourceError::Malformed(format!("{url} was answered with 304 although nothing is kept of it"))
}

fn no_outbox(url: &Url) -> SourceError {
    SourceError::Unsupported(format!(
        "there is no outbox at {url}; federation may be switched off there"
    ))
}

fn unnamed(from: &Url) -> SourceError {
    SourceError::Malformed(format!("{from} leads to a page that it doesn't name"))
}

/// The address of another page, which must be on the same host (§3.1).
fn page_address(from: &Url, to: &str) -> Result<Url, SourceError> {
    let bad = |what: &str| SourceError::Malformed(format!("{from} leads to a page {what}"));
    if to.len() > MAX_ADDRESS {
        return Err(bad("with an address that is too long"));
    }
    let url = from.join(to).map_err(|_| bad("without a usable address"))?;
    if Origin::of(&url) != Origin::of(from) {
        return Err(bad("on another server"));
    }
    Ok(url)
}

/// What tells one item from another.
fn key_of(item: &Value) -> Cow<'_, str> {
    id_of(item).map_or_else(|| item.to_string().into(), Cow::from)
}

/// Reads both `orderedItems` and `items`, whatever the type says; a first page may be inlined.
fn parse_page(url: &Url, mut value: Value) -> Result<Page, SourceError> {
    let outer_total = value.get("totalItems").and_then(unsigned_of);
    let mut body = match value.get_mut("first") {
        Some(first) if first.is_object() => first.take(),
        _ => value,
    };
    let mut items = Vec::new();
    for key in ["orderedItems", "items"] {
        match body.get_mut(key).map(Value::take) {
            None | Some(Value::Null) => {}
            Some(Value::Array(more)) => items.extend(more),
            Some(one) => items.push(one),
        }
    }
    // Anything else that answers here isn't a list without items: that nothing is listed must be said.
    if items.is_empty() && !types_of(&body).any(is_collection) {
        return Err(SourceError::Malformed(format!("{url} is no page of an outbox")));
    }
    let next = match body.get("next") {
        None | Some(Value::Null) => None,
        Some(next) => Some(page_address(url, id_of(next).ok_or_else(|| unnamed(url))?)?),
    };
    let total = body.get("totalItems").and_then(unsigned_of).or(outer_total);
    Ok(Page { items, next, total })
}

fn is_collection(kind: &str) -> bool {
    matches!(
        kind,
        "Collection" | "OrderedCollection" | "CollectionPage" | "OrderedCollectionPage"
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::mangled::{any_json, mangled, recorded_bodies};

    const HERE: &str = "http://127.0.0.1:9011/accounts/alice/outbox?page=1";

    fn page(value: Value) -> Result<Page, SourceError> {
        parse_page(&Url::parse(HERE).unwrap(), value)
    }

    fn next(next: &Value) -> Result<Option<Url>, SourceError> {
        page(json!({"items": [1], "next": next})).map(|page| page.next)
    }

    #[test]
    fn recorded_pages_are_read() {
        let [first, last, collection]: [Value; 3] = recorded_bodies(&["048", "364", "056"]).try_into().unwrap();
        let first = page(first).unwrap();
        assert_eq!((first.items.len(), first.total), (10, Some(24)));
        assert_eq!(first.next.unwrap().query(), Some("page=2"));
        assert!(page(last).unwrap().items.is_empty());
        assert!(page(collection).unwrap().items.is_empty());
    }

    #[test]
    fn a_page_may_hold_one_item_or_none() {
        let items = |value| page(value).unwrap().items.len();
        assert_eq!(items(json!({"orderedItems": "https://v.example/1"})), 1);
        assert_eq!(items(json!({"items": [1, 2], "orderedItems": null})), 2);
        assert_eq!(items(json!({"type": "OrderedCollectionPage"})), 0);
        assert_eq!(items(json!({"type": ["as:Collection"], "totalItems": 3})), 0);
        assert_eq!(items(json!({"first": {"items": [1]}, "totalItems": 1})), 1);
    }

    #[test]
    fn what_is_no_collection_is_not_an_empty_one() {
        for value in [
            json!({}),
            json!(null),
            json!([1, 2]),
            json!("x"),
            json!({"type": "Note"}),
            json!({"error": "no"}),
        ] {
            assert!(matches!(page(value.clone()), Err(SourceError::Malformed(_))), "{value}");
        }
    }

    #[test]
    fn the_next_page_may_be_relative_but_not_on_another_host() {
        assert_eq!(next(&json!("?page=2")).unwrap().unwrap().query(), Some("page=2"));
        assert_eq!(
            next(&json!({"href": "?page=2"})).unwrap().unwrap().query(),
            Some("page=2")
        );
        assert_eq!(next(&json!(null)).unwrap(), None);
        let long = format!("?{}", "x".repeat(MAX_ADDRESS));
        for bad in [
            "https://evil.example/outbox?page=2",
            "//evil.example/",
            "file:///x",
            "javascript:1",
            "https:",
            &long,
        ] {
            assert!(matches!(next(&json!(bad)), Err(SourceError::Malformed(_))), "{bad:.40}");
        }
        for bad in [json!(2), json!({}), json!([])] {
            assert!(matches!(next(&bad), Err(SourceError::Malformed(_))), "{bad}");
        }
    }

    #[test]
    fn totals_may_be_text_or_missing() {
        let total = |total: Value| page(json!({"items": [1], "totalItems": total})).unwrap().total;
        assert_eq!(total(json!("12")), Some(12));
        assert_eq!(total(json!(-1)), None);
    }

    fn sound(page: &Page) {
        let here = Url::parse(HERE).unwrap();
        assert!(
            page.next
                .as_ref()
                .is_none_or(|next| Origin::of(next) == Origin::of(&here))
        );
        for item in &page.items {
            let _ = key_of(item);
        }
    }

    proptest! {
        #[test]
        fn no_document_in_a_pages_place_does_harm(value in any_json()) {
            let _ = page(value).map(|page| sound(&page));
        }

        #[test]
        fn no_faulty_page_does_harm(value in mangled(recorded_bodies(&["048", "057", "364", "056"]))) {
            let _ = page(value).map(|page| sound(&page));
        }
    }
}
