//! inspect: what planning needs and the source didn't say, read and bounded: sizes, whether a video's file tells where or with
//! what it was made, and whether a GIF moves.

use std::fmt;
use std::io;

use bytes::Bytes;
use tombolo_media::picture;
use tombolo_media::video::Private;
use tombolo_media::video::atoms::{self, AtomsError, RangeRead};
use tombolo_model::{Destination, Limits, MediaKind, Post, Rendition};
use tombolo_net::{Get, Net, NetError};
use url::Url;

use super::{Engine, Route};
use crate::ledger::Delivery;
use crate::transform::{Facts, FileFacts};

/// Most files whose size is asked for.
const MOST_SIZES: usize = 8;
/// Most files that are looked into.
const MOST_FILES: usize = 8;
/// A file up to this size is read whole where pieces of it can't be had.
const SMALL: u64 = 8 << 20;
/// Most requests to look into one file.
const MOST_REQUESTS: usize = 8;
/// How often a passing failure puts a step off, some half an hour in all; after that it goes on with what is known.
pub(super) const PATIENCE: u32 = 8;

/// Learns what it can; what can't be learnt stays unknown. With `patient`, a failure that will pass is an error, which says
/// what failed: else a worse form would be planned for want of an answer.
pub(super) async fn inspect(
    engine: &Engine,
    destination: &dyn Destination,
    route: &Route,
    delivery: &Delivery,
    post: &Post,
    limits: &Limits,
    patient: bool,
) -> Result<Facts, String> {
    let digest = delivery.key.digest();
    let mut facts = Facts {
        no_ffmpeg: engine.workshop.no_ffmpeg(),
        threads: destination.capabilities().threads,
        seed: u64::from_str_radix(&digest[..15], 16).unwrap_or_default(),
        account: route.author.clone(),
        platform: route.platform.to_string(),
        ..Facts::default()
    };
    if !post.downloads_allowed || limits.media.per_post == 0 {
        return Ok(facts);
    }
    let hiccup = |hiccup: Hiccup| if patient { Err(hiccup.0) } else { Ok(()) };
    let renditions = || {
        post.media
            .iter()
            .flat_map(|m| m.renditions.iter().map(move |r| (m.kind, r)))
    };
    // A picture is brought within the limits whatever size it has.
    let sized = |kind: MediaKind, r: &Rendition| kind != MediaKind::Image && !r.media_type.starts_with("image/");
    let unsized_ones = renditions().filter(|(kind, r)| sized(*kind, r) && r.bytes.is_none());
    for (_, rendition) in unsized_ones.take(MOST_SIZES) {
        match size_of(&engine.net, &rendition.url).await {
            Ok(Some(bytes)) => {
                facts.sizes.insert(rendition.url.clone(), bytes);
            }
            Ok(None) => {}
            Err(e) => hiccup(e)?,
        }
    }
    if !post.downloads_allowed || limits.media.per_post == 0 {
        return Ok(facts);
    }
    // Where a GIF would become a video, one that doesn't move must be known as a picture.
    let becomes_a_video = limits.media.keeps_files || limits.video.is_some() || !limits.media.takes("image/gif");
    if limits.media.takes("video/mp4") && becomes_a_video {
        let gifs = renditions().filter(|(kind, r)| *kind == MediaKind::Animation && r.media_type == "image/gif");
        for (_, rendition) in gifs.take(MOST_FILES) {
            if is_still(&engine.net, &rendition.url).await {
                facts.still.insert(rendition.url.clone());
            }
        }
    }
    let moving = |kind: MediaKind, r: &Rendition| {
        matches!(kind, MediaKind::Video | MediaKind::Animation)
            && r.has_video != Some(false)
            && !r.media_type.starts_with("image/")
    };
    for (_, rendition) in renditions().filter(|(kind, r)| moving(*kind, r)).take(MOST_FILES) {
        let Some(bytes) = facts.sizes.get(&rendition.url).copied().or(rendition.bytes) else {
            continue;
        };
        if bytes >= limits.media.video_bytes || !limits.media.takes(&rendition.media_type) {
            continue;
        }
        match look_into(&engine.net, &rendition.url, bytes).await {
            Ok(file) => {
                facts.files.insert(rendition.url.clone(), file);
            }
            Err(error) => {
                tracing::debug!(%error, url = %tombolo_net::shown(&rendition.url), "it can't be looked into");
                if let Some(passing) = Hiccup::in_error(&error) {
                    hiccup(passing)?;
                }
            }
        }
    }
    Ok(facts)
}

/// The size of a file, where its server tells.
async fn size_of(net: &Net, url: &Url) -> Result<Option<u64>, Hiccup> {
    let (status, headers) = match net.head(url).await {
        Ok(answer) => answer,
        Err(e) => return Hiccup::of(&e).map_or(Ok(None), Err),
    };
    let length = headers.get("content-length").and_then(|v| v.to_str().ok());
    Ok(length
        .filter(|_| status.is_success())
        .and_then(|length| length.parse().ok()))
}

/// Whether a GIF certainly has one picture only.
async fn is_still(net: &Net, url: &Url) -> bool {
    match whole(net, url, "image/*").await {
        Ok(gif) => picture::look(&gif).is_ok_and(|gif| !gif.is_animated()),
        Err(error) => {
            tracing::debug!(%error, url = %tombolo_net::shown(url), "it can't be looked at");
            false
        }
    }
}

/// A small file.
async fn whole(net: &Net, url: &Url, accept: &'static str) -> io::Result<Bytes> {
    let get = Get {
        accept,
        family: "media",
        max_bytes: SMALL,
        ..Get::json(url.clone())
    };
    let answer = net.get(&get).await.map_err(|e| io::Error::other(e.to_string()))?;
    if !answer.status.is_success() {
        return Err(io::Error::other("it isn't there"));
    }
    Ok(answer.body)
}

async fn look_into(net: &Net, url: &Url, bytes: u64) -> Result<FileFacts, AtomsError> {
    let found = match atoms::read_ranges(&Remote { net, url }, bytes, MOST_REQUESTS).await {
        // A server that gives no pieces gives a small file whole.
        Err(AtomsError::Io(e)) if bytes <= SMALL && Hiccup::in_io(&e).is_none() => {
            atoms::read(io::Cursor::new(whole(net, url, "*/*").await?))?
        }
        other => other?,
    };
    if !found.complete {
        return Err(AtomsError::Io(io::Error::other("it couldn't be read to its end")));
    }
    let private = found.private.iter().map(|private| match private {
        Private::Location(tag) => format!("location: {tag}"),
        Private::Device(tag) => format!("device: {tag}"),
    });
    let mut bare = found.clone();
    bare.private.clear();
    bare.fragmented = false;
    Ok(FileFacts {
        private: private.collect(),
        unusual: bare.fits_as_is().err(),
        needs_encoding: !found.video().is_some_and(|video| video.plain_h264),
        sound: Some(found.tracks.iter().any(|track| track.handler == "soun")),
        begins_late: !found.faststart,
        size: found.video().map(|video| (video.width, video.height)),
        #[allow(clippy::cast_possible_truncation)] // a frame rate
        fps: found.video().and_then(|video| video.fps).map(|fps| fps.per_second() as f32),
    })
}

/// A failure that will pass: the network's, or a server's that is busy.
#[derive(Clone, Debug)]
struct Hiccup(String);

impl Hiccup {
    fn of(error: &NetError) -> Option<Self> {
        match error {
            NetError::Transient(_) | NetError::Throttled { .. } => Some(Self(error.to_string())),
            NetError::Refused(_) | NetError::TooLarge(_) => None,
        }
    }

    fn in_io(error: &io::Error) -> Option<Self> {
        error.get_ref().and_then(|inner| inner.downcast_ref::<Self>()).cloned()
    }

    fn in_error(error: &AtomsError) -> Option<Self> {
        match error {
            AtomsError::Io(error) => Self::in_io(error),
            AtomsError::NotMp4(_) => None,
        }
    }
}

impl fmt::Display for Hiccup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Hiccup {}

#[allow(clippy::needless_pass_by_value)] // for map_err
fn io_error(error: NetError) -> io::Error {
    match Hiccup::of(&error) {
        Some(passing) => io::Error::other(passing),
        None => io::Error::other(error.to_string()),
    }
}

/// A file elsewhere.
struct Remote<'a> {
    net: &'a Net,
    url: &'a Url,
}

impl RangeRead for Remote<'_> {
    async fn range(&self, offset: u64, length: u64) -> io::Result<Bytes> {
        let piece = self.net.piece(self.url, offset, length).await;
        piece.map(|piece| piece.bytes).map_err(io_error)
    }
}
