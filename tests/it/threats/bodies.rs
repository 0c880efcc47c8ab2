//! Bodies that say one thing to a lenient application and another to a strict reader. The rule looks at a
//! member, and the application acts on whatever it likes: the deed must be told, once.

use std::io::Write as _;
use std::sync::Arc;

use earwitness::event::{Certainty, Event, NoteCode};

use super::{Recorded, World, has};
use crate::gullible::Habits;
use crate::rig::App;

/// A role is given; anything else that is sent there is nobody's business.
const ROLES: &str = r#"version: 1
rules:
  - id: promoted
    match: POST /v2/bookings/{bookingUid}/cancel
    when: { $.request.body.role: ADMIN }
    action: CANCELLED
    target: { type: booking, id: $.path.bookingUid }
    details: { role: $.request.body.role }
"#;
const LINE: &str = "POST /v2/bookings/b1/cancel";
const JSON: &str = "Content-Type: application/json";
const FORM: &str = "Content-Type: application/x-www-form-urlencoded";
const PARTS: &str = "Content-Type: multipart/form-data; boundary=b";

fn world() -> World {
    World::with(Habits::STRICT, ROLES, |_| {})
}

fn head(id: &str, headers: &str, length: usize) -> String {
    format!(
        "{LINE} HTTP/1.1\r\nHost: x\r\nX-Request-Id: {id}\r\nContent-Length: {length}\r\n{headers}\r\n\r\n"
    )
}

fn send(world: &World, id: &str, headers: &str, body: &[u8]) {
    let mut request = head(id, headers, body.len()).into_bytes();
    request.extend_from_slice(body);
    let answer = world.rig.exchange(request);
    assert!(answer.contains(" 200 "), "{id}: {answer}");
}

/// Sends it and wants exactly one event, with a note.
fn told(world: &World, id: &str, headers: &str, body: &[u8]) -> Event {
    send(world, id, headers, body);
    let event = world.event_of(id);
    assert!(!event.notes.is_empty(), "{id} {headers}: {event:#?}");
    event
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn part(name: &str, value: &str) -> String {
    format!("--b\r\nContent-Disposition: form-data; {name}\r\n\r\n{value}\r\n")
}

#[test]
fn a_body_that_everybody_reads_alike_is_decided_without_doubt() {
    let world = world();
    let form = part("name=role", "USER") + "--b--\r\n";
    let cases = [(JSON, r#"{"role":"USER"}"#), (FORM, "role=USER"), (PARTS, form.as_str())];
    for (index, (headers, body)) in cases.iter().enumerate() {
        send(&world, &format!("user{index}"), headers, body.as_bytes());
        let id = format!("admin{index}");
        send(&world, &id, headers, body.replace("USER", "ADMIN").as_bytes());
        let event = world.event_of(&id);
        assert_eq!((event.r#match.certainty, event.notes.len()), (Certainty::Certain, 0), "{event:#?}");
    }
    assert_eq!(world.events().len(), cases.len());
}

// THREATS E17
#[test]
fn both_values_of_a_repeated_name_are_told_whichever_counts() {
    let world = world();
    let cases = [
        r#"{"role":"USER","role":"ADMIN"}"#,
        r#"{"role":"ADMIN","role":"USER"}"#,
        r#"{"role":"ADMIN","r\u006fle":"USER"}"#,
        r#"{"r\u006fle":"USER","role":"ADMIN"}"#,
    ];
    for (index, body) in cases.iter().enumerate() {
        let event = told(&world, &format!("r{index}"), JSON, body.as_bytes());
        let said = event.r#match.reasons.join(" ");
        assert!(said.contains("USER") && said.contains("ADMIN"), "{body}: {event:#?}");
    }
    world.assert_all_is_told();
}

// THREATS E18
#[test]
fn a_trick_in_a_field_that_nobody_reads_hides_nothing() {
    let world = world();
    let tricks = [
        "1e400",
        "-1e999",
        r#""\ud800""#,
        "NaN",
        "-Infinity",
        "01",
        "123456789012345678901234567890",
        "\"a\u{1}b\"",
        "1,",
        &format!("{}{}", "[".repeat(900), "]".repeat(900)),
    ];
    for (index, trick) in tricks.iter().enumerate() {
        let body = format!(r#"{{"role":"ADMIN","x":{trick}}}"#);
        told(&world, &format!("r{index}"), JSON, body.as_bytes());
    }
    let deep = format!(r#"{{"role":"ADMIN","x":{}{}}}"#, "[".repeat(511), "]".repeat(511));
    let text = r#"{"role":"ADMIN"}"#;
    // What every lenient reader takes for the same needs no note.
    let fine: [(&str, Vec<u8>); 6] = [
        ("deep", deep.into_bytes()),
        ("mark", format!("\u{feff}{text}").into_bytes()),
        ("little16", text.encode_utf16().flat_map(u16::to_le_bytes).collect()),
        ("big16", text.encode_utf16().flat_map(u16::to_be_bytes).collect()),
        ("little32", text.chars().flat_map(|c| u32::from(c).to_le_bytes()).collect()),
        ("big32", text.chars().flat_map(|c| u32::from(c).to_be_bytes()).collect()),
    ];
    for (id, body) in fine {
        send(&world, id, JSON, &body);
        assert_eq!(world.event_of(id).details["role"], "ADMIN", "{id}");
    }
    world.assert_all_is_told();
}

// THREATS E19
#[test]
fn a_name_in_another_case_is_told_with_its_value() {
    let world = world();
    for (index, name) in ["Role", "ROLE", "rolE"].iter().enumerate() {
        let event = told(&world, &format!("r{index}"), JSON, format!(r#"{{"{name}":"ADMIN"}}"#).as_bytes());
        assert_eq!(event.r#match.certainty, Certainty::Doubtful, "{name}");
        assert_eq!(event.details["role"], "ADMIN", "{name}: {event:#?}");
    }
    world.assert_all_is_told();
}

// THREATS E20, E21, E22
#[test]
fn a_label_that_is_wrong_doubled_or_unknown_hides_nothing() {
    let world = world();
    let (json, form) = (&br#"{"role":"ADMIN"}"#[..], &b"role=ADMIN"[..]);
    let cases: [(&str, &[u8]); 15] = [
        (FORM, json),
        (PARTS, json),
        ("Content-Type: text/html", json),
        ("Content-Type: application/xml", json),
        ("Content-Type: text/calendar", json),
        ("Content-Type: image/png", json),
        (JSON, form),
        ("Content-Type: image/png", form),
        ("Content-Type: application/json\r\nContent-Type: text/plain", json),
        ("Content-Type: application/json; charset=utf-8; charset=utf-7", json),
        ("Content-Type: application/json; charset=utf-16", json),
        ("Content-Type: application/json\r\nContent-Encoding: gzip", json),
        ("Content-Type: application/json\r\nContent-Encoding: br, gzip", json),
        ("Content-Type: application/json\r\nContent-Encoding: x-foo", json),
        ("Content-Type: application/json\r\nContent-Encoding: gzip", &gzip(json)[..8]),
    ];
    for (index, (headers, body)) in cases.iter().enumerate() {
        let event = told(&world, &format!("r{index}"), headers, body);
        assert_eq!(event.r#match.certainty, Certainty::Doubtful, "{headers}");
    }
    let stacked = "Content-Type: application/json\r\nContent-Encoding: gzip, gzip";
    send(&world, "stacked", stacked, &gzip(&gzip(json)));
    assert_eq!(world.event_of("stacked").r#match.certainty, Certainty::Certain);
    world.assert_all_is_told();
}

// THREATS E23
#[test]
fn a_multipart_form_that_readers_split_differently_hides_nothing() {
    let world = world();
    let admin = part("name=role", "ADMIN") + "--b--\r\n";
    let user = part("name=role", "USER");
    let with = |piece: String| piece + &admin;
    let cases = [
        (PARTS, with(user.clone())),
        (PARTS, format!("{admin}{}--b--\r\n", part("name=role", "USER"))),
        (PARTS, admin.replace('\r', "")),
        (PARTS, format!("role=USER\r\n{admin}")),
        (PARTS, admin.replace("--b--\r\n", "")),
        (PARTS, admin.replace("ADMIN", "USER\r\n--bc\r\nADMIN")),
        (
            PARTS,
            admin.replace("ADMIN", "USER\r--b\r\nContent-Disposition: form-data; name=role\r\n\r\nADMIN"),
        ),
        (PARTS, admin.replace("name=role", "name=\"role")),
        (PARTS, admin.replace("name=role", "name=x; name=role")),
        (PARTS, admin.replace("name=role", "name=role; filename*=utf-8''x")),
        (PARTS, admin.replace("name=role", "name*=utf-8''role")),
        (PARTS, admin.replace("\r\n\r\nADMIN", "\r\nContent-Transfer-Encoding: base64\r\n\r\nQURNSU4=")),
        (PARTS, admin.replace("name=role\r\n", "name=role\r\nContent-Type: multipart/mixed; boundary=c\r\n")),
        ("Content-Type: multipart/form-data; boundary=a; boundary=b", admin.clone()),
        ("Content-Type: multipart/form-data; boundary=b; boundary=a", admin.replace("--b", "--a")),
        ("Content-Type: multipart/form-data; boundary=\"\"", admin.clone()),
        ("Content-Type: multipart/form-data", admin.clone()),
        ("Content-Type: multipart/form-data; boundary=\"b", admin.clone()),
    ];
    for (index, (headers, body)) in cases.iter().enumerate() {
        told(&world, &format!("r{index}"), headers, body.as_bytes());
    }
    world.assert_all_is_told();
}

// THREATS E24
#[test]
fn padding_hides_no_field_wherever_it_stands() {
    let limit = 32 << 10;
    let world = World::with(Habits::STRICT, ROLES, |config| config.limits.capture_bytes_max = limit);
    let field = r#""role":"ADMIN""#;
    let at = |offset: usize| {
        let pad = |length: usize| "x".repeat(length);
        match offset.checked_sub(8) {
            None => format!(r#"{{{field},"p":"{}"}}"#, pad(3 * limit)),
            Some(before) => format!(r#"{{"p":"{}",{field},"q":"{}"}}"#, pad(before), pad(limit)),
        }
    };
    for offset in [0, limit - 1, limit + 1, 3 * limit] {
        let event = told(&world, &format!("at{offset}"), JSON, at(offset).as_bytes());
        assert_eq!(event.r#match.certainty, Certainty::Doubtful);
        assert!(has(&event, NoteCode::BodyCut), "{offset}: {event:#?}");
    }
    let keys: String = (0..100_000).map(|n| format!("\"k{n}\":1,")).collect();
    told(&world, "keys", JSON, format!("{{{keys}{field}}}").as_bytes());
    world.assert_all_is_told();
}

// THREATS E25
#[test]
fn small_bodies_are_whole_however_much_others_send() {
    let world = World::with(Habits::STRICT, ROLES, |config| {
        config.limits.capture_bytes_max = 256 << 10;
        config.limits.capture_total_bytes_max = 1 << 20;
        config.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()];
    });
    let large = format!(r#"{{"role":"ADMIN","p":"{}"}}"#, "x".repeat(200 << 10));
    let headers = |client: usize| format!("{JSON}\r\nX-Forwarded-For: 10.0.0.{client}");
    // Three clients with eight bodies each, all but the last byte: their copies hold what they can.
    let (most, last) = large.split_at(large.len() - 1);
    let mut greedy: Vec<_> = (0..24)
        .map(|index| {
            let mut wire = world.rig.connect();
            wire.send(head(&format!("large{index}"), &headers(index % 3), large.len()) + most);
            wire
        })
        .collect();
    let small = format!(r#"{{"p":"{}","role":"ADMIN"}}"#, "x".repeat(15 << 10));
    for index in 0..25 {
        let id = format!("small{index}");
        send(&world, &id, &headers(index), small.as_bytes());
        let event = world.event_of(&id);
        assert_eq!((event.r#match.certainty, event.notes.len()), (Certainty::Certain, 0), "{event:#?}");
    }
    let mut cut = 0;
    for (index, wire) in greedy.iter_mut().enumerate() {
        wire.send(last);
        assert!(wire.read_message().contains(" 200 "));
        let event = world.event_of(&format!("large{index}"));
        let is_cut = has(&event, NoteCode::BodyCut);
        cut += usize::from(is_cut);
        assert_eq!(event.r#match.certainty == Certainty::Doubtful, is_cut, "{event:#?}");
    }
    assert!(cut > 0, "the budget was never used up");
    world.assert_all_is_told();
}

// THREATS E26
#[test]
fn a_large_number_is_told_as_sent() {
    let rules = ROLES.replace("details: { role: $.request.body.role }", "details: { id: $.request.body.id }");
    let world = World::with(Habits::STRICT, &rules, |_| {});
    let check = |id: &str, sent: &str, kept: serde_json::Value| {
        send(&world, id, JSON, format!(r#"{{"role":"ADMIN","id":{sent}}}"#).as_bytes());
        assert_eq!(world.event_of(id).details["id"], kept, "{sent}");
    };
    check("a", "9007199254740993", serde_json::json!(9_007_199_254_740_993_u64));
    check("b", "9007199254740993.0", serde_json::json!("9007199254740993.0"));
    check("c", "123456789012345678901", serde_json::json!("123456789012345678901"));
    check("d", "1.5", serde_json::json!(1.5));
}

// THREATS E31
#[test]
fn fields_behind_a_body_that_pose_as_its_head_are_taken_out_and_told() {
    let app = App::scripted(|wire| {
        while wire.next_request().is_some() {
            wire.send(
                "HTTP/1.1 200 OK\r\nTrailer: Set-Cookie, X-Sum\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\
                 Set-Cookie: a=b\r\nX-Sum: 1\r\n\r\n",
            );
        }
    });
    let rules = "version: 1\nrules: [{ id: told, match: POST /a, action: TOLD }]";
    let recorded = Recorded::before(app.address, rules, |_| {}, |auditor| Arc::new(auditor));
    let behind = |id: &str, trailers: &str| {
        let answer = recorded.rig.exchange(format!(
            "POST /a HTTP/1.1\r\nHost: x\r\nX-Request-Id: {id}\r\nTE: trailers\r\nConnection: TE\r\n\
             Trailer: Authorization, X-Sum\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n{trailers}\r\n"
        ));
        assert!(answer.ends_with("0\r\nX-Sum: 1\r\n\r\n"), "{answer}");
        let notes = recorded.event_of(id).notes;
        let told = notes.into_iter().filter(|note| note.code == NoteCode::TrailerDropped);
        told.map(|note| note.detail.unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(behind("a", "Authorization: x\r\nX-Sum: 7\r\n"), ["authorization", "response: set-cookie"]);
    assert_eq!(behind("b", "X-Sum: 7\r\n"), ["response: set-cookie"]);
    let requests = app.requests();
    assert!(requests.iter().all(|request| request.ends_with("0\r\nX-Sum: 7\r\n\r\n")), "{requests:?}");
}
