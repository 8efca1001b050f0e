//! Every cell of the reading table: what was published arrives once, and the output says by which reader, why by that one,
//! and how much it shows.

use std::sync::Arc;

use chrono::{TimeDelta, Utc};
use tombolo_mastodon::stand_in::{Mastodon, Options, OutboxForm, Ways};
use tombolo_model::{SystemClock, TestClock};
use tombolo_net::stand_in::{Arrivals, Fault};
use tombolo_peertube::stand_in::PeerTube;
use tombolo_pixelfed::stand_in::{NewMedia, NewPost, Pixelfed};
use url::Url;

use crate::islands::photo;
use crate::rig::{Pass, Tombolo, media, publish, until, video};

/// One creator, read in one way or another into the same ledger, and a Mastodon to which the posts go.
struct Cell {
    to: Mastodon,
    tombolo: Tombolo,
    source: String,
    destination: String,
}

impl Cell {
    async fn of(platform: &str, instance: &Url, handle: &str) -> Self {
        let to = mastodon(Arc::new(SystemClock)).await;
        let token = to.add_account("me");
        let address = |url: &Url| url.as_str().trim_end_matches('/').to_owned();
        Self {
            tombolo: Tombolo::configured(""),
            source: format!(
                "[accounts.source]\nplatform = \"{platform}\"\ninstance = \"{}\"\nhandle = \"{handle}\"\n",
                address(instance)
            ),
            destination: format!(
                "[accounts.copies]\nplatform = \"mastodon\"\ninstance = \"{}\"\nhandle = \"me\"\ntoken = \"{token}\"\n\
                 settle = \"1s\"\n[routes.r]\nfrom = \"source\"\nto = [\"copies\"]\n",
                address(to.base())
            ),
            to,
        }
    }

    /// From now on the source is read like this; `route` holds further settings of the route.
    fn reads(&self, read: &str, token: Option<&str>, route: &str) {
        let token = token.map(|token| format!("token = \"{token}\"\n")).unwrap_or_default();
        self.tombolo.configure(&format!(
            "{}read = \"{read}\"\n{token}{}{route}\n",
            self.source, self.destination
        ));
    }

    async fn pass(&self) -> Pass {
        self.tombolo.sync(&["--limit", "1000", "--wait", "30s"]).await
    }

    /// A pass from the beginning of the source.
    async fn carries(&self, read: &str, token: Option<&str>) -> Pass {
        self.reads(read, token, "since = \"beginning\"");
        let pass = self.pass().await;
        assert_eq!(pass.code, 0, "{read}: {}{}", pass.stdout, pass.stderr);
        pass
    }

    /// The post "Unlisted", left out so far, goes when the route asks for such posts, and nothing else with it.
    async fn goes_out_unlisted_where_the_route_says_so(&self, read: &str, token: Option<&str>) {
        let before = self.arrived().len();
        self.reads(read, token, "since = \"beginning\"\ninclude_unlisted = true");
        let pass = self.pass().await;
        assert_eq!(pass.count("published"), 1, "{read}: {}{}", pass.stdout, pass.stderr);
        let copies = self.to.statuses("me");
        let unlisted = copies.iter().find(|copy| copy.text.starts_with("Unlisted"));
        assert_eq!(unlisted.map(|copy| copy.visibility.as_str()), Some("unlisted"));
        assert_eq!(copies.len(), before + 1, "{:?}", self.arrived());
    }

    /// First lines of the copies, in order.
    fn arrived(&self) -> Vec<String> {
        let line = |text: &str| text.lines().next().unwrap_or_default().to_owned();
        let mut lines: Vec<String> = self.to.statuses("me").iter().map(|s| line(&s.text)).collect();
        lines.sort();
        lines
    }
}

/// A server without rate limits.
async fn mastodon(clock: Arc<dyn tombolo_model::Clock>) -> Mastodon {
    let options = Options {
        rate_limits: false,
        clock,
        ..Options::default()
    };
    Mastodon::start(options).await.expect("the stand-in starts")
}

/// A Mastodon that is read, with the token of its only account.
async fn toots() -> (Mastodon, String, Cell) {
    let from = mastodon(Arc::new(SystemClock)).await;
    let token = from.add_account("me");
    let cell = Cell::of("mastodon", from.base(), "me").await;
    (from, token, cell)
}

/// Publishes so many, as fast as it goes.
fn toot(from: &Mastodon, numbers: std::ops::Range<usize>) {
    for name in names(numbers) {
        from.post("me", &name, "public").expect("it is published");
    }
}

fn names(numbers: std::ops::Range<usize>) -> Vec<String> {
    numbers.map(|n| format!("Post {n:03}")).collect()
}

/// The output says which reader, how much it shows, and why it was taken.
fn said(pass: &Pass, reader: &str, shows: &str, why: &str) {
    let begin = format!("source: read by {reader} ({shows}): ");
    let line = pass.stderr.lines().find_map(|line| line.strip_prefix(&begin));
    assert!(
        line.is_some_and(|line| line.contains(why)),
        "{begin}…{why}…: {}",
        pass.stderr
    );
}

/// An error, and no word of there being nothing; `remedy`: what it says works instead.
fn refused(pass: &Pass, remedy: &str) {
    refused_with(pass, (1, "trouble"), remedy);
}

fn refused_with(pass: &Pass, (code, kind): (i32, &str), remedy: &str) {
    assert_eq!(pass.code, code, "{}{}", pass.stdout, pass.stderr);
    let trouble = pass.stderr.lines().find(|line| line.starts_with(&format!("{kind}: ")));
    assert!(
        trouble.is_some_and(|line| line.contains(remedy)),
        "{remedy}: {}",
        pass.stderr
    );
    assert!(!pass.stderr.contains("first contact"), "{}", pass.stderr);
    assert!(pass.lines.is_empty(), "{}", pass.stdout);
}

fn asked(arrivals: &Arrivals, what: &str) -> bool {
    arrivals.all().iter().any(|arrival| arrival.target.contains(what))
}

#[tokio::test(flavor = "multi_thread")]
async fn mastodon_with_a_token_is_read_whole_and_private_posts_never_leave() {
    for read in ["api", "auto"] {
        let (from, token, cell) = toots().await;
        // More than a page, and all within a second or two.
        toot(&from, 0..45);
        for hidden in ["private", "direct", "limited"] {
            from.post("me", &format!("Hidden: {hidden}"), hidden)
                .expect("it is published");
        }
        from.post("me", "Unlisted", "unlisted").expect("it is published");
        let pass = cell.carries(read, Some(&token)).await;
        said(&pass, "api", "complete", "the API works with the account's token");
        assert_eq!(cell.arrived(), names(0..45), "{read}");
        cell.goes_out_unlisted_where_the_route_says_so(read, Some(&token)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn mastodon_with_a_token_is_walked_up_from_the_newest_known_and_the_newest_forty_read_again() {
    let clock = TestClock::at(Utc::now() - TimeDelta::minutes(10));
    let from = mastodon(Arc::new(clock.clone())).await;
    let token = from.add_account("me");
    let cell = Cell::of("mastodon", from.base(), "me").await;
    toot(&from, 0..2);
    cell.reads("auto", Some(&token), "schedule = \"* * * * * *\"\njitter = \"0s\"");
    let lists = || {
        let listed = |a: &tombolo_net::stand_in::Arrival| a.path().ends_with("/statuses") && a.method == "GET";
        from.arrivals().all().iter().filter(|a| listed(a)).count()
    };
    let mut daemon = cell.tombolo.spawn(&["run"]);
    until("a second look", || lists() > 3).await;
    // More than a page between two looks, all of one second.
    clock.advance(std::time::Duration::from_secs(60));
    let early = clock.clone();
    toot(&from, 2..52);
    until("the copies", || cell.arrived().len() == 50).await;
    assert!(asked(from.arrivals(), "min_id="), "the list is walked upwards");
    let begun = tombolo_model::Clock::now(&early);
    clock.set(begun + TimeDelta::seconds(60));
    toot(&from, 52..55);
    until("the newest", || cell.arrived().len() == 53).await;
    // One that turns up below the newest, as after a long upload.
    clock.set(begun + TimeDelta::seconds(30));
    from.post("me", "Post 055", "public").expect("it is published");
    until("the late one", || cell.arrived().len() == 54).await;
    daemon.kill().expect("it can be killed");
    daemon.wait().expect("it ended");
    cell.pass().await;
    assert_eq!(cell.arrived(), names(2..56));
}

#[tokio::test(flavor = "multi_thread")]
async fn mastodon_without_a_token_is_read_by_its_open_api() {
    for read in ["api", "auto"] {
        let (from, _, cell) = toots().await;
        toot(&from, 0..45);
        from.post("me", "Hidden", "private").expect("it is published");
        let pass = cell.carries(read, None).await;
        said(&pass, "api", "complete", "the API works without a token");
        assert_eq!(cell.arrived(), names(0..45), "{read}");
        let asked = from.arrivals().all();
        assert!(asked.iter().all(|a| a.header("authorization").is_none()), "{read}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn mastodon_with_a_dead_token_is_read_by_its_open_api_and_it_is_said() {
    let (from, token, cell) = toots().await;
    toot(&from, 0..3);
    from.revoke(&token);
    let pass = cell.carries("auto", Some(&token)).await;
    said(&pass, "api", "complete", "revoked");
    said(&pass, "api", "complete", "the API works without a token");
    assert_eq!(cell.arrived(), names(0..3));
}

#[tokio::test(flavor = "multi_thread")]
async fn mastodon_is_read_by_its_outbox_when_asked_or_where_the_api_is_closed() {
    for (read, why) in [
        ("outbox", "the outbox can be read"),
        ("auto", "requires an authenticated user"),
    ] {
        let (from, _, cell) = toots().await;
        if read == "auto" {
            from.set_ways(Ways {
                anonymous_api: false,
                ..Ways::default()
            });
        }
        toot(&from, 0..45);
        from.post("me", "Hidden", "private").expect("it is published");
        from.post("me", "Unlisted", "unlisted").expect("it is published");
        let pass = cell.carries(read, None).await;
        said(&pass, "outbox", "complete", why);
        assert_eq!(cell.arrived(), names(0..45), "{read}");
        assert!(asked(from.arrivals(), "/outbox?"), "{read}");
        toot(&from, 45..47);
        cell.pass().await;
        assert_eq!(cell.arrived(), names(0..47), "{read}");
        cell.goes_out_unlisted_where_the_route_says_so(read, None).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn mastodon_is_read_by_its_feed_when_asked_or_where_nothing_else_can_be() {
    for (read, why) in [
        ("rss", "the newest posts only"),
        ("auto", "says only how many posts there are"),
    ] {
        let (from, _, cell) = toots().await;
        if read == "auto" {
            from.set_ways(Ways {
                anonymous_api: false,
                outbox: OutboxForm::TotalOnly,
                ..Ways::default()
            });
        }
        toot(&from, 0..25);
        let pass = cell.carries(read, None).await;
        said(&pass, "rss", "a window of the newest 20 posts", why);
        assert_eq!(cell.arrived(), names(5..25), "{read}: as many as a feed shows");
        toot(&from, 25..28);
        from.post("me", "Hidden", "private").expect("it is published");
        cell.pass().await;
        assert_eq!(cell.arrived(), names(5..28), "{read}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_shows_only_a_part_is_said_to() {
    let (from, token, cell) = toots().await;
    toot(&from, 0..12);
    // As snac does both.
    from.set_ways(Ways {
        pages: false,
        outbox: OutboxForm::OnePiece,
        ..Ways::default()
    });
    let pass = cell.carries("api", Some(&token)).await;
    said(&pass, "api", "a window of the newest 12 posts", "whatever it is asked");
    let pass = cell.carries("outbox", Some(&token)).await;
    said(&pass, "outbox", "best effort, posts may be missed", "has no pages");
    assert_eq!(cell.arrived(), names(0..12));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_shown_to_signed_requests_only_is_an_error_that_names_the_way_and_never_zero_posts() {
    let (from, token, cell) = toots().await;
    toot(&from, 0..3);
    // As GoToSocial does.
    from.set_ways(Ways {
        anonymous_api: false,
        unsigned_objects: false,
        ..Ways::default()
    });
    for (read, token, remedy) in [
        ("outbox", Some(token.as_str()), "use read = \"api\" with a token"),
        ("outbox", None, "use read = \"api\" with a token"),
        ("rss", None, "\"api\" with a token"),
        ("api", None, "with a token"),
        ("auto", None, "with a token"),
    ] {
        cell.reads(read, token, "since = \"beginning\"");
        refused(&cell.pass().await, remedy);
        assert!(cell.arrived().is_empty(), "{read}");
    }
    let pass = cell.carries("auto", Some(&token)).await;
    said(&pass, "api", "complete", "with the account's token");
    assert_eq!(cell.arrived(), names(0..3));
}

#[tokio::test(flavor = "multi_thread")]
async fn another_reader_of_a_mastodon_account_copies_nothing_again() {
    let (from, token, cell) = toots().await;
    let ways = [
        ("api", Some(token.as_str())),
        ("outbox", None),
        ("rss", None),
        ("api", None),
        ("outbox", Some(token.as_str())),
        ("auto", None),
    ];
    for (n, (read, token)) in ways.into_iter().enumerate() {
        toot(&from, n..n + 1);
        let pass = cell.carries(read, token).await;
        assert_eq!(pass.count("published"), 1, "{n} {read}: {}{}", pass.stdout, pass.stderr);
    }
    assert_eq!(cell.arrived(), names(0..6));
}

/// A Pixelfed that is read, with the token of its only account.
async fn photos() -> (Pixelfed, String, Cell) {
    let from = Pixelfed::start(tombolo_pixelfed::stand_in::Options::default())
        .await
        .expect("the stand-in starts");
    let token = from.add_account("me");
    let cell = Cell::of("pixelfed", from.base(), "me").await;
    (from, token, cell)
}

/// A photo of so many seconds ago.
fn shot(from: &Pixelfed, name: &str, visibility: &str, seconds_ago: i64) {
    let post = NewPost {
        text: name.to_owned(),
        media: vec![NewMedia::new(photo(7), "A wave")],
        visibility: visibility.to_owned(),
        at: Some(Utc::now() - TimeDelta::seconds(seconds_ago)),
        ..NewPost::default()
    };
    from.post("me", post).expect("it is posted");
}

fn shots(from: &Pixelfed, numbers: std::ops::Range<usize>, seconds_ago: impl Fn(usize) -> i64) {
    for n in numbers {
        shot(from, &names(n..n + 1)[0], "public", seconds_ago(n));
    }
}

/// A page that says that there is nothing to be had here.
fn blocked() -> Fault {
    let html = vec![("content-type".into(), "text/html".into())];
    Fault::Answer(403, html, "<html>Blocked</html>".into())
}

#[tokio::test(flavor = "multi_thread")]
async fn pixelfed_with_a_token_is_walked_down_whole_and_private_posts_never_leave() {
    for read in ["api", "auto"] {
        let (from, token, cell) = photos().await;
        // More than a page, and all of one moment.
        shots(&from, 0..45, |_| 100);
        shot(&from, "Hidden", "private", 50);
        shot(&from, "Unlisted", "unlisted", 50);
        let pass = cell.carries(read, Some(&token)).await;
        said(
            &pass,
            "api",
            "complete",
            "the token shows every post but albums that mix",
        );
        assert_eq!(cell.arrived(), names(0..45), "{read}");
        assert!(asked(from.arrivals(), "max_id="), "{read}");
        assert!(cell.to.statuses("me").iter().all(|copy| copy.media.len() == 1));
        cell.goes_out_unlisted_where_the_route_says_so(read, Some(&token)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pixelfed_without_a_token_is_read_by_its_public_list_and_it_is_said_that_posts_may_be_missed() {
    for (read, why) in [
        ("api", "without a token it is the list of the web pages"),
        ("auto", "without a token, the list of the web pages shows most"),
    ] {
        let (from, _, cell) = photos().await;
        // Pages of 24: several posts share the seconds at which they end.
        shots(&from, 0..60, |n| 1000 - i64::try_from(n / 5).expect("few") * 10);
        shot(&from, "Hidden", "private", 50);
        let pass = cell.carries(read, None).await;
        said(&pass, "api", "best effort, posts may be missed", why);
        assert_eq!(cell.arrived(), names(0..60), "{read}");
        let asked = from.arrivals().all();
        assert!(asked.iter().all(|a| a.header("authorization").is_none()), "{read}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pixelfed_posts_of_one_second_that_the_public_list_skips_come_with_the_token_and_none_twice() {
    let (from, token, cell) = photos().await;
    let second = Utc::now() - TimeDelta::seconds(500);
    for name in names(0..30) {
        let post = NewPost {
            text: name,
            media: vec![NewMedia::new(photo(7), "A wave")],
            at: Some(second),
            ..NewPost::default()
        };
        from.post("me", post).expect("it is posted");
    }
    shot(&from, "Post 030", "public", 600);
    let pass = cell.carries("auto", None).await;
    said(&pass, "api", "best effort, posts may be missed", "the web pages");
    let seen = cell.arrived();
    assert_eq!(seen.len(), 25, "a page of that second, and what is older: {seen:?}");
    let pass = cell.carries("auto", Some(&token)).await;
    assert_eq!(pass.count("published"), 6, "{}{}", pass.stdout, pass.stderr);
    assert_eq!(cell.arrived(), names(0..31));
}

#[tokio::test(flavor = "multi_thread")]
async fn pixelfed_is_read_by_its_feed_when_asked_or_where_the_public_list_is_closed() {
    for (read, why) in [
        ("rss", "the newest ten photos, no videos"),
        ("auto", "the list of the web pages doesn't work here"),
    ] {
        let (from, _, cell) = photos().await;
        if read == "auto" {
            from.faults().next("GET", "/api/pixelfed/", u32::MAX, blocked());
        }
        shots(&from, 0..12, |n| 100 - i64::try_from(n).expect("few"));
        let film = NewPost {
            text: "A film".into(),
            media: vec![NewMedia::new(media("clip-with-sound.mp4"), "")],
            ..NewPost::default()
        };
        from.post("me", film).expect("it is posted");
        let pass = cell.carries(read, None).await;
        said(&pass, "rss", "a window of the newest 10 posts", why);
        assert_eq!(cell.arrived(), names(2..12), "{read}");
        shots(&from, 12..14, |_| 0);
        cell.pass().await;
        assert_eq!(cell.arrived(), names(2..14), "{read}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_empty_outbox_of_pixelfed_is_an_error_that_names_the_way_and_never_zero_posts() {
    let (from, token, cell) = photos().await;
    shots(&from, 0..2, |_| 10);
    for token in [None, Some(token.as_str())] {
        cell.reads("outbox", token, "since = \"beginning\"");
        refused(&cell.pass().await, "use read = \"api\"");
    }
    // The same server, taken for a Mastodon.
    cell.tombolo.configure(&format!(
        "{}read = \"outbox\"\n{}",
        cell.source.replace("pixelfed", "mastodon"),
        cell.destination
    ));
    refused(&cell.pass().await, "use read = \"api\"");
    // Where all is closed, the token is asked for.
    from.faults().next("GET", "/api/pixelfed/", u32::MAX, blocked());
    from.faults().next("GET", "/users/me.atom", u32::MAX, blocked());
    cell.reads("auto", None, "since = \"beginning\"");
    refused(&cell.pass().await, "configure a token");
    // A token that was taken back is what is wrong then.
    let gone = Fault::Answer(
        401,
        vec![("content-type".into(), "application/json".into())],
        "{}".into(),
    );
    from.faults()
        .next("GET", "/api/v1/accounts/verify_credentials", u32::MAX, gone);
    cell.reads("auto", Some("taken-back"), "since = \"beginning\"");
    refused_with(&cell.pass().await, (4, "sign-in needed"), "configure a token");
    assert!(cell.arrived().is_empty());
}

/// Lists of suspended accounts are empty, and caches show old ones: the account itself says that there is more.
#[tokio::test(flavor = "multi_thread")]
async fn a_list_that_is_empty_or_short_at_first_contact_makes_no_new_posts_of_what_it_left_out() {
    for (short, with_token) in [("[]", true), ("[]", false), ("newest", true)] {
        let clock = tombolo_model::TestClock::at(Utc::now() - TimeDelta::hours(100));
        let from = mastodon(Arc::new(clock.clone())).await;
        let token = from.add_account("me");
        let cell = Cell::of("mastodon", from.base(), "me").await;
        for name in names(0..50) {
            clock.advance(std::time::Duration::from_secs(3600));
            from.post("me", &name, "public").expect("it is published");
        }
        clock.advance(std::time::Duration::from_secs(50 * 3600));
        let list = format!(
            "/api/v1/accounts/{}/statuses",
            from.account_id("me").expect("an account")
        );
        let kind = vec![("content-type".to_owned(), "application/json".to_owned())];
        let nothing = Fault::Answer(200, kind, "[]".into());
        from.faults().add(tombolo_net::stand_in::FaultRule {
            method: "GET".into(),
            path: list,
            // The probe, and the newest page.
            skip: if short == "[]" { 0 } else { 3 },
            times: u32::MAX,
            fault: nothing,
        });
        let token = with_token.then_some(token.as_str());
        cell.reads("api", token, "");
        let pass = cell.pass().await;
        assert_eq!(pass.code, 0, "{}{}", pass.stdout, pass.stderr);
        from.faults().clear();
        clock.advance(std::time::Duration::from_secs(2 * 3600));
        toot(&from, 50..52);
        let pass = cell.pass().await;
        assert_eq!(cell.arrived(), names(50..52), "{short}: {}{}", pass.stdout, pass.stderr);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_asked_for_from_the_beginning_and_shows_only_later_is_carried_at_the_pace_of_old_posts() {
    let clock = tombolo_model::TestClock::at(Utc::now() - TimeDelta::hours(100));
    let from = mastodon(Arc::new(clock.clone())).await;
    let token = from.add_account("me");
    let cell = Cell::of("mastodon", from.base(), "me").await;
    toot(&from, 0..15);
    clock.advance(std::time::Duration::from_secs(100 * 3600));
    let list = format!(
        "/api/v1/accounts/{}/statuses",
        from.account_id("me").expect("an account")
    );
    let kind = vec![("content-type".to_owned(), "application/json".to_owned())];
    from.faults()
        .next("GET", &list, u32::MAX, Fault::Answer(200, kind, "[]".into()));
    cell.reads("api", Some(&token), "since = \"beginning\"");
    let pass = cell.tombolo.sync(&["--wait", "30s"]).await;
    assert_eq!((pass.code, pass.count("published")), (0, 0), "{}", pass.stderr);
    from.faults().clear();
    let pass = cell.tombolo.sync(&["--wait", "30s"]).await;
    assert_eq!(pass.count("published"), 10, "{}{}", pass.stdout, pass.stderr);
    let pass = cell.tombolo.sync(&["--wait", "30s"]).await;
    assert_eq!(pass.count("published"), 5, "{}{}", pass.stdout, pass.stderr);
    assert_eq!(cell.arrived(), names(0..15));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_was_taken_back_asks_for_a_new_sign_in_where_nothing_else_can_be_read() {
    let (from, token, cell) = toots().await;
    from.set_ways(Ways {
        anonymous_api: false,
        unsigned_objects: false,
        ..Ways::default()
    });
    toot(&from, 0..2);
    cell.carries("auto", Some(&token)).await;
    from.revoke(&token);
    toot(&from, 2..3);
    for _ in 0..2 {
        refused_with(&cell.pass().await, (4, "sign-in needed"), "account \"source\"");
    }
    assert_eq!(cell.arrived(), names(0..2));
}

#[tokio::test(flavor = "multi_thread")]
async fn another_reader_of_a_pixelfed_account_copies_nothing_again() {
    let (from, token, cell) = photos().await;
    let ways = [
        ("api", Some(token.as_str())),
        ("api", None),
        ("rss", None),
        ("auto", Some(token.as_str())),
        ("auto", None),
    ];
    for (n, (read, token)) in ways.into_iter().enumerate() {
        shots(&from, n..n + 1, |_| 0);
        let pass = cell.carries(read, token).await;
        assert_eq!(pass.count("published"), 1, "{n} {read}: {}{}", pass.stdout, pass.stderr);
    }
    assert_eq!(cell.arrived(), names(0..5));
}

/// A PeerTube that is read. `listing`: whether its REST API lists videos.
async fn tube(listing: bool) -> (PeerTube, Cell) {
    let mut options = tombolo_peertube::stand_in::Options::new(Arc::new(SystemClock));
    options.rate_limits = false;
    options.api_listing = listing;
    let from = PeerTube::start(options).await.expect("the stand-in starts");
    let cell = Cell::of("peertube", from.base(), "alice_channel").await;
    (from, cell)
}

fn titles(numbers: std::ops::Range<usize>) -> Vec<String> {
    numbers.map(|n| format!("Video {n:03}")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn peertube_is_read_by_its_api_when_asked_or_by_itself() {
    for (read, why) in [("api", "read = \"api\" says so"), ("auto", "the REST API works")] {
        let (from, cell) = tube(true).await;
        publish(&from, 0..12);
        for hidden in [2, 3, 4] {
            from.publish(video(100 + usize::from(hidden)).privacy(tombolo_peertube::stand_in::Privacy(hidden)));
        }
        let pass = cell.carries(read, None).await;
        said(&pass, "api", "complete", why);
        assert_eq!(cell.arrived(), titles(0..12), "{read}");
        publish(&from, 12..14);
        cell.pass().await;
        assert_eq!(cell.arrived(), titles(0..14), "{read}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn peertube_is_read_by_its_outbox_when_asked_or_where_the_api_lists_nothing() {
    for (read, why) in [
        ("outbox", "read = \"outbox\" says so"),
        ("auto", "the REST API doesn't work here"),
    ] {
        let (from, cell) = tube(read == "outbox").await;
        // More than a page of it.
        publish(&from, 0..12);
        from.publish(video(100).privacy(tombolo_peertube::stand_in::Privacy::UNLISTED));
        let pass = cell.carries(read, None).await;
        said(&pass, "outbox", "complete", why);
        assert_eq!(cell.arrived(), titles(0..12), "{read}");
        assert!(asked(from.arrivals(), "/outbox?page=2"), "{read}");
        publish(&from, 12..14);
        cell.pass().await;
        assert_eq!(cell.arrived(), titles(0..14), "{read}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn another_reader_of_a_peertube_channel_copies_nothing_again() {
    let (from, cell) = tube(true).await;
    for (n, read) in ["api", "outbox", "auto", "outbox"].into_iter().enumerate() {
        publish(&from, n..n + 1);
        let pass = cell.carries(read, None).await;
        assert_eq!(pass.count("published"), 1, "{n} {read}: {}{}", pass.stdout, pass.stderr);
    }
    assert_eq!(cell.arrived(), titles(0..4));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_peertube_does_not_have_is_told_when_the_configuration_is_read() {
    let (from, cell) = tube(true).await;
    publish(&from, 0..1);
    cell.reads("rss", None, "");
    let pass = cell.pass().await;
    assert_eq!(pass.code, 2, "{}{}", pass.stdout, pass.stderr);
    assert!(
        pass.stderr.contains("read") && pass.stderr.contains("use read = \"api\", \"outbox\" or \"auto\""),
        "{}",
        pass.stderr
    );
    assert_eq!(from.arrivals().all().len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_that_fails_behind_its_first_page_still_shows_what_is_new() {
    let (from, cell) = tube(true).await;
    publish(&from, 0..105);
    cell.reads("api", None, "");
    assert_eq!(cell.pass().await.code, 0);
    publish(&from, 105..106);
    // The second page, as often as one reading asks for it.
    from.faults().add(tombolo_net::stand_in::FaultRule {
        method: "GET".into(),
        path: "/api/v1/video-channels/alice_channel/videos".into(),
        skip: 1,
        times: 4,
        fault: Fault::Answer(503, Vec::new(), String::new()),
    });
    let pass = cell.pass().await;
    assert_eq!(pass.count("published"), 1, "{}{}", pass.stdout, pass.stderr);
}
