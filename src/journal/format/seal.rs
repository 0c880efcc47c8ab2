//! The seal on headers and entries: a keyed hash, so that what another user of the machine puts into a file,
//! checksum and all, is known not to be ours (THREATS S13). Who can read the key can forge; it is kept apart
//! from the data. Pure.
//!
//! HMAC-SHA256, cut to 16 bytes. Its key is HMAC-SHA256 of `EWJOURNL/3` under the installation's key, so that
//! nothing else that this key is used for makes a seal. It is over:
//!
//! | bytes | what |
//! |---|---|
//! | 1 | `h` for a header, `e` for an entry |
//! | 96 | a header: its bytes before the seal |
//! | 8, 1, 8 | an entry: the number of its segment, its kind, the offset at which its write began |
//! | 32 | an event: its leaf, which is over its sequence and its payload, with its salt |
//! | 16, rest | an intent or closing: its id and its body |
//!
//! An event's seal takes two blocks of SHA-256 so, beside the sixty or so of its leaf.

use hmac::{Hmac, Mac as _};
use sha2::Sha256;

use super::entry::{Entry, Place};

/// An installation's seal. Without a key it seals with zeros, and takes any seal for good.
#[derive(Clone)]
pub(in crate::journal) struct Seal {
    keyed: Option<Hmac<Sha256>>,
}

/// The seal for entries of one segment.
#[derive(Clone)]
pub(in crate::journal) struct Stamp {
    keyed: Option<Hmac<Sha256>>,
}

impl Seal {
    pub(in crate::journal) fn new(key: Option<&[u8; 32]>) -> Seal {
        let keyed = |key: &[u8]| Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
        let own = |key: &[u8; 32]| keyed(key).chain_update(b"EWJOURNL/3").finalize().into_bytes();
        Seal { keyed: key.map(|key| keyed(&own(key))) }
    }

    /// The seal for entries of a segment: one from another segment does not fit.
    pub(in crate::journal) fn stamp(&self, number: u64) -> Stamp {
        let keyed = self.keyed.clone().map(|keyed| keyed.chain_update(b"e"));
        Stamp { keyed: keyed.map(|keyed| keyed.chain_update(number.to_be_bytes())) }
    }

    /// The seal of a header.
    pub(in crate::journal) fn of_header(&self, bytes: &[u8]) -> [u8; SEAL_BYTES] {
        let keyed = self.keyed.clone().map(|keyed| keyed.chain_update(b"h").chain_update(bytes));
        keyed.map_or([0; SEAL_BYTES], cut)
    }

    /// True when a header's seal is as it must be.
    pub(in crate::journal) fn fits_header(&self, bytes: &[u8], seal: &[u8]) -> bool {
        self.keyed.is_none() || self.of_header(bytes) == seal
    }
}

impl Stamp {
    /// The seal of an entry.
    pub(in crate::journal) fn of(&self, kind: u8, place: Place, entry: &Entry) -> [u8; SEAL_BYTES] {
        let Some(mut keyed) = self.keyed.clone() else { return [0; SEAL_BYTES] };
        keyed.update(&[kind]);
        keyed.update(&place.write_began.to_be_bytes());
        match entry {
            Entry::Event(sealed) => keyed.update(&sealed.leaf),
            Entry::Intent { id, body } => {
                keyed.update(id.as_bytes());
                keyed.update(body);
            }
            Entry::Closed { id } => keyed.update(id.as_bytes()),
        }
        cut(keyed)
    }

    /// True when an entry's seal is as it must be.
    pub(in crate::journal) fn fits(&self, kind: u8, place: Place, entry: &Entry, seal: &[u8]) -> bool {
        self.keyed.is_none() || self.of(kind, place, entry) == seal
    }
}

fn cut(keyed: Hmac<Sha256>) -> [u8; SEAL_BYTES] {
    let mut seal = [0; SEAL_BYTES];
    seal.copy_from_slice(&keyed.finalize().into_bytes()[..SEAL_BYTES]);
    seal
}

/// Length of a seal.
pub(in crate::journal) const SEAL_BYTES: usize = 16;
