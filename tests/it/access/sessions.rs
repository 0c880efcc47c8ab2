//! Signing in and out with a cookie, as a page does it.

use super::*;

/// What a page of the listener's own origin sends along.
const OWN_PAGE: &str = "earwitness-request: 1\r\nsec-fetch-site: same-origin\r\n";

/// The whole answer, for its headers.
pub(super) fn raw(office: &Office, method: &str, target: &str, headers: &str) -> String {
    let address = office.process.audit;
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    write!(stream, "{method} {target} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n{headers}\r\n")
        .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

pub(super) fn sign_in(office: &Office, token: &str) -> String {
    let answer = raw(office, "POST", "/audit/v1/session", &bearer(token));
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    let line = answer
        .lines()
        .find_map(|line| line.strip_prefix("set-cookie: "))
        .unwrap_or_else(|| panic!("{answer}"));
    let (cookie, rules) = line.split_once("; ").unwrap();
    assert_eq!(rules, "Path=/; Secure; HttpOnly; SameSite=Lax");
    assert!(cookie.starts_with("__Host-earwitness=") && !line.contains(token), "{line}");
    format!("cookie: a=b; {cookie}\r\n")
}

// THREATS Q07
#[test]
fn a_session_reads_by_its_cookie_and_writes_only_from_its_own_page() {
    let office = Office::open(&format!("token: {HOLDER}"));
    let (_, stranger) = office.ask("GET", "/audit/v1/session", "");
    let stranger: Value = serde_json::from_str(&stranger).unwrap();
    assert_eq!(stranger, json!({ "isSignedIn": false, "grants": [], "hasCookie": false, "ways": ["token"] }));
    assert_eq!(office.ask("POST", "/audit/v1/session", "").0, 401);
    assert_eq!(office.ask("POST", "/audit/v1/session", &bearer("wrong-wrong-wrong-wrong")).0, 401);
    let cookie = sign_in(&office, HOLDER);
    let (status, me) = office.ask("GET", "/audit/v1/session", &cookie);
    let me: Value = serde_json::from_str(&me).unwrap();
    assert_eq!((status, &me["id"], &me["hasCookie"]), (200, &json!("admin.token"), &json!(true)));
    assert_eq!(office.ask("GET", "/audit/v1/events", &cookie).0, 200);
    let (origin, host) = (office.process.audit, office.process.proxy);
    for (more, expected) in [
        (String::new(), 403),
        ("earwitness-request: 1\r\n".to_owned(), 403),
        ("sec-fetch-site: same-origin\r\n".to_owned(), 403),
        ("earwitness-request: 1\r\nsec-fetch-site: same-site\r\n".to_owned(), 403),
        (format!("earwitness-request: 1\r\norigin: http://{host}\r\n"), 403),
        (format!("earwitness-request: 1\r\norigin: http://{origin}\r\n"), 200),
        (OWN_PAGE.to_owned(), 200),
    ] {
        assert_eq!(office.ask("POST", "/audit/v1/reload", &format!("{cookie}{more}")).0, expected, "{more}");
        if expected == 403 {
            assert_eq!(
                office.ask("DELETE", "/audit/v1/session", &format!("{cookie}{more}")).0,
                403,
                "{more}"
            );
        }
    }
    let (again, own) = (format!("{cookie}{OWN_PAGE}"), cookie.trim_end().to_owned());
    assert_eq!(
        office.ask("GET", "/audit/v1/events", &format!("{own}; __Host-earwitness=planted\r\n")).0,
        401
    );
    let out = raw(&office, "DELETE", "/audit/v1/session", &again);
    assert!(out.starts_with("HTTP/1.1 204") && out.contains("Max-Age=0"), "{out}");
    assert_eq!(office.ask("GET", "/audit/v1/events", &cookie).0, 401);
    office.told("SIGNED_IN", 1, HOLDER);
    assert_eq!(office.told("SIGNED_OUT", 1, HOLDER)[0]["actor"]["id"], "admin.token");
}

// THREATS Q14, Q18
#[test]
fn who_signs_in_with_what_is_not_known_is_slowed_down_and_told_of() {
    let office = Office::open(&format!("token: {HOLDER}"));
    let wrong = bearer(&"w".repeat(32));
    let statuses: Vec<u16> = (0..40).map(|_| office.ask("POST", "/audit/v1/session", &wrong).0).collect();
    assert!(statuses[..30].iter().all(|status| *status == 401), "{statuses:?}");
    assert!(statuses[30..].contains(&429), "{statuses:?}");
    // What is open is open to him, too.
    let (status, me) = office.ask("GET", "/audit/v1/session", &wrong);
    assert_eq!((status, me.contains("\"isSignedIn\":false")), (200, true), "{me}");
    assert_eq!(office.ask("GET", "/healthz", "").0, 200);
    let office = office.restarted();
    let told = office.told("ACCESS_REFUSED", 1, HOLDER);
    assert_eq!((told.len(), &told[0]["details"]["requests"]), (1, &json!(41)), "{told:?}");
    assert_eq!(told[0]["details"]["asked"][0]["path"], "/audit/v1/session");
}

// THREATS Q04, Q13
#[test]
fn a_session_ends_with_its_token() {
    let office = Office::open(&format!("token: {HOLDER}"));
    let token = office.token("Ben", &["--grant", "organization:acme"]);
    office.until(&token, 200);
    let cookie = sign_in(&office, &token);
    assert_eq!(office.ask("GET", "/audit/v1/events", &cookie).0, 200);
    let id = office.told("TOKEN_CREATED", 1, HOLDER)[0]["target"]["id"].as_str().unwrap().to_owned();
    assert!(office.run(&["revoke", &id]).status.success());
    office.until(&token, 401);
    assert_eq!(office.ask("GET", "/audit/v1/events", &cookie).0, 401);
}

// THREATS Q08
#[test]
fn the_application_never_gets_the_cookie_of_the_audit_listener_and_plants_none() {
    use crate::rig::{App, Rig};
    let app = App::scripted(|wire| {
        while let Some(request) = wire.next_request() {
            let planted = "Set-Cookie: __Host-earwitness=evil; Secure; Path=/\r\nSet-Cookie: own=1\r\n";
            let head = format!("HTTP/1.1 200 OK\r\n{planted}Content-Length: {}\r\n\r\n", request.len());
            if !wire.try_send(head + &request) {
                return;
            }
        }
    });
    let rig = Rig::before(app.address);
    let cookies = "Cookie: a=b; __Host-earwitness=secret; c=d\r\n";
    let answer = rig.exchange(format!("GET / HTTP/1.1\r\nHost: x\r\n{cookies}\r\n"));
    assert!(answer.contains("ookie: a=b; c=d\r\n") && answer.contains("own=1"), "{answer}");
    assert!(!answer.contains("earwitness="), "{answer}");
    rig.stop();
}

#[test]
fn where_nobody_is_asked_for_anything_nobody_signs_in() {
    let office = Office::open("hosts: [localhost]");
    let (_, me) = office.ask("GET", "/audit/v1/session", "");
    let me: Value = serde_json::from_str(&me).unwrap();
    assert_eq!((&me["isSignedIn"], &me["id"], &me["ways"]), (&json!(true), &json!("local"), &json!([])));
    assert_eq!(office.ask("POST", "/audit/v1/session", &bearer(HOLDER)).0, 409);
    assert_eq!(office.ask("DELETE", "/audit/v1/session", OWN_PAGE).0, 409);
    assert_eq!(office.ask("PUT", "/audit/v1/session", OWN_PAGE).0, 405);
}
