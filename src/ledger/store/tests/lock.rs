use std::fs;

use super::*;

#[test]
fn a_second_opener_is_told_who_the_first_is() {
    let dir = tempfile::tempdir().unwrap();
    let first = Store::open(
        dir.path(),
        &Options {
            command: "tombolo run",
            ..OPTIONS
        },
    )
    .unwrap();
    for second in [
        Store::open(dir.path(), &OPTIONS),
        Store::open_overlay(dir.path(), &OPTIONS),
    ] {
        let error = second.unwrap_err();
        let told = error.to_string();
        let StoreError::InUse {
            holder: Some(holder), ..
        } = error
        else {
            panic!("{told}")
        };
        assert_eq!(
            (holder.pid, holder.command.as_str()),
            (std::process::id(), "tombolo run")
        );
        assert!(
            told.contains("is in use by process") && told.contains("`tombolo run`"),
            "{told}"
        );
    }
    put(&first, 1).unwrap();
    drop(first);
    assert_eq!(open(dir.path()).len(Tree::Baselines), 1);
}

#[test]
fn a_dry_run_holds_the_lock_too() {
    let dir = tempfile::tempdir().unwrap();
    ledger_of(dir.path(), 1);
    let _dry_run = Store::open_overlay(dir.path(), &OPTIONS).unwrap();
    assert!(matches!(try_open(dir.path()), Err(StoreError::InUse { .. })));
}

#[test]
fn a_lock_file_left_by_a_killed_process_locks_nobody_out() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(
        dir.path().join("tombolo.lock"),
        r#"{"pid":1,"program":"tombolo","command":"run","since":0}"#,
    )
    .unwrap();
    open(dir.path());
    fs::write(dir.path().join("tombolo.lock"), [0xff; 10_000]).unwrap();
    open(dir.path());
}

#[test]
fn deleting_the_lock_file_doesnt_let_a_second_process_in() {
    let dir = tempfile::tempdir().unwrap();
    let first = open(dir.path());
    put(&first, 1).unwrap();
    fs::remove_file(dir.path().join("tombolo.lock")).unwrap();
    let error = try_open(dir.path()).unwrap_err();
    assert!(matches!(error, StoreError::InUse { holder: None, .. }), "{error}");
    put(&first, 2).unwrap();
}
