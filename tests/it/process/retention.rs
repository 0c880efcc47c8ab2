//! Events that leave: what is shown before, what asks first, what is told, and that the disk comes back.

use std::path::Path;
use std::process::{Command, Output};

use earwitness::event::own::{self, Own};
use earwitness::event::{Event, Outcome};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use uuid::Uuid;

use super::recorded::{TOKEN, events, recorded};
use super::{Process, eventually, get, notes, request, simple_upstream};

fn old(days: i64, category: &str) -> Event {
    let time = Timestamp::now().checked_sub(SignedDuration::from_hours(24 * days)).unwrap();
    let (action, text) = ("NOTE_ADDED", String::new());
    let own =
        Own { id: Uuid::now_v7(), time, rule: "x", action, title: action, text, result: Outcome::Success };
    let mut event = own::event(own);
    event.rule.id = "notes/x".to_owned();
    event.category = Some(category.to_owned());
    event
}

/// An installation whose log holds events of the days from 100 to 97 before today: ten of notes each day, and on the
/// last of them one of access, too.
fn installation() -> (tempfile::TempDir, String) {
    let mut batches: Vec<Vec<Event>> =
        [100, 99, 98, 97].map(|days| (0..10).map(|_| old(days, "DATA")).collect()).into();
    batches.push(vec![old(97, "ACCESS")]);
    recorded(batches)
}

fn retention(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_earwitness"));
    command.current_dir(folder).args(["retention", "--config", "earwitness.yaml", "--format", "json"]);
    command.args(arguments).output().unwrap()
}

fn told(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)))
}

// THREATS S06
fn verified(folder: &Path) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_earwitness"));
    let output =
        command.current_dir(folder).args(["verify", "--config", "earwitness.yaml"]).output().unwrap();
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success() && told.contains("40 events were removed by policies"), "{told}");
}

const TERMS: &str =
    "retention:\n  policies: [{ name: access, filter: { category: ACCESS }, keep: forever }]\n  keep: 30d\n";

// THREATS S08
#[test]
fn what_is_old_leaves_once_somebody_has_looked_and_is_told_before() {
    let (folder, admin) = installation();
    let folder = folder.path();
    let process = Process::start_as(folder, simple_upstream(), "rules", &format!("{admin}{TERMS}"));
    let seen = told(&retention(folder, &["--dry-run"]));
    let plan = &seen["plan"];
    assert_eq!(
        (&plan["events"], &plan["policies"], &plan["held"]),
        (&json!(40), &json!({"keep": 40}), &json!(1))
    );
    // The newest events are old but for a start: nothing says that the clock is right.
    let asked = retention(folder, &["--run"]);
    assert_eq!(asked.status.code(), Some(1));
    assert!(told(&asked)["asks"].as_str().unwrap().contains("the clock says"), "{}", told(&asked));
    assert_eq!(events(&process, "&action=NOTE_ADDED").len(), 41);
    assert_eq!(events(&process, "&action=RETENTION_STOPPED").len(), 1);
    let (status, ready) = request(process.audit, "GET /readyz HTTP/1.1", TOKEN, "").unwrap();
    assert!(status == 200 && ready.contains("until somebody confirms it"), "{ready}");

    let other = retention(folder, &["--confirm", "0123456789abcdef"]);
    assert!(!other.status.success() && String::from_utf8_lossy(&other.stderr).contains("409"));
    assert_eq!(events(&process, "&action=EVENTS_PURGED").len(), 0);

    let id = seen["plan"]["id"].as_str().unwrap();
    let done = retention(folder, &["--confirm", id]);
    assert!(done.status.success(), "{}", told(&done));
    eventually("all is told", || events(&process, "&action=EVENTS_PURGED").len() == 4);
    eventually("the pass is over", || told(&retention(folder, &[]))["last"]["events"] == 40);
    // Of the last day one stays.
    let left = events(&process, "&action=NOTE_ADDED");
    assert_eq!((left.len(), &left[0]["category"]), (1, &json!("ACCESS")));
    let purges = events(&process, "&action=EVENTS_PURGED");
    let ranges: Vec<_> = purges.iter().rev().map(|event| event["target"]["id"].as_str().unwrap()).collect();
    assert_eq!(ranges, ["1-10", "11-20", "21-30", "31-41"]);
    assert_eq!(
        (&purges[0]["details"]["count"], &purges[0]["details"]["confirmedBy"]),
        (&json!(10), &json!("admin.token"))
    );
    for (first, is_there) in [(1, false), (11, false), (21, false), (31, true)] {
        // A partition that takes no more is packed when there is time for it.
        let partition = folder.join(format!("data/store/{first:020}"));
        let is_kept = ["events", "packed"].iter().any(|form| partition.join(form).exists());
        assert_eq!(is_kept, is_there, "{first}");
    }
    verified(folder);
    assert_eq!(process.terminate(), Some(0));
    verified(folder);
    let alone = told(&retention(folder, &["--dry-run"]));
    assert_eq!((&alone["last"]["events"], alone["next"].is_string()), (&json!(40), true), "{alone}");
    let process = Process::start_as(folder, simple_upstream(), "rules", &format!("{admin}{TERMS}"));
    assert_eq!(events(&process, "&action=NOTE_ADDED").len(), 1);
    let (_, ready) = request(process.audit, "GET /readyz HTTP/1.1", TOKEN, "").unwrap();
    assert!(!ready.contains("missing") && ready.contains("removes what its policies let go"), "{ready}");
}

#[test]
fn without_terms_everything_is_kept_and_nonsense_is_refused() {
    let folder = notes();
    let process = Process::start(folder.path(), simple_upstream());
    let told = get(process.audit, "/audit/v1/retention");
    assert_eq!(
        (&told["keepsEverything"], &told["plan"], &told["next"]),
        (&json!(true), &Value::Null, &Value::Null)
    );
    assert_eq!(get(process.audit, "/readyz")["retention"], "keeps everything");
    let (status, body) = request(process.audit, "GET /audit/v1/retention?x=1 HTTP/1.1", "", "").unwrap();
    assert!(status == 400 && body.contains("\"parameter\":\"x\""), "{body}");
    // Everybody on this machine may read here; that makes nobody an operator.
    let (status, _) = request(process.audit, "POST /audit/v1/retention/pass HTTP/1.1", "", "").unwrap();
    assert_eq!(status, 403);
}
