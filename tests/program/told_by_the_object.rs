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
    println!("looks: {before} then {}", looks());
    assert_eq!(looks(), before, "a pass without news looks at nothing");
}
