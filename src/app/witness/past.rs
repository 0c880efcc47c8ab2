//! What was signed before, and whether the log is still that one.

use std::fs;
use std::io;
use std::path::Path;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::shelf;
use crate::config::Config;
use crate::event::own::{self, Own};
use crate::event::{Event, Outcome};
use crate::notary::{Checkpoint, KEYS_FILE, Succession, Verifier, checkpoints_in};
use crate::record::Log;
use crate::store::{Hash, hex, unhex};
use crate::value::json;

/// What the comparison of a log with its checkpoints found.
#[derive(Debug, Default)]
pub(super) struct Compared {
    /// Each place whose newest checkpoint the log does not fit.
    pub(super) conflicts: Vec<Conflict>,
    /// True when an operator has put it back to an earlier state, with `earwitness restore`.
    pub(super) is_restored: bool,
    /// How many it had, or the backup.
    pub(super) events: u64,
    /// How many values were erased again after the restore; `None` where what was erased since the backup came back.
    pub(super) erased_again: Option<u64>,
}

/// A checkpoint that the log does not fit.
#[derive(Debug)]
pub(super) struct Conflict {
    pub(super) why: String,
    pub(super) size: u64,
    pub(super) root: Hash,
}

/// What `restore` leaves in the data directory, so that the next start knows that it was lawful.
#[derive(Debug, Serialize, Deserialize)]
pub(in crate::app) struct RestoredFrom {
    /// How many events the backup had.
    pub(in crate::app) events: u64,
    /// The root of their tree.
    pub(in crate::app) root: String,
    /// How many values were erased again; `None` where that was not asked for.
    #[serde(default)]
    pub(in crate::app) erased_again: Option<u64>,
}

/// Compares a log with the newest checkpoint of each place.
pub(super) fn compare(log: &Log, config: &Config, own: &Verifier) -> Compared {
    let keys = keys(&config.data_dir, None).unwrap_or_else(|error| {
        tracing::warn!(%error, "which keys have signed before cannot be read");
        Vec::new()
    });
    let keys: Vec<Verifier> = keys.into_iter().filter(|key| key != own).chain([own.clone()]).collect();
    let inside = config.data_dir.join(shelf::INSIDE);
    let mut compared = Compared { events: log.tree().size(), ..Compared::default() };
    for path in std::iter::once(&inside).chain(&config.checkpoints.files) {
        let text = match shelf::end_of(path) {
            Ok(text) => text,
            Err(error) => {
                tracing::warn!(%error, path = %path.display(), "checkpoints cannot be read there");
                continue;
            }
        };
        if let Some(newest) = opened(&text, &keys).last() {
            compared.conflicts.extend(conflict(log, path, newest));
        }
    }
    let left = restored_from(&config.data_dir).filter(|left| {
        let root = unhex(left.root.as_bytes());
        root.is_some() && log.root_at(left.events).ok().flatten() == root
    });
    if let Some(left) = left {
        // What was recorded since, at this start already, is not of the backup.
        (compared.is_restored, compared.events) = (true, left.events);
        compared.erased_again = left.erased_again;
    }
    compared
}

fn conflict(log: &Log, path: &Path, known: Checkpoint) -> Option<Conflict> {
    let (place, size, root, events) = (path.display(), known.size, known.root, log.tree().size());
    let why = match log.root_at(size) {
        Ok(Some(found)) if found == root => return None,
        Ok(Some(_)) => format!("the first {size} events are not those of the checkpoint in {place}"),
        Ok(None) if size > events => {
            format!("it has {events} events, and the checkpoint in {place} is of {size}")
        }
        Ok(None) if log.is_purged_at(size) => {
            tracing::warn!(size, place = %place, "a checkpoint cannot be compared: a policy has removed what it ends in");
            return None;
        }
        Ok(None) => format!(
            "some of the first {size} events are gone, so that the checkpoint in {place} cannot be compared"
        ),
        Err(error) => {
            tracing::error!(%error, "the log cannot be compared with its checkpoints");
            return None;
        }
    };
    Some(Conflict { why, size, root })
}

/// What is to be recorded of it.
pub(super) fn events(compared: &Compared, time: Timestamp) -> Vec<Event> {
    let old = |conflict: &Conflict| json!({ "events": conflict.size, "root": hex(&conflict.root), "why": conflict.why.clone() });
    let old: Vec<_> = compared.conflicts.iter().map(old).collect();
    let (action, title, text, result) = match compared.conflicts.first() {
        _ if compared.is_restored => (RESTORED, "The log was restored", restored(compared), Outcome::Success),
        Some(conflict) => (
            "LOG_NOT_AS_SIGNED",
            "The log is not the one that was signed for",
            format!("The log is not the one that was signed for: {}", conflict.why),
            Outcome::Failure,
        ),
        None => return Vec::new(),
    };
    let event = own::event(Own { id: Uuid::now_v7(), time, rule: RULE, action, title, text, result });
    let details = [("before", json!(old)), ("events", json!(compared.events))];
    let again = compared.is_restored.then(|| ("erasedAgain", json!(compared.erased_again)));
    let details = details.into_iter().chain(again).map(|(name, value)| (name.to_owned(), value));
    vec![Event { details: details.collect(), ..event }]
}

fn restored(compared: &Compared) -> String {
    let again = match compared.erased_again {
        Some(values) => format!("{values} values that were erased since are erased again"),
        None => "what was erased since is there again".to_owned(),
    };
    format!("The log was restored from a backup of {} events; {again}", compared.events)
}

/// What a restore has left.
fn restored_from(directory: &Path) -> Option<RestoredFrom> {
    serde_json::from_slice(&fs::read(directory.join(RESTORED_FILE)).ok()?).ok()
}

/// The checkpoints in a text that one of these keys has signed, in their order.
pub(super) fn opened<'a>(text: &'a str, keys: &'a [Verifier]) -> impl Iterator<Item = Checkpoint> + 'a {
    checkpoints_in(text).filter_map(|note| keys.iter().find_map(|key| Checkpoint::open(note, key).ok()))
}

/// The keys that have signed for the log of a data directory; `pinned` is the one from which on they are trusted.
///
/// # Errors
/// When the file of them cannot be read.
pub(super) fn keys(directory: &Path, pinned: Option<&Verifier>) -> io::Result<Vec<Verifier>> {
    let text = shelf::all_of(&directory.join(KEYS_FILE))?;
    Ok(Succession::read(&text, pinned).keys().to_vec())
}

/// The event that tells of a restore.
pub(in crate::app) const RESTORED: &str = "LOG_RESTORED";
/// The built-in rule of what is found here.
pub(super) const RULE: &str = "integrity";
/// See [`RestoredFrom`].
pub(in crate::app) const RESTORED_FILE: &str = "restored.json";
