//! A video is also read by its page, as people and the echo guard know it.

use tombolo_model::{Fetched, Source, SourceError};
use tombolo_peertube::stand_in::NewVideo;

use crate::rig::{BOTH, HANDLES, Rig, id};

#[tokio::test]
async fn a_page_leads_to_the_same_post_as_the_id() {
    let rig = Rig::start().await;
    let video = rig.publish(NewVideo::titled("Knots"));
    let long = format!("http://{}/videos/watch/{}", rig.tube.host(), video.short_uuid);
    for read in BOTH {
        for handle in HANDLES {
            let source = rig.source(read, handle);
            let by_id = source.fetch(&id(&video.id)).await.expect("read");
            assert!(matches!(by_id, Fetched::Post(_)), "{by_id:?}");
            for page in [&video.page, &long] {
                assert_eq!(source.fetch(&id(page)).await.expect("read"), by_id, "{read:?} {page}");
            }
        }
    }
}

#[tokio::test]
async fn an_address_that_is_none_of_the_videos_is_not_taken_for_it() {
    let rig = Rig::start().await;
    let video = rig.publish(NewVideo::titled("Knots"));
    let other = id(&format!("http://{}/elsewhere/{}", rig.tube.host(), video.uuid));
    let by_api = rig.source(BOTH[0], HANDLES[0]).fetch(&other).await;
    assert!(matches!(by_api, Err(SourceError::Malformed(_))), "{by_api:?}");
}
