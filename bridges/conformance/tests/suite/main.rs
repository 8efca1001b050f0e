//! The islands that the suite runs on: the stand-ins of the three platforms, and a real snac.

mod mastodon;
mod peertube;
mod pixelfed;
mod rig;
mod snac;
