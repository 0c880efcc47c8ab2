//! An entry of the log as it is kept: its place, its bytes, and the leaf of the tree that they make. See
//! [`super::tree`] for what a leaf is over.

use std::sync::Arc;

use super::tree::erased::{self, Piece};
use super::tree::leaf;

/// A SHA-256.
pub type Hash = [u8; 32];

/// What makes the commitments to an entry's personal values: random, and given away only with the entry.
pub type Salt = [u8; 16];

/// An event as it is kept: the bytes that its leaf is over, and its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sealed {
    /// From 1, dense: the leaf's index in the tree, and one.
    pub sequence: u64,
    /// See [`Salt`]; all zero where `pieces` stands in its place.
    pub salt: Salt,
    /// What is known of each personal value, where some were erased.
    pub pieces: Option<Arc<[Piece]>>,
    /// The hash that stands for it in the tree.
    pub leaf: Hash,
    /// The event's JSON, byte for byte as hashed; empty when it was removed by a policy and only its leaf is kept.
    pub json: Arc<[u8]>,
}

/// The last entry of a log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Head {
    /// Its sequence; 0 when empty.
    pub sequence: u64,
    /// Its leaf; all zero when empty.
    pub leaf: Hash,
}

impl Sealed {
    /// The entry that follows `head` and holds this payload.
    pub fn after(head: Head, salt: Salt, json: Arc<[u8]>) -> Sealed {
        Sealed::at(head.sequence.saturating_add(1), salt, json)
    }

    /// The entry at a place that holds this payload.
    pub fn at(sequence: u64, salt: Salt, json: Arc<[u8]>) -> Sealed {
        Sealed { sequence, salt, pieces: None, leaf: leaf::of(sequence, &salt, &json), json }
    }

    /// What is left of an entry that a policy removed: the tree still verifies with it.
    pub fn removed(sequence: u64, leaf: Hash) -> Sealed {
        Sealed { sequence, salt: Salt::default(), pieces: None, leaf, json: Arc::default() }
    }

    /// The entry at a place of which values were erased. Where its pieces do not fit what is there, its leaf is none of
    /// this log: all zero.
    pub fn in_pieces(sequence: u64, pieces: Arc<[Piece]>, json: Arc<[u8]>) -> Sealed {
        let leaf = erased::leaf_of(sequence, &pieces, &json).unwrap_or_default();
        Sealed { sequence, salt: Salt::default(), pieces: Some(pieces), leaf, json }
    }

    /// The same entry with its leaf computed anew.
    pub(super) fn computed(&self) -> Sealed {
        match &self.pieces {
            Some(pieces) => Sealed::in_pieces(self.sequence, Arc::clone(pieces), Arc::clone(&self.json)),
            None => Sealed::at(self.sequence, self.salt, Arc::clone(&self.json)),
        }
    }

    /// How many of its values were erased.
    pub fn erased_count(&self) -> u64 {
        self.pieces.iter().flat_map(|pieces| pieces.iter()).filter(|piece| piece.is_erased()).count() as u64
    }

    /// True when only the leaf is left of it.
    pub fn is_removed(&self) -> bool {
        self.json.is_empty()
    }

    /// The log that ends with this entry.
    pub fn head(&self) -> Head {
        Head { sequence: self.sequence, leaf: self.leaf }
    }

    /// True when the entry's place is the next one behind `head`.
    pub fn continues(&self, head: Head) -> bool {
        head.sequence.checked_add(1) == Some(self.sequence)
    }
}

/// Bytes as people and other tools write them: in hexadecimal, in lower case.
pub fn hex(bytes: &[u8]) -> String {
    let digit = |digit: u8| char::from(b"0123456789abcdef"[usize::from(digit)]);
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        text.push(digit(byte >> 4));
        text.push(digit(byte & 15));
    }
    text
}

/// The bytes that [`hex`] wrote; `None` for another length, capitals, or anything else.
pub fn unhex<const N: usize>(text: &[u8]) -> Option<[u8; N]> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let mut bytes = [0; N];
    if text.len() != 2 * N {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(text.chunks_exact(2)) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_continues_only_the_head_it_was_made_after() {
        let first = Sealed::after(Head::default(), [1; 16], Arc::from(&b"a"[..]));
        let second = Sealed::after(first.head(), [2; 16], Arc::from(&b"b"[..]));
        assert_eq!((first.sequence, second.sequence), (1, 2));
        assert!(second.continues(first.head()) && !first.continues(first.head()));
        let end = Head { sequence: u64::MAX, ..Head::default() };
        assert!(!first.continues(end) && !Sealed::removed(0, [0; 32]).continues(end));
    }

    #[test]
    fn hexadecimal_is_read_only_as_it_is_written() {
        assert_eq!(unhex(hex(&[0, 0xab, 0xff]).as_bytes()), Some([0, 0xab, 0xff]));
        for odd in ["00abf", "00abfg", "00ABFF", "00abff0", "+0abff", ""] {
            assert_eq!(unhex::<3>(odd.as_bytes()), None, "{odd}");
        }
    }
}
