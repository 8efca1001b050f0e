//! A stand-in for a PeerTube 6.3.0 server: stateful, over real HTTP on loopback, answering as the recordings show.
//!
//! A test is the creator: it publishes, edits, changes privacy, finishes transcoding, deletes, and the server shows
//! what PeerTube would show, with its traps (contract peertube): dates that move, outboxes by creation with totals that
//! lie, file names that change, rate limits. Only reading is served; uploading comes with the destination.
//!
//! ```no_run
//! # async fn demo(clock: std::sync::Arc<dyn tombolo_model::Clock>) -> std::io::Result<()> {
//! use tombolo_peertube::stand_in::{NewVideo, Options, PeerTube, Privacy};
//!
//! let tube = PeerTube::start(Options::new(clock)).await?;
//! let video = tube.publish(NewVideo::titled("Knots").description("How to *tie* them").tags(&["rope"]));
//! tube.set_privacy(&video.uuid, Privacy::UNLISTED);
//! # Ok(())
//! # }
//! ```

mod activitypub;
mod activitypub_json;
mod answers;
mod discovery;
mod file_body;
mod files;
mod ids;
mod listing;
mod lists;
mod new_video;
mod pages;
mod playlists;
mod rates;
mod rest;
mod rest_json;
mod site;
#[cfg(test)]
mod tests;
mod tube;
mod urls;
mod world;

pub use file_body::FileBody;
pub use ids::short_uuid;
pub use new_video::{Caption, Details, NewVideo, Privacy, State, VideoFile};
pub use tube::{NsfwPolicy, Options, PeerTube, Published, ShownFile};
