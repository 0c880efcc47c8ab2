//! HTTP/2 to the application: one connection for many requests, and what becomes of a request when the
//! application refuses it, leaves, or breaks off.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use earwitness::exchange::Ending;
use earwitness::proxy::Audit;

use super::frames::{self, Frames};
use super::streams::{H2App, Habit};
use super::{Authority, TlsApp, server, upstream};
use crate::rig::{App, Rig, eventually, value_of};
use crate::wire::script::Script;

/// An answer without a length comes in chunks: HTTP/2 needs none.
const OK_CHUNK: &str = "\r\n2\r\nok\r\n0\r\n\r\n";
const GET: &str = "GET /a//b?c=%20 HTTP/1.1\r\nHost: client.example:81\r\n\r\n";
const POST: &str = "POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello";

fn rig(url: &str, settings: &[(&str, String)]) -> Rig {
    let settings = [settings, &[("HTTP2", "true".to_owned())]].concat();
    Rig::with("127.0.0.1:9".parse().unwrap(), |config| config.upstream = upstream(url, &settings))
}

fn audited(url: &str) -> (Rig, Arc<Script>) {
    let script = Arc::new(Script::default());
    let nowhere = "127.0.0.1:9".parse().unwrap();
    let audit = Arc::clone(&script) as Arc<dyn Audit>;
    let settings = [("HTTP2", "true".to_owned())];
    (Rig::audited(nowhere, audit, |config| config.upstream = upstream(url, &settings)), script)
}

fn outcome(rig: &Rig, outcome: &str) -> u64 {
    rig.metric(&format!("earwitness_upstream_connections_total{{outcome=\"{outcome}\"}}"))
}

// THREATS E09
#[test]
fn the_target_arrives_as_it_came_and_the_host_as_the_authority() {
    let app = H2App::in_clear(Habit::default());
    let rig = rig(&app.url(), &[]);
    for (sent, path) in [("GET /a//b?c=%20", "/a//b?c=%20"), ("OPTIONS *", "*"), ("GET /?", "/?")] {
        let answer = rig.exchange(format!("{sent} HTTP/1.1\r\nHost: client.example:81\r\nX-A: b\r\n\r\n"));
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
        let request = app.last();
        let uri = request.uri();
        assert_eq!(uri.path_and_query().map(|path| path.as_str()), Some(path));
        assert_eq!(
            (uri.scheme_str(), uri.authority().map(|host| host.as_str())),
            (Some("http"), Some("client.example:81"))
        );
        assert!(!request.headers().contains_key("host") && request.headers()["x-a"] == "b", "{request:?}");
        assert_eq!(request.headers()["x-forwarded-host"], "client.example:81");
    }
}

#[test]
fn all_requests_of_a_worker_share_one_connection() {
    let app = H2App::in_clear(Habit::default());
    let rig = rig(&app.url(), &[]);
    let mut clients: Vec<_> = (0..20).map(|_| rig.connect()).collect();
    for _ in 0..3 {
        clients.iter_mut().for_each(|client| client.send(GET));
        clients.iter_mut().for_each(|client| assert!(client.read_message().ends_with(OK_CHUNK)));
        clients.iter_mut().for_each(|client| client.send(POST));
        clients.iter_mut().for_each(|client| assert!(client.read_message().contains("hello")));
    }
    assert_eq!((app.connections(), outcome(&rig, "opened")), (1, 1));
    eventually("it is idle", || rig.metric("earwitness_upstream_connections_idle") == 1);
}

#[test]
fn over_tls_the_protocol_is_agreed_on() {
    let authority = Authority::new();
    let app = H2App::over_tls(server(authority.certify("localhost", |_| {}), None), Habit::default());
    let rig = rig(&app.url(), &[("TLS_CA", authority.ca())]);
    for _ in 0..3 {
        assert!(rig.exchange(GET).ends_with(OK_CHUNK));
    }
    assert_eq!(app.last().uri().scheme_str(), Some("https"));
    assert_eq!(app.connections(), 1);
}

#[test]
fn an_application_may_choose_http1_over_tls() {
    let authority = Authority::new();
    for protocols in [vec![b"http/1.1".to_vec()], Vec::new()] {
        let mut server = server(authority.certify("localhost", |_| {}), None);
        server.alpn_protocols = protocols;
        let app = TlsApp::answering(server, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        let rig = rig(&app.url(), &[("TLS_CA", authority.ca())]);
        for _ in 0..3 {
            assert!(rig.exchange(GET).ends_with("\r\n\r\nok"));
        }
        assert_eq!(app.connections(), 1);
    }
}

#[test]
fn trailers_pass_both_ways() {
    let app = H2App::in_clear(Habit { has_trailers: true, ..Habit::default() });
    let rig = rig(&app.url(), &[]);
    let answer = rig.exchange(
        "POST /a HTTP/1.1\r\nHost: x\r\nTE: trailers\r\nTrailer: x-sum\r\nTransfer-Encoding: chunked\r\n\r\n\
         5\r\nhello\r\n0\r\nx-sum: 7\r\n\r\n",
    );
    assert!(
        answer.contains("5\r\nhello\r\n") && answer.ends_with("X-Sum: 7\r\nGrpc-Status: 0\r\n\r\n"),
        "{answer}"
    );
}

#[test]
fn a_connection_carries_as_many_requests_as_the_application_allows_and_no_more() {
    let app = H2App::in_clear(Habit { streams_max: Some(3), holds: true, ..Habit::default() });
    let rig = rig(&app.url(), &[]);
    let mut clients: Vec<_> = (0..10).map(|_| rig.connect()).collect();
    clients.iter_mut().for_each(|client| client.send(GET));
    eventually("all are under way", || app.requests() == 10);
    assert_eq!(app.connections(), 4);
    app.let_go();
    clients.iter_mut().for_each(|client| assert!(client.read_message().ends_with(OK_CHUNK)));
}

#[test]
fn a_client_that_does_not_read_holds_up_nobody_else() {
    let app = H2App::in_clear(Habit { answer_bytes: 8 << 20, ..Habit::default() });
    let rig = rig(&app.url(), &[]);
    let mut slow: Vec<_> = (0..20).map(|_| rig.connect()).collect();
    slow.iter_mut().for_each(|client| client.send("GET /large HTTP/1.1\r\nHost: x\r\n\r\n"));
    eventually("all are under way", || app.requests() == 20);
    assert!(rig.exchange(GET).ends_with(OK_CHUNK));
    assert_eq!(app.connections(), 1);
}

#[test]
fn a_client_that_leaves_takes_its_stream_with_it_and_no_other() {
    let app = H2App::in_clear(Habit { holds: true, ..Habit::default() });
    let rig = rig(&app.url(), &[]);
    let (mut leaving, mut staying) = (rig.connect(), rig.connect());
    leaving.send(GET);
    staying.send(GET);
    eventually("both are under way", || app.requests() == 2);
    drop(leaving);
    eventually("its stream is reset", || app.resets() == 1);
    app.let_go();
    assert!(staying.read_message().ends_with(OK_CHUNK));
    assert_eq!(app.connections(), 1);
}

#[test]
fn an_application_that_speaks_http1_only_sees_no_request() {
    let app = App::scripted(|wire| {
        wire.try_send("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
        wire.read_to_end();
    });
    let rig = rig(&format!("http://{}", app.address), &[]);
    let answer = rig.exchange(GET);
    assert!(answer.starts_with("HTTP/1.1 502 ") && answer.contains("could not be reached"), "{answer}");
    assert_eq!(outcome(&rig, "protocol"), 1);
}

#[test]
fn one_that_says_nothing_is_given_up_after_connect_ms() {
    let app = App::scripted(|wire| drop(wire.read_to_end()));
    let url = format!("http://{}", app.address);
    let settings = [("HTTP2", "true".to_owned())];
    let rig = Rig::with("127.0.0.1:9".parse().unwrap(), |config| {
        config.upstream = upstream(&url, &settings);
        config.limits.connect_ms = 50;
    });
    assert!(rig.exchange(GET).starts_with("HTTP/1.1 502 "));
    assert_eq!(outcome(&rig, "timeout"), 1);
}

/// An application that treats the first connection's first request in its own way, and answers all others.
fn first(treat: impl Fn(&mut Frames<'_>, u32) + Send + Sync + 'static) -> App {
    let connections = AtomicUsize::new(0);
    App::scripted(move |wire| {
        let mut is_first = connections.fetch_add(1, Ordering::SeqCst) == 0;
        let Some(mut frames) = Frames::begin(&wire.socket) else { return };
        while let Some(stream) = frames.next_request() {
            match is_first {
                true => treat(&mut frames, stream),
                false => frames.answer(stream, b"ok"),
            }
            is_first = false;
        }
    })
}

fn url(app: &App) -> String {
    format!("http://{}", app.address)
}

// THREATS D08
#[test]
fn a_request_that_the_application_refused_unseen_is_sent_again() {
    // On the same connection, or on the next one when the application leaves.
    let refusing = first(|frames, stream| frames.reset(stream, frames::REFUSED_STREAM));
    let leaving = first(|frames, _| frames.go_away(0));
    for app in [refusing, leaving] {
        let rig = rig(&url(&app), &[]);
        for line in ["GET", "DELETE"] {
            let answer = rig.exchange(format!("{line} /a HTTP/1.1\r\nHost: x\r\n\r\n"));
            assert!(answer.ends_with(OK_CHUNK), "{answer}");
        }
    }
}

// THREATS D08
#[test]
fn a_body_on_its_way_goes_once_more_when_the_request_was_refused_unseen() {
    let app = H2App::in_clear(Habit { refuses_first: true, ..Habit::default() });
    let (rig, script) = audited(&app.url());
    assert!(rig.exchange(POST).ends_with("hello"));
    let exchange = script.only();
    assert_eq!((exchange.ending, &*exchange.request.body.bytes), (Ending::Complete, b"hello".as_slice()));
    assert_eq!(app.requests(), 2);
}

#[test]
fn a_large_body_that_is_gone_is_not_made_up_for() {
    let app = H2App::in_clear(Habit { refuses_first: true, ..Habit::default() });
    let (rig, script) = audited(&app.url());
    let body = "x".repeat(200 << 10);
    let answer =
        rig.exchange(format!("POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n{body}", body.len()));
    assert!(answer.starts_with("HTTP/1.1 502 ") && answer.contains("could not be reached"), "{answer}");
    assert_eq!((script.only().ending, app.requests()), (Ending::UpstreamUnreachable, 1));
}

#[test]
fn who_is_always_refused_is_told_so() {
    let app = App::scripted(|wire| {
        let Some(mut frames) = Frames::begin(&wire.socket) else { return };
        while let Some(stream) = frames.next_request() {
            frames.reset(stream, frames::REFUSED_STREAM);
        }
    });
    let answer = rig(&url(&app), &[]).exchange(GET);
    assert!(answer.starts_with("HTTP/1.1 502 ") && answer.contains("could not be reached"), "{answer}");
}

// THREATS D08
#[test]
fn a_request_that_the_application_may_have_seen_is_not_sent_again() {
    let resetting = |frames: &mut Frames<'_>, stream| frames.reset(stream, frames::INTERNAL_ERROR);
    let leaving = |frames: &mut Frames<'_>, stream| {
        frames.go_away(stream);
        frames.close();
    };
    let breaking = |frames: &mut Frames<'_>, _| frames.close();
    for (what, app) in [("reset", first(resetting)), ("left", first(leaving)), ("broke", first(breaking))] {
        let (rig, script) = audited(&url(&app));
        let answer = rig.exchange(POST);
        assert!(
            answer.starts_with("HTTP/1.1 502 ") && answer.contains("without an answer"),
            "{what}: {answer}"
        );
        assert_eq!(script.only().ending, Ending::UpstreamGone, "{what}");
        // The next one has nothing to do with it.
        assert!(rig.exchange(GET).ends_with(OK_CHUNK), "{what}");
    }
}

#[test]
fn a_request_that_was_under_way_ends_where_it_began_when_the_application_leaves() {
    let app = first(|frames, stream| {
        frames.go_away(stream);
        frames.answer(stream, b"the last");
    });
    let rig = rig(&url(&app), &[]);
    let mut client = rig.connect();
    client.send(GET);
    assert!(client.read_message().contains("the last"));
    client.send(GET);
    assert!(client.read_message().ends_with(OK_CHUNK));
    assert_eq!(app.connections(), 2);
}

#[test]
fn an_answer_that_breaks_off_is_cut_for_the_client_and_in_the_record() {
    let resetting = |frames: &mut Frames<'_>, stream| {
        frames.begin_answer(stream, b"half of");
        frames.reset(stream, frames::INTERNAL_ERROR);
    };
    let breaking = |frames: &mut Frames<'_>, stream| {
        frames.begin_answer(stream, b"half of");
        frames.close();
    };
    for (what, app) in [("reset", first(resetting)), ("broke", first(breaking))] {
        let (rig, script) = audited(&url(&app));
        let mut client = rig.connect();
        client.send(POST);
        let answer = client.read_to_end();
        assert!(answer.starts_with("HTTP/1.1 200 ") && !answer.ends_with("0\r\n\r\n"), "{what}: {answer}");
        assert_eq!(script.only().ending, Ending::UpstreamGone, "{what}");
    }
}

#[test]
fn a_connection_that_was_closed_while_it_was_idle_is_replaced() {
    let app = App::scripted(|wire| {
        let Some(mut frames) = Frames::begin(&wire.socket) else { return };
        if let Some(stream) = frames.next_request() {
            frames.answer(stream, b"ok");
            frames.close();
        }
    });
    let rig = rig(&url(&app), &[]);
    for round in 1..=3 {
        let answer = rig.exchange(GET);
        assert!(answer.ends_with(OK_CHUNK), "{round}: {answer}");
        eventually("the close has arrived", || app.connections() == round);
    }
}

#[test]
fn what_belongs_to_one_connection_is_not_sent() {
    let app = H2App::in_clear(Habit::default());
    let rig = rig(&app.url(), &[]);
    let answer = rig.exchange(
        "POST /a HTTP/1.1\r\nHost: x\r\nConnection: keep-alive, x-hop\r\nX-Hop: 1\r\nKeep-Alive: timeout=5\r\n\
         Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    );
    assert!(answer.ends_with("hello") || answer.ends_with("0\r\n\r\n"), "{answer}");
    assert_eq!(value_of(&answer, "connection"), None);
    let request = app.last();
    for name in ["connection", "x-hop", "keep-alive", "transfer-encoding", "host"] {
        assert!(!request.headers().contains_key(name), "{name}: {request:?}");
    }
}
