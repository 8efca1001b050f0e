use std::fs;
use std::sync::Arc;
use std::time::Duration;

use super::*;

#[test]
fn what_was_committed_is_there_after_reopening() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let mut batch = Batch::new();
    batch
        .put(Tree::Baselines, "a", "1")
        .put(Tree::Copies, "a", "2")
        .put(Tree::Copies, "b", "");
    store.commit(batch).unwrap();
    drop(store);

    let store = open(dir.path());
    assert_eq!(store.get(Tree::Baselines, b"a").unwrap().unwrap(), b"1");
    assert_eq!(store.get(Tree::Copies, b"a").unwrap().unwrap(), b"2");
    assert_eq!(store.get(Tree::Copies, b"b").unwrap().unwrap(), b"");
    assert_eq!(store.get(Tree::Cursors, b"a").unwrap(), None);
    assert_eq!(
        (
            store.len(Tree::Baselines),
            store.len(Tree::Copies),
            store.len(Tree::Cursors)
        ),
        (1, 2, 0)
    );
    assert!(store.is_empty(Tree::Cursors));
    assert_eq!(store.sequence(), 1);
}

#[test]
fn of_several_changes_to_one_key_the_last_counts() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let mut batch = Batch::new();
    batch
        .put(Tree::Baselines, "a", "1")
        .remove(Tree::Baselines, "a")
        .put(Tree::Baselines, "b", "1")
        .put(Tree::Baselines, "b", "2");
    store.commit(batch).unwrap();
    assert_eq!(all(&store, Tree::Baselines), [(b"b".to_vec(), b"2".to_vec())]);
}

#[test]
fn a_prefix_finds_its_records_in_order() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let mut batch = Batch::new();
    for key in ["b/2", "a/1", "b/1", "b", "c/1"] {
        batch.put(Tree::Baselines, key, "");
    }
    store.commit(batch).unwrap();
    let keys = store
        .iter_prefix(Tree::Baselines, b"b/")
        .map(|record| record.unwrap().0);
    assert_eq!(keys.collect::<Vec<_>>(), [b"b/1", b"b/2"]);
}

#[test]
fn a_batch_that_changes_nothing_writes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    ledger_of(dir.path(), 30);
    let store = open(dir.path());
    let before = files_in(dir.path());

    put(&store, 3).unwrap();
    store.commit(Batch::new()).unwrap();
    let mut batch = Batch::new();
    batch
        .remove(Tree::Contacts, "never there")
        .put(Tree::Baselines, key(4), "other")
        .put(Tree::Baselines, key(4), "post 4");
    store.commit(batch).unwrap();
    // sled's background thread wakes twice a second.
    std::thread::sleep(Duration::from_millis(1200));

    assert_eq!(store.sequence(), 30);
    assert_eq!(files_in(dir.path()), before, "no byte of the ledger or the seal");
}

#[test]
fn commits_from_many_threads_all_arrive() {
    let dir = tempfile::tempdir().unwrap();
    let store = Arc::new(open(dir.path()));
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let store = Arc::clone(&store);
            scope.spawn(move || (0..10).for_each(|number| put(&store, thread * 100 + number).unwrap()));
        }
    });
    drop(store);
    let store = open(dir.path());
    assert_eq!(
        (
            store.len(Tree::Baselines),
            store.len(Tree::Deliveries),
            store.sequence()
        ),
        (40, 40, 40)
    );
}

#[test]
fn large_records_survive_and_too_large_ones_are_refused_before_anything_is_written() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    for number in 0..40 {
        let mut batch = Batch::new();
        batch.put(
            Tree::Baselines,
            key(number),
            vec![u8::try_from(number).unwrap(); 60_000],
        );
        store.commit(batch).unwrap();
    }
    let mut batch = Batch::new();
    batch
        .put(Tree::Baselines, key(99), vec![0; 70_000])
        .put(Tree::Copies, "a", "1");
    assert!(matches!(store.commit(batch), Err(StoreError::TooLarge { .. })));
    assert_eq!(store.sequence(), 40);
    put(&store, 50).unwrap();
    drop(store);

    assert!(
        fs::read_dir(dir.path().join("ledger/blobs")).unwrap().count() > 0,
        "sled keeps such pages beside its log"
    );
    let store = open(dir.path());
    assert_eq!(store.len(Tree::Baselines), 41);
    assert_eq!(store.get(Tree::Baselines, &key(7)).unwrap().unwrap(), vec![7; 60_000]);
}

#[test]
fn after_a_failed_write_nothing_more_is_written() {
    let dir = tempfile::tempdir().unwrap();
    ledger_of(dir.path(), 3);
    let store = open(dir.path());
    let in_the_way = dir.path().join("seal.json.new");
    fs::create_dir(&in_the_way).unwrap();
    let first = put(&store, 3).unwrap_err();
    assert!(matches!(first, StoreError::Files { .. }), "{first}");
    fs::remove_dir(&in_the_way).unwrap();

    let second = put(&store, 4).unwrap_err();
    assert!(
        matches!(&second, StoreError::Stopped { first: told } if *told == first.to_string()),
        "{second}"
    );
    assert_eq!(store.sequence(), 3);
    drop(store);

    let store = open(dir.path());
    assert_eq!(
        store.sequence(),
        4,
        "the first had reached the ledger, and is sealed now"
    );
    assert!(store.get(Tree::Baselines, &key(4)).unwrap().is_none());
    put(&store, 4).unwrap();
}
