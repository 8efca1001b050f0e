//! What a route's options do, and how each kind of post is treated: what arrives at the server, and what the output says.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use bytes::Bytes;
use chrono::{TimeDelta, Utc};
use serde_json::Value;
use tombolo_mastodon::stand_in::{self as mastodon, Elsewhere, NewMedia as Attached, NewStatus, Posted, Ways};

use tombolo_net::stand_in::{Arrivals, Fault, FaultRule, Faults};
use tombolo_peertube::stand_in::{Caption, FileBody, ImportOutcome, NewVideo};
use tombolo_pixelfed::stand_in::{InstanceLimits, NewMedia, NewPost};

use crate::hostile::{CHANNEL, Hostile, good_file};
use crate::islands::{Islands, photo, reason};
use crate::rig::{Pass, Tombolo, ffmpeg, has, killed_often, media, playable, until, video};

/// A route that carries everything there is, once.
async fn carried(islands: &Islands, from: &str, to: &str, more: &str) -> Pass {
    let pass = islands.route(from, to, more).sync(&["--wait", "60s"]).await;
    assert_eq!(
        (pass.code, pass.count("published")),
        (0, 1),
        "{}{}",
        pass.stdout,
        pass.stderr
    );
    pass
}

fn only<T: std::fmt::Debug>(mut all: Vec<T>) -> T {
    assert_eq!(all.len(), 1, "{all:?}");
    all.remove(0)
}

/// What the second account on the Mastodon has.
fn copy(islands: &Islands) -> Posted {
    only(islands.toots.statuses("second"))
}

/// An answer of this status that isn't the server's own.
fn answer(status: u16, body: &str) -> Fault {
    Fault::Answer(
        status,
        vec![("content-type".into(), "application/json".into())],
        body.into(),
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_has_text_and_address_and_no_media() {
    let islands = Islands::new().await;
    let original = islands
        .toots
        .publish(
            "me",
            NewStatus::new("Look at this #sea").media(Attached::new(photo(3)).alt("A wave")),
        )
        .unwrap();
    carried(&islands, "toots", "second", "mode = \"link\"").await;
    let copy = copy(&islands);
    assert!(copy.text.starts_with("Look at this"), "{}", copy.text);
    assert!(copy.text.contains(&original.url), "{}", copy.text);
    assert!(copy.media.is_empty(), "{:?}", copy.media);
    assert_eq!(islands.toots.arrivals().count("POST", "/api/v2/media"), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_post_from_elsewhere_is_boosted_where_the_instance_finds_it_and_once_only() {
    let islands = Islands::new().await;
    let original = shot(&islands, "A wave", 1);
    islands.toots.add_elsewhere(Elsewhere {
        uri: original.clone(),
        url: original.clone(),
        acct: "me@pixels.example".into(),
        content: "<p>A wave</p>".into(),
    });
    let tombolo = islands.route("photos", "toots", "mode = \"boost\"");
    let dry = tombolo.sync(&["--dry-run"]).await;
    assert_eq!(
        dry.lines[0]["plan"]["parts"][0]["boosts"],
        original.as_str(),
        "{}",
        dry.stdout
    );
    assert_eq!(
        islands.toots.arrivals().count("GET", "/api/v2/search"),
        0,
        "a dry run searches for nothing"
    );
    assert!(islands.toots.statuses("me").is_empty());
    let pass = tombolo.sync(&[]).await;
    assert_eq!(pass.count("published"), 1, "{}{}", pass.stdout, pass.stderr);
    assert!(tombolo.sync(&[]).await.lines.is_empty());
    let boost = only(islands.toots.statuses("me"));
    assert!(boost.boost_of.is_some() && boost.text.is_empty(), "{boost:?}");
    assert_eq!(islands.toots.arrivals().count("POST", "/api/v2/media"), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_instance_does_not_know_is_linked_but_only_after_it_has_said_so() {
    let islands = Islands::new().await;
    let original = shot(&islands, "A wave", 1);
    for not_an_answer in [answer(503, "{}"), answer(200, "{\"accounts\": []}"), Fault::CutBefore] {
        let tombolo = islands.route("photos", "toots", "mode = \"boost\"");
        let faults = islands.toots.faults();
        let searches = islands.toots.arrivals().count("GET", "/api/v2/search");
        faults.next("GET", "/api/v2/search", u32::MAX, not_an_answer.clone());
        let pass = tombolo.sync(&["--wait", "0s"]).await;
        assert_eq!(
            (pass.code, pass.count("waiting")),
            (3, 1),
            "{not_an_answer:?}: {}{}",
            pass.stdout,
            pass.stderr
        );
        assert!(islands.toots.statuses("me").is_empty(), "{not_an_answer:?}");
        assert!(
            islands.toots.arrivals().count("GET", "/api/v2/search") > searches,
            "it was asked"
        );
        faults.clear();
    }
    let tombolo = islands.route("photos", "toots", "mode = \"boost\"");
    let pass = tombolo.sync(&["--wait", "5m"]).await;
    assert_eq!(pass.count("published"), 1, "{}{}", pass.stdout, pass.stderr);
    assert!(
        reason(&pass).contains("the instance doesn't know the original"),
        "{}",
        reason(&pass)
    );
    let link = only(islands.toots.statuses("me"));
    assert!(link.boost_of.is_none() && link.media.is_empty(), "{link:?}");
    assert!(
        link.text.starts_with("A wave") && link.text.contains(&original),
        "{}",
        link.text
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_may_not_search_is_said_to_and_nothing_is_posted() {
    let islands = Islands::new().await;
    shot(&islands, "A wave", 1);
    let scopes = "read:accounts read:statuses write:media write:statuses";
    let start = islands.accounts.find("[accounts.toots]").unwrap();
    let line = islands.accounts[start..].lines().find(|line| line.starts_with("token"));
    let lesser = format!("token = \"{}\"", islands.toots.token("me", scopes));
    let accounts = islands.accounts.replace(line.unwrap(), &lesser);
    let tombolo = Tombolo::configured(&format!(
        "{accounts}\n[routes.r]\nfrom = \"photos\"\nto = [\"toots\"]\nsince = \"beginning\"\nmode = \"boost\"\n"
    ));
    let pass = tombolo.sync(&["--wait", "0s"]).await;
    assert_eq!(
        (pass.code, pass.count("held")),
        (3, 1),
        "{}{}",
        pass.stdout,
        pass.stderr
    );
    assert!(reason(&pass).contains("read:search"), "{}", pass.stdout);
    assert!(islands.toots.statuses("me").is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_hands_the_address_of_the_file_to_the_instance_and_uploads_nothing() {
    let islands = Islands::new().await;
    let channel = Hostile::start().await;
    let file = channel.base().replace("http://", "https://") + "/good/video/1.mp4";
    channel.publish(1, |video| {
        video.file = Some((file.clone(), good_file().len() as u64));
    });
    islands.tube.set(|settings| {
        settings.loopback_imports = true;
        settings.import = Duration::ZERO;
    });
    let brings = ImportOutcome::Brings(FileBody::from(media("clip-with-sound.mp4")));
    islands.tube.on_import(&file, brings);
    let tombolo = Tombolo::configured(&format!(
        "{}\n[accounts.far]\nplatform = \"peertube\"\ninstance = \"{}\"\nhandle = \"{CHANNEL}\"\n\
         [routes.r]\nfrom = \"far\"\nto = [\"tube\"]\nsince = \"beginning\"\nupload = \"import\"\n",
        islands.accounts,
        channel.base()
    ));
    let pass = tombolo.sync(&["--wait", "60s"]).await;
    assert_eq!(pass.count("published"), 1, "{}{}", pass.stdout, pass.stderr);
    let video = only(islands.tube.uploaded());
    assert_eq!(video.target_url.as_deref(), Some(file.as_str()));
    assert_eq!(video.details.title, "Video 001");
    let arrivals = islands.tube.arrivals();
    assert_eq!(arrivals.count("POST", "/api/v1/videos/imports"), 1);
    assert_eq!(arrivals.count("POST", "/api/v1/videos/upload"), 0);
    assert!(tombolo.sync(&[]).await.lines.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_from_an_address_that_is_not_https_is_sent_as_a_file_and_that_is_said() {
    let islands = Islands::new().await;
    let original = NewStatus::new("A wave").media(Attached::new(media("clip-with-sound.mp4")));
    islands.toot(original);
    let pass = carried(&islands, "toots", "tube", "upload = \"import\"").await;
    let why = "can't be imported: its address isn't public https";
    assert!(reason(&pass).contains(why), "{}", pass.stdout);
    assert_eq!(only(islands.tube.uploaded()).target_url, None);
}

const SUBTITLES: &str = "WEBVTT\n\n00:00.000 --> 00:20.000\nThe tide comes in\n";

/// A video with subtitles, carried to Mastodon with this setting for them.
async fn with_subtitles(captions: &str) -> (Pass, Posted) {
    let islands = Islands::new().await;
    let clip = playable(640, 360, 300_000);
    islands.tube.publish(
        NewVideo::titled("Low water")
            .language("en")
            .web([clip])
            .caption(Caption::new("en", SUBTITLES)),
    );
    let pass = carried(&islands, "tube", "toots", &format!("captions = \"{captions}\"")).await;
    (pass, only(islands.toots.statuses("me")))
}

#[tokio::test(flavor = "multi_thread")]
async fn subtitles_go_into_the_alternative_text_where_the_route_says_so_and_nowhere_by_default() {
    let (_, plain) = with_subtitles("none").await;
    assert_eq!(plain.media[0].description.as_deref(), Some("Video: Low water"));
    let (_, told) = with_subtitles("description").await;
    let alt = told.media[0].description.clone().unwrap_or_default();
    assert_eq!(alt, "Video: Low water. The tide comes in");
    assert_eq!(told.media[0].sha256, plain.media[0].sha256, "the file is as it was");
}

#[tokio::test(flavor = "multi_thread")]
async fn subtitles_are_drawn_into_the_pictures_where_the_route_says_so() {
    if !ffmpeg() {
        return;
    }
    let (_, plain) = with_subtitles("none").await;
    let (pass, drawn) = with_subtitles("burn-in").await;
    assert!(reason(&pass).contains("subtitles"), "{}", reason(&pass));
    let (plain, drawn) = (foot(plain.media[0].bytes.as_ref()), foot(drawn.media[0].bytes.as_ref()));
    let white = |frame: &[u8]| frame.iter().filter(|pixel| **pixel > 225).count();
    assert!(
        white(&drawn) > white(&plain) + 20,
        "white pixels at the foot: {} and {}",
        white(&plain),
        white(&drawn)
    );
}

/// The lower third of a film's picture after a second, in grey.
fn foot(bytes: Option<&Bytes>) -> Vec<u8> {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("film.mp4");
    std::fs::write(&file, bytes.expect("it was kept")).unwrap();
    let crop = "scale=320:240,crop=iw:ih/3:0:ih*2/3,format=gray";
    let output = std::process::Command::new("ffmpeg")
        .args(["-v", "error", "-ss", "1", "-i"])
        .arg(&file)
        .args(["-frames:v", "1", "-vf", crop, "-f", "rawvideo", "-"])
        .output()
        .unwrap();
    assert_eq!(
        output.stdout.len(),
        320 * 80,
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    output.stdout
}

#[tokio::test(flavor = "multi_thread")]
async fn a_template_lays_the_copy_out_and_its_body_gives_way() {
    let islands = Islands::new().await;
    islands.tube.publish(
        video(1)
            .description(&"Sand and salt. ".repeat(100))
            .tags(&["sea", "salt", "sand"])
            .with(|d| d.duration = 754),
    );
    let template = "template = \"New {{ kind }}: {{ title | upper }} ({{ duration }})\\n{{ body | fit }}\\n>> {{ link }}\\n\
                    {{ tags | hashtags(max=2) }}\"";
    carried(&islands, "tube", "toots", template).await;
    let text = only(islands.toots.statuses("me")).text;
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[0], "New video: VIDEO 001 (12:34)", "{text}");
    assert!(
        lines[1].starts_with("Sand and salt. Sand") && lines[1].ends_with('…'),
        "{text}"
    );
    assert!(lines[2].starts_with(">> http"), "{text}");
    assert_eq!(lines[3], "#sea #salt", "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_template_names_the_account_with_the_port_of_its_instance() {
    let islands = Islands::new().await;
    islands.tube.publish(video(1));
    carried(&islands, "tube", "toots", "template = \"{{ account }} {{ link }}\"").await;
    let text = only(islands.toots.statuses("me")).text.replace('\u{2060}', "");
    let (account, link) = text.split_once(' ').unwrap();
    let host = link.strip_prefix("http://").and_then(|rest| rest.split('/').next());
    assert_eq!(account.split_once('@').map(|(_, host)| host), host, "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_template_is_shown_with_its_place_when_the_configuration_is_read() {
    let islands = Islands::new().await;
    islands.tube.publish(video(1));
    for (template, what) in [
        ("{{ titel }} {{ link }}", "there is no variable `titel`"),
        ("{{ title | shout }} {{ link }}", "there are"),
        ("{% if title %}{{ link }}", "the template can't be used"),
        ("{{ title }}", "doesn't show the link"),
        (
            "{{ link }} {{ body | fit }} {{ body | fit }}",
            "`fit` stands in it twice",
        ),
    ] {
        let tombolo = islands.route("tube", "toots", &format!("template = \"{template}\""));
        let pass = tombolo.sync(&[]).await;
        assert_eq!(pass.code, 2, "{template}: {}{}", pass.stdout, pass.stderr);
        assert!(pass.stderr.contains(what), "{template}: {}", pass.stderr);
        let config = std::fs::read_to_string(tombolo.dir.path().join("config.toml")).unwrap();
        let line = config.lines().position(|line| line.starts_with("template")).unwrap() + 1;
        assert!(
            pass.stderr.contains(&format!("config.toml:{line}:")) && pass.stderr.contains("^^"),
            "{template}: {}",
            pass.stderr
        );
    }
    assert_eq!(islands.tube.arrivals().all().len(), 0, "nothing was read");
}

#[tokio::test(flavor = "multi_thread")]
async fn long_text_is_cut_or_becomes_a_thread_that_has_every_word() {
    let words: Vec<String> = (0..260).map(|n| format!("word{n:03}")).collect();
    let found = |text: &str| -> Vec<String> {
        let word = |w: &&str| w.starts_with("word") && w.len() == 7;
        text.split_whitespace().filter(word).map(str::to_owned).collect()
    };
    let islands = Islands::new().await;
    let original = islands.toots.publish("me", NewStatus::new(&words.join(" "))).unwrap();
    carried(&islands, "toots", "second", "overflow = \"cut\"").await;
    let cut = copy(&islands).text;
    assert!(cut.contains('…') && cut.trim_end().ends_with(&original.url), "{cut}");
    let kept = found(&cut);
    assert!(kept.len() > 45 && kept == words[..kept.len()], "{cut}");

    let islands = Islands::new().await;
    let original = islands.toots.publish("me", NewStatus::new(&words.join(" "))).unwrap();
    carried(&islands, "toots", "second", "overflow = \"thread\"").await;
    let thread = islands.toots.statuses("second");
    let text: Vec<&str> = thread.iter().map(|part| part.text.as_str()).collect();
    assert_eq!(found(&text.join("\n")), words, "{text:?}");
    assert!(text[0].contains(&original.url), "{text:?}");
    for pair in thread.windows(2) {
        assert_eq!(pair[1].in_reply_to.as_ref(), Some(&pair[0].id));
    }
    assert!(
        thread.len() >= 5 && thread.iter().all(|part| !part.text.contains('…')),
        "{text:?}"
    );
}

/// One post that the rule carries and one that it leaves out, with what is said of that.
async fn rule(setting: &str, carried: NewStatus, left: NewStatus, why: &str) {
    let islands = Islands::new().await;
    let (wanted, unwanted) = (carried.text.clone(), left.text.clone());
    islands.toot(carried);
    let left = islands.toot(left);
    let pass = islands.route("toots", "second", setting).sync(&[]).await;
    assert_eq!(
        (pass.code, pass.count("published"), pass.count("skipped")),
        (0, 1, 1),
        "{setting}: {}{}",
        pass.stdout,
        pass.stderr
    );
    assert!(copy(&islands).text.starts_with(&wanted), "{setting}: not {unwanted:?}");
    let skipped = pass.lines.iter().find(|line| line["state"] == "skipped").unwrap();
    assert_eq!(skipped["post"], left.as_str(), "{setting}");
    let said = skipped["reason"].as_str().unwrap_or_default();
    assert!(said.contains(why), "{setting}: {said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn rules_of_tags_choose_and_say_why() {
    let new = NewStatus::new;
    // Without case and accents.
    rule(
        "tags = [\"Café\"]",
        new("One for #cafe"),
        new("One for #tea"),
        "none of the tags that the route asks for",
    )
    .await;
    rule(
        "without_tags = [\"nocrosspost\"]",
        new("For everywhere"),
        new("For here #NoCrossPost"),
        "it has the tag #nocrosspost",
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rules_of_words_and_languages_choose_and_say_why() {
    let new = NewStatus::new;
    rule(
        "words = [\"live concert\"]",
        new("Live Concert tonight"),
        new("Live concerts are over"),
        "none of the words that the route asks for",
    )
    .await;
    rule(
        "without_words = [\"draft\"]",
        new("Drafty"),
        new("A Draft, please ignore"),
        "it has the word \"draft\"",
    )
    .await;
    rule(
        "languages = [\"de\"]",
        new("Guten Tag").language(Some("de-AT")),
        new("Good day"),
        "its language is en",
    )
    .await;
    rule(
        "languages = [\"en\"]",
        new("Good day"),
        new("…").language(None),
        "it states no language",
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rules_of_sensitivity_and_answers_choose_and_say_why() {
    let new = NewStatus::new;
    rule(
        "sensitive = \"skip\"",
        new("Harmless"),
        new("Gory").warning("gore"),
        "sensitive = \"skip\"",
    )
    .await;
    rule(
        "sensitive = \"only\"",
        new("Gory").warning("gore"),
        new("Harmless"),
        "sensitive = \"only\"",
    )
    .await;
    let islands = Islands::new().await;
    let first = islands.toots.publish("me", new("First")).unwrap();
    islands.toot(new("Second").reply_to(&first.id));
    let pass = islands.route("toots", "second", "replies = \"none\"").sync(&[]).await;
    assert_eq!(
        (pass.count("published"), pass.count("skipped")),
        (1, 1),
        "{}",
        pass.stdout
    );
    assert!(copy(&islands).text.starts_with("First"));
    assert!(pass.stdout.contains("it continues a thread"), "{}", pass.stdout);
}

#[tokio::test(flavor = "multi_thread")]
async fn videos_are_chosen_by_their_length_and_it_is_said_why() {
    for (setting, title, why) in [
        (
            "min_duration = \"1m\"",
            "Long",
            "it plays 3 seconds, less than min_duration",
        ),
        (
            "max_duration = \"1m\"",
            "Short",
            "it plays 300 seconds, more than max_duration",
        ),
    ] {
        let islands = Islands::new().await;
        for (title, seconds) in [("Short", 3), ("Long", 300)] {
            let file = playable(640, 360, 30_000);
            islands
                .tube
                .publish(NewVideo::titled(title).web([file]).with(|d| d.duration = seconds));
        }
        let pass = islands.route("tube", "toots", setting).sync(&[]).await;
        assert_eq!(
            (pass.count("published"), pass.count("skipped")),
            (1, 1),
            "{}",
            pass.stdout
        );
        assert!(only(islands.toots.statuses("me")).text.starts_with(title), "{setting}");
        assert!(pass.stdout.contains(why), "{setting}: {}", pass.stdout);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_post_ripens_before_it_is_copied_and_goes_as_it_was_edited_meanwhile() {
    let islands = Islands::new().await;
    islands.tube.publish(video(1).at(Utc::now() - TimeDelta::hours(2)));
    let almost = Utc::now() - TimeDelta::hours(1) + TimeDelta::seconds(20);
    let fresh = islands
        .tube
        .publish(NewVideo::titled("Tpyo").web([playable(640, 360, 30_000)]).at(almost));
    let tombolo = islands.route("tube", "toots", "min_age = \"1h\"");
    let pass = tombolo.sync(&["--wait", "0s"]).await;
    assert_eq!(
        (pass.code, pass.count("published"), pass.count("waiting")),
        (3, 1, 1),
        "{}{}",
        pass.stdout,
        pass.stderr
    );
    assert!(pass.stdout.contains("it is younger than min_age"), "{}", pass.stdout);
    assert!(only(islands.toots.statuses("me")).text.starts_with("Video 001"));
    islands.tube.edit(&fresh.uuid, |details| details.title = "Typo".into());
    let pass = tombolo.sync(&["--wait", "60s"]).await;
    assert_eq!(pass.count("published"), 1, "{}{}", pass.stdout, pass.stderr);
    let texts: Vec<String> = islands.toots.statuses("me").into_iter().map(|s| s.text).collect();
    assert!(texts.len() == 2 && texts[1].starts_with("Typo\n"), "{texts:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_whose_clock_is_fast_is_not_waited_for() {
    let islands = Islands::new().await;
    islands.tube.publish(video(1).at(Utc::now() + TimeDelta::hours(1)));
    let pass = islands.route("tube", "toots", "").sync(&["--wait", "0s"]).await;
    assert_eq!(
        (pass.code, pass.count("published")),
        (0, 1),
        "{}{}",
        pass.stdout,
        pass.stderr
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_post_edited_after_it_was_copied_is_not_copied_again() {
    let islands = Islands::new().await;
    let original = islands.toots.publish("me", NewStatus::new("Tpyo")).unwrap();
    let tombolo = islands.route("toots", "second", "");
    assert_eq!(tombolo.sync(&[]).await.count("published"), 1);
    assert!(islands.toots.edit(&original.id, "Typo"));
    let pass = tombolo.sync(&[]).await;
    assert_eq!((pass.code, pass.lines.len()), (0, 0), "{}{}", pass.stdout, pass.stderr);
    assert!(copy(&islands).text.starts_with("Tpyo"));
}

#[tokio::test(flavor = "multi_thread")]
async fn photos_without_alternative_text_are_carried_with_a_word_or_held_until_they_have_one() {
    let islands = Islands::new().await;
    let mute = || NewStatus::new("Mute").media(Attached::new(photo(3)));
    islands.toot(mute());
    let pass = carried(&islands, "toots", "second", "require_alt = \"warn\"").await;
    assert!(
        reason(&pass).contains("a photo has no alternative text"),
        "{}",
        reason(&pass)
    );
    assert_eq!(copy(&islands).media.len(), 1);

    let islands = Islands::new().await;
    let original = islands.toots.publish("me", mute()).unwrap();
    let tombolo = islands.route("toots", "second", "require_alt = \"hold\"");
    let pass = tombolo.sync(&[]).await;
    assert_eq!(
        (pass.code, pass.count("held")),
        (3, 1),
        "{}{}",
        pass.stdout,
        pass.stderr
    );
    assert!(reason(&pass).contains("write one at the source"), "{}", reason(&pass));
    assert!(islands.toots.statuses("second").is_empty());
    assert!(islands.toots.describe(&original.id, "A wave"));
    tombolo.run(&["retry"]).await;
    assert_eq!(tombolo.sync(&[]).await.count("published"), 1);
    assert_eq!(copy(&islands).media[0].description.as_deref(), Some("A wave"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_poll_goes_as_its_choices_and_a_quote_as_its_address() {
    let islands = Islands::new().await;
    let quoted = islands
        .toots
        .publish("second", NewStatus::new("Something wise"))
        .unwrap();
    islands.toot(NewStatus::new("Tea or coffee?").poll(&["Tea", "Coffee"]));
    islands.toot(NewStatus::new("So true").quote(&quoted.id));
    let other = third(&islands);
    let pass = other.sync(&[]).await;
    assert_eq!(pass.count("published"), 2, "{}{}", pass.stdout, pass.stderr);
    let copies = islands.toots.statuses("third");
    let (poll, quote) = (&copies[0], &copies[1]);
    assert!(
        poll.text.starts_with("Tea or coffee?\n\n○ Tea\n○ Coffee\n\nhttp"),
        "{}",
        poll.text
    );
    assert!(
        quote
            .text
            .starts_with(&format!("So true\n\nRE: {}\n\nhttp", quoted.uri)),
        "{}",
        quote.text
    );
}

/// A route from the first account to a third on the same Mastodon.
fn third(islands: &Islands) -> Tombolo {
    let token = islands.toots.add_account("third");
    let instance = islands.toots.base().as_str().trim_end_matches('/');
    Tombolo::configured(&format!(
        "{}\n[accounts.third]\nplatform = \"mastodon\"\ninstance = \"{instance}\"\nhandle = \"third\"\ntoken = \"{token}\"\n\
         settle = \"1s\"\n[routes.r]\nfrom = \"toots\"\nto = [\"third\"]\nsince = \"beginning\"\n",
        islands.accounts
    ))
}

#[tokio::test(flavor = "multi_thread")]
async fn custom_emoji_and_right_to_left_text_arrive_as_they_were_typed_without_what_turns_the_rest_around() {
    let islands = Islands::new().await;
    let typed = "שלום :blobcat: world\u{200f}! \u{2067}مرحبا\u{2069} 👩🏽‍🚀 e\u{301} \u{202e}olleh";
    islands.toot(NewStatus::new(typed).language(Some("he")));
    carried(&islands, "toots", "second", "").await;
    let copy = copy(&islands);
    let expected = "שלום :blobcat: world\u{200f}! مرحبا 👩🏽‍🚀 e\u{301} olleh";
    assert_eq!(copy.text.lines().next(), Some(expected));
    assert_eq!(copy.language.as_deref(), Some("he"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mention_stays_readable_and_pings_nobody_on_any_server() {
    let islands = Islands::new().await;
    islands.toots.add_account("bob");
    islands.photos.add_account("bob");
    let text = "Thanks @bob and @carol@elsewhere.example!";
    islands.toot(NewStatus::new(text).media(Attached::new(photo(1)).alt("By @bob")));
    let readable = |text: &str| text.replace('\u{2060}', "");
    carried(&islands, "toots", "second", "").await;
    let on_toots = copy(&islands);
    assert!(
        on_toots.mentions.is_empty(),
        "{:?}: {}",
        on_toots.mentions,
        on_toots.text
    );
    carried(&islands, "toots", "photos", "").await;
    let on_photos = only(islands.photos.statuses("me"));
    assert!(
        on_photos.mentions.is_empty(),
        "{:?}: {}",
        on_photos.mentions,
        on_photos.stored
    );
    for text in [&on_toots.text, &on_photos.stored] {
        let text = readable(text);
        assert!(
            text.contains("@bob") && text.contains("carol@elsewhere.example"),
            "{text}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_content_warning_goes_both_ways_between_text_and_flag() {
    let islands = Islands::new().await;
    islands.toot(
        NewStatus::new("Dinner")
            .warning("food, meat")
            .media(Attached::new(photo(1)).alt("Dinner")),
    );
    carried(&islands, "toots", "photos", "").await;
    let post = only(islands.photos.statuses("me"));
    assert_eq!(
        (post.spoiler_text.as_deref(), post.sensitive),
        (Some("food, meat"), true)
    );

    let islands = Islands::new().await;
    let post = NewPost {
        text: "Dinner".into(),
        media: vec![NewMedia::new(photo(1), "Dinner")],
        sensitive: true,
        spoiler_text: Some("food".into()),
        ..NewPost::default()
    };
    islands.photos.post("me", post).unwrap();
    carried(&islands, "photos", "toots", "").await;
    let toot = only(islands.toots.statuses("me"));
    assert_eq!((toot.spoiler_text.as_str(), toot.sensitive), ("food", true));

    // A PeerTube has the flag only: the words stand first in the description.
    let islands = Islands::new().await;
    islands.toot(
        NewStatus::new("The slaughter of a pig")
            .warning("blood")
            .media(Attached::new(media("clip-with-sound.mp4")).alt("A pig")),
    );
    carried(&islands, "toots", "tube", "").await;
    let film = only(islands.tube.uploaded());
    assert!(film.details.nsfw);
    let description = film.details.description.unwrap_or_default();
    assert!(description.starts_with("CW: blood"), "{description}");
}

#[tokio::test(flavor = "multi_thread")]
async fn where_a_flag_without_words_is_dropped_a_neutral_warning_stands_in() {
    let islands = Islands::new().await;
    islands.toots.set_ways(Ways {
        sensitive_alone: false,
        ..Ways::default()
    });
    for n in 0..2 {
        let post = NewPost {
            text: format!("Hidden {n}"),
            media: vec![NewMedia::new(photo(n), "A wave")],
            sensitive: true,
            ..NewPost::default()
        };
        islands.photos.post("me", post).unwrap();
    }
    let pass = islands.route("photos", "toots", "").sync(&["--wait", "30s"]).await;
    assert_eq!(pass.count("published"), 2, "{}{}", pass.stdout, pass.stderr);
    for toot in islands.toots.statuses("me") {
        assert!(toot.sensitive, "{toot:?}");
        assert_eq!(toot.spoiler_text, "Sensitive content");
    }
    // What was learnt of the first holds for the second.
    let edits = islands.toots.arrivals().count("PUT", "/api/v1/statuses/");
    assert_eq!(edits, 1);
}

/// `sync --json` with no other programs than those in this directory.
async fn sync_with_path(tombolo: &Tombolo, path: &Path) -> (i32, Vec<Value>) {
    let mut command = tombolo.command(&["sync", "--json", "--wait", "10s"]);
    command.env("PATH", path).stdin(Stdio::null());
    let output = tokio::task::spawn_blocking(move || command.output().unwrap())
        .await
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let lines = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    (output.status.code().unwrap_or(-1), lines)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_heic_photo_without_a_decoder_is_held_with_the_remedy_and_goes_as_jpeg_with_one() {
    if !has(&["heif-enc", "heif-convert"]) {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let (jpeg, heic) = (dir.path().join("p.jpg"), dir.path().join("p.heic"));
    std::fs::write(&jpeg, media("picture.jpg")).unwrap();
    let made = std::process::Command::new("heif-enc")
        .arg(&jpeg)
        .arg("-o")
        .arg(&heic)
        .output()
        .unwrap();
    assert!(made.status.success(), "{made:?}");
    let islands = Islands::new().await;
    islands.toot(NewStatus::new("From a phone").media(Attached::new(std::fs::read(&heic).unwrap()).alt("A wave")));
    let tombolo = islands.route("toots", "photos", "");
    let nothing = tempfile::tempdir().unwrap();
    let (code, lines) = sync_with_path(&tombolo, nothing.path()).await;
    assert_eq!((code, lines[0]["state"].as_str()), (3, Some("held")), "{lines:?}");
    let said = lines[0]["reason"].as_str().unwrap_or_default();
    assert!(
        said.contains("HEIC") && said.contains("install libheif-examples"),
        "{said}"
    );
    assert!(islands.photos.statuses("me").is_empty());
    tombolo.run(&["retry"]).await;
    let pass = tombolo.sync(&["--wait", "30s"]).await;
    assert_eq!(pass.count("published"), 1, "{}{}", pass.stdout, pass.stderr);
    let sent = only(islands.photos.statuses("me")).media.remove(0);
    assert_eq!(sent.media_type, "image/jpeg");
    assert_eq!(sent.description.as_deref(), Some("A wave"));
}

/// A PNG that says it has this many pixels, and has next to nothing.
fn bomb(side: u32) -> Vec<u8> {
    let mut png = b"\x89PNG\r\n\x1a\n".to_vec();
    let mut chunk = |kind: &[u8; 4], data: &[u8]| {
        png.extend(u32::try_from(data.len()).unwrap().to_be_bytes());
        png.extend(kind);
        png.extend(data);
        png.extend(crc32(&[kind.as_slice(), data].concat()).to_be_bytes());
    };
    let sides = [side.to_be_bytes(), side.to_be_bytes()].concat();
    chunk(b"IHDR", &[sides.as_slice(), &[8, 2, 0, 0, 0]].concat());
    chunk(b"IDAT", &[0x78, 0x9c, 0x63, 0, 0, 0, 1, 0, 1]);
    chunk(b"IEND", &[]);
    png
}

fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            (crc >> 1) ^ (0xedb8_8320 & 0_u32.wrapping_sub(crc & 1))
        })
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_decompression_bomb_is_not_opened_and_it_is_said_why() {
    let islands = Islands::new().await;
    islands.toot(NewStatus::new("Boom").media(Attached::new(bomb(60_000)).alt("A bomb")));
    let pass = islands.route("toots", "photos", "").sync(&["--wait", "10s"]).await;
    assert_eq!(
        (pass.code, pass.count("failed")),
        (3, 1),
        "{}{}",
        pass.stdout,
        pass.stderr
    );
    assert!(reason(&pass).contains("60000×60000 pixels"), "{}", reason(&pass));
    assert!(islands.photos.statuses("me").is_empty());
    // Where text goes alone, the rest of the post goes.
    let pass = carried(&islands, "toots", "second", "").await;
    assert!(reason(&pass).contains("60000×60000 pixels"), "{}", reason(&pass));
    let copy = copy(&islands);
    assert!(copy.media.is_empty() && copy.text.starts_with("Boom"), "{copy:?}");
}

/// A photo on the Pixelfed; its address.
fn shot(islands: &Islands, text: &str, photos: u8) -> String {
    let limits = InstanceLimits {
        max_media_attachments: 20,
        ..islands.photos.limits()
    };
    islands.photos.set_limits(limits);
    let shots = (0..photos).map(|n| NewMedia::new(photo(n * 20), &format!("Wave {n}")));
    let post = NewPost {
        text: text.into(),
        media: shots.collect(),
        ..NewPost::default()
    };
    islands.photos.post("me", post).unwrap().url
}

/// What happens to the second request that makes a post.
fn second(fault: Fault) -> FaultRule {
    FaultRule {
        method: "POST".into(),
        path: "/api/v1/statuses".into(),
        skip: 1,
        times: 1,
        fault,
    }
}

/// Ways in which a request isn't answered, and whether it takes effect.
fn mishaps() -> [(Fault, bool); 5] {
    let page = "<html>Bad Gateway</html>";
    [
        (Fault::CutBefore, false),
        (answer(500, "{}"), false),
        (Fault::CutAfter, true),
        (Fault::CutHalfway, true),
        (Fault::AnswerAfter(502, "text/html".into(), page.into()), true),
    ]
}

/// Three parts, the second of which meets a mishap: it is found at once where it took effect, else sent in the next pass.
async fn in_passes(tombolo: &Tombolo, (fault, takes_effect): (Fault, bool)) {
    let mut pass = tombolo.sync(&["--wait", "0s"]).await;
    if !takes_effect {
        assert_eq!(
            (pass.code, pass.count("unknown")),
            (3, 1),
            "{fault:?}: {}{}",
            pass.stdout,
            pass.stderr
        );
        pass = tombolo.sync(&["--wait", "90s"]).await;
    }
    assert_eq!(
        (pass.code, pass.count("published")),
        (0, 1),
        "{fault:?}: {}{}",
        pass.stdout,
        pass.stderr
    );
    assert_eq!(pass.lines[0]["copies"].as_array().map(Vec::len), Some(3), "{fault:?}");
    assert!(tombolo.sync(&[]).await.lines.is_empty(), "{fault:?}");
}

/// The same, but killed while the second part is on its way: it takes effect or it doesn't.
async fn killed_at_the_second(tombolo: &Tombolo, server: (&Arrivals, &Faults), takes_effect: bool) {
    let fault = if takes_effect {
        Fault::Late(Duration::from_secs(600))
    } else {
        Fault::Hang
    };
    server.1.add(second(fault));
    let mut child = tombolo.spawn(&["sync"]);
    until("the second part", || server.0.count("POST", "/api/v1/statuses") == 2).await;
    child.kill().expect("it can be killed");
    child.wait().expect("it ended");
    let pass = tombolo.sync(&["--wait", "150s"]).await;
    assert_eq!(
        (pass.code, pass.count("published")),
        (0, 1),
        "{}{}",
        pass.stdout,
        pass.stderr
    );
    let sent = if takes_effect { 3 } else { 4 };
    assert_eq!(server.0.count("POST", "/api/v1/statuses"), sent, "{}", pass.stdout);
}

/// The thread is whole, in order, and there is nothing else.
fn is_whole_thread(thread: &[Posted]) {
    let texts: Vec<&str> = thread.iter().map(|part| part.text.as_str()).collect();
    let sizes: Vec<usize> = thread.iter().map(|part| part.media.len()).collect();
    assert_eq!(sizes, [4, 4, 2], "{texts:?}");
    assert!(thread[0].in_reply_to.is_none());
    for pair in thread.windows(2) {
        assert_eq!(pair[1].in_reply_to.as_ref(), Some(&pair[0].id), "{texts:?}");
    }
    let alts = thread
        .iter()
        .flat_map(|part| &part.media)
        .filter_map(|m| m.description.clone());
    let all: Vec<String> = (0..10).map(|n| format!("Wave {n}")).collect();
    assert_eq!(alts.collect::<Vec<_>>(), all);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_half_published_thread_is_completed_and_not_begun_again() {
    for mishap in mishaps() {
        let islands = Islands::new().await;
        shot(&islands, "Ten waves", 10);
        islands.toots.faults().add(second(mishap.0.clone()));
        in_passes(&islands.route("photos", "toots", ""), mishap).await;
        is_whole_thread(&islands.toots.statuses("me"));
        assert_eq!(islands.toots.uploads().len(), 10, "each file goes up once");
    }
    for takes_effect in [true, false] {
        let islands = Islands::new().await;
        shot(&islands, "Ten waves", 10);
        let server = (islands.toots.arrivals(), islands.toots.faults());
        killed_at_the_second(&islands.route("photos", "toots", ""), server, takes_effect).await;
        is_whole_thread(&islands.toots.statuses("me"));
        assert_eq!(islands.toots.uploads().len(), 10, "each file goes up once");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thread_of_which_a_part_was_refused_is_completed_when_it_is_asked_for() {
    let islands = Islands::new().await;
    shot(&islands, "Ten waves", 10);
    let refusal = answer(422, r#"{"error":"Validation failed: not today"}"#);
    islands.toots.faults().add(second(refusal));
    let tombolo = islands.route("photos", "toots", "");
    let pass = tombolo.sync(&[]).await;
    assert_eq!(
        (pass.code, pass.count("failed")),
        (3, 1),
        "{}{}",
        pass.stdout,
        pass.stderr
    );
    assert!(reason(&pass).contains("part 2 of 3") && reason(&pass).contains("not today"));
    assert_eq!(islands.toots.statuses("me").len(), 1);
    assert!(tombolo.sync(&[]).await.lines.is_empty(), "it isn't tried by itself");
    tombolo.run(&["retry"]).await;
    let pass = tombolo.sync(&[]).await;
    assert_eq!(
        (pass.code, pass.count("published")),
        (0, 1),
        "{}{}",
        pass.stdout,
        pass.stderr
    );
    is_whole_thread(&islands.toots.statuses("me"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thread_killed_at_any_moment_is_completed_and_nothing_is_there_twice() {
    for (seed, idempotency) in [
        (11, mastodon::Idempotency::Repeat500),
        (12, mastodon::Idempotency::Ignored),
    ] {
        let islands = Islands::new().await;
        islands.toots.set_idempotency(idempotency);
        shot(&islands, "Ten waves", 10);
        let tombolo = islands.route("photos", "toots", "");
        let arrivals = islands.toots.arrivals();
        killed_often(&tombolo, &["sync"], seed, || arrivals.count("POST", "/api/")).await;
        let pass = tombolo.sync(&[]).await;
        assert_eq!(pass.code, 0, "{}{}", pass.stdout, pass.stderr);
        is_whole_thread(&islands.toots.statuses("me"));
    }
}

/// A status with ten photos, from a fork that takes so many.
fn ten_photos(islands: &Islands) {
    let mut status = NewStatus::new("Ten waves");
    for n in 0..10 {
        status = status.media(Attached::new(photo(n * 20)).alt(&format!("Wave {n}")));
    }
    islands.toot(status);
}

/// Three posts with all the photos, each once.
fn are_whole_albums(islands: &Islands) {
    let posts = islands.photos.statuses("me");
    let sizes: Vec<usize> = posts.iter().map(|post| post.media.len()).collect();
    assert_eq!(
        sizes,
        [4, 4, 2],
        "{:?}",
        posts.iter().map(|p| &p.stored).collect::<Vec<_>>()
    );
    let alts = posts
        .iter()
        .flat_map(|post| &post.media)
        .filter_map(|m| m.description.clone());
    let all: Vec<String> = (0..10).map(|n| format!("Wave {n}")).collect();
    assert_eq!(alts.collect::<Vec<_>>(), all);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_half_published_album_is_completed_and_not_begun_again() {
    for (fault, takes_effect) in mishaps() {
        let islands = Islands::new().await;
        islands.photos.set_active("me", true);
        ten_photos(&islands);
        islands.photos.faults().add(second(fault.clone()));
        let tombolo = islands.route("toots", "photos", "");
        if takes_effect {
            in_passes(&tombolo, (fault, takes_effect)).await;
            are_whole_albums(&islands);
            continue;
        }
        // Nothing is sent again before it is certain that it never arrived, which takes Pixelfed a while.
        for _ in 0..2 {
            let pass = tombolo.sync(&["--wait", "0s"]).await;
            assert_eq!(pass.code, 3, "{fault:?}: {}{}", pass.stdout, pass.stderr);
        }
        assert_eq!(
            islands.photos.arrivals().count("POST", "/api/v1/statuses"),
            2,
            "{fault:?}"
        );
    }
    for takes_effect in [true, false] {
        let islands = Islands::new().await;
        islands.photos.set_active("me", true);
        ten_photos(&islands);
        let server = (islands.photos.arrivals(), islands.photos.faults());
        killed_at_the_second(&islands.route("toots", "photos", ""), server, takes_effect).await;
        are_whole_albums(&islands);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_album_killed_at_any_moment_is_completed_and_nothing_is_there_twice() {
    let islands = Islands::new().await;
    ten_photos(&islands);
    let tombolo = islands.route("toots", "photos", "");
    let arrivals = islands.photos.arrivals();
    killed_often(&tombolo, &["sync"], 13, || arrivals.count("POST", "/api/")).await;
    let pass = tombolo.sync(&["--wait", "5m"]).await;
    assert_eq!(pass.code, 0, "{}{}", pass.stdout, pass.stderr);
    are_whole_albums(&islands);
}

#[tokio::test(flavor = "multi_thread")]
async fn several_videos_of_one_post_killed_at_any_moment_are_each_there_once() {
    let islands = Islands::new().await;
    islands.tube.set(|settings| settings.transcoding = Duration::ZERO);
    let mut status = NewStatus::new("Three walks by the sea");
    for n in 0..3 {
        let film = crate::rig::padded("clip-with-sound.mp4", 30_000 + n * 1000);
        status = status.media(Attached::new(film).alt(&format!("Walk {n}")));
    }
    islands.toot(status);
    let tombolo = islands.route("toots", "tube", "");
    let arrivals = islands.tube.arrivals();
    let writes = || arrivals.count("POST", "/api/v1/videos") + arrivals.count("PUT", "/api/v1/videos");
    killed_often(&tombolo, &["sync"], 14, writes).await;
    // An upload that was cut is gone on with after a while.
    let pass = tombolo.sync(&["--wait", "5m"]).await;
    assert_eq!(pass.code, 0, "{}{}", pass.stdout, pass.stderr);
    let mut sizes: Vec<u64> = islands
        .uploads()
        .iter()
        .filter_map(|video| Some(video.file.as_ref()?.len()))
        .collect();
    sizes.sort_unstable();
    assert_eq!(sizes, [30_000, 31_000, 32_000], "{:?}", islands.tube.uploaded());
}

#[tokio::test(flavor = "multi_thread")]
async fn no_more_hashtags_and_old_posts_go_out_than_the_route_says() {
    let islands = Islands::new().await;
    for n in 0..3 {
        islands.tube.publish(video(n).tags(&["sea", "salt", "sand"]));
    }
    let pass = islands
        .route("tube", "toots", "hashtags = 1\nbackfill_per_run = 2")
        .sync(&["--wait", "30s"])
        .await;
    assert_eq!(
        (pass.code, pass.count("published"), pass.count("waiting")),
        (3, 2, 1),
        "{}{}",
        pass.stdout,
        pass.stderr
    );
    for copy in islands.toots.statuses("me") {
        assert!(copy.text.ends_with("\n\n#sea"), "{}", copy.text);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn where_alternative_texts_have_a_least_length_short_ones_and_none_go_on_with_what_the_post_says() {
    for (least, expected) in [
        (10, ["A wave on a beach", "Picture: A gull", "Picture, not described"]),
        (
            40,
            [
                "Picture: A wave on a beach. It belongs to a post that says: Three by the sea",
                "Picture: A gull. It belongs to a post that says: Three by the sea",
                "Picture, not described. It belongs to a post that says: Three by the sea",
            ],
        ),
    ] {
        let islands = Islands::new().await;
        islands.toots.set_ways(Ways {
            alt_min: least,
            ..Ways::default()
        });
        let mut undescribed = NewMedia::new(photo(3), "");
        undescribed.description = None;
        islands.share(NewPost {
            text: "Three by the sea".into(),
            media: vec![
                NewMedia::new(photo(1), "A wave on a beach"),
                NewMedia::new(photo(2), "A gull"),
                undescribed,
            ],
            ..NewPost::default()
        });
        carried(&islands, "photos", "toots", "").await;
        let copy = only(islands.toots.statuses("me"));
        let alts: Vec<&str> = copy.media.iter().filter_map(|m| m.description.as_deref()).collect();
        assert_eq!(alts, expected);
        assert_eq!(
            islands.toots.arrivals().count("POST", "/api/v2/media"),
            3,
            "none was refused"
        );
    }
}
