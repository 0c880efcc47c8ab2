//! The check of a whole store, from its first entry on: blocks are undone and hashed on all cores, while this thread reads
//! what is next and puts what was hashed into the tree.

use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::thread;

use super::super::catalogue::Catalogue;
use super::super::partition::note::Note;
use super::super::partition::{Pair, Partition, Trouble, decoded, guarded};
use crate::store::StoreError;
use crate::store::check::{Going, Gone, LeafCheck, Looked};

/// Takes all entries of a store. `told` hears after each piece how many were taken, and may end it.
///
/// # Errors
/// When a partition cannot be read.
pub(in crate::store::embedded) fn check(
    catalogue: &Catalogue,
    check: &mut LeafCheck,
    told: &mut dyn FnMut(u64) -> ControlFlow<()>,
) -> Result<(), StoreError> {
    let (notes, mut purged) = (catalogue.notes(), catalogue.purged());
    // One that is purged between the two lists is in both. As this reader has it, it can still be read.
    notes.iter().for_each(|note| drop(purged.remove(&note.first)));
    for note in notes.iter() {
        check.know(note.head().sequence, note.tree().root(), "the store's note");
    }
    let mut all: Vec<&Note> = notes.iter().chain(purged.values().map(|purged| &purged.note)).collect();
    all.sort_unstable_by_key(|note| note.first);
    for note in all {
        if purged.contains_key(&note.first) {
            let gone = Gone::whole(note.first, note.head().sequence);
            check.pass(gone, &note.tree_before(), note.tree());
            continue;
        }
        check.enter(&note.tree_before());
        let partition = catalogue.open(note.first)?;
        match walk(&partition, note, catalogue, check, told) {
            Ok(ControlFlow::Continue(())) => {}
            Ok(ControlFlow::Break(())) => return Ok(()),
            Err(trouble) => return Err(catalogue.refuse(note.first, trouble)),
        }
    }
    Ok(())
}

fn walk(
    partition: &Partition,
    note: &Note,
    catalogue: &Catalogue,
    check: &mut LeafCheck,
    told: &mut dyn FnMut(u64) -> ControlFlow<()>,
) -> Result<ControlFlow<()>, Trouble> {
    let mut blocks = guarded(|| partition.blocks_from(note.first))?;
    let mut next = || guarded(|| blocks.by_ref().take(PIECE_BLOCKS).collect::<Result<Vec<Pair>, Trouble>>())?;
    let (mut taken, mut going) = (note.first - 1, Going::default());
    // One more than there are cores, so that none waits for this thread.
    let ahead_max = thread::available_parallelism().map_or(1, usize::from) + 1;
    thread::scope(|scope| {
        let mut ahead = VecDeque::new();
        loop {
            while ahead.len() < ahead_max {
                let piece = next()?;
                if piece.is_empty() {
                    break;
                }
                ahead.push_back(scope.spawn(move || looked_at(&piece)));
            }
            let Some(piece) = ahead.pop_front() else { break };
            // Decoding does not panic; should it, what it did not look at is told as unreadable.
            for looked in piece.join().unwrap_or_else(|_| vec![None]) {
                taken += 1;
                // Its own place: a block that cannot be read is one that was looked at, and up to 64 places.
                looked
                    .as_ref()
                    .and_then(Looked::removed)
                    .into_iter()
                    .for_each(|sequence| going.take(sequence));
                check.take(looked);
                check.compare_tile(|index| catalogue.tiles.at(index));
            }
            if told(taken).is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        check.find_gone(going.of(note.first, note.head().sequence));
        Ok(ControlFlow::Continue(()))
    })
}

/// The entries of these blocks, in order; one that cannot be read for each block that cannot be.
fn looked_at(blocks: &[Pair]) -> Vec<Option<Looked>> {
    let mut all = Vec::with_capacity(blocks.len() * EVENTS_USUAL);
    blocks.iter().for_each(|block| all.extend(look_at(block)));
    all
}

fn look_at((first, value): &Pair) -> Vec<Option<Looked>> {
    let Ok(block) = decoded(*first, value) else { return vec![None] };
    let look = |sequence: u64| {
        let entry = block.entry(sequence)?;
        // Its leaf was computed just now, so that only its mark can show that it was another.
        Some(Looked::sound(&entry, block.is_as_marked(&entry)))
    };
    (*first..=block.last()).map(look).collect()
}

/// Some four thousand events: a few hundredths of a second's work, and a few megabytes.
const PIECE_BLOCKS: usize = 128;
/// In a block that is packed.
const EVENTS_USUAL: usize = 32;
