//! The routes, over a notary that knows three trees.

use super::super::router;
use super::super::tests::{Memory, get, setup};
use super::*;

struct Three;

impl Notary for Three {
    fn key(&self) -> String {
        "log+01020304+AQ==".to_owned()
    }

    fn tree(&self) -> Tree {
        let mut tree = Tree::default();
        (0..3).for_each(|byte| {
            tree.push([byte; 32]);
        });
        tree
    }

    fn checkpoint(&self, tree: &Tree) -> String {
        format!("log\n{}\n", tree.size())
    }

    fn inclusion(&self, entry: &Sealed) -> Result<Option<(Tree, Vec<Hash>)>, StoreError> {
        Ok((entry.sequence < 3).then(|| (self.tree(), vec![[9; 32]])))
    }

    fn consistency(&self, old: u64, new: u64) -> Result<Option<Vec<Hash>>, StoreError> {
        Ok((old < new).then(|| vec![[8; 32]]))
    }

    fn standing(&self) -> Standing {
        Standing { alarm: Some("it is another log".to_owned()), outside_age_s: Some(7), trouble: None }
    }
}

fn signed() -> axum::Router {
    let state = State::new(setup(Memory::with(3), None));
    state.prove_by(Arc::new(Three));
    router(state)
}

#[tokio::test]
async fn proofs_and_checkpoints_are_given_and_nonsense_is_refused_with_a_cure() {
    let app = signed();
    assert_eq!(get(&app, "/audit/v1/key").await.body, "log+01020304+AQ==\n");
    let checkpoint = get(&app, "/audit/v1/checkpoint").await;
    assert_eq!(
        (checkpoint.body.as_str(), &checkpoint.headers["content-type"]),
        ("log\n3\n", &"text/plain; charset=utf-8".parse().unwrap())
    );
    let proof = get(&app, "/audit/v1/events/00000000-0000-0000-0000-000000000002/proof").await.json();
    let expected = json!({ "data": { "index": 1, "size": 3, "leaf": "02".repeat(32), "hashes": ["09".repeat(32)], "checkpoint": "log\n3\n" } });
    assert_eq!(proof, expected);
    let consistency = get(&app, "/audit/v1/consistency?from=1").await.json();
    assert_eq!(consistency, json!({ "data": { "from": 1, "to": 3, "hashes": ["08".repeat(32)] } }));
    for (query, parameter) in [
        ("", "from"),
        ("from=0", "from"),
        ("from=-1", "from"),
        ("from=4", "from"),
        ("from=1&to=4", "to"),
        ("from=1&from=2", "from"),
        ("from=3&to=2", "from"),
        ("from=1&size=2", "size"),
    ] {
        let refused = get(&app, &format!("/audit/v1/consistency?{query}")).await;
        assert_eq!(
            (refused.status.as_u16(), refused.json()["parameter"].as_str()),
            (400, Some(parameter)),
            "{query}"
        );
    }
    for gone in ["events/00000000-0000-0000-0000-000000000003/proof", "consistency?from=3"] {
        assert_eq!(get(&app, &format!("/audit/v1/{gone}")).await.status, 410, "{gone}");
    }
    assert_eq!(get(&app, "/audit/v1/events/00000000-0000-0000-0000-00000000000f/proof").await.status, 404);
}

// THREATS S02, S14
#[tokio::test]
async fn a_log_that_is_not_the_one_signed_for_is_not_ready_and_the_age_of_the_last_checkpoint_is_shown() {
    let ready = get(&signed(), "/readyz").await;
    assert_eq!(ready.status, 503);
    let expected = json!({ "status": "failing", "why": "it is another log", "outsideAgeS": 7 });
    assert_eq!(ready.json()["checkpoints"], expected);
    let unsigned = router(State::new(setup(Memory::with(3), None)));
    assert_eq!(get(&unsigned, "/audit/v1/checkpoint").await.status, 404);
    assert_eq!(get(&unsigned, "/readyz").await.status, 200);
}
