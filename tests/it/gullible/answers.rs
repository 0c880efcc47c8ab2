//! How an application answers: with all that it did, or with as little of it as the client wants to see.

use std::io::Write as _;

use super::Seen;

/// How much it shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answers {
    /// All.
    Whole,
    /// What the client asks for: fields, a range, nothing, a page, any coding.
    AsAsked,
}

impl Answers {
    /// Status, header lines and body.
    pub(super) fn shaped(self, request: &Seen, status: &str, body: String) -> (String, Vec<u8>) {
        let plain = || (format!("{status}\r\ncontent-type: application/json"), body.clone().into_bytes());
        let asks = |name, word: &str| request.header(name).is_some_and(|value| value.contains(word));
        let accepts = |coding| asks("accept-encoding", coding);
        if self == Answers::Whole || !status.starts_with('2') {
            return plain();
        }
        let is_masked = ["fields=kind", "$select=kind"].iter().any(|mask| request.target().contains(mask));
        if is_masked || asks("x-goog-fieldmask", "kind") {
            return (
                format!("{status}\r\ncontent-type: application/json"),
                br#"{"kind":"booking"}"#.to_vec(),
            );
        }
        if asks("prefer", "return=minimal") {
            return ("204 No Content\r\npreference-applied: return=minimal".to_owned(), Vec::new());
        }
        if asks("prefer", "RETURN=minimal") {
            return (status.to_owned(), Vec::new());
        }
        if asks("range", "bytes=0-0") {
            let head = "206 Partial Content\r\ncontent-type: application/json\r\ncontent-range: bytes 0-0/9";
            return (head.to_owned(), b"1".to_vec());
        }
        if request.header("if-none-match").is_some() {
            return ("304 Not Modified\r\netag: \"1\"".to_owned(), Vec::new());
        }
        if asks("accept", "text/html") {
            return ("200 OK\r\ncontent-type: text/html".to_owned(), b"<html>done</html>".to_vec());
        }
        if accepts("gzip") {
            let mut coded = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::new(6));
            coded.write_all(body.as_bytes()).unwrap();
            let head = format!("{status}\r\ncontent-type: application/json\r\ncontent-encoding: gzip");
            return (head, coded.finish().unwrap());
        }
        if accepts("x-own") {
            let turned = body.bytes().map(|byte| byte ^ 0x5a).collect();
            let head = format!("{status}\r\ncontent-type: application/json\r\ncontent-encoding: x-own");
            return (head, turned);
        }
        plain()
    }
}
