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
    assert_eq!(told(lines[0]), Some(Telling::Start { is_part: true, is_scoped: false, log, signed: None }));
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
fn a_table_says_in_its_end_what_was_asked_for_and_how_it_ends() {
    use parquet::file::reader::{FileReader as _, SerializedFileReader};
    let check = |telltale, expected: usize| {
        let file = exported(shape(Format::Parquet, &[], telltale), facts(&[]), &[event(5, "a")]);
        let half = bytes::Bytes::copy_from_slice(&file[..file.len() / 2]);
        assert!(SerializedFileReader::new(half).is_err(), "one that was cut opens nowhere");
        let read = SerializedFileReader::new(bytes::Bytes::from(file)).unwrap();
        let metadata = read.metadata().file_metadata();
        let told = metadata.key_value_metadata().cloned().unwrap_or_default();
        let told = told.iter().filter_map(|pair| told_by(pair.value.as_deref()?));
        assert_eq!((told.count(), metadata.num_rows()), (expected, 1));
    };
    let log = Place::of(&event(9, "")).ok();
    let expected = Telling::Start { is_part: false, is_scoped: false, log, signed: None };
    assert_eq!(told_by(&facts(&[]).start()), Some(expected));
    check(Telltale::Yes, 2);
    check(Telltale::No, 0);
}

fn told_by(line: &str) -> Option<Telling> {
    told(line.as_bytes())
}

// THREATS X03
#[test]
fn a_file_that_lacks_what_it_says_is_not_whole() {
    let lines = text(Format::Ndjson, &[], Telltale::Yes, &[event(5, "a"), event(2, "b")]);
    let lines: Vec<&str> = lines.lines().collect();
    let check = |lines: &[&str], expected: &[&str]| {
        let mut wholeness = Wholeness::default();
        let events = lines.iter().filter(|line| wholeness.take(line.as_bytes()) == Taken::Event).count();
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

// THREATS S01
#[test]
fn what_is_left_out_has_a_line_and_a_checkpoint_stands_before_it() {
    let signed = Signed { checkpoint: "log\n9\n".to_owned(), keys: "key\n".to_owned() };
    let between = |first, last| Between { first, last, hashes: vec!["00".repeat(32)] };
    let mut out = Vec::new();
    let facts = facts(&[("action", "X")]).signed_by(Some(signed.clone()));
    let mut encoder = Encoder::new(shape(Format::Ndjson, &[], Telltale::Yes), facts, &mut out).unwrap();
    let mut cover = Cover::of(9);
    for sequence in [9, 5, 4, 2] {
        let left_out = cover.pass(sequence);
        let expected = [(5, Some((6, 8))), (2, Some((3, 3)))];
        let expected = expected.iter().find(|(at, _)| *at == sequence).and_then(|(_, left_out)| *left_out);
        assert_eq!(left_out, expected, "{sequence}");
        left_out.iter().for_each(|(first, last)| encoder.put_between(&between(*first, *last), &mut out));
        encoder.put(&event(sequence, "a"), &mut out).unwrap();
    }
    assert_eq!((cover.rest(), Cover::of(0).rest()), (Some((1, 1)), None));
    encoder.put_between(&between(1, 1), &mut out);
    encoder.finish(&mut out).unwrap();
    let mut wholeness = Wholeness::default();
    let taken: Vec<Taken> = out
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
        .map(|line| wholeness.take(line))
        .collect();
    let (event, left) = (Taken::Event, |first, last| Taken::Between(between(first, last)));
    let expected = [
        Taken::Telling,
        event.clone(),
        left(6, 8),
        event.clone(),
        event.clone(),
        left(3, 3),
        event,
        left(1, 1),
        Taken::Telling,
    ];
    assert_eq!(taken, expected);
    assert_eq!((wholeness.signed().cloned(), wholeness.finish()), (Some(signed), vec![]));
}

#[test]
fn what_can_be_proven_is_and_what_cannot_is_told() {
    let check = |shape: Shape, asked, reach, expected: Option<Proof>| {
        assert_eq!(shape.proof(asked, reach).ok(), expected, "{shape:?} {asked:?} {reach:?}");
    };
    let plain = || shape(Format::Ndjson, &[], Telltale::Yes);
    check(plain(), None, Reach::Whole, Some(Proof::Yes));
    check(plain(), None, Reach::Part, Some(Proof::No));
    check(plain(), Some(Proof::Yes), Reach::Part, Some(Proof::Yes));
    check(plain(), Some(Proof::No), Reach::Whole, Some(Proof::No));
    for shape in [
        shape(Format::Json, &[], Telltale::Yes),
        shape(Format::Ndjson, &["id"], Telltale::Yes),
        shape(Format::Ndjson, &[], Telltale::No),
    ] {
        check(shape.clone(), None, Reach::Whole, Some(Proof::No));
        check(shape, Some(Proof::Yes), Reach::Whole, None);
    }
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
    check(Format::Parquet, &["a."], Some(Dialect::Comma), &["columns", "dialect"]);
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
