//! The salts of entries: random, from the system, and in blocks, because a system call for each event would cost more
//! than its checksum. No salt is given twice.

use std::vec::Drain;

use super::JournalError;
use crate::store::Salt;

/// A source of salts.
#[derive(Debug, Default)]
pub(super) struct Salts {
    left: Vec<Salt>,
}

impl Salts {
    /// So many that nobody has; all or none.
    pub(super) fn take(&mut self, count: usize) -> Result<Drain<'_, Salt>, JournalError> {
        if self.left.len() < count {
            let mut block = vec![Salt::default(); count.max(BLOCK_SALTS)];
            let filled = getrandom::fill(block.as_flattened_mut());
            filled.map_err(|error| JournalError::NoSalt(error.to_string()))?;
            self.left = block;
        }
        Ok(self.left.drain(self.left.len() - count..))
    }
}

/// 1 KiB in one call.
const BLOCK_SALTS: usize = 64;

#[cfg(test)]
mod tests {
    use super::{BLOCK_SALTS, Salts};

    #[test]
    fn no_salt_is_given_twice() {
        let mut salts = Salts::default();
        let counts = [1, 0, BLOCK_SALTS, 3, 2 * BLOCK_SALTS, 1];
        let mut taken = Vec::new();
        for count in counts {
            taken.extend(salts.take(count).unwrap());
        }
        let wanted: usize = counts.iter().sum();
        assert_eq!(taken.len(), wanted);
        taken.sort_unstable();
        taken.dedup();
        assert_eq!(taken.len(), wanted);
    }
}
