//! JSON, read as leniently as the most lenient application would (THREATS E17, E18).
//!
//! Not serde_json: it keeps the last of two equal names without a word, and fails wholly on `1e400`, a lone
//! surrogate or depth 129, all of which other parsers take. A failure of ours alone would make every
//! condition on the body silently false. So this reader goes on where it can and says where it did; it
//! keeps its own stack, because an overflow of the program's cannot be caught.

pub(super) mod lines;
mod number;
mod plain;
mod string;

use super::Doubtful;
use crate::event::NoteCode;
use crate::value::{Map, Text, Value};

/// A value, and where it is doubtful.
#[derive(Debug)]
pub struct Reading {
    /// The value; of two equal names the last.
    pub value: Value,
    /// Where another parser may see something else.
    pub doubts: Vec<Doubtful>,
}

/// Why text is not JSON, by the byte at which it stops being so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JsonError {
    /// Something else stands there, or the text ends.
    #[error("not JSON at byte {0}")]
    Unexpected(usize),
    /// Arrays and objects in each other beyond the limit.
    #[error("too deep at byte {0}")]
    TooDeep(usize),
}

/// Reads JSON.
///
/// # Errors
/// When it is not even nearly JSON, or deeper than 512.
pub fn parse(text: &str) -> Result<Reading, JsonError> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut reader = Reader {
        text,
        bytes: text.as_bytes(),
        at: 0,
        stack: Vec::new(),
        elements: Vec::new(),
        members: Vec::with_capacity(MEMBERS_USUAL),
        doubts: Vec::new(),
    };
    let value = reader.document()?;
    reader.blanks();
    if reader.at < reader.bytes.len() {
        reader.doubts.push(Doubtful::at(Vec::new(), NoteCode::BodyAmbiguous, "more behind the JSON value"));
    }
    Ok(Reading { value, doubts: reader.doubts })
}

struct Reader<'a> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
    stack: Vec<Frame>,
    /// The elements of all open arrays, the outermost's first: each array gets as much room as it needs when it ends.
    elements: Vec<Value>,
    /// The members of all open objects likewise, as they were sent; the last of each has its name and not yet its value.
    members: Vec<(Text, Value)>,
    doubts: Vec<Doubtful>,
}

/// An array or object whose end is not reached yet, by where its own begin.
#[derive(Clone, Copy)]
enum Frame {
    Array(usize),
    Object(usize),
}

/// What stands at a value's place.
enum Step {
    Value(Value),
    Opened,
}

impl Reader<'_> {
    fn document(&mut self) -> Result<Value, JsonError> {
        loop {
            let mut value = match self.value()? {
                Step::Opened => continue,
                Step::Value(value) => value,
            };
            // A finished value may finish the array or object around it, and so on outwards.
            loop {
                if self.stack.is_empty() {
                    return Ok(value);
                }
                self.store(value);
                match self.next_or_close()? {
                    None => break,
                    Some(closed) => value = closed,
                }
            }
        }
    }

    fn value(&mut self) -> Result<Step, JsonError> {
        self.blanks();
        match self.peek() {
            Some(b'{') => self.open_object(),
            Some(b'[') => self.open_array(),
            Some(b'"') => Ok(Step::Value(Value::String(self.string()?))),
            Some(b'-' | b'+' | b'.' | b'0'..=b'9') => Ok(Step::Value(self.number())),
            Some(_) => self.word().map(Step::Value),
            None => Err(JsonError::Unexpected(self.at)),
        }
    }

    fn open_array(&mut self) -> Result<Step, JsonError> {
        self.at += 1;
        self.blanks();
        if self.take(b']') {
            return Ok(Step::Value(Value::Array(Vec::new())));
        }
        self.enter(Frame::Array(self.elements.len()))?;
        Ok(Step::Opened)
    }

    fn open_object(&mut self) -> Result<Step, JsonError> {
        self.at += 1;
        self.blanks();
        if self.take(b'}') {
            return Ok(Step::Value(Value::Object(Map::new())));
        }
        let name = self.name()?;
        self.enter(Frame::Object(self.members.len()))?;
        self.members.push((name, Value::Null));
        Ok(Step::Opened)
    }

    fn enter(&mut self, frame: Frame) -> Result<(), JsonError> {
        if self.stack.len() >= DEPTH_MAX {
            return Err(JsonError::TooDeep(self.at));
        }
        self.stack.push(frame);
        Ok(())
    }

    fn name(&mut self) -> Result<Text, JsonError> {
        self.blanks();
        if self.peek() != Some(b'"') {
            return Err(JsonError::Unexpected(self.at));
        }
        let name = self.string()?;
        self.blanks();
        match self.take(b':') {
            true => Ok(name),
            false => Err(JsonError::Unexpected(self.at)),
        }
    }

    fn store(&mut self, value: Value) {
        match self.stack.last() {
            Some(Frame::Array(_)) => self.elements.push(value),
            Some(Frame::Object(_)) => {
                if let Some((_, place)) = self.members.last_mut() {
                    *place = value;
                }
            }
            None => {}
        }
    }

    /// Behind a finished element or member: goes to the next (`None`), or gives the whole that ends here.
    fn next_or_close(&mut self) -> Result<Option<Value>, JsonError> {
        self.blanks();
        let has_comma = self.take(b',');
        if has_comma {
            self.blanks();
        }
        let is_object = matches!(self.stack.last(), Some(Frame::Object(_)));
        let end = if is_object { b'}' } else { b']' };
        if self.peek() == Some(end) {
            if has_comma {
                self.doubt(NoteCode::BodyAmbiguous, "a comma before the end", Vec::new());
            }
            self.at += 1;
            return Ok(self.stack.pop().map(|frame| match frame {
                Frame::Array(start) => Value::Array(self.elements.split_off(start)),
                Frame::Object(start) => Value::Object(self.members_from(start)),
            }));
        }
        if !has_comma {
            return Err(JsonError::Unexpected(self.at));
        }
        if is_object {
            let next = self.name()?;
            self.members.push((next, Value::Null));
        }
        Ok(None)
    }

    /// The members of an object that ends here; of two with one name the last, with a doubt.
    fn members_from(&mut self, start: usize) -> Map {
        let sent = self.members.split_off(start);
        let mut repeated = Vec::new();
        let members = Map::from_sent(sent, |name, old, new| {
            if repeated.len() <= DOUBTS_MAX {
                repeated.push((name.to_owned(), vec![brief(old), brief(new)]));
            }
        });
        for (name, values) in repeated {
            self.doubt_at(Some(name), NoteCode::DuplicateKey, "given more than once", values);
        }
        members
    }

    /// A number; what no JSON number holds exactly stays the text that was sent.
    fn number(&mut self) -> Value {
        let start = self.at;
        if self.text[start..].starts_with("-Infinity") {
            self.at += "-Infinity".len();
            return self.odd_number("-Infinity");
        }
        while self.peek().is_some_and(|byte| matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E')) {
            self.at += 1;
        }
        let text = &self.text[start..self.at];
        match number::exact(text) {
            Some(number) => Value::Number(number),
            None => self.odd_number(text),
        }
    }

    fn odd_number(&mut self, text: &str) -> Value {
        self.doubt(NoteCode::BodyAmbiguous, "a number that not every parser takes", Vec::new());
        Value::from(text)
    }

    fn word(&mut self) -> Result<Value, JsonError> {
        for (word, value) in
            [("true", Value::Bool(true)), ("false", Value::Bool(false)), ("null", Value::Null)]
        {
            if self.text[self.at..].starts_with(word) {
                self.at += word.len();
                return Ok(value);
            }
        }
        for word in ["NaN", "Infinity"] {
            if self.text[self.at..].starts_with(word) {
                self.at += word.len();
                return Ok(self.odd_number(word));
            }
        }
        Err(JsonError::Unexpected(self.at))
    }

    /// Notes a doubt about the place at hand.
    fn doubt(&mut self, code: NoteCode, detail: &str, values: Vec<Value>) {
        self.doubt_at(None, code, detail, values);
    }

    /// Notes a doubt about a member of what ends here; past the limit the whole body is in doubt.
    fn doubt_at(&mut self, member: Option<String>, code: NoteCode, detail: &str, values: Vec<Value>) {
        if self.doubts.len() > DOUBTS_MAX {
            return;
        }
        if self.doubts.len() == DOUBTS_MAX {
            self.doubts.push(Doubtful::at(Vec::new(), code, "many doubtful places"));
            return;
        }
        let (mut elements, mut members) = (self.elements.as_slice(), self.members.as_slice());
        let mut path: Vec<String> = member.into_iter().collect();
        for frame in self.stack.iter().rev() {
            path.push(match *frame {
                Frame::Array(start) => {
                    let (outer, own) = elements.split_at(start);
                    elements = outer;
                    own.len().to_string()
                }
                Frame::Object(start) => {
                    let (outer, own) = members.split_at(start);
                    members = outer;
                    own.last().map(|(name, _)| name.to_string()).unwrap_or_default()
                }
            });
        }
        path.reverse();
        self.doubts.push(Doubtful { path, code, detail: Some(detail.to_owned()), values });
    }

    fn blanks(&mut self) {
        while self.peek().is_some_and(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn take(&mut self, byte: u8) -> bool {
        let is_there = self.peek() == Some(byte);
        if is_there {
            self.at += 1;
        }
        is_there
    }
}

/// A value as a doubt tells it: whole copies of nested duplicates would multiply.
fn brief(value: &Value) -> Value {
    match value {
        Value::Array(_) => Value::from("[…]"),
        Value::Object(_) => Value::from("{…}"),
        Value::String(text) => Value::String(text.chars().take(SHOWN_CHARS).collect()),
        Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
    }
}

/// Room for the members of most bodies' open objects, made at once: a kilobyte, which allocators have at hand.
const MEMBERS_USUAL: usize = 1024 / size_of::<(Text, Value)>();
/// Characters of a value that a doubt tells.
const SHOWN_CHARS: usize = 200;
/// Arrays and objects in each other; the deepest that Python takes by default is about 990, PHP stops at
/// 512.
const DEPTH_MAX: usize = 512;
/// Doubtful places told one by one.
const DOUBTS_MAX: usize = 50;
