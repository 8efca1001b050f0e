//! A file's way up, with everything that goes wrong on it. Whatever happens, there is one video, and it is whole.

use std::sync::atomic::Ordering;
use std::time::Duration;

use tombolo_model::{Destination, IdempotencyKey, PublishOutcome, PublishProgress, Step};
use tombolo_net::stand_in::{Fault, FaultRule};
use tombolo_peertube::stand_in::UploadCut;

use crate::rig::{FILE, Meter, Notes, Rig, UPLOAD, created, draft, film, stamp};

const MIB: u64 = 1 << 20;

/// The ranges of all chunks that were sent, in order.
fn ranges(rig: &Rig) -> Vec<(u64, u64)> {
    let arrivals = rig.tube.arrivals().all();
    let puts = arrivals.iter().filter(|a| a.method == "PUT" && a.path() == UPLOAD);
    puts.filter_map(|a| {
        let (part, _) = a.header("content-range")?.strip_prefix("bytes ")?.split_once('/')?;
        let (first, last) = part.split_once('-')?;
        Some((first.parse().ok()?, last.parse().ok()?))
    })
    .collect()
}

#[tokio::test]
async fn a_small_file_becomes_a_video_with_what_was_meant() {
    let rig = Rig::start().await;
    let film = film(600_344, 1);
    let (outcome, notes) = rig.publish(&draft(&film)).await;
    let copy = created(outcome);
    let video = rig.only();
    assert_eq!(copy.id, video.uuid);
    assert_eq!(
        copy.uri,
        format!("http://{}/videos/watch/{}", rig.tube.host(), video.uuid)
    );
    let seen = rig.tube.video(&video.uuid).expect("it is there");
    assert_eq!(copy.url, Some(seen.page));
    assert_eq!(copy.differences, []);
    assert_eq!(video.file.expect("a file").sha256(), film.body.sha256());
    assert_eq!(video.input_filename.as_deref(), Some(FILE));
    assert_eq!(video.details.originally_published_at, Some(stamp()));
    assert!(video.wait_transcoding);
    assert_eq!(video.channel, "alice_channel");
    assert_eq!(rig.meter.0.load(Ordering::Relaxed), 600_344);
    // What may exist is noted before it may, and once.
    let steps: Vec<Step> = notes.all.iter().map(|(step, _)| *step).collect();
    assert_eq!(steps, [Step::Upload, Step::Upload, Step::Post]);
    let expires = notes.last().uploaded[0].expires;
    assert!(expires > rig.clock_now() && expires < rig.clock_now() + chrono::TimeDelta::hours(1));
}

#[tokio::test]
async fn three_hundred_megabytes_over_three_cuts_are_one_whole_video() {
    let rig = Rig::start().await;
    let film = film(300 * MIB + 12_345, 2);
    for at in [11 * MIB, 123 * MIB + 7, 300 * MIB + 1] {
        rig.tube.cut_upload(UploadCut::AtByte(at));
    }
    let (outcome, notes) = rig.publish(&draft(&film)).await;
    created(outcome);
    let video = rig.only();
    assert_eq!(video.file.expect("a file").sha256(), film.body.sha256());
    assert_eq!(notes.posts(), 1);
    // Chunks end in time and fit into memory, and none begins where the server doesn't stand.
    let ranges = ranges(&rig);
    assert!(ranges.iter().all(|(first, last)| last - first < 16 * MIB));
    let mut held = 0;
    for (first, last) in ranges {
        assert!(first <= held, "a gap before {first}: {held} were there");
        held = last + 1;
    }
    assert_eq!(rig.meter.0.load(Ordering::Relaxed), film.body.len());
}

#[tokio::test]
async fn an_upload_goes_on_where_another_process_left_it() {
    let rig = Rig::start().await;
    let film = film(30 * MIB, 3);
    *film.breaks_at.lock().expect("no panic") = Some(20 * MIB);
    let (outcome, notes) = rig.publish(&draft(&film)).await;
    assert!(
        matches!(outcome, PublishOutcome::MediaUnavailable { index: 0, .. }),
        "{outcome:?}"
    );
    assert_eq!(notes.posts(), 0);
    let held = rig.tube.unfinished()[0].held;
    assert!(held >= 8 * MIB, "{held}");
    rig.tube.arrivals().clear();
    let (outcome, _) = rig.go_on(&draft(&film), notes.last()).await;
    created(outcome);
    assert_eq!(ranges(&rig)[0].0, held);
    assert_eq!(rig.only().file.expect("a file").sha256(), film.body.sha256());
}

#[tokio::test]
async fn an_upload_goes_on_even_where_nothing_was_noted_of_it() {
    let rig = Rig::start().await;
    let film = film(30 * MIB, 3);
    *film.breaks_at.lock().expect("no panic") = Some(20 * MIB);
    rig.publish(&draft(&film)).await;
    let held = rig.tube.unfinished()[0].held;
    rig.tube.arrivals().clear();
    // The same attempt finds its upload by itself.
    let (outcome, _) = rig.publish(&draft(&film)).await;
    created(outcome);
    assert_eq!(ranges(&rig)[0].0, held);
}

#[tokio::test]
async fn another_attempt_drops_the_upload_of_the_one_before() {
    let rig = Rig::start().await;
    let film = film(30 * MIB, 3);
    *film.breaks_at.lock().expect("no panic") = Some(20 * MIB);
    let (_, notes) = rig.publish(&draft(&film)).await;
    let mut again = draft(&film);
    again.key = IdempotencyKey::from_random([8; 16]);
    created(rig.go_on(&again, notes.last()).await.0);
    assert_eq!(rig.tube.unfinished(), []);
    rig.only();
}

#[tokio::test]
async fn a_restart_of_the_server_in_the_middle_costs_the_bytes_only() {
    let rig = Rig::start().await;
    let film = film(40 * MIB, 4);
    *film.breaks_at.lock().expect("no panic") = Some(30 * MIB);
    let (_, notes) = rig.publish(&draft(&film)).await;
    rig.tube.restart();
    let (outcome, _) = rig.go_on(&draft(&film), notes.last()).await;
    created(outcome);
    assert_eq!(rig.only().file.expect("a file").sha256(), film.body.sha256());
}

#[tokio::test]
async fn an_upload_that_the_server_forgets_while_it_runs_begins_anew() {
    let rig = Rig::start().await;
    let film = film(20 * MIB, 4);
    let gone = r#"{"error":{"code":"FileNotFound","message":"Not found"}}"#;
    let kind = vec![("content-type".to_owned(), "application/json".to_owned())];
    rig.tube.faults().add(FaultRule {
        method: "PUT".into(),
        path: UPLOAD.into(),
        skip: 1,
        times: 1,
        fault: Fault::Answer(404, kind, gone.into()),
    });
    created(rig.publish(&draft(&film)).await.0);
    assert_eq!(rig.only().file.expect("a file").sha256(), film.body.sha256());
}

#[tokio::test]
async fn lost_answers_to_chunks_are_asked_for_and_nothing_is_sent_twice() {
    let rig = Rig::start().await;
    let film = film(40 * MIB, 5);
    rig.tube.faults().next("PUT", UPLOAD, 1, Fault::CutAfter);
    created(rig.publish(&draft(&film)).await.0);
    let ranges = ranges(&rig);
    assert!(ranges.windows(2).all(|two| two[1].0 == two[0].1 + 1), "{ranges:?}");
    assert_eq!(rig.only().file.expect("a file").sha256(), film.body.sha256());
}

#[tokio::test]
async fn a_line_that_stays_cut_is_left_for_later_without_a_claim() {
    let rig = Rig::start().await;
    rig.tube.faults().next("PUT", UPLOAD, u32::MAX, Fault::CutBefore);
    let (outcome, notes) = rig.publish(&draft(&film(40 * MIB, 5))).await;
    assert!(matches!(outcome, PublishOutcome::TryLater { .. }), "{outcome:?}");
    assert_eq!(notes.posts(), 0);
    let puts = rig.tube.arrivals().count("PUT", UPLOAD);
    assert!(puts < 20, "{puts}");
}

#[tokio::test]
async fn a_damaged_chunk_is_sent_again() {
    let rig = Rig::start().await;
    let damaged = r#"{"error":{"code":"ChecksumMismatch","message":"Checksum mismatch"}}"#;
    let kind = vec![("content-type".to_owned(), "application/json".to_owned())];
    rig.tube
        .faults()
        .next("PUT", UPLOAD, 2, Fault::Answer(460, kind, damaged.into()));
    let film = film(20 * MIB, 6);
    created(rig.publish(&draft(&film)).await.0);
    assert_eq!(rig.only().file.expect("a file").sha256(), film.body.sha256());
}

#[tokio::test]
async fn a_proxy_that_takes_less_at_once_gets_less_at_once() {
    let rig = Rig::start().await;
    rig.tube.faults().next(
        "PUT",
        UPLOAD,
        1,
        Fault::Answer(413, vec![], "<h1>Too large</h1>".into()),
    );
    let film = film(20 * MIB, 6);
    created(rig.publish(&draft(&film)).await.0);
    let sizes: Vec<u64> = ranges(&rig).iter().map(|(first, last)| last - first + 1).collect();
    assert_eq!(sizes[0], 8 * MIB);
    assert!(sizes[1..].iter().all(|size| *size <= 4 * MIB), "{sizes:?}");
}

#[tokio::test]
async fn chunks_keep_to_the_instances_own_bound() {
    let rig = Rig::start().await;
    rig.tube.set(|settings| settings.max_chunk_size = 3_000_000);
    created(rig.publish(&draft(&film(10_000_000, 7))).await.0);
    assert!(ranges(&rig).iter().all(|(first, last)| last - first < 3_000_000));
}

#[tokio::test]
async fn a_video_that_takes_long_to_be_looked_at_is_waited_for() {
    let rig = Rig::start().await;
    rig.tube.set(|settings| settings.processing = Duration::from_secs(40));
    rig.tube.cut_upload(UploadCut::AfterLastByte);
    let (outcome, notes) = rig.publish(&draft(&film(100_000, 8))).await;
    let copy = created(outcome);
    assert_eq!(copy.id, rig.only().uuid);
    assert_eq!(notes.posts(), 1);
}

#[tokio::test]
async fn a_lost_last_answer_is_unknown_then_found_and_never_a_second_video() {
    let rig = Rig::start().await;
    rig.tube
        .set(|settings| settings.processing = Duration::from_secs(15 * 60));
    rig.tube.cut_upload(UploadCut::AfterLastByte);
    let (outcome, notes) = rig.publish(&draft(&film(100_000, 8))).await;
    assert!(matches!(outcome, PublishOutcome::Unknown { .. }), "{outcome:?}");
    // As long as the instance works on it, nobody may say that it isn't there.
    let found = rig.find(&notes.last()).await;
    assert_eq!(found.copies, []);
    assert!(found.blind.expect("blind").contains("still processing"));
    rig.clock.advance(Duration::from_secs(15 * 60));
    let found = rig.find(&notes.last()).await;
    assert_eq!((found.copies.len(), found.blind), (1, None));
    assert_eq!(found.copies[0].id, rig.only().uuid);
    // And even who tries again all the same finds it.
    let copy = created(rig.go_on(&draft(&film(100_000, 8)), notes.last()).await.0);
    assert_eq!(copy.id, rig.only().uuid);
}

#[tokio::test]
async fn every_way_of_losing_the_last_answer_ends_with_one_video() {
    for fault in [
        Fault::CutAfter,
        Fault::CutHalfway,
        Fault::AnswerAfter(502, "text/html".into(), "Bad gateway".into()),
        Fault::AnswerAfter(504, "text/html".into(), "Timeout".into()),
        Fault::AnswerAfter(200, "text/html".into(), "Welcome".into()),
        Fault::AnswerAfter(404, "text/html".into(), "Not found".into()),
    ] {
        let rig = Rig::start().await;
        rig.tube.faults().next("PUT", UPLOAD, 1, fault.clone());
        let (outcome, notes) = rig.publish(&draft(&film(100_000, 9))).await;
        let copy = created(outcome);
        assert_eq!(copy.id, rig.only().uuid, "{fault:?}");
        assert_eq!(notes.posts(), 1);
    }
}

#[tokio::test]
async fn a_last_chunk_that_never_arrived_is_sent_again() {
    for fault in [Fault::CutBefore, Fault::Answer(503, vec![], "down".into())] {
        let rig = Rig::start().await;
        rig.tube.faults().next("PUT", UPLOAD, 1, fault);
        let (outcome, notes) = rig.publish(&draft(&film(100_000, 9))).await;
        created(outcome);
        rig.only();
        assert_eq!(notes.posts(), 1);
    }
}

#[tokio::test]
async fn a_server_that_dies_while_it_looks_at_the_file_gets_it_again_in_spite_of_its_mark() {
    let rig = Rig::start().await;
    rig.tube
        .set(|settings| settings.processing = Duration::from_secs(20 * 60));
    rig.tube.cut_upload(UploadCut::AfterLastByte);
    let (outcome, notes) = rig.publish(&draft(&film(100_000, 8))).await;
    assert!(matches!(outcome, PublishOutcome::Unknown { .. }), "{outcome:?}");
    rig.tube.restart();
    let found = rig.find(&notes.last()).await;
    assert_eq!((found.copies.len(), found.blind), (0, None));
    rig.tube.set(|settings| settings.processing = Duration::ZERO);
    created(rig.go_on(&draft(&film(100_000, 8)), notes.last()).await.0);
    rig.only();
    assert_eq!(rig.tube.arrivals().count("DELETE", UPLOAD), 1);
}

#[tokio::test]
async fn a_file_that_is_no_video_is_refused_and_leaves_no_poison() {
    let rig = Rig::start().await;
    let mut nonsense = draft(&film(100_000, 1));
    let not_a_video = std::sync::Arc::new(crate::rig::Film {
        body: tombolo_peertube::stand_in::FileBody::Bytes(bytes::Bytes::from(vec![b'x'; 18_000])),
        breaks_at: std::sync::Mutex::default(),
    });
    nonsense.media[0].body = not_a_video;
    for _ in 0..2 {
        let (outcome, _) = rig.publish(&nonsense).await;
        match outcome {
            PublishOutcome::MediaRejected { index: 0, reason } => assert!(reason.contains("unreadable"), "{reason}"),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(rig.tube.unfinished(), []);
    assert_eq!(rig.tube.uploaded(), []);
}

#[tokio::test]
async fn an_empty_file_never_leaves() {
    let rig = Rig::start().await;
    let (outcome, _) = rig.publish(&draft(&film(0, 1))).await;
    assert!(
        matches!(outcome, PublishOutcome::MediaRejected { index: 0, .. }),
        "{outcome:?}"
    );
    assert_eq!(rig.tube.arrivals().count("POST", UPLOAD), 0);
}

#[tokio::test]
async fn what_cannot_be_noted_is_not_sent() {
    let rig = Rig::start().await;
    for (broken_from, begun, chunks) in [(0, 0, 0), (1, 1, 0), (2, 1, 0)] {
        rig.tube.arrivals().clear();
        let mut notes = Notes {
            broken_from: Some(broken_from),
            ..Notes::default()
        };
        let outcome = rig
            .destination()
            .publish(
                &draft(&film(100_000, 1)),
                PublishProgress::default(),
                &mut notes,
                &Meter::default(),
            )
            .await;
        assert!(matches!(outcome, PublishOutcome::NotNoted(_)), "{outcome:?}");
        assert_eq!(rig.tube.arrivals().count("POST", UPLOAD), begun, "{broken_from}");
        assert_eq!(ranges(&rig).len(), chunks, "{broken_from}");
    }
    assert_eq!(rig.tube.uploaded(), []);
}

#[tokio::test]
async fn the_limit_of_requests_is_kept_with_chunks_and_all() {
    let rig = Rig::with(|options| options.rate_limits = true).await;
    rig.tube.set(|settings| settings.max_chunk_size = 20_000);
    let film = film(2_400_000, 1);
    let (outcome, _) = rig.publish(&draft(&film)).await;
    created(outcome);
    assert_eq!(rig.only().file.expect("a file").sha256(), film.body.sha256());
    // None of the chunks met the limit, or it would have been sent again.
    let ranges = ranges(&rig);
    assert!(ranges.windows(2).all(|two| two[0] != two[1]), "{ranges:?}");
    // A hundred and twenty chunks, fifty in ten seconds.
    assert!(rig.clock_now() >= crate::rig::time("2026-11-25T10:00:20Z"));
}

#[tokio::test]
async fn the_token_goes_to_the_configured_instance_whatever_the_location_says() {
    let rig = Rig::start().await;
    let away = vec![(
        "location".to_owned(),
        "http://127.0.0.9:1/api/v1/videos/upload-resumable?upload_id=af63".to_owned(),
    )];
    rig.tube
        .faults()
        .next("POST", UPLOAD, 1, Fault::Answer(201, away, String::new()));
    // The id is unknown here, so that it is begun anew; nothing was asked of the other host.
    created(rig.publish(&draft(&film(20 * MIB, 1))).await.0);
    let asked = rig.tube.arrivals().all();
    assert!(asked.iter().any(|a| a.target.contains("upload_id=af63")));
    rig.only();
}

#[tokio::test]
async fn chunks_are_as_large_as_the_instance_demands() {
    let rig = Rig::start().await;
    rig.tube.set(|settings| settings.min_chunk_size = 10 * MIB);
    rig.tube.faults().next("PUT", UPLOAD, 2, Fault::CutBefore);
    let film = film(35 * MIB, 9);
    created(rig.publish(&draft(&film)).await.0);
    let ranges = ranges(&rig);
    let inner = ranges.iter().filter(|(_, last)| last + 1 < film.body.len());
    for (first, last) in inner {
        assert!(last - first + 1 >= 10 * MIB, "{ranges:?}");
    }
    assert_eq!(rig.only().file.expect("a file").sha256(), film.body.sha256());
}

#[tokio::test]
async fn an_upload_begun_anew_is_noted_again_before_its_last_bytes() {
    let rig = Rig::start().await;
    let json = || vec![("content-type".to_owned(), "application/json".to_owned())];
    let damaged = r#"{"error":{"code":"ChecksumMismatch","message":"Checksum mismatch"}}"#;
    let gone = r#"{"error":{"code":"FileNotFound","message":"Not found"}}"#;
    // The chunk that completes the file is damaged, and then the upload is lost.
    rig.tube
        .faults()
        .next("PUT", UPLOAD, 1, Fault::Answer(460, json(), damaged.into()));
    rig.tube
        .faults()
        .next("PUT", UPLOAD, 1, Fault::Answer(404, json(), gone.into()));
    let (outcome, notes) = rig.publish(&draft(&film(100_000, 8))).await;
    created(outcome);
    let steps: Vec<Step> = notes.all.iter().map(|(step, _)| *step).collect();
    assert_eq!(
        steps,
        [Step::Upload, Step::Upload, Step::Post, Step::Upload, Step::Post]
    );
}
