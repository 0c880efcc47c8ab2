//! What was counted before a purge, and who still counts while it happens.

use std::sync::Arc;

use super::*;
use crate::store::{Counts, Keyword, Tally};

fn counted(store: &Embedded) -> u64 {
    let facets = vec![Keyword::Result];
    let time_max = Duration::from_secs(20);
    store
        .tally(&Tally { filter: Filter::default(), below: None, facets, pieces: None, time_max })
        .unwrap()
        .total
}

// THREATS S06
#[test]
fn who_counts_while_a_partition_is_written_anew_brings_nothing_back() {
    let directory = tempfile::tempdir().unwrap();
    let store = days_in(directory.path(), 3);
    store.index(&|| false).unwrap();
    assert_eq!(counted(&store), 30);
    let plan = planned(&store, &denied_first(), day(2));
    let purge = prepared(&store, &denied_first(), &plan.partitions[0]);
    store.announce(&purge).unwrap();
    // A reader from before, who ends only after the new partition has taken the place of the old one.
    let notes = store.catalogue.notes();
    let (index, old) = (store.catalogue.index(&notes[0]).unwrap(), Counts { total: 10, ..Counts::default() });
    let mut reader = Some(notes);
    let mut step = |step| {
        if step == Step::Swap {
            let notes = reader.take();
            store.catalogue.indexes.put_whole(1, Arc::new(old.clone()));
            store.catalogue.indexes.put_opened(1, Arc::clone(&index));
            drop(notes);
        }
        Ok(())
    };
    assert!(store.purge_by_steps(&purge, &mut step).unwrap());
    assert!(store.catalogue.indexes.whole(1).is_none() && store.catalogue.indexes.open(1).is_none());
    assert_eq!(counted(&store), 27);
    store.index(&|| false).unwrap();
    assert_eq!(counted(&store), 27);
}

// THREATS S06
#[test]
fn the_old_partition_stays_while_somebody_reads_who_knew_it() {
    let directory = tempfile::tempdir().unwrap();
    let store = days_in(directory.path(), 3);
    let notes = store.catalogue.notes();
    assert!(store.catalogue.replace(1, &mut || Ok(())).unwrap());
    let later = store.catalogue.notes();
    assert!(!store.catalogue.is_forgotten(1));
    drop(notes);
    assert!(store.catalogue.is_forgotten(1));
    drop(later);
}
