//! Answers to questions as documents, each decoded once however many rules look at it.

use std::borrow::Cow;
use std::cell::OnceCell;

use http::HeaderMap;
use serde_json::{Value, json};

use super::super::document::Reading;
use super::super::document::sight::Side;
use super::ask::Asked;
use super::{Answer, Answers, ReadFailure, ReadRequest};
use crate::capture;
use crate::exchange::Capture;

/// Decoded answers.
pub(in crate::derive) struct Decoded<'a> {
    pub(in crate::derive) reading: &'a Reading<'a>,
    /// What was planned to be asked: saves the keys from being made again.
    asked: &'a [ReadRequest],
    /// An actor's members, in place of what the pack's ways would find.
    pub(in crate::derive) given: Option<&'a Value>,
    documents: Vec<(&'a str, &'a Answer, OnceCell<Value>)>,
}

/// What came of a question.
#[derive(Debug)]
pub(in crate::derive) enum Heard<'d> {
    /// `{status, headers, body}`, of a 2xx.
    Found(&'d Value),
    /// 404 or 410.
    Absent,
    /// Anything else, and why.
    Unavailable(String),
}

impl<'a> Decoded<'a> {
    pub(in crate::derive) fn new(
        asked: &'a [ReadRequest],
        answers: &'a Answers,
        reading: &'a Reading<'a>,
        given: Option<&'a Value>,
    ) -> Decoded<'a> {
        let answers = answers.iter();
        let documents = answers.map(|(key, answer)| (key.as_str(), answer, OnceCell::new())).collect();
        Decoded { reading, asked, given, documents }
    }

    /// What came of this question.
    pub(in crate::derive) fn hear(&self, asked: &Asked) -> Heard<'_> {
        let key = match self.asked.iter().find(|read| asked.is(read)) {
            Some(read) => Cow::Borrowed(&read.key),
            None => Cow::Owned(asked.key(self.reading.key)),
        };
        let Some((_, answer, document)) = self.documents.iter().find(|(known, _, _)| *known == *key) else {
            return Heard::Unavailable(why(ReadFailure::NotAsked).to_owned());
        };
        let (status, head, body) = match answer {
            Answer::Answered { status, headers, body } => (*status, headers, body),
            Answer::Failed(failure) => return Heard::Unavailable(why(*failure).to_owned()),
        };
        match status {
            200..=299 => {}
            404 | 410 => return Heard::Absent,
            other => return Heard::Unavailable(format!("status {other}")),
        }
        Heard::Found(document.get_or_init(|| self.document(status, head, body)))
    }

    fn document(&self, status: u16, head: &HeaderMap, body: &Capture) -> Value {
        let decoded = capture::decode(body, head, None, self.reading.decoded_bytes_max);
        let redactor = &self.reading.redactor;
        let mut document = json!({ "status": status, "headers": self.reading.headers(Side::Answer, head) });
        if let Some(mut value) = decoded.value {
            redactor.value(&["answer", "body"], &mut value);
            document["body"] = value;
        }
        document
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
