//! TLS to the application: whom the proxy believes, and what it says of itself.

use std::io::Write as _;
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;

use earwitness::exchange::{CaptureState, Ending};
use earwitness::proxy::Audit;

use super::{Authority, TlsApp, next_head, server, upstream};
use crate::rig::{Rig, eventually};
use crate::wire::script::Script;

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
const GET: &str = "GET /a HTTP/1.1\r\nHost: client.example\r\n\r\n";
const POST: &str = "POST /a HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello";

/// A proxy before that address, with these settings about the application.
fn rig(url: &str, settings: &[(&str, String)]) -> Rig {
    Rig::with(nowhere(), |config| config.upstream = upstream(url, settings))
}

fn nowhere() -> SocketAddr {
    "127.0.0.1:9".parse().unwrap()
}

fn outcome(rig: &Rig, outcome: &str) -> u64 {
    rig.metric(&format!("earwitness_upstream_connections_total{{outcome=\"{outcome}\"}}"))
}

#[test]
fn a_verified_application_is_spoken_to_under_its_own_name_and_told_the_clients_host() {
    let authority = Authority::new();
    let app = TlsApp::scripted(server(authority.certify("localhost", |_| {}), None), |stream| {
        while let Some(head) = next_head(stream) {
            let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{head}", head.len());
            if stream.write_all(answer.as_bytes()).is_err() {
                return;
            }
        }
    });
    let rig = rig(&app.url(), &[("TLS_CA", authority.ca())]);
    let mut client = rig.connect();
    for _ in 0..5 {
        client.send(GET);
        let answer = client.read_message();
        assert!(answer.contains("\r\nHost: client.example\r\n"), "{answer}");
    }
    // One connection, kept; in the handshake the name of the application, not the client's, and HTTP/1.1.
    let hellos = app.hellos.lock().clone();
    assert_eq!(hellos, [(Some("localhost".to_owned()), None)]);
    assert_eq!(outcome(&rig, "opened"), 1);
    eventually("the connection is idle", || rig.metric("earwitness_upstream_connections_idle") == 1);
}

#[test]
fn the_protocol_is_said_in_the_handshake() {
    let authority = Authority::new();
    let mut server = server(authority.certify("localhost", |_| {}), None);
    server.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let app = TlsApp::answering(server, OK);
    assert!(rig(&app.url(), &[("TLS_CA", authority.ca())]).exchange(GET).ends_with("ok"));
    assert_eq!(app.hellos.lock()[0].1.as_deref(), Some(b"http/1.1".as_slice()));
}

#[test]
fn another_name_can_be_asked_for_and_verified() {
    let authority = Authority::new();
    let app = TlsApp::answering(server(authority.certify("inner.example", |_| {}), None), OK);
    let settings = [("TLS_CA", authority.ca()), ("TLS_SERVER_NAME", "inner.example".to_owned())];
    assert!(rig(&app.url(), &settings).exchange(GET).ends_with("ok"));
    assert_eq!(app.hellos.lock()[0].0.as_deref(), Some("inner.example"));
}

#[test]
fn a_certificate_that_nobody_else_signed_can_be_named_itself() {
    let folder = tempfile::tempdir().unwrap();
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let ca = super::path(folder.path(), "ca.pem");
    std::fs::write(&ca, made.cert.pem()).unwrap();
    let key = super::PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let certified = super::Certified { chain: vec![made.cert.der().clone()], key };
    let app = TlsApp::answering(server(certified, None), OK);
    assert!(rig(&app.url(), &[("TLS_CA", ca)]).exchange(GET).ends_with("ok"));
}

#[test]
fn an_address_is_verified_as_one() {
    let authority = Authority::new();
    let app = TlsApp::answering(server(authority.certify("127.0.0.1", |_| {}), None), OK);
    let url = format!("https://{}", app.address);
    assert!(rig(&url, &[("TLS_CA", authority.ca())]).exchange(GET).ends_with("ok"));
    assert_eq!(app.hellos.lock()[0].0, None);
}

// THREATS D11
#[test]
fn whoever_cannot_prove_to_be_the_application_sees_no_request() {
    let (authority, other) = (Authority::new(), Authority::new());
    let expired = |params: &mut rcgen::CertificateParams| {
        params.not_before = rcgen::date_time_ymd(2001, 1, 1);
        params.not_after = rcgen::date_time_ymd(2002, 1, 1);
    };
    let early = |params: &mut rcgen::CertificateParams| params.not_before = rcgen::date_time_ymd(4000, 1, 1);
    let clients_only = |params: &mut rcgen::CertificateParams| {
        params.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ClientAuth];
    };
    let cases = [
        ("another authority", other.certify("localhost", |_| {})),
        ("another name", authority.certify("other.example", |_| {})),
        ("expired", authority.certify("localhost", expired)),
        ("not valid yet", authority.certify("localhost", early)),
        ("for clients only", authority.certify("localhost", clients_only)),
    ];
    for (what, certified) in cases {
        let app = TlsApp::answering(server(certified, None), OK);
        let rig = rig(&app.url(), &[("TLS_CA", authority.ca())]);
        let answer = rig.exchange(GET);
        assert!(
            answer.starts_with("HTTP/1.1 502 ") && answer.contains("could not be reached"),
            "{what}: {answer}"
        );
        assert_eq!((outcome(&rig, "tls"), outcome(&rig, "opened")), (1, 0), "{what}");
    }
}

// THREATS D11
#[test]
fn insecure_believes_anybody_and_is_the_only_way_to_do_so() {
    let authority = Authority::new();
    let app = TlsApp::answering(server(authority.certify("other.example", |_| {}), None), OK);
    assert!(rig(&app.url(), &[("TLS_INSECURE", "true".to_owned())]).exchange(GET).ends_with("ok"));
    // Without any setting, it is the system that decides, and it does not know this authority.
    let system = upstream_by_the_system(&app);
    if let Some(rig) = system {
        assert!(rig.exchange(GET).starts_with("HTTP/1.1 502 "));
    }
}

/// A proxy that trusts whom the system trusts; none where the system trusts nobody.
fn upstream_by_the_system(app: &TlsApp) -> Option<Rig> {
    let has_roots = !rustls_native_certs::load_native_certs().certs.is_empty();
    has_roots.then(|| rig(&app.url(), &[]))
}

#[test]
fn a_client_certificate_is_shown_where_one_is_asked_for() {
    let (authority, clients) = (Authority::new(), Authority::new());
    let app = TlsApp::answering(server(authority.certify("localhost", |_| {}), Some(&clients)), OK);
    clients.certify("earwitness.example", |_| {});
    let with = [vec![("TLS_CA", authority.ca())], clients.own().to_vec()].concat();
    assert!(rig(&app.url(), &with).exchange(GET).ends_with("ok"));
    let without = rig(&app.url(), &[("TLS_CA", authority.ca())]).exchange(GET);
    assert!(without.starts_with("HTTP/1.1 502 "), "{without}");
}

#[test]
fn an_application_without_tls_is_not_reached_by_it() {
    // As web servers do, it answers what it takes for a bad request.
    let app = crate::rig::App::scripted(|wire| {
        wire.try_send("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
        wire.read_to_end();
    });
    let authority = Authority::new();
    let rig = rig(&format!("https://localhost:{}", app.address.port()), &[("TLS_CA", authority.ca())]);
    assert!(rig.exchange(GET).starts_with("HTTP/1.1 502 "));
    assert_eq!((outcome(&rig, "tls"), outcome(&rig, "opened")), (1, 0));
}

#[test]
fn a_handshake_that_does_not_end_is_given_up_after_connect_ms() {
    let app = crate::rig::App::scripted(|wire| drop(wire.read_to_end()));
    let url = format!("https://localhost:{}", app.address.port());
    let rig = Rig::with(nowhere(), |config| {
        config.upstream = upstream(&url, &[("TLS_CA", Authority::new().ca())]);
        config.limits.connect_ms = 50;
    });
    assert!(rig.exchange(GET).starts_with("HTTP/1.1 502 "));
    assert_eq!(outcome(&rig, "timeout"), 1);
}

/// Reads the request and its body, answers with the head of a body that ends with the connection, and ends it.
fn until_the_end(is_cut: bool) -> impl Fn(&mut super::Stream) + Send + Sync + 'static {
    move |stream| {
        if next_head(stream).is_none() {
            return;
        }
        let _ = std::io::Read::read_exact(stream, &mut [0; 5]);
        stream.write_all(b"HTTP/1.1 200 OK\r\n\r\nall of it?").unwrap();
        if !is_cut {
            stream.conn.send_close_notify();
        }
        stream.flush().unwrap();
        stream.sock.shutdown(std::net::Shutdown::Write).unwrap();
        // The socket is kept until the other end is done with it: a reset would say something else.
        while let Ok(1) = std::io::Read::read(&mut &stream.sock, &mut [0]) {}
    }
}

#[test]
fn a_body_that_ends_with_a_connection_without_a_close_is_cut_not_complete() {
    let authority = Authority::new();
    for is_cut in [false, true] {
        let server = server(authority.certify("localhost", |_| {}), None);
        let app = TlsApp::scripted(server, until_the_end(is_cut));
        let script = Arc::new(Script::default());
        let rig = Rig::audited(nowhere(), Arc::clone(&script) as Arc<dyn Audit>, |config| {
            config.upstream = upstream(&app.url(), &[("TLS_CA", authority.ca())]);
        });
        let mut client = rig.connect();
        client.send(POST);
        let answer = client.read_to_end();
        let exchange = script.only();
        let body = exchange.response.as_ref().map(|response| response.body.state);
        match is_cut {
            true => {
                assert_eq!((exchange.ending, body), (Ending::UpstreamGone, Some(CaptureState::Broken)));
                assert!(!answer.ends_with("0\r\n\r\n"), "{answer}");
            }
            false => {
                assert_eq!((exchange.ending, body), (Ending::Complete, Some(CaptureState::Complete)));
                assert!(answer.ends_with("0\r\n\r\n"), "{answer}");
            }
        }
    }
}

#[test]
fn a_connection_that_the_application_closed_while_it_was_idle_is_not_used_again() {
    let authority = Authority::new();
    let app = TlsApp::scripted(server(authority.certify("localhost", |_| {}), None), |stream| {
        if next_head(stream).is_some() {
            let _ = stream.write_all(OK.as_bytes());
            stream.conn.send_close_notify();
            let _ = stream.flush();
            let _ = TcpStream::shutdown(&stream.sock, std::net::Shutdown::Both);
        }
    });
    let rig = rig(&app.url(), &[("TLS_CA", authority.ca())]);
    for round in 1..=3 {
        assert!(rig.exchange(GET).ends_with("ok"), "{round}");
    }
    assert_eq!(app.connections(), 3);
}
