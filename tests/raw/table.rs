//! Reads the tables of raw messages. Shared by the tests of the gates, which see bytes, and those on the wire;
//! `compare.py` has its own reader of the same form.

/// One message, or several in a row, and what must become of it.
#[derive(Clone, Debug)]
#[allow(dead_code, reason = "each reader of the tables looks at its own part")]
pub(crate) struct Case {
    pub(crate) id: String,
    /// What stands between id and expectation: the section, and in the table of answers the request's method.
    pub(crate) about: Vec<String>,
    pub(crate) expected: Vec<String>,
    pub(crate) bytes: Vec<u8>,
    /// Whether the sender ends its side behind the bytes.
    pub(crate) is_ended: bool,
}

/// All cases of a table.
pub(crate) fn read(text: &str) -> Vec<Case> {
    let mut cases: Vec<Case> = Vec::new();
    for line in text.lines() {
        if let Some(bytes) = line.strip_prefix("> ") {
            let case = cases.last_mut().expect("bytes stand below a case");
            let (bytes, is_ended) = match bytes.strip_suffix("\\eof") {
                Some(bytes) => (bytes, true),
                None => (bytes, false),
            };
            case.bytes.extend(unescaped(bytes));
            case.is_ended |= is_ended;
        } else if !line.is_empty() && !line.starts_with(['#', '-']) {
            let mut fields: Vec<String> = line.split(" | ").map(str::to_owned).collect();
            let expected = fields.pop().expect("a line has a field");
            let id = fields.remove(0);
            assert!(cases.iter().all(|case| case.id != id), "{id} stands twice");
            cases.push(Case {
                id,
                about: fields,
                expected: expected.split(' ').map(str::to_owned).collect(),
                bytes: Vec::new(),
                is_ended: false,
            });
        }
    }
    cases
}

fn unescaped(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text;
    while let Some((plain, escape)) = rest.split_once('\\') {
        bytes.extend(plain.as_bytes());
        rest = &escape[1..];
        match escape.as_bytes()[0] {
            b'r' => bytes.push(b'\r'),
            b'n' => bytes.push(b'\n'),
            b't' => bytes.push(b'\t'),
            b'0' => bytes.push(0),
            b'\\' => bytes.push(b'\\'),
            b'x' => {
                bytes.push(u8::from_str_radix(&rest[..2], 16).expect("two hexadecimal digits"));
                rest = &rest[2..];
            }
            b'*' => {
                let (count, behind) = rest.split_once('(').expect("a count and a text");
                let (text, behind) = behind.split_once(')').expect("an end of the text");
                bytes.extend(unescaped(text).repeat(count.parse().expect("a count")));
                rest = behind;
            }
            other => panic!("no such escape: {}", other as char),
        }
    }
    bytes.extend(rest.as_bytes());
    bytes
}
