//! Heads in HTTP/2: what is refused, what is joined, what the application gets (THREATS E09, E33).

use super::peer::{END_HEADERS, END_STREAM, HEADERS, Raw, block, connect, frame, request, run};
use crate::rig::{App, Rig, value_of};
use crate::wire::script::{OK, Script, rig};

/// What comes of a head.
#[derive(Debug, PartialEq)]
enum End {
    Refused(u16),
    /// The stream or the whole connection is reset, as h2 does with what is no HTTP/2.
    Reset,
}

const PLAIN: [(&str, &str); 4] =
    [(":method", "GET"), (":scheme", "http"), (":authority", "x"), (":path", "/a")];

/// The plain head with other pseudo-headers and more fields.
fn with(changes: &[(&'static str, &'static str)]) -> Vec<(&'static str, &'static str)> {
    let mut fields = PLAIN.to_vec();
    for (name, value) in changes {
        match fields.iter_mut().find(|(known, _)| known == name) {
            Some(field) => field.1 = value,
            None => fields.push((name, value)),
        }
    }
    fields
}

#[test]
fn a_head_that_two_parsers_could_read_differently_never_reaches_the_application() {
    // THREATS E09, E33
    let app = App::answering(OK);
    let rig = Rig::before(app.address);
    let check = |fields: &[(&str, &str)], expected: End| {
        let mut raw = Raw::connect(rig.address);
        raw.send(&request(1, fields));
        let end = raw.status_of(1).map_or(End::Reset, End::Refused);
        assert_eq!(end, expected, "{fields:?}");
    };
    let refused = || End::Refused(400);
    check(&with(&[(":method", "TRACE")]), refused());
    check(&[(":method", "CONNECT"), (":authority", "x:443")], refused());
    check(&with(&[("host", "y")]), refused());
    check(&[&with(&[("host", "x")])[..], &[("host", "x")]].concat(), refused());
    check(&[PLAIN[0], PLAIN[1], PLAIN[3]], refused());
    check(&with(&[(":authority", "me@x")]), refused());
    check(&with(&[(":path", "*")]), refused());
    check(&[&with(&[("authorization", "a")])[..], &[("authorization", "b")]].concat(), refused());
    check(&with(&[("x", " y")]), refused());
    check(&with(&[("x", "y ")]), refused());
    check(&with(&[(":protocol", "websocket"), (":method", "CONNECT")]), End::Reset);
    check(&with(&[(":path", "a")]), End::Reset);
    check(&with(&[(":path", "")]), End::Reset);
    check(&with(&[(":path", "/a b")]), End::Reset);
    check(&with(&[(":path", "/a\r\nx: y")]), End::Reset);
    check(&with(&[(":authority", "x\r\n")]), End::Reset);
    check(&with(&[("x", "y\r\nz: 1")]), End::Reset);
    check(&with(&[("x", "\0")]), End::Reset);
    check(&with(&[("X", "y")]), End::Reset);
    check(&with(&[("x y", "z")]), End::Reset);
    check(&with(&[("connection", "close")]), End::Reset);
    check(&with(&[("transfer-encoding", "chunked")]), End::Reset);
    check(&with(&[("upgrade", "h2c")]), End::Reset);
    check(&with(&[("keep-alive", "1")]), End::Reset);
    check(&with(&[("proxy-connection", "close")]), End::Reset);
    check(&with(&[("te", "gzip")]), End::Reset);
    check(&with(&[("content-length", "1")]), End::Reset);
    check(&[&PLAIN[..], &[(":path", "/b")]].concat(), End::Reset);
    check(&[&PLAIN[..], &[(":method", "POST")]].concat(), End::Reset);
    check(&[&[("x", "y")], &PLAIN[..]].concat(), End::Reset);
    check(&PLAIN[..3], End::Reset);
    check(&PLAIN[1..], End::Reset);
    assert!(app.requests().is_empty(), "{:?}", app.requests());
}

#[test]
fn a_refused_stream_leaves_the_others_alone() {
    let app = App::answering(OK);
    let rig = Rig::before(app.address);
    run(async {
        let mut peer = connect(rig.address).await;
        let refused = peer.send("GET", "http://x/a", &[("host", "y")], &[], &[]).await;
        assert_eq!(refused.status, 400);
        assert!(refused.body.contains("names another host"), "{}", refused.body);
        assert_eq!(peer.get("http://x/a").await.status, 200);
    });
    assert_eq!(rig.metric("earwitness_requests_total{kind=\"refused\"}"), 1);
}

#[test]
fn what_follows_a_hash_is_seen_by_nobody() {
    // THREATS E06: it is dropped before anybody can look, so the application must not get it either.
    let app = App::answering(OK);
    let (rig, script) = rig(&app, Script::default());
    let mut raw = Raw::connect(rig.address);
    let head = with(&[(":method", "POST"), (":path", "/public#/../v2/bookings/1/cancel")]);
    raw.send(&request(1, &head));
    assert_eq!(raw.status_of(1), Some(200));
    assert!(app.requests()[0].starts_with("POST /public HTTP/1.1\r\n"), "{:?}", app.requests());
    assert_eq!(script.only().request.target, "/public");
}

#[test]
fn crumbs_of_a_cookie_are_one_before_anybody_looks() {
    // THREATS E33
    let app = App::answering(OK);
    let (rig, script) = rig(&app, Script::default());
    run(async {
        let mut peer = connect(rig.address).await;
        let crumbs = [("cookie", "session=1"), ("x", "y"), ("cookie", "theme=dark")];
        assert_eq!(peer.send("POST", "http://x/a", &crumbs, &["hello"], &[]).await.status, 200);
    });
    let joined = "session=1; theme=dark";
    assert_eq!(value_of(&app.requests()[0], "cookie"), Some(joined));
    let request = script.only().request;
    let seen: Vec<_> = request.headers.get_all("cookie").iter().collect();
    assert_eq!(seen, [joined]);
    assert_eq!((request.host.as_str(), request.target.as_str(), request.scheme), ("x", "/a", "http"));
}

#[test]
fn a_head_past_its_limits_is_a_431() {
    // THREATS D02
    let app = App::answering(OK);
    let rig = Rig::with(app.address, |config| {
        config.limits.headers_max = 16;
        config.limits.head_bytes_max = 8 << 10;
    });
    let (many, large) = (vec![("a", "b"); 17], vec![("a", "0123456789012345678901234567890123456789"); 200]);
    for fields in [many, large] {
        let mut raw = Raw::connect(rig.address);
        let head = [&PLAIN[..], &fields].concat();
        raw.send(&request(1, &head));
        assert_eq!(raw.status_of(1), Some(431), "{}", fields.len());
    }
    // One byte each for a field that the client's table knows: small on the wire, large when it is decoded.
    let mut raw = Raw::connect(rig.address);
    let mut bomb = block(&PLAIN);
    bomb.extend_from_slice(&[0x40, 1, b'a', 100]);
    bomb.extend_from_slice(&[b'b'; 100]);
    bomb.extend_from_slice(&[0xbe; 15_000]);
    raw.send(&frame(HEADERS, END_HEADERS | END_STREAM, 1, &bomb));
    assert!(matches!(raw.status_of(1), Some(431) | None));
    assert!(app.requests().is_empty());
}
