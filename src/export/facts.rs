//! What an export says about itself: what was asked for, where the log stood, and how many events there are.
//!
//! A filtered export must not pass for a whole one, nor one that broke off or was cut (THREATS X03): the end of a file says
//! how many events it holds and which are the first and the last. Who changes all of it is found out by the tree of hashes
//! alone, and by the log's root, which somebody else may have kept.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// The facts of an export.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// When it was begun.
    pub made: Timestamp,
    /// The filters, as parameters of the query endpoint; empty for all that its reader may see.
    pub filter: Vec<(String, String)>,
    /// What its reader may see at all: `everything`, or the parts; `None` where that is not known.
    pub scope: Option<String>,
    /// True where it goes on after an earlier one.
    pub is_continued: bool,
    /// True where a history may lack what the thing became.
    pub is_cut: bool,
    /// The newest event that the reader could see when it began.
    pub log: Option<Place>,
    /// By what it can be checked.
    pub signed: Option<Signed>,
    /// Events so far.
    pub count: u64,
    /// The first of them.
    pub newest: Option<Place>,
    /// The last of them.
    pub oldest: Option<Place>,
}

/// What shows whose log an export is of, as it was signed for. Nothing that is newer stands in the file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signed {
    /// The checkpoint of the log when the export began.
    pub checkpoint: String,
    /// The keys that have signed for the log, each signed for by the one before.
    pub keys: String,
}

/// What stands in an export for events that are not in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Between {
    /// The first of them.
    pub first: u64,
    /// The last of them.
    pub last: u64,
    /// The roots of the largest full subtrees that they make up, the leftmost first, in hexadecimal.
    pub hashes: Vec<String>,
}

/// Which events of a log have not been exported yet, nor left out: the newest come first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cover {
    /// The newest of them; 0 for none.
    next: u64,
}

/// Where an event stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// Its place in the log, for those who are told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sequence: Option<u64>,
    /// Its leaf in the tree, in hexadecimal, for the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub leaf: Option<String>,
    /// Its id.
    pub id: String,
    /// Its time.
    pub time: String,
}

/// A line of an export that is no event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Telling {
    /// Its beginning.
    Start {
        /// True where it holds what some filter let through, or goes on after an earlier one.
        is_part: bool,
        /// True where its reader sees a part of the log, and is told no places in it.
        is_scoped: bool,
        /// Where the log stood.
        log: Option<Place>,
        /// By what it can be checked.
        signed: Option<Signed>,
    },
    /// What stands for events that are left out.
    Between(Between),
    /// Its end.
    End {
        /// How many events stand before it.
        count: u64,
    },
}

/// Whether a file holds what it says about itself; fed with its lines in their order.
#[derive(Debug, Default)]
pub struct Wholeness {
    has_start: bool,
    is_part: bool,
    is_scoped: bool,
    log: Option<Place>,
    signed: Option<Signed>,
    has_end: bool,
    count: u64,
    faults: Vec<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "earwitness")]
enum Line {
    #[serde(rename = "export")]
    Start {
        version: u32,
        made: Timestamp,
        filter: BTreeMap<String, Vec<String>>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        scope: Option<String>,
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        continued: bool,
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        cut: bool,
        log: Option<Place>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        signed: Option<Signed>,
    },
    #[serde(rename = "between")]
    Between(Between),
    #[serde(rename = "export-end")]
    End { count: u64, newest: Option<Place>, oldest: Option<Place> },
}

impl Facts {
    /// The facts of an export that begins.
    pub fn new(
        made: Timestamp,
        filter: Vec<(String, String)>,
        scope: Option<String>,
        is_continued: bool,
        log: Option<Place>,
    ) -> Facts {
        let (is_cut, signed, newest, oldest) = (false, None, None, None);
        Facts { made, filter, scope, is_continued, is_cut, log, signed, count: 0, newest, oldest }
    }

    /// The same of a history that may lack something, or not.
    pub fn cut(self, is_cut: bool) -> Facts {
        Facts { is_cut, ..self }
    }

    /// The same with what it can be checked by.
    pub fn signed_by(self, signed: Option<Signed>) -> Facts {
        Facts { signed, ..self }
    }

    /// The line before the first event.
    pub(super) fn start(&self) -> String {
        let mut filter = BTreeMap::<String, Vec<String>>::new();
        for (name, value) in &self.filter {
            filter.entry(name.clone()).or_default().push(value.clone());
        }
        let (made, scope, log) = (self.made, self.scope.clone(), self.log.clone());
        let (continued, cut, signed) = (self.is_continued, self.is_cut, self.signed.clone());
        text(&Line::Start { version: 1, made, filter, scope, continued, cut, log, signed })
    }

    /// The line behind the last event.
    pub(super) fn end(&self) -> String {
        text(&Line::End { count: self.count, newest: self.newest.clone(), oldest: self.oldest.clone() })
    }

    /// All of it in words, by what it is about.
    pub(super) fn words(&self) -> Vec<(&'static str, String)> {
        let asked: Vec<String> = self.filter.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let asked = if asked.is_empty() { "all events".to_owned() } else { asked.join(" ") };
        let part = if self.is_continued { ", continued after an earlier export" } else { "" };
        let cut = if self.is_cut { ", which may have had further identifiers" } else { "" };
        let mut words = vec![
            ("Events", self.count.to_string()),
            ("Asked for", format!("{asked}{part}{cut}")),
            ("Begun", self.made.to_string()),
        ];
        words.extend(self.scope.as_ref().map(|scope| ("Of what its reader sees", scope.clone())));
        let places = [("Newest", &self.newest), ("Oldest", &self.oldest), ("The log stood at", &self.log)];
        for (about, place) in places {
            words.extend(place.as_ref().map(|place| (about, place.words())));
        }
        words
    }

    /// All of it in a line.
    pub(super) fn sentence(&self) -> String {
        let mut line = "End of the export.".to_owned();
        for (about, words) in self.words() {
            let _ = write!(line, " {about}: {words}.");
        }
        line
    }
}

impl Place {
    /// The place of an event, given as the endpoint writes it.
    ///
    /// # Errors
    /// When it has none.
    pub fn of(event: &str) -> Result<Place, serde_json::Error> {
        serde_json::from_str(event)
    }

    fn words(&self) -> String {
        match (self.sequence, &self.leaf) {
            (Some(sequence), Some(leaf)) => {
                format!("event {sequence} of {}, id {}, leaf {leaf}", self.time, self.id)
            }
            (Some(_), None) | (None, _) => format!("the event of {}, id {}", self.time, self.id),
        }
    }
}

impl Between {
    /// As a line.
    pub(super) fn line(&self) -> String {
        text(&Line::Between(self.clone()))
    }
}

impl Cover {
    /// Of a log of so many events, of which nothing was exported yet.
    pub fn of(size: u64) -> Cover {
        Cover { next: size }
    }

    /// Goes on to an event; the first and last of those that are left out before it.
    pub fn pass(&mut self, sequence: u64) -> Option<(u64, u64)> {
        let last = std::mem::replace(&mut self.next, sequence.saturating_sub(1));
        (sequence < last).then_some((sequence + 1, last))
    }

    /// The first and last of those that are left out behind the last event.
    pub fn rest(self) -> Option<(u64, u64)> {
        (self.next > 0).then_some((1, self.next))
    }
}

/// What a line of an export is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Taken {
    /// It is to be an event.
    Event,
    /// It stands for events that are left out.
    Between(Between),
    /// It says something about the export.
    Telling,
}

impl Wholeness {
    /// Takes a line.
    pub fn take(&mut self, line: &[u8]) -> Taken {
        if self.has_end {
            self.fault("something stands behind the end of the export");
        }
        match told(line) {
            None => {
                self.count += 1;
                return Taken::Event;
            }
            Some(Telling::Between(between)) => return Taken::Between(between),
            Some(Telling::Start { is_part, is_scoped, log, signed }) => {
                if self.has_start || self.count > 0 {
                    self.fault("another export begins within this one");
                }
                (self.has_start, self.is_part, self.is_scoped) = (true, is_part, is_scoped);
                (self.log, self.signed) = (log, signed);
            }
            Some(Telling::End { count }) => {
                if count != self.count {
                    let held = self.count;
                    self.fault(&format!("the export says that it has {count} events, and has {held}"));
                }
                self.has_end = true;
            }
        }
        Taken::Telling
    }

    /// By what it can be checked, if it says so.
    pub fn signed(&self) -> Option<&Signed> {
        self.signed.as_ref()
    }

    /// True where it is meant to hold a part of the log: what is missing between its events says nothing then.
    pub fn is_part(&self) -> bool {
        self.is_part
    }

    /// True where it was made for somebody who sees a part of the log: its events have no places that could be checked.
    pub fn is_scoped(&self) -> bool {
        self.is_scoped
    }

    /// Where the log stood, if it says so.
    pub fn log(&self) -> Option<&Place> {
        self.log.as_ref()
    }

    /// What is wrong with it, at its end.
    pub fn finish(mut self) -> Vec<String> {
        if self.has_start && !self.has_end {
            self.fault("the export has no end: it broke off, or was cut");
        }
        self.faults
    }

    fn fault(&mut self, fault: &str) {
        if self.faults.len() < FAULTS_MAX && self.faults.last().is_none_or(|last| last != fault) {
            self.faults.push(fault.to_owned());
        }
    }
}

/// What a line of an export tells about it; `None` for an event.
pub(super) fn told(line: &[u8]) -> Option<Telling> {
    // Events begin with their sequence: this is looked at for each of millions.
    if !line.starts_with(b"{\"earwitness\":") {
        return None;
    }
    Some(match serde_json::from_slice(line).ok()? {
        Line::Between(between) => Telling::Between(between),
        Line::Start { filter, scope, continued, log, signed, .. } => {
            let is_scoped = scope.is_some_and(|scope| scope != EVERYTHING);
            let is_part = continued || is_scoped || !filter.is_empty();
            Telling::Start { is_part, is_scoped, log, signed }
        }
        Line::End { count, .. } => Telling::End { count },
    })
}

fn text(line: &Line) -> String {
    serde_json::to_string(line).expect("texts, numbers and lists of them are JSON")
}

/// The scope of who sees all of the log.
pub const EVERYTHING: &str = "everything";
const FAULTS_MAX: usize = 20;
