//! Ids that clients bring: kept for whoever follows a request, and believed by nobody.

use std::collections::HashSet;
use std::fs;

use super::{Process, request};
use crate::rig::{App, value_of};

const RULES: &str =
    "version: 1\nrules:\n  - { id: note.added, match: 'POST /notes/{id}', action: NOTE_ADDED }\n";
const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

fn before(app: &App, more: &str) -> (tempfile::TempDir, Process) {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir_all(folder.path().join("rules/notes")).unwrap();
    fs::write(folder.path().join("rules/notes/notes.yaml"), RULES).unwrap();
    let process = Process::start_as(folder.path(), app.address, "rules", more);
    (folder, process)
}

/// The two headers as the application got them.
fn seen(process: &Process, line: &str, headers: &str) -> (Option<String>, Option<String>) {
    let (status, echo) = request(process.proxy, &format!("{line} HTTP/1.1"), headers, "").unwrap();
    assert_eq!(status, 200, "{echo}");
    let value = |name| value_of(&echo, name).map(str::to_owned);
    (value("traceparent"), value("tracestate"))
}

#[test]
fn a_trace_is_kept_or_begun_and_the_event_has_the_one_that_the_application_saw() {
    let app = App::echoing();
    let (_folder, process) = before(&app, "");
    for line in ["GET /x", "POST /notes/1"] {
        let kept = seen(&process, line, &format!("traceparent: {PARENT}\r\ntracestate: a=b\r\n"));
        assert_eq!(kept, (Some(PARENT.to_owned()), Some("a=b".to_owned())), "{line}");
        for headers in ["", "traceparent: 00-zz\r\ntracestate: a=b\r\n"] {
            let (parent, state) = seen(&process, line, headers);
            let parent = parent.unwrap();
            assert!(parent.len() == 55 && parent.starts_with("00-") && parent.ends_with("-00"), "{parent}");
            assert_eq!(state, None, "{line} {headers}");
        }
    }
    let events = process.events();
    assert_eq!(events[0]["request"]["traceId"], &PARENT[3..35]);
    let echoed = &app.requests()[app.requests().len() - 1];
    assert_eq!(events[2]["request"]["traceId"], value_of(echoed, "traceparent").unwrap()[3..35]);
    let (_folder, process) = before(&app, "trace_context: false\n");
    assert_eq!(seen(&process, "POST /notes/1", ""), (None, None));
    assert!(process.events()[0]["request"]["traceId"].is_null());
}

// THREATS E49
#[test]
fn ids_that_clients_use_again_leave_nothing_out_and_name_nothing_of_ours() {
    let app = App::echoing();
    let (_folder, process) = before(&app, "");
    let headers = format!("traceparent: {PARENT}\r\nx-request-id: same\r\nidempotency-key: same\r\n");
    for _ in 0..100 {
        seen(&process, "POST /notes/1", &headers);
    }
    let events = process.events();
    assert_eq!(events.len(), 100);
    assert!(events.iter().all(|event| event["request"]["id"] == "same"));
    for own in ["id", "exchangeId"] {
        let ids: HashSet<_> = events.iter().map(|event| event[own].to_string()).collect();
        assert_eq!(ids.len(), 100, "{own}");
        assert!(!ids.iter().any(|id| id.contains("same") || id.contains(&PARENT[3..35])));
    }
}
