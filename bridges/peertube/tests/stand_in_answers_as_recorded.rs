//! The recorded requests of reading, asked of the stand-in: it answers as the real server did.
//!
//! Ids, file names, tokens and validators of the recordings are exchanged for the stand-in's; status, content type,
//! shape of the JSON and the headers that a reader acts on must be the same. What may differ is listed with its reason.

mod scene;

use std::time::Duration;

use scene::{
    HLS_ONLY, MAIN, MAIN_HLS, MAIN_WEB, RECORDED_HOST, Scene, TORRENTS_AT_ONCE, hls_only, main_video, recorded, time,
};
use tombolo_net::stand_in::recordings::Permitted;
use tombolo_peertube::stand_in::{NewVideo, NsfwPolicy, Privacy, State, VideoFile};

#[tokio::test]
async fn discovery_is_as_recorded() {
    let scene = Scene::set(|_| {}).await;
    scene.publish_main_and_bulk();
    for number in ["034", "035", "036", "037", "038", "039", "014", "001"] {
        scene.replay(number).await;
    }
    for number in ["040", "041", "042", "043", "044", "045", "046", "067"] {
        scene.replay(number).await;
    }
    for number in ["096", "097", "098", "353", "372"] {
        scene.replay(number).await;
    }
}

#[tokio::test]
async fn lists_of_codes_are_as_recorded() {
    let scene = Scene::set(|_| {}).await;
    for number in ["099", "100", "101", "102"] {
        let given = scene.replay(number).await;
        let recording = recorded(number);
        assert_eq!(given.json(), recording.response.body, "{number}");
    }
}

#[tokio::test]
async fn outboxes_are_as_recorded() {
    let scene = Scene::set(|_| {}).await;
    scene.publish_main_and_bulk();
    for number in ["047", "048", "049", "050", "051", "052", "053", "054", "055"] {
        let given = scene.replay(number).await;
        let recording = recorded(number);
        let count = |body: &serde_json::Value| body["orderedItems"].as_array().map(Vec::len);
        if given.answer.status == 200 {
            let (ours, recorded) = (given.json(), &recording.response.body);
            assert_eq!(count(&ours), count(recorded), "{number}");
            assert_eq!(ours["totalItems"], recorded["totalItems"], "{number}");
        }
    }
    for number in ["056", "057", "370"] {
        scene.replay(number).await;
    }
    for number in 0..23 {
        let privacy = if number < 7 { Privacy::PRIVATE } else { Privacy::PUBLIC };
        let video = NewVideo::titled(&format!("More {number}")).tags(&["more"]);
        scene.publish_as("", video.privacy(privacy));
    }
    for number in ["400", "401"] {
        scene.replay(number).await;
    }
}

#[tokio::test]
async fn a_video_for_other_servers_is_as_recorded() {
    let scene = Scene::set(|_| {}).await;
    scene.publish_main_and_bulk();
    let comments = Permitted {
        path: "$.first",
        why: "the stand-in has no comments",
    };
    for number in ["058", "059", "060", "061", "062", "063", "065", "066"] {
        scene.replay(number).await;
    }
    scene.replay_but("064", &[comments]).await;
    let given = scene.replay("060").await.json();
    assert_eq!(
        given["id"],
        scene.swapped(&format!("http://{RECORDED_HOST}/videos/watch/{MAIN}"))
    );
}

#[tokio::test]
async fn a_videos_details_are_as_recorded() {
    let scene = Scene::set(|_| {}).await;
    let main = scene.publish_main_and_bulk();
    for number in ["068", "069", "070", "071", "072", "073", "028", "031", "137", "091"] {
        scene.replay(number).await;
    }
    scene.swap(
        "metadata/2",
        &format!("metadata/{}", scene.tube.files(&main.uuid)[0].number),
    );
    let unread = [
        Permitted {
            path: "$.format.*",
            why: "the stand-in tells only what says something about a file",
        },
        Permitted {
            path: "$.streams[].*",
            why: "the stand-in tells only what says something about a file",
        },
    ];
    scene.replay_but("127", &unread).await;
    scene.tube.edit(&main.uuid, |details| details.download_enabled = false);
    let given = scene.replay("367").await.json();
    assert_eq!(given["downloadEnabled"], false);
}

#[tokio::test]
async fn lists_of_videos_are_as_recorded() {
    let scene = Scene::set(|_| {}).await;
    scene.publish_main_and_bulk();
    for number in [
        "074", "075", "076", "077", "078", "079", "080", "081", "082", "083", "084", "085", "086",
    ] {
        let given = scene.replay(number).await;
        let recording = recorded(number);
        if given.answer.status == 200 {
            let (ours, recorded) = (given.json(), &recording.response.body);
            assert_eq!(ours["total"], recorded["total"], "{number}");
            let titles = |list: &serde_json::Value| -> Vec<String> {
                let items = list["data"].as_array().cloned().unwrap_or_default();
                items.iter().map(|item| item["name"].to_string()).collect()
            };
            assert_eq!(titles(&ours), titles(recorded), "{number}");
        }
    }
    let token = format!("Bearer {}", scene.tube.sign_in("alice"));
    scene.replay_as("088", &[("authorization", &token)], &[]).await;
    for number in ["087", "089", "090", "350"] {
        scene.replay(number).await;
    }
}

#[tokio::test]
async fn a_long_description_in_a_list_is_as_recorded() {
    let scene = Scene::set(|_| {}).await;
    scene.publish_as(MAIN, main_video());
    scene.publish_as("", NewVideo::titled("Long").description(&"d".repeat(10_000)));
    scene.publish_as("", NewVideo::titled("None"));
    let given = scene.replay("349").await.json();
    let cut = given["data"][1]["description"].as_str().unwrap_or_default().to_owned();
    assert_eq!((cut.len(), cut.ends_with("d...")), (250, true));
}

#[tokio::test]
async fn a_video_in_transcoding_is_as_recorded() {
    let scene = Scene::set(|_| {}).await;
    let mut video = main_video().transcoding();
    video.captions.clear();
    scene.publish_as(MAIN, video);
    let token = format!("Bearer {}", scene.tube.sign_in("alice"));
    let given = scene
        .replay_as("017", &[("authorization", &token)], &TORRENTS_AT_ONCE)
        .await;
    assert_eq!(given.json()["state"]["id"], 2);
    scene.replay_but("018", &TORRENTS_AT_ONCE).await;
    for number in ["019", "020", "021"] {
        scene.replay(number).await;
    }
}

#[tokio::test]
async fn a_video_that_does_not_wait_for_transcoding_is_as_recorded() {
    let scene = Scene::set(|_| {}).await;
    scene.publish_main_and_bulk();
    let mut video = NewVideo::titled("No wait transcoding").transcoding();
    video.wait_transcoding = false;
    video.files = vec![VideoFile::sized(360, 640).fps(25)];
    let published = scene.publish_as("019dd777-bb7d-412d-9465-1a425f7723d8", video);
    let token = format!("Bearer {}", scene.tube.sign_in("alice"));
    scene
        .replay_as("293", &[("authorization", &token)], &TORRENTS_AT_ONCE)
        .await;
    scene.replay("294").await;
    let given = scene.replay("310").await.json();
    assert_eq!(given["data"][0]["uuid"], published.uuid);
}

#[tokio::test]
async fn an_import_without_a_thumbnail_is_as_recorded() {
    let scene = Scene::set(|_| {}).await;
    scene.publish_main_and_bulk();
    let video = NewVideo::titled("Imported by URL")
        .description("import desc")
        .tags(&["imported"])
        .with(|details| details.originally_published_at = Some(time("2026-11-23T00:00:00Z")))
        .importing();
    let import = scene.publish_as("f5233adf-ee33-475d-a801-7bed0d4dfcaf", video);
    scene.replay("332").await;
    scene.replay("333").await;
    assert_eq!(scene.get("/accounts/alice/outbox").await.answer.status, 500);
    scene.tube.finish(&import.uuid);
    assert_eq!(scene.get("/accounts/alice/outbox").await.answer.status, 200);
}

#[tokio::test]
async fn conditional_requests_are_answered_as_recorded() {
    let scene = Scene::set(|_| {}).await;
    let main = scene.publish_main_and_bulk();
    for number in ["103", "104", "105", "106", "107", "108", "109", "110"] {
        scene.replay(number).await;
    }
    scene.tube.add_view(&main.uuid);
    let known = scene.swapped("W/\"2883-wp0+4ifxPYa7R3Q7ZrFDqhOGh6Q\"");
    let url = format!("http://{}/api/v1/videos/{}", scene.tube.host(), main.uuid);
    let given = scene.given(scene.client.get(url).header("if-none-match", known)).await;
    assert_eq!(given.answer.status, 200, "a view is a change");
}

#[tokio::test]
async fn files_are_served_as_recorded() {
    let scene = Scene::set(|_| {}).await;
    let main = scene.publish_main_and_bulk();
    let files = scene.tube.files(&main.uuid);
    let name = |fragmented: bool| {
        let file = files.iter().find(|f| f.fragmented == fragmented).expect("a file");
        file.url.rsplit('/').next().unwrap_or_default().to_owned()
    };
    scene.swap(MAIN_WEB, &name(false));
    scene.swap(MAIN_HLS, &name(true));
    let detail = scene.get(&format!("/api/v1/videos/{}", main.uuid)).await.json();
    let last = |url: &serde_json::Value| {
        let url = url.as_str().unwrap_or_default();
        url.rsplit('/').next().unwrap_or_default().to_owned()
    };
    let playlist = &detail["streamingPlaylists"][0];
    scene.swap(
        "e1829f12-2780-4436-8ad6-140fa80b9606-master.m3u8",
        &last(&playlist["playlistUrl"]),
    );
    let segments = last(&playlist["segmentsSha256Url"]);
    scene.swap("17ae0b2e-c559-44d7-9af6-79b9c2e84e27-segments-sha256.json", &segments);
    scene.swap(
        "af0e5b49-606e-4c1a-9201-c031aaee5351.jpg",
        &last(&detail["thumbnailPath"]),
    );
    scene.swap(
        "5be3ea8b-a19b-482d-9d5a-e55685ef1809.jpg",
        &last(&detail["previewPath"]),
    );
    let captions = scene
        .get(&format!("/api/v1/videos/{}/captions", main.uuid))
        .await
        .json();
    let path = |index: usize| last(&captions["data"][index]["captionPath"]);
    scene.swap("75bfb1f8-b926-4fc1-816b-6159f49e2a53-en.vtt", &path(1));
    scene.swap("85796cee-0985-437a-b2ba-78e1ee2bdc0e-fr.vtt", &path(2));

    for number in ["119", "120", "121", "122", "123", "124", "125", "126", "128"] {
        scene.replay(number).await;
    }
    let names = Permitted {
        path: "$.**",
        why: "the keys are names of files and ranges of bytes",
    };
    scene.replay_but("130", &[names]).await;
    for number in ["131", "132", "133", "134", "135", "136"] {
        scene.replay(number).await;
    }
    scene.tube.edit(&main.uuid, |details| details.download_enabled = false);
    for number in ["368", "369"] {
        scene.replay(number).await;
    }
    scene.tube.rename_files(&main.uuid);
    scene.swap("cb087a69-2da2-45f4-b27e-e8c88f8fe096-144.mp4", &name(false));
    scene.replay("362").await;
}

#[tokio::test]
async fn privacy_is_kept_as_recorded() {
    let scene = Scene::set(|options| options.nsfw_policy = NsfwPolicy::Display).await;
    scene.publish_main_and_bulk();
    scene.tube.add_account("bob");
    let (alice, bob) = (scene.tube.sign_in("alice"), scene.tube.sign_in("bob"));
    let (alice, bob) = (format!("Bearer {alice}"), format!("Bearer {bob}"));
    let of = |title: &str| NewVideo::titled(title).with(|details| details.duration = 1);
    let unlisted = of("Unlisted one").privacy(Privacy::UNLISTED);
    let unlisted = scene.publish_as("65ee44c0-5973-4aac-87b7-1e5838d95122", unlisted);
    let private = of("Private one").privacy(Privacy::PRIVATE);
    let private = scene.publish_as("6122b401-25cf-4b50-ac5c-a584c6829284", private);
    scene.publish_as(
        "20e50a0f-976e-4493-93cf-2588b0cd5d84",
        of("Internal one").privacy(Privacy::INTERNAL),
    );
    scene.publish_as(
        "bb6ebd43-c5eb-46ea-a6a6-aa1a4efa791c",
        of("Password one").password("secret"),
    );
    scene.publish_as(
        "29f6e074-4111-4b23-812a-c461a37bf673",
        of("Scheduled one").privacy(Privacy::PRIVATE),
    );
    let early = [
        Permitted {
            path: "$.streamingPlaylists[]",
            why: "some were recorded while they were transcoded",
        },
        Permitted {
            path: "$.scheduledUpdate",
            why: "the stand-in has no schedules: a test changes the privacy itself",
        },
        TORRENTS_AT_ONCE[0],
        TORRENTS_AT_ONCE[1],
        TORRENTS_AT_ONCE[2],
    ];
    for first in [146, 150, 154, 158, 162] {
        for (offset, token) in [(0, ""), (1, &bob), (2, &alice), (3, "")] {
            let number = format!("{:03}", first + offset);
            scene.replay_as(&number, &[("authorization", token)], &early).await;
        }
    }
    let password = |word| [("x-peertube-video-password", word)];
    scene.replay_as("166", &password("secret"), &early).await;
    scene.replay_as("167", &password("wrong"), &[]).await;
    for number in ["168", "169", "170"] {
        let given = scene.replay(number).await.json();
        let recording = recorded(number);
        for total in ["total", "totalItems"] {
            let missing = u64::from(number == "168");
            let recorded = recording.response.body[total].as_u64().map(|n| n - missing);
            assert_eq!(
                given[total].as_u64(),
                recorded,
                "{number}: a video more was recorded in the account"
            );
        }
    }
    scene.replay_as("171", &[("authorization", &alice)], &[]).await;
    scene.replay_as("414", &[("authorization", &bob)], &[]).await;

    let files = scene.tube.files(&private.uuid);
    let file = files[0].url.rsplit('/').next().unwrap_or_default();
    scene.swap("-144.mp4", "-360.mp4");
    scene.swap("ec79431b-0e43-46f6-86ae-0ad472daaf35-144.mp4", file);
    scene.replay("173").await;
    scene.replay_as("174", &[("authorization", &alice)], &[]).await;
    scene.replay("175").await;

    scene.swap("/videos/25", &format!("/videos/{}", unlisted.number));
    scene.swap("/videos/watch/25", &format!("/videos/watch/{}", unlisted.number));
    scene.replay("402").await;
    scene.replay("403").await;
}

#[tokio::test]
async fn a_blocked_video_is_hidden_as_recorded() {
    let scene = Scene::set(|_| {}).await;
    scene.publish_main_and_bulk();
    let blocked = scene.publish_as(
        "0f80aece-ca02-40dc-8c82-003832dbd3c4",
        NewVideo::titled("Blocked").description("b").tags(&["bulk"]),
    );
    scene.swap("6f35e72e-73bf-4571-bc4c-b15e5aade330", &blocked.uuid);
    scene.tube.block(&blocked.uuid, "test block");
    scene.tube.add_account("bob");
    let (alice, bob) = (scene.tube.sign_in("alice"), scene.tube.sign_in("bob"));
    scene.replay("316").await;
    scene
        .replay_as("317", &[("authorization", &format!("Bearer {alice}"))], &[])
        .await;
    scene.replay("318").await;
    let given = scene.replay("319").await.json();
    assert_eq!(given["orderedItems"][0]["object"]["uuid"], blocked.uuid);
    let given = scene.replay("320").await.json();
    assert_ne!(given["data"][0]["uuid"], blocked.uuid);
    scene
        .replay_as("411", &[("authorization", &format!("Bearer {bob}"))], &[])
        .await;
}

#[tokio::test]
async fn a_deleted_or_withdrawn_video_is_as_recorded() {
    let scene = Scene::set(|_| {}).await;
    scene.publish_main_and_bulk();
    let recorded = "f3e70b9a-0ab2-44a0-b2d5-2bb4e472e5ac";
    let deleted = scene.publish_as(recorded, NewVideo::titled("Bulk video 23").description("x"));
    scene.tube.delete(&deleted.uuid);
    for number in ["281", "282", "283", "284"] {
        scene.replay(number).await;
    }
    let withdrawn = scene.publish_as(
        "71916c70-d531-4dc0-bc37-d017586a3092",
        NewVideo::titled("Bulk video 22"),
    );
    scene.tube.set_privacy(&withdrawn.uuid, Privacy::PRIVATE);
    scene.replay("286").await;
}

#[tokio::test]
async fn a_video_with_hls_only_is_as_recorded() {
    let scene = Scene::set(|options| {
        options.federate_unlisted = true;
        options.nsfw_policy = NsfwPolicy::DoNotList;
    })
    .await;
    scene.publish_main_and_bulk();
    let unlisted = NewVideo::titled("Unlisted one")
        .description("u")
        .privacy(Privacy::UNLISTED);
    scene.publish_as("", unlisted);
    scene.publish_as("", hls_only().transcoding());
    let given = scene.replay("387").await.json();
    assert_eq!(given["orderedItems"][1]["to"], serde_json::json!([]));
    assert_eq!(given["orderedItems"][1]["object"]["cc"], serde_json::json!([]));

    let mut with_upload = hls_only();
    with_upload.files = vec![VideoFile::sized(640, 360)];
    scene.publish_as(HLS_ONLY, with_upload);
    scene.replay("388").await;
    scene.replay("389").await;
    let finished = scene.publish_as(HLS_ONLY, hls_only());
    scene.replay("396").await;
    scene.replay("397").await;

    let files = scene.tube.files(&finished.uuid);
    let name = |index: usize| files[index].url.rsplit('/').next().unwrap_or_default().to_owned();
    scene.swap("c4184b98-3561-4fb9-9ec2-14897563ec76-360-fragmented.mp4", &name(0));
    scene.swap(
        "74190aeb-0f95-4aa8-8734-0264e6e9c10b-144.m3u8",
        &name(2).replace("-fragmented.mp4", ".m3u8"),
    );
    let master = scene.get(&format!("/api/v1/videos/{}", finished.uuid)).await.json();
    let master = master["streamingPlaylists"][0]["playlistUrl"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    let master = master.rsplit('/').next().unwrap_or_default();
    scene.swap("5c13f896-50c3-44ff-9df6-29427e2b2021-master.m3u8", master);
    scene.replay("390").await;
    scene.replay("394").await;
    scene.replay("398").await;
    scene.replay("399").await;

    for (recorded, index) in [("=193", 0), ("=196", 3)] {
        scene.swap(recorded, &format!("={}", files[index].number));
    }
    for number in ["391", "392", "393"] {
        scene.replay(number).await;
    }
    for _ in 0..5 {
        let target = format!(
            "/download/videos/generate/{}?videoFileIds={}",
            finished.uuid, files[0].number
        );
        scene.get(&target).await;
    }
    scene.replay("395").await;
}

#[tokio::test]
async fn sensitive_videos_are_left_out_as_recorded() {
    let scene = Scene::set(|options| options.nsfw_policy = NsfwPolicy::DoNotList).await;
    scene.publish_main_and_bulk();
    scene.replay("385").await;
    scene.replay("386").await;
}

#[tokio::test]
async fn converted_uploads_are_as_recorded() {
    let scene = Scene::set(|_| {}).await;
    let mut audio = NewVideo::titled("Audio only upload");
    audio.files = vec![VideoFile::sized(850, 480).fps(25)];
    audio.hls.clone_from(&audio.files);
    scene.publish_as("313fc308-6d30-4568-994d-a77c6652d097", audio);
    scene.publish_as("1003d229-0476-4292-9a70-c625fa45a758", NewVideo::titled("WebM upload"));
    for number in ["345", "346", "347"] {
        scene.replay(number).await;
    }
}

#[tokio::test]
async fn the_last_page_of_an_outbox_is_empty_as_recorded() {
    let scene = Scene::set(|_| {}).await;
    scene.publish_main_and_bulk();
    for number in 0..21 {
        let privacy = if number < 13 { Privacy::PUBLIC } else { Privacy::PRIVATE };
        let video = NewVideo::titled(&format!("More {number}"))
            .description("m")
            .privacy(privacy);
        scene.publish_as("", video);
    }
    for number in ["363", "364"] {
        let given = scene.replay(number).await.json();
        let recording = recorded(number);
        let facts = |body: &serde_json::Value| {
            let items = body["orderedItems"].as_array().map(Vec::len);
            (body["totalItems"].clone(), items, body.get("next").is_some())
        };
        assert_eq!(facts(&given), facts(&recording.response.body), "{number}");
    }
}

#[tokio::test]
async fn bad_tokens_are_refused_as_recorded() {
    let scene = Scene::set(|_| {}).await;
    for number in ["010", "011", "306"] {
        scene.replay(number).await;
    }
}

#[tokio::test]
async fn rate_limits_are_as_recorded() {
    let scene = Scene::set(|_| {}).await;
    scene.publish_main_and_bulk();
    let host = scene.tube.host();
    scene.replay("324").await;
    for (address, target) in [
        ("198.51.100.8", "/api/v1/videos/privacies"),
        ("198.51.100.10", "/api/v1/config"),
    ] {
        for _ in 0..50 {
            let asked = scene.client.get(format!("http://{host}{target}"));
            scene.given(asked.header("x-forwarded-for", address)).await;
        }
    }
    let given = scene.replay("325").await;
    assert_eq!(given.headers["x-ratelimit-remaining"], "0");
    let token = format!("Bearer {}", scene.tube.sign_in("alice"));
    scene.replay_as("326", &[("authorization", &token)], &[]).await;
    scene.clock.advance(Duration::from_secs(10));
    scene.replay("324").await;
    scene.replay("328").await;
    scene.replay("329").await;
}

#[tokio::test]
async fn every_state_has_the_name_it_has_there() {
    let scene = Scene::set(|_| {}).await;
    let video = scene.publish_as("", NewVideo::titled("Moves on").transcoding());
    let names = [
        (State::TO_TRANSCODE, "To transcode"),
        (State::PUBLISHED, "Published"),
        (State(12), "Unknown"),
    ];
    for (state, name) in names {
        scene.tube.set_state(&video.uuid, state);
        let detail = scene.get(&format!("/api/v1/videos/{}", video.uuid)).await.json();
        assert_eq!(detail["state"]["label"], name);
    }
}
