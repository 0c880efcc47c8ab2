//! The worked examples of the rule language: what their rules record.

use super::*;
use crate::event::{Assurance, Certainty, Outcome};
use crate::value::json;

#[test]
fn a_booking_is_rescheduled_with_old_and_new_time() {
    let old =
        r#"{"data":{"uid":"abc","title":"Intro","start":"2026-01-10T10:00:00Z","host":"h","updatedAt":1}}"#;
    let new = r#"{"data":{"uid":"xyz","title":"Intro","start":"2026-01-15T10:00:00Z","updatedAt":2}}"#;
    let body = r#"{"start":"2026-01-15T10:00:00Z","reason":"ill"}"#;
    let played = play(BOOKINGS, "POST /v2/bookings/abc/reschedule", body)
        .header("authorization", "Bearer cal_0123456789abcdef0123")
        .answer("GET /v2/me", 200, r#"{"id":7,"name":"Ada"}"#)
        .answer("GET /v2/bookings/abc", 200, old)
        .says(201, new);
    let event = played.event();
    assert_eq!(event.message.text, "Moved from Jan 10, 2026 to Jan 15, 2026");
    assert_eq!(event.reason.as_deref(), Some("ill"));
    let target = event.target.clone().unwrap();
    assert_eq!(
        (target.r#type.as_str(), target.id.as_deref(), target.name.as_deref()),
        ("booking", Some("abc"), Some("Intro"))
    );
    let both = json!({"label": "Start", "before": "2026-01-10T10:00:00Z", "after": "2026-01-15T10:00:00Z"});
    assert_eq!(changes(&event), json!({ "start": both }));
    assert_eq!(event.links[0].id, "xyz");
    assert_eq!((event.actor.id.as_deref(), event.actor.assurance), (Some("7"), Assurance::LookedUp));
    assert_eq!(event.scope.organization.as_deref(), Some("3"));
    assert_eq!(event.notes, []);
    assert_eq!(event.r#match.certainty, Certainty::Certain);
    assert!(!serde_json::to_string(&event).unwrap().contains("cal_0123"));
}

#[test]
fn an_unreadable_booking_is_said_not_invented() {
    let played = play(BOOKINGS, "POST /v2/bookings/abc/reschedule", r#"{"start":"2026-01-15T10:00:00Z"}"#)
        .says(201, r#"{"data":{"start":"2026-01-15T10:00:00Z"}}"#);
    let event = played.event();
    assert_eq!((event.before.state.as_str(), event.before.why), ("unavailable", Some(Unread::Timeout)));
    assert_eq!(event.message.text, "Moved to Jan 15, 2026");
    assert_eq!(changes(&event), json!({"start": {"label": "Start", "after": "2026-01-15T10:00:00Z"}}));
    assert!(has(&event, NoteCode::BeforeUnavailable));
    assert_eq!(played.run().missing, [("p/rescheduled".to_owned(), "before".to_owned())]);
}

#[test]
fn each_booking_of_a_series_is_recorded_and_so_is_a_refused_one() {
    let two =
        r#"{"data":[{"uid":"a","title":"A","start":1,"hosts":[{"email":"h@x"}]},{"uid":"b","status":"ok"}]}"#;
    let events = play(BOOKINGS, "POST /v2/bookings", "{}").says(201, two).events();
    assert_eq!(events.len(), 2);
    assert_eq!(events[0].target.as_ref().unwrap().name.as_deref(), Some("A"));
    assert_eq!(changes(&events[0]), json!({"start": {"after": 1}}));
    assert_eq!(events[0].details["hosts"], json!(["h@x"]));
    assert_eq!(changes(&events[1]), json!({"status": {"after": "ok"}}));
    let refused = play(BOOKINGS, "POST /v2/bookings", r#"{"start":9}"#).says(403, "{}").event();
    assert_eq!((refused.result, refused.changes.len()), (Outcome::Denied, 0));
}

#[test]
fn sides_may_have_other_names_and_merged_is_an_attempt_when_it_fails() {
    let old = r#"{"data":{"status":"accepted","hosts":[{"email":"old@x"}]}}"#;
    let event = play(BOOKINGS, "POST /v2/bookings/a/reassign/5", "")
        .answer("GET /v2/bookings/a", 200, old)
        .says(200, r#"{"data":{"to":{"email":"new@x"}}}"#)
        .event();
    assert_eq!(changes(&event), json!({"host": {"label": "Host", "before": "old@x", "after": "new@x"}}));
    assert_eq!(event.details["assignment"], "manual");
    let check = |status: u16, outcome: Outcome, attempted: bool, expected: Value| {
        let event = play(BOOKINGS, "POST /v2/bookings/a/request-reschedule", "")
            .answer("GET /v2/bookings/a", 200, old)
            .says(status, "")
            .event();
        assert_eq!((event.result, event.attempted), (outcome, attempted));
        assert_eq!(changes(&event), expected, "{status}");
    };
    check(200, Outcome::Success, false, json!({"status": {"before": "accepted", "after": "cancelled"}}));
    check(500, Outcome::Failure, true, json!({"status": {"before": "accepted", "after": "cancelled"}}));
    check(403, Outcome::Denied, true, json!({"status": {"after": "cancelled"}}));
}

#[test]
fn one_request_makes_the_events_of_its_changes_and_loses_none() {
    let old = r#"{"summary":"Old","description":"d","updated":1,"attendees":[{"email":"a@x.org","responseStatus":"needsAction"}]}"#;
    let new = r#"{"summary":"New","description":"D","updated":2,"attendees":[{"email":"C@x.org"},{"email":" A@X.org","responseStatus":"accepted"}]}"#;
    let line = "PATCH /calendars/c/events/e";
    let get = "GET /calendars/c/events/e";
    let events = play(GOOGLE, line, "{}").answer(get, 200, old).says(200, new).events();
    let actions: Vec<&str> = events.iter().map(|event| event.action.as_str()).collect();
    assert_eq!(actions, ["title", "add_guest", "response"]);
    assert_eq!(events[0].message.text, "Old became New");
    let title = changes(&events[0]);
    assert_eq!(title["summary"], json!({"label": "Title", "before": "Old", "after": "New"}));
    assert_eq!(title["description"], json!({"before": "d", "after": "D"}), "a left-over change");
    assert_eq!(
        changes(&events[1]),
        json!({"attendees[c@x.org]": {"label": "Guests", "after": {"email": "C@x.org"}}})
    );
    let response = &changes(&events[2])["attendees[a@x.org].responseStatus"];
    assert_eq!(*response, json!({"label": "Guests", "before": "needsAction", "after": "accepted"}));
    let quiet =
        play(GOOGLE, line, "{}").answer(get, 200, old).says(200, &old.replace("\"d\"", "\"e\"")).event();
    assert_eq!(
        (quiet.action.as_str(), changes(&quiet)),
        ("change", json!({"description": {"before": "d", "after": "e"}}))
    );
    assert_eq!(quiet.target.unwrap().id.as_deref(), Some("e"));
}

#[test]
fn a_write_that_changes_nothing_can_be_left_out_and_no_other_is() {
    let rules = r#"
resources: { room: { read: GET self, ignore: [updatedAt] } }
rules:
  - id: changed
    match: PUT /rooms/{id}
    when:
      - { "$.changes.*": { exists: true } }
      - { $.beforeState: { not: read } }
      - { $.after: { exists: false } }
      - { $.result: { not: success } }
    before: room
    after: $.response.body
    action: CHANGED
"#;
    let old = r#"{"name":"Red","seats":8,"tags":{"a":1,"b":2},"updatedAt":1}"#;
    let count = |read: u16, status: u16, new: &str| {
        let line = "PUT /rooms/5";
        play(rules, line, "{}").answer("GET /rooms/5", read, old).says(status, new).events().len()
    };
    // Equal but for what always differs, and for how it is written.
    assert_eq!(count(200, 200, r#"{"seats":8.0,"tags":{"b":2,"a":1},"updatedAt":2,"name":"Red"}"#), 0);
    assert_eq!(count(200, 200, &old.replace("Red", "Blue")), 1);
    assert_eq!(count(404, 201, old), 1, "created");
    assert_eq!(count(500, 200, old), 1, "not known what was there");
    assert_eq!(count(200, 204, ""), 1, "not known what is there");
    assert_eq!(count(200, 200, "{"), 1, "the same");
    assert_eq!((count(200, 403, "{}"), count(200, 500, "{}")), (1, 1), "attempts");
    // Without the condition, the event itself tells: it has no changes, though both sides are known.
    let told = play(GOOGLE, "PUT /calendars/c/events/e", "{}")
        .answer("GET /calendars/c/events/e", 200, old)
        .says(200, old)
        .event();
    assert_eq!((told.action.as_str(), told.before.state.as_str(), told.changes), ("change", "read", vec![]));
}

#[test]
fn a_calendar_object_is_created_or_changed() {
    let text = |title: &str| {
        format!(
            "BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nUID:u\r\nSUMMARY:{title}\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
        )
    };
    let line = "PUT /ada/home/u.ics";
    let put = || play(GOOGLE, line, &text("New")).header("content-type", "text/calendar");
    let created = put().answer("GET /ada/home/u.ics", 404, "").says(201, "").event();
    assert_eq!((created.action.as_str(), created.before.state.as_str()), ("create", "absent"));
    assert_eq!(created.target.unwrap().name.as_deref(), Some("New"));
    let changed = put().answer("GET /ada/home/u.ics", 200, &text("Old")).says(204, "").event();
    assert_eq!(changes(&changed), json!({"summary": {"label": "Title", "before": "Old", "after": "New"}}));
    let unsure = put().header("if-none-match", "*").says(201, "").event();
    assert_eq!(unsure.action, "create");
}
