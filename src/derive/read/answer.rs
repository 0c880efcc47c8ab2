//! Answers to questions as documents, each decoded once however many rules look at it.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::collections::HashMap;
use std::fmt;

use http::HeaderMap;
use http::header::AGE;

use super::super::document::sight::Side;
use super::super::document::{Reading, formats};
use super::super::plan::READS_MAX;
use super::super::{Given, Step, Trace};
use super::ask::Asked;
use super::consistency::Validators;
use super::{Answer, Answers, Logins, Meanwhile, Purpose, ReadFailure, ReadRequest};
use crate::capture;
use crate::event::Unread;
use crate::exchange::Capture;
use crate::value::{Map, Value};

/// Decoded answers.
pub(in crate::derive) struct Decoded<'a> {
    pub(in crate::derive) reading: &'a Reading<'a>,
    /// What was planned to be asked: saves the keys from being made again.
    asked: &'a [ReadRequest],
    /// An actor's members, in place of what the pack's ways would find.
    pub(in crate::derive) given: Option<&'a Value>,
    trace: Option<&'a dyn Trace>,
    /// What went on with things, by their names.
    pub(in crate::derive) meanwhile: &'a HashMap<String, Meanwhile>,
    documents: Vec<(&'a str, &'a Answer, OnceCell<Value>)>,
}

/// What came of a question.
#[derive(Debug)]
pub(in crate::derive) enum Heard<'d> {
    /// `{status, headers, body}`, of a 2xx, and which version of the thing it shows.
    Found(&'d Value, Validators),
    /// Seen earlier, so long ago in milliseconds.
    Remembered(&'d Value, u64),
    /// 404 or 410.
    Absent,
    /// Anything else, and why.
    Unavailable(Why),
}

impl<'a> Decoded<'a> {
    pub(in crate::derive) fn new(
        asked: &'a [ReadRequest],
        answers: &'a Answers,
        reading: &'a Reading<'a>,
        given: &Given<'a>,
    ) -> Decoded<'a> {
        let meanwhile = &answers.meanwhile;
        let answers = answers.iter();
        let documents = answers.map(|(key, answer)| (key.as_str(), answer, OnceCell::new())).collect();
        Decoded { reading, asked, given: given.actor, trace: given.trace, meanwhile, documents }
    }

    /// Tells who listens, if anybody does.
    pub(in crate::derive) fn tell<'s>(&self, step: impl FnOnce() -> Step<'s>) {
        if let Some(trace) = self.trace {
            trace.step(step());
        }
    }

    /// What came of this question.
    pub(in crate::derive) fn hear(&self, asked: &Asked) -> Heard<'_> {
        let key = match self.asked.iter().find(|read| asked.is(read)) {
            Some(read) => Cow::Borrowed(&read.key),
            None => Cow::Owned(asked.key(self.reading.key)),
        };
        let Some((_, answer, document)) = self.documents.iter().find(|(known, _, _)| *known == *key) else {
            let word = if self.is_full(asked.purpose()) { Unread::TooMany } else { Unread::NotAsked };
            return Heard::Unavailable(word.into());
        };
        let (status, head, body) = match answer {
            Answer::Answered { status, headers, body } => (*status, headers, body),
            Answer::Remembered { value, age_ms } => {
                // It was redacted as other rules asked; these may ask for more.
                let again = || {
                    let mut value = value.clone();
                    self.reading.redactor.value(&["before"], &mut value);
                    value
                };
                return Heard::Remembered(document.get_or_init(again), *age_ms);
            }
            Answer::Failed(failure) => return Heard::Unavailable((*failure).into()),
            Answer::Logins(_) => return Heard::Unavailable(ReadFailure::NotAsked.into()),
        };
        match status {
            200..=299 => {}
            404 | 410 => return Heard::Absent,
            401 | 403 => return Heard::Unavailable(Why { word: Unread::NotAllowed, status: Some(status) }),
            _ => return Heard::Unavailable(Why { word: Unread::Status, status: Some(status) }),
        }
        let document = document.get_or_init(|| self.document(asked, status, head, body));
        Heard::Found(document, Validators::of(head))
    }

    /// Whether as many questions were asked as may be, so that one without an answer was left out.
    fn is_full(&self, purpose: Purpose) -> bool {
        let planned = self.asked.len();
        let count = match purpose {
            Purpose::Before | Purpose::Identity => planned,
            Purpose::After => {
                let is_heard = |answer: &Answer| !matches!(answer, Answer::Logins(_));
                let heard = self.documents.iter().filter(|(_, answer, _)| is_heard(answer)).count();
                heard.saturating_sub(planned)
            }
        };
        count >= READS_MAX
    }

    /// What logins have shown of the session with this key.
    pub(in crate::derive) fn logins(&self, key: &str) -> Option<&'a Logins> {
        let (_, answer, _) = self.documents.iter().find(|(known, _, _)| *known == key)?;
        match answer {
            Answer::Logins(logins) => Some(logins),
            Answer::Answered { .. } | Answer::Failed(_) | Answer::Remembered { .. } => None,
        }
    }

    fn document(&self, asked: &Asked, status: u16, head: &HeaderMap, body: &Capture) -> Value {
        let packs = self.reading.formats.iter().copied();
        let forced = formats::forced(packs, asked.method(), asked.target());
        let decoded = capture::decode(body, head, forced, self.reading.decoded_bytes_max);
        let redactor = &self.reading.redactor;
        let headers = self.reading.headers(Side::Answer, head);
        let mut document = Value::from(Map::from([("status", Value::from(status)), ("headers", headers)]));
        // For the actor's evidence; whether rules look at the header or not.
        if let Some(age) = head.get(AGE).and_then(|age| age.to_str().ok()?.trim().parse::<u64>().ok()) {
            document["ageS"] = age.into();
        }
        // For what compares it with a memory; a rule cannot name it.
        if !decoded.doubts.is_empty() {
            document["isDoubtful"] = true.into();
        }
        if let Some(mut value) = decoded.value {
            redactor.value(&["answer", "body"], &mut value);
            document["body"] = value;
        }
        document
    }
}

/// Why a question gave nothing.
#[derive(Clone, Copy, Debug)]
pub(in crate::derive) struct Why {
    pub(in crate::derive) word: Unread,
    pub(in crate::derive) status: Option<u16>,
}

impl From<Unread> for Why {
    fn from(word: Unread) -> Why {
        Why { word, status: None }
    }
}

impl From<ReadFailure> for Why {
    fn from(failure: ReadFailure) -> Why {
        Why::from(match failure {
            ReadFailure::Timeout => Unread::Timeout,
            ReadFailure::Refused => Unread::Refused,
            ReadFailure::TooLarge => Unread::TooLarge,
            ReadFailure::NotAsked => Unread::NotAsked,
            ReadFailure::Overloaded => Unread::Overloaded,
            ReadFailure::OverBudget => Unread::OverBudget,
            ReadFailure::Paused => Unread::Paused,
            ReadFailure::NotAccepted => Unread::NotAccepted,
            ReadFailure::NotRemembered => Unread::NotRemembered,
        })
    }
}

impl fmt::Display for Why {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.status {
            Some(status) => write!(formatter, "status {status}"),
            None => formatter.write_str(self.word.as_str()),
        }
    }
}
