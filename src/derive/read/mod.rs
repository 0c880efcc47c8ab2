//! Reads: the questions that rules want to ask the application, as data. Whoever owns the upstream
//! connection asks them and hands the answers back.

pub(super) mod answer;
pub(super) mod ask;
pub(super) mod consistency;

use std::collections::HashMap;
use std::ops::{Deref, DerefMut};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method};

use crate::event::{Actor, Scope};
use crate::exchange::Capture;
use crate::value::Value;

/// Two reads with the same key are asked once per exchange: method, target, headers, body and credential.
pub type ReadKey = String;

/// A question to the application.
#[derive(Clone, Debug)]
pub struct ReadRequest {
    /// Identifies it.
    pub key: ReadKey,
    /// What it is for.
    pub purpose: Purpose,
    /// GET, HEAD, PROPFIND, REPORT, or a POST that the rule calls safe.
    pub method: Method,
    /// Path and query, checked: it never leaves the shape that the rule gives it (THREATS B02).
    pub target: String,
    /// Credentials and what the rule names; nothing else.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// The body.
    pub body: Bytes,
    /// The service credential of the configuration to show, where it is not the caller's own. Whoever asks
    /// holds the secret and sees to it that it goes nowhere else (THREATS B05).
    pub credentials: Option<String>,
    /// Whether memory may answer it.
    pub recall: Option<Recall>,
    /// Limit in milliseconds.
    pub timeout_ms: u64,
}

/// How memory answers a question: by the key under which the thing's last seen form is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Recall {
    /// The application is not asked at all.
    Instead(String),
    /// Only if the application does not say.
    Otherwise(String),
}

/// What an exchange showed of a thing that is remembered.
#[derive(Clone, Debug, PartialEq)]
pub enum Learned {
    /// All of it.
    Whole(Value),
    /// These members; of the others nothing was shown.
    Part(Value),
    /// It is gone, or has become something that nobody saw.
    Lost,
}

/// What a read is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// The thing before the action: asked before forwarding.
    Before,
    /// Who acts: asked before forwarding, and cached by its key, which holds only a keyed hash of the
    /// credential.
    Identity,
    /// The thing after the action: asked after the answer.
    After,
}

/// What came of a read.
#[derive(Clone, Debug)]
pub enum Answer {
    /// The application answered.
    Answered {
        /// HTTP status code.
        status: u16,
        /// Headers.
        headers: HeaderMap,
        /// A bounded copy.
        body: Capture,
    },
    /// It was not asked, or did not say; this was seen last.
    Remembered {
        /// The thing, redacted.
        value: Value,
        /// Since then, in milliseconds.
        age_ms: u64,
    },
    /// It did not.
    Failed(ReadFailure),
    /// It was not asked: logins have shown whose session this is.
    Logins(Logins),
}

/// Whose session something is, as logins have shown.
#[derive(Clone, Debug, PartialEq)]
pub struct Logins {
    /// Whoever it was taught for; several where it is not certain.
    pub people: Vec<Person>,
    /// How long ago the last of them logged in, in seconds.
    pub age_s: u64,
}

/// Who logged in, and as whom.
#[derive(Clone, Debug, PartialEq)]
pub struct Person {
    /// Who it really is.
    pub actor: Actor,
    /// Whose account it is, where that is another's.
    pub on_behalf_of: Option<Actor>,
    /// Whose members may see what it does, as the login's event had it.
    pub scope: Scope,
}

impl Person {
    /// Takes a session for this person. Whoever else it was taught for stays beside, so that it is in doubt until
    /// it ends (THREATS E59); the same account counts once: one that an administrator takes on and gives back
    /// stays the administrator's session.
    pub fn joins(self, people: &mut Vec<Person>) {
        let is_same = |one: &Actor, other: &Actor| {
            (&one.r#type, &one.id, &one.email) == (&other.r#type, &other.id, &other.email)
        };
        people.retain(|other| !is_same(&other.actor, &self.actor));
        people.truncate(PEOPLE_MAX - 1);
        people.push(self);
    }
}

/// What an exchange taught about sessions.
#[derive(Clone, Debug, PartialEq)]
pub enum Lesson {
    /// These are this person's.
    Starts(Vec<ReadKey>, Box<Person>),
    /// These are nobody's.
    Ends(Vec<ReadKey>),
}

/// Why a read gave nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadFailure {
    /// No answer in time.
    Timeout,
    /// No connection, or it broke.
    Refused,
    /// The answer was larger than the limit.
    TooLarge,
    /// It was not asked: a part of its address was not a plain segment, or it needs a body that was not
    /// held.
    NotAsked,
    /// Too many reads were under way.
    Overloaded,
    /// The client has asked for too many.
    OverBudget,
    /// The application did not answer of late, or said that it has enough.
    Paused,
    /// The application refused this credential a moment ago.
    NotAccepted,
    /// Nothing was ever seen of the thing.
    NotRemembered,
}

/// Answers by the key of their question, and what went on meanwhile.
#[derive(Clone, Debug, Default)]
pub struct Answers {
    by_key: HashMap<ReadKey, Answer>,
    /// By the name that a write gives to its thing.
    pub meanwhile: HashMap<String, Meanwhile>,
}

/// What went on with a thing while a request that changes it was under way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Meanwhile {
    /// Another request changed it too.
    pub had_company: bool,
    /// It was to wait for its turn and did not get one in time.
    pub missed_turn: bool,
}

/// A thing that a request is about to change.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Write {
    /// Its type and identifier, in a form that all spellings share.
    pub thing: String,
    /// Requests that change it take turns.
    pub is_serialized: bool,
}

impl Write {
    /// The name for a thing. Spellings of one identifier share it: case, blanks, signs and leading zeros do
    /// not count. Two things that share one by chance only wait for each other.
    pub(super) fn thing<'p>(kind: &str, parts: impl Iterator<Item = &'p str>) -> String {
        parts.fold(kind.to_owned(), |thing, part| {
            let part = part.trim().to_lowercase();
            match part.trim_start_matches('+').parse::<u64>() {
                Ok(number) => format!("{thing} {number}"),
                Err(_) => format!("{thing} {part}"),
            }
        })
    }
}

impl Answers {
    /// None yet.
    pub fn new() -> Answers {
        Answers::default()
    }
}

impl FromIterator<(ReadKey, Answer)> for Answers {
    fn from_iter<I: IntoIterator<Item = (ReadKey, Answer)>>(answers: I) -> Answers {
        Answers { by_key: answers.into_iter().collect(), meanwhile: HashMap::new() }
    }
}

impl IntoIterator for Answers {
    type Item = (ReadKey, Answer);
    type IntoIter = <HashMap<ReadKey, Answer> as IntoIterator>::IntoIter;

    fn into_iter(self) -> Self::IntoIter {
        self.by_key.into_iter()
    }
}

impl Deref for Answers {
    type Target = HashMap<ReadKey, Answer>;

    fn deref(&self) -> &Self::Target {
        &self.by_key
    }
}

impl DerefMut for Answers {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.by_key
    }
}

/// How long a login is remembered, in seconds.
pub const LOGIN_KEPT_S: u64 = 12 * 60 * 60;
/// People of one session; two are doubt already.
const PEOPLE_MAX: usize = 4;
