use proptest::prelude::*;

use super::*;

#[derive(Debug, Clone)]
enum Step {
    Commit(Vec<(Tree, u8, Option<Vec<u8>>)>),
    Reopen,
    DryRun(Vec<(Tree, u8, Option<Vec<u8>>)>),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let tree = prop::sample::select(vec![Tree::Baselines, Tree::Deliveries, Tree::Cursors]);
    let value = prop::option::weighted(0.7, prop::collection::vec(any::<u8>(), 0..300));
    let changes = prop::collection::vec((tree, 0..24_u8, value), 0..12).boxed();
    let step = prop_oneof![
        6 => changes.clone().prop_map(Step::Commit),
        1 => Just(Step::Reopen),
        1 => changes.prop_map(Step::DryRun),
    ];
    prop::collection::vec(step, 1..25)
}

type Model = BTreeMap<(Tree, Vec<u8>), Vec<u8>>;

fn apply(store: &Store, model: &mut Model, changes: Vec<(Tree, u8, Option<Vec<u8>>)>) {
    let (mut batch, before, sequence) = (Batch::new(), model.clone(), store.sequence());
    for (tree, key, value) in changes {
        let key = vec![key / 5, key];
        if let Some(value) = value {
            batch.put(tree, key.clone(), value.clone());
            model.insert((tree, key), value);
        } else {
            batch.remove(tree, key.clone());
            model.remove(&(tree, key));
        }
    }
    store.commit(batch).unwrap();
    assert_eq!(
        store.sequence() > sequence,
        *model != before,
        "a batch is written if and only if it changes something"
    );
}

fn assert_same(store: &Store, model: &Model) {
    for tree in Tree::ALL {
        for prefix in [&b""[..], &[2], &[4, 21]] {
            let expected: Vec<_> = model
                .iter()
                .filter(|((of, key), _)| *of == tree && key.starts_with(prefix))
                .map(|((_, key), value)| (key.clone(), value.clone()))
                .collect();
            let found: Vec<_> = store.iter_prefix(tree, prefix).map(Result::unwrap).collect();
            assert_eq!(found, expected);
            if prefix.is_empty() {
                assert_eq!(store.len(tree), expected.len() as u64);
            }
        }
        for key in 0..24 {
            let key = vec![key / 5, key];
            assert_eq!(store.get(tree, &key).unwrap(), model.get(&(tree, key)).cloned());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_store_behaves_like_a_map_that_outlives_the_process(steps in steps()) {
        let dir = tempfile::tempdir().unwrap();
        let mut store = open(dir.path());
        let mut model = Model::new();
        for step in steps {
            match step {
                Step::Commit(changes) => apply(&store, &mut model, changes),
                Step::Reopen => {
                    drop(store);
                    store = open(dir.path());
                }
                Step::DryRun(changes) => {
                    drop(store);
                    let dry_run = Store::open_overlay(dir.path(), &OPTIONS).unwrap();
                    let mut imagined = model.clone();
                    apply(&dry_run, &mut imagined, changes);
                    assert_same(&dry_run, &imagined);
                    drop(dry_run);
                    store = open(dir.path());
                }
            }
            assert_same(&store, &model);
        }
    }
}
