//! A server whose API calls every post public, as snac's does: what its object says is what holds.

use tombolo_mastodon::stand_in::{NewStatus, Ways};

use crate::islands::{Islands, reason};

#[tokio::test(flavor = "multi_thread")]
async fn what_is_unlisted_by_its_object_alone_stays_there_and_is_looked_at_once() {
    let islands = Islands::new().await;
    islands.toots.set_ways(Ways {
        names_api: false,
        tells_audience: false,
        ..Ways::default()
    });
    let quiet = islands.published(NewStatus::new("Not for the timeline").visibility("unlisted"));
    let tombolo = islands.route("toots", "second", "");
    let pass = tombolo.sync(&["--wait", "10s"]).await;
    assert_eq!(
        (pass.code, pass.count("skipped"), pass.count("published")),
        (0, 1, 0),
        "{}{}",
        pass.stdout,
        pass.stderr
    );
    assert!(reason(&pass).contains("unlisted"), "{}", pass.stdout);
    assert_eq!(islands.toots.statuses("second").len(), 0);
    let path = url::Url::parse(&quiet.uri).unwrap().path().to_owned();
    let looks = || islands.toots.arrivals().count("GET", &path);
    let before = looks();
    let again = tombolo.sync(&["--wait", "10s"]).await;
    assert!(again.lines.is_empty(), "{}", again.stdout);
    assert_eq!(looks(), before, "a pass without news looks at nothing");
    // With news its list shows it again, as public: it is looked at once more, then left alone for a while.
    for n in 0..3 {
        islands.toot(NewStatus::new(&format!("News {n}")));
        let pass = tombolo.sync(&["--wait", "10s"]).await;
        let states: Vec<&str> = pass.lines.iter().filter_map(|line| line["state"].as_str()).collect();
        assert_eq!(states, ["published"], "{}{}", pass.stdout, pass.stderr);
    }
    assert_eq!(looks(), before + 1);
    assert_eq!(islands.toots.statuses("second").len(), 3);
}
