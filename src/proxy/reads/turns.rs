//! Who changes which thing at this moment, across all workers.
//!
//! Two requests that change one thing at once make it uncertain what each of them overwrote (THREATS E48).
//! Each that a rule wants to see the thing before is counted here, so that its event can say that it had
//! company; where the resource says `serialize: true`, they take turns. A turn is waited for only so long and
//! by only so many: whoever does not get one goes on, and its event says so.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::OwnedMutexGuard;
use tokio::time::{Instant, timeout_at};

use crate::derive::{Meanwhile, Write};

/// The things that are being changed.
#[derive(Debug, Default)]
pub(crate) struct Turns {
    things: Mutex<HashMap<String, Thing>>,
}

/// One of them; it is here as long as somebody wants to change it.
#[derive(Debug, Default)]
struct Thing {
    turn: Arc<tokio::sync::Mutex<()>>,
    waiting: usize,
    at_work: usize,
    /// How many have begun since it is here.
    begun: u64,
}

/// One who changes a thing, or waits for its turn. Dropped, the next one may.
#[derive(Debug)]
pub(crate) struct Turn {
    turns: Arc<Turns>,
    thing: String,
    stage: Stage,
    missed: bool,
    _turn: Option<OwnedMutexGuard<()>>,
}

#[derive(Clone, Copy, Debug)]
enum Stage {
    Waiting,
    /// Since it was that many's begin, alone or not.
    AtWork {
        begun: u64,
        is_alone: bool,
    },
}

impl Turns {
    /// Begins these changes, each in its turn where that is asked for, at the latest at `deadline`. They come
    /// sorted, so that no two requests wait for each other.
    pub(crate) async fn take(
        self: &Arc<Self>,
        writes: &[Write],
        waiters_max: usize,
        deadline: Instant,
    ) -> Vec<Turn> {
        let mut turns = Vec::with_capacity(writes.len());
        for write in writes {
            turns.push(self.take_one(write, waiters_max, deadline).await);
        }
        turns
    }

    async fn take_one(self: &Arc<Self>, write: &Write, waiters_max: usize, deadline: Instant) -> Turn {
        let (lock, is_crowded) = {
            let mut things = self.things.lock();
            let thing = things.entry(write.thing.clone()).or_default();
            thing.waiting += 1;
            (Arc::clone(&thing.turn), thing.waiting > waiters_max)
        };
        // Made before the wait: dropped meanwhile, it takes itself off the list.
        let mut turn = Turn {
            turns: Arc::clone(self),
            thing: write.thing.clone(),
            stage: Stage::Waiting,
            missed: false,
            _turn: None,
        };
        if write.is_serialized {
            if !is_crowded {
                turn._turn = timeout_at(deadline, lock.lock_owned()).await.ok();
            }
            turn.missed = turn._turn.is_none();
        }
        turn.begin();
        turn
    }
}

impl Turn {
    fn begin(&mut self) {
        let mut things = self.turns.things.lock();
        let Some(thing) = things.get_mut(&self.thing) else { return };
        thing.waiting -= 1;
        thing.at_work += 1;
        thing.begun += 1;
        self.stage = Stage::AtWork { begun: thing.begun, is_alone: thing.at_work == 1 };
    }

    /// What went on with the thing since this one began.
    pub(crate) fn meanwhile(&self) -> (String, Meanwhile) {
        let things = self.turns.things.lock();
        let begun_now = things.get(&self.thing).map_or(0, |thing| thing.begun);
        let had_company = match self.stage {
            Stage::Waiting => false,
            Stage::AtWork { begun, is_alone } => !is_alone || begun_now != begun,
        };
        (self.thing.clone(), Meanwhile { had_company, missed_turn: self.missed })
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut things = self.turns.things.lock();
        let Some(thing) = things.get_mut(&self.thing) else { return };
        match self.stage {
            Stage::Waiting => thing.waiting -= 1,
            Stage::AtWork { .. } => thing.at_work -= 1,
        }
        if thing.waiting == 0 && thing.at_work == 0 {
            things.remove(&self.thing);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn write(thing: &str, is_serialized: bool) -> Write {
        Write { thing: thing.to_owned(), is_serialized }
    }

    async fn take(turns: &Arc<Turns>, write: Write, waiters_max: usize, patience_ms: u64) -> Turn {
        let deadline = Instant::now() + Duration::from_millis(patience_ms);
        turns.take(&[write], waiters_max, deadline).await.remove(0)
    }

    fn told(turn: &Turn) -> (bool, bool) {
        let (_, meanwhile) = turn.meanwhile();
        (meanwhile.had_company, meanwhile.missed_turn)
    }

    #[tokio::test]
    async fn two_who_change_one_thing_at_once_are_both_told() {
        // THREATS E48
        let turns = Arc::new(Turns::default());
        let first = take(&turns, write("a", false), 9, 0).await;
        let other = take(&turns, write("b", false), 9, 0).await;
        assert_eq!((told(&first), told(&other)), ((false, false), (false, false)));
        let second = take(&turns, write("a", false), 9, 0).await;
        assert_eq!((told(&first), told(&second)), ((true, false), (true, false)));
        drop((first, second, other));
        assert!(turns.things.lock().is_empty());
    }

    #[tokio::test]
    async fn who_takes_turns_is_alone_and_who_misses_one_goes_on() {
        // THREATS E48
        let turns = Arc::new(Turns::default());
        let first = take(&turns, write("a", true), 9, 1_000).await;
        let missed = take(&turns, write("a", true), 9, 5).await;
        assert_eq!((told(&first), told(&missed)), ((true, false), (true, true)));
        let crowded = take(&turns, write("a", true), 0, 1_000).await;
        assert!(crowded.missed);
        drop((missed, crowded));
        let waiting = take(&turns, write("a", true), 9, 60_000);
        let (second, ()) = tokio::join!(waiting, async { drop(first) });
        assert_eq!(told(&second), (false, false));
        // Somebody who leaves while waiting is not counted any more.
        let gone =
            tokio::time::timeout(Duration::from_millis(1), take(&turns, write("a", true), 9, 60_000)).await;
        assert!(gone.is_err());
        drop(second);
        assert!(turns.things.lock().is_empty());
    }
}
