//! `multipart/form-data` (RFC 7578) as a document: fields as in any form, files by what tells them apart,
//! never by their content.
//!
//! Frameworks disagree about which part is a file, which name it has and whether its encoding counts; each
//! such place is a doubt at the field's name (THREATS E23).

use base64::Engine as _;
use sha2::{Digest as _, Sha256};

use super::{DOUBTS_MAX, Parameter, Part, essence, parameters, tell, whole};
use crate::capture::{Doubtful, Parsed, charset, form, json as json_text};
use crate::event::NoteCode;
use crate::value::{Map, Value};

/// Reads a form; no value when no part has a name.
pub(super) fn parse(parts: &[Part<'_>]) -> Parsed {
    let mut reading = Reading::default();
    for part in parts {
        reading.add(part);
    }
    reading.form.tell_repeated();
    let mut doubts = reading.form.doubts;
    doubts.append(&mut reading.doubts);
    let mut quiet = form::doubtful(reading.others);
    quiet.append(&mut reading.quiet);
    let value = (!reading.form.members.is_empty()).then_some(Value::Object(reading.form.members));
    Parsed { value, doubts, quiet, ..Parsed::default() }
}

#[derive(Default)]
struct Reading {
    form: form::Form,
    doubts: Vec<Doubtful>,
    quiet: Vec<Doubtful>,
    others: Vec<(String, String)>,
}

impl Reading {
    fn add(&mut self, part: &Part<'_>) {
        let Some(name) = self.name(part) else { return };
        let place = name.strip_suffix("[]").unwrap_or(&name).to_owned();
        let field = Field::read(part);
        for (detail, values) in field.doubts {
            tell(
                &mut self.doubts,
                Doubtful {
                    path: vec![place.clone()],
                    code: NoteCode::BodyAmbiguous,
                    detail: Some(detail.to_owned()),
                    values,
                },
            );
        }
        for mut doubt in field.inner {
            doubt.path.insert(0, place.clone());
            tell(&mut self.doubts, doubt);
        }
        if field.may_be_document && self.quiet.len() < DOUBTS_MAX {
            let detail = "a file that an application may read as JSON";
            self.quiet.push(Doubtful::at(vec![place], NoteCode::BodyAmbiguous, detail));
        }
        if let Some(other) = form::as_variable(&name) {
            let shown = field.value.as_str().unwrap_or("[file or document]").to_owned();
            self.others.push((other, shown));
        }
        self.form.add(&name, field.value);
    }

    /// The field's name; a part without one is nobody's field.
    fn name(&mut self, part: &Part<'_>) -> Option<String> {
        let dispositions = part.headers.iter().filter(|(name, _)| name == "content-disposition");
        let named: Vec<Parameter> = dispositions.clone().flat_map(|(_, value)| parameters(value)).collect();
        let mut names = named.iter().filter(|one| one.name == "name");
        let name = names.next();
        if dispositions.count() > 1 || names.next().is_some() {
            tell(&mut self.doubts, whole("a part with two names"));
        }
        if named.iter().any(|one| one.name.starts_with("name*")) {
            tell(&mut self.doubts, whole("a part whose name is encoded"));
        }
        let Some(name) = name else {
            tell(&mut self.doubts, whole("a part without a name"));
            return None;
        };
        if name.is_odd || name.value.contains('\0') {
            tell(&mut self.doubts, whole("a part's name that is quoted wrongly"));
        }
        Some(name.value.clone())
    }
}

/// What one part says.
#[derive(Default)]
pub(super) struct Field {
    value: Value,
    /// About the field, with the other values that it may have.
    pub(super) doubts: Vec<(&'static str, Vec<Value>)>,
    /// About places within it.
    inner: Vec<Doubtful>,
    /// True for a file whose type is JSON.
    may_be_document: bool,
}

impl Field {
    fn read(part: &Part<'_>) -> Field {
        let mut field = Field::default();
        let disposition = part.header("content-disposition").unwrap_or_default();
        let filename = field.filename(&parameters(disposition));
        let content_type = part.header("content-type").unwrap_or_default();
        let essence = essence(content_type);
        let is_json = essence == "application/json" || essence.ends_with("+json");
        // A browser gives a `Blob` this name; applications that take documents in parts know it.
        let is_document = is_json && filename.as_deref().is_none_or(|name| name == "blob");
        field.doubt_encoding(part);
        let is_nested = essence.starts_with("multipart/");
        if is_nested {
            field.doubts.push(("a part that has parts", Vec::new()));
        } else if filename.as_deref() == Some("") && !part.bytes.is_empty() {
            field.doubts.push(("a file without a name", Vec::new()));
        }
        if (filename.is_some() && !is_document) || is_nested {
            field.may_be_document = is_json;
            field.value = Value::Object(file(filename, essence, part.bytes));
            return field;
        }
        let charset = parameters(content_type).into_iter().find(|one| one.name == "charset");
        let text = charset::text(part.bytes, charset.as_ref().map(|one| one.value.as_str()));
        if part.bytes.contains(&0) {
            field.doubts.push(("a text that holds a zero byte", Vec::new()));
        }
        if text.doubt.is_some() {
            field.doubts.push(("a text in another encoding than it says", Vec::new()));
        }
        if !is_json && !essence.is_empty() && !essence.starts_with("text/") {
            field.doubts.push(("a field that may be read as a file", Vec::new()));
        }
        match is_document.then(|| json_text::parse(&text.text)) {
            Some(Ok(reading)) => {
                field.inner = reading.doubts;
                field.value = reading.value;
                return field;
            }
            Some(Err(_)) => field.doubts.push(("a part that is not the JSON it says it is", Vec::new())),
            None => {}
        }
        field.value = Value::from(text.text);
        field
    }

    /// RFC 7578 section 4.2 forbids `filename*`; who does not know it sees a field instead of a file.
    pub(super) fn filename(&mut self, named: &[Parameter]) -> Option<String> {
        let plain: Vec<&Parameter> = named.iter().filter(|one| one.name == "filename").collect();
        let encoded = named.iter().find(|one| one.name.starts_with("filename*"));
        if encoded.is_some() {
            self.doubts.push(("`filename*` in a form", Vec::new()));
        }
        if plain.len() > 1 {
            self.doubts.push(("a file with two names", Vec::new()));
        }
        if plain.iter().any(|name| name.is_odd) {
            self.doubts.push(("a file's name that is quoted wrongly", Vec::new()));
        }
        plain.first().map(|one| one.value.clone()).or(encoded.map(|one| one.value.clone()))
    }

    /// RFC 7578 section 4.7 deprecates it in forms: some readers decode, browsers and most servers do not.
    pub(super) fn doubt_encoding(&mut self, part: &Part<'_>) {
        let encoding = part.header("content-transfer-encoding").unwrap_or_default().to_ascii_lowercase();
        if matches!(encoding.as_str(), "" | "7bit" | "8bit" | "binary") {
            return;
        }
        let packed: Vec<u8> =
            part.bytes.iter().filter(|byte| !byte.is_ascii_whitespace()).take(SHOWN_BYTES).copied().collect();
        let decoded = base64::engine::general_purpose::STANDARD.decode(packed).unwrap_or_default();
        let other = String::from_utf8(decoded).ok().filter(|text| encoding == "base64" && !text.is_empty());
        self.doubts.push(("a part with a transfer encoding", other.map(Value::from).into_iter().collect()));
    }
}

/// A file, without its content.
pub(super) fn file(filename: Option<String>, essence: String, bytes: &[u8]) -> Map {
    let mut members = Map::new();
    if let Some(filename) = filename {
        members.insert("filename", filename.into());
    }
    members.insert("type", essence.into());
    members.insert("size", bytes.len().into());
    let hash: String = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    members.insert("sha256", hash.into());
    members
}

/// Of an encoded field, what is decoded for the doubt to tell; a multiple of 4.
const SHOWN_BYTES: usize = 400;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::capture::multipart::parse;
    use crate::value::json;

    fn read(parts: &[&str]) -> Parsed {
        let body: String =
            parts.iter().map(|part| format!("--b\r\nContent-Disposition: {part}\r\n")).collect();
        parse(format!("{body}--b--\r\n").as_bytes(), "multipart/form-data; boundary=b")
    }

    #[test]
    fn fields_are_those_of_any_form_and_files_are_told_by_name_size_and_hash() {
        let parsed = read(&[
            "form-data; name=\"title\"\r\n\r\nZoë's",
            "form-data; name=guests[]\r\n\r\na",
            "form-data; name=guests[]\r\nContent-Type: text/plain; charset=iso-8859-1\r\n\r\nb",
            "form-data; name=\"f\"; filename=\"a;b.ics\"\r\nContent-Type: Text/Calendar; x=y\r\n\r\nabc",
            "form-data; name=none; filename=\"\"\r\nContent-Type: application/octet-stream\r\n\r\n",
            "form-data; name=data\r\nContent-Type: application/json\r\n\r\n{\"start\":[1]}",
            "form-data; name=more; filename=blob\r\nContent-Type: application/vnd.x+json\r\n\r\n[2]",
        ]);
        assert_eq!((parsed.doubts, parsed.quiet, parsed.notes), (vec![], vec![], vec![]));
        let hash =
            |bytes: &[u8]| Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        let expected = json!({
            "title": "Zoë's", "guests": ["a", "b"], "data": {"start": [1]}, "more": [2],
            "f": {"filename": "a;b.ics", "type": "text/calendar", "size": 3, "sha256": hash(b"abc")},
            "none": {"filename": "", "type": "application/octet-stream", "size": 0, "sha256": hash(b"")},
        });
        assert_eq!(parsed.value, Some(expected));
    }

    // THREATS E23
    #[test]
    fn what_frameworks_read_differently_is_doubt_where_it_stands() {
        let check = |parts: &[&str], path: &[&str], code: NoteCode| {
            let doubts = read(parts).doubts;
            assert!(
                doubts.iter().any(|doubt| doubt.path == path && doubt.code == code),
                "{parts:?}: {doubts:?}"
            );
        };
        let odd = NoteCode::BodyAmbiguous;
        let repeated = ["form-data; name=a\r\n\r\n1", "form-data; name=a\r\n\r\n2"];
        check(&repeated, &["a"], NoteCode::DuplicateKey);
        check(&["form-data; name=a; name=b\r\n\r\n1"], &[], odd);
        check(&["form-data; name=a\r\nContent-Disposition: form-data; name=b\r\n\r\n1"], &[], odd);
        check(&["form-data; name*=utf-8''a\r\n\r\n1"], &[], odd);
        check(&["form-data\r\n\r\n1"], &[], odd);
        check(&["form-data; name=\"a\r\n\r\n1"], &[], odd);
        check(&["form-data; name=a; filename*=utf-8''x\r\n\r\n1"], &["a"], odd);
        check(&["form-data; name=a; filename=x; filename=y\r\n\r\n1"], &["a"], odd);
        check(&["form-data; name=a; filename=\"\"\r\n\r\n1"], &["a"], odd);
        check(&["form-data; name=a\r\nContent-Type: multipart/mixed; boundary=c\r\n\r\n--c--"], &["a"], odd);
        check(&["form-data; name=a\r\nContent-Type: image/png\r\n\r\n1"], &["a"], odd);
        check(&["form-data; name=a\r\nContent-Type: text/plain; charset=utf-7\r\n\r\n1"], &["a"], odd);
        check(&["form-data; name=a\r\nContent-Type: application/json\r\n\r\n{"], &["a"], odd);
        let twice = "form-data; name=a\r\nContent-Type: application/json\r\n\r\n{\"b\":1,\"b\":2}";
        check(&[twice], &["a", "b"], NoteCode::DuplicateKey);
        let encoded = ["form-data; name=a\r\nContent-Transfer-Encoding: base64\r\n\r\nQURN\r\nSU4="];
        check(&encoded, &["a"], odd);
        assert_eq!(read(&encoded).doubts[0].values, [json!("ADMIN")]);
        let many: Vec<String> =
            (0..100).map(|n| format!("form-data; name=a{n}; filename*=x\r\n\r\n1")).collect();
        check(&many.iter().map(String::as_str).collect::<Vec<_>>(), &[], odd);
    }

    #[test]
    fn what_only_some_would_find_is_a_doubt_without_a_note() {
        // THREATS E10, E23
        let parsed = read(&[
            "form-data; name=user.role\r\n\r\nADMIN",
            "form-data; name=d; filename=d.json\r\nContent-Type: application/json\r\n\r\n{}",
        ]);
        assert_eq!(parsed.doubts, []);
        let paths: Vec<_> = parsed.quiet.iter().map(|doubt| doubt.path.join(".")).collect();
        assert_eq!(paths, ["user_role", "d"]);
        assert_eq!(parsed.quiet[0].values, [json!("ADMIN")]);
        let bare = parse(
            b"--b\nContent-Disposition: form-data; name=a\n\n1\n--b--\n",
            "multipart/form-data; boundary=b",
        );
        assert_eq!((bare.value, bare.doubts[0].path.len()), (Some(json!({"a": "1"})), 0));
    }

    proptest! {
        #[test]
        fn nearly_forms_are_survived_and_hold_no_file(
            parts in proptest::collection::vec(
                "(form-data|x|)(; ?(name|filename|filename\\*|name\\*)(=|\\*=)\"?[a-c\\[\\]. \\\\]{0,3}\"?){0,3}(\r\nContent-(Type|Transfer-Encoding): (application/json|text/plain; charset=(utf-16|x)|base64|multipart/x)){0,2}(\r\n){1,2}[a-c{}\":]{0,6}",
                0..6,
            ),
        ) {
            let parsed = read(&parts.iter().map(String::as_str).collect::<Vec<_>>());
            prop_assert!(parsed.doubts.len() <= 200 && parsed.quiet.len() <= 200);
        }
    }
}
