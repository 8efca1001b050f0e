use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Command, Stdio};
use std::time::Duration;

use super::*;

const DIRECTORY: &str = "TOMBOLO_TEST_KILLED_WRITER";
const ROUNDS: u64 = 20;

/// Commits numbered records for ever, and says so after each. Between them others come and go, so that sled has pages
/// to rewrite.
fn write_until_killed(dir: &Path) -> ! {
    let store = open(dir);
    let mut out = std::io::stdout();
    for number in store.len(Tree::Deliveries).. {
        let mut batch = Batch::new();
        batch
            .put(Tree::Baselines, key(number), format!("post {number}"))
            .put(Tree::Deliveries, key(number), vec![b'x'; 200])
            .put(Tree::Cursors, key(number % 7), key(number))
            .remove(Tree::Copies, key(number.wrapping_sub(1)))
            .put(Tree::Copies, key(number), vec![b'y'; 900]);
        store.commit(batch).unwrap();
        writeln!(out, "\ncommitted {number}").unwrap();
    }
    unreachable!("the numbers are without end")
}

/// Runs this very test once more, as a process that writes, and kills it after a while. What it said it committed.
fn killed_writer(dir: &Path, after: Duration) -> Option<u64> {
    let (_crate, module) = module_path!().split_once("::").unwrap();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args([
            &format!("{module}::what_was_acknowledged_survives_sigkill"),
            "--exact",
            "--nocapture",
        ])
        .env(DIRECTORY, dir)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let reader = std::thread::spawn(move || {
        let numbers = lines
            .map_while(Result::ok)
            .filter_map(|line| line.strip_prefix("committed ")?.parse().ok());
        numbers.last()
    });
    std::thread::sleep(after);
    child.kill().unwrap();
    child.wait().unwrap();
    reader.join().unwrap()
}

#[test]
fn what_was_acknowledged_survives_sigkill() {
    if let Some(dir) = std::env::var_os(DIRECTORY) {
        write_until_killed(Path::new(&dir));
    }
    let root = tempfile::tempdir().unwrap();
    let dir = root.path().join("data");
    let mut random = 0x2545_f491_4f6c_dd1d_u64;
    let mut committed = 0;
    for round in 0..ROUNDS {
        // xorshift: seeded, so that a failure can be looked at again.
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        let acknowledged = killed_writer(&dir, Duration::from_millis(1 + random % 250));
        committed = acknowledged.map_or(committed, |number| number + 1);

        let store = open(&dir);
        let there = store.len(Tree::Deliveries);
        assert!(
            there == committed || there == committed + 1,
            "round {round}: {committed} acknowledged, {there} there"
        );
        assert_eq!(
            (store.len(Tree::Baselines), store.sequence()),
            (there, there),
            "whole batches only"
        );
        assert_eq!(store.len(Tree::Copies), there.min(1));
        for number in 0..there {
            assert!(
                store.get(Tree::Baselines, &key(number)).unwrap().is_some(),
                "round {round}: {number} is lost"
            );
        }
        committed = there;
    }
    assert!(committed > ROUNDS, "the writers got somewhere: {committed}");
}
