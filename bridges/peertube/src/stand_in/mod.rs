//! A stand-in for a PeerTube 6.3.0 server: stateful, over real HTTP on loopback, answering as the recordings show.
//!
//! A test is the creator: it publishes, edits, changes privacy, finishes transcoding, deletes, and the server shows
//! what PeerTube would show, with its traps (contract peertube): dates that move, outboxes by creation with totals that
//! lie, file names that change, rate limits. A bridge may also sign in and publish by the API, in pieces or in one go or
//! from a URL; the test sees what arrived, cuts connections on the way, and decides how transcoding and moderation end.
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

mod accept;
mod activitypub;
mod activitypub_json;
mod answers;
mod beginning;
mod discovery;
mod disk;
mod edit;
mod fetch;
mod fields;
mod file_body;
mod files;
mod film;
mod form;
mod ids;
mod imports;
mod listing;
mod lists;
mod me;
mod new_video;
mod oauth;
mod options;
mod pages;
mod playlists;
mod rates;
mod records;
mod rest;
mod rest_json;
mod resumable;
mod sessions;
mod settings;
mod site;
#[cfg(test)]
mod tests;
mod tube;
mod upload;
mod uploads;
mod urls;
mod world;
mod writing;
#[cfg(test)]
mod writing_tests;

pub use disk::OnDisk;
pub use file_body::FileBody;
pub use ids::short_uuid;
pub use imports::ImportOutcome;
pub use new_video::{Caption, Details, NewVideo, Privacy, State, VideoFile};
pub use options::{NsfwPolicy, Options};
pub use sessions::{Grant, Session};
pub use settings::Settings;
pub use tube::{PeerTube, Published, ShownFile};
pub use uploads::UploadCut;
pub use writing::{Unfinished, Uploaded};
