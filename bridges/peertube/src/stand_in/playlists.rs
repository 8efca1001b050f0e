//! HLS playlists over a video's fragmented files. Each file counts as one segment here.

use std::fmt::Write;

use serde_json::{Map, Value, json};

use super::urls::{Set, file_name};
use super::world::{StoredFile, Video};

/// The part in front of a fragmented file that a player loads first.
const INIT: u64 = 825;

/// The list of variants.
pub(super) fn master(video: &Video) -> String {
    let mut text = "#EXTM3U\n#EXT-X-VERSION:3\n\n".to_owned();
    let sound = video.hls_now().iter().find(|f| !f.file.has_video);
    let mut group = "";
    if let Some(sound) = sound {
        group = ",AUDIO=\"audio\"";
        let uri = variant_name(sound);
        // Writing to a string can't fail.
        let _ = writeln!(
            text,
            "#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"audio\",NAME=\"Audio\",AUTOSELECT=YES,DEFAULT=YES,URI=\"{uri}\""
        );
    }
    text.push('\n');
    let seconds = u64::from(video.details.duration.max(1));
    let mut variants: Vec<_> = video.hls_now().iter().filter(|f| f.file.has_video).collect();
    variants.sort_by_key(|f| f.file.resolution);
    for stored in variants {
        let (file, rate) = (&stored.file, stored.body.len() * 8 / seconds);
        let _ = writeln!(
            text,
            "#EXT-X-STREAM-INF:BANDWIDTH={rate},RESOLUTION={}x{},FRAME-RATE={},CODECS=\"avc1.64001e,mp4a.40.2\"{group}\n{}",
            file.width,
            file.height,
            file.fps,
            variant_name(stored)
        );
    }
    text
}

pub(super) fn variant_name(stored: &StoredFile) -> String {
    format!("{}-{}.m3u8", stored.name, stored.file.resolution)
}

/// The playlist of one variant.
pub(super) fn variant(stored: &StoredFile, seconds: u32) -> String {
    let name = file_name(stored, Set::Hls);
    let rest = stored.body.len().saturating_sub(INIT);
    format!(
        "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-TARGETDURATION:{seconds}\n#EXT-X-MEDIA-SEQUENCE:0\n\
        #EXT-X-PLAYLIST-TYPE:VOD\n#EXT-X-MAP:URI=\"{name}\",BYTERANGE=\"{INIT}@0\"\n#EXTINF:{seconds}.000000,\n\
        #EXT-X-BYTERANGE:{rest}@{INIT}\n{name}\n#EXT-X-ENDLIST\n"
    )
}

/// The checksums of the segments. They are made up: nobody here plays by them.
pub(super) fn segments(video: &Video) -> String {
    let files = video.hls_now().iter().map(|stored| {
        let range = format!("{INIT}-{}", stored.body.len().saturating_sub(1));
        (file_name(stored, Set::Hls), json!({range: "0".repeat(64)}))
    });
    Value::Object(files.collect::<Map<_, _>>()).to_string()
}
