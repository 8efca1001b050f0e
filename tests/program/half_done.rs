//! What was half done goes on from there: threads and albums, also where something changed meanwhile; and what isn't known
//! is never guessed.

use std::time::Duration;

use tombolo_mastodon::stand_in::{InstanceLimits as TootLimits, NewMedia as Attached, NewStatus};
use tombolo_model::TestClock;
use tombolo_net::stand_in::{Fault, FaultRule};
use tombolo_peertube::stand_in::NewVideo;
use tombolo_pixelfed::stand_in::{InstanceLimits, NewMedia, NewPost};

use crate::islands::{Islands, made, only, photo, reason};
use crate::rig::{Pass, Tombolo, ffmpeg, playable, until};

/// The second status is answered with this, the first is made.
fn second_status(islands: &Islands, times: u32, status: u16) {
    islands.toots.faults().add(FaultRule {
        method: "POST".into(),
        path: "/api/v1/statuses".into(),
        skip: 1,
        times,
        fault: Fault::Answer(
            status,
            vec![("content-type".into(), "application/json".into())],
            r#"{"error":"Not like this"}"#.into(),
        ),
    });
}

fn album_of_six(islands: &Islands) {
    islands.photos.set_limits(InstanceLimits {
        max_media_attachments: 10,
        ..InstanceLimits::default()
    });
    let album = NewPost {
        text: "Six waves".into(),
        media: (0..6)
            .map(|n| NewMedia::new(photo(n * 30), &format!("Wave {n}")))
            .collect(),
        ..NewPost::default()
    };
    islands.photos.post("me", album).expect("it is published");
}

/// The alternative texts of what stands on Mastodon, status by status.
fn alts(islands: &Islands) -> Vec<Vec<String>> {
    let statuses = islands.toots.statuses("me");
    let of = |media: &tombolo_mastodon::stand_in::PostedMedia| media.description.clone().unwrap_or_default();
    statuses
        .iter()
        .map(|status| status.media.iter().map(of).collect())
        .collect()
}

fn six_waves() -> Vec<Vec<String>> {
    let waves: Vec<String> = (0..6).map(|n| format!("Wave {n}")).collect();
    vec![waves[..4].to_vec(), waves[4..].to_vec()]
}

/// A pass that must come to an end by itself.
async fn ends(tombolo: &Tombolo, arguments: &[&str]) -> Pass {
    tokio::time::timeout(Duration::from_secs(240), tombolo.sync(arguments))
        .await
        .expect("the pass comes to an end")
}

#[tokio::test(flavor = "multi_thread")]
async fn retry_frees_what_is_missing_of_a_half_published_album_and_nothing_else() {
    let islands = Islands::new().await;
    album_of_six(&islands);
    second_status(&islands, 1, 422);
    let tombolo = islands.route("photos", "toots", "");
    let pass = tombolo.sync(&["--wait", "0s"]).await;
    assert_eq!(pass.count("failed"), 1, "{}{}", pass.stdout, pass.stderr);
    assert!(reason(&pass).contains("part 2 of 2"), "{}", reason(&pass));
    assert!(
        tombolo.sync(&[]).await.lines.is_empty(),
        "a failure isn't tried again by itself"
    );
    let freed = tombolo.run(&["retry"]).await;
    assert!(
        String::from_utf8_lossy(&freed.stdout).contains("1 post is free again"),
        "{freed:?}"
    );
    let pass = tombolo.sync(&[]).await;
    assert_eq!(pass.count("published"), 1, "{}{}", pass.stdout, pass.stderr);
    assert_eq!(alts(&islands), six_waves());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_album_is_completed_as_it_was_begun_though_the_instance_takes_more_by_then() {
    let islands = Islands::new().await;
    album_of_six(&islands);
    second_status(&islands, u32::MAX, 503);
    let tombolo = islands.route("photos", "toots", "");
    let pass = tombolo.sync(&["--wait", "0s"]).await;
    assert_eq!(pass.count("published"), 0, "{}{}", pass.stdout, pass.stderr);
    assert_eq!(alts(&islands), six_waves()[..1]);
    islands.toots.faults().clear();
    islands.toots.set_limits(TootLimits {
        max_media_attachments: 10,
        ..TootLimits::default()
    });
    std::fs::remove_dir_all(tombolo.data_dir().join("cache")).expect("the limits are forgotten");
    let pass = ends(&tombolo, &["--wait", "80s"]).await;
    assert_eq!(pass.count("published"), 1, "{}{}", pass.stdout, pass.stderr);
    assert_eq!(alts(&islands), six_waves());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_post_shortened_while_its_thread_is_on_its_way_ends_the_thread_and_it_is_said() {
    let islands = Islands::new().await;
    let long = |sentence: &str| {
        NewVideo::titled("Long")
            .description(sentence)
            .web([playable(640, 360, 20_000)])
    };
    let video = islands
        .tube
        .publish(long(&"A sentence of some length about the sea. ".repeat(30)));
    second_status(&islands, 1, 503);
    let tombolo = islands.route("tube", "toots", "overflow = \"thread\"");
    let pass = tombolo.sync(&["--wait", "0s"]).await;
    assert_eq!(
        (pass.count("published"), islands.toots.statuses("me").len()),
        (0, 1),
        "{}",
        pass.stderr
    );
    islands
        .tube
        .edit(&video.uuid, |details| details.description = Some("Short now.".into()));
    let pass = ends(&tombolo, &["--wait", "80s"]).await;
    assert_eq!(pass.count("published"), 1, "{}{}", pass.stdout, pass.stderr);
    assert!(
        reason(&pass).contains("changed while its parts were on their way"),
        "{}",
        reason(&pass)
    );
    assert_eq!(islands.toots.statuses("me").len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_better_reader_later_carries_nothing_that_was_there_before() {
    let clock = TestClock::at(chrono::Utc::now() - chrono::TimeDelta::hours(1));
    let islands = Islands::on(std::sync::Arc::new(clock.clone())).await;
    for number in 0..25 {
        clock.advance(Duration::from_secs(60));
        islands.toot(NewStatus::new(&format!("Old post {number}")));
    }
    let config = |toots: &str| {
        let from = islands.accounts.find("[accounts.toots]").expect("it is there");
        let to = islands.accounts.find("[accounts.second]").expect("it is there");
        format!(
            "{}{toots}\n{}\n[routes.r]\nfrom = \"toots\"\nto = [\"second\"]\n",
            &islands.accounts[..from],
            &islands.accounts[to..]
        )
    };
    let base = islands.toots.base().as_str().trim_end_matches('/').to_owned();
    let without =
        format!("[accounts.toots]\nplatform = \"mastodon\"\ninstance = \"{base}\"\nhandle = \"me\"\nread = \"rss\"\n");
    let tombolo = Tombolo::configured(&config(&without));
    let pass = tombolo.sync(&[]).await;
    assert_eq!(pass.code, 0, "{}", pass.stderr);
    assert!(
        pass.stderr.contains("read by rss (a window of the newest 20 posts)"),
        "{}",
        pass.stderr
    );
    let start = islands.accounts.find("[accounts.toots]").expect("it is there");
    let end = islands.accounts.find("[accounts.second]").expect("it is there");
    tombolo.configure(&config(&islands.accounts[start..end]));
    let pass = tombolo.sync(&[]).await;
    assert!(pass.stderr.contains("read by api (complete)"), "{}", pass.stderr);
    assert!(pass.lines.is_empty(), "{}", pass.stdout);
    clock.advance(Duration::from_secs(60));
    islands.toot(NewStatus::new("A new one"));
    let pass = tombolo.sync(&[]).await;
    assert_eq!(pass.count("published"), 1, "{}{}", pass.stdout, pass.stderr);
    assert_eq!(islands.toots.statuses("second").len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_is_known_though_the_route_that_made_it_isnt_part_of_the_run_and_the_ledger_is_lost() {
    let islands = Islands::new().await;
    islands.tube.publish(
        NewVideo::titled("A walk along the shore in May")
            .description("The sea, the wind and nobody about.")
            .web([playable(640, 360, 20_000)]),
    );
    let routes = "\
        [routes.a]\nfrom = \"tube\"\nto = [\"toots\"]\nsince = \"beginning\"\ntemplate = \"New: {{ title }} {{ link }}\"\n\
        [routes.b]\nfrom = \"toots\"\nto = [\"second\"]\nsince = \"beginning\"\n";
    let config = format!("{}\n{routes}", islands.accounts);
    let tombolo = Tombolo::configured(&config);
    let pass = tombolo.sync(&["a"]).await;
    assert_eq!(pass.count("published"), 1, "{}{}", pass.stdout, pass.stderr);
    std::fs::remove_dir_all(tombolo.data_dir()).expect("the ledger is lost");
    let pass = tombolo.sync(&["b"]).await;
    assert_eq!(pass.count("skipped"), 1, "{}{}", pass.stdout, pass.stderr);
    assert!(reason(&pass).contains("it is a copy of"), "{}", reason(&pass));
    assert!(islands.toots.statuses("second").is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn two_routes_to_one_account_share_the_posts_by_their_rules() {
    let islands = Islands::new().await;
    islands.toot(NewStatus::new("A text"));
    islands.toot(NewStatus::new("A photo").media(Attached::new(photo(5)).alt("Sea")));
    let config = format!(
        "{}\n\
         [routes.photos]\nfrom = \"toots\"\nto = [\"second\"]\nsince = \"beginning\"\nkinds = [\"photo\"]\n\
         template = \"Photo: {{{{ body }}}} {{{{ link }}}}\"\n\
         [routes.texts]\nfrom = \"toots\"\nto = [\"second\"]\nsince = \"beginning\"\nkinds = [\"text\"]\n",
        islands.accounts
    );
    let tombolo = Tombolo::configured(&config);
    let begins = || {
        let statuses = islands.toots.statuses("second");
        statuses
            .iter()
            .map(|s| s.text.lines().next().unwrap_or_default().to_owned())
            .collect::<Vec<_>>()
    };
    // One route alone leaves the other's posts to it.
    let pass = tombolo.sync(&["photos"]).await;
    assert_eq!(
        (pass.code, pass.count("published")),
        (0, 1),
        "{}{}",
        pass.stdout,
        pass.stderr
    );
    assert!(begins()[0].starts_with("Photo: A photo"), "{:?}", begins());
    let pass = tombolo.sync(&[]).await;
    assert_eq!(
        (pass.code, pass.count("published")),
        (0, 1),
        "{}{}",
        pass.stdout,
        pass.stderr
    );
    assert_eq!(begins()[1], "A text");
    assert!(tombolo.sync(&[]).await.lines.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_may_have_been_published_is_freed_only_by_a_person_who_says_so() {
    let islands = Islands::new().await;
    islands.toot(NewStatus::new("Perhaps there"));
    islands
        .toots
        .faults()
        .next("POST", "/api/v1/statuses", 1, Fault::CutBefore);
    islands.toots.faults().next(
        "GET",
        // An id, so that the account itself can be asked for.
        "/api/v1/accounts/1",
        u32::MAX,
        Fault::Answer(500, Vec::new(), String::new()),
    );
    let tombolo = islands.route("toots", "second", "");
    // The source is read by its outbox, so that only the look at the copies fails.
    let config = std::fs::read_to_string(tombolo.dir.path().join("config.toml")).expect("it is there");
    let config = config.replacen("handle = \"me\"", "handle = \"me\"\nread = \"outbox\"", 1);
    std::fs::write(tombolo.dir.path().join("config.toml"), config).expect("it is written");
    let pass = tombolo.sync(&["--wait", "0s"]).await;
    assert_eq!(pass.count("unknown"), 1, "{}{}", pass.stdout, pass.stderr);
    let freed = tombolo.run(&["retry", "Perhaps"]).await;
    assert!(
        !String::from_utf8_lossy(&freed.stdout).contains("free again:"),
        "{freed:?}"
    );
    let freed = tombolo.run(&["retry", "--unknown", "Perhaps"]).await;
    assert!(
        String::from_utf8_lossy(&freed.stdout).contains("1 post is free again"),
        "{freed:?}"
    );
    islands.toots.faults().clear();
    let pass = tombolo.sync(&[]).await;
    assert_eq!(pass.count("published"), 1, "{}{}", pass.stdout, pass.stderr);
    assert_eq!(islands.toots.statuses("second").len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unlisted_post_is_looked_at_once_and_not_asked_for_again() {
    let islands = Islands::new().await;
    let hidden = islands.published(NewStatus::new("Hidden").visibility("unlisted"));
    islands.toot(NewStatus::new("Open"));
    let tombolo = islands.route("toots", "second", "");
    let pass = tombolo.sync(&[]).await;
    assert_eq!(
        (pass.count("published"), pass.count("skipped")),
        (1, 1),
        "{}{}",
        pass.stdout,
        pass.stderr
    );
    let single = format!("/api/v1/statuses/{}", hidden.id);
    let before = islands.toots.arrivals().count("GET", &single);
    let pass = tombolo.sync(&[]).await;
    assert!(pass.lines.is_empty(), "{}", pass.stdout);
    assert_eq!(
        islands.toots.arrivals().count("GET", &single),
        before,
        "it isn't asked for again"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn in_a_ring_killed_at_any_moment_every_post_is_on_every_island_once_and_no_copy_is_copied() {
    use tombolo_model::{Entropy, SeededEntropy};
    let islands = Islands::new().await;
    let routes = "\
        [routes.a]\nfrom = \"toots\"\nto = [\"second\", \"tube\"]\nsince = \"beginning\"\n\
        [routes.b]\nfrom = \"second\"\nto = [\"toots\", \"tube\"]\nsince = \"beginning\"\n\
        [routes.c]\nfrom = \"tube\"\nto = [\"toots\", \"second\"]\nsince = \"beginning\"\n";
    let accounts = islands
        .accounts
        .replace("username = \"alice\"", "username = \"alice\"\nsettle = \"1s\"");
    let tombolo = Tombolo::configured(&format!("{accounts}\n{routes}"));
    for number in 0..3 {
        islands.toot(NewStatus::new(&format!("From the first account, number {number}")));
        let status = NewStatus::new(&format!("From the second account, number {number}"));
        islands.toots.publish("second", status).expect("it is published");
        islands.tube.publish(
            NewVideo::titled(&format!("From the tube, number {number}")).web([playable(640, 360, 20_000 + number)]),
        );
    }
    let dice = SeededEntropy::new(11);
    for _ in 0..10 {
        let mut child = tombolo.spawn(&["sync"]);
        tokio::time::sleep(Duration::from_secs_f64(0.1 + 2.4 * dice.fraction())).await;
        let _ = child.kill();
        let _ = child.wait();
    }
    for _ in 0..3 {
        let pass = ends(&tombolo, &["--wait", "80s"]).await;
        assert_eq!(
            pass.count("failed") + pass.count("unknown") + pass.count("waiting"),
            0,
            "{}{}",
            pass.stdout,
            pass.stderr
        );
    }
    for account in ["me", "second"] {
        let texts: Vec<String> = islands
            .toots
            .statuses(account)
            .into_iter()
            .map(|status| status.text)
            .collect();
        for number in 0..3 {
            for origin in ["From the first account", "From the second account", "From the tube"] {
                let begin = format!("{origin}, number {number}");
                let there = texts.iter().filter(|text| text.starts_with(&begin)).count();
                // Where it was written, or where it was carried to.
                assert_eq!(there, 1, "{begin} on {account}: {texts:#?}");
            }
        }
    }
    assert!(islands.tube.uploaded().is_empty(), "no video came back");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_may_be_a_copy_that_has_just_arrived_waits_until_that_is_found() {
    let islands = Islands::new().await;
    islands
        .tube
        .publish(NewVideo::titled("Tide").web([playable(640, 360, 20_000)]));
    let accounts = islands
        .accounts
        .replacen("handle = \"me\"", "handle = \"me\"\nread = \"outbox\"", 1);
    let tombolo = Tombolo::configured(&format!(
        "{accounts}\n[routes.a]\nfrom = \"tube\"\nto = [\"toots\"]\nsince = \"beginning\"\ntemplate = \"{{{{ link }}}}\"\n\
         [routes.b]\nfrom = \"toots\"\nto = [\"second\"]\nsince = \"beginning\"\n"
    ));
    islands
        .toots
        .faults()
        .next("POST", "/api/v1/statuses", 1, Fault::CutAfter);
    let list = format!(
        "/api/v1/accounts/{}/statuses",
        islands.toots.account_id("me").expect("it is there")
    );
    islands
        .toots
        .faults()
        .next("GET", &list, u32::MAX, Fault::Answer(500, Vec::new(), String::new()));
    let pass = tombolo.sync(&["--wait", "0s"]).await;
    assert_eq!(pass.count("unknown"), 1, "{}{}", pass.stdout, pass.stderr);
    assert_eq!(islands.toots.statuses("me").len(), 1, "it had arrived");
    let pass = tombolo.sync(&["--wait", "0s"]).await;
    assert!(pass.stdout.contains("may just have received a copy"), "{}", pass.stdout);
    assert!(islands.toots.statuses("second").is_empty());
    islands.toots.faults().clear();
    let pass = tombolo.sync(&["--wait", "60s"]).await;
    assert_eq!(pass.count("published"), 1, "{}{}", pass.stdout, pass.stderr);
    let pass = tombolo.sync(&["--wait", "60s"]).await;
    assert_eq!(pass.count("skipped"), 1, "{}{}", pass.stdout, pass.stderr);
    assert!(islands.toots.statuses("second").is_empty(), "no copy was copied");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_post_whose_original_can_not_be_read_now_waits() {
    let islands = Islands::new().await;
    islands
        .tube
        .publish(NewVideo::titled("A walk along the shore in May").web([playable(640, 360, 20_000)]));
    let routes = "[routes.a]\nfrom = \"tube\"\nto = [\"toots\"]\nsince = \"beginning\"\n\
        [routes.b]\nfrom = \"toots\"\nto = [\"second\"]\nsince = \"beginning\"\n";
    let tombolo = Tombolo::configured(&format!("{}\n{routes}", islands.accounts));
    assert_eq!(tombolo.sync(&["a"]).await.count("published"), 1);
    std::fs::remove_dir_all(tombolo.data_dir()).expect("the ledger is lost");
    islands
        .tube
        .faults()
        .next("GET", "/", u32::MAX, Fault::Answer(503, Vec::new(), String::new()));
    let pass = tombolo.sync(&["b", "--wait", "0s"]).await;
    assert_eq!(pass.count("waiting"), 1, "{}{}", pass.stdout, pass.stderr);
    assert!(reason(&pass).contains("can't be told"), "{}", reason(&pass));
    assert!(islands.toots.statuses("second").is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_posted_by_tombolo_is_a_copy_whatever_it_says() {
    let islands = Islands::new().await;
    let post = islands.published(NewStatus::new("From a place that is configured elsewhere"));
    let path = format!("/api/v1/statuses/{}", post.id);
    let url = islands.toots.base().join(&path).unwrap();
    let asked =
        tokio::task::spawn_blocking(move || std::process::Command::new("curl").args(["-sf", url.as_str()]).output());
    let mut entity: serde_json::Value =
        serde_json::from_slice(&asked.await.unwrap().expect("curl is there").stdout).unwrap();
    entity["application"] = serde_json::json!({"name": "Tombolo", "website": null});
    let headers = vec![("content-type".into(), "application/json".into())];
    islands
        .toots
        .faults()
        .next("GET", &path, u32::MAX, Fault::Answer(200, headers, entity.to_string()));
    let pass = islands.route("toots", "second", "").sync(&["--wait", "10s"]).await;
    assert_eq!(pass.count("skipped"), 1, "{}{}", pass.stdout, pass.stderr);
    assert!(reason(&pass).contains("posted by tombolo"), "{}", reason(&pass));
}

#[tokio::test(flavor = "multi_thread")]
async fn retry_of_one_route_leaves_the_others_failures() {
    let islands = Islands::new().await;
    islands.toot(NewStatus::new("A photo").media(Attached::new(photo(1)).alt("Sea")));
    let tombolo = Tombolo::configured(&format!(
        "{}\n[routes.a]\nfrom = \"toots\"\nto = [\"second\"]\nsince = \"beginning\"\n\
         [routes.b]\nfrom = \"toots\"\nto = [\"photos\"]\nsince = \"beginning\"\n",
        islands.accounts
    ));
    let no = || {
        Fault::Answer(
            422,
            vec![("content-type".into(), "application/json".into())],
            r#"{"error":"No","errors":{"status":["No"]}}"#.into(),
        )
    };
    islands.toots.faults().next("POST", "/api/v1/statuses", 1, no());
    islands.photos.faults().next("POST", "/api/v1/statuses", 1, no());
    assert_eq!(tombolo.sync(&["--wait", "0s"]).await.count("failed"), 2);
    let told = tombolo.run(&["status", "--json"]).await;
    let told = String::from_utf8_lossy(&told.stdout).into_owned();
    // By the names of the configuration, though another account is on the same server.
    for ends in [r#""from":"toots","to":"second""#, r#""from":"toots","to":"photos""#] {
        assert!(told.contains(ends), "{told}");
    }
    tombolo.run(&["retry", "--route", "a"]).await;
    let pass = tombolo.sync(&["--wait", "30s"]).await;
    assert_eq!(
        (pass.lines.len(), pass.count("published")),
        (1, 1),
        "{}{}",
        pass.stdout,
        pass.stderr
    );
    assert_eq!(
        (
            islands.toots.statuses("second").len(),
            islands.photos.statuses("me").len()
        ),
        (1, 0)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_post_that_waits_is_tried_without_waiting_longer_when_it_is_named() {
    let islands = Islands::new().await;
    islands.toot(NewStatus::new("Patience"));
    let tombolo = islands.route("toots", "second", "");
    let tired = Fault::Answer(
        429,
        vec![
            ("retry-after".into(), "1200".into()),
            ("content-type".into(), "application/json".into()),
        ],
        r#"{"error":"Too many requests"}"#.into(),
    );
    islands.toots.faults().next("POST", "/api/v1/statuses", 1, tired);
    let pass = tombolo.sync(&["--wait", "0s"]).await;
    assert_eq!(pass.count("waiting"), 1, "{}{}", pass.stdout, pass.stderr);
    assert!(pass.lines[0]["not_before"].is_string(), "{}", pass.stdout);
    tombolo.run(&["retry"]).await;
    let pass = tombolo.sync(&["--wait", "0s"]).await;
    assert_eq!(
        pass.count("waiting"),
        1,
        "unnamed it waits: {}{}",
        pass.stdout,
        pass.stderr
    );
    let freed = tombolo.run(&["retry", "Patience"]).await;
    let freed = String::from_utf8_lossy(&freed.stdout).into_owned();
    assert!(freed.contains("1 post is free again"), "{freed}");
    let pass = tombolo.sync(&["--wait", "0s"]).await;
    assert_eq!(pass.count("published"), 1, "{}{}", pass.stdout, pass.stderr);
    assert_eq!(islands.toots.statuses("second").len(), 1);
}

/// The process group of the ffmpeg that works in this folder, if one does.
fn encodes_in(dir: &std::path::Path) -> Option<u32> {
    let processes = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let mut groups = processes.filter_map(|process| {
        let of = |name: &str| process.path().join(name);
        std::fs::read_link(of("cwd")).ok().filter(|cwd| cwd.starts_with(dir))?;
        // Behind the name in parentheses: state, parent, process group.
        let stat = std::fs::read_to_string(of("stat")).ok()?;
        let (name, rest) = stat.rsplit_once(')')?;
        name.ends_with("(ffmpeg")
            .then(|| rest.split_whitespace().nth(2)?.parse().ok())?
    });
    groups.next()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_encode_that_is_interrupted_with_its_whole_group_begins_again_and_no_lesser_form_goes() {
    use std::os::unix::process::CommandExt;
    if !ffmpeg() {
        return;
    }
    for (signal, command) in [("INT", "sync"), ("TERM", "run")] {
        let islands = Islands::new().await;
        islands.toots.set_limits(TootLimits {
            video_size_limit: 600_000,
            ..TootLimits::default()
        });
        let noise =
            "-f lavfi -i testsrc2=s=1280x720:r=30:d=12 -f lavfi -i sine=d=12 -c:v libx264 -preset ultrafast -c:a aac";
        let film = made("film.mp4", noise);
        islands.tube.publish(NewVideo::titled("Low tide").clip(1280, 720, film));
        let tombolo = islands.route("tube", "toots", "");
        let mut start = tombolo.command(&[command]);
        start
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null());
        let mut running = start.process_group(0).spawn().expect("it starts");
        let work = tombolo.data_dir();
        until("the encode", || encodes_in(&work).is_some()).await;
        assert_ne!(
            encodes_in(&work),
            Some(running.id()),
            "a signal to the group isn't for ffmpeg"
        );
        let group = format!("-{}", running.id());
        let told = std::process::Command::new("kill")
            .args(["-s", signal, "--", &group])
            .status();
        assert!(told.expect("kill is there").success());
        tokio::task::spawn_blocking(move || running.wait().expect("it ends"))
            .await
            .expect("it ended");
        assert!(
            encodes_in(&work).is_none(),
            "{command}: nothing works on behind its back"
        );
        assert!(
            islands.toots.statuses("me").is_empty(),
            "{command}: nothing lesser was sent"
        );
        let pass = tombolo.sync(&["--wait", "60s"]).await;
        assert_eq!(pass.count("published"), 1, "{}{}", pass.stdout, pass.stderr);
        let status = only(islands.toots.statuses("me"));
        assert!(
            status.media[0].media_type.starts_with("video/"),
            "{command}: {status:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_asks_to_wait_is_said_to_and_not_to_be_out_of_reach() {
    let islands = Islands::new().await;
    islands.toot(NewStatus::new("Patience"));
    let tombolo = islands.route("toots", "photos", "kinds = [\"text\", \"photo\"]");
    let whose = "/api/v1/accounts/verify_credentials";
    assert_eq!(tombolo.sync(&[]).await.code, 0, "whose token it is is known");
    islands.toot(NewStatus::new("A wave").media(Attached::new(photo(1)).alt("Sea")));
    let later = vec![
        ("retry-after".into(), "1200".into()),
        ("content-type".into(), "application/json".into()),
    ];
    let tired = Fault::Answer(429, later, r#"{"error":"Too many"}"#.into());
    islands.photos.faults().next("GET", whose, u32::MAX, tired);
    let pass = tombolo.sync(&["--wait", "0s"]).await;
    assert_eq!(pass.count("waiting"), 1, "{}{}", pass.stdout, pass.stderr);
    let why = reason(&pass);
    assert!(!why.contains("can't be reached") && why.contains("until"), "{why}");
}
