//! Videos: probed, remuxed, transcoded and cut by ffmpeg as a separate process; and the boxes of an MP4 file read without it.
