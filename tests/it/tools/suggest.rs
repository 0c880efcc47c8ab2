//! `earwitness suggest`: what it prints is a pack that `check` takes and `test` passes.

use std::fs;

use super::trials::run;

const DESCRIPTION: &str = r#"{"servers": [{"url": "https://api.example.org/v2"}], "paths": {
  "/bookings/{booking-uid}": {"get": {}, "delete": {"operationId": "drop"}},
  "/bookings/{booking-uid}/cancel": {"post": {"operationId": "cancel"}},
  "/files/{a}.{b}": {"put": {}}, "/odd;x": {"post": {"operationId": "odd"}}
}}"#;

#[test]
fn what_is_suggested_is_sound_and_its_tests_pass() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("api.json"), DESCRIPTION).unwrap();
    let described = |operation: &'static str| vec!["--openapi", "api.json", "--operation", operation];
    let check = |arguments: Vec<&str>, parts: &[&str]| {
        let (code, out, err) = run(folder.path(), &[&["suggest"], &arguments[..]].concat());
        assert_eq!(code, Some(0), "{err}");
        for part in parts {
            assert!(out.contains(part), "{part} is not in\n{out}");
        }
        fs::write(folder.path().join("own.yaml"), &out).unwrap();
        for command in ["check", "test"] {
            let (code, told, err) = run(folder.path(), &[command, "own.yaml"]);
            assert_eq!(code, Some(0), "{told}{err}\n{out}");
        }
    };
    check(
        described("cancel"),
        &[
            "match: \"POST /v2/bookings/{booking_uid}/cancel\"",
            "before: booking",
            "action: BOOKING_CANCEL",
            "id: booking.cancel",
        ],
    );
    check(described("drop"), &["GET /v2/bookings/{booking_uid}", "BOOKING_DELETED"]);
    check(described("PUT /files/{a}.{b}"), &["action: FILE_UPDATED"]);
    check(
        vec!["--from-blindspot", "POST /api/bookings/{id}/{id2}.ics"],
        &["target: { type: booking, id: $.path.id2 }"],
    );
    check(vec!["--from-blindspot", "POST /"], &["id: $.response.body.id"]);
    for (arguments, message) in [
        (described("none"), "has no operation `none`"),
        (described("odd"), "cannot be written"),
        (vec!["--from-blindspot", "FROB /x"], "unknown method `FROB`"),
        (vec!["--from-blindspot", "3"], "is no request"),
    ] {
        let (code, _, err) = run(folder.path(), &[&["suggest"], &arguments[..]].concat());
        assert_eq!(code, Some(1));
        assert!(err.contains(message), "{err}");
    }
}
