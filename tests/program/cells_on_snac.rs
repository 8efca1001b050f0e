//! The column "Mastodon API" of the table of writing, against a real snac: what it has afterwards.

use serde_json::Value;
use tombolo_mastodon::stand_in::{NewMedia as Attached, NewStatus};
use tombolo_pixelfed::stand_in::{NewMedia, NewPost};

use crate::first_line_to_snac::a_snac;
use crate::islands::{Islands, photo};
use crate::rig::{Tombolo, media, sha256};
use crate::snac::{Snac, USER};

/// What snac has, oldest first, after one pass from this account, and a second one that sends nothing.
async fn carried(islands: &Islands, from: &str, snac: &Snac) -> Vec<Value> {
    let tombolo = Tombolo::configured(&format!(
        "{}\n[accounts.snac]\nplatform = \"mastodon\"\ninstance = \"{}\"\nhandle = \"{USER}\"\ntoken = \"{}\"\n\
         settle = \"1s\"\n[routes.r]\nfrom = \"{from}\"\nto = [\"snac\"]\nsince = \"beginning\"\n",
        islands.accounts, snac.base, snac.token
    ));
    let pass = tombolo.sync(&["--wait", "60s"]).await;
    assert_eq!(
        (pass.code, pass.count("published")),
        (0, 1),
        "{}{}",
        pass.stdout,
        pass.stderr
    );
    let again = tombolo.sync(&["--wait", "60s"]).await;
    assert!(
        again.code == 0 && again.lines.is_empty(),
        "{}{}",
        again.stdout,
        again.stderr
    );
    let mut statuses = snac.statuses().await;
    statuses.reverse();
    statuses
}

fn text<'a>(of: &'a Value, key: &str) -> &'a str {
    of[key].as_str().unwrap_or_default()
}

fn files(status: &Value) -> &[Value] {
    status["media_attachments"].as_array().map_or(&[], Vec::as_slice)
}

/// Type, alternative text and digest of each file, status by status.
fn shown(snac: &Snac, statuses: &[Value]) -> Vec<Vec<(String, String, String)>> {
    let file = |medium: &Value| {
        let bytes = std::fs::read(snac.media_path(text(medium, "url"))).expect("the media is there");
        (
            text(medium, "type").to_owned(),
            text(medium, "description").to_owned(),
            sha256(&bytes),
        )
    };
    let of = |status: &Value| files(status).iter().map(file).collect();
    statuses.iter().map(of).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn text_alone_is_a_status_on_snac_that_mentions_nobody() {
    let dir = tempfile::tempdir().unwrap();
    let Some(snac) = a_snac(dir.path()).await else { return };
    let islands = Islands::new().await;
    let original = islands.published(NewStatus::new("Low tide <3 & *sand*.\n\nWith @creator. #LowTide"));
    let statuses = carried(&islands, "toots", &snac).await;
    assert_eq!(statuses.len(), 1);
    let copy = text(&statuses[0], "text");
    assert!(
        copy.starts_with("Low tide <3 & ") && copy.contains("#LowTide"),
        "{copy}"
    );
    assert!(copy.contains(&original.url), "{copy}");
    assert_eq!(
        statuses[0]["mentions"].as_array().map(Vec::len),
        Some(0),
        "{}",
        statuses[0]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn photos_beyond_its_number_go_on_as_a_thread_on_snac_with_their_alt_texts() {
    let dir = tempfile::tempdir().unwrap();
    let Some(snac) = a_snac(dir.path()).await else { return };
    let islands = Islands::new().await;
    islands.photos.set_limits(tombolo_pixelfed::stand_in::InstanceLimits {
        max_media_attachments: 20,
        ..tombolo_pixelfed::stand_in::InstanceLimits::default()
    });
    let album = NewPost {
        text: "Six waves".into(),
        media: (0..6)
            .map(|n| NewMedia::new(photo(n * 30), &format!("Wave {n}")))
            .collect(),
        ..NewPost::default()
    };
    islands.share(album);
    let statuses = carried(&islands, "photos", &snac).await;
    let all = shown(&snac, &statuses);
    assert_eq!(all.iter().map(Vec::len).collect::<Vec<_>>(), [4, 2], "{statuses:?}");
    for (n, (kind, alt, digest)) in all.iter().flatten().enumerate() {
        assert_eq!((kind.as_str(), alt.as_str()), ("image", format!("Wave {n}").as_str()));
        assert_eq!(*digest, sha256(&photo(u8::try_from(n).unwrap() * 30)), "wave {n}");
    }
    assert_eq!(statuses[1]["in_reply_to_id"], statuses[0]["id"], "{}", statuses[1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn photos_and_a_video_are_split_on_snac_and_the_video_continues_the_photos() {
    let dir = tempfile::tempdir().unwrap();
    let Some(snac) = a_snac(dir.path()).await else { return };
    let islands = Islands::new().await;
    islands.toot(
        NewStatus::new("A walk")
            .media(Attached::new(photo(9)).alt("The path"))
            .media(Attached::new(photo(99)).alt("The gate"))
            .media(Attached::new(media("clip-with-sound.mp4")).alt("The sea")),
    );
    let statuses = carried(&islands, "toots", &snac).await;
    let kinds: Vec<Vec<(String, String)>> = shown(&snac, &statuses)
        .into_iter()
        .map(|files| files.into_iter().map(|(kind, alt, _)| (kind, alt)).collect())
        .collect();
    let expected = |files: &[(&str, &str)]| -> Vec<(String, String)> {
        files
            .iter()
            .map(|(kind, alt)| ((*kind).to_owned(), (*alt).to_owned()))
            .collect()
    };
    assert_eq!(
        kinds,
        [
            expected(&[("image", "The path"), ("image", "The gate")]),
            expected(&[("video", "The sea")])
        ]
    );
    assert_eq!(statuses[1]["in_reply_to_id"], statuses[0]["id"], "{}", statuses[1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn animated_gif_stays_the_same_gif_on_snac() {
    let dir = tempfile::tempdir().unwrap();
    let Some(snac) = a_snac(dir.path()).await else { return };
    let islands = Islands::new().await;
    let gif = media("animated.gif");
    islands.share(NewPost {
        text: "Round and round".into(),
        media: vec![NewMedia::new(gif.clone(), "A wheel")],
        ..NewPost::default()
    });
    let statuses = carried(&islands, "photos", &snac).await;
    let all = shown(&snac, &statuses);
    assert_eq!(all, [[("image".to_owned(), "A wheel".to_owned(), sha256(&gif))]]);
}
