//! Plans, without a network: what would be sent, in which order.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use tombolo_model::{
    ApId, Caption, LengthUnit, Limits, LinkCost, Markup, Media, MediaKind, MediaLimits, Mix, Packaging, Post, PostKind,
    Readiness, Rendition, TextRules, VideoRules, Visibility,
};
use tombolo_text::Template;
use url::Url;

use super::{
    Facts, FileFacts, FormPlan, Kind, MediaPlan, Mode, Overflow, PartPlan, Plan, Rules, Rung, Settings, Verdict, plan,
};

fn at(path: &str) -> Url {
    Url::parse(&format!("https://source.example/{path}")).unwrap()
}

fn note(body: &str, media: Vec<Media>) -> Post {
    Post {
        id: ApId::parse("https://source.example/1").unwrap(),
        link: at("1"),
        aliases: BTreeSet::from(["https://source.example/1".to_owned()]),
        kind: PostKind::Note,
        title: None,
        body: Markup::Plain(body.to_owned()),
        tags: Vec::new(),
        category: None,
        licence: None,
        language: None,
        sensitive: false,
        content_warning: None,
        visibility: Visibility::Public,
        readiness: Readiness::Ready,
        downloads_allowed: true,
        published: Some(noon()),
        updated: None,
        originally_published: None,
        media,
        reply: None,
        quote: None,
        mentions: Vec::new(),
        poll: Vec::new(),
        application: None,
    }
}

fn noon() -> DateTime<Utc> {
    DateTime::from_timestamp(1_780_000_000, 0).unwrap()
}

fn medium(kind: MediaKind, name: &str, media_type: &str, has_audio: Option<bool>) -> Media {
    Media {
        kind,
        alt: None,
        renditions: vec![Rendition {
            url: at(name),
            media_type: media_type.to_owned(),
            bytes: Some(10_000),
            width: Some(640),
            height: Some(360),
            fps: Some(25.0),
            has_audio,
            has_video: Some(true),
            packaging: Packaging::File,
        }],
        captions: Vec::new(),
        thumbnail: Some(at("still.jpg")),
        duration: Some(10),
        focus: None,
    }
}

fn clip(has_audio: Option<bool>) -> Media {
    medium(MediaKind::Video, "clip.mp4", "video/mp4", has_audio)
}

/// Mastodon's.
fn toots() -> Limits {
    Limits {
        text: TextRules {
            max: 500,
            unit: LengthUnit::Graphemes,
            link: LinkCost::Fixed(23),
            warning_counts: true,
            alt_max: 1500,
            alt_min: 0,
            warning_max: None,
            escape_angle: false,
            alone: true,
        },
        media: MediaLimits {
            per_post: 4,
            types: Vec::new(),
            image_bytes: 16 << 20,
            image_pixels: 33_177_600,
            video_bytes: 99 << 20,
            video_pixels: 8_294_400,
            video_fps: 120,
            mix: Mix::PicturesOrOneVideo,
            image_fit: None,
            keeps_files: false,
            resumes: false,
        },
        video: None,
    }
}

/// Pixelfed's, for the files it takes.
fn keeper() -> Limits {
    let mut limits = toots();
    limits.media.keeps_files = true;
    limits
}

/// PeerTube's.
fn tube() -> Limits {
    let mut limits = toots();
    limits.media.mix = Mix::OneVideo;
    limits.media.per_post = 1;
    limits.video = Some(VideoRules {
        title: (3, 120),
        description_min: 3,
        tags: 5,
        tag: (2, 30),
    });
    limits
}

/// What inspecting the clip has told.
fn told(file: FileFacts) -> Facts {
    Facts {
        files: [(at("clip.mp4"), file)].into(),
        threads: true,
        account: "anna@source.example".into(),
        ..Facts::default()
    }
}

fn sounding() -> FileFacts {
    FileFacts {
        sound: Some(true),
        ..FileFacts::default()
    }
}

fn parts(post: &Post, facts: &Facts, limits: &Limits, settings: &Settings) -> Vec<PartPlan> {
    match plan(post, facts, limits, settings) {
        Plan::Parts(parts) => parts,
        Plan::Skip(why) => panic!("{why}"),
    }
}

/// The forms of the only medium, in a word each.
fn forms(media: Media, facts: &Facts, limits: &Limits) -> Vec<&'static str> {
    let parts = parts(&note("A clip", vec![media]), facts, limits, &Settings::default());
    words(&parts[0].media[0])
}

fn words(media: &MediaPlan) -> Vec<&'static str> {
    let word = |rung: &Rung| match rung {
        Rung::Import(_) => "import",
        Rung::AsItIs(_) => "as it is",
        Rung::Remux { silent_track: true, .. } => "new file, perhaps with silence",
        Rung::Remux { .. } => "new file",
        Rung::Transcode { silent_track: true, .. } => "encode, perhaps with silence",
        Rung::Transcode { .. } => "encode",
        Rung::Picture(_) => "picture",
        Rung::Slideshow { .. } => "slideshow",
        Rung::Thumbnail(_) => "thumbnail",
        Rung::LinkOnly => "link",
    };
    media.rungs.iter().map(word).collect()
}

#[test]
fn a_silent_video_gets_a_silent_track_where_the_server_would_loop_it() {
    let silent = || {
        told(FileFacts {
            sound: Some(false),
            ..FileFacts::default()
        })
    };
    // Whether the source knew it, or the file told.
    for has_audio in [Some(false), None, Some(true)] {
        assert_eq!(
            forms(clip(has_audio), &silent(), &toots()),
            [
                "new file, perhaps with silence",
                "as it is",
                "encode, perhaps with silence",
                "thumbnail",
                "link"
            ]
        );
    }
    assert_eq!(
        forms(clip(Some(true)), &told(sounding()), &toots()),
        ["as it is", "encode, perhaps with silence", "thumbnail", "link"]
    );
    // A loop stays one; a server that shows files as they are, and one of videos, loop nothing.
    let looped = Media {
        kind: MediaKind::Animation,
        ..clip(Some(false))
    };
    assert_eq!(
        forms(looped, &silent(), &toots()),
        ["as it is", "encode", "thumbnail", "link"]
    );
    assert_eq!(
        forms(clip(Some(false)), &silent(), &keeper())[..2],
        ["as it is", "encode"]
    );
    assert_eq!(forms(clip(Some(false)), &silent(), &tube()), ["as it is", "encode"]);
    // Without ffmpeg it goes as it is.
    let bare = Facts {
        no_ffmpeg: Some("no ffmpeg".into()),
        ..silent()
    };
    assert_eq!(forms(clip(None), &bare, &toots()), ["as it is", "thumbnail", "link"]);
}

#[test]
fn a_video_sent_with_a_silent_track_has_sound_for_the_server() {
    let facts = told(FileFacts {
        sound: Some(false),
        ..FileFacts::default()
    });
    let parts = parts(
        &note("A clip", vec![clip(None)]),
        &facts,
        &toots(),
        &Settings::default(),
    );
    let sounds: Vec<bool> = parts[0].media[0].rungs.iter().map(Rung::has_sound).collect();
    assert_eq!(sounds, [true, false, true, false, false]);
}

#[test]
fn what_a_server_would_encode_badly_is_made_fit_before() {
    let hevc = || {
        told(FileFacts {
            unusual: Some("its picture is hvc1, or H.264 of an unusual kind".into()),
            needs_encoding: true,
            ..sounding()
        })
    };
    let opus = || {
        told(FileFacts {
            unusual: Some("its sound isn't AAC".into()),
            ..sounding()
        })
    };
    let bare = |facts: Facts| Facts {
        no_ffmpeg: Some("no ffmpeg".into()),
        ..facts
    };
    let forms = |facts: Facts, limits: &Limits| forms(clip(Some(true)), &facts, limits);
    let toots = toots();
    assert_eq!(
        forms(hevc(), &toots),
        ["encode, perhaps with silence", "thumbnail", "link"]
    );
    assert_eq!(forms(opus(), &toots)[0], "new file, perhaps with silence");
    assert!(!forms(opus(), &toots).contains(&"as it is"));
    assert_eq!(forms(bare(hevc()), &toots), ["as it is", "thumbnail", "link"]);
    assert_eq!(forms(bare(opus()), &keeper()), ["thumbnail", "link"]);
    assert_eq!(forms(hevc(), &tube())[0], "as it is");
}

#[test]
fn a_file_that_begins_late_is_made_anew_only_for_a_server_that_keeps_it() {
    let late = || {
        told(FileFacts {
            begins_late: true,
            ..sounding()
        })
    };
    assert_eq!(
        forms(clip(Some(true)), &late(), &keeper())[..3],
        ["new file", "as it is", "encode"]
    );
    assert_eq!(forms(clip(Some(true)), &late(), &toots())[0], "as it is");
    assert_eq!(forms(clip(Some(true)), &late(), &tube())[0], "as it is");
    let bare = Facts {
        no_ffmpeg: Some("no ffmpeg".into()),
        ..late()
    };
    assert_eq!(forms(clip(Some(true)), &bare, &keeper())[0], "as it is");
}

#[test]
fn a_plan_knows_sizes_that_only_the_server_of_the_file_told() {
    let mut media = clip(Some(true));
    media.renditions[0].bytes = None;
    let facts = Facts {
        sizes: [(at("clip.mp4"), 77_000)].into(),
        ..told(sounding())
    };
    let parts = parts(&note("A clip", vec![media]), &facts, &toots(), &Settings::default());
    assert_eq!(parts[0].media[0].rungs[0].rendition().unwrap().bytes, Some(77_000));
    assert_eq!(parts[0].media[0].rungs[0].describe(), "video 640×360, 75.2 KiB");
}

/// A picture at the source.
fn photo(name: &str, alt: Option<&str>) -> Media {
    Media {
        alt: alt.map(str::to_owned),
        thumbnail: None,
        duration: None,
        ..medium(MediaKind::Image, name, "image/jpeg", None)
    }
}

#[test]
fn alternative_texts_reach_a_server_of_videos_in_the_description() {
    let seen = Media {
        alt: Some("Waves break on a pier".into()),
        ..clip(Some(true))
    };
    let video = parts(
        &note("It was May.\nA storm.", vec![seen]),
        &told(sounding()),
        &tube(),
        &Settings::default(),
    );
    let link = "https://source.example/1";
    assert_eq!(
        video[0].text.text,
        format!("A storm.\n\nWaves break on a pier\n\n{link}")
    );
    assert!(video[0].marker.links.contains(link));
    let photos = vec![
        photo("1.jpg", Some("A gull")),
        photo("2.jpg", None),
        photo("3.jpg", Some("A pier")),
    ];
    let settings = Settings {
        slideshow: Some(3),
        ..Settings::default()
    };
    let slides = parts(
        &note("It was May.\nA storm.", photos),
        &told(sounding()),
        &tube(),
        &settings,
    );
    let shown = tombolo_text::markdown_to_plain(&slides[0].text.text);
    assert_eq!(shown, format!("A storm.\n\n1. A gull\n3. A pier\n\n{link}"));
}

#[test]
fn photos_that_stay_behind_are_told() {
    let post = note(
        "A storm",
        vec![photo("1.jpg", None), clip(Some(true)), clip(Some(true))],
    );
    let carried = parts(&post, &told(sounding()), &tube(), &Settings::default());
    assert_eq!(carried.len(), 2);
    assert_eq!(
        carried[0].notes,
        ["its photos stay behind: the destination takes videos only"]
    );
    assert!(carried[1].notes.is_empty());
    let both = parts(&post, &told(sounding()), &toots(), &Settings::default());
    assert!(both.iter().all(|part| part.notes.is_empty()));
}

#[test]
fn a_video_that_cannot_be_imported_is_told() {
    let settings = Settings {
        import: true,
        ..Settings::default()
    };
    let import = |media: Media| {
        let mut parts = parts(&note("A storm", vec![media]), &told(sounding()), &tube(), &settings);
        (words(&parts[0].media[0])[0], parts.remove(0).notes)
    };
    assert_eq!(import(clip(Some(true))), ("import", Vec::new()));
    let mut plain = clip(Some(true));
    plain.renditions[0].url.set_scheme("http").unwrap();
    let (first, notes) = import(plain);
    assert_ne!(first, "import");
    assert_eq!(
        notes,
        ["can't be imported: its address isn't public https; it is sent as a file"]
    );
    // Without the setting there is nothing to tell.
    let mut plain = clip(Some(true));
    plain.renditions[0].url.set_scheme("http").unwrap();
    let post = note("A storm", vec![plain]);
    assert!(
        parts(&post, &told(sounding()), &tube(), &Settings::default())[0]
            .notes
            .is_empty()
    );
}

#[test]
fn an_alternative_text_that_is_cut_ends_in_no_space() {
    let mut limits = toots();
    limits.text.alt_max = 7;
    let parts = parts(
        &note("A storm", vec![photo("1.jpg", Some("A gull flies"))]),
        &told(sounding()),
        &limits,
        &Settings::default(),
    );
    assert_eq!(parts[0].media[0].alt.as_deref(), Some("A gull"));
}

#[test]
fn a_boost_has_one_part_whatever_the_texts_length() {
    let post = note(&"word ".repeat(400), Vec::new());
    let settings = Settings {
        mode: Mode::Boost,
        overflow: Overflow::Thread,
        ..Settings::default()
    };
    let boosted = parts(&post, &told(sounding()), &toots(), &settings);
    assert!(matches!(
        boosted[..],
        [PartPlan {
            form: FormPlan::Boost { .. },
            ..
        }]
    ));
    let copied = Settings {
        mode: Mode::Copy,
        ..settings
    };
    assert!(parts(&post, &told(sounding()), &toots(), &copied).len() > 1);
}

#[test]
fn a_video_keeps_the_posts_warning() {
    let post = Post {
        content_warning: Some(" spiders,\nby @bob ".into()),
        ..note("A clip", vec![clip(Some(true))])
    };
    let parts = parts(&post, &told(sounding()), &tube(), &Settings::default());
    assert_eq!(parts[0].text.warning.as_deref(), Some("spiders, by @\u{2060}bob"));
    assert!(!parts[0].sensitive);
}

#[test]
fn subtitles_stay_with_their_video_when_another_one_cannot_go() {
    let subtitled = |name: &str, language: &str| Media {
        captions: vec![Caption {
            language: language.into(),
            url: at("captions.vtt"),
            automatic: false,
        }],
        ..medium(MediaKind::Video, name, "video/mp4", Some(true))
    };
    let mut lost = subtitled("lost.mp4", "fr");
    lost.renditions.clear();
    let post = note("Two clips", vec![lost, subtitled("clip.mp4", "de")]);
    let parts = parts(&post, &told(sounding()), &tube(), &Settings::default());
    let [
        PartPlan {
            form: FormPlan::Video(video),
            ..
        },
    ] = &parts[..]
    else {
        panic!("{parts:?}")
    };
    let languages: Vec<&str> = video.captions.iter().map(|c| c.language.as_str()).collect();
    assert_eq!(languages, ["de"]);
}

#[test]
fn a_template_that_shows_no_link_gives_way_and_it_is_said() {
    let template = |source: &str| Settings {
        template: Some(Arc::new(Template::parse(source).unwrap())),
        ..Settings::default()
    };
    let post = note("By the sea", Vec::new());
    let made = |settings: &Settings| parts(&post, &told(sounding()), &toots(), settings).remove(0);
    let without = made(&template("{{ body | fit }}{% if duration %} {{ link }}{% endif %}"));
    assert_eq!(without.text.text, "By the sea\n\nhttps://source.example/1");
    assert!(
        without.notes[0].contains("no link to the original"),
        "{:?}",
        without.notes
    );
    let long = format!("{} {{{{ body | fit }}}} {{{{ link }}}}", "x".repeat(600));
    let fallen = made(&template(&long));
    assert_eq!(fallen.text.text, "By the sea\n\nhttps://source.example/1");
    assert!(
        fallen.notes[0].contains("the template wasn't used"),
        "{:?}",
        fallen.notes
    );
    let used = made(&template("{{ link }}: {{ body | fit }}"));
    assert_eq!(used.text.text, "https://source.example/1: By the sea");
    assert!(used.notes.is_empty());
}

#[test]
fn a_young_post_waits_before_the_rules_judge_it_but_not_one_that_is_not_public() {
    let rules = Rules {
        min_age: Duration::from_secs(600),
        kinds: BTreeSet::from([Kind::Video]),
        ..Rules::default()
    };
    let post = note("A typing eror", Vec::new());
    let soon = noon() + TimeDelta::minutes(1);
    assert!(matches!(rules.verdict(&post, soon), Verdict::Wait(..)));
    assert!(matches!(
        rules.verdict(&post, noon() + TimeDelta::hours(1)),
        Verdict::Skip(_)
    ));
    let hidden = Post {
        visibility: Visibility::Private,
        ..post
    };
    assert!(matches!(rules.verdict(&hidden, soon), Verdict::NotPublic(_)));
}
