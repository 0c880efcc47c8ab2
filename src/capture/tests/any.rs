//! Any body at all.

use proptest::prelude::*;

use super::*;

const TYPES: &[&str] = &[
    "application/json",
    "application/x-ndjson",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=b",
    "text/calendar",
    "text/html",
    "application/xml",
    "",
    "image/png",
];
const SAMPLES: &[&str] = &[
    r#"{"json":{"a":[1,{"b":null}]},"meta":{"values":{"a.1.b":["undefined"]}}}"#,
    "{\"a\":1}\n{\"a\":2}\n",
    "a=1&b[]=2&c.d=3",
    "--b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n--b\r\nContent-Disposition: form-data; name=f; filename=g\r\n\r\nx\r\n--b--\r\n",
    "BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nUID:a\r\nDTSTART;TZID=Europe/Berlin:20260110T100000\r\nDURATION:PT1H\r\nATTENDEE;CN=\"B\":mailto:b@x.org\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n",
    "<?xml version=\"1.0\"?><a b=\"1\">x</a>",
];
const CODINGS: &[&str] = &["", "gzip", "deflate", "br", "zstd", "gzip, br, zstd", "x"];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_bytes_in_any_format_and_coding_are_survived(
        bytes in proptest::collection::vec(any::<u8>(), 0..400),
        content_type in proptest::sample::select(TYPES),
        coding in proptest::sample::select(CODINGS),
    ) {
        let headers = headers(&[("content-type", content_type), ("content-encoding", coding)]);
        let document = decode(&whole(bytes), &headers, None, 10_000);
        prop_assert!(document.value.is_none() || document.state == BodyState::Complete);
    }

    #[test]
    fn nearly_json_is_survived(text in "[\\[\\]{}\",:0-9eE+.\\\\ud8tnN\n-]{0,60}", content_type in proptest::sample::select(TYPES)) {
        let _ = read_as(content_type, text.clone());
        let _ = decode(&whole(text), &HeaderMap::new(), Some(Forced { format: Format::SuperJson, lists: &[] }), 10_000);
    }

    /// A valid body, broken in up to four places.
    #[test]
    fn a_sample_that_was_mutated_is_survived(
        sample in proptest::sample::select(SAMPLES),
        content_type in proptest::sample::select(TYPES),
        edits in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..3_u8), 0..4),
    ) {
        let mut bytes = sample.as_bytes().to_vec();
        for (place, byte, kind) in edits {
            let at = place.index(bytes.len().max(1)).min(bytes.len().saturating_sub(1));
            match kind {
                0 if !bytes.is_empty() => bytes[at] = byte,
                1 => bytes.truncate(at),
                _ => bytes.insert(at, byte),
            }
        }
        let sent = bytes.len();
        let document = read_as(content_type, bytes);
        let size = document.value.map_or(0, |value| value.to_string().len());
        prop_assert!(size <= 1_000 + 40 * sent && document.notes.len() <= 2 * NOTES_MAX && document.doubts.len() <= 200);
    }
}
