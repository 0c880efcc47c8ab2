//! What shows that the events of an export are in the log that was signed for: a checkpoint of the log as it was when the
//! export began, and for the events that it leaves out the hashes above them. Blocking, but for its beginning.

use std::io;
use std::sync::Arc;

use crate::export::{Between, Cover, Proof, Signed};
use crate::store::{Hash, Sealed, hex};

use super::super::listener::state::{AskError, State};
use super::super::log::proofs::Notary;

/// An export that is proven.
pub(super) struct Proving {
    notary: Arc<dyn Notary>,
    /// How many events the log had.
    pub(super) size: u64,
    pub(super) signed: Signed,
    cover: Cover,
}

impl Proving {
    /// Of the log as it is now; `None` where nothing is to be proven, or nobody signs.
    pub(super) async fn begin(state: &State, proof: Proof) -> Result<Option<Proving>, AskError> {
        let notary = match proof {
            Proof::Yes => state.notary(),
            Proof::No => None,
        };
        let Some(notary) = notary else { return Ok(None) };
        let asked = Arc::clone(&notary);
        let (size, signed) = state
            .ask(move |_, _| {
                let tree = asked.tree();
                let (checkpoint, keys) = (asked.checkpoint(&tree), asked.keys()?);
                Ok((tree.size(), Signed { checkpoint, keys }))
            })
            .await?;
        Ok(Some(Proving { notary, size, signed, cover: Cover::of(size) }))
    }

    /// What is left out before these events, in their order. Where the hashes are gone there is nothing, and who checks
    /// the file finds that out.
    pub(super) fn before(&mut self, events: &[Sealed]) -> io::Result<Vec<Between>> {
        let parts = events.iter().filter_map(|sealed| self.cover.pass(sealed.sequence));
        let parts: Vec<(u64, u64)> = parts.collect();
        self.betweens(&parts)
    }

    /// What is left out behind the last event.
    pub(super) fn rest(self) -> io::Result<Vec<Between>> {
        let parts: Vec<(u64, u64)> = self.cover.rest().into_iter().collect();
        self.betweens(&parts)
    }

    fn betweens(&self, parts: &[(u64, u64)]) -> io::Result<Vec<Between>> {
        if parts.is_empty() {
            return Ok(Vec::new());
        }
        let found = self.notary.subtrees(parts).map_err(io::Error::other)?;
        let between = |((first, last), hashes): (&(u64, u64), Option<Vec<Hash>>)| {
            let hashes = hashes?.iter().map(|hash| hex(hash)).collect();
            Some(Between { first: *first, last: *last, hashes })
        };
        Ok(parts.iter().zip(found).filter_map(between).collect())
    }
}
