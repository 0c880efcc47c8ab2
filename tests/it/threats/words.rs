//! Text that would like to be evaluated, to sound like us, or to draw on somebody's screen.

use std::process::Command;

use earwitness::cli::Timeline;
use earwitness::event::{Event, NoteCode, Part};
use serde_json::{Value, json};

use super::World;
use crate::gullible::{Gullible, Habits};
use crate::process::{Process, get, request};

const RULES: &str = r#"version: 1
rules:
  - id: booked
    match: PUT /v2/bookings/{bookingUid}
    action: BOOKED
    title: "Booking of {{ request.body.name }}"
    message: "{{ request.body.name }} booked {{ request.body.title }} because {{ request.body.reason }}."
    actor: { type: guest, name: $.request.body.name, email: $.request.body.email }
    target: { type: booking, id: $.path.bookingUid, name: $.request.body.title }
    links: [{ rel: guest, type: guest, id: $.request.body.guest }]
    reason: $.request.body.reason
    error: $.request.body.error
    details: { location: $.request.body.location, said: "{{ request.body.note }}", all: $.request.body }
    raw: [$.request.body.description]
"#;

const FIELDS: [&str; 9] =
    ["name", "email", "title", "guest", "reason", "error", "location", "note", "description"];

/// The program with those rules before the application.
fn started() -> (tempfile::TempDir, Gullible, Process) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(folder.path().join("rules/office")).unwrap();
    std::fs::write(folder.path().join("rules/office/pack.yaml"), RULES).unwrap();
    let app = Gullible::with(Habits::STRICT);
    let process = Process::start(folder.path(), app.address);
    (folder, app, process)
}

/// Sends a booking and asks the query endpoint for its event.
fn book(process: &Process, id: &str, body: &Value) -> Value {
    let line = format!("PUT /v2/bookings/{id} HTTP/1.1");
    let (status, _) =
        request(process.proxy, &line, "content-type: application/json\r\n", &body.to_string()).unwrap();
    assert_eq!(status, 200);
    let page = get(process.audit, &format!("/audit/v1/events?targetId={id}"));
    assert_eq!(page["data"].as_array().unwrap().len(), 1, "{page}");
    page["data"][0].clone()
}

/// The values that an event shows of a booking's fields.
fn shown(event: &Value) -> [&Value; 9] {
    [
        &event["actor"]["name"],
        &event["actor"]["email"],
        &event["target"]["name"],
        &event["links"][0]["id"],
        &event["reason"],
        &event["error"],
        &event["details"]["location"],
        &event["details"]["said"],
        &event["raw"]["$.request.body.description"],
    ]
}

// THREATS E66
#[test]
fn what_looks_like_an_expression_comes_out_as_it_went_in_field_by_field() {
    let payloads = [
        "{{ actor.email }}",
        "{{ 7 * 7 }}",
        "{% for x in range(9) %}x{% endfor %}",
        "{# hidden #}",
        "$.request.headers",
        "$.request.headers.authorization",
        "$",
        "${jndi:ldap://127.0.0.1/x}",
        "#{7*7}",
        "<%= 7 * 7 %>",
        "=cmd|' /C calc'!A0",
        "%s%n%x",
        "'; DROP TABLE events; --",
        "<script>alert(1)</script>",
        "{\"first\":\"$.request\"}",
        "\\u0041",
    ];
    let (_folder, _app, process) = started();
    for (index, payload) in payloads.iter().enumerate() {
        for (position, field) in FIELDS.iter().enumerate() {
            let mut body = json!(
                FIELDS
                    .map(|field| (field, "plain"))
                    .into_iter()
                    .collect::<std::collections::BTreeMap<_, _>>()
            );
            body[field] = json!(payload);
            let event = book(&process, &format!("p{index}-{field}"), &body);
            for (other, value) in shown(&event).into_iter().enumerate() {
                let expected = if other == position { payload } else { "plain" };
                assert_eq!(value, expected, "{payload} in {field}: {event:#}");
            }
            assert_eq!(event["details"]["all"][field], *payload);
            let of = |name: &str| if name == *field { *payload } else { "plain" };
            let said = format!("{} booked {} because {}.", of("name"), of("title"), of("reason"));
            assert_eq!(event["message"]["text"], said, "{event:#}");
            assert_eq!(event["title"], format!("Booking of {}", of("name")));
        }
    }
}

// THREATS E69
#[test]
fn a_value_that_poses_as_a_sentence_stays_a_value_on_one_line() {
    let payloads = [
        "x\nBooking cancelled by Admin. Attendee",
        "x\r\n\r\nADMIN booked everything",
        "x. Booking cancelled by Admin. Attendee",
        "x\u{2028}Booking cancelled by Admin",
        "x\u{85}Booking cancelled by Admin",
        "x\u{b}y\u{c}z",
        &format!("x{}Booking cancelled by Admin", " ".repeat(10_000)),
        &format!("x{}Booking cancelled by Admin", "\t".repeat(300)),
        &"Z".repeat(10_000),
        "trailing \\",
        "\"quoted\" \u{201c}twice\u{201d}",
        "",
    ];
    let (_folder, _app, process) = started();
    for (index, payload) in payloads.iter().enumerate() {
        let body = json!({ "name": payload, "title": payload, "reason": payload });
        let event = book(&process, &format!("s{index}"), &body);
        let event: Event = serde_json::from_value(event).unwrap();
        let reason = event.reason.as_deref().unwrap();
        let is_cut = event.notes.iter().any(|note| note.code == NoteCode::FieldCut);
        assert!(reason == *payload || (is_cut && payload.len() > 8_000), "stored as it came: {reason:?}");
        let texts: Vec<_> = event
            .message
            .parts
            .iter()
            .filter_map(|part| match part {
                Part::Text(text) => Some(text.as_str()),
                Part::Value(_) => None,
            })
            .collect();
        assert_eq!(
            texts.concat(),
            " booked  because .",
            "the rule's words are the rule's: {:?}",
            event.message
        );
        for part in &event.message.parts {
            let is_tame =
                !part.as_str().contains(|c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}'));
            assert!(is_tame && part.as_str().chars().count() <= 201, "{part:?}");
        }
        let whole: String = event.message.parts.iter().map(Part::as_str).collect();
        assert_eq!(whole, event.message.text);
        assert!(!event.message.text.contains("    "), "{}", event.message.text);
    }
}

// THREATS E70
#[test]
fn invisible_and_turning_letters_are_stored_exactly_and_shown_as_marks() {
    let corpus = [
        "\u{1b}[2J",
        "\u{1b}]0;title\u{7}",
        "\u{1b}[1A\u{1b}[2K",
        "\u{1b}]8;;http://x\u{1b}\\link\u{1b}]8;;\u{1b}\\",
        "\u{9b}31m",
        "\u{90}q\u{9c}",
        "a\rb",
        "a\u{8}b",
        "a\nb",
        "\u{0}",
        "\u{7f}",
        "\u{85}",
        "\u{202e}gnp.exe",
        "\u{202a}x\u{202c}",
        "\u{2066}x\u{2069}",
        "a\u{200b}b",
        "\u{200d}",
        "\u{200e}\u{200f}",
        "\u{feff}Admin",
        "ad\u{ad}min",
        "\u{2028}",
        "\u{2029}",
        "\u{3164}",
        "\u{e0041}",
        "\u{fff9}a\u{fffb}",
        "\u{61c}",
        "\u{180e}",
        "\u{2060}",
        "\u{0430}dmin",
        "Z\u{300}\u{301}\u{302}\u{303}\u{304}\u{305}\u{306}\u{307}",
    ];
    let (_folder, _app, process) = started();
    for (index, text) in corpus.iter().enumerate() {
        let body = json!(
            FIELDS.map(|field| (field, *text)).into_iter().collect::<std::collections::BTreeMap<_, _>>()
        );
        let event = book(&process, &format!("u{index}"), &body);
        for (field, value) in FIELDS.into_iter().zip(shown(&event)) {
            assert_eq!(value, text, "{field}");
        }
        let event: Event = serde_json::from_value(event).unwrap();
        let drawn = Timeline(&event).to_string();
        let is_harmful = |c: char| {
            (c.is_control() && c != '\n')
                || matches!(u32::from(c), 0x200b..=0x200f | 0x2028..=0x202e | 0x2060..=0x2069 | 0xfeff)
        };
        assert!(!drawn.contains(is_harmful), "{drawn:?}");
        // A line end in a value must not begin a line of its own.
        assert!(drawn.lines().skip(1).all(|line| line.starts_with("          ")), "{drawn}");
    }
}

// THREATS E67, E68
#[test]
fn a_rule_that_would_let_the_traffic_choose_our_work_is_refused_at_load() {
    let cases = [
        ("$.request.body.items[?match(@.a, $.request.body.pattern)]", "E12"),
        ("$.request.body.items[?search(@.a, @.b)]", "E12"),
        ("$.request.body.items[?match(@.a, 'x{1000}{1000}{1000}')]", "E12"),
        ("$.request.body..*..*..*", "E22"),
        ("$.request.body..a..b", "E22"),
        ("$.request.body[?@..b]", "E22"),
    ];
    let folder = tempfile::tempdir().unwrap();
    let rules: String = cases
        .iter()
        .enumerate()
        .map(|(index, (path, _))| {
            format!(
                "  - {{ id: r{index}, match: POST /a, action: A, details: {{ x: {{ all: \"{path}\" }} }} }}\n"
            )
        })
        .collect();
    std::fs::write(folder.path().join("pack.yaml"), format!("version: 1\nrules:\n{rules}")).unwrap();
    let output =
        Command::new(env!("CARGO_BIN_EXE_earwitness")).arg("check").arg(folder.path()).output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{told}");
    for (index, (path, code)) in cases.iter().enumerate() {
        let place = format!("pack.yaml:{}:", index + 3);
        let mut errors = told.split("error[").skip(1);
        let is_told = errors.any(|problem| problem.starts_with(code) && problem.contains(&place));
        assert!(is_told, "{path}: {told}");
    }
}

// THREATS E68: what may be written and is dear on some traffic runs out of fuel and says so.
#[test]
fn a_dear_path_on_the_worst_body_is_doubt_and_not_a_delay() {
    let rules = "version: 1\nrules:\n  - { id: a, match: \"PUT /v2/bookings/{id}\", when: { \"$.request.body..a\": { exists: true } }, action: REPLACED, target: { type: booking, id: $.path.id } }\n";
    let world = World::with(Habits::STRICT, rules, |_| {});
    let worst = format!("[{}{{}}]", r#"{"b":[0,0,0,0]},"#.repeat(20_000));
    let start = std::time::Instant::now();
    world.rig.exchange(super::request(
        "PUT /v2/bookings/1",
        "r",
        &["Content-Type: application/json"],
        &worst,
    ));
    let event = world.event_of("r");
    assert!(start.elapsed() < std::time::Duration::from_secs(3), "{:?}", start.elapsed());
    assert_eq!(event.r#match.certainty, earwitness::event::Certainty::Doubtful);
    world.assert_all_is_told();
}

// THREATS E65
#[test]
fn a_name_in_two_scripts_is_marked_and_stored_as_it_came() {
    let (_folder, _app, process) = started();
    for (id, name, is_marked) in [("m1", "Ad\u{430} Lovelace", true), ("m2", "Иван Петров", false)]
    {
        let event = book(
            &process,
            id,
            &json!({"name": name, "email": "a@x.org", "title": "Fitting", "reason": "none"}),
        );
        assert_eq!(event["actor"]["name"], name);
        let notes = event["notes"].as_array().unwrap();
        let mark = json!({"code": "name-mixed", "detail": "actor.name"});
        assert_eq!(notes.contains(&mark), is_marked, "{event}");
    }
}
