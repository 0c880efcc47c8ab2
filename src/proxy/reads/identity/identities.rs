//! What the application said about whose credential it is: kept for a short time, asked once at a time.
//!
//! Shared by all workers. Nothing here holds a credential: a question's key is a keyed hash of all that it
//! sends (THREATS E56), and what an exchange may have changed is told by *marks*, hashes with a key that
//! lives as long as the process. An answer counts only while nothing that its question showed was in an
//! exchange that may have made it another's (E57): a login, a logout, a cookie set, a 401.

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use http::header::{AGE, AUTHORIZATION, CONTENT_TYPE, COOKIE, SET_COOKIE};
use http::{HeaderMap, HeaderValue};
use parking_lot::Mutex;
use smallvec::SmallVec;
use tokio::sync::watch;
use tokio::time::Instant;

use super::kept::Kept;
use crate::derive::{Answer, ReadFailure, ReadKey};

/// Answers about identity, and the questions under way.
#[derive(Debug)]
pub(crate) struct Identities {
    state: Mutex<State>,
    hasher: RandomState,
    /// Nothing was ever asked: then no exchange needs to be looked at.
    is_used: AtomicBool,
}

/// What a request shows that an answer could rest on: its credential as a whole, and each cookie long
/// enough to be a session.
pub(crate) type Marks = SmallVec<[u64; 4]>;

/// What whoever wants to ask is to do.
pub(crate) enum Turn {
    /// It is known already.
    Known(Answer),
    /// Somebody asks the same at this moment.
    Wait(watch::Receiver<Option<Answer>>),
    /// Ask; the others wait for what comes.
    Ask(Asking),
    /// So many ask already that this stays unknown (THREATS B10).
    Full,
}

/// The right to ask, and the duty to tell. Dropped without an answer, it leaves those who wait without one.
#[derive(Debug)]
pub(crate) struct Asking {
    identities: Arc<Identities>,
    key: ReadKey,
    asked: Asked,
    tell: watch::Sender<Option<Answer>>,
}

#[derive(Debug)]
struct State {
    known: Kept<ReadKey, Known>,
    under_way: HashMap<ReadKey, UnderWay>,
    /// Questions that were sent and not answered, also those that nobody waits for any more.
    asking: usize,
    /// When what bears a mark may last have become another's.
    changed: HashMap<u64, Instant>,
}

#[derive(Debug)]
struct Known {
    answer: Answer,
    asked: Asked,
}

#[derive(Debug)]
struct UnderWay {
    answer: watch::Receiver<Option<Answer>>,
    asked: Asked,
}

/// When a question was asked, and what it showed.
#[derive(Clone, Debug)]
struct Asked {
    at: Instant,
    marks: Marks,
}

impl Identities {
    pub(crate) fn new() -> Arc<Identities> {
        Arc::new(Identities {
            state: Mutex::new(State {
                known: Kept::new(KNOWN_MAX),
                under_way: HashMap::new(),
                asking: 0,
                changed: HashMap::new(),
            }),
            hasher: RandomState::new(),
            is_used: AtomicBool::new(false),
        })
    }

    /// Whether to ask the question with this key, of a request with these headers.
    pub(crate) fn turn(self: &Arc<Self>, key: &ReadKey, head: &HeaderMap) -> Turn {
        self.is_used.store(true, Ordering::Relaxed);
        let asked = Asked { at: Instant::now(), marks: self.marks(head) };
        let mut state = self.state.lock();
        if let Some(answer) = state.known(key, asked.at) {
            return Turn::Known(answer);
        }
        if let Some(other) = state.under_way.get(key)
            && !state.is_stale(&other.asked)
        {
            return Turn::Wait(other.answer.clone());
        }
        if state.asking >= ASKING_MAX {
            return Turn::Full;
        }
        state.asking += 1;
        let (tell, answer) = watch::channel(None);
        state.under_way.insert(key.clone(), UnderWay { answer, asked: asked.clone() });
        Turn::Ask(Asking { identities: Arc::clone(self), key: key.clone(), asked, tell })
    }

    /// What a request shows. None before anything was ever asked, so that it costs nothing where no rule
    /// asks.
    pub(crate) fn marks(&self, head: &HeaderMap) -> Marks {
        let mut marks = Marks::new();
        if !self.is_used.load(Ordering::Relaxed) {
            return marks;
        }
        let lines = || head.get_all(AUTHORIZATION).iter().chain(head.get_all(COOKIE));
        if lines().next().is_some() {
            let whole: SmallVec<[&[u8]; 4]> = lines().map(HeaderValue::as_bytes).collect();
            marks.push(self.hasher.hash_one(("whole", whole.as_slice())));
        }
        for line in head.get_all(COOKIE) {
            marks.extend(line.as_bytes().split(|byte| *byte == b';').filter_map(|pair| self.cookie(pair)));
        }
        marks
    }

    fn cookie(&self, pair: &[u8]) -> Option<u64> {
        let pair = pair.trim_ascii();
        let value = pair.iter().position(|byte| *byte == b'=').map(|at| &pair[at + 1..])?;
        (value.len() >= SESSION_BYTES_MIN).then(|| self.hasher.hash_one(("cookie", pair)))
    }

    /// Takes note of an answer to a request with these marks: after one that sets a cookie or refuses the
    /// credential, nothing that was known of it counts.
    pub(crate) fn heard(&self, marks: &Marks, status: u16, head: &HeaderMap) {
        if status == 401 || head.contains_key(SET_COOKIE) {
            self.forget(marks, head);
        }
    }

    /// The same after an exchange that began or ended a session, whatever its answer looks like. Where the
    /// answer sets cookies, what was known of those counts no more either.
    pub(crate) fn forget(&self, marks: &Marks, head: &HeaderMap) {
        let set = head.get_all(SET_COOKIE).iter();
        let set = set.filter_map(|line| self.cookie(line.as_bytes().split(|byte| *byte == b';').next()?));
        let marks: Marks = marks.iter().copied().chain(set).collect();
        if marks.is_empty() {
            return;
        }
        let now = Instant::now();
        let mut state = self.state.lock();
        if state.changed.len() + marks.len() > CHANGED_MAX {
            state.changed.retain(|_, changed| now.duration_since(*changed) <= KEEP);
        }
        if state.changed.len() + marks.len() > CHANGED_MAX {
            // Too many to keep apart: then nothing that was heard so far counts.
            state.known.clear();
            state.under_way.clear();
            state.changed.clear();
        }
        state.changed.extend(marks.into_iter().map(|mark| (mark, now)));
    }
}

impl State {
    fn known(&mut self, key: &ReadKey, now: Instant) -> Option<Answer> {
        let known = self.known.find(key, now)?;
        let asked = known.asked.clone();
        let mut answer = known.answer.clone();
        if self.is_stale(&asked) {
            self.known.remove(key);
            return None;
        }
        grow_old(&mut answer, now.duration_since(asked.at));
        Some(answer)
    }

    fn is_stale(&self, asked: &Asked) -> bool {
        asked.marks.iter().any(|mark| self.changed.get(mark).is_some_and(|changed| *changed >= asked.at))
    }
}

impl Asking {
    /// Tells those who wait, and keeps what is worth keeping.
    pub(crate) fn tell(self, answer: Answer) {
        let mut state = self.identities.state.lock();
        let is_ours = state.under_way.get(&self.key).is_some_and(|other| other.asked.at == self.asked.at);
        if is_ours
            && !state.is_stale(&self.asked)
            && let Some(keep) = keep(&answer)
        {
            let known = Known { answer: answer.clone(), asked: self.asked.clone() };
            state.known.keep(self.key.clone(), known, keep, self.asked.at);
        }
        drop(state);
        self.tell.send_replace(Some(answer));
    }

    /// What comes of it.
    pub(crate) fn answer(&self) -> watch::Receiver<Option<Answer>> {
        self.tell.subscribe()
    }
}

impl Drop for Asking {
    fn drop(&mut self) {
        let mut state = self.identities.state.lock();
        state.asking -= 1;
        if state.under_way.get(&self.key).is_some_and(|other| other.asked.at == self.asked.at) {
            state.under_way.remove(&self.key);
        }
    }
}

/// How long an answer counts; `None` for one that is not kept.
fn keep(answer: &Answer) -> Option<Duration> {
    match answer {
        // Nobody's name takes so much: asked again rather than kept.
        Answer::Answered { body, .. } if body.bytes.len() > KNOWN_BYTES_MAX => None,
        Answer::Answered { status: 200..=299, headers, .. } if is_a_page(headers) => Some(KEEP_ODD),
        Answer::Answered { status: 200..=299, .. } => Some(KEEP),
        Answer::Answered { status: 401 | 403 | 404, .. } => Some(KEEP_REFUSAL),
        Answer::Answered { .. } | Answer::Failed(ReadFailure::TooLarge) => Some(KEEP_ODD),
        // It may be up again at once.
        Answer::Failed(_) | Answer::Remembered { .. } | Answer::Logins(_) => None,
    }
}

/// A page for people in place of an answer: most often the way to log in (THREATS E58).
fn is_a_page(headers: &HeaderMap) -> bool {
    let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    kind.is_empty() || kind.trim_start().get(..9).is_some_and(|kind| kind.eq_ignore_ascii_case("text/html"))
}

/// Adds to the answer's age, as a cache does (RFC 9111 section 5.1): the event tells it.
fn grow_old(answer: &mut Answer, kept: Duration) {
    match answer {
        Answer::Answered { headers, .. } => {
            let told = headers.get(AGE).and_then(|age| age.to_str().ok()).and_then(|age| age.parse().ok());
            let age: u64 = told.unwrap_or(0);
            headers.insert(AGE, HeaderValue::from(age.saturating_add(kept.as_secs())));
        }
        Answer::Failed(_) | Answer::Remembered { .. } | Answer::Logins(_) => {}
    }
}

const KEEP: Duration = Duration::from_secs(60);
const KEEP_REFUSAL: Duration = Duration::from_secs(30);
const KEEP_ODD: Duration = Duration::from_secs(5);
/// Questions at a time, of all workers.
const ASKING_MAX: usize = 64;
const KNOWN_MAX: usize = 8_192;
const KNOWN_BYTES_MAX: usize = 8 << 10;
const CHANGED_MAX: usize = 65_536;
/// A shorter cookie is a preference: half the world sends the same one.
const SESSION_BYTES_MIN: usize = 16;
