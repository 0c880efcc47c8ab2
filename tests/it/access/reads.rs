//! Who has read what stands in the log, and who was kept out of it.

use super::matrix::{ABSENT, needs, target};
use super::*;

// THREATS Q18
#[test]
fn who_reads_the_log_and_who_is_refused_stands_in_it_for_auditors() {
    let office = Office::open(&format!("token: {HOLDER}"));
    office.note("acme/t1", "n1");
    office.note("other/t9", "n3");
    let team = office.token("Team one", &["--grant", "team:t1"]);
    let operator = office.token("Operations", &["--grant", "operator"]);
    office.until(&operator, 200);
    for _ in 0..3 {
        assert_eq!(office.get("/audit/v1/events?action=NOTE_ADDED&limit=5", &team).0, 200);
    }
    assert_eq!(office.get("/audit/v1/blind-spots", &operator).0, 200);
    assert_eq!(office.get("/audit/v1/links", &operator).0, 200);
    assert_eq!(office.get("/audit/v1/rules", &operator).0, 200);
    let plan = ("POST /audit/v1/erasure HTTP/1.1", r#"{"subject":["marked-n1"]}"#);
    let planned = request(office.process.audit, plan.0, &bearer(&operator), plan.1).unwrap();
    assert!([200, 202].contains(&planned.0), "{planned:?}");
    assert_eq!(office.get("/audit/v1/events?actor=x", &operator).0, 403);
    assert_eq!(office.get("/audit/v1/events", &"z".repeat(40)).0, 401);
    assert_eq!(office.get("/audit/v1/events", "").0, 401, "who shows nothing tries nothing");
    assert_eq!(office.get("/metrics", &operator).0, 200);
    let office = office.restarted();
    let told = |action: &str, name: &Value| {
        let all = office.told(action, 1, HOLDER);
        all.into_iter()
            .find(|event| event["actor"]["name"] == *name)
            .unwrap_or_else(|| panic!("{action} {name}"))
    };
    let read = told("LOG_READ", &json!("Team one"));
    assert_eq!((&read["details"]["requests"], &read["details"]["events"]), (&json!(3), &json!(3)));
    let asked =
        json!([{ "path": "/audit/v1/events", "query": "action=NOTE_ADDED", "requests": 3, "events": 3 }]);
    assert_eq!((&read["details"]["asked"], &read["client"]["ip"]), (&asked, &json!("127.0.0.1")));
    let read = told("LOG_READ", &json!("Operations"));
    let asked = read["details"]["asked"].as_array().unwrap();
    let paths: Vec<&str> = asked.iter().filter_map(|asked| asked["path"].as_str()).collect();
    assert_eq!(paths, ["/audit/v1/blind-spots", "/audit/v1/links", "/audit/v1/erasure"]);
    assert!(!read.to_string().contains("marked"), "whom somebody was looked for is not told: {read}");
    let refused = told("ACCESS_REFUSED", &json!("Operations"));
    assert_eq!(
        (&refused["result"], &refused["details"]["asked"][0]["query"]),
        (&json!("denied"), &json!("actor=x"))
    );
    // The one who showed what is not known; tries with a token before it was in force may be among them.
    assert!(told("ACCESS_REFUSED", &Value::Null)["details"]["requests"].as_u64() >= Some(1));
    let of_team = office.get("/audit/v1/events?category=ACCESS", &team).1;
    assert!(of_team.contains("\"data\":[]"), "{of_team}");
}

// THREATS Q18
#[test]
fn every_route_that_shows_the_log_leaves_its_event_and_an_export_says_how_many_it_held() {
    let office = Office::open(&format!("token: {HOLDER}"));
    for n in 0..7 {
        office.note("acme/t1", &format!("n{n}"));
    }
    let auditor = office.token("Alma", &["--grant", "auditor"]);
    office.until(&auditor, 200);
    let is_told = |(route, need): &(String, String)| {
        ["Events", "Records", "Everything"].contains(&need.as_str())
            && !route.starts_with("/audit/v1/searches")
    };
    let routes: Vec<String> =
        needs().iter().filter(|row| is_told(row)).map(|(route, _)| target(route, ABSENT)).collect();
    for route in &routes {
        status_of(office.process.audit, "GET", route, &bearer(&auditor));
    }
    let (status, file) = office.get("/audit/v1/export?format=ndjson&action=NOTE_ADDED", &auditor);
    assert_eq!(status, 200, "{file}");
    let office = office.restarted();
    let told = office.told("LOG_READ", 1, HOLDER);
    let asked = told.iter().flat_map(|event| event["details"]["asked"].as_array().unwrap().clone());
    let asked: Vec<Value> = asked.collect();
    for route in &routes {
        assert!(asked.iter().any(|asked| asked["path"] == *route), "{route} is not told: {asked:?}");
    }
    let export = asked.iter().find(|asked| asked["query"] == "format=ndjson&action=NOTE_ADDED").unwrap();
    assert_eq!((&export["requests"], &export["events"]), (&json!(1), &json!(7)), "{export}");
}
