//! Which names of tags and boxes tell where or with what a video was taken.

use super::Private;

/// Judges the name of a tag, as ffprobe or a `keys` box has it: `com.apple.quicktime.location.ISO6709`, `location-eng`,
/// `make`. `None` when it is harmless.
pub fn private_key(key: &str) -> Option<Private> {
    let lower = key.to_lowercase();
    let shown = || key.chars().filter(|c| !c.is_control()).take(80).collect::<String>();
    let has = |words: &[&str]| words.iter().any(|word| lower.contains(word));
    let place = [
        "location",
        "gps",
        "latitude",
        "longitude",
        "altitude",
        "geo",
        "xyz",
        "©gpt",
        "loci",
    ];
    let device = [
        "manufacturer",
        "make",
        "model",
        "camera",
        "device",
        "serial",
        "lens",
        "firmware",
        "software",
        "com.android.",
        "com.apple.quicktime.",
        "com.apple.proapps.",
        "©mak",
        "©mod",
        "©swr",
        "content.identifier",
        "hostcomputer",
        "samsung",
        "xiaomi",
        "gopro",
        "creation_tool",
    ];
    // Apple's names for plain things.
    let plain = [
        "title",
        "description",
        "author",
        "comment",
        "copyright",
        "keywords",
        "displayname",
        "creationdate",
    ];
    let last = lower.rsplit('.').next().unwrap_or_default();
    if has(&place) {
        Some(Private::Location(shown()))
    } else if has(&device) && (has(&["com.android."]) || !plain.contains(&last)) {
        Some(Private::Device(shown()))
    } else {
        None
    }
}

/// Judges a box in `udta`. The names are those of QuickTime, 3GPP and common writers; what isn't known to be harmless is taken
/// for a maker's own (`GPMF`, `smta`, `CNMN`, `MVTG`, `NCDT`, …).
pub(super) fn user_box(name: [u8; 4]) -> Option<Private> {
    let shown = || super::boxes::name(name);
    match &name {
        // `GPMF` is telemetry: place among other things.
        b"loci" | b"@xyz" | b"GPMF" | b"gps " | b"GPS " => Some(Private::Location(shown())),
        b"name" | b"titl" | b"dscp" | b"cprt" | b"perf" | b"auth" | b"gnre" | b"kywd" | b"albm" | b"yrrc" | b"rtng"
        | b"clsf" | b"coll" | b"tsel" | b"hnti" | b"hinf" | b"chpl" | b"ludt" | b"Xtra" | b"WLOC" | b"LOOP"
        | b"SelO" | b"AllF" | b"tagc" | b"kind" | b"elng" | b"\0\0\0\0" => None,
        _ => item(name).or_else(|| (name[0] != 0xa9).then(|| Private::Device(format!("box udta/{}", shown())))),
    }
}

/// Judges an item named by four letters.
pub(super) fn item(name: [u8; 4]) -> Option<Private> {
    let shown = || super::boxes::name(name);
    match &name {
        b"\xa9xyz" | b"\xa9gpt" | b"\xa9gps" => Some(Private::Location(shown())),
        b"\xa9mak" | b"\xa9mod" | b"\xa9swr" | b"\xa9src" | b"\xa9dji" | b"\xa9res" | b"\xa9csn" | b"\xa9enc"
        | b"\xa9hos" | b"\xa9mdl" => Some(Private::Device(shown())),
        _ => None,
    }
}

/// Looks into XMP, or another XML of a camera.
pub(super) fn xmp(bytes: &[u8]) -> Vec<Private> {
    let text = String::from_utf8_lossy(bytes).to_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| text.contains(word));
    let mut found = Vec::new();
    if has(&[
        "gps",
        "latitude",
        "longitude",
        "location",
        "iptc4xmpext",
        "photoshop:city",
        "geo:",
    ]) {
        found.push(Private::Location("XMP".to_owned()));
    }
    if has(&[
        "tiff:make",
        "tiff:model",
        "serialnumber",
        "aux:",
        "manufacturer",
        "modelname",
        "creatortool",
        "lens",
    ]) {
        found.push(Private::Device("XMP".to_owned()));
    }
    found
}
