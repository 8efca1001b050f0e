//! The sample creator's work, made for this project: four short clips, and an album of stills.

use bytes::Bytes;
use tombolo_peertube::stand_in::{NewVideo, VideoFile};
use tombolo_pixelfed::stand_in::{NewMedia, NewPost};

/// A clip with what its creator wrote about it.
#[derive(Clone, Copy, Debug)]
pub struct Clip {
    title: &'static str,
    description: &'static str,
    tags: &'static [&'static str],
    video: &'static [u8],
    still: &'static [u8],
}

/// The clips, in the order in which they are published.
pub fn clips() -> [Clip; 4] {
    [
        Clip {
            title: "How a sandbar joins two islands",
            description: "Waves bend around an island and meet in its lee, and what they carry **settles** there.\r\n\r\nA *tombolo* is born. Read more at https://en.wikipedia.org/wiki/Tombolo",
            tags: &["geology", "Sea Side"],
            video: include_bytes!("../clips/sea.mp4"),
            still: include_bytes!("../clips/sea.jpg"),
        },
        Clip {
            title: "Zooming into a grain of sand",
            description: "The closer you look, the more coast there is.\r\n\r\n* no end in sight\r\n* same shapes again and again",
            tags: &["fractals", "maths"],
            video: include_bytes!("../clips/sand.mp4"),
            still: include_bytes!("../clips/sand.jpg"),
        },
        Clip {
            title: "Dunes in the afternoon",
            description: "Recorded in one take. With thanks to @wind and @light, who will not be notified.",
            tags: &["dunes", "slow tv"],
            video: include_bytes!("../clips/dunes.mp4"),
            still: include_bytes!("../clips/dunes.jpg"),
        },
        Clip {
            title: "Harbour lights, just uploaded",
            description: "Published while you were watching.",
            tags: &["night"],
            video: include_bytes!("../clips/lights.mp4"),
            still: include_bytes!("../clips/lights.jpg"),
        },
    ]
}

/// An album of three photos.
pub fn album() -> NewPost {
    NewPost {
        text: "Three looks at one beach #beach #SlowTravel".into(),
        media: vec![
            NewMedia::new(
                include_bytes!("../clips/sea.jpg").as_slice(),
                "Waves that meet behind an island",
            ),
            NewMedia::new(
                include_bytes!("../clips/sand.jpg").as_slice(),
                "A grain of sand, very near",
            ),
            NewMedia::new(
                include_bytes!("../clips/dunes.jpg").as_slice(),
                "Dunes, the sun low behind them",
            ),
        ],
        ..NewPost::default()
    }
}

impl Clip {
    /// The video file.
    pub fn file(&self) -> Bytes {
        Bytes::from_static(self.video)
    }

    /// The clip as its creator hands it in.
    pub fn as_video(&self) -> NewVideo {
        let mut video = NewVideo::titled(self.title)
            .description(self.description)
            .tags(self.tags)
            .language("en")
            .web([VideoFile::sized(640, 360).fps(24).body(self.video.to_vec())])
            .with(|details| details.duration = 4);
        video.thumbnail = Some(Bytes::from_static(self.still));
        video
    }
}
