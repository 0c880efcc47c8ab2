//! What whole partitions count: kept beside their indexes, and believed only where it is of these events.

use super::super::{kept_whole, whole};
use super::*;

fn counted(directory: &Path) -> Counts {
    let store = Embedded::open_with(directory, Uuid::from_u128(1), 70).unwrap();
    let (facets, pieces) = (vec![Keyword::Result], None);
    let (filter, time_max) = (Filter::default(), Duration::from_secs(60));
    store.tally(&Tally { filter, below: None, facets, pieces, time_max }).unwrap()
}

fn results(counts: &Counts) -> u64 {
    counts.facets[0].all().map(|(_, count)| count).sum()
}

#[test]
fn what_a_partition_counts_is_kept_with_its_index_and_believed_where_it_is_of_these_events() {
    let directory = tempfile::tempdir().unwrap();
    drop(store(directory.path()));
    let path = |first: u64| directory.path().join(format!("{first:020}"));
    let file = |first: u64| path(first).join("index").join("counts");
    assert_eq!([1, 71, 141].map(|first| file(first).exists()), [true, true, false]);
    let right = all().len() as u64;
    let check = |what: &str, expected: u64| {
        let counts = counted(directory.path());
        assert_eq!((counts.total, results(&counts)), (expected, right), "{what}");
    };
    check("as it was kept", right);
    // It is read, and nothing counted: so what it says is what is told.
    let store = Embedded::open_with(directory.path(), Uuid::from_u128(1), 70).unwrap();
    let note = store.catalogue.notes()[0].clone();
    let kept = kept_whole(&path(1), &note).unwrap();
    whole::keep(&path(1), &note, &Counts { total: kept.total + 1_000, ..kept.clone() });
    drop(store);
    check("another total", right + 1_000);
    let other = fs::read(file(71)).unwrap();
    fs::write(file(1), &other).unwrap();
    check("that of another partition", right);
    fs::write(file(1), &other[..other.len() / 2]).unwrap();
    check("half of it", right);
    fs::remove_file(file(1)).unwrap();
    check("nothing", right);
    // An index that was finished before there were counts gets them.
    let store = Embedded::open_with(directory.path(), Uuid::from_u128(1), 70).unwrap();
    store.index(&|| false).unwrap();
    let found = kept_whole(&path(1), &note).unwrap();
    assert_eq!((found.total, results(&found), found.pieces), (kept.total, results(&kept), kept.pieces));
}
