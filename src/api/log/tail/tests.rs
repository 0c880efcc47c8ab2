//! A tail over a log in memory: what comes, in which order, and how it ends.

use std::sync::Arc;
use std::time::Duration;

use axum::http::StatusCode;
use http_body_util::BodyExt;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::*;
use crate::api::access::Need;
use crate::api::tests::{Memory, TOKEN, get, request, send, setup};
use crate::api::{State, router, serve};
use crate::config::{Admin, Secret};

/// Of a test: fast, and patient with slow machines.
const QUICK: Pace = Pace {
    look: Duration::from_millis(2),
    heart: Duration::from_secs(20),
    check: Duration::ZERO,
    patience: Duration::from_secs(20),
    life: Duration::from_secs(60),
};
const DEADLINE: Duration = Duration::from_secs(20);

/// A tail as its reader sees it.
struct Seen {
    body: Body,
    text: String,
    /// The last `id`.
    id: String,
}

impl Seen {
    /// A tail of that query by somebody with the token, from that place or from now on.
    fn of(state: &State, query: &str, id: Option<&str>, pace: Pace) -> Seen {
        let bearer = format!("Bearer {TOKEN}");
        let mut headers = vec![("authorization", bearer.as_str())];
        headers.extend(id.map(|id| ("last-event-id", id)));
        let (parts, _) = request("GET", &format!("/audit/v1/tail?{query}"), &headers).into_parts();
        let caller = caller(state, &parts);
        let place = asked(state, &parts, &caller).unwrap();
        let turn = state.inner.tails.turn(&caller).unwrap_or_else(|full| panic!("{full:?}"));
        let response = answer(Follower::new(state.clone(), parts, caller, place), turn, pace);
        Seen { body: response.into_body(), text: String::new(), id: String::new() }
    }

    /// The next message: the sequence of its event, or nothing for a sign of life; `None` at the end.
    async fn next(&mut self) -> Option<Option<u64>> {
        loop {
            if let Some((message, rest)) = self.text.split_once("\n\n") {
                let line = |name: &str| message.lines().find_map(|line| line.strip_prefix(name));
                self.id = line("id: ").expect("every message says its place").to_owned();
                let event: Option<Value> = line("data: ").map(|json| serde_json::from_str(json).unwrap());
                let sequence = event.map(|event| event["sequence"].as_u64().unwrap());
                self.text = rest.to_owned();
                return Some(sequence);
            }
            let frame = tokio::time::timeout(DEADLINE, self.body.frame()).await.expect("it comes in time");
            let bytes = frame?.unwrap().into_data().unwrap();
            self.text.push_str(std::str::from_utf8(&bytes).unwrap());
        }
    }

    async fn events(&mut self, count: usize) -> Vec<u64> {
        let mut found = Vec::new();
        while found.len() < count {
            found.extend(self.next().await.expect("it goes on"));
        }
        found
    }
}

fn state(memory: &Arc<Memory>) -> State {
    State::new(setup(Arc::clone(memory) as Arc<dyn crate::api::Reader>, Some(TOKEN)))
}

/// Who has sent this, as the guard finds out.
fn caller(state: &State, parts: &Parts) -> Caller {
    let lock = &state.inner.access.load().lock;
    state.inner.door.known(lock, Need::Events, &parts.method, &parts.headers, None).unwrap()
}

#[tokio::test]
async fn a_tail_begins_now_and_tells_what_its_filters_let_through_in_order() {
    let memory = Memory::with(3);
    let state = state(&memory);
    let mut all = Seen::of(&state, "", None, QUICK);
    let mut some = Seen::of(&state, "action=moved", None, QUICK);
    assert_eq!((all.next().await, some.next().await), (Some(None), Some(None)), "it greets first");
    for action in ["MADE", "MOVED", "MADE", "MOVED"] {
        memory.add(action);
    }
    assert_eq!(all.events(4).await, [4, 5, 6, 7]);
    assert_eq!(some.events(2).await, [5, 7]);
    let page = get(&router(State::new(setup(memory.clone(), None))), "/audit/v1/events?limit=1").await;
    memory.add("MADE");
    let text = loop {
        if let Some(at) = all.text.find("data: ") {
            break all.text[at + 6..].trim_end().to_owned();
        }
        let frame = all.body.frame().await.unwrap().unwrap().into_data().unwrap();
        all.text.push_str(std::str::from_utf8(&frame).unwrap());
    };
    let members = |event: &Value| event.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    let told: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(members(&told), members(&page.json()["data"][0]), "an event is as in a page");
}

#[tokio::test]
async fn a_tail_that_broke_off_goes_on_without_a_hole_or_a_repetition() {
    let memory = Memory::with(0);
    let state = state(&memory);
    let mut seen = Seen::of(&state, "action=moved", None, QUICK);
    seen.next().await;
    // More than several stretches, with few that match.
    for sequence in 1..=1_500 {
        memory.add(if sequence % 7 == 0 { "MOVED" } else { "MADE" });
    }
    let expected: Vec<u64> = (1..=1_500).filter(|sequence| sequence % 7 == 0).collect();
    let mut found = Vec::new();
    for part in [1, 40, 2, 150] {
        found.extend(seen.events(part).await);
        let id = seen.id.clone();
        drop(seen);
        seen = Seen::of(&state, "action=MOVED", Some(&id), QUICK);
    }
    found.extend(seen.events(expected.len() - found.len()).await);
    assert_eq!(found, expected);
}

#[tokio::test]
async fn a_tail_that_was_not_asked_for_rightly_is_refused() {
    // THREATS Q03
    let memory = Memory::with(3);
    let state = state(&memory);
    let mut other = Seen::of(&state, "action=x", None, QUICK);
    other.next().await;
    let app = router(state);
    let bearer = format!("Bearer {TOKEN}");
    let check = async |query: &str, id: &str, parameter: &str| {
        let headers = [("authorization", bearer.as_str()), ("last-event-id", id)];
        let answer = send(&app, request("GET", &format!("/audit/v1/tail?{query}"), &headers)).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{query} {id}");
        assert_eq!(answer.json()["parameter"], parameter, "{query} {id}");
        assert!(answer.json()["accepts"].as_str().is_some_and(|accepts| !accepts.is_empty()));
    };
    check("actr=x", "", "actr").await;
    check("limit=5", "", "limit").await;
    check("cursor=abc", "", "cursor").await;
    check("result=good", "", "result").await;
    check("", "abc", "Last-Event-ID").await;
    check("action=y", &other.id, "Last-Event-ID").await;
    let stranger = send(&app, request("GET", "/audit/v1/tail", &[])).await;
    assert_eq!(stranger.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_tail_ends_when_its_token_is_taken_back() {
    // THREATS Q04
    let memory = Memory::with(1);
    let state = state(&memory);
    let admin = |token: &str| Admin { token: Some(Secret::new(token)), ..setup(memory.clone(), None).admin };
    let mut busy = Seen::of(&state, "", None, QUICK);
    let mut idle = Seen::of(&state, "", None, Pace { heart: Duration::from_millis(30), ..QUICK });
    assert_eq!((busy.next().await, idle.next().await), (Some(None), Some(None)));
    memory.add("MADE");
    assert_eq!(busy.events(1).await, [2]);
    state.admit_by(&admin("another-token-0123"), &[7; 32]);
    memory.add("SECRET");
    assert_eq!(busy.next().await, None, "nothing more is told");
    let after = tokio::time::timeout(DEADLINE, async {
        while let Some(told) = idle.next().await {
            assert_ne!(told, Some(3));
        }
    });
    after.await.expect("a tail with nothing to tell ends, too");
}

#[tokio::test]
async fn a_tail_with_nothing_to_tell_gives_a_sign_of_life_and_its_place() {
    let memory = Memory::with(0);
    let state = state(&memory);
    let mut seen = Seen::of(&state, "action=moved", None, Pace { heart: Duration::from_millis(5), ..QUICK });
    seen.next().await;
    let first = seen.id.clone();
    (0..500).for_each(|_| memory.add("MADE"));
    while seen.id == first {
        assert_eq!(seen.next().await, Some(None));
    }
}

#[tokio::test]
async fn a_reader_who_takes_nothing_costs_one_message_and_is_let_go() {
    // THREATS Q15
    let memory = Memory::with(0);
    let state = state(&memory);
    let (parts, _) =
        request("GET", "/audit/v1/tail", &[("authorization", &format!("Bearer {TOKEN}"))]).into_parts();
    let caller = caller(&state, &parts);
    let place = asked(&state, &parts, &caller).unwrap();
    (0..5_000).for_each(|_| memory.add("MADE"));
    let (sender, receiver) = mpsc::channel(1);
    let pace = Pace { patience: Duration::from_millis(30), ..QUICK };
    let run = Follower::new(state, parts, caller, place).run(sender, pace);
    tokio::time::timeout(DEADLINE, run).await.expect("it ends");
    assert!(memory.asked.lock().is_empty(), "the log is not read for who takes nothing");
    drop(receiver);
}

#[tokio::test]
async fn more_tails_than_there_are_turns_are_told_to_come_back() {
    let state = state(&Memory::with(1));
    let mut tails: Vec<Seen> = (0..OWN_TAILS_MAX).map(|_| Seen::of(&state, "", None, QUICK)).collect();
    let app = router(state.clone());
    let bearer = format!("Bearer {TOKEN}");
    let ask = async || send(&app, request("GET", "/audit/v1/tail", &[("authorization", &bearer)])).await;
    assert_eq!(ask().await.status, StatusCode::TOO_MANY_REQUESTS, "others have turns left");
    let turns = &state.inner.tails.turns;
    let others = async {
        let mut others: Vec<Turn> =
            (OWN_TAILS_MAX..TAILS_MAX).filter_map(|n| turns.begin(&n.to_string()).ok()).collect();
        tails.pop();
        loop {
            match turns.begin("another") {
                Ok(turn) => others.push(turn),
                Err(_) if others.len() > TAILS_MAX - OWN_TAILS_MAX => return others,
                Err(_) => tokio::task::yield_now().await,
            }
        }
    };
    let others = tokio::time::timeout(DEADLINE, others).await.expect("who leaves gives his turn back");
    let answer = ask().await;
    assert_eq!(
        (answer.status, &answer.headers["retry-after"]),
        (StatusCode::SERVICE_UNAVAILABLE, &HeaderValue::from_static("1"))
    );
    let hit = r#"earwitness_limits_hit_total{limit="tails_max"} 2"#;
    assert!(state.inner.metrics.render().contains(hit));
    drop((tails, others));
    let freed = async {
        while turns.begin("").is_err() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(DEADLINE, freed).await.expect("who leaves gives his turn back");
}

#[tokio::test]
async fn a_tail_over_a_socket_comes_at_once_and_ends_at_shutdown() {
    let memory = Memory::with(0);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let shutdown = async {
        let _ = stopped.await;
    };
    let server = tokio::spawn(serve(listener, State::new(setup(memory.clone(), None)), shutdown));
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(b"GET /audit/v1/tail HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    let mut text = String::new();
    let mut until = async |stream: &mut TcpStream, sign: &str| {
        let mut bytes = [0; 4_096];
        while !text.contains(sign) {
            let count = tokio::time::timeout(DEADLINE, stream.read(&mut bytes)).await.expect(sign).unwrap();
            assert!(count > 0, "it ended before {sign}: {text}");
            text.push_str(std::str::from_utf8(&bytes[..count]).unwrap());
        }
    };
    until(&mut stream, "retry: 2000\nid: ").await;
    until(&mut stream, "content-type: text/event-stream\r\n").await;
    memory.add("MADE");
    until(&mut stream, "\"sequence\":1").await;
    stop.send(()).unwrap();
    // The last chunk of a body that ended as it should (RFC 9112 section 7.1).
    until(&mut stream, "\r\n0\r\n\r\n").await;
    tokio::time::timeout(DEADLINE, server).await.expect("it stops in time").unwrap().unwrap();
}
