//! One path in many spellings, and paths that stand somewhere else than in the request line.

use earwitness::event::{Certainty, MatchedBy, NoteCode};

use super::{World, has, request};
use crate::gullible::{Habits, Paths};

const SPELLINGS: &str = include_str!("../../../src/rules/router/spellings.txt");
const TARGET: &str = "abc123";

/// Spellings with how they are expected to be met: `raw`, `a` or `b`.
fn spellings() -> impl Iterator<Item = (&'static str, &'static str)> {
    SPELLINGS.lines().filter_map(|line| line.split_once(' '))
}

// THREATS E01, E02, E03, E04, E05
#[test]
fn whatever_spelling_an_application_takes_for_a_route_is_recorded_and_arrives_unchanged() {
    let mut acted = vec![0; spellings().count()];
    for paths in [Paths::Raw, Paths::Express, Paths::Tomcat, Paths::Php, Paths::Iis] {
        let world = World::new(Habits::paths(paths));
        for (index, (_, target)) in spellings().enumerate() {
            let before = world.app.deeds().len();
            let answer =
                world.rig.exchange(request(&format!("POST {target}"), &format!("r{index}"), &[], ""));
            acted[index] += world.app.deeds().len() - before;
            if !target.starts_with('/') && !target.starts_with("http") {
                assert!(answer.contains(" 400 "), "{target}: {answer}");
                continue;
            }
            let seen = world.app.seen().pop().unwrap().target();
            assert_eq!(seen, target.trim_start_matches("http://app.example"), "bytes were changed");
        }
        world.assert_all_is_told();
        for deed in world.app.deeds() {
            // (To the strictest, a parameter is a part of the identifier.)
            assert!(deed.targets[0].starts_with(TARGET), "{deed:?}");
            let event = world.event_of(&deed.request_id);
            assert_eq!(event.target.as_ref().unwrap().id.as_deref(), Some(TARGET));
            let (by, _) = spellings().nth(deed.request_id[1..].parse().unwrap()).unwrap();
            assert_eq!(event.r#match.by == MatchedBy::Raw, by == "raw");
            assert_eq!(has(&event, NoteCode::PathNormalised), by != "raw");
        }
    }
    // The application is as gullible as it should be: hardly a spelling is beyond all its habits.
    let idle: Vec<_> =
        spellings().zip(&acted).filter(|(_, acts)| **acts == 0).map(|(one, _)| one.1).collect();
    assert!(acted.iter().sum::<usize>() > 100 && idle.len() < 8, "{idle:#?}");
}

// THREATS E04
#[test]
fn routes_without_case_are_recorded_and_identifiers_keep_theirs() {
    let world = World::new(Habits::paths(Paths::Express));
    let cases = [
        "/v2/bookings/AbC/cancel",
        "/v2/bookings/AbC/cancel/",
        "/V2/Bookings/AbC/CANCEL",
        "/V2/Bookings/AbC/CANCEL/",
        "/v2/BOOKINGS/AbC/cancel",
        "/v2/bookings/AbC/Cancel/",
        "/V2/bookings/AbC/cancel",
        "/v2/bookings/AbC/cANCEL",
    ];
    for (index, target) in cases.iter().enumerate() {
        world.rig.exchange(request(&format!("POST {target}"), &format!("r{index}"), &[], ""));
    }
    assert_eq!(world.app.deeds().len(), cases.len());
    world.assert_all_is_told();
    assert!(world.events().iter().all(|event| event.target.as_ref().unwrap().id.as_deref() == Some("AbC")));
}

// THREATS E05, E11
#[test]
fn identifiers_that_decode_to_something_odd_are_recorded_as_the_application_read_them() {
    let cases = [
        (Paths::Raw, "x%0a"),
        (Paths::Raw, "%0ax"),
        (Paths::Raw, "x%00"),
        (Paths::Raw, "%61bc"),
        (Paths::Raw, "a%2fb"),
        (Paths::Raw, "a+b"),
        (Paths::Raw, "%2561bc"),
        (Paths::Php, "%2561bc"),
        (Paths::Php, "%61bc"),
        (Paths::Raw, "x%3bv=1"),
        (Paths::Php, "x%253bv=1"),
        (Paths::Tomcat, "x;v=1"),
        (Paths::Raw, "x;v=1"),
        (Paths::Raw, "caf%c3%a9"),
        (Paths::Raw, "x%ff"),
        (Paths::Raw, "ABC."),
        (Paths::Iis, "ABC."),
        (Paths::Iis, "ABC%20"),
    ];
    for paths in [Paths::Raw, Paths::Php, Paths::Tomcat, Paths::Iis] {
        let world = World::new(Habits::paths(paths));
        for (index, (_, id)) in cases.iter().enumerate().filter(|(_, (whose, _))| *whose == paths) {
            world.rig.exchange(request(&format!("DELETE /v2/bookings/{id}"), &format!("r{index}"), &[], ""));
            world.rig.exchange(request(
                &format!("POST /v2/bookings/{id}/cancel"),
                &format!("p{index}"),
                &[],
                "",
            ));
        }
        world.assert_all_is_told();
    }
}

// THREATS E06
#[test]
fn a_target_with_a_hash_reaches_nobody() {
    let world = World::new(Habits::paths(Paths::Tomcat));
    for target in [
        "/public#/../v2/bookings/1/cancel",
        "/v2/bookings/1/cancel#",
        "/v2/bookings/1#/cancel",
        "/v2/bookings/1/cancel?x=1#y",
        "http://app.example/v2/bookings/1/cancel#x",
        "#/v2/bookings/1/cancel",
    ] {
        let answer = world.rig.exchange(request(&format!("POST {target}"), "r", &[], ""));
        assert!(answer.starts_with("HTTP/1.1 400 "), "{target}: {answer}");
    }
    assert!(world.app.seen().is_empty() && world.events().is_empty());
}

// THREATS E08
#[test]
fn a_path_in_a_header_never_comes_from_a_stranger_and_is_recorded_from_a_trusted_peer() {
    let headers = [
        "X-Original-URL: /v2/bookings/Abc/cancel",
        "X-Rewrite-URL: /v2/bookings/Abc/cancel?x=1",
        "x_original_url: /v2/bookings/Abc/cancel",
        "X-Rewrite_Url: /v2/bookings/Abc/cancel",
    ];
    let strangers = World::new(Habits::paths(Paths::Rewritten));
    for header in headers {
        for method in ["GET", "POST"] {
            strangers.rig.exchange(request(&format!("{method} /harmless"), "r", &[header], ""));
        }
    }
    assert_eq!((strangers.app.seen().len(), strangers.app.deeds().len()), (8, 0));
    assert!(strangers.events().is_empty());
    let trusted = World::with(Habits::paths(Paths::Rewritten), super::RULES, |config| {
        config.trusted_proxies = vec!["127.0.0.1/32".parse().unwrap()];
    });
    for (index, header) in headers.iter().enumerate() {
        trusted.rig.exchange(request("POST /harmless", &format!("r{index}"), &[header], ""));
    }
    assert_eq!(trusted.app.deeds().len(), 4);
    trusted.assert_all_is_told();
    for deed in trusted.app.deeds() {
        let event = trusted.event_of(&deed.request_id);
        assert_eq!(event.r#match.by, MatchedBy::Override);
        assert!(has(&event, NoteCode::PathOverridden));
        assert!(event.request.url.ends_with("/harmless"), "{}", event.request.url);
    }
}

// THREATS E01, E04, E11, E13, E14: a condition must not be a way out where the path is none.
#[test]
fn a_condition_on_what_was_met_loosely_is_doubt_and_not_a_no() {
    let rules = r#"version: 1
defaults: { target: { type: booking, id: $.path.id } }
rules:
  - { id: by_path, action: CANCELLED, match: "POST /v2/bookings/{id}/cancel", when: { $.request.path: { starts_with: /v2/ } } }
  - { id: by_target, action: CANCELLED, match: "POST /v2/bookings/{id}/cancel", when: { $.request.target: { ends_with: /cancel } } }
  - { id: by_part, action: CANCELLED, match: "POST /v2/bookings/{id}/cancel", when: { $.path.id: abc } }
  - { id: by_method, action: CANCELLED, match: "POST|DELETE /v2/bookings/{id}/cancel", when: { $.request.method: DELETE } }
"#;
    let world = World::with(Habits::paths(Paths::Express), rules, |_| {});
    let check = |line: &str, headers: &[&str], expected: &[(&str, Certainty)]| {
        let id = format!("r{}", world.app.seen().len());
        world.rig.exchange(request(line, &id, headers, ""));
        let events = world.events_of(&id);
        let told: Vec<_> =
            events.iter().map(|event| (event.rule.id.as_str(), event.r#match.certainty)).collect();
        assert_eq!(told, expected, "{line}: {events:#?}");
    };
    let [path, target, part, method] =
        ["office/by_path", "office/by_target", "office/by_part", "office/by_method"];
    let certain = |rule| (rule, Certainty::Certain);
    let doubtful = |rule| (rule, Certainty::Doubtful);
    check("POST /v2/bookings/abc/cancel", &[], &[certain(path), certain(target), certain(part)]);
    check("POST /v2/bookings/abd/cancel", &[], &[certain(path), certain(target)]);
    check("post /v2/bookings/abd/cancel", &[], &[certain(path), certain(target)]);
    check("POST /V2/bookings/abd/CANCEL/", &[], &[doubtful(path), doubtful(target)]);
    check("POST /v2/bookings/%2561bc/cancel", &[], &[certain(path), certain(target), doubtful(part)]);
    let all = [certain(path), certain(target), doubtful(method)];
    check("POST /v2/bookings/abd/cancel", &["X-HTTP-Method: DELETE"], &all);
    check("POST /v2/bookings/abd/cancel?a=1;.method=DELETE", &[], &[certain(path), doubtful(method)]);
}

// THREATS E08
#[test]
fn a_mount_point_that_a_trusted_peer_names_is_taken_off() {
    let trust = |config: &mut earwitness::config::Config| {
        config.trusted_proxies = vec!["127.0.0.1/32".parse().unwrap()];
    };
    let world = World::with(Habits::STRICT, super::RULES, trust);
    for (index, header) in
        ["X-Script-Name: /app", "X-Forwarded-Prefix: /app/", "x_script_name: /app"].iter().enumerate()
    {
        let id = format!("r{index}");
        world.rig.exchange(request("POST /app/v2/bookings/Abc/cancel", &id, &[header], ""));
        let event = world.event_of(&id);
        assert_eq!(
            (event.r#match.by, event.target.unwrap().id.as_deref()),
            (MatchedBy::Override, Some("Abc"))
        );
    }
    world.rig.exchange(request("POST /apple/v2/bookings/Abc/cancel", "other", &["X-Script-Name: /app"], ""));
    assert!(world.events_of("other").is_empty());
}

// THREATS E07
#[test]
fn other_spellings_of_a_route_are_more_lines_of_its_rule() {
    let rules = r#"version: 1
rules:
  - id: cancelled
    match:
      - POST /v2/bookings/{id}/cancel
      - POST /v2/bookings/{id}/cancel.json
      - POST /index.php/v2/bookings/{id}/cancel
      - POST /{locale}/v2/bookings/{id}/cancel
      - POST /api/{prefix*}/bookings/{id}/cancel
    action: CANCELLED
    target: { type: booking, id: $.path.id }
"#;
    let world = World::with(Habits::STRICT, rules, |_| {});
    let routes = ["/v2/bookings/1/cancel", "/v2/bookings/1/cancel.JSON", "/index.php/v2/bookings/1/cancel/"];
    for (index, route) in
        routes.iter().chain(&["/de/v2/bookings/1/cancel", "/api/x/y/bookings/1/cancel"]).enumerate()
    {
        let id = format!("r{index}");
        // The application answers 404 to most: what it knows is met as it stands, or not met loosely.
        world.rig.exchange(request(&format!("POST {route}"), &id, &[], ""));
        let is_loose = route.ends_with("JSON") || route.ends_with('/');
        assert_eq!(world.events_of(&id).len(), usize::from(!is_loose), "{route}");
    }
}

// THREATS E07
#[test]
fn an_alias_of_the_pack_is_another_spelling_of_every_route() {
    let rules = super::RULES.replace("rules:", "aliases: [/index.php, \"/{locale}\", .json]\nrules:");
    let world = World::with(Habits::paths(Paths::Aliased), &rules, |_| {});
    let mut ids = Vec::new();
    for route in [
        "POST /index.php/v2/bookings/{id}/cancel",
        "POST /de/v2/bookings/{id}/cancel",
        "POST /v2/bookings/{id}/cancel.json",
        "POST /de/v2/bookings/{id}/cancel.json",
        "PUT /v2/bookings/{id}.json",
        "DELETE /index.php/v2/bookings/{id}.json",
        "PATCH /v2/bookings/{id}.js%6Fn",
    ] {
        let id = format!("b{}", ids.len());
        world.rig.exchange(request(&route.replace("{id}", &id), &id, &[], ""));
        ids.push(id);
    }
    world.assert_all_is_told();
    assert_eq!(world.app.deeds().len(), ids.len());
    for id in ids {
        let event = world.event_of(&id);
        assert_eq!(event.r#match.by, MatchedBy::Alias, "{id}");
        assert_eq!(event.target.unwrap().id.as_deref(), Some(id.as_str()));
    }
    // One that nobody has declared is a blind spot: process::blind.
    world.rig.exchange(request("POST /v9/x/v2/bookings/1/cancel", "other", &[], ""));
    assert!(world.events_of("other").is_empty());
}
