//! The table of answers.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;

use parking_lot::Mutex;

use super::table::{self, Case};
use super::{answers, talk, tell};
use crate::rig::{PATIENCE, Rig};

/// An application that answers `/case` with the bytes of the case at hand, and anything else as it should.
struct Speaker {
    address: SocketAddr,
    case: Arc<Mutex<(Vec<u8>, bool)>>,
    /// Target and number of the connection of each request.
    asked: Arc<Mutex<Vec<(String, usize)>>>,
}

impl Speaker {
    fn start() -> Speaker {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let speaker =
            Speaker { address: listener.local_addr().unwrap(), case: Arc::default(), asked: Arc::default() };
        let (case, asked) = (Arc::clone(&speaker.case), Arc::clone(&speaker.asked));
        thread::spawn(move || {
            for (number, socket) in listener.incoming().enumerate() {
                let (case, asked) = (Arc::clone(&case), Arc::clone(&asked));
                thread::spawn(move || speak(&mut socket.unwrap(), number, &case, &asked));
            }
        });
        speaker
    }
}

fn speak(
    socket: &mut TcpStream,
    number: usize,
    case: &Mutex<(Vec<u8>, bool)>,
    asked: &Mutex<Vec<(String, usize)>>,
) {
    while let Some(target) = next_target(socket) {
        let is_case = target == "/case";
        asked.lock().push((target, number));
        let (bytes, is_ended) = if is_case {
            case.lock().clone()
        } else {
            (b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nnext".to_vec(), false)
        };
        // Who refuses an answer closes while it is sent.
        if socket.write_all(&bytes).is_err() {
            return;
        }
        if is_ended {
            let _ = socket.shutdown(Shutdown::Write);
            return;
        }
    }
}

fn next_target(socket: &mut TcpStream) -> Option<String> {
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        if !matches!(socket.read(&mut byte), Ok(1)) {
            return None;
        }
        head.push(byte[0]);
    }
    String::from_utf8_lossy(&head).split(' ').nth(1).map(str::to_owned)
}

// THREATS D06, D07
#[test]
fn every_answer_in_the_table_is_refused_or_reaches_the_client_as_the_table_says() {
    let cases = table::read(include_str!("../../../raw/responses.txt"));
    assert!(cases.len() >= 50, "{} cases", cases.len());
    let speaker = Speaker::start();
    let rig = Rig::before(speaker.address);
    let wrong: Vec<_> =
        cases.iter().filter_map(|case| Some((case.clone(), wrong(case, &speaker, &rig)?))).collect();
    tell(&wrong, cases.len());
    for reason in ["status_line", "message", "interim", "switch", "unasked"] {
        let metric = format!("earwitness_answers_refused_total{{reason=\"{reason}\"}}");
        assert!(rig.metric(&metric) > 0, "{metric}");
    }
}

/// What went wrong with a case, if anything did.
fn wrong(case: &Case, speaker: &Speaker, rig: &Rig) -> Option<String> {
    let [outcome, connection] = case.expected.as_slice() else { return Some("two words".to_owned()) };
    *speaker.case.lock() = (case.bytes.clone(), case.is_ended);
    speaker.asked.lock().clear();
    let method = &case.about[1];
    let ask = |method: &str, target: &str| {
        let request = format!("{method} {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        talk(rig.address, request.as_bytes(), false)
    };
    let received = ask(method, "/case");
    let next = ask("GET", "/next");
    let got = answers(&received, |_| method == "HEAD");
    let summary: Vec<String> = got
        .iter()
        .map(|answer| match &answer.body {
            _ if answer.status == "502" => "502".to_owned(),
            Some(body) => format!("{}:{}", answer.status, body.len()),
            None => format!("{}:cut", answer.status),
        })
        .collect();
    let asked = speaker.asked.lock().clone();
    let of = |target: &str| asked.iter().rfind(|(asked, _)| asked == target).map(|(_, number)| *number);
    let is_kept = of("/case") == of("/next");
    let text = String::from_utf8_lossy(&received).to_ascii_lowercase();
    // RFC 9110 section 8.6: what says that there is no content must not say how long it is.
    let is_sound =
        !text.starts_with("http/1.1 204") || !(text.contains("content-length") || text.contains("chunked"));
    let is_next = next.ends_with(b"\r\n\r\nnext");
    (summary != [outcome.as_str()] || is_kept != (connection == "kept") || !is_next || !is_sound).then(|| {
        format!(
            "client got {}\n  then {}\n  application was asked {asked:?}",
            received.escape_ascii(),
            next.escape_ascii()
        )
    })
}
