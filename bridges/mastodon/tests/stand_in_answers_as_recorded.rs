//! The stand-in answers recorded requests as the recorded Mastodon 4.6.5 did: same status, content type, headers that
//! matter and shape of JSON; texts, errors and HTML to the letter. Ids are mapped; uploaded files are small ones of the
//! same kind. What may differ stands in [`PERMITTED`], with the reason.

#[path = "recorded/files.rs"]
mod files;
#[path = "recorded/scene.rs"]
mod scene;

use reqwest::Method;
use tombolo_mastodon::stand_in::{Options, Preferences, Ways};
use tombolo_net::stand_in::recordings::Permitted;

use self::scene::{Scene, got};

/// Where answers may differ: in which recordings (none named: all), where, and why.
const PERMITTED: &[(&str, Permitted)] = &[
    permitted(
        "003",
        "$.thumbnail.description",
        "describes the picture that comes with Mastodon",
    ),
    permitted(
        "026 374 382 383 445",
        "vary",
        "says more or less when the framework has the answer in its cache",
    ),
    permitted("269 270", "$.poll", "polls are not part of the stand-in"),
    permitted("364 367 512", "$.application.website", "carol's application had none"),
    permitted("387", "link", "is left out when the framework answers from its cache"),
];

const fn permitted(recordings: &'static str, path: &'static str, why: &'static str) -> (&'static str, Permitted) {
    (recordings, Permitted { path, why })
}

async fn begin() -> Scene {
    // The recorded server had no proxy in front.
    let options = Options {
        client_max_body: None,
        ..Options::default()
    };
    Scene::begin(options, PERMITTED).await
}

#[tokio::test]
async fn the_instance_describes_itself() {
    let mut scene = begin().await;
    scene
        .play("", &["001", "002", "003", "004", "005", "007", "094", "095"])
        .await;
    scene.end();
}

#[tokio::test]
async fn applications_come_by_tokens() {
    let mut scene = begin().await;
    scene.play("", &["008", "009", "010", "015"]).await;
    let app = scene.play_one("", "014", &[]).await.json;
    let secret = app["client_secret"].as_str().expect("a secret").to_owned();
    let right = [("client_secret", secret.as_str())];
    let token = scene.play_one("", "018", &right).await.json;
    scene.introduce("the app", token["access_token"].as_str().expect("a token").to_owned());
    scene.play("the app", &["019", "020", "021"]).await;
    scene.play("", &["022", "023"]).await;
    scene.play_one("", "026", &right).await;
    scene.play_one("", "028", &right).await;
    let code = scene.toots.authorize("alice", "read write").expect("alice is there");
    let with_code = [right[0], ("code", code.as_str())];
    let token = scene.play_one("", "034", &with_code).await.json;
    let token = token["access_token"].as_str().expect("a token").to_owned();
    scene.introduce("alice's", token.clone());
    scene.play("alice's", &["069"]).await;
    scene
        .play_one("", "082", &[right[0], ("token", &scene.toots.token("bob", "read"))])
        .await;
    for number in ["083", "084"] {
        scene.play_one("", number, &[right[0], ("token", &token)]).await;
    }
    scene.play_one("", "085", &right).await;
    scene.play("alice's", &["086", "499"]).await;
    scene.end();
}

#[tokio::test]
async fn accounts_are_shown_to_those_who_may_see_them() {
    let mut scene = begin().await;
    scene.introduce(
        "carol",
        scene
            .toots
            .token("carol", "profile read:statuses write:statuses write:media"),
    );
    scene.introduce("a reader", scene.toots.token("bob", "read"));
    scene.play("alice", &["069", "073"]).await;
    scene.play("carol", &["070", "079", "351"]).await;
    scene.play("", &["071", "076", "077", "078", "500"]).await;
    scene.play("unknown", &["072", "498"]).await;
    scene.play("a reader", &["081"]).await;
    scene
        .toots
        .post("carol", "so that there is one", "public")
        .expect("carol is there");
    scene.toots.post("alice", "here too", "public").expect("alice is there");
    scene.toots.silence("carol");
    scene.introduce("carol", scene.toots.token("carol", "read write"));
    scene.play("carol", &["511", "512"]).await;
    scene.play("", &["513", "352"]).await;
    scene.toots.disable("bob");
    scene.play("bob", &["092", "093"]).await;
    scene.end();
}

#[tokio::test]
async fn pictures_are_taken_as_they_are() {
    let mut scene = begin().await;
    scene.play("alice", &["097", "098"]).await;
    scene.play("", &["099", "100", "101"]).await;
    scene.play("alice", &["102", "103"]).await;
    scene.play("bob", &["104"]).await;
    scene.play("", &["105"]).await;
    scene
        .play(
            "alice",
            &["106", "111", "112", "113", "114", "119", "120", "148", "149"],
        )
        .await;
    scene.play("alice", &["162", "163", "167", "168", "169", "170"]).await;
    scene
        .play("alice", &["171", "172", "173", "174", "175", "176", "177", "616"])
        .await;
    scene.play("alice", &["611", "613", "614"]).await;
    scene.end();
}

#[tokio::test]
async fn films_are_ready_after_a_while() {
    let mut scene = begin().await;
    for film in [
        "121 122 123",
        "124 125 126",
        "127 128 129",
        "130 131 132",
        "133 134 135",
    ] {
        scene.play("alice", &film.split(' ').collect::<Vec<_>>()).await;
    }
    for film in [
        "136 137 138",
        "145 146 147",
        "150 151",
        "164 165 166",
        "277",
        "610",
        "612",
    ] {
        scene.play("alice", &film.split(' ').collect::<Vec<_>>()).await;
    }
    scene.upload("alice", "faststart.mp4", "", "117664630893725627").await;
    scene.play("alice", &["601", "602"]).await;
    scene.toots.set_processing_fails(true);
    scene.toots.set_media_polls(0);
    let upload = scene.play_one("alice", "124", &[]).await;
    scene.know("117664630893725627", upload.json["id"].as_str().expect("an id"));
    scene.play("alice", &["603", "604"]).await;
    scene.end();
}

#[tokio::test]
async fn what_is_not_taken_is_refused_in_the_same_words() {
    let mut scene = begin().await;
    scene
        .play(
            "alice",
            &["152", "153", "154", "155", "156", "157", "158", "159", "160", "161"],
        )
        .await;
    scene.play("alice", &["178", "180", "275", "276", "565", "615"]).await;
    scene.play("", &["179"]).await;
    scene.end();
}

#[tokio::test]
async fn statuses_are_made_as_they_are_wished_for() {
    let mut scene = begin().await;
    scene.play("alice", &["181", "182"]).await;
    scene.play("", &["183", "184"]).await;
    scene.play("alice", &["185"]).await;
    scene.play("", &["186"]).await;
    scene.play("bob", &["187"]).await;
    scene.play("", &["188", "189"]).await;
    scene
        .play(
            "alice",
            &[
                "190", "191", "192", "193", "194", "195", "196", "197", "198", "199", "200",
            ],
        )
        .await;
    scene
        .play(
            "alice",
            &[
                "201", "202", "203", "204", "205", "206", "207", "208", "209", "210", "211",
            ],
        )
        .await;
    scene.play("alice", &["212", "213", "214", "216", "217", "218"]).await;
    scene.play("alice", &["219", "220"]).await;
    scene.play("bob", &["221"]).await;
    scene
        .play("alice", &["222", "223", "224", "225", "226", "227", "228", "229"])
        .await;
    scene
        .play(
            "alice",
            &[
                "096", "580", "581", "582", "583", "584", "585", "586", "588", "589", "590",
            ],
        )
        .await;
    scene.play("alice", &["593", "594", "617", "618"]).await;
    scene.toots.set_preferences(
        "bob",
        Preferences {
            visibility: Some("unlisted".into()),
            sensitive: true,
            language: Some("fr".into()),
        },
    );
    scene.play("bob", &["502", "503", "504", "505"]).await;
    scene.end();
}

#[tokio::test]
async fn a_repeated_key_makes_nothing_twice() {
    let mut scene = begin().await;
    scene
        .play("alice", &["230", "231", "232", "234", "235", "236", "237"])
        .await;
    scene.play("bob", &["238"]).await;
    scene.play("alice", &["239"]).await;
    scene.play_together("alice", &["240", "241", "242", "243"]).await;
    let concurrent = scene
        .toots
        .statuses("alice")
        .into_iter()
        .filter(|posted| posted.text == "Concurrent");
    assert_eq!(concurrent.count(), 1);
    scene.play("alice", &["573", "574", "575", "576"]).await;
    scene.upload("alice", "photo.jpg", "", "117664622010942419").await;
    scene.play("alice", &["577", "578", "579", "591"]).await;
    scene.upload("alice", "photo.jpg", "", "117664622083553384").await;
    scene.play("alice", &["592", "597"]).await;
    scene.later(60);
    scene.play("alice", &["598"]).await;
    scene.end();
}

#[tokio::test]
async fn media_are_attached_once_and_in_certain_combinations() {
    let mut scene = begin().await;
    for (number, id) in [
        "117664564735925419",
        "117664564748995120",
        "117664564759727936",
        "117664564771028234",
    ]
    .iter()
    .enumerate()
    {
        scene.upload("alice", "photo.jpg", &format!("alt {number}"), id).await;
    }
    scene.upload("alice", "photo.jpg", "alt 4", "117664564784027145").await;
    scene.upload("alice", "photo.jpg", "alt 5", "117664564825371152").await;
    scene.upload("bob", "photo.jpg", "", "117664564811860036").await;
    scene
        .play(
            "alice",
            &[
                "251", "252", "253", "254", "255", "256", "257", "258", "259", "260", "261",
            ],
        )
        .await;
    scene.play("", &["355"]).await;
    let upload = scene.play_one("alice", "612", &[]).await;
    scene.know("117664564935112680", upload.json["id"].as_str().expect("an id"));
    scene.play("alice", &["262"]).await;
    scene.play("alice", &["263", "264"]).await;
    scene.play("", &["354"]).await;
    scene.upload("alice", "faststart.mp4", "", "117664565718063171").await;
    scene.upload("alice", "faststart.mp4", "", "117664565783691421").await;
    scene.upload("alice", "silent.mp4", "", "117664565848773142").await;
    scene.upload("alice", "anim.gif", "", "117664565927995262").await;
    scene.upload("alice", "silent.mp4", "", "117664565998097966").await;
    scene.play("alice", &["265", "266", "267", "268", "272", "273"]).await;
    scene.play("bob", &["274"]).await;
    for (number, id) in [
        "117664566064016661",
        "117664566074194896",
        "117664566087633136",
        "117664566100362720",
    ]
    .iter()
    .enumerate()
    {
        scene.upload("alice", "photo.jpg", &format!("n{number}"), id).await;
    }
    scene.play("alice", &["271"]).await;
    scene.upload("alice", "photo.jpg", "", "117664627565105144").await;
    scene.later(24 * 60);
    scene.play("alice", &["599", "600"]).await;
    scene.end();
}

#[tokio::test]
async fn an_edit_replaces_everything() {
    let mut scene = begin().await;
    scene.upload("alice", "photo.jpg", "alt 2", "117664568709107206").await;
    scene.upload("alice", "photo.jpg", "alt 3", "117664568718543292").await;
    scene.play("alice", &["192", "278", "279", "280", "281"]).await;
    scene.upload("alice", "photo.jpg", "third", "117664568747741998").await;
    scene
        .play("alice", &["282", "283", "284", "285", "286", "287", "288"])
        .await;
    scene.play("bob", &["289"]).await;
    scene
        .play(
            "alice",
            &[
                "290", "291", "292", "293", "294", "295", "296", "297", "298", "299", "300", "301",
            ],
        )
        .await;
    scene.play("", &["398"]).await;
    scene.end();
}

#[tokio::test]
async fn a_deleted_status_is_gone_and_its_media_come_back() {
    let mut scene = begin().await;
    scene.play("alice", &["181", "193", "194", "216", "217", "218"]).await;
    for (status, media, text) in [
        ("117664568874973501", "117664568873490958", "delete me"),
        ("117664568900569376", "117664568898596167", "delete me"),
        ("117664564786389306", "117664564735925419", "With image"),
    ] {
        scene.upload("alice", "photo.jpg", "alt", media).await;
        let media = scene.toots.uploads().last().expect("an upload").id.clone();
        let body = serde_json::json!({
            "status": text,
            "media_ids": [media],
            "visibility": if text == "delete me" { "unlisted" } else { "public" },
        });
        let request = scene.ask("alice", Method::POST, "/api/v1/statuses").json(&body);
        let made = got(request).await;
        scene.know(status, made.json["id"].as_str().expect("an id"));
    }
    scene.play("bob", &["302"]).await;
    scene
        .play(
            "alice",
            &[
                "303", "304", "305", "306", "307", "308", "309", "310", "311", "312", "313", "314",
            ],
        )
        .await;
    scene.play("", &["315", "403", "404"]).await;
    scene.play("bob", &["316"]).await;
    scene.play("alice", &["317", "318"]).await;
    scene.later(1);
    scene.play("alice", &["322", "323", "324", "325", "326"]).await;
    scene.end();
}

/// Everything that was posted before the listings were recorded, in the recorded order.
async fn a_full_account() -> Scene {
    let mut scene = begin().await;
    scene.later(3);
    scene
        .play(
            "alice",
            &[
                "181", "190", "191", "192", "193", "194", "196", "197", "198", "199", "200", "201",
            ],
        )
        .await;
    scene
        .play(
            "alice",
            &["202", "203", "204", "208", "210", "212", "216", "217", "218"],
        )
        .await;
    scene.play("bob", &["221"]).await;
    scene
        .play(
            "alice",
            &["224", "225", "226", "227", "228", "229", "237", "242", "248"],
        )
        .await;
    scene.later(1);
    for (file, description, id) in [
        ("photo.jpg", "alt 0", "117664564735925419"),
        ("photo.jpg", "alt 1", "117664564748995120"),
        ("photo.jpg", "alt 2", "117664564759727936"),
        ("photo.jpg", "alt 3", "117664564771028234"),
        ("photo.jpg", "alt 4", "117664564784027145"),
        ("faststart.mp4", "", "117664564935112680"),
        ("silent.mp4", "", "117664565848773142"),
        ("anim.gif", "", "117664565927995262"),
        ("silent.mp4", "", "117664565998097966"),
        ("photo.jpg", "n0", "117664566064016661"),
        ("photo.jpg", "n1", "117664566074194896"),
        ("photo.jpg", "n2", "117664566087633136"),
        ("photo.jpg", "n3", "117664566100362720"),
        ("photo.jpg", "alt 2", "117664568709107206"),
        ("photo.jpg", "alt 3", "117664568718543292"),
        ("photo.jpg", "alt", "117664568873490958"),
    ] {
        scene.upload("alice", file, description, id).await;
    }
    scene
        .play(
            "alice",
            &["251", "261", "264", "267", "268", "269", "270", "271", "278"],
        )
        .await;
    scene
        .play("alice", &["281", "285", "293", "294", "299", "300", "312"])
        .await;
    scene.play("bob", &["319"]).await;
    scene.play("alice", &["320"]).await;
    scene.later(1);
    scene.play("alice", &["323"]).await;
    scene
}

#[tokio::test]
async fn listings_are_paged_and_hide_what_is_not_for_everybody() {
    let mut scene = a_full_account().await;
    scene.play("alice", &["327", "328", "329"]).await;
    scene.play("", &["330", "331"]).await;
    scene.play("bob", &["332"]).await;
    scene
        .play(
            "alice",
            &[
                "333", "334", "335", "336", "337", "338", "339", "340", "341", "342", "343", "345",
            ],
        )
        .await;
    scene.play("bob", &["346"]).await;
    scene.play("alice", &["347", "349", "350", "358", "361"]).await;
    scene.play("alice", &["546"]).await;
    scene.play("unknown", &["348", "497"]).await;
    scene.play("", &["353", "357"]).await;
    scene.end();
}

#[tokio::test]
async fn other_servers_read_what_is_public() {
    let mut scene = a_full_account().await;
    scene
        .play(
            "",
            &[
                "373", "374", "375", "376", "377", "378", "379", "380", "381", "382", "383", "384",
            ],
        )
        .await;
    scene
        .play("", &["385", "386", "387", "389", "390", "391", "392", "393"])
        .await;
    scene
        .play(
            "",
            &[
                "395", "396", "397", "398", "400", "401", "402", "405", "406", "407", "408", "409",
            ],
        )
        .await;
    scene.end();
}

#[tokio::test]
async fn a_closed_server_refuses_in_the_same_words() {
    let mut scene = a_full_account().await;
    scene.toots.set_ways(Ways {
        anonymous_api: false,
        ..Ways::default()
    });
    scene.play("", &["439", "440", "441", "445"]).await;
    scene.toots.set_ways(Ways {
        unsigned_objects: false,
        ..Ways::default()
    });
    scene.play("", &["419", "421", "423"]).await;
    scene.end();
}

#[tokio::test]
async fn too_many_requests_are_refused_with_the_same_headers() {
    let mut scene = begin().await;
    let remaining = |got: &scene::Got| {
        let header = got
            .headers
            .get("x-ratelimit-remaining")
            .and_then(|value| value.to_str().ok());
        header.map(str::to_owned)
    };
    for _ in 0..29 {
        scene.upload("carol", "photo.jpg", "", "any upload").await;
    }
    assert_eq!(
        remaining(&scene.play_one("carol", "362", &[]).await).as_deref(),
        Some("0")
    );
    assert_eq!(
        remaining(&scene.play_one("carol", "363", &[]).await).as_deref(),
        Some("0")
    );
    scene.play("carol", &["364"]).await;
    while got(scene.ask("carol", Method::GET, "/api/v1/accounts/verify_credentials"))
        .await
        .status
        == 200
    {}
    assert_eq!(
        remaining(&scene.play_one("carol", "365", &[]).await).as_deref(),
        Some("0")
    );
    scene.play("carol", &["366"]).await;
    scene.later(5);
    for number in 0..298 {
        let body = serde_json::json!({"status": format!("number {number}"), "visibility": "unlisted"});
        let made = got(scene.ask("carol", Method::POST, "/api/v1/statuses").json(&body)).await;
        assert_eq!(made.status, 200, "{}", made.json);
    }
    scene.later(5);
    assert_eq!(
        remaining(&scene.play_one("carol", "367", &[]).await).as_deref(),
        Some("0")
    );
    scene.play("carol", &["368", "369"]).await;
    for _ in 0..30 {
        got(scene.ask("alice", Method::DELETE, "/api/v1/statuses/1")).await;
    }
    scene.play("alice", &["370"]).await;
    while got(scene.ask("", Method::GET, "/api/v2/instance")).await.status == 200 {}
    scene.play("", &["371"]).await;
    scene.later(5);
    scene.play("", &["003"]).await;
    scene.end();
}
