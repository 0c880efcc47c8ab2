//! Bodies in every format and content coding, bombs among them. The first line of the input is the content
//! type, the second the coding; the rest is the body.

#![no_main]

use bytes::Bytes;
use earwitness::capture::{BodyState, Forced, Format, decode};
use earwitness::exchange::{Capture, CaptureState};
use http::{HeaderMap, HeaderValue};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let mut parts = data.splitn(3, |byte| *byte == b'\n');
    let (kind, coding) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let bytes = Bytes::copy_from_slice(parts.next().unwrap_or_default());
    let mut headers = HeaderMap::new();
    for (name, value) in [("content-type", kind), ("content-encoding", coding)] {
        if let Ok(value) = HeaderValue::from_bytes(value) {
            headers.insert(name, value);
        }
    }
    let seen_bytes = bytes.len() as u64;
    let capture = Capture { bytes, seen_bytes, state: CaptureState::Complete, dropped_trailers: Vec::new() };
    let document = decode(&capture, &headers, None, DECODED_BYTES_MAX);
    assert!(document.value.is_none() || document.state == BodyState::Complete);
    for format in [Format::SuperJson, Format::WebDav, Format::HtmlForm, Format::JsonLines] {
        let _ = decode(&capture, &HeaderMap::new(), Some(Forced { format, lists: &[] }), DECODED_BYTES_MAX);
    }
});

const DECODED_BYTES_MAX: usize = 64 << 10;
