//! Before a request goes on, its intent is on the disk, or a rule decides what becomes of it; and however its story
//! ends, it is told.

use std::sync::Arc;

use earwitness::derive::Purpose;
use earwitness::exchange::Ending;
use tokio::sync::Semaphore;

use super::script::{OK, POST, Script, rig};
use crate::rig::{App, eventually};

fn durable() -> Script {
    Script { is_durable: true, intents: Some(Arc::new(Semaphore::new(0))), ..Script::default() }
}

#[test]
fn a_request_goes_on_when_its_intent_is_on_the_disk_and_its_end_closes_it() {
    let app = App::answering(OK);
    let (rig, script) = rig(&app, durable());
    let mut client = rig.connect();
    client.send(POST);
    eventually("the intent is being written", || script.intended.lock().len() == 1);
    assert_eq!(app.connections(), 0);
    script.intents.as_ref().unwrap().add_permits(1);
    assert!(client.read_message().ends_with("ok"));
    let intent = script.intended.lock()[0].clone();
    let exchange = script.only();
    assert_eq!((intent.id, intent.time), (exchange.id, exchange.received_at));
    assert_eq!((intent.request.method.as_str(), intent.request.url.as_str()), ("POST", "http://x/a?b=c"));
    assert_eq!(*script.closed.lock(), [exchange.id]);
    assert!(script.lost.lock().is_empty());
}

#[test]
fn the_application_is_asked_while_the_intent_is_written() {
    let app = App::answering("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}");
    let (rig, script) = rig(&app, Script { reads: vec![("/thing", Purpose::Before, 5_000)], ..durable() });
    let mut client = rig.connect();
    client.send(POST);
    eventually("the thing is read", || {
        app.requests().iter().any(|request| request.starts_with("GET /thing"))
    });
    assert_eq!((script.intended.lock().len(), app.requests().len()), (1, 1));
    script.intents.as_ref().unwrap().add_permits(1);
    assert!(client.read_message().ends_with("{}"));
    assert!(app.requests()[1].starts_with("POST /a"));
}

#[test]
fn a_rule_without_a_durable_guarantee_makes_no_intent() {
    let app = App::answering(OK);
    let (rig, script) = rig(&app, Script { is_durable: false, ..durable() });
    assert!(rig.exchange(POST).ends_with("ok"));
    script.only();
    assert!(script.intended.lock().is_empty() && script.closed.lock().is_empty());
}

// THREATS E45
#[test]
fn a_request_that_cannot_be_recorded_is_refused_or_passes_as_its_rule_says() {
    for refuses in [true, false] {
        let app = App::answering(OK);
        let (rig, script) = rig(&app, Script { disk_fails: true, refuses, ..durable() });
        let answer = rig.exchange(POST);
        let exchange = script.only();
        if refuses {
            assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
            assert!(answer.to_ascii_lowercase().contains("retry-after: 1\r\n"), "{answer}");
            assert!(answer.contains("must be recorded, and cannot be at the moment"), "{answer}");
            assert_eq!((app.connections(), exchange.ending), (0, Ending::Refused));
        } else {
            assert!(answer.ends_with("ok"), "{answer}");
            assert_eq!(exchange.ending, Ending::Complete);
        }
        // Too late is not never: what may still be written is closed all the same.
        eventually("it is closed", || *script.closed.lock() == [exchange.id]);
    }
}

// THREATS E43
#[test]
fn a_request_whose_derivation_panics_is_told_and_closed() {
    let app = App::answering(OK);
    let (rig, script) = rig(&app, Script { panics: true, ..durable() });
    script.intents.as_ref().unwrap().add_permits(1);
    assert!(rig.exchange(POST).ends_with("ok"));
    assert_eq!(*script.lost.lock(), [("http://x/a?b=c".to_owned(), "derive")]);
    assert_eq!(script.closed.lock().len(), 1);
}

// THREATS D12, E43
#[test]
fn a_request_whose_story_panics_is_told_and_the_worker_goes_on() {
    let app = App::answering(OK);
    let (rig, script) = rig(&app, Script { intending_panics: true, ..durable() });
    for round in 1..=2 {
        assert!(rig.exchange(POST).starts_with("HTTP/1.1 502 "));
        assert_eq!(*script.lost.lock(), vec![("http://x/a?b=c".to_owned(), "panic"); round]);
    }
    assert!(rig.exchange("GET /a HTTP/1.1\r\nHost: x\r\n\r\n").ends_with("ok"));
}
