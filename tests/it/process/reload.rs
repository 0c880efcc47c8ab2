//! Rules loaded anew while requests go through: by SIGHUP, by a change of files, by the API.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use serde_json::{Value, json};

use super::{Process, eventually, get, request, simple_upstream};

const TOKEN: &str = "0123456789abcdef0123456789abcdef";

/// A pack with a rule for notes and one for pages; `more` are further members of the first.
fn pack(action: &str, more: &str) -> String {
    format!(
        "version: 1\nrules:\n  - {{ id: note.added, match: 'POST /notes/{{id}}', action: {action}, \
         target: {{ type: note, id: $.path.id }}{more} }}\n  \
         - {{ id: page.added, match: 'POST /pages/{{id}}', action: PAGE_ADDED }}\n"
    )
}

fn installation(more: &str) -> (tempfile::TempDir, Process) {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir_all(folder.path().join("rules/notes")).unwrap();
    write_pack(folder.path(), &pack("ONE", ""));
    let process = Process::start_as(folder.path(), simple_upstream(), "rules", more);
    (folder, process)
}

/// As an editor does: another file takes the place of the old one.
fn write_pack(folder: &Path, text: &str) {
    let (path, fresh) = (folder.join("rules/notes/notes.yaml"), folder.join("rules/notes/.notes.new"));
    fs::write(&fresh, text).unwrap();
    fs::rename(fresh, path).unwrap();
}

fn add_note(process: &Process, id: &str) -> u16 {
    request(process.proxy, &format!("POST /notes/{id} HTTP/1.1"), "", "").map_or(0, |(status, _)| status)
}

/// The newest events of an action, newest first.
fn events(process: &Process, action: &str) -> Vec<Value> {
    let page = get(process.audit, &format!("/audit/v1/events?action={action}&limit=100"));
    page["data"].as_array().unwrap().clone()
}

fn reloads(process: &Process) -> usize {
    events(process, "RULES_RELOADED").len()
}

fn changes(event: &Value) -> Vec<String> {
    let changes = event["changes"].as_array().unwrap();
    changes.iter().map(|change| format!("{} {}", change["label"], change["field"]).replace('"', "")).collect()
}

// THREATS E72
#[test]
fn sighup_puts_other_rules_into_force_and_the_event_says_which() {
    let (folder, process) = installation("watch: false\n");
    assert_eq!(add_note(&process, "1"), 200);
    let before = events(&process, "ONE")[0]["rule"]["version"].clone();
    write_pack(
        folder.path(),
        &pack("TWO", "").replace("page.added", "side.added").replace("/pages", "/sides"),
    );
    process.signal("HUP");
    eventually("it is loaded", || reloads(&process) == 1);
    assert_eq!(add_note(&process, "2"), 200);
    let event = &events(&process, "TWO")[0];
    assert_ne!(event["rule"]["version"], before);
    let reload = &events(&process, "RULES_RELOADED")[0];
    assert_eq!((&reload["result"], &reload["category"]), (&json!("success"), &json!("AUDIT")));
    assert_eq!(reload["actor"], json!({ "type": "system", "id": "signal", "assurance": "none" }));
    assert_eq!(
        changes(reload),
        [
            "changed version",
            "removed rules[notes/page.added]",
            "changed packs[notes]",
            "changed rules[notes/note.added]",
            "added rules[notes/side.added]",
        ]
    );
    assert_eq!(
        (&reload["changes"][2]["before"], &reload["changes"][2]["after"]),
        (&before, &event["rule"]["version"])
    );
    let file = &reload["details"]["files"][0];
    assert!(file["file"].as_str().unwrap().ends_with("notes.yaml") && file["ownerId"].is_u64(), "{reload}");
    assert_eq!(process.terminate(), Some(0));
}

// THREATS O02
#[test]
fn what_is_wrong_leaves_the_last_good_rules_in_force_and_is_told_until_it_is_mended() {
    let (folder, process) = installation("watch: false\n");
    let version = get(process.audit, "/readyz")["rulesVersion"].clone();
    let failing_test =
        pack("TWO", ", tests: [{ name: t, request: { line: POST /notes/1 }, expect: [{ action: ONE }] }]");
    let refused =
        [("E01", "version: 1\nrules: ["), ("E02", &pack("TWO", ", colour: red")), ("T01", &failing_test)];
    for (index, (code, text)) in refused.iter().enumerate() {
        write_pack(folder.path(), text);
        process.signal("HUP");
        eventually("it is refused", || reloads(&process) == index + 1);
        let event = &events(&process, "RULES_RELOADED")[0];
        assert_eq!((&event["result"], &event["target"]["id"]), (&json!("failure"), &version), "{event}");
        let error = event["error"].as_str().unwrap();
        assert!(error.starts_with(code) && error.contains("notes.yaml:"), "{event}");
        let ready = get(process.audit, "/readyz");
        assert_eq!((&ready["status"], &ready["rulesVersion"]), (&json!("ready"), &version));
        assert!(ready["rulesStaleSince"].is_string(), "{ready}");
        add_note(&process, &format!("n{index}"));
        assert_eq!(events(&process, "ONE").len(), index + 1);
    }
    assert_eq!(process.metric("earwitness_rules_stale"), 1);
    assert_eq!(process.metric("earwitness_reloads_total{outcome=\"refused\",trigger=\"signal\"}"), 3);
    write_pack(folder.path(), &pack("THREE", ""));
    process.signal("HUP");
    eventually("it is loaded", || add_note(&process, "x") == 200 && !events(&process, "THREE").is_empty());
    assert!(get(process.audit, "/readyz")["rulesStaleSince"].is_null());
    assert_eq!(process.metric("earwitness_rules_stale"), 0);
}

#[test]
fn reloads_under_load_lose_no_request_and_no_record() {
    let (folder, process) = installation("watch: false\n");
    let (stop, process) = (Arc::new(AtomicBool::new(false)), Arc::new(process));
    let sent = Arc::new(AtomicUsize::new(0));
    let clients: Vec<_> = (0..4)
        .map(|client| {
            let (stop, process, sent) = (Arc::clone(&stop), Arc::clone(&process), Arc::clone(&sent));
            thread::spawn(move || {
                for count in 0.. {
                    if stop.load(Ordering::Relaxed) {
                        return;
                    }
                    assert_eq!(add_note(&process, &format!("c{client}-{count}")), 200);
                    sent.fetch_add(1, Ordering::Relaxed);
                }
            })
        })
        .collect();
    for round in 0..5 {
        write_pack(folder.path(), &pack(if round % 2 == 0 { "TWO" } else { "ONE" }, ""));
        process.signal("HUP");
        eventually("it is loaded", || reloads(&process) == round + 1);
        // Of twice as many as there are clients, some began under these rules.
        let before = sent.load(Ordering::Relaxed);
        eventually("requests by these rules", || sent.load(Ordering::Relaxed) >= before + 8);
    }
    stop.store(true, Ordering::Relaxed);
    clients.into_iter().for_each(|client| client.join().unwrap());
    let sent = sent.load(Ordering::Relaxed);
    let recorded = process.events().into_iter().filter(|event| event["rule"]["id"] == "notes/note.added");
    let mut versions = std::collections::HashMap::new();
    let mut count = 0;
    for event in recorded {
        // The action and the version are those of one set of rules.
        let action = event["action"].clone();
        let version = event["rule"]["version"].to_string();
        assert_eq!(*versions.entry(version).or_insert(action.clone()), action);
        count += 1;
    }
    assert_eq!((count, versions.len()), (sent, 2));
}

#[test]
fn files_that_change_are_loaded_and_those_that_only_look_changed_are_no_event() {
    let (folder, process) = installation("");
    write_pack(folder.path(), "half a fi");
    eventually("it is refused", || reloads(&process) == 1);
    write_pack(folder.path(), &pack("TWO", ", mode: shadow"));
    eventually("it is loaded", || reloads(&process) == 2);
    let event = &events(&process, "RULES_RELOADED")[0];
    assert_eq!((&event["actor"]["id"], &event["result"]), (&json!("file"), &json!("success")));
    assert!(changes(event).contains(&"weakened rules[notes/note.added].mode".to_owned()), "{event}");
    write_pack(folder.path(), &format!("# a word\n{}", pack("TWO", ", mode: shadow")));
    let unchanged = "earwitness_reloads_total{outcome=\"unchanged\",trigger=\"file\"}";
    eventually("it is looked at", || process.metric(unchanged) == 1);
    assert_eq!(reloads(&process), 2);
    // As a deployment does: a whole folder takes the place of the old one, and then a file in it changes.
    let (rules, fresh) = (folder.path().join("rules"), folder.path().join("fresh"));
    fs::create_dir_all(fresh.join("notes")).unwrap();
    fs::write(fresh.join("notes/notes.yaml"), pack("THREE", "")).unwrap();
    fs::rename(&rules, folder.path().join("old")).unwrap();
    fs::rename(&fresh, &rules).unwrap();
    eventually("the folder is loaded", || {
        add_note(&process, "x") == 200 && !events(&process, "THREE").is_empty()
    });
    write_pack(folder.path(), &pack("FOUR", ""));
    eventually("the file is loaded", || {
        add_note(&process, "x") == 200 && !events(&process, "FOUR").is_empty()
    });
    let before = reloads(&process);
    let config = fs::read_to_string(folder.path().join("earwitness.yaml")).unwrap();
    let changed = format!("{config}trusted_proxies: 127.0.0.1\nworkers: 997\n");
    fs::write(folder.path().join("earwitness.yaml"), changed).unwrap();
    eventually("the configuration is loaded", || reloads(&process) == before + 1);
    let details = events(&process, "RULES_RELOADED")[0]["details"].clone();
    assert_eq!(
        (&details["settings"], &details["needsRestart"]),
        (&json!(["trusted_proxies"]), &json!(["workers"]))
    );
}

// THREATS O05
#[test]
fn the_api_reloads_for_the_holder_of_the_token_and_for_nobody_else() {
    let post = |process: &Process, headers: &str| {
        let (status, body) = request(process.audit, "POST /audit/v1/reload HTTP/1.1", headers, "").unwrap();
        (status, serde_json::from_str::<Value>(&body).unwrap())
    };
    let (_open, process) = installation("watch: false\n");
    assert_eq!(post(&process, "").0, 403);
    drop(process);
    let more = format!("watch: false\nadmin: {{ listen: '127.0.0.1:0', token: {TOKEN} }}\n");
    let (folder, process) = installation(&more);
    let bearer = format!("authorization: Bearer {TOKEN}\r\n");
    assert_eq!(post(&process, "").0, 401);
    assert_eq!(post(&process, &bearer.replace("f\r", "e\r")).0, 401);
    assert_eq!(post(&process, &format!("{bearer}origin: https://evil.test\r\n")).0, 403);
    assert_eq!(request(process.audit, "GET /audit/v1/reload HTTP/1.1", &bearer, "").unwrap().0, 405);
    let (status, nothing) = post(&process, &bearer);
    assert_eq!((status, &nothing["versionBefore"]), (200, &nothing["version"]));
    write_pack(folder.path(), &pack("TWO", ", guarantee: buffered"));
    let (status, done) = post(&process, &bearer);
    assert_eq!(status, 200, "{done}");
    assert_eq!(done["changed"], json!(["notes/note.added"]));
    assert_eq!(done["weakened"], json!(["rules[notes/note.added].guarantee: durable -> buffered"]));
    write_pack(folder.path(), &pack("TWO", ", colour: red"));
    let (status, refused) = post(&process, &bearer);
    assert_eq!((status, &refused["type"]), (422, &json!("urn:problem-type:earwitness:files")));
    let mut problems = refused["problems"].as_array().unwrap().iter();
    let error = problems.find(|problem| problem["severity"] == "error").unwrap();
    assert_eq!((&error["code"], &error["line"]), (&json!("E02"), &json!(3)));
    let config = fs::read_to_string(folder.path().join("earwitness.yaml")).unwrap();
    fs::write(folder.path().join("earwitness.yaml"), config.replace(TOKEN, &"f".repeat(32))).unwrap();
    write_pack(folder.path(), &pack("TWO", ""));
    assert_eq!(post(&process, &bearer).1["settings"], json!(["admin.token"]));
    assert_eq!(post(&process, &bearer).0, 401);
    let bearer = format!("authorization: Bearer {}\r\n", "f".repeat(32));
    let (_, page) =
        request(process.audit, "GET /audit/v1/events?action=RULES_RELOADED HTTP/1.1", &bearer, "").unwrap();
    let page: Value = serde_json::from_str(&page).unwrap();
    let results: Vec<_> =
        page["data"].as_array().unwrap().iter().map(|event| event["result"].clone()).collect();
    assert_eq!(results, ["success", "failure", "success"]);
    assert_eq!(page["data"][0]["actor"]["id"], "admin.token");
    assert!(!page.to_string().contains(TOKEN));
}

// THREATS E72
#[test]
fn a_start_with_other_rules_than_the_last_is_told_like_a_reload_and_once() {
    let (folder, process) = installation("watch: false\n");
    let start = |process: Process| {
        assert_eq!(process.terminate(), Some(0));
        Process::start_as(folder.path(), simple_upstream(), "rules", "watch: false\n")
    };
    let process = start(process);
    assert_eq!(reloads(&process), 0, "the same rules");
    write_pack(folder.path(), &pack("ONE", ", mode: shadow"));
    let process = start(process);
    let told = events(&process, "RULES_RELOADED");
    assert_eq!((told.len(), &told[0]["details"]["trigger"]), (1, &json!("start")));
    assert!(changes(&told[0]).contains(&"weakened rules[notes/note.added].mode".to_owned()), "{told:?}");
    let process = start(process);
    assert_eq!(reloads(&process), 1, "told once");
    write_pack(folder.path(), &pack("TWO", ""));
    process.signal("HUP");
    eventually("it is loaded", || reloads(&process) == 2);
    let process = start(process);
    assert_eq!(reloads(&process), 2, "what a reload has told is not told again");
}
