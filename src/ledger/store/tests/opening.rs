use std::fs;

use super::*;

/// A ledger at the end of each of four successive batches, in directories of its own.
fn four_ages() -> (tempfile::TempDir, Vec<PathBuf>) {
    let root = tempfile::tempdir().unwrap();
    let now = root.path().join("now");
    let mut ages = Vec::new();
    for age in 0..4_u64 {
        put(&open(&now), age).unwrap();
        let then = root.path().join(format!("age-{age}"));
        replace(&now, &then);
        ages.push(then);
    }
    (root, ages)
}

/// The ledger of one age under the seal of another.
fn mixed(root: &Path, ledger: &Path, seal: &Path) -> PathBuf {
    let mixed = root.join("mixed");
    replace(ledger, &mixed);
    replace(&seal.join("seal.json"), &mixed.join("seal.json"));
    mixed
}

#[test]
fn a_seal_one_batch_behind_is_the_trace_of_a_crash_and_is_renewed() {
    let (root, ages) = four_ages();
    let dir = mixed(root.path(), &ages[3], &ages[2]);
    let store = open(&dir);
    assert_eq!((store.sequence(), store.len(Tree::Baselines)), (4, 4));
    put(&store, 4).unwrap();
    drop(store);
    assert_eq!(open(&dir).sequence(), 5);
}

#[test]
fn a_crash_before_the_seal_of_the_very_first_batch_is_understood() {
    let root = tempfile::tempdir().unwrap();
    let fresh = root.path().join("fresh");
    drop(open(&fresh));
    let first = root.path().join("first");
    put(&open(&first), 0).unwrap();
    let dir = mixed(root.path(), &first, &fresh);
    assert_eq!(open(&dir).sequence(), 1);
}

#[test]
fn a_seal_two_batches_behind_is_damage() {
    let (root, ages) = four_ages();
    let dir = mixed(root.path(), &ages[3], &ages[1]);
    let what = damage(&dir);
    assert!(
        what.contains("its seal is of batch 2 with 4 records, but it holds batch 4 with 8 records"),
        "{what}"
    );
}

#[test]
fn an_older_ledger_under_a_newer_seal_is_damage() {
    let (root, ages) = four_ages();
    damage(&mixed(root.path(), &ages[2], &ages[3]));
    damage(&mixed(root.path(), &ages[0], &ages[3]));
}

#[test]
fn another_ledger_of_the_same_length_is_damage() {
    let (root, ages) = four_ages();
    let other = root.path().join("other");
    let store = open(&other);
    (10..14).for_each(|number| put(&store, number).unwrap());
    drop(store);
    damage(&mixed(root.path(), &other, &ages[3]));
    damage(&mixed(root.path(), &other, &ages[2]));
}

#[test]
fn a_missing_or_garbled_seal_is_damage() {
    let dir = tempfile::tempdir().unwrap();
    let seal = dir.path().join("seal.json");
    ledger_of(dir.path(), 3);
    for garbled in ["", "{", "null", r#"{"schema":1,"sequence":3,"records":6,"sum":"00"}"#] {
        fs::write(&seal, garbled).unwrap();
        assert!(damage(dir.path()).contains("can't be understood"));
    }
    fs::remove_file(&seal).unwrap();
    assert!(damage(dir.path()).contains("seal.json, is gone"));
}

#[test]
fn a_missing_ledger_is_damage_and_no_new_one_is_begun() {
    let dir = tempfile::tempdir().unwrap();
    ledger_of(dir.path(), 3);
    fs::remove_dir_all(dir.path().join("ledger")).unwrap();
    assert!(damage(dir.path()).contains("are gone"));
    assert!(!dir.path().join("ledger").exists());
    fs::create_dir(dir.path().join("ledger")).unwrap();
    assert!(damage(dir.path()).contains("are gone"));
}

#[test]
fn a_crash_at_any_point_of_the_making_leaves_something_that_opens() {
    let dir = tempfile::tempdir().unwrap();
    let whole = dir.path().join("whole");
    drop(open(&whole));

    let only_seal = dir.path().join("only-seal");
    fs::create_dir(&only_seal).unwrap();
    replace(&whole.join("seal.json"), &only_seal.join("seal.json"));
    put(&open(&only_seal), 1).unwrap();

    for missing in ["db", "conf", "blobs"] {
        let partial = dir.path().join(missing);
        replace(&whole, &partial);
        let missing = partial.join("ledger").join(missing);
        let _ = fs::remove_file(&missing).or_else(|_| fs::remove_dir(&missing));
        put(&open(&partial), 1).unwrap();
        assert_eq!(open(&partial).sequence(), 1);
    }
}

#[test]
fn another_layout_is_refused_and_named() {
    let dir = tempfile::tempdir().unwrap();
    ledger_of(dir.path(), 1);
    let error = Store::open(dir.path(), &Options { schema: 2, ..OPTIONS }).unwrap_err();
    assert!(
        matches!(error, StoreError::Schema { found: 1, known: 2, .. }),
        "{error}"
    );
    let error = Store::open_overlay(dir.path(), &Options { schema: 0, ..OPTIONS }).unwrap_err();
    assert!(
        error
            .to_string()
            .ends_with("Run the version of tombolo that wrote it, or a newer one."),
        "{error}"
    );
}

#[cfg(unix)]
#[test]
fn the_files_are_the_owners_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let root = tempfile::tempdir().unwrap();
    let dir = root.path().join("new/data");
    ledger_of(&dir, 1);
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&dir), mode(&dir.join("ledger"))), (0o700, 0o700));
    assert_eq!(
        (mode(&dir.join("seal.json")), mode(&dir.join("tombolo.lock"))),
        (0o600, 0o600)
    );
}

#[test]
fn opening_leaves_nothing_behind_but_the_ledger_the_seal_and_the_lock() {
    let dir = tempfile::tempdir().unwrap();
    ledger_of(dir.path(), 2);
    fs::create_dir(dir.path().join("ledger.check")).unwrap();
    fs::write(dir.path().join("ledger.check/db"), "left by a crash").unwrap();
    drop(open(dir.path()));
    let mut names: Vec<_> = fs::read_dir(dir.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    names.sort();
    assert_eq!(names, ["ledger", "seal.json", "tombolo.lock"]);
}
