//! The vocabulary that all of tombolo shares: posts and media in one normal form, what an instance
//! takes, what becomes of a post, and the two traits every platform implements.
//!
//! This crate never touches network, disk or clock, and knows no platform's behaviour.

mod cache;
mod clock;
mod destination;
mod draft;
mod entropy;
mod ids;
mod limits;
mod login;
mod post;
mod source;
mod wild;

pub use cache::{Cache, MemoryCache};
pub use clock::{Clock, SystemClock, TestClock};
pub use destination::{
    AccountIdentity, Capabilities, Checkpoint, CheckpointError, Destination, DestinationError, Found, Idempotency,
    Marker, NoProgress, ProgressSink, PublishOutcome, PublishProgress, Settling, Step, UploadedMedia, Window,
    file_name,
};
pub use draft::{
    CaptionDraft, Copy, Difference, Draft, Form, MediaBody, MediaDraft, MediaError, MediaStream, Thumbnail, VideoDraft,
};
pub use entropy::{Entropy, SeededEntropy};
pub use ids::{ApId, DeliveryKey, DestinationId, IdempotencyKey, Origin, Platform, SourceId};
pub use limits::{ImageFit, LengthUnit, Limits, LinkCost, MediaLimits, Mix, TextRules, VideoRules};
pub use login::{TokenPair, TokenStore};
pub use post::{
    Caption, Concept, Focus, Markup, Media, MediaKind, Mention, Packaging, Post, PostKind, Readiness, Rendition, Reply,
    Visibility,
};
pub use source::{Completeness, Cursor, Fetched, Listing, Poll, ReaderInfo, Sighting, Source, SourceError};
pub use wild::{as_array, bool_of, id_of, number_of, string_of, unsigned_of};
