//! What shows that the log is whole: its tree, checks of all of it, and proofs about parts; over journal and store as one.

use std::ops::ControlFlow;

use uuid::Uuid;

use super::Log;
use crate::store::{Checked, Ground, Hash, LeafCheck, Looked, Sealed, StoreError, Tree};

impl Log {
    /// Whose log it is, for ever.
    pub fn instance(&self) -> Uuid {
        self.inner.directory.instance
    }

    /// The tree of all that is recorded.
    pub fn tree(&self) -> Tree {
        // The tail first: what the mover takes from it meanwhile, the store has.
        let tail = self.inner.tail.entries();
        Ground::of(&self.inner.store, &tail).tree().clone()
    }

    /// Computes all leaves anew, and the tree of them; compares that with these roots of sizes, each with who tells it,
    /// and with what the store itself noted. `told` hears how many were looked at, and may end it. Blocking.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn check(
        &self,
        known: &[(u64, Hash, &'static str)],
        told: &mut dyn FnMut(u64) -> ControlFlow<()>,
    ) -> Result<Checked, StoreError> {
        let mut check = LeafCheck::forward(self.instance());
        known.iter().for_each(|(size, root, by)| check.know(*size, *root, by));
        let tail = self.inner.tail.entries();
        self.inner.store.check(&mut check, told)?;
        tail.iter().for_each(|entry| check.take_behind(Looked::at(entry)));
        Ok(check.finish())
    }

    /// The root that the tree had when it was of this size; `None` when it was never so large, or when what tells is
    /// gone. Blocking.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn root_at(&self, size: u64) -> Result<Option<Hash>, StoreError> {
        let tail = self.inner.tail.entries();
        Ground::of(&self.inner.store, &tail).root_at(size)
    }

    /// True when that place lies within what a policy removed whole, so that the root there cannot be told.
    pub fn is_purged_at(&self, size: u64) -> bool {
        Ground::of(&self.inner.store, &[]).is_purged_at(size)
    }

    /// The tree as it is now, and the hashes that lead to its root from an entry's leaf; `None` when they are gone.
    /// Blocking.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn inclusion(&self, entry: &Sealed) -> Result<Option<(Tree, Vec<Hash>)>, StoreError> {
        let tail = self.inner.tail.entries();
        let mut ground = Ground::of(&self.inner.store, &tail);
        Ok(ground.inclusion(entry)?.map(|hashes| (ground.tree().clone(), hashes)))
    }

    /// For each part of the log, from its first event to its last, the roots of the largest full subtrees that it is made of;
    /// `None` where they cannot be had. Blocking.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn subtrees(&self, parts: &[(u64, u64)]) -> Result<Vec<Option<Vec<Hash>>>, StoreError> {
        let tail = self.inner.tail.entries();
        let mut ground = Ground::of(&self.inner.store, &tail);
        parts.iter().map(|(first, last)| ground.subtrees(*first, *last)).collect()
    }

    /// The hashes that show the tree of one size to be the beginning of that of another; `None` when they cannot be
    /// had. Blocking.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn consistency(&self, old: u64, new: u64) -> Result<Option<Vec<Hash>>, StoreError> {
        let tail = self.inner.tail.entries();
        Ground::of(&self.inner.store, &tail).consistency(old, new)
    }
}
