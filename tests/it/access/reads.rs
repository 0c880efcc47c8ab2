//! Who has read what stands in the log, and who was kept out of it.

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
    assert_eq!(
        told("LOG_READ", &json!("Operations"))["details"]["asked"][0]["path"],
        "/audit/v1/blind-spots"
    );
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
