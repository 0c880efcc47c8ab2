//! Applications that ask a connection, not a request, who it is: two users must never share one, or the
//! second acts, and is recorded, as the first.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use earwitness::event::Assurance;

use super::{Recorded, request};
use crate::rig::{App, Wire, eventually, value_of};

/// The application is asked who somebody is wherever it can be.
const RULES: &str = r#"version: 1
actors: [{ name: asked, ask: GET /me, actor: { type: user, id: $.answer.body.user } }]
rules:
  - id: booked
    match: POST /book
    action: BOOKED
    details: { by: $.response.body.user, for: $.request.body.for }
"#;

/// An application that believes a connection for as long as it is open, once a name was proved on it. The
/// proof takes two steps, as NTLM's does: the second must come on the connection of the first.
fn believing(scheme: &'static str) -> (App, Arc<AtomicUsize>) {
    let closed = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&closed);
    let app = App::scripted(move |wire| {
        let (mut is_begun, mut user) = (false, None);
        while let Some(request) = wire.next_request() {
            let proof = value_of(&request, "authorization").and_then(|value| value.split_once(' '));
            match proof.map(|(_, proof)| proof) {
                Some("begin") => is_begun = true,
                Some(name) if is_begun => user = Some(name.to_owned()),
                Some(_) | None => {}
            }
            let answer = match &user {
                Some(user) => {
                    let body = format!(r#"{{"user":"{user}"}}"#);
                    let length = body.len();
                    format!(
                        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
                    )
                }
                None => format!(
                    "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: {scheme}\r\nContent-Length: 0\r\n\r\n"
                ),
            };
            if !wire.try_send(answer) {
                break;
            }
        }
        count.fetch_add(1, Ordering::SeqCst);
    });
    (app, closed)
}

fn book(id: &str, user: &str, header: Option<&str>) -> String {
    let body = format!(r#"{{"for":"{user}"}}"#);
    let headers: Vec<&str> = ["Content-Type: application/json"].into_iter().chain(header).collect();
    request("POST /book", id, &headers, &body)
}

/// One user at work: refused, the two steps, then many bookings without a word about who it is.
fn work(client: &mut Wire, scheme: &str, user: &str) {
    let mut ask = |id: String, header: Option<String>| {
        client.send(book(&id, user, header.as_deref()));
        client.read_message()
    };
    let refused = ask(format!("{user}-refused"), None);
    assert!(refused.starts_with("HTTP/1.1 401 "), "{refused}");
    ask(format!("{user}-begin"), Some(format!("Authorization: {scheme} begin")));
    ask(format!("{user}-prove"), Some(format!("Authorization: {scheme} {user}")));
    for round in 0..ROUNDS {
        let answer = ask(format!("{user}-{round}"), None);
        assert!(answer.ends_with(&format!(r#"{{"user":"{user}"}}"#)), "{user}, {round}: {answer}");
    }
}

// THREATS E35
#[test]
fn whom_the_application_believes_by_the_connection_is_never_another() {
    for scheme in ["NTLM", "Negotiate"] {
        let (app, _) = believing(scheme);
        let recorded = Arc::new(Recorded::before(app.address, RULES, |_| {}, |auditor| Arc::new(auditor)));
        let users = ["ada", "bob", "cyd", "dan"];
        let at_work = users.map(|user| {
            let recorded = Arc::clone(&recorded);
            thread::spawn(move || work(&mut recorded.rig.connect(), scheme, user))
        });
        at_work.into_iter().for_each(|user| user.join().unwrap());
        // A stranger comes after all of them and is nobody.
        let stranger = recorded.rig.exchange(book("stranger", "eve", None));
        assert!(stranger.starts_with("HTTP/1.1 401 "), "{stranger}");
        for user in users {
            for round in 0..ROUNDS {
                let event = recorded.event_of(&format!("{user}-{round}"));
                let details = serde_json::to_value(&event).unwrap()["details"].clone();
                assert_eq!((&details["by"], &details["for"]), (&user.into(), &user.into()), "{details}");
                let is_right = event.actor.id.as_deref() == Some(user);
                assert!(is_right || event.actor.assurance == Assurance::None, "{event:#?}");
            }
        }
    }
}

// THREATS E35
#[test]
fn a_connection_that_stands_for_a_client_ends_with_the_clients() {
    let (app, closed) = believing("NTLM");
    let recorded = Recorded::before(app.address, RULES, |_| {}, |auditor| Arc::new(auditor));
    let mut first = recorded.rig.connect();
    work(&mut first, "NTLM", "ada");
    eventually("all but one are closed", || closed.load(Ordering::SeqCst) + 1 == app.connections());
    drop(first);
    eventually("all are closed", || closed.load(Ordering::SeqCst) == app.connections());
    // Whoever comes next gets another, and is asked who he is.
    work(&mut recorded.rig.connect(), "NTLM", "bob");
    assert_eq!(recorded.rig.metric("earwitness_upstream_connections_idle"), 0);
}

// THREATS E35
#[test]
fn a_proof_that_is_good_once_is_not_spent_on_a_question_of_ours() {
    let (app, _) = believing("Negotiate");
    let recorded = Recorded::before(app.address, RULES, |_| {}, |auditor| Arc::new(auditor));
    let mut client = recorded.rig.connect();
    client.send(book("one", "ada", Some("Authorization: Negotiate begin")));
    assert!(client.read_message().starts_with("HTTP/1.1 401 "));
    recorded.event_of("one");
    let asked = app.requests().iter().filter(|request| request.starts_with("GET /me")).count();
    assert_eq!(asked, 0, "{:?}", app.requests());
}

const ROUNDS: usize = 20;
