//! What an instance's configuration says that a writer needs. A server that says nothing is taken for an old one.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use tombolo_model::{bool_of, unsigned_of};

/// Largest thumbnail up to 7.0 (contract peertube §7.1).
const IMAGE_BYTES: u64 = 4 << 20;
/// Largest file of subtitles (contract peertube §7.6).
const CAPTION_BYTES: u64 = 20 << 20;
/// Most extensions that are looked at.
const MAX_ENTRIES: usize = 1000;

/// Most chunks of one file, where there is a smallest chunk.
const MAX_CHUNKS: u64 = 10_000;
/// The largest chunk that is held in memory where an instance demands large ones.
const LARGEST_LEAST: u64 = 64 << 20;

/// What the configuration says that a writer needs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Config {
    /// Major and minor version.
    pub(crate) version: (u32, u32),
    /// MIME types of the files it takes.
    pub(crate) types: Vec<String>,
    pub(crate) image_bytes: u64,
    pub(crate) caption_bytes: u64,
    /// Largest chunk; 0 where there is no bound.
    pub(crate) max_chunk: u64,
    /// Smallest chunk but the last, from version 9 on where uploads go on to object storage; 0 where there is no bound.
    #[serde(default)]
    pub(crate) min_chunk: u64,
    /// Whether new videos wait for a moderator.
    pub(crate) moderated: bool,
}

impl Config {
    pub(crate) fn parse(value: &Value) -> Self {
        let number = |pointer: &str| value.pointer(pointer).and_then(unsigned_of);
        let extensions = value.pointer("/video/file/extensions").and_then(Value::as_array);
        let mut types: Vec<String> = Vec::new();
        for extension in extensions
            .into_iter()
            .flatten()
            .take(MAX_ENTRIES)
            .filter_map(Value::as_str)
        {
            for kind in mime_types(extension) {
                if !types.iter().any(|known| known == kind) {
                    types.push((*kind).to_owned());
                }
            }
        }
        Self {
            version: version_of(value.get("serverVersion").and_then(Value::as_str).unwrap_or_default()),
            types,
            image_bytes: number("/video/image/size/max").unwrap_or(IMAGE_BYTES),
            caption_bytes: number("/videoCaption/file/size/max").unwrap_or(CAPTION_BYTES),
            max_chunk: number("/client/videos/resumableUpload/maxChunkSize").unwrap_or(0),
            min_chunk: number("/client/videos/resumableUpload/minChunkSize").unwrap_or(0),
            moderated: value
                .pointer("/autoBlacklist/videos/ofUsers/enabled")
                .and_then(bool_of)
                .unwrap_or(false),
        }
    }

    /// Smallest chunk, but the last, of a file of this size (contract peertube §7.3).
    pub(crate) fn least_chunk(&self, total: u64) -> u64 {
        if self.min_chunk == 0 {
            return 0;
        }
        self.min_chunk.max(total.div_ceil(MAX_CHUNKS)).min(LARGEST_LEAST)
    }

    /// Whether a reason can be given for a sensitive video.
    pub(crate) fn has_summary(&self) -> bool {
        self.version >= (7, 2)
    }
}

/// Major and minor of `8.2.1` or `9.0.0-rc.1`; zeros for anything else.
fn version_of(text: &str) -> (u32, u32) {
    let mut parts = text
        .split(|c: char| !c.is_ascii_digit())
        .map(|part| part.parse().unwrap_or(0));
    (parts.next().unwrap_or(0), parts.next().unwrap_or(0))
}

/// The MIME types that files with this extension have, by the names that sources use.
fn mime_types(extension: &str) -> &'static [&'static str] {
    match extension.trim_start_matches('.').to_ascii_lowercase().as_str() {
        "mp4" => &["video/mp4"],
        "m4v" => &["video/x-m4v"],
        "webm" => &["video/webm"],
        "ogv" => &["video/ogg"],
        "ogg" => &["video/ogg", "audio/ogg"],
        "mkv" => &["video/x-matroska", "video/matroska"],
        "mov" | "qt" | "mqv" => &["video/quicktime"],
        "avi" => &["video/x-msvideo"],
        "flv" | "f4v" => &["video/x-flv"],
        "wmv" => &["video/x-ms-wmv"],
        "3gp" | "3gpp" => &["video/3gpp"],
        "3g2" | "3gpp2" => &["video/3gpp2"],
        "mts" | "m2ts" => &["video/mp2t"],
        "mpg" | "mpeg" | "mpe" | "m1v" | "m2v" | "mpv" | "vob" => &["video/mpeg"],
        "mp3" => &["audio/mpeg", "audio/mp3"],
        "wma" => &["audio/x-ms-wma"],
        "wav" => &["audio/wav", "audio/x-wav"],
        "flac" => &["audio/flac", "audio/x-flac"],
        "aac" => &["audio/aac"],
        "m4a" => &["audio/mp4", "audio/x-m4a"],
        "ac3" => &["audio/ac3"],
        _ => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_configuration_tells_version_types_and_bounds() {
        let config = Config::parse(&json!({
            "serverVersion": "7.2.0-rc.1",
            "video": {"file": {"extensions": [".webm", ".MP4", ".xyz", 7]}, "image": {"size": {"max": 8_388_608}}},
            "client": {"videos": {"resumableUpload": {"maxChunkSize": 5_000_000, "minChunkSize": 4_000_000}}},
            "autoBlacklist": {"videos": {"ofUsers": {"enabled": true}}},
        }));
        assert_eq!(config.version, (7, 2));
        assert!(config.has_summary() && config.moderated);
        assert_eq!(config.types, ["video/webm", "video/mp4"]);
        assert_eq!((config.image_bytes, config.max_chunk), (8_388_608, 5_000_000));
        assert_eq!(config.least_chunk(9_000_000), 4_000_000);
        assert_eq!(config.least_chunk(100_000_000_001), 10_000_001);
        assert_eq!(Config::default().least_chunk(100_000_000_001), 0);
        // A server that says nothing is taken for an old one with the usual bounds.
        let silent = Config::parse(&json!(null));
        assert!(!silent.has_summary() && silent.types.is_empty());
        assert_eq!(silent.image_bytes, IMAGE_BYTES);
    }

    #[test]
    fn versions_compare_as_numbers() {
        assert!(version_of("10.0.1") > version_of("7.2.0"));
        assert_eq!(version_of("unknown"), (0, 0));
    }
}
