//! Requests that two parsers may read differently, in raw bytes, before an application that records what
//! reaches it. The whole table of refusals is tested at the gate; here, that they hold end to end.

use crate::rig::{App, Rig, value_of};

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

// THREATS E06, E09, E30, E34
#[test]
fn a_refused_request_gets_a_400_that_says_why_and_reaches_nobody() {
    let cases = [
        ("POST /public#/../v2/bookings/1/cancel HTTP/1.1\r\nHost: x\r\n\r\n", "holds a '#'"),
        ("GET http://a/ HTTP/1.1\r\nHost: b\r\n\r\n", "another host"),
        ("GET http://u@x/ HTTP/1.1\r\nHost: x\r\n\r\n", "user information"),
        ("GET / HTTP/1.1\r\nHost: x\r\nHost: x\r\n\r\n", "more than one Host"),
        ("GET / HTTP/1.1\r\n\r\n", "no Host"),
        (
            "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n",
            "both",
        ),
        ("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx", "Content-Length"),
        ("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", "Transfer-Encoding"),
        ("GET / HTTP/1.1\r\nHost: x\r\nX : y\r\n\r\n", "name: value"),
        ("GET / HTTP/1.1\r\nHost: x\r\nX: y\r\n z\r\n\r\n", "folded"),
        ("GET / HTTP/1.1\nHost: x\n\n", "CR LF"),
        (
            "GET / HTTP/1.1\r\nHost: x\r\nConnection: close, Authorization\r\nAuthorization: b\r\n\r\n",
            "must arrive",
        ),
        ("GET / HTTP/1.1\r\nHost: x\r\nConnection: X-Forwarded-For\r\n\r\n", "must arrive"),
        ("TRACE / HTTP/1.1\r\nHost: x\r\n\r\n", "TRACE"),
        ("GET / HTTP/3.0\r\nHost: x\r\n\r\n", "HTTP/1.1"),
    ];
    for (request, reason) in cases {
        let app = App::answering(OK);
        let rig = Rig::before(app.address);
        let mut client = rig.connect();
        client.send(format!("{request}GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n"));
        let answer = client.read_to_end();
        assert!(answer.starts_with("HTTP/1.1 400 Bad Request\r\n"), "{request:?}: {answer}");
        assert!(
            answer.contains("\r\nConnection: close\r\n") && answer.contains(reason),
            "{request:?}: {answer}"
        );
        assert_eq!(answer.matches("HTTP/1.1 ").count(), 1 + usize::from(reason == "HTTP/1.1"), "{answer}");
        assert_eq!(app.connections(), 0, "{request:?}");
        assert_eq!(rig.metric("earwitness_requests_total{kind=\"refused\"}"), 1);
    }
}

#[test]
fn pipelined_requests_are_answered_in_order_and_the_refused_one_in_its_place() {
    let app = App::scripted(|wire| {
        while let Some(request) = wire.next_request() {
            let target = request.split(' ').nth(1).unwrap();
            let response = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{target}", target.len());
            if !wire.try_send(response) {
                return;
            }
        }
    });
    let rig = Rig::before(app.address);
    let mut client = rig.connect();
    client.send(
        "GET /1 HTTP/1.1\r\nHost: x\r\n\r\nPOST /2 HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n#\nGET /3 HTTP/1.1\r\n\
         Host: x\r\n\r\nGET /4# HTTP/1.1\r\nHost: x\r\n\r\nGET /5 HTTP/1.1\r\nHost: x\r\n\r\n",
    );
    for expected in ["/1", "/2", "/3"] {
        let answer = client.read_message();
        assert!(answer.ends_with(&format!("\r\n\r\n{expected}")), "{answer}");
    }
    let rest = client.read_to_end();
    assert!(rest.starts_with("HTTP/1.1 400 ") && rest.contains("holds a '#'"), "{rest}");
    assert_eq!(app.requests().len(), 3);
}

#[test]
fn chunked_bodies_are_framed_anew_and_their_content_is_the_same() {
    for method in ["POST", "GET", "PROPFIND"] {
        let app = App::answering(OK);
        let rig = Rig::before(app.address);
        let answer = rig.exchange(format!(
            "{method} /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5;ext=1\r\nhello\r\n6\r\n world\r\n0\r\n\r\n"
        ));
        assert!(answer.ends_with("ok"), "{answer}");
        let seen = &app.requests()[0];
        assert!(seen.contains("Transfer-Encoding: chunked\r\n"), "{seen}");
        let content: String =
            seen.split("\r\n\r\n").nth(1).unwrap().split("\r\n").skip(1).step_by(2).collect();
        assert_eq!(content, "hello world", "{seen}");
    }
}

#[test]
fn a_malformed_chunk_is_a_400_and_the_application_never_sees_the_end_of_that_body() {
    for chunk in ["4\nbody\r\n0\r\n\r\n", "4\r\nbodyX\r\n0\r\n\r\n", "-4\r\nbody\r\n0\r\n\r\n"] {
        let app = App::scripted(|wire| {
            wire.read_head();
            assert!(!wire.read_to_end().contains("0\r\n\r\n"));
        });
        let rig = Rig::before(app.address);
        let mut client = rig.connect();
        client.send("POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n");
        client.send(chunk);
        let answer = client.read_to_end();
        assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
    }
}

#[test]
fn without_a_host_header_the_targets_host_is_the_one_the_application_gets() {
    let app = App::echoing();
    let rig = Rig::before(app.address);
    let answer = rig.exchange("GET http://app.test:81/a HTTP/1.0\r\n\r\n");
    let seen = answer.split_once("\r\n\r\n").unwrap().1;
    assert!(seen.starts_with("GET /a HTTP/1.1\r\n"), "{seen}");
    assert_eq!(value_of(seen, "host"), Some("app.test:81"));
    assert_eq!(value_of(seen, "x-forwarded-host"), Some("app.test:81"));
}

// THREATS D10
#[test]
fn what_a_client_writes_ends_no_value_of_ours() {
    for (host, id) in
        [("x", "a\"b"), ("x", "a;b"), ("x", "a,b"), ("x", "a\\b"), ("[::1]:8", "a b"), ("x_y.z", "a")]
    {
        let app = App::echoing();
        let rig = Rig::before(app.address);
        let answer = rig.exchange(format!("GET /a HTTP/1.1\r\nHost: {host}\r\nX-Request-Id: {id}\r\n\r\n"));
        let seen = answer.split_once("\r\n\r\n").unwrap().1;
        let forwarded = format!("for=127.0.0.1;host=\"{host}\";proto=http");
        assert_eq!(value_of(seen, "forwarded"), Some(forwarded.as_str()));
        let got = value_of(seen, "x-request-id").unwrap();
        assert!(got == "a" || got.len() == 36, "{got}");
    }
    for host in ["x\"", "x;proto=https", "x\\", "x,y", "x\ry", "x\ny", "x\0"] {
        let app = App::echoing();
        let rig = Rig::before(app.address);
        let answer = rig.exchange(format!("GET /a HTTP/1.1\r\nHost: {host}\r\n\r\n"));
        assert!(answer.starts_with("HTTP/1.1 400 "), "{host:?}: {answer}");
    }
}
