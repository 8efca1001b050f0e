use std::fs;
use std::io::{Seek as _, SeekFrom, Write as _};

use super::*;

const RECORDS: u64 = 150;

/// A sound ledger, of which sled has to read the whole log, and a place for damaged copies of it.
fn sound() -> (tempfile::TempDir, PathBuf) {
    let root = tempfile::tempdir().unwrap();
    ledger_of(&root.path().join("sound"), RECORDS);
    let copy = root.path().join("copy");
    (root, copy)
}

/// The same, opened once more, so that sled has a snapshot to begin with.
fn sound_with_snapshot() -> (tempfile::TempDir, PathBuf) {
    let (root, copy) = sound();
    drop(open(&root.path().join("sound")));
    (root, copy)
}

fn garble(file: &Path, at: u64, length: usize) {
    let mut file = fs::File::options().write(true).open(file).unwrap();
    file.seek(SeekFrom::Start(at)).unwrap();
    file.write_all(&vec![0xa5; length]).unwrap();
}

fn truncate(file: &Path, length: u64) {
    fs::File::options()
        .write(true)
        .open(file)
        .unwrap()
        .set_len(length)
        .unwrap();
}

fn assert_damage_is_told_and_nothing_touched(dir: &Path, what: &str) {
    let before = files_in(dir);
    let told = damage(dir);
    assert!(told.contains("The directory was left as it was"), "{told}");
    assert!(files_in(dir) == before, "{what}: files were changed");
    assert_eq!(damage(dir), told, "{what}: and it is told again");
    assert!(Store::open_overlay(dir, &OPTIONS).is_err(), "{what}: to a dry run too");
}

fn assert_everything_is_there(store: &Store) {
    assert_eq!(
        (store.len(Tree::Baselines), store.len(Tree::Deliveries)),
        (RECORDS, RECORDS)
    );
    for number in 0..RECORDS {
        assert_eq!(
            store.get(Tree::Baselines, &key(number)).unwrap().unwrap(),
            format!("post {number}").into_bytes()
        );
    }
}

#[test]
fn an_emptied_truncated_or_garbled_log_is_damage() {
    let (root, copy) = sound();
    let log = copy.join("ledger/db");
    let length = fs::metadata(root.path().join("sound/ledger/db")).unwrap().len();
    let damages: [(&str, &dyn Fn()); 6] = [
        ("removed", &|| fs::remove_file(&log).unwrap()),
        ("emptied", &|| fs::write(&log, "").unwrap()),
        // sled makes the file larger than what is in it.
        ("mostly cut off", &|| truncate(&log, length / 10)),
        ("garbled at 0", &|| garble(&log, 0, 16)),
        ("garbled at 20", &|| garble(&log, 20, 16)),
        ("garbled at 400", &|| garble(&log, 400, 16)),
    ];
    for (what, damage) in damages {
        replace(&root.path().join("sound"), &copy);
        damage();
        assert_damage_is_told_and_nothing_touched(&copy, what);
    }
}

#[test]
fn one_record_less_more_or_other_is_damage_though_sled_is_content() {
    let (root, copy) = sound();
    // A tree, a key, and its new value.
    let tampering = [
        ("less", "baselines", 3, None),
        ("more", "baselines", RECORDS, Some("post")),
        ("other", "baselines", 3, Some("post")),
        ("unknown", "a later tree", 3, Some("post")),
    ];
    for (what, tree, number, value) in tampering {
        replace(&root.path().join("sound"), &copy);
        let db = sled::open(copy.join("ledger")).unwrap();
        let tree = db.open_tree(tree).unwrap();
        match value {
            Some(value) => tree.insert(key(number), value).unwrap(),
            None => tree.remove(key(number)).unwrap(),
        };
        drop((tree, db));
        assert_damage_is_told_and_nothing_touched(&copy, what);
    }
}

fn assert_whole_or_damaged(dir: &Path) -> bool {
    match try_open(dir) {
        Ok(store) => assert_everything_is_there(&store),
        Err(StoreError::Damaged { .. }) => return true,
        Err(other) => panic!("{other}"),
    }
    false
}

#[test]
fn wherever_the_log_is_garbled_it_opens_whole_or_not_at_all() {
    for (root, copy) in [sound(), sound_with_snapshot()] {
        let log = copy.join("ledger/db");
        let length = fs::metadata(root.path().join("sound/ledger/db")).unwrap().len();
        let mut damaged = 0;
        for step in 0..30 {
            replace(&root.path().join("sound"), &copy);
            garble(&log, length / 30 * step + 77, 16);
            damaged += u32::from(assert_whole_or_damaged(&copy));
        }
        assert!(damaged > 0, "some of it hits records");
    }
}

#[test]
fn a_truncation_of_any_size_opens_whole_or_not_at_all() {
    for (root, copy) in [sound(), sound_with_snapshot()] {
        let log = copy.join("ledger/db");
        let length = fs::metadata(root.path().join("sound/ledger/db")).unwrap().len();
        for cut in [1, 4096, 65_536, length / 2, length / 4 * 3] {
            replace(&root.path().join("sound"), &copy);
            truncate(&log, length - cut);
            assert_whole_or_damaged(&copy);
        }
    }
}

#[test]
fn a_damaged_snapshot_is_set_aside_and_nothing_is_lost() {
    let (root, copy) = sound_with_snapshot();
    let snapshot = |dir: &Path| {
        let files = files_in(&dir.join("ledger"));
        files
            .keys()
            .find(|path| path.file_name().unwrap().as_encoded_bytes().starts_with(b"snap."))
            .cloned()
    };
    let aside = |dir: &Path| {
        let mut entries = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
        entries.find(|path| {
            path.file_name()
                .unwrap()
                .as_encoded_bytes()
                .starts_with(b"ledger.aside-")
        })
    };
    for content in ["", "garbage that is longer than twelve bytes"] {
        replace(&root.path().join("sound"), &copy);
        let damaged = snapshot(&copy).expect("sled writes a snapshot when it opens a log that grew");
        fs::write(&damaged, content).unwrap();

        drop(Store::open_overlay(&copy, &OPTIONS).unwrap());
        assert_eq!(fs::read(&damaged).unwrap(), content.as_bytes(), "a dry run leaves it");

        let store = open(&copy);
        assert_everything_is_there(&store);
        put(&store, RECORDS).unwrap();
        let kept = aside(&copy).expect("the files as they were");
        assert_eq!(
            fs::read(kept.join(damaged.file_name().unwrap())).unwrap(),
            content.as_bytes()
        );
    }
}

#[test]
fn sleds_configuration_file_may_be_lost_but_not_lie() {
    let (root, copy) = sound();
    let conf = copy.join("ledger/conf");
    for content in ["", "garbage that is longer than eight bytes"] {
        replace(&root.path().join("sound"), &copy);
        fs::write(&conf, content).unwrap();
        assert_whole_or_damaged(&copy);
    }
}
