//! Whole-program tests: the real binary, real HTTP on loopback, and what a server or a person would see.
#![allow(missing_docs)]

mod hostile;
mod islands;
mod ladder;
mod large_photo;
mod large_upload;
mod options;
mod plans;
mod rig;
mod snac;
mod video_ladder;

mod bad_input;
mod bad_input_at_destination;
mod both_ways;
mod cells_on_snac;
mod cells_read;
mod cells_written_pictures;
mod cells_written_videos;
mod command_line;
mod dry_run;
mod first_line;
mod first_line_to_snac;
mod half_done;
mod told_by_the_object;
