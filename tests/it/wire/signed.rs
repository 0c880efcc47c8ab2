//! Requests that are signed, as cloud services and RFC 9421 have it: over the line, some headers and the body. Who verifies
//! computes all of it from what has arrived, so one byte that was changed on the way is seen (THREATS D13).

use ring::{digest, hmac};

use super::script::{self, Script};
use crate::rig::{App, Rig, value_of};

const COVERED: [&str; 5] = ["host", "content-type", "x-amz-date", "x-amz-meta-note", "content-digest"];

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What is signed of a message, as its text came: line and headers as they are, and the body by its digest.
fn signature(head: &str, body: &str) -> String {
    let line = head.lines().next().unwrap_or_default();
    let headers = COVERED.map(|name| format!("{name}:{}", value_of(head, name).unwrap_or("none")));
    let digest = hex(digest::digest(&digest::SHA256, body.as_bytes()).as_ref());
    let text = format!("{line}\n{}\n{digest}", headers.join("\n"));
    let key = hmac::Key::new(hmac::HMAC_SHA256, b"a secret of client and application");
    hex(hmac::sign(&key, text.as_bytes()).as_ref())
}

/// An application that answers 200 to what is signed properly, and 403 to anything else.
fn verifying() -> App {
    App::scripted(|wire| {
        while let Some(request) = wire.next_request() {
            let (head, body) = request.split_once("\r\n\r\n").unwrap();
            let is_good =
                value_of(head, "authorization") == Some(&*format!("HMAC {}", signature(head, body)));
            let status = if is_good { "200 OK" } else { "403 Forbidden" };
            if !wire.try_send(format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n")) {
                return;
            }
        }
    })
}

// THREATS D13
#[test]
fn a_signature_over_line_headers_and_body_is_good_at_the_application() {
    let app = verifying();
    let (audited, _) = script::rig(&app, Script { concerns: "/", ..Script::default() });
    let passing = Rig::before(app.address);
    let check = |line: &str, headers: &str, body: &str, sent_body: &str, expected: &str| {
        let head = format!(
            "{line}\r\nHost: Office.example:8443\r\nX-Amz-Date: 20261123T060000Z\r\n{headers}Content-Length: {}",
            body.len()
        );
        let signed = format!("{head}\r\nAuthorization: HMAC {}\r\n\r\n{sent_body}", signature(&head, body));
        for rig in [&passing, &audited] {
            let answer = rig.exchange(&signed);
            assert!(answer.starts_with(&format!("HTTP/1.1 {expected}")), "{signed}\n{answer}");
        }
    };
    let json = "{\"a\" :  1, \"a\": \"\\u0041\"}\r\n";
    for target in ["/", "/a%2fb/./c//d;x=1?b=2&a=%20+&&c", "/A/../b/?", "/x?q=%C3%A4&q=%c3%a4", "*"] {
        let method = if target == "*" { "OPTIONS" } else { "POST" };
        let headers =
            "content-TYPE: application/json;  charset=UTF-8\r\nx-amz-meta-note: two  blanks,and\tmore\r\n";
        check(&format!("{method} {target} HTTP/1.1"), headers, json, json, "200");
    }
    check("PUT /x HTTP/1.1", "Content-Digest: sha-256=:abc=:\r\n", json, json, "200");
    check("DELETE /x HTTP/1.1", "", "", "", "200");
    // Whoever changes one byte is found out.
    check("POST /x HTTP/1.1", "", "abc", "abd", "403");
}
