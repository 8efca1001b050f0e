//! The atom feed: ids and dates of the ten newest photos (contract pixelfed §7). The posts themselves are read elsewhere,
//! since a feed doesn't say what is sensitive.

use chrono::{DateTime, Utc};
use quick_xml::Reader;
use quick_xml::events::Event;
use tombolo_mastoapi::entity;
use tombolo_model::ApId;

/// Most entries read; a feed has ten.
const MAX_ENTRIES: usize = 100;
/// Deepest nesting read; a feed has four levels.
const MAX_DEPTH: usize = 32;
/// Longest title kept, in characters.
const MAX_TITLE: usize = 200;
/// Longest text of one element that is collected, in bytes.
const MAX_TEXT: usize = 8192;

/// One entry of a feed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The post's id, which is its page too.
    pub id: ApId,
    /// How its caption begins.
    pub title: Option<String>,
    /// When it was published: Pixelfed calls that `updated`.
    pub published: Option<DateTime<Utc>>,
}

#[derive(Default)]
struct Raw {
    id: String,
    title: String,
    updated: String,
}

/// Reads a feed. `Err`: it isn't one; says how that was seen.
pub fn parse_feed(text: &str) -> Result<Vec<Entry>, String> {
    let mut reader = Reader::from_str(text);
    let (mut path, mut entries, mut raw) = (Vec::<Vec<u8>>::new(), Vec::new(), None::<Raw>);
    let mut is_feed = false;
    loop {
        let event = reader
            .read_event()
            .map_err(|e| format!("it can't be read as XML at byte {}: {e}", reader.error_position()))?;
        match event {
            Event::Start(tag) => {
                let name = tag.local_name().as_ref().to_vec();
                is_feed |= path.is_empty() && name == b"feed";
                if path.len() == 1 && name == b"entry" {
                    raw = Some(Raw::default());
                }
                path.push(name);
                if path.len() > MAX_DEPTH {
                    return Err("it is nested too deep".into());
                }
            }
            Event::End(_) => {
                path.pop();
                if path.len() == 1
                    && let Some(entry) = raw.take().as_ref().and_then(finished)
                {
                    entries.push(entry);
                    if entries.len() == MAX_ENTRIES {
                        break;
                    }
                }
            }
            Event::Text(text) => collect(raw.as_mut(), &path, &text.decode().unwrap_or_default()),
            Event::CData(text) => collect(raw.as_mut(), &path, &text.decode().unwrap_or_default()),
            Event::GeneralRef(name) => {
                let character = name.decode().ok().and_then(|name| entity(&name));
                collect(
                    raw.as_mut(),
                    &path,
                    character.unwrap_or('\u{fffd}').encode_utf8(&mut [0; 4]),
                );
            }
            Event::Eof => break,
            _ => {}
        }
    }
    if is_feed {
        Ok(entries)
    } else {
        Err("it is no atom feed".into())
    }
}

fn collect(raw: Option<&mut Raw>, path: &[Vec<u8>], text: &str) {
    let (Some(raw), [_, _, name]) = (raw, path) else { return };
    let field = match name.as_slice() {
        b"id" => &mut raw.id,
        b"title" => &mut raw.title,
        b"updated" => &mut raw.updated,
        _ => return,
    };
    if field.len() + text.len() <= MAX_TEXT {
        field.push_str(text);
    }
}

fn finished(raw: &Raw) -> Option<Entry> {
    let title: String = raw.title.trim().chars().take(MAX_TITLE).collect();
    Some(Entry {
        id: ApId::parse(raw.id.trim())?,
        title: (!title.is_empty()).then_some(title),
        published: DateTime::parse_from_rfc3339(raw.updated.trim())
            .ok()
            .map(|at| at.to_utc()),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const FEED: &str = r#"<?xml version="1.0"?>
        <feed xmlns="http://www.w3.org/2005/Atom"><id>http://p.example/users/a.atom</id><title>a</title>
        <entry><id> http://p.example/p/a/2 </id><title>a &lt; b &amp;&amp; c &quot;q&quot; &#233;</title>
        <updated>2026-11-23T05:50:48.000Z</updated><author><name>a</name></author>
        <content type="html"><![CDATA[ <p>x & y</p> ]]></content></entry>
        <entry><id>nonsense</id></entry></feed>"#;

    #[test]
    fn entries_are_read_with_what_they_are_called_and_when_they_came() {
        let entries = parse_feed(FEED).expect("a feed");
        assert_eq!(entries.len(), 1);
        assert_eq!(entries[0].id.as_str(), "http://p.example/p/a/2");
        assert_eq!(entries[0].title.as_deref(), Some("a < b && c \"q\" é"));
        assert_eq!(entries[0].published, "2026-11-23T05:50:48Z".parse().ok());
    }

    #[test]
    fn a_web_page_is_no_feed() {
        assert!(parse_feed("<!DOCTYPE html>\n<html><body><p>Sign in</p></body></html>").is_err());
        assert!(parse_feed("").is_err());
        assert!(parse_feed(&"<a>".repeat(100_000)).is_err());
    }

    proptest! {
        #[test]
        fn no_damaged_feed_does_harm(cut in 0..FEED.len(), rest in "(\\PC|<|>|</entry>|<!\\[CDATA\\[|&){0,20}") {
            let _ = parse_feed(&format!("{}{rest}", FEED.get(..cut).unwrap_or_default()));
        }
    }
}
