//! The log in the shapes of other audit logs, over the audit listener of a running process.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::{Process, get, request, simple_upstream};

/// Records what a calendar's and a booking's rules would, without their packs.
const RULES: &str = "version: 1
rules:
  - id: event_type.modified
    match: PATCH /v2/event-types/{id}
    action: EVENT_TYPE_MODIFIED
    type: RECORD_UPDATED
    source: API_V2
    target: { type: eventType, id: $.path.id }
    changes: { length: { label: Length, before: 30, after: $.request.body.length } }
    message: The event type was changed
  - id: booking.rescheduled
    match: POST /v2/bookings/{uid}/reschedule
    action: RESCHEDULED
    type: RECORD_UPDATED
    target: { type: booking, id: $.path.uid }
    links: [{ rel: rescheduled-to, type: booking, id: $.request.body.to }]
  - id: event.created
    match: POST /calendars/{id}/events
    action: create_event
    type: event_change
    target: { type: event, id: $.request.body.id, name: $.request.body.title }
    details: { calendarId: $.path.id, guests: $.request.body.guests }
";

fn started() -> (tempfile::TempDir, Process) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(folder.path().join("rules/all")).unwrap();
    std::fs::write(folder.path().join("rules/all/all.yaml"), RULES).unwrap();
    let process = Process::start(folder.path(), simple_upstream());
    (folder, process)
}

fn send(process: &Process, line: &str, body: &Value) {
    let line = format!("{line} HTTP/1.1");
    let sent = request(process.proxy, &line, "content-type: application/json\r\n", &body.to_string());
    assert_eq!(sent.unwrap().0, 200);
}

fn refused(process: &Process, target: &str) -> Value {
    let (status, body) = request(process.audit, &format!("GET {target} HTTP/1.1"), "", "").unwrap();
    assert_eq!(status, 400, "{target}: {body}");
    serde_json::from_str(&body).unwrap()
}

#[test]
fn a_history_has_the_members_and_the_cursor_of_cal_com() {
    let (_folder, process) = started();
    for length in [45, 60, 90] {
        send(&process, "PATCH /v2/event-types/123", &json!({ "length": length }));
    }
    send(&process, "PATCH /v2/event-types/124", &json!({ "length": 1 }));
    let first = get(process.audit, "/v2/event-types/123/history?limit=2");
    assert_eq!((&first["status"], &first["data"]["eventTypeId"]), (&json!("success"), &json!(123)));
    let entry = &first["data"]["auditLogs"][0];
    let members: Vec<&str> = entry.as_object().unwrap().keys().map(String::as_str).collect();
    // In the order of the alphabet, which is how this reader keeps them.
    let expected = "action actionDisplayTitle actor displayFields displayJson hasError id impersonatedBy source timestamp type";
    assert_eq!(members.join(" "), expected);
    assert_eq!(entry["type"], "RECORD_MODIFIED");
    assert_eq!(entry["actionDisplayTitle"], "The event type was changed");
    let fields = json!([{ "label": "Length", "fieldValue": { "type": "rawValue", "value": "90" } }]);
    assert_eq!(entry["displayFields"], fields);
    assert_eq!(entry["displayJson"], json!({ "length": { "old": 30, "new": 90 } }));
    assert_eq!(entry["actor"]["displayAvatar"], Value::Null);
    let time = entry["timestamp"].as_str().unwrap();
    assert!(time.len() == "2026-01-01T00:00:00.000Z".len() && time.ends_with('Z'), "{time}");
    let cursor = first["pagination"]["nextCursor"].as_str().unwrap();
    assert_eq!(first["pagination"]["hasMore"], true);
    let opened: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(cursor).unwrap()).unwrap();
    assert_eq!(opened["id"], first["data"]["auditLogs"][1]["id"]);
    assert_eq!(opened["createdAt"], first["data"]["auditLogs"][1]["timestamp"]);
    let second = get(process.audit, &format!("/v2/event-types/123/history?limit=2&cursor={cursor}"));
    assert_eq!(second["data"]["auditLogs"][0]["displayJson"]["length"]["new"], 45);
    assert_eq!(second["data"]["auditLogs"].as_array().unwrap().len(), 1);
    assert_eq!(second["pagination"], json!({ "nextCursor": null, "hasMore": false }));
    assert_eq!(get(process.audit, "/v2/event-types/9/history")["data"]["auditLogs"], json!([]));
    // A cursor of another thing's history opens nothing.
    for query in ["limit=0", "limit=51", "limit=x", "cursor=x", "take=5", &format!("cursor={cursor}")] {
        let problem = refused(&process, &format!("/v2/event-types/124/history?{query}"));
        assert_eq!(problem["parameter"], query.split('=').next().unwrap());
    }
    // A booking that came of another has the other's entry, too.
    send(&process, "POST /v2/bookings/abc/reschedule", &json!({ "to": "def" }));
    for uid in ["abc", "def"] {
        let history = get(process.audit, &format!("/v2/bookings/{uid}/history"));
        assert_eq!(history["data"]["auditLogs"][0]["action"], "RESCHEDULED", "{history}");
        assert_eq!(
            (&history["data"]["bookingUid"], &history["data"]["auditLogs"][0]["type"]),
            (&json!(uid), &json!("RECORD_UPDATED"))
        );
    }
}

#[test]
fn activities_have_the_members_and_the_parameters_of_the_reports_api() {
    let (_folder, process) = started();
    for (id, title) in [("e1", "Planning"), ("e2", "Review"), ("e3", "Planning")] {
        let body = json!({ "id": id, "title": title, "guests": ["a@x.org"] });
        send(&process, "POST /calendars/team/events", &body);
    }
    send(&process, "PATCH /v2/event-types/124", &json!({ "length": 1 }));
    let path = "/admin/reports/v1/activity/users/all/applications/calendar";
    let list = |query: &str| get(process.audit, &format!("{path}?alt=json&{query}"));
    let ids = |page: &Value| -> Vec<String> {
        let of = |item: &Value| {
            let parameters = item["events"][0]["parameters"].as_array().unwrap().clone();
            let found = parameters.into_iter().find(|parameter| parameter["name"] == "event_id").unwrap();
            found["value"].as_str().unwrap().to_owned()
        };
        page["items"].as_array().unwrap().iter().map(of).collect()
    };
    let first = list("maxResults=2");
    assert_eq!(
        (ids(&first), &first["kind"]),
        (vec!["e3".to_owned(), "e2".to_owned()], &json!("admin#reports#activities"))
    );
    let item = &first["items"][0];
    assert_eq!(
        (&item["events"][0]["name"], &item["events"][0]["type"]),
        (&json!("create_event"), &json!("event_change"))
    );
    let guests = json!({ "name": "guests", "multiValue": ["a@x.org"] });
    assert!(item["events"][0]["parameters"].as_array().unwrap().contains(&guests), "{item}");
    assert_eq!(
        (&item["ipAddress"], &item["id"]["applicationName"]),
        (&json!("127.0.0.1"), &json!("calendar"))
    );
    let token = first["nextPageToken"].as_str().unwrap();
    let last = list(&format!("maxResults=2&pageToken={token}"));
    assert_eq!((ids(&last), last.get("nextPageToken")), (vec!["e1".to_owned()], None));
    assert_eq!(ids(&list("filters=event_title==Planning,event_id%3C%3Ee1")), ["e3"]);
    assert_eq!(ids(&list("filters=event_title==Planning&maxResults=1")), ["e3"]);
    assert_eq!(ids(&list("eventName=delete_event")).len(), 0);
    for (asked, expected) in [
        ("actorIpAddress=127.0.0.1", 3),
        ("actorIpAddress=192.0.2.1", 0),
        ("startTime=2026-01-01T00:00:00Z", 3),
        ("startTime=2200-01-01T00:00:00Z", 0),
        ("endTime=2026-01-01T00:00:00Z", 0),
    ] {
        assert_eq!(ids(&list(asked)).len(), expected, "{asked}");
    }
    for (query, parameter) in [
        ("maxResults=1001", "maxResults"),
        ("filters=event_title", "filters"),
        ("orgUnitID=id:x", "orgUnitID"),
        ("startTime=yesterday", "startTime"),
        ("startTime=2026-01-02T00:00:00Z&endTime=2026-01-01T00:00:00Z", "endTime"),
        (&format!("pageToken={token}&eventName=x"), "pageToken"),
        ("alt=media", "alt"),
    ] {
        assert_eq!(refused(&process, &format!("{path}?{query}"))["parameter"], parameter, "{query}");
    }
    let other = path.replace("calendar", "drive");
    assert_eq!(request(process.audit, &format!("GET {other} HTTP/1.1"), "", "").unwrap().0, 404);
}

// THREATS Q17
#[test]
fn a_history_is_at_the_audit_listener_and_the_application_at_the_proxy() {
    let (_folder, process) = started();
    let status_at = |address, path: &str| request(address, &format!("GET {path} HTTP/1.1"), "", "").unwrap();
    for path in ["/v2/event-types/123", "/v2/bookings", "/v2/me", "/v2/event-types/123/history/x", "/v2/"] {
        assert_eq!(status_at(process.audit, path).0, 404, "{path}");
    }
    // What the application has at the same address is the application's to answer.
    for path in
        ["/v2/event-types/123/history", "/v2/bookings/abc/history", "/audit/v1/events", "/audit/v1/export"]
    {
        assert_eq!(status_at(process.proxy, path), (200, "{\"ok\":true}".to_owned()), "{path}");
    }
}
