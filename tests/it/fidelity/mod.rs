//! Fidelity: what the application sees of a request, and the client of the answer, is the same through
//! Earwitness as without it, byte for byte but for the list that docs/fidelity.md publishes.
//!
//! Generated exchanges go once direct and once through a proxy, with rules that concern every request and
//! without any, and what both ends saw is compared. `PROPTEST_CASES` asks for more of them.

mod exchange;
mod message;

use std::io::Write as _;
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};

use parking_lot::Mutex;
use proptest::prelude::*;

use self::exchange::{Exchange, exchange};
use self::message::{Message, Reader, Side};
use crate::rig::{App, PATIENCE, Rig};
use crate::threats::Recorded;

/// A rule that looks at everything, for every request.
const RULES: &str = r#"version: 1
rules:
  - id: everything
    match: "GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS|PROPFIND|REPORT|MKCALENDAR /{path*}"
    action: SEEN
    details: { request: $.request.body, response: $.response.body, query: $.request.query }
"#;

/// An application that gives the answer it is told to, and keeps the requests as they came.
struct Application {
    app: App,
    /// Each with whether its end is the connection's.
    answers: Sender<(Vec<u8>, bool)>,
    requests: Receiver<Message>,
}

impl Application {
    fn start() -> Application {
        let (answers, next_answer) = channel::<(Vec<u8>, bool)>();
        let (seen, requests) = channel();
        let (next_answer, seen) = (Mutex::new(next_answer), Mutex::new(seen));
        let app = App::scripted(move |wire| {
            let mut reader = Reader::new(wire.socket.try_clone().unwrap());
            while let Some(request) = reader.message(Side::Request) {
                seen.lock().send(request).unwrap();
                let (answer, ends_connection) = next_answer.lock().recv_timeout(PATIENCE).unwrap();
                if wire.socket.write_all(&answer).is_err() {
                    return;
                }
                if ends_connection {
                    return drop(wire.socket.shutdown(std::net::Shutdown::Both));
                }
            }
        });
        Application { app, answers, requests }
    }

    /// What both ends see of an exchange with the application, or whoever stands before it, at that address.
    fn exchange(&self, through: SocketAddr, exchange: &Exchange) -> (Message, Message) {
        self.answers.send((exchange.answer(), exchange.ends_connection())).unwrap();
        let mut client = TcpStream::connect(through).unwrap();
        client.set_nodelay(true).unwrap();
        client.set_read_timeout(Some(PATIENCE)).unwrap();
        for part in exchange.request_in_parts() {
            client.write_all(part).unwrap();
        }
        let side = Side::AnswerTo(exchange.method());
        let answer = Reader::new(client).message(side).expect("an answer");
        let request = self.requests.recv_timeout(PATIENCE).expect("a request");
        (request, answer)
    }
}

fn check(application: &Application, through: SocketAddr, exchange: &Exchange) -> Result<(), TestCaseError> {
    let (request, answer) = application.exchange(application.app.address, exchange);
    let (request_through, answer_through) = application.exchange(through, exchange);
    prop_assert_eq!(request.without_published(), request_through.without_published());
    prop_assert_eq!(answer.without_published(), answer_through.without_published());
    Ok(())
}

fn runner() -> proptest::test_runner::TestRunner {
    let config =
        ProptestConfig { failure_persistence: None, max_shrink_iters: 300, ..ProptestConfig::default() };
    proptest::test_runner::TestRunner::new(config)
}

#[test]
fn nothing_changes_on_the_way_where_no_rule_looks() {
    let application = Application::start();
    let rig = Rig::before(application.app.address);
    let result = runner().run(&exchange(), |exchange| check(&application, rig.address, &exchange));
    result.unwrap_or_else(|failure| panic!("{failure}"));
}

#[test]
fn nothing_changes_on_the_way_where_a_rule_looks_at_everything() {
    let application = Application::start();
    let recorded = Recorded::before(application.app.address, RULES, |_| {}, |auditor| Arc::new(auditor));
    let result = runner().run(&exchange(), |exchange| check(&application, recorded.rig.address, &exchange));
    result.unwrap_or_else(|failure| panic!("{failure}"));
    assert!(!recorded.events().is_empty(), "the rule was met");
}
