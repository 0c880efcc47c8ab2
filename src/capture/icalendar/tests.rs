//! Calendar objects by data: Google's names, zones, what breaks RFC 5545, and what is made to hurt.

use proptest::prelude::*;

use super::*;
use crate::value::json;

fn object(lines: &[&str]) -> Parsed {
    parse(&format!("BEGIN:VCALENDAR\r\nVERSION:2.0\r\n{}\r\nEND:VCALENDAR\r\n", lines.join("\r\n")))
}

fn event(lines: &[&str]) -> Value {
    let inner: Vec<&str> = [&["BEGIN:VEVENT", "UID:a"], lines, &["END:VEVENT"]].concat();
    object(&inner).value.unwrap_or_default()
}

const INVITATION: &str = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nMETHOD:REQUEST\r\nBEGIN:VTIMEZONE\r\nTZID:Europe/Berlin\r\nBEGIN:STANDARD\r\nDTSTART:19701025T030000\r\nTZOFFSETFROM:+0200\r\nTZOFFSETTO:+0100\r\nEND:STANDARD\r\nEND:VTIMEZONE\r\nBEGIN:VEVENT\r\nUID:u1@x.org\r\nDTSTAMP:20260101T000000Z\r\nSUMMARY:Intro\\, with a long\r\n  tail\r\nDESCRIPTION:a\\nb\r\nLOCATION:Room 1\r\nDTSTART;TZID=Europe/Berlin:20260110T100000\r\nDURATION:PT1H30M\r\nSTATUS:CONFIRMED\r\nCLASS:PRIVATE\r\nSEQUENCE:2\r\nCATEGORIES:A,B\r\nRRULE:FREQ=WEEKLY;COUNT=1000000000;BYDAY=MO\r\nEXDATE;TZID=Europe/Berlin:20260117T100000,20260124T100000\r\nORGANIZER;CN=Ada:mailto:Ada@X.org\r\nATTENDEE;CN=\"Bob, B\";PARTSTAT=NEEDS-ACTION;ROLE=REQ-PARTICIPANT:MAILTO:Bob@x.org\r\nATTENDEE;PARTSTAT=DECLINED;CUTYPE=ROOM:mailto:c@x.org\r\nBEGIN:VALARM\r\nACTION:DISPLAY\r\nDESCRIPTION:wake\r\nTRIGGER:-PT5M\r\nEND:VALARM\r\nEND:VEVENT\r\nBEGIN:VEVENT\r\nUID:u1@x.org\r\nRECURRENCE-ID;TZID=Europe/Berlin:20260117T100000\r\nDTSTART;VALUE=DATE:20260118\r\nDTEND;VALUE=DATE:20260119\r\nSUMMARY:Moved\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n";

#[test]
fn a_calendar_object_has_googles_field_names() {
    // THREATS E28: the recurrence stays text.
    let document = parse(INVITATION);
    assert_eq!(document.doubts, []);
    let expected = json!({
        "component": "VEVENT", "method": "REQUEST", "iCalUID": "u1@x.org", "sequence": 2,
        "summary": "Intro, with a long tail", "description": "a\nb", "location": "Room 1",
        "reminders": {"overrides": [{"method": "popup", "minutes": 5}]},
        "start": {"dateTime": "2026-01-10T10:00:00", "timeZone": "Europe/Berlin"},
        "end": {"dateTime": "2026-01-10T11:30:00", "timeZone": "Europe/Berlin"},
        "status": "confirmed", "visibility": "private", "categories": ["A", "B"],
        "recurrence": [
            "RRULE:FREQ=WEEKLY;COUNT=1000000000;BYDAY=MO",
            "EXDATE;TZID=Europe/Berlin:20260117T100000,20260124T100000",
        ],
        "organizer": {"email": "ada@x.org", "displayName": "Ada"},
        "attendees": [
            {"email": "bob@x.org", "displayName": "Bob, B", "responseStatus": "needsAction", "role": "req-participant"},
            {"email": "c@x.org", "responseStatus": "declined", "type": "room"},
        ],
        "overrides": [{
            "component": "VEVENT", "iCalUID": "u1@x.org", "summary": "Moved",
            "recurrenceId": {"dateTime": "2026-01-17T10:00:00", "timeZone": "Europe/Berlin"},
            "start": {"date": "2026-01-18"}, "end": {"date": "2026-01-19"},
        }],
    });
    assert_eq!(document.value, Some(expected));
}

#[test]
fn broken_calendars_give_what_they_hold() {
    let check = |text: &str, summary: Option<&str>| {
        let document = parse(text);
        let found = document.value.as_ref().and_then(|value| value["summary"].as_str().map(str::to_owned));
        assert_eq!(found.as_deref(), summary, "{text}");
    };
    check("BEGIN:VCALENDAR\nBEGIN:VEVENT\nSUMMARY:A\n", Some("A"));
    check(
        "BEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART:rubbish\nDURATION:P9999999999D\nSUMMARY:A\nEND:VEVENT",
        Some("A"),
    );
    check("BEGIN:VCALENDAR\nEND:VCALENDAR\n", None);
    check("hello", None);
    let two = "BEGIN:VCALENDAR\nBEGIN:VEVENT\nUID:a\nSUMMARY:A\nEND:VEVENT\nBEGIN:VEVENT\nUID:a\nSUMMARY:B\nEND:VEVENT\nEND:VCALENDAR\n";
    assert_eq!(parse(two).doubts[0].code, NoteCode::BodyAmbiguous);
    let many = format!("BEGIN:VCALENDAR\n{}", "BEGIN:VEVENT\n".repeat(60_000));
    assert_eq!(parse(&many).value, None);
}

#[test]
fn a_zone_has_its_iana_name_where_there_is_one() {
    let check = |zone: &str, own: &str, expected: &str| {
        let start = format!("DTSTART;TZID={own}:20260110T100000");
        let component = ["BEGIN:VEVENT", "UID:a", &start, "END:VEVENT"];
        let value = object(&[&[zone][..], &component].concat()).value.unwrap();
        assert_eq!(value["start"]["timeZone"], expected, "{own}");
    };
    let custom = "BEGIN:VTIMEZONE\r\nTZID:Ours\r\nX-LIC-LOCATION:Europe/Vienna\r\nEND:VTIMEZONE";
    check(custom, "Ours", "Europe/Vienna");
    check(custom, "Theirs", "Theirs");
    check("X-A:b", "Europe/Berlin", "Europe/Berlin");
    check("X-A:b", "W. Europe Standard Time", "Europe/Berlin");
    check(
        "X-A:b",
        "/freeassociation.sourceforge.net/Europe/Paris",
        "/freeassociation.sourceforge.net/Europe/Paris",
    );
    check("X-A:b", "/softwarestudio.org/Olson_20011030_5/America/Chicago", "America/Chicago");
}

#[test]
fn each_kind_of_component_is_read() {
    let check = |kind: &str, lines: &[&str], member: &str, expected: Value| {
        let (begin, end) = (format!("BEGIN:{kind}"), format!("END:{kind}"));
        let value = object(&[&[begin.as_str(), "UID:a"][..], lines, &[end.as_str()]].concat()).value.unwrap();
        assert_eq!((&value["component"], &value[member]), (&json!(kind), &expected));
    };
    check("VEVENT", &["DTSTART;VALUE=DATE:20260110"], "start", json!({"date": "2026-01-10"}));
    check("VTODO", &["DUE:20260110T100000Z"], "due", json!({"dateTime": "2026-01-10T10:00:00Z"}));
    check("VJOURNAL", &["SUMMARY:x"], "summary", json!("x"));
    check("VFREEBUSY", &["DTSTART:20260110T100000Z"], "start", json!({"dateTime": "2026-01-10T10:00:00Z"}));
}

// THREATS E28
#[test]
fn folded_lines_and_quoted_parameters_are_what_rfc_5545_says() {
    let value = event(&[
        "SUMM",
        " ARY:a",
        "\tb",
        "ATTENDEE;CN=\"Eve:mailto:eve@x.org;PARTSTAT=DECLINED\";PARTSTAT=ACCEPTED:mailto:bob@x.org",
        "ORGANIZER;CN=\"A, B\":MAILTO:Ada@x.org",
        "DESCRIPTION:END:VEVENT\\nSUMMARY:c",
    ]);
    assert_eq!(value["summary"], "ab");
    let name = "Eve:mailto:eve@x.org;PARTSTAT=DECLINED";
    let bob = json!({"email": "bob@x.org", "displayName": name, "responseStatus": "accepted"});
    assert_eq!(value["attendees"], json!([bob]));
    assert_eq!(value["organizer"], json!({"email": "ada@x.org", "displayName": "A, B"}));
    assert_eq!(value["description"], "END:VEVENT\nSUMMARY:c");
}

// THREATS E28
#[test]
fn components_of_which_only_one_can_count_are_doubt() {
    let check = |components: &[&[&str]], doubts: usize| {
        let lines: Vec<&str> = components
            .iter()
            .flat_map(|lines| [&["BEGIN:VEVENT"], *lines, &["END:VEVENT"]].concat())
            .collect();
        let parsed = object(&lines);
        assert_eq!(parsed.doubts.len(), doubts, "{components:?}: {:?}", parsed.doubts);
        assert!(parsed.doubts.iter().all(|doubt| doubt.path.is_empty()));
    };
    let first = "RECURRENCE-ID:20260117T100000Z";
    check(&[&["UID:a"], &["UID:a", first], &["UID:a", "RECURRENCE-ID:20260124T100000Z"]], 0);
    check(&[&["UID:a"], &["UID:a"]], 1);
    check(&[&["UID:a"], &["UID:b", first]], 1);
    check(&[&["UID:a"], &["UID:b"]], 2);
    check(&[&["UID:a"], &["UID:a", first], &["UID:a", first]], 1);
    check(&[&["UID:a", first], &["UID:a", first]], 1);
}

// THREATS E28
#[test]
fn no_recurrence_is_expanded_and_sizes_have_limits() {
    let dense = "RRULE:FREQ=SECONDLY;COUNT=1000000000;BYSECOND=0,1,2,3;BYMINUTE=0,1,2;BYHOUR=0,1,2";
    let value = event(&["DTSTART:20260101T000000Z", dense]);
    assert_eq!(value["recurrence"].as_array().map(Vec::len), Some(1));
    assert!(value.to_string().len() < 500, "{value}");
    let many = "BEGIN:VEVENT\r\nUID:a\r\nEND:VEVENT\r\n".repeat(COMPONENTS_MAX + 1);
    let parsed = object(&[many.trim_end()]);
    assert!(parsed.doubts.iter().any(|doubt| doubt.code == NoteCode::BodyCut), "{:?}", parsed.doubts);
    let people = "ATTENDEE:mailto:a@x.org\r\n".repeat(PROPERTIES_MAX + 1);
    let parsed = object(&["BEGIN:VEVENT", "UID:a", people.trim_end(), "END:VEVENT"]);
    assert_eq!(parsed.doubts.len(), 1);
    let alarms = "BEGIN:VALARM\r\nACTION:EMAIL\r\nTRIGGER:-PT1H\r\nEND:VALARM\r\n".repeat(100);
    let value = event(&[alarms.trim_end()]);
    assert_eq!(value["reminders"]["overrides"].as_array().map(Vec::len), Some(ALARMS_MAX));
    assert_eq!(value["reminders"]["overrides"][0], json!({"method": "email", "minutes": 60}));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn nearly_calendars_are_survived(lines in proptest::collection::vec(
        "(BEGIN:VEVENT|END:VEVENT|BEGIN:VCALENDAR|DTSTART;VALUE=(DATE|RECUR|PERIOD|X):[0-9TZ]{0,16}|DURATION:-?P[0-9WDTHMS]{0,9}|RRULE:FREQ=(DAILY|X);[A-Z]{2,6}=[0-9A-Z,-]{0,9}|ATTENDEE;CN=\"[a-z:;,]{0,5}\"?:[a-zé:@]{0,12}|[A-Z;=:\" ]{0,20})", 0..12)) {
        let _ = parse(&format!("BEGIN:VCALENDAR\r\n{}", lines.join("\r\n")));
    }
}
