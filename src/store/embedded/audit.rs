//! The check of a whole store, from its first entry on: blocks are undone and hashed on all cores, a piece at a time.

use std::ops::ControlFlow;
use std::thread;

use super::catalogue::Catalogue;
use super::note::Note;
use super::partition::{Pair, Partition, Trouble, decoded, guarded};
use crate::store::StoreError;
use crate::store::check::{Going, Gone, LeafCheck, Looked};

/// Takes all entries of a store. `told` hears after each piece how many were taken, and may end it.
///
/// # Errors
/// When a partition cannot be read.
pub(super) fn check(
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
    let (mut taken, mut going) = (note.first - 1, Going::default());
    loop {
        let piece = guarded(|| blocks.by_ref().take(PIECE_BLOCKS).collect::<Result<Vec<Pair>, Trouble>>())??;
        if piece.is_empty() {
            check.find_gone(going.of(note.first, note.head().sequence));
            return Ok(ControlFlow::Continue(()));
        }
        for looked in looked_at(&piece) {
            taken += 1;
            // Its own place: a block that cannot be read is one that was looked at, and up to 64 places.
            looked.as_ref().and_then(Looked::removed).into_iter().for_each(|sequence| going.take(sequence));
            check.take(looked);
            check.compare_tile(|index| catalogue.tiles.at(index));
        }
        if told(taken).is_break() {
            return Ok(ControlFlow::Break(()));
        }
    }
}

/// The entries of these blocks, in order; one that cannot be read for each block that cannot be.
fn looked_at(blocks: &[Pair]) -> Vec<Option<Looked>> {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let share = blocks.len().div_ceil(cores).max(1);
    thread::scope(|scope| {
        let parts: Vec<_> = blocks
            .chunks(share)
            .map(|part| scope.spawn(|| part.iter().flat_map(look_at).collect::<Vec<Option<Looked>>>()))
            .collect();
        // Decoding does not panic; should it, what it did not look at is told as unreadable.
        parts.into_iter().flat_map(|part| part.join().unwrap_or_else(|_| vec![None])).collect()
    })
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

const PIECE_BLOCKS: usize = 512;
