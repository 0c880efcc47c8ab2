//! The chain of hashes: each entry names the hash of the one before it, so that an entry changed, removed
//! or put in later shows at its successor. Hashes are over stored bytes; nothing is ever serialised anew to
//! check one (THREATS S10).
//!
//! The hash of an entry is SHA-256 over:
//!
//! | bytes | what |
//! |---|---|
//! | 1 | domain, `0x02`: an event of the chain (RFC 6962 has `0x00` for leaves and `0x01` for nodes) |
//! | 8 | sequence, big-endian |
//! | 32 | hash of the entry before; all zero for the first |
//! | rest | the payload: the event's JSON as stored |
//!
//! Every member but the last has a fixed length, so no two entries share an input.

use std::fmt::Write as _;
use std::sync::Arc;

use sha2::{Digest, Sha256};

/// SHA-256 of an entry, over the bytes named in `store/chain.rs`.
pub type Hash = [u8; 32];

/// An event as it is kept: the bytes that were hashed, and their place in the chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sealed {
    /// From 1, dense.
    pub sequence: u64,
    /// Hash of the entry before; all zero for the first.
    pub previous: Hash,
    /// Hash of this entry.
    pub hash: Hash,
    /// The event's JSON, byte for byte as hashed.
    pub json: Arc<[u8]>,
}

/// The last entry of a chain.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Head {
    /// Its sequence; 0 when empty.
    pub sequence: u64,
    /// Its hash; all zero when empty.
    pub hash: Hash,
}

impl Sealed {
    /// The entry that follows `head` and holds this payload.
    pub fn after(head: Head, json: Arc<[u8]>) -> Sealed {
        let sequence = head.sequence.saturating_add(1);
        Sealed { sequence, previous: head.hash, hash: hash(sequence, &head.hash, &json), json }
    }

    /// The chain that ends with this entry.
    pub fn head(&self) -> Head {
        Head { sequence: self.sequence, hash: self.hash }
    }

    /// The chain that this entry continues.
    pub fn before(&self) -> Head {
        Head { sequence: self.sequence.saturating_sub(1), hash: self.previous }
    }

    /// True when the entry directly continues `head`.
    pub fn continues(&self, head: Head) -> bool {
        self.before() == head
    }
}

/// The hash of an entry: see the module's table.
pub fn hash(sequence: u64, previous: &Hash, payload: &[u8]) -> Hash {
    let mut digest = Sha256::new();
    digest.update([DOMAIN_EVENT]);
    digest.update(sequence.to_be_bytes());
    digest.update(previous);
    digest.update(payload);
    digest.finalize().into()
}

/// A hash as people and other tools write it: 64 digits, in lower case.
pub fn hex(hash: &Hash) -> String {
    hash.iter().fold(String::with_capacity(64), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

const DOMAIN_EVENT: u8 = 0x02;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_covers_exactly_the_documented_bytes() {
        let mut input = vec![2u8, 0, 0, 0, 0, 0, 0, 0, 7];
        input.extend([9u8; 32]);
        input.extend(b"{}");
        let expected: Hash = Sha256::digest(&input).into();
        assert_eq!(hash(7, &[9; 32], b"{}"), expected);
    }

    #[test]
    fn an_entry_continues_only_the_head_it_was_made_after() {
        let first = Sealed::after(Head::default(), Arc::from(&b"a"[..]));
        let second = Sealed::after(first.head(), Arc::from(&b"b"[..]));
        assert_eq!((first.sequence, second.sequence), (1, 2));
        assert!(second.continues(first.head()));
        assert!(!second.continues(Head { sequence: 1, hash: [1; 32] }));
        assert!(!first.continues(first.head()));
    }
}
