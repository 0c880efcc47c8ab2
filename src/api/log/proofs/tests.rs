//! The routes, over a notary that knows three trees.

use super::*;
use crate::api::router;
use crate::api::tests::{Memory, get, setup};

struct Three;

impl Notary for Three {
    fn key(&self) -> String {
        "log+01020304+AQ==".to_owned()
    }

    fn keys(&self) -> Result<String, StoreError> {
        Ok("key of log\n".to_owned())
    }

    fn subtrees(&self, parts: &[(u64, u64)]) -> Result<Vec<Option<Vec<Hash>>>, StoreError> {
        let of = |(from, to): &(u64, u64)| (*from < 3).then(|| vec![[7; 32]; (to - from + 1) as usize]);
        Ok(parts.iter().map(of).collect())
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
    assert_eq!(get(&app, "/audit/v1/keys").await.body, "key of log\n");
    let subtrees = get(&app, "/audit/v1/subtrees?from=1&to=2").await.json();
    assert_eq!(subtrees["data"], json!({ "from": 1, "to": 2, "hashes": ["07".repeat(32), "07".repeat(32)] }));
    assert_eq!(get(&app, "/audit/v1/subtrees?to=2").await.status, 400);
    let gone = ["events/00000000-0000-0000-0000-000000000003/proof", "consistency?from=3", "subtrees?from=3"];
    for gone in gone {
        assert_eq!(get(&app, &format!("/audit/v1/{gone}")).await.status, 410, "{gone}");
    }
    assert_eq!(get(&app, "/audit/v1/events/00000000-0000-0000-0000-00000000000f/proof").await.status, 404);
}

// THREATS S01
#[tokio::test]
async fn an_export_has_what_shows_where_its_events_stand_and_nothing_newer() {
    let app = signed();
    let lines = async |query: &str| -> Vec<serde_json::Value> {
        let answer = get(&app, &format!("/audit/v1/export{query}")).await;
        assert_eq!(answer.status, 200, "{query}");
        answer.body.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    let whole = lines("").await;
    let expected = json!({ "checkpoint": "log\n3\n", "keys": "key of log\n" });
    assert_eq!((&whole[0]["signed"], whole.len()), (&expected, 5));
    let one = lines("?proof=yes&id=00000000-0000-0000-0000-000000000002").await;
    let left = json!({ "earwitness": "between", "first": 1, "last": 1, "hashes": ["07".repeat(32)] });
    // What would show the third one is gone.
    assert_eq!((one.len(), &one[1]["sequence"], &one[2]), (4, &json!(2), &left));
    for query in ["?proof=no", "?action=MADE", "?columns=id", "?facts=no", "?format=json"] {
        let answer = get(&app, &format!("/audit/v1/export{query}")).await;
        assert!(
            !answer.body.contains("signed") && !answer.body.contains("between"),
            "{query}: {}",
            answer.body
        );
    }
    assert_eq!(get(&app, "/audit/v1/export?format=csv&proof=yes").await.json()["parameter"], "proof");
    let unsigned = router(State::new(setup(Memory::with(3), None)));
    assert!(!get(&unsigned, "/audit/v1/export").await.body.contains("signed"), "nobody signs there");
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
