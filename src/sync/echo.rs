//! A copy is never a source (invariant 4): not by its uri, not by the program that posted it, and not by the link and the
//! words that it carries, which also hold when the ledger was lost.

use std::ops::Range;

use chrono::TimeDelta;
use tombolo_model::{ApId, DeliveryKey, Fetched, Media, MediaKind, Origin, Post, SourceError, SourceId};
use tombolo_text as text;

use super::{Engine, SyncError};
use crate::ledger::Delivery;
use crate::transform::words::words;

/// How many letters and digits two posts must have alike.
const ALIKE: usize = 24;
/// How many letters and digits of a title say something.
const LEAST_TITLE: usize = 12;
/// How many a template may put before a copy's own.
const PREFACE: usize = 60;
/// Most links that are followed to see what they lead to.
const MOST_LINKS: usize = 3;
/// Most parts of a thread that are gone back: as many as a post becomes.
const MOST_PARTS: usize = 40;
/// Longest number of a part: `12/34`.
const LONGEST_NUMBER: usize = 7;
/// How long an instance that gave no answer isn't asked again.
const SILENCE: TimeDelta = TimeDelta::minutes(2);

/// What a post is.
pub(super) enum Echo {
    /// It was written here.
    Original,
    /// It is a copy, for this reason.
    Copy(String),
    /// It may be one: what it links to can't be read now.
    CannotTell(String),
}

/// What is seen of one post by itself.
enum Seen {
    Original,
    /// Its original, where it was read.
    Copy(String, Option<Box<Post>>),
    CannotTell(String),
}

/// Whether a post is a copy of another one that tombolo carries, or a further part of one.
pub(super) async fn copied(engine: &Engine, delivery: &Delivery, post: &Post) -> Result<Echo, SyncError> {
    match looked_at(engine, &delivery.source, post).await? {
        Seen::Original => {}
        Seen::Copy(why, _) => return Ok(Echo::Copy(why)),
        Seen::CannotTell(why) => return Ok(Echo::CannotTell(why)),
    }
    // Of a text that goes on in a thread, only the first status has the link.
    let parent_of = |post: &Post| post.reply.as_ref().filter(|reply| reply.own)?.to.clone();
    let mut parent = parent_of(post);
    for _ in 0..MOST_PARTS {
        let Some(id) = parent else { break };
        // What was carried from here is an original, and so is what answers it.
        let key = DeliveryKey {
            post: id.clone(),
            to: delivery.key.to.clone(),
        };
        if engine
            .ledger
            .delivery(&key)?
            .is_some_and(|above| !above.parts.is_empty())
        {
            break;
        }
        let above = match read(engine, &delivery.source, &id).await {
            Ok(Some(above)) => above,
            Ok(None) => break,
            Err(e) => {
                let unclear = doubt(&format!("it answers {id}"), &e);
                return Ok(unclear.map_or(Echo::Original, Echo::CannotTell));
            }
        };
        match looked_at(engine, &delivery.source, &above).await? {
            Seen::Original => parent = parent_of(&above),
            Seen::Copy(why, Some(original)) if is_part_of(post, &original) => {
                return Ok(Echo::Copy(format!("it continues a copy: {why}")));
            }
            // The creator's own answer to it; parts that tombolo made lately are in the ledger.
            Seen::Copy(..) => break,
            Seen::CannotTell(why) => return Ok(Echo::CannotTell(why)),
        }
    }
    Ok(Echo::Original)
}

/// A post of this source, where it can be had.
async fn read(engine: &Engine, source: &SourceId, id: &ApId) -> Result<Option<Post>, SourceError> {
    let mut failed = None;
    for reader in engine.sources.values() {
        match reader.adapter.id().await {
            Ok(found) if found == *source => {
                return Ok(match reader.adapter.fetch(id).await? {
                    Fetched::Post(post) => Some(*post),
                    Fetched::NotPublic(_) | Fetched::Gone => None,
                });
            }
            Ok(_) => {}
            Err(e) => failed = Some(e),
        }
    }
    failed.map_or(Ok(None), Err)
}

/// Whether this very post is a copy.
async fn looked_at(engine: &Engine, source: &SourceId, post: &Post) -> Result<Seen, SyncError> {
    for name in &post.aliases {
        if engine.ledger.copy_owner(name)?.is_some() {
            return Ok(Seen::Copy("it is a copy that tombolo has made".into(), None));
        }
    }
    if post
        .application
        .as_deref()
        .is_some_and(|name| name.trim().eq_ignore_ascii_case("tombolo"))
    {
        return Ok(Seen::Copy("it was posted by tombolo, so it is a copy".into(), None));
    }
    let own = source.0.origin();
    let words = words(post);
    let links: Vec<ApId> = links_of(&words.body, post).into_iter().take(MOST_LINKS).collect();
    if links.is_empty() {
        return Ok(Seen::Original);
    }
    for reader in engine.sources.values() {
        // Ids may have another host than the instance.
        let id = match silent(engine, "who is read", &reader.instance).await {
            Some(error) => Err(error),
            None => heard(engine, "who is read", &reader.instance, reader.adapter.id().await).await,
        };
        for link in &links {
            let what = || format!("it links to {link}");
            let at_instance = link.origin() == reader.instance;
            let id = match &id {
                Ok(id) => id,
                Err(e) if at_instance => match doubt(&what(), e) {
                    Some(unclear) => return Ok(Seen::CannotTell(unclear)),
                    None => continue,
                },
                Err(_) => continue,
            };
            let at_id = link.origin() == id.0.origin();
            if !(at_instance || at_id) || (id == source && link.origin() == own) {
                continue;
            }
            let fetched = match silent(engine, "a post", &reader.instance).await {
                Some(error) => Err(error),
                None => heard(engine, "a post", &reader.instance, reader.adapter.fetch(link).await).await,
            };
            let original = match fetched {
                Ok(Fetched::Post(original)) => original,
                Ok(_) => continue,
                Err(e) => match doubt(&what(), &e) {
                    Some(unclear) => return Ok(Seen::CannotTell(unclear)),
                    None => continue,
                },
            };
            if original.id != post.id && is_like(post, &original) {
                let why = format!("it is a copy of {}", original.link);
                return Ok(Seen::Copy(why, Some(original)));
            }
        }
    }
    Ok(Seen::Original)
}

/// Why an instance gave no answer to this a moment ago: each post with a link to it would wait for it again.
async fn silent(engine: &Engine, what: &'static str, instance: &Origin) -> Option<SourceError> {
    let memory = engine.memory.lock().await;
    let (at, error) = memory.silent.get(&(what, instance.clone()))?;
    (engine.clock.now() - *at < SILENCE).then(|| error.clone())
}

/// What an instance said; that it said nothing is remembered.
async fn heard<T>(
    engine: &Engine,
    what: &'static str,
    instance: &Origin,
    said: Result<T, SourceError>,
) -> Result<T, SourceError> {
    let (mut memory, key) = (engine.memory.lock().await, (what, instance.clone()));
    match &said {
        Err(error @ SourceError::Transient(_)) => {
            memory.silent.insert(key, (engine.clock.now(), error.clone()));
        }
        _ => {
            memory.silent.remove(&key);
        }
    }
    said
}

/// Whether a failure leaves it open what a link leads to. What a server shows to nobody is no original; what it shows only
/// to those who are signed in may be one.
fn doubt(what: &str, error: &SourceError) -> Option<String> {
    match error {
        SourceError::Transient(_)
        | SourceError::Throttled { .. }
        | SourceError::AuthLost(_)
        | SourceError::Unsupported(_) => Some(format!(
            "{what}, and whether it is a copy of that can't be told: {error}"
        )),
        _ => None,
    }
}

/// The addresses that a post's text names, beside its own.
fn links_of(body: &str, post: &Post) -> Vec<ApId> {
    let mut links: Vec<ApId> = text::urls(body)
        .into_iter()
        .filter_map(|place| ApId::parse(&body[place].replace("%40", "@")))
        .filter(|link| !post.aliases.contains(link.as_str()) && !is_of_somebody(link))
        .collect();
    // The link of a copy stands at its end.
    links.reverse();
    links.dedup();
    links
}

/// Whether an address is a server's front page or somebody's profile, on any of the platforms: that is no post.
fn is_of_somebody(link: &ApId) -> bool {
    let url = link.to_url();
    let path: Vec<&str> = url
        .path_segments()
        .into_iter()
        .flatten()
        .filter(|part| !part.is_empty())
        .collect();
    match path[..] {
        [] | ["users" | "c" | "a" | "accounts" | "video-channels", _] => true,
        [one] => one.starts_with('@'),
        _ => false,
    }
}

/// Whether a post's words are a copy's of `original`: the original's beginning stands near the copy's, or the copy's
/// beginning somewhere in the original, as that of a thread's further part does; or it is little more than the title. Few
/// words must be the same altogether.
fn is_like(post: &Post, original: &Post) -> bool {
    // A further part of an album has its number only.
    if letters(post, Hashtags::Out).is_empty() && is_further_part(&words(post).body) {
        return !original.media.is_empty();
    }
    is_like_with(post, original, Hashtags::In)
        || (!letters(original, Hashtags::Out).is_empty() && is_like_with(post, original, Hashtags::Out))
}

fn is_like_with(post: &Post, original: &Post, hashtags: Hashtags) -> bool {
    let (copy, model) = (letters(post, hashtags), letters(original, hashtags));
    let title = plain(&without_marks(original.title.as_deref().unwrap_or_default(), hashtags));
    let rest = copy.strip_suffix(&title).map(|rest| rest.chars().count());
    if title.chars().count() >= LEAST_TITLE && rest.is_some_and(|rest| rest <= LEAST_TITLE) {
        return true;
    }
    let begin = |text: &str, most: usize| text.chars().take(most).collect::<String>();
    let is_long = |text: &str| text.chars().count() >= ALIKE;
    if !is_long(&copy) || !is_long(&model) {
        return copy.strip_prefix(&model).is_some_and(|rest| is_of_alts(rest, original));
    }
    begin(&copy, ALIKE + PREFACE).contains(&begin(&model, ALIKE)) || model.contains(&begin(&copy, ALIKE))
}

/// Whether the rest of a copy's words is nothing, or alternative texts of its original, perhaps cut: a server of videos has
/// them in the description, of several each with its number.
fn is_of_alts(mut rest: &str, original: &Post) -> bool {
    let is_photo = |media: &&Media| media.kind == MediaKind::Image;
    let photos = original.media.iter().filter(is_photo).enumerate();
    let others = original
        .media
        .iter()
        .filter(|media| !is_photo(media))
        .map(|media| (None, media));
    for (place, media) in others.chain(photos.map(|(place, media)| (Some(place + 1), media))) {
        let alt = plain(media.alt.as_deref().unwrap_or_default());
        let numbered = place.map(|place| format!("{place}{alt}"));
        for line in numbered.into_iter().chain([alt]) {
            if let Some(behind) = rest.strip_prefix(&line) {
                rest = behind;
                break;
            }
            if rest.len() >= ALIKE && line.starts_with(rest) {
                return true;
            }
        }
    }
    rest.is_empty()
}

/// Whether a post goes on with the words of `original`, as a thread's further part does.
fn is_part_of(post: &Post, original: &Post) -> bool {
    let (part, whole) = (letters(post, Hashtags::Out), letters(original, Hashtags::Out));
    let is_long = part.chars().count() >= ALIKE;
    (is_long || is_further_part(&words(post).body)) && whole.contains(&part)
}

/// Whether a text has the number of a part that isn't the first: `(2/3)`.
fn is_further_part(text: &str) -> bool {
    numbers_in(text).iter().any(|(_, part)| *part > 1)
}

/// Where a text has numbers of parts, and which part it is: `(2/3)`.
fn numbers_in(text: &str) -> Vec<(Range<usize>, usize)> {
    let mut found = Vec::new();
    for (start, _) in text.match_indices('(') {
        let inside = &text[start + 1..];
        let mut first = inside.bytes().take(LONGEST_NUMBER + 1);
        let Some(end) = first.position(|byte| byte == b')') else {
            continue;
        };
        let halves = inside[..end].split_once('/');
        let number = |half: &str| {
            half.parse::<usize>()
                .ok()
                .filter(|_| half.bytes().all(|b| b.is_ascii_digit()))
        };
        if let Some((part, all)) = halves.and_then(|(part, all)| Some((number(part)?, number(all)?)))
            && (1..=all).contains(&part)
            && all > 1
        {
            found.push((start..start + end + 2, part));
        }
    }
    found
}

/// Whether hashtags count: they stand elsewhere in a copy, or in the middle of its text.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Hashtags {
    In,
    Out,
}

/// The letters and digits of title and text, without links and numbers of parts, in lower case.
fn letters(post: &Post, hashtags: Hashtags) -> String {
    let words = words(post);
    let title = words.title.unwrap_or_default();
    let mut body = words.body;
    let mut places = text::urls(&body);
    places.sort_by_key(|place| std::cmp::Reverse(place.start));
    for place in places {
        body.replace_range(place, "");
    }
    // A title that is the text's beginning stands once.
    let (title, body) = (
        plain(&without_marks(&title, hashtags)),
        plain(&without_marks(&body, hashtags)),
    );
    if body.starts_with(&title) { body } else { title + &body }
}

/// A text without numbers of parts, and perhaps without hashtags.
fn without_marks(text: &str, hashtags: Hashtags) -> String {
    let (mut kept, mut at) = (String::with_capacity(text.len()), 0);
    for (place, _) in numbers_in(text) {
        kept.push_str(&text[at..place.start]);
        kept.push(' ');
        at = place.end;
    }
    kept.push_str(&text[at..]);
    let is_tag = |word: &&str| word.starts_with('#') && word.chars().any(char::is_alphabetic);
    kept.split_whitespace()
        .filter(|word| hashtags == Hashtags::In || !is_tag(word))
        .collect::<Vec<_>>()
        .join(" ")
}

fn plain(text: &str) -> String {
    text.chars()
        .filter(|c| c.is_alphanumeric())
        .flat_map(char::to_lowercase)
        .collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use tombolo_model::{Markup, PostKind, Readiness, Visibility};

    use super::*;

    fn post(title: Option<&str>, body: &str, alts: &[&str]) -> Post {
        let photo = |alt: &&str| Media {
            kind: MediaKind::Image,
            alt: Some((*alt).to_owned()),
            renditions: Vec::new(),
            captions: Vec::new(),
            thumbnail: None,
            duration: None,
            focus: None,
        };
        Post {
            id: ApId::parse("https://a.example/1").unwrap(),
            link: "https://a.example/1".parse().unwrap(),
            aliases: BTreeSet::new(),
            kind: PostKind::Note,
            title: title.map(str::to_owned),
            body: Markup::Plain(body.to_owned()),
            tags: Vec::new(),
            category: None,
            licence: None,
            language: None,
            sensitive: false,
            content_warning: None,
            visibility: Visibility::Public,
            readiness: Readiness::Ready,
            downloads_allowed: true,
            published: None,
            updated: None,
            originally_published: None,
            media: alts.iter().map(photo).collect(),
            reply: None,
            quote: None,
            mentions: Vec::new(),
            poll: Vec::new(),
            application: None,
        }
    }

    #[test]
    fn numbers_of_parts_and_hashtags_are_left_out_in_one_go_however_many_there_are() {
        let text = |text: &str| without_marks(text, Hashtags::Out);
        assert_eq!(
            text("(2/2) Sea (1/2)#x #sea(3/4) (5/4) (1/1) ((2/3)"),
            "Sea (5/4) (1/1) ("
        );
        assert_eq!(without_marks("a #b (2/3)", Hashtags::In), "a #b");
        assert!(is_further_part("end (2/2)") && !is_further_part("begin (1/2)") && !is_further_part("(2/2"));
        let begun = std::time::Instant::now();
        assert_eq!(
            text(&"(1/2)é".repeat(600_000)).chars().filter(|c| *c == 'é').count(),
            600_000
        );
        text(&"(".repeat(4 << 20));
        assert!(begun.elapsed().as_secs() < 20, "{:?}", begun.elapsed());
    }

    #[test]
    fn a_copy_with_the_alternative_texts_in_its_description_is_still_known_as_one() {
        let original = post(None, "Low water", &["A gull", "Mud, as far as one sees"]);
        let copy = |body: &str| post(Some("Low water"), body, &[]);
        assert!(is_like(
            &copy("1. A gull\n2. Mud, as far as one sees\n\nhttps://a.example/1"),
            &original
        ));
        assert!(is_like(
            &copy("2. Mud, as far as one sees\n\nhttps://a.example/1"),
            &original
        ));
        assert!(is_like(&copy("https://a.example/1"), &original));
        assert!(!is_like(&copy("A seal\n\nhttps://a.example/1"), &original));
        assert!(!is_like(&copy("A g\n\nhttps://a.example/1"), &original));
    }
}
