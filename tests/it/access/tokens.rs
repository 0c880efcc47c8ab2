//! Tokens: made, used, revoked, and told of in the log.

use super::sessions::sign_in;
use super::*;

const AUDITOR: [&str; 2] = ["--grant", "auditor"];

// THREATS Q14, Q18
#[test]
fn a_token_comes_into_force_and_out_of_it_while_the_listener_runs_and_the_log_tells_of_it() {
    let office = Office::open("hosts: [localhost]");
    assert_eq!(office.get("/audit/v1/events", "").0, 200, "open, as there is no token yet");
    let token = office.token("Alma, audit", &AUDITOR);
    office.until("", 401);
    office.until(&token, 200);
    let told = office.told("TOKEN_CREATED", 1, &token);
    assert_eq!(told[0]["target"]["name"], "Alma, audit");
    assert_eq!(
        (&told[0]["category"], &told[0]["details"]["grants"]),
        (&json!("ACCESS"), &json!(["auditor"]))
    );
    let id = told[0]["target"]["id"].as_str().unwrap().to_owned();
    let listed = String::from_utf8(office.run(&["list"]).stdout).unwrap();
    assert!(listed.contains(&id) && listed.contains("auditor") && listed.contains("good"), "{listed}");
    let other = office.token("another", &AUDITOR);
    office.until(&other, 200);
    assert!(office.run(&["revoke", &id]).status.success());
    office.until(&token, 401);
    assert_eq!(office.told("TOKEN_REVOKED", 1, &other)[0]["target"]["id"], id);
    let listed = String::from_utf8(office.run(&["list"]).stdout).unwrap();
    assert!(listed.contains("revoked"), "{listed}");
    let today = told[0]["time"].as_str().unwrap()[..8].to_owned();
    assert!(listed.contains(&today), "when it was last used: {listed}");
    for file in std::fs::read_dir(office.path()).unwrap().map_while(Result::ok) {
        let text = std::fs::read(file.path()).unwrap_or_default();
        let found = text.windows(token.len()).any(|part| part == token.as_bytes());
        assert!(!found, "{} holds the token", file.path().display());
    }
}

// THREATS Q04, Q13
#[test]
fn a_grant_that_is_changed_in_the_file_is_another_one_at_once_also_for_who_is_signed_in() {
    let office = Office::open(&format!("token: {HOLDER}"));
    office.note("acme/t1", "n1");
    office.note("other/t9", "n3");
    let token = office.token("Ben", &AUDITOR);
    office.until(&token, 200);
    let cookie = sign_in(&office, &token);
    assert_eq!(office.events(&token).len(), 2);
    let file = office.path().join("data.tokens");
    let text = std::fs::read_to_string(&file).unwrap();
    let changed = text.replace("\"auditor\"", "\"organization:acme\"");
    assert_ne!(text, changed);
    std::fs::write(&file, changed).unwrap();
    let is_part = (0..80).any(|_| {
        std::thread::sleep(Duration::from_millis(250));
        office.events(&token).keys().collect::<Vec<_>>() == ["n1"]
    });
    assert!(is_part, "{:?}", office.events(&token));
    let (status, body) = office.ask("GET", "/audit/v1/events?action=NOTE_ADDED", &cookie);
    assert!(status == 200 && body.contains("marked-n1") && !body.contains("marked-n3"), "{body}");
}

#[test]
fn what_is_wrong_with_a_command_is_said_and_makes_no_file() {
    let office = Office::open("hosts: [localhost]");
    let check = |arguments: &[&str], expected: &str| {
        let output = office.run(arguments);
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && told.contains(expected), "{arguments:?}: {told}");
    };
    check(&["create", "--name", "x"], "--grant");
    check(&["create", "--name", "x", "--grant", "owner"], "organization:ID");
    check(&["create", "--name", "", "--grant", "auditor"], "a name has");
    check(&["create", "--name", "x", "--grant", "auditor", "--expires", "1y"], "90d");
    check(&["revoke", "nothing"], "there is none");
    assert!(!office.path().join("data.tokens").exists());
    office.token("x", &AUDITOR);
    check(&["revoke", "nothing"], "there is no token");
}

// THREATS Q14
#[test]
fn who_guesses_is_slowed_down_and_others_at_his_address_that_are_signed_in_are_not() {
    let office = Office::open(&format!("token: {HOLDER}"));
    let token = office.token("Alma", &AUDITOR);
    office.until(&token, 200);
    let (cookie, of_holder) = (sign_in(&office, &token), sign_in(&office, HOLDER));
    let guess = || office.get("/audit/v1", &"y".repeat(32)).0;
    let statuses: Vec<u16> = (0..40).map(|_| guess()).collect();
    assert!(statuses[..20].iter().all(|status| *status == 401), "{statuses:?}");
    assert!(statuses[20..].contains(&429), "{statuses:?}");
    assert_eq!(office.get("/healthz", "").0, 200);
    assert_eq!(office.get("/audit/v1", &token).0, 200);
    for cookie in [cookie, of_holder] {
        assert_eq!(office.ask("GET", "/audit/v1", &cookie).0, 200);
    }
    // Somebody chose this one, and may have chosen badly: it waits as guesses do.
    let held: Vec<u16> = (0..5).map(|_| (guess(), office.get("/audit/v1", HOLDER).0).1).collect();
    assert!(held.contains(&429), "{held:?}");
}
