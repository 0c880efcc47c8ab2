//! What an application finds in a body. It asks no label: what looks like JSON is JSON, in any encoding; what is
//! packed is unpacked; everything else is a form in UTF-8.

use std::fmt;
use std::io::Read as _;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};

use super::Keys;

/// Which member of a JSON document it takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Json {
    /// The first of that name, as some scanners do.
    First,
    /// The last of that name, as most languages do.
    Last,
    /// The last whose name is that without case, as Go and .NET do.
    Folded,
}

impl Json {
    fn value(self, text: &str, name: &str) -> Option<String> {
        let members = serde_json::from_str::<Members>(text).ok()?.0;
        let mut found = members.into_iter().filter(|(key, _)| match self {
            Json::First | Json::Last => key == name,
            Json::Folded => folded(key) == folded(name),
        });
        let member = if self == Json::First { found.next() } else { found.next_back() };
        member.and_then(|(_, value)| value)
    }
}

/// The values of a field in a body.
pub(super) fn values(json: Json, keys: Keys, body: &[u8], name: &str) -> Vec<String> {
    let mut bytes = body.to_vec();
    while bytes.starts_with(&[0x1f, 0x8b]) {
        let mut plain = Vec::new();
        if flate2::read::GzDecoder::new(&*bytes).read_to_end(&mut plain).is_err() {
            return Vec::new();
        }
        bytes = plain;
    }
    let text = decoded(&bytes);
    if text.trim_start().starts_with('{') {
        return json.value(&lenient(&text), name).into_iter().collect();
    }
    let text = String::from_utf8_lossy(&bytes);
    match text.split_once(&format!("name=\"{name}\"\r\n\r\n")) {
        Some((_, part)) => part.lines().next().map(str::to_owned).into_iter().collect(),
        None => keys.values(&text, name),
    }
}

/// As text, whatever the encoding is.
fn decoded(bytes: &[u8]) -> String {
    let text = match bytes {
        [0, _, ..] | [0xfe, 0xff, ..] => wide(bytes, u16::from_be_bytes),
        [_, 0, ..] | [0xff, 0xfe, ..] => wide(bytes, u16::from_le_bytes),
        _ => String::from_utf8_lossy(bytes).into_owned(),
    };
    text.trim_start_matches('\u{feff}').to_owned()
}

fn wide(bytes: &[u8], unit: impl Fn([u8; 2]) -> u16) -> String {
    let units: Vec<u16> = bytes.chunks_exact(2).map(|pair| unit([pair[0], pair[1]])).collect();
    String::from_utf16_lossy(&units)
}

/// With what JavaScript and Python take, and a strict reader does not.
fn lenient(text: &str) -> String {
    text.replace("1e400", "1").replace("NaN", "0").replace(r"\ud800", "?")
}

/// Go takes `ſ` for `s`, and the sign for kelvin for `k`.
fn folded(name: &str) -> String {
    name.to_lowercase().replace('ſ', "s")
}

/// Names and values of an object as they come; a value that is no text counts for nothing.
struct Members(Vec<(String, Option<String>)>);

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Members, D::Error> {
        struct Reader;

        impl<'de> Visitor<'de> for Reader {
            type Value = Members;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
                let mut members = Vec::new();
                while let Some((name, value)) = map.next_entry::<String, serde_json::Value>()? {
                    members.push((name, value.as_str().map(str::to_owned)));
                }
                Ok(Members(members))
            }
        }

        deserializer.deserialize_map(Reader)
    }
}
