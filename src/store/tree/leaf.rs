//! What a leaf is over. Hashes are over stored bytes; nothing is ever serialised anew to check one (THREATS S10).
//!
//! A leaf is SHA-256 over the event's JSON, in which each personal value is replaced by a commitment to it:
//!
//! | bytes | what |
//! |---|---|
//! | 1 | `0x00`: a leaf (RFC 6962) |
//! | 1 | format of the leaf, 1 (THREATS S05) |
//! | 8 | sequence, big-endian |
//! | 4 | n, how many personal values there are, big-endian |
//! | n times 4, rest, 32 | length of the text up to the value, big-endian; that text; the commitment to the value |
//! | 4, rest | length of the text behind the last value; that text |
//!
//! Which values are personal is said in `places.rs`. The commitment to the i-th, from 0, is SHA-256 over `0x02`, its
//! salt (16 bytes) and the value's bytes as they stand in the JSON. Its salt is the first half, for an even i, or the
//! second half of SHA-256 over `0x03`, the entry's salt (16 bytes), and i / 2 in 4 bytes, big-endian. The entry's salt
//! is random: so a leaf, which proofs about other entries show, cannot be guessed from what might stand in it
//! (THREATS S09); and a value can be taken out for good, its salt with it, while the leaf stays as it is: see
//! `erased.rs` for what is kept then.

use std::ops::Range;

use sha2::{Digest, Sha256};

use super::super::sealed::{Hash, Salt};
use super::places;

/// The leaf of an entry: see the module's table.
pub(in crate::store) fn of(sequence: u64, salt: &Salt, json: &[u8]) -> Hash {
    let mut pair = Hash::default();
    over(sequence, json, &places::of(json), |index, value| {
        if index.is_multiple_of(2) {
            pair = pair_of_salts(salt, index);
        }
        commitment(own_of(&pair, index), value)
    })
}

/// The leaf over commitments that somebody else knows how to make: of the i-th value, whose bytes are given.
pub(super) fn over(
    sequence: u64,
    json: &[u8],
    places: &[Range<usize>],
    mut commitment: impl FnMut(usize, &[u8]) -> Hash,
) -> Hash {
    let mut bytes = Vec::with_capacity(HEAD_BYTES + json.len() + places.len() * 36 + 4);
    bytes.extend_from_slice(&[DOMAIN_LEAF, FORMAT]);
    bytes.extend_from_slice(&sequence.to_be_bytes());
    bytes.extend_from_slice(&length(places.len()));
    let mut from = 0;
    for (index, place) in places.iter().enumerate() {
        push_text(&mut bytes, &json[from..place.start]);
        bytes.extend_from_slice(&commitment(index, &json[place.clone()]));
        from = place.end;
    }
    push_text(&mut bytes, &json[from..]);
    Sha256::digest(&bytes).into()
}

/// The salt of the i-th value of an entry.
pub(super) fn salt_of(salt: &Salt, index: usize) -> Salt {
    own_of(&pair_of_salts(salt, index), index).try_into().unwrap_or_default()
}

/// The leaf of a place whose entry was lost, so that nobody knows what its leaf was: SHA-256 over `0x00`, `0x00` and
/// the sequence in 8 bytes, big-endian. No entry has format 0.
pub(in crate::store) fn lost(sequence: u64) -> Hash {
    let mut bytes = [0; 10];
    bytes[2..].copy_from_slice(&sequence.to_be_bytes());
    Sha256::digest(bytes).into()
}

/// The commitment to a value, by the salt that is its own.
pub(super) fn commitment(salt: &[u8], value: &[u8]) -> Hash {
    let mut digest = Sha256::new();
    // One piece where it is short, as most are: each piece costs as much as what it hashes.
    if value.len() <= SHORT_BYTES {
        let mut bytes = [0; 1 + SALT_BYTES + SHORT_BYTES];
        bytes[0] = DOMAIN_VALUE;
        bytes[1..=SALT_BYTES].copy_from_slice(salt);
        bytes[1 + SALT_BYTES..][..value.len()].copy_from_slice(value);
        digest.update(&bytes[..1 + SALT_BYTES + value.len()]);
    } else {
        digest.update([DOMAIN_VALUE]);
        digest.update(salt);
        digest.update(value);
    }
    digest.finalize().into()
}

fn pair_of_salts(salt: &Salt, index: usize) -> Hash {
    let mut bytes = [0; 1 + SALT_BYTES + 4];
    bytes[0] = DOMAIN_SALT;
    bytes[1..=SALT_BYTES].copy_from_slice(salt);
    bytes[1 + SALT_BYTES..].copy_from_slice(&length(index / 2));
    Sha256::digest(bytes).into()
}

/// Which half of a pair is the i-th value's.
fn own_of(pair: &Hash, index: usize) -> &[u8] {
    let (even, odd) = pair.split_at(SALT_BYTES);
    if index.is_multiple_of(2) { even } else { odd }
}

fn push_text(bytes: &mut Vec<u8>, text: &[u8]) {
    bytes.extend_from_slice(&length(text.len()));
    bytes.extend_from_slice(text);
}

/// An entry is at most 16 MiB, so that each of its lengths fits.
fn length(value: usize) -> [u8; 4] {
    u32::try_from(value).unwrap_or(u32::MAX).to_be_bytes()
}

const DOMAIN_LEAF: u8 = 0x00;
const DOMAIN_VALUE: u8 = 0x02;
const DOMAIN_SALT: u8 = 0x03;
const FORMAT: u8 = 1;
const SALT_BYTES: usize = 16;
const HEAD_BYTES: usize = 14;
const SHORT_BYTES: usize = 47;

#[cfg(test)]
mod tests {
    use super::*;

    fn sha(parts: &[&[u8]]) -> Hash {
        Sha256::digest(parts.concat()).into()
    }

    #[test]
    fn a_leaf_is_over_exactly_the_documented_bytes() {
        let salt = [9; 16];
        let long = "x".repeat(100);
        let json = format!("{{\"format\":1,\"title\":\"A\",\"reason\":{{}},\"error\":\"{long}\",\"z\":0}}");
        let (first, second) = (sha(&[&[3], &salt, &[0; 4]]), sha(&[&[3], &salt, &[0, 0, 0, 1]]));
        let expected = sha(&[
            &[0, 1, 0, 0, 0, 0, 0, 0, 0, 7, 0, 0, 0, 3],
            &[0, 0, 0, 20],
            b"{\"format\":1,\"title\":",
            &sha(&[&[2], &first[..16], b"\"A\""]),
            &[0, 0, 0, 10],
            b",\"reason\":",
            &sha(&[&[2], &first[16..], b"{}"]),
            &[0, 0, 0, 9],
            b",\"error\":",
            &sha(&[&[2], &second[..16], format!("\"{long}\"").as_bytes()]),
            &[0, 0, 0, 7],
            b",\"z\":0}",
        ]);
        assert_eq!(of(7, &salt, json.as_bytes()), expected);
        assert_eq!(
            of(7, &salt, b"odd"),
            sha(&[&[0, 1, 0, 0, 0, 0, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0, 3], b"odd"])
        );
        assert_eq!(lost(7), sha(&[&[0, 0, 0, 0, 0, 0, 0, 0, 0, 7]]));
    }

    // THREATS S01, S05
    #[test]
    fn every_byte_of_an_entry_is_in_its_leaf() {
        let entry = &crate::store::fixture::sealed(crate::store::Head::default(), 5..=5)[0];
        for at in 0..entry.json.len() {
            let mut json = entry.json.to_vec();
            json[at] ^= 1;
            assert_ne!(of(1, &entry.salt, &json), entry.leaf, "byte {at}");
        }
        for at in 0..16 {
            let mut salt = entry.salt;
            salt[at] ^= 1;
            assert_ne!(of(1, &salt, &entry.json), entry.leaf, "salt {at}");
        }
        assert_ne!(of(2, &entry.salt, &entry.json), entry.leaf);
    }

    // THREATS S09
    #[test]
    fn a_leaf_without_its_salt_tells_nothing_that_can_be_tried_out() {
        let json = |mail: &str| format!("{{\"actor\":{{\"email\":\"{mail}\"}}}}");
        let leaf = of(1, &[5; 16], json("anna@example.org").as_bytes());
        for mail in ["anna@example.org", "bob@example.org"] {
            for salt in [[0; 16], [1; 16], [0xff; 16]] {
                assert_ne!(of(1, &salt, json(mail).as_bytes()), leaf);
            }
        }
    }
}
