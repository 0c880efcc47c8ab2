//! Clients that show certificates: who is served, and who is recorded as the actor (THREATS D11, E65).

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use earwitness::config::{ClientCertificates, Config, Tls};
use earwitness::event::{Assurance, Evidence};
use rcgen::{CertificateParams, DnType, date_time_ymd};

use crate::authority::{ANY_TLS, Authority, Issued, Secure, TLS_12};
use crate::rig::{App, Rig, value_of};
use crate::threats::{Recorded, request};
use crate::wire::script::OK;

const RULES: &str = r#"version: 1
actors:
  - { name: certificate, actor: { type: user, id: $.client.certificate.id, name: $.client.certificate.name } }
  - { name: Basic, when: { $.credential.kind: basic }, actor: { type: user, id: $.credential.user } }
rules:
  - { id: made, match: POST /things, action: MADE }
"#;

fn to(name: &'static str) -> impl FnOnce(&mut CertificateParams) {
    move |params| params.distinguished_name.push(DnType::CommonName, name)
}

/// The settings of a server that knows those issuers.
fn settings(
    server: &Issued,
    issuers: &[&Authority],
    folder: &Path,
    clients: fn(std::path::PathBuf) -> ClientCertificates,
) -> Tls {
    let file = folder.join("clients.pem");
    std::fs::write(&file, issuers.iter().map(|issuer| issuer.pem()).collect::<String>()).unwrap();
    Tls { clients: clients(file), ..server.settings(folder) }
}

// THREATS D11
#[test]
fn only_a_certificate_of_a_known_issuer_that_has_not_expired_is_let_in() {
    let app = App::answering(OK);
    let (server, ours, other) = (Authority::new("server"), Authority::new("ours"), Authority::new("ours"));
    let good = ours.issue(to("Ada"));
    let foreign = other.issue(to("Ada"));
    let expired = ours.issue(|params| params.not_after = date_time_ymd(2001, 1, 1));
    let early = ours.issue(|params| params.not_before = date_time_ymd(4001, 1, 1));
    let folder = tempfile::tempdir().unwrap();
    let issued = server.issue(|_| {});
    for (clients, is_nobody_served) in [
        (ClientCertificates::Required as fn(_) -> _, false),
        (ClientCertificates::Optional as fn(_) -> _, true),
    ] {
        let tls = settings(&issued, &[&ours], folder.path(), clients);
        let rig = Rig::with(app.address, |config| config.tls = Some(tls));
        let check = |who: Option<&Issued>, is_served: bool| {
            for versions in [&TLS_12[..], &ANY_TLS] {
                let client = server.client_as(who, versions);
                let get = "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
                let answer = Secure::connect(rig.address, client).exchange(get);
                assert_eq!(answer.is_ok_and(|answer| answer.ends_with("ok")), is_served);
            }
        };
        check(Some(&good), true);
        check(None, is_nobody_served);
        check(Some(&foreign), false);
        check(Some(&expired), false);
        check(Some(&early), false);
    }
}

fn recorded(upstream: SocketAddr, change: impl FnOnce(&mut Config)) -> Recorded {
    Recorded::before(upstream, RULES, change, |auditor| Arc::new(auditor))
}

fn post(recorded: &Recorded, server: &Authority, who: Option<&Issued>, id: &str) -> earwitness::event::Event {
    let headers = ["Authorization: Basic YmVuOng=", "X-Client-Cert: CN=Eve", "Connection: close"];
    let text = request("POST /things", id, &headers, "{}");
    let mut client = Secure::connect(recorded.rig.address, server.client_as(who, &ANY_TLS));
    assert!(client.exchange(&text).unwrap().ends_with("ok"));
    recorded.event_of(id)
}

// THREATS E65
#[test]
fn who_shows_a_certificate_is_the_actor_and_one_name_from_two_issuers_is_two_people() {
    let app = App::answering(OK);
    let server = Authority::new("server");
    let (ours, theirs) = (Authority::new("Our CA"), Authority::new("Their CA"));
    let folder = tempfile::tempdir().unwrap();
    let tls = settings(&server.issue(|_| {}), &[&ours, &theirs], folder.path(), ClientCertificates::Optional);
    let recorded = recorded(app.address, |config| config.tls = Some(tls));
    let mut ids = Vec::new();
    let in_sales = |params: &mut CertificateParams| {
        params.distinguished_name.push(DnType::CommonName, "Ada");
        params.distinguished_name.push(DnType::OrganizationName, "Sales");
    };
    let cases = [ours.issue(to("Ada")), theirs.issue(to("Ada")), ours.issue(in_sales)];
    for (number, issued) in cases.iter().enumerate() {
        let event = post(&recorded, &server, Some(issued), &format!("r{number}"));
        assert_eq!(event.actor.name.as_deref(), Some("Ada"));
        assert_eq!(
            (event.actor.assurance, event.actor.evidence),
            (Assurance::Verified, Some(Evidence::Certificate))
        );
        ids.push(event.actor.id.unwrap());
    }
    assert!(ids[0].ends_with("CN=Ada; issued by CN=Our CA"), "{ids:?}");
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 3, "{ids:?}");
    // The same key renewed with the same names is the same person.
    let renewed = post(&recorded, &server, Some(&ours.issue(to("Ada"))), "renewed");
    assert!(ids.contains(&renewed.actor.id.unwrap()));
    let nobody = post(&recorded, &server, None, "nobody");
    assert_eq!(nobody.actor.id.as_deref(), Some("ben"), "who shows none is asked for other things");
    assert_eq!(value_of(&app.requests()[0], "x-client-cert"), Some("CN=Eve"), "no header means anything");
}

#[test]
fn the_certificate_of_a_trusted_proxy_names_nobody() {
    let app = App::answering(OK);
    let (server, ours) = (Authority::new("server"), Authority::new("ours"));
    let folder = tempfile::tempdir().unwrap();
    let tls = settings(&server.issue(|_| {}), &[&ours], folder.path(), ClientCertificates::Required);
    let recorded = recorded(app.address, |config| {
        config.tls = Some(tls);
        config.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()];
    });
    let event = post(&recorded, &server, Some(&ours.issue(to("balancer"))), "r1");
    assert_eq!(event.actor.id.as_deref(), Some("ben"));
}
