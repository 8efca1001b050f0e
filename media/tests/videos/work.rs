//! Working files are bounded, private, and never left behind.

use tombolo_media::work::{Full, Workspace};

#[test]
fn the_bound_holds_and_what_is_given_back_can_be_used_again() {
    let dir = tempfile::tempdir().unwrap();
    let work = Workspace::open(dir.path(), 1000).unwrap();
    let first = work.file("a.mp4", 700).unwrap();
    assert_eq!(
        work.file("b.mp4", 400).unwrap_err(),
        Full {
            wanted: 400,
            used: 700,
            max: 1000
        }
    );
    assert!(work.reserve(u64::MAX).is_err());
    std::fs::write(first.path(), [0; 300]).unwrap();
    assert_eq!(first.settle().unwrap(), 300);
    assert_eq!(work.used(), 300);
    let second = work.file("b.mp4", 700).unwrap();
    assert_ne!(first.path(), second.path());
    drop((first, second));
    assert_eq!(work.used(), 0);
}

#[test]
fn a_file_is_gone_when_nobody_holds_it() {
    let dir = tempfile::tempdir().unwrap();
    let work = Workspace::open(dir.path(), 1000).unwrap();
    let file = work.file("../../evil name.mp4", 10).unwrap();
    assert!(file.path().starts_with(work.dir()));
    std::fs::write(file.path(), b"x").unwrap();
    let path = file.path().to_owned();
    let folder = work.folder("f", work.reserve(10).unwrap()).unwrap();
    std::fs::write(folder.path().join("in"), b"x").unwrap();
    let inside = folder.path().to_owned();
    drop((file, folder));
    assert!(!path.exists() && !inside.exists());
    let run = work.dir().to_owned();
    drop(work);
    assert!(!run.exists());
}

#[test]
fn what_a_crash_left_is_removed_and_what_lives_is_not() {
    let dir = tempfile::tempdir().unwrap();
    let living = Workspace::open(dir.path(), 1000).unwrap();
    let held = living.file("held", 10).unwrap();
    std::fs::write(held.path(), b"x").unwrap();
    for left in ["run-1-0", "run-2-0"] {
        std::fs::create_dir(dir.path().join(left)).unwrap();
        std::fs::write(dir.path().join(left).join("w0-video.mp4"), b"x").unwrap();
    }
    std::fs::write(dir.path().join("run-2-0/lock"), b"").unwrap();
    std::fs::write(dir.path().join("run-notes.txt"), b"the user's own").unwrap();
    std::fs::create_dir(dir.path().join("photos")).unwrap();
    let again = Workspace::open(dir.path(), 1000).unwrap();
    assert!(!dir.path().join("run-1-0").exists() && !dir.path().join("run-2-0").exists());
    assert!(held.path().exists() && again.dir() != living.dir());
    assert!(dir.path().join("run-notes.txt").exists() && dir.path().join("photos").exists());
}

#[cfg(unix)]
#[test]
fn nobody_else_can_look_in() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    let work = Workspace::open(&dir.path().join("new"), 10).unwrap();
    for folder in [dir.path().join("new"), work.dir().to_owned()] {
        assert_eq!(std::fs::metadata(folder).unwrap().permissions().mode() & 0o777, 0o700);
    }
}
