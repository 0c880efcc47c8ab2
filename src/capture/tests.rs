//! Every format and coding by data, every trick of THREATS E17 to E22 and D04, and arbitrary bytes.

mod any;

use std::io::Write;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue};

use super::*;
use crate::value::{Value, json};

pub(super) fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
    let mut map = HeaderMap::new();
    for (name, value) in pairs {
        map.append(*name, HeaderValue::from_str(value).unwrap());
    }
    map
}

pub(super) fn whole(bytes: impl Into<Vec<u8>>) -> Capture {
    let bytes = Bytes::from(bytes.into());
    Capture { seen_bytes: bytes.len() as u64, bytes, state: CaptureState::Complete, ..Capture::default() }
}

fn read_as(content_type: &str, bytes: impl Into<Vec<u8>>) -> Document {
    decode(&whole(bytes), &headers(&[("content-type", content_type)]), None, 8 << 20)
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zlib(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn raw_deflate(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn a_content_type_decides_the_format() {
    // THREATS E20
    let check = |content_type: &str, body: &str, format: &str, value: Option<Value>| {
        let document = read_as(content_type, body);
        assert_eq!((document.format, document.value), (format, value), "{content_type} {body}");
    };
    check("application/json", r#"{"a":1}"#, "json", Some(json!({"a": 1})));
    check("application/problem+json; charset=utf-8", r#"{"a":1}"#, "json", Some(json!({"a": 1})));
    check("application/x-www-form-urlencoded", "a=1&b=x+y%21", "form", Some(json!({"a": "1", "b": "x y!"})));
    check("text/html", "<p>no</p>", "html", Some(json!("<p>no</p>")));
    check("text/csv", "a,b", "text", Some(json!("a,b")));
    check("text/plain", r#" {"a":1}"#, "json", Some(json!({"a": 1})));
    check("application/octet-stream", "a=1&b=2", "form", Some(json!({"a": "1", "b": "2"})));
    check("text/plain", "[hm] a word", "text", Some(json!("[hm] a word")));
    check("application/json", "a=1&b=2", "form", Some(json!({"a": "1", "b": "2"})));
    check("application/x-www-form-urlencoded", r#"{"a":1}"#, "json", Some(json!({"a": 1})));
    check("application/json", "no", "json", None);
    check("application/xml", "<a/>", "xml", Some(json!({"a": ""})));
    check("image/png", "\u{1}", "binary", None);
}

/// A body of each kind.
const BODIES: [(&str, &str); 6] = [
    ("json", r#"{"a":"1"}"#),
    ("form", "a=1&b=2"),
    ("xml", "<?xml version=\"1.0\"?><a>1</a>"),
    ("multipart", "--b\r\nContent-Disposition: form-data; name=a\r\n\r\n1\r\n--b--\r\n"),
    ("icalendar", "BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nUID:a\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"),
    ("text", "just words"),
];

// THREATS E20
#[test]
fn every_type_with_every_body_is_read_as_what_it_is_and_a_wrong_label_is_doubt() {
    // `?` is a doubt about the whole body.
    let check = |content_type: &str, expected: [&str; 6]| {
        let cell = |(_, body): (&str, &str)| {
            let document = read_as(content_type, body);
            let is_doubtful = document.doubts.iter().any(|doubt| doubt.path.is_empty());
            assert_eq!(is_doubtful, !document.notes.is_empty(), "{content_type} {body}: {document:?}");
            format!("{}{}", document.format, if is_doubtful { "?" } else { "" })
        };
        assert_eq!(BODIES.map(cell), expected, "{content_type}");
    };
    check("", ["json", "form", "xml", "multipart?", "icalendar", "text"]);
    check("text/plain", ["json", "form", "xml", "multipart?", "icalendar", "text"]);
    check("application/json", ["json", "form?", "xml?", "multipart?", "icalendar?", "json?"]);
    check("application/x+json", ["json", "form?", "xml?", "multipart?", "icalendar?", "json?"]);
    check("application/x-www-form-urlencoded", ["json?", "form", "xml?", "multipart?", "icalendar?", "form"]);
    check("application/xml", ["json?", "form?", "xml", "multipart?", "icalendar?", "xml?"]);
    check(
        "multipart/form-data; boundary=b",
        ["json?", "form?", "xml?", "multipart", "icalendar?", "multipart?"],
    );
    check("text/calendar", ["json?", "form?", "xml?", "multipart?", "icalendar", "icalendar?"]);
    check("text/html", ["json?", "form?", "html", "multipart?", "icalendar?", "html"]);
    check("image/png", ["json?", "form?", "xml?", "multipart?", "icalendar?", "binary?"]);
    check("application/x-ndjson", ["jsonl", "form?", "xml?", "multipart?", "icalendar?", "jsonl?"]);
}

#[test]
fn wrapped_json_is_unwrapped_only_where_a_pack_says_so() {
    let body = r#"{"json":{"a":1,"b":null},"meta":{"values":{"b":["undefined"]}}}"#;
    let check = |content_type: &str, forced: Option<Format>, format: &str, value: Option<Value>| {
        let forced = forced.map(|format| Forced { format, lists: &[] });
        let document = decode(&whole(body), &headers(&[("content-type", content_type)]), forced, 1 << 20);
        assert_eq!((document.format, document.value), (format, value), "{content_type} {forced:?}");
    };
    let as_it_is = serde_json::from_str(body).ok();
    check("application/json", None, "json", as_it_is.clone());
    check("application/json", Some(Format::SuperJson), "superjson", Some(json!({"a": 1})));
    check("text/plain", Some(Format::SuperJson), "superjson", Some(json!({"a": 1})));
    check("application/json", Some(Format::ICalendar), "json", as_it_is);
}

#[test]
fn what_could_be_read_in_two_ways_is_in_doubt() {
    let check = |content_type: &str, body: &[u8], code: NoteCode| {
        let document = read_as(content_type, body);
        assert!(document.doubts.iter().any(|doubt| doubt.code == code), "{content_type}: {document:?}");
        assert!(document.notes.iter().any(|note| note.code == code), "{content_type}: {document:?}");
    };
    check("application/x-www-form-urlencoded", br#"{"a":1}"#, NoteCode::BodyAmbiguous);
    check("application/json", b"a=1", NoteCode::BodyAmbiguous);
    check("application/json; charset=utf-7", b"{}", NoteCode::BodyAmbiguous);
    check("application/json; charset=utf-16", b"{}", NoteCode::BodyAmbiguous);
    check("application/json; charset=utf-8; charset=utf-7", b"{}", NoteCode::BodyAmbiguous);
    check("application/json; charset=utf-8", b"\xFF\xFE{\0}\0", NoteCode::BodyAmbiguous);
    check("application/json; charset=utf-32", b"\0\0\0[\0\0\0]\0", NoteCode::BodyAmbiguous);
    check("application/json", b"{\"a\":\"\xFF\"}", NoteCode::BodyAmbiguous);
    check("application/json", br#"{"a":1} trailing"#, NoteCode::BodyAmbiguous);
    check("application/json", br#"{"a":"#, NoteCode::BodyUnparsed);
    check("application/json", br#"{"a":1,"a":2}"#, NoteCode::DuplicateKey);
    check("application/x-www-form-urlencoded", b"a=1&a=2", NoteCode::DuplicateKey);
    let twice = headers(&[("content-type", "application/json"), ("content-type", "text/plain")]);
    let document = decode(&whole("{}"), &twice, None, 1000);
    assert_eq!(document.doubts[0].code, NoteCode::DuplicateHeader);
}

#[test]
fn a_body_is_read_in_the_encoding_it_has() {
    // THREATS E21
    let text = r#"{"name":"Zoë"}"#;
    let units: Vec<u16> = text.encode_utf16().collect();
    let big: Vec<u8> = units.iter().flat_map(|unit| unit.to_be_bytes()).collect();
    let little: Vec<u8> = units.iter().flat_map(|unit| unit.to_le_bytes()).collect();
    let marked = [&[0xFF, 0xFE][..], &little].concat();
    let latin: Vec<u8> = text.chars().map(|c| c as u8).collect();
    let check = |content_type: &str, bytes: Vec<u8>| {
        let document = read_as(content_type, bytes);
        assert_eq!(document.value, Some(json!({"name": "Zoë"})), "{content_type}");
        assert_eq!(document.doubts, [], "{content_type}");
    };
    check("application/json", text.as_bytes().to_vec());
    check("application/json", [b"\xEF\xBB\xBF", text.as_bytes()].concat());
    check("application/json", big.clone());
    check("application/json", little.clone());
    check("application/json; charset=UTF-16", big);
    check("application/json; charset=utf-16", little);
    let document = read_as("image/png", marked.clone());
    assert_eq!((document.value, document.doubts.len()), (Some(json!({"name": "Zoë"})), 1));
    check("application/json; charset=utf-16", marked);
    check("application/json; charset=\"iso-8859-1\"", latin);
    let big: Vec<u8> = text.chars().flat_map(|c| u32::from(c).to_be_bytes()).collect();
    let little: Vec<u8> = text.chars().flat_map(|c| u32::from(c).to_le_bytes()).collect();
    check("application/json", big.clone());
    check("application/json", little.clone());
    check("application/json; charset=utf-32", [&[0xFF, 0xFE, 0, 0][..], &little].concat());
    check("application/json; charset=utf-32", big);
    check("application/json; charset=utf-8; charset=\"UTF-8\"", text.as_bytes().to_vec());
}

#[test]
fn equal_names_are_both_told_also_when_one_is_escaped() {
    // THREATS E17
    let document = read_as("application/json", r#"{"a":{"start":1,"st\u0061rt":"2"}}"#);
    assert_eq!(document.value, Some(json!({"a": {"start": "2"}})));
    assert_eq!(document.doubts[0].path, ["a", "start"]);
    assert_eq!(document.doubts[0].values, [json!(1), json!("2")]);
}

#[test]
fn tricks_that_only_strict_parsers_refuse_are_read() {
    // THREATS E18
    let check = |body: &str, expected: Value, path: &[&str]| {
        let document = read_as("application/json", body);
        assert_eq!(document.value.as_ref(), Some(&expected), "{body}");
        assert!(document.doubts.iter().any(|doubt| doubt.path == path), "{body}: {document:?}");
    };
    check(r#"{"x":1e400,"a":1}"#, json!({"x": "1e400", "a": 1}), &["x"]);
    check(r#"{"x":NaN,"a":1}"#, json!({"x": "NaN", "a": 1}), &["x"]);
    check(r#"{"x":[-Infinity],"a":1}"#, json!({"x": ["-Infinity"], "a": 1}), &["x", "0"]);
    check(r#"{"x":"\ud800","a":1}"#, json!({"x": "\u{fffd}", "a": 1}), &["x"]);
    check(r#"{"x":01,"a":1,}"#, json!({"x": "01", "a": 1}), &["x"]);
    check(r#"{"x":123456789012345678901234567890}"#, json!({"x": "123456789012345678901234567890"}), &["x"]);
    check("{\"x\":\"a\tb\"}", json!({"x": "a\tb"}), &["x"]);
    let deep = format!("{}{}", "[".repeat(500), "]".repeat(500));
    assert_eq!(read_as("application/json", deep).state, BodyState::Complete);
    let deep = format!("{}1{}", r#"{"a":"#.repeat(512), "}".repeat(512));
    assert_eq!(read_as("application/json", deep).state, BodyState::Complete);
    let too_deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    assert_eq!(read_as("application/json", too_deep).state, BodyState::Unreadable);
}

#[test]
fn plain_json_is_read_as_serde_reads_it() {
    for text in [
        r#"{"a":[1,-2,3.5,1e3,-0,0,9007199254740993,18446744073709551615,true,false,null,"x"],"b":{},"c":[]}"#,
        r#""\u00e9\ud83d\ude00\n\"\\\/\b\f\r\t""#,
        " [ 1 , { \"a\" : [ ] } ] ",
        "12",
    ] {
        let reading = json::parse(text).unwrap();
        assert_eq!(reading.value, serde_json::from_str::<Value>(text).unwrap(), "{text}");
        assert_eq!(reading.doubts, [], "{text}");
    }
}

#[test]
fn a_cut_body_has_no_value() {
    // THREATS P05
    let body = br#"{"password":"hunter2","start":"20"#;
    for state in [CaptureState::Cut, CaptureState::Broken, CaptureState::Skipped] {
        let capture =
            Capture { bytes: Bytes::from_static(body), seen_bytes: 99_000_000, state, ..Capture::default() };
        let document = decode(&capture, &headers(&[("content-type", "application/json")]), None, 1 << 20);
        assert_eq!((document.value, document.state), (None, BodyState::Truncated), "{state:?}");
        assert_eq!(document.doubts[0].path, Vec::<String>::new());
        assert_eq!(document.notes[0].code, NoteCode::BodyCut);
    }
    let empty = decode(&Capture::default(), &HeaderMap::new(), None, 1 << 20);
    assert_eq!((empty.value, empty.state, empty.doubts.len()), (None, BodyState::Empty, 0));
}

#[test]
fn content_codings_come_off_in_order() {
    // THREATS E22
    let plain = br#"{"a":1}"#;
    let br = br_plain();
    let zst = zstd::encode_all(&plain[..], 3).unwrap();
    let check = |coding: &str, bytes: Vec<u8>, doubts: usize| {
        let headers = headers(&[("content-type", "application/json"), ("content-encoding", coding)]);
        let document = decode(&whole(bytes), &headers, None, 8 << 20);
        assert_eq!(document.value, Some(json!({"a": 1})), "{coding}");
        assert_eq!(document.doubts.len(), doubts, "{coding}: {:?}", document.doubts);
    };
    check("gzip", gzip(plain), 0);
    check("X-GZIP", gzip(plain), 0);
    check("deflate", zlib(plain), 0);
    check("deflate", raw_deflate(plain), 0);
    check("br", br.clone(), 0);
    check("zstd", zst.clone(), 0);
    check("br, gzip", gzip(&br), 0);
    check("zstd, identity, deflate, gzip", gzip(&zlib(&zst)), 0);
    check("gzip", plain.to_vec(), 1);
    check("zstd", plain.to_vec(), 1);
    check("x-foo", plain.to_vec(), 1);
    check("gzip, gzip, gzip, gzip", plain.to_vec(), 1);
}

/// `{"a":1}` as one uncompressed brotli meta-block (RFC 7932 section 9.2): header, bytes, empty last block.
fn br_plain() -> Vec<u8> {
    let mut bytes = vec![0x0B, 0x03, 0x80];
    bytes.extend_from_slice(br#"{"a":1}"#);
    bytes.push(0x03);
    bytes
}

#[test]
fn a_bomb_in_any_coding_is_cut() {
    // THREATS D04
    let zeros = vec![b' '; 32 << 20];
    let check = |coding: &str, bytes: Vec<u8>| {
        assert!(bytes.len() < 64 << 10, "{coding}: {} bytes are no bomb", bytes.len());
        let headers = headers(&[("content-type", "application/json"), ("content-encoding", coding)]);
        let document = decode(&whole(bytes), &headers, None, 8 << 20);
        assert_eq!(document.state, BodyState::Truncated, "{coding}");
        assert_eq!(document.notes[0].code, NoteCode::BodyCut, "{coding}");
    };
    let squeezed = gzip(&zeros);
    check("gzip", squeezed.clone());
    check("gzip, gzip", gzip(&squeezed));
    check("deflate", zlib(&zeros));
    check("zstd", zstd::encode_all(&zeros[..], 19).unwrap());
    check("br", BROTLI_BOMB.to_vec());
    let mut wide = zstd::stream::Encoder::new(Vec::new(), 3).unwrap();
    wide.window_log(27).unwrap();
    wide.write_all(&zeros).unwrap();
    check("zstd", wide.finish().unwrap());
}

/// 16 MiB of zeros, by the `brotli` program at quality 11.
const BROTLI_BOMB: &[u8] = &[
    0xCB, 0xFF, 0xFF, 0x3F, 0xF8, 0x27, 0x00, 0xE2, 0xB1, 0x40, 0x20, 0xF7, 0xFE, 0x2F, 0xFF, 0xFF, 0xFF,
    0xF0, 0x4F, 0x00, 0xC4, 0x61, 0x11, 0x80, 0xEE, 0xFD, 0x1F,
];

#[test]
fn a_list_in_a_form_is_a_list_and_no_doubt() {
    // THREATS E10
    let form = form::parse("guests[]=a&guests[]=b&id=1&id=2&id=3&one[]=x");
    assert_eq!(
        Value::Object(form.members),
        json!({"guests": ["a", "b"], "id": ["1", "2", "3"], "one": ["x"]})
    );
    assert_eq!(form.doubts.len(), 1);
    assert_eq!((form.doubts[0].path[0].as_str(), form.doubts[0].values.len()), ("id", 3));
}

#[test]
fn names_that_an_application_may_read_otherwise_are_known_without_a_note() {
    // THREATS E10
    let check = |text: &str, expected: &[(&str, &[&str])]| {
        let others = form::parse(text).others;
        let found: Vec<_> = others.iter().map(|one| (one.path[0].as_str(), one.values.clone())).collect();
        let expected: Vec<_> = expected
            .iter()
            .map(|(name, values)| (*name, values.iter().map(|v| json!(v)).collect()))
            .collect();
        assert_eq!(found, expected, "{text}");
    };
    check("a=1&b_c=2&d[]=3&e-f=4", &[]);
    check("a.b=1&a%20b=2&a+b=3&a[b=4", &[("a_b", &["1", "2", "3", "4"])]);
    check("id[0]=1&id[x][y]=2", &[("id", &["1", "2"])]);
    check(".method=DELETE&+x=1&id%00y=2", &[("_method", &["DELETE"]), ("id", &["2"]), ("x", &["1"])]);
    check("a=1;id=2&b=3;c", &[("a", &["1"]), ("b", &["3"]), ("c", &[""]), ("id", &["2"])]);
    let many: String = (0..1_500).map(|n| format!("a.{n}=1&")).collect();
    assert_eq!(form::parse(&many).others[0].path, Vec::<String>::new());
    assert_eq!(form::parse(&"a;".repeat(100_000)).others.len(), 1);
    let document = read_as("application/x-www-form-urlencoded", "user.name=x");
    assert_eq!((document.notes.len(), document.doubts[0].path[0].as_str()), (0, "user_name"));
}
