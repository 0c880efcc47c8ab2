//! Finding one event by its id, without an index: ids rise with time, which nearly rises with sequences.

use uuid::Uuid;

use super::super::catalogue::Catalogue;
use super::super::partition::block::id_ms;
use super::super::partition::note::Note;
use super::super::partition::{Partition, Trouble, decoded, guarded, label};
use crate::store::{Found, StoreError, event_of};

/// The event of an id. Its time narrows the search: blocks near it first, then every block whose span of
/// id times holds it, which is exact whatever clocks did.
pub(in crate::store::embedded) fn get(catalogue: &Catalogue, id: Uuid) -> Result<Option<Found>, StoreError> {
    let time = id_ms(id);
    for note in catalogue.notes().iter().rev() {
        if !note.ids.is_some_and(|ids| ids.holds(time)) {
            continue;
        }
        let partition = catalogue.open(note.first)?;
        let found = guarded(|| find(&partition, note, id)).and_then(|result| result);
        if let Some(found) = found.map_err(|trouble| catalogue.refuse(note.first, trouble))? {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

fn find(partition: &Partition, note: &Note, id: Uuid) -> Result<Option<Found>, Trouble> {
    let near = near(partition, note, id_ms(id))?;
    let window = NEAR_BLOCKS * NEAR_EVENTS;
    let (from, to) = (near.saturating_sub(window), near.saturating_add(window));
    if let Some(found) = find_between(partition, from, to, id)? {
        return Ok(Some(found));
    }
    find_between(partition, note.first, u64::MAX, id)
}

/// About where an id of that time would be if ids rose with sequences, which they nearly do.
fn near(partition: &Partition, note: &Note, time: u64) -> Result<u64, Trouble> {
    let (mut low, mut high) = (note.first, note.head().sequence);
    while low < high {
        let middle = low + (high - low) / 2;
        let Some(pair) = partition.blocks_below(middle + 1).next() else { break };
        let (first, value) = pair?;
        let label = label(&value)?;
        if label.ids.max < time {
            low = first.saturating_add(u64::from(label.count)).max(low + 1);
        } else {
            high = first.min(middle);
        }
    }
    Ok(low)
}

fn find_between(partition: &Partition, from: u64, to: u64, id: Uuid) -> Result<Option<Found>, Trouble> {
    for pair in partition.blocks_from(from) {
        let (first, value) = pair?;
        if first > to {
            break;
        }
        if !label(&value)?.ids.holds(id_ms(id)) {
            continue;
        }
        let block = decoded(first, &value)?;
        let place = block.events().find(|(_, facts, _)| facts.id == id).map(|(sequence, _, _)| sequence);
        if let Some(sealed) = place.and_then(|place| block.entry(place)) {
            return Ok(event_of(sealed.sequence, &sealed.json).map(|event| Found { sealed, event }));
        }
    }
    Ok(None)
}

/// How far around the guess an id is looked for before everything is.
const NEAR_BLOCKS: u64 = 32;
const NEAR_EVENTS: u64 = 16;
