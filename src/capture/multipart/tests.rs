//! The splitter by data: honest bodies, and every trick of THREATS E23 that concerns boundaries.

use proptest::prelude::*;

use super::*;

fn split(content_type: &str, body: &str) -> (Vec<(String, String)>, Vec<&'static str>, Vec<&'static str>) {
    let found = parts(body.as_bytes(), content_type);
    let told = |part: &Part<'_>| {
        (
            part.header("content-id").unwrap_or_default().to_owned(),
            String::from_utf8_lossy(part.bytes).into_owned(),
        )
    };
    let parts = found.parts.iter().map(told).collect();
    (parts, found.doubts.into_iter().collect(), found.oddities.into_iter().collect())
}

const HONEST: &str =
    "--b\r\nContent-ID: 1\r\n\r\none\r\n--b\r\nContent-ID: 2\r\nX: y\r\n\r\ntwo\r\nlines\r\n\r\n--b--\r\n";

#[test]
fn an_honest_body_falls_into_its_parts_without_a_word() {
    let check = |content_type: &str, body: &str, expected: &[(&str, &str)]| {
        let (parts, doubts, oddities) = split(content_type, body);
        let parts: Vec<_> = parts.iter().map(|(id, text)| (id.as_str(), text.as_str())).collect();
        assert_eq!((parts.as_slice(), doubts, oddities), (expected, vec![], vec![]), "{content_type} {body}");
    };
    let two = [("1", "one"), ("2", "two\r\nlines\r\n")];
    check("multipart/mixed; boundary=b", HONEST, &two);
    check("multipart/mixed; charset=utf-8; Boundary=\"b\"", HONEST, &two);
    check("multipart/mixed; boundary=b; boundary=b", HONEST, &two);
    check("multipart/mixed; boundary=\"b:1 x\"", &HONEST.replace("--b", "--b:1 x"), &two);
    check("multipart/mixed; boundary=b", "\r\n--b  \r\n\r\n\r\n--b--", &[("", "")]);
    check("multipart/mixed; boundary=b", "--b--\r\n", &[]);
}

// THREATS E23
#[test]
fn every_deviation_is_told_and_an_ambiguous_boundary_is_doubt() {
    let check = |content_type: &str, body: &str, count: usize, doubts: &[&str], oddities: &[&str]| {
        let found = split(content_type, body);
        assert_eq!((found.0.len(), &*found.1, &*found.2), (count, doubts, oddities), "{content_type} {body}");
    };
    let plain = "multipart/form-data; boundary=b";
    check("multipart/form-data; boundary=a; boundary=b", HONEST, 2, &["two boundaries"], &[]);
    check("multipart/form-data; boundary=b; boundary=a", HONEST, 2, &["two boundaries"], &[]);
    check("multipart/form-data; boundary=\"b", HONEST, 2, &["a boundary that is quoted wrongly"], &[]);
    check("multipart/form-data; boundary=\"b\"x", HONEST, 2, &["a boundary that is quoted wrongly"], &[]);
    check("multipart/form-data; boundary=b; boundary*0=a", HONEST, 2, &["a boundary in pieces"], &[]);
    check("multipart/form-data; boundary=\"\"", HONEST, 2, &["no boundary in the content type"], &[]);
    check("multipart/form-data", HONEST, 2, &["no boundary in the content type"], &[]);
    check("multipart/form-data", "a=b", 0, &["no boundary", "no boundary in the content type"], &[]);
    check("multipart/form-data; boundary=x", HONEST, 0, &["the boundary does not occur"], &[]);
    check(plain, &HONEST.replace('\r', ""), 2, &[], &[BARE_LINE_ENDS]);
    check(plain, &HONEST.replacen('\r', "", 1), 2, &["boundaries with different line ends"], &[]);
    check(plain, &HONEST.replace("one\r\n", "one\n"), 2, &["boundaries with different line ends"], &[]);
    check(plain, &HONEST.replace("one\r\n", "one\r"), 1, &["a boundary behind half a line end"], &[]);
    let mixed = "a part with different line ends in its header";
    check(plain, &HONEST.replace("1\r\n\r\n", "1\r\n\n"), 2, &[mixed], &[]);
    check(plain, &HONEST.replace("X: y\r", "X: y"), 2, &[mixed], &[]);
    check(plain, &HONEST.replace("X:", ";X:"), 2, &["a part with a name that no header can have"], &[]);
    check(plain, &HONEST.replacen("--b\r", "--b\r\r", 1), 2, &["a boundary with half a line end"], &[]);
    check(plain, &format!("hello\r\n{HONEST}"), 2, &[], &["text before the first boundary"]);
    check(plain, &format!("{HONEST}hello"), 2, &[], &["text behind the last boundary"]);
    check(plain, &format!("{HONEST}--b\r\n\r\nthree\r\n--b--"), 2, &["parts behind the last boundary"], &[]);
    check(plain, &HONEST.replace("--b--", ""), 2, &["no boundary at the end"], &[]);
    check(plain, &HONEST.replace("one", "one\r\n--bc"), 2, &["a line that only starts like a boundary"], &[]);
    let within = HONEST.replace("one", "one--b\r\nX: y\r\n\r\nthree");
    check(plain, "--b\r\n\r\na --b\r\n--b--", 1, &["a boundary within a line"], &[]);
    check(plain, &within, 2, &["a boundary within a line"], &[]);
    check(plain, &HONEST.replace("--b--", "--b--x"), 2, &["a line that only starts like a boundary"], &[]);
    check(plain, &HONEST.replace("X: y", " more"), 2, &["a part with a folded header"], &[]);
    check(plain, &HONEST.replace("X: y", "more"), 2, &["a part with a line that is no header"], &[]);
    check(plain, &HONEST.replace("X: y", "X : y"), 2, &["a part with a blank in a header's name"], &[]);
    check(plain, &HONEST.replace("X: y", "X: \u{0}"), 2, &["a part with an unreadable header"], &[]);
    check(plain, "--b\r\nX: y\r\n--b--", 1, &["a part without an end of its header"], &[]);
    let huge = format!("--b\r\n{}\r\n--b--", "X: y\r\n".repeat(1_000));
    check(plain, &huge, 1, &["a part with a huge header"], &[]);
    let many = parts_of_many();
    assert!(parts(many.as_bytes(), plain).is_cut);
}

fn parts_of_many() -> String {
    "--b\r\n\r\n\r\n".repeat(PARTS_MAX + 5) + "--b--"
}

proptest! {
    #[test]
    fn any_bytes_split_into_pieces_of_themselves(
        pieces in proptest::collection::vec("(--b|--b--|\r\n|\n|\r|Content-ID: 1|[a-z:; ]{0,4}|\\PC{0,3})", 0..40),
        content_type in "multipart/mixed(; ?boundary(=|=\"|\\*=)[a-b\"\\\\;]{0,3}){0,2}",
    ) {
        let body = pieces.concat();
        let found = parts(body.as_bytes(), &content_type);
        let size: usize = found.parts.iter().map(|part| part.bytes.len()).sum();
        prop_assert!(size <= body.len() && found.parts.len() <= PARTS_MAX);
    }
}
