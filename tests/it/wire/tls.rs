//! TLS for clients: versions, what the application and the record are told, certificates that are renewed,
//! handshakes that come to nothing (THREATS D03, D11).

use std::path::Path;

use earwitness::config::TlsVersion;
use tokio_rustls::rustls::{ClientConfig, ProtocolVersion, SupportedProtocolVersion};

use super::script::{OK, Script};
use crate::authority::{ANY_TLS, Authority, Issued, Secure, TLS_12, TLS_13};
use crate::rig::{App, Rig, Wire, eventually, value_of};

const GET: &str = "GET /a HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";

fn ask(rig: &Rig, client: ClientConfig) -> std::io::Result<String> {
    Secure::connect(rig.address, client).exchange(GET)
}

// THREATS D11
#[test]
fn a_version_below_the_least_is_not_spoken() {
    let app = App::answering(OK);
    let authority = Authority::new("ours");
    let issued = authority.issue(|_| {});
    let folder = tempfile::tempdir().unwrap();
    let check = |least: TlsVersion,
                 spoken: &[&'static SupportedProtocolVersion],
                 expected: Option<ProtocolVersion>| {
        let mut settings = issued.settings(folder.path());
        settings.min_version = least;
        let rig = Rig::with(app.address, |config| config.tls = Some(settings));
        let mut client = Secure::connect(rig.address, authority.client(spoken));
        let answer = client.exchange(GET);
        assert_eq!(answer.is_ok(), expected.is_some(), "{least:?} {spoken:?} {answer:?}");
        if expected.is_some() {
            assert_eq!(client.connection().protocol_version(), expected);
            assert!(answer.unwrap().ends_with("ok"));
        } else {
            eventually("it is counted", || rig.metric("earwitness_handshakes_failed_total") == 1);
        }
    };
    check(TlsVersion::Tls12, &TLS_12, Some(ProtocolVersion::TLSv1_2));
    check(TlsVersion::Tls12, &TLS_13, Some(ProtocolVersion::TLSv1_3));
    check(TlsVersion::Tls12, &ANY_TLS, Some(ProtocolVersion::TLSv1_3));
    check(TlsVersion::Tls13, &ANY_TLS, Some(ProtocolVersion::TLSv1_3));
    check(TlsVersion::Tls13, &TLS_12, None);
}

#[test]
fn the_application_and_the_record_are_told_that_it_was_https() {
    let app = App::answering(OK);
    let authority = Authority::new("ours");
    let folder = tempfile::tempdir().unwrap();
    let settings = authority.issue(|_| {}).settings(folder.path());
    let script = std::sync::Arc::new(Script::default());
    let rig =
        Rig::audited(app.address, std::sync::Arc::clone(&script) as _, |config| config.tls = Some(settings));
    let post = "POST /a HTTP/1.1\r\nHost: localhost\r\nX-Forwarded-Proto: http\r\nConnection: close\r\n\
                Content-Length: 1\r\n\r\nx";
    let answer = Secure::connect(rig.address, authority.client(&ANY_TLS)).exchange(post).unwrap();
    assert!(answer.ends_with("ok"), "{answer}");
    let request = &app.requests()[0];
    assert_eq!(value_of(request, "x-forwarded-proto"), Some("https"));
    assert_eq!(value_of(request, "forwarded"), Some("for=127.0.0.1;host=\"localhost\";proto=https"));
    assert_eq!(script.only().request.scheme, "https");
}

/// Who a new client meets.
fn met(rig: &Rig, authority: &Authority) -> Vec<u8> {
    let mut client = Secure::connect(rig.address, authority.client(&ANY_TLS));
    client.exchange(GET).unwrap();
    client.connection().peer_certificates().unwrap()[0].to_vec()
}

#[test]
fn a_renewed_certificate_meets_the_next_client_and_a_bad_one_meets_nobody() {
    let app = App::answering(OK);
    let authority = Authority::new("ours");
    let folder = tempfile::tempdir().unwrap();
    let settings = authority.issue(|_| {}).settings(folder.path());
    let rig = Rig::with(app.address, |config| config.tls = Some(settings));
    let old = met(&rig, &authority);
    assert_eq!(met(&rig, &authority), old);
    authority.issue(|_| {}).write(folder.path());
    eventually("the new certificate is in use", || met(&rig, &authority) != old);
    let new = met(&rig, &authority);
    assert_ne!(new, old);
    assert!(rig.metric("earwitness_tls_reloads_total{outcome=\"done\"}") >= 1);

    std::fs::write(folder.path().join("key.pem"), "no key").unwrap();
    let failed = "earwitness_tls_reloads_total{outcome=\"failed\"}";
    let before = rig.metric(failed);
    eventually("the new files were looked at", || rig.metric(failed) > before);
    assert_eq!(met(&rig, &authority), new);
}

fn secured(app: &App, folder: &Path, issued: &Issued) -> Rig {
    let settings = issued.settings(folder);
    Rig::with(app.address, |config| {
        config.tls = Some(settings);
        config.limits.handshake_ms = 30;
    })
}

// THREATS D03
#[test]
fn a_handshake_that_does_not_end_or_is_none_is_ended_and_counted() {
    let app = App::answering(OK);
    let authority = Authority::new("ours");
    let folder = tempfile::tempdir().unwrap();
    let rig = secured(&app, folder.path(), &authority.issue(|_| {}));
    for start in ["", "\x16\x03\x01"] {
        let mut slow = Wire::connect(rig.address);
        slow.send(start);
        assert_eq!(slow.read_to_end(), "");
    }
    let hit = "earwitness_limits_hit_total{limit=\"handshake_ms\"}";
    eventually("both are counted", || rig.metric(hit) == 2);
    let mut plain = Wire::connect(rig.address);
    plain.send(GET);
    assert!(!plain.read_to_end().contains("HTTP/1.1"));
    eventually("it is counted", || rig.metric("earwitness_handshakes_failed_total") == 1);
    let stranger = Authority::new("somebody else");
    assert!(ask(&rig, stranger.client(&ANY_TLS)).is_err(), "the client trusts another authority");
    eventually("all are closed", || rig.metric("earwitness_connections ") == 0);
    assert!(app.requests().is_empty());
}

#[test]
fn a_stop_does_not_wait_for_a_handshake() {
    let app = App::answering(OK);
    let authority = Authority::new("ours");
    let folder = tempfile::tempdir().unwrap();
    let settings = authority.issue(|_| {}).settings(folder.path());
    let rig = Rig::with(app.address, |config| {
        config.tls = Some(settings);
        config.limits.handshake_ms = 60_000;
        config.limits.shutdown_ms = 60_000;
    });
    let mut silent = Wire::connect(rig.address);
    eventually("it is accepted", || rig.metric("earwitness_connections ") == 1);
    let stopping = std::thread::spawn(move || rig.stop());
    assert_eq!(silent.read_to_end(), "");
    stopping.join().unwrap();
}
