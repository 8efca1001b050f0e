//! A file that goes up to a PeerTube in pieces while its connection is cut again and again.

use std::time::Duration;

use tombolo_mastodon::stand_in::{Mastodon, NewMedia, NewStatus, Options};
use tombolo_peertube::stand_in::{FileBody, UploadCut};

use crate::rig::{Tombolo, padded, peertube, sha256};

const CHUNK: u64 = 1_000_000;
const FILE: usize = 5_000_123;
const UPLOAD: &str = "/api/v1/videos/upload-resumable";

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_cut_three_times_goes_on_where_it_was_and_is_one_video_byte_for_byte() {
    let tube = peertube().await;
    tube.set(|settings| {
        settings.max_chunk_size = CHUNK;
        settings.transcoding = Duration::ZERO;
    });
    // In the middle of the second piece, in the fourth, and with the very last byte of all.
    for at in [1_300_000, 3_900_001, FILE as u64] {
        tube.cut_upload(UploadCut::AtByte(at));
    }
    let toots = Mastodon::start(Options::default()).await.expect("the stand-in starts");
    let tombolo = Tombolo::configured(&format!(
        r#"
[accounts.toots]
platform = "mastodon"
instance = "{}"
handle = "me"
token = "{}"

[accounts.tube]
platform = "peertube"
instance = "{}"
handle = "alice_channel"
username = "alice"
password = "{}"

[routes.r]
from = "toots"
to = ["tube"]
since = "beginning"
"#,
        toots.base(),
        toots.add_account("me"),
        tube.base(),
        tube.password("alice"),
    ));
    let film = padded("clip-with-sound.mp4", FILE);
    let medium = NewMedia::new(film.clone()).alt("Waves");
    toots
        .publish("me", NewStatus::new("A long walk by the sea").media(medium))
        .expect("it is published");
    let pass = tombolo.sync(&["--wait", "60s"]).await;
    assert_eq!(
        (pass.code, pass.count("published")),
        (0, 1),
        "{}{}",
        pass.stdout,
        pass.stderr
    );

    assert_eq!(tube.cuts_left(), 0);
    let uploads = tube.uploaded();
    let [video] = uploads.as_slice() else {
        panic!("{uploads:?}")
    };
    assert_eq!(video.file.as_ref().map(FileBody::sha256), Some(sha256(&film)));
    assert_eq!(tube.unfinished(), []);
    // One upload, in pieces that the instance allows, each where the server stood; only what was cut went twice.
    assert_eq!(tube.arrivals().count("POST", UPLOAD), 1);
    let asked = tube.arrivals().all();
    let pieces: Vec<(u64, u64)> = asked
        .iter()
        .filter_map(|asked| piece(asked.header("content-range")?))
        .collect();
    let (mut held, mut sent) = (0, 0);
    for (first, last) in &pieces {
        assert!(*first <= held, "a gap before {first}: {pieces:?}");
        assert!(last - first < CHUNK, "{pieces:?}");
        (held, sent) = (last + 1, sent + last + 1 - first);
    }
    assert_eq!(held, FILE as u64);
    assert!(sent <= FILE as u64 + 3 * CHUNK && pieces.len() <= 9, "{pieces:?}");
}

/// The first and the last byte of a piece; none of a question.
fn piece(range: &str) -> Option<(u64, u64)> {
    let (part, _) = range.strip_prefix("bytes ")?.split_once('/')?;
    let (first, last) = part.split_once('-')?;
    Some((first.parse().ok()?, last.parse().ok()?))
}
