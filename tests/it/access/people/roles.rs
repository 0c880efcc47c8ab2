//! What somebody may do who has signed in at a provider is never older than a limit (THREATS Q13): here it is a second, and each test
//! goes on until what it waits for is so.

use std::sync::atomic::{AtomicBool, Ordering};

use super::provider::REFRESH;
use super::*;

/// Somebody who has signed in: the header line with his session.
fn signed_in(office: &Office, provider: &Provider, claims: &Value) -> String {
    let (cookie, sent_to) = begin(office, "");
    let code = provider.agree(&sent_to, claims);
    let Step { cookies, .. } = back(office, &cookie, &answer(&sent_to, &code));
    format!("cookie: __Host-earwitness={}\r\n", cookies["__Host-earwitness"])
}

/// An office that asks every second, before a provider that answers.
fn asking() -> (Provider, Office) {
    let provider = Provider::start();
    provider.gives_refresh_tokens();
    let office = office_that_asks_every(&provider, 1_000);
    (provider, office)
}

/// Asks for events again and again until the answer has that status; its body.
fn until(office: &Office, session: &str, expected: u16) -> String {
    for _ in 0..200 {
        let (status, body) = office.ask("GET", "/audit/v1/events?action=NOTE_ADDED", session);
        if status == expected {
            return body;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    panic!("{expected} never came");
}

fn grants(office: &Office, session: &str) -> Value {
    let (_, me) = office.ask("GET", "/audit/v1/session", session);
    serde_json::from_str::<Value>(&me).unwrap()["grants"].take()
}

// THREATS Q13
#[test]
fn a_role_that_the_provider_takes_away_or_gives_in_the_middle_of_a_session_is_so_here_too() {
    let (provider, office) = asking();
    let session = signed_in(&office, &provider, &alma());
    assert!(until(&office, &session, 200).contains("other"));
    provider.says_of_all(&json!({ "sub": "a1", "name": "Alma", "owns": ["acme"] }));
    let is_part = (0..200).any(|_| {
        std::thread::sleep(Duration::from_millis(100));
        !until(&office, &session, 200).contains("other")
    });
    assert!(is_part && grants(&office, &session) == json!(["organization:acme"]));
    provider.says_of_all(&json!({ "sub": "a1", "name": "Alma" }));
    until(&office, &session, 403);
    assert_eq!(grants(&office, &session), json!([]));
    provider.says_of_all(&alma());
    until(&office, &session, 200);
    // Who has left altogether.
    provider.says_of_all(&Value::Null);
    until(&office, &session, 401);
    assert!(provider.refreshed() > 3);
    assert_eq!(office.told("SIGNED_IN", 1, HOLDER).len(), 1, "nobody signs in by that");
    for file in walk(office.path()) {
        let bytes = std::fs::read(&file).unwrap_or_default();
        let found = bytes.windows(REFRESH.len()).any(|part| part == REFRESH.as_bytes());
        assert!(!found, "{} holds what the provider gave", file.display());
    }
}

// THREATS Q13
#[test]
fn another_person_in_the_providers_answer_is_nobody_here() {
    let (provider, office) = asking();
    let session = signed_in(&office, &provider, &alma());
    provider.says_of_all(&json!({ "sub": "b2", "name": "Ben", "groups": ["audit"] }));
    until(&office, &session, 401);
}

// THREATS Q13
#[test]
fn while_the_provider_does_not_answer_nobody_reads_by_what_it_has_said_before() {
    let (provider, office) = asking();
    let (session, other) = (signed_in(&office, &provider, &alma()), signed_in(&office, &provider, &alma()));
    provider.is_out(true);
    let told = until(&office, &session, 503);
    assert!(told.contains("does not answer now"), "{told}");
    assert_eq!(grants(&office, &session), json!([]));
    assert_eq!(office.ask("GET", "/audit/v1/key", &session).0, 503);
    assert_eq!(office.ask("GET", "/healthz", &session).0, 200);
    // Whoever signs out is out, whether or not it answers.
    let own_page = "earwitness-request: 1\r\nsec-fetch-site: same-origin\r\n";
    until(&office, &other, 503);
    assert_eq!(office.ask("DELETE", "/audit/v1/session", &format!("{other}{own_page}")).0, 204);
    provider.is_out(false);
    until(&office, &session, 200);
    assert_eq!(office.ask("GET", "/audit/v1/events", &other).0, 401);
}

// THREATS Q13
#[test]
fn many_requests_at_once_ask_the_provider_once_as_its_token_is_good_once() {
    let (provider, office) = asking();
    let session = signed_in(&office, &provider, &alma());
    for _ in 0..3 {
        let before = provider.refreshed();
        while provider.refreshed() == before {
            let statuses: Vec<u16> = std::thread::scope(|scope| {
                let ask = || office.ask("GET", "/audit/v1/events", &session).0;
                let asking: Vec<_> = (0..8).map(|_| scope.spawn(ask)).collect();
                asking.into_iter().map(|one| one.join().unwrap()).collect()
            });
            assert_eq!(statuses, [200; 8]);
            // Slower than what one may ask in a second.
            std::thread::sleep(Duration::from_millis(200));
        }
    }
}

// THREATS Q13
#[test]
fn without_a_token_to_ask_by_a_session_ends_and_its_page_asks_the_provider_quietly_for_another() {
    let provider = Provider::start();
    let office = office_that_asks_every(&provider, 1_000);
    let session = signed_in(&office, &provider, &alma());
    until(&office, &session, 401);
    assert_eq!(provider.refreshed(), 0);
    let Step { to, .. } = step(&office, &format!("{BEGIN}?quiet=true&to=q%3Dx"), "");
    assert_eq!(pairs(to.split_once('?').unwrap().1)["prompt"], "none");
    let Step { to, .. } = step(&office, &format!("{BEGIN}?to=q%3Dx"), "");
    assert!(!pairs(to.split_once('?').unwrap().1).contains_key("prompt"));
}

// THREATS Q04, Q13
#[test]
fn a_tail_goes_on_while_the_provider_says_the_same_and_ends_when_it_does_not() {
    let (provider, office) = asking();
    let session = signed_in(&office, &provider, &alma());
    let address = office.process.audit;
    let mut tail = TcpStream::connect(address).unwrap();
    tail.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let head = format!("GET /audit/v1/tail?action=NOTE_ADDED HTTP/1.1\r\nhost: {address}\r\n{session}\r\n");
    tail.write_all(head.as_bytes()).unwrap();
    let mut seen = String::new();
    let mut more = |seen: &mut String| {
        let mut bytes = [0; 4_096];
        let count = tail.read(&mut bytes).unwrap();
        seen.push_str(std::str::from_utf8(&bytes[..count]).unwrap());
        count > 0
    };
    // The tail alone makes us ask: nothing else comes by this session.
    let mut notes = 0;
    while provider.refreshed() < 2 {
        office.note("other/t9", &format!("kept-{notes}"));
        while !seen.contains(&format!("marked-kept-{notes}")) {
            assert!(more(&mut seen), "it goes on");
        }
        notes += 1;
        std::thread::sleep(Duration::from_millis(100));
    }
    provider.says_of_all(&json!({ "sub": "a1", "owns": ["acme"] }));
    let has_ended = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut n = 0;
            while !has_ended.load(Ordering::Relaxed) && n < 300 {
                office.note("acme/t1", &format!("other-{n}"));
                n += 1;
                std::thread::sleep(Duration::from_millis(100));
            }
        });
        while more(&mut seen) {}
        has_ended.store(true, Ordering::Relaxed);
    });
    assert_eq!(grants(&office, &session), json!(["organization:acme"]));
}

// THREATS Q13
#[test]
fn a_link_ends_with_the_role_of_who_made_it_and_lasts_a_week_at_most() {
    let (provider, office) = asking();
    let session = signed_in(&office, &provider, &alma());
    let made = |headers: &str| {
        let (status, link) = office.ask("POST", "/audit/v1/links?target=note/n1&for=30d", headers);
        assert_eq!(status, 200, "{link}");
        serde_json::from_str::<Value>(&link).unwrap()
    };
    let own_page = "earwitness-request: 1\r\nsec-fetch-site: same-origin\r\n";
    let (link, other) = (made(&format!("{session}{own_page}")), made(&bearer(HOLDER)));
    let [text, text_of_other] = [&link, &other].map(|link| link["token"].as_str().unwrap());
    let days = |link: &Value| {
        let at = |name: &str| link[name].as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
        at("expires").duration_since(at("created")).as_hours() / 24
    };
    assert_eq!((days(&link), days(&other)), (7, 30));
    until(&office, &session, 200);
    assert_eq!(office.get("/audit/v1/events", text).0, 200);
    provider.says_of_all(&json!({ "sub": "a1", "name": "Alma" }));
    until(&office, &session, 403);
    office.until(text, 401);
    assert_eq!(office.get("/audit/v1/events", text_of_other).0, 200);
    let told = office.told("LINK_REVOKED", 1, HOLDER);
    let told = told.iter().map(|event| (&event["target"]["id"], &event["actor"]["id"])).collect::<Vec<_>>();
    assert_eq!(told, [(&link["id"], &json!("earwitness roles"))]);
}

fn walk(folder: &Path) -> Vec<std::path::PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap().map_while(Result::ok) {
        match entry.path() {
            path if path.is_dir() => files.extend(walk(&path)),
            path => files.push(path),
        }
    }
    files
}
