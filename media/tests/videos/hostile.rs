//! What content may not do: make ffmpeg open other files, run on for ever, or learn our environment.

use std::{
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use crate::kit::{ample, kit, sendable, watch};
use tombolo_media::video::{Ffmpeg, VideoError, Watch};

#[tokio::test]
async fn playlists_and_lists_of_files_are_refused_whatever_their_name() {
    let Some(kit) = kit().await else { return };
    let evil = [
        "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n",
        "ffconcat version 1.0\nfile '/etc/passwd'\n",
        "<?xml version=\"1.0\"?><MPD xmlns=\"urn:mpeg:dash:schema:mpd:2011\"/>",
        "v=0\no=- 0 0 IN IP4 127.0.0.1\n",
        "",
        "just text",
    ];
    for content in evil {
        let path = kit.dir.path().join("evil.mp4");
        std::fs::write(&path, content).unwrap();
        let error = kit.ffmpeg.probe(&path).await.unwrap_err();
        assert!(matches!(error, VideoError::NotAVideo(_)), "{error}");
        let output = kit.output();
        let error = kit
            .ffmpeg
            .transcode(&path, &ample(), &output, watch())
            .await
            .unwrap_err();
        assert!(matches!(error, VideoError::NotAVideo(_)), "{error}");
    }
}

#[tokio::test]
async fn damaged_videos_are_an_error_and_leave_nothing() {
    let Some(kit) = kit().await else { return };
    let whole = kit.make(
        "whole.mp4",
        "-f lavfi -i testsrc2=s=160x120:r=10:d=1 -c:v libx264 -pix_fmt yuv420p",
    );
    let bytes = std::fs::read(&whole).unwrap();
    for content in [
        &bytes[..200],
        b"\0\0\0\x10ftypisom\0\0\0\0",
        b"\x1a\x45\xdf\xa3 not matroska",
        b"GIF89a",
    ] {
        let path = kit.dir.path().join("broken.mp4");
        std::fs::write(&path, content).unwrap();
        let output = kit.output();
        kit.ffmpeg
            .transcode(&path, &ample(), &output, watch())
            .await
            .unwrap_err();
        drop(output);
        assert_eq!(std::fs::read_dir(kit.work.dir()).unwrap().count(), 1, "only the lock");
    }
}

#[tokio::test]
async fn names_are_never_options_patterns_or_addresses() {
    let Some(kit) = kit().await else { return };
    let plain = kit.make(
        "plain.mp4",
        "-f lavfi -i testsrc2=s=160x120:r=10:d=1 -c:v libx264 -pix_fmt yuv420p",
    );
    for name in ["-i.mp4", "concat:a|b", "https:x.mp4", "a%03d'*?.mp4"] {
        let path = kit.dir.path().join(name);
        std::fs::copy(&plain, &path).unwrap();
        let (out, _) = kit.transcode(&path, &ample()).await.unwrap();
        sendable(out.path());
    }
}

#[tokio::test]
async fn captions_that_are_no_captions_are_refused() {
    let Some(kit) = kit().await else { return };
    let plain = kit.make(
        "plain.mp4",
        "-f lavfi -i testsrc2=s=160x120:r=10:d=1 -c:v libx264 -pix_fmt yuv420p",
    );
    let vtt = kit.dir.path().join("a.vtt");
    std::fs::write(&vtt, "#EXTM3U\n/etc/passwd\n").unwrap();
    let mut encode = ample();
    encode.burn_in = Some(vtt);
    let error = kit.transcode(&plain, &encode).await.unwrap_err();
    assert!(matches!(error, VideoError::Cannot(_)), "{error}");
}

/// A program called ffmpeg that knows the questions, and otherwise does as `script` says; ffprobe is the real one.
#[cfg(unix)]
async fn pretender(dir: &Path, script: &str) -> Ffmpeg {
    use std::os::unix::fs::PermissionsExt;
    let path: PathBuf = dir.join("ffmpeg");
    let text = format!(
        "#!/bin/sh\ncase \"$*\" in *-version*) echo ffmpeg version 5.1 ;; *-filters*) echo ' . scale' ;; *-encoders*)\n\
         echo ' V libx264'; echo ' A aac' ;; *)\n{script}\n;; esac\n"
    );
    std::fs::write(&path, text).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    let search = std::env::var_os("PATH").unwrap();
    let ffprobe = std::env::split_paths(&search)
        .map(|dir| dir.join("ffprobe"))
        .find(|path| path.exists())
        .unwrap();
    Ffmpeg::at(&path, &ffprobe, &search).await.unwrap()
}

/// True when a process is gone, or dead and only not yet buried.
#[cfg(target_os = "linux")]
fn gone(pid: &str) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{}/stat", pid.trim())).unwrap_or_default();
    status
        .rsplit(')')
        .next()
        .is_none_or(|rest| rest.is_empty() || rest.trim().starts_with('Z'))
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn work_ends_at_its_time_limit_and_so_does_the_process() {
    let Some(kit) = kit().await else { return };
    let plain = kit.make(
        "plain.mp4",
        "-f lavfi -i testsrc2=s=160x120:r=10:d=1 -c:v libx264 -pix_fmt yuv420p",
    );
    let pid = kit.dir.path().join("pid");
    let slow = pretender(kit.dir.path(), &format!("echo $$ > {}; exec sleep 600", pid.display())).await;
    let output = kit.output();
    let started = Instant::now();
    let error = slow
        .transcode(&plain, &ample(), &output, Watch::within(Duration::from_secs(3)))
        .await
        .unwrap_err();
    assert!(matches!(error, VideoError::TimedOut(_)), "{error}");
    assert!(started.elapsed() < Duration::from_secs(20));
    assert!(gone(&std::fs::read_to_string(&pid).unwrap()));
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn work_that_nobody_waits_for_any_more_ends() {
    let Some(kit) = kit().await else { return };
    let plain = kit.make(
        "plain.mp4",
        "-f lavfi -i testsrc2=s=160x120:r=10:d=1 -c:v libx264 -pix_fmt yuv420p",
    );
    let pid = kit.dir.path().join("pid");
    let slow = pretender(
        kit.dir.path(),
        &format!("echo $$ > {}.new; mv {0}.new {0}; exec sleep 600", pid.display()),
    )
    .await;
    let output = kit.output();
    let encode = ample();
    let limit = Watch::within(Duration::from_secs(60));
    let work = slow.transcode(&plain, &encode, &output, limit);
    let started = async {
        while !pid.exists() {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        _ = work => panic!("it ended by itself"),
        () = started => {}
    }
    let pid = std::fs::read_to_string(&pid).unwrap();
    let patience = Instant::now();
    while !gone(&pid) {
        assert!(patience.elapsed() < Duration::from_secs(20), "still running");
        tokio::task::yield_now().await;
    }
}

#[cfg(unix)]
#[tokio::test]
async fn children_see_nothing_of_our_environment() {
    let Some(kit) = kit().await else { return };
    let plain = kit.make(
        "plain.mp4",
        "-f lavfi -i testsrc2=s=160x120:r=10:d=1 -c:v libx264 -pix_fmt yuv420p",
    );
    let seen = kit.dir.path().join("env");
    let nosy = pretender(
        kit.dir.path(),
        &format!("env > {}; echo 'no \u{1b}[31mway' >&2; exit 3", seen.display()),
    )
    .await;
    let output = kit.output();
    let error = nosy.transcode(&plain, &ample(), &output, watch()).await.unwrap_err();
    let VideoError::Failed { said, status, .. } = &error else {
        panic!("{error}")
    };
    assert_eq!(said, "no [31mway");
    assert!(status.contains('3'), "{status}");
    let env = std::fs::read_to_string(seen).unwrap();
    let names: Vec<&str> = env
        .lines()
        .filter_map(|line| line.split_once('='))
        .map(|(name, _)| name)
        .collect();
    assert!(
        names
            .iter()
            .all(|name| ["PATH", "PWD", "OLDPWD", "SHLVL", "_"].contains(name)),
        "{names:?}"
    );
    assert!(
        std::env::var_os("CARGO_MANIFEST_DIR").is_some(),
        "there was something to see"
    );
}

#[tokio::test]
async fn a_machine_without_ffmpeg_is_told_what_is_missing() {
    let empty = tempfile::tempdir().unwrap();
    let why = Ffmpeg::find(empty.path().as_os_str()).await.unwrap_err();
    assert!(why.to_string().contains("ffmpeg was not found on PATH"), "{why}");
}

#[cfg(unix)]
#[tokio::test]
async fn an_old_ffmpeg_is_not_used() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    for name in ["ffmpeg", "ffprobe"] {
        std::fs::write(
            dir.path().join(name),
            "#!/bin/sh\necho ffmpeg version 4.2.7-0ubuntu0.1 Copyright\n",
        )
        .unwrap();
        std::fs::set_permissions(dir.path().join(name), std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    let why = Ffmpeg::find(dir.path().as_os_str()).await.unwrap_err().to_string();
    assert!(why.contains("4.2.7") && why.contains("4.3"), "{why}");
}
