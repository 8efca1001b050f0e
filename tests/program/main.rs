//! Whole-program tests: the real binary, real HTTP on loopback, and what a server or a person would see.
#![allow(missing_docs)]

mod rig;
mod snac;

mod first_line_to_snac;
