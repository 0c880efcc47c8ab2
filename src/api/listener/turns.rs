//! Turns: how much of what all readers share is under way, of one reader and of all (THREATS Q15). What is wanted of one
//! beyond his share waits or is refused, so that the others go on.

use std::collections::HashMap;
use std::sync::{Arc, Weak};

use parking_lot::Mutex;
use tokio::sync::Semaphore;

/// Turns that a reader gets at once or not at all.
pub(in crate::api) struct Turns {
    each: usize,
    all: usize,
    held: Arc<Mutex<HashMap<String, usize>>>,
}

/// One of them; given back when it is dropped.
pub(in crate::api) struct Turn {
    reader: String,
    held: Arc<Mutex<HashMap<String, usize>>>,
}

/// Whose turns are all taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::api) enum Full {
    /// The reader's own.
    Own,
    /// Those of all readers together.
    All,
}

impl Turns {
    /// So many for each reader, and for all of them together.
    pub(in crate::api) fn new(each: usize, all: usize) -> Turns {
        Turns { each, all, held: Arc::default() }
    }

    /// A turn of this reader.
    ///
    /// # Errors
    /// When he has as many as there are for him, or all readers have.
    pub(in crate::api) fn begin(&self, reader: &str) -> Result<Turn, Full> {
        let mut held = self.held.lock();
        if held.get(reader).is_some_and(|own| *own >= self.each) {
            return Err(Full::Own);
        }
        if held.values().sum::<usize>() >= self.all {
            return Err(Full::All);
        }
        *held.entry(reader.to_owned()).or_default() += 1;
        Ok(Turn { reader: reader.to_owned(), held: Arc::clone(&self.held) })
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut held = self.held.lock();
        if let Some(own) = held.get_mut(&self.reader) {
            *own -= 1;
        }
        held.retain(|_, own| *own > 0);
    }
}

/// Turns that a reader waits for.
pub(super) struct Queues {
    each: usize,
    /// Of those who ask now.
    readers: Mutex<HashMap<String, Weak<Semaphore>>>,
}

impl Queues {
    /// So many for each reader.
    pub(super) fn new(each: usize) -> Queues {
        Queues { each, readers: Mutex::default() }
    }

    /// The turns of this reader, as long as somebody holds them.
    pub(super) fn of(&self, reader: &str) -> Arc<Semaphore> {
        let mut readers = self.readers.lock();
        if let Some(own) = readers.get(reader).and_then(Weak::upgrade) {
            return own;
        }
        readers.retain(|_, own| own.strong_count() > 0);
        let own = Arc::new(Semaphore::new(self.each));
        readers.insert(reader.to_owned(), Arc::downgrade(&own));
        own
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_has_his_turns_and_all_of_them_a_few() {
        let turns = Turns::new(2, 3);
        let first = turns.begin("ada").unwrap_or_else(|full| panic!("{full:?}"));
        let _second = turns.begin("ada").unwrap_or_else(|full| panic!("{full:?}"));
        let _of_bo = turns.begin("bo").unwrap_or_else(|full| panic!("{full:?}"));
        assert_eq!(turns.begin("ada").err(), Some(Full::Own));
        assert_eq!(turns.begin("bo").err(), Some(Full::All));
        drop(first);
        let again = turns.begin("bo");
        assert_eq!((again.is_ok(), turns.begin("ada").err()), (true, Some(Full::All)));
    }

    #[test]
    fn nobody_is_remembered_who_does_not_ask() {
        let queues = Queues::new(1);
        let ada = queues.of("ada");
        assert!(Arc::ptr_eq(&ada, &queues.of("ada")));
        drop((queues.of("bo"), ada));
        let _cleo = queues.of("cleo");
        assert_eq!(queues.readers.lock().keys().collect::<Vec<_>>(), ["cleo"]);
    }
}
