//! Methods, headers and hosts that make a request mean something else than its path says.

use super::*;

// THREATS E13
#[test]
fn every_method_that_a_header_or_the_query_names_is_tried_too() {
    let rules = set(&["PUT /b/{id}", "PATCH /b/{id}", "DELETE /b/{id}"]);
    for (rule, method) in ["PUT", "PATCH", "DELETE"].into_iter().enumerate() {
        // CGI and WSGI give both spellings of a name to the application under one.
        for carrier in
            ["X-HTTP-Method-Override", "x-http-method", "X-Method-Override", "X_HTTP-Method_Override"]
        {
            for wire in ["GET", "POST"] {
                let header = format!("{carrier}: {}", method.to_lowercase());
                let found = ask(&rules, &format!("{wire} /b/1"), &[&header]);
                let direct: Vec<_> = found.iter().filter(|found| found.method_from_body.is_none()).collect();
                assert_eq!(direct.len(), 1, "{wire} {header}");
                assert_eq!(direct[0].rule, rule);
                assert_eq!(codes(direct[0]), [NoteCode::MethodOverridden]);
            }
        }
        for query in ["a=1&%5Fmethod=", "_METHOD=", "a=1;_method=", ".method=", "_method[]=", "_method[0]="] {
            let found = ask(&rules, &format!("GET /b/1?{query}{method}"), &[]);
            assert_eq!(found.iter().map(|found| found.rule).collect::<Vec<_>>(), [rule], "{query}");
        }
    }
}

// THREATS E13
#[test]
fn a_post_may_still_name_its_method_in_the_body() {
    let rules = set(&["DELETE /b/{id}", "PUT|PATCH /b/{id}", "POST|DELETE /b/{id}", "GET /b/{id}"]);
    let found = ask(&rules, "POST /b/1", &[]);
    let seen: Vec<_> = found.iter().map(|found| (found.rule, found.method_from_body.as_deref())).collect();
    assert_eq!(seen, [(0, Some("DELETE")), (1, Some("PUT")), (1, Some("PATCH")), (2, None)]);
    assert!(ask(&rules, "OPTIONS /b/1", &[]).is_empty());
}

// THREATS E14, E15
#[test]
fn methods_are_met_in_any_case_and_head_meets_rules_for_get() {
    let rules = set(&["GET /x", "POST /x"]);
    for (method, rule) in [("get", 0), ("HEAD", 0), ("hEaD", 0), ("PoSt", 1)] {
        let found = ask(&rules, &format!("{method} /x"), &[]);
        assert_eq!(found.iter().map(|found| found.rule).collect::<Vec<_>>(), [rule], "{method}");
    }
}

// THREATS E08
#[test]
fn a_path_in_a_header_counts_only_from_trusted_peers() {
    let rules = set(&[CANCEL, "GET /harmless"]);
    for header in
        ["X-Original-URL: /v2/bookings/Abc/cancel?x=1", "X-Rewrite-Url: http://h/v2//bookings/Abc/CANCEL"]
    {
        let trusted = ask_of(&rules, "POST", "/harmless", &[header], "h", true);
        assert_eq!(trusted.len(), 1, "{header}");
        assert_eq!(trusted[0].by, MatchedBy::Override);
        assert_eq!(trusted[0].parts[0].1, "Abc");
        assert!(codes(&trusted[0]).contains(&NoteCode::PathOverridden));
        assert_eq!(ask_of(&rules, "POST", "/harmless", &[header], "h", false), []);
    }
    for (prefix, is_met) in [("/app", true), ("/app/", true), ("/ap", false), ("", false), ("/", false)] {
        let header = format!("X_Script-Name: {prefix}");
        let found = ask_of(&rules, "POST", "/app/v2/bookings/Abc/cancel", &[&header], "h", true);
        assert_eq!(found.iter().any(|found| found.by == MatchedBy::Override), is_met, "{prefix}");
    }
    let both = ask_of(&rules, "GET", "/harmless", &["X-Original-URL: /harmless"], "h", true);
    assert_eq!(both.iter().map(|found| found.by).collect::<Vec<_>>(), [MatchedBy::Raw]);
}

// THREATS E16
#[test]
fn where_a_move_goes_is_matched_too() {
    let rules = set(&["MOVE|COPY /cal/{name}.ics", "DELETE /cal/{name}.ics"]);
    for destination in ["http://h:5232/cal/New.ics", "/cal/New.ics", "https://h/cal/../CAL/./New.ics?x#y"] {
        for method in ["MOVE", "copy"] {
            let header = format!("Destination: {destination}");
            let found = ask(&rules, &format!("{method} /elsewhere/old.ics"), &[&header]);
            assert_eq!(found.len(), 1, "{method} {destination}");
            assert_eq!(found[0].by, MatchedBy::Destination);
            assert_eq!(found[0].parts, [("name".to_owned(), "New".to_owned())]);
        }
    }
    let found = ask(&rules, "MOVE /cal/old.ics", &["Destination: /cal/new.ics"]);
    assert_eq!((found.len(), found[0].by, &*found[0].parts[0].1), (1, MatchedBy::Raw, "old"));
    assert_eq!(ask(&rules, "PUT /elsewhere", &["Destination: /cal/new.ics"]), []);
}

// THREATS E09
#[test]
fn packs_are_tried_for_their_hosts_and_all_of_them_for_a_host_that_nobody_names() {
    let bound =
        |hosts: &[&str]| Pack { hosts: hosts.iter().map(|h| (*h).to_owned()).collect(), ..pack(&["GET /x"]) };
    let packs = |rules: &RuleSet, host: &str| -> Vec<usize> {
        ask_of(rules, "GET", "/x", &[], host, false).iter().map(|found| found.pack).collect()
    };
    let rules = RuleSet::new(vec![bound(&["x.org", "*.x.org"]), bound(&["y.org"])]);
    for host in ["x.org", "X.ORG", "x.org.", "x.org:443", "X.org.:80", "a.b.x.org", "u@x.org"] {
        assert_eq!(packs(&rules, host), [0], "{host}");
    }
    let unknown = ask_of(&rules, "GET", "/x", &[], "evilx.org", false);
    assert_eq!(unknown.len(), 2);
    assert!(unknown.iter().all(|found| codes(found) == [NoteCode::HostUnknown]));
    let mixed = RuleSet::new(vec![bound(&["x.org"]), bound(&[])]);
    assert_eq!(packs(&mixed, "other"), [1]);
    assert_eq!(packs(&mixed, "x.org"), [0, 1]);
    assert_eq!(packs(&RuleSet::new(vec![bound(&["[::1]"])]), "[::1]:8080"), [0]);
}

// THREATS E07
#[test]
fn an_alias_stands_around_every_line_of_its_pack_and_around_no_exclusion() {
    let lines = ["POST /bookings/{id}", "POST /bookings/{id}/cancel", "GET /{path*}", "POST /{locale}/x"];
    let pack = Pack {
        base: "/app".to_owned(),
        aliases: vec![
            Alias::Prefix(vec![SegmentPattern::Literal("index.php".to_owned())]),
            Alias::Prefix(vec![SegmentPattern::Part {
                prefix: String::new(),
                name: String::new(),
                suffix: String::new(),
            }]),
            Alias::Suffix(".json".to_owned()),
        ],
        exclude: vec![Exclusion { line: MatchLine::parse("POST /search").unwrap(), operations: Vec::new() }],
        ..pack(&lines)
    };
    let rules = RuleSet::new(vec![pack]);
    let check = |request: &str, expected: &[(&str, MatchedBy, &[&str], &[&str])]| {
        let found = ask(&rules, request, &[]);
        let found: Vec<_> = found
            .iter()
            .map(|one| {
                let parts: Vec<&str> = one.parts.iter().map(|(_, value)| value.as_str()).collect();
                let uncertain: Vec<&str> = one.uncertain.iter().map(String::as_str).collect();
                (lines[one.rule], one.by, parts, uncertain)
            })
            .collect();
        let expected: Vec<_> = expected
            .iter()
            .map(|(line, by, parts, doubts)| (*line, *by, parts.to_vec(), doubts.to_vec()))
            .collect();
        assert_eq!(found, expected, "{request}");
    };
    use MatchedBy::{Alias as Other, Raw};
    check("POST /app/bookings/7", &[(lines[0], Raw, &["7"], &[])]);
    check("POST /app/bookings/7.json", &[(lines[0], Other, &["7"], &[])]);
    check("POST /app/index.php/bookings/7.json", &[(lines[0], Other, &["7"], &[])]);
    check("POST /app/de/bookings/7/cancel", &[(lines[1], Other, &["7"], &[])]);
    check("POST /app/bookings/7/cancel.json", &[(lines[1], Other, &["7"], &[])]);
    check("POST /app/bookings/7/cancel.xml", &[]);
    // An ending that only some readers take for one: both identifiers are told.
    check("POST /app/bookings/7.JSON", &[(lines[0], Other, &["7"], &["id"])]);
    check("POST /app/bookings/7.js%6fn/", &[(lines[0], Other, &["7"], &["id"])]);
    check("GET /app/index.php/a/b.json", &[(lines[2], Other, &["a/b.json"], &[])]);
    check("GET /app/b.json", &[(lines[2], Raw, &["b.json"], &[])]);
    // The rule's own part keeps its name; what stands where the alias has one has none.
    check("POST /app/de/fr/x", &[(lines[3], Other, &["fr"], &[])]);
    check("POST /index.php/app/bookings/7", &[]);
    check("POST /app/a/b/bookings/7", &[]);
    let is_excluded = |target: &str| {
        let headers = HeaderMap::new();
        let head = HeadView { method: "POST", target, host: "h", headers: &headers, is_trusted: false };
        rules.is_excluded(&head)
    };
    assert!(is_excluded("/app/search") && !is_excluded("/app/de/search"));
}
