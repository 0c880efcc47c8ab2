//! One erasure: the plan that somebody looks at, and carrying it out. On a thread of its own, or by the command where no
//! process holds the log.

use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use jiff::Timestamp;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::runtime::Handle;

use super::approval::Waiting;
use super::event::{self, Asked, By};
use super::kept::Underway;
use super::list;
use crate::api::Unerased;
use crate::record::{Erasure, Log, Urgency};
use crate::rules::redact::Key;
use crate::store::{Erasable, Erasing, Hold, SledShelf, Snapshots, Subject, Whose};

/// What erases.
pub(super) struct Worker {
    pub(super) log: Log,
    pub(super) data_dir: PathBuf,
    pub(super) key: Key,
    pub(super) runtime: Handle,
    /// What nothing is erased from, as the configuration says it now.
    pub(super) holds: Box<dyn Fn() -> Vec<Hold> + Send>,
    /// What was seen last of things, where the process remembers that.
    pub(super) memory: Option<Snapshots>,
    /// Files in which it stands what was erased, so that no backup brings it back.
    pub(super) lists: Vec<PathBuf>,
}

/// What would be erased, and by which id that is confirmed.
pub(super) struct Planned {
    erasing: Erasing,
    erasable: Erasable,
    /// The id.
    pub(super) id: String,
}

impl Worker {
    /// Looks what an erasure would take.
    pub(super) fn plan(&self, subject: &[String]) -> Result<Result<Planned, Unerased>> {
        let erasing = match self.erasing(subject) {
            Ok(erasing) => erasing,
            Err(why) => return Ok(Err(Unerased::Nobody(why))),
        };
        let erasable = self.log.erasable(&erasing).context("the log cannot be read")?;
        let id = id(subject, &erasing, &erasable);
        Ok(Ok(Planned { erasing, erasable, id }))
    }

    /// Begins what was confirmed: whatever happens from now on, it is gone on with.
    pub(super) fn begin(&self, subject: &[String], by: By) -> io::Result<()> {
        let By { first, second } = by;
        Underway { subject: subject.to_vec(), by: first, approved_by: second }.write(&self.data_dir)
    }

    /// Records that somebody has confirmed a plan, which waits for somebody else now.
    pub(super) fn tell_asked(&self, planned: &Planned, waiting: &Waiting) -> Result<()> {
        let Planned { erasing, erasable, .. } = planned;
        let plan = Asked { person: &erasing.person, events: erasable.events, values: erasable.values };
        let event = event::asked(self.log.instance(), &plan, waiting);
        let recorded = self.runtime.block_on(self.log.record(vec![event], Urgency::Now));
        recorded.context("that it was confirmed cannot be recorded")
    }

    /// Goes on with what was begun; `None` when there is nothing.
    pub(super) fn go_on(&self) -> Result<Option<(String, Erasure)>> {
        let underway = Underway::read(&self.data_dir).context("erasure.json cannot be read")?;
        let Some(Underway { subject, by, approved_by }) = underway else { return Ok(None) };
        let by = By { first: by, second: approved_by };
        let erasing = self.erasing(&subject).map_err(anyhow::Error::msg)?;
        if let Whose::Person(subject) = &erasing.whose {
            self.forget_memories(subject)?;
        }
        let log = self.log.instance();
        let tell = |gone: &[_]| {
            list::keep(&self.lists, log, gone, &erasing.person, &by)?;
            Ok(event::told(log, gone, &erasing.person, &by))
        };
        let erasure = self.log.erase(&erasing, tell, &self.runtime)?;
        if erasure.is_done {
            Underway::forget(&self.data_dir)?;
        }
        Ok(Some((erasing.person, erasure)))
    }

    /// What is remembered of things is no record: what has the person in it is forgotten now, and the files at the next
    /// start, since a database keeps what it has removed for a while.
    fn forget_memories(&self, subject: &Subject) -> Result<()> {
        if let Some(memory) = &self.memory {
            memory.forget_those(|key, value| subject.is_in(key) || subject.is_in(&value.to_string()));
        }
        SledShelf::make_anew(&self.data_dir).context("what is remembered cannot be forgotten")
    }

    fn erasing(&self, subject: &[String]) -> Result<Erasing, String> {
        let first = subject.first().map(|text| text.trim().to_lowercase()).unwrap_or_default();
        let mut person = self.key.hash("erasure", &[first.as_bytes()]);
        person.truncate(PERSON_DIGITS);
        let subject = Subject::parse(subject.iter().map(String::as_str))?;
        Ok(Erasing { whose: Whose::Person(subject), person, holds: (self.holds)(), now: Timestamp::now() })
    }
}

impl Planned {
    /// As it is told.
    pub(super) fn to_json(&self) -> Value {
        let mut told = json!(self.erasable);
        if let Some(told) = told.as_object_mut() {
            told.insert("id".to_owned(), json!(self.id));
            told.insert("person".to_owned(), json!(self.erasing.person));
        }
        told
    }
}

/// By what a plan is confirmed: the same for the same person, holds, and events, but for those that were recorded
/// since the newest partition was begun.
fn id(subject: &[String], erasing: &Erasing, erasable: &Erasable) -> String {
    let mut digest = Sha256::new();
    digest.update(format!("{subject:?} {} {}", erasable.settled, erasing.holds.len()));
    crate::store::hex(&digest.finalize()[..8])
}

/// True when an erasure was begun and not finished.
pub(super) fn is_underway(data_dir: &Path) -> bool {
    !matches!(Underway::read(data_dir), Ok(None))
}

const PERSON_DIGITS: usize = 16;
