//! `multipart/mixed`, `multipart/related` and the like (RFC 2046 section 5.1, RFC 2387) as a document: a list of
//! parts, each with the document of its own type.
//!
//! Parts of parts are not read. Some applications take such a body for a form, with the parts' ids or file names
//! as names: a rule that looks there is in doubt.

use super::form::{Field, file};
use super::{DOUBTS_MAX, Part, essence, parameters, tell, whole};
use crate::capture::{self, BodyState, Document, Doubtful, Format, NOTES_MAX, Parsed, form, format};
use crate::event::{Note, NoteCode};
use crate::value::{Map, Value, json};

/// Reads a list of parts; no value when there is none.
pub(super) fn parse(parts: &[Part<'_>]) -> Parsed {
    let mut reading = Reading::default();
    let values: Vec<Value> = parts.iter().enumerate().map(|(at, part)| reading.part(at, part)).collect();
    let mut quiet = form::doubtful(reading.others);
    quiet.append(&mut reading.quiet);
    let value = (!values.is_empty()).then(|| json!({ "parts": values }));
    Parsed { value, doubts: reading.doubts, quiet, notes: reading.notes, operation: None }
}

#[derive(Default)]
struct Reading {
    doubts: Vec<Doubtful>,
    /// Those of the parts' documents, which their notes tell, and those without a note.
    quiet: Vec<Doubtful>,
    notes: Vec<Note>,
    /// Names that a part may have for who takes the body for a form.
    others: Vec<(String, String)>,
}

impl Reading {
    /// `{id, type, body}`, or `{id, type, filename, size, sha256}` where the content is not read.
    fn part(&mut self, at: usize, part: &Part<'_>) -> Value {
        let mut field = Field::default();
        let filename = field.filename(&parameters(part.header("content-disposition").unwrap_or_default()));
        field.doubt_encoding(part);
        let content_type = part.header("content-type").unwrap_or_default();
        let essence = essence(content_type);
        let declared = format::of_type(content_type.to_owned());
        let id = part.header("content-id").map(|id| id.trim_matches(['<', '>']).to_owned());
        self.others.extend(id.iter().chain(&filename).map(|name| (name.clone(), "[part]".to_owned())));
        let body = if has_parts(&essence) {
            field.doubts.push(("a part that has parts", Vec::new()));
            None
        } else if filename.is_some() || declared.format == Format::Binary {
            if declared.format == Format::Json && self.quiet.len() < DOUBTS_MAX {
                let detail = "a file that an application may read as JSON";
                self.quiet.push(Doubtful::at(place(at), NoteCode::BodyAmbiguous, detail));
            }
            None
        } else {
            Some(capture::read(part.bytes, None, &[], &declared))
        };
        for (detail, values) in field.doubts {
            let doubt = Doubtful::at(place(at), NoteCode::BodyAmbiguous, detail);
            tell(&mut self.doubts, Doubtful { values, ..doubt });
        }
        let mut members = Map::new();
        members.extend(id.map(|id| ("id", Value::from(id))));
        match body {
            Some(document) if document.state != BodyState::Unreadable => {
                members.insert("type", essence.into());
                members.extend(self.inside(at, document).map(|value| ("body", value)));
            }
            unread => {
                if unread.is_some() {
                    let detail = "a part that is not what it says it is";
                    tell(&mut self.doubts, Doubtful::at(place(at), NoteCode::BodyUnparsed, detail));
                }
                members.extend(file(filename, essence, part.bytes));
            }
        }
        Value::Object(members)
    }

    /// A part's document, with what is doubtful about it.
    fn inside(&mut self, at: usize, document: Document) -> Option<Value> {
        for mut doubt in document.doubts {
            if self.quiet.len() >= DOUBTS_MAX {
                tell(&mut self.doubts, whole("many doubtful parts"));
                break;
            }
            let path = ["parts".to_owned(), at.to_string(), "body".to_owned()];
            doubt.path.splice(..0, path);
            self.quiet.push(doubt);
        }
        let room = NOTES_MAX.saturating_sub(self.notes.len());
        self.notes.extend(document.notes.into_iter().take(room));
        document.value
    }
}

/// Whether a part holds others, which applications find and we do not.
fn has_parts(essence: &str) -> bool {
    essence.starts_with("multipart/") || essence.starts_with("message/") || essence == "application/http"
}

fn place(at: usize) -> Vec<String> {
    vec!["parts".to_owned(), at.to_string()]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::capture::multipart::parse;

    const TYPE: &str = "multipart/related; boundary=b";

    fn read(parts: &[&str]) -> Parsed {
        let body: String = parts.iter().map(|part| format!("--b\r\n{part}\r\n")).collect();
        parse(format!("{body}--b--\r\n").as_bytes(), TYPE)
    }

    fn paths(doubts: &[Doubtful]) -> Vec<String> {
        doubts.iter().map(|doubt| doubt.path.join(".")).collect()
    }

    #[test]
    fn each_part_is_the_document_of_its_own_type_or_what_tells_it_apart() {
        let parsed = read(&[
            "Content-Type: application/json; charset=utf-8\r\nContent-ID: <meta>\r\n\r\n{\"name\":\"Plan\",\"of\":[1]}",
            "\r\nplain words",
            "Content-Type: text/plain\r\n\r\n[1]",
            "Content-Type: application/x-www-form-urlencoded\r\n\r\na=1&b[]=2",
            "Content-Type: application/xml\r\n\r\n<a><b>1</b></a>",
            "Content-Type: image/png\r\n\r\nabc",
            "Content-Type: text/csv\r\nContent-Disposition: attachment; filename=a.csv\r\n\r\nabc",
            "Content-Type: text/plain\r\n\r\n",
        ]);
        assert_eq!((parsed.doubts, parsed.notes), (vec![], vec![]));
        // Who takes it for a form names a field by them.
        assert_eq!(paths(&parsed.quiet), ["a.csv", "meta"]);
        let hash = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        let expected = json!({ "parts": [
            { "id": "meta", "type": "application/json", "body": { "name": "Plan", "of": [1] } },
            { "type": "", "body": "plain words" },
            { "type": "text/plain", "body": [1] },
            { "type": "application/x-www-form-urlencoded", "body": { "a": "1", "b": ["2"] } },
            { "type": "application/xml", "body": { "a": { "b": "1" } } },
            { "type": "image/png", "size": 3, "sha256": hash },
            { "type": "text/csv", "filename": "a.csv", "size": 3, "sha256": hash },
            { "type": "text/plain" },
        ] });
        assert_eq!(parsed.value, Some(expected));
    }

    #[test]
    fn a_part_with_a_name_makes_a_form_of_it_whatever_the_type_says() {
        let named = "Content-Disposition: form-data; name=a\r\n\r\n1";
        assert_eq!(read(&[named]).value, Some(json!({ "a": "1" })));
        let mixed = read(&[named, "\r\n{}"]);
        assert_eq!((mixed.value, mixed.doubts[0].path.len()), (Some(json!({ "a": "1" })), 0));
        let form = parse(b"--b\r\n\r\n1\r\n--b--\r\n", "multipart/form-data; boundary=b");
        assert_eq!(form.value, None);
    }

    // THREATS E23
    #[test]
    fn what_others_would_read_otherwise_is_doubt_where_it_stands() {
        let check = |parts: &[&str], path: &str, code: NoteCode| {
            let parsed = read(parts);
            let all: Vec<_> = parsed.doubts.iter().chain(&parsed.quiet).collect();
            let is_told = |doubt: &&Doubtful| doubt.path.join(".") == path && doubt.code == code;
            assert!(all.iter().any(is_told), "{parts:?}: {all:?}");
        };
        let odd = NoteCode::BodyAmbiguous;
        check(&["Content-Type: multipart/mixed; boundary=c\r\n\r\n--c\r\n\r\n1\r\n--c--"], "parts.0", odd);
        check(&["Content-Type: application/http\r\n\r\nDELETE /x HTTP/1.1\r\n\r\n"], "parts.0", odd);
        check(&["Content-Type: message/rfc822\r\n\r\nSubject: x\r\n\r\n"], "parts.0", odd);
        check(&["\r\n1", "Content-Type: application/json\r\n\r\n{"], "parts.1", NoteCode::BodyUnparsed);
        check(&["Content-Transfer-Encoding: base64\r\n\r\nQURNSU4="], "parts.0", odd);
        check(
            &["Content-Type: application/json\r\n\r\n{\"a\":1,\"a\":2}"],
            "parts.0.body.a",
            NoteCode::DuplicateKey,
        );
        check(&["Content-Type: text/plain; charset=utf-7\r\n\r\n1"], "parts.0.body", odd);
        let file =
            "Content-Type: application/json\r\nContent-Disposition: attachment; filename=a.json\r\n\r\n{}";
        check(&[file], "parts.0", odd);
        let without = parse(b"--b\r\n\r\n1\r\n--b--\r\n", "multipart/mixed");
        assert_eq!(
            (without.value, paths(&without.doubts)),
            (Some(json!({ "parts": [{ "type": "", "body": "1" }] })), vec![String::new()])
        );
        assert_eq!(parse(b"nothing of the kind", TYPE).value, None);
    }

    #[test]
    fn however_many_parts_there_are_what_is_said_of_them_stays_small() {
        let twice = "Content-Type: application/json\r\nContent-ID: x\r\n\r\n{\"a\":1,\"a\":2}";
        let parsed = read(&[twice; 10_100]);
        assert_eq!(parsed.value.unwrap()["parts"].as_array().map(Vec::len), Some(10_000));
        assert!(parsed.doubts.iter().any(|doubt| doubt.code == NoteCode::BodyCut));
        assert!(parsed.doubts.len() <= DOUBTS_MAX + 2 && parsed.quiet.len() <= DOUBTS_MAX + 1);
        assert!(parsed.notes.len() <= NOTES_MAX);
    }

    proptest! {
        #[test]
        fn nearly_parts_are_survived(
            parts in proptest::collection::vec(
                "(Content-(Type|Transfer-Encoding|ID|Disposition): (application/(json|http|xml)|text/(plain; charset=(utf-16|x)|calendar|html)|base64|multipart/x|attachment; filename=\"?[a-c]|<a>)\r\n){0,3}(\r\n){0,2}[a-c{}<>\":=&-]{0,8}",
                0..6,
            ),
        ) {
            let parsed = read(&parts.iter().map(String::as_str).collect::<Vec<_>>());
            prop_assert!(parsed.doubts.len() <= 200 && parsed.quiet.len() <= 200);
        }
    }
}
