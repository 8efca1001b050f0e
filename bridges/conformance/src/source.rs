//! What every source promises.

use std::collections::BTreeSet;

use async_trait::async_trait;
use serde_json::Value;
use tombolo_model::{
    ApId, Completeness, Cursor, Fetched, Listing, Poll, Post, Readiness, Source, SourceError, Visibility,
};
use tombolo_net::stand_in::{Fault, FaultRule, Gate};

use crate::Front;
use crate::bad::{self, Bad, Meaning};
use crate::watch::Logs;

/// A server with a creator, and the adapter that reads what the creator publishes.
#[async_trait]
pub trait SourceIsland: Send + Sync {
    /// What is to be expected of it.
    fn facts(&self) -> SourceFacts;

    /// The server.
    fn front(&self) -> Front;

    /// The adapter, as a process sees it that has just started.
    fn source(&self) -> Box<dyn Source>;

    /// The creator publishes one more post for everybody, with a file where the platform has files.
    async fn publish(&self, text: &str) -> ApId;

    /// The creator publishes a post in each way that isn't for everybody, nor for everybody who has the address.
    async fn publish_hidden(&self) -> Vec<ApId>;

    /// The creator deletes a post, and the server is done with it.
    async fn delete(&self, id: &ApId);
}

/// What is to be expected of a source.
#[derive(Clone, Debug)]
pub struct SourceFacts {
    /// The reader's name in the configuration.
    pub reader: &'static str,
    /// So many posts go beyond a page, and beyond the window where there is one.
    pub many: usize,
    /// How many posts it shows at most.
    pub window: Option<usize>,
    /// How the paths of its lists begin.
    pub list: String,
    /// Whether a list is read in several requests.
    pub pages: bool,
    /// Whether it knows that a list is whole.
    pub whole: bool,
    /// Whether the server can say that nothing changed.
    pub validators: bool,
    /// The token it reads with.
    pub token: Option<String>,
}

/// Makes a test of each check for one island: `source_suite!(name, expression)`, where the expression is a future of the
/// island, or of nothing where it can't be had here.
#[macro_export]
macro_rules! source_suite {
    ($name:ident, $island:expr) => {
        $crate::source_suite!(@ $name, $island;
            it_says_who_is_read_and_how,
            every_public_post_is_listed_once,
            nothing_that_is_not_for_everybody_is_listed_or_read,
            posts_are_read_alike_by_every_process,
            reading_a_post_reads_no_file,
            a_cursor_survives_being_written_down_and_a_poll_without_news_is_one_read,
            news_of_any_number_is_seen_by_a_poll_or_asks_for_a_scan,
            a_post_that_appears_while_a_list_is_read_is_not_lost,
            a_post_that_goes_while_a_list_is_read_hides_no_other,
            a_deleted_post_is_gone_and_the_others_stay,
            a_list_that_fails_is_an_error_and_the_next_is_whole,
            a_passing_trouble_loses_no_post,
            trouble_is_never_taken_for_the_end_of_a_post,
            hostile_answers_do_no_harm,
            nothing_is_written_and_no_secret_shown,
        );
    };
    (@ $name:ident, $island:expr; $($check:ident),* $(,)?) => {
        mod $name {
            #[allow(unused_imports)] // Whether the island's expression needs them is not known here.
            use super::*;
            $(
                #[tokio::test]
                async fn $check() {
                    if let Some(island) = $island.await {
                        $crate::source::$check(&island).await;
                    }
                }
            )*
        }
    };
}

/// The source says whose posts it reads, by which reader, how complete that is and why it was chosen.
pub async fn it_says_who_is_read_and_how(island: &dyn SourceIsland) {
    island.publish("the only one").await;
    let (facts, source) = (island.facts(), island.source());
    let id = source.id().await.expect("it is known who is read");
    assert_eq!(id, island.source().id().await.expect("it is known who is read"));
    let reader = source.reader().await.expect("there is a reader");
    assert_eq!(reader.name, facts.reader);
    assert!(reader.why.len() > 10, "{reader:?}");
    match facts.window {
        Some(window) => assert_eq!(
            reader.completeness,
            Completeness::Window(u32::try_from(window).expect("small"))
        ),
        None => assert!(!matches!(reader.completeness, Completeness::Window(_)), "{reader:?}"),
    }
    let asked = island.front().requests().len();
    source.id().await.expect("it is known who is read");
    source.reader().await.expect("there is a reader");
    assert_eq!(island.front().requests().len(), asked, "asked once");
}

/// Every public post is listed once, over all pages; and an account without posts is one without posts.
pub async fn every_public_post_is_listed_once(island: &dyn SourceIsland) {
    let facts = island.facts();
    let none = scan(island).await;
    assert_eq!(none.sightings, []);
    let all = publish_many(island, facts.many).await;
    let listing = scan(island).await;
    assert_eq!(listed(&listing), shown(&facts, &all));
    assert_eq!(listing.complete, facts.whole);
    assert!(!listing.scan_needed, "a scan leaves nothing to be scanned");
}

/// What isn't for everybody is in no listing, and is not read either.
pub async fn nothing_that_is_not_for_everybody_is_listed_or_read(island: &dyn SourceIsland) {
    let open = island.publish("for everybody").await;
    let hidden = island.publish_hidden().await;
    assert!(!hidden.is_empty());
    let source = island.source();
    for listing in [scan(island).await, polled(&*source, &Cursor::default()).await] {
        assert_eq!(listed(&listing), BTreeSet::from([open.clone()]));
    }
    for id in &hidden {
        match source.fetch(id).await {
            Ok(Fetched::NotPublic(why)) => assert!(why.len() > 10, "{why}"),
            Ok(Fetched::Gone) => {}
            other => panic!("{id}: {other:?}"),
        }
        assert_eq!(source.is_ready(id).await, Ok(false), "{id}");
    }
    let foreign = ApId::parse("https://elsewhere.example/videos/watch/1").expect("an id");
    let asked = island.front().requests().len();
    assert!(matches!(source.fetch(&foreign).await, Ok(Fetched::NotPublic(_))));
    assert_eq!(
        island.front().requests().len(),
        asked,
        "nobody is asked about what is elsewhere"
    );
}

/// A post is what it is, whoever reads it and however often.
pub async fn posts_are_read_alike_by_every_process(island: &dyn SourceIsland) {
    publish_many(island, 3).await;
    let (one, other) = (island.source(), island.source());
    let listing = scan(island).await;
    assert_eq!(listing.sightings.len(), 3);
    for sighting in &listing.sightings {
        let post = fetched(&*one, &sighting.id).await;
        assert_eq!(post, fetched(&*other, &sighting.id).await);
        assert_eq!(post.id, sighting.id);
        assert_eq!(
            (post.visibility, &post.readiness),
            (Visibility::Public, &Readiness::Ready)
        );
        assert!(
            post.aliases.contains(post.id.as_str()) && post.aliases.contains(post.link.as_str()),
            "{post:#?}"
        );
        assert!(
            sighting.published.is_none_or(|at| Some(at) == post.published),
            "{sighting:?} {post:#?}"
        );
        assert_eq!(one.is_ready(&sighting.id).await, Ok(true));
        let written = serde_json::to_string(&post).expect("it can be written down");
        assert_eq!(
            serde_json::from_str::<Post>(&written).expect("it can be read again"),
            post
        );
    }
}

/// Reading a post reads documents, never its files.
pub async fn reading_a_post_reads_no_file(island: &dyn SourceIsland) {
    let id = island.publish("with a file").await;
    let source = island.source();
    let post = fetched(&*source, &id).await;
    let (arrivals, base) = (island.front().requests(), island.front().base);
    let mut files = 0;
    for media in &post.media {
        let urls = media.renditions.iter().map(|rendition| &rendition.url);
        for url in urls.chain(&media.thumbnail) {
            files += 1;
            let asked = |target: &str| base.join(target).is_ok_and(|asked| asked == *url);
            assert!(!arrivals.iter().any(|arrival| asked(&arrival.target)), "{url} was read");
        }
    }
    assert!(files > 0, "{post:#?}");
}

/// What a reader keeps can be written down and read again; then a poll without news costs one request.
pub async fn a_cursor_survives_being_written_down_and_a_poll_without_news_is_one_read(island: &dyn SourceIsland) {
    let (facts, front) = (island.facts(), island.front());
    let all = publish_many(island, facts.many).await;
    let source = island.source();
    let cursor = seen(source.scan(&Cursor::default()).await).cursor;
    let written = serde_json::to_string(&cursor).expect("it can be written down");
    let cursor: Cursor = serde_json::from_str(&written).expect("it can be read again");
    front.arrivals.clear();
    match source.poll(&cursor).await.expect("it can be read") {
        Poll::Unchanged => assert!(facts.validators, "nothing proves that"),
        Poll::Seen(listing) => {
            assert!(!facts.validators, "{listing:?}");
            assert!(!listing.scan_needed);
        }
    }
    assert_eq!(front.requests().len(), 1);
    // In another process too.
    let other = island.source();
    assert!(other.poll(&cursor).await.is_ok());
    let new = island.publish("news").await;
    let listing = polled(&*other, &cursor).await;
    assert!(listed(&listing).contains(&new));
    assert!(listed(&listing).iter().all(|id| *id == new || all.contains(id)));
    if facts.validators {
        assert_eq!(other.poll(&listing.cursor).await, Ok(Poll::Unchanged));
    }
    // A cursor of another version, or damaged, is worth as much as none.
    for odd in [
        serde_json::json!(7),
        serde_json::json!({"newest": [], "etag": 5, "page": "x"}),
    ] {
        assert!(listed(&polled(&*island.source(), &Cursor(odd)).await).contains(&new));
    }
}

/// However much is new, a poll lists it or says that all must be scanned; then the scan lists it.
pub async fn news_of_any_number_is_seen_by_a_poll_or_asks_for_a_scan(island: &dyn SourceIsland) {
    let facts = island.facts();
    let mut all = publish_many(island, 3).await;
    let cursor = seen(island.source().scan(&Cursor::default()).await).cursor;
    all.extend(publish_many(island, facts.many).await);
    let source = island.source();
    let listing = polled(&*source, &cursor).await;
    let mut known = listed(&listing);
    if listing.scan_needed {
        known.extend(listed(&seen(source.scan(&listing.cursor).await)));
    }
    let new = shown(&facts, &all[3..]);
    assert!(new.is_subset(&known), "{:?}", new.difference(&known));
}

/// What is published between two pages is in this listing or in the next poll, and hides nothing.
pub async fn a_post_that_appears_while_a_list_is_read_is_not_lost(island: &dyn SourceIsland) {
    let facts = island.facts();
    let all = publish_many(island, facts.many).await;
    let source = island.source();
    source.reader().await.expect("there is a reader");
    let late = async { island.publish("late").await };
    let (listing, late) = meanwhile(island, &*source, late).await;
    let known = listed(&listing);
    let before = shown(&facts, &all);
    assert!(before.is_subset(&known), "{:?}", before.difference(&known));
    if !known.contains(&late) {
        let next = polled(&*source, &listing.cursor).await;
        assert!(listed(&next).contains(&late));
    }
}

/// What is deleted between two pages moves no other post out of sight.
pub async fn a_post_that_goes_while_a_list_is_read_hides_no_other(island: &dyn SourceIsland) {
    let facts = island.facts();
    let mut all = publish_many(island, facts.many).await;
    let source = island.source();
    source.reader().await.expect("there is a reader");
    let gone = all.remove(all.len() - 2);
    let (listing, ()) = meanwhile(island, &*source, island.delete(&gone)).await;
    let mut known = listed(&listing);
    known.remove(&gone);
    // A window that had the post in it shows one less.
    let last = facts.window.map_or(all.len(), |window| window - 1).min(all.len());
    let expected: BTreeSet<ApId> = all[all.len() - last..].iter().cloned().collect();
    assert!(expected.is_subset(&known), "{:?}", expected.difference(&known));
}

/// Scans, while something happens between the first two requests of the list.
async fn meanwhile<T>(island: &dyn SourceIsland, source: &dyn Source, what: impl Future<Output = T>) -> (Listing, T) {
    let (facts, front, gate) = (island.facts(), island.front(), Gate::default());
    front.faults.add(FaultRule {
        method: "GET".into(),
        path: facts.list.clone(),
        skip: u32::from(facts.pages),
        times: 1,
        fault: Fault::At(gate.clone()),
    });
    let cursor = Cursor::default();
    let (poll, happened) = tokio::join!(source.scan(&cursor), async {
        gate.reached().await;
        let happened = what.await;
        gate.open();
        happened
    });
    (seen(poll), happened)
}

/// A post that the creator deleted is gone by evidence, and only that one.
pub async fn a_deleted_post_is_gone_and_the_others_stay(island: &dyn SourceIsland) {
    let all = publish_many(island, 3).await;
    let source = island.source();
    let cursor = seen(source.scan(&Cursor::default()).await).cursor;
    island.delete(&all[1]).await;
    for source in [source, island.source()] {
        match source.fetch(&all[1]).await {
            Ok(Fetched::Gone | Fetched::NotPublic(_)) => {}
            other => panic!("{other:?}"),
        }
        assert_eq!(source.is_ready(&all[1]).await, Ok(false));
        let left = BTreeSet::from([all[0].clone(), all[2].clone()]);
        assert_eq!(listed(&seen(source.scan(&Cursor::default()).await)), left);
        assert!(
            !listed(&polled(&*source, &cursor).await).contains(&all[1]),
            "it is no news"
        );
        fetched(&*source, &all[0]).await;
    }
}

/// A list of which a part can't be read is an error that says what happened, never a shorter list; and once the trouble is
/// over, the next one is whole.
pub async fn a_list_that_fails_is_an_error_and_the_next_is_whole(island: &dyn SourceIsland) {
    let (facts, front) = (island.facts(), island.front());
    let all = publish_many(island, facts.many).await;
    let cases = bad::instead_of_a_list()
        .into_iter()
        .flat_map(|bad| [(0, bad.clone()), (1, bad)]);
    for (n, (page, bad)) in cases.filter(|(page, _)| *page == 0 || facts.pages).enumerate() {
        let source = island.source();
        source.reader().await.expect("it works at first");
        front.faults.add(FaultRule {
            method: "GET".into(),
            path: facts.list.clone(),
            skip: page,
            times: u32::MAX,
            fault: bad.fault.clone(),
        });
        let what = format!("{} on page {page}", bad.name);
        says(&what, &bad, source.scan(&Cursor::default()).await, &front);
        if page == 0 {
            says(&what, &bad, source.poll(&Cursor::default()).await, &front);
        }
        front.faults.clear();
        front.clock.advance(std::time::Duration::from_secs(2 * 3600));
        // The same process, or another one.
        let source = if n % 3 == 0 { island.source() } else { source };
        let listing = seen(source.scan(&Cursor::default()).await);
        assert_eq!(listed(&listing), shown(&facts, &all), "after {what}");
    }
}

/// What happens once loses nothing: the list is whole, or there is an error.
pub async fn a_passing_trouble_loses_no_post(island: &dyn SourceIsland) {
    let (facts, front) = (island.facts(), island.front());
    let all = publish_many(island, facts.many).await;
    for bad in bad::instead_of_a_list() {
        for skip in 0..=u32::from(facts.pages) {
            let source = island.source();
            source.reader().await.expect("it works at first");
            front.faults.add(FaultRule {
                method: "GET".into(),
                path: facts.list.clone(),
                skip,
                times: 1,
                fault: bad.fault.clone(),
            });
            match source.scan(&Cursor::default()).await {
                Ok(poll) => assert_eq!(listed(&seen(Ok(poll))), shown(&facts, &all), "{}", bad.name),
                Err(_) => assert_ne!(bad.meaning, Meaning::Passing, "{} is worth another attempt", bad.name),
            }
            front.faults.clear();
        }
    }
}

/// Whatever a server in trouble answers, a post isn't taken for gone or hidden.
pub async fn trouble_is_never_taken_for_the_end_of_a_post(island: &dyn SourceIsland) {
    let front = island.front();
    let id = island.publish("still there").await;
    for bad in bad::instead_of_a_document() {
        let source = island.source();
        source.reader().await.expect("it works at first");
        front.faults.next("GET", "/", u32::MAX, bad.fault.clone());
        says(bad.name, &bad, source.fetch(&id).await, &front);
        let ready = source.is_ready(&id).await;
        assert!(ready.is_err(), "{}: {ready:?}", bad.name);
        front.faults.clear();
        front.clock.advance(std::time::Duration::from_secs(2 * 3600));
        for source in [source, island.source()] {
            assert_eq!(fetched(&*source, &id).await.id, id, "after {}", bad.name);
        }
    }
}

/// Whatever comes, nothing breaks, and nothing of another server is listed.
pub async fn hostile_answers_do_no_harm(island: &dyn SourceIsland) {
    let (facts, front) = (island.facts(), island.front());
    let id = island.publish("a post").await;
    island.publish("another").await;
    let own = id.origin();
    let source = island.source();
    source.reader().await.expect("it works at first");
    front.arrivals.clear();
    source.scan(&Cursor::default()).await.expect("it works at first");
    source.fetch(&id).await.expect("it works at first");
    // Each document that was read, with faults in it.
    let targets: Vec<(String, String)> = front
        .requests()
        .iter()
        .map(|a| (a.path().to_owned(), a.target.clone()))
        .collect();
    let mut tried = BTreeSet::new();
    for (path, target) in targets {
        if !tried.insert(path.clone()) {
            continue;
        }
        let (kind, body) = read(&front, &target, facts.token.as_deref()).await;
        for text in bodies(&kind, &body) {
            front.faults.next("GET", &path, u32::MAX, bad::typed(200, &kind, &text));
            let source = island.source();
            for poll in [
                source.scan(&Cursor::default()).await,
                source.poll(&Cursor::default()).await,
            ] {
                if let Ok(Poll::Seen(listing)) = poll {
                    assert!(
                        listing.sightings.iter().all(|seen| seen.id.origin() == own),
                        "{listing:?}"
                    );
                }
            }
            if let Ok(Fetched::Post(post)) = source.fetch(&id).await {
                assert_eq!(post.id.origin(), own);
            }
            let _ = source.is_ready(&id).await;
            front.faults.clear();
        }
    }
    assert_eq!(fetched(&*island.source(), &id).await.id, id);
}

/// Documents like this one, and others, as no server should send them.
fn bodies(kind: &str, body: &str) -> Vec<String> {
    if let Ok(like) = serde_json::from_str::<Value>(body) {
        return bad::hostile(Some(&like), 8).iter().map(Value::to_string).collect();
    }
    assert!(
        kind.contains("xml") || kind.contains("html"),
        "{kind} is neither JSON nor XML"
    );
    let at = |part: usize| {
        let mut at = body.len() * part / 12;
        while !body.is_char_boundary(at) {
            at += 1;
        }
        at
    };
    let mut all: Vec<String> = (0..12).map(|part| body[..at(part)].to_owned()).collect();
    all.extend((0..12).map(|part| format!("{}{}", &body[..at(part)], body)));
    all.push(body.replace("http", "javascript"));
    all.push(body.replace("127.0.0.1", "elsewhere.example"));
    all.push(body.replace('>', ""));
    all.push("<a>".repeat(100_000));
    all
}

/// The type and the text of a document.
async fn read(front: &Front, target: &str, token: Option<&str>) -> (String, String) {
    let mut request = reqwest::Client::builder()
        .no_proxy()
        .build()
        .expect("a client")
        .get(front.base.join(target).expect("an address"))
        .header("accept", "application/activity+json, application/json;q=0.9, */*;q=0.5");
    if let Some(token) = token {
        request = request.bearer_auth(token);
    }
    let answer = request.send().await.expect("an answer");
    let kind = answer
        .headers()
        .get("content-type")
        .and_then(|kind| kind.to_str().ok())
        .unwrap_or_default();
    let kind = kind.to_owned();
    (kind, answer.text().await.expect("a text"))
}

/// Reading only reads, sends a token only where there is one, and shows it nowhere, even if the server does.
pub async fn nothing_is_written_and_no_secret_shown(island: &dyn SourceIsland) {
    let (facts, front, logs) = (island.facts(), island.front(), Logs::start());
    let id = island.publish("a post").await;
    // Without a token, something that stands for one and is nowhere.
    let secret = facts.token.clone().unwrap_or_else(|| "no-such-secret".to_owned());
    front.arrivals.clear();
    let source = island.source();
    let mut told = format!("{:?} {:?}", source.id().await, source.reader().await);
    told += &format!(
        "{:?} {:?}",
        source.scan(&Cursor::default()).await,
        source.fetch(&id).await
    );
    let said = facts.token.as_deref().unwrap_or_default();
    let words = format!("{{\"error\":\"the token {said} is bad\",\"error_description\":\"{said}\"}}");
    for status in [401, 403, 404, 422, 429, 500] {
        let echo = bad::typed(status, "application/json", &words);
        // What is asked with the token first, by a source that was right before.
        for path in [facts.list.as_str(), "/"] {
            let source = island.source();
            source.reader().await.expect("it works at first");
            front.faults.next("GET", path, u32::MAX, echo.clone());
            told += &match path {
                "/" => format!("{:?}\n", source.fetch(&id).await),
                _ => format!("{:?}\n", source.scan(&Cursor::default()).await),
            };
            front.faults.clear();
        }
    }
    for arrival in front.requests() {
        assert!(["GET", "HEAD"].contains(&arrival.method.as_str()), "{arrival:?}");
        let with_token = arrival.header("authorization").is_some();
        assert!(!with_token || facts.token.is_some(), "{arrival:?}");
        assert!(!arrival.target.contains(&secret), "{arrival:?}");
    }
    assert!(!told.contains(&secret), "{told}");
    assert!(!logs.text().contains(&secret), "{}", logs.text());
}

async fn publish_many(island: &dyn SourceIsland, number: usize) -> Vec<ApId> {
    let mut all = Vec::new();
    for n in 0..number {
        all.push(island.publish(&format!("post {n}")).await);
    }
    all
}

/// Which of these posts, the oldest first, the source can show.
fn shown(facts: &SourceFacts, all: &[ApId]) -> BTreeSet<ApId> {
    let number = facts.window.unwrap_or(usize::MAX).min(all.len());
    all[all.len() - number..].iter().cloned().collect()
}

fn listed(listing: &Listing) -> BTreeSet<ApId> {
    let all: BTreeSet<ApId> = listing.sightings.iter().map(|sighting| sighting.id.clone()).collect();
    assert_eq!(
        all.len(),
        listing.sightings.len(),
        "a post is listed twice: {listing:#?}"
    );
    all
}

async fn scan(island: &dyn SourceIsland) -> Listing {
    seen(island.source().scan(&Cursor::default()).await)
}

async fn polled(source: &dyn Source, cursor: &Cursor) -> Listing {
    seen(source.poll(cursor).await)
}

#[track_caller]
fn seen(poll: Result<Poll, SourceError>) -> Listing {
    match poll.expect("it can be read") {
        Poll::Seen(listing) => listing,
        Poll::Unchanged => panic!("said to be unchanged"),
    }
}

async fn fetched(source: &dyn Source, id: &ApId) -> Post {
    match source.fetch(id).await {
        Ok(Fetched::Post(post)) => *post,
        other => panic!("{id}: {other:?}"),
    }
}

/// The result is an error of the right kind, in a sentence that names the server.
#[track_caller]
fn says<T: std::fmt::Debug>(what: &str, bad: &Bad, result: Result<T, SourceError>, front: &Front) {
    let Err(error) = result else {
        panic!("{what}: {result:?}");
    };
    let text = error.to_string();
    assert!(
        text.len() > 20 && text.contains(front.base.host_str().unwrap_or_default()),
        "{what}: {text}"
    );
    let fits = match bad.meaning {
        Meaning::Passing => matches!(error, SourceError::Transient(_)),
        Meaning::Throttled => {
            let now = tombolo_model::Clock::now(&front.clock);
            matches!(&error, SourceError::Throttled { until, .. } if bad::is_the_named_time(*until, now))
        }
        Meaning::Strange => !matches!(error, SourceError::Throttled { .. }),
    };
    assert!(fits, "{what}: {error:?}");
}
