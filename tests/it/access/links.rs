//! Links to the viewer: made by the command and at the listener, opened, listed and revoked, and told of in the log.

use super::*;
use crate::process::eventually;

const LINKS: &str = "/audit/v1/links";

fn office() -> Office {
    let office = Office::open(&format!("token: {HOLDER}, address: 'http://localhost:9090'"));
    office.note("acme/t1", "n1");
    office.note("other/t9", "n3");
    office
}

/// Makes a link as that reader; the whole answer.
fn made(office: &Office, query: &str, token: &str) -> Value {
    let (status, body) = office.ask("POST", &format!("{LINKS}?{query}"), &bearer(token));
    assert_eq!(status, 200, "{body}");
    serde_json::from_str(&body).unwrap()
}

fn listed(office: &Office) -> Vec<Value> {
    let (status, body) = office.get(LINKS, HOLDER);
    assert_eq!(status, 200, "{body}");
    serde_json::from_value(serde_json::from_str::<Value>(&body).unwrap()["data"].take()).unwrap()
}

// THREATS Q01, Q11
#[test]
fn a_link_shows_one_thing_until_it_is_revoked_and_the_log_tells_of_it() {
    let office = office();
    let link = made(&office, "target=note/n1&for=2d&name=For+Ben", HOLDER);
    let token = link["token"].as_str().unwrap();
    assert_eq!(link["address"], format!("http://localhost:9090/#link={token}"));
    assert_eq!((&link["by"], &link["grants"]), (&json!("admin.token"), &json!(["target:note/n1"])));
    // At once, and not a second later.
    assert_eq!(office.events(token).keys().collect::<Vec<_>>(), ["n1"]);
    let (_, me) = office.get("/audit/v1/session", token);
    assert!(me.contains("For Ben"), "{me}");
    for (method, target) in
        [("GET", LINKS), ("POST", "/audit/v1/links?target=note/n3"), ("POST", "/audit/v1/reload")]
    {
        assert_eq!(office.ask(method, target, &bearer(token)).0, 403, "{method} {target}");
    }
    let id = link["id"].as_str().unwrap();
    eventually("its use is remembered", || listed(&office)[0].get("lastUsed").is_some());
    let all = listed(&office);
    assert_eq!((&all[0]["id"], &all[0]["isGood"], all.len()), (&link["id"], &json!(true), 1));
    assert!(!all[0].to_string().contains(token), "{all:?}");
    let operator = office.token("Operations", &["--grant", "operator"]);
    office.until(&operator, 200);
    let revoke = |id: &str| office.ask("DELETE", &format!("{LINKS}/{id}"), &bearer(&operator)).0;
    assert_eq!((revoke("000000000000"), revoke(id), revoke(id)), (404, 204, 204));
    assert_eq!(office.get("/audit/v1/events", token).0, 401);
    assert_eq!(listed(&office)[0]["isGood"], false);
    let one = |action: &str| {
        let told = office.told(action, 1, HOLDER);
        assert_eq!((told.len(), &told[0]["target"]["id"]), (1, &json!(id)), "{action}");
        told[0].clone()
    };
    let created = one("LINK_CREATED");
    assert_eq!(created["actor"]["id"], "admin.token");
    assert_eq!(created["details"]["grants"], json!(["target:note/n1"]));
    assert_eq!(one("LINK_OPENED")["actor"]["type"], "unknown");
    let operators = listed(&office)[0]["revokedBy"].clone();
    assert_eq!(one("LINK_REVOKED")["actor"]["id"], operators);
    // A token that is no link is not revoked as one.
    assert_eq!(revoke(operators.as_str().unwrap()), 404);
    let read = std::fs::read_to_string(office.path().join("data.tokens")).unwrap();
    assert!(!read.contains(token), "{read}");
}

// THREATS Q10
#[test]
fn a_link_that_is_changed_in_the_file_is_of_no_use_and_shows_nothing_else() {
    let office = office();
    let link = made(&office, "target=note/n1", HOLDER);
    let other = made(&office, "target=note/n3", HOLDER);
    let (token, other) = (link["token"].as_str().unwrap(), other["token"].as_str().unwrap());
    assert_eq!(office.events(token).keys().collect::<Vec<_>>(), ["n1"]);
    let file = office.path().join("data.tokens");
    let text = std::fs::read_to_string(&file).unwrap();
    let changed = text.replace("target:note/n1", "auditor");
    assert_ne!(text, changed);
    std::fs::write(&file, changed).unwrap();
    office.until(token, 401);
    assert_eq!(office.events(other).keys().collect::<Vec<_>>(), ["n3"]);
}

// THREATS Q01, Q04
#[test]
fn a_link_never_shows_more_nor_lasts_longer_than_what_its_maker_has() {
    let office = office();
    let auditor = office.token("Alma", &["--grant", "auditor", "--expires", "1d"]);
    let others = [
        office.token("Operations", &["--grant", "operator"]),
        office.token("Team", &["--grant", "team:t1"]),
        office.token("One note", &["--grant", "target:note/n1"]),
    ];
    office.until(others.last().unwrap(), 200);
    for token in &others {
        assert_eq!(office.ask("POST", "/audit/v1/links?target=note/n1", &bearer(token)).0, 403);
    }
    let link = made(&office, "actor=nobody&for=7d", &auditor);
    let ends = |time: &Value| time.as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
    assert!(ends(&link["expires"]).duration_since(ends(&link["created"])).as_hours() <= 24, "{link}");
    let token = link["token"].as_str().unwrap();
    assert_eq!(office.get("/audit/v1/events", token).0, 200);
    assert!(office.run(&["revoke", link["by"].as_str().unwrap()]).status.success());
    office.until(token, 401);
    assert_eq!(listed(&office)[0]["isGood"], false);
    for (query, expected) in
        [("", 400), ("target=note", 400), ("target=note/n1&actor=x", 400), ("target=note/n1&for=1y", 400)]
    {
        assert_eq!(office.ask("POST", &format!("{LINKS}?{query}"), &bearer(HOLDER)).0, expected, "{query}");
    }
    assert_eq!(office.ask("PUT", LINKS, &bearer(HOLDER)).0, 405);
}

#[test]
fn the_command_makes_links_that_are_listed_and_revoked_as_tokens_are() {
    let office = office();
    let run = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_earwitness"));
        command.current_dir(office.path()).args(["link", "create", "--config", "earwitness.yaml"]);
        command.args(arguments).output().unwrap()
    };
    let output = run(&["--target", "note/n1", "--for", "2d"]);
    assert!(output.status.success(), "{output:?}");
    let address = String::from_utf8(output.stdout).unwrap();
    let token = address.trim().strip_prefix("http://localhost:9090/#link=").unwrap();
    office.until(token, 200);
    assert_eq!(office.events(token).keys().collect::<Vec<_>>(), ["n1"]);
    let link = listed(&office).remove(0);
    assert_eq!(link["by"], "earwitness link");
    let list = String::from_utf8(office.run(&["list"]).stdout).unwrap();
    assert!(list.contains("target:note/n1") && list.contains("good"), "{list}");
    assert!(office.run(&["revoke", link["id"].as_str().unwrap()]).status.success());
    office.until(token, 401);
    assert_eq!(office.told("LINK_REVOKED", 1, HOLDER)[0]["actor"]["id"], "earwitness token");
    for wrong in [
        &[][..],
        &["--target", "note"],
        &["--target", "note/n1", "--actor", "x"],
        &["--actor", "x", "--for", "1y"],
    ] {
        assert!(!run(wrong).status.success(), "{wrong:?}");
    }
}

// A first token ends that everybody on the machine reads the log: nobody is to lock himself out by a link.
#[test]
fn where_nobody_is_asked_for_a_token_no_link_is_made() {
    let office = Office::open("hosts: [localhost]");
    assert_eq!(office.ask("POST", "/audit/v1/links?target=note/n1", "").0, 409);
    assert_eq!(office.ask("DELETE", "/audit/v1/links/000000000000", "").0, 404);
    assert_eq!(office.get(LINKS, "").0, 200);
    let mut command = Command::new(env!("CARGO_BIN_EXE_earwitness"));
    command.current_dir(office.path()).args([
        "link",
        "create",
        "--config",
        "earwitness.yaml",
        "--actor",
        "x",
    ]);
    let output = command.output().unwrap();
    assert!(
        !output.status.success() && String::from_utf8_lossy(&output.stderr).contains("token create"),
        "{output:?}"
    );
    assert!(!office.path().join("data.tokens").exists());
    assert_eq!(office.get("/audit/v1/events", "").0, 200);
}

/// With sites that may have links in frames.
fn framed() -> Office {
    let embed = "embed: ['https://a.example', 'https://b.example']";
    let office = Office::open(&format!("token: {HOLDER}, address: 'http://localhost:9090', {embed}"));
    office.note("acme/t1", "n1");
    office.note("other/t9", "n3");
    office
}

/// The policy that comes with a page.
fn policy(office: &Office, target: &str) -> String {
    let answer = sessions::raw(office, "GET", target, "");
    let line = answer.lines().find_map(|line| line.strip_prefix("content-security-policy: "));
    line.unwrap_or_else(|| panic!("{target} has a policy: {answer}")).to_owned()
}

// THREATS Q10
#[test]
fn a_link_to_sentences_gets_no_more_than_these_from_any_route() {
    let office = framed();
    let link = made(&office, "target=note/n1&shows=sentences", HOLDER);
    assert_eq!((&link["shows"], &link["sites"], link.get("embed")), (&json!("sentences"), &json!([]), None));
    let token = link["token"].as_str().unwrap();
    let id = office.events(HOLDER)["n1"].clone();
    let refused = |target: &str| {
        let (status, body) = office.get(target, token);
        assert_eq!(status, 400, "{target}: {body}");
        assert!(body.contains("it shows sentences"), "{body}");
    };
    for target in [
        "/audit/v1/events?limit=5&order=oldest",
        &format!("/audit/v1/events/{id}"),
        "/audit/v1/targets/note/n1/history",
    ] {
        let (status, body) = office.get(target, token);
        assert!(status == 200 && body.contains("NOTE_ADDED") && body.contains("\"n1\""), "{target}: {body}");
        for hidden in ["\"client\"", "\"request\"", "\"details\"", "marked-n1", "127.0.0.1", "\"sequence\""] {
            assert!(!body.contains(hidden), "{target} has {hidden}: {body}");
        }
    }
    // A filter would tell what is left out, letter by letter.
    for filter in ["ip=127.0.0.0/8", "q=details:marked", "actor=x", "action=NOTE_ADDED"] {
        refused(&format!("/audit/v1/events?{filter}"));
        refused(&format!("/audit/v1/targets/note/n1/history?{filter}"));
        refused(&format!("/audit/v1/tail?{filter}"));
    }
    for (route, need) in matrix::needs() {
        if need == "Records" {
            assert_eq!(office.get(&matrix::target(&route, "n1"), token).0, 403, "{route}");
        }
    }
    let created = office.told("LINK_CREATED", 1, HOLDER);
    assert_eq!(created[0]["details"]["shows"], "sentences");
}

// THREATS Q10
#[test]
fn a_link_stands_in_frames_of_the_sites_that_it_names_and_of_no_others() {
    let office = framed();
    let link = made(&office, "target=note/n1&site=https://a.example", HOLDER);
    let (id, token) = (link["id"].as_str().unwrap(), link["token"].as_str().unwrap());
    assert_eq!(link["embed"], format!("http://localhost:9090/embed?link={id}#link={token}"));
    assert_eq!((&link["shows"], &link["sites"]), (&json!("sentences"), &json!(["https://a.example"])));
    let listed: Value = serde_json::from_str(&office.get(LINKS, HOLDER).1).unwrap();
    assert_eq!(listed["sites"], json!(["https://a.example", "https://b.example"]));
    assert_eq!(listed["data"][0]["sites"], json!(["https://a.example"]));
    let page = format!("/embed?link={id}");
    assert!(
        policy(&office, &page).contains("frame-ancestors https://a.example;"),
        "{}",
        policy(&office, &page)
    );
    let whole = made(&office, "target=note/n1", HOLDER);
    let unframed = [
        String::new(),
        "?link=".to_owned(),
        "?link=000000000000".to_owned(),
        format!("?link={}", whole["id"].as_str().unwrap()),
    ];
    for query in unframed {
        let told = policy(&office, &format!("/embed{query}"));
        assert!(told.contains("frame-ancestors 'none'"), "{query}: {told}");
    }
    for odd in ["site=https://c.example", "site=a.example", "site=https://a.example&shows=records"] {
        assert_eq!(
            office.ask("POST", &format!("/audit/v1/links?target=note/n1&{odd}"), &bearer(HOLDER)).0,
            400,
            "{odd}"
        );
    }
    assert_eq!(office.ask("DELETE", &format!("/audit/v1/links/{id}"), &bearer(HOLDER)).0, 204);
    assert!(policy(&office, &page).contains("frame-ancestors 'none'"));
    // The command makes the same, and takes as little for a site.
    let run = |more: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_earwitness"));
        command.current_dir(office.path()).args([
            "link",
            "create",
            "--config",
            "earwitness.yaml",
            "--target",
            "note/n1",
        ]);
        command.args(more).output().unwrap()
    };
    let output = run(&["--site", "https://B.example/"]);
    let address = String::from_utf8(output.stdout).unwrap();
    let (page, token) = address.trim().split_once("#link=").unwrap();
    office.until(token, 200);
    let target = page.strip_prefix("http://localhost:9090").unwrap();
    assert!(policy(&office, target).contains("frame-ancestors https://b.example;"), "{address}");
    for wrong in [
        &["--site", "https://c.example"][..],
        &["--site", "b.example"],
        &["--site", "https://b.example", "--shows", "records"],
    ] {
        assert!(!run(wrong).status.success(), "{wrong:?}");
    }
}
