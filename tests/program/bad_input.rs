//! Bad input: a source that answers nonsense, floods and lies. (For destinations that do see `bad_input_at_destination`.)
//!
//! Each pass must end by itself, in bounded time and memory (see `hostile::watched`), say what is wrong and where, and
//! leave nothing at the destination that isn't meant.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::future::join_all;
use serde_json::{Value, json};
use tombolo_mastodon::stand_in::{Mastodon, Options, Posted, PostedMedia};

use crate::hostile::{
    Ask, CHANNEL, Hostile, List, Measured, Reply, Video, announce, as_json, brief, cut_short, deep, flood, good_file,
    gzip_bomb, login_page, mentioned, outbox_page, outbox_path, raw, redirect, reply, route, told, uuid, watched,
    writes,
};
use crate::rig::{Tombolo, media, sha256};

const READERS: [&str; 3] = ["api", "outbox", "auto"];
/// Everything, at once, without waiting for what doesn't work now.
const ALL: [&str; 4] = ["--since", "beginning", "--wait", "0s"];

/// A destination with one account, and its token.
async fn mastodon() -> (Mastodon, String) {
    let mastodon = Mastodon::start(Options {
        media_polls: 0,
        ..Options::default()
    })
    .await
    .expect("the stand-in starts");
    let token = mastodon.add_account("me");
    (mastodon, token)
}

fn program(source: &Hostile, read: &str, mastodon: &Mastodon, token: &str) -> Tombolo {
    Tombolo::configured(&route(
        &source.base(),
        read,
        mastodon.base().as_str().trim_end_matches('/'),
        token,
    ))
}

/// Whatever the lists answer, no reader takes it for a list: nothing is read, nothing is posted, and it is said why.
/// `says`: what the sentence has in it, whichever reader speaks.
async fn no_list(what: &str, says: &[&str], answer: impl Fn(&Ask, List) -> Reply + Send + Sync + 'static) {
    let source = Hostile::start().await;
    source.publish(1, |_| {});
    let (mastodon, token) = mastodon().await;
    source.on_lists(answer);
    let programs = READERS.map(|read| (read, program(&source, read, &mastodon, &token)));
    join_all(programs.iter().map(async |(read, tombolo)| {
        let pass = watched(tombolo, &ALL).await;
        told(what, read, &pass);
        assert_eq!(pass.code, 1, "{what} ({read}): {pass}");
        assert_eq!(pass.lines, Vec::<Value>::new(), "{what} ({read})");
        assert!(
            pass.summary
                .as_object()
                .is_some_and(|counts| counts.values().all(|n| n == 0)),
            "{}",
            pass.stdout
        );
        let sentence = pass
            .stderr
            .lines()
            .find(|l| l.contains("\"channel\" could not be read"));
        let sentence = sentence.unwrap_or_else(|| panic!("{what} ({read}): nothing says so: {}", pass.stderr));
        assert!(says.iter().any(|s| sentence.contains(s)), "{what} ({read}): {sentence}");
        assert!(
            sentence.len() < 1000,
            "{what} ({read}) is repeated to the user: {sentence}"
        );
    }))
    .await;
    assert_eq!(writes(mastodon.arrivals()), Vec::<String>::new(), "{what}");
    // Nothing is spoilt by it: when the instance is well again, so is the route.
    source.behave();
    let pass = watched(&programs[0].1, &ALL).await;
    assert_eq!(
        (pass.code, pass.count("published")),
        (0, 1),
        "{what}, and after it: {pass}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_that_is_no_list_is_said_to_be_none() {
    no_list("garbage", &["can't be read"], |_, list| {
        reply(200, list.media_type(), vec![0xff, 0, 0x80, 7, 0xfe])
    })
    .await;
    no_list("truncated", &["can't be read"], |_, list| {
        reply(
            200,
            list.media_type(),
            r#"{"total": 3, "type": "OrderedCollectionPage", "data": [{"url": "#,
        )
    })
    .await;
    no_list("an empty body", &["can't be read"], |_, list| {
        reply(200, list.media_type(), "")
    })
    .await;
    no_list("10,000 deep", &["can't be read"], |_, list| {
        reply(200, list.media_type(), deep(10_000))
    })
    .await;
    no_list("a login page", &["text/html", "login page"], |_, _| login_page()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn json_of_another_shape_is_no_list() {
    let shapes = [
        json!(null),
        json!("OrderedCollection"),
        json!(3),
        json!([]),
        json!({"data": "x", "total": []}),
        json!({"error": "no", "data": null}),
    ];
    for shape in shapes {
        let what = shape.to_string();
        no_list(&what, &["not answered with a list", "outbox"], move |_, list| {
            as_json(list, &shape)
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_too_large_is_not_read_to_its_end() {
    const HUNDRED_MIB: usize = 100 << 20;
    no_list("100 MiB", &["larger than"], |_, list| {
        flood(list.media_type(), r#"{"total": 1, "data": [""#, b'x', HUNDRED_MIB)
    })
    .await;
    no_list("a gzip bomb", &["larger than"], |_, list| {
        gzip_bomb(list.media_type(), HUNDRED_MIB)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_instance_that_fails_for_ever_is_given_up_for_this_run() {
    no_list("500", &["500"], |_, _| reply(500, "text/html", "<h1>Oops</h1>")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_instance_that_asks_to_wait_an_hour_is_not_waited_for() {
    no_list("429", &["wait until"], |_, _| {
        let mut reply = reply(429, "application/json", "{}");
        reply.headers_mut().insert("retry-after", "3600".parse().unwrap());
        reply
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redirect_of_a_list_leads_nowhere_that_is_not_allowed() {
    let trap = Hostile::start().await;
    let inside = format!("{}/inside", trap.base());
    for to in [
        inside.as_str(),
        "http://10.0.0.1/",
        "https://169.254.169.254/latest",
        "https://[::1]/",
        "file:///etc/passwd",
    ] {
        let target = to.to_owned();
        no_list(
            to,
            &["private or reserved", "plain http", "redirect to nowhere"],
            move |_, _| redirect(&target),
        )
        .await;
    }
    no_list("a redirect to itself", &["redirected more than"], |ask, _| {
        redirect(&ask.path)
    })
    .await;
    assert_eq!(trap.arrivals().all().len(), 0, "somebody was sent inside");
}

/// A source whose list has as many pages as `page` makes: it is given the number of the page, and gives the places of
/// videos and the address of the next page. Counts the pages that were asked for.
fn paged(
    source: &Hostile,
    page: impl Fn(usize) -> (Vec<usize>, Option<String>) + Send + Sync + 'static,
) -> Arc<AtomicUsize> {
    let (base, asked) = (source.base(), Arc::new(AtomicUsize::new(0)));
    let (channel, outbox) = (
        format!("{base}/video-channels/{CHANNEL}"),
        format!("{base}{}", outbox_path()),
    );
    let counter = asked.clone();
    source.on_lists(move |ask, list| {
        let number = match list {
            // The reader's pages overlap, by some places.
            List::Api => ask.number("start").div_ceil(100),
            List::Outbox if ask.number("page") > 0 => ask.number("page") - 1,
            List::Outbox => {
                let first = format!("{outbox}?page=1");
                return as_json(
                    list,
                    &json!({"id": outbox, "type": "OrderedCollection", "first": first}),
                );
            }
        };
        counter.fetch_add(1, Ordering::Relaxed);
        let (places, next) = page(number);
        let ids = places
            .into_iter()
            .map(|place| format!("{base}/videos/watch/{}", uuid(place)));
        let document = match list {
            List::Api => {
                let entries: Vec<Value> = ids
                    .map(|id| json!({"url": id, "name": "x", "privacy": {"id": 1}}))
                    .collect();
                json!({"total": 1_000_000, "data": entries})
            }
            List::Outbox => {
                let items: Vec<Value> = ids.map(|id| announce(&channel, &id)).collect();
                outbox_page(&outbox, number + 1, &items, next.as_deref())
            }
        };
        as_json(list, &document)
    });
    asked
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_without_an_end_is_no_list() {
    let source = Hostile::start().await;
    let next = outbox_path();
    let asked = paged(&source, move |page| {
        (
            (page * 100..page * 100 + 100).collect(),
            Some(format!("{next}?page={}", page + 2)),
        )
    });
    let (mastodon, token) = mastodon().await;
    for read in ["api", "outbox"] {
        asked.store(0, Ordering::Relaxed);
        let pass = watched(&program(&source, read, &mastodon, &token), &["--wait", "0s"]).await;
        told(
            &format!("an endless list, {} pages", asked.load(Ordering::Relaxed)),
            read,
            &pass,
        );
        assert_eq!(pass.code, 1, "{read}: {}", brief(&pass.stderr));
        assert!(
            pass.stderr.contains("\"channel\" could not be read"),
            "{read}: {}",
            brief(&pass.stderr)
        );
    }
    assert_eq!(writes(mastodon.arrivals()), Vec::<String>::new());
}

/// Which page follows a page.
type Next = Box<dyn Fn(usize) -> Option<String> + Send + Sync>;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_in_a_loop_is_no_list() {
    let trap = Hostile::start().await;
    let loops: [(&str, Next); 4] = [
        (
            "the same ids for ever",
            Box::new(|page| Some(format!("{}?page={}", outbox_path(), page + 2))),
        ),
        (
            "a page that follows itself",
            Box::new(|page| Some(format!("{}?page={}", outbox_path(), page + 1))),
        ),
        (
            "pages in a circle",
            Box::new(|page| Some(format!("{}?page={}", outbox_path(), 2 - page % 2))),
        ),
        ("the next page elsewhere", {
            let inside = trap.base();
            Box::new(move |_| Some(format!("{inside}{}?page=2", outbox_path())))
        }),
    ];
    for (what, next) in loops {
        let source = Hostile::start().await;
        source.publish(1, |_| {});
        let asked = paged(&source, move |page| (vec![1; 100], next(page)));
        let (mastodon, token) = mastodon().await;
        for read in ["api", "outbox"] {
            let pass = watched(&program(&source, read, &mastodon, &token), &ALL).await;
            told(what, read, &pass);
            assert_eq!(pass.code, 1, "{what} ({read}): {}", brief(&pass.stderr));
            assert!(
                pass.stderr.contains("\"channel\" could not be read"),
                "{what} ({read}): {}",
                brief(&pass.stderr)
            );
        }
        assert!(asked.load(Ordering::Relaxed) <= 8, "{what}: {asked:?} pages");
        assert_eq!(writes(mastodon.arrivals()), Vec::<String>::new(), "{what}");
    }
    assert_eq!(trap.arrivals().all().len(), 0, "another host was asked for a page");
}

/// What was published before a list could be read is old, whatever the first tries brought (invariant 6).
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_that_could_not_be_read_is_no_first_contact() {
    let collection = |first: Value| json!({"type": "OrderedCollection", "totalItems": 3, "first": first});
    let cases = [
        ("an outbox of another shape", json!({"error": "try again"})),
        ("an outbox that is null", json!(null)),
        (
            "an outbox with a bad page",
            collection(json!(format!("{}?page=1", outbox_path()))),
        ),
        (
            "an outbox whose first page is elsewhere",
            collection(json!("https://video.example/outbox?page=1")),
        ),
    ];
    let (mut late, mut all) = (Vec::new(), 0);
    for (what, document) in cases {
        let source = Hostile::start().await;
        for number in 1..=3 {
            source.publish(number, |_| {});
        }
        let (mastodon, token) = mastodon().await;
        source.on(&outbox_path(), move |ask| match ask.number("page") {
            0 => as_json(List::Outbox, &document),
            _ => as_json(List::Outbox, &json!({"message": "try again"})),
        });
        let tombolo = program(&source, "outbox", &mastodon, &token);
        let first = watched(&tombolo, &["--wait", "0s"]).await;
        source.behave();
        let second = watched(&tombolo, &["--wait", "0s"]).await;
        let posted = mastodon.statuses("me").len();
        all += posted;
        if posted > 0 || first.code == 0 {
            late.push(format!(
                "{what}: exit {}, then {posted} old posts went out: {}{}",
                first.code, first.stderr, second.stderr
            ));
        }
    }
    assert_eq!(late, Vec::<String>::new(), "{all} old posts went out");
}

/// At first contact the newest posts are asked whether they are finished. One that can't be read stops nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_post_that_cannot_be_read_does_not_keep_a_route_from_beginning() {
    let mut stopped = Vec::new();
    for (what, bad) in [
        ("another's id", "https://elsewhere.example/1"),
        ("too large", ""),
        ("an error of its own", ""),
    ] {
        let source = Hostile::start().await;
        let video = source.publish(1, |v| {
            v.claims = Some(bad.to_owned()).filter(|id| !id.is_empty());
            v.description = if what == "too large" {
                "d".repeat(10 << 20)
            } else {
                String::new()
            };
        });
        if what == "an error of its own" {
            source.on(&format!("/api/v1/videos/{}", video.uuid), |_| {
                reply(418, "text/html", "no")
            });
            source.on(&format!("/videos/watch/{}", video.uuid), |_| {
                reply(418, "text/html", "no")
            });
        }
        source.publish(2, |_| {});
        let (mastodon, token) = mastodon().await;
        let programs = ["api", "outbox"].map(|read| (read, program(&source, read, &mastodon, &token)));
        for (read, tombolo) in &programs {
            let pass = watched(tombolo, &["--wait", "0s"]).await;
            told(what, read, &pass);
            if pass.code != 0 {
                stopped.push(format!("{what} ({read}): exit {}: {}", pass.code, brief(&pass.stderr)));
            }
        }
        assert_eq!(mastodon.statuses("me").len(), 0, "{what}");
        source.publish(3, |_| {});
        for (read, tombolo) in &programs {
            let pass = watched(tombolo, &["--wait", "0s"]).await;
            if !pass
                .lines
                .iter()
                .any(|l| l["state"] == "published" && l["title"] == "Video 003")
            {
                stopped.push(format!("{what} ({read}): the next one wasn't carried: {pass}"));
            }
        }
        assert!(
            mastodon
                .statuses("me")
                .iter()
                .all(|s| s.text.starts_with("Video 003\n")),
            "{what}: an old post went out"
        );
    }
    assert_eq!(stopped, Vec::<String>::new());
}

/// A source with these videos and a good one, read by each reader, and what a Mastodon then has of them.
struct Beside {
    source: Hostile,
    mastodon: Mastodon,
    passes: Vec<(&'static str, Measured, Vec<Posted>)>,
}

impl Beside {
    /// `rules` says how the server answers for the files; `bad` are the videos.
    async fn of(bad: Vec<(usize, Change)>, rules: impl FnOnce(&Hostile), more: &str) -> Self {
        let source = Hostile::start().await;
        for (number, change) in bad {
            source.publish(number, change);
        }
        source.publish(GOOD, |_| {});
        rules(&source);
        let mastodon = Mastodon::start(Options {
            media_polls: 0,
            rate_limits: false,
            ..Options::default()
        })
        .await
        .unwrap();
        let mut passes = Vec::new();
        for name in ["everyone", "bob", "me_api", "me_outbox"] {
            mastodon.add_account(name);
        }
        for read in ["api", "outbox"] {
            let me = format!("me_{read}");
            let config = route(
                &source.base(),
                read,
                mastodon.base().as_str().trim_end_matches('/'),
                &mastodon.token(&me, "read write"),
            );
            let config = config.replace("\"me\"", &format!("{me:?}")) + "since = \"beginning\"\n" + more;
            let pass = watched(&Tombolo::configured(&config), &["--wait", "0s", "--limit", "100"]).await;
            told(&format!("{} posts", pass.lines.len()), read, &pass);
            let posted = mastodon.statuses(&me);
            passes.push((read, pass, posted));
        }
        let beside = Self {
            source,
            mastodon,
            passes,
        };
        beside.each(GOOD, |line, posted| {
            assert_eq!(line["state"], "published", "{line}");
            let posted = posted.expect("the good one is there");
            assert!(posted.text.starts_with("Video 999\n"), "{posted:?}");
            assert_eq!(posted.media[0].sha256, sha256(&good_file()), "{posted:?}");
        });
        for (read, pass, posted) in &beside.passes {
            let published = pass.lines.iter().filter(|l| l["state"] == "published").count();
            assert_eq!(published, posted.len(), "{read}: what is said to be there is there");
        }
        beside
    }

    /// Looks at what each reader made of a video: its line, and its status if there is one.
    fn each(&self, number: usize, look: impl Fn(&Value, Option<&Posted>)) {
        for (read, pass, posted) in &self.passes {
            let line = pass
                .lines
                .iter()
                .find(|l| l["post"].as_str().is_some_and(|post| post.ends_with(&uuid(number))));
            let line = line.unwrap_or_else(|| panic!("{read}: nothing is said of {number}: {}", brief(&pass.stderr)));
            let id = line["copy"]["id"].as_str();
            look(line, posted.iter().find(|p| Some(p.id.as_str()) == id));
        }
    }

    /// The video went without its file, and it is said why.
    fn without_file(&self, number: usize, thumbnail: bool, why: &str) {
        self.each(number, |line, posted| {
            assert_eq!(line["state"], "published", "{line}");
            assert!(
                line["reason"].as_str().is_some_and(|r| r.contains(why)),
                "{why:?} isn't in {line}"
            );
            let posted = posted.expect("it is there");
            assert_eq!(posted.media.len(), usize::from(thumbnail), "{line}");
            assert!(posted.media.iter().all(is_the_picture), "{line}");
        });
    }

    /// The video went with the good file, and with or without a thumbnail.
    fn with_file(&self, number: usize, thumbnail: bool) {
        self.each(number, |line, posted| {
            assert_eq!(line["state"], "published", "{line}");
            let posted = posted.expect("it is there");
            assert_eq!(posted.media[0].sha256, sha256(&good_file()), "{line}");
            assert_eq!(posted.media[0].thumbnail.is_some(), thumbnail, "{line}");
        });
    }

    /// The video waits, and it is said for what.
    fn waits(&self, number: usize, why: &str) {
        self.each(number, |line, posted| {
            assert_eq!((&line["state"], posted), (&json!("waiting"), None), "{line}");
            assert!(
                line["reason"].as_str().is_some_and(|r| r.contains(why)),
                "{why:?} isn't in {line}"
            );
        });
    }
}

/// Whether it is the thumbnail, to the pixel and without the comment that the source's file has.
fn is_the_picture(sent: &PostedMedia) -> bool {
    let pixels = |bytes: &[u8]| image::load_from_memory(bytes).map(|picture| picture.to_rgb8()).ok();
    let (own, sent) = (media("picture.jpg"), sent.bytes.as_deref().unwrap_or_default());
    let has = |bytes: &[u8], word: &[u8]| bytes.windows(word.len()).any(|w| w == word);
    assert!(has(&own, b"Lavc"), "the source's file has a comment");
    pixels(sent).is_some() && pixels(sent) == pixels(&own) && !has(sent, b"Lavc")
}

const GOOD: usize = 999;

type Change = Box<dyn FnOnce(&mut Video)>;

fn filed(number: usize, url: impl Into<String>, bytes: u64) -> (usize, Change) {
    let url = url.into();
    (number, Box::new(move |v| v.file = Some((url, bytes))))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_is_not_what_it_should_be_is_never_sent_as_a_video() {
    let trap = Hostile::start().await;
    trap.on("/", |_| reply(200, "video/mp4", good_file()));
    // Ten bytes are announced, all come: below HTTP, on a server that is configured so that plain http is let through.
    let mut more =
        b"HTTP/1.1 200 OK\r\nContent-Type: video/mp4\r\nContent-Length: 10\r\nConnection: close\r\n\r\n".to_vec();
    more.extend(good_file());
    let longer = raw(more).await;
    let site = Hostile::start().await;
    let at = |path: &str| format!("{}{path}", site.base());
    let bytes = good_file().len() as u64;
    let nowhere = |number, url: &str| -> (usize, Change) {
        let url = url.to_owned();
        (
            number,
            Box::new(move |v| (v.file, v.thumbnail) = (Some((url.clone(), 5000)), Some(url))),
        )
    };
    let trapped = format!("{}/x.mp4", trap.base());
    let bad = vec![
        filed(1, trapped.clone(), bytes),
        filed(2, "https://169.254.169.254/latest.mp4", bytes),
        filed(3, at("/redirect.mp4"), bytes),
        filed(
            4,
            site.base().replace("http://", "http://me:secret@") + "/page.mp4",
            bytes,
        ),
        nowhere(5, "file:///etc/passwd"),
        nowhere(6, "javascript:alert(1)"),
        nowhere(7, "data:video/mp4;base64,AAAA"),
        filed(8, at("/page.mp4"), bytes),
        filed(9, at("/page-as-video.mp4"), bytes),
        filed(10, at("/empty.mp4"), bytes),
        filed(11, at("/unannounced.mp4"), bytes),
        filed(12, at("/far-larger.mp4"), bytes),
        filed(13, format!("{longer}/longer.mp4"), bytes),
        filed(14, at("/cut.mp4"), bytes),
        filed(15, at("/gone.mp4"), bytes),
    ];
    let configured = format!(
        "\n[accounts.files]\nplatform = \"peertube\"\ninstance = \"{}\"\nhandle = \"x\"\n\
         [accounts.others]\nplatform = \"peertube\"\ninstance = \"{longer}\"\nhandle = \"x\"\n",
        site.base()
    );
    site.on("/redirect.mp4", move |_| redirect(&trapped));
    site.on("/page.mp4", |_| login_page());
    site.on("/page-as-video.mp4", |_| {
        reply(200, "video/mp4", "<!doctype html><p>Please sign in")
    });
    site.on("/empty.mp4", |_| reply(200, "video/mp4", ""));
    site.on("/unannounced.mp4", |_| flood("video/mp4", "", 7, 100 << 20));
    site.on("/far-larger.mp4", |_| {
        let mut reply = flood("video/mp4", "", 7, 4 << 30);
        reply.headers_mut().insert("content-length", (4_u64 << 30).into());
        reply
    });
    site.on("/cut.mp4", |_| {
        cut_short("video/mp4", good_file()[..5000].to_vec(), good_file().len())
    });
    site.on("/gone.mp4", |_| reply(404, "text/html", "gone"));
    let beside = Beside::of(bad, |_| {}, &configured).await;
    assert_eq!(trap.arrivals().all().len(), 0, "somebody was sent inside");
    beside.without_file(1, true, "plain http");
    beside.without_file(2, true, "private or reserved");
    beside.without_file(3, true, "plain http");
    beside.without_file(4, true, "offers no file");
    for number in [5, 6, 7] {
        beside.without_file(number, false, "offers no file");
    }
    beside.without_file(8, true, "web page");
    beside.without_file(9, true, "not possible");
    beside.without_file(10, true, "empty");
    beside.without_file(11, true, "larger than announced");
    beside.without_file(12, true, "larger than announced");
    // A Mastodon answers the first bytes of a film with 500, which might pass; so it may be tried again.
    beside.each(13, |line, posted| {
        assert!(line["reason"].is_string(), "{line}");
        assert!(posted.is_none_or(|p| p.media.iter().all(is_the_picture)), "{posted:?}");
    });
    beside.waits(14, "broke off");
    beside.waits(15, "gone");
    assert!(beside.passes.iter().all(|(_, pass, _)| pass.code == 3));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sizes_that_the_source_gets_wrong_and_thumbnails_that_are_none_stop_no_video() {
    let size = good_file().len() as u64;
    let thumbnail = |number, path: &'static str, with_file: bool| -> (usize, Change) {
        (
            number,
            Box::new(move |v| {
                let base = v
                    .thumbnail
                    .take()
                    .and_then(|url| url.split_once("/good/").map(|(base, _)| base.to_owned()));
                v.thumbnail = base.map(|base| format!("{base}{path}"));
                v.file = v.file.take().filter(|_| with_file);
            }),
        )
    };
    let sized = |number, bytes| -> (usize, Change) {
        (
            number,
            Box::new(move |v| {
                v.file = v.file.take().map(|(url, _)| (url, bytes));
            }),
        )
    };
    let bad = vec![
        sized(1, 10),
        sized(2, 100 * size),
        thumbnail(3, "/page.jpg", true),
        thumbnail(4, "/huge.jpg", true),
        thumbnail(5, "/page.jpg", false),
        thumbnail(6, "/huge.jpg", false),
        thumbnail(7, "/bomb.jpg", false),
        thumbnail(8, "/page-as-picture.jpg", false),
    ];
    let rules = |source: &Hostile| {
        source.on("/page.jpg", |_| login_page());
        source.on("/huge.jpg", |_| flood("image/jpeg", "", 7, 100 << 20));
        source.on("/bomb.jpg", |_| gzip_bomb("image/jpeg", 100 << 20));
        source.on("/page-as-picture.jpg", |_| reply(200, "image/jpeg", "<!doctype html>"));
    };
    let beside = Beside::of(bad, rules, "").await;
    for (number, thumbnail) in [(1, true), (2, true), (3, false), (4, false)] {
        beside.with_file(number, thumbnail);
    }
    beside.without_file(5, false, "web page");
    beside.without_file(6, false, "larger than");
    beside.without_file(7, false, "larger than");
    beside.without_file(8, false, "not possible");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn texts_that_attack_come_out_harmless() {
    let text = |number, title: &str, description: String| -> (usize, Change) {
        let title = title.to_owned();
        (
            number,
            Box::new(move |v| (v.title, v.description) = (title, description)),
        )
    };
    let bad = vec![
        text(1, &"T".repeat(1 << 20), "short".into()),
        text(
            2,
            "NUL\0s and \u{202e}turned\u{2066} and \u{feff}\u{7}",
            "a\0b\u{202e}c\u{2067}d\u{1b}[31me".into(),
        ),
        text(
            3,
            "@everyone @bob",
            "Hi @everyone, @bob! (@bob) ,@bob .@bob\n@bob\nhttps://example.org/,@bob/x?a=,@bob #@bob @\u{200b}bob"
                .into(),
        ),
        text(
            4,
            "[@bob](https://example.org/@bob)",
            "[x](https://example.org/,@bob) <@bob> `@bob` *@bob* @bob@127.0.0.1 ＠bob".into(),
        ),
        text(5, "deep", "[".repeat(200_000)),
        text(6, "deep quotes", "> ".repeat(100_000) + "x"),
        text(7, "stars", "*a **b ".repeat(30_000)),
        text(8, "one grapheme", format!("e{}", "\u{301}".repeat(100_000))),
        text(9, "links", "https://example.org/,@bob ".repeat(9_000)),
        text(
            10,
            "one link",
            format!("https://example.org/{}", "a,@bob".repeat(30_000)),
        ),
        text(11, "backticks and angles", "`<![".repeat(60_000)),
        text(12, "@s", "@a ".repeat(80_000)),
        text(
            13,
            "lists",
            (0..2000).map(|n| format!("{}- x\n", " ".repeat(n))).collect(),
        ),
        (
            14,
            Box::new(|v: &mut Video| {
                v.tags = (0..500)
                    .map(|n| format!("@bob {n} \u{202e}#,@everyone"))
                    .chain(["@bob".to_owned(), "\0".to_owned()])
                    .collect();
                v.warning = Some(format!("@everyone \0{}", "w,@bob ".repeat(5_000)));
            }) as Change,
        ),
        (
            15,
            Box::new(|v: &mut Video| v.description = "d".repeat(10 << 20)) as Change,
        ),
    ];
    let beside = Beside::of(bad, |_| {}, "").await;
    for number in 1..=14 {
        beside.each(number, |line, posted| {
            assert_eq!(line["state"], "published", "{line}");
            let posted = posted.expect("it is there");
            let alt = posted.media[0].description.clone().unwrap_or_default();
            for text in [&posted.text, &posted.spoiler_text, &alt] {
                let harmful = |c: char| {
                    (c.is_control() && c != '\n') || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
                };
                assert!(!text.contains(harmful), "{number}: {text:?}");
            }
            // Nobody is notified by an alternative text.
            for text in [&posted.text, &posted.spoiler_text] {
                assert!(
                    mentioned(text).is_empty(),
                    "{number} mentions {:?} in {text:?}",
                    mentioned(text)
                );
            }
            assert_eq!(posted.mentions, Vec::<String>::new(), "{number}");
            let short = line["post"].as_str().map(|id| &id[..id.find("/videos").unwrap_or(0)]);
            assert!(
                short.is_some_and(|base| posted.text.contains(base)),
                "{number}: no link to the original in {:?}",
                posted.text
            );
        });
    }
    beside.waits(15, "larger than");
    for (_, pass, _) in &beside.passes {
        assert!(
            !pass.stderr.contains('\0') && !pass.stderr.contains('\u{1b}') && !pass.stderr.contains('\u{202e}'),
            "{}",
            brief(&pass.stderr)
        );
        assert!(
            pass.stderr.len() < 100_000 && pass.stdout.len() < 200_000,
            "{} and {} bytes are shown",
            pass.stderr.len(),
            pass.stdout.len()
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_belongs_to_others_is_not_carried() {
    let elsewhere =
        |number, id: &'static str| -> (usize, Change) { (number, Box::new(move |v| v.claims = Some(id.into()))) };
    let bad = vec![
        elsewhere(1, "https://elsewhere.example/videos/watch/1"),
        elsewhere(2, "file:///etc/passwd"),
        elsewhere(3, ""),
        (
            4,
            Box::new(|v: &mut Video| v.author = Some("https://elsewhere.example/video-channels/x".into())) as Change,
        ),
    ];
    let beside = Beside::of(bad, |_| {}, "").await;
    for number in [1, 2, 3] {
        beside.waits(number, "");
    }
    beside.each(4, |line, posted| {
        assert_eq!((&line["state"], posted), (&json!("skipped"), None), "{line}");
        assert!(line["reason"].as_str().is_some_and(|r| r.contains("not by")), "{line}");
    });
    assert_eq!(beside.mastodon.statuses("me_api").len(), 1);
    // Ids of others in the lists themselves aren't even looked at.
    let others = [
        "https://elsewhere.example/videos/watch/1",
        "http://127.0.0.1:1/videos/watch/2",
        "javascript:alert(1)",
        "file:///etc/passwd",
        "\0",
    ];
    beside.source.on_lists(move |_, list| {
        let outbox = outbox_path();
        as_json(
            list,
            &match list {
                List::Api => json!({"total": 5, "data": others.map(|id| json!({"url": id, "privacy": {"id": 1}}))}),
                List::Outbox => outbox_page(&outbox, 1, &others.map(|id| announce("x", id)), None),
            },
        )
    });
    let before = writes(beside.mastodon.arrivals());
    for read in READERS {
        let token = beside.mastodon.token("me_api", "read write");
        let config = route(
            &beside.source.base(),
            read,
            beside.mastodon.base().as_str().trim_end_matches('/'),
            &token,
        );
        let pass = watched(&Tombolo::configured(&config.replace("\"me\"", "\"me_api\"")), &ALL).await;
        assert_eq!((pass.code, pass.lines.len()), (0, 0), "{read}: {pass}");
    }
    assert_eq!(writes(beside.mastodon.arrivals()), before);
}
