//! From a PeerTube to a Mastodon, both stand-ins: what is carried, in which form, and how often.

use chrono::{TimeDelta, Utc};
use serde_json::Value;
use tombolo_mastodon::stand_in::{Idempotency, InstanceLimits, Posted};
use tombolo_model::TestClock;
use tombolo_net::stand_in::Fault;
use tombolo_peertube::stand_in::{NewVideo, Privacy, State, VideoFile};

use crate::rig::{World, killed_often, playable, publish, video};

fn texts(statuses: &[Posted]) -> Vec<&str> {
    statuses.iter().map(|s| s.text.as_str()).collect()
}

fn only(statuses: Vec<Posted>) -> Posted {
    assert_eq!(statuses.len(), 1, "{:?}", texts(&statuses));
    statuses.into_iter().next().expect("one")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_video_arrives_whole_with_everything_its_creator_said() {
    let world = World::new("since = \"beginning\"\nvisibility = \"unlisted\"").await;
    let original = world.tube.publish(
        NewVideo::titled("Salt & sand")
            .description("First *line*.\r\nSecond line.\r\n\r\nWith @bob and @carol@elsewhere.example, see [this](https://example.org/a_b).")
            .tags(&["Peer Tube", "sea", "C++"])
            .language("pt-BR")
            .sensitive()
            .web([VideoFile::sized(640, 360).body(crate::rig::media("clip-with-sound.mp4"))]),
    );
    let pass = world.tombolo.sync(&[]).await;
    assert_eq!(
        (pass.code, pass.count("published")),
        (0, 1),
        "{}{}",
        pass.stdout,
        pass.stderr
    );
    let status = only(world.statuses());
    assert!(
        status
            .text
            .starts_with("Salt & sand\n\nFirst line.\nSecond line.\n\nWith "),
        "{}",
        status.text
    );
    assert!(
        status.text.contains("this (https://example.org/a_b)"),
        "{}",
        status.text
    );
    assert!(
        status
            .text
            .contains(&format!("\n\n{}\n\n#PeerTube #sea", original.page)),
        "{}",
        status.text
    );
    assert!(status.mentions.is_empty(), "{:?} were pinged", status.mentions);
    assert_eq!(status.visibility, "unlisted");
    assert!(status.sensitive && status.spoiler_text.is_empty());
    assert_eq!(status.language.as_deref(), Some("pt"));
    let medium = &status.media[0];
    assert_eq!(
        medium.bytes.as_deref(),
        Some(crate::rig::media("clip-with-sound.mp4").as_slice())
    );
    assert_eq!(medium.description.as_deref(), Some("Video: Salt & sand"));
    assert!(medium.thumbnail.is_some(), "a video with sound shows its thumbnail");
    let line = &pass.lines[0];
    assert_eq!(line["state"], "published");
    assert_eq!(line["post"], original.id.as_str());
    assert_eq!(line["copy"]["uri"], status.uri.as_str());
    assert_eq!(line["copies"].as_array().map(Vec::len), Some(1));
    assert_eq!(line["reason"], Value::Null, "nothing came out otherwise than meant");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn first_contact_posts_nothing_old_and_what_comes_later_is_carried() {
    let world = World::new("").await;
    publish(&world.tube, 0..12);
    let pass = world.tombolo.sync(&[]).await;
    assert_eq!((pass.code, pass.lines.len()), (0, 0), "{}", pass.stdout);
    assert!(pass.stderr.contains("12 of them stay as they are"), "{}", pass.stderr);
    world.tube.publish(video(12));
    assert_eq!(world.tombolo.sync(&[]).await.count("published"), 1);
    assert!(only(world.statuses()).text.starts_with("Video 012"));
    assert_eq!(world.tombolo.sync(&[]).await.count("published"), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backfill_is_paced_and_capped_and_begins_with_the_oldest() {
    let world = World::new("").await;
    let now = Utc::now();
    for n in 0..14 {
        world
            .tube
            .publish(video(n).at(now - TimeDelta::days(20 - i64::try_from(n).expect("few"))));
    }
    world.tombolo.sync(&[]).await;
    let capped = world.tombolo.sync(&["--since", "beginning"]).await;
    assert_eq!(
        (capped.code, capped.count("published"), capped.count("waiting")),
        (3, 10, 4),
        "{}",
        capped.stdout
    );
    let statuses = world.statuses();
    assert_eq!(statuses.len(), 10);
    for n in 0..10 {
        assert!(
            statuses.iter().any(|s| s.text.starts_with(&format!("Video {n:03}"))),
            "{n} is among the oldest"
        );
    }
    // The baseline was open for that run only.
    assert_eq!(world.tombolo.sync(&[]).await.count("published"), 0);
    let date = (now - TimeDelta::days(9)).format("%Y-%m-%d").to_string();
    assert_eq!(
        world
            .tombolo
            .sync(&["--since", &date, "--limit", "2"])
            .await
            .count("published"),
        2
    );
    assert_eq!(
        world
            .tombolo
            .sync(&["--since", "beginning", "--limit", "100"])
            .await
            .count("published"),
        2
    );
    assert_eq!(world.statuses().len(), 14);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_video_that_becomes_public_late_is_posted_once_by_both_readers() {
    for read in ["api", "outbox"] {
        let world = World::reading("alice_channel", read, "").await;
        publish(&world.tube, 0..4);
        let late = world.tube.publish(video(500).privacy(Privacy::UNLISTED));
        publish(&world.tube, 4..44);
        assert_eq!(world.tombolo.sync(&[]).await.count("published"), 0);
        world.tube.set_privacy(&late.uuid, Privacy::PUBLIC);
        let pass = world.tombolo.sync(&[]).await;
        assert_eq!(pass.count("published"), 1, "{read}: {}{}", pass.stdout, pass.stderr);
        assert!(only(world.statuses()).text.starts_with("Video 500"));
        assert_eq!(world.tombolo.sync(&[]).await.count("published"), 0);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_video_still_transcoding_at_first_contact_is_posted_when_it_is_done() {
    for (read, handle, listed) in [
        ("api", "alice", true),
        ("api", "alice_channel", false),
        ("outbox", "alice", false),
    ] {
        let world = World::reading(handle, read, "").await;
        publish(&world.tube, 0..3);
        let mut in_work = video(77).transcoding();
        // Where the creator doesn't want to wait, the REST list shows it before it is done.
        in_work.wait_transcoding = !listed;
        let in_work = world.tube.publish(in_work);
        let first = world.tombolo.sync(&["--wait", "0s"]).await;
        assert_eq!(first.count("published"), 0, "{read}: {}", first.stdout);
        world.tube.finish(&in_work.uuid);
        let pass = world.tombolo.sync(&["--wait", "90s"]).await;
        assert_eq!(
            pass.count("published"),
            1,
            "{read} {handle}: {}{}",
            pass.stdout,
            pass.stderr
        );
        assert!(only(world.statuses()).text.starts_with("Video 077"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_poll_without_news_is_one_request_and_writes_nothing() {
    let world = World::new("since = \"beginning\"").await;
    publish(&world.tube, 0..3);
    assert_eq!(world.tombolo.sync(&[]).await.count("published"), 3);
    for views in [false, true] {
        if views {
            // The list's validator changes with a view, its ids don't.
            let uuid = world.tube.videos()[0].uuid.clone();
            world.tube.add_view(&uuid);
        }
        let before = world.tombolo.seal();
        world.tube.arrivals().clear();
        world.toots.arrivals().clear();
        let pass = world.tombolo.sync(&[]).await;
        assert_eq!((pass.code, pass.lines.len()), (0, 0));
        let asked: Vec<String> = world.tube.arrivals().all().into_iter().map(|a| a.target).collect();
        assert_eq!(asked.len(), 1, "{asked:?}");
        assert_eq!(world.toots.arrivals().all().len(), 0);
        assert_eq!(world.tombolo.seal(), before, "the ledger was written");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_without_an_answer_makes_one_copy_whatever_the_server_does_with_keys() {
    let html = || Fault::AnswerAfter(200, "text/html".into(), "<html>Just a moment…</html>".into());
    let error = || Fault::AnswerAfter(502, "text/html".into(), "Bad Gateway".into());
    for idempotency in [Idempotency::Repeat500, Idempotency::Replays, Idempotency::Ignored] {
        for fault in [Fault::CutAfter, Fault::CutBefore, html(), error(), Fault::CutHalfway] {
            let world = World::new("since = \"beginning\"").await;
            world.toots.set_idempotency(idempotency);
            publish(&world.tube, 0..2);
            world.toots.faults().next("POST", "/api/v1/statuses", 1, fault.clone());
            let pass = world.tombolo.sync(&[]).await;
            assert_eq!(
                (pass.code, pass.count("published")),
                (0, 2),
                "{idempotency:?} {fault:?}: {}{}",
                pass.stdout,
                pass.stderr
            );
            assert_eq!(world.statuses().len(), 2, "{idempotency:?} {fault:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_destination_that_can_not_be_seen_gets_nothing_twice() {
    let world = World::new("since = \"beginning\"").await;
    publish(&world.tube, 0..1);
    world
        .toots
        .faults()
        .next("POST", "/api/v1/statuses", 1, Fault::CutAfter);
    let account = world.toots.account_id("me").expect("it is there");
    let broken = Fault::Answer(
        200,
        vec![("content-type".into(), "application/json".into())],
        "{\"oops\": 1}".into(),
    );
    world
        .toots
        .faults()
        .next("GET", &format!("/api/v1/accounts/{account}/statuses"), 1, broken);
    let pass = world.tombolo.sync(&["--wait", "3s"]).await;
    assert_eq!(
        (pass.code, pass.count("unknown")),
        (3, 1),
        "{}{}",
        pass.stdout,
        pass.stderr
    );
    assert_eq!(world.statuses().len(), 1, "it had arrived");
    assert_eq!(world.toots.arrivals().count("POST", "/api/v1/statuses"), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_refused_post_never_blocks_the_next_and_can_be_tried_again() {
    let world = World::new("since = \"beginning\"").await;
    publish(&world.tube, 0..3);
    let refusal = r#"{"error":"Validation failed: Text contains a disallowed hashtag"}"#;
    let refused = Fault::Answer(
        422,
        vec![("content-type".into(), "application/json".into())],
        refusal.into(),
    );
    world.toots.faults().next("POST", "/api/v1/statuses", 1, refused);
    let pass = world.tombolo.sync(&[]).await;
    assert_eq!(
        (pass.code, pass.count("published"), pass.count("failed")),
        (3, 2, 1),
        "{}",
        pass.stdout
    );
    let failed = pass
        .lines
        .iter()
        .find(|l| l["state"] == "failed")
        .expect("a line for it");
    assert!(
        failed["reason"]
            .as_str()
            .is_some_and(|r| r.contains("disallowed hashtag")),
        "{failed}"
    );
    assert_eq!(
        world.tombolo.sync(&[]).await.lines.len(),
        0,
        "a failed post isn't tried by itself"
    );
    world.tombolo.run(&["retry"]).await;
    assert_eq!(world.tombolo.sync(&[]).await.count("published"), 1);
    assert_eq!(world.statuses().len(), 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_best_file_that_fits_is_sent_and_the_thumbnail_where_none_does() {
    let limits = InstanceLimits {
        video_size_limit: 400_000,
        video_matrix_limit: 1_000_000,
        video_frame_rate_limit: 60,
        ..InstanceLimits::default()
    };
    let files = || {
        [
            playable(1920, 1080, 100_000),       // too many pixels
            playable(1280, 720, 400_000),        // not smaller than the limit
            playable(960, 540, 395_000),         // fits only without the request's other parts
            playable(854, 480, 90_000).fps(120), // too many frames
            playable(640, 360, 80_000),
            playable(426, 240, 40_000),
        ]
    };
    let cases: [(&str, NewVideo, Option<u64>); 5] = [
        ("web files", NewVideo::titled("A").web(files()), Some(80_000)),
        ("files of HLS", NewVideo::titled("A").hls(files()), Some(80_000)),
        (
            "sound apart",
            NewVideo::titled("A").hls([VideoFile::sized(640, 360).silent(), VideoFile::audio_only()]),
            None,
        ),
        (
            "none fits",
            NewVideo::titled("A").web([VideoFile::sized(1920, 1080)]),
            None,
        ),
        (
            "downloads disabled",
            NewVideo::titled("A").web(files()).with(|d| d.download_enabled = false),
            None,
        ),
    ];
    for (what, new, sent) in cases {
        let world = World::new("since = \"beginning\"").await;
        world.toots.set_limits(limits.clone());
        let video = world.tube.publish(new);
        let pass = world.tombolo.sync(&[]).await;
        assert_eq!(pass.count("published"), 1, "{what}: {}{}", pass.stdout, pass.stderr);
        let status = only(world.statuses());
        let medium = &status.media[0];
        let reason = pass.lines[0]["reason"].as_str().unwrap_or_default();
        match sent {
            Some(bytes) => {
                assert_eq!(medium.size, bytes, "{what}");
                let file = world
                    .tube
                    .files(&video.uuid)
                    .into_iter()
                    .find(|f| f.body.len() == bytes)
                    .expect("it is there");
                assert_eq!(medium.sha256, file.body.sha256(), "{what}");
                assert_eq!(reason, "", "{what}");
            }
            None => {
                assert!(medium.media_type.starts_with("image/"), "{what}: {}", medium.media_type);
                assert_eq!(medium.description.as_deref(), Some("Video: A"), "{what}");
                assert!(reason.contains("thumbnail and link, because"), "{what}: {reason}");
            }
        }
        assert!(status.text.contains(&video.page), "{what}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_live_broadcast_goes_as_thumbnail_and_link() {
    let world = World::new("since = \"beginning\"").await;
    let live = world
        .tube
        .publish(NewVideo::titled("On air").live().with(|d| d.duration = 0));
    world.tube.set_state(&live.uuid, State::PUBLISHED);
    let pass = world.tombolo.sync(&[]).await;
    assert_eq!(pass.count("published"), 1, "{}{}", pass.stdout, pass.stderr);
    let status = only(world.statuses());
    assert!(
        status.text.contains(&live.page) && status.media[0].media_type.starts_with("image/"),
        "{status:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_public_finished_videos_leave() {
    for read in ["api", "outbox"] {
        let world = World::reading("alice", read, "since = \"beginning\"").await;
        for (n, privacy) in [Privacy::UNLISTED, Privacy::PRIVATE, Privacy::INTERNAL]
            .into_iter()
            .enumerate()
        {
            world.tube.publish(video(n).privacy(privacy));
        }
        world.tube.publish(video(3).password("secret"));
        let blocked = world.tube.publish(video(4));
        world.tube.block(&blocked.uuid, "reported");
        let public = world.tube.publish(video(5));
        let pass = world.tombolo.sync(&["--wait", "0s"]).await;
        assert_eq!(pass.count("published"), 1, "{read}: {}{}", pass.stdout, pass.stderr);
        assert!(only(world.statuses()).text.contains(&public.page), "{read}");
        // A block that is lifted lets the video go.
        world.tube.unblock(&blocked.uuid);
        assert_eq!(world.tombolo.sync(&[]).await.count("published"), 1, "{read}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_is_missing_for_a_moment_is_not_given_up() {
    let world = World::new("since = \"beginning\"").await;
    publish(&world.tube, 0..2);
    let gone = Fault::Answer(404, vec![("content-type".into(), "text/html".into())], "gone".into());
    world.tube.faults().next("GET", "/static/web-videos/", 1, gone);
    let pass = world.tombolo.sync(&[]).await;
    assert_eq!(
        (pass.code, pass.count("published")),
        (0, 2),
        "{}{}",
        pass.stdout,
        pass.stderr
    );
    assert!(
        world
            .statuses()
            .iter()
            .all(|s| s.media[0].media_type.starts_with("video/"))
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_servers_limit_of_uploads_is_kept_and_the_rest_waits() {
    // The windows of its throttles begin with each half hour: it is always a minute past there, and this machine's is not
    // about to end.
    let now = Utc::now();
    let window = (now.timestamp() + 300) / 1800 * 1800;
    let clock = TestClock::at(now + TimeDelta::seconds(window + 60 - now.timestamp()));
    let clock = std::sync::Arc::new(clock);
    let world = World::on(clock, "alice_channel", "auto", "since = \"beginning\"").await;
    publish(&world.tube, 0..32);
    let pass = world.tombolo.sync(&["--limit", "100", "--wait", "5s"]).await;
    assert_eq!(
        (pass.code, pass.count("published"), pass.count("waiting")),
        (3, 30, 2),
        "{}{}",
        pass.stdout,
        pass.stderr
    );
    let waiting = pass
        .lines
        .iter()
        .find(|l| l["state"] == "waiting")
        .expect("a line for it");
    assert!(
        waiting["reason"].as_str().is_some_and(|r| r.contains("until")),
        "{waiting}"
    );
    assert_eq!(
        world.toots.arrivals().count("POST", "/api/v2/media"),
        30,
        "no upload is sent in vain"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_at_any_moment_there_is_one_copy_each_whatever_the_server_does_with_keys() {
    for (seed, idempotency) in [(1, Idempotency::Repeat500), (2, Idempotency::Ignored)] {
        let world = World::new("since = \"beginning\"").await;
        world.toots.set_idempotency(idempotency);
        publish(&world.tube, 0..10);
        let arrived = || world.toots.arrivals().count("POST", "/api/v1/statuses");
        killed_often(&world.tombolo, &["sync", "--limit", "100"], seed, arrived).await;
        let last = world.tombolo.sync(&["--limit", "100"]).await;
        assert_eq!(last.code, 0, "{}{}", last.stdout, last.stderr);
        let statuses = world.statuses();
        assert_eq!(statuses.len(), 10, "{:?}", texts(&statuses));
        for n in 0..10 {
            assert_eq!(
                statuses
                    .iter()
                    .filter(|s| s.text.starts_with(&format!("Video {n:03}")))
                    .count(),
                1,
                "{n}"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_daemon_carries_by_its_schedule_and_ends_cleanly() {
    let world = World::new("schedule = \"* * * * * *\"\njitter = \"0s\"").await;
    publish(&world.tube, 0..2);
    let mut daemon = world.tombolo.spawn(&["run"]);
    crate::rig::until("first contact", || {
        world.tube.arrivals().count("GET", "/api/v1/video-channels/") > 0
    })
    .await;
    // Published after first contact, so it is new.
    crate::rig::until("a second look", || {
        world.tube.arrivals().count("GET", "/api/v1/video-channels/") > 3
    })
    .await;
    let new = world.tube.publish(video(9));
    crate::rig::until("the copy", || {
        world.statuses().iter().any(|s| s.text.contains(&new.page))
    })
    .await;
    let begun = std::time::Instant::now();
    let asked = std::process::Command::new("sh")
        .args(["-c", &format!("kill -TERM {}", daemon.id())])
        .status();
    assert!(asked.is_ok_and(|s| s.success()));
    let status = tokio::task::spawn_blocking(move || daemon.wait().expect("it ended"))
        .await
        .expect("waited");
    assert_eq!(status.code(), Some(0));
    assert!(
        begun.elapsed() < std::time::Duration::from_secs(10),
        "{:?}",
        begun.elapsed()
    );
    assert_eq!(world.statuses().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_routes_from_one_channel_each_get_every_post_also_when_they_run_apart() {
    let world = World::new("").await;
    let token = world.toots.add_account("other");
    let base = world.toots.base().as_str().trim_end_matches('/').to_owned();
    let first = crate::rig::peertube_to(
        &world.tube,
        "alice_channel",
        "api",
        &base,
        "me",
        &world.toots.token("me", "read write"),
    );
    world.tombolo.configure(&format!(
        r#"{first}
[accounts.more]
platform = "mastodon"
instance = "{base}"
handle = "other"
token = "{token}"
settle = "1s"

[routes.more]
from = "channel"
to = ["more"]
"#
    ));
    for route in ["videos", "more"] {
        assert_eq!(world.tombolo.sync(&[route]).await.code, 0);
    }
    world.tube.publish(video(1));
    for route in ["videos", "more"] {
        let pass = world.tombolo.sync(&[route]).await;
        assert_eq!(pass.count("published"), 1, "{route}: {}{}", pass.stdout, pass.stderr);
    }
    assert_eq!(
        (world.toots.statuses("me").len(), world.toots.statuses("other").len()),
        (1, 1)
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_post_that_waits_goes_on_under_another_handle_of_its_creator() {
    let world = World::reading("alice", "api", "since = \"beginning\"").await;
    let base = world.toots.base().as_str().trim_end_matches('/').to_owned();
    world.tube.publish(video(1));
    world
        .toots
        .faults()
        .next("POST", "/api/v2/media", 1, Fault::Answer(503, vec![], String::new()));
    assert_eq!(world.tombolo.sync(&["--wait", "0s"]).await.count("waiting"), 1);
    let token = world.toots.token("me", "read write");
    world.tombolo.configure(&crate::rig::peertube_to(
        &world.tube,
        "alice_channel",
        "outbox",
        &base,
        "me",
        &token,
    ));
    let pass = world.tombolo.sync(&["--wait", "60s"]).await;
    assert_eq!(pass.count("published"), 1, "{}{}", pass.stdout, pass.stderr);
    assert_eq!(world.statuses().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_begins_no_more_than_its_limit_while_files_are_being_processed() {
    let world = World::new("since = \"beginning\"").await;
    world.toots.set_media_polls(4);
    publish(&world.tube, 0..4);
    let pass = world.tombolo.sync(&["--limit", "2"]).await;
    assert_eq!(
        (pass.code, pass.count("published"), pass.count("waiting")),
        (3, 2, 2),
        "{}",
        pass.stdout
    );
    assert_eq!(world.toots.uploads().len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dry_run_shows_everything_and_leaves_nothing_behind() {
    let world = World::new("since = \"beginning\"").await;
    publish(&world.tube, 0..2);
    let pass = world.tombolo.sync(&["--dry-run"]).await;
    assert_eq!(
        (pass.code, pass.lines.len(), pass.count("published")),
        (0, 2, 0),
        "{}{}",
        pass.stdout,
        pass.stderr
    );
    let part = &pass.lines[0]["plan"]["parts"][0];
    assert!(
        part["text"].as_str().is_some_and(|t| t.starts_with("Video 00")),
        "{part}"
    );
    assert!(
        part["media"][0]["rungs"][0]["rung"]
            .as_str()
            .is_some_and(|r| r.starts_with("video 640×360")),
        "{part}"
    );
    assert!(!world.tombolo.data_dir().exists(), "a data directory was made");
    let sent = world
        .toots
        .arrivals()
        .all()
        .into_iter()
        .filter(|a| a.method != "GET")
        .count();
    assert_eq!((sent, world.statuses().len()), (0, 0));
    assert_eq!(world.tombolo.sync(&[]).await.count("published"), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unresolved_post_of_one_channel_is_not_taken_for_another_s() {
    let world = World::new("").await;
    world.tube.add_channel("alice", "zweiter");
    let base = world.toots.base().as_str().trim_end_matches('/').to_owned();
    let first = crate::rig::peertube_to(
        &world.tube,
        "alice_channel",
        "api",
        &base,
        "me",
        &world.toots.token("me", "read write"),
    );
    world.tombolo.configure(&format!(
        r#"{first}
[accounts.second]
platform = "peertube"
instance = "{}"
handle = "zweiter"

[routes.zzz]
from = "second"
to = ["toots"]
"#,
        world.tube.base()
    ));
    assert_eq!(world.tombolo.sync(&[]).await.code, 0);
    world.tube.publish(video(1).channel("zweiter"));
    // The request is lost before it arrives, and the run ends before that is proven.
    world
        .toots
        .faults()
        .next("POST", "/api/v1/statuses", 1, Fault::CutBefore);
    assert_eq!(world.tombolo.sync(&["--wait", "0s"]).await.count("unknown"), 1);
    // The other channel's route looks it up and leaves it to its own.
    world.tombolo.sync(&["videos"]).await;
    let pass = world.tombolo.sync(&[]).await;
    assert_eq!(pass.count("published"), 1, "{}{}", pass.stdout, pass.stderr);
    assert!(only(world.statuses()).text.starts_with("Video 001"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_post_that_became_public_again_while_nothing_could_be_sent_is_not_forgotten() {
    let world = World::new("since = \"beginning\"").await;
    let video = world.tube.publish(video(1));
    world
        .toots
        .faults()
        .next("POST", "/api/v2/media", 1, Fault::Answer(503, vec![], String::new()));
    assert_eq!(world.tombolo.sync(&["--wait", "0s"]).await.count("waiting"), 1);
    world.tube.set_privacy(&video.uuid, Privacy::UNLISTED);
    let pass = world.tombolo.sync(&["--wait", "15s"]).await;
    assert_eq!(pass.count("skipped"), 1, "{}{}", pass.stdout, pass.stderr);
    world.tube.set_privacy(&video.uuid, Privacy::PUBLIC);
    assert_eq!(world.tombolo.sync(&["--limit", "0"]).await.count("waiting"), 1);
    assert_eq!(world.tombolo.sync(&[]).await.count("published"), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn several_new_videos_go_out_in_the_order_of_their_dates_by_a_list_without_dates_too() {
    let world = World::reading("alice_channel", "outbox", "").await;
    publish(&world.tube, 0..1);
    assert_eq!(world.tombolo.sync(&[]).await.code, 0);
    let now = Utc::now();
    for minutes in 1..7 {
        world
            .tube
            .publish(video(minutes).at(now + TimeDelta::minutes(i64::try_from(minutes).expect("few") - 30)));
    }
    let pass = world.tombolo.sync(&[]).await;
    assert_eq!(pass.count("published"), 6, "{}{}", pass.stdout, pass.stderr);
    let titles: Vec<String> = world.statuses().iter().map(|s| s.text[..9].to_owned()).collect();
    let expected: Vec<String> = (1..7).map(|n| format!("Video {n:03}")).collect();
    assert_eq!(titles, expected);
}
