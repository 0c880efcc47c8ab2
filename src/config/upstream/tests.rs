//! Ways to write where the application is, and how TLS is spoken with it.

use std::fs;

use rcgen::{CertifiedKey, generate_simple_self_signed};
use tempfile::TempDir;

use crate::config::{Config, Transport};
use crate::yaml::Problems;

fn load_in(folder: &TempDir, text: &str, env: &[(&str, &str)]) -> Result<Config, Problems> {
    fs::create_dir_all(folder.path().join("rules")).unwrap();
    let path = folder.path().join("earwitness.yaml");
    fs::write(&path, format!("listen: 127.0.0.1:8080\nrules: rules\n{text}")).unwrap();
    Config::load(Some(&path), env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())))
}

#[test]
fn the_application_is_a_host_and_port_or_a_socket() {
    let folder = tempfile::tempdir().unwrap();
    let check = |text: &str, expected: &str, host: &str| {
        let config = load_in(&folder, &format!("upstream: {text}"), &[]).map_err(|p| p.render()).unwrap();
        assert_eq!((config.upstream.to_string().as_str(), config.upstream.host().as_str()), (expected, host));
    };
    check("http://127.0.0.1:3000", "http://127.0.0.1:3000", "127.0.0.1:3000");
    check("HTTP://App.Local/", "http://app.local:80", "app.local:80");
    check("'http://[::1]:3000'", "http://[::1]:3000", "[::1]:3000");
    check("unix:/run/app.sock", "unix:/run/app.sock", "localhost");
    check("unix:///run/app.sock", "unix:///run/app.sock", "localhost");
    check("https://app.local\nupstream_tls: { insecure: true }", "https://app.local:443", "app.local:443");
}

// THREATS D09
#[test]
fn an_address_that_could_be_led_elsewhere_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let check = |text: &str, parts: &[&str]| {
        let problems = load_in(&folder, &format!("upstream: {text}"), &[]).expect_err(text);
        let shown = problems.render();
        assert_eq!(problems.error_count(), 1, "{text}: {shown}");
        assert!(shown.contains("earwitness.yaml:3:11"), "{shown}");
        parts.iter().for_each(|part| assert!(shown.contains(part), "{part}\n{shown}"));
    };
    check("127.0.0.1:3000", &["does not begin with `http://`, `https://` or `unix:/`"]);
    check("localhost", &["does not begin with `http://`"]);
    check("ftp://app", &["does not begin with `http://`"]);
    check("http:app", &["does not begin with `http://`"]);
    for scheme in ["http", "https"] {
        check(&format!("{scheme}://app/path"), &["has a path"]);
        check(&format!("{scheme}://app?x"), &["has a path"]);
        check(&format!("'{scheme}://app#x'"), &["has a path"]);
        check(&format!("{scheme}://me:pw@app"), &["holds a user name or password"]);
        check(&format!("{scheme}://"), &["is not a URL"]);
        check(&format!("{scheme}://app:99999"), &["upstream"]);
        check(&format!("{scheme}://app:0"), &["can be connected to"]);
        check(&format!("'{scheme}://app:'"), &["can be connected to"]);
        check(&format!("{scheme}://127.0.0.1:8080"), &["is Earwitness itself"]);
        check(&format!("{scheme}://localhost:8080"), &["is Earwitness itself"]);
    }
    check("'unix:'", &["names no whole path to a socket"]);
    check("unix:run/app.sock", &["names no whole path to a socket"]);
    check("unix:/run/app.sock?x", &["is not the path of a socket"]);
    check("unix:/run/", &["is not the path of a socket"]);
    check(&format!("unix:/{}", "x".repeat(107)), &["107 bytes"]);
}

/// A folder with an authority, a certificate with its key, another key, and files that are none of these.
fn files() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed(vec!["app.local".to_owned()]).unwrap();
    write("ca.pem", &cert.pem());
    write("own.pem", &cert.pem());
    write("own.key", &signing_key.serialize_pem());
    write("other.key", &generate_simple_self_signed(vec![]).unwrap().signing_key.serialize_pem());
    write("text.pem", "a s3cret note\n");
    write("broken.pem", "-----BEGIN CERTIFICATE-----\ns3cret!\n-----END CERTIFICATE-----\n");
    write("junk.pem", "-----BEGIN CERTIFICATE-----\nczNjcmV0\n-----END CERTIFICATE-----\n");
    folder
}

#[test]
fn what_stands_under_upstream_tls_is_read_at_the_start() {
    let folder = files();
    let check = |text: &str, name: &str, is_verified: bool| {
        let text = format!("upstream: https://app.local\nupstream_tls: {text}");
        let config = load_in(&folder, &text, &[]).map_err(|p| p.render()).unwrap();
        let Transport::Tls(_, tls) = &config.upstream.transport else { panic!("{text}") };
        assert_eq!((tls.server_name.to_str().as_ref(), tls.is_verified), (name, is_verified), "{text}");
        assert_eq!(config.upstream.is_unverified(), !is_verified);
        assert!(tls.client.alpn_protocols.is_empty());
    };
    check("{ ca: ca.pem }", "app.local", true);
    check("{ ca: ca.pem, server_name: other.local }", "other.local", true);
    check("{ ca: ca.pem, server_name: 10.0.0.1 }", "10.0.0.1", true);
    check("{ ca: ca.pem, certificate: own.pem, key: own.key, insecure: false }", "app.local", true);
    check("{ insecure: true, certificate: own.pem, key: own.key }", "app.local", false);
}

#[test]
fn files_that_changed_are_another_application_until_the_next_start() {
    let folder = files();
    let text = "upstream: https://app.local\nupstream_tls: { ca: ca.pem }";
    let load = || load_in(&folder, text, &[]).map_err(|problems| problems.render()).unwrap();
    let first = load();
    assert_eq!(first.upstream, load().upstream);
    let renewed = generate_simple_self_signed(vec!["app.local".to_owned()]).unwrap();
    fs::write(folder.path().join("ca.pem"), renewed.cert.pem()).unwrap();
    let (followed, changes) = first.followed_by(load());
    assert_eq!(changes.needs_restart, ["upstream"]);
    assert_eq!(followed.upstream, first.upstream);
}

#[test]
fn every_problem_with_a_file_is_told_at_once_and_shows_nothing_of_it() {
    let folder = files();
    let check = |text: &str, count: usize, parts: &[&str]| {
        let text = format!("upstream: https://app.local\nupstream_tls: {text}");
        let problems = load_in(&folder, &text, &[]).expect_err(&text);
        let shown = problems.render();
        assert_eq!(problems.error_count(), count, "{text}: {shown}");
        parts.iter().for_each(|part| assert!(shown.contains(part), "{part}\n{shown}"));
        assert!(!shown.contains("s3cret") && !shown.contains("PRIVATE KEY-----\n"), "{shown}");
    };
    check("{ ca: gone.pem }", 1, &["C06", "`upstream_tls.ca`", "gone.pem cannot be read"]);
    check("{ ca: text.pem }", 1, &["holds no certificate"]);
    check("{ ca: broken.pem }", 1, &["is broken"]);
    check("{ ca: junk.pem }", 1, &["holds no authority's certificate"]);
    check("{ ca: own.key }", 1, &["holds no certificate"]);
    check("{ ca: ca.pem, certificate: own.pem }", 1, &["`certificate` and `key` go together"]);
    check("{ ca: ca.pem, key: own.key }", 1, &["`certificate` and `key` go together"]);
    check("{ ca: ca.pem, certificate: own.pem, key: other.key }", 1, &["does not belong to the certificate"]);
    check("{ ca: ca.pem, certificate: own.pem, key: text.pem }", 1, &["holds no private key"]);
    check("{ ca: gone.pem, certificate: text.pem, key: gone.key }", 3, &["ca", "certificate", "key"]);
    check("{ ca: ca.pem, server_name: 'a b' }", 1, &["is no name that a certificate could be for"]);
    check("{ ca: ca.pem, insecure: true }", 1, &["trusts everybody"]);
    check("{ insecure: yes please }", 1, &["is neither `true` nor `false`"]);
    check("{ ca: \"-----BEGIN PRIVATE KEY-----\\ns3cret\" }", 1, &["holds PEM text itself"]);
    check("{ ca: 3 }", 1, &["is a number, not text"]);
    check("{ cert: own.pem }", 1, &["unknown key `cert` under `upstream_tls`"]);
}

#[test]
fn tls_settings_without_https_are_an_error_not_a_surprise() {
    let folder = files();
    for upstream in ["http://app.local", "unix:/run/app.sock"] {
        let text = format!("upstream: {upstream}\nupstream_tls: {{ ca: ca.pem }}");
        let shown = load_in(&folder, &text, &[]).unwrap_err().render();
        assert!(shown.contains("nothing would be encrypted"), "{shown}");
    }
    let text = "upstream: http://app.local\n";
    let shown = load_in(&folder, text, &[("EARWITNESS_UPSTREAM_TLS_INSECURE", "true")]).unwrap_err().render();
    assert!(shown.contains("EARWITNESS_UPSTREAM_TLS_INSECURE") && shown.contains("https://"), "{shown}");
}
