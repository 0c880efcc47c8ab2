//! The file `tiles` beside the partitions: of each full subtree of 256 leaves, its root, 32 bytes each, in order. So a
//! proof reads the events of one such subtree and no others, and the tree stays known where events were removed by a
//! policy. It takes an eighth of a byte an event.
//!
//! What it lacks is computed anew from the events, as far as they are there. Nothing is believed because it stands in
//! this file: a proof that it makes is tried against the root before it is given away.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

use crate::store::sealed::Hash;

/// The file, open.
pub(in crate::store::embedded) struct Tiles(File);

impl Tiles {
    /// Opens it, made if it is not there.
    pub(in crate::store::embedded) fn open(directory: &Path) -> io::Result<Tiles> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false).mode(0o600);
        options.open(directory.join("tiles")).map(Tiles)
    }

    /// Writes these, by their index, and waits until they are on the disk.
    pub(in crate::store::embedded) fn put(&self, tiles: &[(u64, Hash)]) -> io::Result<()> {
        for (index, tile) in tiles {
            self.0.write_all_at(tile, index.saturating_mul(TILE_BYTES))?;
        }
        if tiles.is_empty() { Ok(()) } else { self.0.sync_data() }
    }

    /// The one of this index; `None` when it is not there.
    pub(in crate::store::embedded) fn at(&self, index: u64) -> Option<Hash> {
        self.range(index, 1)?.pop()
    }

    /// So many from an index on, with one read; `None` when one of them is not there.
    pub(in crate::store::embedded) fn range(&self, from: u64, count: usize) -> Option<Vec<Hash>> {
        let mut tiles = vec![Hash::default(); count];
        self.0.read_exact_at(tiles.as_flattened_mut(), from.checked_mul(TILE_BYTES)?).ok()?;
        // A hole in the file reads as zeros, and no subtree has that hash.
        (!tiles.contains(&Hash::default())).then_some(tiles)
    }
}

const TILE_BYTES: u64 = 32;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tile_is_read_as_written_and_what_is_not_there_is_missing() {
        let folder = tempfile::tempdir().unwrap();
        let tiles = Tiles::open(folder.path()).unwrap();
        tiles.put(&[(0, [1; 32]), (2, [3; 32])]).unwrap();
        drop(tiles);
        let tiles = Tiles::open(folder.path()).unwrap();
        let found = [0, 1, 2, 3, u64::MAX].map(|index| tiles.at(index).map(|tile| tile[0]));
        assert_eq!(found, [Some(1), None, Some(3), None, None]);
        assert_eq!(tiles.range(0, 2), None);
        tiles.put(&[(1, [2; 32])]).unwrap();
        assert_eq!(tiles.range(0, 3), Some(vec![[1; 32], [2; 32], [3; 32]]));
        assert_eq!((tiles.range(1, 2), tiles.range(1, 3)), (Some(vec![[2; 32], [3; 32]]), None));
    }
}
