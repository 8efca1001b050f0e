//! Every platform as source and as destination, and every kind of post: what arrives at the server is what is asserted.

use tombolo_mastodon::stand_in::{NewMedia as Attached, NewStatus, PostedKind};
use tombolo_peertube::stand_in::FileBody;
use tombolo_pixelfed::stand_in::{InstanceLimits, NewMedia, NewPost};

use crate::islands::{Islands, files_below, photo, reason};
use crate::rig::{Tombolo, ffmpeg, media, sha256, video};

#[tokio::test(flavor = "multi_thread")]
async fn photos_on_mastodon_become_an_album_on_pixelfed_and_the_rest_a_further_post() {
    let islands = Islands::new().await;
    let mut status = NewStatus::new("Five of the sea <3 #sea");
    for n in 0..5 {
        status = status.media(Attached::new(photo(n * 40)).alt(&format!("Wave {n}")));
    }
    // Mastodon itself takes four; a fork takes more.
    islands.toot(status);
    let tombolo = islands.route("toots", "photos", "");
    let pass = tombolo.sync(&["--limit", "9"]).await;
    assert_eq!(
        (pass.code, pass.count("published")),
        (0, 1),
        "{}{}",
        pass.stdout,
        pass.stderr
    );
    let posts = islands.photos.statuses("me");
    let sizes: Vec<usize> = posts.iter().map(|post| post.media.len()).collect();
    assert_eq!(sizes, [4, 1]);
    let alts: Vec<_> = posts
        .iter()
        .flat_map(|p| &p.media)
        .filter_map(|m| m.description.as_deref())
        .collect();
    assert_eq!(alts, ["Wave 0", "Wave 1", "Wave 2", "Wave 3", "Wave 4"]);
    let first = &posts[0].stored;
    assert!(
        first.starts_with("Five of the sea &lt;3") && first.contains("/@me/"),
        "{first}"
    );
    // Nothing twice.
    let again = tombolo.sync(&[]).await;
    assert_eq!(
        (again.code, again.lines.len()),
        (0, 0),
        "{}{}",
        again.stdout,
        again.stderr
    );
    assert_eq!(islands.photos.statuses("me").len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_pass_finds_nothing_new() {
    let islands = Islands::new().await;
    islands.toot(NewStatus::new("One").media(Attached::new(photo(1)).alt("One")));
    let tombolo = islands.route("toots", "photos", "");
    assert_eq!(tombolo.sync(&[]).await.count("published"), 1);
    assert!(tombolo.sync(&[]).await.lines.is_empty());
    assert_eq!(islands.photos.statuses("me").len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_video_on_mastodon_becomes_a_video_on_peertube_with_its_words_and_its_bytes() {
    let islands = Islands::new().await;
    let clip = media("clip-with-sound.mp4");
    islands.toot(
        NewStatus::new("A walk by the sea. It was *May*.\n\n#PeerTube #sea")
            .language(Some("en"))
            .media(Attached::new(clip.clone()).alt("Waves")),
    );
    let pass = islands.route("toots", "tube", "").sync(&["--wait", "30s"]).await;
    assert_eq!(pass.count("published"), 1, "{}{}", pass.stdout, pass.stderr);
    let uploads = islands.tube.uploaded();
    let [video] = uploads.as_slice() else {
        panic!("{uploads:?}")
    };
    assert_eq!(video.details.title, "A walk by the sea");
    let description = video.details.description.as_deref().unwrap_or_default();
    assert!(
        description.contains("It was") && description.contains("/@me/"),
        "{description}"
    );
    assert_eq!(video.details.tags, ["PeerTube", "sea"]);
    assert_eq!(video.details.language.as_deref(), Some("en"));
    assert_eq!(video.channel, "alice_channel");
    assert_eq!(video.file.as_ref().map(FileBody::sha256), Some(sha256(&clip)));
}

#[tokio::test(flavor = "multi_thread")]
async fn text_alone_is_skipped_with_the_reason_where_it_cannot_go() {
    let islands = Islands::new().await;
    islands.toot(NewStatus::new("Only words."));
    for (to, why) in [("photos", "picture or video"), ("tube", "takes videos only")] {
        let pass = islands.route("toots", to, "").sync(&[]).await;
        assert_eq!(pass.count("skipped"), 1, "{}{}", pass.stdout, pass.stderr);
        assert!(reason(&pass).contains(why), "{}", reason(&pass));
    }
    let pass = islands.route("toots", "second", "").sync(&[]).await;
    assert_eq!(pass.count("published"), 1, "{}{}", pass.stdout, pass.stderr);
    assert!(
        islands.toots.statuses("second")[0]
            .text
            .starts_with("Only words.\n\nhttp")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_album_on_pixelfed_becomes_a_thread_on_mastodon_where_it_is_too_large_for_one_status() {
    let islands = Islands::new().await;
    islands.photos.set_limits(InstanceLimits {
        max_media_attachments: 10,
        ..InstanceLimits::default()
    });
    islands.photos.set_active("me", true);
    let album = NewPost {
        text: "Six waves".into(),
        media: (0..6)
            .map(|n| NewMedia::new(photo(n * 30), &format!("Wave {n}")))
            .collect(),
        ..NewPost::default()
    };
    islands.photos.post("me", album).unwrap();
    let pass = islands
        .route("photos", "toots", "overflow = \"thread\"")
        .sync(&[])
        .await;
    assert_eq!(pass.count("published"), 1, "{}{}", pass.stdout, pass.stderr);
    let statuses = islands.toots.statuses("me");
    let sizes: Vec<usize> = statuses.iter().map(|status| status.media.len()).collect();
    assert_eq!(sizes, [4, 2]);
    assert_eq!(statuses[1].in_reply_to.as_ref(), Some(&statuses[0].id));
    assert!(statuses[0].text.starts_with("Six waves") && statuses[0].text.ends_with("(1/2)"));
    assert_eq!(statuses[1].media[1].description.as_deref(), Some("Wave 5"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_video_on_peertube_goes_to_pixelfed_as_a_video_where_that_takes_videos_else_as_its_picture() {
    for takes_videos in [true, false] {
        let islands = Islands::new().await;
        if takes_videos {
            islands.photos.set_limits(InstanceLimits::default().with_video());
        }
        islands.tube.publish(video(1));
        let pass = islands.route("tube", "photos", "").sync(&[]).await;
        assert_eq!(pass.count("published"), 1, "{}{}", pass.stdout, pass.stderr);
        let posts = islands.photos.statuses("me");
        let sent = &posts[0].media[0];
        assert_eq!(sent.media_type.starts_with("video/"), takes_videos, "{sent:?}");
        assert_eq!(sent.description.as_deref(), Some("Video: Video 001"));
        assert!(posts[0].stored.contains("/w/"), "{}", posts[0].stored);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn photos_and_video_in_one_post_are_split_and_a_gif_stays_one() {
    let islands = Islands::new().await;
    islands.toot(
        NewStatus::new("Mixed")
            .media(Attached::new(photo(9)).alt("A photo"))
            .media(Attached::new(media("clip-with-sound.mp4")).alt("A video"))
            // What Mastodon makes of a GIF: a silent mp4.
            .media(Attached::new(media("clip-silent.mp4")).alt("A loop")),
    );
    let pass = islands.route("toots", "second", "").sync(&["--wait", "30s"]).await;
    assert_eq!(pass.count("published"), 1, "{}{}", pass.stdout, pass.stderr);
    let kinds: Vec<Vec<PostedKind>> = islands
        .toots
        .statuses("second")
        .iter()
        .map(|status| status.media.iter().map(|m| m.kind).collect())
        .collect();
    assert_eq!(
        kinds,
        [vec![PostedKind::Image, PostedKind::Gifv], vec![PostedKind::Video]]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thread_stays_a_thread_and_answers_to_others_stay_behind() {
    let islands = Islands::new().await;
    let first = islands
        .toots
        .publish("me", NewStatus::new("First of two").warning("food"))
        .unwrap();
    islands.toot(NewStatus::new("Second of two").reply_to(&first.id));
    let theirs = islands
        .toots
        .publish("second", NewStatus::new("Somebody else's"))
        .unwrap();
    islands.toot(NewStatus::new("An answer").reply_to(&theirs.id));
    let other = islands.toots.add_account("third");
    let third = islands.accounts.replace("handle = \"second\"", "handle = \"third\"");
    let start = third.find("[accounts.second]").unwrap();
    let token = third[start..].lines().find(|line| line.starts_with("token")).unwrap();
    let accounts = third.replace(token, &format!("token = \"{other}\""));
    let tombolo = Tombolo::configured(&format!(
        "{accounts}\n[routes.r]\nfrom = \"toots\"\nto = [\"second\"]\nsince = \"beginning\"\n"
    ));
    let pass = tombolo.sync(&[]).await;
    assert_eq!(
        (pass.count("published"), pass.count("skipped")),
        (2, 1),
        "{}{}",
        pass.stdout,
        pass.stderr
    );
    let copies = islands.toots.statuses("third");
    assert_eq!(copies[0].spoiler_text, "food");
    assert!(copies[1].text.starts_with("Second of two"));
    assert_eq!(copies[1].in_reply_to.as_ref(), Some(&copies[0].id));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_boost_is_a_boost_where_the_original_is_known() {
    let islands = Islands::new().await;
    islands.toot(NewStatus::new("Worth a boost"));
    let pass = islands.route("toots", "second", "mode = \"boost\"").sync(&[]).await;
    assert_eq!(pass.count("published"), 1, "{}{}", pass.stdout, pass.stderr);
    let boosted = islands.toots.statuses("second");
    assert!(boosted[0].boost_of.is_some(), "{boosted:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ring_of_routes_carries_every_post_once() {
    let islands = Islands::new().await;
    islands.photos.set_limits(InstanceLimits::default().with_video());
    let routes = "\
        [routes.a]\nfrom = \"tube\"\nto = [\"toots\", \"photos\"]\nsince = \"beginning\"\n\
        [routes.b]\nfrom = \"toots\"\nto = [\"photos\", \"tube\"]\nsince = \"beginning\"\n\
        [routes.c]\nfrom = \"photos\"\nto = [\"tube\", \"toots\"]\nsince = \"beginning\"\n";
    let config = format!("{}\n{routes}", islands.accounts);
    let tombolo = Tombolo::configured(&config);
    islands.tube.publish(video(1));
    for _ in 0..3 {
        let pass = tombolo.sync(&["--wait", "30s"]).await;
        assert!(matches!(pass.code, 0 | 3), "{}{}", pass.stdout, pass.stderr);
    }
    let counts = || {
        (
            islands.tube.uploaded().len(),
            islands.toots.statuses("me").len(),
            islands.photos.statuses("me").len(),
        )
    };
    assert_eq!(counts(), (0, 1, 1));
    // Nor when the ledger is lost and everything is asked for from the beginning.
    std::fs::remove_dir_all(tombolo.data_dir()).unwrap();
    islands.tube.publish(video(2));
    let lost = Tombolo::configured(&config.replace(
        "from = \"tube\"\nto = [\"toots\", \"photos\"]\nsince = \"beginning\"",
        "from = \"tube\"\nto = [\"toots\", \"photos\"]",
    ));
    let pass = lost.sync(&["--wait", "30s"]).await;
    assert_eq!(
        (pass.code, pass.count("published")),
        (0, 0),
        "{}{}",
        pass.stdout,
        pass.stderr
    );
    let copies = pass
        .lines
        .iter()
        .filter(|line| line["reason"].as_str().is_some_and(|why| why.contains("copy of")));
    assert!(copies.count() >= 2, "{}", pass.stdout);
    lost.sync(&["--wait", "30s"]).await;
    assert_eq!(counts(), (0, 1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn rules_leave_out_hold_and_release() {
    let islands = Islands::new().await;
    islands.toot(NewStatus::new("Mute photo").media(Attached::new(photo(3))));
    let tombolo = islands.route("toots", "photos", "require_alt = \"hold\"");
    let pass = tombolo.sync(&[]).await;
    assert_eq!(pass.count("held"), 1, "{}{}", pass.stdout, pass.stderr);
    assert!(reason(&pass).contains("no alternative text"), "{}", reason(&pass));
    assert!(islands.photos.statuses("me").is_empty());

    let islands = Islands::new().await;
    islands.toot(NewStatus::new("A photo").media(Attached::new(photo(3)).alt("x")));
    let config = |more: &str| {
        format!(
            "{}\n[routes.r]\nfrom = \"toots\"\nto = [\"photos\"]\nsince = \"beginning\"\n{more}\n",
            islands.accounts
        )
    };
    let tombolo = Tombolo::configured(&config("kinds = [\"video\"]"));
    assert_eq!(tombolo.sync(&[]).await.count("skipped"), 1);
    // Looser rules release it only when it is asked for.
    tombolo.configure(&config(""));
    assert!(tombolo.sync(&[]).await.lines.is_empty());
    assert_eq!(tombolo.sync(&["--since", "beginning"]).await.count("published"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn photos_become_a_slideshow_on_peertube_only_where_the_route_says_so() {
    let islands = Islands::new().await;
    islands.toot(
        NewStatus::new("Two photos")
            .media(Attached::new(photo(1)).alt("a"))
            .media(Attached::new(photo(99)).alt("b")),
    );
    let pass = islands.route("toots", "tube", "").sync(&[]).await;
    assert_eq!(pass.count("skipped"), 1, "{}{}", pass.stdout, pass.stderr);
    if !ffmpeg() {
        return;
    }
    let pass = islands
        .route("toots", "tube", "slideshow = \"2s\"")
        .sync(&["--wait", "30s"])
        .await;
    assert_eq!(pass.count("published"), 1, "{}{}", pass.stdout, pass.stderr);
    assert_eq!(islands.tube.uploaded()[0].details.title, "Two photos");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_video_that_is_too_large_is_encoded_and_without_ffmpeg_its_picture_goes_and_it_is_said_why() {
    for choice in ["auto", "off"] {
        if choice == "auto" && !ffmpeg() {
            continue;
        }
        let islands = Islands::new().await;
        let limits = tombolo_mastodon::stand_in::InstanceLimits {
            video_size_limit: 400_000,
            ..tombolo_mastodon::stand_in::InstanceLimits::default()
        };
        islands.toots.set_limits(limits);
        let long = crate::rig::playable(640, 360, 2_000_000);
        islands
            .tube
            .publish(tombolo_peertube::stand_in::NewVideo::titled("Large").web([long]));
        let tombolo = islands.route("tube", "toots", "");
        let config = std::fs::read_to_string(tombolo.dir.path().join("config.toml")).unwrap();
        std::fs::write(
            tombolo.dir.path().join("config.toml"),
            format!("{config}\n[media]\nffmpeg = \"{choice}\"\n"),
        )
        .unwrap();
        let pass = tombolo.sync(&["--wait", "30s"]).await;
        assert_eq!(pass.count("published"), 1, "{}{}", pass.stdout, pass.stderr);
        let sent = &islands.toots.statuses("me")[0].media[0];
        if choice == "auto" {
            assert!(
                sent.media_type == "video/mp4" && sent.size <= 400_000 - 65_536,
                "{sent:?}"
            );
        } else {
            assert!(sent.media_type.starts_with("image/"), "{sent:?}");
            assert!(reason(&pass).contains("ffmpeg"), "{}", reason(&pass));
        }
        let work = tombolo.data_dir().join("work");
        let left = files_below(&work);
        assert!(left.is_empty(), "working files are left: {left:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_is_signed_out_keeps_no_other_from_its_posts() {
    let islands = Islands::new().await;
    islands.share(NewPost {
        text: "A wave".into(),
        media: vec![NewMedia::new(photo(1), "A wave")],
        ..NewPost::default()
    });
    let start = islands.accounts.find("[accounts.second]").unwrap();
    let token = islands.accounts[start..]
        .lines()
        .find(|line| line.starts_with("token"))
        .unwrap();
    // The first in order is the dead one.
    let accounts = islands.accounts.replace(token, "token = \"n0tAtoken\"");
    let tombolo = Tombolo::configured(&format!(
        "{accounts}\n[routes.r]\nfrom = \"photos\"\nto = [\"second\", \"toots\"]\nsince = \"beginning\"\n"
    ));
    let pass = tombolo.sync(&["--wait", "30s"]).await;
    assert_eq!(
        (pass.code, pass.count("published")),
        (4, 1),
        "{}{}",
        pass.stdout,
        pass.stderr
    );
    assert_eq!(islands.toots.statuses("me").len(), 1);
    let status = tombolo.run(&["status"]).await;
    let status = String::from_utf8_lossy(&status.stdout).into_owned();
    assert!(status.contains("account \"second\" "), "{status}");
}

#[tokio::test(flavor = "multi_thread")]
async fn photos_that_were_skipped_become_a_slideshow_when_the_route_changes_and_they_are_asked_for() {
    if !ffmpeg() {
        return;
    }
    let islands = Islands::new().await;
    islands.toot(
        NewStatus::new("Two photos")
            .media(Attached::new(photo(1)).alt("a"))
            .media(Attached::new(photo(99)).alt("b")),
    );
    let config = |more: &str| {
        format!(
            "{}\n[routes.r]\nfrom = \"toots\"\nto = [\"tube\"]\nsince = \"beginning\"\n{more}\n",
            islands.accounts
        )
    };
    let tombolo = Tombolo::configured(&config(""));
    assert_eq!(tombolo.sync(&[]).await.count("skipped"), 1);
    tombolo.configure(&config("slideshow = \"2s\""));
    assert!(tombolo.sync(&[]).await.lines.is_empty());
    let pass = tombolo.sync(&["--since", "beginning", "--wait", "60s"]).await;
    assert_eq!(pass.count("published"), 1, "{}{}", pass.stdout, pass.stderr);
}

/// As GoToSocial does: who isn't signed in is shown nothing.
fn shows_nothing_to_strangers(islands: &Islands) {
    islands.toots.set_ways(tombolo_mastodon::stand_in::Ways {
        anonymous_api: false,
        unsigned_objects: false,
        ..tombolo_mastodon::stand_in::Ways::default()
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_is_known_with_a_new_ledger_where_its_original_is_shown_to_its_author_only() {
    let back = "[routes.back]\nfrom = \"photos\"\nto = [\"toots\"]\nsince = \"beginning\"\n";
    let there = "[routes.there]\nfrom = \"toots\"\nto = [\"photos\"]\nsince = \"beginning\"\n";
    // Both routes are configured and one is run; or there is the way back alone.
    for (later, arguments) in [(format!("{there}{back}"), &["back"][..]), (back.to_owned(), &[])] {
        let islands = Islands::new().await;
        shows_nothing_to_strangers(&islands);
        islands.toot(NewStatus::new("A walk along the shore in May").media(Attached::new(photo(1)).alt("Sea")));
        let tombolo = Tombolo::configured(&format!("{}\n{there}", islands.accounts));
        assert_eq!(tombolo.sync(&[]).await.count("published"), 1);
        std::fs::remove_dir_all(tombolo.data_dir()).expect("the ledger is lost");
        tombolo.configure(&format!("{}\n{later}", islands.accounts));
        let pass = tombolo.sync(arguments).await;
        assert_eq!(pass.count("skipped"), 1, "{}{}", pass.stdout, pass.stderr);
        assert!(reason(&pass).contains("a copy of"), "{}", reason(&pass));
        assert_eq!(islands.toots.statuses("me").len(), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn further_parts_of_a_copy_are_known_with_a_new_ledger_too() {
    let islands = Islands::new().await;
    let album = |n: u8| (0..6).map(move |place| Attached::new(photo(n + place)).alt("Sea"));
    let several = |text: &str, n: u8| album(n).fold(NewStatus::new(text), NewStatus::media);
    islands.toots.set_limits(tombolo_mastodon::stand_in::InstanceLimits {
        max_media_attachments: 6,
        ..tombolo_mastodon::stand_in::InstanceLimits::default()
    });
    islands.toot(several("Six #sea", 10));
    islands.toot(several("Six more of a long walk along the shore in May #sea", 30));
    islands.toot(NewStatus::new(&"A long walk along the shore. ".repeat(17)));
    let there = "[routes.there]\nfrom = \"toots\"\nto = [\"photos\"]\nkinds = [\"photo\"]\nsince = \"beginning\"\n\
                 [routes.on]\nfrom = \"toots\"\nto = [\"second\"]\noverflow = \"thread\"\nsince = \"beginning\"\n";
    let tombolo = Tombolo::configured(&format!("{}\n{there}", islands.accounts));
    islands
        .toots
        .set_limits(tombolo_mastodon::stand_in::InstanceLimits::default());
    let pass = tombolo.sync(&["--wait", "60s"]).await;
    assert_eq!(pass.count("published"), 5, "{}{}", pass.stdout, pass.stderr);
    let copies = (
        islands.photos.statuses("me").len(),
        islands.toots.statuses("second").len(),
    );
    assert!(copies.0 == 4 && copies.1 >= 6, "{copies:?}");
    std::fs::remove_dir_all(tombolo.data_dir()).expect("the ledger is lost");
    let back = "[routes.back]\nfrom = \"photos\"\nto = [\"toots\"]\nsince = \"beginning\"\n\
                [routes.off]\nfrom = \"second\"\nto = [\"toots\"]\nsince = \"beginning\"\n";
    tombolo.configure(&format!("{}\n{back}", islands.accounts));
    let pass = tombolo.sync(&["--wait", "60s"]).await;
    let skipped = u64::try_from(copies.0 + copies.1).unwrap();
    assert_eq!(
        (pass.count("skipped"), pass.count("published")),
        (skipped, 0),
        "{}{}",
        pass.stdout,
        pass.stderr
    );
    assert_eq!(islands.toots.statuses("me").len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_creators_own_answer_to_a_copy_is_no_part_of_it() {
    let islands = Islands::new().await;
    islands.toot(NewStatus::new(
        "A walk along the shore in May, with the sea on both sides",
    ));
    let there = "[routes.there]\nfrom = \"toots\"\nto = [\"second\"]\nsince = \"beginning\"\n";
    let tombolo = Tombolo::configured(&format!("{}\n{there}", islands.accounts));
    assert_eq!(tombolo.sync(&[]).await.count("published"), 1);
    let copy = islands.toots.statuses("second").remove(0);
    let answer = NewStatus::new("(2/3) of you liked it").reply_to(&copy.id);
    islands.toots.publish("second", answer).expect("it is published");
    std::fs::remove_dir_all(tombolo.data_dir()).expect("the ledger is lost");
    let back = "[routes.back]\nfrom = \"second\"\nto = [\"toots\"]\nsince = \"beginning\"\n";
    tombolo.configure(&format!("{}\n{back}", islands.accounts));
    let pass = tombolo.sync(&[]).await;
    let counts = (pass.count("skipped"), pass.count("published"));
    assert_eq!(counts, (1, 1), "{}{}", pass.stdout, pass.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_may_be_a_copy_of_a_post_that_nobody_here_may_see_waits() {
    let islands = Islands::new().await;
    shows_nothing_to_strangers(&islands);
    islands.toot(NewStatus::new("A walk along the shore in May").media(Attached::new(photo(1)).alt("Sea")));
    let tombolo = islands.route("toots", "photos", "");
    assert_eq!(tombolo.sync(&[]).await.count("published"), 1);
    std::fs::remove_dir_all(tombolo.data_dir()).expect("the ledger is lost");
    // The first account's token is no longer there.
    let start = islands.accounts.find("[accounts.toots]").unwrap();
    let token = islands.accounts[start..]
        .lines()
        .find(|line| line.starts_with("token"))
        .unwrap();
    let accounts = islands.accounts.replace(token, "");
    tombolo.configure(&format!(
        "{accounts}\n[routes.there]\nfrom = \"toots\"\nto = [\"second\"]\n\
         [routes.on]\nfrom = \"photos\"\nto = [\"gallery\"]\nsince = \"beginning\"\n"
    ));
    let pass = tombolo.sync(&["on", "--wait", "0s"]).await;
    assert_eq!(pass.count("waiting"), 1, "{}{}", pass.stdout, pass.stderr);
    assert!(reason(&pass).contains("can't be told"), "{}", reason(&pass));
    assert!(islands.photos.statuses("second").is_empty());
}
