//! The video pipeline with the ffmpeg of this machine. What came out is judged by ffprobe, by ffmpeg's SSIM filter and by
//! exiftool, not by the code under test. Without ffmpeg these tests say that they were skipped.

mod boxes;
mod budgets;
mod forms;
mod hostile;
mod kit;
mod ladder;
mod stills;
mod work;
