//! `tls`: its keys, and what is wrong with the files they name, all at once.

use rcgen::{CertifiedKey, KeyPair};

use super::*;

/// A folder with `c.pem`, `k.pem` that fits it and `other.pem` that does not.
fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let CertifiedKey { cert, signing_key } =
        rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let write = |name: &str, text: String| std::fs::write(folder.path().join(name), text).unwrap();
    write("c.pem", cert.pem());
    write("k.pem", signing_key.serialize_pem());
    write("other.pem", KeyPair::generate().unwrap().serialize_pem());
    write("none.pem", "nothing\n".to_owned());
    write("broken.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n".to_owned());
    write("junk.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n".to_owned());
    folder
}

#[test]
fn tls_takes_files_and_the_least_version_from_file_and_environment() {
    let folder = folder();
    let file = |name: &str| folder.path().join(name);
    let load = |more: &str, env: &[(&str, &str)]| {
        load_in(&folder, &base(more), env).map_err(|problems| problems.render()).unwrap().tls
    };
    assert_eq!(load("", &[]), None);
    let least = Tls {
        certificate: file("c.pem"),
        key: file("k.pem"),
        min_version: TlsVersion::Tls12,
        clients: ClientCertificates::Unasked,
    };
    assert_eq!(load("tls: { certificate: c.pem, key: k.pem }\n", &[]), Some(least.clone()));
    let all = Tls {
        min_version: TlsVersion::Tls13,
        clients: ClientCertificates::Optional(file("c.pem")),
        ..least.clone()
    };
    let text = "tls: { certificate: c.pem, key: k.pem, min_version: 1.3, client_ca: c.pem, \
                client_certificates: optional }\n";
    assert_eq!(load(text, &[]), Some(all.clone()));
    let required = Tls { clients: ClientCertificates::Required(file("c.pem")), ..least };
    assert_eq!(load("tls: { certificate: c.pem, key: k.pem, client_ca: c.pem }\n", &[]), Some(required));
    let path = |name: &str| file(name).display().to_string();
    let env = [
        ("EARWITNESS_TLS_CERTIFICATE", &*path("c.pem")),
        ("EARWITNESS_TLS_KEY", &*path("k.pem")),
        ("EARWITNESS_TLS_MIN_VERSION", "1.3"),
        ("EARWITNESS_TLS_CLIENT_CA", &*path("c.pem")),
        ("EARWITNESS_TLS_CLIENT_CERTIFICATES", "optional"),
    ];
    assert_eq!(load("", &env), Some(all));
}

#[test]
fn what_is_wrong_with_tls_is_told_at_its_place_with_a_cure() {
    let folder = folder();
    let check = |tls: &str, expected: &[&str]| {
        let problems = load_in(&folder, &base(&format!("tls: {tls}\n")), &[]).expect_err(tls);
        let told = problems.render();
        assert_eq!(problems.error_count(), expected.len(), "{tls}\n{told}");
        for text in expected {
            assert!(told.contains(text), "{text}\n{told}");
        }
    };
    check("", &["`tls.certificate` is missing", "`tls.key` is missing"]);
    check("{ key: k.pem }", &["`tls.certificate` is missing"]);
    check("{ certificate: c.pem, key: k.pem, min_version: 1.1 }", &["`tls.min_version` is neither"]);
    check("{ certificate: c.pem, key: k.pem, min_version: [] }", &["`tls.min_version` is neither"]);
    check("{ certificate: c.pem, key: k.pem, cyphers: x }", &["unknown key `cyphers` under `tls`"]);
    check("{ certificate: c.pem, key: other.pem }", &["does not belong to the certificate"]);
    check("{ certificate: junk.pem, key: k.pem }", &["`tls.certificate`: cannot be used"]);
    check(
        "{ certificate: c.pem, key: k.pem, client_certificates: optional }",
        &["`tls.client_ca` is missing"],
    );
    check(
        "{ certificate: c.pem, key: k.pem, client_ca: c.pem, client_certificates: perhaps }",
        &["`tls.client_certificates` is neither"],
    );
    check("{ certificate: c.pem, key: k.pem, client_ca: junk.pem }", &["holds no authority's certificate"]);
    check(
        "{ certificate: nowhere, key: none.pem, client_ca: broken.pem }",
        &["nowhere cannot be read", "none.pem holds no private key", "broken.pem is broken"],
    );
    check("{ certificate: none.pem, key: k.pem }", &["none.pem holds no certificate in PEM"]);
}

#[test]
fn the_text_of_a_key_in_the_place_of_its_file_is_not_shown() {
    let key = "-----BEGIN PRIVATE KEY----- s3cret -----END PRIVATE KEY-----";
    let folder = folder();
    let in_file = format!("tls: {{ certificate: c.pem, key: \"{key}\" }}\n");
    let certificate = folder.path().join("c.pem").display().to_string();
    let env = [("EARWITNESS_TLS_CERTIFICATE", certificate.as_str()), ("EARWITNESS_TLS_KEY", key)];
    for (more, env) in [(in_file.as_str(), &env[..0]), ("", &env)] {
        let told = load_in(&folder, &base(more), env).expect_err(more).render();
        assert!(told.contains("holds PEM text itself") && !told.contains("s3cret"), "{told}");
    }
}
