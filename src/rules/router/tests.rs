//! What the router finds, spelling by spelling.

use std::sync::Arc;

use http::{HeaderMap, HeaderName, HeaderValue};

mod paths;
mod requests;

use super::forms::{is_clean, loosen};
use super::*;
use crate::rules::expr::Condition;
use crate::rules::model::{Alias, Exclusion, Guarantee, Rule};
use crate::yaml::{Source, Span};

const CANCEL: &str = "POST /v2/bookings/{bookingUid}/cancel";

fn rule(id: &str, lines: &[&str]) -> Rule {
    Rule {
        id: id.to_owned(),
        lines: lines.iter().map(|line| MatchLine::parse(line).unwrap()).collect(),
        operations: Vec::new(),
        opens: None,
        when: Condition::always(),
        mode: Mode::Record,
        guarantee: Guarantee::Durable,
        on_failure: None,
        is_authenticated: false,
        refuses_websocket: false,
        vars: Vec::new(),
        before: None,
        after: None,
        for_each: None,
        entries: Vec::new(),
        otherwise: None,
        redact: Vec::new(),
        session: None,
        digest: String::new(),
        source: Source::new("test.yaml", ""),
        span: Span::default(),
        tests: Vec::new(),
    }
}

fn pack(lines: &[&str]) -> Pack {
    Pack {
        name: "p".to_owned(),
        title: "P".to_owned(),
        base: String::new(),
        hosts: Vec::new(),
        aliases: Vec::new(),
        version: String::new(),
        files: Vec::new(),
        vars: Vec::new(),
        formats: Vec::new(),
        resources: Vec::new(),
        actors: Vec::new(),
        redact: Vec::new(),
        reveal: Vec::new(),
        exclude: Vec::new(),
        blind_spots: Vec::new(),
        exceptions: Vec::new(),
        rules: lines.iter().map(|line| rule(line, &[line])).collect(),
    }
}

fn set(lines: &[&str]) -> RuleSet {
    RuleSet::new(vec![pack(lines)])
}

/// `POST /path`, with headers as `name: value`.
fn ask(rules: &RuleSet, request: &str, headers: &[&str]) -> Vec<Candidate> {
    let (method, target) = request.split_once(' ').unwrap();
    ask_of(rules, method, target, headers, "app.example", false)
}

fn ask_of(
    rules: &RuleSet,
    method: &str,
    target: &str,
    headers: &[&str],
    host: &str,
    is_trusted: bool,
) -> Vec<Candidate> {
    let mut map = HeaderMap::new();
    for header in headers {
        let (name, value) = header.split_once(": ").unwrap();
        let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
        map.append(name, HeaderValue::from_str(value).unwrap());
    }
    rules.candidates(&HeadView { method, target, host, headers: &map, is_trusted })
}

fn codes(candidate: &Candidate) -> Vec<NoteCode> {
    candidate.notes.iter().map(|note| note.code).collect()
}

#[test]
fn the_path_as_received_is_a_certain_match_without_a_note() {
    let found = ask(&set(&[CANCEL]), "POST /v2/bookings/aBc%20123/cancel?x=/y", &[]);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].by, MatchedBy::Raw);
    assert_eq!(found[0].parts, [("bookingUid".to_owned(), "aBc 123".to_owned())]);
    assert_eq!(found[0].notes, []);
}

// THREATS E01, E02, E03, E04, E05
#[test]
fn sixty_spellings_of_one_path_all_meet_its_rule_with_the_right_part() {
    let rules = set(&[CANCEL]);
    let spellings = include_str!("spellings.txt");
    let mut count = 0;
    for line in spellings.lines().filter(|line| !line.is_empty()) {
        count += 1;
        let (by, target) = line.split_once(' ').unwrap();
        let found = ask(&rules, &format!("POST {target}"), &[]);
        assert_eq!(found.len(), 1, "{target}");
        let candidate = &found[0];
        assert_eq!(candidate.parts, [("bookingUid".to_owned(), "abc123".to_owned())], "{target}");
        let expected = match by {
            "raw" => MatchedBy::Raw,
            "a" => MatchedBy::Normalised,
            "b" => MatchedBy::Split,
            other => panic!("{other}"),
        };
        assert_eq!(candidate.by, expected, "{target}");
        let is_noted = codes(candidate).contains(&NoteCode::PathNormalised);
        assert_eq!(is_noted, expected != MatchedBy::Raw, "{target}");
    }
    assert!(count >= 60, "{count}");
}

#[test]
fn other_paths_do_not_meet_the_rule() {
    let rules = set(&[CANCEL]);
    for target in [
        "/",
        "",
        "*",
        "/v2/bookings/cancel",
        "/v2/bookings//cancel",
        "/v2/bookings/abc123",
        "/v2/bookings/abc123/cancels",
        "/v2/bookings/abc123/cancel/x",
        "/v2/bookings/abc123/x/cancel",
        "/v2/bookings/abc123/cancel/..",
        "/v2/bookings/abc123/%2e%2e/cancel",
        "/v2/bookings/abc123?/cancel",
        "/x/v2/bookings/abc123/cancel",
        "/v2bookings/abc123/cancel",
        "/v2/bookings/abc123/can%63",
        "/v2/bookings/abc123/cancel%zz",
        "/v2/bookings/;x/cancel",
        "/v2/bookings/%2e/cancel",
        "/v2/bookings/abc123/c%61nce",
    ] {
        assert_eq!(ask(&rules, &format!("POST {target}"), &[]), [], "{target}");
    }
    for method in ["GET", "DELETE", "POSTX", "OPTIONS"] {
        let request = format!("{method} /v2/bookings/abc123/cancel");
        assert_eq!(ask(&rules, &request, &[]), [], "{request}");
    }
}

#[test]
fn a_part_that_can_be_read_in_two_ways_is_noted() {
    let rules = set(&[CANCEL]);
    for (spelled, once, other) in [
        ("%2561bc", "%61bc", "abc"),
        ("x%0a", "x\n", "x"),
        ("a%3bb", "a;b", "a"),
        ("a%253bb", "a%3bb", "a;b"),
        ("%u0061", "%u0061", "a"),
    ] {
        let found = ask(&rules, &format!("POST /v2/bookings/{spelled}/cancel"), &[]);
        assert_eq!(found[0].by, MatchedBy::Raw, "{spelled}");
        assert_eq!(found[0].parts[0].1, once);
        assert_eq!(codes(&found[0]), [NoteCode::TargetUncertain], "{spelled}");
        assert_eq!(found[0].uncertain, ["bookingUid"]);
        let told = found[0].notes[0].detail.clone().unwrap();
        assert!(told.contains(&format!("`{other}`")), "{spelled}: {told}");
    }
}

// THREATS E05
#[test]
fn a_part_with_control_characters_anywhere_is_uncertain() {
    let rules = set(&[CANCEL, "GET /files/{rest*}"]);
    for spelled in ["%0ax", "%00x", "x%00y", "x%0ay", "x%0d%0ay", "%09x", "%250ax", "x%7fy", "%c2%85x"] {
        for request in [format!("POST /v2/bookings/{spelled}/cancel"), format!("GET /files/a/{spelled}")] {
            let found = ask(&rules, &request, &[]);
            assert_eq!((found.len(), found[0].uncertain.len()), (1, 1), "{request}");
            assert!(codes(&found[0]).contains(&NoteCode::TargetUncertain), "{request}");
        }
    }
    let found = ask(&rules, "POST /v2/bookings/x%20y/cancel", &[]);
    assert_eq!((found[0].uncertain.len(), codes(&found[0])), (0, vec![]));
}

// THREATS E03
#[test]
fn a_named_part_never_holds_path_parameters() {
    let found = ask(&set(&["GET /files/{rest*}"]), "GET /files/a;v=1/../b;x/c", &[]);
    assert_eq!(found[0].parts, [("rest".to_owned(), "b/c".to_owned())]);
    assert_eq!(found[0].by, MatchedBy::Normalised);
}

// THREATS E03
#[test]
fn a_parameter_may_or_may_not_end_at_a_backslash() {
    let found = |path: &str| ask(&set(&[CANCEL]), &format!("POST {path}"), &[])[0].by;
    assert_eq!(found("/v2\\bookings;v=1\\../abc/cancel"), MatchedBy::Normalised);
    assert_eq!(found("/v2/x;\\..\\bookings/abc/cancel"), MatchedBy::Normalised);
    assert_eq!(found("/v2%5cbookings%5cabc;v=1%5c../cancel"), MatchedBy::Split);
    assert_eq!(found("/v2%5cbookings%5cx;v=1%5c..%5cabc/cancel"), MatchedBy::Split);
}

#[test]
fn a_parameter_that_an_application_may_take_for_a_part_of_the_name_is_told() {
    let found = ask(&set(&[CANCEL]), "POST /v2/bookings/abc;v=1/cancel", &[]);
    assert_eq!((found[0].by, found[0].parts[0].1.as_str()), (MatchedBy::Normalised, "abc"));
    assert!(found[0].notes[1].detail.as_ref().unwrap().contains("`abc;v=1`"), "{:?}", found[0].notes);
}

#[test]
fn tails_partial_segments_and_roots_are_matched() {
    let check = |line: &str, target: &str, expected: Option<&[(&str, &str)]>| {
        let found = ask(&set(&[line]), &format!("PUT {target}"), &[]);
        let parts = found.first().map(|found| found.parts.clone());
        let expected = expected
            .map(|parts| parts.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect::<Vec<_>>());
        assert_eq!(parts, expected, "{line} {target}");
    };
    let object = "PUT /{calendar*}/{name}.ics";
    check(object, "/ada/work/x.ics", Some(&[("calendar", "ada/work"), ("name", "x")]));
    check(object, "/ada/a%2Fb/x.y.ics", Some(&[("calendar", "ada/a/b"), ("name", "x.y")]));
    check(object, "/x.ics", None);
    check(object, "/ada/.ics", None);
    check(object, "/ada/x.ics/", Some(&[("calendar", "ada"), ("name", "x")]));
    check(object, "/ada/Été.ICS", Some(&[("calendar", "ada"), ("name", "Été")]));
    check("PUT /{c*}/props", "/props/props/props", Some(&[("c", "props/props")]));
    check("PUT /{c*}", "/", None);
    check("PUT /{c*}/", "/ada/work/", Some(&[("c", "ada/work")]));
    check("PUT /", "/", Some(&[]));
    check("PUT /a-{x}-b", "/a-1-b", Some(&[("x", "1")]));
    check("PUT /a-{x}-b", "/a--b", None);
    check("PUT /Tage/Übersicht x", "/Tage/%C3%9Cbersicht%20x", Some(&[]));
}

#[test]
fn a_slash_at_the_end_is_certain_only_where_the_line_has_it() {
    let by = |line: &str, target: &str| ask(&set(&[line]), &format!("PUT {target}"), &[])[0].by;
    assert_eq!(by("PUT /{c*}/", "/ada/work/"), MatchedBy::Raw);
    assert_eq!(by("PUT /{c*}/", "/ada/work"), MatchedBy::Normalised);
    assert_eq!(by("PUT /{c*}", "/ada/work/"), MatchedBy::Normalised);
}

#[test]
fn a_literal_in_its_proper_encoding_is_met_exactly() {
    let found = ask(&set(&["GET /Über uns/{x}"]), "GET /%C3%9Cber%20uns/1", &[]);
    assert_eq!(found[0].by, MatchedBy::Raw);
}

#[test]
fn very_long_paths_are_matched_at_both_ends() {
    let rules = set(&["PUT /dav/{calendar*}/{name}.ics", "PUT /a/b"]);
    let path = format!("/dav{}/x.ics", "/y".repeat(5_000));
    let found = ask(&rules, &format!("PUT {path}"), &[]);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].parts[0].1.split('/').count(), 5_000);
    assert_eq!(ask(&rules, &format!("PUT /a{}/b", "/.".repeat(10_000)), &[])[0].rule, 1);
    assert_eq!(ask(&rules, &format!("PUT /{}", "/x".repeat(20_000)), &[]), []);
}

#[test]
fn all_matching_rules_fire_each_once_by_its_surest_form() {
    let mut pack = pack(&[]);
    pack.rules = vec![
        rule("one", &["POST /x/{id}/y", "POST /x/{id}/Y"]),
        rule("two", &["POST /x/{rest*}"]),
        rule("three", &["POST /{a}/{b}/{c}"]),
        rule("off", &["POST /x/{id}/Y"]),
    ];
    pack.rules[3].mode = Mode::Disabled;
    let found = ask(&RuleSet::new(vec![pack]), "POST /x/1/Y", &[]);
    let seen: Vec<_> = found.iter().map(|found| (found.rule, found.line, found.by)).collect();
    assert_eq!(seen, [(0, 1, MatchedBy::Raw), (1, 0, MatchedBy::Raw), (2, 0, MatchedBy::Raw)]);
}

#[test]
fn a_packs_prefix_is_stripped_before_matching() {
    let rules = RuleSet::new(vec![Pack { base: "/apps/Cal".to_owned(), ..pack(&["GET /x/{id}"]) }]);
    assert_eq!(ask(&rules, "GET /apps/Cal/x/1", &[])[0].parts, [("id".to_owned(), "1".to_owned())]);
    assert_eq!(ask(&rules, "GET /apps/cal/x/1", &[])[0].by, MatchedBy::Normalised);
    assert_eq!(ask(&rules, "GET /x/1", &[]), []);
}

#[test]
fn an_excluded_request_has_no_candidates_unless_it_can_be_read_otherwise() {
    let excluding = Pack {
        exclude: vec![Exclusion {
            line: MatchLine::parse("POST /api/{area}/filter").unwrap(),
            operations: Vec::new(),
        }],
        ..pack(&["POST|PUT|DELETE /api/{area}/{id}", "POST /api/{area}/{id}/filter"])
    };
    let rules = RuleSet::new(vec![excluding, pack(&["POST /api/{x*}"])]);
    let packs = |request: &str, headers: &[&str]| -> Vec<usize> {
        ask(&rules, request, headers).iter().map(|found| found.pack).collect()
    };
    assert_eq!(packs("POST /api/users/filter", &[]), [1]);
    assert_eq!(packs("POST /api/Users/filter", &[]), [1]);
    assert_eq!(packs("POST /api/users/Filter", &[]), [0, 1]);
    assert_eq!(packs("POST /api/users%2f7/filter", &[]), [0, 0, 1]);
    assert_eq!(packs("POST /api/users/filter", &["X-HTTP-Method: DELETE"]), [0, 1]);
    assert_eq!(packs("POST /api/users/filter", &["X-HTTP-Method: PUT"]), [0, 1]);
}

#[test]
fn a_thousand_rules_are_told_apart() {
    let lines: Vec<String> = (0..1_000).map(|n| format!("POST /v{}/thing{n}/{{id}}/do", n % 7)).collect();
    let rules = set(&lines.iter().map(String::as_str).collect::<Vec<_>>());
    for n in [0, 1, 500, 999] {
        let found = ask(&rules, &format!("POST /v{}/thing{n}/x/do", n % 7), &[]);
        assert_eq!(found.iter().map(|found| found.rule).collect::<Vec<_>>(), [n]);
    }
    assert_eq!(ask(&rules, "POST /v1/thing1000/x/do", &[]), []);
}

#[test]
fn clean_paths_are_told_from_others() {
    for path in ["/", "/a/b-c_d~e.f/1", "/a:b@c", "/a.b"] {
        assert!(is_clean(path), "{path}");
    }
    for path in [
        "/a/", "/a.", "/a./b", "/A", "/%61", "//a", "/a\\b", "/a;b", "/./a", "/../a", "/a/..", "/é", "/a ",
        "/\t",
    ] {
        assert!(!is_clean(path), "{path:?}");
    }
}
