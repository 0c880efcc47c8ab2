//! Who is erased: the addresses, ids and names that somebody has written down, and where a text has one of them. Pure.
//!
//! Nothing is guessed: an address is sought as it is, not with a sub-address or at another domain, and who else may be
//! meant is for a person to say. What is sought is only ever compared, never part of a pattern.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;
use serde_json::Value;

/// What stands for one person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject(Vec<Needle>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Needle {
    /// In small letters, but for a short id.
    text: String,
    reach: Reach,
    /// The longest run of letters and digits of ASCII in it, in small letters: what does not have it is passed over.
    core: String,
}

/// Where something is sought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reach {
    /// In all personal values, as a whole address.
    Address,
    /// In all personal values, as whole words.
    Words,
    /// Only where the id of a person stands: so short a text stands for other things elsewhere.
    Id,
}

impl Subject {
    /// From what somebody wrote.
    ///
    /// # Errors
    /// Says what is wrong with it.
    pub fn parse<'a>(given: impl IntoIterator<Item = &'a str>) -> Result<Subject, String> {
        let needles: Vec<Needle> = given.into_iter().map(|text| Needle::of(text.trim())).collect();
        if needles.is_empty() {
            return Err("an erasure needs somebody: an address, an id or a name".to_owned());
        }
        if needles.len() > NEEDLES_MAX {
            return Err(format!("an erasure takes {NEEDLES_MAX} addresses, ids and names at most"));
        }
        match needles.iter().find(|needle| !needle.is_possible()) {
            None => Ok(Subject(needles)),
            Some(Needle { reach: Reach::Words, .. }) => Err(format!(
                "a name or an id has up to {CHARACTERS_MAX} characters, three of them letters or digits"
            )),
            Some(_) => Err(format!("an address or an id has 1 to {CHARACTERS_MAX} characters")),
        }
    }

    /// What else stands for the person in one event. What is too short for that is left out.
    pub(super) fn of_one<'a>(texts: impl Iterator<Item = &'a String>) -> Subject {
        let words = texts.map(|text| Needle { text: text.to_lowercase(), ..Needle::of(text) });
        let words = words.map(|needle| match needle.reach {
            Reach::Id => Needle { reach: Reach::Words, ..needle },
            Reach::Address | Reach::Words => needle,
        });
        Subject(words.filter(|needle| needle.is_possible()).take(NEEDLES_MAX).collect())
    }

    /// False when nothing in this text, in small letters as far as it is ASCII, can be the person.
    pub(in crate::store) fn may_be_in(&self, small: &[u8]) -> bool {
        let has = |needle: &Needle| memchr::memmem::find(small, needle.core.as_bytes()).is_some();
        self.0.iter().any(|needle| needle.core.is_empty() || has(needle))
    }

    /// True for the id of the person.
    pub(super) fn is_id(&self, text: &str) -> bool {
        let is_short = |needle: &&Needle| needle.reach == Reach::Id;
        self.0.iter().filter(is_short).any(|needle| needle.text == text) || self.is_name(text)
    }

    /// True for an address, a name or a long id of the person.
    pub(super) fn is_name(&self, text: &str) -> bool {
        let small = text.trim().to_lowercase();
        self.0.iter().any(|needle| needle.reach != Reach::Id && needle.text == small)
    }

    /// True when a text, or a document as text, has the person in it.
    pub fn is_in(&self, text: &str) -> bool {
        self.is_within(text.as_bytes())
    }

    /// True when a value, as it stands in JSON, has the person in it.
    pub(super) fn is_within(&self, value: &[u8]) -> bool {
        let text = plain(value).to_lowercase();
        // Addresses of the web spell some characters otherwise.
        let web = memchr::memchr2(b'%', b'+', text.as_bytes()).map(|_| {
            let decoded = percent_decode_str(&text).decode_utf8_lossy().to_lowercase();
            (decoded.replace('+', " "), decoded)
        });
        self.0.iter().any(|needle| {
            needle.is_in(&text)
                || web.as_ref().is_some_and(|(words, decoded)| {
                    needle.is_in(decoded) || needle.reach == Reach::Words && needle.is_in(words)
                })
        })
    }
}

impl Needle {
    fn of(text: &str) -> Needle {
        let reach = match text {
            _ if text.contains('@') => Reach::Address,
            _ if text.contains(char::is_whitespace) || text.chars().count() >= WORD_CHARACTERS_MIN => {
                Reach::Words
            }
            _ => Reach::Id,
        };
        let small = text.to_lowercase();
        let runs = small.split(|character: char| !character.is_ascii_alphanumeric());
        let core = runs.max_by_key(|run| run.len()).unwrap_or_default().to_owned();
        let text = if reach == Reach::Id { text.to_owned() } else { small };
        Needle { text, reach, core }
    }

    fn is_possible(&self) -> bool {
        let least = if self.reach == Reach::Words { NAME_CHARACTERS_MIN } else { 1 };
        let letters = self.text.chars().filter(|character| character.is_alphanumeric()).count();
        letters >= least && self.text.chars().count() <= CHARACTERS_MAX
    }

    /// True when it stands in a text, in small letters, and is no part of something longer.
    fn is_in(&self, text: &str) -> bool {
        text.match_indices(&self.text).any(|(at, found)| {
            let (before, behind) = (text[..at].chars().next_back(), &text[at + found.len()..]);
            match self.reach {
                Reach::Address => !before.is_some_and(is_of_address) && !goes_on_as_address(behind),
                Reach::Words => {
                    !before.is_some_and(char::is_alphanumeric) && !behind.starts_with(char::is_alphanumeric)
                }
                Reach::Id => false,
            }
        })
    }
}

fn is_of_address(character: char) -> bool {
    character.is_alphanumeric() || "._%+-".contains(character)
}

/// True when a domain does not end here; a full stop at the end of a sentence ends one.
fn goes_on_as_address(rest: &str) -> bool {
    let rest = rest.strip_prefix('.').unwrap_or(rest);
    rest.starts_with(|character: char| character.is_alphanumeric() || character == '-')
}

/// The text of a value in JSON, without escapes; of an object or a list all of it.
fn plain(value: &[u8]) -> Cow<'_, str> {
    let Some(read) = memchr::memchr(b'\\', value).and_then(|_| serde_json::from_slice(value).ok()) else {
        return String::from_utf8_lossy(value);
    };
    let mut text = String::new();
    push_plain(&mut text, &read);
    text.into()
}

/// As deep as the parser goes, which has a limit.
fn push_plain(text: &mut String, value: &Value) {
    match value {
        Value::Null | Value::Bool(_) => {}
        Value::Number(number) => text.push_str(&number.to_string()),
        Value::String(string) => text.push_str(string),
        Value::Array(values) => values.iter().for_each(|value| push_plain(text, value)),
        Value::Object(members) => members.iter().for_each(|(name, value)| {
            text.push_str(name);
            text.push('\n');
            push_plain(text, value);
        }),
    }
    text.push('\n');
}

const NEEDLES_MAX: usize = 20;
const CHARACTERS_MAX: usize = 200;
/// Shorter ids are sought where ids of persons stand, and nowhere else.
const WORD_CHARACTERS_MIN: usize = 8;
const NAME_CHARACTERS_MIN: usize = 3;

#[cfg(test)]
mod tests {
    use super::*;

    // THREATS P08
    #[test]
    fn a_person_is_found_as_a_whole_and_however_it_is_spelled() {
        let check = |subject: &str, value: &str, expected: bool| {
            let subject = Subject::parse([subject]).unwrap();
            assert_eq!(subject.is_within(value.as_bytes()), expected, "{value}");
            let is_passed_over = !subject.may_be_in(value.to_ascii_lowercase().as_bytes());
            assert!(!(expected && is_passed_over), "{value} is passed over");
        };
        for value in [
            "\"anna@example.org\"",
            "\"Anna@Example.ORG asked for it.\"",
            "\"mailto:anna@example.org\"",
            "\"http://app/x?mail=anna%40example.org&y=1\"",
            "\"http://app/x?mail=mailto%3Aanna%40example.org\"",
            r#"["bob@example.org",{"anna@example.org":1}]"#,
            r#""{\"email\":\"anna@example.org\"}""#,
            r#""a\nanna@example.org""#,
            "\"It was anna@example.org.\"",
            "\"<anna@example.org>\"",
        ] {
            check("anna@example.org", value, true);
        }
        for value in [
            "\"joanna@example.org\"",
            "\"x.anna@example.org\"",
            "\"x+anna@example.org\"",
            "\"anna@example.org.uk\"",
            "\"anna@example.organic\"",
            "\"anna+work@example.org\"",
            "\"anna\"",
            "null",
        ] {
            check("Anna@example.org", value, false);
        }
        check("Anna Müller", "\"ANNA MÜLLER moved it\"", true);
        check("Anna Müller", "\"?q=Anna+M%C3%BCller\"", true);
        check("Anna Müller", "\"Johanna Müller\"", false);
        check("clx1234567890", "{\"user\":\"clx1234567890\"}", true);
        check("12345678", "[12345678]", true);
        check("12345678", "[123456789]", false);
        check("42", "42", false);
        check("李小龍李小龍李小龍", "\"李小龍李小龍李小龍\"", true);
    }

    #[test]
    fn a_short_id_is_an_id_and_no_name() {
        let subject = Subject::parse(["42", " Anna@example.org "]).unwrap();
        assert!(subject.is_id("42") && !subject.is_name("42") && !subject.is_id("421"));
        assert!(subject.is_id("anna@EXAMPLE.org") && subject.is_name("anna@example.org"));
    }

    #[test]
    fn what_stands_for_nobody_is_refused() {
        for given in
            [&[][..], &[""], &["  "], &["@"], &["- -"], &["a b"], &["x".repeat(201).as_str()], &["42"; 21]]
        {
            assert!(Subject::parse(given.iter().copied()).is_err(), "{given:?}");
        }
    }
}
