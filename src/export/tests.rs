//! Every form of export, from the same events.

use serde_json::{Value, json};

use super::*;

fn event(sequence: u64, actor: &str) -> String {
    json!({
        "sequence": sequence, "leaf": format!("{sequence:02x}"), "salt": "00",
        "format": 1, "id": uuid::Uuid::from_u128(u128::from(sequence)), "time": "2026-01-31T08:00:00Z",
        "exchangeId": uuid::Uuid::nil(), "action": "RESCHEDULED", "type": "RECORD_UPDATED", "title": "Moved",
        "message": { "text": "Moved by hand", "parts": [] },
        "actor": { "type": "user", "id": "4", "name": actor, "assurance": "verified" },
        "target": { "type": "booking", "id": "b-4" }, "result": "denied", "before": { "state": "none" },
        "changes": [{ "field": "start", "before": -1, "after": null }], "client": { "ip": "127.0.0.1" },
        "request": { "id": "1", "method": "POST", "url": "http://office.example.org/b" },
        "response": { "status": 403, "durationMs": 3 }, "rule": { "id": "r", "version": "1" },
        "match": { "certainty": "certain", "by": "raw" },
    })
    .to_string()
}

fn facts(filter: &[(&str, &str)]) -> Facts {
    let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    let log = Place::of(&event(9, "x")).ok();
    Facts::new("2026-02-01T00:00:00Z".parse().unwrap(), filter.iter().map(owned).collect(), None, false, log)
}

fn shape(format: Format, columns: &[&str], telltale: Telltale) -> Shape {
    Shape::new(format, columns, None, telltale).unwrap()
}

fn exported(shape: Shape, facts: Facts, events: &[String]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut encoder = Encoder::new(shape, facts, &mut out).unwrap();
    events.iter().for_each(|event| encoder.put(event, &mut out).unwrap());
    assert_eq!(encoder.count(), events.len() as u64);
    encoder.finish(&mut out).unwrap();
    out
}

fn text(format: Format, columns: &[&str], telltale: Telltale, events: &[String]) -> String {
    String::from_utf8(exported(shape(format, columns, telltale), facts(&[]), events)).unwrap()
}

#[test]
fn each_form_holds_all_events_in_their_order() {
    let events = [event(5, "A, \"B\""), event(2, "=1")];
    let check = |format, columns: &[&str], expected: &str| {
        assert_eq!(text(format, columns, Telltale::No, &events), expected);
    };
    check(Format::Ndjson, &[], &format!("{}\n{}\n", events[0], events[1]));
    check(Format::Json, &[], &format!("{{\"data\":[\n{},\n{}\n]}}\n", events[0], events[1]));
    let few = ["sequence", "actor.name", "nothing", "changes", "actor"];
    let actor = |name: &str| json!({ "type": "user", "id": "4", "name": name, "assurance": "verified" });
    let line = |sequence: u64, name: &str| {
        let line = json!({ "sequence": sequence, "actor.name": name, "changes": [{ "field": "start", "before": -1, "after": null }], "actor": actor(name) });
        serde_json::from_str::<Value>(&line.to_string()).unwrap()
    };
    let lines = text(Format::Ndjson, &few, Telltale::No, &events);
    let lines: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines, [line(5, "A, \"B\""), line(2, "=1")]);
    let sheet =
        "\"sequence\",\"actor.name\",\"none\"\r\n\"5\",\"A, \"\"B\"\"\",\"\"\r\n\"2\",\"'=1\",\"\"\r\n";
    check(Format::Csv, &["sequence", "actor.name", "none"], sheet);
    assert_eq!(text(Format::Json, &[], Telltale::No, &[]), "{\"data\":[\n]}\n");
}

// THREATS X03
#[test]
fn a_file_says_what_was_asked_for_and_how_it_ends() {
    let events = [event(5, "a"), event(2, "b")];
    let filtered = exported(shape(Format::Ndjson, &[], Telltale::Yes), facts(&[("action", "X")]), &events);
    let lines: Vec<&[u8]> = filtered.split(|byte| *byte == b'\n').collect();
    assert_eq!(lines.len(), 5);
    let log = Place::of(&event(9, "")).ok();
    assert_eq!(told(lines[0]), Some(Telling::Start { is_part: true, log }));
    assert_eq!((told(lines[1]), told(lines[2])), (None, None));
    assert_eq!(told(lines[3]), Some(Telling::End { count: 2 }));
    let whole: Value = serde_json::from_str(&text(Format::Json, &[], Telltale::Yes, &events)).unwrap();
    assert_eq!((&whole["export"]["filter"], &whole["end"]["count"]), (&json!({}), &json!(2)));
    assert_eq!(whole["data"].as_array().unwrap().len(), 2);
    let sheet = text(Format::Csv, &["id", "time"], Telltale::Yes, &events);
    let last = sheet.lines().last().unwrap();
    assert!(
        last.starts_with("\"End of the export. Events: 2. Asked for: all events.") && last.ends_with(",\"\""),
        "{last}"
    );
    assert!(last.contains("Newest: event 5 of") && last.contains("The log stood at: event 9 of"), "{last}");
}

// THREATS X03
#[test]
fn a_file_that_lacks_what_it_says_is_not_whole() {
    let lines = text(Format::Ndjson, &[], Telltale::Yes, &[event(5, "a"), event(2, "b")]);
    let lines: Vec<&str> = lines.lines().collect();
    let check = |lines: &[&str], expected: &[&str]| {
        let mut wholeness = Wholeness::default();
        let events = lines.iter().filter(|line| wholeness.take(line.as_bytes())).count();
        assert_eq!(events, lines.iter().filter(|line| !line.starts_with("{\"earwitness")).count());
        assert_eq!(wholeness.finish(), expected);
    };
    check(&lines, &[]);
    check(&lines[1..3], &[]);
    check(&lines[..3], &["the export has no end: it broke off, or was cut"]);
    check(&[lines[0], lines[1], lines[3]], &["the export says that it has 2 events, and has 1"]);
    check(&[&lines[..], &lines[1..2]].concat(), &["something stands behind the end of the export"]);
    check(
        &[&lines[..2], &lines[..]].concat(),
        &["another export begins within this one", "the export says that it has 2 events, and has 3"],
    );
}

#[test]
fn a_dialect_says_what_separates() {
    let check = |dialect, expected: &str| {
        let shape = Shape::new(Format::Csv, &["id", "time"], Some(dialect), Telltale::No).unwrap();
        assert_eq!(String::from_utf8(exported(shape, facts(&[]), &[])).unwrap(), expected);
    };
    check(Dialect::Comma, "\"id\",\"time\"\r\n");
    check(Dialect::Semicolon, "\u{feff}\"id\";\"time\"\r\n");
    check(Dialect::Sep, "sep=,\r\n\"id\",\"time\"\r\n");
}

#[test]
fn wishes_that_a_format_cannot_meet_are_told_together() {
    let check = |format, columns: &[&str], dialect, expected: &[&str]| {
        let odd = Shape::new(format, columns, dialect, Telltale::Yes).unwrap_err();
        assert_eq!(odd.iter().map(|odd| odd.wish).collect::<Vec<_>>(), expected, "{odd:?}");
    };
    check(Format::Ocsf, &["id"], Some(Dialect::Sep), &["columns", "dialect"]);
    check(Format::Csv, &["a..b"], None, &["columns"]);
    check(Format::Csv, &[""], None, &["columns"]);
    check(Format::Ndjson, &vec!["a"; 201], None, &["columns"]);
    check(Format::Xlsx, &[&"a.".repeat(100)], None, &["columns"]);
}

#[test]
fn cloud_events_hold_the_event_and_say_where_they_end() {
    let lines = text(Format::CloudEvents, &[], Telltale::Yes, &[event(5, "a")]);
    let lines: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 2);
    let data: Value = serde_json::from_str(&event(5, "a")).unwrap();
    let expected = json!({
        "specversion": "1.0", "id": data["id"], "source": "http://office.example.org",
        "type": "earwitness.audit.RESCHEDULED", "subject": "booking/b-4", "time": "2026-01-31T08:00:00Z",
        "sequence": "00000000000000000005", "datacontenttype": "application/json", "data": data,
    });
    assert_eq!(lines[0], expected);
    assert_eq!(
        (&lines[1]["type"], &lines[1]["data"]["end"]["count"]),
        (&json!("earwitness.export.end"), &json!(1))
    );
}

#[test]
fn ocsf_says_who_did_what_to_what_and_how_it_ended() {
    let lines = text(Format::Ocsf, &[], Telltale::Yes, &[event(5, "Ada")]);
    let lines: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let (one, end) = (&lines[0], &lines[1]);
    for (pointer, expected) in [
        ("/class_uid", json!(6003)),
        ("/type_uid", json!(600_303)),
        ("/activity_id", json!(3)),
        ("/status_id", json!(2)),
        ("/status_detail", json!("denied")),
        ("/time", json!(1_769_846_400_000_u64)),
        ("/actor/user/name", json!("Ada")),
        ("/actor/user/uid", json!("4")),
        ("/src_endpoint/ip", json!("127.0.0.1")),
        ("/resources/0/uid", json!("b-4")),
        ("/api/operation", json!("RESCHEDULED")),
        ("/http_response/code", json!(403)),
        ("/metadata/sequence", json!(5)),
        ("/unmapped/earwitness/changes/0/field", json!("start")),
    ] {
        assert_eq!(one.pointer(pointer), Some(&expected), "{pointer}");
    }
    assert_eq!((&end["class_uid"], &end["unmapped"]["end"]["count"]), (&json!(0), &json!(1)));
}
