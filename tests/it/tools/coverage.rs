//! `earwitness coverage` as it is run.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use super::trials::run;

const DESCRIPTION: &str = r#"openapi: 3.1.0
paths:
  /bookings/{uid}/move: { post: { operationId: move } }
  /bookings/{uid}: { get: {}, delete: { operationId: "drop\e[2J" } }
  /tokens: { post: { operationId: login } }
"#;

const RULES: &str = "version: 1\nrules: [{ id: moved, match: 'POST /bookings/{id}/move', action: MOVED }]\n";

#[test]
fn a_request_that_no_rule_covers_fails_the_run_until_there_is_a_rule_or_a_reason() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    fs::create_dir(folder.path().join("pack")).unwrap();
    write("api.yaml", DESCRIPTION);
    write("pack/rules.yaml", RULES);
    let arguments = ["coverage", "--openapi", "api.yaml", "--rules", "pack"];

    let (code, out, err) = run(folder.path(), &arguments);
    assert_eq!(code, Some(1), "{out}{err}");
    assert!(out.contains(r"uncovered: DELETE /bookings/{uid}  (drop\u{1b}[2J)"), "{out}");
    assert!(out.ends_with("1 are covered, 0 excluded, 0 excepted, 2 uncovered\n"), "{out}");

    write("pack/coverage.yaml", "- { operation: [login, gone], reason: Nothing is kept of it. }\n");
    write("more.yaml", "- { line: 'DELETE /bookings/{uid}', reason: Drafts only. }\n");
    let (code, out, _) =
        run(folder.path(), &[&arguments[..], &["--exceptions", "more.yaml", "--format", "json"]].concat());
    assert_eq!(code, Some(0), "{out}");
    let told: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(told["counts"]["excepted"], 2);
    assert_eq!(told["idleExceptions"][0], "gone");
    assert_eq!(told["operations"][1]["rules"][0], "pack/moved");
    assert_eq!(told["operations"][0]["reason"], "Drafts only.");

    // The exceptions are no rule file, and other commands take the pack as before.
    let (code, out, err) = run(folder.path(), &["check", "pack"]);
    assert_eq!(code, Some(0), "{out}{err}");

    write("more.yaml", "- { line: DELETE bookings }\n");
    let (code, _, err) = run(folder.path(), &[&arguments[..], &["--exceptions", "more.yaml"]].concat());
    assert_eq!(code, Some(2), "{err}");
    assert!(err.contains("a path begins with /") && err.contains("has no `reason`"), "{err}");
    write("api.yaml", "title: nothing of the kind\n");
    let (code, _, err) = run(folder.path(), &arguments);
    assert_eq!(code, Some(1));
    assert!(err.contains("it is no OpenAPI description"), "{err}");
}

#[test]
fn whatever_may_change_something_at_cal_com_meets_a_rule_or_has_a_reason() {
    let mut paths: BTreeMap<&str, BTreeMap<String, Value>> = BTreeMap::new();
    let lines: Vec<&str> =
        include_str!("calcom-v2.txt").lines().filter(|line| !line.starts_with('#')).collect();
    for line in &lines {
        let (method, path) = line.split_once(' ').unwrap();
        paths.entry(path).or_default().insert(method.to_lowercase(), json!({}));
    }
    let folder = tempfile::tempdir().unwrap();
    let description = json!({ "openapi": "3.1.0", "paths": paths });
    fs::write(folder.path().join("api.json"), description.to_string()).unwrap();
    let pack = Path::new(env!("CARGO_MANIFEST_DIR")).join("rules/calcom");
    let arguments = ["coverage", "--openapi", "api.json", "--rules", pack.to_str().unwrap()];
    let (code, out, err) = run(folder.path(), &arguments);
    assert_eq!(code, Some(0), "{out}{err}");
    assert!(out.contains(&format!("of {} requests that may change something", lines.len())), "{out}");
}
