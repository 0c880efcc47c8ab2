//! Every route, as every kind of reader and as nobody. The routes and what each needs are read from the table that the
//! program goes by, and a test beside that table holds it against the router: a new route is tried here by itself.

use super::*;

/// Roles and the needs of routes that each meets.
const ROLES: [(&str, &[&str], &[&str]); 7] = [
    ("auditor", &["auditor"], &["Nothing", "Caller", "Events", "Records", "Everything", "Staff"]),
    ("operator", &["operator"], &["Nothing", "Caller", "Staff", "Operator"]),
    ("organization", &["organization:acme"], &["Nothing", "Caller", "Events", "Records"]),
    ("team", &["team:t1"], &["Nothing", "Caller", "Events", "Records"]),
    ("target", &["target:note/n1"], &["Nothing", "Caller", "Events", "Records"]),
    ("actor", &["actor:nobody"], &["Nothing", "Caller", "Events", "Records"]),
    ("both", &["team:t9", "operator"], &["Nothing", "Caller", "Events", "Records", "Staff", "Operator"]),
];

/// What changes something, and what that needs; each lacks something, so that nothing is changed.
const WRITES: [(&str, &str, &str); 6] = [
    ("POST", "/audit/v1/links?for=x", "Staff"),
    ("DELETE", "/audit/v1/links/{id}", "Staff"),
    ("POST", "/audit/v1/erasure", "Operator"),
    ("POST", "/audit/v1/retention/pass?confirm=x", "Operator"),
    ("PUT", "/audit/v1/searches/{name}?q=a", "Records"),
    ("DELETE", "/audit/v1/searches/{name}", "Records"),
];

/// The rows of the program's own table.
pub(super) fn needs() -> Vec<(String, String)> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/src/api/access/need.rs");
    let text = std::fs::read_to_string(path).unwrap();
    let row = |line: &str| {
        let (route, need) = line.trim().strip_prefix("(\"")?.split_once("\", Need::")?;
        Some((route.to_owned(), need.trim_end_matches("),").to_owned()))
    };
    let rows: Vec<_> = text.lines().filter_map(row).collect();
    assert!(rows.len() > 9, "{rows:?}");
    rows
}

/// A route with its places filled in.
pub(super) fn target(route: &str, id: &str) -> String {
    let mut route =
        route.replace("{*path}", "none.js").replace("{application}", "calendar").replace("{type}", "note");
    for place in ["{id}", "{name}", "{uid}", "{user}"] {
        route = route.replace(place, id);
    }
    assert!(!route.contains('{'), "say what stands in {route}");
    route
}

/// An answer without what was asked for, and without the time at which an export says that it was made.
fn plain(body: &str, asked: &str) -> String {
    let mut body = body.replace(asked, "ASKED");
    if let Some((before, made)) = body.split_once("\"made\":\"")
        && let Some((_, behind)) = made.split_once('"')
    {
        body = format!("{before}{behind}");
    }
    body
}

fn office() -> Office {
    let office = Office::open(&format!("token: {HOLDER}"));
    for (whose, id) in [("acme/t1", "n1"), ("acme/t2", "n2"), ("other/t9", "n3"), ("notes", "n4")] {
        office.note(whose, id);
    }
    office
}

/// A token for each of these lists of grants, all in force.
fn tokens<const N: usize>(office: &Office, all: [&[&str]; N]) -> [String; N] {
    let made = all.map(|grants| {
        let grants: Vec<&str> = grants.iter().flat_map(|grant| ["--grant", grant]).collect();
        office.token("somebody", &grants)
    });
    office.until(made.last().unwrap(), 200);
    made
}

pub(super) const ABSENT: &str = "00000000-0000-0000-0000-00000000000f";

// THREATS Q01, O05, O10
#[test]
fn every_route_is_open_to_those_it_is_for_and_to_nobody_else() {
    let office = office();
    let statuses = |target: &str, headers: &str| status_of(office.process.audit, "GET", target, headers);
    let tokens = tokens(&office, ROLES.map(|(_, grants, _)| grants));
    for ((role, _, meets), token) in ROLES.into_iter().zip(tokens) {
        let bearer = bearer(&token);
        for (route, need) in needs() {
            let status = statuses(&target(&route, ABSENT), &bearer);
            assert_eq!(status != 403, meets.contains(&need.as_str()), "{role} {route}: {status}");
            assert!(status != 401 && status < 500, "{role} {route}: {status}");
        }
        assert_eq!(statuses("/audit/v1/nowhere", &bearer), 404, "{role}");
        let written = status_of(office.process.audit, "POST", "/audit/v1/reload", &bearer);
        assert_eq!(written == 200, meets.contains(&"Operator"), "{role} {written}");
        for (method, route, need) in WRITES {
            let status = status_of(office.process.audit, method, &target(route, ABSENT), &bearer);
            assert_eq!(status != 403, meets.contains(&need), "{role} {method} {route}: {status}");
            assert!(status != 401 && status < 500, "{role} {method} {route}: {status}");
        }
    }
    for nobody in [String::new(), bearer(&"x".repeat(32)), bearer(&format!("earwitness_{}", "0".repeat(72)))]
    {
        for (route, need) in needs() {
            let status = statuses(&target(&route, ABSENT), &nobody);
            // Who goes on trying tokens is not looked at any more.
            assert_eq!([401, 429].contains(&status), need != "Nothing", "{nobody} {route}: {status}");
        }
        assert!([401, 429].contains(&statuses("/audit/v1/nowhere", &nobody)));
    }
}

// THREATS Q01, Q02, Q03
#[test]
fn a_reader_sees_his_part_of_the_log_and_the_rest_is_as_if_it_were_not_there() {
    let office = office();
    let all = office.events(HOLDER);
    assert_eq!(all.keys().collect::<Vec<_>>(), ["n1", "n2", "n3", "n4"]);
    let (_, first) = office.get("/audit/v1/events?action=NOTE_ADDED&limit=1", HOLDER);
    let first: Value = serde_json::from_str(&first).unwrap();
    let cursor = first["pagination"]["nextCursor"].as_str().unwrap();
    let [auditor] = tokens(&office, [&["auditor"]]);
    let swapped =
        office.get(&format!("/audit/v1/events?action=NOTE_ADDED&limit=1&cursor={cursor}"), &auditor);
    assert_eq!(swapped.0, 400, "another reader's cursor, who sees the same: {}", swapped.1);
    // Whom the log tells of when it tells of itself.
    assert_eq!(office.ask("POST", "/audit/v1/session", &bearer(HOLDER)).0, 200);
    office.token("told of", &["--grant", "auditor"]);
    let told = office.told("TOKEN_CREATED", 1, HOLDER);
    office.told("SIGNED_IN", 1, HOLDER);
    let made = format!("target:token/{}", told[0]["target"]["id"].as_str().unwrap());
    let parts: [(&str, &[&str], &[&str]); 6] = [
        ("organization", &["organization:acme"], &["n1", "n2"]),
        ("team", &["team:t1"], &["n1"]),
        ("target", &["target:note/n3"], &["n3"]),
        ("two", &["team:t2", "organization:other"], &["n2", "n3"]),
        ("none", &["organization:nowhere"], &[]),
        ("own", &["actor:admin.token", "actor:earwitness", &made], &[]),
    ];
    let tokens = tokens(&office, parts.map(|(_, grants, _)| grants));
    for ((role, _, own), token) in parts.into_iter().zip(tokens) {
        assert_eq!(office.events(&token).keys().collect::<Vec<_>>(), own, "{role}");
        for (route, need) in needs() {
            if !["Events", "Records"].contains(&need.as_str()) || route.ends_with("/tail") {
                continue;
            }
            for (note, id) in all.iter().filter(|(note, _)| !own.contains(&note.as_str())) {
                let is_of_event = route.contains("/events/");
                let (foreign, absent) =
                    if is_of_event { (id.as_str(), ABSENT) } else { (note.as_str(), "nx") };
                let asked = |id: &str| office.get(&target(&route, id), &token);
                let ((status, body), (as_absent, other)) = (asked(foreign), asked(absent));
                assert_eq!(status, as_absent, "{role} {route} {note}");
                assert_eq!(plain(&body, foreign), plain(&other, absent), "{role} {route} {note}");
                assert!(!body.contains(&format!("marked-{note}")), "{role} {route} {note}: {body}");
            }
            // What is searched for and not seen is told as what is not there.
            let searched = |word: &str| {
                let words = format!("{}?q={word}", target(&route, ABSENT));
                let (status, body) = office.get(&words, &token);
                (status, plain(&body, word))
            };
            assert_eq!(searched("marked-n4"), searched("marked-xx"), "{role} {route}");
        }
        let others =
            office.get(&format!("/audit/v1/events?action=NOTE_ADDED&limit=1&cursor={cursor}"), &token);
        assert_eq!(others.0, 400, "{role}: {}", others.1);
        let (_, own_log) = office.get("/audit/v1/events?source=EARWITNESS", &token);
        assert!(own_log.contains("\"data\":[]"), "{own_log}");
    }
}

// THREATS S15
#[test]
fn who_sees_a_part_of_the_log_is_told_no_places_in_it() {
    let office = office();
    let (team, auditor) =
        (office.token("Team", &["--grant", "team:t1"]), office.token("Alma", &["--grant", "auditor"]));
    office.until(&auditor, 200);
    let id = office.events(&team)["n1"].clone();
    let one = format!("/audit/v1/events/{id}");
    let places = ["\"sequence\":", "\"leaf\":", "\"salt\":"];
    let shown = [
        "/audit/v1/events?action=NOTE_ADDED",
        &one,
        "/audit/v1/targets/note/n1/history",
        "/audit/v1/export?action=NOTE_ADDED",
        "/audit/v1/export?action=NOTE_ADDED&format=json",
        "/audit/v1/export?action=NOTE_ADDED&format=cloudevents",
        "/audit/v1/export?action=NOTE_ADDED&format=ocsf",
    ];
    for target in shown {
        let ((status, part), (_, whole)) = (office.get(target, &team), office.get(target, &auditor));
        assert!(status == 200 && part.contains("marked-n1"), "{target}: {part}");
        for place in places {
            assert!(!part.contains(place), "{target} has {place} {part}");
        }
        assert!(whole.contains("\"sequence\":"), "{target}: {whole}");
    }
    for target in [&format!("{one}/proof"), "/audit/v1/checkpoint", "/audit/v1/consistency?from=1"] {
        assert_eq!((office.get(target, &team).0, office.get(target, &auditor).0), (403, 200), "{target}");
    }
    // What was exported so cannot be checked, and says why.
    let file = office.path().join("part.ndjson");
    std::fs::write(&file, office.get("/audit/v1/export?action=NOTE_ADDED", &team).1).unwrap();
    let mut verify = Command::new(env!("CARGO_BIN_EXE_earwitness"));
    let output = verify.args(["verify", "--file"]).arg(&file).output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && told.contains("somebody who sees a part of the log"), "{told}");
}
