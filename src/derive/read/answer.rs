//! Answers to questions as documents, each decoded once however many rules look at it.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use serde_json::{Value, json};

use super::super::document::{Reading, headers};
use super::{Answer, Answers, ReadFailure};
use crate::capture;

/// Decoded answers.
pub(in crate::derive) struct Decoded<'a> {
    answers: &'a Answers,
    reading: Reading<'a>,
    /// An actor's members, in place of what the pack's ways would find.
    pub(in crate::derive) given: Option<&'a Value>,
    documents: RefCell<HashMap<String, Rc<Value>>>,
}

/// What came of a question.
#[derive(Debug)]
pub(in crate::derive) enum Heard {
    /// `{status, headers, body}`, of a 2xx.
    Found(Rc<Value>),
    /// 404 or 410.
    Absent,
    /// Anything else, and why.
    Unavailable(String),
}

impl<'a> Decoded<'a> {
    pub(in crate::derive) fn new(
        answers: &'a Answers,
        reading: Reading<'a>,
        given: Option<&'a Value>,
    ) -> Decoded<'a> {
        Decoded { answers, reading, given, documents: RefCell::default() }
    }

    /// What came of the question with this key.
    pub(in crate::derive) fn hear(&self, key: &str) -> Heard {
        let (status, head, body) = match self.answers.get(key) {
            Some(Answer::Answered { status, headers, body }) => (*status, headers, body),
            Some(Answer::Failed(failure)) => return Heard::Unavailable(why(*failure).to_owned()),
            None => return Heard::Unavailable(why(ReadFailure::NotAsked).to_owned()),
        };
        match status {
            200..=299 => {}
            404 | 410 => return Heard::Absent,
            other => return Heard::Unavailable(format!("status {other}")),
        }
        if let Some(known) = self.documents.borrow().get(key) {
            return Heard::Found(Rc::clone(known));
        }
        let decoded = capture::decode(body, head, None, self.reading.decoded_bytes_max);
        let redactor = self.reading.redactor;
        let mut document = json!({ "status": status, "headers": headers(redactor, head) });
        if let Some(mut value) = decoded.value {
            redactor.value(&["answer", "body"], &mut value);
            document["body"] = value;
        }
        let document = Rc::new(document);
        self.documents.borrow_mut().insert(key.to_owned(), Rc::clone(&document));
        Heard::Found(document)
    }
}

/// The failure in a word, for `before.why`.
pub(in crate::derive) fn why(failure: ReadFailure) -> &'static str {
    match failure {
        ReadFailure::Timeout => "timeout",
        ReadFailure::Refused => "refused",
        ReadFailure::TooLarge => "too_large",
        ReadFailure::NotAsked => "not_asked",
    }
}
