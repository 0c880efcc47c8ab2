//! The last seen form of things, for rules that may take it for the thing beforehand.
//!
//! All of it is in memory, where a request finds it without waiting; a thread of its own copies what changed
//! to the disk now and then, so that a restart does not forget. What is lost in a crash is asked for again:
//! these are memories, not records. Both number and bytes have a limit; the oldest go first.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use parking_lot::{Condvar, Mutex};
use serde::{Deserialize, Serialize};

use super::StoreError;
use crate::derive::Learned;
use crate::value::Value;

/// Where snapshots survive a restart.
pub trait Shelf: Send {
    /// Shows every pair that is kept.
    ///
    /// # Errors
    /// When it cannot be read.
    fn load(&self, visit: &mut dyn FnMut(&[u8], &[u8])) -> Result<(), StoreError>;

    /// Keeps the pairs with a value, and forgets those without.
    ///
    /// # Errors
    /// When the disk does not take it.
    fn write(&self, pairs: &[(String, Option<Vec<u8>>)]) -> Result<(), StoreError>;
}

/// Snapshots by their key. Cheap to share.
#[derive(Clone)]
pub struct Snapshots(Arc<Shared>);

struct Shared {
    state: Mutex<State>,
    changed: Condvar,
    ceiling: Ceiling,
    writer: Mutex<Option<JoinHandle<()>>>,
}

/// How much is kept.
#[derive(Clone, Copy, Debug)]
pub struct Ceiling {
    /// Snapshots.
    pub count_max: usize,
    /// Bytes of all together, as JSON.
    pub bytes_max: usize,
}

#[derive(Default)]
struct State {
    kept: HashMap<String, Kept>,
    /// Keys by the turn in which they were kept: the oldest first.
    by_turn: BTreeMap<u64, String>,
    turns: u64,
    bytes: usize,
    /// What the disk does not know yet.
    unwritten: BTreeSet<String>,
    is_closed: bool,
}

#[derive(Clone, Serialize, Deserialize)]
struct Kept {
    /// When it was seen, in milliseconds since 1970.
    at_ms: u64,
    value: Value,
    #[serde(skip)]
    bytes: usize,
    #[serde(skip)]
    turn: u64,
}

impl Snapshots {
    /// Opens what a shelf keeps; without one, nothing survives a restart.
    pub fn open(shelf: Option<Box<dyn Shelf>>, ceiling: Ceiling) -> Snapshots {
        let mut state = State::default();
        if let Some(shelf) = &shelf {
            let mut found: Vec<(String, Kept)> = Vec::new();
            let loaded = shelf.load(&mut |key, value| {
                let kept = serde_json::from_slice::<Kept>(value).ok();
                if let (Ok(key), Some(kept)) = (std::str::from_utf8(key), kept) {
                    found.push((key.to_owned(), Kept { bytes: value.len(), ..kept }));
                }
            });
            found.sort_by_key(|(_, kept)| kept.at_ms);
            for (key, kept) in found {
                state.keep(key, kept.at_ms, kept.value, kept.bytes, ceiling);
            }
            if let Err(error) = loaded {
                tracing::warn!(%error, "not all remembered snapshots can be read: those are asked for again");
            }
        }
        let shared = Arc::new(Shared {
            state: Mutex::new(state),
            changed: Condvar::new(),
            ceiling,
            writer: Mutex::new(None),
        });
        if let Some(shelf) = shelf {
            let own = Arc::clone(&shared);
            let writer = std::thread::Builder::new().name("snapshots".to_owned());
            match writer.spawn(move || own.write_on(&*shelf)) {
                Ok(handle) => *shared.writer.lock() = Some(handle),
                Err(error) => tracing::error!(%error, "remembered snapshots will not survive a restart"),
            }
        }
        Snapshots(shared)
    }

    /// Keeps what one exchange showed of things. Does not wait for a disk. Where several rules saw one thing,
    /// what shows most of it counts.
    pub fn learn(&self, mut learned: Vec<(String, Learned)>) {
        let rank = |learned: &Learned| match learned {
            Learned::Lost => 0,
            Learned::Part(_) => 1,
            Learned::Whole(_) => 2,
        };
        learned.sort_by_key(|(_, learned)| rank(learned));
        for (key, learned) in learned {
            self.learn_one(key, learned);
        }
    }

    fn learn_one(&self, key: String, learned: Learned) {
        let mut state = self.0.state.lock();
        let value = match learned {
            Learned::Whole(value) => value,
            Learned::Part(part) => match state.kept.get(&key) {
                Some(known) => laid_over(&known.value, part),
                // A part of a thing is not the thing (THREATS B09).
                None => return,
            },
            Learned::Lost => {
                if state.forget(&key) {
                    state.unwritten.insert(key);
                    self.0.changed.notify_one();
                }
                return;
            }
        };
        self.keep_whole(&mut state, key, value);
    }

    fn keep_whole(&self, state: &mut State, key: String, value: Value) {
        let bytes = value.to_string().len() + key.len();
        if bytes > SNAPSHOT_BYTES_MAX {
            state.forget(&key);
        } else {
            state.keep(key.clone(), now_ms(), value, bytes, self.0.ceiling);
        }
        state.unwritten.insert(key);
        self.0.changed.notify_one();
    }

    /// Puts what was read of a thing at that time in the place of what is remembered, and gives that back with its
    /// age in milliseconds: so no two who see one difference tell it. Nothing where the memory is younger.
    pub fn see(&self, key: &str, value: Value, read_at_ms: u64) -> Option<(Value, u64)> {
        let mut state = self.0.state.lock();
        let known = state.kept.get(key);
        if known.is_some_and(|known| known.at_ms > read_at_ms) {
            return None;
        }
        let known = known.map(|known| (known.value.clone(), now_ms().saturating_sub(known.at_ms)));
        self.keep_whole(&mut state, key.to_owned(), value);
        known
    }

    /// The last seen form of a thing, and its age in milliseconds.
    pub fn recall(&self, key: &str) -> Option<(Value, u64)> {
        let state = self.0.state.lock();
        let kept = state.kept.get(key)?;
        Some((kept.value.clone(), now_ms().saturating_sub(kept.at_ms)))
    }

    /// Forgets all of which this says so, by key and value.
    pub fn forget_those(&self, is_one: impl Fn(&str, &Value) -> bool) {
        let mut state = self.0.state.lock();
        let kept = state.kept.iter().filter(|(key, kept)| is_one(key, &kept.value));
        for key in kept.map(|(key, _)| key.clone()).collect::<Vec<_>>() {
            state.forget(&key);
            state.unwritten.insert(key);
        }
        self.0.changed.notify_one();
    }

    /// Writes what is not written yet, and ends the thread.
    pub fn close(&self) {
        self.0.state.lock().is_closed = true;
        self.0.changed.notify_one();
        if let Some(writer) = self.0.writer.lock().take()
            && writer.join().is_err()
        {
            tracing::error!("the thread that writes snapshots panicked");
        }
    }
}

impl Shared {
    fn write_on(&self, shelf: &dyn Shelf) {
        let mut has_failed = false;
        loop {
            let (pairs, is_closed) = {
                let mut state = self.state.lock();
                while state.unwritten.is_empty() && !state.is_closed {
                    self.changed.wait(&mut state);
                }
                let keys: Vec<String> =
                    std::iter::from_fn(|| state.unwritten.pop_first()).take(BATCH_MAX).collect();
                let written = |key: String| {
                    let value = state.kept.get(&key).and_then(|kept| serde_json::to_vec(kept).ok());
                    (key, value)
                };
                let pairs: Vec<_> = keys.into_iter().map(written).collect();
                (pairs, state.is_closed && state.unwritten.is_empty())
            };
            if let Err(error) = shelf.write(&pairs)
                && !std::mem::replace(&mut has_failed, true)
            {
                tracing::warn!(%error, "remembered snapshots cannot be written: a restart will forget them");
            }
            if is_closed {
                return;
            }
            // What changes often is written seldom.
            let mut state = self.state.lock();
            if !state.is_closed && state.unwritten.len() < BATCH_MAX {
                self.changed.wait_while_for(&mut state, |state| !state.is_closed, PAUSE);
            }
        }
    }
}

impl State {
    fn keep(&mut self, key: String, at_ms: u64, value: Value, bytes: usize, ceiling: Ceiling) {
        self.forget(&key);
        self.turns += 1;
        self.bytes += bytes;
        self.by_turn.insert(self.turns, key.clone());
        self.kept.insert(key, Kept { at_ms, value, bytes, turn: self.turns });
        while self.kept.len() > ceiling.count_max || self.bytes > ceiling.bytes_max {
            let Some(oldest) = self.by_turn.values().next().cloned() else { break };
            self.forget(&oldest);
            self.unwritten.insert(oldest);
        }
    }

    fn forget(&mut self, key: &str) -> bool {
        let Some(old) = self.kept.remove(key) else { return false };
        self.by_turn.remove(&old.turn);
        self.bytes -= old.bytes;
        true
    }
}

/// The known value with the learned members in place of its own.
fn laid_over(known: &Value, part: Value) -> Value {
    match (known, part) {
        (Value::Object(known), Value::Object(part)) => {
            let mut whole = known.clone();
            whole.extend(part);
            Value::Object(whole)
        }
        (_, part) => part,
    }
}

fn now_ms() -> u64 {
    let passed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(passed.as_millis()).unwrap_or(u64::MAX)
}

/// A larger thing is asked for again rather than kept.
const SNAPSHOT_BYTES_MAX: usize = 64 << 10;
const BATCH_MAX: usize = 1_000;
/// Between two writes.
const PAUSE: Duration = Duration::from_millis(500);

#[cfg(test)]
mod tests {
    use crate::value::json;

    use super::*;
    use crate::store::SledShelf;

    const ROOMY: Ceiling = Ceiling { count_max: 100, bytes_max: 1 << 20 };

    fn value(snapshots: &Snapshots, key: &str) -> Option<Value> {
        snapshots.recall(key).map(|(value, _)| value)
    }

    #[test]
    fn a_restart_remembers_what_was_seen_last() {
        let folder = tempfile::tempdir().unwrap();
        let open =
            || Snapshots::open(Some(Box::new(SledShelf::open(folder.path(), "app:1").unwrap())), ROOMY);
        let first = open();
        first.learn_one("a".to_owned(), Learned::Whole(json!({"x": 1, "y": 1})));
        first.learn_one("b".to_owned(), Learned::Whole(json!(1)));
        first.learn_one("a".to_owned(), Learned::Part(json!({"x": 2})));
        first.learn_one("b".to_owned(), Learned::Lost);
        first.close();
        drop(first);
        let second = open();
        assert_eq!((value(&second, "a"), value(&second, "b")), (Some(json!({"x": 2, "y": 1})), None));
        second.close();
        drop(second);
        // THREATS B09: another application's things are not this one's.
        let other = SledShelf::open(folder.path(), "app:2").unwrap();
        let other = Snapshots::open(Some(Box::new(other)), ROOMY);
        assert_eq!(value(&other, "a"), None);
        other.close();
    }

    // THREATS P01
    #[test]
    fn what_is_forgotten_is_in_no_file_after_the_next_start() {
        let folder = tempfile::tempdir().unwrap();
        let open =
            || Snapshots::open(Some(Box::new(SledShelf::open(folder.path(), "app:1").unwrap())), ROOMY);
        let first = open();
        first.learn_one("a".to_owned(), Learned::Whole(json!("anna")));
        first.learn_one("b".to_owned(), Learned::Whole(json!("bob")));
        first.forget_those(|_, value| *value == json!("anna"));
        assert_eq!((value(&first, "a"), value(&first, "b")), (None, Some(json!("bob"))));
        first.close();
        drop(first);
        SledShelf::make_anew(folder.path()).unwrap();
        let second = open();
        assert_eq!((value(&second, "a"), value(&second, "b")), (None, None));
        second.close();
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing tells of it any more");
    }

    #[test]
    fn a_part_of_a_thing_is_not_taken_for_the_thing() {
        // THREATS B09
        let snapshots = Snapshots::open(None, ROOMY);
        snapshots.learn_one("a".to_owned(), Learned::Part(json!({"x": 1})));
        assert_eq!(value(&snapshots, "a"), None);
        snapshots.learn_one("a".to_owned(), Learned::Whole(json!({"x": 1, "y": 2})));
        snapshots.learn_one("a".to_owned(), Learned::Part(json!({"x": 3})));
        assert_eq!(value(&snapshots, "a"), Some(json!({"x": 3, "y": 2})));
    }

    #[test]
    fn number_and_bytes_have_a_limit() {
        let snapshots = Snapshots::open(None, Ceiling { count_max: 10, bytes_max: 2_000 });
        for n in 0..1_000 {
            snapshots.learn_one(format!("k{n}"), Learned::Whole(json!("x".repeat(n % 300))));
            let state = snapshots.0.state.lock();
            assert!(state.kept.len() <= 10 && state.bytes <= 2_000, "{} {}", state.kept.len(), state.bytes);
            assert_eq!(state.bytes, state.kept.values().map(|kept| kept.bytes).sum::<usize>());
        }
        snapshots.learn_one("large".to_owned(), Learned::Whole(json!("x".repeat(SNAPSHOT_BYTES_MAX))));
        assert_eq!(value(&snapshots, "large"), None);
    }

    #[test]
    fn a_damaged_shelf_is_set_aside() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(folder.path().join("snapshots")).unwrap();
        std::fs::write(folder.path().join("snapshots/db"), [7; 4096]).unwrap();
        std::fs::write(folder.path().join("snapshots/conf"), "nonsense").unwrap();
        let snapshots = Snapshots::open(Some(Box::new(SledShelf::open(folder.path(), "a").unwrap())), ROOMY);
        snapshots.learn_one("a".to_owned(), Learned::Whole(json!(1)));
        snapshots.close();
    }
}
