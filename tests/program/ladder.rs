//! A video that is too large in every form it has, judged by ffmpeg itself: the size, the sound, the order of the file; and what
//! goes instead where there is no ffmpeg.

use std::path::{Path, PathBuf};
use std::process::Command;

use tombolo_mastodon::stand_in::{InstanceLimits, PostedMedia};
use tombolo_peertube::stand_in::{NewVideo, VideoFile};

use crate::rig::{Pass, World, ffmpeg, playable};

/// A Mastodon here takes videos of fewer bytes.
const LIMIT: u64 = 400_000;
/// What an encode has to keep to: the rest is for the frame of the request.
const MOST: u64 = LIMIT - 64 * 1024;
const SECONDS: u32 = 5;

/// What ffmpeg or ffprobe says, on both its outputs; it must end well.
fn said(program: &str, arguments: &[&str], file: &Path) -> String {
    let mut command = Command::new(program);
    for argument in arguments {
        match *argument {
            "FILE" => command.arg(file),
            other => command.arg(other),
        };
    }
    let output = command.output().expect("it runs");
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text).into_owned();
    assert!(output.status.success(), "{program} {arguments:?}: {text}");
    text
}

/// A film full of detail, black but for a flash at each odd second, with a beep at each flash.
fn film(dir: &Path, name: &str, (width, height, fps): (u32, u32, u32)) -> VideoFile {
    let picture = format!(
        "testsrc2=s={width}x{height}:r={fps}:d={SECONDS},noise=alls=20:allf=t,eq=brightness=-0.3,\
         drawbox=c=white:t=fill:enable='between(mod(t,2),1,1.3)'"
    );
    let sound = format!("aevalsrc='0.5*sin(2*PI*1000*t)*between(mod(t,2),1,1.3)':s=48000:d={SECONDS}");
    let file = dir.join(name);
    let arguments: Vec<&str> = [
        "-v", "error", "-nostdin", "-y", "-f", "lavfi", "-i", &picture, "-f", "lavfi", "-i", &sound,
    ]
    .into_iter()
    .chain("-c:v libx264 -preset ultrafast -crf 24 -pix_fmt yuv420p -c:a aac FILE".split(' '))
    .collect();
    said("ffmpeg", &arguments, &file);
    let body = std::fs::read(&file).expect("it is there");
    assert!(body.len() as u64 > LIMIT, "{name} has only {} bytes", body.len());
    VideoFile::sized(width, height).fps(fps).body(body)
}

/// A PeerTube with a film that is too large in all these forms, and a route to a Mastodon.
async fn too_large(forms: impl IntoIterator<Item = VideoFile>) -> World {
    let world = World::new("since = \"beginning\"").await;
    world.toots.set_limits(InstanceLimits {
        video_size_limit: LIMIT,
        ..InstanceLimits::default()
    });
    let film = NewVideo::titled("Flashes")
        .web(forms)
        .with(|details| details.duration = SECONDS);
    world.tube.publish(film);
    world
}

fn only(world: &World, pass: &Pass) -> PostedMedia {
    assert_eq!(
        (pass.code, pass.count("published")),
        (0, 1),
        "{}{}",
        pass.stdout,
        pass.stderr
    );
    let mut statuses = world.statuses();
    assert_eq!(statuses.len(), 1, "{statuses:?}");
    assert!(statuses[0].text.contains("/w/"), "{}", statuses[0].text);
    statuses.remove(0).media.remove(0)
}

/// When the picture becomes white, in seconds.
fn flashes(file: &Path) -> Vec<f64> {
    let filters = "scale=32:18:flags=area,signalstats,metadata=print:key=lavfi.signalstats.YAVG:file=-";
    let told = said(
        "ffmpeg",
        &["-v", "error", "-i", "FILE", "-an", "-vf", filters, "-f", "null", "-"],
        file,
    );
    let (mut at, mut white, mut found) = (0.0, false, Vec::new());
    for line in told.lines() {
        if let Some((_, time)) = line.rsplit_once("pts_time:") {
            at = time.trim().parse().expect("a time");
        } else if let Some((_, light)) = line.split_once("YAVG=") {
            let now = light.trim().parse::<f64>().expect("a number") > 200.0;
            if now && !white {
                found.push(at);
            }
            white = now;
        }
    }
    found
}

/// When it becomes loud, in seconds.
fn beeps(file: &Path) -> Vec<f64> {
    let silence = "silencedetect=noise=-30dB:d=0.4";
    let told = said(
        "ffmpeg",
        &["-nostdin", "-i", "FILE", "-vn", "-af", silence, "-f", "null", "-"],
        file,
    );
    let ends = told.split("silence_end: ").skip(1);
    let mut times: Vec<f64> = ends
        .map(|rest| {
            rest.split_whitespace()
                .next()
                .unwrap_or_default()
                .parse()
                .expect("a time")
        })
        .collect();
    // The silence after the last beep ends with the film.
    times.retain(|time| *time < f64::from(SECONDS) - 0.2);
    times
}

fn duration(file: &Path) -> f64 {
    let arguments = [
        "-v",
        "error",
        "-show_entries",
        "format=duration",
        "-of",
        "csv=p=0",
        "FILE",
    ];
    said("ffprobe", &arguments, file).trim().parse().expect("a length")
}

/// The names of the outermost boxes, in order.
fn boxes(file: &[u8]) -> Vec<String> {
    let (mut names, mut rest) = (Vec::new(), file);
    while let Some((head, _)) = rest.split_first_chunk::<8>() {
        let length = u32::from_be_bytes([head[0], head[1], head[2], head[3]]) as usize;
        names.push(String::from_utf8_lossy(&head[4..]).into_owned());
        rest = rest.get(length.max(8)..).unwrap_or_default();
    }
    names
}

#[tokio::test(flavor = "multi_thread")]
async fn a_video_too_large_in_every_form_fills_what_the_server_takes_and_plays_in_time() {
    if !ffmpeg() {
        return;
    }
    let dir = tempfile::tempdir().expect("a temporary directory");
    let forms = [("large.mp4", (960, 540, 60)), ("small.mp4", (480, 270, 30))];
    let world = too_large(forms.map(|(name, shape)| film(dir.path(), name, shape))).await;
    let pass = world.tombolo.sync(&["--wait", "60s"]).await;
    let sent = only(&world, &pass);

    assert_eq!(sent.media_type, "video/mp4");
    assert!(
        sent.size <= MOST && sent.size * 100 >= MOST * 97,
        "{} bytes of {MOST}",
        sent.size
    );
    let reason = pass.lines[0]["reason"].as_str().unwrap_or_default();
    assert!(reason.contains("not smaller than the destination's"), "{reason}");

    let bytes = sent.bytes.expect("it is small enough to be kept");
    let names = boxes(&bytes);
    let place = |name: &str| names.iter().position(|n| n == name);
    assert!(place("moov") < place("mdat") && place("moov").is_some(), "{names:?}");
    let (source, made): (PathBuf, PathBuf) = (dir.path().join("large.mp4"), dir.path().join("made.mp4"));
    std::fs::write(&made, &bytes).expect("it is written");
    let wrong = said(
        "ffmpeg",
        &["-v", "error", "-xerror", "-i", "FILE", "-f", "null", "-"],
        &made,
    );
    assert_eq!(wrong, "", "it doesn't play well");
    assert!((duration(&made) - duration(&source)).abs() < 0.1, "{}", duration(&made));

    // Sound and picture are as far apart as they were: flash by flash, within a frame of thirty a second.
    for file in [&source, &made] {
        let (flashes, beeps) = (flashes(file), beeps(file));
        assert_eq!(
            (flashes.len(), beeps.len()),
            (2, 2),
            "{}: {flashes:?} {beeps:?}",
            file.display()
        );
        for (place, (flash, beep)) in flashes.iter().zip(&beeps).enumerate() {
            let should = [1.0, 3.0][place];
            assert!(
                (flash - beep).abs() < 0.04,
                "{}: flash at {flash}, beep at {beep}",
                file.display()
            );
            assert!(
                (flash - should).abs() < 0.04,
                "{}: flash at {flash}, not {should}",
                file.display()
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_an_ffmpeg_on_the_path_its_picture_and_a_link_go_and_the_output_says_why() {
    let sizes = [(1280, 720, 900_000), (640, 360, 600_000)];
    let world = too_large(sizes.map(|(width, height, bytes)| playable(width, height, bytes))).await;
    let nothing = tempfile::tempdir().expect("a temporary directory");
    let run = async |arguments: &[&str]| world.tombolo.run_with_path(nothing.path(), arguments).await;
    let dry = run(&["sync", "--dry-run"]).await;
    let output = run(&["sync", "--wait", "60s"]).await;
    for (output, what) in [(&dry, "dry run"), (&output, "run")] {
        let text = String::from_utf8_lossy(&[output.stdout.clone(), output.stderr.clone()].concat()).into_owned();
        assert_eq!(output.status.code(), Some(0), "{what}: {text}");
        // However wide the lines are.
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(text.contains("ffmpeg was not found on PATH"), "{what}: {text}");
        assert!(text.contains("thumbnail and link"), "{what}: {text}");
    }
    let statuses = world.statuses();
    assert_eq!(statuses.len(), 1, "{statuses:?}");
    assert!(statuses[0].text.contains("/w/"), "{}", statuses[0].text);
    let sent = &statuses[0].media[0];
    assert!(sent.media_type.starts_with("image/"), "{sent:?}");
    assert_eq!(sent.description.as_deref(), Some("Video: Flashes"));
    // With one, from then on, nothing is sent a second time.
    let again = world.tombolo.sync(&[]).await;
    assert_eq!((again.code, world.statuses().len()), (0, 1), "{}", again.stderr);
}
