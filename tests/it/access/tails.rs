//! What a reader's tail holds back: it goes on while others act.

use std::io::{BufRead as _, BufReader};

use super::*;

/// The notes that come by a tail, as they come.
fn tail(office: &Office, token: &str) -> impl Iterator<Item = Value> + use<> {
    let mut stream = TcpStream::connect(office.process.audit).unwrap();
    let head = format!("GET /audit/v1/tail HTTP/1.1\r\nhost: localhost\r\n{}\r\n", bearer(token));
    stream.write_all(head.as_bytes()).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let mut lines = BufReader::new(stream).lines().map(Result::unwrap);
    let head: Vec<String> = lines.by_ref().take_while(|line| !line.is_empty()).collect();
    assert!(head[0].starts_with("HTTP/1.1 200"), "{head:?}");
    lines.filter_map(|line| Some(serde_json::from_str(line.strip_prefix("data: ")?).unwrap()))
}

// THREATS Q01
#[test]
fn a_tail_of_who_sees_a_part_tells_nothing_of_the_others() {
    let office = Office::open(&format!("token: {HOLDER}"));
    let kinds = ["team:t1", "organization:acme", "target:note/mine", "auditor"];
    let tokens = kinds.map(|grant| office.token(grant, &["--grant", grant]));
    office.until(tokens.last().unwrap(), 200);
    let mut tails = tokens.map(|token| tail(&office, &token));
    for (whose, id) in
        [("other/t9", "theirs"), ("acme/t2", "beside"), ("notes", "nobodys"), ("acme/t1", "mine")]
    {
        office.note(whose, id);
    }
    let last: [&[&str]; 4] =
        [&["mine"], &["beside", "mine"], &["mine"], &["theirs", "beside", "nobodys", "mine"]];
    for ((kind, tail), expected) in kinds.iter().zip(&mut tails).zip(last) {
        // In the order in which they were recorded: what came before the last and is not among them was held back.
        let notes = tail.filter(|event| event["action"] == "NOTE_ADDED");
        let seen: Vec<Value> = notes.take(expected.len()).collect();
        let ids: Vec<&str> = seen.iter().filter_map(|event| event["target"]["id"].as_str()).collect();
        assert_eq!(ids, expected, "{kind}");
    }
}
