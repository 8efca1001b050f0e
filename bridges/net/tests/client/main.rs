//! The client against servers on loopback, well-behaved and otherwise.

mod downloads;
mod reads;
mod refusals;
mod rig;
mod sends;
