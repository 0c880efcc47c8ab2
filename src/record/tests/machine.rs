//! Group commit, hand-over and store as one machine, driven a step at a time beside a model: the plain list of what was
//! acknowledged. The process dies at any call to the disk or to the store, also while it starts again, and the power may
//! go with it. After each step, and from within each call to the store, a reader finds each acknowledged event exactly
//! once, in a dense order, with the leaf of its bytes, and the store's tree is that of these leaves; an event that was
//! not acknowledged is there as it was handed in, or not at all.
//!
//! The steps are a list from proptest, which looks for the shortest one that fails. Any step is possible at any time, so
//! its library for state machines would add a second model and no more. Nor do threads race here, as under shuttle or
//! loom: what can be lost is lost between two calls, and the readers that look from within them stand for the other threads.

mod shelf;
mod store;

use std::io::ErrorKind;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

use self::shelf::{Kept, Memory, Sled};
use self::store::{Fault, Watched};
use super::*;
use crate::journal::tests::driven::Driven;
use crate::journal::tests::random::Random;
use crate::journal::tests::sim::SimDisk;
use crate::record::mover::Way;
use crate::record::tail::{Reading, Work, payload_weight};
use crate::store::{Head, Sealed, Tree, event_of};

#[derive(Clone, Debug)]
enum Step {
    /// Appends of so many events each, written and synced as one batch.
    Commit(Vec<usize>),
    /// The file that is written ends with what is written next.
    Seal,
    /// The mover hands over so many of the events that wait.
    HandOver { most: usize, fault: Fault },
    /// Calls to the disk fail, counted from now.
    Refuse { from: usize, count: usize, kind: ErrorKind },
    /// The disk does again what it is asked.
    Heal,
    /// The process will die at a call to the disk, counted from now.
    Doom { call: usize, death: Death },
    /// It dies now, and the next one does at a call of its start.
    Die { death: Death, again: Option<usize> },
}

#[derive(Clone, Copy, Debug)]
enum Death {
    Killed,
    PowerLost,
}

/// The machine, and its model.
struct Machine<K> {
    disk: SimDisk,
    segment_bytes_max: u64,
    driven: Driven,
    tail: Tail,
    kept: K,
    /// What must be there, in order.
    events: Vec<Arc<[u8]>>,
    /// Appends that were refused or cut off since the last start: each may be found after the next one.
    unsure: Vec<Vec<Arc<[u8]>>>,
    /// How many events were made.
    made: u64,
    /// How it dies if it does.
    death: Death,
    random: Random,
}

impl<K: Kept> Machine<K> {
    fn new(kept: K, segment_bytes_max: u64, seed: u64) -> Machine<K> {
        let (disk, tail) = (SimDisk::default(), new_tail());
        let driven = Driven::open(&disk, segment_bytes_max, Head::default(), &mut |_| ()).unwrap();
        Machine {
            disk,
            segment_bytes_max,
            driven,
            tail,
            kept,
            events: Vec::new(),
            unsure: Vec::new(),
            made: 0,
            death: Death::Killed,
            random: Random(seed),
        }
    }

    /// Takes a step, and starts anew if that was the end of it.
    fn take(&mut self, step: &Step) {
        match step {
            Step::Commit(sizes) => drop(self.commit(sizes)),
            Step::Seal => self.driven.journal.turn(),
            Step::HandOver { most, fault } => self.hand_over(*most, *fault),
            Step::Refuse { from, count, kind } => self.disk.fail(*from..from + count, *kind),
            Step::Heal => self.disk.fail(0..0, ErrorKind::Other),
            Step::Doom { call, death } => {
                self.disk.die(*call);
                self.death = *death;
            }
            Step::Die { death, again } => self.be_reborn(*death, *again),
        }
        if self.disk.is_dead() {
            self.be_reborn(self.death, None);
        }
        assert_is_log(&self.tail, self.kept.store(), &self.events);
    }

    /// Commits new events as one batch; true when all were acknowledged.
    fn commit(&mut self, sizes: &[usize]) -> bool {
        let appends: Vec<Vec<Arc<[u8]>>> =
            sizes.iter().map(|size| (0..*size).map(|_| self.new_event()).collect()).collect();
        let weight = |append: &Vec<Arc<[u8]>>| append.iter().map(|json| payload_weight(json.len())).sum();
        appends.iter().map(weight).for_each(|bytes| self.tail.claim(bytes));
        let answers = self.driven.commit(&appends);
        let is_acknowledged = answers.iter().all(Result::is_ok);
        for (append, answer) in appends.into_iter().zip(answers) {
            match answer {
                Ok(entries) => {
                    self.tail.push(&entries);
                    self.events.extend(append);
                }
                Err(_) => {
                    self.tail.give_back(weight(&append));
                    self.unsure.push(append);
                }
            }
        }
        is_acknowledged
    }

    fn new_event(&mut self) -> Arc<[u8]> {
        self.made += 1;
        serde_json::to_vec(&event(self.made * MINUTES_BETWEEN)).unwrap().into()
    }

    fn hand_over(&mut self, most: usize, fault: Fault) {
        if self.tail.len() == 0 {
            return;
        }
        let Work::Move(mut entries) = self.tail.next(Duration::ZERO) else {
            panic!("the tail is not closed")
        };
        entries.truncate(most);
        let (tail, store, events) = (&self.tail, self.kept.store(), &self.events);
        let look = || assert_is_log(tail, store, events);
        let (store, damage) = (Watched { store, fault, look: &look }, Mutex::default());
        let handed =
            Way { journal: &self.driven.journal, tail, store: &store, damage: &damage }.hand_over(&entries);
        assert_eq!(handed.is_ok(), fault == Fault::None, "{handed:?}");
        assert!(damage.lock().is_empty(), "{damage:?}");
    }

    /// The process dies, and the next one starts; that may die at a call of its start, and the one after it starts.
    fn be_reborn(&mut self, death: Death, again: Option<usize>) {
        self.disk = match death {
            // What the kernel has dropped is still seen after a kill, and cannot be kept: nobody was told of it.
            Death::Killed if !self.disk.has_lost() => self.disk.after_kill(),
            Death::Killed | Death::PowerLost => self.disk.after_power_cut(&mut self.random),
        };
        self.kept.be_reborn();
        if let Some(call) = again {
            self.disk.die(call);
            self.death = death;
        }
        let head = self.kept.store().head();
        self.tail = new_tail();
        let mut reading = Reading::new(&self.tail, head);
        let opened = Driven::open(&self.disk, self.segment_bytes_max, head, &mut |entry| reading.take(entry));
        let held = reading.held();
        if self.disk.is_dead() {
            return self.be_reborn(death, None);
        }
        self.driven = opened.expect("the disk does what it is asked");
        self.driven.journal.release(held);
        self.tail.set_head(self.driven.head());
        self.take_stock();
    }

    /// What is there now is all that was acknowledged, and then some of what was handed in and not acknowledged: of each
    /// append the first events.
    fn take_stock(&mut self) {
        let found: Vec<Arc<[u8]>> =
            read(&self.tail, self.kept.store()).into_iter().map(|found| found.sealed.json).collect();
        assert!(found.starts_with(&self.events), "{} of {} events", found.len(), self.events.len());
        let mut more = &found[self.events.len()..];
        for append in std::mem::take(&mut self.unsure) {
            let count = append.iter().zip(more).take_while(|(handed_in, found)| handed_in == found).count();
            more = &more[count..];
        }
        assert!(more.is_empty(), "{} events that nobody handed in since the last start", more.len());
        self.events = found;
    }

    /// Everything comes to rest: recorded again at once, all in the store, and the journal lets go of its files.
    fn settle(&mut self) {
        self.disk.fail(0..0, ErrorKind::Other);
        self.be_reborn(Death::PowerLost, None);
        assert!(self.commit(&[1, 2]), "it records again");
        self.driven.journal.turn();
        assert!(self.commit(&[1]));
        self.hand_over(usize::MAX, Fault::None);
        assert_eq!(self.tail.len(), 0);
        self.be_reborn(Death::PowerLost, None);
        assert_eq!((self.tail.len(), self.kept.store().head().sequence), (0, self.events.len() as u64));
        assert_is_log(&self.tail, self.kept.store(), &self.events);
        let segments = self.driven.segments();
        assert!(segments <= 2, "{segments} files of the journal, and the store has everything");
    }
}

/// A reader finds these events and nothing else, each at its place; and the store's tree is that of their leaves.
fn assert_is_log(tail: &Tail, store: &dyn Store, events: &[Arc<[u8]>]) {
    let found = read(tail, store);
    assert_eq!(found.len(), events.len());
    let (stored, mut tree) = (store.head(), Tree::default());
    for ((place, found), json) in (1..).zip(&found).zip(events) {
        assert_eq!(found.sealed, Sealed::at(place, found.sealed.salt, Arc::clone(json)));
        if place <= stored.sequence {
            tree.push(found.sealed.leaf);
        }
        if place == stored.sequence {
            assert_eq!(found.sealed.leaf, stored.leaf);
        }
    }
    assert_eq!(store.tree(), tree);
    assert_eq!(tail.head().sequence, events.len() as u64);
    for json in [events.first(), events.last()].into_iter().flatten() {
        let id = event_of(0, json).unwrap().id;
        let found = read::get(tail, store, id).unwrap();
        assert_eq!(found.map(|found| found.sealed.json), Some(Arc::clone(json)));
    }
}

/// All that a reader finds from the newest on, page by page; oldest first.
fn read(tail: &Tail, store: &dyn Store) -> Vec<Found> {
    let (mut found, mut below) = (Vec::new(), None);
    loop {
        let page = read::query(tail, store, &question(below, PAGE)).unwrap();
        found.extend(page.events);
        below = page.next;
        if below.is_none() {
            found.reverse();
            return found;
        }
    }
}

fn new_tail() -> Tail {
    Tail::new(1 << 20, Duration::ZERO)
}

fn step() -> impl Strategy<Value = Step> {
    let death = || prop_oneof![Just(Death::Killed), Just(Death::PowerLost)];
    let fault = prop_oneof![4 => Just(Fault::None), 1 => Just(Fault::Before), 1 => Just(Fault::Halfway), 1 => Just(Fault::After)];
    let kind =
        prop_oneof![Just(ErrorKind::StorageFull), Just(ErrorKind::Other), Just(ErrorKind::Interrupted)];
    prop_oneof![
        6 => vec(0..4_usize, 0..4).prop_map(Step::Commit),
        1 => Just(Step::Seal),
        4 => (1..9_usize, fault).prop_map(|(most, fault)| Step::HandOver { most, fault }),
        1 => (0..8_usize, 1..4_usize, kind).prop_map(|(from, count, kind)| Step::Refuse { from, count, kind }),
        1 => Just(Step::Heal),
        2 => (0..12_usize, death()).prop_map(|(call, death)| Step::Doom { call, death }),
        1 => (death(), proptest::option::of(0..6_usize)).prop_map(|(death, again)| Step::Die { death, again }),
    ]
}

/// These runs, always the same; or as many others as `EARWITNESS_TEST_RUNS` says, each time different ones.
fn runs(usual: u32) -> ProptestConfig {
    let (cases, rng_seed) = match std::env::var("EARWITNESS_TEST_RUNS") {
        Ok(runs) => (runs.parse().expect("EARWITNESS_TEST_RUNS is a number"), RngSeed::Random),
        Err(_) => (usual, RngSeed::Fixed(1)),
    };
    ProptestConfig { cases, rng_seed, failure_persistence: None, ..ProptestConfig::default() }
}

fn live<K: Kept>(kept: K, steps: &[Step], segment_bytes_max: u64, seed: u64) {
    let mut machine = Machine::new(kept, segment_bytes_max, seed);
    steps.iter().for_each(|step| machine.take(step));
    machine.settle();
}

fn segment_bytes_max() -> impl Strategy<Value = u64> {
    prop_oneof![Just(200_u64), Just(6_000), Just(1 << 20)]
}

proptest! {
    #![proptest_config(runs(60))]

    #[test]
    fn what_was_acknowledged_is_read_once_whatever_fails_or_dies_on_the_way_to_the_store(
        steps in vec(step(), 1..30), segment_bytes_max in segment_bytes_max(), seed in any::<u64>(),
    ) {
        live(Memory::default(), &steps, segment_bytes_max, seed);
    }
}

proptest! {
    #![proptest_config(runs(10))]

    #[test]
    fn what_was_acknowledged_is_read_once_from_sled_too(
        steps in vec(step(), 1..30), segment_bytes_max in segment_bytes_max(), seed in any::<u64>(),
    ) {
        live(Sled::new(), &steps, segment_bytes_max, seed);
    }
}

const PAGE: usize = 7;
/// Some forty events fill a day, and so a partition.
const MINUTES_BETWEEN: u64 = 37;
