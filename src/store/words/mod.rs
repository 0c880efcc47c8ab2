//! Words: what one is, and which an event holds. One definition, used by the scan, the tail and the index.
//!
//! A word is a run of letters and digits, without case and without accents; it is compared by its first 64
//! characters. Where words are written without blanks between them, each character is one. The words of a
//! text stand in a line, ` moved by jordis ⏎`, so that a word is found as ` by `, a prefix as ` jor`, and a
//! phrase as ` moved by `; a phrase never reaches over the end of its text.

mod search;

pub use search::Clause;
pub(super) use search::{Phrase, What};

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;
use unicode_script::{Script, UnicodeScript};

use crate::event::{Actor, Event};
use crate::value::Value;

/// Texts of an event that can be looked through by themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Text {
    /// The heading.
    Title,
    /// The sentence.
    Message,
    /// The reason given.
    Reason,
    /// The application's error.
    Error,
    /// Names and values of what changed.
    Changes,
    /// Everything else that the rule keeps.
    Details,
    /// Parts of the exchange that the rule kept.
    Raw,
}

impl Text {
    /// All of them, in the order in which [`Texts`] has them.
    const ALL: [Text; 7] =
        [Text::Title, Text::Message, Text::Reason, Text::Error, Text::Changes, Text::Details, Text::Raw];

    /// The word used in questions.
    fn as_str(self) -> &'static str {
        match self {
            Text::Title => "title",
            Text::Message => "message",
            Text::Reason => "reason",
            Text::Error => "error",
            Text::Changes => "changes",
            Text::Details => "details",
            Text::Raw => "raw",
        }
    }
}

/// The words of an event.
pub(super) struct Texts {
    lines: String,
    /// Where the part of each [`Text`] ends; what is in none of them comes last.
    ends: [usize; Text::ALL.len()],
}

impl Texts {
    pub(super) fn of(event: &Event) -> Texts {
        let mut lines = String::with_capacity(512);
        let mut ends = [0; Text::ALL.len()];
        for (text, end) in Text::ALL.into_iter().zip(&mut ends) {
            push_text(text, event, &mut lines);
            *end = lines.len();
        }
        let target = event.target.iter();
        let target = target.flat_map(|target| [&target.id, &target.requested_id, &target.name]).flatten();
        std::iter::once(&event.action)
            .chain(actor_texts(&event.actor))
            .chain(event.on_behalf_of.iter().flat_map(actor_texts))
            .chain(target)
            .chain(event.links.iter().map(|link| &link.id))
            .for_each(|text| push_line(text, &mut lines));
        Texts { lines, ends }
    }

    /// All words, a line for each text.
    pub(super) fn lines(&self) -> &str {
        &self.lines
    }

    /// The words of one text; all words without one.
    pub(super) fn within(&self, text: Option<Text>) -> &str {
        let Some(index) = Text::ALL.into_iter().position(|one| Some(one) == text) else {
            return &self.lines;
        };
        let start = index.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.lines[start..self.ends[index]]
    }
}

/// A text without case.
pub(super) fn folded(text: &str) -> String {
    text.to_lowercase()
}

/// True when two texts are the same but for case.
pub(super) fn is_same(left: &str, right: &str) -> bool {
    left.eq_ignore_ascii_case(right)
        || !(left.is_ascii() && right.is_ascii()) && folded(left) == folded(right)
}

/// Adds the words of a text as a line, if it has any.
pub(super) fn push_line(text: &str, lines: &mut String) {
    let before = lines.len();
    if text.is_ascii() {
        push_ascii(text, lines);
    } else {
        push_any(text, lines);
    }
    if lines.len() > before {
        lines.push_str(" \n");
    }
}

fn push_ascii(text: &str, lines: &mut String) {
    let before = lines.len();
    for word in text.split(|letter: char| !letter.is_ascii_alphanumeric()).filter(|word| !word.is_empty()) {
        lines.push(' ');
        lines.push_str(&word[..word.len().min(WORD_CHARS_MAX)]);
    }
    lines[before..].make_ascii_lowercase();
}

/// Where the last character was.
enum At {
    Gap,
    /// In a word, so many characters long.
    Word(usize),
    /// In a word that is one character.
    Single,
}

fn push_any(text: &str, lines: &mut String) {
    let mut at = At::Gap;
    for letter in text.nfkd().flat_map(char::to_lowercase) {
        if ACCENTS.contains(&letter) {
            continue;
        }
        at = match at {
            At::Gap if is_combining_mark(letter) => At::Gap,
            // A character of its own takes few marks; more are not worth telling apart.
            At::Single if is_combining_mark(letter) => At::Single,
            At::Gap | At::Word(_) | At::Single if is_single(letter) => {
                lines.push(' ');
                lines.push(letter);
                At::Single
            }
            At::Word(count) if letter.is_alphanumeric() || is_combining_mark(letter) => {
                if count < WORD_CHARS_MAX {
                    lines.push(letter);
                }
                At::Word(count + 1)
            }
            At::Gap | At::Single if letter.is_alphanumeric() => {
                lines.push(' ');
                lines.push(letter);
                At::Word(1)
            }
            At::Gap | At::Word(_) | At::Single => At::Gap,
        };
    }
}

/// True for the letters of scripts that put no blanks between words.
fn is_single(letter: char) -> bool {
    let scripts = [
        Script::Han,
        Script::Hiragana,
        Script::Katakana,
        Script::Thai,
        Script::Lao,
        Script::Khmer,
        Script::Myanmar,
    ];
    letter >= FIRST_SINGLE && letter.is_alphanumeric() && scripts.contains(&letter.script())
}

fn push_text(text: Text, event: &Event, lines: &mut String) {
    match text {
        Text::Title => push_line(&event.title, lines),
        Text::Message => push_line(&event.message.text, lines),
        Text::Reason => event.reason.iter().for_each(|text| push_line(text, lines)),
        Text::Error => event.error.iter().for_each(|text| push_line(text, lines)),
        Text::Changes => {
            for change in &event.changes {
                push_line(&change.field, lines);
                change.label.iter().for_each(|label| push_line(label, lines));
                change.before.iter().chain(&change.after).for_each(|value| push_value(value, lines));
            }
        }
        Text::Details => event.details.values().for_each(|value| push_value(value, lines)),
        Text::Raw => event.raw.values().for_each(|value| push_value(value, lines)),
    }
}

fn actor_texts(actor: &Actor) -> impl Iterator<Item = &String> {
    actor.name.iter().chain(&actor.email).chain(&actor.id)
}

/// Goes through a value without recursion, so that its depth does not matter.
fn push_value(value: &Value, lines: &mut String) {
    let mut left = vec![value];
    while let Some(value) = left.pop() {
        match value {
            Value::Null => {}
            Value::Bool(is_true) => push_line(if *is_true { "true" } else { "false" }, lines),
            Value::Number(number) => push_line(&number.to_string(), lines),
            Value::String(text) => push_line(text, lines),
            Value::Array(values) => left.extend(values),
            Value::Object(members) => left.extend(members.values()),
        }
    }
}

pub(super) const WORD_CHARS_MAX: usize = 64;
/// Combining accents of the European scripts: who asks for `jordis` finds Jördis.
const ACCENTS: std::ops::RangeInclusive<char> = '\u{300}'..='\u{36f}';
/// Before it there is no letter that is a word of its own.
const FIRST_SINGLE: char = '\u{e00}';

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_becomes_a_line_of_words() {
        let check = |text: &str, expected: &str| {
            let mut lines = String::new();
            push_line(text, &mut lines);
            assert_eq!(lines, expected, "{text}");
        };
        check("", "");
        check(" -- ", "");
        check("Moved, by JÖRDIS!", " moved by jordis \n");
        check("Jo\u{308}rdis", " jordis \n");
        check("jordis@example.org", " jordis example org \n");
        check("NO_ROOM 10:00", " no room 10 00 \n");
        check("Straße ΣΊΣΥΦΟΣ", " straße σισυφοσ \n");
        check("ﬁnal ４２", " final 42 \n");
        check("会議室 A室", " 会 議 室 a 室 \n");
        check("İstanbul", " istanbul \n");
        check("हिन्दी", " हिन्दी \n");
        check(&"x".repeat(100), &format!(" {} \n", "x".repeat(64)));
        check(&"ж".repeat(100), &format!(" {} \n", "ж".repeat(64)));
    }

    proptest::proptest! {
        #[test]
        fn ascii_is_read_as_any_other_text(text in "[ -~]{0,200}") {
            let (mut quick, mut any) = (String::new(), String::new());
            push_ascii(&text, &mut quick);
            push_any(&text, &mut any);
            assert_eq!(quick, any);
        }
    }
}
