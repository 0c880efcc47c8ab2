//! Multipart forms, read by us and by another parser, `multer`, which Rust's web frameworks use. Where the two do not
//! see the same fields, the record must say that the body can be read in two ways (THREATS E23): an application that
//! reads as the other does may have been told something else.

use std::collections::BTreeMap;
use std::convert::Infallible;

use bytes::Bytes;
use earwitness::capture::{Document, decode};
use earwitness::exchange::{Capture, CaptureState};
use futures_util::stream;
use http::{HeaderMap, HeaderValue};
use multer::Multipart;
use proptest::prelude::*;
use serde_json::{Value, json};

/// A field's value as text, or a file's name and size.
type Fields = Vec<(String, Value)>;

fn by_us(body: &str, content_type: &str) -> Document {
    let mut headers = HeaderMap::new();
    headers.insert("content-type", HeaderValue::from_str(content_type).unwrap());
    let bytes = Bytes::copy_from_slice(body.as_bytes());
    let state = if bytes.is_empty() { CaptureState::Empty } else { CaptureState::Complete };
    let seen_bytes = bytes.len() as u64;
    decode(&Capture { bytes, seen_bytes, state, ..Capture::default() }, &headers, None, 1 << 20)
}

/// What the other parser sees; `None` when it refuses the body.
fn by_multer(body: &str, boundary: String) -> Option<Fields> {
    let bytes = Bytes::copy_from_slice(body.as_bytes());
    let pieces = stream::iter([Ok::<_, Infallible>(bytes)]);
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let mut form = Multipart::new(pieces, boundary);
        let mut fields = Vec::new();
        while let Some(field) = form.next_field().await.ok()? {
            let name = field.name().map(str::to_owned);
            let file = field.file_name().map(str::to_owned);
            let value = match file {
                Some(file) => json!({ "filename": file, "size": field.bytes().await.ok()?.len() }),
                None => json!(field.text().await.ok()?),
            };
            // A part without a name is nobody's field.
            fields.extend(name.map(|name| (name, value)));
        }
        Some(fields)
    })
}

/// Whether both see the same, or we say that there may be more than one reading.
fn is_told(body: &str, content_type: &str) -> Result<(), String> {
    let ours = by_us(body, content_type);
    if !ours.doubts.is_empty() || !ours.notes.is_empty() {
        return Ok(());
    }
    // (A type that it does not take is no other reading: nobody reads such a body with it.)
    let Ok(boundary) = multer::parse_boundary(content_type) else { return Ok(()) };
    let Some(theirs) = by_multer(body, boundary) else {
        return Err("the other parser refuses it, and we say nothing".to_owned());
    };
    let members = ours.value.as_ref().and_then(|value| value.as_object());
    let mut seen: BTreeMap<String, Value> = BTreeMap::new();
    for (name, value) in members.into_iter().flat_map(|members| members.iter()) {
        let value: Value = serde_json::from_str(&value.to_string()).unwrap();
        let shown = match value.get("sha256") {
            Some(_) => json!({ "filename": value["filename"], "size": value["size"] }),
            None => value,
        };
        seen.insert(name.to_string(), shown);
    }
    let theirs: BTreeMap<String, Value> = theirs.into_iter().collect();
    if seen == theirs { Ok(()) } else { Err(format!("we see {seen:?}, the other {theirs:?}")) }
}

const TYPE: &str = "multipart/form-data; boundary=b";
const FORM: &[&str] = &[
    "--b",
    "\r\n",
    "Content-Disposition: form-data; name=\"a\"",
    "\r\n",
    "\r\n",
    "one",
    "\r\n",
    "--b",
    "\r\n",
    "Content-Disposition: form-data; name=c",
    "; filename=\"f.txt\"",
    "\r\n",
    "Content-Type: text/plain",
    "\r\n",
    "\r\n",
    "two",
    "\r\n",
    "--b",
    "--",
    "\r\n",
];
const PIECES: &[&str] = &[
    "--b",
    "--",
    "-",
    "b",
    "\r\n",
    "\n",
    "\r",
    "\r\n\r\n",
    " ",
    "\t",
    ";",
    ":",
    "\"",
    "\\",
    "=",
    "x",
    "\0",
    "é",
    "; name=d",
    "; name=\"a\"",
    "; name*=utf-8''d",
    "; filename=x",
    "; filename*=utf-8''x",
    "; filename=\"\"",
    "Content-Disposition: form-data; name=e",
    "Content-Disposition: attachment; name=e",
    "content-disposition:form-data;name=e",
    "Content-Type: text/html; charset=utf-16",
    "Content-Type: multipart/mixed; boundary=c",
    "Content-Transfer-Encoding: base64",
    "Content-Type: application/json",
    "--b--",
    "\r\n--b\r\n",
    "\n--b\n",
    "--bb",
    "--b x",
];
const TYPES: &[&str] = &[
    TYPE,
    "multipart/form-data; boundary=\"b\"",
    "multipart/form-data; charset=utf-8; boundary=b",
    "Multipart/Form-Data; Boundary=b",
    "multipart/form-data; boundary=b; boundary=c",
    "multipart/form-data; boundary=b ; x=y",
    "multipart/form-data;boundary=b",
    "multipart/form-data; boundary='b'",
    "multipart/form-data; boundary=\"b",
    "multipart/form-data; boundary=",
];

#[test]
fn an_honest_form_is_read_alike_and_nothing_is_said() {
    let body = FORM.concat();
    assert!(by_us(&body, TYPE).doubts.is_empty());
    assert_eq!(by_multer(&body, "b".to_owned()).unwrap().len(), 2);
    assert_eq!(is_told(&body, TYPE), Ok(()));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    // THREATS E23
    #[test]
    fn what_another_parser_reads_otherwise_is_never_passed_over(
        content_type in prop_oneof![3 => Just(TYPE), 1 => proptest::sample::select(TYPES)],
        edits in proptest::collection::vec((any::<prop::sample::Index>(), proptest::sample::select(PIECES), 0..3_u8), 0..5),
    ) {
        let mut pieces = FORM.to_vec();
        for (place, piece, kind) in edits {
            let at = place.index(pieces.len());
            match kind {
                0 => pieces.insert(at, piece),
                1 => pieces[at] = piece,
                _ => drop(pieces.remove(at)),
            }
            if pieces.is_empty() {
                break;
            }
        }
        let body = pieces.concat();
        prop_assert_eq!(is_told(&body, content_type), Ok(()), "{} {:?}", content_type, body);
    }
}
