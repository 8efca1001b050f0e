use std::fs;

use super::*;

fn dry(dir: &Path) -> Store {
    Store::open_overlay(dir, &OPTIONS).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn a_dry_run_sees_its_own_changes_over_the_ledger_and_writes_none() {
    let dir = tempfile::tempdir().unwrap();
    ledger_of(dir.path(), 5);
    let before = files_in(dir.path());

    let store = dry(dir.path());
    let mut batch = Batch::new();
    batch
        .put(Tree::Baselines, key(9), "new")
        .put(Tree::Baselines, key(1), "changed")
        .remove(Tree::Baselines, key(3));
    batch.put(Tree::Copies, "a", "1").remove(Tree::Copies, "not there");
    store.commit(batch).unwrap();

    let posts: Vec<_> = [(0, "post 0"), (1, "changed"), (2, "post 2"), (4, "post 4"), (9, "new")]
        .map(|(number, value)| (key(number), value.as_bytes().to_vec()))
        .into();
    assert_eq!(all(&store, Tree::Baselines), posts);
    assert_eq!(store.get(Tree::Baselines, &key(3)).unwrap(), None);
    assert_eq!(store.get(Tree::Baselines, &key(4)).unwrap().unwrap(), b"post 4");
    assert_eq!(
        (store.len(Tree::Baselines), store.len(Tree::Copies), store.sequence()),
        (5, 1, 6)
    );
    put(&store, 2).unwrap();
    assert_eq!(store.sequence(), 6, "no change");
    drop(store);

    assert!(
        files_in(dir.path()) == before,
        "nothing was written, and nothing is left"
    );
    let store = open(dir.path());
    assert_eq!(
        (store.get(Tree::Baselines, &key(9)).unwrap(), store.sequence()),
        (None, 5)
    );
}

#[test]
fn a_dry_run_without_a_ledger_makes_none() {
    let root = tempfile::tempdir().unwrap();
    for dir in [root.path().to_owned(), root.path().join("missing")] {
        let store = dry(&dir);
        put(&store, 1).unwrap();
        assert_eq!(all(&store, Tree::Baselines), [(key(1), b"post 1".to_vec())]);
        drop(store);
    }
    let names: Vec<_> = fs::read_dir(root.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(names, ["tombolo.lock"]);
}

#[test]
fn a_dry_run_after_a_crash_leaves_the_repair_to_the_next_real_run() {
    let root = tempfile::tempdir().unwrap();
    let (dir, older) = (root.path().join("now"), root.path().join("older"));
    ledger_of(&dir, 2);
    replace(&dir.join("seal.json"), &older);
    put(&open(&dir), 2).unwrap();
    replace(&older, &dir.join("seal.json"));

    let before = files_in(&dir);
    assert_eq!(dry(&dir).len(Tree::Baselines), 3);
    assert!(files_in(&dir) == before);
    assert_eq!(open(&dir).len(Tree::Baselines), 3);
}
