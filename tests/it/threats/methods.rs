//! Methods that are not what the request line says, and those that change what they should only show.

use earwitness::event::{Certainty, MatchedBy, NoteCode};

use super::{World, has, request};
use crate::gullible::{Habits, Methods};

const ACTIONS: [(&str, &str); 3] = [("PUT", "REPLACED"), ("PATCH", "PATCHED"), ("DELETE", "DELETED")];

// THREATS E13
#[test]
fn a_method_named_anywhere_makes_the_event_of_that_method() {
    let world = World::new(Habits::methods(Methods::Overridden));
    let form = "Content-Type: application/x-www-form-urlencoded";
    let json = "Content-Type: application/json";
    let parts = "Content-Type: multipart/form-data; boundary=b";
    let mut count = 0;
    let mut check = |line: &str, headers: &[&str], body: &str, action: &str| {
        let id = format!("r{count}");
        let answer = world.rig.exchange(request(line, &id, headers, body));
        count += 1;
        assert!(answer.contains(" 200 "), "{line} {headers:?} {body}: {answer}");
        assert_eq!(world.app.deeds().len(), count, "the application believed it: {line} {headers:?} {body}");
        let event = world.event_of(&id);
        assert_eq!(event.action, action, "{line} {headers:?} {body}");
        assert!(has(&event, NoteCode::MethodOverridden), "{event:#?}");
    };
    for (method, action) in ACTIONS {
        let lower = method.to_lowercase();
        for wire in ["GET", "POST"] {
            let line = format!("{wire} /v2/bookings/b1");
            for name in [
                "X-HTTP-Method-Override",
                "X-HTTP-Method",
                "x-method-override",
                "X_HTTP_Method_Override",
                "x-http_method",
            ] {
                check(&line, &[&format!("{name}: {method}")], "", action);
                check(&line, &[&format!("{name}: {lower}")], "", action);
            }
            check(&format!("{line}?a=1&_method={lower}"), &[], "", action);
            check(&format!("{line}?%5fmethod={method}"), &[], "", action);
        }
        let line = "POST /v2/bookings/b1";
        check(line, &[form], &format!("a=1&_method={lower}"), action);
        check(line, &[form], &format!("_method=get&_method={method}"), action);
        let part = "--b\r\nContent-Disposition: form-data; name=\"_method\"\r\n\r\n";
        check(line, &[parts], &format!("{part}{method}\r\n--b--\r\n"), action);
        check(line, &[json], &format!(r#"{{"_method":"{method}","a":1}}"#), action);
        let part = "--b\r\nContent-Disposition: form-data; name=\"_method\"\r\n\r\n";
        check(line, &[parts], &format!("{part}{method}\r\n--b--\r\n"), action);
        check(line, &[json], &format!(r#"{{"_m\u0065thod":"{lower}"}}"#), action);
    }
    world.assert_all_is_told();
}

// THREATS E13
#[test]
fn a_method_in_a_body_that_is_not_read_is_recorded_as_doubtful() {
    let world = World::new(Habits::methods(Methods::Overridden));
    let body = "--b\r\nContent-Disposition: form-data; name=\"_method\"\r\n\r\nDELETE\r\n--b--\r\n";
    // The application looks at the body only; by the boundary that the type names, there is nothing in it.
    let kind = "Content-Type: multipart/form-data; boundary=a";
    world.rig.exchange(request("POST /v2/bookings/b1", "r", &[kind], body));
    assert_eq!(world.app.deeds()[0].verb, "delete");
    world.assert_all_is_told();
    assert!(world.events().iter().all(|event| event.r#match.certainty == Certainty::Doubtful));
}

// THREATS E13: and the same requests to an application that does not believe them invent nothing certain.
#[test]
fn an_override_that_an_application_ignores_is_told_with_its_answer() {
    let world = World::new(Habits::STRICT);
    world.rig.exchange(request("POST /v2/bookings/b1", "r", &["X-HTTP-Method-Override: DELETE"], ""));
    assert!(world.app.deeds().is_empty());
    let event = world.event_of("r");
    assert_eq!((event.result.as_str(), event.response.as_ref().unwrap().status), ("failure", 404));
}

// THREATS E14
#[test]
fn a_method_in_any_case_is_recorded() {
    let world = World::new(Habits::methods(Methods::AnyCase));
    for (index, method) in ["post", "PoSt", "Post", "pOST"].iter().enumerate() {
        world.rig.exchange(request(
            &format!("{method} /v2/bookings/b1/cancel"),
            &format!("r{index}"),
            &[],
            "",
        ));
        assert!(world.app.seen()[index].head.starts_with(method.as_bytes()), "the method was changed");
        assert_eq!(world.event_of(&format!("r{index}")).request.method, *method);
    }
    assert_eq!(world.app.deeds().len(), 4);
    world.assert_all_is_told();
}

// THREATS E15
#[test]
fn a_get_and_a_head_that_change_something_are_recorded_where_a_rule_names_them() {
    let world = World::new(Habits::STRICT);
    for (index, line) in ["GET /v2/bookings?delete=b1", "HEAD /v2/bookings?delete=b2"].iter().enumerate() {
        let mut client = world.rig.connect();
        client.send(request(line, &format!("r{index}"), &[], ""));
        assert!(client.read_head().unwrap().contains(" 200 "));
    }
    world.rig.exchange(request("GET /v2/bookings?page=2", "page", &[], ""));
    assert_eq!(world.app.deeds().len(), 2);
    world.assert_all_is_told();
    assert!(world.events_of("page").is_empty());
}

// THREATS E16
#[test]
fn a_move_is_recorded_with_both_ends_whichever_of_them_a_rule_names() {
    let world = World::new(Habits::STRICT);
    let cases = [
        ("MOVE /elsewhere/old", "http://app.example/cal/new", MatchedBy::Destination),
        ("MOVE /elsewhere/old", "/x/../CAL//new", MatchedBy::Destination),
        ("COPY /elsewhere/old", "http://app.example:80/c%61l/new", MatchedBy::Destination),
        ("MOVE /cal/old", "http://app.example/elsewhere/new", MatchedBy::Raw),
        ("MOVE /cal/old", "/cal/new", MatchedBy::Raw),
    ];
    for (index, (line, destination, by)) in cases.iter().enumerate() {
        let id = format!("r{index}");
        world.rig.exchange(request(line, &id, &[&format!("Destination: {destination}")], ""));
        let event = world.event_of(&id);
        assert_eq!(event.r#match.by, *by, "{line} {destination}");
    }
    assert_eq!(world.app.deeds().len(), cases.len());
    world.assert_all_is_told();
}

// THREATS E14
#[test]
fn a_method_that_the_operator_does_not_name_reaches_nobody() {
    let world = World::with(Habits::methods(Methods::AnyCase), super::RULES, |config| {
        config.methods = vec![http::Method::GET, http::Method::POST];
    });
    for (count, method) in ["post", "PoSt", "POSTX", "DELETE", "FROB", "OPTIONS"].into_iter().enumerate() {
        let answer =
            world.rig.exchange(request(&format!("{method} /v2/bookings/b1/cancel"), method, &[], "a=1"));
        assert!(answer.starts_with("HTTP/1.1 405 "), "{method}: {answer}");
        assert!(answer.contains("\r\nAllow: GET, POST\r\n"), "{method}: {answer}");
        let refused = world.rig.metric("earwitness_requests_total{kind=\"refused\"}");
        assert_eq!(refused, count as u64 + 1, "{method}");
    }
    assert!(world.app.seen().is_empty());
    world.rig.exchange(request("POST /v2/bookings/b1/cancel", "ok", &[], ""));
    assert_eq!(world.event_of("ok").action, "CANCELLED");
    assert!(world.rig.exchange(request("GET /harmless", "get", &[], "")).starts_with("HTTP/1.1 200 "));
}
