//! What a reverse proxy does: forwarding, streaming, headers, the pool.

use std::net::{Shutdown, TcpListener};
use std::sync::mpsc;

use crate::rig::{App, PATIENCE, Rig, eventually, value_of};

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

#[test]
fn both_sides_keep_their_connections() {
    let app = App::answering(OK);
    let rig = Rig::before(app.address);
    let mut client = rig.connect();
    for _ in 0..20 {
        client.send("GET /a HTTP/1.1\r\nHost: x\r\n\r\n");
        assert!(client.read_message().ends_with("ok"));
    }
    assert_eq!((app.connections(), app.requests().len()), (1, 20));
    assert_eq!(rig.metric("earwitness_requests_total{kind=\"passed\"}"), 20);
}

#[test]
fn the_pool_holds_as_many_idle_connections_as_there_were_clients() {
    let app = App::answering(OK);
    let rig = Rig::before(app.address);
    let mut clients: Vec<_> = (0..40).map(|_| rig.connect()).collect();
    for _ in 0..3 {
        for client in &mut clients {
            client.send("POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\n");
        }
        eventually("all are under way", || {
            rig.metric("earwitness_connections") == 40 && app.connections() <= 40
        });
        for client in &mut clients {
            client.send("b");
        }
        for client in &mut clients {
            assert!(client.read_message().ends_with("ok"));
        }
    }
    assert!(app.connections() <= 40, "{}", app.connections());
}

#[test]
fn the_target_arrives_byte_for_byte_and_an_absolute_one_as_its_path() {
    let app = App::answering(OK);
    let rig = Rig::before(app.address);
    let cases = [
        ("/", "/"),
        ("//a//b/./../%2e%2E/%zz;x=1/", "//a//b/./../%2e%2E/%zz;x=1/"),
        ("/a?b=c&d[]=%20&?x", "/a?b=c&d[]=%20&?x"),
        ("/a?", "/a?"),
        ("http://x/y?z", "/y?z"),
        ("http://x", "/"),
        ("http://X:80?q", "/?q"),
    ];
    for (sent, _) in cases {
        assert!(rig.exchange(format!("GET {sent} HTTP/1.1\r\nHost: x\r\n\r\n")).ends_with("ok"), "{sent}");
    }
    let seen: Vec<_> =
        app.requests().iter().map(|request| request.split(' ').nth(1).unwrap().to_owned()).collect();
    assert_eq!(seen, cases.map(|(_, forwarded)| forwarded));
}

#[test]
fn every_method_passes_webdav_included() {
    let app = App::echoing();
    let rig = Rig::before(app.address);
    for method in [
        "GET",
        "POST",
        "PUT",
        "DELETE",
        "PATCH",
        "OPTIONS",
        "PROPFIND",
        "PROPPATCH",
        "MKCOL",
        "MKCALENDAR",
        "REPORT",
        "MOVE",
        "COPY",
        "LOCK",
        "UNLOCK",
        "ACL",
        "post",
        "X-OWN",
    ] {
        let answer =
            rig.exchange(format!("{method} /x HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nbody"));
        assert!(answer.contains(&format!("\r\n\r\n{method} /x HTTP/1.1\r\n")), "{answer}");
        assert!(answer.ends_with("\r\n\r\nbody"), "{answer}");
    }
}

#[test]
fn the_application_sees_who_asked_and_no_headers_of_the_hop() {
    let app = App::echoing();
    let rig = Rig::before(app.address);
    let answer = rig.exchange(
        "GET /a HTTP/1.1\r\nHost: app.test:81\r\nConnection: keep-alive, X-Hop\r\nX-Hop: 1\r\nKeep-Alive: 3\r\n\
         TE: trailers, deflate\r\nUpgrade: h2c\r\nProxy-Connection: x\r\nX-Forwarded-For: 6.6.6.6\r\n\
         X_Forwarded_For: 6.6.6.6\r\nX-FORWARDED_Host: evil\r\nForwarded: for=6.6.6.6\r\nX-Original-URL: /admin\r\n\
         X-Rewrite-Url: /admin\r\nX-Forwarded-Prefix: /p\r\nX-Script-Name: /p\r\nX-Kept: yes\r\n\
         X-Request-Id: abc-123\r\nCookie: a=b\r\n\
         Traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\r\n\r\n",
    );
    let seen = answer.split_once("\r\n\r\n").unwrap().1.to_ascii_lowercase();
    let mut lines: Vec<_> = seen.lines().skip(1).filter(|line| !line.is_empty()).collect();
    lines.sort_unstable();
    assert_eq!(
        lines,
        [
            "cookie: a=b",
            "forwarded: for=127.0.0.1;host=\"app.test:81\";proto=http",
            "host: app.test:81",
            "te: trailers",
            "traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "x-forwarded-for: 127.0.0.1",
            "x-forwarded-host: app.test:81",
            "x-forwarded-proto: http",
            "x-kept: yes",
            "x-request-id: abc-123",
        ]
    );
    // THREATS E08, E53
    assert_eq!(rig.metric("earwitness_headers_removed_total{kind=\"forwarding\"}"), 8);
}

#[test]
fn a_trusted_peer_is_believed_and_appended_to() {
    let app = App::echoing();
    let rig = Rig::with(app.address, |config| config.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()]);
    let answer = rig.exchange(
        "GET /a HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 192.0.2.9\r\nX-Forwarded-Proto: https\r\n\
         X-Forwarded-For: 192.0.2.8\r\nForwarded: for=192.0.2.9\r\n\r\n",
    );
    let seen = answer.split_once("\r\n\r\n").unwrap().1;
    assert_eq!(value_of(seen, "x-forwarded-for"), Some("192.0.2.9, 192.0.2.8, 127.0.0.1"));
    assert_eq!(value_of(seen, "x-forwarded-proto"), Some("https"));
    assert_eq!(value_of(seen, "x-forwarded-host"), Some("x"));
    assert_eq!(value_of(seen, "forwarded"), Some("for=192.0.2.9, for=127.0.0.1;host=\"x\";proto=http"));
}

#[test]
fn an_insane_request_id_is_replaced() {
    let app = App::echoing();
    let rig = Rig::before(app.address);
    for sent in ["", "a b", &"x".repeat(129), "\u{e9}"] {
        let answer = rig.exchange(format!("GET /a HTTP/1.1\r\nHost: x\r\nX-Request-Id: {sent}\r\n\r\n"));
        let made = value_of(answer.split_once("\r\n\r\n").unwrap().1, "x-request-id").unwrap().to_owned();
        assert_eq!(made.len(), 36, "{made}");
    }
}

#[test]
fn a_request_body_streams_its_first_bytes_arrive_before_the_last_are_sent() {
    let (first_came, first) = mpsc::channel();
    let app = App::scripted(move |wire| {
        let head = wire.read_head().unwrap();
        assert_eq!(value_of(&head, "content-length"), Some("10"));
        assert_eq!(wire.read_bytes(5), "first");
        first_came.send(()).unwrap();
        assert_eq!(wire.read_bytes(5), "-last");
        wire.send(OK);
    });
    let rig = Rig::before(app.address);
    let mut client = rig.connect();
    client.send("POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nfirst");
    first.recv_timeout(PATIENCE).unwrap();
    client.send("-last");
    assert!(client.read_message().ends_with("ok"));
}

#[test]
fn an_answer_streams_its_first_bytes_arrive_before_the_last_are_sent() {
    let (go_on, wait) = mpsc::channel();
    let wait = parking_lot::Mutex::new(wait);
    let app = App::scripted(move |wire| {
        wire.next_request();
        wire.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n");
        wait.lock().recv_timeout(PATIENCE).unwrap();
        wire.send("4\r\nlast\r\n0\r\n\r\n");
    });
    let rig = Rig::before(app.address);
    let mut client = rig.connect();
    client.send("GET /a HTTP/1.1\r\nHost: x\r\n\r\n");
    assert!(client.read_head().unwrap().contains("Transfer-Encoding: chunked"));
    assert_eq!(client.read_bytes(10), "5\r\nfirst\r\n");
    go_on.send(()).unwrap();
    assert_eq!(client.read_bytes(14), "4\r\nlast\r\n0\r\n\r\n");
}

#[test]
fn large_bodies_pass_whole_in_both_directions() {
    let app = App::echoing();
    let rig = Rig::before(app.address);
    let body = "0123456789abcdef".repeat(1 << 18);
    let mut client = rig.connect();
    let mut sender = client.socket.try_clone().unwrap();
    let sent = body.clone();
    let sending = std::thread::spawn(move || {
        use std::io::Write;
        write!(sender, "PUT /big HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n{sent}", sent.len())
            .unwrap();
    });
    let answer = client.read_message();
    sending.join().unwrap();
    assert!(answer.ends_with(&body));
}

#[test]
fn trailers_pass_in_both_directions_but_for_those_that_could_pose_as_headers() {
    let app = App::scripted(|wire| {
        wire.next_request();
        wire.send(
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum, X-Forwarded-For, Set-Cookie\r\n\r\n\
             1\r\na\r\n0\r\nX-Sum: 7\r\nX-Forwarded-For: 6.6.6.6\r\nSet-Cookie: a=b\r\n\r\n",
        );
    });
    let rig = Rig::before(app.address);
    let answer = rig.exchange(
        "POST /a HTTP/1.1\r\nHost: x\r\nTE: trailers\r\nTransfer-Encoding: chunked\r\n\
         Trailer: X-Check, X-Forwarded-User, Authorization\r\n\r\n\
         3\r\nabc\r\n0\r\nX-Check: 9\r\nX-Forwarded-User: root\r\nAuthorization: x\r\n\r\n",
    );
    assert!(answer.ends_with("1\r\na\r\n0\r\nX-Sum: 7\r\n\r\n"), "{answer}");
    let seen = &app.requests()[0];
    assert!(seen.ends_with("3\r\nabc\r\n0\r\nX-Check: 9\r\n\r\n"), "{seen}");
}

#[test]
fn a_client_that_expects_100_gets_it_and_then_its_answer() {
    let app = App::echoing();
    let rig = Rig::before(app.address);
    let mut client = rig.connect();
    client.send("POST /a HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n");
    assert_eq!(client.read_head().unwrap(), "HTTP/1.1 100 Continue\r\n\r\n");
    client.send("body");
    assert!(client.read_message().ends_with("body"));
}

#[test]
fn answers_without_a_body_are_complete_at_their_head() {
    let cases = [
        ("HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 77\r\nX: y\r\n\r\n", "Content-Length: 77"),
        ("GET", "HTTP/1.1 204 No Content\r\nX: y\r\n\r\n", "204"),
        ("GET", "HTTP/1.1 304 Not Modified\r\nETag: \"a\"\r\n\r\n", "ETag: \"a\""),
        ("GET", "HTTP/1.1 200 Fine By Me\r\nContent-Length: 0\r\n\r\n", "200 Fine By Me"),
        ("GET", "HTTP/1.1 299 Odd\r\nContent-Length: 0\r\n\r\n", "299 Odd"),
    ];
    for (method, response, expected) in cases {
        let app = App::answering(response);
        let rig = Rig::before(app.address);
        let mut client = rig.connect();
        for _ in 0..2 {
            client.send(format!("{method} /a HTTP/1.1\r\nHost: x\r\n\r\n"));
            let head = client.read_head().unwrap();
            assert!(head.contains(expected), "{head}");
        }
        assert_eq!(app.connections(), 1, "{response}");
    }
}

#[test]
fn a_client_of_http_1_0_gets_a_plain_answer_and_the_end() {
    let app = App::answering("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n");
    let rig = Rig::before(app.address);
    let mut client = rig.connect();
    client.send("GET /a HTTP/1.0\r\n\r\n");
    let answer = client.read_to_end();
    assert!(answer.starts_with("HTTP/1.0 200 OK\r\n") && answer.ends_with("\r\n\r\nok"), "{answer}");
    let seen = &app.requests()[0];
    assert!(seen.starts_with("GET /a HTTP/1.1\r\n"), "{seen}");
    assert_eq!(value_of(seen, "host"), Some(app.address.to_string().as_str()));
}

#[test]
fn an_answer_that_ends_with_its_connection_reaches_the_client_whole() {
    let app = App::scripted(|wire| {
        wire.next_request();
        wire.send("HTTP/1.1 200 OK\r\n\r\nuntil the end");
        wire.socket.shutdown(Shutdown::Both).unwrap();
    });
    let rig = Rig::before(app.address);
    let answer = rig.exchange("GET /a HTTP/1.1\r\nHost: x\r\n\r\n");
    assert!(answer.contains("D\r\nuntil the end\r\n0\r\n\r\n"), "{answer}");
}

// THREATS D07
#[test]
fn an_unasked_second_answer_is_delivered_to_nobody() {
    let app = App::scripted(|wire| {
        while wire.next_request().is_some() {
            wire.try_send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison");
        }
    });
    let rig = Rig::before(app.address);
    let mut client = rig.connect();
    for _ in 0..20 {
        client.send("GET /a HTTP/1.1\r\nHost: x\r\n\r\n");
        let answer = client.read_message();
        assert!(answer.ends_with("\r\n\r\nok"), "{answer}");
    }
    assert_eq!(app.connections(), 20);
}

// THREATS D08
#[test]
fn a_request_is_not_sent_again_once_its_head_went_out() {
    let app = App::scripted(|wire| {
        if wire.next_request().is_some_and(|request| request.starts_with("GET")) {
            wire.send(OK);
            wire.next_request();
        }
        wire.socket.shutdown(Shutdown::Both).unwrap();
    });
    let rig = Rig::before(app.address);
    let mut client = rig.connect();
    client.send("GET /a HTTP/1.1\r\nHost: x\r\n\r\n");
    assert!(client.read_message().ends_with("ok"));
    client.send("POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nx");
    assert!(client.read_message().starts_with("HTTP/1.1 502 "));
    assert_eq!(app.requests().iter().filter(|request| request.starts_with("POST")).count(), 1);
}

// THREATS D09
#[test]
fn nothing_that_a_client_says_makes_us_dial_elsewhere() {
    let canary = TcpListener::bind("127.0.0.1:0").unwrap();
    canary.set_nonblocking(true).unwrap();
    let elsewhere = canary.local_addr().unwrap();
    let app = App::answering(OK);
    let rig = Rig::before(app.address);
    for request in [
        format!("GET http://{elsewhere}/ HTTP/1.1\r\nHost: {elsewhere}\r\n\r\n"),
        format!("GET / HTTP/1.1\r\nHost: {elsewhere}\r\n\r\n"),
        format!("GET / HTTP/1.1\r\nHost: x\r\nX-Forwarded-Host: {elsewhere}\r\n\r\n"),
    ] {
        assert!(rig.exchange(&request).ends_with("ok"), "{request}");
    }
    assert!(
        rig.exchange(format!("CONNECT {elsewhere} HTTP/1.1\r\nHost: {elsewhere}\r\n\r\n")).contains(" 400 ")
    );
    assert!(canary.accept().is_err(), "somebody dialled the canary");
    assert_eq!(app.requests().len(), 3);
}
