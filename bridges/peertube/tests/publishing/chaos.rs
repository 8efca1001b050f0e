//! Random faults at every request, and an engine that does what the ledger's rules say: at the end there is one video,
//! and it is whole.

use std::time::Duration;

use tombolo_model::{Entropy, PublishOutcome, PublishProgress, SeededEntropy};
use tombolo_net::stand_in::{Fault, FaultRule};
use tombolo_peertube::stand_in::UploadCut;

use crate::rig::{Rig, UPLOAD, draft, film};

/// So many fates are tried.
const FATES: u64 = 60;

fn throw(rig: &Rig, dice: &SeededEntropy) {
    let html = |status| Fault::AnswerAfter(status, "text/html".into(), "<h1>proxy</h1>".into());
    for _ in 0..dice.bits() % 5 {
        let fault = match dice.bits() % 9 {
            0 | 1 => Fault::CutBefore,
            2 | 3 => Fault::CutAfter,
            4 => html(502),
            5 => html(504),
            6 => Fault::Answer(503, vec![], "<h1>down</h1>".into()),
            7 => Fault::CutHalfway,
            _ => Fault::Answer(500, vec![], String::new()),
        };
        rig.tube.faults().add(FaultRule {
            method: ["PUT", "PUT", "PUT", "POST", "DELETE"][usize::try_from(dice.bits() % 5).expect("small")].into(),
            path: UPLOAD.into(),
            skip: u32::try_from(dice.bits() % 12).expect("small"),
            times: 1 + u32::try_from(dice.bits() % 9).expect("small"),
            fault,
        });
    }
    match dice.bits() % 6 {
        0 => rig.tube.cut_upload(UploadCut::AfterLastByte),
        1 => rig.tube.cut_upload(UploadCut::AtByte(dice.bits() % 400_000)),
        2 => rig.tube.restart(),
        3 => rig.tube.end_sessions(),
        _ => {}
    }
    rig.tube.set(|settings| {
        settings.processing = Duration::from_secs([0, 3, 300, 2000][usize::try_from(dice.bits() % 4).expect("small")]);
    });
}

#[tokio::test]
async fn whatever_goes_wrong_there_is_one_whole_video_at_the_end() {
    for fate in 0..FATES {
        let dice = SeededEntropy::new(fate);
        let rig = Rig::start().await;
        rig.tube.set(|settings| settings.max_chunk_size = 50_000);
        let film = film(400_000, fate);
        let mut progress = PublishProgress::default();
        let mut story = Vec::new();
        let mut done = false;
        for round in 0..40 {
            if round < 8 {
                throw(&rig, &dice);
            } else {
                rig.tube.faults().clear();
            }
            let (outcome, notes) = rig.go_on(&draft(&film), progress.clone()).await;
            if !notes.all.is_empty() {
                progress = notes.last();
            }
            story.push(format!("{outcome:?}"));
            done = match outcome {
                PublishOutcome::Created { .. } => true,
                PublishOutcome::TryLater { .. } => false,
                // Looked for until that is no longer blind, as the engine does.
                PublishOutcome::Unknown { .. } => loop {
                    rig.tube.faults().clear();
                    rig.clock.advance(Duration::from_secs(120));
                    let found = rig.find(&progress).await;
                    story.push(format!("{found:?}"));
                    if !found.copies.is_empty() {
                        break true;
                    }
                    if found.blind.is_none() {
                        break false;
                    }
                },
                other => panic!("{fate}: {other:?}"),
            };
            if done {
                break;
            }
            rig.clock.advance(Duration::from_secs(30));
        }
        assert!(done, "{fate}: {story:#?}");
        let all = rig.tube.uploaded();
        assert_eq!(all.len(), 1, "{fate}: {story:#?}");
        let sent = all[0].file.as_ref().expect("a file").sha256();
        assert_eq!(sent, film.body.sha256(), "{fate}: {story:#?}");
    }
}
