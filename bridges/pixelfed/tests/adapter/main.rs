//! Pixelfed as a source and a destination, against the stand-in and against what a real server was recorded to say.

mod finding;
mod golden;
mod hostile;
mod publishing;
mod reading;
mod refusals;
mod rig;
mod scripted;
mod walking;
