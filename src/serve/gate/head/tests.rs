//! Heads as raw bytes, and what becomes of them.

use super::*;

fn check(head: &[u8], expected: Result<Framing, Refusal>) {
    assert_eq!(examine(head, 16, &mut Found::default()), expected, "{}", head.escape_ascii());
}

#[test]
fn clean_heads_pass_with_their_framing() {
    let none = Ok(Framing::Length(0));
    check(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", none);
    check(b"\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", none);
    check(b"GET / HTTP/1.0\r\n\r\n", none);
    check(b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", none);
    check(b"post /x HTTP/1.1\r\nHost: a\r\n\r\n", none);
    check(b"PROPFIND /x HTTP/1.1\r\nHost:\ta:5232 \r\nContent-Length: 12\r\n\r\n", Ok(Framing::Length(12)));
    check(b"POST /x HTTP/1.1\r\nHost: a\r\ntransfer-encoding:  Chunked\r\n\r\n", Ok(Framing::Chunked));
    check(b"GET /\xc3\xa4 HTTP/1.1\r\nHost: a\r\nX: \xff\ty\r\n\r\n", none);
    check(b"GET / HTTP/1.1\r\nHost: a\r\nEmpty:\r\n\r\n", none);
}

#[test]
fn an_upgrade_leaves_open_what_follows() {
    check(b"GET / HTTP/1.1\r\nHost: a\r\nupgrade: x\r\n\r\n", Ok(Framing::Upgrade));
    check(b"GET / HTTP/1.1\r\nHost: a\r\nUpgrade:\r\nContent-Length: 0\r\n\r\n", Ok(Framing::Upgrade));
    check(b"GET / HTTP/1.0\r\nHost: a\r\nUpgrade: x\r\n\r\n", Ok(Framing::Length(0)));
    check(b"POST / HTTP/1.1\r\nHost: a\r\nUpgrade: x\r\nContent-Length: 1\r\n\r\n", Ok(Framing::Length(1)));
    let chunked = b"POST / HTTP/1.1\r\nHost: a\r\nUpgrade: x\r\nTransfer-Encoding: chunked\r\n\r\n";
    check(chunked, Ok(Framing::Chunked));
}

// THREATS E06
#[test]
fn a_hash_in_the_target_is_refused() {
    for target in ["/public#/../v2/bookings/1/cancel", "#", "/#", "/a?b#c", "http://a/#x"] {
        let head = format!("POST {target} HTTP/1.1\r\nHost: a\r\n\r\n");
        check(head.as_bytes(), Err(Refusal::HashInTarget));
    }
}

#[test]
fn a_target_that_our_own_parser_would_not_take_is_refused() {
    for target in ["/a<b", "/a>b", "/a`b", "/a?<", "/a?>", "/a?\""] {
        let head = format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n");
        check(head.as_bytes(), Err(Refusal::BadTarget));
    }
    check(b"GET /\xff HTTP/1.1\r\nHost: a\r\n\r\n", Err(Refusal::BadTarget));
    check(b"GET /\"{}|\\^[]?`{}|^ HTTP/1.1\r\nHost: a\r\n\r\n", Ok(Framing::Length(0)));
}

// THREATS E09
#[test]
fn a_target_and_a_host_that_disagree_are_refused() {
    let cases: &[(&str, &str, Result<Framing, Refusal>)] = &[
        ("http://a/x", "a", Ok(Framing::Length(0))),
        ("HTTP://A:80/x", "a", Ok(Framing::Length(0))),
        ("http://a.", "a", Ok(Framing::Length(0))),
        ("https://a?x", "A:443", Ok(Framing::Length(0))),
        ("http://a./x", "a:80", Ok(Framing::Length(0))),
        ("http://b/x", "a", Err(Refusal::HostDisagrees)),
        ("http://a:8080/x", "a", Err(Refusal::HostDisagrees)),
        ("http://u@a/x", "a", Err(Refusal::UserInformation)),
        ("http://a@b/x", "b", Err(Refusal::UserInformation)),
        ("http://u:p@a/x", "a", Err(Refusal::UserInformation)),
        ("http:///x", "a", Err(Refusal::HostInvalid)),
        ("http://a%41/x", "a%41", Err(Refusal::HostInvalid)),
        ("http://a\\b/x", "a", Err(Refusal::HostInvalid)),
        ("ftp://a/x", "a", Err(Refusal::BadRequestLine)),
        ("a/x", "a", Err(Refusal::BadRequestLine)),
        ("*", "a", Err(Refusal::BadRequestLine)),
        ("", "a", Err(Refusal::BadRequestLine)),
        ("/", "a b", Err(Refusal::HostInvalid)),
        ("/", "a,b", Err(Refusal::HostInvalid)),
        ("/", "a/b", Err(Refusal::HostInvalid)),
        ("/", "u@a", Err(Refusal::HostInvalid)),
        ("/", "a:b", Err(Refusal::HostInvalid)),
        ("/", "a:80:81", Err(Refusal::HostInvalid)),
        ("/", "a[b]", Err(Refusal::HostInvalid)),
        ("/", "[::1]:80", Ok(Framing::Length(0))),
        ("/", "[::1", Err(Refusal::HostInvalid)),
        ("/", "[::1]x", Err(Refusal::HostInvalid)),
        ("/", "a:", Ok(Framing::Length(0))),
        ("/", "", Ok(Framing::Length(0))),
        ("/", "a\\b", Err(Refusal::HostInvalid)),
    ];
    for (target, host, expected) in cases {
        check(format!("GET {target} HTTP/1.1\r\nHost: {host}\r\n\r\n").as_bytes(), *expected);
    }
    check(b"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", Err(Refusal::HostDoubled));
    check(b"GET / HTTP/1.1\r\nHost: a\r\nhOST: b\r\n\r\n", Err(Refusal::HostDoubled));
    check(b"GET / HTTP/1.1\r\n\r\n", Err(Refusal::HostMissing));
}

// THREATS E30
#[test]
fn doubt_about_where_a_message_ends_is_refused() {
    let cases: &[(&str, Refusal)] = &[
        ("Transfer-Encoding: chunked\r\nContent-Length: 3", Refusal::LengthAndCoding),
        ("Content-Length: 3\r\nTransfer-Encoding: chunked", Refusal::LengthAndCoding),
        ("Transfer-Encoding: gzip, chunked", Refusal::BadCoding),
        ("Transfer-Encoding: chunked, chunked", Refusal::BadCoding),
        ("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", Refusal::BadCoding),
        ("Transfer-Encoding: identity", Refusal::BadCoding),
        ("Transfer-Encoding: xchunked", Refusal::BadCoding),
        ("Transfer-Encoding:", Refusal::BadCoding),
        ("Transfer-Encoding : chunked", Refusal::BadHeaderLine),
        ("Transfer-Encoding\t: chunked", Refusal::BadHeaderLine),
        ("Content-Length: 3\r\nContent-Length: 3", Refusal::BadLength),
        ("Content-Length: 3\r\nContent-Length: 4", Refusal::BadLength),
        ("Content-Length: 3, 3", Refusal::BadLength),
        ("Content-Length: +3", Refusal::BadLength),
        ("Content-Length: -3", Refusal::BadLength),
        ("Content-Length: 0x3", Refusal::BadLength),
        ("Content-Length: 3 3", Refusal::BadLength),
        ("Content-Length:", Refusal::BadLength),
        ("Content-Length: 99999999999999999999", Refusal::BadLength),
        ("Content-Length : 3", Refusal::BadHeaderLine),
        ("Content_Length: 3", Refusal::BadLength),
        ("Transfer_Encoding: chunked", Refusal::BadCoding),
        ("X: a\r\n Content-Length: 3", Refusal::FoldedHeader),
        ("X: a\r\n\tb", Refusal::FoldedHeader),
        ("X: a\rContent-Length: 3", Refusal::BareLineEnd),
        ("X: a\nContent-Length: 3", Refusal::BareLineEnd),
        ("X: a\0b", Refusal::ControlByte),
        ("X: a\x7fb", Refusal::ControlByte),
        ("X: a\x0bb", Refusal::ControlByte),
        ("X", Refusal::BadHeaderLine),
        (": x", Refusal::BadHeaderLine),
        ("X(y): z", Refusal::BadHeaderLine),
        ("Authorization: a\r\nAuthorization: b", Refusal::AuthorizationDoubled),
    ];
    for (lines, refusal) in cases {
        let head = format!("POST / HTTP/1.1\r\nHost: a\r\n{lines}\r\n\r\n");
        check(head.as_bytes(), Err(*refusal));
    }
    check(b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", Err(Refusal::BadCoding));
}

#[test]
fn a_request_line_that_is_not_one_is_refused() {
    let cases: &[(&[u8], Refusal)] = &[
        (b"GET  / HTTP/1.1", Refusal::BadRequestLine),
        (b"GET /a b HTTP/1.1", Refusal::BadRequestLine),
        (b" GET / HTTP/1.1", Refusal::BadRequestLine),
        (b"GET /", Refusal::BadRequestLine),
        (b"GET / HTTP/1.1 ", Refusal::BadRequestLine),
        (b"GET / http/1.1", Refusal::BadRequestLine),
        (b"G@T / HTTP/1.1", Refusal::BadRequestLine),
        (b"GET\t/ HTTP/1.1", Refusal::ControlByte),
        (b"GET / HTTP/2.0", Refusal::Version),
        (b"GET / HTTP/1.2", Refusal::Version),
        (b"PRI * HTTP/2.0", Refusal::Version),
        (b"GET /\0 HTTP/1.1", Refusal::ControlByte),
        (b"GET /\x01 HTTP/1.1", Refusal::ControlByte),
        (b"CONNECT a:443 HTTP/1.1", Refusal::Method),
        (b"TRACE / HTTP/1.1", Refusal::Method),
        (b"trace / HTTP/1.1", Refusal::Method),
        (b"head / HTTP/1.1", Refusal::HeadInOtherCase),
        (b"\r\n\r\nGET / HTTP/1.1", Refusal::BadRequestLine),
    ];
    for (line, refusal) in cases {
        let head = [line, &b"\r\nHost: a\r\n\r\n"[..]].concat();
        check(&head, Err(*refusal));
    }
    check(b"GET / HTTP/1.1\nHost: a\n\n", Err(Refusal::BareLineEnd));
}

#[test]
fn more_header_lines_than_the_limit_are_refused() {
    let head = format!("GET / HTTP/1.1\r\nHost: a\r\n{}\r\n", "X: y\r\n".repeat(15));
    check(head.as_bytes(), Ok(Framing::Length(0)));
    let head = format!("GET / HTTP/1.1\r\nHost: a\r\n{}\r\n", "X: y\r\n".repeat(16));
    check(head.as_bytes(), Err(Refusal::TooManyHeaders));
}

#[test]
fn a_first_line_is_judged_once_it_is_there() {
    let line = b"\r\nGET / HTTP/1.1\r\n";
    for end in 0..=line.len() {
        assert_eq!(examine_start(&line[..end]), Ok(()), "{}", line[..end].escape_ascii());
    }
    assert_eq!(examine_start(b"GET /\r\n"), Err(Refusal::BadRequestLine));
    assert_eq!(examine_start(b"GET / HTTP/1.1\n"), Err(Refusal::BareLineEnd));
}

#[test]
fn the_end_of_a_head_is_found_from_wherever_the_search_goes_on() {
    let head = b"\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\nbody\r\n\r\n";
    let end = head.len() - 8;
    for from in 0..end - 2 {
        assert_eq!(lines::end_of(head, from.min(end - 4)), Some(end), "from {from}");
        assert_eq!(lines::end_of(&head[..from], 0), None, "cut at {from}");
    }
    assert_eq!(lines::end_of(b"GET /\n\nx", 0), Some(7));
    assert_eq!(lines::end_of(b"\r\n\r\n", 0), None);
    assert_eq!(lines::end_of(b"", 0), None);
}
