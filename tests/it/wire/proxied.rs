//! Connections that come through a balancer: whom it names in a PROXY header is who they are from, and
//! nobody else may name anybody.

use std::io::Read as _;

use crate::rig::{App, Rig, value_of};
use crate::wire::script::{self, Script};

fn rig(app: &App) -> Rig {
    Rig::with(app.address, |config| {
        config.proxy_protocol = true;
        config.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()];
    })
}

const GET: &str = "GET /a HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 9.9.9.9\r\n\r\n";

// THREATS E52
#[test]
fn the_application_learns_whom_the_balancer_names() {
    let app = App::echoing();
    let rig = rig(&app);
    let answer = rig.exchange(format!("PROXY TCP4 192.0.2.7 10.0.0.1 12345 443\r\n{GET}"));
    let request = answer.split_once("\r\n\r\n").unwrap().1;
    // The client is no trusted proxy: what it says of others is not believed.
    assert_eq!(value_of(request, "x-forwarded-for"), Some("192.0.2.7"), "{answer}");
    assert_eq!(value_of(request, "forwarded"), Some("for=192.0.2.7;host=\"x\";proto=http"), "{answer}");
    let own = rig.exchange(format!("PROXY UNKNOWN\r\n{GET}"));
    assert_eq!(
        value_of(own.split_once("\r\n\r\n").unwrap().1, "x-forwarded-for"),
        Some("9.9.9.9, 127.0.0.1")
    );
}

// THREATS E52
#[test]
fn without_a_proper_header_a_connection_is_closed_and_nothing_reaches_the_application() {
    let app = App::echoing();
    let rig = rig(&app);
    let mut sent: Vec<Vec<u8>> =
        vec![GET.into(), b"PROXY TCP4 1.2.3.4\r\n".into(), b"\r\n\r\n\0\r\nQUIT\n!!!!".into()];
    sent.push(vec![b'P'; 2_000]);
    for bytes in &sent {
        let mut client = rig.connect();
        client.try_send(bytes);
        let mut got = Vec::new();
        // An end or a reset, but no answer.
        let _ = client.socket.read_to_end(&mut got);
        assert!(got.is_empty(), "{} got {}", bytes.escape_ascii(), got.escape_ascii());
    }
    assert_eq!(app.connections(), 0);
    let refused = rig.metric("earwitness_proxy_headers_refused_total{reason=\"malformed\"}");
    assert_eq!(refused, sent.len() as u64);
}

// THREATS E52
#[test]
fn a_stranger_is_closed_before_a_byte_is_read_and_a_silent_balancer_after_its_time() {
    let app = App::echoing();
    let stranger = Rig::with(app.address, |config| {
        config.proxy_protocol = true;
        config.trusted_proxies = vec!["192.0.2.0/24".parse().unwrap()];
    });
    assert_eq!(stranger.connect().read_to_end(), "");
    assert_eq!(stranger.metric("earwitness_proxy_headers_refused_total{reason=\"untrusted\"}"), 1);
    let silent = Rig::with(app.address, |config| {
        config.proxy_protocol = true;
        config.trusted_proxies = vec!["127.0.0.1/32".parse().unwrap()];
        config.limits.proxy_header_ms = 20;
    });
    let mut client = silent.connect();
    client.send("PROXY TCP4 ");
    assert_eq!(client.read_to_end(), "");
    assert_eq!(silent.metric("earwitness_proxy_headers_refused_total{reason=\"slow\"}"), 1);
    assert_eq!(silent.metric("earwitness_limits_hit_total{limit=\"proxy_header_ms\"}"), 1);
}

#[test]
fn the_record_has_the_client_and_the_balancer() {
    let app = App::answering(script::OK);
    let audit = std::sync::Arc::new(Script::default());
    let rig = Rig::audited(app.address, std::sync::Arc::clone(&audit) as _, |config| {
        config.proxy_protocol = true;
        config.trusted_proxies = vec!["127.0.0.1/32".parse().unwrap()];
    });
    rig.exchange(format!("PROXY TCP6 2001:db8::7 ::1 12345 443\r\n{}", script::POST));
    let client = audit.only().client;
    assert_eq!(client.ip.to_string(), "2001:db8::7");
    assert_eq!((client.port, client.is_trusted), (Some(12345), false));
    assert_eq!(client.peer.to_string(), "127.0.0.1");
}

// THREATS D03
#[test]
fn each_client_behind_the_balancer_has_its_own_places() {
    let app = App::answering(script::OK);
    let rig = Rig::with(app.address, |config| {
        config.proxy_protocol = true;
        config.trusted_proxies = vec!["127.0.0.1/32".parse().unwrap()];
        config.limits.client_connections_max = 2;
    });
    let get = |client: &str| {
        let mut wire = rig.connect();
        wire.send(format!("PROXY TCP4 {client} 10.0.0.1 1 2\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n"));
        let answer = wire.read_message();
        (wire, answer)
    };
    let (_first, one) = get("192.0.2.1");
    let (_second, two) = get("192.0.2.1");
    assert!(one.starts_with("HTTP/1.1 200 ") && two.starts_with("HTTP/1.1 200 "), "{one}{two}");
    let (_third, three) = get("192.0.2.1");
    assert!(three.is_empty() || three.starts_with("HTTP/1.1 503 "), "{three}");
    let (_other, four) = get("192.0.2.2");
    assert!(four.starts_with("HTTP/1.1 200 "), "{four}");
    assert_eq!(rig.metric("earwitness_limits_hit_total{limit=\"client_connections_max\"}"), 1);
}
