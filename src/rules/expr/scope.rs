//! What an expression can see: the exchange document, by the names of its roots.

use std::cell::RefCell;
use std::collections::HashSet;
use std::rc::Rc;

use super::condition::{Condition, Verdict};
use crate::event::{Note, NoteCode};
use crate::value::Value;

/// When a part of the document becomes known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// With the request's head.
    Head,
    /// With the request's body.
    Body,
    /// With the answer.
    Answer,
}

/// The top-level names of the exchange document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Root {
    /// Method, path, query, headers, cookies' names, body.
    Request,
    /// The named parts of the rule's `match` line.
    Path,
    /// Address of the client.
    Client,
    /// Kind and claims of the credential.
    Credential,
    /// The rule's and the pack's `vars`.
    Vars,
    /// Who did it.
    Actor,
    /// As whom an impersonator acted.
    OnBehalfOf,
    /// Status, headers, body; missing as a whole when no answer came.
    Response,
    /// `success failure denied unknown`.
    Result,
    /// Snapshot before.
    Before,
    /// Snapshot after.
    After,
    /// `none read remembered absent unavailable`.
    BeforeState,
    /// Field by field, before and after.
    Changes,
    /// The current element of `for_each`.
    Item,
    /// Its index or member name.
    Key,
    /// Inside `select`, `ask` ways and `read`: the answer to the read.
    Answer,
    /// Its parameters.
    With,
}

impl Root {
    /// All of them, in the order of their discriminants.
    pub const ALL: [Root; 17] = [
        Root::Request,
        Root::Path,
        Root::Client,
        Root::Credential,
        Root::Vars,
        Root::Actor,
        Root::OnBehalfOf,
        Root::Response,
        Root::Result,
        Root::Before,
        Root::After,
        Root::BeforeState,
        Root::Changes,
        Root::Item,
        Root::Key,
        Root::Answer,
        Root::With,
    ];

    /// The name in paths and templates.
    pub fn name(self) -> &'static str {
        match self {
            Root::Request => "request",
            Root::Path => "path",
            Root::Client => "client",
            Root::Credential => "credential",
            Root::Vars => "vars",
            Root::Actor => "actor",
            Root::OnBehalfOf => "onBehalfOf",
            Root::Response => "response",
            Root::Result => "result",
            Root::Before => "before",
            Root::After => "after",
            Root::BeforeState => "beforeState",
            Root::Changes => "changes",
            Root::Item => "item",
            Root::Key => "key",
            Root::Answer => "answer",
            Root::With => "with",
        }
    }

    /// The root of that name.
    pub fn parse(name: &str) -> Option<Root> {
        Root::ALL.into_iter().find(|root| root.name() == name)
    }
}

/// A part of the document that cannot be relied on: it was cut, could not be parsed, or can be read in
/// two ways. A condition that looks at it is neither met nor excluded.
#[derive(Clone, Debug)]
pub struct Doubt {
    /// The part, by root and member names: `request`, `body`, `start`.
    pub path: Vec<String>,
    /// Why.
    pub code: NoteCode,
    /// What is doubtful about it, for people; both values of a duplicate, for instance.
    pub detail: Option<String>,
}

/// All doubtful parts of a document; nearly always empty.
pub type Doubts = [Doubt];

/// What an evaluation has to say beside its value. One lives for the derivation of one exchange.
#[derive(Debug, Default)]
pub struct EvalLog {
    notes: RefCell<Vec<Note>>,
    reasons: RefCell<Vec<String>>,
    verdicts: Option<Rc<Verdicts>>,
}

/// Which conditions came out how. Kept only while the tests of rules run, to tell what none of them
/// reached; a condition is known by its place in memory, which the rules in force never leave.
#[derive(Debug, Default)]
pub struct Verdicts {
    seen: RefCell<HashSet<(usize, Verdict)>>,
}

impl Verdicts {
    /// Whether the condition ever came out like this.
    pub fn has(&self, condition: &Condition, verdict: Verdict) -> bool {
        self.seen.borrow().contains(&(address(condition), verdict))
    }
}

fn address(condition: &Condition) -> usize {
    std::ptr::from_ref(condition).addr()
}

impl EvalLog {
    /// A log that also keeps how conditions come out, where somebody wants to know.
    pub fn watched(verdicts: Option<Rc<Verdicts>>) -> EvalLog {
        EvalLog { verdicts, ..EvalLog::default() }
    }

    /// A condition came out like this.
    pub(super) fn came_out(&self, condition: &Condition, verdict: Verdict) {
        if let Some(verdicts) = &self.verdicts {
            verdicts.seen.borrow_mut().insert((address(condition), verdict));
        }
    }

    /// Adds a note, once.
    pub fn note(&self, note: Note) {
        let mut notes = self.notes.borrow_mut();
        if !notes.contains(&note) {
            notes.push(note);
        }
    }

    /// Adds a reason for doubt, once.
    pub fn reason(&self, reason: String) {
        let mut reasons = self.reasons.borrow_mut();
        if !reasons.contains(&reason) {
            reasons.push(reason);
        }
    }

    /// Takes what was noted so far.
    pub fn take_notes(&self) -> Vec<Note> {
        self.notes.take()
    }

    /// Takes the reasons for doubt so far.
    pub fn take_reasons(&self) -> Vec<String> {
        self.reasons.take()
    }
}

/// The document as one expression sees it: borrowed parts by root. Cheap to copy and to extend, so that a
/// `for_each` item or a snapshot is laid over it without touching the rest.
#[derive(Clone, Copy)]
pub struct Scope<'a> {
    roots: [Option<&'a Value>; Root::ALL.len()],
    /// The parts not to be relied on.
    pub doubts: &'a Doubts,
    /// Where evaluation says what went wrong.
    pub log: &'a EvalLog,
}

impl<'a> Scope<'a> {
    /// A document of which nothing is known yet.
    pub fn new(doubts: &'a Doubts, log: &'a EvalLog) -> Scope<'a> {
        Scope { roots: [None; Root::ALL.len()], doubts, log }
    }

    /// The same with one part known.
    #[must_use]
    pub fn with(mut self, root: Root, value: &'a Value) -> Scope<'a> {
        self.roots[root as usize] = Some(value);
        self
    }

    /// The same with one part known, or missing.
    #[must_use]
    pub fn with_option(mut self, root: Root, value: Option<&'a Value>) -> Scope<'a> {
        self.roots[root as usize] = value;
        self
    }

    /// The part of that name, if it is known.
    pub fn root(&self, root: Root) -> Option<&'a Value> {
        self.roots[root as usize]
    }
}
