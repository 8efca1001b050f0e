//! What takes hours, on a clock that is moved: the servers' and the engine's are the same one.

use std::sync::Mutex as Lock;

use chrono::TimeDelta;
use tombolo_mastodon::stand_in::{Mastodon, NewMedia, NewStatus};
use tombolo_model::{MemoryCache, NoProgress, ProgressSink, PublishProgress, SeededEntropy, Step, TestClock};
use tombolo_net::stand_in::Fault;
use tombolo_peertube::stand_in::{NewVideo, PeerTube, VideoFile};

use super::*;
use crate::assemble;
use crate::config::{self, Config, Inputs};
use crate::daemon::{self, Timetable};
use crate::ledger::{Changes, Delivery, PartState, Publishing, StateName};
use crate::schedule::Schedule;

/// A PeerTube (`tube`), a Mastodon with two accounts (`toots`, `second`), and an engine with one route.
struct World {
    clock: TestClock,
    tube: PeerTube,
    toots: Mastodon,
    config: Config,
    engine: Engine,
    _dir: tempfile::TempDir,
}

impl World {
    async fn new(from: &str, to: &str, more: &str) -> Self {
        let clock = TestClock::at("2026-05-04T10:00:00Z".parse().expect("a time"));
        let shared: Arc<dyn Clock> = Arc::new(clock.clone());
        let tube = PeerTube::start(tombolo_peertube::stand_in::Options::new(shared.clone())).await;
        let tube = tube.expect("the stand-in starts");
        let toots = Mastodon::start(tombolo_mastodon::stand_in::Options {
            clock: shared.clone(),
            ..tombolo_mastodon::stand_in::Options::default()
        });
        let toots = toots.await.expect("the stand-in starts");
        let mut text = format!(
            "[accounts.tube]\nplatform = \"peertube\"\ninstance = \"{}\"\nhandle = \"alice_channel\"\n\
             username = \"alice\"\npassword = \"{}\"\n",
            tube.base(),
            tube.password("alice")
        );
        for name in ["toots", "second"] {
            text += &format!(
                "[accounts.{name}]\nplatform = \"mastodon\"\ninstance = \"{}\"\nhandle = \"{name}\"\ntoken = \"{}\"\n",
                toots.base(),
                toots.add_account(name)
            );
        }
        text += &format!("[routes.r]\nfrom = \"{from}\"\nto = [\"{to}\"]\nsince = \"beginning\"\n{more}\n");
        text += "[network]\nallow = [\"127.0.0.0/8\"]\nallow_http = true\n";
        let dir = tempfile::tempdir().expect("a directory");
        let file = dir.path().join("config.toml");
        std::fs::write(&file, text).expect("it is written");
        std::fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o600)).expect("it is ours");
        let inputs = Inputs {
            file: Some(file),
            data_dir: Some(dir.path().join("data")),
            ..Inputs::new(BTreeMap::from([("HOME".to_owned(), dir.path().display().to_string())]))
        };
        let config = config::load(&inputs, |_| Ok(())).expect("a good configuration").config;
        let routes = assemble::routes(&config);
        let ledger = Ledger::open(&config.data_dir, "a test").expect("a ledger");
        let net = assemble::net(&config, shared, Arc::new(SeededEntropy::new(1))).expect("a client");
        let cache = Arc::new(MemoryCache::default());
        let engine = assemble::engine(&config, &routes, ledger, net, cache, false).await;
        Self {
            clock,
            tube,
            toots,
            engine: engine.expect("an engine"),
            config,
            _dir: dir,
        }
    }

    /// One pass without waiting: what it said of each delivery.
    async fn pass(&self) -> Vec<Line> {
        self.pass_of(Duration::ZERO).await
    }

    async fn pass_of(&self, wait: Duration) -> Vec<Line> {
        let options = RunOptions {
            since: None,
            limit: None,
            wait,
            dry_run: false,
        };
        let said = Said::default();
        let summary = self.engine.run(&self.engine.routes, &options, &said).await;
        assert_eq!(summary.expect("a pass").troubles, Vec::new());
        said.0.into_inner().expect("nobody panicked")
    }

    /// The same of some routes, whatever is wrong with accounts.
    async fn run(&self, routes: &[Route], wait: Duration) -> Vec<Line> {
        let options = RunOptions {
            since: None,
            limit: None,
            wait,
            dry_run: false,
        };
        let said = Said::default();
        self.engine.run(routes, &options, &said).await.expect("a pass");
        said.0.into_inner().expect("nobody panicked")
    }

    fn the_delivery(&self) -> Delivery {
        self.engine.ledger.all_deliveries().expect("a ledger").remove(0)
    }

    async fn put(&self, delivery: &Delivery) {
        let mut changes = Changes::new();
        changes.put_delivery(delivery);
        self.engine.ledger.commit(changes).await.expect("it is written");
    }

    fn later(&self, minutes: u64) {
        self.clock.advance(Duration::from_secs(60 * minutes));
    }
}

/// Keeps what is said of deliveries.
#[derive(Default)]
struct Said(Lock<Vec<Line>>);

impl Observer for Said {
    fn delivery(&self, line: &Line) {
        self.0.lock().expect("nobody panicked").push(line.clone());
    }
    fn trouble(&self, _: &Trouble) {}
    fn note(&self, _: &str, _: &str) {}
    fn progress(&self, _: &str) -> Arc<dyn ProgressSink> {
        Arc::new(NoProgress)
    }
}

fn states(lines: &[Line]) -> Vec<StateName> {
    lines.iter().map(|line| line.state).collect()
}

fn media(name: &str) -> Vec<u8> {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/media")
        .join(name);
    std::fs::read(path).expect("it is in the repository")
}

fn film() -> NewVideo {
    NewVideo::titled("Low tide").web([VideoFile::sized(160, 90).body(media("clip-with-sound.mp4"))])
}

#[tokio::test]
async fn a_held_post_is_carried_by_itself_once_its_creator_has_mended_it() {
    let world = World::new("toots", "second", "require_alt = \"hold\"").await;
    let photo = NewStatus::new("The sea").media(NewMedia::new(media("picture.jpg")));
    let post = world.toots.publish("toots", photo).expect("it is published");
    assert_eq!(states(&world.pass().await), [StateName::Held]);
    assert!(world.toots.describe(&post.id, "A wave"));
    world.later(31);
    assert_eq!(states(&world.pass().await), [StateName::Published]);
    let copies = world.toots.statuses("second");
    assert_eq!(copies[0].media[0].description.as_deref(), Some("A wave"));
}

#[tokio::test]
async fn the_daemon_goes_on_between_ticks_with_what_became_due() {
    let world = World::new(
        "tube",
        "toots",
        "min_age = \"3h\"\nschedule = \"@yearly\"\njitter = \"0s\"",
    )
    .await;
    let begun = world.clock.now();
    world.tube.publish(film().at(begun));
    let timetables = [Timetable {
        route: world.engine.routes[0].clone(),
        schedule: Schedule::parse(&world.config.routes["r"].schedule).expect("a schedule"),
        zone: world.config.timezone,
        jitter: Duration::ZERO,
    }];
    let (stopping, toots) = (world.engine.stopping.clone(), &world.toots);
    let watch = async {
        // The clock moves as the daemon sleeps on it; this only looks.
        while toots.statuses("toots").is_empty() && world.clock.now() - begun < TimeDelta::days(2) {
            tokio::task::yield_now().await;
        }
        stopping.store(true, Ordering::Relaxed);
    };
    let (ended, ()) = tokio::join!(daemon::run(&world.engine, &timetables), watch);
    ended.expect("no trouble with the ledger");
    assert_eq!(world.toots.statuses("toots").len(), 1);
    let took = world.clock.now() - begun;
    assert!(TimeDelta::hours(3) <= took && took < TimeDelta::hours(4), "{took}");
}

#[tokio::test]
async fn a_file_that_never_comes_holds_its_post_up_for_some_hours_at_most() {
    let world = World::new("tube", "toots", "").await;
    world.tube.publish(film().at(world.clock.now()));
    let busy = Fault::Answer(503, Vec::new(), String::new());
    world.tube.faults().next("GET", "/static/web-videos/", u32::MAX, busy);
    let begun = world.clock.now();
    let lines = world.pass_of(Duration::from_secs(86_400)).await;
    assert_eq!(states(&lines), [StateName::Published], "{lines:?}");
    let took = world.clock.now() - begun;
    assert!(TimeDelta::hours(2) <= took && took <= TimeDelta::hours(5), "{took}");
    let status = &world.toots.statuses("toots")[0];
    assert!(
        status
            .media
            .iter()
            .all(|medium| medium.media_type.starts_with("image/")),
        "{status:?}"
    );
    assert!(status.text.contains("/w/"), "{}", status.text);
}

#[tokio::test]
async fn a_copy_that_is_gone_before_it_was_finished_fails_and_is_made_anew_when_it_is_set_free() {
    let world = World::new("toots", "tube", "").await;
    world
        .tube
        .set(|settings| settings.transcoding = Duration::from_secs(3600));
    let status = NewStatus::new("Low tide").media(NewMedia::new(media("clip-with-sound.mp4")));
    world.toots.publish("toots", status).expect("it is published");
    assert_eq!(states(&world.pass().await), [StateName::Waiting]);
    let first = world.tube.uploaded()[0].uuid.clone();
    world.tube.delete(&first);
    world.later(120);
    let lines = world.pass().await;
    assert_eq!(states(&lines), [StateName::Failed], "{lines:?}");
    let mut freed = world.the_delivery();
    freed.parts[0].set_free(world.clock.now());
    world.put(&freed).await;
    world.tube.set(|settings| settings.transcoding = Duration::ZERO);
    let lines = world.pass_of(Duration::from_secs(3600)).await;
    assert_eq!(states(&lines), [StateName::Published], "{lines:?}");
    let there: Vec<String> = world.tube.uploaded().into_iter().map(|video| video.uuid).collect();
    assert!(there.len() == 1 && there[0] != first, "{there:?}");
}

#[tokio::test]
async fn what_is_retried_waits_no_longer() {
    let world = World::new("tube", "toots", "").await;
    world.tube.publish(film().at(world.clock.now()));
    let tired = Fault::Answer(429, vec![("retry-after".into(), "1200".into())], String::new());
    world.toots.faults().next("POST", "/api/v1/statuses", 1, tired);
    assert_eq!(states(&world.pass().await), [StateName::Waiting]);
    let mut waiting = world.the_delivery();
    assert!(waiting.due().expect("it waits") > world.clock.now());
    waiting.wait_no_longer(world.clock.now());
    assert_eq!(waiting.state(), StateName::Waiting);
    assert_eq!(waiting.due(), Some(world.clock.now()));
}

#[tokio::test]
async fn a_video_that_is_being_transcoded_does_not_hold_up_the_next_one_of_its_post() {
    let world = World::new("toots", "tube", "").await;
    world
        .tube
        .set(|settings| settings.transcoding = Duration::from_secs(3600));
    let clip = || NewMedia::new(media("clip-with-sound.mp4"));
    let status = NewStatus::new("Two walks").media(clip()).media(clip());
    world.toots.publish("toots", status).expect("it is published");
    assert_eq!(states(&world.pass().await), [StateName::Waiting]);
    assert_eq!(world.tube.uploaded().len(), 2);
    world.later(120);
    assert_eq!(states(&world.pass().await), [StateName::Published]);
    assert_eq!(world.tube.uploaded().len(), 2);
}

#[tokio::test]
async fn of_two_videos_that_settle_the_one_that_is_due_is_asked_about() {
    let world = World::new("toots", "tube", "").await;
    world
        .tube
        .set(|settings| settings.transcoding = Duration::from_secs(3600));
    let clip = || NewMedia::new(media("clip-with-sound.mp4"));
    let status = NewStatus::new("Two walks").media(clip()).media(clip());
    world.toots.publish("toots", status).expect("it is published");
    assert_eq!(states(&world.pass().await), [StateName::Waiting]);
    let looks = |at: usize| {
        let path = format!("/api/v1/videos/{}", world.tube.uploaded()[at].uuid);
        world.tube.arrivals().count("GET", &path)
    };
    // The first one waits longer than the second.
    let mut both = world.the_delivery();
    if let PartState::Settling { waiting, .. } = &mut both.parts[0].state {
        waiting.not_before = world.clock.now() + TimeDelta::hours(6);
    }
    world.put(&both).await;
    let before = (looks(0), looks(1));
    world.later(120);
    assert_eq!(states(&world.pass().await), [StateName::Waiting]);
    assert_eq!((looks(0), looks(1)), (before.0, before.1 + 1));
    world.later(300);
    assert_eq!(states(&world.pass().await), [StateName::Published]);
}

#[tokio::test]
async fn while_one_video_settles_another_that_was_interrupted_is_waited_for_and_sent_again() {
    let world = World::new("toots", "tube", "").await;
    world
        .tube
        .set(|settings| settings.transcoding = Duration::from_secs(10));
    let clip = || NewMedia::new(media("clip-with-sound.mp4"));
    let status = NewStatus::new("Two walks").media(clip()).media(clip());
    world.toots.publish("toots", status).expect("it is published");
    assert_eq!(states(&world.pass().await), [StateName::Waiting]);
    let uploaded = world.tube.uploaded();
    // As it is after a kill before the request arrived.
    world.tube.delete(&uploaded[1].uuid);
    let mut interrupted = world.the_delivery();
    interrupted.parts[1].state = PartState::Publishing(Publishing {
        step: Step::Post,
        since: world.clock.now(),
        progress: PublishProgress::default(),
    });
    world.put(&interrupted).await;
    let lines = world.pass_of(Duration::from_secs(600)).await;
    assert_eq!(states(&lines), [StateName::Published], "{lines:?}");
    let there: Vec<String> = world.tube.uploaded().into_iter().map(|video| video.uuid).collect();
    assert!(there.len() == 2 && there.contains(&uploaded[0].uuid), "{there:?}");
}

#[tokio::test]
async fn a_video_is_published_once_a_moderator_has_let_it_through_and_failed_where_none_ever_does() {
    for approved in [true, false] {
        let world = World::new("toots", "tube", "").await;
        world.tube.set(|settings| {
            settings.auto_blacklist = true;
            settings.transcoding = Duration::ZERO;
        });
        let status = NewStatus::new("Low tide").media(NewMedia::new(media("clip-with-sound.mp4")));
        world.toots.publish("toots", status).expect("it is published");
        let lines = world.pass_of(Duration::from_secs(600)).await;
        assert_eq!(states(&lines), [StateName::Waiting], "{lines:?}");
        assert!(
            lines[0].reason.as_deref().is_some_and(|why| why.contains("moderat")),
            "{lines:?}"
        );
        if approved {
            world.tube.unblock(&world.tube.uploaded()[0].uuid);
            world.later(7 * 60);
            assert_eq!(states(&world.pass().await), [StateName::Published]);
        } else {
            world.later(31 * 24 * 60);
            assert_eq!(states(&world.pass().await), [StateName::Failed]);
        }
        assert_eq!(world.tube.uploaded().len(), 1);
    }
}

#[tokio::test]
async fn a_failed_copy_that_its_creator_has_deleted_is_made_anew_by_one_retry() {
    let world = World::new("toots", "tube", "").await;
    world
        .tube
        .set(|settings| settings.transcoding = Duration::from_secs(3600));
    let status = NewStatus::new("Low tide").media(NewMedia::new(media("clip-with-sound.mp4")));
    world.toots.publish("toots", status).expect("it is published");
    assert_eq!(states(&world.pass().await), [StateName::Waiting]);
    let first = world.tube.uploaded()[0].uuid.clone();
    world
        .tube
        .set_state(&first, tombolo_peertube::stand_in::State::TRANSCODING_FAILED);
    world.later(10);
    assert_eq!(states(&world.pass().await), [StateName::Failed]);
    world.tube.delete(&first);
    let mut failed = world.the_delivery();
    failed.parts[0].set_free(world.clock.now());
    world.put(&failed).await;
    world.tube.set(|settings| settings.transcoding = Duration::ZERO);
    let lines = world.pass_of(Duration::from_secs(3600)).await;
    assert_eq!(states(&lines), [StateName::Published], "{lines:?}");
    let there: Vec<String> = world.tube.uploaded().into_iter().map(|video| video.uuid).collect();
    assert!(there.len() == 1 && there[0] != first, "{there:?}");
}

#[tokio::test]
async fn a_post_of_which_it_is_never_told_whether_it_is_a_copy_is_held_for_its_creator_to_decide() {
    let world = World::new("toots", "second", "[routes.s]\nfrom = \"tube\"\nto = [\"second\"]").await;
    let gone = Fault::Answer(503, Vec::new(), String::new());
    world.tube.faults().next("GET", "/", u32::MAX, gone);
    let link = format!("Look: {}w/472tcPT6oLaZG1zrSedavL", world.tube.base());
    world
        .toots
        .publish("toots", NewStatus::new(&link))
        .expect("it is published");
    let route = &world.engine.routes[..1];
    let lines = world.run(route, Duration::from_secs(86_400)).await;
    assert_eq!(states(&lines), [StateName::Held], "{lines:?}");
    assert!(
        lines[0]
            .reason
            .as_deref()
            .is_some_and(|why| why.contains("can't be told")),
        "{lines:?}"
    );
    assert!(world.toots.statuses("second").is_empty());
    // A link to somebody's profile there is no link to a post.
    let profile = format!("Follow me: {}c/alice_channel", world.tube.base());
    world
        .toots
        .publish("toots", NewStatus::new(&profile))
        .expect("it is published");
    world.run(route, Duration::ZERO).await;
    assert_eq!(world.toots.statuses("second").len(), 1);
}

/// A photo on its way to a server that ignores keys; what becomes of the requests that make the post.
async fn photo_with(faults: &[Fault]) -> World {
    let world = World::new("toots", "second", "").await;
    world
        .toots
        .set_idempotency(tombolo_mastodon::stand_in::Idempotency::Ignored);
    for fault in faults {
        world.toots.faults().next("POST", "/api/v1/statuses", 1, fault.clone());
    }
    let photo = NewStatus::new("The sea").media(NewMedia::new(media("picture.jpg")).alt("A wave"));
    world.toots.publish("toots", photo).expect("it is published");
    world
}

#[tokio::test]
async fn a_refused_token_at_a_further_try_is_no_proof_that_nothing_was_made() {
    let json = || "application/json".to_owned();
    let world = photo_with(&[Fault::CutBefore, Fault::AnswerAfter(401, json(), "{}".into())]).await;
    world.run(&world.engine.routes, Duration::from_secs(600)).await;
    assert_eq!(world.the_delivery().state(), StateName::Unknown);
    assert_eq!(world.toots.statuses("second").len(), 1, "it took effect");
    world.later(10);
    let lines = world.run(&world.engine.routes, Duration::from_secs(600)).await;
    assert_eq!(states(&lines), [StateName::Published], "{lines:?}");
    assert_eq!(world.toots.statuses("second").len(), 1);
}

#[tokio::test]
async fn files_that_an_earlier_try_has_used_up_show_what_that_one_made() {
    let world = photo_with(&[Fault::CutAfter]).await;
    // Its listing lags behind: two looks see nothing.
    let id = world.toots.account_id("second").expect("an account");
    let list = format!("/api/v1/accounts/{id}/statuses");
    let kind = vec![("content-type".to_owned(), "application/json".to_owned())];
    let empty = Fault::Answer(200, kind, "[]".into());
    world.toots.faults().next("GET", &list, 2, empty);
    let lines = world.run(&world.engine.routes, Duration::from_secs(3600)).await;
    assert_eq!(states(&lines), [StateName::Published], "{lines:?}");
    assert_eq!(world.toots.arrivals().count("POST", "/api/v1/statuses"), 2);
    assert_eq!(world.toots.statuses("second").len(), 1);
}

#[tokio::test]
async fn an_instance_that_gives_no_answer_is_not_asked_again_for_the_next_post_that_links_there() {
    let mut asked = Vec::new();
    for posts in [1, 3] {
        let world = World::new("toots", "second", "[routes.s]\nfrom = \"tube\"\nto = [\"second\"]").await;
        let gone = Fault::Answer(503, Vec::new(), String::new());
        world.tube.faults().next("GET", "/", u32::MAX, gone);
        for n in 0..posts {
            let link = format!("Look, {n}: {}w/472tcPT6oLaZG1zrSedavL", world.tube.base());
            world
                .toots
                .publish("toots", NewStatus::new(&link))
                .expect("it is published");
        }
        let lines = world.run(&world.engine.routes[..1], Duration::ZERO).await;
        assert_eq!(states(&lines), vec![StateName::Waiting; posts]);
        asked.push(world.tube.arrivals().all().len());
    }
    assert_eq!(asked[0], asked[1]);
}

#[tokio::test]
async fn a_freed_copy_that_was_seen_in_work_and_is_deleted_later_is_not_made_anew() {
    let world = World::new("toots", "tube", "").await;
    world
        .tube
        .set(|settings| settings.transcoding = Duration::from_secs(36_000));
    let status = NewStatus::new("Low tide").media(NewMedia::new(media("clip-with-sound.mp4")));
    world.toots.publish("toots", status).expect("it is published");
    assert_eq!(states(&world.pass().await), [StateName::Waiting]);
    let mut freed = world.the_delivery();
    freed.parts[0].set_free(world.clock.now());
    world.put(&freed).await;
    world.later(10);
    assert_eq!(states(&world.pass().await), [StateName::Waiting], "it is in work");
    world.tube.delete(&world.tube.uploaded()[0].uuid);
    world.later(10);
    assert_eq!(states(&world.pass().await), [StateName::Failed]);
    assert!(world.tube.uploaded().is_empty());
}
