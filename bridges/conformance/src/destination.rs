//! What every destination promises.

use std::collections::BTreeSet;
use std::time::Duration;

use async_trait::async_trait;
use chrono::TimeDelta;
use tombolo_model::{
    Clock, Copy, Destination, DestinationError, Draft, Form, Found, Idempotency, Marker, PublishOutcome,
    PublishProgress, Settling, Step, Visibility, Window, file_name,
};
use tombolo_net::stand_in::Fault;

use crate::Front;
use crate::bad::{self, is_the_named_time, too_often, typed};
use crate::files::{breaking, sha256};
use crate::watch::{Logs, Meter, Notes};

/// A server with an account, and the adapter that publishes to it.
#[async_trait]
pub trait DestinationIsland: Send + Sync {
    /// What is to be expected of it.
    fn facts(&self) -> DestinationFacts;

    /// The server.
    fn front(&self) -> Front;

    /// The adapter, as a process sees it that has just started.
    fn destination(&self) -> Box<dyn Destination>;

    /// The same, signed in with what the server doesn't know.
    fn signed_out(&self) -> Box<dyn Destination>;

    /// A public draft with a file, both unlike those of any other number. Its text is long enough to be kept, and links to the
    /// original.
    fn draft(&self, number: u8) -> Draft;

    /// The content of the draft's file.
    fn file(&self, number: u8) -> bytes::Bytes;

    /// What the account has published, the oldest first.
    async fn arrived(&self) -> Vec<Arrived>;

    /// What must not be shown, as far as it exists by now. The first is the token that requests carry.
    fn secrets(&self) -> Vec<String>;
}

/// What is to be expected of a destination.
#[derive(Clone, Debug)]
pub struct DestinationFacts {
    /// Method and path of the first request for a file.
    pub upload: (&'static str, &'static str),
    /// Method and path of the request that creates the copy.
    pub post: (&'static str, &'static str),
    /// The path of requests that sign in, which are no writes.
    pub sign_in: Option<&'static str>,
    /// Whether the server creates nothing when a key comes again.
    pub honours_keys: bool,
    /// Whether its API tells who may see a copy.
    pub tells_visibility: bool,
    /// Whether it refuses texts that are too long.
    pub refuses_long_texts: bool,
    /// A refusal as its API words it.
    pub refusal: fn(status: u16, words: &str) -> String,
}

impl DestinationFacts {
    /// Requests so far that write.
    pub(crate) fn writes(&self, front: &Front) -> usize {
        let all = front.requests();
        let writes = all
            .iter()
            .filter(|arrival| !["GET", "HEAD"].contains(&arrival.method.as_str()));
        writes
            .filter(|arrival| self.sign_in.is_none_or(|path| !arrival.path().starts_with(path)))
            .count()
    }

    /// Requests so far that create a copy.
    pub(crate) fn posts(&self, front: &Front) -> usize {
        count(front, self.post)
    }

    fn refusal(&self, status: u16, words: &str) -> Fault {
        let body = (self.refusal)(status, words);
        match status {
            429 => too_often("application/json", &body),
            _ => typed(status, "application/json", &body),
        }
    }
}

fn count(front: &Front, (method, path): (&str, &str)) -> usize {
    let all = front.requests();
    all.iter()
        .filter(|arrival| arrival.method.as_str() == method && arrival.path().starts_with(path))
        .count()
}

/// Bytes so far of requests that write.
fn sent(front: &Front) -> usize {
    let all = front.requests();
    let writes = all.iter().filter(|arrival| arrival.method != "GET");
    writes
        .filter_map(|arrival| arrival.header("content-length")?.parse::<usize>().ok())
        .sum()
}

/// Something that the account has published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arrived {
    /// Its ActivityPub id.
    pub uri: String,
    /// Its text as it was sent.
    pub text: String,
    /// Who may see it.
    pub visibility: Visibility,
    /// Its files, in order.
    pub files: Vec<ArrivedFile>,
}

/// A file that arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArrivedFile {
    /// Its SHA-256, in hexadecimal.
    pub sha256: String,
    /// Its alternative text.
    pub alt: Option<String>,
}

/// Makes a test of each check for one island: `destination_suite!(name, expression)`, where the expression is a future of the
/// island, or of nothing where it can't be had here.
#[macro_export]
macro_rules! destination_suite {
    ($name:ident, $island:expr) => {
        $crate::destination_suite!(@ $name, $island;
            limits_are_asked_for_once_and_nothing_is_written,
            a_draft_arrives_as_it_was_meant,
            an_unlisted_draft_is_no_more_visible_than_meant,
            the_longest_text_is_taken_and_a_longer_one_refused,
            every_effect_is_noted_before_it_is_made,
            without_a_note_nothing_is_sent,
            an_interrupted_publication_goes_on_where_it_stopped,
            a_key_that_comes_again_creates_what_is_said_of_it,
            an_answer_that_is_lost_leaves_the_outcome_open_and_the_copy_is_found,
            a_request_that_never_arrived_left_nothing,
            a_copy_is_not_taken_for_that_of_another_post,
            what_cannot_be_seen_is_not_taken_for_absent,
            a_refused_post_is_classed_by_what_it_means,
            a_refused_file_is_classed_by_what_it_means,
            a_file_that_breaks_off_is_sent_again_whole,
            progress_is_shown_to_the_last_byte,
            a_dead_token_is_said_to_be_dead,
            no_secret_is_shown_even_if_the_server_shows_it,
            hostile_answers_do_no_harm,
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
                        $crate::destination::$check(&island).await;
                    }
                }
            )*
        }
    };
}

/// Whose account it is and what it takes is asked for by reads, and what it takes is kept.
pub async fn limits_are_asked_for_once_and_nothing_is_written(island: &dyn DestinationIsland) {
    let (facts, front, there) = (island.facts(), island.front(), island.destination());
    let identity = there.identity().await.expect("it is known whose account it is");
    assert!(
        !identity.account.is_empty() && !identity.username.is_empty(),
        "{identity:?}"
    );
    assert_eq!(
        identity,
        island
            .destination()
            .identity()
            .await
            .expect("the same for another process")
    );
    let limits = there.limits().await.expect("it says what it takes");
    assert!(limits.text.max > 0, "{limits:?}");
    assert!(
        limits.media.per_post > 0 && limits.media.image_bytes > 0 && limits.media.video_bytes > 0,
        "{limits:?}"
    );
    let draft = island.draft(1);
    assert!(limits.media.takes(&draft.media[0].media_type), "{limits:?}");
    assert_eq!(limits.video.is_some(), matches!(draft.form, Form::Video(_)));
    let asked = front.requests().len();
    assert_eq!(there.limits().await, Ok(limits));
    assert_eq!(front.requests().len(), asked, "kept for a while");
    let since = front.clock.now();
    let found = there
        .find(
            &identity.account,
            &marker(&draft, &PublishProgress::default()),
            Window { since },
        )
        .await;
    assert_eq!(
        found,
        Ok(Found {
            copies: Vec::new(),
            blind: None
        }),
        "of an account without posts"
    );
    assert_eq!(facts.writes(&front), 0);
}

/// Text, files and their alternative texts come out as they were meant, and what is answered is where the copy is.
pub async fn a_draft_arrives_as_it_was_meant(island: &dyn DestinationIsland) {
    let (draft, mut run) = (island.draft(1), Run::new(island));
    let copy = run.published(&draft).await;
    let arrived = island.arrived().await;
    assert_eq!(arrived.len(), 1, "{arrived:#?}");
    assert_eq!((&copy.uri, copy.differences.len()), (&arrived[0].uri, 0), "{copy:?}");
    assert_eq!(words(&arrived[0].text), words(&draft.text));
    assert_eq!(arrived[0].visibility, Visibility::Public);
    let sent = ArrivedFile {
        sha256: sha256(&island.file(1)),
        alt: draft.media[0].alt.clone(),
    };
    assert_eq!(arrived[0].files, [sent]);
    // How far the server is with it is asked until it is done, and that is not for ever.
    let there = island.destination();
    for _ in 0..50 {
        match there.settled(&copy).await.expect("it says how far it is") {
            Settling::Done(done) => return assert_eq!(done.uri, copy.uri),
            Settling::InWork { until, .. } => {
                let now = island.front().clock.now();
                island.front().clock.set(until.max(now + TimeDelta::seconds(1)));
            }
            Settling::Failed { reason } | Settling::Gone { reason } => panic!("{reason}"),
        }
    }
    panic!("never done");
}

/// What is unlisted comes out unlisted.
pub async fn an_unlisted_draft_is_no_more_visible_than_meant(island: &dyn DestinationIsland) {
    let draft = Draft {
        visibility: Visibility::Unlisted,
        ..island.draft(1)
    };
    let copy = Run::new(island).published(&draft).await;
    let arrived = island.arrived().await;
    let differs = copy
        .differences
        .iter()
        .any(|difference| difference.what == "visibility");
    assert_eq!(arrived[0].visibility, Visibility::Unlisted);
    assert!(!differs || !island.facts().tells_visibility, "{copy:?}");
}

/// The limit of the text is where the server has it.
pub async fn the_longest_text_is_taken_and_a_longer_one_refused(island: &dyn DestinationIsland) {
    let max = island
        .destination()
        .limits()
        .await
        .expect("it says what it takes")
        .text
        .max;
    let long = |number, units: usize| Draft {
        text: "é".repeat(units),
        ..island.draft(number)
    };
    let copy = Run::new(island).published(&long(1, max)).await;
    assert_eq!(copy.differences, []);
    assert_eq!(island.arrived().await[0].text.chars().count(), max);
    if island.facts().refuses_long_texts {
        let outcome = Run::new(island).publish(&long(2, max + 1)).await;
        assert!(matches!(outcome, PublishOutcome::Rejected { .. }), "{outcome:?}");
        assert_eq!(island.arrived().await.len(), 1);
    }
}

/// Before a file leaves, and before the request that creates the copy leaves, that is noted; with what was uploaded, so that
/// the copy can be found by it.
pub async fn every_effect_is_noted_before_it_is_made(island: &dyn DestinationIsland) {
    let mut run = Run::new(island);
    run.published(&island.draft(1)).await;
    let (first, steps) = (&run.notes.all[0], run.notes.steps());
    assert_eq!((first.step, first.writes), (Step::Upload, 0), "{steps:?}");
    assert_eq!(steps.last(), Some(&Step::Post), "{steps:?}");
    let post = run
        .notes
        .all
        .iter()
        .find(|note| note.step == Step::Post)
        .expect("a note");
    assert_eq!(post.posts, 0);
    assert_eq!(post.progress.uploaded.len(), 1, "{post:?}");
    let kept = &post.progress.uploaded[0];
    assert_eq!((kept.index, &kept.file_name), (0, &island.draft(1).media[0].file_name));
    assert!(kept.expires > island.front().clock.now());
    let written = serde_json::to_string(&post.progress).expect("it can be written down");
    let again: PublishProgress = serde_json::from_str(&written).expect("it can be read again");
    assert_eq!(again, post.progress);
}

/// Where nothing can be written down, nothing is sent.
pub async fn without_a_note_nothing_is_sent(island: &dyn DestinationIsland) {
    let (facts, front) = (island.facts(), island.front());
    let mut whole = Run::new(island);
    whole.published(&island.draft(1)).await;
    for (at, step) in whole.notes.steps().into_iter().enumerate() {
        front.arrivals.clear();
        let mut run = Run::new(island);
        run.notes.fails_from = Some(at);
        let number = u8::try_from(at + 2).expect("few steps");
        let outcome = run.publish(&island.draft(number)).await;
        assert!(matches!(outcome, PublishOutcome::NotNoted(_)), "{step:?}: {outcome:?}");
        if at == 0 {
            assert_eq!(facts.writes(&front), 0);
        }
        assert_eq!(facts.posts(&front), 0, "{step:?}");
        assert_eq!(island.arrived().await.len(), 1, "{step:?}");
    }
}

/// After a stop just before the copy would have been made, the next process uses what was uploaded.
pub async fn an_interrupted_publication_goes_on_where_it_stopped(island: &dyn DestinationIsland) {
    let (front, draft) = (island.front(), island.draft(1));
    let mut whole = Run::new(island);
    whole.published(&island.draft(2)).await;
    let before_post = whole.notes.steps().iter().position(|step| *step == Step::Post);
    front.arrivals.clear();
    let mut run = Run::new(island);
    run.notes.fails_from = before_post;
    let outcome = run.publish(&draft).await;
    assert!(matches!(outcome, PublishOutcome::NotNoted(_)), "{outcome:?}");
    run.notes.fails_from = None;
    run.published(&draft).await;
    let (sent, size) = (sent(&front), island.file(1).len());
    assert!(
        sent >= size && sent < size * 3 / 2,
        "{sent} bytes were sent of a file of {size}"
    );
    let arrived = island.arrived().await;
    assert_eq!(arrived.len(), 2);
    assert_eq!(arrived[1].files[0].sha256, sha256(&island.file(1)));
}

/// What the adapter says of repeated keys is true: two processes that publish the same draft with the same key, neither
/// knowing of the other, make one copy where keys are honoured.
pub async fn a_key_that_comes_again_creates_what_is_said_of_it(island: &dyn DestinationIsland) {
    let draft = island.draft(1);
    let copy = Run::new(island).published(&draft).await;
    let again = Run::new(island).publish(&draft).await;
    let arrived = island.arrived().await;
    let claimed = island.destination().capabilities().idempotency;
    if island.facts().honours_keys {
        assert!(!matches!(claimed, Idempotency::None), "{claimed:?}");
        assert_eq!(arrived.len(), 1, "{again:?}");
        match again {
            PublishOutcome::Published(second) => assert_eq!(second.uri, copy.uri),
            PublishOutcome::Unknown { .. } => {}
            other => panic!("{other:?}"),
        }
        // Another key is another post.
        let other = Draft {
            key: island.draft(2).key,
            ..draft
        };
        Run::new(island).published(&other).await;
        assert_eq!(island.arrived().await.len(), 2);
    } else {
        assert!(!matches!(claimed, Idempotency::RefusesRepeats { .. }), "{claimed:?}");
        // The reason why a lost answer is looked for and never sent again.
        assert_eq!(arrived.len(), 2, "{again:?}");
    }
}

/// A copy was made, and the answer didn't come, or wasn't one: the outcome is open, nothing is sent twice, and a look finds
/// the one copy.
pub async fn an_answer_that_is_lost_leaves_the_outcome_open_and_the_copy_is_found(island: &dyn DestinationIsland) {
    let (facts, front) = (island.facts(), island.front());
    let page = |status| Fault::AnswerAfter(status, "text/html".into(), "<p>proxy</p>".into());
    let faults = [
        Fault::CutAfter,
        Fault::CutHalfway,
        page(200),
        page(302),
        page(500),
        page(502),
        page(504),
    ];
    for (number, fault) in (1..).zip(faults) {
        let (draft, mut run) = (island.draft(number), Run::new(island));
        front.faults.next(facts.post.0, facts.post.1, u32::MAX, fault.clone());
        let outcome = run.publish(&draft).await;
        assert!(
            matches!(outcome, PublishOutcome::Unknown { .. }),
            "{fault:?}: {outcome:?}"
        );
        assert!(says_something(&outcome), "{outcome:?}");
        front.faults.clear();
        let arrived = island.arrived().await;
        assert_eq!(arrived.len(), usize::from(number), "{fault:?}");
        let found = run.find(&draft).await.expect("a look");
        let uris: Vec<&String> = found.copies.iter().map(|copy| &copy.uri).collect();
        assert_eq!(uris, [&arrived[usize::from(number) - 1].uri], "{fault:?}");
    }
}

/// A connection that was closed before anything happened leaves no copy; a look says so, and the next attempt makes one.
pub async fn a_request_that_never_arrived_left_nothing(island: &dyn DestinationIsland) {
    let (facts, front, draft) = (island.facts(), island.front(), island.draft(1));
    let mut run = Run::new(island);
    front
        .faults
        .next(facts.post.0, facts.post.1, u32::MAX, Fault::CutBefore);
    let outcome = run.publish(&draft).await;
    assert!(
        matches!(
            outcome,
            PublishOutcome::Unknown { .. } | PublishOutcome::TryLater { .. }
        ),
        "{outcome:?}"
    );
    front.faults.clear();
    assert_eq!(island.arrived().await, []);
    assert_eq!(
        run.find(&draft).await,
        Ok(Found {
            copies: Vec::new(),
            blind: None
        })
    );
    let again = Draft {
        key: island.draft(9).key,
        ..draft.clone()
    };
    run.published(&again).await;
    assert_eq!(island.arrived().await.len(), 1);
    assert_eq!(run.find(&draft).await.expect("a look").copies.len(), 1);
}

/// Of several copies, each is found by its own marker only, also without what was noted of its files.
pub async fn a_copy_is_not_taken_for_that_of_another_post(island: &dyn DestinationIsland) {
    let (mut copies, mut runs) = (Vec::new(), Vec::new());
    for number in 1..=3 {
        let mut run = Run::new(island);
        copies.push(run.published(&island.draft(number)).await);
        runs.push(run);
    }
    for (number, (copy, run)) in (1..).zip(copies.iter().zip(&runs)) {
        let draft = island.draft(number);
        for progress in [run.notes.last(), PublishProgress::default()] {
            let found = look(island, &marker(&draft, &progress)).await.expect("a look");
            let ids: Vec<&String> = found.copies.iter().map(|copy| &copy.id).collect();
            assert_eq!(ids, [&copy.id]);
        }
    }
    let nobodys = look(island, &marker(&island.draft(7), &PublishProgress::default())).await;
    assert_eq!(
        nobodys,
        Ok(Found {
            copies: Vec::new(),
            blind: None
        })
    );
    let empty = look(island, &Marker::default()).await.expect("a look");
    assert_eq!(empty.copies, [], "a marker of nothing marks nothing");
}

/// A look that can't see is an error or says that it is blind; never "not there".
pub async fn what_cannot_be_seen_is_not_taken_for_absent(island: &dyn DestinationIsland) {
    let front = island.front();
    let draft = island.draft(1);
    let mut run = Run::new(island);
    run.published(&draft).await;
    let account = island.destination().identity().await.expect("an identity").account;
    for bad in bad::instead_of_a_list() {
        front.faults.next("GET", "/", u32::MAX, bad.fault.clone());
        let since = front.clock.now();
        let found = island
            .destination()
            .find(&account, &marker(&draft, &run.notes.last()), Window { since })
            .await;
        let absent = matches!(&found, Ok(Found { copies, blind: None }) if copies.is_empty());
        assert!(!absent, "{}: {found:?}", bad.name);
        front.faults.clear();
        front.clock.advance(Duration::from_secs(2 * 3600));
    }
}

/// What a refusal of the request that creates the copy means: nothing was made and why, or that nobody knows.
pub async fn a_refused_post_is_classed_by_what_it_means(island: &dyn DestinationIsland) {
    use PublishOutcome::{AuthLost, MediaRejected, Rejected, Throttled, TryLater, Unknown};
    let (facts, front) = (island.facts(), island.front());
    for (number, status) in (1..).zip([401, 403, 404, 413, 422, 429, 500, 503]) {
        let (draft, mut run) = (island.draft(number), Run::new(island));
        front
            .faults
            .next(facts.post.0, facts.post.1, u32::MAX, facts.refusal(status, WORDS));
        let outcome = run.publish(&draft).await;
        let fits = match status {
            401 => matches!(outcome, AuthLost { .. }),
            403 => matches!(outcome, AuthLost { .. } | Rejected { .. }),
            404 => matches!(outcome, Rejected { .. } | Unknown { .. } | TryLater { .. }),
            413 => matches!(outcome, Rejected { .. } | MediaRejected { .. } | Throttled { .. }),
            422 => matches!(outcome, Rejected { .. } | MediaRejected { .. }),
            429 => is_throttled(&outcome, &front),
            // The server may have done it all the same.
            _ => matches!(outcome, Unknown { .. }),
        };
        assert!(fits && says_something(&outcome), "{status}: {outcome:?}");
        if [403, 422].contains(&status) {
            assert!(format!("{outcome:?}").contains(WORDS), "{status}: {outcome:?}");
        }
        assert_eq!(island.arrived().await.len(), usize::from(number) - 1, "{status}");
        recovers(island, run, &draft, usize::from(number), status).await;
    }
}

/// What a refusal of a file means. No copy is made without it.
pub async fn a_refused_file_is_classed_by_what_it_means(island: &dyn DestinationIsland) {
    use PublishOutcome::{AuthLost, MediaRejected, MediaTooLarge, Rejected, Throttled, TryLater};
    let (facts, front) = (island.facts(), island.front());
    for (number, status) in (1..).zip([401, 403, 404, 413, 422, 429, 500, 503]) {
        let (draft, mut run) = (island.draft(number), Run::new(island));
        front.arrivals.clear();
        front
            .faults
            .next(facts.upload.0, facts.upload.1, u32::MAX, facts.refusal(status, WORDS));
        let outcome = run.publish(&draft).await;
        let fits = match status {
            401 => matches!(outcome, AuthLost { .. }),
            403 => matches!(outcome, AuthLost { .. } | Rejected { .. } | MediaRejected { .. }),
            404 => matches!(outcome, Rejected { .. } | MediaRejected { .. } | TryLater { .. }),
            413 => matches!(
                outcome,
                Rejected { .. } | MediaRejected { .. } | MediaTooLarge { .. } | Throttled { .. }
            ),
            422 => matches!(outcome, Rejected { .. } | MediaRejected { .. }),
            429 => is_throttled(&outcome, &front),
            500 => matches!(outcome, TryLater { .. } | MediaRejected { .. }),
            _ => matches!(outcome, TryLater { .. }),
        };
        assert!(fits && says_something(&outcome), "{status}: {outcome:?}");
        if [403, 422].contains(&status) {
            assert!(format!("{outcome:?}").contains(WORDS), "{status}: {outcome:?}");
        }
        assert_eq!(facts.posts(&front), 0, "{status}");
        assert!(!run.notes.steps().contains(&Step::Post), "{status}");
        recovers(island, run, &draft, usize::from(number), status).await;
    }
}

/// Once the trouble is over, the next process makes the one copy, whole.
async fn recovers(island: &dyn DestinationIsland, mut run: Run<'_>, draft: &Draft, number: usize, after: u16) {
    island.front().faults.clear();
    island.front().clock.advance(Duration::from_secs(2 * 3600));
    run.published(draft).await;
    let arrived = island.arrived().await;
    assert_eq!(arrived.len(), number, "after {after}");
    let file = sha256(&island.file(u8::try_from(number).expect("few drafts")));
    assert_eq!(arrived[number - 1].files[0].sha256, file, "after {after}");
}

/// A file that breaks off at its source, or on its way, makes no copy; the next attempt sends it whole.
pub async fn a_file_that_breaks_off_is_sent_again_whole(island: &dyn DestinationIsland) {
    let (facts, front) = (island.facts(), island.front());
    let mut draft = island.draft(1);
    draft.media[0] = breaking(&draft.media[0], island.file(1));
    let mut run = Run::new(island);
    let outcome = run.publish(&draft).await;
    let fits = matches!(
        outcome,
        PublishOutcome::MediaUnavailable {
            index: 0,
            moved: false,
            ..
        } | PublishOutcome::TryLater { .. }
    );
    assert!(fits && says_something(&outcome), "{outcome:?}");
    assert_eq!(island.arrived().await, []);
    recovers(island, run, &draft, 1, 0).await;
    let (draft, mut run) = (island.draft(2), Run::new(island));
    front
        .faults
        .next(facts.upload.0, facts.upload.1, u32::MAX, Fault::CutBefore);
    let outcome = run.publish(&draft).await;
    assert!(
        matches!(outcome, PublishOutcome::TryLater { .. }) && says_something(&outcome),
        "{outcome:?}"
    );
    recovers(island, run, &draft, 2, 0).await;
}

/// The meter is told how much there is to send, and that all of it was sent.
pub async fn progress_is_shown_to_the_last_byte(island: &dyn DestinationIsland) {
    let mut run = Run::new(island);
    run.published(&island.draft(1)).await;
    let shown = run.meter.shown();
    let bytes = island.file(1).len() as u64;
    assert!(shown.stages.iter().any(|stage| stage == "uploading"), "{shown:?}");
    assert_eq!((shown.announced, shown.done), (bytes, bytes), "{shown:?}");
}

/// Without a token that works nothing is sent, and it is said that somebody has to sign in.
pub async fn a_dead_token_is_said_to_be_dead(island: &dyn DestinationIsland) {
    let (front, there) = (island.front(), island.signed_out());
    let lost = |error: &DestinationError| matches!(error, DestinationError::AuthLost(why) if why.len() > 10);
    let identity = there.identity().await.expect_err("nobody is signed in");
    assert!(lost(&identity), "{identity:?}");
    let account = island.destination().identity().await.expect("an identity").account;
    let since = front.clock.now();
    let draft = island.draft(1);
    Run::new(island).published(&draft).await;
    match there
        .find(&account, &marker(&draft, &PublishProgress::default()), Window { since })
        .await
    {
        // Servers with Mastodon's API show to a stranger what they show to everybody.
        Ok(found) => assert_eq!(found.copies.len(), 1),
        Err(error) => assert!(lost(&error), "{error:?}"),
    }
    let mut notes = Notes::new(front, island.facts());
    let draft = island.draft(2);
    let outcome = there
        .publish(&draft, PublishProgress::default(), &mut notes, &Meter::default())
        .await;
    assert!(matches!(outcome, PublishOutcome::AuthLost { .. }), "{outcome:?}");
    assert!(!notes.steps().contains(&Step::Post));
    assert_eq!(island.arrived().await.len(), 1);
}

/// No token and no password is in an outcome, an error, a progress or a log, even if the server repeats it.
pub async fn no_secret_is_shown_even_if_the_server_shows_it(island: &dyn DestinationIsland) {
    let (facts, front, logs) = (island.facts(), island.front(), Logs::start());
    let mut run = Run::new(island);
    let mut told = format!("{:?}", run.publish(&island.draft(1)).await);
    let account = island.destination().identity().await.expect("an identity").account;
    for (number, status) in (2..).zip([401, 403, 422, 429, 500]) {
        let secrets = island.secrets();
        assert!(!secrets.is_empty());
        for (method, path) in [facts.upload, facts.post, ("GET", "/")] {
            front
                .faults
                .next(method, path, u32::MAX, facts.refusal(status, &secrets[0]));
            let (draft, mut run) = (island.draft(number), Run::new(island));
            told += &shown(&run.publish(&draft).await);
            told += &format!("{:?} {:?}", run.notes.last(), run.meter.shown());
            let there = island.destination();
            told += &failure(&there.identity().await);
            told += &failure(&there.limits().await);
            let since = front.clock.now();
            told += &failure(
                &there
                    .find(&account, &marker(&draft, &run.notes.last()), Window { since })
                    .await,
            );
            let copy = Copy {
                id: "7".into(),
                uri: "https://elsewhere.example/7".into(),
                url: None,
                differences: Vec::new(),
            };
            told += &failure(&there.settled(&copy).await);
            front.faults.clear();
            front.clock.advance(Duration::from_secs(2 * 3600));
        }
    }
    let logged = logs.text();
    for secret in island.secrets() {
        assert!(secret.len() > 5, "{secret} is no secret");
        let near = |text: &str| {
            text.find(&secret)
                .map(|at| text[..at].chars().rev().take(200).collect::<Vec<_>>())
        };
        let before = near(&told)
            .or_else(|| near(&logged))
            .map(|c| c.into_iter().rev().collect::<String>());
        assert_eq!(before, None, "a secret was shown after this");
    }
}

/// Whatever is answered, nothing breaks; and an answer that isn't one proves nothing.
pub async fn hostile_answers_do_no_harm(island: &dyn DestinationIsland) {
    let (facts, front) = (island.facts(), island.front());
    let mut made = 0;
    for (number, odd) in (1..).zip(bad::hostile(None, 10)) {
        let after = Fault::AnswerAfter(200, "application/json".into(), odd.to_string());
        front.faults.next(facts.post.0, facts.post.1, 1, after);
        let mut run = Run::new(island);
        let outcome = run.publish(&island.draft(number)).await;
        let fits = matches!(
            outcome,
            PublishOutcome::Unknown { .. } | PublishOutcome::Published(_) | PublishOutcome::Created { .. }
        );
        assert!(fits, "{odd}: {outcome:?}");
        front.faults.clear();
        made += 1;
        assert_eq!(island.arrived().await.len(), made, "{odd}");
        front.clock.advance(Duration::from_secs(2 * 3600));
    }
    let account = island.destination().identity().await.expect("an identity").account;
    for odd in bad::hostile(None, 20) {
        front
            .faults
            .next("GET", "/", u32::MAX, typed(200, "application/json", &odd.to_string()));
        let there = island.destination();
        let _ = (there.identity().await, there.limits().await);
        let since = front.clock.now();
        let found = there
            .find(
                &account,
                &marker(&island.draft(1), &PublishProgress::default()),
                Window { since },
            )
            .await;
        if let Ok(found) = found {
            assert!(found.copies.is_empty(), "{odd}: {found:?}");
        }
        front.faults.clear();
    }
}

/// The server's words in a refusal.
const WORDS: &str = "the seventh wave is refused";

/// Publications of one delivery by one process after another.
struct Run<'a> {
    island: &'a dyn DestinationIsland,
    notes: Notes,
    meter: Meter,
}

impl<'a> Run<'a> {
    fn new(island: &'a dyn DestinationIsland) -> Self {
        Self {
            island,
            notes: Notes::new(island.front(), island.facts()),
            meter: Meter::default(),
        }
    }

    /// Publishes from what is noted, in a process of its own, and comes again where the server is still at work.
    async fn publish(&mut self, draft: &Draft) -> PublishOutcome {
        let there = self.island.destination();
        let mut progress = self.notes.last();
        for _ in 0..20 {
            match there.publish(draft, progress, &mut self.notes, &self.meter).await {
                PublishOutcome::InWork { until, progress: far } => {
                    self.island.front().clock.set(until);
                    progress = far;
                }
                outcome => return outcome,
            }
        }
        panic!("the server is at work for ever");
    }

    #[track_caller]
    fn published(&mut self, draft: &Draft) -> impl Future<Output = Copy> {
        let caller = std::panic::Location::caller();
        async move {
            match self.publish(draft).await {
                PublishOutcome::Published(copy) | PublishOutcome::Created { copy, .. } => copy,
                other => panic!("{caller}: {other:?}"),
            }
        }
    }

    async fn find(&self, draft: &Draft) -> Result<Found, DestinationError> {
        look(self.island, &marker(draft, &self.notes.last())).await
    }
}

/// Looks for a copy as a process does that has just started.
async fn look(island: &dyn DestinationIsland, marker: &Marker) -> Result<Found, DestinationError> {
    let there = island.destination();
    let account = there.identity().await?.account;
    let since = island.front().clock.now() - TimeDelta::minutes(10);
    there.find(&account, marker, Window { since }).await
}

/// What a copy of the draft is known by, as the engine notes it.
fn marker(draft: &Draft, progress: &PublishProgress) -> Marker {
    let links = draft
        .text
        .split_whitespace()
        .filter(|word| word.starts_with("https://"));
    let letters = draft
        .text
        .chars()
        .filter(|c| c.is_alphanumeric())
        .flat_map(char::to_lowercase);
    let kept = &progress.uploaded;
    Marker {
        links: links.map(str::to_owned).collect::<BTreeSet<_>>(),
        opening: letters.take(150).collect(),
        media: kept.iter().map(|media| media.id.clone()).collect(),
        files: draft
            .media
            .iter()
            .map(|media| media.file_name.clone())
            .chain(kept.iter().filter_map(|media| file_name(media.url.as_deref()?)))
            .collect(),
        stamp: match &draft.form {
            Form::Video(video) => video.originally_published,
            _ => None,
        },
        ..Marker::default()
    }
}

fn is_throttled(outcome: &PublishOutcome, front: &Front) -> bool {
    matches!(outcome, PublishOutcome::Throttled { until, .. } if is_the_named_time(*until, front.clock.now()))
}

/// Whether a person can act on it.
fn says_something(outcome: &PublishOutcome) -> bool {
    match outcome {
        PublishOutcome::Rejected { reason }
        | PublishOutcome::MediaRejected { reason, .. }
        | PublishOutcome::MediaTooLarge { reason, .. }
        | PublishOutcome::MediaUnavailable { reason, .. }
        | PublishOutcome::Throttled { reason, .. }
        | PublishOutcome::TryLater { reason }
        | PublishOutcome::AuthLost { reason }
        | PublishOutcome::Unknown { reason } => reason.len() > 10,
        _ => true,
    }
}

fn shown(outcome: &PublishOutcome) -> String {
    format!("{outcome:?}\n")
}

fn failure<T>(result: &Result<T, DestinationError>) -> String {
    result
        .as_ref()
        .err()
        .map(|error| format!("{error:?} {error}\n"))
        .unwrap_or_default()
}

fn words(text: &str) -> Vec<&str> {
    text.split_whitespace().collect()
}
